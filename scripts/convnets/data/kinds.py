"""The kinds of data sets. Each is a module with two functions, and a line here.

`describe(source)` returns the `Description` of a data set, without reading its images. `read(files)` returns the images and labels
to train on, those to test on, and the name of the source that delivered them. It raises an `InputError` where they cannot be used.
"""

from collections.abc import Mapping
from types import ModuleType

from convnets.data import official
from convnets.data.images import Description

KINDS: Mapping[str, ModuleType] = {"cifar10": official}
NEUTRAL = "cifar10"  # the first kind there was, which fingerprints leave out


def describe(kind: str, source: str) -> Description:
    """Return the description of a data set of this kind, from this source."""
    description: Description = KINDS[kind].describe(source)
    return description
