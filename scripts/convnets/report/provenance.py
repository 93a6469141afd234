"""How runs were made: what they were set to, which versions computed, on what machine, and how long it took."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import fmean
from typing import Any

from convnets.errors import InputError
from convnets.freshness import stamps
from convnets.freshness.stamps import Stamp
from convnets.runs import layout, reading
from convnets.runs.records import Record, Usage
from convnets.runs.run import Run
from convnets.settings import Settings


@dataclass(frozen=True)
class Made:
    """A run with what is recorded of its making; None where its folder does not hold it.

    Since there may be thousands of runs, `read` keeps little of them: of a record one usage, that of its epochs together, and no
    confusion matrix; of a stamp the versions of libraries.
    """

    run: Run
    record: Record | None
    stamp: Stamp | None


@dataclass(frozen=True)
class Machine:
    """What one variant's runs were trained on and took: means over those that have a record."""

    runs: int
    threads: tuple[int, ...]
    seconds: float
    images_per_second: float
    cpu_percent: float | None
    peak_memory: int | None


def read(runs: Sequence[Run], folders: Iterable[Path]) -> list[Made]:
    """Read the record and the stamp of each run from its folder, `{variant}/seed{seed}`, where there are any.

    Raises
    ------
    InputError
        A record is there and cannot be read.
    """
    places = {(folder.parent.name, folder.name): folder for folder in folders}
    found = []
    for run in runs:
        folder = places[run.variant, f"seed{run.seed}"]
        found.append(Made(run, _record(folder), _stamp(folder)))
    return found


def _record(folder: Path) -> Record | None:
    file = folder / layout.RECORD
    try:
        return _shortened(reading.read_record(file)) if file.is_file() else None
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise InputError(f"{file} cannot be read: {error}") from error


def _shortened(record: Record) -> Record:
    usage = record.usage
    if usage:
        cpu = fmean(epoch.cpu_percent for epoch in usage)
        usage = [Usage(usage[-1].ended, cpu, max(epoch.memory_bytes for epoch in usage))]
    return replace(record, usage=usage, confusion=[])


def _stamp(folder: Path) -> Stamp | None:
    stamp = stamps.read(folder / stamps.STAMP)
    if stamp is None:
        return None
    kept = {"libraries": stamp.components.get("libraries", {})}
    return stamp.model_copy(update={"components": kept, "inputs": {}, "outputs": {}, "sizes": {}})


def machine(made: Sequence[Made]) -> Machine:
    """Summarise the making of one variant's runs."""
    known = [one.record for one in made if one.record]
    return Machine(
        runs=len(made),
        threads=tuple(sorted({record.threads for record in known})),
        seconds=fmean(one.run.train_seconds for one in made),
        images_per_second=fmean(one.run.images_per_second for one in made),
        cpu_percent=fmean(epoch.cpu_percent for record in known for epoch in record.usage) if known else None,
        peak_memory=max((record.peak_memory_bytes for record in known), default=None),
    )


def libraries(made: Iterable[Made]) -> Mapping[str, tuple[str, ...]]:
    """Return the versions of each library that the runs were trained with, as their stamps have them."""
    versions: dict[str, set[str]] = {}
    for one in made:
        for name, version in one.stamp.components.get("libraries", {}).items() if one.stamp else ():
            versions.setdefault(name, set()).add(str(version))
    return {name: _distinct(found) for name, found in sorted(versions.items())}


def common_and_differing(settings: Mapping[str, Settings]) -> tuple[Mapping[str, Any], Mapping[str, Mapping[str, Any]]]:
    """Return the settings that all variants share, and for each variant those that they do not all have alike."""
    flat = {variant: value.flat() for variant, value in settings.items()}
    first = next(iter(flat.values()), {})
    common = {name: value for name, value in first.items() if all(other[name] == value for other in flat.values())}
    return common, {
        variant: {name: value for name, value in every.items() if name not in common} for variant, every in flat.items()
    }


def _distinct(values: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(set(values)))
