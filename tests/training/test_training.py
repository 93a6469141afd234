"""The training loop: the same history bit for bit, the best epoch's weights, and an end at a loss that is not finite."""

import dataclasses
import time
from typing import Any

import numpy as np
import pytest
from short_trainings import LAYERS, settings_of, train, untimed

from convnets import device
from convnets.data.dataset import Dataset, Split
from convnets.errors import InputError
from convnets.networks import builders
from convnets.runs.records import Epoch
from convnets.settings import Optimizer
from convnets.training import graphs, loop, optimizers
from convnets.training.augmentation import make_layers

import tensorflow as tf  # isort: skip


@pytest.mark.parametrize("variant", ["conv3_augment", "conv3_1x1", "mlp100"])
def test_the_same_seed_gives_the_same_history_and_weights(variant: str, config: dict[str, Any], synthetic: Dataset) -> None:
    settings = settings_of(config, variant)
    first, second, other = train(settings, synthetic), train(settings, synthetic), train(settings, synthetic, seed=2)
    assert untimed(first) == untimed(second)
    assert untimed(first) != untimed(other)
    for one, two in zip(first.model.get_weights(), second.model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, two)


def test_the_seed_decides_what_layers_do(config: dict[str, Any], synthetic: Dataset) -> None:
    """Of a network that does not change, on images that are all alike."""
    alike = Split(np.repeat(synthetic.train.images[:1], 64, 0), np.repeat(synthetic.train.labels[:1], 64))
    settings = settings_of(config, "conv2_dropout00", optimizer=STILL, augmentation={"layers": LAYERS})
    data = dataclasses.replace(synthetic, train=alike)
    first, again, other = (train(settings, data, seed).history for seed in (1, 1, 2))
    losses = [[epoch.train_loss for epoch in history] for history in (first, again, other)]
    assert losses[0] == losses[1]
    assert len({*losses[0], *losses[2]}) == 6


def test_a_keras_that_is_steered_from_outside_is_refused(
    config: dict[str, Any], synthetic: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As by a `keras.json` in a home folder, whose data format gives another network."""
    settings = settings_of(config, "conv3_1x1")
    monkeypatch.setattr(loop.keras.config, "image_data_format", lambda: "channels_first")
    with pytest.raises(InputError, match=r"network with 65,962 .*\(channels_first\), not with 65,962 .*\(channels_last\)"):
        train(settings, synthetic)
    monkeypatch.undo()
    monkeypatch.setattr(loop.shapes, "network_parameters", lambda *_: 7)
    with pytest.raises(InputError, match=r"a network with 65,962 parameters .*, not with 7 "):
        train(settings, synthetic)


@pytest.mark.parametrize("iterations", [1, 4])
def test_how_often_the_graph_is_left_changes_nothing(
    iterations: int, config: dict[str, Any], synthetic: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of six iterations an epoch, four in one call and two in the next; dropout and augmentation act in each."""
    settings = settings_of(config, "conv3_augment")
    whole = train(settings, synthetic)
    monkeypatch.setattr(loop, "ITERATIONS_PER_CALL", iterations)
    split = train(settings, synthetic)
    for one, other in zip(whole.model.get_weights(), split.model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    assert [epoch.train_loss for epoch in split.history] == pytest.approx([epoch.train_loss for epoch in whole.history])


def test_a_bfloat16_run_is_reproducible_too(config: dict[str, Any], synthetic: Dataset) -> None:
    settings = settings_of(config, "conv2_dropout05", precision="mixed_bfloat16")
    assert untimed(train(settings, synthetic)) == untimed(train(settings, synthetic))


def test_iterations_count_whole_batches(config: dict[str, Any], synthetic: Dataset) -> None:
    history = train(settings_of(config, "mlp100", batch_size=50), synthetic).history
    assert [(epoch.epoch, epoch.iteration) for epoch in history] == [(1, 3), (2, 6), (3, 9)]  # 192 images, 50 a batch


STILL = {"name": "sgd", "learning_rate": 1e-30}  # weights do not move, so only what is random changes the training loss
RANDOM = {
    "dropout": {"dropout": 0.5},
    "flip": {"dropout": 0.0, "augmentation": {"horizontal_flip": True}},
    "offset": {"dropout": 0.0, "augmentation": {"channel_offset": 0.5}},
    "layer": {"dropout": 0.0, "augmentation": {"layers": [{"RandomRotation": {"factor": 0.5}}]}},
}


def still_losses(config: dict[str, Any], data: Dataset, **changes: Any) -> list[float]:
    settings = settings_of(config, "conv2_dropout05", optimizer=STILL, **changes)
    return [epoch.train_loss for epoch in train(settings, data).history]


def test_without_randomness_a_still_network_has_one_training_loss(config: dict[str, Any], synthetic: Dataset) -> None:
    losses = still_losses(config, synthetic, dropout=0.0)
    np.testing.assert_allclose(losses, losses[0], rtol=1e-6)


@pytest.mark.parametrize("kind", RANDOM)
def test_what_is_random_differs_between_epochs(kind: str, config: dict[str, Any], synthetic: Dataset) -> None:
    first, second, third = still_losses(config, synthetic, **RANDOM[kind])
    assert abs(first / second - 1) > 1e-5
    assert abs(second / third - 1) > 1e-5


@pytest.mark.parametrize("kind", RANDOM)
def test_what_is_random_differs_between_iterations(kind: str, config: dict[str, Any], synthetic: Dataset) -> None:
    """Of one image repeated, every batch has the same loss, were it not for what is random in each iteration."""
    settings = settings_of(config, "conv2_dropout05", optimizer=STILL, **RANDOM[kind])
    image = Split(np.repeat(synthetic.train.images[:1], 2, 0), np.repeat(synthetic.train.labels[:1], 2))
    classifier = builders.build(settings.network, synthetic.mean, synthetic.deviation, 10)
    optimizer, layers = optimizers.built_optimizer(settings, classifier), make_layers(settings.training.augmentation, (32, 32, 3))
    run = graphs.training_function(classifier, optimizer, image, settings.training.augmentation, layers)
    batch = tf.zeros([1, 8], tf.int32)
    seed = tf.constant([5, 6])
    _, first, *_ = run(batch, seed)
    _, second, total, _ = run(tf.zeros([2, 8], tf.int32), seed)
    assert abs(float(total) - 2 * float(second)) > 1e-5 * abs(float(total))
    assert float(first) > 0


def test_networks_learn(config: dict[str, Any], small: Dataset) -> None:
    history = train(settings_of(config, "conv2_dropout00", epochs=6), small).history
    assert history[-1].train_loss < 0.9 * history[0].train_loss
    assert max(epoch.val_accuracy for epoch in history) > 0.2


def test_the_model_is_the_best_epochs_the_first_of_equals(config: dict[str, Any], synthetic: Dataset) -> None:
    """With a rate so high that it gets worse after a while, the best epoch is not the last, and the weights must be put back."""
    settings = settings_of(config, "conv1_dropout05", epochs=8, optimizer={"name": "rmsprop", "learning_rate": 0.02})
    result = train(settings, synthetic)
    accuracies = [epoch.val_accuracy for epoch in result.history]
    assert result.best.epoch == int(np.argmax(accuracies)) + 1  # argmax takes the first
    assert result.best.epoch < 8
    assert result.best.val_loss != result.history[-1].val_loss
    for split, loss, accuracy in (
        (synthetic.validation, result.best.val_loss, result.best.val_accuracy),
        (synthetic.test, result.test.loss, result.test.accuracy),
    ):
        evaluated = result.model.evaluate(split.images.astype(np.float32), split.labels, verbose=0)
        assert evaluated == pytest.approx([loss, accuracy], rel=1e-4)


def test_equal_best_epochs_keep_the_first(config: dict[str, Any], synthetic: Dataset) -> None:
    """A network that does not change has the same accuracy in every epoch."""
    still = settings_of(config, "mlp100", optimizer={"name": "sgd", "learning_rate": 1e-30})
    result = train(still, synthetic)
    assert len({epoch.val_accuracy for epoch in result.history}) == 1
    assert result.best.epoch == 1


def test_a_loss_that_is_not_finite_stops_at_its_iteration(config: dict[str, Any], synthetic: Dataset) -> None:
    settings = settings_of(config, "conv1_dropout05", optimizer={"name": "sgd", "learning_rate": 1e12})
    seen: list[Epoch] = []
    with pytest.raises(loop.NonFiniteLossError, match=r"at iteration [2-6]; lower optimizer.learning_rate"):
        loop.train(settings, 1, synthetic, seen.append)
    assert seen == []


def test_a_validation_loss_that_is_not_finite_stops_too(config: dict[str, Any], synthetic: Dataset) -> None:
    """The weights break in the very last step of an epoch, whose own loss was still finite."""
    settings = settings_of(config, "mlp100", batch_size=192, optimizer={"name": "sgd", "learning_rate": 1e38})
    with pytest.raises(loop.NonFiniteLossError, match="the validation loss is nan at iteration 1;"):
        train(settings, synthetic)


def test_a_summary_is_the_historys(config: dict[str, Any], synthetic: Dataset) -> None:
    result = train(settings_of(config, "mlp100"), synthetic)
    metrics = result.summary("mlp100", 1, "f")
    assert metrics.mlflow_run_id is None
    assert (metrics.epochs, metrics.iterations, metrics.parameters) == (3, 18, 308_310)
    assert metrics.min_val_loss == min(epoch.val_loss for epoch in result.history)
    assert metrics.final_val_accuracy == result.history[-1].val_accuracy
    assert metrics.best_val_accuracy == max(epoch.val_accuracy for epoch in result.history)
    assert metrics.train_seconds == pytest.approx(sum(epoch.seconds for epoch in result.history))
    assert metrics.images_per_second == pytest.approx(18 * 32 / metrics.train_seconds)


def test_a_record_says_how_it_was_trained(config: dict[str, Any], synthetic: Dataset) -> None:
    before = time.time()
    result = train(settings_of(config, "mlp100"), synthetic)
    record = result.record(
        "token", before, device.Device("CPU", 1, deterministic=True), "float32", {"train": "digest"}, {"keras": "3"}
    )
    assert (record.training, record.device, record.threads, record.deterministic) == ("token", "CPU", 1, True)
    assert record.precision == "float32"
    assert record.processor
    ends = [usage.ended for usage in record.usage]
    assert before - 0.01 <= ends[0] <= ends[1] <= ends[2] <= time.time() + 0.01
    assert all(0 < usage.cpu_percent < 1000 and 2**20 < usage.memory_bytes <= record.peak_memory_bytes for usage in record.usage)
    confusion = np.array(record.confusion)
    np.testing.assert_array_equal(confusion.sum(1), np.bincount(synthetic.test.labels, minlength=10))
    assert confusion.trace() / len(synthetic.test) == result.test.accuracy


def test_each_epoch_is_told_as_it_ends(config: dict[str, Any], synthetic: Dataset) -> None:
    seen: list[Epoch] = []
    result = loop.train(settings_of(config, "mlp100"), 1, synthetic, lambda state: seen.append(state.history[-1]))
    assert tuple(seen) == result.history
    assert all(epoch.seconds > 0 for epoch in seen)


@pytest.mark.parametrize("name", ["rmsprop", "adam", "sgd"])
def test_optimizers(name: str) -> None:
    optimizer = optimizers.make_optimizer(Optimizer(name=name, learning_rate=0.01, momentum=0.0 if name == "adam" else 0.9))
    assert type(optimizer).__name__.lower() == name
    assert float(optimizer.learning_rate) == pytest.approx(0.01)
    assert name == "adam" or optimizer.momentum == 0.9
