"""Sweeps: killed at any moment, called again, or shared by processes, they end with the same table."""

import json
import multiprocessing
import os
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from filelock import Timeout

keras = pytest.importorskip("keras")
pytest.importorskip("keras_tuner")
if "forkserver" not in multiprocessing.get_all_start_methods():
    pytest.skip("killing and forking need a Unix", allow_module_level=True)

from fakeface_utils import models  # noqa: E402
from fakeface_utils.datasets.pipeline import Rows  # noqa: E402
from fakeface_utils.models.weights import WeightsError  # noqa: E402
from fakeface_utils.training import store, sweep, workers  # noqa: E402
from fakeface_utils.training.device import building  # noqa: E402
from fakeface_utils.training.experiment import Experiment  # noqa: E402
from fakeface_utils.training.fit import _Log, fit  # noqa: E402
from fakeface_utils.training.recipes import changed  # noqa: E402
from fakeface_utils.training.sweep import Plan, Space  # noqa: E402

CHOICES = {"filters": [(2,), (2, 3), (3, 3, 3)], "kernel": [3, 5], "pool": [2, 4]}
SPACE = Space("cnn", 8, "grey", CHOICES, {"dense": (2,)})
PLAN = Plan(trials=6, epochs=2, batch_size=8)

FORK = multiprocessing.get_context("forkserver")
FORK.set_forkserver_preload(["tests.test_sweep"])


def images() -> tuple[tuple, tuple]:
    """24 training and 16 validation images of 8 x 8 pixels; the fakes are darker."""
    pixels = np.random.default_rng(0).integers(0, 256, (40, 8, 8, 1), dtype=np.uint8)
    labels = np.arange(40) % 2
    pixels[labels == 1] //= 2
    return (pixels[:24], labels[:24]), (Rows(pixels, np.arange(24, 40)), labels[24:])


def run(folder: Path, plan: Plan = PLAN, build: Callable = SPACE) -> sweep.Sweep:
    return sweep.search(build, *images(), plan, folder)


def same(table: pd.DataFrame, *but: str) -> pd.DataFrame:
    """What must be equal, however a sweep came to its end."""
    return table.drop(columns=["seconds_per_epoch", *but])


def assert_same(one: sweep.Sweep, two: sweep.Sweep, *but: str) -> None:
    pd.testing.assert_frame_equal(same(one.table(), *but), same(two.table(), *but))


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory) -> sweep.Sweep:
    return run(tmp_path_factory.mktemp("undisturbed"))


@pytest.fixture
def trained(monkeypatch) -> list:
    """A list that grows by the epochs of every training."""
    calls = []
    monkeypatch.setattr(sweep, "fit", lambda *a, **k: calls.append(k["epochs"]) or fit(*a, **k))
    return calls


# What it says


def test_every_trial_is_in_the_table_with_what_fit_gives(undisturbed):
    table = undisturbed.table()
    assert list(table) == ["trial", *CHOICES, *sweep.FACTS] and list(table["trial"]) == list(range(6))
    assert len(table[list(CHOICES)].drop_duplicates()) == 6
    built = table[table["status"] == "ok"]
    dead = table[table["status"] != "ok"]
    assert len(built) >= 2 and len(dead) >= 2  # with this seed both kinds come up
    assert dead["status"].str.match(r"cannot be built: (convolution|pooling) \d needs").all()
    assert dead[["parameters", "val_auc", "val_loss"]].isna().all(axis=None)
    for row in built.to_dict("records"):
        arguments = {name: row[name] for name in CHOICES} | {"filters": tuple(json.loads(row["filters"]))}
        with building(PLAN.seed, "float32"):
            model = models.build("cnn", 8, "grey", dense=(2,), **arguments)
        history = fit(model, *images(), epochs=2, batch_size=8, seed=PLAN.seed, verbose=0)
        assert model.count_params() == row["parameters"] and row["seconds_per_epoch"] > 0
        for name in sweep.SCORES:
            assert row[name] == history[name].iloc[-1]


def test_the_csv_is_the_table(undisturbed):
    written = pd.read_csv(undisturbed.folder / "trials.csv").convert_dtypes()
    pd.testing.assert_frame_equal(written, undisturbed.table(), check_exact=False)
    assert not list(undisturbed.folder.glob("*.npz")) and not list(undisturbed.folder.glob("partial-*"))


def test_a_trial_under_way_is_not_in_the_table_yet(tmp_path):
    row = {"key": "k", "values": {"kernel": 3}, "epochs": 2, "worker": "worker-1", "val_auc": 0.5}
    for number, status in enumerate(("ok", sweep.RUNNING, sweep.LOST)):
        (tmp_path / f"trial-{number:04d}.json").write_text(json.dumps(row | {"trial": number, "status": status}))
    assert list(sweep.write_table(tmp_path, PLAN).table()["trial"]) == [0, 2]
    assert list(pd.read_csv(tmp_path / "trials.csv")["status"]) == ["ok", sweep.LOST]


def test_the_best_can_be_trained_again_as_an_experiment(undisturbed):
    table = undisturbed.table()
    best = undisturbed.best(3)
    first = table.loc[table["val_auc"].idxmax()]
    assert best[0]["filters"] == tuple(json.loads(first["filters"])) and best[0]["pool"] == first["pool"]
    auc = [
        table.loc[(table[list(b)] == [json.dumps(b["filters"]), b["kernel"], b["pool"]]).all(axis=1)] for b in best
    ]
    assert [float(row["val_auc"].iloc[0]) for row in auc] == sorted(table["val_auc"].dropna(), reverse=True)[:3]
    winner = changed(Experiment("yonsei", "folder", "cnn", {"dense": (2,)}, size=8, color="grey"), **best[0])
    assert dict(winner.model_args) == {"dense": (2,), **best[0]}


def test_the_choice_follows_the_seed_and_zero_is_one(tmp_path, undisturbed):
    assert_same(run(tmp_path), undisturbed)
    oracles = [sweep.METHODS["random"](replace(PLAN, seed=seed)) for seed in (0, 0, 1)]
    assert oracles[0].seed == oracles[1].seed != oracles[2].seed


def conditional(hp) -> keras.Model:
    """A build function as a lesson has it, with values that only some networks have, and its own rate."""
    filters = [hp.Choice("filters_1", [2, 3])]
    pairs = hp.Int("pairs", 1, 2)
    hp.Choice("learning_rate", [1e-3, 1e-2])
    with hp.conditional_scope("pairs", [2]):
        if pairs == 2:
            filters.append(hp.Choice("filters_2", [2, 3]))
    return models.build("cnn", 8, "grey", filters=filters, kernel=2, dense=(2,))


def test_a_function_may_ask_for_values_that_only_some_networks_have(tmp_path, trained):
    plan = replace(PLAN, trials=5)
    found = run(tmp_path, plan, conditional)
    table = found.table()
    assert {"filters_1", "pairs", "filters_2"} <= set(table) and (table["pairs"] == 2).any()
    assert (table["filters_2"].isna() == (table["pairs"] == 1)).all()
    assert all("filters_2" not in one for one in found.best(5) if one["pairs"] == 1)
    assert len(trained) == 5
    assert_same(run(tmp_path, plan, conditional), found)
    assert len(trained) == 5


def test_hyperparameters_of_training_reach_fit(tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr(sweep, "fit", lambda *a, **k: asked.append(k) or fit(*a, **k))
    choices = {"learning_rate": [1e-3, 1e-2], "batch_size": [4, 8], "optimizer": ["adam", "sgd"]}
    table = run(
        tmp_path, replace(PLAN, augmentation="flip"), Space("ffnn", 8, "grey", choices, {"units": 2})
    ).table()
    assert len(asked) == 6 and all(table[name].nunique() == 2 for name in choices)
    for name in choices:
        assert [call[name] for call in asked] == list(table[name])
    assert asked[0]["augment"] is not None


def test_the_space_may_have_fewer_networks_than_asked_for(tmp_path):
    table = run(tmp_path, replace(PLAN, trials=9), Space("ffnn", 8, "grey", {"units": [1, 2]})).table()
    assert sorted(table["units"]) == [1, 2]


@pytest.mark.filterwarnings("ignore:invalid value encountered")
def test_a_network_that_explodes_is_marked_and_not_chosen(tmp_path):
    choices = {"learning_rate": [1e-3, 1e30]}
    found = run(tmp_path, replace(PLAN, trials=2), Space("ffnn", 8, "grey", choices, {"units": 2}))
    assert sorted(found.table()["status"]) == ["diverged", "ok"] and found.best(2) == [{"learning_rate": 1e-3}]


# What ends it, and what does not


def test_many_dead_networks_in_a_row_end_nothing(tmp_path):
    dead = Space("cnn", 8, "grey", {"kernel": list(range(9, 30))}, {"dense": (2,)})
    found = run(tmp_path, build=dead)
    assert found.table()["status"].str.startswith("cannot be built").tolist() == [True] * 6 and found.best() == []


def test_an_error_that_is_no_dead_network_ends_the_sweep(tmp_path):
    def mistaken(hp):
        if hp.Choice("units", [1, 2, 3]) == 2:
            raise NameError("name 'layerz' is not defined")
        return models.build("ffnn", 8, "grey", units=hp.get("units"))

    with pytest.raises(NameError, match="layerz"):
        run(tmp_path, build=mistaken)


def test_a_hyperparameter_cannot_have_the_name_of_another_column(tmp_path):
    def build(hp):
        return models.build("ffnn", 8, "grey", units=hp.Choice("epochs", [1, 2]))

    with pytest.raises(TypeError, match="columns epochs"):
        run(tmp_path, build=build)


def test_values_asked_for_too_late_are_no_endless_loop(tmp_path):
    def late(hp):
        if hp.Int("pairs", 1, 2) == 2:
            raise ValueError("no pixels left")
        with hp.conditional_scope("pairs", [2]):
            hp.Int("deep", 1, 2)
        return models.build("ffnn", 8, "grey", units=1)

    with pytest.raises(ValueError, match="ask before"):
        run(tmp_path, build=late)


def test_a_plan_that_cannot_be_is_refused():
    for wrong in ({"method": "grid"}, {"augmentation": "flop"}, {"trials": None}, {"trials": 0}, {"seed": -1}):
        with pytest.raises(ValueError):
            replace(PLAN, **wrong)
    with pytest.raises(ValueError, match="counts for itself"):
        Plan(method="hyperband")


def test_without_kerastuner_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "keras_tuner", None)
    monkeypatch.delitem(sys.modules, "fakeface_utils.training.sweep")
    with pytest.raises(ModuleNotFoundError, match="pip install 'keras-tuner"):
        __import__("fakeface_utils.training.sweep")


# Called again


def test_what_was_trained_is_read_and_more_trials_are_added(tmp_path, undisturbed, trained):
    ok = (undisturbed.table()["status"] == "ok").tolist()
    three = run(tmp_path, replace(PLAN, trials=3))
    assert len(trained) == sum(ok[:3])
    assert_same(run(tmp_path), undisturbed)
    assert len(trained) == sum(ok)
    assert_same(run(tmp_path, replace(PLAN, trials=3)), three)
    assert len(trained) == sum(ok) and len(pd.read_csv(three.folder / "trials.csv")) == 3


def test_whatever_changes_the_numbers_has_a_folder_of_its_own(tmp_path, monkeypatch):
    train, valid = images()

    def folder(build=SPACE, plan=PLAN, train=train, valid=valid) -> Path:
        return sweep.folder_of(build, train, valid, plan, tmp_path)

    assert folder() == folder(plan=replace(PLAN, trials=99))
    assert folder() == folder(train=(Rows(train[0], np.arange(24)), list(train[1])))
    folders = [folder()]
    for change in ({"epochs": 3}, {"batch_size": 4}, {"optimizer": "sgd"}, {"learning_rate": 1e-4}, {"seed": 1}):
        folders.append(folder(plan=replace(PLAN, **change)))
    folders.append(folder(plan=replace(PLAN, augmentation="flip")))
    folders.append(folder(build=replace(SPACE, choices=CHOICES | {"kernel": [3, 6]})))
    folders.append(folder(build=replace(SPACE, fixed={"dense": (3,)})))
    other = train[0].copy()
    other[-1, -1, -1] += 1
    folders.append(folder(train=(other, train[1])))
    folders.append(folder(valid=(valid[0], 1 - valid[1])))
    with monkeypatch.context() as patch:
        patch.setattr(sweep.pipeline, "VERSION", 99)
        folders.append(folder())
    assert len(set(folders)) == len(folders)


def test_a_build_function_that_builds_another_network_trains_again(tmp_path, trained):
    def build(hp, units: int = 2):
        return models.build("ffnn", 8, "grey", units=units if hp.Choice("branch", [1, 2]) == 2 else 1)

    plan = replace(PLAN, trials=2)
    first = run(tmp_path, plan, build)
    second = run(tmp_path, plan, lambda hp: build(hp, 3))  # the first values give the same network
    assert first.folder == second.folder and len(trained) == 3
    assert (first.table()["parameters"] != second.table()["parameters"]).sum() == 1 and len(second.table()) == 2


# Killed


def child(folder: Path, moment: tuple[str, str] | None) -> None:
    """Sweep; ``moment`` is a file and whether to die just before or just after it gets its final name."""
    rename = Path.replace

    def replace_and_die(path: Path, target: Path) -> None:
        if moment == (target.name, "before"):
            os.kill(os.getpid(), signal.SIGKILL)
        rename(path, target)
        if moment == (target.name, "after"):
            os.kill(os.getpid(), signal.SIGKILL)

    Path.replace = replace_and_die
    os.environ["FAKEFACE_CHECKPOINT_SECONDS"] = "0"
    run(folder)


@pytest.mark.parametrize(
    "moment",
    [
        ("trial-0001.json", "before"),  # asked for, not begun
        ("trial-0001.json", "after"),  # begun
        ("checkpoint", "after"),  # in the middle of the first training
        ("trials.csv", "before"),
    ],
)
def test_a_killed_sweep_goes_on_and_ends_as_if_it_had_not_been(tmp_path, undisturbed, trained, moment):
    name = moment[0]
    if name == "checkpoint":
        first = undisturbed.rows[0]["key"].split()[0]
        name = f"{first}.npz"
    process = FORK.Process(target=child, args=(tmp_path, (name, moment[1])), daemon=True)
    process.start()
    process.join(120)
    assert process.exitcode == -signal.SIGKILL
    home = undisturbed.folder.name
    assert (tmp_path / home).exists() or moment[1] == "before"
    if (tmp_path / home / "trials.csv").exists():
        assert "running" not in (tmp_path / home / "trials.csv").read_text()
    assert_same(run(tmp_path), undisturbed)
    ok = (undisturbed.table()["status"] == "ok").sum()
    assert len(trained) == ok - (moment[0] != "checkpoint") and not list((tmp_path / home).glob("*.npz"))


# Hyperband


def test_hyperband_trains_the_best_for_longer_from_where_they_stopped(tmp_path, monkeypatch):
    epochs = []  # those that were really trained
    ended = _Log.on_epoch_end
    monkeypatch.setattr(_Log, "on_epoch_end", lambda self, *a: epochs.append(1) or ended(self, *a))
    plan = Plan(trials=None, epochs=4, method="hyperband", batch_size=8)
    space = Space("ffnn", 8, "grey", {"units": [1, 2, 3, 4], "activation": ["relu", "tanh"]})
    found = run(tmp_path / "one", plan, space)
    table = found.table()
    spent = len(epochs)
    assert set(table["epochs"]) == {2, 4} and "tuner/epochs" not in table
    short, long = (table[table["epochs"] == epochs].set_index(["units", "activation"]) for epochs in (2, 4))
    promoted = short.index.intersection(long.index)
    assert len(promoted) and short.loc[promoted, "val_auc"].min() >= short["val_auc"].drop(promoted).max()
    for units, activation in promoted:
        with building(0, "float32"):
            model = models.build("ffnn", 8, "grey", units=units, activation=activation)
        history = fit(model, *images(), epochs=4, batch_size=8, verbose=0)
        assert long.loc[(units, activation), "val_auc"] == history["val_auc"].iloc[-1]
    longest = table.groupby(["units", "activation"])["epochs"].max()
    assert spent == longest.sum() < table["epochs"].sum() and len(found.best(99)) == len(longest)


# Several processes


def processes(of: Path) -> list[str]:
    """Command lines of living processes that speak of a folder."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes()
        except OSError:  # it has just ended
            continue
        if str(of).encode() in words and path.parent.name != str(os.getpid()):
            found.append(words.decode(errors="replace"))
    return found


def gone(of: Path, seconds: float = 30) -> bool:
    """Whether no process speaks of the folder any more, before long."""
    until = time.monotonic() + seconds
    while processes(of) and time.monotonic() < until:
        time.sleep(0.2)
    return not processes(of)


def poisoned(hp) -> keras.Model:
    """Networks, one of which takes the whole process down, if that is a worker's."""
    units = hp.Choice("units", [1, 2, 3, 4, 5])
    if units == int(os.environ.get("POISON", 4)) and os.environ.get("KERASTUNER_TUNER_ID", "").startswith("worker"):
        os._exit(9)
    return models.build("ffnn", 8, "grey", units=units)


needs_proc = pytest.mark.skipif(not Path("/proc/self/cmdline").exists(), reason="looks for processes in /proc")


@needs_proc
def test_workers_end_with_the_table_of_one_process(tmp_path, undisturbed):
    found = workers.search(SPACE, *images(), PLAN, tmp_path, workers=2)
    assert_same(found, undisturbed, "worker")
    names = set(found.table()["worker"])
    # Each asks for a trial before it knows of the other; only a very slow start leaves all of them to one.
    assert names <= {"worker-1", "worker-2"} and names
    assert {path.name for path in (found.folder / "logs").iterdir()} == {
        "chief.txt",
        "worker-1.txt",
        "worker-2.txt",
    }
    assert not processes(tmp_path) and not (found.folder / workers.SPEC).exists()
    pd.testing.assert_frame_equal(
        same(pd.read_csv(found.folder / "trials.csv").convert_dtypes()), same(found.table()), check_exact=False
    )


@pytest.mark.parametrize("module, inner", [(sweep, "search_in"), (workers, "_until_done")])
def test_one_launcher_at_a_time(tmp_path, monkeypatch, module, inner):
    """Two of them would give the same trials to both, and the first to end would take the other's input away."""
    seen = []

    def locked(*args):
        home = next(a for a in args if isinstance(a, Path))
        with pytest.raises(Timeout), store.lock(home / "launcher", timeout=0):
            pass
        seen.append(home)

    monkeypatch.setattr(module, inner, locked)
    module.search(SPACE, *images(), PLAN, tmp_path)
    with store.lock(seen[0] / "launcher", timeout=0):  # free again
        assert not (seen[0] / workers.SPEC).exists()


@needs_proc
def test_a_trial_that_kills_its_worker_twice_is_left_out(tmp_path):
    plan = replace(PLAN, trials=5)
    found = workers.search(poisoned, *images(), plan, tmp_path, workers=2)
    table = found.table().set_index("units")
    assert sorted(table["trial"]) == [0, 1, 2, 3, 4] and not processes(tmp_path)
    assert table.loc[4, "status"] == sweep.LOST and (table["status"].drop(4) == "ok").all()
    again = run(tmp_path, plan, poisoned)  # here it kills nothing
    assert (again.table()["status"] == "ok").all() and again.folder == found.folder


@needs_proc
def test_workers_that_cannot_work_end_the_sweep(tmp_path, monkeypatch):
    monkeypatch.setattr(workers, "SPEC", "elsewhere")
    prepare = workers.prepare

    def removed(*args) -> Path:
        home = prepare(*args)
        (home / "elsewhere" / "valid.npy").unlink()
        return home

    monkeypatch.setattr(workers, "prepare", removed)
    with pytest.raises(RuntimeError, match=r"(?s)(chief|worker).*valid\.npy"):
        workers.search(SPACE, *images(), PLAN, tmp_path, workers=1)
    assert not processes(tmp_path) and not list(tmp_path.rglob("elsewhere"))


def launcher(folder: Path) -> None:
    signal.signal(signal.SIGINT, signal.default_int_handler)  # who runs tests in the background has it ignored
    workers.search(SPACE, *images(), replace(PLAN, epochs=2000), folder, workers=2)


@needs_proc
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_an_interrupted_launcher_leaves_no_process_behind(tmp_path, how):
    process = FORK.Process(target=launcher, args=(tmp_path,), daemon=True)
    process.start()
    while process.is_alive() and not list(tmp_path.glob("*/trial-*.json")):
        time.sleep(0.2)
    assert len(processes(tmp_path)) >= 3
    os.kill(process.pid, how)
    process.join(120)  # on a busy machine; it ends when it ends
    alive, _ = process.is_alive(), process.kill()
    assert not alive and process.exitcode != 0 and gone(tmp_path)


def test_a_function_of_a_notebook_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"sweep\.Space"):
        workers.prepare(lambda hp: None, *images(), PLAN, tmp_path)
    poisoned.__module__, before = "__main__", poisoned.__module__
    sys.modules["__main__"].poisoned = poisoned
    try:
        with pytest.raises(ValueError, match=r"sweep\.Space"):
            workers.prepare(poisoned, *images(), PLAN, tmp_path)
    finally:
        poisoned.__module__ = before
        del sys.modules["__main__"].poisoned


def test_each_worker_has_a_gpu_of_its_own_where_there_are_several(monkeypatch):
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    assert [workers._gpu(number, 2) for number in range(3)] == ["0", "1", "0"]
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4,6")
    assert [workers._gpu(number, 2) for number in range(2)] == ["4", "6"]


def test_missing_weights_are_no_dead_network_but_end_the_sweep(tmp_path, monkeypatch):
    monkeypatch.setenv("FAKEFACE_WEIGHTS_DIR", str(tmp_path / "nowhere"))
    space = sweep.Space("mobilenet", 32, "rgb", {"dropout": [0.0, 0.5]})
    part = np.zeros((4, 32, 32, 3), np.uint8), np.array([0, 1, 0, 1])
    with pytest.raises(WeightsError, match="nowhere"):
        sweep.search(space, part, part, sweep.Plan(trials=2, epochs=1), tmp_path)
