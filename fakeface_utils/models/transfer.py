"""Networks that were trained on something else before: ``keras.applications`` with a head of ours.

Every backbone takes images in 0-255 and holds its own preprocessing, as a layer. That ends a mistake that costs a whole
network: EfficientNet and MobileNetV3 rescale inside, and whoever feeds them 0 to 1 shows them black images (very
likely report 003's EfficientNetB4; ``scale=1/255`` does it on purpose).
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
from keras import applications, layers, ops

from fakeface_utils.models import weights as files
from fakeface_utils.models.scratch import Shape, p_fake

FEATURES = "features"  # the layer whose output the head sees: (b, k)
POOLINGS = {"avg": layers.GlobalAveragePooling2D, "max": layers.GlobalMaxPooling2D}
IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of values in 0-1, red first
CAFFE_MEAN = (103.939, 116.779, 123.68)  # of values in 0-255, blue first

Preprocess = Callable[[keras.KerasTensor], keras.KerasTensor]


@dataclass(frozen=True)
class Backbone:
    """One network of ``keras.applications``.

    Attributes:
        build: Keras's function. preprocess: what the network wants to see, made of 0-255.
        smallest: the least side in pixels.
        complete: what is left to do when pretrained weights have been loaded.
    """

    build: Callable[..., keras.Model]
    preprocess: Preprocess
    smallest: int = 32
    complete: Callable[[keras.Model], None] = lambda net: None


def minus_one_to_one(x: keras.KerasTensor) -> keras.KerasTensor:
    """0-255 to -1-1 (MobileNet, MobileNetV2 and Inception)."""
    return layers.Rescaling(1 / 127.5, offset=-1)(x)


def imagenet_standard(x: keras.KerasTensor) -> keras.KerasTensor:
    """0-255 to ImageNet's mean 0 and standard deviation 1 (DenseNet; a grey image by the mean of the three)."""
    colors = x.shape[-1]
    mean, std = (values if colors == 3 else (sum(values) / 3,) * colors for values in (IMAGENET_MEAN, IMAGENET_STD))
    mean, variance = [255 * m for m in mean], [(255 * s) ** 2 for s in std]
    return layers.Normalization(mean=mean, variance=variance)(x)


def caffe(x: keras.KerasTensor) -> keras.KerasTensor:
    """Blue first, ImageNet's means taken off, not scaled (VGG and ResNet50); a grey image loses their mean."""
    if x.shape[-1] != 3:
        return layers.Rescaling(1, offset=-sum(CAFFE_MEAN) / 3)(x)
    return layers.Normalization(mean=CAFFE_MEAN, variance=(1, 1, 1))(ops.flip(x, axis=-1))


def inside(x: keras.KerasTensor) -> keras.KerasTensor:
    """Nothing: the network rescales 0-255 itself (MobileNetV3, EfficientNet)."""
    return x


def divide_by_deviation(net: keras.Model) -> None:
    """Have EfficientNet standardise its input as it was trained to.

    Its weights files hold the deviation of ImageNet's pixels where the variance belongs, so that the network divides
    by the root of the deviation. Keras's builder divides a second time, in a layer that it adds only when it fetches
    the weights itself (``weights="imagenet"``; tensorflow #49930). Here the variance is put right instead.
    """
    (standard,) = (layer for layer in net.layers if isinstance(layer, layers.Normalization))
    standard.adapt_variance.assign(standard.adapt_variance * ops.convert_to_tensor(IMAGENET_STD))
    standard.finalize_state()


BACKBONES = {
    "mobilenet": Backbone(applications.MobileNet, minus_one_to_one),
    "mobilenet_v2": Backbone(applications.MobileNetV2, minus_one_to_one),
    "mobilenet_v3_small": Backbone(applications.MobileNetV3Small, inside),
    "mobilenet_v3_large": Backbone(applications.MobileNetV3Large, inside),
    "densenet121": Backbone(applications.DenseNet121, imagenet_standard),
    "efficientnetb4": Backbone(applications.EfficientNetB4, inside, complete=divide_by_deviation),
    "inception_v3": Backbone(applications.InceptionV3, minus_one_to_one, smallest=75),
    "resnet50": Backbone(applications.ResNet50, caffe),
    "vgg16": Backbone(applications.VGG16, caffe),
    "vgg19": Backbone(applications.VGG19, caffe),
}


def transfer(
    input_shape: Shape,
    backbone: str,
    weights: str | None = "imagenet",
    train_from: str | None = "head",
    hidden: Sequence[int] = (),
    batch_norm: bool = False,
    dropout: float = 0.0,
    pooling: str = "avg",
    scale: float = 1.0,
) -> keras.Model:
    """A pretrained backbone, pooled to one feature vector an image, and a head that tells fake from real.

    Layers that are not trained do in training what they do when the model predicts. Their batch normalisation is in
    inference mode, as Keras has it for every layer that is set so: neither weights nor running means move. And they
    drop nothing (EfficientNet has dropout inside, which Keras would leave on).

    Args:
        input_shape: (height, width, 1 or 3) of the images, whose values are 0-255. A grey image is repeated into
            three channels where the weights are pretrained; else the network is built with one channel.
        backbone: one of ``BACKBONES``.
        weights: ``"imagenet"``, the path of a file with weights for this backbone, or None: drawn at random. Layers
            that are not trained either are then drawn after He et al. 2015: through Keras's own first weights an
            image dies out, unless batch normalisation in training brings it back to size.
        train_from: ``"head"`` trains the head alone (frozen features), the name of a layer of the backbone trains
            from that layer on (partly frozen, ``"block5_conv1"`` of a VGG), None trains everything (fine-tuned, or
            from nothing).
        hidden: units of dense layers with ReLU before the last. batch_norm: one before each of them.
        dropout: the share dropped after the features and after each hidden layer.
        pooling: ``"avg"`` or ``"max"`` over the positions of the last feature map.
        scale: what pixels are multiplied by first; 1/255 is the double rescaling, for networks that rescale inside.

    Returns:
        Model from images (b, height, width, channels) to float32 P(fake) (b, 1); its layer ``features`` is (b, k).

    Raises:
        ValueError: an unknown backbone, layer or pooling, or images smaller than the network can take.
        WeightsError: weights that are missing, damaged, or of another network.
    """
    if pooling not in POOLINGS:
        raise ValueError(f"there is no pooling {pooling!r}; choose one of {', '.join(POOLINGS)}")
    trunk = _trunk(input_shape, backbone, weights, scale)
    for layer in _frozen(trunk, train_from):
        layer.trainable = False
        if isinstance(layer, layers.Dropout):
            layer.rate = 0
        if weights is None and isinstance(layer, layers.Conv2D | layers.DepthwiseConv2D):
            _draw_after_he(layer)
    x = POOLINGS[pooling](name=FEATURES)(trunk.output)
    for units in hidden:
        x = layers.Dropout(dropout)(x) if dropout else x
        x = layers.BatchNormalization()(x) if batch_norm else x
        x = layers.Dense(units, activation="relu")(x)
    x = layers.Dropout(dropout)(x) if dropout else x
    return keras.Model(trunk.input, p_fake(x), name=backbone)


def stand_in_weights(path: str | Path, images: np.ndarray, seed: int = 0) -> Path:
    """A file of weights for MobileNet, drawn at random: where ImageNet's are not to be had and wiring is all one wants.

    Its batch normalisation has seen the images once. Without that, an image dies out on its way through 27 layers.

    Args:
        path: where to write it, ending in ``.weights.h5``.
        images: (n, height, width, 3), 0-255. seed: of the weights.
    """
    keras.utils.set_random_seed(seed)
    image = keras.Input(images.shape[1:])
    scaled = BACKBONES["mobilenet"].preprocess(image)
    net = applications.MobileNet(input_tensor=scaled, include_top=False, weights=None)
    for layer in net.layers:
        layer.momentum = 0.0  # keep what these images give, and only that
    keras.Model(image, net.output)(images.astype("float32"), training=True)
    path = Path(path)
    net.save_weights(partial := path.with_name(f"partial-{path.name}"))
    return partial.replace(path)


def weights_file(backbone: str, weights: str | None) -> Path | None:
    """The file that ``transfer`` would load; None for weights drawn at random. Raises WeightsError as it does."""
    if weights is None:
        return None
    path = files.obtain(backbone) if weights == "imagenet" else Path(weights)
    if not path.is_file():
        raise files.WeightsError(f"there is no file {path} with weights for {backbone}")
    return path


def _trunk(input_shape: Shape, backbone: str, weights: str | None, scale: float) -> keras.Model:
    """From images to the last feature map, one flat graph, weights loaded."""
    if backbone not in BACKBONES:
        raise ValueError(f"there is no backbone {backbone!r}; choose one of {', '.join(BACKBONES)}")
    entry = BACKBONES[backbone]
    if min(input_shape[:2]) < entry.smallest:
        height, width = input_shape[:2]
        raise ValueError(
            f"{backbone} takes images of at least {entry.smallest} pixels a side, not {height} x {width}"
        )
    path = weights_file(backbone, weights)
    image = keras.Input(input_shape)
    x = image if scale == 1 else layers.Rescaling(scale)(image)
    if path is not None and input_shape[-1] == 1:
        x = layers.Concatenate()([x, x, x])
    x = entry.preprocess(x)
    with warnings.catch_warnings():  # MobileNets warn at each side but 224; the layers are the same for all
        warnings.filterwarnings("ignore", message=".*Weights for input shape.*")
        net = entry.build(input_tensor=x, include_top=False, weights=None)
    trunk = keras.Model(image, net.output, name=f"{backbone}_trunk")
    if path is not None:
        files.load(net, path, backbone)
        entry.complete(net)
    return trunk


def _frozen(trunk: keras.Model, train_from: str | None) -> list[keras.Layer]:
    """The layers that are not trained."""
    if train_from is None:
        return []
    names = [layer.name for layer in trunk.layers]
    if train_from != "head" and train_from not in names:
        some = ", ".join(names[-8:])
        raise ValueError(f"there is no layer {train_from!r} to train from; the last ones are {some}")
    return trunk.layers[: len(names) if train_from == "head" else names.index(train_from)]


def _draw_after_he(layer: keras.Layer) -> None:
    inputs = layer.kernel.shape[:2] if isinstance(layer, layers.DepthwiseConv2D) else layer.kernel.shape[:3]
    draw = keras.initializers.RandomNormal(stddev=(2 / math.prod(inputs)) ** 0.5)
    layer.kernel.assign(draw(layer.kernel.shape))
