"""The settings of one training: their only declaration, and their resolution for a variant.

A new setting is one field here, with a `Neutral` value (`section`): `pooling: Annotated[Literal["max", "mean"], Neutral("max")] =
Field("max", description="...")`. Schema, fingerprints, tracking and the page follow from it. Knows `hardware` and `errors`.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, JsonValue, model_validator
from pydantic_core import PydanticCustomError

from convnets import hardware
from convnets.settings import keras_names
from convnets.settings.section import Argument, Count, Listed, Neutral, OneOrMore, Printable, Section, Whole


class Network(Section):
    """A stack of convolution blocks (convolution, ReLU, 2x2 max pooling) under a head.

    The "dense" head is fully connected layers, each followed by ReLU and dropout, and the output layer. The "conv1x1" head is a
    1x1 convolution with one filter per class and average pooling; it has no fully connected layer, hence no dropout acts.
    """

    filters: Listed[Count] = Field(
        (16, 32, 64), description="number of filters of each convolution block, at most five; [] for a plain MLP"
    )
    kernel_size: Whole = Field(  # 0 only in resolved settings without convolution blocks
        5, ge=0, le=32, description="side of the square kernels in pixels, from 1 to 32", json_schema_extra={"minimum": 1}
    )
    head: Literal["dense", "conv1x1"] = Field(
        "dense", description="fully connected layers, or a 1x1 convolution and average pooling"
    )
    dense_units: Listed[Count] = Field((50,), description="units of each fully connected layer before the output layer")
    dropout: float = Field(0.5, ge=0, lt=1, description="fraction dropped after each fully connected layer, from 0 to below 1")


class Optimizer(
    Section,
    extra="allow",
    json_schema_extra={
        "dependentRequired": {"name": ["learning_rate"]},
        "propertyNames": {"enum": ["name", "learning_rate", *keras_names.OPTIMIZER_ARGUMENTS]},
    },
):
    """A Keras optimizer; if `name` is given, `learning_rate` is required. Further keys are its arguments, as Keras names them."""

    __pydantic_extra__: dict[str, Argument]

    name: keras_names.OptimizerName = Field("rmsprop", description="the optimizer: the name of its class in small letters")
    learning_rate: OneOrMore[Annotated[float, Field(gt=0)], keras_names.Schedule] = Field(
        0.0005, description="step size above 0, or a schedule by the name of its class with its arguments"
    )
    momentum: float = Field(0.0, ge=0, lt=1, description="for rmsprop, sgd and muon, from 0 to below 1")

    @property
    def arguments(self) -> Mapping[str, Any]:
        """The arguments beside those that every optimizer has here."""
        return self.__pydantic_extra__

    @model_validator(mode="before")
    @classmethod
    def _with_momentum(cls, given: object) -> object:
        """Give momentum Keras's default, since it is always part of the settings."""
        if isinstance(given, Mapping) and "momentum" not in given and isinstance(given.get("name"), str):
            return {**given, "momentum": keras_names.momentum_of(given["name"]) or 0.0}
        return given

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        if "name" in self.model_fields_set and "learning_rate" not in self.model_fields_set:
            raise PydanticCustomError("incomplete", "name needs learning_rate beside it")
        return self

    def updated(self, changes: Mapping[str, Any]) -> Self:
        """Return the optimizer with changed values; `name` replaces it, since another's learning rate is a poor default."""
        return type(self)(**changes) if "name" in changes else super().updated(changes)


def _flip(given: object) -> object:
    return True if given == "image" else given


class Augmentation(Section):
    """Random changes of each training image, in this order."""

    horizontal_flip: Annotated[Literal[False, True, "batch"], BeforeValidator(_flip)] = Field(
        False,
        description="image (or true): each image with probability 1/2; batch: all images of a batch with probability 1/2; false",
        json_schema_extra={"enum": [False, True, "image", "batch"]},
    )
    channel_offset: float = Field(
        0.0, ge=0, description="deviation of a Gaussian offset per image and channel, on standardised images"
    )
    accumulate: Annotated[bool, Neutral(False)] = Field(
        False, description="whether an image keeps its offsets, so that they add up from epoch to epoch"
    )
    layers: Annotated[Listed[keras_names.Layer], Neutral(())] = Field(
        (), description="Keras's image layers by the names of their classes, each with its arguments, on standardised images"
    )


class Training(Section):
    """How a network is trained."""

    epochs: Count = Field(29, description="passes over the training images")
    batch_size: Count = Field(64, description="images per iteration")
    optimizer: Optimizer = Field(Optimizer(), description="a Keras optimizer; with name, learning_rate is required")
    precision: Literal["float32", "mixed_bfloat16", "auto"] = Field(
        "float32", description="auto: bfloat16 where the processor multiplies it natively"
    )
    augmentation: Augmentation = Field(Augmentation(), description="random changes of each training image")


class Own(Section):
    """A network of the user's own, made by a function in a file.

    `function(input_shape, classes, **arguments)` returns an uncompiled Keras model from standardised images to logits.
    """

    network: Annotated[Printable, Neutral("")] = Field(
        "", description="FILE.py:FUNCTION, the file relative to the working directory, in place of filters, head and so on"
    )
    arguments: Annotated[Mapping[str, JsonValue], Neutral({})] = Field({}, description="the function's arguments, by name")

    def flat(self) -> dict[str, Any]:
        """Return the network, and each argument under a name of its own."""
        return {"network": self.network, **{f"arguments.{name}": value for name, value in self.arguments.items()}}

    @property
    def file(self) -> Path:
        """The file."""
        return Path(self.network.rpartition(":")[0])

    @property
    def function(self) -> str:
        """The name of the function."""
        return self.network.rpartition(":")[2]


class Settings(Section):
    """All settings of one training run, except its seed.

    In resolved settings, `precision` is never auto, and a setting without effect is 0 or empty. That holds for all of `network` if
    the network is the user's own.
    """

    network: Network = Network()
    training: Training = Training()
    own: Own = Own()

    def flat(self) -> dict[str, Any]:
        """Return every setting under one flat name, such as `dropout` or `optimizer.learning_rate`."""
        return (self.own.flat() if self.own.network else self.network.flat()) | self.training.flat()


WITHOUT_EFFECT = Network(filters=(), kernel_size=0, head="dense", dense_units=(), dropout=0)
from_dict = Settings.from_canonical  # a ValueError or TypeError if the value is damaged or of another version


def resolve(network: Network, training: Training, changes: Mapping[str, Any]) -> Settings:
    """Return the settings of a variant: the defaults of the study, with its changes."""
    layers = network.updated({name: value for name, value in changes.items() if name in Network.model_fields})
    how = training.updated({name: value for name, value in changes.items() if name in Training.model_fields})
    if how.precision == "auto":
        how = how.updated({"precision": "mixed_bfloat16" if hardware.native_bfloat16() else "float32"})
    if not layers.filters:
        layers = layers.updated({"kernel_size": 0})
    if layers.head == "conv1x1":
        layers = layers.updated({"dense_units": (), "dropout": 0})
    if not how.augmentation.channel_offset:
        how = how.updated({"augmentation": {"accumulate": False}})
    own = Own(**{name: value for name, value in changes.items() if name in Own.model_fields})
    return Settings(network=WITHOUT_EFFECT if own.network else layers, training=how, own=own)
