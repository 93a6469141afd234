"""What a configuration can name of Keras, as JSON: `python -m convnets.training.keras_names > FILE`.

`settings/keras_names.json` is this output for the locked version. It is read where Keras is not imported, which takes seconds.
"""

import inspect
import json
from collections.abc import Iterator
from typing import Any

from convnets import device

import keras  # isort: skip

# Layers and arguments that are not used here, and why.
UNUSED = {
    "AugMix": "it chooses its operations once, when the graph is built, and not for each batch",
    "CutMix": "it mixes images whose labels would have to be mixed too",
    "MixUp": "it mixes images whose labels would have to be mixed too",
    "MaxNumBoundingBoxes": "it changes bounding boxes, and no image",
    "RandomInvert": "it is wrong for values below 0, as standardised images have them",
    "RandomSaturation": "it is wrong for values below 0, as standardised images have them",
    "RandomColorJitter": "its saturation is wrong for values below 0; use RandomBrightness, RandomContrast and RandomHue",
    "name": "it changes nothing",
    "seed": "the run's seed decides",
    "data_format": "images have their channels last",
    "dtype": "images are augmented in float32",
    **dict.fromkeys(
        ("use_ema", "ema_momentum", "ema_overwrite_frequency"),
        "the best epoch's own weights are kept, and no average over iterations",
    ),
    "loss_scale_factor": "the loss is not scaled here",
}
OTHER_LAYERS = ("GaussianNoise", "Rescaling", "SpatialDropout2D", "ZeroPadding2D")  # not among Keras's image preprocessing
SECTIONS = {"optimizers": keras.optimizers, "schedules": keras.optimizers.schedules, "layers": keras.layers}
# Wrappers of other optimizers, and abstract classes.
NOT_OFFERED = ("LearningRateSchedule", "LossScaleOptimizer", "MultiOptimizer", "Optimizer", "OptimizerMap")


def collect() -> dict[str, Any]:
    """Return, by section and class, the arguments that are required, and those that are optional with their defaults."""
    found = {section: {kind.__name__: _arguments(kind) for kind in _classes(section)} for section in SECTIONS}
    return {**found, "unused": UNUSED}


def _classes(section: str) -> Iterator[type]:
    for name, kind in sorted(vars(SECTIONS[section]).items()):
        if not inspect.isclass(kind) or name in UNUSED or name in NOT_OFFERED:
            continue
        if section != "layers" or "image_preprocessing" in kind.__module__ or name in OTHER_LAYERS:
            yield kind


def _arguments(kind: type) -> dict[str, Any]:
    given = {name: each for name, each in inspect.signature(kind).parameters.items() if each.kind is not each.VAR_KEYWORD}
    # Keras's default is the range of raw images, and images are standardised before they are augmented.
    required = [name for name, each in given.items() if each.default is each.empty or name == "value_range"]
    optional = {name: each.default for name, each in given.items() if name not in (*required, *UNUSED, "learning_rate")}
    return {"required": required, "optional": optional}


def to_json(found: dict[str, Any]) -> str:
    """Return what was collected as JSON, with one line for each class."""
    sections = []
    for section, entries in found.items():
        lines = [f"    {json.dumps(name)}: {json.dumps(entry)}" for name, entry in entries.items()]
        sections.append(f'  "{section}": {{\n' + ",\n".join(lines) + "\n  }")
    return "{\n" + ",\n".join(sections) + "\n}\n"


if __name__ == "__main__":
    print(to_json(collect()), end="")
