"""A real Slurm of one machine, without an accounting database, private to the test that starts it."""

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from clusters import BatchSystem, require
from servers import free_port
from waiting import wait_until

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
