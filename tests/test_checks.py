"""Exercise checks: each accepts the solution and rejects the wrong answers people give."""

import numpy as np
import pytest

from fakeface_utils.datasets import layouts
from fakeface_utils.lessons import checks
from fakeface_utils.lessons.exercises.lesson_06 import borderline
from tests.exercise_answers import WRONG, lesson_01


def not_attempted(*_):
    raise NotImplementedError("Exercise")


SEEDS = range(5)
NUMBERS = sorted(checks.EXERCISES)


def bits_unread(name):
    kind, _, bits = name.removesuffix(".jpg").split("_")
    return kind, bits


def first_border_only(grey):
    """Right for the one block of the shown images."""
    return lesson_01.steps(grey[:9, :9])


def memorised(exercise, otherwise):
    """A function that knows the shown cases by heart."""
    known = {repr(case): exercise.reference(*case) for case in exercise.cases}
    return lambda *arguments: known.get(repr(arguments), otherwise)


@pytest.mark.parametrize("number", NUMBERS)
def test_the_reference_passes_its_own_check(number):
    exercise = checks.EXERCISES[number]
    assert exercise.number == number
    for same in (exercise, exercise.drawn(seed=0, n=200)):
        outcome = checks.examine(same, exercise.reference)
        assert outcome.status == "passed", outcome.text


@pytest.mark.parametrize(("number", "wrong"), [(n, f) for n, fs in WRONG.items() for f in fs])
def test_wrong_answers_are_rejected_by_the_shown_cases_and_by_the_hidden(number, wrong):
    exercise = checks.EXERCISES[number]
    for same in (exercise, *(exercise.drawn(seed) for seed in SEEDS)):
        outcome = checks.examine(same, wrong)
        assert outcome.status == "failed"
        for word in ("called", "expected", "came", "hint"):
            assert word in outcome.text
        assert outcome.called in outcome.text and outcome.expected in outcome.text and outcome.came in outcome.text
        assert outcome.called and outcome.expected and outcome.came


def test_every_exercise_has_wrong_answers():
    assert set(WRONG) == set(checks.EXERCISES)
    assert min(len(functions) for functions in WRONG.values()) >= 4


@pytest.mark.parametrize("number", NUMBERS)
def test_the_shown_cases_by_heart_are_not_enough(number):
    exercise = checks.EXERCISES[number]
    for constant in [0, 1.0, float("inf"), "", None, *(exercise.reference(*case) for case in exercise.cases)]:
        by_heart = memorised(exercise, constant)
        assert checks.examine(exercise, by_heart).status == "passed"
        for seed in SEEDS:
            assert checks.examine(exercise.drawn(seed), by_heart).status == "failed"


def test_hidden_cases_see_what_the_shown_ones_cannot():
    exercise = checks.EXERCISES["01.3"]
    assert checks.examine(exercise, first_border_only).status == "passed"
    assert all(checks.examine(exercise.drawn(seed), first_border_only).status == "failed" for seed in SEEDS)


def test_a_seed_always_draws_the_same_cases_and_no_two_exercises_share_them():
    for number in NUMBERS:
        exercise = checks.EXERCISES[number]
        assert repr(exercise.drawn(3).cases) == repr(exercise.drawn(3).cases) != repr(exercise.drawn(4).cases)
        assert len(exercise.drawn(3).cases) == 20
    assert checks.EXERCISES["02.2"].drawn(3).cases[0][0].size  # drawn by their own hidden functions


def test_hidden_cases_come_to_the_edges_that_the_shown_ones_have():
    drawn = {number: checks.EXERCISES[number].drawn(0) for number in NUMBERS}
    answers = {number: [e.reference(*case) for case in e.cases] for number, e in drawn.items()}
    assert {0.0, 1.0} < set(answers["01.2"]) and len(set(answers["01.2"])) > 3
    assert {len(parts) for _, parts in answers["01.1"]} >= {0, 1, 2, 3}
    assert {case[0].shape[0] // 8 for case in drawn["01.3"].cases} >= {1, 2, 3}
    assert any(answer > 0 for answer in answers["01.3"]) and any(answer < 0 for answer in answers["01.3"])
    assert float("inf") in answers["02.2"] and {0.0, 1.0} < {case[2] for case in drawn["02.2"].cases}
    assert {says_fake for _, says_fake in drawn["02.3"].cases} == {True, False}
    assert any(len(set(row)) < len(row) for case in drawn["02.4"].cases for row in case[3].tolist())


def test_hidden_cases_of_lesson_05_come_to_the_edges():
    drawn = {n: checks.EXERCISES[n].drawn(0) for n in ("05.2", "05.3", "05.4")}
    answers = {n: [e.reference(*case) for case in e.cases] for n, e in drawn.items()}
    levels, values = (set(part) for part in zip(*answers["05.2"], strict=True))
    assert {30, 50, 255} <= values and {0, 255} & levels
    assert len(set(answers["05.3"])) > 5
    assert [] in answers["05.4"] and ["no gain"] in answers["05.4"] and any(len(a) > 1 for a in answers["05.4"])
    assert any(low == 0 for gain, controls in drawn["05.4"].cases for low, _ in controls.values())


def test_hidden_cases_of_lesson_06_come_to_the_edges():
    drawn = {n: checks.EXERCISES[n].drawn(0) for n in ("06.1", "06.2", "06.3")}
    answers = {n: [e.reference(*case) for case in e.cases] for n, e in drawn.items()}
    layers = zip(answers["06.1"], drawn["06.1"].cases, strict=True)
    middles = [set(taps[kernel:-kernel]) for taps, (_, kernel, _) in layers]
    assert {0, 1} in middles and {2} in middles and any({2} < middle for middle in middles)
    assert min(answers["06.2"]) < -0.1 and max(answers["06.2"]) > 0.1
    assert len({len(real) - len(fake) for real, fake in drawn["06.2"].cases}) > 3
    assert {(0.0, None), (1.0, 1)} < set(answers["06.3"]) and len(set(answers["06.3"])) > 5


def test_no_case_of_exercise_06_3_hangs_on_rounding():
    exercise = checks.EXERCISES["06.3"]
    assert borderline(0.95) and not any(map(borderline, (0.0, 0.5, 0.94, 1.0)))
    assert not any(borderline(share) for share, _ in (*exercise.cases, *exercise.drawn(0, 500).cases))


def test_the_spare_blockiness_is_right():
    """The mistakes among the wrong answers are variations of a function that passes."""
    assert checks.examine(checks.EXERCISES["01.3"], lesson_01.steps).status == "passed"
    assert checks.examine(checks.EXERCISES["01.3"].drawn(0, 200), lesson_01.steps).status == "passed"


def test_an_unknown_exercise_is_said_with_those_there_are():
    with pytest.raises(AttributeError, match=r"no exercise 01\.9; there are .*01\.1, 01\.2"):
        checks.ex_01_9  # noqa: B018
    with pytest.raises(AttributeError, match="has no attribute 'exercise'"):
        checks.exercise  # noqa: B018
    assert checks.ex_01_1.__doc__ == "Check exercise 01.1; returns the function to go on with."


def test_written_says_what_is_empty(capsys):
    checks.written("01.4", prediction="up", change="", result="it rose", why=" \n")
    checks.written("01.4", prediction="up", why="because")
    assert capsys.readouterr().out.splitlines() == [
        "⏳ Exercise 01.4: not written yet (empty: change, why)",
        "✅ Exercise 01.4: written; only a reader can judge it",
    ]
    with pytest.raises(ValueError, match=r"01\.4"):
        checks.written("01.4")


@pytest.mark.parametrize("number", NUMBERS)
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
    assert equal(True, np.True_) and not equal(True, False) and not equal(1, True) and not equal(np.zeros(2), "ab")
    assert not equal(np.array(["a", "b"]), np.zeros(2)) and equal(np.zeros(2, dtype=int), np.zeros(2))
    assert not equal([1], [1, 2]) and not equal(None, 0.0) and not equal([0.0, 0.0], np.zeros(2))
    assert equal((0.0, None), [0, None]) and not equal((0.0, 0), (0.0, None)) and not equal(np.nan, None)


@pytest.mark.parametrize(
    "huge", [10**400, -(10**400), 10**5000, [10**400]], ids=["large", "low", "unprintable", "list"]
)
def test_a_number_larger_than_any_float_is_a_wrong_answer(huge):
    exercise = next(e for e in checks.EXERCISES.values() if isinstance(e.reference(*e.cases[0]), (int, float)))
    outcome = checks.examine(exercise, lambda *arguments: huge)
    assert outcome.status == "failed" and outcome.came
    assert not checks._equal([huge], [1.0]) and not checks._equal(huge, float("inf"))


def test_a_student_is_told_whose_function_goes_on(capsys):
    lent = "goes on with the kit's own function"
    for wrong in (not_attempted, lambda name: None):
        checks.ex_01_1(wrong)
        assert lent in capsys.readouterr().out
    checks.ex_01_1(lambda name: checks.EXERCISES["01.1"].reference(name))
    assert lent not in capsys.readouterr().out
