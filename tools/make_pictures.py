"""Draws the README's pictures, from the testbed alone: python -m tools.make_pictures

Nobody is shown in them and nothing is fetched. They say what the kit does, never how well real fakes are detected.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy import stats

from fakeface_utils.datasets import layouts, pixels, testbed
from fakeface_utils.datasets.testbed import sample
from fakeface_utils.evaluation import audit, intervals, plots
from fakeface_utils.forensics import spectrum
from tools import drawings

ROOT = Path(__file__).parents[1]
FOLDER = Path("docs/pictures")
COMMAND = "python -m tools.make_pictures"
WIDTH, DPI, MOST_KB = 10, 100, 150  # inches; 1,000 pixels
NOT_EVIDENCE = "drawn portraits: not evidence"


def note(figure: Figure, text: str) -> None:
    """What a reader has to know of a picture, small, under it."""
    figure.supxlabel(text, fontsize=9, color="#555555")


def show(axis: Axes, image: np.ndarray, title: str, **how: object) -> None:
    axis.imshow(image, **how)
    axis.set_title(title, fontsize=10, fontweight="normal")
    axis.axis("off")


def real_and_fake(seed: int, size: int) -> tuple[np.ndarray, np.ndarray]:
    """One drawn person as a camera leaves it and as a generator does, uint8 (size, size, 3) each."""
    rng = np.random.default_rng(seed)
    linear = testbed.portrait(testbed.draw_attributes(rng), size)
    return testbed.photograph(linear, rng), testbed.generate(linear, rng)


def plain_fakes(folder: Path) -> pd.DataFrame:
    """The first fake of each difficulty in a sample of the Yonsei kind with nothing in front of the face."""
    truth = testbed.load_attributes(folder)
    clear = (truth[["glasses", "hat", "obstruction"]] == "none").all(axis=1)
    fakes = truth[(truth["label"] == 1) & clear & truth["parts"].isin(["1100", "0010", "0001"])]
    return fakes.groupby("kind").head(1).sort_values("kind")


def portraits() -> Figure:
    """Real and fake of either layout, side by side."""
    figure = plt.figure(figsize=(WIDTH, 4.75))
    whole, parts = figure.subfigures(2, 1)
    whole.suptitle("Made whole by a generator, as in the 140k set", fontsize=11, fontweight="bold")
    places = whole.subplots(1, 6)
    for number, seed in enumerate((13, 21, 4)):
        for axis, image, what in zip(
            places[2 * number :], real_and_fake(seed, 256), ("real", "fake"), strict=False
        ):
            show(axis, image, what)
    parts.suptitle("Parts replaced, as in the Yonsei set", fontsize=11, fontweight="bold")
    places = parts.subplots(1, 6)
    with tempfile.TemporaryDirectory() as folder:
        spec = testbed.SampleSpec("yonsei", 60, size=320)
        drawn = testbed.make_sample(Path(folder) / "yonsei", spec, workers=1)
        for number, fake in enumerate(plain_fakes(drawn).itertuples()):
            path = drawn / fake.path
            what = {"1100": "both eyes", "0010": "nose", "0001": "mouth"}[fake.parts]
            show(places[2 * number], pixels.read_image(drawn / "testbed/twins" / path.name, 256), "real")
            show(places[2 * number + 1], pixels.read_image(path, 256), f"fake: {what}")
            mask = testbed.read_mask(path, 256)
            places[2 * number + 1].contour(mask, levels=[127], colors="yellow", linewidths=1)
    note(parts, "Drawn by the kit, with the truth known (yellow: where it was changed). Nobody is shown.")
    return figure


def spectra() -> Figure:
    """What the eye misses: a photograph and a fake that look alike, and the mean spectra of many."""
    pairs = [real_and_fake(seed, 128) for seed in range(80)]
    means = [
        spectrum.mean_log_spectrum(image.mean(axis=2) for image in images) for images in zip(*pairs, strict=True)
    ]
    figure, axes = plt.subplots(1, 4, figsize=(WIDTH, 2.8))
    figure.get_layout_engine().set(wspace=0.1)
    figure.suptitle("Alike to the eye, not in their frequencies", fontsize=12, fontweight="bold")
    for axis, image, what in zip(axes, real_and_fake(27, 256), ("real", "fake"), strict=False):
        show(axis, image, what)
    scale = {"vmin": np.percentile(means[0], 1), "vmax": np.percentile(means[1], 99.9)}
    titles = ("mean spectrum, 80 reals", "80 fakes: traces of enlarging")
    for axis, values, what in zip(axes[2:], means, titles, strict=True):
        show(axis, values, what, cmap="gray", **scale)
    middle, rim = 64, 124  # zero frequency is in the middle, pixel by pixel alternation at the rim
    spots = [(middle, 3), (middle, rim), (3, middle), (rim, middle)]
    axes[3].scatter(
        *zip(*spots, strict=True), s=220, facecolors="none", edgecolors=plots.COLORS["fake"], linewidths=2
    )
    note(figure, f"The same 80 people, photographed and generated ({NOT_EVIDENCE})")
    return figure


def audited(truths: testbed.Truths) -> pd.DataFrame:
    """The shortcut audit of 400 drawn portraits with planted truths, one row a probe."""
    with tempfile.TemporaryDirectory() as folder:
        spec = testbed.SampleSpec("140k", 400, size=96, truths=truths)
        index = layouts.build_index(testbed.make_sample(Path(folder) / "140k", spec, workers=1))
        return audit.shortcut_audit(index).set_index("probe")


def shortcut_audit() -> Figure:
    """The audit finds what was planted, and nothing where nothing was."""
    figure, axes = plt.subplots(1, 2, figsize=(WIDTH, 4.1), sharey=True)
    planted = testbed.Truths(generator=False, tone_shift=16, fake_table=0.25)
    titles = ("Real and fake are drawn alike", "Fakes are lighter, every fourth\nhas another JPEG table")
    for axis, truths, title in zip(axes, (testbed.Truths(null=True), planted), titles, strict=True):
        plots.forest(audited(truths), control="permuted", axis=axis).get_legend().remove()
        axis.set(title=title, xlabel="AUC without judging a face", xlim=(0.3, 1.03))
    lines = dict(zip(*reversed(axes[0].get_legend_handles_labels()), strict=True))
    order = ("measured, 95 % interval", "chance", "labels permuted", "their range")
    figure.legend([lines[name] for name in order], order, loc="outside upper center", ncols=4, fontsize=9)
    note(figure, f"The shortcut audit of lesson 01 on two planted truths, 400 portraits each ({NOT_EVIDENCE})")
    return figure


def guessers(share: float) -> str:
    """How many of those who guess do as well, in words."""
    if share > 0.01:
        return f"{share:.0%}".replace("%", " %") + " of guessers do as well"
    return f"1 guesser in {1 / share:,.0f} does" if share > 1e-9 else "practically no guesser does"


def how_many() -> Figure:
    """What being right in two of three pairs is worth, by the number of pairs."""
    figure, axis = plt.subplots(figsize=(WIDTH, 3.6))
    games = (12, 120, 1200)
    found = [intervals.wilson(n * 2 // 3, n) for n in games]
    for row, n in zip((2, 1, 0), games, strict=True):
        right = np.arange(n + 1)
        chance = stats.binom.pmf(right, n, 0.5)
        axis.fill_between(
            right / n, row, row + 0.7 * chance / chance.max(), step="mid", color="#c8c8c8", linewidth=0
        )
        axis.text(0.995, row + 0.2, guessers(stats.binom.sf(n * 2 // 3 - 1, n, 0.5)), ha="right", fontsize=10)
    plots.forest(pd.DataFrame(map(vars, found), [f"{n:,} pairs" for n in games]), axis=axis)
    axis.get_legend().remove()
    axis.set(xlim=(0.2, 1), ylim=(-0.35, 2.85), xlabel="share of pairs in which you picked the fake")
    axis.set_title("Right in two of three pairs: skill, or luck?")
    note(
        figure, "Grey: what guessing gives. Black: your two thirds, with the 95 % interval. Computed, not measured."
    )
    return figure


PICTURES = {"portraits": portraits, "spectra": spectra, "audit": shortcut_audit, "how_many": how_many}


def drawings_of(root: Path) -> list[drawings.Drawing]:
    """The four pictures; the testbed's version stands for the portraits."""
    told = f"testbed {sample.VERSION}"
    return [
        drawings.Drawing(root / FOLDER / f"{name}.png", draw, (), told, DPI, MOST_KB)
        for name, draw in PICTURES.items()
    ]


def problems(root: Path) -> list[str]:
    """What is wrong with the pictures, a sentence each; nothing is drawn."""
    return drawings.problems(drawings_of(root), root / FOLDER, COMMAND)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog=COMMAND, description=__doc__)
    parser.add_argument("--check", action="store_true", help="draw nothing, only say which picture is out of date")
    parser.add_argument("--root", type=Path, default=ROOT, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if not options.check:
        for path in drawings.remake(drawings_of(options.root), options.root / FOLDER):
            print(f"drew {path}")
    wrong = problems(options.root)
    for problem in wrong:
        print(problem, file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
