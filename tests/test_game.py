"""The game: fair pairs, right scores, files that say nothing of the player, a class pooled player by player."""

import getpass
import platform
import re

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import scipy.stats

from fakeface_utils.datasets import layouts, pixels
from fakeface_utils.evaluation import intervals
from fakeface_utils.lessons import game
from tests.conftest import make_140k

N = 12
PLAYER = "0123456789abcdef"


def make_index(per_class=20, shared=()):
    """An index without files: reals and fakes, each a group of its own but for the rows in ``shared``."""
    names = [f"real/{k}.jpg" for k in range(per_class)] + [f"fake/{k}.jpg" for k in range(per_class)]
    index = pd.DataFrame({"name": names, "path": [f"/here/{name}" for name in names]})
    index["label"] = np.repeat([0, 1], per_class)
    index["group"] = np.arange(2 * per_class)
    for rows in shared:
        index.loc[list(rows), "group"] = rows[0]
    return index


@pytest.fixture
def pairs():
    return game.make_pairs(make_index(), N, seed=3)


@pytest.fixture
def on_disk(tmp_path):
    index = layouts.build_index(make_140k(tmp_path / "set", per_class=5), "140k")
    return game.make_pairs(index[index["split"] == "test"], 3, seed=1)


@pytest.fixture(autouse=True)
def no_figures_left():
    yield
    plt.close("all")


def all_wrong(pairs):
    return "".join({"L": "R", "R": "L"}[side] for side in pairs["fake"])


def all_right(pairs):
    return "".join(pairs["fake"])


def test_a_pair_is_a_real_and_a_fake_on_the_side_it_says(pairs):
    assert pairs.index.tolist() == list(range(1, N + 1))
    for _, pair in pairs.iterrows():
        kinds = pair["left_name"].split("/")[0], pair["right_name"].split("/")[0]
        assert kinds == {"L": ("fake", "real"), "R": ("real", "fake")}[pair["fake"]]
        for side in ("left", "right"):
            assert pair[side] == f"/here/{pair[f'{side}_name']}"


def test_the_seed_decides():
    index = make_index()
    assert game.make_pairs(index, N, 0).equals(game.make_pairs(index, N, 0))
    assert not game.make_pairs(index, N, 0).equals(game.make_pairs(index, N, 1))


def test_sides_are_coin_flips():
    left = np.array([(game.make_pairs(make_index(), N, seed)["fake"] == "L").sum() for seed in range(300)])
    assert abs(left.mean() / N - 0.5) < 0.03  # 3 600 coins: more than three standard errors
    assert abs(left.var() - N / 4) < 1  # neither always six on the left, nor all on one side


def test_each_place_in_the_game_may_have_either_side():
    sides = np.array([game.make_pairs(make_index(), N, seed)["fake"] == "L" for seed in range(300)])
    assert np.abs(sides.mean(axis=0) - 0.5).max() < 0.15


def test_nothing_in_a_game_shares_a_photograph():
    # A group of three reals, one of two fakes, and one with an image of each class.
    index = make_index(8, shared=[(0, 1, 2), (8, 9), (3, 10)])
    for seed in range(20):
        pairs = game.make_pairs(index, 5, seed)
        of_game = pd.concat([pairs["left_group"], pairs["right_group"]])
        assert of_game.is_unique
        group = index.set_index("name")["group"]
        for side in ("left", "right"):
            assert (group[pairs[f"{side}_name"]].to_numpy() == pairs[f"{side}_group"]).all()


def test_as_many_pairs_as_there_are_and_no_more():
    index = make_index(8).iloc[:13]  # 8 reals, 5 fakes
    assert len(game.make_pairs(index, None)) == 5
    with pytest.raises(ValueError, match=r"6 pairs need 6 reals and 6 fakes.*8 and 5.*at most 5 pairs"):
        game.make_pairs(index, 6)
    with pytest.raises(ValueError, match="at least one pair, not 0"):
        game.make_pairs(index, 0)
    with pytest.raises(ValueError, match="at least one pair, not 0"):
        game.make_pairs(index.iloc[:8], None)


@pytest.mark.parametrize(("typed", "n"), [("lr rl", 4), ("LRRL", 4), (" L\nr", 2), ("l", 1)])
def test_answers_are_made_tidy(typed, n):
    assert game.read_answers(typed, n) == typed.upper().replace(" ", "").replace("\n", "")


@pytest.mark.parametrize(
    ("typed", "says"),
    [
        ("LRL", "4 pairs need 4 letters.*has 3, that is 1 missing"),
        ("LRLRLR", "has 6, that is 2 too many"),
        ("", "has 0, that is 4 missing"),
        ("LRXL", "letter 3 .*'X'"),
        ("L,RL", "letter 2 .*','"),
        (None, "quotation marks"),
        (["L", "R", "L", "R"], "quotation marks"),
    ],
)
def test_what_is_wrong_with_answers_is_said(typed, says):
    with pytest.raises(ValueError, match=says):
        game.read_answers(typed, 4)


def test_scores_against_looking_every_image_up(pairs):
    label = make_index().set_index("name")["label"]
    rng = np.random.default_rng(0)
    for _ in range(20):
        answers = "".join(rng.choice(["L", "R"], N))
        by_hand = []
        for (_, pair), letter in zip(pairs.iterrows(), answers, strict=True):
            accused = pair["left_name"] if letter == "L" else pair["right_name"]
            by_hand.append(label[accused] == 1)
        assert game.which_right(pairs, answers.lower()).tolist() == by_hand


def test_always_left_scores_the_fakes_on_the_left(pairs):
    assert game.which_right(pairs, "L" * N).sum() == (pairs["fake"] == "L").sum()
    assert game.which_right(pairs, all_right(pairs)).all() and not game.which_right(pairs, all_wrong(pairs)).any()


def test_a_pair_set_is_known_on_another_machine_and_by_its_sides(pairs):
    elsewhere = pairs.assign(left="/there" + pairs["left"], right="/there" + pairs["right"])
    assert game.pair_set(elsewhere) == game.pair_set(pairs)
    moved = pairs.rename(columns={"left_name": "right_name", "right_name": "left_name"})
    others = [moved, pairs.iloc[::-1], pairs.head(5), pairs.assign(fake=list(all_wrong(pairs)))]
    assert len({game.pair_set(one) for one in [pairs, *others]}) == 5


def portraits(figure):
    return [axis for axis in figure.axes if axis.images]


def test_the_figure_shows_the_pairs_large_and_tells_nothing(on_disk):
    figure = game.show(on_disk, "who?")
    figure.canvas.draw()
    axes = portraits(figure)
    paths = [pair[side] for _, pair in on_disk.iterrows() for side in ("left", "right")]
    for axis, path in zip(axes, paths, strict=True):
        assert np.array_equal(axis.images[0].get_array(), pixels.read_image(path))
        assert min(axis.get_window_extent().size) >= 200  # pixels at the course's 100 dots an inch
        assert not any(spine.get_visible() for spine in axis.spines.values())
    assert figure.dpi == 100
    words = [text.get_text() for axis in figure.axes for text in axis.findobj(plt.Text)]
    assert {word for word in words if word} == {"L", "R", "pair 1", "pair 2", "pair 3"}


def test_the_reveal_outlines_the_fakes_and_judges_the_answers(on_disk):
    answers = all_right(on_disk)[:2] + all_wrong(on_disk)[2]
    axes = portraits(game.reveal(on_disk, answers))
    outlined = [axis.spines["left"].get_visible() for axis in axes]
    assert outlined == [side == letter for side in on_disk["fake"] for letter in "LR"]
    assert [axis.get_xlabel() for axis in axes] == [
        f"{letter}, the fake" if side == letter else letter for side in on_disk["fake"] for letter in "LR"
    ]
    titles = [axis.get_title(loc="left") for axis in axes[::2]]
    assert titles == ["pair 1: right", "pair 2: right", "pair 3: wrong"]
    with pytest.raises(ValueError, match="3 letters"):
        game.reveal(on_disk, "L")


def test_an_odd_number_of_pairs_fills_the_grid_from_the_left(on_disk):
    assert len(portraits(game.show(on_disk))) == 6 and len(portraits(game.show(on_disk.head(1)))) == 2


def test_a_file_of_answers_holds_these_columns_and_nothing_else(pairs, tmp_path):
    answers = "L" * N
    path = game.save_answers(pairs, answers, tmp_path / "new" / "game", PLAYER)
    assert path == tmp_path / "new" / "game" / f"{PLAYER}-{game.pair_set(pairs)}.csv"
    text = path.read_text(encoding="utf-8")
    right = game.which_right(pairs, answers).astype(int)
    rows = [f"{k},{game.pair_set(pairs)},L,{right[k - 1]}" for k in range(1, N + 1)]
    assert text == "\n".join(["pair,pair_set,answer,right", *rows, ""])
    for word in (getpass.getuser(), platform.node(), str(tmp_path), PLAYER):
        assert word not in text
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_players_are_random_and_bear_no_name(pairs, tmp_path):
    names = {game.new_player(tmp_path / "who") for _ in range(50)}
    assert len(names) == 50 and all(re.fullmatch("[0-9a-f]{16}", name) for name in names)
    for name in ("ann", "", "../0123456789abcd", PLAYER.upper(), PLAYER + "0"):
        with pytest.raises(ValueError, match="bear no names"):
            game.save_answers(pairs, "L" * N, tmp_path / "game", name)
    assert not (tmp_path / "game").exists()


def test_a_restart_is_the_same_player_until_somebody_takes_a_new_name(tmp_path):
    folder = tmp_path / "new" / "game"
    first = game.player_of(folder)
    assert game.player_of(folder) == first and game.player_of(tmp_path) != first
    second = game.new_player(folder)
    assert second != first and game.player_of(folder) == second
    assert [path.name for path in folder.iterdir()] == [".player"]
    (folder / ".player").write_text("ann")
    assert re.fullmatch("[0-9a-f]{16}", game.player_of(folder))


def test_another_game_leaves_the_answers_to_the_first_alone(pairs, tmp_path):
    other = game.make_pairs(make_index(), N, seed=4)
    first = game.save_answers(pairs, all_right(pairs), tmp_path, PLAYER)
    before = first.read_text()
    second = game.save_answers(other, all_right(other), tmp_path, PLAYER)
    assert second != first and first.read_text() == before
    for dealt in (pairs, other):
        assert game.pool(dealt, tmp_path).players["right"].tolist() == [N]


def test_letters_left_over_from_another_game_are_refused(pairs, tmp_path):
    other, letters = game.make_pairs(make_index(), N, seed=4), "LRRLLRLRRRLL"
    first = game.save_answers(pairs, letters, tmp_path, PLAYER)
    with pytest.raises(ValueError, match=f"for another game, kept in .*{first.name}.*answer again"):
        game.save_answers(other, letters.lower(), tmp_path, PLAYER)
    assert list(tmp_path.iterdir()) == [first]
    game.save_answers(pairs, letters, tmp_path, PLAYER)  # the same game again is fine
    game.save_answers(other, letters, tmp_path, "f" * 16)  # and so is another player
    game.save_answers(other, letters[::-1], tmp_path, PLAYER)  # and so are other letters


def test_a_player_who_saves_again_is_one_player(pairs, tmp_path):
    game.save_answers(pairs, "L" * N, tmp_path, PLAYER)
    game.save_answers(pairs, all_right(pairs), tmp_path, PLAYER)
    assert game.pool(pairs, tmp_path).players["right"].tolist() == [N]


def test_a_file_is_written_whole_or_not_at_all(pairs, tmp_path, full_disk):
    kept = game.save_answers(pairs, "L" * N, tmp_path, PLAYER)
    before = kept.read_text()
    full_disk()
    with pytest.raises(OSError, match="no space"):
        game.save_answers(pairs, "R" * N, tmp_path, PLAYER)
    assert list(tmp_path.iterdir()) == [kept] and kept.read_text() == before


def save_class(pairs, folder, rights):
    """One file per row of ``rights`` (players, pairs)."""
    truth = pairs["fake"].to_numpy()
    for player, row in enumerate(rights):
        answers = "".join(np.where(row, truth, np.where(truth == "L", "R", "L")))
        game.save_answers(pairs, answers, folder, f"{player:016x}")


def test_a_class_is_pooled(pairs, tmp_path):
    rights = np.random.default_rng(0).random((17, N)) < 0.7
    save_class(pairs, tmp_path, rights)
    pool = game.pool(pairs, tmp_path)
    assert sorted(pool.players["right"]) == sorted(rights.sum(axis=1)) and set(pool.players["pairs"]) == {N}
    assert set(pool.players.index) == {path.stem[:16] for path in tmp_path.iterdir()}
    assert pool.share.value == pytest.approx(rights.mean()) and pool.share.n == rights.size
    assert pool.by_pair.index.tolist() == list(range(1, N + 1))
    np.testing.assert_allclose(pool.by_pair["value"], rights.mean(axis=0))
    first = intervals.wilson(int(rights[:, 0].sum()), 17)
    assert pool.by_pair.loc[1, ["low", "high"]].tolist() == [first.low, first.high]
    assert pool.method == "17 players, resampled whole" and pool.skipped.empty


def test_the_interval_of_a_class_knows_that_answers_of_one_player_belong_together(pairs, tmp_path):
    rights = np.repeat([[True], [False]], 10, axis=0) & np.ones(N, dtype=bool)  # ten know it all, ten nothing
    rights[0, 0] = False
    save_class(pairs, tmp_path, rights)
    share = game.pool(pairs, tmp_path).share
    naive = intervals.wilson(int(rights.sum()), rights.size)
    assert share.high - share.low > 2.5 * (naive.high - naive.low)
    # Twenty draws of players by brute force: means of twenty, the outer 2.5 % cut off.
    means = np.random.default_rng(1).choice(rights.mean(axis=1), (20_000, 20)).mean(axis=1)
    assert (share.low, share.high) == pytest.approx(np.percentile(means, [2.5, 97.5]), abs=0.02)


@pytest.mark.parametrize(
    ("players", "says"),
    [
        (1, "one player, Wilson"),
        (4, "4 players, fewer than 5: Wilson, .* too narrow"),
        (5, "5 players, t interval"),
        (9, "9 players, t interval"),
    ],
)
def test_few_players_are_told_what_their_interval_rests_on(pairs, tmp_path, players, says):
    rights = np.tril(np.ones((N, N), dtype=bool))[3 : 3 + players]  # 4, 5, 6 ... right
    save_class(pairs, tmp_path, rights)
    pool = game.pool(pairs, tmp_path)
    assert re.fullmatch(says, pool.method)
    if players < 5:
        assert pool.share == intervals.wilson(int(rights.sum()), rights.size)


@pytest.mark.parametrize("players", [5, 10, 14])
def test_the_interval_of_a_small_class_is_students(pairs, players):
    shares = game.simulated_class(pairs, np.linspace(0.4, 0.8, players), 1).players["right"] / N
    share = game.simulated_class(pairs, np.linspace(0.4, 0.8, players), 1).share
    by_test = scipy.stats.ttest_1samp(shares, 0.5).confidence_interval(0.95)
    assert (share.low, share.high) == pytest.approx((by_test.low, by_test.high)) and share.n == players * N
    assert share.value == pytest.approx(shares.mean())


def test_the_interval_of_a_small_class_ends_where_shares_do(pairs):
    share = game.simulated_class(pairs, [0, 0, 0, 1, 1, 1, 1, 1], 1).share
    assert 0 < share.low < share.value < share.high == 1


def test_the_interval_holds_the_truth_whatever_the_number_of_players(pairs):
    """Players of two skills, drawn by a coin: an interval of few that were resampled would hold it in 86 of 100."""
    rng = np.random.default_rng(0)
    for players in (6, 15, 24):
        classes = [game.simulated_class(pairs, rng.choice([0.5, 0.9], players), k).share for k in range(300)]
        assert np.mean([share.low <= 0.7 <= share.high for share in classes]) > 0.9


def test_files_with_the_same_answers_are_counted(pairs, tmp_path):
    rights = np.random.default_rng(0).random((4, N)) < 0.5
    save_class(pairs, tmp_path, rights[[0, 1, 1, 2, 1, 0]])
    pool = game.pool(pairs, tmp_path)
    assert pool.alike == 3 and len(pool.players) == 6  # said, not dropped: two players may well agree


def test_a_class_of_equals_is_not_certain(pairs, tmp_path):
    save_class(pairs, tmp_path, np.ones((6, N), dtype=bool))
    pool = game.pool(pairs, tmp_path)
    assert pool.share.low < 1 and "all equally good" in pool.method


def test_nobody_has_played(pairs, tmp_path):
    pool = game.pool(pairs, tmp_path)
    assert pool.share is None and "nobody" in pool.method and pool.alike == 0
    assert len(pool.players) == len(pool.by_pair) == len(pool.skipped) == 0


def test_a_mistyped_folder_is_no_empty_class(pairs, tmp_path):
    (tmp_path / "file").touch()
    for wrong in ("clas", "file"):
        with pytest.raises(FileNotFoundError, match=f"{wrong} is no folder"):
            game.pool(pairs, tmp_path / wrong)


def test_a_folder_for_each_student_is_pooled_and_a_copy_is_no_player(pairs, tmp_path):
    one = game.save_answers(pairs, "L" * N, tmp_path / "17", "a" * 16)
    game.save_answers(pairs, "R" * N, tmp_path / "18", "b" * 16)
    copy = tmp_path / "17" / f"{one.stem} (1).csv"
    copy.write_bytes(one.read_bytes())
    for student in ("19", "20"):  # named by a person: known by the folder
        (tmp_path / student).mkdir()
        (tmp_path / student / "answers.csv").write_bytes(one.read_bytes())
    pool = game.pool(pairs, str(tmp_path))
    assert len(pool.players) == 4 and {"a" * 16, "b" * 16} < set(pool.players.index)
    assert pool.skipped["file"].tolist() == [str(copy.relative_to(tmp_path))]
    assert "counted already" in pool.skipped["why"].item()


def test_the_first_of_two_files_counts_and_a_broken_copy_is_in_nobodys_way(pairs, tmp_path):
    right = game.save_answers(pairs, all_right(pairs), tmp_path, PLAYER)
    other = game.save_answers(pairs, "L" * N, tmp_path / "x", PLAYER)
    other.rename(tmp_path / f"{right.stem} (1).csv")
    assert game.pool(pairs, tmp_path).players["right"].tolist() == [N]
    right.write_text("broken")
    assert game.pool(pairs, tmp_path).players["right"].tolist() == [(pairs["fake"] == "L").sum()]


def spoil(good, broken, old, new):
    broken.write_text(good.read_text().replace(old, new), encoding="utf-8")


def test_what_is_no_file_of_answers_is_listed_and_stops_nothing(pairs, tmp_path):
    good = game.save_answers(pairs, "L" * N, tmp_path, PLAYER)
    last = good.read_text().splitlines()[-1]
    flipped = last[:-1] + ("0" if last[-1] == "1" else "1")
    other = game.make_pairs(make_index(), N, seed=4)
    (tmp_path / "empty.csv").touch()
    (tmp_path / "binary.csv").write_bytes(bytes(range(256)))
    (tmp_path / "table.csv").write_text("a,b\n1,2\n")
    (tmp_path / "head.csv").write_text("pair,pair_set,answer,right\n")
    (tmp_path / "folder.csv").mkdir()
    game.save_answers(other, "L" * N, tmp_path, "f" * 16).rename(tmp_path / "other.csv")
    spoil(good, tmp_path / "short.csv", last + "\n", "")
    spoil(good, tmp_path / "twice.csv", last, f"{last}\n{last}")
    spoil(good, tmp_path / "excel.csv", ",", ";")
    spoil(good, tmp_path / "letter.csv", last, last.replace("L", "X"))
    spoil(good, tmp_path / "edited.csv", last, flipped)
    (tmp_path / "note.txt").write_text("is no CSV and not looked at")
    pool = game.pool(pairs, tmp_path)
    assert pool.players.index.tolist() == [PLAYER]
    why = pool.skipped.set_index("file")["why"]
    broken = {path.name for path in tmp_path.glob("*.csv")} - {good.name}
    assert set(why.index) == broken and why.map(len).min() > 10
    for name, word in {
        "empty": "no table",
        "table": "columns a, b instead of",
        "excel": "semicolons, use commas",
        "other": "other pairs",
        "short": "1 to 12",
        "twice": "1 to 12",
        "letter": "'X'",
        "edited": "does not fit",
    }.items():
        assert word in why[f"{name}.csv"]


def test_a_simulated_class_has_the_skills_it_is_given(pairs):
    one, two, other = (game.simulated_class(pairs, [0.5] * 25, seed) for seed in (0, 0, 1))
    assert one.players.equals(two.players) and not one.players.equals(other.players)
    assert all(name.startswith("simulated") for name in one.players.index) and len(one.players) == 25
    assert game.simulated_class(pairs, [1.0, 0.0, 1.0]).players["right"].tolist() == [N, 0, N]
    skills = np.repeat([0.5, 0.9], 500)
    shares = game.simulated_class(pairs, skills).players["right"].to_numpy().reshape(2, 500).mean(axis=1) / N
    assert shares == pytest.approx([0.5, 0.9], abs=0.03)
