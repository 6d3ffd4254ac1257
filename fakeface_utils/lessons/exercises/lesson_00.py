"""Exercises of lesson 00: luck, and which class is 1."""

from __future__ import annotations

import numpy as np
from scipy.stats import binom

from fakeface_utils.lessons.exercises.exercise import Exercise


def _share_of_guessers(right: int, pairs: int) -> float:
    return float(binom.sf(right - 1, pairs, 0.5))


def _any_result(rng: np.random.Generator) -> tuple[int, int]:
    pairs = int(rng.integers(1, 41))
    return int(rng.integers(0, pairs + 1)), pairs


def _fake_is_one(class_names: list[str], numbers: np.ndarray) -> np.ndarray:
    return np.array(["fake" in name for name in class_names])[numbers].astype(int)


def _any_folders(rng: np.random.Generator) -> tuple[list[str], np.ndarray]:
    """Two folders in either order, named as in one set or the other, and two to eight images."""
    names = [["fake", "real"], ["training_fake", "training_real"]][rng.integers(2)]
    order = [str(name) for name in rng.permutation(names)]
    return order, rng.integers(0, 2, size=int(rng.integers(2, 9)))


EXERCISES = (
    Exercise(
        "00.1",
        _share_of_guessers,
        ((1, 1), (2, 2), (2, 3), (0, 5), (9, 12), (12, 12)),
        "of the 2 ** pairs ways to guess, comb(pairs, k) have exactly k right; add up all k from `right` to `pairs`",
        _any_result,
    ),
    Exercise(
        "00.2",
        _fake_is_one,
        (
            (["fake", "real"], np.array([0, 1, 1, 0])),
            (["training_fake", "training_real"], np.array([1, 0, 0])),
            (["real", "fake"], np.array([0, 1, 1])),
            (["fake", "real"], np.array([1, 1])),
        ),
        "class_names[number] is the folder of an image; its label is 1 if that name contains `fake`",
        _any_folders,
    ),
)
