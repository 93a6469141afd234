"""Estimates of how long stale steps will take, from the times of finished ones."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from convnets import settings
from convnets.data.images import ImageFormat
from convnets.freshness import stamps
from convnets.networks.formulas import training_flops
from convnets.runs import layout, reading, unfinished
from convnets.runs.layout import run_of
from convnets.settings import Settings
from convnets.training import checkpoints
from convnets.workflow.declarations import TRAINING, Step
from convnets.workflow.steps import Steps


@dataclass(frozen=True)
class Timing:
    """The speed of one finished run: work a second (`_work`), and the seconds spent outside the training loop."""

    variant: str
    precision: str
    is_own: bool
    speed: float
    overhead: float


def estimate(steps: Steps) -> Mapping[str, float | None]:
    """Return the seconds that each stale step will take, None where no similar step has run yet.

    A training's estimate is its number of operations at the speed of earlier runs: of its variant, or else of others. A network of
    the user's own is compared with its own earlier runs only.
    """
    timings = [timing for folder in steps.study.layout.runs() if (timing := _timing(folder, steps.study.described.format))]
    return {
        key: _of_training(step, steps, timings) if step.rule == TRAINING else _of_other(step, steps)
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
    overhead = stamp.seconds - metrics.train_seconds
    return Timing(metrics.variant, was.training.precision, bool(was.own.network), speed, overhead) if speed > 0 else None


def _work(settings: Settings, images: ImageFormat) -> int:
    """Return the operations of one image's training step; of a network of the user's own, 1: only its images are counted."""
    return 1 if settings.own.network else training_flops(settings.network, images)


def _of_training(step: Step, steps: Steps, timings: list[Timing]) -> float | None:
    variant, seed = run_of(step.stamp.parent)
    wanted: Settings = steps.study.variants[variant]
    comparable = [timing for timing in timings if timing.is_own == bool(wanted.own.network)]
    same = [timing for timing in comparable if timing.precision == wanted.training.precision]
    of_variant = [timing for timing in same if timing.variant == variant]
    # The most similar runs first.
    for alike in (of_variant, *(() if wanted.own.network else (same, comparable))):
        if alike:
            batch = wanted.training.batch_size
            begun = steps.study.layout.trainings / unfinished.name_of(variant, seed)
            epochs = wanted.training.epochs - checkpoints.epochs_done(begun, step.fingerprint)
            images = steps.study.images["train"] // batch * batch * epochs
            work = images * _work(wanted, steps.study.described.format)
            seconds: float = work / median(timing.speed for timing in alike) + median(timing.overhead for timing in alike)
            return seconds
    return None


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
