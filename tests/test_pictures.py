"""Committed pictures: drawn by the kit from what is there now, small, of drawn portraits alone."""

import importlib.util
import itertools
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from PIL import Image

from fakeface_utils.datasets.testbed import sample
from fakeface_utils.evaluation import plots
from tools import drawings, make_pictures

ROOT = Path(__file__).parents[1]
CODE = '''
"""A module of ours."""
from dataclasses import dataclass
from functools import cache, partial
import matplotlib.pyplot as plt
from fakeface_utils.datasets import testbed
LOOK = {"color": "red"}
UNUSED = 1

def line(axis):
    axis.plot([0, 1], **LOOK)

def other():
    return 2

def in_dict():
    return 3

def in_list():
    return 4

def in_instance():
    return 5

def in_partial(x):
    return x + 6

@cache
def cached():
    return deeper() + 7

def deeper():
    return 8

@dataclass(frozen=True)
class Probe:
    run: object
    width: int = 9

    def __call__(self):
        return self.run() * 10

class Plain:
    def __call__(self):
        return 11

class Other:
    def method(self):
        return 12

PROBES = {
    "dict": in_dict, "listed": [in_list, {"instance": Probe(in_instance)}], "plain": Plain(),
    "partial": partial(in_partial, 13), "lambda": lambda: 14,
    "method": Other().method, "second": lambda x: 17, "set": {15},
}
ALONE = Probe(width=16, run=len)

def draw(*inputs):
    """Draw."""
    figure, axis = plt.subplots(figsize=(2, 1))  # small
    testbed.draw_attributes
    line(axis)
    cached(), PROBES, ALONE
    return figure
'''
numbers = itertools.count()


@pytest.fixture
def module(tmp_path):
    """Text of a module -> the module, as one of tools."""
    made = []

    def load(text):
        name = f"tools.made_for_a_test_{next(numbers)}"
        path = tmp_path / f"{name}.py"
        path.write_text(text)
        spec = importlib.util.spec_from_file_location(name, path)
        sys.modules[name] = importlib.util.module_from_spec(spec)
        made.append(name)
        spec.loader.exec_module(sys.modules[name])
        sys.modules[name].__spec__.name = "tools.same"  # the name is part of the signature
        return sys.modules[name]

    yield load
    for name in made:
        del sys.modules[name]


@pytest.fixture
def drawing(module, tmp_path):
    return drawings.Drawing(tmp_path / "pictures" / "one.png", module(CODE).draw, (), "a record")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("figsize=(2, 1)", "figsize=(2, 2)"),
        ("[0, 1]", "[1, 0]"),  # in a function that it calls
        ('"red"', '"blue"'),  # in a constant that this one names
        ("return 3", "return 0"),  # in functions that a constant holds
        ("return 4", "return 0"),
        ("return 5", "return 0"),
        ("x + 6", "x"),
        ("+ 7", "+ 0"),  # below a decorator
        ("return 8", "return 0"),
        ("@cache", "@partial"),
        ("= 9", "= 0"),
        ("* 10", "* 0"),  # in the classes of objects that a constant holds
        ("return 11", "return 0"),
        ("return 12", "return 0"),
        (", 13)", ", 0)"),
        ("lambda: 14", "lambda: 0"),
        ("lambda x: 17", "lambda x: 0"),
        ("{15}", "{0}"),
        ("width=16", "width=0"),
        ('"plain"', '"simple"'),
    ],
)
def test_changed_code_changes_the_signature(module, drawing, old, new):
    assert CODE.count(old) == 1
    assert replace(drawing, draw=module(CODE.replace(old, new)).draw).signature != drawing.signature


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("# small", "# tiny"),
        ('"""Draw."""', '"""Draw two\n    lines."""'),
        ("def other", "\n\ndef unheard_of"),
        ("UNUSED = 1", "UNUSED = 2"),
        ("def in_dict():", "# moved\n\n\ndef in_dict():"),  # a lambda is not known by its line
    ],
)
def test_words_and_other_code_do_not(module, drawing, old, new):
    assert replace(drawing, draw=module(CODE.replace(old, new)).draw).signature == drawing.signature


def test_inputs_and_resolution_change_the_signature(drawing):
    others = [replace(drawing, told="another record"), replace(drawing, dpi=50), drawing]
    assert len({other.signature for other in others}) == 3


def test_reach_goes_through_modules_and_stops_at_the_testbed():
    found = set(drawings.reached(make_pictures.shortcut_audit))
    assert {"tools.make_pictures.audited", "fakeface_utils.evaluation.audit.permute_labels"} <= found
    assert "fakeface_utils.evaluation.plots.forest" in found and "tools.make_pictures.how_many" not in found
    assert not any("testbed" in name for name in found)
    assert "fakeface_utils.evaluation.plots.MODELS" in drawings.reached(plots.by_epoch)
    assert "fakeface_utils.forensics.shortcuts.border_ring" in found, "held by an object in the table of probes"


def test_a_changed_probe_makes_the_picture_stale(module, drawing):
    drawings.write(drawing)
    newer = replace(drawing, draw=module(CODE.replace("return 5", "return 0")).draw)
    assert wrong(drawing) == [] and "is stale" in wrong(newer)[0]


def test_no_constant_is_told_by_its_place_in_memory():
    assert not [text for text in drawings.reached(make_pictures.shortcut_audit).values() if " at 0x" in text]


def wrong(drawing):
    return drawings.problems([drawing], drawing.path.parent, "make it")


def test_a_picture_is_missing_then_right_then_stale(drawing):
    assert wrong(drawing) == ["pictures/one.png is missing; run `make it`"]
    assert drawings.remake([drawing], drawing.path.parent) == [drawing.path]
    assert wrong(drawing) == [] and drawings.remake([drawing], drawing.path.parent) == []
    assert [path.name for path in drawing.path.parent.iterdir()] == ["one.png"]
    with Image.open(drawing.path) as image:
        assert image.size == (220, 110)
    newer = replace(drawing, told="another record")
    assert wrong(newer) == ["pictures/one.png is stale or was not drawn by the kit; run `make it`"]
    assert drawings.remake([newer], drawing.path.parent) == [drawing.path] and wrong(newer) == []


@pytest.mark.parametrize(
    "save", [lambda path: Image.new("RGB", (9, 9)).save(path), lambda path: path.write_text("x")]
)
def test_a_picture_made_elsewhere_is_named(drawing, save):
    drawings.write(drawing)
    save(drawing.path)
    assert "was not drawn by the kit" in wrong(drawing)[0]


def test_a_large_picture_is_named(drawing):
    drawings.write(drawing)
    assert wrong(replace(drawing, most_kb=0)) == [
        f"pictures/one.png has {drawing.path.stat().st_size / 1000:.0f} kB, more than 0; draw less, or smaller"
    ]


def test_what_belongs_to_nothing_is_named_and_only_ours_is_removed(drawing):
    folder = drawing.path.parent
    for name in ("one.png", "old.png"):
        drawings.write(replace(drawing, path=folder / name))
    (folder / "face.png").write_bytes(b"a photograph")
    assert [line.split()[0] for line in wrong(drawing)] == ["pictures/face.png", "pictures/old.png"]
    assert drawings.remake([drawing], folder) == []
    assert wrong(drawing) == ["pictures/face.png belongs to nothing; remove it, or run `make it`"]


def test_a_broken_drawing_leaves_the_older_picture(drawing):
    drawings.write(drawing)
    before = drawing.path.read_bytes()
    with pytest.raises(TypeError):
        drawings.write(replace(drawing, draw=len, inputs=(1,)))
    assert drawing.path.read_bytes() == before and len(list(drawing.path.parent.iterdir())) == 1


def test_drawing_leaves_the_style_as_it_was(drawing):
    with matplotlib.rc_context({"axes.titlesize": 31}):
        drawings.write(drawing)
        assert matplotlib.rcParams["axes.titlesize"] == 31


def test_the_committed_pictures_are_those_of_the_kit():
    assert make_pictures.problems(ROOT) == []
    for drawing in make_pictures.drawings_of(ROOT):
        with Image.open(drawing.path) as image:
            assert image.width == 1000
    assert len(make_pictures.PICTURES) == 4


def test_a_signature_is_the_same_when_the_module_is_run():
    """Under python -m it is called __main__."""
    done = subprocess.run([sys.executable, "-m", "tools.make_pictures", "--check"], cwd=ROOT, capture_output=True)
    assert (done.returncode, done.stderr) == (0, b"")


def test_another_testbed_makes_every_picture_stale(monkeypatch):
    monkeypatch.setattr(sample, "VERSION", sample.VERSION + 1)
    assert [line.split(" ", 2)[1] for line in make_pictures.problems(ROOT)] == ["is"] * 4


def coarse(path: Path) -> np.ndarray:
    """What is left of a picture from afar, (12, 40) grey levels."""
    with Image.open(path) as image:
        return np.asarray(image.convert("L").resize((40, 12), Image.Resampling.BOX), float)


def test_the_committed_faces_are_those_of_the_testbed(tmp_path, monkeypatch):
    """Drawn again where there are no data at all; a signature alone could be copied onto another picture."""
    monkeypatch.setenv("FAKEFACE_DATA", str(tmp_path / "none"))
    there = {path.name: coarse(path) for path in (ROOT / make_pictures.FOLDER).iterdir()}
    for drawing in make_pictures.drawings_of(tmp_path)[:2]:  # the others are charts, and take long
        drawings.write(drawing)
        again = coarse(drawing.path)
        apart = {name: np.abs(again - shown).mean() for name, shown in there.items()}
        assert apart.pop(drawing.path.name) < 4 < 20 < min(apart.values())


def test_the_check_draws_nothing_and_names_the_command(tmp_path, capsys):
    assert make_pictures.main(["--root", str(tmp_path), "--check"]) == 1
    assert capsys.readouterr().err.count("is missing; run `python -m tools.make_pictures`") == 4
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("share", "told"),
    [
        (0.194, "19 % of guessers do as well"),
        (1 / 6053, "1 guesser in 6,053 does"),
        (1e-31, "practically no guesser"),
    ],
)
def test_guessers_in_words(share, told):
    assert make_pictures.guessers(share).startswith(told)


def test_a_forests_intervals_lie_above_the_range_of_the_control():
    table = pd.DataFrame(
        {"value": [0.6], "low": [0.5], "high": [0.7], "c": [0.5], "c_low": [0.4], "c_high": [0.65]}
    )
    axis = plots.forest(table, control="c", axis=plt.subplots()[1])
    (bars,) = [container.lines[2] for container in axis.containers]
    (control,) = [found for found in axis.collections if found.get_label() == "their range"]
    assert control.get_zorder() < min(bar.get_zorder() for bar in bars)
    plt.close("all")
