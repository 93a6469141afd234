"""Trainings that are not finished, by the files that they write."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from convnets.runs import reading, unfinished
from convnets.runs.layout import HISTORY, METRICS, SEED
from convnets.runs.records import Epoch
from convnets.workflow.declarations import TRAINING
from convnets.workflow.steps import Steps

RECENT = 5  # epochs that tell how long the next one takes


@dataclass(frozen=True)
class Training:
    """A training that is not finished; `epochs` is their number in the end, `is_held`: whether a process trains it now."""

    variant: str
    seed: int
    epochs: int
    history: Sequence[Epoch]
    is_held: bool

    @property
    def name(self) -> str:
        """Its name for users, as in the path of its run."""
        return f"{self.variant}/{SEED}{self.seed}"

    @property
    def seconds_left(self) -> float | None:
        """The seconds until its last epoch ends; None before the first has."""
        if not self.history:
            return None
        return median(epoch.seconds for epoch in self.history[-RECENT:]) * (self.epochs - len(self.history))


class Reader:
    """Reads the trainings of a study again and again; a file that has not changed is read once."""

    def __init__(self, steps: Steps) -> None:
        self._steps = steps
        self._histories: dict[Path, tuple[int, Sequence[Epoch]]] = {}

    def read(self) -> list[Training]:
        """Return the trainings of the study that have begun and are not finished."""
        study = self._steps.study
        found = unfinished.folders(study.layout.trainings).items()
        return [
            Training(variant, int(seed), study.variants[variant].training.epochs, self.history(variant, seed), is_held)
            for (variant, seed), folder in found
            if variant in study.variants and int(seed) in study.seeds
            for is_held in (unfinished.is_held(folder),)
        ]

    def progress(self, variant: str, seed: int | str) -> str:
        """Return how far a training has come, as words that follow its name; empty if it begins."""
        if epochs := len(self.history(variant, seed)):
            return f" after epoch {epochs}"
        folder = self._steps.study.layout.trainings / unfinished.name_of(variant, seed)
        begun = unfinished.begun(folder)
        wanted = self._steps[f"{TRAINING}/{variant}/{SEED}{seed}"].fingerprint
        return " within epoch 1" if begun and begun.fingerprint == wanted and any(folder.glob("checkpoint-*")) else ""

    def history(self, variant: str, seed: int | str) -> Sequence[Epoch]:
        """Return the epochs after which a training goes on, or those that it has had so far; none if it is not under way."""
        folder = self._steps.study.layout.trainings / unfinished.name_of(variant, seed)
        file = folder / HISTORY
        with suppress(*reading.UNREADABLE):  # it has ended meanwhile, or it is of another code
            changed = file.stat().st_mtime_ns
            if self._histories.get(file, (0, ()))[0] != changed:
                begun = unfinished.begun(folder)
                wanted = self._steps[f"{TRAINING}/{variant}/{SEED}{seed}"].fingerprint
                history = reading.read_history(file) if begun and begun.fingerprint == wanted else []
                self._histories[file] = (changed, history)
            return self._histories[file][1]
        return ()


def result_of(folder: Path) -> str:
    """Return the accuracies of a finished run as words that follow its name; empty if its summary cannot be read."""
    with suppress(*reading.UNREADABLE):
        metrics = reading.read_metrics(folder / METRICS)
        return f": validation {metrics.best_val_accuracy:.3f}, test {metrics.test_accuracy:.3f}"
    return ""
