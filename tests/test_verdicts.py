"""The rules in their plain cases, and by simulation: on scores that are exchangeable, and at the margin."""

from dataclasses import FrozenInstanceError

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from fakeface_utils.evaluation.intervals import Estimate, wilson
from fakeface_utils.evaluation.paired import delong, holm, mcnemar
from fakeface_utils.evaluation.verdicts import (
    MARGIN_ACCURACY,
    MARGIN_AUC,
    MARGIN_CHANCE,
    Verdict,
    binomial_se,
    chance_verdict,
    hanley_mcneil_se,
    level_verdict,
    not_run,
    ordering_verdict,
    standard_error,
    structure_verdict,
    why_not_comparable,
)


def ordering(value, se, *, n=1000, margin=MARGIN_AUC, z=1.96):
    wide, narrow = ((value - k * se, value + k * se) for k in (z, 1.645))
    return ordering_verdict(value, wide, narrow, n=n, margin=margin)


def judge(found, margin, level=0.95):
    return ordering_verdict(found.value, found.interval(level), found.interval(0.9), n=found.n, margin=margin).word


def test_margins():
    assert (MARGIN_AUC, MARGIN_ACCURACY, MARGIN_CHANCE) == (0.02, 0.03, 0.03)


@pytest.mark.parametrize(
    "value, se, word",
    [
        (0.05, 0.02, "direction reproduced"),
        (-0.05, 0.02, "contradicted"),
        (0.01, 0.004, "direction reproduced"),  # small but real
        (0.005, 0.008, "no material difference"),
        (0.0, 0.0, "no material difference"),
        (0.01, 0.02, "undecided"),
        (0.0, 0.02, "undecided"),
        (0.005, 0.0092, "undecided"),  # .005 + 1.645 * .0092 = .0201
        (-0.03, 0.02, "undecided"),
    ],
)
def test_ordering(value, se, word):
    verdict = ordering(value, se)
    assert verdict.word == word and str(verdict) == f"{word}: {verdict.text}"


def test_the_level_after_holm_counts():
    assert ordering(0.05, 0.02).word == "direction reproduced"
    assert ordering(0.05, 0.02, z=2.64).word == "undecided"  # the same as one of six
    assert "by less than 0.02" in ordering(0.01, 0.004).text and "less" not in ordering(0.05, 0.02).text


@pytest.mark.parametrize("value, se", [(0.03, 0.02), (0.004, 0.03), (0.0, 0.05), (0.02, 0.05), (-0.012, 0.03)])
def test_undecided_names_the_n_that_would_decide(value, se):
    needed = int(ordering(value, se, n=500).text.split("about ")[1].replace(",", ""))
    assert needed > 500
    assert ordering(value, se * np.sqrt(500 / needed), n=needed).word != "undecided"
    assert ordering(value, se * np.sqrt(500 / (0.85 * needed)), n=needed).word == "undecided"


def test_ordering_refuses_nonsense():
    for bad in ({"value": np.nan}, {"n": 0}, {"margin": 0}):
        with pytest.raises(ValueError, match="no difference"):
            ordering(**({"value": 0.01, "se": 0.01} | bad))
    with pytest.raises(ValueError, match="no difference"):
        ordering_verdict(0.1, (0.2, 0.3), (0.0, 0.2), n=5, margin=0.02)


def test_exchangeable_models_seldom_get_a_direction(monkeypatch):
    """Two models whose scores could be swapped: 5 % at most, by AUC and by accuracy, alone and in a family."""
    monkeypatch.setattr("gc.collect", lambda: 0)  # statsmodels collects at every call
    rng = np.random.default_rng(0)
    labels = np.arange(120) % 2
    count = {"auc": 0, "accuracy": 0, "family": 0}
    for _ in range(600):
        common = rng.normal(size=120) + labels
        family = [(common + 0.7 * rng.normal(size=120), common + 0.7 * rng.normal(size=120)) for _ in range(4)]
        found = [delong(labels, a, b) for a, b in family]
        levels = holm([d.p for d in found]).levels
        directed = ("direction reproduced", "contradicted")
        count["auc"] += judge(found[0], MARGIN_AUC) in directed
        count["family"] += any(judge(d, MARGIN_AUC, k) in directed for d, k in zip(found, levels, strict=True))
        hard = mcnemar(labels, family[0][0] > 0.5, family[0][1] > 0.5)
        count["accuracy"] += judge(hard, MARGIN_ACCURACY) in directed
    # 5 % of 600 is 30, sd 5.3
    assert all(5 <= k <= 44 for k in count.values()), count
    assert count["accuracy"] <= 30  # the exact test keeps its promise with room


def test_at_the_margin_no_material_difference_is_seldom_said():
    rng = np.random.default_rng(1)
    said = sum(
        ordering(MARGIN_AUC + 0.004 * z, 0.004).word == "no material difference" for z in rng.normal(size=2000)
    )
    assert said <= 8  # so sharp a comparison finds the direction first
    said = sum(
        ordering(MARGIN_AUC + 0.0115 * z, 0.0115).word == "no material difference" for z in rng.normal(size=2000)
    )
    assert 0 < said <= 128  # 5 % is 100, sd 9.7; two one-sided tests with this spread say it less
    inside = sum(ordering(0.0058 * z, 0.0058).word == "no material difference" for z in rng.normal(size=500))
    assert inside > 400  # and where nothing differs, a sharp comparison says so


def test_level():
    assert level_verdict(0.787, 0.004, 0.787, 0.004, margin=MARGIN_AUC).word == "reproduced"
    assert level_verdict(0.70, 0.01, 0.787, 0.01, margin=MARGIN_AUC).word == "not reproduced"
    assert level_verdict(0.87, 0.01, 0.787, 0.01, margin=MARGIN_AUC).word == "not reproduced"
    assert level_verdict(0.78, 0.01, 0.787, 0.01, margin=MARGIN_AUC).word == "undecided"
    # ours alone would be sharp enough; the report's own spread counts too
    assert level_verdict(0.787, 0.005, 0.787, 0.0, margin=MARGIN_AUC).word == "reproduced"
    assert level_verdict(0.787, 0.005, 0.787, 0.015, margin=MARGIN_AUC).word == "undecided"
    shown = level_verdict(0.6, 0.01, 0.787, 0.01, margin=MARGIN_AUC, reason="other data")
    assert shown.word == "not comparable" and shown.text.startswith("other data; ours 0.600, reported 0.787")
    for bad in ((np.nan, 0.1, 0.5, 0.1), (0.5, -0.1, 0.5, 0.1), (0.5, np.nan, 0.5, 0.1)):
        with pytest.raises(ValueError, match="no difference"):
            level_verdict(*bad, margin=0.02)


def test_level_at_the_margin():
    rng = np.random.default_rng(2)
    words = [
        level_verdict(0.82 + 0.004 * a, 0.004, 0.8 + 0.003 * b, 0.003, margin=MARGIN_AUC).word
        for a, b in rng.normal(size=(3000, 2))
    ]
    assert 115 <= words.count("reproduced") <= 187  # 5 % is 150, sd 12
    assert 45 <= words.count("not reproduced") <= 105  # 2.5 % is 75, sd 8.6


def test_chance():
    assert chance_verdict(0.5, 0.01).word == "reproduced" == chance_verdict(0.49, 0.01).word
    assert chance_verdict(0.5, 0.02).word == "undecided"  # a test against .5 would find nothing here either
    assert chance_verdict(0.6, 0.02).word == "not reproduced" == chance_verdict(0.4, 0.02).word
    assert chance_verdict(0.54, 0.01).word == "undecided"
    rng = np.random.default_rng(3)
    said = sum(chance_verdict(0.53 + 0.008 * z, 0.008).word == "reproduced" for z in rng.normal(size=3000))
    assert 115 <= said <= 187


def test_structure_and_not_run():
    assert structure_verdict(1081, 1081).word == "reproduced"
    assert structure_verdict((128, 128, 3), (128, 128, 3)).word == "reproduced"
    assert structure_verdict(960, 1000) == Verdict("contradicted", "ours 960, reported 1000")
    assert str(not_run("make lessons")) == "not run: make lessons"
    with pytest.raises(FrozenInstanceError):
        not_run("x").word = "reproduced"


def test_why_not_comparable():
    reported = {"n_train": 16000, "n_test": 2000}
    assert why_not_comparable(reported, {"n_train": 16000, "n_test": 2200}, same_data=True) == ""
    off = why_not_comparable(reported, {"n_train": 1120, "n_test": 2201}, same_data=True)
    assert off == "n_train 1120 against 16000; n_test 2201 against 2000"
    assert "unknown" in why_not_comparable(reported, {"n_train": 16000}, same_data=True)
    assert why_not_comparable({}, {}, same_data=False, assumed=["batch", "padding"]) == (
        "other data; assumed: batch, padding"
    )


def test_standard_errors():
    assert standard_error(Estimate(0.5, 0.5 - 1.96, 0.5 + 1.96, 9)) == pytest.approx(1, abs=1e-4)
    assert standard_error(Estimate(0.99, 0.95, 1.0, 9)) == pytest.approx(0.04 / 1.96, rel=1e-3)  # cut at 1
    assert standard_error(wilson(50, 100, 0.9), 0.9) == pytest.approx(0.05, rel=0.02)
    assert binomial_se(0.72, 2000) == pytest.approx(np.sqrt(0.72 * 0.28 / 2000), rel=0.01)
    assert 0 < binomial_se(1.0, 205) < 0.01
    # Hanley and McNeil 1982, table 1 and text: theta .8, 50 + 50 images
    assert hanley_mcneil_se(0.8, 50, 50) == pytest.approx(0.0446, abs=2e-4)
    assert 1.96 * hanley_mcneil_se(0.909, 1000, 1000) == pytest.approx(0.013, abs=5e-4)
    assert hanley_mcneil_se(1.0, 50, 50) > 0.005
    with pytest.raises(ValueError, match="between 0 and 1"):
        hanley_mcneil_se(1.1, 50, 50)


@pytest.mark.parametrize("n_real, n_fake", [(15, 150), (150, 15), (60, 60)])
def test_hanley_mcneil_is_exact_for_exponential_scores(n_real, n_fake):
    """That is the model from which they got their two terms; fakes are nine times as high: the AUC is .9."""
    rng = np.random.default_rng(4)
    labels = np.repeat([0, 1], [n_real, n_fake])
    areas = [roc_auc_score(labels, rng.exponential(1 + 8 * labels)) for _ in range(1500)]
    assert np.mean(areas) == pytest.approx(0.9, abs=0.005)
    assert hanley_mcneil_se(0.9, n_real, n_fake) == pytest.approx(np.std(areas), rel=0.07)
