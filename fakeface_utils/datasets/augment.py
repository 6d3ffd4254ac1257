"""Ways of making more training images out of the ones there are."""

from __future__ import annotations

import tensorflow as tf

SIX_FOLD = ("flip_left_right", "flip_up_down", "rot90", "brightness", "contrast", "saturation")


def six_fold(images: tf.Tensor, seed: int = 0) -> tf.Tensor:
    """Each image and six changed copies of it, as report 001 made them (section 3.6).

    The report names the six ``tf.image`` functions; how far brightness, contrast and saturation go it does
    not say (assumed here: 51 grey levels either way, factors .5 to 1.5). The copies of one image must stay
    in one split: lesson 01 shows what happens otherwise.

    Args:
        images: (n, height, width, 3) with height = width, values 0-255.
        seed: of the three random changes; every image draws its own.

    Returns:
        float32 (7 n, height, width, 3), 0-255: the n images, then n copies for each name in ``SIX_FOLD``.
    """
    images = tf.cast(images, tf.float32)
    seeds = tf.stack([tf.fill([tf.shape(images)[0]], seed), tf.range(tf.shape(images)[0])], axis=1)

    def drawn(change) -> tf.Tensor:
        return tf.map_fn(lambda pair: change(pair[0], pair[1]), (images, seeds), fn_output_signature=tf.float32)

    copies = [
        images,
        tf.image.flip_left_right(images),
        tf.image.flip_up_down(images),
        tf.image.rot90(images),
        drawn(lambda image, key: tf.image.stateless_random_brightness(image, 51.0, key)),
        drawn(lambda image, key: tf.image.stateless_random_contrast(image, 0.5, 1.5, key)),
        drawn(lambda image, key: tf.image.stateless_random_saturation(image / 255, 0.5, 1.5, key) * 255),
    ]
    return tf.clip_by_value(tf.concat(copies, axis=0), 0.0, 255.0)


def random_flip(images: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    """Mirror about half of a batch (b, height, width, c) left to right; for ``pipeline.batches``."""
    mirrored = tf.random.stateless_uniform([tf.shape(images)[0], 1, 1, 1], seed) < 0.5
    return tf.where(mirrored, tf.image.flip_left_right(images), images)
