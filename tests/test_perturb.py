"""Perturbations do what they say, check themselves, and are caught when they are broken."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter
from scipy.ndimage import rotate as scipy_rotate

from fakeface_utils.datasets import perturb, traces
from fakeface_utils.datasets.perturb import PERTURBATIONS, check
from fakeface_utils.datasets.resave import resaved

NAMES = list(PERTURBATIONS)


def picture(seed: int, height: int = 72, width: int = 64) -> np.ndarray:
    """Large shapes, fine texture and unequal colours, as a photograph has them."""
    rng = np.random.default_rng(seed)
    shapes = gaussian_filter(rng.normal(size=(height, width, 3)), (9, 9, 0)) * 700
    texture = gaussian_filter(rng.normal(size=(height, width, 3)), (0.7, 0.7, 0)) * 25
    return np.clip(np.array([110, 95, 85]) + shapes + texture, 0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def pictures() -> list[np.ndarray]:
    return [picture(seed) for seed in range(10)]


# The table


def test_there_are_ten_with_five_strengths_each():
    assert len(PERTURBATIONS) == 10
    for asked in PERTURBATIONS.values():
        steps = np.diff(asked.strengths)
        assert len(asked.strengths) == 5 and ((steps > 0).all() or (steps < 0).all())


@pytest.mark.parametrize("name", NAMES)
def test_each_of_them_is_true_to_its_word(name, pictures):
    found = check(name, pictures)
    asked = PERTURBATIONS[name]
    assert list(found.index) == ["unchanged", *asked.strengths] and found.name == asked.truth
    by_hand = np.mean([asked.quantity(image, asked(image, asked.strengths[2])) for image in pictures])
    assert found[asked.strengths[2]] == pytest.approx(by_hand)
    steps = np.diff(found.to_numpy()[1:])
    assert (steps > 0).all() if asked.rises else (steps < 0).all()


@pytest.mark.parametrize("name", NAMES)
def test_what_comes_out_is_a_picture_that_follows_from_the_one_that_went_in(name):
    asked = PERTURBATIONS[name]
    for image in (picture(1, 40, 55), picture(2, 33, 32)):
        given = image.copy()
        for strength in (asked.strengths[0], asked.strengths[-1]):
            found = asked(given, strength)
            assert found.dtype == np.uint8 and found.shape == image.shape
            np.testing.assert_array_equal(found, asked(image, strength))
        np.testing.assert_array_equal(given, image)


def test_files_get_smaller_with_quality_and_scale_though_only_pixels_are_seen(pictures):
    sizes = check("JPEG", pictures)
    qualities = PERTURBATIONS["JPEG"].strengths
    for image in pictures[:3]:  # what was saved at a quality is found again in the pixels
        assert [traces.last_quality(resaved(image, quality)) for quality in qualities] == list(qualities)
    assert sizes[20] < 0.5 * sizes[90]
    sizes = check("down and up", pictures)
    assert sizes[0.25] < 0.8 * sizes[0.9]


# Broken ones are caught


@pytest.mark.parametrize("name", NAMES)
def test_one_that_does_nothing_is_caught(name, pictures):
    broken = {name: replace(PERTURBATIONS[name], change=lambda pixels, strength: pixels.copy())}
    with pytest.raises(ValueError, match=rf"^{name} does nothing at .* to 10 of 10 images"):
        check(name, pictures, broken)


@pytest.mark.parametrize("name", NAMES)
def test_reversed_strengths_are_caught(name, pictures):
    broken = {name: replace(PERTURBATIONS[name], strengths=PERTURBATIONS[name].strengths[::-1])}
    with pytest.raises(ValueError, match=rf"^{name} is out of order: from .* it should be that .* 0 of 10 images"):
        check(name, pictures, broken)


@pytest.mark.parametrize("name", NAMES)
def test_a_strength_that_never_arrives_is_caught(name, pictures):
    """As in the published test whose JPEG files were all of the default quality."""
    asked = PERTURBATIONS[name]
    broken = {name: replace(asked, change=lambda pixels, _: asked.change(pixels, asked.strengths[2]))}
    with pytest.raises(ValueError, match=rf"^{name} is out of order: .* 0 of 10 images \(on average"):
        check(name, pictures, broken)


@pytest.mark.parametrize("name", NAMES)
def test_two_strengths_in_the_wrong_order_are_caught(name, pictures):
    first, second, third, fourth, fifth = PERTURBATIONS[name].strengths
    broken = {name: replace(PERTURBATIONS[name], strengths=(first, second, fourth, third, fifth))}
    with pytest.raises(ValueError, match=rf"from {fourth} to {third} "):
        check(name, pictures, broken)


def test_one_that_spares_some_of_the_images_is_caught(pictures):
    blur = PERTURBATIONS["blur"]

    def some(pixels, sigma):
        return blur.change(pixels, sigma) if pixels[0, 0, 0] > np.median([p[0, 0, 0] for p in pictures]) else pixels

    with pytest.raises(ValueError, match=r"does nothing at 0\.5 px to 5 of 10"):
        check("blur", pictures, {"blur": replace(blur, change=some)})


def test_the_other_way_of_motion_and_of_light_is_caught(pictures):
    for name in ("rotation", "brightness"):
        asked = PERTURBATIONS[name]
        broken = replace(asked, change=lambda pixels, strength, asked=asked: asked.change(pixels, -strength))
        with pytest.raises(ValueError, match="out of order"):
            check(name, pictures, {name: broken})


def test_luck_and_writing_into_the_picture_are_caught(pictures):
    noise, rng = PERTURBATIONS["noise"], np.random.default_rng(0)

    def lucky(pixels, sigma):
        return np.clip(pixels + rng.normal(0, sigma, pixels.shape), 0, 255).astype(np.uint8)

    with pytest.raises(ValueError, match="came out in two ways"):
        check("noise", pictures, {"noise": replace(noise, change=lucky)})

    def inside(pixels, levels):
        pixels[:] = np.minimum(pixels, 255 - int(levels)) + int(levels)
        return pixels

    with pytest.raises(ValueError, match="writes into the picture"):
        check("brightness", pictures, {"brightness": replace(PERTURBATIONS["brightness"], change=inside)})


def test_errors(pictures):
    with pytest.raises(ValueError, match=r"no perturbation 'sepia'; choose one of JPEG, blur"):
        check("sepia", pictures)
    with pytest.raises(ValueError, match="without an image"):
        check("JPEG", [])
    for wrong in (
        np.zeros((8, 8), np.uint8),
        np.zeros((8, 8, 3)),
        np.zeros((8, 8, 4), np.uint8),
        np.zeros((0, 8, 3)),
    ):
        with pytest.raises(ValueError, match="expected uint8 RGB"):
            PERTURBATIONS["blur"](wrong, 1)
    with pytest.raises(ValueError, match=r"keeps uint8 \(72, 64, 3\); this one gave float64"):
        replace(PERTURBATIONS["blur"], change=lambda pixels, _: pixels / 2)(pictures[0], 1)
    for change, bad in (
        (perturb.blur, -1),
        (perturb.noise, np.nan),
        (perturb.brighten, 256),
        (perturb.contrast, -0.1),
        (perturb.gamma, 0),
        (perturb.rotate, 91),
    ):
        with pytest.raises(ValueError, match="is a number from"):
            change(pictures[0], bad)
    for change in (perturb.down_up, perturb.crop):
        for bad in (0, 1.1):
            with pytest.raises(ValueError, match="share of the sides"):
                change(pictures[0], bad)
    for bad in (-1, 1.5):
        with pytest.raises(ValueError, match="whole number of times"):
            perturb.pass_on(pictures[0], bad)


# Each against another way of doing it


def test_blur_and_scaling_are_those_that_a_training_draws():
    pytest.importorskip("tensorflow")
    from fakeface_utils.datasets import augment

    images = np.stack([picture(seed, 48, 64) for seed in range(3)])
    for sigma in (0.5, 1, 3):
        batch = augment.blur(images, sigma).numpy()
        for image, wanted in zip(images, batch, strict=True):
            np.testing.assert_allclose(perturb.blur(image, sigma), wanted, atol=0.6)
    for scale in (0.5, 0.25):  # elsewhere Pillow takes a pixel wholly or not at all
        batch = augment.down_up(images, scale).numpy()
        for image, wanted in zip(images, batch, strict=True):
            np.testing.assert_allclose(perturb.down_up(image, scale), wanted, atol=1.6)


def test_the_strength_that_changes_nothing_changes_nothing():
    image = picture(3)
    for change, nothing in (
        (perturb.blur, 0),
        (perturb.down_up, 1),
        (perturb.noise, 0),
        (perturb.crop, 1),
        (perturb.brighten, 0),
        (perturb.contrast, 1),
        (perturb.gamma, 1),
        (perturb.rotate, 0),
        (perturb.pass_on, 0),
    ):
        np.testing.assert_array_equal(change(image, nothing), image)


def test_noise_has_its_strength_and_follows_the_picture_not_its_place():
    grey = np.full((96, 96, 3), 128, np.uint8)
    grey[0, 0] = [1, 2, 3]
    found = perturb.noise(grey, 10).astype(float)[1:] - 128
    assert found.std() == pytest.approx(10, rel=0.03) and abs(found.mean()) < 0.3
    assert abs(np.corrcoef(found[..., 0].ravel(), found[..., 1].ravel())[0, 1]) < 0.05  # channels of their own
    half = perturb.noise(grey, 5).astype(float)[1:] - 128
    np.testing.assert_allclose(half, found / 2, atol=1)  # one draw at all strengths
    np.testing.assert_array_equal(perturb.noise(grey, 10), perturb.noise(grey.copy(), 10))
    other = grey.copy()
    other[0, 0, 0] += 1
    assert abs(np.corrcoef((perturb.noise(other, 10)[1:] - 128.0).ravel(), found.ravel())[0, 1]) < 0.05
    assert not np.array_equal(perturb.noise(grey, 10, seed=1), perturb.noise(grey, 10))


def test_light_by_hand():
    ramp = np.repeat(np.arange(256, dtype=np.uint8)[None, :, None], 3, axis=2)
    np.testing.assert_array_equal(perturb.brighten(ramp, 40), np.minimum(ramp.astype(int) + 40, 255))
    np.testing.assert_array_equal(perturb.brighten(ramp, -40), np.maximum(ramp.astype(int) - 40, 0))
    np.testing.assert_allclose(perturb.contrast(ramp, 0.5), 127.5 + (ramp - 127.5) / 2, atol=0.51)
    np.testing.assert_allclose(perturb.gamma(ramp, 2), ramp.astype(float) ** 2 / 255, atol=0.51)
    two = np.zeros((4, 4, 3), np.uint8)
    two[:2] = [200, 100, 0]
    assert set(np.unique(perturb.contrast(two, 0.5)[..., 0])) == {50, 150}  # each colour about its own mean
    assert set(np.unique(perturb.contrast(two, 0.5)[..., 2])) == {0}


def test_a_crop_is_the_middle_enlarged():
    image = np.zeros((40, 60, 3), np.uint8)
    image[10:30, 15:45] = 200  # the middle half
    found = perturb.crop(image, 0.5)
    assert (found == 200).all()
    assert perturb.crop(image, 0.9)[0, 0, 0] == 0 and perturb.crop(image, 0.9)[20, 30, 0] == 200


def test_rotation_is_scipys_and_leaves_no_empty_corner():
    waves = gaussian_filter(np.random.default_rng(4).normal(size=(60, 80, 3)), (4, 4, 0))
    image = (255 * (waves - waves.min()) / np.ptp(waves)).astype(np.uint8)
    for degrees in (12, -16):
        found = perturb.rotate(image, degrees).astype(float)
        wanted = scipy_rotate(image.astype(float), degrees, (1, 0), reshape=False, order=3)
        middle = np.s_[20:40, 25:55]
        assert np.abs(found - wanted)[middle].mean() < 0.15 * np.abs(found - image)[middle].mean()
    for shape in ((60, 80), (80, 60), (31, 90)):
        for degrees in (5, 45, 90):
            assert (perturb.rotate(np.full((*shape, 3), 90, np.uint8), degrees) == 90).all()


def test_how_far_a_picture_moved_is_measured_in_degrees_and_shares():
    image = gaussian_filter(picture(5, 90, 90), (2, 2, 0))
    for degrees in (2, 6, -6):
        assert traces.turned(image, perturb.rotate(image, degrees)) == pytest.approx(degrees, rel=0.2)
        assert abs(traces.grown(image, perturb.rotate(image, degrees))) < 0.02
    assert traces.grown(image, perturb.crop(image, 0.95)) == pytest.approx(1 / 0.95 - 1, rel=0.5)
    assert abs(traces.turned(image, perturb.crop(image, 0.95))) < 1.5


def test_passing_on_is_shrinking_and_saving_in_turn():
    image = picture(6, 80, 100)
    once = resaved(perturb.resized(image, (68, 85), "area"), 80)
    np.testing.assert_array_equal(perturb.pass_on(image, 1), perturb.resized(once, (80, 100), "lanczos"))
    twice = resaved(perturb.resized(once, (58, 72), "area"), 80)
    np.testing.assert_array_equal(perturb.pass_on(image, 2), perturb.resized(twice, (80, 100), "lanczos"))
