"""Hair and beard: masses with a lit volume, strands that follow their fall, and edges broken by them."""

from __future__ import annotations

import numpy as np

from .attributes import Attributes
from .face import Head, Light, beard_area, hair_colour
from .paint import Canvas, F, bump, ellipse, ramp

# Style: extra volume above and at the sides, where the hair ends (y), opening's half width and top (shares of the
# head), how square the opening is, and how far the parting lies from the middle.
STYLES = {
    "short": (0.08, 0.035, 0.10, 0.97, -0.52, 0.55, 0.08),
    "side": (0.13, 0.045, 0.12, 0.97, -0.46, 0.65, 0.22),
    "curly": (0.20, 0.17, 0.24, 0.93, -0.42, 0.5, 0.0),
    "long": (0.09, 0.13, 1.3, 0.90, -0.47, 0.35, 0.06),
    "wavy": (0.12, 0.21, 1.3, 0.88, -0.45, 0.4, 0.18),
    "bun": (0.05, 0.03, 0.10, 0.96, -0.50, 0.45, 0.0),
    "fringe": (0.09, 0.11, 0.58, 0.88, -0.235, 0.75, 0.0),
}


def _lit(a: Attributes, light: Light, x, y, head: Head, strand, gloss_at: float = 0.55):
    """Colour of hair: the skull's volume, light and dark strands, and a band of gloss across them."""
    nx = np.clip(x * F(0.9 / (head.w + 0.12)), -0.95, 0.95)
    ny = np.clip((y + F(0.12)) * F(0.9), -0.75, 0.3)
    nz = np.sqrt(np.maximum(1 - nx * nx - ny * ny, 0.03))
    base = hair_colour(a) * 1.15
    body = light.on(base, nx, ny, nz, wrap=0.3) * (0.42 + 1.05 * strand)
    height = nx * nx + (ny - 0.25 * light.y) ** 2
    band = bump(height, 0, gloss_at, 0, 0.34, 1) * (0.3 + 0.7 * ramp(-0.6, 0.5, nx * F(light.x) + nz * F(0.4)))
    return body + (band * strand * strand) * (0.2 * np.sqrt(base) + 0.05) * light.key


def draw_back_hair(c: Canvas, a: Attributes, light: Light, head: Head) -> None:
    """What hangs behind neck and shoulders, and the bun."""
    if a.hair == "bun":
        cx, cy = 0.05 * head.side, -0.86
        box = c.box(cx - 0.3, cy - 0.25, cx + 0.3, cy + 0.3)
        x, y = c.at(box)
        r = np.sqrt((x - F(cx)) ** 2 + (y - F(cy)) ** 2)
        strand = c.strands(r * 0.9 + 0.8 * (x + y), x, 40)
        d = r - F(0.17 + 0.03 * a.hair_volume) - 0.02 * strand
        c.paint(
            box, _lit(a, light, x, y + 0.2, head, strand) * (0.55 + 0.45 * ramp(0.2, 0.02, r)), c.cover(d, 0.015)
        )
    if a.hair in ("long", "wavy", "fringe"):
        _, wide, end, *_ = STYLES[a.hair]
        half = head.w + wide * a.hair_volume
        box = c.box(-half - 0.15, -0.3, half + 0.15, 1.2)
        x, y = c.at(box)
        strand = c.strands(x, y * 0.5, 70)
        shade = 0.22 + 0.25 * ramp(0.2, 0.9, np.abs(x) * F(1 / half))
        d = np.maximum(np.abs(x) - F(half * 0.97) * ramp(-0.5, 0.25, y), y - F(end)) - 0.03 * strand
        c.paint(box, hair_colour(a) * (0.4 + strand) * shade, c.cover(d, 0.02))


def draw_front_hair(c: Canvas, a: Attributes, light: Light, head: Head) -> None:
    """The hair around the face: an outer mass less an opening, both with frayed edges."""
    if a.hair == "bald":
        return
    above, wide, end, open_w, open_top, square, part = STYLES[a.hair]
    above, wide = above * a.hair_volume, wide * a.hair_volume
    if a.hat != "none":
        above *= 0.3
    if a.hat == "hood":  # all of it stays inside
        wide, end = 0.0, min(end, 0.55)
    reach = head.w + wide + 0.1 + 0.13 * (end > 0.3)
    box = c.box(-reach, head.middle - head.top - above - 0.1, reach, min(end + 0.15, 1.3))
    x, y = c.at(box)
    px = part * (1 if a.hue > 0.5 else -1) + 0.25 * head.side
    if a.hair == "curly":
        strand = c.strands(0.5 * c.noise(28, box) + 0.3 * x, 0.8 * c.noise(22, box), 40)
        fray, soft = 0.09, 0.03
    else:
        # Strands leave the parting and, once over the side of the head, hang straight down.
        dx = x - F(px)
        if a.hair == "wavy":
            dx = dx + F(0.05) * ramp(-0.3, 0.4, y) * c.noise(3, box, 6)
        drop = np.clip(y * F(0.6) + F(0.52 if a.hair != "bun" else 0.66), 0.03, 1)
        drop = drop * (2 - drop) * F(0.8)
        across = dx / (np.abs(dx) + drop + F(0.1))
        strand = c.strands(across, y * F(0.35) + 0.2 * c.noise(8, box), 150)
        fray, soft = (0.05, 0.022) if a.hair in ("short", "side") else (0.035, 0.02)
    middle = F(head.middle + 0.03)
    rise = np.minimum(y - middle, 0) * F(1 / (head.top + above))
    sag = np.maximum(y - middle, 0)
    hang = F(head.w + wide) + sag * F(0.12 if end > 0.3 else -0.35)
    side = np.minimum((x / hang) ** 2, 1.6)
    rise = np.minimum(rise * rise, 1.6)
    outer = np.sqrt(side + rise - 0.4 * side * rise)
    d_out = (outer - 1) * F(0.5) - fray * (strand - 0.5)
    top = open_top * a.hairline + 0.12 * head.nod
    cx = 0.22 * head.side
    if a.hair in ("side", "wavy"):
        top_here = F(top) + F(0.22) * (x - F(cx)) * (1 if px < 0 else -1)
    else:
        top_here = F(top) + F(0.55 if a.hair == "long" else 0) * np.maximum(0.2 - np.abs(x - F(px)), 0) * F(-0.4)
    half = head.w * open_w
    low = 0.12
    up = np.minimum(y - F(low), 0) / (F(low) - top_here)
    in_x, up = np.minimum(((x - F(cx)) * F(1 / half)) ** 2, 1.4), np.minimum(up * up, 1.4)
    opening = np.sqrt(in_x + up - F(square) * in_x * up)
    d_in = (opening - 1) * F(0.45) + F(0.5 * fray) * (strand - 0.5) * ramp(low + 0.2, low - 0.2, y)
    # The hair throws a soft shadow on the forehead, away from the lamp, before it is drawn.
    inside = ramp(-0.11, 0.0, d_in) * ramp(0.25, -0.1, y) * ramp(0.02, -0.03, d_out)
    c.shade(box, 1 - 0.42 * inside)
    alpha = c.cover(d_out, soft) * c.cover(-d_in, soft)
    alpha = alpha * ramp(end + 0.06, end - 0.06, y + 0.1 * (strand - 0.5))
    colour = (
        _lit(a, light, x, y, head, strand)
        * (0.55 + 0.45 * ramp(0, 0.09, d_in))
        * (0.7 + 0.3 * ramp(0.02, -0.1, d_out))
    )
    c.paint(box, colour, alpha)


def draw_beard(c: Canvas, a: Attributes, light: Light, head: Head) -> None:
    if a.beard not in ("moustache", "full"):
        return
    mx, my = head.mouth
    box = c.box(-0.6, my - 0.35, 0.6, 0.95)
    x, y = c.at(box)
    strand = c.strands((x - F(mx * 0.7)) / (1 + np.abs(y)), y, 170)
    if a.beard == "full":
        area = beard_area(a, head, x, y)
        d = ellipse(x, y, 0.18 * head.side, my - 0.05, head.w * 1.0, head.bottom + 0.09 - my, 0.3) - 0.04 * strand
        area = area * c.cover(d, 0.03)
    else:
        area = bump(x, y - 0.5 * (x - F(mx)) ** 2, mx, my - 0.088, 0.34, 0.066) * 2
    area = np.clip(area * (0.75 + 0.5 * strand), 0, 1)
    nx = np.clip(x * F(1 / head.w), -0.9, 0.9)
    ny = np.clip((y - F(my + 0.12)) * F(1.6), -0.2, 0.75)
    colour = light.on(hair_colour(a) * 1.1, nx, ny, np.sqrt(np.maximum(1 - nx * nx - ny * ny, 0.05))) * (
        0.4 + strand
    )
    c.paint(box, colour, area * 0.93)
