"""The memory of a training by formula: the activations kept for the backward pass, and the optimizer's state."""

from convnets.data.images import ImageFormat
from convnets.networks.formulas import BYTES_PER_PARAMETER, network_parameters
from convnets.settings import Network, Optimizer, Settings

BYTES_PER_VALUE = {"float32": 4, "mixed_bfloat16": 2}


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


def activation_bytes(settings: Settings, images: ImageFormat) -> int:
    """Return the bytes of the activations of one batch, in the precision that it is computed in."""
    training = settings.training
    return activations(settings.network, images) * training.batch_size * BYTES_PER_VALUE[training.precision]


def optimizer_slots(optimizer: Optimizer) -> int:
    """Return how many values the optimizer keeps for each parameter.

    RMSprop keeps a mean of squared gradients (Tieleman and Hinton, Coursera, lecture 6.5, 2012), Adam means of gradients and of
    their squares (Kingma and Ba, ICLR 2015), momentum a velocity.
    """
    return {"sgd": 0, "rmsprop": 1, "adam": 2}[optimizer.name] + bool(optimizer.momentum)


def optimizer_bytes(settings: Settings, images: ImageFormat) -> int:
    """Return the bytes that the optimizer keeps, in float32 whatever the precision."""
    return optimizer_slots(settings.training.optimizer) * network_parameters(settings.network, images) * BYTES_PER_PARAMETER
