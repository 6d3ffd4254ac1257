"""The checks behind the exercises: ``my_f = checks.ex_01_1(my_f)``.

A check calls the learner's function with tiny inputs that it prints, and says *not attempted*, *passed* or
*failed* with what was expected and what came. It returns the function to go on with: the learner's when it
passed, else the kit's own, so that an unfilled lesson runs to its end.

One exercise is one entry of ``EXERCISES``; adding one touches this file only.
"""

from __future__ import annotations

import math
import sys
import traceback
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from sklearn.metrics import roc_auc_score

from fakeface_utils.datasets import groups, layouts
from fakeface_utils.forensics import shortcuts


@dataclass(frozen=True)
class Exercise:
    """What an exercise expects.

    Attributes:
        number: as the lesson prints it, ``"01.1"``.
        reference: the kit's own function, which also computes the expected answers.
        cases: for each call, its arguments; small enough to be printed and followed by hand.
        hint: where to look when a case fails.
    """

    number: str
    reference: Callable
    cases: tuple[tuple, ...]
    hint: str


@dataclass(frozen=True)
class Outcome:
    """``status`` is ``"not attempted"``, ``"passed"`` or ``"failed"``; ``text`` is what the learner reads."""

    status: str
    text: str


def examine(exercise: Exercise, function: Callable) -> Outcome:
    """Call the learner's function with every case and compare; prints nothing."""
    for arguments in exercise.cases:
        expected = exercise.reference(*_copied(arguments))
        called = (
            f"{getattr(function, '__name__', 'your answer')}({', '.join(_shown(value) for value in arguments)})"
        )
        try:
            answer = function(*_copied(arguments))
        except NotImplementedError:
            return Outcome("not attempted", f"⏳ Exercise {exercise.number}: not attempted yet")
        except Exception:
            last = traceback.format_exception_only(*sys.exc_info()[:2])[-1].strip()
            return _failed(exercise, called, expected, f"an error: {last}")
        if not _equal(answer, expected):
            return _failed(exercise, called, expected, _shown(answer))
    return Outcome("passed", f"✅ Exercise {exercise.number}: passed {len(exercise.cases)} cases")


def _failed(exercise: Exercise, called: str, expected: object, came: str) -> Outcome:
    lines = [
        f"❌ Exercise {exercise.number}: not yet",
        f"   called    {called}",
        f"   expected  {_shown(expected)}",
        f"   came      {came}",
        f"   hint      {exercise.hint}",
    ]
    return Outcome("failed", "\n".join(lines))


def _copied(arguments: tuple) -> list:
    """Fresh copies, so that a function that changes its input cannot spoil the expected answer."""
    return [value.copy() if hasattr(value, "copy") else value for value in arguments]


def _equal(answer: object, expected: object) -> bool:
    """Equal in kind, shape and value; floats within 1e-6. NaN equals nothing, not even NaN."""
    if isinstance(expected, str):
        return isinstance(answer, str) and answer == expected
    if isinstance(expected, (int, float, np.number)):
        is_number = isinstance(answer, (int, float, np.number)) and not isinstance(answer, bool)
        return is_number and math.isclose(float(answer), float(expected), rel_tol=1e-6, abs_tol=1e-6)
    if isinstance(expected, np.ndarray):
        if not isinstance(answer, np.ndarray) or answer.shape != expected.shape:
            return False
        return bool(np.allclose(answer, expected, rtol=1e-6, atol=1e-6))
    if isinstance(expected, (list, tuple)):
        same_kind = isinstance(answer, (list, tuple)) and len(answer) == len(expected)
        return same_kind and all(_equal(a, e) for a, e in zip(answer, expected, strict=True))
    raise TypeError(f"checks cannot compare a {type(expected).__name__}")


def _shown(value: object) -> str:
    if isinstance(value, pd.DataFrame):
        return "the table\n" + value.to_string(index=False).replace("\n", "\n             ")
    if isinstance(value, np.ndarray):
        head = f"array of shape {value.shape}"
        rows = np.array2string(value, precision=4, separator=" ", max_line_width=100)
        return f"{head}\n             " + rows.replace("\n", "\n             ")
    text = repr(value.item() if isinstance(value, np.number) else value)
    return text if len(text) <= 300 else f"{text[:297]}..."


def _grid_with_step(step: float) -> np.ndarray:
    """A 9 x 9 image of two grey levels that meet on the border between two 8 x 8 blocks."""
    image = np.full((9, 9), 100.0)
    image[:, 8:] += step
    return image


def _ramp() -> np.ndarray:
    return np.add.outer(np.arange(10.0), 2 * np.arange(10.0))


def _small_index(rows: list[tuple[str, str, int]]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["name", "split", "group"])


def _dense_parameters(side: int, channels: int, units: int) -> int:
    return side * side * channels * units + units + units + 1


def _careful_threshold(labels: np.ndarray, scores: np.ndarray, most: float) -> float:
    allowed = [s for s in np.sort(scores) if np.mean(scores[labels == 0] >= s) <= most]
    return float(allowed[0]) if allowed else float("inf")


def _one_answer(share_of_fakes: float, says_fake: bool) -> tuple[float, float, float]:
    right = share_of_fakes if says_fake else 1 - share_of_fakes
    return right, right / 2, 0.5


def _group_bootstrap(labels: np.ndarray, scores: np.ndarray, groups: np.ndarray, draws: np.ndarray) -> np.ndarray:
    rows = [np.concatenate([np.flatnonzero(groups == group) for group in drawn]) for drawn in draws]
    return np.array([roc_auc_score(labels[r], scores[r]) for r in rows])


_LABELS = np.array([0, 0, 0, 1, 1])
_SCORES = np.array([0.6, 0.1, 0.4, 0.9, 0.6])
_GROUPS = np.array([7, 7, 3, 3, 9])
_DRAWS = np.array([[7, 3, 9, 9], [3, 3, 9, 7], [7, 7, 9, 3], [3, 7, 3, 9]])

EXERCISES = {
    exercise.number: exercise
    for exercise in (
        Exercise(
            "01.1",
            layouts.read_fake_name,
            (("easy_27_1000.jpg",), ("hard_127_0011.jpg",), ("mid_9_1110.jpg",), ("mid_4_0000.jpg",)),
            "the name is difficulty_number_bits.jpg; bit i belongs to layouts.PARTS[i]",
        ),
        Exercise(
            "01.2",
            groups.share_leaked,
            (
                (_small_index([("a", "train", 0), ("b", "test", 0), ("c", "test", 1), ("d", "train", 2)]),),
                (_small_index([("a", "train", 0), ("b", "train", 0), ("c", "test", 1), ("d", "valid", 1)]),),
                (_small_index([("a", "train", 0), ("b", "test", 0), ("c", "test", 0), ("d", "test", 3)]),),
            ),
            "count test images whose group number also occurs among the training images",
        ),
        Exercise(
            "01.3",
            shortcuts.blockiness,
            (
                (_grid_with_step(30.0),),
                (_grid_with_step(-30.0),),
                (np.full((9, 9), 50.0),),
                (_ramp(),),
                (_grid_with_step(30.0).T.copy(),),
            ),
            "the differences across columns 7|8 (and 15|16, ...) and rows 7|8 are on the grid, all others are not",
        ),
        Exercise(
            "02.1",
            _dense_parameters,
            ((2, 1, 3), (2, 3, 1), (128, 1, 128), (128, 3, 64)),
            "side x side x channels inputs go to each unit, and each unit and the output have a bias",
        ),
        Exercise(
            "02.2",
            _careful_threshold,
            (
                (_LABELS, _SCORES, 0.34),
                (_LABELS, _SCORES, 0.0),
                (_LABELS, _SCORES, 1.0),
                (np.array([0, 1, 0]), np.array([0.8, 0.7, 0.9]), 0.0),
            ),
            "for each score from the lowest up: what share of the reals scores at least that?",
        ),
        Exercise(
            "02.3",
            _one_answer,
            ((0.5, True), (0.2, True), (0.2, False)),
            "one class is found whole and the other not at all; the precision of a class nobody names is 0",
        ),
        Exercise(
            "02.4",
            _group_bootstrap,
            ((_LABELS, _SCORES, _GROUPS, _DRAWS), (1 - _LABELS, _SCORES, _GROUPS, _DRAWS)),
            "np.flatnonzero(groups == g) are the images of group g; put those of all drawn groups together",
        ),
    )
}


def _checker(number: str) -> Callable[[Callable], Callable]:
    def check(function: Callable) -> Callable:
        if function is EXERCISES[number].reference:  # the check lent it when its cell ran before
            print(f"⏳ Exercise {number}: this is the kit's own function; run your cell again, then this one")
            return function
        outcome = examine(EXERCISES[number], function)
        print(outcome.text)
        return function if outcome.status == "passed" else EXERCISES[number].reference

    check.__doc__ = f"Check exercise {number}; returns the function to go on with."
    return check


ex_01_1 = _checker("01.1")
ex_01_2 = _checker("01.2")
ex_01_3 = _checker("01.3")
ex_02_1 = _checker("02.1")
ex_02_2 = _checker("02.2")
ex_02_3 = _checker("02.3")
ex_02_4 = _checker("02.4")
