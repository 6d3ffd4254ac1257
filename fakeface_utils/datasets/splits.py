"""Who learns and who is tested: the reports' split sizes, with photographs kept together and without.

The two reports on the Yonsei set give sizes but no lists, so the lists here are ours: drawn once, by a salted
hash of the names, and kept as a manifest (names and hashes, no images). Each exists as reported, which ignores
that images share photographs, and grouped, which keeps every group of ``groups`` in one split.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.model_selection import StratifiedGroupKFold

from fakeface_utils.datasets.equalise import ENDING
from fakeface_utils.datasets.layouts import SPLITS

MANIFEST = Path(__file__).parent / "manifests" / "yonsei.csv"
KINDS = ("real", "easy", "mid", "hard")

# Images of each kind in train, valid and test. Report 001 gives all twelve numbers (table 1). Report 003 gives the
# totals 1634, 202, 205; 109 reals in test follow from its precision and recall, the rest keeps the set's shares.
SIZES = {
    "yonsei-001": {"real": (720, 61, 300), "easy": (158, 26, 56), "mid": (324, 54, 102), "hard": (157, 30, 53)},
    "yonsei-003": {"real": (865, 107, 109), "easy": (192, 24, 24), "mid": (385, 47, 48), "hard": (192, 24, 24)},
}
NAMES = ("folder", "140k-16k", *(name + end for name in SIZES for end in ("", "-grouped")))
_SIZE_140K = (16_000, 2_000, 2_000)  # what the best small-budget study on this set used (Jheelan and Pudaruth 2025)


def with_split(index: pd.DataFrame, name: str) -> pd.DataFrame:
    """A copy of ``index`` whose column ``split`` is the split called ``name``.

    Args:
        index: of the whole set.
        name: ``folder`` (as the archive comes), ``140k-16k`` (16,000, 2,000 and 2,000 of the 140k set, from its own
            splits), ``yonsei-001``, ``yonsei-003`` (sizes as in those reports), or these with ``-grouped``. On the
            drawn sample, or a part of the set, the same shares are drawn afresh, from the groups that the index
            holds.

    Returns:
        The rows that belong to the split, with ``group`` as in the manifest where there is one.

    Raises:
        ValueError: an unknown name, a split of the other layout, a ``folder`` split where the archive has none, an
            equalised twin of the Yonsei kind, or images that differ from those in the manifest (they are named).
    """
    if name not in NAMES:
        raise ValueError(f"there is no split {name!r}; choose one of {', '.join(NAMES)}")
    if name == "folder":
        if (index["split"] == "").any():
            raise ValueError("this set comes without splits; choose one of " + ", ".join(NAMES[2:]))
        return index.copy()
    layout = name.split("-")[0]
    if index.attrs.get("layout") != layout:
        raise ValueError(f"{name} splits a set in the {layout} layout, this one is in {index.attrs.get('layout')}")
    if layout == "140k":
        return _some_of_140k(index)
    if index["set"].str.endswith(ENDING).any():
        # The manifest knows the original files only: another split would be drawn, and nobody would notice.
        raise ValueError(f"{index['set'].iloc[0]} is an equalised twin: split the original first, then equalise")
    if index["set"].iloc[0] == "yonsei":
        return _from_manifest(index, name)
    report, grouped = name.removesuffix("-grouped"), name.endswith("-grouped")
    split = draw_split(index, _scaled(index, SIZES[report]), grouped=grouped, salt=name)
    return index.assign(split=split)


def draw_split(
    index: pd.DataFrame, sizes: dict[str, tuple[int, int, int]], *, grouped: bool, salt: str
) -> np.ndarray:
    """Assign every image to a split so that each split has exactly ``sizes`` images of each kind.

    Args:
        index: columns ``name``, ``kind``, ``group``.
        sizes: kind -> images in train, valid, test; they add up to the kind's images.
        grouped: keep each group in one split. Groups of several images are placed first, largest first, where
            most room is left; single images then fill up.
        salt: decides, with the names, who goes where.

    Returns:
        (n,) array of ``train``, ``valid``, ``test``.

    Raises:
        ValueError: sizes that do not add up, or groups too large to be placed.
    """
    for kind, rows in index.groupby("kind"):
        if sum(sizes[kind]) != len(rows):
            raise ValueError(f"{sum(sizes[kind])} images of kind {kind} are to be split, there are {len(rows)}")
    room = {(split, kind): counts[k] for kind, counts in sizes.items() for k, split in enumerate(SPLITS)}
    order = index["name"].map(lambda name: hashlib.sha256(f"{salt}/{name}".encode()).hexdigest())
    groups = index["group"].to_numpy() if grouped else np.arange(len(index))
    members = pd.DataFrame({"group": groups, "order": order.to_numpy(), "row": range(len(index))})
    queue = [(-len(rows), rows["order"].min(), rows["row"].tolist()) for _, rows in members.groupby("group")]
    split, kinds = np.empty(len(index), dtype=object), index["kind"].to_numpy()
    for _, _, rows in sorted(queue):
        need = pd.Series(kinds[rows]).value_counts()
        fitting = [s for s in SPLITS if all(room[s, kind] >= n for kind, n in need.items())]
        if not fitting:
            raise ValueError(f"no split has room for the group of {index['name'].iloc[rows[0]]}")
        # Of the splits with room, the one that has the largest share of its places still free.
        best = max(fitting, key=lambda s: min(room[s, kind] / sizes[kind][SPLITS.index(s)] for kind in need.index))
        for kind, n in need.items():
            room[best, kind] -= n
        split[rows] = best
    return split


def with_fold(index: pd.DataFrame, number: int, of: int = 5, seed: int = 0) -> pd.DataFrame:
    """A copy of ``index`` split for one turn of a grouped cross-validation, in which every image is tested once.

    A share of 1 / ``of`` is the test split, half as many images are validation and the rest is for training: with
    five turns 70 %, 10 % and 20 %.

    Args:
        index: columns ``label`` and ``group``.
        number: which turn, from 1 to ``of``. seed: of the whole cross-validation; turns of one seed fit together.

    Raises:
        ValueError: a turn that does not exist, or as in :func:`make_folds`.
    """
    if not 1 <= number <= of:
        raise ValueError(f"there is no turn {number} of {of}; they are numbered from 1")
    try:
        tenths = make_folds(index["label"], index["group"], 2 * of, seed)
    except ValueError as error:
        few = str(error).split(": ")[0]
        raise ValueError(f"{of} turns take {2 * of} folds, but {few}: ask for fewer turns") from error
    part = (tenths - 2 * (number - 1)) % (2 * of)
    return index.assign(split=np.select([part < 2, part == 2], ["test", "valid"], "train"))


def turns(index: pd.DataFrame, of: int, seed: int = 0) -> dict[str, pd.DataFrame]:
    """All turns of a grouped cross-validation, name -> the index with that turn's split (:func:`with_fold`)."""
    return {f"turn {number}": with_fold(index, number, of, seed) for number in range(1, of + 1)}


def make_folds(labels: np.ndarray, groups: np.ndarray, n_splits: int = 5, seed: int = 0) -> np.ndarray:
    """The fold (0 to n_splits - 1) of each image, (n,) int: no group in two folds, classes as even as can be.

    Raises:
        ValueError: a class has fewer groups than there are folds.
    """
    labels, groups = np.asarray(labels), np.asarray(groups)
    for label in (0, 1):
        count = len(np.unique(groups[labels == label]))
        if count < n_splits:
            raise ValueError(
                f"class {label} has {count} groups of images, too few for {n_splits} folds: lower n_splits"
            )
    # Shuffled here: scikit-learn's own shuffle loses the stratification (its issue 32478, in 1.6 still).
    _, member = np.unique(groups, return_inverse=True)
    shuffled = np.random.default_rng(seed).permutation(member.max() + 1)[member]
    folds = np.empty(len(labels), dtype=int)
    for fold, (_, test) in enumerate(StratifiedGroupKFold(n_splits).split(labels, labels, shuffled)):
        folds[test] = fold
    return folds


def _scaled(index: pd.DataFrame, sizes: dict[str, tuple[int, int, int]]) -> dict[str, tuple[int, int, int]]:
    """The same shares for a set of other size; train takes what rounding leaves."""
    scaled = {}
    for kind, counts in sizes.items():
        n = int((index["kind"] == kind).sum())
        valid, test = (round(n * count / sum(counts)) for count in counts[1:])
        scaled[kind] = (n - valid - test, valid, test)
    return scaled


def _from_manifest(index: pd.DataFrame, name: str) -> pd.DataFrame:
    manifest = pd.read_csv(MANIFEST, dtype=str).set_index("name")
    names = index["name"].map(lambda path: Path(path).name)
    strangers = names[~names.isin(manifest.index)]
    if len(strangers):
        raise ValueError(f"{strangers.iloc[0]} is not in the manifest of the Yonsei set ({MANIFEST.name})")
    rows = manifest.loc[names]
    for path, expected in zip(index["path"], rows["sha256"], strict=True):
        if not hashlib.sha256(Path(path).read_bytes()).hexdigest().startswith(expected):
            raise ValueError(f"{path} is not the file that the manifest of the Yonsei set lists under this name")
    return index.assign(split=rows[name].to_numpy(), group=rows["group"].astype(int).to_numpy())


def _some_of_140k(index: pd.DataFrame) -> pd.DataFrame:
    order = index["name"].map(lambda name: hashlib.sha256(f"140k-16k/{name}".encode()).hexdigest())
    kept = []
    for (split, label), rows in index.groupby(["split", "label"]):
        wanted = _SIZE_140K[SPLITS.index(split)] // 2
        if len(rows) < wanted:
            kind = ("real", "fake")[label]
            raise ValueError(f"140k-16k takes {wanted:,} {kind} images of {split}, this copy has {len(rows):,}")
        kept.extend(order[rows.index].sort_values().index[:wanted])
    small = index.loc[sorted(kept)].reset_index(drop=True)
    small.attrs = dict(index.attrs)
    return small
