"""One network on several devices at once: two halves of a CPU stand in for two GPUs, in a process of their own."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

tf = pytest.importorskip("tensorflow")

from fakeface_utils.training.device import strategy  # noqa: E402

SCRIPT = """
import json, sys
from pathlib import Path
import numpy as np
import tensorflow as tf

(cpu,) = tf.config.list_physical_devices("CPU")
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
import keras
from keras import layers
from fakeface_utils.training import fit as fitting
from fakeface_utils.training.device import building, prepare_device, strategy

prepare_device()
pixels = np.random.default_rng(0).integers(0, 256, (64, 8, 8, 1), dtype=np.uint8)
labels = np.arange(64) % 2
pixels[labels == 1] //= 2
parts = (pixels[:47], labels[:47]), (pixels[47:], labels[47:])  # no last batch is whole


def trained(devices, epochs=4, checkpoint=None, batch=8):
    with strategy(devices).scope(), building(0, "float32"):
        image = keras.Input((8, 8, 1))
        x = layers.Conv2D(4, 3)(layers.Rescaling(1 / 255)(image))
        x = layers.Flatten()(layers.ReLU()(layers.BatchNormalization()(x)))
        model = keras.Model(image, layers.Dense(1, activation="sigmoid")(layers.Dropout(0.3)(x)))
    how = {"batch_size": batch, "learning_rate": 0.01, "verbose": 0, "checkpoint": checkpoint, "checkpoint_seconds": 0}
    history = fitting.fit(model, *parts, epochs=epochs, **how)
    return model, history


def copies(model):
    found = {}
    for weight in model.weights:
        each = model.distribute_strategy.experimental_local_results(weight.value)
        found[weight.path] = [len(each), all(np.array_equal(each[0], one) for one in each)]
    return found


file = Path(sys.argv[1]) / "checkpoint.npz"
one, two = trained(["CPU:0"]), trained(["CPU:0", "CPU:1"])
trained(["CPU:0", "CPU:1"], 2, file)
resumed = trained(["CPU:0", "CPU:1"], 4, file)
trained(["CPU:0", "CPU:1"], 1, batch=9)  # not to be shared evenly; it only has to end
keras.Model(two[0].inputs, two[0].outputs).save(file.with_suffix(".keras"))
loaded = keras.models.load_model(file.with_suffix(".keras"), compile=False)
images = pixels.astype(np.float32)
print(json.dumps({
    "replicas": [run[0].distribute_strategy.num_replicas_in_sync for run in (one, two)],
    "loss": [run[1]["loss"].tolist() for run in (one, two, resumed)],
    "val_auc": two[1]["val_auc"].iloc[-1],
    "copies": copies(two[0]),
    "same weights": all(map(np.array_equal, two[0].get_weights(), resumed[0].get_weights())),
    "saved": float(np.abs(two[0].predict(images, verbose=0) - loaded.predict(images, verbose=0)).max()),
}))
"""


@pytest.fixture(scope="module")
def told(tmp_path_factory) -> dict:
    folder = tmp_path_factory.mktemp("strategy")
    path = os.pathsep.join([str(Path(__file__).parent.parent), *filter(None, sys.path)])
    command = [sys.executable, "-c", SCRIPT, str(folder)]
    done = subprocess.run(
        command, env=os.environ | {"PYTHONPATH": path}, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


def test_a_network_trains_on_two_devices_about_as_on_one(told):
    assert told["replicas"] == [1, 2] and told["val_auc"] > 0.9
    one, two, _ = told["loss"]
    assert one != two and one == pytest.approx(two, abs=0.15)  # half batches: other dropout, other batch statistics
    assert two[-1] < 0.7 * two[0]


def test_both_devices_have_the_same_weights(told):
    assert len(told["copies"]) == 8 and set(map(tuple, told["copies"].values())) == {(2, True)}


def test_what_was_trained_on_two_devices_can_be_saved_and_gone_on_with(told):
    assert told["saved"] < 1e-6
    assert told["loss"][2] == told["loss"][1] and told["same weights"]


def test_several_gpus_are_used_and_one_or_none_change_nothing(monkeypatch):
    monkeypatch.setattr(tf.distribute, "MirroredStrategy", lambda devices: devices)
    for count, expected in ((0, None), (1, None), (2, ["GPU:0", "GPU:1"])):
        monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind, n=count: ["gpu"] * n)
        assert strategy() == (expected or tf.distribute.get_strategy())
    assert strategy(["GPU:1"]) == tf.distribute.get_strategy()
