"""Networks trained from nothing, as the five reports describe them.

Where a report is silent the default is an assumption; ``training.systems`` names each of them.
"""

from __future__ import annotations

from collections.abc import Sequence

import keras
from keras import layers, regularizers

from fakeface_utils.models.augmentation import in_training, report_003_layers

Shape = tuple[int, int, int]  # height, width, channels


def ffnn(input_shape: Shape, units: int = 128, activation: str = "relu", scale: float = 1 / 255) -> keras.Model:
    """The feed-forward network of report 000: every pixel to every unit, one hidden layer.

    At 128 px it has 2,097,409 parameters in grey and 6,291,713 in RGB, 1,048,705 in grey with 64 units. The
    report does not say how it scaled pixels; to 0-1 is assumed here, with ``scale=1`` they stay 0-255.

    Args:
        input_shape: (height, width, channels) of the images, whose values are 0-255.
        units: of the hidden layer; the report tried 32 to 512.
        activation: of the hidden layer; the report tried relu, sigmoid, tanh and softmax.
        scale: by which pixels are multiplied first.

    Returns:
        Model from images (b, height, width, channels) to float32 P(fake) (b, 1).
    """
    image = keras.Input(input_shape)
    x = layers.Rescaling(scale)(image)
    x = layers.Flatten()(x)
    x = layers.Dense(units, activation=activation)(x)
    return keras.Model(image, p_fake(x), name="ffnn")


def cnn(
    input_shape: Shape,
    filters: Sequence[int] = (32, 32, 64),
    kernel: int = 3,
    pool: int = 2,
    padding: str = "valid",
    dense: Sequence[int] = (64,),
) -> keras.Model:
    """Pairs of convolution and max pooling, then dense layers: the shape of report 000's CNN-1 to CNN-5 (section 2).

    With the filters (64,), (32, 64), (32, 32, 64), (32, 64, 64) and (128, 64, 64) it has 16,257,793, 3,705,345,
    831,009, 858,689 and 914,945 parameters at 128 px in grey. The simple networks of reports 002 and 003 have the
    same shape, with other dense layers.

    Args:
        input_shape: (height, width, channels) of the images, whose values are 0-255.
        filters: of each convolution, which has ReLU and is followed by max pooling.
        kernel, pool: side of all kernels and of all pools, pixels; a pool moves by its side.
        padding: of convolutions and pools, ``"valid"`` or ``"same"``.
        dense: units of the layers before the last, each with ReLU.

    Returns:
        Model from images (b, height, width, channels) to float32 P(fake) (b, 1).

    Raises:
        ValueError: a convolution or a pool has more pixels a side than what is left of the image, as in CNN-3.1
            with valid padding.
    """
    image = keras.Input(input_shape)
    x = layers.Rescaling(1 / 255)(image)
    for number, width in enumerate(filters, start=1):
        if padding == "valid":
            _must_fit(x, kernel, f"convolution {number}")
        x = layers.Conv2D(width, kernel, padding=padding, activation="relu")(x)
        if padding == "valid":
            _must_fit(x, pool, f"pooling {number}")
        x = layers.MaxPooling2D(pool, padding=padding)(x)
    x = layers.Flatten()(x)
    for units in dense:
        x = layers.Dense(units, activation="relu")(x)
    return keras.Model(image, p_fake(x), name="cnn")


def _must_fit(x: keras.KerasTensor, side: int, where: str) -> None:
    left = min(x.shape[1:3])
    if left < side:
        raise ValueError(
            f"{where} needs {side} x {side} pixels and {left} x {left} are left of the image. Take fewer layers, a "
            "smaller kernel or pool, a larger image, or padding='same'"
        )


def model_1(
    input_shape: Shape,
    filters: Sequence[int] = (32, 64, 128, 128, 128),
    dense: int = 128,
    dropout: float = 0.25,
) -> keras.Model:
    """Report 001's Model 1 (section 3.8.1): five convolutions, a dense layer, dropout between, ReLU.

    The report gives no filters, units, kernels or rates of dropout: all are assumed. 454,209 parameters at 128 px
    in RGB.

    Args:
        input_shape: (height, width, channels) of the images, whose values are 0-255; at least 94 pixels a side.
        filters: of each convolution (3 x 3), which is followed by max pooling (2 x 2) and dropout.
        dense: units of the hidden layer. dropout: after every convolution, and twice that after the hidden layer.

    Returns:
        Model from images (b, height, width, channels) to float32 P(fake) (b, 1).
    """
    image = keras.Input(input_shape)
    x = layers.Rescaling(1 / 255)(image)
    for number, width in enumerate(filters, start=1):
        _must_fit(x, 4, f"convolution and pooling {number}")
        x = layers.Conv2D(width, 3, activation="relu")(x)
        x = layers.MaxPooling2D(2)(x)
        x = layers.Dropout(dropout)(x)
    x = layers.Flatten()(x)
    x = layers.Dense(dense, activation="relu")(x)
    x = layers.Dropout(2 * dropout)(x)
    return keras.Model(image, p_fake(x), name="model_1")


def custom_003(input_shape: Shape, augmented: bool = False) -> keras.Model:
    """Report 003's custom network, layer by layer as its slide has it.

    12,713 parameters at 128 px in RGB, of which 96 are not trainable. The slide lists no activation after a
    convolution, and none is put there.

    Args:
        input_shape: (height, width, channels) of the images, whose values are 0-255; at least 90 pixels a side.
        augmented: with layers before it that change the images while training (``models.augmentation``).

    Returns:
        Model from images (b, height, width, channels) to float32 P(fake) (b, 1).
    """
    image = keras.Input(input_shape)
    color = "grey" if input_shape[-1] == 1 else "rgb"
    x = in_training(report_003_layers(color), image) if augmented else image
    x = layers.Rescaling(1 / 255)(x)
    for number, (width, kernel, pool) in enumerate([(8, 3, 2), (8, 5, 2), (16, 5, 2), (16, 5, 4)], start=1):
        _must_fit(x, kernel + pool - 1, f"convolution and pooling {number}")
        x = layers.Conv2D(width, kernel)(x)
        x = layers.BatchNormalization()(x)
        x = layers.MaxPooling2D(pool)(x)
    x = layers.Flatten()(x)
    x = layers.Dropout(0.5)(x)
    x = layers.Dense(16, kernel_regularizer=regularizers.L2(0.005))(x)
    x = layers.LeakyReLU(negative_slope=0.1)(x)
    x = layers.Dropout(0.5)(x)
    return keras.Model(image, p_fake(x), name="custom_003")


def cnn_004(input_shape: Shape, batch_norm: bool = True, dropout: bool = True) -> keras.Model:
    """Report 004's classifier: three convolutions with batch normalisation, dropout, two classes by softmax.

    1,666,882 parameters at 128 px in RGB, of which 1,666,114 are trainable, as the report prints them. Its two
    softmax units are kept; the first of them, *fake* in the order of Keras's loaders, is the score.

    Args:
        input_shape: (height, width, channels) of the images, whose values are 0-255; at least 26 pixels a side.
        batch_norm, dropout: False leaves those layers out, to see what they are good for.

    Returns:
        Model from images (b, height, width, channels) to float32 P(fake) (b, 1).
    """

    def normal(x: keras.KerasTensor) -> keras.KerasTensor:
        return layers.BatchNormalization()(x) if batch_norm else x

    def dropped(x: keras.KerasTensor, rate: float) -> keras.KerasTensor:
        return layers.Dropout(rate)(x) if dropout and rate else x

    image = keras.Input(input_shape)
    x = layers.Rescaling(1 / 255)(image)
    for number, (width, kernel, rate) in enumerate([(64, 3, 0), (128, 5, 0.2), (64, 3, 0.3)], start=1):
        _must_fit(x, kernel + 1, f"convolution and pooling {number}")
        x = layers.Conv2D(width, kernel, activation="relu")(x)
        x = dropped(layers.MaxPooling2D(2)(normal(x)), rate)
    x = layers.Dense(128, activation="relu")(layers.Flatten()(x))
    x = dropped(normal(x), 0.2)
    both = layers.Dense(2, activation="softmax", dtype="float32", name="p_fake_and_p_real")(x)
    return keras.Model(image, both[:, :1], name="cnn_004")


def p_fake(features: keras.KerasTensor) -> keras.KerasTensor:
    """The last layer of every detector: features (b, k) to P(fake) (b, 1), float32 also in mixed precision."""
    return layers.Dense(1, activation="sigmoid", dtype="float32", name="p_fake")(features)
