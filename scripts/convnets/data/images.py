"""What is known of the images of a data set before they are read."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class ImageFormat:
    """The shape of each image (height, width, channels) and the names of the classes, in the order of their labels."""

    shape: tuple[int, int, int]
    classes: tuple[str, ...]

    @staticmethod
    def of(value: Mapping[str, Any]) -> "ImageFormat":
        """Return the format whose fields, as JSON holds them, are `value`."""
        height, width, channels = value["shape"]
        return ImageFormat((height, width, channels), tuple(value["classes"]))


@dataclass(frozen=True)
class Description:
    """A data set: the format of its images, how many there are to train and to test on, and the identity of their content.

    `identity` counts in fingerprints. `files` are those that the preparation reads, as rules write their paths.
    """

    format: ImageFormat
    counts: Mapping[str, int]
    identity: Mapping[str, Any]
    files: tuple[str, ...]
