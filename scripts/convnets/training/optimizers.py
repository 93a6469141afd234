"""Keras optimizers from settings."""

from convnets import device  # noqa: F401  (before keras)
from convnets.networks.builders import Classifier
from convnets.settings import Optimizer, Settings

import keras  # isort: skip


def make_optimizer(settings: Optimizer) -> keras.Optimizer:
    """Return the Keras optimizer, with Keras's defaults for all other settings."""
    rate, momentum = settings.learning_rate, settings.momentum
    if settings.name == "rmsprop":
        return keras.optimizers.RMSprop(rate, momentum=momentum)
    if settings.name == "sgd":
        return keras.optimizers.SGD(rate, momentum=momentum)
    return keras.optimizers.Adam(rate)


def built_optimizer(settings: Settings, classifier: Classifier) -> keras.Optimizer:
    """Return the run's optimizer in its initial state."""
    optimizer = make_optimizer(settings.training.optimizer)
    optimizer.build(classifier.logits.trainable_variables)
    return optimizer
