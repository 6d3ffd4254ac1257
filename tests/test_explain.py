"""Heat maps whose right answer is known by arithmetic, and the same numbers by brute force."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter
from scipy.stats import spearmanr

keras = pytest.importorskip("keras")

from keras import layers, ops  # noqa: E402

from fakeface_utils import models  # noqa: E402
from fakeface_utils.datasets import testbed  # noqa: E402
from fakeface_utils.datasets.pixels import read_image  # noqa: E402
from fakeface_utils.evaluation import explain  # noqa: E402
from fakeface_utils.evaluation.explain import (  # noqa: E402
    Curve,
    cascade,
    convolutions,
    feature_maps,
    first_filters,
    grad_cam,
    log_ratio,
    mass_inside,
    pixel_curve,
)
from fakeface_utils.evaluation.intervals import mean  # noqa: E402
from fakeface_utils.forensics.ela import Region  # noqa: E402
from fakeface_utils.forensics.twins import Marked  # noqa: E402
from fakeface_utils.training.device import building  # noqa: E402


def noise(n, size, channels=3, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (n, size, size, channels)).astype(np.float32)


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def by_colour(red, blue, bias=0.0, size=16, policy="float32", channels=3, red_only=False):
    """A detector whose two maps are the red and the blue of an image (0-1) and whose logit is a sum of their means."""
    with building(0, policy):
        image = keras.Input((size, size, channels))
        x = layers.Rescaling(1 / 255)(image)
        x = layers.Conv2D(1 if red_only else 2, 1, activation="relu", name="colour")(x)
        x = layers.GlobalAveragePooling2D()(x)
        x = layers.Dense(1, activation="sigmoid", dtype="float32", name="p_fake")(x)
        model = keras.Model(image, x)
    lit = np.zeros((1, 1, channels, 2), np.float32)
    lit[0, 0, 0, 0] = lit[0, 0, -1, 1] = 1
    weights = [lit, np.zeros(2), np.array([[red], [blue]]), np.array([bias])]
    if red_only:
        weights = [lit[..., :1], np.zeros(1), np.array([[red]]), np.array([bias])]
    model.set_weights([np.float32(weight) for weight in weights])
    return model


# --- layers, filters, maps -------------------------------------------------------------------------------------


def small(head="sigmoid", channels=2, size=9, activation="tanh"):
    """Two convolutions, a dense layer and one of several last layers, all smooth."""
    with building(3, "float32"):
        image = keras.Input((size, size, channels))
        x = layers.Conv2D(3, 3, activation=activation, name="first")(layers.Rescaling(1 / 255)(image))
        x = layers.Conv2D(4, 2, strides=2, activation=activation, name="second")(x)
        x = layers.Dense(5, activation=activation, name="hidden")(layers.Flatten()(x))
        if head == "a layer of its own":
            x = layers.Activation("sigmoid")(layers.Dense(1, name="last")(x))
        elif head.startswith("softmax"):
            _, units, unit = head.split()
            x = layers.Dense(int(units), activation="softmax", name="last")(x)[:, int(unit) : int(unit) + 1]
        else:
            x = layers.Dense(1, activation=head, use_bias=head != "tanh", name="last")(x)
    return keras.Model(image, x)


def nested():
    """``small`` behind a model of augmentation and inside another one, as a Sequential."""
    inner = small(channels=3)
    with building(0, "float32"):
        changes = keras.Sequential([keras.Input((9, 9, 3)), layers.RandomFlip(seed=0)], name="changes")
        outer = keras.Sequential([keras.Input((9, 9, 3)), changes, inner])
    return outer, inner


def test_convolutions_flat_sequential_and_nested():
    assert convolutions(small()) == ["first", "second"]
    outer, inner = nested()
    assert convolutions(outer) == [f"{inner.name}/first", f"{inner.name}/second"]
    kinds = layers.Conv2D, layers.DepthwiseConv2D, layers.SeparableConv2D
    sizes = {"a": (2, 3), "b": (3,), "c": (2, 3)}  # filters, where they are asked for, and side
    stack = [kind(*size, name=name) for kind, (name, size) in zip(kinds, sizes.items(), strict=True)]
    plain = keras.Sequential([keras.Input((16, 16, 1)), *stack, layers.Flatten(), layers.Dense(1)])
    assert convolutions(plain) == ["a", "b", "c"]
    fused = convolutions(models.build("fusion", 94, branches=("model_1", "model_1")))
    assert [name.split("/")[0] for name in fused] == ["branch_1_model_1"] * 5 + ["branch_2_model_1"] * 5
    assert len(set(fused)) == 10


def test_a_layer_that_is_used_twice_has_two_names_and_two_maps():
    image, conv = keras.Input((8, 8, 2)), layers.Conv2D(2, 1, name="conv")
    x = layers.GlobalAveragePooling2D()(conv(conv(image)))
    model = keras.Model(image, layers.Dense(1, activation="sigmoid")(x))
    shown = noise(1, 8, 2)[0]
    found = feature_maps(model, shown)
    assert list(found) == convolutions(model) == ["conv", "conv'"]
    np.testing.assert_allclose(found["conv'"], conv(found["conv"][None])[0], rtol=1e-5)


@pytest.mark.parametrize("channels", [1, 3])
def test_filters_are_pictures_on_one_scale_around_a_half(channels):
    model = small(channels=channels)
    kernel = np.random.default_rng(0).normal(size=(3, 3, channels, 3)).astype(np.float32)
    kernel[1, 2, 0, 1] = -9  # the largest
    model.get_layer("first").set_weights([kernel, np.zeros(3)])
    found = first_filters(model)
    assert found.shape == (3, 3, 3, channels) and found.dtype == np.float32 and found.min() == 0
    for k in range(3):
        np.testing.assert_allclose(found[k], 0.5 + kernel[..., k] / 18, rtol=1e-5)
    model.get_layer("first").set_weights([0 * kernel, np.zeros(3)])
    assert (first_filters(model) == 0.5).all()


def test_filters_of_a_depthwise_layer_are_refused():
    model = keras.Sequential([keras.Input((8, 8, 3)), layers.DepthwiseConv2D(3, name="deep"), layers.Flatten()])
    with pytest.raises(ValueError, match="'deep' is a DepthwiseConv2D; only a Conv2D"):
        first_filters(model)


@pytest.mark.parametrize("policy", ["float32", "mixed_float16"])
def test_feature_maps_are_what_the_layers_compute(policy):
    shown = noise(1, 16)[0]
    found = feature_maps(by_colour(1, 1, policy=policy), shown)
    assert list(found) == ["colour"] and found["colour"].dtype == np.float32
    np.testing.assert_allclose(found["colour"], shown[..., [0, 2]] / 255, atol=1e-3)
    outer, inner = nested()
    maps = feature_maps(outer, noise(1, 9)[0])
    assert maps[f"{inner.name}/first"].shape == (7, 7, 3)
    expected = inner.get_layer("first")(noise(1, 9) / 255)
    np.testing.assert_allclose(maps[f"{inner.name}/first"], expected[0], rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(maps[f"{inner.name}/second"], inner.get_layer("second")(expected)[0], atol=1e-5)


# --- Grad-CAM --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("bias", [0.0, 60.0, -60.0])  # where P is 1 or 0 to the last digit, its gradient is 0
@pytest.mark.parametrize(("red", "blue"), [(3.0, 0.0), (3.0, -2.0), (-3.0, 1.0)])
def test_grad_cam_by_arithmetic(red, blue, bias):
    images = noise(2, 16)
    model = by_colour(red, blue, bias)
    evidence = (red * images[..., 0] + blue * images[..., 2]) / 255 / 256  # 16 x 16 places
    found = grad_cam(model, images, "colour")
    assert found.shape == (2, 16, 16) and found.dtype == np.float32
    np.testing.assert_allclose(found, np.maximum(evidence, 0), atol=1e-7)
    np.testing.assert_allclose(grad_cam(model, images, toward="real"), np.maximum(-evidence, 0), atol=1e-7)


def test_grad_cam_of_a_grey_image():
    images = noise(3, 16, 1)
    found = grad_cam(by_colour(2, 0, channels=1), images.astype(np.uint8))
    np.testing.assert_allclose(found, 2 * images[..., 0] / 255 / 256, atol=1e-7)


def test_half_precision_keeps_small_gradients():
    images = noise(2, 32)
    model = by_colour(1e-3, 0, size=32, policy="mixed_float16")  # gradients of 1e-6, and float16 ends at 6e-8
    found = grad_cam(model, images)
    np.testing.assert_allclose(found, 1e-3 * images[..., 0] / 255 / 1024, rtol=3e-3, atol=1e-10)


def logit_by_hand(model, maps, start):
    """The logit from the maps (n, h, w, k) of "first" or "second" on, in float64, with P as the model has it."""

    def weights(name):
        return [np.float64(one) for one in model.get_layer(name).get_weights()]

    if start == "first":
        kernel, bias = weights("second")
        maps = np.tanh(ops.convert_to_numpy(ops.conv(maps, kernel, strides=2)) + bias)
    kernel, bias = weights("hidden")
    kernel, bias, *last = [kernel, bias, *weights("last")]
    z = np.tanh(maps.reshape(len(maps), -1) @ kernel + bias) @ last[0] + (last[1] if len(last) > 1 else 0)
    if z.shape[1] == 1:
        return z[:, 0]
    p = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
    return np.log(p / (1 - p))


@pytest.mark.parametrize("start", ["first", "second"])
@pytest.mark.parametrize(
    "head", ["sigmoid", "softmax 2 0", "softmax 2 1", "softmax 3 2", "a layer of its own", "linear", "tanh"]
)
def test_grad_cam_against_finite_differences(start, head):
    """The mean gradient over places is the slope along a shift of the whole map, over their number."""
    model, images = small(head), noise(2, 9, 2)
    unit = int(head.split()[-1]) if head.startswith("softmax") else None
    places, step, cams = 7 * 7 if start == "first" else 3 * 3, 1e-5, []
    for image in images:
        maps = np.float64(feature_maps(model, image)[start])

        def answer(shifted, maps=maps):
            z = logit_by_hand(model, (maps + shifted)[None], start)[0]
            z = z if unit is None else z[unit]
            return np.tanh(z) if head == "tanh" else z

        shifts = step * np.eye(maps.shape[-1])
        slopes = np.array([answer(shift) - answer(-shift) for shift in shifts]) / (2 * step) / places
        cams.append((maps * slopes).sum(axis=-1))
    assert np.ptp(cams) > 0
    for sign, toward in ((1, "fake"), (-1, "real")):
        expected = [bilinear(np.maximum(sign * cam, 0), 9) for cam in cams]
        found = grad_cam(model, images, start, toward)
        np.testing.assert_allclose(found, expected, rtol=2e-3, atol=1e-3 * np.abs(cams).max())


def bilinear(cam, size):
    """Places in the middle of pixels, the border repeated."""
    for axis in (0, 1):
        at = (np.arange(size) + 0.5) * cam.shape[axis] / size - 0.5
        cam = np.apply_along_axis(lambda line, at=at: np.interp(at, np.arange(len(line)), line), axis, cam)
    return cam


def test_each_images_map_is_its_own_whatever_the_batch(monkeypatch):
    model, images = small(channels=3), noise(5, 9)
    whole = grad_cam(model, images)
    assert len(np.unique(whole.reshape(5, -1), axis=0)) == 5
    monkeypatch.setattr(explain, "BATCH", 2)
    np.testing.assert_allclose(grad_cam(model, images), whole, rtol=1e-5, atol=1e-9)
    np.testing.assert_allclose(grad_cam(model, images[3:4])[0], whole[3], rtol=1e-5, atol=1e-9)


SEEN = []


class Counts(keras.layers.Layer):
    """Passes images on and notes how many came at a time."""

    def call(self, x):
        SEEN.append(x.shape[0])
        return x


def test_memory_is_that_of_one_batch(monkeypatch):
    image = keras.Input((9, 9, 3))
    model = keras.Model(image, small(channels=3)(Counts()(image)))
    monkeypatch.setattr(explain, "BATCH", 4)
    SEEN.clear()
    maps = grad_cam(model, noise(10, 9))
    assert [n for n in SEEN if n is not None] == [4, 4, 2]
    SEEN.clear()
    pixel_curve(model, noise(2, 9), maps[:2], steps=10)
    assert set(SEEN) == {3, 4} and sum(SEEN) == 22


def test_the_default_layer_is_what_the_last_convolution_becomes_before_its_size_changes():
    def built(*after):
        stack = [layers.Conv2D(3, 3, name="conv"), *after, layers.Flatten(), layers.Dense(1, activation="sigmoid")]
        return keras.Sequential([keras.Input((12, 12, 3)), layers.Rescaling(1 / 255), *stack])

    images = noise(2, 12)
    with building(1, "float32"):
        model = built(
            layers.BatchNormalization(name="normal"), layers.ReLU(name="active"), layers.MaxPooling2D(name="pool")
        )
    model.get_layer("normal").set_weights([np.float32(w) for w in ([1, 2, 3], [0, 1, -1], [0, 0, 0], [1, 1, 1])])
    found = {name: grad_cam(model, images, name) for name in ("conv", "normal", "active", "pool")}
    np.testing.assert_array_equal(grad_cam(model, images), found["active"])
    assert all(not np.array_equal(found["active"], found[name]) for name in ("conv", "normal", "pool"))
    open_size = keras.Sequential([keras.Input((None, None, 3)), layers.Conv2D(2, 3, name="conv")])
    for layer in (layers.MaxPooling2D(), layers.GlobalAveragePooling2D(), layers.Dense(1, activation="sigmoid")):
        open_size.add(layer)
    np.testing.assert_array_equal(grad_cam(open_size, images), grad_cam(open_size, images, "conv"))


def test_inside_a_nested_model_and_past_augmentation():
    outer, inner = nested()
    images = noise(3, 9)
    np.testing.assert_allclose(grad_cam(outer, images), grad_cam(inner, images), rtol=1e-5, atol=1e-9)
    first = grad_cam(outer, images, f"{inner.name}/first")
    np.testing.assert_allclose(first, grad_cam(inner, images, "first"), rtol=1e-5, atol=1e-9)


SIZES = {"cnn": 22, "model_1": 94, "custom_003": 90, "cnn_004": 26, "mobilenet": 48, "fusion": 94}
BUILT = {"custom_003 augmented": {"augmented": True}, "mobilenet": {"weights": None}}
BUILT["fusion"] = {"branches": ("model_1", "model_1")}


@pytest.mark.parametrize("name", [*SIZES, "custom_003 augmented"])
def test_detectors_of_the_table(name):
    kind = name.split()[0]
    size = SIZES[kind]
    with building(0, "float32"):
        model = models.build(kind, size, **BUILT.get(name, {}))
    images = noise(2, size, model.input_shape[-1])
    probe = explain._probe(explain._walked(model), None)
    score = ops.convert_to_numpy(model(images, training=False))
    logit = ops.convert_to_numpy(probe(images, training=False)[1])
    np.testing.assert_allclose(sigmoid(logit), score, rtol=1e-5)
    names = convolutions(model)
    picked = names if len(names) < 6 else [names[len(names) // 2 - 1], names[-1]]
    both = [grad_cam(model, images, layer, toward) for layer in picked for toward in ("fake", "real")]
    assert all(one.shape == images.shape[:3] and np.isfinite(one).all() and one.min() >= 0 for one in both)
    assert max(one.max() for one in both) > 0


def test_all_of_a_detector_is_left_as_it_was():
    with building(0, "float32"):
        model = models.build("cnn_004", 26)
    model.compile("adam", "binary_crossentropy")
    model.get_layer("p_fake_and_p_real").trainable = False
    images = noise(2, 26)

    def state():
        nodes = [len(op._inbound_nodes) + len(op._outbound_nodes) for op in model.operations]
        trained = [layer.trainable for layer in model.layers]
        return nodes, trained, model.get_config(), [w.tobytes() for w in model.get_weights()], model.compiled

    before, score = state(), model.predict(images, verbose=0)
    maps = grad_cam(model, images)
    cascade(model, images)
    pixel_curve(model, images, maps, steps=2)
    feature_maps(model, images[0])
    assert state() == before
    np.testing.assert_array_equal(model.predict(images, verbose=0), score)


# --- randomised weights ----------------------------------------------------------------------------------------


def test_cascade_against_copies_with_the_same_weights_set():
    """The same draws put into a copy, and its maps, for fake less for real, compared by SciPy."""
    model, copy, images, rng = small(), small(), noise(3, 9, 2), np.random.default_rng(4)

    def signed(detector):
        return grad_cam(detector, images, toward="fake") - grad_cam(detector, images, toward="real")

    found, before = cascade(model, images, seed=4), signed(model)
    assert list(found) == ["last", "hidden", "second", "first"]
    for name, got in found.items():
        kernel, bias = copy.get_layer(name).get_weights()
        spread = np.sqrt((np.float64(kernel) ** 2).mean())
        copy.get_layer(name).set_weights([rng.normal(0, spread, kernel.shape), rng.permutation(bias)])
        for a, b, rho in zip(before, signed(copy), got, strict=True):
            assert rho == pytest.approx(spearmanr(a.ravel(), b.ravel())[0], abs=1e-3)
    assert found["first"].shape == (3,) and np.abs(found["first"]).max() < 0.99


def test_a_map_of_one_filter_is_the_same_or_turned_round_after_the_last_layer():
    model, images = by_colour(2, 0, red_only=True), noise(2, 16)
    seen = set()
    for seed in range(8):
        last, down = cascade(model, images, seed=seed).values()
        seen |= set(last.round(6))
        assert np.all(np.isnan(down) | (np.abs(down) < 0.99))  # another mixture of colours, or none
    assert seen == {1.0, -1.0}


def test_where_a_map_is_the_same_everywhere_the_correlation_is_nan():
    images = np.concatenate([noise(1, 16), np.full((1, 16, 16, 3), 128.0)])
    last = cascade(by_colour(2, 1), images)["p_fake"]
    assert np.isfinite(last[0]) and np.isnan(last[1])


def test_cascade_is_repeatable_and_takes_layers_together():
    with building(0, "float32"):
        model = models.build("custom_003", 90)
    images = noise(2, 90)
    found = cascade(model, images, steps=3, seed=1)
    assert len(found) == 3 and list(found)[-1] == convolutions(model)[0]
    assert all(np.isfinite(rho).all() and np.abs(rho).max() <= 1 for rho in found.values())
    again = cascade(model, images, steps=3, seed=1)
    np.testing.assert_array_equal([*found.values()], [*again.values()])
    other = cascade(model, images, steps=3, seed=2)
    assert not np.array_equal([*found.values()], [*other.values()])
    whole = cascade(model, images, steps=99, seed=1)
    assert len(whole) == 10  # 4 convolutions, as many normalisations, 2 dense layers
    first = convolutions(model)[0]  # down to which all is random, by the same draws
    np.testing.assert_array_equal(whole[first], found[first])


def test_what_prepares_the_pixels_is_not_randomised():
    with building(0, "float32"):
        image = keras.Input((12, 12, 3))
        standard = layers.Normalization(name="standard")
        standard.adapt(noise(4, 12, seed=1))
        x = layers.Conv2D(2, 3, name="conv")(layers.Dropout(0.5)(standard(image)))
        model = keras.Model(image, layers.Dense(1, activation="sigmoid", name="last")(layers.Flatten()(x)))
    assert list(cascade(model, noise(2, 12))) == ["last", "conv"]


# --- deletion and insertion ------------------------------------------------------------------------------------


def red_square(size=16, side=4):
    """A black image with a red square: the logit of ``by_colour`` is its share of red times the weight."""
    image = np.zeros((size, size, 3), np.float32)
    image[2 : 2 + side, 5 : 5 + side, 0] = 255
    return image


def test_curves_by_arithmetic():
    image, red, bias = red_square(), 80.0, -2.0  # a sixteenth is red: from P(-2) to P(3)
    model, maps = by_colour(red, 0, bias), red_square()[None, ..., 0]
    curve = pixel_curve(model, image[None], maps, fill="mean", steps=16)  # 16 pixels each: the square, then black
    np.testing.assert_allclose(curve.share, np.arange(17) / 16)
    # The mean colour is a sixteenth red: the square loses 15/16 of its red, every other pixel gains 1/16.
    level = np.r_[1 / 16, 1 / 256 + np.arange(16) / 256]
    np.testing.assert_allclose(curve.scores[0], sigmoid(red * level + bias), rtol=1e-4)
    insert = pixel_curve(model, image[None], maps, insert=True, fill="mean", steps=16)
    level = np.r_[1 / 16, 1 / 16 + 15 / 256 - np.arange(16) / 256]
    np.testing.assert_allclose(insert.scores[0], sigmoid(red * level + bias), rtol=1e-4)
    start, *between, end = insert.scores[0]
    assert insert.areas[0] == pytest.approx((start / 2 + sum(between) + end / 2) / 16)
    assert Curve(np.array([0, 0.5, 1]), np.array([[1, 0, 0], [1, 1, 1.0]])).areas.tolist() == [0.25, 1]


@pytest.mark.parametrize("fill", ["mean", "blur"])
def test_the_right_map_beats_a_random_order_and_that_the_wrong_one(fill):
    images = np.stack([np.roll(red_square(), shift, (0, 1)) for shift in (0, 3, 6)])
    model, maps = by_colour(160, 0, -5), images[..., 0]
    areas = {
        (name, insert): pixel_curve(model, images, order, insert=insert, fill=fill).areas
        for name, order in (("right", maps), ("random", None), ("wrong", -maps))
        for insert in (False, True)
    }
    assert (areas["right", False] < areas["random", False]).all()
    assert (areas["random", False] < areas["wrong", False]).all()
    assert (areas["right", True] > areas["random", True]).all()
    assert (areas["random", True] > areas["wrong", True]).all()
    gap = mean(areas["right", False] - areas["random", False])
    assert gap.high < 0 and gap.n == 3


@pytest.mark.parametrize(("fill", "filled"), [
    ("mean", lambda image: np.broadcast_to(image.mean((0, 1)), image.shape)),
    ("blur", lambda image: np.stack([gaussian_filter(image[..., c], 0.8, mode="nearest") for c in range(3)], -1)),
])  # fmt: skip
def test_curves_by_loops(fill, filled):
    """Pixel after pixel, at the counts that the curve says; insertion is deletion read backwards."""
    model, images = by_colour(30, -20), noise(2, 16, seed=5)
    maps = np.random.default_rng(1).permuted(np.arange(512.0)).reshape(2, 16, 16)
    found = pixel_curve(model, images, maps, fill=fill, steps=7)
    for image, heat, got in zip(images, maps, found.scores, strict=True):
        order, expected = np.argsort(-heat.ravel()), []
        for count in np.round(found.share * 256).astype(int):
            shown = image.copy().reshape(-1, 3)
            shown[order[:count]] = filled(image).reshape(-1, 3)[order[:count]]
            expected.append(float(model(shown.reshape(1, 16, 16, 3))[0, 0]))
        np.testing.assert_allclose(got, expected, rtol=1e-4)
        np.testing.assert_allclose(expected[-1], model(np.ascontiguousarray(filled(image))[None])[0, 0], rtol=1e-4)
    backwards = pixel_curve(model, images, -maps, insert=True, fill=fill, steps=7)
    np.testing.assert_allclose(backwards.scores[:, ::-1], found.scores, rtol=1e-4)


def test_equal_pixels_come_in_random_order_not_row_by_row():
    image = np.zeros((1, 16, 16, 3), np.float32)
    image[:, :8, :, 0] = 255
    model, flat = by_colour(20, 0, -5), np.ones((1, 16, 16))
    half = [pixel_curve(model, image, flat, fill="mean", steps=2, seed=seed).scores[0, 1] for seed in range(6)]
    start = float(model(image)[0, 0])
    assert np.allclose(half, start, atol=0.15) and len(set(half)) > 3  # by rows it would be sigmoid(0) less a half
    same = [pixel_curve(model, image, None, fill="mean", steps=2, seed=3).scores.tolist() for _ in range(2)]
    assert same[0] == same[1]


# --- mass in a region ------------------------------------------------------------------------------------------


def test_a_constant_map_has_exactly_the_regions_share_of_area():
    rng = np.random.default_rng(0)
    for value in (1, 0.1, 1 / 3, np.float32(0.7), 1e-9, 3e8):
        for _ in range(20):
            mask, known = rng.random((13, 17)) < rng.uniform(0.05, 0.95), rng.random((13, 17)) < 0.9
            heat = np.where(known, value, 5 * value)
            found = mass_inside(heat, mask, known)
            assert found.share == found.area == (mask & known).sum() / known.sum() and found.mean == 1
            assert mass_inside(np.full((13, 17), value), mask).share == mask.sum() / 221
            other = mass_inside(np.full((13, 17), 7 * value), ~mask)
            assert log_ratio(found, other) == 0


def test_mass_by_arithmetic():
    heat = np.array([[1.0, 2, 3], [0, 4, 0]])
    mask = np.array([[False, True, True], [False, False, False]])
    assert mass_inside(heat, mask) == Region(mean=pytest.approx(1.5), share=0.5, area=pytest.approx(1 / 3))
    known = np.array([[True, True, False], [True, True, True]])
    truth = Marked(mask, known)
    assert mass_inside(heat, *truth).share == pytest.approx(2 / 7)
    assert mass_inside(heat, *truth.rest).share == pytest.approx(5 / 7)
    fake, twin = mass_inside(heat, mask), mass_inside(heat.T, np.array([[1, 1], [0, 0], [0, 0]], bool))
    assert twin.mean == pytest.approx(0.3)  # 1 of 10 in a third of the area
    assert log_ratio(fake, twin, floor=0) == pytest.approx(np.log(1.5 / 0.3))
    assert log_ratio(fake, twin) == pytest.approx(np.log(0.99 * 1.5 + 0.01) - np.log(0.99 * 0.3 + 0.01))
    assert log_ratio(twin, fake) == -log_ratio(fake, twin)


def test_a_map_that_is_0_inside_is_finite_and_one_of_zeros_is_said():
    heat, mask = np.eye(4), np.zeros((4, 4), bool)
    mask[0, 1:] = True
    empty, evenly = mass_inside(heat, mask), mass_inside(np.ones((4, 4)), mask)
    assert empty.share == 0 and log_ratio(empty, evenly) == pytest.approx(np.log(0.01))
    nowhere = mass_inside(0 * heat, mask)
    assert np.isnan(nowhere.share) and np.isnan(nowhere.mean) and nowhere.area == 3 / 16
    with pytest.raises(ValueError, match="1 of 2 values are not finite"):
        mean(np.array([log_ratio(evenly, evenly), log_ratio(nowhere, evenly)]))


def test_a_detector_of_the_pasted_colour_is_right_about_the_testbeds_parts(tmp_path):
    """Drawn fakes with their edit dyed red: the map lies on it, and on the twin it has nothing to lie on."""
    root = testbed.make_sample(tmp_path / "y", testbed.SampleSpec("yonsei", 20, 64), workers=1)
    table, size = testbed.load_attributes(root), 64
    model, ratios, same = by_colour(20, -20, size=size), [], []
    for name in table.path[table.label == 1]:
        mask = testbed.read_mask(root / name, size) > 127
        fake, twin = read_image(root / name), testbed.read_twin(root / name)
        dyed = np.where(mask[..., None], np.uint8([255, 0, 0]), fake)
        maps = grad_cam(model, np.stack([dyed, twin, twin]))
        on_fake, on_twin, again = (mass_inside(heat, mask) for heat in maps)
        ratios.append(log_ratio(on_fake, on_twin))
        same.append(log_ratio(on_twin, again))
    assert mean(np.array(ratios)).low > 0.3 and mean(np.array(same)).value == 0


# --- what is refused -------------------------------------------------------------------------------------------


class Own(keras.Model):
    """A model whose layers nobody can walk."""

    def call(self, x):
        return x


NEED_MAPS = {
    "names": convolutions,
    "filters": first_filters,
    "maps": lambda model: feature_maps(model, noise(1, 16)[0]),
    "Grad-CAM": lambda model: grad_cam(model, noise(1, 16)),
    "its check": lambda model: cascade(model, noise(1, 16)),
}


@pytest.mark.parametrize("ask", NEED_MAPS.values(), ids=NEED_MAPS)
def test_models_without_a_convolution_or_a_graph_are_refused(ask):
    with pytest.raises(ValueError, match="no convolution and so no maps: take one that has"):
        ask(models.build("ffnn", 16, "rgb"))
    for model in (Own(name="own"), keras.Sequential([layers.Conv2D(1, 3)], name="own")):
        with pytest.raises(ValueError, match=r"cannot walk the layers of 'own': build it as keras.Model"):
            ask(model)


def test_a_network_without_convolution_has_curves_all_the_same():
    assert pixel_curve(models.build("ffnn", 16, "rgb"), noise(2, 16), None, steps=3).scores.shape == (2, 4)


@pytest.mark.parametrize(("change", "message"), [
    ({"layer": "conv_9"}, "no layer 'conv_9' that gives maps; the last convolutions are colour"),
    ({"layer": "p_fake"}, "no layer 'p_fake' that gives maps"),
    ({"toward": "true"}, "toward is 'fake' or 'real', not 'true'"),
    ({"images": noise(1, 16)[0]}, r"takes images \(None, 16, 16, 3\), got \(16, 16, 3\); one alone is image\[None\]"),
    ({"images": noise(2, 16, 1)}, r"got \(2, 16, 16, 1\)"),
    ({"images": noise(2, 15)}, r"got \(2, 15, 15, 3\)"),
    ({"images": noise(1, 16)[:0]}, r"got \(0, 16, 16, 3\)"),
])  # fmt: skip
def test_what_grad_cam_refuses(change, message):
    with pytest.raises(ValueError, match=message):
        grad_cam(by_colour(1, 0), **{"images": noise(2, 16), **change})


def test_two_columns_and_maps_that_are_not_finite_are_refused():
    model = small("softmax 2 0", channels=3)
    both = keras.Model(model.input, model.get_layer("last").output)
    with pytest.raises(ValueError, match=r"gives \(None, 2\), not one P\(fake\) an image"):
        grad_cam(both, noise(1, 9))
    with pytest.raises(ValueError, match="no finite map or gets no gradient; after half precision, try float32"):
        grad_cam(by_colour(np.nan, 0), noise(1, 16))
    stack = layers.Conv2D(1, 3), layers.Lambda(ops.stop_gradient), layers.Flatten(), layers.Dense(1)
    with pytest.raises(ValueError, match="gets no gradient"):
        grad_cam(keras.Sequential([keras.Input((16, 16, 3)), *stack]), noise(1, 16), stack[0].name)
    model = by_colour(1, 0, policy="mixed_float16")
    model.get_layer("colour").set_weights([np.full((1, 1, 3, 2), 1e5), np.zeros(2)])  # float16 ends at 65,504
    with pytest.raises(ValueError, match="no finite map"):
        grad_cam(model, noise(1, 16))


@pytest.mark.parametrize(("change", "message"), [
    ({"maps": np.ones((2, 8, 8))}, r"finite maps \(2, 16, 16\), one an image at its size; got \(2, 8, 8\)"),
    ({"maps": np.full((2, 16, 16), np.nan)}, "need finite maps"),
    ({"maps": np.ones((2, 16, 16)), "fill": "black"}, "fill is 'blur' or 'mean' and steps at least 1, not 'black'"),
    ({"maps": None, "steps": 0}, "steps at least 1, not 'blur' and 0"),
    ({"maps": None, "images": noise(2, 8)}, "takes images"),
])  # fmt: skip
def test_what_a_curve_refuses(change, message):
    with pytest.raises(ValueError, match=message):
        pixel_curve(by_colour(1, 0), **{"images": noise(2, 16), **change})


@pytest.mark.parametrize(("heat", "mask", "message"), [
    (np.ones((4, 4)), np.ones((4, 5), bool), r"the map is \(4, 4\), the mask \(4, 5\).* bring masks to the size"),
    (np.ones((4, 4)), np.zeros((4, 4), bool), "the mask is empty: no pixel is marked. Leave such images out"),
    (np.ones((4, 4)), np.ones((4, 4), bool), "the mask is full"),
    (np.ones((4, 4)), np.eye(4, dtype=np.uint8), "write mask > 127"),
    (-np.ones((4, 4)), np.eye(4, dtype=bool), "finite and at least 0"),
    (np.full((4, 4), np.nan), np.eye(4, dtype=bool), "finite and at least 0"),
    (np.ones((1, 4, 4)), np.eye(4, dtype=bool), r"one map \(h, w\).* got \(1, 4, 4\)"),
])  # fmt: skip
def test_what_a_region_refuses(heat, mask, message):
    with pytest.raises(ValueError, match=message):
        mass_inside(heat, mask)
