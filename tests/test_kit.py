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


def pip_that_tells(root: Path, status: int = 0) -> Path:
    """In place of the kit's Python: writes down what it is called with."""
    kit.PYTHON.parent.mkdir(parents=True)
    kit.PYTHON.write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" > "{root}/called"\nexit {status}\n')
    kit.PYTHON.chmod(kit.PYTHON.stat().st_mode | stat.S_IEXEC)
    return root / "called"


def test_set_up_asks_the_network_only_outside_a_class_pack(root):
    called = pip_that_tells(root)
    kit.install_lock()
    assert "--no-index" not in called.read_text() and "--require-hashes" in called.read_text()
    (root / "wheels").mkdir()
    kit.install_lock()
    said = called.read_text().splitlines()
    assert "--no-index" in said and said[said.index("--find-links") + 1] == str(root / "wheels")
    assert "--require-hashes" in said


def test_the_kit_itself_is_installed_from_the_pack_too(root, made, monkeypatch, capsys):
    commands = []
    real = kit.must
    monkeypatch.setattr(kit, "must", lambda command: commands.append(command) or real(command))
    (root / "wheels").mkdir()
    kit.setup()
    assert "--no-index" in commands[-1] and str(root) in commands[-1]
    assert "from this class pack, without the network" in capsys.readouterr().out


def test_a_failing_pip_in_a_pack_points_to_the_pack(root):
    pip_that_tells(root, status=1)
    (root / "wheels").mkdir()
    with pytest.raises(SystemExit, match=r"PACK\.txt.*--verify"):
        kit.install_lock()


def test_a_pack_takes_a_python_that_it_has_packages_for(root, monkeypatch, capsys):
    assert kit.versions() == [(3, 11), (3, 12), (3, 13)]
    (root / "wheels").mkdir()
    (root / "wheels/tqdm-1-py3-none-any.whl").touch()
    (root / "wheels/orjson-1-cp39-abi3-linux_x86_64.whl").touch()
    assert len(kit.versions()) == 3  # nothing there tells
    (root / "wheels/numpy-2-cp312-cp312-manylinux_2_28_x86_64.whl").touch()
    assert kit.versions() == [(3, 12)]
    other = next(minor for minor in (11, 13) if minor != sys.version_info[1])
    (root / "wheels/numpy-2-cp312-cp312-manylinux_2_28_x86_64.whl").unlink()
    (root / f"wheels/numpy-2-cp3{other}-cp3{other}-manylinux_2_28_x86_64.whl").touch()
    assert not kit.suitable(sys.executable)
    monkeypatch.setenv("PATH", "")
    with pytest.raises(SystemExit):
        kit.find_python()
    assert f"This class pack needs Python 3.{other}; this is 3." in capsys.readouterr().err


def test_an_empty_variable_is_as_good_as_none(root, monkeypatch):
    monkeypatch.setenv("FAKEFACE_WEIGHTS_DIR", "")
    monkeypatch.setenv("FAKEFACE_DATA", "")
    assert not kit.step_environment({})["FAKEFACE_DATA"]
    assert not kit.step_environment({})["FAKEFACE_WEIGHTS_DIR"]  # this is no pack
    (root / "weights").mkdir()
    assert kit.step_environment({})["FAKEFACE_WEIGHTS_DIR"] == str(root / "weights")


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
    assert "-m pytest -n logical --maxprocesses 4 --dist loadfile -k intervals" in ran
    assert [c.split()[5] for c in ran if "run_lessons" in c] == ["solutions", "student"]
    assert any("colab_stand_in --only 01 02" in command for command in ran)
    assert all("--block-network" in command for command in ran if "run_lessons" in command)
    assert any("build_lessons --check" in command for command in ran)


def test_pack_draws_first_and_passes_its_options_on(monkeypatch):
    ran = commands(monkeypatch, "pack", "--out", "there", "--python", "3.12")
    assert ran == ["-m fakeface_utils sample", "-m tools.class_pack --out there --python 3.12"]
    assert commands(monkeypatch, "test-pack", "--", "--keep")[1] == "-m tools.pack_rehearsal --keep"


def test_test_colab_tells_its_status(monkeypatch):
    called = []
    monkeypatch.setattr(kit, "setup", lambda: None)
    monkeypatch.setattr(kit, "wait_for", lambda command, env: called.append(command) or 7)
    monkeypatch.setattr(sys, "argv", ["kit.py", "test-colab", "--", "-k", "intervals"])
    assert kit.main() == 7
    assert called[0][1:] == ["-m", "tools.colab_versions", "-k", "intervals"]


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
    assert set(recipes) == {"course", "test", "lessons", "report", "setup", "pack", "test-pack", "test-colab"}
    phony = next(line for line in lines if line.startswith(".PHONY:"))
    assert set(phony.split()[1:]) == set(recipes)


def test_every_command_is_explained(monkeypatch):
    explained = {line.split()[0] for line in kit.__doc__.split("\n\n")[1].splitlines()}
    lines = (kit.ROOT / "Makefile").read_text().splitlines()
    assert explained == {line.split(":")[0] for line in lines if ": ; @" in line}
