"""The builder: every rule finds what breaks it, and the three notebooks are what the source says."""

import json
import shutil
from pathlib import Path

import nbformat
import pytest

from fakeface_utils.lessons import quiz
from tools import build_lessons, lesson_rules
from tools.build_lessons import LessonError, build, check
from tools.lesson_source import read_lesson

FIXTURE = Path(__file__).parent / "lessons_fixture"
NAME = "01_coin_tour"
GOOD = (FIXTURE / f"{NAME}.py").read_text(encoding="utf-8")
BODY = GOOD[GOOD.index("    # <solution>") : GOOD.index("    # </solution>") + len("    # </solution>\n")]
TAG = '# %% tags=["exercise-01.1"]\n'
CHECK = "# %%\nmy_interval = checks.ex_01_1(my_interval)\n"
LONG = "\n".join(f"line_{i} = {i}" for i in range(26))


QUIZ = """
{letter}:
  question: "Is a coin fair?"
  options: {{1: "no", 2: maybe, 3: always}}
  right: {right}
  why: {{1: why, 2: why, 3: why}}
"""


@pytest.fixture
def root(tmp_path, monkeypatch):
    """A small repository with one lesson and its questions."""
    (tmp_path / "quizzes").mkdir()
    (tmp_path / "quizzes/01.yaml").write_text(QUIZ.format(letter="a", right=2) + QUIZ.format(letter="b", right=1))
    for name in ("markdown", "solution"):
        real = getattr(quiz, name)
        monkeypatch.setattr(quiz, name, lambda number, real=real: real(number, tmp_path / "quizzes"))
    (tmp_path / "notebooks/src").mkdir(parents=True)
    shutil.copy(FIXTURE / f"{NAME}.py", tmp_path / "notebooks/src")
    (tmp_path / "pyproject.toml").write_text('[tool.fakeface]\nrepository = "someone/faces"\ntag = "v9.1.0"\n')
    return tmp_path


def lesson(root, text):
    path = root / f"notebooks/src/{NAME}.py"
    path.write_text(text, encoding="utf-8")
    return read_lesson(path, root)


def code(text):
    """The good lesson with one more code cell."""
    return GOOD.replace("# %% [markdown]\n# ## Next", f"# %%\n{text}\n\n# %% [markdown]\n# ## Next")


def prose(text):
    """The good lesson with one more sentence."""
    return GOOD.replace("# Two coins.", f"# Two coins. {text}")


# rule, a source that breaks it, words of its complaint
BROKEN = [
    ("solution_markers", GOOD.replace("    # </solution>\n", ""), "never closed"),
    ("solution_markers", GOOD.replace("    p = k / n\n", "    # <solution>\n    p = k / n\n"), "inside the region"),
    ("solution_markers", GOOD.replace("    # <solution>\n", ""), "closes no region"),
    ("solution_markers", GOOD.replace("# <solution>", "#<Solution>"), "write the marker as"),
    ("solution_markers", code("# <solution>\nx = 1\n# </solution>"), "inside a function"),
    ("solution_markers", GOOD.replace(BODY, "    # <solution>\n    # </solution>\n    return k\n"), "no code"),
    (
        "solution_markers",
        GOOD.replace(BODY, "    # <solution>\n    return (\n    # </solution>\n    k)\n"),
        "middle of a statement",
    ),
    ("solution_markers", GOOD.replace("    # <solution>", "# <solution>"), "indent"),
    ("solution_markers", GOOD.replace('"""Return', 'doc = """Return'), "needs a docstring"),
    ("solution_markers", prose("# <solution>"), "would show the solution"),
    ("exercises", GOOD.replace(TAG, "# %%\n"), "give the cell tags"),
    ("exercises", GOOD.replace("exercise-01.1", "exercise-02.1"), "must be exercise-01.k"),
    ("exercises", GOOD.replace("# <solution>", "").replace("# </solution>", ""), "marks no solution"),
    ("exercises", GOOD.replace("checks.ex_01_1(my_interval)", "checks.ex_01_2(my_interval)"), "checks.ex_01_1(…)"),
    ("exercises", GOOD.replace(CHECK, "# %%\n# checks.ex_01_1(my_interval)\n"), "checks.ex_01_1(…)"),
    ("exercises", GOOD.replace(CHECK, f"# %% [markdown]\n# Wait.\n\n{CHECK}"), "checks.ex_01_1(…)"),
    ("parameters", GOOD.replace('# %% tags=["parameters"]', "# %%"), "0 cells are tagged"),
    ("parameters", GOOD.replace("# %%\ntoss =", '# %% tags=["parameters"]\ntoss ='), "2 cells are tagged"),
    ("parameters", GOOD.replace("TOSSES = 200", "TOSSES = 2 * 100"), "NAME = literal"),
    ("parameters", GOOD.replace("TOSSES = 200", "TOSSES = [\n    1]"), "NAME = literal"),
    ("parameters", GOOD.replace("TOSSES = 200", "print(1)"), "NAME = literal"),
    ("parameters", GOOD.replace("TOSSES = 200  # how many", "TOSSES = 200"), "say in a comment"),
    (
        "parameters",
        GOOD.replace("SEED = 0", "\n".join(f"P{i} = {i}  # x" for i in range(6)) + "\nSEED = 0"),
        "at most 8",
    ),
    ("levels", GOOD.replace('checks.written("01.3", question="")', ""), "['01.2', '01.3']"),
    ("levels", GOOD.replace('"01.2", prediction', '"01.4", prediction'), "['01.4', '01.3']"),
    ("levels", GOOD.replace(TAG, "# %%\n"), "after exercises with a check ([])"),
    ("questions", GOOD.replace("# {{quiz}}", "# Questions."), "0 cells hold {{quiz}}"),
    ("questions", prose("\n#\n# {{quiz}}"), "2 cells hold {{quiz}}"),
    ("questions", GOOD.replace('# %% tags=["quiz"]', "# %%"), 'tags=["quiz"]'),
    ("questions", GOOD.replace('b="1"', 'b="3"'), 'call quiz.check("01", a="2", b="1")'),
    ("questions", GOOD.replace('quiz.check("01", a="2"', 'quiz.check("01", a=""'), "call quiz.check"),
    ("title", prose("\n\n# %% [markdown]\n# # And this one?"), "2 headings of level 1"),
    ("title", GOOD.replace("coin fair?", "coin."), "end with ?"),
    ("title", GOOD.replace("# {{badges}}\n", ""), "{{badges}}"),
    ("placeholders", prose("{{minutes}}"), "{{minutes}}"),
    ("placeholders", prose("{{badges}}"), "title cell"),
    ("placeholders", prose("{{quizzes}}"), "{{quiz}}"),
    ("python", code("if True print(1)"), "not valid Python"),
    ("python", code("!wget x"), "!wget"),
    ("python", code("%%bash\nls"), "%%bash"),
    ("python", code("import sys\nsys.path.insert(0, '..')"), "sys.path"),
    ("python", code("try:\n    x = 1\nexcept:\n    x = 2"), "bare except"),
    ("python", code("x = '/content/data'"), "absolute path"),
    ("python", code(r"x = 'C:\\Users'"), "absolute path"),
    ("python", code("x = f'~/{SEED}'"), "absolute path"),
    ("typed_results", prose("It finds 93.5 % of them."), "5 %"),
    ("typed_results", prose("It finds 93% of them."), "typed result"),
    ("typed_results", prose("With an AUC of 0.87."), "AUC of 0.8"),
    ("typed_results", prose("Its F1 is .5 here."), "F1 is .5"),
    ("typed_results", prose("An accuracy of about 87 was seen."), "accuracy of about 8"),
    ("typed_results", GOOD.replace('[markdown] tags=["claim"]', "[markdown]"), "3 %"),
    ("links", prose("[see](no_such_file.md)"), "no_such_file.md"),
    ("links", prose("[see](/etc/hosts)"), "/etc/hosts"),
    ("links", prose('<a href="gone.html">x</a>'), "gone.html"),
    ("links", prose("![](data:x)"), "no alt text"),
    ("links", prose('<img src="data:x">'), "no alt text"),
    ("shape", GOOD.replace("# %%\nrunning =", "\nrunning ="), "29 cells"),
    ("shape", GOOD + "\n# %% [markdown]\n# x\n" * 33, "63 cells"),
    ("shape", code(LONG), "26 lines of code; at most 25"),
    ("sections", GOOD.replace("# ## Recap", "# ### Recap"), '"## Recap" stands 0 times'),
    ("sections", GOOD.replace("## Next", "## X").replace("## Set-up", "## Next\n#\n# ## Set-up"), "the order is"),
    ("sections", prose("\n#\n# ## Recap"), "stands 2 times"),
    ("objectives", GOOD.replace("# - you told luck from a bias\n", ""), "2 objectives"),
    ("objectives", GOOD.replace("### What you will learn", "### Aims"), "What you will learn"),
]


@pytest.mark.parametrize(("rule", "text", "words"), BROKEN, ids=[f"{r}-{i}" for i, (r, _, _) in enumerate(BROKEN)])
def test_rule_finds(root, rule, text, words):
    assert text != GOOD, "the case changes nothing"
    found = list(getattr(lesson_rules, rule)(lesson(root, text)))
    assert any(words in problem for problem in found), found


def test_every_rule_has_a_case_and_none_complains_about_the_good_lesson(root):
    assert {rule.__name__ for rule in lesson_rules.RULES} == {rule for rule, _, _ in BROKEN}
    assert lesson_rules.problems(lesson(root, GOOD)) == []


FINE = [
    prose("A 95 % interval, a 90% bootstrap interval, TPR at 1 % FPR, the 5 % level."),
    prose("`accuracy of 0.9` in code, [a link](https://example.org/a%20b)."),
    prose("[next](02_two.ipynb#start)"),
    prose("![a coin](data:x)"),
    code("x = f'{SEED}/tmp/x'\ny = 'a/b/c'\nz = 'https://example.org/x'"),
    code(LONG).replace("# %%\nline_0", '# %% tags=["model"]\nline_0'),
    GOOD.replace("The report's numbers", "The reports’ numbers"),
    GOOD.replace("TOSSES = 200", "TOSSES = -2.5"),
    code("%matplotlib inline\nx = 1"),
]


@pytest.mark.parametrize("text", FINE, ids=range(len(FINE)))
def test_rules_let_pass(root, text):
    assert text != GOOD
    (root / "notebooks/src/02_two.py").touch()
    assert lesson_rules.problems(lesson(root, text)) == []


def test_a_median_cell_over_eight_lines_is_found(root):
    text = GOOD
    for first in ("toss =", "share =", "running =", "import random", "my_interval =", "checks.written"):
        text = text.replace(f"# %%\n{first}", "# %%\n" + "x = 1\n" * 9 + first)
    assert any("median" in problem for problem in lesson_rules.shape(lesson(root, text)))


def read(root, folder):
    return nbformat.read(root / folder / f"{NAME}.ipynb", as_version=4)


def test_three_notebooks(root):
    assert len(build(root)) == 4
    student, solved, colab = (read(root, folder) for folder in ("notebooks", "notebooks/solutions", "colab"))
    for notebook in (student, solved, colab):
        assert (notebook.nbformat, notebook.nbformat_minor) == (4, 5)
        assert notebook.metadata.kernelspec.name == "python3"
        assert len({cell.id for cell in notebook.cells}) == len(notebook.cells)
        assert all(
            not cell.outputs and cell.execution_count is None for cell in notebook.cells if "outputs" in cell
        )
        assert sum("parameters" in cell.metadata.get("tags", []) for cell in notebook.cells) == 1
        assert "someone/faces/blob/v9.1.0/colab/01_coin_tour.ipynb" in notebook.cells[0].source
    exercise = next(c.source for c in student.cells if "exercise-01.1" in c.metadata.get("tags", []))
    message = "Exercise 01.1: Return the lower and upper bound of a proportion's interval."
    assert exercise.endswith(f'    """\n    raise NotImplementedError("{message}")')
    solution = next(c.source for c in solved.cells if "exercise-01.1" in c.metadata.get("tags", []))
    assert "return p - half, p + half" in solution and "solution>" not in solution
    assert not any("half = z" in cell.source for cell in [*student.cells, *colab.cells])


def test_questions_are_asked_in_all_and_answered_in_the_solved_one(root):
    build(root)
    for folder in ("notebooks", "notebooks/solutions", "colab"):
        cells = read(root, folder).cells
        asked = next(cell.source for cell in cells if "Is a coin fair?" in cell.source)
        assert "**b.**" in asked and "\n2. maybe" in asked and "{{" not in asked and "why" not in asked
        answers = next(cell.source for cell in cells if "quiz" in cell.metadata.get("tags", []))
        solved = folder.endswith("solutions")
        assert answers == ('quiz.check("01", a="2", b="1")' if solved else 'quiz.check("01", a="", b="")')


def test_colab_is_the_student_lesson_behind_set_up_cells(root):
    build(root)
    student, colab = read(root, "notebooks"), read(root, "colab")
    own = [cell for cell in colab.cells if "colab" in cell.metadata.get("tags", [])]
    rest = [cell for cell in colab.cells if cell not in own]
    assert colab.cells[1 : 1 + len(own)] == own and len(own) == 7
    assert colab.metadata.accelerator == "GPU" and colab.metadata.colab.gpuType == "T4"
    text = "\n".join(cell.source for cell in own)
    for words in ('"someone/faces", "v9.1.0"', "--no-deps -e .", "drive.mount(", "colab.copy_zips(", "faces-{TAG}"):
        assert words in text
    assert "{{" not in text
    run_all = nbformat.read(root / "colab/run_all.ipynb", as_version=4)
    assert [c.source for c in run_all.cells[1:8]] == [c.source for c in own]
    assert "someone/faces/blob/v9.1.0/colab/run_all.ipynb" in run_all.cells[0].source
    for ours, theirs in zip(rest, student.cells, strict=True):
        expected = theirs.source.replace(
            "(01_coin_tour.ipynb)",
            "(https://colab.research.google.com/github/someone/faces/blob/v9.1.0/colab/01_coin_tour.ipynb)",
        )
        assert (ours.source, ours.metadata, ours.cell_type) == (expected, theirs.metadata, theirs.cell_type)


def test_links_hold_in_all_three_places(root):
    (root / "docs").mkdir()
    (root / "docs/coin.png").touch()
    lesson(root, prose("![a coin](../docs/coin.png) and [this](01_coin_tour.ipynb#next)"))
    build(root)
    last = [read(root, folder).cells[-2].source for folder in ("notebooks", "notebooks/solutions", "colab")]
    assert "](../docs/coin.png)" in last[0] and "](01_coin_tour.ipynb#next)" in last[0]
    assert "](../../docs/coin.png)" in last[1] and "](01_coin_tour.ipynb#next)" in last[1]
    assert "](https://github.com/someone/faces/blob/v9.1.0/docs/coin.png?raw=true)" in last[2]


def test_building_twice_gives_the_same_bytes_and_writes_nothing(root):
    build(root)
    before = {path: path.read_bytes() for path in root.rglob("*.ipynb")}
    assert build(root) == [] and check(root) == []
    for path in before:
        path.unlink()
    build(root)
    assert {path: path.read_bytes() for path in root.rglob("*.ipynb")} == before
    assert all(text.endswith(b"}\n") for text in before.values())


def test_a_lesson_without_its_questions_is_named(root, capsys):
    (root / "quizzes/01.yaml").unlink()
    assert build_lessons.main(["--root", str(root)]) == 1
    assert "lesson '01' has no questions" in capsys.readouterr().err


def test_equal_cells_have_ids_of_their_own(root):
    lesson(root, GOOD + "\n# %%\nsum(heads)\n\n# %%\nsum(heads)\n")
    build(root)
    ids = [cell.id for cell in read(root, "notebooks").cells if cell.source == "sum(heads)"]
    assert len(set(ids)) == 2
    assert check(root) == [], "and the same ones every time"


def test_check_names_what_is_stale(root, capsys):
    assert len(check(root)) == 4
    build(root)
    lesson(root, prose("And three."))
    (root / "colab/07_gone.ipynb").write_text("{}")
    assert build_lessons.main(["--check", "--root", str(root)]) == 1
    said = capsys.readouterr().out
    assert "notebooks/solutions/01_coin_tour.ipynb: stale" in said and "colab/07_gone.ipynb: has no source" in said


def test_check_sees_outputs_and_tags(root):
    build(root)
    for change in ("outputs", "tags"):
        notebook = read(root, "colab")
        cell = next(cell for cell in notebook.cells if cell.cell_type == "code")
        if change == "outputs":
            cell.outputs = [nbformat.v4.new_output("stream", text="x")]
        else:
            cell.metadata["tags"] = []
        nbformat.write(notebook, root / f"colab/{NAME}.ipynb")
        assert check(root) == [f"colab/{NAME}.ipynb: stale"]
        build(root, force=True)


@pytest.mark.parametrize("change", ["edited", "foreign", "broken"])
def test_an_edited_notebook_is_not_overwritten(root, change, capsys):
    build(root)
    path = root / f"notebooks/{NAME}.ipynb"
    notebook = json.loads(path.read_text())
    notebook["cells"][4]["source"] = ["my own words"]
    if change == "foreign":
        del notebook["metadata"]["fakeface"]
    mine = "not JSON" if change == "broken" else json.dumps(notebook)
    path.write_text(mine)
    lesson(root, prose("And three."))
    before = (root / f"colab/{NAME}.ipynb").read_text()
    assert build_lessons.main(["--root", str(root)]) == 1
    assert "edited since it was built" in capsys.readouterr().err
    assert path.read_text() == mine and (root / f"colab/{NAME}.ipynb").read_text() == before
    assert build_lessons.main(["--root", str(root), "--force"]) == 0
    assert path.read_text() != mine


def test_a_notebook_that_was_only_run_is_built_again(root):
    build(root)
    notebook = read(root, "notebooks")
    notebook.cells[3].outputs = [nbformat.v4.new_output("stream", text="x")]
    nbformat.write(notebook, root / f"notebooks/{NAME}.ipynb")
    assert [path.parent.name for path in build(root)] == ["notebooks"]


def test_a_broken_lesson_stops_the_build_and_is_named(root):
    (root / "notebooks/src/02_bad.py").write_text("# %%\nimport os\n")
    with pytest.raises(LessonError, match=r"02_bad.py: 0 headings"):
        build(root)
    assert not list(root.rglob("*.ipynb"))
    assert len(build(root, only=["01"])) == 3
    assert len(build(root, rules=(), only=["02"])) == 3


def test_wrong_settings_are_named(root):
    (root / "pyproject.toml").write_text("")
    with pytest.raises(LessonError, match=r"\[tool.fakeface\] must give repository"):
        build(root)
    (root / "notebooks/src/lesson.py").touch()
    with pytest.raises(LessonError, match=r"lesson.py; expected files named NN_slug.py"):
        build_lessons.sources(root)
