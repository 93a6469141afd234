"""What tests of batch systems share: the tiny workflow, submitted through a shipped profile, and the same made on this machine."""

import copy
import csv
import os
import re
import signal
import subprocess
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from staleness import SMALL, audited
from waiting import wait_until
from workflow import Workflow

EPOCHS = 150
CONFIG: dict[str, Any] = {
    **SMALL,
    "training": {**SMALL["training"], "epochs": EPOCHS},
    "variants": {name: {**variant, "epochs": EPOCHS} for name, variant in SMALL["variants"].items()},
}
# The two variants that everything else of the configuration needs: for tests in which each training is disturbed.
TWO: dict[str, Any] = {
    **CONFIG,
    "variants": {name: CONFIG["variants"][name] for name in ("conv2", "conv2_1x1")},
    "comparisons": {"head": CONFIG["comparisons"]["head"]},
}


class Submitted(Workflow):
    """The project in a folder of its own, whose trainings a batch system runs."""

    def __init__(self, folder: Path, batches: Path, config: dict[str, Any], environment: Mapping[str, str], *options: str) -> None:
        super().__init__(folder, batches, copy.deepcopy(config))
        self.environment.update(environment)
        self.options = options
        self._processes: list[subprocess.Popen[bytes]] = []

    def command(self, *arguments: str) -> list[str]:
        local = super().command()
        cores = local.index("--cores")
        return [*local[:cores], *local[cores + 2 :], *self.options, *arguments]

    def submit(self, *arguments: str) -> "subprocess.Popen[bytes]":
        """Start Snakemake, and let it go on. An interrupt reaches it even where the tests themselves run in the background."""

        def answer_interrupts() -> None:
            signal.signal(signal.SIGINT, signal.SIG_DFL)

        with (self.folder / "output.txt").open("ab") as output:
            command = self.command(*arguments)
            process = subprocess.Popen(
                command, cwd=self.folder, env=self.environment, stdout=output, stderr=output, preexec_fn=answer_interrupts
            )
        self._processes.append(process)
        return process

    def end(self) -> None:
        """End whatever Snakemake a test that failed has left: it would submit its jobs again."""
        for process in self._processes:
            process.kill()
            process.wait()

    def output(self) -> str:
        return (self.folder / "output.txt").read_text()

    def finish(self, process: "subprocess.Popen[bytes]") -> None:
        assert process.wait(timeout=900) == 0, self.output()

    def log(self, variant: str) -> str:
        path = self.folder / "logs" / "train_variant" / variant / "seed1.log"
        return path.read_text() if path.exists() else ""

    def hold(self, process: "subprocess.Popen[bytes]", *others: str) -> tuple[str, int]:
        """Stop the next training that has reached its third epoch, other than these; return its variant and process."""
        found: list[str] = []

        def is_there() -> bool:
            assert process.poll() is None, self.output()
            for path in self.results("unfinished").glob("*-seed1/checkpoint-*.npz"):
                variant = path.parent.name.removesuffix("-seed1")
                if variant not in others and int(path.stem[-6:]) >= 3:
                    found.append(variant)
            return bool(found)

        wait_until(is_there, "a training has reached its third epoch", pause=0.02)
        pid = int(self.results("unfinished", f"{found[0]}-seed1", "lock").read_text().split()[1])
        os.kill(pid, signal.SIGSTOP)
        return found[0], pid

    def job_of(self, variant: str) -> str:
        """Return the id of the last job of a variant that was submitted to cluster-generic, as Snakemake says it."""
        blocks = re.findall(r"^    jobid: (\d+)\n(?:    .*\n)*?    wildcards: variant=(\w+), seed=1\n", self.output(), re.MULTILINE)
        (own,) = {number for number, name in blocks if name == variant}
        return re.findall(rf"^Submitted job {own} with external jobid '(\d+)'", self.output(), re.MULTILINE)[-1]

    def outcome(self) -> dict[str, tuple[list[list[str]], list[np.ndarray]]]:
        """Return each run's history without its seconds, and its weights."""
        import keras

        outcomes = {}
        for folder in self.results("runs").glob("*/seed1"):
            with (folder / "history.csv").open(newline="") as file:
                rows = [row[:-1] for row in csv.reader(file)]
            outcomes[folder.parent.name] = rows, keras.models.load_model(folder / "model.keras").get_weights()
        return outcomes


def assert_finished(workflow: Submitted, local: Submitted) -> None:
    """Check that results and store are whole, and the runs those of a local call, bit for bit."""
    expected, found = local.outcome(), workflow.outcome()
    assert found.keys() == workflow.config["variants"].keys()
    for variant, (rows, weights) in found.items():
        assert rows == expected[variant][0]
        for first, second in zip(weights, expected[variant][1], strict=True):
            np.testing.assert_array_equal(first, second)
    assert not list(workflow.results("unfinished").iterdir())
    assert workflow.planned() == set()
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


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory, real_batches: Path) -> Submitted:
    """Return the same trainings, made on this machine without a batch system."""
    made = Submitted(tmp_path_factory.mktemp("local") / "project", real_batches, CONFIG, {}, "--cores", "2")
    made.run("--until", "train_variant")
    return made
