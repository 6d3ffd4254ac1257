"""Recipes: one experiment with several seeds, on one split or in the turns of a cross-validation; and grids of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from itertools import product

import numpy as np
import pandas as pd

from fakeface_utils.training.experiment import Experiment, Measure, run_all
from fakeface_utils.training.store import Record


@dataclass(frozen=True)
class Runs:
    """All runs of one recipe, and what they say of every image that was tested.

    Attributes:
        records: turn -> the records of its seeds, in order.
        images: (n rows) ``name``, ``label``, ``group`` and ``turn``, the turn in which the image was tested.
        scores: (seeds, n) P(fake). Those of two turns come from two networks: compare them within a turn.
        thresholds: (seeds, n) what validation chose for the run that scored the image.
    """

    records: Mapping[str, list[Record]]
    images: pd.DataFrame
    scores: np.ndarray
    thresholds: np.ndarray

    def history(self) -> pd.DataFrame:
        """A row an epoch of each run: ``turn, seed, epoch`` and the columns of ``Record.history``."""
        parts = {(t, seed): r.history() for t, records in self.records.items() for seed, r in enumerate(records)}
        return pd.concat(parts, names=["turn", "seed"]).reset_index()

    def table(self) -> pd.DataFrame:
        """A row a run: ``turn, seed``, its metrics without their intervals, ``parameters`` and ``wall_seconds``."""
        rows = []
        for turn, records in self.records.items():
            for seed, record in enumerate(records):
                values = {name: metric["value"] for name, metric in record.metrics.items()}
                facts = {name: record.values[name] for name in ("parameters", "wall_seconds")}
                rows.append({"turn": turn, "seed": seed, **values, **facts})
        return pd.DataFrame(rows)


def changed(experiment: Experiment, **values: object) -> Experiment:
    """A copy with other values: of the experiment's own fields, and of its model's arguments (all other names).

    Values may come out of a table, as NumPy's numbers.
    """
    values = {name: value.item() if isinstance(value, np.generic) else value for name, value in values.items()}
    own = {field.name for field in fields(Experiment)}
    arguments = {name: value for name, value in values.items() if name not in own}
    model_args = dict(values.get("model_args", experiment.model_args)) | arguments
    return replace(experiment, **{k: v for k, v in values.items() if k in own} | {"model_args": model_args})


def run_recipes(
    recipes: Mapping[str, Experiment],
    turns: Mapping[str, pd.DataFrame],
    seeds: int,
    *,
    measure: Measure,
    **options,
) -> dict[str, Runs]:
    """Train every recipe with seeds 0 to ``seeds`` - 1 in every turn; what has been run before is loaded.

    Args:
        recipes: name -> experiment, whose ``split`` and ``seed`` are set here.
        turns: name -> index with that split, such as ``splits.with_fold`` gives it; a single one is a plain split.
        measure: as ``evaluation.metrics.judge``; its metric ``threshold`` is used.
        options: as of ``run``.

    Returns:
        The recipes' names -> runs, all with the same images in the same order.
    """
    done, options = {}, {"designs": {}, **options}
    for turn, index in turns.items():
        asked = [replace(recipe, split=turn, seed=k) for recipe in recipes.values() for k in range(seeds)]
        records = iter(run_all(asked, index, measure=measure, **options))
        for name in recipes:
            done.setdefault(name, {})[turn] = [next(records) for _ in range(seeds)]
    return {name: _runs(records, turns) for name, records in done.items()}


def run_grid(
    base: Experiment, axes: Mapping[str, Sequence], stops: Sequence[int], index: pd.DataFrame, **options
) -> pd.DataFrame:
    """Train ``base`` once for every combination of values, and read each training at several epochs.

    Args:
        base: its ``epochs`` reach at least to the last stop.
        axes: name -> values, of the experiment's fields or its model's arguments.
        stops: after which epochs to read, from 1.
        options: as of ``run``, ``measure`` among them.

    Returns:
        A row a combination and stop: the axes, ``epoch``, and the columns of ``Record.history``.
    """
    cells = [dict(zip(axes, values, strict=True)) for values in product(*axes.values())]
    records = run_all([changed(base, **cell) for cell in cells], index, **options)
    parts = [record.history().loc[list(stops)].reset_index() for record in records]
    tables = [pd.DataFrame([cell] * len(stops)).join(part) for cell, part in zip(cells, parts, strict=True)]
    return pd.concat(tables, ignore_index=True)


def _runs(records: Mapping[str, list[Record]], turns: Mapping[str, pd.DataFrame]) -> Runs:
    images, scores, thresholds = [], [], []
    for turn, index in turns.items():
        tested = index[index["split"] == "test"]
        images.append(tested[["name", "label", "group"]].assign(turn=turn))
        tables = [record.predictions() for record in records[turn]]
        scores.append(np.stack([table.loc[table["split"] == "test", "y_score"] for table in tables]))
        cuts = [record.metrics["threshold"]["value"] for record in records[turn]]
        thresholds.append(np.repeat(np.array(cuts)[:, None], len(tested), axis=1))
    return Runs(
        records,
        pd.concat(images, ignore_index=True),
        np.concatenate(scores, axis=1),
        np.concatenate(thresholds, axis=1),
    )


def predictions(runs: Mapping[str, Runs]) -> pd.DataFrame:
    """What can be kept of the runs: ``name, turn, y_true`` and a column ``<recipe>/<seed>`` of scores for each."""
    images = next(iter(runs.values())).images
    columns = {f"{name}/{k}": scores for name, run in runs.items() for k, scores in enumerate(run.scores)}
    return pd.DataFrame({"name": images["name"], "turn": images["turn"], "y_true": images["label"], **columns})


def histories(runs: Mapping[str, Runs]) -> pd.DataFrame:
    """The histories of all runs, with a column ``recipe``."""
    return pd.concat({name: run.history() for name, run in runs.items()}, names=["recipe"]).reset_index(level=0)
