"""What tests of batch systems share: the tiny workflow, submitted through a shipped profile, and the same made on this machine."""

import copy
import fcntl
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from conftest import ROOT
from staleness import SMALL, audited
from standstill import stand_still
from trainings import assert_same
from waiting import SECONDS, wait_until
from workflow import Workflow

from convnets.runs import unfinished
from convnets.runs.layout import Layout, run_of

EPOCHS = 150
# Two variants from two seeds: four trainings, to be disturbed in four ways.
FOUR: dict[str, Any] = {
    **SMALL,
    "seeds": [1, 2],
    "training": {**SMALL["training"], "epochs": EPOCHS},
    "variants": {name: {**SMALL["variants"][name], "epochs": EPOCHS} for name in ("conv2", "conv2_1x1")},
    "comparisons": {"head": SMALL["comparisons"]["head"]},
}
# The runs and their tracking are all that a disturbance can spoil, so most tests ask for no figure and no table; one with each
# profile does.
RUNS_ALONE: dict[str, Any] = {**FOUR, "comparisons": {}}
TWO_RUNS: dict[str, Any] = {**RUNS_ALONE, "seeds": [1]}
TWO_TO_THE_END: dict[str, Any] = {**FOUR, "seeds": [1]}  # to every figure and table
PUBLISHED = "results/tracking/published.json"
# In place of a training that takes more memory than it asks for: in its first attempt, it takes 2 GB after its third epoch, and as
# many addresses as it may, up to 20 GB. Where they are refused, so is what the training asks for next; else it stands still, to be
# ended by the batch system. Python executes this when it starts.
GROWING = """
import mmap, os, pathlib, signal, sys, threading, time

def refuse(*_):
    raise MemoryError

def grow(folder):
    while not any(int(path.stem[-6:]) >= 3 for path in folder.glob("checkpoint-*.npz")):
        time.sleep(0.01)
    taken = []
    try:
        taken += [b"1" * 100_000_000 for _ in range(20)]
        while len(taken) < 200:
            taken.append(mmap.mmap(-1, 100_000_000))
    except (MemoryError, OSError):
        os.kill(os.getpid(), signal.SIGUSR1)
    else:
        os.kill(os.getpid(), signal.SIGSTOP)

is_it = any("/train_variant-" + {name!r} + "-" in argument for argument in sys.orig_argv)
if is_it and dict(zip(sys.orig_argv, sys.orig_argv[1:])).get("--attempt") == "1":
    signal.signal(signal.SIGUSR1, refuse)
    threading.Thread(target=grow, args=[pathlib.Path({folder!r})], daemon=True).start()
"""


class Submitted(Workflow):
    """The project in a folder of its own, whose trainings a batch system runs."""

    def __init__(self, folder: Path, batches: Path, config: dict[str, Any], environment: Mapping[str, str], *options: str) -> None:
        super().__init__(folder, batches, copy.deepcopy(config))
        self.environment.update(environment)
        self.options = options
        self._processes: list[subprocess.Popen[bytes]] = []

    def command(self, *arguments: str) -> list[str]:
        program = [sys.executable, str(ROOT / "tests" / "support" / "asking_often.py")]
        return [*program, "--configfile", *self.configfiles(), *self.options, *arguments]

    def submit(self, *arguments: str) -> "subprocess.Popen[bytes]":
        """Start Snakemake as a shell does in a terminal, and let it go on."""

        def answer_interrupts() -> None:  # even where the tests themselves run in the background
            signal.signal(signal.SIGINT, signal.SIG_DFL)

        with (self.folder / "output.txt").open("ab") as output:
            command = self.command(*arguments)
            process = subprocess.Popen(
                command,
                cwd=self.folder,
                env=self.environment,
                stdout=output,
                stderr=output,
                preexec_fn=answer_interrupts,
                process_group=0,
            )
        self._processes.append(process)
        return process

    def interrupt(self, process: "subprocess.Popen[bytes]") -> None:
        """Press Ctrl-C, which reaches whatever Snakemake has started too, and wait for its end."""
        os.killpg(process.pid, signal.SIGINT)
        assert process.wait(timeout=SECONDS) == 1, self.output()

    def end(self) -> None:
        """End whatever Snakemake a test that failed has left: it would submit its jobs again."""
        for process in self._processes:
            process.kill()
            process.wait()

    def output(self) -> str:
        return (self.folder / "output.txt").read_text()

    def finish(self, process: "subprocess.Popen[bytes]") -> None:
        assert process.wait(timeout=900) == 0, self.output()

    def log(self, name: str) -> str:
        path = self.folder / "logs" / "train_variant" / "{}/{}.log".format(*name.rsplit("-", 1))
        with suppress(FileNotFoundError):  # Snakemake removes it before it tries again
            return path.read_text()
        return ""

    def let_grow(self, name: str) -> None:
        """Let a training take more memory than it asks for, in its first attempt."""
        text = GROWING.format(name=name, folder=str(self.results("unfinished", name)))
        with (self.folder / "scripts" / "stage.py").open("a") as stage:  # every script imports it first
            stage.write(text)

    def hold(self, process: "subprocess.Popen[bytes]", *others: str) -> tuple[str, int]:
        """Stop the next training that has reached its third epoch, other than these; return its name and process."""
        passed: set[str] = set(others)
        found: list[tuple[str, int]] = []

        def is_held() -> bool:
            assert process.poll() is None, self.output()
            for folder in self.results("unfinished").glob("*-seed*"):
                if folder.name not in passed and newest_checkpoint(folder) >= 3 and unfinished.is_held(folder):
                    try:
                        process_id = int((folder / "lock").read_text().split()[1])
                        stand_still(process_id)
                    except (FileNotFoundError, ProcessLookupError, IndexError):  # it has just ended, or not yet said who it is
                        continue
                    if 3 <= newest_checkpoint(folder) < EPOCHS:
                        found.append((folder.name, process_id))
                        return True
                    os.kill(process_id, signal.SIGCONT)
                    passed.add(folder.name)
            return False

        wait_until(is_held, "a training has reached its third epoch", pause=0.02)
        return found[0]

    def jobs_of(self, name: str) -> list[str]:
        """Return the ids of a training's jobs, in the order in which Snakemake says that cluster-generic has submitted them."""
        variant, seed = name.rsplit("-seed", 1)
        wildcards = rf"wildcards: variant={variant}, seed={seed}\n"
        (own,) = set(re.findall(rf"^    jobid: (\d+)\n(?:    .*\n)*?    {wildcards}", self.output(), re.MULTILINE))
        return re.findall(rf"^Submitted job {own} with external jobid '(\d+)'", self.output(), re.MULTILINE)


def newest_checkpoint(folder: Path) -> int:
    """Return the epoch of a training's newest checkpoint, or 0."""
    with suppress(FileNotFoundError):  # the folder is removed meanwhile
        return max((int(path.stem[-6:]) for path in folder.glob("checkpoint-*.npz")), default=0)
    return 0


def assert_finished(workflow: Submitted, local: Path, *targets: str) -> None:
    """Check that what was asked for and the store are whole, and the runs those of a local call, bit for bit."""
    runs = Layout(workflow.results()).runs()
    assert len(runs) == len(workflow.config["variants"]) * len(workflow.config["seeds"])
    for run in runs:
        assert_same(run, Layout(local).run(*run_of(run)))
    assert not list(workflow.results("unfinished").iterdir())
    assert workflow.planned(*targets) == set()
    audited(workflow)


Submit = Callable[..., Submitted]


@pytest.fixture
def submitted(tmp_path: Path, real_batches: Path) -> Iterator[Submit]:
    """Return what makes a project that a batch system runs, of a configuration, an environment and options."""
    made: list[Submitted] = []

    def make(config: dict[str, Any], environment: Mapping[str, str], *options: str) -> Submitted:
        made.append(Submitted(tmp_path / "project", real_batches, config, environment, *options))
        return made[-1]

    yield make
    for workflow in made:
        workflow.end()


@pytest.fixture(scope="session")
def local(tmp_path_factory: pytest.TempPathFactory, real_batches: Path) -> Path:
    """Return the results of the same trainings without a batch system; made by one of the processes that test, for all."""
    folder = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        folder = folder.parent
    project, made = folder / "local", folder / "local" / "made"
    with (folder / "local.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not made.exists():
            shutil.rmtree(project, ignore_errors=True)
            Submitted(project, real_batches, FOUR, {}, "--cores", "2").run("--until", "train_variant")
            made.touch()
    return project / FOUR["pathvars"]["results"]
