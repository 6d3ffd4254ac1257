"""Exercises of lesson 06: the taps of a transposed convolution, a distance of two sets, one picture out of many."""

from __future__ import annotations

import numpy as np

from fakeface_utils.evaluation.gan_quality import mmd2
from fakeface_utils.lessons.exercises.exercise import Exercise

NEARLY_SURE = 0.95  # as exercise 06.3 says


def _taps(length: int, kernel: int, stride: int) -> list[int]:
    reached = np.zeros((length - 1) * stride + kernel, dtype=int)
    for first in range(0, length * stride, stride):
        reached[first : first + kernel] += 1
    return reached.tolist()


def _any_layer(rng: np.random.Generator) -> tuple[int, int, int]:
    """A kernel that its stride divides, one that it does not, or one that leaves gaps; at times a single input."""
    kind, length = rng.choice(3, p=[0.35, 0.35, 0.3]), int(rng.choice([1, 2, 3, 4, 5, 6, 4, 5, 6]))
    stride = int(rng.integers(1 if kind == 0 else 2, 5))
    whole, rest = stride * int(rng.integers(1, 3)), int(rng.integers(1, max(stride, 2)))
    return length, int((whole, whole + rest, rest)[kind]), stride


def _any_sets(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Two sets of one law, whose distance is often below 0, or of two; no image comes twice in a set."""
    k, shift = int(rng.integers(2, 4)), float(rng.choice([0, 0, 0.5, 1]))
    while True:
        n, m = rng.choice(np.arange(2, 6), 2, replace=bool(rng.random() < 0.2))
        sets = rng.integers(-10, 11, (n, k)) / 10, rng.integers(-10, 11, (m, k)) / 10 + shift
        if all(len(np.unique(rows, axis=0)) == len(rows) for rows in sets):
            return sets


def _one_picture(share: float, pictures: int) -> tuple[float, int | None]:
    def at_least_one(n: int) -> float:
        return 1 - (1 - share) ** n

    needed = 1
    while share and at_least_one(needed) < NEARLY_SURE:
        needed += 1
    return at_least_one(pictures), needed if share else None


def borderline(share: float) -> bool:
    """Whether some number of pictures comes so close to .95 that rounding could decide, as one does at a share of .95.

    Shares 0 and 1 are never borderline.
    """
    return 0 < share < 1 and bool(np.isclose((1 - share) ** np.arange(1, 400), 1 - NEARLY_SURE, rtol=1e-6).any())


def _any_generator(rng: np.random.Generator) -> tuple[float, int]:
    """A quarter each with nothing or everything called fake; up to a dozen pictures, more than one as a rule."""
    while True:
        kind = rng.choice(3, p=[0.25, 0.25, 0.5])
        share = (0.0, 1.0, int(rng.integers(1, 100)) / 100)[kind]
        if not borderline(share):
            return share, int(rng.integers(1, 13))


_CORNERS = np.array([[2.0, 0.0], [0.0, 2.0]])
_MIXED = np.array([[0.3, -0.7, 1.0], [0.9, 0.1, -0.4], [-0.6, 0.8, 0.2], [0.5, 0.5, -1.0]])

EXERCISES = (
    Exercise(
        "06.1",
        _taps,
        ((4, 4, 2), (4, 5, 2), (3, 2, 3), (1, 3, 2), (3, 2, 2), (5, 3, 1), (3, 7, 3)),
        "make a list of zeros of the length that the task gives; each input adds 1 to `kernel` outputs in a row, and "
        "the next input begins `stride` further on",
        _any_layer,
    ),
    Exercise(
        "06.2",
        mmd2,
        (
            (np.array([[1.0, 0.0], [0.0, 1.0]]), np.array([[1.0, 1.0], [2.0, 0.0], [0.0, 0.0]])),
            (_CORNERS, _CORNERS),
            (_MIXED, _MIXED[:2] + 0.5),
            (np.array([[0.0, 1.0], [1.0, 1.0], [-1.0, 2.0]]), np.array([[-1.0, 0.0], [1.0, 2.0], [0.5, 0.0]])),
        ),
        "`(a @ b.T / k + 1) ** 3` holds every pair of a row of a and a row of b; within a set leave out its diagonal "
        "and divide by n * (n - 1), between the sets by n * m",
        _any_sets,
    ),
    Exercise(
        "06.3",
        _one_picture,
        ((0.5, 1), (0.5, 3), (0.2, 5), (0.9, 2), (0.0, 4), (1.0, 2), (0.04, 10)),
        "what is the chance that none of them is called fake? Then try 1, 2, 3, ... pictures; 0 and 1 are the cases "
        "that a formula with logarithms forgets",
        _any_generator,
    ),
)
