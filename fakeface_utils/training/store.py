"""Where finished experiments are kept: one folder each, every file in it written whole or not at all.

A folder holds ``predictions.csv``, ``history.csv``, if asked for ``model.keras``, and, written last, ``record.json``:
only with that file is the experiment finished (for a moment without metrics, which are taken of the predictions).
Before, ``checkpoint.npz`` may be there. All this survives a killed process. Nothing is forced to disk against a power
cut, or a mounted drive that uploads files in an order of its own: a record that cannot be read, or whose files are
not as long as it says, counts as not finished.
"""

from __future__ import annotations

import errno
import json
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
import pandas as pd
from filelock import FileLock

SCHEMA = 2  # of a record; one of another schema counts as not finished
RECORD, PREDICTIONS, HISTORY, MODEL = "record.json", "predictions.csv", "history.csv", "model.keras"
CHECKPOINT = "checkpoint.npz"


@dataclass(frozen=True)
class Record:
    """One finished experiment: what its JSON says, and the files beside it, read when asked for."""

    folder: Path
    values: dict

    @property
    def metrics(self) -> dict[str, dict]:
        """Name -> ``{"value": ..., "low": ..., "high": ..., "n": ...}``, or only a value where there is no interval."""
        return self.values["metrics"]

    def predictions(self) -> pd.DataFrame:
        """A row an image of the validation and test splits: ``name``, ``split``, ``y_true``, ``y_score`` = P(fake)."""
        return pd.read_csv(self.folder / PREDICTIONS, keep_default_na=False, dtype={"name": str})

    def scores(self, split: str) -> np.ndarray:
        """P(fake) of the images of one split, (n,), in the order of the index."""
        told = self.predictions()
        return told.loc[told["split"] == split, "y_score"].to_numpy()

    def history(self) -> pd.DataFrame:
        """A row an epoch: ``loss``, ``accuracy``, ``auc``, the same with ``val_``; index ``epoch``, from 1."""
        return pd.read_csv(self.folder / HISTORY, index_col="epoch", float_precision="round_trip")

    @property
    def has_model(self) -> bool:
        """Whether the trained model was kept."""
        return MODEL in self.values.get("files", {})

    def model(self) -> keras.Model:
        """The trained model, without its optimizer's state.

        Raises:
            FileNotFoundError: it was not kept; ``run(..., keep_model=True)`` trains the experiment again and keeps it.
        """
        if not self.has_model:
            raise FileNotFoundError(f"{self.folder}: no model was kept; call run with keep_model=True to train one")
        return keras.models.load_model(self.folder / MODEL, compile=False)


def read_record(folder: Path) -> Record | None:
    """The record in a folder of the store; None if the experiment has not finished."""
    try:
        values = json.loads((folder / RECORD).read_text())
    except (OSError, ValueError):
        return None
    if not isinstance(values, dict) or values.get("schema") != SCHEMA:
        return None
    return Record(folder, values) if values.get("files", {}).items() <= _sizes(folder).items() else None


def _sizes(folder: Path) -> dict[str, int]:
    paths = [folder / name for name in (PREDICTIONS, HISTORY, MODEL)]
    return {path.name: path.stat().st_size for path in paths if path.is_file()}


def write_results(
    folder: Path, predictions: pd.DataFrame, history: pd.DataFrame, model: keras.Model | None
) -> None:
    """What stands beside the record, each as the methods of ``Record`` read it; None keeps no model."""
    with whole(folder / PREDICTIONS) as partial:
        predictions.to_csv(partial, index=False)
    with whole(folder / HISTORY) as partial:
        history.to_csv(partial)
    if model is None:
        (folder / MODEL).unlink(missing_ok=True)
        return
    with whole(folder / MODEL) as partial:
        # The same layers without the optimizer, whose state would be two thirds of the file.
        keras.Model(model.inputs, model.outputs, name=model.name).save(partial)


def write_record(folder: Path, values: dict) -> Record:
    """Finish an experiment: its JSON, after which the checkpoint is of no use."""
    values = values | {"files": _sizes(folder)}
    with whole(folder / RECORD) as partial:
        partial.write_text(json.dumps(values, indent=1) + "\n")
    (folder / CHECKPOINT).unlink(missing_ok=True)
    return Record(folder, values)


@contextmanager
def lock(folder: Path, timeout: float = -1) -> Iterator[None]:
    """For whoever writes in ``folder``; the operating system frees it when a process dies.

    Some mounted drives know no locks. There it goes on without one: such a drive belongs to one machine at a time.

    Raises ``filelock.Timeout`` on entering if another process holds it for more than ``timeout`` seconds; -1 waits.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "lock"
    with FileLock(path, timeout=timeout) if _can_be_locked(path) else nullcontext():
        yield


def _can_be_locked(path: Path) -> bool:
    """False where the file system refuses locks, which FileLock may take for one in other hands and wait for ever."""
    try:
        import fcntl
    except ImportError:  # Windows has locks of its own
        return True
    with path.open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            return error.errno not in (errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.ENOLCK)
    return True


@contextmanager
def whole(path: Path) -> Iterator[Path]:
    """A temporary path to write to, which gets the name ``path`` when all went well. One writer at a time."""
    partial = path.with_name(f"partial-{path.name}")
    try:
        yield partial
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
