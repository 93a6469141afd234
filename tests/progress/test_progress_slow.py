"""The progress of a real workflow: in a pipe, on a terminal that is resized and interrupted, watched, broken. Slow: trainings."""

import os
import re
import signal
import sys
from pathlib import Path

import pytest
from staleness import SMALL
from terminals import terminal
from waiting import wait_until
from workflow import Workflow

EPOCHS = 50_000  # it never ends by itself
SHOWN = ("--logger", "convnets")
LONG = {**SMALL, "training": {**SMALL["training"], "epochs": EPOCHS}, "variants": {"conv2": SMALL["variants"]["conv2"]}}
LONG |= {"comparisons": {}, "claims": {}, "memory": None, "replicates": None}
HIDDEN_CURSOR, OTHER_SCREEN = "\x1b[?25l", "\x1b[?1049h"
RUN = "results/runs/conv2/seed1/stamp.json"


@pytest.fixture
def workflow(tmp_path: Path, real_batches: Path) -> Workflow:
    return Workflow(tmp_path / "project", real_batches, SMALL)


def test_in_a_pipe_each_event_is_a_line(workflow: Workflow) -> None:
    done = workflow.snakemake(*SHOWN)
    assert done.returncode == 0, done.stderr
    lines = [line[9:] for line in done.stderr.splitlines() if re.match(r"\d\d:\d\d:\d\d ", line)]
    assert len(done.stderr.splitlines()) <= 40
    assert re.fullmatch(r"to make: 4 runs and \d+ other steps", lines[0])
    for variant in SMALL["variants"]:
        assert f"training {variant}/seed1" in lines
        assert any(re.fullmatch(rf"finished {variant}/seed1: validation 0\.\d+, test 0\.\d+; \d+ (s|min)", line) for line in lines)
    assert any(re.fullmatch(r"made     plot_comparison/depth in \d+ (s|min)", line) for line in lines)
    assert re.fullmatch(r"all is made, in .*: 4 of 4 runs, (\d+) of \1 other steps; see .*/report/overview.html", lines[-1])
    for log in (workflow.folder / "logs" / "train_variant").rglob("*.log"):
        assert all(re.match(r"\d\d:\d\d:\d\d ", line) for line in log.read_text().splitlines()), log.read_text()
    (log,) = (workflow.folder / ".snakemake" / "log").iterdir()
    assert "rule train_variant:" in log.read_text()
    watched = workflow.script("watch_workflow")
    assert (watched.returncode, watched.stderr.splitlines()[-1][9:]) == (0, "every step is fresh")
    workflow.config["comparisons"]["depth"]["title"] = "Another title"
    again = workflow.snakemake(*SHOWN).stderr
    assert re.search(r"made     plot_comparison/depth in \d+ (s|min) \(setting comparison\.title", again), again
    assert "nothing to do: all that was asked for is fresh" in workflow.snakemake(*SHOWN).stderr


def test_on_a_terminal_an_interrupt_leaves_it_sound_and_the_next_call_goes_on(workflow: Workflow) -> None:
    """The same training is watched from another terminal, whose interrupt ends the watch alone."""
    workflow.config = LONG
    command = workflow.command(*SHOWN, "--", RUN)
    watching = [sys.executable, "scripts/watch_workflow.py", *workflow.configfiles()]
    with terminal(command, workflow.folder, workflow.environment) as first:
        wait_until(
            lambda: re.search(r"conv2/seed1 .*epoch +[4-9]\d*/50000 ", first.text()), "it shows epochs", process=first.process
        )
        first.resize(140, 40)
        wait_until(
            lambda: re.search(r"━ epoch +\d+/50000 validation loss", first.text()), "there is room for a bar", process=first.process
        )
        with terminal(watching, workflow.folder, workflow.environment) as second:
            wait_until(
                lambda: re.search(r"conv2/seed1 .*epoch +\d+/50000 ", second.text()), "it is watched", process=second.process
            )
            os.killpg(second.process.pid, signal.SIGINT)
            assert second.wait() == 0, second.written()
        assert first.process.poll() is None
        os.killpg(first.process.pid, signal.SIGINT)
        assert first.wait() == 1
        text, codes = first.text(), first.written()
    assert re.search(r"stopped +conv2/seed1 after epoch \d+", text)
    assert text.rstrip().endswith("the same command goes on from there")
    assert HIDDEN_CURSOR not in codes
    assert OTHER_SCREEN not in codes
    with terminal(command, workflow.folder, workflow.environment) as again:
        wait_until(lambda: re.search(r"resumed +conv2/seed1 after epoch \d+", again.text()), "it goes on", process=again.process)


@pytest.mark.parametrize(
    ("file", "broken"),
    [
        ("events.py", ("    def lines(", "    def lines_no_more(")),
        ("board.py", ("class Board:", "class Board: 1 / 0  # noqa\n\n\nclass NoBoard:")),
        ("trainings.py", ("    def read(self)", "    def read_no_more(self)")),
    ],
)
def test_a_broken_display_stops_no_run(file: str, broken: tuple[str, str], workflow: Workflow) -> None:
    workflow.config = {**LONG, "training": {**LONG["training"], "epochs": 2}}
    workflow.edit(f"scripts/convnets/progress/{file}", *broken)
    with terminal(workflow.command(*SHOWN, "--", RUN), workflow.folder, workflow.environment) as shown:
        assert shown.wait() == 0, shown.written()
        assert re.search("progress is no longer shown|the state cannot be read", shown.written())
    assert (workflow.folder / RUN).is_file()
