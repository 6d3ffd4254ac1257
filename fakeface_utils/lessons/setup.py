"""What a lesson's first cells call: versions, profile, data."""

from __future__ import annotations

import hashlib
import importlib.metadata
import importlib.util
import os
import platform
import shutil
import subprocess
from dataclasses import replace

import pandas as pd

from fakeface_utils import config
from fakeface_utils.datasets import equalise, groups, splits, testbed
from fakeface_utils.datasets.layouts import SPLITS, LayoutError, build_index

NOT_EVIDENCE = "testbed: not evidence"


def show_versions(*packages: str) -> pd.DataFrame:
    """A table of the versions in use, one row a package, Python and the processor first."""
    rows = [("python", platform.python_version()), ("machine", f"{platform.machine()}, {os.cpu_count()} cores")]
    rows += [(package, package_version(package)) for package in ("fakeface-utils", *packages)]
    return pd.DataFrame(rows, columns=["what", "version"]).set_index("what")


def package_version(package: str) -> str:
    """The installed version of a package, or ``"missing"``; ``tensorflow`` may be the CPU wheel."""
    for name in (package, f"{package}-cpu", f"{package}-headless"):
        try:
            return importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return "missing"


def gpu_count() -> int:
    """How many NVIDIA GPUs the driver lists; asks nvidia-smi, so TensorFlow is not loaded for it."""
    if shutil.which("nvidia-smi") is None:
        return 0
    listed = subprocess.run(["nvidia-smi", "--list-gpus"], capture_output=True, text=True, check=False)
    return listed.stdout.count("GPU ") if listed.returncode == 0 else 0


def choose_profile(name: str = "auto") -> str:
    """The profile a lesson runs with.

    ``auto`` takes ``smoke`` when there is no real image set in the data directory, ``colab`` when there is
    one and a GPU, ``laptop`` when there is one and no GPU. It never takes ``paper``.

    Raises:
        ValueError: ``name`` is neither ``auto`` nor a profile.
    """
    if name != "auto":
        return config.check_profile(name)
    if not any(_has_set(layout) for layout in ("140k", "yonsei")):
        return "smoke"
    return "colab" if gpu_count() else "laptop"


def open_set(layout: str, profile: str, planted: testbed.Truths | None = None) -> pd.DataFrame:
    """The index of the real set of this layout, or of the drawn sample when there is none (or in smoke).

    Says what it took. ``index.attrs["evidence"]`` is False for the sample: nothing measured on it may be
    reported. The sample is drawn if it is not there yet, or if an older kit drew it.

    Args:
        layout: ``"140k"`` or ``"yonsei"``.
        profile: as ``choose_profile`` returned it.
        planted: what the sample shall hold that a lesson is to find; default: what the usual sample holds.
    """
    folder = config.data_dir() / layout
    if profile == "smoke" or not _has_set(layout):
        folder, spec = config.sample_dir() / layout, testbed.default_specs()[layout]
        if planted is not None:
            spec = replace(spec, truths=planted)
            folder = folder.with_name(f"{layout}-{hashlib.sha256(repr(planted).encode()).hexdigest()[:8]}")
        if not testbed.is_current(folder):
            testbed.make_sample(folder, spec)
    index = build_index(folder, layout)
    kind = index["set"].iloc[0]
    index.attrs["evidence"] = kind != "testbed"
    counts = [f"{split} {n:,}" for split in SPLITS if (n := int((index["split"] == split).sum()))]
    stamp = "" if index.attrs["evidence"] else f" [{NOT_EVIDENCE}]"
    print(
        f"{layout}: {len(index):,} images of the set {kind}{stamp}" + (f" ({', '.join(counts)})" if counts else "")
    )
    if not index.attrs["evidence"] and profile != "smoke":
        print(f"  no real set in {config.data_dir() / layout}; README, section Real data, says how to get it")
    return index


def open_split(layout: str, profile: str, planted: testbed.Truths | None = None) -> tuple[pd.DataFrame, str]:
    """The same index with the split that lessons train on, as lesson 02 makes it step by step.

    Images that share a photograph are in one group: on 140k as far as hashes find them (in ``laptop`` also keypoints,
    at minutes a thousand images), on Yonsei as its manifest says.

    Args:
        layout, profile, planted: as in ``open_set``.

    Returns:
        The index and the split's name: the archive's own, in the profile ``colab`` 16,000, 2,000 and 2,000 of 140k;
        report 001's sizes with groups kept together for Yonsei.
    """
    index = open_set(layout, profile, planted)
    if layout == "yonsei":
        return splits.with_split(index, "yonsei-001-grouped"), "yonsei-001-grouped"
    split = "140k-16k" if index["set"].iloc[0] == "140k" and profile == "colab" else "folder"
    pairs = groups.cached_pairs(index, config.cache_dir(), keypoints=profile == "laptop")
    index["group"] = groups.group_ids(index, pairs)
    return splits.with_split(index, split), split


def open_twin(index: pd.DataFrame, size: int) -> pd.DataFrame:
    """The equalised twin of a set: the same images, every file made in the same way, split and groups as they are.

    Says where it is. It is made once and kept in the cache.

    Args:
        index: as :func:`open_split` returned it; split first, then equalise.
        size: side of the twin's images in pixels, at most half the stored side (see ``datasets.equalise``).

    Raises:
        ValueError, OSError: as in ``equalise.equalised``.
    """
    twin = equalise.equalised(index, config.cache_dir() / "equalised", size)
    stamp = "" if twin.attrs["evidence"] else f" [{NOT_EVIDENCE}]"
    print(f"{twin['set'].iloc[0]}: {len(twin):,} images of {size} x {size} pixels{stamp} in {twin.attrs['root']}")
    return twin


def _has_set(layout: str) -> bool:
    try:
        return build_index(config.data_dir() / layout, layout)["set"].iloc[0] != "testbed"
    except (LayoutError, OSError):
        return False
