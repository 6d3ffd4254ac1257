"""What the machine has to train on, and how it is asked to do it: GPU memory, precision, determinism."""

from __future__ import annotations

import gc
import os
import platform
import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import cache

import keras
import numpy as np
import pandas as pd
import PIL
import tensorflow as tf
from tensorflow.python.framework import ops

from fakeface_utils import __version__


def prepare_device() -> None:
    """Let TensorFlow take GPU memory as it needs it; without a GPU, make every operation repeatable.

    On a GPU, determinism would cost much speed and is not asked for.
    """
    gpus = tf.config.list_physical_devices("GPU")
    _silence_retracing()
    for gpu in gpus:
        with suppress(RuntimeError):  # the GPU is in use already: it keeps what it was set to
            tf.config.experimental.set_memory_growth(gpu, True)
    if not gpus:
        _make_repeatable()


@cache
def _silence_retracing() -> None:
    """A row of experiments builds a row of models, each with a graph of its own; TensorFlow's advice does not apply."""
    tf.get_logger().addFilter(lambda record: "triggered tf.function retracing" not in record.getMessage())


@cache
def _make_repeatable() -> None:
    # There is no way back, and from here on TensorFlow refuses to draw without a seed: a plain Model.fit on arrays,
    # later in the same lesson, would stop. A seed for the process, set once, keeps such calls working.
    tf.random.set_seed(0)
    tf.config.experimental.enable_op_determinism()


def precision() -> str:
    """Keras's dtype policy for this machine: ``mixed_float16`` on a GPU, ``float32`` without (half is slow there)."""
    return "mixed_float16" if tf.config.list_physical_devices("GPU") else "float32"


def strategy(devices: Sequence[str] | None = None) -> tf.distribute.Strategy:
    """How one network is trained: on several GPUs of this machine at once, or, with one or none, as ever.

    Each GPU has a copy of the network and takes its share of every batch; their gradients are added. The network must
    be built, compiled and trained in ``strategy().scope()``.

    Args:
        devices: names such as ``"GPU:0"``; default: all GPUs.
    """
    if devices is None:
        devices = [f"GPU:{number}" for number in range(len(tf.config.list_physical_devices("GPU")))]
    return tf.distribute.MirroredStrategy(devices) if len(devices) > 1 else tf.distribute.get_strategy()


def machine() -> dict[str, object]:
    """What a record says of where it was made: device (``x86_64, 2 cores, Tesla T4``), precision, versions."""
    gpus = tf.config.list_physical_devices("GPU")
    names = [tf.config.experimental.get_device_details(gpu).get("device_name", "GPU") for gpu in gpus]
    versions = {module.__name__: module.__version__ for module in (np, pd, PIL, tf, keras)}
    return {
        "kit": __version__,
        "versions": {"python": platform.python_version(), **versions},
        "device": f"{platform.machine()}, {os.cpu_count()} cores, {' + '.join(names) or '0 GPU'}",
        "precision": precision(),
    }


@contextmanager
def building(seed: int, policy: str) -> Iterator[None]:
    """Inside, new layers draw their weights from ``seed`` and compute in ``policy``; outside nothing changes.

    Keras seeds its layers from Python's generator. It is put back afterwards, so that what a lesson draws later
    does not depend on whether an experiment before it was run or loaded.
    """
    state, numpy_state, old_policy = random.getstate(), np.random.get_state(), keras.config.dtype_policy()
    try:
        random.seed(seed)
        np.random.seed(seed)
        keras.config.set_dtype_policy(policy)
        yield
    finally:
        random.setstate(state)
        np.random.set_state(numpy_state)
        keras.config.set_dtype_policy(old_policy)


@contextmanager
def forgetting_graphs() -> Iterator[None]:
    """What is trained inside does not stay in memory once nobody uses it.

    TensorFlow keeps the gradient of every custom operation in a table of the process, and through it the graph of each
    ``fit`` with weights and optimizer state (tf-keras issue 286): a row of experiments would fill the memory.
    """
    table = getattr(getattr(ops, "gradient_registry", None), "_registry", {})  # private, so it may be gone one day
    before = set(table)
    try:
        yield
    finally:
        for name in set(table) - before:
            del table[name]
        gc.collect()
