"""Estimates of how long stale steps will take, from the times of finished ones."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from statistics import median

from convnets import settings
from convnets.freshness import stamps
from convnets.networks.formulas import training_flops
from convnets.runs import layout, reading, unfinished
from convnets.runs.layout import run_of
from convnets.runs.records import Epoch
from convnets.settings import Settings
from convnets.study.configuration import Configuration
from convnets.workflow.declarations import TRAINING, Step
from convnets.workflow.steps import Steps

IMPORTS_S = 6.0  # of TensorFlow and MLflow, before a training counts its time
SETUP_S = 10.0  # outside the training loop, of a training that has not ended


class Speeds:
    """Estimates of trainings, from the timings of finished runs and of trainings that have begun.

    A training's estimate is its number of operations at the speed of other runs: of its variant, or else of others. A network of
    the user's own is compared with its own runs only. A run's timing is its speed, in work a second (`_work`), and the seconds
    that it spent outside the training loop.
    """

    def __init__(self, study: Configuration) -> None:
        self._study = study
        self._timings: dict[Sequence[object], list[tuple[float, float]]] = defaultdict(list)  # by group of runs
        self._medians: dict[Sequence[object], tuple[float, float]] = {}

    def add_finished(self, folder: Path) -> bool:
        """Add a finished run, if the folder holds one; return whether it does."""
        stamp = stamps.read(folder / stamps.STAMP)
        if stamp is None:
            return False
        try:
            metrics, was = reading.read_metrics(folder / layout.METRICS), settings.from_dict(stamp.components["settings"])
            speed = metrics.images_per_second * self._work(was)
        except (OSError, ValueError, KeyError, TypeError, AttributeError):  # damaged, or the settings are of another version
            return False
        if speed > 0:
            self._add(metrics.variant, was, speed, IMPORTS_S + stamp.seconds - metrics.train_seconds)
        return speed > 0

    def add_begun(self, variant: str, history: Sequence[Epoch]) -> None:
        """Add a training that has come to this history."""
        wanted = self._study.variants[variant]
        speed = self._images_per_epoch(wanted) * self._work(wanted) / median(epoch.seconds for epoch in history)
        self._add(variant, wanted, speed, SETUP_S)

    def _add(self, variant: str, was: Settings, speed: float, overhead: float) -> None:
        for group in _alike(variant, was):
            self._timings[group].append((speed, overhead))
            self._medians.pop(group, None)

    def seconds(self, variant: str, done: int = 0) -> float | None:
        """Return the seconds that a training of a variant takes after `done` epochs, None where no similar run tells."""
        wanted = self._study.variants[variant]
        for group in _alike(variant, wanted):
            if timings := self._timings.get(group):
                if group not in self._medians:
                    speeds, overheads = zip(*timings, strict=True)
                    self._medians[group] = median(speeds), median(overheads)
                speed, overhead = self._medians[group]
                images = self._images_per_epoch(wanted) * (wanted.training.epochs - done)
                return images * self._work(wanted) / speed + overhead
        return None

    def _images_per_epoch(self, wanted: Settings) -> int:
        batch: int = wanted.training.batch_size
        return self._study.images["train"] // batch * batch

    def _work(self, settings: Settings) -> int:
        """Return the operations of one image's training step; of a network of the user's own, 1: only its images are counted."""
        return 1 if settings.own.network else training_flops(settings.network, self._study.described.format)


def _alike(variant: str, settings: Settings) -> Iterator[Sequence[object]]:
    """Yield the groups of runs that tell of a training, the most similar first."""
    precision, is_own = settings.training.precision, bool(settings.own.network)
    yield (precision, is_own, variant)
    if not is_own:
        yield (precision,)
        yield ()


def estimate(steps: Steps) -> Mapping[str, float | None]:
    """Return the seconds that each stale step will take, None where no similar step has run yet."""
    from convnets.training.checkpoints import epochs_done  # imports NumPy, which those who watch do without

    def of_training(step: Step) -> float | None:
        variant, seed = run_of(step.stamp.parent)
        begun = unfinished.folder_of(steps.study.layout, variant, seed)
        return speeds.seconds(variant, epochs_done(begun, step.fingerprint))

    speeds = Speeds(steps.study)
    for folder in steps.study.layout.runs():
        speeds.add_finished(folder)
    return {
        key: of_training(step) if step.rule == TRAINING else _of_other(step, steps)
        for key, step in steps.all.items()
        if steps.is_stale(key)
    }


def _of_other(step: Step, steps: Steps) -> float | None:
    same_rule = [stamp for other in steps.all.values() if other.rule == step.rule and (stamp := stamps.read(other.stamp))]
    return median(stamp.seconds for stamp in same_rule) if same_rule else None


def duration(seconds: float) -> str:
    """Return a duration as text in a suitable unit."""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    if seconds < 5400:
        return f"{round(seconds / 60)} min"
    return f"{seconds / 3600:.1f} h"
