"""Learning curves: loss and accuracy against iterations, side by side, every line labelled where it ends.

Lines are told apart by their labels and, between splits, by their dashes; colour only helps.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from textwrap import fill
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from convnets.errors import InputError
from convnets.report.line_labels import label_ends
from convnets.runs.layout import HISTORY, subject_of
from convnets.study import published_curves
from convnets.study.comparisons import PALETTE, Comparison, Member
from convnets.style import STYLE

WIDTH_IN, ROW_HEIGHT_IN, LABEL_POINTS = 11.0, 3.9, 9.0
LABEL_HEIGHT = 0.062  # of a panel's height, between the centres of two labels
AROUND_IN = 0.7  # the height of a row that title and axis take
MOST_LINES = 4  # of a label; the rest is left out
LINE_HEIGHT = 0.62  # of that, what each further line of a label adds
SPLITS = {
    "validation": ("val", "validation", "solid"),
    "train": ("train", "training", (0, (4, 1.5))),
    "train_eval": ("train_eval", "training images", (0, (4, 1.5))),
}
OF_PUBLISHED = {"validation": "validation", "train": "train", "train_eval": "train"}  # the split of published curves beside one
QUANTITIES = {"loss": "Loss (cross-entropy)", "accuracy": "Accuracy"}


@dataclass(frozen=True)
class Size:
    """The size of a figure of curves.

    `width` and `row_height`, of a row of panels, are in inches, `label` is the font's size of the lines' labels in points, and
    `style` what it changes in the common style. `wrap` is the number of characters of a line of such a label, None for no limit.
    Panels of loss and accuracy stand side by side, or `is_stacked`. Where a caption says what is shown, it has no title. `tallest`
    is the greatest height of a whole figure in inches; labels that do not fit overlap.
    """

    width: float
    row_height: float
    label: float
    style: Mapping[Any, Any] = field(default_factory=dict)
    wrap: int | None = None
    is_stacked: bool = False
    has_title: bool = True
    tallest: float = math.inf


SCREEN = Size(WIDTH_IN, ROW_HEIGHT_IN, LABEL_POINTS)


@dataclass(frozen=True)
class Curves:
    """The curves of a variant: mean and standard deviation over its runs of each column of the histories, by iteration.

    The standard deviation of one run is 0. Curves that were published (`is_published`) may lack points, which are NaN.
    """

    mean: pd.DataFrame
    deviation: pd.DataFrame
    runs: int
    is_published: bool = False


CurvesBeside = Mapping[tuple[str, str], Curves]  # by variant and split
Line = tuple[Curves, str, str, str]  # curves, split, label and colour


def read_curves(folders: Iterable[Path], studies: Mapping[str, str]) -> dict[str, Curves]:
    """Return the curves of each variant from the histories in the folders of its runs; `studies` as in `layout.subject_of`."""
    frames: dict[str, list[pd.DataFrame]] = {}
    for folder in folders:
        frames.setdefault(subject_of(folder, studies), []).append(pd.read_csv(folder / HISTORY))
    return {variant: curves(found) for variant, found in frames.items()}


def curves(histories: Iterable[pd.DataFrame]) -> Curves:
    """Return the curves of the runs of a variant, for the columns that all have; they must have the same number of epochs."""
    frames = list(histories)
    if len(lengths := {len(frame) for frame in frames}) > 1:
        raise InputError(f"histories of one variant have {' and '.join(map(str, sorted(lengths)))} epochs: its runs are not alike")
    columns = [column for column in frames[0] if all(column in frame for frame in frames)]
    values = np.array([frame[columns] for frame in frames])
    deviations = values.std(0, ddof=1) if len(frames) > 1 else np.zeros_like(values[0])
    mean, deviation = (pd.DataFrame(rows, frames[0]["iteration"], columns) for rows in (values.mean(0), deviations))
    return Curves(mean, deviation, len(frames))


def read_published(path: Path, spec: Comparison) -> CurvesBeside:
    """Return the published curves of a comparison."""
    found = published_curves.read(path, spec.published.figures if spec.published else ())
    drawn = {}
    for keys, points in found.groupby(["variant", "split"]):
        variant, split = map(str, keys)
        by_metric = points.pivot_table(index="iteration", columns="metric", values="value")
        drawn[variant, split] = Curves(by_metric.add_prefix(f"{SPLITS[split][0]}_"), pd.DataFrame(), 1, is_published=True)
    return drawn


def published_of(comparisons: Sequence[Comparison], files: Iterable[Path]) -> dict[str, CurvesBeside]:
    """Return the published curves of each comparison that has any, by id; `files` are those that they name, each once, in order."""
    having = [(spec, spec.published.curves) for spec in comparisons if spec.published]
    paths = dict(zip(dict.fromkeys(name for _, name in having), files, strict=True))
    return {spec.id: read_published(paths[name], spec) for spec, name in having}


def learning_curves(history: pd.DataFrame, title: str) -> Figure:
    """Draw the training and validation curves of one run."""
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(WIDTH_IN, ROW_HEIGHT_IN), layout="constrained")
        found, colors = curves([history]), {"train": PALETTE["orange"], "validation": PALETTE["blue"]}
        for axes, quantity in zip(figure.subplots(1, 2), QUANTITIES, strict=True):
            _draw_panel(axes, quantity, [(found, split, SPLITS[split][1], color) for split, color in colors.items()])
        figure.suptitle(title, x=0.01, ha="left", weight="bold")
        return figure


def comparison(spec: Comparison, found: Mapping[str, Curves], beside: CurvesBeside | None = None, size: Size = SCREEN) -> Figure:
    """Draw a comparison from the curves of each variant, and those that were published of it."""
    with mpl.rc_context({**STYLE, **size.style}):
        drawn = [[*_lines(spec, splits, found, size), *_lines_beside(spec, splits, beside or {}, size)] for splits in spec.rows]
        height = size.row_height * max(1, *(len(lines) * _label_height(lines, size) for lines in drawn))  # room for all labels
        columns = 1 if size.is_stacked else len(QUANTITIES)
        rows = len(spec.rows) * len(QUANTITIES) // columns
        height = min(height, size.tallest / rows)
        figure = Figure(figsize=(size.width, 0.5 * size.has_title + height * rows), layout="constrained")
        panels = iter(figure.subplots(rows, columns, squeeze=False).flat)
        for lines, splits in zip(drawn, spec.rows, strict=True):
            names = " and ".join(SPLITS[split][1] for split in splits)
            for quantity in QUANTITIES:
                axes = next(panels)
                _draw_panel(axes, quantity, lines, size)
                axes.set_title(f"{QUANTITIES[quantity]}, {names}")
        if size.has_title:
            _write_titles(figure, spec, found)
        return figure


def _lines(spec: Comparison, splits: Sequence[str], found: Mapping[str, Curves], size: Size) -> Iterable[Line]:
    """Yield the lines of each member in a row of panels, named by its split where the row shows several."""
    for member, split in product(spec.members, splits):
        yield _line(member, split, found[member.variant], size, [SPLITS[split][1]] * (len(splits) > 1))


def _lines_beside(spec: Comparison, splits: Sequence[str], beside: CurvesBeside, size: Size) -> Iterable[Line]:
    """Yield the published lines in a row of panels, named by what they are of where that is not plain."""
    for member, split in product(spec.members, splits):
        kind = OF_PUBLISHED[split]
        if spec.published and (curves := beside.get((member.variant, kind))):
            what = ["batches"] if kind != split else [SPLITS[kind][1]] * (len(splits) > 1)
            yield _line(member, split, curves, size, [*what, spec.published.label])


def _line(member: Member, split: str, curves: Curves, size: Size, more: Iterable[str]) -> Line:
    """Return the line of a member in a row of panels; its label ends with `more`."""
    label = ", ".join([member.label, *more])
    if size.wrap:
        label = fill(label, size.wrap, max_lines=MOST_LINES, placeholder=" \N{HORIZONTAL ELLIPSIS}")
    return curves, split, label, member.colors[split]


def _label_height(lines: Sequence[Line], size: Size) -> float:
    """Return the height of the tallest label of a panel, with the space about it, as a fraction of that of the panel."""
    scale = size.label / LABEL_POINTS * (ROW_HEIGHT_IN - AROUND_IN) / (size.row_height - AROUND_IN)
    further = max(label.count("\n") for _, _, label, _ in lines) if size.wrap else 0
    return LABEL_HEIGHT * scale * (1 + LINE_HEIGHT * further)


def _write_titles(figure: Figure, spec: Comparison, found: Mapping[str, Curves]) -> None:
    """Write the title of a comparison above it, and what its lines show below."""
    seeds = {one.runs for one in found.values()}
    count = "/".join(map(str, sorted(seeds)))
    spread = "One run per variant" if seeds == {1} else f"Mean and standard deviation of {count} seeds"
    figure.suptitle(f"{spec.figure}. {spec.title}" if spec.figure else spec.title, x=0.01, ha="left", weight="bold")
    figure.supxlabel(f"{spread}; a dot marks each line's best value", x=0.99, ha="right", fontsize=8.5, color="#555555")


def _draw_panel(axes: Axes, quantity: str, lines: Sequence[Line], size: Size = SCREEN) -> None:
    """Draw the lines of one panel, each given by its curves, split, label and colour, and their labels."""
    ends = []
    for found, split, label, color in lines:
        prefix, _, dashes = SPLITS[split]
        column = f"{prefix}_{quantity}"
        if found.is_published:
            ends += _draw_published(axes, found, f"{SPLITS[OF_PUBLISHED[split]][0]}_{quantity}", (label, color, dashes))
            continue
        if column not in found.mean:
            raise InputError(f"the histories of '{label}' have no {column}; train its runs again, or draw another split")
        mean, deviation = found.mean[column], found.deviation[column]
        axes.plot(mean, color=color, linestyle=dashes)
        if deviation.any():
            axes.fill_between(mean.index, mean - deviation, mean + deviation, color=color, alpha=0.2, linewidth=0)
        best = mean.nsmallest(1) if quantity == "loss" else mean.nlargest(1)
        axes.plot(best, "o", color=color, markersize=4.5, markeredgecolor="white")
        ends.append((mean.iloc[-1], mean.index[-1], label, color))
    axes.set_title(QUANTITIES[quantity])
    axes.set_xlabel("Iterations")
    axes.set_xlim(0, max(right for _, right, _, _ in ends))
    axes.xaxis.set_major_locator(mpl.ticker.MaxNLocator(5, integer=True))
    axes.xaxis.set_major_formatter(mpl.ticker.StrMethodFormatter("{x:,.0f}"))
    label_ends(axes, sorted(ends, key=lambda end: end[0]), size.label, _label_height(lines, size))


def _draw_published(axes: Axes, found: Curves, column: str, style: tuple[str, str, Any]) -> list[tuple[float, float, str, str]]:
    """Draw a published curve, thin, with its gaps; return its end as of a line, or nothing if it has no such points."""
    label, color, dashes = style
    values = found.mean.get(column, pd.Series(dtype=float))
    known = values.dropna()
    if known.empty:
        return []
    width = 0.45 * mpl.rcParams["lines.linewidth"]
    axes.plot(values, color=color, linestyle=dashes, linewidth=width)
    alone = values[values.shift(1).isna() & values.shift(-1).isna()]
    axes.plot(alone, "o", color=color, markersize=2 * width, markeredgewidth=0)
    return [(known.iloc[-1], known.index[-1], label, color)]
