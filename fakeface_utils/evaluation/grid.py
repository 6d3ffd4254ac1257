"""A detector's scores on a set of images under every perturbation at every strength, each computed once and kept.

A *cell* is a perturbation at one strength, such as ``("JPEG", 75)``; ``UNCHANGED`` is the images as they are. What the
scores say is for ``robustness``.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from tqdm import tqdm

from fakeface_utils.datasets import perturb
from fakeface_utils.datasets.perturb import PERTURBATIONS, Perturbation

VERSION = 1  # raised when the same detector and images would be scored in another way
UNCHANGED = ("none", 0.0)

Cell = tuple[str, float]
Change = Callable[[np.ndarray], np.ndarray]


def score_grid(
    detector: Callable[[np.ndarray], np.ndarray],
    images: Sequence[np.ndarray],
    cache_dir: str | Path,
    *,
    detector_key: str,
    table: Mapping[str, Perturbation] = PERTURBATIONS,
    batch_size: int = 64,
) -> dict[Cell, np.ndarray]:
    """A detector's scores on images under every perturbation at every strength, and as they are.

    Each cell is kept when it is finished: what was interrupted loses one cell, and a second call computes nothing.
    Several processes may ask at once. A cell is found again by the detector's key, the images' pixels, and what the
    perturbation makes of the first image, so that a changed function or another Pillow is not taken for the old one.
    Memory holds one batch, whatever the number of images.

    Args:
        detector: uint8 (b, h, w, 3) in 0-255 -> (b,) or (b, 1) scores, higher for fake.
        images: (n, h, w, 3) uint8 at their stored size, or anything with a length that gives image i for ``[i]``; all
            of one size.
        cache_dir: they are kept in a folder ``robustness`` in it.
        detector_key: what tells this detector from all others: a hash of its weights and how it is fed, for example
            ``f"{weights_hash(model)} five crops of 128"``. Two detectors with one key would get the same scores.
        table: perturbations by name. batch_size: images a call of the detector.

    Returns:
        cell -> (n,) float64, ``UNCHANGED`` first, then by perturbation from mild to strong.

    Raises:
        ValueError: no image, images of several sizes, no key, or a detector that does not give one finite number an
            image (the cell is named).
    """
    from fakeface_utils.training import store  # it loads Keras, which nothing else here needs

    if not detector_key or not len(images) or UNCHANGED[0] in table:
        raise ValueError(
            f"need a key of the detector, at least one image, and no perturbation called {UNCHANGED[0]!r}: got "
            f"{detector_key!r}, {len(images)} images, {', '.join(table)}"
        )
    what = json.dumps([VERSION, detector_key, _digest(images)])
    folder, found = Path(cache_dir) / "robustness" / hashlib.sha256(what.encode()).hexdigest()[:24], {}
    cells = [UNCHANGED, *((name, strength) for name, asked in table.items() for strength in asked.strengths)]
    with tqdm(total=len(cells) * len(images), desc="robustness", unit=" images") as bar:
        for cell in cells:
            change = _unchanged if cell == UNCHANGED else _at(table[cell[0]], cell[1])
            first = hashlib.sha256(change(images[0])).hexdigest()
            name = hashlib.sha256(json.dumps([perturb.VERSION, *cell, first]).encode()).hexdigest()[:24]
            path = folder / f"{name}.npy"
            if (kept := _kept(path, len(images))) is None:
                with store.lock(folder):
                    # Asked again: perhaps the process we waited for has computed it.
                    if (kept := _kept(path, len(images))) is None:
                        kept = _score(detector, images, change, batch_size, cell, bar)
                        with store.whole(path) as beside:
                            np.save(beside, kept)
            found[cell] = kept
            bar.update((len(found) * len(images)) - bar.n)
    return found


def _unchanged(image: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(image)


def _at(asked: Perturbation, strength: float) -> Change:
    return lambda image: np.ascontiguousarray(asked(image, strength))


def _digest(images: Sequence[np.ndarray]) -> str:
    total, shape = hashlib.sha256(), np.shape(images[0])
    for number in range(len(images)):
        image = np.asarray(images[number])
        if image.shape != shape or image.dtype != np.uint8:
            raise ValueError(
                f"image {number} is {image.dtype} {image.shape}, the first is {shape}: a grid takes uint8 images of "
                "one size; make one grid for each size"
            )
        total.update(np.ascontiguousarray(image))
    return f"{len(images)} {shape} {total.hexdigest()}"


def _score(
    detector: Callable, images: Sequence[np.ndarray], change: Change, batch_size: int, cell: Cell, bar: tqdm
) -> np.ndarray:
    scores = np.empty(len(images))
    with ThreadPoolExecutor(os.cpu_count()) as pool:  # Pillow and SciPy let go of Python's lock
        for start in range(0, len(images), batch_size):
            rows = range(start, min(start + batch_size, len(images)))
            batch = np.stack(list(pool.map(lambda row: change(images[row]), rows)))
            given = np.asarray(detector(batch), float)
            if given.shape not in ((len(rows),), (len(rows), 1)) or not np.isfinite(given).all():
                raise ValueError(
                    f"{cell[0]} at {cell[1]:g}: a detector gives one finite number an image, this one gave shape "
                    f"{given.shape} for {len(rows)} images, {int((~np.isfinite(given)).sum())} of them not finite"
                )
            scores[rows] = given.ravel()
            bar.update(len(rows))
    return scores


def _kept(path: Path, n: int) -> np.ndarray | None:
    """Scores out of a file; None where it is none that we wrote."""
    try:
        scores = np.load(path)
    except (OSError, ValueError, EOFError):
        return None
    return scores if scores.shape == (n,) and scores.dtype == float else None
