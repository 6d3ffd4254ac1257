"""Make a class pack, copy it, run the course in the copy with the network blocked: python -m tools.pack_rehearsal

The copy's path has a space in its name, its home folder is empty and of the environment only PATH is kept. The exit
status is 0 only if the copy is whole, `make course` ends well and its index.html is there.
"""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tools import class_pack

# In an empty network namespace even loopback, over which notebooks talk to their kernels, has to be switched on.
LOOPBACK = """
import fcntl, os, socket, struct, sys
with socket.socket() as s:
    name, SIOCGIFFLAGS, SIOCSIFFLAGS, IFF_UP = b"lo", 0x8913, 0x8914, 1
    flags = struct.unpack("16sh", fcntl.ioctl(s, SIOCGIFFLAGS, struct.pack("16sh", name, 0))[:18])[1]
    fcntl.ioctl(s, SIOCSIFFLAGS, struct.pack("16sh", name, flags | IFF_UP))
os.execvp(sys.argv[1], sys.argv[1:])
"""
# Nothing but loopback is there, and it works.
PROBE = """
import socket
assert [name for _, name in socket.if_nameindex() if not name.startswith(("sit", "tunl", "ip6"))] == ["lo"]
server = socket.create_server(("127.0.0.1", 0))
socket.create_connection(server.getsockname(), timeout=5)
"""
NEEDED_GB = 5


def own_network() -> list[str]:
    """What to put before a command so that it has a network of its own with loopback only; [] where that fails."""
    for option in ("-n", "-rn"):  # as root; as a user who may make a name space
        prefix = ["unshare", option, sys.executable, "-c", LOOPBACK]
        try:
            if subprocess.run([*prefix, sys.executable, "-c", PROBE], capture_output=True).returncode == 0:
                return prefix
        except OSError:
            break  # no unshare: not Linux
    return []


def bare_environment(copy: Path, home: Path, blocked: bool) -> dict[str, str]:
    """PATH and an empty home. Where the system cannot block the network, Python is told to (pip too)."""
    kept = ("PATH", "SYSTEMROOT", "COMSPEC", "PATHEXT")  # Windows starts nothing without the last three
    env = {name: os.environ[name] for name in kept if name in os.environ}
    # Not the machine's own pip settings either: they may name a folder of wheels that the class room lacks.
    env |= {"HOME": str(home), "USERPROFILE": str(home), "PIP_CONFIG_FILE": os.devnull}
    if not blocked:
        env["PYTHONPATH"] = str(copy / "tools/nonetwork")
    return env


def course_command() -> list[str]:
    """`make course` with the Python that the pack was made for; without make the command behind it."""
    python = getattr(sys, "_base_executable", sys.executable)  # not the one of .venv, which the class room lacks
    if shutil.which("make"):
        return ["make", "course", f"PYTHON={python}"]
    return [python, "tools/kit.py", "course"]


def rehearse(scratch: Path) -> bool:
    """Whether the course runs from a copied pack."""
    here = ".".join(platform.python_version_tuple()[:2])
    named = os.environ.get("FAKEFACE_WEIGHTS_DIR", "").strip()
    weights = Path(named) if named and Path(named).is_dir() else None
    pack = class_pack.build(class_pack.ROOT, scratch / "class-pack", [(here, "here")], weights)
    copy, home = scratch / "a copied pack", scratch / "home"
    shutil.copytree(pack, copy)
    home.mkdir()
    print(f"the pack has {class_pack.size(pack) / 1e6:.0f} MB", flush=True)
    if class_pack.check(copy):
        return False
    prefix = own_network()
    how = "unshare, a network of its own with loopback only" if prefix else "tools/nonetwork, for Python's sockets"
    print(f"the network is blocked by {how}", flush=True)
    start = time.monotonic()
    environment = bare_environment(copy, home, blocked=bool(prefix))
    status = subprocess.run([*prefix, *course_command()], cwd=copy, env=environment).returncode
    index = copy / "build/course/index.html"
    print(f"the course took {time.monotonic() - start:.0f} s and ended with status {status}", flush=True)
    if not index.is_file():
        print(f"{index} is missing", flush=True)
    return status == 0 and index.is_file()


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m tools.pack_rehearsal",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--where", type=Path, help=f"a folder with {NEEDED_GB} GB free; default: the system's for such"
    )
    parser.add_argument("--keep", action="store_true", help="do not delete the pack and its copy at the end")
    args = parser.parse_args(argv)
    if args.where:
        args.where.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(prefix="fakeface-pack-", dir=args.where)).resolve()
    free = shutil.disk_usage(scratch).free / 1e9
    if free < NEEDED_GB:
        print(f"{scratch} has only {free:.1f} GB free, {NEEDED_GB} are needed: choose --where", file=sys.stderr)
        scratch.rmdir()
        return 1
    good = False
    try:
        good = rehearse(scratch)
    except class_pack.PackError as error:
        print(f"error: {error}", file=sys.stderr)
    except KeyboardInterrupt:
        print("\nstopped", file=sys.stderr)
    finally:
        if args.keep:
            print(f"kept: {scratch}")
        else:
            shutil.rmtree(scratch, ignore_errors=True)
    print("the class pack works without a network" if good else "the class pack does NOT work", flush=True)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
