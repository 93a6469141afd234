"""Snakemake's events as lines and as a board."""

import logging
import re
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from convnets.freshness.stamps import NOT_MADE
from convnets.progress.board import Board, Line, counted
from convnets.progress.trainings import Forecast, Reader, result_of
from convnets.runs.layout import run_of
from convnets.workflow.declarations import TRAINING, key_of
from convnets.workflow.estimates import duration
from convnets.workflow.steps import Steps

# How messages of Snakemake begin that have no event of their own. `SAID`: those that our own lines say already.
NOTHING, STOPPING = "Nothing to be done", "Terminating processes on user request"
SAID = (
    *("RuleException:\nCalledProcessError", "WorkflowError:\nAt least one job did not complete"),
    "Exiting because a job execution failed",
)


ERROR = re.compile(r"^[\d:]{8} error: (.*)", re.MULTILINE | re.DOTALL)  # of a script's log (`command.run`)
LAST_LINES = 10  # of a log without such an error


@dataclass(frozen=True)
class _Job:
    """A job that runs: its key, when it began, and its logs."""

    key: str
    began: float
    logs: Sequence[Path]

    @property
    def is_training(self) -> bool:
        return self.key.startswith(f"{TRAINING}/")

    @property
    def name(self) -> str:
        """Its key as users write it: of a training, the name of its run."""
        return self.key.removeprefix(f"{TRAINING}/")

    @property
    def run(self) -> tuple[str, str]:
        """The variant and the seed of a training."""
        return run_of(Path(self.key))

    @property
    def took(self) -> str:
        return duration(time.monotonic() - self.began)


class Events:
    """Follows the jobs of a workflow by the records that Snakemake logs.

    `is_brief`: leave out the beginnings of trainings, which a board shows. `is_dry`: nothing is made.
    """

    def __init__(self, steps: Steps, *, is_brief: bool, is_dry: bool = False) -> None:
        self._steps, self._reader, self._forecast = steps, Reader(steps), Forecast(steps.study, ())
        self._is_brief, self._is_dry = is_brief, is_dry
        self._lock = threading.RLock()  # the board is drawn by another thread
        self._began = time.monotonic()
        self._jobs: dict[int, _Job] = {}  # by number, while it runs
        self._attempts = Counter[int]()
        # Trainings (True) and other steps.
        self._total, self._done, self._failed = {True: 0, False: 0}, {True: 0, False: 0}, set[str]()
        self._cores, self._is_batch = 1, False  # or nodes, of a batch system
        self.is_planned = False  # whether it is known what there is to do
        self._is_stopping = self._is_paper = False

    def lines(self, record: logging.LogRecord) -> list[Line]:
        """Return the lines that a record of Snakemake's log gives: none, one, or a few."""
        event = str(getattr(record, "event", None))
        known = {
            "resources_info": self._note_cores,
            "run_info": self._plan,
            "job_info": self._begin,
            "job_finished": self._end,
            "job_error": self._fail,
        }
        if event in known:
            with self._lock:
                return list(known[event](vars(record)))
        text = record.getMessage()
        if text.startswith(STOPPING) and not self._is_stopping:
            self._is_stopping = True
            return [Line("", "stopping: trainings write down how far they are, which takes some seconds")]
        if text.startswith(SAID) or event == "group_error":
            return []
        if record.levelno >= logging.WARNING:
            return [Line("failed" if record.levelno >= logging.ERROR else "warning", text)]
        return [Line("", "nothing to do: all that was asked for is fresh")] if text.startswith(NOTHING) else []

    def board(self) -> Board:
        """Return the state, once it is planned."""
        with self._lock:
            running = {job.name for job in self._jobs.values() if job.is_training}
            there = [training for training in self._reader.read() if training.name in running]
            seconds = self._forecast.seconds(there, len(running))
            runs, steps = ((self._done[is_run], self._total[is_run]) for is_run in (True, False))
            return Board(runs, steps, there, list(self._others(len(running) - len(there))), seconds)

    def _others(self, waiting: int) -> Iterator[str]:
        """Yield the other steps that run, each with the last line of its log, and how many trainings wait to begin."""
        for job in self._jobs.values():
            if not job.is_training and job.key != "all":
                last = "".join(_last_lines(job.logs, 1))
                yield f"{job.key}, for {job.took}{f': {last}' if last else ''}"
        if waiting:
            doing = "stopping" if self._is_stopping else "submitted" if self._is_batch else "starting"
            yield f"{counted(waiting, 'training')} {doing}"

    def summary(self) -> Iterator[Line]:
        """Yield what has become of the workflow."""
        with self._lock:
            if not self.is_planned or self._is_dry:
                return
            took = duration(time.monotonic() - self._began)
            nouns = {True: "run", False: "other step"}
            counts = ", ".join(
                f"{self._done[is_run]} of {counted(total, nouns[is_run])}" for is_run, total in self._total.items() if total
            )
            if self._done == self._total:
                results = self._steps.study.layout.results
                made = results / "paper" if self._is_paper else results / "report" / "overview.html"
                see = f"; see {made}" if made.exists() else ""
                yield Line("", f"all is made, in {took}: {counts}{see}")
                return
            failed = f"; failed: {', '.join(sorted(self._failed))}" if self._failed else ""
            then = "once that is put right, " if failed else ""
            yield Line("", f"ended after {took} with {counts}{failed}; {then}the same command goes on from there")

    def _note_cores(self, record: Mapping[str, Any]) -> Iterator[Line]:
        self._cores = int(record.get("cores") or record.get("nodes") or self._cores)
        self._is_batch = self._is_batch or "nodes" in record
        return iter(())

    def _plan(self, record: Mapping[str, Any]) -> Iterator[Line]:
        if self.is_planned:  # a dry-run counts the jobs twice
            return
        counts = {rule: count for rule, count in record["stats"].items() if rule not in ("all", "total")}
        trainings, self._is_paper = counts.get(TRAINING, 0), "write_paper" in counts
        self._total = {True: trainings, False: sum(counts.values()) - trainings}
        stale = self._steps.trainings(stale=True) if trainings else []
        self._forecast = Forecast(self._steps.study, [run_of(step.stamp.parent) for step in stale])
        self.is_planned = True
        seconds = self._forecast.seconds((), self._cores)
        about = f", about {duration(seconds)} of training" if seconds else ""
        yield Line("", f"to make: {counted(trainings, 'run')} and {counted(self._total[False], 'other step')}{about}")

    def _begin(self, record: Mapping[str, Any]) -> Iterator[Line]:
        number, rule = record["jobid"], record["rule_name"]
        logs = [Path(log) for log in record["log"]]
        job = self._jobs[number] = _Job(key_of(rule, record["wildcards"] or {}), time.monotonic(), logs)
        self._attempts[number] += 1
        if self._is_dry:
            if rule != "all":
                yield Line("", f"{job.name}{self._why(job.key)}")
            return
        if not job.is_training:
            return
        self._forecast.begin(*job.run)
        if after := self._reader.progress(*job.run):
            yield Line("resumed", f"{job.name}{after}")
        elif self._attempts[number] > 1 or not self._is_brief:
            attempt = f", attempt {self._attempts[number]}" if self._attempts[number] > 1 else ""
            yield Line("training", f"{job.name}{self._why(job.key)}{attempt}")

    def _end(self, record: Mapping[str, Any]) -> Iterator[Line]:
        job = self._jobs.pop(record["job_id"], None)
        if job is None or job.key == "all":
            return
        self._done[job.is_training] += 1
        self._failed.discard(job.name)
        why = self._why(job.key)
        if not job.is_training:
            yield Line("made", f"{job.key} in {job.took}{why}")
            return
        self._forecast.end(*job.run)
        # Without a board, the line of its beginning has said why.
        result = result_of(self._steps[job.key].stamp.parent)
        yield Line("finished", f"{job.name}{result}; {job.took}{why if self._is_brief else ''}")

    def _fail(self, record: Mapping[str, Any]) -> Iterator[Line]:
        logs = [Path(log) for log in record["log"]]
        job = self._jobs.pop(record["jobid"], None) or _Job(record["rule_name"], time.monotonic(), logs)
        if self._is_stopping:
            yield Line("stopped", f"{job.name}{self._reader.progress(*job.run) if job.is_training else ''}")
            return
        self._failed.add(job.name)
        begins = "{}, seed {}: ".format(*job.run)
        said = _error_of(logs).removeprefix(begins) or record["rule_msg"] or f"the command failed: {record['shellcmd'] or ''}"
        place = f"\nlog: {', '.join(map(str, logs))}" if logs else ""
        yield Line("failed", f"{job.name} after {job.took}: {said}{place}")

    def _why(self, key: str) -> str:
        """Return why a step is made again, as `make why` says, in few words; empty for a first time, or if the job is no step."""
        reasons = self._steps.reasons(key) if key in self._steps.all else [NOT_MADE]
        if reasons == [NOT_MADE]:
            return ""
        if not reasons:
            return " (from new files)" if self._steps.is_stale(key) else " (asked for)"
        others = f", and {counted(len(reasons) - 1, 'more reason')}" if reasons[1:] else ""
        return f" ({reasons[0]}{others})"


def _error_of(logs: Sequence[Path]) -> str:
    """Return the error with which a script's log ends, or the last lines of the logs; empty if there are none."""
    for log in logs:
        if found := ERROR.findall(_text(log)):
            return str(found[-1]).strip()
    return "".join(f"\n  {line}" for line in _last_lines(logs, LAST_LINES))


def _last_lines(logs: Sequence[Path], count: int) -> list[str]:
    """Return the last lines of the first log that has any."""
    return next(filter(None, (_text(log).splitlines()[-count:] for log in logs)), [])


def _text(log: Path) -> str:
    with suppress(OSError):
        return log.read_text(encoding="utf-8", errors="replace")
    return ""
