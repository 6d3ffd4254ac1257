"""What lesson 00 shows in a few lines: its interval is the kit's, its machine has not learned from the game."""

import ast

import numpy as np
import pandas as pd
import pytest

from fakeface_utils import config
from fakeface_utils.datasets import layouts, pixels
from fakeface_utils.evaluation import intervals
from fakeface_utils.forensics import spectrum
from fakeface_utils.lessons import checks, game
from tests.conftest import make_140k
from tests.test_lesson_code import functions_of

LESSON = "00_start_here"


def assignments(*targets):
    """The lesson's own lines that give these names their values, as one piece of code."""
    tree = ast.parse((config.project_root() / "notebooks" / "src" / f"{LESSON}.py").read_text(encoding="utf-8"))
    tree.body = [
        node for node in tree.body if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) in targets
    ]
    assert len(tree.body) == len(targets)
    return compile(tree, LESSON, "exec")


def test_the_interval_by_trying_is_wilsons():
    by_trying = functions_of(LESSON, np=np)["interval_by_trying"]
    for pairs in (1, 2, 3, 7, 12, 48, 200):
        for right in range(pairs + 1):
            kits = intervals.wilson(right, pairs)
            assert by_trying(right, pairs) == pytest.approx((kits.low, kits.high), abs=1.2e-4)  # the grid is 1e-4


@pytest.mark.parametrize(("players", "pairs"), [(15, 12), (24, 12), (40, 5)])
def test_the_interval_of_a_class_is_the_kits(players, pairs):
    index = pd.DataFrame({"name": [f"{k}.jpg" for k in range(40)], "label": np.arange(40) % 2})
    index["path"], index["group"] = index["name"], np.arange(40)
    shown = game.simulated_class(game.make_pairs(index, pairs, 0), np.linspace(0.4, 0.9, players), 1)
    by_drawing = functions_of(LESSON, np=np)["interval_of_class"]
    found = by_drawing(shown.players["right"], pairs, np.random.default_rng(0))
    assert tuple(found) == pytest.approx((shown.share.low, shown.share.high), abs=1e-9)


def test_the_machine_learns_from_no_photograph_of_the_game_and_fresh_pairs_are_fresh():
    """Groups that lie across splits, as no split should have them: the lesson has to keep them apart itself."""
    rng = np.random.default_rng(0)
    n = 300
    index = pd.DataFrame({"name": [f"{k}.jpg" for k in range(n)], "label": np.arange(n) % 2})
    index["path"], index["split"] = index["name"], rng.choice(["train", "valid", "test"], n)
    index["group"] = rng.integers(0, 200, n)
    pairs = game.make_pairs(index[index["split"] == "test"], 12, 0)
    names = {"index": index, "pairs": pairs, "set": set}
    exec(assignments("train", "in_game", "learned", "fresh"), names)
    in_game = set(pairs["left_group"]) | set(pairs["right_group"])
    learned, fresh = names["learned"], names["fresh"]
    assert in_game & set(names["train"]["group"])  # or this test would show nothing
    assert not in_game & set(learned["group"]) and set(learned["split"]) == {"train"}
    assert not set(fresh["group"]) & (in_game | set(learned["group"]))
    kept_out = index[~index.index.isin(learned.index) & ~index.index.isin(fresh.index)]
    assert set(kept_out["group"]) <= in_game | set(learned["group"])  # and nothing else is thrown away


def test_the_machine_names_the_side_that_scores_higher(tmp_path):
    index = layouts.build_index(make_140k(tmp_path, per_class=4), "140k")
    pairs = game.make_pairs(index, 6, 0)
    names = functions_of(LESSON, np=np, pixels=pixels, spectrum=spectrum)
    seen = names["textures"](pairs["left"], 32)
    assert seen.shape == (6, 16)
    grey = pixels.read_image(pairs["left"].iloc[1], 32, color="grey")[..., 0]
    np.testing.assert_array_equal(seen[1], spectrum.radial_profile(grey))

    class Model:
        def decision_function(self, features):
            return features[:, -1]

    answers = names["machine_plays"](Model(), pairs, 32)
    right = names["textures"](pairs["right"], 32)
    assert answers == "".join("L" if a > b else "R" for a, b in zip(seen[:, -1], right[:, -1], strict=True))
    assert set(answers) == {"L", "R"}


@pytest.mark.parametrize("number", ["00.1", "00.2"])
def test_the_solved_exercises_pass_the_shown_and_the_hidden_cases(number):
    from math import comb

    solved = functions_of(LESSON, np=np, comb=comb)
    function = solved[{"00.1": "share_of_guessers", "00.2": "fake_is_one"}[number]]
    exercise = checks.EXERCISES[number]
    for one in (exercise, exercise.drawn(seed=5, n=100)):
        assert checks.examine(one, function).status == "passed"


def test_luck_is_what_many_guessers_have():
    luck = checks.EXERCISES["00.1"].reference
    guessed = (np.random.default_rng(0).random((200_000, 12)) < 0.5).sum(axis=1)
    for right in range(13):
        assert luck(right, 12) == pytest.approx((guessed >= right).mean(), abs=0.005)


@pytest.mark.parametrize("played", [True, False])
def test_nobody_who_has_not_answered_sees_the_fakes(played, monkeypatch):
    tree = ast.parse((config.project_root() / "notebooks" / "src" / f"{LESSON}.py").read_text(encoding="utf-8"))
    marking = [node for node in tree.body if "game.reveal" in ast.unparse(node)]
    revealed = []
    monkeypatch.setattr(game, "reveal", lambda *_: revealed.append("all"))
    names = {"game": game, "played": played, "pairs": None, "answers": "", "right": np.ones(12), "PAIRS": 12}
    exec(compile(ast.Module(marking, []), LESSON, "exec"), names | {"stamp": "drawn"})
    assert revealed == ["all"] * played
