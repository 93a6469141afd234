"""Augmentation beyond one batch: offsets that accumulate, and Keras's image layers, made from settings and tried on images."""

import numpy as np

from convnets import device
from convnets.settings import Augmentation
from convnets.training import keras_objects

import keras  # isort: skip
import tensorflow as tf  # isort: skip


def make_layers(settings: Augmentation, shape: tuple[int, ...]) -> list[keras.Layer]:
    """Return the layers of an augmentation of standardised images of this shape: height, width, channels.

    Raises
    ------
    RefusedError
        Keras refuses a value, a layer does not take such images, or the layers return images of another shape.
    """
    layers = []
    images = tf.random.stateless_normal([2, *shape], [0, 0])
    for index, entry in enumerate(settings.layers):
        ((name, arguments),) = entry.items()
        try:
            layer = keras_objects.make(getattr(keras.layers, name), {**arguments, "dtype": "float32"})
            # In a graph, as in the training: some layers do there what they do not do outside.
            images = tf.function(lambda batch, layer=layer: layer(batch, training=True), autograph=False)(images)
        except keras_objects.REFUSALS as error:
            raise keras_objects.refusal(f"augmentation.layers.{index}.{name}", arguments, error) from error
        layers.append(layer)
    if images.shape[1:] != shape:
        made, needed = ("x".join(map(str, each)) for each in (images.shape[1:], shape))
        raise keras_objects.RefusedError(
            f"augmentation.layers make images of {made}; the network takes {needed}, so the last layer must return that"
        )
    return layers


class Offsets:
    """Offsets of the training images that add up from epoch to epoch, as where images are changed in place.

    `variable`, float32 of shape (images, channels), holds their sum up to the present epoch; it is None if they do not accumulate.
    They are a function of (seed, epoch, image), so a training that resumes adds those of former epochs again.
    """

    def __init__(self, settings: Augmentation, seed: int, shape: tuple[int, int]) -> None:
        self._seed, self._deviation = seed, settings.channel_offset
        self.variable = tf.Variable(tf.zeros(shape), trainable=False) if settings.accumulate else None

    def add(self, epoch: int, order: np.ndarray) -> None:
        """Add the offsets of an epoch to the images that it trains on, the rows in `order`."""
        if self.variable is None:
            return
        noise = np.random.default_rng([self._seed, epoch, 0]).normal(0, self._deviation, self.variable.shape)
        trained = np.isin(np.arange(len(noise)), order)[:, np.newaxis]
        self.variable.assign_add(np.where(trained, noise, 0).astype(np.float32))
