"""What a perturbation leaves in a picture: quantities that must move with its strength, for ``perturb.check``.

Each takes the original and the changed picture, uint8 (h, w, 3) in 0-255, and gives a number.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.ndimage import gaussian_filter

from fakeface_utils.datasets.pixels import resized
from fakeface_utils.datasets.resave import jpeg, resaved

SMALL = 48  # pixels of the shorter side at which motion is measured


def last_quality(pixels: np.ndarray) -> int:
    """At which quality, 5 to 95 in steps of 5, one more save changes a picture least: that of its last save.

    Source: Farid 2009, JPEG ghosts. Only pixels still on the 8 x 8 grid of that save tell.
    """

    def loss(quality: int) -> float:
        return float(np.square(resaved(pixels, quality).astype(np.float32) - pixels).mean())

    return min(range(5, 100, 5), key=loss)


def last_file(_: np.ndarray, changed: np.ndarray) -> float:
    """Bytes of the file that the picture was last read from, told by its pixels.

    A save at the strength asked for would get smaller with it even where that strength never reached the picture.
    """
    return len(jpeg(changed, last_quality(changed), "4:2:0"))


def file_size(_: np.ndarray, changed: np.ndarray) -> float:
    """Bytes of the picture saved at quality 95: detail costs bytes."""
    return len(jpeg(changed, 95, "4:2:0"))


def detail(_: np.ndarray, changed: np.ndarray) -> float:
    """Mean square of the Laplacian in grey levels: energy at high frequencies."""
    grey = changed.mean(axis=2)
    inner = 4 * grey[1:-1, 1:-1] - grey[:-2, 1:-1] - grey[2:, 1:-1] - grey[1:-1, :-2] - grey[1:-1, 2:]
    return float(np.square(inner).mean())


def mean(_: np.ndarray, changed: np.ndarray) -> float:
    """Mean grey level."""
    return float(changed.mean())


def spread(_: np.ndarray, changed: np.ndarray) -> float:
    """Standard deviation of the grey levels."""
    return float(changed.mean(axis=2).std())


def turned(original: np.ndarray, changed: np.ndarray) -> float:
    """By how many degrees, counterclockwise; see :func:`_moved`."""
    return float(np.rad2deg(_moved(original, changed, lambda y, x, down, right: x * down - y * right)))


def grown(original: np.ndarray, changed: np.ndarray) -> float:
    """By which share of its size; see :func:`_moved`."""
    return -_moved(original, changed, lambda y, x, down, right: x * right + y * down)


def _moved(original: np.ndarray, changed: np.ndarray, field: Callable[..., np.ndarray]) -> float:
    """How far a picture moved, by least squares to first order (Lucas and Kanade 1981) on small, blurred versions.

    ``field`` takes places from the middle and slopes, and gives the grey levels that one unit of the motion adds. The
    sizes are rough; it is their order that counts.
    """
    sides = np.array(original.shape[:2])
    small = tuple(int(n) for n in np.rint(sides * min(1, SMALL / sides.min())))
    before, after = (
        gaussian_filter(resized(picture, small, "area").mean(axis=2), min(small) / 9)
        for picture in (original, changed)
    )
    y, x = (place - (n - 1) / 2 for place, n in zip(np.mgrid[: small[0], : small[1]], small, strict=True))
    along = field(y, x, *np.gradient((before + after) / 2))
    return float((along * (after - before)).sum() / max(np.square(along).sum(), 1e-9))
