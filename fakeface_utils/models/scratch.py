"""Networks trained from nothing, as report 000 describes them."""

from __future__ import annotations

import keras
from keras import layers


def ffnn(
    input_shape: tuple[int, int, int], units: int = 128, activation: str = "relu", scale: float = 1 / 255
) -> keras.Model:
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


def p_fake(features: keras.KerasTensor) -> keras.KerasTensor:
    """The last layer of every detector: features (b, k) to P(fake) (b, 1), float32 also in mixed precision."""
    return layers.Dense(1, activation="sigmoid", dtype="float32", name="p_fake")(features)
