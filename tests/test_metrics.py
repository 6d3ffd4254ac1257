"""Metrics: each against scikit-learn on the images as drawn, thresholds against all cuts, intervals by coverage."""

import time

import numpy as np
import pytest
from sklearn import metrics as sk

from fakeface_utils.evaluation.calibration import ece
from fakeface_utils.evaluation.intervals import wilson
from fakeface_utils.evaluation.metrics import (
    _weighted,
    choose_threshold,
    constant_predictor,
    judge,
    measure,
    two_orientations,
)


def detector(rng, n_real, n_fake, shift=1.0):
    """Labels and calibrated-looking scores of a detector with an AUC of about .76."""
    labels = np.r_[np.zeros(n_real, int), np.ones(n_fake, int)]
    return labels, 1 / (1 + np.exp(-(rng.normal(size=len(labels)) + shift * (labels - 0.5))))


def from_sklearn(y, s, threshold, percent):
    hard = (s >= threshold).astype(int)
    out = {"auc": sk.roc_auc_score(y, s), "ap": sk.average_precision_score(y, s)}
    fpr, tpr, _ = sk.roc_curve(y, s, drop_intermediate=False)
    out[f"tpr_at_{percent}pct_fpr"] = tpr[fpr <= percent / 100].max()
    out |= {"balanced_accuracy": sk.balanced_accuracy_score(y, hard), "accuracy": sk.accuracy_score(y, hard)}
    for name, positive in (("fake", 1), ("real", 0)):
        for key in ("precision", "recall", "f1"):
            metric = getattr(sk, f"{key}_score")
            out[f"{key}_{name}"] = metric(y, hard, pos_label=positive, zero_division=0)
    for key, metric in (("AvgP", sk.precision_score), ("AvgR", sk.recall_score)):
        out[key] = metric(y, hard, average="macro", zero_division=0)
    return out | {"ece": ece(y, s), "brier": sk.brier_score_loss(y, s), "log_loss": sk.log_loss(y, s)}


@pytest.mark.parametrize("percent", [1, 10])
@pytest.mark.parametrize("threshold", [0.0, 0.35, 0.5, 1.1])
def test_weighted_forms_are_scikit_learns_metrics_on_the_images_as_drawn(threshold, percent):
    rng = np.random.default_rng(0)
    labels, scores = detector(rng, 130, 90)
    scores = np.round(scores, 1)  # ties, and scores of exactly 0 and 1
    scores[:3], scores[-3:] = [0, 1, 0], [1, 0, 1]
    counts = rng.integers(0, 4, (6, 220))
    found = _weighted(labels, scores, counts, threshold, percent)
    for k, count in enumerate(counts):
        rows = np.repeat(np.arange(220), count)
        expected = from_sklearn(labels[rows], scores[rows], threshold, percent)
        assert {name: values[k] for name, values in found.items()} == pytest.approx(expected, abs=1e-12)


def test_measure_gives_values_with_intervals():
    labels, scores = detector(np.random.default_rng(1), 120, 80)
    found = measure(labels, scores, threshold=0.5, n_resamples=300)
    assert {name: x.value for name, x in found.items()} == pytest.approx(from_sklearn(labels, scores, 0.5, 10))
    assert all(x.low <= x.value <= x.high and x.low < x.high for x in found.values())
    assert {x.n for name, x in found.items() if not name.startswith("recall")} == {200}
    right = int(((scores >= 0.5) == labels).sum())
    assert found["accuracy"] == wilson(right, 200)
    assert found["recall_real"] == wilson(int((scores[:120] < 0.5).sum()), 120)
    wide = measure(labels, scores, threshold=0.5, n_resamples=300, level=0.99)
    assert all(wide[name].high >= x.high and wide[name].low <= x.low for name, x in found.items())
    assert wide["auc"].high > found["auc"].high and wide["accuracy"].low < found["accuracy"].low
    assert measure(labels, scores, threshold=0.5, n_resamples=50) == measure(
        list(labels), list(scores), np.arange(200), threshold=0.5, n_resamples=50
    )


def test_groups_widen_every_interval():
    labels, scores = detector(np.random.default_rng(2), 100, 100)
    labels, scores, groups = np.repeat(labels, 4), np.repeat(scores, 4), np.repeat(np.arange(200), 4)
    blind = measure(labels, scores, threshold=0.5, n_resamples=400)
    sound = measure(labels, scores, groups, threshold=0.5, n_resamples=400)
    for name in blind:
        assert sound[name].value == blind[name].value
        assert sound[name].high - sound[name].low > 1.4 * (blind[name].high - blind[name].low), name


@pytest.mark.parametrize("n_real, name", [(999, "tpr_at_10pct_fpr"), (1000, "tpr_at_1pct_fpr")])
def test_one_percent_needs_a_thousand_reals(n_real, name):
    labels, scores = detector(np.random.default_rng(3), n_real, 40)
    assert [k for k in measure(labels, scores, threshold=0.5, n_resamples=5) if k.startswith("tpr")] == [name]


def test_a_tenth_of_the_reals_may_be_just_that():
    labels, scores = np.repeat([0, 1], [10, 4]), np.r_[0.9, np.full(9, 0.1), 0.95, 0.8, 0.5, 0.05]
    assert measure(labels, scores, threshold=0.5, n_resamples=5)["tpr_at_10pct_fpr"].value == 0.75


def test_intervals_cover():
    rng = np.random.default_rng(4)
    truth = {k: v for k, v in from_sklearn(*detector(rng, 300_000, 200_000), 0.5, 10).items() if k != "ece"}
    hits = dict.fromkeys(truth, 0)
    for seed in range(200):
        found = measure(*detector(rng, 120, 80), threshold=0.5, n_resamples=300, seed=seed)
        for name, value in truth.items():
            hits[name] += found[name].low <= value <= found[name].high
    # 95 % of 200 is 190, sd 3; of 600 more, 93 % (AP, recall) to 96 % (the TPR at a fixed FPR) covered
    assert all(177 <= count <= 199 for count in hits.values()), hits


def test_the_interval_of_the_calibration_error_is_not_pushed_up_by_resampling():
    rng = np.random.default_rng(5)
    samples = []
    for _ in range(60):
        scores = rng.random(300)
        samples.append(
            measure((rng.random(300) < scores).astype(int), scores, threshold=0.5, n_resamples=200)["ece"]
        )
    usual = np.mean([x.value for x in samples])  # what a calibrated model has at this n
    assert all(x.low <= x.value <= x.high for x in samples)
    assert 52 <= sum(x.low <= usual <= x.high for x in samples) <= 60


def test_the_constant_predictor():
    balanced = constant_predictor(np.arange(100) % 2, n_resamples=50)
    assert [balanced[k].value for k in ("auc", "AvgP", "AvgR", "accuracy", "ap")] == [0.5, 0.25, 0.5, 0.5, 0.5]
    assert balanced["recall_fake"].value == 1 and balanced["recall_real"].value == 0
    assert balanced["log_loss"].value == pytest.approx(np.log(2)) and balanced["ece"].value == 0
    yonsei = np.r_[np.zeros(300, int), np.ones(211, int)]
    row = constant_predictor(yonsei, n_resamples=50)
    assert row["accuracy"].value == 300 / 511 and row["recall_fake"].value == 0 == row["precision_fake"].value
    assert row["auc"].value == 0.5 == row["balanced_accuracy"].value and list(row) == list(balanced)
    trained_elsewhere = constant_predictor(yonsei, prior=0.64, n_resamples=50)
    assert trained_elsewhere["accuracy"].value == 211 / 511


def from_counts(tp, fn, fp, tn):
    return np.repeat([1, 1, 0, 0], [tp, fn, fp, tn]), np.repeat([1, 0, 1, 0], [tp, fn, fp, tn])


def test_report_001_printed_balanced_accuracy_as_auc():
    labels, hard = from_counts(136, 75, 68, 232)  # MobileNet without ELA: fake was the positive class
    table = two_orientations(labels, hard)
    fake, real = table.loc["fake is positive"], table.loc["real is positive"]
    assert fake[["TP", "FN", "FP", "TN"]].tolist() == [136, 75, 68, 232]
    assert real[["TP", "FN", "FP", "TN"]].tolist() == [232, 68, 75, 136]
    assert fake[["precision", "recall", "F1"]].tolist() == pytest.approx([0.66670, 0.64454, 0.65542], abs=5e-5)
    assert fake["balanced accuracy"] == real["balanced accuracy"] == pytest.approx(0.70894, abs=5e-6)
    assert sk.roc_auc_score(labels, hard) == pytest.approx(fake["balanced accuracy"])
    assert fake["accuracy"] == pytest.approx(0.7202, abs=5e-5)
    vgg = two_orientations(*from_counts(145, 66, 104, 196)).loc["real is positive"]  # there real was positive
    assert vgg[["TP", "FN", "FP", "TN"]].tolist() == [196, 104, 66, 145]
    printed = [0.74809, 0.65333, 0.69751, 0.67027]
    assert vgg[["precision", "recall", "F1", "balanced accuracy"]].tolist() == pytest.approx(printed, abs=5e-6)


def test_report_003_all_real():
    labels, hard = from_counts(0, 96, 0, 109)
    table = two_orientations(labels, hard)
    assert table.loc["real is positive", "F1"] == pytest.approx(0.694267515923567)
    assert table.loc["fake is positive", ["precision", "recall", "F1"]].tolist() == [0, 0, 0]
    assert (table["balanced accuracy"] == 0.5).all()


@pytest.mark.parametrize("rule, allowed", [("balanced accuracy", 1.0), ("fpr<=0.1", 0.1), ("fpr<=0", 0.0)])
def test_threshold_is_the_best_cut(rule, allowed):
    rng = np.random.default_rng(6)
    for digits in (1, 2, 9):
        labels, scores = detector(rng, 60, 40)
        scores = np.round(scores, digits)

        def rates(cut, labels=labels, scores=scores):
            called = scores >= cut
            return called[labels == 1].mean(), called[labels == 0].mean()

        def gain(cut, rates=rates):
            tpr, fpr = rates(cut)
            return (tpr - fpr if rule[0] == "b" else tpr) if fpr <= allowed else -1

        threshold = choose_threshold(labels, scores, rule)
        best = max(gain(cut) for cut in np.r_[scores, 2])
        assert gain(threshold) == pytest.approx(best) and rates(threshold)[1] <= allowed
        assert threshold not in scores and abs(scores - threshold).min() > 1e-12
        higher = np.unique(scores[scores > threshold])[1:]  # the first of them is the same cut
        assert all(gain(cut) < best - 1e-9 for cut in higher)


def test_threshold_at_the_edges():
    assert choose_threshold([0, 0, 1, 1], [0.1, 0.2, 0.6, 0.7]) == pytest.approx(0.4)
    neighbours = [0.5, np.nextafter(0.5, 1)]
    assert choose_threshold([0, 1], neighbours) == neighbours[1]
    for rule in ("balanced accuracy", "fpr<=0.01"):
        assert 0.3 < choose_threshold([0, 1, 0, 1], [0.3] * 4, rule) < 0.3001  # nothing is called fake
    assert choose_threshold([1, 0, 0], [0.2, 0.8, 0.8], "fpr<=1") == 0.2  # everything is
    assert np.isfinite(choose_threshold([1, 0], [0.2, 1.0]))
    for labels, scores, rule, message in (
        ([1, 1], [0.1, 0.2], "fpr<=0.1", "reals and fakes"),
        ([0, 1], [0.1, np.nan], "fpr<=0.1", "NaN"),
        ([0, 1], [0.1, 0.2], "accuracy", "unknown rule"),
    ):
        with pytest.raises(ValueError, match=message):
            choose_threshold(labels, scores, rule)


def test_errors():
    for labels, scores, message in (
        ([0, 0], [0.1, 0.2], "2 reals of 2"),
        ([0, 1], [0.1, 1.2], "probability"),
        ([0, 1], [0.1, np.nan], "probability"),
        ([0, 2], [0.1, 0.2], r"0 \(real\) or 1"),
        ([0, 1, 1], [0.1, 0.2], "one score an image"),
        ([], [], "one score an image"),
    ):
        with pytest.raises(ValueError, match=message):
            measure(labels, scores, threshold=0.5)


def test_two_thousand_images_are_quick():
    labels, scores = detector(np.random.default_rng(7), 1000, 1000)
    start = time.process_time()
    measure(labels, scores, threshold=0.5)
    assert time.process_time() - start < 3


def test_an_experiment_is_judged_at_the_threshold_of_validation():
    rng = np.random.default_rng(3)
    labels, valid_labels = np.arange(90) % 2, np.arange(60) % 2
    scores = np.clip(rng.normal(0.2 + 0.2 * labels, 0.1), 0, 1)
    valid_scores = np.clip(rng.normal(0.2 + 0.2 * valid_labels, 0.1), 0, 1)
    found = judge(labels, scores, np.arange(90) // 2, valid_labels, valid_scores)
    assert found["threshold"] == choose_threshold(valid_labels, valid_scores) < 0.5
    expected = measure(labels, scores, np.arange(90) // 2, threshold=found["threshold"])
    assert {name: found[name] for name in expected} == expected
    assert found["accuracy_at_half"].value == ((scores >= 0.5) == labels).mean() < found["accuracy"].value
