"""pyproject.toml, environment.yml and requirements.lock say the same; the rooms import only downwards."""

import ast
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS = PROJECT["optional-dependencies"]
# From the bottom up; a room may import itself and what stands before it.
ROOMS = [
    "config",
    "records",
    "datasets",
    "models",
    "training",
    "forensics",
    "evaluation",
    "realtime",
    "lessons",
    "cli",
]


def requirements(*extras: str) -> set[Requirement]:
    lines = [*PROJECT["dependencies"], *(line for extra in extras for line in EXTRAS[extra])]
    return {Requirement(line) for line in lines}


def conda_pip_block() -> list[str]:
    environment = yaml.safe_load((ROOT / "environment.yml").read_text())
    return next(entry["pip"] for entry in environment["dependencies"] if isinstance(entry, dict))


def locked() -> list[Requirement]:
    text = (ROOT / "requirements.lock").read_text()
    lines = re.findall(r"^([a-z0-9][^\s\\]*==[^\\\n]*?)(?: \\)?$", text, flags=re.MULTILINE | re.IGNORECASE)
    return [Requirement(line) for line in lines]


def test_environment_mirrors_pyproject():
    block = conda_pip_block()
    assert block[-1] == "-e ."
    assert {Requirement(line) for line in block[:-1]} == requirements("cpu", "course", "dev")


def test_every_line_of_the_environment_says_why():
    text = (ROOT / "environment.yml").read_text()
    entries = [line for line in text.splitlines() if re.match(r"\s+- (?!pip:|conda-forge|nodefaults)", line)]
    assert len(entries) > 20
    assert [line for line in entries if " # " not in line] == []


def test_environments_python_is_one_the_project_allows():
    environment = yaml.safe_load((ROOT / "environment.yml").read_text())
    python = next(e for e in environment["dependencies"] if isinstance(e, str) and e.startswith("python="))
    assert SpecifierSet(PROJECT["requires-python"]).contains(python.removeprefix("python="))


@pytest.mark.parametrize("version", ["3.11", "3.12", "3.13"])
@pytest.mark.parametrize(
    ("system", "machine"), [("linux", "x86_64"), ("linux", "aarch64"), ("darwin", "arm64"), ("win32", "AMD64")]
)
def test_the_lock_satisfies_pyproject_everywhere(version, system, machine):
    where = {"python_version": version, "python_full_version": f"{version}.5", "sys_platform": system}
    where |= {"platform_machine": machine, "implementation_name": "cpython"}
    where |= {"platform_python_implementation": "CPython", "os_name": "nt" if system == "win32" else "posix"}
    where |= {"platform_system": {"linux": "Linux", "darwin": "Darwin", "win32": "Windows"}[system]}
    pins = {}
    for pin in locked():
        if pin.marker is None or pin.marker.evaluate(where):
            assert pin.name not in pins, f"two pins for {pin.name}"
            pins[pin.name] = next(iter(pin.specifier)).version
    wanted = [r for r in requirements("cpu", "course", "dev") if r.marker is None or r.marker.evaluate(where)]
    unmet = [str(r) for r in wanted if not r.specifier.contains(pins.get(r.name.lower().replace("_", "-"), ""))]
    assert unmet == []
    assert sum(name in pins for name in ("tensorflow", "tensorflow-cpu")) == 1


def test_the_lock_has_a_hash_for_every_pin_and_names_no_host():
    text = (ROOT / "requirements.lock").read_text()
    assert len(locked()) > 100 and "://" not in text
    blocks = re.split(r"^(?=[a-z0-9])", text, flags=re.MULTILINE | re.IGNORECASE)
    assert [block.split()[0] for block in blocks if "==" in block and "--hash=sha256:" not in block] == []


def test_base_dependencies_hold_no_tensorflow():
    assert not {r.name for r in requirements()} & {"tensorflow", "tensorflow-cpu", "keras"}


def imported_rooms(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("fakeface_utils"):
            below = node.module.split(".")[1:2]
            found |= set(below) if below else {alias.name for alias in node.names}
        if isinstance(node, ast.Import):
            found |= {a.name.split(".")[1] for a in node.names if a.name.startswith("fakeface_utils.")}
    return found & set(ROOMS)


def test_imports_point_only_downwards():
    wrong = []
    for path in (ROOT / "fakeface_utils").rglob("*.py"):
        room = path.relative_to(ROOT / "fakeface_utils").parts[0].removesuffix(".py")
        if room in ROOMS:
            above = {other for other in imported_rooms(path) if ROOMS.index(other) > ROOMS.index(room)}
            wrong += [f"{path.name} in {room} imports {other}" for other in above]
    assert wrong == []


def test_data_metrics_forensics_and_results_load_without_tensorflow():
    modules = "config cli datasets.layouts datasets.archives datasets.pixels datasets.groups datasets.testbed "
    modules += "forensics.metadata forensics.spectrum forensics.shortcuts evaluation.intervals evaluation.audit "
    modules += "lessons.setup lessons.checks lessons.results"
    code = "".join(f"import fakeface_utils.{module}\n" for module in modules.split())
    code += "import sys; assert not {'tensorflow', 'keras'} & set(sys.modules), 'TensorFlow was loaded'"
    subprocess.run([sys.executable, "-c", code], check=True)
