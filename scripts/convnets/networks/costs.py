"""Operations and memory of a Keras model, counted layer by layer.

What is counted, and how, is as in `formulas`, which knows the report's networks without building them.
"""

from collections.abc import Iterator
from math import prod

from convnets import device as backend  # noqa: F401  (before keras)

import keras  # isort: skip

IN_PLACE = (keras.layers.Activation, keras.layers.Flatten, keras.layers.InputLayer, keras.layers.ReLU, keras.layers.Reshape)
CONVOLUTIONS = (keras.layers.Conv1D, keras.layers.Conv2D, keras.layers.Conv3D)
PRODUCTS = (*CONVOLUTIONS, keras.layers.DepthwiseConv2D, keras.layers.Dense)


def training_flops(model: keras.Model) -> int | None:
    """Return the floating-point operations of one image's training step; None if a layer's are not known."""
    counts = []
    for layer in _layers(model):
        shape = _output(layer)
        if shape is None or not _is_known(layer):
            return None
        if isinstance(layer, PRODUCTS):  # a multiplication and its addition for each weight and place
            counts.append(2 * prod(layer.kernel.shape) * prod(shape[1:-1]))
    return 3 * sum(counts) - counts[0] if counts else 0


def activations(model: keras.Model) -> int | None:
    """Return the number of values that one image's forward pass keeps for its backward pass; None if a layer's are not known."""
    total: int = prod(model.input_shape[1:])
    for layer in _layers(model):
        shape = _output(layer)
        if shape is None or not _is_known(layer):
            return None
        total += _kept(layer) * prod(shape[1:])
    return total


def _layers(model: keras.Model) -> Iterator[keras.Layer]:
    """Yield the layers of a model; those of a model within a sequence too, since it is called once."""
    for layer in model.layers:
        if isinstance(layer, keras.Model) and isinstance(model, keras.Sequential):
            yield from _layers(layer)
        else:
            yield layer


def _kept(layer: keras.Layer) -> int:
    """Return how many values a layer keeps for each of its output; dropout keeps its mask, too."""
    if isinstance(layer, keras.layers.Dropout):
        return 2 if layer.rate else 0
    return 0 if isinstance(layer, IN_PLACE) else 1


def _is_known(layer: keras.Layer) -> bool:
    """Return whether a layer's operations are known: it is one of `PRODUCTS`, or one of Keras's that multiplies no matrices."""
    is_simple = type(layer).__module__.startswith("keras.") and all(len(weight.shape) < 2 for weight in layer.weights)
    return isinstance(layer, PRODUCTS) or (is_simple and not isinstance(layer, keras.Model))


def _output(layer: keras.Layer) -> tuple[int, ...] | None:
    """Return the shape of a layer's output; None where it has several, or sides that vary."""
    try:
        shape = tuple(layer.output.shape)
    except (AttributeError, ValueError):
        return None
    return shape if all(shape[1:]) else None
