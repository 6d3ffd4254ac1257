"""Squares cut out of pictures at their stored size, and one score of the squares of a picture.

Resizing averages away the fine traces that generators leave; a crop keeps them and loses only the view of the whole
(Gragnaniello et al. 2021; SAFE, Li et al. 2025). A detector of crops sees several of each picture, and their logits
are averaged.

An image smaller than the crop is an error here. Mirroring it, as ``pixels.crop_square`` does for a spectrum, would put
repeated skin in front of a detector, and enlarging it is the resizing that is to be avoided: take a smaller side.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.special import expit, logit

from fakeface_utils.datasets.pixels import keep_images, read_image

VERSION = 1  # raised when the same image would be cut elsewhere
NEAREST = 1e-7  # to 0 or 1; a float32 sigmoid rounds to 1 from there on

Cut = Callable[[np.ndarray, int], np.ndarray]  # image (h, w, c), side -> (k, side, side, c)


def five_crops(image: np.ndarray, side: int) -> np.ndarray:
    """The four corners and the middle of an image.

    Args:
        image: (h, w, c), any dtype, at its stored size. side: of the squares, in pixels.

    Returns:
        (5, side, side, c), same dtype: top left, top right, bottom left, bottom right, middle.

    Raises:
        ValueError: the image is smaller than ``side``, or it is no (h, w, c).
    """
    down, right = _room(image, side)
    return _cut(image, side, [(0, 0), (0, right), (down, 0), (down, right), (down // 2, right // 2)])


def random_crops(image: np.ndarray, side: int, count: int, seed: int = 0) -> np.ndarray:
    """Squares at random places, each place as likely as any other.

    Where they lie follows from the image's pixels and the seed alone, not from its place in the set, its name or its
    class. The first of many are those of few: 3 of an image are the first 3 of its 5.

    Args:
        image, side: as in :func:`five_crops`. count: how many, at least 1. seed: another one cuts elsewhere.

    Returns:
        (count, side, side, c), same dtype.

    Raises:
        ValueError: as in :func:`five_crops`, or no crop is asked for.
    """
    if count < 1:
        raise ValueError(f"at least one crop must be cut, not {count}")
    room = np.array(_room(image, side))
    digest = hashlib.sha256(f"{seed} {image.shape} ".encode() + image.tobytes()).digest()
    places = np.random.default_rng(int.from_bytes(digest)).integers(room + 1, size=(count, 2))
    return _cut(image, side, places.tolist())


def _room(image: np.ndarray, side: int) -> tuple[int, int]:
    """How far a square can be moved down and to the right."""
    if image.ndim != 3:
        raise ValueError(f"expected one image (h, w, c), got shape {image.shape}")
    height, width = image.shape[:2]
    if not 1 <= side <= min(height, width):
        raise ValueError(
            f"no square of {side} pixels fits into an image of {width} x {height}: take at most "
            f"{min(height, width)}, and never enlarge, for that would wipe out what crops are to keep"
        )
    return height - side, width - side


def _cut(image: np.ndarray, side: int, places: list[tuple[int, int]]) -> np.ndarray:
    return np.stack([image[top : top + side, left : left + side] for top, left in places])


def load_crops(
    index: pd.DataFrame,
    side: int,
    *,
    random: int | None = None,
    seed: int = 0,
    cache_dir: str | Path | None = None,
) -> np.ndarray:
    """The crops of every image of ``index``, cut once and kept as ``pixels.load_images`` keeps images.

    Args:
        index, cache_dir: as there. side, seed: as in :func:`random_crops`.
        random: how many random crops of each image; default: its :func:`five_crops`.

    Returns:
        uint8 (k len(index), side, side, 3), 0-255, mapped from the cache if there is one: the k crops of the first
        image, then those of the second. Labels, groups and splits go with it as ``np.repeat(labels, k)``.

    Raises:
        ValueError: an image that is too small or does not decode (it is named).
    """
    count = 5 if random is None else random

    def crops(path: str) -> np.ndarray:
        image = read_image(path)
        try:
            found = five_crops(image, side) if random is None else random_crops(image, side, random, seed)
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from error
        return found.reshape(count * side, side, 3)  # one above the other

    how = f"crops {VERSION} {'five' if random is None else f'random {random} {seed}'}"
    kept = keep_images(index, (count * side, side), 3, crops, how, cache_dir=cache_dir)
    return kept.reshape(len(index) * count, side, side, 3)


def mean_of_logits(scores: np.ndarray, count: int) -> np.ndarray:
    """One P(fake) an image out of those of its crops: the mean of their logits, as a probability again.

    A crop that is sure weighs more than one that is not. Scores at 0 and 1 count as 1e-7 off.

    Args:
        scores: (n count,) or (n count, 1) P(fake), the crops of one image after one another. count: crops an image.

    Returns:
        (n,) float64, over 0 and below 1.

    Raises:
        ValueError: a score is no probability, or there is no whole number of images.
    """
    scores = np.asarray(scores, float).reshape(-1)
    if count < 1 or not len(scores) or len(scores) % count:
        raise ValueError(f"{len(scores)} scores are not those of whole images with {count} crops each")
    if not ((scores >= 0) & (scores <= 1)).all():
        raise ValueError("every score must be a probability of fake, between 0 and 1")
    return expit(logit(np.clip(scores, NEAREST, 1 - NEAREST)).reshape(-1, count).mean(axis=1))


def over_crops(
    detector: Callable[[np.ndarray], np.ndarray], side: int, cut: Cut = five_crops
) -> Callable[[np.ndarray], np.ndarray]:
    """A detector of images out of one of crops.

    Args:
        detector: uint8 (b, side, side, c) -> P(fake) (b,) or (b, 1). It is shown the crops of a whole batch at once.
        cut: :func:`five_crops`, or such as ``lambda image, side: random_crops(image, side, 10)``.

    Returns:
        A function of images, (b, h, w, c) or a sequence of b images (h, w, c) of any sizes, that gives (b,) P(fake).
    """

    def score(images: np.ndarray) -> np.ndarray:
        crops = np.stack([cut(image, side) for image in images])
        return mean_of_logits(detector(crops.reshape(-1, *crops.shape[2:])), crops.shape[1])

    return score
