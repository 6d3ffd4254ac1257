"""Experiments that run once: what is asked (``Experiment``), under which key, and the record it leaves."""

from __future__ import annotations

import hashlib
import inspect
import json
import statistics
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path

import keras
import numpy as np
import pandas as pd
from filelock import Timeout
from tqdm import tqdm

from fakeface_utils import config
from fakeface_utils.datasets import augment, pipeline, pixels, views
from fakeface_utils.datasets.layouts import SPLITS, fingerprint
from fakeface_utils.models import build, weights_digest, without_names
from fakeface_utils.records import plain_metrics
from fakeface_utils.training import features
from fakeface_utils.training import store as files
from fakeface_utils.training.device import building, forgetting_graphs, machine, precision, prepare_device, strategy
from fakeface_utils.training.fit import OPTIMIZERS, fit
from fakeface_utils.training.store import SCHEMA, Record

VERSION = 2  # raised when the same experiment would be trained or predicted in another way
_FIT = ("epochs", "batch_size", "optimizer", "learning_rate", "seed")  # what `fit` takes as the spec has it

# Changes drawn anew for every batch. Beside them stand the names of ``augment.COPIES``, which are made once.
AUGMENTATIONS = {"none": None, "flip": augment.random_flip, "robust": augment.robust}

# (labels, scores, groups, valid_labels, valid_scores) -> metrics by name, nested if you like. The first three are of
# the test split; thresholds come from the last two. A number, or a dataclass with `value` and an interval.
Measure = Callable[[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray], Mapping[str, object]]


@dataclass(frozen=True)
class Experiment:
    """Everything that decides an experiment's numbers, but for the images themselves.

    ``set`` and ``split`` say which images are meant (the index brings them); ``model`` is a name in
    ``models.MODELS`` with its ``model_args``, given as a mapping; ``size`` is the side in pixels, ``color`` a view of
    ``datasets.views`` such as rgb, grey or rgb+ela-90, ``resize`` as in ``pixels.read_image``; ``optimizer`` is a name
    as in ``fit``; ``augmentation`` is a name in ``AUGMENTATIONS`` or of copies in ``augment.COPIES``, which only the
    training images get; ``seed`` decides weights, order, augmentation and dropout.

    Raises:
        ValueError: an unknown augmentation, view, resize mode or optimizer, or a number that cannot be.
    """

    set: str
    split: str
    model: str
    model_args: Mapping[str, object] | tuple = ()
    size: int = 128
    color: str = "rgb"
    resize: str = "area"
    optimizer: str = "adam"
    learning_rate: float = 1e-3
    epochs: int = 10
    batch_size: int = 32
    augmentation: str = "none"
    seed: int = 0

    def __post_init__(self) -> None:
        object.__setattr__(self, "model_args", tuple(sorted(_frozen(dict(self.model_args)))))
        known = [*AUGMENTATIONS, *augment.COPIES]
        if self.augmentation not in known:
            raise ValueError(f"there is no augmentation {self.augmentation!r}: {', '.join(known)}")
        if self.resize not in pixels.RESIZE_MODES:
            raise ValueError(f"there is no resize mode {self.resize!r}: {', '.join(pixels.RESIZE_MODES)}")
        if self.optimizer not in OPTIMIZERS and self.optimizer not in _keras_optimizers():
            raise ValueError(
                f"there is no optimizer {self.optimizer!r}: {', '.join([*OPTIMIZERS, *_keras_optimizers()])}"
            )
        if views.channels(self.color) % 3 and self.augmentation in augment.COPIES:
            raise ValueError(
                f"{self.augmentation} changes colours; it needs color='rgb' or views of three channels"
            )
        if min(self.size, self.epochs, self.batch_size) < 1 or self.learning_rate <= 0 or self.seed < 0:
            raise ValueError(
                f"size, epochs, batch and learning rate must be positive, the seed not negative: {self}"
            )

    def __str__(self) -> str:
        arguments = ", ".join(f"{name}={value}" for name, value in self.model_args)
        return (
            f"{self.model}({arguments}) on {self.set}, {self.size} px {self.color}, "
            f"{self.optimizer} {self.learning_rate:g}, {self.epochs} epochs of {self.batch_size}, "
            f"augmentation {self.augmentation}, seed {self.seed}"
        )


def _keras_optimizers() -> list[str]:
    """The names that Keras knows. (``keras.optimizers.get`` would make one, and start TensorFlow for it.)"""
    names = {name.lower() for name, kind in vars(keras.optimizers).items() if isinstance(kind, type)}
    return sorted(names - {"optimizer", "lossscaleoptimizer"})


def _frozen(value: object) -> object:
    """Lists and mappings as tuples, so that a spec can be hashed."""
    if isinstance(value, Mapping):
        return tuple((name, _frozen(item)) for name, item in value.items())
    return tuple(_frozen(item) for item in value) if isinstance(value, list | tuple) else value


@dataclass(frozen=True)
class Design:
    """What of a built model is in an experiment's key.

    Attributes:
        config: Keras's description, without names; the same for every seed. kept: whether its features can be kept.
        replicas: how many GPUs share a batch.
    """

    config: object
    kept: bool
    replicas: int


def design_of(model: keras.Model) -> Design:
    """The design of a built model."""
    config, kept = without_names(model.get_config()), features.split(model) is not None
    return Design(config, kept, model.distribute_strategy.num_replicas_in_sync)


def key(experiment: Experiment, design: Design, index: pd.DataFrame) -> str:
    """Under what name an experiment is kept: it changes with whatever would change its numbers.

    A hash of the spec, the built model's configuration, the images (their names, sizes, labels, splits and which
    of them belong together) and the versions of the code that decodes, feeds and trains.
    """
    what = {
        "spec": asdict(experiment),
        "model": design.config,
        "data": [fingerprint(index), pd.factorize(index["group"])[0].tolist()],
        "versions": [pixels.VERSION, pipeline.VERSION, VERSION],
    }
    pretrained = weights_digest(experiment.model, **dict(experiment.model_args))
    if pretrained is not None:
        what["weights"] = pretrained
    if pretrained is not None or design.kept:
        what["features"] = features.VERSION
    if experiment.augmentation in augment.COPIES:
        what["copies"] = augment.VERSION
    if experiment.color not in views.PLAIN:
        what["view"] = views.VERSION
    if design.replicas > 1:
        what["replicas"] = design.replicas  # each sees a part of a batch: other means, other steps
    return _short_hash(json.dumps(what, sort_keys=True).encode())


def run(
    experiment: Experiment,
    index: pd.DataFrame,
    *,
    measure: Measure,
    profile: str | None = None,
    store: str | Path | None = None,
    cache_dir: str | Path | None = None,
    checkpoint_seconds: float | None = None,
    keep_model: bool = False,
    timeout: float = -1,
    designs: dict[tuple, Design] | None = None,
    verbose: int = 2,
) -> Record:
    """The record of an experiment: loaded if it has been run, else run now, from files to metrics.

    An interrupted experiment goes on from its last checkpoint and ends with the numbers of an undisturbed one, bit
    for bit on the same CPU. The test split is predicted once, after training. If ``measure`` is another function
    than the record's, or has another attribute ``version``, only the metrics are taken anew.

    Args:
        index: the images, with all three splits; ``attrs["evidence"]`` says whether numbers may be reported.
        measure: gives the metrics (see ``Measure``); passed in because statistics live above this room.
        profile: what the lesson runs with, for the record.
        store: the folder of finished experiments; default ``experiments`` in the runs directory.
        cache_dir: where decoded images are kept; default ``config.cache_dir()``.
        keep_model: keep the trained model beside the record. Lessons that only read scores do not: hundreds of
            models fill a disk, or somebody's Drive. An experiment that finished without one is trained again and its
            record replaced: by the same numbers on the same CPU, by nearly the same on a GPU.
        checkpoint_seconds, verbose: as in ``fit``; default ``config.checkpoint_seconds()``, and a line an epoch.
        timeout: seconds to wait for another process that is at the same experiment; -1 waits until it is done.
        designs: whoever asks for many experiments gives an empty dictionary with each. What a model looks like is kept
            in it, so that a record is found without building the network anew for every seed and turn.

    Raises:
        ValueError: an unknown model, a set other than the experiment's, or a split without images.
        filelock.Timeout: another process is still at it.
    """
    _check(experiment, index)
    prepare_device()
    designs, model = {} if designs is None else designs, None
    network = experiment.model, experiment.size, experiment.color, experiment.model_args
    if (design := designs.get(network)) is None:
        model = _built(experiment)
        design = designs[network] = design_of(model)
    name = key(experiment, design, index)
    folder = Path(store or config.runs_dir() / "experiments") / name
    record = _finished(folder, keep_model)
    if record is None or record.values["measured_by"] != _name_of(measure):
        with files.lock(folder, timeout):
            record = _finished(folder, keep_model)  # perhaps the process we waited for has finished it
            if record is None:
                cache = Path(cache_dir or config.cache_dir())
                with forgetting_graphs():
                    every = config.checkpoint_seconds() if checkpoint_seconds is None else checkpoint_seconds
                    train = {"checkpoint_seconds": every, "verbose": verbose, "keep_model": keep_model}
                    facts = _train(experiment, model or _built(experiment), index, folder, cache, **train)
                facts |= {"title": str(experiment), "measured_by": None, "metrics": {}}
                # Written before it is measured, so that no training is lost to an error in `measure`.
                record = files.write_record(folder, {"schema": SCHEMA, "key": name, "profile": profile, **facts})
            record = _measured(record, measure, index)
    return record


def run_all(experiments: Iterable[Experiment], index: pd.DataFrame, *, measure: Measure, **options) -> list[Record]:
    """The records of many experiments, in their order, under a bar; ``options`` are those of ``run``.

    Several processes may be given the same list: each takes the next experiment that no other is at, and in the end
    waits for those that others still have. Each training is silent unless ``verbose`` asks for more.
    """
    waiting = dict(enumerate(experiments))
    records, bar = {}, tqdm(total=len(waiting), desc="experiments")
    options = {"verbose": 0, "designs": {}, **options}

    def take(number: int, timeout: float) -> None:
        bar.set_postfix_str(str(waiting[number]))
        records[number] = run(waiting[number], index, measure=measure, **options, timeout=timeout)
        del waiting[number]
        bar.update()

    with bar:
        while waiting:
            before = len(records)
            for number in list(waiting):
                with suppress(Timeout):
                    take(number, 0)
            if len(records) == before:  # all that is left is in other hands
                take(next(iter(waiting)), -1)
    return [records[number] for number in sorted(records)]


def _built(experiment: Experiment) -> keras.Model:
    with strategy().scope(), building(experiment.seed, precision()):
        return build(experiment.model, experiment.size, experiment.color, **dict(experiment.model_args))


def _finished(folder: Path, keep_model: bool) -> Record | None:
    record = files.read_record(folder)
    return None if record is not None and keep_model and not record.has_model else record


def _check(experiment: Experiment, index: pd.DataFrame) -> None:
    found = sorted(set(index["set"]))
    if found != [experiment.set]:
        raise ValueError(f"the experiment is on the set {experiment.set}, the index is of {', '.join(found)}")
    empty = [split for split in SPLITS if not (index["split"] == split).any()]
    if empty:
        raise ValueError(f"no images in {', '.join(empty)}; give the index its splits first (datasets.splits)")


def _train(
    experiment: Experiment,
    model: keras.Model,
    index: pd.DataFrame,
    folder: Path,
    cache: Path,
    *,
    checkpoint_seconds: float,
    verbose: int,
    keep_model: bool,
) -> dict:
    """Train, predict, write all files but the record; returns the record's facts."""
    started = time.perf_counter()
    rows = {split: np.flatnonzero(index["split"] == split) for split in SPLITS}
    judged = np.concatenate([rows["valid"], rows["test"]])
    labels = index["label"].to_numpy()
    train, others, network = _inputs(experiment, model, index, rows["train"], judged, cache)
    prepared = time.perf_counter()
    history = fit(
        network,
        (train, np.tile(labels[rows["train"]], len(train) // len(rows["train"]))),
        (pipeline.Rows(others, np.arange(len(rows["valid"]))), labels[rows["valid"]]),
        **{name: getattr(experiment, name) for name in _FIT},
        augment=AUGMENTATIONS.get(experiment.augmentation),
        checkpoint=folder / files.CHECKPOINT,
        checkpoint_seconds=checkpoint_seconds,
        verbose=verbose,
    )
    fitted = time.perf_counter()
    batch_size = pipeline.shared(
        len(others), experiment.batch_size, network.distribute_strategy.num_replicas_in_sync
    )
    scores = network.predict(pipeline.batches(others, batch_size=batch_size), verbose=0)[:, 0]
    predictions = index.iloc[judged][["name", "split"]].assign(y_true=labels[judged], y_score=scores)
    files.write_results(folder, predictions, history, model if keep_model else None)
    later = [seconds for seconds in history.attrs["seconds"] if seconds is not None]
    return {
        "spec": asdict(experiment) | {"model_args": dict(experiment.model_args)},
        "set": experiment.set,
        "evidence": bool(index.attrs.get("evidence", False)) and experiment.set != "testbed",
        "n": {split: len(rows[split]) for split in SPLITS},
        "fingerprint": fingerprint(index),
        "parameters": model.count_params(),
        "on_kept_features": network is not model,
        "date": date.today().isoformat(),
        **machine(),
        "wall_seconds": round(prepared - started + history.attrs["spent"] + time.perf_counter() - fitted, 2),
        "seconds_per_epoch": round(statistics.median(later), 4) if later else None,
    }


def _inputs(
    experiment: Experiment,
    model: keras.Model,
    index: pd.DataFrame,
    train: np.ndarray,
    judged: np.ndarray,
    cache: Path,
) -> tuple[np.ndarray | pipeline.Rows, np.ndarray | pipeline.Rows, keras.Model]:
    """What the rows ``train`` become (with copies: fold times as many), the same for ``judged``, and what is trained.

    That is the model, or its head alone: enough where the backbone is frozen and what it sees is the same in every
    epoch.
    """
    # What is decoded does not depend on the split; without it, all splits of a set share one cache.
    index = index.assign(split="")
    copies = experiment.augmentation if experiment.augmentation in augment.COPIES else None
    parts = features.split(model) if AUGMENTATIONS.get(experiment.augmentation) is None else None
    if parts is None:
        images, name = _images(experiment, experiment.color, index, cache)
        part = pipeline.Rows(images, train)
        if copies:
            name += f" {augment.VERSION} {_short_hash(train.tobytes())}"
            part = augment.copies_of(part, cache / f"{_short_hash(name.encode())}-{copies}.npy", how=copies)
        return part, pipeline.Rows(images, judged), model
    trunk, head = parts
    networks, found = features.branches(trunk), []
    seen = experiment.color.split("+") if len(networks) > 1 else [experiment.color]
    for network, view in zip(networks, seen, strict=True):
        what = network, *_images(experiment, view, index, cache), cache
        if copies:  # of the training images only; each copy costs a pass through the backbone
            one = features.extract(*what, rows=train, copies=copies), features.extract(*what, rows=judged)
        else:
            kept = features.extract(*what)  # once for all splits of the set
            one = pipeline.Rows(kept, train), pipeline.Rows(kept, judged)
        found.append(one)
    if len(found) == 1:
        return *found[0], head
    return *(pipeline.SideBySide(part) for part in zip(*found, strict=True)), head


def _images(experiment: Experiment, view: str, index: pd.DataFrame, cache: Path) -> tuple[np.ndarray, str]:
    """All images of the set as the experiment sees them, and what tells these pixels from all others."""
    images = views.load_images(index, experiment.size, resize=experiment.resize, view=view, cache_dir=cache)
    how = {"resize": experiment.resize, "color": view}
    if view not in views.PLAIN:
        how["version"] = views.VERSION
    return images, f"{pixels.VERSION} {pipeline.VERSION} {fingerprint(index)} {experiment.size} {how}"


def _short_hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:24]


def _measured(record: Record, measure: Measure, index: pd.DataFrame) -> Record:
    """The record with the metrics of its predictions, written."""
    predictions = record.predictions()
    valid, test = (predictions[predictions["split"] == split] for split in ("valid", "test"))
    groups = index.set_index("name")["group"][test["name"]]
    parts = (test["y_true"], test["y_score"], groups, valid["y_true"], valid["y_score"])
    try:
        # Not rounded: a threshold among the metrics has to stay between the scores it was put between.
        metrics = plain_metrics(measure(*(part.to_numpy() for part in parts)), digits=None)
    except ValueError as error:
        raise ValueError(
            f"{record.values['title']}: {error} (its predictions are kept in {record.folder})"
        ) from error
    return files.write_record(record.folder, record.values | {"measured_by": _name_of(measure), "metrics": metrics})


def _name_of(measure: Measure) -> str:
    """The function's name with its ``version``, or where it has none a hash of its text."""
    name = f"{getattr(measure, '__module__', '')}.{getattr(measure, '__qualname__', type(measure).__name__)}"
    version = getattr(measure, "version", None)
    if version is None:
        with suppress(OSError, TypeError):  # typed at a prompt, or no function
            version = hashlib.sha256(inspect.getsource(measure).encode()).hexdigest()[:8]
    return f"{name} {version}"
