"""Colab's versions: what the file says, which Python is taken, and what counts as a difference."""

import os
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tools import class_wheels, colab_versions, kit

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
COLAB = colab_versions.pins((ROOT / "colab/constraints.txt").read_text())


def test_the_file_names_only_what_the_lock_names():
    locked = {canonicalize_name(pin.name) for pin in class_wheels.pins((ROOT / "requirements.lock").read_text())}
    assert len(COLAB) > 15 and set(COLAB) <= locked
    assert COLAB["tensorflow"] == COLAB["tensorflow-cpu"]
    assert not {"papermill", "keras-tuner", "imagehash", "jupyterlab"} & set(COLAB)  # Colab lacks them


def test_what_the_package_needs_at_run_time_takes_colabs_versions():
    lines = [*PROJECT["dependencies"], *PROJECT["optional-dependencies"]["cpu"]]
    known = [r for r in map(Requirement, lines) if canonicalize_name(r.name) in COLAB]
    assert len(known) >= 9
    assert [str(r) for r in known if COLAB[canonicalize_name(r.name)] not in r.specifier] == []


@pytest.mark.parametrize("line", ["numpy", "numpy>=2", "-r other.txt", "numpy==2.1.3; sys_platform == 'linux'"])
def test_a_line_that_pins_nothing_is_refused(line):
    with pytest.raises(ValueError, match="not of the form"):
        colab_versions.pins(f"# said\n\npandas==2.2.3  # why\n{line}\n")


def test_pins_are_read_by_the_packages_canonical_names():
    assert colab_versions.pins("Jupyter_Client==7.4.9 # old\n") == {"jupyter-client": "7.4.9"}


def test_colabs_version_goes_before_the_range_of_ones_own_machine():
    needs = colab_versions.requirements(PROJECT, COLAB)
    named = {Requirement(line).name: line for line in needs}
    assert named["ipykernel"] == f"ipykernel=={COLAB['ipykernel']}"
    assert named["keras"] == "keras==3.13.2"
    assert Requirement(named["papermill"]).specifier == Requirement("papermill>=2.7,<3").specifier
    assert {"pytest", "ruff", "numpy", "kaggle"} <= set(named) and "jupyterlab" not in named
    assert len({"tensorflow", "tensorflow-cpu"} & set(named)) == 1


def test_differences():
    colab = {"numpy": "2.1.3", "tensorflow": "2.20.0", "tensorflow-cpu": "2.20.0"}
    same = {"numpy": "2.1.3", "tensorflow-cpu": "2.20.0", "more": "1"}
    assert colab_versions.differences(colab, same) == []
    assert colab_versions.differences(colab, {"numpy": "2.1.3", "tensorflow": "2.20.0"}) == []
    assert colab_versions.differences(colab, same | {"numpy": "2.1.4"}) == ["numpy is 2.1.4, Colab has 2.1.3"]
    wrong = colab_versions.differences(colab, same | {"tensorflow-cpu": "2.21.0"})
    assert wrong == ["tensorflow-cpu is 2.21.0, Colab has 2.20.0"]
    without = {"tensorflow-cpu": "2.20.0"}
    assert colab_versions.differences(colab, without) == ["numpy is not installed, Colab has 2.1.3"]
    assert len(colab_versions.differences(colab, {"numpy": "2.1.3"})) == 2


@pytest.fixture
def pythons(tmp_path, monkeypatch):
    """A PATH of one's own; `make(name, minor)` puts a Python there that says it is 3.minor, or does not start."""
    monkeypatch.setattr(colab_versions.sys, "executable", "/no/such/python")
    monkeypatch.setenv("PATH", os.pathsep.join([str(tmp_path / "pyenv/shims"), str(tmp_path / "bin")]))

    def make(name: str, works: bool) -> str:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"#!/bin/sh\nexit {0 if works else 127}\n")
        path.chmod(0o755)
        return str(path)

    return make


def test_a_shim_that_does_not_start_is_passed_over(pythons):
    pythons("pyenv/shims/python3.13", works=False)
    expected = pythons("bin/python3.13", works=True)
    assert colab_versions.find_python() == expected


def test_behind_such_a_shim_pyenvs_own_is_found(pythons):
    pythons("pyenv/shims/python3.13", works=False)
    pythons("pyenv/versions/3.12.1/bin/python3.12", works=True)
    expected = pythons("pyenv/versions/3.13.0/bin/python3.13", works=True)
    assert colab_versions.find_python() == expected


def test_no_python_313_is_one_sentence(pythons):
    pythons("bin/python3", works=False)
    with pytest.raises(SystemExit, match=r"Colab has Python 3\.13, and none that runs was found"):
        colab_versions.find_python()


def test_a_python_is_asked_for_its_version():
    here = [sys.version_info[:2]]
    assert kit.suitable(sys.executable, here) and not kit.suitable("/no/such/python", here)
    assert not kit.suitable(sys.executable, [(3, 9)])


@pytest.fixture
def environment(tmp_path, monkeypatch):
    """Set-up whose steps are recorded; the list of them."""
    steps = []
    monkeypatch.setattr(colab_versions, "VENV", tmp_path / "venv")
    monkeypatch.setattr(colab_versions, "PYTHON", tmp_path / "venv/python")
    monkeypatch.setattr(colab_versions, "STAMP", tmp_path / "venv/stamp")
    monkeypatch.setattr(colab_versions, "CONSTRAINTS", tmp_path / "constraints.txt")
    (tmp_path / "constraints.txt").write_text("numpy==2.1.3\n")
    monkeypatch.setattr(colab_versions, "find_python", lambda: "python3.13")
    monkeypatch.setattr(kit, "suitable", lambda python, allowed: Path(python).exists())
    monkeypatch.setattr(kit, "has_pip", lambda python: True)

    def must(command):
        steps.append("venv" if "venv" in command else "package" if "--no-deps" in command else "versions")
        (tmp_path / "venv").mkdir(exist_ok=True)
        (tmp_path / "venv/python").touch()

    monkeypatch.setattr(kit, "must", must)
    return steps


def test_set_up_once_and_again_when_a_version_changes(environment):
    colab_versions.setup(["numpy==2.1.3"])
    colab_versions.setup(["numpy==2.1.3"])
    assert environment == ["venv", "versions", "package"]
    colab_versions.CONSTRAINTS.write_text("numpy==2.1.4\n")
    colab_versions.setup(["numpy==2.1.3"])
    assert environment[3:] == ["versions", "package"]


def test_an_interrupted_set_up_is_done_again(environment, monkeypatch):
    colab_versions.setup(["numpy==2.1.3"])
    with monkeypatch.context() as patch:
        patch.setattr(kit, "must", lambda command: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            colab_versions.setup(["numpy==2.1.4"])
    colab_versions.setup(["numpy==2.1.3"])  # back again, but the environment may be half new
    assert environment[3:] == ["versions", "package"]


def test_other_versions_stop_the_run_and_are_set_up_again(environment, monkeypatch, capsys):
    monkeypatch.setenv("FAKEFACE_RUNS", "mine")
    ran = {}

    def steps(named, environment=None, python=None):
        ran.update(named, store=os.environ["FAKEFACE_RUNS"], python=python)
        return 5

    monkeypatch.setattr(kit, "steps", steps)
    monkeypatch.setattr(colab_versions, "installed", lambda: {"numpy": "2.2.0"})
    assert colab_versions.main([]) == 1 and not ran and not colab_versions.STAMP.exists()
    assert "numpy is 2.2.0, Colab has 2.1.3" in capsys.readouterr().err
    monkeypatch.setattr(colab_versions, "installed", lambda: {"numpy": "2.1.3"})
    assert colab_versions.main(["-k", "intervals"]) == 5
    options = ran["unit tests"]
    assert options[:2] + options[-2:] == ["-m", "pytest", "-k", "intervals"]
    assert ran["python"] == colab_versions.PYTHON
    assert "--block-network" in ran["lesson 01"] and "build" in Path(ran["store"]).parts
