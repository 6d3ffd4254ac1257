"""Exercise checks: each accepts the solution and rejects the wrong answers people give."""

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from fakeface_utils.datasets import layouts
from fakeface_utils.lessons import checks


def not_attempted(*_):
    raise NotImplementedError("Exercise")


def parts_reversed(name):
    kind, _, bits = name.removesuffix(".jpg").split("_")
    return kind, [part for part, bit in zip(layouts.PARTS, reversed(bits), strict=False) if bit == "1"]


def parts_that_are_zero(name):
    kind, _, bits = name.removesuffix(".jpg").split("_")
    return kind, [part for part, bit in zip(layouts.PARTS, bits, strict=False) if bit == "0"]


def parts_from_the_number(name):
    kind, number, _ = name.removesuffix(".jpg").split("_")
    return kind, [part for part, bit in zip(layouts.PARTS, number, strict=False) if bit == "1"]


def bits_unread(name):
    kind, _, bits = name.removesuffix(".jpg").split("_")
    return kind, bits


def share_of_groups(index):
    per_split = index.groupby("group")["split"].nunique()
    return float((per_split > 1).mean())


def share_of_all_images(index):
    train = set(index.loc[index["split"] == "train", "group"])
    test = index[index["split"] == "test"]
    return float(test["group"].isin(train).sum() / len(index))


def share_of_train(index):
    test = set(index.loc[index["split"] == "test", "group"])
    return float(index.loc[index["split"] == "train", "group"].isin(test).mean())


def counts_instead_of_share(index):
    train = set(index.loc[index["split"] == "train", "group"])
    return int(index.loc[index["split"] == "test", "group"].isin(train).sum())


def steps(grey, offset=7, take=np.abs, rows=True):
    """Blockiness with room for mistakes."""
    across = take(np.diff(grey, axis=1))
    down = take(np.diff(grey, axis=0)).T if rows else across[:0]
    on, off = [], []
    for differences in (across, down):
        if differences.size:
            edge = np.arange(differences.shape[1]) % 8 == offset
            on.append(differences[:, edge].ravel())
            off.append(differences[:, ~edge].ravel())
    return float(np.concatenate(on).mean() - np.concatenate(off).mean())


def threshold_by(judge):
    """Exercise 02.2 with another idea of what is allowed; ``judge`` takes labels, scores, a score and the share."""

    def answer(labels, scores, most):
        allowed = [x for x in np.sort(scores) if judge(labels, scores, x, most)]
        return float(allowed[0]) if allowed else float("inf")

    return answer


def resampled(labels, scores, groups, draws, metric=roc_auc_score, members=lambda groups, drawn: groups == drawn):
    """Exercise 02.4 with room for mistakes."""
    rows = [np.concatenate([np.flatnonzero(members(groups, g)) for g in drawn]) for drawn in draws]
    return np.array([metric(labels[r], scores[r]) for r in rows])


def ties_count_nothing(labels, scores):
    return (scores[labels == 1][:, None] > scores[labels == 0]).mean()


WRONG = {
    "02.1": [
        lambda side, channels, units: side * side * channels * units + units,  # no biases
        lambda side, channels, units: side * channels * units + 2 * units + 1,
        lambda side, channels, units: side * side * units + 2 * units + 1,  # grey only
        lambda side, channels, units: (side * side * channels + 1) * units + units,  # no bias of the output
        lambda side, channels, units: str((side * side * channels + 2) * units + 1),
    ],
    "02.2": [
        threshold_by(lambda y, s, x, most: np.mean(s[y == 0] > x) <= most),  # called fake only above it
        threshold_by(lambda y, s, x, most: np.mean(s >= x) <= most),  # of all images
        threshold_by(lambda y, s, x, most: np.mean(s[y == 1] >= x) <= most),  # of the fakes
        threshold_by(lambda y, s, x, most: np.mean(s[y == 0] >= x) < most),
        lambda labels, scores, most: float(np.sort(scores)[-1]),
        lambda labels, scores, most: float("inf"),
        lambda labels, scores, most: float("nan"),
        lambda labels, scores, most: float(np.quantile(scores[labels == 0], 1 - most)),
    ],
    "02.3": [
        lambda share, says_fake: (share, share / 2, 0.5),  # whatever it says
        lambda share, says_fake: (max(share, 1 - share), max(share, 1 - share) / 2, 0.5),
        lambda share, says_fake: (share if says_fake else 1 - share, 0.25, 0.25),  # the report's M3
        lambda share, says_fake: (share if says_fake else 1 - share, 0.25, 0.5),
        lambda share, says_fake: share if says_fake else 1 - share,
    ],
    "02.4": [
        lambda y, s, g, draws: resampled(y, s, g, draws, ties_count_nothing),
        lambda y, s, g, draws: resampled(1 - y, s, g, draws),  # real is 1
        lambda y, s, g, draws: resampled(y, s, np.arange(5), np.argmax(g == draws[..., None], axis=-1)),  # one each
        lambda y, s, g, draws: np.array(
            [roc_auc_score(y[m], s[m]) for m in (np.isin(g, d) for d in draws)]
        ),  # once
        lambda y, s, g, draws: resampled(y, s, g, draws)[::-1],
        lambda y, s, g, draws: resampled(y, s, g, draws).tolist(),  # no array
        lambda y, s, g, draws: np.full(len(draws), roc_auc_score(y, s)),  # resamples nothing
        lambda y, s, g, draws: resampled(y, np.sort(s), g, draws),
    ],
    "01.1": [parts_reversed, parts_that_are_zero, parts_from_the_number, bits_unread, lambda name: ("easy", [])],
    "01.2": [share_of_groups, share_of_all_images, share_of_train, counts_instead_of_share, lambda index: 0.0],
    "01.3": [
        lambda grey: steps(grey, offset=0),  # the grid one pixel off
        lambda grey: steps(grey, take=lambda d: d),  # no absolute value
        lambda grey: steps(grey, rows=False),  # columns only
        lambda grey: steps(grey) + 1.0,
        lambda grey: steps(grey.T[:, :1] + grey.T),
        lambda grey: 0.0,
        lambda grey: float("nan"),
        lambda grey: None,
        lambda grey: 1 / 0,
    ],
}


@pytest.mark.parametrize("number", sorted(checks.EXERCISES))
def test_the_reference_passes_its_own_check(number):
    exercise = checks.EXERCISES[number]
    outcome = checks.examine(exercise, exercise.reference)
    assert outcome.status == "passed", outcome.text


@pytest.mark.parametrize(("number", "wrong"), [(n, f) for n, fs in WRONG.items() for f in fs])
def test_wrong_answers_are_rejected(number, wrong):
    outcome = checks.examine(checks.EXERCISES[number], wrong)
    assert outcome.status == "failed"
    for word in ("called", "expected", "came", "hint"):
        assert word in outcome.text


def test_every_exercise_has_wrong_answers():
    assert set(WRONG) == set(checks.EXERCISES)


def test_the_spare_blockiness_is_right():
    """The mistakes above are variations of a function that passes."""
    assert checks.examine(checks.EXERCISES["01.3"], steps).status == "passed"


@pytest.mark.parametrize("number", sorted(checks.EXERCISES))
def test_not_attempted_is_said_and_the_kits_function_goes_on(number, capsys):
    check = getattr(checks, f"ex_{number.replace('.', '_')}")
    assert check(not_attempted) is checks.EXERCISES[number].reference
    assert "not attempted" in capsys.readouterr().out


def test_a_passed_function_is_the_one_to_go_on_with(capsys):
    mine = lambda name: layouts.read_fake_name(name)  # noqa: E731
    assert checks.ex_01_1(mine) is mine
    assert "✅" in capsys.readouterr().out
    assert checks.ex_01_1(bits_unread) is layouts.read_fake_name


def test_running_a_check_twice_does_not_pass(capsys):
    lent = checks.ex_01_1(bits_unread)
    capsys.readouterr()
    assert checks.ex_01_1(lent) is lent
    said = capsys.readouterr().out
    assert "the kit's own function" in said and "✅" not in said


def test_something_that_is_no_function_fails_with_a_sentence():
    assert "your answer(" in checks.examine(checks.EXERCISES["01.1"], None).text


def test_a_function_that_spoils_its_input_is_still_compared_fairly():
    def spoils(index):
        index["split"] = "train"
        return 0.0

    assert checks.examine(checks.EXERCISES["01.2"], spoils).status == "failed"


def test_equality_knows_kinds_and_shapes():
    equal = checks._equal
    assert equal(1, 1.0) and equal(np.float32(0.5), 0.5) and equal([1, "a"], (1, "a"))
    assert not equal("1", 1) and not equal(True, 1) and not equal(float("nan"), 0.5)
    assert not equal(np.zeros((2, 1)), np.zeros((1, 2))) and not equal(np.zeros(3), 0.0)
    assert not equal([1], [1, 2]) and not equal(None, 0.0) and not equal([0.0, 0.0], np.zeros(2))
