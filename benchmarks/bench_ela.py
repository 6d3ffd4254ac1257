"""What an error level costs: python benchmarks/bench_ela.py [--images 24] [--folder FOLDER]

Files of 600 px to error levels on two threads, beside decoding the same files alone, in one run: read the ratio, the
machine's speed drifts. On a busy machine the processor time says what an idle one would do. The images are drawn,
unless ``--folder`` names a folder with JPEG files. Nothing here asserts a time.
"""

from __future__ import annotations

import argparse
import itertools
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from fakeface_utils.datasets.resave import read_native
from fakeface_utils.datasets.testbed import SampleSpec, make_sample
from fakeface_utils.forensics.ela import map_of


def seconds(job: Callable, paths: list[Path], threads: int) -> tuple[float, float]:
    """Wall and processor time of one pass over the files; what a job returns is dropped at once."""
    start = time.perf_counter(), time.process_time()
    with ThreadPoolExecutor(threads) as pool:
        for _ in pool.map(lambda path: job(path).shape, paths):
            pass
    return time.perf_counter() - start[0], time.process_time() - start[1]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=24)
    parser.add_argument("--folder", type=Path, help="with JPEG files, searched to the bottom; default: drawn ones")
    parser.add_argument("--size", type=int, default=600, help="side of the drawn images in pixels")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--runs", type=int, default=3)
    options = parser.parse_args()
    os.environ.setdefault("TQDM_DISABLE", "1")
    with tempfile.TemporaryDirectory() as scratch:
        folder = options.folder
        if folder is None:
            spec = SampleSpec("yonsei", max(20, options.images), options.size)  # no sample is smaller
            folder = make_sample(Path(scratch) / "drawn", spec, workers=1) / "real_and_fake_face"
        paths = list(itertools.islice(sorted(folder.rglob("*.jpg")), options.images))
        if not paths:
            parser.error(f"{folder} holds no .jpg file")
        passes = [
            [seconds(job, paths, options.threads) for job in (map_of, read_native)] for _ in range(options.runs)
        ]
    walls, work = ([[both[k] for both in run] for run in passes] for k in (0, 1))
    rates = [len(paths) / statistics.median(times) for times in zip(*walls, strict=True)]
    ratio = statistics.median(ours / bare for ours, bare in walls)
    each = 1000 * statistics.median(ours for ours, _ in work) / len(paths)
    print(f"{len(paths)} images, {options.threads} threads of {os.cpu_count()}")
    print(f"error level: {rates[0]:.0f} images a second; decoding alone: {rates[1]:.0f}")
    print(
        f"an error level takes {ratio:.1f} times as long as decoding, and {each:.1f} ms of one processor an image"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
