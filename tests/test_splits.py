"""Splits: the reports' sizes to the image, groups whole, the same on every machine."""

import hashlib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from fakeface_utils.datasets import layouts, splits
from tests.conftest import make_140k


@pytest.fixture(scope="module")
def manifest():
    return pd.read_csv(splits.MANIFEST, dtype=str)


def as_index(manifest, name):
    kind = manifest["name"].str.split("_").str[0]
    return pd.DataFrame(
        {"name": manifest["name"], "kind": kind, "group": manifest["group"], "split": manifest[name]}
    )


@pytest.mark.parametrize(("report", "totals"), [("yonsei-001", (1359, 171, 511)), ("yonsei-003", (1634, 202, 205))])
@pytest.mark.parametrize("end", ["", "-grouped"])
def test_manifest_has_the_reports_sizes(manifest, report, totals, end):
    table = as_index(manifest, report + end)
    counts = pd.crosstab(table["kind"], table["split"])[list(layouts.SPLITS)]
    assert tuple(counts.sum()) == totals
    assert {kind: tuple(row) for kind, row in zip(counts.index, counts.to_numpy().tolist(), strict=True)} == {
        kind: tuple(sizes) for kind, sizes in splits.SIZES[report].items()
    }


@pytest.mark.parametrize("report", ["yonsei-001", "yonsei-003"])
def test_only_the_grouped_manifest_keeps_groups_whole(manifest, report):
    straddle = {
        end: int((as_index(manifest, report + end).groupby("group")["split"].nunique() > 1).sum())
        for end in ("", "-grouped")
    }
    assert straddle["-grouped"] == 0 < straddle[""]


def test_report_003s_test_set_is_the_one_its_numbers_imply():
    """Precision 68/117 and recall 68/109 of the custom network leave 109 reals and 96 fakes (field notes)."""
    sizes = splits.SIZES["yonsei-003"]
    assert sizes["real"][2] == 109 and sum(sizes[kind][2] for kind in ("easy", "mid", "hard")) == 96
    assert round(68 / 117, 10) == 0.5811965812 and round(68 / 109, 10) == 0.6238532110


def test_manifest_holds_names_and_hashes_of_every_image_once(manifest):
    assert len(manifest) == 2041 and manifest["name"].is_unique
    assert manifest["sha256"].str.fullmatch("[0-9a-f]{16}").all()


def drawn_index(n_real=60, per_kind=20, seed=0):
    kinds = ["real"] * n_real + ["easy"] * per_kind + ["mid"] * per_kind + ["hard"] * per_kind
    rng = np.random.default_rng(seed)
    table = pd.DataFrame({"name": [f"{kind}_{i}.jpg" for i, kind in enumerate(kinds)], "kind": kinds, "split": ""})
    table["label"] = (table["kind"] != "real").astype(int)
    table["group"] = rng.integers(0, 80, len(table))
    table["set"] = "testbed"
    table.attrs["layout"] = "yonsei"
    return table


@pytest.mark.parametrize("grouped", [False, True])
def test_draw_split_fills_exact_sizes(grouped):
    index = drawn_index()
    sizes = {"real": (40, 10, 10), "easy": (14, 3, 3), "mid": (14, 3, 3), "hard": (14, 3, 3)}
    split = splits.draw_split(index, sizes, grouped=grouped, salt="x")
    counts = pd.crosstab(index["kind"], split)
    assert all(tuple(counts.loc[kind, list(layouts.SPLITS)]) == wanted for kind, wanted in sizes.items())
    whole = index.assign(split=split).groupby("group")["split"].nunique().max() == 1
    assert whole == grouped
    shuffled = index.sample(frac=1, random_state=1)
    again = pd.Series(splits.draw_split(shuffled, sizes, grouped=False, salt="x"), index=shuffled.index)
    if not grouped:
        assert (again.sort_index().to_numpy() == split).all()  # names decide, not their order
        assert (splits.draw_split(index, sizes, grouped=False, salt="y") != split).any()


def test_sizes_that_do_not_add_up_are_refused():
    index = drawn_index()
    with pytest.raises(ValueError, match="61 images of kind real"):
        splits.draw_split(
            index, {**dict.fromkeys(splits.KINDS, (18, 1, 1)), "real": (41, 10, 10)}, grouped=True, salt=""
        )


def test_a_drawn_sample_gets_the_same_shares():
    table = splits.with_split(drawn_index(200, 40), "yonsei-001")
    shares = table["split"].value_counts(normalize=True)
    assert abs(shares["test"] - 511 / 2041) < 0.03 and abs(shares["valid"] - 171 / 2041) < 0.03


def test_folder_split_and_wrong_names(set_140k, set_yonsei):
    index = layouts.build_index(set_140k)
    pd.testing.assert_frame_equal(splits.with_split(index, "folder"), index)
    with pytest.raises(ValueError, match="comes without splits"):
        splits.with_split(layouts.build_index(set_yonsei), "folder")
    with pytest.raises(ValueError, match="no split 'half'"):
        splits.with_split(index, "half")
    with pytest.raises(ValueError, match="in the yonsei layout, this one is in 140k"):
        splits.with_split(index, "yonsei-001")


@pytest.mark.parametrize("name", ["yonsei", "yonsei-part", "testbed"])
def test_an_equalised_twin_of_the_yonsei_kind_was_split_before(name):
    split = splits.with_split(drawn_index().assign(set="testbed"), "yonsei-001-grouped")
    with pytest.raises(ValueError, match=f"{name}-equalised is an equalised twin: split the original first"):
        splits.with_split(split.assign(set=f"{name}-equalised"), "yonsei-001-grouped")
    # Folds need labels and groups alone, and a twin keeps them.
    index = drawn_index(200, 60).assign(group=range(380))
    fold = splits.with_fold(index.assign(set=f"{name}-equalised"), 1)["split"]
    assert fold.equals(splits.with_fold(index, 1)["split"])


def test_splits_of_the_140k_kind_are_the_same_on_a_twin(tmp_path, monkeypatch):
    monkeypatch.setattr(splits, "_SIZE_140K", (8, 4, 4))
    index = layouts.build_index(make_140k(tmp_path, per_class=6))
    twin = index.assign(set="140k-equalised")
    for name in ("folder", "140k-16k"):
        first, second = (splits.with_split(one, name) for one in (index, twin))
        assert first.drop(columns="set").equals(second.drop(columns="set"))


def test_140k_16k_is_balanced_and_stays_inside_the_archives_splits(tmp_path, monkeypatch):
    monkeypatch.setattr(splits, "_SIZE_140K", (8, 4, 4))
    index = layouts.build_index(make_140k(tmp_path, per_class=6))
    small = splits.with_split(index, "140k-16k")
    assert pd.crosstab(small["split"], small["label"]).loc[list(layouts.SPLITS)].to_numpy().tolist() == [
        [4, 4],
        [2, 2],
        [2, 2],
    ]
    assert (small["name"].str.split("/").str[0] == small["split"]).all()
    monkeypatch.setattr(splits, "_SIZE_140K", (16, 4, 4))
    with pytest.raises(ValueError, match="takes 8 real images of train, this copy has 6"):
        splits.with_split(index, "140k-16k")


def test_files_are_compared_with_the_manifest(set_yonsei, tmp_path, monkeypatch):
    index = layouts.build_index(set_yonsei)
    rows = [
        (Path(path).name, hashlib.sha256(Path(path).read_bytes()).hexdigest()[:16], i, "train")
        for i, path in enumerate(index["path"])
    ]
    table = pd.DataFrame(rows, columns=["name", "sha256", "group", "yonsei-001"])
    table.to_csv(tmp_path / "m.csv", index=False)
    monkeypatch.setattr(splits, "MANIFEST", tmp_path / "m.csv")
    index["set"] = "yonsei"
    assert set(splits.with_split(index, "yonsei-001")["split"]) == {"train"}
    Path(index["path"][0]).write_bytes(b"other")
    with pytest.raises(ValueError, match="not the file that the manifest"):
        splits.with_split(index, "yonsei-001")
    table.iloc[1:].to_csv(tmp_path / "m.csv", index=False)
    with pytest.raises(ValueError, match="is not in the manifest"):
        splits.with_split(index, "yonsei-001")


# --- cross-validation


def test_folds_keep_groups_and_classes_together():
    rng = np.random.default_rng(0)
    groups = rng.permutation(np.repeat(np.arange(60), 5))
    labels = groups % 2
    folds = splits.make_folds(labels, groups)
    assert all(len(set(folds[groups == g])) == 1 for g in set(groups))
    assert np.ptp([labels[folds == k].mean() for k in range(5)]) < 1e-9
    single = splits.make_folds(np.arange(300) < 100, np.arange(300))
    assert {int((single[:100] == k).sum()) for k in range(5)} == {20}
    assert not np.array_equal(folds, splits.make_folds(labels, groups, seed=1))
    with pytest.raises(ValueError, match="class 1 has 2 groups"):
        splits.make_folds(np.array([0] * 20 + [1] * 2), np.arange(22))


def test_the_turns_of_a_cross_validation_test_every_image_once_and_tear_no_group():
    rng = np.random.default_rng(0)
    group = rng.permutation(np.r_[np.arange(360), np.repeat(np.arange(360, 380), 2)])
    index = pd.DataFrame({"label": group % 2, "group": group})
    turns = [splits.with_fold(index, number)["split"] for number in range(1, 6)]
    assert np.array_equal(np.sum([turn == "test" for turn in turns], axis=0), np.ones(400))
    for turn in turns:
        counts = turn.value_counts()[["train", "valid", "test"]]
        assert (abs(counts - [280, 40, 80]) <= 4).all()
        assert turn.groupby(group).nunique().max() == 1
        assert index["label"].groupby(turn).mean().between(0.4, 0.6).all()
    assert not turns[0].equals(splits.with_fold(index, 1, seed=1)["split"])
    at_once = splits.turns(index, 5)
    assert list(at_once) == [f"turn {number}" for number in range(1, 6)]
    assert all(turn.equals(found["split"]) for turn, found in zip(turns, at_once.values(), strict=True))
    assert splits.turns(index, 5, seed=1)["turn 1"]["split"].equals(splits.with_fold(index, 1, seed=1)["split"])
    for number in (0, 6):
        with pytest.raises(ValueError, match=f"no turn {number} of 5"):
            splits.with_fold(index, number)
