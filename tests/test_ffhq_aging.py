"""Joining by name: a small made-up table in the authors' format, and every way in which it can be the wrong one."""

import numpy as np
import pandas as pd
import pytest

from fakeface_utils.datasets.ffhq_aging import AGES, COLUMNS, join_labels, read_labels
from fakeface_utils.datasets.layouts import build_index
from fakeface_utils.evaluation.errors import error_table, rate_by_group
from tests.conftest import make_140k, make_yonsei

# Made up; the header is the authors'.
HEADER = (
    "image_number,age_group,age_group_confidence,gender,gender_confidence,head_pitch,head_roll,head_yaw,"
    "left_eye_occluded,right_eye_occluded,glasses"
)
ROWS = [
    "0,0-2,1.0,male,0.75,-18.25,-4.5,12.5,0.25,0.001,None",
    "1,20-29,0.66,female,1.0,-1.0,-1.0,3.5,0.0,99.5,Normal",
    "7,70-120,0.81,female,0.9,2.5,0.0,-1.0,100.0,100.0,Dark",
    "12,3-6,0.7,male,0.6,-1,-1,-1,-1,-1,-1",
    "69999,10-14,0.61,male,0.99,0.0,0.5,-31.0,3.0,0.0,None",
]


@pytest.fixture
def table(tmp_path):
    def write(rows=ROWS, header=HEADER, **how):
        path = tmp_path / "ffhq_aging_labels.csv"
        path.write_text("\n".join([header, *rows]) + "\n", **how)
        return path

    return write


def index_of(names, kind="140k", fakes=("AB12CD34EF.jpg",)):
    rows = [(f"test/real/{name}", 0) for name in names] + [(f"test/fake/{name}", 1) for name in fakes]
    return pd.DataFrame(rows, columns=["name", "label"]).assign(set=kind)


# --- the table


def test_the_table_as_its_authors_wrote_it(table):
    assert HEADER.split(",") == list(COLUMNS)
    found = read_labels(table())
    assert found.index.tolist() == [0, 1, 7, 12, 69999] and list(found.columns) == list(COLUMNS[1:])
    assert found["glasses"].tolist() == ["none", "normal", "dark", None, "none"]
    assert found["age_group"].tolist() == ["0-2", "20-29", "70-120", "3-6", "10-14"]
    assert found["age_group"].cat.ordered and tuple(found["age_group"].cat.categories) == AGES
    assert found["head_yaw"].tolist()[:3] == [12.5, 3.5, -1.0] and found["head_pitch"][1] == -1
    assert (
        found.loc[12, ["head_pitch", "head_roll", "head_yaw", "left_eye_occluded", "right_eye_occluded"]]
        .isna()
        .all()
    )
    assert found.loc[12, "gender"] == "male" and found.loc[12, "gender_confidence"] == 0.6
    assert found["right_eye_occluded"].dropna().tolist() == [0.001, 99.5, 100, 0]


def test_other_columns_orders_and_line_ends_do_not_matter(table):
    names = HEADER.split(",")
    order = [3, 0, *range(4, 11), 1, 2]
    rows = [",".join([*(row.split(",")[k] for k in order), "x"]) for row in ROWS]
    mixed = table(rows[::-1], ",".join([*(names[k] for k in order), "note"]), newline="\r\n", encoding="utf-8-sig")
    other = read_labels(mixed).sort_index()
    pd.testing.assert_frame_equal(other, read_labels(table()))


@pytest.mark.parametrize(
    ("rows", "header", "message"),
    [
        (
            ["0,male,1.0"],
            "image_number,gender,gender_confidence",
            "lacks age_group, age_group_confidence, head_pitch",
        ),
        ([], "<!DOCTYPE html>", "starts with <!DOCTYPE html>. Is it the raw"),
        ([*ROWS, ROWS[1]], HEADER, "more than one row for image_number 1: keep"),
        (
            [ROWS[0].replace("0-2", "2-Mar")],
            HEADER,
            "age_group '2-Mar', which its authors did not write.*into a date",
        ),
        ([ROWS[0].replace("None", "")], HEADER, "glasses '', which.*into a gap"),
        ([ROWS[0].replace("male", "")], HEADER, "gender '', which"),
        ([*ROWS, ROWS[0].replace("12.5", "left").replace("0,0-2", "3,0-2")], HEADER, "line 7: head_yaw is 'left'"),
        ([ROWS[0].replace("-18.25", "")], HEADER, "line 2: head_pitch is ''"),
        (["70000" + ROWS[0][1:]], HEADER, "image_number 70000, but FFHQ counts from 0 to 69,999"),
        (["0.5" + ROWS[0][1:]], HEADER, "image_number 0.5"),
        (["-3" + ROWS[0][1:]], HEADER, "image_number -3"),
        ([ROWS[0], ROWS[1] + ",1,2,3"], HEADER, "is no table of labels"),
    ],
)
def test_a_table_that_is_another_is_refused(table, rows, header, message):
    with pytest.raises(ValueError, match=message):
        read_labels(table(rows, header))


def test_no_table(tmp_path):
    with pytest.raises(FileNotFoundError, match="royorel/FFHQ-Aging-Dataset"):
        read_labels(tmp_path / "labels.csv")
    (tmp_path / "empty.csv").write_text("")
    with pytest.raises(ValueError, match="is no table of labels"):
        read_labels(tmp_path / "empty.csv")
    (tmp_path / "binary.csv").write_bytes(bytes(range(256)))
    with pytest.raises(ValueError, match=r"binary\.csv"):
        read_labels(tmp_path / "binary.csv")


# --- the join


def test_reals_are_joined_by_number_and_fakes_have_nothing(table):
    labels = read_labels(table())
    index = (
        index_of(["69999.jpg", "00007.jpg", "00001.jpg", "00012.jpg"])
        .iloc[[4, 2, 0, 1, 3]]
        .set_index(np.array([9, 3, 5, 1, 2]))
    )
    joined = join_labels(index, labels)
    assert joined.index.tolist() == [9, 3, 5, 1, 2] and list(joined.columns) == list(labels.columns)
    assert joined.loc[9].isna().all()
    assert joined["age_group"].tolist()[1:] == ["20-29", "10-14", "70-120", "3-6"]
    assert joined["glasses"].tolist()[1:4] == ["normal", "none", "dark"] and joined["age_group"].cat.ordered
    for kind in ("140k-mini", "140k-part"):
        assert join_labels(index.assign(set=kind), labels).equals(joined)


def test_a_set_on_disk_is_joined(tmp_path, table):
    index = build_index(make_140k(tmp_path / "set"))
    numbers = [int(name[-9:-4]) for name in index.loc[index["label"] == 0, "name"]]
    rows = [f"{k},20-29,1,{('male', 'female')[k % 2]},1,0,0,{k},0,0,None" for k in range(20)]
    joined = join_labels(index, read_labels(table(rows)))
    assert joined["head_yaw"][index["label"] == 0].tolist() == numbers
    assert joined[(index["label"] == 1)].isna().all().all()


def test_a_group_without_labels_is_not_compared_and_false_positives_are(table):
    rows = [
        f"{k},{AGES[4 + k % 2]},1,{('male', 'female')[k % 2]},1,0,0,{k},0,0,{('None', 'Dark')[k % 3 == 0]}"
        for k in range(120)
    ]
    index = index_of([f"{k:05d}.jpg" for k in range(120)], fakes=[f"{k:010d}.jpg" for k in range(50)])
    joined = join_labels(index, read_labels(table(rows)))
    wrong = np.r_[(np.arange(120) % 3 == 0) & (np.arange(120) % 6 < 5), np.zeros(50, bool)]
    scores = np.where(wrong, 0.9, 0.1) + np.r_[np.zeros(120), np.full(50, 0.8)]
    asked = joined[["glasses", "gender", "age_group", "head_yaw"]]
    found = error_table(index["label"], scores, 0.5, asked, rates=["FPR", "FNR"])
    said = found[found["reading"].isin(["errs more", "errs less"])]
    assert set(said["attribute"]) == {"glasses"} and set(said["rate"]) == {"FPR"}
    fakes = found[found["rate"] == "FNR"]
    known = fakes[fakes["value"] != "unknown"]
    assert (known["n"] == 0).all() and known["reading"].str.startswith("too few: 0").all()
    ages = rate_by_group(index["label"], scores, 0.5, joined["age_group"]).table
    assert ages["value"].tolist()[:10] == list(AGES) and ages["n"].tolist()[4:6] == [60, 60]


@pytest.mark.parametrize(
    ("index", "message"),
    [
        (index_of(["00001.jpg"], "testbed"), "but this is testbed"),
        (index_of(["real_00001.jpg"], "yonsei"), "but this is yonsei"),
        (
            index_of(["00001.jpg", "portrait.jpg", "1.jpg"]),
            "2 of 3 reals are not named by an FFHQ number.*portrait.jpg",
        ),
        (index_of(["00001.jpg", "00007.jpg", "00007.png"]), "come twice.*00007.jpg, test/real/00007.png"),
        (
            index_of(["00001.jpg", "00002.jpg", "00003.jpg"]),
            "5 rows and knows nothing of 2 of 3 reals: test/real/00002.jpg",
        ),
        (index_of([]), "no real image"),
        (index_of([f"x{k}.jpg" for k in range(9)]), "x3.jpg and 5 more"),
    ],
)
def test_names_that_cannot_be_joined(table, index, message):
    with pytest.raises(ValueError, match=message):
        join_labels(index, read_labels(table()))


def test_a_set_of_photoshopped_faces_on_disk_is_refused(tmp_path, table):
    with pytest.raises(ValueError, match="yonsei"):
        join_labels(build_index(make_yonsei(tmp_path / "set")), read_labels(table()))
