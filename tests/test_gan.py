"""A DCGAN's training: interrupted it ends with the same bits, and its files say what happened."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

keras = pytest.importorskip("keras")

from fakeface_utils.datasets import layouts  # noqa: E402
from fakeface_utils.models import load_detector  # noqa: E402
from fakeface_utils.models.dcgan import DCGAN, HISTORY, RECIPES, discriminator, generator, one_batch  # noqa: E402
from fakeface_utils.training import gan  # noqa: E402
from tests.conftest import make_140k  # noqa: E402

SMALL = replace(RECIPES["laptop_64"], size=16, latent=6, maps=(8, 6, 4), batch_size=4, epochs=3)
# With dropout and noise on the labels: what else draws numbers while training.
DRAWING = replace(RECIPES["report_004"], size=32, latent=6, maps=(4, 4, 4, 4, 4), batch_size=5, epochs=3)


@pytest.fixture(scope="module")
def index(tmp_path_factory) -> pd.DataFrame:
    index = layouts.build_index(make_140k(tmp_path_factory.mktemp("140k"), per_class=4), "140k")
    return index[index["label"] == 0].reset_index(drop=True)  # 12 reals


@pytest.fixture
def options(tmp_path) -> dict:
    return {"cache_dir": tmp_path / "cache", "verbose": 0, "shown": 3, "keep": [2], "checkpoint_seconds": 0}


@pytest.fixture(scope="module")
def run(index, tmp_path_factory) -> gan.Run:
    """A training of SMALL that nothing disturbed."""
    folder = tmp_path_factory.mktemp("undisturbed")
    how = {"store": folder, "cache_dir": folder / "cache", "verbose": 0, "shown": 3, "keep": [2]}
    return gan.train(SMALL, index, **how)


def numbers(run: gan.Run) -> tuple:
    """What must be equal to the bit: losses, grids, the weights of every network kept."""
    networks = [*map(run.generator, run.kept), run.discriminator()]
    weights = [weight.tobytes() for network in networks for weight in network.get_weights()]
    return run.history().to_csv(), run.grids().tobytes(), weights


class Stopped(Exception):
    pass


def stop(monkeypatch, epoch: int, batch: int) -> None:
    """Training breaks off after that batch of that epoch, both from 0."""
    began = gan._Monitor.on_epoch_begin

    def on_epoch_begin(self, number, logs=None):
        self.at = number
        began(self, number, logs)

    def on_train_batch_end(self, number, logs=None):
        if (self.at, number) == (epoch, batch):
            raise Stopped

    monkeypatch.setattr(gan._Monitor, "on_epoch_begin", on_epoch_begin)
    monkeypatch.setattr(gan._Monitor, "on_train_batch_end", on_train_batch_end)


@pytest.mark.parametrize("recipe", [SMALL, DRAWING])
def test_an_interrupted_training_ends_with_the_same_bits(recipe, index, options, tmp_path, monkeypatch):
    undisturbed = gan.train(recipe, index, store=tmp_path / "a", seed=3, flip=True, **options)
    options |= {"store": tmp_path / "b", "seed": 3, "flip": True}
    with monkeypatch.context() as patch:
        stop(patch, epoch=2, batch=1)
        with pytest.raises(Stopped):
            gan.train(recipe, index, **options)
    assert list((tmp_path / "b").glob("*/checkpoint.npz")) and not list((tmp_path / "b").glob("*/gan.json"))
    begun = []
    with monkeypatch.context() as patch:
        patch.setattr(gan._Monitor, "on_train_begin", lambda self, logs=None: begun.append(len(self.epochs)))
        resumed = gan.train(recipe, index, **options)
    assert begun == [2]  # it went on and did not start again
    assert numbers(resumed) == numbers(undisturbed)
    assert resumed.folder.name == undisturbed.folder.name
    assert not (resumed.folder / "checkpoint.npz").exists()


def test_a_checkpoint_holds_the_state_of_both_optimizers(index, options, tmp_path, monkeypatch):
    stop(monkeypatch, epoch=1, batch=0)
    with pytest.raises(Stopped):
        gan.train(SMALL, index, store=tmp_path, **options)
    (path,) = tmp_path.glob("*/checkpoint.npz")
    model = gan._built(SMALL, 0)
    log = gan._Monitor(0, path.parent, 0, 3, [])
    assert log.restore(model) == 1
    for rule in (model.d_optimizer, model.g_optimizer):
        assert int(rule.iterations) == 3  # one epoch of 12 images in batches of 4
        assert all(np.any(variable.numpy()) for variable in rule.variables)


def test_a_damaged_checkpoint_is_not_used(run, index, options, tmp_path, capsys):
    folder = tmp_path / run.folder.name
    folder.mkdir()
    (folder / "checkpoint.npz").write_bytes(b"PK\x03\x04 and no more")
    again = gan.train(SMALL, index, store=tmp_path, **options)
    assert "from the beginning" in capsys.readouterr().out
    assert numbers(again) == numbers(run)


def test_a_finished_training_is_loaded(run, index, options, monkeypatch):
    monkeypatch.setattr(gan, "_fit", None)
    again = gan.train(SMALL, index, store=run.folder.parent, **options)
    assert again == run and again.folder == run.folder
    changes = [{"seed": 1}, {"flip": True}, {"shown": 4}, {"keep": [1, 2]}, {"resize": "bilinear"}]
    for change in changes:
        with pytest.raises(TypeError):  # there is no _fit: it would have trained
            gan.train(SMALL, index, store=run.folder.parent, **options | change)
    for other in (
        replace(SMALL, step=one_batch),
        replace(SMALL, beta_1=0.6),
        replace(SMALL, epochs=4),
        replace(SMALL, label_noise=0.1),
    ):
        with pytest.raises(TypeError):
            gan.train(other, index, store=run.folder.parent, **options)
    with pytest.raises(TypeError):
        gan.train(SMALL, index[1:], store=run.folder.parent, **options)


def test_the_seed_decides_the_first_weights():
    one, same, other = (gan._built(SMALL, seed).get_weights()[0] for seed in (1, 1, 2))
    np.testing.assert_array_equal(one, same)
    assert not np.array_equal(one, other)


def test_a_changed_network_is_trained_anew(run, index):
    spec = run.values["spec"]
    model = gan._built(SMALL, 5)  # built later, with other layer names and weights: the same key
    assert gan._key(spec, model, index) == gan._key(spec, gan._built(SMALL, 0), index) == run.folder.name
    for part in ("generator", "discriminator"):
        other = DCGAN(discriminator(SMALL), generator(SMALL), SMALL.step)
        wide = replace(SMALL, maps=(8, 6, 5))
        setattr(other, part, {"generator": generator, "discriminator": discriminator}[part](wide))
        assert gan._key(spec, other, index) != run.folder.name


@pytest.mark.parametrize("name", ["grid-0002.npy", "generator-0003.keras", "history.csv", "discriminator.keras"])
def test_without_one_of_its_files_it_is_not_finished(run, name):
    assert gan.read(run.folder) == run
    path = run.folder / name
    content = path.read_bytes()
    try:
        path.write_bytes(content[:-1])
        assert gan.read(run.folder) is None
        path.unlink()
        assert gan.read(run.folder) is None
    finally:
        path.write_bytes(content)


@pytest.mark.parametrize("text", ["", "[]", '{"kept": [1]}', '{"files": 3}'])
def test_a_json_that_is_none_of_ours_is_not_finished(tmp_path, text):
    (tmp_path / "gan.json").write_text(text)
    assert gan.read(tmp_path) is None


def test_what_is_told(run, index):
    values = json.loads((run.folder / "gan.json").read_text())
    assert values == run.values
    assert (values["n"], values["set"], values["fingerprint"]) == (12, "140k-part", layouts.fingerprint(index))
    assert values["evidence"] is False and values["spec"]["recipe"]["batch_size"] == 4
    assert values["parameters"]["generator"] == run.generator().count_params()
    assert values["parameters"]["discriminator"] == run.discriminator().count_params()
    assert set(values["files"]) == {path.name for path in run.folder.iterdir()} - {"gan.json", "lock"}


@pytest.mark.parametrize(("name", "told"), [("140k", True), ("testbed", False)])
def test_the_testbed_is_never_evidence(index, options, tmp_path, name, told):
    index = index.assign(set=name)
    index.attrs["evidence"] = True
    run = gan.train(replace(SMALL, epochs=1), index, store=tmp_path, **options)
    assert run.values["evidence"] is told


def test_history_and_grids(run):
    history, grids = run.history(), run.grids()
    assert list(history.index) == [1, 2, 3] and set(history) == set(HISTORY)
    assert np.isfinite(history).all(axis=None) and history[["d_real", "d_generated"]].stack().between(0, 1).all()
    assert grids.shape == (3, 3, 16, 16, 3) and grids.dtype == np.uint8
    assert run.kept == [2, 3]
    for epoch in run.kept:  # the same noise every epoch, and that of `samples`
        np.testing.assert_array_equal(gan.samples(run.generator(epoch), 3), grids[epoch - 1])
    assert not np.array_equal(grids[0], grids[2])
    np.testing.assert_array_equal(run.generator().get_weights()[0], run.generator(3).get_weights()[0])
    with pytest.raises(ValueError, match=r"epoch 1 was not kept; choose one of \[2, 3\]"):
        run.generator(1)


def test_histories_are_those_of_each_training(run, tmp_path):
    short = pd.DataFrame(np.arange(8.0).reshape(2, 4), pd.Index([1, 2], name="epoch"), HISTORY)
    short.to_csv(tmp_path / "history.csv")
    table = gan.histories({"second": run, "first": gan.Run(tmp_path, {})})
    assert list(table) == ["seed", "epoch", *run.history()]
    assert table["seed"].tolist() == ["second"] * 3 + ["first"] * 2 and table.index.tolist() == [0, 1, 2, 3, 4]
    for name, history in (("second", run.history()), ("first", short)):
        part = table[table["seed"] == name].drop(columns="seed").set_index("epoch")
        pd.testing.assert_frame_equal(part[[*history]], history)


def test_samples(run):
    model = run.generator()
    many = gan.samples(model, 7, seed=1, batch_size=3)
    assert many.shape == (7, 16, 16, 3) and many.dtype == np.uint8
    np.testing.assert_array_equal(gan.samples(model, 4, seed=1, batch_size=3)[:3], many[:3])
    apart = gan.samples(model, 7, seed=1, batch_size=7).astype(int) - many  # no image depends on its neighbours
    assert abs(apart).max() <= 1
    assert not np.array_equal(gan.samples(model, 7, seed=2), many)
    assert len(np.unique(many.reshape(7, -1), axis=0)) == 7


@pytest.mark.parametrize(
    ("value", "pixel"), [(-3.0, 0), (0.4, 0), (0.6, 1), (127.5, 128), (254.6, 255), (300, 255)]
)
def test_samples_are_rounded_and_stay_in_range(value, pixel):
    noise = keras.Input((2,))
    image = keras.layers.Reshape((1, 1, 3))(keras.layers.Dense(3, bias_initializer="zeros")(noise))
    model = keras.Model(noise, image)
    model.set_weights([np.zeros((2, 3)), np.full(3, value)])
    assert set(gan.samples(model, 2).flat) == {pixel}


def test_noise_is_normal():
    noise = keras.Input((3,))
    image = keras.layers.Rescaling(40.0, 128.0)(keras.layers.Reshape((1, 1, 3))(noise))
    drawn = (gan.samples(keras.Model(noise, image), 3000).astype(float) - 128) / 40
    assert abs(drawn.mean()) < 0.05 and abs(drawn.std() - 1) < 0.05


def test_images_that_are_not_real_are_refused(index, options):
    mixed = index.assign(label=[1, 1, *[0] * 10])
    with pytest.raises(ValueError, match="2 of 12 images are not real"):
        gan.train(SMALL, mixed, **options)
    with pytest.raises(ValueError, match="12 images make no batch of 13"):
        gan.train(replace(SMALL, batch_size=13), index, **options)


class Watched(DCGAN):
    """Looks at what it is given and learns nothing."""

    def fit(self, reals, *, steps_per_epoch, initial_epoch, epochs, callbacks, verbose):
        batches = reals.take(steps_per_epoch * (epochs - initial_epoch))
        self.seen = [images.numpy().astype(np.uint8) for images, _ in batches]


def seen(images: np.ndarray, flip: bool, epochs: int) -> list[np.ndarray]:
    """The batches that a training of so many epochs gets, batches of 5."""
    model = Watched(discriminator(SMALL), generator(SMALL), SMALL.step)
    log = gan._Monitor(0, Path("nowhere"), 0, 3, [])
    gan._fit(model, images, replace(SMALL, batch_size=5, epochs=epochs), flip, log, 0)
    return model.seen


def test_an_epoch_has_whole_batches_and_leaves_out_other_images_each_time():
    images = np.repeat(np.arange(12, dtype=np.uint8), 16 * 16 * 3).reshape(12, 16, 16, 3)
    batches = seen(images, flip=False, epochs=4)
    assert [len(batch) for batch in batches] == [5] * 8
    epochs = [{int(image.max()) for image in np.concatenate(batches[i : i + 2])} for i in range(0, 8, 2)]
    assert {len(epoch) for epoch in epochs} == {10} and len({frozenset(epoch) for epoch in epochs}) > 1


def test_flip_mirrors_some_and_only_if_asked():
    images = np.zeros((10, 16, 16, 3), np.uint8)
    images[:, :, :8] = 200  # bright on the left
    left = [np.concatenate(seen(images, flip, 2))[:, 0, 0, 0] == 200 for flip in (False, True)]
    assert left[0].all() and 0 < left[1].sum() < 20


def test_the_discriminator_loads_as_a_detector(run):
    model = load_detector(run.folder / gan.DISCRIMINATOR)
    grid = run.grids()[-1].astype(np.float32)
    np.testing.assert_array_equal(model(grid), run.discriminator()(grid))
