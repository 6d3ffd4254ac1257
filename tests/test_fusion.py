"""Fusion: each branch sees its own three channels, and the joined features are kept like any others."""

import numpy as np
import pytest

keras = pytest.importorskip("keras")

from fakeface_utils import models  # noqa: E402
from fakeface_utils.datasets import augment, layouts  # noqa: E402
from fakeface_utils.evaluation import metrics  # noqa: E402
from fakeface_utils.models import fusion, transfer  # noqa: E402
from fakeface_utils.models.weights import WeightsError  # noqa: E402
from fakeface_utils.training import experiment, features  # noqa: E402
from tests.conftest import make_140k  # noqa: E402

RANDOM = {"branches": ("mobilenet", "mobilenet_v2"), "weights": None}


def images(n: int = 3, channels: int = 6) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (n, 32, 32, channels)).astype("float32")


def test_each_branch_sees_its_own_channels():
    net = fusion.fusion((32, 32, 6), **RANDOM)
    joined = keras.Model(net.input, net.get_layer(transfer.FEATURES).output)
    sizes = [net.get_layer(f"branch_{k}_{name}").output_shape[-1] for k, name in enumerate(RANDOM["branches"], 1)]
    before = joined.predict(images(), verbose=0)
    assert before.shape == (3, sum(sizes)) and net.output_shape == (None, 1)
    for part, moved in ((slice(0, 3), slice(None, sizes[0])), (slice(3, 6), slice(sizes[0], None))):
        changed = images()
        changed[..., part] = 255 - changed[..., part]
        differs = np.abs(joined.predict(changed, verbose=0) - before).max(axis=0) > 1e-6
        still = np.ones(sum(sizes), bool)
        still[moved] = False
        assert differs[moved].any() and not differs[still].any()


def test_a_branch_is_the_network_that_transfer_builds():
    net = fusion.fusion((32, 32, 6), branches=("mobilenet", "mobilenet"), weights=None)
    alone = transfer.transfer((32, 32, 3), "mobilenet", weights=None)
    alone.set_weights(net.get_layer("branch_2_mobilenet").get_weights() + alone.get_weights()[-2:])
    expected = keras.Model(alone.input, alone.get_layer(transfer.FEATURES).output).predict(
        images()[..., 3:], verbose=0
    )
    joined = keras.Model(net.input, net.get_layer(transfer.FEATURES).output).predict(images(), verbose=0)
    np.testing.assert_allclose(joined[:, expected.shape[1] :], expected, rtol=1e-5, atol=1e-6)


def test_frozen_branches_are_kept_and_trained_ones_are_not():
    net = fusion.fusion((32, 32, 6), **RANDOM, hidden=(8,), dropout=0.5)
    trunk, head = features.split(net)
    both = head.predict(trunk.predict(images(), verbose=0), verbose=0)
    np.testing.assert_allclose(both, net.predict(images(), verbose=0), atol=1e-6)
    assert len(net.trainable_weights) == 4  # the hidden layer and the last
    assert features.split(fusion.fusion((32, 32, 6), **RANDOM, train_from=None)) is None
    mixed = fusion.fusion((96, 96, 6), branches=("mobilenet", "model_1"), weights=None)
    assert features.split(mixed) is None  # a branch without pretrained weights is always trained
    assert {w.path.split("/")[0] for w in mixed.trainable_weights} and len(mixed.trainable_weights) > 4


def test_batch_normalisation_of_frozen_branches_stays_as_it_is():
    net = fusion.fusion((32, 32, 6), **RANDOM)
    before = [w.numpy() for w in net.non_trainable_weights]
    net.compile("sgd", "binary_crossentropy")
    net.fit(images(), np.array([0, 1, 0]), verbose=0)
    assert all(np.array_equal(a, w.numpy()) for a, w in zip(before, net.non_trainable_weights, strict=True))


@pytest.mark.parametrize(
    "shape, arguments, message",
    [
        ((32, 32, 3), {}, "2 branches see 6 channels"),
        ((32, 32, 9), {}, "the images have 9"),
        ((32, 32, 6), {"branches": ("mobilenet", "lenet")}, "no branch 'lenet'"),
        (
            (32, 32, 6),
            {**RANDOM, "weights": "some.h5"},
            "some.h5 holds the weights of one network, the branches are",
        ),
        ((16, 16, 6), {}, "at least 32 pixels"),
    ],
)
def test_what_cannot_be_built_is_refused(shape, arguments, message):
    with pytest.raises(ValueError, match=message):
        fusion.fusion(shape, **{"weights": None} | arguments)


def test_weights_of_all_branches_are_looked_for(tmp_path, monkeypatch):
    monkeypatch.setattr(transfer, "weights_file", lambda name, weights: tmp_path / name if weights else None)
    for name in ("mobilenet", "resnet50"):
        (tmp_path / name).write_bytes(name.encode())
    one, two = models.weights_digest("mobilenet"), models.weights_digest("resnet50")
    assert models.weights_digest("fusion", branches=("mobilenet", "resnet50")) == f"{one} {two}"
    assert models.weights_digest("fusion") == f"{one} {one}"
    assert models.weights_digest("fusion", branches=("mobilenet", "model_1")) == one
    assert models.weights_digest("fusion", branches=("model_1", "model_1")) is None
    assert models.weights_digest("fusion", weights=None) is None


def test_missing_weights_stop_before_training(monkeypatch, tmp_path):
    monkeypatch.setenv("FAKEFACE_WEIGHTS_DIR", str(tmp_path))
    monkeypatch.setattr(
        "fakeface_utils.models.weights.obtain", lambda name: (_ for _ in ()).throw(WeightsError(f"no {name}"))
    )
    with pytest.raises(WeightsError, match="no mobilenet"):
        models.build("fusion", 32)


def test_an_experiment_on_two_views_runs_with_copies_and_on_kept_features(tmp_path):
    index = layouts.build_index(make_140k(tmp_path / "set", per_class=4)).assign(set="drawn")
    index["group"] = np.arange(len(index))
    how = {"size": 32, "color": "rgb+ela-90", "epochs": 1, "batch_size": 4, "augmentation": "six_fold"}
    asked = experiment.Experiment("drawn", "folder", "fusion", RANDOM, **how)
    options = {"measure": metrics.judge, "store": tmp_path / "runs", "cache_dir": tmp_path / "cache", "verbose": 0}
    record = experiment.run(asked, index, **options)
    assert record.values["on_kept_features"] and len(record.predictions()) == 16
    other = experiment.Experiment("drawn", "folder", "fusion", RANDOM, **how | {"color": "rgb+ela-80"})
    assert experiment.run(other, index, **options).folder != record.folder


def test_copies_change_all_views_of_an_image_alike():
    pair = np.random.default_rng(1).integers(0, 256, (2, 8, 8, 3)).astype("float32")
    both = np.asarray(augment.six_fold(np.concatenate([pair, pair], axis=-1), 3))
    np.testing.assert_array_equal(both[..., :3], both[..., 3:])
    np.testing.assert_array_equal(both[..., :3], np.asarray(augment.six_fold(pair, 3)))


def test_copies_need_views_of_three_channels():
    for color in ("grey", "rgb+grey"):
        with pytest.raises(ValueError, match="needs color='rgb'"):
            experiment.Experiment("drawn", "folder", "fusion", color=color, augmentation="six_fold")
    with pytest.raises(ValueError, match="no view 'hsv'"):
        experiment.Experiment("drawn", "folder", "fusion", color="hsv")
