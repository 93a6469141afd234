"""Watching a workflow by its files alone."""

import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from under_way import begin, held, steps
from waiting import SECONDS

from convnets.freshness import stamps
from convnets.progress.board import Terminal
from convnets.progress.trainings import Forecast
from convnets.progress.watching import Watch
from convnets.runs import unfinished
from convnets.runs.layout import run_of
from convnets.workflow import planning
from convnets.workflow.steps import Steps

__all__ = ["steps"]

RUN, KEY = "mlp100/seed1", "train_variant/mlp100/seed1"


def lines(watch: Watch) -> list[tuple[str, str]]:
    return [(line.kind, line.text) for line in watch.look()]


def make(steps: Steps, key: str) -> None:
    """Make the outputs and the stamp of a step."""
    step = steps[key]
    for file in step.files:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("{}")
    with stamps.stamping(step.stamp, step.components, [], step.files):
        pass


def test_what_begins_stops_goes_on_and_ends_is_a_line_each(steps: Steps) -> None:
    watch = Watch(steps)
    assert lines(watch) == []
    assert watch.board().others == ["nothing is being trained now; make run does that"]
    begin(steps, "mlp100", 1, 0)
    with held(steps, "mlp100", 1):
        assert lines(watch) == [("training", RUN)]
        begin(steps, "mlp100", 1, 3)
        assert lines(watch) == []
        board = watch.board()
    assert [(one.name, len(one.history)) for one in board.trainings] == [(RUN, 3)]
    waiting = [run_of(step.stamp.parent) for step in steps.trainings() if step.key != KEY]  # what trains no longer waits
    expected = Forecast(steps.study, waiting).seconds(board.trainings, 1)
    assert board.seconds == pytest.approx(expected)
    assert lines(watch) == [("stopped", f"{RUN} after epoch 3")]
    with held(steps, "mlp100", 1):
        assert lines(watch) == [("training", f"{RUN} (after epoch 3 of 49)")]
    make(steps, KEY)
    assert lines(watch) == [("finished", RUN)]
    assert watch.board().runs == (1, len(steps.trainings()))


def test_a_training_that_cannot_succeed_says_why(steps: Steps) -> None:
    begin(steps, "mlp100", 1, 0)
    watch = Watch(steps)
    folder = steps.study.layout.trainings / "mlp100-seed1"
    with held(steps, "mlp100", 1):
        lines(watch)
        unfinished.failed(folder, steps[KEY].fingerprint, "mlp100, seed 1: the loss is nan")
    assert lines(watch) == [("failed", "mlp100, seed 1: the loss is nan")]


def test_a_table_is_a_line_once_it_is_fresh(steps: Steps) -> None:
    watch = Watch(steps)
    make(steps, "tabulate_vgg16")
    assert lines(watch) == [("made", "tabulate_vgg16")]
    assert not watch.is_done
    for step in steps.in_order():
        if step.key not in ("tabulate_vgg16", "create_store", "publish_comparisons"):
            make(steps, step.key)
    assert {text for kind, text in lines(watch) if kind == "made"} >= {"tabulate_variants", "plot_comparison/mlp"}


@pytest.mark.parametrize("name", ["history.csv", "begun.json"])
def test_a_file_that_cannot_be_read_hides_no_training(name: str, steps: Steps) -> None:
    begin(steps, "mlp100", 1, 3)
    (steps.study.layout.trainings / "mlp100-seed1" / name).write_text("epoch\nx")
    watch = Watch(steps)
    with held(steps, "mlp100", 1):
        assert lines(watch) == [("training", RUN)]
        assert [(one.name, len(one.history)) for one in watch.board().trainings] == [(RUN, 0)]


def test_looking_writes_nothing(steps: Steps) -> None:
    results: Path = steps.study.layout.results
    before = sorted(results.rglob("*"))
    watch = Watch(steps)
    lines(watch)
    watch.board()
    assert sorted(results.rglob("*")) == before


def test_the_board_can_be_drawn_while_a_line_is_printed(steps: Steps) -> None:
    """A terminal holds its own lock while it does either, so a look that kept the board locked would stop both for good."""
    watch = Watch(steps)
    begin(steps, "mlp100", 1, 3)
    with held(steps, "mlp100", 1):
        looks = iter(watch.look())
        assert next(looks).text == f"{RUN} (after epoch 3 of 49)"
        drawing = threading.Thread(target=watch.board, daemon=True)
        drawing.start()
        drawing.join(timeout=SECONDS)
        assert not drawing.is_alive()


@pytest.mark.parametrize("moment", [(planning, "load"), (Watch, "__init__"), (Terminal, "show"), (Watch, "look")])
def test_an_interrupt_at_any_moment_is_no_failure(moment: tuple[Any, str], steps: Steps, monkeypatch: pytest.MonkeyPatch) -> None:
    """As `command.run` raises it; any other end of the process keeps its status."""
    import watch_workflow

    def at_that_moment(status: int) -> None:
        monkeypatch.setattr(*moment, lambda *_: sys.exit(status))
        watch_workflow.main()

    monkeypatch.setattr(sys, "argv", ["watch_workflow.py", str(steps.study.layout.results / "config.yaml")])
    at_that_moment(130)
    with pytest.raises(SystemExit, match="143"):
        at_that_moment(143)
