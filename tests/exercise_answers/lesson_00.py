"""Wrong answers to the exercises of lesson 00."""

from math import comb

import numpy as np
from scipy.stats import binom, norm


def ways(right, pairs, first=0, last=1):
    """Exercise 00.1 with room for mistakes: from ``right + first`` up to ``pairs + last``, that one left out."""
    return sum(comb(pairs, k) for k in range(right + first, pairs + last)) / 2**pairs


def labels(class_names, numbers, is_one=lambda name: "fake" in name):
    """Exercise 00.2 with room for mistakes."""
    return np.array([int(is_one(class_names[number])) for number in numbers])


WRONG = {
    "00.1": [
        lambda right, pairs: ways(right, pairs, first=1),  # more than, not at least
        lambda right, pairs: ways(right, pairs, last=0),  # range leaves its end out
        lambda right, pairs: comb(pairs, right) / 2**pairs,  # exactly so many
        lambda right, pairs: 1 - ways(right, pairs),  # fewer
        lambda right, pairs: float(binom.cdf(right, pairs, 0.5)),  # at most
        lambda right, pairs: ways(right, pairs) * 2**pairs,  # ways, no share
        lambda right, pairs: 100 * ways(right, pairs),
        lambda right, pairs: min(1.0, 2 * ways(right, pairs)),  # two sides
        lambda right, pairs: float(norm.sf((right - 0.5 - pairs / 2) / (pairs**0.5 / 2))),  # about
        lambda right, pairs: float((np.random.default_rng(0).binomial(pairs, 0.5, 10_000) >= right).mean()),
        lambda right, pairs: 0.5**right,  # the first so many, whatever the others
        lambda right, pairs: right / pairs,
    ],
    "00.2": [
        lambda class_names, numbers: numbers,  # the loader's own
        lambda class_names, numbers: 1 - numbers,  # right for alphabetical names only
        lambda class_names, numbers: labels(class_names, numbers, lambda name: "real" in name),
        lambda class_names, numbers: labels(class_names, numbers, lambda name: name == "fake"),
        lambda class_names, numbers: labels(class_names, numbers, lambda name: name.startswith("fake")),
        lambda class_names, numbers: labels(sorted(class_names), numbers),
        lambda class_names, numbers: np.array([class_names[number] for number in numbers]),  # names
        lambda class_names, numbers: labels(class_names, numbers).tolist(),  # no array
        lambda class_names, numbers: labels(class_names, np.unique(numbers)),  # a label a class
    ],
}
