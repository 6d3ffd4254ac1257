"""One portrait, from back to front."""

from __future__ import annotations

import math

import numpy as np

from .attributes import Attributes
from .face import Head, Light, draw_ears, draw_face, draw_neck
from .hair import draw_back_hair, draw_beard, draw_front_hair
from .paint import Canvas
from .scene import draw_background, draw_clothes, draw_glasses, draw_hat, draw_obstruction


def portrait(attributes: Attributes, size: int) -> np.ndarray:
    """Draw a portrait in linear light.

    The frame is FFHQ's: eyes level near 47 % of the height, the face filling about half the width.

    Args:
        attributes: what to draw; the same attributes always give the same picture.
        size: edge in pixels, at least 16. Shapes and textures are laid out in frame units, so that a small drawing
            is the same person as a large one and not a resized copy.

    Returns:
        float32 (size, size, 3), linear light, 0..1.

    Raises:
        ValueError: for a size below 16.
    """
    if size < 16:
        raise ValueError(f"size is {size}, but a portrait needs at least 16 pixels")
    a = attributes
    c = Canvas(size, math.radians(a.roll), a.texture_seed)
    light, head = Light(a), Head(a)
    draw_background(c, a)
    if a.hat != "hood":
        draw_back_hair(c, a, light, head)
    draw_neck(c, a, light, head)
    draw_clothes(c, a, light, head)
    draw_ears(c, a, light, head)
    draw_face(c, a, light, head)
    draw_beard(c, a, light, head)
    draw_front_hair(c, a, light, head)
    draw_glasses(c, a, light, head)
    draw_hat(c, a, light, head)
    draw_obstruction(c, a, light, head)
    return np.ascontiguousarray(np.clip(c.rgb, 0, 1).transpose(1, 2, 0))
