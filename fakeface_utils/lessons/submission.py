"""What a learner handed in: a lesson's notebook, read without running it.

Answers are found by what the cells *call*, never by tags or positions: Colab drops tags, and learners move cells.
What a call means is read off the notebook's imports; a check that is used in another way is said to be unplaced.
Needs the extra ``course`` (nbformat and IPython).
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from fakeface_utils.lessons import quiz
from fakeface_utils.lessons.exercises import EXERCISES

_CHECK = re.compile(r"ex_(\d\d)_(\d+)")
_LESSONS = "fakeface_utils.lessons"
_KNOWN = {"fakeface_utils": "fakeface_utils"} | {name: f"{_LESSONS}.{name}" for name in ("checks", "quiz")}
_UNREADABLE = (  # what a cell that is no Python was to answer: pattern, exercise
    (re.compile(r"\bex_(\d\d)_(\d+)\s*\("), r"\1.\2"),
    (re.compile(r"\bwritten\(\s*[\"'](\d\d\.\d+)[\"']"), r"\1"),
    (re.compile(r"quiz\.check\(\s*[\"'](\d\d)[\"']"), r"\1.quiz"),
)
_NUMBER = re.compile(r"\d\d\.\d+")
_NUMBER_IN_NAME = re.compile(r"(?<!\d)(\d\d)_[a-z]")


class SubmissionError(ValueError):
    """A file cannot be graded; the text names it and says why."""


@dataclass(frozen=True)
class Step:
    """A piece of code to run, in order.

    Attributes:
        code: what to run; of a step that examines, the expression that the check was given.
        cell: which of the notebook's cells it is from, counted from 1 and text cells included, as a reader counts.
        examines: the exercise that the learner's function is to be examined for just here, or ``""``.
    """

    code: str
    cell: int
    examines: str = ""


@dataclass(frozen=True)
class Submission:
    """A notebook, as :func:`read` found it.

    Attributes:
        lesson: its number, ``"01"``.
        content: the file's bytes, as they were read.
        steps: all its code; where an exercise is checked, its cell is cut in two and a step that examines stands
            between them.
        broken: exercise (``"01.quiz"`` for the quiz) -> why the cell that checks it cannot be read.
        unplaced: exercise that no step examines, though its check is used -> in which cell; to be looked at by hand.
        written: exercise in words -> its parts; code that is no plain text stands as it was written.
        quiz: question -> the answer given.
    """

    lesson: str
    content: bytes
    steps: tuple[Step, ...] = ()
    broken: dict[str, str] = field(default_factory=dict)
    written: dict[str, dict[str, str]] = field(default_factory=dict)
    quiz: dict[str, str] = field(default_factory=dict)
    unplaced: dict[str, str] = field(default_factory=dict)


def read(path: str | Path) -> Submission:
    """Read a learner's notebook; nothing of it is run.

    Raises:
        SubmissionError: the file is no notebook, or none of a lesson with exercises or questions.
        OSError: it cannot be opened.
    """
    content = Path(path).read_bytes()
    cells = list(_code_cells(path, content))
    trees, broken = _trees(cells)
    names = _names(trees.values())
    steps = []
    for cell, tags, source in cells:
        tree = trees.get(cell)
        steps += [Step(source, cell)] if tree is None else _steps(cell, source, tree, names)
        if tree is not None and ("parameters" in tags or _assigns_profile(tree)):
            steps.append(Step('PROFILE = "smoke"', cell))
    placed = {step.examines for step in steps}
    unplaced = {number: why for number, why in _unplaced(trees, names).items() if number not in placed}
    readable = list(trees.values())
    lesson = _lesson(path, readable, names, [*broken, *unplaced])
    words, answers = _in_words(readable, names), _quiz_answers(readable, names, lesson)
    return Submission(lesson, content, tuple(steps), broken, words, answers, unplaced)


def _trees(cells: list[tuple[int, list[str], str]]) -> tuple[dict[int, ast.Module], dict[str, str]]:
    """Cell -> its code, of those that can be read; exercise -> why not, of those that should be in the others."""
    trees, broken = {}, {}
    for cell, _, source in cells:
        try:
            trees[cell] = _parsed(source)
        except SyntaxError as error:
            why = f"cell {cell}: SyntaxError: {error.msg}"
            broken |= {m.expand(name): why for pattern, name in _UNREADABLE for m in pattern.finditer(source)}
    return trees, broken


def _code_cells(path: str | Path, content: bytes) -> Iterator[tuple[int, list[str], str]]:
    import nbformat

    try:
        notebook = nbformat.reads(content.decode("utf-8"), as_version=4)
        cells = [(cell.cell_type, cell.metadata.get("tags", []), cell.source) for cell in notebook.cells]
    except Exception as error:  # nbformat lets through whatever a file that is no notebook makes it stumble over
        raise SubmissionError(f"{path} is no Jupyter notebook ({type(error).__name__})") from error
    for number, (kind, tags, source) in enumerate(cells, 1):
        if kind == "code":
            yield number, tags, source.encode("utf-8", "replace").decode("utf-8")  # half a character is none


def _parsed(source: str) -> ast.Module:
    """The cell as Python, its ``%magics`` and ``!commands`` turned into calls. Raises SyntaxError."""
    from IPython.core.inputtransformer2 import TransformerManager

    timed = re.match(r"\s*%%(time|timeit|capture)\b.*\n", source)  # a check under one of these is still a check
    python = TransformerManager().transform_cell(source[timed.end() :] if timed else source)
    try:
        return ast.parse(python)
    except (ValueError, RecursionError, MemoryError) as error:  # a NUL character, or an expression without end
        raise SyntaxError(f"{type(error).__name__} {error}".strip()) from error


def _steps(cell: int, source: str, tree: ast.Module, names: dict[str, str]) -> list[Step]:
    """The cell as it is, or cut before each statement that checks: what it checks may be defined just above."""
    if not any(_checked(tree, names)):
        return [Step(source, cell)]
    steps, part = [], []
    for statement in tree.body:
        checked = list(_checked(statement, names))
        if checked and part:
            steps.append(Step(_unparsed(part), cell))
            part = []
        steps += [Step(ast.unparse(function), cell, number) for number, function in checked]
        part.append(statement)
    return [*steps, Step(_unparsed(part), cell)]


def _unparsed(statements: list[ast.stmt]) -> str:
    return ast.unparse(ast.Module(statements, type_ignores=[]))


def _names(trees: Iterable[ast.Module]) -> dict[str, str]:
    """Name in the notebook -> what of this package it stands for, by the imports anywhere in it.

    ``checks`` and ``quiz`` mean what they do in the lessons where the import is missing or cannot be read.
    """
    names = dict(_KNOWN)
    for node in (node for tree in trees for node in ast.walk(tree)):
        if isinstance(node, ast.Import):
            found = {alias.asname: alias.name for alias in node.names if alias.asname}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            found = {alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names}
        else:
            continue
        names |= {name: whole for name, whole in found.items() if f"{whole}.".startswith("fakeface_utils.")}
    return names


def _meaning(node: ast.expr, names: dict[str, str]) -> str:
    """What a name, or names joined by dots, stands for in this package; ``""`` if for nothing known."""
    if isinstance(node, ast.Name):
        return names.get(node.id, "")
    owner = _meaning(node.value, names) if isinstance(node, ast.Attribute) else ""
    return f"{owner}.{node.attr}" if owner else ""


def _calls(tree: ast.AST, module: str, names: dict[str, str]) -> Iterator[tuple[str, ast.Call]]:
    """The calls of what is in ``fakeface_utils.lessons.<module>``: name there and call."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            owner, _, name = _meaning(node.func, names).rpartition(".")
            if owner == f"{_LESSONS}.{module}":
                yield name, node


def _argument(call: ast.Call, name: str) -> ast.expr | None:
    """What a call hands over as its first argument, by place or by this name; None if it does not say plainly."""
    if call.args:
        return None if isinstance(call.args[0], ast.Starred) else call.args[0]
    return next((keyword.value for keyword in call.keywords if keyword.arg == name), None)


def _checks(tree: ast.AST, names: dict[str, str]) -> Iterator[tuple[str, ast.Call, ast.expr]]:
    """Every check that is called as it should be: exercise, call and the expression that was handed to it."""
    for name, call in _calls(tree, "checks", names):
        match, function = _CHECK.fullmatch(name), _argument(call, "function")
        if match and function is not None and len(call.args) + len(call.keywords) == 1:
            yield f"{match[1]}.{match[2]}", call, function


def _checked(tree: ast.AST, names: dict[str, str]) -> Iterator[tuple[str, ast.expr]]:
    """What is checked: the exercise's number and the expression that was handed to its check."""
    yield from ((number, function) for number, _, function in _checks(tree, names))


def _unplaced(trees: dict[int, ast.Module], names: dict[str, str]) -> dict[str, str]:
    """Exercise -> the cell in which its check is named but not called with one function, such as a decorator."""
    found = {}
    for cell, tree in trees.items():
        called = {id(call.func) for _, call, _ in _checks(tree, names)}
        for node in ast.walk(tree):
            if id(node) not in called and (match := _CHECK.fullmatch(_named(node, names))):
                found[f"{match[1]}.{match[2]}"] = f"cell {cell}: its check is used in a way that cannot be read"
    return found


def _named(node: ast.AST, names: dict[str, str]) -> str:
    """The last part of what an expression names; the text of a literal, as for ``getattr``."""
    if isinstance(node, ast.Constant):
        return str(node.value)
    if isinstance(node, ast.Attribute):
        return node.attr
    return (_meaning(node, names) or node.id).rpartition(".")[2] if isinstance(node, ast.Name) else ""


def _assigns_profile(tree: ast.Module) -> bool:
    targets = []
    for statement in tree.body:
        if isinstance(statement, ast.Assign):
            targets += statement.targets
        elif isinstance(statement, ast.AnnAssign):
            targets.append(statement.target)
    return any(isinstance(target, ast.Name) and target.id == "PROFILE" for target in targets)


def _lesson(path: str | Path, trees: list[ast.Module], names: dict[str, str], others: list[str]) -> str:
    """The lesson's number: of the first check or quiz, else of the ``others``, else from the file's name."""
    named = _NUMBER_IN_NAME.search(Path(path).name)
    candidates = [number[:2] for tree in trees for number in _first_numbers(tree, names)]
    candidates += [number[:2] for number in others] + ([named[1]] if named else [])
    known = {number[:2] for number in EXERCISES} | set(quiz.lessons())
    for number in candidates:
        if number in known:
            return number
    seen = f"; lesson {candidates[0]} has none" if candidates else ""
    raise SubmissionError(f"{path} has no check and no quiz of a lesson with exercises{seen}")


def _first_numbers(tree: ast.Module, names: dict[str, str]) -> Iterator[str]:
    yield from (number for number, _ in _checked(tree, names))
    yield from (lesson for lesson, _ in _quizzes(tree, names))


def _quizzes(tree: ast.Module, names: dict[str, str]) -> Iterator[tuple[str, ast.Call]]:
    for name, call in _calls(tree, "quiz", names):
        if name == "check" and (lesson := _argument(call, "lesson")) is not None:
            yield _text(lesson), call


def _quiz_answers(trees: list[ast.Module], names: dict[str, str], lesson: str) -> dict[str, str]:
    calls = [call for tree in trees for number, call in _quizzes(tree, names) if number == lesson]
    return {letter: text for call in calls for letter, text in _keywords(call, "lesson").items()}


def _in_words(trees: list[ast.Module], names: dict[str, str]) -> dict[str, dict[str, str]]:
    calls = [call for tree in trees for name, call in _calls(tree, "checks", names) if name == "written"]
    answers = {
        _text(number): _keywords(call, "number")
        for call in calls
        if (number := _argument(call, "number")) is not None
    }
    return {number: parts for number, parts in answers.items() if _NUMBER.fullmatch(number)}


def _keywords(call: ast.Call, first: str) -> dict[str, str]:
    """What a call says by name, but for its first argument."""
    return {word.arg or "**": _text(word.value) for word in call.keywords if word.arg != first}


def _text(node: ast.expr) -> str:
    """A literal as text; anything else as the code that it is."""
    if isinstance(node, ast.Constant):
        return "" if node.value is None else str(node.value)
    return ast.unparse(node)
