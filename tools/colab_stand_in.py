"""Run the Colab notebooks without Colab: python -m tools.colab_stand_in --only 01 --out build/colab

A folder plays the machine's /content, another one plays Drive and outlives it. `google.colab` is a module of ours, git
clones this checkout instead of GitHub's, pip only notes what it was asked for, and no network is there. What this
cannot show: Google's own mount and its speed, a GPU, the runtime's own packages (for these: `make test-colab`).
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import stat
import subprocess
import sys
import tempfile
import time
import zipfile
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from papermill.iorw import load_notebook_node
from papermill.parameterize import parameterize_notebook

from fakeface_utils.datasets import testbed
from tools.build_lessons import LessonError, origin
from tools.class_pack import below
from tools.run_lessons import kernel_environment, notebooks

ROOT = Path(__file__).parents[1]
# Whatever the user's own git is set to.
ANYBODY = (
    "-c",
    "user.name=x",
    "-c",
    "user.email=x@localhost",
    "-c",
    "commit.gpgsign=false",
    "-c",
    "tag.gpgsign=false",
)
MODULES = Path(__file__).with_name("stand_in")
PIP = """#!{python}
import subprocess, sys
with open({log!r}, "a") as file:
    file.write(" ".join(sys.argv[1:]) + "\\n")
if "-e" in sys.argv:  # is it a project that could be installed?
    sys.exit(not __import__("os").path.isfile("pyproject.toml"))
"""


@dataclass(frozen=True)
class Machine:
    """One Colab machine. Deleting ``content`` is a disconnect; ``drive`` stays.

    Attributes:
        content: what the notebooks know as /content.
        drive: what they know as MyDrive.
        origin: a folder that holds OWNER/NAME as a git repository with the course's tag.
    """

    content: Path
    drive: Path
    origin: Path

    @property
    def pip_log(self) -> Path:
        """What pip was asked for, a line a call."""
        return self.origin / "pip.log"

    def environment(self) -> dict[str, str]:
        """That of a kernel on this machine: none of this checkout's package or settings."""
        env = {
            k: v
            for k, v in kernel_environment(block_network=True).items()
            if not k.startswith(("FAKEFACE_", "GIT_"))
        }
        env["PYTHONPATH"] = os.pathsep.join([str(ROOT / "tools/nonetwork"), str(MODULES)])
        env["PATH"] = os.pathsep.join([str(self._bin()), str(Path(sys.executable).parent), env["PATH"]])
        env |= {"COLAB_RELEASE_TAG": "stand-in", "COLAB_STAND_IN_CONTENT": str(self.content)}
        env |= {"COLAB_STAND_IN_DRIVE": str(self.drive), "GIT_CONFIG_COUNT": "1"}
        env |= {
            "GIT_CONFIG_KEY_0": f"url.file://{self.origin}/.insteadOf",
            "GIT_CONFIG_VALUE_0": "https://github.com/",
        }
        return env

    def _bin(self) -> Path:
        folder = self.origin / "bin"
        pip = folder / "pip"
        if not pip.exists():
            folder.mkdir()
            pip.write_text(PIP.format(python=sys.executable, log=str(self.pip_log)))
            pip.chmod(pip.stat().st_mode | stat.S_IEXEC)
        return folder

    def run(self, notebook: nbformat.NotebookNode) -> None:
        """Execute a notebook in place, cell by cell, as somebody would who opens it in Colab.

        Raises nbclient's CellExecutionError at the first cell that fails; the notebook holds what came before.
        """
        for cell in notebook.cells:
            if cell.cell_type == "code":
                cell.source = cell.source.replace("/content", str(self.content))
        self.content.mkdir(parents=True, exist_ok=True)
        client = NotebookClient(
            notebook, timeout=None, kernel_name="python3", resources={"metadata": {"path": str(self.content)}}
        )
        client.execute(env=self.environment())


def make_origin(folder: Path, root: Path = ROOT) -> Path:
    """This checkout, its changes included, as the repository and tag that the notebooks clone; returns ``folder``."""
    where = origin(root)
    repository = folder / where["repository"]
    names = (
        git(root, "ls-files", "-co", "--exclude-standard").split("\n") if (root / ".git").exists() else below(root)
    )
    for name in filter(None, names):
        if (root / name).is_file():
            target = repository / (root / name).relative_to(root)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(root / name, target)
    git(repository, "init", "-q")
    git(repository, "add", "-A")
    git(repository, *ANYBODY, "commit", "-qm", "as it stands")
    git(repository, "tag", where["tag"])
    return folder


def git(folder: Path, *arguments: str) -> str:
    """What git says, asked in a folder; never in the one that a hook, which sets GIT_DIR, is about."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    try:
        said = subprocess.run(["git", *arguments], cwd=folder, capture_output=True, text=True, env=env)
    except FileNotFoundError as error:
        raise LessonError("the stand-in needs git, which is not on the PATH") from error
    if said.returncode:
        raise LessonError(f"git {' '.join(arguments)} failed in {folder}: {said.stderr.strip()}")
    return said.stdout


def fill_drive(drive: Path, n_images: int = 48, runs: Path | None = None) -> None:
    """What a user has put on Drive: a zip in the layout of Kaggle's (drawn portraits that do not say so), and what
    an earlier machine has left in ``runs``."""
    home = drive / "fakeface"
    home.mkdir(parents=True)
    if runs is not None:
        runs.mkdir(parents=True, exist_ok=True)
        (home / "runs").symlink_to(runs, target_is_directory=True)
    with tempfile.TemporaryDirectory() as temporary:
        sample = Path(temporary) / "140k"
        testbed.make_sample(sample, testbed.SampleSpec("140k", n_images, size=32))
        with zipfile.ZipFile(home / "140k-real-and-fake-faces.zip", "w") as zipped:
            for path in sorted(sample.rglob("*.jpg")):
                zipped.write(path, path.relative_to(sample))


def try_notebook(machine: Machine, path: Path, out: Path, **parameters: object) -> str:
    """Run one Colab notebook in smoke, keep it in ``out``; returns what went wrong, or an empty text."""
    notebook = parameterize_notebook(load_notebook_node(str(path)), {"PROFILE": "smoke", **parameters})
    problem = ""
    try:
        machine.run(notebook)
    except CellExecutionError as error:
        problem = f"{error.ename}: {error.evalue}"
    nbformat.write(notebook, out / path.name)
    return problem


def try_run_all(machine: Machine, lesson: str, out: Path) -> str:
    """Run run_all.ipynb with one lesson, and see whether that lesson and the pages have come to Drive."""
    problem = try_notebook(machine, ROOT / "colab/run_all.ipynb", out, LESSONS=[lesson])
    left = machine.drive / "fakeface/course/smoke"
    stamps = [json.loads(path.read_text(encoding="utf-8"))["status"] for path in left.glob(f"{lesson}_*.json")]
    missing = "" if (left / "index.html").is_file() else "no pages on Drive"
    return problem or ("" if stamps == ["ok"] else f"lesson {lesson} on Drive: {stamps or 'not there'}") or missing


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--only", nargs="+", metavar="NN", help="these lessons, then run_all with the first of them"
    )
    parser.add_argument("--out", type=Path, default=Path("build/colab"), help="where executed notebooks go")
    parser.add_argument("--runs", type=Path, help="finished experiments that Drive shall hold from before")
    options = parser.parse_args(argv)
    try:
        paths = notebooks(ROOT, "colab", options.only)
        options.out.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory() as temporary:
            home = Path(temporary).resolve()
            machine = Machine(home / "content", home / "MyDrive", make_origin(home / "origin"))
            fill_drive(machine.drive, runs=options.runs and options.runs.resolve())
            tries = {path.stem: partial(try_notebook, machine, path, options.out) for path in paths}
            tries["run_all"] = partial(try_run_all, machine, paths[0].stem[:2], options.out)
            failed = False
            for name, attempt in tries.items():
                started = time.monotonic()
                problem = attempt()
                failed |= bool(problem)
                print(f"{name:<24}{problem or 'ok':<10}{time.monotonic() - started:5.0f} s", flush=True)
    except LessonError as error:
        print(error, file=sys.stderr)
        return 1
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
