"""How fast the testbed is drawn: python benchmarks/bench_testbed.py

Prints images a second at 256 px, everything included (drawing, camera or generator, JPEG, files), beside saving
the same files' pixels again as JPEG, so that a slow machine shows in both.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from pathlib import Path

from PIL import Image

from fakeface_utils.datasets import layouts, pixels, testbed

N_IMAGES = 600


def main() -> int:
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        root = testbed.make_sample(Path(folder) / "set", testbed.SampleSpec("140k", N_IMAGES, seed=1))
        drawn = N_IMAGES / (time.perf_counter() - start)
        index = layouts.build_index(root)
        images = pixels.load_images(index, 256)
        start = time.perf_counter()
        for image in images:
            Image.fromarray(image).save(Path(folder) / "again.jpg", quality=88)
        saved = N_IMAGES / (time.perf_counter() - start)
    print(f"{os.cpu_count()} cores: {drawn:.0f} portraits a second; saving alone, one core, {saved:,.0f} a second")
    return 0


if __name__ == "__main__":
    sys.exit(main())
