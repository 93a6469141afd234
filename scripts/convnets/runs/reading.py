"""Reading of runs from their files, with checks."""

import csv
import math
from array import array
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from itertools import accumulate
from pathlib import Path
from statistics import fmean
from typing import TypeVar

from pydantic import ValidationError

from convnets.data.images import ImageFormat
from convnets.errors import InputError
from convnets.files import read_json
from convnets.runs.layout import HISTORY, METRICS, RECORD, STAMP, Layout, name_of, run_of, subject_of
from convnets.runs.records import Epoch, Metrics, Record, Usage
from convnets.runs.run import LAST, Run
from convnets.settings import Settings, from_dict

# Percent of one core. An epoch that got less was disturbed by other processes. Trainings on one thread with a core of their own get
# 95 to 99 % on average. The rest is mostly checkpoints, which take up to 14 % of epochs that last a second.
UNDISTURBED = 85
TOO_SHORT = 1.0  # seconds; in shorter epochs, a checkpoint or a pause weighs too much
FILES = (HISTORY, METRICS, RECORD, STAMP)  # of a run, those that tell its result and its settings
UNREADABLE = (OSError, ValueError, TypeError, KeyError)

T = TypeVar("T")


def _valid(kind: Callable[..., T], value: Mapping[str, object]) -> T:
    try:
        return kind(**value)
    except ValidationError as error:
        wrong = ("{}: {msg}".format(".".join(map(str, one["loc"])), **one) for one in error.errors())
        raise ValueError("; ".join(wrong)) from error


def read_metrics(path: Path) -> Metrics:
    """Read a run's summary; a ValueError or a TypeError if it is not one."""
    return _valid(Metrics, read_json(path))


def read_history(path: Path) -> list[Epoch]:
    """Read a run's history; a ValueError or a TypeError if it is not one."""
    with path.open(newline="", encoding="utf-8") as file:
        rows = [_valid(Epoch, row) for row in csv.DictReader(file)]
    if not rows:
        raise ValueError("it has no epochs")
    return rows


def read_record(path: Path) -> Record:
    """Read how a run was trained; a ValueError or a TypeError if the file does not tell."""
    return _valid(Record, read_json(path))


def flops_of(folders: Iterable[Path]) -> int | None:
    """Return the operations of one image's training step, by the first record among these runs that has them; None if none has."""
    for folder in folders:
        with suppress(*UNREADABLE):
            if (found := read_record(folder / RECORD).training_flops) is not None:
                return found
    return None


def read_summary(path: Path) -> Metrics:
    """Read a run's summary from its folder, `{variant}/seed{seed}`; an InputError if that fails, or it is of another run."""
    with _reading(path):
        metrics = read_metrics(path)
    found, expected = f"{metrics.variant}/seed{metrics.seed}", name_of(path.parent)
    if found != expected:
        raise InputError(f"{path} is the summary of {found}, not of {expected}")
    return metrics


def read(folders: Iterable[Path], settings: Mapping[str, Settings], images: ImageFormat) -> list[Run]:
    """Read runs from their folders, sorted by variant and seed. Only the landmarks of each history are kept.

    A folder holds `history.csv` and `metrics.json`; optionally `record.json`, and `stamp.json` for the libraries. An InputError
    says that a run is not complete, is not of the variants in `settings`, or that a file cannot be read.
    """
    runs = [_read_run(folder, settings, images) for folder in folders]
    return sorted(runs, key=lambda run: (run.variant, run.seed))


def runs_by_variant(folder: Path) -> dict[str, list[Path]]:
    """Return the folders of a study's finished runs by variant, the lowest seed first."""
    found = defaultdict[str, list[Path]](list)
    for run in sorted(Layout(folder).runs(), key=lambda run: int(run_of(run)[1])):
        if all((run / name).is_file() for name in FILES):
            found[run.parent.name].append(run)
    return dict(found)


def runs_elsewhere(subjects: Iterable[str], studies: Mapping[str, Path]) -> list[Path]:
    """Return the folders of the finished runs of those of some variants that are of other studies (`study:variant`)."""
    named = [subject.rpartition(":")[::2] for subject in dict.fromkeys(subjects) if ":" in subject]
    found = {study: runs_by_variant(studies[study]) for study, _ in named}
    return [run for study, variant in named for run in found[study].get(variant, ())]


def read_elsewhere(folders: Iterable[Path], studies: Mapping[str, str | Path], images: ImageFormat) -> list[Run]:
    """Read runs of other studies, `studies` being their results folders by id. Each run's stamp tells its settings.

    Their variants are named `study:variant`. The manifest beside the runs tells the format of the images; where it does not,
    that is `images`. An InputError as of `read`.
    """
    found = []
    for folder in folders:
        try:
            chosen = from_dict(read_json(folder / STAMP)["components"]["settings"])
            manifest = read_json(path) if (path := Layout(folder.parents[2]).manifest).is_file() else {}
            own = ImageFormat(tuple(manifest["shape"]), tuple(manifest["classes"])) if "shape" in manifest else images
        except UNREADABLE as error:
            raise InputError(f"the settings of {folder} cannot be read: {error}") from error
        run = _read_run(folder, {folder.parent.name: chosen}, own)
        found.append(replace(run, variant=subject_of(folder, studies)))
    return sorted(found, key=lambda run: (run.variant, run.seed))


@contextmanager
def _reading(file: Path) -> Iterator[Path]:
    """Let what is wrong with a file of a run be an InputError."""
    try:
        yield file
    except UNREADABLE as error:
        raise InputError(f"{file} cannot be read: {error}; remove the folder {file.parent} to train this run again") from error


def _read_run(folder: Path, settings: Mapping[str, Settings], images: ImageFormat) -> Run:
    for name in (HISTORY, METRICS):
        if not (folder / name).is_file():
            raise InputError(f"the run in {folder} was given without its {name}")
    metrics = read_summary(folder / METRICS)
    if metrics.variant not in settings:
        raise InputError(f"{folder} holds a run of {metrics.variant}, which is none of {', '.join(settings)}")
    with _reading(folder / HISTORY) as file:
        history = read_history(file)
    with _reading(folder / RECORD) as file:
        record = read_record(file) if file.is_file() else None
    libraries = record.libraries if record else None
    with _reading(folder / STAMP) as file:
        if not libraries and file.is_file():  # an older record lacks them
            libraries = read_json(file)["components"]["libraries"]
    # With a GPU or several threads, this thread also waits for them, so its use of the processor says nothing.
    tells = record is not None and record.device == "CPU" and record.threads == 1
    kept, seconds = landmarks_of(history), list(accumulate(row.seconds for row in history))
    return Run(
        variant=metrics.variant,
        seed=metrics.seed,
        settings=settings[metrics.variant],
        images=images,
        landmarks=tuple(history[position] for position in kept),
        elapsed=tuple(seconds[position] for position in kept),
        metrics=metrics,
        record=replace(record, usage=(), confusion=()) if record else None,
        cpu_percent=fmean(epoch.cpu_percent for epoch in record.usage) if record and record.usage else None,
        is_disturbed=was_disturbed(history, record.usage) if record and tells else None,
        libraries=libraries,
        val_losses=array("d", (row.val_loss for row in history)),
        val_accuracies=array("d", (row.val_accuracy for row in history)),
    )


def landmarks_of(history: Sequence[Epoch]) -> list[int]:
    """Return the positions of the epochs that determine every metric of a run: few, however long the run.

    They are each epoch with a new highest validation accuracy, the first with the lowest validation loss, and the last five.
    """
    lowest = min(range(len(history)), key=lambda position: history[position].val_loss)
    kept, best = [], -math.inf
    for position, row in enumerate(history):
        if row.val_accuracy > best or position == lowest or position >= len(history) - LAST:
            kept.append(position)
        best = max(best, row.val_accuracy)
    return kept


def was_disturbed(history: Iterable[Epoch], usage: Iterable[Usage]) -> bool:
    """Return whether any epoch after the first, which includes set-up, got less than `UNDISTURBED` percent of a core."""
    epochs = list(zip(history, usage, strict=False))[1:]
    return any(used.cpu_percent < UNDISTURBED for row, used in epochs if row.seconds >= TOO_SHORT)
