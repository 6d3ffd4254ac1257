"""Errors by attribute: tables by hand, what is planted is named, and where nothing is, next to nothing is reported."""

from itertools import permutations
from math import comb, isnan

import numpy as np
import pandas as pd
import pytest
from scipy.stats import fisher_exact

from fakeface_utils.evaluation.audit import permute_labels
from fakeface_utils.evaluation.errors import _dealt, error_table, galleries, rate_by_group, readable
from fakeface_utils.evaluation.intervals import wilson
from fakeface_utils.evaluation.rates import newcombe, share


def judged_as(labels, wrong):
    """Scores that a threshold of .5 misjudges just where it should."""
    return np.where(np.asarray(labels, bool) ^ np.asarray(wrong, bool), 0.9, 0.1)


def reals(wrong, **attributes):
    """Reals only, with these errors: labels, scores, threshold, attributes."""
    labels = np.zeros(len(wrong), int)
    return labels, judged_as(labels, wrong), 0.5, pd.DataFrame(attributes)


def row_of(table, attribute, value, rate="FPR"):
    found = table[(table["attribute"] == attribute) & (table["value"] == value) & (table["rate"] == rate)]
    assert len(found) == 1, (attribute, value, rate)
    return found.iloc[0]


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """statsmodels empties Python's garbage at each correction: half a minute of these tests."""
    monkeypatch.setattr("gc.collect", lambda *_: 0)


# --- the table by hand


def fisher_by_counting(a, b, c, d):
    """[[a, b], [c, d]]: the chance of all tables of these margins that are no more likely than this one."""
    n, wrong, inside = a + b + c + d, a + c, a + b

    def chance(k):
        return comb(wrong, k) * comb(n - wrong, inside - k) / comb(n, inside)

    return sum(
        chance(k)
        for k in range(max(0, inside + wrong - n), min(inside, wrong) + 1)
        if chance(k) <= chance(a) * (1 + 1e-9)
    )


def test_a_table_by_hand():
    wrong = np.repeat([True, False, True, False], [12, 28, 3, 57])  # 12 of 40 with glasses, 3 of 60 without
    labels = np.repeat([0, 1], [100, 80])
    glasses = np.r_[np.repeat(["clear", "none"], [40, 60]), np.tile(["clear", "none"], 40)]
    scores = judged_as(labels, np.r_[wrong, np.arange(80) < 8])
    table = error_table(labels, scores, 0.5, pd.DataFrame({"glasses": glasses}))
    assert table["rate"].tolist() == ["FPR", "FPR", "FNR", "FNR"]
    row = row_of(table, "glasses", "clear")
    assert (row["n"], row["wrong"], row["others"]) == (40, 12, 60)
    assert row["share"] == pytest.approx(0.3) and row["difference"] == pytest.approx(0.3 - 0.05)
    assert (row["low"], row["high"]) == pytest.approx((0.1807, 0.4543), abs=1e-4)  # Wilson, 12 of 40
    assert row["p"] == pytest.approx(fisher_by_counting(12, 28, 3, 57))
    assert row["p_holm"] == pytest.approx(4 * row["p"]) and row["reading"] == "errs more"  # the smallest of four
    other = row_of(table, "glasses", "none")
    assert other["reading"] == "errs less" and other["difference"] == pytest.approx(-0.25)
    assert (other["p"], other["p_holm"]) == pytest.approx((row["p"], row["p_holm"]))
    level = 1 - 0.05 / 4  # Holm's, for the smallest of four
    ends = newcombe(wilson(12, 40, level), wilson(3, 60, level))
    assert (row["difference_low"], row["difference_high"]) == pytest.approx(ends)
    fakes = row_of(table, "glasses", "clear", "FNR")
    assert (fakes["n"], fakes["wrong"], fakes["reading"]) == (40, 4, "nothing found") and fakes["p"] == 1


def test_the_score_at_the_threshold_is_called_fake_and_each_image_may_have_its_own():
    who = pd.DataFrame({"who": np.repeat(["a", "b"], 30)})
    labels, scores = np.zeros(60, int), np.full(60, 0.4)
    assert row_of(error_table(labels, scores, 0.4, who, rates=["FPR"]), "who", "a")["wrong"] == 30
    cuts = np.repeat([0.5, 0.4], 30)
    table = error_table(labels, scores, cuts, who, rates=["FPR"])
    assert table["wrong"].tolist() == [0, 30] and table["reading"].tolist() == ["errs less", "errs more"]


def test_classes_are_never_mixed():
    """More fakes than reals wear glasses, and more fakes are missed: images with glasses err more, glasses do not."""
    rng = np.random.default_rng(0)
    labels = np.repeat([0, 1], 1000)
    glasses = rng.random(2000) < np.where(labels == 1, 0.7, 0.2)
    wrong = rng.random(2000) < np.where(labels == 1, 0.4, 0.05)
    frame = pd.DataFrame({"glasses": glasses})
    table = error_table(labels, judged_as(labels, wrong), 0.5, frame, rates=["FPR", "FNR", "error"])
    assert wrong[glasses].mean() - wrong[~glasses].mean() > 0.1
    assert row_of(table, "glasses", "yes")["reading"] == "nothing found"
    assert row_of(table, "glasses", "yes", "FNR")["reading"] == "nothing found"
    both = row_of(table, "glasses", "yes", "error")
    assert both["share"] == pytest.approx(wrong[glasses].mean()) and both["low"] < both["share"] < both["high"]
    assert isnan(both["p"]) and isnan(both["difference"]) and both["reading"].startswith("not compared")


def test_a_planted_attribute_is_named_and_no_other():
    rng = np.random.default_rng(1)
    n = 1200
    labels = np.tile([0, 1], n // 2)
    frame = pd.DataFrame(
        {
            "glasses": rng.choice(["none", "clear", "dark"], n, p=[0.7, 0.2, 0.1]),
            "hat": rng.choice(["none", "hat", "hood"], n, p=[0.8, 0.1, 0.1]),
            "light": rng.normal(size=n),
        }
    )
    hidden = (labels == 1) & (frame["glasses"] != "none").to_numpy()
    wrong = rng.random(n) < np.where(hidden, 0.5, 0.05)
    table = error_table(labels, judged_as(labels, wrong), 0.5, frame)
    found = table[table["reading"].isin(["errs more", "errs less"])]
    named = set(zip(found["attribute"], found["value"], found["rate"], found["reading"], strict=True))
    more, less = (
        {("glasses", v, "FNR", r) for v in values}
        for values, r in ((("clear", "dark"), "errs more"), (("none",), "errs less"))
    )
    assert named == more | less
    assert (found["difference_low"] * found["difference_high"] > 0).all()


# --- what is not said


def test_a_group_of_three_is_too_few_and_never_a_rate_of_zero():
    wrong = np.arange(103) < 20
    hat = np.r_[np.repeat(["none", "cap"], 50), np.repeat("hood", 3)]
    table = error_table(*reals(wrong, hat=hat), rates=["FPR"])
    row = row_of(table, "hat", "hood")
    assert row["n"] == 3 and row["reading"] == "too few: 3 of at least 30 images"
    said = [
        "wrong",
        "share",
        "low",
        "high",
        "others",
        "difference",
        "difference_low",
        "difference_high",
        "p",
        "p_holm",
    ]
    assert row[said].isna().all()
    # It takes no part in the correction, but its images are among the others.
    none = row_of(table, "hat", "none")
    assert none["p_holm"] == pytest.approx(2 * none["p"]) and none["others"] == 53
    assert row_of(error_table(*reals(wrong, hat=hat), rates=["FPR"], least=3), "hat", "hood")["wrong"] == 0
    text = readable(table).set_index("value").loc["hood"]
    assert text["share"] == text["against all others"] == text["p after Holm"] == "-"
    assert text["reading"] == row["reading"]


def test_a_value_of_nearly_all_images_has_too_few_others():
    wrong = np.arange(100) < 20
    row = row_of(error_table(*reals(wrong, hat=np.arange(100) < 95), rates=["FPR"]), "hat", "yes")
    assert row["reading"] == "too few others: 5 of at least 30 images"
    assert row["share"] == pytest.approx(20 / 95) and isnan(row["p"])
    alone = error_table(*reals(wrong, hat=["none"] * 100), rates=["FPR"])
    assert alone["reading"].tolist() == ["too few others: 0 of at least 30 images"]


@pytest.mark.parametrize("gap", [None, np.nan, "", "unknown"])
def test_unknown_values_take_no_part(gap):
    wrong = np.r_[np.ones(40, bool), np.arange(80) < 8]
    who = np.array([gap] * 40 + ["a", "b"] * 40, object)
    table = error_table(*reals(wrong, who=who), rates=["FPR"])
    assert table["value"].tolist() == ["a", "b", "unknown"]
    assert row_of(table, "who", "a")["others"] == 40 and row_of(table, "who", "a")["p"] == 1
    row = row_of(table, "who", "unknown")
    assert row["reading"] == "not compared: unknown" and row["share"] == 1 and isnan(row["difference"])


def test_an_interval_of_what_was_not_found_holds_zero():
    rng = np.random.default_rng(2)
    seen = 0
    for _ in range(30):
        frame = {name: rng.random(200) < 0.3 for name in "abcd"}
        table = error_table(*reals(rng.random(200) < 0.1 + 0.15 * frame["a"], **frame), rates=["FPR"])
        found = table["reading"] != "nothing found"
        holds = (table["difference_low"] <= 0) & (table["difference_high"] >= 0)
        assert holds[~found].all()
        assert (
            (table["difference_low"] < table["difference"]) & (table["difference"] < table["difference_high"])
        ).all()
        seen += found.sum()
    assert seen > 5


# --- numbers


def test_a_number_is_cut_at_its_quartiles_and_shows_what_is_hard_at_either_end():
    rng = np.random.default_rng(3)
    light = rng.uniform(0, 200, 800)
    wrong = rng.random(800) < np.where((light < 50) | (light > 150), 0.4, 0.05)
    table = error_table(*reals(wrong, light=light), rates=["FPR"])
    assert table["n"].tolist() == [200] * 4
    assert table["reading"].tolist() == ["errs more", "errs less", "errs less", "errs more"]
    edges = np.quantile(light, [0.25, 0.5, 0.75])
    for k, value in enumerate(table["value"]):
        inside = np.searchsorted(edges, light) == k
        assert value == f"{k + 1} of 4: {light[inside].min():.3g} to {light[inside].max():.3g}"
        assert table["wrong"][k] == wrong[inside].sum()


def test_ties_stay_together_and_few_numbers_stay_as_they_are():
    wrong = np.arange(120) % 4 == 0
    mostly = np.r_[np.zeros(80), np.linspace(1, 2, 40)]
    table = error_table(*reals(wrong, share=mostly), rates=["FPR"])
    assert table["value"].tolist() == ["1 of 3: 0 to 0", "2 of 3: 1 to 1.23", "3 of 3: 1.26 to 2"]
    assert table["n"].tolist() == [80, 10, 30]
    eyes = error_table(*reals(wrong, eyes=np.arange(120) % 3), rates=["FPR"])
    assert eyes["value"].tolist() == [0, 1, 2] and eyes["n"].tolist() == [40] * 3
    holes = np.where(np.arange(120) < 40, [np.nan, np.inf] * 60, np.arange(120.0))
    table = error_table(*reals(wrong, x=holes), rates=["FPR"], least=20)
    assert table["n"].tolist() == [20, 20, 20, 20, 40] and table["value"].tolist()[-1] == "unknown"


def test_categories_keep_their_order_and_the_index_does_not_matter():
    wrong = np.arange(90) % 3 == 0
    age = pd.Categorical(np.tile(["30-69", "3-9"], 45), ["3-9", "10-29", "30-69"], ordered=True)
    labels, scores, cut, frame = reals(wrong, age=age)
    table = error_table(labels, scores, cut, frame.set_index(np.arange(90)[::-1]), rates=["FPR"])
    assert table["value"].tolist() == ["3-9", "10-29", "30-69"]
    assert table["reading"].tolist()[1] == "too few: 0 of at least 30 images"
    for other in (frame, frame.set_index(np.zeros(90))):
        pd.testing.assert_frame_equal(table, error_table(labels, scores, cut, other, rates=["FPR"]))


@pytest.mark.parametrize(
    "column", [np.arange(80) < 40, pd.array([True] * 40 + [False] * 40, "boolean"), [True] * 40 + [False] * 40]
)
def test_of_true_and_false_only_true_has_a_row(column):
    assert error_table(*reals(np.arange(80) % 5 == 0, hat=column), rates=["FPR"])["value"].tolist() == ["yes"]


# --- whole groups


def test_dealing_swaps_whole_groups_of_one_size():
    rng = np.random.default_rng(4)
    groups = rng.permutation(
        np.r_[np.arange(20), 100 + np.repeat(np.arange(10), 2), 200 + np.repeat(np.arange(5), 3)]
    )
    wrong = rng.random(55) < 0.3

    def makeup(w):
        rows = [groups == g for g in np.unique(groups)]
        return sorted((int(of.sum()), int(np.sum(w[of]))) for of in rows)

    blocks = list(_dealt(wrong, groups, 300, 0))
    assert (blocks[0] == wrong).all() and len(blocks[0]) == 1
    dealt = np.concatenate(blocks[1:])
    assert dealt.shape == (300, 55) and all(makeup(w) == makeup(wrong) for w in dealt)
    assert all(makeup(permute_labels(wrong, groups, np.zeros(55, int), rng)) == makeup(wrong) for _ in range(5))
    of_two = np.isin(groups, np.flatnonzero(np.bincount(groups) == 2))
    assert dealt[:, of_two].mean(axis=0) == pytest.approx(np.full(20, wrong[of_two].mean()), abs=0.12)
    assert len(np.unique(dealt, axis=0)) > 290


def test_the_p_of_whole_groups_against_all_their_permutations():
    pairs = np.array([1, 1, 0, 0, 0, 0, 1], bool)  # seven pairs, right or wrong together
    hat = np.array([1, 1, 1, 0, 0, 0, 0], bool)
    wrong, has = np.repeat(pairs, 2), np.repeat(hat, 2)
    gaps = [abs(np.array(p)[hat].mean() - np.array(p)[~hat].mean()) for p in permutations(pairs)]
    exact = np.mean([gap >= gaps[0] - 1e-9 for gap in gaps])
    labels, scores, cut, frame = reals(wrong, hat=has)
    row = error_table(labels, scores, cut, frame, np.repeat(np.arange(7), 2), rates=["FPR"], least=4).iloc[0]
    # Images within a pair swap too, which pairs that are right or wrong together do not notice.
    assert row["p"] == pytest.approx(exact, abs=0.02) and exact > 0.2
    assert error_table(labels, scores, cut, frame, rates=["FPR"], least=4).iloc[0]["p"] < exact - 0.1


def test_dealing_images_that_are_their_own_groups_is_fishers_test():
    """A pair of copies, whose hats nobody knows, has errors dealt; with even margins both tests have the same tails."""
    wrong = np.r_[np.arange(40) < 24, np.arange(40) < 16, True, True]
    hat = np.array([True] * 40 + [False] * 40 + [None] * 2, object)
    row = error_table(*reals(wrong, hat=hat), np.r_[np.arange(80), 80, 80], rates=["FPR"]).iloc[0]
    assert row["p"] == pytest.approx(fisher_exact([[24, 16], [16, 24]]).pvalue, abs=0.015)


def test_where_larger_groups_err_more_a_value_is_held_against_what_its_groups_lead_one_to_expect():
    """Hats are worn in most of the pairs, where 45 % err, and by few of the single images: they should err more."""
    hats = np.r_[np.repeat([True, False], [30, 10]), np.repeat([True, False], [10, 30])]
    errs = np.r_[np.arange(30) < 9, np.arange(10) < 9, np.arange(10) < 0, np.arange(30) < 9]
    groups = np.repeat(np.arange(80), np.repeat([2, 1], 40))
    wrong, hat = errs[groups], hats[groups]
    row = error_table(*reals(wrong, hat=hat), groups, rates=["FPR"]).iloc[0]
    rng = np.random.default_rng(10)
    dealt = [permute_labels(wrong, groups, np.zeros(120, int), rng) for _ in range(2000)]
    gaps = np.array([w[hat].mean() - w[~hat].mean() for w in dealt])
    assert gaps.mean() == pytest.approx(0.10, abs=0.02) and row["difference"] == pytest.approx(-0.283, abs=0.001)
    twin = (np.abs(gaps - gaps.mean()) >= abs(row["difference"] - gaps.mean())).mean()
    assert row["p"] == pytest.approx(twin, abs=0.01) and row["p"] < 0.03 < (np.abs(gaps) >= 0.283).mean()


def test_copies_are_no_evidence():
    rng = np.random.default_rng(5)
    hat, wrong = rng.random(60) < 0.5, rng.random(60) < 0.4
    wrong[np.flatnonzero(hat)[:6]] = True
    labels, scores, cut, frame = reals(np.repeat(wrong, 6), hat=np.repeat(hat, 6))
    groups = np.repeat(np.arange(60), 6)
    sound = error_table(labels, scores, cut, frame, groups, rates=["FPR"]).iloc[0]
    fooled = error_table(labels, scores, cut, frame, rates=["FPR"]).iloc[0]
    single = error_table(*reals(wrong, hat=hat), rates=["FPR"], least=5).iloc[0]
    assert fooled["reading"] == "errs more" and sound["reading"] == "nothing found"
    assert (sound["low"], sound["high"]) == pytest.approx((single["low"], single["high"]))
    ends = ["difference_low", "difference_high"]
    assert sound[ends].tolist() == pytest.approx(single[ends].tolist())
    assert fooled["high"] - fooled["low"] < (sound["high"] - sound["low"]) / 2


def test_the_seed_decides_and_too_few_permutations_are_refused():
    groups = np.repeat(np.arange(50), 2)
    case = reals(np.arange(100) % 7 == 0, **{f"a{k}": (np.arange(100) >> k) % 2 == 1 for k in range(5)})
    a, b, c = (
        error_table(*case, groups, rates=["FPR"], n_permutations=199, seed=s)["p"].tolist() for s in (1, 1, 2)
    )
    assert a == b and a != c
    with pytest.raises(ValueError, match="n_permutations=100 or look at less"):
        error_table(*case, groups, rates=["FPR"], n_permutations=98)
    error_table(*case, groups, rates=["FPR"], n_permutations=99)
    error_table(*case, rates=["FPR"], n_permutations=0)  # none are needed where each image is its own group


# --- where nothing is


def exchangeable(rng, n_groups, size):
    """Both classes, errors that know of no attribute, attributes of every kind; ``size`` images a group are alike."""
    labels = np.tile([0, 1], n_groups // 2)
    frame = pd.DataFrame(
        {
            "glasses": rng.choice(["none", "clear", "dark"], n_groups, p=[0.5, 0.3, 0.2]),
            "hat": rng.random(n_groups) < 0.2,
            "light": rng.normal(size=n_groups),
        }
    )
    wrong = rng.random(n_groups) < np.where(labels == 1, 0.3, 0.15)
    rows = np.repeat(np.arange(n_groups), size)
    labels = labels[rows]
    return labels, judged_as(labels, wrong[rows]), 0.5, frame.iloc[rows], rows


def reports(table):
    return table["reading"].isin(["errs more", "errs less"]).any()


def test_of_exchangeable_attributes_at_most_one_table_in_twenty_reports_anything():
    rng = np.random.default_rng(6)
    found, raw = 0, 0
    for _ in range(200):
        labels, scores, cut, frame, _ = exchangeable(rng, 400, 1)
        table = error_table(labels, scores, cut, frame)
        assert len(table) == 2 * (3 + 1 + 4) and table["p"].notna().sum() >= 14
        found, raw = found + reports(table), raw + (table["p"] <= 0.05).any()
    assert found <= 10
    assert raw > 50  # what is reported without a correction


def test_so_it_is_with_copies_unless_they_are_taken_for_news():
    rng = np.random.default_rng(7)
    found, fooled = 0, 0
    for seed in range(100):
        *case, groups = exchangeable(rng, 120, 3)
        found += reports(error_table(*case, groups, n_permutations=499, seed=seed))
        fooled += reports(error_table(*case)) if seed < 30 else 0
    assert found <= 5
    assert fooled > 12  # of 30


# --- false positives by group of people


def test_false_positives_by_group_have_a_floor():
    who = pd.Series(["a"] * 60 + ["b"] * 60 + ["c"] * 3 + [None] * 40, index=range(163, 0, -1))
    wrong = np.r_[np.arange(60) < 18, np.arange(60) < 3, [True] * 3, [True] * 40]
    labels, scores, cut, _ = reals(wrong)
    table, gap, p = rate_by_group(labels, scores, cut, who)
    assert list(table.columns) == ["value", "n", "wrong", "share", "low", "high", "reading"]
    table = table.set_index("value")
    assert table["reading"].to_dict() == {
        **{"a": "", "b": "", "c": "too few: 3 of at least 30 images"},
        "unknown": "not compared: unknown",
    }
    assert table["wrong"]["a"] == 18 and table["share"]["b"] == pytest.approx(0.05) and isnan(table["share"]["c"])
    assert gap == pytest.approx(0.25) and p < 0.002
    labels = np.r_[np.zeros(163, int), np.ones(100, int)]
    fakes = judged_as(np.ones(100), np.arange(100) < 50)
    both = rate_by_group(labels, np.r_[scores, fakes], cut, pd.Series([*who, *["a"] * 100]))
    assert both.gap == gap  # fakes are none of its business
    assert (
        rate_by_group(labels, np.r_[scores, fakes], cut, pd.Series([*who, *["a"] * 100]), rate="FNR").table["n"][0]
        == 100
    )


def test_the_gap_of_groups_that_are_alike_is_luck():
    rng = np.random.default_rng(8)
    p = []
    for seed in range(100):
        who = pd.Series(rng.choice(list("abcdef"), 300))
        p.append(rate_by_group(*reals(rng.random(300) < 0.1)[:3], who, n_permutations=199, seed=seed).p)
    assert np.mean(np.array(p) <= 0.05) <= 0.1 and 0.4 < np.mean(p) < 0.65
    two = pd.Series(["a", "b"] * 40)
    few = rate_by_group(*reals(np.arange(80) < 4)[:3], two, least=41)
    assert isnan(few.gap) and isnan(few.p) and few.table["share"].isna().all()


def test_the_gap_deals_whole_groups():
    who, wrong = (
        pd.Series(np.repeat(["a", "b"], 90)),
        np.repeat(np.arange(6) < 2, 30),
    )  # six photographs, 30 copies each
    case = reals(wrong)[:3]
    assert rate_by_group(*case, who, np.repeat(np.arange(6), 30)).p > 0.2
    assert rate_by_group(*case, who).p < 0.001


# --- galleries


def test_galleries_by_hand():
    labels = np.array([0, 0, 0, 0, 1, 1, 1, 1])
    scores = np.array([0.9, 0.2, 0.7, 0.61, 0.1, 0.95, 0.5, 0.6])
    shown = {name: rows.tolist() for name, rows in galleries(labels, scores, 0.6).items()}
    assert shown == {
        "reals called fake": [0, 2, 3],
        "fakes called real": [4, 6],
        "reals called real": [1],
        "fakes called fake": [5, 7],
        "least sure": [7, 3, 2, 6, 0, 5, 1, 4],
    }
    assert {name: rows.tolist() for name, rows in galleries(labels, scores, 0.6, each=1).items()} == {
        name: rows[:1] for name, rows in shown.items()
    }


def test_galleries_against_sorting_with_a_threshold_an_image():
    rng = np.random.default_rng(9)
    labels, scores, cuts = rng.integers(0, 2, 300), rng.random(300), rng.uniform(0.3, 0.7, 300)
    shown = galleries(labels, scores, cuts, each=20)
    for name, rows in shown.items():
        if name == "least sure":
            expected = sorted(range(300), key=lambda i: abs(scores[i] - cuts[i]))
        else:
            of, call = (("real", "fake").index(word.removesuffix("s")) for word in name.split(" called "))
            chosen = [i for i in range(300) if labels[i] == of and (scores[i] >= cuts[i]) == call]
            expected = sorted(chosen, key=lambda i: -abs(scores[i] - cuts[i]))
        assert rows.tolist() == expected[:20]


def test_copies_do_not_fill_a_gallery():
    labels, scores = np.zeros(6, int), np.array([0.9, 0.9, 0.8, 0.7, 0.95, 0.6])
    groups = np.array([5, 5, 5, 2, 2, 9])
    assert galleries(labels, scores, 0.5, groups)["reals called fake"].tolist() == [4, 0, 5]
    assert galleries(labels, scores, 0.5)["reals called fake"].tolist() == [4, 0, 1, 2, 3, 5]
    assert galleries(labels, scores, 0.5)["fakes called real"].tolist() == []


# --- for people


def test_the_readable_table_and_what_it_leaves_out():
    table = error_table(
        *reals(np.r_[np.arange(50) < 25, np.zeros(50, bool)], hat=np.arange(100) < 50), rates=["FPR"]
    )
    text = readable(table).iloc[0]
    assert text["share"] == "0.50 [0.37, 0.63]" and text["reading"] == "errs more"
    low, high = table.loc[0, ["difference_low", "difference_high"]]
    assert text["against all others"] == f"+0.50 [{low:+.2f}, {high:+.2f}]" and float(text["p after Holm"]) < 1e-8
    assert share([True] * 25 + [False] * 25).low == pytest.approx(table["low"][0])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"attributes": pd.DataFrame({"hat": [True] * 3})}, "one row of attributes an image.*3 rows"),
        ({"attributes": pd.DataFrame(index=range(40))}, "in columns"),
        ({"attributes": pd.DataFrame(np.zeros((40, 2)), columns=["a", "a"])}, "different names"),
        ({"rates": ["fpr"]}, "no rate 'fpr'; choose from FPR, FNR, error"),
        ({"rates": ["FNR"]}, "FNR is a share of the fakes, but no image is fake"),
        ({"threshold": np.full(3, 0.5)}, "one threshold, or one an image"),
        ({"threshold": np.nan}, "one threshold"),
        ({"groups": np.arange(3)}, "a group for each of 40 images"),
        ({"scores": np.full(40, np.nan)}, "between 0 and 1"),
        ({"labels": np.full(40, 2)}, "labels must be 0"),
    ],
)
def test_what_cannot_be_is_said(change, message):
    case = {"labels": np.zeros(40, int), "scores": np.full(40, 0.2), "threshold": 0.5, "rates": ["FPR"]}
    case["attributes"] = pd.DataFrame({"hat": [True, False] * 20})
    with pytest.raises(ValueError, match=message):
        error_table(**case | change)
