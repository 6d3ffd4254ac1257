"""What may happen to a picture on its way to a detector: ten perturbations, five strengths each, in one table.

They answer one question: does a detector still tell real from fake when the picture was saved again, made smaller,
turned or passed on? For training, ``augment.robust`` draws some of the same losses at random, a batch at a time.

A perturbation can be broken without anybody seeing it: in a published robustness test the JPEG quality never reached
the encoder, so that every strength gave the same file, and the detector looked robust. Here each one names a quantity
that can be measured on its result and must move with every step of strength; :func:`check` measures it on the images
at hand.

All of it works on pixels in memory and at the size at which they come. A blur of 2 px is stronger on a small picture:
give pictures at their stored size, and let the detector resize or crop them afterwards. Beyond its edges a picture is
mirrored. Sources of the ranges: Wang et al. 2020 and Ojha et al. 2023 (JPEG, blur), Frank et al. 2020 (noise, crop),
Corvi et al. 2023 (resize and JPEG of social networks); the others are choices, from hardly visible to strong.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from PIL import Image
from scipy.ndimage import gaussian_filter

from fakeface_utils.datasets import traces
from fakeface_utils.datasets.pixels import resized
from fakeface_utils.datasets.resave import resaved

VERSION = 1  # raised when the same image and strength would give other pixels
ENOUGH = 0.9  # share of the images on which each step of strength must show
APP = 0.85, 80  # what one app does to a picture: share of the sides left, JPEG quality; assumed, no app tells


@dataclass(frozen=True)
class Perturbation:
    """One way of changing a picture, and how to see that it does.

    Attributes:
        change: uint8 (h, w, 3), 0-255, and a strength -> the same shape, dtype and range. A picture always comes out
            the same, whatever else is in its batch.
        strengths: from mild to strong, as ``change`` takes them; so JPEG qualities fall.
        unit: of a strength, for the axis of a curve.
        truth: what must become of the picture as strength goes up, such as "its file gets smaller".
        quantity: (original, changed) -> the number that ``truth`` speaks of. rises: whether it goes up, else down.
    """

    change: Callable[[np.ndarray, float], np.ndarray]
    strengths: tuple[float, ...]
    unit: str
    truth: str
    quantity: Callable[[np.ndarray, np.ndarray], float]
    rises: bool = True

    def __call__(self, pixels: np.ndarray, strength: float) -> np.ndarray:
        """The picture at one strength.

        Raises:
            ValueError: no uint8 (h, w, 3), or it does not come out as such; a strength that cannot be.
        """
        if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] != 3 or not pixels.size:
            raise ValueError(f"expected uint8 RGB pixels (h, w, 3) in 0-255, got {pixels.dtype} {pixels.shape}")
        found = self.change(pixels, strength)
        if found.dtype != np.uint8 or found.shape != pixels.shape:
            raise ValueError(
                f"a perturbation keeps uint8 {pixels.shape}; this one gave {found.dtype} {found.shape}"
            )
        return found


def check(name: str, images: Iterable[np.ndarray], table: Mapping[str, Perturbation] | None = None) -> pd.Series:
    """Whether a perturbation does what it says on these images; a dozen or two are enough.

    Every strength must change nine images of ten, and from each strength to the next the quantity must move the right
    way on nine of ten. It need not from the unchanged picture to the mildest strength: what was stored at quality 75
    hardly changes at 90.

    Args:
        images: uint8 (h, w, 3) each. table: default :data:`PERTURBATIONS`.

    Returns:
        The mean quantity, by strength, the unchanged images first.

    Raises:
        ValueError: it does nothing, its strengths are out of order, the same picture comes out otherwise the second
            time, it writes into the picture it is given, or there is no image or no such perturbation.
    """
    table = PERTURBATIONS if table is None else table
    if name not in table:
        raise ValueError(f"there is no perturbation {name!r}; choose one of {', '.join(table)}")
    asked, same, rows = table[name], [], []
    for image in images:
        given = image.copy()
        changed = [asked(given, strength) for strength in asked.strengths]
        if not np.array_equal(given, image):
            raise ValueError(f"{name} writes into the picture it is given; it must return another one")
        if not np.array_equal(changed[-1], asked(image.copy(), asked.strengths[-1])):
            raise ValueError(f"{name}: the same picture came out in two ways; it must follow from its pixels alone")
        same.append([np.array_equal(image, one) for one in changed])
        rows.append([asked.quantity(image, one) for one in (image, *changed)])
    if not rows:
        raise ValueError(f"{name} cannot be checked without an image")
    means, n = np.mean(rows, axis=0), len(rows)
    for strength, untouched in zip(asked.strengths, np.sum(same, axis=0), strict=True):
        if untouched > (1 - ENOUGH) * n:
            raise ValueError(f"{name} does nothing at {strength:g} {asked.unit} to {untouched} of {n} images")
    moves = np.sum(np.diff(rows, axis=1)[:, 1:] * (1 if asked.rises else -1) > 0, axis=0)
    for step, moved in enumerate(moves):
        if moved < ENOUGH * n:
            weaker, stronger = asked.strengths[step : step + 2]
            raise ValueError(
                f"{name} is out of order: from {weaker:g} to {stronger:g} {asked.unit} it should be that "
                f"{asked.truth}, and that holds for {moved} of {n} images (on average {means[step + 1]:.4g}, then "
                f"{means[step + 2]:.4g})"
            )
    return pd.Series(means, index=["unchanged", *asked.strengths], name=asked.truth)


# The ten


def blur(pixels: np.ndarray, sigma: float) -> np.ndarray:
    """Gaussian blur with a standard deviation of at least 0 pixels; ``augment.blur`` does it to a batch."""
    _within("sigma", sigma, 0, np.inf)
    return _whole(gaussian_filter(pixels.astype(np.float32), (sigma, sigma, 0)))


def down_up(pixels: np.ndarray, scale: float) -> np.ndarray:
    """Sides made smaller by a scale in (0, 1] (mean of the covered area), then brought back (bilinear)."""
    return resized(resized(pixels, _sides(pixels, scale), "area"), pixels.shape[:2], "bilinear")


def noise(pixels: np.ndarray, sigma: float, seed: int = 0) -> np.ndarray:
    """Gaussian noise with a standard deviation of at least 0 grey levels, every pixel and channel its own.

    What is drawn follows from the picture's pixels and the seed alone: not from its place in a batch, its name or its
    class. All strengths multiply the same draw, so that a curve shows the strength and not the luck.
    """
    _within("sigma", sigma, 0, np.inf)
    digest = hashlib.sha256(f"{seed} {pixels.shape} ".encode() + pixels.tobytes()).digest()
    drawn = np.random.default_rng(int.from_bytes(digest)).standard_normal(pixels.shape, np.float32)
    return _whole(pixels + np.float32(sigma) * drawn)


def crop(pixels: np.ndarray, share: float) -> np.ndarray:
    """The middle of the picture, a share in (0, 1] of each side, enlarged to the old size (Lanczos)."""
    height, width = _sides(pixels, share)
    top, left = (pixels.shape[0] - height) // 2, (pixels.shape[1] - width) // 2
    return resized(pixels[top : top + height, left : left + width], pixels.shape[:2], "lanczos")


def brighten(pixels: np.ndarray, levels: float) -> np.ndarray:
    """So many grey levels more, -255 to 255; what would be above 255 is 255."""
    _within("levels", levels, -255, 255)
    return _whole(pixels + np.float32(levels))


def contrast(pixels: np.ndarray, factor: float) -> np.ndarray:
    """Every pixel's distance from the picture's mean colour times a factor of at least 0; below 1 it goes flat."""
    _within("factor", factor, 0, np.inf)
    middle = pixels.mean(axis=(0, 1))
    return _whole(middle + factor * (pixels - middle))


def gamma(pixels: np.ndarray, exponent: float) -> np.ndarray:
    """``255 (v / 255) ^ exponent``; above 1 the middle gets darker, black and white stay."""
    _within("exponent", exponent, 0.01, 100)
    return _whole(255 * (np.arange(256) / 255) ** exponent)[pixels]


def rotate(pixels: np.ndarray, degrees: float) -> np.ndarray:
    """Turned about its middle, counterclockwise, -90 to 90 degrees (bicubic): pose, as far as the plane goes."""
    _within("degrees", degrees, -90, 90)
    sides, angle = np.array(pixels.shape[:2]), np.deg2rad(abs(degrees))
    reach = sides * np.cos(angle) + sides[::-1] * np.sin(angle)
    more = np.ceil((reach - sides).clip(0) / 2).astype(int) + 3  # the bicubic filter reaches further
    wide = np.pad(pixels, [(n, n) for n in (*more, 0)], mode="symmetric")
    turned = np.asarray(Image.fromarray(wide).rotate(degrees, Image.Resampling.BICUBIC))
    return turned[more[0] : more[0] + sides[0], more[1] : more[1] + sides[1]]


def pass_on(pixels: np.ndarray, times: int) -> np.ndarray:
    """Through so many apps, one after the other, then back to its size (Lanczos).

    Each has a smaller limit than the one before: the sides lose 15 % (mean of the covered area), then the picture is
    saved at quality 80 (``APP``). So the saves lie on different 8 x 8 grids.
    """
    if times not in range(100):
        raise ValueError(f"a picture is passed on a whole number of times, 0 to 99, not {times!r}")
    shared = pixels
    for time in range(int(times)):
        shared = resaved(resized(shared, _sides(pixels, APP[0] ** (time + 1)), "area"), APP[1])
    return resized(shared, pixels.shape[:2], "lanczos")


def _within(what: str, value: float, low: float, high: float) -> None:
    if not low <= value <= high:  # NaN fails this, too
        raise ValueError(f"{what} is a number from {low:g} to {high:g}, not {value!r}")


def _sides(pixels: np.ndarray, share: float) -> tuple[int, int]:
    if not 0 < share <= 1:
        raise ValueError(f"a share of the sides is over 0 and at most 1, not {share!r}")
    return tuple(max(1, round(share * side)) for side in pixels.shape[:2])


def _whole(levels: np.ndarray) -> np.ndarray:
    return np.clip(np.rint(levels), 0, 255).astype(np.uint8)


LESS = False  # a quantity that falls
PERTURBATIONS: dict[str, Perturbation] = {
    "JPEG": Perturbation(resaved, (90, 75, 60, 40, 20), "quality", "its file gets smaller", traces.last_file, LESS),
    "blur": Perturbation(blur, (0.5, 1, 2, 3, 4), "px", "it loses fine detail", traces.detail, LESS),
    "down and up": Perturbation(
        down_up, (0.9, 0.75, 0.5, 0.35, 0.25), "of the sides", "its file gets smaller", traces.file_size, LESS
    ),
    "noise": Perturbation(noise, (2, 5, 10, 15, 20), "grey levels", "it gains fine detail", traces.detail),
    "crop": Perturbation(crop, (0.95, 0.9, 0.85, 0.8, 0.7), "of the sides", "what is left grows", traces.grown),
    "brightness": Perturbation(brighten, (15, 30, 45, 60, 80), "grey levels", "its mean rises", traces.mean),
    "contrast": Perturbation(
        contrast, (0.85, 0.7, 0.55, 0.4, 0.25), "of the contrast", "its grey levels lie closer", traces.spread, LESS
    ),
    "gamma": Perturbation(gamma, (1.2, 1.5, 1.8, 2.2, 3), "exponent", "its mean falls", traces.mean, LESS),
    "rotation": Perturbation(rotate, (2, 4, 8, 12, 16), "degrees", "it turns further", traces.turned),
    "passed on": Perturbation(pass_on, (1, 2, 3, 4, 5), "times", "its file gets smaller", traces.file_size, LESS),
}
