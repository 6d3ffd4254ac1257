"""Decoding and resizing: known pixels, two decoders that must agree, a cache that cannot lie."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fakeface_utils.datasets import layouts, pixels, turbo
from tests.conftest import make_140k, save_image


def save_array(path, array):
    Image.fromarray(array).save(path)
    return path


@pytest.fixture
def ramp(tmp_path):
    """An 8 x 8 PNG whose pixels can be averaged by hand."""
    return save_array(tmp_path / "ramp.png", (4 * np.arange(64, dtype=np.uint8)).reshape(8, 8))


def test_area_is_the_mean_of_what_is_covered(ramp):
    stored = 4 * np.arange(64).reshape(8, 8)
    expected = stored.reshape(4, 2, 4, 2).mean(axis=(1, 3))
    np.testing.assert_array_equal(pixels.read_image(ramp, 4, color="grey")[..., 0], expected)


def test_nearest_takes_one_pixel_and_bilinear_four(ramp):
    stored = 4 * np.arange(64).reshape(8, 8)
    nearest = pixels.read_image(ramp, 2, resize="nearest", color="grey")[..., 0]
    np.testing.assert_array_equal(nearest, stored[2::4, 2::4])
    bilinear = pixels.read_image(ramp, 2, resize="bilinear", color="grey")[..., 0]
    four = stored[1:3, 1:3].mean(), stored[1:3, 5:7].mean(), stored[5:7, 1:3].mean(), stored[5:7, 5:7].mean()
    np.testing.assert_array_equal(bilinear.ravel(), np.rint(four))


@pytest.mark.parametrize("mode", ["area", "lanczos", "nearest", "bilinear"])
def test_only_averaging_modes_keep_a_fine_checkerboard_from_aliasing(tmp_path, mode):
    board = save_array(tmp_path / "board.png", (255 * (np.indices((64, 64)).sum(axis=0) % 2)).astype(np.uint8))
    small = pixels.read_image(board, 21, resize=mode, color="grey").astype(float)
    assert (small.std() < 25) == (mode in ("area", "lanczos"))


def test_bilinear_matches_tensorflow(tmp_path):
    tf = pytest.importorskip("tensorflow")
    stored = np.random.default_rng(0).integers(0, 256, (60, 60, 3), dtype=np.uint8)
    path = save_array(tmp_path / "noise.png", stored)
    theirs = tf.image.resize(stored, (25, 25), method="bilinear").numpy()
    assert np.abs(pixels.read_image(path, 25, resize="bilinear") - theirs).max() < 1.01  # Pillow rounds down


def test_nearest_matches_the_reports_loader(tmp_path):
    """ImageDataGenerator's default, which report 000 and 002 ran without knowing it."""
    keras_utils = pytest.importorskip("keras.utils")
    path = save_image(tmp_path / "a.png", 3, size=64)
    theirs = keras_utils.img_to_array(keras_utils.load_img(path, target_size=(20, 20), interpolation="nearest"))
    np.testing.assert_array_equal(pixels.read_image(path, 20, resize="nearest"), theirs)


@pytest.mark.parametrize("options", [{"quality": 90}, {"quality": 60, "subsampling": 0}, {"progressive": True}])
@pytest.mark.parametrize("size", [None, 64, 32, 16])
def test_both_decoders_give_the_same_pixels(tmp_path, monkeypatch, options, size):
    pytest.importorskip("cv2")
    noise = np.random.default_rng(1).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    path = tmp_path / "noise.jpg"
    Image.fromarray(noise).save(path, **options)
    fast = pixels.read_image(path, size)
    assert turbo.read_rgb(path.read_bytes(), 32, "area") is not None
    monkeypatch.setattr(turbo, "cv2", None)
    np.testing.assert_array_equal(fast, pixels.read_image(path, size))


@pytest.mark.parametrize("spoil", [lambda c: c[:-300], lambda c: c[:300] + b"\xff\xd9", lambda c: b"text"])
def test_broken_files_are_named(tmp_path, spoil):
    path = save_image(tmp_path / "broken.jpg", 1, size=256)
    path.write_bytes(spoil(path.read_bytes()))
    with pytest.raises(ValueError, match=r"broken\.jpg does not decode"):
        pixels.read_image(path, 128)


def test_modes_of_images(tmp_path):
    grey = save_array(tmp_path / "grey.png", np.full((8, 8), 77, np.uint8))
    assert pixels.read_image(grey).shape == (8, 8, 3)
    assert pixels.read_image(grey, color="grey").shape == (8, 8, 1)
    Image.new("CMYK", (8, 8)).save(tmp_path / "ink.jpg")
    assert pixels.read_image(tmp_path / "ink.jpg").shape == (8, 8, 3)
    with pytest.raises(ValueError, match="no resize mode 'cubic'"):
        pixels.read_image(grey, 4, resize="cubic")
    with pytest.raises(ValueError, match="'rgb' or 'grey'"):
        pixels.read_image(grey, 4, color="BGR")


def test_the_middle_square_is_not_resized(tmp_path):
    stored = np.random.default_rng(0).integers(0, 256, (40, 60), dtype=np.uint8)
    path = save_array(tmp_path / "noise.png", stored)
    np.testing.assert_array_equal(pixels.crop_square(path, 20), stored[10:30, 20:40])
    assert pixels.crop_square(path, 50).shape == (50, 50)


def test_cache_equals_memory_and_is_used(set_140k, tmp_path, monkeypatch):
    index = layouts.build_index(set_140k)
    direct = pixels.load_images(index, 16)
    cached = pixels.load_images(index, 16, cache_dir=tmp_path / "cache")
    np.testing.assert_array_equal(direct, cached)
    assert isinstance(cached, np.memmap) and not cached.flags.writeable

    monkeypatch.setattr(pixels, "read_image", None)  # a second decode would fail
    np.testing.assert_array_equal(pixels.load_images(index, 16, cache_dir=tmp_path / "cache"), direct)


def test_cache_tells_settings_and_files_apart(set_140k, tmp_path):
    index = layouts.build_index(set_140k)

    def load(index=index, size=16, **options):
        pixels.load_images(index, size, cache_dir=tmp_path / "cache", **options)
        return len(list((tmp_path / "cache").glob("*.npy")))

    assert load() == 1
    assert load(resize="nearest") == 2
    assert load(color="grey") == 3
    assert load(size=(16, 8)) == 4
    assert load(index=index.iloc[::-1].reset_index(drop=True)) == 5
    assert load() == 5


def test_interrupted_decoding_leaves_no_array(set_140k, tmp_path):
    index = layouts.build_index(set_140k)
    Path(index["path"][17]).write_bytes(b"\xff\xd8 nothing")
    with pytest.raises(ValueError, match="does not decode"):
        pixels.load_images(index, 16, cache_dir=tmp_path / "cache")
    assert list((tmp_path / "cache").iterdir()) == []


def test_rows_keep_their_order(tmp_path):
    index = layouts.build_index(make_140k(tmp_path, per_class=12))  # more than one job for the threads
    images = pixels.load_images(index, 16)
    for row in range(0, len(index), 7):
        np.testing.assert_array_equal(images[row], pixels.read_image(index["path"][row], 16))
