"""VGG-16, whose numbers claims can name: its layers, and its parameters by the formulas of layer shapes.

Source: K. Simonyan and A. Zisserman, "Very Deep Convolutional Networks for Large-Scale Image Recognition", 2015,
configuration D: 3x3 'same' convolutions on 224 x 224 x 3 images, a 2x2 max pooling after each block, three fully connected
layers.
"""

from dataclasses import dataclass

from convnets.data.cifar10 import CLASSES
from convnets.networks.formulas import dense_parameters
from convnets.networks.shapes import convolution_parameters

INPUT_SIDE, INPUT_CHANNELS = 224, 3
KERNEL_SIZE = 3


@dataclass(frozen=True)
class Block:
    """A group of equal layers: its name, its kind ("conv" or "fc"), how many layers, and their filters or units."""

    name: str
    kind: str
    layers: int
    width: int


BLOCKS = (
    Block("conv1", "conv", 2, 64),
    Block("conv2", "conv", 2, 128),
    Block("conv3", "conv", 3, 256),
    Block("conv4", "conv", 3, 512),
    Block("conv5", "conv", 3, 512),
    Block("fc1", "fc", 1, 4096),
    Block("fc2", "fc", 1, 4096),
    Block("fc3", "fc", 1, 1000),
)

CHANNELS = max(block.width for block in BLOCKS if block.kind == "conv")  # of the feature map that the head reads


def parameters() -> dict[str, int]:
    """Return the weights and biases of each block."""
    layers = layer_parameters()
    return {block.name: sum(count for layer, count in layers.items() if layer.startswith(block.name)) for block in BLOCKS}


def layer_parameters() -> dict[str, int]:
    """Return the weights and biases of each layer: conv1_1, conv1_2; a fully connected layer is called as its block."""
    counts = {}
    side, inputs = INPUT_SIDE, INPUT_CHANNELS
    for block in BLOCKS:
        if block.kind == "conv":
            for number in range(1, block.layers + 1):
                counts[f"{block.name}_{number}"] = convolution_parameters(KERNEL_SIZE, inputs, block.width)
                inputs = block.width
            side //= 2
        else:
            counts[block.name] = dense_parameters(side * side * inputs, block.width)  # the first one reads the whole feature map
            side, inputs = 1, block.width
    return counts


def convolution_stack_parameters() -> int:
    """Return the weights and biases of the five convolution blocks."""
    return sum(count for layer, count in layer_parameters().items() if layer.startswith("conv"))


def head_parameters() -> int:
    """Return the weights and biases of the 1x1 convolution that the report's table 1 puts on VGG-16: 1x1x512x10+10."""
    return convolution_parameters(1, CHANNELS, len(CLASSES))
