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
UNFINISHED = f"{TITLE}\n\nnot finished\n"
MANIFEST = "MANIFEST.sha256"
# Never in a pack, whatever git says: what is made again there, and what may show or describe a person.
LEFT_OUT = {".git", ".venv", ".venv-colab", "build", "data", "runs", "my_notebooks", "weights", "wheels"}
CACHES = {"__pycache__", ".pytest_cache", ".ruff_cache", ".ipynb_checkpoints"}
PERSONAL = {".jpg", ".jpeg", ".png", ".keras", ".h5", ".zip"}
# What the kit consists of, at the top. Asked only where git cannot say what belongs to it.
KIT = {
    ".ci",
    ".github",
    ".gitignore",
    "LICENSE",
    "Makefile",
    "README.md",
    "benchmarks",
    "colab",
    "data_download.sh",
    "docs",
    "environment.yml",
    "fakeface_utils",
    "notebooks",
    "pyproject.toml",
    "requirements.lock",
    "results",
    "tests",
    "tools",
}
NO_WORK = CACHES - {".ipynb_checkpoints"}  # those may hold an older state of a learner's work
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
    refuse_what_is_no_pack(part)  # a leftover of a build that was killed is half of one
    try:
        targets = [class_wheels.Target(python, system) for python, system in machines]
        wheels = class_wheels.fetch(root / "requirements.lock", targets, root / "build/pack-wheels")
    except class_wheels.WheelError as error:
        raise PackError(str(error)) from error
    shutil.rmtree(part, ignore_errors=True)
    try:
        part.mkdir(parents=True)
        (part / "PACK.txt").write_text(UNFINISHED, encoding="utf-8", newline="\n")
        fill(part, root, out, wheels, weights)
        (part / "PACK.txt").write_text(description(part, targets), encoding="utf-8")
        write_manifest(part)
        exchange(part, out)
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return out


def refuse_to_overwrite(folder: Path) -> None:
    """PackError unless the place is free or holds a pack as it was made, which nobody has used.

    A pack from which files are missing may be made again: nothing in it is lost.
    """
    if not refuse_what_is_no_pack(folder):
        return
    if not (folder / MANIFEST).is_file():
        raise PackError(f"{folder} is a pack without its {MANIFEST}, so nobody can say what is yours: move it away")
    found = [f"added: {name}" for name in added(folder)]
    found += [line for line in verify(folder) if not line.startswith("missing: ")]
    if found:
        more = f" and {len(found) - 5} more" if len(found) > 5 else ""
        raise PackError(
            f"{folder} was worked in ({', '.join(found[:5])}{more}), and making it again would delete that. Move "
            "it away, or choose another --out"
        )


def refuse_what_is_no_pack(folder: Path) -> bool:
    """PackError where something else than a pack lies there; else whether a finished one does."""
    if not folder.exists() and not folder.is_symlink():
        return False
    note = folder / "PACK.txt"
    text = note.read_text(encoding="utf-8", errors="replace") if note.is_file() else ""
    if not text.startswith(TITLE + "\n"):
        raise PackError(f"{folder} exists and is no class pack: choose another --out, or move it away")
    return text != UNFINISHED


def added(pack: Path) -> list[str]:
    """What lies in a pack and is not in its manifest; caches of Python, pytest and ruff aside.

    What `make course` leaves (.venv, build) counts: learners' notes and pages may lie in it. Such a folder is named,
    not each file in it.
    """
    known = {MANIFEST, *(name for _, name in listed(pack))}
    folders = {str(parent) for name in known for parent in PurePosixPath(name).parents}
    found = []
    for place, inside, names in os.walk(pack):
        here = Path(place).relative_to(pack)
        new = {name for name in inside if name not in NO_WORK and (here / name).as_posix() not in folders}
        found += [(here / name).as_posix() for name in {*names, *new}]
        inside[:] = [name for name in inside if name not in NO_WORK | new]
    return sorted(set(found) - known)


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
    """Names, relative to `root`, of what belongs to the kit; never a face. Raises PackError where git fails."""
    named = git_files(root) if (root / ".git").exists() else unpacked_files(root)
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


def git_files(root: Path) -> list[str]:
    """Tracked files, changed or not; PackError where git does not say.

    What git does not track may be a learner's work, a table of grades or a secret.
    """
    command = ["git", "-C", str(root), "ls-files", "-z", "--cached"]
    # Variables of a git that called us, say in a hook, name another checkout; nor may git look above this one.
    env = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    env["GIT_CEILING_DIRECTORIES"] = str(root.parent)
    try:
        said = subprocess.run(command, capture_output=True, check=True, env=env).stdout
    except (OSError, subprocess.CalledProcessError) as error:
        words = os.fsdecode(getattr(error, "stderr", b"") or b"").strip() or str(error)
        raise PackError(
            f"{root / '.git'} is there, but git does not say which files belong to the course:\n{words}\n"
            "Nothing is packed by guess, since ignored files may be private. Mend what git complains of (or install "
            "git), or make the pack in an unpacked zip of the course, which needs no git"
        ) from error
    return [os.fsdecode(name) for name in said.split(b"\0") if name]


def unpacked_files(root: Path) -> list[str]:
    """The files of an unpacked zip of the course; says what else lies at its top, and which tables stay out.

    Nobody keeps a list there. So only names that the kit itself has at its top count, and in those folders no
    CSV at their top and nothing that is called grades: that is where a teacher's tables land.
    """
    tops = {path.name for path in root.iterdir()}
    left = {name for name in tops - KIT - LEFT_OUT - CACHES if not name.endswith(".egg-info")}
    kept = []
    for path in below(root):
        name = path.relative_to(root)
        if name.parts[0] not in KIT:
            continue
        table = len(name.parts) == 2 and (name.suffix.lower() == ".csv" or "grades" in name.stem.lower())
        if table:
            left.add(name.as_posix())
        else:
            kept.append(name.as_posix())
    if left:
        say(f"left out, since without git nobody says that they belong to the course: {', '.join(sorted(left))}")
    return kept


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
