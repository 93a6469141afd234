"""Settings that TensorFlow and Keras read on import. Every module that uses either imports this module first."""

import gc
import os
import platform
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from convnets.errors import InputError

os.environ["KERAS_BACKEND"] = "tensorflow"
if platform.machine() in ("x86_64", "AMD64"):
    # By default, TensorFlow enables oneDNN only on processors with AVX-512 VNNI or the like. On plain AVX2, oneDNN's convolutions
    # train the three-layer network 2.1 times as fast as Eigen's.
    os.environ["TF_ENABLE_ONEDNN_OPTS"] = "1"
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "2"

# Lines that TensorFlow's C++ code writes although its log level is set, on a machine that is all right.
NOISE = "^(WARNING: All log messages before absl|[IW][0-9]{4} )"
NO_GPU = "|^E[0-9]{4} .* failed call to cuInit"  # nor was one asked for


@contextmanager
def _without(noise: str) -> Iterator[None]:
    """Leave lines out of what is written to the file descriptor of standard error.

    Another process filters them. So what is written before the library aborts, as without AVX, is not lost.
    """
    sys.stderr.flush()
    errors = os.dup(2)
    with subprocess.Popen(["grep", "-vE", noise], stdin=subprocess.PIPE, stdout=errors) as filtering:
        assert filtering.stdin
        os.dup2(filtering.stdin.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(errors, 2)
            os.close(errors)


with _without(NOISE):
    import tensorflow as tf

# Importing Keras and MLflow creates a million permanent objects. With Python's default thresholds the garbage collector scans them
# over and over, which takes a fifth of the import time.
gc.set_threshold(50_000, 20, 100)


@dataclass(frozen=True)
class Device:
    """What a process computes on. `deterministic`: whether equal runs on it are equal bit for bit."""

    name: str
    threads: int
    deterministic: bool


def configure(threads: int, *, gpu: bool = False) -> Device:
    """Limit this process to a number of threads, and to one GPU or none. Call it before the first operation.

    With one thread, sums are always formed in the same order. On a GPU, TensorFlow's deterministic operations ensure that and cost
    time. GPU memory is allocated as needed, so that several processes can share the GPU.
    """
    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    with _without(NOISE if gpu else NOISE + NO_GPU):
        gpus = tf.config.list_physical_devices("GPU")
    if gpu and not gpus:
        raise InputError("a GPU is asked for, and TensorFlow sees none here; install its drivers, or set resources gpu=0")
    tf.config.set_visible_devices(gpus[:1] if gpu else [], "GPU")
    if not gpu:
        return Device("CPU", threads, deterministic=threads == 1)
    tf.config.experimental.set_memory_growth(gpus[0], True)
    tf.config.experimental.enable_op_determinism()
    return Device(tf.config.experimental.get_device_details(gpus[0]).get("device_name", "GPU"), threads, deterministic=True)
