"""Figures with one look: readable in grey, labelled, nothing on them that is not data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise, product

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke
from matplotlib.ticker import EngFormatter, Formatter, LogLocator, NullFormatter, NullLocator
from scipy.optimize import isotonic_regression
from sklearn.calibration import CalibrationDisplay
from sklearn.metrics import (
    ConfusionMatrixDisplay,
    PrecisionRecallDisplay,
    RocCurveDisplay,
    average_precision_score,
    confusion_matrix,
    roc_auc_score,
)

from fakeface_utils.evaluation.calibration import reliability_table
from fakeface_utils.evaluation.reported import least_difference

# Real and fake also differ in lightness and in line style, for grey prints and colour-blind readers.
COLORS = {"real": "#1b6ca8", "fake": "#e07b39"}
LINES = {"real": "-", "fake": "--"}
# Models, in the order given; each differs from its neighbours in lightness and in line style.
MODELS = (
    {"color": "#1f3b57", "linestyle": "-"},
    {"color": "#e07b39", "linestyle": "--"},
    {"color": "#2f8f6b", "linestyle": "-."},
    {"color": "#9a9ad0", "linestyle": (0, (1, 1))},
    {"color": "#7a2f5b", "linestyle": (0, (7, 2, 1, 2, 1, 2))},
    {"color": "#c9a227", "linestyle": (0, (8, 3))},
)


def use_style() -> None:
    """Set the course's look for every figure and table of a notebook."""
    pd.set_option("display.max_colwidth", None)  # a table cell is read whole
    sns.set_theme(context="notebook", style="whitegrid", font_scale=0.9)
    plt.rcParams.update(
        {
            "figure.dpi": 100,
            "figure.constrained_layout.use": True,
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.titlesize": "medium",
            "axes.titleweight": "bold",
            "legend.frameon": False,
            "image.cmap": "gray",
        }
    )


def image_grid(
    images: Sequence[np.ndarray], titles: Sequence[str] | None = None, *, columns: int = 6, title: str = ""
) -> Figure:
    """Images side by side.

    Args:
        images: each (height, width), (height, width, 1) or (height, width, 3); uint8 0-255, or float 0-255.
        titles: one above each image.
        columns: images a row.
        title: of the whole figure.
    """
    rows = -(-len(images) // columns)
    figure, axes = plt.subplots(rows, columns, figsize=(1.75 * columns, 1.95 * rows), squeeze=False)
    for axis in axes.flat:
        axis.axis("off")
    for number, (axis, image) in enumerate(zip(axes.flat, images, strict=False)):
        axis.imshow(np.clip(np.squeeze(image), 0, 255).astype(np.uint8), vmin=0, vmax=255)
        if titles is not None:
            axis.set_title(titles[number], fontsize=8, fontweight="normal")
    figure.suptitle(title, fontweight="bold")
    return figure


def class_counts(index: pd.DataFrame, *, axis: Axes | None = None) -> Axes:
    """Bars of images per split and class."""
    table = index.assign(split=index["split"].replace("", "all"), what=index["label"].map({0: "real", 1: "fake"}))
    counts = table.groupby(["split", "what"], sort=False).size().unstack("what", fill_value=0)
    counts = counts.reindex([s for s in ("train", "valid", "test", "all") if s in counts.index])
    counts = counts.reindex(columns=["real", "fake"], fill_value=0)
    axis = counts.plot.bar(rot=0, ax=axis, color=COLORS, edgecolor="black", linewidth=0.6)
    for bars, hatch in zip(axis.containers, ("", "//"), strict=True):
        axis.bar_label(bars, fmt="{:,.0f}", fontsize=8)
        for bar in bars:
            bar.set_hatch(hatch)
    axis.set(xlabel="", ylabel="images", title=index["set"].iloc[0])
    axis.legend(title="")
    return axis


def two_classes(
    x: np.ndarray, real: np.ndarray, fake: np.ndarray, *, axis: Axes | None = None, band: bool = True
) -> Axes:
    """Mean curve of each class over ``x``, with the 95 % interval of the mean shaded.

    Args:
        x: (points,).
        real, fake: (images, points) each.
    """
    axis = axis or plt.gca()
    for name, curves in (("real", real), ("fake", fake)):
        mean = curves.mean(axis=0)
        axis.plot(x, mean, LINES[name], color=COLORS[name], label=f"{name}, mean of {len(curves)}")
        if band:
            half = 1.96 * curves.std(axis=0, ddof=1) / np.sqrt(len(curves))
            axis.fill_between(x, mean - half, mean + half, color=COLORS[name], alpha=0.25, linewidth=0)
    axis.legend()
    return axis


def compare_maps(
    axes: Sequence[Axes], real: np.ndarray, fake: np.ndarray, name: str, label: str, *, spread: float
) -> None:
    """Two maps on one scale, and their difference fake minus real beside them.

    Args:
        axes: three of them.
        real, fake: (height, width) each, such as mean images or mean spectra.
        name: of the set, for the titles.
        label: what the values are, for the colour bars.
        spread: the difference is drawn from minus this (dark) over 0 (white) to plus this (red).
    """
    low, high = min(real.min(), fake.min()), max(real.max(), fake.max())
    for axis, values, what in zip(axes, (real, fake), ("real", "fake"), strict=False):
        drawn = axis.imshow(values, vmin=low, vmax=high)
        axis.set(title=f"{name}: {what}")
    axes[1].figure.colorbar(drawn, ax=axes[1], shrink=0.8, label=label)
    drawn = axes[2].imshow(fake - real, cmap="RdGy_r", vmin=-spread, vmax=spread)
    axes[2].figure.colorbar(drawn, ax=axes[2], shrink=0.8, label=label, extend="both")
    axes[2].set(title="fake minus real")
    for axis in axes:
        axis.set(xticks=[], yticks=[])
        axis.grid(False)


def forest(
    table: pd.DataFrame, *, chance: float | None = 0.5, control: str | None = None, axis: Axes | None = None
) -> Axes:
    """One row a line of ``table``: its value with the interval, beside chance and a control.

    Args:
        table: the index names the rows; columns ``value`` (or ``auc``), ``low``, ``high``.
        chance: where to draw the line of a score that knows nothing; None draws none.
        control: a column of ``table`` drawn as open circles (such as AUCs with permuted labels), with its range as a
            grey bar where ``table`` has the columns ``<control>_low`` and ``<control>_high``.
    """
    axis = axis or plt.gca()
    value = table["auc" if "auc" in table else "value"].to_numpy()
    rows = np.arange(len(table))[::-1]
    errors = np.abs(np.stack([value - table["low"], table["high"] - value]))
    axis.errorbar(value, rows, xerr=errors, fmt="o", color="black", capsize=3, label="measured, 95 % interval")
    if control is not None:
        if f"{control}_low" in table:
            axis.hlines(
                rows,
                table[f"{control}_low"],
                table[f"{control}_high"],
                color="lightgray",
                linewidth=6,
                zorder=1.5,  # under the intervals
                label="their range",
            )
        axis.plot(table[control], rows, "o", mfc="white", mec="gray", label="labels permuted")
    if chance is not None:
        axis.axvline(chance, color="gray", linestyle=":", label="chance")
    axis.set_yticks(rows, table.index)
    axis.legend(loc="upper center", bbox_to_anchor=(0.5, -0.2), ncols=4, fontsize=7)
    return axis


def roc(labels: np.ndarray, scores: Mapping[str, np.ndarray], *, axis: Axes | None = None) -> Axes:
    """The ROC curve of each model, name -> P(fake) (n,), on the same labels (n,), with its AUC in the legend."""
    axis = axis or plt.gca()
    axis.plot([0, 1], [0, 1], ":", color="gray", linewidth=1, label="chance (0.500)")
    for number, (name, values) in enumerate(scores.items()):
        RocCurveDisplay.from_predictions(labels, values, ax=axis)
        _restyle(axis, number, f"{name} ({roc_auc_score(labels, values):.3f})")
    axis.set(xlabel="reals called fake (false positive rate)", ylabel="fakes found (true positive rate)")
    axis.legend(title="AUC", alignment="left", loc="lower right", fontsize=8)
    return axis


def precision_recall(labels: np.ndarray, scores: Mapping[str, np.ndarray], *, axis: Axes | None = None) -> Axes:
    """Precision over recall of each model, as in :func:`roc`, with its average precision. Fake is positive."""
    axis = axis or plt.gca()
    share = float(np.mean(labels))
    axis.plot([0, 1], [share, share], ":", color="gray", linewidth=1, label=f"chance ({share:.3f})")
    for number, (name, values) in enumerate(scores.items()):
        PrecisionRecallDisplay.from_predictions(labels, values, ax=axis)
        _restyle(axis, number, f"{name} ({average_precision_score(labels, values):.3f})")
    axis.set(xlabel="recall: fakes found", ylabel="precision: fakes among those called fake")
    axis.legend(title="AP", alignment="left", loc="lower center", fontsize=8)
    return axis


def scores(labels: np.ndarray, values: np.ndarray, cuts: Mapping[str, float], *, axis: Axes | None = None) -> Axes:
    """Where the scores (n,) of reals and fakes lie, and where thresholds cut them.

    Args:
        labels: (n,) 0/1. values: (n,) P(fake). cuts: what to write beside a threshold -> its score.
    """
    axis = axis or plt.gca()
    kinds = np.where(np.asarray(labels) == 1, "fake", "real")
    sns.histplot(x=values, hue=kinds, hue_order=["real", "fake"], bins=20, palette=COLORS, ax=axis)
    for number, (what, cut) in enumerate(cuts.items()):
        axis.axvline(cut, color="black", linestyle=(":", "--", "-.")[number % 3])
        axis.text(cut, axis.get_ylim()[1], f" {what}", va="top", rotation=90, fontsize=7)
    axis.set(xlabel="score, P(fake)", ylabel="images")
    return axis


def trainings(table: pd.DataFrame, value: str, mark: str) -> Axes:
    """Every training of every recipe as a point; those whose column ``mark`` is true are orange and square.

    Args:
        table: columns ``recipe``, ``value`` and ``mark`` (of booleans).
    """
    axis = plt.figure(figsize=(7, 0.9 + 0.4 * table["recipe"].nunique())).gca()
    for marked, look in ((False, {"color": MODELS[0]["color"]}), (True, {"color": COLORS["fake"], "marker": "s"})):
        part = table[table[mark].astype(bool) == marked]
        order = table["recipe"].drop_duplicates()
        sns.stripplot(part, x=value, y="recipe", order=order, alpha=0.7, ax=axis, label=None, **look)
        axis.plot([], [], "s" if marked else "o", color=look["color"], label=mark if marked else f"not {mark}")
    axis.axvline(0.5, color="gray", linestyle=":")
    axis.set(xlabel=f"{value} of each training", ylabel="")
    axis.legend(loc="upper left", bbox_to_anchor=(1, 1), fontsize=8)
    return axis


def by_epoch(history: pd.DataFrame, value: str, *, mark: int | None = None) -> Axes:
    """Mean and spread (one standard deviation) of all trainings of each recipe, epoch by epoch.

    Args:
        history: columns ``recipe``, ``epoch`` and ``value``, as ``training.recipes.histories`` gives it.
        mark: an epoch to draw a line at.
    """
    axis = plt.figure(figsize=(7, 3)).gca()
    for number, (recipe, part) in enumerate(history.groupby("recipe", sort=False)):
        told = part.groupby("epoch")[value].agg(["mean", "std"]).fillna(0)
        look = MODELS[number % len(MODELS)]
        axis.plot(told.index, told["mean"], label=recipe, linewidth=1.8, **look)
        low, high = told["mean"] - told["std"], told["mean"] + told["std"]
        axis.fill_between(told.index, low, high, color=look["color"], alpha=0.12, linewidth=0)
    if mark is not None:
        axis.axvline(mark, color="gray", linestyle=":")
    axis.xaxis.get_major_locator().set_params(integer=True)
    axis.set(xlabel="epoch", ylabel=_words(value))
    axis.legend(loc="upper left", bbox_to_anchor=(1, 1), fontsize=8)
    return axis


def search(table: pd.DataFrame, rows: str, columns: str, panels: str, value: str, *, title: str = "") -> Figure:
    """The best ``value`` for each pair of settings, darker is higher; a panel for each value of ``panels``.

    Args:
        table: as ``training.recipes.run_grid`` gives it; all else than the three settings is maximised over.
    """
    kinds = sorted(table[panels].unique(), reverse=True)
    figure, axes = plt.subplots(1, len(kinds), figsize=(1 + 3.6 * len(kinds), 2.8), squeeze=False)
    limits = {"vmin": table[value].min(), "vmax": table[value].max()}
    for axis, kind in zip(axes[0], kinds, strict=True):
        part = table[table[panels] == kind]
        best = part.pivot_table(index=rows, columns=columns, values=value, aggfunc="max", sort=False)
        sns.heatmap(best, cmap="Greys", annot=True, fmt=".2f", cbar=False, ax=axis, **limits)
        axis.set(title=f"{panels.replace('_', ' ')} {kind:g}", ylabel="")
        axis.tick_params(axis="y", rotation=0)
    figure.suptitle(title, fontweight="bold")
    return figure


def confusion(labels: np.ndarray, predictions: np.ndarray, *, title: str = "", axis: Axes | None = None) -> Axes:
    """Counts of predictions (n,) 0/1 against labels (n,), and each class's shares; darker is a larger share."""
    options = {"labels": [0, 1], "display_labels": ["real", "fake"], "cmap": "Blues", "colorbar": False}
    axis = axis or plt.gca()
    drawn = ConfusionMatrixDisplay.from_predictions(
        labels, predictions, normalize="true", ax=axis, im_kw={"vmin": 0, "vmax": 1}, **options
    )
    counts = confusion_matrix(labels, predictions, labels=[0, 1])
    for place, text in np.ndenumerate(drawn.text_):
        text.set_text(f"{counts[place]:,}\n({drawn.confusion_matrix[place]:.0%})")
    axis.set(xlabel="called", ylabel="label", title=title)
    axis.grid(False)
    return axis


def confusion_matrices(
    labels: np.ndarray, predictions: Mapping[str, np.ndarray], *, columns: int = 4, title: str = ""
) -> Figure:
    """:func:`confusion` of each model side by side, name -> predictions (n,) 0/1, on the same labels (n,)."""
    columns = min(columns, len(predictions))
    rows = -(-len(predictions) // columns)
    figure, axes = plt.subplots(rows, columns, figsize=(2.3 * columns, 2.4 * rows), squeeze=False)
    for axis in axes.flat[len(predictions) :]:
        axis.axis("off")
    for number, (axis, (name, values)) in enumerate(zip(axes.flat, predictions.items(), strict=False)):
        confusion(labels, values, title=name, axis=axis)
        if number % columns:
            axis.set(ylabel="", yticklabels=[])
        if number + columns < len(predictions):
            axis.set(xlabel="", xticklabels=[])
    figure.suptitle(title, fontweight="bold")
    return figure


def reliability(
    labels: np.ndarray, scores: Mapping[str, np.ndarray], *, bins: int = 10, axis: Axes | None = None
) -> Axes:
    """Share of fakes over the mean score in each bin, one line a model; bars are Wilson's 95 % intervals."""
    axis = axis or plt.gca()
    axis.plot([0, 1], [0, 1], ":", color="gray", linewidth=1, label="perfectly calibrated")
    for number, (name, values) in enumerate(scores.items()):
        table = reliability_table(labels, values, bins)
        CalibrationDisplay(table["fakes"], table["score"], values).plot(ax=axis, ref_line=False)
        _restyle(axis, number, name)
        axis.vlines(table["score"], table["low"], table["high"], color=axis.lines[-1].get_color(), alpha=0.6)
    axis.set(xlabel="mean score P(fake) in the bin", ylabel="share of fakes in the bin")
    axis.legend(loc="best", fontsize=8)
    return axis


def learning_curves(*histories: Mapping[str, Sequence[float]] | pd.DataFrame, title: str = "") -> Figure:
    """Loss and accuracy per epoch on train and validation: each run a thin line, the mean of all a thick one.

    The mean ends where the first run ends, for after that it would be one of other runs.

    Args:
        histories: one a seed, with ``loss, val_loss, accuracy, val_accuracy`` (epochs,) as Keras names them.
    """
    runs = [pd.DataFrame({k: h[k] for k in ("loss", "val_loss", "accuracy", "val_accuracy")}) for h in histories]
    table = pd.concat(run.assign(epoch=np.arange(1, len(run) + 1), run=i) for i, run in enumerate(runs))
    common = table[table["epoch"] <= min(map(len, runs))]
    figure, axes = plt.subplots(1, 2, figsize=(8.5, 3.2))
    mean = {"errorbar": None, "linewidth": 2.2, "marker": "o", "markersize": 4, "markeredgewidth": 0}
    thin = {"units": "run", "estimator": None, "linewidth": 0.7, "alpha": 0.45}
    for axis, name in zip(axes, ("loss", "accuracy"), strict=True):
        for column, label, look in ((name, "train", MODELS[0]), (f"val_{name}", "validation", MODELS[1])):
            if len(runs) > 1:
                sns.lineplot(table, x="epoch", y=column, ax=axis, **thin, **look)
            label += f", mean of {len(runs)}" if len(runs) > 1 else ""
            sns.lineplot(common, x="epoch", y=column, label=label, ax=axis, **mean, **look)
        axis.set(xlabel="epoch", ylabel=name)
        axis.xaxis.get_major_locator().set_params(integer=True)
    figure.suptitle(title, fontweight="bold")
    return figure


def accuracy_and_time(
    history: pd.DataFrame, time_column: str, value_column: str, *, by: str = "recipe", axis: Axes | None = None
) -> Axes:
    """How far each model has come after so much training: the mean of its runs, epoch by epoch, over seconds.

    A mean ends where the first of its runs ends, for after that it would be one of other runs.

    Args:
        history: a row an epoch of each run, with columns ``epoch``, ``by`` (the model) and the two named.
        time_column: seconds from the start of the run to the end of the epoch, above 0.
        value_column: such as ``val_accuracy``.
    """
    axis = axis or plt.figure(figsize=(8, 2.4 + 0.18 * history[by].nunique())).gca()
    lines = {}
    for number, (name, part) in enumerate(history.groupby(by, sort=False)):
        epochs = part.groupby("epoch")
        told = epochs[[time_column, value_column]].mean()[epochs.size() == epochs.size().iloc[0]]
        axis.plot(*told.to_numpy().T, marker="o", markersize=3, linewidth=1.6, **_look(number))
        axis.plot(*told.iloc[-1], "o", color=_look(number)["color"], markersize=7)
        lines[name] = told.to_numpy()
    axis.margins(x=0.12, y=0.1)
    _log_x(axis, "{x:,g}")
    axis.set(xlabel="seconds of training", ylabel=_words(value_column))
    _name_points(axis, list(lines), np.array([line[-1] for line in lines.values()]), list(lines.values()))
    return axis


def learning_size(
    table: pd.DataFrame, value: str = "auc", *, size: str = "n_train", by: str = "recipe", axis: Axes | None = None
) -> Axes:
    """What more training images bring: mean and spread (one standard deviation) of each recipe's trainings.

    Args:
        table: a row a training, with columns ``by``, ``size`` (images it was trained on) and ``value``.
    """
    axis = axis or plt.figure(figsize=(7.5, 3.4)).gca()
    ends = {}
    for number, (name, part) in enumerate(table.groupby(by, sort=False)):
        told = part.groupby(size)[value].agg(["mean", "std"]).fillna(0)
        axis.plot(told.index, told["mean"], marker="o", markersize=4, linewidth=1.8, **_look(number))
        low, high = told["mean"] - told["std"], told["mean"] + told["std"]
        axis.fill_between(told.index, low, high, color=_look(number)["color"], alpha=0.15, linewidth=0)
        ends[name] = (told.index[-1], told["mean"].iloc[-1])
    axis.set_xscale("log", base=2)
    sizes = np.sort(table[size].unique())
    axis.set_xticks(sizes, [f"{n:,}" for n in sizes])
    axis.xaxis.set_minor_locator(NullLocator())
    axis.set(xlabel="training images", ylabel=_words(value))
    _name_ends(axis, ends)
    return axis


def cost_scatter(
    table: pd.DataFrame,
    x: str,
    y: str,
    *,
    low: str | None = None,
    high: str | None = None,
    log_x: bool = True,
    annotate: bool = True,
    axis: Axes | None = None,
) -> Axes:
    """What a model brings against what it costs, one point a model.

    Args:
        table: the index names the models; columns ``x`` (such as ``parameters``), ``y`` (such as ``auc``) and, if
            named, ``low`` and ``high``, the ends of the interval of ``y``.
        annotate: write each model's name beside its point. Set limits and labels before, not after.
    """
    axis = axis or plt.figure(figsize=(8, 4)).gca()
    bars = []
    if low is not None and high is not None:
        bars = [np.array([(at, a), (at, b)]) for at, a, b in table[[x, low, high]].to_numpy(float)]
        axis.vlines(table[x], table[low], table[high], color="gray", linewidth=1.2, alpha=0.7)
    axis.plot(table[x], table[y], "o", color=MODELS[0]["color"], markersize=6)
    axis.margins(x=0.12, y=0.12)
    if log_x:
        _log_x(axis, EngFormatter(sep=" "))
    axis.set(xlabel=_words(x), ylabel=_words(y))
    if annotate:
        _name_points(axis, table.index, table[[x, y]].to_numpy(float), bars)
    return axis


def noise_floor(
    aucs: Mapping[str, float] | pd.Series,
    n_real: int,
    n_fake: int,
    *,
    correlation: float = 0.5,
    against: str | None = None,
    axis: Axes | None = None,
) -> Axes:
    """Reported AUCs in order, each with the band inside which another system cannot be told from it.

    The band is ``reported.least_difference`` to either side: what the test images leave open at 95 %.

    Args:
        aucs: name -> AUC. n_real, n_fake: the test's images, which all systems share.
        correlation: of the AUCs of two systems, which the report does not tell.
        against: a system whose band is drawn through all rows; who lies in it is an open circle.
    """
    values = pd.Series(aucs, dtype=float).sort_values()
    half = np.array([float(least_difference(auc, n_real, n_fake, correlation)) for auc in values])
    axis = axis or plt.figure(figsize=(7.5, 1.2 + 0.3 * len(values))).gca()
    rows = np.arange(len(values))
    axis.barh(
        rows,
        2 * half,
        left=values - half,
        height=0.62,
        color="#d5dbe1",
        label="too close to the point to be told from it",
    )
    lost = np.zeros(len(values), bool)
    if against is not None:
        middle, reach = values[against], half[values.index.get_loc(against)]
        axis.axvspan(
            middle - reach,
            middle + reach,
            color=COLORS["fake"],
            alpha=0.18,
            label=f"too close to {against} (open circles)",
        )
        lost = (np.abs(values - middle) < reach).to_numpy() & (values.index != against)
    look = {"linestyle": "", "marker": "o", "color": "black", "zorder": 3}
    axis.plot(values[~lost], rows[~lost], **look)
    axis.plot(values[lost], rows[lost], markerfacecolor="white", **look)
    axis.set_yticks(rows, [f"{name}  {value:.3f}" for name, value in values.items()])
    axis.set(xlabel=f"AUC on {n_real + n_fake:,} images, if those of two systems correlate at {correlation:g}")
    axis.use_sticky_edges = False  # the bars of the first and the last row are seen whole
    axis.autoscale_view()
    axis.grid(axis="y", visible=False)
    axis.legend(loc="lower right", fontsize=8)
    return axis


def _look(number: int) -> dict:
    """Colour and line style of the model of this number, that no other of 36 has."""
    k, around = number % len(MODELS), number // len(MODELS)
    return MODELS[k] | {"linestyle": MODELS[(k + around) % len(MODELS)]["linestyle"]}


def _restyle(axis: Axes, number: int, label: str) -> None:
    """Give the line that a display has just drawn its model's look."""
    axis.lines[-1].set(**_look(number), linewidth=1.8, label=label, markersize=4)


def _spread(places: Sequence[float], gap: float, low: float, high: float) -> np.ndarray:
    """Places moved as little as need be, in their order, so that neighbours are ``gap`` apart and all within bounds.

    Where they do not fit the gap shrinks.
    """
    places = np.asarray(places, float)
    order = np.argsort(places, kind="stable")
    gap = min(gap, (high - low) / max(1, len(places) - 1))
    steps = gap * np.arange(len(places))
    # Without its share of gaps each place must only not fall below the one before: least squares by isotonic fit.
    level = isotonic_regression(places[order] - steps).x
    moved = np.empty_like(places)
    moved[order] = np.clip(level, low, high - steps[-1]) + steps
    return moved


def _name_ends(axis: Axes, ends: Mapping[str, tuple[float, float]]) -> None:
    """Write the name of each line right of the axes, at the height of its end, with a thread to it."""
    axis.autoscale_view()
    to_axes = axis.transData + axis.transAxes.inverted()
    heights = to_axes.transform(list(ends.values()))[:, 1]
    gap = 11 / (axis.get_position().height * axis.figure.get_figheight() * 72)  # points of a line of this font
    for number, (name, height) in enumerate(zip(ends, _spread(heights, gap, 0, 1), strict=True)):
        color = axis.lines[number].get_color()
        thread = {"arrowstyle": "-", "color": color, "linewidth": 0.6, "linestyle": ":", "shrinkA": 0, "shrinkB": 2}
        place = {"xytext": (1.03, height), "textcoords": "axes fraction", "va": "center", "fontsize": 8}
        axis.annotate(name, ends[name], arrowprops=thread, annotation_clip=False, **place)


def _name_points(axis: Axes, names: Sequence[str], points: np.ndarray, curves: Sequence[np.ndarray] = ()) -> None:
    """Write each name where it hides the least: of 24 places around its point, the nearest that is free.

    Args:
        points: (n, 2) in data units. curves: (k, 2) each, the corners of lines that names should not cover.
    """
    axis.figure.canvas.draw()  # lays the axes out, so that distances in pixels hold
    pixel = axis.figure.dpi / 72
    drawn = axis.transData.transform(points)
    taken = [_box(place, 10 * pixel) for place in drawn]
    for curve in curves:
        corners = axis.transData.transform(curve)
        for start, end in pairwise(corners):
            steps = 2 + int(np.hypot(*(end - start)) / (4 * pixel))
            taken += [_box(place, 4 * pixel) for place in np.linspace(start, end, steps)]
    frame = axis.get_window_extent().extents
    for name, point, (px, py) in zip(names, points, drawn, strict=True):
        text = axis.annotate(name, point, (0, 0), textcoords="offset points", fontsize=8, va="center")
        text.set_path_effects([withStroke(linewidth=2.5, foreground="white")])
        size = text.get_window_extent()
        best = (np.inf, None, None)
        for far, angle in product((9, 18, 28), np.deg2rad([0, 180, 45, -45, 135, -135, 90, -90])):
            dx, dy = far * np.cos(angle), far * np.sin(angle)
            side = (1 - np.cos(angle)) / 2  # how much of the text lies left of where it is anchored
            left, bottom = px + dx * pixel - side * size.width, py + dy * pixel - size.height / 2
            place = (left, bottom, left + size.width, bottom + size.height)
            outside = size.width * size.height - _overlap(place, frame)
            hidden = sum(_overlap(place, other) for other in taken) + 2 * outside + far * pixel
            if hidden < best[0]:
                best = (hidden, (dx - side * size.width / pixel, dy), place)
        text.set_position(best[1])
        taken.append(best[2])


def _box(middle: np.ndarray, side: float) -> tuple[float, float, float, float]:
    x, y = middle
    return x - side / 2, y - side / 2, x + side / 2, y + side / 2


def _overlap(a: Sequence[float], b: Sequence[float]) -> float:
    """Area that two boxes (left, bottom, right, top) share."""
    width, height = (min(a[k + 2], b[k + 2]) - max(a[k], b[k]) for k in (0, 1))
    return max(0.0, width) * max(0.0, height)


def _log_x(axis: Axes, numbers: str | Formatter) -> None:
    """A logarithmic axis with its numbers written out; 1, 2, 5 where it spans less than two powers of ten."""
    axis.set_xscale("log")
    low, high = axis.get_xlim()
    axis.xaxis.set_major_locator(LogLocator(subs=(1,) if high > 100 * low else (1, 2, 5)))
    axis.xaxis.set_major_formatter(numbers)
    axis.xaxis.set_minor_formatter(NullFormatter())


def _words(column: str) -> str:
    """A column's name as people say it."""
    words = {"val": "validation", "auc": "AUC", "flops": "operations"}
    return " ".join(words.get(word, word) for word in column.split("_"))
