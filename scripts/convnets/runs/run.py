"""A finished run and its metrics, for claims and for the table of convergence."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from convnets.data.images import ImageFormat
from convnets.networks import formulas
from convnets.runs.records import Epoch, Metrics, Record
from convnets.settings import Settings

# The metrics that claims can name. Each is a property of `Run`. FIXED_METRICS follow from the settings, so all seeds agree on them.
FIXED_METRICS = ("parameters", "megabytes", "convolution_parameters", "dense_parameters", "head_parameters", "epochs", "iterations")
CURVE_METRICS = (
    "best_epoch", "best_val_accuracy", "epochs_to_min_val_loss", "iterations_to_min_val_loss", "seconds_to_min_val_loss",
    "min_val_loss", "val_accuracy_at_min_val_loss", "loss_gap_at_min_val_loss", "accuracy_gap_at_min_val_loss",
    "final_val_loss", "final_val_accuracy", "final_train_loss", "final_train_accuracy", "final_loss_gap", "final_accuracy_gap",
    "val_loss_rise", "train_seconds", "seconds_per_epoch", "images_per_second",
)  # fmt: skip
SUMMARY_METRICS = ("test_accuracy", "test_loss")
METRICS = (*FIXED_METRICS, *CURVE_METRICS, *SUMMARY_METRICS)


@dataclass(frozen=True)
class Run:
    """One finished run. Losses are cross-entropies in nats, accuracies fractions.

    Metrics come from the history where it holds them, so that they agree with the curves, and from the summary otherwise. Gaps are
    those between training and validation, above 0 where the network does worse on validation images. Training values are means over
    an epoch's batches, with dropout and augmentation, so they look worse than the network is. `landmarks` are the epochs that
    determine every metric (`histories.landmarks_of`), or all epochs, and `elapsed` holds the seconds from the start to the end of
    each, validation included. `record` says how the run was trained, without usage and confusion matrix, since there may be
    thousands of runs; `cpu_percent` is the mean use over the epochs, in percent of one core. `is_disturbed` says whether the
    training had to share its core, so that its times are upper bounds. `libraries` holds the versions of the libraries that
    trained. Each of these four is None where it was not recorded.
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

    @cached_property
    def _best(self) -> Epoch:
        return max(self.landmarks, key=lambda row: row.val_accuracy)  # the first of equals

    @cached_property
    def _lowest(self) -> Epoch:
        return min(self.landmarks, key=lambda row: row.val_loss)

    @property
    def _last(self) -> Epoch:
        return self.landmarks[-1]

    @property
    def parameters(self) -> int:
        """Trainable parameters of the network that was trained."""
        return self.metrics.parameters

    @property
    def megabytes(self) -> float:
        """Memory of the parameters in float32, in units of 10^6 bytes."""
        return formulas.megabytes(self.metrics.parameters)

    @property
    def convolution_parameters(self) -> int:
        """Trainable parameters of the convolution blocks."""
        return formulas.convolution_blocks_parameters(self.settings.network, self.images)

    @property
    def dense_parameters(self) -> int:
        """Trainable parameters of the fully connected layers."""
        return self.head_parameters if self.settings.network.head == "dense" else 0

    @property
    def head_parameters(self) -> int:
        """Trainable parameters of the head: of the fully connected layers, or of the 1x1 convolution."""
        return self.metrics.parameters - self.convolution_parameters

    @property
    def epochs(self) -> int:
        """Epochs trained."""
        return self._last.epoch

    @property
    def iterations(self) -> int:
        """Batches trained on."""
        return self._last.iteration

    @property
    def best_epoch(self) -> int:
        """Epoch of the highest validation accuracy."""
        return self._best.epoch

    @property
    def best_val_accuracy(self) -> float:
        """Highest validation accuracy; as a maximum over epochs it is optimistic."""
        return self._best.val_accuracy

    @property
    def min_val_loss(self) -> float:
        """Lowest validation loss during training."""
        return self._lowest.val_loss

    @property
    def epochs_to_min_val_loss(self) -> int:
        """Epochs to the lowest validation loss."""
        return self._lowest.epoch

    @property
    def iterations_to_min_val_loss(self) -> int:
        """Batches to the lowest validation loss."""
        return self._lowest.iteration

    @property
    def seconds_to_min_val_loss(self) -> float:
        """Seconds to the lowest validation loss, validation included."""
        return self.seconds_to(self._lowest)

    @property
    def val_accuracy_at_min_val_loss(self) -> float:
        """Validation accuracy at the epoch of the lowest validation loss."""
        return self._lowest.val_accuracy

    @property
    def loss_gap_at_min_val_loss(self) -> float:
        """Validation loss less training loss, at the epoch of the lowest validation loss."""
        return self._lowest.val_loss - self._lowest.train_loss

    @property
    def accuracy_gap_at_min_val_loss(self) -> float:
        """Training accuracy less validation accuracy, at the epoch of the lowest validation loss."""
        return self._lowest.train_accuracy - self._lowest.val_accuracy

    @property
    def final_val_loss(self) -> float:
        """Validation loss after the last epoch."""
        return self._last.val_loss

    @property
    def final_val_accuracy(self) -> float:
        """Validation accuracy after the last epoch."""
        return self._last.val_accuracy

    @property
    def final_train_loss(self) -> float:
        """Training loss of the last epoch."""
        return self._last.train_loss

    @property
    def final_train_accuracy(self) -> float:
        """Training accuracy of the last epoch."""
        return self._last.train_accuracy

    @property
    def final_loss_gap(self) -> float:
        """Validation loss less training loss, at the last epoch."""
        return self._last.val_loss - self._last.train_loss

    @property
    def final_accuracy_gap(self) -> float:
        """Training accuracy less validation accuracy, at the last epoch."""
        return self._last.train_accuracy - self._last.val_accuracy

    @property
    def val_loss_rise(self) -> float:
        """Validation loss after the last epoch less the lowest; unlike a gap, it does not depend on how training loss is taken."""
        return self._last.val_loss - self._lowest.val_loss

    @property
    def train_seconds(self) -> float:
        """Seconds of all epochs, validation included."""
        return self.seconds_to(self._last)

    @property
    def seconds_per_epoch(self) -> float:
        """Mean seconds of an epoch, validation included."""
        return self.train_seconds / self.epochs

    @property
    def test_accuracy(self) -> float:
        """Test accuracy of the weights of the best epoch, evaluated once."""
        return self.metrics.test_accuracy

    @property
    def test_loss(self) -> float:
        """Test loss of the weights of the best epoch."""
        return self.metrics.test_loss

    @property
    def images_per_second(self) -> float:
        """Training images per second, validation included in the time."""
        return self.iterations * self.settings.training.batch_size / self.train_seconds

    def seconds_to(self, epoch: Epoch) -> float:
        """Return the seconds from the start to the end of an epoch, validation included."""
        return self.elapsed[self.landmarks.index(epoch)]

    def first_reaching(self, accuracy: float) -> Epoch | None:
        """Return the first epoch with at least this validation accuracy, or None."""
        return next((row for row in self.landmarks if row.val_accuracy >= accuracy), None)

    def value(self, metric: str) -> float:
        """Return the value of a metric named in `METRICS`."""
        return float(getattr(self, metric))
