"""The DCGAN: two recipes of a generator and a discriminator, and the step that trains them against each other.

Where report 004 is silent, the default is an assumption and the docstrings say so.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import keras
import tensorflow as tf
from keras import layers, ops

from fakeface_utils.models import scratch

HISTORY = ("d_loss", "g_loss", "d_real", "d_generated")  # what a training step measures
WEIGHTS = partial(keras.initializers.RandomNormal, stddev=0.02)  # how Radford et al. draw all weights


@dataclass(frozen=True)
class Recipe:
    """Two networks and how they are trained; ``dataclasses.replace`` makes another of it.

    Attributes:
        make_generator, make_discriminator: recipe -> the untrained network.
        size: side of the square images, pixels; a multiple of 16 with the number of ``maps`` in the table.
        latent: numbers in a point of noise; each is drawn from the standard normal distribution.
        maps: channels of the generator's feature maps, from the smallest map on.
        learning_rate, beta_1: of both Adams.
        label_noise: the discriminator's targets are raised by up to this, drawn evenly.
        batch_size: reals a step; as many images are generated. epochs: passes over the reals.
    """

    make_generator: Callable[[Recipe], keras.Model]
    make_discriminator: Callable[[Recipe], keras.Model]
    size: int
    latent: int
    maps: tuple[int, ...]
    learning_rate: float
    beta_1: float
    label_noise: float
    batch_size: int
    epochs: int


def generator(recipe: Recipe) -> keras.Model:
    """A new generator: noise float32 (b, latent) to RGB images float32 (b, size, size, 3) in 0-255.

    Raises:
        ValueError: a size that the recipe's maps cannot double up to.
    """
    return recipe.make_generator(recipe)


def discriminator(recipe: Recipe) -> keras.Model:
    """A new discriminator: RGB images (b, size, size, 3) in 0-255 to float32 P(fake) (b, 1); generated is fake = 1.

    Raises:
        ValueError: images too small for its layers.
    """
    return recipe.make_discriminator(recipe)


def _first_side(recipe: Recipe, doublings: int) -> int:
    side, rest = divmod(recipe.size, 2**doublings)
    if rest or not side:
        raise ValueError(
            f"a generator with maps {recipe.maps} doubles its first map {doublings} times: it makes images whose "
            f"side is a multiple of {2**doublings}, not {recipe.size}"
        )
    return side


def _report_004_generator(recipe: Recipe) -> keras.Model:
    """Report 004's (section 5.3), layer by layer: 1,520,643 parameters at 128 px."""
    first, *others = recipe.maps
    side = _first_side(recipe, len(others))
    noise = keras.Input((recipe.latent,))
    x = layers.Reshape((side, side, first))(layers.Dense(side * side * first)(noise))
    for width in others:
        x = layers.Conv2DTranspose(width, 4, strides=2, padding="same")(x)
        x = layers.LeakyReLU(negative_slope=0.2)(x)
    x = layers.Conv2D(3, 5, padding="same", activation="sigmoid")(x)
    return keras.Model(noise, layers.Rescaling(255.0, dtype="float32")(x), name="report_004_generator")


def _report_004_discriminator(recipe: Recipe) -> keras.Model:
    """Report 004's classifier with one unit for its two: 1,666,753 parameters at 128 px.

    The report does not name its activation. A sigmoid is assumed: softmax over one unit is always 1.
    """
    classifier = scratch.cnn_004((recipe.size, recipe.size, 3))
    features = classifier.get_layer("p_fake_and_p_real").input
    return keras.Model(classifier.input, scratch.p_fake(features), name="report_004_discriminator")


def _laptop_generator(recipe: Recipe) -> keras.Model:
    """Radford et al. 2016: batch normalisation and ReLU after every layer but the last, whose output is a tanh."""
    first, *others = recipe.maps
    side = _first_side(recipe, len(recipe.maps))

    def active(x: keras.KerasTensor) -> keras.KerasTensor:
        # Keras's momentum of .99 lags by a hundred steps: the first epochs' samples would show the lag.
        return layers.ReLU()(layers.BatchNormalization(momentum=0.9)(x))

    noise = keras.Input((recipe.latent,))
    x = layers.Dense(side * side * first, use_bias=False, kernel_initializer=WEIGHTS())(noise)
    x = active(layers.Reshape((side, side, first))(x))
    for width in others:
        # A kernel of 4 is a multiple of the stride: every pixel gets the same number of taps, which keeps the
        # checkerboard down (Odena et al. 2016).
        x = active(_conv(layers.Conv2DTranspose, width, use_bias=False)(x))
    x = layers.Activation("tanh", dtype="float32")(_conv(layers.Conv2DTranspose, 3)(x))
    return keras.Model(noise, layers.Rescaling(127.5, 127.5, dtype="float32")(x), name="laptop_generator")


def _laptop_discriminator(recipe: Recipe) -> keras.Model:
    """The generator backwards: strides in place of pooling, LeakyReLU, batch normalisation but in the first layer."""
    _first_side(recipe, len(recipe.maps))
    image = keras.Input((recipe.size, recipe.size, 3))
    x = layers.Rescaling(1 / 127.5, -1)(image)
    for number, width in enumerate(reversed(recipe.maps)):
        x = _conv(layers.Conv2D, width, use_bias=number == 0)(x)
        if number:
            x = layers.BatchNormalization(momentum=0.9)(x)
        x = layers.LeakyReLU(negative_slope=0.2)(x)
    return keras.Model(image, scratch.p_fake(layers.Flatten()(x)), name="laptop_discriminator")


def _conv(kind: type[layers.Layer], width: int, use_bias: bool = True) -> layers.Layer:
    """A convolution that halves the sides, or a transposed one that doubles them."""
    return kind(width, 4, strides=2, padding="same", use_bias=use_bias, kernel_initializer=WEIGHTS())


RECIPES = {
    # The label noise is assumed: that of the Keras example whose class the report took over.
    "report_004": Recipe(
        _report_004_generator,
        _report_004_discriminator,
        size=128,
        latent=128,
        maps=(128, 64, 128, 64, 64),
        learning_rate=1e-4,
        beta_1=0.9,
        label_noise=0.05,
        batch_size=32,
        epochs=30,
    ),
    "laptop_64": Recipe(
        _laptop_generator,
        _laptop_discriminator,
        size=64,
        latent=100,
        maps=(256, 128, 64, 32),
        learning_rate=2e-4,
        beta_1=0.5,
        label_noise=0.0,
        batch_size=32,
        epochs=300,
    ),
}


class DCGAN(keras.Model):
    """A generator and a discriminator whose ``fit`` trains both: one step of each a batch, as in report 004.

    The labels are the kit's: generated images are fake = 1, reals 0. So are those of the Keras example whose class
    the report took over; the report's text, as Goodfellow et al., has the discriminator give P(real), which is 1 -
    P(fake). But for the label noise, which raises both labels, the two train alike.

    The report does not print its ``train_step``. This one differs from the example's in two things. There, the
    discriminator gets reals and generated images as one batch; here as two, so that batch normalisation finds in this
    step what it finds in the generator's. And there the networks are called without ``training=True``, so that in
    Keras 3 dropout is off and batch normalisation never measures a mean; here both work, as the report describes them.

    Args:
        discriminator: images (b, h, w, c) in 0-255 to P(fake) (b, 1).
        generator: noise (b, latent) to images (b, h, w, c) in 0-255.
        label_noise: as in ``Recipe``. seed: of noise, at least 0; ``training.gan`` sets it anew every epoch.
    """

    def __init__(self, discriminator: keras.Model, generator: keras.Model, label_noise: float = 0.0, seed: int = 0):
        super().__init__(name="dcgan")
        self.discriminator, self.generator = discriminator, generator
        self.label_noise = label_noise
        self.draws = keras.random.SeedGenerator(seed)
        self.means = [keras.metrics.Mean(name) for name in HISTORY]
        self.built = True  # both networks come built, and there is no `call` to build

    def compile(
        self,
        d_optimizer: keras.optimizers.Optimizer,
        g_optimizer: keras.optimizers.Optimizer,
        loss_fn: keras.losses.Loss,
    ) -> None:
        """The optimizers of both networks, which are built here, and the loss between labels and P(fake)."""
        super().compile(optimizer=None)
        self.loss_fn = loss_fn
        self.d_optimizer = _safe_in_half(d_optimizer, self.discriminator)
        self.g_optimizer = _safe_in_half(g_optimizer, self.generator)

    def train_step(self, data: tf.Tensor | tuple) -> dict[str, tf.Tensor]:
        """One step of the discriminator, then one of the generator.

        Args:
            data: reals (b, h, w, c) in 0-255, alone or with labels that are not looked at.

        Returns:
            Means since the epoch began: ``d_loss``; ``g_loss``; ``d_real`` and ``d_generated``, the P(fake) that the
            discriminator gives to reals and to generated images before its step. 0 and 1 is a discriminator that
            cannot be fooled, .5 and .5 one that cannot tell.
        """
        real = data[0] if isinstance(data, tuple) else data
        shape = (ops.shape(real)[0], self.generator.input_shape[-1])
        generated = self.generator(keras.random.normal(shape, seed=self.draws), training=True)
        with tf.GradientTape() as tape:
            of_real = self.discriminator(real, training=True)
            of_generated = self.discriminator(generated, training=True)
            d_loss = (self._loss(0, of_real) + self._loss(1, of_generated)) / 2
            scaled = self.d_optimizer.scale_loss(d_loss)
        _descend(tape, scaled, self.discriminator, self.d_optimizer)

        noise = keras.random.normal(shape, seed=self.draws)
        with tf.GradientTape() as tape:
            taken_for = self.discriminator(self.generator(noise, training=True), training=True)
            g_loss = self.loss_fn(ops.zeros_like(taken_for), taken_for)  # it wants to be taken for real
            scaled = self.g_optimizer.scale_loss(g_loss)
        _descend(tape, scaled, self.generator, self.g_optimizer)
        for mean, value in zip(self.means, (d_loss, g_loss, of_real, of_generated), strict=True):
            mean.update_state(value)
        return {mean.name: mean.result() for mean in self.means}

    def _loss(self, label: int, p_fake: tf.Tensor) -> tf.Tensor:
        noise = keras.random.uniform(ops.shape(p_fake), 0, self.label_noise, seed=self.draws)
        return self.loss_fn(label + noise, p_fake)


def _safe_in_half(rule: keras.optimizers.Optimizer, model: keras.Model) -> keras.optimizers.Optimizer:
    """``rule`` for the weights of ``model``. In half precision small gradients would be 0: the loss is scaled up."""
    if any(layer.compute_dtype == "float16" for layer in model.layers):
        rule = keras.optimizers.LossScaleOptimizer(rule)
    rule.build(model.trainable_variables)
    return rule


def _descend(tape: tf.GradientTape, loss: tf.Tensor, model: keras.Model, rule: keras.optimizers.Optimizer) -> None:
    rule.apply(tape.gradient(loss, model.trainable_variables))
