"""Training a DCGAN once: what each epoch gave, what it made of the same noise, and generators to sample from.

A training has a folder: ``grid-0001.npy`` and so on for each epoch, ``generator-0005.keras`` and so on for those that
are kept, in the end ``history.csv``, ``discriminator.keras`` and, written last, ``gan.json``: only with that file, and
all files it names, is the training finished. Before, ``checkpoint.npz`` may be there.
"""

from __future__ import annotations

import hashlib
import json
import statistics
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path

import keras
import numpy as np
import pandas as pd
from tqdm import tqdm

from fakeface_utils import config
from fakeface_utils.datasets import pipeline, pixels
from fakeface_utils.datasets.augment import random_flip
from fakeface_utils.datasets.layouts import fingerprint
from fakeface_utils.models import dcgan, without_names
from fakeface_utils.models.dcgan import DCGAN, Recipe
from fakeface_utils.training import store as files
from fakeface_utils.training.device import building, forgetting_graphs, machine, precision, prepare_device
from fakeface_utils.training.fit import _Log

VERSION = 1  # raised when the same training would end with other numbers, or leave other files
DONE, DISCRIMINATOR = "gan.json", "discriminator.keras"
GRID, GENERATOR = "grid-{:04d}.npy", "generator-{:04d}.keras"  # by epoch, from 1


@dataclass(frozen=True)
class Run:
    """A finished training: what its JSON says, and the files beside it, read when asked for."""

    folder: Path
    values: dict

    @property
    def kept(self) -> list[int]:
        """The epochs, counted from 1, whose generators were kept; the last is always among them."""
        return self.values["kept"]

    def history(self) -> pd.DataFrame:
        """A row an epoch (index ``epoch``, from 1), with the columns that ``DCGAN.train_step`` gives."""
        return pd.read_csv(self.folder / files.HISTORY, index_col="epoch", float_precision="round_trip")

    def grids(self) -> np.ndarray:
        """What every epoch made of the same noise: uint8 (epochs, shown, size, size, 3) in 0-255."""
        return np.stack([np.load(self.folder / GRID.format(epoch)) for epoch in self.history().index])

    def generator(self, epoch: int | None = None) -> keras.Model:
        """The generator after ``epoch``, default the last; a ValueError if that one was not kept."""
        epoch = self.kept[-1] if epoch is None else epoch
        if epoch not in self.kept:
            raise ValueError(f"the generator of epoch {epoch} was not kept; choose one of {self.kept}")
        return keras.models.load_model(self.folder / GENERATOR.format(epoch), compile=False)

    def discriminator(self) -> keras.Model:
        """The discriminator of the last epoch: images in 0-255 to P(fake), as a detector."""
        return keras.models.load_model(self.folder / DISCRIMINATOR, compile=False)


def histories(runs: Mapping[str, Run]) -> pd.DataFrame:
    """The histories of several trainings: the columns of ``Run.history``, with ``seed`` (their name) and ``epoch``."""
    return pd.concat({name: run.history() for name, run in runs.items()}, names=["seed"]).reset_index()


def samples(generator: keras.Model, n: int, seed: int = 0, batch_size: int = 100) -> np.ndarray:
    """Images of a generator in inference mode, from noise of its own for each ``seed``.

    The first images are the same whatever ``n`` is. Rounding to whole values is part of what a detector sees.

    Returns:
        uint8 (n, size, size, 3) in 0-255.
    """
    size, latent = generator.output_shape[1:], generator.input_shape[-1]
    noise = np.random.default_rng([seed, latent]).standard_normal((n, latent), dtype=np.float32)
    images = np.empty((n, *size), np.uint8)
    for start in range(0, n, batch_size):
        made = keras.ops.convert_to_numpy(generator(noise[start : start + batch_size], training=False))
        images[start : start + batch_size] = np.rint(np.clip(made, 0, 255))
    return images


def train(
    recipe: Recipe,
    index: pd.DataFrame,
    *,
    seed: int = 0,
    flip: bool = False,
    resize: str = "area",
    shown: int = 25,
    keep: Collection[int] = (),
    store: str | Path | None = None,
    cache_dir: str | Path | None = None,
    checkpoint_seconds: float | None = None,
    timeout: float = -1,
    verbose: int = 1,
) -> Run:
    """The training of a recipe on real images: loaded if it has been run, else run now.

    An interrupted one goes on from its last checkpoint and ends with the numbers of an undisturbed one, bit for bit
    on the same CPU. An epoch leaves out what fills no whole batch, other images each time. One GPU is used.

    Args:
        recipe: one of ``dcgan.RECIPES``, or another made of it.
        index: the images, reals only; their split is not looked at. ``attrs["evidence"]`` as in ``experiment.run``.
        seed: of weights, order, noise and dropout, at least 0. flip: mirror about half of each batch.
        resize: as in ``pixels.read_image``.
        shown: images in the grid that each epoch makes of the same noise.
        keep: epochs, from 1, after which the generator is kept, as far as the training gets; the last one's always is.
        store: the folder of trainings; default ``gan`` in the runs directory.
        cache_dir, checkpoint_seconds, timeout: as in ``experiment.run``.
        verbose: 0 silent, 1 a bar over the epochs, 2 Keras's line an epoch.

    Raises:
        ValueError: an image that is not real, fewer images than a batch, or a size the recipe cannot make.
        filelock.Timeout: another process is still at it.
    """
    fakes = int((index["label"] != 0).sum())
    if fakes:
        raise ValueError(f"{fakes} of {len(index)} images are not real; a generator learns from index[label == 0]")
    pipeline.steps(len(index), recipe.batch_size, drop_last=True)  # says so before anything is decoded
    kept = sorted({*(epoch for epoch in keep if 1 <= epoch < recipe.epochs), recipe.epochs})
    prepare_device()
    named = {field: getattr(value, "__name__", value) for field, value in asdict(recipe).items()}
    spec = {"seed": seed, "flip": flip, "resize": resize, "shown": shown, "kept": kept, "recipe": named}
    gan = _built(recipe, seed)
    name = _key(spec, gan, index)
    folder = Path(store or config.runs_dir() / "gan") / name
    done = read(folder)
    if done is None:
        every = config.checkpoint_seconds() if checkpoint_seconds is None else checkpoint_seconds
        with files.lock(folder, timeout):
            done = read(folder)  # perhaps the process we waited for has finished it
            if done is None:
                where = {"resize": resize, "cache_dir": cache_dir or config.cache_dir()}
                images = pixels.load_images(index, recipe.size, **where)
                log = _Monitor(seed, folder, every, shown, kept)
                with forgetting_graphs():
                    _fit(gan, images, recipe, flip, log, verbose)
                done = _finish(log, gan, index, {"key": name, "spec": spec})
    return done


def read(folder: Path) -> Run | None:
    """The finished training in a folder of the store; None if it has not finished or a file of it is missing."""
    try:
        values = json.loads((folder / DONE).read_text())
        whole = all((folder / name).stat().st_size == size for name, size in values["files"].items())
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
    return Run(folder, values) if whole else None


def _built(recipe: Recipe, seed: int) -> DCGAN:
    with building(seed, precision()):
        gan = DCGAN(dcgan.discriminator(recipe), dcgan.generator(recipe), recipe.step, recipe.label_noise, seed)
        adams = [keras.optimizers.Adam(recipe.learning_rate, beta_1=recipe.beta_1) for _ in range(2)]
        gan.compile(*adams, keras.losses.BinaryCrossentropy())
    return gan


def _key(spec: dict, gan: DCGAN, index: pd.DataFrame) -> str:
    """Under what name a training is kept: it changes with whatever would change its files."""
    networks = [without_names(network.get_config()) for network in (gan.discriminator, gan.generator)]
    versions = [pixels.VERSION, pipeline.VERSION, VERSION]
    what = json.dumps([spec, networks, fingerprint(index), versions], sort_keys=True)
    return hashlib.sha256(what.encode()).hexdigest()[:24]


def _fit(gan: DCGAN, images: np.ndarray, recipe: Recipe, flip: bool, log: _Monitor, verbose: int) -> None:
    first = log.restore(gan)
    if first < recipe.epochs:
        order = {"seed": log.seed, "batch_size": recipe.batch_size, "drop_last": True, "first_epoch": first}
        bar = tqdm(total=recipe.epochs, initial=first, desc=f"{gan.generator.name}, epochs", disable=verbose != 1)
        with bar:
            gan.fit(
                pipeline.endless(images, np.zeros(len(images)), **order, augment=random_flip if flip else None),
                steps_per_epoch=pipeline.steps(len(images), recipe.batch_size, drop_last=True),
                initial_epoch=first,
                epochs=recipe.epochs,
                callbacks=[log, keras.callbacks.LambdaCallback(on_epoch_end=lambda *_: bar.update())],
                verbose=2 if verbose == 2 else 0,
            )


class _Monitor(_Log):
    """What ``fit`` keeps, and besides a grid an epoch and the generators of some, written before the checkpoint."""

    def __init__(self, seed: int, folder: Path, every: float, shown: int, to_keep: list[int]):
        super().__init__(seed, folder / files.CHECKPOINT, every)
        self.folder, self.shown, self.to_keep = folder, shown, to_keep

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        with files.whole(self.folder / GRID.format(epoch + 1)) as partial:
            np.save(partial, samples(self.model.generator, self.shown, self.seed))
        if epoch + 1 in self.to_keep:
            with files.whole(self.folder / GENERATOR.format(epoch + 1)) as partial:
                self.model.generator.save(partial)
        super().on_epoch_end(epoch, logs)

    def _state(self) -> list[keras.Variable]:
        return [*self.model.weights, *self.model.d_optimizer.variables, *self.model.g_optimizer.variables]

    def _build(self, model: DCGAN) -> None:
        """Nothing: ``DCGAN.compile`` has built both optimizers."""


def _finish(log: _Monitor, gan: DCGAN, index: pd.DataFrame, told: dict) -> Run:
    """Write what stands at the end; after the JSON the checkpoint is of no use."""
    history = log.table()
    with files.whole(log.folder / files.HISTORY) as partial:
        history.to_csv(partial)
    with files.whole(log.folder / DISCRIMINATOR) as partial:
        gan.discriminator.save(partial)
    later = [seconds for seconds in history.attrs["seconds"] if seconds is not None]
    names = [*map(GRID.format, history.index), *map(GENERATOR.format, log.to_keep), files.HISTORY, DISCRIMINATOR]
    sets = sorted(set(index["set"]))
    values = told | {
        "set": ", ".join(sets),
        "evidence": bool(index.attrs.get("evidence", False)) and "testbed" not in sets,
        "n": len(index),
        "fingerprint": fingerprint(index),
        "parameters": {part: getattr(gan, part).count_params() for part in ("generator", "discriminator")},
        "date": date.today().isoformat(),
        **machine(),
        "wall_seconds": round(history.attrs["spent"], 2),
        "seconds_per_epoch": round(statistics.median(later), 4) if later else None,
        "kept": log.to_keep,
        "files": {name: (log.folder / name).stat().st_size for name in names},
    }
    with files.whole(log.folder / DONE) as partial:
        partial.write_text(json.dumps(values, indent=1) + "\n")
    log.path.unlink(missing_ok=True)
    return read(log.folder)
