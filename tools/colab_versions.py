"""Run the kit under the versions that Colab has: python -m tools.colab_versions [pytest options]

Makes .venv-colab with Python 3.13 and colab/constraints.txt, checks that nothing else was installed, and runs the
unit tests and lesson 01 (smoke, network blocked) there. Your .venv stays as it is.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tools import kit

ROOT = Path(__file__).parents[1]
VENV = ROOT / ".venv-colab"
PYTHON = VENV / kit.PYTHON.relative_to(kit.VENV)
STAMP = VENV / "fakeface-setup"
CONSTRAINTS = ROOT / "colab/constraints.txt"
MINOR = 13
ALLOWED = [(3, MINOR)]
# Not in Colab: JupyterLab is the desktop's way to open a lesson, and no test or headless run needs it.
DESKTOP = {"jupyterlab"}
# One stands for the other: which of the two is installed depends on the machine.
TWINS = ({"tensorflow", "tensorflow-cpu"},)


def pins(text: str) -> dict[str, str]:
    """Package -> version of a constraints file; ValueError for a line that is no `name==version`."""
    result = {}
    for line in text.splitlines():
        wanted = line.partition("#")[0].strip()
        if not wanted:
            continue
        match = re.fullmatch(r"([\w.-]+)==([\w.]+)", wanted)
        if not match:
            raise ValueError(f"colab/constraints.txt: {line!r} is not of the form name==version")
        result[canonicalize_name(match[1])] = match[2]
    return result


def requirements(project: dict, colab: dict[str, str]) -> list[str]:
    """What to install: the kit's own needs without the desktop's, at Colab's version where Colab has the package.

    Colab's version goes before the range in pyproject.toml, which is that of your own machine.
    """
    extras = project["optional-dependencies"]
    lines = [*project["dependencies"], *extras["cpu"], *extras["course"], *extras["dev"]]
    wanted = []
    for requirement in map(Requirement, lines):
        name = canonicalize_name(requirement.name)
        if name in DESKTOP or (requirement.marker and not requirement.marker.evaluate()):
            continue
        wanted.append(f"{name}=={colab[name]}" if name in colab else f"{name}{requirement.specifier}")
    return wanted


def differences(colab: dict[str, str], installed: dict[str, str]) -> list[str]:
    """Where an environment is not Colab's: another version, or none."""
    wrong = []
    for name, version in colab.items():
        twins = next((group for group in TWINS if name in group), {name})
        if name in installed and installed[name] != version:
            wrong.append(f"{name} is {installed[name]}, Colab has {version}")
        elif not twins & set(installed):
            wrong.append(f"{name} is not installed, Colab has {version}")
    return wrong


def find_python() -> str:
    """A Python 3.13 from the PATH (of pyenv also one that is not switched on); SystemExit where there is none."""
    folders = [Path(folder) for folder in os.environ.get("PATH", "").split(os.pathsep) if folder]
    names = (f"python3.{MINOR}", f"python3.{MINOR}.exe", "python3", "python", "python.exe")
    candidates = [sys.executable, *(str(folder / name) for name in names for folder in folders)]
    for shims in (folder for folder in folders if folder.name == "shims"):
        candidates += map(str, sorted(shims.parent.glob(f"versions/3.{MINOR}.*/bin/python3.{MINOR}")))
    for python in candidates:
        if Path(python).exists() and kit.suitable(python, ALLOWED):
            return python
    raise SystemExit(
        f"Colab has Python 3.{MINOR}, and none that runs was found on the PATH. Install one (conda create -n "
        f"py3{MINOR} python=3.{MINOR} does), put it on the PATH and run this again."
    )


def wanted_stamp(needs: list[str]) -> str:
    """What a finished set-up depends on."""
    total = hashlib.sha256("\n".join([str(ROOT), *needs]).encode())
    for path in (CONSTRAINTS, ROOT / "pyproject.toml"):
        total.update(path.read_bytes())
    return total.hexdigest()


def setup(needs: list[str]) -> None:
    """Make .venv-colab. The stamp comes last, so that an interrupted set-up is done again."""
    if STAMP.exists() and STAMP.read_text() == wanted_stamp(needs) and kit.suitable(str(PYTHON), ALLOWED):
        return
    STAMP.unlink(missing_ok=True)
    python = find_python()
    print(f"Setting up {VENV.name} with {python}: this takes minutes and about 2 GB, once.", flush=True)
    if not (kit.suitable(str(PYTHON), ALLOWED) and kit.has_pip(str(PYTHON))):
        if VENV.exists():
            shutil.rmtree(VENV)
        kit.must([python, "-m", "venv", str(VENV)])
    pip = [str(PYTHON), "-m", "pip", "install", "--disable-pip-version-check", "--quiet", "--progress-bar", "off"]
    # Wheels only, as in Colab; compiled, since each lesson's kernel imports all of it anew.
    kit.must([*pip, "--compile", "--only-binary", ":all:", "-c", str(CONSTRAINTS), *needs])
    kit.must([*pip, "--no-deps", "--no-build-isolation", "-e", str(ROOT)])
    STAMP.write_text(wanted_stamp(needs))


def installed() -> dict[str, str]:
    """What .venv-colab holds, as its own Python sees it."""
    code = "import json; from importlib import metadata as m; "
    code += "print(json.dumps([[d.metadata['Name'], d.version] for d in m.distributions()]))"
    said = subprocess.run([str(PYTHON), "-c", code], capture_output=True, text=True, check=True).stdout
    return {canonicalize_name(name): version for name, version in json.loads(said)}


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m tools.colab_versions",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    pytest_options = parser.parse_known_args(argv)[1]
    colab = pins(CONSTRAINTS.read_text(encoding="utf-8"))
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    setup(requirements(project, colab))
    wrong = differences(colab, installed())
    if wrong:
        STAMP.unlink(missing_ok=True)  # so that the next call installs again
        print("\n".join(["this is not Colab's set of versions:", *wrong]), file=sys.stderr)
        return 1
    print(f"{VENV.name}: Python 3.{MINOR} and the {len(colab)} versions of colab/constraints.txt", flush=True)
    # Also where you have set it: what was computed under other versions does not belong among your records.
    os.environ["FAKEFACE_RUNS"] = str(ROOT / "build/test-colab/runs")
    lesson = ["-m", "tools.run_lessons", "--profile", "smoke", "--kind", "solutions", "--only", "01"]
    return kit.steps(
        {
            "draw the test portraits": kit.SAMPLE,
            "unit tests": ["-m", "pytest", *kit.SIDE_BY_SIDE, *pytest_options],
            "lesson 01": [*lesson, "--out", "build/test-colab/solutions", "--block-network"],
        },
        python=PYTHON,
    )


if __name__ == "__main__":
    sys.exit(main())
