"""What a training records: `history.csv`, one row per epoch; `metrics.json`, a summary; `record.json`, how the run was made."""

import csv
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, field, fields
from pathlib import Path

from pydantic.dataclasses import dataclass

from convnets.files import atomic_path, write_json


@dataclass(frozen=True, config={"allow_inf_nan": False, "extra": "forbid"})
class Epoch:
    """One row of the history. Losses are cross-entropies in nats, accuracies fractions.

    `iteration` counts batches since the start. `train_loss` and `train_accuracy` are means over the epoch's batches, with dropout
    and augmentation; `train_eval_*` are of the first 5,000 training images at the end of the epoch, measured as validation is, and
    None in older histories. `seconds` is the wall time of the epoch with its validation, without the evaluation of training images.
    """

    epoch: int
    iteration: int
    train_loss: float
    train_accuracy: float
    val_loss: float
    val_accuracy: float
    seconds: float
    train_eval_loss: float | None = None
    train_eval_accuracy: float | None = None


@dataclass(frozen=True, config={"strict": True, "allow_inf_nan": False, "extra": "forbid"})
class Metrics:
    """The summary of one run, `metrics.json`.

    Losses are cross-entropies in nats, accuracies fractions. The test figures are those of the best epoch's weights, evaluated
    once; the best epoch has the highest validation accuracy, the first of equals. `mlflow_run_id` is None until the run is tracked.
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
    mlflow_run_id: str | None

    def numbers(self) -> dict[str, float]:
        """Return the fields named in `NUMBER_COLUMNS`."""
        return {name: getattr(self, name) for name in NUMBER_COLUMNS}


@dataclass(frozen=True, config={"extra": "forbid"})
class Usage:
    """What the training process used during an epoch.

    `ended` is the end of the epoch in seconds since 1970, `cpu_percent` the use of processors in percent of one core,
    `memory_bytes` the resident memory at the end.
    """

    ended: float
    cpu_percent: float
    memory_bytes: int


@dataclass(frozen=True, config={"extra": "forbid"})
class Record:
    """How a run was trained, `record.json`.

    `training` is the unique token of the training, `began` its start in seconds since 1970. `processor` is the one that it ran on,
    or several if it resumed on another, where the last bits may differ. `data` holds the SHA-256 of each split, `usage` one entry
    per epoch. `confusion` counts the test images: those of each class (row) that were put into each class (column). `precision` is
    that of the computation, `weights` holds the SHA-256 of the weights after each epoch, `classes` the names of the classes,
    `libraries` the versions of the libraries. `training_flops` are the operations of one image's training step, `activations` the
    values that its forward pass keeps; None where a layer's are not known. `commit` is the Git commit of the code, followed by
    `-dirty` if a file differed from it. Older records lack these seven.
    """

    training: str
    began: float
    processor: str
    device: str
    threads: int
    deterministic: bool
    peak_memory_bytes: int
    data: Mapping[str, str]
    usage: Sequence[Usage]
    confusion: Sequence[Sequence[int]]
    precision: str | None = None
    weights: Sequence[str] = ()
    classes: Sequence[str] = ()
    libraries: Mapping[str, str] = field(default_factory=dict)
    training_flops: int | None = None
    activations: int | None = None
    commit: str | None = None


# Every numeric field but the seed.
NUMBER_COLUMNS = tuple(field.name for field in fields(Metrics) if field.type in (int, float) and field.name != "seed")


def write_history(path: Path, rows: Iterable[Epoch]) -> None:
    """Write one row per epoch, without columns that the first lacks."""
    values = [asdict(row) for row in rows]
    with atomic_path(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        known = [field.name for field in fields(Epoch) if not values or values[0][field.name] is not None]
        writer = csv.DictWriter(file, known, extrasaction="ignore", lineterminator="\n")
        writer.writeheader()
        writer.writerows(values)


def write_metrics(path: Path, metrics: Metrics) -> None:
    """Write a run's summary."""
    write_json(path, asdict(metrics))


def write_record(path: Path, record: Record) -> None:
    """Write how a run was trained."""
    write_json(path, asdict(record))
