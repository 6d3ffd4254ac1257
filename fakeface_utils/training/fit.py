"""Training one model: compile, fit, and, where asked, checkpoints from which it goes on as if never stopped."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from pathlib import Path
from zipfile import BadZipFile

import keras
import numpy as np
import pandas as pd

from fakeface_utils.datasets.pipeline import Augment, Rows, batches, endless, shared, steps
from fakeface_utils.training.store import whole

Part = tuple[np.ndarray | Rows, Sequence[int] | np.ndarray]

# What an optimizer's name stands for, beside Keras's own names.
OPTIMIZERS = {"sgd_momentum": lambda: keras.optimizers.SGD(momentum=0.9)}  # report 001's


def fit(
    model: keras.Model,
    train: Part,
    valid: Part,
    *,
    epochs: int,
    batch_size: int = 32,
    optimizer: str = "adam",
    learning_rate: float = 1e-3,
    augment: Augment | None = None,
    seed: int = 0,
    checkpoint: str | Path | None = None,
    checkpoint_seconds: float = 10.0,
    verbose: int = 2,
) -> pd.DataFrame:
    """Train a detector, yours or one of the kit's, with binary cross-entropy. Nothing is cached.

    Order, augmentation and dropout of epoch k follow from ``seed`` and k alone.

    Args:
        model: images (b, h, w, c) in 0-255 to P(fake) (b, 1); it is compiled here.
        train, valid: (images uint8 (n, h, w, c) in 0-255, labels (n,) with fake = 1); for a head alone, features
            float32 (n, k) in place of images.
        epochs: passes over the training images, those before an interruption counted. On several GPUs (a model built
            in ``device.strategy().scope()``) a pass leaves out what fills no whole batch, and a batch what they cannot
            share evenly.
        optimizer: Keras's name of it, or one of ``OPTIMIZERS``. learning_rate: its step.
        augment: as in ``pipeline.endless``; never touches the validation images.
        checkpoint: a file that keeps the state of the training. If it is there, training goes on after its epoch
            and ends with the numbers of an undisturbed run (on a CPU). A damaged one is not used.
        checkpoint_seconds: at the end of an epoch the state is written if the last time is so long ago. So an
            interruption costs what was done in that time, plus the epoch it falls in. 0 writes every epoch.
        verbose: Keras's: 0 silent, 1 a bar, 2 a line an epoch.

    Returns:
        History: a row an epoch (index ``epoch``, from 1), columns ``loss``, ``accuracy``, ``auc`` (by thresholds, to
        about .005) and the same of the validation images with ``val_``. ``attrs["seconds"]`` has the seconds of each
        epoch (None where Keras built its graph), ``attrs["spent"]`` all seconds, those before an interruption
        counted.
    """
    log = _Log(seed, None if checkpoint is None else Path(checkpoint), checkpoint_seconds)
    # On several GPUs every one needs a share of each batch (a short last one might leave one without), and XLA cannot
    # run what sums over them.
    replicas = model.distribute_strategy.num_replicas_in_sync
    several = replicas > 1
    with model.distribute_strategy.scope():
        rule = OPTIMIZERS[optimizer]() if optimizer in OPTIMIZERS else keras.optimizers.get(optimizer)
        rule.learning_rate = learning_rate
        xla = False if several else "auto"
        model.compile(rule, loss="binary_crossentropy", metrics=["accuracy", _auc()], jit_compile=xla)
        first = log.restore(model)
        if first < epochs:
            judged = shared(len(valid[0]), batch_size, replicas)
            batch_size -= batch_size % replicas
            (images, labels), order = train, {"seed": seed, "batch_size": batch_size, "drop_last": several}
            model.fit(
                endless(images, labels, **order, first_epoch=first, augment=augment),
                steps_per_epoch=steps(len(images), batch_size, drop_last=several),
                initial_epoch=first,
                epochs=epochs,
                validation_data=batches(*valid, batch_size=judged),
                callbacks=[log],
                verbose=verbose,
            )
    return log.table()


def _auc() -> keras.metrics.AUC:
    """AUC while training, by thresholds that lie dense around .5, where an untrained network's scores are, and reach
    far out, where a trained one's crowd."""
    logits = 0.02 * np.sinh(np.linspace(-7, 7, 401))
    return keras.metrics.AUC(thresholds=(1 / (1 + np.exp(-logits))).tolist(), name="auc")


class _Log(keras.callbacks.Callback):
    """What each epoch gave, kept with the weights and the optimizer's state so that training can go on from it."""

    def __init__(self, seed: int, path: Path | None, every: float):
        super().__init__()
        self.seed, self.path, self.every = seed, path, every
        self.epochs: list[dict[str, float]] = []
        self.seconds: list[float | None] = []
        self.before = 0.0  # seconds that earlier processes spent
        self.building = True  # in its first epoch Keras builds the graph
        self.started = self.saved = self.begun = time.perf_counter()

    def table(self) -> pd.DataFrame:
        history = pd.DataFrame(self.epochs, index=pd.RangeIndex(1, len(self.epochs) + 1, name="epoch"))
        history.attrs = {"seconds": self.seconds, "spent": self.before + time.perf_counter() - self.started}
        return history

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        self.begun = time.perf_counter()
        # Dropout and its like count their draws in these; set by (seed, epoch), they need not be kept.
        states = [v for v in self.model.non_trainable_variables if v.name == "seed_generator_state"]
        for number, state in enumerate(states):
            state.assign(np.random.SeedSequence([self.seed, epoch, number]).generate_state(2))

    def on_test_begin(self, logs: dict | None = None) -> None:
        """On several GPUs each has running means of its own share; what predicts, and is kept, is their mean."""
        for variable in self.model.non_trainable_variables:
            each = self.model.distribute_strategy.experimental_local_results(variable.value)
            if len(each) > 1 and keras.backend.is_float_dtype(variable.dtype):
                variable.assign(sum(each) / len(each))

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        now = time.perf_counter()
        self.seconds.append(None if self.building else now - self.begun)
        self.building = False
        self.epochs.append({name: float(value) for name, value in (logs or {}).items()})
        if self.path is not None and now - self.saved >= self.every:
            self._save()
            self.saved = time.perf_counter()

    def _state(self) -> list[keras.Variable]:
        return [*self.model.weights, *self.model.optimizer.variables]

    def _build(self, model: keras.Model) -> None:
        """Give the optimizer its variables, so that there is something to restore."""
        model.optimizer.build(model.trainable_variables)

    def _save(self) -> None:
        spent = self.before + time.perf_counter() - self.started
        log = json.dumps({"epochs": self.epochs, "seconds": self.seconds, "spent": spent})
        arrays = {f"v{number}": variable.numpy() for number, variable in enumerate(self._state())}
        with whole(self.path) as partial:
            np.savez(partial, log=np.array(log), **arrays)

    def restore(self, model: keras.Model) -> int:
        """Bring ``model`` to the state in the file, if there is one; returns the epochs it has behind it."""
        if self.path is None or not self.path.is_file():
            return 0
        self.set_model(model)
        self._build(model)
        try:
            with np.load(self.path) as file:
                log = json.loads(str(file["log"]))
                values = [file[f"v{number}"] for number in range(len(self._state()))]
        except (OSError, ValueError, KeyError, EOFError, BadZipFile):
            print(f"{self.path} cannot be read; training starts from the beginning")
            return 0
        for variable, value in zip(self._state(), values, strict=True):
            variable.assign(value)
        self.epochs, self.seconds, self.before = log["epochs"], log["seconds"], log["spent"]
        return len(self.epochs)
