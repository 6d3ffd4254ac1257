"""Where a generator's up-sampling shows: noise residual, mean log spectrum, azimuthal average.

Sources: Durall et al. 2020 (azimuthal average and a linear model), Frank et al. 2020 (mean log spectra show the
grid of up-sampling), Dzanic et al. 2020 (decay of the high frequencies). All arithmetic is in floats: the
difference of two uint8 images wraps around at 0 and draws a spectrum of its own.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from scipy import ndimage


def residual(grey: np.ndarray, size: int = 3) -> np.ndarray:
    """The image minus its denoised self: what is left is noise, fine texture and traces of processing.

    Args:
        grey: (h, w), any numeric type, any range.
        size: side of the median filter that denoises, in pixels.

    Returns:
        (h, w) float64 in units of ``grey``, around 0.
    """
    grey = _grey(grey)
    return grey - ndimage.median_filter(grey, size=size, mode="reflect")


def log_spectrum(grey: np.ndarray) -> np.ndarray:
    """Natural log of the power spectrum |F|^2 / (h w), (h, w) float64, zero frequency at ``[h // 2, w // 2]``.

    White noise of variance v has an expected power of v at every frequency but zero.
    """
    grey = _grey(grey)
    power = np.abs(np.fft.fftshift(np.fft.fft2(grey))) ** 2 / grey.size
    return np.log(power + 1e-10)  # a constant image has power 0


def mean_log_spectrum(images: Iterable[np.ndarray], residuals: bool = True) -> np.ndarray:
    """Mean of the images' log spectra, (h, w), zero frequency in the middle (Frank et al. 2020, fig. 2).

    Args:
        images: grey images (h, w), all of one size; may be a generator, one image is held at a time.
        residuals: take the spectrum of :func:`residual`, which keeps the faces from drowning the traces.

    Raises:
        ValueError: no image, or images of different sizes.
    """
    total, count = None, 0
    for grey in images:
        spectrum = log_spectrum(residual(grey) if residuals else grey)
        if total is not None and spectrum.shape != total.shape:
            raise ValueError(
                f"image {count} is {spectrum.shape}, those before {total.shape}: resize or crop them alike"
            )
        total, count = spectrum if total is None else total + spectrum, count + 1
    if total is None:
        raise ValueError("no image was given: a mean spectrum needs at least one")
    return total / count


def azimuthal_average(spectrum: np.ndarray) -> np.ndarray:
    """Mean over rings of equal frequency (Durall et al. 2020, eq. 3), k = round(r).

    Args:
        spectrum: (h, w), zero frequency at ``[h // 2, w // 2]``; power or log power.

    Returns:
        (m // 2 + 1,) with m = min(h, w). Entry k is the mean of all cells whose distance from zero
        frequency rounds to k cycles per m pixels; the last entry is the Nyquist frequency. The corners beyond
        it, where rings are cut, are left out.
    """
    height, width = spectrum.shape
    side = min(height, width)
    fy, fx = np.fft.fftshift(np.fft.fftfreq(height)), np.fft.fftshift(np.fft.fftfreq(width))
    ring = np.rint(side * np.hypot(fy[:, None], fx[None, :])).astype(int)
    inside = ring <= side // 2
    return np.bincount(ring[inside], weights=spectrum[inside]) / np.bincount(ring[inside])


def radial_profile(grey: np.ndarray, bins: int | None = None, residuals: bool = True) -> np.ndarray:
    """The 1-D spectrum of one image as features for a classifier (Durall et al. 2020, section 3).

    The log of the azimuthally averaged power without zero frequency, minus its own mean: brightness and the
    overall strength of the noise cannot be used, only the shape can.

    Args:
        grey: (h, w).
        bins: length of the profile, by linear interpolation, so that images of different sizes compare;
            default: one value a ring, min(h, w) // 2.
        residuals: profile of :func:`residual` instead of the image.

    Returns:
        (bins,) float64 from the lowest frequency to Nyquist, mean 0, in nepers of power.
    """
    power = np.exp(log_spectrum(residual(grey) if residuals else grey))
    profile = np.log(azimuthal_average(power)[1:])
    if bins is not None:
        profile = np.interp(np.linspace(0, 1, bins), np.linspace(0, 1, len(profile)), profile)
    return profile - profile.mean()


def _grey(image: np.ndarray) -> np.ndarray:
    image = np.asarray(image, dtype=np.float64)
    if image.ndim != 2 or min(image.shape) < 2:
        raise ValueError(f"expected a grey image (h, w) of at least 2 x 2 pixels, got shape {image.shape}")
    return image
