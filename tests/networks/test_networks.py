"""The networks: parameter counts by formula and by Keras, shapes, and a gradient step of every variant."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from images import FORMAT

from convnets.data.dataset import Dataset
from convnets.networks import builders, shapes
from convnets.networks.shapes import feature_map
from convnets.settings import Augmentation, Network
from convnets.study import configuration
from convnets.training import graphs

import keras  # isort: skip
import tensorflow as tf  # isort: skip

# By hand: conv1 5*5*3*16+16 = 1,216; conv2 5*5*16*32+32 = 12,832; conv3 5*5*32*64+64 = 51,264; then the head.
PARAMETERS = {
    "conv1_dropout05": 1_216 + (16 * 16 * 16 * 50 + 50) + (50 * 10 + 10),
    "conv2_dropout00": 1_216 + 12_832 + (8 * 8 * 32 * 50 + 50) + (50 * 10 + 10),
    "conv2_dropout05": 1_216 + 12_832 + (8 * 8 * 32 * 50 + 50) + (50 * 10 + 10),
    "conv3_dropout05": 117_072,
    "conv3_augment": 117_072,
    "conv3_textbook": 117_072,
    "conv3_1x1": 65_962,
    "mlp100": (3072 * 100 + 100) + (100 * 10 + 10),
}
MEAN, DEVIATION = np.full((32, 32, 3), 120, np.float32), np.full((32, 32, 3), 60, np.float32)


@pytest.mark.parametrize("variant", PARAMETERS)
def test_parameters_and_shapes(variant: str, config: dict[str, Any]) -> None:
    network = configuration.resolve(config).variants[variant].network
    classifier = builders.build(network, MEAN, DEVIATION, 10)
    assert shapes.network_parameters(network, FORMAT) == PARAMETERS[variant]
    assert classifier.model.count_params() == PARAMETERS[variant]
    assert classifier.logits.count_params() == PARAMETERS[variant]
    probabilities = classifier.model(np.random.default_rng(0).integers(256, size=(3, 32, 32, 3)).astype(np.float32)).numpy()
    assert probabilities.shape == (3, 10)
    np.testing.assert_allclose(probabilities.sum(1), 1, rtol=1e-6)


@pytest.mark.parametrize("variant", PARAMETERS)
def test_a_gradient_step_lowers_the_loss_on_synthetic_images(variant: str, config: dict[str, Any], synthetic: Dataset) -> None:
    chosen = configuration.resolve(config).variants[variant]
    keras.utils.set_random_seed(0)
    classifier = builders.build(chosen.network, synthetic.mean, synthetic.deviation, 10)
    images = classifier.standardise(synthetic.train.images[:64].astype(np.float32))
    labels = synthetic.train.labels[:64].astype(np.int64)
    variables = classifier.logits.trainable_variables

    def loss() -> tf.Tensor:
        return tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels, classifier.logits(images, training=False)))

    with tf.GradientTape() as tape:
        before = loss()
    gradients = tape.gradient(before, variables)
    assert len(gradients) == len(variables)
    for variable, gradient in zip(variables, gradients, strict=True):
        assert np.isfinite(gradient).all()
        assert np.abs(gradient).max() > 0
        variable.assign_sub(1e-4 * gradient)
    assert float(loss()) < float(before)


@pytest.mark.parametrize("precision", ["float32", "mixed_bfloat16"])
def test_a_block_computes_what_a_convolution_with_relu_before_its_pooling_does(precision: str) -> None:
    """Values and gradients, bit for bit; some windows hold nothing above 0, and some more than one largest value."""
    keras.utils.set_random_seed(0)
    classifier = builders.build(
        Network(filters=(8, 4), kernel_size=3, head="dense", dense_units=(), dropout=0.0), MEAN, DEVIATION, 10, precision
    )
    textbook = keras.Sequential([keras.Input((32, 32, 3))])
    for number in (1, 2):
        given = classifier.logits.get_layer(f"conv{number}")
        textbook.add(keras.layers.Conv2D(given.filters, 3, padding="same", activation="relu", dtype=precision))
        textbook.add(keras.layers.MaxPooling2D(2, dtype=precision))
    textbook.add(keras.layers.Flatten(dtype=precision))
    textbook.add(keras.layers.Dense(10, dtype=precision))
    textbook.set_weights(classifier.logits.get_weights())
    images = np.random.default_rng(0).normal(size=(32, 32, 32, 3)).astype(np.float32).repeat(2, axis=1)[:, :32]
    outcomes = []
    for network in (classifier.logits, textbook):
        with tf.GradientTape() as tape:
            outputs = tf.cast(network(images, training=True), tf.float32)
            loss = tf.reduce_mean(outputs**2)
        outcomes.append([outputs, *tape.gradient(loss, network.trainable_variables)])
    for ours, theirs in zip(*outcomes, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    pooled = keras.Model(textbook.inputs, textbook.layers[1].output)(images).numpy()
    assert (pooled == 0).any()
    assert (pooled > 0).any()


def test_initial_weights_are_glorot_uniform_with_a_bias_of_005() -> None:
    classifier = builders.build(
        Network(filters=(16, 32), kernel_size=5, head="conv1x1", dense_units=(), dropout=0.0), MEAN, DEVIATION, 10
    )
    for name, fan_in, fan_out in (("conv1", 75, 400), ("conv2", 400, 800), ("conv1x1", 32, 10)):
        kernel, bias = classifier.logits.get_layer(name).get_weights()
        limit = np.sqrt(6 / (fan_in + fan_out))
        assert 0.9 * limit < np.abs(kernel).max() <= limit
        np.testing.assert_array_equal(bias, np.float32(0.05))


def test_the_model_holds_the_standardisation_and_no_weights_for_it() -> None:
    classifier = builders.build(Network(filters=(), kernel_size=0, head="dense", dense_units=(), dropout=0.0), MEAN, DEVIATION, 10)
    pixels = np.random.default_rng(1).integers(256, size=(4, 32, 32, 3)).astype(np.float32)
    logits = classifier.logits((pixels - MEAN) / DEVIATION)
    np.testing.assert_allclose(classifier.model(pixels), tf.nn.softmax(logits), rtol=1e-5)


def test_bfloat16_computes_in_bfloat16_but_keeps_weights_and_logits_in_float32() -> None:
    classifier = builders.build(
        Network(filters=(8,), kernel_size=3, head="dense", dense_units=(16,), dropout=0.5), MEAN, DEVIATION, 10, "mixed_bfloat16"
    )
    assert classifier.logits.get_layer("conv1").compute_dtype == "bfloat16"
    assert {variable.dtype for variable in classifier.logits.trainable_variables} == {"float32"}
    assert classifier.logits(MEAN[None]).dtype == tf.float32


@pytest.mark.parametrize("head", ["dense", "conv1x1"])
def test_five_blocks_leave_one_pixel(head: str) -> None:
    network = Network(filters=(4,) * 5, kernel_size=3, head=head, dense_units=(8,) if head == "dense" else (), dropout=0.0)
    assert feature_map(network, FORMAT.shape) == (1, 1, 4)
    assert builders.build(network, MEAN, DEVIATION, 10).model.count_params() == shapes.network_parameters(network, FORMAT)


def test_a_saved_model_needs_no_code_of_ours(tmp_path: Path, synthetic: Dataset) -> None:
    classifier = builders.build(
        Network(filters=(4,), kernel_size=3, head="dense", dense_units=(8,), dropout=0.5), synthetic.mean, synthetic.deviation, 10
    )
    pixels = synthetic.test.images.astype(np.float32)
    classifier.model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(loaded(pixels), classifier.model(pixels))


def test_augmentation_flips_and_shifts_and_depends_on_its_seed_only() -> None:
    images = np.random.default_rng(2).normal(size=(400, 32, 32, 3)).astype(np.float32)
    flipped = graphs.augment(images, Augmentation(horizontal_flip=True, channel_offset=0.0), tf.constant([1, 2])).numpy()
    mirrored = (flipped == images[:, :, ::-1]).all((1, 2, 3))
    assert 150 < mirrored.sum() < 250
    np.testing.assert_array_equal(flipped[~mirrored], images[~mirrored])

    shifted = graphs.augment(images, Augmentation(horizontal_flip=False, channel_offset=0.05), tf.constant([1, 2])).numpy() - images
    offsets = shifted.mean((1, 2))
    np.testing.assert_allclose(shifted, np.broadcast_to(offsets[:, None, None], shifted.shape), atol=1e-5)
    assert offsets.std() == pytest.approx(0.05, rel=0.1)
    assert abs(np.corrcoef(offsets.T)[0, 1]) < 0.2  # each channel for itself

    both = Augmentation(horizontal_flip=True, channel_offset=0.05)
    again = [graphs.augment(images, both, tf.constant(seed)).numpy() for seed in ([1, 2], [1, 2], [2, 2])]
    np.testing.assert_array_equal(again[0], again[1])
    assert (again[0] != again[2]).any()
