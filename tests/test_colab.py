"""Colab without Colab: the set-up cells on a stand-in machine, what survives a disconnect, badges and zips."""

import itertools
import json
import re
import shutil
import subprocess
import sys
import time
import tomllib
import zipfile
from dataclasses import replace
from pathlib import Path

import nbformat
import psutil
import pytest

from fakeface_utils.datasets import archives
from fakeface_utils.lessons import colab, setup
from tests.conftest import make_140k, make_yonsei
from tools.build_lessons import moved_links
from tools.colab_stand_in import Machine, fill_drive, make_origin
from tools.lesson_source import read_lesson

ROOT = Path(__file__).parents[1]
LESSONS = sorted(path.stem for path in (ROOT / "notebooks/src").glob("*.py"))
ORIGIN = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["fakeface"]
WHERE = {**ORIGIN, "folder": ORIGIN["repository"].split("/")[1]}
CLONE = "{folder}-{tag}".format(**WHERE)


def read(path: Path) -> nbformat.NotebookNode:
    return nbformat.read(path, as_version=4)


# As files


def test_every_badge_leads_to_a_notebook_that_is_there():
    at = "https://colab.research.google.com/github/{repository}/blob/{tag}/".format(**ORIGIN)
    pages = [*(ROOT / "notebooks").rglob("*.ipynb"), *(ROOT / "colab").glob("*.ipynb")]
    texts = {path: path.read_text(encoding="utf-8") for path in [*pages, ROOT / "README.md"]}
    for path, text in texts.items():
        found = re.findall(r"https://colab\.research\.google\.com/github/[^)\"\s\\]+", text)
        assert found, path
        for url in found:
            assert url.startswith(at) and (ROOT / url.removeprefix(at)).is_file(), (path, url)
        if path.parent.name == "colab":
            assert found[0] == f"{at}colab/{path.name}"


@pytest.mark.parametrize("name", LESSONS)
def test_behind_the_set_up_cells_stands_the_local_lesson(name):
    theirs, ours = read(ROOT / "notebooks" / f"{name}.ipynb"), read(ROOT / "colab" / f"{name}.ipynb")
    rest = [cell for cell in ours.cells if "colab" not in cell.metadata.get("tags", [])]
    lesson = read_lesson(ROOT / f"notebooks/src/{name}.py", ROOT)
    for cell, local in zip(rest, theirs.cells, strict=True):
        markdown = cell.cell_type == "markdown"
        expected = moved_links(local.source, "colab", lesson, WHERE) if markdown else local.source
        assert (cell.cell_type, cell.source, cell.metadata) == (local.cell_type, expected, local.metadata)


def test_nothing_that_colab_brings_is_installed_over():
    for path in (ROOT / "colab").glob("*.ipynb"):
        code = "\n".join(cell.source for cell in read(path).cells if cell.cell_type == "code")
        asked = [line.strip() for line in code.splitlines() if "pip install" in line]
        assert asked[:2] == ["!pip install --quiet --no-deps -e .", "!pip install --quiet imagehash keras-tuner"]
        assert asked[2:] == (["!pip install --quiet papermill"] if path.stem == "run_all" else [])


# On the stand-in machine


@pytest.fixture(scope="module")
def cloned_from(tmp_path_factory) -> Path:
    return make_origin(tmp_path_factory.mktemp("origin"))


@pytest.fixture
def machine(cloned_from, tmp_path) -> Machine:
    fill_drive(tmp_path / "MyDrive", n_images=24)
    return Machine(tmp_path / "content", tmp_path / "MyDrive", cloned_from)


def set_up(*more: str) -> nbformat.NotebookNode:
    """The set-up cells of the first lesson, and a cell for each text."""
    notebook = read(ROOT / "colab" / f"{LESSONS[0]}.ipynb")
    notebook.cells = [cell for cell in notebook.cells if "colab" in cell.metadata.get("tags", [])]
    notebook.cells += [nbformat.v4.new_code_cell(text) for text in more]
    return notebook


def said(notebook: nbformat.NotebookNode) -> str:
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    return "".join(output.text for output in outputs if output.output_type == "stream")


TELL = """
import json, fakeface_utils
from fakeface_utils import config
from fakeface_utils.lessons import setup
places = [fakeface_utils.__file__, config.data_dir(), config.runs_dir(), config.cache_dir()]
print("TOLD" + json.dumps([*map(str, places), setup.choose_profile(), len(setup.open_set("140k", "laptop"))]))
"""


def told(notebook: nbformat.NotebookNode) -> list:
    line = next(line for line in said(notebook).splitlines() if line.startswith("TOLD"))
    return json.loads(line.removeprefix("TOLD"))


def test_set_up_from_drive_and_again_after_a_disconnect(machine):
    machine.pip_log.unlink(missing_ok=True)
    for turn in range(3):
        notebook = set_up(TELL)
        machine.run(notebook)
        *places, profile, n = told(notebook)
        folder = machine.content / CLONE
        runs = machine.content / "drive/MyDrive/fakeface/runs"
        assert places == [
            str(folder / "fakeface_utils/__init__.py"),
            str(folder / "data"),
            str(runs.resolve()),
            str(machine.content / "cache"),
        ]
        assert (profile, n) == ("laptop", 24)  # the zip's images, not the drawn sample
        assert not list(machine.content.glob("*.zip*"))
        text = said(notebook)
        assert ("already unpacked" in text) == (turn == 1) and "0 finished experiments" in text
        if turn == 1:
            shutil.rmtree(machine.content)
    asked = machine.pip_log.read_text().splitlines()
    assert asked == ["install --quiet --no-deps -e .", "install --quiet imagehash keras-tuner"] * 3


def test_without_drive_it_goes_on_and_says_so(machine):
    notebook = set_up(TELL.replace('"laptop"', '"smoke"').replace("len(setup", "0 * len(setup"))
    (machine.content / "drive").mkdir(parents=True)
    (machine.content / "drive/in the way").touch()
    machine.run(notebook)
    assert "No Drive (Mountpoint must be an empty folder" in said(notebook)
    *places, profile, _ = told(notebook)
    assert profile == "smoke" and places[2] == str(machine.content / CLONE / "runs")


AGAIN = """
drive.flush_and_unmount()
(DRIVE.parent.parent / "in the way").parent.mkdir(parents=True)
(DRIVE.parent.parent / "in the way").touch()
"""


def test_cells_run_again_do_no_harm(machine):
    """Twice each; and once more after Drive was lost for good: nothing may go on as if it were there."""
    once = set_up().cells
    sources = [cell.source for cell in once if cell.cell_type == "code"]
    notebook = set_up(*sources[2:], *sources, AGAIN, *sources[2:], TELL)
    machine.run(notebook)
    text = said(notebook)
    assert "Drive already mounted" in text and "No Drive" in text
    assert told(notebook)[2] == str(machine.content / CLONE / "runs")
    assert [path.name for path in (machine.content / "drive").iterdir()] == ["in the way"]


TRAIN = """
from fakeface_utils.evaluation import metrics
from fakeface_utils.lessons import setup
from fakeface_utils.training.experiment import Experiment, run
index = setup.open_set("140k", "laptop")
spec = Experiment(index["set"].iloc[0], "folder", "ffnn", {"units": 4}, size=16, epochs=EPOCHS, batch_size=2)
record = run(spec, index, measure=metrics.judge, checkpoint_seconds=0, verbose=2)
print("TOLD" + json.dumps([len(record.history())]))
"""
CHILD = """
import sys, nbformat
from pathlib import Path
from tools.colab_stand_in import Machine
machine, notebook = Machine(*map(Path, sys.argv[1:4])), nbformat.read(sys.argv[4], as_version=4)
machine.run(notebook)
nbformat.write(notebook, sys.argv[4])
"""


def test_after_a_disconnect_a_training_goes_on_from_drive(machine, tmp_path):
    """The machine is killed while it trains, its disk is lost, and the same notebook is run on a new one."""
    epochs, path = 200, tmp_path / "training.ipynb"
    nbformat.write(set_up("import json", TRAIN.replace("EPOCHS", str(epochs))), path)
    places = [str(place) for place in (machine.content, machine.drive, machine.origin, path)]
    child = subprocess.Popen([sys.executable, "-c", CHILD, *places], cwd=ROOT)
    deadline = time.monotonic() + 300
    while not list(machine.drive.glob("fakeface/runs/experiments/*/checkpoint.npz")):
        assert child.poll() is None and time.monotonic() < deadline
        time.sleep(0.05)
    for process in [*psutil.Process(child.pid).children(recursive=True), child]:
        process.kill()
    child.wait()
    shutil.rmtree(machine.content)
    assert not list(machine.drive.glob("fakeface/runs/experiments/*/record.json"))

    notebook = read(path)
    machine.run(notebook)
    first = int(re.search(rf"Epoch (\d+)/{epochs}", said(notebook))[1])
    assert first > 1 and "0 finished experiments, 1 begun" in said(notebook) and told(notebook) == [epochs]
    again = read(path)
    machine.run(again)
    assert "1 finished experiments" in said(again) and "Epoch" not in said(again) and told(again) == [epochs]


# The functions behind the cells


@pytest.fixture
def data(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("FAKEFACE_DATA", str(tmp_path / "data"))
    return tmp_path / "data"


def zip_of(folder: Path, path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w") as zipped:
        for file in sorted(folder.rglob("*.jpg")):
            zipped.write(file, file.relative_to(folder))
    return path


def test_one_set_that_is_there_does_not_hide_the_other(tmp_path, data, capsys):
    drive, here = tmp_path / "drive", tmp_path / "here"
    zip_of(make_140k(tmp_path / "a"), drive / "a.zip")
    colab.unpack(colab.copy_zips(drive, here))
    zip_of(make_yonsei(tmp_path / "b"), drive / "b.zip")
    capsys.readouterr()
    copies = colab.copy_zips(drive, here)
    assert [path.name for path in copies] == ["b.zip"] and "140k is already unpacked" in capsys.readouterr().out
    colab.unpack(copies)
    assert sorted(path.name for path in data.iterdir()) == ["140k", "yonsei"] and not list(here.iterdir())
    assert setup.choose_profile() == "laptop"


def test_other_files_on_drive_are_left_alone(tmp_path, data, capsys):
    drive = tmp_path / "drive"
    drive.mkdir()
    (drive / "broken.zip").write_bytes(b"PK no zip")
    zip_of(tmp_path / "nothing", drive / "holiday.zip")
    assert colab.copy_zips(drive, tmp_path / "here") == []
    text = capsys.readouterr().out
    assert "broken.zip is not a whole zip" in text and "holiday.zip: neither" in text and "no set's zip" in text
    assert colab.copy_zips(tmp_path / "missing", tmp_path / "here") == []


def test_of_two_zips_of_one_set_the_larger_is_taken_and_unpacking_twice_does_no_harm(tmp_path, data, capsys):
    drive, here = tmp_path / "drive", tmp_path / "here"
    zip_of(make_140k(tmp_path / "a", per_class=1), drive / "archive (1).zip")
    zip_of(make_140k(tmp_path / "b", per_class=3), drive / "archive.zip")
    copies = colab.copy_zips(drive, here)
    assert [path.name for path in copies] == ["archive.zip"]
    assert "archive (1).zip: a second zip of the set 140k" in capsys.readouterr().out
    colab.unpack(copies)
    colab.unpack(copies)
    assert len(list((data / "140k").rglob("*.jpg"))) == 18


def test_a_drive_that_cannot_be_read_is_no_empty_drive(tmp_path, data, monkeypatch):
    source = zip_of(make_140k(tmp_path / "a"), tmp_path / "drive/a.zip")

    def fail(*_):
        raise OSError(107, "Transport endpoint is not connected")

    monkeypatch.setattr(archives.zipfile, "ZipFile", fail)
    with pytest.raises(OSError, match="Transport endpoint"):
        colab.copy_zips(source.parent, tmp_path / "here")


def test_a_copy_is_whole_or_not_there(tmp_path, data, monkeypatch):
    source = zip_of(make_140k(tmp_path / "a"), tmp_path / "drive/a.zip")
    here = tmp_path / "here"
    read_some, blocks = colab.tqdm.update, []

    def cut_off(bar, n):
        blocks.append(n)
        if len(blocks) == 2:
            raise OSError("Transport endpoint is not connected")
        read_some(bar, n)

    monkeypatch.setattr(colab, "_BLOCK", 1000)
    with monkeypatch.context() as patch:
        patch.setattr(colab.tqdm, "update", cut_off)
        with pytest.raises(OSError):
            colab.copy_zips(source.parent, here)
    assert not list(here.iterdir())
    (copy,) = colab.copy_zips(source.parent, here)
    assert copy.read_bytes() == source.read_bytes()
    before = copy.stat().st_mtime_ns
    assert colab.copy_zips(source.parent, here) == [copy] and copy.stat().st_mtime_ns == before
    copy.write_bytes(b"half")
    assert colab.copy_zips(source.parent, here)[0].read_bytes() == source.read_bytes()


def test_a_full_disk_is_known_before_anything_is_copied(tmp_path, data, monkeypatch):
    source = zip_of(make_140k(tmp_path / "a"), tmp_path / "drive/a.zip")
    free = shutil.disk_usage(tmp_path)._replace(
        free=int(1.5 * source.stat().st_size)
    )  # for the zip, not its content
    monkeypatch.setattr(archives.shutil, "disk_usage", lambda _: free)
    with pytest.raises(archives.DataError, match="are free"):
        colab.copy_zips(source.parent, tmp_path / "here")
    assert not list((tmp_path / "here").iterdir())


def test_a_damaged_zip_is_not_kept(tmp_path, data):
    copy = zip_of(make_140k(tmp_path / "a"), tmp_path / "here/a.zip")
    copy.write_bytes(copy.read_bytes()[:-200])
    with pytest.raises(archives.DataError):
        colab.unpack([copy])
    assert not copy.exists() and not (data / "140k").exists()


def test_the_runtime_is_compared_with_the_tested_one(tmp_path, capsys, monkeypatch):
    here = {name: setup.package_version(name) for name in ("tensorflow", "keras", "numpy", "pandas")}
    tested = tmp_path / "constraints.txt"
    tested.write_text("# Colab\ntensorflow-cpu=={tensorflow}\nkeras=={keras}\nnumpy=={numpy}\n".format(**here))
    colab.check_runtime(tested)
    assert "were tested with" not in capsys.readouterr().out
    tested.write_text("tensorflow-cpu==2.0.1\nkeras=={keras}\nnumpy==1.0.0\n".format(**here))
    monkeypatch.setattr(colab, "gpu_count", lambda: 0)
    colab.check_runtime(tested)
    text = capsys.readouterr().out
    assert "tested with tensorflow 2.0.1, numpy 1.0.0." in text and "T4 GPU" in text
    colab.check_runtime()  # with the course's own file


def test_runs_that_cannot_be_kept_are_an_error(tmp_path, monkeypatch):
    def refuse(*_):
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(Path, "write_bytes", refuse)
    with pytest.raises(OSError, match="Read-only"):
        colab.keep_runs(tmp_path)


def test_a_hook_that_calls_the_tests_keeps_its_repository(tmp_path, monkeypatch):
    """git tells a hook by GIT_DIR which repository it is about; the stand-in's own must be another."""
    mine = tmp_path / "mine"
    mine.mkdir()
    subprocess.run(["git", "init", "-q", str(mine)], check=True)
    monkeypatch.setenv("GIT_DIR", str(mine / ".git"))
    monkeypatch.setenv("GIT_WORK_TREE", str(mine))
    make_origin(tmp_path / "origin")
    monkeypatch.delenv("GIT_DIR")
    monkeypatch.delenv("GIT_WORK_TREE")
    said = subprocess.run(["git", "-C", str(mine), "log"], capture_output=True, text=True)
    assert said.returncode != 0 and "any commits yet" in said.stderr


def test_the_stand_in_is_not_this_checkout(machine):
    """Otherwise the tests above would pass without a clone."""
    assert not any(name.startswith("FAKEFACE") for name in machine.environment())
    lost = replace(machine, origin=machine.content / "nowhere")
    lost.origin.mkdir(parents=True)
    with pytest.raises(Exception, match="Could not clone"):
        lost.run(set_up())


# A student


WRONG = {
    "01.1": "    difficulty, _, bits = name.split('_')\n    return difficulty, list(bits)",
    "01.2": "    return 0.5",
}
RIGHT = {
    "01.1": "    from fakeface_utils.datasets import layouts\n    return layouts.read_fake_name(name)",
    "01.2": "    seen = set(index[index['split'] == 'train']['group'])\n"
    "    return float(index[index['split'] == 'test']['group'].isin(seen).mean())",
}


def test_a_student_fills_two_exercises_wrongly_and_then_rightly(machine):
    """In the Colab notebook: its set-up cells, its imports, and the cells of the two exercises with their checks."""
    cells = read(ROOT / "colab/01_data_tour.ipynb").cells
    imports = next(cell.source for cell in cells if cell.source.startswith("import time"))
    marks = []
    for answers in ({}, WRONG, RIGHT):
        more = [imports.split("plots.use_style")[0]]
        for cell, after in itertools.pairwise(cells):
            number = next((tag[9:] for tag in cell.metadata.get("tags", []) if tag.startswith("exercise-")), None)
            if number in RIGHT:
                head = cell.source.split("    raise NotImplementedError")[0]
                more += [head + answers[number] if answers else cell.source, after.source.splitlines()[0]]
        notebook = set_up(*more)
        machine.run(notebook)
        marks.append(re.findall(r"[⏳✅❌] Exercise 01\.\d", said(notebook)))
        if answers is WRONG:
            assert "expected  ('easy', ['left_eye'])" in said(notebook) and "hint" in said(notebook)
    assert marks == [[f"{mark} Exercise 01.{k}" for k in (1, 2)] for mark in "⏳❌✅"]
