"""Networks of the user's own: a function in a file, with the modules that it imports from beside it.

The function takes the shape of an image, the number of classes and its arguments; it returns an uncompiled Keras model from
standardised images to logits.
"""

import importlib
import re
import sys
import tempfile
import traceback
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import tensorflow as tf

from convnets import device
from convnets.errors import InputError, suggest
from convnets.modules import closure
from convnets.settings import Own

import keras  # isort: skip

SCRIPTS = Path(__file__).parents[2]
# TensorFlow's operations that draw from a state of their own, or call Python. Those of keras.random are "Stateless...".
UNKEPT = re.compile("(Random|Multinomial|TruncatedNormal|ParameterizedTruncatedNormal|Stateful(?!Partitioned)|Rng|.*PyFunc).*")
PROBED = 8  # images of noise that tell logits from probabilities


def build(own: Own, shape: tuple[int, ...], classes: int) -> keras.Model:
    """Call the function, check what it returns, and save and load that once, as a fresh process would.

    Raises
    ------
    InputError
        The function is missing or raises, the model does not fit, or it cannot be loaded without the file.
    """
    file, name = own.file.resolve(), own.network
    try:
        files, _ = closure([file.parent, SCRIPTS], [file.stem])
    except (OSError, SyntaxError, ValueError) as error:
        raise InputError(f"{name}: the file cannot be read: {error}") from error
    beside = {module: path for module, path in files.items() if path.is_relative_to(file.parent)}
    for module in {module.split(".")[0] for module in beside}:
        spec = find_spec(module)
        if spec and not str(spec.origin).startswith(f"{file.parent}/"):
            raise InputError(f"{name}: {module}.py has the name of a module in {spec.origin}; rename the file")
    before = set(sys.modules)
    try:
        model = _called(own, shape, classes)
    except Exception as error:
        raise InputError(f"{name}: {_place(file, error)}{type(error).__name__}: {' '.join(str(error).split())}") from error
    loaded = (sys.modules[module] for module in set(sys.modules) - before)
    others = sorted(path for path in _files_in(file.parent, loaded) if path not in beside.values())
    if others:
        raise InputError(
            f"{name} loads {others[0]}, whose code would not count; import it with an `import` statement in {file.name}"
        )
    if problem := _problem(model, shape, classes):
        raise InputError(f"{name} {problem}")
    _check_loading(name, model, set(beside), file.parent)
    return model


def _called(own: Own, shape: tuple[int, ...], classes: int) -> Any:  # noqa: ANN401
    """Return what the function returns."""
    folder = str(own.file.resolve().parent)
    if folder not in sys.path:
        sys.path.append(folder)
    module = importlib.import_module(own.file.stem)
    function = getattr(module, own.function, None)
    if function is None:
        names = [name for name, value in vars(module).items() if callable(value) and not name.startswith("_")]
        raise AttributeError(f"the file has no function {own.function}{suggest(own.function, names)}")
    return function(shape, classes, **own.arguments)


def _place(file: Path, error: BaseException) -> str:
    """Return the line of a file in which an error arose, or the one that led there."""
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if Path(frame.filename) == file]
    return f"line {lines[-1]}: " if lines else ""


def _files_in(folder: Path, modules: Iterable[ModuleType]) -> Iterator[Path]:
    """Yield the files of those of some modules that lie in a folder, but are neither of the project nor of an installed package."""
    for module in modules:
        path = Path(getattr(module, "__file__", None) or "/").resolve()
        if path.is_relative_to(folder) and "site-packages" not in path.parts and not path.is_relative_to(SCRIPTS):
            yield path


def _problem(model: Any, shape: tuple[int, ...], classes: int) -> str:  # noqa: ANN401
    """Return what is wrong with a model, and the remedy; empty if it fits."""
    if not isinstance(model, keras.Model):
        return f"returns {type(model).__name__}; return a keras.Model"
    if model.compiled:
        return "returns a compiled model; leave out compile(): the settings of training say how it is trained"
    if not model.built:
        return "returns a model that is not built; begin it with keras.Input(input_shape)"
    if model.input_shape != (None, *shape):
        return f"takes {model.input_shape}, and the images are {(None, *shape)}; begin with keras.Input(input_shape)"
    if model.output_shape != (None, classes):
        return f"returns {model.output_shape}, and there are {classes} classes; end with keras.layers.Dense(classes)"
    if any(weight.dtype != "float32" for weight in model.trainable_weights):
        return "has trainable weights that are not float32; leave their dtype to training.precision"
    generators = [variable.numpy() for variable in states(model)]
    noise = np.random.default_rng(0).normal(size=(PROBED, *shape)).astype(np.float32)
    outputs = np.asarray(keras.ops.convert_to_numpy(model(noise, training=False)), np.float64)
    for variable, value in zip(states(model), generators, strict=True):
        variable.assign(value)
    if outputs.min() >= 0 and np.allclose(outputs.sum(1), 1, atol=1e-3):
        return "returns probabilities; leave out the softmax at its end, since the loss wants logits"
    if unkept := _draws_unkept(model, shape):
        return f"draws by TensorFlow's {unkept}, whose state is not kept, so no stopped training could go on; use keras.random"
    return ""


def _draws_unkept(model: keras.Model, shape: tuple[int, ...]) -> str:
    """Return an operation of the training step that draws from no variable of Keras; empty if there is none."""
    step = tf.function(lambda images: model(images, training=True))
    graph = step.get_concrete_function(tf.TensorSpec((None, *shape))).graph.as_graph_def()
    operations = {node.op for nodes in (graph.node, *(function.node_def for function in graph.library.function)) for node in nodes}
    return next((operation for operation in sorted(operations) if UNKEPT.fullmatch(operation)), "")


def states(layer: keras.Layer) -> list[keras.Variable]:
    """Return the variables of a layer or model that are not weights: the states of its random generators."""
    weights = {id(weight) for weight in layer.weights}
    return [variable for variable in layer.variables if id(variable) not in weights]


def _check_loading(name: str, model: keras.Model, modules: set[str], folder: Path) -> None:
    """Save a model and load it without its file, as whoever uses `model.keras` does."""
    with tempfile.TemporaryDirectory() as scratch, _as_elsewhere(modules, folder):
        try:
            model.save(path := Path(scratch) / "model.keras")
            again = keras.models.load_model(path)
        except Exception as error:
            reason = " ".join(str(error).split())[:300]
            raise InputError(
                f"{name}: the model cannot be loaded without its file ({type(error).__name__}: {reason}); "
                "use layers of Keras, or of KerasHub"
            ) from error
    if not all(np.array_equal(one, other) for one, other in zip(model.get_weights(), again.get_weights(), strict=True)):
        raise InputError(f"{name}: the model that is loaded from a file has other weights than the one saved")


@contextmanager
def _as_elsewhere(modules: set[str], folder: Path) -> Iterator[None]:
    """Hide these modules, their folder and the layers that they have registered."""
    hidden = {module: sys.modules.pop(module) for module in modules if module in sys.modules}
    path, registered = list(sys.path), dict(keras.saving.get_custom_objects())
    sys.path[:] = [entry for entry in path if Path(entry or ".").resolve() != folder]
    keras.saving.get_custom_objects().clear()
    importlib.invalidate_caches()
    try:
        yield
    finally:
        sys.path[:] = path
        sys.modules.update(hidden)
        keras.saving.get_custom_objects().update(registered)
