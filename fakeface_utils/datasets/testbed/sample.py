"""Draw a sample to disk, laid out as Kaggle lays out the set it stands for."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import multiprocessing
import os
import shutil
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from filelock import FileLock
from PIL import Image
from tqdm import tqdm

from .attributes import Attributes, draw_attributes
from .camera import OTHER_QUALITY, QUALITY, generate, jpeg, photograph
from .layout import SPLITS, plan
from .portrait import portrait
from .spec import LAYOUTS, SampleSpec
from .splice import donor_for, splice

if TYPE_CHECKING:
    import pandas as pd

# Raise it whenever a portrait, a chain or the plan changes, so that an old sample is not taken for a new one.
VERSION = 2
MANIFEST = Path("testbed/manifest.json")


def _stream(spec: SampleSpec, number: int, *more: int) -> np.random.Generator:
    """The random stream of one picture: it does not depend on how many others are drawn, or by whom."""
    return np.random.default_rng([spec.seed, LAYOUTS[spec.layout][0], number, *more])


def _photo(spec: SampleSpec, number: int) -> tuple[Attributes, np.ndarray]:
    rng = _stream(spec, number)
    who = draw_attributes(rng, **dict(spec.truths.held))
    return who, photograph(portrait(who, spec.size), rng)


def _checkerboard(pixels: np.ndarray, amplitude: int, rng: np.random.Generator) -> np.ndarray:
    """Squares of 2 x 2 pixels, lighter and darker by turns, in a disc; phase, sign, place and size are drawn."""
    size = len(pixels)
    down, right = rng.integers(0, 4, 2)
    line = np.arange(size)
    cells = ((line[:, None] + down) // 2 + (line[None, :] + right) // 2) % 2 * 2 - 1
    row, column, radius = rng.uniform((0.25, 0.25, 0.25), (0.75, 0.75, 0.40)) * size
    disc = (line[:, None] - row) ** 2 + (line[None, :] - column) ** 2 < radius**2
    return np.clip(pixels.astype(int) + (amplitude * cells * disc)[..., None], 0, 255).astype(np.uint8)


def _fake_140k(spec: SampleSpec, number: int) -> tuple[Attributes, np.ndarray, bool]:
    """A fake of the 140k kind: who, pixels, and whether it carries a trace."""
    truths, rng = spec.truths, _stream(spec, number)
    who = draw_attributes(rng, **dict(truths.held))
    linear = portrait(who, spec.size)
    if truths.null or (truths.glasses_hide and who.glasses != "none"):
        return who, photograph(linear, rng), False
    pixels = generate(linear, rng, quality=QUALITY["140k"]) if truths.generator else photograph(linear, rng)
    if truths.tone_shift:
        pixels = np.clip(pixels.astype(int) + truths.tone_shift, 0, 255).astype(np.uint8)
    if truths.checkerboard:
        pixels = _checkerboard(pixels, truths.checkerboard, _stream(spec, number, 1))
    return who, pixels, True


def _fake_yonsei(spec: SampleSpec, row: dict) -> tuple[Attributes, np.ndarray, np.ndarray, np.ndarray]:
    """A fake of the Yonsei kind: who, pixels, the untouched base and the mask."""
    who, base = _photo(spec, row["base_draw"])
    if spec.truths.null:
        return who, base, base, np.zeros(base.shape[:2], np.uint8)
    rng = _stream(spec, row["draw"], 1)
    donor_is = draw_attributes(rng, **donor_for(who, row["kind"], rng))
    donor = photograph(portrait(donor_is, spec.size), rng)
    # The donor comes out of a file of its own, saved more coarsely than this set's files are.
    donor = np.asarray(Image.open(io.BytesIO(jpeg(donor, int(rng.integers(68, 86))))))
    pixels, mask = splice(base, donor, who, donor_is, row["parts"], row["kind"])
    return who, pixels, base, mask


def _draw(root: Path, spec: SampleSpec, row: dict) -> tuple[dict, list[dict]]:
    """Draw and save one row's files; returns its attributes and its files' hashes."""
    quality, trace = QUALITY[spec.layout], False
    extra: dict[str, bytes] = {}
    if not row["label"]:
        who, pixels = _photo(spec, row["draw"])
    elif spec.layout == "140k":
        who, pixels, trace = _fake_140k(spec, row["draw"])
    else:
        who, pixels, base, mask = _fake_yonsei(spec, row)
        trace = not spec.truths.null
        buffer = io.BytesIO()
        Image.fromarray(mask).save(buffer, "PNG")
        stem = Path(row["path"]).stem
        extra = {f"testbed/masks/{stem}.png": buffer.getvalue(), f"testbed/twins/{stem}.jpg": jpeg(base, quality)}
    other = row["other_table"] and trace
    if row["copy"] == "re-encoded":
        pixels = np.asarray(Image.open(io.BytesIO(jpeg(pixels, 70))))
    files = {row["path"]: jpeg(pixels, OTHER_QUALITY[spec.layout] if other else quality), **extra}
    for name, content in files.items():
        (root / name).write_bytes(content)
    entries = [{"name": name, "sha256": hashlib.sha256(content).hexdigest()} for name, content in files.items()]
    entries[0]["pixels_sha256"] = hashlib.sha256(pixels.tobytes()).hexdigest()
    kept = {key: value for key, value in row.items() if key not in ("draw", "base_draw")}
    return {**kept, "other_table": other, "trace": trace, **asdict(who)}, entries


def _keep_memory() -> None:
    """Let the C library keep freed memory: after one large block it stops handing each plane back.

    Without it a third of the time goes into fetching the same pages from the system again.
    """
    np.empty(24 * 2**20, np.uint8)


def _draw_all(
    root: Path, spec: SampleSpec, rows: list[dict], workers: int | None
) -> Iterator[tuple[dict, list[dict]]]:
    """Draw every row, in order, in this process or in several."""
    work = partial(_draw, root, spec)
    # A process takes a second to start, so that a small sample is faster without.
    useful = max(1, len(rows) * spec.size**2 // (100 * 256**2))
    workers = min(os.cpu_count() or 1, useful) if workers is None else workers
    if workers == 1:
        _keep_memory()
        yield from map(work, rows)
        return
    # A fresh process everywhere: forking a notebook's threads can hang, and macOS and Windows do not fork.
    pool = ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn"), initializer=_keep_memory)
    try:
        yield from pool.map(work, rows, chunksize=min(16, -(-len(rows) // workers)))
    finally:
        pool.shutdown(cancel_futures=True)


def _write_tables(root: Path, spec: SampleSpec, table: list[dict]) -> None:
    """attributes.csv, and the three CSV files that Kaggle ships with the 140k set (there, real is 1)."""
    with (root / "testbed/attributes.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(table[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(table)
    if spec.layout != "140k":
        return
    for split in SPLITS:
        with (root / f"{split}.csv").open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(["", "original_path", "id", "label", "label_str", "path"])
            for k, row in enumerate(row for row in table if row["split"] == split):
                path = Path(row["path"])
                kind = path.parent.name
                short = f"{split}/{kind}/{path.name}"
                writer.writerow([k, f"/testbed/{kind}/{path.name}", path.stem, 1 - row["label"], kind, short])


def _same(root: Path, spec: SampleSpec) -> bool:
    manifest = json.loads((root / MANIFEST).read_text(encoding="utf-8"))
    return (manifest.get("version"), manifest.get("spec")) == (VERSION, json.loads(json.dumps(asdict(spec))))


def make_sample(dest: Path, spec: SampleSpec, *, workers: int | None = None, overwrite: bool = False) -> Path:
    """Draw a sample. It appears under its final name whole or not at all.

    Args:
        dest: folder to make. A sample of the same spec that is already there is returned at once; one that an
            older version of the kit drew is replaced.
        spec: what to draw.
        workers: processes; None takes the machine's, 1 stays in this process. The files do not depend on it.
        overwrite: replace a sample of another spec. A folder that is not a testbed is never replaced.

    Returns:
        `dest`, holding the layout's folders and ``testbed/`` (manifest.json, attributes.csv; Yonsei: masks/,
        twins/).

    Raises:
        FileExistsError: `dest` holds something else: another sample (and no `overwrite`), or files that are not
            ours.
        ValueError: fewer than one worker, or too little room for the duplicates asked for.
    """
    dest = Path(dest)
    if workers is not None and workers < 1:
        raise ValueError(f"workers must be at least 1, not {workers}")
    occupied = dest.exists() and (not dest.is_dir() or any(dest.iterdir()))
    if occupied and not (dest / MANIFEST).is_file():
        raise FileExistsError(
            f"{dest} holds files that are not a testbed; they are left alone. Choose another folder."
        )
    if occupied and _same(dest, spec):
        return dest
    if occupied and is_current(dest) and not overwrite:
        raise FileExistsError(
            f"{dest} holds a testbed with other settings; choose another folder, or draw over it "
            "(overwrite=True, --overwrite on the command line)."
        )
    dest.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(dest.parent / f".{dest.name}.lock"):  # released by the system when a process is killed
        if not (dest / MANIFEST).is_file() or not _same(dest, spec):  # nobody drew it while we waited
            _make(dest, spec, workers)
    return dest


def _make(dest: Path, spec: SampleSpec, workers: int | None) -> None:
    """Draw beside ``dest`` and put it there when it is whole; only one process does so at a time."""
    rows = plan(spec)
    new, old = (dest.with_name(f".{dest.name}.{word}") for word in ("drawing", "replaced"))
    shutil.rmtree(new, ignore_errors=True)  # left by a process that was killed
    try:
        for folder in {str(Path(row["path"]).parent) for row in rows} | {"testbed"}:
            (new / folder).mkdir(parents=True, exist_ok=True)
        if spec.layout == "yonsei":
            (new / "testbed/masks").mkdir()
            (new / "testbed/twins").mkdir()
        table, files = [], []
        drawn = _draw_all(new, spec, rows, workers)
        for row, entries in tqdm(drawn, f"draw {spec.layout}", len(rows), unit=" images"):
            table.append(row)
            files += entries
        _write_tables(new, spec, table)
        manifest = {"version": VERSION, "pillow": Image.__version__, "spec": asdict(spec), "files": files}
        (new / MANIFEST).write_text(json.dumps(manifest, indent=1), encoding="utf-8")
        if dest.exists():
            dest.rename(old)
        new.rename(dest)
    finally:
        shutil.rmtree(new, ignore_errors=True)
        shutil.rmtree(old, ignore_errors=True)


def is_current(root: Path) -> bool:
    """Whether ``root`` holds a sample, of whatever spec, that this version of the kit would draw alike."""
    manifest = Path(root) / MANIFEST
    return manifest.is_file() and json.loads(manifest.read_text(encoding="utf-8")).get("version") == VERSION


def load_attributes(root: Path) -> pd.DataFrame:
    """The truth about a sample, one row an image.

    Columns: path (relative to `root`), label (fake is 1), split, kind, parts (four digits or ''), base and
    duplicate_of (paths or ''), copy, other_table, trace (whether a fake carries any), and every field of
    `Attributes`.

    Raises:
        FileNotFoundError: `root` is not a testbed.
    """
    import pandas as pd

    path = Path(root) / "testbed/attributes.csv"
    if not path.is_file():
        raise FileNotFoundError(f"{root} is not a testbed: {path} is missing")
    return pd.read_csv(path, keep_default_na=False, dtype={"parts": str})


def attributes_of(index: pd.DataFrame) -> pd.DataFrame:
    """What the images of an index show: the rows of :func:`load_attributes` in the order of ``index``, with its labels.

    Raises:
        FileNotFoundError: the index is of no testbed.
    """
    base = Path(index.attrs["root"])
    root = next((folder for folder in (base, *base.parents) if (folder / MANIFEST).is_file()), base)
    prefix = base.relative_to(root).as_posix() + "/"
    table = load_attributes(root).set_index("path")
    return table.loc[("" if base == root else prefix) + index["name"]].set_index(index.index)


def read_mask(path: str | Path, size: int) -> np.ndarray | None:
    """Where a drawn fake of the Yonsei kind was changed; None for any other image.

    Args:
        path: the fake's image file.
        size: edge of the mask returned, in pixels.

    Returns:
        uint8 (size, size), 255 where replaced, between 0 and 255 along the seams.
    """
    path = Path(path)
    mask = path.parents[2] / "testbed/masks" / f"{path.stem}.png"
    if not mask.is_file():
        return None
    with Image.open(mask) as image:
        return np.asarray(image.resize((size, size), Image.Resampling.BOX))


def read_twin(path: str | Path) -> np.ndarray | None:
    """The untouched twin of a drawn fake of the Yonsei kind, uint8 (size, size, 3); None for any other image.

    The same portrait before anything was replaced, saved as the set's images are.
    """
    path = Path(path)
    twin = path.parents[2] / "testbed/twins" / f"{path.stem}.jpg"
    if not twin.is_file():
        return None
    with Image.open(twin) as image:
        return np.asarray(image.convert("RGB"))
