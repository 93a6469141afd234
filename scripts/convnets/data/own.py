"""Checks that all kinds of a user's own data share."""

from collections.abc import Sequence

from convnets import hardware
from convnets.errors import InputError

MOST_CLASSES = 1000  # a run's record holds a confusion matrix
PARTS = ("train", "test")
COPIES = 2.0  # of the images that the preparation holds at most; `BESIDE` is for the rest, in bytes
BESIDE = 100 * 2**20


def check_classes(classes: Sequence[str], source: object) -> None:
    """Raise an InputError where there are fewer than two classes or too many, or a name is empty, twice or not printable."""
    if not 2 <= len(classes) <= MOST_CLASSES:
        found = "fewer than 2" if len(classes) < 2 else f"more than {MOST_CLASSES:,}"
        raise InputError(f"{source} has {found} classes; there should be from 2 to {MOST_CLASSES:,}")
    for number, name in enumerate(classes):
        if not name.strip() or not name.isprintable():
            raise InputError(f"{source}: the name {name!a} of class {number} cannot be printed; give it another")
        if name in classes[:number]:
            raise InputError(f"{source}: two classes are named {name}; give each a name of its own")


def label_type(classes: int) -> str:
    """Return the type of labels that suffices for so many classes."""
    return "uint8" if classes <= 2**8 else "uint16"


def check_memory(count: int, shape: Sequence[int], source: object) -> None:
    """Raise an InputError unless so many images of this shape (height, width, channels) fit into memory while they are prepared."""
    height, width, channels = shape
    needed, available = COPIES * count * height * width * channels + BESIDE, hardware.available_memory()
    if needed > available:
        raise InputError(
            f"{source}: its {count:,} images need about {needed / 2**20:,.0f} MiB of memory to be prepared, and "
            f"{available / 2**20:,.0f} are available; take fewer or smaller ones, or another machine"
        )
