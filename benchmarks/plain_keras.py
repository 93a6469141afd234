"""The baseline: what a good user of Keras would write for the same comparison, variant after variant, with MLflow's autologging.

Arrays in memory, `model.fit` with validation data, the best epoch's weights kept and tested. Prints one JSON line per variant;
images a second are those of the epochs with their validation, of all but the first, which warms up.
"""

import argparse
import json
import os
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")

import keras
import mlflow
import numpy as np
from keras import layers

EPOCHS = 29
VARIANTS = {
    "conv1_dropout05": {"filters": [16]},
    "conv2_dropout00": {"filters": [16, 32], "dropout": 0.0},
    "conv2_dropout05": {"filters": [16, 32]},
    "conv3_dropout05": {"filters": [16, 32, 64]},
    "mlp100": {"filters": [], "units": 100, "epochs": 49},
    "conv3_augment": {"filters": [16, 32, 64], "augment": True},
    "conv3_textbook": {"filters": [16, 32, 64], "augment": True},
    "conv3_1x1": {"filters": [16, 32, 64], "head": "conv1x1"},
}


class ChannelOffset(layers.Layer):
    """Adds a Gaussian offset per image and channel while training."""

    def call(self, images, training=False):
        if not training:
            return images
        return images + keras.random.normal((keras.ops.shape(images)[0], 1, 1, 3), stddev=0.05)


class Clock(keras.callbacks.Callback):
    """Notes when each epoch ends."""

    def __init__(self):
        super().__init__()
        self.ends = []

    def on_epoch_end(self, *_):
        self.ends.append(time.monotonic())


def build(filters, head="dense", units=50, dropout=0.5, augment=False, **_):
    """Build one of the comparison's networks on standardised images."""
    model = keras.Sequential([keras.Input((32, 32, 3))])
    if augment:
        model.add(layers.RandomFlip("horizontal"))
        model.add(ChannelOffset())
    bias = keras.initializers.Constant(0.05)
    for count in filters:
        model.add(layers.Conv2D(count, 5, padding="same", activation="relu", bias_initializer=bias))
        model.add(layers.MaxPooling2D(2))
    if head == "conv1x1":
        model.add(layers.Conv2D(10, 1, bias_initializer=bias))
        model.add(layers.AveragePooling2D(4, strides=1))
        model.add(layers.Flatten())
        model.add(layers.Softmax())
    else:
        model.add(layers.Flatten())
        model.add(layers.Dense(units, activation="relu"))
        model.add(layers.Dropout(dropout))
        model.add(layers.Dense(10, activation="softmax"))
    model.compile(keras.optimizers.RMSprop(0.0005), "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def main():
    """Train the variants one after the other."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--dataset", type=Path, required=True, help="the workflow's prepared data set")
    parser.add_argument("--folder", type=Path, required=True, help="where the tracking store and the models go")
    parser.add_argument("--variants", nargs="+", default=list(VARIANTS), choices=list(VARIANTS))
    parser.add_argument("--scale", type=float, default=1.0, help="of the numbers of epochs (default: the protocol's)")
    arguments = parser.parse_args()
    with np.load(arguments.dataset) as data:
        splits = {
            name: (((data[f"{name}_images"] - data["mean"]) / data["deviation"]).astype(np.float32), data[f"{name}_labels"])
            for name in ("train", "validation", "test")
        }
    arguments.folder.mkdir(parents=True, exist_ok=True)
    mlflow.set_tracking_uri(f"sqlite:///{arguments.folder.resolve()}/mlflow.db")
    mlflow.set_experiment(experiment_id=mlflow.create_experiment("plain", (arguments.folder / "artifacts").resolve().as_uri()))
    mlflow.keras.autolog()
    for name in arguments.variants:
        keras.utils.set_random_seed(1)
        settings = VARIANTS[name]
        model = build(**settings)
        best = keras.callbacks.ModelCheckpoint(arguments.folder / f"{name}.keras", monitor="val_accuracy", save_best_only=True)
        clock = Clock()
        epochs = max(1, round(settings.get("epochs", EPOCHS) * arguments.scale))
        with mlflow.start_run(run_name=name):
            model.fit(
                *splits["train"],
                batch_size=64,
                epochs=epochs,
                validation_data=splits["validation"],
                callbacks=[best, clock],
                verbose=0,
            )
        model.load_weights(arguments.folder / f"{name}.keras")
        loss, accuracy = model.evaluate(*splits["test"], verbose=0)
        rate = (epochs - 1) * len(splits["train"][0]) / (clock.ends[-1] - clock.ends[0]) if epochs > 1 else None
        result = {"variant": name, "images_per_second": rate, "test_loss": loss, "test_accuracy": accuracy}
        print(json.dumps(result), flush=True)


if __name__ == "__main__":
    main()
