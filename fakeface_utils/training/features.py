"""Frozen features: a backbone that is not trained runs once an image, its output is kept, the head trains on that.

Ten epochs through a frozen backbone compute the same vectors ten times. Kept once, they make the head a matter of
seconds, and the predictions are the same.
"""

from __future__ import annotations

import hashlib
import json
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


def extract(
    trunk: keras.Model,
    images: np.ndarray | Rows,
    pixels_key: str,
    cache_dir: str | Path,
    *,
    copies: str | None = None,
    batch_size: int = 32,
) -> np.ndarray:
    """The features of every image, computed once and kept; an interrupted computation goes on where it was.

    Args:
        trunk: images (b, h, w, c) in 0-255 to features (b, k), as ``split`` gives it.
        images: uint8 (n, h, w, c), as ``pixels.load_images`` returns it, or ``pipeline.Rows`` of it.
        pixels_key: what tells these pixels from all others; with the trunk's weights it is the key of the features.
        cache_dir: where to keep them, in a folder ``features``.
        copies: one of ``augment.COPIES``: features of the changed copies as well.
        batch_size: images a forward pass.

    Returns:
        float32 (n, k), read-only, mapped from the disk; with copies (fold * n, k): the n images, then n of each
        kind of copy, as ``augment.copies_of`` orders them.
    """
    what = [VERSION, without_names(trunk.get_config()), weights_hash(trunk), list(images.shape), pixels_key, copies]
    name = hashlib.sha256(json.dumps(what).encode()).hexdigest()[:24]
    path = Path(cache_dir) / "features" / name / "features.npy"
    if not path.is_file():
        with store.lock(path.parent):
            if not path.is_file():  # perhaps the process we waited for has made it
                _compute(trunk, images, path, copies, batch_size)
    return np.load(path, mmap_mode="r")


def _compute(
    trunk: keras.Model, images: np.ndarray | Rows, path: Path, copies: str | None, batch_size: int
) -> None:
    n, fold = len(images), augment.COPIES[copies].fold if copies else 1
    partial, progress = path.with_name("partial.npy"), path.with_name("done.txt")
    shape = (fold * n, trunk.output_shape[1])
    done, step = _done(partial, progress, n, shape), max(1, CHUNK // fold)
    if not done:
        progress.unlink(missing_ok=True)  # what it says is not of the file that is begun now
    features = open_memmap(partial, "r+" if done else "w+", np.float32, None if done else shape)
    by_copy = features.reshape(fold, n, -1)
    expand = augment.expander(copies, images.shape[1:]) if copies else None
    with tqdm(total=n, initial=done, desc="features", unit=" images") as bar:
        for start in range(done, n, step):
            part = images[start : start + step]
            shown = expand(part, start) if expand else part
            # As an array: every pipeline of ours would keep its pixels for as long as the process lives.
            size = pipeline.shared(len(shown), batch_size, trunk.distribute_strategy.num_replicas_in_sync)
            found = trunk.predict(np.asarray(shown, np.float32), batch_size=size, verbose=0)
            by_copy[:, start : start + len(part)] = found.reshape(fold, len(part), -1)
            features.flush()
            with store.whole(progress) as beside:
                beside.write_text(str(start + len(part)))
            bar.update(len(part))
    del features, by_copy  # Windows renames no file that is mapped
    partial.replace(path)
    progress.unlink()


def _done(partial: Path, progress: Path, n: int, shape: tuple[int, ...]) -> int:
    """How many of n images an interrupted computation has behind it; 0 where its files are not as it left them."""
    try:
        done, found = int(progress.read_text()), open_memmap(partial, "r")
    except (OSError, ValueError):
        return 0
    return done if (found.shape, found.dtype) == (shape, np.float32) and 0 < done <= n else 0
