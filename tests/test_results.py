"""Records and their tables: whole or not at all, strict JSON, and never the testbed's."""

import gzip
import json
import math
import time

import numpy as np
import pandas as pd
import pytest

from fakeface_utils.datasets import layouts
from fakeface_utils.evaluation.intervals import Estimate
from fakeface_utils.evaluation.paired import Difference
from fakeface_utils.lessons import results
from fakeface_utils.records import plain_metrics


@pytest.fixture
def index(set_140k):
    table = layouts.build_index(set_140k)
    table.attrs["evidence"] = True
    return table


@pytest.fixture
def record(index):
    metrics = {"shortcut": {"metadata": Estimate(0.55, 0.5, 0.6, 18), "none": None}, "images": 18}
    return results.make_record("01_data_tour", index, metrics, "laptop", {"SEED": 0}, time.time() - 1.234)


def test_record_round_trip(record, tmp_path):
    path = results.write_record(record, tmp_path)
    assert path == tmp_path / "01_data_tour" / "140k-part.laptop.json"
    assert results.read_record(path) == record | {"tables": []}
    assert record["metrics"]["shortcut/metadata"] == {"value": 0.55, "low": 0.5, "high": 0.6, "n": 18}
    assert record["metrics"]["images"] == {"value": 18}
    assert set(record["metrics"]) == {"shortcut/metadata", "images"}
    assert record["wall_seconds"] >= 1.2 and record["versions"]["numpy"] != "missing"
    assert [p.name for p in path.parent.iterdir()] == [path.name]


CURVE = pd.DataFrame({"model": ["M1", "M2"], "fpr": [0.0, 1 / 3], "tpr": [np.nan, 123.4561], "n": [9, 10]})


def test_tables_lie_beside_their_record(record, tmp_path):
    path = results.write_record(record, tmp_path, {"roc": CURVE, "by-seed_1": CURVE[["n"]]})
    names = [f"140k-part.laptop.{end}" for end in ("by-seed_1.csv.gz", "json", "roc.csv.gz")]
    assert sorted(p.name for p in path.parent.iterdir()) == names
    assert path.with_name(names[2]).read_bytes()[4:8] == bytes(4)  # no time in it: same table, same bytes
    assert (
        gzip.decompress(path.with_name(names[2]).read_bytes()).decode()
        == "model,fpr,tpr,n\nM1,0,,9\nM2,0.33333333,123.4561,10\n"
    )
    read = results.read_record(path)
    assert read["tables"] == ["by-seed_1", "roc"]
    pd.testing.assert_frame_equal(results.read_table(read, "roc", tmp_path), CURVE, rtol=1e-4)


def test_tables_of_an_older_record_go(record, tmp_path):
    """Only those of the same name: another profile's stay."""
    other = results.write_record(record | {"profile": "colab"}, tmp_path, {"roc": CURVE})
    path = results.write_record(record, tmp_path, {"roc": CURVE, "old": CURVE})
    for tables, left in (({"roc": CURVE}, ["roc"]), (None, [])):
        assert results.write_record(results.read_record(path), tmp_path, tables) == path
        assert results.read_record(path)["tables"] == left
        assert [p.name for p in path.parent.glob("140k-part.laptop*.csv.gz")] == [
            f"140k-part.laptop.{t}.csv.gz" for t in left
        ]
    pd.testing.assert_frame_equal(results.read_table(results.read_record(other), "roc", tmp_path), CURVE, rtol=1e-4)


def test_a_table_that_is_not_there_is_named(record, tmp_path):
    read = results.read_record(results.write_record(record, tmp_path, {"roc": CURVE}))
    with pytest.raises(results.RecordError, match=r"140k-part\.laptop\.json has no table 'pr'; it has roc.*again"):
        results.read_table(read, "pr", tmp_path)
    with pytest.raises(results.RecordError, match="it has none"):
        results.read_table(record, "roc", tmp_path)
    (tmp_path / "01_data_tour" / "140k-part.laptop.roc.csv.gz").unlink()
    with pytest.raises(results.RecordError, match=r"140k-part\.laptop\.roc\.csv\.gz cannot be read.*again"):
        results.read_table(read, "roc", tmp_path)


@pytest.mark.parametrize("name", ["", "../roc", "a.b", "a b", "*"])
def test_a_table_needs_a_name_for_a_file(record, tmp_path, name):
    with pytest.raises(results.RecordError, match="cannot be called"):
        results.write_record(record, tmp_path, {name: CURVE})
    assert not list(tmp_path.rglob("*.csv*"))


def test_a_broken_write_leaves_the_older_record_and_nothing_else(record, tmp_path):
    path = results.write_record(record, tmp_path, {"roc": CURVE})
    before = path.read_text()
    with pytest.raises(results.RecordError, match=r"140k-part\.laptop\.json cannot be written.*finite"):
        results.write_record(record | {"settings": {"rate": math.inf}}, tmp_path, {"new": CURVE})
    with pytest.raises(AttributeError):
        results.write_record(record, tmp_path, {"new": None})
    assert path.read_text() == before and len(list(path.parent.iterdir())) == 2


def refuse(word: str):
    raise AssertionError(f"{word} is no JSON")


def test_records_are_strict_json(index, tmp_path):
    metrics = {
        "A - B": Difference(0.03, 0.01, 0.003, 18, "DeLong"),
        "recipes": Difference(0.03, 0.01, 0.02, 18, "5 and 5 seeds", 7.5),
        "part": Estimate(0.5, math.nan, 0.6, 18),
        "nothing": Estimate(math.nan, 0.4, 0.6, 18),
        "ratio": np.float32(np.inf),
    }
    made = results.make_record("x", index, metrics, "laptop", {}, time.time())
    text = results.write_record(made, tmp_path).read_text()
    read = json.loads(text, parse_constant=refuse)["metrics"]
    assert read == plain_metrics(metrics) and set(read) == {"A - B", "recipes", "part"}
    assert read["A - B"] == {"value": 0.03, "se": 0.01, "p": 0.003, "n": 18, "method": "DeLong"}
    assert read["recipes"]["df"] == 7.5 and read["part"] == {"value": 0.5, "high": 0.6, "n": 18}


@pytest.mark.parametrize("content", ["", "{", "[]", '{"schema": 1}', '{"schema": 99}'])
def test_broken_records_are_named(tmp_path, content):
    path = tmp_path / "broken.json"
    path.write_text(content)
    with pytest.raises(results.RecordError, match=r"broken\.json"):
        results.read_record(path)


def test_testbed_records_cannot_be_reported(record, tmp_path):
    results.write_record(record, tmp_path)
    results.write_record(record | {"lesson": "02_other"}, tmp_path)
    assert len(results.recorded("01_data_tour", tmp_path)) == 1 and results.recorded("03_none", tmp_path) == []
    assert [r["lesson"] for r in results.recorded(folder=tmp_path)] == ["01_data_tour", "02_other"]
    first = results.write_record(record | {"evidence": False, "set": "testbed"}, tmp_path)
    other = results.write_record(record | {"evidence": False, "set": "testbed", "layout": "yonsei"}, tmp_path)
    assert first != other  # the two drawn sets keep a record each
    with pytest.raises(results.RecordError, match="no evidence"):
        results.recorded("01_data_tour", tmp_path)


def test_an_index_that_does_not_say_is_no_evidence(index):
    del index.attrs["evidence"]
    made = results.make_record("x", index, {}, "smoke", {}, time.time())
    assert made["evidence"] is False


def test_metric_table(record):
    table = results.metric_table([record], "shortcut/")
    assert table.index.tolist() == ["metadata"]
    assert table.iloc[0, 0] == "0.550 [0.500, 0.600]"
    assert table.columns.tolist() == [results.stamp(record)]


def test_stamp_tells_when_on_what_and_with_how_much(record):
    told = results.stamp(record | {"date": "2026-11-21", "n_images": 1600, "set": "140k-mini"})
    assert told == "recorded on 2026-11-21, 140k-mini, profile laptop, n = 1,600"


def test_interval_table_holds_what_has_an_interval(index):
    metrics = {"auc": {"M1": Estimate(0.7, 0.6, 0.8, 18), "M2": 0.5, "M3": Estimate(0.4, math.nan, 0.5, 18)}}
    metrics |= {
        "auc difference": {"M2 - M1": Difference(0.03, 0.02, 0.14, 18, "DeLong")},
        "b": Estimate(1, 1, 1, 1),
    }
    made = results.make_record("x", index, metrics, "laptop", {}, time.time())
    table = results.interval_table(made, "auc/")
    assert table.index.tolist() == ["M1"] and table.loc["M1"].to_dict() == {"value": 0.7, "low": 0.6, "high": 0.8}
    assert results.interval_table(made, "auc difference/").empty
    assert results.interval_table(made, "none/").columns.tolist() == ["value", "low", "high"]


def test_table_path_is_where_the_table_lies(record, tmp_path):
    read = results.read_record(results.write_record(record, tmp_path, {"roc": CURVE}))
    assert results.table_path(read, "roc", tmp_path) == tmp_path / "01_data_tour" / "140k-part.laptop.roc.csv.gz"
    with pytest.raises(results.RecordError, match="no table 'pr'"):
        results.table_path(read, "pr", tmp_path)


def test_metric_table_of_differences(index):
    metrics = {"auc difference": {"M2 - M1": Difference(0.03, 0.04 / 1.96, 0.14, 18, "DeLong")}, "auc": {"M1": 0.5}}
    made = results.make_record("x", index, metrics, "laptop", {}, time.time())
    assert results.metric_table([made], "auc difference/").iloc[0, 0] == "+0.030 [-0.010, +0.070]"
    assert results.metric_table([made], "auc/").index.tolist() == ["M1"]


def test_rows_with_fewer_than_five_seeds_are_named_so(index):
    found = {"auc": {"A": Estimate(0.7, 0.6, 0.8, 18), "B": Estimate(0.6, 0.5, 0.7, 18)}}
    made = results.make_record(
        "01_data_tour", index, found | {"seeds": {"A": 5, "B": 3}}, "laptop", {}, time.time()
    )
    table = results.interval_table(made, "auc/").rename(results.few_seeds(made))
    assert table.index.tolist() == ["A", "B (one training)"]
    assert results.metric_table([made], "auc/").index.tolist() == table.index.tolist()
    assert results.few_seeds(results.make_record("01_data_tour", index, found, "laptop", {}, time.time())) == {}
