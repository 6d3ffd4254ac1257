"""The table of models, and the networks of report 000."""

import numpy as np
import pytest

keras = pytest.importorskip("keras")

from fakeface_utils import models  # noqa: E402


@pytest.mark.parametrize(
    ("color", "units", "parameters"), [("grey", 128, 2_097_409), ("grey", 64, 1_048_705), ("rgb", 128, 6_291_713)]
)
def test_report_000s_parameters(color, units, parameters):
    assert models.build("ffnn", 128, color, units=units).count_params() == parameters


def test_the_tables_input_is_the_reports():
    assert models.build("ffnn").input_shape == (None, 128, 128, 1)


def test_an_unknown_name_or_colour_is_refused():
    with pytest.raises(ValueError, match="'fnn'; choose one of ffnn"):
        models.build("fnn")
    with pytest.raises(ValueError, match="'grey' or 'rgb'"):
        models.build("ffnn", color="gray")


@pytest.mark.parametrize("name", models.MODELS)
@pytest.mark.parametrize("color", ["grey", "rgb"])
def test_images_in_0_to_255_give_probabilities(name, color):
    model = models.build(name, 16, color)
    images = np.random.default_rng(0).integers(0, 256, (5, 16, 16, 1 if color == "grey" else 3)).astype(np.float32)
    scores = model(images).numpy()
    assert scores.shape == (5, 1) and scores.dtype == np.float32
    assert ((scores > 0.001) & (scores < 0.999)).all() and scores.std() > 0  # unscaled pixels would saturate


@pytest.mark.parametrize("activation", ["relu", "sigmoid", "tanh", "softmax"])
def test_the_ffnn_by_hand(activation):
    model = models.build("ffnn", 4, "grey", units=3, activation=activation)
    images = np.random.default_rng(0).integers(0, 256, (2, 4, 4, 1)).astype(np.float32)
    w, b, v, c = model.get_weights()
    hidden = getattr(keras.ops, activation)(images.reshape(2, 16) / 255 @ w + b)
    np.testing.assert_allclose(model(images), 1 / (1 + np.exp(-(np.asarray(hidden) @ v + c))), rtol=1e-5)


@pytest.mark.parametrize("name", models.MODELS)
def test_two_steps_in_half_precision(name):
    """What a GPU would do, as far as a CPU can: finite loss, float32 out."""
    old = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_float16")
    try:
        model = models.build(name, 16, "rgb")
    finally:
        keras.config.set_dtype_policy(old)
    assert {layer.compute_dtype for layer in model.layers[1:-1]} == {"float16"}
    model.compile("adam", "binary_crossentropy", run_eagerly=True)
    images = np.full((2, 16, 16, 3), 255, np.float32)
    assert all(np.isfinite(model.train_on_batch(images, np.array([[0.0], [1.0]]))) for _ in range(2))
    assert model(images).dtype == "float32"
