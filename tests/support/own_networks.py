"""Networks as a user would write them, in texts of files."""

HEAD = "import keras\n\n\ndef network(shape, classes, **given):\n"
END = "    return keras.Model(images, keras.layers.Dense(classes)(x))\n"
PLAIN = f"{HEAD}    images = keras.Input(shape)\n    x = keras.layers.Flatten()(images)\n{END}"
RICH = f"""{HEAD}    images = keras.Input(shape)
    x = keras.layers.Conv2D(4, 3, strides=2, kernel_regularizer=keras.regularizers.L2(1e-3))(images)
    x = keras.layers.BatchNormalization(momentum=0.5)(x)
    x = keras.layers.SpatialDropout2D(0.2)(x)
    x = keras.layers.Add()([keras.layers.Conv2D(4, 3, padding="same", activation="relu")(x), x])
    x = keras.layers.GaussianNoise(0.1)(keras.layers.GlobalAveragePooling2D()(x))
    x = keras.layers.Dropout(0.3)(x)
{END}"""
# A module of a layer that draws random numbers in training; {drawn} says how.
NOISY = """import keras
import numpy as np
import tensorflow as tf

GENERATOR = tf.random.Generator.from_seed(1)


@keras.saving.register_keras_serializable("noisy")
class Noisy(keras.layers.Layer):
    def call(self, x, training=False):
        return x + {drawn} if training else x
"""
