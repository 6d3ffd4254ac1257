"""The equalised twin: what was in the files is gone, what is in the index stays, and nothing is half done."""

import os
import threading
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy.stats import chi2_contingency
from sklearn.metrics import roc_auc_score

from fakeface_utils.datasets import equalise, layouts, pixels, splits, testbed
from fakeface_utils.datasets.equalise import draw_quality, equalised
from fakeface_utils.forensics.metadata import IJG_LUMA, metadata_table
from fakeface_utils.forensics.shortcuts import out_of_fold_scores, probe_features
from tests.conftest import held, make_140k, save_image

BAND = 0.12  # round .5, for AUCs of 120 + 120 images: three standard errors of a probe that guesses


@pytest.fixture
def index(set_140k):
    return layouts.build_index(set_140k)


def contents(twin):
    """The twin's files by the name in the index."""
    return {name: Path(path).read_bytes() for name, path in zip(twin["name"], twin["path"], strict=True)}


def failing(monkeypatch, at, error):
    """From the save number ``at`` on, no file can be written; earlier ones can."""
    write, count, lock = equalise._write_whole, [0], threading.Lock()

    def some(path, content):
        with lock:
            count[0] += path.name != ".gitignore"
            if count[0] >= at:
                raise error
        write(path, content)

    monkeypatch.setattr(equalise, "_write_whole", some)


# --- the index


def test_only_paths_and_the_name_of_the_set_change(index, tmp_path):
    index = splits.with_split(index, "folder").assign(group=7).iloc[::-1]
    index.attrs["evidence"] = True
    before = index.copy()
    twin = equalised(index, tmp_path / "cache", 16)
    kept = ["name", "label", "split", "kind", "parts", "group"]
    assert twin[kept].equals(before[kept]) and list(twin.columns) == list(before.columns)
    assert index.equals(before)
    assert set(twin["set"]) == {"140k-part-equalised"}
    root = Path(twin.attrs["root"])
    assert root.parent == tmp_path / "cache"
    assert [Path(path).relative_to(root).as_posix() for path in twin["path"]] == list(twin["name"])
    assert twin.attrs["evidence"] and twin.attrs["layout"] == "140k"
    assert twin.attrs["equalised"] == {
        "size": 16,
        "qualities": (70, 95),
        "subsampling": "4:2:0",
        "resize": "area",
        "seed": 0,
    }
    np.testing.assert_array_equal(
        pixels.load_images(twin, 16), [np.asarray(Image.open(path)) for path in twin["path"]]
    )


def test_names_of_the_yonsei_kind_keep_their_parts(set_yonsei, tmp_path):
    twin = equalised(layouts.build_index(set_yonsei), tmp_path / "cache", None)
    told = [layouts.read_fake_name(Path(path).name)[0] for path in twin["path"][twin["label"] == 1]]
    assert told == list(twin["kind"][twin["label"] == 1])
    assert set(twin["set"]) == {"yonsei-part-equalised"}


def test_the_folder_does_not_pass_for_a_set(index, tmp_path):
    twin = equalised(index, tmp_path / "cache", 16)
    for folder in (twin.attrs["root"], tmp_path / "cache"):
        with pytest.raises(layouts.LayoutError):
            layouts.build_index(folder)


# --- the files


def test_every_file_is_made_alike(tmp_path):
    exif = Image.Exif()
    exif[0x0112], exif[0x0131] = 6, "Editor 7"  # to be turned by a quarter, which the kit never does
    folder = make_140k(tmp_path / "140k") / "real_vs_fake/real-vs-fake/train/fake"
    save_image(
        folder / "a.jpg", 50, quality=30, subsampling=0, exif=exif, icc_profile=b"p", comment=b"c", dpi=(9, 9)
    )
    save_image(folder / "b.jpeg", 51, size=48, progressive=True)
    save_image(folder / "c.png", 52)
    Image.new("L", (32, 32), 99).save(folder / "d.jpg")
    Image.new("CMYK", (32, 32)).save(folder / "e.jpg")
    index = layouts.build_index(tmp_path / "140k")
    twin = equalised(index, tmp_path / "cache", 24)
    table = metadata_table(twin)
    alike = [
        "format",
        "width",
        "height",
        "mode",
        "subsampling",
        "progressive",
        "exif_tags",
        "software",
        "dpi",
        "icc",
    ]
    alike += ["comment", "xmp", "photoshop", "camera", "date"]
    row = ("JPEG", 24, 24, "RGB", "4:2:0", False, 0, "", 0, False, False, False, False, "", "")
    assert set(table[alike].itertuples(index=False, name=None)) == {row}
    for path, quality in zip(twin["path"], table["quality"], strict=True):
        scale = 200 - 2 * quality  # the standard table and no other
        assert list(Image.open(path).quantization[0]) == [max(1, int(q)) for q in (IJG_LUMA * scale + 50) // 100]
    assert [Path(path).name for path in twin["path"] if "/train/fake/" in path][-5:] == [
        *("a.jpg", "b.jpeg", "c.png.jpg", "d.jpg", "e.jpg")
    ]


def test_a_file_is_the_kit_s_own_decode_and_resize_and_one_save(index, tmp_path):
    twin = equalised(
        index, tmp_path / "cache", 16, subsampling="4:4:4", resize="nearest", qualities=(40, 60), seed=2
    )
    drawn = set()
    for source, path in zip(index["path"], twin["path"], strict=True):
        image = pixels.read_image(source, 16, resize="nearest")
        file, quality = BytesIO(), draw_quality(image, (40, 60), 2)
        Image.fromarray(image).save(file, "JPEG", quality=quality, subsampling=0)
        assert Path(path).read_bytes() == file.getvalue()
        drawn.add(quality)
    assert len(drawn) > 5


def test_stored_sizes_must_agree_when_they_are_kept(tmp_path):
    folder = make_140k(tmp_path / "140k", 1) / "real_vs_fake/real-vs-fake"
    index = layouts.build_index(tmp_path / "140k")
    assert set(metadata_table(equalised(index, tmp_path / "cache", None))["width"]) == {32}
    save_image(folder / "test" / "real" / "large.jpg", 9, size=40)
    index = layouts.build_index(tmp_path / "140k")
    with pytest.raises(ValueError, match=r"large\.jpg has 40 x 40 pixels, the first image 32 x 32: give a size"):
        equalised(index, tmp_path / "cache", None)
    assert set(metadata_table(equalised(index, tmp_path / "cache", 20))["width"]) == {20}


# --- the quality knows nothing of the class


def test_an_image_comes_out_alike_in_either_class_and_under_any_name(tmp_path):
    """Exact: neither name, folder, label, split nor place among the others can reach a file's bytes."""
    index = layouts.build_index(make_140k(tmp_path / "a"))
    swapped = make_140k(tmp_path / "b") / "real_vs_fake/real-vs-fake"
    origin = {}
    for number, path in enumerate(sorted(swapped.rglob("*.jpg"))):
        other = path.parent.with_name({"real": "fake", "fake": "real"}[path.parent.name]) / f"new-{number}.jpg"
        origin[other.relative_to(swapped).as_posix()] = path.relative_to(swapped).as_posix()
        path.rename(other)
    before = contents(equalised(index, tmp_path / "cache", 16))
    after = contents(equalised(layouts.build_index(tmp_path / "b"), tmp_path / "cache", 16))
    assert after == {new: before[old] for new, old in origin.items()}
    assert len(set(before.values())) == len(before)


def looks_independent(qualities, labels):
    """Whether 2,000 qualities and labels pass for independent, and the qualities for evenly drawn from 26."""
    counts = np.array([np.bincount(qualities[labels == label] - 70, minlength=26) for label in (0, 1)])
    even = np.abs(counts.sum(axis=0) - len(labels) / 26).max() < 4.5 * np.sqrt(len(labels) / 26)
    return bool(even and chi2_contingency(counts + 1e-9).pvalue > 0.001) and (
        abs(roc_auc_score(labels, qualities) - 0.5) < 0.045
    )


def test_quality_and_class_are_independent_where_the_pixels_tell_all():
    rng = np.random.default_rng(0)
    labels = np.arange(2000) % 2
    images = rng.integers(0, 200, (2000, 6, 6, 3), dtype=np.uint8)
    images[labels == 1] += 50
    images[labels == 1, 0, 0] = 255  # each fake bears a mark
    drawn = np.array([draw_quality(image) for image in images])
    assert looks_independent(drawn, labels)
    again = np.array([draw_quality(image, seed=1) for image in images])
    assert looks_independent(again, labels) and np.corrcoef(drawn, again)[0, 1] < 0.1
    # Ways of drawing that the same question must refuse.
    by_light = np.array([70 + int(image.mean()) % 26 for image in images])
    by_class = np.where(rng.random(2000) < 0.15, 70 + 20 * labels, drawn)
    uneven = np.array([70 + int(image.sum()) % 20 for image in images])
    assert not any(looks_independent(wrong, labels) for wrong in (by_light, by_class, uneven))


def test_the_bounds_are_drawn_too_and_one_value_suffices():
    images = np.random.default_rng(1).integers(0, 256, (200, 4, 4, 3), dtype=np.uint8)
    assert {draw_quality(image, (80, 83)) for image in images} == {80, 81, 82, 83}
    assert {draw_quality(image, (80, 80)) for image in images} == {80}
    assert draw_quality(images[0]) == draw_quality(images[0].copy())
    flat = [draw_quality(images[0].reshape(shape), (1, 100)) for shape in ((4, 4, 3), (2, 8, 3), (8, 2, 3))]
    assert len(set(flat)) == 3


# --- a planted table


@pytest.fixture(scope="module")
def planted(tmp_path_factory):
    """240 drawn portraits that differ between the classes in nothing but the JPEG table."""
    truths = testbed.Truths(generator=False, fake_table=1.0)
    spec = testbed.SampleSpec("140k", 240, 64, seed=3, truths=truths)
    return layouts.build_index(testbed.make_sample(tmp_path_factory.mktemp("planted") / "140k", spec, workers=1))


def aucs(index, probes=("quantisation tables", "metadata", "blockiness")):
    labels = index["label"].to_numpy()
    return {
        name: roc_auc_score(labels, out_of_fold_scores(features, labels, np.arange(len(labels))))
        for name, features in probe_features(index, probes).items()
    }


def test_a_planted_table_is_found_before_and_not_after(planted, tmp_path):
    before, after = aucs(planted), aucs(equalised(planted, tmp_path, 32))
    # What a twin that changes nothing would give.
    assert before["quantisation tables"] > 0.99 and before["metadata"] > 0.99
    assert before["blockiness"] > 0.5 + 2 * BAND
    assert all(abs(auc - 0.5) < BAND for auc in after.values()), after


def test_the_stored_size_keeps_what_the_first_save_left_in_the_pixels(planted, tmp_path):
    after = aucs(equalised(planted, tmp_path, None))
    assert abs(after["quantisation tables"] - 0.5) < BAND  # gone from the files,
    assert after["blockiness"] > 0.5 + BAND  # as the module's text says not from the pictures


def test_qualities_that_know_the_class_would_be_seen(planted, tmp_path):
    """The probe has an eye for the defect: here the classes differ by a few steps of quality."""
    reals, fakes = (planted[planted["label"] == label] for label in (0, 1))
    twins = equalised(reals, tmp_path, 32, qualities=(76, 95)), equalised(fakes, tmp_path, 32, qualities=(70, 89))
    wrong = planted.assign(path=twins[0]["path"].combine_first(twins[1]["path"]))
    assert aucs(wrong, ["quantisation tables"])["quantisation tables"] > 0.5 + BAND


def test_the_sample_s_twin_is_no_evidence_either(planted, tmp_path):
    planted = planted.iloc[:4].copy()
    planted.attrs["evidence"] = False
    twin = equalised(planted, tmp_path, 32)
    assert twin.attrs["evidence"] is False and set(twin["set"]) == {"testbed-equalised"}


# --- once, whole, by anybody


@pytest.mark.parametrize("size", [16, None])
def test_a_second_call_opens_no_image(index, tmp_path, monkeypatch, size):
    first = equalised(index, tmp_path / "cache", size)
    before = held(tmp_path / "cache")
    monkeypatch.setattr(pixels, "read_image", None)
    monkeypatch.setattr(equalise, "_write_whole", None)
    again = equalised(index, tmp_path / "cache", size)
    assert again.equals(first) and held(tmp_path / "cache") == before
    # Neither labels nor splits nor groups decide what is in a file.
    other = equalised(index.assign(label=1 - index["label"], split="", group=0), tmp_path / "cache", size)
    assert list(other["path"]) == list(first["path"])


def test_other_options_and_other_images_go_elsewhere(index, tmp_path, monkeypatch):
    def root(index=index, size=16, **options):
        return equalised(index, tmp_path / "cache", size, **options).attrs["root"]

    roots = [root(), root(size=8), root(size=None), root(qualities=(70, 94)), root(subsampling="4:4:4")]
    roots += [root(resize="nearest"), root(seed=1), root(index.iloc[:-1])]
    save_image(Path(index["path"][0]), 77, quality=20)
    roots.append(root())
    assert root(size=np.int64(16), qualities=[np.int32(70), 95]) == roots[-1]
    for module in (equalise, pixels):  # code that would make other files
        monkeypatch.setattr(module, "VERSION", 99)
        roots.append(root())
    assert len(set(roots)) == 11


@pytest.mark.parametrize("error", [OSError("the drive went away"), KeyboardInterrupt()])
def test_an_interrupted_call_is_gone_on_with(index, tmp_path, monkeypatch, error):
    whole = equalised(index, tmp_path / "undisturbed", 16)
    failing(monkeypatch, 8, error)
    with pytest.raises(type(error)):
        equalised(index, tmp_path / "cache", 16)
    monkeypatch.undo()
    found = {path: content for path, content in held(tmp_path / "cache").items() if path.suffix == ".jpg"}
    assert len(found) == 7 and not list(tmp_path.rglob("*.partial"))
    assert set(found.values()) <= set(contents(whole).values())
    times = {path: path.stat().st_mtime_ns for path in found}
    twin = equalised(index, tmp_path / "cache", 16)
    assert contents(twin) == contents(whole)
    assert times == {path: path.stat().st_mtime_ns for path in found}  # what was finished was not made again


def test_a_full_disk_leaves_nothing_under_a_final_name(index, tmp_path, full_disk, monkeypatch):
    full_disk()
    with pytest.raises(OSError, match=r"cannot be written: no space left\. What is finished is kept: make room"):
        equalised(index, tmp_path / "cache", 16)
    assert not held(tmp_path / "cache")
    monkeypatch.undo()
    assert contents(equalised(index, tmp_path / "cache", 16)) == contents(equalised(index, tmp_path / "other", 16))


def test_a_full_disk_later_on_names_the_image(index, tmp_path, full_disk):
    twin = equalised(index, tmp_path / "cache", 16)
    lost = Path(twin["path"][5])
    lost.unlink()
    before = held(tmp_path / "cache")
    full_disk()
    with pytest.raises(OSError, match=lost.name):
        equalised(index, tmp_path / "cache", 16)
    assert held(tmp_path / "cache") == before


def test_a_place_that_cannot_hold_the_twin_is_named(index, tmp_path):
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(OSError, match=r"file.*cannot be written"):
        equalised(index, tmp_path / "file", 16)


def test_a_deleted_file_is_made_again(index, tmp_path):
    twin = equalised(index, tmp_path / "cache", 16)
    before = held(tmp_path / "cache")
    Path(twin["path"][3]).unlink()
    equalised(index, tmp_path / "cache", 16)
    assert held(tmp_path / "cache") == before


def test_what_another_process_makes_meanwhile_is_not_made_again(index, tmp_path, monkeypatch):
    read, calls = pixels.read_image, []

    def slow(source, *args, **options):
        calls.append(source)
        if len(calls) == 1:  # while the first image is being read, somebody else makes them all
            equalised(index, tmp_path / "cache", 16)
        return read(source, *args, **options)

    monkeypatch.setattr(os, "cpu_count", lambda: 1)
    monkeypatch.setattr(pixels, "read_image", slow)
    twin = equalised(index, tmp_path / "cache", 16)
    assert len(calls) == 1 + len(index)
    assert not list(tmp_path.rglob("*.partial"))
    monkeypatch.undo()
    assert contents(twin) == contents(equalised(index, tmp_path / "other", 16))


def test_several_callers_at_once_end_with_one_twin(tmp_path):
    index = layouts.build_index(make_140k(tmp_path / "140k", per_class=12))
    twins = []
    callers = [
        threading.Thread(target=lambda: twins.append(equalised(index, tmp_path / "c", 16))) for _ in range(4)
    ]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    assert len(twins) == 4 and all(twin.equals(twins[0]) for twin in twins)
    assert contents(twins[0]) == contents(equalised(index, tmp_path / "alone", 16))
    assert not list(tmp_path.rglob("*.partial"))


def test_git_is_kept_away(index, tmp_path):
    twin = equalised(index, tmp_path / "cache", 16)
    assert (Path(twin.attrs["root"]) / ".gitignore").read_text() == "*\n"


# --- errors for people


def test_a_corrupt_image_is_named_and_the_rest_can_go_on(index, tmp_path):
    bad = Path(index["path"][4])
    content = bad.read_bytes()
    bad.write_bytes(content[:-200] + bytes(200))
    with pytest.raises(ValueError, match=f"{bad.name} does not decode"):
        equalised(index, tmp_path / "cache", 16)
    twin = equalised(index.drop(4), tmp_path / "cache", 16)
    assert len(contents(twin)) == len(index) - 1


def test_an_absent_image_is_named(index, tmp_path):
    Path(index["path"][2]).unlink()
    with pytest.raises(FileNotFoundError, match=Path(index["path"][2]).name):
        equalised(index, tmp_path / "cache", 16)
    assert not (tmp_path / "cache").exists()


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"size": 0}, "size is a whole number of pixels, or None for the stored size, not 0"),
        ({"size": 16.0}, r"not 16\.0"),
        ({"size": True}, "not True"),
        ({"qualities": (95, 70)}, r"from 1 to 100, not \(95, 70\)"),
        ({"qualities": (0, 70)}, r"not \(0, 70\)"),
        ({"qualities": (70, 101)}, r"not \(70, 101\)"),
        ({"qualities": (70.5, 80)}, r"not \(70\.5, 80\)"),
        ({"qualities": 80}, "not 80"),
        ({"qualities": (70, 80, 90)}, r"not \(70, 80, 90\)"),
        ({"subsampling": 2}, "subsampling is one of 4:4:4, 4:2:2, 4:2:0, not 2"),
        ({"resize": "cubic"}, "no resize mode 'cubic': area"),
        ({"seed": "x"}, "seed is a whole number, not 'x'"),
    ],
)
def test_options_that_cannot_be(index, tmp_path, options, told):
    with pytest.raises(ValueError, match=told):
        equalised(index, tmp_path / "cache", **{"size": 16, **options})
    assert not (tmp_path / "cache").exists()


def test_indices_that_cannot_be(index, tmp_path):
    def refused(index, told):
        with pytest.raises(ValueError, match=told):
            equalised(index, tmp_path / "cache", 16)

    refused(index.iloc[:0], "holds no image")
    refused(index.assign(name="train/real/1.jpg"), r"train/real/1\.jpg would be written twice")
    for name in ("../out.jpg", "/etc/out.jpg", "a/../../out.jpg", r"..\out.jpg", "C:/out.jpg", ""):
        refused(index.iloc[:1].assign(name=name), "leads out of the folder|no name")
    refused(equalised(index, tmp_path / "cache", 16), r"already of a twin \(140k-part-equalised\)")
