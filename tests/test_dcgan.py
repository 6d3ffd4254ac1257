"""The recipes of the DCGAN against what the report and the paper say, and its step against one done by hand."""

from dataclasses import replace

import numpy as np
import pytest

keras = pytest.importorskip("keras")
from keras import layers  # noqa: E402

from fakeface_utils.models import scratch, without_names  # noqa: E402
from fakeface_utils.models.dcgan import (  # noqa: E402
    DCGAN,
    HISTORY,
    RECIPES,
    discriminator,
    generator,
    one_batch,
    two_batches,
)
from fakeface_utils.training.device import building, prepare_device  # noqa: E402

REPORT, LAPTOP = RECIPES["report_004"], RECIPES["laptop_64"]
SMALL = {
    "report_004": replace(REPORT, size=32, latent=5, maps=(4, 3, 5, 3, 3)),
    "laptop_64": replace(LAPTOP, size=16, latent=5, maps=(8, 6, 4)),
}


def noise(n: int, latent: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((n, latent), dtype=np.float32)


def compiled(d, g, rule=lambda: keras.optimizers.Adam(1e-3), step=two_batches, **how) -> DCGAN:
    gan = DCGAN(d, g, step, **how)
    gan.compile(rule(), rule(), keras.losses.BinaryCrossentropy())
    return gan


def kinds(model) -> list[str]:
    return [type(layer).__name__ for layer in model.layers]


# Recipes


def test_report_004s_generator():
    model = generator(REPORT)
    assert model.count_params() == 1_520_643
    assert sum(weight.shape.num_elements() for weight in model.trainable_weights) == 1_520_643
    kernels = [layer.kernel.shape for layer in model.layers if hasattr(layer, "kernel")]
    # Transposed kernels are (height, width, out, in).
    ups = [(4, 4, 64, 128), (4, 4, 128, 64), (4, 4, 64, 128), (4, 4, 64, 64)]
    assert kernels == [(128, 8 * 8 * 128), *ups, (5, 5, 64, 3)]
    shown = ["InputLayer", "Dense", "Reshape", *["Conv2DTranspose", "LeakyReLU"] * 4, "Conv2D", "Rescaling"]
    assert kinds(model) == shown
    slopes = {layer.negative_slope for layer in model.layers if isinstance(layer, layers.LeakyReLU)}
    assert slopes == {0.2} and model.output_shape == (None, 128, 128, 3)
    assert (REPORT.learning_rate, REPORT.epochs, REPORT.latent, REPORT.batch_size) == (1e-4, 30, 128, 32)


def test_report_004s_discriminator_is_its_classifier_with_one_sigmoid_unit():
    model, classifier = discriminator(REPORT), scratch.cnn_004((128, 128, 3))
    assert model.count_params() == 1_666_753 == 1_666_882 - 129  # one unit less
    last = [layer.name for layer in classifier.layers].index("p_fake_and_p_real")
    same = [
        [without_names({"layer": type(layer).__name__, **layer.get_config()}) for layer in network.layers[:last]]
        for network in (model, classifier)
    ]
    assert same[0] == same[1]
    assert kinds(model)[last:] == ["Dense"] and model.layers[-1].units == 1
    assert model.layers[-1].activation.__name__ == "sigmoid"
    scores = model(np.stack([np.zeros((128, 128, 3)), np.full((128, 128, 3), 255)]))
    assert float(scores[0, 0]) != float(scores[1, 0])  # softmax over one unit would say 1 to both


def test_the_laptops_networks_are_radfords():
    g, d = generator(LAPTOP), discriminator(LAPTOP)
    up = ["Conv2DTranspose", "BatchNormalization", "ReLU"]
    first = ["InputLayer", "Dense", "Reshape", "BatchNormalization", "ReLU"]
    assert kinds(g) == [*first, *up * 3, "Conv2DTranspose", "Activation", "Rescaling"]
    down = ["Conv2D", "BatchNormalization", "LeakyReLU"]
    assert kinds(d) == ["InputLayer", "Rescaling", "Conv2D", "LeakyReLU", *down * 3, "Flatten", "Dense"]
    for model in (g, d):
        convolutions = [
            layer for layer in model.layers if isinstance(layer, layers.Conv2D | layers.Conv2DTranspose)
        ]
        assert {(layer.strides, layer.kernel_size) for layer in convolutions} == {((2, 2), (4, 4))}
        assert {round(float(np.std(layer.kernel)), 3) for layer in convolutions[1:-1]} == {0.02}
    assert [layer.activation.__name__ for layer in g.layers if isinstance(layer, layers.Activation)] == ["tanh"]
    assert g.output_shape == d.input_shape == (None, 64, 64, 3) and d.output_shape == (None, 1)
    assert (LAPTOP.learning_rate, LAPTOP.beta_1, LAPTOP.label_noise) == (2e-4, 0.5, 0.0)


@pytest.mark.parametrize("name", SMALL)
def test_images_are_0_to_255_outside_of_every_network(name):
    recipe = SMALL[name]
    g, d = generator(recipe), discriminator(recipe)
    images = g(noise(4, recipe.latent))
    assert images.dtype == "float32" and images.shape == (4, recipe.size, recipe.size, 3)
    assert abs(float(np.mean(images)) - 127.5) < 20  # an untrained one is grey
    last = [layer for layer in g.layers if hasattr(layer, "bias") and layer.bias is not None][-1]
    for bias, value in ((-100, 0), (100, 255)):
        last.bias.assign([bias] * 3)
        np.testing.assert_allclose(g(noise(2, recipe.latent)), value, atol=1e-3)
    scaled = [d.layers[1](np.array([value], np.float32)).numpy()[0] for value in (0, 255)]
    np.testing.assert_allclose(scaled, {"report_004": [0, 1], "laptop_64": [-1, 1]}[name], atol=1e-6)


@pytest.mark.parametrize(
    ("name", "size", "word"), [("report_004", 40, 16), ("report_004", 8, 16), ("laptop_64", 36, 8)]
)
def test_a_size_that_cannot_be_doubled_up_to(name, size, word):
    with pytest.raises(ValueError, match=f"multiple of {word}, not {size}"):
        generator(replace(SMALL[name], size=size))


def test_a_discriminator_refuses_images_too_small():
    with pytest.raises(ValueError, match="left of the image"):
        discriminator(replace(SMALL["report_004"], size=16))
    with pytest.raises(ValueError, match="multiple of 8"):
        discriminator(replace(SMALL["laptop_64"], size=4))


@pytest.mark.parametrize("name", SMALL)
def test_half_precision(name):
    """What a GPU would do, as far as a CPU can: finite losses, float32 out, weights that move."""
    recipe = SMALL[name]
    with building(0, "mixed_float16"):
        gan = compiled(discriminator(recipe), generator(recipe), step=recipe.step)
    before = [weight.numpy() for weight in gan.trainable_weights]
    reals = np.random.default_rng(0).integers(0, 256, (4, recipe.size, recipe.size, 3)).astype(np.float32)
    for rule in (gan.d_optimizer, gan.g_optimizer):
        assert isinstance(rule, keras.optimizers.LossScaleOptimizer)
        # From 32,768 on it halves for as long as the gradients overflow; begin where they do not.
        rule.dynamic_scale.assign(64.0)
    for _ in range(2):
        assert all(np.isfinite(float(value)) for value in gan.train_step(reals).values())
    assert gan.generator(noise(2, recipe.latent)).dtype == gan.discriminator(reals).dtype == "float32"
    heavy = [layer for layer in gan.generator.layers if isinstance(layer, layers.Conv2DTranspose)]
    assert {layer.compute_dtype for layer in heavy} == {"float16"}
    ends = [layer for layer in gan.generator.layers if isinstance(layer, layers.Activation | layers.Rescaling)]
    assert {layer.compute_dtype for layer in ends} == {"float32"}  # what makes pixels of it does not round
    after = [weight.numpy() for weight in gan.trainable_weights]
    assert all(not np.array_equal(a, b) for a, b in zip(before, after, strict=True) if a.any())
    full = compiled(discriminator(recipe), generator(recipe))
    assert not isinstance(full.d_optimizer, keras.optimizers.LossScaleOptimizer)


# The step


def linear(seed: int = 0) -> tuple[keras.Model, keras.Model]:
    """A discriminator sigmoid(x v) of pixels x and a generator z w, small enough to be done by hand."""
    with building(seed, "float32"):
        image, points = keras.Input((1, 1, 2)), keras.Input((3,))
        judge = layers.Dense(1, activation="sigmoid", use_bias=False)
        d = keras.Model(image, judge(layers.Flatten()(image)))
        g = keras.Model(points, layers.Reshape((1, 1, 2))(layers.Dense(2, use_bias=False)(points)))
    return d, g


@pytest.mark.parametrize("label_noise", [0.0, 0.3])
@pytest.mark.parametrize("step", [one_batch, two_batches])
def test_a_step_against_one_by_hand(label_noise, step):
    reals, rate = np.random.default_rng(1).normal(1, 1, (6, 1, 1, 2)).astype(np.float32), 0.7
    d, g = linear()
    v, w = d.get_weights()[0], g.get_weights()[0]
    gan = compiled(d, g, lambda: keras.optimizers.SGD(rate), step, label_noise=label_noise, seed=4)
    told = {name: float(value) for name, value in gan.train_step((reals, np.zeros((6, 1)))).items()}

    draws, n = keras.random.SeedGenerator(4), len(reals)
    z = keras.random.normal((n, 3), seed=draws).numpy()
    zeros, ones = (label + keras.random.uniform((n, 1), 0, label_noise, seed=draws).numpy() for label in (0, 1))
    z2 = keras.random.normal((n, 3), seed=draws).numpy()

    def p_fake(x, v):
        return 1 / (1 + np.exp(-x @ v))

    def loss(label, p):
        return float(np.mean(-label * np.log(p) - (1 - label) * np.log(1 - p)))

    x, made = reals.reshape(n, 2), z @ w
    of_real, of_made = p_fake(x, v), p_fake(made, v)
    new_v = v - rate * (x.T @ (of_real - zeros) + made.T @ (of_made - ones)) / (2 * n)
    taken_for = p_fake(z2 @ w, new_v)  # the generator meets the discriminator after its step
    new_w = w - rate * z2.T @ taken_for @ new_v.T / n
    np.testing.assert_allclose(d.get_weights()[0], new_v, rtol=1e-5)
    np.testing.assert_allclose(g.get_weights()[0], new_w, rtol=1e-5)
    expected = (
        (loss(zeros, of_real) + loss(ones, of_made)) / 2,
        loss(0, taken_for),
        of_real.mean(),
        of_made.mean(),
    )
    assert told == pytest.approx(dict(zip(HISTORY, expected, strict=True)), rel=1e-4)


def test_a_scaled_loss_makes_the_same_step():
    """As in half precision: each loss is scaled for its own optimizer, which takes the scale out again."""
    reals = np.random.default_rng(1).normal(1, 1, (6, 1, 1, 2)).astype(np.float32)
    plain, scaled = (compiled(*linear(), lambda: keras.optimizers.SGD(0.7), seed=4) for _ in range(2))
    for part, network in (("d_optimizer", scaled.discriminator), ("g_optimizer", scaled.generator)):
        rule = keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD(0.7), initial_scale=64.0)
        rule.build(network.trainable_variables)
        setattr(scaled, part, rule)
    told = [{name: float(value) for name, value in gan.train_step(reals).items()} for gan in (plain, scaled)]
    assert told[0] == pytest.approx(told[1])
    for one, other in zip(plain.get_weights(), scaled.get_weights(), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5)


def test_fit_gives_the_means_of_an_epoch():
    reals = np.random.default_rng(1).normal(1, 1, (6, 1, 1, 2)).astype(np.float32)
    still = {"rule": lambda: keras.optimizers.SGD(0.0), "seed": 1}
    one, two = compiled(*linear(), **still), compiled(*linear(), **still)
    history = one.fit(reals, batch_size=2, epochs=2, shuffle=False, verbose=0).history
    assert set(history) == set(HISTORY)
    for batch in range(3):
        told = two.train_step(reals[2 * batch : 2 * batch + 2])
    assert {name: values[0] for name, values in history.items()} == pytest.approx(
        {name: float(value) for name, value in told.items()}, rel=1e-5
    )
    assert history["d_real"][0] == pytest.approx(history["d_real"][1])  # an epoch begins anew
    assert history["d_generated"][0] != history["d_generated"][1]  # with other noise


def test_generated_is_fake():
    """Reals are bright, what is generated dark: the discriminator learns P(fake), not P(real)."""
    d, g = linear()
    g.set_weights([np.zeros((3, 2))])
    d.set_weights([np.array([[-5.0], [-5.0]])])
    gan = compiled(d, g, lambda: keras.optimizers.SGD(0.0))
    told = gan.train_step(np.ones((4, 1, 1, 2), np.float32))
    assert float(told["d_real"]) < 0.01 and float(told["d_generated"]) == pytest.approx(0.5)


def test_a_generator_learns_even_from_a_discriminator_that_is_sure():
    """Taken from probabilities, the loss would end at 16 and its gradient be 0."""
    with building(0, "float32"):
        image = keras.Input((1, 1, 2))
        judge = layers.Dense(1, activation="sigmoid", bias_initializer=keras.initializers.Constant(60.0))
        d = keras.Model(image, judge(layers.Flatten()(image)))
    g = linear()[1]
    before = g.get_weights()[0]
    gan = compiled(d, g, lambda: keras.optimizers.SGD(1e-3))
    history = gan.fit(np.zeros((4, 1, 1, 2), np.float32), batch_size=4, verbose=0).history
    assert history["g_loss"][0] > 50 and not np.array_equal(g.get_weights()[0], before)


@pytest.mark.parametrize("name", SMALL)
def test_who_is_in_training(name):
    """In two batches batch normalisation measures its means; in one, as in the example, nothing moves or drops."""
    recipe = SMALL[name]
    how = {"rule": lambda: keras.optimizers.SGD(0.0), "step": recipe.step, "seed": 2}
    gan = compiled(discriminator(recipe), generator(recipe), **how)
    reals = np.random.default_rng(0).integers(0, 256, (4, recipe.size, recipe.size, 3)).astype(np.float32)
    means = [weight for weight in gan.weights if weight.name == "moving_mean"]
    assert means and not any(mean.numpy().any() for mean in means)
    first = gan.train_step(reals)["d_real"]
    assert all(mean.numpy().any() == (name == "laptop_64") for mean in means)
    if name == "laptop_64":  # each of two batches leaves .9 of the variance that it begins with, 1, and adds little
        normal = next(layer for layer in gan.generator.layers if isinstance(layer, layers.BatchNormalization))
        np.testing.assert_allclose(normal.moving_variance, 0.81, atol=0.02)
    gan.reset_metrics()
    assert float(gan.train_step(reals)["d_real"]) == pytest.approx(float(first), rel=1e-6)


def test_normalised_right_before_its_end_a_discriminator_is_blind_to_two_batches():
    """Why report 004's gets one: of black reals and of grey generated images it says the same on average."""
    recipe, reals = SMALL["report_004"], np.zeros((8, 32, 32, 3), np.float32)
    apart = {}
    for step in (one_batch, two_batches):
        with building(0, "float32"):
            gan = compiled(discriminator(recipe), generator(recipe), lambda: keras.optimizers.Adam(1e-3), step)
        for _ in range(15):
            gan.reset_metrics()
            told = gan.train_step(reals)
        apart[step] = float(told["d_generated"] - told["d_real"])
    assert apart[one_batch] > 0.3 and abs(apart[two_batches]) < 0.1


def test_without_saying_so_they_would_not():
    """What `one_batch` says of the example: networks called in a `train_step` as such are not in training."""
    image = keras.Input((4,))
    network = keras.Model(image, layers.Dropout(0.5)(layers.BatchNormalization()(image)))

    class Example(keras.Model):
        def train_step(self, data):
            return {"changed": keras.ops.max(keras.ops.abs(network(data) - data))}

    example = Example()
    example.built = True
    example.compile(optimizer=None)
    values = np.random.default_rng(0).normal(3, 1, (8, 4)).astype(np.float32)
    assert example.fit(values, verbose=0).history["changed"][0] < 0.01
    assert not any(weight.numpy().any() for weight in network.weights if weight.name == "moving_mean")


def test_it_learns_the_colour_of_its_reals():
    prepare_device()
    recipe = replace(SMALL["laptop_64"], learning_rate=2e-3)
    with building(0, "float32"):
        d, g = discriminator(recipe), generator(recipe)
    reals = np.random.default_rng(0).normal([220, 40, 40], 10, (64, 16, 16, 3)).astype(np.float32)
    gan = compiled(d, g, lambda: keras.optimizers.Adam(recipe.learning_rate, beta_1=recipe.beta_1))

    def colour():
        return g(noise(16, recipe.latent)).numpy().mean((0, 1, 2))

    before = np.abs(colour() - [220, 40, 40]).mean()
    gan.fit(reals, batch_size=16, epochs=60, verbose=0)
    assert before > 70 and np.abs(colour() - [220, 40, 40]).mean() < 30
