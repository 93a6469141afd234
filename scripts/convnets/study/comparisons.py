"""What a comparison shows: its variants with their labels and colours, and the rows of panels."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import chain, cycle
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # so that the declaration is not among the code of figures
    from convnets.study import declared_comparisons as declared

# Okabe and Ito's palette, which colour-blind readers can tell apart, under the report's names of colours.
PALETTE = {
    "light blue": "#56B4E9",
    "green": "#009E73",
    "orange": "#E69F00",
    "blue": "#0072B2",
    "magenta": "#CC79A7",
    "red": "#D55E00",
    "grey": "#7F7F7F",
    "black": "#000000",
}
HUES = [color for name, color in PALETTE.items() if name not in ("grey", "black")]
# Darker and lighter shades of the hues, for more variants than the palette has colours.
SHADES = [
    "#" + "".join(f"{round(share * int(color[at : at + 2], 16) + (1 - share) * ground):02X}" for at in (1, 3, 5))
    for share, ground in ((0.6, 0), (0.55, 255))
    for color in HUES
]


@dataclass(frozen=True)
class Member:
    """A variant in a comparison: its label there and the hexadecimal colour of each split."""

    variant: str
    label: str
    colors: Mapping[str, str]


@dataclass(frozen=True)
class PublishedCurves:
    """Curves read off published figures: their CSV file ("" for the replicated report's), the figures (none: all), a label."""

    curves: str
    figures: tuple[str, ...]
    label: str


@dataclass(frozen=True)
class Comparison:
    """A comparison: `rows` holds, for each row of panels, the splits drawn in it; `figure` names it in the report, or is empty."""

    id: str
    title: str
    figure: str
    members: tuple[Member, ...]
    rows: tuple[tuple[str, ...], ...]
    published: PublishedCurves | None = None


def resolve(
    name: str, comparison: "declared.Comparison", labels: Mapping[str, str], grids: Mapping[str, Mapping[str, str]]
) -> Comparison:
    """Return a comparison from its declaration, with the variants' own labels and palette colours where it gives none.

    A grid stands for all its members in order. `grids` holds for each grid the values of its members in words, by id; they are the
    labels where the comparison names one grid only.
    """
    named = [grid for grid in comparison.variants if grid in grids]
    labels = {**labels, **(grids[named[0]] if len(named) == 1 else {}), **comparison.labels}
    variants = dict.fromkeys(variant for entry in comparison.variants for variant in grids.get(entry, {entry: ""}))
    given = {variant: _by_split(color) for variant, color in comparison.colors.items()}
    used = {color for variant in variants for color in given.get(variant, {}).values()}
    free = chain((color for color in PALETTE if color not in used), cycle([*SHADES, *PALETTE]))
    members = []
    for variant in variants:
        colors = given[variant] if variant in given else _by_split(next(free))
        hexadecimal = {split: PALETTE.get(color, color) for split, color in colors.items()}
        study, _, own = variant.rpartition(":")
        members.append(Member(variant, labels.get(variant, f"{own} ({study})"), hexadecimal))
    drawn = PublishedCurves(**comparison.published.model_dump()) if comparison.published else None
    return Comparison(name, comparison.title, comparison.figure, tuple(members), comparison.rows, drawn)


def _by_split(color: "str | declared.Colors") -> dict[str, str]:
    own = {"validation": color, "train": color} if isinstance(color, str) else color.model_dump()
    return {**own, "train_eval": own["train"]}
