"""Bringing a set in, from a zip or a folder: checked before it gets its final name, or not at all."""

from __future__ import annotations

import csv
import lzma
import shutil
import stat
import tempfile
import time
import zipfile
import zlib
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

import pandas as pd
from tqdm import tqdm

from fakeface_utils.datasets.layouts import (
    IMAGE_SUFFIXES,
    LAYOUTS,
    Layout,
    LayoutError,
    build_index,
    find_layout,
    is_drawn,
)
from fakeface_utils.datasets.verify import Verification, count_table, verify

MAX_TOTAL_BYTES = 20 * 1024**3  # the larger archive unpacks to about 4 GB
KEPT_SUFFIXES = (*IMAGE_SUFFIXES, ".csv")
_INCOMING = ".incoming-"


class DataError(ValueError):
    """The data given cannot be used; the text says what is wrong and what to do."""


def import_zip(
    archive: str | Path, data_dir: str | Path, *, max_bytes: int = MAX_TOTAL_BYTES
) -> tuple[Path, Verification]:
    """Unpack Kaggle's zip of either set below ``data_dir``, in a folder of its layout's name, and verify it.

    Only images and CSV files are unpacked. Files that do not decode are left out and listed in
    ``left_out.csv`` beside the set. Everything happens in a temporary folder that gets its final name
    last, so an interruption leaves no half set.

    Args:
        archive: the zip file.
        data_dir: where the sets are kept; made if missing.
        max_bytes: refuse an archive that would unpack to more.

    Returns:
        The set's folder (``data_dir/140k`` or ``data_dir/yonsei``) and what the verification found.

    Raises:
        DataError: no zip, a damaged or hostile one, no known set in it, too big, no room on the disk, a
            set of that name already there, or not one image that decodes.
    """
    archive = Path(archive)
    if not archive.is_file():
        raise DataError(f"{archive} is not a file; give the zip that Kaggle sends")
    try:
        with zipfile.ZipFile(archive) as zipped, _incoming(Path(data_dir)) as incoming:
            members = _safe_members(zipped, archive, max_bytes)
            if (layout := _layout_of(members)) is not None:  # known before anything large is unpacked
                _refuse_existing(Path(data_dir) / layout.name)
            check_room(incoming, sum(member.file_size for member in members), archive)
            for member in tqdm(members, desc="unzip", unit=" files"):
                zipped.extract(member, incoming)
            return _settle(incoming, Path(data_dir), archive)
    except (zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError) as error:
        raise DataError(f"{archive} is not a whole zip file ({error}); download it again") from error
    except (RuntimeError, NotImplementedError) as error:  # encrypted, or a compression Python does not know
        raise DataError(f"{archive} cannot be unpacked: {error}") from error


def zip_layout(archive: str | Path) -> Layout | None:
    """Which set a zip seems to hold, from its list of names; None if neither. Nothing is unpacked.

    Raises:
        DataError: it is no zip, or not a whole one.
        OSError: it cannot be read.
    """
    try:
        with zipfile.ZipFile(archive) as zipped:
            return _layout_of(zipped.infolist())
    except zipfile.BadZipFile as error:
        raise DataError(f"{archive} is not a whole zip file ({error}); download it again") from error


def _layout_of(members: list[zipfile.ZipInfo]) -> Layout | None:
    for layout in LAYOUTS.values():
        if any(f"/{layout.marker[-1]}/" in f"/{member.filename}" for member in members):
            return layout
    return None


def import_dir(
    folder: str | Path,
    data_dir: str | Path,
) -> tuple[Path, Verification]:
    """Copy a set that is already unpacked in ``folder`` below ``data_dir``; otherwise as ``import_zip``.

    ``folder`` is only read. Raises DataError as ``import_zip`` does.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise DataError(f"{folder} is not a folder; give the one that holds the unpacked set")
    layout, base = _find(folder, folder)
    _refuse_existing(Path(data_dir) / layout.name)
    images = [Path(path) for path in _index(base, folder)["path"]]
    copies = {image: Path(*layout.marker, image.relative_to(base)) for image in images}
    above = [parent for parent in base.parents if parent == folder or folder in parent.parents]
    copies |= {table: Path(table.name) for parent in above for table in parent.glob("*.csv")}
    with _incoming(Path(data_dir)) as incoming:
        check_room(incoming, sum(path.stat().st_size for path in copies), folder)
        for path, copy in tqdm(copies.items(), desc="copy", unit=" files"):
            (incoming / copy).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, incoming / copy)
        return _settle(incoming, Path(data_dir), folder)


def _safe_members(zipped: zipfile.ZipFile, archive: Path, max_bytes: int) -> list[zipfile.ZipInfo]:
    """The images and CSV files of a zip, once no member can leave the folder it is unpacked into."""
    for member in zipped.infolist():
        path = PurePosixPath(member.filename.replace("\\", "/"))
        if path.is_absolute() or ".." in path.parts or ":" in member.filename:
            raise DataError(f"{archive} is refused: its entry {member.filename!r} points outside the archive")
        if stat.S_ISLNK(member.external_attr >> 16):
            raise DataError(f"{archive} is refused: its entry {member.filename!r} is a link")
    kept = [m for m in zipped.infolist() if not m.is_dir() and m.filename.lower().endswith(KEPT_SUFFIXES)]
    # Without its manifest the drawn sample would pass for photographs.
    kept += [m for m in zipped.infolist() if m.filename.endswith("testbed/manifest.json")]
    # macOS adds a hidden twin of every file to the zips it makes.
    members = [m for m in kept if not m.filename.startswith("__MACOSX/") and "/._" not in f"/{m.filename}"]
    total = sum(member.file_size for member in members)
    if total > max_bytes:
        raise DataError(f"{archive} would unpack to {total:,} bytes, more than the {max_bytes:,} allowed")
    return members


def check_room(folder: Path, needed: int, source: Path) -> None:
    """DataError if the disk of ``folder`` has not ``needed`` bytes (and a few more) for what comes from ``source``."""
    free = shutil.disk_usage(folder).free
    if needed * 1.05 > free:
        raise DataError(
            f"{source} needs {needed / 1e9:.2f} GB below {folder.parent}, {free / 1e9:.2f} GB are free there; "
            "make room or choose another folder with --dest"
        )


@contextmanager
def _incoming(data_dir: Path):
    """A temporary folder inside ``data_dir`` (the same disk, so the last step is one rename)."""
    try:
        data_dir.mkdir(parents=True, exist_ok=True)
        for left_over in data_dir.glob(f"{_INCOMING}*"):  # of a process that was killed
            if time.time() - left_over.stat().st_mtime > 24 * 3600:
                shutil.rmtree(left_over, ignore_errors=True)
        folder = Path(tempfile.mkdtemp(prefix=_INCOMING, dir=data_dir))
    except OSError as error:
        raise DataError(
            f"cannot write below {data_dir}: {error.strerror}; choose another folder with --dest"
        ) from error
    try:
        yield folder
    except OSError as error:
        raise DataError(f"copying to {data_dir} failed: {error}; nothing was kept") from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _find(folder: Path, source: Path) -> tuple[Layout, Path]:
    try:
        layout, base = find_layout(folder)
    except LayoutError as error:
        raise DataError(
            f"{source} holds neither set: expected "
            "real_vs_fake/real-vs-fake/{train,valid,test}/{real,fake} or "
            "real_and_fake_face/{training_real,training_fake}, there or up to three folders down"
        ) from error
    if is_drawn(base, layout):
        raise DataError(f"{source} is the drawn sample, not photographs; `fakeface sample` draws it anywhere")
    return layout, base


def _refuse_existing(final: Path) -> None:
    if final.exists():
        raise DataError(f"{final} is already there; move it away first, or choose another folder with --dest")


def _index(base: Path, source: Path) -> pd.DataFrame:
    try:
        return build_index(base)
    except LayoutError as error:
        raise DataError(f"{source} has the folders of a known set but not one image in them") from error


def _settle(incoming: Path, data_dir: Path, source: Path) -> tuple[Path, Verification]:
    """Verify what came in, leave out what cannot be read, and give the set its final name."""
    layout, base = _find(incoming, source)
    n_images = len(_index(base, source))
    final = data_dir / layout.name
    _refuse_existing(final)
    report = verify(base)
    if len(report.unreadable) == n_images:
        name, problem = next(iter(report.unreadable.items()))
        raise DataError(f"not one image of {source} can be read; the first, {name}, {problem}")
    ready = incoming / "ready"
    target = ready.joinpath(*layout.marker)
    target.parent.mkdir(parents=True)
    tables = [path for path in incoming.rglob("*.csv") if base not in path.parents]
    for name in report.unreadable:
        (base / name).unlink()
    report.counts = count_table(build_index(base))  # of what is kept
    base.rename(target)
    for table in tables:
        table.replace(ready / table.name)
    if report.unreadable:
        _write_left_out(ready / "left_out.csv", report.unreadable)
    ready.rename(final)
    return final, report


def _write_left_out(path: Path, unreadable: dict[str, str]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("name", "problem"), *unreadable.items()])
