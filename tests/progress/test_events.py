"""Snakemake's records as lines and as a board."""

import logging
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from finished_runs import write_run
from snakemake_interface_logger_plugins.common import LogEvent
from under_way import begin, held, steps

from convnets import progress
from convnets.files import write_json
from convnets.progress.board import Line
from convnets.progress.events import Events
from convnets.workflow.steps import Steps

__all__ = ["steps"]

STATS = {"train_variant": 2, "tabulate_variants": 1, "all": 1, "total": 4}
RUN = "mlp100/seed1"


def record(event: LogEvent | None, text: str | None = None, level: int = logging.INFO, **fields: Any) -> logging.LogRecord:
    return logging.makeLogRecord({"event": event, "msg": text, "levelno": level, **fields})


def job(number: int, rule: str, *logs: Path, **wildcards: str) -> logging.LogRecord:
    return record(LogEvent.JOB_INFO, jobid=number, rule_name=rule, wildcards=wildcards, log=list(map(str, logs)))


def training(number: int, variant: str = "mlp100") -> logging.LogRecord:
    return job(number, "train_variant", variant=variant, seed="1")


def failure(number: int, log: Path | None = None) -> logging.LogRecord:
    fields = {"rule_name": "train_variant", "log": [str(log)] if log else [], "rule_msg": None, "shellcmd": "train_variant.py"}
    return record(LogEvent.JOB_ERROR, level=logging.ERROR, jobid=number, **fields)


def finished(number: int) -> logging.LogRecord:
    return record(LogEvent.JOB_FINISHED, job_id=number)


def texts(events: Events, *records: logging.LogRecord) -> list[tuple[str, str]]:
    return [(line.kind, line.text) for one in records for line in events.lines(one)]


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the clock stand still, so that all takes the least that is shown, a second."""
    monkeypatch.setattr(progress.events, "time", SimpleNamespace(monotonic=lambda: 0.0))


@pytest.fixture
def events(steps: Steps) -> Events:
    """Events of a workflow of two runs and a table, which has been planned."""
    made = Events(steps, is_brief=False)
    planned = [
        record(LogEvent.RESOURCES_INFO, cores=2),
        record(LogEvent.RUN_INFO, stats=STATS),
        record(LogEvent.RUN_INFO, stats={}),
    ]
    assert texts(made, *planned) == [("", "to make: 2 runs and 1 other step")]
    return made


def test_a_run_is_a_line_when_it_begins_and_when_it_ends(events: Events, steps: Steps, model: Path) -> None:
    assert texts(events, training(1)) == [("training", RUN)]
    write_run(steps.study.layout.results, model, best_val_accuracy=0.51, test_accuracy=0.52)
    assert texts(events, finished(1)) == [("finished", f"{RUN}: validation 0.510, test 0.520; 1 s")]
    assert (events.board().runs, events.board().steps) == ((1, 2), (0, 1))


def test_on_a_terminal_the_reason_stands_in_the_line_of_the_end(steps: Steps, model: Path) -> None:
    """Of a run that is made again: the first time needs none."""
    write_run(steps.study.layout.results, model)
    (steps.study.layout.run("mlp100", 1) / "history.csv").unlink()
    events = Events(steps.again(), is_brief=True)
    assert texts(events, record(LogEvent.RUN_INFO, stats=STATS), training(1))[1:] == []
    ((kind, text),) = texts(events, finished(1))
    assert kind == "finished"
    assert re.search(r"; 1 s \(history\.csv is missing, and \d+ more reasons\)$", text)


def test_another_step_is_a_line_when_it_has_ended(events: Events, tmp_path: Path) -> None:
    assert texts(events, job(3, "tabulate_variants", tmp_path / "log")) == []
    assert events.board().others == ["tabulate_variants, for 1 s"]
    (tmp_path / "log").write_text("12:00:00 first\n12:00:05 so far\n")
    assert events.board().others == ["tabulate_variants, for 1 s: 12:00:05 so far"]
    assert texts(events, finished(3)) == [("made", "tabulate_variants in 1 s")]
    assert texts(events, job(4, "get_cifar10"), finished(4)) == [("made", "get_cifar10 in 1 s")]  # no step: it has no stamp
    assert texts(events, job(0, "all"), finished(0)) == []


def test_the_board_shows_what_trains_and_counts_what_waits(events: Events, steps: Steps) -> None:
    texts(events, training(1), training(2, "conv3_1x1"))
    assert events.board().others == ["2 trainings starting"]
    begin(steps, "mlp100", 1, 3)
    with held(steps, "mlp100", 1):
        board = events.board()
    assert [(one.name, len(one.history), one.epochs) for one in board.trainings] == [(RUN, 3, 49)]
    assert board.others == ["1 training starting"]
    assert board.seconds is not None
    assert board.seconds >= 0.5 * 47


def test_a_training_that_goes_on_says_after_which_epoch(events: Events, steps: Steps) -> None:
    begin(steps, "mlp100", 1, 3)
    assert texts(events, training(1)) == [("resumed", f"{RUN} after epoch 3")]
    begin(steps, "conv3_1x1", 1, 3, fingerprint="of other settings")
    assert texts(events, training(2, "conv3_1x1")) == [("training", "conv3_1x1/seed1")]


def test_a_failure_shows_the_error_of_the_log_first(events: Events, tmp_path: Path) -> None:
    (tmp_path / "log").write_text("12:00:00 a line\n12:00:01 error: the loss is nan; lower optimizer.learning_rate\n")
    texts(events, training(1))
    ((kind, text),) = texts(events, failure(1, tmp_path / "log"))
    assert kind == "failed"
    assert text == f"{RUN} after 1 s: the loss is nan; lower optimizer.learning_rate\nlog: {tmp_path / 'log'}"
    assert texts(events, training(1)) == [("training", f"{RUN}, attempt 2")]
    (tmp_path / "log").write_text("".join(f"line {number}\n" for number in range(30)))
    ((_, text),) = texts(events, failure(1, tmp_path / "log"))
    assert "line 29" in text
    assert "line 19" not in text
    texts(events, training(1))
    assert texts(events, failure(1)) == [("failed", f"{RUN} after 1 s: the command failed: train_variant.py")]
    assert next(events.summary()).text.endswith(f"failed: {RUN}; once that is put right, the same command goes on from there")


def test_what_an_interrupt_ends_has_not_failed(events: Events, steps: Steps) -> None:
    texts(events, training(1), training(2, "conv3_1x1"))
    begin(steps, "mlp100", 1, 3)
    said = texts(events, *[record(None, "Terminating processes on user request, this might take some time.")] * 2)
    assert said == [("", "stopping: trainings write down how far they are, which takes some seconds")]
    assert events.board().others == ["2 trainings stopping"]
    assert texts(events, failure(1), failure(2)) == [("stopped", f"{RUN} after epoch 3"), ("stopped", "conv3_1x1/seed1")]
    assert "failed" not in next(events.summary()).text


def test_of_snakemakes_other_lines_warnings_and_errors_are_shown(events: Events) -> None:
    said = "RuleException:\nCalledProcessError in file ..."
    assert texts(events, record(None, "Select jobs to execute..."), record(LogEvent.ERROR, said, logging.ERROR)) == []
    assert texts(events, record(None, "odd", logging.WARNING)) == [("warning", "odd")]
    assert texts(events, record(LogEvent.ERROR, "bad", logging.ERROR)) == [("failed", "bad")]
    assert texts(events, record(None, "Nothing to be done (all requested files are present and up to date).")) == [
        ("", "nothing to do: all that was asked for is fresh")
    ]


def test_a_dry_run_names_each_step_and_its_reason(steps: Steps) -> None:
    events = Events(steps, is_brief=False, is_dry=True)
    texts(events, record(LogEvent.RUN_INFO, stats=STATS))
    assert texts(events, training(1), job(2, "write_overview")) == [
        ("", RUN),
        ("", "write_overview"),
    ]
    assert list(events.summary()) == []


def test_the_end_says_what_was_made_and_where_to_look(events: Events, steps: Steps, model: Path) -> None:
    for number, variant in enumerate(("mlp100", "conv3_1x1")):
        texts(events, training(number, variant))
        write_run(steps.study.layout.results, model, variant)
        texts(events, finished(number))
    texts(events, job(3, "tabulate_variants"), finished(3))
    overview = steps.study.layout.results / "report" / "overview.html"
    counts = "2 of 2 runs, 1 of 1 other step"
    assert list(events.summary()) == [Line("", f"all is made, in 1 s: {counts}")]
    write_json(overview, {})
    assert list(events.summary()) == [Line("", f"all is made, in 1 s: {counts}; see {overview}")]


def test_the_end_of_a_paper_names_its_folder(steps: Steps) -> None:
    paper = steps.study.layout.results / "paper"
    paper.mkdir(parents=True)
    events = Events(steps, is_brief=False)
    texts(events, record(LogEvent.RUN_INFO, stats={"write_paper": 1, "total": 1}), job(1, "write_paper"), finished(1))
    assert list(events.summary()) == [Line("", f"all is made, in 1 s: 1 of 1 other step; see {paper}")]
