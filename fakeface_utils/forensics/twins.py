"""The untouched twin of a fake: which real photograph it was made from, how the two align, what was edited.

An eighth of the Yonsei fakes were made from a photograph that is also among the set's reals. With both in hand,
what was edited is known, and a method that claims to show edits can be scored against it, and against the same
region of the twin. Needs OpenCV to align; all else runs without.

What the set's pairs taught, by looking at all 201 side by side:

* Base and fake are two crops of one larger photograph, each brought to 600 pixels on its own: scales from .69
  to 1.12, shifts of parts of a pixel, one turned. So *no* twin keeps its JPEG blocks when it is laid over its
  fake. To compare compression traces leave both files as they are and carry the mask over, not the pixels
  (:func:`on_twin`).
* Parts were blended by their gradients: tones drift smoothly over the face and far beyond, and a plain
  difference marks all of it. Such a drift is harmonic, and what an image's Gaussian blur takes away holds
  nothing of it (mean value property). So fine detail is compared, not tones.
* A keypoint pair may also be fake and *donor*, of which eyes or a whole face were taken: there the faces agree
  and all around differs. Along the frame the two part: donors agree on less than .09 of the pixels there, bases
  on .53 and more. The seven bases below .9 were smoothed, or hair and shoulders were redone, and their masks are
  not confined to the parts: they are left out as well.
"""

from __future__ import annotations

import hashlib
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from PIL import Image
from scipy import ndimage
from tqdm import tqdm

from fakeface_utils.datasets.groups import mixed_pairs
from fakeface_utils.datasets.layouts import fingerprint
from fakeface_utils.datasets.pixels import read_image

VERSION = 1  # raised when other twins would be found, so that no old table is taken for a new one

# Which pairs are twins. All shares of pixels; the module's text says how the first was chosen.
MIN_ALONG_FRAME = 0.9  # must agree in a band of FRAME of the side along the edge of what both show
FRAME = 1 / 8
MIN_OVERLAP = 0.4  # of the fake must be in the twin: neighbours in one group photograph share .07, true bases .47
MIN_DETAIL = 0.05  # of the band must show any detail: two white backgrounds agree whoever stands before them

# How two images are compared. Lengths are shares of the longer side.
WORKING_SIDE = 300  # pixels; larger images are halved, thirded ...: it takes noise out, and time
COARSE = 1 / 100  # detail is what a blur of this width (sigma) takes away: lashes, pores, edges
NEAR = 1 / 150  # the width over which differences are gathered
NOISE_FLOOR, NOISE_ROOM = 0.5, 3.0  # grey levels (rms); an edit stands out by so many times the noise's variance
VISIBLE = 3.0  # grey levels (rms) from which on detail is detail
SAME = 0.25  # of the detail's variance: 1 is unrelated detail, .33 an even mixture of old and new
EDITED = 0.05  # of the detail's variance, beside the noise

# What becomes a region.
CLOSE, OPEN, MIN_REGION = 1 / 40, 1 / 100, 1 / 400  # radii as shares of the side; share of the frame's area

KEYPOINTS, RATIO, REPROJECTION = 1500, 0.8, 1 / 300  # strongest kept; Lowe's ratio; share of the side
UNTOUCHED = 0.1  # pixels; a transform that moves no corner by more is none

_MEASURED = ["inliers", "overlap", "agree", "along_frame", "a", "b", "tx", "ty", "same_grid", "mask_area"]


class Similarity(NamedTuple):
    """A turn, a scaling and a shift: (x, y) goes to (a x - b y + tx, b x + a y + ty).

    In pixels, x to the right, y down, the middle of the first pixel is (0, 0).
    """

    a: float
    b: float
    tx: float
    ty: float

    def inverse(self) -> Similarity:
        """The way back."""
        a, b = np.array([self.a, -self.b]) / (self.a**2 + self.b**2)
        return Similarity(a, b, b * self.ty - a * self.tx, -b * self.tx - a * self.ty)

    def farthest(self, shape: tuple[int, ...]) -> float:
        """By how many pixels it moves that corner of an image (height, width, ...) that it moves most."""
        y, x = np.array([(0, 0, shape[0] - 1, shape[0] - 1), (0, shape[1] - 1, 0, shape[1] - 1)])
        moved = self.a * x - self.b * y + self.tx - x, self.b * x + self.a * y + self.ty - y
        return float(np.hypot(*moved).max())


STILL = Similarity(1.0, 0.0, 0.0, 0.0)


class Comparison(NamedTuple):
    """Two aligned images compared at the working resolution; variances of the fine detail nearby, (h, w) float32.

    In squared grey levels, mean of the channels: ``apart`` of the difference, ``both`` of the two images
    together, ``noise`` of what differs where nothing was edited. ``known``: bool (h, w), where both were given.
    """

    apart: np.ndarray
    both: np.ndarray
    noise: float
    known: np.ndarray


class Marked(NamedTuple):
    """What was edited on one stored file, and where that is known: bool (height, width) each."""

    edited: np.ndarray
    known: np.ndarray

    @property
    def rest(self) -> Marked:
        """What is known and was not edited, marked in the same way: the control."""
        return Marked(self.known & ~self.edited, self.known)


class Truth(NamedTuple):
    """The same regions of the scene, marked on the stored fake and on the stored twin.

    So both files can be measured as they are, neither interpolated: ``ela.inside(error, *truth.fake)``. Where
    nothing is known the other photograph ends.
    """

    fake: Marked
    twin: Marked


def find_twins(index: pd.DataFrame, pairs: pd.DataFrame) -> pd.DataFrame:
    """The untouched twin of every fake that has one among the reals.

    Every pair of a real and a fake is aligned by SIFT keypoints, compared and judged by this module's limits;
    pairs with a donor, or with a neighbour in the same photograph, are left out. The 201 pairs of the Yonsei
    set take a minute of one core: :func:`cached_twins` keeps the table.

    Args:
        index: columns ``name, path, label``. pairs: columns ``a, b, how, score``, as from
            ``groups.find_pairs`` with keypoints.

    Returns:
        DataFrame, one row a fake, in the order of their names: ``fake, twin`` (names), ``fake_path, twin_path``,
        ``inliers`` (keypoints that fit the transform), ``overlap`` (share of the fake's frame that the twin
        shows), ``agree`` (share of the pixels with detail that show the same), ``along_frame`` (the same along
        the frame), ``a, b, tx, ty`` (:class:`Similarity`, twin to fake), ``same_grid`` (bool: not moved, so that
        :func:`aligned` keeps the JPEG blocks), ``mask_area`` (share of the frame; 0 where nothing was found
        edited). Of several twins the one that agrees most is kept.

    Raises:
        ImportError: OpenCV is missing. ValueError: a file cannot be decoded.
    """
    _opencv()
    path = index.set_index("name")["path"]
    mixed = mixed_pairs(index, pairs)[["fake", "real"]].drop_duplicates().sort_values(["fake", "real"])
    names = list(mixed.itertuples(index=False, name=None))
    with ThreadPoolExecutor(os.cpu_count()) as pool:  # OpenCV, Pillow and SciPy let go of Python's lock
        found = pool.map(lambda pair: _judge(path[pair[0]], path[pair[1]]), names)
        found = list(tqdm(found, "twins", len(names), unit=" pairs"))
    rows = [(*pair, path[pair[0]], path[pair[1]], *row) for pair, row in zip(names, found, strict=True) if row]
    twins = pd.DataFrame(rows, columns=["fake", "twin", "fake_path", "twin_path", *_MEASURED])
    best = twins.sort_values("agree", ascending=False, kind="stable").drop_duplicates("fake")
    return best.sort_values("fake", ignore_index=True)


def _judge(fake_path: str, twin_path: str) -> tuple | None:
    """The measured columns of :func:`find_twins`, or None where the two are not twins."""
    fake, twin = read_image(fake_path), read_image(twin_path)
    found = align(twin, fake)
    if found is None:
        return None
    transform, inliers = found
    known = covered(transform, twin.shape, fake.shape)
    if known.mean() < MIN_OVERLAP:
        return None
    compared = compare(fake, aligned(twin, transform, fake.shape), known)
    agree, along_frame = agreement(compared)
    if not along_frame >= MIN_ALONG_FRAME:
        return None
    area = float(_regions(compared).mean())
    grid = same_grid(transform, twin.shape, fake.shape)
    return inliers, float(known.mean()), agree, along_frame, *transform, grid, area


def cached_twins(index: pd.DataFrame, pairs: pd.DataFrame, cache_dir: str | Path) -> pd.DataFrame:
    """:func:`find_twins`, kept as a CSV file in ``cache_dir`` and read from there the next time.

    The file holds no paths and is named after the index and the pairs: another copy of the set may read it.
    """
    what = f"{VERSION} {fingerprint(index)} {pairs.to_csv(index=False)}"
    path = Path(cache_dir) / f"twins-{hashlib.sha256(what.encode()).hexdigest()[:24]}.csv"
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        found, partial = find_twins(index, pairs), path.with_suffix(f".{os.getpid()}.partial")
        try:
            partial.write_text(found.drop(columns=["fake_path", "twin_path"]).to_csv(index=False), encoding="utf-8")
            partial.replace(path)
        finally:
            partial.unlink(missing_ok=True)
    twins, where = pd.read_csv(path), index.set_index("name")["path"]
    for place, column in ((2, "fake_path"), (3, "twin_path")):
        twins.insert(place, column, twins[column.removesuffix("_path")].map(where))
    return twins


def truth_of(row: pd.Series) -> Truth:
    """What was edited, on the fake and on its twin, for one row of :func:`find_twins`; reads both files.

    Raises:
        ValueError: a file cannot be decoded.
    """
    fake, twin = read_image(row["fake_path"]), read_image(row["twin_path"])
    transform = Similarity(*row[["a", "b", "tx", "ty"]])
    known = covered(transform, twin.shape, fake.shape)
    edited = edit_mask(fake, aligned(twin, transform, fake.shape), known)
    there = (on_twin(mask, transform, twin.shape) for mask in (edited, known))
    return Truth(Marked(edited, known), Marked(*there))


def align(twin: np.ndarray, fake: np.ndarray) -> tuple[Similarity, int] | None:
    """The similarity that lays ``twin`` over ``fake``, and how many keypoints fit it; None if none was found.

    SIFT, Lowe's ratio, RANSAC, then least squares over the inliers. Accurate to some hundredths of a pixel where
    a hundred keypoints fit. ``STILL`` where the images fit as well unmoved as moved by less than a pixel.

    Args:
        twin, fake: uint8 (h, w, 3), 0-255; their sizes may differ.

    Raises:
        ImportError: OpenCV is missing.
    """
    cv2 = _opencv()
    (p, d), (q, e) = (_keypoints(cv2, pixels) for pixels in (twin, fake))
    if min(len(p), len(q)) < 3:
        return None
    near = cv2.BFMatcher(cv2.NORM_L2).knnMatch(d, e, 2)
    good = [one for one, two in near if one.distance < RATIO * two.distance]
    if len(good) < 3:
        return None
    ends = np.float32([p[m.queryIdx] for m in good]), np.float32([q[m.trainIdx] for m in good])
    limit = REPROJECTION * max(fake.shape[:2])
    matrix, inliers = cv2.estimateAffinePartial2D(*ends, ransacReprojThreshold=limit)
    if matrix is None or not np.hypot(*matrix[:, 0]) > 0:
        return None
    found = Similarity(*(float(matrix[at]) for at in ((0, 0), (1, 0), (0, 2), (1, 2))))
    return STILL if _stands_still(found, twin, fake) else found, int(inliers.sum())


def _stands_still(found: Similarity, twin: np.ndarray, fake: np.ndarray) -> bool:
    """Whether a move of less than a pixel is the keypoints' error: the images fit as well where they are."""
    if twin.shape != fake.shape or found.farthest(fake.shape) >= 1:
        return False
    moved = np.asarray(_moved(Image.fromarray(twin), found, fake.shape, Image.Resampling.BICUBIC))
    inside = np.zeros(fake.shape[:2], bool)
    inside[2:-2, 2:-2] = True
    return compare(fake, twin, inside).noise <= compare(fake, moved, inside).noise


def _keypoints(cv2, pixels: np.ndarray) -> tuple[list, np.ndarray]:
    grey = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
    points, descriptors = cv2.SIFT_create(KEYPOINTS).detectAndCompute(grey, None)
    return [point.pt for point in points], descriptors


def same_grid(transform: Similarity, twin_shape: tuple[int, ...], shape: tuple[int, ...]) -> bool:
    """Whether twin and fake have one size and no corner moves by ``UNTOUCHED`` pixels or more."""
    return tuple(twin_shape[:2]) == tuple(shape[:2]) and transform.farthest(shape) < UNTOUCHED


def aligned(twin: np.ndarray, transform: Similarity, shape: tuple[int, ...]) -> np.ndarray:
    """The twin as it lies over the fake.

    When nothing moves (:func:`same_grid`) these are the very pixels that came. Otherwise they are interpolated
    (bicubic): good for looking and for :func:`edit_mask`, but the twin has lost its JPEG blocks, so measure
    compression on the stored twin, in the region that :func:`on_twin` gives.

    Args:
        twin: uint8 (h, w, 3). transform: twin to fake. shape: the fake's, (height, width, ...).

    Returns:
        uint8 (height, width, 3); 0 where the twin shows nothing (see :func:`covered`).
    """
    if same_grid(transform, twin.shape, shape):
        return twin
    return np.asarray(_moved(Image.fromarray(twin), transform, shape, Image.Resampling.BICUBIC))


def covered(transform: Similarity, twin_shape: tuple[int, ...], shape: tuple[int, ...]) -> np.ndarray:
    """Where the fake's frame lies in the twin's, bool (height, width) of ``shape``.

    A pixel counts when it falls at least a pixel inside the twin, so that interpolation had all it needs; all
    count when nothing moves.
    """
    if same_grid(transform, twin_shape, shape):
        return np.ones(shape[:2], bool)
    inside = np.zeros(twin_shape[:2], np.uint8)
    inside[1:-1, 1:-1] = 255
    return np.asarray(_moved(Image.fromarray(inside), transform, shape, Image.Resampling.NEAREST)) > 0


def on_twin(mask: np.ndarray, transform: Similarity, twin_shape: tuple[int, ...]) -> np.ndarray:
    """A region of the fake, bool (h, w), as the same region of the stored twin, bool of ``twin_shape``'s size.

    What lies outside the twin's frame is lost.
    """
    image = Image.fromarray(mask.astype(np.uint8) * 255)
    return np.asarray(_moved(image, transform.inverse(), twin_shape, Image.Resampling.NEAREST)) > 0


def _moved(image: Image.Image, transform: Similarity, shape: tuple[int, ...], how: int) -> Image.Image:
    # Pillow asks for the way back, and counts from the corner of the first pixel, not from its middle.
    a, b, tx, ty = transform.inverse()
    half = 0.5 - 0.5 * (a - b), 0.5 - 0.5 * (b + a)
    back = (a, -b, tx + half[0], b, a, ty + half[1])
    return image.transform((shape[1], shape[0]), Image.Transform.AFFINE, back, how)


def edit_mask(fake: np.ndarray, twin: np.ndarray, known: np.ndarray | None = None) -> np.ndarray:
    """Where the fake shows other detail than its untouched twin.

    A place is edited where :func:`compare` finds more difference than the noise of the rest and the detail there
    allow (``NOISE_ROOM``, ``EDITED``). Gaps are closed, holes filled and specks dropped. Smooth skin pasted over
    smooth skin is found by its seams and filled, or not at all; tones that were only shifted are not an edit.

    Args:
        fake: uint8 (h, w, 3), 0-255. twin: as :func:`aligned` gives it, of the same shape.
        known: bool (h, w), where the twin shows anything; default: everywhere.

    Returns:
        bool (h, w); False where not ``known``.

    Raises:
        ValueError: the two differ in shape.
    """
    regions = _regions(compare(fake, twin, known))
    image = Image.fromarray(regions.astype(np.uint8) * 255)
    mask = np.asarray(image.resize((fake.shape[1], fake.shape[0]), Image.Resampling.NEAREST)) > 0
    return mask if known is None else mask & known


def agreement(compared: Comparison) -> tuple[float, float]:
    """The share of the pixels with detail that show the same, in all and along the frame of what is known.

    NaN where too little detail is there to tell (``MIN_DETAIL``).
    """
    same, detail, known = compared.apart < SAME * compared.both, compared.both > 2 * VISIBLE**2, compared.known
    depth = ndimage.distance_transform_edt(np.pad(known, 1))[1:-1, 1:-1]
    shares = []
    for region in (known, known & (depth <= FRAME * max(known.shape))):
        seen = region & detail
        shares.append(float(same[seen].mean()) if seen.sum() > MIN_DETAIL * max(region.sum(), 1) else np.nan)
    return shares[0], shares[1]


def compare(fake: np.ndarray, twin: np.ndarray, known: np.ndarray | None = None) -> Comparison:
    """How far the fine detail of two aligned images differs, and how far it would by noise alone.

    Detail is what a blur takes away. The noise is read off the calmest quarter of the difference, since no edit
    covers three quarters of a photograph.

    Args, raises: as :func:`edit_mask`.
    """
    if fake.shape != twin.shape:
        raise ValueError(f"the fake is {fake.shape}, its twin {twin.shape}: align the twin first")
    known = np.ones(fake.shape[:2], bool) if known is None else known
    step = max(1, round(max(fake.shape[:2]) / WORKING_SIDE))
    f, t = (np.asarray(Image.fromarray(image).reduce(step), np.float32) for image in (fake, twin))
    known = np.asarray(Image.fromarray(known.astype(np.uint8) * 255).reduce(step)) == 255
    side = max(known.shape)
    blur = _blur_within(known, COARSE * side)
    f, t = f - blur(f), t - blur(t)
    near = _blur_within(known, NEAR * side)
    apart, both = near(((f - t) ** 2).mean(axis=2)), near((f**2 + t**2).mean(axis=2))
    noise = max(float(np.quantile(apart[known], 0.25)) if known.any() else 0.0, NOISE_FLOOR**2)
    return Comparison(apart, both, noise, known)


def _blur_within(known: np.ndarray, sigma: float):
    """A Gaussian blur that takes nothing from where nothing is known."""

    def blur(values: np.ndarray) -> np.ndarray:
        widths = (sigma, sigma, 0)[: values.ndim]
        return ndimage.gaussian_filter(values, widths, mode="nearest", truncate=3)

    if known.all():
        return blur
    weight = known.astype(np.float32)
    total = np.maximum(blur(weight), 1e-3)

    def inside(values: np.ndarray) -> np.ndarray:
        extra = (..., None) if values.ndim == 3 else (...,)
        return blur(values * weight[extra]) / total[extra]

    return inside


def _regions(compared: Comparison) -> np.ndarray:
    """The edited regions at the working resolution, bool (h, w)."""
    side = max(compared.known.shape)
    mask = compared.apart > EDITED * compared.both + NOISE_ROOM * compared.noise
    mask &= compared.known
    # Closing grows and shrinks: with room around the frame a region at its edge is not cut off.
    room = int(np.ceil(CLOSE * side)) + 1
    mask = ndimage.binary_closing(np.pad(mask, room), _disc(CLOSE * side))[room:-room, room:-room]
    mask = ndimage.binary_opening(ndimage.binary_fill_holes(mask), _disc(OPEN * side)) & compared.known
    labels, count = ndimage.label(mask)
    large = np.bincount(labels.ravel(), minlength=count + 1) >= MIN_REGION * mask.size
    large[0] = False
    return large[labels]


def _disc(radius: float) -> np.ndarray:
    reach = int(radius)
    y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    return x**2 + y**2 <= radius**2


def _opencv():
    try:
        import cv2
    except ImportError as error:
        raise ImportError('twins are found by keypoints: pip install "opencv-python-headless<5"') from error
    return cv2
