"""The readers of data sets, by kind. Each is a module with two functions, and a line here and in `kinds`.

`describe(place, digest)` returns the `Description` of a data set, without reading its images; `digest` returns the SHA-256 of a
file, and remembers it. `read(place, files)` returns the `Content` of a data set; `files` are those of its description. Both raise
an `InputError` where the data cannot be used.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from convnets.data import arrays, digests, official, pictures
from convnets.data.images import Description, Place
from convnets.errors import InputError

if TYPE_CHECKING:
    from convnets.data.dataset import Content

READERS: Mapping[str, ModuleType] = {"cifar10": official, "arrays": arrays, "images": pictures}


def describe(kind: str, place: Place) -> Description:
    """Return the description of a data set of this kind at this place."""
    try:
        with digests.remembered(place.source) as digest:
            description: Description = READERS[kind].describe(place, digest)
    except OSError as error:
        raise _unreadable(place, error) from error
    return description


def read(kind: str, place: Place, files: Sequence[Path], planned: Mapping[str, object]) -> "Content":
    """Return the content of a data set of this kind; an `InputError` if its identity is not the planned one."""
    try:
        content: Content = READERS[kind].read(place, files)
    except OSError as error:
        raise _unreadable(place, error) from error
    if content.identity != planned:
        raise InputError(f"{place.source} has changed since the workflow was planned; run the workflow again")
    return content


def _unreadable(place: Place, error: OSError) -> InputError:
    reason = error.strerror or error
    return InputError(f"{error.filename or place.source} cannot be read ({reason}); make it readable or set another dataset.source")
