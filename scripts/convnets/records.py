"""What is recorded of a run: `history.csv`, one row per epoch; `metrics.json`, its summary; `record.json`, how it was trained."""

import csv
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, cast

from convnets.files import atomic_path, read_json, write_json

# A run's files, in its folder.
HISTORY, METRICS, MODEL, RECORD = "history.csv", "metrics.json", "model.keras", "record.json"
RUN_FILES = (HISTORY, METRICS, MODEL, RECORD)


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


@dataclass(frozen=True)
class Usage:
    """What the training process used during an epoch.

    `ended` is its end in seconds since 1970, `cpu_percent` the use of processors in percent of one core, `memory_bytes` what is
    resident at the end.
    """

    ended: float
    cpu_percent: float
    memory_bytes: int


@dataclass(frozen=True)
class Record:
    """How a run was trained, `record.json`.

    `training` is a token that this training alone bears, `began` its start in seconds since 1970, `processor` the one that it ran
    on (or those, if it went on on another, where the last bits may differ), `data` the SHA-256 of each split,
    `usage` one entry per epoch, and `confusion` counts the test images: of each class (row) those put into each class (column).
    `precision` is that of the computation; earlier records do not say it.
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
    """Read a run's summary.

    Raises
    ------
    ValueError, TypeError
        It is not a summary.
    """
    metrics = Metrics(**read_json(path))
    for name in (*NUMBER_COLUMNS, "seed"):
        if not is_number(getattr(metrics, name)):
            raise ValueError(f"{name} is {getattr(metrics, name)!r}, not a number")
    return metrics


def is_number(value: object) -> bool:
    """Return whether what a JSON file holds is a finite number."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def read_history(path: Path) -> list[Epoch]:
    """Read a run's history.

    Raises
    ------
    ValueError, TypeError, KeyError
        It is not a history.
    """
    types = {field.name: int if field.type is int else float for field in fields(Epoch)}
    with path.open(newline="", encoding="utf-8") as file:
        reader = csv.DictReader(file)
        if tuple(reader.fieldnames or ()) != tuple(types):
            raise ValueError(f"it has not the columns {', '.join(types)}")
        rows = ({name: types[name](value) for name, value in row.items()} for row in reader)
        return [Epoch(**cast("dict[str, Any]", row)) for row in rows]


def write_record(path: Path, record: Record) -> None:
    """Write how a run was trained."""
    write_json(path, asdict(record))


def read_record(path: Path) -> Record:
    """Read how a run was trained."""
    value = read_json(path)
    return Record(**{**value, "usage": [Usage(**epoch) for epoch in value["usage"]]})
