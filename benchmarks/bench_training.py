"""What an experiment costs beside bare training: python benchmarks/bench_training.py FOLDER

FOLDER holds an image set with the splits train, valid and test (the 140k layout). Two comparisons, each side by side
in one run, so read the ratios. Nothing here asserts a time.

1. Ten epochs of report 000's FFNN from files to metrics through ``run`` (key, lock, cache, checkpoints, predictions,
   record), against one decode pass and ``Model.fit`` on arrays in memory. Every turn is a process of its own, in
   which TensorFlow is loaded and warm before the clock starts: op determinism, once asked for, cannot be undone.
2. A stand-in for a GPU, a training step that only waits (2,000 images a second), fed by the pipeline, by arrays in
   memory and by ImageDataGenerator, from the second epoch on.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd

from fakeface_utils.datasets import layouts, pixels

SIZE, BATCH, EPOCHS, RATE = 128, 32, 10, 2000


def ours(index: pd.DataFrame, folder: Path) -> float:
    """Seconds from files to the record."""
    from fakeface_utils.evaluation.metrics import judge
    from fakeface_utils.training.experiment import Experiment, run

    spec = Experiment(index["set"].iloc[0], "folder", "ffnn", size=SIZE, color="grey", epochs=EPOCHS)
    start = time.perf_counter()
    run(spec, index, measure=judge, store=folder / "store", cache_dir=folder / "cache", verbose=0)
    return time.perf_counter() - start


def bare(index: pd.DataFrame, folder: Path) -> float:
    """Seconds of one decode pass onto disk, and of the same epochs on arrays in memory, measured apart."""
    from fakeface_utils.models import build

    start = time.perf_counter()
    images = pixels.load_images(index, SIZE, color="grey", cache_dir=folder)
    decoded = time.perf_counter() - start
    parts = {split: (index["split"] == split).to_numpy() for split in ("train", "valid")}
    arrays = {split: (images[rows].astype(np.float32), index["label"][rows]) for split, rows in parts.items()}
    start = time.perf_counter()
    model = build("ffnn", SIZE, "grey")
    model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
    model.fit(*arrays["train"], batch_size=BATCH, epochs=EPOCHS, validation_data=arrays["valid"], verbose=0)
    return decoded + time.perf_counter() - start


def stand_in():
    """A model whose training step waits as long as a GPU of RATE images a second would take for a batch."""
    import keras
    import tensorflow as tf

    def wait(n_images: np.ndarray) -> np.float32:
        # Sleeping late once must not slow the rate for good: each step is due when the last one was, plus its time.
        due = max(wait.due, time.perf_counter() - 0.005) + int(n_images) / RATE
        time.sleep(max(0.0, due - time.perf_counter()))
        wait.due = due
        return np.float32(0)

    wait.due = 0.0

    class StandIn(keras.Model):
        def call(self, images):
            return images

        def train_step(self, data):
            loss = tf.numpy_function(wait, [tf.shape(data[0])[0]], tf.float32)
            return {"loss": tf.ensure_shape(loss, ())}

    model = StandIn()
    model.compile("sgd", "mse")
    return model


def rate(index: pd.DataFrame, epochs: int, *data, **options) -> float:
    """Images a second from the second epoch on, all pauses between epochs counted."""
    import keras

    ends = []
    note = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: ends.append(time.perf_counter()))
    stand_in().fit(*data, epochs=epochs, callbacks=[note], verbose=0, **options)
    return len(index) * (epochs - 1) / (ends[-1] - ends[0])


def feed_the_stand_in(index: pd.DataFrame, folder: Path, epochs: int) -> dict[str, float]:
    """Images a second with each way of feeding, colour images at SIZE pixels."""
    from tensorflow.keras.preprocessing.image import ImageDataGenerator

    from fakeface_utils.datasets import augment, pipeline

    index = index[index["split"] == "train"].reset_index(drop=True)
    images = pixels.load_images(index, SIZE, cache_dir=folder)
    labels = index["label"].to_numpy()
    per_epoch = {"steps_per_epoch": pipeline.steps(len(index), BATCH)}
    table = index.assign(label=index["label"].astype(str))
    flow = ImageDataGenerator(rescale=1 / 255).flow_from_dataframe(
        table, x_col="path", y_col="label", target_size=(SIZE, SIZE), class_mode="binary", batch_size=BATCH
    )
    arrays = (np.asarray(images), labels.astype(np.float32))
    endless = pipeline.endless(images, labels, seed=0, batch_size=BATCH)
    flipped = pipeline.endless(images, labels, seed=0, batch_size=BATCH, augment=augment.random_flip)
    return {
        "arrays in memory": rate(index, epochs, *arrays, batch_size=BATCH),
        "pipeline": rate(index, epochs, endless, **per_epoch),
        "pipeline with flips": rate(index, epochs, flipped, **per_epoch),
        "ImageDataGenerator": rate(index, epochs, flow),
    }


def warm_up() -> None:
    """Have TensorFlow start its threads and Keras its first graph before anything is measured."""
    import keras

    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    model.fit(np.zeros((2, 1)), np.zeros(2), verbose=0)


def one_turn(folder: Path, side: str) -> float:
    """Seconds of one side, from a new process."""
    command = [sys.executable, __file__, str(folder), "--side", side]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    if ran.returncode:
        sys.exit(ran.stderr)
    return float(ran.stdout.split()[-1])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--epochs", type=int, default=6, help="of the stand-in")
    parser.add_argument(
        "--side", choices=["ours", "bare"], help="measure one side once (used by the benchmark itself)"
    )
    options = parser.parse_args()
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    index = layouts.build_index(options.folder)
    with tempfile.TemporaryDirectory() as scratch:
        if options.side:
            warm_up()
            print({"ours": ours, "bare": bare}[options.side](index, Path(scratch)))
            return 0
        print(f"{len(index):,} images of {index['set'].iloc[0]}, {os.cpu_count()} threads, {SIZE} px")
        turns = [[one_turn(options.folder, side) for side in ("ours", "bare")] for _ in range(options.runs)]
        ratio = statistics.median(a / b for a, b in turns)
        middle = [statistics.median(side) for side in zip(*turns, strict=True)]
        print(f"{EPOCHS} epochs, files to metrics: {middle[0]:.2f} s against {middle[1]:.2f} s, ratio {ratio:.3f}")
        for name, images in feed_the_stand_in(index, Path(scratch), options.epochs).items():
            print(f"stand-in fed by {name}: {images:,.0f} images a second, {images / RATE:.1%} of its rate")
    return 0


if __name__ == "__main__":
    sys.exit(main())
