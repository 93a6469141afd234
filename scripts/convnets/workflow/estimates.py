"""Estimates of how long stale steps will take, from the times of finished ones."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from convnets import settings
from convnets.data.images import ImageFormat
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


@dataclass(frozen=True)
class Timing:
    """The speed of one run: work a second (`_work`), and the seconds spent outside the training loop."""

    variant: str
    precision: str
    is_own: bool
    speed: float
    overhead: float


class Speeds:
    """Estimates of trainings, from the timings of finished runs and of trainings that have begun.

    A training's estimate is its number of operations at the speed of other runs: of its variant, or else of others. A network of
    the user's own is compared with its own runs only.
    """

    def __init__(self, study: Configuration) -> None:
        self._study = study
        self._groups: dict[Sequence[object], list[Timing]] = defaultdict(list)
        self._medians: dict[Sequence[object], tuple[float, float]] = {}

    def add(self, timing: Timing) -> None:
        """Add the timing of a run."""
        for group in self._alike(timing.variant, timing.precision, timing.is_own):
            self._groups[group].append(timing)
            self._medians.pop(group, None)

    def add_finished(self, folder: Path) -> bool:
        """Add a finished run, if the folder holds one; return whether it does."""
        timing = _timing(folder, self._study.described.format)
        if timing:
            self.add(timing)
        return timing is not None

    def add_begun(self, variant: str, history: Sequence[Epoch]) -> None:
        """Add a training that has come to this history."""
        wanted = self._study.variants[variant]
        speed = self._images_per_epoch(variant) * self._work(variant) / median(epoch.seconds for epoch in history)
        self.add(Timing(variant, wanted.training.precision, bool(wanted.own.network), speed, SETUP_S))

    def seconds(self, variant: str, done: int = 0) -> float | None:
        """Return the seconds that a training of a variant takes after `done` epochs, None where no similar run tells."""
        wanted = self._study.variants[variant]
        for group in self._alike(variant, wanted.training.precision, bool(wanted.own.network)):
            if timings := self._groups.get(group):
                if group not in self._medians:
                    speeds, overheads = [timing.speed for timing in timings], [timing.overhead for timing in timings]
                    self._medians[group] = median(speeds), median(overheads)
                speed, overhead = self._medians[group]
                images = self._images_per_epoch(variant) * (wanted.training.epochs - done)
                return images * self._work(variant) / speed + overhead
        return None

    @staticmethod
    def _alike(variant: str, precision: str, is_own: bool) -> Iterator[Sequence[object]]:
        """Yield the groups of runs that tell of a training, the most similar first."""
        yield (precision, is_own, variant)
        if not is_own:
            yield (precision,)
            yield ()

    def _images_per_epoch(self, variant: str) -> int:
        batch: int = self._study.variants[variant].training.batch_size
        return self._study.images["train"] // batch * batch

    def _work(self, variant: str) -> int:
        return _work(self._study.variants[variant], self._study.described.format)


def estimate(steps: Steps) -> Mapping[str, float | None]:
    """Return the seconds that each stale step will take, None where no similar step has run yet."""
    from convnets.training.checkpoints import epochs_done  # imports NumPy, which those who watch do without

    def of_training(step: Step) -> float | None:
        variant, seed = run_of(step.stamp.parent)
        begun = steps.study.layout.trainings / unfinished.name_of(variant, seed)
        return speeds.seconds(variant, epochs_done(begun, step.fingerprint))

    speeds = Speeds(steps.study)
    for folder in steps.study.layout.runs():
        speeds.add_finished(folder)
    return {
        key: of_training(step) if step.rule == TRAINING else _of_other(step, steps)
        for key, step in steps.all.items()
        if steps.is_stale(key)
    }


def _timing(folder: Path, images: ImageFormat) -> Timing | None:
    """Return the timing of a finished run, or None if the folder does not hold one."""
    stamp = stamps.read(folder / stamps.STAMP)
    if stamp is None or not (folder / layout.METRICS).is_file():
        return None
    try:
        metrics, was = reading.read_metrics(folder / layout.METRICS), settings.from_dict(stamp.components["settings"])
        speed = metrics.images_per_second * _work(was, images)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):  # damaged, or the settings are those of another version
        return None
    overhead = IMPORTS_S + stamp.seconds - metrics.train_seconds
    return Timing(metrics.variant, was.training.precision, bool(was.own.network), speed, overhead) if speed > 0 else None


def _work(settings: Settings, images: ImageFormat) -> int:
    """Return the operations of one image's training step; of a network of the user's own, 1: only its images are counted."""
    return 1 if settings.own.network else training_flops(settings.network, images)


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
