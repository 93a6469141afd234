"""Say which operations a training step spends its time in, as TensorFlow's profiler sees them.

One process of one thread per core computes the same steps at once, as in the workflow; the first one is profiled. Prints
milliseconds of a step by kind of operation, their share, and for convolutions the GFLOP/s, counting every tap of the 'same'
padding and, in brackets, those inside the image alone. Needs a prepared data set, and `scripts` on the PYTHONPATH.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path

import numpy as np
from compare_training import CORES, ROOT
from measure_training import peak

from convnets import device
from convnets.data import dataset
from convnets.data.cifar10 import IMAGE_SHAPE
from convnets.networks import builders
from convnets.settings import Network
from convnets.study import configfiles, configuration
from convnets.training import graphs, loop, optimizers
from convnets.training.augmentation import Offsets

import tensorflow as tf  # isort: skip
from tensorflow.tsl.profiler.protobuf import xplane_pb2  # isort: skip

STEPS = 100
# The first part of these that an operation's name holds says what it is counted as.
DIRECTIONS = {
    "Conv2DBackpropInput": "gradient of its input",
    "Conv2DBackpropFilter": "gradient of its weights",
    "Conv2D": "forward",
}
GROUPS = {
    "rm_sprop": "optimizer",
    "/pool": "pooling, both ways",
    "/relu": "ReLU of the blocks, both ways",
    "/dense": "fully connected layers",
    "/output": "fully connected layers",
    "/dropout": "dropout",
    "while/standardise": "images: gathered, standardised, augmented",
    "while/GatherV2": "images: gathered, standardised, augmented",
    "while/Cast": "images: gathered, standardised, augmented",
    "while/Reverse": "images: gathered, standardised, augmented",
    "while/stateless": "images: gathered, standardised, augmented",
    "while/Select": "images: gathered, standardised, augmented",
}


def multiplications(network: Network, block: int, *, inside: bool) -> int:
    """Return the multiplications of a block's convolution for one image, with the taps outside the image or without."""
    side, reach = IMAGE_SHAPE[0] >> (block - 1), network.kernel_size // 2
    channels = (IMAGE_SHAPE[2], *network.filters)[block - 1]
    taps = [min(side - 1, at + reach) - max(0, at - reach) + 1 if inside else network.kernel_size for at in range(side)]
    return sum(taps) ** 2 * channels * network.filters[block - 1]


def group_of(name: str) -> tuple[str, int]:
    """Return what an operation is counted as, and the block of a convolution or 0."""
    for part, direction in DIRECTIONS.items():
        if part in name.rpartition(":")[2] and "/conv" in name:
            block = name.split("/conv")[1].split("_")[0]
            return (f"convolution {block}, {direction}", int(block)) if block.isdigit() else (f"1x1 convolution, {direction}", 0)
    return next((group for part, group in GROUPS.items() if part in name), "all other operations"), 0


def profile(run: graphs.TrainingFunction, order: np.ndarray, seed: np.ndarray) -> tuple[float, dict[tuple[str, int], float]]:
    """Return the milliseconds of a step, and those of each group while the profiler looks."""
    loop._run_epoch(run, order, seed, 0)
    started = time.perf_counter()
    loop._run_epoch(run, order, seed, 0)
    step = (time.perf_counter() - started) / len(order) * 1e3
    with tempfile.TemporaryDirectory() as folder:
        tf.profiler.experimental.start(folder)
        loop._run_epoch(run, order, seed, 0)
        tf.profiler.experimental.stop()
        (file,) = Path(folder).rglob("*.xplane.pb")
        space = xplane_pb2.XSpace.FromString(file.read_bytes())
    groups: dict[tuple[str, int], float] = defaultdict(float)
    for plane in space.planes:
        for line in plane.lines:
            for event in line.events:
                name = plane.event_metadata[event.metadata_id].name
                if name.startswith("while/body"):
                    groups[group_of(name)] += event.duration_ps / 1e9 / len(order)
    return step, groups


def main() -> None:
    """Profile, print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dataset", type=Path, default=ROOT / "results" / "data" / "dataset.npz", help="default: %(default)s")
    parser.add_argument("--variant", default="conv3_dropout05", help="default: %(default)s")
    parser.add_argument("--precision", default="float32", help="default: %(default)s")
    parser.add_argument("--beside", action="store_true", help="compute beside a process that is profiled, until it ends this one")
    arguments = parser.parse_args()
    config = configfiles.read([ROOT / "config.yaml"])
    config["training"]["precision"] = arguments.precision
    settings = configuration.resolve(config).variants[arguments.variant]
    device.configure(1)
    data = dataset.load(arguments.dataset)
    classifier = builders.build(settings.network, data.mean, data.deviation, 10, settings.training.precision)
    optimizer = optimizers.built_optimizer(settings, classifier)
    offsets = Offsets(settings.training.augmentation, 1, (len(data.train), data.mean.shape[-1])).variable
    run = graphs.training_function(classifier, optimizer, data.train, settings.training.augmentation, offsets=offsets)
    batch, seed = settings.training.batch_size, np.array([1, 2], np.int32)
    order = np.random.default_rng(1).integers(len(data.train), size=(STEPS, batch), dtype=np.int32)
    while arguments.beside:
        loop._run_epoch(run, order, seed, 0)
        print(flush=True)
    others = [subprocess.Popen([sys.executable, *sys.argv, "--beside"], stdout=subprocess.PIPE) for _ in range(CORES - 1)]
    try:
        for other in others:
            assert other.stdout is not None
            other.stdout.readline()  # it computes now
        fastest = peak(settings.training.precision) / 1e9
        step, groups = profile(run, order, seed)
    finally:
        for other in others:
            other.kill()
    total = sum(groups.values())
    print(f"{arguments.variant}, {arguments.precision}: {step:.2f} ms a step; a core multiplies matrices at {fastest:.0f} GFLOP/s")
    for (name, block), milliseconds in sorted(groups.items(), key=lambda item: -item[1]):
        every, inside = (
            2e-6 * batch * multiplications(settings.network, block, inside=inside) / milliseconds if block else 0
            for inside in (False, True)
        )
        print(f"{name:44s} {milliseconds:6.2f} ms {milliseconds / total:6.1%}" + (f" {every:6.0f} ({inside:.0f})" if block else ""))
    print(f"{'operations in all':44s} {total:6.2f} ms")


if __name__ == "__main__":
    main()
