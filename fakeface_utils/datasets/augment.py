"""Ways of making more training images out of the ones there are.

Two kinds. Functions of a batch and a seed (``random_flip``, ``robust``) change what a training sees anew every epoch;
``pipeline`` calls them. Expansions (``COPIES``) write a fixed number of copies of every image to a file, once.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tensorflow as tf
from numpy.lib.format import open_memmap
from tqdm import tqdm

from fakeface_utils.datasets.pipeline import Rows

VERSION = 2  # raised when the same images would get other copies
SIX_FOLD = ("flip_left_right", "flip_up_down", "rot90", "brightness", "contrast", "saturation")


def six_fold(images: tf.Tensor, seed: int = 0, numbers: np.ndarray | tf.Tensor | None = None) -> tf.Tensor:
    """Each image and six changed copies of it, as report 001 made them (section 3.6).

    The report names the six ``tf.image`` functions; how far brightness, contrast and saturation go it does
    not say (assumed here: 51 grey levels either way, factors .5 to 1.5). The copies of one image must stay
    in one split: lesson 01 shows what happens otherwise.

    Args:
        images: (n, height, width, 3 k) with height = width, values 0-255: k views of each, three channels a view,
            which are all changed alike.
        seed: of the three random changes; every image draws its own.
        numbers: (n,) of the images in their whole set; default 0 to n - 1. An image's copies follow from ``seed`` and
            its number, so that they are the same in every split of the set.

    Returns:
        float32 (7 n, height, width, 3 k), 0-255: the n images, then n copies for each name in ``SIX_FOLD``.
    """
    images = tf.cast(images, tf.float32)
    if images.shape[-1] > 3:  # a change of colours is one of three channels
        views = tf.split(images, images.shape[-1] // 3, axis=-1)
        return tf.concat([six_fold(view, seed, numbers) for view in views], axis=-1)
    n = tf.shape(images)[0]
    numbers = tf.range(n) if numbers is None else tf.cast(numbers, tf.int32)
    seeds = tf.stack([tf.fill([n], seed), numbers], axis=1)

    def drawn(change) -> tf.Tensor:
        return tf.map_fn(lambda pair: change(pair[0], pair[1]), (images, seeds), fn_output_signature=tf.float32)

    copies = [
        images,
        tf.image.flip_left_right(images),
        tf.image.flip_up_down(images),
        # As tf.image.rot90, which chooses among the turns in a way that a graph warns of.
        tf.reverse(tf.transpose(images, (0, 2, 1, 3)), [1]),
        drawn(lambda image, key: tf.image.stateless_random_brightness(image, 51.0, key)),
        drawn(lambda image, key: tf.image.stateless_random_contrast(image, 0.5, 1.5, key)),
        drawn(lambda image, key: tf.image.stateless_random_saturation(image / 255, 0.5, 1.5, key) * 255),
    ]
    return tf.clip_by_value(tf.concat(copies, axis=0), 0.0, 255.0)


@dataclass(frozen=True)
class Expansion:
    """A function (images, seed, numbers of the images) -> ``fold`` times as many, in the order of ``six_fold``."""

    expand: Callable[[tf.Tensor, int, tf.Tensor], tf.Tensor]
    fold: int


COPIES = {"six_fold": Expansion(six_fold, fold=1 + len(SIX_FOLD))}


def copies_of(
    images: np.ndarray | Rows, path: str | Path, *, how: str = "six_fold", seed: int = 0, chunk: int = 64
) -> np.ndarray:
    """All images and their copies, in a file that is made once and then only opened.

    Memory does not grow with the number of images. The file is written under a temporary name and renamed when
    whole. Of what is in it, only the shape is checked when it is there already: give every set of images, ``how``,
    seed and ``VERSION`` a path of its own.

    Args:
        images: uint8 (n, height, width, channels), 0-255. Of ``pipeline.Rows`` each image gets the copies that it
            would get among all images of its set.
        path: the file, by custom ``*.npy``.
        how: a name in ``COPIES``.
        seed: of the random changes.
        chunk: images that are expanded at a time; it does not change the result.

    Returns:
        uint8 (fold n, height, width, channels), read-only, mapped from the file: the n images, then n copies of each
        kind, rounded to whole grey levels. Labels and groups go with it as ``np.tile(labels, fold)``.

    Raises:
        ValueError: an unknown ``how``, or a file of another shape than these images give.
    """
    if how not in COPIES:
        raise ValueError(f"there is no expansion {how!r}; choose one of {', '.join(COPIES)}")
    path, fold = Path(path), COPIES[how].fold
    shape = (fold * len(images), *images.shape[1:])
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_name(f"{path.name}.{os.getpid()}.partial")
        try:
            copies = open_memmap(partial, "w+", np.uint8, shape)
            by_copy = copies.reshape(fold, len(images), *shape[1:])
            _expand_into(by_copy, images, expander(how, shape[1:], seed), chunk)
            copies.flush()
            del copies, by_copy  # Windows renames no file that is mapped
            partial.replace(path)
        finally:
            partial.unlink(missing_ok=True)
    found = np.load(path, mmap_mode="r")
    if (found.shape, found.dtype) != (shape, np.uint8):
        raise ValueError(
            f"{path} holds {found.dtype} {found.shape}, not uint8 {shape}: delete it, or use another path"
        )
    return found


def expander(how: str, shape: tuple[int, ...], seed: int = 0) -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
    """A function (images uint8 (n, *shape), their numbers (n,)) -> uint8 (fold n, *shape), whole grey levels.

    The numbers are those of ``six_fold``.

    One graph for chunks of every length; called directly, an expansion would cost milliseconds of Python an image.
    """

    @tf.function(input_signature=[tf.TensorSpec([None, *shape], tf.uint8), tf.TensorSpec([None], tf.int32)])
    def rounded(batch: tf.Tensor, numbers: tf.Tensor) -> tf.Tensor:
        return tf.cast(tf.round(COPIES[how].expand(batch, seed, numbers)), tf.uint8)

    return lambda images, numbers: rounded(tf.constant(images), tf.constant(numbers, tf.int32)).numpy()


def _expand_into(copies: np.ndarray, images: np.ndarray | Rows, expand: Callable, chunk: int) -> None:
    n = copies.shape[1]
    numbers = images.rows if isinstance(images, Rows) else np.arange(n)
    with tqdm(total=n, desc="copies", unit=" images") as bar:
        for start in range(0, n, chunk):
            part = slice(start, min(start + chunk, n))
            batch = np.asarray(images[np.arange(n)[part]])
            copies[:, part] = expand(batch, numbers[part]).reshape(-1, *batch.shape)
            bar.update(len(batch))


def random_flip(images: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    """Mirror about half of a batch (b, height, width, c) left to right; for ``pipeline.batches``."""
    mirrored = tf.random.stateless_uniform([tf.shape(images)[0], 1, 1, 1], seed) < 0.5
    return tf.where(mirrored, tf.image.flip_left_right(images), images)


def robust(images: tf.Tensor, seed: tf.Tensor, probability: float = 0.5) -> tf.Tensor:
    """Images as they arrive after a life on the web: made smaller and larger again, blurred, saved as JPEG, mirrored.

    After Wang et al. 2020 (CNN-generated images are surprisingly easy to spot... for now): Gaussian blur with sigma
    U(0, 3), then JPEG with quality U{30, ..., 100}, each with ``probability`` .5 (or, in their second recipe, .1) and
    independently. Ours: before these a resize to U(.5, 1) of the side and back, with the same ``probability``.
    Half of all images are mirrored last. The label is not an argument, so both classes are treated alike.

    Args:
        images: (b, height, width, 1 or 3), 0-255; all but b known when the graph is built, as in ``pipeline``.
        seed: (2,) integers; what an image gets follows from them and from its place in the batch.
        probability: of each of the three losses, for each image.

    Returns:
        float32, same shape, 0-255.
    """
    images = tf.cast(images, tf.float32)
    draws = tf.random.stateless_uniform([tf.shape(images)[0], 7], seed)
    smaller, blurred, saved, scale, sigma, quality, mirrored = tf.unstack(draws, axis=1)
    images = _some(images, smaller < probability, down_up, 0.5 + 0.5 * scale)
    images = _some(images, blurred < probability, blur, 3 * sigma)
    images = _some(images, saved < probability, jpeg, 30 + tf.floor(71 * quality))
    return tf.where((mirrored < 0.5)[:, None, None, None], tf.image.flip_left_right(images), images)


def _some(images: tf.Tensor, chosen: tf.Tensor, change: Callable, amounts: tf.Tensor) -> tf.Tensor:
    """``change`` the chosen images, each by its own amount; no time is spent on the others."""
    changed = change(tf.boolean_mask(images, chosen), tf.boolean_mask(amounts, chosen))
    return tf.tensor_scatter_nd_update(images, tf.where(chosen), changed)


def jpeg(images: tf.Tensor, quality: int | tf.Tensor) -> tf.Tensor:
    """Images saved as JPEG and read again.

    Args:
        images: (b, height, width, 1 or 3), 0-255; rounded to whole grey levels first.
        quality: 0 to 100 as libjpeg counts it, one for all images or (b,).

    Returns:
        float32, same shape, whole grey levels 0-255.

    Raises:
        tf.errors.InvalidArgumentError: a quality that JPEG does not have.
    """
    shape, channels = tf.shape(images), images.shape[-1]

    def read(file: tf.Tensor) -> tf.Tensor:
        # By itself TensorFlow decodes with fast integers, whose rounding errors no other reader of the file makes.
        return tf.io.decode_jpeg(file, channels=channels, dct_method="INTEGER_ACCURATE")

    pixels = tf.map_fn(read, jpeg_files(images, quality), fn_output_signature=tf.uint8)
    return tf.ensure_shape(tf.reshape(tf.cast(pixels, tf.float32), shape), images.shape)


def jpeg_files(images: tf.Tensor, quality: int | tf.Tensor) -> tf.Tensor:
    """The files (b,), as strings of bytes, that ``jpeg`` reads again: colour at half resolution (4:2:0)."""
    pixels = tf.cast(tf.round(tf.clip_by_value(tf.cast(images, tf.float32), 0, 255)), tf.uint8)
    qualities = tf.cast(_one_each(quality, images), tf.int32)

    def write(pair: tuple[tf.Tensor, tf.Tensor]) -> tf.Tensor:
        return tf.raw_ops.EncodeJpegVariableQuality(images=pair[0], quality=pair[1])

    return tf.map_fn(write, (pixels, qualities), fn_output_signature=tf.string)


def blur(images: tf.Tensor, sigma: float | tf.Tensor) -> tf.Tensor:
    """Gaussian blur; beyond its edges an image is mirrored, edge pixels included.

    Args:
        images: (b, height, width, c), 0-255.
        sigma: standard deviation in pixels, at least 0 and less than half a side, one for all images or (b,);
            0 changes nothing.

    Returns:
        float32, same shape, 0-255.
    """
    # A normal distribution of no width at all cannot be computed; at a hundredth of a pixel it is the pixel.
    width = tf.maximum(_one_each(sigma, images), 0.01)[:, None, None]

    def matrix(side: int) -> tf.Tensor:
        new, old = tf.range(side, dtype=tf.float32)[:, None], tf.range(side, dtype=tf.float32)
        distances = (new - old, new + old + 1, 2 * side - 1 - new - old)  # of the pixel and its two mirror images
        weights = tf.add_n([tf.exp(-0.5 * (distance / width) ** 2) for distance in distances])
        return weights / tf.reduce_sum(weights, axis=2, keepdims=True)

    return _mixed(images, matrix)


def down_up(images: tf.Tensor, scale: float | tf.Tensor) -> tf.Tensor:
    """Images made smaller (mean of the covered area, nothing aliases) and brought back to their size (bilinear).

    Args:
        images: (b, height, width, c), 0-255.
        scale: of the sides, over 0 to 1, one for all images or (b,); the small sides are whole pixels. 1 changes
            nothing.

    Returns:
        float32, same shape, 0-255.
    """
    scales = _one_each(scale, images)[:, None, None]

    def matrix(side: int) -> tf.Tensor:
        small = tf.clip_by_value(tf.round(scales * side), 1, side)
        first, second = tf.range(side, dtype=tf.float32)[:, None], tf.range(side, dtype=tf.float32)
        # Down: how much of old pixel `second` is in new pixel `first`, which is side / small old pixels long.
        length = side / small
        covered = tf.minimum(second + 1, (first + 1) * length) - tf.maximum(second, first * length)
        down = tf.clip_by_value(covered, 0, 1) / length
        # Up: each pixel lies between two of the small ones, and weighs them by its distance from their centres.
        position = tf.clip_by_value((first + 0.5) / length - 0.5, 0, small - 1)
        return tf.matmul(tf.maximum(1 - tf.abs(position - second), 0), down)

    return _mixed(images, matrix)


def _one_each(amount: float | tf.Tensor, images: tf.Tensor) -> tf.Tensor:
    return tf.broadcast_to(tf.cast(amount, tf.float32), tf.shape(images)[:1])


def _mixed(images: tf.Tensor, matrix: Callable[[int], tf.Tensor]) -> tf.Tensor:
    """Images whose rows, then columns, are mixtures of the old ones.

    ``matrix(side)`` is (b, side, side): image, new row, weight of every old row. As products of matrices, changes that
    differ from image to image are computed for a whole batch at once.
    """
    _, height, width, channels = images.shape
    x = tf.reshape(tf.cast(images, tf.float32), (-1, height, width * channels))
    x = tf.reshape(tf.matmul(matrix(height), x), (-1, height, width, channels))
    x = tf.reshape(tf.transpose(x, (0, 2, 1, 3)), (-1, width, height * channels))
    x = tf.reshape(tf.matmul(matrix(width), x), (-1, width, height, channels))
    return tf.clip_by_value(tf.transpose(x, (0, 2, 1, 3)), 0.0, 255.0)
