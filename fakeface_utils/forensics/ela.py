"""Reading error levels: of a file, inside a mask against the untouched twin, and where a JPEG's grid lies.

A bright region proves nothing by itself: texture is bright in every image (Krawetz 2007 asks for a comparison of like
with like). So a fake's region is always held against the same region of the image that it was made from.
:mod:`fakeface_utils.datasets.resave` makes the maps.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from sklearn.metrics import roc_auc_score

from fakeface_utils.datasets.resave import error_level, read_native

BLOCK = 8
# A block's border is a step of a few grey levels; what bends more is an edge of the picture and must not outweigh it.
_STEEPEST = 6.0
_LUMA = np.array([0.299, 0.587, 0.114])


def map_of(path: str | Path, quality: int = 90, subsampling: str = "4:2:0") -> np.ndarray:
    """The error level of one file, at its stored size.

    Args:
        path: JPEG or PNG; what is refused and what is converted stands in :func:`resave.read_native`.
        quality, subsampling: of the second save, as in :func:`resave.resaved`.

    Returns:
        float32 (h, w, 3), whole numbers, 0-255.

    Raises:
        FileNotFoundError, ValueError: as :func:`resave.read_native` and :func:`resave.resaved`.
    """
    return error_level(read_native(path), quality, subsampling)


@dataclass(frozen=True)
class Comparison:
    """A fake's error level inside the edited region against the same region of its untouched twin.

    Attributes:
        fake, twin: mean error inside the mask, in the units of the maps (0-255, mean over channels).
        fake_share, twin_share: share of the image's whole error that lies inside the mask, 0-1; NaN for an image
            without any error.
        area: share of the pixels inside the mask, 0-1. An error spread evenly has this share.
    """

    fake: float
    twin: float
    fake_share: float
    twin_share: float
    area: float

    @property
    def difference(self) -> float:
        """``fake - twin``; below 0 when the edit changes less than the original did."""
        return self.fake - self.twin

    @property
    def log_ratio(self) -> float:
        """Natural log of ``fake / twin``: 0 when they are equal, infinite when one of them is 0 and the other not."""
        if self.fake == self.twin:
            return 0.0
        with np.errstate(divide="ignore"):
            return float(np.log(self.fake) - np.log(self.twin))


def compare(error: np.ndarray, twin_error: np.ndarray, mask: np.ndarray) -> Comparison:
    """Score a fake's map inside a mask against the same pixels of its twin's map.

    Both maps must come from one quality, subsampling and gain, and from images of the same size whose pixels lie on
    one another.

    Args:
        error, twin_error: (h, w) or (h, w, 3), at least 0, as :func:`resave.error_level` gives them.
        mask: bool (h, w), True where the fake was edited. A mask with soft seams is cut first: ``mask > 127``.

    Raises:
        ValueError: shapes that do not fit; a mask that is not bool, that is empty or that covers all.
    """
    error, twin_error = _plane(error), _plane(twin_error)
    mask = _region(mask, error, twin_error)
    sums = [float(plane.sum()) for plane in (error, twin_error)]
    inside = [float(plane[mask].sum()) for plane in (error, twin_error)]
    shares = [part / whole if whole else float("nan") for part, whole in zip(inside, sums, strict=True)]
    return Comparison(*(part / int(mask.sum()) for part in inside), *shares, area=float(mask.mean()))


def pixel_auc(error: np.ndarray, mask: np.ndarray) -> float:
    """How well the error alone picks the edited pixels: AUC of the pixels inside the mask against those outside.

    The probability that a pixel inside has a larger error than one outside, ties counted half: 0.5 is chance, below
    it the region is darker than its surroundings. Texture moves it as well, so compute the twin's, too. Pixels are
    no independent observations: one image gives one value, and intervals are taken over images.

    Args:
        error: (h, w) or (h, w, 3); channels are averaged.
        mask: bool (h, w), True where the fake was edited.

    Raises:
        ValueError: as :func:`compare`.
    """
    error = _plane(error)
    return float(roc_auc_score(_region(mask, error).ravel(), error.ravel()))


def grid_scores(pixels: np.ndarray) -> np.ndarray:
    """How strongly the image bends at each of the eight places where JPEG's 8 x 8 grid may lie.

    Entry k of a row is the mean absolute second difference of the brightness at the two pixels on either side of a
    border before row (or column) k, k + 8, k + 16, ...; a bend of more than 6 grey levels counts as 6.

    Args:
        pixels: (h, w) or (h, w, 3) in 0-255, at least 16 x 16, at the stored size.

    Returns:
        float64 (2, 8), grey levels: first for rows, then for columns.

    Raises:
        ValueError: another shape, or too small.
    """
    pixels = np.asarray(pixels, dtype=float)
    if pixels.ndim not in (2, 3) or pixels.shape[2:] not in ((), (3,)) or min(pixels.shape[:2]) < 2 * BLOCK:
        raise ValueError(
            f"expected pixels (h, w) or (h, w, 3) of at least {2 * BLOCK} a side, got shape {pixels.shape}"
        )
    grey = pixels @ _LUMA if pixels.ndim == 3 else pixels
    return np.array([_phases(grey), _phases(grey.T)])


def _phases(grey: np.ndarray) -> np.ndarray:
    bend = np.minimum(np.abs(np.diff(grey, 2, axis=0)), _STEEPEST).mean(axis=1)  # entry i: around row i + 1
    at = np.array([bend[(k - 1) % BLOCK :: BLOCK].mean() for k in range(BLOCK)])
    return at + np.roll(at, 1)  # a border before row k bends rows k - 1 and k


def grid_offset(pixels: np.ndarray) -> tuple[int, int]:
    """Where the 8 x 8 grid of an earlier JPEG save lies: the phase whose borders bend most (:func:`grid_scores`).

    Args:
        pixels: as in :func:`grid_scores`.

    Returns:
        (row, column), each 0-7: ``pixels[row:, column:]`` starts at a corner of the grid. (0, 0) unless the image was
        cropped or moved after the save. An image without a grid (never compressed, shrunk, or saved very finely)
        gives some phase all the same: look at :func:`grid_scores` before you trust it.

    Raises:
        ValueError: as :func:`grid_scores`.
    """
    rows, columns = grid_scores(pixels).argmax(axis=1)
    return int(rows), int(columns)


def _plane(error: np.ndarray) -> np.ndarray:
    """The mean over channels, (h, w) float64."""
    error = np.asarray(error, dtype=float)
    if error.ndim not in (2, 3) or not error.size:
        raise ValueError(f"expected an error level (h, w) or (h, w, channels), got shape {error.shape}")
    if not error.min() >= 0:  # NaN fails this, too
        raise ValueError("an error level is at least 0 everywhere; this one is below 0 or NaN somewhere")
    return error if error.ndim == 2 else error.mean(axis=2)


def _region(mask: np.ndarray, *planes: np.ndarray) -> np.ndarray:
    mask = np.asarray(mask)
    if any(plane.shape != mask.shape for plane in planes):
        shapes = ", ".join(str(plane.shape) for plane in planes)
        raise ValueError(f"maps and mask must be of one size; the maps are {shapes}, the mask is {mask.shape}")
    if mask.dtype != bool:
        raise ValueError(f"a mask is True inside and False outside, not {mask.dtype}; write mask > 127")
    if mask.all() or not mask.any():
        raise ValueError(
            f"the mask is {'full' if mask.any() else 'empty'}: there is nothing to compare "
            f"{'with outside' if mask.any() else 'inside'}"
        )
    return mask
