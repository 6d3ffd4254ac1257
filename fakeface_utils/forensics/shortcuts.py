"""Shortcut probes: features that say nothing about a face, and a small classifier that tries them.

If one of them tells real from fake, a detector may have learnt it instead of faces. Known cases: JPEG tables
(DIRE, issue 11; Grommelt et al. 2024), brightness, borders, file names.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from fakeface_utils.datasets.splits import make_folds
from fakeface_utils.forensics.metadata import metadata_table

BLOCK = 8  # pixels: the side of a JPEG block


def metadata_features(index: pd.DataFrame) -> np.ndarray:
    """All of :func:`metadata_table` as numbers, (n, features): sizes and counts, texts one-hot, no file name."""
    table = metadata_table(index)
    table = table.assign(software=table["software"] != "", camera=table["camera"] != "", date=table["date"] != "")
    table[["luma_mean", "quality"]] = table[["luma_mean", "quality"]].fillna(0)
    return pd.get_dummies(table).to_numpy(dtype=float)


def table_features(index: pd.DataFrame) -> np.ndarray:
    """Which JPEG quantisation tables a file has, one-hot, (n, tables); nothing else."""
    return pd.get_dummies(metadata_table(index)["tables"]).to_numpy(dtype=float)


def name_features(index: pd.DataFrame) -> np.ndarray:
    """Length of the file's name without folder and suffix, and the share of digits in it, (n, 2)."""
    stems = [Path(name).stem for name in index["name"]]
    return np.array([(len(stem), sum(c.isdigit() for c in stem) / len(stem)) for stem in stems], dtype=float)


def thumbnail(rgb: np.ndarray) -> np.ndarray:
    """The image reduced to 8 x 8 pixels by area means, (192,) in 0-255: light, tone, composition."""
    return _shrink(rgb, 8).ravel()


def colour_histogram(rgb: np.ndarray) -> np.ndarray:
    """Share of pixels in 16 equal steps of each channel, (48,) in 0-1: colour and tone without position."""
    return (
        np.concatenate([np.bincount(rgb[..., c].ravel() >> 4, minlength=16) for c in range(3)]) / rgb[..., 0].size
    )


def border_ring(rgb: np.ndarray) -> np.ndarray:
    """Colour along the outer ring, a twelfth of the side wide, (132,) in 0-255: background, no face."""
    small = _shrink(rgb, 12)
    ring = np.ones((12, 12), dtype=bool)
    ring[1:-1, 1:-1] = False
    return small[ring].ravel()


def blockiness_features(rgb: np.ndarray) -> np.ndarray:
    """:func:`blockiness` and, per direction, the mean step at each of the 8 grid phases less their mean, (17,).

    The phases show a grid that does not start at the image's corner, as after a crop or a paste.
    """
    grey = rgb.astype(np.float32) @ np.array([0.299, 0.587, 0.114], dtype=np.float32)
    columns, rows = _steps(grey)
    phases = [np.array([line[k::BLOCK].mean() for k in range(BLOCK)]) for line in (columns.mean(0), rows.mean(1))]
    return np.concatenate([[blockiness(grey)], *(p - p.mean() for p in phases)])


def blockiness(grey: np.ndarray) -> float:
    """How much larger steps are across the borders of 8 x 8 blocks than elsewhere: a trace of JPEG.

    The mean absolute difference of neighbouring pixels on either side of a block border (columns 7|8, 15|16, ...
    and rows likewise) minus the mean over all other neighbours, horizontal and vertical ones pooled.

    Args:
        grey: (h, w) in 0-255, at least 9 x 9.

    Returns:
        Grey levels: about 0 for an image never compressed, larger the coarser its compression.

    Raises:
        ValueError: the image is no grey image or has no block border.
    """
    if np.ndim(grey) != 2 or min(np.shape(grey)) <= BLOCK:
        raise ValueError(
            f"blockiness needs a grey image (h, w) of more than 8 x 8 pixels, got shape {np.shape(grey)}"
        )
    columns, rows = _steps(grey)
    border = np.concatenate([columns[:, BLOCK - 1 :: BLOCK].ravel(), rows[BLOCK - 1 :: BLOCK].ravel()])
    total, count = columns.sum(dtype=float) + rows.sum(dtype=float), columns.size + rows.size
    return float(border.mean() - (total - border.sum(dtype=float)) / (count - border.size))


def _steps(grey: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    grey = np.asarray(grey)
    grey = grey if grey.dtype.kind == "f" else grey.astype(np.float64)  # uint8 differences would wrap around
    return np.abs(np.diff(grey, axis=1)), np.abs(np.diff(grey, axis=0))


def _shrink(rgb: np.ndarray, side: int) -> np.ndarray:
    return np.asarray(Image.fromarray(rgb).resize((side, side), Image.Resampling.BOX), dtype=float)


@dataclass(frozen=True)
class PixelProbe:
    """A probe given as a function of one image: (h, w, 3) uint8 -> (features,)."""

    per_image: Callable[[np.ndarray], np.ndarray]

    def __call__(self, index: pd.DataFrame) -> np.ndarray:
        return probe_features(index, {"": self})[""]


# name -> function(index) -> (n_images, n_features) float. A new probe is one new line here.
PROBES: dict[str, Callable[[pd.DataFrame], np.ndarray]] = {
    "metadata": metadata_features,
    "quantisation tables": table_features,
    "thumbnail 8x8": PixelProbe(thumbnail),
    "colour histogram": PixelProbe(colour_histogram),
    "border ring": PixelProbe(border_ring),
    "blockiness": PixelProbe(blockiness_features),
    "file name (positive control)": name_features,
}


def probe_features(
    index: pd.DataFrame, probes: dict[str, Callable] | Iterable[str] | None = None
) -> dict[str, np.ndarray]:
    """The features of several probes, each (n, features) float; every image is decoded once for all of them.

    Args:
        index: the images (columns ``path``, ``name``).
        probes: names out of ``PROBES``, or a table like it; default: all of ``PROBES``.

    Raises:
        ValueError: an unknown name, or a file that is no image.
    """
    probes = _choose(probes)
    pixel = {name: probe for name, probe in probes.items() if isinstance(probe, PixelProbe)}
    out = {name: np.asarray(probe(index), dtype=float) for name, probe in probes.items() if name not in pixel}

    def one(path: str) -> list[np.ndarray]:
        try:
            with Image.open(path) as image:
                rgb = np.asarray(image.convert("RGB"))
        except (OSError, SyntaxError) as error:
            raise ValueError(
                f"{path} cannot be decoded as an image ({error}): download it again or take it out"
            ) from error
        return [np.atleast_1d(probe.per_image(rgb)).ravel() for probe in pixel.values()]

    if pixel:
        with ThreadPoolExecutor() as pool:
            rows = list(pool.map(one, index["path"]))
        out |= {name: np.stack(column) for name, column in zip(pixel, zip(*rows, strict=True), strict=True)}
    return {name: out[name] for name in probes}


def _choose(probes: dict[str, Callable] | Iterable[str] | None) -> dict[str, Callable]:
    if probes is None or isinstance(probes, dict):
        return PROBES if probes is None else probes
    if unknown := [name for name in probes if name not in PROBES]:
        raise ValueError(f"there is no probe {unknown[0]!r}; choose from {', '.join(PROBES)}")
    return {name: PROBES[name] for name in probes}


def out_of_fold_scores(
    features: np.ndarray, labels: np.ndarray, groups: np.ndarray, *, n_splits: int = 5, seed: int = 0, folds=None
) -> np.ndarray:
    """P(fake) of each image by a logistic regression that saw neither it nor any image of its group.

    Features are standardised on the training folds. The penalty is ridge with C = .01: at some thousand
    images and a hundred features it costs strong shortcuts nothing and keeps weak ones from overfitting.
    Classes are weighted equally, so that fold-wise differences in their balance cannot reach the scores.

    Args:
        features: (n, p) or (n,); constant columns are harmless. labels: (n,) 0/1, fake = 1. groups: (n,).
        folds: (n,) as from :func:`datasets.splits.make_folds`, to reuse them; default: from ``n_splits``, ``seed``.

    Returns:
        (n,) float strictly between 0 and 1.

    Raises:
        ValueError: a feature that is not a finite number, or too few groups for the folds.
    """
    features, labels = np.asarray(features, dtype=float).reshape(len(labels), -1), np.asarray(labels)
    if not np.isfinite(features).all():
        raise ValueError(
            f"features hold NaN or infinity (first in row {np.argwhere(~np.isfinite(features))[0][0]})"
        )
    folds = make_folds(labels, groups, n_splits, seed) if folds is None else folds
    scores = np.empty(len(labels))
    for fold in np.unique(folds):
        test = folds == fold
        model = make_pipeline(
            StandardScaler(), LogisticRegression(C=0.01, class_weight="balanced", solver="newton-cholesky")
        )
        with warnings.catch_warnings():  # the solver complains where features carry nothing at all
            warnings.simplefilter("ignore")
            model.fit(features[~test], labels[~test])
        scores[test] = model.predict_proba(features[test])[:, 1]
    # Rounded so that images which are alike tie whatever fold they fell into.
    return np.clip(scores.round(9), 1e-9, 1 - 1e-9)
