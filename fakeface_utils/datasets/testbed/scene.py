"""Everything around the head: background, clothes, glasses, hats and what gets in the way."""

from __future__ import annotations

import numpy as np

from .attributes import Attributes
from .face import SKIN, Head, Light, blend
from .paint import Canvas, F, bump, capsule, ellipse, ramp, srgb

WALLS = [
    srgb(*c)
    for c in ((196, 186, 172), (122, 140, 150), (150, 160, 138), (188, 158, 146), (104, 112, 128), (206, 204, 200))
]
CLOTH = [
    srgb(*c)
    for c in (
        (38, 46, 64),
        (196, 190, 182),
        (112, 38, 42),
        (58, 84, 74),
        (30, 30, 32),
        (150, 122, 84),
        (92, 108, 140),
    )
]
ALL = (slice(None), slice(None))


def draw_background(c: Canvas, a: Attributes) -> None:
    u, v = c.u, c.v
    wall = blend(WALLS, a.hue)
    glow = 1.15 - 0.28 * ((u - F(0.5 * a.light_x)) ** 2 + (v + 0.3) ** 2)
    if a.background == "plain":
        c.rgb += wall * glow
    elif a.background == "gradient":
        other = blend(WALLS[::-1], (a.hue * 1.7) % 1)
        t = ramp(-1.2, 1.2, v + F(0.5 * a.light_x) * u)
        c.rgb += (wall * (1 - 0.75 * t) + other * (0.55 * t)) * F(0.9)
    elif a.background == "dark":
        c.rgb += wall * F(0.12) * np.maximum(glow, 0.3) * (1 + 0.2 * c.noise(4))
    elif a.background == "textured":
        rough = 0.55 * c.noise(5) + 0.3 * c.noise(14) + 0.15 * c.noise(40)
        c.rgb += wall * (0.62 * glow * (1 + 0.42 * rough))
    else:
        green = a.hue < 0.5
        low, high = (srgb(30, 44, 26), srgb(132, 146, 88)) if green else (srgb(26, 28, 44), srgb(92, 84, 96))
        field = ramp(-1.1, 1.1, 0.6 * c.noise(4) + 0.35 * c.noise(9) - 0.5 * v)
        c.rgb += low + field * (high - low)
        for _ in range(16):
            cx, cy, r, power = c.rng.uniform((-1, -1, 0.06, 0.1), (1, 0.7, 0.22, 0.55))
            tint = srgb(210, 220, 150) if green else srgb(*c.rng.uniform((200, 140, 90), (255, 220, 200)))
            box = _level_box(c, cx, cy, r + 0.03)
            d = ellipse(u[:, box[1]], v[box[0]], cx, cy, r, r)
            c.paint(box, tint, F(power) * c.cover(d, 0.05) * (0.75 + 0.25 * ramp(-0.05, 0, d)))


def _level_box(c: Canvas, cx: float, cy: float, r: float) -> tuple[slice, slice]:
    def span(m: float) -> slice:
        low = min(max(int((m - r + 1) / c.px), 0), c.size - 2)
        return slice(low, max(min(int((m + r + 1) / c.px) + 2, c.size), low + 2))

    return span(cy), span(cx)


def _fabric(
    c: Canvas, light: Light, colour: np.ndarray, rows: slice, folds: np.ndarray, slope: np.ndarray
) -> np.ndarray:
    nx = np.clip(c.u * F(0.55) + 0.3 * folds, -0.9, 0.9)
    return light.on(
        colour, nx, np.clip(slope - 0.3, -0.7, 0.6), np.sqrt(np.maximum(1 - nx * nx - 0.2, 0.1)), wrap=0.3
    )


def draw_clothes(c: Canvas, a: Attributes, light: Light, head: Head) -> None:
    """Shoulders in a T-shirt, a V-neck or an open collar."""
    rows = slice(int(c.size * 0.78), c.size)
    u, v = c.u, c.v[rows]
    side = np.abs(u)
    shoulder = F(0.76 if a.presentation == "masculine" else 0.80) + 0.30 * ramp(0.2, 1.25, side)
    kind = int(a.outfit * 997) % 3
    if kind == 0:
        neck = F(0.93) - 0.9 * side * side  # round
    elif kind == 1:
        neck = F(1.12) - 1.25 * side  # V
    else:
        neck = F(1.06) - 0.85 * side  # collar
    edge = np.maximum(shoulder, neck)
    colour = blend(CLOTH, a.outfit)
    folds = c.noise(7, (rows, slice(None))) + 0.4 * c.noise(18, (rows, slice(None)))
    weave = 1 + 0.05 * c.noise(120, (rows, slice(None)))
    cloth = _fabric(c, light, colour, rows, folds, v - shoulder) * weave
    rib = np.maximum(1 - ((v - neck - 0.03) * F(1 / 0.03)) ** 2, 0)
    cloth *= 1 - 0.25 * rib
    c.shade((rows, slice(None)), 1 - 0.35 * ramp(-0.06, 0.0, v - edge))
    c.paint((rows, slice(None)), cloth, c.cover(edge - v))
    if kind == 2:
        flap = np.maximum(np.abs(v - neck - 0.02) - F(0.055), side - F(0.31))
        white = srgb(232, 230, 226) if a.hue < 0.5 else colour * 1.25
        bright = _fabric(c, light, white, rows, folds * 0.5, v - neck)
        c.shade((rows, slice(None)), 1 - 0.35 * ramp(0.03, 0, flap))
        c.paint((rows, slice(None)), bright, c.cover(flap))


def draw_glasses(c: Canvas, a: Attributes, light: Light, head: Head) -> None:
    if a.glasses == "none":
        return
    dark = a.glasses == "dark"
    metal = a.outfit > 0.6
    frame = srgb(150, 120, 70) if metal else blend([srgb(14, 12, 12), srgb(70, 40, 24), srgb(30, 34, 52)], a.hue)
    thick = 0.010 if metal else 0.016
    (x0, y0), (x1, y1) = head.eyes
    box = c.box(-0.62, min(y0, y1) - 0.22, 0.62, max(y0, y1) + 0.24)
    x, y = c.at(box)
    ry, square = (0.145, 0.15) if a.hue > 0.5 else (0.118, 0.62)
    rims = []
    for (ex, ey), s, w in zip(head.eyes, (-1, 1), head.eye_w, strict=True):
        rx = 0.172 * (w / (0.104 * a.eye_size)) + (0.01 if dark else 0)
        d = ellipse(x, y, ex + s * 0.012, ey + 0.022, rx, ry + (0.012 if dark else 0), square)
        glass = c.cover(d)
        if dark:
            tint = srgb(22, 20, 24) * (1 + 2.2 * ramp(-0.1, 0.14, y - F(ey)))
            c.paint(box, tint, 0.955 * glass)
        else:
            c.shade(box, 1 - 0.07 * glass)
        streak = (x - F(ex)) + 0.7 * (y - F(ey)) - F(0.06 * light.x)
        shine = bump(streak, 0, -0.05, 0, 0.05, 1) + 0.5 * bump(streak, 0, 0.06, 0, 0.02, 1)
        c.paint(box, light.key, (0.16 if dark else 0.09) * shine * glass * ramp(0.12, -0.12, y - F(ey)))
        rims.append(np.abs(d) - F(thick))
        arm, _ = capsule(x, y, (ex + s * (rx + 0.01), ey - 0.03), (s * (head.w + 0.02), ey - 0.05), 0.014)
        rims.append(arm)
    bridge = np.abs(ellipse(x, y, 0.5 * (x0 + x1), 0.5 * (y0 + y1) + 0.03, 0.075, 0.06)) - F(thick * 0.9)
    rims.append(np.maximum(bridge, y - F(0.5 * (y0 + y1) + 0.01)))
    rim = np.minimum.reduce(rims)
    soft = ramp(0.012, -0.02, rim) * ramp(head.w, head.w - 0.08, np.abs(x))
    c.shade(box, 1 - 0.22 * soft)
    glint = 1 + (1.2 if metal else 0.6) * bump(x + y, 0, -0.1 + 0.2 * light.x, 0, 0.16, 1)
    c.paint(box, (frame + 0.015) * glint, c.cover(rim))


def draw_hat(c: Canvas, a: Attributes, light: Light, head: Head) -> None:
    """A knitted cap, a brimmed hat or a hood."""
    colour = blend(CLOTH[::-1], (a.outfit * 3.1) % 1)
    if a.hat == "hood":
        _draw_hood(c, a, light, head, colour)
    elif a.hat == "hat" and a.hue > 0.45:
        _draw_beanie(c, a, light, head, colour)
    elif a.hat == "hat":
        _draw_brim(c, a, light, head, colour)


def _round(light: Light, colour, x, y, cx, cy, rx, ry):
    nx, ny = np.clip((x - F(cx)) * F(0.93 / rx), -0.93, 0.93), np.clip((y - F(cy)) * F(0.8 / ry), -0.8, 0.5)
    return light.on(colour, nx, ny, np.sqrt(np.maximum(1 - nx * nx - ny * ny, 0.04)), wrap=0.3)


def _draw_beanie(c, a, light, head, colour) -> None:
    w, edge = head.w + 0.075, -0.30 + 0.12 * head.nod
    box = c.box(-w - 0.1, -1.1, w + 0.1, edge + 0.16)
    x, y = c.at(box)
    curve = y - 0.05 * (x * F(1 / w)) ** 2
    rib = np.abs((x / np.sqrt(np.maximum(1.04 - (x / w) ** 2, 0.04)) * F(13) + 100) % 1 - 0.5)
    knit = 0.78 + 0.5 * rib + 0.08 * c.noise(110, box)
    under = ramp(edge + 0.11, edge, curve) * ramp(edge - 0.06, edge, curve)
    c.shade(box, 1 - 0.4 * under * ramp(head.w, head.w * 0.9, np.abs(x)))
    dome = ellipse(x, y, 0.03 * head.side, edge, w, 0.62, 0.18)
    c.paint(
        box,
        _round(light, colour, x, y, 0, edge - 0.1, w, 0.6) * knit,
        c.cover(np.maximum(dome, curve - F(edge)), 0.01),
    )
    cuff = ellipse(x, curve, 0, edge - 0.085, w + 0.03, 0.105, 0.5)
    c.shade(box, 1 - 0.3 * ramp(0.025, 0, cuff))
    shape = _round(light, colour * 1.12, x, curve, 0, edge - 0.07, w + 0.05, 0.2)
    c.paint(box, shape * knit, c.cover(cuff, 0.012))


def _draw_brim(c, a, light, head, colour) -> None:
    w, edge = head.w + 0.05, -0.45 + 0.14 * head.nod
    box = c.box(-1.2, -1.2, 1.2, edge + 0.3)
    x, y = c.at(box)
    cx = 0.04 * head.side
    weave = 1 + 0.09 * c.noise(130, box)
    under = ramp(0.17, 0.0, ellipse(x, y, cx, edge + 0.02, w * 1.3, 0.12))
    c.shade(box, 1 - 0.4 * under * ramp(head.w, head.w - 0.1, np.abs(x)))
    crown = np.maximum(ellipse(x, y, cx, edge, w * 0.97, 0.56, 0.6), y - F(edge + 0.03))
    c.paint(box, _round(light, colour, x, y, cx, edge - 0.1, w, 0.75) * weave, c.cover(crown, 0.01))
    band = np.maximum(crown, F(edge - 0.13) - y - 0.06 * (x / w) ** 2)
    c.paint(box, _round(light, colour * 0.3, x, y, cx, edge, w, 0.5), c.cover(band))
    sweep = y + 0.1 * (x - F(cx)) ** 2
    brim = ellipse(x, sweep, cx, edge + 0.02, w * 1.62, 0.105)
    tilt = np.clip((sweep - F(edge + 0.02)) * 6, -0.75, 0.55)
    face = light.on(
        colour * 1.05, 0.25 * x, tilt, np.sqrt(1 - tilt * tilt - 0.06 * np.minimum(x * x, 1.5)), wrap=0.3
    )
    c.paint(box, face * weave, c.cover(brim, 0.008))


def _draw_hood(c, a, light, head, colour) -> None:
    x, y = c.x, c.y
    folds = c.noise(6) + 0.4 * c.noise(16)
    wide = F(head.w + 0.2) + 0.22 * ramp(0.1, 1.1, y)
    up = np.minimum(y - 0.05, 0) * F(1 / 0.97)
    outer = (np.sqrt((x / wide) ** 2 + up * up) - 1) * F(0.6) + 0.012 * folds
    low = np.maximum(y - 0.1, 0) * F(1 / 0.86)
    high = np.minimum(y - 0.1, 0) * F(1 / 0.72)
    shift = F(0.1 * head.side)
    inner = (np.sqrt(((x - shift) * F(1 / (head.w + 0.005))) ** 2 + high * high + low * low) - 1) * F(0.5)
    c.shade(ALL, 1 - 0.6 * ramp(-0.16, 0.01, inner) * ramp(0.75, 0.3, y))
    nx = np.clip(x * F(0.8) + 0.22 * folds, -0.9, 0.9)
    ny = np.clip(y * F(0.55) - 0.12, -0.7, 0.4)
    cloth = light.on(colour, nx, ny, np.sqrt(np.maximum(1 - nx * nx - ny * ny, 0.05)), wrap=0.3)
    hem = np.maximum(1 - ((inner - 0.045) * F(1 / 0.03)) ** 2, 0)
    cloth = cloth * (1 + 0.06 * c.noise(120)) * (0.45 + 0.55 * ramp(0, 0.12, inner)) * (1 + 0.25 * hem)
    c.paint(ALL, cloth, c.cover(outer, 0.01) * c.cover(-inner, 0.01))


def draw_obstruction(c: Canvas, a: Attributes, light: Light, head: Head) -> None:
    """A microphone, a hand at the chin or a scarf over the mouth."""
    mx, my = head.mouth
    if a.obstruction == "microphone":
        s = 1 if a.hue > 0.5 else -1
        tip = (mx + s * 0.13, my + 0.13)
        box = c.box(min(tip[0] - 0.22, mx + s * 0.6), my - 0.12, max(tip[0] + 0.22, mx + s * 0.6), 1.2)
        x, y = c.at(box)
        stick, across = capsule(x, y, tip, (mx + s * 0.5, 1.25), 0.062)
        nz = np.sqrt(1 - 0.96 * across * across)
        c.paint(box, light.on(srgb(46, 46, 50), across, F(0), nz, shine=0.25), c.cover(stick))
        ball = ellipse(x, y, tip[0], tip[1], 0.135, 0.135)
        mesh = 0.6 + 0.4 * (np.abs((x * 24 + y * 24 + 64) % 1 - 0.5) + np.abs((x * 24 - y * 24 + 64) % 1 - 0.5))
        c.shade(box, 1 - 0.4 * ramp(0.08, 0, ball))
        c.paint(box, _round(light, srgb(150, 150, 156), x, y, *tip, 0.135, 0.15) * mesh, c.cover(ball))
    elif a.obstruction == "hand":
        s = 1 if a.hue > 0.5 else -1
        skin = blend(SKIN, a.skin) * srgb(252, 236, 230)
        box = c.box(min(mx - 0.05, mx + s * 0.55), my, max(mx + 0.05, mx + s * 0.55), 1.3)
        x, y = c.at(box)
        for k in range(4):
            start = (mx + s * (0.36 + 0.02 * k), 0.98 + 0.09 * k)
            end = (mx + s * (0.10 - 0.035 * abs(k - 1.4)), my + 0.13 + 0.112 * k)
            d, across = capsule(x, y, start, end, 0.057)
            nz = np.sqrt(1 - 0.9 * across * across)
            c.shade(box, 1 - 0.45 * ramp(0.05, 0, d))
            c.paint(box, light.on(skin, -0.5 * s * across, 0.8 * across, nz, wrap=0.3), c.cover(d, 0.006))
            nail = ellipse(x, y, end[0], end[1] - 0.012, 0.036, 0.026)
            c.paint(box, skin * srgb(255, 226, 222), 0.5 * c.cover(nail, 0.01))
    elif a.obstruction == "scarf":
        rows = slice(int(c.size * 0.55), c.size)
        x, y = c.x[rows], c.y[rows]
        folds = c.noise(5, (rows, slice(None)), 14)
        edge = F(my - 0.10) + 0.5 * (x - F(mx)) ** 2 + 0.02 * folds
        wide = np.abs(x) - F(head.w + 0.09) - 0.25 * ramp(0.4, 1.0, y)
        wave = y * 5.2 - 1.6 * (x - F(mx)) ** 2 + 0.5 * folds
        ny = (np.abs(wave % 1 - 0.5) * 4 - 1) * F(0.55)
        nx = np.clip(x * F(1.1), -0.8, 0.8)
        colour = blend(CLOTH, (a.outfit * 5.3) % 1)
        knit = 0.85 + 0.3 * np.abs((x * 34 + wave * 3) % 1 - 0.5) + 0.08 * c.noise(120, (rows, slice(None)))
        cloth = light.on(colour, nx, ny, np.sqrt(np.maximum(1 - nx * nx - ny * ny, 0.05)), wrap=0.4) * knit
        box = (rows, slice(None))
        c.shade(box, 1 - 0.35 * ramp(-0.06, 0.0, y - edge) * ramp(0.02, -0.02, wide))
        c.paint(box, cloth, c.cover(np.maximum(edge - y, wide), 0.012))
