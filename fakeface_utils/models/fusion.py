"""Two networks side by side, each with three channels of the input to itself; their features meet in one head.

Report 001 shows one network the photograph and the other its error level, and joins what they have found (section
3.9). Whatever such a pair gains may come from the second input or from the second network: give both the same three
channels, and only the second is left.
"""

from __future__ import annotations

from collections.abc import Sequence

import keras
from keras import layers

from fakeface_utils.models.scratch import Shape, model_1, p_fake
from fakeface_utils.models.transfer import BACKBONES, FEATURES, transfer

BRANCHES = ("mobilenet", "mobilenet")
SCRATCH = {"model_1": model_1}  # branches that no weights exist for


def fusion(
    input_shape: Shape,
    branches: Sequence[str] = BRANCHES,
    weights: str | None = "imagenet",
    train_from: str | None = "head",
    hidden: Sequence[int] = (),
    dropout: float = 0.0,
) -> keras.Model:
    """Branches whose features are joined end to end, and a head that tells fake from real.

    Args:
        input_shape: (height, width, 3 k) of the images for k branches, whose values are 0-255: the first branch sees
            the first three channels, and so on.
        branches: names of ``transfer.BACKBONES`` or of ``SCRATCH``.
        weights, train_from: of every pretrained branch, as in ``transfer``; a file serves where all of these are of
            one kind. A branch of ``SCRATCH`` is always trained.
        hidden: units of dense layers with ReLU between the joined features and the last layer.
        dropout: the share dropped after the features and after each hidden layer.

    Returns:
        Model from images (b, height, width, 3 k) to float32 P(fake) (b, 1); its layer ``features`` is (b, n).

    Raises:
        ValueError: another number of channels than three a branch, an unknown branch, a weights file for branches of
            several kinds, or what ``transfer`` raises.
    """
    if input_shape[-1] != 3 * len(branches):
        raise ValueError(
            f"{len(branches)} branches see {3 * len(branches)} channels, three each; the images have {input_shape[-1]}"
        )
    if weights not in ("imagenet", None) and len(set(branches) - set(SCRATCH)) > 1:
        raise ValueError(f"{weights} holds the weights of one network, the branches are {', '.join(branches)}")
    image, vectors = keras.Input(input_shape), []
    for number, branch in enumerate(branches):
        to_vector = _branch(branch, (*input_shape[:2], 3), number, weights=weights, train_from=train_from)
        vectors.append(to_vector(image[..., 3 * number : 3 * number + 3]))
    x = layers.Concatenate(name=FEATURES)(vectors)
    for units in hidden:
        x = layers.Dropout(dropout)(x) if dropout else x
        x = layers.Dense(units, activation="relu")(x)
    x = layers.Dropout(dropout)(x) if dropout else x
    return keras.Model(image, p_fake(x), name="fusion")


def _branch(name: str, input_shape: Shape, number: int, **pretrained: object) -> keras.Model:
    """A network without its last layer: images (b, h, w, 3) to features (b, k)."""
    if name in SCRATCH:
        whole = SCRATCH[name](input_shape)
        vector = whole.layers[-1].input
    elif name in BACKBONES:
        whole = transfer(input_shape, name, **pretrained)
        vector = whole.get_layer(FEATURES).output
    else:
        raise ValueError(f"there is no branch {name!r}; choose of {', '.join([*BACKBONES, *SCRATCH])}")
    return keras.Model(whole.input, vector, name=f"branch_{number + 1}_{name}")
