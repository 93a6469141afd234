"""Operations and memory of networks by formula, without TensorFlow."""

from convnets.data.images import ImageFormat
from convnets.networks.shapes import convolution_parameters, layers
from convnets.settings import Network, Optimizer, Training

BYTES_PER_PARAMETER = 4  # float32
SLOTS = {  # of Keras's optimizers, values for each parameter
    "sgd": 0,
    **dict.fromkeys(("rmsprop", "adagrad", "lion"), 1),
    **dict.fromkeys(("adam", "adamw", "adamax", "nadam", "adadelta", "ftrl", "lamb", "schedulefreeadamw"), 2),
}
BYTES_PER_VALUE = {"float32": 4, "mixed_bfloat16": 2}


def dense_parameters(inputs: int, units: int) -> int:
    """Return the number of weights and biases of a fully connected layer."""
    return inputs * units + units


def convolution_blocks_parameters(network: Network, images: ImageFormat) -> int:
    """Return the number of trainable parameters of the convolution blocks, the head left out."""
    return sum(convolution_parameters(*layer[:3]) for layer in list(layers(network, images))[: len(network.filters)])


def training_flops(network: Network, images: ImageFormat) -> int:
    """Return the floating-point operations of one image's training step: forward, and backward to weights and inputs.

    A multiplication and its addition count as two, every tap of the 'same' padding counts, and what is not a convolution or a
    dense layer does not. Backward costs twice forward, but for the first layer, whose input needs no gradient.
    """
    forward = [2 * size**2 * channels * filters * positions for size, channels, filters, positions in layers(network, images)]
    return 3 * sum(forward) - forward[0]


def megabytes(parameters: int) -> float:
    """Return the memory of so many float32 parameters, in megabytes of 10^6 bytes."""
    return parameters * BYTES_PER_PARAMETER / 1e6


def activations(network: Network, images: ImageFormat) -> int:
    """Return the number of values that one image's forward pass keeps for its backward pass.

    These are the input, the output of each convolution, of each pooling and each dense layer after its ReLU (in place), of each
    dropout (with one value for its mask, too), and the logits. A framework may keep more.
    """
    height, width, channels = images.shape
    classes = len(images.classes)
    total = height * width * channels
    for channels in network.filters:
        total += height * width * channels  # the convolution
        height, width = height // 2, width // 2
        total += height * width * channels  # the pooling
    if network.head == "conv1x1":
        return total + height * width * classes + classes
    kept = 3 if network.dropout else 1
    return total + kept * sum(network.dense_units) + classes


def activation_bytes(values: int, training: Training) -> int:
    """Return the bytes of the activations of one batch, so many values for each image, in the precision of the computation."""
    return values * training.batch_size * BYTES_PER_VALUE[training.precision]


def optimizer_slots(optimizer: Optimizer) -> int | None:
    """Return how many values the optimizer keeps for each parameter; None where that depends on the parameters' shapes.

    RMSprop keeps a mean of squared gradients (Tieleman and Hinton, Coursera, lecture 6.5, 2012), Adam means of gradients and of
    their squares (Kingma and Ba, ICLR 2015), momentum a velocity. So many do Keras's other optimizers keep, too.
    """
    if optimizer.name not in SLOTS:
        return None
    options = ("centered", "amsgrad", "gradient_accumulation_steps")
    return SLOTS[optimizer.name] + bool(optimizer.momentum) + sum(bool(optimizer.arguments.get(option)) for option in options)


def optimizer_bytes(optimizer: Optimizer, parameters: int) -> int | None:
    """Return the bytes that the optimizer keeps for so many parameters, in float32; None where they are not known."""
    slots = optimizer_slots(optimizer)
    return None if slots is None else slots * parameters * BYTES_PER_PARAMETER
