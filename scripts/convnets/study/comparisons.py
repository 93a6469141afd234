"""What a comparison shows: its variants with their labels and colours, and the rows of panels."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import chain, cycle
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # so that the declaration is not among the code of figures
    from convnets.study import declaration

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


@dataclass(frozen=True)
class Member:
    """A variant in a comparison: its label there and the hexadecimal colour of each split."""

    variant: str
    label: str
    colors: Mapping[str, str]


@dataclass(frozen=True)
class Comparison:
    """A comparison: `rows` holds, for each row of panels, the splits drawn in it; `figure` names it in the report, or is empty."""

    id: str
    title: str
    figure: str
    members: tuple[Member, ...]
    rows: tuple[tuple[str, ...], ...]


def resolve(name: str, comparison: "declaration.Comparison", labels: Mapping[str, str]) -> Comparison:
    """Return a comparison from its declaration, with the variants' own labels and palette colours where it gives none."""
    given = {variant: _by_split(color) for variant, color in comparison.colors.items()}
    used = {color for variant in comparison.variants for color in given.get(variant, {}).values()}
    free = chain((color for color in PALETTE if color not in used), cycle(PALETTE))
    members = []
    for variant in comparison.variants:
        colors = given[variant] if variant in given else _by_split(next(free))
        hexadecimal = {split: PALETTE.get(color, color) for split, color in colors.items()}
        members.append(Member(variant, comparison.labels.get(variant, labels[variant]), hexadecimal))
    return Comparison(name, comparison.title, comparison.figure, tuple(members), comparison.rows)


def _by_split(color: "str | declaration.Colors") -> dict[str, str]:
    return {"validation": color, "train": color} if isinstance(color, str) else color.model_dump()
