"""Real batch systems of one machine, private to the test that starts them: Slurm without an accounting database, and Grid Engine.

Each needs root and Debian's packages; where one cannot be had, the test is skipped and says so.
"""

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from servers import free_port

SECONDS = 60  # until a daemon must be up
CONFIGURATION = """
ClusterName=tests
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={controller_port}
SlurmdPort={node_port}
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
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
KillWait=5
MinJobAge=300
GresTypes=gpu
NodeName={host} NodeAddr=127.0.0.1 CPUs={processors} RealMemory=6000 Gres=gpu:1 State=UNKNOWN
PartitionName=tests Nodes={host} Default=YES MaxTime=INFINITE State=UP
"""


def until(condition: Callable[[], bool], what: str, seconds: float = SECONDS) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"{what}: not within {seconds} s"
        time.sleep(0.2)


def require(name: str, *programs: str) -> None:
    """Skip the test, loudly, where a batch system cannot be had."""
    missing = [program for program in programs if shutil.which(program) is None]
    if missing:
        pytest.skip(f"NOT TESTED: {name}, since there is no {', '.join(missing)} (.ci/run names the packages)")
    if os.geteuid() != 0:
        pytest.skip(f"NOT TESTED: {name}, since its daemons are started as root")


class Slurm:
    """A Slurm of one node: its daemons, and what users call."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.environment = {"SLURM_CONF": str(folder / "slurm.conf")}
        self._daemons: dict[str, subprocess.Popen[bytes]] = {}
        for name in ("state", "spool"):
            (folder / name).mkdir()
        host = os.uname().nodename.split(".")[0]
        ports = {"controller_port": free_port(), "node_port": free_port()}
        text = CONFIGURATION.format(host=host, folder=folder, processors=os.cpu_count(), **ports)
        (folder / "slurm.conf").write_text(text)
        (folder / "device").touch()
        (folder / "gres.conf").write_text(f"NodeName={host} Name=gpu File={folder}/device\n")
        (folder / "munge.key").write_bytes(os.urandom(1024))
        (folder / "munge.key").chmod(0o400)
        # The executor takes all of Slurm's variables from its inner srun, SLURM_CONF too, which there is in /etc on a cluster.
        (folder / "bin").mkdir()
        (folder / "bin" / "srun").write_text(f'#!/bin/sh\nSLURM_CONF={folder}/slurm.conf exec {shutil.which("srun")} "$@"\n')
        (folder / "bin" / "srun").chmod(0o755)
        self.environment["PATH"] = f"{folder}/bin{os.pathsep}{os.environ['PATH']}"

    def _start(self, name: str, *command: str | Path) -> None:
        with (self.folder / f"{name}.out").open("ab") as log:
            environment = {**os.environ, **self.environment}
            self._daemons[name] = subprocess.Popen(list(map(str, command)), stdout=log, stderr=log, env=environment)

    def start(self) -> None:
        paths = {f"--{name}-file": self.folder / f"munge.{name}" for name in ("key", "pid", "log", "seed")}
        paths["--socket"] = self.folder / "munge.socket"
        self._start("munged", "munged", "--foreground", "--force", *(f"{option}={path}" for option, path in paths.items()))
        until((self.folder / "munge.socket").exists, "munged")
        self.start_controller()
        self._start("slurmd", "slurmd", "-D", "-f", self.folder / "slurm.conf")
        until(lambda: "idle" in self.call("sinfo", "--noheader", "--format", "%T", check=False), "slurmd")

    def start_controller(self) -> None:
        self._start("slurmctld", "slurmctld", "-D", "-f", self.folder / "slurm.conf")
        until(lambda: "UP" in self.call("scontrol", "ping", check=False), "slurmctld")

    def kill_controller(self) -> None:
        """End the controller as a crash does; jobs go on."""
        self._daemons["slurmctld"].kill()
        self._daemons["slurmctld"].wait()

    def stop(self) -> None:
        """Cancel all jobs and end the daemons."""
        self.call("scancel", "--user", "root", check=False)
        with_jobs = lambda: self.call("squeue", "--noheader", "--states", "running,completing", check=False)  # noqa: E731
        until(lambda: not with_jobs().strip(), "jobs have ended")
        for name in reversed(self._daemons):
            self._daemons[name].send_signal(signal.SIGTERM)
            try:
                self._daemons[name].wait(timeout=30)
            except subprocess.TimeoutExpired:
                self._daemons[name].kill()

    def call(self, *command: str, check: bool = True) -> str:
        environment = {**os.environ, **self.environment}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        assert not check or done.returncode == 0, done.stdout + done.stderr
        return done.stdout


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
