"""What networks cost: against a count of every multiplication, TensorFlow's profiler and published numbers."""

import numpy as np
import pytest

keras = pytest.importorskip("keras")

from keras import layers  # noqa: E402

from fakeface_utils.models import cost  # noqa: E402


def sequential(*parts, shape=(9, 8, 3)):
    return keras.Sequential([keras.Input(shape), *parts])


def nested():
    """A backbone of open size that is used twice, inside a model that adds and scales what it gives."""
    inner = keras.Input((None, None, 3))
    x = layers.Conv2D(4, 3, strides=2, padding="same")(inner)
    x = layers.BatchNormalization()(x)
    base = keras.Model(inner, layers.DepthwiseConv2D(3, activation="relu")(x))
    image = keras.Input((16, 16, 3))
    both = 0.5 * base(image, training=False) + base(image)
    return keras.Model(image, layers.Dense(2)(layers.Flatten()(both)))


def conv_by_loops(image, kernel, stride):
    """A valid convolution, one multiplication at a time, and how many of them and of additions there were."""
    kh, kw, _, filters = kernel.shape
    rows, columns = ((image.shape[i] - kernel.shape[i]) // stride + 1 for i in (0, 1))
    made, done = np.zeros((rows, columns, filters)), 0
    for r in range(rows):
        for c in range(columns):
            for f in range(filters):
                for place in np.ndindex(kh, kw, image.shape[2]):
                    pixel = image[r * stride + place[0], c * stride + place[1], place[2]]
                    made[r, c, f] += pixel * kernel[(*place, f)]
                    done += 2
    return made, done


def transposed_by_loops(image, kernel, stride):
    """The same of a transposed one: every pixel of the image paints the kernel onto the output."""
    kh, kw, filters, _ = kernel.shape
    height, width, channels = image.shape
    made, done = np.zeros(((height - 1) * stride + kh, (width - 1) * stride + kw, filters)), 0
    for r, c, k in np.ndindex(height, width, channels):
        for i, j, f in np.ndindex(kh, kw, filters):
            made[r * stride + i, c * stride + j, f] += image[r, c, k] * kernel[i, j, f, k]
            done += 2
    return made, done


@pytest.mark.parametrize("kind, loops", [("Conv2D", conv_by_loops), ("Conv2DTranspose", transposed_by_loops)])
@pytest.mark.parametrize("stride", [1, 2])
def test_every_multiplication_is_counted(kind, loops, stride):
    model = sequential(getattr(layers, kind)(4, 3, strides=stride, use_bias=False), shape=(7, 6, 2))
    image = np.random.default_rng(0).normal(size=(7, 6, 2)).astype(np.float32)
    made, done = loops(image, model.get_weights()[0], stride)
    np.testing.assert_allclose(model(image[None])[0], made, atol=1e-5)
    assert cost.flops(model) == done


MODELS = {
    "conv": lambda: sequential(layers.Conv2D(5, (3, 2), strides=2, padding="same", groups=1)),
    "depthwise": lambda: sequential(layers.DepthwiseConv2D(3, strides=2, depth_multiplier=2)),
    "separable": lambda: sequential(layers.SeparableConv2D(5, 3, depth_multiplier=2, padding="same")),
    "dense": lambda: sequential(layers.Flatten(), layers.Dense(7, activation="relu"), layers.Dense(1)),
    "cnn": lambda: sequential(
        layers.RandomFlip(), layers.Conv2D(4, 3, activation="relu"), layers.MaxPooling2D(), layers.Flatten(),
        layers.Dense(3),
    ),
    "nested": nested,
    "a Sequential in a Sequential": lambda: sequential(sequential(layers.Conv2D(2, 3)), layers.Conv2D(3, 3)),
}  # fmt: skip


def multiplied(node):
    """Operations of the layers' products in the profiler's tree, without additions of biases and the like."""
    own = node.float_ops if node.name in {"Conv2D", "DepthwiseConv2dNative", "MatMul"} else 0
    return own + sum(map(multiplied, node.children))


@pytest.mark.parametrize("name", MODELS)
def test_flops_are_what_tensorflows_profiler_counts(name, tmp_path):
    tf = pytest.importorskip("tensorflow")
    from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

    model = MODELS[name]()
    spec = tf.TensorSpec((1, *model.input_shape[1:]), tf.float32)
    function = tf.function(lambda x: model(x, training=False)).get_concrete_function(spec)
    graph = convert_variables_to_constants_v2(function).graph
    options = tf.compat.v1.profiler.ProfileOptionBuilder(
        tf.compat.v1.profiler.ProfileOptionBuilder.float_operation()
    )
    told = tf.compat.v1.profiler.profile(
        graph=graph, cmd="op", options=options.with_file_output(str(tmp_path / "told")).build()
    )
    assert cost.flops(model) == multiplied(told) > 0


def test_published_counts():
    model = keras.applications.MobileNet(weights=None)
    assert cost.flops(model) == pytest.approx(2 * 569e6, rel=0.03)  # the paper: 569 M mult-adds
    model = keras.applications.MobileNetV3Large((224, 224, 3), weights=None)
    assert cost.flops(model) == pytest.approx(2 * 219e6, rel=0.03)  # the paper: 219 M


def test_groups_and_dense_layers_on_maps_by_hand():
    assert cost.flops(sequential(layers.Conv2D(4, 3, groups=2), shape=(8, 8, 6))) == 2 * 36 * 4 * 9 * 3
    assert cost.flops(sequential(layers.Dense(5), shape=(4, 3, 2))) == 2 * 12 * 2 * 5
    first = layers.Conv2D(7, 3, data_format="channels_first")
    assert cost.flops(sequential(first, shape=(3, 10, 6))) == 2 * (8 * 4) * 9 * 3 * 7


def test_activations_are_the_sizes_of_all_outputs():
    model = MODELS["cnn"]()
    image = np.zeros((1, 9, 8, 3), np.float32)
    sizes = []
    for layer in model.layers:
        image = layer(image)
        sizes.append(np.size(image))
    assert cost.activations(model) == sum(sizes)
    # Twice 8x8x4, its normalised copy and 6x6x4; then half of one, the sum, the flat copy and two units.
    assert cost.activations(nested()) == 2 * (256 + 256 + 144) + 144 + 144 + 144 + 2


def test_a_walk_leaves_the_model_as_it_was():
    model = nested()
    model.compile("adam", "mse")
    weights, first = model.get_weights(), [call.flops for call in cost.calls(model)]
    assert [call.flops for call in cost.calls(model)] == first
    assert model.layers[-1].output.shape == (None, 2)  # Keras refuses it for a layer that was called once more
    assert all((a == b).all() for a, b in zip(weights, model.get_weights(), strict=True))
    assert model.optimizer.__class__.__name__ == "Adam"


def test_the_table_tells_frozen_parameters():
    model = MODELS["cnn"]()
    model.layers[1].trainable = False
    table = cost.cost_table({"a": model, "b": MODELS["dense"]()})
    assert list(table.columns) == ["parameters", "trainable", "flops", "activations"]
    dense = 3 * 4 * 3 * 3 + 3
    assert table.loc["a"].tolist() == [112 + dense, dense, cost.flops(model), cost.activations(model)]
    assert table.loc["b", "parameters"] == table.loc["b", "trainable"] == 9 * 8 * 3 * 7 + 7 + 8


def test_training_bytes_by_hand():
    model = sequential(
        layers.Conv2D(2, 3), layers.BatchNormalization(), layers.Flatten(), layers.Dense(1), shape=(5, 5, 1)
    )
    parameters, values, trainable = 20 + 8 + 19, 18 + 18 + 18 + 1, 20 + 4 + 19
    assert model.count_params() == parameters
    full = 4 * parameters + 12 * trainable + 6 * (4 * 25 + 8 * values)
    assert cost.training_bytes(model, 6) == full
    half = 6 * parameters + 12 * trainable + 6 * (4 * 25 + 4 * values + 8 * 18)
    assert cost.training_bytes(model, 6, "mixed_float16") == half
    model.layers[0].trainable = False
    assert cost.training_bytes(model, 6) == full - 12 * 20
    for bad in ((0, "float32"), (6, "float16")):
        with pytest.raises(ValueError, match="float32, mixed_float16"):
            cost.training_bytes(model, *bad)


class Odd(layers.Conv2D):
    """Inherits from a convolution, and does something else."""


@pytest.mark.parametrize(
    "model, told",
    [
        (lambda: sequential(layers.Conv1D(2, 3), shape=(9, 2)), "operations of a Conv1D"),
        (lambda: sequential(Odd(2, 3)), "operations of a Odd"),
        (lambda: sequential(layers.LSTM(2), shape=(9, 2)), "operations of a LSTM"),
        (lambda: sequential(layers.Conv2D(2, 3), shape=(None, None, 3)), "is open: build the model"),
        (lambda: keras.Sequential([layers.Dense(1)]), "cannot walk the layers"),
        (keras.Model, "cannot walk the layers"),
    ],
)
def test_what_cannot_be_counted_is_not_guessed(model, told):
    with pytest.raises(ValueError, match=told):
        cost.flops(model())
