"""A lesson's source file, taken apart: cells, headings, links, exercise regions."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import jupytext
from IPython.core.inputtransformer2 import TransformerManager

OPEN, CLOSE = "# <solution>", "# </solution>"
BADGES, QUIZ = "{{badges}}", "{{quiz}}"
LOOSE_MARKER = re.compile(r"<\s*/?\s*solution\s*>", re.IGNORECASE)
# What a link or picture points at, in Markdown and in HTML; group 1 is kept when a link is rewritten.
TARGET = re.compile(r"""(\]\(\s*|(?:src|href)=["'])([^)\s"']+)""")
EXTERNAL = ("http:", "https:", "mailto:", "data:", "attachment:", "#")
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


@dataclass(frozen=True)
class Cell:
    """One cell of a source file; `number` counts from 1, as a reader would."""

    number: int
    kind: str
    source: str
    tags: tuple[str, ...] = ()

    def says(self, problem: str) -> str:
        """The problem, with where it is: the cell's number and its first line."""
        first = next(iter(self.source.strip().splitlines()), "")
        return f"cell {self.number} ({first[:50]!r}): {problem}"

    @cached_property
    def tree(self) -> ast.Module | None:
        """The code's syntax tree, magics turned into calls; None where it is not Python."""
        try:
            return ast.parse(TransformerManager().transform_cell(self.source))
        except SyntaxError:
            return None

    @cached_property
    def prose(self) -> str:
        """Markdown text without code, fenced or inline."""
        text = re.sub(r"^(```|~~~).*?^\1[`~]*\s*?$", "", self.source, flags=re.MULTILINE | re.DOTALL)
        return re.sub(r"`[^`\n]*`", "", text)

    @property
    def exercise(self) -> str | None:
        """`01.2` where the cell is tagged `exercise-01.2`."""
        return next((tag.removeprefix("exercise-") for tag in self.tags if tag.startswith("exercise-")), None)

    @property
    def is_quiz(self) -> bool:
        """Whether the cell is tagged as the one that holds the answers to the multiple-choice questions."""
        return "quiz" in self.tags


@dataclass(frozen=True)
class Lesson:
    """A source file under notebooks/src/."""

    path: Path
    root: Path
    cells: tuple[Cell, ...]

    @property
    def name(self) -> str:
        return self.path.stem

    @property
    def code(self) -> list[Cell]:
        return [cell for cell in self.cells if cell.kind == "code"]

    @property
    def markdown(self) -> list[Cell]:
        return [cell for cell in self.cells if cell.kind == "markdown"]

    def headings(self) -> Iterator[tuple[Cell, int, str]]:
        """Every heading: its cell, its level, its words."""
        for cell in self.markdown:
            for match in re.finditer(r"^(#{1,6})\s+(.+?)\s*#*$", cell.prose, re.MULTILINE):
                yield cell, len(match[1]), match[2]

    def bullets(self, level: int, heading: str) -> int | None:
        """How many top-level bullets stand under a heading; None where the heading is missing."""
        text = "\n".join(cell.prose for cell in self.markdown)
        match = re.search(rf"^#{{{level}}}\s+{re.escape(heading)}\s*$(.*?)(?=^#|\Z)", text, re.M | re.S | re.I)
        return None if match is None else len(re.findall(r"^(?:[-*+]|\d+\.)\s", match[1], re.MULTILINE))


def read_lesson(path: Path, root: Path) -> Lesson:
    """Parse one source file (jupytext, py:percent)."""
    notebook = jupytext.reads(path.read_text(encoding="utf-8"), fmt="py:percent")
    cells = [
        Cell(number, cell.cell_type, cell.source, tuple(cell.metadata.get("tags", ())))
        for number, cell in enumerate(notebook.cells, 1)
    ]
    return Lesson(path, root, tuple(cells))


def regions(source: str) -> list[tuple[int, int]]:
    """Line numbers of each pair of solution markers; ValueError says what is wrong with them."""
    opened, found = 0, []
    for number, line in enumerate(source.splitlines(), 1):
        if line.strip() == OPEN:
            if opened:
                raise ValueError(
                    f"line {number}: {OPEN} inside the region opened in line {opened}; close that first"
                )
            opened = number
        elif line.strip() == CLOSE:
            if not opened:
                raise ValueError(f"line {number}: {CLOSE} closes no region")
            found.append((opened, number))
            opened = 0
        elif LOOSE_MARKER.search(line):
            raise ValueError(f"line {number}: write the marker as {OPEN} or {CLOSE}, alone on its line")
    if opened:
        raise ValueError(f"line {opened}: {OPEN} is never closed with {CLOSE}")
    return found


def region_function(cell: Cell, first: int, last: int) -> ast.FunctionDef | ast.AsyncFunctionDef:
    """The function that a region lies in; ValueError where it lies in none or cuts a statement."""
    nodes = list(ast.walk(cell.tree or ast.Module([], [])))
    inside = [node for node in nodes if isinstance(node, ast.stmt) and first < node.lineno < last]
    if not inside:
        raise ValueError(f"line {first}: the solution region holds no code")
    end = max(node.end_lineno for node in inside)
    if end > last:
        raise ValueError(f"line {last}: {CLOSE} stands in the middle of a statement")
    opening = cell.source.splitlines()[first - 1]
    if opening.index("#") != inside[0].col_offset:
        raise ValueError(f"line {first}: indent {OPEN} as the code below it")
    homes = [
        node for node in nodes if isinstance(node, FUNCTIONS) and node.lineno < first and end <= node.end_lineno
    ]
    if not homes:
        raise ValueError(f"line {first}: a solution region must lie inside a function")
    return max(homes, key=lambda node: node.lineno)


def without_solution(cell: Cell) -> str:
    """The cell as a learner gets it: each region becomes a NotImplementedError that names the exercise."""
    lines = cell.source.splitlines()
    for first, last in reversed(regions(cell.source)):
        doc = ast.get_docstring(region_function(cell, first, last)) or "fill in this function"
        message = json.dumps(f"Exercise {cell.exercise}: {doc.splitlines()[0]}", ensure_ascii=False)
        indent = lines[first - 1][: -len(lines[first - 1].lstrip())]
        lines[first - 1 : last] = [f"{indent}raise NotImplementedError({message})"]
    return "\n".join(lines)


def without_answers(cell: Cell) -> str:
    """The quiz cell as a learner gets it: the questions' letters, each with an empty answer."""
    return re.sub(r'(\b[a-z]=)"[^"]*"', r'\1""', cell.source)


def without_markers(cell: Cell) -> str:
    """The solved cell, without the markers that only the builder needs."""
    return "\n".join(line for line in cell.source.splitlines() if line.strip() not in (OPEN, CLOSE))
