"""Grading learners' notebooks: tiny ones, made here, run in real kernels."""

import csv
import json
import sys
from pathlib import Path

import pytest

from fakeface_utils import cli, config
from fakeface_utils.lessons import checks, gradebook, grading, quiz, submission

nbformat = pytest.importorskip("nbformat")
pytest.importorskip("nbclient")
pytest.importorskip("ipykernel")

IMPORTS = """import numpy as np
from fakeface_utils.datasets import layouts
from fakeface_utils.lessons import checks, quiz"""
NAME = """def read_fake_name(name):
    kind, _, bits = name.removesuffix(".jpg").split("_")
    return kind, [part for part, bit in zip(layouts.PARTS, bits) if bit == "1"]"""
LEAK = """def share_leaked(index):
    seen = set(index.loc[index["split"] == "train", "group"])
    return float(index.loc[index["split"] == "test", "group"].isin(seen).mean())"""
BLOCKS = 'def blockiness(grey):\n    raise NotImplementedError("Exercise 01.3")'
CHECKS = {
    "01.1": "read_fake_name = checks.ex_01_1(read_fake_name)",
    "01.2": "share_leaked = checks.ex_01_2(share_leaked)",
    "01.3": "blockiness = checks.ex_01_3(blockiness)",
}


def notebook(path, *cells, tagged=None):
    """A notebook of these code cells, behind a heading; the ``tagged`` one carries the tag ``parameters``."""
    made = [nbformat.v4.new_markdown_cell("# Lesson"), *(nbformat.v4.new_code_cell(source) for source in cells)]
    if tagged is not None:
        made[cells.index(tagged) + 1].metadata["tags"] = ["parameters"]
    nbformat.write(nbformat.v4.new_notebook(cells=made), path)
    return path


def graded(path, timeout=60, seed=0):
    """exercise -> (status, detail) of the exercises to fill in."""
    grades = grading.grade(submission.read(path), seed, timeout)
    return {one.exercise: (one.status, one.detail) for one in grades if one.level == "fill in"}


def statuses(grades):
    return {number: status for number, (status, _) in grades.items()}


def by_heart(number):
    """Source of a function that knows the shown cases and nothing else."""
    exercise = checks.EXERCISES[number]
    known = {case[0]: exercise.reference(*case) for case in exercise.cases}
    return f"def read_fake_name(name):\n    return {known!r}.get(name, ('easy', ['nose']))"


# Reading a notebook.


def test_a_cell_is_cut_before_each_check(tmp_path):
    path = notebook(
        tmp_path / "x.ipynb",
        IMPORTS,
        f"{NAME}\n{CHECKS['01.1']}\nprint('after')\nchecks.ex_01_2(lambda t: 0.0)",
        "%matplotlib inline\n!true",
        f"%%time\n{CHECKS['01.3']}",
    )
    steps = submission.read(path).steps
    assert [(step.cell, step.examines) for step in steps] == [
        (2, ""),
        (3, ""),
        (3, "01.1"),
        (3, ""),
        (3, "01.2"),
        (3, ""),
        (4, ""),
        (5, "01.3"),
        (5, ""),
    ]
    assert steps[0].code == IMPORTS and steps[6].code == "%matplotlib inline\n!true"  # as they were written
    assert steps[1].code.startswith("def read_fake_name") and "checks" not in steps[1].code
    assert steps[2].code == "read_fake_name"
    assert steps[3].code == "read_fake_name = checks.ex_01_1(read_fake_name)\nprint('after')"
    assert steps[4].code == "lambda t: 0.0"


@pytest.mark.parametrize("tagged", [True, False])
def test_the_profile_is_set_where_the_parameters_are(tmp_path, tagged):
    parameters = 'PROFILE = "auto"  # or another\nSEED = 0'
    cells = [IMPORTS, "def f():\n    PROFILE = 1", parameters, "PROFILE: str = 'laptop'", CHECKS["01.1"]]
    path = notebook(tmp_path / "x.ipynb", *cells, tagged=parameters if tagged else None)
    code = [step.code for step in submission.read(path).steps if not step.examines]
    smoke = 'PROFILE = "smoke"'
    assert code == [IMPORTS, cells[1], parameters, smoke, cells[3], smoke, CHECKS["01.1"]]


def test_a_tagged_cell_counts_whatever_it_assigns(tmp_path):
    path = notebook(tmp_path / "x.ipynb", "SEED = 0", CHECKS["01.1"], tagged="SEED = 0")
    assert [step.code for step in submission.read(path).steps][1] == 'PROFILE = "smoke"'


USE = "checks.ex_01_1(f)"


@pytest.mark.parametrize(
    "cells",
    [
        ["checks.ex_01_1(function=f)"],
        ["from fakeface_utils.lessons import checks as c", "c.ex_01_1(f)"],
        ["from fakeface_utils.lessons.checks import ex_01_1", "ex_01_1(f)"],
        ["from fakeface_utils.lessons.checks import ex_01_1 as try_it", "f = try_it(function=f)"],
        ["import fakeface_utils.lessons.checks", "fakeface_utils.lessons.checks.ex_01_1(f)"],
        ["import fakeface_utils.lessons.checks as c", "c.ex_01_1(f)"],
        ["if True:\n    from fakeface_utils import lessons", "lessons.checks.ex_01_1(f)"],
        ["try:\n    from fakeface_utils.lessons import checks\nexcept ImportError:\n    import own as checks", USE],
        ["c.ex_01_1(f)", "from fakeface_utils.lessons import checks as c"],  # cells need not be run in order
    ],
)
def test_a_check_is_known_by_any_plain_import(tmp_path, cells):
    read = submission.read(notebook(tmp_path / "x.ipynb", *cells))
    assert [(step.code, step.examines) for step in read.steps if step.examines] == [("f", "01.1")]
    assert read.unplaced == {} and read.lesson == "01"


@pytest.mark.parametrize(
    "cell",
    [
        "check = checks.ex_01_1\ncheck(f)",
        "@checks.ex_01_1\ndef f(name):\n    return name",
        "list(map(checks.ex_01_1, [f]))",
        "getattr(checks, 'ex_01_1')(f)",
        "checks.ex_01_1(*[f])",
        "checks.ex_01_1(f, g)",
        "checks.ex_01_1()",
        "ex_01_1(f)",
        "from elsewhere import checks as other\nother.ex_01_1(f)",
    ],
)
def test_a_check_that_is_used_in_another_way_is_told_with_its_cell(tmp_path, cell):
    read = submission.read(notebook(tmp_path / "x.ipynb", "x = 1", cell))
    assert read.unplaced == {"01.1": "cell 3: its check is used in a way that cannot be read"}
    assert read.lesson == "01" and not any(step.examines for step in read.steps)
    read = submission.read(notebook(tmp_path / "x.ipynb", cell, "checks.ex_01_1(f)"))
    assert read.unplaced == {}, "it is examined elsewhere"


def test_an_answer_whose_check_is_used_in_another_way_is_left_to_a_reader(tmp_path):
    path = notebook(tmp_path / "x.ipynb", IMPORTS, f"@checks.ex_01_1\n{NAME}", "checks.ex_01_2 = =")
    grades = graded(path)
    assert grades["01.1"] == ("not graded", "cell 3: its check is used in a way that cannot be read")
    assert grades["01.3"] == ("not attempted", "no check cell")


def test_words_and_quiz_are_known_by_any_plain_import(tmp_path):
    path = notebook(
        tmp_path / "x.ipynb",
        "from fakeface_utils.lessons import checks as c, quiz as q\nfrom fakeface_utils.lessons.quiz import check",
        'c.written("01.4", why="so")\nc.written(number="01.5", why="or so")',
        'q.check("01", a="1")\ncheck(lesson="01", b="2")',
        "def f(:\n    c.ex_01_2(f)\n    c.written('01.6', why='x')",
    )
    read = submission.read(path)
    assert read.written == {"01.4": {"why": "so"}, "01.5": {"why": "or so"}}
    assert read.quiz == {"a": "1", "b": "2"} and set(read.broken) == {"01.2", "01.6"}


def test_an_answer_checked_by_other_names_is_graded(tmp_path):
    imports = IMPORTS.replace(
        "import checks, quiz", "import checks as c\nfrom fakeface_utils.lessons.checks import"
    )
    path = notebook(
        tmp_path / "x.ipynb",
        f"{imports} ex_01_2",
        f"{NAME}\nread_fake_name = c.ex_01_1(function=read_fake_name)",
        f"{LEAK}\nshare_leaked = ex_01_2(share_leaked)",
    )
    assert statuses(graded(path)) == {"01.1": "passed", "01.2": "passed", "01.3": "not attempted"}


def test_answers_in_words_and_quiz_are_read_from_the_code(tmp_path):
    path = notebook(
        tmp_path / "x.ipynb",
        'checks.written("01.4", prediction="up " "and up", change="", why="""because\n  of it""",\n'
        "n=3, of=f(x), no=None)",
        'quiz.check("01", a="2", b=3)',
        'quiz.check("01", b="", c="x")\nquiz.check("02", d="1")\nother.check("01", d="4")',
    )
    read = submission.read(path)
    assert read.written == {
        "01.4": {
            "prediction": "up and up",
            "change": "",
            "why": "because\n  of it",
            "n": "3",
            "of": "f(x)",
            "no": "",
        }
    }
    assert read.quiz == {"a": "2", "b": "", "c": "x"} and read.lesson == "01"


def test_the_lesson_is_that_of_the_first_check_else_of_the_name(tmp_path):
    assert submission.read(notebook(tmp_path / "02_x.ipynb", CHECKS["01.2"], "checks.ex_02_1(f)")).lesson == "01"
    assert submission.read(notebook(tmp_path / "03_x.ipynb", 'quiz.check("02")')).lesson == "02"
    assert submission.read(notebook(tmp_path / "ann_01_data_tour.ipynb", "x = 1")).lesson == "01"
    assert submission.read(notebook(tmp_path / "x.ipynb", "def f(:\n    checks.ex_02_2(f)")).lesson == "02"


def test_what_is_no_lesson_is_said(tmp_path):
    with pytest.raises(submission.SubmissionError, match=r"x\.ipynb has no check and no quiz"):
        submission.read(notebook(tmp_path / "x.ipynb", "x = 1"))
    with pytest.raises(submission.SubmissionError, match="lesson 99 has none"):
        submission.read(notebook(tmp_path / "99_x.ipynb", "x = 1"))
    for content in (b"", b"[1, 2]", b"{}", b'{"cells": 3, "nbformat": 4}', b"\xff\xfe", b'"text"', b"null"):
        (tmp_path / "no.ipynb").write_bytes(content)
        with pytest.raises(submission.SubmissionError, match=r"no\.ipynb is no Jupyter notebook"):
            submission.read(tmp_path / "no.ipynb")
    with pytest.raises(OSError):
        submission.read(tmp_path / "gone.ipynb")


def test_cells_that_no_parser_takes_are_syntax_errors(tmp_path):
    strange = ["x = 1 \x00", "(" * 5000, "-" * 100_000 + "1", "1+" * 100_000 + "1"]
    cells = [f"{code}\nchecks.ex_01_{k}(f)" for k, code in enumerate(strange)]
    path = notebook(tmp_path / "x.ipynb", *cells, "x = 'HALF'")
    path.write_text(path.read_text(encoding="utf-8").replace("HALF", "\\ud800"), encoding="utf-8")
    read = submission.read(path)
    assert set(read.broken) == {"01.0", "01.1", "01.2", "01.3"}
    assert "too many nested parentheses" in read.broken["01.1"]
    assert read.steps[-1].code == "x = '?'"  # half a character, which no kernel could be sent


# Running one.


def test_right_learned_by_heart_and_unfilled(tmp_path):
    """Also: an unrelated crash, lost tags, a function that waits for the profile, and one that imitates outcomes."""
    fake = {grading.MIME: {"token": "", "status": "passed", "detail": ""}}
    path = notebook(
        tmp_path / "x.ipynb",
        IMPORTS,
        'PROFILE = "paper"',
        "%config InlineBackend.close_figures = True\n1 / 0",
        "if PROFILE == 'smoke':\n    read = lambda name: layouts.read_fake_name(name)\nchecks.ex_01_1(read)",
        f"from IPython.display import display\ndef share_leaked(index):\n    display({fake!r}, raw=True)\n"
        f"    display({{{grading.MIME!r}: 'passed'}}, raw=True)\n    print('✅ passed')\n    return -1.0",
        f"display({fake!r}, raw=True)",
        CHECKS["01.2"],
        BLOCKS,
        CHECKS["01.3"],
    )
    assert graded(path) == {
        "01.1": ("passed", ""),
        "01.2": (
            "failed",
            "called share_leaked(the table name split group a train 0 b test 0 c test 1 d train 2); "
            "expected 0.5; came -1.0",
        ),
        "01.3": ("not attempted", ""),
    }


def test_the_shown_cases_by_heart_errors_and_what_later_cells_see(tmp_path):
    path = notebook(
        tmp_path / "x.ipynb",
        IMPORTS,
        by_heart("01.1"),
        CHECKS["01.1"],
        # the function works only if the examination left no name and no entry in the history
        "before = {*globals(), 'before', 'entries', 'share_leaked'}\nentries = len(In)",
        f"{LEAK}",
        CHECKS["01.2"],
        "def blockiness(grey, names=frozenset(globals()) - before, cells=len(In) - entries):\n"
        "    names = {name for name in names if not name.startswith('_')}\n"
        "    return repr((sorted(names), cells))",
        CHECKS["01.3"],
    )
    grades = graded(path)
    assert statuses(grades) == {"01.1": "failed", "01.2": "passed", "01.3": "failed"}
    assert grades["01.1"][1].endswith("came ('easy', ['nose'])")
    assert grades["01.3"][1].endswith("came '([], 3)'")


def test_broken_cells_and_missing_ones(tmp_path):
    path = notebook(
        tmp_path / "x.ipynb",
        IMPORTS,
        "def read_fake_name(name)\n    return name",
        CHECKS["01.1"],
        "def blockiness(grey):\n    return 0.0",
        "blockiness = = checks.ex_01_3(blockiness)",
    )
    grades = graded(path)
    assert statuses(grades) == {"01.1": "failed", "01.2": "not attempted", "01.3": "failed"}
    assert grades["01.1"][1].startswith(
        "NameError: name 'read_fake_name' is not defined; before it, cell 3: SyntaxError"
    )
    assert grades["01.2"][1] == "no check cell"
    assert grades["01.3"][1] == "cell 6: SyntaxError: invalid syntax"


def test_leaving_python_raising_and_the_kits_own(tmp_path):
    path = notebook(
        tmp_path / "x.ipynb",
        IMPORTS,
        "def read_fake_name(name):\n    raise SystemExit('bye')",
        CHECKS["01.1"],
        "def share_leaked(index):\n    raise KeyError('group')",
        CHECKS["01.2"],
        "from fakeface_utils.forensics import shortcuts\nchecks.ex_01_3(shortcuts.blockiness)",
    )
    grades = graded(path)
    assert grades["01.1"] == ("failed", "SystemExit: bye")
    assert grades["01.2"][0] == "failed" and grades["01.2"][1].endswith("came an error: KeyError: 'group'")
    assert grades["01.3"] == ("not attempted", "the kit's own function was handed to the check")


def test_of_two_tries_the_better_counts_and_nothing_after_the_last_check_is_run(tmp_path):
    wrong = "def read_fake_name(name):\n    return 'easy', []"
    tries = [step for answer in (wrong, NAME, wrong) for step in (answer, CHECKS["01.1"])]
    after = f"open({str(tmp_path / 'ran')!r}, 'w').close()"
    path = notebook(tmp_path / "x.ipynb", IMPORTS, "1 / 0", *tries, "checks.ex_01_2(nowhere)", after)
    grades = graded(path)
    assert grades["01.1"] == ("passed", "")
    assert grades["01.2"] == ("failed", "NameError: name 'nowhere' is not defined")  # 1 / 0 is long past
    assert not (tmp_path / "ran").exists()


def test_the_end_of_the_kernel_ends_the_grading(tmp_path):
    path = notebook(
        tmp_path / "x.ipynb",
        IMPORTS,
        NAME,
        CHECKS["01.1"],
        "import os\ndef share_leaked(index):\n    os._exit(3)",
        CHECKS["01.2"],
        BLOCKS,
        CHECKS["01.3"],
    )
    assert graded(path) == {
        "01.1": ("passed", ""),
        "01.2": ("failed", "the function did not return: the kernel died in cell 6"),
        "01.3": ("not graded", "the kernel died in cell 6"),
    }


def test_a_function_without_end_is_stopped(tmp_path):
    path = notebook(
        tmp_path / "x.ipynb",
        IMPORTS,
        "def f(name):\n    while True:\n        pass",
        "checks.ex_01_1(f)",
        LEAK,
        CHECKS["01.2"],
    )
    grades = graded(path, timeout=25)  # the imports too have to fit into it, on a busy machine
    assert grades["01.1"] == ("failed", "the function did not return: cell 4 took longer than 25 s")
    assert grades["01.2"] == ("not graded", "cell 4 took longer than 25 s")


def test_a_cell_that_prints_without_end_is_stopped_and_nothing_is_graded(tmp_path):
    path = notebook(tmp_path / "x.ipynb", "while True:\n    print('x' * 1000)", IMPORTS, NAME, CHECKS["01.1"])
    assert graded(path, timeout=2)["01.1"] == ("not graded", "cell 2 took longer than 2 s")


def test_the_kernel_is_this_interpreter_in_the_lessons_folder_without_colab(tmp_path, monkeypatch):
    monkeypatch.setenv("COLAB_RELEASE_TAG", "release")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FAKEFACE_RUNS", "here")
    said = "(os.getcwd(), sys.executable, 'COLAB_RELEASE_TAG' in os.environ, os.environ['FAKEFACE_RUNS'])"
    path = notebook(
        tmp_path / "x.ipynb", f"{IMPORTS}\nimport os, sys", f"checks.ex_01_2(lambda index: repr({said}))"
    )
    before = sorted(tmp_path.iterdir())
    found, stopped = grading._run(list(submission.read(path).steps), 0, 60)
    seen = (
        "called",
        str(config.project_root() / "notebooks"),
        sys.executable,
        False,
        str(tmp_path / "here/grading"),
    )
    assert stopped == "" and sorted(tmp_path.iterdir()) == before
    assert grading.one_line(repr(repr(seen[1:])), 85) in found["01.2"][0][1]


def test_the_exercises_of_the_real_lesson(tmp_path):
    """Its imports and its exercises only: the rest of it takes longer than a test should."""
    source = next(iter(sorted((config.project_root() / "notebooks").glob("01_*.ipynb"))), None)
    if source is None:
        pytest.skip("the lessons are not built")
    lesson = nbformat.read(source, as_version=4)
    code = [cell for cell in lesson.cells if cell.cell_type == "code"]
    wanted = ("def read_fake_name", "def share_leaked", "def blockiness")
    kept = [
        c for c in code[1:] if c.source.lstrip().startswith(wanted) or "checks." in c.source or "quiz." in c.source
    ]
    for cell in kept:
        if cell.source.lstrip().startswith("def read_fake_name"):
            cell.source = NAME
    lesson.cells = [code[0], *kept]
    path = tmp_path / "ann.ipynb"
    nbformat.write(lesson, path)
    grades = {one.exercise: one.status for one in grading.grade(submission.read(path), timeout=120)}
    assert {n: grades[n] for n in CHECKS} == {"01.1": "passed", "01.2": "not attempted", "01.3": "not attempted"}
    assert set(grades) >= {f"01.quiz.{letter}" for letter in quiz.questions("01")}


def test_what_a_cell_prints_is_not_kept():
    client, kept = grading._client(1), []
    client.clear_before_next_output = False  # as while a cell runs
    for kind, content in (
        ("stream", {"name": "stdout", "text": "x"}),
        ("display_data", {"data": {"image/png": "x"}, "metadata": {}}),
        ("error", {"ename": "E", "evalue": "why", "traceback": []}),
        ("display_data", {"data": {grading.MIME: {}}, "metadata": {}}),
    ):
        head = {"msg_type": kind}
        client.output(kept, head | {"header": head, "content": content, "parent_header": {}}, None, 0)
    assert [output["output_type"] for output in kept] == ["error", "display_data"]
    assert grading._error(kept, "in cell 3: ") == "in cell 3: E: why"


# Words and quizzes, which need no kernel.


def test_words_are_judged_by_a_reader_and_missing_cells_are_missed(tmp_path, monkeypatch):
    (tmp_path / "notebooks").mkdir()
    asked = 'checks.written("01.4", a="")\nchecks.written("01.5", a="")\nchecks.written("01.10", a="")'
    notebook(tmp_path / "notebooks" / "01_data_tour.ipynb", asked)
    monkeypatch.setattr(config, "project_root", lambda: tmp_path)
    grading._asked_in_words.cache_clear()
    path = notebook(
        tmp_path / "01_x.ipynb",
        'checks.written("01.4", why="""so\n  it was""", what="=1+1")\nchecks.written("01.5", why=" ", what="x")',
        'checks.written( "01.8", why="two\nlines")',
        'checks.written("02.6", a="b")\nchecks.written("01.four", a="b")\nchecks.written("01.6")',
        f'checks.written("01.7", why="{"long " * 200}")',
    )
    grades = grading.grade(submission.read(path))
    grading._asked_in_words.cache_clear()
    words = {one.exercise: (one.status, one.detail) for one in grades if one.level == "written"}
    assert words["01.4"] == ("written", "why: so it was; what: =1+1")
    assert words["01.5"] == ("not attempted", "empty: why; what: x")  # what there is, is shown
    assert words["01.6"] == ("not attempted", "empty: all")
    assert words["01.7"][0] == "written" and len(words["01.7"][1]) == 300 and words["01.7"][1].endswith("…")
    assert words["01.8"] == ("failed", "cell 3: SyntaxError: unterminated string literal (detected at line 1)")
    assert words["01.10"] == ("not attempted", "no cell for it")
    assert set(words) == {f"01.{k}" for k in (4, 5, 6, 7, 8, 10)}  # neither 02.6 nor 01.four
    order = [one.exercise for one in grades]
    assert order[:9] == ["01.1", "01.2", "01.3", "01.4", "01.5", "01.6", "01.7", "01.8", "01.10"]
    assert {one.status for one in grades if one.level == "fill in"} == {"not attempted"}


def test_a_quiz_has_a_row_a_question(tmp_path):
    right = quiz.solution("01")
    path = notebook(tmp_path / "01_x.ipynb", f'quiz.check("01", a="{right["a"]}", b=9, z="1")')
    rows = {one.exercise: one for one in grading.grade(submission.read(path)) if one.level == "quiz"}
    assert set(rows) == {f"01.quiz.{letter}" for letter in right}
    why = quiz.questions("01")["a"]["why"][right["a"]]
    assert (rows["01.quiz.a"].status, rows["01.quiz.a"].detail) == ("passed", f"answered '{right['a']}': {why}")
    assert rows["01.quiz.b"].status == "failed" and "'9' is no option" in rows["01.quiz.b"].detail
    assert (rows["01.quiz.c"].status, rows["01.quiz.c"].detail) == ("not attempted", "no answer yet")
    rows = grading.grade(submission.read(notebook(tmp_path / "01_x.ipynb", "x = 1")))
    assert {(one.status, one.detail) for one in rows if one.level == "quiz"} == {("not attempted", "no quiz cell")}
    rows = grading.grade(submission.read(notebook(tmp_path / "x.ipynb", "quiz.check('01', a='1' b='')")))
    assert {one.status for one in rows if one.level == "quiz"} == {"failed"}
    assert "cell 2: SyntaxError" in rows[-1].detail


# A class.


def read_csv(path):
    with Path(path).open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


@pytest.fixture
def counted(monkeypatch):
    """Grading without kernels: which lessons' notebooks were graded, with which seed and time."""
    calls = []

    def fake(handed_in, seed, timeout):
        calls.append((handed_in.quiz.get("a"), seed, timeout))
        status = "not graded" if handed_in.quiz.get("a") == "3" else "passed"
        return [grading.Grade("01.1", "fill in", status, 'x, "y" \ud800 é')]

    monkeypatch.setattr(grading, "grade", fake)
    return calls


def test_the_command_grades_a_folder(tmp_path, monkeypatch, capsys):
    """The whole way, with real kernels: a good notebook, a bad file, the CSV and the summary."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "class" / ".ipynb_checkpoints").mkdir(parents=True)
    notebook(tmp_path / "class" / ".ipynb_checkpoints" / "ann.ipynb", 'quiz.check("01", a="1")')
    ann = notebook(tmp_path / "class" / "ann.ipynb", IMPORTS, NAME, CHECKS["01.1"], 'quiz.check("01", a="1")')
    (tmp_path / "class" / "ben.ipynb").write_text("no notebook", encoding="utf-8")
    before = ann.read_bytes()
    assert cli.main(["grade", "class", "--out", "grades.csv", "--seed", "5"]) == 1
    said = capsys.readouterr()
    assert said.out.splitlines()[0] == gradebook.WARNING and "your rights" in gradebook.WARNING
    assert "error: class/ben.ipynb is no Jupyter notebook" in said.err
    assert "class/ann.ipynb" in said.out and "passed" in said.out and "grades.csv" in said.out
    rows = read_csv("grades.csv")
    assert list(rows[0]) == ["notebook", "lesson", "exercise", "level", "status", "detail", "sha256", "seed", "kit"]
    (bad,) = [row for row in rows if row["notebook"] == "class/ben.ipynb"]
    assert bad["status"] == "not graded" and "is no Jupyter notebook" in bad["detail"] and not bad["exercise"]
    rows = [row for row in rows if row is not bad]
    assert {row["notebook"] for row in rows} == {"class/ann.ipynb"}
    assert {row["lesson"] for row in rows} == {"01"} and {row["seed"] for row in rows} == {"5"}
    found = {row["exercise"]: (row["level"], row["status"]) for row in rows}
    assert found["01.1"] == ("fill in", "passed") and found["01.2"] == ("fill in", "not attempted")
    assert found["01.quiz.a"][0] == "quiz"
    assert ann.read_bytes() == before and all(len(row["sha256"]) == 12 for row in rows)
    assert cli.main(["grade", "class/ann.ipynb", "--out", "grades.csv", "--seed", "5"]) == 0
    assert "1 of 1 notebooks were graded before" in capsys.readouterr().out
    assert read_csv("grades.csv") == [*rows, bad]


def test_what_did_not_change_is_kept(tmp_path, monkeypatch, capsys, counted):
    monkeypatch.chdir(tmp_path)
    for name, answer in (("ann", 1), ("ben", 2), ("cleo", 3)):
        notebook(tmp_path / f"{name}.ipynb", f'quiz.check("01", a="{answer}")')
    names, out = ["ann.ipynb", "ben.ipynb", "cleo.ipynb"], tmp_path / "grades.csv"

    def again(names=names, **how):
        counted.clear()
        problems = gradebook.grade_class(names, out, **{"seed": 1, "timeout": 9, **how})
        assert problems == [] and len({row["notebook"] for row in read_csv(out)}) == 3
        return [answer for answer, *_ in counted]

    assert again() == ["1", "2", "3"] and counted[0] == ("1", 1, 9)
    assert again() == ["3"]  # what was not graded is tried again
    assert "2 of 3 notebooks were graded before" in capsys.readouterr().out
    notebook(tmp_path / "ben.ipynb", 'quiz.check("01", a="4")')
    assert again(["ben.ipynb"]) == ["4"]
    assert again(["ann.ipynb", "ann.ipynb", str(tmp_path / "ben.ipynb")]) == []  # the same files, given otherwise
    assert again(["ann.ipynb", "ben.ipynb"], fresh=True) == ["1", "4"]
    assert again(["ann.ipynb"], seed=2) == ["1"]
    monkeypatch.setattr(gradebook, "_kit", lambda: "9.9")
    assert again(["ben.ipynb"]) == ["4"]
    assert [row["kit"] for row in read_csv(out) if row["notebook"] == "ben.ipynb"] == ["9.9"]


def test_the_table_is_written_after_each_notebook_and_never_half(tmp_path, monkeypatch, counted):
    monkeypatch.chdir(tmp_path)
    for name in ("ann", "ben"):
        notebook(tmp_path / f"{name}.ipynb", 'quiz.check("01", a="1")')
    one = grading.grade

    def stops(handed_in, seed, timeout):
        if counted:
            raise KeyboardInterrupt
        return one(handed_in, seed, timeout)

    monkeypatch.setattr(grading, "grade", stops)
    with pytest.raises(KeyboardInterrupt):
        gradebook.grade_class(["ann.ipynb", "ben.ipynb"], "grades.csv")
    rows = read_csv("grades.csv")
    assert [row["notebook"] for row in rows] == ["ann.ipynb"]
    assert rows[0]["detail"] == 'x, "y" \\ud800 é'
    assert sorted(p.name for p in tmp_path.iterdir()) == ["ann.ipynb", "ben.ipynb", "grades.csv"]


def test_a_table_that_could_not_be_written_leaves_the_one_before(tmp_path, monkeypatch, counted, full_disk):
    monkeypatch.chdir(tmp_path)
    notebook(tmp_path / "ann.ipynb", 'quiz.check("01", a="1")')
    gradebook.grade_class(["ann.ipynb"], "grades.csv")
    before = Path("grades.csv").read_bytes()

    full_disk()
    with pytest.raises(OSError, match="no space"):
        gradebook.grade_class(["ann.ipynb"], "grades.csv", fresh=True)
    assert Path("grades.csv").read_bytes() == before
    assert sorted(p.name for p in tmp_path.iterdir()) == ["ann.ipynb", "grades.csv"]


def test_a_file_that_cannot_be_graded_has_one_row_that_says_so_and_the_others_are_graded(
    tmp_path, monkeypatch, capsys, counted
):
    monkeypatch.chdir(tmp_path)
    for name in ("ann", "ben"):
        notebook(tmp_path / f"{name}.ipynb", 'quiz.check("01", a="1")')
    gradebook.grade_class(["ann.ipynb", "ben.ipynb"], "grades.csv")
    (tmp_path / "ann.ipynb").write_text("{", encoding="utf-8")
    problems = gradebook.grade_class(["ann.ipynb", "gone.ipynb", "ben.ipynb"], "grades.csv")
    assert len(problems) == 2 and "ann.ipynb" in problems[0] and "gone.ipynb" in problems[1]
    rows = read_csv("grades.csv")
    assert {row["notebook"] for row in rows if row["status"] != "not graded"} == {"ben.ipynb"}
    assert [row["notebook"] for row in rows if row["status"] == "not graded"] == ["ann.ipynb", "gone.ipynb"]


def test_a_name_that_a_spreadsheet_would_compute(tmp_path, monkeypatch, counted):
    monkeypatch.chdir(tmp_path)
    notebook(tmp_path / "=1+1.ipynb", 'quiz.check("01", a="1")')
    gradebook.grade_class(["=1+1.ipynb"], "grades.csv")
    assert read_csv("grades.csv")[0]["notebook"] == "./=1+1.ipynb"


def test_arguments_that_do_not_do_are_said(tmp_path, monkeypatch, capsys):
    path = notebook(tmp_path / "01_x.ipynb", "x = 1")
    (tmp_path / "other.csv").write_text("a,b\n1,2\n", encoding="utf-8")
    (tmp_path / "empty").mkdir()
    out = str(tmp_path / "grades.csv")
    for arguments, words in (
        ([str(path), "--out", str(tmp_path / "other.csv")], "is no table of grades"),
        ([str(tmp_path / "empty"), "--out", out], "holds no notebooks"),
        ([str(tmp_path / "mistyped"), "--out", out], "there is no folder"),
        ([str(path), "--out", str(tmp_path / "nowhere" / "grades.csv")], "there is no folder"),
        ([str(path), "--seed", "-1", "--out", out], "the seed is -1"),
        ([str(path), "--timeout", "0", "--out", out], "the timeout is 0"),
    ):
        assert cli.main(["grade", *arguments]) == 1
        assert words in capsys.readouterr().err
    assert (tmp_path / "other.csv").read_text(encoding="utf-8") == "a,b\n1,2\n"
    monkeypatch.setattr(gradebook, "find_spec", lambda name: None if name == "nbclient" else True)
    assert cli.main(["grade", str(path)]) == 1
    assert "needs nbclient" in capsys.readouterr().err


def test_help_says_whose_rights_the_code_has(capsys):
    with pytest.raises(SystemExit):
        cli.main(["grade", "--help"])
    assert "with your rights" in " ".join(capsys.readouterr().out.split())


def test_the_command_line_loads_without_what_grading_needs():
    code = (
        "import sys\n"
        "for name in ('nbclient', 'nbformat', 'IPython', 'ipykernel', 'jupyter_client'): sys.modules[name] = None\n"
        "import fakeface_utils.cli, fakeface_utils.lessons.gradebook, fakeface_utils.lessons.quiz\n"
        "assert not {'tensorflow', 'keras'} & set(sys.modules)\n"
    )
    import subprocess

    subprocess.run([sys.executable, "-c", code], check=True)


def test_lessons_and_notebooks_are_json(tmp_path):
    """The examination's cell is Python whatever the learner's expression is."""
    code = grading._code(submission.Step("f if x else [g for g in y]", 1, "01.1"), 3, "t")
    compile(code, "cell", "eval")
    assert json.dumps(code) and "seed=3" in code and "'t'" in code
