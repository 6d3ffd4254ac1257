# %% [markdown]
# # Can you spot a fake face, and how sure can you be of that?
#
# {{badges}}
#
# ## What you will do
#
# You find out whether your machine is ready for the course. Then you play a game: twelve pairs of portraits, one real
# and one fake, and you say which is which. What is your score worth? To answer that, you meet the first statistics of
# this course.
#
# ### What you will learn
#
# - to say what a guesser would score
# - to put an interval around a share, and to tell what it says and what it does not
# - to pool the answers of a class without counting one person twelve times
# - to judge a machine by the same rule as yourself, on images it has not learned from
#
# ### What you will need
#
# A browser, and curiosity. You can follow the code if you have seen a Python function and a NumPy array before. No
# account, no GPU, no network, no statistics.

# %% [markdown]
# ## What this course is
#
# Five student reports describe detectors of fake faces. This course rebuilds what they describe, from a plain network
# to a webcam, and checks which of their claims hold:
#
# - report 000, *Detecting Fake Human Face Images*: plain networks, convolutional ones, and where the best one errs
# - report 001, *Classification of Real and Fake Human Faces Using Deep Learning*: JPEG's traces, and whether they help
# - report 002, *Classification of Artificially Generated Faces Using Transfer Learning*: networks trained elsewhere
# - report 003, *Fake Faces Detection Project*: small networks on photoshopped faces, and what they look at
# - report 004, *Fake or real: machines can fool humans*: a detector, a generator of its own, and a webcam
#
# **Three ways to use it.** *Read*: `make course` runs every lesson and writes pages for your browser. *Jupyter*: copy
# the folder `notebooks` and work in the copy. *Colab*: click the badge above; the first cells there set things up. The
# [README](../README.md) has the commands.
#
# **How a lesson works.** First you write down what you expect. Then come questions, each with a figure or a table,
# and a reading of what to see in it. At the end there are exercises of three levels: *fill in* a function, which a
# check then tries; *change* something and *explain* what happened; and an *open* one, for which there is no single
# answer. An exercise that you leave open does not stop the lesson.
#
# **The images.** Two sets of photographs from Kaggle, if you have them: one with faces that a network made, one with
# photoshopped faces. If you have neither, the lessons draw portraits of their own, with known fakes among them. What is
# measured on drawings is stamped *testbed: not evidence*: it shows that the code works, and says nothing about faces.
#
# **Responsible use.** No score proves that a picture is fake, so never accuse a person because of one. The photographs
# show people who did not ask to be in a course, so do not publish them, and clear a notebook's outputs before you hand
# it on. A detector that works in a lesson will fail on the next generator, so say where you tested it.

# %% [markdown]
# ## Set-up
#
# The next cell loads what this lesson uses. **Is your machine ready?** `OK` is fine, a `FAIL` will stop some
# lesson and says what to do, a `NOTE` only tells you that the course goes another way here.

# %%
import time
from math import comb

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from IPython.display import display
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from fakeface_utils import config
from fakeface_utils.datasets import groups, layouts, pixels
from fakeface_utils.evaluation import intervals, plots
from fakeface_utils.forensics import spectrum
from fakeface_utils.lessons import checks, game, machine, quiz, results, setup

plots.use_style()
started = time.time()
print(machine.lines(machine.check_machine()))

# %% [markdown]
# **How long will it take?** Every lesson runs in one of four profiles. The first table says what they are, and the
# second how long each lesson took where somebody measured it.

# %%
notebooks = config.project_root() / "notebooks"
lessons = sorted(path.stem for path in notebooks.glob("[0-9][0-9]_*.ipynb"))
times = pd.DataFrame([results.minutes(name)["time"] for name in lessons], lessons)
display(pd.Series(config.PROFILES, name="what it is").to_frame(), times)

# %% [markdown]
# ## Parameters
#
# Change a value here, then run everything below it.

# %% tags=["parameters"]
PROFILE = "auto"  # smoke, laptop, colab or paper; auto looks at your data and your GPU
SEED = 0  # of every random choice below; another seed deals other pairs
PAIRS = 12  # pairs in the game
ANSWERS = ""  # your answers, one letter per pair; you can also write them below
GUESSERS = 10_000  # simulated players who do not look
SIDE = 256  # pixels: how large the machine sees a portrait

# %%
profile = setup.choose_profile(PROFILE)
chosen = {
    "profile": profile,
    "pairs": PAIRS,
    "guessers": GUESSERS,
    "machine sees": SIDE,
}
pd.Series(chosen, name="this run").to_frame()

# %% [markdown]
# ## Recap
#
# This is the first lesson. All others keep to three words that you meet here:
#
# - **Fake is 1.** The label of a fake is 1, that of a real image is 0. A higher score always means *more likely fake*,
#   and in all later lessons the score is a probability.
# - **A split** (train, valid, test) says what a model may learn from. It never sees the test split before the end.
# - **A group** is all images that share a photograph. It must not be torn apart: a model learns from all of it or none.
#   Some sets come with torn groups; then we leave such images out.
#
# ## Predict first
#
# In a moment you will see twelve pairs. How many fakes will you spot? And how many will a machine spot that has never
# heard of faces and looks only at texture? Write both numbers down before you go on.

# %%
prediction = {
    "you": "nothing yet",  # pairs right; replace it by a number, such as 7
    "machine": "nothing yet",  # likewise
}

# %% [markdown]
# ## Real and fake
#
# **What do real and fake portraits look like?** The upper row is real, the lower one is fake. These images come
# from the training split, none of them is in the game. Take your time; this is your training too.

# %%
full = setup.open_set("140k", profile)
index = layouts.keep_some(full, 2_000, SEED)
found = groups.cached_pairs(index, config.cache_dir(), keypoints=False)
index["group"] = groups.group_ids(index, found)  # copies of a picture share a number
stamp = index["set"].iloc[0] if index.attrs["evidence"] else setup.NOT_EVIDENCE

train = index[index["split"] == "train"]
few = train.groupby("label").sample(4, random_state=SEED).sort_values("label")
examples = [pixels.read_image(path) for path in few["path"]]
names = few["label"].map({0: "real", 1: "fake"}).tolist()
figure = plots.image_grid(examples, names, columns=4, title=stamp)
figure.set_size_inches(9, 5)

# %% [markdown]
# You may find a fake or two too smooth, or its noise odd. Perhaps you find nothing: then you are in good company.
#
# ## The game
#
# **Which one is the fake?** Each pair shows one real and one fake portrait. Whether the fake is left or right was
# decided by a coin, for each pair anew. The images come from the test split, and no two of them show the same picture.

# %%
pairs = game.make_pairs(index[index["split"] == "test"], PAIRS, SEED)
figure = game.show(pairs, f"Which one is the fake? ({stamp})")

# %% [markdown]
# **Stop here and answer.** In the next cell, replace `ANSWERS` by your letters in quotation marks, such as
# `answers = "LRRL..."`: one letter per pair, `L` or `R` for the side of the *fake*. If you do not know, guess. Then run
# everything below. Your letters are kept in a small file on this machine, with no name of yours; *A whole class* says
# what it holds.
#
# `SEED` deals the pairs. Another number deals another game, and then your old letters mean nothing: answer again. Has
# somebody else played on this computer before you? Run the next cell as it is, then `game.new_player(folder)` once in a
# cell of your own, and then write your letters.

# %%
answers = ANSWERS  # your letters go here: answers = "LRRL..."
folder = config.runs_dir() / "game"
player = game.player_of(folder)  # a random name, made once
played = bool(answers)
if played:
    kept = game.save_answers(pairs, answers, folder, player)
else:
    answers = "L" * PAIRS
    print("Nobody has answered, so the lesson plays by itself: it always says left.")
answers = game.read_answers(answers, PAIRS)
who = "you" if played else "always left"

# %% [markdown]
# **Which ones were right?** Once you have answered, every fake gets a frame, and above each pair stands whether you
# found it.

# %%
right = game.which_right(pairs, answers)
print(f"{who}: {right.sum()} right. You predicted {prediction['you']}.")
if played:
    title = f"you: {right.sum()} of {PAIRS} right ({stamp})"
    figure = game.reveal(pairs, answers, title)
else:
    print("The fakes stay unmarked until you have answered.")

# %% [markdown]
# ## What would a guesser get?
#
# A number alone says nothing. Compare it with players who do not look at all: each tosses a coin for every pair.
# **How many do guessers get right, and where are you among them?** You need no formula, only many guessers.

# %%
rng = np.random.default_rng(SEED)
coins = rng.random((GUESSERS, PAIRS)) < 0.5  # a row per guesser, a column per pair
guessed = coins.sum(axis=1)
figure, axis = plt.subplots(figsize=(7, 3))
bins = np.arange(PAIRS + 2) - 0.5
axis.hist(guessed, bins, color="lightgray", edgecolor="black")
axis.axvline(right.sum(), color=plots.COLORS["fake"], linewidth=3, label=who)
axis.set(xlabel=f"right answers of {PAIRS}", ylabel="guessers", xticks=range(PAIRS + 1))
axis.legend()
luck = np.mean(guessed >= right.sum())
print(f"guessers who did at least as well: {luck:.3f}")
print(f"classes of 25 guessers in which somebody did: {1 - (1 - luck) ** 25:.3f}")

# %% [markdown]
# Most guessers land near the middle, and a few far out, by luck alone. The first printed share tells how easily luck
# would have brought you this far or further. If it is small, say one in fifty, luck is a poor explanation. If it is
# one in three, you have shown nothing yet, which does not mean that you cannot do it. The second share is for the
# *best* of a class: among many guessers, somebody is lucky.
#
# ## How sure can you be?
#
# Turn the question round. A *skill* is the share of pairs that a player would get right in the long run; guessers
# have skill one half. **Which skills agree with your result?** Players of one skill $p$ do not all get the same
# share right: their shares scatter around $p$, typically by $\sqrt{p(1-p)/n}$ for $n$ pairs, and in *about* 95 of 100
# cases by less than 1.96 times that. So try all skills, and keep those from which your share lies no further away.


# %%
def interval_by_trying(right, pairs):
    """Lowest and highest skill from which this result is not surprisingly far away."""
    skills = np.linspace(0, 1, 10_001)
    scatter = np.sqrt(skills * (1 - skills) / pairs)
    agrees = np.abs(right / pairs - skills) <= 1.96 * scatter
    return skills[agrees].min(), skills[agrees].max()


# %%
scatter = (guessed / PAIRS).std()
print(
    f"scatter of the guessers {scatter:.3f}, by the formula {np.sqrt(0.25 / PAIRS):.3f}"
)
low, high = interval_by_trying(right.sum(), PAIRS)
print(f"by trying  {low:.3f} to {high:.3f}")
print(f"the kit's  {intervals.wilson(right.sum(), PAIRS):.3f}")

# %% [markdown]
# The last two lines agree: E. B. Wilson solved the same condition with a formula in 1927, and `intervals.wilson` uses
# it in every lesson from here on. Read a line such as `.500 [.254, .746]` as: half were right, and every skill
# from .254 to .746 agrees with that. You are told apart from a guesser only if one half lies outside.
#
# The interval tells how your share would move with *other pairs*. It is about you as you play today.
#
# **Why 95?** The recipe is right in about 95 of 100 cases; for a dozen pairs it is nearer 90 for some skills. You can
# check that with guessers, whose skill is known: how many of their intervals hold one half? **And how many pairs would
# you need for a narrower one?**

# %%
limits = {k: interval_by_trying(k, PAIRS) for k in range(PAIRS + 1)}
hold = [limits[k][0] <= 0.5 <= limits[k][1] for k in guessed]
print(f"guessers whose interval holds one half: {np.mean(hold):.3f}")

sizes = [PAIRS * more for more in (1, 2, 4, 16, 64)]
half_right = [intervals.wilson(n // 2, n) for n in sizes]
table = pd.DataFrame(index=pd.Index(sizes, name="pairs"))
table["interval"] = [f"{one:.3f}" for one in half_right]
table["width"] = [one.high - one.low for one in half_right]
table.round(3)

# %% [markdown]
# Twice the pairs do not halve the width. The scatter has the number of pairs under a square root, so half the width
# takes about four times the pairs (with a dozen, a little more: see the table), and a tenth of it a hundred times. That
# is why a dozen pairs make a game and no study.
#
# ## A whole class
#
# Many players of the same pairs know more together. If you played, your answers are kept in a small file: the number
# of each pair, your letter, and whether it was right. Its name is random, and it holds no name of yours, no time and
# nothing about your machine. It stays in the folder that is printed. Running the notebook again replaces your file.
#
# **For a class**, all set the same `PROFILE`, `SEED` and `PAIRS`. Collect everybody's file in one folder, and name that
# folder below. Folders in it count too. In Colab, these two lines bring you your file: `from google.colab import files`
# and `files.download(str(kept))`.

# %%
if played:
    print("your answers:", kept)
collected = folder  # for a class: collected = r"C:\class"
together = game.pool(pairs, collected)
count = len(together.players)
print(f"{count} players in {collected}; answered alike: {together.alike}")
if len(together.skipped):
    display(together.skipped)

# %% [markdown]
# **What does a class get right, and which pairs are hard?** With one player or none in the folder, you see a
# *simulated* class: half of its 24 players guess, and half have a good eye.

# %%
alone = count < 2
simulated = game.simulated_class(pairs, np.repeat([0.5, 0.9], 12), 1)
shown, name = (simulated, "simulated class") if alone else (together, "your class")
figure, (spread, hard) = plt.subplots(1, 2, figsize=(9, 3.8))
spread.hist(shown.players["right"], bins, color="lightgray", edgecolor="black")
spread.set(title=name, xlabel=f"right answers of {PAIRS}", ylabel="players")
plots.forest(shown.by_pair, axis=hard)
hard.set(title=name, xlabel="share who were right", ylabel="pair", xlim=(0, 1))
print(f"{name}: {shown.share.value:.3f} right, {len(shown.players)} players")

# %% [markdown]
# On the left, compare with the guessers above. If players differ in skill, the bars spread wider than for equally good
# players of the same mean. On the right, a pair whose interval lies above one half fooled fewer than half of the
# players; one wholly below misled most. In the simulated class no pair is harder than another: its dots differ by luck.
#
# **How sure is the share of the whole class?** The answers of one player belong together: somebody with a good eye is
# right more often in all pairs. So twelve answers of one player are not worth those of twelve players. Here is a recipe
# that respects this, the *bootstrap*: draw players from your class, with repeats, until you have a class of the same
# size. Note its share. Do it 2,000 times, and leave out the most extreme five in a hundred.


# %%
def interval_of_class(right, pairs, rng):
    """Where the share of a class would lie with other players; right: how many each had."""
    drawn = rng.choice(right, size=(2_000, len(right)))
    return np.percentile(drawn.mean(axis=1) / pairs, [2.5, 97.5])


# %%
had = shown.players["right"]
low, high = interval_of_class(had, PAIRS, np.random.default_rng(0))
each = intervals.wilson(had.sum(), len(had) * PAIRS)
print(f"whole players drawn     {low:.3f} to {high:.3f}, width {high - low:.3f}")
wide = each.high - each.low
print(f"each answer for itself  {each.low:.3f} to {each.high:.3f}, width {wide:.3f}")
print(f"the kit's               {shown.share:.3f} ({shown.method})")

# %% [markdown]
# In the simulated class the second row looks surer than it may be: it forgets that another class could have had
# more good players, or fewer. With fewer than 15 players the kit takes Student's $t$ interval of the players' shares,
# because drawing so few again comes out too narrow.
#
# This interval tells how the share would move with *other players* of the same pairs. With other pairs it could move
# further, and more players cannot tell you that. In the simulated class you know the truth, .7. Should the interval
# miss it, you have met one of the few cases in a hundred. Then change the last number in `simulated_class`, and leave
# `SEED` as it is.
#
# ## The machine
#
# **Can a machine do it without knowing what a face is?** A generator draws small and enlarges, and that leaves a
# pattern too fine for your eye. Describe each portrait only by how strong its fine and its coarse texture is: half as
# many numbers as the image has pixels on a side, and no shape in them. Let a logistic regression learn which of them
# speak for *fake*: it adds the numbers up with weights that it has learned, and the sum is its score. (This one is no
# probability. For saying which of two images scores higher, that does not matter.) It learns from training images only,
# and from none that shares a photograph with the game.


# %%
def textures(paths, side):
    """Strength of each frequency in each image, from coarse to fine; no shape is left."""
    greys = (pixels.read_image(path, side, color="grey")[..., 0] for path in paths)
    return np.stack([spectrum.radial_profile(grey) for grey in greys])


in_game = set(pairs[["left_group", "right_group"]].to_numpy().ravel())
learned = train[~train["group"].isin(in_game)]
model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=3_000))
model.fit(textures(learned["path"], SIDE), learned["label"])
print(f"learned from {len(learned):,} of {len(train):,} training images")
print("the rest share a picture with the game")

# %% [markdown]
# Now it plays as you did. It gives both portraits of a pair a score, and names the side with the higher one. It plays
# your pairs, and then as many fresh ones as there are. One thing is not fair: you saw each portrait at about 200 pixels
# a side, and the machine sees it at `SIDE`. Set `SIDE` to 200 if you want to change that.


# %%
def machine_plays(model, pairs, side):
    """The machine's answers, written as yours: the side that scores higher as a fake."""
    left = model.decision_function(textures(pairs["left"], side))
    right = model.decision_function(textures(pairs["right"], side))
    return "".join(np.where(left > right, "L", "R"))


fresh = index[~index["group"].isin(in_game | set(learned["group"]))]
many = game.make_pairs(fresh, None, SEED)
by_machine = game.which_right(pairs, machine_plays(model, pairs, SIDE))
by_machine_many = game.which_right(many, machine_plays(model, many, SIDE))

# %% [markdown]
# **Who is better, and how sure is that?** First the share of each, with its interval. Then the pairs in which you and
# the machine differ.

# %%
n = len(many)
scores = {
    f"{who}, {PAIRS} pairs": intervals.wilson(right.sum(), PAIRS),
    f"machine, the same {PAIRS}": intervals.wilson(by_machine.sum(), PAIRS),
    f"machine, {n} fresh pairs": intervals.wilson(by_machine_many.sum(), n),
}
if not alone:
    scores[f"your class of {count}, the same {PAIRS}"] = together.share
rows = [[one.value, one.low, one.high] for one in scores.values()]
table = pd.DataFrame(rows, scores.keys(), columns=["value", "low", "high"])
figure, axis = plt.subplots(figsize=(7, 3.2))
plots.forest(table, axis=axis)
axis.set(xlabel=f"share of pairs right ({stamp})", xlim=(0, 1))

differ = right != by_machine
ahead = (right & differ).sum()
print(f"exactly one of you right in {differ.sum()} pairs, {who} in {ahead} of them")
print(f"You predicted {prediction['machine']} for the machine on {PAIRS} pairs.")
table.round(3)

# %% [markdown]
# Look at the intervals before you look at the dots. A dozen pairs leave much room, for the machine as for you. The
# fresh pairs pin down the *machine's* skill on this set. Yours stays as uncertain as twelve pairs leave it.
#
# **Who is better?** Whether two intervals overlap does not answer this question. You saw the same pairs, so look where
# only one of you was right. If you were equally good, each of these pairs would be a coin toss. How lucky would that
# coin have to be? Exercise 00.1 tells.
#
# **What does an interval not count?** Yours varies the pairs and keeps the player. That of a class varies the players
# and keeps the pairs. The machine's varies the pairs and keeps the trained model: another training set would move its
# share too, and no interval here counts that.
#
# The share on the fresh pairs has a use beyond this lesson. It estimates the chance that a random fake scores higher
# than a random real image. Lesson 02 computes that chance from all pairs at once and calls it the AUC.
#
# **What does the machine's share show?** If it is high on drawn portraits: that the model finds a grid which this kit
# planted in its fakes. It shows nothing about faces. If it is high on photographs: that these fakes and these
# photographs differ in their fine texture, for whatever reason, perhaps by how they were saved. Lessons 01 and 08 ask
# for the reason.
#
# **And on photographs?** Below is what was recorded on real ones, whatever you ran. Such records are kept in the
# repository, and every lesson shows its own. This run leaves one too; if it was made with drawings, it says that it is
# no evidence, and no table of results will take it.

# %%
measured = {
    f"the game's {PAIRS}": intervals.wilson(by_machine.sum(), PAIRS),
    f"{n} fresh": intervals.wilson(by_machine_many.sum(), n),
}
settings = {"pairs": PAIRS, "seed": SEED, "side": SIDE}
record = results.make_record(
    "00_start_here", index, {"machine, pairs": measured}, profile, settings, started
)
print(results.write_record(record))
results.metric_table(results.recorded("00_start_here"), "machine, pairs/")

# %% [markdown]
# The rows name how many pairs they rest on; the number in the head counts all images. Compare *fresh* with your own
# run: is it as high? Does its interval lie above one half, and how far? The drawings' trace was planted, so a high
# share on them promises nothing for photographs. The game's row rests on one game only: look at its width before you
# say that the machine fails.

# %% [markdown] tags=["claim"]
# ## How well do people do?
#
# These are the figures and sentences that our sources give. None of them was measured here.
#
# | source | who looked at what | what it says |
# | --- | --- | --- |
# | Nightingale and Farid 2022 | people without training, 800 real and StyleGAN2 faces | 48.2 % right [47.1, 49.2] |
# | Nightingale and Farid 2022 | people trained with feedback, faces of the same kind | 59.0 % right [57.7, 60.4] |
# | report 002 | the photoshopped set | "to a human observer, it would be very simple"; not counted |
# | report 004 | faces made by networks | "most people cannot tell the difference"; not counted |
#
# Do not set them beside your own share. Those people saw other images, and their task was another one: they judged one
# image at a time, while you had two side by side and knew that one of them is fake.
#
# Read the first row again, now that you know how. Its interval ends below one half: untrained people did a little
# *worse* than a coin. The last two rows have no count and no interval, so nobody can say how far to trust them. They
# do not contradict each other, because they are about different fakes.

# %% [markdown]
# ## Exercises
#
# In the first two you fill in a function: replace each `raise` by your own lines and run the cell, then the cell below
# it. The check shows the input, what was expected and what came. The last two you answer in words.
#
# **00.1 Luck, exactly.** Return the share of guessers who get at least `right` of `pairs` pairs right. No simulation:
# there are $2^n$ ways to answer $n$ pairs, all equally likely for a guesser, and `comb(n, k)` of them have exactly $k$
# right. The cell below also uses your function on the pairs in which only you or only the machine was right. It
# doubles the share there, because either of you could have been the lucky one.


# %% tags=["exercise-00.1"]
def share_of_guessers(right, pairs):
    """Compute the share of guessers with at least so many right answers."""
    # <solution>
    ways = sum(comb(pairs, k) for k in range(right, pairs + 1))
    return ways / 2**pairs
    # </solution>


# %%
share_of_guessers = checks.ex_00_1(share_of_guessers)
exact, simulated = share_of_guessers(int(right.sum()), PAIRS), guessed >= right.sum()
print(
    f"at least {right.sum()} of {PAIRS}: {exact:.4f}, simulated {simulated.mean():.4f}"
)
split = int(differ.sum())  # pairs in which only one of you was right
uneven = share_of_guessers(max(ahead, split - ahead), split)
print(f"{who} or machine so far ahead by luck: {min(1, 2 * uneven):.4f}")

# %% [markdown]
# **00.2 Which class is 1?** Many loaders number the folders that they find by the alphabet. So `fake` becomes 0 and
# `real` becomes 1, and every score of such a model is a probability of *real*. Given `class_names`, the folders' names
# in the order of their numbers, and an array of `numbers`, one per image, return this course's labels as a NumPy array:
# 1 where the folder's name contains `fake`, else 0. Do not rely on the order of the names.


# %% tags=["exercise-00.2"]
def fake_is_one(class_names, numbers):
    """Turn a loader's class numbers into labels, 1 for a fake and 0 for a real image."""
    # <solution>
    is_fake = np.array(["fake" in name for name in class_names])
    return is_fake[numbers].astype(int)
    # </solution>


# %%
fake_is_one = checks.ex_00_2(fake_is_one)
by_alphabet = np.array([0, 0, 1])
print(f"loader {by_alphabet}, labels {fake_is_one(['fake', 'real'], by_alphabet)}")

# %% [markdown]
# **00.3 Change and explain.** Set `SIDE` to 96: the machine now sees every portrait shrunk to 96 pixels. Write down
# what share of the fresh pairs you expect. Then run the parameters and the first three cells of *The machine* again,
# and write what came, and why. Would shrinking have changed *your* answers as much?

# %%
checks.written("00.3", prediction="", change="", result="", why="")

# %% [markdown]
# **00.4 Open.** Somebody has a good eye and gets 6 of 10 pairs right in the long run. How many pairs must such a
# player see before you can tell the eye from luck? Ask a precise question of your own, simulate it with
# `rng.binomial` and `intervals.wilson`, and answer it in one sentence with a number.

# %%
checks.written("00.4", question="", method="", answer="")

# %% [markdown]
# ### Questions
#
# Write the number of one answer for each letter into the cell below, and run it.
#
# {{quiz}}

# %% tags=["quiz"]
quiz.check("00", a="3", b="2", c="1", d="2")

# %% [markdown]
# ## What can go wrong
#
# - **Playing twice.** After the reveal you know the answers. A second round on the same pairs measures your memory.
# - **Choosing when to stop.** If you play until the score looks good and report that game, the interval is wrong. Fix
#   the number of pairs first.
# - **The best of the class.** One in fifty is rare for you, and not for the best of thirty.
# - **Every player counts once.** Twelve answers of one person are not twelve people. Pool players, then resample
#   players.
# - **A pair gives the game away.** If all fakes were brighter, smaller or saved by another program, you would score
#   without looking at a face. Lesson 01 audits a set for that.
# - **Looking like a result.** A figure of drawn portraits looks just like one of photographs. Read the stamp.
#
# ## The reports' numbers beside ours
#
# This lesson measures nothing that a report claims, so there is no table here. From lesson 01 on each lesson ends with
# one, and the last lesson, *Reading the reports*, holds all claims against all records.
#
# ## Take-aways
#
# - You can say what a guesser would score, and how often luck does as well as you did.
# - You put an interval around a share, and can tell what it says and what it does not.
# - You pooled the answers of a class, player by player.
# - You judged a machine by the same rule as yourself, on images it had not learned from.
#
# ## Next
#
# [Lesson 01](01_data_tour.ipynb) opens the image sets and asks what could give a fake away before anybody looks at a
# face. Bring one question along: what else but the face could you have been looking at?
#
# ## References
#
# - E. B. Wilson, *Probable Inference, the Law of Succession, and Statistical Inference*, Journal of the American
#   Statistical Association 1927: the interval.
# - S. Nightingale, H. Farid, *AI-synthesized faces are indistinguishable from real faces and more trustworthy*,
#   Proceedings of the National Academy of Sciences 2022: people and StyleGAN2.
# - R. Durall, M. Keuper, J. Keuper, *Watch your Up-Convolution*, CVPR 2020: the spectrum along the radius.
# - Reports 000 to 004, as named above.
