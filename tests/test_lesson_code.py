"""What a lesson shows in a few lines and what it then imports are the same thing."""

import ast

import numpy as np
import pytest

from fakeface_utils import config
from fakeface_utils.evaluation import intervals
from fakeface_utils.lessons import checks


def functions_of(lesson: str, **names: object) -> dict:
    """The functions that a lesson's source defines, with ``names`` in their reach."""
    tree = ast.parse((config.project_root() / "notebooks" / "src" / f"{lesson}.py").read_text(encoding="utf-8"))
    tree.body = [node for node in tree.body if isinstance(node, ast.FunctionDef)]
    exec(compile(tree, lesson, "exec"), names)
    return names


def test_the_auc_by_pairs_is_the_packages():
    auc_by_pairs = functions_of("02_ffnn_baseline", np=np)["auc_by_pairs"]
    rng = np.random.default_rng(0)
    for n in (2, 7, 200):
        labels = np.arange(n) % 2
        scores = rng.integers(0, 5, n) / 4  # many ties
        assert auc_by_pairs(labels, scores) == pytest.approx(intervals.auc(labels, scores, n_resamples=2).value)


def test_the_network_of_the_lesson_is_the_kits():
    keras = pytest.importorskip("keras")
    from fakeface_utils import models

    feed_forward = functions_of("02_ffnn_baseline", keras=keras, layers=keras.layers)["feed_forward"]
    ours = models.build("ffnn", 16, "rgb", units=5)
    shown = feed_forward(16, 3, 5)
    shown.set_weights(ours.get_weights())
    images = np.random.default_rng(0).integers(0, 256, (4, 16, 16, 3)).astype(np.float32)
    np.testing.assert_allclose(shown.predict(images, verbose=0), ours.predict(images, verbose=0), rtol=1e-6)


def test_the_answers_to_the_exercises_are_what_the_package_measures():
    pytest.importorskip("keras")
    from fakeface_utils import models
    from fakeface_utils.evaluation import metrics

    count, one_answer = (checks.EXERCISES[number].reference for number in ("02.1", "02.3"))
    for side, color, channels, units in ((8, "rgb", 3, 3), (5, "grey", 1, 7)):
        assert count(side, channels, units) == models.build("ffnn", side, color, units=units).count_params()
    labels = np.r_[np.zeros(12), np.ones(8)].astype(int)
    for says_fake in (True, False):
        told = metrics.constant_predictor(labels, prior=float(says_fake), n_resamples=5)
        expected = tuple(told[name].value for name in ("accuracy", "AvgP", "AvgR"))
        assert one_answer(0.4, says_fake) == pytest.approx(expected)
