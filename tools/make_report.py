"""Writes results/RESULTS.md, and what the README says of results and times: python -m tools.make_report

Nothing is measured here. Records come from lessons that ran on real images, times from run_lessons.
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

from fakeface_utils.lessons import results
from fakeface_utils.lessons.setup import gpu_count
from tools import results_page

ROOT = Path(__file__).parents[1]


def take_records(source: Path, target: Path) -> list[Path]:
    """Copy the records below ``source`` that rest on real images, with their tables; returns what was written."""
    written = []
    for path in sorted(source.glob("*/*.json")):
        record = results.read_record(path)
        if record["evidence"]:
            tables = {name: results.read_table(record, name, source) for name in record.get("tables", [])}
            written.append(results.write_record(record, target, tables))
    return written


def take_times(source: Path, target: Path, machine: str) -> None:
    """Add the times of a run_lessons output folder to the table that lessons and README print."""
    table = json.loads(target.read_text(encoding="utf-8")) if target.is_file() else {}
    for path in sorted(source.glob("[0-9][0-9]_*.json")):
        stamp = json.loads(path.read_text(encoding="utf-8"))
        if stamp["status"] == "ok":
            measured = {key: stamp[key] for key in ("seconds", "memory_gb")}
            measured |= {"machine": machine, "date": date.today().isoformat()}
            table.setdefault(path.stem, {})[stamp["profile"]] = measured
    target.write_text(json.dumps(table, indent=1, sort_keys=True) + "\n", encoding="utf-8")


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


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="write nothing, only say which file is out of date")
    parser.add_argument("--take", type=Path, metavar="DIR", help="first commit the evidence among these records")
    parser.add_argument("--take-times", type=Path, metavar="DIR", help="first take the times of this run's stamps")
    parser.add_argument("--machine", default=this_machine(), help="where those times were measured: %(default)s")
    parser.add_argument("--root", type=Path, default=ROOT, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    try:
        if options.take:
            for path in take_records(options.take, options.root / "results" / "records"):
                print(f"took {path.name}")
        if options.take_times:
            take_times(options.take_times, options.root / "results" / "timings.json", options.machine)
        files = generated(options.root)
    except (results.RecordError, ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    stale = [path for path, text in files.items() if is_stale(path, text)]
    for path in stale:
        if options.check:
            print(f"{path.name} is not what the records say; run `make report`", file=sys.stderr)
        else:
            path.write_text(files[path], encoding="utf-8")
            print(f"wrote {path}")
    return 1 if options.check and stale else 0


if __name__ == "__main__":
    sys.exit(main())
