"""One more JPEG save, and what it changes: the pixels behind error level analysis (ELA).

An image that was saved before changes little when it is saved again at the same quality on the same 8 x 8 grid; a
part with another history changes by another amount (Krawetz 2007). Texture and edges change more than smooth skin,
whatever their history, so a bright map alone proves nothing.

Make the map first: at the stored size, before any resize, crop or flip. Those move the pixels off the grid that the
last save left, and the map then shows the move. All here works on arrays in memory, so that training can use it.
"""

from __future__ import annotations

import struct
from io import BytesIO
from numbers import Integral
from pathlib import Path

import numpy as np
from PIL import Image

from fakeface_utils.datasets.pixels import read_image

SUBSAMPLING = {"4:4:4": 0, "4:2:2": 1, "4:2:0": 2}  # Pillow's codes
SMALLEST = 16  # side in pixels of one coding unit at 4:2:0
_BROKEN = (OSError, SyntaxError, ValueError, struct.error, Image.DecompressionBombError)
_DEPTH_AT = 24  # the byte of a PNG file that holds its bits per sample

# Report 001's display, cv2.convertScaleAbs(alpha=80, beta=-30): |80 d - 30|, no more than 255, for d = 0 ... 255.
_REPORT_001 = np.minimum(np.abs(80 * np.arange(256) - 30), 255).astype(np.uint8)


def read_native(path: str | Path) -> np.ndarray:
    """The pixels of one JPEG or PNG file at its stored size, for error level analysis.

    Taken as stored: no EXIF rotation (turned pixels would lie across the 8 x 8 grid of the last save), no colour
    management. Grey becomes three equal channels, a palette's entries become their colours, a wholly opaque alpha
    channel is dropped, and of a camera's file with several pictures (MPO) the first is read. What no conversion
    can bring to 8-bit RGB without changing the map is refused.

    A PNG, or a JPEG made from one, may never have been compressed before. It is read, but its map shows texture
    alone: there is no earlier save to compare with.

    Returns:
        uint8 (h, w, 3), RGB, 0-255.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: no JPEG or PNG, or one that does not decode; CMYK; more than 8 bits per channel; anything
            transparent; a side of less than 16 pixels. The message names the file and says what to do.
    """
    path = Path(path)
    with path.open("rb") as file:
        start = file.read(_DEPTH_AT + 1)
        file.seek(0)
        try:
            with Image.open(file) as image:
                complaint = _complaint(image, start)
        except _BROKEN as error:
            raise ValueError(
                f"{path} does not decode: {error}; `fakeface verify` lists such files of a set"
            ) from error
    if complaint:
        raise ValueError(f"{path} {complaint}")
    return read_image(path)


def _complaint(image: Image.Image, start: bytes) -> str | None:
    """Why an image cannot be analysed and what to do; None when it can."""
    if image.format not in ("JPEG", "MPO", "PNG"):
        return f"is a {image.format} file; error level analysis is for JPEG. Take the JPEG it was made from."
    if min(image.size) < SMALLEST:
        return (
            f"is {image.width} x {image.height} pixels; error level analysis needs {SMALLEST} a side, one JPEG "
            "coding unit. Take the image before it was shrunk."
        )
    if image.format == "PNG" and start[_DEPTH_AT] > 8:  # Pillow itself cuts 16-bit colour to 8 and says nothing
        return (
            f"has {start[_DEPTH_AT]} bits per channel; JPEG has 8, and rounding is a change of its own. "
            "Save it with 8 bits per channel first, every image of the set in the same way."
        )
    if image.mode == "CMYK":
        return (
            "is CMYK; its error level would be that of the conversion of printing inks to RGB, which no file fixes. "
            "Convert it to RGB first, every image of the set in the same way."
        )
    if image.has_transparency_data and image.convert("RGBA").getchannel("A").getextrema()[0] < 255:
        return (
            "is partly transparent; its pixels depend on what is put behind it, and JPEG has no transparency. "
            "Put it on a background first, or take the JPEG it was made from."
        )
    return None


def resaved(pixels: np.ndarray, quality: int = 90, subsampling: str = "4:2:0") -> np.ndarray:
    """The pixels after one save as JPEG and back, in memory: Pillow's save and open, the standard tables.

    Args:
        pixels: uint8 (h, w, 3), RGB, 0-255.
        quality: 1 (coarse) to 100 (fine), on the scale of the IJG library, which Pillow uses.
        subsampling: how coarsely colour is kept: ``"4:4:4"`` as finely as brightness, ``"4:2:2"`` at half the
            width, ``"4:2:0"`` at half the width and height.

    Returns:
        uint8 (h, w, 3), RGB, 0-255.

    Raises:
        ValueError: another shape or dtype, a quality outside 1-100, an unknown subsampling.
    """
    if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] != 3 or not pixels.size:
        raise ValueError(
            f"expected uint8 pixels (h, w, 3), got {pixels.dtype} {pixels.shape}; for a grey image repeat its "
            "channel three times, and do not scale to 0-1"
        )
    if isinstance(quality, bool) or not isinstance(quality, Integral) or not 1 <= quality <= 100:
        raise ValueError(f"quality is a whole number from 1 to 100, not {quality!r}")
    if subsampling not in SUBSAMPLING:
        raise ValueError(f"subsampling is one of {', '.join(SUBSAMPLING)}, not {subsampling!r}")
    return np.array(Image.open(BytesIO(jpeg(pixels, int(quality), subsampling))))


def jpeg(pixels: np.ndarray, quality: int, subsampling: str) -> bytes:
    """The bytes of a JPEG file that holds these pixels and nothing else; arguments as in :func:`resaved`, unchecked."""
    file = BytesIO()
    # From an array, so that nothing which came with the pixels can get into the file.
    Image.fromarray(pixels).save(file, "JPEG", quality=quality, subsampling=SUBSAMPLING[subsampling])
    return file.getvalue()


def error_level(pixels: np.ndarray, quality: int = 90, subsampling: str = "4:2:0") -> np.ndarray:
    """How much every channel of every pixel changes when the image is saved once more: ``|pixels - resaved|``.

    Source: Krawetz, A Picture's Worth, 2007. Near 0 all over when the last save had the same quality, subsampling
    and grid. Large on texture and on images that were never compressed.

    Args:
        pixels, quality, subsampling: as in :func:`resaved`. Pixels at the stored size, not resized and not flipped.

    Returns:
        float32 (h, w, 3), whole numbers, 0-255.

    Raises:
        ValueError: as :func:`resaved`.
    """
    again = resaved(pixels, quality, subsampling)
    # uint8 differences would wrap around; larger minus smaller cannot, and needs no second float copy.
    return (np.maximum(pixels, again) - np.minimum(pixels, again)).astype(np.float32)


def amplified(error: np.ndarray, gain: float = 20) -> np.ndarray:
    """An error level to look at: ``gain`` times the error, rounded, no more than 255.

    The gain is the same for every image. The common recipe divides by each image's largest error instead: two such
    maps cannot be compared.

    Args:
        error: any shape, at least 0, as :func:`error_level` gives it.
        gain: above 0; with 20, errors of 13 and more are white.

    Returns:
        uint8, the shape of ``error``.

    Raises:
        ValueError: an error below 0 or NaN, a gain that is not above 0.
    """
    if not 0 < gain < np.inf:
        raise ValueError(f"gain is a number above 0, not {gain!r}")
    return np.minimum(np.rint(_checked(error) * gain), 255).astype(np.uint8)


def map_of_report_001(error: np.ndarray) -> np.ndarray:
    """The map that report 001 trained on: ``|80 d - 30|``, saturated, as ``cv2.convertScaleAbs`` computes it.

    Five levels are left: no difference becomes 30, a difference of 1 becomes 50, 2 becomes 130, 3 becomes 210, and
    from 4 on all is 255. No difference is thus not black, and a large one looks like a small one. The report states
    neither the JPEG quality of its second save nor whether it resized before: both are assumptions of whoever
    rebuilds it.

    Args:
        error: whole numbers 0-255, any shape, as :func:`error_level` gives them.

    Returns:
        uint8, the shape of ``error``.

    Raises:
        ValueError: a number that is not whole or not in 0-255.
    """
    error = _checked(error)
    if error.max(initial=0) > 255 or not np.array_equal(error, np.rint(error)):
        raise ValueError(
            "report 001's map takes whole differences of 0 to 255; make it before anything is resized or averaged"
        )
    return _REPORT_001[error.astype(np.uint8)]


def _checked(error: np.ndarray) -> np.ndarray:
    error = np.asarray(error)
    if not error.min(initial=0) >= 0:  # NaN fails this, too
        raise ValueError("an error level is at least 0 everywhere; this one is below 0 or NaN somewhere")
    return error
