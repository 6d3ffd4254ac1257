"""Twins: a base is found and laid over its fake, donors and strangers are refused, masks meet what was edited."""

import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from scipy import ndimage

from fakeface_utils.datasets import layouts
from fakeface_utils.datasets.pixels import read_image
from fakeface_utils.datasets.testbed import sample, spec
from fakeface_utils.forensics import twins
from fakeface_utils.forensics.twins import STILL, Similarity

SIDE = 300


def scene(seed, side=SIDE + 120):
    """A coloured texture, uint8 (side, side, 3), with detail at every size a keypoint may have."""
    rng = np.random.default_rng(seed)
    layers = [ndimage.gaussian_filter(rng.normal(size=(side, side, 3)), (s, s, 0)) * s for s in (1.5, 4, 12)]
    image = sum(layers)
    return np.clip(128 + 40 * image / image.std(), 0, 255).astype(np.uint8)


def matrix(transform):
    a, b, tx, ty = transform
    return np.array([[a, -b, tx], [b, a, ty], [0, 0, 1]])


def seen(picture, transform, corner=(60, 60), side=SIDE):
    """What a camera sees of ``picture``: its crop at ``corner`` (x, y), then moved by ``transform``; cubic."""
    y, x = np.mgrid[:side, :side]
    back = np.linalg.inv(matrix(transform)) @ np.stack([x.ravel(), y.ravel(), np.ones(x.size)])
    at = back[1].reshape(side, side) + corner[1], back[0].reshape(side, side) + corner[0]
    channels = [ndimage.map_coordinates(picture[..., k].astype(float), at, order=3) for k in range(3)]
    return np.clip(np.rint(np.stack(channels, axis=-1)), 0, 255).astype(np.uint8)


def patch(side=SIDE, middle=(0.45, 0.55), radius=0.16):
    y, x = np.mgrid[:side, :side] / side
    return (y - middle[0]) ** 2 + (x - middle[1]) ** 2 < radius**2


def iou(one, two):
    return (one & two).sum() / (one | two).sum()


def save(folder, **pictures):
    """Save pictures as JPEGs, fakes by their names; returns the index."""
    for name, pixels in pictures.items():
        Image.fromarray(pixels).save(folder / f"{name}.jpg", quality=92)
    names = sorted(pictures)
    labels = [int(name.startswith("fake")) for name in names]
    paths = [str(folder / f"{name}.jpg") for name in names]
    return pd.DataFrame({"path": paths, "name": names, "label": labels, "split": ""})


def paired(*couples):
    return pd.DataFrame([(*couple, "keypoints", 50) for couple in couples], columns=["a", "b", "how", "score"])


TURNED = Similarity(0.93 * np.cos(0.1), 0.93 * np.sin(0.1), 14.3, -3.6)


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    """Drawn files; every fake's base is among the reals."""
    wanted = spec.SampleSpec("yonsei", 30, size=256, seed=5, truths=spec.Truths(shared_base=1.0))
    return sample.make_sample(tmp_path_factory.mktemp("drawn") / "yonsei", wanted, workers=1)


def test_masks_of_drawn_fakes_meet_the_true_ones(drawn):
    truth = sample.load_attributes(drawn).query("label == 1")
    rows = []
    for row in truth.itertuples():
        fake = read_image(drawn / row.path)
        twin = read_image(drawn / "testbed/twins" / Path(row.path).name)
        true = sample.read_mask(drawn / row.path, 256) > 127
        mask = twins.edit_mask(fake, twin)
        assert mask.shape == true.shape and mask.dtype == bool
        rows.append((row.kind, iou(mask, true), iou(true, np.ones_like(true)), iou(true, np.zeros_like(true))))
    scores = pd.DataFrame(rows, columns=["kind", "found", "all", "nothing"])
    means = scores.groupby("kind").mean()
    print(means.round(2), scores.groupby("kind")["found"].min().round(2), sep="\n")
    assert (means["found"] > 0.6).all() and scores["found"].min() > 0.3
    assert scores[["all", "nothing"]].to_numpy().max() < 0.2  # neither constant answer comes near the band


def test_twins_among_the_drawn(drawn):
    pytest.importorskip("cv2")
    index = layouts.build_index(drawn)
    truth = sample.load_attributes(drawn).query("label == 1")
    root = "real_and_fake_face/"
    base = {row.path.removeprefix(root): row.base.removeprefix(root) for row in truth[::2].itertuples()}
    reals = sorted(set(base.values()))
    strangers = {fake: reals[(reals.index(real) + 1) % len(reals)] for fake, real in base.items()}
    found = twins.find_twins(index, paired(*base.items(), *strangers.items()))
    print(f"{len(found)} of {len(base)} bases found")
    assert len(found) >= 0.9 * len(base)
    assert (found["twin"] == found["fake"].map(base)).all()
    assert found["same_grid"].all() and found["mask_area"].between(0.001, 0.2).all()
    assert found["fake_path"].map(lambda path: Path(path).is_file()).all()


@pytest.fixture
def album(tmp_path):
    """A base; a fake of it, turned, scaled, its tones adrift; whom the patch was taken from; a stranger."""
    photo, donor = scene(1), scene(2)
    truth = patch()
    fake = np.where(truth[..., None], seen(donor, TURNED), seen(photo, TURNED)).astype(float)
    fake += np.linspace(-30, 30, SIDE)[:, None, None] + np.linspace(-15, 15, SIDE)[None, :, None]  # harmonic
    pictures = {"fake": np.clip(fake, 0, 255).astype(np.uint8), "real_base": seen(photo, STILL)}
    pictures |= {"real_donor": seen(donor, STILL), "real_stranger": seen(scene(3), STILL)}
    return save(tmp_path, **pictures), truth


def test_the_turned_base_is_found_and_neither_donor_nor_stranger(album):
    pytest.importorskip("cv2")
    index, truth = album
    found = twins.find_twins(index, paired(*((real, "fake") for real in index["name"] if real != "fake")))
    assert list(found["twin"]) == ["real_base"] and list(found["fake"]) == ["fake"]
    row = found.iloc[0]
    corners = np.array([(0, 0, 1), (SIDE, 0, 1), (0, SIDE, 1), (SIDE, SIDE, 1)]).T
    error = (matrix(row[["a", "b", "tx", "ty"]].astype(float)) - matrix(TURNED)) @ corners
    assert np.hypot(*error[:2]).max() < 0.3
    assert not row["same_grid"] and row["inliers"] > 50
    assert row["mask_area"] == pytest.approx(truth.mean(), rel=0.3)
    assert row["agree"] == pytest.approx(1 - truth.mean(), abs=0.08)


def test_the_donor_fits_in_its_part_and_is_refused_for_the_rest(album):
    pytest.importorskip("cv2")
    index, _ = album
    fake, donor = read_image(index["path"][0]), read_image(index["path"][2])
    transform, inliers = twins.align(donor, fake)
    assert inliers > 20 and transform == pytest.approx(TURNED, abs=2)  # keypoints alone do not tell
    known = twins.covered(transform, donor.shape, fake.shape)
    compared = twins.compare(fake, twins.aligned(donor, transform, fake.shape), known)
    assert twins.agreement(compared)[1] < 0.1
    for alone in ("real_donor", "real_stranger"):
        assert twins.find_twins(index, paired(("fake", alone))).empty


def test_truth_lies_on_the_same_region_of_both_files(album):
    pytest.importorskip("cv2")
    index, truth = album
    row = twins.find_twins(index, paired(("fake", "real_base"))).iloc[0]
    (edited, known), (on_twin, known_on_twin) = found = twins.truth_of(row)
    for side in found:
        assert (side.rest.edited ^ side.edited == side.known).all() and side.rest.known is side.known
    inside = truth & known
    assert iou(edited, inside) > 0.75  # the drift of tones is no edit, or most of the frame would be one
    assert not (edited & ~known).any() and not (on_twin & ~known_on_twin).any()
    y, x = np.mgrid[:SIDE, :SIDE]
    there = matrix(TURNED) @ np.stack([x.ravel(), y.ravel(), np.ones(x.size)])
    column, line = (np.rint(c).astype(int).reshape(SIDE, SIDE) for c in there[:2])
    within = (column >= 0) & (column < SIDE) & (line >= 0) & (line < SIDE)
    expected = within & edited[line.clip(0, SIDE - 1), column.clip(0, SIDE - 1)]
    assert iou(on_twin, expected) > 0.98


def test_a_plain_difference_would_have_marked_the_drift(album):
    """The reason why detail is compared: the wrong method must fail where ours passes."""
    index, truth = album
    fake, base = read_image(index["path"][0]), read_image(index["path"][1])
    there = twins.aligned(base, TURNED, fake.shape)
    known = twins.covered(TURNED, base.shape, fake.shape)
    plain = ndimage.gaussian_filter(np.abs(fake.astype(float) - there).mean(axis=2), 2)
    spread = np.median(np.abs(plain[known] - np.median(plain[known])))
    by_difference = known & (plain > np.median(plain[known]) + 2 * spread)
    assert iou(by_difference, truth & known) < 0.6 < iou(twins.edit_mask(fake, there, known), truth & known)


def test_aligned_pixels_are_where_the_transform_says():
    photo = scene(4)
    still = seen(photo, STILL)
    there, known = twins.aligned(still, TURNED, still.shape), twins.covered(TURNED, still.shape, still.shape)
    apart = np.abs(there.astype(int) - seen(photo, TURNED))[known]
    half = np.abs(there.astype(int) - seen(photo, TURNED._replace(tx=TURNED.tx + 0.5)))[known]
    assert apart.mean() < 0.5 * half.mean()  # half a pixel off would show
    assert 0.8 < known.mean() < 0.95 and not known[0, 0]


def test_half_a_pixel_is_told_from_none():
    """Few keypoints err by tenths of a pixel; the pixels themselves decide."""
    pytest.importorskip("cv2")
    photo = scene(5)
    still, half = seen(photo, STILL), seen(photo, Similarity(1, 0, 0.5, 0))
    fake = np.where(patch()[..., None], seen(scene(14), STILL), still)
    assert twins.align(still, fake)[0] == STILL
    assert twins.align(half, fake)[0] == pytest.approx((1, 0, -0.5, 0), abs=0.1)


def test_a_quarter_turn_moves_every_pixel_to_its_place():
    pixels, quarter = scene(15)[:SIDE, :SIDE], Similarity(0, 1, SIDE - 1, 0)
    turned = twins.aligned(pixels, quarter, pixels.shape)
    assert (turned[2:-2, 2:-2] == np.rot90(pixels, -1)[2:-2, 2:-2]).all()
    assert (twins.on_twin(np.rot90(patch(), -1), quarter, pixels.shape) == patch()).all()


def test_a_twin_that_does_not_move_keeps_its_pixels():
    pixels = seen(scene(5), STILL)
    near, far = Similarity(1, 0, 0.05, -0.05), Similarity(1, 0, 0.3, 0)
    assert twins.aligned(pixels, near, pixels.shape) is pixels and twins.same_grid(near, pixels.shape, pixels.shape)
    assert twins.covered(near, pixels.shape, pixels.shape).all()
    assert (twins.aligned(pixels, far, pixels.shape) != pixels).any()
    scaled = Similarity(1.001, 0, 0, 0)  # no shift, but the far corner moves
    assert not twins.same_grid(scaled, pixels.shape, pixels.shape)
    assert not twins.same_grid(STILL, pixels.shape, (SIDE, SIDE + 8, 3))  # another size, another last block


def test_the_way_back():
    points = np.array([(0, 0, 1), (300, 0, 1), (17, 211, 1)]).T
    there = matrix(TURNED) @ points
    assert matrix(TURNED.inverse()) @ there == pytest.approx(points, abs=1e-9)
    moved = np.hypot(*(matrix(TURNED) @ np.array([(0, 0, 1), (99, 0, 1), (0, 49, 1), (99, 49, 1)]).T
                       - np.array([(0, 0, 1), (99, 0, 1), (0, 49, 1), (99, 49, 1)]).T)[:2])  # fmt: skip
    assert TURNED.farthest((50, 100, 3)) == pytest.approx(moved.max())


def test_two_people_cut_from_one_photograph_are_no_twins(tmp_path):
    pytest.importorskip("cv2")
    wide = scene(6, 2 * SIDE)
    index = save(tmp_path, fake=wide[:SIDE, :SIDE], real=wide[100 : 100 + SIDE, 180 : 180 + SIDE])
    transform, inliers = twins.align(*(read_image(path) for path in index["path"][::-1]))
    assert inliers > 50 and transform == pytest.approx((1, 0, 180, 100), abs=0.2)  # what they share fits well
    assert twins.find_twins(index, paired(("fake", "real"))).empty


def test_two_white_backgrounds_prove_nothing():
    one, two = (np.full((SIDE, SIDE, 3), 250, np.uint8) for _ in range(2))
    one[90:210, 90:210], two[90:210, 90:210] = scene(7)[:120, :120], scene(8)[:120, :120]
    one[5:20, 5:20] = two[5:20, 5:20] = scene(9)[:15, :15]  # the same mark in a corner is not enough
    agree, along_frame = twins.agreement(twins.compare(one, two))
    assert agree < 0.5 and np.isnan(along_frame)


def test_a_fake_in_which_nothing_was_edited(tmp_path):
    pytest.importorskip("cv2")
    photo = scene(9)
    index = save(tmp_path, fake=seen(photo, TURNED), real=seen(photo, STILL))
    row = twins.find_twins(index, paired(("fake", "real"))).iloc[0]
    assert row["mask_area"] == 0 and row["agree"] > 0.95 and not twins.truth_of(row).fake.edited.any()


def test_of_two_twins_the_more_alike_is_kept(tmp_path):
    pytest.importorskip("cv2")
    photo, other = seen(scene(10), STILL), seen(scene(11), STILL)
    fake = np.where(patch()[..., None], other, photo)
    worse = np.where(patch(middle=(0.5, 0.3))[..., None], other[::-1], photo)
    index = save(tmp_path, fake=fake, real_a=worse, real_b=photo)
    both = paired(("fake", "real_a"), ("fake", "real_b"), ("real_b", "fake"))
    assert list(twins.find_twins(index, both)["twin"]) == ["real_b"]
    assert list(twins.find_twins(index, both[:1])["twin"]) == ["real_a"]  # it would have done, alone


def test_large_images_are_compared_at_the_working_resolution_and_specks_are_dropped():
    photo, other = (np.asarray(Image.fromarray(scene(seed)).resize((601, 599))) for seed in (12, 13))
    truth = np.asarray(Image.fromarray(patch()).resize((601, 599)))
    fake = np.where(truth[..., None], other, photo)
    fake[20:26, 20:26] = 255 - fake[20:26, 20:26]  # a speck
    mask = twins.edit_mask(fake, photo)
    assert mask.shape == (599, 601) and iou(mask, truth) > 0.8 and not mask[:60, :60].any()
    known = np.ones(mask.shape, bool)
    known[:, :320] = False
    half = twins.edit_mask(fake, np.where(known[..., None], photo, 0), known)
    assert not half[:, :320].any() and iou(half, truth & known) > 0.75  # the blackness beyond does not leak in


def test_what_a_seam_surrounds_belongs_to_the_edit():
    photo, seam = scene(16)[:SIDE, :SIDE], patch() & ~patch(radius=0.12)
    mask = twins.edit_mask(np.where(seam[..., None], scene(17)[:SIDE, :SIDE], photo), photo)
    assert iou(mask, patch()) > 0.75


def test_images_of_two_sizes_are_refused():
    with pytest.raises(ValueError, match="align the twin first"):
        twins.edit_mask(np.zeros((40, 40, 3), np.uint8), np.zeros((40, 41, 3), np.uint8))


def test_blank_images_have_no_keypoints_and_no_twin(tmp_path):
    pytest.importorskip("cv2")
    blank = np.full((64, 64, 3), 90, np.uint8)
    index = save(tmp_path, fake=blank, real=blank)
    assert twins.align(blank, blank) is None
    found = twins.find_twins(index, paired(("fake", "real")))
    assert found.empty and {"fake_path", "twin_path", "inliers", "agree", "a", "mask_area"} <= set(found)
    assert twins.find_twins(index, paired()).empty


def test_without_opencv_masks_are_made_and_twins_ask_for_it(album, monkeypatch):
    monkeypatch.setitem(sys.modules, "cv2", None)
    index, truth = album
    with pytest.raises(ImportError, match="opencv-python-headless"):
        twins.find_twins(index, paired(("fake", "real_base")))
    fake, base = read_image(index["path"][0]), read_image(index["path"][1])
    known = twins.covered(TURNED, base.shape, fake.shape)
    assert iou(twins.edit_mask(fake, twins.aligned(base, TURNED, fake.shape), known), truth & known) > 0.6


def test_the_table_is_kept_and_read_by_another_copy(album, tmp_path, monkeypatch):
    pytest.importorskip("cv2")
    index, _ = album
    pairs, cache = paired(("fake", "real_base"), ("fake", "real_donor")), tmp_path / "cache"
    first = twins.cached_twins(index, pairs, cache)
    monkeypatch.setattr(twins, "find_twins", lambda *_: pytest.fail("searched again"))
    pd.testing.assert_frame_equal(first, twins.cached_twins(index, pairs, cache))
    moved = tmp_path / "moved"
    moved.mkdir()
    for path in index["path"]:
        (moved / Path(path).name).write_bytes(Path(path).read_bytes())
    elsewhere = index.assign(path=[str(moved / Path(path).name) for path in index["path"]])
    assert list(twins.cached_twins(elsewhere, pairs, cache)["fake_path"]) == [str(moved / "fake.jpg")]
    with pytest.raises(pytest.fail.Exception, match="searched again"):
        twins.cached_twins(index, pairs[:1], cache)


def test_a_full_disk_leaves_no_half_table(album, tmp_path, full_disk):
    pytest.importorskip("cv2")
    index, _ = album
    full_disk()
    with pytest.raises(OSError, match="no space"):
        twins.cached_twins(index, paired(("fake", "real_base")), tmp_path / "cache")
    assert not any((tmp_path / "cache").iterdir())
