"""What of a detector survives: AUC over the strength of a perturbation, and what a threshold frozen before does there.

Scores come as ``grid.score_grid`` gives them: a mapping from cells, a perturbation at one strength, to one score an
image, always the same images in the same order. All numbers of a grid come from the same draws of whole groups, and so
do those of two detectors that are compared.

The area under a robustness curve is the mean AUC over its strengths, the unchanged images included, each with the same
weight: 1 is perfect whatever happens, .5 is a predictor that knows nothing. It depends on the strengths chosen, so only
areas over the same table compare.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from fakeface_utils.evaluation.grid import UNCHANGED, Cell
from fakeface_utils.evaluation.intervals import Estimate, _weighted_auc, resampled
from fakeface_utils.evaluation.paired import MIN_SEEDS, Difference, _difference, _over_seeds
from fakeface_utils.evaluation.thresholds import call_rate, checked_groups

ALL = "all"  # the mean of the areas of all perturbations

Scores = Mapping[Cell, np.ndarray]  # or a DataFrame with a column a cell


def curves(
    labels: np.ndarray,
    scores: Scores,
    groups: np.ndarray | None = None,
    *,
    threshold: float,
    level: float = 0.95,
    **options,
) -> pd.DataFrame:
    """AUC, and FPR and TPR at a threshold that validation chose before, of every cell.

    Args:
        labels: (n,) 0/1, fake = 1. scores: cell -> (n,). groups: (n,); default: each image its own.
        threshold: called fake if score >= threshold. options: ``n_resamples`` and ``seed`` of the bootstrap.

    Returns:
        A row a cell, index ``perturbation, strength``, columns ``auc, fpr, tpr`` of ``Estimate``.

    Raises:
        ValueError: as in :func:`areas`, or the threshold is not a number.
    """
    cells, labels, columns, groups = _checked(labels, groups, scores)
    if np.isnan(threshold):
        raise ValueError("the threshold is not a number; choose it on validation (metrics.choose_threshold)")
    aucs = _estimates(*_resampled(labels, columns, groups, np.eye(len(cells)), options), level, len(labels))
    rows = [
        (auc, *(call_rate(one[labels == k] >= threshold, groups[labels == k], level) for k in (0, 1)))
        for auc, one in zip(aucs, columns[0].T, strict=True)
    ]
    index = pd.MultiIndex.from_tuples(cells, names=["perturbation", "strength"])
    return pd.DataFrame(rows, index=index, columns=["auc", "fpr", "tpr"])


def areas(
    labels: np.ndarray, scores: Scores, groups: np.ndarray | None = None, *, level: float = 0.95, **options
) -> dict[str, Estimate]:
    """The area under the robustness curve of each perturbation, and ``"all"``, the mean of these areas.

    Args:
        labels, scores, groups, options: as in :func:`curves`.

    Raises:
        ValueError: a class or the unchanged images are missing, a cell has not one finite score an image, or not every
            image has a group.
    """
    cells, labels, columns, groups = _checked(labels, groups, scores)
    names, weights = _areas(cells)
    return dict(
        zip(
            names,
            _estimates(*_resampled(labels, columns, groups, weights, options), level, len(labels)),
            strict=True,
        )
    )


def auc_differences(
    labels: np.ndarray, scores_a: Scores, scores_b: Scores, groups: np.ndarray | None = None, **options
) -> dict[Cell, Difference]:
    """AUC of A minus AUC of B in every cell, by the bootstrap over groups on the same draws.

    Two detectors, that is two trained networks; of two recipes see :func:`recipe_areas`. The many cells of a grid are
    a family: correct for them (``paired.holm``), or ask one question, the area.

    Args:
        labels, groups, options: as in :func:`curves`. scores_a, scores_b: cell -> (n,), the same cells and images.

    Raises:
        ValueError: as in :func:`areas`, or the cells differ.
    """
    cells, labels, columns, groups = _checked(labels, groups, scores_a, scores_b)
    return _compared(cells, *_resampled(labels, columns, groups, np.eye(len(cells)), options), len(labels))


def area_differences(
    labels: np.ndarray, scores_a: Scores, scores_b: Scores, groups: np.ndarray | None = None, **options
) -> dict[str, Difference]:
    """Area of A minus area of B for each perturbation and ``"all"``; arguments as of :func:`auc_differences`."""
    cells, labels, columns, groups = _checked(labels, groups, scores_a, scores_b)
    names, weights = _areas(cells)
    return _compared(names, *_resampled(labels, columns, groups, weights, options), len(labels))


def recipe_areas(
    labels: np.ndarray,
    runs_a: Sequence[Scores],
    runs_b: Sequence[Scores],
    groups: np.ndarray | None = None,
    **options,
) -> dict[str, Difference]:
    """Mean area of recipe A over its seeds minus that of B, for each perturbation and ``"all"``.

    Would it hold with other seeds and other images? The interval is made as in ``paired.recipes``.

    Args:
        labels, groups, options: as in :func:`curves`. runs_a, runs_b: a grid a seed, five or more each.

    Raises:
        ValueError: fewer than five seeds, or as in :func:`auc_differences`.
    """
    k, m = len(runs_a), len(runs_b)
    if min(k, m) < MIN_SEEDS:
        raise ValueError(f"a claim about two recipes needs at least {MIN_SEEDS} seeds each, got {k} and {m}")
    cells, labels, columns, groups = _checked(labels, groups, *runs_a, *runs_b)
    names, weights = _areas(cells)
    found, draws = _resampled(labels, columns, groups, weights, options)
    out = {}
    for number, name in enumerate(names):
        a, b = found[:k, number], found[k:, number]
        se, df = _over_seeds([a, b], draws[:, :, number])
        out[name] = _difference(a.mean() - b.mean(), se, len(labels), f"{k} and {m} seeds", df)
    return out


def _checked(
    labels: np.ndarray, groups: np.ndarray | None, *grids: Scores
) -> tuple[list[Cell], np.ndarray, np.ndarray, np.ndarray]:
    """The cells, labels (n,), scores (grids, n, cells) and groups (n,)."""
    labels, cells = np.asarray(labels), list(grids[0])
    if labels.ndim != 1 or not np.array_equal(np.unique(labels), (0, 1)):
        raise ValueError(f"need reals (0) and fakes (1), but the labels are {np.unique(labels)[:5]}")
    if UNCHANGED not in cells:
        raise ValueError(f"the unchanged images, cell {UNCHANGED}, are missing: every curve starts from them")
    for grid in grids:
        if differ := sorted(set(cells) ^ set(grid)):
            raise ValueError(f"the grids hold different cells: only one has {differ[:3]}; compare the same ones")
        for cell in cells:
            if np.shape(grid[cell]) != labels.shape or not np.isfinite(np.asarray(grid[cell], float)).all():
                raise ValueError(
                    f"{cell[0]} at {cell[1]:g} has scores of shape {np.shape(grid[cell])}: need one finite score for "
                    f"each of {len(labels)} images"
                )
    columns = np.array([[np.asarray(grid[cell], float) for cell in cells] for grid in grids])
    return cells, labels, columns.transpose(0, 2, 1), checked_groups(groups, len(labels))


def _areas(cells: Sequence[Cell]) -> tuple[list[str], np.ndarray]:
    """Names and weights (cells, names) that make areas of the AUCs."""
    names = list(dict.fromkeys(name for name, _ in cells if name != UNCHANGED[0]))
    if not names:
        raise ValueError("there is no perturbation in the grid, so there is no curve and no area")
    held = np.array([[cell == UNCHANGED or cell[0] == name for name in names] for cell in cells], float)
    weights = held / held.sum(axis=0)
    return [*names, ALL], np.column_stack([weights, weights.mean(axis=1)])


def _resampled(
    labels: np.ndarray, columns: np.ndarray, groups: np.ndarray, weights: np.ndarray, options: Mapping
) -> tuple[np.ndarray, np.ndarray]:
    """Weighted sums of the AUCs of each grid's cells: of the images (grids, k), and of resamples (b, grids, k)."""
    grids, n, cells = columns.shape

    def sums(labels: np.ndarray, scores: np.ndarray, counts: np.ndarray) -> np.ndarray:
        aucs = np.stack([_weighted_auc(labels, one, counts) for one in scores.T], axis=1)
        return (aucs.reshape(len(counts), grids, cells) @ weights).reshape(len(counts), -1)

    flat = columns.transpose(1, 0, 2).reshape(n, -1)
    value = sums(labels, flat, np.ones((1, n), int))
    draws = resampled(sums, labels, flat, groups, **options)
    return value.reshape(grids, -1), draws.reshape(len(draws), grids, -1)


def _estimates(value: np.ndarray, draws: np.ndarray, level: float, n: int) -> list[Estimate]:
    """Of the first grid: values (1, k) with percentiles of draws (b, 1, k)."""
    low, high = np.percentile(draws[:, 0], [50 * (1 - level), 50 * (1 + level)], axis=0)
    return [Estimate(float(x), float(a), float(b), n) for x, a, b in zip(value[0], low, high, strict=True)]


def _compared(names: Sequence, value: np.ndarray, draws: np.ndarray, n: int) -> dict:
    """The first grid minus the second, by name."""
    spread = np.std(draws[:, 0] - draws[:, 1], axis=0, ddof=1)
    spread[spread < 1e-12] = 0  # rounding: two constant predictors would differ by it, at any p
    differences = zip(names, value[0] - value[1], spread, strict=True)
    return {name: _difference(x, se, n, "paired bootstrap") for name, x, se in differences}
