"""Wrong answers to the exercises of lesson 01."""

import numpy as np

from fakeface_utils.datasets import layouts


def parts_reversed(name):
    kind, _, bits = name.removesuffix(".jpg").split("_")
    return kind, [part for part, bit in zip(layouts.PARTS, reversed(bits), strict=False) if bit == "1"]


def parts_that_are_zero(name):
    kind, _, bits = name.removesuffix(".jpg").split("_")
    return kind, [part for part, bit in zip(layouts.PARTS, bits, strict=False) if bit == "0"]


def parts_from_the_number(name):
    kind, number, _ = name.removesuffix(".jpg").split("_")
    return kind, [part for part, bit in zip(layouts.PARTS, number, strict=False) if bit == "1"]


def bits_unread(name):
    kind, _, bits = name.removesuffix(".jpg").split("_")
    return kind, bits


def share_of_groups(index):
    per_split = index.groupby("group")["split"].nunique()
    return float((per_split > 1).mean())


def share_of_all_images(index):
    train = set(index.loc[index["split"] == "train", "group"])
    test = index[index["split"] == "test"]
    return float(test["group"].isin(train).sum() / len(index))


def share_of_train(index):
    test = set(index.loc[index["split"] == "test", "group"])
    return float(index.loc[index["split"] == "train", "group"].isin(test).mean())


def counts_instead_of_share(index):
    train = set(index.loc[index["split"] == "train", "group"])
    return int(index.loc[index["split"] == "test", "group"].isin(train).sum())


def steps(grey, offset=7, take=np.abs, rows=True):
    """Blockiness with room for mistakes."""
    across = take(np.diff(grey, axis=1))
    down = take(np.diff(grey, axis=0)).T if rows else across[:0]
    on, off = [], []
    for differences in (across, down):
        if differences.size:
            edge = np.arange(differences.shape[1]) % 8 == offset
            on.append(differences[:, edge].ravel())
            off.append(differences[:, ~edge].ravel())
    return float(np.concatenate(on).mean() - np.concatenate(off).mean())


WRONG = {
    "01.1": [parts_reversed, parts_that_are_zero, parts_from_the_number, bits_unread, lambda name: ("easy", [])],
    "01.2": [share_of_groups, share_of_all_images, share_of_train, counts_instead_of_share, lambda index: 0.0],
    "01.3": [
        lambda grey: steps(grey, offset=0),  # the grid one pixel off
        lambda grey: steps(grey, take=lambda d: d),  # no absolute value
        lambda grey: steps(grey, rows=False),  # columns only
        lambda grey: steps(grey) + 1.0,
        lambda grey: steps(grey.T[:, :1] + grey.T),
        lambda grey: 0.0,
        lambda grey: float("nan"),
        lambda grey: None,
        lambda grey: 1 / 0,
    ],
}
