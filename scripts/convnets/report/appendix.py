"""The tables after the sections of the report: speed and overfitting, configuration, software, hardware."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from operator import itemgetter
from statistics import fmean

import pandas as pd

from convnets.findings import convergence
from convnets.report.material import Material, shown
from convnets.report.texts import Text, Texts
from convnets.runs.run import Run

UNKNOWN = "\N{EM DASH}"


def speed_and_overfitting(study: Material, texts: Texts) -> Iterable[tuple[pd.DataFrame, Sequence[Text], Text]]:
    """Yield the table of convergence as several tables, each with its headings and its caption."""
    accuracies = study.settings["accuracies"]
    frame = convergence.readable(study.tables["convergence"], accuracies).astype(str).set_index("variant").map(shown)
    reaching = {f"iterations (s) to {number:g}": texts.columns["reaching"].fill(accuracy=f"{number:g}") for number in accuracies}
    headings = {**texts.columns, **reaching}
    for table in texts.appendix["convergence"]["tables"]:
        names = [name for column in table["columns"] for name in (reaching if column == "reaching" else [column])]
        yield frame[names], [headings[name] for name in names], table["caption"]


def settings(runs: Iterable[Run], labels: Mapping[str, str]) -> tuple[Sequence[str], pd.DataFrame]:
    """Return the settings that all variants share, and a row for each variant with the others; names can break at spaces."""
    flat = {run.variant: run.settings.flat() for run in runs}
    rows = [
        {name.replace("_", " ").replace(".", " "): _readable(value) for name, value in flat[variant].items()} for variant in labels
    ]
    frame = pd.DataFrame(rows, index=list(labels.values()))
    differs = frame.nunique() > 1
    return [f"{name} {value}" for name, value in frame.loc[:, ~differs].iloc[0].items()], frame.loc[:, differs]


def _readable(value: object) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)


def versions(runs: Iterable[Run]) -> Mapping[str, str]:
    """Return the versions of the libraries of the trainings."""
    found = sorted({library for run in runs for library in (run.libraries or {}).items()})
    return {name: ", ".join(version for _, version in several) for name, several in groupby(found, key=itemgetter(0))}


def hardware(runs: Sequence[Run]) -> Sequence[str]:
    """Return a row of the table of hardware: means over a variant's runs, and the largest peak memory."""
    records = [run.record for run in runs if run.record]
    percents = [run.cpu_percent for run in runs if run.cpu_percent is not None]
    return (
        f"{len(runs)}",
        f"{fmean(run.seconds for run in runs):,.0f}",
        f"{fmean(run.value('images_per_second') for run in runs):,.0f}",
        f"{fmean(percents):.0f} %" if percents else UNKNOWN,
        f"{max(record.peak_memory_bytes for record in records) / 1e6:,.0f}" if records else UNKNOWN,
        ", ".join(map(str, sorted({record.threads for record in records}))) or UNKNOWN,
    )
