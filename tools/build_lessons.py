"""Turn notebooks/src/*.py into student, solved and Colab notebooks: python -m tools.build_lessons"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
import sys
import tomllib
from pathlib import Path

import nbformat

from fakeface_utils.lessons import quiz
from tools.lesson_rules import RULES, Rule, problems
from tools.lesson_source import (
    BADGES,
    EXTERNAL,
    QUIZ,
    TARGET,
    Cell,
    Lesson,
    read_lesson,
    without_answers,
    without_markers,
    without_solution,
)

FOLDERS = {"student": "notebooks", "solutions": "notebooks/solutions", "colab": "colab"}
NAME = re.compile(r"\d\d_\w+")
COLAB_BADGE = "https://colab.research.google.com/assets/colab-badge.svg"
COLAB_METADATA = {"accelerator": "GPU", "colab": {"gpuType": "T4", "provenance": [], "toc_visible": True}}
# What the package imports and Colab lacks. Nothing that Colab brings is ever upgraded.
COLAB_MISSING = "imagehash keras-tuner"
COLAB_CELLS, RUN_ALL = (Path(__file__).with_name(f"colab_{name}.py") for name in ("cells", "run_all"))


class LessonError(Exception):
    """Something to put right; the message says what and where."""


def origin(root: Path) -> dict[str, str]:
    """Repository and tag: the one place that says where a Colab user gets the course from."""
    table = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8")).get("tool", {}).get("fakeface", {})
    if not {"repository", "tag"} <= set(table):
        raise LessonError('pyproject.toml: [tool.fakeface] must give repository = "OWNER/NAME" and tag = "vX.Y.Z"')
    return {
        "repository": table["repository"],
        "tag": table["tag"],
        "folder": table["repository"].rpartition("/")[2],
    }


def sources(root: Path) -> list[Path]:
    """The lesson sources, in order; a name that is not NN_slug.py is an error."""
    paths = sorted((root / "notebooks/src").glob("*.py"))
    wrong = [path.name for path in paths if not NAME.fullmatch(path.stem)]
    if wrong or not paths:
        raise LessonError(f"notebooks/src: {', '.join(wrong) or 'no lessons'}; expected files named NN_slug.py")
    return paths


def moved_links(text: str, kind: str, lesson: Lesson, where: dict[str, str]) -> str:
    """Links are written as seen from notebooks/; make them hold in the other two places.

    A page opened in Colab stands alone, so there they lead to the repository at the tag.
    """

    def move(match: re.Match) -> str:
        before, target = match.groups()
        if kind == "student" or target.startswith(EXTERNAL):
            return match[0]
        if kind == "solutions":
            return before + (target if NAME.fullmatch(Path(target).stem) and "/" not in target else f"../{target}")
        path, _, section = target.partition("#")
        at = f"{where['repository']}/blob/{where['tag']}"
        if NAME.fullmatch(Path(path).stem) and path.endswith(".ipynb"):
            return f"{before}https://colab.research.google.com/github/{at}/colab/{Path(path).name}"
        inside = (lesson.root / "notebooks" / path).resolve().relative_to(lesson.root.resolve()).as_posix()
        raw = "?raw=true" if Path(path).suffix in (".png", ".svg", ".gif") else ""
        return f"{before}https://github.com/{at}/{inside}{raw}" + (f"#{section}" if section else "")

    return TARGET.sub(move, text)


def badge(name: str, where: dict[str, str]) -> str:
    at = f"{where['repository']}/blob/{where['tag']}/colab/{name}.ipynb"
    return f"[![Open in Colab]({COLAB_BADGE})](https://colab.research.google.com/github/{at})"


def make_cell(kind: str, source: str, tags: tuple[str, ...], position: str) -> nbformat.NotebookNode:
    """A notebook cell whose id depends on what it says and where, so that diffs stay small."""
    new = nbformat.v4.new_code_cell if kind == "code" else nbformat.v4.new_markdown_cell
    metadata = {"tags": list(tags)} if tags else {}
    return new(source, id=digest(position + source)[:12], metadata=metadata)


def lesson_cell(cell: Cell, kind: str, lesson: Lesson, where: dict[str, str]) -> nbformat.NotebookNode:
    """One cell of the source as it stands in one kind of notebook."""
    text = cell.source
    if cell.kind == "markdown":
        text = moved_links(text, kind, lesson, where).replace(BADGES, badge(lesson.name, where))
        text = text.replace(QUIZ, quiz.markdown(lesson.name[:2])) if QUIZ in text else text
    elif cell.is_quiz and kind != "solutions":
        text = without_answers(cell)
    elif cell.exercise:
        text = without_markers(cell) if kind == "solutions" else without_solution(cell)
    return make_cell(cell.kind, text, cell.tags, str(cell.number))


def colab_cells(root: Path, where: dict[str, str]) -> list[nbformat.NotebookNode]:
    """The visible cells that ready a Colab machine, with this course's repository and tag filled in."""
    words = {**where, "missing": COLAB_MISSING}
    return [
        make_cell(
            cell.kind,
            re.sub(r"\{\{(\w+)\}\}", lambda match: words[match[1]], cell.source),
            cell.tags,
            f"colab{cell.number}",
        )
        for cell in read_lesson(COLAB_CELLS, root).cells
    ]


def make_notebook(lesson: Lesson, kind: str, where: dict[str, str]) -> nbformat.NotebookNode:
    """The whole notebook, with no outputs, and in its metadata what a later build must know."""
    cells = [lesson_cell(cell, kind, lesson, where) for cell in lesson.cells]
    if kind == "colab":
        cells[1:1] = colab_cells(lesson.root, where)
    return finished(cells, lesson, COLAB_METADATA if kind == "colab" else {})


def run_all_notebook(root: Path, where: dict[str, str]) -> nbformat.NotebookNode:
    """The notebook that runs the whole course in Colab: the same set-up cells, then papermill over all lessons."""
    source = read_lesson(RUN_ALL, root)
    cells = [make_cell(cell.kind, cell.source, cell.tags, str(cell.number)) for cell in source.cells]
    cells[0].source = cells[0].source.replace(BADGES, badge("run_all", where))
    cells[1:1] = colab_cells(root, where)
    return finished(cells, source, COLAB_METADATA)


def finished(cells: list, lesson: Lesson, more: dict) -> nbformat.NotebookNode:
    """Cells as a valid notebook; its metadata hold what a later build must know, and ``more``."""
    metadata = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
        "fakeface": {
            "source_hash": digest(lesson.path.read_text(encoding="utf-8")),
            "content_hash": content_hash(cells),
        },
        **more,
    }
    notebook = nbformat.v4.new_notebook(cells=cells, metadata=metadata)
    notebook.nbformat_minor = 5
    nbformat.validate(notebook)
    return notebook


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def content_hash(cells: list) -> str:
    """What a learner could edit: text, kind and tags of the cells; not outputs or counts."""
    return digest(json.dumps([[c.cell_type, c.source, sorted(c.metadata.get("tags", []))] for c in cells]))


def edited(path: Path) -> bool:
    """Whether an existing notebook is anything but an untouched earlier build."""
    if not path.exists():
        return False
    try:
        notebook = nbformat.read(path, as_version=4)
    except (ValueError, KeyError, AttributeError):
        return True
    return notebook.metadata.get("fakeface", {}).get("content_hash") != content_hash(notebook.cells)


def built(root: Path, rules: tuple[Rule, ...] = RULES, only: list[str] | None = None) -> dict[Path, str]:
    """Path -> text of every notebook; LessonError lists all that is wrong with the sources."""
    where, found, result = origin(root), [], {}
    for path in sources(root):
        if only and path.stem not in only and path.stem[:2] not in only:
            continue
        lesson = read_lesson(path, root)
        wrong = problems(lesson, rules)
        found += wrong
        for kind, folder in FOLDERS.items() if not wrong else ():
            result[root / folder / f"{path.stem}.ipynb"] = as_text(make_notebook(lesson, kind, where))
    if not only:
        result[root / FOLDERS["colab"] / "run_all.ipynb"] = as_text(run_all_notebook(root, where))
    if found:
        raise LessonError("\n".join([*found, f"{len(found)} problems; nothing was written"]))
    return result


def as_text(notebook: nbformat.NotebookNode) -> str:
    return nbformat.writes(notebook).rstrip("\n") + "\n"


def orphans(root: Path, wanted: dict[Path, str]) -> list[Path]:
    """Built notebooks whose source is gone or renamed."""
    lessons = [path for folder in FOLDERS.values() for path in (root / folder).glob("[0-9][0-9]_*.ipynb")]
    return sorted(set(lessons) - set(wanted))


def check(root: Path, rules: tuple[Rule, ...] = RULES, only: list[str] | None = None) -> list[str]:
    """Which notebooks are not what the sources give; nothing is written."""
    wanted = built(root, rules, only)
    stale = [path for path, text in wanted.items() if not path.exists() or not same(path, text)]
    return [f"{path.relative_to(root)}: stale" for path in stale] + [
        f"{path.relative_to(root)}: has no source in notebooks/src"
        for path in ([] if only else orphans(root, wanted))
    ]


def same(path: Path, text: str) -> bool:
    """Equal as content: the order of keys and the layout of the file do not count."""
    try:
        return json.loads(path.read_text(encoding="utf-8")) == json.loads(text)
    except ValueError:
        return False


def build(
    root: Path, rules: tuple[Rule, ...] = RULES, only: list[str] | None = None, force: bool = False
) -> list[Path]:
    """Write what changed; refuse, before writing anything, where a notebook was edited by hand."""
    wanted = built(root, rules, only)
    changed = {path: text for path, text in wanted.items() if not path.exists() or not same(path, text)}
    touched = [str(path.relative_to(root)) for path in changed if edited(path)]
    if touched and not force:
        raise LessonError(
            f"{', '.join(touched)}: edited since it was built; nothing was written. Copy what you want to "
            "keep (lesson text belongs into notebooks/src/), then run this again with --force"
        )
    for path, text in changed.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(".part")
        part.write_text(text, encoding="utf-8", newline="\n")
        part.replace(path)
    return list(changed)


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tools.build_lessons", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 when a notebook is stale")
    parser.add_argument("--force", action="store_true", help="overwrite notebooks that were edited by hand")
    parser.add_argument("--only", nargs="+", metavar="NN", help="these lessons only")
    parser.add_argument("--root", type=Path, default=Path(__file__).parents[1], help="the repository")
    args = parser.parse_args(argv)
    try:
        if args.check:
            stale = check(args.root, only=args.only)
            print(
                "\n".join([*stale, "run: python -m tools.build_lessons"]) if stale else "notebooks are up to date"
            )
            return 1 if stale else 0
        changed = build(args.root, only=args.only, force=args.force)
    except LessonError as error:
        print(error, file=sys.stderr)
        return 1
    print("\n".join(f"wrote {path.relative_to(args.root)}" for path in changed) or "notebooks are up to date")
    return 0


if __name__ == "__main__":
    sys.exit(main())
