"""Records of what was measured, and the tables made of them.

A record is one JSON file: what was measured on which images, with intervals, versions, machine and time; tables,
such as curves, may lie beside it. Those that the course shows are committed in ``results/records/<lesson>/``; a
lesson that runs on a testbed prints them, so that nobody takes the testbed's numbers for results. What the records
say of the reports' claims: ``ledger``.
"""

from __future__ import annotations

import gzip
import json
import os
import platform
import re
import time
from collections.abc import Mapping
from datetime import date
from pathlib import Path

import pandas as pd

from fakeface_utils import __version__, config
from fakeface_utils.datasets.layouts import fingerprint
from fakeface_utils.lessons.ledger import RecordError, shown
from fakeface_utils.lessons.setup import gpu_count, package_version
from fakeface_utils.records import plain_metrics

SCHEMA = 1
_PACKAGES = ("numpy", "pandas", "pillow", "scikit-learn", "scipy", "tensorflow", "keras", "opencv-python")
_KEYS = {"schema", "lesson", "set", "evidence", "profile", "n_images", "fingerprint", "settings", "metrics"}


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
        metrics: name -> ``Estimate``, ``Difference``, or a number that has no interval because it is a count, or a
            mapping of such, whose names are joined by ``/``; None is left out.
        profile: what the lesson ran with.
        settings: the parameters that shaped the numbers. The ledger asks for three of them where a model was
            trained: ``n_train``, ``n_test`` and ``seeds`` (how many, or which).
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


def write_record(
    record: dict, folder: str | Path | None = None, tables: Mapping[str, pd.DataFrame] | None = None
) -> Path:
    """Write a record whole or not at all, as ``<folder>/<lesson>/<set>.<profile>.json``; returns its path.

    Records of the testbed also bear the layout in their name. The tables come first, so that a record never names one
    that is not there; those that only an older record of this name had are removed.

    ``folder`` defaults to ``records`` in the runs directory. To commit a record, see tools/make_report.

    Args:
        tables: name -> table, written without its index and with eight digits as ``<set>.<profile>.<name>.csv.gz``;
            :func:`read_table` reads them back.

    Raises:
        RecordError: a table's name does not fit into a file name, or a number in the record is not finite.
    """
    path = Path(folder or config.runs_dir() / "records") / _file(record)
    tables = dict(tables or {})
    for name in tables:
        if not re.fullmatch(r"[\w-]+", name):
            raise RecordError(f"{path}: a table cannot be called {name!r}; use letters, digits, _ and -")
    try:
        text = json.dumps(record | {"tables": sorted(tables)}, indent=1, allow_nan=False) + "\n"
    except ValueError as error:
        raise RecordError(f"{path} cannot be written: {error}; leave out what is not finite") from error
    path.parent.mkdir(parents=True, exist_ok=True)
    written = {_table_path(path, name): table for name, table in tables.items()}
    for table_path, table in written.items():
        content = table.to_csv(index=False, float_format="%.8g", lineterminator="\n")
        write_whole(table_path, gzip.compress(content.encode(), mtime=0))  # the same bytes for the same table
    write_whole(path, text.encode())
    for old in set(path.parent.glob(_table_path(path, "*").name)) - set(written):
        old.unlink()
    return path


def _file(record: dict) -> str:
    """Where a record lies, seen from the folder of all records."""
    name = record["set"] if record["evidence"] else f"{record['set']}-{record['layout']}"
    return f"{record['lesson']}/{name}.{record['profile']}.json"


def _table_path(path: Path, name: str) -> Path:
    return path.with_suffix(f".{name}.csv.gz")


def write_whole(path: Path, content: bytes) -> None:
    """Write a file whole or not at all, beside its place first. Raises OSError; what was there then stays."""
    partial = path.with_suffix(f".{os.getpid()}.partial")
    try:
        partial.write_bytes(content)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def read_table(record: dict, name: str, folder: str | Path | None = None) -> pd.DataFrame:
    """A table that lies beside a record; ``folder`` as in :func:`recorded`, where it is by default.

    Raises:
        RecordError: the record has no such table, or it cannot be read.
    """
    path = table_path(record, name, folder)
    try:
        return pd.read_csv(path, keep_default_na=False, na_values=[""], dtype={"name": str})
    except (OSError, ValueError) as error:
        raise RecordError(f"{path} cannot be read: {error}. Run the lesson again") from error


def table_path(record: dict, name: str, folder: str | Path | None = None) -> Path:
    """The file that :func:`read_table` reads. Raises RecordError if the record has no such table."""
    path = Path(folder or _committed()) / _file(record)
    names = record.get("tables", [])
    if name not in names:
        there = f"it has {', '.join(names)}" if names else "it has none"
        raise RecordError(f"{path} has no table {name!r}; {there}. Run the lesson again to record it")
    return _table_path(path, name)


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


def recorded(lesson: str | None = None, folder: str | Path | None = None) -> list[dict]:
    """The committed records of a lesson, or of all lessons, by name; ``[]`` if there are none yet.

    Raises RecordError for a record that was measured on the testbed: it has no place there.
    """
    folder = Path(folder or _committed())
    records = [read_record(path) for path in sorted(folder.glob(f"{lesson or '*'}/*.json"))]
    for record in records:
        if not record["evidence"]:
            raise RecordError(f"{folder}: the record of {record['set']} is no evidence and cannot be reported")
    return records


def _committed() -> Path:
    return config.project_root() / "results" / "records"


def by_metric(measured: Mapping[str, Mapping[str, object]]) -> dict[str, dict[str, object]]:
    """Metrics of several models, model -> metric -> value, the other way round: as records hold them."""
    names = dict.fromkeys(name for values in measured.values() for name in values)
    return {name: {model: values[name] for model, values in measured.items() if name in values} for name in names}


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


def stamp(record: dict) -> str:
    """When, on what and with how much a record was made, in the words that every table and figure of it bears."""
    return f"recorded on {record['date']}, {record['set']}, profile {record['profile']}, n = {record['n_images']:,}"


def metric_table(records: list[dict], prefix: str) -> pd.DataFrame:
    """The metrics whose names start with ``prefix``: a row each, a column a record, as ``ledger.shown`` says."""
    columns = {}
    for record in records:
        few = few_seeds(record)
        found = _starting(record, prefix).items()
        columns[stamp(record)] = {few.get(name, name): shown(value) for name, value in found}
    return pd.DataFrame(columns)


def interval_table(record: dict, prefix: str) -> pd.DataFrame:
    """The metrics whose names start with ``prefix`` and that have an interval, for a figure such as ``plots.forest``.

    Returns:
        A row a metric, named without the prefix; columns ``value, low, high``.
    """
    columns = ["value", "low", "high"]
    found = {name: value for name, value in _starting(record, prefix).items() if set(columns) <= set(value)}
    return pd.DataFrame.from_dict(found, orient="index").reindex(columns=columns)


def few_seeds(record: dict) -> dict[str, str]:
    """New names for rows that stand for one training, for want of five seeds: ``CNN`` becomes ``CNN (one training)``.

    Their intervals count test images alone, so a figure should not show them as equals of the others. A record says
    ``seeds/NAME`` for each recipe it trained; one that says nothing gives ``{}``.
    """
    seeds = _starting(record, "seeds/").items()
    return {name: f"{name} (one training)" for name, metric in seeds if metric["value"] < 5}


def _starting(record: dict, prefix: str) -> dict[str, dict]:
    metrics = record["metrics"].items()
    return {name.removeprefix(prefix): value for name, value in metrics if name.startswith(prefix)}
