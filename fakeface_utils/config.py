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
    """The directory that holds finished experiments and caches: ``FAKEFACE_RUNS``, else ``runs/``."""
    return _directory("FAKEFACE_RUNS", "runs")


def _directory(variable: str, default: str) -> Path:
    value = os.environ.get(variable, "").strip()
    return Path(value).expanduser().resolve() if value else project_root() / default


def project_root() -> Path:
    """The checkout this package is installed from, or the working directory if it is installed as a wheel."""
    root = Path(__file__).resolve().parent.parent
    return root if (root / "pyproject.toml").is_file() else Path.cwd()


def check_profile(name: str) -> str:
    """``name`` if it is a profile, else a ValueError that lists them."""
    if name not in PROFILES:
        raise ValueError(f"there is no profile {name!r}; choose one of {', '.join(PROFILES)}")
    return name
