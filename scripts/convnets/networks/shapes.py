"""The shapes that networks are built with."""

from convnets.data.cifar10 import IMAGE_SHAPE
from convnets.settings import Network


def feature_map(network: Network) -> tuple[int, int]:
    """Return side length and channels of what the convolution blocks hand to the head.

    Each block keeps the size ('same' padding) and then halves it, rounding down, by 2x2 max pooling. A side of 0 means that
    there are more blocks than the image can be halved.
    """
    side = IMAGE_SHAPE[0] // 2 ** len(network.filters)
    return side, network.filters[-1] if network.filters else IMAGE_SHAPE[2]
