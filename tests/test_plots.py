"""Figures: what is drawn is what was measured, with labels, and no two models look alike."""

from itertools import pairwise

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_rgb
from sklearn.metrics import average_precision_score, roc_auc_score

from fakeface_utils.evaluation import plots


@pytest.fixture(autouse=True)
def canvas():
    matplotlib.use("Agg")
    plots.use_style()
    yield
    plt.close("all")


@pytest.fixture
def models():
    rng = np.random.default_rng(0)
    labels = np.r_[np.zeros(60, int), np.ones(40, int)]
    return labels, {f"m{k}": 1 / (1 + np.exp(-rng.normal(size=100) - k * labels)) for k in range(8)}


def look(line):
    return line.get_color(), line._dash_pattern


def legend(axis):
    return [text.get_text() for text in axis.get_legend().get_texts()]


@pytest.mark.parametrize(
    "draw, metric", [(plots.roc, roc_auc_score), (plots.precision_recall, average_precision_score)]
)
def test_curves(models, draw, metric):
    labels, scores = models
    axis = draw(labels, scores)
    assert legend(axis)[1:] == [f"{name} ({metric(labels, s):.3f})" for name, s in scores.items()]
    assert axis.get_xlabel() and axis.get_ylabel()
    assert len({str(look(line)) for line in axis.lines}) == 9  # chance and eight models
    x, y = axis.lines[-1].get_data()
    step = np.diff(x) * y[1:] if draw is plots.roc else -np.diff(x) * y[:-1]
    assert step.sum() == pytest.approx(metric(labels, scores["m7"]), abs=1e-9)
    axis.figure.canvas.draw()


def test_neighbouring_models_differ_in_grey():
    grey = [np.dot([0.299, 0.587, 0.114], to_rgb(model["color"])) for model in plots.MODELS]
    assert all(abs(a - b) > 0.1 for a, b in pairwise(grey))
    assert len({str(model["linestyle"]) for model in plots.MODELS}) == len(plots.MODELS)
    assert max(grey) < 0.75  # readable on white


def test_confusion_shows_counts_and_shares():
    labels, predictions = np.repeat([1, 1, 0, 0], [136, 75, 68, 232]), np.repeat([1, 0, 1, 0], [136, 75, 68, 232])
    axis = plots.confusion(labels, predictions, title="MobileNet")
    texts = [text.get_text() for text in axis.texts]
    assert texts == ["232\n(77%)", "68\n(23%)", "75\n(36%)", "136\n(64%)"]
    assert [t.get_text() for t in axis.get_xticklabels()] == ["real", "fake"] and axis.get_title() == "MobileNet"
    assert plots.confusion([0, 1], [0, 0], axis=plt.subplots()[1]).texts[2].get_text() == "1\n(100%)"


def test_reliability(models):
    labels, scores = models
    axis = plots.reliability(labels, {"a": scores["m1"], "b": scores["m3"]}, bins=5)
    assert legend(axis) == ["perfectly calibrated", "a", "b"]
    x, y = axis.lines[1].get_data()
    bars = axis.collections[0].get_segments()
    assert len(bars) == len(x)
    for bar, score, share in zip(bars, x, y, strict=True):
        assert bar[0, 0] == pytest.approx(score) and bar[0, 1] - 1e-9 <= share <= bar[1, 1] + 1e-9
    plots.reliability([0, 1], {"sure": np.array([0.0, 1.0])}, axis=plt.subplots()[1])


def history(epochs, level=0.0):
    down, up = np.linspace(0.7, 0.3, epochs) + level, np.linspace(0.5, 0.9, epochs) + level
    return {"loss": down, "val_loss": down + 0.1, "accuracy": up, "val_accuracy": up - 0.1, "lr": up}


def test_learning_curves():
    loss, accuracy = plots.learning_curves(history(6), history(8, 0.02), history(7, 0.04), title="three").axes
    assert (loss.get_ylabel(), accuracy.get_ylabel()) == ("loss", "accuracy") and loss.get_xlabel() == "epoch"
    assert legend(loss) == ["train, mean of 3", "validation, mean of 3"]
    thick = [line for line in loss.lines if line.get_linewidth() > 2 and len(line.get_xdata())]
    assert len(thick) == 2 and len([line for line in loss.lines if line.get_linewidth() < 1]) == 6
    assert thick[0].get_xdata().tolist() == [1, 2, 3, 4, 5, 6]  # as far as the shortest run
    assert thick[0].get_ydata()[0] == pytest.approx(0.72)


def test_learning_curves_of_one_run():
    loss, accuracy = plots.learning_curves(history(3)).axes
    assert legend(accuracy) == ["train", "validation"]
    drawn = [line.get_ydata().tolist() for line in loss.lines if len(line.get_ydata())]
    assert drawn == [pytest.approx([0.7, 0.5, 0.3]), pytest.approx([0.8, 0.6, 0.4])]
    plots.learning_curves(history(1)).canvas.draw()
    with pytest.raises(KeyError):
        plots.learning_curves({"loss": [1.0]})


def test_scores_counts_both_classes_and_marks_thresholds():
    labels, values = np.r_[np.zeros(30, int), np.ones(10, int)], np.linspace(0, 1, 40)
    axis = plots.scores(labels, values, {"half": 0.5, "mine": 0.7})
    assert legend(axis) == ["real", "fake"]
    heights = {to_rgb(bars[0].get_facecolor()): sum(bar.get_height() for bar in bars) for bars in axis.containers}
    assert heights == {to_rgb(plots.COLORS["real"]): 30, to_rgb(plots.COLORS["fake"]): 10}
    assert [line.get_xdata()[0] for line in axis.lines] == [0.5, 0.7]
    assert [text.get_text().strip() for text in axis.texts] == ["half", "mine"]


def test_search_shows_the_best_of_each_cell():
    rows = [(a, u, r, e) for a in ("relu", "tanh") for u in (8, 16) for r in (0.1, 0.01) for e in (1, 2)]
    table = pd.DataFrame(rows, columns=["activation", "units", "rate", "epoch"])
    table["auc"] = np.arange(len(table)) / 100 + 0.5
    figure = plots.search(table, "activation", "units", "rate", "auc")
    assert [axis.get_title() for axis in figure.axes] == ["rate 0.1", "rate 0.01"]
    for axis in figure.axes:
        rate = float(axis.get_title().split()[1])
        best = table[table["rate"] == rate].groupby(["activation", "units"])["auc"].max()
        assert [text.get_text() for text in axis.texts] == [f"{value:.2f}" for value in best]
        assert [tick.get_text() for tick in axis.get_yticklabels()] == ["relu", "tanh"]


def test_trainings_tell_marked_ones_apart_by_colour_and_shape():
    table = pd.DataFrame({"recipe": ["M1"] * 3 + ["M2"] * 2, "auc": [0.7, 0.5, 0.8, 0.6, 0.5]})
    axis = plots.trainings(table.assign(stuck=table["auc"] == 0.5), "auc", "stuck")
    drawn = [np.sort(group.get_offsets()[:, 0]).tolist() for group in axis.collections if len(group.get_offsets())]
    assert sorted(value for group in drawn for value in group) == [0.5, 0.5, 0.6, 0.7, 0.8]
    orange = [
        g for g in axis.collections if len(g.get_offsets()) and to_rgb(g.get_facecolor()[0]) == to_rgb("#e07b39")
    ]
    assert [g.get_offsets()[:, 0].tolist() for g in orange] == [[0.5], [0.5]]
    assert legend(axis) == ["not stuck", "stuck"]
    assert [tick.get_text() for tick in axis.get_yticklabels()] == ["M1", "M2"]


def test_by_epoch_draws_the_mean_of_each_recipe():
    told = pd.DataFrame({"recipe": ["M1"] * 4 + ["M2"] * 2, "epoch": [1, 2, 1, 2, 1, 2]})
    axis = plots.by_epoch(told.assign(val_auc=[0.5, 0.6, 0.7, 0.8, 0.4, 0.4]), "val_auc", mark=2)
    means = [list(line.get_ydata()) for line in axis.lines]
    assert means[:2] == [pytest.approx([0.6, 0.7]), pytest.approx([0.4, 0.4])] and legend(axis) == ["M1", "M2"]
    assert axis.lines[2].get_xdata()[0] == 2
    assert len({str(look(line)) for line in axis.lines[:2]}) == 2
