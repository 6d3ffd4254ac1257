"""The check of the machine: what is missing, too old or too small is said, and nothing stops it."""

import importlib.metadata
import re
import subprocess
import sys
from collections import namedtuple

import numpy as np
import pytest

from fakeface_utils import config
from fakeface_utils.lessons import machine
from tests.conftest import make_140k


def only(rows):
    (row,) = rows
    return row


def test_packages_that_are_there_missing_and_too_old():
    rows = list(machine.packages(["numpy>=1", "no-such-package-of-ours>=2", "numpy>=99,<100"]))
    assert rows[0] == ("OK", "numpy", np.__version__, "")
    assert rows[1][:3] == ("FAIL", "no-such-package-of-ours", "missing")
    assert '"no-such-package-of-ours>=2"' in rows[1][3]
    assert rows[2][:2] == ("FAIL", "numpy") and np.__version__ in rows[2][2] and ">=99" in rows[2][2]
    assert re.search(r'pip install "numpy(<100,>=99|>=99,<100)", then restart', rows[2][3])


def test_what_is_optional_is_a_note():
    assert only(machine.packages(["no-such-package-of-ours"], lacking=machine.NOTE))[0] == "NOTE"


@pytest.mark.parametrize("installed", ["tensorflow", "tensorflow-cpu"])
def test_either_tensorflow_will_do(monkeypatch, installed):
    def version(name):
        if name != installed:
            raise importlib.metadata.PackageNotFoundError(name)
        return "2.20.0"

    monkeypatch.setattr(importlib.metadata, "version", version)
    for asked in ("tensorflow>=2.20,<2.21", "tensorflow-cpu>=2.20,<2.21"):
        assert only(machine.packages([asked])) == ("OK", "tensorflow", "2.20.0", "")
    assert only(machine.packages(["tensorflow>=2.21"]))[0] == "FAIL"


def test_what_is_asked_is_what_the_kit_declares(monkeypatch):
    declared = ["numpy>=2", 'tensorflow-cpu>=2.20; extra == "cpu"', 'jupyterlab; extra == "course"']
    declared += ['winonly; sys_platform == "none"']
    monkeypatch.setattr(importlib.metadata, "requires", lambda name: declared if name == "fakeface-utils" else [])
    assert machine.asked("cpu") == ["numpy>=2", "tensorflow-cpu>=2.20"]


@pytest.mark.parametrize(
    ("version", "status"), [("3.11.0", "OK"), ("3.13.9", "OK"), ("3.10.14", "FAIL"), ("3.14.0", "FAIL")]
)
def test_python(version, status):
    row = only(machine.python(">=3.11,<3.14", version))
    assert row[0] == status and row[2] == version and bool(row[3]) == (status == "FAIL")


def test_memory_disk_and_gpu(tmp_path, monkeypatch):
    assert only(machine.memory(1.0))[0] == "FAIL" and only(machine.memory(16.0))[0] == "OK"
    monkeypatch.setattr(machine, "_memory_gb", lambda: None)
    assert only(machine.memory())[0] == "NOTE"
    assert only(machine.gpu(0))[0] == "NOTE" and only(machine.gpu(2))[:3] == (
        "OK",
        "GPU",
        "2 found; the lessons use it by themselves",
    )
    usage = namedtuple("usage", "total used free")
    asked = []
    monkeypatch.setattr(machine.shutil, "disk_usage", lambda path: asked.append(path) or usage(0, 0, 2.5e9))
    assert only(machine.disk(tmp_path / "not" / "there", least_gb=2))[0] == "OK"
    assert only(machine.disk(tmp_path, least_gb=3))[::2] == ("FAIL", f"2.5 GB at {tmp_path}")
    assert asked == [tmp_path, tmp_path]


def test_results_need_a_folder_that_can_be_written(tmp_path):
    assert only(machine.writable(tmp_path / "new" / "runs"))[0] == "OK"
    assert (tmp_path / "new" / "runs").is_dir() and not list((tmp_path / "new" / "runs").iterdir())
    (tmp_path / "file").touch()
    row = only(machine.writable(tmp_path / "file" / "runs"))
    assert row[0] == "FAIL" and "FAKEFACE_RUNS" in row[3]


def test_data_that_is_there_and_data_that_is_not(tmp_path):
    make_140k(tmp_path / "140k")
    status, what, found, _ = only(machine.data("140k", tmp_path))
    assert (status, what) == ("OK", "data: 140k") and "18 images of the set 140k-part" in found
    status, _, _, advice = only(machine.data("yonsei", tmp_path))
    assert status == "NOTE" and "drawn portraits" in advice


def test_the_whole_check_never_raises(tmp_path, monkeypatch):
    monkeypatch.setenv("FAKEFACE_DATA", str(tmp_path / "none"))
    monkeypatch.setenv("FAKEFACE_RUNS", str(tmp_path / "runs"))
    table = machine.check_machine()
    assert table.columns.tolist() == machine.COLUMNS and set(table["status"]) <= {"OK", "FAIL", "NOTE"}
    assert {"python", "numpy", "tensorflow", "keras", "memory", "free disk", "results", "GPU"} <= set(table["what"])
    broken = ("gpu_count", "package_version", "build_index", "_memory_gb")

    def explode(*_):
        raise RuntimeError("odd machine")

    for name in broken:
        monkeypatch.setattr(machine, name, explode)
    monkeypatch.setattr(config, "runs_dir", explode)
    monkeypatch.setattr(importlib.metadata, "requires", explode)
    monkeypatch.setattr(importlib.metadata, "metadata", explode)
    table = machine.check_machine()
    assert (table["status"] == "FAIL").all() and table["found"].str.contains("odd machine").all()


def test_a_kit_that_is_not_installed_is_told(monkeypatch):
    monkeypatch.setattr(machine, "KIT", "no-such-package-of-ours")
    table = machine.check_machine().set_index("what")
    assert table.loc["python", "status"] == table.loc["packages", "status"] == "FAIL"
    assert "no-such-package-of-ours" in table.loc["packages", "found"]


def test_lines_say_what_to_do():
    rows = [("OK", "pandas", "2.2.3", ""), ("FAIL", "keras", "missing", "get it"), ("NOTE", "GPU", "none", "fine")]
    table = machine.pd.DataFrame(rows, columns=machine.COLUMNS)
    assert machine.lines(table).splitlines() == [
        "[OK] pandas 2.2.3",
        "[FAIL] keras missing; do this: get it",
        "[NOTE] GPU none; fine",
    ]


def test_the_game_and_the_check_leave_tensorflow_alone():
    code = "import sys; from fakeface_utils.lessons import game, machine; machine.check_machine(); "
    code += "sys.exit('tensorflow' in sys.modules or 'keras' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=config.project_root()).returncode == 0
