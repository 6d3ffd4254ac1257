"""The exercises of the level *fill in*: ``EXERCISES``, number -> :class:`Exercise`, of all lessons.

Each lesson's lie in a module of its own, ``lesson_NN.py``, as a tuple ``EXERCISES``; a new module is found by
its name.
"""

from __future__ import annotations

import importlib
import pkgutil

from fakeface_utils.lessons.exercises.exercise import Exercise

__all__ = ["EXERCISES", "Exercise"]


def _gathered() -> dict[str, Exercise]:
    names = sorted(module.name for module in pkgutil.iter_modules(__path__) if module.name.startswith("lesson_"))
    lessons = [importlib.import_module(f"{__name__}.{name}") for name in names]
    return {exercise.number: exercise for lesson in lessons for exercise in lesson.EXERCISES}


EXERCISES = _gathered()
