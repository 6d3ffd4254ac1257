"""Calibration error by hand, its null by simulation, temperature on scores whose temperature is known."""

import numpy as np
import pytest
from scipy.special import expit
from sklearn.calibration import calibration_curve
from sklearn.metrics import log_loss

from fakeface_utils.evaluation.calibration import (
    ece,
    ece_null,
    equal_mass,
    equal_width,
    reliability_table,
    soften,
    temperature,
)


def test_ece_by_hand():
    # bins of width .2: {.1, .1}: share 1/2, score .1 -> .4; {.5}: 0 - .5 -> .5; {.9, 1.0}: share 1, score .95 -> .05
    labels, scores = [0, 1, 0, 1, 1], [0.1, 0.1, 0.5, 0.9, 1.0]
    assert ece(labels, scores, bins=5) == pytest.approx((2 * 0.4 + 1 * 0.5 + 2 * 0.05) / 5)


def test_a_score_of_one_counts():
    assert ece([0, 0], [1.0, 1.0]) == 1 and ece([1, 1], [1.0, 1.0]) == 0
    assert ece([0, 1], [1.0, 0.0]) == 1
    assert equal_width(np.array([0, 0.29, 0.3, 0.99, 1]), 10).tolist() == [0, 2, 3, 9, 9]
    assert equal_width(np.arange(101) / 100, 100).tolist() == [*range(100), 99]  # .29 * 100 is 28.999...


def test_ece_against_scikit_learns_curve():
    rng = np.random.default_rng(0)
    scores = rng.random(500)
    labels = (rng.random(500) < scores**2).astype(int)
    share, mean = calibration_curve(labels, scores, n_bins=15)
    weights = np.histogram(scores, np.linspace(0, 1, 16))[0] / 500
    assert ece(labels, scores) == pytest.approx((weights * np.abs(share - mean)).sum())
    share, mean = calibration_curve(labels, scores, n_bins=10, strategy="quantile")
    assert ece(labels, scores, 10, equal_mass) == pytest.approx(np.abs(share - mean).mean())


def test_equal_mass_keeps_ties_together():
    assert np.bincount(equal_mass(np.linspace(0, 1, 90), 15)).tolist() == [6] * 15
    assert equal_mass(np.array([0.0, 0.1, 0.2, 0.3]), 3).tolist() == [0, 1, 2, 2]
    assert len(set(equal_mass(np.full(50, 0.3), 15))) == 1
    assert ece(np.arange(50) % 2, np.full(50, 0.3), binning=equal_mass) == pytest.approx(0.2)


def test_the_null_is_what_a_calibrated_model_has():
    rng = np.random.default_rng(1)
    scores = rng.beta(2, 2, 400)
    null = ece_null(scores, n_draws=400)
    errors = np.array([ece((rng.random(400) < scores).astype(int), scores) for _ in range(400)])
    assert null.value == pytest.approx(errors.mean(), rel=0.05) and null.n == 400
    assert 365 <= ((null.low <= errors) & (errors <= null.high)).sum() <= 395
    assert ece((rng.random(400) < scores).astype(int), soften(scores, 0.3)) > ece_null(soften(scores, 0.3)).high
    assert ece_null(np.tile(scores, 9), n_draws=100).value < 0.5 * null.value  # luck shrinks with n


def test_reliability_table():
    table = reliability_table([0, 1, 0, 1, 1], [0.1, 0.1, 0.5, 0.9, 1.0], bins=5)
    assert table["n"].tolist() == [2, 1, 2] and table["fakes"].tolist() == [0.5, 0, 1]
    assert table["score"].tolist() == pytest.approx([0.1, 0.5, 0.95])
    assert table["from"].tolist() == pytest.approx([0, 0.4, 0.8])
    assert table["to"].tolist() == pytest.approx([0.2, 0.6, 1])
    assert (table["low"] <= table["fakes"]).all() and (table["fakes"] <= table["high"]).all()
    assert table.loc[2, "low"] > 0.3 and table.loc[2, "high"] == pytest.approx(1)


@pytest.mark.parametrize("true", [0.4, 1.0, 3.0])
def test_temperature_finds_the_planted_one(true):
    rng = np.random.default_rng(2)
    logits = rng.normal(0, 1.5, 20_000)
    labels, scores = (rng.random(20_000) < expit(logits)).astype(int), expit(logits * true)
    found = temperature(labels, scores)
    assert found == pytest.approx(true, rel=0.05)
    assert soften(scores, found) == pytest.approx(expit(logits), abs=0.02)
    loss = [log_loss(labels, soften(scores, found * k)) for k in (0.9, 1, 1.1)]
    assert loss[1] < min(loss[0], loss[2])


def test_temperature_at_the_edges():
    assert temperature([0, 0, 1, 1], [0.1, 0.2, 0.7, 0.9]) < 0.05  # no error: the surer the better
    assert temperature([1, 1, 0, 0], [0.1, 0.2, 0.7, 0.9]) > 40  # worse than nothing
    assert np.isfinite(temperature([0, 1, 1], [0.0, 1.0, 0.0]))
    scores = np.array([0.0, 0.2, 0.5, 1.0])
    assert (np.diff(soften(scores, 7.0)) > 0).all() and soften(scores, 7.0)[2] == 0.5


@pytest.mark.parametrize("call", [ece, temperature, reliability_table])
def test_errors(call):
    for labels, scores, message in (
        ([0, 1], [0.1, 1.2], "probability"),
        ([0, 2], [0.1, 0.2], r"0 \(real\) or 1"),
        ([0], [0.1, 0.2], "one score an image"),
    ):
        with pytest.raises(ValueError, match=message):
            call(labels, scores)
