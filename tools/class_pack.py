"""One folder from which a class room without internet installs and runs the course: python -m tools.class_pack

It holds the checkout's files, the wheels of requirements.lock, the drawn portraits and, where FAKEFACE_WEIGHTS_DIR
names some, ImageNet weights. `python tools/class_pack.py --verify` in a copy says whether the copy is whole; that
part needs nothing but Python.
"""

from __future__ import annotations

import argparse
import datetime
import hashlib
import os
import platform
import shutil
import signal
import subprocess
import sys
from pathlib import Path, PurePosixPath

ROOT = Path(__file__).resolve().parents[1]
TITLE = "fakeface class pack"
MANIFEST = "MANIFEST.sha256"
# Never in a pack, whatever git says: what is made again there, and what may show or describe a person.
LEFT_OUT = {".git", ".venv", ".venv-colab", "build", "data", "runs", "my_notebooks", "weights", "wheels"}
CACHES = {"__pycache__", ".pytest_cache", ".ruff_cache", ".ipynb_checkpoints"}
PERSONAL = {".jpg", ".jpeg", ".png", ".keras", ".h5", ".zip"}
DRAWN = ("docs/pictures/*.png", "results/figures/*.png")  # portraits of nobody, and curves
WEIGHTS = {".h5", ".keras"}


class PackError(Exception):
    """The pack cannot be made; the text says why and what to do."""


def build(root: Path, out: Path, machines: list[tuple[str, str]], weights: Path | None) -> Path:
    """Make the pack `out` of the checkout `root`: whole, or not at all. Returns `out`.

    `machines` are pairs of a Python (`3.12`) and a platform tag as pip takes it, or `here`; `weights` is a folder of
    ImageNet weights. Raises PackError before anything is changed where `out` is something else than an earlier,
    unused pack, and where a package cannot be had.
    """
    from tools import class_wheels  # needs `packaging`; --verify does without

    if (root / "wheels").is_dir():
        raise PackError(f"{root} is a class pack already: copy the folder as it is")
    if not (root / "data/sample").is_dir():
        raise PackError(f"{root / 'data/sample'} is missing: python -m fakeface_utils sample draws it")
    refuse_to_overwrite(out)
    part = out.with_name(f".{out.name}.part")
    refuse_to_overwrite(part)  # a leftover of a build that was killed is a pack too
    try:
        targets = [class_wheels.Target(python, system) for python, system in machines]
        wheels = class_wheels.fetch(root / "requirements.lock", targets, root / "build/pack-wheels")
    except class_wheels.WheelError as error:
        raise PackError(str(error)) from error
    shutil.rmtree(part, ignore_errors=True)
    try:
        part.mkdir(parents=True)
        (part / "PACK.txt").write_text(f"{TITLE}\n\nnot finished\n", encoding="utf-8")
        fill(part, root, out, wheels, weights)
        (part / "PACK.txt").write_text(description(part, targets), encoding="utf-8")
        write_manifest(part)
        exchange(part, out)
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return out


def refuse_to_overwrite(folder: Path) -> None:
    """PackError unless the place is free or holds a pack that nobody has worked in."""
    if not folder.exists() and not folder.is_symlink():
        return
    note = folder / "PACK.txt"
    if not (note.is_file() and note.read_text(encoding="utf-8", errors="replace").startswith(TITLE + "\n")):
        raise PackError(f"{folder} exists and is no class pack: choose another --out, or move it away")
    if not (folder / MANIFEST).is_file():
        return  # never finished
    made = (
        {PurePosixPath(name).parts[0] for _, name in listed(folder)}
        | {MANIFEST, ".venv", ".venv-colab", "build"}
        | CACHES
    )
    found = {path.name for path in folder.iterdir() if path.suffix != ".egg-info"}
    found |= {f"data/{path.name}" for path in folder.glob("data/*") if path.name != "sample"}
    if found - made:
        raise PackError(f"{folder} holds work of its own ({', '.join(sorted(found - made))}): move it away first")


def fill(part: Path, root: Path, out: Path, wheels: list[Path], weights: Path | None) -> None:
    """Everything but the two lists that describe it."""
    files = checkout_files(root, out)
    say(f"copying {len(files)} files of the checkout")
    for name in files:
        place(root / name, part / name)
    say(f"copying {len(wheels)} wheels")
    for wheel in wheels:
        place(wheel, part / "wheels" / wheel.name, link=True)
    say("copying the drawn portraits")
    for path in below(root / "data/sample"):
        place(path, part / path.relative_to(root))
    found = [path for path in below(weights) if path.suffix in WEIGHTS] if weights else []
    say(f"copying {len(found)} files of weights" if found else "no weights: " + NO_WEIGHTS)
    for path in found:
        place(path, part / "weights" / path.relative_to(weights))


NO_WEIGHTS = "lessons that need ImageNet weights will say so (set FAKEFACE_WEIGHTS_DIR to have them in the pack)"


def checkout_files(root: Path, out: Path) -> list[str]:
    """Names, relative to `root`, of what belongs to the kit: git's list, without git every file; never a face."""
    named = git_files(root)
    if named is None:
        named = [path.relative_to(root).as_posix() for path in below(root)]
    elsewhere = [out, out.with_name(f".{out.name}.part")]
    variables = ("FAKEFACE_DATA", "FAKEFACE_RUNS", "FAKEFACE_CACHE", "FAKEFACE_WEIGHTS_DIR")
    elsewhere += [Path(os.environ[v]).expanduser().resolve() for v in variables if os.environ.get(v, "").strip()]
    elsewhere = [folder for folder in elsewhere if folder != root]
    kept, personal = [], []
    for name in sorted(set(named)):
        path, parts = root / name, PurePosixPath(name).parts
        generated = CACHES & set(parts) or any(part.endswith(".egg-info") for part in parts)
        if parts[0] in LEFT_OUT or generated or not path.is_file():
            continue
        if any(path.resolve().is_relative_to(folder) for folder in elsewhere):
            continue
        drawn = any(PurePosixPath(name).match(pattern) for pattern in DRAWN)
        (personal if path.suffix.lower() in PERSONAL and not drawn else kept).append(name)
    if personal:
        say(f"left out, since they may show or describe a person: {', '.join(personal)}")
    return kept


def git_files(root: Path) -> list[str] | None:
    """Tracked files, changed or not; None where `root` is no git checkout of its own.

    What git does not track may be a learner's work or a table of grades.
    """
    if not (root / ".git").exists():
        return None
    command = ["git", "-C", str(root), "ls-files", "-z", "--cached"]
    try:
        said = subprocess.run(command, capture_output=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return None
    return [os.fsdecode(name) for name in said.split(b"\0") if name]


def below(folder: Path) -> list[Path]:
    """Every file below a folder, sorted; without what LEFT_OUT names at the top and without caches."""
    found = []
    for place, folders, names in os.walk(folder):
        top = Path(place) == folder
        folders[:] = [name for name in folders if name not in CACHES and not (top and name in LEFT_OUT)]
        found += [Path(place) / name for name in names]
    return sorted(found)


def place(source: Path, target: Path, link: bool = False) -> None:
    """Copy a file; with `link`, where the file system can, give it a second name instead."""
    target.parent.mkdir(parents=True, exist_ok=True)
    if link:
        try:
            os.link(source, target)
            return
        except OSError:
            pass  # another disk, or one without links, such as a USB stick
    shutil.copy2(source, target)


def exchange(part: Path, out: Path) -> None:
    """Give the finished pack its name; the earlier one goes only then."""
    old = out.with_name(f".{out.name}.old")
    shutil.rmtree(old, ignore_errors=True)
    if out.exists():
        out.replace(old)
    try:
        part.replace(out)
    except BaseException:
        if old.exists():
            old.replace(out)
        raise
    shutil.rmtree(old, ignore_errors=True)


def size(folder: Path) -> int:
    """Bytes of all files below a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def description(pack: Path, targets: list) -> str:
    """PACK.txt. Its first line is by what a pack is known."""
    weights = "with ImageNet weights (weights/)" if (pack / "weights").is_dir() else "without ImageNet weights"
    machines = "\n".join(f"  - {target}" for target in targets)
    return f"""{TITLE}

The fakeface course with all it needs, for machines without internet.
Made on {datetime.date.today()}, {size(pack) / 1e6:.0f} MB, {weights}.

The packages in wheels/ are for:
{machines}
On the machine there must already be: one of these Pythons (with venv and pip, as they come with it) and, for the short
commands, make. A system older than the one the packages were chosen for may not take them.

1. Copy this folder to the machine. Check the copy:
       python3 tools/class_pack.py --verify
2. In the folder, set up and run the course (about 2.5 GB more, minutes):
       make course                      without make: python tools/kit.py course
3. Open build/course/index.html in a browser. To work in the lessons yourself, copy the folder notebooks to
   my_notebooks, then
       .venv/bin/jupyter lab my_notebooks        on Windows: .venv\\Scripts\\jupyter lab my_notebooks

Nothing is fetched from a network. README.md says the rest.

Licence: the kit is under the MIT licence (LICENSE); each package in wheels/ is under its own, which lies inside it.
There is no photograph of a face in this folder: the portraits under data/sample are drawn.
"""


def digest(path: Path) -> str:
    total = hashlib.sha256()
    with path.open("rb") as stream:
        while block := stream.read(1 << 20):
            total.update(block)
    return total.hexdigest()


def write_manifest(pack: Path) -> None:
    """A line a file, as `sha256sum -c` reads it. PACK.txt comes last, so that a list cut short is noticed."""
    names = [path.relative_to(pack).as_posix() for path in pack.rglob("*") if path.is_file()]
    names = [*sorted(set(names) - {"PACK.txt"}), "PACK.txt"]
    lines = [f"{digest(pack / name)}  {name}\n" for name in names]
    (pack / MANIFEST).write_text("".join(lines), encoding="utf-8", newline="\n")


def listed(pack: Path) -> list[tuple[str, str]]:
    """The manifest's digests and names; PackError where there is none or only a part of it."""
    path = pack / MANIFEST
    if not path.is_file():
        raise PackError(f"{path} is missing: this is no class pack, or the copy is not whole; copy it again")
    lines = [line.partition("  ") for line in path.read_text(encoding="utf-8", errors="replace").splitlines()]
    if not lines or lines[-1][2] != "PACK.txt":
        raise PackError(f"{path} is not whole; copy the pack again")
    return [(expected, name) for expected, _, name in lines]


def verify(pack: Path) -> list[str]:
    """A line for each file that is missing or not as it was made. Files that were added do not matter."""
    wrong = []
    for expected, name in listed(pack):
        try:
            if digest(pack / name) != expected:
                wrong.append(f"changed: {name}")
        except FileNotFoundError:
            wrong.append(f"missing: {name}")
        except OSError as error:
            wrong.append(f"cannot be read: {name} ({error.strerror})")
    return wrong


def say(text: str) -> None:
    print(text, flush=True)


def check(pack: Path) -> int:
    """`--verify`: what is wrong with a copy, and the exit status."""
    wrong = verify(pack)
    say("\n".join(wrong) if wrong else f"whole: all {len(listed(pack))} files are as they were made")
    if wrong:
        say(f"{len(wrong)} of {len(listed(pack))} files are not as they were made; copy the pack again")
    return 1 if wrong else 0


def make(args: argparse.Namespace) -> Path:
    """Build from what was asked for on the command line."""
    named = os.environ.get("FAKEFACE_WEIGHTS_DIR", "").strip()
    weights = Path(named).expanduser().resolve() if named else None
    if weights and not weights.is_dir():
        say(f"FAKEFACE_WEIGHTS_DIR names {weights}, which is no folder")
        weights = None
    pythons = args.python or [".".join(platform.python_version_tuple()[:2])]
    machines = [(python, system) for system in args.platform or ["here"] for python in pythons]
    out = build(ROOT, Path(args.out).expanduser().resolve(), machines, weights)
    say(f"\n{out}: {size(out) / 1e6:.0f} MB; PACK.txt in it says how to use it")
    return out


def parse(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="class_pack", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--out", default=ROOT / "build/class-pack", help="where the pack goes; default: %(default)s"
    )
    parser.add_argument(
        "--python", action="append", metavar="3.X", help="a Python of the class room; again for more; default: this"
    )
    parser.add_argument(
        "--platform",
        action="append",
        metavar="TAG",
        help="a system of the class room, in pip's words: win_amd64, macosx_14_0_arm64, manylinux_2_28_x86_64, "
        "manylinux_2_28_aarch64, or `here`; again for more; default: here",
    )
    parser.add_argument("--verify", action="store_true", help="say what is missing or changed in this pack")
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> int:
    args = parse(argv)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # stopped from outside: tidy up too
    try:
        if args.verify:
            return check(ROOT)
        make(args)
    except (PackError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nstopped; nothing half-made is left, and the packages fetched so far are kept", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))  # called by its path, as in a pack
    sys.exit(main())
