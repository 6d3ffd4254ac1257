"""Files to pixels: one full decode an image, one stated way of resizing, kept as uint8 on disk.

Neural networks, spectra and thumbnails all start here, so that they see the same pixels. JPEGs are decoded
in full: decoding straight to a smaller size (libjpeg's DCT scaling) is faster but changes the spectrum.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.lib.format import open_memmap
from PIL import Image
from tqdm import tqdm

from fakeface_utils.datasets import turbo
from fakeface_utils.datasets.layouts import fingerprint

# Raised when the same file would come out as other pixels, so that no old cache is taken for a new one.
VERSION = 1

# How an image is brought to another size. The reports never say; it decides what survives of the fine
# traces that generators leave.
RESIZE_MODES = {
    "area": "mean of the pixels each new pixel covers; nothing aliases",
    "nearest": "one old pixel for each new one, what Keras's ImageDataGenerator did; aliases",
    "bilinear": "two by two old pixels, what image_dataset_from_directory does; aliases when shrinking",
    "lanczos": "windowed sinc over the covered pixels (Pillow); nothing aliases, edges overshoot a little",
}


def read_image(
    path: str | Path, size: int | tuple[int, int] | None = None, *, resize: str = "area", color: str = "rgb"
) -> np.ndarray:
    """One image file as pixels.

    Args:
        path: a JPEG or PNG file. Its pixels are taken as stored: no EXIF rotation, no colour management.
        size: side of the square, or (height, width), in pixels; None keeps the stored size.
        resize: one of ``RESIZE_MODES``.
        color: ``"rgb"`` or ``"grey"`` (ITU-R 601 luma, as Pillow's mode L).

    Returns:
        uint8 array (height, width, 3), or (height, width, 1) for grey; values 0-255.

    Raises:
        ValueError: unknown mode or colour, or a file that does not decode (it is named).
    """
    if resize not in RESIZE_MODES:
        raise ValueError(f"there is no resize mode {resize!r}; choose one of {', '.join(RESIZE_MODES)}")
    if color not in ("rgb", "grey"):
        raise ValueError(f"color is 'rgb' or 'grey', not {color!r}")
    try:
        content = Path(path).read_bytes()
        pixels = turbo.read_rgb(content, size, resize) if color == "rgb" else None
        if pixels is None:
            image = Image.open(BytesIO(content)).convert("RGB" if color == "rgb" else "L")
            pixels = np.asarray(_resized(image, _pair(size), resize) if size is not None else image)
    except (OSError, SyntaxError) as error:
        raise ValueError(f"{path} does not decode: {error}; `fakeface verify` lists such files") from error
    return pixels if pixels.ndim == 3 else pixels[..., None]


def crop_square(path: str | Path, side: int) -> np.ndarray:
    """The middle of an image at its stored resolution: grey, uint8 (side, side), 0-255.

    Spectra are taken of this: any resizing would leave its own mark in them. An image smaller than ``side``
    is mirrored at its edges.
    """
    grey = read_image(path, color="grey")[..., 0]
    short = [max(0, side - length) for length in grey.shape]
    grey = np.pad(grey, [(n // 2, n - n // 2) for n in short], mode="symmetric")
    top, left = ((length - side) // 2 for length in grey.shape)
    return grey[top : top + side, left : left + side]


def resized(pixels: np.ndarray, size: int | tuple[int, int] | None, mode: str = "area") -> np.ndarray:
    """Pixels in memory at another size, as ``read_image`` resizes those of a file.

    Args:
        pixels: uint8 (h, w, 3), 0-255. size, mode: as ``size`` and ``resize`` there.
    """
    if mode not in RESIZE_MODES:
        raise ValueError(f"there is no resize mode {mode!r}; choose one of {', '.join(RESIZE_MODES)}")
    return pixels if size is None else np.asarray(_resized(Image.fromarray(pixels), _pair(size), mode))


def _pair(size: int | tuple[int, int]) -> tuple[int, int]:
    return (size, size) if isinstance(size, int) else tuple(size)


def _resized(image: Image.Image, size: tuple[int, int], mode: str) -> Image.Image:
    height, width = size
    if image.size == (width, height):
        return image
    if mode == "area":
        factors = image.width / width, image.height / height
        if all(factor == int(factor) for factor in factors):
            return image.reduce((int(factors[0]), int(factors[1])))
        return image.resize((width, height), Image.Resampling.BOX)
    if mode == "lanczos":
        return image.resize((width, height), Image.Resampling.LANCZOS)
    if mode == "nearest":
        return image.resize((width, height), Image.Resampling.NEAREST)
    # Pillow's resize widens the filter when it shrinks; its affine transform does not, and that is this mode.
    scale = (image.width / width, 0, 0, 0, image.height / height, 0)
    return image.transform((width, height), Image.Transform.AFFINE, scale, Image.Resampling.BILINEAR)


def load_images(
    index: pd.DataFrame,
    size: int | tuple[int, int],
    *,
    resize: str = "area",
    color: str = "rgb",
    cache_dir: str | Path | None = None,
) -> np.ndarray:
    """Every image of ``index`` at one size, decoded once and kept.

    The array is a file in ``cache_dir`` that the operating system maps into memory page by page, so memory
    does not grow with the number of images, and the next call with the same files and settings opens it at
    once. It is written under a temporary name and renamed when whole; several processes may ask for it.

    Args:
        index: rows with ``path`` and what ``fingerprint`` needs; row i becomes image i.
        size, resize, color: as in ``read_image``.
        cache_dir: where to keep the array; None decodes into memory and keeps nothing.

    Returns:
        uint8 array (len(index), height, width, 3 or 1), read-only when it comes from the cache.

    Raises:
        ValueError: a file does not decode (it is named), or an unknown mode.
    """

    def one(path: str) -> np.ndarray:
        return read_image(path, size, resize=resize, color=color)

    return keep_images(index, size, 3 if color == "rgb" else 1, one, resize, cache_dir=cache_dir)


def keep_images(
    index: pd.DataFrame,
    size: int | tuple[int, int],
    channels: int,
    read: Callable[[str], np.ndarray],
    how: str,
    *,
    cache_dir: str | Path | None = None,
) -> np.ndarray:
    """What ``read`` makes of every file of ``index``, kept as ``load_images`` says.

    Args:
        index, size, cache_dir: as there. channels: of what comes out.
        read: path -> uint8 (height, width, channels). It is called from several threads.
        how: what ``read`` does, for the name of the file that keeps it.
    """
    shape = (len(index), *_pair(size), channels)
    if cache_dir is None:
        images = np.empty(shape, np.uint8)
        _read_into(images, index, read)
        return images
    path = Path(cache_dir) / f"{_cache_key(index, shape, how)}.npy"
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        beside = path.with_suffix(f".{os.getpid()}.partial")
        try:
            images = open_memmap(beside, "w+", np.uint8, shape)
            _read_into(images, index, read)
            images.flush()
            del images  # Windows renames no file that is mapped
            beside.replace(path)
        finally:
            beside.unlink(missing_ok=True)
    return np.load(path, mmap_mode="r")


def _cache_key(index: pd.DataFrame, shape: tuple[int, ...], how: str) -> str:
    what = f"{VERSION} {fingerprint(index)} {shape} {how}"
    return hashlib.sha256(what.encode()).hexdigest()[:24]


def _read_into(images: np.ndarray, index: pd.DataFrame, read: Callable[[str], np.ndarray]) -> None:
    paths = index["path"].to_numpy()

    def decode(rows: range) -> int:
        for row in rows:
            images[row] = read(paths[row])
        return len(rows)

    # The decoders let go of Python's lock, so threads use every core; a few images a job keep the queue cheap.
    jobs = [range(start, min(start + 32, len(paths))) for start in range(0, len(paths), 32)]
    bar = tqdm(total=len(paths), desc="decode", unit=" images")
    with bar, ThreadPoolExecutor(os.cpu_count()) as pool:
        for done in pool.map(decode, jobs):
            bar.update(done)
