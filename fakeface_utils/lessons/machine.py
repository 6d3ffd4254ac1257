"""Is this machine ready for the course? One row a thing that lessons need, with what to do where it is missing.

Nothing here imports TensorFlow, and nothing raises: a check that breaks is a row that says so.
"""

from __future__ import annotations

import importlib.metadata
import os
import platform
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path

import pandas as pd
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from fakeface_utils import config
from fakeface_utils.datasets.layouts import LAYOUTS, LayoutError, build_index
from fakeface_utils.lessons.setup import gpu_count, package_version

KIT = "fakeface-utils"
COLUMNS = ["status", "what", "found", "do this"]
OK, FAIL, NOTE = "OK", "FAIL", "NOTE"  # NOTE: the course runs without it, but differently
OPTIONAL = "opencv-python-headless"  # only searches by keypoints and the webcam ask for it
MEMORY_GB = 4  # the largest lesson takes 2.5 in smoke; a browser and the system want the rest
DISK_GB = 3  # what the lessons draw, cache and train in smoke, with room to spare

Row = tuple[str, str, str, str]


def check_machine() -> pd.DataFrame:
    """What a lesson will find here: Python, packages, memory, disk, GPU, data sets, a place for results.

    Returns:
        Columns ``status`` (``OK``; ``FAIL``: some lesson will stop; ``NOTE``: it goes on in another way), ``what``,
        ``found`` and ``do this`` (empty where there is nothing to do). Never raises.
    """
    needed = {
        "python": _asked_of_python,
        "packages": lambda: packages(asked("cpu")),
        "optional packages": lambda: packages(_optional(), lacking=NOTE),
        "memory": memory,
        "disk": lambda: disk(config.runs_dir()),
        "results": lambda: writable(config.runs_dir()),
        "GPU": gpu,
        **{f"data: {layout}": partial(data, layout, config.data_dir()) for layout in LAYOUTS},
    }
    rows = [row for what, check in needed.items() for row in _guarded(what, check)]
    return pd.DataFrame(rows, columns=COLUMNS)


def lines(table: pd.DataFrame) -> str:
    """The table as text, a line a row: ``[OK] pandas 2.2.3`` or ``[FAIL] pandas missing; do this: ...``."""
    before = {OK: "", NOTE: "; ", FAIL: "; do this: "}
    rows = zip(*(table[column] for column in COLUMNS), strict=True)
    return "\n".join(
        f"[{status}] {what} {found}{before[status] if do else ''}{do}" for status, what, found, do in rows
    )


def _guarded(what: str, check: Callable[[], Iterable[Row]]) -> list[Row]:
    try:
        return list(check())
    except Exception as error:  # a strange machine must not keep anybody from the first lesson
        return [(FAIL, what, f"could not be checked ({type(error).__name__}: {error})", "look it up by hand")]


def asked(extra: str) -> list[str]:
    """What the kit's pyproject asks for on this machine with one of its extras, as ``name>=1,<2``.

    Raises:
        importlib.metadata.PackageNotFoundError: the kit itself is not installed.
    """
    found = [Requirement(line) for line in importlib.metadata.requires(KIT) or []]
    here = [one for one in found if one.marker is None or one.marker.evaluate({"extra": extra})]
    return [f"{one.name}{one.specifier}" for one in here]


def _optional() -> list[str]:
    return [line for line in asked("course") if line.startswith(OPTIONAL)]


def _asked_of_python() -> Iterator[Row]:
    return python(importlib.metadata.metadata(KIT)["Requires-Python"], platform.python_version())


def python(specifier: str, version: str) -> Iterator[Row]:
    """Whether a Python of this version will do."""
    if SpecifierSet(specifier).contains(version, prereleases=True):
        yield OK, "python", version, ""
    else:
        yield FAIL, "python", version, f"install a Python {specifier}, then set the course up again with it"


def packages(requirements: Iterable[str], lacking: str = FAIL) -> Iterator[Row]:
    """A row a requirement such as ``pandas>=2.2,<3``; ``lacking`` is the status of one that is not met."""
    for line in requirements:
        one = Requirement(line)
        name = one.name.removesuffix("-cpu").removesuffix("-headless")
        version = package_version(name)
        command = f'python -m pip install "{one.name}{one.specifier}", then restart the kernel'
        if version == "missing":
            yield lacking, name, "missing", command
        elif not one.specifier.contains(version, prereleases=True):
            yield lacking, name, f"{version}, but {one.specifier} is asked for", command
        else:
            yield OK, name, version, ""


def memory(found_gb: float | None = None) -> Iterator[Row]:
    """Whether there is memory for a lesson; default: what the system reports, in 10^9 bytes."""
    found_gb = _memory_gb() if found_gb is None else found_gb
    if found_gb is None:
        yield NOTE, "memory", "not reported by this system", f"make sure that it has {MEMORY_GB} GB"
    elif found_gb < MEMORY_GB:
        advice = f"close other programs; the longer lessons want {MEMORY_GB} GB. Colab has more"
        yield FAIL, "memory", f"{found_gb:.1f} GB", advice
    else:
        yield OK, "memory", f"{found_gb:.1f} GB", ""


def _memory_gb() -> float | None:
    try:
        import psutil
    except ImportError:  # it comes with the extra `course`, which Colab does not need
        pages = getattr(os, "sysconf_names", {})
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 1e9 if "SC_PHYS_PAGES" in pages else None
    return psutil.virtual_memory().total / 1e9


def disk(folder: Path, least_gb: float = DISK_GB) -> Iterator[Row]:
    """Whether the disk that ``folder`` lies on, or will lie on, has so many 10^9 bytes left."""
    there = next(place for place in (folder, *folder.parents) if place.exists())
    free = shutil.disk_usage(there).free / 1e9
    if free < least_gb:
        advice = "free some space, or set FAKEFACE_RUNS to a folder on a larger disk"
        yield FAIL, "free disk", f"{free:.1f} GB at {there}", advice
    else:
        yield OK, "free disk", f"{free:.0f} GB", ""


def writable(folder: Path) -> Iterator[Row]:
    """Whether results can be kept in ``folder``, which is made if need be."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        advice = "set FAKEFACE_RUNS to a folder that you may write to"
        yield FAIL, "results", f"cannot be written to {folder} ({error.strerror})", advice
    else:
        yield OK, "results", f"go to {folder}", ""


def gpu(count: int | None = None) -> Iterator[Row]:
    """Whether the driver lists an NVIDIA GPU; ``count`` stands for its answer."""
    count = gpu_count() if count is None else count
    if count:
        yield OK, "GPU", f"{count} found; the lessons use it by themselves", ""
    else:
        yield NOTE, "GPU", "none found", "the profiles smoke and laptop need none; for colab, Colab lends one"


def data(layout: str, folder: Path) -> Iterator[Row]:
    """Whether the real set of this layout lies in ``folder``."""
    what = f"data: {layout}"
    try:
        index = build_index(folder / layout, layout)
    except LayoutError:
        advice = "drawn portraits take their place; README, section Real data, says how to get them"
        yield NOTE, what, "no photographs found", advice
        return
    drawn = index["set"].iloc[0] == "testbed"
    yield (NOTE if drawn else OK), what, f"{len(index):,} images of the set {index['set'].iloc[0]}", ""
