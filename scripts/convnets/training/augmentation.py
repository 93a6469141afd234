"""Keras's image layers as augmentation: made from settings and tried on images."""

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
