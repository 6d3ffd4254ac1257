"""Hyperparameter search: KerasTuner proposes networks, ``fit`` trains them all alike, a CSV says what came of each.

One process does it (``search``), or several that share the work (``workers.search``). KerasTuner's own files are
thrown away: a killed process can leave them half written. What is kept is a small file a trial. A sweep that is called
again proposes from the start, which for the same seed gives the same networks, and reads what it has trained before.

Three things of KerasTuner 1.4 to know: it builds a network more than once, to find the hyperparameters and then for the
trial; it takes a seed of 0 for no seed; and any error in a trial is to it a failed trial, of which three in a row end
the search.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

import keras
import numpy as np
import pandas as pd
import tensorflow as tf
from tqdm import tqdm

from fakeface_utils import config
from fakeface_utils.datasets import pipeline
from fakeface_utils.models import build as build_model
from fakeface_utils.models import without_names
from fakeface_utils.models.weights import WeightsError, weights_hash
from fakeface_utils.training import experiment
from fakeface_utils.training import store as files
from fakeface_utils.training.device import building, forgetting_graphs, precision, prepare_device
from fakeface_utils.training.fit import Part, fit

try:
    import keras_tuner
except ModuleNotFoundError as error:
    raise ModuleNotFoundError("a sweep needs KerasTuner: pip install 'keras-tuner>=1.4.8,<2'") from error

Build = Callable[["keras_tuner.HyperParameters"], keras.Model]

TUNABLE = ("batch_size", "optimizer", "learning_rate")  # hyperparameters of these names go to `fit`
SCORES = ("val_auc", "val_accuracy", "val_loss")
FACTS = ("epochs", "parameters", *SCORES, "seconds_per_epoch", "status", "worker")
RUNNING, LOST = "running", "lost: its process died twice"


@dataclass(frozen=True)
class Plan:
    """How a sweep chooses, and how it trains each network.

    ``method`` is a name in ``METHODS``. With ``"random"`` there are ``trials`` networks of ``epochs`` epochs, fewer
    if there are not so many different ones. With ``"hyperband"`` many networks train for an epoch or few, and only the
    best of them longer, up to ``epochs``; how many follows from ``epochs``, and ``trials`` must be None. The rest is as
    in ``Experiment``; every trial has the same ``seed``.

    Raises:
        ValueError: an unknown name, or a number that cannot be.
    """

    trials: int | None = 20
    epochs: int = 5
    method: str = "random"
    batch_size: int = 32
    optimizer: str = "adam"
    learning_rate: float = 1e-3
    augmentation: str = "none"
    seed: int = 0

    def __post_init__(self) -> None:
        for name, table in (("method", METHODS), ("augmentation", experiment.AUGMENTATIONS)):
            if getattr(self, name) not in table:
                raise ValueError(f"there is no {name} {getattr(self, name)!r}; choose one of {', '.join(table)}")
        if (self.trials is None) != (self.method == "hyperband"):
            raise ValueError("say how many trials a random search has; hyperband counts for itself (trials=None)")
        if (
            min(1 if self.trials is None else self.trials, self.epochs, self.batch_size) < 1
            or self.learning_rate <= 0
            or self.seed < 0
        ):
            raise ValueError(f"trials, epochs, batch and rate must be positive, the seed not negative: {self}")


@dataclass(frozen=True)
class Space:
    """A search space that is data, so that other processes can be given it: one of the kit's models, and choices.

    Args:
        model, size, color: as in ``models.build``.
        choices: argument of the model, or name in ``TUNABLE`` -> values to choose from, such as
            ``{"filters": [(32,), (32, 64)], "kernel": [3, 5, 6]}``. The first of each should fit together.
        fixed: arguments of the model that stay.
    """

    model: str
    size: int
    color: str
    choices: Mapping[str, Sequence]
    fixed: Mapping[str, object] = field(default_factory=dict)

    def __call__(self, hp: keras_tuner.HyperParameters) -> keras.Model:
        chosen = {name: _told(hp.Choice(name, list(map(_text, values)))) for name, values in self.choices.items()}
        arguments = {name: value for name, value in chosen.items() if name not in TUNABLE}
        return build_model(self.model, self.size, self.color, **self.fixed, **arguments)


@dataclass(frozen=True)
class Sweep:
    """A sweep and its trials, in the order they were proposed. ``folder`` holds ``trials.csv``, this table."""

    folder: Path
    rows: list[dict]

    def table(self) -> pd.DataFrame:
        """A row a trial: ``trial``, its hyperparameters, and ``FACTS``, as they were after its last epoch.

        ``status`` is ``ok``, or says why there is no network (then other facts are empty); ``seconds_per_epoch`` is
        the median without the first epoch, in which Keras builds its graph, and empty where there was only one.
        """
        names = list(dict.fromkeys(name for row in self.rows for name in row["values"]))
        columns = ["trial", *names, *FACTS]
        return pd.DataFrame([row | row["values"] for row in self.rows], columns=columns).convert_dtypes()

    def best(self, n: int = 1) -> list[dict[str, object]]:
        """The hyperparameters of the ``n`` trials with the highest ``val_auc``, for ``recipes.changed``."""
        ranked = sorted((row for row in self.rows if row["status"] == "ok"), key=lambda row: -row["val_auc"])
        values = [{name: _told(value) for name, value in row["values"].items()} for row in ranked]
        return [one for place, one in enumerate(values) if one not in values[:place]][:n]  # hyperband's come again


def search(build: Build, train: Part, valid: Part, plan: Plan, folder: str | Path) -> Sweep:
    """Train what KerasTuner proposes, one after the other, under a bar; what has been trained before is read.

    Called again after it was killed, it goes on in the middle of a trial (see ``fit``) and ends, on a CPU, with the
    table of an undisturbed sweep. Called with more trials, it adds them. Anything else that differs (images, plan,
    network, hyperparameters) makes another sweep with a folder of its own in ``folder``. While another process is at
    the same sweep this one waits, and then reads what came of it.

    Args:
        build: takes KerasTuner's ``hp``, asks it for values (``hp.Choice("kernel", [3, 5])``) and returns a network
            from images in 0-255 to P(fake); or a ``Space``. Where it raises ValueError, as Keras does if a pooling
            leaves no pixel, the trial's status says so and the sweep goes on; other errors end it. Ask for all values
            before making layers.
        train, valid: as in ``fit``. Networks are compared by ``val_auc`` after the last epoch, never by test images.
    """
    home = folder_of(build, train, valid, plan, Path(folder))
    with launching(home):
        return search_in(build, train, valid, plan, home)


def search_in(build: Build, train: Part, valid: Part, plan: Plan, home: Path, skip_first: bool = False) -> Sweep:
    prepare_device()
    with TemporaryDirectory() as passing, trials_bar(plan) as bar:
        tuner = _Tuner(build, train, valid, plan, home, bar, passing, skip_first)
        try:
            tuner.search(verbose=0)
        except keras_tuner.errors.FatalError as error:
            raise (error.__cause__ or error) from None
    return write_table(home, plan)


def launching(home: Path) -> AbstractContextManager[None]:
    """For the one process that searches in ``home`` or starts those that do; another lock than the table's."""
    return files.lock(home / "launcher")


def trials_bar(plan: Plan) -> tqdm:
    several = {"disable": True} if "KERASTUNER_TUNER_ID" in os.environ else {}  # the launcher shows one for all
    return tqdm(total=plan.trials, desc="trials", **several)


class _Tuner(keras_tuner.Tuner):
    """KerasTuner's loop, around trials of our own."""

    def __init__(self, build, train, valid, plan, home, bar, passing, skip_first):
        self.build, self.train, self.valid, self.plan, self.home, self.bar = build, train, valid, plan, home, bar
        self.skip_next, self.declared = skip_first, 0
        self.known = {row["key"]: row for row in read_rows(home, plan) if row["status"] not in (RUNNING, LOST)}
        oracle = METHODS[plan.method](plan)
        super().__init__(oracle, hypermodel=self._declare, directory=passing, project_name="sweep")

    def _declare(self, hp: keras_tuner.HyperParameters) -> None:
        self.declared += 1
        if self.declared > 100:  # KerasTuner would go on for ever if a condition's values are never asked for
            raise ValueError(
                "the build function fails before it has asked for all values; ask before making layers"
            )
        _built(self.build, hp, self.plan)

    def pre_create_trial(self) -> None:
        time.sleep(0.05)  # a chief that has nothing yet says so at once, and is asked again without a pause

    def run_trial(self, trial: keras_tuner.engine.trial.Trial, **_: object) -> dict[str, float]:
        try:
            row = self._row(trial)
        except Exception as error:  # KerasTuner would take any error for a failed trial
            raise keras_tuner.errors.FatalError(str(error)) from error
        # Lower than any AUC: as failures, three in a row would end the search, and hyperband would wait for them.
        return {"val_auc": row["val_auc"] if row["status"] == "ok" else -1.0}

    def on_trial_end(self, trial: keras_tuner.engine.trial.Trial) -> None:
        super().on_trial_end(trial)
        self.bar.update()

    def _row(self, trial: keras_tuner.engine.trial.Trial) -> dict:
        """The trial's row, read or made; it is in the table when this returns."""
        hp = trial.hyperparameters
        # Building alone may have killed the process before.
        model, why = (None, None) if self.skip_next else _built(self.build, hp, self.plan)
        values = {name: value for name, value in hp.values.items() if not name.startswith("tuner/")}
        clash = {"trial", *FACTS} & set(values)
        if clash:
            raise TypeError(f"the table has columns {', '.join(clash)}; give the hyperparameter another name")
        epochs = int(hp.values.get("tuner/epochs", self.plan.epochs))
        name = _digest([values, _network(model)])
        row = {"key": f"{name} {epochs}", "values": values, "epochs": epochs, "worker": self.tuner_id}
        if self.skip_next:
            row |= {"status": LOST}
        elif why is not None:
            row |= {"status": f"cannot be built: {why}"}
        elif row["key"] in self.known:
            row = self.known[row["key"]]
        else:
            self._keep(trial, row | {"status": RUNNING})
            with forgetting_graphs():
                row |= self._trained(model, values, epochs, self.home / f"{name}.npz")
        self.skip_next = False
        self._keep(trial, row)
        if self.plan.method != "hyperband":
            (self.home / f"{name}.npz").unlink(missing_ok=True)
        write_table(self.home, self.plan)
        return row

    def _keep(self, trial: keras_tuner.engine.trial.Trial, row: dict) -> None:
        self.home.mkdir(parents=True, exist_ok=True)
        with files.whole(self.home / f"trial-{int(trial.trial_id):04d}.json") as partial:
            partial.write_text(json.dumps(row | {"trial": int(trial.trial_id)}))

    def _trained(self, model: keras.Model, values: Mapping, epochs: int, checkpoint: Path) -> dict[str, object]:
        how = {name: values.get(name, getattr(self.plan, name)) for name in TUNABLE}
        how |= {"epochs": epochs, "seed": self.plan.seed, "verbose": 0, "checkpoint": checkpoint}
        how |= {"augment": experiment.AUGMENTATIONS[self.plan.augmentation]}
        # Hyperband trains the same network again for longer: it goes on from the last epoch's checkpoint.
        goes_on = self.plan.method == "hyperband"
        how |= {"checkpoint_seconds": 0 if goes_on else config.checkpoint_seconds()}
        try:
            history = fit(model, self.train, self.valid, **how)
        except tf.errors.ResourceExhaustedError:
            return {"parameters": model.count_params(), "status": "out of memory"}
        later = [seconds for seconds in history.attrs["seconds"] if seconds is not None]
        facts = {"parameters": model.count_params()} | {name: float(history[name].loc[epochs]) for name in SCORES}
        facts |= {"seconds_per_epoch": round(statistics.median(later), 4) if later else None}
        return facts | {"status": "ok" if all(math.isfinite(facts[name]) for name in SCORES) else "diverged"}


def _random(plan: Plan) -> keras_tuner.Oracle:
    return keras_tuner.oracles.RandomSearchOracle(max_trials=plan.trials, **_common(plan))


def _hyperband(plan: Plan) -> keras_tuner.Oracle:
    return keras_tuner.oracles.HyperbandOracle(max_epochs=plan.epochs, **_common(plan))


def _common(plan: Plan) -> dict[str, object]:
    return {"objective": keras_tuner.Objective("val_auc", "max"), "seed": plan.seed + 1}  # it takes 0 for none


METHODS = {"random": _random, "hyperband": _hyperband}


def _built(build: Build, hp: keras_tuner.HyperParameters, plan: Plan) -> tuple[keras.Model | None, str | None]:
    """The network of these values, or why there is none."""
    try:
        with building(plan.seed, precision()):
            return build(hp), None
    except WeightsError:
        raise  # no fault of these values
    except ValueError as error:
        return None, (str(error).strip().splitlines() or ["ValueError"])[0][:200]


def folder_of(build: Build, train: Part, valid: Part, plan: Plan, folder: Path) -> Path:
    """The folder of this sweep: another one for whatever would change its numbers but for how many trials it has."""
    hp = keras_tuner.HyperParameters()
    model, _ = _built(build, hp, plan)
    versions = [pipeline.VERSION, experiment.VERSION]
    space = [hp.get_config()["space"], _network(model)]
    return folder / _digest([space, asdict(plan) | {"trials": 0}, _pixels(train), _pixels(valid), versions])


def _network(model: keras.Model | None) -> object:
    """Its layers, and its first weights, which follow from the seed or out of a file."""
    return None if model is None else [without_names(model.get_config()), weights_hash(model)]


def _pixels(part: Part) -> str:
    """A hash of images and labels, read a thousand at a time."""
    images, labels = part
    digest = hashlib.sha256(f"{images.shape} {np.asarray(labels).tolist()}".encode())
    for first in range(0, len(images), 1000):
        digest.update(images[np.arange(first, min(first + 1000, len(images)))].tobytes())
    return digest.hexdigest()


def _digest(what: object) -> str:
    return hashlib.sha256(json.dumps(what, sort_keys=True).encode()).hexdigest()[:16]


def _text(value: object) -> object:
    """KerasTuner chooses among numbers and words; a list of them is written as a word."""
    return json.dumps(value) if isinstance(value, list | tuple) else value


def _told(value: object) -> object:
    return tuple(json.loads(value)) if isinstance(value, str) and value.startswith("[") else value


def read_rows(home: Path, plan: Plan) -> list[dict]:
    rows = [json.loads(path.read_text()) for path in sorted(home.glob("trial-*.json"))]
    return [row for row in rows if plan.trials is None or row["trial"] < plan.trials]


def write_table(home: Path, plan: Plan) -> Sweep:
    """The sweep as it is now, with its table written."""
    with files.lock(home):
        sweep = Sweep(home, [row for row in read_rows(home, plan) if row["status"] != RUNNING])
        with files.whole(home / "trials.csv") as partial:
            sweep.table().to_csv(partial, index=False)
    return sweep
