"""Exercises of lesson 02: parameters, thresholds, one answer, a bootstrap of groups."""

from __future__ import annotations

import numpy as np
from sklearn.metrics import roc_auc_score

from fakeface_utils.lessons.exercises.exercise import Exercise


def _dense_parameters(side: int, channels: int, units: int) -> int:
    return side * side * channels * units + units + units + 1


def _any_network(rng: np.random.Generator) -> tuple[int, int, int]:
    return int(rng.integers(2, 129)), int(rng.choice([1, 3])), int(rng.integers(1, 257))


def _careful_threshold(labels: np.ndarray, scores: np.ndarray, most: float) -> float:
    allowed = [s for s in np.sort(scores) if np.mean(scores[labels == 0] >= s) <= most]
    return float(allowed[0]) if allowed else float("inf")


def _any_scores(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, float]:
    """Scores with ties; the reals are 2, 4 or 8, so that a share is the same float however it is computed."""
    n_real, n_fake = int(rng.choice([2, 4, 8])), int(rng.integers(1, 7))
    labels = rng.permutation(np.repeat([0, 1], [n_real, n_fake]))
    scores = rng.integers(0, 11, size=len(labels)) / 10
    if rng.random() < 0.25:  # a real above all: with few false alarms allowed, no threshold is left
        scores[np.flatnonzero(labels == 0)[0]] = 1.0
        return labels, scores, float(rng.choice([0, 1])) / (2 * n_real)
    return labels, scores, float(rng.integers(0, 2 * n_real + 1)) / (2 * n_real)


def _one_answer(share_of_fakes: float, says_fake: bool) -> tuple[float, float, float]:
    right = share_of_fakes if says_fake else 1 - share_of_fakes
    return right, right / 2, 0.5


def _any_share(rng: np.random.Generator) -> tuple[float, bool]:
    return int(rng.integers(5, 96)) / 100, bool(rng.integers(0, 2))


def _group_bootstrap(labels: np.ndarray, scores: np.ndarray, groups: np.ndarray, draws: np.ndarray) -> np.ndarray:
    rows = [np.concatenate([np.flatnonzero(groups == group) for group in drawn]) for drawn in draws]
    return np.array([roc_auc_score(labels[r], scores[r]) for r in rows])


def _any_resamples(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Three to five groups of one to three images, and two to four resamples that hold both classes."""
    n_groups = int(rng.integers(3, 6))
    numbers = rng.choice(np.arange(1, 30), size=n_groups, replace=False)
    groups = rng.permutation(np.repeat(numbers, rng.integers(1, 4, size=n_groups)))
    labels = rng.integers(0, 2, size=len(groups))
    labels[groups == numbers[0]], labels[groups == numbers[1]] = 0, 1
    scores = rng.integers(0, 11, size=len(groups)) / 10
    rest = rng.choice(numbers, size=(int(rng.integers(2, 5)), n_groups - 1))
    draws = np.hstack([np.tile(numbers[:2], (len(rest), 1)), rest])
    return labels, scores, groups, rng.permuted(draws, axis=1)


_LABELS = np.array([0, 0, 0, 1, 1])
_SCORES = np.array([0.6, 0.1, 0.4, 0.9, 0.6])
_GROUPS = np.array([7, 7, 3, 3, 9])
_DRAWS = np.array([[7, 3, 9, 9], [3, 3, 9, 7], [7, 7, 9, 3], [3, 7, 3, 9]])

EXERCISES = (
    Exercise(
        "02.1",
        _dense_parameters,
        ((2, 1, 3), (2, 3, 1), (128, 1, 128), (128, 3, 64)),
        "side x side x channels inputs go to each unit, and each unit and the output have a bias",
        _any_network,
    ),
    Exercise(
        "02.2",
        _careful_threshold,
        (
            (_LABELS, _SCORES, 0.34),
            (_LABELS, _SCORES, 0.0),
            (_LABELS, _SCORES, 1.0),
            (np.array([0, 1, 0]), np.array([0.8, 0.7, 0.9]), 0.0),
        ),
        "for each score from the lowest up: what share of the reals scores at least that?",
        _any_scores,
    ),
    Exercise(
        "02.3",
        _one_answer,
        ((0.5, True), (0.2, True), (0.2, False)),
        "one class is found whole and the other not at all; the precision of a class nobody names is 0",
        _any_share,
    ),
    Exercise(
        "02.4",
        _group_bootstrap,
        ((_LABELS, _SCORES, _GROUPS, _DRAWS), (1 - _LABELS, _SCORES, _GROUPS, _DRAWS)),
        "np.flatnonzero(groups == g) are the images of group g; put those of all drawn groups together",
        _any_resamples,
    ),
)
