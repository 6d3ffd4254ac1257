"""The README's tables: made from records, refused when stale, never from the testbed."""

import json
from pathlib import Path

import pytest

from fakeface_utils.lessons import results
from tools import make_report

ROOT = Path(__file__).parents[1]
SYLLABUS, RESULTS = (
    f"<!-- {name}: made by `make report` -->\n<!-- end of {name} -->" for name in ("syllabus", "results")
)


@pytest.fixture
def root(tmp_path):
    """A project with one lesson, the ledger and no record yet."""
    (tmp_path / "results").mkdir()
    (tmp_path / "colab").mkdir()
    (tmp_path / "results" / "claims.yaml").write_text(
        (ROOT / "results" / "claims.yaml").read_text(encoding="utf-8")
    )
    title = "# Is it?\n\n[![Open in Colab](a.svg)](b)"
    notebook = {"cells": [{"source": [title]}]}
    (tmp_path / "colab" / "01_data_tour.ipynb").write_text(json.dumps(notebook))
    (tmp_path / "README.md").write_text(f"before\n{SYLLABUS}\nbetween\n{RESULTS}\nafter\n")
    return tmp_path


def record(evidence: bool) -> dict:
    metrics = {
        "shortcut AUC/metadata": {"value": 0.5, "low": 0.4, "high": 0.6, "n": 9},
        "count/real": {"value": 1081},
    }
    common = {
        "schema": results.SCHEMA,
        "lesson": "01_data_tour",
        "layout": "yonsei",
        "profile": "laptop",
        "n_images": 9,
    }
    common |= {"fingerprint": "f", "settings": {}, "metrics": metrics, "date": "2026-01-02"}
    return common | {"set": "yonsei" if evidence else "testbed", "evidence": evidence}


def test_report_fills_the_blocks_and_check_sees_a_stale_readme(root, capsys):
    assert make_report.main(["--root", str(root)]) == 0
    text = (root / "README.md").read_text(encoding="utf-8")
    assert "No record of a real set is committed yet." in text and "| Is it? | not measured |" in text
    assert text.startswith("before\n") and text.endswith("after\n") and "\nbetween\n" in text
    assert make_report.main(["--root", str(root), "--check"]) == 0

    results.write_record(record(True), root / "results" / "records")
    assert make_report.main(["--root", str(root), "--check"]) == 1
    assert "run `make report`" in capsys.readouterr().err
    assert (root / "README.md").read_text(encoding="utf-8") == text, "a check writes nothing"
    make_report.main(["--root", str(root)])
    filled = (root / "README.md").read_text(encoding="utf-8")
    assert "| metadata | 0.500 [0.400, 0.600] |" in filled
    assert "| 001 | the Yonsei set holds this many real images | 1,081 | 1,081 | reproduced |" in filled


def test_only_evidence_is_taken(root, tmp_path, capsys):
    for evidence in (True, False):
        results.write_record(record(evidence), tmp_path / "runs")
    assert make_report.main(["--root", str(root), "--take", str(tmp_path / "runs")]) == 0
    taken = sorted(path.name for path in (root / "results" / "records").rglob("*.json"))
    assert taken == ["yonsei.laptop.json"]
    results.write_record(record(False), root / "results" / "records")  # put there by hand
    assert make_report.main(["--root", str(root)]) == 1
    assert "no evidence" in capsys.readouterr().err


def test_times_are_taken_from_stamps_of_good_runs(root, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    stamp = {"status": "ok", "seconds": 26.4, "memory_gb": 1.1, "profile": "smoke"}
    (out / "01_data_tour.json").write_text(json.dumps(stamp))
    (out / "02_other.json").write_text(json.dumps(stamp | {"status": "failed"}))
    make_report.main(["--root", str(root), "--take-times", str(out), "--machine", "two cores"])
    table = results.minutes("01_data_tour", root / "results" / "timings.json")
    assert table.loc["smoke", "time"] == "26 s" and table.loc["laptop", "time"] == "not measured"
    assert results.minutes("02_other", root / "results" / "timings.json")["time"].eq("not measured").all()
    assert "| Is it? | 26 s |" in (root / "README.md").read_text(encoding="utf-8")
    assert "Measured on: two cores" in (root / "README.md").read_text(encoding="utf-8")


def test_a_missing_marker_is_said(root, capsys):
    (root / "README.md").write_text("nothing")
    assert make_report.main(["--root", str(root)]) == 1
    assert "must hold" in capsys.readouterr().err
