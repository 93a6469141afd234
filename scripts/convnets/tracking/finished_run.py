"""A finished run read from its files, and its curves as points in MLflow."""

import getpass
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from mlflow.entities import Metric

from convnets import settings
from convnets.data import kinds
from convnets.data.cifar10 import CLASSES
from convnets.errors import InputError
from convnets.freshness import stamps
from convnets.freshness.stamps import Stamp
from convnets.runs import layout, reading
from convnets.runs.records import Epoch, Metrics, Record, Usage
from convnets.tracking.connection import TRAINING_TAG

HISTORY_COLUMNS = tuple(field.name for field in fields(Epoch) if field.name not in ("epoch", "iteration"))
SCRIPT = "scripts/train_variant.py"  # the source of every run
MEASURED_ON = (
    dict.fromkeys(("best_val_accuracy", "min_val_loss", "final_val_loss", "final_val_accuracy"), "validation")
    | dict.fromkeys(("final_train_loss", "final_train_accuracy"), "train")
    | dict.fromkeys(("test_accuracy", "test_loss"), "test")
)
# The user interface shows metrics named `system/` in a tab of their own.
SYSTEM_METRICS = ("system/cpu_utilization_percentage", "system/process_memory_usage_megabytes")


@dataclass(frozen=True)
class Identity:
    """The identity of a training. `began` is in seconds since 1970, `commit` that of the code, as in the run's record."""

    variant: str
    seed: int
    fingerprint: str
    training: str
    began: float
    commit: str | None = None

    def tags(self) -> dict[str, str]:
        """Return the tags that its run bears."""
        return {"variant": self.variant, "seed": str(self.seed), "fingerprint": self.fingerprint, TRAINING_TAG: self.training}

    def origin(self) -> dict[str, str]:
        """Return MLflow's own tags of a new run: the user, who is whoever brings it, the script and the commit of the code."""
        tags = {"mlflow.user": _user(), "mlflow.source.name": SCRIPT, "mlflow.source.type": "LOCAL"}
        if self.commit:
            commit = self.commit.removesuffix("-dirty")
            tags |= {"mlflow.source.git.commit": commit, "mlflow.git.dirty": str(commit != self.commit).lower()}
        return tags


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # the user has no name, as in a container
        return "unknown"


@dataclass(frozen=True)
class Finished:
    """A finished run, read from its files."""

    folder: Path
    stamp: Stamp
    metrics: Metrics
    history: Sequence[Epoch]
    record: Record

    @staticmethod
    def read(folder: Path) -> "Finished":
        """Read a run's files; an InputError names one that is missing or damaged."""
        stamp = stamps.read(path := folder / stamps.STAMP)
        if stamp is None:
            raise InputError(f"{path} is missing or damaged; run the workflow again")
        try:
            settings.from_dict(stamp.components["settings"])
            metrics = reading.read_metrics(path := folder / layout.METRICS)
            history = reading.read_history(path := folder / layout.HISTORY)
            record = reading.read_record(path := folder / layout.RECORD)
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise InputError(f"{path} is missing or damaged ({error}); run the workflow again") from error
        return Finished(folder, stamp, metrics, history, record)

    @property
    def identity(self) -> Identity:
        """The identity of its training."""
        metrics, record = self.metrics, self.record
        return Identity(metrics.variant, metrics.seed, metrics.fingerprint, record.training, record.began, record.commit)

    @property
    def data_sets(self) -> dict[str, tuple[str, str]]:
        """Each split's name in MLflow and its digest, cut to the length that MLflow takes."""
        kind = self.stamp.components.get("data", {}).get("kind", kinds.NEUTRAL)
        return {split: (f"{kind}-{split}", digest[:36]) for split, digest in self.record.data.items()}

    @property
    def classes(self) -> Sequence[str]:
        """The names of the classes. Older records lack them, and are all of CIFAR-10."""
        return self.record.classes or CLASSES

    @property
    def params(self) -> dict[str, Any]:
        """Every training setting."""
        return settings.from_dict(self.stamp.components["settings"]).flat()

    @property
    def ended(self) -> float:
        """The end of the last epoch, in seconds since 1970."""
        return self.record.usage[-1].ended

    def summary(self, model: str | None = None) -> list[Metric]:
        """Return the numbers of the summary as metrics, of the logged model with this id if one is given.

        A metric that was measured on a split names it. MLflow keeps that of a model's metrics alone.
        """
        at, found = round(self.ended * 1000), []
        for name, value in self.metrics.numbers().items():
            data_set, digest = self.data_sets.get(MEASURED_ON.get(name, ""), (None, None))
            found.append(Metric(name, float(value), at, 0, model_id=model, dataset_name=data_set, dataset_digest=digest))
        return found

    def points(self) -> list[Metric]:
        """Return every point of the run's curves, and its summary."""
        return [*points(self.history, self.record.usage), *self.summary()]


def points(history: Sequence[Epoch], usage: Sequence[Usage]) -> Iterator[Metric]:
    """Yield the points of some epochs. Their step is the iteration, their time that of the measurement."""
    for epoch, used in zip(history, usage, strict=True):
        values: dict[str, float | None] = {name: getattr(epoch, name) for name in HISTORY_COLUMNS}
        values |= dict(zip(SYSTEM_METRICS, (used.cpu_percent, used.memory_bytes / 1e6), strict=True))
        for name, value in values.items():
            if value is not None:  # older histories lack some
                yield Metric(name, float(value), round(used.ended * 1000), epoch.iteration)
