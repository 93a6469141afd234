"""What settings can name of Keras: the file of names, every optimizer and schedule, and every image layer."""

import json
import re
from typing import Any

import keras
import numpy as np
import pytest
from conftest import ROOT

from convnets.errors import InputError
from convnets.networks import formulas
from convnets.settings import Augmentation, Optimizer, keras_names
from convnets.training import augmentation, graphs, keras_objects, optimizers
from convnets.training.keras_names import collect, to_json

import tensorflow as tf  # isort: skip

SHAPES = ((5, 4), (4,), (3, 3, 2, 4))
STEPS = 6
COSINE = {"CosineDecay": {"initial_learning_rate": 0.01, "decay_steps": 20, "warmup_target": 0.1, "warmup_steps": 2}}
SCHEDULES: dict[str, dict[str, Any]] = {
    "CosineDecay": COSINE["CosineDecay"],
    "CosineDecayRestarts": {"initial_learning_rate": 1, "first_decay_steps": 2},
    "ExponentialDecay": {"initial_learning_rate": 1, "decay_steps": 2, "decay_rate": 0.5, "staircase": True},
    "InverseTimeDecay": {"initial_learning_rate": 1, "decay_steps": 1, "decay_rate": 1},
    "PiecewiseConstantDecay": {"boundaries": [2, 4], "values": [1, 0.5, 0.25]},
    "PolynomialDecay": {"initial_learning_rate": 1, "decay_steps": 4, "end_learning_rate": 0},
}
OPTIONS: list[dict[str, Any]] = [
    {"name": "rmsprop", "centered": True, "momentum": 0.9},
    {"name": "sgd", "momentum": 0.9, "nesterov": True, "clipnorm": 1},
    {"name": "adam", "amsgrad": True, "weight_decay": 1, "global_clipnorm": 1},
    {"name": "nadam", "gradient_accumulation_steps": 2, "clipvalue": 1},
    {"name": "muon", "ns_steps": 3, "exclude_layers": ["dense"]},
]
IMAGE = (12, 12, 3)


def as_settings(**given: Any) -> Optimizer:
    return Optimizer(**{"learning_rate": 0.01, **given})


def layers_of(*entries: dict[str, Any], shape: tuple[int, ...] = IMAGE) -> list[keras.Layer]:
    return augmentation.make_layers(Augmentation(layers=entries), shape)


def test_the_committed_names_are_those_of_keras() -> None:
    """If not: make schema."""
    committed = (ROOT / "scripts" / "convnets" / "settings" / "keras_names.json").read_text(encoding="utf-8")
    assert committed == to_json(collect())


def test_every_class_for_images_is_offered_or_refused() -> None:
    found = {name for name, kind in vars(keras.layers).items() if "image_preprocessing" in getattr(kind, "__module__", "")}
    assert found <= {*keras_names.KNOWN["layers"], *keras_names.KNOWN["unused"]}
    assert {"adadelta", "adam", "adamw", "lion", "muon", "nadam", "rmsprop", "sgd"} < set(keras_names.OPTIMIZERS)


@pytest.mark.parametrize("given", [*({"name": name} for name in keras_names.OPTIMIZERS), *OPTIONS], ids=lambda each: "-".join(each))
def test_any_optimizer_goes_on_from_its_variables_bit_for_bit(given: dict[str, Any]) -> None:
    """With a schedule, so that its place counts too."""
    rng = np.random.default_rng(1)
    gradients = [[rng.normal(size=shape).astype(np.float32) for shape in SHAPES] for _ in range(STEPS)]

    def started() -> tuple[keras.Optimizer, list[keras.Variable]]:
        values = np.random.default_rng(2)
        weights = [keras.Variable(values.normal(size=shape).astype(np.float32)) for shape in SHAPES]
        optimizer = optimizers.make_optimizer(as_settings(**{**given, "learning_rate": COSINE}))
        optimizer.build(weights)
        return optimizer, weights

    def take(optimizer: keras.Optimizer, weights: list[keras.Variable], first: int, last: int) -> None:
        for step in gradients[first:last]:
            optimizer.apply([tf.constant(gradient) for gradient in step], weights)

    optimizer, whole = started()
    take(optimizer, whole, 0, STEPS)
    before, half = started()
    take(before, half, 0, 3)
    after, resumed = started()
    for variable, value in zip([*after.variables, *resumed], [each.numpy() for each in (*before.variables, *half)], strict=True):
        variable.assign(value)
    take(after, resumed, 3, STEPS)
    for one, other, at_half in zip(whole, resumed, half, strict=True):
        assert np.isfinite(one.numpy()).all()
        np.testing.assert_array_equal(one.numpy(), other.numpy())
        assert (one.numpy() != at_half.numpy()).any()


@pytest.mark.parametrize("given", [*({"name": name} for name in keras_names.OPTIMIZERS), *OPTIONS], ids=lambda each: "-".join(each))
def test_the_memory_of_an_optimizer_is_known_or_said_to_be_unknown(given: dict[str, Any]) -> None:
    optimizer = optimizers.make_optimizer(as_settings(**given))
    optimizer.build([keras.Variable(np.zeros(shape, np.float32)) for shape in SHAPES])
    kept = sum(variable.shape.num_elements() for variable in optimizer.variables if variable.shape.rank)
    slots = formulas.optimizer_slots(as_settings(**given))
    weights = sum(int(np.prod(shape)) for shape in SHAPES)
    assert kept == slots * weights if slots is not None else kept % weights


@pytest.mark.parametrize("name", keras_names.KNOWN["schedules"])
def test_whole_numbers_mean_the_same_as_others_in_a_schedule(name: str) -> None:
    """Keras would compute in whole numbers."""
    made = optimizers.make_optimizer(as_settings(name="sgd", learning_rate={name: SCHEDULES[name]}))
    floats = {
        key: keras_objects.with_floats(tuple(value) if isinstance(value, list) else value) for key, value in SCHEDULES[name].items()
    }
    schedule = getattr(keras.optimizers.schedules, name)(**floats)
    for step in range(6):
        made.iterations.assign(step)
        assert float(made.learning_rate) == float(schedule(step))
    assert 0 < float(schedule(3)) < 1


WRONG = {
    "beta": ({"name": "lion", "beta_1": 2}, r"^optimizer\.beta_1: Keras cannot use what is given: "),
    "two clips": ({"name": "sgd", "clipnorm": 1, "clipvalue": 1}, r"^optimizer\.clipnorm: .*[Oo]nly one of"),
    "text": ({"name": "adam", "epsilon": "small"}, r"^optimizer[.:]"),
    "accumulation": ({"name": "adam", "gradient_accumulation_steps": 1}, r"^optimizer\.gradient_accumulation_steps: .*>= 2"),
    "boundaries": (
        {"name": "sgd", "learning_rate": {"PiecewiseConstantDecay": {"boundaries": [1, 2], "values": [0.1]}}},
        r"^optimizer\.boundaries: ",
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_keras_refuses_of_an_optimizer_is_one_line(case: str) -> None:
    given, expected = WRONG[case]
    with pytest.raises(InputError) as caught:
        optimizers.make_optimizer(as_settings(**given))
    assert re.search(expected, str(caught.value)), caught.value
    assert "\n" not in str(caught.value)
    assert "\x1b" not in str(caught.value)


def test_layers_may_change_the_size_between_them() -> None:
    """Padding and a random crop, as many papers augment CIFAR-10."""
    pad, crop = {"ZeroPadding2D": {"padding": 4}}, {"RandomCrop": {"height": 12, "width": 12}}
    assert len(layers_of(pad, crop)) == 2
    with pytest.raises(InputError, match=r"^augmentation\.layers make images of 20x20x3; the network takes 12x12x3, so"):
        layers_of(pad)


RANGE = {"value_range": [-3, 3]}
WRONG_LAYERS = {  # and how the message goes on after the place in the list
    "out of bounds": ({"RandomContrast": {"factor": 3, **RANGE}}, r"RandomContrast\.factor: "),
    "no such mode": ({"RandomZoom": {"height_factor": 0.1, "fill_mode": "x"}}, r"RandomZoom\.fill_mode: "),
    "colours of grey": ({"RandomHue": {"factor": 0.2, **RANGE}}, r"RandomHue.*Dimension must be 3"),
    "one value": ({"RandomBrightness": {"factor": 0.1, "value_range": [3]}}, r"RandomBrightness\.value_range: "),
}


@pytest.mark.parametrize("case", WRONG_LAYERS)
def test_what_keras_refuses_of_a_layer_is_one_line(case: str) -> None:
    entry, expected = WRONG_LAYERS[case]
    with pytest.raises(InputError) as caught:
        layers_of(json.loads(json.dumps(entry)), shape=(12, 12, 1))
    assert re.search(rf"^augmentation\.layers\.0\.{expected}", str(caught.value)), caught.value
    assert "\n" not in str(caught.value)


def test_a_flip_of_the_batch_flips_all_of_it_or_nothing() -> None:
    images = np.random.default_rng(2).normal(size=(6, 4, 4, 3)).astype(np.float32)
    flips = []
    for seed in range(40):
        flipped = graphs.augment(images, Augmentation(horizontal_flip="batch"), tf.constant([seed, 2])).numpy()
        mirrored = (flipped == images[:, :, ::-1]).all((1, 2, 3))
        assert mirrored.all() or not mirrored.any()
        flips.append(bool(mirrored[0]))
    assert 10 < sum(flips) < 30
