"""What a comparison lets one say of a report's claim: rules that were fixed before the first run."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from scipy.stats import norm

from fakeface_utils.evaluation.intervals import Estimate, wilson

MARGIN_AUC = 0.02
MARGIN_ACCURACY = 0.03
MARGIN_CHANCE = 0.03
SIZES_WITHIN = 0.10

Interval = tuple[float, float]


@dataclass(frozen=True)
class Verdict:
    """A word for the table and a line that says why."""

    word: str
    text: str

    def __str__(self) -> str:
        return f"{self.word}: {self.text}"


def ordering_verdict(
    difference: float, interval: Interval, interval_90: Interval, *, n: int, margin: float
) -> Verdict:
    """The claim that A is better than B.

    ``direction reproduced`` if the interval lies above 0, ``contradicted`` if below; else ``no material
    difference`` if the 90 % interval lies inside the margin; else ``undecided``, with the number of images at which
    one of these would come true if the difference stayed and intervals shrank with the root of n. (Where the seeds
    make the spread, more images do not help.)

    Args:
        difference, interval, interval_90: A minus B as a fraction, its interval at the level after Holm and the one
            at 90 %, both from ``paired.Difference.interval``.
        n: images measured on. margin: MARGIN_AUC or MARGIN_ACCURACY.

    Raises:
        ValueError: the difference is not inside its intervals, or n or the margin is not positive.
    """
    if not all(low <= difference <= high for low, high in (interval, interval_90)) or n <= 0 or margin <= 0:
        raise ValueError(f"no difference in its intervals: {difference}, {interval}, {interval_90}, {n}, {margin}")
    found = f"{difference:+.3f} {_show(interval)}"
    inside = _within(interval_90, margin)
    if interval[0] > 0 or interval[1] < 0:
        small = f", though by less than {margin:g}" if inside else ""
        word, side = ("direction reproduced", "above") if interval[0] > 0 else ("contradicted", "below")
        return Verdict(word, f"{found} lies {side} 0{small}")
    if inside:
        return Verdict("no material difference", f"90 % interval {_show(interval_90)} lies inside ±{margin:g}")
    size, half, half_90 = abs(difference), *((high - low) / 2 for low, high in (interval, interval_90))
    off_zero = half / size if size else math.inf
    needed = n * max(1, min(off_zero, half_90 / (margin - size) if size < margin else math.inf)) ** 2
    step = 10 ** max(0, math.floor(math.log10(needed)) - 1)  # two digits are enough
    return Verdict("undecided", f"{found}, n = {n:,}; it would take about {math.ceil(needed / step) * step:,}")


def level_verdict(
    ours: float, our_se: float, reported: float, reported_se: float, *, margin: float, reason: str = ""
) -> Verdict:
    """The claim that a metric has a certain value, by ours minus reported with both variances counted.

    ``not comparable`` if there is a ``reason`` (:func:`why_not_comparable`); ``reproduced`` if the 90 % interval
    lies inside the margin; ``not reproduced`` if the 95 % interval lies wholly outside; else ``undecided``.

    Args:
        our_se, reported_se: from :func:`standard_error`; from :func:`binomial_se`, or for an AUC
            :func:`hanley_mcneil_se`.

    Raises:
        ValueError: a number is not finite, a standard error negative, or the margin not positive.
    """
    found = f"ours {ours:.3f}, reported {reported:.3f}, difference"
    verdict = _equivalence(ours - reported, our_se, reported_se, margin, found)
    return Verdict("not comparable", f"{reason}; {verdict.text}") if reason else verdict


def chance_verdict(value: float, se: float) -> Verdict:
    """The claim that a model is at chance: two one-sided tests of its AUC or balanced accuracy around .5 ± .03.

    Words and errors as in :func:`level_verdict`. That a test against .5 finds nothing would prove nothing.
    """
    return _equivalence(value - 0.5, se, 0, MARGIN_CHANCE, f"{value:.3f}, difference from chance")


def _equivalence(difference: float, se_a: float, se_b: float, margin: float, found: str) -> Verdict:
    se = math.hypot(se_a, se_b)
    if not (math.isfinite(difference) and math.isfinite(se) and min(se_a, se_b) >= 0 and margin > 0):
        raise ValueError(f"no difference with standard errors and a margin: {difference}, {se_a}, {se_b}, {margin}")
    narrow, wide = ((difference - z * se, difference + z * se) for z in norm.ppf([0.95, 0.975]).tolist())
    if _within(narrow, margin):
        return Verdict("reproduced", f"{found} at 90 % {_show(narrow)} inside ±{margin:g}")
    if wide[0] > margin or wide[1] < -margin:
        return Verdict("not reproduced", f"{found} at 95 % {_show(wide)} outside ±{margin:g}")
    return Verdict("undecided", f"{found} at 95 % {_show(wide)} against ±{margin:g}")


def structure_verdict(ours: object, reported: object) -> Verdict:
    """The claim that a count or a shape is as stated: equal or not."""
    return Verdict("reproduced" if ours == reported else "contradicted", f"ours {ours}, reported {reported}")


def not_run(command: str) -> Verdict:
    """Nothing was measured yet; ``command`` does it."""
    return Verdict("not run", command)


def why_not_comparable(
    reported: Mapping[str, int], ours: Mapping[str, int], *, same_data: bool, assumed: Sequence[str] = ()
) -> str:
    """Why a level may not be held against a report's, or "" if it may.

    Args:
        reported, ours: sizes by name, such as ``n_test``; ours must be there and within 10 % of the report's.
        assumed: settings that the report does not state.
    """
    off = [k for k, size in reported.items() if abs(ours.get(k, math.inf) - size) > SIZES_WITHIN * size]
    reasons = [] if same_data else ["other data"]
    reasons += [f"{k} {ours.get(k, 'unknown')} against {reported[k]}" for k in off]
    return "; ".join(reasons + ([f"assumed: {', '.join(assumed)}"] if assumed else []))


def standard_error(estimate: Estimate, level: float = 0.95) -> float:
    """Half the interval of an estimate at this level, in standard errors of a normal distribution.

    Of an interval that ends at 0 or 1, where it may have been cut, the longer side counts.
    """
    half = (estimate.high - estimate.low) / 2
    if estimate.low <= 0 or estimate.high >= 1:
        half = max(estimate.high - estimate.value, estimate.value - estimate.low)
    return half / float(norm.ppf((1 + level) / 2))


def binomial_se(share: float, n: int) -> float:
    """Standard error of a proportion of n images, from Wilson's interval: above 0 also for 0 % and 100 %."""
    return standard_error(wilson(round(share * n), n))


def hanley_mcneil_se(auc: float, n_real: int, n_fake: int) -> float:
    """Standard error of an AUC of which only the class sizes are known (Hanley and McNeil 1982).

    An AUC nearer to 0 or 1 than half an image counts as half an image off, so the error is never 0.

    Raises:
        ValueError: the AUC is outside 0 to 1, or a class is empty.
    """
    if not (0 <= auc <= 1 and min(n_real, n_fake) > 0):
        raise ValueError(f"need an AUC between 0 and 1 and images of both classes, got {auc}, {n_real}, {n_fake}")
    half = 0.5 / min(n_real, n_fake)
    a = min(max(auc, half), 1 - half)
    q1, q2 = a / (2 - a), 2 * a**2 / (1 + a)
    return math.sqrt((a * (1 - a) + (n_fake - 1) * (q1 - a**2) + (n_real - 1) * (q2 - a**2)) / (n_real * n_fake))


def _within(interval: Interval, margin: float) -> bool:
    return -margin < interval[0] and interval[1] < margin


def _show(interval: Interval) -> str:
    return f"[{interval[0]:+.3f}, {interval[1]:+.3f}]"
