"""ImageNet weights: where they are looked for, and what is said when they are not there or not right.

They are never part of the kit. ``FAKEFACE_WEIGHTS_DIR`` names a directory that is looked in first, for rooms without
a network; then Keras's own directory, into which Keras downloads.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import keras
import numpy as np

from fakeface_utils import config

KERAS_APPLICATIONS = "https://storage.googleapis.com/tensorflow/keras-applications/"
EFFICIENTNET = "https://storage.googleapis.com/keras-applications/"

# Keras's names of the files without the classifier, each with where Keras downloads it.
FILES = {
    "densenet121": KERAS_APPLICATIONS + "densenet/densenet121_weights_tf_dim_ordering_tf_kernels_notop.h5",
    "efficientnetb4": EFFICIENTNET + "efficientnetb4_notop.h5",
    "inception_v3": KERAS_APPLICATIONS + "inception_v3/inception_v3_weights_tf_dim_ordering_tf_kernels_notop.h5",
    "mobilenet": KERAS_APPLICATIONS + "mobilenet/mobilenet_1_0_224_tf_no_top.h5",
    "mobilenet_v2": KERAS_APPLICATIONS
    + "mobilenet_v2/mobilenet_v2_weights_tf_dim_ordering_tf_kernels_1.0_224_no_top.h5",
    "mobilenet_v3_large": KERAS_APPLICATIONS + "mobilenet_v3/weights_mobilenet_v3_large_224_1.0_float_no_top_v2.h5",
    "mobilenet_v3_small": KERAS_APPLICATIONS + "mobilenet_v3/weights_mobilenet_v3_small_224_1.0_float_no_top_v2.h5",
    "resnet50": KERAS_APPLICATIONS + "resnet/resnet50_weights_tf_dim_ordering_tf_kernels_notop.h5",
    "vgg16": KERAS_APPLICATIONS + "vgg16/vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5",
    "vgg19": KERAS_APPLICATIONS + "vgg19/vgg19_weights_tf_dim_ordering_tf_kernels_notop.h5",
}


class WeightsError(ValueError):
    """Weights that are missing, damaged, or of another network; the message names the file and what to do."""


def obtain(backbone: str) -> Path:
    """The file with a backbone's ImageNet weights, downloaded by Keras if it is nowhere on this machine.

    In ``FAKEFACE_WEIGHTS_DIR`` it may have Keras's name or the same with ``.weights.h5``.

    Raises:
        WeightsError: that variable names no directory, or the file is not here and cannot be downloaded.
    """
    name, own = FILES[backbone].rsplit("/", 1)[1], config.weights_dir()
    if own is not None:
        if not own.is_dir():
            raise WeightsError(f"FAKEFACE_WEIGHTS_DIR is {own}, which is no directory; correct or unset it")
        for candidate in (own / name, own / name.replace(".h5", ".weights.h5")):
            if candidate.is_file():
                return candidate
    try:
        return Path(keras.utils.get_file(name, FILES[backbone], cache_subdir="models"))
    except Exception as error:  # Keras raises a bare Exception for everything that can happen on the way
        raise WeightsError(
            f"the ImageNet weights of {backbone} are not on this machine and could not be downloaded "
            f"({_first(error)}). Fetch {FILES[backbone]} where there is a network, put {name} into a directory, and "
            "let FAKEFACE_WEIGHTS_DIR name it"
        ) from error


def load(model: keras.Model, path: Path, backbone: str) -> None:
    """Put the weights of a file into a model without a classifier.

    Raises:
        WeightsError: the file is cut short, no HDF5, or of another network.
    """
    try:
        model.load_weights(path)
    except (OSError, KeyError) as error:
        size = path.stat().st_size if path.exists() else 0
        raise WeightsError(
            f"{path} ({size:,} bytes) cannot be read: {_first(error)}. It is damaged or was not copied whole; "
            "delete it and fetch it again"
        ) from error
    except (ValueError, TypeError) as error:
        raise WeightsError(
            f"{path} does not hold the weights of {backbone} without its classifier: {_first(error)}"
        ) from error


def digest(path: Path) -> str:
    """A hash of a file's content, for keys and records."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:24]


def weights_hash(model: keras.Model) -> str:
    """A hash of all weights of a model, as they are now."""
    total = hashlib.sha256()
    for weight in model.weights:
        total.update(np.ascontiguousarray(weight))
    return total.hexdigest()


def _first(error: Exception) -> str:
    return " ".join(str(error).split())[:200]
