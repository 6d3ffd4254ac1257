"""What a detector looks at: filters, feature maps, Grad-CAM, and three ways to ask whether a heat map is right.

A heat map always looks like an explanation. So it is put to the test: does it change when the weights do
(:func:`cascade`), does the score change when the pixels do that it names (:func:`pixel_curve`), does it lie on what
was edited, more than on the same place of the untouched twin (:func:`mass_inside`)?

Models are walked, never changed. Images are (n, h, w, channels) in 0-255, as the model takes them. Layers have the
names of ``model.summary()``; one inside a nested model is ``branch_1_mobilenet/conv1``.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf
from keras import layers, ops
from scipy.ndimage import gaussian_filter
from scipy.stats import spearmanr

from fakeface_utils.forensics.ela import Region, inside

CONVOLUTIONS = (layers.Conv2D, layers.DepthwiseConv2D, layers.SeparableConv2D)
SATURATING = (keras.activations.sigmoid, keras.activations.softmax)
UPSCALED = 2.0**8  # gradients while they flow: float16 would lose small ones, as in training
BLUR = 1 / 20  # of the longer side: sigma of the blur that replaces pixels
BATCH = 16  # images in memory at a time, with all of their feature maps


def convolutions(model: keras.Model) -> list[str]:
    """The names of a model's convolutions, in the order in which an image passes them.

    Raises:
        ValueError: the model has none, or its layers cannot be walked.
    """
    return _convolutions(_walked(model))


def first_filters(model: keras.Model) -> np.ndarray:
    """The filters of the first convolution as pictures, (k, height, width, channels) float32 in 0-1; .5 is weight 0.

    One scale for all: the largest weight is at 0 or 1. Channels are those that the layer sees: VGG and ResNet50 see
    blue first, so turn theirs round, ``[..., ::-1]``. Of a fusion it is the first branch's. Errors as in
    :func:`convolutions`, also where the first is no plain ``Conv2D``.
    """
    walked = _walked(model)
    first = walked.layers[_convolutions(walked)[0]]
    if not isinstance(first, layers.Conv2D):
        raise ValueError(f"{first.name!r} is a {type(first).__name__}; only a Conv2D has filters that are pictures")
    kernel = np.moveaxis(ops.convert_to_numpy(first.kernel).astype(np.float32), -1, 0)
    return 0.5 + kernel / (2 * np.abs(kernel).max() or 1)


def feature_maps(model: keras.Model, image: np.ndarray) -> dict[str, np.ndarray]:
    """What every convolution makes of one image (h, w, channels) in 0-255: name -> float32 (h', w', k), a map a filter.

    Where batch normalisation or an activation is a layer of its own, the maps are those before it. Errors as in
    :func:`grad_cam`.
    """
    walked, images = _walked(model), _images(model, np.asarray(image)[None])
    names = _convolutions(walked)
    probe = keras.Model(walked.image, [walked.maps[name] for name in names])
    found = keras.tree.flatten(probe(images.astype(np.float32), training=False))
    return {name: ops.convert_to_numpy(one)[0].astype(np.float32) for name, one in zip(names, found, strict=True)}


def grad_cam(model: keras.Model, images: np.ndarray, layer: str | None = None, toward: str = "fake") -> np.ndarray:
    """Where an image has what speaks for fake: Grad-CAM (Selvaraju et al. 2017, equations 1 and 2).

    A layer's maps, each weighted by the mean gradient of the answer, are added; what is below 0 is cut off; the rest
    is brought to the image's size (bilinear). The answer is the logit, log(P / (1 - P)): a sigmoid's own input; of a
    softmax the unit's input less the log of the others' summed exponentials. The gradient of P itself vanishes where
    the detector is sure. A last layer that is neither is taken as it is.

    Args:
        layer: any that gives maps; default: what the last convolution has become (normalised, activated, joined to
            others) before its size changes. In DenseNet the convolution alone has 32 of 1,024 maps. Of a fusion it is
            the last branch's: ask for each.
        toward: ``"fake"``, or ``"real"`` for what speaks against fake (the gradient turned round).

    Returns:
        float32 (n, h, w), at least 0, not scaled: a map of zeros says that nothing there speaks for it.

    Raises:
        ValueError: other images, an unknown layer or side, no finite gradient, or as in :func:`convolutions`.
    """
    if toward not in ("fake", "real"):
        raise ValueError(f"toward is 'fake' or 'real', not {toward!r}")
    return _cams(_probe(_walked(model), layer), _images(model, images), keep=1 if toward == "fake" else -1)


def cascade(
    model: keras.Model, images: np.ndarray, layer: str | None = None, steps: int = 12, seed: int = 0
) -> dict[str, np.ndarray]:
    """Does the map know the weights? Grad-CAM while layers are randomised from the last to the first.

    A map that stays as it was shows the image, not what was learnt of it (Adebayo et al. 2018). Kernels are drawn
    from a normal distribution with mean 0 and the trained root mean square; biases and batch normalisation are
    shuffled: so images neither die out nor explode. What prepares the pixels stays. Maps are compared before they are
    cut off at 0: a random last layer turns half of them round, and those would be 0 everywhere. So draw several
    ``seed``: at first a correlation of -1 is as likely as one of 1, and their size is what falls.

    Args:
        layer: as in :func:`grad_cam`, errors too.
        steps: at most so many maps an image; between two of them a deep network has several layers randomised.

    Returns:
        Layer down to which all is random -> (n,) Spearman correlations of each image's map with that before, over its
        pixels. NaN where one of the two is the same everywhere and has no ranks: say how many.
    """
    walked, images, rng = _walked(model), _images(model, images), np.random.default_rng(seed)
    probe, drawn, found = _probe(walked, layer), {}, {}
    before = _cams(probe, images)
    learnt = {name: one.weights for name, one in walked.layers.items() if not isinstance(one, layers.Normalization)}
    names = [name for name in reversed(learnt) if learnt[name]]
    for some in np.array_split(np.array(names, object), min(steps, len(names))):
        drawn |= {id(weight): _random_like(weight, rng) for name in some for weight in learnt[name]}
        after = _cams(probe, images, drawn)
        found[some[-1]] = np.array([_rank_correlation(*pair) for pair in zip(before, after, strict=True)])
    return found


class Curve(NamedTuple):
    """P(fake) of n images, ``scores`` (n, steps + 1), at each ``share`` (steps + 1,) of pixels replaced or put back."""

    share: np.ndarray
    scores: np.ndarray

    @property
    def areas(self) -> np.ndarray:
        """The area under each image's curve (n,), 0-1, by trapezoids."""
        return np.trapezoid(self.scores, self.share, axis=1)


def pixel_curve(
    model: keras.Model,
    images: np.ndarray,
    maps: np.ndarray | None,
    *,
    insert: bool = False,
    fill: str = "blur",
    steps: int = 32,
    seed: int = 0,
) -> Curve:
    """P(fake) as pixels are replaced, the most salient first: deletion, or put back: insertion (Petsiuk et al. 2018).

    For a map that is right about a fake, deletion has a small area and insertion a large one. But an image with holes
    is one that no camera took: only the difference to a control says anything, paired by image. ``maps=None`` is a
    random order; ``np.roll(maps, 1, axis=0)``, the map of another image, is as smooth as the right one.

    Args:
        maps: (n, h, w), larger is more salient; equal ones come in random order (``seed``).
        insert: insertion. fill: what replaces a pixel, ``"blur"`` (sigma ``BLUR``) or ``"mean"``, the mean colour.
        steps: how often P(fake) is asked for after the start.

    Raises:
        ValueError: other images, maps of another size or not finite, an unknown ``fill``, or no step.
    """
    images, rng = _images(model, images), np.random.default_rng(seed)
    maps = np.broadcast_to(0.0, images.shape[:3]) if maps is None else np.asarray(maps)
    if maps.shape != images.shape[:3] or not np.isfinite(maps).all():
        raise ValueError(f"need finite maps {images.shape[:3]}, one an image at its size; got {maps.shape}")
    if fill not in ("blur", "mean") or steps < 1:
        raise ValueError(f"fill is 'blur' or 'mean' and steps at least 1, not {fill!r} and {steps}")
    pixels, scores = maps[0].size, []
    counts = np.linspace(0, pixels, steps + 1).round().astype(int)
    for image, heat in zip(images, maps, strict=True):
        image = image.astype(np.float32)
        filled = np.broadcast_to(image.mean(axis=(0, 1)), image.shape)
        if fill == "blur":
            filled = gaussian_filter(image, BLUR * max(heat.shape), mode="nearest", axes=(0, 1))
        rank = np.empty(pixels, int)
        rank[np.lexsort((rng.random(pixels), -heat.ravel()))] = np.arange(pixels)
        first, rest = (image, filled) if insert else (filled, image)
        for some in np.array_split(counts, -(-len(counts) // BATCH)):
            shown = np.where(rank.reshape(*heat.shape, 1) < some[:, None, None, None], first, rest)
            scores.append(ops.convert_to_numpy(model(shown, training=False))[:, 0])
    return Curve(counts / pixels, np.concatenate(scores).reshape(len(images), -1).astype(float))


def mass_inside(heat: np.ndarray, mask: np.ndarray, known: np.ndarray | None = None) -> Region:
    """How much of a map (h, w) lies in a region, such as where a fake was edited: ``mass_inside(heat, *truth.fake)``.

    Args:
        heat: at least 0. mask, known: bool (h, w), as in :func:`ela.inside`.

    Returns:
        ``share`` of the map's mass inside, 0-1, ``area`` of the region, and ``mean``, the one over the other: 1 for a
        map that is the same everywhere. Share and mean are NaN for a map of zeros, which points nowhere.

    Raises:
        ValueError: a map below 0 or not finite; a mask of another size, not bool, or that marks nothing or all.
    """
    heat, mask = np.asarray(heat, float), np.asarray(mask)
    known = np.ones(mask.shape, bool) if known is None else np.asarray(known)
    if heat.ndim != 2 or not np.isfinite(heat).all() or (heat < 0).any():
        raise ValueError(f"need one map (h, w), finite and at least 0, as grad_cam gives it; got {heat.shape}")
    if not heat.shape == mask.shape == known.shape:
        raise ValueError(
            f"the map is {heat.shape}, the mask {mask.shape}, what is known {known.shape}: bring masks to the size of "
            "the images that the model saw"
        )
    if not np.logical_and(mask, known).any():
        raise ValueError("the mask is empty: no pixel is marked. Leave such images out, and say how many")
    # Over its largest value a map that is the same everywhere is 1, and its sums are exact.
    found = inside(heat / (heat[known > 0].max() or 1), mask, known)
    return replace(found, mean=found.share / found.area)


def log_ratio(fake: Region, twin: Region, floor: float = 0.01) -> float:
    """Natural log of how much denser a map is in a fake's region than in the same region of its untouched twin.

    Above 0: it found the edit, not just the eyes that every face has. Regions are from :func:`mass_inside`; ``floor``
    of each map counts as spread evenly, or one that is 0 inside would be infinite. Several pairs go to
    ``intervals.mean``, which refuses the NaN of a map of zeros: leave such pairs out, and say how many.
    """
    return float(np.log((1 - floor) * fake.mean + floor) - np.log((1 - floor) * twin.mean + floor))


class _Walked(NamedTuple):
    """A model's graph, copied: its layers, the maps (b, h', w', k) that some of them give, and both ends."""

    layers: dict[str, keras.Layer]
    maps: dict[str, keras.KerasTensor]
    image: keras.KerasTensor | list[keras.KerasTensor]
    outputs: list[keras.KerasTensor]


class _Through(keras.Layer):
    """Computes what ``layer`` does, in its place: a graph can be copied and leave no trace on the layer."""

    def __init__(self, layer: keras.Layer):
        super().__init__(autocast=False)
        self.layer = layer

    def call(self, *args, **kwargs):
        return self.layer(*args, **kwargs)

    def compute_output_spec(self, *args, **kwargs):
        return self.layer.compute_output_spec(*args, **kwargs)


class _Logit(_Through):
    """Gives the log odds of each unit of a layer with a sigmoid or softmax, float32."""

    def call(self, x):
        x = ops.cast(x, "float32")
        if isinstance(self.layer, layers.Dense):
            x = ops.matmul(x, self.layer.kernel) + (0 if self.layer.bias is None else self.layer.bias)
        if self.layer.activation is keras.activations.sigmoid:
            return x
        others = ops.where(ops.eye(x.shape[-1], dtype=bool), -np.inf, x[:, None, :])
        return x - ops.logsumexp(others, axis=-1)


def _walked(model: keras.Model, is_last: bool = True) -> _Walked:
    """Copy a model's graph around its own layers, those of nested models too; where it ``is_last``, to the logit."""
    if not getattr(model, "inputs", None):
        raise ValueError(
            f"cannot walk the layers of {model.name!r}: build it as keras.Model(inputs, outputs), or as a "
            "keras.Sequential whose first entry is keras.Input(shape)"
        )
    plain = keras.Model(model.inputs, model.outputs)  # Sequential and compiled ones, too
    last, found, maps, uses = plain.layers[-1], {}, {}, Counter()
    after = plain.operations[plain.operations.index(last) + 1 :]
    is_last = is_last and all(type(op).__name__ == "GetItem" for op in after)  # which take one unit of several

    def through(layer: keras.Layer | keras.Operation) -> keras.Layer | keras.Operation:
        if not isinstance(layer, keras.Layer):
            return type(layer).from_config(layer.get_config())
        saturates = isinstance(layer, layers.Dense | layers.Activation) and layer.activation in SATURATING
        return (_Logit if is_last and layer is last and saturates else _Through)(layer)

    def call(copy: keras.Layer | keras.Operation, *args, **kwargs) -> object:
        if not isinstance(copy, _Through):
            return copy(*args, **kwargs)
        layer, name = copy.layer, copy.layer.name + "'" * uses[copy]  # one that is used again
        uses[copy] += 1
        if not isinstance(layer, keras.Model):
            found[name], made = layer, copy(*args, **kwargs)
            maps.update({name: made} if len(getattr(made, "shape", ())) == 4 else {})
            return made
        inner = _walked(layer, is_last and layer is last)
        made = keras.Model(inner.image, [*inner.maps.values(), *inner.outputs])(*args, **kwargs)
        *new, given = keras.tree.flatten(made)
        found.update({f"{name}/{key}": one for key, one in inner.layers.items()})
        maps.update({f"{name}/{key}": one for key, one in zip(inner.maps, new, strict=True)})
        return given

    copied = keras.models.clone_model(plain, clone_function=through, call_function=call)
    return _Walked(found, maps, copied.inputs[0] if len(copied.inputs) == 1 else copied.inputs, copied.outputs)


def _convolutions(walked: _Walked) -> list[str]:
    names = [name for name, layer in walked.layers.items() if isinstance(layer, CONVOLUTIONS)]
    if not names:
        raise ValueError("this model has no convolution and so no maps: take one that has, as models.build('cnn')")
    return names


def _probe(walked: _Walked, layer: str | None) -> keras.Model:
    """Images to [maps of the layer, logit]."""
    names, last = list(walked.maps), _convolutions(walked)[-1]
    if layer is None:
        size = walked.maps[last].shape[1:3]
        alike = [name for name in names[names.index(last) :] if walked.maps[name].shape[1:3] == size]
        layer = last if None in size else alike[-1]
    if layer not in names:
        some = ", ".join(_convolutions(walked)[-8:])
        raise ValueError(f"there is no layer {layer!r} that gives maps; the last convolutions are {some}")
    return keras.Model(walked.image, [walked.maps[layer], walked.outputs[0]])


def _cams(
    probe: keras.Model, images: np.ndarray, drawn: dict[int, np.ndarray] | None = None, keep: int = 0
) -> np.ndarray:
    """Grad-CAM of all images; ``drawn``: id of a variable -> what to use in its place.

    ``keep``: what speaks for fake (1), for real (-1), or both, with their signs (0).
    """
    cams, drawn = [], drawn or {}
    both = probe.trainable_variables, probe.non_trainable_variables
    values = [[drawn.get(id(variable), variable.value) for variable in some] for some in both]
    for start in range(0, len(images), BATCH):
        shown = tf.cast(images[start : start + BATCH], tf.float32)
        with tf.GradientTape() as tape:
            tape.watch(shown)  # or the tape would not know what frozen layers do
            (maps, logit), _ = probe.stateless_call(*values, shown, training=False)
            answer = UPSCALED * tf.reduce_sum(tf.cast(logit, tf.float32))
        back = tape.gradient(answer, maps)
        back = tf.fill(maps.shape, np.nan) if back is None else tf.cast(back, tf.float32)
        weights = tf.reduce_mean(back, axis=(1, 2), keepdims=True) / UPSCALED
        cam = tf.reduce_sum(weights * tf.cast(maps, tf.float32), axis=3, keepdims=True)
        if not np.isfinite(cam).all():
            raise ValueError("this layer has no finite map or gets no gradient; after half precision, try float32")
        cam = tf.nn.relu(keep * cam) if keep else cam
        cams.append(tf.image.resize(cam, shown.shape[1:3])[..., 0].numpy())
    return np.concatenate(cams)


def _images(model: keras.Model, images: np.ndarray) -> np.ndarray:
    images, wanted, given = np.asarray(images), model.input_shape, model.output_shape
    fits = len(wanted) == images.ndim == 4 and len(images)
    if not fits or any(want not in (None, have) for want, have in zip(wanted, images.shape, strict=True)):
        raise ValueError(f"the model takes images {wanted}, got {images.shape}; one alone is image[None]")
    if tuple(given) != (None, 1):
        raise ValueError(f"the model gives {given}, not one P(fake) an image, (b, 1): pick its column for fake")
    return images


def _random_like(weight: keras.Variable, rng: np.random.Generator) -> np.ndarray:
    trained = ops.convert_to_numpy(weight)
    if trained.ndim < 2:
        return rng.permutation(trained)
    return rng.normal(0, np.sqrt(np.square(trained, dtype=float).mean()), trained.shape).astype(trained.dtype)


def _rank_correlation(a: np.ndarray, b: np.ndarray) -> float:
    return float(spearmanr(a, b, axis=None).statistic) if np.ptp(a) and np.ptp(b) else float("nan")
