"""A hyperparameter search by several processes: KerasTuner's chief, who proposes, and workers, who train."""

from __future__ import annotations

import os
import pickle
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import tensorflow as tf

from fakeface_utils.training import sweep
from fakeface_utils.training.fit import Part
from fakeface_utils.training.sweep import Build, Plan, Sweep

SPEC = "spec"  # the folder from which the processes read what to do


def search(build: Build, train: Part, valid: Part, plan: Plan, folder: str | Path, workers: int = 2) -> Sweep:
    """As ``sweep.search``, by several processes of this machine at once; the table is the same but for ``worker``.

    KerasTuner's own way: a *chief* proposes and listens on a port, here of the loopback, which only this machine can
    reach; *workers* ask it for a trial, train it and ask for the next. A worker that dies is started again, once with
    the same trial and once without it; if it still dies, everything ends. No process is left when this returns or is
    interrupted. What the processes print is in ``<sweep's folder>/logs``.

    To use several machines that share a folder, call ``prepare`` on one, and then on each, in the same environment,
    ``python -m fakeface_utils.training.workers FOLDER/spec``, with three variables set:

    - ``KERASTUNER_TUNER_ID``: ``chief`` for one process, any other name for each worker
    - ``KERASTUNER_ORACLE_IP``: the chief's address in a private network (nothing on the way is encrypted, and whoever
      reaches the port can give orders)
    - ``KERASTUNER_ORACLE_PORT``: any free port of the chief's machine, 8000 for instance

    Start the chief first; it goes on listening after the last trial, so stop it with ctrl-C when the workers are done.

    Raises:
        ValueError: ``build`` cannot be given to other processes.
        RuntimeError: a process could not do its work, with the end of what it printed.
    """
    home = sweep.folder_of(build, train, valid, plan, Path(folder))
    with sweep.launching(home):
        prepare(build, train, valid, plan, folder)
        try:
            _until_done(home, plan, workers)
        finally:
            shutil.rmtree(home / SPEC, ignore_errors=True)
        return sweep.write_table(home, plan)


def _until_done(home: Path, plan: Plan, workers: int) -> None:
    """Start the chief and the workers, start again who dies, and return when no worker is left."""
    with _processes(home) as start, sweep.trials_bar(plan) as bar:
        chief, names = start("chief"), [f"worker-{number}" for number in range(1, workers + 1)]
        running, deaths, seen = {name: start(name) for name in names}, Counter(), Counter()
        while running:
            time.sleep(0.5)
            done = Counter(row["worker"] for row in sweep.read_rows(home, plan) if row["status"] != sweep.RUNNING)
            bar.update(done.total() - bar.n)
            if chief.poll():
                raise RuntimeError(f"the chief ended with code {chief.returncode}:\n{_last_words(home, 'chief')}")
            for name, process in list(running.items()):
                if process.poll() == 0:
                    del running[name]
                elif process.poll() is not None:
                    # Two deaths since its last trial: this one kills it. Three: something else does.
                    deaths[name], seen[name] = 1 + deaths[name] * (done[name] == seen[name]), done[name]
                    if deaths[name] > 2:
                        words = f"{name} died three times, with code {process.returncode}:"
                        raise RuntimeError(f"{words}\n{_last_words(home, name)}")
                    running[name] = start(name, *["--skip-first"] * (deaths[name] == 2))


def prepare(build: Build, train: Part, valid: Part, plan: Plan, folder: str | Path) -> Path:
    """Write what other processes need, images included, into the folder ``spec`` of a sweep's folder; returns that.

    Raises:
        ValueError: ``build`` is a function of a notebook, which no other process can find.
    """
    try:
        spec = pickle.dumps((build, plan))
    except (pickle.PicklingError, AttributeError, TypeError):
        spec = b"__main__"
    if b"__main__" in spec:
        raise ValueError(
            "other processes cannot find the build function; give a sweep.Space, or put it in a file and import it"
        )
    home = sweep.folder_of(build, train, valid, plan, Path(folder))
    (home / SPEC).mkdir(parents=True, exist_ok=True)
    for name, (images, labels) in {"train": train, "valid": valid}.items():
        np.save(home / SPEC / f"{name}-labels.npy", np.asarray(labels))
        copy = np.lib.format.open_memmap(
            home / SPEC / f"{name}.npy", "w+", images[np.arange(1)].dtype, images.shape
        )
        for first in range(0, len(images), 1000):
            numbers = np.arange(first, min(first + 1000, len(images)))
            copy[numbers] = images[numbers]
        copy.flush()
    (home / SPEC / "plan.pickle").write_bytes(spec)
    return home


@contextmanager
def _processes(home: Path) -> Iterator[Callable[..., subprocess.Popen]]:
    """A function that starts a process by its name; all of them have ended when this is left, however it is left."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    where = {"KERASTUNER_ORACLE_IP": "127.0.0.1", "KERASTUNER_ORACLE_PORT": str(port), "no_grpc_proxy": "127.0.0.1"}
    gpus = len(tf.config.list_physical_devices("GPU"))
    path = os.pathsep.join(filter(None, sys.path))
    (home / "logs").mkdir(exist_ok=True)
    started = []

    def start(name: str, *options: str) -> subprocess.Popen:
        own = {"KERASTUNER_TUNER_ID": name, "PYTHONPATH": path}
        if gpus > 1 and name != "chief":
            own["CUDA_VISIBLE_DEVICES"] = _gpu(int(name.split("-")[1]) - 1, gpus)
        command = [sys.executable, "-m", __name__, str(home / SPEC), "--with-parent", *options]
        with (home / "logs" / f"{name}.txt").open("ab") as log:
            # Ctrl-C is for the launcher alone. Should it be killed, the pipe closes, and they end themselves.
            process = subprocess.Popen(
                command,
                env={**os.environ, **where, **own},
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        started.append(process)
        return process

    try:
        yield start
    finally:
        for process in started:
            process.kill()
            process.wait()
            process.stdin.close()


def _gpu(number: int, gpus: int) -> str:
    visible = os.environ.get("CUDA_VISIBLE_DEVICES") or ",".join(map(str, range(gpus)))
    return visible.split(",")[number % gpus]


def _last_words(home: Path, name: str) -> str:
    lines = (home / "logs" / f"{name}.txt").read_text(errors="replace").splitlines()
    return "\n".join(lines[-15:])


def main(spec: str, *options: str) -> None:
    """One chief or worker: reads the folder ``spec`` that ``prepare`` wrote; who it is stands in the environment."""
    if "--with-parent" in options:
        threading.Thread(target=lambda: (sys.stdin.read(), os._exit(1)), daemon=True).start()
    folder = Path(spec)
    build, plan = pickle.loads((folder / "plan.pickle").read_bytes())
    parts = [
        (np.load(folder / f"{name}.npy", mmap_mode="r"), np.load(folder / f"{name}-labels.npy"))
        for name in ("train", "valid")
    ]
    sweep.search_in(build, *parts, plan, folder.parent, "--skip-first" in options)


if __name__ == "__main__":
    main(*sys.argv[1:])
