"""Augmentation: every change does what it says, to each image its own, from the seed alone; copies in a file."""

from io import BytesIO

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from scipy.ndimage import gaussian_filter

tf = pytest.importorskip("tensorflow")
import keras  # noqa: E402

from fakeface_utils.datasets import augment, pipeline  # noqa: E402
from fakeface_utils.models.augmentation import in_training, report_003_layers  # noqa: E402
from fakeface_utils.training.device import building, prepare_device  # noqa: E402
from fakeface_utils.training.fit import fit  # noqa: E402


def noise(n: int, height: int = 24, width: int | None = None, channels: int = 3, seed: int = 0) -> np.ndarray:
    """Whole grey levels of all frequencies, correlated enough for a JPEG to be worth its name; no two images alike."""
    rng = np.random.default_rng(seed)
    images = rng.normal(0, 60, (n, height, width or height, channels))
    images = gaussian_filter(images, (0, 1.5, 1.5, 0)) * 3 + rng.normal(0, 8, images.shape)
    return np.clip(128 + images, 0, 255).round().astype(np.float32)


# The three losses


def with_pillow(image: np.ndarray, quality: int) -> tuple[np.ndarray, int]:
    """What Pillow reads again from its own JPEG, and the length of that file."""
    file = BytesIO()
    Image.fromarray(image.astype(np.uint8).squeeze()).save(file, "JPEG", quality=quality)
    return np.asarray(Image.open(file)).reshape(image.shape), len(file.getvalue())


@pytest.mark.parametrize("channels", [1, 3])
def test_jpeg_is_what_another_writer_and_reader_give(channels):
    images, qualities = noise(4, 40, 24, channels), [30, 55, 80, 100]
    saved, sizes = augment.jpeg(images, qualities), tf.strings.length(augment.jpeg_files(images, qualities))
    for image, quality, got, size in zip(images, qualities, saved.numpy(), sizes.numpy(), strict=True):
        wanted, length = with_pillow(image, quality)
        np.testing.assert_allclose(got, wanted, atol=1)
        assert size == pytest.approx(length, rel=0.02)


@pytest.mark.parametrize("channels", [1, 3])
def test_jpegs_lose_more_and_get_smaller_as_quality_falls(channels):
    """Not so in a published robustness test whose quality never reached the encoder: all its curves were flat."""
    images = noise(3, 32, channels=channels)
    qualities = (100, 90, 75, 60, 45, 30)
    sizes = [tf.strings.length(augment.jpeg_files(images, quality)).numpy() for quality in qualities]
    losses = [np.abs(augment.jpeg(images, quality) - images).mean(axis=(1, 2, 3)) for quality in qualities]
    assert (np.diff(sizes, axis=0) < 0).all() and (np.diff(losses, axis=0) > 0).all()


def test_jpeg_rounds_and_refuses_what_is_no_quality():
    images = noise(2)
    images = images.clip(1, 254)
    for less in (-0.4, 0.4):
        np.testing.assert_array_equal(augment.jpeg(images + less, 80), augment.jpeg(images, 80))
    np.testing.assert_array_equal(augment.jpeg(np.full((1, 8, 8, 3), 300.0), 90), np.full((1, 8, 8, 3), 255))
    for wrong in (-1, 101):
        with pytest.raises(tf.errors.InvalidArgumentError, match="quality"):
            augment.jpeg(images, wrong)


def test_blur_is_scipys_with_each_images_own_sigma():
    images, sigmas = noise(5, 24, 30), [0.0, 0.3, 1.0, 2.2, 3.0]
    for image, sigma, got in zip(images, sigmas, augment.blur(images, sigmas).numpy(), strict=True):
        np.testing.assert_allclose(got, gaussian_filter(image, (sigma, sigma, 0), truncate=7), atol=0.01)
    np.testing.assert_array_equal(augment.blur(images, 0.0), images)


def test_down_up_is_tensorflows_two_resizings():
    images, scales = noise(5, 24, 37), [1.0, 0.83, 0.7, 0.5, 0.3]
    for image, scale, got in zip(images, scales, augment.down_up(images, scales).numpy(), strict=True):
        small = tf.image.resize(image[None], (round(24 * scale), round(37 * scale)), "area")
        np.testing.assert_allclose(got, tf.image.resize(small, (24, 37), "bilinear")[0], atol=0.01)
    np.testing.assert_array_equal(augment.down_up(images, 1.0), images)


@pytest.mark.parametrize(
    ("change", "amounts"),
    [(augment.blur, [0, 0.5, 1, 1.5, 2, 2.5, 3]), (augment.down_up, [1, 0.9, 0.75, 0.6, 0.5])],
)
def test_the_high_frequencies_go_step_by_step(change, amounts):
    images = noise(4, 32)
    far = np.hypot(*np.meshgrid(np.fft.fftfreq(32), np.fft.fftfreq(32))) > 0.25
    spectra = [np.abs(np.fft.fft2(change(images, amount), axes=(1, 2))) ** 2 for amount in amounts]
    energy = np.array([spectrum[:, far].sum(axis=(1, 2)) for spectrum in spectra])
    assert (np.diff(energy, axis=0) < 0).all() and (energy[-1] < 0.5 * energy[0]).all()


# The recipe


def test_the_recipe_draws_every_loss_by_itself_from_its_range(monkeypatch):
    calls, n = {}, 4000

    def noted(name):
        def change(images, amounts):
            calls[name] = images.numpy()[:, 0, 0, 0].astype(int), amounts.numpy()
            return images

        return change

    for name in ("down_up", "blur", "jpeg"):
        monkeypatch.setattr(augment, name, noted(name))
    images = np.arange(n, dtype=np.float32)[:, None, None, None] * [[[[1.0], [1.0]]]]
    for probability in (0.5, 0.1):
        augment.robust(images, [3, 4], probability)
        assert list(calls) == ["down_up", "blur", "jpeg"]  # Wang et al.: blur before JPEG
        chosen = {name: set(numbers) for name, (numbers, _) in calls.items()}
        for one in chosen:
            assert len(chosen[one]) / n == pytest.approx(probability, abs=0.03)
            for other in chosen.keys() - {one}:
                assert len(chosen[one] & chosen[other]) / n == pytest.approx(probability**2, abs=0.03)
        for name, low, high in (("down_up", 0.5, 1), ("blur", 0, 3), ("jpeg", 30, 100)):
            amounts = calls[name][1]
            assert low <= amounts.min() < low + 0.05 * (high - low)
            assert high - 0.05 * (high - low) < amounts.max() <= high
            assert amounts.mean() == pytest.approx((low + high) / 2, abs=0.06 * (high - low))
        assert (calls["jpeg"][1] % 1 == 0).all() and len(np.unique(calls["jpeg"][1])) >= 70


def test_without_losses_the_recipe_mirrors_about_half():
    images = noise(200, 8)
    got = augment.robust(images, [1, 2], 0.0).numpy()
    mirrored = (got == images[:, :, ::-1]).all(axis=(1, 2, 3))
    assert 70 < mirrored.sum() < 130
    np.testing.assert_array_equal(got[~mirrored], images[~mirrored])


def test_what_an_image_gets_follows_from_the_seed_and_its_place():
    images = np.repeat(noise(1, 16), 40, axis=0)
    graph = tf.function(augment.robust)
    got = graph(images, tf.constant([5, 6], tf.int64)).numpy()
    np.testing.assert_array_equal(graph(images, tf.constant([5, 6], tf.int64)), got)
    np.testing.assert_array_equal(graph(images[:7], tf.constant([5, 6], tf.int64)), got[:7])
    assert len(np.unique(got, axis=0)) >= 30  # an eighth goes untouched but for the mirror
    assert not np.array_equal(graph(images, tf.constant([5, 7], tf.int64)), got)


def test_the_recipe_draws_nothing_that_keeps_a_state():
    concrete = tf.function(augment.robust).get_concrete_function(
        tf.TensorSpec([None, 16, 16, 3]), tf.TensorSpec([2], tf.int64)
    )
    outer, inner = (getattr(concrete.graph.as_graph_def(), part) for part in ("node", "library"))
    kinds = {node.op for nodes in (outer, *(function.node_def for function in inner.function)) for node in nodes}
    assert "EncodeJpegVariableQuality" in kinds and any(kind.startswith("StatelessRandom") for kind in kinds)
    assert not [kind for kind in kinds if kind.startswith("Random")]


@pytest.mark.parametrize("channels", [1, 3])
def test_the_recipe_runs_in_the_pipeline_under_determinism(channels):
    prepare_device()
    images = noise(11, 16, channels=channels).astype(np.uint8)
    labels = np.arange(11)

    def epoch() -> list[np.ndarray]:
        data = pipeline.endless(images, labels, seed=1, batch_size=4, augment=augment.robust)
        assert data.element_spec[0].shape.as_list() == [None, 16, 16, channels]
        return [batch.numpy() for batch, _ in data.take(6)]

    first, second = epoch(), epoch()
    assert [len(batch) for batch in first] == [4, 4, 3] * 2
    for one, two in zip(first, second, strict=True):
        np.testing.assert_array_equal(one, two)
        assert one.dtype == np.float32 and one.min() >= 0 and one.max() <= 255
    epochs = [sorted(batch.mean() for batch in part) for part in (first[:3], first[3:])]
    assert epochs[0] != epochs[1]


# Six copies of every image


def by_name(images: np.ndarray, **options) -> dict[str, np.ndarray]:
    copies = augment.six_fold(images, **options).numpy().reshape(7, *images.shape)
    return dict(zip(("same", *augment.SIX_FOLD), copies, strict=True))


def test_every_copy_is_what_its_name_says():
    images = noise(60, 8) / 2 + 64  # in 64-192: no change of at most 51 is clipped
    named = by_name(images)
    np.testing.assert_array_equal(named["same"], images)
    np.testing.assert_array_equal(named["flip_left_right"], images[:, :, ::-1])
    np.testing.assert_array_equal(named["flip_up_down"], images[:, ::-1])
    np.testing.assert_array_equal(named["rot90"], tf.image.rot90(images))
    np.testing.assert_array_equal(named["rot90"], np.rot90(images, axes=(1, 2)))
    shifts = (named["brightness"] - images).mean(axis=(1, 2, 3))
    np.testing.assert_allclose(named["brightness"] - images, shifts[:, None, None, None] + 0 * images, atol=1e-3)
    assert -51 <= shifts.min() < -40 and 40 < shifts.max() <= 51
    spreads = named["contrast"].std(axis=(1, 2)) / images.std(axis=(1, 2))
    np.testing.assert_allclose(spreads, np.repeat(spreads[:, :1], 3, axis=1), rtol=1e-3)
    np.testing.assert_allclose(named["contrast"].mean(axis=(1, 2)), images.mean(axis=(1, 2)), rtol=1e-3)
    assert 0.5 <= spreads.min() < 0.6 and 1.4 < spreads.max() <= 1.5
    top = named["saturation"].max(axis=-1)
    np.testing.assert_allclose(top, images.max(axis=-1), rtol=1e-4)
    ratios = (top - named["saturation"].min(axis=-1)) / np.ptp(images, axis=-1).clip(1)
    ratios = np.median(ratios.reshape(60, -1), axis=1)
    assert 0.49 <= ratios.min() < 0.6 and 1.4 < ratios.max() <= 1.51
    for amounts in (shifts, spreads[:, 0], ratios):
        assert len(np.unique(amounts.round(4))) > 50  # every image has its own


def test_copies_follow_the_seed_and_the_images_number_not_the_call():
    images = noise(9, 6)
    whole, other = by_name(images, seed=2), by_name(images, seed=3)
    some = np.array([7, 4, 5])
    part, wrong = by_name(images[some], seed=2, numbers=some), by_name(images[some], seed=2)
    for name, copies in whole.items():
        np.testing.assert_array_equal(part[name], copies[some])
        random = name in ("brightness", "contrast", "saturation")
        assert np.array_equal(other[name], copies) != random
        assert np.array_equal(wrong[name], copies[some]) != random


def test_the_sizes_that_report_001_prints(tmp_path):
    """Table 2: its training and validation images are expanded, its test images are not."""
    sizes = {"train": 1359, "valid": 171, "test": 511}
    images = {split: np.zeros((n, 4, 4, 3), np.uint8) for split, n in sizes.items()}
    for split in ("train", "valid"):
        images[split] = augment.copies_of(images[split], tmp_path / f"{split}.npy")
    assert {split: array.shape for split, array in images.items()} == {
        "train": (9513, 4, 4, 3),
        "valid": (1197, 4, 4, 3),
        "test": (511, 4, 4, 3),
    }


class Watched(np.ndarray):
    """An array that notes how many rows are asked of it at a time."""

    asked: list

    def __getitem__(self, rows):
        self.asked.append(len(rows))
        return np.asarray(self)[rows]


def test_copies_in_a_file_are_six_folds_chunk_by_chunk(tmp_path):
    images = noise(11, 6).astype(np.uint8)
    watched = images.view(Watched)
    watched.asked = []
    copies = augment.copies_of(watched, tmp_path / "new" / "a.npy", seed=5, chunk=4)
    assert watched.asked == [4, 4, 3]
    np.testing.assert_array_equal(copies, np.round(augment.six_fold(images, 5)))
    np.testing.assert_array_equal(copies, augment.copies_of(images, tmp_path / "b.npy", seed=5))
    assert isinstance(copies, np.memmap) and not copies.flags.writeable and copies.dtype == np.uint8
    assert sorted(path.name for path in tmp_path.rglob("*") if path.is_file()) == ["a.npy", "b.npy"]


def test_an_image_has_the_same_copies_in_every_split(tmp_path):
    images = noise(11, 6).astype(np.uint8)
    whole = augment.copies_of(images, tmp_path / "whole.npy", seed=5).reshape(7, 11, 6, 6, 3)
    for name, rows in (("one", [3, 1, 7, 8, 10]), ("other", [8, 3])):
        part = augment.copies_of(pipeline.Rows(images, rows), tmp_path / f"{name}.npy", seed=5, chunk=2)
        np.testing.assert_array_equal(part.reshape(7, len(rows), 6, 6, 3), whole[:, rows])
    expand = augment.expander("six_fold", images.shape[1:], seed=5)
    np.testing.assert_array_equal(expand(images[rows], np.array(rows)), part)
    views = augment.six_fold(np.tile(images[rows], 2), 5, rows)  # of six channels
    np.testing.assert_array_equal(np.round(views), np.tile(part, 2))
    assert (whole[4:, rows].astype(float) - images[rows]).std(axis=(1, 2, 3, 4)).min() > 1  # they do change


def test_copies_are_made_once_and_whole_or_not_at_all(tmp_path, monkeypatch):
    images, path, calls = noise(6, 4).astype(np.uint8), tmp_path / "copies.npy", []

    def twice(batch, seed, numbers):
        batch = tf.cast(batch, tf.float32)
        return tf.concat([batch, 255 - batch], axis=0)

    def breaking(*args):
        calls.append(1)
        raise RuntimeError("no more")

    monkeypatch.setitem(augment.COPIES, "twice", augment.Expansion(breaking, fold=2))
    with pytest.raises(RuntimeError, match="no more"):
        augment.copies_of(images, path, how="twice", chunk=2)
    assert calls and not list(tmp_path.iterdir())
    monkeypatch.setitem(augment.COPIES, "twice", augment.Expansion(twice, fold=2))
    made = augment.copies_of(images, path, how="twice", chunk=4)
    np.testing.assert_array_equal(made, np.concatenate([images, 255 - images]))
    monkeypatch.setitem(augment.COPIES, "twice", augment.Expansion(breaking, fold=2))
    np.testing.assert_array_equal(augment.copies_of(images, path, how="twice"), made)


def test_copies_of_something_else_are_not_taken(tmp_path):
    images, path = noise(6, 4).astype(np.uint8), tmp_path / "copies.npy"
    augment.copies_of(images, path)
    with pytest.raises(
        ValueError, match=r"copies\.npy holds uint8 \(42, 4, 4, 3\), not uint8 \(35, 4, 4, 3\): delete"
    ):
        augment.copies_of(images[:5], path)
    with pytest.raises(ValueError, match="no expansion 'seven_fold'; choose one of six_fold"):
        augment.copies_of(images, path, how="seven_fold")


# Report 003's, as layers


def augmenting(policy: str = "float32", color: str = "rgb", side: int = 24) -> keras.Model:
    """Only the augmentation."""
    with building(1, policy):
        image = keras.Input((side, side, 3 if color == "rgb" else 1))
        return keras.Model(image, in_training(report_003_layers(color), image))


def seed_states(model: keras.Model) -> list[keras.Variable]:
    return [variable for variable in model.variables if variable.name == "seed_generator_state"]


def trained_on(model: keras.Model, images: np.ndarray, seed: int = 0) -> np.ndarray:
    for number, state in enumerate(seed_states(model)):
        state.assign([seed, number])
    return tf.function(lambda batch: model(batch, training=True))(tf.constant(images)).numpy()


@pytest.mark.parametrize("policy", ["float32", "mixed_float16"])
@pytest.mark.parametrize("color", ["rgb", "grey"])
def test_the_layers_do_nothing_when_the_model_predicts(policy, color):
    images = noise(3, channels=3 if color == "rgb" else 1) + np.float32(0.123)
    model = augmenting(policy, color)
    np.testing.assert_array_equal(model.predict(images, verbose=0), images)
    np.testing.assert_array_equal(model(images), images)  # which Keras by itself takes for training


@pytest.mark.parametrize("color", ["rgb", "grey"])
def test_the_layers_change_every_image_in_training_alike_in_both_precisions(color):
    images = noise(32, channels=3 if color == "rgb" else 1)
    images[:4], images[4:8] = 0, 255  # what is added to these has to be clipped
    images[8:12] = np.array([255, 0, 0])[: images.shape[-1]]  # no colour can be purer
    got = trained_on(augmenting(color=color), images)
    assert got.dtype == np.float32 and got.shape == images.shape
    assert got.min() == 0 and got.max() == 255 and np.isfinite(got).all()
    assert (np.abs(got[12:] - images[12:]).mean(axis=(1, 2, 3)) > 5).all()
    np.testing.assert_array_equal(trained_on(augmenting("mixed_float16", color), images), got)
    assert not np.array_equal(trained_on(augmenting(color=color), images, seed=1), got)


def test_every_layer_changes_images_by_itself_and_can_be_seeded():
    images = noise(16)
    for layer in report_003_layers():
        got = np.array(layer(images, training=True))
        changed = (got != images).any(axis=(1, 2, 3))
        assert changed.sum() >= 3 and np.abs(got - images)[changed].mean() > 1, layer.name
        assert [v.name for v in layer.variables] == ["seed_generator_state"], layer.name
        assert type(layer).__module__.startswith("keras."), layer.name


def test_keras_knows_which_layers_xla_cannot_compile():
    names = {type(layer).__name__ for layer in report_003_layers() if not layer.supports_jit}
    assert {"RandomRotation", "RandomZoom", "RandomTranslation"} <= names


def test_an_unknown_colour_is_refused():
    with pytest.raises(ValueError, match="'grey' or 'rgb', not 'gray'"):
        report_003_layers("gray")


def test_a_saved_model_augments_as_before(tmp_path):
    images = noise(8)
    model = augmenting()
    before = trained_on(model, images)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras", safe_mode=True)
    np.testing.assert_array_equal(loaded.predict(images, verbose=0), images)
    np.testing.assert_array_equal(loaded(images), images)
    assert len(seed_states(loaded)) == len(seed_states(model)) == len(report_003_layers())
    np.testing.assert_array_equal(trained_on(loaded, images), before)


def detector(seed: int, policy: str = "float32") -> keras.Model:
    """One that any change of the augmentation would train differently."""
    with building(seed, policy):
        image = keras.Input((16, 16, 3))
        x = keras.layers.Rescaling(1 / 255)(in_training(report_003_layers(), image))
        x = keras.layers.Flatten()(x)
        return keras.Model(image, keras.layers.Dense(1, "sigmoid", dtype="float32")(x))


@pytest.mark.parametrize("policy", ["float32", "mixed_float16"])
def test_a_training_follows_from_its_seed_and_can_be_resumed(tmp_path, policy):
    prepare_device()
    images = noise(23, 16).astype(np.uint8)
    part = (images, np.arange(23) % 2)
    how = {"batch_size": 4, "seed": 5, "verbose": 0, "checkpoint_seconds": 0}
    once, again, stopped, resumed = (detector(seed, policy) for seed in (1, 1, 1, 2))
    history = fit(once, part, part, epochs=4, **how)
    pd.testing.assert_frame_equal(fit(again, part, part, epochs=4, **how), history)
    fit(stopped, part, part, epochs=2, checkpoint=tmp_path / "c.npz", **how)
    pd.testing.assert_frame_equal(fit(resumed, part, part, epochs=4, checkpoint=tmp_path / "c.npz", **how), history)
    np.testing.assert_array_equal(resumed.predict(images, verbose=0), once.predict(images, verbose=0))
    assert np.isfinite(history.to_numpy()).all()


def test_each_epoch_of_a_training_is_augmented_anew():
    """With weights that do not move, only the augmentation makes one epoch's loss differ from the next's."""
    images = noise(8, 16).astype(np.uint8)
    part = (images, np.arange(8) % 2)
    history = fit(detector(1), part, part, epochs=3, batch_size=8, learning_rate=1e-12, verbose=0)
    assert history["loss"].nunique() == 3 and np.ptp(history["loss"]) > 1e-3 > np.ptp(history["val_loss"])
