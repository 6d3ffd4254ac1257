"""The testbed: is the planted truth there, and is nothing else?"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import asdict, fields, replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image, JpegImagePlugin
from scipy import ndimage
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from fakeface_utils.datasets import layouts, testbed
from fakeface_utils.datasets.testbed import SampleSpec, Truths, sample
from fakeface_utils.datasets.testbed.attributes import CHOICES

SMALL = SampleSpec("140k", 60, 64, seed=5)


def draw(dest: Path, spec: SampleSpec, workers: int = 1) -> Path:
    return testbed.make_sample(dest, spec, workers=workers)


def pixels(root: Path, table: pd.DataFrame) -> np.ndarray:
    return np.stack([np.asarray(Image.open(root / path)) for path in table.path])


def auc(features: np.ndarray, label: np.ndarray, strength: float = 0.01) -> float:
    """Out-of-fold AUC of a standardised logistic regression."""
    model = make_pipeline(StandardScaler(), LogisticRegression(C=strength, max_iter=300))
    score = cross_val_predict(model, features, label, cv=5, method="decision_function")
    return float(roc_auc_score(label, score))


def metadata(root: Path, table: pd.DataFrame) -> np.ndarray:
    """What a file tells without its pixels being looked at."""
    rows = []
    for path in table.path:
        with Image.open(root / path) as image:
            tables = image.quantization
            shape = [*image.size, JpegImagePlugin.get_sampling(image), len(image.info), len(image.getexif())]
            rows.append([(root / path).stat().st_size, *shape, *(sum(tables[k]) for k in sorted(tables))])
    return np.array(rows, float)


def spectrum(images: np.ndarray, bins: int = 16) -> np.ndarray:
    grey = images.astype(np.float32).mean(axis=3)
    power = np.log1p(
        np.abs(np.fft.fftshift(np.fft.fft2(grey - grey.mean(axis=(1, 2), keepdims=True)), axes=(1, 2)))
    )
    step = power.shape[1] // bins
    return power.reshape(len(images), bins, step, bins, step).mean(axis=(2, 4)).reshape(len(images), -1)


def grey_pixels(images: np.ndarray, edge: int = 16) -> np.ndarray:
    grey = images.astype(np.float32).mean(axis=3)
    step = grey.shape[1] // edge
    return grey.reshape(len(grey), edge, step, edge, step).mean(axis=(2, 4)).reshape(len(grey), -1)


def contents(root: Path) -> dict[str, str]:
    return {
        str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(root.rglob("*"))
        if path.is_file()
    }


@pytest.fixture(scope="module")
def large(tmp_path_factory):
    """1,000 + 1,000 at 128 px: at 256 px the same figures come out, in five times the time."""
    root = draw(tmp_path_factory.mktemp("large") / "s", SampleSpec("140k", 2000, 128, seed=1), workers=2)
    return root, testbed.load_attributes(root)


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    root = draw(tmp_path_factory.mktemp("small") / "s", SMALL)
    return root, testbed.load_attributes(root)


@pytest.fixture(scope="module")
def yonsei(tmp_path_factory):
    root = draw(tmp_path_factory.mktemp("yonsei") / "s", SampleSpec("yonsei", 60, 256, seed=3), workers=2)
    return root, testbed.load_attributes(root)


@pytest.fixture
def variant(tmp_path):
    """Draw the small sample again with other truths; returns its root, table and pixel hashes by path."""

    def make(**truths):
        root = draw(tmp_path / "v", replace(SMALL, truths=Truths(**truths)))
        return root, testbed.load_attributes(root), hashes(root)

    return make


def hashes(root: Path) -> dict[str, str]:
    files = json.loads((root / "testbed/manifest.json").read_text())["files"]
    return {entry["name"]: entry["pixels_sha256"] for entry in files if "pixels_sha256" in entry}


# --- portraits -------------------------------------------------------------------------------------------------


def test_same_seed_same_pixels_on_every_machine():
    """When this fails on purpose, raise `sample.VERSION` and pin the new digest."""
    seen = hashlib.sha256()
    held = ({}, {"hat": "hat"}, {"hat": "hood"}, {"glasses": "dark"}, {"obstruction": "scarf"}, {"hair": "curly"})
    for seed, fixed in enumerate(held):
        rng = np.random.default_rng(seed)
        linear = testbed.portrait(testbed.draw_attributes(rng, **fixed), 64)
        seen.update(testbed.photograph(linear, rng).tobytes() + testbed.generate(linear, rng).tobytes())
    assert seen.hexdigest()[:16] == "3e8692e63a3427c0"


@pytest.mark.parametrize("size", [16, 24, 33, 64])
def test_portraits_are_drawn_at_any_size(size):
    for seed in range(12):
        linear = testbed.portrait(testbed.draw_attributes(np.random.default_rng(seed)), size)
        assert linear.shape == (size, size, 3) and linear.dtype == np.float32
        assert np.isfinite(linear).all() and linear.min() >= 0 and linear.max() <= 1
        assert linear.std() > 0.02


def test_a_held_attribute_changes_nothing_else():
    free = testbed.draw_attributes(np.random.default_rng(8))
    held = testbed.draw_attributes(np.random.default_rng(8), glasses="dark")
    assert held == replace(free, glasses="dark") and held != replace(free, glasses="none")
    plain, dark = (testbed.portrait(replace(free, glasses=g), 64) for g in ("none", "dark"))
    eyes, rest = plain[24:36, 18:46] - dark[24:36, 18:46], plain[46:] - dark[46:]
    assert eyes.mean() > 0.03 and not rest.any()
    for bad in ({"glasses": "pink"}, {"moustache": True}):
        with pytest.raises(ValueError):
            testbed.draw_attributes(np.random.default_rng(8), **bad)


def test_attributes_are_about_as_frequent_as_promised(large):
    _, table = large
    for name, value, share in (
        ("glasses", "clear", 0.20),
        ("glasses", "dark", 0.10),
        ("hat", "hat", 0.10),
        ("hat", "hood", 0.07),
        ("obstruction", "none", 0.92),
    ):
        assert abs((table[name] == value).mean() - share) < 0.025, (name, value)
    assert set(table.background) == {"plain", "gradient", "dark", "bokeh", "textured"}


def test_a_face_detector_finds_the_faces():
    cv2 = pytest.importorskip("cv2")
    if not hasattr(cv2, "CascadeClassifier"):
        pytest.skip("this OpenCV has no cascade classifier")
    cascade = cv2.CascadeClassifier(cv2.data.haarcascades + "haarcascade_frontalface_default.xml")
    found = []
    for seed in range(150):
        rng = np.random.default_rng([11, seed])
        linear = testbed.portrait(testbed.draw_attributes(rng, obstruction="none"), 256)
        photo = (testbed.photograph, testbed.generate)[seed % 2](linear, rng)
        boxes = cascade.detectMultiScale(cv2.cvtColor(photo, cv2.COLOR_RGB2GRAY), 1.1, 3)
        # A face, not a button: its box must hold the middle of the picture and be a fair part of it.
        found.append(any(x < 128 < x + w and y < 140 < y + h and w > 80 for x, y, w, h in boxes))
    assert np.mean(found) >= 0.90


# --- the 140k layout -------------------------------------------------------------------------------------------


def test_number_of_workers_does_not_matter(small, tmp_path):
    assert contents(draw(tmp_path / "two", SMALL, workers=2)) == contents(small[0])


def test_layout_of_the_140k_set(small):
    root, table = small
    assert sorted(p.name for p in root.iterdir()) == [
        "real_vs_fake",
        "test.csv",
        "testbed",
        "train.csv",
        "valid.csv",
    ]
    on_disk = sorted(str(p.relative_to(root)) for p in root.rglob("*.jpg"))
    assert on_disk == sorted(table.path) and len(on_disk) == 60
    pattern = r"real_vs_fake/real-vs-fake/(train|valid|test)/(real/\d{5}|fake/[0-9A-Z]{10})\.jpg"
    assert all(re.fullmatch(pattern, path) for path in table.path)
    counts = table.groupby(["split", "label"]).size().to_dict()
    assert counts == {
        (split, label): n for split, n in (("train", 21), ("valid", 5), ("test", 4)) for label in (0, 1)
    }
    kaggle = pd.read_csv(root / "train.csv", dtype={"id": str})
    assert list(kaggle.columns) == ["Unnamed: 0", "original_path", "id", "label", "label_str", "path"]
    train = table[table.split == "train"]
    assert ("real_vs_fake/real-vs-fake/" + kaggle.path).tolist() == train.path.tolist()
    assert kaggle.label.tolist() == (1 - train.label).tolist()  # Kaggle: real is 1; ours: fake is 1
    assert all(Image.open(root / path).size == (64, 64) for path in table.path)
    assert {field.name for field in fields(testbed.Attributes)} <= set(table.columns)


def test_manifest_names_every_file(small):
    root, _ = small
    manifest = json.loads((root / "testbed/manifest.json").read_text())
    listed = {entry["name"]: entry["sha256"] for entry in manifest["files"]}
    assert listed == {name: digest for name, digest in contents(root).items() if name.endswith(".jpg")}
    assert manifest["spec"]["seed"] == 5 and manifest["version"] == sample.VERSION


def test_metadata_says_nothing_and_the_spectrum_does(large):
    root, table = large
    known, label = metadata(root, table), table.label.to_numpy()
    assert len(label) == 2000 and label.sum() == 1000
    assert abs(roc_auc_score(label, known[:, 0]) - 0.5) <= 0.05
    assert abs(auc(known, label) - 0.5) <= 0.05
    assert (known[:, 1:] == known[0, 1:]).all()
    assert auc(spectrum(pixels(root, table)), label) >= 0.8


def test_null_set_holds_nothing(tmp_path):
    root = draw(tmp_path / "null", SampleSpec("140k", 1200, 64, seed=2, truths=Truths(null=True)), workers=2)
    table = testbed.load_attributes(root)
    label, images = table.label.to_numpy(), pixels(root, table)
    assert not table.trace.any()
    for features in (metadata(root, table), spectrum(images), grey_pixels(images)):
        assert abs(auc(features, label, 0.001) - 0.5) <= 0.05


# --- switches: each does what it says and nothing else ----------------------------------------------------------


def test_generator_off_leaves_the_camera(small, variant):
    _, table, after = variant(generator=False)
    before = hashes(small[0])
    same = np.array([before[path] == after[path] for path in table.path])
    assert (same == (table.label == 0)).all()
    rng = np.random.default_rng([SMALL.seed, 1, 59])
    photo = testbed.photograph(testbed.portrait(testbed.draw_attributes(rng), 64), rng)
    assert hashlib.sha256(photo.tobytes()).hexdigest() == after[table.path.iloc[59]]


def test_tone_shift_moves_the_fakes_alone(small, variant):
    root, table, after = variant(tone_shift=6)
    before = hashes(small[0])
    real = table.label == 0
    assert all(before[path] == after[path] for path in table.path[real])
    gap = pixels(root, table[~real]).astype(int) - pixels(small[0], table[~real])
    assert abs(gap.mean() - 6) < 0.5 and abs(np.median(gap, axis=(1, 2, 3)) - 6).max() <= 1


def test_checkerboard_is_for_convolutions(tmp_path):
    truths = Truths(checkerboard=10, generator=False)
    root = draw(tmp_path / "c", SampleSpec("140k", 800, 64, seed=4, truths=truths), workers=2)
    plain = draw(
        tmp_path / "p", SampleSpec("140k", 800, 64, seed=4, truths=replace(truths, checkerboard=0)), workers=2
    )
    table = testbed.load_attributes(root)
    label, images, without = table.label.to_numpy(), pixels(root, table), pixels(plain, table)
    assert (images[label == 0] == without[label == 0]).all()
    gap = images[label == 1].astype(float) - without[label == 1]
    assert abs(gap.mean()) < 0.15  # no tone shift
    assert abs(gap.mean(axis=(0, 3))).max() < 2  # and no pixel that has it more often than not
    grey = images.astype(np.float32).mean(axis=3)
    assert abs(auc(grey.reshape(len(grey), -1)[:, ::3], label, 0.0005) - 0.5) <= 0.06
    # One 4 x 4 filter, rectified and averaged, as a small conv net would have it.
    square = np.kron([[1, -1], [-1, 1]], np.ones((2, 2)))
    windows = np.lib.stride_tricks.sliding_window_view(grey, (4, 4), axis=(1, 2))
    response = np.abs(np.einsum("nijkl,kl->nij", windows, square)).mean(axis=(1, 2))
    assert roc_auc_score(label, response) > 0.9


def test_glasses_hide_the_trace(small, variant):
    _, table, after = variant(glasses_hide=True)
    before = hashes(small[0])
    hidden = (table.label == 1) & (table.glasses != "none")
    assert 3 <= hidden.sum() < 30
    assert (table.trace == ((table.label == 1) & ~hidden)).all()
    same = np.array([before[path] == after[path] for path in table.path])
    assert (same == ~hidden).all()


def test_fake_table_changes_the_table_and_no_pixel(small, variant):
    root, table, after = variant(fake_table=0.5)
    assert after == hashes(small[0])
    odd = np.array(
        [Image.open(root / path).quantization != Image.open(small[0] / path).quantization for path in table.path]
    )
    assert odd.sum() == 15 and (odd == table.other_table).all() and not odd[table.label == 0].any()


def test_duplicates_straddle_splits(tmp_path):
    spec = replace(SMALL, n_images=80, truths=Truths(duplicates=4))
    root = draw(tmp_path / "d", spec)
    table = testbed.load_attributes(root).set_index("path")
    twins = table[table.duplicate_of != ""]
    assert twins["copy"].tolist().count("exact") == 2 and twins["copy"].tolist().count("re-encoded") == 2
    for path, row in twins.iterrows():
        first = table.loc[row.duplicate_of]
        assert first.split != row.split and first.label == row.label and first.duplicate_of == ""
        a, b = (root / row.duplicate_of).read_bytes(), (root / path).read_bytes()
        assert (a == b) == (row["copy"] == "exact")
        gap = np.asarray(Image.open(root / path)).astype(int) - np.asarray(Image.open(root / row.duplicate_of))
        assert abs(gap).mean() < 6
    assert len(set(hashes(root).values())) == len(table) - 2
    plain = contents(draw(tmp_path / "p", replace(spec, truths=Truths())))
    changed = {name for name, digest in contents(root).items() if name.endswith(".jpg") and plain[name] != digest}
    assert changed == set(twins.index)


# --- the Yonsei layout -----------------------------------------------------------------------------------------


def test_layout_of_the_yonsei_set(yonsei):
    _, table = yonsei
    assert table.kind.value_counts().to_dict() == {"real": 32, "mid": 14, "easy": 7, "hard": 7}
    pattern = r"real_and_fake_face/(training_real/real_\d{5}|training_fake/(easy|mid|hard)_\d+_[01]{4})\.jpg"
    assert all(re.fullmatch(pattern, path) for path in table.path)
    fakes = table[table.label == 1]
    assert (fakes.parts == [path[-8:-4] for path in fakes.path]).all() and "0000" not in set(fakes.parts)
    assert (fakes.kind == [Path(path).name.split("_")[0] for path in fakes.path]).all()
    assert (table[table.label == 0].parts == "").all()


def test_full_yonsei_plan_has_the_original_counts():
    rows = pd.DataFrame(sample.plan(SampleSpec("yonsei", 2041)))
    assert rows.kind.value_counts().to_dict() == {"real": 1081, "mid": 480, "easy": 240, "hard": 240}
    assert (rows.base != "").sum() == 240


def test_masks_and_twins(yonsei):
    root, table = yonsei
    inside, outside = [], []
    for row in table[table.label == 1].itertuples():
        stem = Path(row.path).stem
        mask = np.asarray(Image.open(root / f"testbed/masks/{stem}.png"))
        assert mask.shape == (256, 256) and set(np.unique(mask)) == {0, 255}
        fake, twin = (
            np.asarray(Image.open(p)).astype(int) for p in (root / row.path, root / f"testbed/twins/{stem}.jpg")
        )
        # JPEG codes colour in blocks of 16 x 16 pixels and smooths it one pixel beyond them when it decodes.
        near = np.kron(mask.reshape(16, 16, 16, 16).max(axis=(1, 3)), np.ones((16, 16))) > 0
        near = ndimage.binary_dilation(near, np.ones((3, 3)))
        gap = np.abs(fake - twin).mean(axis=2)
        outside.append(gap[~near].max())
        inside.append(gap[mask > 0].mean())
        left, right = mask[60:150, :100].any(), mask[60:150, 156:].any()
        assert (left, right) == (row.parts[0] == "1", row.parts[1] == "1") or abs(row.yaw) > 6 or abs(row.roll) > 3
    assert max(outside) == 0  # the same photo through the same JPEG
    assert min(inside) > 1 and np.mean(inside) > 4


def test_harder_fakes_match_better(yonsei):
    root, table = yonsei
    gap = {"easy": [], "hard": []}
    for row in table[table.kind.isin(list(gap))].itertuples():
        stem = Path(row.path).stem
        mask = np.asarray(Image.open(root / f"testbed/masks/{stem}.png")) > 0
        fake, twin = (
            np.asarray(Image.open(p)).astype(float) for p in (root / row.path, root / f"testbed/twins/{stem}.jpg")
        )
        gap[row.kind].append(np.abs((fake - twin)[mask]).mean())
    assert np.mean(gap["easy"]) > 1.3 * np.mean(gap["hard"])


def test_shared_bases_are_the_real_photos(yonsei):
    root, table = yonsei
    shared = table[table.base != ""]
    assert len(shared) == round(0.25 * (table.label == 1).sum())
    for row in shared.itertuples():
        twin = root / f"testbed/twins/{Path(row.path).stem}.jpg"
        assert twin.read_bytes() == (root / row.base).read_bytes()
    others = table[(table.label == 1) & (table.base == "")]
    real = {(root / path).read_bytes() for path in table.path[table.label == 0]}
    assert not any((root / f"testbed/twins/{Path(path).stem}.jpg").read_bytes() in real for path in others.path)


def test_yonsei_null_set_replaces_nothing(tmp_path):
    root = draw(tmp_path / "n", SampleSpec("yonsei", 20, 64, truths=Truths(null=True)))
    table = testbed.load_attributes(root)
    for path in table.path[table.label == 1]:
        stem = Path(path).stem
        assert (root / path).read_bytes() == (root / f"testbed/twins/{stem}.jpg").read_bytes()
        assert not np.asarray(Image.open(root / f"testbed/masks/{stem}.png")).any()
    assert (table.base == "").all() and not table.trace.any()


# --- files -----------------------------------------------------------------------------------------------------


def visible(folder):
    """What a user sees there: the lock beside a sample is hidden."""
    return sorted(path.name for path in folder.iterdir() if path.name != ".s.lock")


def test_an_interrupted_drawing_leaves_nothing(tmp_path, monkeypatch):
    calls = []

    def stop(*args):
        calls.append(args)
        if len(calls) == 5:
            raise KeyboardInterrupt
        return real(*args)

    real = sample._draw
    monkeypatch.setattr(sample, "_draw", stop)
    with pytest.raises(KeyboardInterrupt):
        draw(tmp_path / "s", SMALL)
    assert len(calls) == 5 and visible(tmp_path) == []
    (tmp_path / ".s.drawing" / "half").mkdir(parents=True)  # what a killed process would leave
    monkeypatch.undo()
    draw(tmp_path / "s", SMALL)
    assert visible(tmp_path) == ["s"] and not (tmp_path / ".s.drawing").exists()


def test_an_existing_sample_is_kept_or_replaced_on_demand(tmp_path):
    spec = SampleSpec("140k", 20, 16)
    root = draw(tmp_path / "s", spec)
    before = {p: p.stat().st_mtime_ns for p in root.rglob("*.jpg")}
    assert draw(root, spec) == root and before == {p: p.stat().st_mtime_ns for p in root.rglob("*.jpg")}
    with pytest.raises(FileExistsError, match="other settings"):
        draw(root, replace(spec, seed=1))
    testbed.make_sample(root, replace(spec, seed=1), workers=1, overwrite=True)
    assert not set(before) & set(root.rglob("*.jpg")) and visible(tmp_path) == ["s"]


def test_a_sample_of_an_older_kit_is_drawn_anew(tmp_path, monkeypatch):
    root = draw(tmp_path / "s", SampleSpec("140k", 20, 16))
    before = (root / sample.MANIFEST).read_text()
    assert testbed.is_current(root) and not testbed.is_current(tmp_path)
    monkeypatch.setattr(sample, "VERSION", sample.VERSION + 1)
    assert not testbed.is_current(root)
    draw(root, SampleSpec("140k", 20, 16))
    assert testbed.is_current(root) and (root / sample.MANIFEST).read_text() != before


def test_held_attributes_leave_one_person_and_one_attribute(tmp_path):
    one = asdict(testbed.draw_attributes(np.random.default_rng(3)))
    del one["background"]
    root = draw(tmp_path / "one", SampleSpec("140k", 240, 16, truths=Truths(held=tuple(one.items()))))
    table = testbed.load_attributes(root)
    assert (table[list(one)].nunique() == 1).all() and table.iloc[0][list(one)].to_dict() == pytest.approx(one)
    shares = table.groupby("label")["background"].value_counts(normalize=True).unstack()
    for kind, share in CHOICES["background"].items():  # of reals and of fakes
        assert (shares[kind] - share).abs().max() < 4 * np.sqrt(share * (1 - share) / 120)


def test_other_peoples_files_are_never_replaced(tmp_path):
    (tmp_path / "photo.jpg").write_bytes(b"x")
    for overwrite in (False, True):
        with pytest.raises(FileExistsError, match="not a testbed"):
            testbed.make_sample(tmp_path, SMALL, workers=1, overwrite=overwrite)
    assert (tmp_path / "photo.jpg").read_bytes() == b"x"


def test_attributes_of_something_else_are_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match="not a testbed"):
        testbed.load_attributes(tmp_path)


@pytest.mark.parametrize("layout", ["small", "yonsei"])
def test_the_attributes_of_an_index_are_in_its_order_under_its_labels(layout, request):
    root, table = request.getfixturevalue(layout)
    part = layouts.build_index(root).sample(frac=0.5, random_state=0)
    found, truth = testbed.attributes_of(part), table.set_index("path")
    assert len(part) == 30 and not part.index.is_monotonic_increasing
    assert found.index.equals(part.index) and list(found) == list(truth)
    assert found["label"].tolist() == part["label"].tolist() and set(part["label"]) == {0, 1}
    for label, path in part["path"].items():
        row = truth.loc[Path(path).relative_to(root).as_posix()]
        assert found.loc[label].to_dict() == row.to_dict()


def test_an_index_of_no_testbed_has_no_attributes(set_140k):
    with pytest.raises(FileNotFoundError, match="not a testbed"):
        testbed.attributes_of(layouts.build_index(set_140k))


@pytest.mark.parametrize(
    "truths",
    [
        {"null": True, "tone_shift": 3},
        {"null": True, "duplicates": 1},
        {"glasses_hide": True, "generator": False},
        {"tone_shift": 1.5},
        {"tone_shift": 65},
        {"checkerboard": -1},
        {"fake_table": 1.1},
        {"shared_base": -0.1},
        {"duplicates": -1},
        {"held": (("glases", "none"),)},
        {"held": (("glasses", "round"),)},
    ],
)
def test_bad_truths_are_rejected(truths):
    with pytest.raises(ValueError):
        Truths(**truths)


@pytest.mark.parametrize(
    "spec",
    [
        {"layout": "ffhq"},
        {"n_images": 10},
        {"size": 63},
        {"size": 8},
        {"seed": -1},
        {"shares": (0.5, 0.5, 0.5)},
        {"layout": "yonsei", "truths": Truths(checkerboard=4)},
        {"layout": "yonsei", "truths": Truths(held=(("hat", "none"),))},
        {"n_images": 40, "truths": Truths(duplicates=3)},
    ],
)
def test_bad_specs_are_rejected(spec):
    with pytest.raises(ValueError):
        SampleSpec(**spec)
    with pytest.raises(ValueError):
        testbed.make_sample(Path("never"), SampleSpec(), workers=0)
