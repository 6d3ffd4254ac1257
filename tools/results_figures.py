"""The figures of results/RESULTS.md, each drawn from one committed record and the tables beside it."""

from __future__ import annotations

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.figure import Figure

from fakeface_utils.evaluation import paired, plots
from fakeface_utils.lessons import results

WIDTH = 7.3  # inches; 800 pixels at the figures' 110 dpi


def shortcuts(record: dict) -> Figure:
    """AUCs of lesson 01's probes."""
    return aucs(record, "shortcut AUC/", low=0.4)


def networks(record: dict) -> Figure:
    """AUCs of lesson 02's networks and floors."""
    return aucs(record, "auc/", low=0.42)


def aucs(record: dict, prefix: str, low: float) -> Figure:
    """One row a metric, on one scale for all sets: from ``low`` to 1, or to .8 where nothing exceeds it."""
    table = results.interval_table(record, prefix)
    figure, axis = plt.subplots(figsize=(WIDTH, 1.5 + 0.3 * len(table)))
    plots.forest(table, axis=axis)
    high = 0.82 if table["high"].max() < 0.8 else 1.02
    axis.set(xlabel="AUC", xlim=(min(low, table["low"].min() - 0.02), high), title=results.stamp(record))
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
