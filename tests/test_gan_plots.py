"""Figures of a generator's training: what is drawn is what was measured, and the animation holds the right images."""

from io import BytesIO

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_rgb
from PIL import Image, ImageSequence

from fakeface_utils.evaluation import gan_plots, plots
from fakeface_utils.evaluation.intervals import Estimate

COLUMNS = ("d_loss", "g_loss", "d_real", "d_generated")


@pytest.fixture(autouse=True)
def canvas():
    matplotlib.use("Agg")
    plots.use_style()
    yield
    plt.close("all")


def legend(axis):
    return [text.get_text() for text in axis.get_legend().get_texts()]


def look(line):
    return line.get_color(), str(line._dash_pattern)


@pytest.fixture
def history():
    """Two trainings of five epochs, the rows of both mixed."""
    rng = np.random.default_rng(0)
    table = pd.DataFrame(rng.uniform(0, 1, (10, 4)), columns=COLUMNS)
    table = table.assign(seed=np.repeat(["generator 7", "generator 3"], 5), epoch=[*range(1, 6)] * 2)
    return table.sample(frac=1, random_state=0).reset_index(drop=True)


# --- losses ----------------------------------------------------------------------------------------------------


def test_losses_draws_each_training_thin_and_their_mean_thick(history):
    figure = gan_plots.losses(history, title="two")
    loss, answer = figure.axes
    assert (loss.get_ylabel(), answer.get_ylabel()) == ("loss", "P(fake) of the discriminator")
    assert loss.get_xlabel() == answer.get_xlabel() == "epoch" and figure._suptitle.get_text() == "two"
    assert legend(loss) == ["discriminator", "generator"]
    assert legend(answer) == ["for reals: D(x)", "for generated: D(G(z))"]
    for axis, columns in ((loss, COLUMNS[:2]), (answer, COLUMNS[2:])):
        thick = [line for line in axis.lines if line.get_linewidth() >= 2]
        thin = [line for line in axis.lines if line.get_linewidth() < 1]
        assert len(thick) == 2 and len(thin) == 4 and look(thick[0]) != look(thick[1])
        for column, mean in zip(columns, thick, strict=True):
            runs = [part.sort_values("epoch")[column] for _, part in history.groupby("seed")]
            drawn = [line.get_ydata() for line in thin if line.get_color() == mean.get_color()]
            assert sorted(map(tuple, drawn)) == sorted(map(tuple, runs))
            assert mean.get_ydata() == pytest.approx(np.mean(runs, axis=0))
        assert all(list(line.get_xdata()) == [1, 2, 3, 4, 5] for line in axis.lines)
    low, high = answer.get_ylim()
    assert low < 0 and high > 1  # a P of 0 or 1 is drawn whole
    figure.canvas.draw()


def test_losses_of_one_training_has_no_thin_lines(history):
    one = history[history["seed"] == "generator 3"]
    for table in (one, one.drop(columns="seed")):
        loss, answer = gan_plots.losses(table).axes
        told = one.sort_values("epoch")
        drawn = [line.get_ydata() for line in (*loss.lines, *answer.lines)]
        assert drawn == [pytest.approx(told[column].to_numpy()) for column in COLUMNS]


# --- the same noise --------------------------------------------------------------------------------------------


def flat_grids(epochs, points, side):
    """Images of one colour each: red tells the epoch, green the point of noise, both from 0."""
    grids = np.zeros((epochs, points, side, side, 3), np.uint8)
    grids[..., 0] = 50 * np.arange(epochs)[:, None, None, None]
    grids[..., 1] = 25 * np.arange(points)[:, None, None]
    return grids


def test_film_strip_has_a_row_an_epoch_and_a_column_a_point():
    rng = np.random.default_rng(1)
    grids = rng.integers(0, 256, (6, 9, 4, 4, 3), dtype=np.uint8)
    figure = gan_plots.film_strip(grids, [1, 3, 6], shown=5, title="strip")
    assert [axis.get_ylabel() for axis in figure.axes] == ["1", "3", "6"]
    assert figure._supylabel.get_text() == "epoch" and figure._suptitle.get_text() == "strip"
    for axis, epoch in zip(figure.axes, (1, 3, 6), strict=True):
        drawn = axis.images[0].get_array()
        assert drawn.shape == (4, 20, 3)
        for point in range(5):
            np.testing.assert_array_equal(drawn[:, 4 * point : 4 * point + 4], grids[epoch - 1, point])
        assert not len(axis.get_xticks()) and not len(axis.get_yticks())
    few = gan_plots.film_strip(grids[:, :2], [2])  # fewer points than asked for
    assert few.axes[0].images[0].get_array().shape == (4, 8, 3)


def frames(content):
    """A GIF's images, each of which is shown for 150 ms."""
    image = Image.open(BytesIO(content))
    every = [(frame.info["duration"], frame.convert("RGB")) for frame in ImageSequence.Iterator(image)]
    assert {duration for duration, _ in every} == {150}
    return image, [np.asarray(picture).astype(int) for _, picture in every]


def test_the_animation_shows_every_epoch_once_in_tiles():
    grids = flat_grids(5, 8, 8)
    image, shown = frames(gan_plots.animation(grids, shown=6, columns=3, side=16))
    assert image.format == "GIF" and image.size == (48, 32) and len(shown) == 5
    assert "loop" not in image.info  # it plays once
    for epoch, frame in enumerate(shown):
        tiles = frame.reshape(2, 16, 3, 16, 3).swapaxes(1, 2).reshape(6, 16, 16, 3)
        for point, tile in enumerate(tiles):  # row by row
            assert np.abs(tile - grids[epoch, point, 0, 0]).max() <= 12, (epoch, point)  # a GIF has 256 colours


def test_the_animation_enlarges_pixels_and_blurs_nothing():
    grids = np.zeros((2, 1, 4, 4, 3), np.uint8)
    grids[0, 0, 0, 1], grids[1, 0, 2:] = 255, 255
    image, shown = frames(gan_plots.animation(grids, shown=1, columns=1, side=12))
    assert image.size == (12, 12)
    for frame, grid in zip(shown, grids[:, 0], strict=True):
        assert np.abs(frame - np.kron(grid, np.ones((3, 3, 1), int))).max() <= 12


def test_a_long_animation_is_thinned_evenly_from_first_to_last():
    grids = np.zeros((101, 2, 4, 4, 3), np.uint8)
    grids[...] = (2 * np.arange(101))[:, None, None, None, None]
    _, shown = frames(gan_plots.animation(grids, shown=2, columns=2, frames=6, side=4))
    assert [round(frame.mean() / 2) for frame in shown] == pytest.approx([0, 20, 40, 60, 80, 100], abs=1)


# --- shares and spectra ----------------------------------------------------------------------------------------


def stages(seeds):
    rows = [(f"generator {s}", e, s / 10 + e / 100, s / 10, s / 10 + 0.2) for s in range(seeds) for e in (10, 1, 5)]
    return pd.DataFrame(rows, columns=["seed", "epoch", "value", "low", "high"])


def test_by_epoch_draws_a_line_and_a_band_a_generator_beside_the_floors():
    floors = {"reals": Estimate(0.1, 0.05, 0.2, 9), "known fakes": Estimate(0.8, 0.7, 0.95, 9)}
    axis = gan_plots.by_epoch(stages(3), floors)
    assert legend(axis) == ["generator 0", "generator 1", "generator 2", "reals", "known fakes"]
    assert axis.get_xlabel() == "epoch of the generator"
    curves, levels = axis.lines[:3], axis.lines[3:]
    bands, areas = axis.collections, axis.patches
    assert len(bands) == 3 and len({look(line) for line in axis.lines}) == 5
    for seed, (line, band) in enumerate(zip(curves, bands, strict=True)):
        assert list(line.get_xdata()) == [1, 5, 10]
        assert line.get_ydata() == pytest.approx([seed / 10 + e / 100 for e in (1, 5, 10)])
        edges = band.get_paths()[0].vertices
        assert (edges[:, 0].min(), edges[:, 0].max()) == (1, 10)
        assert (edges[:, 1].min(), edges[:, 1].max()) == pytest.approx((seed / 10, seed / 10 + 0.2))
        assert to_rgb(band.get_facecolor()[0]) == to_rgb(line.get_color())
    for floor, line, area in zip(floors.values(), levels, areas, strict=True):
        assert list(line.get_ydata()) == [floor.value] * 2
        assert (area.get_y(), area.get_y() + area.get_height()) == pytest.approx((floor.low, floor.high))
    axis.figure.canvas.draw()


def test_by_epoch_leaves_out_no_generator_and_no_floor():
    floors = {f"floor {k}": Estimate(k / 10, k / 10 - 0.05, k / 10 + 0.05, 9) for k in range(3)}
    axis = gan_plots.by_epoch(stages(8), floors, axis=plt.subplots()[1])
    assert legend(axis) == [*(f"generator {k}" for k in range(8)), *floors]
    assert len({look(line) for line in axis.lines}) == 11


def test_spectra_draws_both_means_and_marks_the_grids():
    rng = np.random.default_rng(2)
    real, generated = rng.normal(5, 1, (7, 33)), rng.normal(4, 1, (9, 33))
    real[:, 0] = generated[:, 0] = 100  # the brightness, which would flatten all else
    axis = gan_plots.spectra(real, generated, {2: 32, 4: 16, 8: 8})
    assert legend(axis) == ["real, mean of 7", "fake, mean of 9"]
    assert (axis.get_xlabel(), axis.get_ylabel()) == ("cycles a picture", "mean log power")
    for line, curves, kind in zip(axis.lines[:2], (real, generated), ("real", "fake"), strict=True):
        assert list(line.get_xdata()) == list(range(1, 33)) and line.get_color() == plots.COLORS[kind]
        assert line.get_ydata() == pytest.approx(curves[:, 1:].mean(axis=0))
    assert [line.get_xdata()[0] for line in axis.lines[2:]] == [32, 16, 8]
    assert [(text.get_position()[0], text.get_text().strip()) for text in axis.texts] == [
        (32, "2 px"),
        (16, "4 px"),
        (8, "8 px"),
    ]
    axis.figure.canvas.draw()
    frame = axis.get_window_extent()
    for text in axis.texts:  # none hangs over the edge of the axes
        box = text.get_window_extent()
        assert frame.x0 - 1 <= box.x0 and box.x1 <= frame.x1 + 1 and box.y1 <= frame.y1 + 1
    other = plt.subplots()[1]
    assert gan_plots.spectra(real, generated, {}, axis=other) is other and not other.texts
