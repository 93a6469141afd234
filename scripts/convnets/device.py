"""Settings that TensorFlow and Keras read when they are first imported: every module that uses them imports this one first."""

import gc
import os
import platform
from dataclasses import dataclass

from convnets.errors import InputError

os.environ["KERAS_BACKEND"] = "tensorflow"
if platform.machine() in ("x86_64", "AMD64"):
    # TensorFlow turns oneDNN's convolutions on by itself only where the processor has AVX-512 VNNI or the like. With plain
    # AVX2 they train the three-layer network 2.1 times as fast as the Eigen ones that it would take.
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import tensorflow as tf

# Keras and MLflow, which are imported next, make a million objects that stay. To collect as often as Python does by default looks
# through them again and again, which takes a fifth of the time to import them all.
gc.set_threshold(50_000, 20, 100)


@dataclass(frozen=True)
class Device:
    """What a process computes on, and whether equal runs on it are equal bit for bit."""

    name: str
    threads: int
    deterministic: bool


def configure(threads: int, *, gpu: bool = False) -> Device:
    """Let this process compute on so many threads and no more, and on one GPU or none; to be called before the first operation.

    With one thread, sums are always formed in the same order. On a GPU, TensorFlow is told to do the same, which costs time;
    memory is taken as it is needed, so that several processes can share the GPU.

    Raises
    ------
    InputError
        A GPU is asked for and TensorFlow sees none.
    """
    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    gpus = tf.config.list_physical_devices("GPU")
    if gpu and not gpus:
        raise InputError("a GPU is asked for, and TensorFlow sees none here; install its drivers, or set resources gpu=0")
    tf.config.set_visible_devices(gpus[:1] if gpu else [], "GPU")
    if not gpu:
        return Device("CPU", threads, deterministic=threads == 1)
    tf.config.experimental.set_memory_growth(gpus[0], True)
    tf.config.experimental.enable_op_determinism()
    return Device(tf.config.experimental.get_device_details(gpus[0]).get("device_name", "GPU"), threads, deterministic=True)
