"""Fakes of the Yonsei kind: eyes, nose or mouth of one photo pasted into another."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from .attributes import Attributes
from .face import Head
from .paint import Canvas, ellipse, ramp

# In the order of the bits in a file name; left as seen in the picture.
PARTS = ("left_eye", "right_eye", "nose", "mouth")
# Difficulty: how much of the colour difference is corrected, how wide the soft edge is (share of the part's
# radius), and by how many degrees the donor may be turned away from the base.
CRAFT = {"easy": (0.15, 0.10, 6.0), "mid": (0.65, 0.28, 3.0), "hard": (0.97, 0.55, 0.5)}


def draw_bits(rng: np.random.Generator) -> str:
    """Which parts are replaced, as four digits; eyes mostly go together."""
    eyes = ("11", "00", "10", "01")[
        min(int(rng.random() * 2), 1) if rng.random() < 0.8 else 2 + int(rng.random() * 2)
    ]
    bits = eyes + "".join("1" if rng.random() < 0.5 else "0" for _ in range(2))
    return bits if "1" in bits else "0001"


def donor_for(base: Attributes, difficulty: str, rng: np.random.Generator) -> dict[str, object]:
    """What a forger would look for in a donor: like pose, skin and glasses, nothing in front of the face."""
    turn = CRAFT[difficulty][2]
    sway = rng.uniform(-1, 1, 3)
    return {
        "presentation": base.presentation,
        "glasses": base.glasses,
        "hat": "none",
        "obstruction": "none",
        "skin": min(max(base.skin + 0.02 * turn * float(sway[0]), 0.0), 1.0),
        "yaw": base.yaw + turn * float(sway[1]),
        "pitch": base.pitch,
        "roll": base.roll,
        "light_x": base.light_x + 0.1 * turn * float(sway[2]),
        "light_y": base.light_y,
    }


def places(a: Attributes, size: int) -> dict[str, tuple[float, float, float, float]]:
    """Each part's ellipse as (row, column, half height, half width) in pixels."""
    head, c = Head(a), Canvas(16, np.deg2rad(a.roll), 0)
    mouth_w = 1.3 * head.mouth_w
    spots = [(*head.eyes[k], 0.13, 1.65 * head.eye_w[k]) for k in (0, 1)]
    spots += [(head.nose[0], head.nose[1] - 0.07, 0.2, 0.135 * a.nose_width), (*head.mouth, 0.135, mouth_w)]

    def pixels(x: float, y: float, high: float, wide: float) -> tuple[float, float, float, float]:
        u, v = c.cos * x - c.sin * y, c.sin * x + c.cos * y
        return (v + 1) * size / 2 - 0.5, (u + 1) * size / 2 - 0.5, high * size / 2, wide * size / 2

    return {part: pixels(*spot) for part, spot in zip(PARTS, spots, strict=True)}


def splice(
    base: np.ndarray, donor: np.ndarray, base_is: Attributes, donor_is: Attributes, bits: str, difficulty: str
) -> tuple[np.ndarray, np.ndarray]:
    """Paste the parts named by `bits` from a donor photo into a base photo.

    Args:
        base, donor: uint8 (size, size, 3), of one size.
        base_is, donor_is: what they show; gives the places of the parts.
        bits: four digits, 1 where a part is replaced: left eye, right eye, nose, mouth.
        difficulty: ``easy``, ``mid`` or ``hard``: how well colours and edges are blended.

    Returns:
        The spliced photo, uint8 (size, size, 3), and the mask, uint8 (size, size), 255 wherever a pixel was
        replaced at least in part.
    """
    size = base.shape[0]
    match, soft, _ = CRAFT[difficulty]
    out, mask = base.astype(np.float64), np.zeros((size, size), np.uint8)
    here, there = places(base_is, size), places(donor_is, size)
    for part, bit in zip(PARTS, bits, strict=True):
        if bit == "0":
            continue
        row, column, high, wide = here[part]
        rows = np.arange(max(int(row - high), 0), min(int(row + high) + 2, size))
        columns = np.arange(max(int(column - wide), 0), min(int(column + wide) + 2, size))
        y, x = (rows[:, None] - row) / high, (columns[None, :] - column) / wide
        alpha = ramp(0, -soft, ellipse(x, y, 0, 0, 1, 1, 0.3)).astype(np.float64)
        row, column, high, wide = there[part]
        grid = np.broadcast_arrays(row + y * high, column + x * wide)
        patch = [
            ndimage.map_coordinates(donor[..., k].astype(np.float64), grid, order=1, mode="nearest")
            for k in range(3)
        ]
        patch = np.stack(patch, axis=-1)
        box = np.ix_(rows, columns)
        old, inside = out[box], alpha > 0
        for k in range(3):
            ours, theirs = old[..., k][inside], patch[..., k][inside]
            scale = 1 + match * (min(max(ours.std() / max(theirs.std(), 1.0), 0.6), 1.6) - 1)
            patch[..., k] = (
                (patch[..., k] - theirs.mean()) * scale + theirs.mean() + match * (ours.mean() - theirs.mean())
            )
        out[box] = old + alpha[..., None] * (patch - old)
        mask[box] |= np.where(inside, 255, 0).astype(np.uint8)
    return np.clip(np.floor(out + 0.5), 0, 255).astype(np.uint8), mask
