"""Every image layer of Keras that settings can name: on standardised images, in a graph, from the states of its generators."""

from typing import Any

import numpy as np
import pytest

from convnets.networks import own
from convnets.settings import Augmentation, keras_names
from convnets.training import augmentation, graphs

import tensorflow as tf  # isort: skip

CHANGES = {  # layers, with arguments that do something
    "CenterCrop": {"height": 12, "width": 12},
    "GaussianNoise": {"stddev": 1},
    "RandomCrop": {"height": 12, "width": 12},
    "RandomPosterization": {"factor": 4},
    "RandomRotation": {"factor": 0.1},
    "RandomShear": {"x_factor": 0.2, "y_factor": 0.2},
    "RandomTranslation": {"height_factor": 0.2, "width_factor": [-0.2, 0.3], "fill_mode": "constant"},
    "RandomZoom": {"height_factor": 0.3},
    "Rescaling": {"scale": 2},
    "Resizing": {"height": 12, "width": 12},
    "Solarization": {"addition_factor": 0.3, "threshold_factor": 0.3},
    "SpatialDropout2D": {"rate": 0.3},
    "ZeroPadding2D": {"padding": 0},
}
STILL = ("CenterCrop", "RandomCrop", "Resizing", "ZeroPadding2D")  # they leave an image of their own size as it is
DETERMINISTIC = (*STILL, "AutoContrast", "ContrastLimitedAdaptiveHistogramEqualization", "Equalization", "Rescaling")
IMAGE = (12, 12, 3)


def arguments_of(name: str, low: float = -3.0, high: float = 3.0) -> dict[str, Any]:
    takes = keras_names.KNOWN["layers"][name]
    given = dict(CHANGES.get(name, {}))
    if "value_range" in takes["required"]:
        given["value_range"] = [low, high]
    if "factor" in takes["required"] and "factor" not in given:
        given["factor"] = 0.3
    return given


@pytest.mark.parametrize("name", keras_names.KNOWN["layers"])
def test_any_layer_takes_standardised_images_and_depends_on_its_states_only(name: str) -> None:
    """In a graph, as the training applies it."""
    images = tf.constant(np.random.default_rng(3).normal(size=(9, *IMAGE)).astype(np.float32))
    (layer,) = augmentation.make_layers(Augmentation(layers=({name: arguments_of(name)},)), IMAGE)
    states = own.states(layer)
    assert (states == []) == (name in DETERMINISTIC and name != "RandomCrop")

    @tf.function(autograph=False, input_signature=[tf.TensorSpec([None, *IMAGE])])
    def applied(batch: tf.Tensor) -> tf.Tensor:
        return graphs.augment(batch, Augmentation(), tf.constant([0, 0]), [layer])

    def twice(state: int) -> np.ndarray:
        for index, variable in enumerate(states):
            variable.assign([state, 7 + index])
        return np.stack([applied(images).numpy(), applied(images).numpy()])

    first, again, other = twice(5), twice(5), twice(6)
    np.testing.assert_array_equal(first, again)
    assert np.isfinite(first).all()
    assert (np.abs(first[0] - images).max() < 1e-5) == (name in STILL)
    assert ((first[0] != first[1]).any(), (first != other).any()) == (name not in DETERMINISTIC,) * 2


# Not exact: edges are filled with 0, which is black in raw images, and grey in standardised ones; or values are drawn or rounded.
INEXACT = {"RandAugment": 3.0, "RandomErasing": 8.0, "RandomGaussianBlur": 8.0, "RandomPosterization": 0.5, "RandomSharpness": 8.0}
RANGED = [name for name, takes in keras_names.KNOWN["layers"].items() if "value_range" in takes["required"]]


@pytest.mark.parametrize("name", RANGED)
def test_a_value_range_means_the_same_for_standardised_images(name: str) -> None:
    """A layer does to standardised images what it does to raw ones, if its range is that of standardised values."""
    raw = np.random.default_rng(4).integers(0, 256, (5, *IMAGE)).astype(np.float32)
    mean, deviation = 120.0, 60.0

    def applied(images: np.ndarray, low: float, high: float) -> np.ndarray:
        layers = augmentation.make_layers(Augmentation(layers=({name: arguments_of(name, low, high)},)), IMAGE)
        for state in (state for layer in layers for state in own.states(layer)):
            state.assign([5, 7])
        graph = tf.function(lambda batch: layers[0](batch, training=True), autograph=False)
        return np.stack([graph(tf.constant(images)).numpy() for _ in range(4)])

    expected = applied(raw, 0.0, 255.0)
    found = applied((raw - mean) / deviation, (0 - mean) / deviation, (255 - mean) / deviation) * deviation + mean
    assert np.abs(expected - raw).mean() > 0.5
    assert np.abs(expected - found).mean() < INEXACT.get(name, 0.2)
