"""The table of models, the networks of the reports' own making, and detectors out of files."""

from math import ceil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

keras = pytest.importorskip("keras")

from fakeface_utils import models  # noqa: E402
from fakeface_utils.training import store  # noqa: E402
from fakeface_utils.training.device import building  # noqa: E402

# The least side in pixels that each network takes; pretrained ones are built with random weights here.
SMALLEST = {"ffnn": 1, "cnn": 22, "model_1": 94, "custom_003": 90, "cnn_004": 26}
SOME = {**SMALLEST, "ffnn": 16, "mobilenet": 32, "mobilenet_v3_small": 32}
RANDOM = {name: {"weights": None} for name in ("mobilenet", "mobilenet_v3_small")}
LAST = {"cnn_004": "p_fake_and_p_real"}
CNN_000 = {
    "CNN-1": ((64,), 16_257_793, 16_777_985),
    "CNN-2": ((32, 64), 3_705_345, 4_213_249),
    "CNN-3": ((32, 32, 64), 831_009, 1_076_769),
    "CNN-4": ((32, 64, 64), 858_689, 1_104_449),
    "CNN-5": ((128, 64, 64), 914_945, 1_160_705),
}


def noise(n: int, size: int, color: str = "rgb") -> np.ndarray:
    shape = (n, size, size, 1 if color == "grey" else 3)
    return np.random.default_rng(0).integers(0, 256, shape).astype(np.float32)


def trained(model) -> int:
    return sum(int(np.prod(weight.shape)) for weight in model.trainable_weights)


# Parameters


@pytest.mark.parametrize(
    ("color", "units", "parameters"), [("grey", 128, 2_097_409), ("grey", 64, 1_048_705), ("rgb", 128, 6_291_713)]
)
def test_report_000s_parameters(color, units, parameters):
    assert models.build("ffnn", 128, color, units=units).count_params() == parameters


def by_hand(size, channels, filters, kernel, pool, padding, dense) -> int:
    """The parameters of ``cnn``: each kernel and bias, with the sides counted down as the layers do."""
    total, side = 0, size
    for width in filters:
        total += (kernel * kernel * channels + 1) * width
        side = ceil(side / pool) if padding == "same" else (side - kernel + 1) // pool
        channels = width
    inputs = side * side * channels
    for units in (*dense, 1):
        total, inputs = total + (inputs + 1) * units, units
    return total


@pytest.mark.parametrize("name", CNN_000)
def test_report_000s_cnns(name):
    filters, valid, same = CNN_000[name]
    for padding, parameters in (("valid", valid), ("same", same)):
        model = models.build("cnn", 128, "grey", filters=filters, padding=padding)
        assert model.count_params() == trained(model) == parameters
        assert by_hand(128, 1, filters, 3, 2, padding, (64,)) == parameters
    convolutions = [layer for layer in model.layers if isinstance(layer, keras.layers.Conv2D)]
    assert [layer.filters for layer in convolutions] == list(filters)
    assert {layer.activation.__name__ for layer in convolutions} == {"relu"}


@pytest.mark.parametrize(
    ("size", "color", "how"),
    [
        (40, "rgb", {"filters": (3, 5), "kernel": 5, "pool": 3, "padding": "valid", "dense": (7, 6)}),
        (37, "grey", {"filters": (4, 2, 3), "kernel": 4, "pool": 2, "padding": "same", "dense": ()}),
        (224, "rgb", {"filters": (16, 32), "kernel": 3, "pool": 2, "padding": "valid", "dense": ()}),
    ],
)
def test_other_cnns_by_hand(size, color, how):
    assert models.build("cnn", size, color, **how).count_params() == by_hand(
        size, 3 if color == "rgb" else 1, **how
    )


def test_cnn_3_1_exists_with_same_padding_only():
    how = {"filters": (32, 32, 64), "kernel": 6, "pool": 4}
    with pytest.raises(ValueError, match=r"pooling 3 needs 4 x 4 pixels and 1 x 1 are left.*padding='same'"):
        models.build("cnn", 128, "grey", **how)
    assert models.build("cnn", 128, "grey", **how, padding="same").count_params() == 128_385


@pytest.mark.parametrize(
    ("size", "parameters"), [(128, 12_713), (224, 18_089), (256, 20_905), (300, 24_233), (600, 77_225)]
)
def test_report_003s_parameters(size, parameters):
    model = models.build("custom_003", size)
    assert model.count_params() == parameters and model.count_params() - trained(model) == 96
    assert models.build("custom_003", size, augmented=True).count_params() == parameters


def test_report_004s_parameters():
    model = models.build("cnn_004")
    assert (model.count_params(), trained(model)) == (1_666_882, 1_666_114)
    assert models.build("cnn_004", 128, "grey").count_params() == 1_665_730
    neither = models.build("cnn_004", batch_norm=False, dropout=False)
    assert neither.count_params() == trained(neither) == 1_666_882 - 4 * (64 + 128 + 64 + 128)
    kinds = {type(layer).__name__ for layer in neither.layers}
    assert not kinds & {"BatchNormalization", "Dropout"}
    assert "Dropout" in {type(layer).__name__ for layer in models.build("cnn_004", batch_norm=False).layers}


def test_model_1s_parameters_are_the_documented_ones():
    assert models.build("model_1").count_params() == 454_209


def test_the_score_of_report_004s_network_is_its_first_unit():
    model = models.build("cnn_004", 26)
    both = keras.Model(model.input, model.get_layer("p_fake_and_p_real").output)
    images = noise(3, 26)
    np.testing.assert_allclose(model(images), both(images)[:, :1])
    np.testing.assert_allclose(np.sum(both(images), axis=1), 1, rtol=1e-6)


# What the last layer sees


def kept(model: keras.Model, folder: Path) -> keras.Model:
    """A model that the store has written and read."""
    store.write_results(folder, pd.DataFrame(), pd.DataFrame(), model)
    return store.Record(folder, {"files": {store.MODEL: 0}}).model()


@pytest.mark.parametrize("is_kept", [False, True])
@pytest.mark.parametrize("name", ["ffnn", "custom_003", "cnn_004", "mobilenet"])
def test_with_score_gives_features_and_the_score_that_follows_from_them(name, is_kept, tmp_path):
    how = {"weights": None, "hidden": (7,), "dropout": 0.5} if name == "mobilenet" else {}
    with building(0, "float32"):
        model = models.build(name, SOME[name], "rgb", **how)
    images, last = noise(5, SOME[name]), model.get_layer(LAST.get(name, "p_fake"))
    scores = model.predict(images, verbose=0)
    if is_kept:
        model = kept(model, tmp_path)
        assert isinstance(model.output, list)  # a model of lists, as the store writes it
    both = models.with_score(model)
    assert both.output_shape == (None, last.input.shape[-1] + 1)
    told = both.predict(images, verbose=0)
    assert told.dtype == np.float32 and scores.std() > 0
    np.testing.assert_allclose(told[:, -1:], scores, rtol=1e-5)
    through = np.asarray(last.activation(keras.ops.convert_to_tensor(told[:, :-1] @ last.kernel + last.bias)))
    np.testing.assert_allclose(told[:, -1], through[:, 0], rtol=1e-4)


def test_with_score_is_float32_in_half_precision():
    with building(0, "mixed_float16"):
        model = models.build("mobilenet", 32, "rgb", weights=None, hidden=(7,))
        both = models.with_score(model)
    images = noise(3, 32)
    assert model.get_layer("p_fake").input.dtype == "float16" and both(images).dtype == "float32"
    np.testing.assert_array_equal(both(images)[:, -1:], model(images))


# The table


def test_the_tables_input_is_the_reports():
    assert models.build("ffnn").input_shape == (None, 128, 128, 1)
    assert models.build("cnn").input_shape == (None, 128, 128, 1)
    assert models.build("cnn_004").input_shape == (None, 128, 128, 3)


def test_an_unknown_name_or_colour_is_refused():
    with pytest.raises(ValueError, match="'fnn'; choose one of ffnn"):
        models.build("fnn")
    with pytest.raises(ValueError, match="no view 'gray' of an image; choose one of rgb, grey"):
        models.build("ffnn", color="gray")


@pytest.mark.parametrize("name", [name for name in SMALLEST if name != "ffnn"])
def test_the_smallest_size_is_as_documented_and_one_less_is_refused(name):
    assert models.build(name, SMALLEST[name], "grey").output_shape == (None, 1)
    with pytest.raises(ValueError, match=r"needs \d x \d pixels and \d x \d are left of the image"):
        models.build(name, SMALLEST[name] - 1, "grey")
    with pytest.raises(ValueError, match="convolution"):
        models.build(name, 1)


@pytest.mark.parametrize("name", SOME)
@pytest.mark.parametrize("color", ["grey", "rgb"])
def test_images_in_0_to_255_give_probabilities(name, color):
    with building(0, "float32"):
        model = models.build(name, SOME[name], color, **RANDOM.get(name, {}))
    scores = model(noise(5, SOME[name], color)).numpy()
    assert scores.shape == (5, 1) and scores.dtype == np.float32
    assert ((scores > 0.001) & (scores < 0.999)).all()  # unscaled pixels would saturate
    assert scores.std() > 0 or name in RANDOM  # whose values vanish on their way through so many random layers


@pytest.mark.parametrize("activation", ["relu", "sigmoid", "tanh", "softmax"])
def test_the_ffnn_by_hand(activation):
    model = models.build("ffnn", 4, "grey", units=3, activation=activation)
    images = noise(2, 4, "grey")
    w, b, v, c = model.get_weights()
    hidden = getattr(keras.ops, activation)(images.reshape(2, 16) / 255 @ w + b)
    np.testing.assert_allclose(model(images), 1 / (1 + np.exp(-(np.asarray(hidden) @ v + c))), rtol=1e-5)


def test_augmented_means_while_training_only():
    with building(0, "float32"):
        model = models.build("custom_003", 90, augmented=True)
    images = noise(2, 90)
    plain = models.build("custom_003", 90)
    plain.set_weights(model.get_weights())
    # Also where a model is called as a function, as Grad-CAM and a webcam do, not only in `predict`.
    np.testing.assert_allclose(model(images), plain(images), rtol=1e-5)
    np.testing.assert_allclose(model.predict(images, verbose=0), plain(images), rtol=1e-5)


@pytest.mark.parametrize("name", [*SOME, "custom_003 augmented"])
def test_two_steps_in_half_precision(name):
    """What a GPU would do, as far as a CPU can: finite loss, float32 out."""
    name, _, augmented = name.partition(" ")
    size, arguments = SOME[name], {"augmented": True} if augmented else RANDOM.get(name, {})
    with building(0, "mixed_float16"):
        model = models.build(name, size, "rgb", **arguments)
    kinds = (keras.layers.Conv2D, keras.layers.DepthwiseConv2D, keras.layers.BatchNormalization)
    heavy = [layer for layer in model.layers if isinstance(layer, kinds) or layer.name.startswith("dense")]
    assert heavy and {layer.compute_dtype for layer in heavy} == {"float16"}
    model.compile("adam", "binary_crossentropy", run_eagerly=True)
    images = np.full((2, size, size, 3), 255, np.float32)
    assert all(np.isfinite(model.train_on_batch(images, np.array([[0.0], [1.0]]))) for _ in range(2))
    scores = model(images)
    assert scores.dtype == "float32" and np.isfinite(scores).all()


# Detectors out of files


@pytest.mark.parametrize("name", [*SMALLEST, "custom_003 augmented", "mobilenet", "vgg16"])
def test_what_the_kit_saves_it_loads_in_safe_mode(name, tmp_path):
    name, _, augmented = name.partition(" ")
    size = SOME.get(name, 32)
    how = {"augmented": True} if augmented else {"weights": None} if name in ("vgg16", *RANDOM) else {}
    model, images = models.build(name, size, "rgb", **how), noise(2, size)
    model.save(tmp_path / "model.keras")
    again = models.load_detector(tmp_path / "model.keras")
    np.testing.assert_array_equal(again.predict(images, verbose=0), model.predict(images, verbose=0))


def saved(path: Path, shape: tuple, *layers) -> Path:
    keras.Sequential([keras.Input(shape), *layers]).save(path)
    return path


@pytest.mark.parametrize(
    ("shape", "layers", "message"),
    [
        ((12,), [keras.layers.Dense(1)], r"takes \(None, 12\), not images"),
        ((8, 8, 4), [keras.layers.Flatten(), keras.layers.Dense(1)], r"takes \(None, 8, 8, 4\), not images"),
        ((8, 8, 3), [keras.layers.Flatten(), keras.layers.Dense(2)], r"gives \(None, 2\), not one P\(fake\)"),
        ((8, 8, 3), [keras.layers.Conv2D(1, 3)], r"gives \(None, 6, 6, 1\), not one P\(fake\)"),
    ],
)
def test_a_model_of_another_shape_is_no_detector(tmp_path, shape, layers, message):
    path = saved(tmp_path / "other.keras", shape, *layers)
    with pytest.raises(ValueError, match=rf"other.keras {message}"):
        models.load_detector(path)


def test_a_model_with_two_inputs_or_outputs_is_no_detector(tmp_path):
    one, two = keras.Input((8, 8, 3)), keras.Input((8, 8, 3))
    flat = [keras.layers.Dense(1)(keras.layers.Flatten()(image)) for image in (one, two)]
    keras.Model([one, two], flat[0] + flat[1]).save(tmp_path / "inputs.keras")
    keras.Model(one, [flat[0], keras.layers.Dense(1)(flat[0])]).save(tmp_path / "outputs.keras")
    for name in ("inputs", "outputs"):
        with pytest.raises(ValueError, match=rf"{name}.keras (takes|gives)"):
            models.load_detector(tmp_path / f"{name}.keras")


def test_files_that_are_no_models_are_named(tmp_path):
    good = saved(tmp_path / "good.keras", (8, 8, 1), keras.layers.Flatten(), keras.layers.Dense(1))
    assert models.load_detector(str(good)).output_shape == (None, 1)
    with pytest.raises(ValueError, match=r"there is no file .*none.keras"):
        models.load_detector(tmp_path / "none.keras")
    with pytest.raises(ValueError, match="there is no file"):
        models.load_detector(tmp_path)
    (tmp_path / "text.keras").write_text("not a model")
    content = good.read_bytes()
    for part in (0, 100, len(content) // 2, len(content) - 10):
        (tmp_path / f"cut{part}.keras").write_bytes(content[:part])
    for path in tmp_path.glob("[tc]*.keras"):
        with pytest.raises(ValueError, match=rf"{path.name} cannot be loaded as a .keras model"):
            models.load_detector(path)


def test_no_code_of_a_file_runs(tmp_path):
    marker = str(tmp_path / "it ran")
    code = keras.layers.Lambda(lambda x: [__import__("pathlib").Path(marker).touch(), x][1])
    path = saved(tmp_path / "code.keras", (8, 8, 3), code, keras.layers.Flatten(), keras.layers.Dense(1))
    Path(marker).unlink()
    with pytest.raises(ValueError, match=r"code.keras cannot be loaded as a .keras model in safe mode"):
        models.load_detector(path)
    assert not Path(marker).exists()
    keras.models.load_model(path, compile=False, safe_mode=False)
    assert Path(marker).exists()  # so the file held what it seemed to


def test_older_formats_are_refused(tmp_path):
    """Keras has read them without its safe mode, whatever it was asked for (up to 3.11.2)."""
    path = saved(tmp_path / "old.h5", (8, 8, 3), keras.layers.Flatten(), keras.layers.Dense(1))
    with pytest.raises(ValueError, match=r"old.h5 is no .keras file"):
        models.load_detector(path)
