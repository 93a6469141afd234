"""What is recorded of a run: `history.csv`, one row per epoch, and `metrics.json`, its summary."""

import csv
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from convnets.files import atomic_path, read_json, write_json


@dataclass(frozen=True)
class Epoch:
    """One row of the history. `train_*` are means over the epoch's batches, dropout and augmentation acting.

    `iteration` counts batches since the start; losses are cross-entropies in nats; `seconds` is the wall time of the epoch with
    its validation.
    """

    epoch: int
    iteration: int
    train_loss: float
    train_accuracy: float
    val_loss: float
    val_accuracy: float
    seconds: float


@dataclass(frozen=True)
class Metrics:
    """The summary of one run, `metrics.json`.

    Losses are cross-entropies in nats, accuracies fractions. The test figures are those of the best epoch's weights, evaluated
    once; the best epoch has the highest validation accuracy, the first of equals.
    """

    variant: str
    seed: int
    parameters: int
    epochs: int
    iterations: int
    best_epoch: int
    best_val_accuracy: float
    min_val_loss: float
    final_val_loss: float
    final_val_accuracy: float
    final_train_loss: float
    final_train_accuracy: float
    test_accuracy: float
    test_loss: float
    train_seconds: float
    images_per_second: float
    fingerprint: str
    mlflow_run_id: str

    def numbers(self) -> dict[str, float]:
        """Return the fields named in `NUMBER_COLUMNS`."""
        return {name: getattr(self, name) for name in NUMBER_COLUMNS}


# Every numeric field but the seed.
NUMBER_COLUMNS = tuple(field.name for field in fields(Metrics) if field.type in (int, float) and field.name != "seed")


def write_history(path: Path, rows: Iterable[Epoch]) -> None:
    """Write one row per epoch."""
    with atomic_path(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, [field.name for field in fields(Epoch)], lineterminator="\n")
        writer.writeheader()
        writer.writerows(asdict(row) for row in rows)


def variant_of(path: Path) -> str:
    """Return the variant of a run's file, from its place `{variant}/seed{seed}/...`."""
    return path.parents[1].name


def write_metrics(path: Path, metrics: Metrics) -> None:
    """Write a run's summary."""
    write_json(path, asdict(metrics))


def read_metrics(path: Path) -> Metrics:
    """Read a run's summary."""
    return Metrics(**read_json(path))
