"""Kept features: the same as through the frozen backbone, computed once, and whole whatever happens meanwhile."""

import threading
import time
from pathlib import Path

import numpy as np
import pytest

keras = pytest.importorskip("keras")

from fakeface_utils import models  # noqa: E402
from fakeface_utils.datasets import augment  # noqa: E402
from fakeface_utils.datasets.pipeline import Rows  # noqa: E402
from fakeface_utils.training import features, store  # noqa: E402
from fakeface_utils.training.device import building  # noqa: E402
from fakeface_utils.training.fit import fit  # noqa: E402
from tests.test_transfer import alive  # noqa: E402

N, KEY = 23, "these pixels"


def a_model(seed: int = 0, **how) -> keras.Model:
    with building(seed, "float32"):
        model = models.build("mobilenet", 32, **{"weights": None, "hidden": (8,), "dropout": 0.3} | how)
    alive(model)
    return model


@pytest.fixture(scope="module")
def model() -> keras.Model:
    return a_model()


@pytest.fixture(scope="module")
def trunk(model) -> keras.Model:
    return features.split(model)[0]


@pytest.fixture(scope="module")
def images() -> np.ndarray:
    coarse = np.random.default_rng(0).integers(0, 256, (N, 4, 4, 3), dtype=np.uint8)
    return coarse.repeat(8, axis=1).repeat(8, axis=2)


@pytest.fixture
def shown(monkeypatch) -> list[int]:
    """How many images each prediction was asked for."""
    counts, shared = [], features.pipeline.shared

    def counted(n_images, *args):
        counts.append(n_images)
        return shared(n_images, *args)

    monkeypatch.setattr(features.pipeline, "shared", counted)
    return counts


def folders(cache: Path) -> set[Path]:
    return set((cache / "features").glob("*"))


def taken(part: Rows) -> np.ndarray:
    return np.array(part[np.arange(len(part))])


def assert_near(found: np.ndarray, wanted: np.ndarray) -> None:
    np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-4 * wanted.max())


# The same


def test_predictions_are_those_through_the_backbone(model, images, tmp_path):
    trunk, head = features.split(model)
    kept = features.extract(trunk, images, KEY, tmp_path)
    assert kept.shape == (N, 1024) and kept.dtype == np.float32 and not kept.flags.writeable
    through = model.predict(images.astype(np.float32), verbose=0)
    assert through.std() > 1e-3
    np.testing.assert_allclose(head.predict(np.asarray(kept), verbose=0), through, atol=1e-5)


def test_training_the_head_trains_the_model(images, tmp_path):
    model = a_model()
    trunk, head = features.split(model)
    kept, before = features.extract(trunk, images, KEY, tmp_path), model.get_weights()
    part = (kept, np.arange(N) % 2)
    fit(head, part, part, epochs=2, verbose=0)
    frozen = len(trunk.weights)
    for one, two in zip(before[:frozen], model.get_weights()[:frozen], strict=True):
        np.testing.assert_array_equal(one, two)
    assert all((one != two).any() for one, two in zip(before[frozen:], model.get_weights()[frozen:], strict=False))
    through = model.predict(images.astype(np.float32), verbose=0)
    np.testing.assert_allclose(head.predict(np.asarray(kept), verbose=0), through, atol=1e-5)


def test_only_a_frozen_backbone_is_split():
    assert features.split(models.build("cnn", 32)) is None
    for train_from in (None, "conv_pw_13"):
        assert features.split(models.build("mobilenet", 32, weights=None, train_from=train_from)) is None
    assert features.split(models.build("mobilenet", 32, weights=None, train_from="conv_pw_13_relu"))


def test_copies_are_those_of_copies_of_in_their_order(trunk, images, tmp_path, shown, monkeypatch):
    monkeypatch.setattr(features, "CHUNK", 35)
    kept = features.extract(trunk, images, KEY, tmp_path, copies="six_fold")
    assert shown == [35, 35, 35, 35, 21]  # memory: never more than CHUNK, copies counted
    copies = augment.copies_of(images, tmp_path / "copies.npy")
    assert kept.shape == (7 * N, 1024) and len(np.unique(copies.reshape(7 * N, -1), axis=0)) > 6 * N
    assert_near(kept, trunk.predict(np.asarray(copies, np.float32), verbose=0))


# Once


@pytest.mark.parametrize("copies", [None, "six_fold"])
def test_of_the_rows_asked_for_only_those_that_are_not_done_are_computed(
    trunk, images, tmp_path, shown, monkeypatch, copies
):
    fold = 7 if copies else 1
    monkeypatch.setattr(features, "CHUNK", 2 * fold)
    is_late = np.arange(N) > 18
    asked, before = [([20, 7, 3], 3), ([3, 8, 20, 9, 7, 8], 2), (is_late, 3), ([-1, 8], 0), (None, N - 8)], []
    for number, (rows, new) in enumerate(asked):
        shown.clear()
        part = features.extract(trunk, images, KEY, tmp_path, rows=rows, copies=copies)
        assert sum(shown) == new * fold and max(shown, default=0) <= 2 * fold
        chosen = Rows(images, np.arange(N)[slice(None) if rows is None else rows])
        pictures = chosen[np.arange(len(chosen))]
        if copies:
            pictures = augment.copies_of(chosen, tmp_path / f"{number}.npy")
        assert len(part) == len(pictures) and part.shape == (fold * len(chosen), 1024)
        before.append((part, trunk.predict(np.asarray(pictures, np.float32), verbose=0)))
        for found, wanted in before:  # what was handed out earlier has not changed
            assert_near(taken(found), wanted)
    assert len(folders(tmp_path)) == 1


def test_rows_that_are_not_there_are_refused(trunk, images, tmp_path, shown):
    with pytest.raises(IndexError, match="index 23 is out of bounds"):
        features.extract(trunk, images, KEY, tmp_path, rows=[0, N])
    assert not shown and not folders(tmp_path)


def test_the_second_time_nothing_is_computed(trunk, images, tmp_path, shown):
    first = features.extract(trunk, images, KEY, tmp_path)
    # Built again, as in the next process: Keras gives its layers other names.
    again, _ = features.split(a_model(seed=1))
    np.testing.assert_array_equal(features.extract(again, images, KEY, tmp_path), first)
    assert len(shown) == 1 and len(folders(tmp_path)) == 1
    (folder,) = folders(tmp_path)
    assert {path.name for path in folder.iterdir()} <= {"features.npy", "done.npy", "lock"}


def test_whatever_changes_the_features_has_its_own_file(trunk, images, tmp_path, monkeypatch):
    def trunk_of(**how) -> keras.Model:
        return features.split(a_model(**how))[0]

    nudged = trunk_of()
    mean = next(weight for weight in nudged.weights if weight.name == "moving_mean")
    mean.assign(mean + 1e-3)
    asked = [
        (trunk, images, KEY, None),
        (nudged, images, KEY, None),
        (trunk_of(pooling="max"), images, KEY, None),
        (trunk_of(scale=0.5), images, KEY, None),
        (trunk, images, "other pixels", None),
        (trunk, images[:-1], KEY, None),
        (trunk, images, KEY, "six_fold"),
    ]
    for number, (network, pixels, key, copies) in enumerate(asked, start=1):
        features.extract(network, pixels, key, tmp_path, copies=copies)
        assert len(folders(tmp_path)) == number
    for module, copies, new in ((augment, None, 0), (augment, "six_fold", 1), (features, None, 2)):
        monkeypatch.setattr(module, "VERSION", 99)
        features.extract(trunk, images, KEY, tmp_path, copies=copies)
        assert len(folders(tmp_path)) == len(asked) + new


def test_the_order_of_colours_is_part_of_the_key(tmp_path, images):
    """It is turned by an operation, not by a layer: without its graph a network would have the same layers."""
    x = image = keras.Input((32, 32, 3))
    pool = keras.layers.GlobalAveragePooling2D()
    for turned in (x, keras.ops.flip(x, axis=-1)):
        features.extract(keras.Model(image, pool(turned)), images, KEY, tmp_path)
    assert len(folders(tmp_path)) == 2


@pytest.mark.parametrize("second", [range(15), range(9, N)], ids=["the same", "other rows"])
def test_two_at_a_time_compute_once(trunk, images, tmp_path, shown, monkeypatch, second):
    compute, found = features._compute, {}

    def slow(*args) -> None:
        time.sleep(0.5)  # the other one has long been waiting
        compute(*args)

    def ask(name: str, rows: range) -> None:
        found[name] = features.extract(trunk, images, KEY, tmp_path, rows=np.array(rows))

    monkeypatch.setattr(features, "_compute", slow)
    both = [threading.Thread(target=ask, args=asked) for asked in (("one", range(15)), ("two", second))]
    for thread in both:
        thread.start()
    for thread in both:
        thread.join(60)
    assert sum(shown) == len({*range(15), *second})
    wanted = trunk.predict(images.astype(np.float32), verbose=0)
    assert_near(taken(found["one"]), wanted[:15])
    assert_near(taken(found["two"]), wanted[second.start : second.stop])


def test_who_needs_nothing_new_does_not_wait(trunk, images, tmp_path):
    found, some = [], np.array([4, 2])
    features.extract(trunk, images, KEY, tmp_path, rows=some)
    (folder,) = folders(tmp_path)

    def ask() -> None:
        found.append(features.extract(trunk, images, KEY, tmp_path, rows=some[:1]))

    with store.lock(folder):  # somebody is at other rows
        thread = threading.Thread(target=ask, daemon=True)
        thread.start()
        thread.join(30)
        assert found


# Sets in memory


def test_what_a_network_gives_for_several_sets_is_kept(images, tmp_path, shown, monkeypatch):
    network = models.with_score(a_model(train_from=None))  # of which all would be trained, with dropout
    sets = {("b", 2): images[9:16], ("a", 1): images[:9], "c": images[16:]}
    found = features.of_sets(network, sets, tmp_path)
    assert list(found) == list(sets) and sum(shown) == N
    for name, part in sets.items():
        wanted = network.predict(part.astype(np.float32), verbose=0)
        assert found[name].shape == (len(part), 9) and found[name].dtype == np.float32
        assert_near(found[name], wanted)
        np.testing.assert_allclose(found[name][:, -1], wanted[:, -1], atol=1e-5)
    scores = np.concatenate([part[:, -1] for part in found.values()])
    assert len(np.unique(scores)) > N // 2  # so that a wrong order would show

    again = features.of_sets(network, dict(zip("xyz", sets.values(), strict=True)), tmp_path)
    one = features.of_sets(network, {"all": np.concatenate([*sets.values()])}, tmp_path)
    assert sum(shown) == N and list(again) == ["x", "y", "z"]  # the names are no part of the key
    for before, after in zip(found.values(), again.values(), strict=True):
        np.testing.assert_array_equal(before, after)
    np.testing.assert_array_equal(one["all"], np.concatenate([*found.values()]))


def test_a_pixel_of_a_set_or_a_weight_makes_other_features(images, tmp_path, shown):
    network, sets = models.with_score(a_model()), {"a": images[:4].copy(), "b": images[4:8]}
    first = features.of_sets(network, sets, tmp_path)
    sets["a"][2] = 255 - sets["a"][2]
    second = features.of_sets(network, sets, tmp_path)
    assert sum(shown) == 16
    np.testing.assert_array_equal(first["b"], second["b"])
    changed = (first["a"] != second["a"]).any(axis=1)
    assert changed.tolist() == [False, False, True, False]
    network.weights[-1].assign_add([1.0])
    third = features.of_sets(network, sets, tmp_path)
    assert sum(shown) == 24 and (third["a"][:, -1] > second["a"][:, -1]).all()


# Interrupted


class Stop(BaseException):
    """As Ctrl+C: nobody who catches errors catches it."""


@pytest.mark.parametrize("copies", [None, "six_fold"])
@pytest.mark.parametrize("moment", ["before the first step", "in the third step", "before it is said to be done"])
def test_interrupted_it_goes_on_where_it_was(trunk, images, tmp_path, shown, monkeypatch, moment, copies):
    fold = 7 if copies else 1
    monkeypatch.setattr(features, "CHUNK", 5 * fold)
    whole = np.array(features.extract(trunk, images, KEY, tmp_path / "undisturbed", copies=copies))
    with monkeypatch.context() as patch:
        rename, predict, calls = Path.replace, keras.Model.predict, []

        def stopping_predict(*args, **how):
            calls.append(1)
            if moment == "in the third step" and len(calls) == 3:
                raise Stop
            return predict(*args, **how)

        def stopping_replace(path, target):
            late = moment == "before it is said to be done" and target.name == "done.npy" and len(calls) == 3
            if late or (moment == "before the first step" and target.name == "features.npy"):
                raise Stop
            return rename(path, target)

        patch.setattr(keras.Model, "predict", stopping_predict)
        patch.setattr(Path, "replace", stopping_replace)
        with pytest.raises(Stop):
            features.extract(trunk, images, KEY, tmp_path, copies=copies)
    done = 0 if moment == "before the first step" else 10
    shown.clear()
    if done:
        early = taken(features.extract(trunk, images, KEY, tmp_path, rows=range(done), copies=copies))
        np.testing.assert_array_equal(early, whole.reshape(fold, N, -1)[:, :done].reshape(early.shape))
        assert not shown
    np.testing.assert_array_equal(features.extract(trunk, images, KEY, tmp_path, copies=copies), whole)
    assert sum(shown) == (N - done) * fold
    (folder,) = folders(tmp_path)
    assert {path.name for path in folder.iterdir()} <= {"features.npy", "done.npy", "lock"}


def test_features_are_on_disk_before_they_are_said_to_be_done(trunk, images, tmp_path, monkeypatch):
    monkeypatch.setattr(features, "CHUNK", 10)
    rename, flush, seen = Path.replace, np.memmap.flush, []
    monkeypatch.setattr(Path, "replace", lambda path, target: seen.append(target.name) or rename(path, target))
    monkeypatch.setattr(np.memmap, "flush", lambda file: seen.append("flush") or flush(file))
    features.extract(trunk, images, KEY, tmp_path)
    assert seen == ["features.npy"] + 3 * ["flush", "done.npy"]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("done.npy", b""),
        ("done.npy", b"text"),
        ("done.npy", b"PK\x03\x04 no archive"),
        ("done.npy", None),
        ("done.npy", "cut"),
        ("done.npy", np.ones(N - 1, bool)),
        ("done.npy", np.ones(N, np.uint8)),
        ("done.npy", np.array([None] * N)),
        ("features.npy", b""),
        ("features.npy", b"text"),
        ("features.npy", b"PK\x03\x04 no archive"),
        ("features.npy", None),
        ("features.npy", "cut"),
        ("features.npy", np.zeros((N, 1023), np.float32)),
        ("features.npy", np.zeros((N, 1024), np.float64)),
    ],
    ids=str,
)
def test_damaged_files_are_not_used(trunk, images, tmp_path, shown, monkeypatch, name, content):
    monkeypatch.setattr(features, "CHUNK", 10)
    wanted = np.array(features.extract(trunk, images, KEY, tmp_path))
    (folder,) = folders(tmp_path)
    np.save(folder / "features.npy", np.full((N, 1024), 7, np.float32))  # what would come out if it were believed
    if content is None:
        (folder / name).unlink()
    elif isinstance(content, np.ndarray):
        np.save(folder / name, content)
    else:
        (folder / name).write_bytes((folder / name).read_bytes()[:-1] if content == "cut" else content)
    shown.clear()
    some = taken(features.extract(trunk, images, KEY, tmp_path, rows=range(10)))
    np.testing.assert_array_equal(some, wanted[:10])
    np.testing.assert_array_equal(features.extract(trunk, images, KEY, tmp_path), wanted)
    assert sum(shown) == N


def test_what_an_older_file_had_behind_it_is_not_believed_of_a_new_one(trunk, images, tmp_path, monkeypatch):
    monkeypatch.setattr(features, "CHUNK", 10)
    wanted = np.array(features.extract(trunk, images, KEY, tmp_path))
    (folder,) = folders(tmp_path)
    (folder / "features.npy").unlink()  # of which done.npy says that all is done

    def killed(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as context, pytest.raises(KeyboardInterrupt):
        context.setattr(features.pipeline, "shared", killed)
        features.extract(trunk, images, KEY, tmp_path)
    np.testing.assert_array_equal(features.extract(trunk, images, KEY, tmp_path), wanted)


@pytest.mark.parametrize("policy", ["float32", "mixed_float16"])
def test_the_head_is_trained_in_the_precision_of_the_whole(policy):
    with building(0, policy):
        whole = models.build("mobilenet", 32, weights=None, hidden=(8,))
    head = features.split(whole)[1]
    for model in (whole, head):
        model.compile("adam", "binary_crossentropy")
    assert type(head.optimizer) is type(whole.optimizer)
