"""The two commands: what they run, in which order, and what they say when something is wrong."""

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from tools import kit


@pytest.fixture
def root(tmp_path, monkeypatch):
    """A kit of its own whose commands are recorded, not run."""
    for name in ("requirements.lock", "pyproject.toml"):
        (tmp_path / name).write_text(name)
    venv = tmp_path / ".venv"
    python = venv / "bin/python"
    monkeypatch.setattr(kit, "ROOT", tmp_path)
    monkeypatch.setattr(kit, "VENV", venv)
    monkeypatch.setattr(kit, "PYTHON", python)
    monkeypatch.setattr(kit, "STAMP", venv / "stamp")
    return tmp_path


@pytest.fixture
def made(root, monkeypatch):
    """What set-up did, step by step."""
    steps = []

    def must(command):
        steps.append("venv" if "venv" in command else "package")
        kit.PYTHON.parent.mkdir(parents=True, exist_ok=True)
        if not kit.PYTHON.exists():
            kit.PYTHON.symlink_to(sys.executable)

    monkeypatch.setattr(kit, "must", must)
    monkeypatch.setattr(kit, "install_lock", lambda: steps.append("lock"))
    return steps


def test_set_up_once(root, made):
    kit.setup()
    kit.setup()
    assert made == ["venv", "lock", "package"]


@pytest.mark.parametrize("name", ["requirements.lock", "pyproject.toml"])
def test_set_up_again_when_the_versions_change(root, made, name):
    kit.setup()
    (root / name).write_text("new")
    kit.setup()
    assert made == ["venv", "lock", "package", "lock", "package"]


def test_an_interrupted_set_up_is_done_again(root, made, monkeypatch):
    def interrupted():
        raise KeyboardInterrupt

    kit.setup()
    (root / "requirements.lock").write_text("new")
    with monkeypatch.context() as patch:
        patch.setattr(kit, "install_lock", interrupted)
        with pytest.raises(KeyboardInterrupt):
            kit.setup()
    (root / "requirements.lock").write_text("requirements.lock")  # back again, but .venv may be half new
    kit.setup()
    assert made[3:] == ["lock", "package"]


def test_a_venv_whose_python_is_gone_is_made_anew(root, made):
    kit.setup()
    kit.PYTHON.unlink()
    (kit.VENV / "old").touch()
    kit.setup()
    assert made[3:] == ["venv", "lock", "package"] and not (kit.VENV / "old").exists()


def test_no_suitable_python_is_one_sentence_and_exit_2(root, capsys, monkeypatch):
    monkeypatch.setattr(kit, "suitable", lambda python: False)
    with pytest.raises(SystemExit) as stop:
        kit.setup()
    assert stop.value.code == 2 and not kit.VENV.exists()
    assert "needs Python 3.11, 3.12 or 3.13" in capsys.readouterr().err


def test_another_python_on_the_path_is_taken(tmp_path, monkeypatch):
    other = tmp_path / "python3.12"
    other.symlink_to(sys.executable)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(kit, "suitable", lambda python: python == str(other))
    assert kit.find_python() == str(other)


def test_suitable_asks_the_python_itself(monkeypatch):
    assert kit.suitable(sys.executable) and not kit.suitable("/no/such/python")
    monkeypatch.setattr(kit, "NEWEST", (3, 10))
    assert not kit.suitable(sys.executable)


def test_a_failing_pip_is_told_and_leaves_no_stamp(root, monkeypatch, capsys):
    kit.PYTHON.parent.mkdir(parents=True)
    kit.PYTHON.write_text("#!/bin/sh\necho 'no matching distribution'\nexit 1\n")
    kit.PYTHON.chmod(kit.PYTHON.stat().st_mode | stat.S_IEXEC)
    with pytest.raises(SystemExit, match=r"could not install requirements\.lock"):
        kit.install_lock()
    assert "no matching distribution" in capsys.readouterr().err


def test_steps_go_on_and_say_at_the_end_what_failed(root, capfd, monkeypatch):
    monkeypatch.setattr(kit, "PYTHON", sys.executable)
    monkeypatch.setenv("FAKEFACE_DATA", "mine")
    monkeypatch.delenv("FAKEFACE_RUNS", raising=False)
    show = "import os; print(os.environ['FAKEFACE_DATA'], os.environ['FAKEFACE_RUNS'])"
    named = {"one": ["-c", "raise SystemExit(3)"], "two": ["-c", show], "three": ["-c", "1 / 0"]}
    assert kit.steps(named, {"FAKEFACE_DATA": "ours", "FAKEFACE_RUNS": "ours"}) == 1
    said = capfd.readouterr().out
    assert "mine ours" in said and said.strip().endswith("failed: one, three")
    assert kit.steps({"two": ["-c", "pass"]}) == 0


def commands(monkeypatch, *arguments):
    """The Python commands behind one kit command."""
    ran = []
    monkeypatch.setattr(kit, "setup", lambda: None)
    monkeypatch.setattr(kit, "steps", lambda named, environment=None: ran.extend(named.values()) or 0)
    monkeypatch.setattr(sys, "argv", ["kit.py", *arguments])
    assert kit.main() == 0
    return [" ".join(command) for command in ran]


def test_course_draws_runs_and_writes_pages(monkeypatch, capsys):
    sample, lessons, pages = commands(monkeypatch, "course")
    assert sample == "-m fakeface_utils sample"
    assert lessons == "-m tools.run_lessons --profile smoke --kind solutions --out build/course"
    assert pages == "-m tools.course_pages --out build/course"
    assert capsys.readouterr().out.strip().endswith(str(Path("build/course/index.html")))


def test_test_runs_everything_and_passes_arguments_to_pytest(monkeypatch):
    ran = commands(monkeypatch, "test", "--", "-k", "intervals")
    assert "-m pytest -k intervals" in ran
    assert [c.split()[5] for c in ran if "run_lessons" in c] == ["solutions", "student", "colab"]
    assert all("--block-network" in command for command in ran if "run_lessons" in command)
    assert any("build_lessons --check" in command for command in ran)


def test_the_kit_starts_without_any_package():
    """-S leaves site-packages out, as before .venv exists."""
    command = [sys.executable, "-S", str(Path(kit.__file__)), "--help"]
    env = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(command, capture_output=True, text=True, env=env)
    assert done.returncode == 0 and "course" in done.stdout


def test_make_only_calls_the_kit():
    lines = (kit.ROOT / "Makefile").read_text().splitlines()
    recipes = dict(line.split(": ; @", 1) for line in lines if ": ; @" in line)
    assert recipes == {name: f"$(PYTHON) tools/kit.py {name}" for name in recipes}
    assert set(recipes) == {"course", "test", "lessons", "report", "setup"}
