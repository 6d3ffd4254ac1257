"""Exercises of lesson 05: a second save, the map of a flat image, JPEG's grid, what controls leave of a claim."""

from __future__ import annotations

from io import BytesIO

import numpy as np
from PIL import Image

from fakeface_utils.datasets.resave import error_level
from fakeface_utils.lessons.exercises.exercise import Exercise

BLOCK = 8
# First entries of the brightness table at qualities 98, 95, 90, 85, 80, 75, 60, 50, 40, 30, 20, 10 and 5 of Pillow.
STEPS = (1, 2, 3, 5, 6, 8, 13, 16, 20, 27, 40, 80, 160)

Interval = tuple[float, float]  # (low, high) of a difference in AUC


def _any_pixels(rng: np.random.Generator) -> tuple[np.ndarray, int]:
    """Colours side by side that no save can keep, and a quality that is not the usual 75."""
    size = (*rng.integers(2, 6, 2), 3)
    return rng.integers(0, 256, size).astype(np.uint8), int(rng.choice([10, 30, 50, 60, 85, 90, 95]))


def _map_of_flat(grey: int, step: int) -> tuple[int, int]:
    multiples = np.rint(BLOCK * (grey - 128) / step)
    back = int(np.clip(np.rint(multiples * step / BLOCK) + 128, 0, 255))
    return back, min(abs(80 * abs(grey - back) - 30), 255)


def halfway(grey: int, step: int) -> bool:
    """Whether a coefficient or the grey level that comes back lies halfway, where the task names no direction."""
    coefficient = BLOCK * (grey - 128)
    kept = int(np.rint(coefficient / step)) * step
    return 2 * coefficient % (2 * step) == step or 2 * kept % (2 * BLOCK) == BLOCK


def _any_flat(rng: np.random.Generator) -> tuple[int, int]:
    """A quarter with any step, half with a coarse one, a quarter that would leave 0 to 255; none halfway."""
    while True:
        kind = rng.choice(3, p=[0.25, 0.5, 0.25])
        step = int(rng.choice((STEPS, [80, 160], [80])[kind]))
        grey = int(rng.choice([0, 1, 2, 254, 255]) if kind == 2 else rng.integers(0, 256))
        if not halfway(grey, step):
            return grey, step


def _bends(grey: np.ndarray) -> np.ndarray:
    """Mean absolute difference across the border before row k, k + 8, ..., for k = 0 ... 7."""
    between = np.abs(np.diff(grey, axis=0)).mean(axis=1)  # entry i lies before row i + 1
    return np.array([between[(k - 1) % BLOCK :: BLOCK].mean() for k in range(BLOCK)])


def _grid(grey: np.ndarray) -> tuple[int, int]:
    return int(_bends(grey).argmax()), int(_bends(grey.T).argmax())


def _cropped(rng: np.random.Generator, top: int, left: int, quality: int) -> np.ndarray:
    """A soft light from one side and sensor noise, saved as JPEG; ``top`` rows and ``left`` columns are cut off."""
    h, w = 48 + top, 56 + left
    light = 120 + np.add.outer(*(float(rng.uniform(20, 60)) * np.linspace(-1, 1, n) for n in (h, w)))
    file = BytesIO()
    noisy = np.clip(light + rng.normal(0, 6, (h, w)), 0, 255).astype(np.uint8)
    Image.fromarray(noisy).save(file, "JPEG", quality=quality)
    return np.asarray(Image.open(file), dtype=float)[top:, left:]


def _any_crop(rng: np.random.Generator) -> tuple[np.ndarray]:
    """A crop whose grid stands out: at no other place do neighbours differ nearly as much."""
    while True:
        cut = rng.integers(0, BLOCK, 2)
        grey = _cropped(rng, *map(int, cut), quality=int(rng.integers(30, 51)))
        ranked = [np.sort(bends)[::-1] for bends in (_bends(grey), _bends(grey.T))]
        if _grid(grey) == tuple((-cut) % BLOCK) and all(first > 1.2 * second for first, second, *_ in ranked):
            return (grey,)


def _what_remains(gain: Interval, controls: dict[str, Interval]) -> list[str]:
    if gain[0] <= 0:
        return ["no gain"]
    return [name for name, (low, _) in controls.items() if low <= 0]


def _any_claim(rng: np.random.Generator) -> tuple[Interval, dict[str, Interval]]:
    """A claim that stands, a gain that touches 0, or anything; two to four controls, in no order."""

    def interval(kinds: str) -> Interval:
        kind, width = rng.choice(list(kinds)), int(rng.integers(2, 9))
        low = {"+": int(rng.integers(1, 5)), "0": 0, "?": -int(rng.integers(1, width)), "-": -width - 1}[kind]
        return low / 100, (low + width) / 100

    named = rng.permutation(["RGB + RGB", "ELA + ELA", "RGB + noise", "RGB + saved again", "RGB, more units"])
    of_gain, of_control = (("+", "+"), ("0", "+0?-"), ("+++++?-", "+0?-"))[rng.choice(3, p=[0.25, 0.2, 0.55])]
    controls = {str(name): interval(of_control) for name in named[: rng.integers(2, 5)]}
    return interval(of_gain), controls


_EDGE = np.array([[[200, 180, 160], [210, 40, 30]], [[20, 60, 120], [15, 10, 5]]], dtype=np.uint8)
_SOFT = np.array([[[90, 95, 100], [93, 98, 102], [99, 103, 110]]] * 2, dtype=np.uint8)
_WON = (0.01, 0.05)

EXERCISES = (
    Exercise(
        "05.1",
        error_level,
        ((_EDGE, 50), (_EDGE, 95), (_SOFT, 20), (np.full((2, 2, 3), 77, dtype=np.uint8), 30)),
        "save into a BytesIO with format JPEG and this quality, open it again; make both arrays float before you "
        "subtract, and take the absolute value",
        _any_pixels,
    ),
    Exercise(
        "05.2",
        _map_of_flat,
        ((128, 16), (130, 3), (100, 40), (137, 27), (222, 80), (1, 160), (254, 80), (0, 80), (50, 13)),
        "how many steps is 8 * (grey - 128)? Round that, go the way back, then clip; at d = 0 the map is not 0",
        _any_flat,
    ),
    Exercise(
        "05.3",
        _grid,
        tuple(
            (_cropped(np.random.default_rng(seed), *cut, quality=quality),)
            for seed, (cut, quality) in enumerate((((0, 0), 30), ((3, 6), 30), ((5, 0), 40), ((4, 7), 40)))
        ),
        "the difference of rows i and i + 1 is before row i + 1; take the mean over borders 8 apart: the grid's is "
        "the largest",
        _any_crop,
    ),
    Exercise(
        "05.4",
        _what_remains,
        (
            (_WON, {"RGB + RGB": (0.02, 0.04), "ELA + ELA": (0.03, 0.09)}),
            (_WON, {"RGB + RGB": (-0.01, 0.05), "ELA + ELA": (0.01, 0.02), "RGB + noise": (-0.04, -0.01)}),
            (_WON, {"RGB + RGB": (0.0, 0.03), "RGB + noise": (0.01, 0.05)}),
            ((-0.01, 0.06), {"RGB + RGB": (-0.02, 0.03)}),
            ((0.0, 0.04), {"RGB + RGB": (0.01, 0.03)}),
            (_WON, {"RGB + noise": (0.01, 0.05), "RGB + RGB": (-0.03, 0.01), "ELA + ELA": (-0.01, 0.06)}),
        ),
        "an interval lies wholly above zero when its lower end does; first look at the gain, then at each control",
        _any_claim,
    ),
)
