"""Real batch systems of one machine, private to the test that starts them: Slurm without an accounting database, and Grid Engine.

Each needs root and Debian's packages; where one cannot be had, the test is skipped and says so.
"""

import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from servers import free_port
from waiting import wait_until

SECONDS = 60  # until a daemon must be up
CONFIGURATION = """
ClusterName=tests
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={controller_port}
SlurmdPort={node_port}
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket,cred_expire=30
CredType=cred/munge
CryptoType=crypto/munge
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
ProctrackType=proctrack/pgid
TaskPlugin=task/none
SwitchType=switch/none
MpiDefault=none
ReturnToService=2
SchedulerType=sched/backfill
SchedulerParameters=sched_min_interval=500000,sched_interval=2
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU_Memory
AccountingStorageType=accounting_storage/none
# Memory is watched by polling, since control groups are not to be had everywhere; the limit of an ordinary cluster works alike.
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=1
JobAcctGatherParams=OverMemoryKill
KillWait=1
MessageTimeout=20
UnkillableStepTimeout=600
MinJobAge=300
GresTypes=gpu
# More than the machine may have, so that a job which a test lets stand still keeps no place from the others.
SlurmdParameters=config_overrides
NodeName={host} NodeAddr=127.0.0.1 CPUs=8 RealMemory=16000 Gres=gpu:1 State=UNKNOWN
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
PartitionName=tests Nodes={host} Default=YES MaxTime=INFINITE PriorityTier=1 State=UP
PartitionName=urgent Nodes={host} MaxTime=INFINITE PriorityTier=2 State=UP
"""


def require(name: str, *programs: str) -> None:
    """Skip the test, loudly, where a batch system cannot be had."""
    missing = [program for program in programs if shutil.which(program) is None]
    if missing:
        pytest.skip(f"NOT TESTED: {name}, since there is no {', '.join(missing)} (.ci/run names the packages)")
    if os.geteuid() != 0:
        pytest.skip(f"NOT TESTED: {name}, since its daemons are started as root")


def runs(process_id: int) -> bool:
    """Return whether a process runs; one that has ended may stay listed where nobody asks for its status."""
    try:
        return Path("/proc", str(process_id), "stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


class BatchSystem:
    """What users call, and what their calls and jobs need in their environment."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self.folder, self.environment = folder, environment

    def call(self, *command: str, check: bool = True) -> str:
        environment = {**os.environ, **self.environment, "PATH": os.environ["PATH"]}  # without what wraps programs for jobs
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        assert not check or done.returncode == 0, done.stdout + done.stderr
        return done.stdout


class Slurm(BatchSystem):
    """A Slurm of one node: its daemons."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, {"SLURM_CONF": str(folder / "slurm.conf")})
        self._daemons: dict[str, subprocess.Popen[bytes]] = {}
        for name in ("state", "spool"):
            (folder / name).mkdir()
        host = os.uname().nodename.split(".")[0]
        ports = {"controller_port": free_port(), "node_port": free_port()}
        text = CONFIGURATION.format(host=host, folder=folder, **ports)
        (folder / "slurm.conf").write_text(text)
        # Who asks for jobs gives up soon, since a test waits for that; all else has the time that it takes on a busy machine.
        (folder / "asking.conf").write_text(text.replace("MessageTimeout=20", "MessageTimeout=3"))
        (folder / "device").touch()
        (folder / "gres.conf").write_text(f"NodeName={host} Name=gpu File={folder}/device\n")
        (folder / "munge.key").write_bytes(os.urandom(1024))
        (folder / "munge.key").chmod(0o400)
        # The executor takes all of Slurm's variables from its inner srun, SLURM_CONF too, which there is in /etc on a cluster.
        self._wrap("srun", f'SLURM_CONF={folder}/slurm.conf exec {shutil.which("srun")} "$@"')
        asking = f'SLURM_CONF={folder}/asking.conf {shutil.which("squeue")} "$@"'
        self._wrap("squeue", f"{asking} || {{ echo failed >> {folder}/squeue.failed; exit 1; }}")
        self.environment["PATH"] = f"{folder}/bin{os.pathsep}{os.environ['PATH']}"

    def _wrap(self, program: str, command: str) -> None:
        path = self.folder / "bin" / program
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"#!/bin/sh\n{command}\n")
        path.chmod(0o755)

    def failed_questions(self) -> int:
        """Return how often somebody has asked for jobs and got no answer."""
        path = self.folder / "squeue.failed"
        return len(path.read_text().split()) if path.exists() else 0

    def _start(self, name: str, *command: str | Path) -> None:
        with (self.folder / f"{name}.out").open("ab") as log:
            environment = {**os.environ, **self.environment}
            self._daemons[name] = subprocess.Popen(list(map(str, command)), stdout=log, stderr=log, env=environment)

    def start(self) -> None:
        paths = {f"--{name}-file": self.folder / f"munge.{name}" for name in ("key", "pid", "log", "seed")}
        paths["--socket"] = self.folder / "munge.socket"
        self._start("munged", "munged", "--foreground", "--force", *(f"{option}={path}" for option, path in paths.items()))
        wait_until((self.folder / "munge.socket").exists, "munged")
        self.start_controller()
        self._start("slurmd", "slurmd", "-D", "-f", self.folder / "slurm.conf")
        wait_until(lambda: "idle" in self.call("sinfo", "--noheader", "--format", "%T", check=False), "slurmd")

    def start_controller(self) -> None:
        self._start("slurmctld", "slurmctld", "-D", "-f", self.folder / "slurm.conf")
        wait_until(lambda: "UP" in self.call("scontrol", "ping", check=False), "slurmctld")

    def kill_controller(self) -> None:
        """End the controller as a crash does, once it has saved its state, which takes it seconds; jobs go on."""
        asked, saved = time.time(), self.folder / "state" / "job_state"
        self.call("sbatch", "--hold", "--output", "/dev/null", "--wrap", "true")  # so that there is something new to save
        wait_until(lambda: saved.exists() and saved.stat().st_mtime > asked, "slurmctld has saved its state")
        self._daemons["slurmctld"].kill()
        self._daemons["slurmctld"].wait()

    def preempt_all(self) -> None:
        """Submit a job that takes the whole node, and precedence."""
        self.call("sbatch", "--partition", "urgent", "--exclusive", "--output", "/dev/null", "--wrap", "sleep 1")

    def fail_node(self) -> None:
        """Let the node fail, in the controller's eyes, and come back."""
        host = os.uname().nodename.split(".")[0]
        self.call("scontrol", "update", f"NodeName={host}", "State=DOWN", "Reason=test")
        wait_until(lambda: "R" not in self.call("squeue", "--noheader", "--format", "%t").split(), "no job runs")
        self.call("scontrol", "update", f"NodeName={host}", "State=RESUME", check=False)  # it may have come back by itself

    def cancel_all(self) -> None:
        """Cancel all jobs and wait for their end."""
        self.call("scancel", "--user", "root")
        wait_until(lambda: not self.call("squeue", "--noheader").strip(), "all jobs have ended")

    def clean(self) -> None:
        """Cancel the jobs of a test, even of one that failed while a job stood still or the controller was away."""
        if self._daemons["slurmctld"].poll() is not None:
            self.start_controller()
        self.cancel_all()

    def stop(self) -> None:
        """Cancel all jobs, unless the daemons have not even started, and end those."""
        with suppress(AssertionError):
            self.cancel_all()
        for name in reversed(self._daemons):
            self._daemons[name].send_signal(signal.SIGTERM)
            try:
                self._daemons[name].wait(timeout=30)
            except subprocess.TimeoutExpired:
                self._daemons[name].kill()


@contextmanager
def slurm(folder: Path) -> Iterator[Slurm]:
    """Run a Slurm of one node whose files are in this folder."""
    require("Slurm", "munged", "slurmctld", "slurmd", "sbatch", "squeue", "scancel")
    cluster = Slurm(folder)
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.stop()


SPOOL_PROGRAMS = Path("/usr/lib/gridengine")
SHARED = Path("/var/lib/gridengine")
BOOTSTRAP = """\
admin_user              none
default_domain          none
ignore_fqdn             true
spooling_method         berkeleydb
spooling_lib            libspoolb
spooling_params         {folder}/spool/db
binary_path             /usr/sbin
qmaster_spool_dir       {folder}/spool/qmaster
security_mode           none
listener_threads        2
worker_threads          2
scheduler_threads       1
"""


class GridEngine(BatchSystem):
    """A Grid Engine of one host: its daemons."""

    def __init__(self, folder: Path) -> None:
        ports = {"SGE_QMASTER_PORT": str(free_port()), "SGE_EXECD_PORT": str(free_port())}
        super().__init__(folder, {"SGE_ROOT": str(folder), "SGE_CELL": "default", **ports})
        self.host = os.uname().nodename
        common = folder / "default" / "common"
        for path in (common, folder / "spool" / "qmaster" / "job_scripts", folder / "spool" / "db", folder / "spool" / "execd"):
            path.mkdir(parents=True)
        for name in ("bin", "lib", "util", "utilbin"):
            (folder / name).symlink_to(SHARED / name)
        (common / "bootstrap").write_text(BOOTSTRAP.format(folder=folder))
        (common / "act_qmaster").write_text(f"{self.host}\n")
        (common / "host_aliases").write_text(f"{self.host} localhost\n")

    def start(self) -> None:
        shared = Path("/usr/share/gridengine")
        configuration = self.folder / "configuration"
        text = (shared / "default-configuration").read_text()
        text = re.sub(r"(?m)^(execd_spool_dir\s+).*$", rf"\g<1>{self.folder}/spool/execd", text)
        text = re.sub(r"(?m)^(min_uid|min_gid)(\s+).*$", r"\1\g<2>0", text)
        # The ends of jobs are written down at once: a master that is killed loses those that it has only noted.
        configuration.write_text(re.sub(r"(?m)^(reporting_params\s+)", r"\1accounting_flush_time=00:00:00 ", text))
        self.call(str(SPOOL_PROGRAMS / "spoolinit"), "berkeleydb", "libspoolb", f"{self.folder}/spool/db", "init")
        defaults = str(SPOOL_PROGRAMS / "spooldefaults")
        self.call(defaults, "configuration", str(configuration))
        self.call(defaults, "complexes", str(shared / "util" / "resources" / "centry"))
        self.call(defaults, "usersets", str(shared / "util" / "resources" / "usersets"))
        self.call(defaults, "managers", "root")
        self.start_master()
        self.call("qconf", "-as", self.host)
        self.call("sge_execd")
        wait_until(lambda: self.host in self.call("qconf", "-sel", check=False), "sge_execd")
        self._edit({"slots": "999", "allocation_rule": "$pe_slots"}, "-ap", "smp")
        self._edit({"schedule_interval": "0:0:2", "flush_submit_sec": "1", "flush_finish_sec": "1"}, "-msconf")
        # The scratch folders of jobs bear their ids and are removed with them: those of another cluster must not be beside them.
        scratch = self.folder / "scratch"
        scratch.mkdir()
        queue = {"hostlist": self.host, "slots": "8", "load_thresholds": "NONE", "pe_list": "smp", "tmpdir": str(scratch)}
        self._edit(queue, "-aq", "tests")

    def start_master(self) -> None:
        self.call("sge_qmaster")
        wait_until(lambda: self.host in self.call("qconf", "-sh", check=False), "sge_qmaster")

    def kill_master(self) -> None:
        """End the master as a crash does; jobs go on."""
        process_id = int((self.folder / "spool" / "qmaster" / "qmaster.pid").read_text())
        os.kill(process_id, signal.SIGKILL)
        wait_until(lambda: not runs(process_id), "sge_qmaster has ended")

    def _edit(self, values: dict[str, str], *arguments: str) -> None:
        """Let an editor without a user fill in a form of Grid Engine's, whose only other way is to give every value of it."""
        editor = self.folder / "editor"
        commands = " ".join(f"-e 's|^\\({name}  *\\).*|\\1{value}|'" for name, value in values.items())
        # It takes a form whose time stamp, in seconds, is the same for not edited.
        editor.write_text(f'#!/bin/sh\nsleep 1\nexec sed -i {commands} "$1"\n')
        editor.chmod(0o755)
        self.call("env", f"EDITOR={editor}", "qconf", *arguments)

    def clean(self) -> None:
        """Delete the jobs of a test, even of one that failed while a job stood still or the master was away."""
        if self.host not in self.call("qconf", "-sh", check=False):
            self.start_master()
        self.call("qdel", "-u", "*", check=False)  # fails where there is none
        wait_until(lambda: not self.call("qstat", "-u", "*").strip(), "all jobs have ended")

    def stop(self) -> None:
        """Delete all jobs and end the daemons."""
        self.call("qdel", "-f", "-u", "*", check=False)
        process_ids = [int(path.read_text()) for path in self.folder.glob("spool/**/*.pid")]
        self.call("qconf", "-kej", self.host, check=False)
        self.call("qconf", "-km", check=False)
        wait_until(lambda: not any(map(runs, process_ids)), "the daemons have ended")


@contextmanager
def grid_engine(folder: Path) -> Iterator[GridEngine]:
    """Run a Grid Engine of one host whose files are in this folder."""
    require("Grid Engine", "sge_qmaster", "sge_execd", "qsub", "qconf")
    cluster = GridEngine(folder)
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.stop()
