"""Exercises of lesson 04: rescaled twice, a threshold from validation, Holm, batch normalisation in two modes."""

from __future__ import annotations

import numpy as np

from fakeface_utils.lessons.exercises.exercise import Exercise

MOMENTUM, EPSILON = 0.99, 0.001  # Keras's, as the exercise says

Steps = list[tuple[float, float]]  # (scale, offset) of each rescaling, in the order in which they are applied


def _first_layer_sees(
    low: float, high: float, steps: Steps, wanted: tuple[float, float]
) -> tuple[float, float, bool]:
    for scale, offset in steps:
        low, high = scale * low + offset, scale * high + offset
    low, high = min(low, high), max(low, high)
    return low, high, high - low < (wanted[1] - wanted[0]) / 10


def _any_input(rng: np.random.Generator) -> tuple[float, float, Steps, tuple[float, float]]:
    """Images in 0-255 or 0-1, and one to three rescalings: some right, some doubled, some turned to a negative."""
    high = float(rng.choice([255, 255, 1]))
    wanted = [(-1.0, 1.0), (0.0, 1.0), (0.0, 255.0)][rng.integers(3)]
    width = wanted[1] - wanted[0]
    steps = [(width / 255, wanted[0])] if rng.random() < 0.7 else [(-width / 255, wanted[1])]
    if rng.random() < 0.5:  # somebody was there before
        steps = [(1 / 255, 0.0), *steps]
    if rng.random() < 0.3:  # and put it right again
        steps = [(255.0, float(rng.integers(0, 9))), *steps]
    if rng.random() < 0.3:  # and another made it paler
        steps = [*steps, (float(rng.choice([0.05, 0.075, 0.3])), 0.0)]
    return float(rng.integers(0, 2)) * high / 5, high, steps, wanted


def _judged_on_test(
    valid_labels: np.ndarray, valid_scores: np.ndarray, test_labels: np.ndarray, test_scores: np.ndarray
) -> tuple[float, float]:
    cuts = np.unique(valid_scores)[::-1]
    right = [int(((valid_scores >= cut) == valid_labels).sum()) for cut in cuts]
    threshold = cuts[int(np.argmax(right))]
    return float(threshold), float(((test_scores >= threshold) == test_labels).mean())


def _any_splits(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """A small validation split and a larger test split, with tied scores, whose best thresholds differ at times."""
    parts = []
    for n in (int(rng.integers(4, 9)), int(rng.integers(9, 15))):
        labels = rng.permutation(np.r_[0, 1, rng.integers(0, 2, n - 2)])
        parts += [labels, np.clip(rng.integers(0, 8, n) + 3 * labels, 0, 10) / 10]
    return tuple(parts)


def _holm(p_values: np.ndarray) -> np.ndarray:
    order = np.argsort(p_values, kind="stable")
    raised = p_values[order] * np.arange(len(p_values), 0, -1)
    adjusted = np.empty(len(p_values))
    adjusted[order] = np.minimum(np.maximum.accumulate(raised), 1)
    return adjusted


def _any_family(rng: np.random.Generator) -> tuple[np.ndarray]:
    """Three to seven p-values, some small, some close to each other."""
    n = int(rng.integers(3, 8))
    p = rng.choice([0.001, 0.004, 0.012, 0.013, 0.02, 0.021, 0.04, 0.3, 0.6, 0.9], size=n, replace=False)
    return (p,)


def _batch_norm(x: np.ndarray, mean: float, variance: float, training: bool) -> tuple[np.ndarray, float, float]:
    if training:
        of_batch = float(x.mean()), float(x.var())
        kept = [MOMENTUM * old + (1 - MOMENTUM) * new for old, new in zip((mean, variance), of_batch, strict=True)]
    else:
        of_batch = kept = mean, variance
    return (x - of_batch[0]) / np.sqrt(of_batch[1] + EPSILON), float(kept[0]), float(kept[1])


def _any_batch(rng: np.random.Generator) -> tuple[np.ndarray, float, float, bool]:
    x = rng.integers(-20, 21, int(rng.integers(2, 6))) / 10
    x[0] += 3  # never all alike
    return x, float(rng.integers(-10, 11)) / 10, float(rng.integers(1, 30)) / 100, bool(rng.integers(0, 2))


_VALID = np.array([0, 1, 0, 1]), np.array([0.2, 0.6, 0.4, 0.9])
_TEST = np.array([0, 0, 1, 1, 0]), np.array([0.5, 0.6, 0.6, 0.3, 0.1])
_BATCH = np.array([4.0, 0.0, 2.0])

EXERCISES = (
    Exercise(
        "04.1",
        _first_layer_sees,
        (
            (0.0, 255.0, [(1 / 127.5, -1.0)], (-1.0, 1.0)),
            (0.0, 255.0, [(1 / 255, 0.0), (1 / 127.5, -1.0)], (-1.0, 1.0)),
            (0.0, 1.0, [(1 / 255, 0.0)], (0.0, 1.0)),
            (0.0, 255.0, [(-1 / 255, 1.0)], (0.0, 1.0)),
            (0.0, 1.0, [(255.0, 0.0), (1 / 127.5, -1.0)], (-1.0, 1.0)),
            (0.0, 1.0, [(1.0, 0.0)], (0.0, 255.0)),
            (0.0, 1.0, [(-1 / 255, 1.0)], (0.0, 1.0)),
            (0.0, 255.0, [(0.3 / 255, 0.0)], (0.0, 1.0)),
            (0.0, 255.0, [(0.15 / 255, 0.0)], (-1.0, 1.0)),
        ),
        "send both ends through all steps; the third answer compares two widths; a negative scale swaps the ends",
        _any_input,
    ),
    Exercise(
        "04.2",
        _judged_on_test,
        (
            (*_VALID, *_TEST),
            (*_TEST, *_VALID),
            (
                np.array([0, 1, 1, 0]),
                np.array([0.1, 0.3, 0.8, 0.5]),
                np.array([1, 0, 1]),
                np.array([0.8, 0.4, 0.7]),
            ),
        ),
        "count right answers on validation for each of its scores, from the highest down; then count once on test",
        _any_splits,
    ),
    Exercise(
        "04.3",
        _holm,
        (
            (np.array([0.01, 0.04, 0.03]),),
            (np.array([0.6, 0.001, 0.7]),),
            (np.array([0.02, 0.02, 0.021, 0.9]),),
        ),
        "the smallest times m, the next times m - 1, ...; none may fall below the one before it, none above 1",
        _any_family,
    ),
    Exercise(
        "04.4",
        _batch_norm,
        (
            (_BATCH, 1.0, 0.25, True),
            (_BATCH, 1.0, 0.25, False),
            (np.array([5.0, 5.0]), 1.0, 0.25, True),
        ),
        "training divides by the batch's own spread and moves the kept values by a hundredth; inference does neither",
        _any_batch,
    ),
)
