"""What the numbers of a report can decide, when its scores and its images are not to be had."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pandas as pd
from scipy.stats import binom, binomtest, norm
from statsmodels.stats.proportion import proportion_confint

from fakeface_utils.evaluation.verdicts import binomial_se as accuracy_se
from fakeface_utils.evaluation.verdicts import hanley_mcneil_se as auc_se

__all__ = [
    "ANYWAY",
    "IF_ALIKE",
    "NEVER",
    "Decision",
    "Handful",
    "McNemarRange",
    "accuracy_se",
    "auc_se",
    "auc_table",
    "decidable",
    "handful",
    "least_difference",
    "mcnemar_range",
    "z_of_difference",
]

ANYWAY = "decided whatever the correlation"
IF_ALIKE = "decided only if the errors of the two are alike enough"
NEVER = "undecidable from the report"


def z_of_difference(a: float, b: float, se_a: float, se_b: float, correlation: float | np.ndarray) -> np.ndarray:
    """How many standard errors lie between two numbers, for each ``correlation`` of their estimates.

    Two systems that are judged on the same images share those images' luck, and it cancels out of the difference:
    its variance is se_a² + se_b² - 2 r se_a se_b. A report that gives only the two numbers does not tell r. Without
    a difference z is 0; one that has no variance left (r = 1, equal errors) is infinitely many errors wide.

    Args:
        a, b: such as two AUCs. se_a, se_b: their standard errors, such as from ``auc_se``.
        correlation: r, between -1 and 1, of any shape.

    Returns:
        (a - b) in standard errors, of the shape of ``correlation``.

    Raises:
        ValueError: a number is not finite, a standard error not positive, or a correlation outside -1 to 1.
    """
    r = np.asarray(correlation, float)
    if not np.isfinite([a, b, se_a, se_b]).all() or min(se_a, se_b) <= 0 or not (np.abs(r) <= 1).all():
        raise ValueError(f"need errors above 0 and -1 <= r <= 1, got {a}, {b}, {se_a}, {se_b}, {correlation}")
    # (se_a - se_b)² + 2 (1 - r) se_a se_b is the same, and never negative by rounding.
    error = np.sqrt((se_a - se_b) ** 2 + 2 * (1 - r) * se_a * se_b)
    if a == b:
        return np.zeros_like(error)
    with np.errstate(divide="ignore"):
        return (a - b) / error


@dataclass(frozen=True)
class Decision:
    """What two reported numbers decide.

    Attributes:
        difference: a - b.
        z: correlation -> z of the difference.
        least_correlation: from which |z| is at least that of the level; -1: it always is, None: it never is.
        word: ``ANYWAY``, ``IF_ALIKE`` or ``NEVER``.
    """

    difference: float
    z: Mapping[float, float]
    least_correlation: float | None
    word: str

    def __str__(self) -> str:
        return f"{self.word} (r >= {self.least_correlation:.2f})" if self.word == IF_ALIKE else self.word


def decidable(
    a: float,
    b: float,
    se_a: float,
    se_b: float,
    *,
    correlations: Sequence[float] = (0, 0.5, 0.9),
    possible: tuple[float, float] = (0.0, 1.0),
    level: float = 0.95,
) -> Decision:
    """Can the difference of two numbers be told from 0, when nobody knows how alike the errors of the two are?

    Solves |z| = 1.96 for the correlation.

    Args:
        a, b, se_a, se_b: as in :func:`z_of_difference`.
        correlations: at which to show z.
        possible: least and greatest correlation that one believes in. By default it is not negative, for networks
            mostly stumble over the same images; (-1, 1) assumes nothing.

    Raises:
        ValueError: as in :func:`z_of_difference`.
    """
    shown = dict(zip(correlations, z_of_difference(a, b, se_a, se_b, correlations).tolist(), strict=True))
    needed = (abs(a - b) / float(norm.ppf((1 + level) / 2))) ** 2  # the largest variance that leaves it significant
    least = 1 - (needed - (se_a - se_b) ** 2) / (2 * se_a * se_b)
    if a == b or least > 1:
        return Decision(a - b, shown, None, NEVER)
    word = ANYWAY if least <= possible[0] else IF_ALIKE if least <= possible[1] else NEVER
    return Decision(a - b, shown, max(-1.0, float(least)), word)


def auc_table(
    aucs: Mapping[str, float],
    n_real: int,
    n_fake: int,
    pairs: Sequence[tuple[str, str]] | None = None,
    **options,
) -> pd.DataFrame:
    """:func:`decidable` for pairs of a report's AUCs, all on the same images.

    Args:
        aucs: name -> AUC. n_real, n_fake: the test's images.
        pairs: names (a, b); default: every pair, in the order given.
        options: of :func:`decidable`.

    Returns:
        A row a pair, "a - b", with ``difference``, a column ``z at r = .5`` for each correlation,
        ``least r`` (NaN: none) and ``verdict``.

    Raises:
        ValueError: an AUC is outside 0 to 1, or a class is empty. KeyError: a name is not in ``aucs``.
    """
    rows = {}
    for a, b in pairs if pairs is not None else combinations(aucs, 2):
        errors = (auc_se(aucs[name], n_real, n_fake) for name in (a, b))
        found = decidable(aucs[a], aucs[b], *errors, **options)
        z = {f"z at r = {_short(r)}": value for r, value in found.z.items()}
        least = np.nan if found.least_correlation is None else found.least_correlation
        rows[f"{a} - {b}"] = {"difference": found.difference, **z, "least r": least, "verdict": found.word}
    return pd.DataFrame.from_dict(rows, orient="index")


def least_difference(
    auc: float, n_real: int, n_fake: int, correlation: float | np.ndarray = 0.0, *, level: float = 0.95
) -> np.ndarray:
    """The noise floor: the least difference of two AUCs near ``auc``, on the same images, that is significant.

    Args:
        correlation: of the two estimates, between -1 and 1, of any shape.

    Returns:
        Of the shape of ``correlation``; 0 at r = 1.

    Raises:
        ValueError: the AUC is outside 0 to 1, a class is empty, or a correlation is outside -1 to 1.
    """
    r = np.asarray(correlation, float)
    if not (np.abs(r) <= 1).all():
        raise ValueError(f"a correlation lies between -1 and 1, got {correlation}")
    return norm.ppf((1 + level) / 2) * auc_se(auc, n_real, n_fake) * np.sqrt(2 * (1 - r))


@dataclass(frozen=True)
class McNemarRange:
    """The p-values that McNemar's exact test may have had, given how many images each of two classifiers got right.

    Attributes:
        n: images. difference: right by A minus right by B, images.
        smallest: p if the two part on no more images than they must.
        largest: p if they part on as many as their errors allow, ``most_discordant``.
        enough: the largest number of images they may part on with p below .05; None: none is small enough.
        word: ``ANYWAY``, ``IF_ALIKE`` or ``NEVER``.
    """

    n: int
    difference: int
    smallest: float
    largest: float
    most_discordant: int
    enough: int | None
    word: str

    def __str__(self) -> str:
        part = f" (they part on {self.enough} images or fewer)" if self.word == IF_ALIKE else ""
        return f"p between {self.smallest:.2g} and {self.largest:.2g}: {self.word}{part}"


def mcnemar_range(right_a: int, right_b: int, n: int, *, alpha: float = 0.05) -> McNemarRange:
    """What two accuracies on the same ``n`` images can say: the least and the greatest p of McNemar's exact test.

    The test looks only at images on which one is right and the other wrong. A report hides how many these are, but
    they are at least |right_a - right_b|, all one way, and at most what the errors of both allow; p grows with them.

    Raises:
        ValueError: a count of right answers is not between 0 and n, or n is not positive.
    """
    if not (n > 0 and 0 <= right_a <= n and 0 <= right_b <= n):
        raise ValueError(f"need counts of right answers between 0 and n, got {right_a} and {right_b} of {n}")
    apart = abs(right_a - right_b)
    most = min(right_a + right_b, 2 * n - right_a - right_b)
    p = {m: binomtest((m - apart) // 2, m).pvalue if m else 1.0 for m in range(apart, most + 1, 2)}
    small = [m for m, value in p.items() if value < alpha]
    word = ANYWAY if len(small) == len(p) else IF_ALIKE if small else NEVER
    enough = max(small) if small else None
    return McNemarRange(n, right_a - right_b, float(p[apart]), float(p[most]), most, enough, word)


@dataclass(frozen=True)
class Handful:
    """What ``n_right`` right answers out of ``n`` spot predictions show.

    Attributes:
        most_errors: the error rate that may still be true: Clopper and Pearson's upper bound at the level.
        rule_of_three: 3 / n, which is close to it where all were right; NaN where one was wrong.
        chances: accuracy of a model -> the probability that it gets so many right, or more.
    """

    n_right: int
    n: int
    most_errors: float
    rule_of_three: float
    chances: Mapping[float, float]

    def __str__(self) -> str:
        return f"{self.n_right} of {self.n} right: the error rate may be as high as {self.most_errors:.0%}"


def handful(
    n_right: int, n: int, accuracies: Sequence[float] = (0.5, 0.75, 0.9, 0.95, 0.99), *, level: float = 0.95
) -> Handful:
    """How far a few spot predictions carry, if the images were drawn at random and not picked.

    The bound is one-sided: were the error rate higher, so few errors would come up in less than 1 - ``level`` of
    such handfuls (Clopper and Pearson 1934; "rule of three": Hanley and Lippman-Hand 1983).

    Raises:
        ValueError: n is not positive, n_right not between 0 and n, or an accuracy not between 0 and 1.
    """
    if not (n > 0 and 0 <= n_right <= n and all(0 <= accuracy <= 1 for accuracy in accuracies)):
        raise ValueError(f"need 0 <= n_right <= n, n > 0 and accuracies in 0 to 1: {n_right}, {n}, {accuracies}")
    most = proportion_confint(n - n_right, n, alpha=2 * (1 - level), method="beta")[1]
    three = 3 / n if n_right == n else np.nan
    chances = {accuracy: float(binom.sf(n_right - 1, n, accuracy)) for accuracy in accuracies}
    return Handful(n_right, n, float(most), three, chances)


def _short(x: float) -> str:
    return f"{x:g}".replace("0.", ".", 1)
