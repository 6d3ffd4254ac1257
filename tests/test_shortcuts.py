"""Probes see what they should and nothing else; the classifier never sees a group on both sides."""

import warnings

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from sklearn.metrics import roc_auc_score

from fakeface_utils.forensics import shortcuts
from fakeface_utils.forensics.shortcuts import PROBES, blockiness, out_of_fold_scores, probe_features


def noise(seed=0, side=48):
    return np.random.default_rng(seed).integers(0, 256, (side, side, 3), dtype=np.uint8)


def saved(folder, count=6, **options):
    paths = [folder / f"{i:03}_a.jpg" for i in range(count)]
    for i, path in enumerate(paths):
        Image.fromarray(noise(i)).save(path, **options)
    return pd.DataFrame({"path": [str(p) for p in paths], "name": [f"fake/{p.name}" for p in paths]})


# --- blockiness


def blockiness_by_loops(grey):
    border, other = [], []
    h, w = grey.shape
    for y in range(h):
        for x in range(w):
            if x + 1 < w:
                (border if x % 8 == 7 else other).append(abs(float(grey[y, x + 1]) - float(grey[y, x])))
            if y + 1 < h:
                (border if y % 8 == 7 else other).append(abs(float(grey[y + 1, x]) - float(grey[y, x])))
    return np.mean(border) - np.mean(other)


@pytest.mark.parametrize("shape", [(16, 16), (9, 30), (25, 17)])
def test_blockiness_against_loops(shape):
    grey = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    assert blockiness(grey) == pytest.approx(blockiness_by_loops(grey))
    assert blockiness(grey.astype(float)) == pytest.approx(blockiness_by_loops(grey))


def test_blockiness_known_values():
    step = np.full((16, 16), 100.0)
    step[:, 8:] = 130
    assert blockiness(step) == pytest.approx(15)  # 16 steps of 30 among 32 border pairs
    assert blockiness(step.T) == pytest.approx(15)
    assert blockiness(np.roll(step, 1, axis=1)[:, :16]) < 0
    assert blockiness(np.full((16, 16), 9)) == 0


def test_blockiness_grows_with_compression(tmp_path):
    smooth = Image.fromarray(noise(side=25)).resize((192, 192), Image.Resampling.BICUBIC).convert("L")
    values = []
    for quality in (95, 50, 20):
        smooth.save(tmp_path / "a.jpg", quality=quality)
        values.append(blockiness(np.asarray(Image.open(tmp_path / "a.jpg"))))
    assert abs(blockiness(np.asarray(smooth))) < 0.5 < values[2] and values[0] < values[1] < values[2]


@pytest.mark.parametrize("shape", [(8, 20), (20, 20, 3)])
def test_blockiness_refuses(shape):
    with pytest.raises(ValueError, match="blockiness needs a grey image"):
        blockiness(np.zeros(shape))


# --- probes


def test_probes_give_one_finite_row_an_image(tmp_path):
    index = saved(tmp_path, quality=80)
    features = probe_features(index)
    assert list(features) == list(PROBES)
    for name, values in features.items():
        assert values.shape[0] == len(index) and values.ndim == 2 and np.isfinite(values).all(), name
        np.testing.assert_array_equal(values, PROBES[name](index))  # alone or together
    widths = {name: values.shape[1] for name, values in features.items()}
    assert (widths["thumbnail 8x8"], widths["colour histogram"], widths["border ring"]) == (192, 48, 132)
    assert list(features["file name (positive control)"][0]) == [5, 0.6]


def test_pixel_probes_share_one_decoding(tmp_path, monkeypatch):
    index, opened = saved(tmp_path), []
    real_open = Image.open
    monkeypatch.setattr(shortcuts.Image, "open", lambda path: opened.append(path) or real_open(path))
    probe_features(index, ["thumbnail 8x8", "border ring", "blockiness"])
    assert sorted(opened) == sorted(index["path"])


def test_what_a_probe_does_not_see():
    image = noise(side=96)
    centre = image.copy()
    centre[8:-8, 8:-8] = 0
    np.testing.assert_array_equal(shortcuts.border_ring(image), shortcuts.border_ring(centre))
    assert not np.allclose(shortcuts.thumbnail(image), shortcuts.thumbnail(centre))
    mixed = np.random.default_rng(1).permutation(image.reshape(-1, 3)).reshape(image.shape)
    np.testing.assert_allclose(shortcuts.colour_histogram(image), shortcuts.colour_histogram(mixed))
    assert shortcuts.colour_histogram(image).sum() == pytest.approx(3)


def test_phases_find_a_shifted_grid(tmp_path):
    smooth = Image.fromarray(noise(side=24)).resize((192, 192), Image.Resampling.BICUBIC)
    smooth.save(tmp_path / "a.jpg", quality=15)
    features = shortcuts.blockiness_features(np.asarray(Image.open(tmp_path / "a.jpg").convert("RGB"))[3:, 5:])
    assert features[1:9].argmax() == 2 and features[9:].argmax() == 4  # 7 - 5 and 7 - 3


def test_metadata_sees_tables_but_no_names(tmp_path):
    index = saved(tmp_path, quality=80)
    Image.fromarray(noise(0)).save(index["path"][0], quality=81)
    renamed = index.assign(name=[f"x{i}" for i in range(len(index))])
    np.testing.assert_array_equal(PROBES["metadata"](index), PROBES["metadata"](renamed))
    tables = PROBES["quantisation tables"](index)
    assert tables.shape == (6, 2) and (tables[0] != tables[1]).all() and (tables[1:] == tables[1]).all()


def test_own_probes_and_unknown_ones(tmp_path):
    index = saved(tmp_path)
    own = {
        "mean": shortcuts.PixelProbe(lambda rgb: np.array([rgb.mean()])),
        "size": lambda ix: np.ones((len(ix), 1)),
    }
    features = probe_features(index, own)
    assert features["mean"].shape == (6, 1) and list(features) == ["mean", "size"]
    with pytest.raises(ValueError, match="no probe 'thumb'; choose from metadata"):
        probe_features(index, ["thumb"])
    (tmp_path / "000_a.jpg").write_bytes(b"no image")
    with pytest.raises(ValueError, match=r"000_a\.jpg cannot be decoded"):
        probe_features(index, ["border ring"])


# --- the classifier


def test_a_signal_is_found_and_noise_is_not():
    rng = np.random.default_rng(1)
    labels = np.arange(400) % 2
    features = rng.normal(size=(400, 20))
    null = out_of_fold_scores(features, labels, np.arange(400))
    features[:, 3] += labels
    scores = out_of_fold_scores(features, labels, np.arange(400))
    assert scores.min() > 0 and scores.max() < 1
    assert abs(roc_auc_score(labels, null) - 0.5) < 0.08
    assert roc_auc_score(labels, scores) > 0.68  # .76 at best


def test_copies_in_other_folds_would_leak():
    rng = np.random.default_rng(2)
    groups = np.repeat(np.arange(60), 6)
    labels = (rng.permutation(60) % 2)[groups]
    features = rng.normal(size=(60, 40))[groups]  # one row a group: nothing to learn but who is who
    assert roc_auc_score(labels, out_of_fold_scores(features, labels, groups)) < 0.7
    assert roc_auc_score(labels, out_of_fold_scores(features, labels, np.arange(360))) > 0.85


def test_constant_features_tie_everyone_even_with_uneven_classes():
    labels = np.array([1] * 33 + [0] * 70)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        scores = out_of_fold_scores(np.ones((103, 3)), labels, np.arange(103))
        assert set(scores) == {0.5}
        one = out_of_fold_scores(labels + 0.0, labels, np.arange(103))  # a single feature, 1-D
    assert roc_auc_score(labels, one) == 1


def test_bad_features_are_refused():
    with pytest.raises(ValueError, match="first in row 3"):
        out_of_fold_scores(np.array([[0.0]] * 3 + [[np.nan]] * 9), np.arange(12) % 2, np.arange(12))
