"""What the pipeline costs, beside what one would write instead: python benchmarks/bench_pixels.py FOLDER

FOLDER holds either image set. Everything is measured side by side in one run, so read the ratios: the
machine's speed drifts, a ratio of two things done in turn does not. Nothing here asserts a time.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd

from fakeface_utils.datasets import layouts, pixels

SIZE = 128
BATCH = 32


def bare_loop(index: pd.DataFrame) -> None:
    """Decode with libjpeg-turbo (in OpenCV), area resize, into one array, on as many threads as cores."""
    import cv2

    cv2.setNumThreads(1)
    images = np.empty((len(index), SIZE, SIZE, 3), np.uint8)

    def decode(job: tuple[int, str]) -> None:
        row, path = job
        stored = cv2.imdecode(np.fromfile(path, np.uint8), cv2.IMREAD_COLOR)
        small = cv2.resize(stored, (SIZE, SIZE), interpolation=cv2.INTER_AREA)
        images[row] = cv2.cvtColor(small, cv2.COLOR_BGR2RGB)

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(decode, enumerate(index["path"])))


def our_decode_pass(index: pd.DataFrame) -> None:
    """The same through ``load_images``, onto disk as it is used."""
    with tempfile.TemporaryDirectory() as folder:
        pixels.load_images(index, SIZE, cache_dir=folder)


def reports_loader(index: pd.DataFrame) -> None:
    """One epoch of ImageDataGenerator as reports 000 and 002 used it (nearest, rescale, shuffle)."""
    from tensorflow.keras.preprocessing.image import ImageDataGenerator

    table = index.assign(label=index["label"].astype(str))
    flow = ImageDataGenerator(rescale=1 / 255).flow_from_dataframe(
        table, x_col="path", y_col="label", target_size=(SIZE, SIZE), class_mode="binary", batch_size=BATCH
    )
    for _ in range(len(flow)):
        next(flow)


def our_later_epoch(batches) -> None:
    for _ in batches:
        pass


def side_by_side(runs: int, **jobs) -> dict[str, list[float]]:
    """Seconds of each job, run in turn ``runs`` times after one warm-up."""
    seconds = {name: [] for name in jobs}
    for run in range(runs + 1):
        for name, job in jobs.items():
            start = time.perf_counter()
            job()
            if run:
                seconds[name].append(time.perf_counter() - start)
    return seconds


def show(name: str, ours: list[float], theirs: list[float], n_images: int) -> None:
    ratio = statistics.median(b / a for a, b in zip(ours, theirs, strict=True))
    rates = [n_images / statistics.median(times) for times in (ours, theirs)]
    print(f"{name}: {rates[0]:,.0f} against {rates[1]:,.0f} images a second, ratio {ratio:.2f}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--runs", type=int, default=5)
    options = parser.parse_args()
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    from fakeface_utils.datasets.pipeline import batches

    index = layouts.build_index(options.folder)
    print(f"{len(index):,} images of {index['set'].iloc[0]} to {SIZE} px, {os.cpu_count()} threads")
    times = side_by_side(options.runs, ours=lambda: our_decode_pass(index), bare=lambda: bare_loop(index))
    show("decode pass against a bare loop", times["ours"], times["bare"], len(index))
    with tempfile.TemporaryDirectory() as folder:
        images = pixels.load_images(index, SIZE, cache_dir=folder)
        later = batches(images, index["label"], batch_size=BATCH, shuffle_seed=0)
        times = side_by_side(
            options.runs, ours=lambda: our_later_epoch(later), report=lambda: reports_loader(index)
        )
        show("later epoch against ImageDataGenerator", times["ours"], times["report"], len(index))
    return 0


if __name__ == "__main__":
    sys.exit(main())
