"""From linear light to 8-bit pixels: the camera of the real photos, the generator of the fake ones, and JPEG.

The camera blurs with its lens, sees one colour a pixel (Bayer mosaic), adds shot noise, interpolates the missing
colours and applies a tone curve. The generator has no sensor: it brings half-resolution features up by
zero-insertion and a small kernel, which copies the low frequencies around half the sampling rate (spectral
replicas) and gives odd and even pixels slightly different gains (checkerboard). See Odena et al., Distill 2016,
and Durall et al., CVPR 2020.
"""

from __future__ import annotations

import io

import numpy as np
from PIL import Image

from .paint import F

_LEVELS = np.arange(65536) / 65535
# sRGB's curve with a little contrast, as cameras ship it. Tables, because a power is not rounded alike everywhere.
_CURVE = np.where(_LEVELS <= 0.0031308, 12.92 * _LEVELS, 1.055 * _LEVELS ** (1 / 2.4) - 0.055)
_CURVE = 255 * (0.8 * _CURVE + 0.2 * _CURVE * _CURVE * (3 - 2 * _CURVE))
TONE = _CURVE.astype(F)
# How many grey levels one unit of linear light is worth at each grey level: brings shot noise through the curve.
_SLOPE = np.interp(np.arange(256), _CURVE, np.gradient(_CURVE, 1 / 65535))
_LIGHT = np.interp(np.arange(256), _CURVE, _LEVELS)
READ = 1.5e-5  # variance of the sensor's own noise, in units of full light squared

QUALITY = {"140k": 88, "yonsei": 94}  # JPEG quality of every ordinary file of a layout
OTHER_QUALITY = {"140k": 80, "yonsei": 88}  # of the files that `fake_table` singles out


def _around(planes: np.ndarray, share: float, axis: int) -> np.ndarray:
    """Three-tap blur along an axis; each neighbour weighs `share`."""
    x = planes.swapaxes(axis, 0)
    out = x * F(1 - 2 * share)
    out[1:] += F(share) * x[:-1]
    out[:-1] += F(share) * x[1:]
    out[0] += F(share) * x[0]
    out[-1] += F(share) * x[-1]
    return out.swapaxes(0, axis)


def _lens(linear: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, float]:
    """Planar light behind the lens, and the shot noise per unit of light; both vary from picture to picture."""
    blur, exposure, noise = rng.uniform((0.10, 0.92, 0.6), (0.19, 1.12, 2.2))
    planes = linear.transpose(2, 0, 1) * F(exposure)
    return np.minimum(_around(_around(planes, blur, 1), blur, 2), 1), 1e-4 * noise


def _demosaic(raw: np.ndarray) -> np.ndarray:
    """Bilinear colours from an RGGB mosaic; `raw` has two mirrored pixels more on each side."""
    rows, columns = raw.shape
    out = np.empty((3, rows - 4, columns - 4), F)
    core = raw[2:-2, 2:-2]
    sides = raw[2:-2, 1:-3] + raw[2:-2, 3:-1]
    poles = raw[1:-3, 2:-2] + raw[3:-1, 2:-2]
    corners = raw[1:-3, 1:-3] + raw[1:-3, 3:-1] + raw[3:-1, 1:-3] + raw[3:-1, 3:-1]
    for plane, (r, s) in ((0, (0, 0)), (2, (1, 1))):
        out[plane, r::2, s::2] = core[r::2, s::2]
        out[plane, r::2, 1 - s :: 2] = sides[r::2, 1 - s :: 2] * F(0.5)
        out[plane, 1 - r :: 2, s::2] = poles[1 - r :: 2, s::2] * F(0.5)
        out[plane, 1 - r :: 2, 1 - s :: 2] = corners[1 - r :: 2, 1 - s :: 2] * F(0.25)
        out[1, r::2, s::2] = (sides[r::2, s::2] + poles[r::2, s::2]) * F(0.25)
        out[1, r::2, 1 - s :: 2] = core[r::2, 1 - s :: 2]
    return out


def _sensor(light: np.ndarray, noise: float, rng: np.random.Generator) -> np.ndarray:
    """Planar grey levels (float32, 0..255) as the camera records planar light."""
    _, rows, columns = light.shape
    raw = light[1].copy()
    raw[0::2, 0::2], raw[1::2, 1::2] = light[0, 0::2, 0::2], light[2, 1::2, 1::2]
    raw += np.sqrt(raw * F(noise) + F(READ)) * rng.standard_normal((rows, columns), F)
    colours = _demosaic(np.pad(raw, 2, mode="reflect"))
    return TONE[(np.minimum(np.maximum(colours, 0), 1) * F(65535)).astype(np.uint16)]


def to_bytes(planes: np.ndarray) -> np.ndarray:
    """uint8 (size, size, 3) from planar grey levels."""
    rounded = np.minimum(np.maximum(planes + F(0.5), 0), 255).astype(np.uint8)
    return np.ascontiguousarray(rounded.transpose(1, 2, 0))


def photograph(linear: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Take a photo: lens blur, Bayer mosaic, shot noise, demosaic, tone curve.

    Args:
        linear: float32 (size, size, 3), linear light, 0..1, as `portrait` gives it.
        rng: blur, exposure, noise level and the noise itself.

    Returns:
        uint8 (size, size, 3), before JPEG.
    """
    light, noise = _lens(linear, rng)
    return to_bytes(_sensor(light, noise, rng))


def _bring_up(low: np.ndarray, kernel: float, uneven: float) -> np.ndarray:
    """Twice the size by zero-insertion and a four-tap kernel; odd and even gains differ by twice `uneven`."""
    for axis in (1, 2):
        x = low.swapaxes(axis, 1)
        before = np.concatenate([x[:, :1], x[:, :-1]], axis=1)
        after = np.concatenate([x[:, 1:], x[:, -1:]], axis=1)
        out = np.empty((3, 2 * x.shape[1], x.shape[2]), F)
        out[:, 0::2] = (x + F(kernel) * (before - x)) * F(1 + uneven)
        out[:, 1::2] = (x + F(kernel) * (after - x)) * F(1 - uneven)
        low = out.swapaxes(1, axis)
    return low


def _halve(planes: np.ndarray) -> np.ndarray:
    return (planes[:, ::2, ::2] + planes[:, 1::2, ::2] + planes[:, ::2, 1::2] + planes[:, 1::2, 1::2]) * F(0.25)


def generate(linear: np.ndarray, rng: np.random.Generator, *, quality: int = QUALITY["140k"]) -> np.ndarray:
    """Make the picture a generator would: features from half the resolution, noise of its own, no camera.

    The strength of its noise is solved for, so that its JPEG file is as large as that of a photo of the same
    portrait: the size then says nothing. (libjpeg counts in integers and gives the same size on every machine.)

    Args:
        linear: float32 (size, size, 3), linear light, 0..1; the size must be even.
        rng: exposure, kernel, unevenness and noise.
        quality: JPEG quality of the file to come.

    Returns:
        uint8 (size, size, 3), before JPEG.

    Raises:
        ValueError: for an odd size.
    """
    if linear.shape[0] % 2:
        raise ValueError(f"a generator doubles its features, so the size must be even, not {linear.shape[0]}")
    light, noise = _lens(linear, rng)
    photo = _sensor(light, noise, rng)
    clean = TONE[(light * F(65535)).astype(np.uint16)]
    kernel, uneven, keep = rng.uniform((0.10, 0.003, 0.55), (0.2, 0.007, 0.75))
    uneven *= noise / 2e-4  # a trace louder than the noise could not be hidden in the file size
    low = _halve(clean)
    level = low[1].astype(np.uint8)
    depth = (_SLOPE * np.sqrt(_LIGHT * noise + READ)).astype(F)
    grain = depth[level]
    common = rng.standard_normal(level.shape, F)
    grain = grain * (F(0.8) * common + F(0.6) * rng.standard_normal((3, *level.shape), F))
    smooth = (
        clean
        + F(1 - keep) * (_bring_up(low, 0.25, 0) - clean)
        + (_bring_up(low, kernel, uneven) - _bring_up(low, kernel, 0))
    )
    speckle = 0.55 * _bring_up(grain, kernel, 0)
    speckle += 0.45 * depth[level].repeat(2, 0).repeat(2, 1) * rng.standard_normal(light.shape[1:], F)
    wanted = len(jpeg(to_bytes(photo), quality))
    gain, step = 1.0, 0.5
    for _ in range(5):  # halving steps
        pixels = to_bytes(smooth + F(gain) * speckle)
        gain, step = gain + (step if len(jpeg(pixels, quality)) < wanted else -step), step / 2
    return to_bytes(smooth + F(gain) * speckle)


def jpeg(pixels: np.ndarray, quality: int) -> bytes:
    """The bytes of a JPEG file, 4:2:0, no metadata."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=quality, subsampling=2)
    return buffer.getvalue()
