"""The training loop: many iterations are one call of a TensorFlow graph over data held as tensors.

Nothing here writes a file or knows of MLflow or Snakemake; an observer is told of each epoch as it ends. Everything random is a
function of (seed, epoch, iteration), so the same settings, seed and data give the same history bit for bit on the same machine,
whether or not the training stopped in between and went on from a state.
"""

import logging
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from convnets import device as backend
from convnets import hardware
from convnets.data import cifar10
from convnets.data.dataset import Dataset, Split
from convnets.networks import builders as networks
from convnets.runs.records import Epoch, Metrics, Record, Usage
from convnets.settings import Augmentation, Optimizer, Settings
from convnets.training.checkpoints import Part, State
from convnets.training.meter import Meter

import keras  # isort: skip
import tensorflow as tf  # isort: skip

ITERATIONS_PER_CALL = 50
EVALUATION_BATCH = 500

# Takes the rows of some batches and a seed; returns batches done, last loss, sum of losses, images classified correctly.
TrainingFunction = Callable[[tf.Tensor, tf.Tensor], tuple[tf.Tensor, ...]]

logger = logging.getLogger(__name__)


class NonFiniteLossError(ArithmeticError):
    """The training or validation loss became infinite or not a number."""


class StoppedError(Exception):
    """The training was asked to stop; it may go on from `state`."""

    def __init__(self, state: State) -> None:
        super().__init__(f"stopped after {state}")
        self.state = state


@dataclass(frozen=True)
class Evaluation:
    """Mean cross-entropy and accuracy over a split, and how many images of each class (row) were put into each class (column)."""

    loss: float
    accuracy: float
    confusion: tuple[tuple[int, ...], ...]


@dataclass(frozen=True)
class Result:
    """What a training run yields: its history and the model with the best epoch's weights, evaluated once on the test set."""

    history: tuple[Epoch, ...]
    usage: tuple[Usage, ...]
    best: Epoch
    model: keras.Model
    parameters: int
    test: Evaluation
    batch_size: int
    processors: tuple[str, ...]

    def record(self, training: str, began: float, device: backend.Device, precision: str, data: Mapping[str, str]) -> Record:
        """Return how the run was trained: by which training, begun when, on which device and data (SHA-256 of each split)."""
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
        )

    def summary(self, variant: str, seed: int, fingerprint: str) -> Metrics:
        """Return the run's summary; it is not tracked yet."""
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


def train(
    settings: Settings,
    seed: int,
    dataset: Dataset,
    observe: Callable[[State], None],
    resumed: State | None = None,
    is_to_stop: Callable[[], bool] = lambda: False,
) -> Result:
    """Train a network by the protocol and evaluate its best epoch.

    The best epoch has the highest validation accuracy, the first of equals.

    Parameters
    ----------
    settings
        The network and how to train it.
    seed
        Sets the initial weights, the order of the images, dropout and augmentation.
    dataset
        The prepared data.
    observe
        Called with the state after each epoch.
    resumed
        The state to go on from; None to begin.
    is_to_stop
        Asked every few seconds while an epoch's batches are trained on.

    Raises
    ------
    NonFiniteLossError
        At the first iteration whose loss is not finite.
    StoppedError
        Where `is_to_stop` says so.
    """
    if not tf.config.threading.get_intra_op_parallelism_threads():
        raise RuntimeError("backend.configure must be called first: a run on another number of threads is another run")
    keras.utils.set_random_seed(seed)
    classifier = networks.build(settings.network, dataset.mean, dataset.deviation, settings.training.precision)
    optimizer = _built_optimizer(settings, classifier)
    if resumed:
        classifier.logits.set_weights(resumed.weights)
        for variable, value in zip(optimizer.variables, resumed.optimizer, strict=True):
            variable.assign(value)
    batch_size = settings.training.batch_size
    iterations = len(dataset.train) // batch_size
    run = _training_function(classifier, optimizer, dataset.train, settings.training.augmentation)
    validate = _evaluation_function(classifier, dataset.validation)
    dropout = _dropout_generators(classifier.logits)

    history, usage = (list(resumed.history), list(resumed.usage)) if resumed else ([], [])
    best = resumed.best if resumed else []
    processors = tuple(dict.fromkeys([*(resumed.processors if resumed else ()), hardware.processor()]))
    begun, generators = (resumed.part or Part(), resumed.generators) if resumed else (Part(), ())

    def state() -> State:
        variables = [variable.numpy() for variable in optimizer.variables]
        return State(tuple(history), tuple(usage), classifier.logits.get_weights(), variables, best, processors)

    def stop_if_asked(meter: Meter, part: Part) -> None:
        if is_to_stop():
            seconds, core_seconds = meter.seconds()
            part = replace(part, seconds=seconds, core_seconds=core_seconds)
            raise StoppedError(replace(state(), part=part, generators=[generator.numpy() for generator in dropout]))

    for number in range(len(history) + 1, settings.training.epochs + 1):
        meter = Meter(begun.seconds, begun.core_seconds)
        rng = np.random.default_rng([seed, number])
        order = rng.permutation(len(dataset.train))[: iterations * batch_size].reshape(iterations, batch_size)
        noise_seed = rng.integers(2**30, size=2)
        for index, generator in enumerate(dropout):
            generator.assign(generators[index] if begun.iterations else rng.integers(2**32, size=2, dtype=np.uint32))
        done = _run_epoch(run, order, noise_seed, (number - 1) * iterations, begun, partial(stop_if_asked, meter))
        validation = validate()
        if not math.isfinite(validation.loss):
            raise NonFiniteLossError(_not_finite("validation loss", validation.loss, number * iterations))
        epoch = Epoch(
            epoch=number,
            iteration=number * iterations,
            train_loss=done.loss / iterations,
            train_accuracy=done.correct / order.size,
            val_loss=validation.loss,
            val_accuracy=validation.accuracy,
            seconds=meter.seconds()[0],
        )
        history.append(epoch)
        usage.append(meter.read())
        begun = Part()
        if best_epoch(history) is epoch:
            best = classifier.logits.get_weights()
        observe(state())

    classifier.logits.set_weights(best)
    test = _evaluation_function(classifier, dataset.test)()
    # Compiled, so that whoever loads the model can evaluate it or train on, from a fresh state of the same optimizer.
    fresh = _built_optimizer(settings, classifier)
    classifier.model.compile(optimizer=fresh, loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    return Result(
        history=tuple(history),
        usage=tuple(usage),
        best=best_epoch(history),
        model=classifier.model,
        parameters=classifier.logits.count_params(),
        test=test,
        batch_size=batch_size,
        processors=processors,
    )


def best_epoch(history: Sequence[Epoch]) -> Epoch:
    """Return the epoch with the highest validation accuracy, the first of equals."""
    return max(history, key=lambda epoch: epoch.val_accuracy)


def make_optimizer(settings: Optimizer) -> keras.Optimizer:
    """Return the Keras optimizer, its other settings Keras's defaults."""
    rate, momentum = settings.learning_rate, settings.momentum
    if settings.name == "rmsprop":
        return keras.optimizers.RMSprop(rate, momentum=momentum)
    if settings.name == "sgd":
        return keras.optimizers.SGD(rate, momentum=momentum)
    return keras.optimizers.Adam(rate)


def _built_optimizer(settings: Settings, classifier: networks.Classifier) -> keras.Optimizer:
    """Return the run's optimizer in its first state."""
    optimizer = make_optimizer(settings.training.optimizer)
    optimizer.build(classifier.logits.trainable_variables)
    return optimizer


def _dropout_generators(model: keras.Model) -> list[keras.Variable]:
    """Return the state of every dropout layer's generator, which depends on all epochs before unless it is set."""
    layers = [layer for layer in model.layers if isinstance(layer, keras.layers.Dropout) and layer.rate]
    return [layer.seed_generator.state for layer in layers]


def augment(images: tf.Tensor, settings: Augmentation, seed: tf.Tensor) -> tf.Tensor:
    """Flip and shift a batch of standardised images, shape (n, 32, 32, 3), at random by `seed`, int32 of shape (2,)."""
    count = tf.shape(images)[0]
    if settings.horizontal_flip:
        flip = tf.random.stateless_uniform([count, 1, 1, 1], seed) < 0.5
        images = tf.where(flip, tf.reverse(images, [2]), images)
    if settings.channel_offset:
        images += tf.random.stateless_normal([count, 1, 1, images.shape[-1]], seed + (0, 1), stddev=settings.channel_offset)
    return images


def _training_function(
    classifier: networks.Classifier, optimizer: keras.Optimizer, data: Split, augmentation: Augmentation
) -> TrainingFunction:
    """Return a graph that trains on some batches, one after the other, and stops at a loss that is not finite.

    It takes the rows of each batch (int32, shape (n, batch)) and a seed (int32, shape (2,)) for the augmentation; it returns the
    number of batches done, their last loss, the sum of their losses and the number of images classified correctly.
    """
    images, labels = tf.constant(data.images), tf.constant(data.labels, tf.int32)
    variables = classifier.logits.trainable_variables

    def step(rows: tf.Tensor, seed: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        batch = classifier.standardise(tf.cast(tf.gather(images, rows), tf.float32))
        batch = augment(batch, augmentation, seed)
        targets = tf.gather(labels, rows)
        with tf.GradientTape() as tape:
            logits = classifier.logits(batch, training=True)
            loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(targets, logits))
        optimizer.apply(tape.gradient(loss, variables), variables)
        hits = tf.equal(tf.argmax(logits, 1, output_type=tf.int32), targets)
        return loss, tf.reduce_sum(tf.cast(hits, tf.int32))

    @tf.function(autograph=False, input_signature=[tf.TensorSpec([None, None], tf.int32), tf.TensorSpec([2], tf.int32)])
    def run(order: tf.Tensor, seed: tf.Tensor) -> tuple[tf.Tensor, ...]:
        def goes_on(index: tf.Tensor, last: tf.Tensor, *_: tf.Tensor) -> tf.Tensor:
            return (index < tf.shape(order)[0]) & tf.math.is_finite(last)

        def body(index: tf.Tensor, _: tf.Tensor, total: tf.Tensor, correct: tf.Tensor) -> tuple[tf.Tensor, ...]:
            loss, hits = step(order[index], tf.stack([seed[0] + index, seed[1]]))
            return index + 1, loss, total + loss, correct + hits

        start = (tf.constant(0), tf.constant(0.0), tf.constant(0.0), tf.constant(0))
        done: tuple[tf.Tensor, ...] = tf.while_loop(goes_on, body, start, parallel_iterations=1)
        return done

    function: TrainingFunction = run
    return function


def _run_epoch(
    run: TrainingFunction,
    order: np.ndarray,
    seed: np.ndarray,
    before: int,
    begun: Part | None = None,
    observe: Callable[[Part], None] = lambda _: None,
) -> Part:
    """Train on the batches of `order`, shape (iterations, batch), or on those that are left where the epoch was begun.

    `before` are the iterations of the epochs before. The graph is left every few seconds, so that a signal is answered and a broken
    run ends early; `observe` is told then what is done of the epoch.
    """
    done = begun or Part()
    for start in range(done.iterations, len(order), ITERATIONS_PER_CALL):
        rows = tf.constant(order[start : start + ITERATIONS_PER_CALL], tf.int32)
        count, last, loss, hits = run(rows, tf.constant(seed + (start, 0), tf.int32))
        if not math.isfinite(last):
            raise NonFiniteLossError(_not_finite("loss", float(last), before + start + int(count)))
        done = Part(start + len(rows), done.loss + float(loss), done.correct + int(hits))
        observe(done)
    return done


def _not_finite(name: str, value: float, iteration: int) -> str:
    return f"the {name} is {value} at iteration {iteration:,}; lower optimizer.learning_rate"


def _evaluation_function(classifier: networks.Classifier, data: Split) -> Callable[[], Evaluation]:
    """Return a function that evaluates the classifier's present weights on a whole split."""

    @tf.function(autograph=False, input_signature=[tf.TensorSpec([None, *data.images.shape[1:]], tf.uint8)])
    def logits_of(images: tf.Tensor) -> tf.Tensor:
        return classifier.logits(classifier.standardise(tf.cast(images, tf.float32)), training=False)

    starts = range(0, len(data), EVALUATION_BATCH)
    batches = [tf.constant(data.images[start : start + EVALUATION_BATCH]) for start in starts]
    labels = tf.constant(data.labels, tf.int64)
    classes = len(cifar10.CLASSES)

    def evaluate() -> Evaluation:
        logits = tf.concat([logits_of(batch) for batch in batches], 0)
        losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)
        confusion = tf.math.confusion_matrix(labels, tf.argmax(logits, 1), classes).numpy()
        rows = tuple(map(tuple, confusion.tolist()))
        return Evaluation(float(tf.reduce_mean(losses)), int(confusion.trace()) / len(data), rows)

    return evaluate
