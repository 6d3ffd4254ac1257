"""Can you spot it? Pairs of one real and one fake portrait, the answers to them, and what a class makes of them.

An answer is one letter per pair, ``L`` or ``R``: the side on which the player believes the fake to be. A player's
answers can be kept in a small file that says nothing of the player, and the files of a class be pooled.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import scipy.stats
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from fakeface_utils.datasets import pixels
from fakeface_utils.evaluation import intervals, plots
from fakeface_utils.evaluation.intervals import Estimate
from fakeface_utils.lessons.results import write_whole

SIDES = {"L": "left", "R": "right"}
PLAYER = re.compile("[0-9a-f]{16}")
COLUMNS = ["pair", "pair_set", "answer", "right"]  # of a file of answers
FEWEST_PLAYERS, FEW_PLAYERS = 5, 15  # fewer than 5 tell no spread; of fewer than 15, resampling is too narrow
SHOWN, GAP = 2.04, 0.14  # inches of a portrait and between two pairs; at 100 dots an inch it fits a page


def make_pairs(index: pd.DataFrame, n: int | None, seed: int = 0) -> pd.DataFrame:
    """``n`` pairs of one real and one fake image; no two images of the game share a photograph.

    Which images, and on which side the fake is, is drawn with the seed. Sides are coin flips, each for itself, so that
    whoever does not look is right half of the time, whatever the plan, and nobody can count on as many fakes left as
    right.

    Args:
        index: images with ``path``, ``name``, ``label`` and ``group``, in any number.
        n: how many pairs; None makes as many as there are images for.
        seed: the same seed and images give the same pairs on every machine.

    Returns:
        One row per pair, numbered from 1: the paths ``left`` and ``right``, ``left_name``, ``right_name``,
        ``left_group``, ``right_group``, and ``fake``, ``"L"`` or ``"R"``. Whoever prints it knows the answers.

    Raises:
        ValueError: n is not positive, or the index is too small for so many pairs.
    """
    rng = np.random.default_rng(seed)
    alone = index.iloc[rng.permutation(len(index))].drop_duplicates("group")
    real, fake = (alone[alone["label"] == label] for label in (0, 1))
    most = min(len(real), len(fake))
    n = most if n is None else n
    if n < 1:
        raise ValueError(f"a game needs at least one pair, not {n}")
    if n > most:
        raise ValueError(
            f"{n} pairs need {n} reals and {n} fakes that share no photograph, but there are {len(real)} and "
            f"{len(fake)}: ask for at most {most} pairs, or use more images"
        )
    side = np.where(rng.random(n) < 0.5, "L", "R")
    pairs = pd.DataFrame({"fake": side}, index=pd.RangeIndex(1, n + 1, name="pair"))
    for letter, name in SIDES.items():
        for target, column in ((name, "path"), (f"{name}_name", "name"), (f"{name}_group", "group")):
            pairs[target] = np.where(side == letter, fake[column].head(n), real[column].head(n))
    return pairs


def pair_set(pairs: pd.DataFrame) -> str:
    """A short hash of which images stand beside which, by which answers to the same pairs know each other."""
    rows = zip(pairs["left_name"], pairs["right_name"], pairs["fake"], strict=True)
    return hashlib.sha256("\n".join("\0".join(row) for row in rows).encode()).hexdigest()[:12]


def read_answers(text: str, n: int) -> str:
    """Answers as a learner types them, made tidy: ``"lr rl"`` -> ``"LRRL"``.

    Raises:
        ValueError: it is not one letter, L or R, for each of the n pairs; the text says what is wrong.
    """
    if not isinstance(text, str):
        raise ValueError(f"write the answers in quotation marks, such as answers = 'LRRL'; {text!r} is no text")
    tidy = "".join(text.split()).upper()
    for place, letter in enumerate(tidy, 1):
        if letter not in SIDES:
            raise ValueError(
                f"only L (left) and R (right) are answers, but letter {place} of {text!r} is {letter!r}"
            )
    if len(tidy) != n:
        what = f"{n - len(tidy)} missing" if len(tidy) < n else f"{len(tidy) - n} too many"
        raise ValueError(f"{n} pairs need {n} letters, one per pair; {text!r} has {len(tidy)}, that is {what}")
    return tidy


def which_right(pairs: pd.DataFrame, answers: str) -> np.ndarray:
    """Which pairs were answered rightly, (n,) of booleans.

    Raises:
        ValueError: as :func:`read_answers`.
    """
    return np.array(list(read_answers(answers, len(pairs)))) == pairs["fake"].to_numpy()


def show(pairs: pd.DataFrame, title: str = "") -> Figure:
    """All pairs, two in a row, each with its number; nothing tells which side is the fake."""
    return _draw(pairs, title)[0]


def reveal(pairs: pd.DataFrame, answers: str, title: str = "") -> Figure:
    """The same figure with every fake outlined, and above each pair whether its answer was right.

    Raises:
        ValueError: as :func:`read_answers`.
    """
    right = which_right(pairs, answers)
    figure, axes = _draw(pairs, title)
    for (left, right_axis), fake, hit in zip(axes, pairs["fake"], right, strict=True):
        told = f"{left.get_title(loc='left')}: {'right' if hit else 'wrong'}"
        left.set_title(told, loc="left", fontweight="bold" if hit else "normal")
        marked = left if fake == "L" else right_axis
        marked.set_xlabel(f"{marked.get_xlabel()}, the fake", fontweight="bold")
        marked.spines[:].set(visible=True, color=plots.COLORS["fake"], linewidth=5)
    return figure


def _draw(pairs: pd.DataFrame, title: str) -> tuple[Figure, list[tuple[Axes, Axes]]]:
    rows = -(-len(pairs) // 2)
    size = 4 * SHOWN + GAP, rows * (SHOWN + 0.42) + 0.4
    ratios = [1, 1, GAP / SHOWN, 1, 1]  # two portraits, a gap, two portraits
    figure, axes = plt.subplots(rows, 5, figsize=size, width_ratios=ratios, squeeze=False, layout="constrained")
    figure.get_layout_engine().set(w_pad=0.005, h_pad=0.06, wspace=0, hspace=0)
    figure.suptitle(title, fontweight="bold")
    for axis in axes.flat:
        axis.set(xticks=[], yticks=[])
        axis.spines[:].set_visible(False)
    drawn = []
    for place, (number, pair) in enumerate(pairs.iterrows()):
        row, column = divmod(place, 2)
        both = axes[row, 3 * column], axes[row, 3 * column + 1]
        for axis, (letter, side) in zip(both, SIDES.items(), strict=True):
            axis.imshow(pixels.read_image(pair[side]))
            axis.set_xlabel(letter)
        both[0].set_title(f"pair {number}", loc="left", fontweight="normal")
        drawn.append(both)
    return figure, drawn


def new_player(folder: str | Path) -> str:
    """A random name of 16 digits and letters that says nothing of who plays, kept as ``<folder>/.player``."""
    player = secrets.token_hex(8)
    path = Path(folder) / ".player"
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, player.encode())
    return player


def player_of(folder: str | Path) -> str:
    """Who plays here: the name that :func:`new_player` kept, or a new one, so that a restart makes no new player."""
    path = Path(folder) / ".player"
    kept = path.read_text(encoding="utf-8") if path.is_file() else ""
    return kept if PLAYER.fullmatch(kept) else new_player(folder)


def save_answers(pairs: pd.DataFrame, answers: str, folder: str | Path, player: str) -> Path:
    """Keep one player's answers as ``<folder>/<player>-<pair set>.csv``; an older file of that name is replaced.

    The file holds the number of each pair, the hash of the pairs, the answer and whether it was right: no name, no
    time and nothing of the machine. It goes nowhere by itself.

    Args:
        player: from :func:`player_of`; anything else is refused, so that no name gets in.

    Raises:
        ValueError: as :func:`read_answers`; another kind of player; or the player has given the same letters for
            other pairs, so that they are most likely left over from another game.
    """
    if not PLAYER.fullmatch(player):
        raise ValueError(f"a player is what game.player_of gives, not {player!r}: files of answers bear no names")
    right, letters = which_right(pairs, answers), list(read_answers(answers, len(pairs)))
    path = Path(folder) / f"{player}-{pair_set(pairs)}.csv"
    for other in sorted(set(path.parent.glob(f"{player}-*.csv")) - {path}):
        if re.findall(r",([LR]),[01]$", other.read_text(encoding="utf-8"), re.MULTILINE) == letters:
            raise ValueError(
                f"{answers!r} are the letters that you gave for another game, kept in {other}. This game has other "
                "pairs: look at them and answer again. If you do mean the same letters, delete that file"
            )
    table = pd.DataFrame({"pair": pairs.index, "pair_set": pair_set(pairs), "answer": letters})
    table["right"] = right.astype(int)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, table[COLUMNS].to_csv(index=False, lineterminator="\n").encode())
    return path


@dataclass(frozen=True)
class Pool:
    """What the answers of several players to the same pairs say together.

    Attributes:
        players: one row per player: ``right`` of ``pairs``.
        by_pair: one row per pair: the share ``value`` of players who were right, with Wilson's ``low`` and ``high``.
        share: of right answers among all, with its interval; None when nobody played.
        method: in words, what the interval rests on, and a warning where it is too narrow.
        alike: how many files hold the very answers of an earlier one: equals, or one player kept twice.
        skipped: files that were left out, ``file`` and ``why``.
    """

    players: pd.DataFrame
    by_pair: pd.DataFrame
    share: Estimate | None
    method: str
    alike: int
    skipped: pd.DataFrame


def pool(pairs: pd.DataFrame, folder: str | Path) -> Pool:
    """Pool all files of answers to these pairs in a folder and the folders in it; other files are listed as skipped.

    Of several files of one player, known by the random name at the start, the one with the shortest name counts.

    Raises:
        FileNotFoundError: there is no such folder.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise FileNotFoundError(f"{folder} is no folder: name the one that holds the files of answers")
    players, skipped = {}, []
    for path in sorted(folder.rglob("*.csv"), key=lambda path: (len(path.name), path)):
        name = path.relative_to(folder)
        player = PLAYER.match(path.name)[0] if PLAYER.match(path.name) else str(name.with_suffix(""))
        try:
            right = _read_file(path, pairs)
            if player in players:
                raise ValueError("is another file of a player who was counted already")
            players[player] = right
        except (OSError, ValueError) as error:
            skipped.append((str(name), str(error)))
    return _pooled(players, pairs.index, skipped)


def simulated_class(pairs: pd.DataFrame, skills: Sequence[float], seed: int = 0) -> Pool:
    """A made-up class: each player is right with the probability ``skills[k]`` (0 to 1) in every pair."""
    right = np.random.default_rng(seed).random((len(skills), len(pairs))) < np.reshape(skills, (-1, 1))
    return _pooled({f"simulated {k}": row for k, row in enumerate(right, 1)}, pairs.index, [])


def _read_file(path: Path, pairs: pd.DataFrame) -> np.ndarray:
    """Which answers of one file are right, (n,) of booleans. Raises ValueError with what is wrong with it."""
    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False)
    except ValueError as error:
        raise ValueError(f"is no table: {error}") from error
    if list(table.columns) != COLUMNS:
        hint = "; it was saved with semicolons, use commas" if ";" in str(table.columns[0]) else ""
        raise ValueError(f"has the columns {', '.join(table.columns)} instead of {', '.join(COLUMNS)}{hint}")
    if set(table["pair_set"]) != {pair_set(pairs)}:
        raise ValueError("holds answers to other pairs: another seed, number of pairs or image set")
    if table["pair"].tolist() != [str(number) for number in pairs.index]:
        raise ValueError(f"does not hold the pairs 1 to {len(pairs)}, each once and in order")
    right = which_right(pairs, "".join(table["answer"]))
    if table["right"].tolist() != [str(int(hit)) for hit in right]:
        raise ValueError("its column right does not fit its answers: it was edited")
    return right


def _pooled(players: dict[str, np.ndarray], numbers: pd.Index, skipped: list[tuple[str, str]]) -> Pool:
    right = np.array(list(players.values()), dtype=bool).reshape(len(players), len(numbers))
    table = pd.DataFrame(
        {"right": right.sum(axis=1), "pairs": len(numbers)}, index=pd.Index(players, name="player")
    )
    told = [intervals.wilson(int(hits), len(players)) for hits in right.sum(axis=0)] if players else []
    by_pair = pd.DataFrame([(one.value, one.low, one.high) for one in told], columns=["value", "low", "high"])
    by_pair.index = numbers[: len(by_pair)]
    share, method = _share(right)
    alike = len(right) - len(np.unique(right, axis=0)) if len(right) else 0
    return Pool(table, by_pair, share, method, alike, pd.DataFrame(skipped, columns=["file", "why"]))


def _share(right: np.ndarray) -> tuple[Estimate | None, str]:
    """The share of right answers, (players, pairs) of booleans, with an interval and what it rests on."""
    if not len(right):
        return None, "nobody has played these pairs yet"
    if len(right) >= FEWEST_PLAYERS and len(np.unique(right.sum(axis=1))) > 1:
        return (_by_t if len(right) < FEW_PLAYERS else _by_resampling)(right)
    share = intervals.wilson(int(right.sum()), right.size)
    if len(right) == 1:
        return share, "one player, Wilson"
    reason = "all equally good" if len(right) >= FEWEST_PLAYERS else f"fewer than {FEWEST_PLAYERS}"
    return share, f"{len(right)} players, {reason}: Wilson, as if answers were independent; probably too narrow"


def _by_t(right: np.ndarray) -> tuple[Estimate, str]:
    """Student's interval of the players' shares, within 0 and 1."""
    shares = right.mean(axis=1)
    half = scipy.stats.t.ppf(0.975, len(shares) - 1) * shares.std(ddof=1) / np.sqrt(len(shares))
    low, high = np.clip([shares.mean() - half, shares.mean() + half], 0, 1)
    return Estimate(float(shares.mean()), float(low), float(high), right.size), f"{len(right)} players, t interval"


def _by_resampling(right: np.ndarray) -> tuple[Estimate, str]:
    player = np.repeat(np.arange(len(right)), right.shape[1])
    hits = right.ravel().astype(float)
    share = intervals.bootstrap(
        lambda _, values: values.mean(),
        np.zeros(hits.size),  # all in one stratum: whole players are drawn
        hits,
        player,
        weighted=lambda _, values, counts: counts @ values / counts.sum(axis=1),
    )
    return share, f"{len(right)} players, resampled whole"
