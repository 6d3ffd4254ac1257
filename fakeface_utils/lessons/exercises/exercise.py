"""What one exercise of the level *fill in* is made of."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np


@dataclass(frozen=True)
class Exercise:
    """What an exercise expects.

    Attributes:
        number: as the lesson prints it, ``"01.1"``.
        reference: the kit's own function, which also computes the expected answers.
        cases: for each call, its arguments; small enough to be printed and followed by hand.
        hint: where to look when a case fails.
        hidden: makes the arguments of one more call, for grading. They must be of the kind of the shown cases:
            every edge among these comes up often, and nothing that they and the lesson leave open does.
    """

    number: str
    reference: Callable
    cases: tuple[tuple, ...]
    hint: str
    hidden: Callable[[np.random.Generator], tuple]

    def drawn(self, seed: int, n: int = 20) -> Exercise:
        """The same exercise with ``n`` hidden cases for the shown ones; a seed always gives the same."""
        rng = np.random.default_rng([seed, *(int(part) for part in self.number.split("."))])
        return replace(self, cases=tuple(self.hidden(rng) for _ in range(n)))
