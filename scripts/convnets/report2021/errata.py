"""Where the report is wrong: what it prints, what is right, why, and what follows for its conclusion.

Right numbers are computed: by the formulas of layer shapes, and from what the report itself prints. They are about the report's own
networks and its own protocol, whatever is trained here. The report does not state how it trained; the settings are those of the
course's hand-out, which it follows.
"""

import math
from dataclasses import dataclass
from functools import cache

from convnets.data.cifar10 import CLASSES, IMAGE_SHAPE
from convnets.data.images import ImageFormat
from convnets.networks import formulas as layers
from convnets.networks.formulas import BYTES_PER_PARAMETER
from convnets.networks.shapes import feature_map
from convnets.report2021 import vgg16
from convnets.settings import Network

# The report's protocol.
TRAINING_IMAGES, VALIDATION_IMAGES = 45_000, 5_000
BATCH_SIZE = 64
EPOCHS, MLP_EPOCHS = 30, 50  # of the convolutional networks, of the multilayer perceptron
IMAGES = ImageFormat(IMAGE_SHAPE, CLASSES)
DENSE = Network(filters=(16, 32, 64), kernel_size=5, head="dense", dense_units=(50,), dropout=0.5)
CONV1X1 = Network(filters=(16, 32, 64), kernel_size=5, head="conv1x1", dense_units=(), dropout=0.0)

# What the report prints.
PRINTED_ACCURACIES = (0.7002, 0.6967)  # section 2.1, dropout 0.0 and 0.5: best validation accuracy
PRINTED_LOSSES = (0.87, 1.04)  # section 2.4, augmentation on and off
PRINTED_MEGABYTES = (553.43, 0.8856)  # table 1
PRINTED_ITERATIONS = 15_000  # section 2.3: so many more for the MLP
PRINTED_HEAD = layers.convolution_parameters(1, vgg16.CHANNELS, len(CLASSES))  # table 1: 1x1x512x10+10


@dataclass(frozen=True)
class Erratum:
    """An error of the report: where, what it prints, what is right, how that follows, and what follows for the conclusion."""

    id: str
    section: str
    reported: str
    correct: str
    derivation: str
    consequence: str


def accuracy_deviation(accuracy: float, images: int) -> float:
    """Return the standard deviation of an accuracy that comes from drawing the images at random (binomial)."""
    return math.sqrt(accuracy * (1 - accuracy) / images)


@cache
def find() -> tuple[Erratum, ...]:
    """Return the errata in the order of the report."""
    return (*_theory(), *_practice(), *_figures(), *_programming(), *_table())


def ids() -> tuple[str, ...]:
    """Return the ids of the errata, in the order of the report."""
    return tuple(erratum.id for erratum in find())


def _theory() -> list[Erratum]:
    """Section 1: the formulas."""
    convolutions = [block for block in vgg16.BLOCKS if block.kind == "conv"]
    return [
        Erratum(
            "filters_for_layers",
            "1",
            "; ".join(f"{block.name}: {block.layers} filters" for block in convolutions),
            "; ".join(f"{block.name}: {block.layers} layers of {block.width} filters" for block in convolutions),
            "What the report calls filters in cascade are layers; its formulas use the right numbers of filters.",
            "None for the numbers.",
        ),
    ]


def _practice() -> list[Erratum]:
    """Sections 2.1 to 2.4: what is concluded from the curves."""
    without, with_dropout = PRINTED_ACCURACIES
    deviation = sum(accuracy_deviation(value, VALIDATION_IMAGES) ** 2 for value in PRINTED_ACCURACIES) ** 0.5
    difference = without - with_dropout
    per_epoch = TRAINING_IMAGES // BATCH_SIZE
    return [
        Erratum(
            "chance",
            "2.1",
            f"best accuracies {without} and {with_dropout}: dropout 0.0 does better in validation",
            f"a difference of {difference:.4f}, which by chance alone has a deviation of up to {deviation:.4f}",
            f"One accuracy p on {VALIDATION_IMAGES:,} images has the deviation sqrt(p (1 - p) / {VALIDATION_IMAGES:,}), "
            f"{accuracy_deviation(without, VALIDATION_IMAGES):.4f} here; the difference of two networks that err "
            f"independently {deviation:.4f}, less the more they err on the same images. So the two may lie "
            f"{difference / deviation:.1f} deviations apart. Other seeds, and taking the best of all epochs, add to that.",
            "Best accuracies of one run each cannot say which probability of dropout is better; nor those of the other sections, "
            "where they lie as near.",
        ),
        Erratum(
            "loss_as_error_rate",
            "2.1 to 3",
            f"error rate of dropout 0.0 about twice that of 0.5; classification errors {PRINTED_LOSSES[0]} and {PRINTED_LOSSES[1]}",
            f"these are cross-entropies; by the best accuracies printed, the error rates are {1 - without:.4f} and "
            f"{1 - with_dropout:.4f}, a ratio of {(1 - without) / (1 - with_dropout):.2f}",
            f"An error rate is 1 less the accuracy and cannot exceed 1, as {PRINTED_LOSSES[1]} does. The cross-entropy grows with "
            "the confidence of wrong answers even while their number stays.",
            "A ratio of losses is no ratio of mistakes. How many mistakes are made where those losses are taken, after the last "
            "epoch, is 1 less final_val_accuracy in tables/variants.csv.",
        ),
        Erratum(
            "epochs_mixed",
            "2.1",
            f"dropout 0.5 is chosen since the best accuracies are alike, {without} and {with_dropout}, but the final error of "
            "0.0 is high",
            "the best accuracy and the final loss are of different epochs; one network has one epoch's weights",
            "The best accuracy is the highest of all epochs, the final loss that of the last. Whoever keeps the weights of "
            "the best epoch never uses those that have the final loss.",
            "The final loss shows that the network without dropout overfits when trained on; that its best epoch is the "
            "worse choice does not follow.",
        ),
        Erratum(
            "chosen_on_what_is_reported",
            "2.1 to 3",
            "validation accuracies alone, of the networks that these choose",
            "the test accuracy of what was chosen, on images that chose nothing; the report prints none",
            f"The same {VALIDATION_IMAGES:,} images choose the epoch, the dropout and the number of layers, and then measure "
            "what was chosen. The best of several measurements is too high on average, and the more so the more there are to "
            "choose from.",
            "The accuracies printed are optimistic, by how much the report cannot say. Here test accuracies stand beside them.",
        ),
        Erratum(
            "epoch_budgets",
            "2.3",
            f"the MLP needs about {PRINTED_ITERATIONS:,} iterations more, so it is the slowest",
            f"it was given {(MLP_EPOCHS - EPOCHS) * per_epoch:,} iterations more: ({MLP_EPOCHS} - {EPOCHS}) epochs of {per_epoch}",
            f"{TRAINING_IMAGES:,} images in batches of {BATCH_SIZE} are {per_epoch} iterations an epoch, and the epochs were "
            f"set (by the course's hand-out, {EPOCHS} for convolutional networks and {MLP_EPOCHS} for the MLP). The curves "
            "end where these budgets end, so their difference measures neither convergence nor time.",
            "The conclusion on speed does not follow; tables/convergence.md has iterations and seconds to given accuracies.",
        ),
        Erratum(
            "same_iterations",
            "2.4",
            "with and without augmentation alike in speed, since both needed the same number of iterations",
            "both were given the same number of iterations",
            "The number of iterations was set, not found. What an iteration takes differs, since augmentation is work of its own.",
            "The conclusion does not follow; the seconds are compared instead.",
        ),
    ]


def _figures() -> list[Erratum]:
    """Section 2.4: figures 4 and 5."""
    return [
        Erratum(
            "grey_twice",
            "2.4",
            "grey: in figure 4 the network with augmentation, in figure 5 the one without",
            "a colour for each network, the same in both figures",
            "The captions say so: orange without and grey with augmentation in figure 4, grey without and green with it in "
            "figure 5.",
            "Who carries the colours of one figure over to the other takes one network for the other. Here the one without "
            "is orange in both.",
        ),
    ]


def _programming() -> list[Erratum]:
    """Section 3: the 1x1 convolution, and references."""
    return [
        Erratum(
            "dropout_without_layer",
            "3",
            "the network with the 1x1 convolution is trained with a dropout of 0.5",
            "no dropout acts in it",
            "Dropout follows the fully connected layers, which are removed; the code shown adds none.",
            "The comparison changes two things at once, the head and the regularisation, so a lower loss cannot be put down to the "
            "head alone.",
        ),
        Erratum(
            "reference_to_table",
            "3, 3.1",
            "figure 1 for the numbers of parameters; '4' for the results compared with",
            "table 1; figure 4",
            "Figure 1 shows curves of dropout. What the text says is in table 1 and in figure 4.",
            "None.",
        ),
    ]


def _table() -> list[Erratum]:
    """Section 3.1: table 1."""
    counts = vgg16.parameters()
    vgg, stack = sum(counts.values()), vgg16.convolution_stack_parameters()
    dense, conv1x1 = layers.network_parameters(DENSE, IMAGES), layers.network_parameters(CONV1X1, IMAGES)
    blocks = layers.convolution_blocks_parameters(CONV1X1, IMAGES)
    dense_blocks = layers.convolution_blocks_parameters(DENSE, IMAGES)
    *_, channels = feature_map(CONV1X1, IMAGES.shape)
    head = conv1x1 - blocks
    printed = counts["conv5"] + PRINTED_HEAD
    return [
        Erratum(
            "table1_dense",
            "3.1",
            f"{vgg:,} parameters, {PRINTED_MEGABYTES[0]} MB",
            f"{dense:,} parameters, {dense * BYTES_PER_PARAMETER:,} bytes",
            f"The number is that of VGG-16. The network that was trained has {dense_blocks:,} parameters in its convolution blocks "
            f"and {dense - dense_blocks:,} in its fully connected layers, {BYTES_PER_PARAMETER} bytes each.",
            f"The table compares a network that was not trained. Removing the fully connected layers saves a factor of "
            f"{dense / conv1x1:.2f}, not the {PRINTED_MEGABYTES[0] / PRINTED_MEGABYTES[1]:.0f} of the table.",
        ),
        Erratum(
            "table1_convolutions",
            "3.1",
            f"{counts['conv5']:,} parameters in the three convolutional layers, shared by both networks",
            f"{blocks:,}; with the 1x1 head {conv1x1:,}",
            f"{counts['conv5']:,} is the fifth block of VGG-16. VGG-16's whole convolutional stack has {stack:,}, with the table's "
            f"1x1 head {stack + PRINTED_HEAD:,}.",
            "Neither row is about the networks compared, nor are the two rows about the same network: the first counts all blocks "
            "of VGG-16, the second one of them.",
        ),
        Erratum(
            "table1_head",
            "3.1",
            f"1x1x{vgg16.CHANNELS}x{len(CLASSES)}+{len(CLASSES)} = {PRINTED_HEAD:,} parameters in the 1x1 convolution",
            f"1x1x{channels}x{len(CLASSES)}+{len(CLASSES)} = {head:,}",
            f"The last block of the network that was trained has {channels} filters; {vgg16.CHANNELS} are those of VGG-16.",
            "Small beside the other errors of the row.",
        ),
        Erratum(
            "table1_megabytes",
            "3.1",
            f"{PRINTED_MEGABYTES[1]} MB for {counts['conv5']:,} + {PRINTED_HEAD:,} parameters",
            f"{layers.megabytes(printed):.2f} MB; for the network that was trained {layers.megabytes(conv1x1):.4f} MB",
            f"{printed:,} / 8 = {printed / 8:,.0f}: the parameters were divided by 8, as if a weight were one bit. At "
            f"{BYTES_PER_PARAMETER} bytes each, as in section 1, they take {printed * BYTES_PER_PARAMETER:,} bytes.",
            f"The row is {BYTES_PER_PARAMETER * 8} times too small beside the other, so the saving that the table shows is so much "
            "too large.",
        ),
        Erratum(
            "fully_connected_majority",
            "3.1",
            "most parameters of the network that has three fully connected layers are in these",
            f"{(vgg - stack) / vgg:.1%} in VGG-16, {(dense - dense_blocks) / dense:.1%} in the network that was trained",
            f"VGG-16: {vgg - stack:,} of {vgg:,}. Trained network: {dense - dense_blocks:,} of {dense:,}, in "
            f"{len(DENSE.dense_units) + 1} fully connected layers, not three.",
            "True of VGG-16 only, so it does not explain what removing these layers saves here.",
        ),
    ]
