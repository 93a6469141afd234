"""Watching a workflow that runs elsewhere: in another terminal, or on another host that shares the folder."""

import threading
from collections.abc import Iterator, Mapping, Sequence

from convnets.progress.board import Board, Line
from convnets.progress.trainings import Forecast, Reader, Training, result_of
from convnets.runs import unfinished
from convnets.runs.layout import name_of, run_of
from convnets.workflow.declarations import TRAINING
from convnets.workflow.steps import Steps

NOTHING = "nothing is being trained now; make run does that"


class Watch:
    """Looks at the files of a study's steps again and again."""

    def __init__(self, steps: Steps) -> None:
        self._steps, self._reader = steps, Reader(steps)
        self._lock = threading.RLock()  # the board is drawn by another thread
        self._fresh, self._trained = self._state(steps)
        waiting = [run_of(step.stamp.parent) for step in steps.trainings() if step.key not in self._fresh]
        self._forecast = Forecast(steps.study, waiting)

    def _state(self, steps: Steps) -> tuple[set[str], dict[str, Training]]:
        """Return the keys of the steps that are fresh, and what trains, by name."""
        return {key for key in steps.all if not steps.is_stale(key)}, {one.name: one for one in self._reader.read()}

    @property
    def is_done(self) -> bool:
        """Whether every step is fresh."""
        return len(self._fresh) == len(self._steps.all)

    def look(self) -> Sequence[Line]:
        """Look once, and return a line for whatever has happened since the last time."""
        steps = self._steps.again()
        with self._lock:  # given back before a line is printed, since the board is drawn with the terminal's own lock held
            before, (self._fresh, self._trained) = (self._fresh, self._trained), self._state(steps)
            return list(self._lines(steps, *before))

    def _lines(self, steps: Steps, fresh: set[str], trained: Mapping[str, Training]) -> Iterator[Line]:
        """Yield a line for each difference of the state to a former one."""
        for name, training in self._trained.items():
            if name not in trained:
                epochs = f" (after epoch {len(training.history)} of {training.epochs})" if training.history else ""
                yield Line("training", f"{name}{epochs}")
        for name in trained.keys() - self._trained.keys():
            if f"{TRAINING}/{name}" not in self._fresh:
                yield self._stopped(trained[name], steps)
        for key in steps.all:
            if key in self._fresh and key not in fresh:
                yield self._made(key)

    def board(self) -> Board:
        """Return the state."""
        with self._lock:
            there = self._reader.read()
            for training in there:
                self._forecast.begin(training.variant, training.seed)
            runs = sum(key.startswith(f"{TRAINING}/") for key in self._fresh)
            trainings = len(self._steps.trainings())
            steps = (len(self._fresh) - runs, len(self._steps.all) - trainings)
            seconds = self._forecast.seconds(there, len(there)) if there else None
            return Board((runs, trainings), steps, there, [] if there else [NOTHING], seconds)

    def _stopped(self, training: Training, steps: Steps) -> Line:
        folder = unfinished.folder_of(steps.study.layout, training.variant, training.seed)
        if failure := unfinished.failure_of(folder, steps[f"{TRAINING}/{training.name}"].fingerprint):
            return Line("failed", failure)
        return Line("stopped", f"{training.name}{self._reader.progress(training.variant, training.seed)}")

    def _made(self, key: str) -> Line:
        if not key.startswith(f"{TRAINING}/"):
            return Line("made", key)
        folder = self._steps[key].stamp.parent
        self._forecast.end(*run_of(folder))
        return Line("finished", f"{name_of(folder)}{result_of(folder)}")
