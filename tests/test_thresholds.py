"""A threshold frozen before: what it does, how sure that is, and how far it is off."""

import numpy as np
import pytest
from scipy.stats import norm

from fakeface_utils.evaluation.intervals import wilson
from fakeface_utils.evaluation.metrics import choose_threshold
from fakeface_utils.evaluation.thresholds import call_rate, frozen


def a_set(rng, n_real=120, n_fake=80, shift=0.0):
    labels = np.r_[np.zeros(n_real, int), np.ones(n_fake, int)]
    return labels, rng.normal(size=len(labels)) + 1.5 * labels + shift


def restored_by_search(labels, scores, aimed):
    """The lowest of all cuts just above a score that calls no more than that share of the reals."""
    reals = scores[labels == 0]
    cuts = [np.nextafter(r, np.inf) for r in reals]
    return min(cut for cut in cuts if np.mean(reals >= cut) <= aimed + 1e-12)


# Shares


def test_alone_it_is_wilsons():
    called = np.arange(40) < 9
    assert call_rate(called) == call_rate(called, np.arange(40) + 5) == wilson(9, 40)
    assert call_rate(called, level=0.8) == wilson(9, 40, 0.8)
    for k in (0, 40):
        assert call_rate(np.arange(40) < k) == wilson(k, 40)


def test_groups_that_answer_as_one_count_once():
    called, groups = np.arange(40) < 9, np.arange(40)
    for fold in (2, 5):
        many = call_rate(np.repeat(called, fold), np.repeat(groups, fold))
        once = call_rate(called)
        assert (many.value, many.low, many.high) == pytest.approx((once.value, once.low, once.high), abs=0.002)
        assert many.n == 40 * fold
        torn = call_rate(np.repeat(called, fold))  # as if every image were news
        assert torn.high - torn.low < 0.8 * (many.high - many.low)


def test_none_called_is_not_certain_and_groups_widen_it():
    groups = np.repeat(np.arange(10), 3)
    found = call_rate(np.zeros(30, bool), groups)
    assert (found.value, found.low) == (0, 0) and found.high == pytest.approx(wilson(0, 10).high)
    uneven = np.r_[np.zeros(27, int), 1, 2, 3]  # one group of 27 is hardly more than one image
    assert call_rate(np.zeros(30, bool), uneven).high == pytest.approx(wilson(0, 900 / 732).high, abs=1e-9)
    assert call_rate(np.ones(30, bool), groups).low == pytest.approx(wilson(10, 10).low)
    one = call_rate(np.arange(6) < 3, np.zeros(6))
    assert one.high - one.low > 0.85  # one group says next to nothing


def test_the_worth_of_groups_by_loops():
    rng = np.random.default_rng(0)
    groups = rng.integers(0, 25, 90)
    called = rng.random(90) < np.where(groups % 3 == 0, 0.7, 0.1)
    rate, off, sizes = called.mean(), 0.0, []
    for group in set(groups):
        members = [c for c, g in zip(called, groups, strict=True) if g == group]
        off += sum(c - rate for c in members) ** 2
        sizes.append(len(members))
    g = len(sizes)
    worth = rate * (1 - rate) / (g / (g - 1) * off / 90**2)
    assert 90**2 / sum(s * s for s in sizes) < worth < 90  # else it would be cut
    found, wanted = call_rate(called, groups), wilson(rate * worth, worth)
    assert (found.low, found.high) == pytest.approx((wanted.low, wanted.high))


def test_the_interval_of_a_grouped_share_covers_and_that_of_torn_groups_does_not():
    rng = np.random.default_rng(1)
    groups, hits = np.repeat(np.arange(60), 4), np.zeros(2)
    for _ in range(400):
        own = rng.beta(0.1, 0.9, 60)  # how often each group's images are called; .1 on average
        called = rng.random(240) < own[groups]
        for k, given in enumerate((groups, None)):
            found = call_rate(called, given)
            hits[k] += found.low <= 0.1 <= found.high
    assert 366 <= hits[0] <= 394  # 380 expected, sd 4.4
    assert hits[1] < 330


def test_no_image_or_no_group_is_refused():
    with pytest.raises(ValueError, match="at least one image"):
        call_rate([])
    with pytest.raises(ValueError, match=r"one group for each of 3 images, got shape \(2,\)"):
        call_rate([True, False, True], [1, 2])
    for missing in (np.array([1, np.nan, np.nan]), np.array(["a", None, "b"], object)):
        with pytest.raises(ValueError, match=r"[12] of them missing; .* a group of its own"):
            call_rate([True, False, True], missing)


# A frozen threshold


def test_the_rates_are_those_at_the_threshold():
    labels, scores = a_set(np.random.default_rng(2))
    found = frozen(labels, scores, threshold=1.0, aimed_fpr=0.1, n_resamples=50)
    fp = sum(1 for y, s in zip(labels, scores, strict=True) if y == 0 and s >= 1.0)
    tp = sum(1 for y, s in zip(labels, scores, strict=True) if y == 1 and s >= 1.0)
    assert found["fpr"] == wilson(fp, 120) and found["tpr"] == wilson(tp, 80)
    edge = frozen([0, 0, 1, 1], [0.2, 0.5, 0.5, 0.9], threshold=0.5, aimed_fpr=0.5, n_resamples=50)
    assert edge["fpr"].value == 0.5 and edge["tpr"].value == 1  # at the threshold is called


@pytest.mark.parametrize("aimed", [0.01, 0.1, 0.1999, 0.2, 0.5])
def test_the_restored_threshold_by_search(aimed):
    rng = np.random.default_rng(3)
    for ties in (False, True):
        labels, scores = a_set(rng)
        scores = np.round(scores) if ties else scores
        order = rng.permutation(len(labels))
        labels, scores = labels[order], scores[order]
        found = frozen(labels, scores, threshold=0.7, aimed_fpr=aimed, n_resamples=20)
        cut = restored_by_search(labels, scores, aimed)
        assert found["restored"].value == cut and found["shift"].value == cut - 0.7
        assert np.mean(scores[labels == 0] >= cut) <= aimed
        lower = scores[(labels == 0) & (scores < cut)].max()
        assert np.mean(scores[labels == 0] >= lower) > aimed  # a lower one calls too many
        assert found["tpr_restored"].value == pytest.approx(np.mean(scores[labels == 1] >= cut))


def test_a_set_moved_by_one_needs_a_threshold_moved_by_one():
    rng = np.random.default_rng(4)
    valid = a_set(rng, 2000, 2000)
    threshold = choose_threshold(*valid, rule="fpr<=0.1")
    assert threshold == pytest.approx(norm.ppf(0.9), abs=0.1)
    same = frozen(*a_set(rng, 800, 400), threshold=threshold, aimed_fpr=0.1, n_resamples=300)
    assert same["fpr"].low < 0.1 < same["fpr"].high and same["shift"].low < 0 < same["shift"].high
    moved = frozen(*a_set(rng, 800, 400, shift=1), threshold=threshold, aimed_fpr=0.1, n_resamples=300)
    assert moved["shift"].low < 1 < moved["shift"].high and moved["shift"].low > 0.7
    assert moved["fpr"].value == pytest.approx(norm.sf(norm.ppf(0.9) - 1), abs=0.06)
    assert moved["tpr_restored"].value == pytest.approx(norm.sf(norm.ppf(0.9) - 1.5), abs=0.08)
    assert moved["shift"].n == 800 and moved["tpr_restored"].n == 400


def test_draws_of_the_shift_are_those_of_repeated_images():
    """The fast form over counts against the plain one over rows, on the very draws."""
    from fakeface_utils.evaluation.intervals import bootstrap

    labels, scores = a_set(np.random.default_rng(5), 40, 30)
    groups = np.r_[np.arange(40) // 2, np.arange(30) + 15]  # some of one class, some mixed
    found = frozen(labels, scores, groups, threshold=0.4, aimed_fpr=0.1, n_resamples=200, seed=3)
    plain = bootstrap(
        lambda y, s: restored_by_search(y, s, 0.1) - 0.4, labels, scores, groups, n_resamples=200, seed=3
    )
    assert (found["shift"].low, found["shift"].high) == pytest.approx((plain.low, plain.high))


def test_duplicates_do_not_narrow_the_shift_when_they_are_groups():
    labels, scores = a_set(np.random.default_rng(6), 100, 60)
    options = {"threshold": 0.5, "aimed_fpr": 0.1, "n_resamples": 400}
    one = frozen(labels, scores, **options)
    ids = np.repeat(np.arange(160), 4)
    many = frozen(np.repeat(labels, 4), np.repeat(scores, 4), ids, **options)
    torn = frozen(np.repeat(labels, 4), np.repeat(scores, 4), **options)
    for name in ("shift", "tpr_restored"):
        assert (many[name].low, many[name].high) == pytest.approx((one[name].low, one[name].high))
        assert torn[name].high - torn[name].low < 0.8 * (many[name].high - many[name].low)
    assert many["fpr"].high == pytest.approx(one["fpr"].high, abs=0.002)


def test_a_constant_predictor_comes_out_as_one():
    labels = np.r_[np.zeros(60, int), np.ones(40, int)]
    scores = np.full(100, 0.4)
    called = frozen(labels, scores, threshold=0.4, aimed_fpr=0.1, n_resamples=50)
    assert called["fpr"].value == called["tpr"].value == 1
    spared = frozen(labels, scores, threshold=0.5, aimed_fpr=0.1, n_resamples=50)
    assert spared["fpr"].value == spared["tpr"].value == 0 and spared["fpr"].high > 0.05
    for found in (called, spared):
        assert found["tpr_restored"].value == 0 and 0.4 < found["restored"].value < 0.4 + 1e-9


def test_what_cannot_be_told_is_refused():
    labels, scores = a_set(np.random.default_rng(7), 60, 40)
    options = {"threshold": 0.5, "aimed_fpr": 0.1}
    with pytest.raises(ValueError, match=r"FPR of 0\.01, one real in 100, takes as many reals, and here are 60"):
        frozen(labels, scores, threshold=0.5, aimed_fpr=0.01)
    for bad in (0, 1, -0.1, np.nan):
        with pytest.raises(ValueError, match="between 0 and 1"):
            frozen(labels, scores, threshold=0.5, aimed_fpr=bad)
    for bad_labels, bad_scores in ((labels * 0, scores), (labels, scores[1:]), (labels + 1, scores)):
        with pytest.raises(ValueError, match=r"need reals \(0\) and fakes \(1\), a score each"):
            frozen(bad_labels, bad_scores, **options)
    with pytest.raises(ValueError, match="finite"):
        frozen(labels, np.where(scores > 1, np.inf, scores), **options)
    with pytest.raises(ValueError, match="threshold a number"):
        frozen(labels, scores, threshold=np.nan, aimed_fpr=0.1)
    with pytest.raises(ValueError, match="one group for each"):
        frozen(labels, scores, np.arange(3), **options)
