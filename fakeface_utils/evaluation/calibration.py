"""Does a score of .8 mean that 80 % are fake? Calibration error, what it is by luck alone, and the cure."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
from scipy.optimize import minimize_scalar
from scipy.special import expit, logit
from sklearn.metrics import log_loss

from fakeface_utils.evaluation.intervals import Estimate, wilson

Binning = Callable[[np.ndarray, int], np.ndarray]


def checked(labels: np.ndarray, scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Labels (n,) as integers and P(fake) (n,) as floats.

    Raises:
        ValueError: no image, lengths differ, a label is neither 0 nor 1, or a score is no probability.
    """
    labels, scores = np.asarray(labels), np.asarray(scores, float)
    if labels.ndim != 1 or labels.shape != scores.shape or not len(labels):
        raise ValueError(f"need one label and one score an image, got shapes {labels.shape} and {scores.shape}")
    if not np.isin(labels, (0, 1)).all():
        raise ValueError(f"labels must be 0 (real) or 1 (fake), got {np.setdiff1d(labels, (0, 1))[:3]}")
    if not ((scores >= 0) & (scores <= 1)).all():
        raise ValueError("every score must be a probability of fake, between 0 and 1")
    return labels.astype(int), scores


def equal_width(scores: np.ndarray, bins: int) -> np.ndarray:
    """The bin, 0 to bins - 1, of each score (n,): each holds its lower edge, the last one 1.0 too."""
    return np.searchsorted(np.arange(1, bins) / bins, scores, side="right")


def equal_mass(scores: np.ndarray, bins: int) -> np.ndarray:
    """The bin of each score (n,) when all hold about as many images (Nixon 2019); equal scores stay together."""
    return np.searchsorted(np.quantile(scores, np.linspace(0, 1, bins + 1)[1:-1]), scores, side="right")


def ece(labels: np.ndarray, scores: np.ndarray, bins: int = 15, binning: Binning = equal_width) -> float:
    """Expected calibration error, 0 to 1: |share of fakes - mean score| over the bins, weighted by their images.

    Bins divide P(fake). Guo 2017 bins the confidence in the class called, which folds the scores at .5, so that
    overrated fakes and overrated reals cancel. Never negative, so luck alone makes some: see :func:`ece_null`.

    Args:
        labels: (n,) 0/1, fake = 1. scores: (n,) P(fake). binning: :func:`equal_width` or :func:`equal_mass`.

    Raises:
        ValueError: as in :func:`checked`.
    """
    labels, scores = checked(labels, scores)
    return float(np.abs(np.bincount(binning(scores, bins), weights=scores - labels)).sum() / len(labels))


def ece_null(
    scores: np.ndarray, bins: int = 15, binning: Binning = equal_width, *, n_draws: int = 1000, seed: int = 0
) -> Estimate:
    """The :func:`ece` of a perfectly calibrated model with these scores (n,): its mean and the middle 95 %.

    Labels are drawn from the scores (consistency resampling, Broecker and Smith 2007). A model whose own ECE lies
    in this range has shown no miscalibration.
    """
    rng = np.random.default_rng(seed)
    errors = [ece(rng.random(len(scores)) < scores, scores, bins, binning) for _ in range(n_draws)]
    return Estimate(float(np.mean(errors)), *map(float, np.percentile(errors, [2.5, 97.5])), len(scores))


def reliability_table(labels: np.ndarray, scores: np.ndarray, bins: int = 15) -> pd.DataFrame:
    """A row a bin with images: ``from, to, n``, mean ``score``, share of ``fakes`` and its Wilson ``low, high``.

    Raises:
        ValueError: as in :func:`checked`.
    """
    labels, scores = checked(labels, scores)
    number, rows = equal_width(scores, bins), []
    for k in np.unique(number):
        share = wilson(int(labels[number == k].sum()), int((number == k).sum()))
        edges = (k / bins, (k + 1) / bins)
        rows.append((*edges, share.n, scores[number == k].mean(), share.value, share.low, share.high))
    return pd.DataFrame(rows, columns=["from", "to", "n", "score", "fakes", "low", "high"])


def temperature(labels: np.ndarray, scores: np.ndarray) -> float:
    """The one number that makes scores honest (Guo 2017): above 1 for a model too sure of itself.

    Fit it on *validation*, then :func:`soften` the test scores. It has the least log loss and changes no ranking.
    It lies between .02, for scores that separate the classes without error, and 50, for scores that know nothing.

    Raises:
        ValueError: as in :func:`checked`.
    """
    labels, scores = checked(labels, scores)
    found = minimize_scalar(
        lambda x: log_loss(labels, soften(scores, np.exp(x)), labels=[0, 1]), bounds=np.log([0.02, 50])
    )
    return float(np.exp(found.x))


def soften(scores: np.ndarray, temperature: float) -> np.ndarray:
    """Scores (n,) with their logits divided by a temperature; those at 0 and 1 count as 1e-7 off."""
    return expit(logit(np.clip(np.asarray(scores, float), 1e-7, 1 - 1e-7)) / temperature)
