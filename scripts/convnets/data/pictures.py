"""A folder of pictures as a kind of data set: train/CLASS/ and test/CLASS/, with PNG and JPEG files.

The names of the class folders are those of the classes, in the order of their code points. Names that begin with a point are passed
over. Pictures are taken as they are stored, without the rotation that a camera may have noted beside them.
"""

import hashlib
import io
import json
import os
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from convnets.data import own
from convnets.data.images import Description, ImageFormat, Place
from convnets.errors import InputError

if TYPE_CHECKING:
    from PIL.Image import Image

    from convnets.data.dataset import Content

SUFFIXES = (".png", ".jpg", ".jpeg")
FORMATS = ("PNG", "JPEG")
CHANNELS = {"L": 1, "LA": 2, "RGB": 3, "RGBA": 4}
CONVERTED = {"1": "L", "P": "RGB", "PA": "RGBA"}  # a palette with transparent colours is converted to RGBA, too
FILTER = "BICUBIC"  # which Pillow widens when it makes a picture smaller, so that no pixel is left out


@dataclass(frozen=True)
class Listing:
    """The pictures of a folder: the names of the classes, and for each part the label and the path of each picture, sorted."""

    folder: Path
    classes: tuple[str, ...]
    parts: Mapping[str, Sequence[tuple[int, Path]]]

    def identity(self, digests: Mapping[Path, str], size: Sequence[int] | None) -> dict[str, Any]:
        """Return the identity of the images: the digest of sorted names and contents, and the size that they are resized to."""
        named = sorted((path.relative_to(self.folder).as_posix(), digest) for path, digest in digests.items())
        content = hashlib.sha256(json.dumps(named).encode()).hexdigest()
        return {"content": content, **({"size": list(size)} if size else {})}


def describe(place: Place, digest: Callable[[Path], str]) -> Description:
    """Return what is known of the pictures from their names, their digests and the first of them."""
    listing = _listed(Path(place.source))
    first = listing.parts["train"][0][1]
    shape = _shape(_decoded(first.read_bytes(), first, place.size))
    counts = {part: len(pictures) for part, pictures in listing.parts.items()}
    digests = {path: digest(path) for pictures in listing.parts.values() for _, path in pictures}
    return Description(ImageFormat(shape, listing.classes), counts, listing.identity(digests, place.size), ())


def read(place: Place, _files: Sequence[Path]) -> "Content":
    """Return the images and labels, of shape (n, height, width, channels) and (n,)."""
    import numpy as np

    from convnets.data.dataset import Content, Split

    listing = _listed(Path(place.source))
    first = listing.parts["train"][0][1]
    expected = _decoded(first.read_bytes(), first, place.size)
    shape, count = _shape(expected), sum(map(len, listing.parts.values()))
    own.check_memory(count, shape, listing.folder)
    digests = dict[Path, str]()

    def split(pictures: Sequence[tuple[int, Path]]) -> Split:
        images = np.empty((len(pictures), *shape), np.uint8)
        for row, (_, path) in zip(images, pictures, strict=True):
            content = path.read_bytes()
            digests[path] = hashlib.sha256(content).hexdigest()
            picture = _decoded(content, path, place.size)
            _check_alike(picture, expected, path, first)
            row[:] = np.asarray(picture).reshape(shape)
        labels = np.array([label for label, _ in pictures], own.label_type(len(listing.classes)))
        return Split(images, labels)

    train, test = (split(listing.parts[part]) for part in own.PARTS)
    return Content(train, test, place.source, listing.identity(digests, place.size))


def _listed(folder: Path) -> Listing:
    """Return the pictures of a folder; an `InputError` where its names are not those of a data set."""
    found = {part: {name: _pictures(folder / part / name, folder) for name in _classes(folder, part)} for part in own.PARTS}
    for name in sorted({*found["train"], *found["test"]}):
        for part in own.PARTS:
            if not found[part].get(name):
                raise InputError(f"{folder / part / name} holds no picture; each class needs some in both train and test")
    classes = tuple(found["train"])
    own.check_classes(classes, folder)
    parts = {part: [(label, path) for label, name in enumerate(classes) for path in found[part][name]] for part in own.PARTS}
    return Listing(folder, classes, parts)


def _classes(folder: Path, part: str) -> Iterator[str]:
    """Yield the names of the class folders of a part, sorted."""
    _check_inside(folder / part, folder)
    for entry in _entries(folder / part, folder):
        if not entry.is_dir():
            raise InputError(f"{entry.path} is no folder; {folder / part} should hold one folder of pictures for each class")
        yield entry.name


def _pictures(folder: Path, source: Path) -> list[Path]:
    """Return the pictures of a class folder, sorted by name."""
    entries = _entries(folder, source)
    for entry in entries:
        if not entry.name.lower().endswith(SUFFIXES) or entry.is_dir():
            raise InputError(f"{entry.path} is no picture that can be read ({', '.join(SUFFIXES)}); convert it, or remove it")
    return [folder / entry.name for entry in entries]


def _entries(folder: Path, source: Path) -> list["os.DirEntry[str]"]:
    """Return what is in a folder, sorted by name, without hidden names; an `InputError` if one leads out of the source."""
    if not folder.is_dir():
        raise InputError(f"{folder} is no folder; dataset.source should be a folder with train/CLASS/ and test/CLASS/")
    with os.scandir(folder) as found:
        entries = sorted((entry for entry in found if not entry.name.startswith(".")), key=lambda entry: entry.name)
    for entry in entries:
        if not entry.name.isprintable():
            raise InputError(f"{folder} holds the name {entry.name!a}, which cannot be printed; give it another")
        if entry.is_symlink():
            _check_inside(Path(entry.path), source)
    return entries


def _check_inside(path: Path, source: Path) -> None:
    if not path.resolve().is_relative_to(source.resolve()):
        raise InputError(f"{path} leads out of {source}, to {path.resolve()}; put a copy in its place")


def _decoded(content: bytes, path: Path, size: tuple[int, int] | None) -> "Image":
    """Return a picture, decoded, in one of the modes of `CHANNELS`, and resized to a height and a width if they are given."""
    from PIL import Image

    advice = "replace it, or remove it"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(content), formats=FORMATS) as opened:
                opened.verify()  # the checksums and the end of a PNG file, which decoding does not look at
            with Image.open(io.BytesIO(content), formats=FORMATS) as opened:
                mode = CONVERTED.get(opened.mode, opened.mode)
                if opened.mode == "P" and "transparency" in opened.info:
                    mode = "RGBA"
                if mode not in CHANNELS:
                    raise InputError(f"{path} has the mode {mode}; save it as 8-bit grey, RGB or RGBA")
                picture = opened.convert(mode)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise InputError(f"{path} is too large to be decoded safely ({error}); {advice}") from error
    except (InputError, MemoryError):
        raise
    except Exception as error:  # Pillow raises different errors for each kind of damage
        reason = "it is damaged, or of another format" if "BytesIO" in str(error) else " ".join(str(error).split())
        raise InputError(f"{path} cannot be read as a PNG or JPEG picture ({reason}); {advice}") from error
    if size and (picture.height, picture.width) != size:
        picture = picture.resize((size[1], size[0]), Image.Resampling[FILTER])
    return picture


def _check_alike(picture: "Image", expected: "Image", path: Path, first: Path) -> None:
    """Check that a picture has the mode and the size of the first."""
    if picture.mode != expected.mode:
        raise InputError(f"{path} is {picture.mode} and {first} is {expected.mode}; convert the pictures to one mode")
    if picture.size != expected.size:
        found, wanted = (f"{one.height} x {one.width}" for one in (picture, expected))
        raise InputError(f"{path} has {found} pixels and {first} has {wanted}; set dataset.size to [height, width] to resize them")


def _shape(picture: "Image") -> tuple[int, int, int]:
    return picture.height, picture.width, CHANNELS[picture.mode]
