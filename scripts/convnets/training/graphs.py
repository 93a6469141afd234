"""TensorFlow graphs over data held as tensors: many training iterations in one call, and the evaluation of a split."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from convnets import device
from convnets.data.dataset import Split
from convnets.networks.builders import Classifier
from convnets.settings import Augmentation

import keras  # isort: skip
import tensorflow as tf  # isort: skip

EVALUATION_BATCH = 500

# Takes the rows of some batches and a seed; returns batches done, last loss, sum of losses, images classified correctly.
TrainingFunction = Callable[[tf.Tensor, tf.Tensor], tuple[tf.Tensor, ...]]


@dataclass(frozen=True)
class Evaluation:
    """Mean cross-entropy and accuracy over a split, and how many images of each class (row) were put into each class (column)."""

    loss: float
    accuracy: float
    confusion: tuple[tuple[int, ...], ...]


def augment(images: tf.Tensor, settings: Augmentation, seed: tf.Tensor, layers: Sequence[keras.Layer] = ()) -> tf.Tensor:
    """Flip and shift standardised images, shape (n, height, width, channels), at random by `seed`, int32 of shape (2,).

    Then the layers, whose generators have states of their own, are applied to the batch. Offsets that accumulate are not added.
    """
    count = tf.shape(images)[0]
    if settings.horizontal_flip:
        flips = 1 if settings.horizontal_flip == "batch" else count
        flip = tf.random.stateless_uniform([flips, 1, 1, 1], seed) < 0.5
        images = tf.where(flip, tf.reverse(images, [2]), images)
    if settings.channel_offset and not settings.accumulate:
        images += tf.random.stateless_normal([count, 1, 1, images.shape[-1]], seed + (0, 1), stddev=settings.channel_offset)
    shape = images.shape
    for layer in layers:
        images = layer(images, training=True)
    return tf.ensure_shape(images, shape) if layers else images


def training_function(
    classifier: Classifier,
    optimizer: keras.Optimizer,
    data: Split,
    augmentation: Augmentation,
    layers: Sequence[keras.Layer] = (),
    offsets: tf.Variable | None = None,
) -> TrainingFunction:
    """Return a graph that trains on some batches, one after the other, and stops at a loss that is not finite.

    `offsets`, shape (images, channels), are added to the standardised images. The graph takes the rows of each batch (int32, shape
    (n, batch)) and a seed (int32, shape (2,)) for the augmentation; it returns the number of batches done, their last loss, the sum
    of their losses and the number of images classified correctly.
    """
    images, labels = tf.constant(data.images), tf.constant(data.labels, tf.int32)
    variables = classifier.logits.trainable_variables

    def step(rows: tf.Tensor, seed: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        batch = classifier.standardise(tf.cast(tf.gather(images, rows), tf.float32))
        if offsets is not None:
            batch += tf.gather(offsets, rows)[:, tf.newaxis, tf.newaxis]
        batch = augment(batch, augmentation, seed, layers)
        targets = tf.gather(labels, rows)
        with tf.GradientTape() as tape:
            logits = classifier.logits(batch, training=True)
            loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(targets, logits))
            objective = tf.add_n([loss, *penalties]) if (penalties := classifier.logits.losses) else loss
        optimizer.apply(tape.gradient(objective, variables), variables)
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


def evaluation_function(classifier: Classifier, data: Split) -> Callable[[], Evaluation]:
    """Return a function that evaluates the classifier's present weights on a whole split."""

    @tf.function(autograph=False, input_signature=[tf.TensorSpec([None, *data.images.shape[1:]], tf.uint8)])
    def logits_of(images: tf.Tensor) -> tf.Tensor:
        return classifier.logits(classifier.standardise(tf.cast(images, tf.float32)), training=False)

    starts = range(0, len(data), EVALUATION_BATCH)
    batches = [tf.constant(data.images[start : start + EVALUATION_BATCH]) for start in starts]
    labels = tf.constant(data.labels, tf.int64)
    classes = classifier.logits.output_shape[-1]

    def evaluate() -> Evaluation:
        logits = tf.concat([logits_of(batch) for batch in batches], 0)
        losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)
        confusion = tf.math.confusion_matrix(labels, tf.argmax(logits, 1), classes).numpy()
        rows = tuple(map(tuple, confusion.tolist()))
        return Evaluation(float(tf.reduce_mean(losses)), int(confusion.trace()) / len(data), rows)

    return evaluate
