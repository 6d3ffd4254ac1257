"""Quantities of a portrait that photographs and generated images both have: background, sharpness, tone, face, eyes.

They stand in for labels that real images lack, such as "dark background", and see less than such a label says. None of
them knows a hat, a headband, coloured hair, a hand or a microphone; of obstructions they notice hidden eyes only. All
but the eyes is measured at ``SIDE`` pixels, for sharpness and noise depend on the size.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pandas as pd

from fakeface_utils.datasets.pixels import resized

SIDE = 128  # pixels
RING = 11  # pixels: width of the border, a twelfth of the side
SHOULDERS = 96  # row from which on the border shows clothes and is left out
FACE = np.s_[38:96, 38:90]  # where a face is that lies as those of the 140k set do
DARK = 64  # grey levels, of 255
LEAST_FACE, VOTES = 0.3, 3  # width of the image; boxes that must overlap
FACE_SIDE, EYE_SIDES, EYE_ROWS = 192, (27, 77), (0.15, 0.6)  # pixels, pixels, shares of the face's height

BORDER = np.zeros((SIDE, SIDE), bool)
BORDER[:SHOULDERS] = True
BORDER[RING:, RING:-RING] = False

# What each column is, its range and unit.
OF_PIXELS = {
    "border_luminance": "mean brightness of the border: grey levels, 0 to 255",
    "border_spread": "standard deviation of the border's brightness: grey levels, 0 to 127.5; low: uniform",
    "border_dark": f"share of the border that is darker than {DARK} grey levels: 0 to 1",
    "border_sharpness": "variance of the border's Laplacian: squared grey levels, from 0; low: uniform or blurred",
    "border_fineness": "the same, over that of the image at a quarter of its size (and 1): from 0; low: blurred",
    "face_sharpness": "variance of the Laplacian where the face is: squared grey levels, from 0",
    "face_luminance": "mean brightness where the face is: grey levels, 0 to 255",
    "separation": "how far face_luminance and border_luminance lie apart: grey levels, 0 to 255",
    "saturation": "colour: 0 (grey) to 1; by how much the largest channel exceeds the smallest, over the largest",
    "contrast": "standard deviation of the whole image's brightness: grey levels, 0 to 127.5",
}
OF_FACE = {
    "face_size": "width of the face found: share of the image's, .3 to 1",
    "face_x": "how far its middle lies right of the image's: share of the side, -.5 to .5",
    "face_y": "how far its middle lies below the image's: share of the side, -.5 to .5",
    "roll": "slope of the line through both eyes: degrees, -90 to 90, positive if the eye on the right is lower",
    "eyes_found": "eyes found in the face: 0, 1 or 2; dark glasses hide them, and hair, a turn or shade may",
}


def quantities(images: np.ndarray) -> pd.DataFrame:
    """What the border, the place of the face and the colours say, a row an image. No detector is asked.

    The border is the outer twelfth without its lower quarter: hair, hoods and brims reach into it, too. Brightness is
    .299 R + .587 G + .114 B; that of a face is its light and its skin at once. The Laplacian's variance (Pech-Pacheco
    et al. 2000) grows with contrast and with noise as with sharpness, so that a grainy dark wall passes for sharp.
    ``border_fineness`` asks how much of the detail is fine: contrast hardly moves it, noise does, and of a blank wall
    noise is all there is.

    Args:
        images: uint8 (n, side, side, 3), RGB, 0-255, side at least ``SIDE``; of one size, and of one JPEG history.

    Returns:
        n rows of float, the columns of ``OF_PIXELS``.

    Raises:
        ValueError: other images.
    """
    return pd.DataFrame([_of_pixels(image) for image in _each(images)], columns=list(OF_PIXELS), dtype=float)


def face_quantities(images: np.ndarray) -> pd.DataFrame:
    """Where OpenCV's cascades find the face and its eyes, a row an image; NaN where no face or only one eye is found.

    The face is the largest box that holds the middle of the image and is .3 of it wide. Its eyes are looked for in its
    upper part, one on either side; a dark lens may pass for one. That no face is found is worth a look, too: turned and
    covered faces are missed, so the other columns are of easy faces only. No column is the angle at which a head turns
    or nods. (In drawn portraits ``face_x`` follows the turn; in photographs nobody has checked that.)

    Args:
        images: as for :func:`quantities`, at the size they are stored at.

    Returns:
        n rows of float, the columns of ``OF_FACE``.

    Raises:
        ValueError: other images. ImportError: no OpenCV, or one without the cascades (version 5).
    """
    find_faces, find_eyes = _cascades()
    rows = []
    for image in _each(images):
        face = _face(resized(image, SIDE), find_faces)
        rows.append((np.nan,) * len(OF_FACE) if face is None else _of_face(image, face, find_eyes))
    return pd.DataFrame(rows, columns=list(OF_FACE), dtype=float)


def laplacian(grey: np.ndarray) -> np.ndarray:
    """Up + down + left + right - 4 times the pixel, (h, w), in grey levels; the edge is repeated."""
    p = np.pad(np.asarray(grey, float), 1, mode="edge")
    return p[:-2, 1:-1] + p[2:, 1:-1] + p[1:-1, :-2] + p[1:-1, 2:] - 4 * p[1:-1, 1:-1]


def _each(images: np.ndarray) -> Iterator[np.ndarray]:
    side = images.shape[1] if np.ndim(images) == 4 else 0
    if images.dtype != np.uint8 or side < SIDE or images.shape[2:] != (side, 3):
        raise ValueError(
            f"expected square uint8 images (n, side, side, 3) of {SIDE} pixels or more, got {images.dtype} "
            f"{images.shape}: smaller ones would have to be blown up, which takes their sharpness"
        )
    yield from images


def _of_pixels(image: np.ndarray) -> tuple[float, ...]:
    rgb = resized(image, SIDE).astype(float)
    grey = (rgb @ (0.299, 0.587, 0.114)).round(3)  # or a grey of 64 is darker than 64 on some machines
    quarter = grey.reshape(SIDE // 4, 4, SIDE // 4, 4).mean(axis=(1, 3))
    border, edges, most = grey[BORDER], laplacian(grey), rgb.max(axis=2)
    fine, coarse = edges[BORDER].var(), laplacian(quarter)[BORDER[1::4, 1::4]].var()
    return (
        border.mean(),
        border.std(),
        (border < DARK).mean(),
        fine,
        fine / (coarse + 1),
        edges[FACE].var(),
        grey[FACE].mean(),
        abs(grey[FACE].mean() - border.mean()),
        (most - rgb.min(axis=2)).sum() / max(most.sum(), 1),
        grey.std(),
    )


Boxes = np.ndarray  # (k, 4): x, y, width, height in pixels
Finder = Callable[..., Boxes]


def _cascades() -> tuple[Finder, Finder]:
    """OpenCV's detectors of faces and of eyes."""
    try:
        import cv2

        names = "haarcascade_frontalface_default.xml", "haarcascade_eye.xml"
        faces, eyes = (cv2.CascadeClassifier(cv2.data.haarcascades + name).detectMultiScale for name in names)
    except (ImportError, AttributeError) as error:  # version 5 has no such class
        raise ImportError('the cascades are OpenCV 4\'s: pip install "opencv-python-headless<5"') from error
    return faces, eyes


def _grey(image: np.ndarray) -> np.ndarray:
    return (image @ (0.299, 0.587, 0.114) + 0.5).astype(np.uint8)


def _face(small: np.ndarray, find: Finder) -> np.ndarray | None:
    """The face's box (x, y, width, height), in shares of the side."""
    boxes = np.array(find(_grey(small), scaleFactor=1.1, minNeighbors=VOTES)).reshape(-1, 4) / SIDE
    x, y, w, h = boxes.T
    boxes = boxes[(x < 0.5) & (x + w > 0.5) & (y < 0.5) & (y + h > 0.5) & (w >= LEAST_FACE)]
    return boxes[boxes[:, 2].argmax()] if len(boxes) else None


def _of_face(image: np.ndarray, face: np.ndarray, find: Finder) -> tuple[float, ...]:
    x, y, w, h = face
    side, (top, bottom) = len(image), EYE_ROWS
    rows = slice(round((y + top * h) * side), round((y + bottom * h) * side))
    part = image[rows, round(x * side) : round((x + w) * side)]
    part = resized(part, (round(FACE_SIDE * (bottom - top) * h / w), FACE_SIDE), "lanczos")
    least, most = ((side, side) for side in EYE_SIDES)
    boxes = np.array(find(_grey(part), scaleFactor=1.05, minNeighbors=4, minSize=least, maxSize=most)).reshape(
        -1, 4
    )
    middles = boxes[:, :2] + boxes[:, 2:] / 2
    right = middles[:, 0] > FACE_SIDE / 2
    eyes = [middles[of][boxes[of, 2].argmax()] for of in (~right, right) if of.any()]
    across, down = eyes[1] - eyes[0] if len(eyes) == 2 else (np.nan, np.nan)
    return w, x + w / 2 - 0.5, y + h / 2 - 0.5, np.degrees(np.arctan2(down, across)), len(eyes)
