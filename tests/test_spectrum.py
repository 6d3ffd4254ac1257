"""Spectra of images whose spectrum is known."""

import numpy as np
import pytest

from fakeface_utils.forensics.spectrum import (
    azimuthal_average,
    log_spectrum,
    mean_log_spectrum,
    radial_profile,
    residual,
)


def smooth_noise(rng, side):
    """Noise without its upper half of frequencies, 0-255: what a generator's coarse layer looks like."""
    spectrum = np.fft.fft2(rng.normal(size=(side, side)))
    f = np.abs(np.fft.fftfreq(side))
    spectrum[np.maximum(f[:, None], f[None, :]) > 0.2] = 0
    image = np.fft.ifft2(spectrum).real
    return 128 + 30 * image / image.std()


def zero_insertion(image):
    out = np.zeros((2 * image.shape[0], 2 * image.shape[1]))
    out[::2, ::2] = image
    return out


def test_zero_insertion_peaks_at_nyquist():
    rng = np.random.default_rng(0)
    fakes = [zero_insertion(smooth_noise(rng, 32)) for _ in range(8)]
    spectrum = mean_log_spectrum(fakes, residuals=False)
    middle = spectrum[32, 32]
    for corner in (spectrum[0, 32], spectrum[32, 0], spectrum[0, 0]):  # replicas of zero frequency
        assert corner == pytest.approx(middle)
    assert np.median(spectrum) < middle - 5
    # Also in the residual's 1-D profile: it rises towards Nyquist, where smooth noise has next to nothing.
    up = np.mean([radial_profile(image) for image in fakes], axis=0)
    plain = np.mean([radial_profile(smooth_noise(rng, 64)) for _ in range(8)], axis=0)
    assert up[-1] - np.median(up) > 1.5
    assert plain[-1] - np.median(plain) < 0


def test_white_noise_is_flat_and_has_its_variance():
    rng = np.random.default_rng(1)
    noise = rng.normal(0, 3, size=(40, 128, 128))
    power = np.mean([np.exp(log_spectrum(image)) for image in noise], axis=0)
    profile = azimuthal_average(power)[1:]
    assert np.abs(profile[3:] / 9 - 1).max() < 0.1
    # mean of the log: log of the variance less Euler's constant, for exponentially distributed power
    assert np.median(mean_log_spectrum(noise, residuals=False)) == pytest.approx(np.log(9) - 0.5772, abs=0.05)


def test_a_sine_lies_on_its_ring():
    x = np.arange(64)
    power = np.exp(log_spectrum(np.sin(2 * np.pi * 9 * x / 64)[None, :] + np.zeros((64, 1))))
    profile = azimuthal_average(power)
    assert profile.argmax() == 9 and len(profile) == 33


def test_rings_against_a_loop():
    spectrum = np.random.default_rng(2).random((12, 12))
    rings = [[] for _ in range(7)]
    for y in range(12):
        for x in range(12):
            k = round(np.hypot(y - 6, x - 6))
            if k <= 6:
                rings[k].append(spectrum[y, x])
    assert azimuthal_average(spectrum) == pytest.approx([np.mean(ring) for ring in rings])


def test_rings_of_an_oblong_image_follow_frequency():
    y, x = np.mgrid[:64, :128]
    for wave in (np.sin(2 * np.pi * x / 8), np.sin(2 * np.pi * y / 8)):  # 1/8 cycle a pixel, either way
        assert azimuthal_average(np.exp(log_spectrum(wave))).argmax() == 8


def test_residual_is_signed_and_does_not_wrap():
    image = np.full((9, 9), 10, dtype=np.uint8)
    image[4, 4] = 5
    r = residual(image)
    assert r[4, 4] == -5 and np.abs(r).sum() == 5


def test_profile_ignores_brightness_and_contrast_and_has_the_asked_length():
    rng = np.random.default_rng(3)
    image = rng.normal(size=(48, 48))
    assert radial_profile(3 * image + 40) == pytest.approx(radial_profile(image), abs=1e-6)
    assert len(radial_profile(image)) == 24
    assert len(radial_profile(image, bins=16)) == len(radial_profile(rng.normal(size=(80, 60)), bins=16)) == 16
    assert radial_profile(image, bins=16).mean() == pytest.approx(0)
    assert not np.allclose(radial_profile(image), radial_profile(image, residuals=False))


def test_errors():
    with pytest.raises(ValueError, match="at least one"):
        mean_log_spectrum([])
    with pytest.raises(ValueError, match="image 1 is"):
        mean_log_spectrum([np.zeros((8, 8)), np.zeros((8, 9))])
    with pytest.raises(ValueError, match="grey image"):
        residual(np.zeros((8, 8, 3)))
    assert np.isfinite(radial_profile(np.full((16, 16), 7))).all()
