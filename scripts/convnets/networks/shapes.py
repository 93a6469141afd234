"""Shapes within a network."""

from convnets.settings import Network


def feature_map(network: Network, shape: tuple[int, int, int]) -> tuple[int, int, int]:
    """Return height, width and channels of the convolution blocks' output, for images of this shape.

    Each block keeps the size ('same' padding) and then halves it, rounding down, by 2x2 max pooling. A side of 0 means that
    there are more blocks than the image can be halved.
    """
    height, width, channels = shape
    shrunk = 2 ** len(network.filters)
    return height // shrunk, width // shrunk, network.filters[-1] if network.filters else channels
