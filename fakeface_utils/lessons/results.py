"""Records of what was measured, the reports' claims, and the tables made of both.

A record is one JSON file: what was measured on which images, with intervals, versions, machine and time.
Those that the course shows are committed in ``results/records/<lesson>/``; a lesson that runs on a testbed
prints them, so that nobody takes the testbed's numbers for results. Claims stand in ``results/claims.yaml``.
"""

from __future__ import annotations

import json
import os
import platform
import time
from collections.abc import Mapping
from datetime import date
from pathlib import Path

import pandas as pd
import yaml

from fakeface_utils import __version__, config
from fakeface_utils.datasets.layouts import fingerprint
from fakeface_utils.evaluation import verdicts
from fakeface_utils.lessons.setup import gpu_count, package_version
from fakeface_utils.records import plain_metrics

SCHEMA = 1
_PACKAGES = ("numpy", "pandas", "pillow", "scikit-learn", "scipy", "tensorflow", "keras", "opencv-python")
_KEYS = {"schema", "lesson", "set", "evidence", "profile", "n_images", "fingerprint", "settings", "metrics"}


class RecordError(ValueError):
    """A record, or the ledger, cannot be used; the text names the file."""


def make_record(
    lesson: str,
    index: pd.DataFrame,
    metrics: Mapping[str, object],
    profile: str,
    settings: Mapping[str, object],
    started: float,
) -> dict:
    """One record, ready to be written.

    Args:
        lesson: such as ``"01_data_tour"``.
        index: the images measured on; its ``attrs["evidence"]`` decides whether the record may be reported.
        metrics: name -> ``Estimate``, or a number that has no interval because it is a count, or a mapping of
            such, whose names are joined by ``/``; None is left out.
        profile: what the lesson ran with.
        settings: the parameters that shaped the numbers.
        started: ``time.time()`` at the start.
    """
    return {
        "schema": SCHEMA,
        "lesson": lesson,
        "set": index["set"].iloc[0],
        "layout": index.attrs["layout"],
        "evidence": bool(index.attrs.get("evidence", False)),
        "profile": profile,
        "n_images": len(index),
        "fingerprint": fingerprint(index),
        "settings": dict(settings),
        "metrics": plain_metrics(metrics),
        "date": date.today().isoformat(),
        "kit": __version__,
        "versions": {"python": platform.python_version(), **{name: package_version(name) for name in _PACKAGES}},
        "device": f"{platform.machine()}, {os.cpu_count()} cores, {gpu_count()} GPU",
        "wall_seconds": round(time.time() - started, 1),
    }


def write_record(record: dict, folder: str | Path | None = None) -> Path:
    """Write a record whole or not at all, as ``<folder>/<lesson>/<set>.<profile>.json``; returns its path.

    Records of the testbed also bear the layout in their name.

    ``folder`` defaults to ``records`` in the runs directory. To commit a record, see tools/make_report.
    """
    name = record["set"] if record["evidence"] else f"{record['set']}-{record['layout']}"
    folder = Path(folder or config.runs_dir() / "records") / record["lesson"]
    path = folder / f"{name}.{record['profile']}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(f".{os.getpid()}.partial")
    partial.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    partial.replace(path)
    return path


def read_record(path: str | Path) -> dict:
    """A record from its file. Raises RecordError if it is not a whole record of a schema known here."""
    try:
        record = json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise RecordError(f"{path} is not a readable record: {error}") from error
    missing = _KEYS - set(record) if isinstance(record, dict) else _KEYS
    if missing or record["schema"] != SCHEMA:
        raise RecordError(
            f"{path} is not a record of schema {SCHEMA}; missing: {', '.join(sorted(missing)) or 'none'}"
        )
    return record


def recorded(lesson: str, folder: str | Path | None = None) -> list[dict]:
    """The committed records of a lesson, by set name; ``[]`` if there are none yet.

    Raises RecordError for a record that was measured on the testbed: it has no place there.
    """
    folder = Path(folder or config.project_root() / "results" / "records") / lesson
    records = [read_record(path) for path in sorted(folder.glob("*.json"))]
    for record in records:
        if not record["evidence"]:
            raise RecordError(f"{folder}: the record of {record['set']} is no evidence and cannot be reported")
    return records


def count_metrics(index: pd.DataFrame, metadata: pd.DataFrame) -> dict[str, int]:
    """How many images there are, by class, kind and size, under the names that claims use.

    Args:
        index: the whole set.
        metadata: ``metadata_table`` of all of it or of a part; sizes are only counted when it is all.
    """
    counts = {"images": len(index), "count/real": int((index["label"] == 0).sum())}
    counts["count/fake"] = len(index) - counts["count/real"]
    counts |= {f"count/{kind}": int(n) for kind, n in index["kind"].value_counts().items()}
    if len(metadata) == len(index):
        sizes = metadata["width"].astype(str) + "x" + metadata["height"].astype(str)
        counts |= {f"count/{size}": int(n) for size, n in sizes.value_counts().items()}
    return counts


def minutes(lesson: str, path: str | Path | None = None) -> pd.DataFrame:
    """How long a lesson took in each profile, where and when; ``not measured`` where nobody did."""
    path = Path(path or config.project_root() / "results" / "timings.json")
    measured = json.loads(path.read_text(encoding="utf-8")).get(lesson, {}) if path.is_file() else {}
    rows = {}
    for profile in config.PROFILES:
        entry = measured.get(profile)
        if entry is None:
            rows[profile] = ("not measured", "", "")
        else:
            seconds = entry["seconds"]
            time = f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"
            rows[profile] = (time, f"{entry['memory_gb']:.1f} GB", f"{entry['machine']}, {entry['date']}")
    return pd.DataFrame.from_dict(rows, orient="index", columns=["time", "memory", "measured on"])


def metric_table(records: list[dict], prefix: str) -> pd.DataFrame:
    """The metrics whose names start with ``prefix``: a row each, a column a set, cells as ``.71 [.68, .74]``."""
    columns = {}
    for record in records:
        chosen = {name: value for name, value in record["metrics"].items() if name.startswith(prefix)}
        title = f"{record['set']} (n = {record['n_images']:,}, {record['profile']}, {record['date']})"
        columns[title] = {name.removeprefix(prefix): _cell(value) for name, value in chosen.items()}
    return pd.DataFrame(columns)


def _cell(value: dict) -> str:
    if "low" not in value:
        return f"{value['value']:,}" if isinstance(value["value"], int) else f"{value['value']:.3f}"
    return f"{value['value']:.3f} [{value['low']:.3f}, {value['high']:.3f}]"


def read_claims(path: str | Path | None = None) -> pd.DataFrame:
    """The ledger of the reports' claims, one row a claim. Raises RecordError if a key is missing or unknown."""
    path = Path(path or config.project_root() / "results" / "claims.yaml")
    required = {"id", "report", "where", "statement", "kind", "metric", "reported", "set", "lesson", "comparable"}
    optional = {"n_train", "n_test", "reason"}
    claims = yaml.safe_load(path.read_text(encoding="utf-8"))
    for claim in claims:
        if not required <= set(claim) <= required | optional:
            raise RecordError(f"{path}: claim {claim.get('id', claim)!r} has the keys {sorted(claim)}")
        if not claim["comparable"] and not claim.get("reason"):
            raise RecordError(f"{path}: claim {claim['id']!r} is not comparable, so it needs a reason")
    table = pd.DataFrame(claims, dtype=object)
    if table["id"].duplicated().any():
        raise RecordError(f"{path}: the id {table['id'][table['id'].duplicated()].iloc[0]} stands twice")
    return table


def structure_verdicts(lesson: str, records: list[dict], claims: pd.DataFrame) -> pd.DataFrame:
    """The lesson's claims about counts beside what was counted: equal or not, nothing in between.

    A claim that is not comparable is shown with its reason; one whose set was not measured is ``not run``, with the
    command that measures it once the set is there.
    """
    counted = {(record["set"], name): value for record in records for name, value in record["metrics"].items()}
    rows = []
    for claim in claims[(claims["lesson"] == lesson) & (claims["kind"] == "structure")].to_dict("records"):
        ours = counted.get((claim["set"], claim["metric"]), {}).get("value")
        if not claim["comparable"]:
            verdict = f"not comparable: {claim['reason']}"
        elif ours is None:
            found = verdicts.not_run(f"python -m tools.run_lessons --profile laptop --only {lesson[:2]}")
            verdict = f"{found.word}: {found.text}"
        else:
            verdict = verdicts.structure_verdict(ours, claim["reported"]).word
        ours = "-" if ours is None else f"{ours:,}"
        rows.append((f"{claim['report']:03d}", claim["statement"], f"{claim['reported']:,}", ours, verdict))
    return pd.DataFrame(rows, columns=["report", "claim", "reported", "ours", "verdict"])
