"""The detectors: networks that take images in 0-255 and give P(fake), by name in one table."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import keras

from fakeface_utils.datasets import views
from fakeface_utils.models import fusion, scratch, transfer
from fakeface_utils.models import weights as files
from fakeface_utils.models.weights import WeightsError as WeightsError


@dataclass(frozen=True)
class Entry:
    """A model of the table: its builder and the input that its report used."""

    builder: Callable[..., keras.Model]  # (input_shape, **arguments) -> model
    size: int  # side of the square, pixels
    color: str  # a view of ``datasets.views``


MODELS = {
    "ffnn": Entry(scratch.ffnn, size=128, color="grey"),
    "cnn": Entry(scratch.cnn, size=128, color="grey"),
    "model_1": Entry(scratch.model_1, size=128, color="rgb"),
    "custom_003": Entry(scratch.custom_003, size=128, color="rgb"),
    "cnn_004": Entry(scratch.cnn_004, size=128, color="rgb"),
    "fusion": Entry(fusion.fusion, size=128, color="rgb+ela-90"),
    **{name: Entry(partial(transfer.transfer, backbone=name), 128, "rgb") for name in transfer.BACKBONES},
}


def build(name: str, size: int | None = None, color: str | None = None, **arguments: object) -> keras.Model:
    """A new model, with random weights unless its builder says otherwise.

    Args:
        name: one of ``MODELS``.
        size: side of the square images, pixels; default: the report's.
        color: ``"grey"``, ``"rgb"`` or another view of ``datasets.views``; default: the report's.
        arguments: of the model's builder, such as ``units=64``.

    Returns:
        Model from images (b, size, size, channels of the view) in 0-255 to float32 P(fake) (b, 1).

    Raises:
        ValueError: an unknown name or view, or images of a size that the network cannot take.
        WeightsError: pretrained weights that are missing, damaged, or of another network.
    """
    if name not in MODELS:
        raise ValueError(f"there is no model {name!r}; choose one of {', '.join(MODELS)}")
    size, color = size or MODELS[name].size, color or MODELS[name].color
    return MODELS[name].builder((size, size, views.channels(color)), **arguments)


def with_score(model: keras.Model) -> keras.Model:
    """A detector that also tells what its last layer sees: images (b, h, w, c) in 0-255 to (b, k + 1).

    The first k columns are those features, the last is P(fake).
    """
    last = [layer for layer in model.layers if isinstance(layer, keras.layers.Dense)][-1]
    both = keras.layers.Concatenate(dtype="float32")([last.input, model.outputs[0]])
    return keras.Model(model.input, both, name=f"{model.name}_with_score")


def weights_digest(name: str, **arguments: object) -> str | None:
    """A hash of the files with the pretrained weights that ``build`` would load; None where there are none.

    Raises:
        WeightsError: the file is not there and cannot be fetched.
    """
    weights = arguments.get("weights", "imagenet")
    backbones = arguments.get("branches", fusion.BRANCHES) if name == "fusion" else (name,)
    paths = [transfer.weights_file(backbone, weights) for backbone in backbones if backbone in transfer.BACKBONES]
    return " ".join(files.digest(path) for path in paths if path is not None) or None


def without_names(model_config: dict) -> object:
    """A model's configuration with its layers numbered: Keras's own names count all models made in a process."""
    numbers: dict[str, str] = {}
    where = ("name", "keras_history", "input_layers", "output_layers")

    def numbered(value: object, is_name: bool) -> object:
        if isinstance(value, Mapping):
            if str(value.get("class_name")).endswith("DTypePolicy"):
                return value  # its "name" is a precision
            return {field: numbered(item, field in where) for field, item in sorted(value.items())}
        if isinstance(value, list | tuple):
            return [numbered(item, is_name) for item in value]
        return numbers.setdefault(value, f"layer {len(numbers)}") if is_name and isinstance(value, str) else value

    return numbered(model_config, False)


def load_detector(path: str | Path) -> keras.Model:
    """A detector out of a ``.keras`` file, from this kit or from elsewhere, in Keras's safe mode: no code runs.

    Returns:
        Model from images (b, height, width, 1 or 3) in 0-255 to P(fake) (b, 1). What the numbers mean is for whoever
        wrote the file to say; only the shapes can be checked.

    Raises:
        ValueError: no such file, no whole ``.keras`` file, one that holds code, or no such model; it is named.
    """
    path = Path(path)
    if not path.is_file():
        raise ValueError(f"there is no file {path}")
    if path.suffix != ".keras":
        raise ValueError(f"{path} is no .keras file; of older formats it is not sure that no code runs")
    try:
        model = keras.models.load_model(path, compile=False, safe_mode=True)
    except Exception as error:  # a foreign file may fail in any way
        reason = " ".join(str(error).split())[:200]
        raise ValueError(f"{path} cannot be loaded as a .keras model in safe mode: {reason}") from error
    shapes = getattr(model, "input_shape", None), getattr(model, "output_shape", None)
    if not (isinstance(shapes[0], tuple) and len(shapes[0]) == 4 and shapes[0][3] in (1, 3)):
        raise ValueError(f"{path} takes {shapes[0]}, not images (b, height, width, 1 or 3)")
    if tuple(shapes[1]) != (None, 1):
        raise ValueError(f"{path} gives {shapes[1]}, not one P(fake) an image, (b, 1)")
    return model
