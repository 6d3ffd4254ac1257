"""Experiments run once: killed at any moment they end with the same record, and processes share the work."""

import errno
import gc
import hashlib
import json
import multiprocessing
import os
import random
import signal
import time
from dataclasses import replace
from functools import partial
from pathlib import Path
from zipfile import ZipFile

import h5py
import numpy as np
import pandas as pd
import pytest
from PIL import Image
from sklearn.metrics import roc_auc_score

keras = pytest.importorskip("keras")
if "forkserver" not in multiprocessing.get_all_start_methods():
    pytest.skip("killing and forking need a Unix", allow_module_level=True)

from keras.src.legacy.saving import legacy_h5_format  # noqa: E402

from fakeface_utils import models  # noqa: E402
from fakeface_utils.datasets import augment, layouts, pipeline, pixels, splits, views  # noqa: E402
from fakeface_utils.evaluation.intervals import wilson  # noqa: E402
from fakeface_utils.training import experiment as experiments  # noqa: E402
from fakeface_utils.training import features, store  # noqa: E402
from fakeface_utils.training.device import building  # noqa: E402
from fakeface_utils.training.experiment import Experiment, design_of, key, run, run_all  # noqa: E402
from fakeface_utils.training.fit import fit  # noqa: E402
from fakeface_utils.training.recipes import (  # noqa: E402
    changed,
    histories,
    predictions,
    run_grid,
    run_recipes,
)
from fakeface_utils.training.store import read_record  # noqa: E402
from tests.conftest import make_140k  # noqa: E402
from tests.test_transfer import alive, made_up  # noqa: E402

SPEC = Experiment(
    "140k-part", "folder", "ffnn", {"units": 4}, size=16, epochs=20, batch_size=5, augmentation="flip", seed=3
)
QUICK = replace(SPEC, epochs=2)

# Processes are forked from one that has TensorFlow loaded (and nothing run): seconds saved on each of them.
FORK = multiprocessing.get_context("forkserver")
FORK.set_forkserver_preload(["tests.test_experiment"])


def measure(labels, scores, groups, valid_labels, valid_scores) -> dict:
    right = int(((scores >= np.median(valid_scores)) == labels).sum())
    return {"accuracy": wilson(right, len(labels)), "groups": {"n": len(set(groups))}, "none": None}


def open_index(folder: Path) -> pd.DataFrame:
    index = layouts.build_index(folder, "140k")
    index.attrs["evidence"] = True
    return index


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    return make_140k(tmp_path_factory.mktemp("140k"), per_class=6)


@pytest.fixture
def index(data) -> pd.DataFrame:
    return open_index(data)


@pytest.fixture
def options(tmp_path, data) -> dict:
    return {"measure": measure, "store": tmp_path / "store", "cache_dir": data / "cache", "verbose": 0}


@pytest.fixture
def trained(monkeypatch) -> list:
    """A list that grows with every training."""
    calls = []
    monkeypatch.setattr(experiments, "fit", lambda *args, **kwargs: calls.append(1) or fit(*args, **kwargs))
    return calls


# Killed


def child(data: Path, folder: Path, moment: tuple[str, str] | None = None) -> None:
    """Run SPEC; ``moment`` is a file and whether to die just before or just after it gets its final name."""
    rename = Path.replace

    def replace_and_die(path: Path, target: Path) -> None:
        if moment == (target.name, "before"):
            os.kill(os.getpid(), signal.SIGKILL)
        rename(path, target)
        if moment == (target.name, "after"):
            os.kill(os.getpid(), signal.SIGKILL)

    Path.replace = replace_and_die
    options = {"store": folder, "cache_dir": data / "cache", "verbose": 0, "checkpoint_seconds": 0}
    options["keep_model"] = True
    run(SPEC, open_index(data), measure=measure, **options)


def start(*arguments, seconds: float | None = None) -> int:
    """The exit code of a child, killed after so many seconds if it is not done."""
    process = FORK.Process(target=child, args=arguments, daemon=True)
    process.start()
    process.join(seconds)
    process.kill()
    process.join()
    return process.exitcode


def outcome(folder: Path) -> tuple:
    """What must be equal: the record without dates and times, predictions and history to the byte."""
    (home,) = (path.parent for path in folder.glob("*/record.json"))
    record = json.loads((home / "record.json").read_text())
    same = {name: value for name, value in record.items() if "second" not in name and name != "date"}
    return home.name, same, (home / "predictions.csv").read_bytes(), (home / "history.csv").read_bytes()


def assert_whole(folder: Path) -> None:
    """Whatever stands under a final name can be read to its end."""
    for path in folder.glob("*/*"):
        if path.name == "record.json":
            record = json.loads(path.read_text())
            assert record["metrics"] or record["measured_by"] is None  # trained, and still to be measured
            assert {"predictions.csv", "history.csv", "model.keras"} <= {p.name for p in path.parent.iterdir()}
        elif path.suffix in (".npz", ".keras") and not path.name.startswith("partial-"):
            assert ZipFile(path).testzip() is None
        elif path.name in ("predictions.csv", "history.csv"):
            assert len(pd.read_csv(path)) == {"predictions.csv": 24, "history.csv": SPEC.epochs}[path.name]


@pytest.fixture(scope="module")
def undisturbed(data, tmp_path_factory) -> tuple:
    """What an undisturbed run leaves, and how many seconds it takes."""
    pixels.load_images(open_index(data).assign(split=""), SPEC.size, cache_dir=data / "cache")
    folders = tmp_path_factory.mktemp("first"), tmp_path_factory.mktemp("second")
    assert start(data, folders[0]) == 0  # this one also waits for TensorFlow to be loaded
    began = time.perf_counter()
    assert start(data, folders[1]) == 0
    seconds = time.perf_counter() - began
    assert outcome(folders[0]) == outcome(folders[1])
    return outcome(folders[1]), seconds


def test_killed_at_any_moment_it_ends_with_the_same_record(data, tmp_path, undisturbed):
    expected, seconds = undisturbed
    chance, kills, resumed, stores = random.Random(0), 0, 0, 0
    while kills < 20:
        folder, code = tmp_path / f"store{stores}", -signal.SIGKILL
        stores += 1
        while code == -signal.SIGKILL:
            resumed += any(folder.glob("*/checkpoint.npz"))
            code = start(data, folder, seconds=chance.uniform(0.2, 0.9) * seconds if kills < 20 else None)
            kills += code == -signal.SIGKILL
            assert_whole(folder)
        assert code == 0 and outcome(folder) == expected
    print(f"{kills} kills, {resumed} times a checkpoint to go on from, {stores} stores")
    assert resumed  # how often depends on how busy the machine is


def test_killed_around_every_writing_it_ends_with_the_same_record(data, tmp_path, undisturbed):
    for name in ("checkpoint.npz", "predictions.csv", "history.csv", "model.keras", "record.json"):
        for when in ("before", "after"):
            assert start(data, tmp_path, (name, when)) == -signal.SIGKILL
            assert_whole(tmp_path)
            assert any(tmp_path.glob(f"*/{name}")) == (when == "after")
    assert start(data, tmp_path) == 0
    assert outcome(tmp_path) == undisturbed[0]


def custom_model(seed: int) -> keras.Model:
    """One with all kinds of state: dropout, augmentation layers, moving averages, two seeds."""
    with building(seed, "float32"):
        x = image = keras.Input((16, 16, 3))
        for layer in (keras.layers.RandomFlip(), keras.layers.Flatten(), keras.layers.BatchNormalization()):
            x = layer(x)
        x = keras.layers.Dropout(0.3)(keras.layers.Dropout(0.3)(keras.layers.Dense(8, "relu")(x)))
        return keras.Model(image, keras.layers.Dense(1, "sigmoid")(x))


@pytest.mark.parametrize("optimizer", ["adam", "sgd"])
def test_a_model_with_dropout_goes_on_as_if_never_stopped(tmp_path, optimizer):
    images = np.random.default_rng(0).integers(0, 256, (23, 16, 16, 3), dtype=np.uint8)
    part = (images, np.arange(23) % 2)
    how = {"batch_size": 4, "seed": 5, "verbose": 0, "checkpoint_seconds": 0, "optimizer": optimizer}
    whole, stopped, resumed = (custom_model(seed) for seed in (1, 1, 2))  # the third's own weights must not matter
    history = fit(whole, part, part, epochs=5, **how)
    fit(stopped, part, part, epochs=2, checkpoint=tmp_path / "c.npz", **how)
    pd.testing.assert_frame_equal(fit(resumed, part, part, epochs=5, checkpoint=tmp_path / "c.npz", **how), history)
    np.testing.assert_array_equal(resumed.predict(images, verbose=0), whole.predict(images, verbose=0))
    assert list(history.index) == [1, 2, 3, 4, 5] and history.attrs["seconds"][0] is None
    other = fit(custom_model(1), part, part, epochs=5, **how | {"seed": 6})
    assert not np.array_equal(other["loss"], history["loss"])


def test_dropout_draws_by_seed_and_epoch_not_by_how_often_it_drew():
    images = np.full((4, 16, 16, 3), 128, np.uint8)
    part, states = (images, np.array([0, 1, 0, 1])), []
    for draws in (0, 3):
        model = custom_model(1)
        for _ in range(draws):
            model(images, training=True)
        fit(model, part, part, epochs=1, verbose=0)
        states.append([v.numpy().tolist() for v in model.variables if v.name == "seed_generator_state"])
    assert states[0] == states[1] and len({tuple(state) for state in states[0]}) == 3


def test_a_damaged_checkpoint_is_not_used(tmp_path, capsys):
    path = tmp_path / "c.npz"
    images, labels = np.zeros((4, 16, 16, 3), np.uint8), np.array([0, 1, 0, 1])
    how = {"epochs": 2, "verbose": 0, "checkpoint": path, "checkpoint_seconds": 0}
    history = fit(custom_model(1), (images, labels), (images, labels), **how)
    path.write_bytes(path.read_bytes()[:2000])
    again = fit(custom_model(1), (images, labels), (images, labels), **how)
    assert "from the beginning" in capsys.readouterr().out
    pd.testing.assert_frame_equal(again, history)


def test_checkpoints_are_rare_when_epochs_are_short(tmp_path):
    images, labels = np.zeros((4, 16, 16, 3), np.uint8), np.array([0, 1, 0, 1])
    fit(
        custom_model(1),
        (images, labels),
        (images, labels),
        epochs=3,
        verbose=0,
        checkpoint=tmp_path / "c.npz",
        checkpoint_seconds=1000,
    )
    assert not list(tmp_path.iterdir())


# Once


def test_a_finished_record_is_loaded(index, options, trained):
    first = run(QUICK, index, profile="smoke", keep_model=True, **options)
    second = run(QUICK, index, **options)
    assert len(trained) == 1 and second.values == first.values
    values = first.values
    assert values["n"] == {"train": 12, "valid": 12, "test": 12} and values["evidence"] is True
    assert values["profile"] == "smoke" and values["parameters"] == 16 * 16 * 3 * 4 + 4 + 5
    assert values["spec"]["model_args"] == {"units": 4} and values["seconds_per_epoch"] > 0
    predictions = first.predictions()
    assert list(predictions) == ["name", "split", "y_true", "y_score"] and len(first.history()) == 2
    assert set(predictions["split"]) == {"valid", "test"}
    truth = index.set_index("name").loc[predictions["name"], "label"]
    np.testing.assert_array_equal(predictions["y_true"], truth)
    test = predictions[predictions["split"] == "test"]
    assert first.metrics["accuracy"]["n"] == len(test) == 12 and first.metrics["groups/n"] == {"value": 12}
    images = pixels.load_images(index[index["split"] == "test"], 16)
    np.testing.assert_allclose(first.model().predict(images, verbose=0)[:, 0], test["y_score"], rtol=1e-5)


def test_a_drawn_set_is_never_evidence(data, options):
    index = open_index(data).assign(set="testbed")
    assert run(replace(QUICK, set="testbed"), index, **options).values["evidence"] is False
    silent = layouts.build_index(data)
    assert run(replace(QUICK, seed=1), silent, **options).values["evidence"] is False


def test_the_test_split_changes_nothing_but_its_own_predictions(index, options):
    """Neither training nor validation may see it."""
    other = index.copy()
    other.attrs["evidence"] = True
    test = other["split"] == "test"
    other.loc[test, "label"] = 1 - other.loc[test, "label"]
    one, two = run(QUICK, index, **options), run(QUICK, other, **options)
    assert one.folder != two.folder
    pd.testing.assert_frame_equal(one.history(), two.history())
    np.testing.assert_array_equal(one.predictions()["y_score"], two.predictions()["y_score"])


def key_of(experiment: Experiment, index: pd.DataFrame, model: keras.Model | None = None) -> str:
    model = model or models.build(
        experiment.model, experiment.size, experiment.color, **dict(experiment.model_args)
    )
    return key(experiment, design_of(model), index)


def test_the_key_follows_whatever_changes_the_numbers(index, monkeypatch):
    keys = [key_of(SPEC, index)]
    assert key_of(replace(SPEC, model_args=(("units", 4),)), index) == keys[0]
    models.build("ffnn")  # Keras numbers its layers through; the key must not follow
    assert key_of(SPEC, index) == keys[0]
    for change in (
        {"seed": 4},
        {"model_args": {"units": 5}},
        {"epochs": 21},
        {"split": "other"},
        {"color": "grey"},
        {"learning_rate": 1e-4},
        {"augmentation": "none"},
        {"resize": "nearest"},
    ):
        keys.append(key_of(replace(SPEC, **change), index))
    keys.append(key_of(SPEC, index, models.build("ffnn", 16, "rgb", units=4, activation="tanh")))  # changed builder
    for policy in ("float32", "float64"):
        with building(0, policy):
            keys.append(key_of(SPEC, index, keras.Sequential([keras.Input((16, 16, 3)), keras.layers.Dense(1)])))
    keys.append(key_of(SPEC, index.iloc[1:]))
    keys.append(key_of(SPEC, index.assign(label=1 - index["label"])))
    keys.append(key_of(SPEC, index.assign(group=index["group"] // 2)))
    keys.append(key_of(SPEC, index.assign(split=index["split"].iloc[::-1].to_numpy())))
    for module in (pixels, pipeline, experiments):
        with monkeypatch.context() as patch:
            patch.setattr(module, "VERSION", 99)
            keys.append(key_of(SPEC, index))
    assert len(set(keys)) == len(keys)


def test_other_metrics_need_no_training(index, options, trained):
    def counted(*arrays) -> dict:
        return {"n_valid": len(arrays[3])}

    first = run(QUICK, index, **options)
    second = run(QUICK, index, **options | {"measure": counted})
    assert second.metrics == {"n_valid": {"value": 12}} and second.values["date"] == first.values["date"]
    counted.version = 2
    assert run(QUICK, index, **options | {"measure": counted}).values["measured_by"].endswith(" 2")
    assert run(QUICK, index, **options).metrics == first.metrics and len(trained) == 1


def test_a_broken_record_is_made_again(index, options, trained):
    first = run(QUICK, index, **options)
    (first.folder / "record.json").write_text('{"schema"')
    assert run(QUICK, index, **options).metrics == first.metrics and len(trained) == 2


def test_a_model_is_kept_only_when_asked_for(index, options, trained):
    first = run(QUICK, index, **options)
    assert not first.has_model and not (first.folder / "model.keras").exists()
    with pytest.raises(FileNotFoundError, match="keep_model"):
        first.model()
    second = run(QUICK, index, keep_model=True, **options)
    assert len(trained) == 2 and second.has_model and second.metrics == first.metrics
    assert run(QUICK, index, **options).has_model and len(trained) == 2
    assert run(QUICK, index, keep_model=True, **options).model().count_params() == second.values["parameters"]


@pytest.mark.parametrize("name", ["predictions.csv", "history.csv", "model.keras"])
def test_a_record_whose_files_did_not_all_arrive_is_not_finished(index, options, trained, name):
    """As when a mounted drive was cut off before it had sent everything."""
    first = run(QUICK, index, keep_model=True, **options)
    content = (first.folder / name).read_bytes()
    (first.folder / name).write_bytes(content[:-1])
    assert read_record(first.folder) is None
    (first.folder / name).unlink()
    assert run(QUICK, index, keep_model=True, **options).metrics == first.metrics and len(trained) == 2
    assert (first.folder / name).exists()


@pytest.mark.parametrize("number", [errno.ENOTSUP, errno.ENOSYS])
def test_a_drive_without_locks_is_no_obstacle(tmp_path, monkeypatch, number):
    def refuse(*_):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr("fcntl.flock", refuse)
    with store.lock(tmp_path, timeout=0):
        (tmp_path / "done").touch()
    assert (tmp_path / "done").exists()


def test_how_often_it_saves_can_be_set_from_outside(index, options, monkeypatch):
    asked = []
    monkeypatch.setattr(experiments, "fit", lambda *a, **k: asked.append(k["checkpoint_seconds"]) or fit(*a, **k))
    run(QUICK, index, **options)
    monkeypatch.setenv("FAKEFACE_CHECKPOINT_SECONDS", "300")
    run(replace(QUICK, seed=9), index, **options)
    run(replace(QUICK, seed=10), index, checkpoint_seconds=0, **options)
    assert asked == [10, 300, 0]
    monkeypatch.setenv("FAKEFACE_CHECKPOINT_SECONDS", "often")
    with pytest.raises(ValueError, match="often"):
        run(replace(QUICK, seed=11), index, **options)


def test_a_run_leaves_no_trace_in_the_random_state(index, options):
    """What a lesson draws next must not depend on whether the record was there."""
    draws = []
    for runs in (0, 1, 1):
        random.seed(1)
        np.random.seed(1)
        for _ in range(runs):
            run(QUICK, index, **options)
        draws.append((random.random(), np.random.random(), keras.config.dtype_policy().name))
    assert draws[0] == draws[1] == draws[2]
    model = custom_model(0)  # and plain Keras still works after op determinism was asked for
    model.compile("sgd", "binary_crossentropy")
    model.fit(np.zeros((4, 16, 16, 3)), np.zeros((4, 1)), verbose=0)


def test_what_cannot_be_run_is_refused(index, options):
    with pytest.raises(ValueError, match="set yonsei, the index is of 140k-part"):
        run(replace(QUICK, set="yonsei"), index, **options)
    with pytest.raises(ValueError, match="no images in test"):
        run(QUICK, index[index["split"] != "test"], **options)
    with pytest.raises(ValueError, match="no model 'fnn'"):
        run(replace(QUICK, model="fnn"), index, **options)
    for wrong in ({"augmentation": "flop"}, {"epochs": 0}, {"learning_rate": 0.0}, {"seed": -1}):
        with pytest.raises(ValueError, match=r"augmentation|positive"):
            replace(QUICK, **wrong)
    assert hash(replace(QUICK, model_args={"filters": [32, 64]})) != hash(QUICK)


# Several processes


def sharing(data: Path, folder: Path, both_at_work: multiprocessing.Barrier) -> None:
    """Run six experiments; the first training waits until the other process has begun one of its own."""
    began = []

    def noted_fit(*args, **kwargs) -> pd.DataFrame:
        if not began:
            both_at_work.wait(60)
        began.append(1)
        (folder / f"trained-{kwargs['seed']}-{os.getpid()}").touch(exist_ok=False)
        return fit(*args, **kwargs)

    experiments.fit = noted_fit
    six = [replace(QUICK, seed=seed) for seed in range(6)]
    options = {"store": folder / "store", "cache_dir": data / "cache", "verbose": 0}
    records = run_all(six, open_index(data), measure=measure, **options)
    found = [[record.values["spec"]["seed"], record.metrics] for record in records]
    (folder / f"records-{os.getpid()}.json").write_text(json.dumps(found))


def test_two_processes_on_one_store_share_the_work(data, tmp_path):
    barrier = FORK.Barrier(2)
    processes = [FORK.Process(target=sharing, args=(data, tmp_path, barrier)) for _ in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(120)
        assert process.exitcode == 0
    trained = [path.name.split("-") for path in tmp_path.glob("trained-*")]
    assert sorted(seed for _, seed, _ in trained) == list("012345") and len({pid for *_, pid in trained}) == 2
    one, two = (json.loads(path.read_text()) for path in tmp_path.glob("records-*"))
    assert one == two and [seed for seed, _ in one] == [0, 1, 2, 3, 4, 5]


def test_a_taken_experiment_is_waited_for_or_left(index, options):
    record = run(QUICK, index, **options)
    (record.folder / "record.json").unlink()
    with store.lock(record.folder), pytest.raises(experiments.Timeout):
        run(QUICK, index, **options, timeout=0)
    assert run(QUICK, index, **options, timeout=0).metrics == record.metrics


def test_many_experiments_build_each_network_once_to_find_their_records(index, options, monkeypatch):
    builds = []
    monkeypatch.setattr(
        experiments, "build", lambda *args, **how: builds.append(args) or models.build(*args, **how)
    )
    asked = [replace(QUICK, seed=seed, model_args={"units": units}) for units in (2, 3) for seed in range(3)]
    first = [record.values["key"] for record in run_all(asked, index, **options)]
    assert len(builds) == 6  # trained, each from its own seed
    builds.clear()
    assert [record.values["key"] for record in run_all(asked, index, **options)] == first
    assert len(builds) == 2
    assert [run(spec, index, **options).values["key"] for spec in asked] == first  # alone they have the same names
    builds.clear()
    designs = {}  # kept from call to call by whoever has many splits
    for _ in range(2):
        run_all(asked, index, designs=designs, **options)
    assert len(builds) == len(designs) == 2


@pytest.mark.parametrize("name, arguments", [("custom_003", {"augmented": True}), ("cnn_004", {}), ("model_1", {})])
def test_a_design_is_the_same_for_every_seed(name, arguments):
    """Dropout and augmentation draw seeds of their own; were they in it, names would depend on who was asked first."""
    designs = []
    for seed in (0, 1):
        with building(seed, "float32"):
            designs.append(design_of(models.build(name, 96, **arguments)))
    assert designs[0] == designs[1]


def test_run_all_keeps_the_order_under_one_bar(index, options, capsys, monkeypatch):
    monkeypatch.setattr(experiments, "tqdm", partial(experiments.tqdm, disable=False))
    wanted = [replace(QUICK, seed=seed) for seed in (1, 0, 1)]
    records = run_all(wanted, index, **options)
    assert [record.values["spec"]["seed"] for record in records] == [1, 0, 1]
    shown = capsys.readouterr().err
    assert "3/3" in shown and "ffnn(units=4) on 140k-part, 16 px rgb, adam 0.001, 2 epochs" in shown


def test_a_finished_experiment_leaves_nothing_in_memory(index, options):
    def graphs() -> int:
        gc.collect()
        return sum(type(thing).__name__ == "FuncGraph" for thing in gc.get_objects())

    run(QUICK, index, **options)
    before = graphs()
    for seed in (11, 12, 13):
        run(replace(QUICK, seed=seed), index, **options)
    assert graphs() <= before


def test_a_measure_that_fails_loses_no_training(index, options, trained):
    def fails(*_):
        raise ValueError("Input contains NaN.")

    with pytest.raises(ValueError, match=r"ffnn\(units=4\) on 140k-part.*seed 77: Input contains NaN"):
        run(replace(QUICK, seed=77), index, **(options | {"measure": fails}))
    assert len(trained) == 1
    assert run(replace(QUICK, seed=77), index, **options).metrics and len(trained) == 1


def test_another_text_of_a_measure_is_another_measure(index, options, trained):
    def mine(labels, *_):
        return {"n": len(labels)}

    first = run(QUICK, index, **(options | {"measure": mine}))

    def mine(labels, *_):
        return {"n": 2 * len(labels)}

    second = run(QUICK, index, **(options | {"measure": mine}))
    assert second.metrics["n"]["value"] == 2 * first.metrics["n"]["value"] and len(trained) == 1


def test_a_threshold_is_kept_to_the_last_digit(index, options):
    def exact(labels, scores, groups, valid_labels, valid_scores):
        return {"threshold": float(np.nextafter(np.float64(valid_scores.max()), 2))}

    record = run(QUICK, index, **(options | {"measure": exact}))
    again = read_record(record.folder)
    scores = again.predictions().query("split == 'valid'")["y_score"]
    assert (
        again.metrics["threshold"]["value"] > scores.max()
        and not (scores >= again.metrics["threshold"]["value"]).any()
    )


def test_a_record_of_another_schema_is_not_finished(index, options, trained):
    folder = run(QUICK, index, **options).folder
    for content in ("{}", "[]", '{"schema": 1}', "no"):
        (folder / "record.json").write_text(content)
        assert read_record(folder) is None
    run(QUICK, index, **options)
    assert len(trained) == 2


# Frozen backbones and copies

FROZEN = replace(QUICK, model="mobilenet", model_args={"weights": None}, size=32, augmentation="none")


@pytest.fixture
def lively(monkeypatch):
    """Networks drawn at random through which a picture does not vanish."""

    def build(*args, **how) -> keras.Model:
        model = models.build(*args, **how)
        alive(model)
        return model

    monkeypatch.setattr(experiments, "build", build)


@pytest.fixture
def fitted(monkeypatch) -> list[tuple]:
    """What each training was given: the model, and (images, labels) of its two splits, as arrays."""
    calls = []

    def noted(model, train, valid, **how):
        parts = [(np.asarray(part[0][np.arange(len(part[0]))]), np.asarray(part[1])) for part in (train, valid)]
        calls.append((model, *parts))
        return fit(model, train, valid, **how)

    monkeypatch.setattr(experiments, "fit", noted)
    return calls


@pytest.fixture
def through(monkeypatch) -> list[int]:
    """How many images each call of ``extract`` put through the backbone."""
    counts, compute = [], features._compute

    def counted(trunk, images, new, folder, copies, batch_size):
        counts.append(len(new) * (augment.COPIES[copies].fold if copies else 1))
        compute(trunk, images, new, folder, copies, batch_size)

    monkeypatch.setattr(features, "_compute", counted)
    return counts


def test_a_frozen_backbone_trains_on_kept_features(index, options, lively, fitted, through, tmp_path):
    options["cache_dir"] = tmp_path / "cache"
    record = run(FROZEN, index, keep_model=True, **options)
    ((head, train, valid),) = fitted
    assert head.input_shape == (None, 1024) and train[0].shape == valid[0].shape == (12, 1024)
    assert record.values["on_kept_features"] is True and record.values["parameters"] == 3_228_864 + 1025
    told = record.predictions().set_index("name")["y_score"]
    images = pixels.load_images(index, 32)
    again = dict(zip(index["name"], record.model().predict(images, verbose=0)[:, 0], strict=True))
    assert told.std() > 1e-3 and len(told) == 24
    np.testing.assert_allclose(told, [again[name] for name in told.index], atol=1e-4)
    other = index.assign(split=index["split"].map({"train": "valid", "valid": "train", "test": "test"}))
    other.attrs["evidence"] = True
    run(replace(FROZEN, learning_rate=0.01), other, **options)
    assert through == [36]  # another split and another head ask the backbone nothing
    np.testing.assert_array_equal(fitted[1][1][0], valid[0])


@pytest.mark.parametrize("copies", ["none", "six_fold"])
def test_branches_of_a_fusion_share_their_features_with_the_networks_they_are(
    index, options, fitted, through, tmp_path, copies
):
    """Two frozen branches compute nothing that a network of one has computed, and what they compute is right."""
    options["cache_dir"] = tmp_path / "cache"
    network = keras.applications.MobileNet(input_shape=(32, 32, 3), include_top=False, weights=None)
    how = {"weights": str(made_up(network, tmp_path / "some.weights.h5"))}
    one = replace(FROZEN, model_args=how, epochs=1, augmentation=copies)
    pair = replace(one, model="fusion", model_args=how | {"branches": ("mobilenet",) * 2})
    for spec in (one, replace(one, color="resaved-50")):
        run(spec, index, **options)
    alone = len(through)
    record = run(replace(pair, color="rgb+resaved-50"), index, keep_model=copies == "none", **options)
    assert len(through) == alone and record.values["on_kept_features"] is True
    for part in (1, 2):  # training and validation images: first the one view's features, then the other's
        joined, first, second = fitted[2][part][0], fitted[0][part][0], fitted[1][part][0]
        np.testing.assert_array_equal(joined, np.concatenate([first, second], axis=1))
        assert not np.allclose(first, second)
    if copies == "none":
        images = views.load_images(index, 32, view="rgb+resaved-50")
        again = dict(zip(index["name"], record.model().predict(images, verbose=0)[:, 0], strict=True))
        told = record.predictions().set_index("name")["y_score"]
        np.testing.assert_allclose(told, [again[name] for name in told.index], atol=1e-4)


def test_what_changes_every_epoch_goes_through_the_backbone(index, options, fitted, through):
    record = run(replace(FROZEN, augmentation="flip", epochs=1), index, **options)
    assert record.values["on_kept_features"] is False and not through
    assert fitted[0][0].input_shape == (None, 32, 32, 3)
    fine = replace(FROZEN, model_args={"weights": None, "train_from": "conv_pw_13"}, epochs=1)
    assert run(fine, index, **options).values["on_kept_features"] is False and not through


def flat(folder: Path) -> pd.DataFrame:
    """Images of one grey level each, dark the real and bright the fake ones: each copy of one still shows which."""
    index = open_index(make_140k(folder, per_class=6))
    for number, (path, label) in enumerate(zip(index["path"], index["label"], strict=True)):
        Image.new("RGB", (16, 16), (60 + 120 * label + number % 7,) * 3).save(path, quality=100)
    return index


@pytest.mark.parametrize("model", ["ffnn", "mobilenet"])
def test_six_fold_copies_are_of_the_training_images_alone_and_keep_their_labels(
    tmp_path, options, lively, fitted, through, model
):
    index, options["cache_dir"] = flat(tmp_path / "set"), tmp_path / "cache"
    spec = replace(FROZEN, augmentation="six_fold", epochs=1)
    if model == "ffnn":
        spec = replace(QUICK, size=32, augmentation="six_fold", epochs=1)
    record = run(spec, index, **options)
    ((_, (train, train_labels), (valid, valid_labels)),) = fitted
    assert len(train) == len(train_labels) == 7 * 12 and len(valid) == 12
    assert record.values["n"] == {"train": 12, "valid": 12, "test": 12}
    parts = [index[index["split"] == split] for split in ("train", "valid")]
    np.testing.assert_array_equal(train_labels, np.tile(parts[0]["label"], 7))
    np.testing.assert_array_equal(valid_labels, parts[1]["label"])
    everything, rows = pixels.load_images(index, 32), np.flatnonzero(index["split"] == "train")
    assert rows[0] > 0  # copies follow from an image's number in the set, not in the split
    copies = augment.copies_of(pipeline.Rows(everything, rows), tmp_path / "copies.npy")
    np.testing.assert_array_equal(copies.mean(axis=(1, 2, 3)) > 120, train_labels)
    if model == "ffnn":
        np.testing.assert_array_equal(train, copies)
        np.testing.assert_array_equal(valid, everything[index["split"] == "valid"])
    else:
        assert through == [84, 24]  # each copy costs a pass, and no test image has copies
        with building(spec.seed, "float32"):
            trunk, _ = features.split(experiments.build("mobilenet", 32, weights=None))
        for got, pictures in ((train, copies), (valid, everything[index["split"] == "valid"])):
            wanted = trunk.predict(np.asarray(pictures, np.float32), verbose=0)
            np.testing.assert_allclose(got, wanted, rtol=1e-3, atol=1e-4 * wanted.max())


@pytest.mark.parametrize("frozen", [True, False])
def test_another_split_has_the_same_copies_and_computes_what_is_new(
    index, tmp_path, options, lively, fitted, through, frozen
):
    options["cache_dir"] = tmp_path / "cache"
    spec = replace(FROZEN if frozen else QUICK, augmentation="six_fold", epochs=1)
    run(spec, index, **options)
    other = index.copy()
    rows = {split: np.flatnonzero(index["split"] == split) for split in ("train", "valid")}
    other.iloc[rows["train"][::2], other.columns.get_loc("split")] = "valid"
    other.iloc[rows["valid"][::2], other.columns.get_loc("split")] = "train"
    run(replace(spec, split="other"), other, **options)
    if frozen:
        assert through == [84, 24, 42, 6]  # six images came to the training split, six left it
    copies = []
    for turn, (_, (train, _), _) in zip((index, other), fitted, strict=True):
        names = turn["name"][turn["split"] == "train"]
        copies.append(dict(zip(names, train.reshape(7, 12, -1).swapaxes(0, 1), strict=True)))
    assert len(copies[0].keys() & copies[1].keys()) == 6
    for name in copies[0].keys() & copies[1].keys():
        np.testing.assert_array_equal(copies[0][name], copies[1][name])
        assert len(np.unique(copies[0][name], axis=0)) == 7


def test_other_training_images_have_other_copies(index, options, fitted):
    spec = replace(QUICK, augmentation="six_fold", epochs=1)
    run(spec, index, **options)
    other = index.assign(split=index["split"].map({"train": "test", "valid": "valid", "test": "train"}))
    run(replace(spec, split="turned"), other, **options)
    originals = pixels.load_images(other[other["split"] == "train"], 16)
    np.testing.assert_array_equal(fitted[1][1][0][:12], originals)


def test_copies_of_another_version_are_made_anew(index, tmp_path, options, monkeypatch):
    options["cache_dir"] = tmp_path / "cache"
    run(replace(QUICK, augmentation="six_fold", epochs=1), index, **options)
    monkeypatch.setattr(augment, "VERSION", 99)
    run(replace(QUICK, augmentation="six_fold", epochs=1), index, **options)
    assert len(list(options["cache_dir"].glob("*-six_fold.npy"))) == 2


def test_grey_images_have_no_copies_of_other_colours():
    with pytest.raises(ValueError, match="six_fold changes colours; it needs color='rgb'"):
        replace(QUICK, augmentation="six_fold", color="grey")


def test_missing_weights_stop_it_before_anything_is_done(index, options, monkeypatch, tmp_path, trained):
    def refuse(*_, **__):
        raise Exception("no network")

    monkeypatch.delenv("FAKEFACE_WEIGHTS_DIR", raising=False)
    monkeypatch.setattr(keras.utils, "get_file", refuse)
    (tmp_path / "broken.h5").write_bytes(b"broken")
    options["cache_dir"] = tmp_path / "cache"
    for asked, message in (("imagenet", "FAKEFACE_WEIGHTS_DIR"), (str(tmp_path / "broken.h5"), "broken.h5")):
        with pytest.raises(ValueError, match=message):
            run(replace(FROZEN, model_args={"weights": asked}), index, **options)
    assert not trained and not options["store"].exists() and not options["cache_dir"].exists()


def test_the_key_follows_the_content_of_the_weights(index, tmp_path, monkeypatch):
    path, keys = tmp_path / "mobilenet.h5", []
    network = keras.applications.MobileNet(input_shape=(32, 32, 3), include_top=False, weights=None)
    spec = replace(FROZEN, model_args={"weights": str(path)})
    for nudge in (0, 0, 1e-3):
        made_up(network, path)
        if nudge:
            network.set_weights([weight + nudge for weight in network.get_weights()])
            with h5py.File(path, "w") as file:
                legacy_h5_format.save_weights_to_hdf5_group(file, network)
        keys.append(key_of(spec, index))
    assert keys[0] == keys[1] != keys[2]
    # And features that are computed in another way lead to other numbers, with weights drawn at random, too.
    random_key = key_of(FROZEN, index)
    monkeypatch.setattr(features, "VERSION", 99)
    assert key_of(spec, index) != keys[2] and key_of(FROZEN, index) != random_key


def test_keys_of_networks_without_weights_are_as_they_were(index, monkeypatch):
    """Nothing was added to them when pretrained networks came: no experiment of before is run again."""
    for spec in (SPEC, replace(SPEC, model="cnn", model_args={"filters": [2]})):
        model = models.build(spec.model, spec.size, spec.color, **dict(spec.model_args))
        what = {
            "spec": {field: getattr(spec, field) for field in vars(spec)},
            "model": models.without_names(model.get_config()),
            "data": [layouts.fingerprint(index), pd.factorize(index["group"])[0].tolist()],
            "versions": [pixels.VERSION, pipeline.VERSION, experiments.VERSION],
        }
        wanted = hashlib.sha256(json.dumps(what, sort_keys=True).encode()).hexdigest()[:24]
        assert key(spec, design_of(model), index) == wanted
        monkeypatch.setattr(features, "VERSION", 99)
        assert key(spec, design_of(model), index) == wanted


def test_only_experiments_with_copies_have_their_version_in_the_key(index, monkeypatch):
    def keys() -> dict[str, str]:
        specs = (
            replace(spec, augmentation=name) for spec in (SPEC, FROZEN) for name in ("none", "flip", "six_fold")
        )
        return {str(spec): key_of(spec, index) for spec in specs}

    before = keys()
    monkeypatch.setattr(augment, "VERSION", 99)
    for title, now in keys().items():
        assert (now != before[title]) == ("six_fold" in title)


def frozen_child(data: Path, folder: Path, moment: tuple[str, str, int] | None = None) -> None:
    """Run FROZEN in small steps; killed just before or after a file gets its name for the k-th time."""
    rename, times = Path.replace, []

    def replace_and_die(path: Path, target: Path) -> None:
        times.append(target.name)
        now = moment is not None and (target.name, times.count(target.name)) == (moment[0], moment[2])
        if now and moment[1] == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        rename(path, target)
        if now:
            os.kill(os.getpid(), signal.SIGKILL)

    Path.replace, features.CHUNK = replace_and_die, 10
    compute = features._compute
    features._compute = lambda *args: [compute(*args), (folder / f"steps-{times.count('done.npy')}").touch()]
    run(FROZEN, open_index(data), measure=measure, store=folder, cache_dir=folder / "cache", verbose=0)


def test_killed_while_features_are_computed_it_ends_with_the_same_record(data, tmp_path):
    outcomes = []
    for name, moments in (
        ("undisturbed", []),
        ("killed", [("features.npy", "after", 1), ("done.npy", "after", 2), ("done.npy", "before", 1)]),
    ):
        folder = tmp_path / name
        folder.mkdir()
        for moment in [*moments, None]:
            process = FORK.Process(target=frozen_child, args=(data, folder, moment), daemon=True)
            process.start()
            process.join(120)
            assert process.exitcode == (0 if moment is None else -signal.SIGKILL)
        kept = next((folder / "cache" / "features").glob("*/features.npy")).read_bytes()
        steps = [path.name for path in folder.glob("steps-*")]
        assert steps == ["steps-2" if moments else "steps-4"]  # two were done before the last kill
        outcomes.append((outcome(folder), kept))
    assert outcomes[0] == outcomes[1]


# Recipes


def with_threshold(labels, scores, groups, valid_labels, valid_scores) -> dict:
    return {"threshold": float(np.median(valid_scores)), "n": len(labels)}


def test_recipes_put_every_turn_and_seed_where_it_belongs(index, options):
    turns = {f"turn {k}": splits.with_fold(index, k, of=3) for k in (1, 2, 3)}
    two = {"small": QUICK, "large": replace(QUICK, model_args={"units": 8})}
    runs = run_recipes(two, turns, 2, **(options | {"measure": with_threshold}))
    assert list(runs) == ["small", "large"]
    images = runs["small"].images
    assert sorted(images["name"]) == sorted(index["name"]) and runs["large"].images.equals(images)
    assert runs["small"].scores.shape == runs["small"].thresholds.shape == (2, len(index))
    label = index.set_index("name")["label"]
    for recipe, spec in two.items():
        for turn, part in turns.items():
            for seed in (0, 1):
                one = run(replace(spec, split=turn, seed=seed), part, **(options | {"measure": with_threshold}))
                told = one.predictions().query("split == 'test'").set_index("name")["y_score"]
                rows = (images["turn"] == turn).to_numpy()
                names = images["name"][rows]
                assert set(names) == set(told.index) and (images["label"][rows] == label[names].to_numpy()).all()
                np.testing.assert_array_equal(runs[recipe].scores[seed, rows], told[names])
                assert (runs[recipe].thresholds[seed, rows] == one.metrics["threshold"]["value"]).all()
    table, history, kept = runs["large"].table(), histories(runs), predictions(runs)
    assert len(table) == 6 and {"turn", "seed", "threshold", "parameters", "wall_seconds"} <= set(table)
    assert len(history) == 2 * 6 * QUICK.epochs and set(history["recipe"]) == {"small", "large"}
    assert list(kept) == ["name", "turn", "y_true", "small/0", "small/1", "large/0", "large/1"]


def test_a_grid_is_read_at_every_stop_and_its_rows_lead_back_to_experiments(index, options):
    axes = {"units": [2, 4], "activation": ["relu", "tanh"]}
    grid = run_grid(QUICK, axes, [1, 2], index, **options)
    assert list(grid)[:3] == ["units", "activation", "epoch"] and len(grid) == 2 * 2 * 2
    for _, row in grid.iterrows():
        again = changed(QUICK, **row[list(axes)])
        assert dict(again.model_args) == dict(row[list(axes)])
        told = run(again, index, **options).history().loc[row["epoch"]]
        pd.testing.assert_series_equal(row[told.index].astype(float), told, check_names=False)
    ((_, units),) = changed(QUICK, units=np.int64(8)).model_args
    assert type(units) is int and units == 8
    assert changed(QUICK, seed=9, activation="tanh").model_args == (("activation", "tanh"), ("units", 4))


def test_the_auc_of_the_history_is_that_of_the_scores():
    rng = np.random.default_rng(0)
    images = rng.integers(0, 200, (200, 8, 8, 1), dtype=np.uint8)
    labels = np.arange(200) % 2
    images[labels == 1] += 12
    with building(1, "float32"):
        model = models.build("ffnn", 8, "grey", units=16)
    history = fit(model, (images, labels), (images, labels), epochs=5, learning_rate=0.01, verbose=0)
    scores = model.predict(images.astype(np.float32), verbose=0)[:, 0]
    assert sorted(history) == ["accuracy", "auc", "loss", "val_accuracy", "val_auc", "val_loss"]
    assert 0.55 < history["val_auc"].iloc[-1] == pytest.approx(roc_auc_score(labels, scores), abs=0.005)
