"""Exercises of lesson 01: names, leaks and JPEG's blocks."""

from __future__ import annotations

import numpy as np
import pandas as pd

from fakeface_utils.datasets import groups, layouts
from fakeface_utils.forensics import shortcuts
from fakeface_utils.lessons.exercises.exercise import Exercise


def _any_name(rng: np.random.Generator) -> tuple[str]:
    bits = "".join(rng.choice(["0", "1"], size=4))
    return (f"{rng.choice(['easy', 'mid', 'hard'])}_{rng.integers(1, 1500)}_{bits}.jpg",)


def _small_index(rows: list[tuple[str, str, int]]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["name", "split", "group"])


def _any_index(rng: np.random.Generator) -> tuple[pd.DataFrame]:
    """Four to nine images, among them one of train and one of test, with few enough groups that some leak."""
    n = int(rng.integers(4, 10))
    splits = ["train", "test", *rng.choice(["train", "valid", "test"], size=n - 2)]
    numbers = rng.integers(0, n, size=n)
    return (_small_index([("abcdefghi"[i], str(splits[i]), int(numbers[i])) for i in rng.permutation(n)]),)


def _grid_with_step(step: float, side: int = 9) -> np.ndarray:
    """An image of grey levels that rise by ``step`` at every border between two 8 x 8 blocks."""
    return np.tile(100.0 + step * (np.arange(side) // 8), (side, 1))


def _ramp() -> np.ndarray:
    return np.add.outer(np.arange(10.0), 2 * np.arange(10.0))


def _any_grey(rng: np.random.Generator) -> tuple[np.ndarray]:
    """Square like the shown ones, but of one to three blocks: steps along columns, along rows, noise."""
    side = int(rng.integers(9, 27))
    grid = _grid_with_step(float(rng.integers(-30, 31)), side)
    noise = rng.integers(0, 20, size=(side, side)).astype(float)
    return (np.ascontiguousarray(grid.T if rng.random() < 0.5 else grid) + noise * rng.integers(0, 2),)


EXERCISES = (
    Exercise(
        "01.1",
        layouts.read_fake_name,
        (("easy_27_1000.jpg",), ("hard_127_0011.jpg",), ("mid_9_1110.jpg",), ("mid_4_0000.jpg",)),
        "the name is difficulty_number_bits.jpg; bit i belongs to layouts.PARTS[i]",
        _any_name,
    ),
    Exercise(
        "01.2",
        groups.share_leaked,
        (
            (_small_index([("a", "train", 0), ("b", "test", 0), ("c", "test", 1), ("d", "train", 2)]),),
            (_small_index([("a", "train", 0), ("b", "train", 0), ("c", "test", 1), ("d", "valid", 1)]),),
            (_small_index([("a", "train", 0), ("b", "test", 0), ("c", "test", 0), ("d", "test", 3)]),),
        ),
        "count test images whose group number also occurs among the training images",
        _any_index,
    ),
    Exercise(
        "01.3",
        shortcuts.blockiness,
        (
            (_grid_with_step(30.0),),
            (_grid_with_step(-30.0),),
            (np.full((9, 9), 50.0),),
            (_ramp(),),
            (_grid_with_step(30.0).T.copy(),),
        ),
        "the differences across columns 7|8 (and 15|16, ...) and rows 7|8 are on the grid, all others are not",
        _any_grey,
    ),
)
