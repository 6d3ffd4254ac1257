"""Pixels to batches: shuffled, augmented and prefetched by ``tf.data``."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import tensorflow as tf


def batches(
    images: np.ndarray,
    labels: np.ndarray | None = None,
    *,
    batch_size: int = 32,
    shuffle_seed: int | None = None,
    augment: Callable[[tf.Tensor, tf.Tensor], tf.Tensor] | None = None,
) -> tf.data.Dataset:
    """Batches from decoded images, as ``Model.fit`` and ``Model.predict`` take them.

    Only the images' numbers are shuffled, all of them, anew every epoch; their pixels are fetched a batch
    at a time from ``images``, which may be far larger than the memory. With the same seed every run sees
    the same order.

    Args:
        images: uint8 array (n, height, width, channels), 0-255, as ``pixels.load_images`` returns it.
        labels: (n,) 0 or 1; None gives batches of images alone.
        batch_size: images a batch; the last batch of an epoch may be smaller.
        shuffle_seed: None keeps the order (what evaluation needs); a number shuffles.
        augment: maps a batch of float32 images (b, h, w, c) in 0-255 and a seed (2,) for stateless random
            functions to changed images. It runs after the cache, with other seeds every epoch. (Functions
            that keep their own random state would draw the same again each epoch: tf.data starts them anew.)
            Never pass it for validation or test images.

    Returns:
        Dataset of float32 images in 0-255, with float32 labels (b, 1) when given.
    """
    rows = tf.data.Dataset.range(len(images))
    if shuffle_seed is not None:
        rows = rows.shuffle(len(images), seed=shuffle_seed, reshuffle_each_iteration=True)
    targets = None if labels is None else tf.constant(np.asarray(labels, np.float32)[:, None])

    def fetch(batch: tf.Tensor, draw: tf.Tensor) -> tf.Tensor | tuple[tf.Tensor, tf.Tensor]:
        pixels = tf.numpy_function(lambda numbers: images[numbers], [batch], tf.uint8)
        pixels = tf.cast(tf.ensure_shape(pixels, (None, *images.shape[1:])), tf.float32)
        if augment is not None:
            pixels = augment(pixels, tf.stack([draw, shuffle_seed or 0]))
        return pixels if targets is None else (pixels, tf.gather(targets, batch))

    draws = tf.data.Dataset.random(seed=shuffle_seed or 0, rerandomize_each_iteration=True)
    data = tf.data.Dataset.zip(rows.batch(batch_size), draws)
    return data.map(fetch, num_parallel_calls=tf.data.AUTOTUNE).prefetch(tf.data.AUTOTUNE)
