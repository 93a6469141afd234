"""Comparisons as a configuration declares them, and what can be wrong with them."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from convnets.errors import suggest
from convnets.settings.section import Distinct, OneOrMore, Printable, Section, Some, SomeDistinct, Text
from convnets.study.comparisons import PALETTE
from convnets.study.quantities import Named, problems_of_subject

RESERVED = {"vgg16": "the drawing of VGG-16", "overview": "MLflow's view of all runs"}  # names that no comparison may have

Title = Annotated[Text, Field(max_length=200)]  # a figure and the tags of MLflow have room for this much
Split = Literal["validation", "train", "train_eval"]
Color = Annotated[
    str,
    Field(
        pattern=f"^({'|'.join(PALETTE)}|#[0-9a-fA-F]{{6}})$", description=f"one of {', '.join(PALETTE)}, or a hexadecimal #rrggbb"
    ),
]


class Colors(Section):
    """One colour for each split."""

    validation: Color = "black"
    train: Color = "black"


class Published(Section):
    """Curves that were read off published figures, drawn thin beside those of the runs (docs/configuration.md)."""

    curves: Printable = Field("", description="a CSV file; that of the report if not given, where the study replicates one")
    figures: Distinct[Printable] = Field((), description="the figures in that file to take, all if none is given")
    label: Title = Field("published", description="what their lines are called")


class Comparison(Section):
    """A comparison: which variants its figure of learning curves shows, and how."""

    title: Title = Field(description="heading of the figure")
    figure: Printable = Field("", max_length=200, description="name of the figure in the report")
    variants: SomeDistinct[str] = Field(description="ids of variants and grids, in the order of the legend")
    rows: Some[SomeDistinct[Split]] = Field(
        description="rows of panels, each a list of the splits drawn in it; train: means of each epoch's batches, with dropout and "
        "augmentation; train_eval: training images evaluated as validation is"
    )
    labels: Mapping[str, Title] = Field({}, description="labels of variants in this figure, in place of their own")
    colors: Mapping[str, OneOrMore[Color, Colors]] = Field({}, description="the colour of a variant, or one for each split")
    published: Published | None = Field(None, description="curves that were read off published figures")


def problems(
    name: str, comparison: Comparison, known: list[str], grids: Named, studies: Named, replicates: str | None
) -> Iterator[str]:
    """Yield what is wrong with a comparison; `known` are all variants, and the others as in `claims.problems`."""
    where, named = f"comparisons.{name}", [*known, *grids]
    if name in RESERVED:
        yield f"{where} would overwrite {RESERVED[name]}; name the comparison otherwise"
    for variant in comparison.variants:
        if ":" in variant:
            yield from (f"{where}.variants names {problem}" for problem in problems_of_subject(variant, studies))
        elif variant not in named:
            yield f"{where}.variants names {variant!r}, which is no variant{suggest(variant, named)}"
    for key, section in (("labels", comparison.labels), ("colors", comparison.colors)):
        for variant in section:
            if variant not in (*known, *comparison.variants):  # one that is not shown may stay: merging files cannot remove it
                yield f"{where}.{key}.{variant} is no variant{suggest(variant, known)}"
    curves = comparison.published.curves if comparison.published else None
    if curves == "" and not replicates:
        yield f"{where}.published.curves is missing; it names a CSV file of curves"
    elif curves and not Path(curves).is_file():
        yield f"{where}.published.curves is {curves}, which does not exist in {Path.cwd()}"
