"""An `.npz` file of arrays as a kind of data set, in the convention of `keras.datasets`.

It holds x_train and x_test, uint8 of shape (n, height, width) or (n, height, width, channels), their labels y_train and y_test,
whole numbers from 0 of shape (n,) or (n, 1), and may hold class_names. Nothing in it is unpickled.
"""

import hashlib
import math
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from io import BufferedReader
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from convnets.data import own
from convnets.data.images import Description, ImageFormat, Place
from convnets.errors import InputError

if TYPE_CHECKING:
    import numpy as np

    from convnets.data.dataset import Content

NAMES = "class_names"
MOST_CHANNELS = 4
DEFLATE_RATIO = 1032  # at most so many bytes come from one compressed byte


class Array(NamedTuple):
    """An array of the file, as its header describes it."""

    shape: tuple[int, ...]
    dtype: Any


class Arrays:
    """The arrays of an `.npz` file, which `path` names in messages."""

    def __init__(self, path: Path, file: BufferedReader) -> None:
        self.path = path
        self._zip = zipfile.ZipFile(file)
        self.names = [name.removesuffix(".npy") for name in self._zip.namelist()]

    def header(self, name: str) -> Array:
        """Return what the header of an array says; an `InputError` where the file cannot hold such an array."""
        from numpy.lib import format as npy

        if name not in self.names:
            raise InputError(f"{self.path} has no {name}; it should have x_train, y_train, x_test and y_test")
        read = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}
        member = self._zip.getinfo(f"{name}.npy")
        with self._zip.open(member) as file:
            version = npy.read_magic(file)
            if version not in read:
                raise ValueError(f"{name} is of version {version} of NumPy's format")
            shape, _, dtype = read[version](file)
            size = file.tell() + math.prod(shape) * dtype.itemsize
        if dtype.hasobject:
            raise InputError(f"{self.path}: {name} holds Python objects, which are not loaded; save it as an array of one type")
        if member.file_size != size or size > DEFLATE_RATIO * (member.compress_size + 100):
            raise InputError(f"{self.path}: {name} claims {size:,} bytes, which the file does not hold; save it again")
        return Array(shape, dtype)

    def read(self, name: str) -> "np.ndarray":
        """Return an array; its header should have been checked."""
        import numpy as np
        from numpy.lib import format as npy

        with self._zip.open(f"{name}.npy") as file:
            return np.ascontiguousarray(npy.read_array(file, allow_pickle=False))


def describe(place: Place, digest: Callable[[Path], str]) -> Description:
    """Return what is known of the arrays from their headers, the labels and the names of the classes."""
    path = Path(place.source)
    with _opened(path) as (arrays, _):
        shapes = {part: _image_shape(arrays, part) for part in own.PARTS}
        if shapes["train"][1:] != shapes["test"][1:]:
            found = " and ".join(f"x_{part} of {_times(shape[1:])}" for part, shape in shapes.items())
            raise InputError(f"{path} has images in {found}; all should be of one shape")
        classes = _classes(arrays, [_labels(arrays, part, shapes[part][0]) for part in own.PARTS])
    _, height, width, channels = shapes["train"]
    counts = {part: shape[0] for part, shape in shapes.items()}
    return Description(ImageFormat((height, width, channels), classes), counts, {"sha256": digest(path)}, ())


def read(place: Place, _files: Sequence[Path]) -> "Content":
    """Return the images and labels, of shape (n, height, width, channels) and (n,)."""
    from convnets.data.dataset import Content, Split  # NumPy is not needed to plan other kinds

    path = Path(place.source)
    with _opened(path) as (arrays, file):
        found = hashlib.file_digest(file, "sha256").hexdigest()
        shapes = {part: _image_shape(arrays, part) for part in own.PARTS}
        own.check_memory(sum(shape[0] for shape in shapes.values()), shapes["train"][1:], path)
        labels = [_labels(arrays, part, shapes[part][0]) for part in own.PARTS]
        kind = own.label_type(len(_classes(arrays, labels)))
        train, test = (
            Split(arrays.read(f"x_{part}").reshape(shapes[part]), part_labels.astype(kind))
            for part, part_labels in zip(own.PARTS, labels, strict=True)
        )
    return Content(train, test, place.source, {"sha256": found})


@contextmanager
def _opened(path: Path) -> Iterator[tuple[Arrays, BufferedReader]]:
    """Open the file; whatever is wrong with it is an `InputError`."""
    advice = "it should be an .npz file, as numpy.savez writes it"
    if not path.is_file():
        raise InputError(f"dataset.source {path} is no file; {advice}")
    try:
        with path.open("rb") as file:
            arrays = Arrays(path, file)
            file.seek(0)
            yield arrays, file
    except InputError:
        raise
    except Exception as error:  # NumPy and zipfile raise different errors for each kind of damage
        raise InputError(f"{path} cannot be read ({' '.join(str(error).split())}); {advice}") from error


def _image_shape(arrays: Arrays, part: str) -> tuple[int, int, int, int]:
    """Return the number of images, height, width and channels."""
    name = f"x_{part}"
    shape, dtype = arrays.header(name)
    if dtype != "uint8":
        raise InputError(f"{arrays.path}: {name} holds {dtype}; it should hold uint8, values from 0 to 255")
    if len(shape) == 3:
        shape = (*shape, 1)
    if len(shape) != 4 or min(shape) < 1 or shape[3] > MOST_CHANNELS:
        raise InputError(
            f"{arrays.path}: {name} has the shape {_times(shape)}; it should be images x height x width, "
            f"or that x channels, from 1 to {MOST_CHANNELS}"
        )
    return shape[0], shape[1], shape[2], shape[3]


def _labels(arrays: Arrays, part: str, count: int) -> "np.ndarray":
    """Return the labels, shape (n,), in the file's own type."""
    name = f"y_{part}"
    shape, dtype = arrays.header(name)
    if dtype.kind not in "iu":
        raise InputError(f"{arrays.path}: {name} holds {dtype}; it should hold whole numbers, the labels from 0")
    if shape not in ((count,), (count, 1)):
        raise InputError(f"{arrays.path}: {name} has the shape {_times(shape)}; each of {count:,} images should have one label")
    labels = arrays.read(name).reshape(-1)
    if (least := labels.min()) < 0:
        raise InputError(f"{arrays.path}: {name} holds the label {least}; labels count from 0")
    return labels


def _classes(arrays: Arrays, labels: Sequence["np.ndarray"]) -> tuple[str, ...]:
    """Return the names of the classes, which are numbers where the file gives none; each has images in both parts."""
    import numpy as np

    count = max(int(part.max()) for part in labels) + 1
    if NAMES in arrays.names:
        shape, dtype = arrays.header(NAMES)
        if dtype.kind not in "US" or len(shape) != 1:
            raise InputError(f"{arrays.path}: {NAMES} should be a list of texts")
        if shape != (count,):
            raise InputError(f"{arrays.path}: {NAMES} has {shape[0]:,} names, and the labels go from 0 to {count - 1:,}")
        classes = tuple(name.decode() if isinstance(name, bytes) else str(name) for name in arrays.read(NAMES))
    else:
        classes = tuple(map(str, range(min(count, own.MOST_CLASSES + 1))))
    own.check_classes(classes, arrays.path)
    for part, found in zip(own.PARTS, labels, strict=True):
        empty = np.flatnonzero(np.bincount(found.astype(np.int64), minlength=count) == 0)
        if empty.size:
            name = classes[empty[0]]
            raise InputError(f"{arrays.path}: y_{part} has no image of class {empty[0]} ({name}); each needs some in both parts")
    return classes


def _times(shape: Sequence[int]) -> str:
    return " x ".join(map(str, shape)) or "nothing"
