"""Run the lessons headless, one process each: python -m tools.run_lessons --profile smoke"""

from __future__ import annotations

import argparse
import ast
import hashlib
import json
import os
import platform
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from textwrap import shorten

import nbformat
import psutil
import yaml
from tqdm import tqdm

from fakeface_utils import config
from fakeface_utils.lessons.setup import choose_profile
from tools.build_lessons import FOLDERS, LessonError

ROOT = Path(__file__).parents[1]
PACKAGES = ("numpy", "pandas", "scipy", "scikit-learn", "tensorflow", "tensorflow-cpu", "keras", "papermill")
# ipykernel says this at every start; it is about a loopback port.
NOISE = "Kernel is running over TCP"


@dataclass(frozen=True)
class Job:
    """One lesson to run."""

    name: str
    notebook: Path
    parameters: dict
    seconds: float
    memory_gb: float
    strict: bool  # whether more memory is a failure: in smoke, which CI holds; elsewhere machines differ


def notebooks(root: Path, kind: str, only: list[str] | None) -> list[Path]:
    """The lessons of a kind, those asked for."""
    folder = root / FOLDERS[kind]
    paths = sorted(folder.glob("[0-9][0-9]_*.ipynb"))
    if not paths:
        raise LessonError(f"{folder}: no lessons; run python -m tools.build_lessons first")
    for name in only or ():
        if not any(name in (path.stem, path.stem[:2]) for path in paths):
            raise LessonError(f"--only {name}: no such lesson; there are {', '.join(path.stem for path in paths)}")
    return [path for path in paths if not only or {path.stem, path.stem[:2]} & set(only)]


def overrides(params: list[str]) -> dict[str, dict]:
    """`01.SEED=3` -> {"01": {"SEED": 3}}; the value is read as YAML."""
    result: dict[str, dict] = {}
    for text in params:
        target, equals, value = text.partition("=")
        lesson, dot, name = target.partition(".")
        if not (equals and dot and name):
            raise LessonError(f"--param {text}: expected LESSON.NAME=VALUE, as in 01.SEED=3")
        result.setdefault(lesson, {})[name] = literal(value)
    return result


def literal(text: str) -> object:
    """3 is a number, 1e-3 and true too, and what is none of these is a word."""
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return yaml.safe_load(text)


def plan(root: Path, kind: str, profile: str, only: list[str] | None = None, params: list[str] = ()) -> list[Job]:
    """Every lesson with its parameters and budget; LessonError lists what does not fit, before a run."""
    table = yaml.safe_load((root / "notebooks/profiles.yaml").read_text(encoding="utf-8")) or {}
    paths, extra = notebooks(root, kind, only), overrides(params)
    wrong = [
        f"--param {name}.…: no such lesson in this run" for name in extra if not any(named(p, name) for p in paths)
    ]
    if not only:
        wrong += [
            f"notebooks/profiles.yaml: {name}: no such lesson" for name in set(table) - {p.stem for p in paths}
        ]
    jobs = []
    for path in paths:
        try:
            entry = table[path.stem][profile]
            given, budget = dict(entry["parameters"] or {}), entry["budget"]
            if set(entry) != {"parameters", "budget"} or set(budget) != {"seconds", "memory_gb"}:
                raise ValueError
            for name, values in extra.items():
                given |= values if named(path, name) else {}
            jobs.append(
                Job(
                    path.stem, path, given, float(budget["seconds"]), float(budget["memory_gb"]), profile == "smoke"
                )
            )
            wrong += [f"{path.stem}: {problem}" for problem in parameter_problems(path, given)]
        except (KeyError, TypeError, AttributeError, ValueError):
            wrong.append(
                f"notebooks/profiles.yaml: {path.stem} has no usable entry for profile {profile}; "
                f"it needs  {profile}: {{parameters: {{…}}, budget: {{seconds: …, memory_gb: …}}}}"
            )
    if wrong:
        raise LessonError("\n".join([*wrong, "nothing was run"]))
    return jobs


def named(path: Path, name: str) -> bool:
    return name in (path.stem, path.stem[:2])


def parameter_problems(path: Path, given: dict) -> list[str]:
    """papermill only warns about these, and goes on with the notebook's own values."""
    from papermill import inspect_notebook

    tagged = [c for c in nbformat.read(path, as_version=4).cells if "parameters" in c.metadata.get("tags", [])]
    if len(tagged) != 1:
        return [f'{len(tagged)} cells tagged "parameters" in {path.name}; there must be exactly one']
    known = inspect_notebook(str(path))
    return [f"unknown parameter {name}; the lesson has {', '.join(known)}" for name in given if name not in known]


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def tree_digest(folder: Path, pattern: str = "*", content: bool = True) -> str:
    """One hash for the files below a folder: their names with their contents, or with their sizes."""
    total = hashlib.sha256()
    for path in sorted(folder.rglob(pattern)):
        if path.is_file() and "__pycache__" not in path.parts:
            line = f"{path.relative_to(folder).as_posix()} {digest(path) if content else path.stat().st_size}\n"
            total.update(line.encode())
    return total.hexdigest()


def data_fingerprint(folder: Path, besides: str = "") -> dict[str, str]:
    """Each data set but one by the content of its manifests, or, where it has none, by its files' names and sizes."""
    result = {}
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        if path.is_dir() and not path.name.startswith((".", "_")) and path.name != besides:
            listed = any(path.rglob("manifest.json"))
            result[path.name] = tree_digest(path, "manifest.json") if listed else tree_digest(path, content=False)
    return result


def surroundings(root: Path) -> dict:
    """Everything but the notebook and its parameters that a result can depend on."""
    versions = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            versions[name] = "absent"
    # Where results go and how often they are saved, not what they are.
    places = {"FAKEFACE_RUNS", "FAKEFACE_CACHE", "FAKEFACE_CHECKPOINT_SECONDS"}
    data = config.data_dir() if os.environ.get("FAKEFACE_DATA") else root / "data"
    variables = {k: v for k, v in sorted(os.environ.items()) if k.startswith("FAKEFACE_") and k not in places}
    return {
        "package": tree_digest(root / "fakeface_utils"),
        "results": tree_digest(root / "results"),
        "inputs": data_fingerprint(data, besides="sample"),
        "lock": digest(root / "requirements.lock") if (root / "requirements.lock").exists() else "",
        # Not the samples with a planted truth: lessons draw these themselves, by code that is in "package".
        "sample": {name: data_fingerprint(root / "data/sample").get(name) for name in ("140k", "yonsei")},
        "versions": versions,
        "variables": variables,
    }


def hard_limit(seconds: float) -> float:
    """A lesson that takes this long hangs."""
    return max(20 * seconds, 600.0)


def kernel_environment(block_network: bool) -> dict[str, str]:
    """The user's own environment, with this checkout's package first."""
    env = {name: value for name, value in os.environ.items() if name != "MPLBACKEND"}  # so: inline pictures
    path = [str(ROOT / "tools/nonetwork")] if block_network else []
    env["PYTHONPATH"] = os.pathsep.join(filter(None, [*path, str(ROOT), env.get("PYTHONPATH")]))
    # A lesson runs in its own folder: a relative path would mean another place there.
    env |= {"FAKEFACE_DATA": str(config.data_dir()), "FAKEFACE_RUNS": str(config.runs_dir())}
    env["FAKEFACE_CACHE"] = str(config.cache_dir())
    env["TQDM_DISABLE"] = "1"  # a bar in a page would be one line a step
    env["JUPYTER_PREFER_ENV_PATH"] = "1"  # the kernel of this interpreter, not one left in the home directory
    return env


def kill_tree(pid: int) -> None:
    """End a worker and its kernel (which sits in a session of its own, so no process group holds both)."""
    try:
        worker = psutil.Process(pid)
        family = [*worker.children(recursive=True), worker]
    except psutil.NoSuchProcess:
        return
    for process in family:
        try:
            process.kill()
        except psutil.NoSuchProcess:
            continue
    psutil.wait_procs(family, timeout=10)


def run(job: Job, out: Path, block_network: bool) -> dict:
    """Run one lesson in a process of its own; say how it went. The notebook is in `out` in any case."""
    part, report, log = (out / f".{job.name}.part{suffix}" for suffix in (".ipynb", ".json", ".log"))
    work = {
        "notebook": str(job.notebook),
        "output": str(part),
        "report": str(report),
        "parameters": job.parameters,
    }
    command = [sys.executable, "-m", "tools.run_lessons", "--worker", json.dumps(work)]
    env = kernel_environment(block_network)
    result = {"status": "failed", "problem": "", "memory_gb": None}
    start = time.monotonic()
    with log.open("wb") as stream:
        worker = subprocess.Popen(command, stdout=stream, stderr=stream, env=env, start_new_session=True)
        try:
            watch(worker, job, part, hard_limit(job.seconds))
        except subprocess.TimeoutExpired:
            result["problem"] = f"hung: killed after {hard_limit(job.seconds):.0f} s"
        finally:
            if worker.poll() is None:
                kill_tree(worker.pid)
    result["seconds"] = round(time.monotonic() - start, 1)
    if report.exists():
        result |= json.loads(report.read_text(encoding="utf-8"))
    elif not result["problem"]:
        lines = [
            line for line in log.read_text(errors="replace").splitlines() if line.strip() and NOISE not in line
        ]
        result["problem"] = f"the process ended with status {worker.returncode}: {' | '.join(lines[-3:])}"
    if result["status"] == "ok" and (result["memory_gb"] or 0) > job.memory_gb and job.strict:
        result |= {"status": "failed", "problem": f"over its {job.memory_gb:g} GB"}
    if part.exists():
        part.replace(out / f"{job.name}.ipynb")
    for path in (report, log):
        path.unlink(missing_ok=True)
    return result


def watch(worker: subprocess.Popen, job: Job, part: Path, seconds: float) -> None:
    """Wait for a worker; on a terminal with a bar of its lesson's cells, which papermill saves one by one.

    Raises subprocess.TimeoutExpired after so many seconds.
    """
    total = sum(cell.cell_type == "code" for cell in nbformat.read(job.notebook, as_version=4).cells)
    end = time.monotonic() + seconds
    with tqdm(total=total, desc=job.name, unit=" cells", leave=False, disable=None) as bar:
        while True:
            left = end - time.monotonic()
            try:
                worker.wait(left if bar.disable else min(2.0, max(left, 0)))
                return
            except subprocess.TimeoutExpired:
                if bar.disable or left <= 2.0:
                    raise
                bar.update(min(done_cells(part), total) - bar.n)


def done_cells(part: Path) -> int:
    """How many code cells of a notebook that papermill is at are done; 0 where it is just being written."""
    try:
        cells = json.loads(part.read_text(encoding="utf-8"))["cells"]
    except (OSError, ValueError):
        return 0
    told = [cell["metadata"].get("papermill", {}) for cell in cells if cell["cell_type"] == "code"]
    return sum(cell.get("status") == "completed" for cell in told)


def work(task: dict) -> None:
    """What the worker process does: papermill, then a report of how it went."""
    import papermill

    report = {"status": "ok", "problem": ""}
    try:
        papermill.execute_notebook(
            task["notebook"],
            task["output"],
            parameters=task["parameters"],
            kernel_name="python3",
            cwd=str(Path(task["notebook"]).parent),  # where Jupyter starts it for a person
            progress_bar=False,
            log_output=False,
            start_timeout=300,
        )
    except Exception as error:
        report = {"status": "failed", "problem": explain(error, Path(task["output"]))}
    report["memory_gb"] = peak_memory_gb()
    Path(task["report"]).write_text(json.dumps(report), encoding="utf-8")


def explain(error: Exception, executed: Path) -> str:
    """`cell 7: ValueError: …`, the cell counted as in the lesson, without those papermill adds."""
    if not hasattr(error, "ename"):
        return f"{type(error).__name__}: {error}"
    added = {"injected-parameters", "papermill-error-cell-tag"}
    cells = [c for c in nbformat.read(executed, as_version=4).cells if not added & set(c.metadata.get("tags", []))]
    failed = [i for i, c in enumerate(cells, 1) if any(o.output_type == "error" for o in c.get("outputs", []))]
    return f"cell {failed[0] if failed else '?'}: {error.ename}: {error.evalue}"


def peak_memory_gb() -> float | None:
    """Peak resident memory of the largest child, which is the kernel; None where the system does not say."""
    try:
        import resource
    except ImportError:
        return None
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    return round(peak * (1 if sys.platform == "darwin" else 1024) / 1e9, 2)


def progress(job: Job, result: dict, out: Path) -> str:
    """What follows a lesson's name on its line."""
    memory = "" if result["memory_gb"] is None else f"{result['memory_gb']:5.1f} GB"
    line = f"{result['status']:<10}{result['seconds']:5.0f} s {memory}"
    if result["seconds"] > job.seconds and result["status"] == "ok":
        line += f"  over its {job.seconds:.0f} s"
    if (result["memory_gb"] or 0) > job.memory_gb and result["status"] == "ok":
        line += f"  over its {job.memory_gb:g} GB"
    if result["status"] == "failed":
        line += f"  {shorten(result['problem'], 240)}\n{'':<24}see {out / job.name}.ipynb"
    return line


def run_all(jobs: list[Job], out: Path, root: Path, profile: str, block_network: bool, fresh: bool) -> int:
    """Run what is not yet run with the same inputs; a line a lesson; the number of failures."""
    out.mkdir(parents=True, exist_ok=True)
    around, failures = surroundings(root), 0
    for job in jobs:
        # A log shows at once what is running; on a terminal the bar does, and the line comes after it.
        name = f"{job.name:<24}"
        if not sys.stderr.isatty():
            print(name, end="", flush=True)
            name = ""
        stamp = out / f"{job.name}.json"
        inputs = {"notebook": digest(job.notebook), "parameters": job.parameters, **around}
        before = json.loads(stamp.read_text(encoding="utf-8")) if stamp.exists() else {}
        same = before.get("status") == "ok" and before.get("inputs") == inputs
        if same and (out / f"{job.name}.ipynb").exists() and not fresh:
            print(f"{name}unchanged", flush=True)
            continue
        for old in (stamp, out / f"{job.name}.ipynb"):
            old.unlink(missing_ok=True)
        result = run(job, out, block_network)
        where = job.notebook.relative_to(root).as_posix()
        record = {**result, "profile": profile, "source": where, "inputs": inputs}
        part = stamp.with_suffix(".part")
        part.write_text(json.dumps(record, indent=1, default=str), encoding="utf-8")
        part.replace(stamp)
        failures += result["status"] != "ok"
        print(name + progress(job, result, out), flush=True)
    return failures


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tools.run_lessons", description=__doc__)
    parser.add_argument("--profile", default="smoke", help="which settings of notebooks/profiles.yaml")
    parser.add_argument("--kind", choices=list(FOLDERS), default="solutions", help="which notebooks")
    parser.add_argument("--only", nargs="+", metavar="NN", help="these lessons only, by number or name")
    parser.add_argument("--out", type=Path, default=Path("build/course"), help="where executed notebooks go")
    parser.add_argument("--block-network", action="store_true", help="lessons reach this machine only")
    parser.add_argument("--param", nargs="+", default=[], metavar="NN.NAME=VALUE", help="change a parameter")
    parser.add_argument("--fresh", action="store_true", help="run also what has not changed")
    parser.add_argument("--root", type=Path, default=ROOT, help="the repository")
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    args = parser.parse_args(argv)
    if args.worker:
        work(json.loads(args.worker))
        return 0
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # stopped from outside: end the children too
    try:
        root = args.root.resolve()
        jobs = plan(root, args.kind, args.profile, args.only, args.param)
        if args.profile != "smoke" and choose_profile() == "smoke":
            print(f"no real set in {config.data_dir()}: the lessons draw their portraits, and nothing is evidence")
        return 1 if run_all(jobs, args.out.resolve(), root, args.profile, args.block_network, args.fresh) else 0
    except LessonError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nstopped; finished lessons are kept", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
