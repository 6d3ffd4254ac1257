"""The audit against planted truths: it finds what is there, and nothing where nothing is."""

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from fakeface_utils.datasets.splits import make_folds
from fakeface_utils.evaluation.audit import permute_labels, shortcut_audit
from fakeface_utils.forensics.shortcuts import PixelProbe, thumbnail

N = 140
FOUND, CHANCE = 0.85, 0.62
ON_FILE = ["metadata", "quantisation tables"]


def image_set(folder, shift=0.0, qualities=(88, 88), seed=0):
    """N smooth random pictures, half of them fake; fakes may be brighter or saved with another table."""
    rng = np.random.default_rng(seed)
    rows = []
    for i, label in enumerate(rng.permutation(np.arange(N) % 2)):
        grid = rng.normal(115 + rng.normal(0, 8) + shift * label, 35, (7, 7, 3))
        picture = Image.fromarray(np.clip(grid, 0, 255).astype(np.uint8)).resize((56, 56), Image.Resampling.BICUBIC)
        path = folder / f"{i:04}.jpg"
        picture.save(path, quality=qualities[label])
        rows.append((str(path), path.name, label, i))
    return pd.DataFrame(rows, columns=["path", "name", "label", "group"])


def audit(index, probes=None, **options):
    return shortcut_audit(index, probes, n_resamples=200, **options).set_index("probe")


def test_nothing_is_found_where_nothing_is(tmp_path):
    table = audit(image_set(tmp_path, seed=1))
    assert (table["auc"] < CHANCE).all() and (table["low"] <= 0.52).all()
    assert (table["p"] <= 0.05).sum() == 0  # deterministic; a probe in twenty would fall below by chance
    assert table["permuted"].between(0.46, 0.54).all()
    assert (table["permuted_low"] <= table["permuted"]).all() and (
        table["permuted"] <= table["permuted_high"]
    ).all()
    assert (table["n"] == N).all()
    assert table.loc["quantisation tables", "auc"] == 0.5 and table.loc["quantisation tables", "p"] == 1


def test_a_planted_table_is_found_by_file_and_grid(tmp_path):
    table = audit(image_set(tmp_path, qualities=(92, 40)))
    for probe in (*ON_FILE, "blockiness"):
        assert table.loc[probe, "auc"] > FOUND and table.loc[probe, "p"] <= 0.05, probe
    assert table.loc["quantisation tables", "auc"] == 1
    for probe in ("thumbnail 8x8", "border ring", "file name (positive control)"):
        assert table.loc[probe, "auc"] < CHANCE, probe
    assert table["permuted"].between(0.44, 0.56).all()


def test_a_planted_brightness_is_found_by_pixels_only(tmp_path):
    table = audit(image_set(tmp_path, shift=25.0))
    for probe in ("thumbnail 8x8", "colour histogram", "border ring"):
        assert table.loc[probe, "auc"] > FOUND and table.loc[probe, "p"] <= 0.05, probe
    assert table.loc["quantisation tables", "auc"] == 0.5
    assert table.loc["file name (positive control)", "auc"] < CHANCE


def test_names_are_the_positive_control(tmp_path):
    index = image_set(tmp_path)
    named = index.assign(
        name=[f"{'f' * label}{name}" for name, label in zip(index["name"], index["label"], strict=True)]
    )
    table = audit(named, ["file name (positive control)", "metadata"])
    assert table.loc["file name (positive control)", "auc"] == 1
    assert table.loc["metadata", "auc"] < CHANCE


def test_copies_are_no_evidence(tmp_path):
    index = image_set(tmp_path, seed=3)[:30]
    copies = pd.concat([index] * 4, ignore_index=True)
    copies["name"] = [f"{i:04}" for i in range(len(copies))]
    probes = {"thumbnail": PixelProbe(thumbnail)}
    sound, fooled = audit(copies, probes), audit(copies.assign(group=range(len(copies))), probes)
    assert fooled["auc"].item() > 0.9 and fooled["p"].item() <= 0.05
    assert sound["auc"].item() < 0.75 and sound["p"].item() > 0.05
    assert sound["high"].item() - sound["low"].item() > 0.25  # thirty images, not 120


def test_permutation_moves_whole_groups_within_folds():
    rng = np.random.default_rng(0)
    groups = np.concatenate([np.arange(60), 100 + np.repeat(np.arange(20), 2), 200 + np.repeat(np.arange(10), 3)])
    labels = np.where(groups < 100, groups % 2, 0)
    labels[60:100] = np.tile([0, 0, 1, 1, 0, 1, 1, 0], 5)  # pairs of one class and mixed ones
    labels[100:] = np.repeat(np.arange(10) % 2, 3)
    order = rng.permutation(len(groups))
    groups, labels = groups[order], labels[order]
    folds = make_folds(labels, groups)
    new = permute_labels(labels, groups, folds, rng)
    assert (new != labels).mean() > 0.25

    def makeup(y):  # how many groups of which size hold how many fakes, in each fold
        frame = pd.DataFrame({"y": y, "g": groups, "fold": folds})
        return (
            frame.groupby("g")
            .agg(n=("y", "size"), fakes=("y", "sum"), fold=("fold", "first"))
            .value_counts()
            .to_dict()
        )

    assert makeup(new) == makeup(labels)


def test_permutation_mixes_edits_with_their_originals():
    labels, groups = np.tile([1, 0], 100), np.repeat(np.arange(100), 2)  # every fake stands before its real
    new = permute_labels(labels, groups, make_folds(labels, groups), np.random.default_rng(0))
    assert 0.35 < (new == labels).mean() < 0.65
    assert (new.reshape(-1, 2).sum(axis=1) == 1).all()


def test_the_seed_decides_and_p_counts_itself(tmp_path):
    index = image_set(tmp_path, qualities=(92, 40))
    a, b = (audit(index, ["blockiness", "border ring"], n_permutations=9, seed=s) for s in (1, 1))
    pd.testing.assert_frame_equal(a, b)
    assert a.loc["blockiness", "p"] == pytest.approx(0.1)
    c = audit(index, ["border ring"], n_permutations=9, seed=2)
    assert c.loc["border ring", "permuted"] != a.loc["border ring", "permuted"]
