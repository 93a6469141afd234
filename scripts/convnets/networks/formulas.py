"""Shapes and parameter counts of layers by formula, without TensorFlow.

A convolution of a k x k kernel from c to f channels has k*k*c*f weights and f biases; a dense layer from n to m units has
n*m weights and m biases; pooling has none.
"""

from itertools import pairwise

from convnets.data.images import ImageFormat
from convnets.networks.shapes import feature_map
from convnets.settings import Network

BYTES_PER_PARAMETER = 4  # float32


def convolution_parameters(kernel_size: int, channels: int, filters: int) -> int:
    """Return the number of weights and biases of a square convolution."""
    return kernel_size**2 * channels * filters + filters


def dense_parameters(inputs: int, units: int) -> int:
    """Return the number of weights and biases of a fully connected layer."""
    return inputs * units + units


def convolution_blocks_parameters(network: Network, images: ImageFormat) -> int:
    """Return the number of trainable parameters of the convolution blocks, the head left out."""
    channels = (images.shape[2], *network.filters)
    return sum(convolution_parameters(network.kernel_size, *pair) for pair in pairwise(channels))


def network_parameters(network: Network, images: ImageFormat) -> int:
    """Return the number of trainable parameters."""
    total = convolution_blocks_parameters(network, images)
    height, width, channels = feature_map(network, images.shape)
    if network.head == "conv1x1":
        return total + convolution_parameters(1, channels, len(images.classes))
    inputs = height * width * channels
    for units in (*network.dense_units, len(images.classes)):
        total += dense_parameters(inputs, units)
        inputs = units
    return total


def training_flops(network: Network, images: ImageFormat) -> int:
    """Return the floating-point operations of one image's training step: forward, and backward to weights and inputs.

    A multiplication and its addition count as two, every tap of the 'same' padding counts, and what is not a convolution or a
    dense layer does not. Backward costs twice forward, but for the first layer, whose input needs no gradient.
    """
    forward: list[int] = []
    height, width, channels = images.shape
    for filters in network.filters:
        forward.append(2 * network.kernel_size**2 * channels * filters * height * width)
        height, width, channels = height // 2, width // 2, filters
    inputs = height * width * channels
    if network.head == "conv1x1":
        forward.append(2 * inputs * len(images.classes))
    else:
        for units in (*network.dense_units, len(images.classes)):
            forward.append(2 * inputs * units)
            inputs = units
    return 3 * sum(forward) - forward[0]


def megabytes(parameters: int) -> float:
    """Return the memory of so many float32 parameters, in megabytes of 10^6 bytes."""
    return parameters * BYTES_PER_PARAMETER / 1e6
