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
    """The speed of one finished run: floating-point operations a second, and the seconds spent outside the training loop."""

    variant: str
    precision: str
    flops_per_second: float
    overhead: float


def estimate(steps: Steps) -> Mapping[str, float | None]:
    """Return the seconds that each stale step will take, None where no similar step has run yet.

    A training's estimate is its number of operations at the speed of earlier runs: of its variant, or else of others.
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
        rate = metrics.images_per_second * training_flops(was.network, images)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):  # damaged, or the settings are those of another version
        return None
    overhead = stamp.seconds - metrics.train_seconds
    return Timing(metrics.variant, was.training.precision, rate, overhead) if rate > 0 else None


def _of_training(step: Step, steps: Steps, timings: list[Timing]) -> float | None:
    variant, seed = run_of(step.stamp.parent)
    wanted: Settings = steps.study.variants[variant]
    # The most similar runs first.
    for alike in (
        [timing for timing in timings if timing.variant == variant and timing.precision == wanted.training.precision],
        [timing for timing in timings if timing.precision == wanted.training.precision],
        timings,
    ):
        if alike:
            batch = wanted.training.batch_size
            begun = steps.study.layout.trainings / unfinished.name_of(variant, seed)
            epochs = wanted.training.epochs - checkpoints.epochs_done(begun, step.fingerprint)
            images = steps.study.images["train"] // batch * batch * epochs
            rate = median(timing.flops_per_second for timing in alike)
            flops = training_flops(wanted.network, steps.study.described.format)
            return images * flops / rate + median(timing.overhead for timing in alike)
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
