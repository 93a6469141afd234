"""Operations and memory of a Keras model, counted layer by layer.

What is counted, and how, is as in `formulas`, which knows the report's networks without building them. Only layers that are listed
here are known. A model with another layer, with an operation outside of layers, or with a layer that is called twice has unknown
costs.
"""

from math import prod

from convnets import device

import keras  # isort: skip

PRODUCTS = tuple(getattr(keras.layers, name) for name in ("Conv1D", "Conv2D", "Conv3D", "DepthwiseConv2D", "Dense"))
# They pass on what they get, or change it where it is.
IN_PLACE = tuple(
    getattr(keras.layers, name) for name in ("Activation", "Flatten", "Identity", "InputLayer", "LeakyReLU", "ReLU", "Reshape")
)
DROPOUT = (keras.layers.Dropout,)
ELEMENTWISE = tuple(
    getattr(keras.layers, name)
    for name in (
        *("Add", "Average", "Concatenate", "Maximum", "Minimum", "Multiply", "Subtract"),
        *("AveragePooling2D", "GlobalAveragePooling2D", "GlobalMaxPooling2D", "MaxPooling2D"),
        *("BatchNormalization", "GroupNormalization", "LayerNormalization"),
        *("Cropping2D", "UpSampling2D", "ZeroPadding2D"),
        *("GaussianDropout", "GaussianNoise", "SpatialDropout2D"),
        *("ELU", "PReLU", "Softmax"),
    )
)
KNOWN = {*PRODUCTS, *IN_PLACE, *DROPOUT, *ELEMENTWISE}


def training_flops(model: keras.Model) -> int | None:
    """Return the floating-point operations of one image's training step; None if a layer's are not known."""
    layers = _layers(model)
    if layers is None:
        return None
    # A multiplication and its addition for each weight and place.
    counts = [2 * prod(layer.kernel.shape) * prod(layer.output.shape[1:-1]) for layer in layers if type(layer) in PRODUCTS]
    total: int = 3 * sum(counts) - counts[0] if counts else 0
    return total


def activations(model: keras.Model) -> int | None:
    """Return the number of values that one image's forward pass keeps for its backward pass; None if a layer's are not known."""
    layers = _layers(model)
    if layers is None:
        return None
    total: int = prod(model.input_shape[1:]) + sum(_kept(layer) * prod(layer.output.shape[1:]) for layer in layers)
    return total


def _kept(layer: keras.Layer) -> int:
    """Return how many values a layer keeps for each of its output; dropout keeps its mask, too."""
    if type(layer) in DROPOUT:
        return 2 if layer.rate else 0
    return 0 if type(layer) in IN_PLACE else 1


def _layers(model: keras.Model) -> list[keras.Layer] | None:
    """Return the layers of a model, each called once; None if not all are known."""
    if isinstance(model, keras.Sequential):  # a model within it is called once, too
        parts = [_layers(layer) if isinstance(layer, keras.Model) else [layer] for layer in model.layers]
        found = None if None in parts else [layer for part in parts for layer in part or ()]
    elif not hasattr(model, "operations") or len(model.operations) > len(model.layers):
        return None
    else:
        calls = [len(entry["inbound_nodes"]) for entry in model.get_config()["layers"]]
        found = model.layers if max(calls) <= 1 else None
    is_known = found is not None and all(type(layer) in KNOWN and all(layer.output.shape[1:]) for layer in found)
    return found if is_known else None
