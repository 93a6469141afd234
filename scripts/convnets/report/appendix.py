"""The sections after those of the report: printed numbers, speed and overfitting, configuration, software, hardware."""

from collections.abc import Iterable, Mapping, Sequence
from statistics import fmean
from typing import Any

import pandas as pd

from convnets.findings import convergence, wording
from convnets.report.material import Material, shown
from convnets.report.overview import Cell, Section, Table
from convnets.report.statements import ClaimLine
from convnets.report.texts import Text, Texts, same
from convnets.runs.reading import UNDISTURBED
from convnets.runs.run import Run
from convnets.settings import Settings

OVERFITTING = (
    "epochs to lowest validation loss", "rise of validation loss", "loss gap there", "accuracy gap there", "final loss gap",
    "final accuracy gap",
)  # fmt: skip
SPEED = ("images/s", "s/epoch", "runs that shared their core")
COST = ("parameters", "MFLOP", "activations (MB)", "optimizer (MB)", "peak memory (MB)")


def changes(sections: Sequence[Section], texts: Texts) -> Section:
    """Return the report's numbers beside those here, with differences: a table of measured and one of computed numbers."""
    spec = texts.appendix["changes"]
    lines = [line for section in sections if section.number for line in section.claims]
    columns = (same("2021"), texts.labels["here"], texts.labels["difference"])
    tables = [
        Table(texts.labels["printed_number"], columns, rows, spec[kind])
        for kind, is_exact in (("measured", False), ("computed", True))
        if (rows := _printed_rows(line for line in lines if line.claim.is_exact == is_exact))
    ]
    return Section("changes", "", spec["title"], spec["question"], tables=tuple(tables))


def _printed_rows(lines: Iterable[ClaimLine]) -> tuple[tuple[Text, tuple[Cell, ...]], ...]:
    """Return a row for each printed number; several claims about one number share a row."""
    rows = {}
    for line in lines:
        for measure in line.measures:
            if measure.then:
                name = same(" \N{MIDDLE DOT} ").join([same(line.claim.section), measure.what])
                rows[name, measure.then] = (Cell(measure.then), Cell(measure.here, measure.interval), Cell(measure.difference))
    return tuple((name, cells) for (name, _), cells in rows.items())


def speed_and_overfitting(study: Material, accuracies: Sequence[float], texts: Texts) -> Section:
    """Return the table of convergence as three tables: speed, overfitting, cost."""
    spec = texts.appendix["convergence"]
    shown = convergence.readable(study.tables["convergence"], accuracies)
    reaching = {f"iterations (s) to {number:g}": texts.columns["reaching"].fill(accuracy=f"{number:g}") for number in accuracies}
    headings = {**texts.columns, **reaching}
    tables = [
        _from_frame(shown, {column: headings[column] for column in columns}, texts, spec[name])
        for name, columns in (("speed", [*reaching, *SPEED]), ("overfitting", OVERFITTING), ("cost", COST))
    ]
    named = wording.disturbed(study.runs)
    notes = (spec["disturbed"].fill(runs=named, least=str(UNDISTURBED)),) if named else ()
    return Section("convergence", "", spec["title"], spec["question"], tables=tuple(tables), notes=notes)


def _from_frame(frame: pd.DataFrame, headings: Mapping[str, Text], texts: Texts, caption: Text) -> Table:
    """Return the columns of a frame that have headings, one row per variant."""
    rows = [
        (same(str(variant)), tuple(Cell(shown(str(text))) for text in row))
        for variant, row in zip(frame["variant"], frame[list(headings)].to_numpy(), strict=True)
    ]
    return Table(texts.labels["network"], tuple(headings.values()), tuple(rows), caption)


def configuration(
    settings: Mapping[str, Settings], labels: Mapping[str, str], dataset: Mapping[str, Any], seeds: Sequence[int], texts: Texts
) -> Section:
    """Return the settings that all variants share, and a table of those that differ."""
    spec = texts.appendix["configuration"]
    common, differing = common_and_differing(settings)
    names = list(next(iter(differing.values()), {}))
    rows = [(same(labels[variant]), tuple(Cell(_value(values[name])) for name in names)) for variant, values in differing.items()]
    listed = ", ".join(f"{_words(name)} {_value(value)}" for name, value in common.items())
    share, numbers = f"{dataset['validation_fraction']:.0%}", ", ".join(map(str, seeds))
    data = spec["data"].fill(share=share, split_seed=str(dataset["split_seed"]), seeds=numbers)
    notes = (same(" ").join([spec["common"], same(f"{listed}.")]), data)
    table = Table(texts.labels["network"], tuple(same(_words(name)) for name in names), tuple(rows), spec["differing"])
    return Section("configuration", "", spec["title"], spec["question"], tables=(table,) if names else (), notes=notes)


def common_and_differing(settings: Mapping[str, Settings]) -> tuple[Mapping[str, Any], Mapping[str, Mapping[str, Any]]]:
    """Return the settings that all variants share, and for each variant the others."""
    flat = {variant: value.flat() for variant, value in settings.items()}
    first = next(iter(flat.values()), {})
    common = {name: value for name, value in first.items() if all(other[name] == value for other in flat.values())}
    return common, {
        variant: {name: value for name, value in every.items() if name not in common} for variant, every in flat.items()
    }


def _words(name: str) -> str:
    """Return a setting's name with spaces, where lines can break."""
    return name.replace("_", " ").replace(".", " ")


def _value(value: object) -> str:
    """Format a setting for readers."""
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)


def software(runs: Sequence[Run], own: Mapping[str, str], texts: Texts) -> Section:
    """Return the library versions of the trainings, and those of the tables and this page."""
    spec = texts.appendix["software"]
    training: dict[str, list[str]] = {}
    for name, version in sorted({library for run in runs for library in (run.libraries or {}).items()}):
        training.setdefault(name, []).append(version)
    tables = [
        Table(heading, (texts.columns["version"],), tuple((same(name), (Cell(version),)) for name, version in versions.items()))
        for heading, versions in (
            (spec["training"], {name: ", ".join(found) for name, found in training.items()}),
            (spec["tables"], dict(sorted(own.items()))),
        )
        if versions
    ]
    notes = (spec["caption"], *_missing(sum(run.libraries is None for run in runs), runs, texts))
    return Section("software", "", spec["title"], spec["question"], tables=tuple(tables), notes=notes)


def hardware(runs: Sequence[Run], labels: Mapping[str, str], texts: Texts) -> Section:
    """Return the hardware of the trainings and their times: means over a variant's runs, and the largest peak memory."""
    spec, unknown = texts.appendix["hardware"], "\N{EM DASH}"
    names = ("runs", "seconds", "images_per_second", "processors", "peak_memory", "threads")
    rows = []
    for name, label in labels.items():
        own = [run for run in runs if run.variant == name]
        records = [run.record for run in own if run.record]
        percents = [run.cpu_percent for run in own if run.cpu_percent is not None]
        cells = (
            f"{len(own)}",
            f"{fmean(run.seconds for run in own):,.0f}",
            f"{fmean(run.value('images_per_second') for run in own):,.0f}",
            f"{fmean(percents):.0f} %" if percents else unknown,
            f"{max(record.peak_memory_bytes for record in records) / 1e6:,.0f}" if records else unknown,
            ", ".join(map(str, sorted({record.threads for record in records}))) or unknown,
        )
        rows.append((same(label), tuple(map(Cell, cells))))
    table = Table(texts.labels["network"], tuple(texts.columns[name] for name in names), tuple(rows), spec["caption"])
    seconds = sum(run.seconds for run in runs)
    notes = [spec["total"].fill(hours=f"{seconds / 3600:.1f} h")]
    processors = sorted({run.record.processor for run in runs if run.record})
    devices = sorted({run.record.device for run in runs if run.record})
    if processors:
        notes.append(same(": ").join([texts.columns["processor"], same(f"{'; '.join(processors)} ({', '.join(devices)}).")]))
    notes += _missing(sum(run.record is None for run in runs), runs, texts)
    return Section("hardware", "", spec["title"], spec["question"], tables=(table,), notes=tuple(notes))


def _missing(count: int, runs: Sequence[Run], texts: Texts) -> tuple[Text, ...]:
    """Say how many runs have no record; nothing if all have one."""
    if not count:
        return ()
    return (texts.appendix["not_recorded"].fill(count=str(count), runs=str(len(runs))),)
