"""The drawing board: a square frame of linear light, soft-edged shapes and noise that looks the same at any size.

Frame units: x runs from -1 (left) to 1 (right), y from -1 (top) to 1 (bottom). Pixels follow from additions,
products, quotients and square roots of float32, which every machine rounds alike; no result hangs on a library's
exp or sin.
"""

from __future__ import annotations

import math

import numpy as np

F = np.float32


def srgb(*levels: float) -> np.ndarray:
    """Linear light, shape (3, 1, 1), of an sRGB colour given as three levels in 0..255."""
    scaled = [level / 255 for level in levels]
    linear = [s / 12.92 if s <= 0.04045 else ((s + 0.055) / 1.055) ** 2.4 for s in scaled]
    return np.array(linear, F).reshape(3, 1, 1)


def ramp(low: float, high: float, x: np.ndarray) -> np.ndarray:
    """Smoothstep: 0 where x is at or before `low`, 1 at or past `high`; `low` may be the larger of the two."""
    t = (x - F(low)) * F(1 / (high - low))
    t = np.minimum(np.maximum(t, 0), 1)
    return t * t * (3 - 2 * t)


def bump(x: np.ndarray, y: np.ndarray, cx: float, cy: float, rx: float, ry: float) -> np.ndarray:
    """A smooth hill, 1 at (cx, cy) and 0 outside the ellipse with half-axes rx and ry."""
    dx, dy = (x - F(cx)) * F(1 / rx), (y - F(cy)) * F(1 / ry)
    t = np.maximum(1 - dx * dx - dy * dy, 0)
    return t * t


def ellipse(
    x: np.ndarray, y: np.ndarray, cx: float, cy: float, rx: float, ry: float, square: float = 0
) -> np.ndarray:
    """About the signed distance (negative inside) to an ellipse; `square` in 0..1 pulls it towards a rectangle."""
    a, b = (x - F(cx)) * F(1 / rx), (y - F(cy)) * F(1 / ry)
    a, b = a * a, b * b
    if square:  # far outside, the product would win and draw the shape a second time
        a, b = np.minimum(a, 1.44), np.minimum(b, 1.44)
    return (np.sqrt(a + b - F(square) * a * b) - 1) * F(min(rx, ry))


def capsule(x: np.ndarray, y: np.ndarray, start: tuple, end: tuple, radius: float) -> tuple[np.ndarray, np.ndarray]:
    """Signed distance to a thick line, and the place across it (-1..1), which shades it as a cylinder."""
    (x0, y0), (x1, y1) = start, end
    ux, uy = x1 - x0, y1 - y0
    length = math.hypot(ux, uy)
    ux, uy = ux / length, uy / length
    along = np.clip((x - F(x0)) * F(ux) + (y - F(y0)) * F(uy), 0, F(length))
    dx, dy = x - F(x0) - along * F(ux), y - F(y0) - along * F(uy)
    across = (dx * F(-uy) + dy * F(ux)) * F(1 / radius)
    return np.sqrt(dx * dx + dy * dy) - F(radius), np.clip(across, -1, 1)


class Canvas:
    """A frame of linear light, planar float32 (3, size, size), with coordinates level (u, v) and tilted (x, y)."""

    def __init__(self, size: int, roll: float, seed: int):
        self.size, self.px = size, 2 / size
        self.rng = np.random.default_rng(seed)
        line = ((np.arange(size) + 0.5) * (2 / size) - 1).astype(F)
        self.u, self.v = line[None, :], line[:, None]
        self.cos, self.sin = math.cos(roll), math.sin(roll)
        self.x = F(self.cos) * self.u + F(self.sin) * self.v
        self.y = F(self.cos) * self.v - F(self.sin) * self.u
        self.rgb = np.zeros((3, size, size), F)

    def box(self, x0: float, y0: float, x1: float, y1: float) -> tuple[slice, slice]:
        """Rows and columns that hold a tilted rectangle; never empty, so that callers need no special case."""
        us = [self.cos * x - self.sin * y for x in (x0, x1) for y in (y0, y1)]
        vs = [self.sin * x + self.cos * y for x in (x0, x1) for y in (y0, y1)]

        def span(values: list[float]) -> slice:
            low = min(max(math.floor((min(values) + 1) / self.px) - 1, 0), self.size - 3)
            return slice(low, max(min(math.ceil((max(values) + 1) / self.px) + 1, self.size), low + 3))

        return span(vs), span(us)

    def at(self, box: tuple[slice, slice]) -> tuple[np.ndarray, np.ndarray]:
        """Tilted coordinates x and y inside a box."""
        return self.x[box], self.y[box]

    def cover(self, distance: np.ndarray, soft: float = 0) -> np.ndarray:
        """How much of each pixel a shape covers, 0..1, from its signed distance; `soft` widens the edge."""
        share = distance * F(-1 / (1.4 * self.px + soft)) + F(0.5)
        return np.minimum(np.maximum(share, 0), 1)

    def paint(self, box: tuple[slice, slice], colour: np.ndarray, alpha: np.ndarray) -> None:
        """Lay a colour, (3, 1, 1) or (3, h, w), over a box with opacity `alpha`."""
        region = self.rgb[(slice(None), *box)]
        region += alpha * (colour - region)

    def shade(self, box: tuple[slice, slice], factor: np.ndarray) -> None:
        """Multiply a box by a factor: shadows and glows."""
        self.rgb[(slice(None), *box)] *= factor

    def noise(self, cells: int, box: tuple[slice, slice] = (slice(None), slice(None)), tall: int = 0) -> np.ndarray:
        """Smooth noise in -1..1 inside a box, of `cells` (by `tall`) hills a frame; alike at every size."""
        grid = self.rng.uniform(-1, 1, ((tall or cells) + 2, cells + 2)).astype(F)

        def between(part: slice, hills: int) -> tuple[np.ndarray, np.ndarray]:
            where = (self.u[0, part] + 1) * F(hills / 2)
            low = where.astype(np.intp)
            t = where - low
            return low, t * t * (3 - 2 * t)

        low, t = between(box[1], cells)
        grid = grid[:, low] + t * (grid[:, low + 1] - grid[:, low])
        low, t = between(box[0], tall or cells)
        step = grid[1:] - grid[:-1]
        out = step[low]
        out *= t[:, None]
        out += grid[low]
        return out

    def strands(self, across: np.ndarray, along: np.ndarray, fine: int = 110) -> np.ndarray:
        """Hair or fibre in 0..1: fine across, slow along. Both coordinates are in about -1..1."""
        columns, rows = 512, 8
        sheet = self.rng.uniform(0, 1, (rows, columns)).astype(F)
        sheet += np.repeat(self.rng.uniform(0, 1, (rows, columns // 4)).astype(F), 4, axis=1)
        sheet += np.repeat(self.rng.uniform(0, 1, (rows, columns // 16)).astype(F), 16, axis=1)
        place = (across * F(fine) + F(2 * columns)) + along * F(3)
        column = place.astype(np.int32)
        t = place - column
        column &= columns - 1
        down = (along + 2) * F(2.5)
        row = down.astype(np.int32)
        s = down - row
        index = (row & (rows - 1)) * columns + column
        flat = np.concatenate([sheet.ravel(), sheet[0], sheet[0, :1]])
        upper, lower = np.take(flat, index), np.take(flat, index + columns)
        upper += t * (np.take(flat, index + 1) - upper)
        return (upper + s * (lower - upper)) * F(1 / 3)
