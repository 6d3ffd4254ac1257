"""Error levels: known round trips, files that must be refused, images whose history is known."""

import struct
import zlib
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fakeface_utils.datasets import testbed
from fakeface_utils.datasets.resave import (
    SUBSAMPLING,
    amplified,
    error_level,
    map_of_report_001,
    read_native,
    resaved,
)
from fakeface_utils.forensics.ela import Comparison, Region, grid_offset, grid_scores, inside, map_of, pixel_auc
from tests.conftest import save_image


def smooth(seed, height=160, width=160, grain=0.0):
    """A smooth colour picture, with noise of ``grain`` grey levels on it."""
    rng = np.random.default_rng(seed)
    coarse = Image.fromarray(rng.integers(40, 216, (5, 5, 3), dtype=np.uint8))
    picture = np.asarray(coarse.resize((width, height), Image.Resampling.BICUBIC), dtype=float)
    return np.clip(picture + grain * rng.normal(size=picture.shape), 0, 255).astype(np.uint8)


def noise(seed, height=64, width=64):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


# --- one save more ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("quality", [1, 50, 75, 90, 95, 100])
@pytest.mark.parametrize("subsampling", ["4:4:4", "4:2:2", "4:2:0"])
def test_resaved_is_what_pillow_writes_and_reads(tmp_path, quality, subsampling):
    pixels = smooth(1, 50, 61, grain=8)
    path = tmp_path / "a.jpg"
    Image.fromarray(pixels).save(path, quality=quality, subsampling=subsampling, optimize=False)
    again = resaved(pixels, quality, subsampling)
    assert again.dtype == np.uint8
    np.testing.assert_array_equal(again, np.asarray(Image.open(path)))
    np.testing.assert_array_equal(
        error_level(pixels, quality, subsampling), np.abs(pixels.astype(float) - again.astype(float))
    )


def test_error_level_neither_wraps_around_nor_changes_the_pixels():
    pixels = noise(0)
    kept = pixels.copy()
    error = error_level(pixels, 10)
    again = resaved(pixels, 10).astype(int)
    assert error.dtype == np.float32 and error.shape == pixels.shape
    assert (again > pixels).any() and (again < pixels).any()
    np.testing.assert_array_equal(error, abs(pixels.astype(int) - again))
    np.testing.assert_array_equal(pixels, kept)


def test_quality_and_subsampling_matter():
    pixels = smooth(2, grain=6)
    means = [error_level(pixels, quality).mean() for quality in (50, 75, 90, 98)]
    assert means == sorted(means, reverse=True)
    assert error_level(pixels, 90, "4:4:4").mean() < error_level(pixels, 90, "4:2:0").mean()
    assert set(SUBSAMPLING) == {"4:4:4", "4:2:2", "4:2:0"}


@pytest.mark.parametrize(
    ("pixels", "options", "words"),
    [
        (np.zeros((16, 16, 3), np.float32), {}, "float32"),
        (np.zeros((16, 16), np.uint8), {}, "repeat"),
        (np.zeros((16, 16, 1), np.uint8), {}, "repeat"),
        (np.zeros((16, 16, 4), np.uint8), {}, "(16, 16, 4)"),
        (np.zeros((0, 16, 3), np.uint8), {}, "(0, 16, 3)"),
        (np.zeros((16, 16, 3), np.uint8), {"quality": 0}, "1 to 100, not 0"),
        (np.zeros((16, 16, 3), np.uint8), {"quality": 101}, "not 101"),
        (np.zeros((16, 16, 3), np.uint8), {"quality": 90.5}, "not 90.5"),
        (np.zeros((16, 16, 3), np.uint8), {"quality": True}, "not True"),
        (np.zeros((16, 16, 3), np.uint8), {"quality": "keep"}, "not 'keep'"),
        (np.zeros((16, 16, 3), np.uint8), {"subsampling": "4:1:1"}, "4:4:4, 4:2:2, 4:2:0, not '4:1:1'"),
    ],
)
def test_wrong_arguments_are_named(pixels, options, words):
    with pytest.raises(ValueError) as caught:
        error_level(pixels, **options)
    assert words in str(caught.value)


def test_a_numpy_integer_is_a_quality():
    pixels = smooth(3)
    np.testing.assert_array_equal(resaved(pixels, np.int64(80)), resaved(pixels, 80))


# --- maps to look at -------------------------------------------------------------------------------------------


def test_amplified_by_hand():
    error = np.array([[0, 1, 12, 13, 255], [0.01, 0.03, 12.74, 12.8, 1e9]], np.float32)
    shown = amplified(error)
    assert shown.dtype == np.uint8
    np.testing.assert_array_equal(shown, [[0, 20, 240, 255, 255], [0, 1, 255, 255, 255]])
    np.testing.assert_array_equal(amplified(error, 1)[0], [0, 1, 12, 13, 255])
    # The gain does not depend on the image, as the common recipe's does.
    np.testing.assert_array_equal(amplified(error[:, :2]), shown[:, :2])


def test_the_map_of_report_001_by_hand():
    error = np.array([0, 1, 2, 3, 4, 5, 100, 255], np.float32)
    shown = map_of_report_001(error)
    assert shown.dtype == np.uint8
    assert shown.tolist() == [30, 50, 130, 210, 255, 255, 255, 255]
    assert set(np.unique(map_of_report_001(error_level(noise(1), 90)))) <= {30, 50, 130, 210, 255}


def test_the_map_of_report_001_is_opencvs():
    cv2 = pytest.importorskip("cv2")
    ladder = np.arange(256, dtype=np.uint8)[None]
    for difference in (ladder, noise(2), noise(3) // 40, error_level(smooth(4, grain=3)).astype(np.uint8)):
        theirs = cv2.convertScaleAbs(difference, alpha=80, beta=-30)
        np.testing.assert_array_equal(map_of_report_001(difference.astype(np.float32)), theirs)


@pytest.mark.parametrize("show", [amplified, map_of_report_001])
@pytest.mark.parametrize("value", [-1.0, np.nan])
def test_an_error_below_zero_is_no_error(show, value):
    with pytest.raises(ValueError, match="at least 0"):
        show(np.array([[0, value]]))


@pytest.mark.parametrize("value", [0.5, 256.0, np.inf])
def test_report_001_takes_whole_differences(value):
    with pytest.raises(ValueError, match="whole differences"):
        map_of_report_001(np.array([[0, value]]))


@pytest.mark.parametrize("gain", [0, -3, np.nan, np.inf])
def test_a_gain_is_above_zero(gain):
    with pytest.raises(ValueError, match="gain"):
        amplified(np.zeros((4, 4)), gain)


# --- files -----------------------------------------------------------------------------------------------------


def png(path, pixels, colour):
    """A 16-bit PNG by hand: Pillow reads such colour files as 8 bits and cannot write them."""
    height, width = pixels.shape[:2]
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in pixels)
    chunks = (
        (b"IHDR", struct.pack(">IIBBBBB", width, height, 16, colour, 0, 0, 0)),
        (b"IDAT", zlib.compress(rows)),
    )
    body = b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in (*chunks, (b"IEND", b""))
    )
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + body)
    return path


@pytest.mark.parametrize("name", ["a.jpg", "a.png"])
def test_a_colour_file_is_read_as_stored(tmp_path, name):
    path = save_image(tmp_path / name, 5, size=40)
    pixels = read_native(path)
    assert pixels.dtype == np.uint8
    np.testing.assert_array_equal(pixels, np.asarray(Image.open(path)))
    np.testing.assert_array_equal(map_of(path, 80, "4:4:4"), error_level(pixels, 80, "4:4:4"))
    np.testing.assert_array_equal(map_of(str(path)), error_level(pixels, 90, "4:2:0"))


@pytest.mark.parametrize("name", ["a.jpg", "a.png"])
def test_grey_becomes_three_equal_channels(tmp_path, name):
    Image.fromarray(smooth(6)).convert("L").save(tmp_path / name)
    pixels = read_native(tmp_path / name)
    stored = np.asarray(Image.open(tmp_path / name))
    np.testing.assert_array_equal(pixels, np.repeat(stored[..., None], 3, axis=2))
    error = error_level(pixels)
    assert (error == error[..., :1]).all()


def test_a_palette_becomes_its_colours(tmp_path):
    indexed = Image.fromarray(smooth(7)).quantize(16)
    indexed.save(tmp_path / "a.png")
    np.testing.assert_array_equal(read_native(tmp_path / "a.png"), np.asarray(indexed.convert("RGB")))


def test_exif_rotation_is_not_applied(tmp_path):
    path = save_image(tmp_path / "a.jpg", 8, size=48)
    turned = tmp_path / "turned.jpg"
    exif = Image.Exif()
    exif[0x0112] = 6  # to be shown a quarter turn clockwise
    content = path.read_bytes()
    block = exif.tobytes()
    turned.write_bytes(content[:2] + b"\xff\xe1" + struct.pack(">H", len(block) + 2) + block + content[2:])
    assert Image.open(turned).getexif()[0x0112] == 6
    np.testing.assert_array_equal(read_native(turned), read_native(path))


def test_of_several_pictures_in_a_file_the_first_is_read(tmp_path):
    first, second = Image.fromarray(smooth(9, 48, 64)), Image.fromarray(smooth(10, 32, 32))
    first.save(tmp_path / "phone.jpg", "MPO", save_all=True, append_images=[second], quality=85)
    assert Image.open(tmp_path / "phone.jpg").format == "MPO"
    np.testing.assert_array_equal(read_native(tmp_path / "phone.jpg"), resaved(np.asarray(first), 85))


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_alpha_is_dropped_when_opaque_and_refused_otherwise(tmp_path, mode):
    image = Image.fromarray(smooth(11)).convert(mode)
    image.save(tmp_path / "opaque.png")
    np.testing.assert_array_equal(read_native(tmp_path / "opaque.png"), np.asarray(image.convert("RGB")))
    image.putpixel((5, 7), (*image.getpixel((5, 7))[:-1], 254))
    image.save(tmp_path / "glass.png")
    with pytest.raises(ValueError, match=r"glass\.png is partly transparent.*background"):
        read_native(tmp_path / "glass.png")


def test_a_transparent_colour_is_alpha_too(tmp_path):
    pixels = smooth(12)
    Image.fromarray(pixels).save(tmp_path / "key.png", transparency=tuple(int(v) for v in pixels[3, 3]))
    with pytest.raises(ValueError, match="transparent"):
        read_native(tmp_path / "key.png")
    indexed = Image.fromarray(pixels).quantize(8)
    indexed.save(tmp_path / "palette.png", transparency=0)
    with pytest.raises(ValueError, match="transparent"):
        read_native(tmp_path / "palette.png")


def test_more_than_8_bits_are_refused(tmp_path):
    deep = np.random.default_rng(0).integers(0, 65536, (32, 32, 3), dtype=np.uint16)
    assert Image.open(png(tmp_path / "colour.png", deep, 2)).mode == "RGB"  # why the file itself is asked
    for path in (tmp_path / "colour.png", png(tmp_path / "grey.png", deep[..., 0], 0)):
        with pytest.raises(ValueError, match=r"16 bits per channel.*8 bits per channel first") as caught:
            read_native(path)
        assert str(path) in str(caught.value)


def test_cmyk_is_refused(tmp_path):
    Image.fromarray(smooth(13)).convert("CMYK").save(tmp_path / "ink.jpg")
    with pytest.raises(ValueError, match=r"ink\.jpg is CMYK.*Convert it to RGB"):
        read_native(tmp_path / "ink.jpg")


def test_tiny_images_are_refused(tmp_path):
    assert read_native(save_image(tmp_path / "least.jpg", 14, size=16)).shape == (16, 16, 3)
    Image.fromarray(smooth(14, 40, 15)).save(tmp_path / "tiny.jpg")
    with pytest.raises(ValueError, match=r"tiny\.jpg is 15 x 40 pixels.* 16 a side"):
        read_native(tmp_path / "tiny.jpg")


def test_other_files_are_refused(tmp_path):
    save_image(tmp_path / "a.webp", 15)
    with pytest.raises(ValueError, match=r"a\.webp is a WEBP file"):
        read_native(tmp_path / "a.webp")
    (tmp_path / "text.jpg").write_text("no image at all", encoding="utf-8")
    with pytest.raises(ValueError, match=r"text\.jpg does not decode"):
        read_native(tmp_path / "text.jpg")
    whole = save_image(tmp_path / "whole.jpg", 15, size=64).read_bytes()
    (tmp_path / "half.jpg").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ValueError, match=r"half\.jpg does not decode"):
        read_native(tmp_path / "half.jpg")
    with pytest.raises(FileNotFoundError):
        read_native(tmp_path / "missing.jpg")


# --- what an error level can and cannot show -------------------------------------------------------------------


@pytest.mark.parametrize("quality", [75, 90])
def test_a_second_save_at_the_same_quality_changes_little(quality):
    first = smooth(16, grain=6)
    once, twice = error_level(first, quality), error_level(resaved(first, quality), quality)
    assert twice.mean() < 0.3 < 1 < once.mean()
    off_grid = error_level(resaved(first, quality)[3:, 5:], quality)  # a crop moved the grid
    assert off_grid.mean() > 5 * twice.mean()


def test_never_compressed_images_show_texture_alone():
    assert error_level(noise(4), 90).mean() > 10
    picture = smooth(17)
    picture[40:80, 40:80] = noise(5, 40, 40)  # texture, as old as the rest
    error = error_level(picture)
    assert error[40:80, 40:80].mean() > 10 * error[96:, 96:].mean()


def compared(fake_error, twin_error, mask):
    return Comparison(inside(fake_error, mask), inside(twin_error, mask))


def spliced(seed):
    """A picture saved at 95; its fake, with a region that was saved at 60 on another grid; the region."""
    original = smooth(seed, grain=6)
    patch = np.zeros_like(original)
    patch[3:, 5:] = resaved(original[3:, 5:], 60)  # the same content: nothing but its history differs
    base, mask = resaved(original, 95), np.zeros(original.shape[:2], bool)
    mask[45:99, 52:121] = True
    fake = np.where(mask[..., None], patch, base)
    return resaved(fake, 95), resaved(base, 95), mask


@pytest.mark.parametrize("seed", [20, 21, 22])
def test_another_history_shows_against_the_twin_until_both_are_saved_once_more(seed):
    fake, twin, mask = spliced(seed)
    found = compared(error_level(fake), error_level(twin), mask)
    assert found.log_ratio < -0.2 and found.fake.share < found.twin.share
    outside = compared(error_level(fake), error_level(twin), ~mask)
    assert abs(outside.log_ratio) < 0.03
    assert pixel_auc(error_level(fake), mask) < pixel_auc(error_level(twin), mask) - 0.05
    levelled = compared(error_level(resaved(fake, 50)), error_level(resaved(twin, 50)), mask)
    assert abs(levelled.log_ratio) < abs(found.log_ratio) / 3
    assert abs(levelled.difference) < abs(found.difference) / 3


def test_the_testbeds_parts_show_against_their_twins(tmp_path):
    root = testbed.make_sample(tmp_path / "y", testbed.SampleSpec("yonsei", 24, 128), workers=1)
    table = testbed.load_attributes(root)
    ratios, levelled = [], []
    for name in table.path[table.label == 1]:
        fake, twin = read_native(root / name), testbed.read_twin(root / name)
        np.testing.assert_array_equal(twin, read_native(root / f"testbed/twins/{Path(name).stem}.jpg"))
        mask = testbed.read_mask(root / name, 128) > 127
        ratios.append(compared(error_level(fake), error_level(twin), mask).log_ratio)
        pair = (error_level(resaved(pixels, 70), 75) for pixels in (fake, twin))
        levelled.append(compared(*pair, mask).log_ratio)
    assert testbed.read_twin(root / table.path[table.label == 0].iloc[0]) is None
    assert np.mean(ratios) < -0.1 and np.mean(np.array(ratios) < 0) >= 0.75
    assert abs(np.mean(levelled)) < abs(np.mean(ratios)) / 2


def flipped_first_and_last(width, subsampling):
    stored = resaved(smooth(18, 96, width, grain=6), 90, subsampling)
    flip_first = error_level(stored[:, ::-1], 90, subsampling)
    return flip_first, error_level(stored, 90, subsampling)[:, ::-1]


@pytest.mark.parametrize(
    ("width", "subsampling"),
    [(150, "4:4:4"), (150, "4:2:0"), (152, "4:2:0")],  # no whole blocks; whole blocks, but half a block of colour
)
def test_the_map_comes_before_the_flip(width, subsampling):
    flip_first, flip_last = flipped_first_and_last(width, subsampling)
    assert flip_first.mean() > 5 * flip_last.mean()  # turned pixels lie off the grid of their last save
    assert abs(np.corrcoef(flip_first.ravel(), flip_last.ravel())[0, 1]) < 0.3  # and show another picture


def test_a_flip_on_the_grid_changes_little():
    np.testing.assert_array_equal(*flipped_first_and_last(152, "4:4:4"))
    whole, half = (flipped_first_and_last(width, "4:2:0")[0].mean() for width in (160, 152))
    assert whole < half / 2  # what remains: colour is rounded differently to the left and to the right


# --- scores ----------------------------------------------------------------------------------------------------


def test_inside_by_hand():
    mask = np.array([[True, False], [False, False]])
    error = np.array([[6, 2], [2, 2]])[..., None] * np.array([0.5, 1, 1.5])  # channels average to the plane
    assert inside(error, mask) == Region(mean=6, share=0.5, area=0.25)
    assert inside(error, ~mask) == Region(mean=2, share=0.5, area=0.75)
    assert inside(np.full((2, 2), 2.0), mask) == Region(mean=2, share=0.25, area=0.25)


def test_what_is_not_known_does_not_count():
    error = np.array([[6, 2, 50.0], [2, 2, 90]])
    mask, known = np.zeros((2, 3), bool), np.ones((2, 3), bool)
    mask[0, 0], known[:, 2] = True, False
    assert inside(error, mask, known) == inside(error[:, :2], mask[:, :2]) == Region(6, 0.5, 0.25)
    assert inside(error, known & ~mask, known) == Region(2, 0.5, 0.75)
    mask[:, 2] = True  # a mask may reach beyond what is known
    assert inside(error, mask, known) == Region(6, 0.5, 0.25)
    assert pixel_auc(error, mask, known) == 1 and pixel_auc(-error + 90, mask, known) == 0
    rng = np.random.default_rng(1)
    error, mask, known = rng.random((9, 7, 3)), rng.random((9, 7)) < 0.4, rng.random((9, 7)) < 0.6
    pixels = [(error[at].mean(), mask[at]) for at in np.ndindex(9, 7) if known[at]]
    part, whole = [e for e, m in pixels if m], [e for e, _ in pixels]
    expected = np.mean(part), sum(part) / sum(whole), len(part) / len(whole)
    found = inside(error, mask, known)
    assert (found.mean, found.share, found.area) == pytest.approx(expected)


def test_a_comparison_by_hand():
    six, two, none = Region(6, 0.5, 0.25), Region(2, 0.25, 0.25), Region(0, np.nan, 0.1)
    found = Comparison(six, two)
    assert found.difference == 4 and found.log_ratio == pytest.approx(np.log(3))
    assert Comparison(two, six).log_ratio == pytest.approx(-np.log(3))
    assert Comparison(six, none).log_ratio == np.inf and Comparison(none, six).log_ratio == -np.inf
    assert Comparison(none, none).log_ratio == 0


def test_a_map_without_error_has_no_shares():
    found = inside(np.zeros((1, 2)), np.array([[True, False]]))
    assert found.mean == 0 and np.isnan(found.share) and found.area == 0.5


@pytest.mark.parametrize("seed", [30, 31])
def test_a_twin_is_measured_on_its_own_file(seed):
    """Two crops of one scene, nothing edited: moving the twin onto the fake would make a difference of its own."""
    scene = smooth(seed, 200, 200, grain=6)
    mask = np.zeros(scene.shape[:2], bool)
    mask[60:120, 50:130] = True
    fake, twin = resaved(scene[:160, :160], 85), resaved(scene[3:163, 5:165], 85)
    known, known_on_twin = np.zeros((2, 160, 160), bool)
    known[3:, 5:], known_on_twin[:-3, :-5] = True, True
    on_fake = inside(error_level(fake), mask[:160, :160], known)
    on_twin = inside(error_level(twin), mask[3:163, 5:165], known_on_twin)
    assert on_fake.area == on_twin.area and abs(Comparison(on_fake, on_twin).log_ratio) < 0.05
    moved = np.zeros_like(twin)
    moved[3:, 5:] = twin[:-3, :-5]
    laid_over = inside(error_level(moved), mask[:160, :160], known)
    assert abs(Comparison(on_fake, laid_over).log_ratio) > 0.2


def test_pixel_auc_against_counting():
    rng = np.random.default_rng(0)
    error, mask = rng.integers(0, 5, (6, 7, 3)), rng.random((6, 7)) < 0.3
    plane = error.mean(axis=2)
    pairs = [(a > b) + 0.5 * (a == b) for a in plane[mask] for b in plane[~mask]]
    assert pixel_auc(error, mask) == pytest.approx(np.mean(pairs))
    assert pixel_auc(mask.astype(float), mask) == 1 and pixel_auc(1.0 - mask, mask) == 0


@pytest.mark.parametrize("score", [inside, pixel_auc])
@pytest.mark.parametrize(
    ("error", "mask", "words"),
    [
        (np.ones((4, 4)), np.zeros((4, 4), bool), "empty"),
        (np.ones((4, 4)), np.ones((4, 4), bool), "full"),
        (np.ones((4, 4)), np.eye(4, dtype=np.uint8) * 255, "mask > 127"),
        (np.ones((4, 4)), np.eye(5, dtype=bool), "of one size"),
        (np.ones((4, 5)), np.eye(4, dtype=bool), "of one size"),
        (np.ones(16), np.eye(4, dtype=bool), "(16,)"),
        (-np.ones((4, 4)), np.eye(4, dtype=bool), "at least 0"),
        (np.full((4, 4), np.nan), np.eye(4, dtype=bool), "at least 0"),
    ],
)
def test_maps_and_masks_must_fit(score, error, mask, words):
    with pytest.raises(ValueError) as caught:
        score(error, mask)
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("known", "words"),
    [
        (np.zeros((4, 4), bool), "empty"),
        (~np.eye(4, dtype=bool), "empty"),
        (np.eye(4, dtype=bool), "full"),
        (np.eye(4), "float64"),
        (np.ones((4, 5), bool), "what is known is (4, 5)"),
    ],
)
def test_what_is_known_must_fit(known, words):
    with pytest.raises(ValueError) as caught:
        inside(np.ones((4, 4)), np.eye(4, dtype=bool), known)
    assert words in str(caught.value)


# --- the grid --------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def portraits():
    """Two drawn portraits as the camera leaves them, before any JPEG."""
    spec = [np.random.default_rng(seed) for seed in (0, 1)]
    return [testbed.photograph(testbed.portrait(testbed.draw_attributes(rng), 192), rng) for rng in spec]


@pytest.mark.parametrize("quality", [50, 70, 90])
def test_the_grid_is_found_after_a_crop(portraits, quality):
    rng = np.random.default_rng(quality)
    for picture in (*portraits, smooth(19, 150, 170, grain=4)):
        stored = resaved(picture, quality)
        assert grid_offset(stored) == (0, 0)
        for top, left in ((1, 7), (7, 2), *rng.integers(0, 24, (3, 2))):
            cropped = stored[top:, left:]
            row, column = grid_offset(cropped)
            assert (row, column) == (-top % 8, -left % 8)
            # What the answer is for: from there on, the image saves again with little change.
            again = [error_level(cropped[row + k :, column + k :], quality, "4:4:4").mean() for k in (0, 4)]
            assert again[0] < 0.7 * again[1]


def test_every_phase_is_found_in_grey_and_on_smaller_pictures():
    stored = resaved(smooth(23, 72, 90, grain=4), 60)
    for phase in range(8):
        assert grid_offset(stored[phase:, 7 - phase :]) == (-phase % 8, (phase - 7) % 8)
        assert grid_offset(stored[phase:, 7 - phase :].mean(axis=2)) == (-phase % 8, (phase - 7) % 8)


def grid_scores_by_loops(pixels):
    """Entry by entry, as the docstring says it."""
    grey = np.asarray(pixels, float) @ [0.299, 0.587, 0.114]
    scores = np.zeros((2, 8))
    for axis, plane in enumerate((grey, grey.T)):
        for k in range(8):
            for side in (k - 1, k):
                bends = [
                    min(abs(line[r - 1] - 2 * line[r] + line[r + 1]), 6)
                    for line in plane.T
                    for r in range(1, len(line) - 1)
                    if r % 8 == side % 8
                ]
                scores[axis, k] += np.mean(bends)
    return scores


@pytest.mark.parametrize(("height", "width"), [(16, 16), (17, 30), (23, 18)])
def test_grid_scores_against_loops(height, width):
    pixels = smooth(24, height, width, grain=4)
    pixels[:, 9:] //= 2  # a steep edge of the picture
    np.testing.assert_allclose(grid_scores(pixels), grid_scores_by_loops(pixels))


def test_an_edge_of_the_picture_is_not_the_grid(portraits):
    stored = resaved(portraits[0], 90).copy()
    stored[:, 77:] //= 8
    assert grid_offset(stored[:, 1:]) == (0, 7)


def test_without_a_save_no_phase_stands_out(portraits):
    def lead(pixels):
        ordered = np.sort(grid_scores(pixels), axis=1)
        return (ordered[:, -1] / ordered[:, -2] - 1).min()

    assert lead(resaved(portraits[0], 80)) > 5 * lead(portraits[0])


@pytest.mark.parametrize("shape", [(15, 40, 3), (40, 15), (40, 40, 4), (40,), (2, 40, 40, 3)])
def test_grids_need_pixels(shape):
    with pytest.raises(ValueError, match="at least 16 a side"):
        grid_offset(np.zeros(shape))


def test_optimising_changes_the_file_and_no_pixel():
    """Optimised code tables make a smaller file of the same pixels, so that a test without them shows all."""
    pixels = smooth(25, grain=6)
    plain, optimised = BytesIO(), BytesIO()
    for file, optimize in ((plain, False), (optimised, True)):
        Image.fromarray(pixels).save(file, "JPEG", quality=90, subsampling="4:2:0", optimize=optimize)
    assert plain.getvalue() != optimised.getvalue()
    np.testing.assert_array_equal(resaved(pixels), np.asarray(Image.open(optimised)))
