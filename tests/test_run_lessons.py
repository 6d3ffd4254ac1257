"""The runner: strict before, one process a lesson, nothing run twice, nothing left behind."""

import io
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import nbformat
import psutil
import pytest
import yaml

from tools import course_pages, run_lessons
from tools.build_lessons import LessonError
from tools.run_lessons import main, plan

SMALL = {"seconds": 60, "memory_gb": 2.5}
# lesson -> its last cell
LESSONS = {
    "01_ok": "print('seed is', SEED)",
    "02_fails": "raise ValueError('no such coin')",
    "03_net": (
        "import socket, urllib.request\n"
        "for call in (lambda: socket.create_connection(('192.0.2.1', 80), timeout=2),\n"
        "             lambda: urllib.request.urlopen('http://example.org', timeout=2)):\n"
        "    try:\n        call()\n    except OSError as error:\n        print(error)\n"
        "server = socket.create_server(('127.0.0.1', 0))\n"
        "socket.create_connection(server.getsockname()).close()\nprint('loopback works')"
    ),
    "04_big": "block = bytearray(300_000_000)",
    "05_dies": "import os\nos._exit(3)",
}
BUDGETS = {"01_ok": {"seconds": 0.5, "memory_gb": 2.5}, "04_big": {"seconds": 60, "memory_gb": 0.2}}


def write(root, name, last, seed="SEED = 0  # luck"):
    cells = [
        nbformat.v4.new_markdown_cell(
            f"# Is this {name}?\n\n![Badge](https://example.org/b.svg) [next](02_fails.ipynb), $k / n$"
        ),
        nbformat.v4.new_code_cell(seed, metadata={"tags": ["parameters"]}),
        nbformat.v4.new_code_cell(last),
    ]
    metadata = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    path = root / f"notebooks/solutions/{name}.ipynb"
    path.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=metadata), path)


def make(root, lessons):
    for name, last in lessons.items():
        write(root, name, last)
    profiles = {n: {"smoke": {"parameters": {"SEED": 1}, "budget": BUDGETS.get(n, SMALL)}} for n in lessons}
    (root / "notebooks/profiles.yaml").write_text(yaml.safe_dump(profiles))
    return root


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch):
    for name in [name for name in os.environ if name.startswith("FAKEFACE_")]:
        monkeypatch.delenv(name)


@pytest.fixture
def root(tmp_path):
    return make(tmp_path, {"01_ok": LESSONS["01_ok"], "02_fails": LESSONS["02_fails"]})


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    """All lessons run once, in a process as a user would start it."""
    root = make(tmp_path_factory.mktemp("kit"), LESSONS)
    command = [sys.executable, "-m", "tools.run_lessons", "--root", str(root), "--out", str(root / "out")]
    env = {name: value for name, value in os.environ.items() if not name.startswith("FAKEFACE_")}
    done = subprocess.run(
        [*command, "--block-network"], cwd=run_lessons.ROOT, env=env, capture_output=True, text=True
    )
    return root, done


def line(ran, name):
    return next(text for text in ran[1].stdout.splitlines() if text.startswith(name))


def text_of(root, name):
    """Everything an executed lesson printed."""
    cells = nbformat.read(root / f"out/{name}.ipynb", as_version=4).cells
    return "".join(o.get("text", "") for cell in cells for o in cell.get("outputs", []))


def test_a_lesson_runs_with_its_parameters_and_over_time_is_only_said(ran):
    assert "seed is 1" in text_of(ran[0], "01_ok")
    assert " ok " in line(ran, "01_ok") and " GB" in line(ran, "01_ok") and "over its" in line(ran, "01_ok")
    stamp = json.loads((ran[0] / "out/01_ok.json").read_text())
    assert 0.03 < stamp["memory_gb"] < 2 and 0.5 < stamp["seconds"] < 60


def test_a_failing_lesson_is_named_and_the_others_still_run(ran):
    assert ran[1].returncode == 1
    assert "failed" in line(ran, "02_fails") and "cell 3: ValueError: no such coin" in line(ran, "02_fails")
    assert str(ran[0] / "out/02_fails.ipynb") in ran[1].stdout and (ran[0] / "out/02_fails.ipynb").exists()
    assert " ok " in line(ran, "03_net")
    assert "TCP" not in ran[1].stdout + ran[1].stderr
    assert {path.suffix for path in (ran[0] / "out").iterdir()} == {".ipynb", ".json"}
    assert not list((ran[0] / "out").glob(".*"))


def test_the_network_is_blocked_but_not_this_machine(ran):
    said = text_of(ran[0], "03_net")
    assert "no network in this run: 192.0.2.1" in said and "the name example.org was looked up" in said
    assert "loopback works" in said


def test_too_much_memory_fails(ran):
    assert "failed" in line(ran, "04_big") and "over its 0.2 GB" in line(ran, "04_big")


def test_a_dead_kernel_is_a_failed_lesson(ran):
    assert "failed" in line(ran, "05_dies") and "DeadKernelError" in line(ran, "05_dies")


def test_pages_need_no_network(ran):
    root, _ = ran
    index = course_pages.write_pages(root / "out", root).read_text()
    page = (root / "out/01_ok.html").read_text()
    assert "testbed: not evidence" in index and 'href="03_net.html"' in index and "Is this 04_big?" in index
    assert "no such coin" in index and "no such coin" in (root / "out/02_fails.html").read_text()
    assert "An Exception was encountered" not in (root / "out/02_fails.html").read_text()
    assert 'href="index.html"' in page and page.count('href="02_fails.html"') == 3
    assert "seed is 1" in page and 'alt="k / n"' in page
    assert "https://" not in page.replace("https://jupyter.org", "") and "<script" not in page


def test_a_lesson_that_broke_before_its_first_cell_still_has_a_page(tmp_path):
    make(tmp_path, {"01_ok": LESSONS["01_ok"]})
    stamp = {"status": "failed", "problem": "no kernel", "seconds": 1.0, "memory_gb": None, "profile": "smoke"}
    stamp |= {"source": "notebooks/solutions/01_ok.ipynb", "inputs": {"versions": {"python": "3"}}}
    (tmp_path / "01_ok.json").write_text(json.dumps(stamp))
    assert "no kernel" in course_pages.write_pages(tmp_path, tmp_path).read_text()
    assert "Is this 01_ok?" in (tmp_path / "01_ok.html").read_text()


def test_the_same_inputs_are_not_run_again(root, capsys, monkeypatch):
    calls = []
    good = {"status": "ok", "problem": "", "memory_gb": 0.1, "seconds": 1.0}

    def fake(job, out, block_network):
        calls.append(job.name)
        (out / f"{job.name}.ipynb").touch()
        return good | ({"status": "failed"} if job.name == "02_fails" else {})

    monkeypatch.setattr(run_lessons, "run", fake)
    again = ["--root", str(root), "--out", str(root / "out")]

    def ran_again(*more):
        calls.clear()
        main([*again, *more])
        return list(calls)

    assert ran_again() == ["01_ok", "02_fails"]
    assert ran_again() == ["02_fails"], "a failed lesson is run again, a good one is not"
    assert "unchanged" in capsys.readouterr().out
    assert ran_again("--fresh", "--only", "01") == ["01_ok"]
    assert ran_again("--only", "01", "--param", "01.SEED=5") == ["01_ok"]
    assert ran_again("--only", "01", "--param", "01.SEED=5") == []
    assert ran_again("--only", "01") == ["01_ok"]
    for path in ("fakeface_utils/a.py", "results/r.json", "data/set/x.png", "data/sample/140k/y.png"):
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text("1")
        assert ran_again("--only", "01") == ["01_ok"], path
        assert ran_again("--only", "01") == []
    monkeypatch.setenv("FAKEFACE_STRICT", "1")
    assert ran_again("--only", "01") == ["01_ok"]
    monkeypatch.setenv("FAKEFACE_DATA", str(root / "elsewhere"))
    assert ran_again("--only", "01") == ["01_ok"]
    (root / "data/sample/140k/y.png").write_text("longer")
    assert ran_again("--only", "01") == ["01_ok"], "the sample counts wherever the data are"
    (root / "data/sample/140k-planted").mkdir()
    (root / "data/sample/140k-planted/x.png").write_text("drawn by a lesson")
    assert ran_again("--only", "01") == [], "what a lesson draws for itself does not"
    write(root, "01_ok", "print(2)")
    assert ran_again("--only", "01") == ["01_ok"]
    (root / "out/01_ok.ipynb").unlink()
    assert ran_again("--only", "01") == ["01_ok"]


def test_a_failed_run_leaves_no_earlier_notebook_behind(root, monkeypatch):
    lost = {"status": "failed", "problem": "no kernel", "memory_gb": None, "seconds": 1.0}
    monkeypatch.setattr(run_lessons, "run", lambda job, out, block_network: lost)
    (root / "out").mkdir()
    (root / "out/01_ok.ipynb").write_text("of yesterday")
    assert main(["--root", str(root), "--out", str(root / "out"), "--only", "01"]) == 1
    assert [path.name for path in (root / "out").iterdir()] == ["01_ok.json"]


@pytest.mark.parametrize(("profile", "found", "said"), [("smoke", "smoke", False), ("laptop", "smoke", True)])
def test_a_profile_for_real_images_without_any_is_said(root, monkeypatch, capsys, profile, found, said):
    monkeypatch.setattr(run_lessons, "plan", lambda *_: [])
    monkeypatch.setattr(run_lessons, "choose_profile", lambda: found)
    assert main(["--root", str(root), "--out", str(root / "out"), "--profile", profile]) == 0
    assert ("nothing is evidence" in capsys.readouterr().out) == said


def notebook_at(path, *statuses):
    cells = [
        {"cell_type": "code", "source": "", "metadata": {"papermill": {"status": s}} if s else {}} for s in statuses
    ]
    path.write_text(json.dumps({"cells": [{"cell_type": "markdown", "metadata": {}}, *cells]}))


def test_cells_that_are_done_are_counted(tmp_path):
    part = tmp_path / "part.ipynb"
    assert run_lessons.done_cells(part) == 0
    part.write_text('{"cells": [')
    assert run_lessons.done_cells(part) == 0, "papermill is just writing it"
    notebook_at(part, "completed", "completed", "running", "pending", None)
    assert run_lessons.done_cells(part) == 2


def test_a_terminal_shows_the_cell_a_lesson_is_at(root, tmp_path, monkeypatch):
    """The bar follows the notebook that papermill saves, and a lesson that hangs is still found."""
    shown, bars = [], run_lessons.tqdm
    job = plan(root, "solutions", "smoke", ["01"])[0]
    part = tmp_path / "part.ipynb"
    notebook_at(part, "completed", "running")

    class Bar(bars):
        def __init__(self, *args, **options):
            super().__init__(*args, **options | {"disable": False, "file": io.StringIO()})

        def update(self, n=1):
            shown.append(n)
            super().update(n)

    monkeypatch.setattr(run_lessons, "tqdm", Bar)
    worker = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    with pytest.raises(subprocess.TimeoutExpired):
        run_lessons.watch(worker, job, part, 3)
    worker.kill()
    worker.wait()
    assert sum(shown) == 1


def test_memory_over_the_budget_fails_only_in_smoke(root, monkeypatch, tmp_path):
    monkeypatch.setattr(run_lessons, "watch", lambda *_: None)
    monkeypatch.setattr(run_lessons, "kill_tree", lambda pid: None)

    class Worker:
        pid, returncode = 0, 0

        def __init__(self, command, **_):
            work = json.loads(command[-1])
            Path(work["report"]).write_text(json.dumps({"status": "ok", "problem": "", "memory_gb": 99}))

        def poll(self):
            return 0

    monkeypatch.setattr(run_lessons.subprocess, "Popen", Worker)
    job = plan(root, "solutions", "smoke", ["01"])[0]
    for strict, status in ((True, "failed"), (False, "ok")):
        result = run_lessons.run(replace(job, strict=strict), tmp_path, False)
        assert result["status"] == status
    assert "over its" in run_lessons.progress(job, result, tmp_path)


def test_data_is_known_by_its_manifest_where_it_has_one(tmp_path):
    (tmp_path / "set/testbed").mkdir(parents=True)
    (tmp_path / "set/testbed/manifest.json").write_text("a")
    before = run_lessons.data_fingerprint(tmp_path)
    (tmp_path / "set/x.png").write_text("x")
    assert run_lessons.data_fingerprint(tmp_path) == before
    (tmp_path / "set/testbed/manifest.json").write_text("b")
    assert run_lessons.data_fingerprint(tmp_path) != before
    assert run_lessons.data_fingerprint(tmp_path / "none") == {}


def test_parameters_come_from_the_profile_and_the_command_line(root):
    jobs = plan(root, "solutions", "smoke", None, ["01.SEED=[3, 4]"])
    assert [job.parameters for job in jobs] == [{"SEED": [3, 4]}, {"SEED": 1}]


@pytest.mark.parametrize(
    ("only", "params", "words"),
    [
        (None, ["01.SEDE=3"], "01_ok: unknown parameter SEDE; the lesson has SEED"),
        (None, ["07.SEED=3"], "--param 07.…: no such lesson"),
        (None, ["SEED=3"], "expected LESSON.NAME=VALUE"),
        (["07"], [], "--only 07: no such lesson"),
    ],
)
def test_what_does_not_fit_stops_before_anything_runs(root, only, params, words):
    with pytest.raises(LessonError, match=words.replace(".", r"\.")):
        plan(root, "solutions", "smoke", only, params)


@pytest.mark.parametrize("change", [{"parametres": {}}, {"budget": {"seconds": 3}}, {"parameters": 3}])
def test_a_slip_in_the_table_stops_before_anything_runs(root, change):
    table = yaml.safe_load((root / "notebooks/profiles.yaml").read_text())
    table["01_ok"]["smoke"] |= change
    (root / "notebooks/profiles.yaml").write_text(yaml.safe_dump(table))
    with pytest.raises(LessonError, match="01_ok has no usable entry for profile smoke"):
        plan(root, "solutions", "smoke")


def test_an_incomplete_table_or_notebook_stops_before_anything_runs(root, capsys):
    with pytest.raises(LessonError, match="01_ok has no usable entry for profile paper"):
        plan(root, "solutions", "paper")
    with pytest.raises(LessonError, match=r"no lessons; run python -m tools\.build_lessons"):
        plan(root, "colab", "smoke")
    write(root, "03_new", "x = 1")
    with pytest.raises(LessonError, match="03_new has no usable entry"):
        plan(root, "solutions", "smoke")
    (root / "notebooks/solutions/03_new.ipynb").unlink()
    write(root, "02_fails", "x = 1", seed="x = 1")
    nb = nbformat.read(root / "notebooks/solutions/02_fails.ipynb", as_version=4)
    nb.cells[2].metadata["tags"] = ["parameters"]
    nbformat.write(nb, root / "notebooks/solutions/02_fails.ipynb")
    with pytest.raises(LessonError, match='2 cells tagged "parameters"'):
        plan(root, "solutions", "smoke")
    (root / "notebooks/solutions/02_fails.ipynb").unlink()
    assert main(["--root", str(root), "--out", str(root / "out")]) == 1
    assert "profiles.yaml: 02_fails: no such lesson" in capsys.readouterr().err
    assert not (root / "out").exists()


HANG = "import os, time, pathlib\npathlib.Path(os.environ['PIDFILE']).write_text(str(os.getpid()))\ntime.sleep(600)"


def gone(pidfile):
    return not psutil.pid_exists(int(pidfile.read_text()))


def started(pidfile):
    """Wait until the kernel has said who it is."""
    until = time.monotonic() + 120
    while not (pidfile.exists() and pidfile.read_text()) and time.monotonic() < until:
        time.sleep(0.1)
    return pidfile.exists()


def test_a_hanging_lesson_is_killed_with_its_kernel(tmp_path, monkeypatch, capsys):
    make(tmp_path, {"01_hang": HANG})
    pidfile = tmp_path / "pid"
    monkeypatch.setattr(run_lessons, "hard_limit", lambda seconds: 1 if started(pidfile) else 0)
    monkeypatch.setenv("PIDFILE", str(pidfile))
    assert main(["--root", str(tmp_path), "--out", str(tmp_path / "out")]) == 1
    assert "hung: killed after 1 s" in capsys.readouterr().out
    assert gone(pidfile)


def test_the_hard_limit_is_generous():
    assert [run_lessons.hard_limit(s) for s in (1, 30, 100)] == [600, 600, 2000]


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
def test_stopping_the_runner_stops_the_kernel(tmp_path, stop):
    make(tmp_path, {"01_hang": HANG})
    env = {**os.environ, "PIDFILE": str(tmp_path / "pid")}
    command = [sys.executable, "-m", "tools.run_lessons", "--root", str(tmp_path), "--out", str(tmp_path / "out")]
    # A shell that starts the tests in the background has them ignore SIGINT, and their children with them.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    run = subprocess.Popen(command, cwd=run_lessons.ROOT, env=env, stderr=subprocess.PIPE)
    signal.signal(signal.SIGINT, before)
    try:
        assert started(tmp_path / "pid")
        run.send_signal(stop)
        assert run.wait(30) == 130
        assert b"stopped" in run.stderr.read()
    finally:
        run.kill()
        run.wait()
        run.stderr.close()
    assert gone(tmp_path / "pid")


def test_values_on_the_command_line_are_python_or_words():
    read = {text: run_lessons.literal(text) for text in ("3", "1e-3", "[3, 4]", "true", "smoke", "'a b'")}
    assert read == {"3": 3, "1e-3": 0.001, "[3, 4]": [3, 4], "true": True, "smoke": "smoke", "'a b'": "a b"}
    assert isinstance(read["1e-3"], float)


def test_relative_folders_mean_the_same_inside_a_lesson(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FAKEFACE_DATA", "mine")
    monkeypatch.setenv("FAKEFACE_RUNS", "~/runs")
    env = run_lessons.kernel_environment(False)
    assert Path(env["FAKEFACE_DATA"]) == tmp_path / "mine"
    assert Path(env["FAKEFACE_RUNS"]) == Path("~/runs").expanduser()
