"""Figures with one look: readable in grey, labelled, nothing on them that is not data."""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure

# Real and fake also differ in lightness and in line style, for grey prints and colour-blind readers.
COLORS = {"real": "#1b6ca8", "fake": "#e07b39"}
LINES = {"real": "-", "fake": "--"}


def use_style() -> None:
    """Set the course's look for every figure of a notebook."""
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
    counts = table.groupby(["split", "what"], sort=False).size().unstack("what")
    counts = counts.reindex([s for s in ("train", "valid", "test", "all") if s in counts.index])[["real", "fake"]]
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
    axes[2].figure.colorbar(drawn, ax=axes[2], shrink=0.8, label=label)
    axes[2].set(title="fake minus real")
    for axis in axes:
        axis.set(xticks=[], yticks=[])
        axis.grid(False)


def intervals(
    table: pd.DataFrame, *, chance: float | None = 0.5, control: str | None = None, axis: Axes | None = None
) -> Axes:
    """One row a line of ``table``: its value with the interval, beside chance and a control.

    Args:
        table: the index names the rows; columns ``value`` (or ``auc``), ``low``, ``high``.
        chance: where to draw the line of a score that knows nothing; None draws none.
        control: a column of ``table`` drawn as open circles (such as AUCs with permuted labels).
    """
    axis = axis or plt.gca()
    value = table["auc" if "auc" in table else "value"].to_numpy()
    rows = np.arange(len(table))[::-1]
    errors = np.abs(np.stack([value - table["low"], table["high"] - value]))
    axis.errorbar(value, rows, xerr=errors, fmt="o", color="black", capsize=3, label="measured, 95 % interval")
    if control is not None:
        axis.plot(table[control], rows, "o", mfc="white", mec="gray", label="labels permuted")
    if chance is not None:
        axis.axvline(chance, color="gray", linestyle=":", label="chance")
    axis.set_yticks(rows, table.index)
    axis.legend(loc="upper center", bbox_to_anchor=(0.5, -0.2), ncols=3, fontsize=8)
    return axis
