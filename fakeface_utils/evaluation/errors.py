"""Where does a detector err? Error rates by attribute, false alarms by group of people, galleries.

Reals called fake (``FPR``, false positive rate) and fakes called real (``FNR``) have rows of their own: an attribute
that is frequent among the fakes, of which more are missed, would otherwise look as if it caused errors.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator
from typing import NamedTuple

import numpy as np
import pandas as pd
from pandas.api.types import is_bool_dtype, is_numeric_dtype
from scipy.stats import fisher_exact

from fakeface_utils.evaluation.paired import holm
from fakeface_utils.evaluation.rates import judged, newcombe, of_rate, share

LEAST = 30  # images below which a share says next to nothing: of 30 without an error, 11 % may be wrong
MANY = 8  # a number with more values than these is cut into quarters
TOO_FEW, SHOWN = "too few", "not compared"  # how the readings of rows without a test begin
Cells = list[tuple[np.ndarray, np.ndarray]]  # of each look: which images are inside the value, which outside


def error_table(
    labels: np.ndarray,
    scores: np.ndarray,
    threshold: float | np.ndarray,
    attributes: pd.DataFrame,
    groups: np.ndarray | None = None,
    *,
    rates: Collection[str] = ("FPR", "FNR"),
    least: int = LEAST,
    alpha: float = 0.05,
    n_permutations: int = 9999,
    seed: int = 0,
) -> pd.DataFrame:
    """How often images of each value of each attribute are misjudged, against all other images of the same class.

    A number of more than ``MANY`` values is cut at the quartiles of all images. (A test of ranks would look once, not
    four times, but shows no rate, and misses what is hard at either end, such as too dark and too bright.) Each p is
    Fisher's exact one. Where images of a class share a group, errors are dealt anew instead, whole groups among groups
    of their size: that is the same test with copies counted once. Holm's correction runs over all rows that were
    compared: if errors have nothing to do with any attribute, at most ``alpha`` of such tables report something
    (tests/test_errors.py has the simulation).

    Args:
        labels: (n,) 0/1, fake = 1. scores: (n,) P(fake).
        threshold: called fake if score >= threshold; one number, or (n,) if images were tested by several networks.
        attributes: n rows in the order of the labels, whatever their index. Texts, numbers, or True and False (then
            only True has a row); ``None``, NaN, infinity, "" and "unknown" take no part.
        groups: (n,), images that share a photograph; default: each its own.
        rates: out of ``FPR``, ``FNR`` and ``error``, which has both classes in it and is therefore only shown.
        least: a value with fewer images of the class, or fewer others, is listed as too few.

    Returns:
        A row a rate and value: ``attribute, value, rate``; ``n`` images of the class, of them ``wrong``; their
        ``share, low, high`` (95 %, :func:`rates.share`); ``others``, images compared with; ``difference`` of the two
        shares, with ``difference_low, difference_high`` at the level that goes with Holm's correction, and holding
        0 where nothing was found; ``p, p_holm``; ``reading``: ``errs more``, ``errs less``, ``nothing found``, or why
        nothing is said. What is not said is NaN. For people: :func:`readable`.

    Raises:
        ValueError: rows do not match, an unknown rate, no image of its class, so few permutations that none could
            pass Holm's correction, or as in :func:`rates.judged`.
    """
    labels, wrong, groups = judged(labels, scores, threshold, groups)
    if len(attributes) != len(labels) or not len(attributes.columns) or not attributes.columns.is_unique:
        raise ValueError(
            f"need one row of attributes an image, in columns of different names: {len(attributes)} rows of "
            f"{list(attributes.columns)} for {len(labels)} images"
        )
    rows, looks = [], []
    for rate in rates:
        of = of_rate(labels, rate)
        for name, value, inside, known in _values(attributes):
            inside, outside = inside & of, known & ~inside & of
            n, others = int(inside.sum()), int(outside.sum())
            row = {"attribute": name, "value": value, "rate": rate, "n": n}
            rows.append(row)
            if n < least:
                row["reading"] = f"{TOO_FEW}: {n} of at least {least} images"
                continue
            here = share(wrong[inside], groups[inside])
            row |= {"wrong": wrong[inside].sum(), "share": here.value, "low": here.low, "high": here.high}
            if value == "unknown" or rate == "error":
                row["reading"] = f"{SHOWN}: {'unknown' if value == 'unknown' else 'both classes are in it'}"
            elif others < least:
                row["reading"] = f"{TOO_FEW} others: {others} of at least {least} images"
            else:
                row["others"] = others
                looks.append((row, inside, outside))
    for rate in rates:
        of = of_rate(labels, rate)
        mine = [look for look in looks if look[0]["rate"] == rate]
        cells = [(inside[of], outside[of]) for _, inside, outside in mine]
        p = _p_values(wrong[of], groups[of], cells, n_permutations, seed, math.ceil(len(looks) / alpha))
        for (row, *_), each in zip(mine, p, strict=True):
            row["p"] = each
    family = holm([row["p"] for row, *_ in looks], alpha) if looks else None
    for k, (row, *cells) in enumerate(looks):
        a, b = (share(wrong[cell], groups[cell], family.levels[k]) for cell in cells)
        d, (low, high), found = a.value - b.value, newcombe(a, b), family.rejected[k]
        row |= {"difference": d, "p_holm": family.adjusted[k]}
        row |= {"difference_low": low if found else min(low, 0), "difference_high": high if found else max(high, 0)}
        row["reading"] = ("errs less", "errs more")[int(d > 0)] if found else "nothing found"
    names = "attribute value rate n wrong share low high others difference difference_low difference_high p p_holm"
    return pd.DataFrame(rows, columns=[*names.split(), "reading"]).astype({"wrong": "Int64", "others": "Int64"})


def readable(table: pd.DataFrame) -> pd.DataFrame:
    """An :func:`error_table` as text: the share and the difference each with its interval; ``-`` where none is."""

    def column(spec: str, *names: str) -> list[str]:
        rows = table[list(names)].itertuples(index=False)
        return ["-" if pd.isna(x) else f"{x:{spec}} [{low:{spec}}, {high:{spec}}]" for x, low, high in rows]

    out = table[["attribute", "value", "rate", "n"]].copy()
    out["share"] = column(".2f", "share", "low", "high")
    out["against all others"] = column("+.2f", "difference", "difference_low", "difference_high")
    out["p after Holm"] = ["-" if pd.isna(p) else f"{p:.2g}" for p in table["p_holm"]]
    return out.assign(reading=table["reading"])


class GroupRates(NamedTuple):
    """A rate by group of people, the largest gap between two of them, and the p of so large a gap by luck."""

    table: pd.DataFrame
    gap: float
    p: float


def rate_by_group(
    labels: np.ndarray,
    scores: np.ndarray,
    threshold: float | np.ndarray,
    who: pd.Series,
    groups: np.ndarray | None = None,
    *,
    rate: str = "FPR",
    least: int = LEAST,
    n_permutations: int = 9999,
    seed: int = 0,
) -> GroupRates:
    """Whom does a detector accuse? The false positive rate of each group of people among the reals.

    The gap is the largest less the smallest rate of groups with at least ``least`` images. By luck alone it is above
    0, and grows with the number of groups: p tells how often errors dealt anew among these images make one as large.

    Args:
        who: (n,) group of people of each image, as one of ``attributes`` of :func:`error_table`, whose other
            arguments and errors these are.

    Returns:
        The table with ``value, n, wrong, share, low, high, reading``. Gap and p are NaN if fewer than two groups have
        ``least`` images.
    """
    who = pd.Series(who).rename("who").to_frame()
    table = error_table(labels, scores, threshold, who, groups, rates=[rate], least=least)
    silent = table["reading"].str.startswith((f"{TOO_FEW}:", SHOWN))
    table = table.assign(reading=table["reading"].where(silent, ""))
    table = table[["value", "n", "wrong", "share", "low", "high", "reading"]]
    labels, wrong, groups = judged(labels, scores, threshold, groups)
    inside = [there for _, value, there, _ in _values(who) if value in set(table["value"][~silent])]
    if len(inside) < 2:
        return GroupRates(table, math.nan, math.nan)
    of = of_rate(labels, rate) & np.any(inside, axis=0)
    member = np.stack([there[of] for there in inside], axis=1).astype(float)
    dealt = _dealt(wrong[of], groups[of], n_permutations, seed)
    gaps = np.concatenate([np.ptp(errors @ member / member.sum(axis=0), axis=1) for errors in dealt])
    return GroupRates(table, float(gaps[0]), float((gaps >= gaps[0] - 1e-9).mean()))


def galleries(
    labels: np.ndarray,
    scores: np.ndarray,
    threshold: float | np.ndarray,
    groups: np.ndarray | None = None,
    each: int = 8,
) -> dict[str, np.ndarray]:
    """Row numbers of the images that a detector is surest of, wrongly and rightly, and of those it is least sure of.

    Confidence is the distance of the score from the threshold. It has not the same range on both sides, so classes
    and calls are listed apart. Of each group only one image is shown, so that copies do not fill a gallery.

    Returns:
        ``reals called fake``, ``fakes called real``, ``reals called real``, ``fakes called fake`` (most confident
        first) and ``least sure`` (nearest to the threshold first), each at most ``each`` row numbers.
    """
    labels, wrong, groups = judged(labels, scores, threshold, groups)
    away = np.abs(np.asarray(scores, float) - threshold)

    def first(rows: np.ndarray, order: np.ndarray) -> np.ndarray:
        rows = rows[np.argsort(order[rows], kind="stable")]
        return rows[np.sort(np.unique(groups[rows], return_index=True)[1])][:each]

    out, names = {}, ("real", "fake")
    for miss in (1, 0):
        for label, name in enumerate(names):
            rows = np.flatnonzero((labels == label) & (wrong == miss))
            out[f"{name}s called {names[label ^ miss]}"] = first(rows, -away)
    return out | {"least sure": first(np.arange(len(labels)), away)}


def _values(attributes: pd.DataFrame) -> Iterator[tuple[str, object, np.ndarray, np.ndarray]]:
    """Attribute, value, which images have it, and of which images it is known."""
    for name in attributes.columns:
        column = attributes[name]
        column = column.where(~column.isin(["", "unknown", np.inf, -np.inf]))
        known = column.notna().to_numpy()
        values, there = column[known].infer_objects(), np.zeros(len(column), bool)
        if is_bool_dtype(values):  # that False errs less says the same once more
            there[known] = values.to_numpy(bool)
            yield name, "yes", there, known
        elif is_numeric_dtype(values) and values.nunique() > MANY:
            x = values.to_numpy(float)
            place = np.searchsorted(np.unique(np.quantile(x, (0.25, 0.5, 0.75))), x)
            bins = np.unique(place)
            for k, b in enumerate(bins, 1):
                there, cell = np.zeros(len(column), bool), x[place == b]
                there[known] = place == b
                yield name, f"{k} of {len(bins)}: {cell.min():.3g} to {cell.max():.3g}", there, known
        else:
            for value in values.astype("category").cat.categories:
                yield name, value, (column == value).to_numpy(bool) & known, known
        if not known.all():
            yield name, "unknown", ~known, known


def _p_values(
    wrong: np.ndarray, groups: np.ndarray, cells: Cells, n_permutations: int, seed: int, needed: int
) -> np.ndarray:
    """Two-sided p of the errors (n,) of one class in each pair of cells."""
    if not cells or len(np.unique(groups)) == len(groups):
        tables = ([[wrong[cell].sum(), (~wrong[cell]).sum()] for cell in pair] for pair in cells)
        return np.array([fisher_exact(table).pvalue for table in tables])
    if n_permutations + 1 < needed:
        raise ValueError(
            f"so many values are looked at that with {n_permutations} permutations none could pass Holm's correction: "
            f"take n_permutations={needed} or look at less"
        )
    inside, outside = (np.stack(side, axis=1).astype(float) for side in zip(*cells, strict=True))
    dealt = _dealt(wrong, groups, n_permutations, seed)
    d = np.concatenate([w @ inside / inside.sum(axis=0) - w @ outside / outside.sum(axis=0) for w in dealt])
    off = np.abs(d - d.mean(axis=0))  # where larger groups err more, the mean is not 0
    return (off >= off[0] - 1e-9).mean(axis=0)


def _dealt(wrong: np.ndarray, groups: np.ndarray, n: int, seed: int) -> Iterator[np.ndarray]:
    """The errors (1, n_images) as they are, then dealt anew n times, in blocks (b, n_images) of some million values.

    Whole groups swap their errors with groups of their size, and images swap theirs within a group.
    """
    yield wrong[None].astype(float)
    rng = np.random.default_rng(seed)
    _, member, size = np.unique(groups, return_inverse=True, return_counts=True)
    order, block = np.argsort(member, kind="stable"), max(1, 2_000_000 // len(wrong))
    for start in range(0, n, block):
        b = min(block, n - start)
        out = np.empty((b, len(wrong)))
        for s in np.unique(size):
            rows = order[size[member[order]] == s].reshape(-1, s)
            swapped = wrong[rows][rng.permuted(np.tile(np.arange(len(rows)), (b, 1)), axis=1)]
            out[:, rows.ravel()] = (rng.permuted(swapped, axis=2) if s > 1 else swapped).reshape(b, -1)
        yield out
