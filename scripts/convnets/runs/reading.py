"""Reading of runs from their files, with checks."""

import csv
import math
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import fields, replace
from pathlib import Path
from statistics import fmean
from typing import Any, cast

from convnets.data.images import ImageFormat
from convnets.errors import InputError
from convnets.files import read_json
from convnets.runs import histories
from convnets.runs.layout import HISTORY, METRICS, RECORD, STAMP, name_of
from convnets.runs.records import NUMBER_COLUMNS, Epoch, Metrics, Record, Usage
from convnets.runs.run import Run
from convnets.settings import Settings


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
    """Return whether a value from a JSON file is a finite number."""
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


def read_record(path: Path) -> Record:
    """Read how a run was trained."""
    value = read_json(path)
    return Record(**{**value, "usage": [Usage(**epoch) for epoch in value["usage"]]})


def read(files: Iterable[Path], settings: Mapping[str, Settings], images: ImageFormat) -> list[Run]:
    """Read runs from their files, sorted by variant and seed. Only the landmarks of each history are kept.

    Parameters
    ----------
    files
        `history.csv` and `metrics.json` of each run; optionally `record.json`, and `stamp.json` for the libraries.
    settings
        The settings of each variant.
    images
        The format of the images that the runs were trained on.

    Raises
    ------
    InputError
        A run is not complete, is of another variant, or one of its files cannot be read.
    """
    folders: dict[Path, dict[str, Path]] = defaultdict(dict)
    for file in files:
        folders[file.parent][file.name] = file
    runs = [_read_run(folder, found, settings, images) for folder, found in folders.items()]
    return sorted(runs, key=lambda run: (run.variant, run.seed))


def read_summary(path: Path) -> Metrics:
    """Read a run's summary from its folder, `{variant}/seed{seed}`.

    Raises
    ------
    InputError
        It cannot be read, or is that of another run.
    """
    try:
        metrics = read_metrics(path)
    except (OSError, ValueError, TypeError) as error:
        raise _unreadable(path, error) from error
    found, expected = f"{metrics.variant}/seed{metrics.seed}", name_of(path.parent)
    if found != expected:
        raise InputError(f"{path} is the summary of {found}, not of {expected}")
    return metrics


def _unreadable(file: Path, error: Exception) -> InputError:
    return InputError(f"{file} cannot be read: {error}; remove the folder {file.parent} to train this run again")


def _read_run(folder: Path, files: Mapping[str, Path], settings: Mapping[str, Settings], images: ImageFormat) -> Run:
    for name in (HISTORY, METRICS):
        if name not in files:
            raise InputError(f"the run in {folder} was given without its {name}")
    metrics, record, libraries = read_summary(files[METRICS]), None, None
    file = files[HISTORY]
    try:
        history = tuple(read_history(file))
        if RECORD in files:
            file = files[RECORD]
            record = read_record(file)
        libraries = record.libraries if record else None
        if STAMP in files and not libraries:  # an older record lacks them
            file = files[STAMP]
            libraries = read_json(file)["components"]["libraries"]
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise _unreadable(file, error) from error
    numbers = [*(value for row in history for value in vars(row).values()), *metrics.numbers().values()]
    if not history or not all(map(math.isfinite, numbers)):
        raise InputError(f"the run in {folder} has no epochs, or values that are not finite; remove the folder to train it again")
    if metrics.variant not in settings:
        raise InputError(f"{folder} holds a run of {metrics.variant}, which is none of {', '.join(settings)}")
    # With a GPU or several threads, this thread also waits for them, so its use of the processor says nothing.
    tells = record is not None and record.device == "CPU" and record.threads == 1
    disturbed = histories.was_disturbed(history, record.usage) if record and tells else None
    cpu_percent = fmean(epoch.cpu_percent for epoch in record.usage) if record and record.usage else None
    kept, seconds = histories.landmarks_of(history), histories.elapsed(history)
    return Run(
        variant=metrics.variant,
        seed=metrics.seed,
        settings=settings[metrics.variant],
        images=images,
        landmarks=tuple(history[position] for position in kept),
        elapsed=tuple(seconds[position] for position in kept),
        metrics=metrics,
        record=replace(record, usage=(), confusion=()) if record else None,
        cpu_percent=cpu_percent,
        is_disturbed=disturbed,
        libraries=libraries,
    )
