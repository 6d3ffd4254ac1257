"""The head without hair: a height field lit by one lamp, with eyes, brows, nose, mouth, ears and neck on it."""

from __future__ import annotations

import math

import numpy as np

from .attributes import Attributes
from .paint import Canvas, F, bump, ellipse, ramp, srgb

SKIN = [
    srgb(*c)
    for c in ((245, 211, 190), (232, 188, 158), (212, 160, 122), (178, 122, 86), (130, 84, 58), (88, 56, 40))
]
HAIR = [
    srgb(*c) for c in ((26, 22, 22), (48, 33, 26), (82, 54, 36), (122, 76, 44), (176, 132, 82), (214, 180, 124))
]
IRIS = [srgb(*c) for c in ((52, 32, 20), (92, 58, 32), (112, 98, 56), (92, 122, 104), (108, 140, 168))]
GREY = srgb(176, 174, 172)
WARM = np.array([0.34, 0.16, 0.10], F).reshape(3, 1, 1)


def blend(colours: list[np.ndarray], share: float) -> np.ndarray:
    """A colour from a row of colours, `share` in 0..1 along it."""
    place = min(max(share, 0), 0.9999) * (len(colours) - 1)
    low = int(place)
    return colours[low] + F(place - low) * (colours[low + 1] - colours[low])


def hair_colour(a: Attributes) -> np.ndarray:
    """Natural colour of hair, brows and beard; greying starts at about 42 and differs between people."""
    grey = min(max((a.age - 42 - 14 * a.hue) / 22, 0), 0.92)
    colour = blend(HAIR, a.hair_tone)
    return colour + F(grey) * (GREY - colour)


class Light:
    """One lamp with a warm or cool tint, and a weaker sky of the opposite tint."""

    def __init__(self, a: Attributes):
        x, y, z = 0.75 * a.light_x, 0.75 * a.light_y, 0.9
        norm = math.sqrt(x * x + y * y + z * z)
        self.x, self.y, self.z = x / norm, y / norm, z / norm
        half = math.sqrt(self.x**2 + self.y**2 + (self.z + 1) ** 2)
        self.half = (self.x / half, self.y / half, (self.z + 1) / half)
        tint = np.array([1 + 0.07 * a.warmth, 1, 1 - 0.1 * a.warmth], F).reshape(3, 1, 1)
        power = 1 + 0.35 * a.skin  # a photographer lights a deep skin more
        self.key, self.sky = F(0.9 * power) * tint, F(0.24 * power) * (2 - tint)

    def on(self, albedo, nx, ny, nz, shine: float = 0.0, wrap: float = 0.25):
        """Linear light that leaves a surface with unit normal (nx, ny, nz)."""
        key = nx * F(self.x) + ny * F(self.y) + nz * F(self.z)
        key = np.clip((key + F(wrap)) * F(1 / (1 + wrap)), 0, 1)
        sky = 0.8 - 0.35 * ny
        # Skin and cloth scatter: the half shadow is warmer than either side of it.
        half = key * (1 - key)
        out = albedo * (self.key * (key * key * (1.6 - 0.6 * key)) + self.sky * sky + WARM * half)
        if shine:
            gloss = np.clip(nx * F(self.half[0]) + ny * F(self.half[1]) + nz * F(self.half[2]), 0, 1)
            gloss = gloss * gloss * gloss
            gloss = gloss * gloss * gloss
            out += F(shine) * (gloss * gloss * gloss) * self.key
        return out


class Head:
    """Where things lie on a turned head (frame units); depth moves with yaw and pitch, which is what turns it."""

    def __init__(self, a: Attributes):
        yaw, pitch = math.radians(a.yaw), math.radians(a.pitch)
        self.side, self.cos, self.nod = math.sin(yaw), math.cos(yaw), math.sin(pitch)
        self.w, self.middle = 0.475 * a.face_width, -0.06
        self.top, self.bottom = 0.70, 0.735 * a.chin + 0.1 * self.nod
        self.eyes = [self.place(s * 0.232 * a.eye_gap, -0.07, 0.42) for s in (-1, 1)]
        self.eye_w = [0.112 * a.eye_size * (self.cos + s * self.side * 0.3) for s in (-1, 1)]
        self.nose = self.place(0, 0.215 * a.nose_length, 0.66)
        self.mouth = self.place(0, 0.385 + 0.1 * (a.nose_length - 1), 0.5)
        self.mouth_w = 0.185 * a.mouth_width * (1 + 0.16 * max(a.smile, 0))

    def place(self, x: float, y: float, depth: float) -> tuple[float, float]:
        """Where a point of the unturned face appears."""
        return x * self.cos + depth * self.side * 0.62, y + depth * self.nod * 0.62

    def outline(self, x: np.ndarray, y: np.ndarray, jaw: float) -> np.ndarray:
        """1 on the outline of skull and jaw, less inside (squared radius, as of a sphere)."""
        below = np.maximum(y - F(self.middle), 0) * F(1 / self.bottom)
        above = np.minimum(y - F(self.middle), 0) * F(1 / self.top)
        turn = F(0.2 * self.side) * below * below
        across = (x - turn) * F(1 / self.w)
        across, down = np.minimum(across * across, 1.6), np.minimum(below * below + above * above, 1.6)
        # The last term squares the jaw (positive) or draws it to a point (negative).
        square = np.where(y > self.middle, F(-0.42 + 0.72 * jaw), F(0.42))
        return across + down - square * across * down


def draw_neck(c: Canvas, a: Attributes, light: Light, head: Head) -> None:
    """Neck with the chin's shadow; it stays upright when the head tilts."""
    half = (0.30 if a.presentation == "masculine" else 0.245) * (0.5 + 0.5 * a.face_width)
    rows = slice(int(c.size * 0.62), c.size)
    x, y = c.u - F(0.06 * head.side), c.v[rows]
    flare = half + 0.5 * ramp(0.72, 1.15, y) ** 2
    nx = np.clip(x / flare, -1, 1)
    nz = np.sqrt(1 - nx * nx * 0.96)
    colour = light.on(blend(SKIN, a.skin) * srgb(250, 240, 236), nx, F(0.1), nz, wrap=0.35)
    cords = bump(x, y, 0.11, 0.85, 0.05, 0.3) + bump(x, y, -0.11, 0.85, 0.05, 0.3)
    shadow = ramp(1.02, 0.62, y - F(0.2) * (x + F(0.25 * light.x)) ** 2)
    colour *= (1 - 0.62 * shadow) * (1 + 0.08 * cords)
    c.paint((rows, slice(None)), colour, c.cover(np.abs(x) - flare))


def draw_ears(c: Canvas, a: Attributes, light: Light, head: Head) -> None:
    for s in (-1, 1):
        cx, cy = s * (head.w * 0.985) - 0.07 * head.side, 0.03 + 0.03 * head.nod
        width = 0.085 * (1 - 0.5 * s * head.side)
        box = c.box(cx - 0.12, cy - 0.2, cx + 0.12, cy + 0.22)
        x, y = c.at(box)
        slope = x - s * 0.12 * (F(cy) - y)
        d = ellipse(slope, y, cx, cy, width, 0.165, 0.2)
        nx = np.clip((slope - F(cx)) * F(1 / width), -1, 1) * 0.8
        colour = light.on(blend(SKIN, a.skin) * srgb(255, 232, 224), nx, F(0), np.sqrt(1 - nx * nx), wrap=0.4)
        hollow = bump(slope, y, cx + s * 0.008, cy + 0.01, width * 0.75, 0.12)
        rim = bump(slope, y, cx + s * 0.02, cy - 0.03, width * 0.35, 0.09)
        c.paint(box, colour * (0.86 - 0.5 * hollow + 0.26 * rim), c.cover(d))


def _relief(a: Attributes, head: Head, x: np.ndarray, y: np.ndarray, q: np.ndarray) -> np.ndarray:
    """Height of the face towards the viewer."""
    (nx, ny), (mx, my) = head.nose, head.mouth
    z = 0.62 * np.sqrt(np.maximum(1 - q, 0) + 0.015)
    wide = a.nose_width
    for (ex, ey), s in zip(head.eyes, (-1, 1), strict=True):
        z += 0.034 * bump(x, y, ex, ey - 0.115, 0.2, 0.1)  # brow ridge
        z -= 0.062 * bump(x, y, ex - s * 0.025, ey - 0.005, 0.17, 0.125)  # socket
        z += 0.032 * bump(x, y, ex, ey, 0.13, 0.085)  # eyeball
        z += (0.035 + 0.035 * max(a.smile, 0)) * bump(
            x, y, ex * 1.12, ey + 0.24 - 0.03 * a.smile, 0.2, 0.17
        )  # cheek
        z += 0.026 * bump(x, y, nx + s * 0.072 * wide, ny + 0.012, 0.06 * wide, 0.055)  # wing of the nose
    bridge = 0.5 * (head.eyes[0][0] + head.eyes[1][0])
    middle = F(bridge) + (y - F(head.eyes[0][1])) * F((nx - bridge) / (ny - head.eyes[0][1]))
    down = ramp(head.eyes[0][1] - 0.12, ny, y) * ramp(ny + 0.085, ny - 0.05, y)
    z += (0.045 + 0.055 * down) * down * bump(x - middle, y, 0, ny - 0.1, 0.095 * (0.55 + 0.45 * wide), 0.42)
    z += 0.05 * bump(x, y, nx, ny, 0.095 * wide, 0.095)
    z += 0.04 * bump(x, y, mx, my, 0.27, 0.19)
    z += 0.016 * bump(x, y, mx, my - 0.03, 0.16, 0.05) + 0.018 * bump(x, y, mx, my + 0.05, 0.13, 0.06)
    z -= 0.013 * bump(x, y, mx, my + 0.125, 0.14, 0.055)
    z += 0.036 * bump(x, y, mx * 0.9, my + 0.225, 0.16, 0.14)
    return z


def draw_face(c: Canvas, a: Attributes, light: Light, head: Head) -> None:
    """Skin with its relief, colours and lines; then eyes, brows and mouth on top."""
    edge = head.w + 0.03 + 0.2 * abs(head.side)
    box = c.box(-edge, head.middle - head.top - 0.02, edge, head.middle + head.bottom + 0.02)
    x, y = c.at(box)
    q = head.outline(x, y, a.jaw)
    albedo = _complexion(c, a, head, x, y, box)
    z = _relief(a, head, x, y, q) + (0.0007 + 0.00002 * a.age) * c.noise(60, box)
    # The coordinates are tilted against the pixel grid by at most 7 degrees; the light turns with the head.
    step = F(0.5 / c.px)
    nx, ny = np.zeros_like(z), np.zeros_like(z)
    nx[:, 1:-1] = (z[:, :-2] - z[:, 2:]) * step
    ny[1:-1] = (z[:-2] - z[2:]) * step
    nz = 1 / np.sqrt(nx * nx + ny * ny + 1)
    colour = light.on(albedo, nx * nz, ny * nz, nz, shine=0.10 - 0.03 * a.skin)
    c.paint(box, colour, c.cover((np.sqrt(q) - 1) * F(0.5)))
    _draw_lines(c, a, head)
    _draw_nostrils(c, a, head)
    for k in (0, 1):
        _draw_eye(c, a, light, head, k)
        _draw_brow(c, a, head, k)
    _draw_mouth(c, a, light, head)


def _complexion(c, a, head, x, y, box) -> np.ndarray:
    """Colour of the skin before light: blush, beard shadow, creases and mottling."""
    skin = blend(SKIN, a.skin)
    red = np.array([0.06, -0.09, -0.07], F).reshape(3, 1, 1)
    blush = 0.25 * c.noise(9, box) + 0.55 * bump(x, y, head.nose[0], head.nose[1], 0.12, 0.1)
    for ex, ey in head.eyes:
        blush += 0.9 * bump(x, y, ex * 1.2, ey + 0.26, 0.2, 0.16)
    albedo = skin * (1 + red * (1.2 * blush))
    albedo *= 1 + 0.05 * c.noise(40, box)
    if a.beard == "stubble":
        grain = 0.55 + 0.45 * c.noise(150, box)
        albedo += (0.42 * beard_area(a, head, x, y) * grain) * (0.35 * hair_colour(a) + 0.2 * skin - albedo)
    return albedo


def _draw_lines(c: Canvas, a: Attributes, head: Head) -> None:
    """Creases: below the eyes, from nose to mouth, crow's feet, forehead; deeper with age and with a smile."""
    old = min(max((a.age - 25) / 45, 0), 1)
    (mx, my), fold = head.mouth, max(a.smile, 0)
    for (ex, ey), s in zip(head.eyes, (-1, 1), strict=True):
        box = c.box(min(ex - 0.2, ex + s * 0.24), ey - 0.14, max(ex + 0.2, ex + s * 0.24), my + 0.1)
        x, y = c.at(box)
        crease = 0.3 * bump(x, y, ex, ey - 0.015, 0.17, 0.11)
        crease += (0.16 + 0.2 * old) * bump(x, y, ex - s * 0.01, ey + 0.085, 0.12, 0.045)  # below the eye
        # Fold from the nose's wing to the corner of the mouth: a soft line that leans outwards.
        lean = head.nose[0] + s * (0.1 + 0.05 * fold) + s * F(0.42) * (y - F(head.nose[1]))
        line = np.maximum(1 - ((x - lean) * F(1 / 0.035)) ** 2, 0) * bump(y, 0, my - 0.08, 0, 0.16, 1)
        crease += (0.1 + 0.2 * old + 0.25 * fold) * line
        for k in range(3):  # crow's feet
            ray = (y - F(ey)) - F(0.35 * (k - 1)) * (s * (x - F(ex)))
            ray = np.maximum(1 - (ray * F(1 / 0.012)) ** 2, 0) * bump(x, y, ex + s * 0.16, ey, 0.06, 0.06)
            crease += 0.45 * old * (0.3 + 0.7 * fold) * ray
        c.shade(box, 1 - 0.45 * crease)
    box = c.box(mx - 0.32, -0.7, mx + 0.32, -0.1)
    x, y = c.at(box)
    crease = np.zeros_like(x)
    for k in range(3):  # forehead
        wave = y + F(0.33 + 0.075 * k) - F(0.15) * (x - F(mx)) ** 2 - F(0.14 * head.nod)
        crease += 0.34 * old * np.maximum(1 - (wave * F(1 / 0.014)) ** 2, 0) * bump(x, y, mx, -0.4, 0.3, 0.3)
    c.shade(box, 1 - 0.45 * crease)


def beard_area(a: Attributes, head: Head, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Where a beard grows, 0..1: jaw, chin and upper lip, not the lips."""
    mx, my = head.mouth
    cheek = F(my - 0.04) - F(0.95) * np.maximum(np.abs(x - F(mx * 0.6)) - F(0.2), 0)
    area = ramp(-0.02, 0.09, y - cheek)
    lip = bump(x, y, mx, my - 0.085, 0.34, 0.075)
    bare = bump(x, y, mx, my + 0.01, head.mouth_w * 1.15, 0.1)
    return np.clip(area * (1 - 0.25 * bump(x, y, mx, my + 0.14, 0.2, 0.05)) + 1.6 * lip, 0, 1) * (
        1 - np.minimum(2.2 * bare, 1)
    )


def _draw_nostrils(c, a, head) -> None:
    nx, ny = head.nose
    box = c.box(nx - 0.2, ny - 0.1, nx + 0.2, ny + 0.13)
    x, y = c.at(box)
    dark = 0.18 * bump(x, y, nx, ny + 0.085, 0.11 * a.nose_width, 0.05)
    for s in (-1, 1):
        wide = a.nose_width * (1 + 0.4 * s * head.side)
        dark = dark + 0.8 * bump(x, y, nx + s * 0.043 * wide, ny + 0.05 - 0.02 * head.nod, 0.036 * wide, 0.021)
        side = ellipse(x, y, nx + s * 0.078 * wide, ny + 0.012, 0.046 * wide, 0.05)
        wing = np.maximum(1 - (side * F(1 / 0.016)) ** 2, 0) * ramp(0, 0.05, s * (x - F(nx)) - F(0.055 * wide))
        dark = dark + 0.2 * wing
    dark = np.minimum(dark, 0.86)
    c.shade(box, 1 - dark * np.array([0.84, 1, 1.04], F).reshape(3, 1, 1))


def _draw_eye(c: Canvas, a: Attributes, light: Light, head: Head, k: int) -> None:
    (ex, ey), w, s = head.eyes[k], head.eye_w[k], (-1, 1)[k]
    box = c.box(ex - 0.2, ey - 0.15, ex + 0.2, ey + 0.13)
    x, y = c.at(box)
    t = (x - F(ex)) * F(1 / w)
    tilt = F(ey) - F(0.012 * s) * t
    arch = np.maximum(1 - t * t, 0)
    squint = 1 - 0.22 * max(a.smile, 0)
    upper = tilt - F(0.053 * a.eye_size * squint) * arch * (1 - 0.18 * s * t)
    lower = tilt + F(0.034 * a.eye_size * squint) * arch
    open_ = c.cover(upper - y) * c.cover(y - lower) * (np.abs(t) < 1)
    ix, iy = ex + 0.1 * head.side * w + 0.004 * s, ey - 0.012
    r = np.sqrt((x - F(ix)) ** 2 + (y - F(iy)) ** 2) * F(1 / (0.051 * (0.6 + 0.4 * a.eye_size)))
    white = srgb(232, 224, 218) * (0.95 - 0.4 * t * t)
    iris = blend(IRIS, a.eye_tone) * (0.75 + 0.9 * ramp(-0.03, 0.04, y - F(iy))) * (1 - 0.7 * ramp(0.7, 1, r))
    colour = white + ramp(1.08, 0.92, r) * (iris - white)
    colour = colour * (1 - 0.97 * ramp(0.5, 0.36, r))
    colour = colour * (0.3 + 0.62 * ramp(0.0, 0.045, y - upper)) * (0.45 + 0.8 * (light.key + light.sky) * 0.5)
    gx, gy = ix + 0.022 * light.x + 0.006, iy - 0.02
    glint = np.minimum(1.6 * bump(x, y, gx, gy, 0.0135, 0.0135), 1)
    colour = colour + glint * (F(0.85) - colour)
    # Lids: crease above, lashes along the upper edge, a faint rim below.
    inside = ramp(1.25, 0.9, np.abs(t))
    crease = np.maximum(1 - ((y - upper + F(0.034)) * F(1 / 0.013)) ** 2, 0) * inside
    c.shade(box, 1 - 0.4 * crease)
    c.paint(box, colour, open_)
    thick = 0.0085 if a.presentation == "masculine" else 0.0135
    lash = np.abs(y - upper + F(0.3 * thick)) - F(thick) * (0.55 + 0.45 * s * t) * ramp(1.1, 0.7, np.abs(t))
    c.paint(box, srgb(34, 24, 20), 0.85 * c.cover(lash, 0.006) * (np.abs(t) < 1.08))
    rim = np.maximum(1 - ((y - lower) * F(1 / 0.011)) ** 2, 0) * ramp(1.05, 0.8, np.abs(t))
    c.shade(box, 1 - 0.34 * rim)


def _draw_brow(c: Canvas, a: Attributes, head: Head, k: int) -> None:
    (ex, ey), w, s = head.eyes[k], head.eye_w[k], (-1, 1)[k]
    box = c.box(ex - 0.24, ey - 0.24, ex + 0.24, ey - 0.02)
    x, y = c.at(box)
    t = (x - F(ex)) * F(s / (1.5 * w))  # -1 at the nose, 1 at the temple
    line = F(ey - 0.118) - 0.026 * np.maximum(1 - (t - 0.3) ** 2, 0) + 0.006 * t
    thick = F(0.021 * a.brow) * (1.05 - 0.6 * ramp(0, 1, t)) * ramp(1.08, 0.8, np.abs(t))
    stroke = c.strands(t * 0.5 + (line - y) * F(5), y * 2, 60)
    d = np.abs(y - line) - thick * (0.5 + 0.8 * stroke)
    colour = 0.35 * hair_colour(a) + 0.3 * blend(HAIR, a.hair_tone) + 0.04 * blend(SKIN, a.skin)
    on_head = ramp(1.0, 0.92, head.outline(x, y, a.jaw))  # the far brow ends where the head does
    c.paint(box, colour, (0.55 + 0.35 * stroke) * c.cover(d, 0.014) * (np.abs(t) < 1.08) * on_head)


def _draw_mouth(c: Canvas, a: Attributes, light: Light, head: Head) -> None:
    (mx, my), w = head.mouth, head.mouth_w
    box = c.box(mx - w - 0.08, my - 0.16, mx + w + 0.08, my + 0.2)
    x, y = c.at(box)
    t = (x - F(mx)) * F(1 / w)
    t2 = np.minimum(t * t, 1.2)
    arch = np.maximum(1 - t * t, 0)
    line = F(my) - F(0.05 * a.smile + 0.008) * t2
    gap = max(a.smile - 0.5, 0) * 0.13
    below = line + F(gap) * arch
    full = 0.75 + 0.25 * arch
    upper = line - F(0.042 * a.lips) * arch * full * (1 - 0.22 * bump(t, 0, 0, 0, 0.25, 1))
    lower = below + F(0.056 * a.lips) * arch * full
    skin = blend(SKIN, a.skin)
    tint = srgb(176, 70, 74) if a.presentation == "feminine" else srgb(160, 88, 80)
    lip = (0.5 + 0.12 * (a.presentation == "feminine")) * tint * (0.55 + 0.45 * (1 - a.skin)) + 0.36 * skin * srgb(
        240, 196, 190
    )
    bright = np.where(
        y < line,
        0.55 + 0.2 * ramp(0.03, 0, line - y),
        0.98 - 0.45 * ramp(0, 1, (y - below) / (lower - below + F(1e-3))),
    )
    bright = bright * (0.9 + 0.25 * light.x * t) + 0.35 * bump(
        x, y, mx + 0.03 * light.x, my + gap + 0.022 * a.lips, 0.09, 0.016
    )
    folds = 1 + 0.1 * (c.strands(t * 0.6, y * 0, 40) - 0.5)
    shape = c.cover(upper - y, 0.008) * c.cover(y - lower, 0.01) * ramp(1.02, 0.9, np.abs(t))
    c.shade(box, 1 - 0.2 * bump(x, y, mx, my + gap + 0.056 * a.lips + 0.03, w * 0.7, 0.035))
    c.paint(box, lip * (bright * folds) * (light.key + light.sky), shape * 0.9)
    if gap:
        tooth = (t * F(6.5) * (1 + 0.25 * t2) + 40.5) % 1 - 0.5
        white = srgb(238, 232, 222) * (0.86 - 0.6 * t2) * (1 - 0.16 * ramp(0.4, 0.5, np.abs(tooth)))
        dark = ramp(0.65, 1.1, (y - line) * F(1 / gap))  # the lower part of the opening lies in shadow
        white = (white * (0.5 + 0.5 * ramp(0, 0.02, y - line))) * (1 - 0.75 * dark)
        c.paint(box, white, c.cover(line - y) * c.cover(y - below) * ramp(1, 0.9, np.abs(t)))
    seam = np.maximum(1 - (np.abs(y - (line if not gap else below)) * F(1 / 0.011)), 0) * ramp(1.08, 0.9, np.abs(t))
    c.shade(box, 1 - (0.35 if gap else 0.72) * seam)
    for s in (-1, 1):
        c.shade(box, 1 - 0.4 * bump(x, y, mx + s * w, my - 0.05 * a.smile, 0.035, 0.03))
