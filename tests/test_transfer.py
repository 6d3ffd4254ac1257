"""Pretrained networks: what they see, what trains, and what is said when their weights are not as they should be."""

import sys
from pathlib import Path

import h5py
import numpy as np
import pytest

keras = pytest.importorskip("keras")
from keras import applications, layers  # noqa: E402
from keras.src.legacy.saving import legacy_h5_format  # noqa: E402

from fakeface_utils import models  # noqa: E402
from fakeface_utils.models import transfer, weights  # noqa: E402
from fakeface_utils.models.transfer import BACKBONES  # noqa: E402
from fakeface_utils.training.device import building  # noqa: E402
from tests.test_models import noise, trained  # noqa: E402

NAME = "mobilenet_1_0_224_tf_no_top"
RESCALE_INSIDE = ("mobilenet_v3_small", "mobilenet_v3_large", "efficientnetb4")


@pytest.fixture(autouse=True)
def offline(monkeypatch, tmp_path):
    """No test may find weights of this machine, or fetch any."""

    def refuse(name, origin, **_):
        raise Exception(f"URL fetch failure on {origin}: None -- no network")

    monkeypatch.delenv("FAKEFACE_WEIGHTS_DIR", raising=False)
    monkeypatch.setattr(keras.utils, "get_file", refuse)


def alive(network) -> None:
    """Random weights, running means included, through which a picture does not vanish, as it does through Keras's."""
    rng = np.random.default_rng(1)
    for weight in network.weights:
        if "kernel" in weight.name:
            fan_in = np.prod(weight.shape[:2] if weight.shape[-1] == 1 else weight.shape[:-1])
            weight.assign(rng.normal(0, (2 / fan_in) ** 0.5, weight.shape))
        elif weight.name != "count":
            middle = 1 if "gamma" in weight.name or "variance" in weight.name else 0
            weight.assign(middle + rng.uniform(-0.2, 0.2, weight.shape))


def made_up(network, path: Path) -> Path:
    """A weights file as Keras's are (the old HDF5 layout, or the new one by its name), weights drawn at random."""
    alive(network)
    if path.name.endswith(".weights.h5"):
        network.save_weights(path)
        return path
    with h5py.File(path, "w") as file:
        legacy_h5_format.save_weights_to_hdf5_group(file, network)
    return path


@pytest.fixture(scope="module")
def mobilenet_file(tmp_path_factory) -> Path:
    network = applications.MobileNet(input_shape=(32, 32, 3), include_top=False, weights=None)
    return made_up(network, tmp_path_factory.mktemp("weights") / f"{NAME}.h5")


def seen_by_the_first_convolution(model, images) -> np.ndarray:
    first = next(layer for layer in model.layers if isinstance(layer, layers.Conv2D))
    return keras.Model(model.input, first.input)(images).numpy()


# What the networks see


def preprocessed(name: str, images: np.ndarray) -> np.ndarray:
    image = keras.Input(images.shape[1:])
    return np.asarray(keras.Model(image, layers.Identity()(BACKBONES[name].preprocess(image)))(images))


@pytest.mark.parametrize("name", BACKBONES)
def test_preprocessing_is_that_of_keras(name):
    images = noise(2, 8)
    wanted = sys.modules[BACKBONES[name].build.__module__].preprocess_input(images.copy())
    np.testing.assert_allclose(preprocessed(name, images), wanted, rtol=1e-5, atol=2e-5)


@pytest.mark.parametrize("name", BACKBONES)
def test_one_channel_is_preprocessed_as_the_mean_of_three(name):
    grey = noise(2, 8, "grey")
    got = preprocessed(name, grey)
    assert got.shape == grey.shape
    colors = preprocessed(name, np.repeat(grey, 3, axis=-1))
    spread = 0.06 if name == "densenet121" else 1e-3  # the three are divided by slightly different numbers
    np.testing.assert_allclose(got[..., 0], colors.mean(axis=-1), atol=spread)


@pytest.mark.parametrize("name", ["mobilenet", "mobilenet_v3_small"])
def test_images_are_rescaled_once(name):
    seen = seen_by_the_first_convolution(models.build(name, 32, weights=None), noise(2, 32))
    assert seen.min() == pytest.approx(-1, abs=0.02) and seen.max() == pytest.approx(1, abs=0.02)


def test_rescaled_twice_a_network_sees_no_picture():
    images = noise(2, 32)
    seen = seen_by_the_first_convolution(
        models.build("mobilenet_v3_small", 32, weights=None, scale=1 / 255), images
    )
    assert np.ptp(seen) < 0.01 and seen.mean() == pytest.approx(-1, abs=0.01)


def test_grey_is_one_channel_without_weights_and_three_with(mobilenet_file):
    grey = noise(2, 32, "grey")
    one = models.build("mobilenet", 32, "grey", weights=None)
    three = models.build("mobilenet", 32, "grey", weights=str(mobilenet_file))
    assert seen_by_the_first_convolution(one, grey).shape[-1] == 1
    seen = seen_by_the_first_convolution(three, grey)
    np.testing.assert_allclose(seen, np.repeat(grey, 3, axis=-1) / 127.5 - 1, atol=1e-5)
    colored = models.build("mobilenet", 32, "rgb", weights=str(mobilenet_file))
    vector, same = (keras.Model(m.input, m.get_layer("features").output) for m in (three, colored))
    np.testing.assert_allclose(vector(grey), same(np.repeat(grey, 3, axis=-1)), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", ["mobilenet", "vgg16", "mobilenet_v3_small", "efficientnetb4", "inception_v3"])
def test_with_weights_the_features_are_those_of_keras(name, tmp_path, monkeypatch):
    """Keras's own builder with weights="imagenet" is given the same file; its module's preprocessing goes first."""
    side = max(64, BACKBONES[name].smallest)
    build, module = BACKBONES[name].build, sys.modules[BACKBONES[name].build.__module__]
    path = tmp_path / f"{name}_notop.h5"
    made_up(build(input_shape=(side, side, 3), include_top=False, weights=None), path)
    monkeypatch.setattr(module.file_utils, "get_file", lambda *_, **__: str(path))
    official = build(input_shape=(side, side, 3), include_top=False, weights="imagenet", pooling="avg")
    images = noise(2, side)
    wanted = official(module.preprocess_input(images.copy())).numpy()
    model = models.build(name, side, weights=str(path))
    vector = keras.Model(model.input, model.get_layer("features").output)
    np.testing.assert_allclose(vector(images), wanted, rtol=1e-3, atol=1e-4 * np.abs(wanted).max())
    # Nothing in a frozen network may be other in training, or its features could not be kept.
    np.testing.assert_array_equal(vector(images, training=True), vector(images))


@pytest.mark.parametrize(("color", "parameters"), [("rgb", 7_038_529), ("grey", 7_032_257)])
def test_densenets_parameters(color, parameters):
    model = models.build("densenet121", 32, color, weights=None, train_from=None)
    assert model.count_params() == parameters


# What trains


@pytest.mark.parametrize(
    ("train_from", "parameters"),
    [("head", 1025), ("conv_pw_13", 1025 + 1024 * 1024 + 2 * 1024), (None, 3_228_864 - 21_888 + 1025)],
)
def test_how_much_trains(train_from, parameters):
    model = models.build("mobilenet", 32, weights=None, train_from=train_from)
    assert trained(model) == parameters and model.count_params() == 3_228_864 + 1025


def test_an_unknown_layer_pooling_or_backbone_is_refused():
    with pytest.raises(ValueError, match=r"no layer 'conv_14' to train from; the last ones are .*conv_pw_13_relu"):
        models.build("mobilenet", 32, weights=None, train_from="conv_14")
    with pytest.raises(ValueError, match="no pooling 'mean'; choose one of avg, max"):
        models.build("mobilenet", 32, weights=None, pooling="mean")
    with pytest.raises(ValueError, match="no backbone 'mobile'; choose one of mobilenet"):
        transfer.transfer((32, 32, 3), "mobile", weights=None)


def fitted(train_from: str | None) -> tuple[dict, dict]:
    """Each layer's weights before and after an epoch through the whole network."""
    with building(0, "float32"):
        model = models.build("mobilenet", 32, weights=None, train_from=train_from, hidden=(4,), dropout=0.2)
    alive(model)
    before = {layer.name: layer.get_weights() for layer in model.layers if layer.weights}
    model.compile("sgd", "binary_crossentropy")
    model.fit(noise(8, 32), np.arange(8) % 2, batch_size=4, verbose=0)
    return before, {layer.name: layer.get_weights() for layer in model.layers if layer.weights}


def moved(before: dict, after: dict) -> set[str]:
    return {
        name
        for name in before
        if any((one != two).any() for one, two in zip(before[name], after[name], strict=True))
    }


def test_frozen_layers_do_not_move():
    before, after = fitted("head")
    assert moved(before, after) == {name for name in before if name.startswith(("dense", "p_fake"))} != set()


def test_partly_frozen_layers_move_from_there_on():
    before, after = fitted("conv_pw_13")
    assert {"conv_pw_13", "conv_pw_13_bn", "p_fake"} <= moved(before, after)
    assert not moved(before, after) & {name for name in before if name < "conv_pw_13" and "conv" in name}


def test_fine_tuned_layers_and_their_running_means_move():
    before, after = fitted(None)
    assert moved(before, after) == set(before)
    mean = [before["conv1_bn"][2], after["conv1_bn"][2]]
    assert (mean[0] != mean[1]).any()


def test_the_head_is_as_asked_for():
    model = models.build("mobilenet", 64, weights=None, hidden=(8, 4), batch_norm=True, dropout=0.5, pooling="max")
    names = [layer.name for layer in model.layers]
    head = model.layers[names.index("features") :]
    one = ["Dropout", "BatchNormalization", "Dense"]
    assert [type(layer).__name__ for layer in head] == ["GlobalMaxPooling2D", *one, *one, "Dropout", "Dense"]
    assert [layer.units for layer in head if isinstance(layer, layers.Dense)] == [8, 4, 1]
    alive(model)
    images = noise(1, 64)
    maps = keras.Model(model.input, model.layers[names.index("features") - 1].output)(images).numpy()
    vector = keras.Model(model.input, model.get_layer("features").output)(images)
    np.testing.assert_allclose(vector, maps.max(axis=(1, 2)), rtol=1e-6)


# Weights that are not as they should be


def test_a_size_too_small_is_refused_before_weights_are_looked_for():
    for name in BACKBONES:
        least = 75 if name == "inception_v3" else 32
        message = f"{name} takes images of at least {least} pixels a side, not {least - 1} x {least - 1}"
        with pytest.raises(ValueError, match=message):
            models.build(name, least - 1)


def test_missing_weights_say_where_to_put_them(tmp_path, monkeypatch):
    monkeypatch.setenv("FAKEFACE_WEIGHTS_DIR", str(tmp_path))
    with pytest.raises(weights.WeightsError) as error:
        models.build("mobilenet", 32)
    for part in ("mobilenet", f"https://storage.googleapis.com/.*{NAME}.h5", "FAKEFACE_WEIGHTS_DIR", "no network"):
        assert error.match(part)
    with pytest.raises(weights.WeightsError, match=r"no file .*mine.h5 with weights for mobilenet"):
        models.build("mobilenet", 32, weights=str(tmp_path / "mine.h5"))


@pytest.mark.parametrize("directory", ["none", "file"])
def test_a_directory_that_is_none_is_named(tmp_path, monkeypatch, directory):
    (tmp_path / "file").touch()
    monkeypatch.setenv("FAKEFACE_WEIGHTS_DIR", str(tmp_path / directory))
    with pytest.raises(weights.WeightsError, match=f"FAKEFACE_WEIGHTS_DIR is .*{directory}, which is no directory"):
        models.build("mobilenet", 32)


@pytest.mark.parametrize("suffix", [".h5", ".weights.h5"])
def test_the_directory_is_looked_in_first(tmp_path, monkeypatch, suffix):
    network = applications.MobileNet(input_shape=(32, 32, 3), include_top=False, weights=None)
    path = made_up(network, tmp_path / f"{NAME}{suffix}")
    monkeypatch.setenv("FAKEFACE_WEIGHTS_DIR", str(tmp_path))
    assert weights.obtain("mobilenet") == path
    model = models.build("mobilenet", 32)
    for ours, theirs in zip(model.get_weights(), network.get_weights(), strict=False):  # then the head's
        np.testing.assert_array_equal(ours, theirs)


def test_without_the_directory_keras_is_asked(monkeypatch, mobilenet_file):
    asked = []

    def give(name, origin, **how):
        asked.append((name, origin, how))
        return str(mobilenet_file)

    monkeypatch.setattr(keras.utils, "get_file", give)
    models.build("mobilenet", 32)
    ((name, origin, how),) = asked
    assert name == f"{NAME}.h5" and origin == weights.FILES["mobilenet"] and how == {"cache_subdir": "models"}


@pytest.mark.parametrize("name", BACKBONES)
def test_the_files_are_those_that_keras_would_fetch(name, monkeypatch):
    module = sys.modules[BACKBONES[name].build.__module__]
    asked = []

    def note(file, origin=None, *_, **__):
        asked.append((file, origin))
        raise FileNotFoundError

    monkeypatch.setattr(module.file_utils, "get_file", note)
    monkeypatch.setattr(module, "Functional", lambda *_, **__: None)  # the network itself is not wanted here
    with pytest.raises(FileNotFoundError):
        BACKBONES[name].build(input_shape=(224, 224, 3), include_top=False, weights="imagenet")
    assert asked == [(weights.FILES[name].rsplit("/", 1)[1], weights.FILES[name])]


@pytest.mark.parametrize("suffix", [".h5", ".weights.h5"])
def test_damaged_weights_are_named(tmp_path, suffix):
    network = applications.MobileNet(input_shape=(32, 32, 3), include_top=False, weights=None)
    content = made_up(network, tmp_path / f"good{suffix}").read_bytes()
    cuts = {f"cut{part}": content[: int(part / 100 * len(content))] for part in (0, 1, 30, 60, 99)}
    for name, broken in (cuts | {"text": b"<html>404 Not Found</html>" * 100}).items():
        path = tmp_path / f"{name}{suffix}"
        path.write_bytes(broken)
        with pytest.raises(weights.WeightsError, match=rf"{path.name} \([\d,]+ bytes\) cannot be read.*delete it"):
            models.build("mobilenet", 32, weights=str(path))


@pytest.mark.parametrize("suffix", [".h5", ".weights.h5"])
@pytest.mark.parametrize("other", ["half as wide", "v2", "dense", "shorter"])
def test_weights_of_another_network_are_named(tmp_path, suffix, other):
    shape = {"input_shape": (32, 32, 3), "include_top": False, "weights": None}
    if other == "half as wide":
        network = applications.MobileNet(alpha=0.5, **shape)
    elif other == "v2":
        network = applications.MobileNetV2(**shape)
    elif other == "dense":
        network = keras.Sequential([keras.Input((3,)), layers.Dense(2), layers.Dense(1)])
    else:
        network = applications.MobileNet(**shape)
        network = keras.Model(network.input, network.layers[40].output)
    path = made_up(network, tmp_path / f"other{suffix}")
    with pytest.raises(weights.WeightsError, match=rf"other{suffix} does not hold the weights of mobilenet"):
        models.build("mobilenet", 32, weights=str(path))


def test_a_file_of_no_known_kind_is_named(tmp_path):
    (tmp_path / "weights.txt").write_text("0 1 2")
    with pytest.raises(weights.WeightsError, match=r"weights.txt does not hold the weights of mobilenet"):
        models.build("mobilenet", 32, weights=str(tmp_path / "weights.txt"))


def test_the_digest_is_that_of_the_file_that_would_be_loaded(tmp_path, monkeypatch, mobilenet_file):
    given = models.weights_digest("mobilenet", weights=str(mobilenet_file))
    assert given == weights.digest(mobilenet_file) and len(given) == 24
    monkeypatch.setenv("FAKEFACE_WEIGHTS_DIR", str(mobilenet_file.parent))
    assert models.weights_digest("mobilenet") == models.weights_digest("mobilenet", weights="imagenet") == given
    assert models.weights_digest("mobilenet", weights=None) is None and models.weights_digest("cnn") is None
    (tmp_path / "other.h5").write_bytes(mobilenet_file.read_bytes() + b"0")
    assert models.weights_digest("mobilenet", weights=str(tmp_path / "other.h5")) != given


@pytest.mark.parametrize("backbone", ["mobilenet", "mobilenet_v3_small"])
def test_a_backbone_frozen_at_random_still_sees_the_images(backbone):
    """Keras's own first weights let nothing through: a control whose features are all alike would control nothing."""
    frozen = transfer.transfer((64, 64, 3), backbone, weights=None)
    features = keras.Model(frozen.input, frozen.get_layer(transfer.FEATURES).output)
    seen = features.predict(noise(8, 64), verbose=0)
    assert np.isfinite(seen).all() and seen.std(axis=0).max() > 1e-3 * np.abs(seen).max() > 1e-6


def test_stand_in_weights_are_loaded_and_show_a_picture(tmp_path):
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (24, 32, 32, 3), dtype=np.uint8)
    path = transfer.stand_in_weights(tmp_path / "some.weights.h5", images, seed=3)
    assert [file.name for file in tmp_path.iterdir()] == ["some.weights.h5"]
    again = transfer.stand_in_weights(tmp_path / "again.weights.h5", images, seed=3)
    other = transfer.stand_in_weights(tmp_path / "other.weights.h5", images, seed=4)
    found = []
    for file in (path, again, other):
        net = models.build("mobilenet", 32, weights=str(file))
        seen = keras.Model(net.input, net.get_layer("features").output)
        found.append(seen.predict(images.astype("float32"), verbose=0))
    assert found[0].std(axis=0).mean() > 0.05  # without batch normalisation's means all pictures give the same
    np.testing.assert_array_equal(found[0], found[1])
    assert not np.allclose(found[0], found[2])
