"""Intervals: right in known cases, and covering what they promise to cover."""

import numpy as np
import pytest
from scipy.stats import norm, t
from sklearn.metrics import roc_auc_score

from fakeface_utils.evaluation.intervals import Estimate, auc, bootstrap, mean, mean_share, wilson


def binormal(rng, n_real, n_fake, area):
    labels = np.r_[np.zeros(n_real, int), np.ones(n_fake, int)]
    return labels, rng.normal(size=n_real + n_fake) + labels * np.sqrt(2) * norm.ppf(area)


def test_estimate_prints():
    estimate = Estimate(0.7123, 0.684, 0.7449, 100)
    assert str(estimate) == f"{estimate}" == ".71 [.68, .74]"
    assert f"{estimate:.3f}" == ".712 [.684, .745]"
    assert str(Estimate(1.0, 0.996, 1.0, 3)) == "1.00 [1.00, 1.00]"
    assert str(Estimate(-0.05, -0.1, 10.04, 3)) == "-.05 [-.10, 10.04]"
    with pytest.raises(AttributeError):
        estimate.value = 1


def test_wilson_known_values():
    # Newcombe 1998, table I: 81 of 263 and 0 of 20
    a, b = wilson(81, 263), wilson(0, 20)
    assert (a.low, a.high) == pytest.approx((0.2553, 0.3662), abs=5e-5)
    assert (b.low, b.high) == pytest.approx((0.0, 0.1611), abs=5e-5)
    assert wilson(5, 10, level=0.5).high < wilson(5, 10).high
    for bad in ((3, 2), (-1, 4), (0, 0)):
        with pytest.raises(ValueError, match="0 <= successes <= n"):
            wilson(*bad)


def test_auc_is_the_share_of_pairs():
    rng = np.random.default_rng(0)
    labels, scores = rng.integers(0, 2, 80), rng.integers(0, 6, 80)  # many ties
    real, fake = scores[labels == 0], scores[labels == 1]
    pairs = [(f > r) + 0.5 * (f == r) for f in fake for r in real]
    assert auc(labels, scores, n_resamples=10).value == pytest.approx(np.mean(pairs))


@pytest.mark.parametrize("groups", [None, np.arange(90) // 3, np.arange(90) // 40])
def test_the_fast_resamples_are_those_of_the_plain_metric(groups):
    rng = np.random.default_rng(1)
    labels, scores = np.arange(90) % 2, rng.integers(0, 9, 90).astype(float)
    if groups is not None and groups.max() == 2:
        labels = np.sort(labels)  # some groups of one class, one mixed
    fast, plain = (
        auc(labels, scores, groups, n_resamples=150),
        bootstrap(roc_auc_score, labels, scores, groups, n_resamples=150),
    )
    assert (fast.value, fast.low, fast.high, fast.n) == pytest.approx((plain.value, plain.low, plain.high, plain.n))


def test_coverage_on_a_known_auc():
    rng = np.random.default_rng(2)
    hits = 0
    for seed in range(300):
        estimate = auc(*binormal(rng, 60, 40, 0.75), n_resamples=400, seed=seed)
        hits += estimate.low <= 0.75 <= estimate.high
    # 95 % of 300 is 285, sd 3.8. A 90 % interval (270) or one for twice the images (about 250) falls outside.
    assert 274 <= hits <= 296


def test_coverage_with_duplicates_needs_groups():
    rng = np.random.default_rng(3)
    hits = np.zeros(2)
    for seed in range(150):
        labels, scores = (np.repeat(x, 4) for x in binormal(rng, 50, 50, 0.75))
        groups = np.repeat(np.arange(100), 4)
        for k, g in enumerate((groups, None)):
            estimate = auc(labels, scores, g, n_resamples=300, seed=seed)
            hits[k] += estimate.low <= 0.75 <= estimate.high
    assert 134 <= hits[0] <= 149
    assert hits[1] < 120


def test_duplicates_do_not_narrow_a_grouped_interval():
    labels, scores = binormal(np.random.default_rng(4), 100, 100, 0.7)
    one = auc(labels, scores)
    many = auc(np.repeat(labels, 5), np.repeat(scores, 5), np.repeat(np.arange(200), 5))
    blind = auc(np.repeat(labels, 5), np.repeat(scores, 5))
    assert (many.low, many.high) == pytest.approx((one.low, one.high), abs=1e-12)  # the same draws
    assert blind.high - blind.low < 0.6 * (many.high - many.low)


def test_strata_and_mixed_groups():
    labels = np.r_[np.zeros(30, int), np.ones(30, int)]
    counts = []

    def share(y, s):
        counts.append((y == 0).sum())
        return y.mean()

    bootstrap(share, labels, labels, n_resamples=50)
    assert set(counts) == {30}  # one-class groups: class counts never move
    counts.clear()
    pairs = np.r_[np.arange(30), np.arange(30)]  # every group one real, one fake
    pairs[30:40] = -1  # ten fakes in one group with nobody: an all-fake group
    bootstrap(share, labels, labels, pairs, n_resamples=50)
    assert set(counts) == {30}
    counts.clear()
    uneven = np.r_[np.arange(30), np.repeat(np.arange(10), 3)]  # mixed 1:3 and all-real groups
    bootstrap(share, labels, labels, uneven, n_resamples=50)
    assert set(counts) == {30}
    counts.clear()
    trios = np.r_[np.repeat(np.arange(10), [1, 1, 1, 1, 1, 5, 5, 5, 5, 5]), np.arange(30) % 10]
    bootstrap(share, labels, labels, trios, n_resamples=50)
    assert len(set(counts)) > 3 and min(counts) > 0  # mixed groups of unequal size move the counts


def test_seed_and_level():
    labels, scores = binormal(np.random.default_rng(5), 80, 80, 0.7)
    assert auc(labels, scores, seed=1) == auc(labels, scores, seed=1) != auc(labels, scores, seed=2)
    wide, narrow = auc(labels, scores, level=0.99), auc(labels, scores, level=0.8)
    assert wide.low < narrow.low < narrow.high < wide.high


def test_order_of_the_images_does_not_matter_to_the_value():
    labels, scores = binormal(np.random.default_rng(6), 50, 70, 0.7)
    order = np.random.default_rng(7).permutation(120)
    assert auc(labels[order], scores[order]).value == pytest.approx(auc(labels, scores).value)


def test_errors():
    with pytest.raises(ValueError, match="reals and fakes"):
        auc([1, 1], [0.1, 0.2])
    with pytest.raises(ValueError, match="as many"):
        bootstrap(roc_auc_score, [0, 1], [0.1])
    with pytest.raises(ValueError, match="as many"):
        bootstrap(roc_auc_score, [], [])
    with pytest.raises(ValueError, match=r"0 \(real\) or 1"):
        auc([0, 2], [0.1, 0.2])


def test_a_mean_draws_whole_groups_and_refuses_what_is_not_finite():
    rng = np.random.default_rng(0)
    values = np.repeat(rng.normal(1, 1, 50), 4)  # four equal values a group: 50 pieces of news, not 200
    groups = np.repeat(np.arange(50), 4)
    alone, together = mean(values), mean(values, groups)
    assert alone.value == together.value == pytest.approx(values.mean())
    half = (together.high - together.low) / 2
    assert half == pytest.approx(1.96 * values[::4].std() / np.sqrt(50), rel=0.1)
    assert (alone.high - alone.low) / 2 == pytest.approx(half / 2, rel=0.15)
    with pytest.raises(ValueError, match="1 of 3 values are not finite"):
        mean([1, np.inf, 2])


# A share over several sources


def test_the_share_of_several_sources_by_hand():
    said = np.zeros((3, 10), bool)
    for source, count in enumerate((6, 4, 2)):
        said[source, :count] = True
    found = mean_share(said)
    half = t.ppf(0.975, 2) * 0.2 / np.sqrt(3)  # shares .6, .4 and .2 have a standard deviation of .2
    assert (found.value, found.n) == (pytest.approx(0.4), 30)
    assert (found.low, found.high) == (0, pytest.approx(0.4 + half))  # .4 - half is below 0
    narrow = mean_share(said, level=0.5)
    half = t.ppf(0.75, 2) * 0.2 / np.sqrt(3)
    assert (narrow.low, narrow.high) == pytest.approx((0.4 - half, 0.4 + half))
    assert mean_share(~said).high == 1 and mean_share(~said).low == pytest.approx(1 - found.high)
    assert mean_share(said.astype(int)) == found


def test_the_share_of_one_source_is_wilsons():
    said = np.arange(20) < 7
    assert mean_share(said) == mean_share(said[None]) == wilson(7, 20)
    assert mean_share(said, level=0.8) == wilson(7, 20, level=0.8)
    assert mean_share(said).n == 20 and mean_share(np.zeros(5)).low == 0


def test_sources_of_one_share_still_have_an_interval():
    for count in (0, 5, 20):
        said = np.tile(np.arange(20) < count, (3, 1))
        assert mean_share(said) == wilson(3 * count, 60) and mean_share(said).low < mean_share(said).high
    rng, hits = np.random.default_rng(9), 0
    for _ in range(500):  # where no picture of 3 x 200 is called fake as often as not
        found = mean_share(rng.random((3, 200)) < 0.001)
        hits += found.low <= 0.001 <= found.high
    assert hits >= 475


@pytest.mark.parametrize("said", [np.zeros((2, 3, 4)), [], np.zeros((3, 0)), np.zeros((0, 4))])
def test_a_share_of_no_images_is_refused(said):
    with pytest.raises(ValueError, match=r"\(n,\) or \(sources, n\), got \("):
        mean_share(said)


def test_the_share_of_sources_covers_that_of_another_on_average():
    """Images of one source are alike: who counts them all as independent has far too narrow an interval."""
    rng = np.random.default_rng(8)
    hits = np.zeros(2)
    for _ in range(1000):
        own = np.clip(rng.normal(0.5, 0.1, 3), 0, 1)  # the share that each of three generators has in truth
        said = rng.random((3, 200)) < own[:, None]
        for k, found in enumerate((mean_share(said), wilson(said.sum(), said.size))):
            hits[k] += found.low <= 0.5 <= found.high
    # 95 % of 1,000 is 950, sd 6.9. With 1.96 for Student's 4.3 it would be some 810.
    assert 930 <= hits[0] <= 970
    assert hits[1] < 600
