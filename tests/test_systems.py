"""The reports' networks by name: each can be built, and what is called assumed exists."""

import inspect
from dataclasses import fields, replace
from functools import partial

import pytest

keras = pytest.importorskip("keras")

from fakeface_utils.datasets import views  # noqa: E402
from fakeface_utils.models import MODELS, build  # noqa: E402
from fakeface_utils.models.transfer import BACKBONES  # noqa: E402
from fakeface_utils.training.experiment import Experiment  # noqa: E402
from fakeface_utils.training.fit import OPTIMIZERS  # noqa: E402
from fakeface_utils.training.systems import SYSTEMS, experiment, table  # noqa: E402

FIELDS = {field.name for field in fields(Experiment)}
SCRATCH = [name for name, system in SYSTEMS.items() if system.model not in BACKBONES]


def arguments_of(model: str) -> set[str]:
    """What a model's builder can be given beside the shape of its input."""
    builder = MODELS[model].builder
    given = set(builder.keywords) if isinstance(builder, partial) else set()
    return set(inspect.signature(builder).parameters) - given - {"input_shape"}


@pytest.mark.parametrize("name", SYSTEMS)
def test_every_system_is_an_experiment_with_arguments_that_exist(name):
    system, spec = SYSTEMS[name], experiment(name, "140k", "folder", seed=3)
    assert (spec.set, spec.split, spec.seed, spec.model) == ("140k", "folder", 3, system.model)
    assert set(dict(spec.model_args)) <= arguments_of(spec.model)
    assert set(system.settings) <= FIELDS - {"set", "split", "model", "model_args", "seed"}
    assert set(system.assumed) <= FIELDS | arguments_of(spec.model)
    assert len(set(system.assumed)) == len(system.assumed)
    assert system.report in ("000", "001", "002", "003", "004") and system.where
    assert spec.optimizer in OPTIMIZERS or keras.optimizers.get(spec.optimizer)
    hash(spec)


@pytest.mark.parametrize("name", SCRATCH)
def test_every_network_from_nothing_is_built_at_its_size(name):
    spec = experiment(name, "140k", "folder")
    unpretrained = {"weights": None} if "weights" in dict(spec.model_args) else {}
    model = build(spec.model, spec.size, spec.color, **dict(spec.model_args) | unpretrained)
    assert model.input_shape == (None, spec.size, spec.size, views.channels(spec.color))


@pytest.mark.parametrize("name", ["MobileNet, 001"])
def test_a_pretrained_one_is_built(name):
    spec = experiment(name, "yonsei", "yonsei-001-grouped", size=32)
    model = build(spec.model, spec.size, spec.color, **dict(spec.model_args) | {"weights": None})
    assert model.count_params() == 3_228_864 + 1025 and len(model.trainable_weights) > 50


@pytest.mark.parametrize("name", [name for name in SYSTEMS if dict(SYSTEMS[name].model_args).get("train_from")])
def test_layers_to_train_from_exist(name):
    spec = experiment(name, "140k", "folder")
    if dict(spec.model_args)["train_from"] == "head":
        return
    assert spec.model.startswith("vgg")  # cheap enough to be built
    model = build(spec.model, 32, spec.color, **dict(spec.model_args) | {"weights": None})
    convolutions = [layer for layer in model.layers if isinstance(layer, keras.layers.Conv2D)]
    first = next(layer.name for layer in convolutions if layer.trainable)
    assert first == "block5_conv1" and not convolutions[0].trainable


def test_what_reports_say_is_what_is_asked_for():
    """Facts of the reports' text, beside the code that has them."""
    one = {name: experiment(name, "-", "-") for name in SYSTEMS}
    assert {one[f"CNN-{k}"].color for k in (1, 2, 3, 4, 5)} == {"grey"} and one["CNN-1"].epochs == 10
    assert one["Model 1"].learning_rate == 1e-4 and one["Model 1"].epochs == 30
    for name in ("ResNet50, 001", "MobileNet, 001", "MobileNetV2, 001"):
        assert (one[name].optimizer, one[name].learning_rate) == ("sgd_momentum", 1e-3)
    for name in ("Model 1", "VGG16, 001", "ResNet50, 001", "MobileNet, 001"):
        assert one[name].augmentation == "six_fold" and one[name].color == "rgb"
        with_ela = one[f"{name}, ELA"]
        assert with_ela.color == "ela001-90" and "color" in SYSTEMS[f"{name}, ELA"].assumed
        assert replace(with_ela, color="rgb") == one[name]
    fusions = {name: spec for name, spec in one.items() if spec.model == "fusion"}
    for name, (branches, optimizer, rate, epochs) in {
        "Fusion 1, 001": (("mobilenet", "resnet50"), "sgd_momentum", 1e-3, 15),
        "Fusion 2, 001": (("model_1", "model_1"), "adam", 1e-4, 30),
        "Fusion 2 at 0.001, 001": (("model_1", "model_1"), "adam", 1e-3, 15),
        "Fusion 3, 001": (("mobilenet", "model_1"), "adam", 1e-4, 15),
        "Fusion 3 as in the text, 001": (("mobilenet", "resnet50"), "adam", 1e-4, 15),
        "Fusion 3, 30 epochs, 001": (("mobilenet", "model_1"), "adam", 1e-4, 30),
    }.items():
        spec = fusions.pop(name)
        assert (dict(spec.model_args)["branches"], spec.optimizer) == (branches, optimizer)
        assert (spec.learning_rate, spec.epochs, spec.augmentation) == (rate, epochs, "six_fold")
        assert spec.color == "rgb+ela001-90" and dict(spec.model_args).get("train_from") is None
    assert not fusions
    assert (one["simple_model"].size, one["simple_model"].epochs) == (224, 3)
    assert one["MobileNetV3 Small, 002"].epochs == 5
    assert (one["CNN of 004"].optimizer, one["CNN of 004"].learning_rate, one["CNN of 004"].epochs) == (
        "sgd",
        0.01,
        15,
    )
    assert dict(one["EfficientNetB4 rescaled twice, 003"].model_args)["scale"] == 1 / 255
    assert one["DenseNet, 256 px grey"].size == 256 and dict(one["DenseNet, RGB"].model_args)["weights"] is None
    assert dict(one["DenseNet, ImageNet"].model_args)["weights"] == "imagenet"
    assert (OPTIMIZERS["sgd_momentum"]().momentum, OPTIMIZERS["sgd_momentum"]().nesterov) == (0.9, False)


def test_changes_go_over_settings():
    small = experiment("simple_model", "testbed", "folder", size=32, epochs=1, seed=2)
    assert (small.size, small.epochs, small.seed, small.color) == (32, 1, 2, "rgb")
    assert experiment("simple_model", "testbed", "folder").size == 224
    assert len({experiment(name, "140k", "folder") for name in SYSTEMS}) == len(SYSTEMS)  # no two are the same


def test_the_table_has_a_row_each():
    rows = table()
    assert list(rows.index) == list(SYSTEMS)
    assert list(rows) == ["report", "where", "model", "input", "training", "assumed", "note"]
    two = table(["CNN of 004", "CNN-3.1"])
    assert list(two.index) == ["CNN of 004", "CNN-3.1"]
    assert (
        two.loc["CNN of 004", "training"] == "sgd 0.01, 15 epochs" and two.loc["CNN-3.1", "input"] == "128 px grey"
    )
    assert "padding" in two.loc["CNN-3.1", "assumed"] and "third pooling" in two.loc["CNN-3.1", "note"]


def test_an_unknown_name_is_refused():
    for ask in (lambda: experiment("CNN-6", "140k", "folder"), lambda: table(["CNN-6"])):
        with pytest.raises(ValueError, match="no system 'CNN-6'; choose one of CNN-1, CNN-2"):
            ask()
