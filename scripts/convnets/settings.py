"""The settings of one training run, as frozen values: what the network is and how it is trained.

`resolve` merges a variant over the defaults; the result holds every setting that can change the run's outcome and no other,
in one canonical form (30.0 epochs become 30, a setting without effect becomes its neutral value).
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from convnets import hardware

NETWORK_KEYS = ("filters", "kernel_size", "head", "dense_units", "dropout")
TRAINING_KEYS = ("epochs", "batch_size", "optimizer", "precision", "augmentation")


@dataclass(frozen=True)
class Network:
    """A stack of convolution blocks (convolution, ReLU, 2x2 max pooling) under a head.

    `filters` holds one number per block and may be empty, which makes a multilayer perceptron. The "dense" head is fully
    connected layers of `dense_units`, each followed by ReLU and dropout, and the output layer. The "conv1x1" head is a 1x1
    convolution with one filter per class and average pooling; it has no fully connected layer, hence no dropout acts.
    """

    filters: tuple[int, ...]
    kernel_size: int
    head: str
    dense_units: tuple[int, ...]
    dropout: float


@dataclass(frozen=True)
class Optimizer:
    """A Keras optimizer: "rmsprop", "adam" or "sgd". Momentum is 0 where it is not used."""

    name: str
    learning_rate: float
    momentum: float


@dataclass(frozen=True)
class Augmentation:
    """Random horizontal flip, and the deviation of a Gaussian offset per image and channel of standardised images."""

    horizontal_flip: bool
    channel_offset: float


@dataclass(frozen=True)
class Training:
    """How a network is trained. `precision` is "float32" or "mixed_bfloat16"."""

    epochs: int
    batch_size: int
    optimizer: Optimizer
    precision: str
    augmentation: Augmentation


@dataclass(frozen=True)
class Settings:
    """Everything that one training run is set to, but for its seed."""

    network: Network
    training: Training

    def canonical(self) -> dict[str, Any]:
        """Return the settings as they count in a fingerprint."""
        return asdict(self)

    def flat(self) -> dict[str, Any]:
        """Return every setting under one flat name, such as `optimizer.learning_rate`."""
        flat: dict[str, Any] = {}
        for section in asdict(self).values():
            for key, value in section.items():
                if isinstance(value, dict):
                    flat |= {f"{key}.{name}": inner for name, inner in value.items()}
                else:
                    flat[key] = list(value) if isinstance(value, tuple) else value
        return flat


def from_dict(value: Mapping[str, Any]) -> Settings:
    """Return the settings whose fields, as JSON holds them, are `value`."""
    return Settings(_network(value["network"]), _training(value["training"]))


def resolve(network: Mapping[str, Any], training: Mapping[str, Any], variant: Mapping[str, Any]) -> Settings:
    """Merge a variant over the `network` and `training` defaults of a valid configuration.

    `augmentation` is merged key by key. So is `optimizer`, unless the variant names one: then it gives the whole optimizer,
    since another optimizer's learning rate or momentum would be a poor default.
    """
    merged = {**training, **{key: variant[key] for key in TRAINING_KEYS if key in variant}}
    merged["augmentation"] = {**training["augmentation"], **variant.get("augmentation", {})}
    if "name" not in variant.get("optimizer", {}):
        merged["optimizer"] = {**training["optimizer"], **variant.get("optimizer", {})}
    if merged["precision"] == "auto":
        merged["precision"] = "mixed_bfloat16" if hardware.native_bfloat16() else "float32"
    layers = {**network, **{key: variant[key] for key in NETWORK_KEYS if key in variant}}
    if not layers["filters"]:
        layers["kernel_size"] = 0
    if layers["head"] == "conv1x1":
        layers |= {"dense_units": [], "dropout": 0}
    return Settings(_network(layers), _training(merged))


def _network(value: Mapping[str, Any]) -> Network:
    return Network(
        filters=tuple(int(count) for count in value["filters"]),
        kernel_size=int(value["kernel_size"]),
        head=str(value["head"]),
        dense_units=tuple(int(count) for count in value["dense_units"]),
        dropout=float(value["dropout"]),
    )


def _training(value: Mapping[str, Any]) -> Training:
    optimizer, augmentation = value["optimizer"], value["augmentation"]
    return Training(
        epochs=int(value["epochs"]),
        batch_size=int(value["batch_size"]),
        optimizer=Optimizer(str(optimizer["name"]), float(optimizer["learning_rate"]), float(optimizer.get("momentum", 0))),
        precision=str(value["precision"]),
        augmentation=Augmentation(bool(augmentation["horizontal_flip"]), float(augmentation["channel_offset"])),
    )
