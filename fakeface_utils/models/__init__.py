"""The detectors: networks that take images in 0-255 and give P(fake), by name in one table."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import keras

from fakeface_utils.models import scratch


@dataclass(frozen=True)
class Entry:
    """A model of the table: its builder and the input that its report used."""

    builder: Callable[..., keras.Model]  # (input_shape, **arguments) -> model
    size: int  # side of the square, pixels
    color: str  # "grey" or "rgb"


MODELS = {
    "ffnn": Entry(scratch.ffnn, size=128, color="grey"),
}


def build(name: str, size: int | None = None, color: str | None = None, **arguments: object) -> keras.Model:
    """A new model, with random weights unless its builder says otherwise.

    Args:
        name: one of ``MODELS``.
        size: side of the square images, pixels; default: the report's.
        color: ``"grey"`` or ``"rgb"``; default: the report's.
        arguments: of the model's builder, such as ``units=64``.

    Returns:
        Model from images (b, size, size, 1 or 3) in 0-255 to float32 P(fake) (b, 1).

    Raises:
        ValueError: an unknown name or colour.
    """
    if name not in MODELS:
        raise ValueError(f"there is no model {name!r}; choose one of {', '.join(MODELS)}")
    size, color = size or MODELS[name].size, color or MODELS[name].color
    if color not in ("grey", "rgb"):
        raise ValueError(f"color is 'grey' or 'rgb', not {color!r}")
    return MODELS[name].builder((size, size, 3 if color == "rgb" else 1), **arguments)
