"""The two commands and their parts, with the standard library only: python tools/kit.py course|test|…

setup       make .venv with the exact versions of requirements.lock (minutes and about 2 GB, once)
course      draw the test portraits, run every solved lesson, write the pages under build/course
test        everything that must hold before a change is shared; `-- ARGS` go to pytest
lessons     build the notebooks from notebooks/src
report      write results/RESULTS.md and the tables of README.md from the records
pack        make build/class-pack, a folder for a class room without internet; `-- --help` lists its options
test-pack   make a pack, copy it, run the course in the copy with the network blocked (minutes, about 5 GB)
test-colab  unit tests and lesson 01 under the versions that Colab has (needs Python 3.13); `-- ARGS` go to pytest

In a class pack (a folder `wheels` lies beside `tools`) set-up installs from the pack and asks no network.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
STAMP = VENV / "fakeface-setup"
OLDEST, NEWEST = (3, 11), (3, 13)


def versions() -> list[tuple[int, int]]:
    """The Pythons that will do: in a class pack those that its wheels are for, by the tags in their names."""
    tags = (re.search(r"-cp3(\d+)-cp3\1-", wheel.name) for wheel in (ROOT / "wheels").glob("*.whl"))
    packed = {int(tag[1]) for tag in tags if tag}
    return [(3, minor) for minor in range(OLDEST[1], NEWEST[1] + 1) if not packed or minor in packed]


def suitable(python: str, allowed: list[tuple[int, int]] | None = None) -> bool:
    """Whether a Python runs at all, is of an allowed version (default: `versions`), and can install packages.

    A pyenv shim may be there and not run.
    """
    allowed = versions() if allowed is None else allowed
    code = f"import sys, venv, ensurepip; sys.exit(sys.version_info[:2] not in {allowed})"
    try:
        return subprocess.run([python, "-c", code], capture_output=True).returncode == 0
    except OSError:
        return False


def has_pip(python: str) -> bool:
    """Whether pip is there: an interrupted `python -m venv` leaves a Python without it."""
    return subprocess.run([python, "-m", "pip", "--version"], capture_output=True).returncode == 0


def find_python() -> str:
    """This Python, else a suitable one on the PATH; exit 2 where there is none."""
    names = [sys.executable, *(shutil.which(f"python3.{minor}") for minor in range(NEWEST[1], OLDEST[1] - 1, -1))]
    for python in filter(None, names):
        if suitable(python):
            return python
    version = ".".join(map(str, sys.version_info[:3]))
    needed = " or ".join(", ".join(f"3.{minor}" for _, minor in versions()).rsplit(", ", 1))
    if from_pack():
        whose, remedy = "This class pack", f"Install one, or make the pack with --python 3.{sys.version_info[1]}"
    else:
        whose, remedy = "The kit", "Install one (conda env create -f environment.yml does)"
    print(
        f"{whose} needs Python {needed}; this is {version} and no other was found on the PATH. "
        f"{remedy}, and run the command again with it.",
        file=sys.stderr,
    )
    raise SystemExit(2)


def from_pack() -> list[str]:
    """What pip is told in a class pack: take the wheels that lie here, never ask the network."""
    wheels = ROOT / "wheels"
    return ["--no-index", "--find-links", str(wheels)] if wheels.is_dir() else []


def wanted() -> str:
    """What a finished set-up depends on."""
    total = hashlib.sha256(str(ROOT).encode())  # the editable install points here
    for name in ("requirements.lock", "pyproject.toml"):
        total.update((ROOT / name).read_bytes())
    return total.hexdigest()


def setup() -> None:
    """Make .venv as the lock says. The stamp comes last, so that an interrupted set-up is done again."""
    if STAMP.exists() and STAMP.read_text() == wanted() and suitable(str(PYTHON)):
        return
    STAMP.unlink(missing_ok=True)
    python, start = find_python(), time.monotonic()
    source = " from this class pack, without the network" if from_pack() else ""
    print(f"Setting up .venv{source}: this takes minutes and about 2 GB, once.", flush=True)
    if not (suitable(str(PYTHON)) and has_pip(str(PYTHON))):
        if VENV.exists():
            shutil.rmtree(VENV)
        must([python, "-m", "venv", str(VENV)])
    install_lock()
    # The build tools are in the lock: nothing is fetched here, so it also works without a network.
    own = ["--no-deps", "--no-build-isolation", "-e", str(ROOT)]
    must([str(PYTHON), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *from_pack(), *own])
    STAMP.write_text(wanted())
    print(f".venv is ready after {time.monotonic() - start:.0f} s", flush=True)


def install_lock() -> None:
    """pip, told on one line instead of hundreds; its own words where it fails."""
    lock = ROOT / "requirements.lock"
    command = [str(PYTHON), "-m", "pip", "install", "--disable-pip-version-check", "--progress-bar", "off"]
    command += ["--compile", "--require-hashes", *from_pack(), "-r", str(lock)]
    said, seen = [], 0
    with subprocess.Popen(command, cwd=ROOT, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as pip:
        for line in pip.stdout:
            said = [*said[-19:], line]
            if line.startswith(("Collecting ", "Processing ", "Requirement already")):
                seen += 1
                if seen % 25 == 0:
                    print(f"  {seen} packages looked at", flush=True)
            elif line.startswith("Installing collected"):
                print(f"  {seen} packages looked at; installing", flush=True)
    if pip.returncode:
        print("".join(said), file=sys.stderr)
        remedy = "Run this again to go on."
        if from_pack():
            remedy = "PACK.txt says which systems the pack is for; python tools/class_pack.py --verify checks it."
        raise SystemExit(f"pip could not install requirements.lock (its last words are above). {remedy}")


def must(command: list[str]) -> None:
    """A step that nothing can go on without."""
    if subprocess.run(command, cwd=ROOT).returncode:
        raise SystemExit(f"this failed: {' '.join(command)}")


def steps(
    named: dict[str, list[str]], environment: dict[str, str] | None = None, python: Path | None = None
) -> int:
    """Run each with the kit's Python (or another), all of them even if one fails; at the end say which failed."""
    failed, env = [], step_environment(environment or {})
    for name, arguments in named.items():
        print(f"\n== {name}", flush=True)
        if wait_for([str(python or PYTHON), *arguments], env):
            failed.append(name)
    print(f"\nfailed: {', '.join(failed)}" if failed else "\nall good", flush=True)
    return 1 if failed else 0


def step_environment(ours: dict[str, str]) -> dict[str, str]:
    """Our settings below the user's own; the weights of a class pack where the user names none."""
    env = {**ours, **os.environ}
    for variable in ("FAKEFACE_DATA", "FAKEFACE_RUNS", "FAKEFACE_CACHE", "FAKEFACE_WEIGHTS_DIR"):
        if os.environ.get(variable, "").strip():
            env[variable] = str(Path(os.environ[variable]).expanduser().resolve())  # as the user's shell means it
    if not env.get("FAKEFACE_WEIGHTS_DIR", "").strip() and (ROOT / "weights").is_dir():
        env["FAKEFACE_WEIGHTS_DIR"] = str(ROOT / "weights")
    return env


def wait_for(command: list[str], env: dict[str, str]) -> int:
    """Run a step. Ctrl-C reaches it as well as us, and it gets time to stop its own processes and tidy up."""
    child = subprocess.Popen(command, cwd=ROOT, env=env)
    try:
        return child.wait()
    except KeyboardInterrupt:
        try:
            child.wait(30)
        except subprocess.TimeoutExpired:
            child.kill()
        raise


def lessons_run(kind: str, out: str, *more: str) -> list[str]:
    return ["-m", "tools.run_lessons", "--profile", "smoke", "--kind", kind, "--out", out, *more]


SAMPLE = ["-m", "fakeface_utils", "sample"]
# A test file stays in one process: some make a set once for all their tests. Four processes may take 8 GB.
SIDE_BY_SIDE = ["-n", "logical", "--maxprocesses", "4", "--dist", "loadfile"]


def course(extra: list[str]) -> int:
    """All lessons, run and readable. Ends with the path to open."""
    status = steps(
        {
            "draw the test portraits": SAMPLE,
            "run the lessons": lessons_run("solutions", "build/course", *extra),
            "write the pages": ["-m", "tools.course_pages", "--out", "build/course"],
        }
    )
    print(f"open {ROOT / 'build/course/index.html'}")
    return status


def test(extra: list[str]) -> int:
    """What must hold: style, lessons built from their sources, unit tests, every lesson without a network."""
    store = {"FAKEFACE_RUNS": str(ROOT / "build/test/runs")}
    two = ["--only", "01", "02", "--out", "build/test/colab", "--runs", store["FAKEFACE_RUNS"]]
    return steps(
        {
            "ruff check": ["-m", "ruff", "check", "."],
            "ruff format": ["-m", "ruff", "format", "--check", "."],
            "notebooks are built": ["-m", "tools.build_lessons", "--check"],
            "the pages say what the records say": ["-m", "tools.make_report", "--check"],
            "unit tests": ["-m", "pytest", *SIDE_BY_SIDE, *extra],
            "draw the test portraits": SAMPLE,
            "solved lessons": lessons_run("solutions", "build/test/solutions", "--block-network"),
            # On the same store, so that finished experiments are loaded.
            "unfilled lessons": lessons_run("student", "build/test/student", "--block-network"),
            "Colab lessons": ["-m", "tools.colab_stand_in", *two],
        },
        store,
    )


def pack(extra: list[str], tool: str = "tools.class_pack") -> int:
    """The offline class pack, or with `tools.pack_rehearsal` the course run in one."""
    return steps({"draw the test portraits": SAMPLE, "make the class pack": ["-m", tool, *extra]})


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = ["setup", "course", "test", "lessons", "report", "pack", "test-pack", "test-colab"]
    parser.add_argument("command", choices=commands)
    parser.add_argument("extra", nargs=argparse.REMAINDER, help="passed on, as in: test -- -k intervals")
    args = parser.parse_args()
    extra = [argument for argument in args.extra if argument != "--"]
    try:
        setup()
        if args.command == "course":
            return course(extra)
        if args.command == "test":
            return test(extra)
        if args.command == "lessons":
            return steps({"build the notebooks": ["-m", "tools.build_lessons", *extra]})
        if args.command == "report":
            return steps({"write the report": ["-m", "tools.make_report", *extra]})
        if args.command == "pack":
            return pack(extra)
        if args.command == "test-pack":
            return pack(extra, "tools.pack_rehearsal")
        if args.command == "test-colab":
            return wait_for([str(PYTHON), "-m", "tools.colab_versions", *extra], step_environment({}))
    except KeyboardInterrupt:
        print("\nstopped; run the command again to go on", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
