"""What a network costs before it is trained: parameters, operations, activations, memory while training."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import prod

import keras
import pandas as pd
from keras import layers

# How many times each weight of a layer's kernels is used: (shapes of an image's input and output) -> positions.
# A convolution slides its kernel over the output; a transposed one over its input.
POSITIONS: dict[type[keras.Layer], Callable[[tuple[int, ...], tuple[int, ...]], int]] = {
    layers.Conv2D: lambda given, made: made[0] * made[1],
    layers.DepthwiseConv2D: lambda given, made: made[0] * made[1],
    layers.SeparableConv2D: lambda given, made: made[0] * made[1],
    layers.Conv2DTranspose: lambda given, made: given[0] * given[1],
    layers.Dense: lambda given, made: prod(given[:-1]),
}
# A layer, what it was given (tensors without values) and what it made.
Use = tuple[keras.Layer | keras.Operation, tuple, object]
BYTES = {"float32": 4, "mixed_float16": 2}


@dataclass(frozen=True)
class Call:
    """One use of a layer in a forward pass of one image: its operations, and how many values it writes."""

    layer: keras.Layer | keras.Operation
    flops: int
    values: int


def calls(model: keras.Model) -> list[Call]:
    """Every use of a layer in a forward pass, those inside nested models too; a layer used twice is there twice.

    Raises:
        ValueError: the model is neither functional nor Sequential, has not been built, leaves a size open (other
            than the batch's), or holds a layer with a kernel that nobody has said how to count.
    """
    if not getattr(model, "inputs", None):
        raise ValueError(
            f"cannot walk the layers of {model.name!r}: build it as keras.Model(inputs, outputs), or as a "
            "keras.Sequential whose first entry is keras.Input(shape)"
        )
    uses: list[Use] = []
    _walk(model, model.inputs, uses)
    return [_call(*use) for use in uses]


def flops(model: keras.Model) -> int:
    """Floating-point operations of one forward pass of one image.

    A multiplication and the addition that follows it count as 2; papers that count "mult-adds" or "MACs" print half
    of this. Counted are convolutions (plain, depthwise, separable, transposed) and dense layers, zeros of the padding
    included. Left out are biases, normalisation, activations, pooling and everything else that does a few operations
    a value: in the usual networks some per cent. Training an image costs about three times as much, for the
    gradients with respect to values and to weights are each about another pass.

    Raises:
        ValueError: as in :func:`calls`.
    """
    return sum(call.flops for call in calls(model))


def activations(model: keras.Model) -> int:
    """Values that one forward pass of one image writes: the outputs of all layers, without the image itself.

    Raises:
        ValueError: as in :func:`calls`.
    """
    return sum(call.values for call in calls(model))


def cost_table(models: Mapping[str, keras.Model]) -> pd.DataFrame:
    """A row a model: ``parameters``, ``trainable`` ones, ``flops`` and ``activations`` of one image; all counts.

    Raises:
        ValueError: as in :func:`calls`.
    """
    rows = {
        name: {
            "parameters": model.count_params(),
            "trainable": _trainable(model),
            "flops": flops(model),
            "activations": activations(model),
        }
        for name, model in models.items()
    }
    return pd.DataFrame.from_dict(rows, orient="index")


def training_bytes(model: keras.Model, batch_size: int, precision: str = "float32") -> int:
    """Memory that a training step with Adam needs, in bytes: an estimate from above.

    All weights; for each trainable one a gradient and Adam's two means, all float32; in mixed precision a float16 copy
    of every weight; and for each image of the batch the pixels, all activations and as many gradients of them. A
    framework frees gradients as it goes and works in place where it can: on a CPU, float32 steps of seven networks
    took 40 to 85 % of what the images' part says. Frozen layers count like others. Not in it: TensorFlow and CUDA
    themselves, which take 1 to 2 GB of a GPU, and cuDNN's work space.

    Args:
        batch_size: images a step. precision: ``"float32"`` or ``"mixed_float16"``, in which activations take 2 bytes,
            but those of batch normalisation 4 more, for Keras computes it in float32.

    Raises:
        ValueError: an unknown precision, a batch of no image, or as in :func:`calls`.
    """
    if precision not in BYTES or batch_size < 1:
        raise ValueError(
            f"need a batch of an image or more and one of {', '.join(BYTES)}: {batch_size}, {precision!r}"
        )
    half = precision == "mixed_float16"
    weights = (6 if half else 4) * model.count_params() + 12 * _trainable(model)
    image = 4 * sum(prod(given.shape[1:]) for given in model.inputs)
    for call in calls(model):
        upcast = 4 if half and isinstance(call.layer, layers.BatchNormalization) else 0
        image += 2 * call.values * (BYTES[precision] + upcast)
    return weights + batch_size * image


def _trainable(model: keras.Model) -> int:
    return sum(prod(weight.shape) for weight in model.trainable_weights)


def _walk(model: keras.Model, inputs: object, uses: list[Use]) -> None:
    """Note every use of a layer in ``model`` on tensors of the shapes of ``inputs``."""
    given = [keras.Input(batch_shape=x.shape, dtype=x.dtype) for x in keras.tree.flatten(inputs)]
    if isinstance(model, keras.Sequential):
        (made,) = given
        for layer in model.layers:
            made = _note(layer, uses, made)
    else:  # Copy the graph, with a meter in the place of each layer.
        given = keras.tree.pack_sequence_as(model.input, given)
        keras.models.clone_model(model, input_tensors=given, clone_function=lambda layer: _Meter(layer, uses))


class _Meter(keras.Operation):
    """Computes nothing; gives the shapes that ``layer`` would give, and notes them."""

    def __init__(self, layer: keras.Layer | keras.Operation, uses: list[Use]):
        super().__init__()
        self.layer, self.uses = layer, uses

    def compute_output_spec(self, *args, **kwargs):
        return _note(self.layer, self.uses, *args, **kwargs)


def _note(layer: keras.Layer | keras.Operation, uses: list[Use], *args, **kwargs) -> object:
    made = layer.compute_output_spec(*args, **kwargs)
    if isinstance(layer, keras.Model):
        _walk(layer, args[0], uses)
    else:
        # Judged when the walk is over, for Keras would wrap an error that is raised here.
        uses.append((layer, args, made))
    return made


def _call(layer: keras.Layer | keras.Operation, args: tuple, made: object) -> Call:
    shapes = [tuple(x.shape[1:]) for x in keras.tree.flatten(made)]
    if any(None in shape for shape in shapes):
        raise ValueError(f"the size of what {layer.name!r} gives is open: build the model for images of one size")
    kernels = [w for w in getattr(layer, "weights", []) if "kernel" in w.name]
    if not kernels:
        return Call(layer, 0, sum(map(prod, shapes)))
    # The type itself, not a subclass: a layer that inherits from Conv2D may do something else with its kernel.
    if type(layer) not in POSITIONS:
        raise ValueError(f"how to count the operations of a {type(layer).__name__} ({layer.name!r}) is not known")
    positions = POSITIONS[type(layer)](_channels_last(layer, args[0].shape[1:]), _channels_last(layer, shapes[0]))
    return Call(layer, 2 * positions * sum(prod(w.shape) for w in kernels), prod(shapes[0]))


def _channels_last(layer: keras.Layer, shape: tuple[int, ...]) -> tuple[int, ...]:
    first = getattr(layer, "data_format", None) == "channels_first"
    return (*shape[1:], shape[0]) if first else tuple(shape)
