"""What a lesson must be like: each rule is one function, lesson -> the problems it finds.

To add a rule, write the function and name it in RULES at the end.
"""

from __future__ import annotations

import ast
import io
import re
import statistics
import tokenize
from collections.abc import Callable, Iterator

from fakeface_utils.lessons import quiz
from tools.lesson_source import (
    BADGES,
    CLOSE,
    EXTERNAL,
    LOOSE_MARKER,
    OPEN,
    QUIZ,
    TARGET,
    Cell,
    Lesson,
    region_function,
    regions,
)

SECTIONS = (
    "What you will do",
    "Set-up",
    "Parameters",
    "Recap",
    "Predict first",
    "Exercises",
    "What can go wrong",
    "The reports' numbers beside ours",
    "Take-aways",
    "Next",
    "References",
)
CELLS, MEDIAN_LINES, LONGEST, LONGEST_MODEL, MOST_PARAMETERS = (30, 62), 8, 25, 35, 8
METRIC = r"AUC|accuracy|AP|F1(?:[ -]score)?|precision|recall|ECE|Brier(?: score)?"
# A percentage is fine where it names an interval's level or an operating point ("95 % interval", "1 % FPR").
LEVEL = (
    r"(?!\s*(?:bootstrap |confidence |Wilson |credible )?"
    r"(?:intervals?|confidence|CIs?|level|FPR|false[ -]positives?)\b)"
)
TYPED_RESULTS = (
    re.compile(rf"\d(?:[.,]\d+)?\s?%{LEVEL}", re.IGNORECASE),
    re.compile(
        rf"\b(?:{METRIC})\s*(?:of|is|was|were|=|:|at)?\s*(?:about|around|only|nearly)?\s*[01]?[.]\d",
        re.IGNORECASE,
    ),
    re.compile(r"\baccurac(?:y|ies) of\s+(?:about |around |only |nearly )?\d", re.IGNORECASE),
)
ABSOLUTE = re.compile(r"~/|/[A-Za-z_][\w.-]*/|/(?:content|data|home|mnt|root|tmp|usr|Users|var)$|[A-Za-z]:[\\/]\w")


def plain(heading: str) -> str:
    """A heading as it is compared: no case, no punctuation, and one report or many are the same."""
    words = re.sub(r"[^a-z0-9 ]", " ", re.sub(r"['’]", "", heading.lower())).split()
    return " ".join("report" if word == "reports" else word for word in words)


def solution_markers(lesson: Lesson) -> Iterator[str]:
    """Markers are balanced, around whole statements, inside documented functions."""
    for cell in lesson.cells:
        if cell.kind != "code" and LOOSE_MARKER.search(cell.prose):
            yield cell.says("a solution marker in text would show the solution; move it into a code cell")
        if cell.kind != "code" or not LOOSE_MARKER.search(cell.source) or cell.tree is None:
            continue
        try:
            for first, last in regions(cell.source):
                function = region_function(cell, first, last)
                if not ast.get_docstring(function):
                    yield cell.says(
                        f"{function.name} needs a docstring; its first line becomes the exercise's message"
                    )
        except ValueError as error:
            yield cell.says(str(error))


def exercises(lesson: Lesson) -> Iterator[str]:
    """An exercise cell has its own tag, and the very next cell checks it."""
    seen: set[str] = set()
    for cell, after in zip(lesson.cells, [*lesson.cells[1:], None], strict=True):
        marked = cell.kind == "code" and OPEN in cell.source
        if marked and not cell.exercise:
            yield cell.says(f'holds a solution; give the cell tags=["exercise-{lesson.name[:2]}.1"] (or .2, .3 …)')
        if not cell.exercise:
            continue
        if not re.fullmatch(rf"{lesson.name[:2]}\.[1-9]\d*", cell.exercise) or cell.exercise in seen:
            yield cell.says(f"exercise-{cell.exercise}: must be exercise-{lesson.name[:2]}.k, each k once")
        if not marked:
            yield cell.says(f"exercise-{cell.exercise} marks no solution with {OPEN} … {CLOSE}")
        seen.add(cell.exercise)
        check = "ex_" + cell.exercise.replace(".", "_")
        if after is None or check not in called(after):
            yield cell.says(f"the next cell must call checks.{check}(…)")


def called(cell: Cell) -> set[str]:
    """Names f of the calls checks.f(…) in a code cell."""
    calls = (
        [node.func for node in ast.walk(cell.tree) if isinstance(node, ast.Call)]
        if cell.kind == "code" and cell.tree
        else []
    )
    return {f.attr for f in calls if isinstance(f, ast.Attribute) and ast.unparse(f.value) == "checks"}


def parameters(lesson: Lesson) -> Iterator[str]:
    """One parameters cell: at most eight one-line literals, each with a comment."""
    tagged = [cell for cell in lesson.cells if "parameters" in cell.tags]
    if len(tagged) != 1:
        yield f'{len(tagged)} cells are tagged "parameters"; there must be exactly one'
    for cell in tagged:
        body = cell.tree.body if cell.kind == "code" and cell.tree else []
        if not 1 <= len(body) <= MOST_PARAMETERS:
            yield cell.says(f"{len(body)} parameters; at least 1, at most {MOST_PARAMETERS}")
        tokens = tokenize.generate_tokens(io.StringIO(cell.source).readline) if body else ()
        comments = {token.start[0] for token in tokens if token.type == tokenize.COMMENT}
        for node in body:
            if not is_literal_assignment(node):
                yield cell.says(
                    f"line {node.lineno}: only NAME = literal on one line; derive values in the next cell"
                )
            elif node.lineno not in comments:
                yield cell.says(f"line {node.lineno}: say in a comment behind the value what it does")


def is_literal_assignment(node: ast.stmt) -> bool:
    """NAME = 1, NAME = [1, 2], on one line: papermill reads no more than that."""
    targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
    if (
        not isinstance(node, ast.Assign | ast.AnnAssign)
        or len(targets) != 1
        or not isinstance(targets[0], ast.Name)
    ):
        return False
    try:
        ast.literal_eval(node.value)
    except (ValueError, TypeError):
        return False
    return node.lineno == node.end_lineno


def title(lesson: Lesson) -> Iterator[str]:
    """One H1, in the first cell, a question, with the badges."""
    found = [(cell, words) for cell, level, words in lesson.headings() if level == 1]
    if len(found) != 1:
        yield f"{len(found)} headings of level 1; there must be exactly one, the lesson's question"
    for cell, words in found[:1]:
        if not words.endswith("?"):
            yield cell.says("the title must be a question and end with ?")
        if cell.number != 1 or BADGES not in cell.source:
            yield cell.says(f"the title stands in the first cell, with {BADGES} under it")


def placeholders(lesson: Lesson) -> Iterator[str]:
    """Nothing in double braces but the badges of the title cell, and the questions."""
    for cell in lesson.markdown:
        for word in re.findall(r"\{\{.*?\}\}", cell.prose):
            if word != QUIZ and (cell.number != 1 or word != BADGES):
                yield cell.says(f"{word} means nothing here; {BADGES} in the title cell and {QUIZ} are filled in")


def questions(lesson: Lesson) -> Iterator[str]:
    """One cell asks the lesson's multiple-choice questions, and the very next one holds the right answers."""
    pairs = list(zip(lesson.cells, [*lesson.cells[1:], None], strict=True))
    asked = [(cell, after) for cell, after in pairs if cell.kind == "markdown" and QUIZ in cell.source]
    if len(asked) != 1:
        yield f"{len(asked)} cells hold {QUIZ}; exactly one must ask the lesson's questions"
        return
    ((cell, after),) = asked
    number = lesson.name[:2]
    try:
        right = ", ".join(f'{letter}="{option}"' for letter, option in quiz.solution(number).items())
    except ValueError as error:
        yield cell.says(str(error))
        return
    wanted = f'quiz.check("{number}", {right})'
    if after is None or not after.is_quiz or ast.unparse(ast.parse(wanted)) not in ast.unparse(after.tree):
        yield cell.says(f'the next cell must have tags=["quiz"] and call {wanted}')


def levels(lesson: Lesson) -> Iterator[str]:
    """Beside what a check can judge, a lesson asks for an explanation and for something of one's own."""
    number = lesson.name[:2]
    written = [
        call.args[0].value
        for cell in lesson.code
        for call in (ast.walk(cell.tree) if cell.tree else ())
        if isinstance(call, ast.Call) and ast.unparse(call.func) == "checks.written"
    ]
    filled = [cell.exercise for cell in lesson.cells if cell.exercise]
    expected = [f"{number}.{k}" for k in range(len(filled) + 1, len(filled) + 3)]
    if not filled or written != expected:
        yield (
            f"checks.written is called for {written}; after exercises with a check ({filled}) there must be one to "
            f"change and explain and an open one, {expected}"
        )


def python(lesson: Lesson) -> Iterator[str]:
    """Code parses and keeps clear of what breaks on the next machine."""
    for cell in lesson.code:
        for line in re.findall(r"^\s*!.*|^%%(?:bash|sh)\b", cell.source, re.MULTILINE):
            yield cell.says(
                f"{line.strip()!r}: shell commands (!wget and others) fail on some machines; use Python"
            )
        if cell.tree is None:
            yield cell.says("not valid Python")
            continue
        for node in ast.walk(cell.tree):
            if isinstance(node, ast.Attribute) and ast.unparse(node) == "sys.path":
                yield cell.says("sys.path: the package is installed, import it")
            if isinstance(node, ast.ExceptHandler) and node.type is None:
                yield cell.says("bare except: name the exception")
        for text in strings(cell.tree):
            if ABSOLUTE.match(text):
                yield cell.says(f"absolute path {text!r}: ask fakeface_utils.config for it")


def strings(tree: ast.AST) -> Iterator[str]:
    """String literals that could begin a path: not the later pieces of an f-string."""
    nodes = list(ast.walk(tree))
    pieces = {id(part) for node in nodes if isinstance(node, ast.JoinedStr) for part in node.values[1:]}
    for node in nodes:
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in pieces:
            yield node.value


def typed_results(lesson: Lesson) -> Iterator[str]:
    """A measured number is printed from a record, never typed; a report's number stands in a `claim` cell."""
    for cell in lesson.markdown:
        text = TARGET.sub("](", cell.prose)
        if "claim" not in cell.tags:
            for match in filter(None, (pattern.search(text) for pattern in TYPED_RESULTS)):
                yield cell.says(
                    f"{match[0]!r} is a typed result; print it from a record, or tag a report's number `claim`"
                )


def links(lesson: Lesson) -> Iterator[str]:
    """Relative links (seen from notebooks/) lead somewhere, and images have alt text."""
    base, built = lesson.root / "notebooks", {path.stem for path in lesson.path.parent.glob("*.py")}
    for cell in lesson.markdown:
        for _, target in TARGET.findall(cell.prose):
            path = (base / target.partition("#")[0]).resolve()
            ours = path.is_relative_to(lesson.root.resolve()) and not target.startswith("/")
            generated = path.suffix == ".ipynb" and path.stem in built
            if not target.startswith(EXTERNAL) and not (ours and (path.exists() or generated)):
                yield cell.says(f"link to {target!r}: no such file, seen from notebooks/")
        images = re.findall(r"!\[\s*\]\([^)]*\)|<img\b(?![^>]*\balt=[\"'][^\"']*\w)[^>]*>", cell.prose)
        for image in images:
            yield cell.says(f"{image!r} has no alt text; say what it shows")


def shape(lesson: Lesson) -> Iterator[str]:
    """30 to 60 cells and two for the questions, and code in small portions."""
    if not CELLS[0] <= len(lesson.cells) <= CELLS[1]:
        yield f"{len(lesson.cells)} cells; a lesson has {CELLS[0]} to {CELLS[1]}"
    lengths = [(cell, code_lines(cell)) for cell in lesson.code]
    middle = statistics.median(lines for _, lines in lengths) if lengths else 0
    if middle > MEDIAN_LINES:
        yield f"the median code cell has {middle:g} lines; at most {MEDIAN_LINES}"
    for cell, lines in lengths:
        most = LONGEST_MODEL if "model" in cell.tags else LONGEST
        if lines > most:
            yield cell.says(f"{lines} lines of code; at most {most}. Split it or move the dull part to the package")


def code_lines(cell: Cell) -> int:
    """Lines a reader sees: neither blank nor a solution marker."""
    return sum(line.strip() not in ("", OPEN, CLOSE) for line in cell.source.splitlines())


def sections(lesson: Lesson) -> Iterator[str]:
    """The required H2 sections, each once, in order; others may stand between them."""
    found = [plain(words) for _, level, words in lesson.headings() if level == 2]
    latest = -1
    for section in SECTIONS:
        count = found.count(plain(section))
        if count != 1:
            yield f'section "## {section}" stands {count} times; it must stand once'
            continue
        place = found.index(plain(section))
        if place < latest:
            yield f'section "## {section}" stands too early; the order is: {" · ".join(SECTIONS)}'
        latest = max(latest, place)


def objectives(lesson: Lesson) -> Iterator[str]:
    """What is promised at the start is taken away at the end."""
    promised, taken = lesson.bullets(3, "What you will learn"), lesson.bullets(2, "Take-aways")
    if promised is None:
        yield 'no heading "### What you will learn"'
    elif not promised or promised != taken:
        yield f"{promised} objectives under What you will learn, {taken or 0} take-aways; one for each"


Rule = Callable[[Lesson], Iterator[str]]
RULES: tuple[Rule, ...] = (
    solution_markers,
    exercises,
    parameters,
    levels,
    title,
    placeholders,
    questions,
    python,
    typed_results,
    links,
    shape,
    sections,
    objectives,
)


def problems(lesson: Lesson, rules: tuple[Rule, ...] = RULES) -> list[str]:
    """Everything that is wrong with a lesson, each with the file in front."""
    return [f"{lesson.path.name}: {problem}" for rule in rules for problem in rule(lesson)]
