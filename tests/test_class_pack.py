"""The class pack: what is in it, what is never in it, and that set-up in it asks no network."""

import base64
import hashlib
import os
import re
import shutil
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

from tools import class_pack, class_wheels, kit, pack_rehearsal

ROOT = Path(__file__).parents[1]
HERE = f"3.{sys.version_info[1]}"


def make_wheel(folder: Path, name: str, version: str, more: str = "") -> str:
    """A wheel by hand; returns its line in a lock."""
    folder.mkdir(exist_ok=True)
    info = f"{name}-{version}.dist-info"
    files = {
        f"{name}.py": f"VERSION = '{version}'\n",
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{more}",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = ""
    for path, text in files.items():
        value = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).decode().rstrip("=")
        record += f"{path},sha256={value},{len(text)}\n"
    files[f"{info}/RECORD"] = f"{record}{info}/RECORD,,\n"
    wheel = folder / f"{name}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for path, text in files.items():
            archive.writestr(path, text)
    return f"{name}=={version} \\\n    --hash=sha256:{hashlib.sha256(wheel.read_bytes()).hexdigest()}\n"


@pytest.fixture
def store(tmp_path, monkeypatch):
    """The only place pip can fetch from: a folder instead of an index."""
    folder = tmp_path / "store"
    folder.mkdir()
    for name in [name for name in os.environ if name.startswith(("PIP_", "FAKEFACE_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder


@pytest.fixture
def checkout(tmp_path, store):
    """A small kit in which everything lies that must not be handed on."""
    root = tmp_path / "kit"
    texts = {
        "README.md": "read me",
        ".gitignore": "/data/\n/runs/\n__pycache__/\n/secret.txt\n/Ann.txt\n*grades*\nhanded_in*\n",
        "fakeface_utils/config.py": "",
        "fakeface_utils/__pycache__/config.pyc": "cache",
        "notebooks/my lesson.ipynb": "{}",
        "docs/pictures/drawn.png": "drawn",
        "results/figures/roc.png": "curves",
        "data/140k/real/00001.jpg": "a face",
        "data/sample/140k/manifest.json": "{}",
        "data/sample/140k/drawn.jpg": "drawn",
        "runs/records/mine.json": "{}",
        "notebooks/me.JPG": "a face",
        "weights.h5": "large",
        ".venv/bin/python": "",
        "build/course/index.html": "",
        "grades.csv": "not tracked either",
        "Ann.txt": "about a learner",
        "results/my grades.txt": "of a class",
        "notebooks/handed_in.csv": "names",
        "results/records/roc.csv": "a curve",
    }
    for name, text in texts.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    (root / "tools").mkdir()
    for name in ("class_pack.py", "kit.py"):
        shutil.copy(ROOT / "tools" / name, root / "tools")
    shutil.copytree(
        ROOT / "tools/nonetwork", root / "tools/nonetwork", ignore=shutil.ignore_patterns("__pycache__")
    )
    (root / "pyproject.toml").write_text("")
    (root / "requirements.lock").write_text(make_wheel(store, "alpha", "1.0") + make_wheel(store, "beta", "2.1"))
    return root


def build(root: Path, **changes) -> Path:
    arguments = {"out": root / "build/class-pack", "machines": [(HERE, "here")], "weights": None} | changes
    return class_pack.build(root, **arguments)


def names(pack: Path) -> set[str]:
    return {path.relative_to(pack).as_posix() for path in pack.rglob("*") if path.is_file()}


def git(root: Path, *arguments: str) -> None:
    env = {k: v for k, v in os.environ.items() if not k.startswith("GIT_")}
    subprocess.run(["git", "-C", str(root), *arguments], check=True, capture_output=True, env=env)


@pytest.mark.parametrize("with_git", [True, False])
def test_the_pack_holds_the_kit_and_nothing_personal(checkout, with_git, capsys):
    expected = {"README.md", ".gitignore", "fakeface_utils/config.py", "notebooks/my lesson.ipynb"}
    expected.add("results/records/roc.csv")
    (checkout / "secret.txt").write_text("ignored")
    expected |= {
        "docs/pictures/drawn.png",
        "results/figures/roc.png",
        "pyproject.toml",
        "requirements.lock",
        "tools/class_pack.py",
    }
    expected |= {"tools/kit.py", "tools/nonetwork/sitecustomize.py", "PACK.txt", "MANIFEST.sha256"}
    expected |= {"data/sample/140k/manifest.json", "data/sample/140k/drawn.jpg"}
    expected |= {"wheels/alpha-1.0-py3-none-any.whl", "wheels/beta-2.1-py3-none-any.whl"}
    if with_git:
        if not shutil.which("git"):
            pytest.skip("no git here")
        git(checkout, "init", "-q")
        git(checkout, "add", ".")
        (checkout / "notebooks/ann's lesson.ipynb").write_text("handed in, not tracked")
        (checkout / "notebooks/gone.ipynb").write_text("tracked, then deleted")
        git(checkout, "add", "notebooks/gone.ipynb")
        (checkout / "notebooks/gone.ipynb").unlink()
    pack = build(checkout)
    assert names(pack) == expected
    assert class_pack.verify(pack) == []
    said = capsys.readouterr().out
    assert "notebooks/me.JPG" in said and "no weights" in said
    alone = "Ann.txt, grades.csv, notebooks/handed_in.csv, results/my grades.txt, secret.txt, weights.h5\n"
    assert ("left out, since without git" in said and alone in said) != with_git
    text = (pack / "PACK.txt").read_text()
    assert text.startswith(class_pack.TITLE + "\n") and f"Python {HERE}" in text and "make course" in text


def test_data_and_runs_that_lie_elsewhere_in_the_checkout_stay_out(checkout, monkeypatch):
    for folder, variable in (("my_faces", "FAKEFACE_DATA"), ("my_runs", "FAKEFACE_RUNS")):
        (checkout / folder).mkdir()
        (checkout / folder / "list.csv").write_text("names")
        monkeypatch.setenv(variable, str(checkout / folder))
    assert not {name for name in names(build(checkout)) if "list.csv" in name}


def test_weights_come_along_and_the_kit_finds_them(checkout, tmp_path, monkeypatch):
    weights = tmp_path / "weights of mine"
    (weights / "small").mkdir(parents=True)
    (weights / "small/net.weights.h5").write_text("1")
    (weights / "photo.jpg").write_text("a face")
    pack = build(checkout, weights=weights)
    assert {n for n in names(pack) if n.startswith("weights/")} == {"weights/small/net.weights.h5"}
    monkeypatch.setattr(kit, "ROOT", pack)
    assert kit.step_environment({})["FAKEFACE_WEIGHTS_DIR"] == str(pack / "weights")
    monkeypatch.setenv("FAKEFACE_WEIGHTS_DIR", str(weights))
    assert kit.step_environment({})["FAKEFACE_WEIGHTS_DIR"] == str(weights)


def test_a_foreign_folder_is_left_alone(checkout):
    out = checkout / "build/mine"
    out.mkdir()
    (out / "thesis.txt").write_text("years of work")
    with pytest.raises(class_pack.PackError, match="no class pack"):
        build(checkout, out=out)
    assert names(out) == {"thesis.txt"}


def broken_git(root: Path, monkeypatch, how: str) -> None:
    """A checkout whose git fails: not installed, owned by somebody else, or no repository at all."""
    bin_folder = root.parent / "bin"
    bin_folder.mkdir()
    if how == "dubious":
        (bin_folder / "git").write_text("#!/bin/sh\necho 'fatal: detected dubious ownership' >&2\nexit 128\n")
        (bin_folder / "git").chmod(0o755)
    if how != "empty":
        monkeypatch.setenv("PATH", str(bin_folder))
    (root / ".git").mkdir()


@pytest.mark.skipif(os.name == "nt", reason="the stand-in for git is a shell script")
@pytest.mark.parametrize(
    ("how", "said"), [("dubious", "dubious ownership"), ("gone", "No such file"), ("empty", "not a git repository")]
)
def test_where_git_fails_nothing_is_packed_by_guess(checkout, monkeypatch, how, said):
    if not shutil.which("git"):
        pytest.skip("no git here")
    git(checkout.parent, "init", "-q")  # a repository above it does not speak for it
    broken_git(checkout, monkeypatch, how)
    with pytest.raises(class_pack.PackError, match=f"(?s){said}.*install git.*unpacked zip"):
        build(checkout)
    assert not (checkout / "build/class-pack").exists()


def test_git_is_asked_about_this_checkout_whatever_its_variables_say(checkout, tmp_path, monkeypatch):
    if not shutil.which("git"):
        pytest.skip("no git here")
    other = tmp_path / "other"
    other.mkdir()
    (other / "README.md").write_text("of another checkout")
    for root in (other, checkout):
        git(root, "init", "-q")
        git(root, "add", "README.md")
    git(checkout, "add", "fakeface_utils")
    monkeypatch.setenv("GIT_DIR", str(other / ".git"))
    monkeypatch.setenv("GIT_INDEX_FILE", str(other / ".git/index"))
    assert set(class_pack.git_files(checkout)) == {"README.md", "fakeface_utils/config.py"}


def test_without_git_the_kit_is_known_by_its_top_level_names():
    if not ((ROOT / ".git").exists() and shutil.which("git")):
        pytest.skip("no git checkout")
    named = class_pack.git_files(ROOT)
    assert {name.split("/")[0] for name in named} == class_pack.KIT
    present = {name for name in named if (ROOT / name).is_file()}
    assert present <= set(class_pack.unpacked_files(ROOT))  # no table of the kit's own is taken for a teacher's
    assert not class_pack.KIT & (class_pack.LEFT_OUT | class_pack.CACHES)


USED = {
    "my_notebooks/01.ipynb": "added: my_notebooks",
    "data/140k/1.jpg": "added: data/140k",
    "data/sample/140k/face.jpg": "added: data/sample/140k/face.jpg",
    "runs/a.json": "added: runs",
    "notebooks/mine.ipynb": "added: notebooks/mine.ipynb",
    "notebooks/.ipynb_checkpoints/mine.ipynb": "added: notebooks/.ipynb_checkpoints",
    "notebooks/my lesson.ipynb": "changed: notebooks/my lesson.ipynb",
    "wheels/mine.whl": "added: wheels/mine.whl",
    ".venv/x": "added: .venv",
    "build/course/index.html": "added: build",
    "fakeface_utils.egg-info/x": "added: fakeface_utils.egg-info",
}


@pytest.mark.parametrize(("work", "named"), USED.items())
def test_a_pack_that_somebody_used_is_left_alone(checkout, work, named):
    pack = build(checkout)
    (pack / work).parent.mkdir(parents=True, exist_ok=True)
    (pack / work).write_text("mine")
    with pytest.raises(class_pack.PackError, match=rf"worked in \({re.escape(named)}\)"):
        build(checkout)
    assert (pack / work).read_text() == "mine"


@pytest.mark.skipif(os.name == "nt", reason="links need a right there")
def test_a_link_in_a_pack_and_a_pack_without_its_list_count_as_used(checkout, tmp_path):
    pack = build(checkout)
    (pack / "notebooks/link").symlink_to(tmp_path, target_is_directory=True)
    with pytest.raises(class_pack.PackError, match="added: notebooks/link"):
        build(checkout)
    (pack / "notebooks/link").unlink()
    (pack / class_pack.MANIFEST).unlink()
    with pytest.raises(class_pack.PackError, match=class_pack.MANIFEST):
        build(checkout)
    assert pack.exists()


def test_much_work_is_told_in_short(checkout):
    pack = build(checkout)
    for number in range(9):
        (pack / f"{number}.txt").write_text("mine")
    with pytest.raises(class_pack.PackError, match=r"4\.txt and 4 more"):
        build(checkout)


def test_an_earlier_pack_is_replaced(checkout):
    """Also one that has lost a file, or in which Python left its byte code."""
    pack = build(checkout)
    for cache in ("tools/__pycache__/kit.pyc", ".pytest_cache/x"):
        (pack / cache).parent.mkdir()
        (pack / cache).write_text("made by Python")
    (pack / "pyproject.toml").unlink()
    (checkout / "README.md").write_text("new")
    build(checkout)
    assert (pack / "README.md").read_text() == "new" and not (pack / ".pytest_cache").exists()
    assert (pack / "pyproject.toml").exists()
    assert {path.name for path in pack.parent.iterdir()} == {"class-pack", "pack-wheels", "course"}


@pytest.mark.parametrize("step", ["fill", "description", "write_manifest", "exchange"])
@pytest.mark.parametrize("earlier", [True, False])
def test_an_interrupted_build_leaves_what_was_there_and_keeps_the_wheels(checkout, monkeypatch, step, earlier):
    if earlier:
        before = names(build(checkout))
        (checkout / "README.md").write_text("new")
    real = getattr(class_pack, step)

    def interrupted(*arguments):
        if step == "fill":
            real(*arguments)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(class_pack, step, interrupted)
        with pytest.raises(KeyboardInterrupt):
            build(checkout)
    pack = checkout / "build/class-pack"
    assert {path.name for path in pack.parent.glob("*class-pack*")} == ({"class-pack"} if earlier else set())
    if earlier:
        assert names(pack) == before and (pack / "README.md").read_text() == "read me"
        assert class_pack.verify(pack) == []
    monkeypatch.setenv("PIP_FIND_LINKS", os.devnull)  # nothing more can be fetched
    assert "wheels/alpha-1.0-py3-none-any.whl" in names(build(checkout))


@pytest.mark.parametrize("earlier", [True, False])
def test_a_pack_that_cannot_get_its_name_leaves_the_earlier_one(checkout, monkeypatch, earlier):
    if earlier:
        build(checkout)
    (checkout / "README.md").write_text("new")
    real = Path.replace

    def replace(path, target):
        if path.name.endswith(".part") and Path(target).name == "class-pack":
            raise PermissionError("somebody looks into it")
        return real(path, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", replace)
        with pytest.raises(PermissionError):
            build(checkout)
    pack = checkout / "build/class-pack"
    assert {path.name for path in pack.parent.glob("*class-pack*")} == ({"class-pack"} if earlier else set())
    assert not earlier or ((pack / "README.md").read_text() == "read me" and class_pack.verify(pack) == [])


def test_what_a_killed_build_left_does_not_stop_the_next(checkout, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(class_pack, "fill", lambda *arguments: 1 / 0)
        patch.setattr(class_pack.shutil, "rmtree", lambda *arguments, **more: None)  # as kill -9 would have it
        with pytest.raises(ZeroDivisionError):
            build(checkout)
    assert (checkout / "build/.class-pack.part").exists()
    assert class_pack.verify(build(checkout)) == [] and not (checkout / "build/.class-pack.part").exists()


def test_main_says_that_it_was_stopped(monkeypatch, capsys):
    def interrupted(*arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr(class_pack, "build", interrupted)
    monkeypatch.setattr(class_pack.signal, "signal", lambda *arguments: None)
    assert class_pack.main([]) == 130 and "stopped" in capsys.readouterr().err


def verify_by_hand(pack: Path) -> subprocess.CompletedProcess:
    """As a teacher calls it: with a bare Python, before anything is installed."""
    command = [sys.executable, "-I", "-S", "tools/class_pack.py", "--verify"]
    return subprocess.run(command, cwd=pack, capture_output=True, text=True)


def test_verify_finds_a_changed_and_a_missing_file(checkout, tmp_path):
    pack = tmp_path / "stick/a copy"
    shutil.copytree(build(checkout), pack)
    (pack / "my_notebooks").mkdir()
    (pack / "my_notebooks/added.ipynb").write_text("does not matter")
    whole = verify_by_hand(pack)
    assert whole.returncode == 0 and "whole" in whole.stdout, whole.stderr
    (pack / "README.md").write_text("read mE")
    (pack / "wheels/alpha-1.0-py3-none-any.whl").unlink()
    broken = verify_by_hand(pack)
    assert broken.returncode == 1
    assert broken.stdout.splitlines()[:2] == ["changed: README.md", "missing: wheels/alpha-1.0-py3-none-any.whl"]


@pytest.mark.parametrize("keep", [0, 3])
def test_verify_notices_a_list_that_is_cut_short_or_gone(checkout, keep):
    pack = build(checkout)
    manifest = pack / "MANIFEST.sha256"
    manifest.write_text("".join(manifest.read_text().splitlines(keepends=True)[:keep]))
    assert verify_by_hand(pack).returncode == 1
    manifest.unlink()
    gone = verify_by_hand(pack)
    assert gone.returncode == 1 and "MANIFEST.sha256 is missing" in gone.stderr


def test_a_pack_is_not_packed_again_and_needs_the_drawn_sample(checkout):
    with pytest.raises(class_pack.PackError, match="copy the folder"):
        build(build(checkout))
    shutil.rmtree(checkout / "data/sample")
    with pytest.raises(class_pack.PackError, match="fakeface_utils sample"):
        build(checkout)


def test_a_package_without_a_wheel_is_named(checkout):
    lock = checkout / "requirements.lock"
    lock.write_text(lock.read_text() + "gamma==3.0 \\\n    --hash=sha256:" + 64 * "0" + "\n")
    with pytest.raises(class_pack.PackError, match=rf"gamma==3\.0 has no wheel for Python {HERE}.*--platform"):
        build(checkout)
    assert not (checkout / "build/class-pack").exists()


def test_a_tampered_wheel_is_not_packed(checkout, store):
    build(checkout)
    cache = next((checkout / "build/pack-wheels").glob("*"))
    (cache / "alpha-1.0-py3-none-any.whl").unlink()  # it shares its content with the one in the pack
    (cache / "alpha-1.0-py3-none-any.whl").write_text("tampered")
    assert class_pack.verify(build(checkout)) == []
    make_wheel(store, "alpha", "1.0").encode()
    (store / "alpha-1.0-py3-none-any.whl").write_bytes(b"tampered at the source")
    (cache / "alpha-1.0-py3-none-any.whl").unlink()
    with pytest.raises(class_pack.PackError):
        build(checkout)


def test_wheels_the_lock_no_longer_names_are_not_packed(checkout, store):
    build(checkout)
    (checkout / "requirements.lock").write_text(make_wheel(store, "beta", "2.2"))
    pack = build(checkout)
    assert {path.name for path in (pack / "wheels").iterdir()} == {"beta-2.2-py3-none-any.whl"}
    assert [path.name for path in (checkout / "build/pack-wheels").rglob("*.whl")] == ["beta-2.2-py3-none-any.whl"]


def test_both_versions_are_packed_where_the_third_number_of_python_decides(checkout, store):
    old, new = make_wheel(store, "beta", "1.9"), make_wheel(store, "beta", "2.1")
    old = old.replace(" \\", f" ; python_full_version < '{HERE}.5' \\", 1)
    new = new.replace(" \\", f" ; python_full_version >= '{HERE}.5' \\", 1)
    (checkout / "requirements.lock").write_text(old + new)
    pack = build(checkout)
    assert {path.name[:8] for path in (pack / "wheels").iterdir()} == {"beta-1.9", "beta-2.1"}


def test_another_machine_gets_the_lines_of_the_lock_that_are_for_it(checkout, store):
    lock = make_wheel(store, "alpha", "1.0").replace(" \\", " ; sys_platform == 'win32' \\", 1)
    lock += make_wheel(store, "beta", "2.1").replace(" \\", " ; python_full_version == '3.12.*' \\", 1)
    (checkout / "requirements.lock").write_text(lock)
    for machines, expected in (
        ([("3.13", "win_amd64")], {"alpha"}),
        ([("3.12", "manylinux_2_28_x86_64")], {"beta"}),
        ([("3.13", "win_amd64"), ("3.12", "macosx_14_0_arm64")], {"alpha", "beta"}),
    ):
        pack = build(checkout, machines=machines)
        assert {path.name.split("-")[0] for path in (pack / "wheels").iterdir()} == expected
        assert all(f"Python {python} on {tag}" in (pack / "PACK.txt").read_text() for python, tag in machines)


def test_what_a_package_needs_is_left_to_the_lock(checkout, store):
    """pip would judge these markers by the machine that makes the pack."""
    needs = f"Requires-Dist: only-here ; python_version == '{HERE}'\n"
    (checkout / "requirements.lock").write_text(make_wheel(store, "alpha", "1.0", needs))
    other = next(python for python in ("3.11", "3.12") if python != HERE)
    assert "wheels/alpha-1.0-py3-none-any.whl" in names(build(checkout, machines=[(other, "win_amd64")]))


@pytest.mark.parametrize("python", ["3.11", "3.12", "3.13"])
@pytest.mark.parametrize(
    "tag", ["win_amd64", "macosx_14_0_arm64", "manylinux_2_28_x86_64", "manylinux2014_aarch64"]
)
def test_the_real_lock_has_one_tensorflow_for_each_machine(python, tag):
    target = class_wheels.Target(python, tag)
    known = class_wheels.pins((ROOT / "requirements.lock").read_text())
    wanted = [pin for pin in known if target.takes(pin.marker)]
    assert len(known) > len(wanted) > 100
    plain = "arm64" in tag or "aarch64" in tag
    found = [pin.name for pin in wanted if pin.name.startswith("tensorflow")]
    assert found == (["tensorflow"] if plain else ["tensorflow-cpu"])
    groups = class_wheels.batches(wanted)
    assert sorted(pin.name for group in groups for pin in group) == sorted(pin.name for pin in wanted)
    assert all(len({pin.name for pin in group}) == len(group) for group in groups)


def test_a_newer_linux_takes_wheels_for_older_ones():
    tags = class_wheels.older_too("manylinux_2_28_x86_64")
    assert {"manylinux_2_28_x86_64", "manylinux_2_17_x86_64", "manylinux2014_x86_64"} <= set(tags)
    assert "manylinux_2_31_x86_64" not in tags
    assert class_wheels.older_too("win_amd64") == ["win_amd64"]


@pytest.mark.parametrize("machine", [("3", "here"), ("three", "here"), ("3.12", "windows"), ("3.12", "win_mips")])
def test_a_machine_that_cannot_be_meant_is_refused_before_anything_is_fetched(checkout, machine):
    with pytest.raises(class_pack.PackError, match="--p"):
        build(checkout, machines=[machine])
    assert not (checkout / "build/pack-wheels").exists()


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("WARNING: Retrying (Retry(total=4\nERROR: No matching distribution found for a==1", "network failed"),
        ("ERROR: No matching distribution found for a==1", r"a==1 has no wheel for Python 3\.12 on win_amd64"),
        ("something else", "something else\npip failed"),
    ],
)
def test_a_network_failure_is_told_from_a_missing_wheel(said, expected):
    assert re.search(expected, class_wheels.why(class_wheels.Target("3.12", "win_amd64"), said))


def test_set_up_in_a_copied_pack_installs_from_it_without_the_network(checkout, tmp_path, monkeypatch, capsys):
    copy = tmp_path / "a copy"
    shutil.copytree(build(checkout), copy)
    monkeypatch.delenv("PIP_NO_INDEX")
    monkeypatch.delenv("PIP_FIND_LINKS")
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")  # nobody answers there
    monkeypatch.setenv("PIP_RETRIES", "0")
    venv.create(copy / ".venv", with_pip=True, symlinks=os.name != "nt")
    monkeypatch.setattr(kit, "ROOT", copy)
    monkeypatch.setattr(kit, "PYTHON", copy / ".venv" / kit.PYTHON.relative_to(kit.VENV))
    kit.install_lock()
    code = "import alpha, beta; print(alpha.VERSION, beta.VERSION)"
    said = subprocess.run([str(kit.PYTHON), "-c", code], capture_output=True, text=True)
    assert said.stdout.split() == ["1.0", "2.1"]
    shutil.rmtree(copy / "wheels")  # the same set-up does ask the network where it is no pack
    (copy / "requirements.lock").write_text(make_wheel(tmp_path / "other", "gamma", "1.0"))
    with pytest.raises(SystemExit, match="Run this again"):
        kit.install_lock()


MAKES_INDEX = """
import os, pathlib, socket, sys
assert set(os.environ) & {"FAKEFACE_RUNS", "SECRET"} == set() and os.environ["PIP_CONFIG_FILE"] == os.devnull
assert " " in os.getcwd() and not os.listdir(os.environ["HOME"])
try:
    socket.create_connection(("127.0.0.1", PORT), timeout=5)
except OSError:
    pass
else:
    sys.exit("the network outside is reached")
pathlib.Path("build/course").mkdir(parents=True)
pathlib.Path("build/course/index.html").write_text("")
"""


INDEX = "import pathlib\n" + "\n".join(MAKES_INDEX.splitlines()[-2:]) + "\n"


@pytest.fixture
def rehearsed(checkout, tmp_path, monkeypatch):
    """Rehearse with a course of one's own: a script instead of set-up and lessons."""

    def run(script: str) -> bool:
        (checkout / "tools/course.py").write_text(script)
        monkeypatch.setattr(class_pack, "ROOT", checkout)
        monkeypatch.setattr(pack_rehearsal, "course_command", lambda: [sys.executable, "tools/course.py"])
        monkeypatch.setenv("SECRET", "of this machine")
        scratch = tmp_path / "scratch"
        scratch.mkdir()
        return pack_rehearsal.rehearse(scratch)

    return run


def test_the_rehearsal_has_no_network_and_a_bare_environment(rehearsed):
    import socket

    if not pack_rehearsal.own_network():
        pytest.skip("this machine makes no network name spaces")
    with socket.create_server(("127.0.0.1", 0)) as server:  # loopback of this side: outside for the copy
        assert rehearsed(MAKES_INDEX.replace("PORT", str(server.getsockname()[1])))


def test_without_name_spaces_python_itself_is_blocked(rehearsed, monkeypatch):
    monkeypatch.setattr(pack_rehearsal, "own_network", list)
    blocked = "import socket\ntry: socket.getaddrinfo('example.invalid', 80)\nexcept OSError as e: text = str(e)\n"
    blocked += "assert 'no network in this run' in text\n"
    assert rehearsed(blocked + INDEX)


@pytest.mark.parametrize("script", ["pass", "import sys; sys.exit(3)", INDEX + "import sys; sys.exit(3)"])
def test_the_rehearsal_fails_where_the_course_does(rehearsed, script):
    assert not rehearsed(script)


def test_the_rehearsal_tidies_up_and_its_status_tells(tmp_path, monkeypatch):
    for good in (True, False):
        monkeypatch.setattr(pack_rehearsal, "rehearse", lambda scratch, good=good: good)
        monkeypatch.setattr(pack_rehearsal, "NEEDED_GB", 0)
        assert pack_rehearsal.main(["--where", str(tmp_path / "there")]) == (0 if good else 1)
        assert list((tmp_path / "there").iterdir()) == []
