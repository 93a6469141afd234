"""Networks of the user's own: what is built, what is refused, what is counted, and exact resumption."""

import dataclasses
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from own_networks import HEAD, NOISY, PLAIN, RICH

from convnets.data.dataset import Dataset
from convnets.data.images import ImageFormat
from convnets.errors import InputError
from convnets.freshness import fingerprint
from convnets.networks import builders, costs, formulas, own
from convnets.settings import WITHOUT_EFFECT, Network, Own, Settings, Training
from convnets.training import loop
from convnets.training.checkpoints import State
from convnets.training.result import Result

import keras  # isort: skip

SHAPE, CLASSES = (32, 32, 3), 10
MEAN, DEVIATION = np.zeros(SHAPE, np.float32), np.ones(SHAPE, np.float32)


@pytest.fixture(autouse=True)
def _imports_as_before() -> Iterator[None]:
    path, modules = list(sys.path), set(sys.modules)
    yield
    sys.path[:] = path
    for module in set(sys.modules) - modules:
        if str(getattr(sys.modules[module], "__file__", "")).find("/pytest-") >= 0:
            del sys.modules[module]


def written(folder: Path, text: str = PLAIN, name: str = "mine", function: str = "network", **arguments: Any) -> Own:
    (folder / f"{name}.py").write_text(text)
    return Own(network=f"{folder / name}.py:{function}", arguments=arguments)


def build(own: Own, precision: str = "float32") -> builders.Classifier:
    return builders.build(WITHOUT_EFFECT, MEAN, DEVIATION, CLASSES, precision, own)


@pytest.mark.parametrize("precision", ["float32", "mixed_bfloat16"])
def test_a_network_gives_logits_in_float32_and_is_part_of_a_model_of_pixels(precision: str, tmp_path: Path) -> None:
    classifier = build(written(tmp_path, RICH), precision)
    pixels = np.random.default_rng(0).integers(256, size=(5, *SHAPE)).astype(np.float32)
    logits, probabilities = classifier.logits(pixels), classifier.model(pixels)
    assert logits.dtype == probabilities.dtype == "float32"
    np.testing.assert_allclose(keras.ops.softmax(logits), probabilities, atol=1e-5)
    assert [w.dtype for w in classifier.logits.weights] == ["float32"] * len(classifier.logits.weights)
    for one, other in zip(classifier.logits.get_weights(), classifier.model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


OWN_LAYER = """import keras


@keras.saving.register_keras_serializable("mine")
class Twice(keras.layers.Layer):
    def call(self, x):
        return 2 * x


def network(shape, classes):
    return keras.Sequential([keras.Input(shape), Twice(), keras.layers.Flatten(), keras.layers.Dense(classes)])
"""
REFUSED = {
    "a function that is missing": (PLAIN.replace("network", "netwrk"), "the file has no function network; did you mean netwrk?"),
    "a function that raises": (f"{HEAD}    raise KeyError('depth')\n", "line 5: KeyError: 'depth'"),
    "a file that raises": (f"import keras\n1 / 0\n{PLAIN}", "line 2: ZeroDivisionError: division by zero"),
    "arguments that it does not take": (PLAIN.replace("**given", "depth"), r"TypeError: network\(\) missing .* 'depth'"),
    "a file that is not Python": ("def network(:\n", "the file cannot be read: invalid syntax"),
    "no model": (f"{HEAD}    return 7\n", "returns int; return a keras.Model"),
    "a compiled model": (
        PLAIN.replace("return keras", "m = keras") + "    m.compile()\n    return m\n",
        "returns a compiled model",
    ),
    "a model that is not built": (f"{HEAD}    return keras.Sequential([keras.layers.Dense(classes)])\n", "is not built"),
    "another shape": (
        PLAIN.replace("keras.Input(shape)", "keras.Input((8, 8, 1))"),
        r"takes \(None, 8, 8, 1\), and the images are",
    ),
    "other classes": (PLAIN.replace("Dense(classes)", "Dense(3)"), r"returns \(None, 3\), and there are 10 classes"),
    "a softmax": (
        PLAIN.replace("Dense(classes)", "Dense(classes, activation='softmax')"),
        "returns probabilities; leave out the soft",
    ),
    "an own layer": (OWN_LAYER, "cannot be loaded without its file .*; use layers of Keras, or of KerasHub"),
    "a relative import": (f"from . import other\n{PLAIN}", "relative imports are not followed"),
    "a name that is taken": (PLAIN, "has the name of a module in"),
    "a module that is not imported by a statement": (
        f"import importlib\n{PLAIN}".replace("    images", "    importlib.import_module('aside')\n    images", 1),
        r"loads .*aside\.py, whose code would not count",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_trained_is_refused_in_one_line(case: str, tmp_path: Path) -> None:
    text, message = REFUSED[case]
    (tmp_path / "aside.py").write_text("VALUE = 1\n")
    name = "colorsys" if case == "a name that is taken" else "mine"
    with pytest.raises(InputError, match=message) as refused:
        build(written(tmp_path, text, name))
    assert "\n" not in str(refused.value)
    assert f"{name}.py:network" in str(refused.value)


@pytest.mark.parametrize(
    ("drawn", "operation"),
    [
        ("tf.random.normal(tf.shape(x))", "RandomStandardNormal"),
        ("GENERATOR.normal(tf.shape(x))", "(RngReadAndSkip|StatefulStandardNormalV2)"),
        ("tf.ensure_shape(tf.numpy_function(lambda v: v, [x], tf.float32), x.shape)", "PyFunc"),
        ("keras.random.normal(keras.ops.shape(x), seed=3)", ""),
    ],
)
def test_random_numbers_that_are_not_kept_are_refused(
    drawn: str, operation: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A layer of KerasHub might draw them, for which a stand-in is made here; one in the file is refused anyhow."""
    packages, folder = tmp_path / "site-packages", tmp_path / "mine"
    packages.mkdir()
    folder.mkdir()
    (packages / "keras_hub.py").write_text(NOISY.format(drawn=drawn))
    monkeypatch.syspath_prepend(packages)
    text = PLAIN.replace("Flatten()(images)", "Flatten()(keras_hub.Noisy()(images))")
    network = written(folder, f"import keras_hub\n{text}")
    if not operation:
        build(network)
        return
    with pytest.raises(InputError, match=f"mine.py:network draws by TensorFlow's {operation}, .*; use keras.random"):
        build(network)


def test_costs_are_those_by_formula() -> None:
    images = ImageFormat(SHAPE, tuple(map(str, range(CLASSES))))
    for network in (Network(), Network(head="conv1x1", dense_units=(), dropout=0), Network(dropout=0, dense_units=(20, 30))):
        logits = builders.build(network, MEAN, DEVIATION, CLASSES).logits
        assert costs.training_flops(logits) == formulas.training_flops(network, images)
        assert costs.activations(logits) == formulas.activations(network, images)


UNKNOWN = {
    "shared": PLAIN.replace("    x = ", "    c = keras.layers.Conv2D(3, 3, padding='same')\n    x = ").replace(
        "(images)\n", "(c(c(images)))\n"
    ),
    "operation": PLAIN.replace("Flatten()(images)", "Flatten()(keras.ops.multiply(images, images))"),
    "without_weights": PLAIN.replace("()(images)", "()(keras.layers.Dot(3)([images, images]))"),
}


def test_costs_of_a_network_with_layers_of_unknown_cost_are_unknown(tmp_path: Path) -> None:
    known = build(written(tmp_path, RICH)).logits
    products = [(3 * 3 * 3 * 4, 15 * 15), (3 * 3 * 4 * 4, 15 * 15), (4 * 10, 1)]
    forward = [2 * weights * places for weights, places in products]
    assert costs.training_flops(known) == 3 * sum(forward) - forward[0]
    assert costs.training_flops(build(written(tmp_path, RICH), "mixed_bfloat16").logits) == costs.training_flops(known)
    attention = PLAIN.replace("    x = keras", "    y = keras.layers.Reshape((1024, 3))(images)\n    y = ATTENTION\n    x = keras")
    attention = attention.replace("ATTENTION", "keras.layers.MultiHeadAttention(1, 2)(y, y)").replace("()(images)", "()(y)")
    for name, text in {"attention": attention, **UNKNOWN}.items():
        unknown = build(written(tmp_path, text, name)).logits
        assert (costs.training_flops(unknown), costs.activations(unknown)) == (None, None), name


def settings_of(network: Own, **changes: Any) -> Settings:
    training = Training().updated({"epochs": 3, "batch_size": 32, **changes})
    return Settings(network=WITHOUT_EFFECT, training=training, own=network)


def train(settings: Settings, data: Dataset, resumed: State | None = None, told: list[State] | None = None) -> Result:
    return loop.train(settings, 1, data, (told if told is not None else []).append, resumed)


def test_a_training_that_goes_on_is_the_one_that_never_stopped(
    tmp_path: Path, synthetic: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between epochs and within one, with batch normalisation and four kinds of random layers."""
    monkeypatch.setattr(loop, "ITERATIONS_PER_CALL", 2)
    settings, told = settings_of(written(tmp_path, RICH)), list[State]()
    whole = train(settings, synthetic, told=told)
    assert len(own.states(whole.model)) == 3
    for calls in (1, 2, 4):
        asked = iter(range(100))
        with pytest.raises(loop.StoppedError) as stopped:
            loop.train(settings, 1, synthetic, lambda _: None, None, lambda asked=asked, calls=calls: next(asked) >= calls)
        assert_equal(train(settings, synthetic, stopped.value.state), whole)
    for state in told[:-1]:
        assert_equal(train(settings, synthetic, state), whole)


def assert_equal(one: Result, other: Result) -> None:
    histories = ([dataclasses.replace(epoch, seconds=0) for epoch in each.history] for each in (one, other))
    assert next(histories) == next(histories)
    assert one.weights == other.weights
    assert one.test == other.test


def test_penalties_are_part_of_what_is_minimised(tmp_path: Path, synthetic: Dataset) -> None:
    weak, strong = (RICH.replace("L2(1e-3)", f"L2({factor})") for factor in ("1e-3", "10.0"))
    kernels = [
        train(settings_of(written(tmp_path, text, name), optimizer={"learning_rate": 0.02}), synthetic).model.get_weights()[0]
        for name, text in (("weak", weak), ("strong", strong))
    ]
    assert np.abs(kernels[1]).sum() < 0.7 * np.abs(kernels[0]).sum()


def test_a_model_is_loaded_where_its_file_is_not(tmp_path: Path, synthetic: Dataset) -> None:
    result = train(settings_of(written(tmp_path, RICH), epochs=1), synthetic)
    result.model.save(tmp_path / "model.keras")
    code = f"import keras; print(keras.models.load_model({str(tmp_path / 'model.keras')!r}).output_shape)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd="/")
    assert done.stdout.strip().endswith("(None, 10)")


def components(network: Own) -> dict[str, Any]:
    return dict(fingerprint.run_components(settings_of(network), 1, {}))


def test_its_file_and_what_that_imports_count_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "blocks.py").write_text("WIDTH = 4\n")
    (tmp_path / "aside.py").write_text("VALUE = 1\n")
    text = f"import scipy.special\nfrom blocks import WIDTH\n{PLAIN}"
    first = components(written(tmp_path, text))
    assert {"mine.py", "blocks.py"} <= set(first["modules"])
    assert "aside.py" not in first["modules"]
    assert {"keras", "scipy", "tensorflow"} <= set(first["libraries"])
    assert components(written(tmp_path, text.replace("import scipy", "# A comment.\nimport scipy"))) == first
    (tmp_path / "aside.py").write_text("VALUE = 2\n")
    assert components(written(tmp_path, text)) == first
    assert components(written(tmp_path, text, width=3)) != first
    assert components(written(tmp_path, text.replace("Flatten()", "Flatten(name='a')"))) != first
    (tmp_path / "blocks.py").write_text("WIDTH = 5\n")
    changed = components(written(tmp_path, text))
    assert fingerprint.changes(first, changed) == ["code: blocks.py changed"]
