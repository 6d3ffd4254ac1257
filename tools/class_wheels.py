"""The wheels of requirements.lock for the machines of a class room, kept from call to call."""

from __future__ import annotations

import hashlib
import platform
import re
import subprocess
import sys
import sysconfig
import tempfile
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

from packaging.markers import Marker, default_environment

# pip keeps what it fetched only when a whole call is done, so a call is short.
BATCH = 20
# A marker may ask for the third number of a Python's version, which the class room's is free to choose.
PATCHES = range(30)
SYSTEMS = {
    "win": {"sys_platform": "win32", "platform_system": "Windows", "os_name": "nt"},
    "macosx": {"sys_platform": "darwin", "platform_system": "Darwin", "os_name": "posix"},
    "manylinux": {"sys_platform": "linux", "platform_system": "Linux", "os_name": "posix"},
}
MACHINES = {"amd64": "AMD64", "x86_64": "x86_64", "aarch64": "aarch64", "arm64": "arm64"}


class WheelError(Exception):
    """A wheel cannot be had; the text says which, why and what to do."""


@dataclass(frozen=True)
class Target:
    """A kind of machine: a Python such as `3.12` and a platform tag as pip takes it, or `here` for this system."""

    python: str
    platform: str

    def __post_init__(self) -> None:
        if not re.fullmatch(r"3\.\d+", self.python):
            raise WheelError(f"--python {self.python}: give two numbers, such as 3.12")
        system, machine = self.platform.partition("_")[0], self.machine
        if self.platform != "here" and (system.rstrip("0123456789") not in SYSTEMS or machine not in MACHINES):
            raise WheelError(
                f"--platform {self.platform}: not a tag this can use. For example win_amd64, macosx_14_0_arm64, "
                "manylinux_2_28_x86_64, manylinux_2_28_aarch64, or here"
            )

    def __str__(self) -> str:
        if self.platform != "here":
            return f"Python {self.python} on {self.platform}"
        return f"Python {self.python} on a system like the one this was made on ({platform.platform()})"

    @property
    def folder(self) -> str:
        """Where its wheels are kept: by the machine's own name too, since a checkout may be on a shared disk."""
        return f"{self.python}-{sysconfig.get_platform() if self.platform == 'here' else self.platform}"

    @property
    def machine(self) -> str:
        return next((name for name in MACHINES if self.platform.endswith(f"_{name}")), "")

    def takes(self, marker: str) -> bool:
        """Whether a line of the lock is for this machine, with any third number of its Python's version."""
        if not marker:
            return True
        where = dict(default_environment())
        if self.platform != "here":
            where |= SYSTEMS[self.platform.partition("_")[0].rstrip("0123456789")]
            where["platform_machine"] = MACHINES[self.machine]
        where["python_version"] = self.python
        return any(Marker(marker).evaluate(where | {"python_full_version": f"{self.python}.{n}"}) for n in PATCHES)

    def pip_options(self) -> list[str]:
        """pip rejects wheels by the third number too, but the lock has chosen already."""
        options = ["--python-version", self.python, "--ignore-requires-python"]
        for tag in [] if self.platform == "here" else older_too(self.platform):
            options += ["--platform", tag]
        return options


def older_too(tag: str) -> list[str]:
    """A Linux of glibc 2.28 takes wheels for every older glibc as well; pip wants each named."""
    match = re.fullmatch(r"manylinux_2_(\d+)_(\w+)", tag)
    if not match:
        return [tag]
    tags = [f"manylinux_2_{minor}_{match[2]}" for minor in range(int(match[1]), 4, -1)]
    return [*tags, *(f"{name}_{match[2]}" for name in ("manylinux2014", "manylinux2010", "manylinux1"))]


@dataclass(frozen=True)
class Pin:
    """One line of the lock: `name==version`, for whom, and the digests its files may have."""

    name: str
    version: str
    marker: str
    hashes: frozenset[str]


def pins(lock: str) -> list[Pin]:
    """What requirements.lock says; WheelError for a line without a digest."""
    found = []
    for block in re.split(r"^(?=[A-Za-z0-9])", lock, flags=re.MULTILINE):
        head = re.match(r"([\w.-]+)==([^\s;\\]+)[ \t]*(?:;([^\\\n]*))?", block)
        if not head:
            continue
        hashes = frozenset(re.findall(r"--hash=sha256:([0-9a-f]{64})", block))
        if not hashes:
            raise WheelError(f"requirements.lock: {head[1]} has no --hash")
        found.append(Pin(head[1], head[2], (head[3] or "").strip(), hashes))
    return found


def batches(wanted: list[Pin]) -> list[list[Pin]]:
    """Groups for one call of pip each; two versions of a package never in the same one, which pip would refuse."""
    rounds: dict[int, list[Pin]] = defaultdict(list)
    seen: dict[str, int] = defaultdict(int)
    for pin in wanted:
        rounds[seen[pin.name]].append(pin)
        seen[pin.name] += 1
    return [group[i : i + BATCH] for group in rounds.values() for i in range(0, len(group), BATCH)]


def fetch(lock: Path, targets: list[Target], cache: Path) -> list[Path]:
    """The wheels for all targets, each file name once. What lies in `cache` already is not fetched again.

    Raises WheelError where the network fails or a package has no wheel for a target.
    """
    known, chosen = pins(lock.read_text(encoding="utf-8")), {}
    for target in targets:
        wanted = [pin for pin in known if target.takes(pin.marker)]
        print(f"{len(wanted)} packages for {target}", flush=True)
        for wheel in fetch_for(target, wanted, cache / target.folder):
            chosen[wheel.name] = wheel
    return [chosen[name] for name in sorted(chosen)]


def fetch_for(target: Target, wanted: list[Pin], folder: Path) -> list[Path]:
    """One target's wheels, in a folder of its own; files that the lock does not know are removed from it."""
    folder.mkdir(parents=True, exist_ok=True)
    have = present(folder, wanted)
    missing = [pin for pin in wanted if not have.keys() & pin.hashes]
    done = len(wanted) - len(missing)
    for group in batches(missing):
        print(f"  {done} of {len(wanted)} are here; fetching {group[0].name} to {group[-1].name}", flush=True)
        download(target, group, folder)
        done += len(group)
    have = present(folder, wanted)
    for pin in wanted:
        if not have.keys() & pin.hashes:
            raise WheelError(f"{pin.name}=={pin.version}: pip fetched no wheel that requirements.lock knows")
    return list(have.values())


def present(folder: Path, wanted: list[Pin]) -> dict[str, Path]:
    """Digest -> file of the wheels that belong here; the others go."""
    known, have = frozenset().union(*(pin.hashes for pin in wanted)), {}
    for wheel in sorted(folder.iterdir()):
        with wheel.open("rb") as stream:
            value = hashlib.file_digest(stream, "sha256").hexdigest()
        if value in known:
            have[value] = wheel
        else:
            wheel.unlink()
    return have


def download(target: Target, group: list[Pin], folder: Path) -> None:
    """One call of pip. The lock is complete, so pip looks at no dependency (it would judge them by this machine)."""
    lines = [" ".join([f"{p.name}=={p.version}", *(f"--hash=sha256:{h}" for h in sorted(p.hashes))]) for p in group]
    with tempfile.TemporaryDirectory() as scratch:
        listed = Path(scratch) / "requirements.txt"
        listed.write_text("\n".join(lines), encoding="utf-8")
        command = [sys.executable, "-m", "pip", "download", "--disable-pip-version-check", "--progress-bar", "off"]
        command += ["--no-deps", "--only-binary", ":all:", "--require-hashes", "-r", str(listed), "-d", str(folder)]
        done = subprocess.run([*command, *target.pip_options()], capture_output=True, text=True)
    if done.returncode:
        raise WheelError(why(target, done.stdout + done.stderr))


def why(target: Target, said: str) -> str:
    """pip's failure in words a teacher can act on."""
    if re.search(r"Retrying \(|NewConnectionError|Connection broken|ReadTimeout", said):
        reason = "the network failed. What arrived is kept: run this again to go on."
    elif match := re.search(r"No matching distribution found for ([^\s;]+)", said):
        reason = (
            f"{match[1]} has no wheel for {target}. Take another --python or --platform (a newer system's tag takes "
            "more wheels), or make the pack on such a machine."
        )
    else:
        reason = "pip failed."
    lines = said.strip().splitlines()
    return "\n".join([*([line for line in lines if line.startswith("ERROR")] or lines[-8:]), reason])
