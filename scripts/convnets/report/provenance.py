"""How runs were made: settings, library versions, hardware and times."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from convnets.runs.run import Run
from convnets.settings import Settings


@dataclass(frozen=True)
class Machine:
    """The hardware and the times of one variant's runs: means over the runs, and the largest peak memory, in bytes."""

    runs: int
    threads: tuple[int, ...]
    seconds: float
    images_per_second: float
    cpu_percent: float | None
    peak_memory: int | None


def machine(runs: Sequence[Run]) -> Machine:
    """Summarise the making of one variant's runs; None stands for what no run has recorded."""
    known = [run.record for run in runs if run.record]
    percents = [run.cpu_percent for run in runs if run.cpu_percent is not None]
    return Machine(
        runs=len(runs),
        threads=tuple(sorted({record.threads for record in known})),
        seconds=fmean(run.seconds for run in runs),
        images_per_second=fmean(run.value("images_per_second") for run in runs),
        cpu_percent=fmean(percents) if percents else None,
        peak_memory=max((record.peak_memory_bytes for record in known), default=None),
    )


def libraries(runs: Iterable[Run]) -> Mapping[str, tuple[str, ...]]:
    """Return the versions of each library that the runs were trained with."""
    versions: dict[str, set[str]] = {}
    for run in runs:
        for name, version in (run.libraries or {}).items():
            versions.setdefault(name, set()).add(version)
    return {name: tuple(sorted(found)) for name, found in sorted(versions.items())}


def common_and_differing(settings: Mapping[str, Settings]) -> tuple[Mapping[str, Any], Mapping[str, Mapping[str, Any]]]:
    """Return the settings that all variants share, and for each variant the others."""
    flat = {variant: value.flat() for variant, value in settings.items()}
    first = next(iter(flat.values()), {})
    common = {name: value for name, value in first.items() if all(other[name] == value for other in flat.values())}
    return common, {
        variant: {name: value for name, value in every.items() if name not in common} for variant, every in flat.items()
    }
