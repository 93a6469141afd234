"""Keras models from network settings.

Protocol of the course's code: convolutions with 'same' padding, Glorot uniform weights and biases of 0.05; the 1x1 head
is the report's own code (section 3).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from convnets import device
from convnets.networks import own as own_network
from convnets.networks.shapes import feature_map
from convnets.settings import Network, Own

import keras  # isort: skip

CONVOLUTION_BIAS = 0.05
NOT_OWN = Own()


@dataclass(frozen=True)
class Classifier:
    """Two models that share the weights of one network.

    `logits` maps standardised images to class scores and is what training differentiates. `model` maps raw images (values
    0 to 255) to class probabilities: it includes the standardisation, so that a loaded model needs nothing else. Both take shape
    (n, height, width, channels) and return float32 of shape (n, classes).
    """

    logits: keras.Model
    model: keras.Model
    standardise: keras.Layer


def build(
    network: Network, mean: np.ndarray, deviation: np.ndarray, classes: int, precision: str = "float32", own: Own = NOT_OWN
) -> Classifier:
    """Build the network, its initial weights drawn from Keras's global seed.

    Parameters
    ----------
    network
        The network.
    mean, deviation
        Those of each pixel position over the training images, of the shape of an image.
    classes
        The number of classes.
    precision
        A Keras dtype policy: "float32" or "mixed_bfloat16" (weights and logits stay float32).
    own
        The user's own network, in place of `network`.

    Raises
    ------
    InputError
        The user's own network cannot be used.
    """
    layers = (
        [*_own_layers(own, mean.shape, classes, precision)] if own.network else [*_layers(network, mean.shape, classes, precision)]
    )
    # Statistics given as constants belong to the layer's configuration. They are no weights and are not counted as parameters.
    standardise = keras.layers.Normalization(
        axis=(1, 2, 3), mean=mean, variance=np.square(deviation), dtype="float32", name="standardise"
    )
    pixels = keras.Input(mean.shape, name="pixels")
    softmax = keras.layers.Softmax(dtype="float32", name="probabilities")
    is_model = own.network and len(layers) == 1
    return Classifier(
        logits=layers[0] if is_model else keras.Sequential([keras.Input(mean.shape), *layers], name="logits"),
        model=keras.Sequential([pixels, standardise, *layers, softmax], name="classifier"),
        standardise=standardise,
    )


def load(path: Path) -> keras.Model:
    """Load a model that a training wrote."""
    return keras.models.load_model(path)


def _own_layers(own: Own, shape: tuple[int, ...], classes: int, precision: str) -> Iterator[keras.Layer]:
    """Yield the user's own model, and what makes its logits float32."""
    former = keras.config.dtype_policy()
    keras.config.set_dtype_policy(precision)
    try:
        yield own_network.build(own, shape, classes)
    finally:
        keras.config.set_dtype_policy(former)
    if precision != "float32":
        yield keras.layers.Activation("linear", dtype="float32", name="float32_logits")


def _layers(network: Network, shape: tuple[int, ...], classes: int, dtype: str) -> Iterator[keras.Layer]:
    """Yield the layers from standardised images to logits."""
    bias = keras.initializers.Constant(CONVOLUTION_BIAS)
    for number, filters in enumerate(network.filters, start=1):
        size, name = network.kernel_size, f"conv{number}"
        yield keras.layers.Conv2D(filters, size, padding="same", bias_initializer=bias, dtype=dtype, name=name)
        yield keras.layers.MaxPooling2D(2, dtype=dtype, name=f"pool{number}")
        # ReLU before the pooling would give the same values and gradients bit for bit, since it keeps the order of numbers. After
        # the pooling it has a quarter of the elements.
        yield keras.layers.ReLU(dtype=dtype, name=f"relu{number}")
    if network.head == "conv1x1":
        height, width, _ = feature_map(network, (shape[0], shape[1], shape[2]))
        yield keras.layers.Conv2D(classes, 1, bias_initializer=bias, dtype=dtype, name="conv1x1")
        yield keras.layers.AveragePooling2D((height, width), strides=1, dtype=dtype, name="average")
        yield keras.layers.Flatten(dtype="float32", name="flatten")
        return
    yield keras.layers.Flatten(dtype=dtype, name="flatten")
    for number, units in enumerate(network.dense_units, start=1):
        yield keras.layers.Dense(units, activation="relu", dtype=dtype, name=f"dense{number}")
        yield keras.layers.Dropout(network.dropout, dtype=dtype, name=f"dropout{number}")
    yield keras.layers.Dense(classes, dtype=dtype, name="output")
    if dtype != "float32":
        yield keras.layers.Activation("linear", dtype="float32", name="logits")
