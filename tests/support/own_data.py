"""Small data sets as a user would bring them: an `.npz` file of arrays, or a folder of pictures."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from staleness import SMALL

HEIGHT, WIDTH = 12, 10
NAMES = ("cat", "dog", "eel")


def study(kind: str, source: Path | str, **dataset: Any) -> dict[str, Any]:
    """Return the configuration of a small study of two networks on such data."""
    variants = ("conv2", "conv2_1x1")
    return {
        **SMALL,
        "replicates": None,
        "dataset": {"kind": kind, "source": str(source), **dataset},
        "training": {**SMALL["training"], "batch_size": 16},
        "variants": {name: SMALL["variants"][name] for name in variants},
        "comparisons": {"head": SMALL["comparisons"]["head"]},
    }


def images(count: int, channels: int = 1, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return images, shape (count, 12, 10, channels), whose class shows in their brightness, and labels, 0, 1, 2, 0, ..."""
    rng, labels = np.random.default_rng(seed), np.arange(count) % len(NAMES)
    noise = rng.integers(80, size=(count, HEIGHT, WIDTH, channels))
    return (noise + 60 * labels[:, None, None, None]).astype(np.uint8), labels


def arrays(**changes: Any) -> dict[str, Any]:
    """Return the arrays of a file, some of them changed, or left out where they are None."""
    train, test = images(60), images(12, seed=1)
    found = {"x_train": train[0][..., 0], "y_train": train[1], "x_test": test[0][..., 0], "y_test": test[1]}
    return {name: value for name, value in {**found, "class_names": np.array(NAMES), **changes}.items() if value is not None}


def write_arrays(path: Path, **changes: Any) -> Path:
    """Write a file of arrays and return its path."""
    np.savez_compressed(path, **arrays(**changes))
    return path


def write_pictures(folder: Path, channels: int = 1, counts: Sequence[int] = (60, 12), suffix: str = "png") -> Path:
    """Write a folder of pictures and return its path."""
    for seed, (part, count) in enumerate(zip(("train", "test"), counts, strict=True)):
        for number, (pixels, label) in enumerate(zip(*images(count, channels, seed), strict=True)):
            path = folder / part / NAMES[label] / f"{number:03}.{suffix}"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels.squeeze()).save(path)
    return folder
