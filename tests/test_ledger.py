"""The ledger: what it refuses, which record answers which claim, and the verdict of each kind by hand."""

import ast
import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from scipy.stats import norm

from fakeface_utils import config
from fakeface_utils.evaluation import paired
from fakeface_utils.evaluation.intervals import Estimate, wilson
from fakeface_utils.evaluation.verdicts import binomial_se, hanley_mcneil_se
from fakeface_utils.lessons import ledger, results
from fakeface_utils.records import plain_metrics
from fakeface_utils.training.systems import SYSTEMS
from tools.results_page import MEASURED, WORDS

CLAIM = {
    "id": "a",
    "report": 0,
    "where": "table",
    "statement": "it is so",
    "kind": "level",
    "metric": "auc/M1",
    "reported": 0.75,
    "set": "140k",
    "lesson": "02_ffnn_baseline",
    "comparable": True,
    "n_train": 16000,
    "n_test": 2000,
}


def claim(**changes) -> dict:
    return {key: value for key, value in (CLAIM | changes).items() if value is not None}


def difference(value: float, se: float, n: int = 2000) -> dict:
    """A difference whose df is infinite."""
    p = 2 * norm.sf(abs(value) / se) if se else float(value == 0)
    return {"d": paired.Difference(value, se, p, n, "DeLong")}


def record(metrics: dict, **changes) -> dict:
    """A record as it comes back from its file."""
    made = {
        "schema": results.SCHEMA,
        "lesson": "02_ffnn_baseline",
        "set": "140k",
        "layout": "140k",
        "evidence": True,
        "profile": "laptop",
        "n_images": 2000,
        "fingerprint": "f",
        "settings": {"n_train": 16000, "n_test": 2000, "seeds": 5},
        "metrics": plain_metrics(metrics),
        "date": "2026-01-02",
    }
    return json.loads(json.dumps(made | changes))


def judge(claims: list[dict] | dict, *records: dict) -> pd.DataFrame:
    claims = [claims] if isinstance(claims, dict) else claims
    return ledger.judge(pd.DataFrame(claims, dtype=object), list(records))


def one(claims: dict, *records: dict) -> pd.Series:
    table = judge(claims, *records)
    assert len(table) == 1 and set(table["verdict"]) <= set(WORDS)
    return table.iloc[0]


# The file


def written(tmp_path: Path, claims: object) -> Path:
    path = tmp_path / "claims.yaml"
    path.write_text(yaml.safe_dump(claims), encoding="utf-8")
    return path


def test_a_sound_ledger_is_read(tmp_path):
    table = ledger.read_claims(written(tmp_path, [claim(), claim(id="b", n_train=None, n_test=None)]))
    assert table["id"].tolist() == ["a", "b"] and table["n_test"].isna().tolist() == [False, True]
    assert table.loc[0, "n_test"] == 2000 and table.loc[0, "comparable"] is True


@pytest.mark.parametrize(
    "changes, said",
    [
        ({"metric": None, "set": None}, "lacks metric, set"),
        ({"surprise": 1}, "unknown keys: surprise"),
        ({"kind": "rank"}, "unknown kind 'rank'; use structure"),
        ({"set": "140k-mini"}, "unknown set '140k-mini'"),
        ({"report": 5}, "report 5"),
        ({"report": "0"}, "report '0'"),
        ({"report": True}, "report True"),
        ({"reported": "0.7"}, "must be a number"),
        ({"reported": True}, "must be a number"),
        ({"reported": float("nan")}, "must be a number"),
        ({"reported": 72}, "between 0 and 1"),
        ({"reported": -0.1}, "between 0 and 1"),
        ({"reported": -1.1, "kind": "ordering"}, "between -1 and 1"),
        ({"comparable": "no"}, "true or false"),
        ({"comparable": False}, "needs a reason"),
        ({"n_test": 0}, "number of images"),
        ({"n_train": "many"}, "number of images"),
        ({"reported": None, "kind": "level"}, "lacks reported"),
        ({"set": "any"}, "of the kind level, which needs images"),
        ({"substituted": True}, "say what stands in place of what"),
        ({"substituted": ""}, "say what stands in place of what"),
        ({"profile": "desk"}, "unknown profile 'desk'; use smoke, "),
        ({"id": 1}, "must be text"),
        ({"statement": ""}, "must be text"),
    ],
)
def test_a_wrong_entry_is_named_with_its_file(tmp_path, changes, said):
    path = written(tmp_path, [claim(id="sound"), claim(**({"id": "wrong"} | changes))])
    with pytest.raises(ledger.RecordError, match=said) as error:
        ledger.read_claims(path)
    assert str(path) in str(error.value) and repr(changes.get("id", "wrong")) in str(error.value)


@pytest.mark.parametrize(
    "content, said", [([claim(), claim()], "'a' stands twice"), (["x"], "number 1"), ({}, "list")]
)
def test_a_ledger_of_another_form_is_refused(tmp_path, content, said):
    with pytest.raises(ledger.RecordError, match=said):
        ledger.read_claims(written(tmp_path, content))


@pytest.mark.parametrize("text", [None, "- id: [", "", "\t- x"])
def test_a_file_that_cannot_be_read_is_named(tmp_path, text):
    if text is not None:
        (tmp_path / "claims.yaml").write_text(text)
    with pytest.raises(ledger.RecordError, match=r"claims\.yaml"):
        ledger.read_claims(tmp_path / "claims.yaml")


@pytest.mark.parametrize("kind", ["structure", "level", "chance", "ordering"])
def test_only_an_ordering_may_be_stated_in_words_alone(tmp_path, kind):
    path = written(tmp_path, [claim(kind=kind) | {"reported": None}])
    if kind == "ordering":
        assert ledger.read_claims(path)["reported"].isna().all()
    else:
        with pytest.raises(ledger.RecordError, match=f"not a {kind}, may be stated in words"):
            ledger.read_claims(path)


# Systems that the committed records lack for want of weights or of hours; all others, and what stands in for these,
# must be answered.
LACKING = re.compile(r"DenseNet|VGG|ResNet|EfficientNet|MobileNetV|Model 1|MobileNet, 001|Fusion|DCGAN of 004 - ")


def test_the_committed_ledger_and_records_fit_together():
    claims, records = ledger.read_claims(), results.recorded()
    judged = ledger.judge(claims, records)
    assert len(judged) >= len(claims) > 20 and set(judged["verdict"]) <= set(WORDS)
    measured = {(record["lesson"], ledger.SAMPLES.get(record["set"], record["set"])) for record in records}
    metric_of = claims.set_index("id")["metric"]
    lacking = judged["id"].map(metric_of).str.contains(LACKING) & (judged["substituted"] == "")
    lost = judged[(judged["verdict"] == "not run") & ~lacking]
    of_sample = {
        row["id"] for row in claims.to_dict("records") if row["kind"] == "structure" and row["set"] == "140k"
    }
    wrong = [row.id for row in lost.itertuples() if (row.lesson, row.set) in measured and row.id not in of_sample]
    assert wrong == [], "these claims name a metric that the lesson's record on their set does not hold"


OURS = ("MobileNet frozen, ", "MobileNet fine-tuned, ", "MobileNet from scratch, ", "MobileNet rescaled twice, ")
FLOORS = ("constant", "M2")  # M2 is lesson 02's


def names_in(metric: str) -> list[str]:
    """The networks that a metric is about."""
    return metric.partition("/")[2].split(" - ")


def known(name: str) -> bool:
    return re.sub(", (32 px|10 epochs)$", "", name) in SYSTEMS or name in FLOORS or name.startswith(OURS)


def test_claims_about_networks_name_what_the_lessons_and_pages_have():
    claims = ledger.read_claims()
    of_networks = claims[claims["lesson"].isin(["03_cnn_tuning", "04_transfer_learning"])]
    assert len(of_networks) > 100 and of_networks.groupby("lesson").size().min() > 50
    for row in of_networks.itertuples():
        shown = [prefix for prefix in MEASURED[row.lesson][1] if row.metric.startswith(prefix)]
        assert len(shown) == 1, f"{row.id}: RESULTS.md has no table for {row.metric}"
        if not row.metric.startswith("augmented/"):
            assert all(map(known, names_in(row.metric))), f"{row.id}: who is {row.metric}?"
        by_us = any(name.startswith(OURS) for name in names_in(row.metric))
        assert by_us == isinstance(row.substituted, str), f"{row.id}: our own networks are substitutes"
        scratch = not any(re.search("Net|VGG", name) for name in names_in(row.metric))
        augmented = row.metric.startswith("augmented/")
        assert (row.lesson == "03_cnn_tuning") == (scratch and not augmented), f"{row.id} is not of {row.lesson}"
        assert row.set != "yonsei" or row.parameters == {"LAYOUT": "yonsei"}, f"{row.id}: its command fits 140k"


def compared_in(lesson: str) -> set[frozenset[str]]:
    """The pairs of networks that a lesson's source names, in either order."""
    tree = ast.parse((config.project_root() / "notebooks" / "src" / f"{lesson}.py").read_text(encoding="utf-8"))
    found = [
        [e.value for e in node.elts if isinstance(e, ast.Constant)] for node in ast.walk(tree) if is_pair(node)
    ]
    return {frozenset(pair) for pair in found if all(isinstance(name, str) for name in pair)}


def is_pair(node: ast.AST) -> bool:
    return isinstance(node, ast.Tuple) and len(node.elts) == 2


def test_claims_of_lesson_05_name_the_reports_systems_or_what_the_lesson_compares():
    lesson, claims = "05_ela_and_fusion", ledger.read_claims()
    pairs, of_it = compared_in(lesson), claims[claims["lesson"] == lesson]
    assert len(of_it) > 40 and set(of_it["report"]) == {1} and set(of_it["set"]) == {"yonsei"}
    for row in of_it.itertuples():
        prefixes = [prefix for prefix in MEASURED[lesson][1] if row.metric.startswith(prefix)]
        assert len(prefixes) == 1, f"{row.id}: RESULTS.md has no table for {row.metric}"
        names = names_in(row.metric)
        if isinstance(row.substituted, str):
            assert frozenset(names) in pairs, f"{row.id}: the lesson does not compare {row.metric}"
            heads = not any(re.search("Net|Model", name) for name in names)
            assert row.metric.startswith("accuracy difference/") == heads, (
                f"{row.id}: heads have seeds, networks not"
            )
        else:
            assert all(SYSTEMS[name].report == "001" for name in names) and row.profile == "paper", row.id
            assert row.kind == "level" or "of models" in row.metric, f"{row.id}: each system is trained once"


def test_what_stands_in_for_a_claim_of_lesson_05_has_its_statement_and_its_number():
    claims = ledger.read_claims()
    of_it = claims[(claims["lesson"] == "05_ela_and_fusion") & (claims["kind"] == "ordering")].set_index("id")
    own = of_it[of_it["substituted"].isna()]
    for row in of_it.dropna(subset="substituted").itertuples():
        twin = row.Index.rpartition("-")[0]
        if not row.Index.startswith("001-ela-is-the-reason"):
            assert row.statement == own.loc[twin, "statement"] and row.where == own.loc[twin, "where"], row.Index
            assert row.reported == own.loc[twin, "reported"], row.Index


def test_claims_of_lesson_06_have_a_table_and_what_stands_in_says_the_same():
    claims = ledger.read_claims()
    of_it = claims[claims["lesson"] == "06_dcgan"].set_index("id")
    (record,) = results.recorded("06_dcgan")
    own = of_it.loc["004-dcgan-recognised"]
    for row in of_it.itertuples():
        assert any(row.metric.startswith(prefix) for prefix in MEASURED["06_dcgan"][1]), row.Index
        assert (row.metric in record["metrics"]) == (row.Index != "004-dcgan-recognised"), row.Index
        assert isinstance(row.substituted, str) == (row.kind == "ordering" and row.Index != own.name), row.Index
        if row.Index.startswith(own.name):
            assert (row.statement, row.where) == (own["statement"], own["where"]), row.Index


def test_no_level_of_a_network_with_assumed_settings_is_judged():
    claims = ledger.read_claims()
    for row in claims[claims["kind"].isin(["level"])].itertuples():
        systems = [SYSTEMS[name] for name in names_in(row.metric) if name in SYSTEMS]
        assert not any(system.assumed for system in systems) or not row.comparable, row.id


def test_reported_differences_are_those_of_the_reported_levels():
    """An ordering's number, where both levels are in the ledger as well, is their difference."""
    claims = ledger.read_claims()
    levels = {row.metric: row.reported for row in claims[claims["kind"].isin(["level", "chance"])].itertuples()}
    checked = 0
    for row in claims[claims["kind"] == "ordering"].dropna(subset="reported").itertuples():
        prefix = {
            "auc difference": "auc",
            "auc difference of models": "auc",
            "accuracy difference": "accuracy at half",
            "accuracy difference of models": "accuracy at half",
        }[row.metric.partition("/")[0]]
        a, b = (levels.get(f"{prefix}/{name}") for name in names_in(row.metric))
        if a is not None and b is not None:
            checked += 1
            assert row.reported == pytest.approx(a - b, abs=0.0006), row.id
    assert checked > 30


# Metrics of a record


def test_differences_come_back_from_json():
    rng = np.random.default_rng(0)
    labels = np.arange(200) % 2
    a, b = rng.normal(size=(2, 200)) + labels
    seeds = rng.normal(size=(5, 200)) + labels
    found = {
        "delong": paired.delong(labels, a, b),
        "mcnemar": paired.mcnemar(labels, a > 0.5, b > 0.5),
        "recipes": paired.recipes(labels, seeds, seeds[::-1] + rng.normal(size=(5, 200)), n_resamples=50),
    }
    plain = json.loads(json.dumps(plain_metrics(found), allow_nan=False))
    assert "df" not in plain["delong"] and plain["recipes"]["df"] > 0
    for name, written in found.items():
        read = ledger.difference_of(plain[name])
        assert type(read) is type(written) and read.method == written.method and read.n == written.n
        for level in (0.9, 0.95, 0.99):
            assert read.interval(level) == pytest.approx(written.interval(level), abs=1e-4)
    with pytest.raises(ledger.RecordError, match="lacks method, n, p, se"):
        ledger.difference_of({"value": 0.5, "low": 0.4, "high": 0.6})


def test_metrics_as_text():
    assert ledger.shown({"value": 1081}) == "1,081" and ledger.shown({"value": 0.5}) == "0.500"
    assert ledger.shown({"value": 0.55, "low": 0.5, "high": 0.6, "n": 18}) == "0.550 [0.500, 0.600]"
    assert ledger.shown({"value": 0.55, "high": 0.6, "n": 18}) == "0.550"
    shown = ledger.shown(plain_metrics(difference(0.03, 0.04 / 1.96))["d"])
    assert shown == "+0.030 [-0.010, +0.070]"


# Structure


@pytest.mark.parametrize("reported, word", [(18, "reproduced"), (19, "contradicted")])
def test_structure(reported, word):
    counted = claim(kind="structure", metric="images", reported=reported)
    row = one(counted, record({"images": 18}, n_images=18))
    assert row["verdict"] == word and row["why"] == f"ours 18, reported {reported}"
    assert (row["report"], row["claim"], row["reported"], row["ours"]) == ("000", "it is so", str(reported), "18")
    assert row["command"] == "python -m tools.run_lessons --profile laptop --only 02"


def test_structure_that_is_not_comparable_says_why_with_the_numbers():
    counted = claim(kind="structure", metric="images", reported=140_000, comparable=False, reason="rounded")
    row = one(counted, record({"images": 960}))
    assert row["verdict"] == "not comparable" and row["why"] == "rounded; ours 960, reported 140000"
    assert row["reported"] == "140,000"


def counted(**changes) -> dict:
    parts = {"kind": "structure", "metric": "parameters/A", "reported": 7, "set": "any"}
    return claim(**(parts | {"n_train": None, "n_test": None} | changes))


def test_a_count_that_depends_on_no_image_is_answered_once_by_any_record():
    small, yonsei = mini({"parameters/A": 7}), record({"parameters/A": 7}, set="yonsei", profile="colab")
    for records in ([small], [yonsei], [small, yonsei], [yonsei, small]):
        row = one(counted(), *records)
        assert (row["verdict"], row["why"]) == ("reproduced", "ours 7, reported 7")
        assert (row["set"], row["profile"], row["n"], row["seeds"], row["ours"]) == ("any", "", None, None, "7")
    assert one(counted(reported=8), small)["verdict"] == "contradicted"
    assert one(counted(), small | {"evidence": False})["verdict"] == "not run"
    assert one(counted(), small | {"lesson": "03_cnn_tuning"})["verdict"] == "not run"
    assert one(counted(set="140k"), small)["verdict"] == "not run"


# Level


@pytest.mark.parametrize(
    "value, half, word",
    [(0.752, 0.005, "reproduced"), (0.65, 0.02, "not reproduced"), (0.74, 0.03, "undecided")],
)
def test_level(value, half, word):
    row = one(
        claim(n_test=20_000), record({"auc/M1": Estimate(value, value - half, value + half, 20_000)}, **sizes())
    )
    assert row["verdict"] == word and row["n"] == 20_000 and row["seeds"] == 3
    assert row["why"].startswith(f"ours {value:.3f}, reported 0.750")
    assert row["ours"] == f"{value:.3f} [{value - half:.3f}, {value + half:.3f}]"


def test_seeds_are_those_of_the_network_asked_for():
    """Where there were too few to count seeds, one training stands for itself."""
    level = {"auc/M1": Estimate(0.7, 0.6, 0.8, 2000)}
    assert [one(claim(), record(level | {"seeds/M1": n}))["seeds"] for n in (5, 3, 1)] == [5, 1, 1]
    assert one(claim(), record(level | {"seeds/M10": 3}))["seeds"] == 5
    differs = BETTER | {"metric": "auc difference/M1 - M2"}
    found = {"auc difference/M1 - M2": paired.Difference(0.1, 0.01, 0.01, 2000, "5 and 5 seeds")}
    assert one(differs, record(found | {"seeds/M1": 5, "seeds/M2": 5}))["seeds"] == 5
    models = {"auc difference of models/M1 - M2": found["auc difference/M1 - M2"]}
    differs["metric"] = "auc difference of models/M1 - M2"
    assert one(differs, record(models | {"seeds/M1": 5, "seeds/M2": 5}))["seeds"] == 1


def sizes(n_train: int = 16_000, n_test: int = 20_000) -> dict:
    return {"settings": {"n_train": n_train, "n_test": n_test, "seeds": [0, 1, 2]}}


def test_the_margin_is_that_of_the_metric():
    ours = Estimate(0.775, 0.774, 0.776, 10**6)
    metrics = {"auc/M1": ours, "accuracy at half/M1": ours}
    words = [
        one(claim(metric=metric, n_test=10**6), record(metrics, **sizes(n_test=10**6)))["verdict"]
        for metric in metrics
    ]
    assert words == ["not reproduced", "reproduced"]  # .025 apart: beyond .02, within .03


@pytest.mark.parametrize(
    "metric, reported_se",
    [("auc/M1", hanley_mcneil_se(0.75, 1000, 1001)), ("AvgP at half/M1", binomial_se(0.75, 2001))],
)
def test_the_reports_own_spread_counts(metric, reported_se):
    our_se = 0.002
    ours = Estimate(0.75, 0.75 - 1.96 * our_se, 0.75 + 1.96 * our_se, 2001)
    row = one(claim(metric=metric, n_test=2001), record({metric: ours}, **sizes(n_test=2001)))
    half = 1.645 * np.hypot(our_se, reported_se)
    assert row["verdict"] == "reproduced" and f"at 90 % [{-half:+.3f}, {half:+.3f}]" in row["why"]
    row = one(claim(metric=metric, n_test=100), record({metric: ours}, **sizes(n_test=100)))
    assert row["verdict"] == "undecided"


@pytest.mark.parametrize(
    "changes, settings, said",
    [
        ({"comparable": False, "reason": "the threshold is assumed"}, {}, "the threshold is assumed; ours 0.750"),
        ({}, {"n_train": 1120}, "n_train 1120 against 16000; ours"),
        ({}, {"n_test": None}, "n_test unknown against 2000; ours"),
        ({"n_test": None}, {}, "the report's n_test is not stated; ours 0.750, reported 0.75"),
        ({"n_train": None}, {"n_train": None, "n_test": 2201}, "n_test 2201 against 2000"),
    ],
)
def test_level_that_is_not_comparable(changes, settings, said):
    settings = {"n_train": 16_000, "n_test": 2000} | settings
    row = one(claim(**changes), record({"auc/M1": Estimate(0.75, 0.74, 0.76, 2000)}, settings=settings))
    assert row["verdict"] == "not comparable" and row["why"].startswith(said)
    assert row["ours"] == "0.750 [0.740, 0.760]"


def test_a_level_whose_test_size_is_unstated_is_not_tested():
    ours = record({"auc/M1": Estimate(0.75, 0.74, 0.76, 2000)})
    assert " at 9" not in one(claim(n_test=None), ours)["why"] and " at 9" in one(claim(), ours)["why"]


# Chance


@pytest.mark.parametrize(
    "value, half, word",
    [
        (0.5, 0.0, "reproduced"),
        (0.49, 0.015, "reproduced"),
        (0.5, 0.05, "undecided"),
        (0.6, 0.03, "not reproduced"),
    ],
)
def test_chance(value, half, word):
    at_chance = claim(kind="chance", reported=0.499)
    row = one(at_chance, record({"auc/M1": Estimate(value, value - half, value + half, 2000)}))
    assert row["verdict"] == word and row["why"].startswith(f"{value:.3f}, difference from chance")


def test_accuracy_can_be_at_chance_too():
    at_chance = claim(kind="chance", metric="accuracy at half/M4", reported=0.5)
    assert one(at_chance, record({"accuracy at half/M4": wilson(10_020, 20_000)}))["verdict"] == "reproduced"


# Ordering

BETTER = claim(kind="ordering", metric="d", reported=0.03)


@pytest.mark.parametrize(
    "value, se, word",
    [
        (0.05, 0.02, "direction reproduced"),
        (-0.05, 0.02, "contradicted"),
        (0.005, 0.01, "no material difference"),
        (0.0, 0.016, "no material difference"),  # the margin is .03; at 95 % it would not fit
        (0.03, 0.02, "undecided"),
        (0.0, 0.0, "no material difference"),  # both models rank all images alike
        (0.3, 0.0, "direction reproduced"),
    ],
)
def test_ordering(value, se, word):
    row = one(BETTER, record(difference(value, se)))
    assert row["verdict"] == word and row["reported"] == "+0.03" and row["n"] == 2000 and row["seeds"] == 5
    assert row["ours"].startswith(f"{value:+.3f} [")


def test_ordering_takes_the_margin_of_its_metric():
    found = difference(0.01, 0.009)["d"]
    metrics = {"auc difference/A - B": found, "accuracy difference/A - B": found}
    words = [one(BETTER | {"metric": metric}, record(metrics))["verdict"] for metric in metrics]
    assert words == ["undecided", "no material difference"]


def test_ordering_of_two_trained_models_keeps_mcnemars_interval():
    labels = np.arange(40) % 2
    right, half = labels.copy(), np.where(np.arange(40) < 15, 1 - labels, labels)
    found = paired.mcnemar(labels, right, half)
    row = one(BETTER, record({"d": found}))
    low, high = found.interval()
    assert (
        row["verdict"] == "direction reproduced" and row["ours"] == f"{found.value:+.3f} [{low:+.3f}, {high:+.3f}]"
    )


def test_a_gain_by_more_epochs_is_one_of_auc():
    found = difference(0.01, 0.009)["d"]
    row = one(BETTER | {"metric": "gain after epoch 3/A"}, record({"gain after epoch 3/A": found}))
    assert row["verdict"] == "undecided"  # within .03, not within .02


@pytest.mark.parametrize(("se", "word"), [(0.01, "direction reproduced"), (0.1, "undecided")])
def test_an_ordering_stated_in_words(se, word):
    row = one(BETTER | {"reported": None}, record(difference(0.05, se)))
    assert (row["reported"], row["verdict"]) == ("in words", word) and "reported" not in row["why"]
    assert one(BETTER | {"reported": None})["reported"] == "in words"


def test_a_pair_recorded_the_other_way_round_answers_with_its_sign_changed():
    labels = np.arange(40) % 2
    wrong_15, wrong_2 = (np.where(np.arange(40) < k, 1 - labels, labels) for k in (15, 2))
    metric = "accuracy difference of models/A - B"
    asked = BETTER | {"metric": metric}
    straight = one(asked, record({metric: paired.mcnemar(labels, wrong_2, wrong_15)}))
    turned = record({"accuracy difference of models/B - A": paired.mcnemar(labels, wrong_15, wrong_2)})
    pd.testing.assert_series_equal(one(asked, turned), straight)
    assert straight["verdict"] == "direction reproduced" and straight["ours"].startswith("+0.325")

    both = turned | {"metrics": turned["metrics"] | plain_metrics({metric: difference(-0.05, 0.01)["d"]})}
    assert one(asked, both)["verdict"] == "contradicted", "what is there as asked goes before"
    level = claim(kind="level", metric=metric)
    assert one(level, record({"accuracy difference of models/B - A": 0.3}))["verdict"] == "not run"
    assert one(BETTER | {"metric": "auc difference/A - B"}, turned)["verdict"] == "not run"
    none = record({"auc difference/B - A": paired.Difference(0.0, 0.1, 1.0, 9, "")})
    assert one(BETTER | {"metric": "auc difference/A - B"}, none)["ours"].startswith("+0.000")


def test_what_was_not_run_names_the_profile_that_measures_it():
    assert "--profile paper --only 02" in one(claim(profile="paper"))["command"]
    assert "--profile laptop --only 02" in one(claim())["command"]


def test_a_substituted_answer_is_marked():
    own, other = BETTER, BETTER | {"id": "b", "metric": "e", "substituted": "X in place of Y"}
    table = judge([own, other], record({"e": difference(0.05, 0.01)["d"]}))
    assert table["verdict"].tolist() == ["not run", "direction reproduced"]
    assert table["substituted"].tolist() == ["", "X in place of Y"]
    assert table["claim"].tolist() == ["it is so", "it is so; measured with X in place of Y"]
    shown = ledger.claims_table("02_ffnn_baseline", table)["verdict"].tolist()
    assert shown[0].startswith("not run: python") and shown[1].startswith(
        "direction reproduced (substituted): +0.05"
    )


def family(*se: float, **changes) -> list[dict]:
    return [BETTER | {"id": f"c{k}", "metric": f"d{k}"} | changes for k in range(len(se))]


def test_holms_family_is_a_report_on_a_set_and_profile():
    """z = 2.1 is significant alone, not as one of two such; a sharp third passes all the same."""
    spread = (0.05 / 2.1, 0.05 / 2.1, 0.05 / 5)
    found = record({f"d{k}": difference(0.05, se)["d"] for k, se in enumerate(spread)})
    claims = family(*spread)
    assert one(claims[0], found)["verdict"] == "direction reproduced"
    assert judge(claims[:2], found)["verdict"].tolist() == ["undecided", "undecided"]
    assert judge(claims, found)["verdict"].tolist() == ["undecided", "undecided", "direction reproduced"]

    other_report = [claims[0], claims[1] | {"report": 1}]
    assert judge(other_report, found)["verdict"].tolist() == ["direction reproduced"] * 2
    other_lesson = [claims[0], claims[1] | {"lesson": "03_cnn_tuning"}]
    two = (found, found | {"lesson": "03_cnn_tuning"})
    assert judge(other_lesson, *two)["verdict"].tolist() == ["undecided", "undecided"]
    metrics = found["metrics"]
    apart = (
        found | {"metrics": {"d0": metrics["d0"]}},
        found | {"metrics": {"d1": metrics["d1"]}, "profile": "colab"},
    )
    judged = judge(claims[:2], *apart)  # in each family the other claim is still to be run, and counts
    assert judged["verdict"].tolist() == ["undecided"] * 2
    assert judged["profile"].tolist() == ["laptop", "colab"] and "--profile colab" in judged["command"][1]


def test_ordering_that_is_not_comparable():
    row = one(BETTER | {"comparable": False, "reason": "other optimizer"}, record(difference(0.05, 0.02)))
    assert row["verdict"] == "not comparable" and row["why"].startswith("other optimizer; +0.050 [")


# Which record answers


def mini(metrics: dict) -> dict:
    return record(metrics, set="140k-mini", settings={"n_train": 1120, "n_test": 240})


def test_mini_answers_for_140k_and_says_so():
    row = one(claim(kind="chance"), mini({"auc/M1": Estimate(0.5, 0.49, 0.51, 240)}))
    assert row["verdict"] == "reproduced" and row["set"] == "140k-mini" and row["seeds"] is None
    assert row["why"].startswith("on 140k-mini, trained on 1,120 images: 0.500, difference from chance")
    row = one(claim(), mini({"auc/M1": Estimate(0.75, 0.74, 0.76, 240)}))
    assert row["verdict"] == "not comparable"
    assert row["why"].startswith("on 140k-mini, trained on 1,120 images: other data; n_train 1120 against 16000")


def test_mini_says_nothing_of_the_140k_set_itself():
    row = one(claim(kind="structure", metric="images", reported=140_000), mini({"images": 1600}))
    assert row["verdict"] == "not run" and row["set"] == "140k" and row["ours"] == "-"


def test_every_record_that_answers_has_its_row():
    ours = {"auc/M1": Estimate(0.5, 0.49, 0.51, 240)}
    table = judge(claim(kind="chance"), record(ours), mini(ours))
    assert table["set"].tolist() == ["140k", "140k-mini"] and table["verdict"].tolist() == ["reproduced"] * 2


@pytest.mark.parametrize(
    "changes",
    [
        {"lesson": "03_cnn_tuning"},
        {"set": "yonsei"},
        {"set": "140k-part"},
        {"evidence": False},
        {"metrics": {"auc/M2": {"value": 0.5, "low": 0.4, "high": 0.6}}},
    ],
)
def test_what_no_record_answers_is_not_run(changes):
    row = one(claim(), record({"auc/M1": Estimate(0.75, 0.74, 0.76, 2000)}) | changes)
    command = "python -m tools.run_lessons --profile laptop --only 02"
    assert (row["verdict"], row["why"], row["command"], row["n"]) == ("not run", command, command, None)


@pytest.mark.parametrize(
    "kind, metric, said",
    [
        ("level", 0.75, "has no interval"),
        ("chance", 0.5, "has no interval"),
        ("level", paired.Difference(0.1, 0.1, 0.3, 9, "DeLong"), "has no interval"),
        ("ordering", Estimate(0.1, 0.0, 0.2, 9), "is no difference"),
    ],
)
def test_a_metric_of_the_wrong_form_is_named(kind, metric, said):
    with pytest.raises(ledger.RecordError, match=said) as error:
        judge(claim(kind=kind), record({"auc/M1": metric}))
    for word in ("02_ffnn_baseline/140k.laptop.json", "'auc/M1'", f"{kind} claim 'a'"):
        assert word in str(error.value)


def test_a_lessons_table():
    claims = [claim(kind="structure", metric="images", reported=18), claim(id="b", lesson="01_data_tour")]
    table = ledger.claims_table("02_ffnn_baseline", judge(claims, record({"images": 18})))
    assert table.columns.tolist() == ["report", "claim", "reported", "ours", "verdict"]
    assert table.iloc[:, :4].to_numpy().tolist() == [["000", "it is so", "18", "18"]]
    assert table["verdict"].tolist() == ["reproduced: ours 18, reported 18"]


def test_the_command_names_the_parameters_of_the_record():
    settings = {"n_train": 16000, "n_test": 2000, "parameters": {"LAYOUT": "yonsei"}}
    made = record({"auc/M1": wilson(1500, 2000)}, settings=settings, profile="colab")
    row = one(claim(), made)
    assert row["command"] == "python -m tools.run_lessons --profile colab --only 02 --param 02.LAYOUT=yonsei"


def test_pairs_are_those_that_claims_ask_of_trained_models():
    asked = pd.DataFrame({"metric": [
        "accuracy difference of models/a - b", "auc difference of models/a - b", "accuracy difference of models/b - c",
        "accuracy difference/a - c", "auc/a", "auc difference of models/c, 1 - a",
    ]})  # fmt: skip
    assert ledger.pairs(asked, {"a", "b", "c"}) == [("a", "b"), ("b", "c")]
    assert ledger.pairs(asked, ["a", "c, 1", "b"]) == [("a", "b"), ("c, 1", "a")]
    assert ledger.pairs(asked, {"a"}) == []


def test_the_reports_own_networks_are_all_asked_for_in_paper():
    """Every ordering of report 001 with its own networks, that lesson 05 can answer, names systems that exist."""
    asked = ledger.pairs(ledger.read_claims(), set(SYSTEMS))
    assert len(asked) == 16 and ("Fusion 1, 001", "MobileNet, 001") in asked
