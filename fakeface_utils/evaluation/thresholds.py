"""What a threshold that validation chose does on other images: its false alarms, its finds, and how far it is off."""

from __future__ import annotations

import numpy as np
import pandas as pd

from fakeface_utils.evaluation.intervals import Estimate, resampled, wilson


def frozen(
    labels: np.ndarray,
    scores: np.ndarray,
    groups: np.ndarray | None = None,
    *,
    threshold: float,
    aimed_fpr: float,
    level: float = 0.95,
    **options,
) -> dict[str, Estimate]:
    """What a threshold chosen on validation does on another set, and how far it would have to move.

    - ``fpr, tpr`` at the threshold as it is;
    - ``restored``: the lowest threshold that calls at most ``aimed_fpr`` of these reals fake (it lies just above a
      real), ``shift``: that minus the frozen one, ``tpr_restored``: the fakes found there. These three look at labels
      that nobody has who meets a new source: they say what went wrong, not what the detector can do.

    Args:
        labels: (n,) 0/1, fake = 1. scores: (n,), P(fake) or a logit; the shift has the same unit.
        groups: (n,); default: each image its own. threshold: called fake if score >= threshold.
        aimed_fpr: what the threshold was chosen for, over 0 and below 1.
        options: ``n_resamples`` and ``seed`` of the bootstrap over groups.

    Raises:
        ValueError: too few reals for one of them to be allowed, a class is missing, a score is not finite, or not
            every image has one score and one group.
    """
    labels, scores = np.asarray(labels), np.asarray(scores, float)
    groups = checked_groups(groups, len(labels))
    if labels.shape != scores.shape or not np.array_equal(np.unique(labels), (0, 1)):
        raise ValueError(
            f"need reals (0) and fakes (1), a score each: {labels.shape}, {scores.shape}, "
            f"labels {np.unique(labels)[:5]}"
        )
    if not np.isfinite(scores).all() or np.isnan(threshold):
        raise ValueError("every score must be finite, and the threshold a number")
    reals = int((labels == 0).sum())
    if not 0 < aimed_fpr < 1:
        raise ValueError(f"an aimed FPR lies between 0 and 1, not at {aimed_fpr!r}")
    if aimed_fpr * reals < 1 - 1e-9:
        raise ValueError(
            f"to restore an FPR of {aimed_fpr:g}, one real in {1 / aimed_fpr:.0f}, takes as many reals, and here are "
            f"{reals}: aim at a higher one"
        )
    order = np.flatnonzero(labels == 0)
    order = order[np.argsort(-scores[order], kind="stable")]

    def restore(labels: np.ndarray, scores: np.ndarray, counts: np.ndarray) -> np.ndarray:
        called = counts[:, order].cumsum(axis=1)
        too_many = called > aimed_fpr * called[:, -1:] * (1 + 1e-9)
        cut = np.nextafter(scores[order][too_many.argmax(axis=1)], np.inf)
        fakes = counts[:, labels == 1]
        found = (fakes * (scores[labels == 1] >= cut[:, None])).sum(axis=1) / fakes.sum(axis=1)
        return np.stack([cut, cut - threshold, found], axis=1)

    value = restore(labels, scores, np.ones((1, len(labels)), int))
    draws = resampled(restore, labels, scores, groups, **options)
    low, high = np.percentile(draws, [50 * (1 - level), 50 * (1 + level)], axis=0)
    out = {
        name: call_rate(scores[labels == k] >= threshold, groups[labels == k], level)
        for k, name in enumerate(("fpr", "tpr"))
    }
    for k, (name, n) in enumerate({"restored": reals, "shift": reals, "tpr_restored": len(labels) - reals}.items()):
        out[name] = Estimate(float(value[0, k]), float(low[k]), float(high[k]), n)
    return out


def call_rate(called: np.ndarray, groups: np.ndarray | None = None, level: float = 0.95) -> Estimate:
    """The share of images that are called fake, with Wilson's interval for as many images as the groups are worth.

    Images of one group tend to be called alike. Their spread between groups says how many independent images they are
    worth (the design effect: Kish 1965), never more than their number, and never fewer than if all of a group were
    called alike. The latter is taken where none or all are called, for then nothing can be seen; a bootstrap would
    give an interval of no width there.

    Args:
        called: (n,) bool, such as ``scores[labels == 0] >= threshold`` for the FPR. groups: (n,) of the same images.

    Raises:
        ValueError: no image, or not one group an image.
    """
    called = np.asarray(called, bool)
    groups = checked_groups(groups, len(called))
    if called.ndim != 1 or not len(called):
        raise ValueError(f"a rate needs at least one image, got calls of shape {called.shape}")
    n, rate, (_, member) = len(called), called.mean(), np.unique(groups, return_inverse=True)
    sizes = np.bincount(member)
    least, worth = n**2 / np.square(sizes).sum(), 0.0
    if 0 < rate < 1 and len(sizes) > 1:
        off = np.bincount(member, weights=called) - rate * sizes
        worth = rate * (1 - rate) * n**2 * (1 - 1 / len(sizes)) / max(np.square(off).sum(), 1e-12)
    worth = float(np.clip(worth, least, n))
    found = wilson(rate * worth, worth, level)
    return Estimate(float(rate), found.low, found.high, n)


def checked_groups(groups: np.ndarray | None, n: int) -> np.ndarray:
    """Groups (n,), each image its own by default.

    Raises:
        ValueError: not one group an image. Missing ones would all count as one group, and make intervals too wide.
    """
    groups = np.arange(n) if groups is None else np.asarray(groups)
    if groups.shape != (n,) or pd.isna(groups).any():
        raise ValueError(
            f"need one group for each of {n} images, got shape {groups.shape}, "
            f"{int(pd.isna(groups).sum())} of them missing; an image of which none is known is a group of its own"
        )
    return groups
