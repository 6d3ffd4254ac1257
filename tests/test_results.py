"""Records and the ledger: whole or not at all, and never the testbed's."""

import json
import time
from pathlib import Path

import pandas as pd
import pytest
import yaml

from fakeface_utils.datasets import layouts
from fakeface_utils.evaluation.intervals import Estimate
from fakeface_utils.lessons import results


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
    assert results.read_record(path) == record
    assert record["metrics"]["shortcut/metadata"] == {"value": 0.55, "low": 0.5, "high": 0.6, "n": 18}
    assert record["metrics"]["images"] == {"value": 18}
    assert set(record["metrics"]) == {"shortcut/metadata", "images"}
    assert record["wall_seconds"] >= 1.2 and record["versions"]["numpy"] != "missing"
    assert [p.name for p in path.parent.iterdir()] == [path.name]


@pytest.mark.parametrize("content", ["", "{", "[]", '{"schema": 1}', '{"schema": 99}'])
def test_broken_records_are_named(tmp_path, content):
    path = tmp_path / "broken.json"
    path.write_text(content)
    with pytest.raises(results.RecordError, match=r"broken\.json"):
        results.read_record(path)


def test_testbed_records_cannot_be_reported(record, tmp_path):
    results.write_record(record, tmp_path)
    assert len(results.recorded("01_data_tour", tmp_path)) == 1
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
    assert "n = 18, laptop" in table.columns[0]


def test_committed_claims_and_records_are_whole():
    claims = results.read_claims()
    assert len(claims) and claims["report"].between(0, 4).all()
    for lesson in claims["lesson"].unique():
        results.recorded(lesson)


def test_structure_verdicts(record):
    claim = {"report": 1, "statement": "s", "kind": "structure", "lesson": "01_data_tour", "set": "140k-part"}
    claims = pd.DataFrame(
        [
            claim | {"id": "a", "metric": "images", "reported": 18, "comparable": True},
            claim | {"id": "b", "metric": "images", "reported": 19, "comparable": True},
            claim | {"id": "c", "metric": "images", "reported": 18, "comparable": False, "reason": "why"},
            claim | {"id": "d", "metric": "faces", "reported": 18, "comparable": True},
        ]
    )
    table = results.structure_verdicts("01_data_tour", [record], claims)
    assert table["verdict"].tolist()[:3] == ["reproduced", "contradicted", "not comparable: why"]
    assert table["verdict"].iloc[3].startswith("not run: python -m tools.run_lessons")
    assert table["ours"].tolist() == ["18", "18", "18", "-"] and set(table["report"]) == {"001"}


def test_claims_that_are_not_comparable_say_why(tmp_path):
    claims = yaml.safe_load((Path(__file__).parents[1] / "results" / "claims.yaml").read_text(encoding="utf-8"))
    (tmp_path / "claims.yaml").write_text(yaml.safe_dump(claims), encoding="utf-8")
    assert len(results.read_claims(tmp_path / "claims.yaml")) == len(claims)
    claims[0] |= {"comparable": False}
    (tmp_path / "claims.yaml").write_text(yaml.safe_dump(claims), encoding="utf-8")
    with pytest.raises(results.RecordError, match="needs a reason"):
        results.read_claims(tmp_path / "claims.yaml")


def test_ledger_keys_are_checked(tmp_path):
    path = tmp_path / "claims.yaml"
    path.write_text(json.dumps([{"id": "a", "report": 0, "surprise": 1}]))
    with pytest.raises(results.RecordError, match="'a'"):
        results.read_claims(path)
