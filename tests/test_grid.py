"""The grid: every cell the detector's own scores of the perturbed images, computed once, kept whole or not at all."""

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("keras")

from fakeface_utils.datasets import perturb
from fakeface_utils.datasets.perturb import PERTURBATIONS
from fakeface_utils.datasets.pipeline import Rows
from fakeface_utils.evaluation import grid
from fakeface_utils.evaluation.grid import UNCHANGED, score_grid

N = 7
TABLE = {name: PERTURBATIONS[name] for name in ("noise", "brightness")}


@pytest.fixture
def images() -> np.ndarray:
    coarse = np.random.default_rng(0).integers(0, 256, (N, 4, 4, 3), dtype=np.uint8)
    return coarse.repeat(4, axis=1).repeat(4, axis=2)


class Interrupted(BaseException):
    """As a KeyboardInterrupt, which would end the tests."""


class Detector:
    """Scores that no two images share, and a note of what was asked."""

    def __init__(self, last: int | None = None):
        self.sizes, self.last = [], last

    def __call__(self, batch: np.ndarray) -> np.ndarray:
        if self.last is not None and sum(self.sizes) + len(batch) > self.last:
            raise Interrupted
        assert batch.dtype == np.uint8 and batch.ndim == 4
        self.sizes.append(len(batch))
        return score(batch)


def score(batch: np.ndarray) -> np.ndarray:
    return (batch * np.linspace(0, 1, batch[0].size).reshape(batch[0].shape)).mean(axis=(1, 2, 3))


def one_by_one(images, table=TABLE) -> dict:
    cells = {UNCHANGED: images}
    for name, asked in table.items():
        for strength in asked.strengths:
            cells[name, strength] = np.stack([asked(image, strength) for image in images])
    return {cell: score(changed) for cell, changed in cells.items()}


def assert_same(found: dict, wanted: dict) -> None:
    assert list(found) == list(wanted)
    for cell, scores in wanted.items():
        assert found[cell].shape == (N,) and found[cell].dtype == np.float64
        np.testing.assert_allclose(found[cell], scores, rtol=1e-12)


@pytest.mark.parametrize("batch_size", [1, 3, 7, 64])
def test_every_cell_holds_the_scores_of_its_images_whatever_the_batch(images, tmp_path, batch_size):
    detector = Detector()
    assert_same(
        score_grid(detector, images, tmp_path, detector_key="a", table=TABLE, batch_size=batch_size),
        one_by_one(images),
    )
    assert sum(detector.sizes) == 11 * N and max(detector.sizes) == min(batch_size, N)  # memory: one batch


def test_a_second_call_asks_nothing(images, tmp_path):
    first = score_grid(Detector(), images, tmp_path, detector_key="a", table=TABLE)
    assert_same(score_grid(Detector(last=0), images, tmp_path, detector_key="a", table=TABLE), first)
    more = TABLE | {"blur": PERTURBATIONS["blur"]}
    detector = Detector()
    found = score_grid(detector, images, tmp_path, detector_key="a", table=more)
    assert_same(found, one_by_one(images, more))
    assert sum(detector.sizes) == 5 * N  # only what is new


def test_what_was_interrupted_loses_one_cell(images, tmp_path):
    with pytest.raises(Interrupted):
        score_grid(Detector(last=3 * N + 4), images, tmp_path, detector_key="a", table=TABLE, batch_size=2)
    assert len(list(tmp_path.rglob("*.npy"))) == 3
    detector = Detector()
    assert_same(
        score_grid(detector, images, tmp_path, detector_key="a", table=TABLE, batch_size=2), one_by_one(images)
    )
    assert sum(detector.sizes) == 8 * N


def test_another_detector_other_images_or_another_change_are_computed_anew(images, tmp_path, monkeypatch):
    score_grid(Detector(), images, tmp_path, detector_key="a", table=TABLE)

    def asked(key="a", shown=images, table=TABLE) -> int:
        detector = Detector()
        found = score_grid(detector, shown, tmp_path, detector_key=key, table=table)
        assert_same(found, one_by_one(shown, table))
        return sum(detector.sizes)

    assert asked() == 0
    assert asked(key="b") == 11 * N
    other = images.copy()
    other[-1, -1, -1, -1] ^= 1
    assert asked(shown=other) == 11 * N
    assert asked(shown=images[::-1]) == 11 * N
    darker = replace(TABLE["brightness"], change=lambda pixels, levels: perturb.brighten(pixels, -levels))
    assert asked(table={"brightness": darker}) == 5 * N  # the same name and strengths
    weaker = replace(TABLE["brightness"], strengths=(15, 31))
    assert asked(table={"brightness": weaker}) == N
    monkeypatch.setattr(perturb, "VERSION", -1)
    assert asked() == 11 * N
    monkeypatch.setattr(grid, "VERSION", -1)
    assert asked() == 11 * N


def test_cells_that_leave_the_first_image_alike_stay_apart(images, tmp_path):
    def some(pixels, levels):
        return pixels if np.array_equal(pixels, images[0]) else perturb.brighten(pixels, levels)

    table = {
        name: replace(TABLE["brightness"], change=some, strengths=(s, s + 9)) for name, s in (("a", 5), ("b", 7))
    }
    assert_same(score_grid(Detector(), images, tmp_path, detector_key="a", table=table), one_by_one(images, table))


def test_a_damaged_file_is_computed_again(images, tmp_path):
    score_grid(Detector(), images, tmp_path, detector_key="a", table=TABLE)
    first, second, third, *_ = sorted(tmp_path.rglob("*.npy"))
    first.write_bytes(first.read_bytes()[:90])
    second.write_bytes(b"")
    np.save(third, np.zeros(N - 1))
    detector = Detector()
    assert_same(score_grid(detector, images, tmp_path, detector_key="a", table=TABLE), one_by_one(images))
    assert sum(detector.sizes) == 3 * N


def test_images_may_be_rows_or_a_list_and_scores_a_column(images, tmp_path):
    wanted = one_by_one(images)
    for key, shown in (("rows", Rows(np.concatenate([images, images]), np.arange(N) + N)), ("list", list(images))):
        found = score_grid(lambda x: score(x)[:, None], shown, tmp_path, detector_key=key, table=TABLE)
        assert_same(found, wanted)


def test_a_detector_of_another_process_waits_for_its_turn(images, tmp_path, monkeypatch):
    """Whoever asks while a cell is computed takes it from there."""
    from fakeface_utils.training import store

    plain, entered = store.lock, []

    def late(folder, *args):
        if not entered:
            entered.append(1)
            score_grid(Detector(), images, tmp_path, detector_key="a", table=TABLE)  # the other was first
        return plain(folder, *args)

    monkeypatch.setattr(store, "lock", late)
    detector = Detector()
    assert_same(score_grid(detector, images, tmp_path, detector_key="a", table=TABLE), one_by_one(images))
    assert not detector.sizes


@pytest.mark.parametrize(
    ("detector", "said"),
    [
        (lambda x: score(x)[:-1], r"none at 0: .* shape \(6,\) for 7 images"),
        (lambda x: np.stack([score(x)] * 2, axis=1), r"shape \(7, 2\) for 7 images"),
        (lambda x: np.where(x[:, 0, 0, 0] > 127, np.nan, 0.5), "[1-7] of them not finite"),
    ],
)
def test_a_detector_that_gives_no_scores_is_named(images, tmp_path, detector, said):
    with pytest.raises(ValueError, match=said):
        score_grid(detector, images, tmp_path, detector_key="a", table=TABLE)
    assert not list(tmp_path.rglob("*.npy"))


def test_the_cell_in_which_it_breaks_is_named(images, tmp_path):
    with pytest.raises(ValueError, match=r"^brightness at 80: "):
        score_grid(
            lambda x: np.where((x.min(axis=(1, 2, 3)) >= 80), np.inf, 0.0),
            np.minimum(images, 100),
            tmp_path,
            detector_key="a",
            table={"brightness": TABLE["brightness"]},
        )


def test_what_cannot_be_asked_is_refused(images, tmp_path):
    for key, shown, table in (
        ("", images, TABLE),
        ("a", images[:0], TABLE),
        ("a", images, {"none": TABLE["noise"]}),
    ):
        with pytest.raises(ValueError, match="need a key of the detector"):
            score_grid(Detector(), shown, tmp_path, detector_key=key, table=table)
    with pytest.raises(ValueError, match=r"image 7 is uint8 \(8, 8, 3\), the first is \(16, 16, 3\)"):
        score_grid(Detector(), [*images, images[0, :8, :8]], tmp_path, detector_key="a", table=TABLE)
    with pytest.raises(ValueError, match="takes uint8 images"):
        score_grid(Detector(), images.astype(np.float32), tmp_path, detector_key="a", table=TABLE)
    with pytest.raises(ValueError, match="expected uint8 RGB"):
        score_grid(Detector(), images[..., :1], tmp_path, detector_key="a", table=TABLE)


def test_reading_scores_loads_no_tensorflow():
    code = "import sys, fakeface_utils.evaluation.robustness, fakeface_utils.datasets.crops\n"
    code += "assert not {'tensorflow', 'keras'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
