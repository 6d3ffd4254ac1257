"""The checks behind the exercises: ``my_f = checks.ex_01_1(my_f)``.

A check calls the learner's function with tiny inputs that it prints, and says *not attempted*, *passed* or
*failed* with what was expected and what came. It returns the function to go on with: the learner's when it
passed, else the kit's own, so that an unfilled lesson runs to its end.

The exercises themselves are in ``lessons.exercises``, a module a lesson. What a learner writes in words cannot be
checked; ``written`` only sees whether it is there.
"""

from __future__ import annotations

import math
import sys
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from fakeface_utils.lessons.exercises import EXERCISES, Exercise


@dataclass(frozen=True)
class Outcome:
    """How an answer did.

    Attributes:
        status: ``"not attempted"``, ``"passed"`` or ``"failed"``.
        text: what the learner reads.
        called: the call that failed, with its arguments; ``""`` if none did. So are the next two.
        expected: what it should have returned.
        came: what it returned, or the error.
    """

    status: str
    text: str
    called: str = ""
    expected: str = ""
    came: str = ""


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
    return Outcome("failed", "\n".join(lines), called, _shown(expected), came)


def written(number: str, **parts: str) -> None:
    """Say whether every part of an answer in words is there: ``checks.written("01.4", prediction="", why="")``.

    Raises:
        ValueError: no part is named.
    """
    if not parts:
        raise ValueError(f'name the parts of exercise {number}, as in checks.written("{number}", why="...")')
    if empty := empty_parts(parts):
        print(f"⏳ Exercise {number}: not written yet (empty: {', '.join(empty)})")
    else:
        print(f"✅ Exercise {number}: written; only a reader can judge it")


def empty_parts(parts: Mapping[str, str]) -> list[str]:
    """The names of the parts that hold nothing but space."""
    return [name for name, text in parts.items() if text is None or not str(text).strip()]


def _copied(arguments: tuple) -> list:
    """Fresh copies, so that a function that changes its input cannot spoil the expected answer."""
    return [value.copy() if hasattr(value, "copy") else value for value in arguments]


def _equal(answer: object, expected: object) -> bool:
    """Equal in kind, shape and value; floats within 1e-6. NaN equals nothing, not even NaN."""
    if expected is None:
        return answer is None
    if isinstance(expected, str):
        return isinstance(answer, str) and answer == expected
    if isinstance(expected, (bool, np.bool_)):
        return isinstance(answer, (bool, np.bool_)) and bool(answer) == bool(expected)
    if isinstance(expected, (int, float, np.number)):
        if not isinstance(answer, (int, float, np.number)) or isinstance(answer, bool):
            return False
        try:
            return math.isclose(float(answer), float(expected), rel_tol=1e-6, abs_tol=1e-6)
        except OverflowError:  # a whole number larger than any float
            return False
    if isinstance(expected, np.ndarray):
        if not isinstance(answer, np.ndarray) or answer.shape != expected.shape or answer.dtype.kind not in "biuf":
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
    try:
        text = repr(value.item() if isinstance(value, np.number) else value)
    except ValueError:  # Python writes no whole number of more than 4,300 digits
        return f"a {type(value).__name__} too long to be shown"
    return text if len(text) <= 300 else f"{text[:297]}..."


def _checker(number: str) -> Callable[[Callable], Callable]:
    def check(function: Callable) -> Callable:
        if function is EXERCISES[number].reference:  # the check lent it when its cell ran before
            print(f"⏳ Exercise {number}: this is the kit's own function; run your cell again, then this one")
            return function
        outcome = examine(EXERCISES[number], function)
        print(outcome.text)
        if outcome.status == "passed":
            return function
        print("   The lesson goes on with the kit's own function.")
        return EXERCISES[number].reference

    check.__doc__ = f"Check exercise {number}; returns the function to go on with."
    return check


def __getattr__(name: str) -> Callable[[Callable], Callable]:
    """``checks.ex_01_1`` is the check of exercise 01.1; there is one for each of ``EXERCISES``."""
    if not name.startswith("ex_"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    number = name.removeprefix("ex_").replace("_", ".")
    if number not in EXERCISES:
        raise AttributeError(f"there is no exercise {number}; there are {', '.join(sorted(EXERCISES))}")
    return _checker(number)
