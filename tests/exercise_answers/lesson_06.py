"""Wrong answers to the exercises of lesson 06."""

import math

import numpy as np


def taps(length, kernel, stride, *, step=None, reach=None, inputs=None, size=None):
    """Exercise 06.1 with room for mistakes."""
    size = (length - 1) * stride + kernel if size is None else size
    reached = [0] * size
    for i in range(length if inputs is None else inputs):
        for j in range(kernel if reach is None else reach):
            at = i * (stride if step is None else step) + j
            if at < size:
                reached[at] += 1
    return reached


def without_borders(length, kernel, stride):
    """What an output in the middle gets, for all of them."""
    return [len(range(o % stride, kernel, stride)) for o in range((length - 1) * stride + kernel)]


def cut_to_size(length, kernel, stride):
    """As with padding "same": as many outputs as inputs times the stride, cut from both ends."""
    reached, rest = taps(length, kernel, stride), max(kernel - stride, 0)
    return reached[rest // 2 : len(reached) - (rest - rest // 2)]


def mmd(real, fake, *, power=3, plus=1, scale=None, itself=False, pairs=True, twice=2, matched=False, cross=None):
    """Exercise 06.2 with room for mistakes."""

    def kernel(a, b):
        return (a @ b.T / (a.shape[1] if scale is None else scale) + plus) ** power

    total = 0.0
    for rows in (real, fake):
        values, n = kernel(rows, rows), len(rows)
        total += (values.sum() - (0 if itself else np.trace(values))) / (n * (n - 1) if pairs else n * n)
    between = kernel(real, fake)
    if matched:  # picture i of one set is not paired with picture i of the other
        between = between[~np.eye(*between.shape, dtype=bool)]
    return float(total - twice * (between.mean() if cross is None else between.sum() / cross))


def shorter(real, fake, **how):
    n = min(len(real), len(fake))
    return mmd(real[:n], fake[:n], **how)


def of_means(real, fake):
    return float(((real.mean(axis=0) - fake.mean(axis=0)) ** 2).sum())


def pooled(real, fake):
    """One mean over the pairs of both sets, in place of the sum of two means."""

    def kernel(a, b):
        return (a @ b.T / a.shape[1] + 1) ** 3

    within = np.concatenate([kernel(rows, rows)[~np.eye(len(rows), dtype=bool)] for rows in (real, fake)])
    return float(2 * within.mean() - 2 * kernel(real, fake).mean())


def one(share, pictures, *, chance=None, level=0.95, whole=math.ceil, of_none=None, of_all=1):
    """Exercise 06.3 with room for mistakes."""
    found = (1 - (1 - share) ** pictures) if chance is None else chance(share, pictures)
    if share in (0, 1):
        return found, of_all if share else of_none
    return found, whole(math.log(1 - level) / math.log(1 - share))


def by_expectation(share, pictures):
    """So many that .95 of a picture is called fake on average."""
    return 1 - (1 - share) ** pictures, math.ceil(0.95 / share) if share else None


def all_of_them(share, pictures):
    """The chance that all are called fake, and how many pictures bring it below .95."""
    needed = 1
    while 0 < share < 1 and share**needed >= 0.95:
        needed += 1
    return share**pictures, needed if share else None


WRONG = {
    "06.1": [
        lambda length, kernel, stride: taps(length, stride, kernel),
        lambda length, kernel, stride: taps(length, kernel, 1),  # the stride forgotten
        lambda length, kernel, stride: taps(length, kernel, stride, step=1),
        lambda length, kernel, stride: taps(length, kernel, stride, step=kernel, size=length * kernel),
        lambda length, kernel, stride: taps(length, kernel, stride, size=length * stride),  # padding "same"
        lambda length, kernel, stride: taps(length, kernel, stride, size=length * stride + max(kernel - stride, 0)),
        lambda length, kernel, stride: taps(length, kernel, stride, size=length * stride + kernel),
        lambda length, kernel, stride: taps(length, kernel, stride, reach=kernel - 1),
        lambda length, kernel, stride: taps(length, kernel, stride, reach=kernel + 1),
        lambda length, kernel, stride: taps(length, kernel, stride, inputs=length - 1),
        lambda length, kernel, stride: [min(n, 1) for n in taps(length, kernel, stride)],
        lambda length, kernel, stride: [n for n in taps(length, kernel, stride) if n],  # gaps left out
        lambda length, kernel, stride: [max(n, 1) for n in taps(length, kernel, stride)],  # gaps filled
        lambda length, kernel, stride: [kernel // stride] * ((length - 1) * stride + kernel),
        lambda length, kernel, stride: [-(-kernel // stride)] * ((length - 1) * stride + kernel),
        lambda length, kernel, stride: [kernel] * length,  # what an input feeds, not what feeds an output
        lambda length, kernel, stride: sorted(taps(length, kernel, stride)),
        lambda length, kernel, stride: sum(taps(length, kernel, stride)),
        without_borders,
        cut_to_size,
    ],
    "06.2": [
        lambda real, fake: mmd(real, fake, itself=True),
        lambda real, fake: mmd(real, fake, itself=True, pairs=False),  # the biased mean
        lambda real, fake: mmd(real, fake, pairs=False),
        lambda real, fake: mmd(real, fake, twice=1),
        lambda real, fake: mmd(real, fake, twice=-2),
        lambda real, fake: mmd(real, fake, scale=1),
        lambda real, fake: mmd(real, fake, scale=len(real)),
        lambda real, fake: mmd(real, fake, power=2),
        lambda real, fake: mmd(real, fake, power=1),
        lambda real, fake: mmd(real, fake, plus=0),
        lambda real, fake: mmd(real, fake, matched=True),
        lambda real, fake: mmd(real, fake, cross=len(real) ** 2),
        lambda real, fake: abs(mmd(real, fake)),
        lambda real, fake: max(mmd(real, fake), 0.0),
        lambda real, fake: math.sqrt(max(mmd(real, fake), 0.0)),
        lambda real, fake: -mmd(real, fake),
        lambda real, fake: mmd(real, fake) / 2,
        shorter,
        of_means,
        pooled,
    ],
    "06.3": [
        lambda share, pictures: one(share, pictures, chance=lambda s, n: s * n),
        lambda share, pictures: one(share, pictures, chance=lambda s, n: min(s * n, 1.0)),
        lambda share, pictures: one(share, pictures, chance=lambda s, n: s**n),  # all of them
        lambda share, pictures: one(share, pictures, chance=lambda s, n: 1 - s**n),  # not all of them
        lambda share, pictures: one(share, pictures, chance=lambda s, n: (1 - s) ** n),  # none of them
        lambda share, pictures: one(share, pictures, chance=lambda s, n: n * s * (1 - s) ** (n - 1)),  # exactly one
        lambda share, pictures: one(share, pictures, chance=lambda s, n: s),  # as if one were looked at
        lambda share, pictures: one(share, pictures, whole=math.floor),
        lambda share, pictures: one(share, pictures, whole=round),
        lambda share, pictures: one(share, pictures, whole=lambda n: n),
        lambda share, pictures: one(share, pictures, level=0.05),
        lambda share, pictures: one(share, pictures, level=0.99),
        lambda share, pictures: one(share, pictures, of_none=0),
        lambda share, pictures: one(share, pictures, of_none=math.inf),
        lambda share, pictures: one(share, pictures, of_all=0),  # log(0) in the divisor
        lambda share, pictures: one(share, pictures, of_all=None),
        lambda share, pictures: one(share, pictures)[::-1],
        lambda share, pictures: one(share, pictures)[0],
        by_expectation,
        all_of_them,
    ],
}
