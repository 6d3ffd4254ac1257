"""What reported numbers can decide: against enumeration, against simulated systems and report 000's own."""

from math import comb, inf

import numpy as np
import pytest
from scipy.stats import norm
from sklearn.metrics import roc_auc_score

from fakeface_utils.evaluation import reported
from fakeface_utils.evaluation.paired import delong, mcnemar
from fakeface_utils.evaluation.reported import ANYWAY, IF_ALIKE, NEVER, decidable, mcnemar_range

AUCS = {
    "CNN-1": 0.806,
    "CNN-2": 0.854,
    "CNN-3": 0.904,
    "CNN-5": 0.909,
    "grey": 0.944,
    "RGB": 0.946,
    "ImageNet": 0.987,
}


def simulated(rng, shared, n=200):
    """Scores of two systems on n reals and n fakes; ``shared`` of their variance comes from the images."""
    labels = np.repeat([0, 1], n)
    common = rng.normal(size=2 * n) * np.sqrt(shared)
    own = rng.normal(size=(2, 2 * n)) * np.sqrt(1 - shared)
    return labels, *(common + noise + shift * labels for noise, shift in zip(own, (1.8, 1.5), strict=True))


@pytest.mark.parametrize("shared", [0.0, 0.5, 0.9])
def test_z_holds_for_simulated_systems_on_the_same_images(shared):
    """With the right r, the z of a true difference spreads by 1 around the true difference in standard errors."""
    rng = np.random.default_rng(0)
    sets = [simulated(rng, shared) for _ in range(500)]
    found = np.array([[roc_auc_score(labels, a), roc_auc_score(labels, b)] for labels, a, b in sets])
    r = np.corrcoef(found.T)[0, 1]
    truth = norm.cdf(np.array([1.8, 1.5]) / np.sqrt(2))
    errors = [reported.auc_se(auc, 200, 200) for auc in truth]
    centred = found - truth
    z = [float(reported.z_of_difference(a + 1, b + 1, *errors, r)) for a, b in centred]
    assert np.std(z) == pytest.approx(1, abs=0.1) and abs(np.mean(z)) < 0.15
    wrong = [float(reported.z_of_difference(a + 1, b + 1, *errors, 0)) for a, b in centred]
    assert np.std(wrong) == pytest.approx(np.sqrt(1 - r), abs=0.1)  # whoever takes r for 0 finds too little
    labels, a, b = sets[0]
    assert r == pytest.approx(shared, abs=0.15) and delong(labels, a, b).se == pytest.approx(
        np.std(found[:, 0] - found[:, 1]), rel=0.2
    )


def test_z_by_hand():
    assert reported.z_of_difference(0.9, 0.8, 0.03, 0.04, 0) == pytest.approx(0.1 / 0.05)
    assert reported.z_of_difference(0.8, 0.9, 0.03, 0.04, [1, -1]) == pytest.approx([-10, -0.1 / 0.07])
    assert reported.z_of_difference(0.9, 0.8, 0.03, 0.03, 1) == inf
    assert reported.z_of_difference(0.9, 0.9, 0.03, 0.03, [0.5, 1]).tolist() == [0, 0]
    assert reported.z_of_difference(0.9, 0.8, 0.1, 0.1, np.zeros((2, 3))).shape == (2, 3)
    for bad in ((0.9, 0.8, 0, 0.1, 0), (0.9, 0.8, 0.1, 0.1, 1.1), (np.nan, 0.8, 0.1, 0.1, 0)):
        with pytest.raises(ValueError, match="need errors above 0"):
            reported.z_of_difference(*bad)


def test_the_least_correlation_is_where_z_reaches_the_level():
    rng, seen = np.random.default_rng(1), set()
    for _ in range(300):
        a, b = rng.uniform(0.8, 0.98, 2).round(3) if rng.random() < 0.5 else 0.9 + rng.integers(-9, 9, 2) / 1000
        errors = rng.uniform(0.004, 0.03, 2)
        found = decidable(a, b, *errors)
        grid = np.linspace(0, 1, 2001)
        enough = np.abs(reported.z_of_difference(a, b, *errors, grid)) >= norm.ppf(0.975)
        word = ANYWAY if enough[0] else IF_ALIKE if enough.any() else NEVER
        assert found.word == word
        seen.add(word)
        if word == IF_ALIKE:
            assert grid[enough][0] == pytest.approx(found.least_correlation, abs=6e-4)
            assert str(found) == f"{IF_ALIKE} (r >= {found.least_correlation:.2f})"
        elif word == NEVER:
            assert found.least_correlation is None and str(found) == NEVER
    assert seen == {ANYWAY, IF_ALIKE, NEVER}


def test_what_is_believed_of_the_correlation_changes_the_word():
    errors = (0.0066, 0.0067)
    assert decidable(0.909, 0.904, *errors).least_correlation == pytest.approx(0.926, abs=0.002)
    assert decidable(0.909, 0.904, *errors, possible=(0, 0.9)).word == NEVER
    assert decidable(0.93, 0.904, *errors).word == ANYWAY  # z at r = 0 is 2.8, at r = -1 it is 1.95
    assert decidable(0.93, 0.904, *errors, possible=(-1, 1)).word == IF_ALIKE
    assert decidable(0.99, 0.904, *errors).least_correlation == -1
    assert decidable(0.909, 0.904, *errors, level=0.5).word == IF_ALIKE
    assert decidable(0.9, 0.9, *errors).word == NEVER


def test_report_000():
    pairs = [("CNN-5", "CNN-3"), ("RGB", "grey"), ("ImageNet", "RGB"), ("CNN-2", "CNN-1"), ("CNN-1", "CNN-2")]
    table = reported.auc_table(AUCS, 1000, 1000, pairs)
    assert table.columns.tolist() == [
        "difference", "z at r = 0", "z at r = .5", "z at r = .9", "least r", "verdict",
    ]  # fmt: skip
    assert table["verdict"].tolist() == [IF_ALIKE, IF_ALIKE, ANYWAY, ANYWAY, ANYWAY]
    assert table.loc["CNN-5 - CNN-3", "least r"] > 0.9 and table.loc["RGB - grey", "least r"] > 0.97
    assert table.loc["CNN-2 - CNN-1", "z at r = .5"] == pytest.approx(-table.loc["CNN-1 - CNN-2", "z at r = .5"])
    assert len(reported.auc_table(AUCS, 1000, 1000)) == comb(7, 2)
    with pytest.raises(KeyError):
        reported.auc_table(AUCS, 1000, 1000, [("CNN-5", "CNN-9")])
    same = reported.auc_table({"a": 0.9, "b": 0.9}, 1000, 1000)
    assert np.isnan(same["least r"].iloc[0]) and same["verdict"].iloc[0] == NEVER


def test_the_least_difference_is_just_significant():
    floor = reported.least_difference(0.909, 1000, 1000, [0, 0.5, 0.9, 1])
    assert floor[:2] == pytest.approx([0.0189, 0.0133], abs=2e-4) and floor[3] == 0
    error = reported.auc_se(0.909, 1000, 1000)
    for r, least in zip([0, 0.5, 0.9], floor, strict=False):
        z = reported.z_of_difference(0.909 + least, 0.909, error, error, r)
        assert z == pytest.approx(norm.ppf(0.975))
    assert reported.least_difference(0.909, 250, 250) > 1.9 * floor[0]
    assert reported.least_difference(0.909, 1000, 1000, level=0.9) < 0.85 * floor[0]
    with pytest.raises(ValueError, match="between -1 and 1"):
        reported.least_difference(0.909, 1000, 1000, 2)


def every_mcnemar(right_a, right_b, n):
    """p of every way in which two classifiers may have got so many right, by the images both were right on."""
    p = {}
    for both in range(n + 1):
        b, c, neither = right_a - both, right_b - both, n - right_a - right_b + both
        if min(b, c, neither) >= 0:
            a_right, b_right = np.repeat([[1, 1, 0, 0], [1, 0, 1, 0]], [both, b, c, neither], axis=1)
            p[b + c] = mcnemar(np.ones(n, int), a_right, b_right).p
    return p


TABLES = [(30, 22, 21), (30, 28, 18), (30, 30, 17), (30, 9, 4), (12, 6, 6), (30, 30, 30), (40, 30, 20)]


@pytest.mark.parametrize("n, right_a, right_b", TABLES)
def test_mcnemars_range_is_that_of_every_table(n, right_a, right_b):
    every, found = every_mcnemar(right_a, right_b, n), mcnemar_range(right_a, right_b, n)
    assert (found.smallest, found.largest) == pytest.approx((min(every.values()), max(every.values())))
    assert found.most_discordant == max(every) and found.difference == right_a - right_b
    small = [m for m, p in every.items() if p < 0.05]
    assert found.enough == (max(small) if small else None)
    assert found.word == (ANYWAY if len(small) == len(every) else IF_ALIKE if small else NEVER)


def test_report_001():
    found = mcnemar_range(370, 368, 511)
    assert found.word == NEVER and found.smallest == pytest.approx(0.5) and found.largest > 0.9
    assert str(found) == "p between 0.5 and 0.95: undecidable from the report"
    assert str(mcnemar_range(370, 341, 511)).endswith("(they part on 203 images or fewer)")
    assert mcnemar_range(368, 288, 511).word == ANYWAY
    assert mcnemar_range(370, 341, 511, alpha=0.2).word == ANYWAY
    for bad in ((1, 1, 0), (5, 2, 4), (-1, 2, 4)):
        with pytest.raises(ValueError, match="counts of right answers"):
            mcnemar_range(*bad)


@pytest.mark.parametrize("n_right, n", [(10, 10), (9, 10), (60, 60), (3, 8), (0, 3)])
def test_a_handful_by_its_definition(n_right, n):
    found = reported.handful(n_right, n, [0.5, 0.9, 1.0])
    for accuracy, chance in found.chances.items():
        terms = [comb(n, k) * accuracy**k * (1 - accuracy) ** (n - k) for k in range(n_right, n + 1)]
        assert chance == pytest.approx(sum(terms))
    rates = np.linspace(0, 1, 20_001)
    few = sum(comb(n, k) * rates**k * (1 - rates) ** (n - k) for k in range(n - n_right + 1))
    assert found.most_errors == pytest.approx(rates[few >= 0.05][-1], abs=1e-4)
    assert found.rule_of_three == pytest.approx(3 / n) if n_right == n else np.isnan(found.rule_of_three)


def test_the_rule_of_three():
    assert reported.handful(100, 100).rule_of_three == pytest.approx(
        reported.handful(100, 100).most_errors, rel=0.02
    )
    assert str(reported.handful(10, 10)) == "10 of 10 right: the error rate may be as high as 26%"
    assert reported.handful(10, 10, level=0.99).most_errors == pytest.approx(1 - 0.01**0.1)
    for bad in ((1, 0), (4, 3), (-1, 3)):
        with pytest.raises(ValueError, match="n_right"):
            reported.handful(*bad)
    with pytest.raises(ValueError, match="accuracies"):
        reported.handful(3, 3, [90])
