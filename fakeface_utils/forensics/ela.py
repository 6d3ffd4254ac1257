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
class Region:
    """The error level inside a region of one image.

    Attributes:
        mean: of the error inside, in the units of the map (0-255, mean over channels).
        share: of the whole error, how much lies inside, 0-1; NaN for an image without any error.
        area: of all pixels, how many lie inside, 0-1. An error spread evenly has this share.
    """

    mean: float
    share: float
    area: float


@dataclass(frozen=True)
class Comparison:
    """A region of a fake against the same region of its untouched twin, each measured on its own file.

    Both maps must come from one quality and subsampling. Where the two files do not lie on one another, each region is
    marked on its own file: a twin that was moved onto its fake has lost the grid of its last save, and its map shows
    the move.
    """

    fake: Region
    twin: Region

    @property
    def difference(self) -> float:
        """Mean error of the fake less that of the twin; below 0 when the edit changes less than the original did."""
        return self.fake.mean - self.twin.mean

    @property
    def log_ratio(self) -> float:
        """Natural log of the fake's mean error over the twin's: 0 when they are equal, infinite when one of them is 0.

        Two files with other histories differ outside the edit, too: hold it against the same ratio out there.
        """
        if self.fake.mean == self.twin.mean:
            return 0.0
        with np.errstate(divide="ignore"):
            return float(np.log(self.fake.mean) - np.log(self.twin.mean))


def inside(error: np.ndarray, mask: np.ndarray, known: np.ndarray | None = None) -> Region:
    """Measure an error level inside a region.

    The rest of the image is ``inside(error, known & ~mask, known)``.

    Args:
        error: (h, w) or (h, w, 3), at least 0, as :func:`resave.error_level` gives it; channels are averaged.
        mask: bool (h, w), True inside. A mask with soft seams is cut first: ``mask > 127``.
        known: bool (h, w), the pixels that count, such as those that fake and twin both show; default: all. Outside
            it there is neither error nor area.

    Raises:
        ValueError: shapes that do not fit; a mask that is not bool; one that marks nothing, or everything that is
            known.
    """
    error, mask = _counted(error, mask, known)
    whole = float(error.sum())
    part = float(error[mask].sum())
    share = part / whole if whole else float("nan")
    return Region(mean=part / int(mask.sum()), share=share, area=float(mask.mean()))


def pixel_auc(error: np.ndarray, mask: np.ndarray, known: np.ndarray | None = None) -> float:
    """How well the error alone picks the edited pixels: AUC of the pixels inside the mask against those outside.

    The probability that a pixel inside has a larger error than one outside, ties counted half: 0.5 is chance, below
    it the region is darker than its surroundings. Texture moves it as well, so compute the twin's, too. Pixels are
    no independent observations: one image gives one value, and intervals are taken over images.

    Args, raises: as :func:`inside`.
    """
    error, mask = _counted(error, mask, known)
    return float(roc_auc_score(mask, error))


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


def _counted(error: np.ndarray, mask: np.ndarray, known: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
    """Error and mask of the pixels that count, (n,) each."""
    error, mask = _plane(error), np.asarray(mask)
    known = np.ones(mask.shape, bool) if known is None else np.asarray(known)
    if not error.shape == mask.shape == known.shape:
        raise ValueError(
            f"map and mask must be of one size; the map is {error.shape}, the mask is {mask.shape}, "
            f"what is known is {known.shape}"
        )
    if not mask.dtype == known.dtype == bool:
        wrong = mask.dtype if mask.dtype != bool else known.dtype
        raise ValueError(f"a mask is True inside and False outside, not {wrong}; write mask > 127")
    error, mask = error[known], mask[known]
    if mask.all() or not mask.any():  # all() of nothing is True: nothing known is an empty mask
        raise ValueError(
            "the mask is full: there is nothing to compare with outside"
            if mask.any()
            else "the mask is empty: there is nothing to measure inside"
        )
    return error, mask
