"""Curves, areas and differences: against loops over pairs, on planted truths, and nothing for free."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from fakeface_utils.evaluation import paired, robustness
from fakeface_utils.evaluation.grid import UNCHANGED
from fakeface_utils.evaluation.intervals import auc, bootstrap, wilson
from fakeface_utils.evaluation.robustness import (
    ALL,
    area_differences,
    areas,
    auc_differences,
    curves,
    recipe_areas,
)

CELLS = [UNCHANGED, ("JPEG", 90), ("JPEG", 50), ("JPEG", 20), ("blur", 1.0), ("blur", 2.0)]
JPEG, BLUR = [0, 1, 2, 3], [0, 4, 5]  # the cells of each curve


def a_grid(seed: int, n: int = 60, strength: float = 1.5, fall: float = 0.25, shared: np.ndarray | None = None):
    """Labels and scores whose separation falls from cell to cell; some scores are tied."""
    rng = np.random.default_rng(seed)
    labels = np.arange(n) % 2
    own = rng.normal(size=n) if shared is None else shared
    falls = [0, 1, 2, 3, 1, 2]
    grid = {
        cell: np.round(own + 0.5 * rng.normal(size=n) + labels * (strength - fall * k), 1)
        for cell, k in zip(CELLS, falls, strict=True)
    }
    return labels, grid


def auc_by_loops(labels, scores) -> float:
    real, fake = ([s for s, y in zip(scores, labels, strict=True) if y == k] for k in (0, 1))
    return sum((f > r) + 0.5 * (f == r) for f in fake for r in real) / len(real) / len(fake)


def area_by_loops(labels, grid, cells) -> float:
    return sum(auc_by_loops(labels, grid[CELLS[k]]) for k in cells) / len(cells)


# Curves


def test_curves_are_the_auc_and_the_rates_of_every_cell():
    labels, grid = a_grid(0)
    found = curves(labels, grid, threshold=1.0, n_resamples=200, seed=4)
    assert list(found.index) == CELLS and list(found.index.names) == ["perturbation", "strength"]
    for cell in CELLS:
        row, scores = found.loc[cell], grid[cell]
        assert row["auc"].value == pytest.approx(auc_by_loops(labels, scores))
        alone = auc(labels, scores, n_resamples=200, seed=4)  # the same draws
        assert (row["auc"].low, row["auc"].high) == pytest.approx((alone.low, alone.high))
        called = [sum(s >= 1.0 for s, y in zip(scores, labels, strict=True) if y == k) for k in (0, 1)]
        assert row["fpr"] == wilson(called[0], 30) and row["tpr"] == wilson(called[1], 30)
    narrow = curves(labels, grid, threshold=1.0, level=0.5, n_resamples=200)
    for name in ("auc", "fpr", "tpr"):
        widths = [(t[name].iloc[2].high - t[name].iloc[2].low) for t in (found, narrow)]
        assert widths[1] < 0.7 * widths[0]


def test_a_table_with_a_column_a_cell_is_as_good():
    labels, grid = a_grid(1)
    table = pd.DataFrame(grid)
    assert areas(labels, table, n_resamples=50) == areas(labels, grid, n_resamples=50)
    given = curves(labels, table, threshold=0.5, n_resamples=50)
    pd.testing.assert_frame_equal(given, curves(labels, grid, threshold=0.5, n_resamples=50))


# Areas


def test_areas_by_loops():
    labels, grid = a_grid(2)
    found = areas(labels, grid, n_resamples=50)
    assert list(found) == ["JPEG", "blur", ALL]
    assert found["JPEG"].value == pytest.approx(area_by_loops(labels, grid, JPEG))
    assert found["blur"].value == pytest.approx(area_by_loops(labels, grid, BLUR))
    assert found[ALL].value == pytest.approx((found["JPEG"].value + found["blur"].value) / 2)
    assert found["JPEG"].n == 60


@pytest.mark.parametrize("groups", [None, np.arange(60) // 4, np.arange(60) % 20])
def test_intervals_of_areas_are_those_of_the_plain_mean_on_whole_groups(groups):
    labels, grid = a_grid(3)
    columns = np.stack([grid[cell] for cell in CELLS], axis=1)

    def plain(cells):
        def metric(y, s):
            return np.mean([roc_auc_score(y, s[:, k]) for k in cells])

        return bootstrap(metric, labels, columns, groups, n_resamples=100, seed=1)

    found = areas(labels, grid, groups, n_resamples=100, seed=1)
    for name, cells in (("JPEG", JPEG), ("blur", BLUR)):
        wanted = plain(cells)
        assert (found[name].low, found[name].high) == pytest.approx((wanted.low, wanted.high))


def test_a_constant_predictor_and_a_perfect_one_come_out_as_such():
    labels = np.arange(40) % 2
    for scores, value in ((np.full(40, 0.3), 0.5), (labels + 0.0, 1.0), (1.0 - labels, 0.0)):
        grid = dict.fromkeys(CELLS, scores)
        found = [*areas(labels, grid, n_resamples=50).values()]
        found += [*curves(labels, grid, threshold=0.5, n_resamples=50)["auc"]]
        for estimate in found:
            assert (estimate.value, estimate.low, estimate.high) == pytest.approx((value,) * 3, abs=1e-12)
        none = area_differences(labels, grid, grid, n_resamples=50)
        assert all((d.value, d.se, d.p) == (0, 0, 1) for d in none.values())
    constants = [dict.fromkeys(CELLS, np.full(40, k)) for k in (0.3, 0.6)]
    none = area_differences(labels, *constants, n_resamples=50)
    assert all((d.se, d.p) == (0, 1) and abs(d.value) < 1e-12 for d in none.values())
    sure = area_differences(labels, dict.fromkeys(CELLS, labels), constants[0], n_resamples=50)
    assert all((d.value, d.p) == (pytest.approx(0.5), 0) for d in sure.values())


def test_rounding_is_no_difference():
    noise = 1e-16 * np.random.default_rng(0).normal(size=(50, 2, 1))
    found = robustness._compared(["area"], np.array([[0.5], [0.5 + 1e-16]]), 0.5 + noise, 40)["area"]
    assert (found.se, found.p) == (0, 1)


def test_only_the_cells_of_a_curve_count_for_its_area():
    labels, grid = a_grid(4)
    before = areas(labels, grid, n_resamples=20)
    grid[("blur", 2.0)] = np.full(60, 0.5)
    after = areas(labels, grid, n_resamples=20)
    assert after["JPEG"] == before["JPEG"] and after["blur"].value < before["blur"].value
    assert after[ALL].value - before[ALL].value == pytest.approx((after["blur"].value - before["blur"].value) / 2)


# Two detectors


@pytest.mark.parametrize("groups", [None, np.arange(60) // 4])
def test_differences_in_auc_are_those_of_the_paired_bootstrap(groups):
    labels, a = a_grid(5)
    _, b = a_grid(6, strength=0.9)
    found = auc_differences(labels, a, b, groups, n_resamples=150, seed=2)
    assert list(found) == CELLS
    for cell, difference in found.items():
        alone = paired.paired_bootstrap(roc_auc_score, labels, a[cell], b[cell], groups, n_resamples=150, seed=2)
        assert difference.value == pytest.approx(alone.value) and difference.se == pytest.approx(alone.se)
        assert (difference.n, difference.method) == (60, "paired bootstrap")
        assert difference.value == pytest.approx(auc_by_loops(labels, a[cell]) - auc_by_loops(labels, b[cell]))


@pytest.mark.parametrize("groups", [None, np.arange(60) // 4])
def test_differences_in_area_are_those_of_the_plain_mean(groups):
    labels, a = a_grid(7)
    _, b = a_grid(8, strength=0.9)
    found = area_differences(labels, a, b, groups, n_resamples=40, seed=2)
    both = np.stack([g[cell] for g in (a, b) for cell in CELLS], axis=1)
    for name, cells in (("JPEG", JPEG), ("blur", BLUR)):
        values = []

        def metric(y, s, cells=cells, values=values):
            of_a, of_b = (np.mean([roc_auc_score(y, s[:, 6 * k + j]) for j in cells]) for k in (0, 1))
            values.append(of_a - of_b)
            return values[-1]

        wanted = bootstrap(metric, labels, both, groups, n_resamples=40, seed=2)
        assert found[name].value == pytest.approx(wanted.value)
        assert found[name].se == pytest.approx(np.std(values[:-1], ddof=1))  # the last is of the images themselves
    back = area_differences(labels, b, a, groups, n_resamples=40, seed=2)
    assert back[ALL].value == pytest.approx(-found[ALL].value)
    assert list(found) == ["JPEG", "blur", ALL]


def test_pairing_takes_out_what_both_find_hard():
    """Two detectors that share most of their errors differ surely; as if on other images, nothing could be said."""
    hard = np.random.default_rng(9).normal(size=200) * 2
    labels, a = a_grid(10, 200, strength=2.0, shared=hard)
    _, b = a_grid(11, 200, strength=1.4, shared=hard)
    difference = area_differences(labels, a, b, n_resamples=400)[ALL]
    alone = [areas(labels, g, n_resamples=400)[ALL] for g in (a, b)]
    unpaired = np.sqrt(sum(((e.high - e.low) / 3.92) ** 2 for e in alone))
    assert difference.se < 0.5 * unpaired and difference.interval()[0] > 0


def test_groups_torn_apart_would_narrow_everything():
    labels, a = a_grid(12, 80)
    _, b = a_grid(13, 80, strength=1.0)
    ids, options = np.repeat(np.arange(80), 3), {"n_resamples": 300}
    y, many_a, many_b = np.repeat(labels, 3), *({c: np.repeat(s, 3) for c, s in g.items()} for g in (a, b))
    one, whole, torn = (
        area_differences(*given, **options)
        for given in ((labels, a, b), (y, many_a, many_b, ids), (y, many_a, many_b))
    )
    for name in one:
        assert whole[name].se == pytest.approx(one[name].se) and torn[name].se < 0.7 * one[name].se
    one, whole, torn = (
        curves(*given, threshold=1.0, **options) for given in ((labels, a), (y, many_a, ids), (y, many_a))
    )
    for name in ("auc", "fpr", "tpr"):
        widths = [np.array([e.high - e.low for e in t[name]]) for t in (one, whole, torn)]
        np.testing.assert_allclose(widths[1], widths[0], rtol=0.02)
        assert (widths[2] < 0.75 * widths[1]).all()


def test_the_difference_covers_a_planted_one():
    rng, hits = np.random.default_rng(14), 0
    labels = np.arange(120) % 2
    shifts = np.array([1.5, 1.0, 0.5])
    cells = [UNCHANGED, ("blur", 1), ("blur", 2)]
    truth = np.mean([_phi(s + 0.4) - _phi(s) for s in shifts])
    for seed in range(200):
        own = rng.normal(size=120)
        a, b = (
            {c: own + rng.normal(size=120) + labels * (s + d) for c, s in zip(cells, shifts, strict=True)}
            for d in (0.4, 0.0)
        )
        low, high = area_differences(labels, a, b, n_resamples=200, seed=seed)["blur"].interval()
        hits += low <= truth <= high
    assert 180 <= hits <= 198  # 190 expected, sd 3.1


def _phi(shift: float) -> float:
    """The AUC of two normal distributions of variance 2 this far apart."""
    from scipy.stats import norm

    return norm.cdf(shift / 2)


# Two recipes


def test_recipes_are_compared_as_their_areas_would_be_one_by_one():
    labels, _ = a_grid(15)
    runs_a = [a_grid(20 + k)[1] for k in range(5)]
    runs_b = [a_grid(30 + k, strength=1.0)[1] for k in range(6)]
    options = {"n_resamples": 30, "seed": 3}
    found = recipe_areas(labels, runs_a, runs_b, **options)
    assert list(found) == ["JPEG", "blur", ALL]

    def area_of(y, s):  # of a run whose scores stand side by side
        return np.mean([roc_auc_score(y, s[:, k]) for k in BLUR])

    stacked = [np.stack([[g[c] for c in CELLS] for g in runs]).transpose(0, 2, 1) for runs in (runs_a, runs_b)]
    values = np.array([area_of(labels, run) for runs in stacked for run in runs])
    draws = []

    def noted(y, s):
        draws.append([area_of(y, s[:, 6 * k : 6 * k + 6]) for k in range(11)])
        return 0.0

    bootstrap(noted, labels, np.concatenate([*stacked[0], *stacked[1]], axis=1), **options)
    se, df = paired._over_seeds([values[:5], values[5:]], np.array(draws[:-1]))
    assert found["blur"].value == pytest.approx(values[:5].mean() - values[5:].mean())
    assert (found["blur"].se, found["blur"].df) == pytest.approx((se, df))
    assert found["blur"].method == "5 and 6 seeds"


def test_four_seeds_are_no_recipe():
    labels, grid = a_grid(16)
    with pytest.raises(ValueError, match="at least 5 seeds each, got 5 and 4"):
        recipe_areas(labels, [grid] * 5, [grid] * 4)


# What cannot be


def test_what_is_missing_is_named():
    labels, grid = a_grid(17)
    less = {cell: scores for cell, scores in grid.items() if cell != ("JPEG", 50)}
    with pytest.raises(ValueError, match=r"only one has \[\('JPEG', 50\)\]"):
        auc_differences(labels, grid, less)
    with pytest.raises(ValueError, match=r"only one has \[\('JPEG', 50\)\]"):
        area_differences(labels, less, grid)
    with pytest.raises(ValueError, match="unchanged images"):
        areas(labels, {cell: scores for cell, scores in grid.items() if cell != UNCHANGED})
    with pytest.raises(ValueError, match="no perturbation"):
        areas(labels, {UNCHANGED: grid[UNCHANGED]})
    for bad in (grid["blur", 2.0][1:], np.where(labels == 1, np.nan, 0.5), np.zeros((60, 2))):
        with pytest.raises(ValueError, match=r"blur at 2 has scores of shape .* one finite score for each of 60"):
            areas(labels, grid | {("blur", 2.0): bad})
    for bad in (np.zeros(60), np.ones(60), np.arange(60) % 3):
        with pytest.raises(ValueError, match=r"need reals \(0\) and fakes \(1\)"):
            curves(bad, grid, threshold=0.5)
    with pytest.raises(ValueError, match="one group for each of 60"):
        areas(labels, grid, np.arange(59))
    with pytest.raises(ValueError, match="59 of them missing"):
        areas(labels, grid, np.r_[1, np.full(59, np.nan)])
    with pytest.raises(ValueError, match="choose it on validation"):
        curves(labels, grid, threshold=np.nan)
