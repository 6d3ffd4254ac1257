"""Shared by all tests: tiny sets of either layout, made of coloured noise."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image


def save_image(path: Path, seed: int, size: int = 32, **options) -> Path:
    """A smooth random colour image, so that JPEGs differ by seed but decode much alike."""
    path.parent.mkdir(parents=True, exist_ok=True)
    coarse = np.random.default_rng(seed).integers(0, 256, (4, 4, 3), dtype=np.uint8)
    Image.fromarray(coarse).resize((size, size), Image.Resampling.BICUBIC).save(path, **options)
    return path


def make_140k(root: Path, per_class: int = 3) -> Path:
    """The 140k layout with ``per_class`` images in every split and class; returns ``root``."""
    number = 0
    for split in ("train", "valid", "test"):
        for kind in ("real", "fake"):
            for _ in range(per_class):
                number += 1
                name = f"{number:05d}.jpg" if kind == "real" else f"FAKE{number:06d}.jpg"
                save_image(root / "real_vs_fake" / "real-vs-fake" / split / kind / name, number)
    return root


def make_yonsei(root: Path) -> Path:
    """The Yonsei layout with four reals and four fakes, one of them with the three bits of the original."""
    base = root / "real_and_fake_face"
    for number in range(1, 5):
        save_image(base / "training_real" / f"real_{number:05d}.jpg", number)
    for number, name in enumerate(("easy_1_1000", "mid_2_0110", "hard_3_1111", "easy_4_111")):
        save_image(base / "training_fake" / f"{name}.jpg", 100 + number)
    return root


@pytest.fixture
def set_140k(tmp_path: Path) -> Path:
    return make_140k(tmp_path / "140k")


@pytest.fixture
def set_yonsei(tmp_path: Path) -> Path:
    return make_yonsei(tmp_path / "yonsei")


@pytest.fixture
def full_disk(monkeypatch):
    """From here on, half of each file can be written and then no more."""

    def half(path, content, **how):
        content = content if isinstance(content, bytes) else content.encode()
        with path.open("wb") as stream:
            stream.write(content[: len(content) // 2])
        raise OSError("no space left")

    def fill():
        monkeypatch.setattr(Path, "write_bytes", half)
        monkeypatch.setattr(Path, "write_text", half)

    return fill


def held(folder: Path) -> dict[Path, bytes]:
    """Every file below a folder with what is in it."""
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
