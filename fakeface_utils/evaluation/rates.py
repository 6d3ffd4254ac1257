"""Error rates with intervals that know of groups, and what they mean where fakes are rare."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from fakeface_utils.evaluation.calibration import checked
from fakeface_utils.evaluation.intervals import Estimate, wilson

RATES = {"FPR": (0,), "FNR": (1,), "error": (0, 1)}  # the classes that a rate is taken of


def judged(
    labels: np.ndarray, scores: np.ndarray, threshold: float | np.ndarray, groups: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Labels, which images are misjudged (bool), and groups, (n,) each.

    Args:
        labels: (n,) 0/1, fake = 1. scores: (n,) P(fake). groups: (n,); default: each image its own.
        threshold: called fake if score >= threshold; one number, or (n,).

    Raises:
        ValueError: a threshold or groups of another shape, a NaN, or as in :func:`calibration.checked`.
    """
    labels, scores = checked(labels, scores)
    cut = np.asarray(threshold, float)
    groups = np.arange(len(labels)) if groups is None else np.asarray(groups)
    if cut.shape not in ((), labels.shape) or np.isnan(cut).any() or groups.shape != labels.shape:
        raise ValueError(
            f"need one threshold, or one an image, that is a number, and a group for each of {len(labels)} images: got "
            f"shapes {cut.shape} and {groups.shape}"
        )
    return labels, (scores >= cut) != labels, groups


def of_rate(labels: np.ndarray, rate: str) -> np.ndarray:
    """Which images a rate is a share of, bool (n,): ``FPR`` the reals, ``FNR`` the fakes, ``error`` all.

    Raises:
        ValueError: another rate, or no such image.
    """
    if rate not in RATES:
        raise ValueError(f"there is no rate {rate!r}; choose from {', '.join(RATES)}")
    of = np.isin(labels, RATES[rate])
    if not of.any():
        kind = "real" if rate == "FPR" else "fake"
        raise ValueError(f"{rate} is a share of the {kind}s, but no image is {kind}: leave this rate out")
    return of


def share(wrong: np.ndarray, groups: np.ndarray | None = None, level: float = 0.95) -> Estimate:
    """The share of images (n,) that are wrong, with Wilson's interval for as many images as their groups are worth.

    They are worth n^2 / sum of squared group sizes (Kish 1965), as if the images of a group were right or wrong
    together: the widest that a grouping can make it. Unlike a bootstrap's it is no point where none or all are wrong.

    Raises:
        ValueError: no image, or not one group an image.
    """
    wrong = np.asarray(wrong, bool)
    groups = np.arange(len(wrong)) if groups is None else np.asarray(groups)
    if not len(wrong) or groups.shape != wrong.shape:
        raise ValueError(f"a share needs images and a group for each, got {wrong.shape} and {groups.shape}")
    worth = len(wrong) ** 2 / (np.unique(groups, return_counts=True)[1] ** 2).sum()
    return replace(wilson(wrong.mean() * worth, worth, level), value=float(wrong.mean()), n=len(wrong))


def newcombe(a: Estimate, b: Estimate) -> tuple[float, float]:
    """The interval of a - b of two independent shares, from the interval of each (Newcombe 1998, method 10)."""
    d = a.value - b.value
    return d - math.hypot(a.value - a.low, b.high - b.value), d + math.hypot(a.high - a.value, b.value - b.low)


def hit_rates(
    labels: np.ndarray, scores: np.ndarray, threshold: float | np.ndarray, groups: np.ndarray | None = None
) -> tuple[Estimate, Estimate]:
    """TPR among the fakes and FPR among the reals, each a :func:`share` with its 95 % interval.

    Args and errors as in :func:`judged` and :func:`of_rate`.
    """
    labels, wrong, groups = judged(labels, scores, threshold, groups)
    fake, real = of_rate(labels, "FNR"), of_rate(labels, "FPR")
    return share(~wrong[fake], groups[fake]), share(wrong[real], groups[real])


class BaseRate(NamedTuple):
    """Where fakes are rare: which share of the alarms is true (PPV), and false alarms for each fake that is found."""

    ppv: Estimate
    alarms_per_found: Estimate


def at_prevalence(tpr: Estimate | float, fpr: Estimate | float, prevalence: float) -> BaseRate:
    """What a detector's alarms are worth where a share ``prevalence`` of all images is fake.

    False alarms per fake found are FPR (1 - prevalence) / (TPR prevalence), and PPV = 1 / (1 + that). The interval is
    that of FPR / TPR, two independent shares, from their own (MOVER, Donner and Zou 2012); the prevalence counts as
    known. A plain number counts as exact. If no real was called fake, the interval still reaches above 0 alarms.

    Raises:
        ValueError: a rate outside 0 to 1, a prevalence not between them, or both rates 0.
    """
    tpr, fpr = (x if isinstance(x, Estimate) else Estimate(x, x, x, 0) for x in (tpr, fpr))
    t, f = tpr.value, fpr.value
    if not (0 <= t <= 1 and 0 <= f <= 1 and 0 < prevalence < 1):
        raise ValueError(f"need rates of 0 to 1 and a prevalence between them: TPR {t}, FPR {f}, {prevalence}")
    if t == f == 0:
        raise ValueError(
            "TPR and FPR are both 0: nothing is called fake, so there is no alarm to be right or wrong"
        )

    def root(end_f: float, end_t: float) -> float:
        return t * f + math.sqrt(max((t * f) ** 2 - end_f * (2 * f - end_f) * end_t * (2 * t - end_t), 0))

    low = fpr.low * (2 * f - fpr.low) / root(fpr.low, tpr.high) if f > 0 and fpr.low > 0 else 0.0
    high = root(fpr.high, tpr.low) / (tpr.low * (2 * t - tpr.low)) if t > 0 and tpr.low > 0 else math.inf
    odds, ratio = (1 - prevalence) / prevalence, f / t if t > 0 else math.inf
    alarms = Estimate(odds * ratio, odds * low, odds * high, tpr.n + fpr.n)
    ppv = (1 / (1 + x) for x in (alarms.value, alarms.high, alarms.low))
    return BaseRate(Estimate(*ppv, alarms.n), alarms)
