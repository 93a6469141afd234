"""Snakemake's events as lines and as a board."""

import logging
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from convnets.freshness.stamps import NOT_MADE
from convnets.progress.board import Board, counted
from convnets.progress.forecast import Forecast
from convnets.progress.logs import error_of, last_lines
from convnets.progress.terminal import Line
from convnets.progress.trainings import Reader, result_of
from convnets.runs.layout import SEED, run_of
from convnets.workflow import planning
from convnets.workflow.declarations import TRAINING, key_of
from convnets.workflow.estimates import duration
from convnets.workflow.steps import Steps

# How lines of Snakemake begin that have no event of their own. `SAID`: by the lines of jobs, and by the last line.
NOTHING, STOPPING = "Nothing to be done", "Terminating processes on user request"
SAID = (
    *("RuleException:\nCalledProcessError", "WorkflowError:\nAt least one job did not complete"),
    "Exiting because a job execution failed",
)


@dataclass(frozen=True)
class _Planned:
    """What is known once the workflow is planned."""

    steps: Steps
    reader: Reader
    forecast: Forecast


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
    def took(self) -> str:
        return duration(time.monotonic() - self.began)


class Events:
    """Follows the jobs of a workflow by the records that Snakemake logs.

    `is_brief`: leave out the beginnings of trainings, which a board shows. `is_dry`: nothing is made.
    """

    def __init__(self, *, is_brief: bool, is_dry: bool = False) -> None:
        self._is_brief, self._is_dry = is_brief, is_dry
        self._lock = threading.RLock()  # the board is drawn by another thread
        self._began = time.monotonic()
        self._planned: _Planned | None = None
        self._jobs: dict[int, _Job] = {}  # by number, while it runs
        self._attempts: dict[int, int] = {}
        # Trainings (True) and other steps.
        self._total, self._done, self._failed = {True: 0, False: 0}, {True: 0, False: 0}, set[str]()
        self._cores, self._is_batch = 1, False  # or nodes, of a batch system
        self._is_stopping = self._is_paper = False

    @property
    def is_planned(self) -> bool:
        """Whether it is known what there is to do."""
        return self._planned is not None

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
            assert self._planned
            running = {_short(job.key) for job in self._jobs.values() if job.is_training}
            there = [training for training in self._planned.reader.read() if training.is_held and training.name in running]
            seconds = self._planned.forecast.seconds(there, len(running))
            runs, steps = ((self._done[is_run], self._total[is_run]) for is_run in (True, False))
            return Board(runs, steps, there, [*self._others(), *self._waiting(len(running) - len(there))], seconds)

    def summary(self) -> Iterator[Line]:
        """Yield what has become of the workflow."""
        with self._lock:
            if self._planned is None or self._is_dry:
                return
            took = duration(time.monotonic() - self._began)
            nouns = {True: "run", False: "other step"}
            counts = ", ".join(
                f"{self._done[is_run]} of {counted(total, nouns[is_run])}" for is_run, total in self._total.items() if total
            )
            if self._done == self._total:
                results = self._planned.steps.study.layout.results
                made = results / "paper" if self._is_paper else results / "report" / "overview.html"
                see = f"; see {made}" if made.exists() else ""
                yield Line("", f"all is made, in {took}: {counts}{see}")
                return
            failed = f"; failed: {', '.join(sorted(map(_short, self._failed)))}" if self._failed else ""
            then = "once that is put right, " if failed else ""
            yield Line("", f"ended after {took} with {counts}{failed}; {then}the same command goes on from there")

    def _others(self) -> Iterator[str]:
        """Yield the other steps that run, each with the last line of its log."""
        for job in self._jobs.values():
            if not job.is_training and job.key != "all":
                last = "".join(last_lines(job.logs, 1))
                yield f"{job.key}, for {job.took}{f': {last}' if last else ''}"

    def _waiting(self, count: int) -> Iterator[str]:
        """Yield how many trainings have not begun that were started."""
        if count:
            doing = "stopping" if self._is_stopping else "submitted" if self._is_batch else "starting"
            yield f"{counted(count, 'training')} {doing}"

    def _note_cores(self, record: Mapping[str, Any]) -> Iterator[Line]:
        self._cores = int(record.get("cores") or record.get("nodes") or self._cores)
        self._is_batch = self._is_batch or "nodes" in record
        return iter(())

    def _plan(self, record: Mapping[str, Any]) -> Iterator[Line]:
        steps = planning.declared()
        if steps is None or self._planned:  # a dry-run counts the jobs twice
            return
        counts = {rule: count for rule, count in record["stats"].items() if rule not in ("all", "total")}
        trainings, self._is_paper = counts.get(TRAINING, 0), "write_paper" in counts
        self._total = {True: trainings, False: sum(counts.values()) - trainings}
        stale = [run_of(step.stamp.parent) for step in steps.trainings() if steps.reasons(step.key)] if trainings else []
        forecast = Forecast(steps.study, ((variant, int(seed)) for variant, seed in stale))
        self._planned = _Planned(steps, Reader(steps), forecast)
        seconds = forecast.seconds((), self._cores)
        about = f", about {duration(seconds)} of training" if seconds else ""
        yield Line("", f"to make: {counted(trainings, 'run')} and {counted(self._total[False], 'other step')}{about}")

    def _begin(self, record: Mapping[str, Any]) -> Iterator[Line]:
        rule, key, job = record["rule_name"], key_of(record["rule_name"], record["wildcards"] or {}), record["jobid"]
        self._jobs[job] = _Job(key, time.monotonic(), [Path(log) for log in record["log"]])
        attempt = self._attempts[job] = self._attempts.get(job, 0) + 1
        if self._is_dry and rule != "all":
            yield Line("", f"{_short(key)}{f' ({why})' if (why := self._why(key)) else ''}")
        if rule != TRAINING or self._is_dry or self._planned is None:
            return
        self._planned.forecast.begin(record["wildcards"]["variant"], int(record["wildcards"]["seed"]))
        if after := self._epochs(key):
            yield Line("resumed", f"{_short(key)}{after}")
        elif attempt > 1 or not self._is_brief:
            why = f" ({why})" if (why := self._why(key)) else ""
            yield Line("training", f"{_short(key)}{why}{f', attempt {attempt}' if attempt > 1 else ''}")

    def _end(self, record: Mapping[str, Any]) -> Iterator[Line]:
        job = self._jobs.pop(record["job_id"], None)
        if job is None or job.key == "all" or self._planned is None:
            return
        self._done[job.is_training] += 1
        self._failed.discard(job.key)
        why = f" ({why})" if (why := self._why(job.key)) else ""
        if not job.is_training:
            yield Line("made", f"{job.key} in {job.took}{why}")
            return
        folder = self._planned.steps[job.key].stamp.parent
        variant, seed = run_of(folder)
        self._planned.forecast.end(variant, int(seed))
        # Without a board, the line of its beginning has said why.
        yield Line("finished", f"{_short(job.key)}{result_of(folder)}; {job.took}{why if self._is_brief else ''}")

    def _fail(self, record: Mapping[str, Any]) -> Iterator[Line]:
        logs = [Path(log) for log in record["log"]]
        job = self._jobs.pop(record["jobid"], None) or _Job(record["rule_name"], time.monotonic(), logs)
        if self._is_stopping:
            yield Line("stopped", f"{_short(job.key)}{self._epochs(job.key)}")
            return
        self._failed.add(job.key)
        variant, _, seed = _short(job.key).partition(f"/{SEED}")
        text = (
            error_of(logs).removeprefix(f"{variant}, seed {seed}: ")
            or record["rule_msg"]
            or f"the command failed: {record['shellcmd'] or ''}"
        )
        place = f"\nlog: {', '.join(map(str, logs))}" if logs else ""
        yield Line("failed", f"{_short(job.key)} after {job.took}: {text}{place}")

    def _epochs(self, key: str) -> str:
        """Return after which epoch a training goes on; empty if it begins, or if the step is no training."""
        is_known = self._planned and key.startswith(f"{TRAINING}/")
        return self._planned.reader.progress(*run_of(Path(key))) if self._planned and is_known else ""

    def _why(self, key: str) -> str:
        """Return why a step is made again, as `make why` says, in few words; empty for a first time, or if the job is no step."""
        if self._planned is None or key not in self._planned.steps.all:
            return ""
        reasons = self._planned.steps.reasons(key)
        if reasons == [NOT_MADE]:
            return ""
        if reasons:
            return reasons[0] if len(reasons) == 1 else f"{reasons[0]}, and {counted(len(reasons) - 1, 'more reason')}"
        return "from new files" if self._planned.steps.is_stale(key) else "asked for"


def _short(key: str) -> str:
    """Return the key of a step as users write it: of a training, the name of its run."""
    return key.removeprefix(f"{TRAINING}/")
