"""What the visible set-up cells of the Colab notebooks call, one thing a reader can name each.

Anything from ``google.colab`` is called in the notebooks themselves: mounting Drive needs a person who agrees.
"""

from __future__ import annotations

import platform
import re
from pathlib import Path

from tqdm import tqdm

from fakeface_utils import config
from fakeface_utils.datasets.archives import DataError, check_room, import_zip, zip_layout
from fakeface_utils.lessons.setup import gpu_count, package_version

_SHOWN = ("tensorflow", "keras", "numpy", "pandas")
_BLOCK = 16 * 1024**2  # bytes copied between two steps of the bar


def check_runtime(tested: str | Path | None = None) -> None:
    """Say what this runtime has, where it differs from what the lessons were tested with, and how to get a GPU.

    Args:
        tested: a constraints file, ``name==version`` a line; default ``colab/constraints.txt`` of the course.
    """
    found = {name: package_version(name) for name in _SHOWN}
    print(f"Python {platform.python_version()}, " + ", ".join(f"{name} {v}" for name, v in found.items()))
    lines = Path(tested or config.project_root() / "colab" / "constraints.txt").read_text(encoding="utf-8")
    wanted = dict(re.findall(r"^([\w.-]+)==([\w.]+)", lines, re.MULTILINE))
    wanted.setdefault("tensorflow", wanted.get("tensorflow-cpu"))
    other = [f"{name} {wanted[name]}" for name in _SHOWN if wanted.get(name) not in (None, found[name])]
    if other:
        print(f"The lessons were tested with {', '.join(other)}. If a cell fails, choose an older version of the")
        print("runtime: menu Tools > Command palette > Change runtime version.")
    if gpu_count():
        print(f"{gpu_count()} GPU found.")
    else:
        print("No GPU: training will be slow. Menu Runtime > Change runtime type > T4 GPU, then run from the top.")


def copy_zips(folder: str | Path, target: str | Path) -> list[Path]:
    """Copy the sets' zips from a folder of your Drive to this machine, each under its final name only when whole.

    One large file travels fast over the mount, thousands of small ones do not. A set that is already unpacked here is
    not copied again, and neither is a zip that is here already. Of two zips of one set the larger is taken. Says what
    it does, and what to do if there is none.

    Args:
        folder: where on Drive the zips are, named as you like; others than the two sets' are left alone.
        target: a folder on this machine's own disk.

    Returns:
        Paths of the copies that are to be unpacked.

    Raises:
        DataError: the disk has no room for a zip and what is in it.
        OSError: Drive cannot be read.
    """
    folder, target = Path(folder), Path(target)
    copies, seen = [], set()
    for source in sorted(folder.glob("*.zip"), key=lambda path: -path.stat().st_size):
        try:
            layout = zip_layout(source)
        except DataError as error:
            print(error)
            continue
        if layout is None:
            print(f"{source.name}: neither of the two sets; left alone")
        elif layout.name in seen:
            print(f"{source.name}: a second zip of the set {layout.name}; left alone")
        elif (config.data_dir() / layout.name).exists():
            print(f"{source.name}: the set {layout.name} is already unpacked here")
        else:
            copies.append(_copied(source, target / source.name))
        seen |= {layout.name} if layout else set()
    if not seen:
        print(f"no set's zip in {folder}; the lesson goes on with drawn portraits")
    return copies


def _copied(source: Path, copy: Path) -> Path:
    size = source.stat().st_size
    if copy.is_file() and copy.stat().st_size == size:
        return copy
    copy.parent.mkdir(parents=True, exist_ok=True)
    check_room(copy.parent, 2 * size, source)  # the copy, and what will be unpacked from it
    partial = copy.with_name(f"{copy.name}.partial")
    try:
        bar = tqdm(total=size, desc=f"copy {source.name}", unit="B", unit_scale=True)
        with source.open("rb") as read, partial.open("wb") as write, bar:
            while block := read.read(_BLOCK):
                bar.update(write.write(block))
        partial.replace(copy)
    finally:
        partial.unlink(missing_ok=True)
    return copy


def unpack(zips: list[Path]) -> None:
    """Unpack and verify copied zips in the data directory, each whole or not at all; the copies are removed.

    A copy that is gone was unpacked when the cell ran before.

    Raises:
        DataError: a zip is damaged, or holds no image that can be read.
    """
    for path in filter(Path.is_file, zips):
        try:
            where, report = import_zip(path, config.data_dir())
        finally:
            path.unlink()
        print(report)
        print(f"unpacked to {where}")


def keep_runs(folder: str | Path) -> Path:
    """Make the folder on Drive that is to keep checkpoints and finished experiments, and say what it holds.

    Raises:
        OSError: it cannot be written; the text says which folder.
    """
    runs = Path(folder) / "runs"
    runs.mkdir(parents=True, exist_ok=True)
    probe = runs / ".can-be-written"
    probe.write_bytes(b"")
    probe.unlink()
    n = sum(1 for _ in runs.glob("experiments/*/record.json"))
    begun = sum(1 for _ in runs.glob("experiments/*/checkpoint.npz"))
    print(f"{runs}: {n} finished experiments, {begun} begun. After a disconnect run all cells again: it goes on.")
    return runs
