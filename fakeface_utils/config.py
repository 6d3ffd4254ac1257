"""Where things are, and how much a lesson may spend: paths, environment variables, profiles."""

from __future__ import annotations

import os
from pathlib import Path

PROFILES = {
    "smoke": "drawn testbed, two cores, seconds; shows that everything is wired, proves nothing",
    "laptop": "real data, two to four cores, no GPU",
    "colab": "16,000 training images of the 140k set, one T4",
    "paper": "the settings of the reports",
}


def data_dir() -> Path:
    """The directory that holds the image sets: ``FAKEFACE_DATA``, else ``data/`` in the project.

    Each real set lies in a folder of its layout's name: ``<data>/140k``, ``<data>/yonsei``.
    """
    return _directory("FAKEFACE_DATA", "data")


def sample_dir() -> Path:
    """Where ``fakeface sample`` draws: ``data/sample`` in the project, whatever ``FAKEFACE_DATA`` says.

    The sample is the kit's own and can always be drawn again, the data directory may be read-only.
    """
    return project_root() / "data" / "sample"


def runs_dir() -> Path:
    """The directory that holds finished experiments and records: ``FAKEFACE_RUNS``, else ``runs/``."""
    return _directory("FAKEFACE_RUNS", "runs")


def cache_dir() -> Path:
    """Where decoded images and the like are kept, which can be made again: ``FAKEFACE_CACHE``, else in the runs.

    It is read page by page, so it belongs on a local disk even where the runs lie on a mounted drive.
    """
    return Path(_set("FAKEFACE_CACHE") or runs_dir() / "cache").expanduser().resolve()


def weights_dir() -> Path | None:
    """Where ImageNet weights are looked for first: ``FAKEFACE_WEIGHTS_DIR``; None if it is not set."""
    value = _set("FAKEFACE_WEIGHTS_DIR")
    return Path(value).expanduser().resolve() if value else None


def checkpoint_seconds() -> float:
    """How long after a checkpoint a training writes the next: ``FAKEFACE_CHECKPOINT_SECONDS``, else 10.

    On a mounted drive each one travels, and what it replaces may stay in the drive's bin.

    Raises:
        ValueError: the variable is no number of seconds.
    """
    value = _set("FAKEFACE_CHECKPOINT_SECONDS") or "10"
    try:
        return float(value)
    except ValueError as error:
        raise ValueError(f"FAKEFACE_CHECKPOINT_SECONDS is {value!r}; give a number of seconds") from error


def _directory(variable: str, default: str) -> Path:
    value = _set(variable)
    return Path(value).expanduser().resolve() if value else project_root() / default


def _set(variable: str) -> str:
    return os.environ.get(variable, "").strip()


def project_root() -> Path:
    """The checkout this package is installed from, or the working directory if it is installed as a wheel."""
    root = Path(__file__).resolve().parent.parent
    return root if (root / "pyproject.toml").is_file() else Path.cwd()


def check_profile(name: str) -> str:
    """``name`` if it is a profile, else a ValueError that lists them."""
    if name not in PROFILES:
        raise ValueError(f"there is no profile {name!r}; choose one of {', '.join(PROFILES)}")
    return name
