"""The teacher's papers follow the lessons: headings, exercises, questions, minutes, plan, links; and type no result.

Each rule takes a paper's text and says what is wrong with it. Below, each is shown a paper with one defect.
"""

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from fakeface_utils import cli
from fakeface_utils.lessons import quiz
from fakeface_utils.lessons.exercises import EXERCISES
from tools.lesson_rules import TYPED_RESULTS
from tools.lesson_source import EXTERNAL, TARGET, Lesson, read_lesson

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "docs" / "instructor"
LESSONS = [
    "00_start_here",
    "01_data_tour",
    "02_ffnn_baseline",
    "03_cnn_tuning",
    "04_transfer_learning",
    "05_ela_and_fusion",
    "06_dcgan",
    "07_error_analysis",
    "08_generalization",
    "09_real_time",
    "10_reading_the_reports",
]
WRITTEN = [path.stem for path in sorted((ROOT / "notebooks" / "src").glob("[0-9][0-9]_*.py"))]
HEADINGS = [
    "Before the class",
    "Timing",
    "Usual wrong answers",
    "Points to discuss",
    "Rubric",
    "If something goes wrong",
]
CLASS = 90  # minutes
AT_HOME = {"What you will do", "Next", "References"}  # sections of a lesson that need no class time
LEVELS = ["6", "4", "2", "0"]
FEWEST_WRONG = 4  # as the exercises' own tests ask for
SHARE = re.compile(r"(?<![\d.])0?\.\d{2,}")
TIME = re.compile(r"\b\d+(?:[.,]\d+)? ?(?:s|min|h|seconds?|minutes?|hours?)\b")
CITED = re.compile(r"\b[Rr]eport 00\d\b")  # a number on such a line is the report's


# Reading a paper.


def parts(text: str, level: int) -> dict[str, str]:
    """Heading of this level -> the text under it; headings in code are none."""
    found, title, code = {}, None, False
    for line in text.splitlines():
        code ^= line.startswith("```")
        heading = None if code else re.match(r"(#+) (.+)", line)
        if heading and len(heading[1]) <= level:
            title = heading[2] if len(heading[1]) == level else None
            found |= {title: ""} if title else {}
        elif title:
            found[title] += line + "\n"
    return found


def tables(text: str) -> list[list[list[str]]]:
    """Each table as its rows of cells, without the head."""
    blocks = re.findall(r"(?:^\|.*\n?)+", text, re.MULTILINE)
    return [
        [[cell.strip() for cell in row.strip("|").split(" | ")] for row in block.splitlines()[2:]]
        for block in blocks
    ]


def rows(text: str) -> list[list[str]]:
    """The rows of the first table; none where there is no table."""
    return next(iter(tables(text)), [])


def prose(text: str) -> str:
    """Text without code, and without what links point at."""
    text = re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)
    return TARGET.sub("](", re.sub(r"`[^`\n]*`", "", text))


def lesson(name: str) -> Lesson:
    return read_lesson(ROOT / "notebooks" / "src" / f"{name}.py", ROOT)


def in_words(name: str) -> list[str]:
    """The exercises of a lesson that only a reader can judge."""
    code = "\n".join(cell.source for cell in lesson(name).code)
    return re.findall(r'checks\.written\(\s*"(\d\d\.\d+)"', code)


def filled_in(name: str) -> list[str]:
    return [number for number in EXERCISES if number.startswith(f"{name[:2]}.")]


def title(name: str) -> str:
    return next(words for _, level, words in lesson(name).headings() if level == 1)


# Rules for the note of a lesson: its text and the lesson's name -> problems.


def headings(text: str, name: str) -> Iterator[str]:
    if list(parts(text, 2)) != HEADINGS:
        yield f"its headings are {list(parts(text, 2))}; they must be {HEADINGS}"


def timing(text: str, name: str) -> Iterator[str]:
    """The rows name every section of the lesson, in order, and each of the three columns fills one class."""
    section = parts(text, 2).get("Timing", "")
    if "advice" not in section:
        yield "Timing does not say that its minutes are advice"
    named = [one for row in rows(section) for one in row[0].split("; ")]
    taught = [words for _, level, words in lesson(name).headings() if level == 2 and words not in AT_HOME]
    if named != taught:
        yield f"Timing names the sections {named}; the lesson has {taught}"
    for column in (1, 2, 3):
        total = sum(int(row[column]) for row in rows(section))
        if total != CLASS:
            yield f"column {column} of Timing comes to {total} minutes; a class has {CLASS}"


def wrong_answers(text: str, name: str) -> Iterator[str]:
    """Each exercise has a table of wrong answers, each question one with its wrong options and no other."""
    found = {
        heading.partition(":")[0]: under
        for heading, under in parts(parts(text, 2).get("Usual wrong answers", ""), 3).items()
    }
    exercises = [f"Exercise {number}" for number in filled_in(name) + in_words(name)]
    asked = quiz.questions(name[:2])
    if list(found) != exercises + [f"Quiz {letter}" for letter in asked]:
        yield f"wrong answers are given for {list(found)}; the lesson has {exercises} and the questions {list(asked)}"
    for heading in exercises:
        if len(rows(found.get(heading, ""))) < FEWEST_WRONG:
            yield f"{heading} has fewer than {FEWEST_WRONG} wrong answers"
    for letter, question in asked.items():
        wrong = [option for option in question["options"] if option != question["right"]]
        given = [row[0] for row in rows(found.get(f"Quiz {letter}", ""))]
        if given != wrong:
            yield f"Quiz {letter} explains the options {given}; the wrong ones are {wrong}"
    for heading, row in ((heading, row) for heading, under in found.items() for row in rows(under)):
        if len(row) != 3 or not all(row) or not row[2].count("?"):
            yield f"{heading}, {row[0]!r}: needs what the student is thinking, and a question that helps"


def discussion(text: str, name: str) -> Iterator[str]:
    points = re.findall(r"^\d+\. (?:.+\n)(?: {3}.+\n?)*", parts(text, 2).get("Points to discuss", ""), re.MULTILINE)
    if not 5 <= len(points) <= 8:
        yield f"{len(points)} points to discuss; there must be 5 to 8"
    for point in points:
        if "reached when" not in " ".join(point.lower().split()):
            yield f"{point[:40]!r} does not say what a good discussion reaches"


def rubric(text: str, name: str) -> Iterator[str]:
    found = parts(parts(text, 2).get("Rubric", ""), 3)
    if [heading.partition(",")[0] for heading in found] != in_words(name):
        yield f"rubrics are given for {list(found)}; they must be for {in_words(name)}"
    for heading, under in found.items():
        if [row[0] for row in rows(under)] != LEVELS or any(len(row[1]) < 20 for row in rows(under)):
            yield f"{heading}: the points of its levels are {[row[0] for row in rows(under)]}; they must be {LEVELS}"
        for example in ("Weak", "Strong"):
            if f'*{example}:* "' not in under:
                yield f"{heading} has no {example.lower()} answer as an example"


# Rules for every paper: its text and its path -> problems.


def typed(text: str, path: Path) -> Iterator[str]:
    """No result is typed, and no time but in Timing: what we measure is printed from records."""
    for line in prose(text).splitlines():
        if not CITED.search(line):
            for match in filter(None, (pattern.search(line) for pattern in (*TYPED_RESULTS, SHARE))):
                yield f"{match[0]!r} in {line!r} is a typed result; if it is a report's, name the report on the line"
    for match in TIME.finditer(prose(text.replace(parts(text, 2).get("Timing", "\0"), ""))):
        yield f"{match[0]!r} is a typed time; the syllabus has what was measured"


def slug(heading: str) -> str:
    """The anchor that GitHub gives a heading."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def links(text: str, path: Path) -> Iterator[str]:
    for _, target in TARGET.findall(text):
        if target.startswith(EXTERNAL):
            continue
        file, _, anchor = target.partition("#")
        there = (path.parent / file).resolve()
        if not there.exists() or not there.is_relative_to(ROOT):
            yield f"link to {target}: no such file in the project"
        elif anchor and anchor not in map(slug, re.findall(r"^#+ (.+)$", there.read_text(encoding="utf-8"), re.M)):
            yield f"link to {target}: no such heading"


def commands(text: str, path: Path) -> Iterator[str]:
    """What a teacher is told to type exists: targets of make and of tools/kit.py, options of the grader."""
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    for target in re.findall(r"(?:`|^)(?:make|python tools/kit\.py) ([a-z-]+)", text, re.MULTILINE):
        if target not in targets:
            yield f"make {target}: there is no such target"
    for line in re.findall(r"-m fakeface_utils (.+)$", text, re.MULTILINE):
        try:
            cli._parser().parse_args(line.split())
        except SystemExit:
            yield f"the kit does not understand {line!r}"


# Rules for the plan: the text of README.md -> problems.


def plan(text: str) -> Iterator[str]:
    """Ten weeks that name all lessons in order, with the written ones' titles; `planned` is what is not written."""
    weeks = rows(parts(text, 2).get("Ten weeks", ""))
    if [row[0] for row in weeks] != [str(week) for week in range(1, 11)]:
        yield f"the plan has the weeks {[row[0] for row in weeks]}"
    named = [name for row in weeks for name in re.findall(r"`(\w+)`", row[1])]
    if named != LESSONS:
        yield f"the plan names {named}; the lessons are {LESSONS}"
    exercises = {number for name in WRITTEN for number in filled_in(name) + in_words(name)}
    for row in weeks:
        here = re.findall(r"`(\w+)`", row[1])
        ready = all(name in WRITTEN for name in here)
        if row[-1] != ("yes" if ready else "planned"):
            yield f"week {row[0]} is marked {row[-1]!r}"
        for name in here:
            if name in WRITTEN and title(name) not in row[2]:
                yield f"week {row[0]}: lesson {name} asks {title(name)!r}"
        if unknown := set(re.findall(r"\d\d\.\d+", row[3])) - exercises:
            yield f"week {row[0]} asks for {sorted(unknown)}, which no lesson has"


def points(text: str) -> Iterator[str]:
    """The points of each lesson are those of its exercises and questions; the weights come to 100."""
    counted = []
    for name in WRITTEN:
        n = len(filled_in(name)), len(quiz.questions(name[:2])), len(in_words(name))
        counted.append([name[:2], *map(str, n), str(2 * n[0] + n[1] + int(LEVELS[0]) * n[2])])
    given = tables(parts(text, 2).get("Collecting and grading", ""))
    if counted not in given:
        yield f"the points of the lessons must be {counted}"
    weights = [int(row[1]) for row in rows(parts(text, 2).get("Assessment", ""))]
    if sum(weights) != 100:
        yield f"the weights {weights} come to {sum(weights)}"


def statistics(text: str) -> Iterator[str]:
    listed = [row[0] for row in rows(parts(text, 2).get("Which statistics are taught where", ""))]
    wanted = [name[:2] if name in WRITTEN else f"{name[:2]}, planned" for name in LESSONS]
    if listed != wanted:
        yield f"statistics are listed for {listed}; the lessons are {wanted}"


def notes_linked(text: str) -> Iterator[str]:
    for name in WRITTEN:
        if f"]({name[:2]}.md)" not in text:
            yield f"the note of {name} is not linked"


OF_A_NOTE: list[Callable] = [headings, timing, wrong_answers, discussion, rubric]
OF_A_PAPER: list[Callable] = [typed, links, commands]
OF_THE_PLAN: list[Callable] = [plan, points, statistics, notes_linked]


def note(name: str) -> Path:
    return FOLDER / f"{name[:2]}.md"


@pytest.mark.parametrize("rule", OF_A_NOTE)
@pytest.mark.parametrize("name", WRITTEN)
def test_a_lesson_has_a_note_that_follows_it(name, rule):
    assert list(rule(note(name).read_text(encoding="utf-8"), name)) == []


@pytest.mark.parametrize("rule", OF_A_PAPER)
@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.md")), ids=lambda path: path.name)
def test_a_paper_types_no_result_and_leads_nowhere_wrong(path, rule):
    assert list(rule(path.read_text(encoding="utf-8"), path)) == []


@pytest.mark.parametrize("rule", OF_THE_PLAN)
def test_the_readme_plans_what_is_there(rule):
    assert list(rule((FOLDER / "README.md").read_text(encoding="utf-8"))) == []


def test_every_note_is_of_a_lesson():
    assert {path.name for path in FOLDER.glob("*.md")} == {"README.md", *(note(name).name for name in WRITTEN)}


# Each rule sees its defects. A defect: what to look for in a paper, what to put there instead.

NOTE_DEFECTS = [
    (headings, "## Timing", "## Times"),
    (headings, "## Points to discuss", "## Rubric"),
    (headings, "## Rubric", "## More\n\n## Rubric"),
    (timing, r"\| (Set-up; Parameters) \| \d+", r"| \1 | 1"),
    (timing, r"\| Floors \| (\d+) \| 16 \| 0", r"| Floors | \1 | 16 | 1"),
    (timing, r"\| Floors.*\n", ""),
    (timing, r"\| Floors", "| Ceilings"),
    (timing, "advice for planning", "for planning"),
    (wrong_answers, "### Exercise 02.5", "### Exercise 02.7"),
    (wrong_answers, r"(### Exercise 02.3[^#]*)(### Exercise 02.4[^#]*)", r"\2\1"),
    (wrong_answers, r"### Exercise 02.4[^#]*", ""),
    (wrong_answers, r"### Exercise 02.6[^#]*", ""),
    (wrong_answers, r"### Quiz c[^#]*", ""),
    (wrong_answers, r"(### Quiz a[^#]*\n)\| 1 \|.*\n", r"\1"),
    (wrong_answers, r"(### Quiz a[^#]*\n)\| 4 \|", r"\1| 3 |"),
    (wrong_answers, r"(### Exercise 02.1[^#]*?--- \|\n)(\|.*\n){3}", r"\1"),
    (wrong_answers, r"\| the highest score \|.*\|", "| the highest score | strict is safe | Think again. |"),
    (wrong_answers, r"\| the highest score \|.*\|", "| the highest score |  | How so? |"),
    (discussion, r"^[4-8]\. (.*\n)( {3}.*\n)*", ""),
    (discussion, r"\n## Rubric", "9. **More.** *Reached when* done.\n\n## Rubric"),
    (discussion, r"\*Reached\s+when\*", "One sees that"),
    (rubric, "### 02.6, open", "### 02.4, open"),
    (rubric, r"### 02.6, open[^#]*", ""),
    (rubric, r"^\| 2 \| .Fewer.*\n", ""),
    (rubric, r"^\| 4 \| (The same)", r"| 5 | \1"),
    (rubric, r"^\| 4 \| The same.*", "| 4 | good |"),
    (rubric, r"\*Weak:\*", "Weak:"),
    (rubric, r'\*Strong:\* "[^"]*"', ""),
]
PAPER_DEFECTS = [
    (typed, r"\Z", "The network has an AUC of .71.\n"),
    (typed, r"\Z", "It finds 62 % of the fakes.\n"),
    (typed, r"\Z", "An accuracy of 3 in 5.\n"),
    (typed, r"\Z", "The thumbnail reached 0.687 here.\n"),
    (typed, r"\Z", "| M1 | .708 |\n"),
    (typed, "In report 000, the mean recall", "The mean recall"),
    (typed, r"\Z", "It takes 12 minutes.\n"),
    (typed, r"\Z", "Wait for 90 s.\n"),
    (links, r"\(README\.md\)", "(READ.md)"),
    (links, r"RESULTS\.md\)", "RESULT.md)"),
    (links, "#lessons", "#lesson"),
    (links, r"\Z", "[outside](../../../README.md)\n"),
    (commands, r"\Z", "`make everything` does it.\n"),
    (commands, r"\Z", "```\nmake all\n```\n"),
    (commands, r"\Z", "```\npython -m fakeface_utils grade x --output y\n```\n"),
]
PLAN_DEFECTS = [
    (plan, "`06_dcgan`", "a GAN"),
    (plan, "`07_error_analysis`, `08_generalization`", "`08_generalization`, `07_error_analysis`"),
    (plan, r"^\| 4 \| `03.*\n", ""),
    (plan, r"^\| 10 \| projects", "| 11 | projects"),
    (plan, r"(`01_data_tour`.*\| )yes \|", r"\1planned |"),
    (plan, r"(`08_generalization`.*\| )planned \|", r"\1yes |"),
    (plan, "and how sure can you be of that", "or not"),
    (plan, "01.1 to 01.5", "01.1 to 01.6"),
    (points, r"\| 00 \| 2 \| 4 \| 2 \| 20 \|", "| 00 | 3 | 4 | 2 | 22 |"),
    (points, r"\| project \| 30 \|", "| project | 35 |"),
    (statistics, r"^\| 07, planned .*\n", ""),
    (statistics, r"\| 08, planned \|", "| 04 |"),
    (notes_linked, r"\[01\.md\]\(01\.md\)", "01"),
]


def spoilt(path: Path, find: str, put: str) -> str:
    """The paper with one defect, or the test would show nothing."""
    text = path.read_text(encoding="utf-8")
    spoilt = re.sub(find, put, text, flags=re.MULTILINE)
    assert spoilt != text, f"{find} is not in {path.name}"
    return spoilt


@pytest.mark.parametrize(("rule", "find", "put"), NOTE_DEFECTS)
def test_a_defect_of_a_note_is_seen(rule, find, put):
    assert list(rule(spoilt(note("02"), find, put), "02_ffnn_baseline"))


@pytest.mark.parametrize(("rule", "find", "put"), PAPER_DEFECTS)
def test_a_defect_of_any_paper_is_seen(rule, find, put):
    assert list(rule(spoilt(note("02"), find, put), note("02")))


@pytest.mark.parametrize(("rule", "find", "put"), PLAN_DEFECTS)
def test_a_defect_of_the_plan_is_seen(rule, find, put):
    assert list(rule(spoilt(FOLDER / "README.md", find, put)))


def test_what_is_fine_is_left_alone():
    """A report's number on a line that names the report, the level of an interval, a version, code, class time."""
    fine = "In report 000, an accuracy of 0.72.\nA 95 % interval. Python 3.11. A score of .9.\n`AUC = 0.71`\n"
    fine += "```\nwait 90 s, AUC 0.71\n```\n## Timing\nThe game: 12 minutes.\n## Next\nA 90-minute class.\n"
    assert list(typed(fine, FOLDER)) == []


def test_no_wrong_answer_is_missing_when_a_lesson_is_new():
    """A lesson that has a source and no note is an error of the first test, not a silence."""
    assert {name[:2] for name in WRITTEN} <= {path.stem for path in FOLDER.glob("*.md")}
    assert set(WRITTEN) <= set(LESSONS) and WRITTEN
