"""Where the images of a data set are, and what is known of them before they are read."""

from collections.abc import Mapping
from typing import Any

from pydantic.dataclasses import dataclass


@dataclass(frozen=True)
class Place:
    """Where images are: `source` as the settings name it, and the height and width that pictures are resized to, or None."""

    source: str
    size: tuple[int, int] | None = None


@dataclass(frozen=True)
class ImageFormat:
    """The shape of each image (height, width, channels) and the names of the classes, in the order of their labels."""

    shape: tuple[int, int, int]
    classes: tuple[str, ...]


@dataclass(frozen=True)
class Description:
    """A data set: the format of its images, how many there are to train and to test on, and the identity of their content.

    `identity` counts in fingerprints. `files` are those that the preparation reads, as rules write their paths.
    """

    format: ImageFormat
    counts: Mapping[str, int]
    identity: Mapping[str, Any]
    files: tuple[str, ...]
