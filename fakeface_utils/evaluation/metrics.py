"""How good is a detector? Every metric of the course with its interval, on fake = 1 and score = P(fake)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy.stats import t
from sklearn.metrics import (
    accuracy_score,
    balanced_accuracy_score,
    confusion_matrix,
    precision_recall_fscore_support,
    roc_curve,
)

from fakeface_utils.evaluation.calibration import checked, equal_width
from fakeface_utils.evaluation.intervals import Estimate, _weighted_auc, bootstrap, resampled, wilson
from fakeface_utils.evaluation.paired import MIN_SEEDS, _over_seeds, _weighted_accuracy, ranks_within

if TYPE_CHECKING:  # it would load TensorFlow
    from fakeface_utils.training.recipes import Runs

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
    n, (reals, percent) = len(labels), _reals(labels)
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


def measure_recipe(
    labels: np.ndarray,
    scores: np.ndarray,
    groups: np.ndarray | None = None,
    *,
    thresholds: float | np.ndarray,
    turns: np.ndarray | None = None,
    level: float = 0.95,
    n_resamples: int = 2000,
    seed: int = 0,
) -> dict[str, Estimate]:
    """Each metric of :func:`measure`, and ``accuracy_at_half``, as the mean over the seeds of a recipe.

    The interval counts other seeds and other images, as :func:`paired.recipes` does, but no other training set. It
    ends where the metric does, and shrinks to a point where all runs are at its limit (AUC 1). That of ``ap`` is
    too short when fakes are few (with 50 it covers 90 %).

    Args:
        labels: (n,) 0/1, fake = 1. scores: (k, n) P(fake), a row a seed. groups: (n,); default: each image its own.
        thresholds: one number, (k, 1) or (k, n), for each seed (and turn) from :func:`choose_threshold`.
        turns: (n,), in which turn of a cross-validation each image was tested; ``auc, ap`` and the TPR are then
            taken of :func:`paired.ranks_within`. Default: one network a seed scored all images.

    Raises:
        ValueError: fewer than five seeds, thresholds of another shape, or as in :func:`measure`.
    """
    scores, cuts = np.atleast_2d(scores), np.asarray(thresholds, float)
    if len(scores) < MIN_SEEDS:
        raise ValueError(f"a recipe needs at least {MIN_SEEDS} seeds, got {len(scores)}; one run is for measure")
    labels, scores = map(np.stack, zip(*(checked(labels, run) for run in scores), strict=True))
    if cuts.shape not in ((), (len(scores), 1), scores.shape) or np.isnan(cuts).any():
        raise ValueError(f"thresholds must be one number, (k, 1) or (k, n), and not NaN, got shape {cuts.shape}")
    labels, ranks = labels[0], scores if turns is None else ranks_within(scores, turns)
    runs, percent = (scores, ranks, np.broadcast_to(cuts, scores.shape)), _reals(labels)[1]
    found = _by_run(labels, runs, np.ones((1, len(labels))), percent)
    draws = resampled(
        lambda y, _, counts: np.hstack(list(_by_run(y, runs, counts, percent).values())),
        *(labels, scores.T, groups),
        **{"n_resamples": n_resamples, "seed": seed},
    )
    out = {}
    for (name, (values,)), drawn in zip(found.items(), np.split(draws, len(found), axis=1), strict=True):
        mean, (se, df) = float(values.mean()), _over_seeds([values], drawn)
        half, most = float(t.ppf((1 + level) / 2, df)) * se, np.inf if name == "log_loss" else 1.0
        out[name] = Estimate(mean, max(mean - half, 0.0), min(mean + half, most), len(labels))
    return out


def measure_runs(runs: Runs, threshold: float | None = None, **options) -> dict[str, Estimate]:
    """:func:`measure_recipe` of all runs of a recipe, each at its own threshold unless one is given."""
    images = runs.images
    cuts = runs.thresholds if threshold is None else threshold
    turns = images["turn"].to_numpy()
    labels, groups = images["label"].to_numpy(), images["group"].to_numpy()
    return measure_recipe(labels, runs.scores, groups, thresholds=cuts, turns=turns, **options)


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
    called = (np.asarray(scores) >= 0.5).astype(int)
    return {
        "threshold": threshold,
        "accuracy_at_half": bootstrap(accuracy_score, labels, called, groups, weighted=_weighted_accuracy),
        **measure(labels, scores, groups, threshold=threshold),
    }


judge.version = 2  # raised when a metric, an interval or the rule of the threshold would come out otherwise


def _reals(labels: np.ndarray) -> tuple[int, int]:
    """How many reals there are, and at how many percent of them the TPR is taken."""
    reals, n = int((labels == 0).sum()), len(labels)
    if not 0 < reals < n:
        raise ValueError(f"metrics need reals and fakes, but there are {reals} reals of {n} images")
    return reals, 1 if reals >= REALS_FOR_ONE_PERCENT else 10


def _by_run(labels: np.ndarray, runs: tuple, counts: np.ndarray, percent: int) -> dict[str, np.ndarray]:
    """Each metric of :func:`measure_recipe` as (b, k); runs are scores, ranks and thresholds, (k, n) each."""
    rows = [
        {"accuracy_at_half": _weighted_accuracy(labels, scores >= 0.5, counts)}
        | _ranking(labels, ranks, counts, percent)
        | _of_scores(labels, scores, counts, cuts)
        for scores, ranks, cuts in zip(*runs, strict=True)
    ]
    return {name: np.stack([row[name] for row in rows], axis=1) for name in rows[0]}


def _weighted(
    labels: np.ndarray, scores: np.ndarray, counts: np.ndarray, threshold: float, percent: int
) -> dict[str, np.ndarray]:
    """Each metric of :func:`measure` as (b,) where counts (b, n) say how often an image was drawn."""
    return _ranking(labels, scores, counts, percent) | _of_scores(labels, scores, counts, threshold)


def _of_scores(
    labels: np.ndarray, scores: np.ndarray, counts: np.ndarray, threshold: float | np.ndarray
) -> dict[str, np.ndarray]:
    """The metrics that take scores as they are; ``threshold`` is one number or (n,)."""
    counts, fake, called, off = counts.astype(float), labels == 1, scores >= threshold, scores - labels
    eps = np.finfo(float).eps
    nats = -np.log(np.clip(np.where(fake, scores, 1 - scores), eps, 1 - eps))
    columns = np.stack([fake & called, fake & ~called, ~fake & called, ~fake & ~called, off**2, nats], axis=1)
    *matrix, squares, nats = (counts @ columns).T
    n = sum(matrix)
    gaps = counts @ (np.eye(15)[equal_width(scores, 15)] * off[:, None])
    errors = {"ece": np.abs(gaps).sum(axis=1) / n, "brier": squares / n, "log_loss": nats / n}
    return _at_threshold(*matrix) | errors


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
