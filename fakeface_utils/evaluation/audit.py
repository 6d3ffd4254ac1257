"""The shortcut audit: which features without a face in them tell the classes of a set apart?"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np
import pandas as pd
from sklearn.metrics import roc_auc_score

from fakeface_utils.datasets.splits import make_folds
from fakeface_utils.evaluation.intervals import Estimate, auc
from fakeface_utils.forensics.shortcuts import out_of_fold_scores, probe_features


def shortcut_audit(
    index: pd.DataFrame,
    probes: dict[str, Callable] | Iterable[str] | None = None,
    *,
    n_permutations: int = 20,
    n_splits: int = 5,
    n_resamples: int = 2000,
    seed: int = 0,
) -> pd.DataFrame:
    """One row a probe: how well its features alone tell fake from real, and what chance looks like here.

    Scores are out-of-fold over the groups in ``index.group``. The control repeats all of it with permuted
    labels; if its mean is not near .5, the procedure leaks and no row may be believed.

    The interval tells how far the AUC would move with other test images. It does not know that another training
    would have moved it too, so on pure noise it misses .5 more often than its level says: decide by ``p``.

    Args:
        index: the images (columns ``path, name, label, group``).
        probes: names out of ``forensics.shortcuts.PROBES``, or a table like it; default: all.
        n_permutations: the smallest p-value possible is 1 / (n_permutations + 1).

    Returns:
        DataFrame with ``probe``; ``auc, low, high`` (95 %, bootstrap over groups); ``permuted`` (mean AUC of the
        control), ``permuted_low, permuted_high`` (its range); ``p`` (share of controls that reach the AUC, the
        real one counted among them; one-sided, not corrected for the number of probes); ``features``; ``n``.

    Raises:
        ValueError: a class has too few groups, a probe is unknown, or a file is no image.
    """
    labels, groups = index["label"].to_numpy(), index["group"].to_numpy()
    folds = make_folds(labels, groups, n_splits, seed)
    rng = np.random.default_rng(seed)
    shuffled = [permute_labels(labels, groups, folds, rng) for _ in range(n_permutations)]
    rows = []
    for name, features in probe_features(index, probes).items():
        found = auc(
            labels, out_of_fold_scores(features, labels, groups, folds=folds), groups, n_resamples=n_resamples
        )
        control = [roc_auc_score(y, out_of_fold_scores(features, y, groups, folds=folds)) for y in shuffled]
        rows.append(
            {"probe": name, "auc": found.value, "low": found.low, "high": found.high}
            | {"permuted": np.mean(control), "permuted_low": min(control), "permuted_high": max(control)}
            | {"p": (1 + sum(c >= found.value for c in control)) / (1 + n_permutations)}
            | {"features": features.shape[1], "n": found.n}
        )
    return pd.DataFrame(rows)


def permute_labels(
    labels: np.ndarray, groups: np.ndarray, folds: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """Labels dealt anew, (n,): whole groups swap their labels with groups of the same size in the same fold.

    Within a group of both classes the labels are shuffled too. A group stays of one class or mixed, and each fold
    keeps its class counts, so the control faces the same task as the audit. Only a group of one class that is
    alone in its size within its fold keeps its labels.
    """
    _, member, size = np.unique(groups, return_inverse=True, return_counts=True)
    order = np.argsort(member, kind="stable")  # the images, group after group
    out = np.array(labels)
    for cell in np.unique(np.stack([size[member], folds]), axis=1).T:
        rows = order[(size[member[order]] == cell[0]) & (folds[order] == cell[1])].reshape(-1, cell[0])
        out[rows] = rng.permuted(np.asarray(labels)[rows[rng.permutation(len(rows))]], axis=1)
    return out


def estimates(table: pd.DataFrame) -> dict[str, Estimate]:
    """The AUCs of an audit by probe, as :class:`Estimate`, for a record."""
    rows = table.reset_index().to_dict("records")
    return {row["probe"]: Estimate(row["auc"], row["low"], row["high"], row["n"]) for row in rows}
