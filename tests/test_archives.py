"""Bringing sets in: what is accepted, what is refused, and that nothing half-made stays."""

import os
import shutil
import stat
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from fakeface_utils import cli
from fakeface_utils.datasets import archives, layouts
from fakeface_utils.datasets.archives import DataError
from fakeface_utils.datasets.verify import verify
from tests.conftest import make_140k, save_image


def zip_folder(folder: Path, target: Path, prefix: str = "") -> Path:
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as zipped:
        for path in sorted(folder.rglob("*")):
            zipped.write(path, prefix + str(path.relative_to(folder)))
    return target


@pytest.fixture
def data(tmp_path):
    return tmp_path / "data"


def left_behind(data: Path) -> list[Path]:
    return sorted(data.iterdir()) if data.exists() else []


@pytest.mark.parametrize("prefix", ["", "archive/", "archive/once more/"])
def test_zip_comes_in_nested_or_not(set_140k, tmp_path, data, prefix):
    (set_140k / "train.csv").write_text("id,label\n")
    archive = zip_folder(set_140k, tmp_path / "faces.zip", prefix)
    where, report = archives.import_zip(archive, data)
    assert where == data / "140k" and left_behind(data) == [where]
    assert (where / "train.csv").is_file()
    assert len(layouts.build_index(where)) == 18
    assert report.partial == "18 of 140,000" and "18 of 140,000" in str(report)


def test_folder_comes_in_and_is_left_alone(set_yonsei, data):
    before = sorted(set_yonsei.rglob("*"))
    where, report = archives.import_dir(set_yonsei, data)
    assert where == data / "yonsei" and sorted(set_yonsei.rglob("*")) == before
    assert report.counts["found"].tolist() == [4, 4]
    assert layouts.fingerprint(layouts.build_index(where)) == layouts.fingerprint(layouts.build_index(set_yonsei))


def test_unreadable_files_are_left_out_and_listed(set_140k, data):
    reals = set_140k / "real_vs_fake" / "real-vs-fake" / "train" / "real"
    whole = sorted(reals.iterdir())[0]
    whole.write_bytes(whole.read_bytes()[:-200])
    (reals / "text.jpg").write_text("not an image")
    (reals / "empty.jpg").touch()
    where, report = archives.import_dir(set_140k, data)
    assert {Path(name).name for name in report.unreadable} == {whole.name, "text.jpg", "empty.jpg"}
    assert len(layouts.build_index(where)) == 17
    listed = (where / "left_out.csv").read_text()
    assert "text.jpg,is not an image" in listed and "empty.jpg,is an empty file" in listed


def hostile(name: str, link: bool = False):
    def make(path: Path) -> None:
        with zipfile.ZipFile(path, "a") as zipped:
            entry = zipfile.ZipInfo(name)
            if link:
                entry.external_attr = (stat.S_IFLNK | 0o777) << 16
            zipped.writestr(entry, b"../../outside")

    return make


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def flip(byte: int):
    def make(path: Path) -> None:
        content = bytearray(path.read_bytes())
        with zipfile.ZipFile(path) as zipped:
            first = next(entry for entry in zipped.infolist() if entry.filename.endswith(".jpg"))
        content[first.header_offset + 30 + len(first.filename) + byte] ^= 0xFF  # inside the first image
        path.write_bytes(content)

    return make


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (hostile("../outside.jpg"), "points outside"),
        (hostile("/outside.jpg"), "points outside"),
        (hostile("..\\outside.jpg"), "points outside"),
        (hostile("C:outside.jpg"), "points outside"),
        (hostile("link.jpg", link=True), "is a link"),
        (cut, "not a whole zip"),
        *[(flip(byte), "not a whole zip") for byte in (0, 1, 5, 100)],
        (lambda path: path.write_text("<html>404</html>"), "not a whole zip"),
        (lambda path: path.unlink(), "is not a file"),
    ],
)
def test_bad_zips_are_refused_and_leave_nothing(set_140k, tmp_path, data, spoil, sentence):
    archive = zip_folder(set_140k, tmp_path / "faces.zip")
    spoil(archive)
    with pytest.raises(DataError, match=sentence):
        archives.import_zip(archive, data)
    assert left_behind(data) == []
    assert not (tmp_path / "outside.jpg").exists()


def test_too_large_and_no_room(set_140k, tmp_path, data, monkeypatch):
    archive = zip_folder(set_140k, tmp_path / "faces.zip")
    with pytest.raises(DataError, match="more than the 1,000 allowed"):
        archives.import_zip(archive, data, max_bytes=1000)
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(archives.shutil, "disk_usage", lambda _: usage._replace(free=1000))
    with pytest.raises(DataError, match="make room"):
        archives.import_zip(archive, data)
    assert left_behind(data) == []


def test_unknown_layout_and_nothing_readable(tmp_path, data):
    save_image(tmp_path / "cats" / "one.jpg", 1)
    with pytest.raises(DataError, match="holds neither set"):
        archives.import_dir(tmp_path / "cats", data)
    real = tmp_path / "bad" / "real_and_fake_face" / "training_real"
    real.mkdir(parents=True)
    (real / "a.jpg").write_text("text")
    with pytest.raises(DataError, match=r"not one image .* can be read"):
        archives.import_dir(tmp_path / "bad", data)
    assert left_behind(data) == []


def test_a_set_is_never_overwritten(set_140k, tmp_path, data):
    archives.import_dir(set_140k, data)
    other = make_140k(tmp_path / "other", per_class=1)
    with pytest.raises(DataError, match="already there"):
        archives.import_dir(other, data)
    assert len(layouts.build_index(data / "140k")) == 18


def test_an_existing_set_is_said_before_anything_is_unpacked(set_140k, tmp_path, data, monkeypatch):
    archives.import_dir(set_140k, data)
    archive = zip_folder(set_140k, tmp_path / "faces.zip")
    monkeypatch.setattr(zipfile.ZipFile, "extract", None)  # unpacking would fail
    with pytest.raises(DataError, match="already there"):
        archives.import_zip(archive, data)


def test_tables_beside_a_nested_set_come_along(set_140k, tmp_path, data):
    nested = tmp_path / "outer" / "archive"
    shutil.copytree(set_140k, nested)
    (nested / "train.csv").write_text("id\n")
    where, _ = archives.import_dir(tmp_path / "outer", data)
    assert (where / "train.csv").is_file()


def test_interruption_leaves_nothing(set_140k, data, monkeypatch):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(archives, "verify", interrupted)
    with pytest.raises(KeyboardInterrupt):
        archives.import_dir(set_140k, data)
    assert left_behind(data) == []


def test_the_drawn_sample_cannot_pass_for_photographs(set_140k, tmp_path, data):
    (set_140k / "testbed").mkdir()
    (set_140k / "testbed" / "manifest.json").write_text("{}")
    with pytest.raises(DataError, match="drawn sample"):
        archives.import_dir(set_140k, data)
    with pytest.raises(DataError, match="drawn sample"):
        archives.import_zip(zip_folder(set_140k, tmp_path / "faces.zip"), data)


def test_the_drawn_sample_is_not_called_a_part(set_140k):
    (set_140k / "testbed").mkdir()
    (set_140k / "testbed" / "manifest.json").write_text("{}")
    report = verify(set_140k)
    assert report.partial == "" and "full" not in str(report)


def test_verify_finds_equal_files(set_140k):
    train = set_140k / "real_vs_fake" / "real-vs-fake" / "train" / "real"
    test = set_140k / "real_vs_fake" / "real-vs-fake" / "test" / "real"
    shutil.copy(sorted(train.iterdir())[0], test / "99999.jpg")
    report = verify(set_140k)
    assert [sorted(group) for group in report.duplicates] == [["test/real/99999.jpg", "train/real/00001.jpg"]]
    assert "the same file 2 times" in str(report)


def test_the_shell_wrapper(set_yonsei, tmp_path):
    script = Path(__file__).parents[1] / "data_download.sh"
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}

    def call(*arguments):
        return subprocess.run(["bash", str(script), *arguments], capture_output=True, text=True, env=environment)

    done = call("--from-dir", str(set_yonsei), "--dest", str(tmp_path / "with space"))
    assert done.returncode == 0 and "8 of 2,041" in done.stdout
    assert len(layouts.build_index(tmp_path / "with space" / "yonsei")) == 8
    wrong = call("--from-zip", str(tmp_path / "none.zip"), "--dest", str(tmp_path / "with space"))
    assert wrong.returncode == 1 and "is not a file" in wrong.stderr
    assert call().returncode == 2 and "--from-zip FILE" in call().stderr


def test_command_line(set_yonsei, tmp_path, data, capsys):
    assert cli.main(["import", "--from-dir", str(set_yonsei), "--dest", str(data)]) == 0
    assert "8 of 2,041" in capsys.readouterr().out
    assert cli.main(["verify", str(data / "yonsei")]) == 0
    (data / "yonsei" / "real_and_fake_face" / "training_real" / "bad.jpg").write_text("text")
    assert cli.main(["verify", str(data / "yonsei")]) == 1
    assert cli.main(["import", "--from-zip", str(tmp_path / "none.zip"), "--dest", str(data)]) == 1
    assert capsys.readouterr().err.splitlines()[-1].startswith("error: ")
