"""Is the set on disk whole? Counts, files that do not decode, files that occur twice."""

from __future__ import annotations

import hashlib
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path

import pandas as pd
from PIL import Image, UnidentifiedImageError
from tqdm import tqdm

from fakeface_utils.datasets.layouts import LAYOUTS, build_index

# A face crop of more pixels than this is a mistake or an attack; decoding it could exhaust the memory.
MAX_PIXELS = 50_000_000


@dataclass
class Verification:
    """What ``verify`` found.

    Attributes:
        counts: one row a split and class, with the images ``found`` and those of the ``full`` archive (which the
            drawn sample does not have).
        unreadable: name -> what is wrong with the file.
        duplicates: lists of names whose files are equal byte for byte.
        set: the set's name (see ``layouts``).
    """

    counts: pd.DataFrame
    unreadable: dict[str, str] = field(default_factory=dict)
    duplicates: list[list[str]] = field(default_factory=list)
    set: str = ""

    @property
    def partial(self) -> str:
        """``"1,600 of 140,000"`` when images of the full archive are missing, else ``""``."""
        if self.set == "testbed":
            return ""
        found, full = int(self.counts["found"].sum()), int(self.counts["full"].sum())
        return "" if found == full else f"{found:,} of {full:,}"

    def __str__(self) -> str:
        lines = [self.counts.to_string(index=False)]
        if self.partial:
            lines.append(f"warning: this is a part of the set, {self.partial} images")
        for group in self.duplicates:
            lines.append(f"warning: the same file {len(group)} times: {', '.join(group)}")
        for name, problem in self.unreadable.items():
            lines.append(f"unreadable: {name}: {problem}")
        if not self.unreadable and not self.duplicates:
            lines.append("every file decodes, no file occurs twice")
        return "\n".join(lines)


def verify(folder: str | Path) -> Verification:
    """Decode and hash every image of the set in ``folder``; changes nothing.

    Args:
        folder: the set's folder, or one above it.

    Raises:
        LayoutError: there is no set.
    """
    index = build_index(folder)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        jobs = pool.map(inspect_image, index["path"])
        results = list(tqdm(jobs, total=len(index), desc="verify", unit=" images"))
    problems = {name: problem for name, (problem, _) in zip(index["name"], results, strict=True) if problem}
    hashes = pd.Series([digest for _, digest in results], index=index["name"])
    twice = hashes[hashes.duplicated(keep=False)]
    return Verification(
        counts=count_table(index),
        unreadable=problems,
        duplicates=[sorted(names) for names in twice.groupby(twice).groups.values()],
        set=index["set"].iloc[0],
    )


def count_table(index: pd.DataFrame) -> pd.DataFrame:
    """Images per split and class, beside those of the full archive (columns split, class, found, full)."""
    full = LAYOUTS[index.attrs["layout"]].full
    found = index.groupby(["split", "label"]).size()
    rows = [
        (split or "all", ("real", "fake")[label], int(found.get((split, label), 0)), n)
        for (split, label), n in full.items()
    ]
    table = pd.DataFrame(rows, columns=["split", "class", "found", "full"])
    return table.drop(columns="full") if index["set"].iloc[0] == "testbed" else table


def inspect_image(path: str | Path) -> tuple[str, str]:
    """What is wrong with an image file (``""`` if it decodes to its last row) and its SHA-256."""
    content = Path(path).read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    try:
        with Image.open(BytesIO(content)) as image:
            if image.format not in ("JPEG", "PNG"):
                return f"is a {image.format} file; the sets hold JPEG and PNG", digest
            if image.width * image.height > MAX_PIXELS:
                return f"has {image.width} x {image.height} pixels, more than a face crop can have", digest
            image.load()
    except UnidentifiedImageError:
        return "is not an image" if content else "is an empty file", digest
    except Image.DecompressionBombError:
        return "has more pixels than a face crop can have", digest
    except (OSError, ValueError, SyntaxError) as error:
        return f"breaks off or is damaged ({error})", digest
    return "", digest
