"""Grade a class into one CSV: ``python -m fakeface_utils grade NOTEBOOK... --out grades.csv``.

The table is written whole after each notebook. A second call keeps what was graded before and grades the rest.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from functools import cache
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path

import pandas as pd
from tqdm import tqdm

from fakeface_utils import __version__
from fakeface_utils.lessons import grading, submission
from fakeface_utils.lessons.results import write_whole

WARNING = "The learners' code runs on this machine with your rights: it can read, write and send what you can."
COLUMNS = ["notebook", "lesson", "exercise", "level", "status", "detail", "sha256", "seed", "kit"]
_SHORT = {"not attempted": "-", "not graded": "?"}

Book = dict[str, list[dict[str, str]]]  # notebook -> its rows


def grade_class(
    paths: Iterable[str | Path], out: str | Path, seed: int = 0, timeout: float = 300, fresh: bool = False
) -> list[str]:
    """Grade notebooks into a CSV and print a summary; rows of notebooks that are not named here stay.

    A notebook is not graded again if its rows bear the same sha256, seed and kit, and all of it was graded.

    Args:
        paths: notebooks, or folders whose notebooks are meant, those in folders below included.
        out: the CSV; its columns are those of ``COLUMNS``.
        seed: of the hidden inputs, 0 or more.
        timeout: seconds that one cell may take.
        fresh: grade also what did not change.

    Returns:
        A sentence for each file that could not be graded, also printed to stderr.

    Raises:
        ValueError: an argument does not do, a package is missing, or ``out`` is another table.
    """
    _check(seed, timeout)
    notebooks, out = _notebooks(paths), Path(out)
    if not out.absolute().parent.is_dir():
        raise ValueError(f"there is no folder {out.absolute().parent}; make it, or name another file with --out")
    book = _read(out)
    print(WARNING)
    todo = [path for path in notebooks if fresh or not _is_graded(book.get(_name(path), []), path, seed)]
    if kept := len(notebooks) - len(todo):
        print(
            f"{kept} of {len(notebooks)} notebooks were graded before and did not change; --fresh grades them too"
        )
    problems = []
    for path in tqdm(todo, unit="notebook"):
        try:
            book[_name(path)] = _rows(path, seed, timeout)
        except (ValueError, OSError, RuntimeError) as error:  # no notebook, not there, its kernel did not start
            problems.append(f"{path}: {error}" if str(path) not in str(error) else str(error))
            book[_name(path)] = [_ungraded(path, seed, problems[-1])]
            tqdm.write(f"error: {problems[-1]}", file=sys.stderr)
        _write(book, out)
    print(_summary({_name(path): book.get(_name(path), []) for path in notebooks}))
    print(f"{out}: {sum(map(len, book.values()))} rows of {len(book)} notebooks")
    return problems


def _check(seed: int, timeout: float) -> None:
    if seed < 0:
        raise ValueError(f"the seed is {seed}; it must be 0 or more")
    if not timeout > 0:
        raise ValueError(f"the timeout is {timeout} s; it must be more than 0")
    if missing := [name for name in ("nbformat", "nbclient", "ipykernel") if find_spec(name) is None]:
        raise ValueError(f"grading needs {', '.join(missing)}; get the extra `course`: pip install -e '.[course]'")


def _notebooks(paths: Iterable[str | Path]) -> list[Path]:
    """The files meant, each once, in the order given. Raises ValueError for a folder that holds none, or is none."""
    found = []
    for path in map(Path, paths):
        if not path.exists() and path.suffix != ".ipynb":
            raise ValueError(f"there is no folder {path}; nothing was graded")
        if path.is_dir():
            inside = [p for p in sorted(path.rglob("*.ipynb")) if ".ipynb_checkpoints" not in p.parts]
            if not inside:
                raise ValueError(f"{path} holds no notebooks (*.ipynb)")
            found += inside
        else:
            found.append(path)
    return list({_name(path): path for path in found}.values())


def _name(path: Path) -> str:
    """The file as the table calls it, as seen from here; a spreadsheet shall not take it for a formula."""
    try:
        name = Path(os.path.relpath(path)).as_posix()
    except ValueError:  # on another drive
        name = path.as_posix()
    return f"./{name}" if name[0] in "=+-@" else name


def _is_graded(rows: list[dict[str, str]], path: Path, seed: int) -> bool:
    if not rows or not path.is_file() or any(row["status"] == "not graded" for row in rows):
        return False
    return all(row.items() >= _stamp(path.read_bytes(), seed).items() for row in rows)


def _stamp(content: bytes, seed: int) -> dict[str, str]:
    return {"sha256": sha256(content).hexdigest()[:12], "seed": str(seed), "kit": _kit()}


@cache
def _kit() -> str:
    """The kit's version, and a hash of its code: between two versions a check may have changed."""
    package = Path(__file__).parents[1]
    files = [path for path in sorted(package.rglob("*")) if path.suffix in (".py", ".yaml")]
    return f"{__version__}+{sha256(b''.join(path.read_bytes() for path in files)).hexdigest()[:8]}"


def _rows(path: Path, seed: int, timeout: float) -> list[dict[str, str]]:
    handed_in = submission.read(path)
    first = {"notebook": _name(path), "lesson": handed_in.lesson}
    stamp = _stamp(handed_in.content, seed)
    return [first | vars(one) | stamp for one in grading.grade(handed_in, seed, timeout)]


def _ungraded(path: Path, seed: int, why: str) -> dict[str, str]:
    """The one row of a file that could not be graded, so that nobody is missing from the table."""
    row = dict.fromkeys(COLUMNS, "") | {"notebook": _name(path), "status": "not graded"}
    content = path.read_bytes() if path.is_file() else b""
    return row | {"detail": grading.one_line(why)} | _stamp(content, seed)


def _read(out: Path) -> Book:
    if not out.exists():
        return {}
    try:
        table = pd.read_csv(out, dtype=str, keep_default_na=False)
    except (ValueError, UnicodeDecodeError) as error:
        raise ValueError(f"{out} is no table of grades ({error}); name another file with --out") from error
    if list(table.columns) != COLUMNS:
        raise ValueError(f"{out} is no table of grades: its columns are others; name another file with --out")
    return {name: rows.to_dict("records") for name, rows in table.groupby("notebook", sort=False)}


def _write(book: Book, out: Path) -> None:
    table = pd.DataFrame([row for rows in book.values() for row in rows], columns=COLUMNS)
    text = table.to_csv(index=False, lineterminator="\n")
    write_whole(out, text.encode("utf-8", "backslashreplace"))


def _summary(book: Book) -> str:
    """Notebook x exercise, a table a lesson."""
    table = pd.DataFrame([row for rows in book.values() for row in rows], columns=COLUMNS)
    if table.empty:
        return "nothing was graded"
    lines = []
    for _, rows in table.groupby("lesson"):
        wide = rows.replace({"status": _SHORT}).pivot(index="notebook", columns="exercise", values="status")
        wide = wide.reindex(index=rows["notebook"].unique(), columns=rows["exercise"].unique()).fillna("")
        lines.append(wide.rename_axis(index=None, columns=None).to_string())
    return "\n\n".join(["", *lines, "-  not attempted    ?  not graded; column `detail` says why"])
