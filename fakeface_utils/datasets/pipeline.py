"""Pixels to batches: shuffled, augmented and prefetched by ``tf.data``."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import tensorflow as tf

# Raised when the same images, labels and seed would come out in another order or with other changes.
VERSION = 2

Augment = Callable[[tf.Tensor, tf.Tensor], tf.Tensor]


class Rows:
    """Some rows of an array of images, without copying them: what a split is of a whole set.

    Args:
        images: array (n, ...), such as ``pixels.load_images`` returns, or features that are kept of them.
        rows: (m,) numbers of the images that belong to it, in order.
    """

    def __init__(self, images: np.ndarray, rows: np.ndarray):
        self.images, self.rows = images, np.asarray(rows)
        self.shape, self.dtype = (len(self.rows), *images.shape[1:]), images.dtype

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, numbers: np.ndarray) -> np.ndarray:
        return self.images[self.rows[numbers]]


class SideBySide:
    """Several arrays of features of the same images, joined end to end when they are asked for.

    Args:
        parts: each (n, k), an array or ``Rows``.
    """

    def __init__(self, parts: Sequence[np.ndarray | Rows]):
        self.parts = parts
        self.shape, self.dtype = (len(parts[0]), sum(part.shape[1] for part in parts)), parts[0].dtype

    def __len__(self) -> int:
        return len(self.parts[0])

    def __getitem__(self, numbers: np.ndarray) -> np.ndarray:
        return np.concatenate([part[numbers] for part in self.parts], axis=1)


def batches(
    images: np.ndarray | Rows,
    labels: np.ndarray | None = None,
    *,
    batch_size: int = 32,
    shuffle_seed: int | None = None,
    augment: Augment | None = None,
) -> tf.data.Dataset:
    """One pass over decoded images, as ``Model.fit`` and ``Model.predict`` take them.

    Only the images' numbers are shuffled, all of them, anew every pass; their pixels are fetched a batch
    at a time from ``images``, which may be far larger than the memory. With the same seed every run sees
    the same order. Training that must be resumable takes ``endless`` instead.

    Args:
        images: uint8 (n, height, width, channels), 0-255, as ``pixels.load_images`` returns it, or float32
            features (n, k) of a frozen backbone.
        labels: (n,) 0 or 1; None gives batches of images alone.
        batch_size: images a batch; the last batch of a pass may be smaller.
        shuffle_seed: None keeps the order (what evaluation needs); a number shuffles.
        augment: maps a batch of float32 images (b, h, w, c) in 0-255 and a seed (2,) for stateless random
            functions to changed images. It runs after the cache, with other seeds every pass. (Functions
            that keep their own random state would draw the same again each pass: tf.data starts them anew.)
            Never pass it for validation or test images.

    Returns:
        Dataset of float32 images in 0-255, with float32 labels (b, 1) when given.
    """
    rows = tf.data.Dataset.range(len(images))
    if shuffle_seed is not None:
        rows = rows.shuffle(len(images), seed=shuffle_seed, reshuffle_each_iteration=True)
    draws = tf.data.Dataset.random(seed=shuffle_seed or 0, rerandomize_each_iteration=True)
    seeds = draws.map(lambda draw: tf.stack([draw, shuffle_seed or 0]))
    return _fetch(tf.data.Dataset.zip(rows.batch(batch_size), seeds), images, labels, augment)


def endless(
    images: np.ndarray | Rows,
    labels: np.ndarray,
    *,
    seed: int,
    batch_size: int = 32,
    first_epoch: int = 0,
    drop_last: bool = False,
    augment: Augment | None = None,
) -> tf.data.Dataset:
    """Epoch after epoch without end, for ``Model.fit(..., steps_per_epoch=steps(len(images), batch_size))``.

    The order and the augmentation of epoch k follow from ``seed`` and k alone, so that a training that
    starts again at ``first_epoch`` sees what it would have seen. And since the next epoch is only the next
    batch, the pipeline works ahead over the end of an epoch, where a GPU would otherwise wait.

    Args:
        images, labels, batch_size, augment: as in ``batches``; every epoch is shuffled as a whole.
        seed: of the order and the augmentation, at least 0.
        first_epoch: the epoch to begin with, counted from 0.
        drop_last: leave out the images of an epoch that fill no whole batch.

    Returns:
        Dataset of float32 images (b, h, w, c) in 0-255 and float32 labels (b, 1).
    """

    def one_epoch(epoch: tf.Tensor) -> tf.data.Dataset:
        # The order draws from negative numbers, the batches' changes from the others: no seed is used twice.
        order = tf.random.experimental.stateless_shuffle(tf.range(len(images), dtype=tf.int64), [seed, -1 - epoch])
        rows = tf.data.Dataset.from_tensor_slices(order).batch(batch_size, drop_remainder=drop_last)
        first = epoch * steps(len(images), batch_size, drop_last=drop_last)
        return rows.enumerate(first).map(lambda number, batch: (batch, tf.stack([seed, number])))

    numbered = tf.data.Dataset.range(first_epoch, np.iinfo(np.int64).max).flat_map(one_epoch)
    return _fetch(numbered, images, labels, augment)


def steps(n_images: int, batch_size: int, drop_last: bool = False) -> int:
    """Batches an epoch; the last one may be smaller, or is left out.

    Raises:
        ValueError: not one whole batch.
    """
    if not drop_last:
        return -(-n_images // batch_size)
    if n_images < batch_size:
        raise ValueError(f"{n_images} images make no batch of {batch_size}; take a smaller batch")
    return n_images // batch_size


def shared(n_images: int, batch_size: int, replicas: int) -> int:
    """The largest batch size up to ``batch_size`` that several GPUs share evenly, with some of the last batch for each.

    For predicting and judging, where the size of a batch changes nothing but the time.
    """
    sizes = range(batch_size - batch_size % replicas, 0, -replicas)
    return next((size for size in sizes if not 0 < n_images % size < replicas), batch_size)


def _fetch(
    numbered: tf.data.Dataset, images: np.ndarray | Rows, labels: np.ndarray | None, augment: Augment | None
) -> tf.data.Dataset:
    """Pixels, changes and labels for a data set of (numbers of a batch's images, seed of their changes)."""
    targets = None if labels is None else tf.constant(np.asarray(labels, np.float32)[:, None])

    def fetch(batch: tf.Tensor, seed: tf.Tensor) -> tf.Tensor | tuple[tf.Tensor, tf.Tensor]:
        # Not stateful: op determinism would otherwise take all parallel work and all prefetching out of the pipeline.
        pixels = tf.numpy_function(lambda numbers: images[numbers], [batch], images.dtype, stateful=False)
        pixels = tf.cast(tf.ensure_shape(pixels, (None, *images.shape[1:])), tf.float32)
        if augment is not None:
            pixels = augment(pixels, seed)
        return pixels if targets is None else (pixels, tf.gather(targets, batch))

    return numbered.map(fetch, num_parallel_calls=tf.data.AUTOTUNE).prefetch(tf.data.AUTOTUNE)
