"""The figures of results/RESULTS.md, each drawn from one committed record and the tables beside it."""

from __future__ import annotations

import textwrap

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.figure import Figure

from fakeface_utils.evaluation import gan_plots, paired, plots
from fakeface_utils.evaluation.intervals import Estimate
from fakeface_utils.lessons import ledger, results

WIDTH = 7.3  # inches; 800 pixels at the figures' 110 dpi
FAMILIES = {
    "auc difference/": "heads on frozen features, mean over the seeds",
    f"auc {ledger.MODELS}/": "whole networks, one training each",
}


def shortcuts(record: dict) -> Figure:
    """AUCs of lesson 01's probes."""
    return aucs(record, "shortcut AUC/", low=0.4)


def networks(record: dict) -> Figure:
    """AUCs of a lesson's networks and floors."""
    return aucs(record, "auc/", low=0.42)


def aucs(record: dict, prefix: str, low: float) -> Figure:
    """One row a metric, on one scale for all sets: from ``low`` to 1, or to .8 where nothing exceeds it."""
    table = results.interval_table(record, prefix).rename(results.few_seeds(record))
    figure, axis = plt.subplots(figsize=(WIDTH, 1.5 + 0.3 * len(table)))
    plots.forest(table, axis=axis)
    under = -0.55 / (0.5 + 0.3 * len(table))  # half an inch, however many rows there are
    axis.get_legend().set_bbox_to_anchor((0.5, under), transform=axis.transAxes)
    high = 0.82 if table["high"].max() < 0.8 else 1.02
    axis.set(xlabel="AUC", xlim=(min(low, table["low"].min() - 0.02), high))
    _over_all(figure, record)  # long names leave the axes too little room for a title
    return figure


def roc(record: dict, predictions: pd.DataFrame) -> Figure:
    """ROC curves of the networks' first seed, each image ranked within its turn."""
    scores = {
        column.removesuffix("/0"): paired.ranks_within(predictions[column].to_numpy(), predictions["turn"])
        for column in predictions
        if column.endswith("/0")
    }
    figure, axis = plt.subplots(figsize=(WIDTH, 5.2))
    plots.roc(predictions["y_true"], scores, axis=axis)
    axis.set(title=f"{results.stamp(record)}, first seed", aspect="equal")
    return figure


def epochs(record: dict, history: pd.DataFrame) -> Figure:
    """AUC on validation through the trainings of each recipe."""
    axis = plots.by_epoch(history, "val_auc", mark=5)
    axis.figure.set_size_inches(WIDTH, 3.2)
    axis.set(title=results.stamp(record), ylabel="AUC on validation")
    return axis.figure


def grid(record: dict, grid: pd.DataFrame) -> Figure:
    """The best AUC on validation for each activation, number of units and learning rate."""
    settings = ("activation", "units", "learning_rate")
    figure = plots.search(grid, *settings, "val_auc", title=results.stamp(record))
    figure.set_size_inches(1.1 * WIDTH, 2.6)
    return figure


def cost(record: dict) -> Figure:
    """AUC of each network against its parameters, where the record holds both."""
    table = results.interval_table(record, "auc/").join(values(record, "parameters/"), how="inner")
    figure, axis = plt.subplots(figsize=(WIDTH, 4.2))
    named = table.rename(columns={"value": "auc"}, index=results.few_seeds(record))
    plots.cost_scatter(named, "parameters", "auc", low="low", high="high", axis=axis)
    axis.set(title=results.stamp(record))
    return figure


def many_epochs(record: dict, history: pd.DataFrame) -> Figure:
    """AUC on validation through the trainings of many recipes: a panel each, a thin line a training."""
    names, columns = history["recipe"].unique(), 5
    trainings = [name for name in ("turn", "seed") if name in history]  # a lesson may keep the one split alone
    rows = -(-len(names) // columns)
    options = {"squeeze": False, "sharex": True, "sharey": True, "figsize": (WIDTH, 0.6 + 1.3 * rows)}
    figure, axes = plt.subplots(rows, columns, **options)
    for axis in axes.flat[len(names) :]:
        axis.axis("off")
    for axis, name in zip(axes.flat, names, strict=False):
        runs = history[history["recipe"] == name].pivot_table("val_auc", "epoch", trainings)
        axis.plot(runs, color="gray", linewidth=0.7, alpha=0.6)
        axis.plot(runs.mean(axis=1), color=plots.MODELS[0]["color"], linewidth=1.8)
        axis.axhline(0.5, color="gray", linestyle=":")
        axis.set_title(textwrap.fill(name, 22), fontsize=7)
        axis.tick_params(labelsize=7)
        axis.xaxis.get_major_locator().set_params(integer=True)
    figure.supxlabel("epoch", fontsize=8)
    figure.supylabel("AUC on validation", fontsize=8)
    _over_all(figure, record)
    return figure


def accuracy_and_time(record: dict, history: pd.DataFrame) -> Figure:
    """Accuracy on validation over the seconds trained, of the networks whose epochs were timed."""
    if "seconds" not in history:  # a lesson may know better: of a frozen network, what its features took
        pace = history["recipe"].map(values(record, "seconds per epoch/"))
        history = history.assign(seconds=history["epoch"] * pace)
    timed = history.dropna(subset="seconds")
    figure, axis = plt.subplots(figsize=(WIDTH, 2.6 + 0.18 * timed["recipe"].nunique()))
    plots.accuracy_and_time(timed, "seconds", "val_accuracy", axis=axis)
    axis.set(title=results.stamp(record))
    return figure


def by_images(record: dict) -> Figure:
    """AUC of each network over the number of images it was trained on."""
    aucs = values(record, "auc by images/")
    told = aucs.index.str.rpartition(", ").to_frame(index=False)
    images = told[2].str.replace(",", "").astype(int)
    table = pd.DataFrame({"network": told[0], "images": images, "auc": aucs.to_numpy()})
    figure, axis = plt.subplots(figsize=(WIDTH, 3.4))
    for number, (network, part) in enumerate(table.sort_values("images").groupby("network", sort=False)):
        look = plots.MODELS[number % len(plots.MODELS)]
        axis.plot(part["images"], part["auc"], marker="o", label=network, **look)
    axis.set_xscale("log", base=2)
    sizes = sorted(table["images"].unique())
    axis.set_xticks(sizes, [f"{size:,}" for size in sizes], minor=False)
    axis.set(title=results.stamp(record), xlabel="training images", ylabel="AUC")
    axis.legend(fontsize=8)
    return figure


def inputs(record: dict) -> Figure:
    """AUCs of what was shown to one and the same frozen network: no whole networks, no other heads."""
    once = results.few_seeds(record)
    drawn = {
        name: metric
        for name, metric in record["metrics"].items()
        if name.startswith("auc/") and name.removeprefix("auc/") not in once and ", head " not in name
    }
    return networks(record | {"metrics": drawn})


def differences(record: dict) -> Figure:
    """The differences in AUC of heads, and of whole networks, each first minus second."""
    found = {words: difference_table(record, prefix) for prefix, words in FAMILIES.items()}
    found = {words: table for words, table in found.items() if len(table)}
    rows = [1 + len(table) for table in found.values()]
    size = {"figsize": (WIDTH, 0.6 + 0.42 * sum(rows)), "height_ratios": rows}
    figure, axes = plt.subplots(len(found), sharex=True, squeeze=False, **size)
    for axis, (words, table) in zip(axes.flat, found.items(), strict=True):
        plots.forest(table, chance=0, axis=axis)
        axis.get_legend().remove()  # its line at 0 is no chance
        axis.set_title(words)
        axis.margins(y=0.6 / len(table))
    axis.set(xlabel="difference in AUC, first minus second")
    _over_all(figure, record)
    return figure


def called_fake(record: dict, shares: pd.DataFrame) -> Figure:
    """What two detectors say to our generators, epoch by epoch, beside what they say to reals and to known fakes."""
    named = shares["detector"].unique()
    figure, axes = plt.subplots(1, len(named), figsize=(1.2 * WIDTH, 3.4), sharey=True, squeeze=False)
    for axis, name in zip(axes.flat, named, strict=True):
        floors = {k: estimate(record, f"called fake by {name}/{k}") for k in ("reals", "known fakes")}
        gan_plots.by_epoch(shares[shares["detector"] == name], floors, axis=axis)
        axis.set(title=name, ylim=(-0.03, 1.03))
    axes.flat[0].set(ylabel="share called fake")
    _over_all(figure, record)
    return figure


def distances(record: dict, distances: pd.DataFrame) -> Figure:
    """How far each of our generators is from the reals, epoch by epoch, beside two halves of the reals."""
    figure, axis = plt.subplots(figsize=(WIDTH, 3.4))
    halves = "two halves of the reals"
    gan_plots.by_epoch(distances, {halves: estimate(record, f"kid by MobileNet/{halves}")}, axis=axis)
    axis.set(ylabel="KID on MobileNet's features", title=results.stamp(record))
    return figure


def losses(record: dict, history: pd.DataFrame) -> Figure:
    """How generator and discriminator stood to each other."""
    return gan_plots.losses(history, title=results.stamp(record))


def estimate(record: dict, name: str) -> Estimate:
    metric = record["metrics"][name]
    return Estimate(metric["value"], metric["low"], metric["high"], metric.get("n", record["n_images"]))


def difference_table(record: dict, prefix: str) -> pd.DataFrame:
    """The differences whose names start with ``prefix``: value, low, high at 95 %; a name takes two lines."""
    rows = {}
    for name, metric in record["metrics"].items():
        if name.startswith(prefix):
            low, high = ledger.difference_of(metric).interval()
            rows[name.removeprefix(prefix).replace(" - ", "\n- ")] = (metric["value"], low, high)
    return pd.DataFrame.from_dict(rows, orient="index", columns=["value", "low", "high"])


def _over_all(figure: Figure, record: dict) -> None:
    figure.suptitle(results.stamp(record), fontweight="bold", fontsize="medium")


def values(record: dict, prefix: str) -> pd.Series:
    """The values of the metrics whose names start with ``prefix``, named without it; the series is called so too."""
    metrics = record["metrics"].items()
    found = {name.removeprefix(prefix): metric["value"] for name, metric in metrics if name.startswith(prefix)}
    return pd.Series(found, name=prefix.strip("/"), dtype=float)
