"""Frozen features: a backbone that is not trained runs once an image, its output is kept, the head trains on that.

Ten epochs through a frozen backbone compute the same vectors ten times, and so do ten splits of one set. Kept once,
they make the head a matter of seconds, and the predictions are the same.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

import keras
import numpy as np
from numpy.lib.format import open_memmap
from tqdm import tqdm

from fakeface_utils.datasets import augment, pipeline
from fakeface_utils.datasets.pipeline import Rows
from fakeface_utils.models import without_names
from fakeface_utils.models.transfer import FEATURES
from fakeface_utils.models.weights import weights_hash
from fakeface_utils.training import store

VERSION = 1  # raised when the same backbone and images would give other features
CHUNK = 256  # images a step, copies counted; after each one the work is on disk
FEATURES_FILE, DONE_FILE = "features.npy", "done.npy"  # of all images of a set, and which of them are computed


def split(model: keras.Model) -> tuple[keras.Model, keras.Model] | None:
    """A model with a frozen backbone as two: images to features (b, k), and features to P(fake).

    They share their layers with ``model``: training the head trains the model.

    Returns:
        (trunk, head), or None where nothing is called ``features``, or a layer before it is trained.
    """
    names = [layer.name for layer in model.layers]
    if FEATURES not in names:
        return None
    first = names.index(FEATURES) + 1
    with model.distribute_strategy.scope():
        trunk = keras.Model(model.input, model.get_layer(FEATURES).output, name="trunk")
        if trunk.trainable_weights:
            return None
        vector = x = keras.Input(trunk.output_shape[1:], name="kept_features")
        for layer in model.layers[first:]:
            x = layer(x)
        head = keras.Model(vector, x, name="head")
    head.dtype_policy = (
        model.dtype_policy
    )  # of the moment it was made in, else; it decides whether a loss is scaled
    return trunk, head


def branches(trunk: keras.Model) -> list[keras.Model]:
    """The networks that a fusion's trunk joins, each of which sees three channels; of any other, the trunk alone.

    What one of them computes does not depend on the others, so its features serve wherever it stands.
    """
    found = [layer for layer in trunk.layers if isinstance(layer, keras.Model)]
    return found if len(found) > 1 else [trunk]


def extract(
    trunk: keras.Model,
    images: np.ndarray,
    pixels_key: str,
    cache_dir: str | Path,
    *,
    rows: np.ndarray | None = None,
    copies: str | None = None,
    batch_size: int = 32,
) -> np.ndarray | Rows:
    """The features of the images of a set, each computed once and kept; what was interrupted goes on where it was.

    Of the images asked for, only those that nobody has asked for before go through the backbone: another split of
    the set costs what is new in it.

    Args:
        trunk: images (b, h, w, c) in 0-255 to features (b, k), as ``split`` gives it.
        images: uint8 (n, h, w, c), the whole set, as ``pixels.load_images`` returns it.
        pixels_key: what tells these pixels from all others; with the trunk's weights it is the key of the features.
        cache_dir: where to keep them, in a folder ``features``.
        rows: (m,) numbers of the images whose features are wanted; default all.
        copies: one of ``augment.COPIES``: features of the changed copies as well.
        batch_size: images a forward pass.

    Returns:
        float32 (n, k), read-only, mapped from the disk; with copies (fold * n, k): the n images, then n of each
        kind of copy, as ``augment.copies_of`` orders them. With ``rows`` it is ``Rows`` of that: (m, k) or
        (fold * m, k), the m images, then m of each kind.

    Raises:
        IndexError: ``rows`` that are not of these images.
    """
    n, fold = len(images), augment.COPIES[copies].fold if copies else 1
    wanted = np.arange(n) if rows is None else np.arange(n)[rows]
    shape = (fold * n, trunk.output_shape[1])
    what = [VERSION, without_names(trunk.get_config()), weights_hash(trunk), list(images.shape), pixels_key]
    what += [copies, augment.VERSION] if copies else []
    folder = Path(cache_dir) / "features" / hashlib.sha256(json.dumps(what).encode()).hexdigest()[:24]

    def missing() -> np.ndarray:
        return np.setdiff1d(wanted, np.flatnonzero(_done(folder, n, shape)))

    if len(missing()):
        with store.lock(folder):
            # Asked again: perhaps the process we waited for has computed them.
            if len(new := missing()):
                _compute(trunk, images, new, folder, copies, batch_size)
    kept = np.load(folder / FEATURES_FILE, mmap_mode="r")
    return kept if rows is None else Rows(kept, (n * np.arange(fold)[:, None] + wanted).ravel())


def of_sets(
    network: keras.Model, sets: Mapping[str, np.ndarray], cache_dir: str | Path, batch_size: int = 32
) -> dict[str, np.ndarray]:
    """What a network gives for several sets of pictures in memory, kept as :func:`extract` keeps it.

    Args:
        network: images (b, h, w, c) in 0-255 to one vector (b, k) each; it is used as it is, whatever may be trained.
        sets: name -> uint8 (n, h, w, c), 0-255, all of one size.

    Returns:
        name -> float32 (n, k).
    """
    images = np.concatenate([*sets.values()])
    found = extract(network, images, hashlib.sha256(images).hexdigest(), cache_dir, batch_size=batch_size)
    ends = np.cumsum([len(part) for part in sets.values()])[:-1]
    return dict(zip(sets, np.split(found, ends), strict=True))


def _compute(
    trunk: keras.Model, images: np.ndarray, new: np.ndarray, folder: Path, copies: str | None, batch_size: int
) -> None:
    """Put the images ``new`` through the backbone, beside those that are done."""
    n, fold = len(images), augment.COPIES[copies].fold if copies else 1
    path, flags, shape = folder / FEATURES_FILE, folder / DONE_FILE, (fold * n, trunk.output_shape[1])
    done, step = _done(folder, n, shape), max(1, CHUNK // fold)
    if not done.any():
        flags.unlink(missing_ok=True)  # what it says is not of the file that is begun now
        with store.whole(path) as beside:
            open_memmap(beside, "w+", np.float32, shape)
    features = open_memmap(path, "r+")
    by_copy = features.reshape(fold, n, -1)
    expand = augment.expander(copies, images.shape[1:]) if copies else None
    with tqdm(total=len(new), desc="features", unit=" images") as bar:
        for start in range(0, len(new), step):
            numbers = new[start : start + step]
            part = images[numbers]
            shown = expand(part, numbers) if expand else part
            # As an array: every pipeline of ours would keep its pixels for as long as the process lives.
            size = pipeline.shared(len(shown), batch_size, trunk.distribute_strategy.num_replicas_in_sync)
            found = trunk.predict(np.asarray(shown, np.float32), batch_size=size, verbose=0)
            by_copy[:, numbers] = found.reshape(fold, len(part), -1)
            features.flush()  # before it is said to be done
            done[numbers] = True
            with store.whole(flags) as beside:
                np.save(beside, done)
            bar.update(len(part))


def _done(folder: Path, n: int, shape: tuple[int, ...]) -> np.ndarray:
    """Which of n images have their features in the folder, bool (n,); none where its files are not as we write them."""
    try:
        features, done = open_memmap(folder / FEATURES_FILE, "r"), open_memmap(folder / DONE_FILE, "r")
    except (OSError, ValueError):
        return np.zeros(n, bool)
    whole = (features.shape, features.dtype, done.shape, done.dtype) == (shape, np.float32, (n,), bool)
    return np.array(done) if whole else np.zeros(n, bool)
