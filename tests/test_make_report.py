"""RESULTS.md and the README's tables: made from records, refused when stale, never from the testbed."""

import json
from pathlib import Path

import pandas as pd
import pytest

from fakeface_utils.evaluation.intervals import Estimate
from fakeface_utils.evaluation.paired import Difference
from fakeface_utils.lessons import ledger, results
from fakeface_utils.records import plain_metrics
from tools import make_report, results_page

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
    page = (root / "results" / "RESULTS.md").read_text(encoding="utf-8")
    for made in (text, page):
        assert "No record of a real set is committed yet." in made
    assert "| Is it? | not measured |" in text and "| 001 | 5 |" in text
    assert text.startswith("before\n") and text.endswith("after\n") and "\nbetween\n" in text
    assert make_report.main(["--root", str(root), "--check"]) == 0

    results.write_record(record(True), root / "results" / "records")
    assert make_report.main(["--root", str(root), "--check"]) == 1
    assert "run `make report`" in capsys.readouterr().err
    assert (root / "README.md").read_text(encoding="utf-8") == text, "a check writes nothing"
    make_report.main(["--root", str(root)])
    filled = (root / "README.md").read_text(encoding="utf-8")
    assert "| metadata | 0.500 [0.400, 0.600] |" in filled and "[results/RESULTS.md](results/RESULTS.md)" in filled
    assert "| report | reproduced | not run |" in filled and "| 001 | 1 | 4 |" in filled
    page = (root / "results" / "RESULTS.md").read_text(encoding="utf-8")
    assert "| metadata | 0.500 [0.400, 0.600] |" in page
    row = "| the Yonsei set holds this many real images | table 1 | 1,081 | 1,081 (n = 9) | **reproduced**: ours 1081,"
    assert row in page and "| yonsei, laptop | 01_data_tour | `python -m tools.run_lessons" in page


@pytest.mark.parametrize("damage", [lambda path: path.unlink(), lambda path: path.write_text("# Results\n")])
def test_check_sees_a_stale_results_page(root, capsys, damage):
    page = root / "results" / "RESULTS.md"
    assert make_report.main(["--root", str(root)]) == 0
    text = page.read_text(encoding="utf-8")
    damage(page)
    assert make_report.main(["--root", str(root), "--check"]) == 1
    said = capsys.readouterr().err
    assert "RESULTS.md is not what the records say" in said and "README.md" not in said
    assert make_report.main(["--root", str(root)]) == 0 and page.read_text(encoding="utf-8") == text
    assert make_report.main(["--root", str(root), "--check"]) == 0


def test_a_changed_claim_makes_the_page_stale(root):
    claims = root / "results" / "claims.yaml"
    make_report.main(["--root", str(root)])
    claims.write_text(claims.read_text(encoding="utf-8").replace("the Yonsei set holds", "there are"))
    assert make_report.main(["--root", str(root), "--check"]) == 1
    claims.write_text("- id: x\n")
    assert make_report.main(["--root", str(root), "--check"]) == 1


def trained(metrics: dict) -> dict:
    common = record(True) | {"lesson": "02_ffnn_baseline", "set": "140k-mini", "layout": "140k", "n_images": 1600}
    settings = {"n_train": 1120, "n_test": 240, "seeds": 5}
    return common | {"settings": settings, "metrics": plain_metrics(metrics)}


def test_a_trained_models_claims_and_tables(root):
    metrics = {
        "auc": {"M1": Estimate(0.7, 0.65, 0.75, 240), "M3": Estimate(0.5, 0.5, 0.5, 240)},
        "auc difference": {"M1 - M3": Difference(0.2, 0.03, 0.0, 240, "5 and 5 seeds", 8.0)},
        "collapsed": {"M1": 0, "M3": 5},
    }
    results.write_record(trained(metrics), root / "results" / "records")
    assert make_report.main(["--root", str(root)]) == 0
    page = (root / "results" / "RESULTS.md").read_text(encoding="utf-8")
    assert (
        "| +0.2583 | +0.200 [+0.131, +0.269] (5 seeds, n = 240) | **direction reproduced**: on 140k-mini, " in page
    )
    assert "0.700 [0.650, 0.750] (5 seeds, n = 240) | **not comparable**: on 140k-mini, trained on 1,120" in page
    assert "### Lesson 02_ffnn_baseline" in page and "| share of trainings that ended with one answer" in page
    assert "### Lesson 01_data_tour" not in page and "accuracy at the threshold" not in page
    readme = (root / "README.md").read_text(encoding="utf-8")
    assert (
        "| AUC of feed-forward networks and floors | 140k-mini (n = 1,600" in readme and "collapsed" not in readme
    )
    assert "| report | reproduced | direction reproduced | not comparable | not run |" in readme


def test_the_page_explains_every_word_and_margin():
    claims = [{"report": "000", "verdict": word} for word in results_page.WORDS for _ in range(2)]
    table = results_page.counts(pd.DataFrame(claims))
    assert table.columns.tolist() == list(results_page.WORDS) and (table == 2).all(axis=None)
    page = results_page.page(ledger.judge(ledger.read_claims(), []), [])
    assert all(f"| {word} |" in page for word in results_page.WORDS)
    assert "0.02 of AUC and 0.03 of accuracy" in page and "Holm" in page and "`140k-mini`" in page


def test_a_cell_keeps_to_its_column():
    table = pd.DataFrame({"b": ["x | y\nz"]}, index=["a"])
    assert results_page.markdown_table(table, "c").splitlines()[2] == "| a | x \\| y z |"


def test_tables_are_taken_with_their_record(root, tmp_path):
    curve = pd.DataFrame({"fpr": [0.0, 0.12346], "tpr": [0.5, 1.0]})
    source, target = tmp_path / "runs", root / "results" / "records"
    for taken in ({"roc": curve, "old": curve}, {"roc": curve}):
        results.write_record(record(True), source, taken)
        assert [path.name for path in make_report.take_records(source, target)] == ["yonsei.laptop.json"]
        names = sorted(path.name for path in target.rglob("*.csv.gz"))
        assert names == sorted(f"yonsei.laptop.{name}.csv.gz" for name in taken)
    (copied,) = results.recorded("01_data_tour", target)
    pd.testing.assert_frame_equal(results.read_table(copied, "roc", target), curve)


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
