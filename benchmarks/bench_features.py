"""What kept features save: python benchmarks/bench_features.py [--images 256]

A head on a frozen MobileNet, ten epochs over six-fold copies of the training images, validated after every epoch.
Once through the backbone (the copies are made, then ``fit`` trains the whole network, of which only the head moves),
once on kept features (the copies and the validation images go through the backbone once, then ``fit`` trains the
head). Both count everything from decoded pixels to the validation scores, Keras's building of graphs included. That is
some seconds whatever the number of images, so the ratio grows with it; with the backbone alone it would be the number
of epochs and a little more. Side by side in one run: read the ratio. Nothing here asserts a time.

The pixels are noise and the weights random, unless ``--weights`` names a file: neither changes the time.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

COPIES = "six_fold"


def through(model, train, valid, folder: Path, epochs: int) -> tuple[np.ndarray, dict[str, float]]:
    """Validation scores of a training through the backbone, and its seconds."""
    from fakeface_utils.datasets import augment, pipeline
    from fakeface_utils.training.fit import fit

    start = time.perf_counter()
    copies = augment.copies_of(train[0], folder / "copies.npy", how=COPIES)
    fit(model, (copies, np.tile(train[1], len(copies) // len(train[0]))), valid, epochs=epochs, verbose=0)
    scores = model.predict(pipeline.batches(valid[0]), verbose=0)
    return scores, {"all": time.perf_counter() - start}


def kept(model, train, valid, folder: Path, epochs: int) -> tuple[np.ndarray, dict[str, float]]:
    """The same of a training on kept features."""
    from fakeface_utils.datasets import pipeline
    from fakeface_utils.training import features
    from fakeface_utils.training.fit import fit

    start = time.perf_counter()
    trunk, head = features.split(model)
    copies = features.extract(trunk, train[0], "train", folder, copies=COPIES)
    judged = features.extract(trunk, valid[0], "valid", folder)
    extracted = time.perf_counter()
    fit(
        head,
        (copies, np.tile(train[1], len(copies) // len(train[0]))),
        (judged, valid[1]),
        epochs=epochs,
        verbose=0,
    )
    scores = head.predict(pipeline.batches(judged), verbose=0)
    now = time.perf_counter()
    return scores, {"all": now - start, "extraction": extracted - start, "head": now - extracted}


def noise(n: int, size: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    images = np.random.default_rng(seed).integers(0, 256, (n, size, size, 3), dtype=np.uint8)
    return images, np.arange(n) % 2


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=256, help="for training, before they are copied")
    parser.add_argument("--valid", type=int, help="for validation; default: an eighth as many")
    parser.add_argument("--size", type=int, default=128, help="side in pixels")
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--backbone", default="mobilenet")
    parser.add_argument("--weights", help="a file with weights of the backbone")
    options = parser.parse_args()
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("TQDM_DISABLE", "1")
    from fakeface_utils.models import build
    from fakeface_utils.training.device import building, prepare_device

    prepare_device()
    train = noise(options.images, options.size, 0)
    valid = noise(options.images // 8 if options.valid is None else options.valid, options.size, 1)
    print(f"{len(train[0])} + {len(valid[0])} images, {options.size} px, {os.cpu_count()} threads")
    warm = noise(2, options.size, 2)
    scores, seconds = [], []
    for side in (through, kept):
        with building(0, "float32"):
            models = [build(options.backbone, options.size, weights=options.weights) for _ in range(2)]
        with tempfile.TemporaryDirectory() as cold, tempfile.TemporaryDirectory() as folder:
            side(models[0], warm, warm, Path(cold), 1)  # TensorFlow starts its threads before anything is measured
            found, parts = side(models[1], train, valid, Path(folder), options.epochs)
        scores.append(found)
        seconds.append(parts["all"])
        told = ", ".join(f"{name} {value:.1f} s" for name, value in parts.items())
        print(f"{side.__name__}: {told}", flush=True)
    print(f"{options.epochs} epochs: ratio {seconds[0] / seconds[1]:.1f}")
    print(f"scores apart by at most {np.abs(scores[0] - scores[1]).max():.1g}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
