"""What a network is shown of an image: its pixels, what one more JPEG save changes, or several of these together.

A view is named by a text, which is an experiment's ``color``:

- ``rgb``, ``grey``: the pixels
- ``ela-90``: the error level at quality 90, amplified by a fixed gain (lesson 05)
- ``ela001-90``: the same, as report 001 displayed it: ``|80 d - 30|``, five levels
- ``resaved-90``: the pixels after that save, the control for an error level
- ``rgb+ela-90``: channels of both, one after the other, for a network of two branches

Everything but the pixels themselves is made at the stored size and only then resized: an error level of a smaller
image is that of the resizing.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from fakeface_utils.datasets import pixels
from fakeface_utils.datasets.resave import amplified, error_level, map_of_report_001, read_native, resaved

VERSION = 1  # raised when the same file would give another view
PLAIN = {"rgb": 3, "grey": 1}  # channels; read as ``pixels`` reads them
# uint8 pixels (h, w, 3) at the stored size and a quality -> uint8 (h, w, 3)
RESAVED: dict[str, Callable[[np.ndarray, int], np.ndarray]] = {
    "ela": lambda shown, quality: amplified(error_level(shown, quality)),
    "ela001": lambda shown, quality: map_of_report_001(error_level(shown, quality)),
    "resaved": resaved,
}


def channels(view: str) -> int:
    """How many channels a view has.

    Raises:
        ValueError: no such view.
    """
    return sum(PLAIN.get(part, 3) for part in _parts(view))


def read(
    path: str | Path, size: int | tuple[int, int] | None = None, *, resize: str = "area", view: str = "rgb"
) -> np.ndarray:
    """One image file as a view of it.

    Args:
        path, size, resize: as in ``pixels.read_image``. view: see this module.

    Returns:
        uint8 (height, width, ``channels(view)``), 0-255.

    Raises:
        ValueError: no such view, or a file that cannot be read, or not for an error level (see ``read_native``).
    """
    found, native = [], None
    for part in _parts(view):
        if part in PLAIN:
            found.append(pixels.read_image(path, size, resize=resize, color=part))
            continue
        native = read_native(path) if native is None else native
        kind, _, quality = part.partition("-")
        found.append(pixels.resized(RESAVED[kind](native, int(quality)), size, resize))
    return found[0] if len(found) == 1 else np.concatenate(found, axis=-1)


def load_images(
    index: pd.DataFrame,
    size: int | tuple[int, int],
    *,
    resize: str = "area",
    view: str = "rgb",
    cache_dir: str | Path | None = None,
) -> np.ndarray:
    """A view of every image of ``index``, made once and kept as ``pixels.load_images`` keeps pixels.

    Returns:
        uint8 (len(index), height, width, ``channels(view)``), read-only when it comes from the cache.
    """
    if view in PLAIN:
        return pixels.load_images(index, size, resize=resize, color=view, cache_dir=cache_dir)

    def one(path: str) -> np.ndarray:
        return read(path, size, resize=resize, view=view)

    what = f"{resize} view {VERSION} {view}"
    return pixels.keep_images(index, size, channels(view), one, what, cache_dir=cache_dir)


def _parts(view: str) -> list[str]:
    parts = view.split("+")
    for part in parts:
        kind, _, quality = part.partition("-")
        fits = kind in RESAVED and re.fullmatch(r"[1-9]\d?|100", quality)
        if part not in PLAIN and not fits:
            known = [*PLAIN, *(f"{name}-90" for name in RESAVED)]
            raise ValueError(
                f"there is no view {part!r} of an image; choose one of {', '.join(known)} (with any quality from 1 to "
                "100), or several with + between them"
            )
    return parts
