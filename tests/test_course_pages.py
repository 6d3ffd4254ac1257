"""Pages to publish show drawn portraits only; pages with photographs are asked for, and say so."""

import json

import nbformat
import pytest

from tests.conftest import held
from tools import course_pages

BANNER = "This page may show photographs of people. Keep it for yourself."
FIRST = """# Is this one?

## What you will do

You look at *faces*
and `files`.

### What you will learn

- wonderful things
"""


def ran(root, name, profile="smoke", given="smoke", cell="PROFILE = 'auto'  # which", status="ok"):
    """A lesson as the runner leaves it: the executed notebook and its stamp."""
    cells = [nbformat.v4.new_markdown_cell(FIRST.replace("one", name))]
    cells += [nbformat.v4.new_code_cell(cell, metadata={"tags": ["parameters"]})]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), root / f"{name}.ipynb")
    stamp = {"status": status, "problem": "it broke", "seconds": 150, "memory_gb": 1.1, "profile": profile}
    parameters = {} if given is None else {"PROFILE": given}
    stamp |= {"source": f"{name}.ipynb", "inputs": {"versions": {"python": "3"}, "parameters": parameters}}
    (root / f"{name}.json").write_text(json.dumps(stamp))


def pages(root):
    return {path.name: path.read_text(encoding="utf-8") for path in root.glob("*.html")}


def test_the_index_says_what_each_lesson_is_about(tmp_path, capsys):
    ran(tmp_path, "01_a")
    ran(tmp_path, "02_b", status="failed")
    assert course_pages.main(["--out", str(tmp_path), "--root", str(tmp_path)]) == 0
    assert capsys.readouterr().out.strip() == str(tmp_path / "index.html")
    made = pages(tmp_path)
    index = made["index.html"]
    assert len(made) == 3 and not any(BANNER in page for page in made.values())
    assert all("testbed: not evidence" in page for page in made.values())
    assert '<a href="01_a.html">Is this 01_a?</a>' in index and "You look at faces and files." in index
    assert "took 2 min and 1.1 GB" in index and "5.0 minutes in all" in index
    assert index.count("This lesson failed: it broke") == 1 and "wonderful" not in index


@pytest.mark.parametrize(
    "run",
    [
        {"profile": "laptop", "given": "laptop"},
        {"profile": "smoke", "given": "laptop"},  # run_lessons --param 02.PROFILE=laptop
        {"profile": "smoke", "given": "auto"},
        {"profile": "smoke", "given": None},  # the lesson chooses, by what it finds
        {"profile": "laptop", "given": None, "cell": "SEED = 0"},
    ],
)
def test_no_page_is_written_where_a_photograph_may_be(tmp_path, run):
    ran(tmp_path, "01_a")
    ran(tmp_path, "02_b", **run)
    with pytest.raises(
        SystemExit, match=r"No page was written: 02_b \(\w+\) ran .* photographs of people.*--private"
    ):
        course_pages.main(["--out", str(tmp_path), "--root", str(tmp_path)])
    assert pages(tmp_path) == {}
    course_pages.main(["--out", str(tmp_path), "--root", str(tmp_path), "--private"])
    told = {name: BANNER in page for name, page in pages(tmp_path).items()}
    assert told == {"01_a.html": False, "02_b.html": True, "index.html": True}
    evidence = {name: "testbed: not evidence" in page for name, page in pages(tmp_path).items()}
    assert evidence == {"01_a.html": True, "02_b.html": False, "index.html": True}


def test_all_private_lessons_are_named_at_once(tmp_path):
    for name in ("01_a", "02_b"):
        ran(tmp_path, name, "colab", "colab")
    with pytest.raises(SystemExit, match=r"01_a \(colab\), 02_b \(colab\)"):
        course_pages.write_pages(tmp_path, tmp_path)
    index = course_pages.write_pages(tmp_path, tmp_path, private=True).read_text(encoding="utf-8")
    assert BANNER in index and "not evidence" not in index


def test_private_pages_of_drawings_carry_no_warning(tmp_path):
    """A lesson without a parameter PROFILE has nothing to open real images by."""
    ran(tmp_path, "01_a", given=None, cell="SEED = 0")
    course_pages.write_pages(tmp_path, tmp_path, private=True)
    assert not any(BANNER in page for page in pages(tmp_path).values())


@pytest.mark.parametrize("missing", ["01_a.html", "index.html"])
def test_a_full_disk_leaves_every_page_as_it_was(tmp_path, full_disk, monkeypatch, missing):
    ran(tmp_path, "01_a")
    course_pages.write_pages(tmp_path, tmp_path)
    (tmp_path / missing).write_text("older")
    before = held(tmp_path)
    real = course_pages.write_whole

    def write(path, content):
        if path.name == missing:
            full_disk()
        real(path, content)

    monkeypatch.setattr(course_pages, "write_whole", write)
    with pytest.raises(OSError, match="no space left"):
        course_pages.write_pages(tmp_path, tmp_path)
    assert held(tmp_path) == before
