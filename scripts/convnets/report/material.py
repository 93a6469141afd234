"""What the overview is made from, what its tables show of that, and how it writes numbers."""

import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from statistics import fmean
from typing import Any

import pandas as pd
from pydantic import TypeAdapter

from convnets import settings, tables
from convnets.data.images import ImageFormat
from convnets.findings import convergence, inference, looks, wording
from convnets.findings.frozen import Standing
from convnets.report.texts import Text, Texts
from convnets.runs import reading
from convnets.runs.run import Run
from convnets.settings import keras_names
from convnets.study.claims import OF_NUMBERS, Claim
from convnets.study.comparisons import Comparison
from convnets.study.quantities import study_of

WHOLE = ("train_seconds", "iterations_to_min_val_loss")  # shown without digits after the point
UNKNOWN = "\N{EM DASH}"
FIGURES = 2  # of the half-width of an interval
KNOWN = ("variants", "convergence", "curves", "claims", "errata", "memory", "vgg16")  # tables
LIBRARIES = ("matplotlib", "numpy", "pandas", "scipy")  # they make tables and figures


@dataclass(frozen=True)
class Material:
    """The data of all sections: the params of the step, claims and comparisons by id, labels, runs, and tables by name.

    `elsewhere` holds the runs of other studies that claims and comparisons name. `standing` tells how the claims stand to those
    frozen before the runs; None if none were.
    """

    settings: Mapping[str, Any]
    claims: Mapping[str, Claim]
    comparisons: Mapping[str, Comparison]
    labels: Mapping[str, str]
    runs: Sequence[Run]
    elsewhere: Sequence[Run]
    tables: Mapping[str, pd.DataFrame]
    standing: Standing | None = None

    @staticmethod
    def read(chosen: Mapping[str, Any], runs: Iterable[Path], elsewhere: Iterable[Path], found: Iterable[Path]) -> "Material":
        """Return the data of the sections from the folders of runs and the files of tables; an InputError if one is damaged."""
        variants = {name: settings.from_dict(value) for name, value in chosen["variants"].items()}
        images = ImageFormat(**chosen["format"])
        own, others = reading.read(runs, variants, images), reading.read_elsewhere(elsewhere, chosen["studies"], images)
        claims = {claim.id: claim for claim in TypeAdapter(list[Claim]).validate_python(chosen["claims"])}
        drawn = {each.id: each for each in TypeAdapter(list[Comparison]).validate_python(chosen["comparisons"])}
        named = {path.stem: tables.read(path) for path in found}
        return Material(chosen, claims, drawn, chosen["labels"], own, others, named)

    @property
    def alpha(self) -> float:
        """The error of the present look."""
        return looks.alpha(self.settings["looks"])

    def runs_of(self, variant: str) -> list[Run]:
        """Return the runs of a variant, which may be of another study."""
        return [run for run in (*self.runs, *self.elsewhere) if run.variant == variant]

    def label(self, variant: str) -> str:
        """Return the label of a variant; of another study, its id and the study."""
        study, own = study_of(variant)
        return f"{own} ({study})" if study else self.labels[variant]

    def quantities(self, variant: str, metrics: Iterable[str], printed: Mapping[str, float]) -> Iterable[tuple[str, str, str]]:
        """Yield the mean of each metric over a variant's runs, its standard deviation where it varies, and the number printed."""
        runs = self.runs_of(variant)
        for metric in metrics:
            found = inference.estimate([run.value(metric) for run in runs])
            interval = (found.mean - found.deviation, found.mean + found.deviation)
            is_whole = metric in WHOLE and not found.has_spread
            number: Callable[[float], str] = "{:,.0f}".format if is_whole else partial(known, interval=interval)
            spread = f"\N{PLUS-MINUS SIGN}\N{NO-BREAK SPACE}{number(found.deviation)}" if found.has_spread else ""
            yield shown(number(found.mean)), spread, as_printed(printed.get(f"{variant}.{metric}"))

    def printed(self, texts: Texts) -> Mapping[str, float]:
        """Return the number that the report prints for each quantity. Beside a report, claims of other sections are left out.

        Of two printed numbers, such as 138,357,544 and 138 million, the more precise one is returned.
        """
        numbers = {spec["number"] for spec in texts.sections}
        named = [claim for claim in self.claims.values() if claim.test in OF_NUMBERS and (claim.section in numbers or not numbers)]
        precise_last = sorted(named, key=lambda claim: claim.margin, reverse=True)
        return {name: number for claim in precise_last for name, number in zip(claim.quantities, claim.reported, strict=True)}

    def speed_and_overfitting(self, texts: Texts) -> Iterable[tuple[pd.DataFrame, Sequence[Text], Text]]:
        """Yield the table of convergence as several tables, each with its headings and its caption."""
        accuracies = self.settings["accuracies"]
        frame = convergence.readable(self.tables["convergence"], accuracies).astype(str).set_index("variant").map(shown)
        reaching = {f"iterations (s) to {one:g}": texts.columns["reaching"].fill(accuracy=f"{one:g}") for one in accuracies}
        headings = {**texts.columns, **reaching}
        for table in texts.appendix["convergence"]["tables"]:
            names = [name for column in table["columns"] for name in (reaching if column == "reaching" else [column])]
            names = [name for name in names if name in frame]  # older histories have no evaluated training images
            yield frame[names], [headings[name] for name in names], table["caption"]

    @property
    def further(self) -> Mapping[str, pd.DataFrame]:
        """The tables for which page and paper have no form of their own: cells as texts, rows named by the first column."""
        further = {name: frame for name, frame in self.tables.items() if name not in KNOWN and not frame.empty}
        return {name: frame.map(_cell).set_index(frame.columns[0]) for name, frame in further.items()}

    def configuration(self) -> tuple[Mapping[str, str], pd.DataFrame]:
        """Return the settings that all variants share, and a row for each variant with the others; names can break at spaces."""
        flat = {run.variant: _with_effect(run.settings) for run in self.runs}
        rows = [{re.sub(r"[._]", " ", name): _value(value) for name, value in flat[variant].items()} for variant in self.labels]
        frame = pd.DataFrame(rows, index=list(self.labels.values())).fillna(UNKNOWN)  # an argument that only some optimizers have
        differs = frame.nunique() > 1
        return dict(frame.loc[:, ~differs].iloc[0]), frame.loc[:, differs]

    def libraries(self) -> Mapping[str, str]:
        """Return the versions of the libraries of the trainings."""
        found = sorted({library for run in self.runs for library in (run.libraries or {}).items()})
        return {name: ", ".join(version for _, version in several) for name, several in groupby(found, key=itemgetter(0))}

    def hardware(self, variant: str) -> Sequence[str]:
        """Return a row of the table of hardware: means over a variant's runs, and the largest peak memory."""
        runs = self.runs_of(variant)
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


def _with_effect(chosen: settings.Settings) -> dict[str, Any]:
    """Return the settings that have an effect: an MLP has no kernels, a 1x1 head no dropout, and not every optimizer a momentum."""
    flat, network = chosen.flat(), chosen.network
    idle = [] if network.filters else ["kernel_size"]
    idle += [] if keras_names.momentum_of(flat["optimizer.name"]) is not None else ["optimizer.momentum"]
    idle += ["dense_units", "dropout"] if network.head == "conv1x1" or not network.dense_units else []
    return {name: value for name, value in flat.items() if name not in idle}


def _value(value: object) -> str:
    """Format a setting for readers."""
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)


def _cell(value: str | float) -> str:
    """Format a cell of a table for readers."""
    return str(value) if isinstance(value, str) else "" if pd.isna(value) else shown(wording.number(float(value)))


def known(value: float, interval: tuple[float, float], printed: float = math.nan) -> str:
    """Format a number with two figures of its interval's half-width: as many digits as are known.

    Without an interval, it has the digits of the number that was printed beside it, if there is one that is not whole.
    """
    half = (interval[1] - interval[0]) / 2
    if math.isfinite(half) and half > 0:
        decimals = FIGURES - 1 - math.floor(math.log10(half))
        return f"{round(value, decimals):,.{max(decimals, 0)}f}"
    if math.isfinite(printed) and not float(printed).is_integer() and not float(value).is_integer():
        return f"{value:,.{len(repr(float(printed)).partition('.')[2])}f}"
    return wording.number(value)


def as_printed(number: float | None) -> str:
    """Format a number with the digits that the report prints; an empty text for None and NaN."""
    return "" if number is None else shown(wording.printed(number))


def shown(text: str) -> str:
    """Replace hyphens by minus signs, and let no line break before a deviation."""
    return text.replace("-", "\N{MINUS SIGN}").replace(" ± ", "\N{NO-BREAK SPACE}±\N{NO-BREAK SPACE}")
