"""Views: what a network is shown of an image, made at the stored size and kept like pixels."""

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from fakeface_utils.datasets import layouts, pixels, resave, views
from tests.conftest import save_image

COUNTED = {"rgb": 3, "grey": 1, "ela-90": 3, "ela001-5": 3, "resaved-100": 3, "rgb+ela-90": 6, "rgb+rgb": 6}


@pytest.fixture
def photo(tmp_path):
    return save_image(tmp_path / "one.jpg", 1, size=48, quality=80)


@pytest.mark.parametrize("view", COUNTED)
def test_a_view_has_its_channels(photo, view):
    shown = views.read(photo, 16, view=view)
    assert shown.shape == (16, 16, COUNTED[view]) and shown.dtype == np.uint8
    assert views.channels(view) == COUNTED[view]


@pytest.mark.parametrize(
    "view", ["", "hsv", "ela", "ela-", "ela-0", "ela-101", "ela-9.5", "rgb+", "rgb-90", "ELA-90"]
)
def test_an_unknown_view_is_refused_with_those_that_there_are(photo, view):
    for ask in (views.channels, lambda view: views.read(photo, view=view)):
        with pytest.raises(ValueError, match=r"no view .*rgb, grey, ela-90, ela001-90, resaved-90"):
            ask(view)


def test_each_part_is_what_it_is_called(photo):
    native = np.asarray(Image.open(photo))
    error = resave.error_level(native, 70)
    whole = views.read(photo, view="rgb+ela-70+ela001-70+resaved-70+resaved-30")
    expected = [native, resave.amplified(error), resave.map_of_report_001(error)]
    expected += [resave.resaved(native, 70), resave.resaved(native, 30)]
    np.testing.assert_array_equal(whole, np.concatenate(expected, axis=-1))
    assert not np.array_equal(whole[..., 9:12], whole[..., 12:])


def test_an_error_level_is_made_before_the_image_is_resized(photo):
    shown = views.read(photo, 16, view="ela-70")
    native = np.asarray(Image.open(photo))
    after = pixels.resized(resave.amplified(resave.error_level(native, 70)), 16)
    np.testing.assert_array_equal(shown, after)
    before = resave.amplified(resave.error_level(pixels.read_image(photo, 16), 70))
    assert not np.array_equal(shown, before)


def test_pixels_in_memory_are_resized_as_those_of_a_file(photo):
    for mode in pixels.RESIZE_MODES:
        for size in (None, 16, (20, 31)):
            expected = pixels.read_image(photo, size, resize=mode)
            np.testing.assert_array_equal(pixels.resized(pixels.read_image(photo), size, mode), expected)
    with pytest.raises(ValueError, match="no resize mode 'cubic'"):
        pixels.resized(pixels.read_image(photo), 16, "cubic")


def test_views_are_kept_each_in_a_file_of_its_own(set_140k, tmp_path, monkeypatch):
    index = layouts.build_index(set_140k)
    kept = {}
    for view in ("rgb", "ela-90", "ela-91", "ela001-90", "resaved-90", "rgb+ela-90"):
        kept[view] = views.load_images(index, 16, view=view, cache_dir=tmp_path / "cache")
        expected = np.stack([views.read(path, 16, view=view) for path in index["path"]])
        np.testing.assert_array_equal(kept[view], expected)
        np.testing.assert_array_equal(views.load_images(index, 16, view=view), expected)
    assert len(list((tmp_path / "cache").iterdir())) == len(kept)
    np.testing.assert_array_equal(pixels.load_images(index, 16, cache_dir=tmp_path / "cache"), kept["rgb"])
    monkeypatch.setattr(views, "read", None)  # all are found again
    for view, images in kept.items():
        again = views.load_images(index, 16, view=view, cache_dir=tmp_path / "cache")
        np.testing.assert_array_equal(again, images)


def test_a_file_that_has_no_error_level_is_named(tmp_path):
    Image.new("CMYK", (32, 32)).save(tmp_path / "ink.jpg")
    with pytest.raises(ValueError, match=r"ink\.jpg is CMYK"):
        views.load_images(pd.DataFrame({"path": [tmp_path / "ink.jpg"]}), 16, view="ela-90")
    assert views.read(tmp_path / "ink.jpg", 16).shape == (16, 16, 3)
