"""Exercises of lesson 03: parameters of a CNN, dead settings, printed AUCs, shuffled scores."""

from __future__ import annotations

import numpy as np

from fakeface_utils.lessons.exercises.exercise import Exercise


def _cnn_parameters(side: int, channels: int, filters: tuple, kernel: int, pool: int, units: int) -> int:
    total = 0
    for n in filters:
        total += (kernel * kernel * channels + 1) * n
        side, channels = (side - kernel + 1) // pool, n
    return total + (side * side * channels + 1) * units + units + 1


def _any_cnn(rng: np.random.Generator) -> tuple[int, int, tuple[int, ...], int, int, int]:
    """A network that can be built, whose pools drop a row and a column at least once."""
    while True:
        channels, kernel = int(rng.choice([1, 3])), int(rng.choice([3, 5]))
        filters = tuple(map(int, rng.integers(2, 65, size=rng.integers(2, 4))))
        sides, dropped = [int(rng.integers(30, 129))], False
        for _ in filters:
            left = sides[-1] - kernel + 1
            dropped |= left % 2 == 1
            sides.append(left // 2)
        if sides[-1] >= 1 and dropped:
            return sides[0], channels, filters, kernel, 2, int(rng.integers(2, 129))


def _dead_pair(side: int, kernels: list, pools: list) -> int:
    for number, (kernel, pool) in enumerate(zip(kernels, pools, strict=True), start=1):
        side = (side - kernel + 1) // pool
        if side < 1:
            return number
    return 0


def _any_settings(rng: np.random.Generator) -> tuple[int, list[int], list[int]]:
    """Two to four pairs that differ, in small images and large; a third dies of a kernel, a third of a pool."""
    wanted = rng.choice(["alive", "kernel", "pool"])
    while True:
        n = int(rng.integers(2, 5))
        kernels, pools = rng.integers(2, 8, size=n).tolist(), rng.integers(2, 5, size=n).tolist()
        side = first = int(rng.integers(3, 12) if rng.random() < 0.4 else rng.integers(12, 129))
        fate = "alive"
        for kernel, pool in zip(kernels, pools, strict=True):
            left = side - kernel + 1
            if left < pool:
                fate = "kernel" if left < 1 else "pool"
                break
            side = left // pool
        if fate == wanted:
            return first, kernels, pools


def _z_of_two(auc_a: float, auc_b: float, error_a: float, error_b: float, r: float) -> float:
    return (auc_a - auc_b) / (error_a**2 + error_b**2 - 2 * r * error_a * error_b) ** 0.5


def _any_aucs(rng: np.random.Generator) -> tuple[float, float, float, float, float]:
    """Errors that differ, and a correlation above 0; the difference has either sign."""
    a = int(rng.integers(600, 940)) / 1000
    b = a + int(rng.integers(-40, 40)) / 1000
    error = int(rng.integers(4, 16)) / 1000
    return a, b + 0.0005, error, error + int(rng.integers(1, 6)) / 1000, int(rng.integers(1, 10)) / 10


def _put_back(scores: np.ndarray, order: np.ndarray) -> np.ndarray:
    back = np.empty_like(scores)
    back[order] = scores
    return back


def _any_shuffled(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Four to nine different scores, in an order that is not its own inverse."""
    while True:
        n = int(rng.integers(4, 10))
        order = rng.permutation(n)
        if not np.array_equal(order[order], np.arange(n)):
            return rng.permutation(100)[:n] / 100, order


EXERCISES = (
    Exercise(
        "03.1",
        _cnn_parameters,
        (
            (6, 1, (2,), 3, 2, 3),
            (9, 3, (2, 4), 2, 2, 1),
            (17, 1, (4, 3), 3, 2, 5),
            (128, 1, (32, 32, 64), 3, 2, 64),
        ),
        "a filter looks through all channels of what it is given, and has one bias; then the side is "
        "(side - kernel + 1) // pool",
        _any_cnn,
    ),
    Exercise(
        "03.2",
        _dead_pair,
        (
            (10, [3, 3], [2, 2]),
            (10, [3, 3, 3], [2, 2, 2]),
            (10, [3, 3], [2, 3]),
            (7, [3, 2], [2, 1]),
            (12, [3, 6], [2, 2]),
            (5, [7], [2]),
        ),
        "after each pair the side is (side - kernel + 1) // pool; which is the first that is below 1?",
        _any_settings,
    ),
    Exercise(
        "03.3",
        _z_of_two,
        ((0.9, 0.88, 0.01, 0.01, 0.0), (0.9, 0.88, 0.006, 0.01, 0.5), (0.75, 0.8, 0.012, 0.01, 0.9)),
        "the error of a difference: the square root of error_a squared plus error_b squared, less twice r times both",
        _any_aucs,
    ),
    Exercise(
        "03.4",
        _put_back,
        (
            (np.array([0.9, 0.2, 0.6]), np.array([1, 2, 0])),
            (np.array([0.1, 0.4, 0.8, 0.3]), np.array([2, 0, 3, 1])),
        ),
        "scores[0] belongs to image number order[0]: at which place of the answer must it stand?",
        _any_shuffled,
    ),
)
