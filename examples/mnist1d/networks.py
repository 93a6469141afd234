"""The networks that MNIST-1D was published with, but for the slow GRU.

Source: `notebooks/models.py` of github.com/greydanus/mnist1d. Weights and biases are drawn as PyTorch draws them: uniformly from
minus to plus one over the square root of the inputs of a unit.
"""

import keras


def linear(input_shape: tuple[int, ...], classes: int) -> keras.Model:
    """Return logistic regression."""
    signals = keras.Input(input_shape)
    x = keras.layers.Flatten()(signals)
    return keras.Model(signals, keras.layers.Dense(classes, **_drawn(x.shape[-1]))(x), name="linear")


def mlp(input_shape: tuple[int, ...], classes: int, units: int = 100) -> keras.Model:
    """Return a network of two hidden layers, the second of which is skipped by a residual connection."""
    signals = keras.Input(input_shape)
    x = keras.layers.Flatten()(signals)
    x = keras.layers.Dense(units, activation="relu", **_drawn(x.shape[-1]))(x)
    x = keras.layers.Add()([x, keras.layers.Dense(units, activation="relu", **_drawn(units))(x)])
    return keras.Model(signals, keras.layers.Dense(classes, **_drawn(units))(x), name="mlp")


def cnn(input_shape: tuple[int, ...], classes: int, channels: int = 25) -> keras.Model:
    """Return three convolutions of stride 2, each padded by one zero at either end, and a linear classifier."""
    signals = keras.Input(input_shape)
    x = keras.layers.Reshape((input_shape[0], 1))(signals)
    for size in (5, 3, 3):
        inputs = size * x.shape[-1]
        x = keras.layers.ZeroPadding1D(1)(x)
        x = keras.layers.Conv1D(channels, size, strides=2, activation="relu", **_drawn(inputs))(x)
    x = keras.layers.Permute((2, 1))(x)  # PyTorch flattens channel by channel
    x = keras.layers.Flatten()(x)
    return keras.Model(signals, keras.layers.Dense(classes, **_drawn(x.shape[-1]))(x), name="cnn")


def _drawn(inputs: int) -> dict[str, keras.initializers.Initializer]:
    """Return the initializers of a layer whose units have so many inputs."""
    limit = inputs**-0.5
    return {
        "kernel_initializer": keras.initializers.RandomUniform(-limit, limit),
        "bias_initializer": keras.initializers.RandomUniform(-limit, limit),
    }
