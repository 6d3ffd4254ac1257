"""Finding and indexing the two archives."""

import shutil
from pathlib import Path

import pytest

from fakeface_utils.datasets import layouts
from tests.conftest import make_140k, make_yonsei, save_image


def test_index_of_140k(set_140k):
    index = layouts.build_index(set_140k)
    assert list(index.columns) == layouts.COLUMNS
    assert len(index) == 18 and index["label"].sum() == 9
    assert set(index["split"]) == {"train", "valid", "test"}
    # The folder decides, not the alphabet: loaders that sort class names would make fake 0.
    assert (index["label"] == index["name"].str.contains("/fake/")).all()
    assert set(index.loc[index["label"] == 1, "kind"]) == {"gan"}
    assert index["set"].unique() == ["140k-part"]
    assert index["name"].is_monotonic_increasing and index["group"].is_unique


def test_index_of_yonsei_reads_difficulty_and_parts(set_yonsei):
    index = layouts.build_index(set_yonsei).set_index("name")
    fake = index.loc["training_fake/mid_2_0110.jpg"]
    assert (fake["kind"], fake["parts"], fake["label"], fake["split"]) == ("mid", "0110", 1, "")
    assert index.loc["training_fake/easy_4_111.jpg", "parts"] == ""  # three bits: unknown, not guessed
    assert index.loc["training_real/real_00001.jpg", "kind"] == "real"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("easy_27_1000.jpg", ("easy", ["left_eye"])),
        ("hard_127_0011.jpg", ("hard", ["nose", "mouth"])),
        ("easy_4_111.jpg", ("easy", [])),
        ("portrait.jpg", ("fake", [])),
    ],
)
def test_fake_names(name, expected):
    assert layouts.read_fake_name(name) == expected


@pytest.mark.parametrize("make", [make_140k, make_yonsei])
@pytest.mark.parametrize("nested", ["", "archive", "archive/again"])
def test_nested_archives_are_found(tmp_path, make, nested):
    make(tmp_path / nested)
    assert len(layouts.build_index(tmp_path)) >= 8


def test_folders_without_the_top_are_found(set_140k, set_yonsei):
    assert len(layouts.build_index(set_140k / "real_vs_fake" / "real-vs-fake")) == 18
    assert len(layouts.build_index(set_yonsei / "real_and_fake_face")) == 8


def test_second_copy_inside_the_archive_is_not_counted(set_yonsei):
    inner = set_yonsei / "real_and_fake_face_detection" / "real_and_fake_face"
    shutil.copytree(set_yonsei / "real_and_fake_face", inner)
    assert len(layouts.build_index(set_yonsei)) == 8


def test_unknown_layout_and_empty_set(tmp_path):
    (tmp_path / "cats").mkdir()
    with pytest.raises(layouts.LayoutError, match="neither image set"):
        layouts.build_index(tmp_path)
    (tmp_path / "real_and_fake_face" / "training_real").mkdir(parents=True)
    with pytest.raises(layouts.LayoutError, match="not one image"):
        layouts.build_index(tmp_path)


def test_folders_that_only_look_alike_are_not_taken(tmp_path):
    save_image(tmp_path / "cats" / "train" / "real" / "one.jpg", 1)
    with pytest.raises(layouts.LayoutError, match="neither image set"):
        layouts.build_index(tmp_path)


def test_asking_for_the_other_layout_fails(set_140k):
    with pytest.raises(layouts.LayoutError, match="not yonsei"):
        layouts.build_index(set_140k, "yonsei")


def test_a_drawn_set_never_bears_a_real_name(set_yonsei):
    (set_yonsei / "testbed").mkdir()
    (set_yonsei / "testbed" / "manifest.json").write_text("{}")
    assert layouts.build_index(set_yonsei)["set"].unique() == ["testbed"]


def test_fingerprint_changes_with_what_it_names(set_140k):
    index = layouts.build_index(set_140k)
    before = layouts.fingerprint(index)
    assert layouts.fingerprint(layouts.build_index(set_140k)) == before
    assert layouts.fingerprint(index.assign(split="train")) != before
    assert layouts.fingerprint(index.iloc[1:]) != before
    with Path(index["path"][0]).open("ab") as file:
        file.write(b"x")
    assert layouts.fingerprint(index) != before


def test_keep_some_keeps_shares_and_grows(tmp_path):
    index = layouts.build_index(make_140k(tmp_path, per_class=20))
    small, larger = layouts.keep_some(index, 30), layouts.keep_some(index, 60)
    assert (small.groupby(["split", "label"]).size() == 5).all()
    assert set(small["name"]) < set(larger["name"])
    assert list(small["name"]) != list(layouts.keep_some(index, 30, seed=1)["name"])
    assert small.attrs == index.attrs
