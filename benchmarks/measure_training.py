"""Measure one training process of one thread; print one number.

`compare_training.py` starts one per core, with `scripts` on the PYTHONPATH.
"""

import argparse
import time
from pathlib import Path

import numpy as np

from convnets import device
from convnets.data import dataset
from convnets.data.images import ImageFormat
from convnets.networks import builders, formulas
from convnets.settings import Settings
from convnets.study import configfiles, configuration
from convnets.training import graphs, loop, optimizers
from convnets.training.augmentation import Offsets

import tensorflow as tf  # isort: skip

ROOT = Path(__file__).parents[1]


def throughput(settings: Settings, data: dataset.Dataset) -> float:
    """Return the images a second of the epochs with their validation, as `metrics.json` counts them; the first one warms up."""
    result = loop.train(settings, 1, data, lambda _: None)
    seconds = [epoch.seconds for epoch in result.history[1:]]
    return len(seconds) * (len(data.train) // result.batch_size * result.batch_size) / sum(seconds)


def main() -> None:
    """Measure what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=["throughput", "step", "peak"])
    parser.add_argument("--dataset", type=Path, required=True)
    parser.add_argument("--variant", required=True)
    parser.add_argument("--precision", required=True)
    parser.add_argument("--amount", type=int, required=True, help="epochs, or iterations")
    arguments = parser.parse_args()
    device.configure(1)
    if arguments.what == "peak":
        print(peak(arguments.precision))
        return
    config = configfiles.read([ROOT / "config.yaml"])
    config["training"]["precision"] = arguments.precision
    config["variants"][arguments.variant]["epochs"] = arguments.amount + 1
    study = configuration.resolve(config)
    settings = study.variants[arguments.variant]
    data = dataset.load(arguments.dataset)
    if arguments.what == "throughput":
        print(throughput(settings, data))
        return
    print(step(settings, data, study.described.format, arguments.amount))


def step(settings: Settings, data: dataset.Dataset, images: ImageFormat, iterations: int) -> float:
    """Return the floating-point operations a second of training steps; validation and all else are left out."""
    classifier = builders.build(settings.network, data.mean, data.deviation, 10, settings.training.precision)
    optimizer = optimizers.built_optimizer(settings, classifier)
    offsets = Offsets(settings.training.augmentation, 1, (len(data.train), data.mean.shape[-1])).variable
    run = graphs.training_function(classifier, optimizer, data.train, settings.training.augmentation, offsets=offsets)
    rng = np.random.default_rng(1)
    order = rng.integers(len(data.train), size=(iterations, settings.training.batch_size), dtype=np.int32)
    seed = np.array([1, 2], np.int32)
    loop._run_epoch(run, order[: iterations // 4], seed, 0)
    started = time.perf_counter()
    loop._run_epoch(run, order, seed, 0)
    return order.size * formulas.training_flops(settings.network, images) / (time.perf_counter() - started)


def peak(precision: str, side: int = 1024, repeats: int = 100) -> float:
    """Return the operations a second of products of two square matrices in TensorFlow, on one thread."""
    dtype = tf.bfloat16 if precision == "mixed_bfloat16" else tf.float32
    # So scaled, products have the size of their factors.
    left, right = tf.cast(tf.random.normal([side, side]) / side**0.5, dtype), tf.cast(tf.random.normal([side, side]), dtype)

    @tf.function
    def products(right: tf.Tensor) -> tf.Tensor:
        for _ in tf.range(repeats):
            right = tf.matmul(left, right)
        return right

    products(right)
    started = time.perf_counter()
    products(right).numpy()
    return float(repeats * 2 * side**3 / (time.perf_counter() - started))


if __name__ == "__main__":
    main()
