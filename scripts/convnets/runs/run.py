"""A finished run and its metrics, for claims and for the table of convergence."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from statistics import fmean

from convnets.data.images import ImageFormat
from convnets.errors import InputError
from convnets.networks import formulas
from convnets.runs.records import Epoch, Metrics, Record
from convnets.settings import Settings

LAST = 5  # the epochs whose mean stands beside the last one's value


@dataclass(frozen=True)
class Run:
    """One finished run. Losses are cross-entropies in nats, accuracies fractions.

    Metrics come from the history where it holds them, so that they agree with the curves, and from the summary otherwise. Gaps are
    those between training and validation, above 0 where the network does worse on validation images. Training values are means over
    an epoch's batches, with dropout and augmentation, so they look worse than the network is; `eval` in a name stands for training
    images evaluated as validation is. `landmarks` are the epochs that determine every metric (`reading.landmarks_of`), or all
    epochs, and `elapsed` holds the seconds from the start to the end of each. `record` says how the run was trained, without usage
    and confusion matrix, since there may be thousands of runs; `cpu_percent` is the mean use over the epochs, in percent of one
    core. `is_disturbed` says whether the training had to share its core, so that its times are upper bounds. `libraries` are their
    versions. Each of these four is None where it was not recorded. `val_losses` and `val_accuracies` hold the values of all epochs.
    """

    variant: str
    seed: int
    settings: Settings
    images: ImageFormat
    landmarks: tuple[Epoch, ...]
    elapsed: tuple[float, ...]
    metrics: Metrics
    record: Record | None = None
    cpu_percent: float | None = None
    is_disturbed: bool | None = None
    libraries: Mapping[str, str] | None = None
    val_losses: Sequence[float] = ()
    val_accuracies: Sequence[float] = ()

    @property
    def name(self) -> str:
        """Its name for users, as in its path."""
        return f"{self.variant}/seed{self.seed}"

    @cached_property
    def best(self) -> Epoch:
        """The epoch of the highest validation accuracy, the first of equals."""
        return max(self.landmarks, key=lambda row: row.val_accuracy)

    @cached_property
    def lowest(self) -> Epoch:
        """The epoch of the lowest validation loss."""
        return min(self.landmarks, key=lambda row: row.val_loss)

    @property
    def last(self) -> Epoch:
        """The last epoch."""
        return self.landmarks[-1]

    @property
    def train_eval(self) -> tuple[float, float]:
        """The loss and accuracy of training images evaluated after the last epoch; NaN in histories without them."""
        loss, accuracy = self.last.train_eval_loss, self.last.train_eval_accuracy
        return math.nan if loss is None else loss, math.nan if accuracy is None else accuracy

    @property
    def seconds(self) -> float:
        """The seconds of all epochs, validation included."""
        return self.seconds_to(self.last)

    @property
    def training_flops(self) -> int | None:
        """The operations of one image's training step; None where they are not known."""
        if self.settings.own.network:
            return self.record.training_flops if self.record else None
        return formulas.training_flops(self.settings.network, self.images)

    @property
    def activation_bytes(self) -> int | None:
        """The bytes of the activations of one batch; None where they are not known."""
        if not self.settings.own.network:
            values: int | None = formulas.activations(self.settings.network, self.images)
        else:
            values = self.record.activations if self.record else None
        return None if values is None else formulas.activation_bytes(values, self.settings.training)

    def seconds_to(self, epoch: Epoch) -> float:
        """Return the seconds from the start to the end of an epoch, validation included."""
        return self.elapsed[self.landmarks.index(epoch)]

    def first_reaching(self, accuracy: float) -> Epoch | None:
        """Return the first epoch with at least this validation accuracy, or None."""
        return next((row for row in self.landmarks if row.val_accuracy >= accuracy), None)

    def at_lowest_loss_of(self, other: "Run", metric: str) -> float:
        """Return a metric of `CURVES` at the iteration of another run's lowest validation loss; an InputError if it has none."""
        values = getattr(self, CURVES[metric])
        epoch, rest = divmod(other.lowest.iteration * self.last.epoch, self.last.iteration)
        if rest or not 0 < epoch <= len(values):
            where = f"iteration {other.lowest.iteration:,}, where {other.name} has its lowest validation loss"
            raise InputError(f"{self.name} has no epoch that ends at {where}")
        return float(values[epoch - 1])

    def value(self, metric: str) -> float:
        """Return the value of a metric named in `METRICS`; an InputError if the run's history is too old to have it."""
        value = float(METRICS[metric](self))
        if math.isnan(value):
            raise InputError(f"{self.name} has no {metric}: its history lacks train_eval_loss; train it again")
        return value


# The metrics that claims can name at the iteration of another run's lowest validation loss.
CURVES = {"val_loss": "val_losses", "val_accuracy": "val_accuracies"}
# The metrics of a run that claims can name. First those that follow from the settings, so that all seeds agree on them.
FIXED_METRICS: Mapping[str, Callable[[Run], float]] = {
    "parameters": lambda run: run.metrics.parameters,  # trainable parameters
    "megabytes": lambda run: formulas.megabytes(run.metrics.parameters),
    "convolution_parameters": lambda run: formulas.convolution_blocks_parameters(run.settings.network, run.images),
    "dense_parameters": lambda run: run.value("head_parameters") if run.settings.network.head == "dense" else 0,
    "head_parameters": lambda run: run.metrics.parameters - run.value("convolution_parameters"),
    "epochs": lambda run: run.last.epoch,
    "iterations": lambda run: run.last.iteration,
}
METRICS: Mapping[str, Callable[[Run], float]] = {
    **FIXED_METRICS,
    "best_epoch": lambda run: run.best.epoch,
    "best_val_accuracy": lambda run: run.best.val_accuracy,  # as a maximum over epochs it is optimistic
    "epochs_to_min_val_loss": lambda run: run.lowest.epoch,
    "iterations_to_min_val_loss": lambda run: run.lowest.iteration,
    "seconds_to_min_val_loss": lambda run: run.seconds_to(run.lowest),
    "min_val_loss": lambda run: run.lowest.val_loss,
    "val_accuracy_at_min_val_loss": lambda run: run.lowest.val_accuracy,
    "loss_gap_at_min_val_loss": lambda run: run.lowest.val_loss - run.lowest.train_loss,
    "accuracy_gap_at_min_val_loss": lambda run: run.lowest.train_accuracy - run.lowest.val_accuracy,
    "final_val_loss": lambda run: run.last.val_loss,
    "final_val_accuracy": lambda run: run.last.val_accuracy,
    "final_train_loss": lambda run: run.last.train_loss,
    "final_train_accuracy": lambda run: run.last.train_accuracy,
    "final_loss_gap": lambda run: run.last.val_loss - run.last.train_loss,
    "final_accuracy_gap": lambda run: run.last.train_accuracy - run.last.val_accuracy,
    "final_train_eval_loss": lambda run: run.train_eval[0],
    "final_train_eval_accuracy": lambda run: run.train_eval[1],
    "final_eval_loss_gap": lambda run: run.last.val_loss - run.train_eval[0],
    "final_eval_accuracy_gap": lambda run: run.train_eval[1] - run.last.val_accuracy,
    "mean_val_loss": lambda run: fmean(run.val_losses),
    "mean_val_accuracy": lambda run: fmean(run.val_accuracies),
    "mean_val_loss_of_last_5": lambda run: fmean(run.val_losses[-LAST:]),
    "mean_val_accuracy_of_last_5": lambda run: fmean(run.val_accuracies[-LAST:]),
    "val_loss_rise": lambda run: run.last.val_loss - run.lowest.val_loss,  # independent of how training loss is taken
    "train_seconds": lambda run: run.seconds,
    "seconds_per_epoch": lambda run: run.seconds / run.last.epoch,
    "images_per_second": lambda run: run.last.iteration * run.settings.training.batch_size / run.seconds,
    "test_accuracy": lambda run: run.metrics.test_accuracy,  # of the weights of the best epoch, evaluated once
    "test_loss": lambda run: run.metrics.test_loss,
}
