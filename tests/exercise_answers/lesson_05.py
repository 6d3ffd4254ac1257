"""Wrong answers to the exercises of lesson 05."""

from io import BytesIO

import numpy as np
from PIL import Image


def saved(pixels, quality, *, kind="JPEG", **more):
    file = BytesIO()
    Image.fromarray(pixels).save(file, kind, quality=quality, **more)
    return np.array(Image.open(file))


def changed(pixels, quality, *, kind="JPEG", size=np.abs, **more):
    """Exercise 05.1 with room for mistakes."""
    return size(pixels.astype(float) - saved(pixels, quality, kind=kind, **more))


def flat(grey, step, *, middle=128, to_whole=np.rint, clipped=True, far=abs, size=abs, most=255, zero=30):
    """Exercise 05.2 with room for mistakes."""
    back = to_whole(8 * (grey - middle) / step) * step / 8 + middle
    back = np.rint(np.clip(back, 0, 255) if clipped else back)
    d = far(grey - back)
    return back, min(size(80 * d - 30), most) if d else zero


def down(grey, step):
    """Truncates the grey level as well as the coefficient."""
    back = min(max(int(round(8 * (grey - 128) / step) * step / 8 + 128 - 0.5), 0), 255)
    return back, min(abs(80 * abs(grey - back) - 30), 255)


def no_eight(grey, step):
    """Quantises the grey level itself."""
    back = min(max(round((grey - 128) / step) * step + 128, 0), 255)
    return back, min(abs(80 * abs(grey - back) - 30), 255)


def grid(grey, *, shift=1, pick=np.argmax, moved=lambda k: k, size=np.abs):
    """Exercise 05.3 with room for mistakes; entry i of a difference lies before row i + ``shift``."""

    def at(picture):
        between = size(np.diff(picture, axis=0)).mean(axis=1)
        return int(moved(pick([between[(k - shift) % 8 :: 8].mean() for k in range(8)])))

    return at(grey), at(grey.T)


def remains(gain, controls, *, end=0, fails=lambda value: value <= 0, of_gain=0, first=False, told=("no gain",)):
    """Exercise 05.4 with room for mistakes."""
    if of_gain is not None and gain[of_gain] <= 0:
        return list(told)
    names = [name for name, interval in controls.items() if fails(interval[end])]
    return names[:1] if first else names


def by_middle(gain, controls):
    if sum(gain) <= 0:
        return ["no gain"]
    return [name for name, interval in controls.items() if sum(interval) <= 0]


WRONG = {
    "05.1": [
        lambda pixels, quality: (pixels - saved(pixels, quality)).astype(float),  # wraps around
        lambda pixels, quality: np.abs(pixels - saved(pixels, quality)).astype(float),  # so does this
        lambda pixels, quality: changed(pixels, quality, size=lambda d: d),
        lambda pixels, quality: changed(pixels, quality, size=lambda d: np.maximum(d, 0)),
        lambda pixels, quality: changed(pixels, quality, size=np.square),
        lambda pixels, quality: changed(pixels, 75),
        lambda pixels, quality: changed(pixels, quality, kind="PNG"),
        lambda pixels, quality: changed(pixels, quality, subsampling=0),
        lambda pixels, quality: changed(pixels, quality).mean(axis=2),
        lambda pixels, quality: changed(pixels, quality)[..., ::-1],
        lambda pixels, quality: changed(pixels, quality) / max(changed(pixels, quality).max(), 1),
        lambda pixels, quality: changed(pixels, quality) * 255 / max(changed(pixels, quality).max(), 1),
        lambda pixels, quality: changed(saved(pixels, quality), quality),  # saved twice
        lambda pixels, quality: saved(pixels, quality).astype(float),
    ],
    "05.2": [
        lambda grey, step: flat(grey, step, middle=0),
        lambda grey, step: flat(grey, step, to_whole=np.trunc),
        lambda grey, step: flat(grey, step, to_whole=np.floor),
        lambda grey, step: flat(grey, step, clipped=False),
        lambda grey, step: flat(grey, step, far=lambda d: d),
        lambda grey, step: flat(grey, step, size=lambda m: max(m, 0), zero=0),  # subtracts 30 and stops at 0
        lambda grey, step: flat(grey, step, size=lambda m: m, zero=-30),
        lambda grey, step: flat(grey, step, most=np.inf),
        lambda grey, step: flat(grey, step, zero=0),
        lambda grey, step: flat(grey, step)[0],
        lambda grey, step: (flat(grey, step)[0], abs(grey - flat(grey, step)[0])),  # d in place of the map
        lambda grey, step: (grey, 30),  # a flat image does not change
        down,
        no_eight,
    ],
    "05.3": [
        lambda grey: grid(grey, shift=0),
        lambda grey: grid(grey, shift=2),
        lambda grey: grid(grey)[::-1],
        lambda grey: (0, 0),
        lambda grey: grid(grey, moved=lambda k: 7 - k),
        lambda grey: grid(grey, moved=lambda k: -k % 8),  # how much was cut off
        lambda grey: grid(grey, pick=np.argmin),
        lambda grey: grid(grey, size=lambda d: d),  # steps up and down cancel
        lambda grey: (grid(grey)[0],) * 2,
        lambda grey: grid(grey)[0],
    ],
    "05.4": [
        by_middle,
        lambda gain, controls: remains(gain, controls, of_gain=None),
        lambda gain, controls: remains(gain, controls, of_gain=1),
        lambda gain, controls: remains((gain[0] or 0.01, gain[1]), controls),  # a gain that touches zero
        lambda gain, controls: remains(gain, controls, fails=lambda low: low > 0),  # the beaten ones
        lambda gain, controls: remains(gain, controls, end=1),
        lambda gain, controls: remains(gain, controls, fails=lambda low: low < 0),  # touching is beaten
        lambda gain, controls: remains(gain, controls, first=True),
        lambda gain, controls: remains(gain, controls, told=()),
        lambda gain, controls: remains(gain, controls, told=controls),
        lambda gain, controls: [name for name, (low, _) in controls.items() if low <= gain[0]],
        lambda gain, controls: sorted(remains(gain, controls)),
        lambda gain, controls: remains(gain, controls) or ["RGB + RGB"],
        lambda gain, controls: not remains(gain, controls),
    ],
}
