"""Distances, copies and faces whose answer is known, and the same numbers by loops."""

import sys
from types import ModuleType

import numpy as np
import pytest
from scipy.linalg import sqrtm
from scipy.stats import norm
from sklearn.metrics import roc_auc_score

from fakeface_utils.datasets import pixels, testbed
from fakeface_utils.evaluation import gan_quality
from fakeface_utils.evaluation.gan_quality import (
    apart,
    beside_nearest,
    checkerboard,
    checkerboard_rings,
    checkerboards,
    data_copying,
    faces_found,
    frechet_distance,
    kid,
    kind_shares,
    mmd2,
    nearest_neighbours,
    rings,
    two_sample_test,
)
from fakeface_utils.evaluation.intervals import mean, wilson
from fakeface_utils.forensics.spectrum import azimuthal_average, log_spectrum

# --- kernel distance -------------------------------------------------------------------------------------------


def mmd2_by_loops(a, b):
    def k(x, y):
        return (sum(u * v for u, v in zip(x, y, strict=True)) / len(x) + 1) ** 3

    def mean(pairs):
        pairs = list(pairs)
        return sum(k(x, y) for x, y in pairs) / len(pairs)

    within = [mean((x, y) for i, x in enumerate(s) for j, y in enumerate(s) if i != j) for s in (a, b)]
    return within[0] + within[1] - 2 * mean((x, y) for x in a for y in b)


def test_mmd2_against_loops_and_on_two_points():
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(7, 3)), rng.normal(1, 2, size=(5, 3))
    assert mmd2(a, b) == pytest.approx(mmd2_by_loops(a, b))
    assert mmd2(b, a) == pytest.approx(mmd2(a, b))
    # All reals at (2, 2), all fakes at 0: k is (8/2 + 1)^3, 1 and 1.
    assert mmd2(np.full((3, 2), 2), np.zeros((4, 2))) == pytest.approx(125 + 1 - 2)


def test_mmd2_is_unbiased_where_both_sets_are_of_one_law():
    rng = np.random.default_rng(1)
    found = [mmd2(rng.normal(size=(12, 4)), rng.normal(size=(12, 4))) for _ in range(600)]
    assert abs(np.mean(found)) < 3 * np.std(found) / np.sqrt(600)
    assert 0.2 < np.mean(np.array(found) < 0) < 0.8  # a distance that is never below 0 would be biased


def test_kid_is_the_mean_over_subsets_with_the_interval_that_it_says():
    rng = np.random.default_rng(2)
    real, fake = rng.normal(size=(40, 3)), rng.normal(0.5, 1, size=(60, 3))
    draws = np.random.default_rng(5)
    found = [
        mmd2_by_loops(real[draws.choice(40, 10, replace=False)], fake[draws.choice(60, 10, replace=False)])
        for _ in range(8)
    ]
    estimate = kid(real, fake, subset=10, n_subsets=8, seed=5)
    assert estimate.value == pytest.approx(np.mean(found)) and estimate.n == 40
    se = np.std(found, ddof=1) * np.sqrt(10 / 30 + 1 / 8)  # (10 / 40) / (1 - 10 / 40)
    assert (estimate.low, estimate.high) == pytest.approx(
        (estimate.value - 1.96 * se, estimate.value + 1.96 * se), 1e-3
    )
    assert estimate == kid(real, fake, 10, 8, 5) != kid(real, fake, 10, 8, 6)


def test_the_interval_of_kid_holds_the_distance_and_knows_one_law_from_two():
    rng = np.random.default_rng(3)

    def sets(shift):
        return rng.normal(size=(200, 8)), rng.normal(shift, 1, size=(250, 8))

    truth = np.mean([mmd2(*sets(0.8)) for _ in range(60)])
    found = [kid(*sets(0.8), subset=40, n_subsets=40, seed=seed) for seed in range(60)]
    assert np.mean([e.low <= truth <= e.high for e in found]) >= 0.9
    spread, width = np.std([e.value for e in found]), np.mean([e.high - e.low for e in found])
    assert 0.9 < width / 2 / 1.96 / spread < 2  # nor so wide that anything would be held
    alike = [kid(*sets(0), subset=40, n_subsets=40, seed=seed) for seed in range(30)]
    assert sum(e.low <= 0 <= e.high for e in alike) >= 28
    assert all(e.low > 0 for e in found)


@pytest.mark.parametrize("subset, n_subsets", [(1, 10), (11, 10), (5, 1)])
def test_kid_refuses_subsets_that_cannot_tell(subset, n_subsets):
    with pytest.raises(ValueError, match="of 2 to 10 of 20 images"):
        kid(np.zeros((30, 2)), np.zeros((20, 2)), subset, n_subsets)
    assert kid(np.zeros((30, 2)), np.zeros((20, 2)), 10, 2).value == 0


@pytest.mark.parametrize("metric", [mmd2, frechet_distance, kid, two_sample_test])
def test_features_that_are_none_are_refused(metric):
    good = np.zeros((4, 3))
    for bad in (np.zeros((4, 2)), np.zeros(4), np.zeros((1, 3))):
        with pytest.raises(ValueError, match="need features"):
            metric(good, bad)
    with pytest.raises(ValueError, match="2 features are not finite"):
        metric(np.where(np.eye(4, 3) * [1, 1, 0] > 0, np.nan, good), good)


# --- Frechet distance ------------------------------------------------------------------------------------------


def frechet_by_the_formula(a, b):
    cov_a, cov_b = np.cov(a, rowvar=False), np.cov(b, rowvar=False)
    gap = a.mean(axis=0) - b.mean(axis=0)
    root = sqrtm(cov_a)
    return gap @ gap + np.trace(cov_a + cov_b - 2 * sqrtm(root @ cov_b @ root).real)


def test_frechet_distance_against_its_formula():
    rng = np.random.default_rng(4)
    a, b = (
        rng.normal(size=(50, 4)) @ rng.normal(size=(4, 4)),
        1 + rng.normal(size=(30, 4)) @ rng.normal(size=(4, 4)),
    )
    assert frechet_distance(a, b) == pytest.approx(frechet_by_the_formula(a, b))
    assert frechet_distance(a, b) == pytest.approx(frechet_distance(b, a))
    few, fewer = rng.normal(size=(6, 9)), rng.normal(size=(4, 9))  # covariances without full rank
    assert frechet_distance(few, fewer) == pytest.approx(frechet_by_the_formula(few, fewer).real, rel=1e-4)


def test_frechet_distance_where_the_answer_is_known():
    rng = np.random.default_rng(5)
    x, shift = rng.normal(size=(80, 5)), np.array([3, 0, 0, 4, 0])
    assert all(0 <= frechet_distance(y, y) < 1e-10 for y in rng.normal(size=(30, 20, 5)))  # rounding and all
    assert 0 <= frechet_distance(x[:4], x[[3, 1, 2, 0]]) < 1e-10  # fewer images than features
    assert frechet_distance(x, x + shift) == pytest.approx(25)
    assert frechet_distance(x, 3 * (x - x.mean(axis=0)) + x.mean(axis=0)) == pytest.approx(
        4 * x.var(0, ddof=1).sum()
    )
    gaussians = rng.normal(size=(2, 20_000, 5)) * [[[1]], [[2]]]  # 5 (2 - 1)^2, less what sampling adds
    assert frechet_distance(gaussians[0], gaussians[1] + shift) == pytest.approx(25 + 5, abs=0.4)


def test_frechet_distance_is_biased_upwards_by_few_images():
    rng = np.random.default_rng(6)
    few, many = (np.mean([frechet_distance(*rng.normal(size=(2, n, 8))) for _ in range(20)]) for n in (20, 320))
    assert few > 8 * many > 0


# --- classifier two-sample test --------------------------------------------------------------------------------


def test_two_sets_of_one_law_are_not_told_apart():
    rng = np.random.default_rng(7)
    found = [two_sample_test(*rng.normal(size=(2, 30, 6)), seed=seed, n_permutations=19) for seed in range(20)]
    p = np.array([test.p for test in found])
    assert (p <= 0.05).sum() <= 3 and 0.3 < p.mean() < 0.7
    assert abs(np.mean([test.auc.value for test in found]) - 0.5) < 0.05


def test_a_shift_is_found_with_the_auc_that_it_has():
    rng = np.random.default_rng(8)
    a, b = rng.normal(size=(400, 4)), rng.normal(size=(300, 4))
    b[:, 2] += 1
    scaled = np.array([1, 50, 1000, 0.01])  # features of unlike scales
    found = two_sample_test(a * scaled, b * scaled, n_permutations=19)
    assert found.p == 1 / 20 and found.auc.n == 700
    assert found.auc.low < norm.cdf(1 / np.sqrt(2)) < found.auc.high
    assert found.auc.value == pytest.approx(
        roc_auc_score(np.repeat([0, 1], [400, 300]), np.r_[a[:, 2], b[:, 2]]), abs=0.02
    )


def test_a_feature_of_small_scale_is_not_lost_among_many():
    rng = np.random.default_rng(18)
    a, b = rng.normal(size=(2, 120, gan_quality.COMPONENTS + 20))
    b[:, 0] += 7  # only the first differs, and it is the smallest
    a[:, 1:], b[:, 1:] = 1000 * a[:, 1:], 1000 * b[:, 1:]
    assert two_sample_test(a, b, n_permutations=9).auc.low > 0.8


def test_what_says_nothing_has_a_p_of_one():
    found = two_sample_test(np.ones((10, 3)), np.ones((12, 3)), n_permutations=9)
    assert found.auc.value == 0.5 and found.p == 1


def test_copies_of_one_image_are_one_group():
    rng = np.random.default_rng(9)
    images, groups = rng.normal(size=(40, 60)), np.repeat(np.arange(40), 5)
    a, b = np.split(np.repeat(images, 5, axis=0), 2)
    blind, fair = (two_sample_test(a, b, g, n_permutations=19) for g in (None, groups))
    assert blind.auc.value > 0.95 and blind.p == 1 / 20  # it has learnt the images by heart
    assert fair.auc.low < 0.5 < fair.auc.high and fair.p > 0.05
    assert fair.auc.high - fair.auc.low > 0.25  # forty pieces of news, not 200
    with pytest.raises(ValueError, match="a group for each of 200"):
        two_sample_test(a, b, groups[:-1])


# --- all measures at once --------------------------------------------------------------------------------------


def test_apart_is_the_three_measures_of_equally_many_images():
    rng = np.random.default_rng(19)
    real, other = rng.normal(size=(70, 5)), rng.normal(0.6, 1, size=(50, 5))
    for a, b in ((real, other), (other, real)):
        m, found = 50, apart(a, b, subset=12, seed=3, n_permutations=9)
        test = two_sample_test(a[:m], b[:m], seed=3, n_permutations=9)
        assert found == {
            "kid": kid(a[:m], b[:m], 12, seed=3),
            "frechet": frechet_distance(a[:m], b[:m]),
            "two-sample AUC": test.auc,
            "two-sample p": test.p,
        }
        assert found["kid"].n == 50 and found["two-sample AUC"].n == 100
    assert found["kid"] != kid(other, real, 12, seed=3)  # which takes more reals


def test_apart_takes_subsets_of_half_the_images_at_most():
    rng = np.random.default_rng(20)
    real, other = rng.normal(size=(30, 3)), rng.normal(size=(41, 3))
    found = apart(real, other, n_permutations=1)
    assert found["kid"] == kid(real, other[:30], 15)
    assert found["frechet"] != frechet_distance(real, other)
    with pytest.raises(ValueError, match="need features"):
        apart(real, other[:, :2])


# --- copies ----------------------------------------------------------------------------------------------------


def nearest_by_loops(queries, training, k):
    index, distance = [], []
    for q in queries:
        gaps = [np.sqrt(np.mean((q.astype(float) - t.astype(float)) ** 2)) for t in training]
        order = sorted(range(len(gaps)), key=gaps.__getitem__)[:k]
        index.append(order)
        distance.append([gaps[i] for i in order])
    return np.array(index), np.array(distance)


@pytest.mark.parametrize("rows_a_block", [1, 2, 7, 100])
def test_neighbours_against_loops_in_blocks_of_any_size(rows_a_block, monkeypatch, tmp_path):
    rng = np.random.default_rng(10)
    monkeypatch.setattr(gan_quality, "BLOCK_BYTES", rows_a_block * 4 * 48)
    queries, training = (rng.integers(0, 256, (n, 4, 4, 3), dtype=np.uint8) for n in (5, 23))
    np.save(tmp_path / "training.npy", training)
    for k in (1, 3):
        expected = nearest_by_loops(queries, training, k)
        index, distance = nearest_neighbours(queries, np.load(tmp_path / "training.npy", mmap_mode="r"), k)
        assert np.array_equal(index, expected[0]) and distance == pytest.approx(expected[1])
    features = rng.normal(size=(5, 48)), rng.normal(size=(23, 48))
    assert np.array_equal(nearest_neighbours(*features, 2)[0], nearest_by_loops(*features, 2)[0])


def test_a_copy_has_a_distance_of_nothing_and_a_brighter_one_its_grey_levels():
    rng = np.random.default_rng(11)
    training = rng.integers(0, 250, (40, 16, 16, 3), dtype=np.uint8)
    queries = np.stack([training[31], training[7] + np.uint8(3), 255 - training[2]])
    index, distance = nearest_neighbours(queries, training)
    assert index[:2].ravel().tolist() == [31, 7] and distance[0, 0] == 0 and distance[1, 0] == pytest.approx(3)
    assert distance[2, 0] > 50
    features = 1000 + rng.normal(size=(300, 64))  # where a search by rounded squares leaves a rest
    assert not nearest_neighbours(features[:100], features)[1].any()
    assert nearest_neighbours(queries[:, :, ::-1], training)[1][0, 0] > 50
    assert nearest_neighbours(queries[:, :, ::-1], training[:, :, ::-1])[1][0, 0] == 0


def test_neighbours_refuse_what_does_not_fit():
    for queries, training, k in (((2, 4), (3, 5), 1), ((2, 4), (3, 4), 4), ((2, 4), (3, 4), 0)):
        with pytest.raises(ValueError, match="cannot look for"):
            nearest_neighbours(np.zeros(queries), np.zeros(training), k)
    with pytest.raises(ValueError, match="NaN"):
        nearest_neighbours(np.zeros((2, 4)), np.full((3, 4), np.nan))


def test_a_generator_that_copies_is_told_from_one_that_does_not():
    rng = np.random.default_rng(12)
    training, held_out, honest = rng.normal(size=(3, 150, 6))
    copies, far = training[:100] + 0.05 * rng.normal(size=(100, 6)), honest + 9

    def copying(generated):
        return data_copying(nearest_neighbours(generated, training)[1], nearest_neighbours(held_out, training)[1])

    assert copying(copies).low > 0.95 and copying(far).high < 0.05
    assert copying(honest).low < 0.5 < copying(honest).high
    assert copying(copies).n == 250
    assert data_copying(np.array([1.0, 4.0]), np.array([2.0, 3.0, 5.0])).value == pytest.approx((3 + 1) / 6)


# --- faces -----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def portraits():
    drawn = []
    for seed in range(40):
        rng = np.random.default_rng([11, seed])
        drawn.append(
            testbed.photograph(testbed.portrait(testbed.draw_attributes(rng, obstruction="none"), 256), rng)
        )
    return np.array(drawn)


@pytest.fixture
def cascade():
    if not hasattr(pytest.importorskip("cv2"), "CascadeClassifier"):
        pytest.skip("this OpenCV has no cascade classifier")


@pytest.mark.parametrize("side", [32, 64, 256])
def test_faces_are_found_at_the_size_of_any_generator(portraits, cascade, side):
    small = np.array([pixels.resized(image, side) for image in portraits])
    found, upside_down = faces_found(small), faces_found(small[:, ::-1])
    assert found.shape == (40,) and found.mean() >= 0.8
    assert upside_down.mean() < 0.4  # an oval with dark spots is much to the cascade
    order = [*np.flatnonzero(found & ~upside_down)[:2], *np.flatnonzero(~found)[:1]]
    mixed = np.concatenate([small[order], small[order[:1], ::-1]])
    assert faces_found(mixed).tolist() == [True, True, *[False] * (len(mixed) - 2)]


def test_a_face_in_pieces_is_none(portraits, cascade):
    order = np.random.default_rng(17).permutation(16)
    tiles = portraits.reshape(40, 4, 64, 4, 64, 3).swapaxes(2, 3).reshape(40, 16, 64, 64, 3)[:, order]
    assert not faces_found(tiles.reshape(40, 4, 4, 64, 64, 3).swapaxes(2, 3).reshape(portraits.shape)).any()


def test_noise_and_a_small_face_in_a_corner_are_no_portraits(portraits, cascade):
    noise = np.random.default_rng(13).integers(0, 256, (60, 64, 64, 3), dtype=np.uint8)
    assert not faces_found(noise).any()
    good = portraits[faces_found(portraits)][:20]
    corner, middle = np.full((2, 20, 256, 256, 3), 128, np.uint8)
    corner[:, :120, :120] = [pixels.resized(image, 120) for image in good]
    middle[:, 80:176, 80:176] = [pixels.resized(image, 96) for image in good]
    assert faces_found(good).all() and not faces_found(corner).any() and not faces_found(middle).any()


def test_images_that_are_none_are_refused(cascade):
    for bad in (np.zeros((2, 64, 64, 3)), np.zeros((64, 64, 3), np.uint8), np.zeros((2, 64, 32, 3), np.uint8)):
        with pytest.raises(ValueError, match="square uint8"):
            faces_found(bad)
    assert faces_found(np.zeros((0, 64, 64, 3), np.uint8)).shape == (0,)


@pytest.mark.parametrize("opencv", [None, ModuleType("cv2")], ids=["none", "version 5"])
def test_without_the_cascade_it_says_what_to_install(opencv, monkeypatch):
    monkeypatch.setitem(sys.modules, "cv2", opencv)
    with pytest.raises(ImportError, match='"opencv-python-headless<5"'):
        faces_found(np.zeros((1, 64, 64, 3), np.uint8))


# --- the checkerboard ------------------------------------------------------------------------------------------


def stripes(side, period):
    return np.cos(2 * np.pi * np.arange(side) / period) + np.zeros((side, 1))


def test_rings_are_where_the_azimuthal_average_has_the_grid():
    for side in (64, 128):
        places = checkerboard_rings(side, 3)
        assert list(places) == [2, 4, 8]
        for period, ring in places.items():
            assert azimuthal_average(np.exp(log_spectrum(stripes(side, period)))).argmax() == ring


def test_rings_are_the_averages_of_each_pictures_brightness():
    rng = np.random.default_rng(21)
    images = rng.integers(0, 256, (5, 16, 16, 3), dtype=np.uint8)
    found = rings(images)
    assert found.shape == (5, 9)
    for image, profile in zip(images.astype(float), found, strict=True):
        grey = 0.299 * image[..., 0] + 0.587 * image[..., 1] + 0.114 * image[..., 2]
        assert profile == pytest.approx(azimuthal_average(log_spectrum(grey)))
    waves = np.stack([stripes(64, 64 / k) for k in (3, 8, 32)])  # so many cycles a picture
    assert rings(100 * np.repeat(waves[..., None], 3, axis=-1))[:, 1:].argmax(axis=1).tolist() == [2, 7, 31]


def test_checkerboards_are_the_means_over_pictures():
    rng = np.random.default_rng(22)
    images = rng.integers(0, 256, (12, 64, 64, 3), dtype=np.uint8)
    greys = images @ np.array([0.299, 0.587, 0.114])
    found = checkerboards(images)
    assert list(found) == [2, 4, 8] and list(checkerboards(images[:2], (4,))) == [4]
    for period, estimate in found.items():
        values = np.array([checkerboard(grey, period) for grey in greys])
        assert estimate == mean(values) and estimate.n == 12
        assert estimate.value == pytest.approx(values.mean()) and estimate.low < estimate.value < estimate.high


def test_checkerboards_find_the_grid_that_is_there():
    noise = np.random.default_rng(23).normal(128, 10, (30, 64, 64, 1))
    grid = 3 * stripes(64, 4)[..., None]
    found, without = (checkerboards(pictures + np.zeros(3)) for pictures in (noise + grid, noise))
    assert found[4].low > 3 and max(found[2].high, found[8].high) < 1.5
    assert all(estimate.high < 1.5 for estimate in without.values())


def checkerboard_by_loops(grey, period):
    side, power = len(grey), np.abs(np.fft.fft2(grey)) ** 2
    peak = around = 0
    away = [d for d in range(-side + 1, side) if side // 16 <= abs(d) < side // 8]
    for a in range(period):
        for b in range(period):
            if any(a * p % period == 0 and b * p % period == 0 for p in range(1, period)):
                continue  # a shorter grid has this frequency too
            y, x = a * side // period, b * side // period
            peak += power[y, x]
            around += max(
                np.mean([power[y, (x + d) % side] for d in away]), np.mean([power[(y + d) % side, x] for d in away])
            )
    return peak / around


def test_checkerboard_against_loops():
    rng = np.random.default_rng(14)
    for side, period in ((64, 2), (64, 4), (32, 8), (48, 2)):
        grey = rng.normal(100, 20, (side, side))
        assert checkerboard(grey, period) == pytest.approx(checkerboard_by_loops(grey, period))


def test_a_grid_is_found_at_its_own_period_only():
    rng = np.random.default_rng(15)
    noise = rng.normal(128, 10, (60, 64, 64))
    for period in (2, 4, 8):
        assert 0.7 < np.mean([checkerboard(grey, period) for grey in noise]) <= 1.05
        for grid in (stripes(64, period), stripes(64, period).T):
            found = {p: np.mean([checkerboard(grey + 3 * grid, p) for grey in noise]) for p in (2, 4, 8)}
            assert found[period] > 3 and max(found[p] for p in found if p != period) < 1.3


def test_zero_insertion_is_found_and_a_ramp_is_not():
    rng = np.random.default_rng(16)
    up = np.zeros((64, 64))
    up[::2, ::2] = rng.normal(128, 10, (32, 32))
    assert checkerboard(up) > 50
    ramp = np.linspace(0, 255, 64)[:, None] + np.linspace(0, 90, 64) + rng.normal(size=(64, 64))
    assert checkerboard(ramp) < 1.5  # opposite borders differ: a cross through all frequencies


@pytest.mark.parametrize(
    "shape, period", [((64, 32), 2), ((16, 16), 2), ((64, 64), 3), ((36, 36), 8), ((64, 64, 3), 2)]
)
def test_checkerboard_refuses_what_has_no_such_grid(shape, period):
    with pytest.raises(ValueError, match="no grid of"):
        checkerboard(np.zeros(shape), period)


def test_kinds_by_the_nearest_template():
    rng = np.random.default_rng(0)
    colors = {"red": (200, 10, 10), "blue": (10, 10, 200), "grey": (90, 90, 90)}

    def drawn(names):
        base = np.array([colors[name] for name in names], float)[:, None, None]
        return np.clip(base + rng.normal(0, 5, (len(names), 4, 4, 3)), 0, 255).astype(np.uint8)

    kinds = np.array(["red"] * 5 + ["blue"] * 3 + ["grey"] * 2)
    templates = drawn(kinds)
    table = kind_shares({"held out": drawn(kinds), "one": drawn(["blue"] * 7)}, templates, kinds)
    assert list(table.index) == ["blue", "grey", "red"] and list(table["truth"]) == [0.3, 0.2, 0.5]
    assert list(table["held out"]) == [wilson(3, 10), wilson(2, 10), wilson(5, 10)]
    assert list(table["one"]) == [wilson(7, 7), wilson(0, 7), wilson(0, 7)]
    both = beside_nearest(drawn(["grey", "red"]), templates)
    assert both.shape == (4, 4, 4, 3)
    assert any((both[2] == t).all() for t in templates[8:]) and any((both[3] == t).all() for t in templates[:5])
