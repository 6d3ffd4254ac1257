"""Writes results/RESULTS.md with its figures, and what the README says of results and times:
python -m tools.make_report

Nothing is measured here. Records come from lessons that ran on real images, times from run_lessons. The README's own
pictures come from make_pictures; a check looks at them as well.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import sys
from datetime import date
from pathlib import Path

from fakeface_utils.datasets.layouts import LAYOUTS
from fakeface_utils.lessons import results
from fakeface_utils.lessons.setup import gpu_count
from tools import drawings, make_pictures, results_page

ROOT = Path(__file__).parents[1]
FIGURES = Path("results/figures")
# Images in the sets that every lesson takes whole, in every profile; of 140k a profile may take a part.
WHOLE = {"140k-mini": 1600, "yonsei": LAYOUTS["yonsei"].total}
# Settings that differ from set to set; report 004's network is trained on 140k alone.
OF_THE_SET = {"split", "n_train", "n_test", "parameters", "seeds of 004"}


def take_records(source: Path, target: Path, force: bool = False) -> list[Path]:
    """Copy the records below ``source`` that rest on real images, with their tables; returns what was written.

    Raises:
        ValueError: some record was made with other settings, or other images, than its profile's, and not
            ``force``. Nothing is copied then.
    """
    records = [results.read_record(path) for path in sorted(source.glob("*/*.json"))]
    records = [record for record in records if record["evidence"]]
    wrong = [problem for record in records for problem in doubts(record, results.recorded(folder=target))]
    if wrong and not force:
        end = "nothing was taken. Run the lesson as its profile has it, or, if the change is meant, add --force"
        raise ValueError("\n".join([*wrong, end]))
    written = []
    for record in records:
        tables = {name: results.read_table(record, name, source) for name in record.get("tables", [])}
        written.append(results.write_record(record, target, tables))
    return written


def doubts(record: dict, committed: list[dict]) -> list[str]:
    """Why a record may not be its profile's: a set that is not whole, or settings unlike those committed.

    It is held against its predecessor, the committed record of the same lesson, set and profile. Where there is
    none, the settings that do not depend on the set are held against the same lesson's and profile's other sets.
    """
    name = f"{record['lesson']}, {record['set']}, {record['profile']}"
    whole, found = WHOLE.get(record["set"]), []
    if whole not in (None, record["n_images"]):
        found.append(f"{name}: made of {record['n_images']:,} images; the set has {whole:,}")
    kin = [r for r in committed if (r["lesson"], r["profile"]) == (record["lesson"], record["profile"])]
    before = [r for r in kin if r["set"] == record["set"]]
    for other in before or kin[:1]:
        mine, theirs = (r["settings"] for r in (record, other))
        if before:
            mine, theirs = (r["settings"] | {"images": r["fingerprint"]} for r in (record, other))
        else:
            mine, theirs = ({k: v for k, v in s.items() if k not in OF_THE_SET} for s in (mine, theirs))
        found += [
            f"{name}: {key} is {mine.get(key)!r}; the committed record of {other['set']} has {theirs.get(key)!r}"
            for key in sorted(mine.keys() | theirs.keys())
            if mine.get(key) != theirs.get(key)
        ]
    return found


def take_times(source: Path, target: Path, machine: str) -> None:
    """Add the times of a run_lessons output folder to the table that lessons and README print."""
    table = json.loads(target.read_text(encoding="utf-8")) if target.is_file() else {}
    for path in sorted(source.glob("[0-9][0-9]_*.json")):
        stamp = json.loads(path.read_text(encoding="utf-8"))
        if stamp["status"] == "ok":
            measured = {key: stamp[key] for key in ("seconds", "memory_gb")}
            measured |= {"machine": machine, "date": date.today().isoformat()}
            table.setdefault(path.stem, {})[stamp["profile"]] = measured
    results.write_whole(target, (json.dumps(table, indent=1, sort_keys=True) + "\n").encode())


def syllabus_block(root: Path) -> str:
    """One row a lesson: its question, its badge and its times; then where the times were measured."""
    machines = set()
    lines = ["| lesson | question | smoke | laptop | colab | open |", "| --- | --- | --- | --- | --- | --- |"]
    for path in sorted((root / "colab").glob("[0-9][0-9]_*.ipynb")):
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        title = "".join(cells[0]["source"])
        question = re.search(r"^# (.+)$", title, re.MULTILINE)[1]
        badge = re.search(r"\[!\[.*?\]\(.*?\)\]\(.*?\)", title)[0]
        times = results.minutes(path.stem, root / "results" / "timings.json").loc[["smoke", "laptop", "colab"]]
        machines |= set(times["measured on"]) - {""}
        row = [f"[{path.stem}](notebooks/{path.name})", question, *times["time"], badge]
        lines.append("| " + " | ".join(row) + " |")
    return "\n".join([*lines, "", f"Measured on: {'; '.join(sorted(machines)) or 'not yet'}."])


def filled(text: str, blocks: dict[str, str]) -> str:
    """``text`` with each block between its two markers; a ValueError if a marker is missing."""
    for name, block in blocks.items():
        begin, end = f"<!-- {name}: made by `make report` -->", f"<!-- end of {name} -->"
        if text.count(begin) != 1 or text.count(end) != 1:
            raise ValueError(f"README.md must hold {begin} and {end} once each")
        before, rest = text.split(begin)
        text = f"{before}{begin}\n{block}\n{end}{rest.split(end)[1]}"
    return text


def this_machine() -> str:
    return f"{os.cpu_count()} cores, {platform.system()} {platform.machine()}, {gpu_count()} GPU"


def generated(root: Path) -> dict[Path, str]:
    """Every file that is made from records and times, and what it must hold; README.md for the most part is not."""
    readme = root / "README.md"
    page, block = results_page.page_and_block(root)
    blocks = {"syllabus": syllabus_block(root), "results": block}
    return {root / "results" / "RESULTS.md": page, readme: filled(readme.read_text(encoding="utf-8"), blocks)}


def is_stale(path: Path, text: str) -> bool:
    return not path.is_file() or path.read_text(encoding="utf-8") != text


def complaints(root: Path, files: dict[Path, str]) -> list[str]:
    """Every file that is not what the records, the times or the testbed say, a sentence each."""
    found = [
        f"{path.name} is not what the records say; run `make report`"
        for path in files
        if is_stale(path, files[path])
    ]
    found += drawings.problems(results_page.drawings(root), root / FIGURES, "make report")
    return found + make_pictures.problems(root)


def write_all(root: Path, files: dict[Path, str]) -> None:
    """Write the pages and draw the figures that are out of date."""
    for path, text in files.items():
        if is_stale(path, text):
            results.write_whole(path, text.encode())
            print(f"wrote {path}")
    for path in drawings.remake(results_page.drawings(root), root / FIGURES):
        print(f"drew {path}")


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="write nothing, only say which file is out of date")
    parser.add_argument("--take", type=Path, metavar="DIR", help="first commit the evidence among these records")
    parser.add_argument("--force", action="store_true", help="take records with other settings than those before")
    parser.add_argument("--take-times", type=Path, metavar="DIR", help="first take the times of this run's stamps")
    parser.add_argument("--machine", default=this_machine(), help="where those times were measured: %(default)s")
    parser.add_argument("--root", type=Path, default=ROOT, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    try:
        if options.take:
            for path in take_records(options.take, options.root / "results" / "records", options.force):
                print(f"took {path.name}")
        if options.take_times:
            take_times(options.take_times, options.root / "results" / "timings.json", options.machine)
        files = generated(options.root)
        if not options.check:
            write_all(options.root, files)
        wrong = complaints(options.root, files)
    except (results.RecordError, ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    for problem in wrong:
        print(problem, file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
