"""Paired tests: against their definitions, against each other, and by how often they are wrong."""

from dataclasses import FrozenInstanceError
from math import comb

import numpy as np
import pytest
from scipy.stats import t, ttest_1samp, ttest_rel
from sklearn.metrics import accuracy_score, roc_auc_score
from statsmodels.stats.proportion import confint_proportions_2indep

from fakeface_utils.evaluation.paired import (
    Difference,
    _over_seeds,
    delong,
    family_table,
    holm,
    mcnemar,
    nadeau_bengio,
    paired_bootstrap,
    recipes,
    share_change,
    shares,
)


def two_models(rng, n_real, n_fake, a=1.0, b=1.0, shared=0.8):
    labels = np.r_[np.zeros(n_real, int), np.ones(n_fake, int)]
    common = rng.normal(size=len(labels)) * np.sqrt(shared)
    own = rng.normal(size=(2, len(labels))) * np.sqrt(1 - shared)
    return labels, common + own[0] + a * labels, common + own[1] + b * labels


def delong_by_pairs(labels, a, b):
    """DeLong's variance by its definition, over all pairs."""
    psi = [
        (s[labels == 1][:, None] > s[labels == 0]) + 0.5 * (s[labels == 1][:, None] == s[labels == 0])
        for s in (a, b)
    ]
    v10, v01 = [p.mean(axis=1) for p in psi], [p.mean(axis=0) for p in psi]
    s10, s01 = np.cov(v10), np.cov(v01)
    contrast = np.array([1, -1])
    variance = contrast @ (s10 / len(v10[0]) + s01 / len(v01[0])) @ contrast
    return psi[0].mean() - psi[1].mean(), np.sqrt(variance)


@pytest.mark.parametrize("digits", [0, 1, 8])
def test_delong_is_its_definition(digits):
    rng = np.random.default_rng(0)
    labels, a, b = two_models(rng, 70, 45, a=1.4)
    order = rng.permutation(115)
    labels, a, b = labels[order], np.round(a, digits)[order], np.round(b, digits)[order]
    found = delong(labels, a, b)
    assert (found.value, found.se) == pytest.approx(delong_by_pairs(labels, a, b))
    assert found.value == pytest.approx(roc_auc_score(labels, a) - roc_auc_score(labels, b))
    back = delong(labels, b, a)
    assert (back.value, back.se, back.p) == pytest.approx((-found.value, found.se, found.p))


def test_delong_known_p():
    found = delong(*two_models(np.random.default_rng(1), 60, 60, a=1.3))
    z = found.value / found.se
    assert found.p == pytest.approx(2 * t.sf(abs(z), np.inf))
    assert found.interval() == pytest.approx((found.value - 1.959964 * found.se, found.value + 1.959964 * found.se))
    assert found.interval(0.9)[1] == pytest.approx(found.value + 1.644854 * found.se)
    assert "DeLong, n = 120" in str(found) and str(found).startswith(f"{found.value:+.3f} [")
    with pytest.raises(FrozenInstanceError):
        found.p = 0


def test_delong_agrees_with_the_bootstrap():
    labels, a, b = two_models(np.random.default_rng(2), 300, 250, a=1.2)
    exact, drawn = delong(labels, a, b), paired_bootstrap(roc_auc_score, labels, a, b)
    assert drawn.value == pytest.approx(exact.value) and drawn.se == pytest.approx(exact.se, rel=0.06)
    unpaired = delong(labels, a, np.random.default_rng(3).permuted(b[:300]).tolist() + b[300:].tolist())
    assert unpaired.se > 1.3 * exact.se  # the pairing is what makes it sharp


def test_delong_where_its_variance_is_zero():
    labels = np.r_[np.zeros(20, int), np.ones(20, int)]
    perfect, other, constant = labels + 0.0, labels + np.tile([0.1, 0.2], 20), np.full(40, 0.3)
    same = delong(labels, perfect, 2 * perfect + 1)
    assert (same.value, same.se, same.p) == (0, 0, 1) and same.interval() == (0, 0)
    both = delong(labels, perfect, other)  # both at AUC 1 on 40 images: that is not a proof of equality
    assert both.value == 0 and both.p == 1 and both.interval(0.9)[1] > 0.02 and "degenerate" in both.method
    assert delong(labels, perfect, constant).p < 0.01 and delong(labels, perfect, constant).value == 0.5
    few = delong([0, 0, 1, 1], [0, 0, 1, 1], [0, 0, 0, 0])
    assert few.p > 0.1
    for bad in (([0, 1, 1], [1, 2, 3], [1, 2, 3]), ([0, 0, 1, 1], [1, 2, 3, np.nan], [1, 2, 3, 4])):
        with pytest.raises(ValueError, match="two images of each class"):
            delong(*bad)


def test_delong_covers():
    rng = np.random.default_rng(4)
    truth = delong(*two_models(rng, 200_000, 200_000, a=1.3)).value
    hits = 0
    for _ in range(500):
        low, high = delong(*two_models(rng, 70, 50, a=1.3)).interval()
        hits += low <= truth <= high
    assert 463 <= hits <= 488  # 95 % is 475, sd 4.9


def hard(b, c, both=3, neither=2):
    """Labels and two predictions in which A alone is right b times and B alone c times."""
    a = np.repeat([1, 0, 1, 0], [b, c, both, neither])
    return np.ones(len(a), int), a, np.repeat([0, 1, 1, 0], [b, c, both, neither])


@pytest.mark.parametrize("b, c", [(0, 0), (1, 0), (5, 5), (6, 0), (9, 1), (3, 17), (60, 40)])
def test_mcnemar_is_the_binomial_formula(b, c):
    found = mcnemar(*hard(b, c, 90, 7))
    n = b + c
    p = min(1, 2 * sum(comb(n, k) for k in range(min(b, c) + 1)) / 2**n)
    assert (found.b, found.c, found.n) == (b, c, n + 97) and found.p == pytest.approx(p)
    assert found.value == pytest.approx((b - c) / (n + 97))
    assert f"only A right {b}, only B right {c}" in str(found)


def test_mcnemar_counts_both_classes():
    labels = np.array([0, 0, 1, 1, 1])
    found = mcnemar(labels, [0, 0, 1, 0, 1], [1, 0, 0, 1, 1])
    assert (found.b, found.c) == (2, 1)


def test_the_interval_of_mcnemar_agrees_with_the_test():
    for b in range(0, 40):
        for c in range(0, 25):
            found = mcnemar(*hard(b, c, 300, 40))
            for level in (0.95, 0.99):
                low, high = found.interval(level)
                assert low <= found.value <= high
                assert found.p < 1 - level or low <= 0 <= high, (b, c, level)
    assert mcnemar(*hard(0, 0, 10, 0)).interval(0.9)[1] > 0.03  # ten images prove no equality
    assert mcnemar(*hard(5, 0, 0, 0)).interval() == pytest.approx((-0.0436, 1), abs=1e-3)


def test_the_interval_of_mcnemar_covers():
    rng = np.random.default_rng(5)
    for chances in ([0.7, 0.12, 0.06, 0.12], [0.85, 0.10, 0.01, 0.04]):
        hits = 0
        for both, b, c, neither in rng.multinomial(150, chances, 400):
            low, high = mcnemar(*hard(b, c, both, neither)).interval()
            hits += low <= chances[1] - chances[2] <= high
        assert 371 <= hits <= 399  # at least 95 % (380, sd 4.4); exactness costs a little


def test_mcnemar_refuses_scores():
    for bad in (([0, 1], [0.2, 0.7], [0, 1]), ([0, 1], [0, 1, 1], [0, 1]), ([], [], [])):
        with pytest.raises(ValueError, match="each 0 or 1"):
            mcnemar(*bad)


def test_paired_bootstrap_fast_form_and_other_metrics():
    labels, a, b = two_models(np.random.default_rng(6), 60, 40, a=1.5)
    groups = np.arange(100) // 2
    fast = paired_bootstrap(roc_auc_score, labels, a, b, groups, n_resamples=200)
    plain = paired_bootstrap(lambda y, s: roc_auc_score(y, s), labels, a, b, groups, n_resamples=200)
    assert (fast.value, fast.se, fast.p) == pytest.approx((plain.value, plain.se, plain.p))
    hard = [labels, (a > 0.5).astype(float), b > 0.5, groups]
    fast = paired_bootstrap(accuracy_score, *hard, n_resamples=200)
    plain = paired_bootstrap(lambda y, s: accuracy_score(y, s), *hard, n_resamples=200)
    assert (fast.value, fast.se, fast.p) == pytest.approx((plain.value, plain.se, plain.p)) and fast.se > 0.01
    with pytest.raises(ValueError, match="continuous"):
        paired_bootstrap(accuracy_score, labels, a, b, n_resamples=5)
    right = mcnemar(labels, a > 0.5, b > 0.5)
    drawn = paired_bootstrap(accuracy_score, labels, a > 0.5, b > 0.5, n_resamples=400)
    assert drawn.value == pytest.approx(right.value) and drawn.se == pytest.approx(right.se, rel=0.25)


def test_paired_bootstrap_resamples_groups():
    labels, a, b = two_models(np.random.default_rng(7), 80, 80)
    one = paired_bootstrap(roc_auc_score, labels, a, b)
    labels, a, b = (np.repeat(x, 4) for x in (labels, a, b))
    assert paired_bootstrap(roc_auc_score, labels, a, b, np.repeat(np.arange(160), 4)).se == pytest.approx(one.se)
    assert paired_bootstrap(roc_auc_score, labels, a, b).se < 0.6 * one.se


def runs(rng, labels, shift, seeds, between, noise=0.6):
    """Scores (seeds, n) of a recipe whose runs differ by ``between`` in how well they separate."""
    strength = shift + between * rng.normal(size=(seeds, 1))
    return strength * labels + noise * rng.normal(size=(seeds, len(labels)))


def test_recipes_need_five_seeds():
    labels = np.arange(40) % 2
    scores = np.random.default_rng(8).normal(size=(5, 40))
    with pytest.raises(ValueError, match="at least 5 seeds each, got 5 and 4"):
        recipes(labels, scores, scores[:4])
    with pytest.raises(ValueError, match="at least 5 seeds each, got 1 and 5"):
        recipes(labels, scores[0], scores)
    assert recipes(labels, scores, scores[:, ::-1], n_resamples=50).method == "5 and 5 seeds"


def test_recipes_without_spread_between_seeds_are_two_models():
    labels, a, b = two_models(np.random.default_rng(9), 80, 80, a=1.3)
    one = paired_bootstrap(roc_auc_score, labels, a, b, n_resamples=300)
    many = recipes(labels, np.tile(a, (5, 1)), np.tile(b, (7, 1)), n_resamples=300)
    assert (many.value, many.se, many.df) == pytest.approx((one.value, one.se, np.inf))


def test_recipes_resample_groups():
    labels, rng = np.arange(80) % 2, np.random.default_rng(13)
    a, b = (runs(rng, labels, 1.0, 5, 0.1) + rng.normal(size=80) for _ in range(2))
    one = recipes(labels, a, b)
    labels, a, b = (np.repeat(x, 4, axis=-1) for x in (labels, a, b))
    assert recipes(labels, a, b, np.repeat(np.arange(80), 4)).se == pytest.approx(one.se)
    assert recipes(labels, a, b).se < 0.7 * one.se


def test_recipes_whose_seeds_make_the_spread_are_a_t_test():
    rng = np.random.default_rng(10)
    labels = np.arange(4000) % 2
    a, b = (runs(rng, labels, 1.5, k, 0.5, noise=1) for k in (6, 8))
    found = recipes(labels, a, b, n_resamples=1500)
    x, y = ([roc_auc_score(labels, s) for s in scores] for scores in (a, b))
    welch = np.sqrt(np.var(x, ddof=1) / 6 + np.var(y, ddof=1) / 8)
    assert found.value == pytest.approx(np.mean(x) - np.mean(y))
    assert welch - 1e-12 <= found.se < 1.05 * welch and 5 <= found.df < 14


@pytest.mark.parametrize("between, shared", [(0.8, 0.0), (0.25, 1.0), (0.0, 1.0), (0.0, 0.0)])
def test_recipes_that_are_the_same_seldom_differ(between, shared):
    """Five and five seeds of one recipe; ``shared`` noise of the images hits all runs, or all of a recipe, alike."""
    rng = np.random.default_rng(11)
    labels, wrong, values, errors = np.arange(80) % 2, 0, [], []
    for seed in range(300):
        common = shared * rng.normal(size=80)
        tied = shared * 0.7 * rng.normal(size=(2, 1, 80))
        a, b = (runs(rng, labels, 1.5, 5, between) + common + tied[k] for k in (0, 1))
        found = recipes(labels, a, b, n_resamples=150, seed=seed)
        wrong += found.p < 0.05
        values.append(found.value)
        errors.append(found.se)
    assert 2 <= wrong <= 26  # 5 % is 15, sd 3.8; a plain bootstrap where the seeds make the spread: 12 %
    assert 0.88 < np.sqrt(np.mean(np.square(errors))) / np.std(values) < 1.18


def test_the_variance_over_seeds_by_its_definition():
    rng = np.random.default_rng(16)
    draws = (
        rng.normal(size=(40, 1)) + rng.normal(size=(40, 11)) + np.repeat(rng.normal(size=(40, 2)), [5, 6], axis=1)
    )
    found, cov = [rng.normal(size=5), rng.normal(size=6)], np.cov(draws, rowvar=False)
    pairs = [(i, j) for i in range(11) for j in range(11) if i != j]
    inner_a, inner_b, across = (
        np.mean([cov[p] for p in pairs if (p[0] < 5) + (p[1] < 5) == both]) for both in (2, 0, 1)
    )
    parts = [np.var(found[0], ddof=1) / 5, np.var(found[1], ddof=1) / 6]
    variance = sum(parts) + inner_a + inner_b - 2 * across
    df = variance**2 / (parts[0] ** 2 / 4 + parts[1] ** 2 / 5)
    assert _over_seeds(found, draws) == pytest.approx((np.sqrt(variance), df)) and inner_a + inner_b > 2 * across
    alone = parts[0] + inner_a
    assert _over_seeds(found[:1], draws[:, :5]) == pytest.approx((np.sqrt(alone), alone**2 / (parts[0] ** 2 / 4)))
    opposed = draws[:, :1] * [1, -1, 1, -1, 0]  # runs that part on the same images make none of the luck shared
    assert _over_seeds(found[:1], opposed) == pytest.approx((np.sqrt(parts[0]), 4))


def test_recipes_fast_accuracy_is_the_slow_one():
    labels, rng = np.arange(60) % 2, np.random.default_rng(14)
    a, b = (runs(rng, labels, shift, 5, 0.3) > 0.5 for shift in (1.5, 0.8))
    slow = recipes(labels, a, b, metric=lambda y, s: accuracy_score(y, s), n_resamples=60)
    fast = recipes(labels, a, b, metric=accuracy_score, n_resamples=60)
    assert (fast.value, fast.se, fast.df) == pytest.approx((slow.value, slow.se, slow.df))


@pytest.mark.parametrize("shared", [0.0, 1.0])
def test_recipes_that_see_nothing_seldom_beat_a_constant(shared):
    rng = np.random.default_rng(15)
    labels, wrong = np.arange(80) % 2, 0
    for seed in range(200):
        noise = shared * rng.normal(size=80) + rng.normal(size=(5, 80))
        wrong += recipes(labels, noise, np.full((5, 80), 0.5), n_resamples=150, seed=seed).p < 0.05
    assert 2 <= wrong <= 19  # 5 % is 10, sd 3.1


def test_recipes_whose_runs_are_all_alike_differ_by_no_rounding():
    labels, constant = np.arange(100) % 2, np.full((7, 100), 0.5)
    same = recipes(labels, constant[:5], constant, n_resamples=20)
    assert (same.value, same.se, same.p, same.interval()) == (0, 0, 1, (0, 0))
    for wrong in range(1, 30):
        run = np.r_[1 - labels[:wrong], labels[wrong:]]
        same = recipes(labels, *(np.tile(run, (k, 1)) for k in (5, 7)), metric=accuracy_score, n_resamples=20)
        assert same.value == pytest.approx(0, abs=1e-12) and (same.se, same.p) == (0, 1), wrong


def test_nadeau_bengio_by_hand():
    differences = [0.02, 0.05, -0.01, 0.03, 0.01]
    found = nadeau_bengio(differences, 900, 100)
    se = np.sqrt((1 / 5 + 1 / 9) * np.var(differences, ddof=1))
    assert (found.value, found.se, found.df, found.n) == pytest.approx((0.02, se, 4, 5))
    assert found.p == pytest.approx(2 * t.sf(0.02 / se, 4))
    assert found.interval() == pytest.approx((0.02 - 2.776445 * se, 0.02 + 2.776445 * se))
    assert found.p > ttest_1samp(differences, 0).pvalue
    assert nadeau_bengio([0, 0, 0], 9, 1).p == 1
    for bad in (([0.1], 9, 1), ([0.1, np.nan], 9, 1), ([0.1, 0.2], 0, 1)):
        with pytest.raises(ValueError, match="two finite differences"):
            nadeau_bengio(*bad)


def test_a_change_of_shares_is_the_paired_t_test():
    late, early = (np.array([np.arange(50) < n for n in counts]) for counts in ((45, 35, 48), (25, 30, 20)))
    found, expected = share_change(late, early), ttest_rel(late.mean(axis=1), early.mean(axis=1))
    assert (found.value, found.p) == pytest.approx((53 / 150, expected.pvalue))
    assert found.interval() == pytest.approx(tuple(expected.confidence_interval()))
    assert (found.n, found.df) == (300, 2)


def test_a_change_that_is_the_same_in_all_runs_is_no_certainty():
    zero = share_change(np.zeros((3, 100)), np.zeros((3, 100)))
    p = 1 / 302
    assert zero.value == 0 and zero.se == pytest.approx(np.sqrt(2 * p * (1 - p) / 302))
    same = share_change(np.tile(np.arange(100) < 52, (3, 1)), np.tile(np.arange(100) < 50, (3, 1)))
    assert same.p > 0.5


@pytest.mark.parametrize(
    "bad", [([[1, 0]], [[1, 1]]), ([[1], [0]], [[1]]), ([[0.5], [1]], [[1], [0]]), ([1, 0], [1, 1])]
)
def test_a_change_of_shares_refuses_what_is_none(bad):
    with pytest.raises(ValueError, match="two runs or more"):
        share_change(*bad)


def test_shares_of_one_run_are_agresti_and_caffos():
    found = shares(np.r_[np.ones(7), np.zeros(3)], np.r_[np.ones(2), np.zeros(18)])
    low, high = confint_proportions_2indep(7, 10, 2, 20, compare="diff", method="agresti-caffo")
    assert found.value == pytest.approx(0.6)
    assert np.diff(found.interval())[0] == pytest.approx(high - low)  # the same width, around the plain difference
    assert shares(np.ones(50), np.zeros(40)).interval()[0] < 1  # the plain formula would give a point


def test_shares_count_the_spread_of_runs():
    def runs(*counts):
        return np.array([np.arange(100) < n for n in counts])

    reals = np.arange(200) < 40
    alike, apart = shares(runs(80, 80, 80), reals), shares(runs(60, 80, 100), reals)
    assert alike.value == apart.value == pytest.approx(0.6) and apart.se > 3 * alike.se and apart.df < alike.df
    of_runs, of_reals = 0.04 / 3, 41 / 202 * 161 / 202 / 202
    assert apart.se**2 == pytest.approx(of_runs + of_reals)
    assert apart.df == pytest.approx(2 * (of_runs + of_reals) / of_runs)


@pytest.mark.parametrize("bad", [([0.5, 1], [1]), ([], [1]), ([1], [[1, 0]]), ([[[1]]], [1]), ([1], [np.nan])])
def test_shares_refuse_scores_and_nothing(bad):
    with pytest.raises(ValueError, match="calls of 0 or 1"):
        shares(*bad)


@pytest.mark.parametrize(("runs", "spread"), [(1, 0.0), (3, 0.0), (3, 0.15)])
def test_the_interval_of_shares_covers(runs, spread):
    """Sources that are called fake alike seldom differ: 95 % intervals hold the true difference, 0."""
    rng, missed, n = np.random.default_rng(0), 0, 1000
    for _ in range(n):
        own = np.clip(0.6 + spread * rng.uniform(-1, 1, runs), 0, 1)
        low, high = shares(rng.random((runs, 300)) < own[:, None], rng.random(120) < 0.6).interval()
        missed += not low <= 0 <= high
    assert 0.015 <= missed / n <= 0.07


def test_holm_by_hand():
    found = holm([0.01, 0.04, 0.03, 0.005])
    assert found.adjusted == pytest.approx((0.03, 0.06, 0.06, 0.02))
    assert found.rejected == (True, False, False, True)
    # .005 at .05/4, .01 at .05/3, .03 fails at .05/2, and .04 stays at the level of the one that failed
    assert found.levels == pytest.approx((1 - 0.05 / 3, 1 - 0.05 / 2, 1 - 0.05 / 2, 1 - 0.05 / 4))
    assert str(found).startswith("2 of 4 differ")
    assert holm([0.2]).levels == (0.95,)
    for bad in ([], [0.1, np.nan], [1.2]):
        with pytest.raises(ValueError, match="p-values between 0 and 1"):
            holm(bad)


def test_intervals_after_holm_leave_out_zero_just_where_holm_rejects(monkeypatch):
    monkeypatch.setattr("gc.collect", lambda: 0)  # statsmodels collects at every call
    rng = np.random.default_rng(12)
    for _ in range(300):
        z = rng.normal(1, 1.5, rng.integers(1, 9))
        family = [Difference(x, 1.0, 2 * t.sf(abs(x), np.inf), 10, "made up") for x in z]
        corrected = holm([d.p for d in family])
        for d, level, rejected in zip(family, corrected.levels, corrected.rejected, strict=True):
            low, high = d.interval(level)
            assert (low > 0 or high < 0) == rejected


def test_a_family_is_shown_with_the_intervals_that_agree_with_holm():
    found = {"a": Difference(0.05, 0.01, 5.7e-7, 9, "x"), "b": Difference(0.05, 0.0235, 0.033, 9, "x")}
    table = family_table(found)
    assert table.index.tolist() == ["a", "b"] and table["difference"].tolist() == ["+0.050", "+0.050"]
    family = holm([d.p for d in found.values()])
    assert table["p after Holm"].tolist() == [f"{p:.3g}" for p in family.adjusted]
    low, high = found["a"].interval(0.975)
    assert table.loc["a", "interval after Holm"] == f"[{low:+.3f}, {high:+.3f}]"
    assert family_table({"b": found["b"], "c": found["b"]}).loc["b", "interval after Holm"].startswith("[-")
