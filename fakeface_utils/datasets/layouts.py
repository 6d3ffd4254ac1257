"""The two Kaggle archives as one table: finding them on disk, reading their names, indexing their images.

The index is a pandas DataFrame, one row an image:

======== =====================================================================================
path     where the file is (str)
name     the file's path relative to the set's root, with ``/`` (str)
label    1 = fake, 0 = real
split    ``train``, ``valid``, ``test``; ``""`` for a set that comes without splits
set      ``140k``, ``140k-mini``, ``140k-part``, ``yonsei``, ``yonsei-part`` or ``testbed``
kind     ``real``; ``gan`` in the 140k set; ``easy``, ``mid``, ``hard`` in the Yonsei set
parts    which parts are replaced, four bits (left eye, right eye, nose, mouth); ``""`` if unknown
group    images with the same number share a photograph (each its own until ``groups`` says otherwise)
======== =====================================================================================

It extends the DataFrame of report 004 (image_path, label, folder; section 5.1).
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

SPLITS = ("train", "valid", "test")
PARTS = ("left_eye", "right_eye", "nose", "mouth")
DIFFICULTIES = ("easy", "mid", "hard")
COLUMNS = ["path", "name", "label", "split", "set", "kind", "parts", "group"]
IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png")

# easy_100_1111.jpg: difficulty, number, one bit a part. One file of the original set has three bits.
_YONSEI_NAME = re.compile(r"(easy|mid|hard)_(\d+)_([01]{3,4})")


class LayoutError(ValueError):
    """No image set that the kit knows was found where one was expected."""


@dataclass(frozen=True)
class Layout:
    """How one Kaggle archive lies on disk, below the folder that Kaggle's zip opens to."""

    name: str
    marker: tuple[str, ...]  # folders that lead from the set's root to `folders`
    folders: dict[tuple[str, ...], tuple[str, int]]  # class folder -> (split, label)
    full: dict[tuple[str, int], int]  # (split, label) -> images in the whole archive

    @property
    def total(self) -> int:
        return sum(self.full.values())


LAYOUTS = {
    "140k": Layout(
        "140k",
        ("real_vs_fake", "real-vs-fake"),
        {(split, kind): (split, label) for split in SPLITS for label, kind in enumerate(("real", "fake"))},
        {(split, label): 50_000 if split == "train" else 10_000 for split in SPLITS for label in (0, 1)},
    ),
    "yonsei": Layout(
        "yonsei",
        ("real_and_fake_face",),
        {("training_real",): ("", 0), ("training_fake",): ("", 1)},
        {("", 0): 1081, ("", 1): 960},
    ),
}
# Hash of the names of 140k-mini's 1,600 images; any other incomplete copy is called a part.
_MINI = "1caebedb282424f9"


def find_layout(folder: str | Path) -> tuple[Layout, Path]:
    """Which archive lies in ``folder``, and the root below which its marker folders start.

    The archive may be nested: Kaggle's own zips, and copies of them, repeat the top folder. When the
    same folder occurs twice (Yonsei's archive holds a second copy of itself) the upper one is taken.

    Raises:
        LayoutError: nothing in ``folder`` looks like one of the archives.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise LayoutError(f"{folder} is not a folder")
    for depth in range(4):
        for layout in LAYOUTS.values():
            for base in _below(folder, depth):
                for skip in range(len(layout.marker) + 1):
                    found = base.joinpath(*layout.marker[skip:])
                    if found.name == layout.marker[-1] and _holds(layout, found):
                        return layout, found
    expected = " or ".join("/".join((*lay.marker, *next(iter(lay.folders)))) for lay in LAYOUTS.values())
    raise LayoutError(f"{folder} holds neither image set: looked for {expected}, also up to three folders down")


def _below(folder: Path, depth: int) -> list[Path]:
    folders = [folder]
    for _ in range(depth):
        folders = [child for base in folders for child in sorted(base.iterdir()) if child.is_dir()]
    return folders


def _holds(layout: Layout, base: Path) -> bool:
    return any(base.joinpath(*folder).is_dir() for folder in layout.folders)


def build_index(folder: str | Path, layout: str | None = None) -> pd.DataFrame:
    """The index of the image set in ``folder`` (see the module's text for its columns).

    Reads names only, no image is opened. Rows are ordered by name, so the index is the same on every
    machine. ``index.attrs`` holds ``root`` and ``layout``.

    Args:
        folder: the set's folder, or one above it.
        layout: ``"140k"`` or ``"yonsei"`` to insist on one; default: whichever is found.

    Raises:
        LayoutError: no set, another set than asked for, or a set without a single image.
    """
    found, base = find_layout(folder)
    if layout not in (None, found.name):
        raise LayoutError(f"{folder} holds the {found.name} layout, not {layout}")
    rows = []
    for class_folder, (split, label) in found.folders.items():
        directory = base.joinpath(*class_folder)
        for path in directory.iterdir() if directory.is_dir() else []:
            if path.name.lower().endswith(IMAGE_SUFFIXES):
                kind, parts = ("real", "") if label == 0 else describe_fake(path.name, found.name)
                rows.append((str(path), "/".join((*class_folder, path.name)), label, split, kind, parts))
    if not rows:
        raise LayoutError(f"{base} has the folders of the {found.name} set but not one image in them")
    index = pd.DataFrame(rows, columns=["path", "name", "label", "split", "kind", "parts"])
    index = index.sort_values("name", ignore_index=True)
    index["set"] = set_name(base, found, index["name"])
    index["group"] = range(len(index))
    index.attrs.update(root=str(base), layout=found.name)
    return index[COLUMNS]


def set_name(base: Path, layout: Layout, names: pd.Series) -> str:
    """What a set is called in tables and records: a part of a set never bears the set's name."""
    if is_drawn(base, layout):
        return "testbed"
    if len(names) == layout.total:
        return layout.name
    mini = hashlib.sha256("\n".join(names).encode()).hexdigest()[:16] == _MINI
    return "140k-mini" if mini else f"{layout.name}-part"


def is_drawn(base: Path, layout: Layout) -> bool:
    """Whether the set whose class folders lie in ``base`` is the kit's own drawing, not photographs."""
    above = base.parents[: len(layout.marker)]
    return any((folder / "testbed" / "manifest.json").is_file() for folder in above)


def describe_fake(name: str, layout: str) -> tuple[str, str]:
    """Kind and replaced parts of a fake, from its file name: ``("mid", "1100")``, or ``("gan", "")``.

    A name whose bits are not four (the Yonsei set has one with three) keeps its difficulty; its parts are
    unknown rather than guessed.
    """
    if layout == "140k":
        return "gan", ""
    match = _YONSEI_NAME.match(name)
    if not match:
        return "fake", ""
    return match[1], match[3] if len(match[3]) == len(PARTS) else ""


def part_names(bits: str) -> list[str]:
    """The replaced parts in words: ``"1100"`` -> ``["left_eye", "right_eye"]``; ``[]`` when unknown.

    The order of the bits is the one the Yonsei set's authors give: left eye, right eye, nose, mouth.
    """
    return [part for part, bit in zip(PARTS, bits, strict=False) if bit == "1"]


def read_fake_name(name: str) -> tuple[str, list[str]]:
    """Difficulty and replaced parts of a Yonsei fake: ``"easy_27_1000.jpg"`` -> ``("easy", ["left_eye"])``."""
    kind, bits = describe_fake(name, "yonsei")
    return kind, part_names(bits)


def keep_some(index: pd.DataFrame, n_images: int, seed: int = 0) -> pd.DataFrame:
    """About ``n_images`` rows, the same share of every split and kind, in the index's own order.

    Which rows is decided by a salted hash of their names: the same on every machine, and a larger number
    keeps all that a smaller one kept.
    """
    if n_images >= len(index):
        return index
    order = index["name"].map(lambda name: hashlib.sha256(f"{seed}/{name}".encode()).hexdigest())
    share = n_images / len(index)
    kept = []
    for _, rows in index.groupby(["split", "kind"], sort=False):
        kept.extend(order[rows.index].sort_values().index[: max(1, round(share * len(rows)))])
    small = index.loc[sorted(kept)].reset_index(drop=True)
    small.attrs = dict(index.attrs)
    return small


def fingerprint(index: pd.DataFrame) -> str:
    """A short hash of what the index names: every image's name, size in bytes, label and split.

    Two copies of a set on two machines have the same fingerprint; an image added, lost, replaced by one
    of another size, or moved to another split changes it. Contents are hashed by ``verify``, not here.
    """
    digest = hashlib.sha256()
    for row in index.itertuples():
        digest.update(f"{row.name}\0{Path(row.path).stat().st_size}\0{row.label}\0{row.split}\n".encode())
    return digest.hexdigest()[:16]
