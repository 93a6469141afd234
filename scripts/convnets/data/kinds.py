"""The kinds of data sets: the module of each, by name. `readers` imports them, and what only needs their names does not."""

from collections.abc import Mapping

KINDS: Mapping[str, str] = {
    "cifar10": "convnets.data.official",
    "arrays": "convnets.data.arrays",
    "images": "convnets.data.pictures",
}
NEUTRAL = "cifar10"  # the first kind there was, which fingerprints leave out
