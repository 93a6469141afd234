"""The result of a training, and its record and summary."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from convnets import hardware
from convnets.device import Device
from convnets.runs.records import Epoch, Metrics, Record, Usage
from convnets.training.graphs import Evaluation

import keras  # isort: skip


@dataclass(frozen=True)
class Result:
    """What a training run yields: its history and the model with the best epoch's weights, evaluated once on the test set.

    `parameters` counts those that are trained, `training_flops` and `activations` are as in `networks.costs`. `weights` holds the
    SHA-256 of the weights after each epoch.
    """

    history: tuple[Epoch, ...]
    usage: tuple[Usage, ...]
    best: Epoch
    model: keras.Model
    parameters: int
    training_flops: int | None
    activations: int | None
    test: Evaluation
    batch_size: int
    processors: tuple[str, ...]
    weights: tuple[str, ...]
    classes: tuple[str, ...]

    def record(
        self, training: str, began: float, device: Device, precision: str, data: Mapping[str, str], libraries: Mapping[str, str]
    ) -> Record:
        """Return how the run was trained.

        Parameters
        ----------
        training, began
            The token of the training, and its start in seconds since 1970.
        device, precision
            The device, and the precision of the computation.
        data, libraries
            The SHA-256 of each split, and the versions of the libraries.
        """
        return Record(
            training=training,
            began=began,
            processor=", then ".join(self.processors),
            device=device.name,
            threads=device.threads,
            deterministic=device.deterministic,
            peak_memory_bytes=hardware.peak_memory(),
            data=data,
            usage=self.usage,
            confusion=self.test.confusion,
            precision=precision,
            weights=self.weights,
            classes=self.classes,
            libraries=libraries,
            training_flops=self.training_flops,
            activations=self.activations,
        )

    def summary(self, variant: str, seed: int, fingerprint: str) -> Metrics:
        """Return the run's summary, without the id of a tracked run."""
        last = self.history[-1]
        seconds = sum(epoch.seconds for epoch in self.history)
        return Metrics(
            variant=variant,
            seed=seed,
            parameters=self.parameters,
            epochs=last.epoch,
            iterations=last.iteration,
            best_epoch=self.best.epoch,
            best_val_accuracy=self.best.val_accuracy,
            min_val_loss=min(epoch.val_loss for epoch in self.history),
            final_val_loss=last.val_loss,
            final_val_accuracy=last.val_accuracy,
            final_train_loss=last.train_loss,
            final_train_accuracy=last.train_accuracy,
            test_accuracy=self.test.accuracy,
            test_loss=self.test.loss,
            train_seconds=seconds,
            images_per_second=last.iteration * self.batch_size / seconds,
            fingerprint=fingerprint,
            mlflow_run_id=None,
        )


def best_epoch(history: Sequence[Epoch]) -> Epoch:
    """Return the epoch with the highest validation accuracy, the first of equals."""
    return max(history, key=lambda epoch: epoch.val_accuracy)
