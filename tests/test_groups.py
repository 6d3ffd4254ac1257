"""Near-duplicates: planted copies are found in the way they should be, strangers are left alone."""

import shutil
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from scipy import ndimage

from fakeface_utils.datasets import groups, layouts
from fakeface_utils.datasets.groups import find_pairs, group_ids, share_leaked
from tests.conftest import make_140k


def texture(seed, side=220):
    rng = np.random.default_rng(seed)
    layers = [ndimage.gaussian_filter(rng.normal(size=(side, side)), s) * s for s in (1.5, 4, 12)]
    image = sum(layers)
    return np.clip(128 + 45 * image / image.std(), 0, 255).astype(np.uint8)


@pytest.fixture
def folder(tmp_path):
    """Eight strangers; 0 again as a copy and as a re-saved picture; parts of 1 and 2 pasted into others."""
    pictures = {f"s{i}": texture(i) for i in range(8)}
    pasted = texture(20)
    pasted[40:150, 60:180] = pictures["s1"][40:150, 60:180]
    turned = texture(21)
    part = np.asarray(Image.fromarray(pictures["s2"]).resize((180, 180)).rotate(20, Image.Resampling.BICUBIC))
    turned[50:170, 50:170] = part[30:150, 30:150]
    pictures |= {"pasted": pasted, "turned": turned}
    for name, pixels in pictures.items():
        Image.fromarray(pixels).save(tmp_path / f"{name}.jpg", quality=92)
    shutil.copy(tmp_path / "s0.jpg", tmp_path / "copy.jpg")
    Image.open(tmp_path / "s0.jpg").resize((160, 160)).save(tmp_path / "resaved.jpg", quality=60)
    for i, level in enumerate((60, 60.0, 200)):  # blank pictures have equal hashes and nothing in common
        Image.fromarray(np.full((90 + i, 90), level, np.uint8)).save(tmp_path / f"blank{i}.png")
    return tmp_path


def index_of(folder):
    paths = sorted(folder.iterdir())
    return pd.DataFrame({"path": [str(p) for p in paths], "name": [p.stem for p in paths], "label": 0, "split": ""})


def found(pairs, how):
    return {frozenset(pair) for pair in pairs.loc[pairs["how"] == how, ["a", "b"]].itertuples(index=False)}


def test_each_planted_pair_and_nothing_else(folder):
    pytest.importorskip("cv2")
    index = index_of(folder)
    pairs = find_pairs(index)
    same = {frozenset(p) for p in [("s0", "copy"), ("s0", "resaved"), ("copy", "resaved")]}
    assert found(pairs, "same file") == {frozenset(("s0", "copy"))}
    assert found(pairs, "hash") == same
    assert found(pairs, "keypoints") == same | {frozenset(("s1", "pasted")), frozenset(("s2", "turned"))}
    assert pairs.attrs["note"] == "hashes and keypoints compared"
    ids = dict(zip(index["name"], group_ids(index, pairs), strict=True))
    assert ids["s0"] == ids["copy"] == ids["resaved"] and ids["s1"] == ids["pasted"] and ids["s2"] == ids["turned"]
    assert len(set(ids.values())) == len(index) - 4
    pd.testing.assert_frame_equal(pairs, find_pairs(index))  # the same again


def test_the_limit_on_inliers_is_applied_and_higher_on_drawn_sets(folder):
    pytest.importorskip("cv2")
    index = index_of(folder)
    scores = find_pairs(index).query("how == 'keypoints'")["score"]
    few = int(scores.min())
    assert groups.MIN_INLIERS <= few < scores.max()
    assert len(find_pairs(index, min_inliers=few + 1).query("how == 'keypoints'")) < len(scores)
    drawn = find_pairs(index.assign(set="testbed")).query("how == 'keypoints'")["score"]
    assert len(drawn) == (scores >= groups.MIN_INLIERS_DRAWN).sum()


def test_without_opencv_the_result_says_so(folder, monkeypatch):
    monkeypatch.setitem(sys.modules, "cv2", None)
    pairs = find_pairs(index_of(folder))
    assert "OpenCV is not installed" in pairs.attrs["note"]
    assert set(pairs["how"]) == {"same file", "hash"} and len(found(pairs, "hash")) == 3


def test_stages_can_be_left_out(folder):
    pairs = find_pairs(index_of(folder), hashes=False, keypoints=False)
    assert set(pairs["how"]) == {"same file"} and "not asked" in pairs.attrs["note"]


def test_a_large_set_compares_keypoints_of_hash_candidates_only(folder, monkeypatch):
    pytest.importorskip("cv2")
    monkeypatch.setattr(groups, "LARGE", 5)
    pairs = find_pairs(index_of(folder))
    assert len(found(pairs, "keypoints")) == 3 and frozenset(("s1", "pasted")) not in found(pairs, "keypoints")
    assert "hash candidates only" in pairs.attrs["note"] and not found(pairs, "hash")


def test_hash_blocks_give_all_pairs(folder, monkeypatch):
    _, bits, small, _ = groups._read(list(index_of(folder)["path"]), None, "")
    monkeypatch.setattr(groups, "MIN_CORRELATION", -1)
    whole = groups._near_hashes(bits, small, 60)
    assert len(whole) > 20
    monkeypatch.setattr(groups, "HASH_BLOCK", 20)  # one row at a time
    assert groups._near_hashes(bits, small, 60) == whole


def test_hash_distance_counts_both_hashes():
    bits = np.array([[0, 0], [0xF, 0xF], [0x1F, 0xF]], dtype=np.uint64)
    assert groups._near_hashes(bits, np.ones((3, 1)), 8) == [(0, 1, 8), (1, 2, 1)]


@pytest.mark.parametrize(("apart", "inliers"), [(0.2, 30), (0.4, 0)])
def test_alike_is_not_the_same(apart, inliers):
    """Faces aligned alike match in many places, all where they should be, but not closely."""
    cv2 = pytest.importorskip("cv2")
    rng = np.random.default_rng(0)
    points = rng.uniform(0, 300, (30, 2)).astype(np.float32)
    one, away = np.linalg.qr(rng.normal(size=(128, 60)))[0].T.reshape(2, 30, 128)
    angle = 2 * np.arcsin(apart / 2)
    two = np.cos(angle) * one + np.sin(angle) * away
    assert np.linalg.norm(one - two, axis=1) == pytest.approx(apart)
    assert groups._inliers(cv2, (points, one), (points + 5, two)) == inliers


def test_mixed_pairs_say_which_is_the_fake():
    index = pd.DataFrame({"name": list("abcd"), "label": [0, 1, 1, 0]})
    rows = [("a", "b", "hash", 3), ("c", "d", "keypoints", 8), ("b", "c", "hash", 1), ("a", "d", "hash", 1)]
    pairs = pd.DataFrame(rows, columns=["a", "b", "how", "score"])
    mixed = groups.mixed_pairs(index, pairs)
    assert mixed[["real", "fake"]].to_numpy().tolist() == [["a", "b"], ["d", "c"]]
    assert groups.mixed_pairs(index, pairs[:0]).empty


def test_group_ids_join_chains():
    index = pd.DataFrame({"name": list("abcdef")})
    rows = [("e", "b", "hash", 3), ("b", "d", "keypoints", 8)]
    pairs = pd.DataFrame(rows, columns=["a", "b", "how", "score"])
    assert list(group_ids(index, pairs)) == [0, 1, 2, 1, 1, 3]
    assert list(group_ids(index, pairs[:0])) == [0, 1, 2, 3, 4, 5]
    with pytest.raises(ValueError, match="b, d is not in the index"):
        group_ids(index[index["name"] != "d"], pairs)


def test_share_leaked():
    index = pd.DataFrame(
        {
            "name": list("abcdefg"),
            "label": [0, 1, 0, 0, 1, 1, 0],
            "split": ["train", "test", "train", "train", "test", "valid", "test"],
            "group": [0, 0, 1, 1, 2, 2, 3],
        }
    )
    assert share_leaked(index) == pytest.approx(1 / 3)  # e shares its group with valid only
    with pytest.raises(ValueError, match="split"):
        share_leaked(index.assign(split=""))


def test_errors(tmp_path):
    (tmp_path / "bad.jpg").write_bytes(b"no image")
    index = index_of(tmp_path)
    with pytest.raises(ValueError, match=r"bad\.jpg cannot be decoded"):
        find_pairs(index)
    with pytest.raises(ValueError, match="bad occurs twice"):
        find_pairs(pd.concat([index, index]))


def test_cached_pairs_are_found_once_and_keep_their_note(tmp_path, monkeypatch):
    folder = tmp_path / "set"
    make_140k(folder)
    index = layouts.build_index(folder)
    copy = Path(index["path"][0])
    Path(index["path"][1]).write_bytes(copy.read_bytes())
    first = groups.cached_pairs(index, tmp_path / "cache", keypoints=False)
    assert "same file" in set(first["how"]) and first.attrs["note"] == "keypoints not asked for"

    monkeypatch.setattr(groups, "find_pairs", None)  # a second search would fail
    again = groups.cached_pairs(index, tmp_path / "cache", keypoints=False)
    pd.testing.assert_frame_equal(first, again)
    assert again.attrs == first.attrs
    with pytest.raises(TypeError):  # other files are searched anew
        groups.cached_pairs(index.iloc[1:], tmp_path / "cache", keypoints=False)
