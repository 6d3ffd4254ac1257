"""Every network of the reports' lessons 03 to 05 as its report trained it, with what the report leaves open named.

A system here is an experiment without its images: lesson and report take it by name, so that "CNN-3" is the same
network wherever it is trained.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import pandas as pd

from fakeface_utils.training.experiment import Experiment

SIX_FOLD = {"epochs": 15, "augmentation": "six_fold"}  # of report 001's pretrained networks
SILENT = ("optimizer", "learning_rate", "batch_size")  # what report 000 leaves open for its CNNs and DenseNets


@dataclass(frozen=True)
class System:
    """One network as a report describes it.

    Attributes:
        report: "000" to "004". where: the section, slide or table.
        model: a name in ``models.MODELS``. model_args: of its builder.
        settings: of ``Experiment``, where they differ from its defaults: size, color, optimizer and so on.
        assumed: names out of ``model_args`` and of ``Experiment`` whose values the report does not give.
        note: what else is not as in the report.
    """

    report: str
    where: str
    model: str
    model_args: Mapping[str, object] = field(default_factory=dict)
    settings: Mapping[str, object] = field(default_factory=dict)
    assumed: tuple[str, ...] = ()
    note: str = ""


def _cnn_000(filters: Sequence[int], note: str = "", **model_args: object) -> System:
    arguments = {"filters": tuple(filters), **model_args}
    assumed = (*SILENT, *(() if "kernel" in model_args else ("kernel", "pool")), "padding")
    return System("000", "section 2", "cnn", arguments, {"color": "grey"}, assumed, note)


def _densenet(note: str = "", size: int = 128, color: str = "rgb", weights: str | None = None) -> System:
    arguments = {"weights": weights, "train_from": None}
    return System(
        "000", "section 3", "densenet121", arguments, {"size": size, "color": color}, (*SILENT, "pooling"), note
    )


def _very_simple(report: str, where: str, filters: Sequence[int], size: int, epochs: int) -> System:
    """The CNNs that reports 002 and 003 only name: every layer is a guess."""
    assumed = ("filters", "kernel", "pool", "padding", "dense", "optimizer", "learning_rate", "batch_size")
    assumed += () if report == "002" else ("size", "epochs")
    arguments = {"filters": tuple(filters), "dense": ()}
    return System(report, where, "cnn", arguments, {"size": size, "color": "rgb", "epochs": epochs}, assumed)


def _custom_003(augmented: bool) -> System:
    assumed = ("size", "optimizer", "learning_rate", "epochs", "batch_size")
    note = "which augmentations, and how strong, the report does not say" if augmented else ""
    return System("003", "custom model", "custom_003", {"augmented": augmented}, {"epochs": 15}, assumed, note)


def _pretrained_001(backbone: str, where: str, assumed: Sequence[str], **how: object) -> System:
    own = {name: how.pop(name) for name in ("optimizer", "learning_rate") if name in how}
    settings = {"optimizer": "sgd_momentum", "learning_rate": 1e-3} | own
    return System("001", where, backbone, how, settings | SIX_FOLD, tuple(assumed))


def _with_ela(name: str) -> System:
    """Report 001's network fed with its error-level map in place of the photograph."""
    system = SYSTEMS[name]
    settings, assumed = dict(system.settings) | {"color": MAP_001}, (*system.assumed, "color")
    return replace(system, where="table with ELA", settings=settings, assumed=assumed, note=MAP_NOTE)


def _fusion_001(kind: int, branches: Sequence[str], note: str = "", **settings: object) -> System:
    pretrained = {"weights": "imagenet", "train_from": None} if set(branches) - {"model_1"} else {}
    assumed = (*(("train_from",) if pretrained else ()), "hidden", "dropout", "color")
    settings = {"color": f"rgb+{MAP_001}", "epochs": 15, "augmentation": "six_fold"} | settings
    where = f"section 3.8.5, type {kind}"
    return System("001", where, "fusion", {"branches": tuple(branches), **pretrained}, settings, assumed, note)


def _all_real_003(backbone: str, scale: float, note: str) -> System:
    assumed = ("size", "train_from", "pooling", "optimizer", "learning_rate", "epochs", "batch_size")
    return System("003", "table of results", backbone, {"scale": scale}, {"size": 224}, assumed, note)


def _cnn_004(note: str = "", **model_args: bool) -> System:
    settings = {"optimizer": "sgd", "learning_rate": 0.01, "epochs": 15}
    return System("004", "section 5.2", "cnn_004", model_args, settings, ("batch_size",), note)


def _pretrained_002(
    backbone: str, where: str, epochs: int, note: str, assumed: Sequence[str], **how: object
) -> System:
    assumed = (*assumed, *(() if "pooling" in how else ("pooling",)), *SILENT)
    return System(
        "002", where, backbone, {"train_from": "head"} | how, {"size": 224, "epochs": epochs}, assumed, note
    )


SMALL_OR_LARGE = "the report does not say whether it was Small or Large; two softmax units are one sigmoid here"
CNN_3_1 = "with valid padding, which all others have here, its third pooling has no pixels left"
MAP_001 = "ela001-90"  # its map |80 d - 30|; the quality of the second save is not stated
MAP_NOTE = "the report neither states the quality of the second save nor whether it resized before"
AS_TABLE_3 = "branches as its table has them, in the order of type 1: MobileNet sees the photograph"
AS_MOBILENET = {"optimizer": "sgd_momentum", "learning_rate": 1e-3}
AS_MODEL_1 = {"optimizer": "adam", "learning_rate": 1e-4}
SYSTEMS = {
    "CNN-1": _cnn_000((64,)),
    "CNN-2": _cnn_000((32, 64)),
    "CNN-3": _cnn_000((32, 32, 64)),
    "CNN-3.1": _cnn_000((32, 32, 64), CNN_3_1, kernel=6, pool=4, padding="same"),
    "CNN-4": _cnn_000((32, 64, 64)),
    "CNN-5": _cnn_000((128, 64, 64)),
    "simple_model": _very_simple("002", "page 2", (16,), size=224, epochs=3),
    "simple_model1": _very_simple("002", "page 2", (16, 32), size=224, epochs=3),
    "very simple CNN": _very_simple("003", "first attempt", (32,), size=128, epochs=10),
    "custom CNN": _custom_003(augmented=False),
    "custom CNN, augmented": _custom_003(augmented=True),
    "Model 1": System(
        "001",
        "section 3.8.1",
        "model_1",
        settings={"learning_rate": 1e-4} | SIX_FOLD | {"epochs": 30},
        assumed=("filters", "dense", "dropout"),
        note="its kernels and its padding are assumed, too",
    ),
    "CNN of 004": _cnn_004(),
    "CNN of 004, no BN": _cnn_004("to see what batch normalisation does", batch_norm=False),
    "CNN of 004, no dropout": _cnn_004("to see what dropout does", dropout=False),
    "CNN of 004, neither": _cnn_004("to see what both do", batch_norm=False, dropout=False),
    "DenseNet, grey": _densenet(color="grey"),
    "DenseNet, 256 px grey": _densenet(size=256, color="grey"),
    "DenseNet, RGB": _densenet(),
    "DenseNet, ImageNet": _densenet(weights="imagenet"),
    "DenseNet, ImageNet grey": _densenet(
        "the cell that the report lacks: pretrained, without colour", color="grey", weights="imagenet"
    ),
    "MobileNetV3 Small, 002": _pretrained_002("mobilenet_v3_small", "page 2", 5, SMALL_OR_LARGE, ("model",)),
    "MobileNetV3 Large, 002": _pretrained_002("mobilenet_v3_large", "page 2", 5, SMALL_OR_LARGE, ("model",)),
    "VGG16, 002": _pretrained_002(
        "vgg16",
        "page 3",
        3,
        "frozen in part; from which layer on it trained is assumed",
        ("train_from",),
        train_from="block5_conv1",
    ),
    "VGG19, 002": _pretrained_002(
        "vgg19",
        "page 1",
        10,
        "on Yonsei, at most about .60 on validation",
        ("train_from",),
        train_from="block5_conv1",
    ),
    "VGG19 with remedies, 002": _pretrained_002(
        "vgg19",
        "page 1",
        10,
        "what the report tried: max pooling, batch normalisation, dropout",
        ("train_from", "hidden", "dropout"),
        train_from="block5_conv1",
        pooling="max",
        hidden=(128,),
        batch_norm=True,
        dropout=0.5,
    ),
    "VGG16, 001": _pretrained_001(
        "vgg16",
        "section 3.8.2",
        ("train_from", "hidden", "dropout", "pooling"),
        train_from="head",
        hidden=(128,),
        dropout=0.5,
        optimizer="adam",
        learning_rate=1e-4,
    ),
    "ResNet50, 001": _pretrained_001(
        "resnet50",
        "section 3.8.3",
        ("train_from", "hidden", "pooling"),
        train_from=None,
        hidden=(128,),
        dropout=0.5,
    ),
    "MobileNet, 001": _pretrained_001("mobilenet", "section 3.8.4", ("train_from", "pooling"), train_from=None),
    "MobileNetV2, 001": _pretrained_001("mobilenet_v2", "reference 6", ("train_from", "pooling"), train_from=None),
    "VGG16, 003": _all_real_003("vgg16", 1.0, "which VGG is not stated"),
    "EfficientNetB4, 003": _all_real_003("efficientnetb4", 1.0, "as it should be fed, with 0 to 255"),
    "EfficientNetB4 rescaled twice, 003": _all_real_003(
        "efficientnetb4", 1 / 255, "fed with 0 to 1, which very likely explains the report's result"
    ),
    "Fusion 1, 001": _fusion_001(1, ("mobilenet", "resnet50"), "its epochs are assumed", **AS_MOBILENET),
    "Fusion 2, 001": _fusion_001(2, ("model_1", "model_1"), **AS_MODEL_1, epochs=30),
    "Fusion 2 at 0.001, 001": _fusion_001(2, ("model_1", "model_1"), 'the report: it "did not move"'),
    "Fusion 3, 001": _fusion_001(3, ("mobilenet", "model_1"), AS_TABLE_3, **AS_MODEL_1),
    "Fusion 3 as in the text, 001": _fusion_001(3, ("mobilenet", "resnet50"), **AS_MODEL_1),
    "Fusion 3, 30 epochs, 001": _fusion_001(3, ("mobilenet", "model_1"), AS_TABLE_3, **AS_MODEL_1, epochs=30),
}
SYSTEMS |= {
    f"{name}, ELA": _with_ela(name) for name in ("Model 1", "VGG16, 001", "ResNet50, 001", "MobileNet, 001")
}


def experiment(name: str, images: str, split: str, **changes: object) -> Experiment:
    """A system as an experiment on a set.

    Args:
        name: one of ``SYSTEMS``. images: the set. split: of its images.
        changes: other values of the experiment's fields, such as ``size=32`` for a smoke run.

    Raises:
        ValueError: an unknown name.
    """
    if name not in SYSTEMS:
        raise ValueError(f"there is no system {name!r}; choose one of {', '.join(SYSTEMS)}")
    system = SYSTEMS[name]
    return Experiment(
        **{"set": images, "split": split, "model": system.model, "model_args": system.model_args}
        | dict(system.settings)
        | changes
    )


def table(names: Sequence[str] | None = None) -> pd.DataFrame:
    """A row a system: report, where, what it is, and which of it is assumed."""
    rows = {}
    for name in names or SYSTEMS:
        asked, system = experiment(name, "-", "-"), SYSTEMS[name]
        rows[name] = {
            "report": system.report,
            "where": system.where,
            "model": system.model,
            "input": f"{asked.size} px {asked.color}",
            "training": f"{asked.optimizer} {asked.learning_rate:g}, {asked.epochs} epochs",
            "assumed": ", ".join(system.assumed),
            "note": system.note,
        }
    return pd.DataFrame.from_dict(rows, orient="index")
