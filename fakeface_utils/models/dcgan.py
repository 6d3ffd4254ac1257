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
# Both losses, and P(fake) of reals and of generated images.
Told = tuple[tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor]
WEIGHTS = partial(keras.initializers.RandomNormal, stddev=0.02)  # how Radford et al. draw all weights


@dataclass(frozen=True)
class Recipe:
    """Two networks and how they are trained; ``dataclasses.replace`` makes another of it.

    Attributes:
        make_generator, make_discriminator: recipe -> the untrained network.
        step: how both learn from one batch of reals, ``two_batches`` or ``one_batch``.
        size: side of the square images, pixels; a multiple of 16 with the number of ``maps`` in the table.
        latent: numbers in a point of noise; each is drawn from the standard normal distribution.
        maps: channels of the generator's feature maps, from the smallest map on.
        learning_rate, beta_1: of both Adams.
        label_noise: the discriminator's targets are raised by up to this, drawn evenly.
        batch_size: reals a step; as many images are generated. epochs: passes over the reals.
    """

    make_generator: Callable[[Recipe], keras.Model]
    make_discriminator: Callable[[Recipe], keras.Model]
    step: Callable[[DCGAN, tf.Tensor], Told]
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


class DCGAN(keras.Model):
    """A generator and a discriminator whose ``fit`` trains both: one step of each a batch, as in report 004.

    The labels are the kit's: generated images are fake = 1, reals 0. So are those of the Keras example whose class
    the report took over; the report's text, as Goodfellow et al., has the discriminator give P(real), which is 1 -
    P(fake). But for the label noise, which raises both labels, the two train alike.

    The report does not print its ``train_step``; ``one_batch`` is the example's.

    Args:
        discriminator: images (b, h, w, c) in 0-255 to P(fake) (b, 1).
        generator: noise (b, latent) to images (b, h, w, c) in 0-255.
        step, label_noise: as in ``Recipe``. seed: of noise, at least 0; ``training.gan`` sets it anew every epoch.
    """

    def __init__(
        self,
        discriminator: keras.Model,
        generator: keras.Model,
        step: Callable[[DCGAN, tf.Tensor], Told],
        label_noise: float = 0.0,
        seed: int = 0,
    ):
        super().__init__(name="dcgan")
        self.discriminator, self.generator, self.step = discriminator, generator, step
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
        told = self.step(self, data[0] if isinstance(data, tuple) else data)
        for mean, value in zip(self.means, told, strict=True):
            mean.update_state(value)
        return {mean.name: mean.result() for mean in self.means}

    def noise(self, like: tf.Tensor) -> tf.Tensor:
        """New points of noise, as many as ``like`` has images."""
        return keras.random.normal((ops.shape(like)[0], self.generator.input_shape[-1]), seed=self.draws)

    def d_loss(self, label: int, p_fake: tf.Tensor) -> tf.Tensor:
        """The discriminator's loss on images that all have one label, with the noise on labels."""
        noise = keras.random.uniform(ops.shape(p_fake), 0, self.label_noise, seed=self.draws)
        return self.loss_fn(label + noise, p_fake)

    def g_loss(self, p_fake: tf.Tensor) -> tf.Tensor:
        """The generator's: it wants to be taken for real."""
        return self.loss_fn(ops.zeros_like(p_fake), p_fake)


def two_batches(gan: DCGAN, real: tf.Tensor) -> Told:
    """A step in which the discriminator gets reals and generated images apart, with dropout and batch normalisation on.

    So batch normalisation finds in this step what it finds in the generator's. It needs a discriminator that does not
    normalise right before its last layer: there the mean of either batch would be taken off, and with it all that tells
    the two apart.
    """
    generated = gan.generator(gan.noise(real), training=True)
    with tf.GradientTape() as tape:
        of_real = gan.discriminator(real, training=True)
        of_generated = gan.discriminator(generated, training=True)
        d_loss = (gan.d_loss(0, of_real) + gan.d_loss(1, of_generated)) / 2
        scaled = gan.d_optimizer.scale_loss(d_loss)
    _descend(tape, scaled, gan.discriminator, gan.d_optimizer)
    return d_loss, _teach_generator(gan, real, training=True), of_real, of_generated


def one_batch(gan: DCGAN, real: tf.Tensor) -> Told:
    """The step of the Keras example that report 004 took over: reals and generated images in one batch.

    The example calls its networks without saying that they train. So dropout is off, and batch normalisation keeps the
    mean 0 and variance 1 that it began with. The report puts the latter right before its last layer (see
    :func:`two_batches`): switched on, that discriminator could not learn.
    """
    generated = gan.generator(gan.noise(real), training=False)
    with tf.GradientTape() as tape:
        both = gan.discriminator(ops.concatenate([generated, ops.cast(real, generated.dtype)]), training=False)
        of_generated, of_real = ops.split(both, 2)
        d_loss = (gan.d_loss(0, of_real) + gan.d_loss(1, of_generated)) / 2
        scaled = gan.d_optimizer.scale_loss(d_loss)
    _descend(tape, scaled, gan.discriminator, gan.d_optimizer)
    return d_loss, _teach_generator(gan, real, training=False), of_real, of_generated


def _teach_generator(gan: DCGAN, real: tf.Tensor, training: bool) -> tf.Tensor:
    """One step of the generator from as many new points of noise as there are reals; its loss before."""
    noise = gan.noise(real)
    with tf.GradientTape() as tape:
        g_loss = gan.g_loss(gan.discriminator(gan.generator(noise, training=training), training=training))
        scaled = gan.g_optimizer.scale_loss(g_loss)
    _descend(tape, scaled, gan.generator, gan.g_optimizer)
    return g_loss


def _safe_in_half(rule: keras.optimizers.Optimizer, model: keras.Model) -> keras.optimizers.Optimizer:
    """``rule`` for the weights of ``model``. In half precision small gradients would be 0: the loss is scaled up."""
    if any(layer.compute_dtype == "float16" for layer in model.layers):
        rule = keras.optimizers.LossScaleOptimizer(rule)
    rule.build(model.trainable_variables)
    return rule


def _descend(tape: tf.GradientTape, loss: tf.Tensor, model: keras.Model, rule: keras.optimizers.Optimizer) -> None:
    rule.apply(tape.gradient(loss, model.trainable_variables))


RECIPES = {
    # The label noise is assumed: that of the Keras example whose class the report took over.
    "report_004": Recipe(
        _report_004_generator,
        _report_004_discriminator,
        one_batch,
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
        two_batches,
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
