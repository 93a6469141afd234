"""Keras optimizers from settings."""

from collections.abc import Mapping
from typing import Any

from convnets import device
from convnets.networks.builders import Classifier
from convnets.settings import Optimizer, Settings, keras_names
from convnets.training import keras_objects

import keras  # isort: skip
import tensorflow as tf  # isort: skip


def make_optimizer(settings: Optimizer) -> keras.Optimizer:
    """Return the Keras optimizer, with Keras's defaults for all that is not set.

    Raises
    ------
    RefusedError
        Keras refuses a value, when it makes the optimizer or when the optimizer changes a weight.
    """
    try:
        trial, weight = _made(settings), keras.Variable([[1.0]])
        trial.build([weight])
        trial.apply([tf.ones((1, 1))], [weight])
    except keras_objects.REFUSALS as error:
        rate = settings.learning_rate
        schedule = {key: value for given in rate.values() for key, value in given.items()} if isinstance(rate, Mapping) else {}
        raise keras_objects.refusal("optimizer", {**settings.arguments, **schedule}, error) from error
    return _made(settings)


def _made(settings: Optimizer) -> keras.Optimizer:
    arguments: dict[str, Any] = {**settings.arguments, "learning_rate": settings.learning_rate}
    if isinstance(settings.learning_rate, Mapping):
        ((name, given),) = settings.learning_rate.items()
        schedule = {key: keras_objects.with_floats(value) for key, value in given.items()}
        arguments["learning_rate"] = getattr(keras.optimizers.schedules, name)(**schedule)
    if keras_names.momentum_of(settings.name) is not None:
        arguments["momentum"] = settings.momentum
    return keras_objects.make(getattr(keras.optimizers, keras_names.OPTIMIZERS[settings.name]), arguments)


def built_optimizer(settings: Settings, classifier: Classifier) -> keras.Optimizer:
    """Return the run's optimizer in its initial state."""
    optimizer = make_optimizer(settings.training.optimizer)
    optimizer.build(classifier.logits.trainable_variables)
    return optimizer
