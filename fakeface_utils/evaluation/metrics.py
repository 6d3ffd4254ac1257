"""How good is a detector? Every metric of the course with its interval, on fake = 1 and score = P(fake)."""

from __future__ import annotations

import numpy as np
import pandas as pd
from sklearn.metrics import (
    accuracy_score,
    balanced_accuracy_score,
    confusion_matrix,
    precision_recall_fscore_support,
    roc_curve,
)

from fakeface_utils.evaluation.calibration import checked, equal_width
from fakeface_utils.evaluation.intervals import Estimate, _weighted_auc, resampled, wilson

REALS_FOR_ONE_PERCENT = 1000  # with fewer, 1 % of the reals is a handful of images


def choose_threshold(labels: np.ndarray, scores: np.ndarray, rule: str = "balanced accuracy") -> float:
    """The score from which on an image is called fake. Give it the *validation* split, never the test split.

    It lies midway between two scores found there; of equally good ones it is the highest (fewest called fake).

    Args:
        labels: (n,) 0/1, fake = 1. scores: (n,).
        rule: ``"balanced accuracy"``, as high as it gets; or such as ``"fpr<=0.01"``, the most fakes found while at
            most that share of the reals is called fake.

    Raises:
        ValueError: one class is missing, a score is not finite, or the rule is unknown.
    """
    if len(np.unique(labels)) < 2:
        raise ValueError(f"a threshold needs reals and fakes, but all labels are {np.unique(labels)}")
    fpr, tpr, cuts = roc_curve(labels, np.asarray(scores, float), drop_intermediate=False)
    cuts[0] = np.nextafter(cuts[1], np.inf)  # nothing is called fake
    lower = np.r_[cuts[1:], cuts[-1]]
    middle = lower + (cuts - lower) / 2
    if rule == "balanced accuracy":
        gain = np.round(tpr - fpr, 12)
    elif rule.startswith("fpr<="):
        gain = np.where(fpr <= float(rule.removeprefix("fpr<=")), tpr, -1)
    else:
        raise ValueError(f"unknown rule {rule!r}; use 'balanced accuracy' or such as 'fpr<=0.01'")
    return float(np.where(middle > lower, middle, cuts)[np.argmax(gain)])


def measure(
    labels: np.ndarray,
    scores: np.ndarray,
    groups: np.ndarray | None = None,
    *,
    threshold: float,
    level: float = 0.95,
    n_resamples: int = 2000,
    seed: int = 0,
) -> dict[str, Estimate]:
    """Every metric of the course, each with its interval.

    - ``auc, ap`` (average precision of finding fakes), ``ece`` (15 bins), ``brier, log_loss``;
    - at the threshold ``balanced_accuracy, accuracy``; with fake as the positive class ``precision_fake, recall_fake,
      f1_fake``; with real ``precision_real, recall_real, f1_real``; their plain means ``AvgP, AvgR``, as report 000
      prints them (a precision of nothing is 0);
    - ``tpr_at_1pct_fpr``, the fakes found at a threshold *of this split* that calls at most 1 % of its reals fake;
      with fewer than 1,000 reals ``tpr_at_10pct_fpr`` in its place.

    They are scikit-learn's metrics, in a form that takes thousands of resamples at once.

    Intervals are percentiles of a bootstrap over groups (:func:`intervals.bootstrap`). Where every image is its own
    group, accuracy and the two recalls are plain proportions and get Wilson's. Resampling inflates an ``ece`` as
    small samples do; its resamples are moved back until their mean is the value.

    Args:
        labels: (n,) 0/1, fake = 1. scores: (n,) P(fake). groups: (n,); default: each image its own.
        threshold: called fake if score >= threshold; from :func:`choose_threshold` on validation.

    Raises:
        ValueError: one class is missing, or as in :func:`calibration.checked`.
    """
    labels, scores = checked(labels, scores)
    reals, n = int((labels == 0).sum()), len(labels)
    if not 0 < reals < n:
        raise ValueError(f"metrics need reals and fakes, but there are {reals} reals of {n} images")
    percent = 1 if reals >= REALS_FOR_ONE_PERCENT else 10
    found = {k: float(v[0]) for k, v in _weighted(labels, scores, np.ones((1, n)), threshold, percent).items()}
    draws = resampled(
        lambda *draw: np.stack(list(_weighted(*draw, threshold, percent).values()), axis=1),
        *(labels, scores, groups),
        **{"n_resamples": n_resamples, "seed": seed},
    )
    draws = dict(zip(found, draws.T, strict=True))
    draws["ece"] = np.maximum(draws["ece"] - draws["ece"].mean() + found["ece"], 0)
    tails = [50 * (1 - level), 50 * (1 + level)]
    out = {name: Estimate(x, *map(float, np.percentile(draws[name], tails)), n) for name, x in found.items()}
    if groups is None or len(np.unique(groups)) == n:
        for name, size in {"accuracy": n, "recall_fake": n - reals, "recall_real": reals}.items():
            out[name] = wilson(round(found[name] * size), size, level)
    return out


def judge(
    labels: np.ndarray,
    scores: np.ndarray,
    groups: np.ndarray,
    valid_labels: np.ndarray,
    valid_scores: np.ndarray,
) -> dict[str, float | Estimate]:
    """What an experiment's record holds: :func:`measure` of the test split at the threshold that validation chose.

    Beside it ``threshold``, and ``accuracy_at_half`` at the threshold .5, which all five reports use unsaid. Passed
    to ``training.experiment.run`` as its ``measure``.

    Args:
        labels, scores, groups: (n,) each, of the test split. valid_labels, valid_scores: (m,) of validation.
    """
    threshold = choose_threshold(valid_labels, valid_scores)
    right = int(((scores >= 0.5) == labels).sum())
    return {
        "threshold": threshold,
        "accuracy_at_half": wilson(right, len(labels)),
        **measure(labels, scores, groups, threshold=threshold),
    }


def _weighted(
    labels: np.ndarray, scores: np.ndarray, counts: np.ndarray, threshold: float, percent: int
) -> dict[str, np.ndarray]:
    """Each metric of :func:`measure` as (b,) where counts (b, n) say how often an image was drawn."""
    counts, fake, called, off = counts.astype(float), labels == 1, scores >= threshold, scores - labels
    eps = np.finfo(float).eps
    nats = -np.log(np.clip(np.where(fake, scores, 1 - scores), eps, 1 - eps))
    columns = np.stack([fake & called, fake & ~called, ~fake & called, ~fake & ~called, off**2, nats], axis=1)
    *matrix, squares, nats = (counts @ columns).T
    n = sum(matrix)
    gaps = counts @ (np.eye(15)[equal_width(scores, 15)] * off[:, None])
    return (
        _ranking(labels, scores, counts, percent)
        | _at_threshold(*matrix)
        | {"ece": np.abs(gaps).sum(axis=1) / n, "brier": squares / n, "log_loss": nats / n}
    )


def _ranking(labels: np.ndarray, scores: np.ndarray, counts: np.ndarray, percent: int) -> dict[str, np.ndarray]:
    order = np.argsort(-scores, kind="stable")
    starts = np.flatnonzero(np.r_[True, np.diff(scores[order]) < 0])  # where a new score begins
    drawn = counts[:, order]
    tp, called = (np.add.reduceat(c, starts, axis=1).cumsum(axis=1) for c in (drawn * labels[order], drawn))
    fakes, reals = tp[:, -1], (called - tp)[:, -1:]
    allowed = (called - tp) / reals <= percent / 100
    return {
        "auc": _weighted_auc(labels, scores, counts),
        "ap": (np.diff(tp, axis=1, prepend=0) * tp / np.maximum(called, 1)).sum(axis=1) / fakes,
        f"tpr_at_{percent}pct_fpr": np.where(allowed, tp, 0).max(axis=1) / fakes,
    }


def _at_threshold(tp: np.ndarray, fn: np.ndarray, fp: np.ndarray, tn: np.ndarray) -> dict[str, np.ndarray]:
    p_fake, p_real = tp / np.maximum(tp + fp, 1), tn / np.maximum(tn + fn, 1)  # 0 of nothing is 0
    r_fake, r_real = tp / (tp + fn), tn / (tn + fp)
    return {
        "balanced_accuracy": (r_fake + r_real) / 2,
        "accuracy": (tp + tn) / (tp + fn + fp + tn),
        "precision_fake": p_fake,
        "recall_fake": r_fake,
        "f1_fake": 2 * tp / (2 * tp + fp + fn),
        "precision_real": p_real,
        "recall_real": r_real,
        "f1_real": 2 * tn / (2 * tn + fp + fn),
        "AvgP": (p_fake + p_real) / 2,
        "AvgR": (r_fake + r_real) / 2,
    }


def constant_predictor(
    labels: np.ndarray, groups: np.ndarray | None = None, *, prior: float | None = None, **options
) -> dict[str, Estimate]:
    """:func:`measure` of a model that looks at no image: the row that stands in every table.

    Its score is the share of fakes, so it calls every image of the more frequent class (fake when they are equal).
    On balanced classes AUC, accuracy and AvgR are .5 and AvgP is .25.

    Args:
        labels: (n,) 0/1. prior: share of fakes in *training*; default: among these labels.
    """
    score = float(np.mean(labels)) if prior is None else prior
    return measure(labels, np.full(len(labels), score), groups, threshold=0.5, **options)


def two_orientations(labels: np.ndarray, predictions: np.ndarray) -> pd.DataFrame:
    """The same hard predictions (n,) with fake and with real as the positive class, a row each.

    Columns ``TP, FN, FP, TN, precision, recall, F1, balanced accuracy, accuracy``. Only the last two stay the same;
    a table that mixes orientations compares nothing (report 001). Balanced accuracy is what reports 001 and 003
    print as AU-ROC: it is ``roc_auc_score`` of hard labels.
    """
    both = balanced_accuracy_score(labels, predictions), accuracy_score(labels, predictions)
    rows = []
    for negative, positive in ((0, 1), (1, 0)):
        (tn, fp), (fn, tp) = confusion_matrix(labels, predictions, labels=[negative, positive])
        options = {"average": "binary", "pos_label": positive, "zero_division": 0}
        rows.append((tp, fn, fp, tn, *precision_recall_fscore_support(labels, predictions, **options)[:3], *both))
    columns = ["TP", "FN", "FP", "TN", "precision", "recall", "F1", "balanced accuracy", "accuracy"]
    return pd.DataFrame(rows, index=["fake is positive", "real is positive"], columns=columns)
