"""Shares and what follows from them: published examples, limits, and intervals that hold the truth as often as said."""

from math import inf

import numpy as np
import pytest
from scipy.optimize import brentq

from fakeface_utils.evaluation.intervals import Estimate, wilson
from fakeface_utils.evaluation.rates import at_prevalence, hit_rates, judged, newcombe, of_rate, share


def test_judged_and_of_rate():
    labels, wrong, groups = judged([0, 0, 1, 1], [0.5, 0.4, 0.5, 0.4], 0.5)
    assert wrong.tolist() == [True, False, False, True] and groups.tolist() == [0, 1, 2, 3]
    assert judged([0, 1], [0.5, 0.5], [0.6, 0.6], [7, 7])[1].tolist() == [False, True]
    assert [of_rate(labels, r).tolist() for r in ("FPR", "FNR", "error")] == [[1, 1, 0, 0], [0, 0, 1, 1], [1] * 4]
    with pytest.raises(ValueError, match="no image is real"):
        of_rate(np.ones(3, int), "FPR")


# --- a share


def test_a_share_is_wilsons_for_what_its_groups_are_worth():
    wrong = np.arange(12) < 3
    assert share(wrong) == wilson(3, 12)
    pairs = share(wrong, np.repeat(np.arange(6), 2), level=0.9)  # six pairs are worth six images
    six = wilson(1.5, 6, level=0.9)
    assert (pairs.value, pairs.n) == (0.25, 12) and (pairs.low, pairs.high) == pytest.approx((six.low, six.high))
    groups = [0, 0, 0, 1, 2, 2, 3, 4, 5, 6, 7, 8]
    worth = 12**2 / sum(groups.count(g) ** 2 for g in set(groups))
    uneven = wilson(worth / 4, worth)
    found = share(wrong, groups)
    assert (found.low, found.high) == pytest.approx((uneven.low, uneven.high)) and 6 < worth < 9


@pytest.mark.parametrize("value", [False, True])
def test_a_share_of_none_or_all_has_an_interval(value):
    found = share(np.full(40, value), np.repeat(np.arange(10), 4))
    assert found.value == value and 0.2 < found.high - found.low < 0.35  # Wilson: 0 of 10


def test_a_share_of_groups_covers_the_truth():
    rng = np.random.default_rng(0)
    hits = np.zeros(2)
    groups = np.repeat(np.arange(40), rng.integers(1, 5, 40))
    for _ in range(1000):
        wrong = (rng.random(40) < 0.1)[groups]
        for k, found in enumerate((share(wrong, groups), share(wrong))):
            hits[k] += found.low <= 0.1 <= found.high
    assert hits[0] >= 925 and hits[1] < 900


def test_shares_that_cannot_be():
    for wrong, groups in (([], None), ([True, False], [1])):
        with pytest.raises(ValueError, match="images and a group for each"):
            share(wrong, groups)


# --- a difference of two shares


def test_newcombes_published_example():
    """56 of 70 against 48 of 80 (Newcombe 1998, table II, method 10)."""
    assert newcombe(wilson(56, 70), wilson(48, 80)) == pytest.approx((0.0524, 0.3339), abs=5e-5)
    assert newcombe(wilson(10, 10), wilson(0, 20)) == pytest.approx((0.6791, 1), abs=5e-5)


def test_newcombes_interval_covers_the_truth():
    rng = np.random.default_rng(1)
    hits = 0
    for a, b in zip(rng.binomial(40, 0.3, 1000), rng.binomial(90, 0.05, 1000), strict=True):
        low, high = newcombe(wilson(a, 40), wilson(b, 90))
        hits += low <= 0.25 <= high
    assert 930 <= hits <= 980


# --- base rates


def by_counting(tpr, fpr, fakes, reals):
    found, alarms = tpr * fakes, fpr * reals
    return found / (found + alarms), alarms / found


@pytest.mark.parametrize(("fakes", "reals"), [(1000, 999_000), (1, 1), (1, 9), (900, 100)])
def test_base_rates_against_counting_a_crowd(fakes, reals):
    for tpr, fpr in ((0.98, 0.005), (0.5, 0.5), (1.0, 0.0), (0.3, 1.0)):
        found = at_prevalence(tpr, fpr, fakes / (fakes + reals))
        ppv, alarms = by_counting(tpr, fpr, fakes, reals)
        assert found.ppv.value == pytest.approx(ppv) and found.alarms_per_found.value == pytest.approx(alarms)
        for each in found:  # exact rates have no interval
            assert (each.low, each.high) == pytest.approx((each.value, each.value))


def test_the_detector_of_98_and_a_half_percent():
    found = at_prevalence(0.98, 0.005, 0.001)
    assert found.ppv.value == pytest.approx(0.164, abs=5e-4)
    assert found.alarms_per_found.value == pytest.approx(5.097, abs=5e-4)


def test_the_interval_covers_the_truth():
    rng = np.random.default_rng(2)
    truth, hits = at_prevalence(0.8, 0.05, 0.01), 0
    for t, f in zip(rng.binomial(120, 0.8, 1000), rng.binomial(120, 0.05, 1000), strict=True):
        ppv, alarms = at_prevalence(wilson(t, 120), wilson(f, 120), 0.01)
        assert ppv.low <= ppv.value <= ppv.high and alarms.low <= alarms.value <= alarms.high
        inside = ppv.low <= truth.ppv.value <= ppv.high
        assert inside == (alarms.low <= truth.alarms_per_found.value <= alarms.high)
        hits += inside
    assert 930 <= hits <= 980


@pytest.mark.parametrize(("found", "alarms"), [(80, 5), (3, 60), (100, 1), (50, 50), (99, 100)])
def test_the_ends_against_the_equations_they_solve(found, alarms):
    """At each end r the interval of FPR - r TPR, two independent shares, just reaches 0 (Donner and Zou 2012)."""
    t, f = wilson(found, 100), wilson(alarms, 100)
    low = brentq(lambda r: f.value - r * t.value - np.hypot(f.value - f.low, r * (t.high - t.value)), 0, 1e4)
    high = brentq(lambda r: f.value - r * t.value + np.hypot(f.high - f.value, r * (t.value - t.low)), 0, 1e4)
    found = at_prevalence(t, f, 0.2).alarms_per_found
    assert (found.low, found.high) == pytest.approx((4 * low, 4 * high), rel=1e-6)


def test_no_false_alarm_among_few_reals_proves_little():
    ppv, alarms = at_prevalence(wilson(95, 100), wilson(0, 100), 0.001)
    assert (ppv.value, ppv.high, alarms.value, alarms.low) == (1, 1, 0, 0)
    assert ppv.low < 0.05 and alarms.high > 30 and ppv.n == 200
    more = at_prevalence(wilson(950, 1000), wilson(0, 10_000), 0.001)
    assert more.ppv.low > 0.6


def test_a_detector_that_finds_nothing():
    ppv, alarms = at_prevalence(wilson(0, 50), wilson(5, 50), 0.1)
    assert (ppv.value, ppv.low, alarms.value, alarms.high) == (0, 0, inf, inf)
    assert 0 < ppv.high < 0.5 and alarms.low > 1
    with pytest.raises(ValueError, match="nothing is called fake"):
        at_prevalence(wilson(0, 50), wilson(0, 50), 0.1)


def test_hit_rates_and_their_groups():
    labels = np.repeat([0, 1], 20)
    scores = np.r_[np.linspace(0, 0.6, 20), np.linspace(0.3, 1, 20)]
    tpr, fpr = hit_rates(labels, scores, 0.5)
    assert tpr == wilson(int((scores[20:] >= 0.5).sum()), 20) and fpr == wilson(int((scores[:20] >= 0.5).sum()), 20)
    wide, _ = hit_rates(labels, scores, 0.5, np.arange(40) // 2)
    assert wide.value == tpr.value and wide.high - wide.low > tpr.high - tpr.low
    found = at_prevalence(tpr, fpr, 0.5)
    assert isinstance(found.ppv, Estimate) and found.ppv.n == 40
    with pytest.raises(ValueError, match="no image is fake"):
        hit_rates(np.zeros(20, int), scores[:20], 0.5)


@pytest.mark.parametrize(
    "case", [(1.1, 0.1, 0.5), (0.9, -0.1, 0.5), (0.9, 0.1, 0), (0.9, 0.1, 1), (np.nan, 0.1, 0.5)]
)
def test_rates_that_cannot_be(case):
    with pytest.raises(ValueError, match="a prevalence between them"):
        at_prevalence(*case)
