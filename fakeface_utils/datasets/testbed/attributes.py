"""What a portrait shows, as plain values that a lesson can read, count and fix."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

CHOICES: dict[str, dict[str, float]] = {
    "glasses": {"none": 0.70, "clear": 0.20, "dark": 0.10},
    "hat": {"none": 0.83, "hat": 0.10, "hood": 0.07},
    "background": {"plain": 0.20, "gradient": 0.20, "dark": 0.15, "bokeh": 0.25, "textured": 0.20},
    "obstruction": {"none": 0.92, "microphone": 0.03, "hand": 0.025, "scarf": 0.025},
    "presentation": {"feminine": 0.5, "masculine": 0.5},
}
HAIR = {
    "feminine": {"long": 0.36, "wavy": 0.24, "bun": 0.16, "fringe": 0.12, "short": 0.06, "curly": 0.06},
    "masculine": {"short": 0.42, "side": 0.28, "curly": 0.10, "bald": 0.12, "long": 0.08},
}
BEARD = {"none": 0.52, "stubble": 0.20, "moustache": 0.08, "full": 0.20}


@dataclass(frozen=True)
class Attributes:
    """All parameters of one portrait. Angles are in degrees, light is a direction, the rest has no unit.

    Shape parameters are factors around 1 or shares in 0..1; `texture_seed` fixes hair strands, skin and background.
    """

    glasses: str
    hat: str
    background: str
    obstruction: str
    presentation: str
    hair: str
    beard: str
    age: float  # years, 18..78
    skin: float  # 0 light .. 1 deep
    hair_tone: float  # 0 black .. 1 blond; grey comes with age
    eye_tone: float  # 0 dark brown .. 1 light blue
    smile: float  # -0.1 .. 1; above 0.5 on the teeth show
    yaw: float  # -22 .. 22, positive turns to the right of the picture
    pitch: float  # -9 .. 9, positive looks down
    roll: float  # -7 .. 7
    light_x: float  # -1 from the left .. 1 from the right
    light_y: float  # -1 from above .. 0.2
    warmth: float  # -1 cool .. 1 warm light
    face_width: float
    jaw: float  # 0 pointed .. 1 square
    chin: float
    eye_size: float
    eye_gap: float
    brow: float  # thickness
    nose_width: float
    nose_length: float
    lips: float  # fullness
    mouth_width: float
    hair_volume: float
    hairline: float
    outfit: float  # 0..1 picks colour and collar
    hue: float  # 0..1 picks the background's colour
    texture_seed: int


def _bell(rng: np.random.Generator, middle: float, spread: float, low: float, high: float) -> float:
    """One rounded draw around `middle`, kept inside low..high; the sum of uniforms needs no library function."""
    draw = middle + spread * (rng.random() + rng.random() + rng.random() - 1.5) * 2
    return round(min(max(draw, low), high), 4)


def _pick(rng: np.random.Generator, shares: dict[str, float]) -> str:
    mark, reached = rng.random() * sum(shares.values()), 0.0
    for name, share in shares.items():
        reached += share
        if mark < reached:
            return name
    return name


def draw_attributes(rng: np.random.Generator, **fixed: object) -> Attributes:
    """Draw one portrait's parameters.

    Args:
        rng: the only source of chance.
        **fixed: attributes to hold, for example ``glasses="dark"``. The others are drawn as if nothing were held,
            so the same generator state gives the same person with and without glasses.

    Raises:
        ValueError: for an unknown attribute or an unknown value of one.
    """
    names = {field.name for field in fields(Attributes)}
    allowed = {name: set(shares) for name, shares in CHOICES.items()}
    allowed |= {"hair": {*HAIR["feminine"], *HAIR["masculine"]}, "beard": set(BEARD)}
    for name, value in fixed.items():
        if name not in names:
            raise ValueError(f"unknown attribute {name!r}; known are {sorted(names)}")
        if name in allowed and value not in allowed[name]:
            raise ValueError(f"{name}={value!r} is not one of {sorted(allowed[name])}")
    drawn = {name: _pick(rng, shares) for name, shares in CHOICES.items()}
    presentation = str(fixed.get("presentation", drawn["presentation"]))
    man = presentation == "masculine"
    drawn["hair"] = _pick(rng, HAIR[presentation])
    beard = _pick(rng, BEARD)
    drawn["beard"] = beard if man else "none"
    age = round(18 + 60 * rng.random() * (0.45 + 0.55 * rng.random()), 1)
    skin = round(rng.random() ** 2 * 0.98, 4)
    fair = max(0.0, 1 - 2.2 * skin)
    values = {
        "age": age,
        "skin": skin,
        "hair_tone": round(rng.random() * (0.25 + 0.75 * fair), 4),
        "eye_tone": round(rng.random() * (0.15 + 0.85 * fair), 4),
        "smile": _bell(rng, 0.5, 0.34, -0.1, 1),
        "yaw": _bell(rng, 0, 12, -22, 22),
        "pitch": _bell(rng, 0, 5, -9, 9),
        "roll": _bell(rng, 0, 4, -7, 7),
        "light_x": _bell(rng, 0, 0.6, -1, 1),
        "light_y": _bell(rng, -0.55, 0.3, -1, 0.2),
        "warmth": _bell(rng, 0.1, 0.5, -1, 1),
        "face_width": _bell(rng, 1.02 if man else 0.97, 0.06, 0.85, 1.15),
        "jaw": _bell(rng, 0.62 if man else 0.34, 0.25, 0, 1),
        "chin": _bell(rng, 1.02 if man else 0.98, 0.05, 0.88, 1.12),
        "eye_size": _bell(rng, 0.96 if man else 1.05, 0.08, 0.8, 1.25),
        "eye_gap": _bell(rng, 1, 0.04, 0.92, 1.08),
        "brow": _bell(rng, 1.25 if man else 0.8, 0.25, 0.45, 1.8),
        "nose_width": _bell(rng, 1.03 if man else 0.94, 0.12, 0.7, 1.35),
        "nose_length": _bell(rng, 1, 0.07, 0.85, 1.15),
        "lips": _bell(rng, 0.88 if man else 1.1, 0.2, 0.5, 1.6),
        "mouth_width": _bell(rng, 1, 0.1, 0.8, 1.2),
        "hair_volume": _bell(rng, 1, 0.3, 0.5, 1.6),
        "hairline": _bell(rng, 1, 0.12, 0.75, 1.25),
        "outfit": round(rng.random(), 4),
        "hue": round(rng.random(), 4),
        "texture_seed": int(rng.integers(0, 2**31)),
    }
    return Attributes(**{**drawn, **values, **fixed})
