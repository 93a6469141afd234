"""The training loop. One call of a TensorFlow graph runs many iterations over data held as tensors.

This module writes no file and does not know MLflow or Snakemake; an observer is called after each epoch. All randomness is a
function of (seed, epoch, iteration), so the same settings, seed and data give the same history bit for bit on the same machine,
whether or not the training stopped in between and resumed from a state.
"""

import hashlib
import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

import numpy as np

from convnets import device, hardware
from convnets.data.dataset import Dataset
from convnets.data.images import ImageFormat
from convnets.errors import InputError
from convnets.networks import builders, costs, shapes
from convnets.networks.own import states
from convnets.runs.records import Epoch
from convnets.settings import Network, Settings
from convnets.training.augmentation import Offsets, make_layers
from convnets.training.checkpoints import Part, State
from convnets.training.graphs import TrainingFunction, evaluation_function, training_function
from convnets.training.meter import Meter
from convnets.training.optimizers import built_optimizer
from convnets.training.result import Result, best_epoch

import keras  # isort: skip
import tensorflow as tf  # isort: skip

ITERATIONS_PER_CALL = 50
EVALUATED_IMAGES = 5000  # of the training images, evaluated after each epoch as validation is


class NonFiniteLossError(ArithmeticError):
    """The training or validation loss became infinite or not a number."""


class StoppedError(Exception):
    """The training was asked to stop; it can resume from `state`."""

    def __init__(self, state: State) -> None:
        super().__init__(f"stopped after {state}")
        self.state = state


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
        The state to resume from; None to begin.
    is_to_stop
        Called every few seconds within an epoch; returns whether to stop.

    Raises
    ------
    InputError
        Keras built another network than the settings ask for.
    RefusedError
        Keras cannot use a value for the optimizer or the augmentation.
    NonFiniteLossError
        The loss of an iteration, or a validation loss, is not finite.
    StoppedError
        `is_to_stop` returned True.
    """
    if not tf.config.threading.get_intra_op_parallelism_threads():
        raise RuntimeError("device.configure must be called first: a run on another number of threads is another run")
    keras.utils.set_random_seed(seed)
    classifier = builders.build(
        settings.network, dataset.mean, dataset.deviation, len(dataset.classes), settings.training.precision, settings.own
    )
    if not settings.own.network:
        _check_built(classifier.logits, settings.network, dataset)
    optimizer = built_optimizer(settings, classifier)
    if resumed:
        classifier.logits.set_weights(resumed.weights)
        for variable, value in zip(optimizer.variables, resumed.optimizer, strict=True):
            variable.assign(value)
    batch_size = settings.training.batch_size
    iterations = len(dataset.train) // batch_size
    layers = make_layers(settings.training.augmentation, dataset.train.images.shape[1:])
    offsets = Offsets(settings.training.augmentation, seed, (len(dataset.train), dataset.mean.shape[-1]))
    run = training_function(classifier, optimizer, dataset.train, settings.training.augmentation, layers, offsets.variable)
    validate = evaluation_function(classifier, dataset.validation)
    evaluate_training = evaluation_function(classifier, dataset.train.first(EVALUATED_IMAGES))
    generators = [*states(classifier.logits), *(state for layer in layers for state in states(layer))]

    history, usage = (list(resumed.history), list(resumed.usage)) if resumed else ([], [])
    digests = list(resumed.digests) if resumed else []
    best = resumed.best if resumed else []
    processors = tuple(dict.fromkeys([*(resumed.processors if resumed else ()), hardware.processor()]))
    begun, former = (resumed.part or Part(), resumed.generators) if resumed else (Part(), ())

    def state() -> State:
        variables = [variable.numpy() for variable in optimizer.variables]
        weights = classifier.logits.get_weights()
        return State(tuple(history), tuple(usage), tuple(digests), weights, variables, best, processors)

    def stop_if_asked(meter: Meter, part: Part) -> None:
        if is_to_stop():
            seconds, core_seconds = meter.seconds()
            part = replace(part, seconds=seconds, core_seconds=core_seconds)
            raise StoppedError(replace(state(), part=part, generators=[generator.numpy() for generator in generators]))

    def shuffled(number: int) -> tuple[np.random.Generator, np.ndarray]:
        rng = np.random.default_rng([seed, number])
        return rng, rng.permutation(len(dataset.train))[: iterations * batch_size].reshape(iterations, batch_size)

    for number in range(1, len(history) + 1):
        offsets.add(number, shuffled(number)[1])
    for number in range(len(history) + 1, settings.training.epochs + 1):
        meter = Meter(begun.seconds, begun.core_seconds)
        rng, order = shuffled(number)
        offsets.add(number, order)
        noise_seed = rng.integers(2**30, size=2)
        for index, generator in enumerate(generators):
            generator.assign(former[index] if begun.iterations else rng.integers(2**32, size=2, dtype=np.uint32))
        done = _run_epoch(run, order, noise_seed, (number - 1) * iterations, begun, partial(stop_if_asked, meter))
        validation = validate()
        seconds = meter.seconds()[0]
        usage.append(meter.read())
        training = evaluate_training()
        for name, loss in {"validation loss": validation.loss, "loss of the training images": training.loss}.items():
            if not math.isfinite(loss):
                raise NonFiniteLossError(_not_finite(name, loss, number * iterations))
        epoch = Epoch(
            epoch=number,
            iteration=number * iterations,
            train_loss=done.loss / iterations,
            train_accuracy=done.correct / order.size,
            val_loss=validation.loss,
            val_accuracy=validation.accuracy,
            seconds=seconds,
            train_eval_loss=training.loss,
            train_eval_accuracy=training.accuracy,
        )
        history.append(epoch)
        digests.append(digest_of(classifier.logits.get_weights()))
        begun = Part()
        if best_epoch(history) is epoch:
            best = classifier.logits.get_weights()
        observe(state())

    classifier.logits.set_weights(best)
    test = evaluation_function(classifier, dataset.test)()
    # Compiled, so that a loaded model can be evaluated or trained further, from the initial state of the same optimizer.
    fresh = built_optimizer(settings, classifier)
    classifier.model.compile(optimizer=fresh, loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    return Result(
        history=tuple(history),
        usage=tuple(usage),
        best=best_epoch(history),
        model=classifier.model,
        parameters=sum(math.prod(weight.shape) for weight in classifier.logits.trainable_weights),
        training_flops=costs.training_flops(classifier.logits),
        activations=costs.activations(classifier.logits),
        test=test,
        batch_size=batch_size,
        processors=processors,
        weights=tuple(digests),
        classes=dataset.classes,
    )


def _check_built(model: keras.Model, network: Network, dataset: Dataset) -> None:
    """Check a network against the formula. Whatever configures Keras from outside could build another one."""
    height, width, channels = dataset.mean.shape
    images = ImageFormat((height, width, channels), dataset.classes)
    expected = (shapes.network_parameters(network, images), {"float32"}, "channels_last")
    found = (model.count_params(), {weight.dtype for weight in model.weights}, keras.config.image_data_format())
    if found != expected:
        raise InputError(
            f"Keras built a network with {_described(*found)}, not with {_described(*expected)}; something configures it"
        )


def _described(parameters: int, dtypes: set[str], data_format: str) -> str:
    return f"{parameters:,} parameters of {' and '.join(sorted(dtypes))} ({data_format})"


def digest_of(weights: Sequence[np.ndarray]) -> str:
    """Return the SHA-256 of arrays, one after the other."""
    digest = hashlib.sha256()
    for array in weights:
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()


def _run_epoch(
    run: TrainingFunction,
    order: np.ndarray,
    seed: np.ndarray,
    before: int,
    begun: Part | None = None,
    observe: Callable[[Part], None] = lambda _: None,
) -> Part:
    """Train on the batches of `order`, shape (iterations, batch), or on the rest of an epoch that was begun.

    `before` is the number of iterations of former epochs. The graph returns every few seconds, so that signals are handled and a
    diverged run ends early. Then `observe` is called with the part that is done.
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
