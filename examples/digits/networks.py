"""A small residual network for 8x8 images.

Source: K. He et al., "Deep Residual Learning for Image Recognition", CVPR 2016, without its strides.
"""

import keras


def resnet(input_shape: tuple[int, ...], classes: int, blocks: int = 2, width: int = 16) -> keras.Model:
    """Return a residual network from standardised images to logits.

    Parameters
    ----------
    input_shape
        Height, width and channels of an image.
    classes
        Number of classes.
    blocks
        Number of residual blocks, of two convolutions each.
    width
        Filters of each convolution.
    """
    images = keras.Input(input_shape)
    x = _convolution(images, width)
    x = keras.layers.ReLU()(x)
    for _ in range(blocks):
        inner = keras.layers.ReLU()(_convolution(x, width))
        x = keras.layers.ReLU()(keras.layers.Add()([x, _convolution(inner, width)]))
    x = keras.layers.GlobalAveragePooling2D()(x)
    return keras.Model(images, keras.layers.Dense(classes)(x), name="resnet")


def _convolution(x: keras.KerasTensor, filters: int) -> keras.KerasTensor:
    """Apply a 3x3 convolution and normalise over the batch."""
    x = keras.layers.Conv2D(filters, 3, padding="same", use_bias=False)(x)
    return keras.layers.BatchNormalization(momentum=0.9)(x)
