"""Crops are the pixels that were stored, the same ones whenever asked for, and one score comes of several."""

import numpy as np
import pandas as pd
import pytest

from fakeface_utils.datasets import crops, pixels
from fakeface_utils.datasets.crops import five_crops, load_crops, mean_of_logits, over_crops, random_crops
from tests.conftest import save_image


def numbered(height: int, width: int) -> np.ndarray:
    """Every pixel holds its own place: (row, column, 7)."""
    rows, columns = np.mgrid[:height, :width]
    return np.stack([rows, columns, np.full_like(rows, 7)], axis=2).astype(np.uint8)


def places(found: np.ndarray) -> list[tuple[int, int]]:
    """Where each crop of a numbered image was cut; its pixels must follow one another."""
    for one in found:
        np.testing.assert_array_equal(one[..., 0] - one[0, 0, 0], np.mgrid[: len(one), : len(one)][0])
        np.testing.assert_array_equal(one[..., 1] - one[0, 0, 1], np.mgrid[: len(one), : len(one)][1])
    return [(int(one[0, 0, 0]), int(one[0, 0, 1])) for one in found]


def test_five_crops_are_the_corners_and_the_middle():
    found = five_crops(numbered(20, 31), 8)
    assert found.shape == (5, 8, 8, 3) and found.dtype == np.uint8
    assert places(found) == [(0, 0), (0, 23), (12, 0), (12, 23), (6, 11)]
    whole = numbered(9, 9)
    for one in five_crops(whole, 9):
        np.testing.assert_array_equal(one, whole)
    assert five_crops(np.zeros((6, 6, 1)), 4).shape == (5, 4, 4, 1)


def test_random_crops_are_anywhere_with_the_same_chance():
    image = numbered(10, 14)
    found = places(random_crops(image, 8, 6000))
    rows, columns = np.array(found).T
    assert set(rows) == {0, 1, 2} and set(columns) == set(range(7))
    counts = pd.crosstab(rows, columns).to_numpy()
    assert (np.abs(counts - 6000 / 21) < 5 * np.sqrt(6000 / 21)).all()


def test_random_crops_follow_the_picture_and_the_seed():
    image = numbered(60, 60)
    found = random_crops(image, 20, 5)
    np.testing.assert_array_equal(found, random_crops(image.copy(), 20, 5))
    np.testing.assert_array_equal(found[:3], random_crops(image, 20, 3))
    assert places(random_crops(image, 20, 5, seed=1)) != places(found)
    image[30, 30, 2] += 1  # another picture, by one grey level
    other = random_crops(image, 20, 5)
    assert [(int(one[0, 0, 0]), int(one[0, 0, 1])) for one in other] != places(found)


@pytest.mark.parametrize("cut", [five_crops, lambda image, side: random_crops(image, side, 2)])
def test_an_image_smaller_than_the_crop_is_refused(cut):
    for shape in ((7, 20, 3), (20, 7, 3)):
        with pytest.raises(ValueError, match=r"no square of 8 pixels fits .* take at most 7"):
            cut(np.zeros(shape, np.uint8), 8)
    for side in (0, -3):
        with pytest.raises(ValueError, match="no square"):
            cut(numbered(9, 9), side)
    with pytest.raises(ValueError, match=r"one image \(h, w, c\)"):
        cut(np.zeros((2, 9, 9, 3), np.uint8), 8)


def test_no_crop_is_no_answer():
    with pytest.raises(ValueError, match="at least one"):
        random_crops(numbered(9, 9), 4, 0)


# A set


@pytest.fixture
def index(tmp_path) -> pd.DataFrame:
    names = [f"{number}.png" for number in range(4)]
    for number, name in enumerate(names):
        save_image(tmp_path / name, number, size=24 + number)
    paths = [str(tmp_path / name) for name in names]
    return pd.DataFrame({"path": paths, "name": names, "label": [0, 1, 0, 1], "split": "test", "set": "x"})


@pytest.mark.parametrize("kept", [True, False])
@pytest.mark.parametrize("random", [None, 3])
def test_the_crops_of_a_set_are_those_of_its_images_one_after_another(index, tmp_path, random, kept):
    options = {"cache_dir": tmp_path / "cache"} if kept else {}
    found = load_crops(index, 16, random=random, seed=2, **options)
    images = [pixels.read_image(path) for path in index["path"]]
    wanted = [five_crops(x, 16) if random is None else random_crops(x, 16, random, seed=2) for x in images]
    assert found.dtype == np.uint8
    np.testing.assert_array_equal(found, np.concatenate(wanted))
    if kept:
        assert isinstance(found, np.memmap) and not found.flags.writeable


def test_crops_are_cut_once_and_another_way_of_cutting_has_a_file_of_its_own(index, tmp_path, monkeypatch):
    ways = [{}, {"random": 3}, {"random": 3, "seed": 1}, {"random": 5}]
    first = [load_crops(index, 16, cache_dir=tmp_path / "c", **how) for how in ways]
    assert len(list((tmp_path / "c").glob("*.npy"))) == 4
    monkeypatch.setattr(crops, "read_image", None)
    for before, how in zip(first, ways, strict=True):
        np.testing.assert_array_equal(load_crops(index, 16, cache_dir=tmp_path / "c", **how), before)


def test_the_image_that_is_too_small_is_named(index):
    with pytest.raises(ValueError, match=r"0\.png: no square of 26 pixels fits into an image of 24 x 24"):
        load_crops(index, 26)


# One score of several


def test_the_mean_of_logits_by_loops():
    scores = np.random.default_rng(0).random(12)
    wanted = []
    for start in range(0, 12, 3):
        logits = [np.log(p / (1 - p)) for p in scores[start : start + 3]]
        wanted.append(1 / (1 + np.exp(-sum(logits) / 3)))
    np.testing.assert_allclose(mean_of_logits(scores, 3), wanted)
    np.testing.assert_allclose(mean_of_logits(scores[:, None], 3), wanted)  # as a Keras model gives them
    np.testing.assert_allclose(mean_of_logits(scores, 1), scores)
    assert mean_of_logits([0.5, 0.999], 2)[0] > 0.75  # the sure one weighs more than in a mean of scores


def test_certain_crops_stay_finite_and_balance():
    np.testing.assert_allclose(mean_of_logits([0, 1, 1, 1], 2), [0.5, 1], atol=1e-6)
    assert mean_of_logits(np.ones(4, np.float32), 2).max() < 1
    np.testing.assert_allclose(mean_of_logits(np.full(10, 0.5), 5), 0.5)  # a constant predictor stays one


def test_scores_that_are_none_are_refused():
    for scores, count in ((np.zeros(7), 3), ([], 5), (np.zeros(4), 0)):
        with pytest.raises(ValueError, match="whole images"):
            mean_of_logits(scores, count)
    for bad in ([0.5, 1.1], [-0.1, 0.5], [np.nan, 0.5]):
        with pytest.raises(ValueError, match="between 0 and 1"):
            mean_of_logits(bad, 2)


def test_a_detector_over_crops_averages_those_of_each_image():
    images, seen = np.stack([numbered(20, 31), numbered(20, 31)[::-1]]), []

    def detector(batch):
        seen.append(batch.shape)
        return 1 / (1 + np.exp(-batch[:, 0, 0, :1].astype(float) / 10))

    found = over_crops(detector, 8)(images)
    assert seen == [(10, 8, 8, 3)] and found.shape == (2,)
    for image, score in zip(images, found, strict=True):
        logits = [one[0, 0, 0] / 10 for one in five_crops(image, 8)]
        assert np.log(score / (1 - score)) == pytest.approx(np.mean(logits))
    three = over_crops(detector, 8, lambda image, side: random_crops(image, side, 3))([images[0], numbered(9, 9)])
    assert seen[-1] == (6, 8, 8, 3) and three.shape == (2,)
