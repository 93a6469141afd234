"""Shapes and parameters of a network by formula.

A convolution of a k x k kernel from c to f channels has k*k*c*f weights and f biases; a dense layer from n to m units has
n*m weights and m biases; pooling has none.
"""

from collections.abc import Iterator

from convnets.data.images import ImageFormat
from convnets.settings import Network


def feature_map(network: Network, shape: tuple[int, int, int]) -> tuple[int, int, int]:
    """Return height, width and channels of the convolution blocks' output, for images of this shape.

    Each block keeps the size ('same' padding) and then halves it, rounding down, by 2x2 max pooling. A side of 0 means that
    there are more blocks than the image can be halved.
    """
    height, width, channels = shape
    shrunk = 2 ** len(network.filters)
    return height // shrunk, width // shrunk, network.filters[-1] if network.filters else channels


def convolution_parameters(kernel_size: int, channels: int, filters: int) -> int:
    """Return the number of weights and biases of a square convolution."""
    return kernel_size**2 * channels * filters + filters


def layers(network: Network, images: ImageFormat) -> Iterator[tuple[int, int, int, int]]:
    """Yield kernel size, channels, filters and positions of each layer; a dense layer has a kernel of 1x1 at one position."""
    height, width, channels = images.shape
    for filters in network.filters:
        yield network.kernel_size, channels, filters, height * width
        height, width, channels = height // 2, width // 2, filters
    height, width, channels = feature_map(network, images.shape)
    if network.head == "conv1x1":
        yield 1, channels, len(images.classes), height * width
        return
    inputs = height * width * channels
    for units in (*network.dense_units, len(images.classes)):
        yield 1, inputs, units, 1
        inputs = units


def network_parameters(network: Network, images: ImageFormat) -> int:
    """Return the number of trainable parameters."""
    return sum(convolution_parameters(*layer[:3]) for layer in layers(network, images))
