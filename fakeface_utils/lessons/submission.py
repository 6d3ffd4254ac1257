"""What a learner handed in: a lesson's notebook, read without running it.

Answers are found by what the cells *call*, never by tags or positions: Colab drops tags, and learners move cells.
Needs the extra ``course`` (nbformat and IPython).
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from fakeface_utils.lessons import quiz
from fakeface_utils.lessons.exercises import EXERCISES

_CHECK = re.compile(r"ex_(\d\d)_(\d+)")
_UNREADABLE = (  # what a cell that is no Python was to answer: pattern, exercise
    (re.compile(r"checks\.ex_(\d\d)_(\d+)\s*\("), r"\1.\2"),
    (re.compile(r"checks\.written\(\s*[\"'](\d\d\.\d+)[\"']"), r"\1"),
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
        written: exercise in words -> its parts; code that is no plain text stands as it was written.
        quiz: question -> the answer given.
    """

    lesson: str
    content: bytes
    steps: tuple[Step, ...] = ()
    broken: dict[str, str] = field(default_factory=dict)
    written: dict[str, dict[str, str]] = field(default_factory=dict)
    quiz: dict[str, str] = field(default_factory=dict)


def read(path: str | Path) -> Submission:
    """Read a learner's notebook; nothing of it is run.

    Raises:
        SubmissionError: the file is no notebook, or none of a lesson with exercises or questions.
        OSError: it cannot be opened.
    """
    content = Path(path).read_bytes()
    steps, broken, trees = [], {}, []
    for cell, tags, source in _code_cells(path, content):
        try:
            tree = _parsed(source)
        except SyntaxError as error:
            why = f"cell {cell}: SyntaxError: {error.msg}"
            broken |= {m.expand(name): why for pattern, name in _UNREADABLE for m in pattern.finditer(source)}
            steps.append(Step(source, cell))
        else:
            trees.append(tree)
            steps += _steps(cell, source, tree)
            if "parameters" in tags or _assigns_profile(tree):
                steps.append(Step('PROFILE = "smoke"', cell))
    lesson = _lesson(path, trees, broken)
    words, answers = _in_words(trees), _quiz_answers(trees, lesson)
    return Submission(lesson, content, tuple(steps), broken, words, answers)


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


def _steps(cell: int, source: str, tree: ast.Module) -> list[Step]:
    """The cell as it is, or cut before each statement that checks: what it checks may be defined just above."""
    if not any(_checked(tree)):
        return [Step(source, cell)]
    steps, part = [], []
    for statement in tree.body:
        checked = list(_checked(statement))
        if checked and part:
            steps.append(Step(_unparsed(part), cell))
            part = []
        steps += [Step(ast.unparse(function), cell, number) for number, function in checked]
        part.append(statement)
    return [*steps, Step(_unparsed(part), cell)]


def _unparsed(statements: list[ast.stmt]) -> str:
    return ast.unparse(ast.Module(statements, type_ignores=[]))


def _calls(tree: ast.AST, module: str) -> Iterator[tuple[str, ast.Call]]:
    """The calls of ``module.name(...)``: name and call."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            owner = node.func.value
            if isinstance(owner, ast.Name) and owner.id == module:
                yield node.func.attr, node


def _checked(tree: ast.AST) -> Iterator[tuple[str, ast.expr]]:
    """What is checked: the exercise's number and the expression that was handed to its check."""
    for name, call in _calls(tree, "checks"):
        if (match := _CHECK.fullmatch(name)) and len(call.args) == 1:
            yield f"{match[1]}.{match[2]}", call.args[0]


def _assigns_profile(tree: ast.Module) -> bool:
    targets = []
    for statement in tree.body:
        if isinstance(statement, ast.Assign):
            targets += statement.targets
        elif isinstance(statement, ast.AnnAssign):
            targets.append(statement.target)
    return any(isinstance(target, ast.Name) and target.id == "PROFILE" for target in targets)


def _lesson(path: str | Path, trees: list[ast.Module], broken: dict[str, str]) -> str:
    """The lesson's number: of the first check or quiz, else from the file's name."""
    named = _NUMBER_IN_NAME.search(Path(path).name)
    candidates = [number[:2] for tree in trees for number in _first_numbers(tree)]
    candidates += [number[:2] for number in broken] + ([named[1]] if named else [])
    known = {number[:2] for number in EXERCISES} | set(quiz.lessons())
    for number in candidates:
        if number in known:
            return number
    seen = f"; lesson {candidates[0]} has none" if candidates else ""
    raise SubmissionError(f"{path} has no check and no quiz of a lesson with exercises{seen}")


def _first_numbers(tree: ast.Module) -> Iterator[str]:
    yield from (number for number, _ in _checked(tree))
    yield from (lesson for lesson, _ in _quizzes(tree))


def _quizzes(tree: ast.Module) -> Iterator[tuple[str, ast.Call]]:
    for name, call in _calls(tree, "quiz"):
        if name == "check" and call.args:
            yield _text(call.args[0]), call


def _quiz_answers(trees: list[ast.Module], lesson: str) -> dict[str, str]:
    calls = [call for tree in trees for number, call in _quizzes(tree) if number == lesson]
    return {letter: text for call in calls for letter, text in _keywords(call).items()}


def _in_words(trees: list[ast.Module]) -> dict[str, dict[str, str]]:
    calls = [call for tree in trees for name, call in _calls(tree, "checks") if name == "written" and call.args]
    answers = {_text(call.args[0]): _keywords(call) for call in calls}
    return {number: parts for number, parts in answers.items() if _NUMBER.fullmatch(number)}


def _keywords(call: ast.Call) -> dict[str, str]:
    return {keyword.arg or "**": _text(keyword.value) for keyword in call.keywords}


def _text(node: ast.expr) -> str:
    """A literal as text; anything else as the code that it is."""
    if isinstance(node, ast.Constant):
        return "" if node.value is None else str(node.value)
    return ast.unparse(node)
