"""Writes the manifest of the Yonsei set's splits: python -m tools.make_splits FOLDER

Done once; run again only to check that the committed file comes out the same (--check).
"""

from __future__ import annotations

import argparse
import hashlib
import sys
from pathlib import Path

import pandas as pd

from fakeface_utils import config
from fakeface_utils.datasets import groups, layouts, splits


def manifest(folder: Path) -> pd.DataFrame:
    """One row an image: name, start of its file's SHA-256, group, and its split in each of four ways."""
    index = layouts.build_index(folder, "yonsei")
    index["group"] = groups.group_ids(index, groups.cached_pairs(index, config.runs_dir() / "cache"))
    table = pd.DataFrame({"name": index["name"].map(lambda name: Path(name).name)})
    table["sha256"] = [hashlib.sha256(Path(path).read_bytes()).hexdigest()[:16] for path in index["path"]]
    table["group"] = index["group"]
    for report, sizes in splits.SIZES.items():
        for name, grouped in ((report, False), (f"{report}-grouped", True)):
            table[name] = splits.draw_split(index, sizes, grouped=grouped, salt=name)
    return table


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="the whole Yonsei set")
    parser.add_argument("--check", action="store_true", help="compare with the committed file, write nothing")
    options = parser.parse_args()
    text = manifest(options.folder).to_csv(index=False)
    if options.check:
        same = text == splits.MANIFEST.read_text()
        print("the same" if same else f"{splits.MANIFEST} differs from what {options.folder} gives")
        return 0 if same else 1
    splits.MANIFEST.write_text(text)
    print(f"wrote {splits.MANIFEST}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
