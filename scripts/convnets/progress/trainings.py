"""Trainings that are not finished: how far they are, by the files that they write, and when they will have ended."""

from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from convnets.runs import reading, unfinished
from convnets.runs.layout import HISTORY, METRICS, SEED
from convnets.runs.records import Epoch
from convnets.study.configuration import Configuration
from convnets.workflow.declarations import TRAINING
from convnets.workflow.estimates import Speeds
from convnets.workflow.steps import Steps

RECENT = 5  # epochs that tell how long the next one takes


@dataclass(frozen=True)
class Training:
    """A training that a process trains now; `epochs` is their number in the end."""

    variant: str
    seed: str
    epochs: int
    history: Sequence[Epoch]

    @property
    def name(self) -> str:
        """Its name for users, as in the path of its run."""
        return f"{self.variant}/{SEED}{self.seed}"


class Reader:
    """Reads the trainings of a study again and again; a file that has not changed is read once."""

    def __init__(self, steps: Steps) -> None:
        self._steps = steps
        self._histories: dict[Path, tuple[int, Sequence[Epoch]]] = {}

    def read(self) -> list[Training]:
        """Return the trainings of the study that run now."""
        study = self._steps.study
        return [
            Training(variant, seed, study.variants[variant].training.epochs, self._history(folder, variant, seed))
            for (variant, seed), folder in unfinished.folders(study.layout.trainings).items()
            if variant in study.variants and int(seed) in study.seeds and unfinished.is_held(folder)
        ]

    def progress(self, variant: str, seed: str) -> str:
        """Return how far a training has come, as words that follow its name; empty if it begins."""
        folder = unfinished.folder_of(self._steps.study.layout, variant, seed)
        if epochs := len(self._history(folder, variant, seed)):
            return f" after epoch {epochs}"
        return " within epoch 1" if self._is_wanted(folder, variant, seed) and any(folder.glob("checkpoint-*")) else ""

    def _history(self, folder: Path, variant: str, seed: str) -> Sequence[Epoch]:
        """Return the epochs after which a training goes on, or those that it has had so far; none if it is not under way."""
        file = folder / HISTORY
        with suppress(*reading.UNREADABLE):  # it has ended meanwhile, or it is of another code
            changed = file.stat().st_mtime_ns
            if self._histories.get(file, (0, ()))[0] != changed:
                self._histories[file] = changed, reading.read_history(file) if self._is_wanted(folder, variant, seed) else ()
            return self._histories[file][1]
        return ()

    def _is_wanted(self, folder: Path, variant: str, seed: str) -> bool:
        """Return whether the training in a folder is that of the study as it is now."""
        begun = unfinished.begun(folder)
        return begun is not None and begun.fingerprint == self._steps[f"{TRAINING}/{variant}/{SEED}{seed}"].fingerprint


class Forecast:
    """The seconds until the last of some trainings ends, by the speed of earlier runs and of those that train now."""

    def __init__(self, study: Configuration, waiting: Iterable[tuple[str, str]]) -> None:
        """Take the trainings, by variant and seed, that wait for their turn."""
        self._study = study
        self._speeds = Speeds(study)
        self._waiting = set(waiting)
        self._counts = Counter(variant for variant, _ in self._waiting)
        self._known: set[str] = set()
        for variant in self._counts:  # one finished run of each variant suffices, and is soon read
            any(self._speeds.add_finished(study.layout.run(variant, seed)) for seed in study.seeds)

    def begin(self, variant: str, seed: str) -> None:
        """Note that a training no longer waits."""
        if (variant, seed) in self._waiting:
            self._waiting.remove((variant, seed))
            self._counts[variant] -= 1

    def end(self, variant: str, seed: str) -> None:
        """Note that a training has ended."""
        self.begin(variant, seed)
        self._speeds.add_finished(self._study.layout.run(variant, seed))

    def seconds(self, trainings: Sequence[Training], side_by_side: int) -> float | None:
        """Return the seconds until all have ended, with so many at a time; None where nothing is known of any.

        One of which nothing is known counts as the mean of the others.
        """
        left = [(1, self._left(training)) for training in trainings]
        left += [(count, self._speeds.seconds(variant)) for variant, count in self._counts.items() if count]
        known = [(count, seconds) for count, seconds in left if seconds is not None]
        if not known:
            return None if left else 0.0
        of_known, number = sum(count * seconds for count, seconds in known), sum(count for count, _ in known)
        total = of_known / number * sum(count for count, _ in left)
        return max(total / max(1, side_by_side), *(seconds for _, seconds in known))

    def _left(self, training: Training) -> float | None:
        """Return the seconds until the last epoch of a training ends: by its own epochs, or by other runs before it has any."""
        if not training.history:
            return self._speeds.seconds(training.variant)
        if training.name not in self._known:
            self._known.add(training.name)
            self._speeds.add_begun(training.variant, training.history)
        return median(epoch.seconds for epoch in training.history[-RECENT:]) * (training.epochs - len(training.history))


def result_of(folder: Path) -> str:
    """Return the accuracies of a finished run as words that follow its name; empty if its summary cannot be read."""
    with suppress(*reading.UNREADABLE):
        metrics = reading.read_metrics(folder / METRICS)
        return f": validation {metrics.best_val_accuracy:.3f}, test {metrics.test_accuracy:.3f}"
    return ""
