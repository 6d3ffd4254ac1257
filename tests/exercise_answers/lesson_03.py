"""Wrong answers to the exercises of lesson 03."""

import numpy as np


def counted(side, channels, filters, kernel, pool, units, *, bias=1, depth=True, edge=1, keep=True):
    """Exercise 03.1 with room for mistakes."""
    total = 0
    for n in filters:
        total += (kernel * kernel * (channels if depth else 1) + bias) * n
        side, channels = (side - edge * (kernel - 1)) // pool, n
    return total + (side * side * (channels if keep else 1) + bias) * units + units + bias


def dead(side, kernels, pools, *, edge=1, first=1, step=lambda left, pool: left // pool, least=1):
    """Exercise 03.2 with room for mistakes."""
    for number, (kernel, pool) in enumerate(zip(kernels, pools, strict=True), start=first):
        side = step(side - edge * (kernel - 1), pool)
        if side < least:
            return number
    return 0


def dies_of_kernels_alone(side, kernels, pools):
    for number, (kernel, pool) in enumerate(zip(kernels, pools, strict=True), start=1):
        if side < kernel:
            return number
        side = (side - kernel + 1) // pool
    return 0


def z_with(error):
    """Exercise 03.3 with another error of the difference; ``error`` takes the two errors and r."""
    return lambda a, b, error_a, error_b, r: (a - b) / error(error_a, error_b, r)


def put_by(place):
    """Exercise 03.4 with another idea of the order."""
    return lambda scores, order: place(scores, order)


def put(scores, order):
    back = np.empty_like(scores)
    back[order] = scores
    return back


WRONG = {
    "03.1": [
        lambda *network: counted(*network, bias=0),
        lambda *network: counted(*network, depth=False),  # a filter has one layer only
        lambda *network: counted(*network, edge=0),  # as if padded
        lambda *network: counted(*network, keep=False),  # one map is left
        lambda side, channels, filters, kernel, pool, units: counted(side, channels, filters, kernel, 1, units),
        lambda *network: counted(*network) - counted(*network[:-1], 0) - network[-1],  # the dense part alone
        lambda *network: counted(*network) - 1,
        lambda *network: str(counted(*network)),
    ],
    "03.2": [
        lambda *settings: dead(*settings, edge=0),  # as if padded
        lambda *settings: dead(*settings, first=0),
        lambda *settings: dead(*settings, least=2),  # one pixel is enough
        lambda *settings: dead(*settings, step=lambda left, pool: -(-left // pool)),  # rounded up
        lambda *settings: dead(*settings) > 0,  # whether, not which
        dies_of_kernels_alone,
        lambda side, kernels, pools: 0,
        lambda side, kernels, pools: len(kernels),
    ],
    "03.3": [
        z_with(lambda a, b, r: (a**2 + b**2) ** 0.5),  # unpaired
        z_with(lambda a, b, r: (a**2 + b**2 + 2 * r * a * b) ** 0.5),
        z_with(lambda a, b, r: (a**2 + b**2 - r * a * b) ** 0.5),
        z_with(lambda a, b, r: a**2 + b**2 - 2 * r * a * b),  # no root
        z_with(lambda a, b, r: a + b),
        lambda a, b, error_a, error_b, r: abs(a - b) / (error_a**2 + error_b**2) ** 0.5,
        lambda a, b, error_a, error_b, r: a - b,
    ],
    "03.4": [
        put_by(lambda scores, order: scores[order]),  # shuffles once more
        put_by(lambda scores, order: scores),
        put_by(lambda scores, order: np.sort(scores)),
        put_by(lambda scores, order: put(scores, order).tolist()),
        put_by(lambda scores, order: put(scores, order)[::-1]),
        put_by(lambda scores, order: order),
    ],
}
