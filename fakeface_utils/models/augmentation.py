"""Augmentation as layers of a model: active while it trains, nothing at all when it predicts."""

from __future__ import annotations

from collections.abc import Iterable

import keras
from keras import layers


def report_003_layers(color: str = "rgb") -> list[keras.layers.Layer]:
    """The augmentation of report 003, for ``in_training`` right after a model's input.

    Which of imgaug's augmenters the report chose, and how strong, it does not say; it only shows that the results look
    "like modern art". **All of this list is assumed**: mirrored left to right, turned by up to 20 degrees, zoomed by
    up to 20 % in each direction, shifted by up to 15 %, hue up to a tenth of the colour circle, saturation a third to
    one and a half, contrast and brightness by up to 40 % and 20 %, and in half of the images a rectangle of noise.
    Two that imgaug's users often take are missing: Gaussian noise all over, of which Keras's layer allows at most one
    grey level, and shear, whose layer Keras 3.13 cannot load again from a file.

    Turning, zooming and shifting resample the image one after the other, which also blurs the finest traces that a
    generator leaves.

    All layers compute in float32, also in mixed precision: float16 has steps of .125 near 255, and a tall image's
    sums, from which contrast starts, can exceed its largest number. Three of them run one operation that XLA cannot
    compile in TensorFlow 2.20 (tensorflow #100865); they say so, and Keras then compiles the whole model without XLA.

    Args:
        color: ``"rgb"``, or ``"grey"``, which leaves hue and saturation out.

    Returns:
        New layers from images (b, height, width, 3 or 1) in 0-255 to such images, float32. Each keeps its random state
        in a variable ``seed_generator_state``, which ``training.fit`` sets every epoch and no file keeps. All are
        Keras's own, so that a saved model can be loaded anywhere.

    Raises:
        ValueError: an unknown colour.
    """
    if color not in ("grey", "rgb"):
        raise ValueError(f"color is 'grey' or 'rgb', not {color!r}")
    values = {"value_range": (0, 255), "dtype": "float32"}
    place = {"fill_mode": "reflect", "dtype": "float32"}
    tint = [
        layers.RandomHue(0.2, **values),  # of half the circle
        layers.RandomSaturation((0.25, 0.6), **values),  # f means f / (1 - f) times as much
    ]
    return [
        layers.RandomFlip("horizontal", dtype="float32"),
        layers.RandomRotation(20 / 360, **place),
        layers.RandomZoom(0.2, 0.2, **place),
        layers.RandomTranslation(0.15, 0.15, **place),
        *(tint if color == "rgb" else []),
        # These two clip, which more saturation needs: they have to come after it.
        layers.RandomContrast(0.4, **values),
        layers.RandomBrightness(0.2, **values),
        layers.RandomErasing((0.5, 0.5), scale=(0.02, 0.15), **values),
    ]


def in_training(changes: Iterable[keras.layers.Layer], image: keras.KerasTensor) -> keras.KerasTensor:
    """Put layers one after the other so that only ``fit`` (or ``model(images, training=True)``) runs them.

    Called plainly, Keras's augmentation layers take it for training: a model built so would predict unchanged images
    in ``model.predict(images)``, and changed ones in ``model(images)``, which Grad-CAM or a webcam use.
    """
    for change in changes:
        image = change(image, training=False)
    return image
