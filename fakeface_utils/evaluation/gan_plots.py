"""Figures of a generator's training: losses, the same noise epoch by epoch, and shares over the epochs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from io import BytesIO
from itertools import cycle

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image

from fakeface_utils.evaluation.intervals import Estimate
from fakeface_utils.evaluation.plots import COLORS, MODELS, _look, two_classes

LOSSES = {"d_loss": "discriminator", "g_loss": "generator"}
ANSWERS = {"d_real": "for reals: D(x)", "d_generated": "for generated: D(G(z))"}
LEVELS = ((COLORS["real"], "--"), ("#555555", ":"), (COLORS["real"], ":"), ("#555555", "--"))  # of floors


def losses(history: pd.DataFrame, *, title: str = "") -> Figure:
    """Both losses, and the discriminator's mean P(fake) for reals and for generated images, by epoch.

    Args:
        history: columns ``epoch``, ``d_loss, g_loss, d_real, d_generated`` as ``models.dcgan`` measures them, and
            ``seed``, where several were trained: a thin line each, a thick one for their mean.
    """
    figure, axes = plt.subplots(1, 2, figsize=(8.5, 3.2))
    for axis, columns, label in zip(axes, (LOSSES, ANSWERS), ("loss", "P(fake) of the discriminator"), strict=True):
        for look, (column, name) in zip(MODELS, columns.items(), strict=False):
            if "seed" in history and history["seed"].nunique() > 1:
                axis.plot(
                    history.pivot(index="epoch", columns="seed", values=column), linewidth=0.5, alpha=0.5, **look
                )
            axis.plot(history.groupby("epoch")[column].mean(), linewidth=2, label=name, **look)
        axis.set(xlabel="epoch", ylabel=label)
        axis.legend(fontsize=8)
    axes[1].set(ylim=(-0.02, 1.02))
    figure.suptitle(title, fontweight="bold")
    return figure


def film_strip(grids: np.ndarray, epochs: Sequence[int], *, shown: int = 8, title: str = "") -> Figure:
    """What some epochs made of the same noise: a row an epoch, a column a point of noise.

    Args:
        grids: uint8 (all epochs, points, side, side, 3), as ``training.gan.Run.grids`` gives them.
        epochs: which to show, counted from 1. shown: points of noise.
    """
    rows = [np.concatenate(list(grids[epoch - 1][:shown]), axis=1) for epoch in epochs]
    figure, axes = plt.subplots(len(rows), figsize=(shown, 1.06 * len(rows)), squeeze=False)
    for axis, row, epoch in zip(axes.flat, rows, epochs, strict=True):
        axis.imshow(row)
        axis.set(xticks=[], yticks=[])
        axis.set_ylabel(f"{epoch}", rotation=0, ha="right", va="center", fontsize=9)
        axis.grid(False)
    figure.supylabel("epoch", fontsize=9)
    figure.suptitle(title, fontweight="bold")
    return figure


def animation(grids: np.ndarray, *, shown: int = 10, columns: int = 5, frames: int = 40, side: int = 64) -> bytes:
    """The same noise through the epochs, as a GIF that plays once.

    Args:
        grids: as in :func:`film_strip`. shown: points of noise, a multiple of ``columns``, the images a row.
        frames: the most to show, evenly spread over the epochs. side: of each image, pixels.
    """
    epochs = np.unique(np.linspace(0, len(grids) - 1, frames).round().astype(int))
    rows, pictures = shown // columns, []
    for grid in grids[epochs, : rows * columns]:
        tiles = grid.reshape(rows, columns, *grid.shape[1:])
        picture = Image.fromarray(np.concatenate(np.concatenate(tiles, axis=1), axis=1))
        pictures.append(picture.resize((columns * side, rows * side), Image.Resampling.NEAREST))
    file = BytesIO()
    pictures[0].save(file, "GIF", save_all=True, append_images=pictures[1:], duration=150)
    return file.getvalue()


def by_epoch(table: pd.DataFrame, floors: Mapping[str, Estimate], *, axis: Axes | None = None) -> Axes:
    """What each generator scores after each kept epoch, beside what images of known origin score.

    Args:
        table: columns ``seed, epoch, value, low, high``; a line and a band a seed.
        floors: name -> estimate, such as that of reals: a level line with its interval.
    """
    axis = axis or plt.figure(figsize=(6, 3.2)).gca()
    for number, (seed, part) in enumerate(table.sort_values("epoch").groupby("seed")):
        look = _look(number)
        axis.plot(part["epoch"], part["value"], marker="o", markersize=4, label=str(seed), **look)
        if len(part) == 1:  # a band would have no width
            axis.vlines(part["epoch"], part["low"], part["high"], color=look["color"])
        axis.fill_between(part["epoch"], part["low"], part["high"], color=look["color"], alpha=0.15, linewidth=0)
    for (name, floor), (color, line) in zip(floors.items(), cycle(LEVELS), strict=False):
        axis.axhline(floor.value, color=color, linestyle=line, linewidth=1.8, label=name)
        axis.axhspan(floor.low, floor.high, color=color, alpha=0.12, linewidth=0)
    axis.set(xlabel="epoch of the generator")
    axis.legend(fontsize=7)
    return axis


def spectra(real: np.ndarray, generated: np.ndarray, grids: Mapping[int, int], *, axis: Axes | None = None) -> Axes:
    """Mean power by frequency of reals and of generated pictures, with the places where a generator's grids would be.

    Args:
        real, generated: (n, side // 2 + 1), (m, side // 2 + 1), as ``gan_quality.rings`` gives them; the first entry,
            the brightness, is left out. grids: period in pixels -> ring, as ``gan_quality.checkerboard_rings``.
    """
    axis = axis or plt.figure(figsize=(7, 3.4)).gca()
    two_classes(np.arange(1, real.shape[1]), real[:, 1:], generated[:, 1:], axis=axis)
    for period, ring in grids.items():
        axis.axvline(ring, color="gray", linestyle=":", linewidth=1)
        axis.text(ring, axis.get_ylim()[1], f"{period} px ", ha="right", va="top", fontsize=8)
    axis.set(xlabel="cycles a picture", ylabel="mean log power")
    return axis
