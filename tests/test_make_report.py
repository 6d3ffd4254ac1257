"""RESULTS.md and the README's tables: made from records, refused when stale, never from the testbed."""

import json
from dataclasses import replace
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from PIL import Image

from fakeface_utils.evaluation.intervals import Estimate
from fakeface_utils.evaluation.paired import Difference
from fakeface_utils.lessons import ledger, results
from fakeface_utils.records import plain_metrics
from fakeface_utils.training.systems import SYSTEMS
from tests.conftest import held
from tools import drawings, make_pictures, make_report, results_figures, results_page, results_words

ROOT = Path(__file__).parents[1]
SYLLABUS, RESULTS = (
    f"<!-- {name}: made by `make report` -->\n<!-- end of {name} -->" for name in ("syllabus", "results")
)


@pytest.fixture
def root(tmp_path, monkeypatch):
    """A project with one lesson, the ledger, no record yet and no pictures in its README."""
    monkeypatch.setattr(make_pictures, "PICTURES", {})
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
        "n_images": 2041,
    }
    common |= {"fingerprint": "f", "settings": {}, "metrics": metrics, "date": "2026-01-02"}
    return common | {"set": "yonsei" if evidence else "testbed", "evidence": evidence}


def test_report_fills_the_blocks_and_check_sees_a_stale_readme(root, capsys):
    assert make_report.main(["--root", str(root)]) == 0
    text = (root / "README.md").read_text(encoding="utf-8")
    page = (root / "results" / "RESULTS.md").read_text(encoding="utf-8")
    for made in (text, page):
        assert "No record of a real set is committed yet." in made
    claims = ledger.read_claims()
    asked = int(((claims["report"] == 1) & claims["substituted"].isna()).sum())
    assert "| Is it? | not measured |" in text and f"| 001 | {asked} |" in text
    assert text.startswith("before\n") and text.endswith("after\n") and "\nbetween\n" in text
    assert make_report.main(["--root", str(root), "--check"]) == 0

    results.write_record(record(True), root / "results" / "records")
    assert make_report.main(["--root", str(root), "--check"]) == 1
    assert "run `make report`" in capsys.readouterr().err
    assert (root / "README.md").read_text(encoding="utf-8") == text, "a check writes nothing"
    make_report.main(["--root", str(root)])
    filled = (root / "README.md").read_text(encoding="utf-8")
    assert "| metadata | 0.500 [0.400, 0.600] |" in filled and "[results/RESULTS.md](results/RESULTS.md)" in filled
    assert "| report | reproduced | not run |" in filled and f"| 001 | 1 | {asked - 1} |" in filled
    page = (root / "results" / "RESULTS.md").read_text(encoding="utf-8")
    assert "| metadata | 0.500 [0.400, 0.600] |" in page
    row = (
        "| the Yonsei set holds this many real images | table 1 | 1,081 | 1,081 (n = 2,041) | **reproduced**: ours "
    )
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
    assert "AUC of some floors" not in readme, "neither of the two networks is one of those that README.md shows"
    assert "| AUC of feed-forward networks and floors | recorded on 2026-01-02, 140k-mini, profile laptop" in page
    assert "| report | reproduced | direction reproduced | not comparable | not run |" in readme


def test_the_page_explains_every_word_and_margin():
    one = {"report": "000", "substituted": ""}
    claims = [one | {"verdict": word} for word in results_page.WORDS for _ in range(2)]
    table = results_page.counts(pd.DataFrame(claims))
    assert table.columns.tolist() == list(results_page.WORDS) and (table == 2).all(axis=None)
    page = results_page.page(ledger.judge(ledger.read_claims(), []), [])
    assert all(f"| {word} |" in page for word in results_page.WORDS)
    assert "0.02 of AUC and 0.03 of accuracy" in page and "Holm" in page and "`140k-mini`" in page


def test_what_was_substituted_is_counted_apart_and_marked():
    one = {"report": "000", "substituted": "", "verdict": "undecided", "why": "w"}
    two = one | {"substituted": "X in place of Y", "verdict": "direction reproduced"}
    table = results_page.counts(pd.DataFrame([one, two, one | {"report": "001"}, two]))
    assert table["undecided"].to_dict() == {"000": 1, "000, substituted": 0, "001": 1}
    assert table["direction reproduced"].to_dict() == {"000": 0, "000, substituted": 2, "001": 0}
    assert results_page.verdict_cell(one) == "**undecided**: w"
    assert results_page.verdict_cell(two) == "**direction reproduced**, substituted: w"
    assert results_page.verdict_cell(two | {"verdict": "not run"}) == "**not run**, substituted"


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


TABLES = {
    "predictions": pd.DataFrame(
        {"name": list("abcdef"), "turn": 1, "y_true": [0, 0, 0, 1, 1, 1]}
        | {"M1/0": [0.1, 0.4, 0.3, 0.2, 0.8, 0.9], "M1/1": 0.5, "M2/0": [0.5, 0.5, 0.2, 0.5, 0.6, 0.7]}
    ),
    "history": pd.DataFrame({"recipe": ["M1", "M1", "M2", "M2"], "epoch": [1, 2] * 2, "val_auc": [0.5, 0.6] * 2}),
    "grid": pd.DataFrame({"activation": ["relu", "tanh"], "units": [8, 8], "learning_rate": 0.1, "val_auc": 0.6}),
}


@pytest.fixture
def drawn(root):
    """The project with a record of each lesson and their figures."""
    records = root / "results" / "records"
    results.write_record(record(True), records)
    results.write_record(trained({"auc": {"M1": Estimate(0.7, 0.65, 0.75, 240)}}), records, TABLES)
    assert make_report.main(["--root", str(root)]) == 0
    return root


def networks_record(lesson: str, names: dict[str, tuple[float, int]], **more: object) -> dict:
    """A record of lesson 03 or 04: networks with their AUC and parameters."""
    metrics = {
        "auc": {name: Estimate(auc, auc - 0.02, auc + 0.02, 240) for name, (auc, _) in names.items()},
        "parameters": {name: count for name, (_, count) in names.items()},
    }
    return trained(metrics | more) | {"lesson": lesson}


CNNS = {"CNN-1": (0.7, 16_257_793), "CNN-3": (0.85, 831_009), "custom CNN": (0.8, 12_713)}
BY_IMAGES = {"CNN-3, 280": Estimate(0.7, 0.6, 0.8, 240), "CNN-3, 1,120": Estimate(0.85, 0.83, 0.87, 240)}
CNN_HISTORY = pd.DataFrame(
    {"recipe": ["CNN-1"] * 4 + ["CNN-3"] * 4, "turn": "folder", "seed": [0, 0, 1, 1] * 2, "epoch": [1, 2] * 4}
    | {"val_auc": [0.5, 0.6, 0.55, 0.7] * 2, "val_accuracy": [0.5, 0.55, 0.5, 0.6] * 2}
)


INPUTS = ("RGB", "ELA", "RGB + ELA", "RGB + RGB")  # as lesson 05 names its heads


def drawn_names(root: Path) -> list[str]:
    return sorted(path.name.split(".")[-2] for path in (root / "results" / "figures").iterdir())


@pytest.mark.parametrize("lesson", ["03_cnn_tuning", "04_transfer_learning"])
def test_the_figures_of_networks_and_what_they_cost(root, lesson):
    folder = root / "results" / "records"
    more = {"auc by images": BY_IMAGES, "seconds per epoch": {"CNN-1": 2.5, "CNN-3": 1.5}}
    results.write_record(networks_record(lesson, CNNS, **more), folder, {"history": CNN_HISTORY})
    assert make_report.main(["--root", str(root)]) == 0
    of_one_size = lesson == "04_transfer_learning"  # then parameters tell nothing
    drawn = [*([] if of_one_size else ["cost"]), "epochs", "images", "networks", "time"]
    assert drawn_names(root) == drawn
    page = (root / "results" / "RESULTS.md").read_text(encoding="utf-8")
    assert f"### Lesson {lesson}" in page and page.count(f"](figures/{lesson}.140k-mini.laptop.") == len(drawn)
    for row in ("| CNN-1 | 16,257,793 |", "| CNN-3, 1,120 | 0.850 [0.830, 0.870] |", "| CNN-1 | 2.500 |"):
        assert row in page
    assert page.index("| AUC by number") < page.index("| parameters |") < page.index("| seconds an epoch")


def test_a_figure_of_two_quantities_needs_a_network_that_has_both(root):
    parts = {"parameters": {"a": 7}, "auc": {"b": Estimate(0.7, 0.6, 0.8, 9)}}
    results.write_record(trained(parts) | {"lesson": "03_cnn_tuning"}, root / "results" / "records")
    assert make_report.main(["--root", str(root)]) == 0 and drawn_names(root) == ["networks"]


def test_what_the_figures_of_networks_show():
    record = networks_record(
        "03_cnn_tuning", CNNS, **{"auc by images": BY_IMAGES, "seconds per epoch": {"CNN-1": 2.5, "other": 1}}
    )
    (axis,) = results_figures.cost(record).axes
    assert axis.lines[0].get_xydata().tolist() == [[16_257_793, 0.7], [831_009, 0.85], [12_713, 0.8]]
    assert [text.get_text() for text in axis.texts] == list(CNNS) and "140k-mini" in axis.get_title()
    (axis,) = results_figures.by_images(record).axes
    assert axis.lines[0].get_xydata().tolist() == [[280, 0.7], [1120, 0.85]]
    assert [label.get_text() for label in axis.get_xticklabels()] == ["280", "1,120"]
    plain = networks_record("03_cnn_tuning", CNNS, **{"auc by images": {"CNN-3, 560": 0.8, "CNN-3, 280": 0.7}})
    (axis,) = results_figures.by_images(plain).axes
    assert axis.lines[0].get_xydata().tolist() == [[280, 0.7], [560, 0.8]], "means without an interval"
    (axis,) = results_figures.accuracy_and_time(record, CNN_HISTORY).axes
    assert axis.lines[0].get_xydata() == pytest.approx(np.array([[2.5, 0.5], [5.0, 0.575]]))
    assert [text.get_text() for text in axis.texts] == ["CNN-1"], "CNN-3 was not timed"
    first, second, *empty = results_figures.many_epochs(record, CNN_HISTORY).axes
    of_one_split = CNN_HISTORY[CNN_HISTORY["turn"] == CNN_HISTORY["turn"].iloc[0]].drop(columns="turn")
    assert results_figures.many_epochs(record, of_one_split).axes[0].get_title() == "CNN-1"
    assert (first.get_title(), second.get_title(), len(empty)) == ("CNN-1", "CNN-3", 3)
    curves = [line.get_ydata().tolist() for line in first.lines[:3]]
    assert curves == [[0.5, 0.6], [0.55, 0.7], pytest.approx([0.525, 0.65])]
    plt.close("all")


def test_the_readme_shows_networks_that_were_named_beforehand(root):
    folder = root / "results" / "records"
    results.write_record(trained({"auc": {"M2": Estimate(0.7, 0.65, 0.75, 1600)}}), folder)
    results.write_record(networks_record("03_cnn_tuning", CNNS), folder)
    of_yonsei = {"set": "yonsei", "layout": "yonsei", "n_images": 2041}
    results.write_record(networks_record("03_cnn_tuning", {"CNN-3": (0.5, 7)}) | of_yonsei, folder)
    assert make_report.main(["--root", str(root)]) == 0
    readme = (root / "README.md").read_text(encoding="utf-8").splitlines()
    head = readme.index("| AUC of some floors and networks | lesson | 140k-mini, laptop | yonsei, laptop |")
    assert readme[head + 2 : head + 6] == [
        "| M2 | 02 | 0.700 [0.650, 0.750], n = 1,600 | - |",
        "| CNN-1 | 03 | 0.700 [0.680, 0.720], n = 240 | - |",
        "| CNN-3 | 03 | 0.850 [0.830, 0.870], n = 240 | 0.500 [0.480, 0.520], n = 240 |",
        "",
    ]


def test_the_networks_of_the_readme_are_ones_that_the_lessons_train():
    shown = [name for lesson, names in results_page.README_ROWS.items() if lesson > "03" for name in names]
    assert all(name in SYSTEMS or name.startswith("MobileNet f") or name in INPUTS for name in shown)
    assert len(shown) == len(set(shown)) < 12


def check(root, capsys) -> list[str]:
    status = make_report.main(["--root", str(root), "--check"])
    said = capsys.readouterr().err.splitlines()
    assert status == (1 if said else 0)
    return said


def test_every_record_gives_its_lessons_figures(drawn):
    page = (drawn / "results" / "RESULTS.md").read_text(encoding="utf-8")
    names = [path.name for path in (drawn / "results" / "figures").iterdir()]
    assert len(names) == 5 and all(page.count(f"](figures/{name})\n\n*") == 1 for name in names)
    assert page.index("### Lesson 01") < page.index("shortcuts.png") < page.index("| AUC without judging a face")
    captions = [line for line in page.splitlines() if line.startswith("*")]
    assert (
        sum(line.endswith("(recorded on 2026-01-02, yonsei, profile laptop, n = 2,041)*") for line in captions) == 1
    )
    assert (
        sum(line.endswith("(recorded on 2026-01-02, 140k-mini, profile laptop, n = 1,600)*") for line in captions)
        == 4
    )
    alts = [line for line in page.splitlines() if line.startswith("![")]
    assert len(alts) == 5 and all(len(line) > 100 for line in alts)


def test_a_record_without_a_table_or_a_metric_gives_fewer_figures(root):
    few = {"history": TABLES["history"]}
    results.write_record(trained({"ece": {"M1": 0.1}}), root / "results" / "records", few)
    assert make_report.main(["--root", str(root)]) == 0
    assert [p.name.split(".")[-2] for p in (root / "results" / "figures").iterdir()] == ["epochs"]


def test_a_changed_table_or_record_makes_its_figures_stale(drawn, capsys):
    folder = drawn / "results" / "records"
    newer = TABLES | {"history": TABLES["history"].assign(val_auc=0.7)}
    old = results.read_record(folder / "02_ffnn_baseline" / "140k-mini.laptop.json")
    results.write_record(old, folder, newer)
    (said,) = check(drawn, capsys)
    assert "figures/02_ffnn_baseline.140k-mini.laptop.epochs.png is stale" in said and "run `make report`" in said
    results.write_record(old | {"wall_seconds": 1}, folder, newer)
    assert len(check(drawn, capsys)) == 4
    assert make_report.main(["--root", str(drawn)]) == 0 and check(drawn, capsys) == []


def test_figures_of_no_record_are_named_and_those_of_ours_go(drawn, capsys):
    for path in (drawn / "results" / "records" / "01_data_tour").iterdir():
        path.unlink()
    (drawn / "results" / "figures" / "mine.png").write_text("by hand")
    said = check(drawn, capsys)
    for name in ("01_data_tour.yonsei.laptop.shortcuts.png", "mine.png"):
        assert sum(f"figures/{name} belongs to nothing" in line for line in said) == 1
    assert make_report.main(["--root", str(drawn)]) == 1
    (left,) = check(drawn, capsys)[-1:]
    assert "mine.png" in left and len(list((drawn / "results" / "figures").iterdir())) == 5


def test_a_figure_that_was_touched_or_is_missing_or_too_large_is_named(drawn, capsys, monkeypatch):
    first, second, *_ = sorted((drawn / "results" / "figures").iterdir())
    Image.open(first).save(first)  # the same picture, saved by another program
    second.unlink()
    said = check(drawn, capsys)
    assert len(said) == 2 and f"{first.name} is stale or was not" in said[0] and "is missing" in said[1]
    make_report.main(["--root", str(drawn)])
    made = results_page.drawings(drawn)
    small = [replace(drawing, most_kb=1) for drawing in made]
    wrong = drawings.problems(small, drawn / "results" / "figures", "make report")
    assert len(wrong) == 5 and all("kB, more than 1" in line for line in wrong)


def test_the_check_looks_at_the_readmes_pictures(drawn, capsys):
    (drawn / "docs" / "pictures").mkdir(parents=True)
    Image.new("RGB", (9, 9)).save(drawn / "docs" / "pictures" / "face.png")
    (said,) = check(drawn, capsys)
    assert "pictures/face.png belongs to nothing" in said


def take(root, source, *more):
    return make_report.main(["--root", str(root), "--take", str(source), *more])


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"n_images": 10}, "02_ffnn_baseline, 140k-mini, laptop: made of 10 images; the set has 1,600"),
        ({"fingerprint": "g"}, "images is 'g'; the committed record of 140k-mini has 'f'"),
        (
            {"settings": {"n_train": 1120, "n_test": 240, "seeds": 2}},
            "seeds is 2; the committed record of 140k-mini has 5",
        ),
        ({"settings": {"n_train": 1120, "seeds": 5}}, "n_test is None; the committed record of 140k-mini has 240"),
    ],
)
def test_a_record_of_other_settings_or_images_is_not_taken_unasked(root, tmp_path, capsys, change, said):
    good = trained({"auc": {"M1": Estimate(0.7, 0.65, 0.75, 240)}})
    results.write_record(good, tmp_path / "runs")
    assert take(root, tmp_path / "runs") == 0 and take(root, tmp_path / "runs") == 0
    results.write_record(good | change | {"date": "2026-02-03"}, tmp_path / "runs")
    results.write_record(record(True), tmp_path / "runs")
    assert take(root, tmp_path / "runs") == 1
    told = capsys.readouterr().err
    assert said in told and "nothing was taken" in told and "--force" in told
    (left,) = results.recorded(folder=root / "results" / "records")
    assert left["date"] == "2026-01-02", "not even the good one among them"
    assert take(root, tmp_path / "runs", "--force") == 0
    assert {r["date"] for r in results.recorded("02_ffnn_baseline", root / "results" / "records")} == {"2026-02-03"}


def test_the_first_record_of_a_set_is_held_against_another_set(root, tmp_path, capsys):
    mini = trained({"auc": {"M1": Estimate(0.7, 0.65, 0.75, 240)}})
    results.write_record(mini, root / "results" / "records")
    of_yonsei = {"set": "yonsei", "layout": "yonsei", "n_images": 2041, "fingerprint": "y"}
    settings = {"n_train": 1359, "n_test": 2041, "split": "yonsei-001-grouped", "parameters": {"LAYOUT": "yonsei"}}
    for seeds, status in ((2, 1), (5, 0)):
        results.write_record(mini | of_yonsei | {"settings": settings | {"seeds": seeds}}, tmp_path / "runs")
        assert take(root, tmp_path / "runs") == status
    assert "02_ffnn_baseline, yonsei, laptop: seeds is 2; the committed record of 140k-mini has 5" in (
        capsys.readouterr().err
    )
    other = mini | of_yonsei | {"profile": "colab", "settings": settings | {"seeds": 9}}
    results.write_record(other, tmp_path / "more")
    assert take(root, tmp_path / "more") == 0, "another profile has settings of its own"


def test_every_committed_record_would_be_taken_again():
    committed = results.recorded()
    for one in committed:
        assert make_report.doubts(one, committed) == []
        rest = [other for other in committed if other is not one]
        assert make_report.doubts(one, rest) == []


def test_a_missing_marker_is_said(root, capsys):
    (root / "README.md").write_text("nothing")
    assert make_report.main(["--root", str(root)]) == 1
    assert "must hold" in capsys.readouterr().err


@pytest.mark.parametrize("what", ["README.md", "results/RESULTS.md", "results/timings.json"])
def test_a_full_disk_leaves_every_file_as_it_was(root, tmp_path, full_disk, capsys, what):
    stamp = {"status": "ok", "seconds": 26.4, "memory_gb": 1.1, "profile": "smoke"}
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "01_data_tour.json").write_text(json.dumps(stamp))
    (root / "results" / "timings.json").write_text("{}\n")
    assert make_report.main(["--root", str(root)]) == 0
    times = ["--take-times", str(tmp_path / "out")] if "timings" in what else []
    if not times:
        (root / what).write_text(f"older\n{SYLLABUS}\n{RESULTS}\n")
    before = held(root)
    full_disk()
    assert make_report.main(["--root", str(root), *times]) == 1
    assert "no space left" in capsys.readouterr().err
    assert held(root) == before


def test_words_follow_the_numbers():
    """Made from records, so that they cannot say what was not measured."""
    difference = {"value": 0.02, "se": 0.01, "p": 0.001, "n": 9, "method": "", "df": 9.0}
    record = {
        "lesson": "02_ffnn_baseline",
        "set": "yonsei",
        "profile": "laptop",
        "date": "2026-01-02",
        "n_images": 9,
    }
    metrics = {
        "auc difference/A - B": difference,
        "auc difference/A - C": difference | {"value": -0.01, "p": 0.03},
        "auc difference/A - D": difference | {"p": 0.04},
        "collapsed/A": {"value": 0.0, "low": 0.0, "high": 0.2, "n": 20},
        "collapsed/B": {"value": 0.3, "low": 0.2, "high": 0.5, "n": 20},
    }
    (line,) = results_words.in_words([record | {"metrics": metrics}])
    assert (
        "differ after Holm's correction: A - B (+0.020). Not told apart: A - C (-0.010) and A - D (+0.020)." in line
    )
    assert "one answer for all images: B 0.300 [0.200, 0.500]." in line and "recorded on 2026-01-02" in line
    metrics["auc difference/A - B"] = difference | {"p": 0.5}
    assert "Holm" not in results_words.in_words([record | {"metrics": metrics}])[0]

    tour = record | {"lesson": "01_data_tour"}
    metrics = {
        "shortcut AUC/tone": {"value": 0.7, "low": 0.6, "high": 0.8, "n": 9},
        "shortcut p/tone": {"value": 0.05},
    }
    metrics |= {
        "shortcut AUC/ring": {"value": 0.6, "low": 0.5, "high": 0.7, "n": 9},
        "shortcut p/ring": {"value": 0.1},
    }
    metrics |= {f"shortcut p/{results_words.CONTROL}": {"value": 0.05}}
    (line,) = results_words.in_words([tour | {"metrics": metrics}])
    assert "by tone; best by tone, AUC 0.700" in line and "ring" not in line

    for low, words in ((0.51, "clear of guessing"), (0.49, "not told apart from guessing")):
        share = {"machine, pairs/20 fresh": {"value": 0.6, "low": low, "high": 0.7, "n": 20}}
        assert words in results_words.in_words([record | {"lesson": "00_start_here", "metrics": share}])[0]
    assert results_words.in_words([record | {"lesson": "09_none", "metrics": {}}]) == []


def differ(value: float, p: float) -> Difference:
    return Difference(value, 0.01, p, 240, "5 and 5 seeds", 8.0)


def said(lesson: str, names: dict[str, tuple[float, int]], **more: object) -> str:
    (line,) = results_words.in_words([networks_record(lesson, names, **more)])
    return line


def test_words_about_cnns():
    more = {
        "auc difference": {
            "CNN-3 - CNN-1": differ(0.15, 0.001),
            "CNN-3 - custom CNN, augmented": differ(0.05, 0.03),
        },
        "accuracy difference": {"custom CNN, augmented - custom CNN": differ(0.01, 0.4)},
        "gain after epoch 3": {"simple_model": differ(0.02, 0.2), "simple_model1": differ(0.03, 0.2)},
        "auc by images": BY_IMAGES | {"CNN-3, 560": Estimate(0.99, 0.9, 1, 240)},
        "winner": {"picked": 0.91, "other seeds": 0.88, "test": Estimate(0.86, 0.84, 0.88, 240)},
        "collapsed": {"CNN-1": Estimate(0.2, 0.1, 0.5, 5), "CNN-3": Estimate(0, 0, 0.4, 5)},
    }
    line = said("03_cnn_tuning", CNNS, **more)
    for part in (
        "**Lesson 03, 140k-mini.** The highest mean AUC of 3 networks, so one that luck may flatter: CNN-3, 0.850 "
        "[0.830, 0.870] with 831,009 parameters; the largest, CNN-1, has 0.700 [0.680, 0.720] with 16,257,793 param",
        "these differ after Holm's correction: CNN-3 - CNN-1 (+0.150) and CNN-3 - custom CNN augmented (+0.050). ",
        "Not told apart by accuracy: custom CNN augmented - custom CNN (+0.010).",
        "training on: simple_model after epoch 3 +0.020 [-0.003, +0.043] and simple_model1 after epoch 3 +0.030",
        "CNN-3: AUC 0.700 [0.600, 0.800] from 280 training images, 0.850 [0.830, 0.870] from 1,120.",
        "for an AUC of 0.910 on validation; with other seeds it has 0.880 there, and 0.860 [0.840, 0.880] on test.",
        "one answer for all images: CNN-1 0.200 [0.100, 0.500].",
    ):
        assert part in line, part
    more["auc difference"]["CNN-3 - custom CNN, augmented"] = differ(0.05, 0.06)
    assert "Not told apart: CNN-3 - custom CNN augmented (+0.050)." in said("03_cnn_tuning", CNNS, **more)
    assert "; none is larger." in said("03_cnn_tuning", CNNS | {"CNN-5": (0.9, 10**8)})
    assert results_words.in_words([networks_record("03_cnn_tuning", {"CNN-1": (0.7, 7)})]) == []


def test_words_about_pretrained_networks():
    one, grey = "MobileNet frozen, 128 px", "MobileNet frozen, 128 px grey"
    twice = "MobileNet rescaled twice, 128 px"
    names = {one: (0.9, 3), grey: (0.88, 3), twice: (0.6, 3), "EfficientNetB4 rescaled twice, 003": (0.5, 9)}
    more = {
        "auc difference": {
            f"{one} - {grey}": differ(0.02, 0.04),
            f"{one} - MobileNet frozen at random, 128 px": differ(0.3, 0.0001),
            f"{one} - CNN-5": differ(0.1, 0.001),
        },
        "auc difference of models": {"A - B": differ(0.2, 0.001), "A - C": differ(0.02, 0.04)},
        "collapsed": {twice: Estimate(0.4, 0.1, 0.7, 5)},
    }
    line = said("04_transfer_learning", names, **more)
    for part in (
        "whether it is clear after Holm's correction: colour +0.020 [-0.003, +0.043], clear; pretraining, where only "
        "the head was trained, +0.300 [+0.277, +0.323], clear.",
        "Of the compared AUCs these differ after Holm's correction: MobileNet frozen 128 px - CNN-5 (+0.100).",
        "Single trainings, A - B: AUC +0.200 [+0.177, +0.223], a clear difference. Single trainings, A - C: AUC +0.020 "
        "[-0.003, +0.043], a clear difference.",
        f"{twice}: AUC 0.600 [0.580, 0.620] (0.400 [0.100, 0.700] of its trainings collapsed); fed with what it "
        "expects, 0.900 [0.880, 0.920].",
    ):
        assert part in line, part
    assert "EfficientNetB4 rescaled twice, 003: AUC" not in line, "nothing to hold it against"
    more["auc difference"][f"{one} - CNN-5"] = differ(0.1, 0.06)
    line = said("04_transfer_learning", names, **more)
    assert "colour +0.020 [-0.003, +0.043], not told apart from nothing;" in line, "three were compared, not two"


# Lesson 05


def ela_record(**metrics: object) -> dict:
    return trained(metrics) | {"lesson": "05_ela_and_fusion", "set": "yonsei", "layout": "yonsei", "n_images": 2041}


def ela_said(**metrics: object) -> str:
    (line,) = results_words.in_words([ela_record(**{name.replace("_", " "): v for name, v in metrics.items()})])
    return line


GAIN, TWICE = "RGB + ELA - RGB", "RGB + ELA - RGB + RGB"
SAVED, HISTORY = "RGB + ELA - RGB + re-saved", "RGB + ELA, equalised - RGB + RGB, equalised"
UP, DOWN, OPEN = differ(0.05, 0.0001), differ(-0.05, 0.0001), differ(0.01, 0.3)


@pytest.mark.parametrize(
    ("found", "end"),
    [
        ({GAIN: DOWN, TWICE: DOWN}, "So beside the photograph the error level costs AUC."),
        (
            {GAIN: OPEN, TWICE: UP},
            "So no gain by the error level is shown; nor is it shown that there is none.",
        ),
        (
            {GAIN: UP, TWICE: OPEN, SAVED: UP, HISTORY: DOWN},
            "So there is a gain, but none is shown over the photograph twice and the photograph twice where all files "
            "have one last save.",
        ),
        (
            {GAIN: UP, TWICE: UP, SAVED: UP},
            "So there is a gain, and there is one over the photograph twice and the photograph and its second save.",
        ),
    ],
)
def test_what_remains_of_the_claim_for_error_levels(found, end):
    line = ela_said(auc_difference=found)
    assert end in line and line.count("So ") == 1


def test_a_gain_without_any_control_is_not_commented():
    assert "So " not in ela_said(auc_difference={GAIN: UP})
    assert "So " not in ela_said(auc_difference={TWICE: UP, "RGB - ELA": UP})


def test_every_side_of_a_comparison_of_inputs_has_its_word():
    line = ela_said(auc_difference={GAIN: UP, TWICE: DOWN, "RGB - ELA": OPEN})
    for part in (
        "error level, AUC, after Holm's correction: against the photograph alone +0.050 [+0.027, +0.073], higher; "
        "against the photograph twice -0.050 [-0.073, -0.027], lower.",
        "Of single pictures, after Holm's correction: the photograph against the error level +0.010 [-0.013, +0.033], "
        "not told apart.",
    ):
        assert part in line, part
    alone = {GAIN: differ(0.05, 0.03)}
    assert "higher" in ela_said(auc_difference=alone)
    family = alone | {"RGB - ELA": OPEN, "ELA - ELA as in 001": OPEN}
    assert "higher" not in ela_said(auc_difference=family), "three were compared"
    line = ela_said(auc_by_split={GAIN: DOWN, "RGB - ELA": UP})
    assert "over splits drawn anew, after Holm's correction: against the photograph alone -0.050" in line
    assert "So " not in line, "what remains is said of the family that was named for it"


@pytest.mark.parametrize(
    ("low", "high", "words"),
    [(0.51, 0.6, "above chance"), (0.4, 0.49, "below chance"), (0.47, 0.53, "not told apart from chance")],
)
def test_what_is_left_of_the_error_level_without_a_history(low, high, words):
    twin = Estimate((low + high) / 2, low, high, 2041)
    aucs = {"ELA": Estimate(0.6, 0.55, 0.65, 2041), "ELA, equalised": twin, "RGB": twin}
    line = ela_said(auc=aucs)
    said = f"AUC of the error level alone 0.600 [0.550, 0.650], on the equalised twin {twin.value:.3f} [{low:.3f}, "
    assert f"{said}{high:.3f}] ({words})." in line and "photograph" not in line, "RGB has no twin here"


@pytest.mark.parametrize(
    ("low", "high", "words"),
    [(0.01, 0.2, "brighter"), (-0.2, -0.01, "darker"), (-0.1, 0.1, "not told apart from nothing")],
)
def test_whether_an_edit_differs_by_more_than_its_surroundings(low, high, words):
    file = {"edit": Estimate(0.3, 0.2, 0.4, 60), "around": Estimate(0.25, 0.15, 0.35, 60)}
    file |= {"beyond": Estimate((low + high) / 2, low, high, 60)}
    line = ela_said(inside={f"as saved, {part}": one for part, one in file.items()})
    assert "as saved, in the edit 0.300 [0.200, 0.400], around it 0.250 [0.150, 0.350], beyond what" in line
    assert line.partition(" (recorded")[0].endswith(f"{high:.3f}], {words}.") and "after one more save" not in line
    later = {"saved again, edit": OPEN, "saved again, around": OPEN}
    assert results_words.in_words([ela_record(inside=later)]) == [], "nothing to judge by"


def test_words_about_qualities_and_whole_networks():
    by_quality = {str(q): Estimate(auc, 0.5, 0.7, 511) for q, auc in ((50, 0.6), (90, 0.65), (98, 0.55))}
    whole = {
        "two MobileNets, RGB + ELA - MobileNet, RGB": UP,
        "two MobileNets, RGB + ELA - two MobileNets, RGB + RGB": OPEN,
        "two Model 1s, RGB + ELA - two Model 1s, RGB + RGB": DOWN,
        "MobileNet, RGB - MobileNet, ELA": UP,
        "MobileNet, ELA - Model 1, ELA": OPEN,
    }
    line = ela_said(auc_by_quality=by_quality, auc_difference_of_models=whole)
    for part in (
        "With 3 qualities of the second save the error level's AUC goes from 0.550 [0.500, 0.700] (at 98) to 0.650 "
        "[0.500, 0.700] (at 90); luck",
        "two MobileNets against one with the photograph +0.050 [+0.027, +0.073], higher; two MobileNets against two "
        "with the photograph +0.010 [-0.013, +0.033], not told apart; two Model 1s against two with the photograph "
        "-0.050 [-0.073, -0.027], lower.",
        "AUCs of single trainings these differ after Holm's correction: MobileNet RGB - MobileNet ELA (+0.050).",
        "Not told apart as single trainings: MobileNet ELA - Model 1 ELA (+0.010).",
    ):
        assert part in line, part
    assert line.count("two MobileNets") == 2, "what was said is not said again"


def test_the_figures_and_tables_of_error_levels(root):
    auc = Estimate(0.6, 0.55, 0.65, 2041)
    names = (*INPUTS, "RGB, head 128", "MobileNet, RGB")
    metrics = {
        "auc": dict.fromkeys(names, auc),
        "seeds": dict.fromkeys(names, 5) | {"MobileNet, RGB": 1},
        "auc difference": {GAIN: UP, TWICE: DOWN},
        "auc difference of models": {"MobileNet, RGB - MobileNet, ELA": OPEN},
        "auc by split": {GAIN: OPEN},
        "auc by quality": {"90": auc},
        "inside": {"as saved, edit": auc},
    }
    record = ela_record(**metrics)
    (axis,) = results_figures.inputs(record).axes
    assert [label.get_text() for label in axis.get_yticklabels()] == list(INPUTS)
    heads, whole = results_figures.differences(record).axes
    assert [label.get_text() for label in heads.get_yticklabels()] == [
        "RGB + ELA\n- RGB",
        "RGB + ELA\n- RGB + RGB",
    ]
    points, *_ = heads.containers[0]
    assert points.get_xdata().tolist() == [0.05, -0.05] and points.get_ydata().tolist() == [1, 0]
    low, high = UP.interval()
    table = results_figures.difference_table(record, "auc difference/")
    assert table.iloc[0].tolist() == pytest.approx([0.05, low, high], abs=1e-4)
    assert heads.containers[0][2][0].get_segments()[0][:, 0] == pytest.approx([low, high], abs=1e-4)
    assert len(whole.get_yticklabels()) == 1 and "one training" in whole.get_title()
    few = {name: value for name, value in metrics.items() if "models" not in name}
    assert len(results_figures.differences(ela_record(**few)).axes) == 1
    plt.close("all")

    results.write_record(record, root / "results" / "records")
    assert make_report.main(["--root", str(root)]) == 0 and drawn_names(root) == ["differences", "inputs"]
    page = (root / "results" / "RESULTS.md").read_text(encoding="utf-8")
    for corner in ("mean log ratio of error levels", "AUC of ELA by the quality", "difference in AUC over grouped"):
        assert f"| {corner}" in page
    assert "| MobileNet, RGB (one training) | 0.600 [0.550, 0.650] |" in page
    readme = (root / "README.md").read_text(encoding="utf-8")
    assert "| RGB + ELA | 05 | 0.600 [0.550, 0.650], n = 2,041 |" in readme and "| RGB | 05" not in readme


# Lesson 06


def gan_record(**metrics: object) -> dict:
    named = {name.replace("_", " "): values for name, values in metrics.items()}
    return trained(named) | {"lesson": "06_dcgan"}


OURS = "DCGAN, 64 px"


@pytest.mark.parametrize(
    ("found", "word"), [(UP, "higher"), (DOWN, "lower"), (OPEN, "not told apart")], ids=["up", "down", "open"]
)
def test_whether_a_detector_recognises_a_generator(found, word):
    shares = {"reals": Estimate(0.5, 0.4, 0.6, 120), OURS: Estimate(0.6, 0.5, 0.7, 3000)}
    alone = {"DCGAN of 004": Estimate(0.1, 0.05, 0.15, 1000)}
    aucs = {OURS: Estimate(0.7, 0.6, 0.8, 3120), "DCGAN of 004": Estimate(0.2, 0.1, 0.3, 1120)}
    record = gan_record(
        called_fake_by_MobileNet=shares | alone,
        auc_by_MobileNet=aucs,
        called_fake_difference_by_MobileNet={
            f"{OURS} - reals": found,
            "DCGAN of 004 - reals": differ(-0.4, 0.04),
            "last epoch - epoch 50": differ(0.01, 0.5),
        },
    )
    (line,) = results_words.in_words([record])
    told = "MobileNet calls 0.600 [0.500, 0.700] of DCGAN 64 px fake and 0.500 [0.400, 0.600] of reals that went"
    assert f"{told} the same way ({word}); AUC between them 0.700 [0.600, 0.800]." in line
    # One training is no member of the family: two others would make p = .04 too large.
    assert (
        "of DCGAN of 004 fake and 0.500 [0.400, 0.600] of reals that went the same way (lower, one training)"
        in line
    )
    assert "last epoch - epoch 50: +0.010 [-0.013, +0.033] (not told apart)." in line


def test_words_about_faces_distances_and_copies():
    record = gan_record(
        face_found={"reals": Estimate(0.9, 0.85, 0.95, 680), f"{OURS}, epoch 50": Estimate(0.5, 0.4, 0.6, 3000)},
        kid_by_MobileNet={"two halves of the reals": Estimate(0.0, -0.1, 0.1, 340)},
        copying={OURS: Estimate(0.55, 0.5, 0.6, 320)},
    )
    (line,) = results_words.in_words([record])
    for part in (
        "a face in this share of pictures: reals 0.900 [0.850, 0.950]; DCGAN 64 px epoch 50 0.500 [0.400, 0.600].",
        "MobileNet's features: two halves of the reals 0.000 [-0.100, 0.100].",
        "(which favour the blurred): DCGAN 64 px 0.550 [0.500, 0.600].",
    ):
        assert part in line, part


def test_the_figures_of_lesson_06_show_every_generator_and_both_floors():
    stages = [(f"generator {k}", epoch, 0.1 * k + epoch / 100) for k in range(2) for epoch in (1, 10)]
    stages.append(("DCGAN of 004", 10, 0.9))
    table = pd.DataFrame(stages, columns=["seed", "epoch", "value"])
    table = table.assign(low=table["value"] - 0.05, high=table["value"] + 0.05)
    two = pd.concat([table.assign(detector=name) for name in ("CNN of 004", "MobileNet")])
    floors = {"reals": Estimate(0.3, 0.2, 0.4, 120), "known fakes": Estimate(0.7, 0.6, 0.8, 120)}
    kid = {"two halves of the reals": Estimate(0.0, -0.1, 0.1, 340)}
    record = gan_record(called_fake_by_CNN_of_004=floors, called_fake_by_MobileNet=floors, kid_by_MobileNet=kid)
    figure = results_figures.called_fake(record, two)
    assert [axis.get_title() for axis in figure.axes] == ["CNN of 004", "MobileNet"]
    for axis in figure.axes:
        assert axis.get_legend_handles_labels()[1] == ["DCGAN of 004", "generator 0", "generator 1", *floors]
    (axis,) = results_figures.distances(record, table).axes
    lines = {line.get_label(): line for line in axis.get_lines()}
    np.testing.assert_allclose(lines["generator 1"].get_ydata(), [0.11, 0.2])
    assert set(lines["two halves of the reals"].get_ydata()) == {0.0}
    plt.close("all")
