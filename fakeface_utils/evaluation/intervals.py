"""How far a number may be trusted: Wilson's interval for proportions, the bootstrap for everything else."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from scipy.stats import t
from sklearn.metrics import roc_auc_score
from statsmodels.stats.proportion import proportion_confint

Metric = Callable[[np.ndarray, np.ndarray], float]


@dataclass(frozen=True)
class Estimate:
    """A number with its interval; ``n`` is how many images it rests on.

    Prints as ``.71 [.68, .74]``; a format such as ``f"{estimate:.3f}"`` is applied to all three numbers.
    """

    value: float
    low: float
    high: float
    n: int

    def __format__(self, spec: str) -> str:
        value, low, high = (_short(x, spec or ".2f") for x in (self.value, self.low, self.high))
        return f"{value} [{low}, {high}]"

    def __str__(self) -> str:
        return format(self)


def _short(x: float, spec: str) -> str:
    text = format(x, spec)
    return text.replace("0.", ".", 1) if text.startswith(("0.", "-0.")) else text


def wilson(successes: int, n: int, level: float = 0.95) -> Estimate:
    """A proportion with Wilson's score interval (Wilson 1927), which behaves near 0 and 1 and at small n.

    Raises:
        ValueError: n is not positive, or successes are not between 0 and n.
    """
    if not (n > 0 and 0 <= successes <= n):
        raise ValueError(f"a proportion needs 0 <= successes <= n and n > 0, got {successes} of {n}")
    low, high = proportion_confint(successes, n, alpha=1 - level, method="wilson")
    return Estimate(successes / n, float(low), float(high), int(n))


def mean_share(said: np.ndarray, level: float = 0.95) -> Estimate:
    """A share over several sources, such as generators of several seeds: Student's interval over the sources.

    It says where the share of another source would lie on average; of one source it is :func:`wilson`'s, which counts
    its images alone. So it is of several whose shares are the same, such as 0, for these have no spread: that would
    be an interval of no width. Cut at 0 and 1.

    Args:
        said: (n,) or (sources, n), true or false for each image.

    Raises:
        ValueError: another shape, or no image.
    """
    said = np.atleast_2d(np.asarray(said, bool))
    if said.ndim != 2 or not said.size:
        raise ValueError(f"a share needs answers (n,) or (sources, n), got {said.shape}")
    each = said.mean(axis=1)
    if np.ptp(each) == 0:
        return wilson(int(said.sum()), said.size, level)
    half = t.ppf((1 + level) / 2, len(each) - 1) * each.std(ddof=1) / np.sqrt(len(each))
    low, high = np.clip([each.mean() - half, each.mean() + half], 0, 1)
    return Estimate(float(each.mean()), float(low), float(high), said.size)


def bootstrap(
    metric: Metric,
    labels: np.ndarray,
    scores: np.ndarray,
    groups: np.ndarray | None = None,
    *,
    level: float = 0.95,
    n_resamples: int = 2000,
    seed: int = 0,
    weighted: Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray] | None = None,
) -> Estimate:
    """``metric(labels, scores)`` with a percentile bootstrap interval that resamples whole groups.

    Images that share a photograph carry less news than as many independent ones; drawn as a group they do not
    make the interval too narrow (Field and Welsh 2007). Groups are drawn with replacement within three strata:
    all real, all fake, mixed. So the class counts stay as they are, but for what the mixed groups move.
    Where the metric is at its limit (AUC 1) every resample is too, and the interval shrinks to that point.

    Args:
        metric: function of labels (n,) and scores (n,) that gives a number.
        labels: (n,) 0/1, fake = 1. scores: (n,), or anything that the metric takes one row an image.
        groups: (n,) group of each image; default: each image its own.
        weighted: optional fast form of the same metric, (labels, scores, counts (b, n)) -> (b,), where
            counts say how often each image was drawn in each of b resamples.

    Raises:
        ValueError: lengths differ, there is no image, or a label is neither 0 nor 1.
    """
    labels, scores = np.asarray(labels), np.asarray(scores)
    groups = np.arange(len(labels)) if groups is None else np.asarray(groups)
    if not len(labels) == len(scores) == len(groups) or len(labels) == 0:
        raise ValueError(f"need as many labels, scores and groups: {len(labels)}, {len(scores)}, {len(groups)}")
    if not np.isin(labels, (0, 1)).all():
        raise ValueError(f"labels must be 0 (real) or 1 (fake), got {np.setdiff1d(labels, (0, 1))[:3]}")
    values = []
    for counts in _draws(labels, groups, n_resamples, np.random.default_rng(seed)):
        if weighted is not None:
            values.extend(weighted(labels, scores, counts))
        else:
            rows = (np.repeat(np.arange(len(labels)), count) for count in counts)
            values.extend(metric(labels[r], scores[r]) for r in rows)
    tail = 50 * (1 - level)
    low, high = np.percentile(values, [tail, 100 - tail])
    return Estimate(float(metric(labels, scores)), float(low), float(high), len(labels))


def mean(values: np.ndarray, groups: np.ndarray | None = None, **options) -> Estimate:
    """The mean of ``values`` (n,), with an interval that draws whole groups; ``options`` as of :func:`bootstrap`.

    Raises:
        ValueError: no value, one that is not finite, or as many groups as values are not given.
    """
    values = np.asarray(values, float)
    if not np.isfinite(values).all():
        raise ValueError(f"{int((~np.isfinite(values)).sum())} of {len(values)} values are not finite")
    return bootstrap(lambda _, drawn: drawn.mean(), np.ones(len(values), int), values, groups, **options)


def _draws(labels: np.ndarray, groups: np.ndarray, n: int, rng: np.random.Generator) -> Iterator[np.ndarray]:
    """How often each image is drawn, in blocks (b, n_images) of at most some million counts."""
    _, member = np.unique(groups, return_inverse=True)
    share = np.bincount(member, weights=labels) / np.bincount(member)  # fakes in each group
    strata = [
        s for s in (np.flatnonzero(share == 0), np.flatnonzero(share == 1), np.flatnonzero(share % 1)) if len(s)
    ]
    block = max(1, 4_000_000 // len(labels))
    for start in range(0, n, block):
        b = min(block, n - start)
        counts = np.empty((b, len(share)), dtype=np.int32)
        for stratum in strata:
            size = len(stratum)
            drawn = rng.integers(size, size=(b, size)) + size * np.arange(b)[:, None]
            counts[:, stratum] = np.bincount(drawn.ravel(), minlength=b * size).reshape(b, size)
        yield counts[:, member]


def auc(labels: np.ndarray, scores: np.ndarray, groups: np.ndarray | None = None, **options) -> Estimate:
    """Area under the ROC curve with its :func:`bootstrap` interval: P(a fake scores above a real), ties half.

    The value is scikit-learn's ``roc_auc_score``. ``options`` go to :func:`bootstrap`.

    Raises:
        ValueError: one class is missing, or as in :func:`bootstrap`.
    """
    if len(np.unique(labels)) < 2:
        raise ValueError(f"an AUC needs reals and fakes, but all labels are {np.unique(labels)}")
    return bootstrap(roc_auc_score, labels, scores, groups, weighted=_weighted_auc, **options)


def _weighted_auc(labels: np.ndarray, scores: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """AUC of each row of counts (b, n), by one sort: every fake counts the reals below it and half those tied."""
    order = np.argsort(scores, kind="stable")
    starts = np.flatnonzero(np.r_[True, np.diff(scores[order]) > 0])  # where a new score begins
    fake = np.add.reduceat(counts[:, order] * (labels[order] == 1), starts, axis=1, dtype=float)
    real = np.add.reduceat(counts[:, order] * (labels[order] == 0), starts, axis=1, dtype=float)
    below = np.cumsum(real, axis=1) - real / 2
    return (fake * below).sum(axis=1) / (fake.sum(axis=1) * real.sum(axis=1))


def resampled(
    weighted: Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray],
    labels: np.ndarray,
    scores: np.ndarray,
    groups: np.ndarray | None = None,
    **options,
) -> np.ndarray:
    """Several numbers at once on the very draws of :func:`bootstrap`, so that they can be paired.

    ``weighted`` takes labels, scores and counts (b, n), how often each image was drawn, and gives (b, k); all of
    it is (n_resamples, k). ``options`` and errors are those of :func:`bootstrap`.
    """
    kept = []

    def keep(*draw: np.ndarray) -> np.ndarray:
        kept.append(weighted(*draw))
        return kept[-1][:, 0]

    bootstrap(lambda *_: 0.0, labels, scores, groups, weighted=keep, **options)
    return np.concatenate(kept)
