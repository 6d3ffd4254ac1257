"""Figures: what is drawn is what was measured, with labels, and no two models look alike."""

from itertools import combinations, pairwise

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_rgb
from matplotlib.text import Text
from scipy.optimize import minimize
from sklearn.metrics import average_precision_score, roc_auc_score

from fakeface_utils.evaluation import plots, reported


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


def boxes(axis):
    axis.figure.canvas.draw()
    return {text.get_text(): Text.get_window_extent(text) for text in axis.texts}  # without the thread


def hidden(axis):
    """The largest share of a name that another name covers, or that lies off the axes."""
    found, frame = boxes(axis), axis.get_window_extent()
    share = max(
        plots._overlap(a.extents, b.extents) / (a.width * a.height) for a, b in combinations(found.values(), 2)
    )
    off = max(1 - plots._overlap(box.extents, frame.extents) / (box.width * box.height) for box in found.values())
    return max(share, off)


def twelve():
    """Histories of three runs of twelve models, of which one ran shorter in one run."""
    rng, rows = np.random.default_rng(1), []
    for k in range(12):
        for seed in range(3):
            seconds = 10 ** (0.5 + 0.2 * k) * (1 + 0.1 * seed) * np.arange(1, 6 if k == 3 and seed == 2 else 8)
            rows += [(f"model {k}", seed, e + 1, t, 0.5 + 0.02 * k + 0.03 * e) for e, t in enumerate(seconds)]
    history = pd.DataFrame(rows, columns=["recipe", "seed", "epoch", "seconds", "val_accuracy"])
    return history.assign(val_accuracy=history["val_accuracy"] + rng.normal(0, 0.003, len(history)))


def test_accuracy_and_time_draws_means_as_far_as_all_runs_go():
    history = twelve()
    axis = plots.accuracy_and_time(history, "seconds", "val_accuracy")
    curves, ends = axis.lines[::2], axis.lines[1::2]
    assert len(curves) == 12 and len({str(look(line)) for line in curves}) == 12
    for k, (line, end) in enumerate(zip(curves, ends, strict=True)):
        runs = [part for _, part in history[history["recipe"] == f"model {k}"].groupby("seed")]
        last = min(map(len, runs))
        for drawn, column in zip(line.get_data(), ("seconds", "val_accuracy"), strict=True):
            assert drawn == pytest.approx(np.mean([run[column].to_numpy()[:last] for run in runs], axis=0))
        assert end.get_xydata().tolist() == [line.get_xydata()[-1].tolist()]
        assert axis.texts[k].xy == pytest.approx(line.get_xydata()[-1])
    assert len(curves[3].get_xdata()) == 5 and axis.get_xscale() == "log"
    assert (axis.get_xlabel(), axis.get_ylabel()) == ("seconds of training", "validation accuracy")
    assert sorted(boxes(axis)) == sorted(f"model {k}" for k in range(12)) and hidden(axis) < 0.05


def test_cost_scatter_names_points_beside_them():
    rng = np.random.default_rng(2)
    names = [f"a network of some kind {k}" for k in range(12)]
    table = pd.DataFrame(
        {"parameters": 10 ** rng.uniform(5, 8, 12), "auc": rng.uniform(0.7, 0.99, 12)}, index=names
    )
    table = table.assign(low=table["auc"] - 0.02, high=table["auc"] + 0.01)
    axis = plots.cost_scatter(table, "parameters", "auc", low="low", high="high")
    assert axis.lines[0].get_xydata() == pytest.approx(table[["parameters", "auc"]].to_numpy())
    bars = [[tuple(end) for end in bar] for bar in axis.collections[0].get_segments()]
    assert bars == [
        [(x, a), (x, b)] for x, a, b in zip(table["parameters"], table["low"], table["high"], strict=True)
    ]
    assert hidden(axis) < 0.05 and axis.get_ylabel() == "AUC" and axis.get_xscale() == "log"
    for name, box in boxes(axis).items():
        x, y = axis.transData.transform(table.loc[name, ["parameters", "auc"]])
        nearest = np.clip([x, y], [box.x0, box.y0], [box.x1, box.y1])
        assert 2 < np.hypot(*(nearest - [x, y])) < 45  # beside its own point, not on it
    ticks = [label.get_text() for label in axis.get_xticklabels()]
    assert "1 M" in ticks and "100 k" in ticks
    plain = plots.cost_scatter(table, "parameters", "auc", log_x=False, annotate=False, axis=plt.subplots()[1])
    assert plain.get_xscale() == "linear" and not plain.texts and not plain.collections


def test_names_that_would_collide_are_moved_apart():
    close = pd.DataFrame({"seconds": [100, 101, 102, 400], "auc": [0.9, 0.9001, 0.8999, 0.7]}, index=list("abcd"))
    axis = plots.cost_scatter(close.rename(index=lambda n: f"network {n}"), "seconds", "auc")
    assert hidden(axis) < 0.05


def test_noise_floor_bands_are_the_least_differences():
    aucs = {"RGB": 0.946, "CNN-3": 0.904, "CNN-5": 0.909, "grey": 0.92, "CNN-1": 0.806}
    axis = plots.noise_floor(aucs, 1000, 1000, correlation=0.8, against="CNN-5")
    names = [label.get_text() for label in axis.get_yticklabels()]
    assert names == ["CNN-1  0.806", "CNN-3  0.904", "CNN-5  0.909", "grey  0.920", "RGB  0.946"]
    for bar, auc in zip(axis.containers[0], sorted(aucs.values()), strict=True):
        half = float(reported.least_difference(auc, 1000, 1000, 0.8))
        assert (bar.get_x(), bar.get_width()) == pytest.approx((auc - half, 2 * half))
        assert axis.get_xlim()[0] < bar.get_x() and bar.get_x() + bar.get_width() < axis.get_xlim()[1]
    told, lost = axis.lines
    assert told.get_xdata().tolist() == [0.806, 0.909, 0.92, 0.946] and lost.get_xdata().tolist() == [0.904]
    assert lost.get_ydata().tolist() == [1] and lost.get_markerfacecolor() == "white"
    assert axis.get_xlabel() == "AUC on 2,000 images, if those of two systems correlate at 0.8"
    near = {
        "low": 0.982,
        "high": 0.987,
    }  # high lies in the band of low, which is wider, but not low in that of high
    for against, open_circles in (("low", [0.987]), ("high", [])):
        drawn = plots.noise_floor(near, 1000, 1000, correlation=0.57, against=against, axis=plt.subplots()[1])
        assert drawn.lines[1].get_xdata().tolist() == open_circles
    alone = plots.noise_floor(pd.Series(aucs), 1000, 1000, axis=plt.subplots()[1])
    assert len(alone.lines[0].get_xdata()) == 5 and len(legend(alone)) == 1


def test_confusion_matrices_show_each_models_counts():
    labels = np.repeat([0, 1], 50)
    calls = {f"m{k}": np.where(np.arange(100) % (k + 2), labels, 1 - labels) for k in range(5)}
    figure = plots.confusion_matrices(labels, calls, columns=3, title="all")
    used = [axis for axis in figure.axes if axis.axison]
    assert [axis.get_title() for axis in used] == list(calls) and figure._suptitle.get_text() == "all"
    for axis, values in zip(used, calls.values(), strict=True):
        right = int(((labels == 1) & (values == 1)).sum())
        assert axis.texts[3].get_text() == f"{right}\n({right / 50:.0%})"
    assert [axis.get_ylabel() for axis in used] == ["label", "", "", "label", ""]
    assert [axis.get_xlabel() for axis in used] == ["", "", "called", "called", "called"]
    assert len(plots.confusion_matrices(labels, {"one": labels}).axes) == 1


def test_learning_size_draws_mean_and_spread():
    rows = [(r, n, k * 0.1 + r_ + n / 1e4) for r_, r in enumerate("ab") for n in (100, 200, 400) for k in (0, 1, 3)]
    table = pd.DataFrame(rows, columns=["recipe", "n_train", "auc"]).sample(frac=1, random_state=0)
    axis = plots.learning_size(table.sort_values("recipe"))
    for r_, (line, band) in enumerate(zip(axis.lines, axis.collections, strict=True)):
        middle = np.array([100, 200, 400]) / 1e4 + r_ + 0.4 / 3
        assert line.get_xdata().tolist() == [100, 200, 400] and line.get_ydata() == pytest.approx(middle)
        spread = np.std([0, 0.1, 0.3], ddof=1)
        edges = band.get_paths()[0].vertices[:, 1]
        assert (edges.min(), edges.max()) == pytest.approx((middle[0] - spread, middle[-1] + spread))
    assert [label.get_text() for label in axis.get_xticklabels()] == ["100", "200", "400"]
    assert [text.get_text() for text in axis.texts] == ["a", "b"] and axis.get_ylabel() == "AUC"
    one = plots.learning_size(table.groupby(["recipe", "n_train"], as_index=False).first(), axis=plt.subplots()[1])
    one.figure.canvas.draw()


def test_spread_moves_as_little_as_need_be():
    rng = np.random.default_rng(3)
    for _ in range(30):
        places, gap = rng.uniform(0, 1, rng.integers(1, 7)), rng.uniform(0.02, 0.14)
        moved = plots._spread(places, gap, 0, 1)
        order = np.argsort(places)
        apart = {"type": "ineq", "fun": lambda x, order=order, gap=gap: np.r_[np.diff(x[order]) - gap, 0]}
        far = lambda x, places=places: ((x - places) ** 2).sum()  # noqa: E731
        best = minimize(far, moved, bounds=[(0, 1)] * len(places), constraints=apart)
        assert moved == pytest.approx(best.x, abs=1e-3)
        assert (np.diff(moved[order]) >= gap - 1e-9).all() and moved.min() >= 0 and moved.max() <= 1
    assert plots._spread([0.5] * 5, 0.5, 0, 1) == pytest.approx([0, 0.25, 0.5, 0.75, 1])


def test_names_of_line_ends_do_not_touch():
    rows = [(f"recipe {k}", n, 0.9 + k / 1e4 if k else 0.5) for k in range(8) for n in (100, 200)]
    axis = plots.learning_size(pd.DataFrame(rows, columns=["recipe", "n_train", "auc"]))
    found = sorted(boxes(axis).values(), key=lambda box: box.y0)
    assert all(b.y0 > a.y1 - 1 for a, b in pairwise(found))
