"""What a lesson shows in a few lines and what it then imports are the same thing."""

import ast
import io
from dataclasses import replace
from io import BytesIO

import numpy as np
import pytest
from PIL import Image
from scipy.fft import dctn, idctn
from scipy.stats import binom

from fakeface_utils import config
from fakeface_utils.datasets.resave import error_level
from fakeface_utils.evaluation import intervals
from fakeface_utils.forensics import ela
from fakeface_utils.lessons import checks
from fakeface_utils.lessons.exercises.lesson_05 import STEPS, halfway


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


def test_the_convolution_and_the_pooling_of_the_lesson_are_keras():
    keras = pytest.importorskip("keras")
    shown = functions_of("03_cnn_tuning", np=np)
    rng = np.random.default_rng(0)
    for height, width, channels, n, side in ((7, 6, 1, 2, 3), (9, 5, 3, 4, 2), (4, 4, 2, 1, 4)):
        image = rng.normal(size=(height, width, channels)).astype(np.float32)
        layer = keras.layers.Conv2D(n, side, bias_initializer="random_normal")
        theirs = layer(image[None]).numpy()[0]
        np.testing.assert_allclose(shown["convolve"](image, *layer.get_weights()), theirs, atol=1e-5)
        pooled = keras.layers.MaxPooling2D(2)(theirs[None]).numpy()[0] if min(theirs.shape[:2]) > 1 else None
        if pooled is not None:
            np.testing.assert_array_equal(shown["pool"](theirs, 2), pooled)


def test_the_cnn_of_the_lesson_is_the_kits():
    keras = pytest.importorskip("keras")
    from fakeface_utils import models

    cnn = functions_of("03_cnn_tuning", keras=keras, layers=keras.layers)["cnn"]
    ours = models.build("cnn", 24, "rgb", filters=(3, 5), kernel=4, pool=2)
    shown = cnn(24, 3, (3, 5), kernel=4, pooling=2)
    shown.set_weights(ours.get_weights())
    images = np.random.default_rng(0).integers(0, 256, (4, 24, 24, 3)).astype(np.float32)
    np.testing.assert_allclose(shown.predict(images, verbose=0), ours.predict(images, verbose=0), rtol=1e-6)


def test_the_answers_of_lesson_03_are_what_the_package_computes():
    pytest.importorskip("keras")
    from fakeface_utils import models
    from fakeface_utils.evaluation import reported

    count, dead, z = (checks.EXERCISES[number].reference for number in ("03.1", "03.2", "03.3"))
    for size, color, filters, kernel, pool in ((30, "rgb", (3, 5), 3, 2), (41, "grey", (2, 4, 3), 5, 2)):
        model = models.build("cnn", size, color, filters=filters, kernel=kernel, pool=pool, dense=(7,))
        assert count(size, 3 if color == "rgb" else 1, filters, kernel, pool, 7) == model.count_params()
    for size, kernel, pool in ((32, 3, 2), (32, 5, 4), (17, 6, 2), (9, 3, 2)):
        number = dead(size, [kernel] * 3, [pool] * 3)
        try:
            models.build("cnn", size, "grey", filters=(1, 1, 1), kernel=kernel, pool=pool)
            assert number == 0
        except ValueError as error:
            assert f" {number} needs" in str(error)
    assert z(0.9, 0.88, 0.006, 0.01, 0.5) == pytest.approx(reported.z_of_difference(0.9, 0.88, 0.006, 0.01, 0.5))


@pytest.mark.parametrize("quality", [98, 95, 90, 85, 80, 75, 60, 50, 40, 30, 20, 10, 5])
def test_a_flat_image_comes_back_as_exercise_05_2_says(quality):
    predicted, sure = checks.EXERCISES["05.2"].reference, 0
    for grey in range(256):
        file = BytesIO()
        Image.new("RGB", (16, 16), (grey, grey, grey)).save(file, "JPEG", quality=quality)
        saved = Image.open(file)
        step, back = saved.quantization[0][0], np.unique(saved)
        assert step in STEPS and len(back) == 1
        if not halfway(grey, step):
            assert predicted(grey, step)[0] == back[0], (grey, step)
            sure += 1
    assert sure > 100


def test_halfway_is_what_no_rounding_is_named_for():
    assert halfway(129, 16) and halfway(133, 80)  # half a step; 8 * 5 is half of 80
    assert halfway(129, 12)  # 12 is kept, that is 1.5 grey levels
    assert not any(halfway(grey, 8) for grey in range(256)) and not halfway(130, 16)


def test_the_grids_of_exercise_05_3_are_found_by_the_package_too():
    exercise = checks.EXERCISES["05.3"]
    for (grey,) in (*exercise.cases, *exercise.drawn(0, 100).cases):
        assert ela.grid_offset(grey) == exercise.reference(grey)


@pytest.mark.parametrize("quality", [95, 75, 50, 20])
def test_the_save_of_a_block_in_lesson_05_is_pillows(quality):
    """But for Pillow's whole numbers: now and then they round a wave whose amount lies halfway to the other side."""
    names = functions_of("05_ela_and_fusion", np=np, Image=Image, io=io, dctn=dctn, idctn=idctn)
    table, rng, gaps = names["table_of"](quality), np.random.default_rng(quality), []
    for _ in range(60):
        slope = rng.normal(0, 8, (2, 8)).cumsum(axis=1)
        block = np.clip(128 + slope[0][:, None] + slope[1] + rng.normal(0, 6, (8, 8)), 0, 255).round()
        file = BytesIO()
        Image.fromarray(block.astype(np.uint8)).save(file, "JPEG", quality=quality)
        gaps.append(np.abs(names["save_block"](block, table) - np.asarray(Image.open(file), float)).max())
    assert np.mean(np.array(gaps) <= 1) > 0.7 and max(gaps) <= 5


def test_ela_in_ten_lines_is_the_packages():
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (40, 56, 3), dtype=np.uint8)
    second_save = functions_of("05_ela_and_fusion", np=np, Image=Image, io=io)["second_save"]
    for quality in (40, 90):
        np.testing.assert_array_equal(second_save(pixels, quality), error_level(pixels, quality))


def test_the_taps_of_exercise_06_1_are_those_of_keras():
    keras = pytest.importorskip("keras")
    taps = checks.EXERCISES["06.1"].reference
    for length, kernel, stride in ((4, 4, 2), (4, 5, 2), (1, 3, 2), (5, 3, 1), (3, 7, 3), (3, 2, 3)):
        layer = keras.layers.Conv1DTranspose(1, kernel, stride, use_bias=False, kernel_initializer="ones")
        theirs = keras.ops.convert_to_numpy(layer(np.ones((1, length, 1), np.float32))).ravel()
        ours = np.array(taps(length, kernel, stride))
        np.testing.assert_array_equal(theirs[: len(ours)], ours)
        assert not theirs[len(ours) :].any()  # where the stride leaves gaps, Keras adds the last one as well


@pytest.mark.parametrize("share", [0.0, 0.04, 0.3, 0.5, 0.9, 1.0])
def test_the_chances_of_exercise_06_3_are_the_binomial_distributions(share):
    one_picture = checks.EXERCISES["06.3"].reference
    for pictures in (1, 2, 7):
        chance, needed = one_picture(share, pictures)
        assert chance == pytest.approx(binom.sf(0, pictures, share))
    if share == 0:
        assert needed is None
    else:
        assert binom.sf(0, needed, share) >= 0.95 and binom.sf(0, needed - 1, share) < 0.95


def test_one_step_of_lesson_06_is_the_packages():
    keras, tf = pytest.importorskip("keras"), pytest.importorskip("tensorflow")
    from fakeface_utils.models import dcgan
    from fakeface_utils.training.device import building

    recipe = replace(dcgan.RECIPES["laptop_64"], size=16, maps=(8, 4), latent=5)
    with building(0, "float32"):
        pairs = [(dcgan.generator(recipe), dcgan.discriminator(recipe)) for _ in range(2)]
    (ours_g, ours_d), (g, d) = pairs
    for network, same in zip(*pairs, strict=True):
        same.set_weights(network.get_weights())
    adam = lambda: keras.optimizers.Adam(1e-2, beta_1=0.5)  # noqa: E731
    ours = dcgan.DCGAN(ours_d, ours_g, dcgan.two_batches, seed=4)
    ours.compile(adam(), adam(), keras.losses.BinaryCrossentropy())
    one_step = functions_of("06_dcgan", np=np, keras=keras, ops=keras.ops, tf=tf)["one_step"]
    before, rules, draws = g.get_weights() + d.get_weights(), [adam(), adam()], keras.random.SeedGenerator(4)
    for seed in range(3):  # the second step has momentum, and means of batch normalisation
        real = np.random.default_rng(seed).integers(0, 256, (6, 16, 16, 3)).astype(np.float32)
        noise = keras.random.normal((6, 5), seed=draws)
        for _ in range(2):  # noise on two kinds of labels, which is 0 and drawn all the same
            keras.random.uniform((6, 1), seed=draws)
        more_noise = keras.random.normal((6, 5), seed=draws)
        losses = one_step(g, d, rules, real, noise, more_noise)
        ours.reset_metrics()
        told = ours.train_step(real)
        assert losses == pytest.approx((float(told["d_loss"]), float(told["g_loss"])), rel=1e-5)
    after = g.get_weights() + d.get_weights()
    for old, new, theirs in zip(before, after, ours_g.get_weights() + ours_d.get_weights(), strict=True):
        np.testing.assert_allclose(new, theirs, rtol=1e-4, atol=1e-5)
        assert np.abs(new - old).max() > 1e-4


@pytest.mark.parametrize(("number", "name"), [("06.1", "taps"), ("06.2", "kernel_distance"), ("06.3", "show_one")])
def test_the_solutions_of_lesson_06_are_the_references(number, name):
    answer, exercise = functions_of("06_dcgan", np=np)[name], checks.EXERCISES[number]
    for cases in (exercise, exercise.drawn(1, 300)):
        outcome = checks.examine(cases, answer)
        assert outcome.status == "passed", outcome.text
