"""Each benchmark of the docs, in its smallest size: it runs to its end and prints what it measures. Slow: minutes."""

import os
import subprocess
import sys
from pathlib import Path

import documented
import pytest
from conftest import ROOT
from workflow import CONFIG, Workflow

# By what the docs name: the options of the smallest size, and what is printed. DATA is a small prepared data set.
BENCHMARKS = {
    "compare_training.py throughput": (["--rounds", "1", "--dataset", "DATA"], "throughput, float32 over plain float32: median"),
    "compare_training.py step": (
        ["--rounds", "1", "--steps", "20", "--dataset", "DATA"],
        "step, share of the float32 peak: median",
    ),
    "profile_step.py": (["--precision", "float32", "--dataset", "DATA"], "operations in all"),
    "measure_phases.py": (["--epochs", "1", "--results", "RESULTS"], "peak memory:"),
    "simulate_errors.py": (["--studies", "20", "--output", "/dev/null"], "heavy-tailed, 20 seeds, one more run:"),
    "compare_tracking.py": (["--rounds", "1", "--epochs", "2", "--dataset", "DATA"], "wall time, server over untracked: median"),
}
# Minutes at the least, so they are run by hand: whole workflows on both sides, copies of the project, a clone that is set up.
TOO_LONG = {"compare_training.py workflow", "measure_scale.py", "measure_first_figure.py"}


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory, real_batches: Path) -> Path:
    """The results of a project that has prepared a small data set and no more."""
    overlay = {"dataset": {"subset": {"train": 640, "validation": 128, "test": 128}}}
    workflow = Workflow(tmp_path_factory.mktemp("prepared"), real_batches, CONFIG, overlay)
    workflow.run("--", "results/data/manifest.json")
    return workflow.results()


def test_every_benchmark_of_the_docs_is_here() -> None:
    commands = documented.commands() - {*documented.HERE}
    named = {command.split("benchmarks/")[1] for command in commands if "benchmarks/" in command}
    known = (*BENCHMARKS, *TOO_LONG)
    assert [command for command in sorted(named) if not command.startswith(known)] == []
    assert [name for name in known if not any(command.startswith(name) for command in named)] == []


@pytest.mark.parametrize("name", BENCHMARKS)
def test_it_measures_in_its_smallest_size(name: str, prepared: Path) -> None:
    options, printed = BENCHMARKS[name]
    places = {"DATA": prepared / "data" / "dataset.npz", "RESULTS": prepared}
    arguments = [str(places.get(option, option)) for option in options]
    script, *what = name.split()
    command = [sys.executable, ROOT / "benchmarks" / script, *what, *arguments]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "scripts")}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert printed in done.stdout
