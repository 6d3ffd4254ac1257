"""The equalised twin of a set: the same pictures in files that were all made in the same way.

Files of two classes often come from two tools. Then a JPEG table, a tag or a size gives the class away, and a
detector may learn the tool instead of the face. In the twin every image went through the same decoder, the same
resize and one JPEG save. What a model still finds there is in the picture. What it lost was in the file, or in
detail that the resize took: hold it against the originals read at the same size.

What goes for certain: format, tables, subsampling, progressive scans, EXIF, ICC, comments, pixel size.

What stays: everything in the pixels, and that includes traces of the first save. At the stored size the new 8 x 8
grid falls on the old one, and the steps of the old table can still be read between the new ones. On 600 drawn portraits
saved at quality 88 or 80, a probe that knew where the old grid was told the two apart with an AUC of .99 at the
stored size, .94 at seven eighths, .91 at three quarters and .58 at half; .98 again at half when every new quality
was 90 or more. So take half the stored side or less, and leave coarse qualities in the range. The length of a file
still tells how much detail a picture has.
"""

from __future__ import annotations

import hashlib
import os
import random
from concurrent.futures import ThreadPoolExecutor
from numbers import Integral
from pathlib import Path, PurePosixPath
from uuid import uuid4

import numpy as np
import pandas as pd
from tqdm import tqdm

from fakeface_utils.datasets import pixels
from fakeface_utils.datasets.layouts import fingerprint
from fakeface_utils.datasets.resave import SUBSAMPLING, jpeg

# Raised when the same image would come out as another file, so that no old twin is taken for a new one.
VERSION = 1
ENDING = "-equalised"  # of the set's name: no number of the twin may pass for one of the set


def equalised(
    index: pd.DataFrame,
    folder: str | Path,
    size: int | None,
    *,
    qualities: tuple[int, int] = (70, 95),
    subsampling: str = "4:2:0",
    resize: str = "area",
    seed: int = 0,
) -> pd.DataFrame:
    """The index of the equalised twin, whose files are made if they are not there yet.

    Split first: the lists of the Yonsei set know the original files only. A second call opens no image. After an
    interruption the next call goes on; several processes may ask at once and share the work. The same image and
    options give the same bytes with the same version of Pillow. Delete a file, and the next call makes it again.

    The files show the persons that the originals show. Give a folder of your cache or runs, and never commit, send
    or publish it. A ``.gitignore`` in it keeps git away.

    Args:
        index: columns ``path``, ``name``, ``label``, ``split``, ``set``; every name once.
        folder: below it the twin gets a folder of its own, named after the set, the options and the files. About
            5 kB an image of 128 pixels a side, 15 kB of 256. It is not laid out as Kaggle's archives are, so that
            ``build_index`` refuses it: it would call the twin by the set's own name, and drawings photographs.
        size: side of the square, in pixels, that every image is brought to. Enlarging and shrinking leave different
            traces: take no more than the smallest image has, better half (see the module's text). None keeps the
            stored size, which must be the same for all, and with it most traces of the first save.
        qualities: lowest and highest JPEG quality, both included, on the IJG scale of 1 to 100. Each image's is
            drawn by :func:`draw_quality`.
        subsampling: ``"4:4:4"``, ``"4:2:2"`` or ``"4:2:0"``, as in ``resave``.
        resize: as in ``pixels.read_image``.
        seed: of the qualities.

    Returns:
        A copy of ``index``, rows in the same order, with the new ``path`` and the set's name with ``-equalised``;
        all other columns and ``attrs`` are kept, ``attrs["root"]`` is the new folder and ``attrs["equalised"]``
        holds the options. The path ends like the name, with ``.jpg`` after it where that is no JPEG's. What lies
        beside the originals, such as the testbed's masks, is found by the original's path in the same row.

    Raises:
        ValueError: an option that cannot be, an empty index, an index that is already of a twin, names that occur
            twice or lead out of the folder, images of several sizes with ``size=None``, or a file that does not
            decode (it is named).
        FileNotFoundError: an image of the index is not there.
        OSError: a file cannot be written, for example because the disk is full.
    """
    options = _checked(size=size, qualities=qualities, subsampling=subsampling, resize=resize, seed=seed)
    _check(index)
    root = Path(folder) / _folder_name(index, options)
    paths = [root / _file_name(name) for name in index["name"]]
    missing = [row for row, path in enumerate(paths) if not path.is_file()]
    if missing:
        sources = index["path"].tolist()
        shape = None if size else pixels.read_image(sources[0]).shape
        if not (ignored := root / ".gitignore").is_file():
            _write_whole(ignored, b"*\n")
        _make([(sources[row], paths[row]) for row in missing], shape, options)
    twin = index.assign(path=[str(path) for path in paths], set=index["set"] + ENDING)
    twin.attrs = dict(index.attrs) | {"root": str(root), "equalised": options}
    return twin


def draw_quality(image: np.ndarray, qualities: tuple[int, int] = (70, 95), seed: int = 0) -> int:
    """The JPEG quality for an image: drawn evenly between two bounds, decided by its pixels and the seed alone.

    Name, folder and label are no arguments, because they hold the class; so an image put into the other class, or
    given another name, comes out as the same file. The pixels hold the class too, but a cryptographic hash turns
    pictures that differ in a single value into unrelated numbers: nothing about a picture can be told from its quality.

    Args:
        image: uint8, any shape, as it will be saved.
        qualities: lowest and highest, both included.
        seed: another seed draws anew.
    """
    low, high = qualities
    digest = hashlib.sha256(f"{seed} {image.shape} ".encode() + image.tobytes()).digest()
    return low + int.from_bytes(digest) % (high - low + 1)


def _checked(**options) -> dict:
    """The options, if each of them can be."""
    size, qualities, seed = options["size"], options["qualities"], options["seed"]
    if size is not None and not (_is_whole(size) and size > 0):
        raise ValueError(f"size is a whole number of pixels, or None for the stored size, not {size!r}")
    pair = isinstance(qualities, tuple | list) and len(qualities) == 2 and all(map(_is_whole, qualities))
    if not pair or not 1 <= qualities[0] <= qualities[1] <= 100:
        raise ValueError(f"qualities are a lowest and a highest whole number from 1 to 100, not {qualities!r}")
    if options["subsampling"] not in SUBSAMPLING:
        raise ValueError(f"subsampling is one of {', '.join(SUBSAMPLING)}, not {options['subsampling']!r}")
    if options["resize"] not in pixels.RESIZE_MODES:
        raise ValueError(f"there is no resize mode {options['resize']!r}: {', '.join(pixels.RESIZE_MODES)}")
    if not _is_whole(seed):
        raise ValueError(f"seed is a whole number, not {seed!r}")
    # As plain numbers: the folder's name follows from how they are written.
    plain = {"size": size and int(size), "qualities": tuple(map(int, qualities)), "seed": int(seed)}
    return options | plain


def _is_whole(number: object) -> bool:
    return isinstance(number, Integral) and not isinstance(number, bool)


def _check(index: pd.DataFrame) -> None:
    if not len(index):
        raise ValueError("the index holds no image; build it first, or look why a filter left nothing")
    if index["set"].str.endswith(ENDING).any():
        raise ValueError(f"this index is already of a twin ({index['set'].iloc[0]}); start from the original index")
    files = index["name"].map(_file_name)
    if files.duplicated().any():
        raise ValueError(f"names must be unique, {files[files.duplicated()].iloc[0]} would be written twice")
    for name in index["name"]:
        path = PurePosixPath(name)
        if path.is_absolute() or not path.name or ".." in path.parts or "\\" in name or ":" in name:
            raise ValueError(f"{name!r} leads out of the folder given; names are like 'train/real/00001.jpg'")


def _folder_name(index: pd.DataFrame, options: dict) -> str:
    # Labels and splits change no file: all splits of a set share its twin.
    files = fingerprint(index.assign(label=0, split=""))
    what = f"{VERSION} {pixels.VERSION} {files} {sorted(options.items())}"
    name = "+".join(sorted(set(index["set"])))
    return f"{name}{ENDING}-{hashlib.sha256(what.encode()).hexdigest()[:16]}"


def _file_name(name: str) -> str:
    return name if name.lower().endswith((".jpg", ".jpeg")) else f"{name}.jpg"


def _make(files: list[tuple[str, Path]], shape: tuple[int, ...] | None, options: dict) -> None:
    """Write the twin of every (source, path); ``shape`` is the one that all must have, if any."""

    def make(some: list[tuple[str, Path]]) -> int:
        for source, path in some:
            if not path.is_file():  # perhaps another process has made it
                _write_whole(path, _jpeg(source, shape, options))
        return len(some)

    # The decoders let go of Python's lock, so threads use every core; a few images a job keep the queue cheap.
    jobs = [files[start : start + 32] for start in range(0, len(files), 32)]
    random.Random(os.getpid()).shuffle(jobs)  # processes that started together do not make the same files at once
    bar = tqdm(total=len(files), desc="equalise", unit=" images")
    with bar, ThreadPoolExecutor(os.cpu_count()) as pool:
        for done in pool.map(make, jobs):
            bar.update(done)


def _jpeg(source: str, shape: tuple[int, ...] | None, options: dict) -> bytes:
    """The file of one image of the twin."""
    image = pixels.read_image(source, options["size"], resize=options["resize"])
    if shape not in (None, image.shape):
        stored, first = (" x ".join(map(str, s[1::-1])) for s in (image.shape, shape))
        raise ValueError(f"{source} has {stored} pixels, the first image {first}: give a size to bring all to")
    quality = draw_quality(image, options["qualities"], options["seed"])
    return jpeg(image, quality, options["subsampling"])


def _write_whole(path: Path, content: bytes) -> None:
    """Write a file so that nothing else than all of it ever has its name."""
    partial = path.with_name(f"{path.name}.{uuid4().hex[:12]}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            partial.write_bytes(content)
            partial.replace(path)
        finally:
            partial.unlink(missing_ok=True)
    except OSError as error:
        raise OSError(
            f"{path} cannot be written: {error}. What is finished is kept: make room, or allow writing there, and "
            "call again."
        ) from error
