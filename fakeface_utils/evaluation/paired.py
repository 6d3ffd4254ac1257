"""Is A better than B? Tests on the same images: DeLong, McNemar, the paired bootstrap, recipes over seeds, Holm."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.stats import beta, norm, rankdata, t
from sklearn.metrics import accuracy_score, roc_auc_score
from statsmodels.stats.contingency_tables import mcnemar as statsmodels_mcnemar
from statsmodels.stats.multitest import multipletests

from fakeface_utils.evaluation.intervals import Metric, _weighted_auc, resampled

MIN_SEEDS = 5


@dataclass(frozen=True)
class Difference:
    """A minus B with its standard error and two-sided p; ``n`` is how many images (or splits) it rests on.

    ``df`` are the degrees of freedom of Student's t, infinite for the normal distribution.
    """

    value: float
    se: float
    p: float
    n: int
    method: str
    df: float = np.inf

    def interval(self, level: float = 0.95) -> tuple[float, float]:
        """(low, high) at this level, such as one out of :class:`Holm`."""
        half = float(t.ppf((1 + level) / 2, self.df)) * self.se
        return self.value - half, self.value + half

    def __str__(self) -> str:
        low, high = self.interval()
        return f"{self.value:+.3f} [{low:+.3f}, {high:+.3f}], p = {self.p:.3g} ({self.method}, n = {self.n:,})"


def _difference(value: float, se: float, n: int, method: str, df: float = np.inf) -> Difference:
    p = 2 * t.sf(abs(value) / se, df) if se > 0 else abs(value) < 1e-12
    return Difference(float(value), float(se), float(p), int(n), method, float(df))


def delong(labels: np.ndarray, scores_a: np.ndarray, scores_b: np.ndarray) -> Difference:
    """AUC of A minus AUC of B on the same independent images (DeLong 1988, by midranks as in Sun and Xu 2014).

    Images that share a photograph are not independent: use :func:`paired_bootstrap` with groups there. When no
    image speaks for one model more than another does (both at AUC 1, or one at 1 and one constant) the variance
    comes out as 0; then each class is taken to hold one more image for A and one for B. Only two models that rank
    all images alike keep 0.

    Args:
        labels: (n,) 0/1, fake = 1. scores_a, scores_b: (n,) each.

    Raises:
        ValueError: a class has fewer than two images, a score is not finite, or lengths differ.
    """
    fake, both = np.asarray(labels) == 1, np.stack([scores_a, scores_b]).astype(float)
    m, n = int(fake.sum()), int((~fake).sum())
    if m < 2 or n < 2 or both.shape != (2, m + n) or not np.isfinite(both).all():
        raise ValueError(f"DeLong needs two images of each class, with finite scores: {n} reals, {m} fakes")
    ranks = rankdata(both, axis=1)
    below = (ranks[:, fake] - rankdata(both[:, fake], axis=1)) / n  # share of the reals under each fake
    above = 1 - (ranks[:, ~fake] - rankdata(both[:, ~fake], axis=1)) / m
    variance = np.var(below[0] - below[1], ddof=1) / m + np.var(above[0] - above[1], ddof=1) / n
    method = "DeLong"
    if variance < 1e-14:
        variance = 0 if np.array_equal(*ranks) else 2 / (m + 1) / (m + 2) + 2 / (n + 1) / (n + 2)
        method = "DeLong, degenerate"
    return _difference((below[0] - below[1]).mean(), np.sqrt(variance), m + n, method)


@dataclass(frozen=True)
class McNemar(Difference):
    """A difference in accuracy; A alone was right on ``b`` images, B alone on ``c``."""

    b: int = 0
    c: int = 0

    def interval(self, level: float = 0.95) -> tuple[float, float]:
        """(low, high), holding 0 whenever the exact test at this level finds nothing.

        It spans two intervals: Bonett and Price's adjusted Wald (2012), for which b + c is luck too, and the exact
        one given b + c (Clopper and Pearson).
        """
        tail, split = (1 - level) / 2, self.b + self.c
        middle, half = (self.b - self.c) / (self.n + 2), float(norm.ppf(1 - tail)) * self.se
        low = float(beta.ppf(tail, self.b, self.c + 1)) if self.b else 0.0
        high = float(beta.ppf(1 - tail, self.b + 1, self.c)) if self.c else 1.0
        low, high = ((2 * share - 1) * split / self.n for share in (low, high))
        return max(-1.0, min(low, middle - half)), min(1.0, max(high, middle + half))

    def __str__(self) -> str:
        return f"{super().__str__()}; only A right {self.b}, only B right {self.c}"


def mcnemar(labels: np.ndarray, predictions_a: np.ndarray, predictions_b: np.ndarray) -> McNemar:
    """Accuracy of A minus accuracy of B, two trained models, by McNemar's exact test (statsmodels).

    Args:
        labels, predictions_a, predictions_b: (n,) 0/1 each, of independent images.

    Raises:
        ValueError: lengths differ, there is no image, or a value (such as a score) is neither 0 nor 1.
    """
    labels, a, b = (np.asarray(x) for x in (labels, predictions_a, predictions_b))
    if not len(labels) == len(a) == len(b) > 0 or not np.isin([labels, a, b], (0, 1)).all():
        raise ValueError("McNemar's test needs a label and two predictions an image, each 0 or 1")
    a, b, n = a == labels, b == labels, len(labels)
    table = np.array([[(a & b).sum(), (a & ~b).sum()], [(~a & b).sum(), (~a & ~b).sum()]])
    (_, only_a), (only_b, _) = table.tolist()
    shares = np.array([only_a + 1, only_b + 1]) / (n + 2)
    se = np.sqrt((shares.sum() - np.diff(shares)[0] ** 2) / (n + 2))
    p = statsmodels_mcnemar(table, exact=True).pvalue
    return McNemar((only_a - only_b) / n, float(se), float(p), n, "McNemar, exact", b=only_a, c=only_b)


def _each_column(metric: Metric) -> Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]:
    """A plain metric as (labels, scores (n, k), counts (b, n)) -> (b, k)."""

    def slow(labels: np.ndarray, scores: np.ndarray, counts: np.ndarray) -> np.ndarray:
        rows = (np.repeat(np.arange(len(labels)), count) for count in counts)
        return np.array([metric(labels[r], scores[r]) for r in rows])

    one = {roc_auc_score: _weighted_auc, accuracy_score: _weighted_accuracy}.get(metric, slow)
    return lambda labels, scores, counts: np.stack([one(labels, s, counts) for s in scores.T], axis=1)


def _weighted_accuracy(labels: np.ndarray, predictions: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Accuracy (b,) of predictions (n,) in each row of counts (b, n)."""
    return counts @ (predictions == labels).astype(float) / counts.sum(axis=1)


def paired_bootstrap(
    metric: Metric,
    labels: np.ndarray,
    scores_a: np.ndarray,
    scores_b: np.ndarray,
    groups: np.ndarray | None = None,
    **options,
) -> Difference:
    """``metric`` of A minus ``metric`` of B on the same resamples of whole groups; p and interval by their spread.

    Args:
        metric: function of labels (n,) and scores (n,), such as scikit-learn's; ``roc_auc_score`` and
            ``accuracy_score`` are run in a fast form. For a metric at a threshold, such as the latter, give
            predictions as scores: each model has its own threshold.
        groups: (n,); default: each image its own. options: ``n_resamples`` and ``seed``.

    Raises:
        ValueError: as in :func:`intervals.bootstrap`.
    """
    labels, scores = np.asarray(labels), np.stack([scores_a, scores_b], axis=1)
    draws = resampled(_each_column(metric), labels, scores, groups, **options)
    value = metric(labels, scores[:, 0]) - metric(labels, scores[:, 1])
    return _difference(value, np.std(draws[:, 0] - draws[:, 1], ddof=1), len(labels), "paired bootstrap")


def ranks_within(scores: np.ndarray, turns: np.ndarray) -> np.ndarray:
    """Each score's rank among those of its turn, as a share between 0 and 1: (midrank - .5) / images of the turn.

    The turns of a cross-validation are scored by different networks, whose scores must not be ranked together; these
    may. Each turn should hold about the same share of fakes: unlike shares pull an AUC towards .5 (five perfect
    turns with 45 to 49 % fakes have one of .9996, with 30 to 70 % one of .96).

    Args:
        scores: (n,) or (k, n), each row ranked alone. turns: (n,), in which turn each image was tested.

    Raises:
        ValueError: there is not one turn an image, or a score is not a number.
    """
    scores, (names, turn) = np.asarray(scores, float), np.unique(turns, return_inverse=True)
    if scores.shape[-1:] != turn.shape or np.isnan(scores).any():
        raise ValueError(f"need a turn for every image and no NaN, got shapes {scores.shape} and {turn.shape}")
    shares = np.empty_like(scores)
    for here in (turn == k for k in range(len(names))):
        shares[..., here] = (rankdata(scores[..., here], axis=-1) - 0.5) / here.sum()
    return shares


def _over_seeds(found: Sequence[np.ndarray], draws: np.ndarray) -> tuple[float, float]:
    """Standard error and Satterthwaite's df of one recipe's mean metric, or of the first's minus the second's.

    Args:
        found: one or two of (k,), the metric of each run. draws: (b, runs), the same on resamples that all runs share.
    """
    sizes, sign = np.array([len(runs) for runs in found]), np.array([1, -1])[: len(found)]
    of_seeds = np.array([np.var(runs, ddof=1) for runs in found]) / sizes
    cov = np.cov(draws, rowvar=False)
    np.fill_diagonal(cov, 0)  # what one run makes of the images is part of the spread of the seeds
    recipe = np.repeat(np.eye(len(sizes)), sizes, axis=0)
    shared = recipe.T @ cov @ recipe / (np.outer(sizes, sizes) - np.diag(sizes))
    variance = max(sign @ shared @ sign, 0) + of_seeds.sum()
    if variance < 1e-14:  # rounding; two recipes of runs that are all alike would differ by it, at p = .0498
        return 0.0, np.inf
    df = variance**2 / (of_seeds**2 / (sizes - 1)).sum() if of_seeds.any() else np.inf
    return float(np.sqrt(variance)), float(df)


def recipes(
    labels: np.ndarray,
    scores_a: np.ndarray,
    scores_b: np.ndarray,
    groups: np.ndarray | None = None,
    *,
    metric: Metric = roc_auc_score,
    **options,
) -> Difference:
    """Mean ``metric`` of recipe A over its seeds minus that of B: would it hold with other seeds and other images?

    The variance is that of the seeds plus, by the bootstrap over groups, that of the images which all runs share
    (the covariance between runs: Obuchowski and Rockette 1995, with seeds as their readers). Resampling five seeds
    would make them look too alike, and would count twice what one run makes of one image. The interval is
    Student's, with Satterthwaite's degrees of freedom: few where the seeds make the spread. A recipe that is constant
    in all seeds adds no spread; where that holds of both (or all runs are perfect) the interval is a point.

    Args:
        scores_a, scores_b: (seeds, n) each, a row a training run; the numbers of seeds may differ. From several
            turns of a cross-validation give :func:`ranks_within` to a ranking metric.
        metric, groups, options: as in :func:`paired_bootstrap`.

    Raises:
        ValueError: fewer than five seeds, or as in :func:`paired_bootstrap`.
    """
    both = [np.atleast_2d(scores_a), np.atleast_2d(scores_b)]
    k, m = (len(scores) for scores in both)
    if min(k, m) < MIN_SEEDS:
        raise ValueError(
            f"a claim about two recipes needs at least {MIN_SEEDS} seeds each, got {k} and {m}: "
            "with fewer nobody knows how far two runs of one recipe lie apart"
        )
    labels, runs = np.asarray(labels), np.concatenate(both)
    found = np.array([metric(labels, run) for run in runs])
    draws = resampled(_each_column(metric), labels, runs.T, groups, **options)
    se, df = _over_seeds([found[:k], found[k:]], draws)
    return _difference(found[:k].mean() - found[k:].mean(), se, len(labels), f"{k} and {m} seeds", df)


def nadeau_bengio(differences: Sequence[float], n_train: int, n_test: int) -> Difference:
    """Mean of A minus B over k random splits of the same images: the corrected resampled t-test (2003).

    The splits share training images, so the variance is multiplied by 1/k + n_test/n_train in place of 1/k.

    Args:
        differences: (k,), one a split. n_train, n_test: images in each split.

    Raises:
        ValueError: fewer than two splits, or a number that is not finite and positive where it must be.
    """
    values, k = np.asarray(differences, float), len(differences)
    if k < 2 or not np.isfinite(values).all() or min(n_train, n_test) <= 0:
        raise ValueError(f"need two finite differences or more and n_train, n_test > 0: {k}, {n_train}, {n_test}")
    se = np.sqrt((1 / k + n_test / n_train) * values.var(ddof=1))
    return _difference(values.mean(), se, k, "Nadeau-Bengio", k - 1)


def share_change(called_a: np.ndarray, called_b: np.ndarray) -> Difference:
    """Mean over runs of the share that is called fake at A minus that at B, by Student's paired t-test.

    A and B are two states of each run, such as two epochs of each generator. The runs' changes also hold what their
    pictures add; with few runs only a change many times their spread is clear of 0. By luck all changes may be alike:
    the standard error is at least that of two shares of so many pictures (Agresti and Caffo 2000).

    Args:
        called_a, called_b: (runs, n), (runs, m) bool, rows in the same order.

    Raises:
        ValueError: not as many runs of both, fewer than two, or a value that is neither 0 nor 1.
    """
    a, b = np.asarray(called_a), np.asarray(called_b)
    alike = a.ndim == b.ndim == 2 and len(a) == len(b) > 1
    if not alike or not a.size or not b.size or not all(np.isin(x, (0, 1)).all() for x in (a, b)):
        raise ValueError(f"need calls of 0 or 1 in (runs, n) of two runs or more: got {a.shape} and {b.shape}")
    changes = a.mean(axis=1) - b.mean(axis=1)
    least = _variance_of_share(a) + _variance_of_share(b)
    se = np.sqrt(max(changes.var(ddof=1) / len(changes), least))
    return _difference(changes.mean(), se, a.size + b.size, f"{len(changes)} runs", len(changes) - 1)


def _variance_of_share(called: np.ndarray) -> float:
    """Of a share, after Agresti and Caffo: with one image more that is called and one that is not."""
    p = (called.sum() + 1) / (called.size + 2)
    return p * (1 - p) / (called.size + 2)


def shares(called_a: np.ndarray, called_b: np.ndarray) -> Difference:
    """Share of A's images that a detector calls fake minus that of B's: other images, so nothing is paired.

    A may come from several runs, such as generators of several seeds: the spread of their shares then counts, and so
    few runs leave few degrees of freedom, (runs - 1) / (their part of the variance). Satterthwaite squares that part:
    with three runs his interval left out the truth too often (8 in 100; tests/test_paired.py has the simulation).
    Images of one source count as independent. Each share's own variance is Agresti and Caffo's (2000), with one image
    more called and one more not called, so that a share of 0 or 1 has an interval, too. Near 0 or 1 three runs make it
    somewhat too narrow.

    Args:
        called_a: (n,) bool, or (runs, n). called_b: (m,) bool, of one source.

    Raises:
        ValueError: another shape, no image, or a value that is neither 0 nor 1.
    """
    a, b = np.atleast_2d(np.asarray(called_a)), np.asarray(called_b)
    if a.ndim != 2 or b.ndim != 1 or not a.size or not b.size or not all(np.isin(x, (0, 1)).all() for x in (a, b)):
        raise ValueError(
            f"need calls of 0 or 1 in (n,) or (runs, n), and (m,): got {np.shape(a)} and {np.shape(b)}"
        )
    runs, difference = a.mean(axis=1), float(a.mean() - b.mean())
    of_a, of_b = _variance_of_share(a), _variance_of_share(b)
    if len(runs) == 1:
        return _difference(difference, np.sqrt(of_a + of_b), a.size + b.size, "two shares")
    of_runs = max(runs.var(ddof=1) / len(runs), of_a)  # by luck all runs may have one share
    df = (len(runs) - 1) * (of_runs + of_b) / of_runs
    return _difference(difference, np.sqrt(of_runs + of_b), a.size + b.size, f"{len(runs)} runs, other images", df)


@dataclass(frozen=True)
class Holm:
    """A family of p-values after Holm (1979), in the order given; ``levels`` are those of the intervals."""

    adjusted: tuple[float, ...]
    rejected: tuple[bool, ...]
    levels: tuple[float, ...]

    def __str__(self) -> str:
        values = ", ".join(f"{p:.3g}" for p in self.adjusted)
        return f"{sum(self.rejected)} of {len(self.rejected)} differ; p after Holm: {values}"


def holm(p_values: Sequence[float], alpha: float = 0.05) -> Holm:
    """Holm's correction (statsmodels), and the level at which the interval of each comparison agrees with it.

    The k-th smallest of m p-values is held against alpha / (m - k + 1) up to the first that fails, whose level
    stands for all after it. So ``difference.interval(level)`` leaves out 0 just where Holm rejects. Each interval is
    one comparison's own: that all of them hold at once is promised only by the widest level, 1 - alpha / m.

    Raises:
        ValueError: no p-value, or one outside 0 to 1.
    """
    p = np.asarray(p_values, float)
    if not len(p) or not ((p >= 0) & (p <= 1)).all():
        raise ValueError(f"Holm's correction needs p-values between 0 and 1, got {p_values}")
    rejected, adjusted, *_ = multipletests(p, alpha, method="holm")
    place = np.minimum(np.argsort(np.argsort(p, kind="stable")), rejected.sum())
    return Holm(tuple(adjusted.tolist()), tuple(rejected.tolist()), tuple((1 - alpha / (len(p) - place)).tolist()))


def family_table(differences: Mapping[str, Difference], alpha: float = 0.05) -> pd.DataFrame:
    """A family of differences after Holm's correction, a row each: the difference, its interval and its p as text.

    The interval is at the level that agrees with the corrected test: it leaves out 0 just where Holm rejects.
    """
    family = holm([difference.p for difference in differences.values()], alpha)
    rows = {}
    for (name, found), p, level in zip(differences.items(), family.adjusted, family.levels, strict=True):
        low, high = found.interval(level)
        rows[name] = (f"{found.value:+.3f}", f"[{low:+.3f}, {high:+.3f}]", f"{p:.3g}")
    columns = ["difference", "interval after Holm", "p after Holm"]
    return pd.DataFrame.from_dict(rows, orient="index", columns=columns)
