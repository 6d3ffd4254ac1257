# %% [markdown]
# # How far does a plain network get, and how sure can you be of it?
#
# {{badges}}
#
# ## What you will do
#
# You rebuild the first networks of report 000: one hidden layer that sees every pixel and knows nothing of
# faces. Before them you set the floors that any network has to clear, and with them you learn to read a score: what
# an AUC is, how wide its interval is, and what a threshold does to an accuracy.
#
# ### What you will learn
#
# - to set floors before you train anything
# - to compute an AUC by hand, and an interval for it
# - to choose a threshold without touching the test split, and to tell a bad threshold from a bad model
# - to train a network several times and to say which differences hold
# - to recognise a network that has collapsed to one answer, and to read a search without fooling yourself
#
# ### What you will need
#
# Lesson 01's words (label, split, group). The first chapter of any Keras tutorial; a little NumPy. No account, no
# GPU, no network: without real data the lesson draws its own.
#
# ## Set-up
#
# The first table says what is installed here, the second how long the lesson took where it was measured.

# %%
import time

import keras
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from IPython.display import display
from keras import layers
from sklearn.cluster import KMeans
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, roc_auc_score

from fakeface_utils import config
from fakeface_utils.datasets import groups, pixels, splits, testbed
from fakeface_utils.evaluation import intervals, metrics, paired, plots
from fakeface_utils.lessons import checks, ledger, quiz, results, setup
from fakeface_utils.training import fit, recipes
from fakeface_utils.training.experiment import Experiment
from fakeface_utils.training.recipes import changed

plots.use_style()
started, cache = time.time(), config.cache_dir()
recorded = results.recorded("02_ffnn_baseline")  # what was measured on real images
display(setup.show_versions("numpy", "scikit-learn", "tensorflow", "keras"))
results.minutes("02_ffnn_baseline")

# %% [markdown]
# ## Parameters
#
# Change a value here, then run everything below it. A 0 takes the profile's number.

# %% tags=["parameters"]
PROFILE = "auto"  # smoke, laptop, colab or paper; auto looks at your data and your GPU
LAYOUT = "140k"  # which of the two sets: 140k or yonsei
SEEDS = 0  # how often each network is trained, at least 5
COLLAPSE_SEEDS = 0  # how often when collapses are counted
TURNS = 0  # turns of the cross-validation; 1 keeps to the one test split
EPOCHS = 0  # passes over the training images; report 000 took 10
SEED = 0  # of every other random choice below

# %%
profile = setup.choose_profile(PROFILE)
chosen = {"size": 128, "epochs": 10, "seeds": 5, "collapse": 20}
chosen["turns"] = 5 if profile == "laptop" else 1
if profile == "smoke":
    chosen |= {"size": 32, "epochs": 6, "collapse": 5}
asked = {"epochs": EPOCHS, "seeds": SEEDS, "collapse": COLLAPSE_SEEDS, "turns": TURNS}
chosen |= {name: value for name, value in asked.items() if value}
pd.Series({"profile": profile, "layout": LAYOUT} | chosen, name="this run").to_frame()

# %% [markdown]
# ## Recap
#
# - **Fake is 1**, and every score is a probability of *fake*. Report 000 scores *real*; its AUC, its accuracy and
#   its means over both classes are the same either way round.
# - **Train** is for learning, **validation** for every choice, **test** for reading off, never for choosing.
# - **Groups** of images that share a photograph stay together in the splits that the kit makes.
# - **Precision**: of the images called fake, the share that is. **Recall**: of all fakes, the share that was
#   called so. Both exist for *real* as well.
#
# ## Predict first
#
# Report 000 trains four feed-forward networks on photographs and StyleGAN faces of 128 x 128 pixels. M1 has 128
# hidden units and sees grey images; M2 is M1 with a tenth of the learning rate; M3 is M1 with 64 units; M4 has
# colour (its units are not stated; 128 is assumed). Below, a logistic regression on a thumbnail of 24 x 24 grey
# pixels stands beside them. Which has the highest AUC, and how many of twenty trainings of M3 will end with the same
# score for every image? Write it down.

# %%
prediction = {
    "highest AUC": "nothing yet",  # M1, M2, M3, M4, k-means or logistic
    "collapsed M3 of 20": "nothing yet",
}

# %% [markdown]
# ## The data
#
# Without real images the lesson draws 600 portraits with a planted truth: every fake is lighter. That is something a
# network without any idea of faces can find, and it is all that a run on drawn images shows.
#
# **How is a model judged?** A test split of a few hundred images gives a wide interval. Training is cheap here, so in
# the profile `laptop` you take five *turns*: each fifth of the images is the test split once, and a network that
# never saw them, nor any of their relatives, scores them. In the end every image has one score. In the other
# profiles there is one turn, the set's own test split.

# %%
planted = testbed.Truths(tone_shift=48) if LAYOUT == "140k" else None
index = setup.open_set(LAYOUT, profile, planted)
split = "folder" if LAYOUT == "140k" else "yonsei-001-grouped"
if index["set"].iloc[0] == "140k" and profile == "colab":
    split = "140k-16k"  # the whole set would take a T4 more than a lesson's time
if LAYOUT == "140k":  # keypoints find more relatives, at minutes a thousand images
    pairs = groups.cached_pairs(index, cache, keypoints=profile == "laptop")
    index["group"] = groups.group_ids(index, pairs)
index = splits.with_split(index, split)  # Yonsei's splits bring their groups

size, n_turns = chosen["size"], chosen["turns"]
turns = {split: index}
if n_turns > 1:
    numbers = range(1, n_turns + 1)
    turns = {
        f"turn {k} of {n_turns}": splits.with_fold(index, k, n_turns) for k in numbers
    }
parts = [t[t["split"] == "test"].assign(turn=name) for name, t in turns.items()]
tested = pd.concat(parts)
y_tested, group, turn = (tested[c].to_numpy() for c in ("label", "group", "turn"))
first = next(iter(turns.values()))
first.groupby(["split", "label"]).size().unstack()

# %% [markdown]
# **What does the network see?** Grey squares, and nothing else: no position of an eye, no notion that two pixels are
# neighbours. Shuffle all pixels of all images in the same way and it would learn just as well.

# %%
few = index[index["split"] == "train"].sample(frac=1, random_state=SEED)
few = few.groupby("label").head(3).sort_values("label")
order = np.random.default_rng(SEED).permutation(size * size)
grey = [pixels.read_image(path, size, color="grey")[..., 0] for path in few["path"]]
shuffled = [image.ravel()[order].reshape(size, size) for image in grey]
kinds = few["label"].map({0: "real", 1: "fake"}).tolist()
figure = plots.image_grid(grey + shuffled, kinds * 2, title="Yours above, its below")

# %% [markdown]
# The lower row is the upper one, with its pixels dealt out in one fixed order. If you can no longer tell what it
# shows, remember that the network never could.
#
# ## Floors
#
# A floor is the score of a method that needs no idea of faces. Report 000 reviewed a naive baseline and k-means and
# gives no result of either; here they are. **The naive one** looks at no image and gives them all the same score.
# What do its precision and recall look like, averaged over the two classes? That is how we read the report's columns
# *Avg Precision* and *Avg Recall*.

# %%
prior = first.loc[first["split"] == "train", "label"].mean()  # all that it may know
naive = metrics.constant_predictor(y_tested, group, prior=prior)
columns = ["auc", "accuracy", "precision_fake", "recall_fake", "precision_real"]
columns += ["recall_real", "AvgP", "AvgR"]
constant = pd.Series({name: naive[name].value for name in columns}, name="constant")
constant.to_frame().T.round(3)

# %% [markdown]
# It finds all of one class and none of the other. A precision of nothing counts as zero. Keep the last two numbers in
# mind: they are the signature of a network that has given up. Would they change if there were more fakes than reals?
# Exercise 02.3 asks you.
#
# **k-means** looks, but its heaps are made without labels: it sorts the training images into two, and the labels only
# say which of them holds more fakes. **Logistic regression** learns one weight a pixel, on a thumbnail.

# %%
thumbnails = pixels.load_images(index, 24, color="grey", cache_dir=cache)
flat = thumbnails.reshape(len(index), -1) / 255
y = index["label"].to_numpy()


def k_means(x, labels):
    """Sort into two heaps; the answer is 1 for the one with more fakes."""
    heaps = KMeans(2, n_init=10, random_state=SEED).fit(x)
    fake_heap = np.argmax([labels[heaps.labels_ == k].mean() for k in (0, 1)])
    return lambda images: (heaps.predict(images) == fake_heap).astype(float)


def logistic(x, labels):
    """Learn one weight a pixel; the answer is P(fake)."""
    model = LogisticRegression(C=0.1, max_iter=1000).fit(x, labels)
    return lambda images: model.predict_proba(images)[:, 1]


def score_floor(learn):
    """Score the tested images of each turn by what its training images taught."""
    scores, cuts = [], []
    for part in turns.values():
        train, valid, test = (part["split"] == s for s in ("train", "valid", "test"))
        answer = learn(flat[train], y[train])
        scores.append(answer(flat[test]))
        cut = metrics.choose_threshold(y[valid], answer(flat[valid]))
        cuts.append(np.full(test.sum(), cut))
    scores = np.tile(np.concatenate(scores), (5, 1))  # the tables want several runs:
    cuts = np.tile(np.concatenate(cuts), (5, 1))  # a floor is one run, five times over
    return recipes.Runs({}, tested, scores, cuts)


floors = {"k-means": score_floor(k_means), "logistic": score_floor(logistic)}

# %% [markdown]
# ## AUC by hand
#
# A score is not yet an answer: that takes a threshold. First ask something that needs none. **Take one fake and one
# real at random: which has the higher score?** The share of pairs in which it is the fake is the AUC. One half is
# guessing, one is perfect.
#
# There is a second way to the same number. Let a threshold slide from high to low, and note the share of fakes found
# over the share of reals wrongly called fake: the ROC curve. The *area under the curve* is the AUC.


# %%
def auc_by_pairs(labels, scores):
    """Share of all (fake, real) pairs in which the fake scores higher; a tie counts half."""
    fake, real = scores[labels == 1], scores[labels == 0]
    higher = (fake[:, None] > real[None, :]).mean()
    tied = (fake[:, None] == real[None, :]).mean()
    return higher + tied / 2


some = np.random.default_rng(SEED).permutation(len(tested))[:1000]  # pairs are many
y_some = y_tested[some]
scores = paired.ranks_within(floors["logistic"].scores[0], turn)[some]
print(f"by pairs      {auc_by_pairs(y_some, scores):.9f}")
print(f"scikit-learn  {roc_auc_score(y_some, scores):.9f}")
plots.roc(y_some, {"logistic": scores}, axis=plt.figure(figsize=(4.4, 4)).gca())
plt.show()

# %% [markdown]
# The two agree, and from here on scikit-learn's is used; it sorts once instead of comparing all pairs. One detail:
# the scores of two turns come from two models, so an image is compared only with images of its own turn.
# `ranks_within` replaces each score by its rank there.
#
# **How far would this number move with other test images?** You cannot collect new ones, but you can draw from those
# you have, with replacement, as many as there are, and compute the AUC again. Do that many times: the middle of the
# values, all but one in forty on either side, is a 95 % interval.

# %%
rng, values = np.random.default_rng(SEED), []
for _ in range(400):
    rows = rng.integers(len(some), size=len(some))  # some twice, some not at all
    values.append(auc_by_pairs(y_some[rows], scores[rows]))
low, high = np.percentile(values, [2.5, 97.5])
axis = plt.figure(figsize=(7, 2.4)).gca()
axis.hist(values, bins=30, color="gray")
axis.axvline(0.5, color="black", linestyle=":")
axis.axvspan(low, high, alpha=0.15)
axis.set(
    xlabel=f"AUC of a resample; shaded: {low:.3f} to {high:.3f}", ylabel="resamples"
)
plt.show()

# %% [markdown]
# Does the interval reach the dotted line? If it does, these images cannot tell the floor from guessing. If it stays
# clear of it, a weight a pixel on a thumbnail already knows something, and a network has to do better than that. The
# package draws whole groups instead of images, so that relatives do not count twice.
#
# ## The network
#
# One hidden layer. Each of its units takes a weighted sum of *all* pixels and cuts off what is negative (ReLU). The
# last layer takes a weighted sum of the units, and the sigmoid turns that into a number between 0 and 1. Pixels go in
# as 0 to 255, and the first layer scales them. The report does not say how it scaled them.


# %% tags=["model"]
def feed_forward(side, channels, units):
    """The feed-forward network of report 000, in Keras."""
    image = keras.Input((side, side, channels))
    x = layers.Rescaling(1 / 255)(image)
    x = layers.Flatten()(x)
    x = layers.Dense(units, activation="relu")(x)
    return keras.Model(image, layers.Dense(1, activation="sigmoid")(x))


feed_forward(size, channels=1, units=128).summary()

# %% [markdown]
# **Where are the parameters?** Nearly all of them lie between the pixels and the hidden layer, and there are far more
# of them than images to learn them from. Exercise 02.1 asks you for the formula.
#
# **What does one training look like?** A few passes over the images, in batches of 25 as in the report. `fit` is
# Keras's `compile` and `fit` in one: Adam makes the steps, and the loss is binary cross-entropy, which is large where
# P(fake) is confidently wrong. The report names neither; both are assumed. Training makes the loss on its own
# images smaller. Does the loss on validation follow?

# %%
keras.utils.set_random_seed(SEED)
network = feed_forward(size, channels=1, units=128)
images = pixels.load_images(index, size, color="grey", cache_dir=cache)
parts = [
    (images[index["split"] == s], y[index["split"] == s]) for s in ("train", "valid")
]
adam = {"optimizer": "adam", "learning_rate": 1e-3}
history = fit.fit(
    network, *parts, epochs=chosen["epochs"], batch_size=25, verbose=0, **adam
)
figure = plots.learning_curves(history, title="M1, one training")

# %% [markdown] tags=["claim"]
# Where the training line goes on falling and the validation line does not, the network is learning its training
# images by heart. Jumps between epochs say that the learning rate is large for this network. But this is one
# training: another seed gives another curve.
#
# ## Four networks, several seeds
#
# This is what report 000 prints for its four, after ten epochs:
#
# | | hidden units | input | learning rate | AUC | accuracy | mean precision | mean recall |
# |---|---|---|---|---|---|---|---|
# | M1 | 128 | grey | 0.001 | 0.7573 | 0.72 | 0.73 | 0.72 |
# | M2 | 128 | grey | 0.0001 | 0.7873 | 0.68 | 0.72 | 0.68 |
# | M3 | 64 | grey | 0.001 | 0.499 | 0.5 | 0.25 | 0.25 |
# | M4 | 128 (assumed) | colour | 0.001 | 0.5 | 0.5 | 0.25 | 0.25 |
#
# Each was trained once, as far as the report says. A *recipe* is better judged by several trainings with other
# seeds: other weights to begin with, another order of the images. An `Experiment` says in full what is to be
# trained: `"ffnn"` is the package's copy of the function above (changing yours does not change it), and `changed`
# makes a copy of an experiment with other values. `judge` measures every metric. An experiment is trained once and
# kept: run this lesson again and it is loaded, stop it and it goes on where it was.

# %%
how_long = {"epochs": chosen["epochs"], "batch_size": 25, "optimizer": "adam"}
base = Experiment(index["set"].iloc[0], split, "ffnn", size=size, **how_long)
four = {
    "M1": changed(base, units=128, color="grey", learning_rate=1e-3),
    "M2": changed(base, units=128, color="grey", learning_rate=1e-4),
    "M3": changed(base, units=64, color="grey", learning_rate=1e-3),
    "M4": changed(base, units=128, color="rgb", learning_rate=1e-3),
}
how = {"measure": metrics.judge, "profile": profile}
runs = recipes.run_recipes(four, turns, chosen["seeds"], **how)
each = pd.concat({name: run.table() for name, run in runs.items()}, names=["recipe"])
within = each.groupby(["recipe", "turn"])["auc"].agg(["mean", "std", "min", "max"])
within.groupby("recipe").mean().round(3)  # the seeds' spread, turn by turn

# %% [markdown]
# Column *std* is how far one training lies from the next, on the same images: two single trainings differ by about
# half as much again through luck alone. Hold it against the differences between the rows.
#
# **How good are they, floors included?** Every number is a mean over the seeds. Its interval counts other seeds and
# other test images, but no other training images. Accuracy is at the threshold that validation chose, a little below
# you see how. Balanced accuracy is the mean of the two recalls. AP is the mean precision over all thresholds that find
# one more fake.

# %%
rows = floors | runs
measured = {"constant": naive}
measured |= {name: metrics.measure_runs(row) for name, row in rows.items()}
columns = ["auc", "ap", "balanced_accuracy", "accuracy"]
display(pd.DataFrame(measured).T[columns].map("{:.2f}".format))
auc = pd.DataFrame({name: vars(measured[name]["auc"]) for name in rows}).T
axis = plots.forest(auc, axis=plt.figure(figsize=(7, 3)).gca())
axis.set(xlabel="AUC", title=f"{base.set}, {len(tested):,} images tested")
plt.show()
guess, best = prediction["highest AUC"], auc["value"].astype(float).idxmax()
print(f"you predicted {guess!r}; here the highest mean AUC is that of {best!r}")

# %% [markdown] tags=["claim"]
# Does any network clear the logistic floor, and by how much? How much do the intervals overlap? Overlap alone
# decides nothing, because all rows were measured on the same images; further down you take that into account.
#
# Compare k-means' AUC with its balanced accuracy. It answers only 0 or 1, and then the two are the same number.
# Reports 001 and 003 print exactly that as AUC.
#
# **What does each share of reals accused buy?** What follows was recorded on real images, whatever you ran.

# %%
display(results.metric_table(recorded, "auc/"))
for record in recorded:
    table = results.read_table(record, "predictions")
    seed_0 = {name: table[f"{name}/0"].to_numpy() for name in four}
    seed_0 = {k: paired.ranks_within(v, table["turn"]) for k, v in seed_0.items()}
    axis = plots.roc(table["y_true"], seed_0, axis=plt.figure(figsize=(6, 5)).gca())
    axis.set_title(f"{results.stamp(record)}\nfirst seed", fontsize="small")
    plt.show()

# %% [markdown] tags=["claim"]
# Each point of a curve calls some share of every turn fake. A curve on the diagonal knows nothing. How many images
# the report trained on, it does not say. Its levels and ours are therefore not the same quantity, but the *order* of
# the four can be compared.
#
# ## Threshold or model?
#
# In the report, M2 has the better AUC and the worse accuracy. Can both be true? An AUC does not know a threshold; an
# accuracy depends on one. Here is the rule by which this course chooses it, on validation: as many fakes found and as
# few reals accused as can be. **Where do the scores lie, and where is the threshold?**


# %%
def best_threshold(labels, scores):
    """The threshold at which fakes found minus reals accused, as shares, is largest."""
    cuts = np.unique(scores)[::-1]  # of equally good ones the highest
    found = np.array([np.mean(scores[labels == 1] >= cut) for cut in cuts])
    accused = np.array([np.mean(scores[labels == 0] >= cut) for cut in cuts])
    return cuts[np.argmax(np.round(found - accused, 12))]


figure, axes = plt.subplots(1, 2, figsize=(10, 3.2))
for axis, name in zip(axes, ("M1", "M2"), strict=True):
    told = runs[name].records[next(iter(turns))][0].predictions()
    valid, test = (told[told["split"] == s] for s in ("valid", "test"))
    cut = best_threshold(valid["y_true"].to_numpy(), valid["y_score"].to_numpy())
    marks = {"one half": 0.5, "validation": cut}
    plots.scores(test["y_true"], test["y_score"], marks, axis=axis)
    axis.set_title(f"{name}, test images of the first turn, first seed")

half = {name: metrics.measure_runs(row, threshold=0.5) for name, row in rows.items()}
accuracy = {
    "at one half": [half[name]["accuracy"] for name in ("M1", "M2")],
    "at validation's threshold": [measured[name]["accuracy"] for name in ("M1", "M2")],
}
table = pd.DataFrame(accuracy, index=["M1", "M2"])
display(table.map("{:.3f}".format).rename_axis("accuracy"))
display(results.metric_table(recorded, "accuracy at half/"))
results.metric_table(recorded, "accuracy/")

# %% [markdown] tags=["claim"]
# If the mass of the scores lies to one side of one half, the threshold is misplaced and accuracy suffers, while the
# order of the scores, and so the AUC, is untouched. Moving the threshold can repair that without training anything.
# It has a price: on a small validation split the best threshold is partly luck, and where one half was well placed,
# moving it loses a little. Never choose it on the test split: it would be fitted to the very images you report.
#
# The report's own row shows such a misplaced threshold. On as many reals as fakes, an accuracy of 0.68 with a mean
# precision of 0.72 is only possible if one class is found in about nine of ten images and the other in fewer than
# half. M1's pair, 0.72 and 0.73, leaves the two recalls much closer.
#
# ## Which differences hold?
#
# All recipes scored the same images, so compare them image by image: what makes an image hard makes it hard for
# both, and drops out of the difference. `paired.recipes` adds to that the spread of the seeds. *p* is how often a
# difference at least this large would turn up if the two recipes were equally good. Four comparisons are four chances
# to be fooled. Holm's correction holds the smallest *p* to a quarter of the usual limit, the next to a third, and so
# on; the intervals are widened to match.

# %%
ranks = {name: paired.ranks_within(row.scores, turn) for name, row in rows.items()}
versus = [("M2", "M1"), ("M1", "M3"), ("M1", "M4"), ("M2", "logistic")]
better = {
    f"{a} - {b}": paired.recipes(y_tested, ranks[a], ranks[b], group) for a, b in versus
}
display(paired.family_table(better).rename_axis("AUC"))

calls = [runs[name].scores >= 0.5 for name in ("M1", "M2")]
gap = paired.recipes(y_tested, *calls, group, metric=accuracy_score)
print(f"accuracy at one half, M1 - M2: {gap}")
calls = [runs[name].scores >= runs[name].thresholds for name in ("M1", "M2")]
moved = paired.recipes(y_tested, *calls, group, metric=accuracy_score)
print(f"at validation's thresholds:    {moved}")
display(results.metric_table(recorded, "auc difference/"))
results.metric_table(recorded, "accuracy difference/")

# %% [markdown] tags=["claim"]
# An interval above zero says the first is better, one below zero the second. One that holds zero says *we do not
# know yet*, and not that they are equal. To call them equal, for the verdicts at the end, the 90 % interval has to lie
# inside a margin that was fixed before anything was run: two hundredths of AUC, three points of accuracy. The verdicts
# correct over all orderings of report 000 together, so their intervals may differ a little from these.
#
# ## Collapse
#
# The report's M3 and M4 score one half. **Bad luck, or a law?** Train all four many more times on the one split,
# and count how many trainings give (nearly) the same score to every test image. Beside them M3 and M4 *without* the
# layer that scales pixels to 0-1: the report does not say whether it scaled.

# %%
unscaled = {f"{k}, unscaled": changed(four[k], scale=1.0) for k in ("M3", "M4")}
many = recipes.run_recipes(four | unscaled, {split: index}, chosen["collapse"], **how)
told = pd.concat({name: run.table() for name, run in many.items()}, names=["recipe"])
wide = {name: np.ptp(run.scores, axis=1) for name, run in many.items()}
told["one score"] = np.concatenate(list(wide.values())) < 0.01
collapsed = {k: intervals.wilson(int(sum(w < 0.01)), len(w)) for k, w in wide.items()}
display(pd.Series(collapsed, name="share with one score").map(str).to_frame())
axis = plots.trainings(told.reset_index(), "auc", "one score")
plt.show()

guess, n_m3 = prediction["collapsed M3 of 20"], told.loc["M3", "one score"].sum()
print(f"you predicted {guess!r} of 20 for M3; here {n_m3} of {chosen['collapse']}")
print(f"one step moves a sum by up to {1e-3 * images.mean() / 255 * size * size:.2f}")
columns = ["auc", "accuracy", "AvgP", "AvgR"]
table = told[told["one score"]].groupby("recipe")[columns].mean()
table.loc["a constant"] = constant[columns]
display(table.round(3))
results.metric_table(recorded, "collapsed/")

# %% [markdown] tags=["claim"]
# An orange square is a training with one score for all images. Another point near the dotted line has scores that
# differ, in an order worth nothing.
#
# How does a network get there? Pixels are never negative. Adam's first step moves each weight of a unit by about the
# learning rate, and where most move the same way, the unit's sum moves by the rate times the sum of the pixels: the
# number printed above. When a unit's sum is negative for every image, ReLU lets nothing through and no gradient comes
# back: the unit is *dead*. When all are dead, only the bias of the output still learns, until every score is the share
# of fakes in training. So compare the rows: what does M2's smaller learning rate change, and what the scale of the
# pixels? A report that trains each network once cannot tell a bad recipe from a bad draw.
#
# The table above shows what such a network must score. Hold the report's M3 and M4 against it, column by column. M4's
# AUC of 0.5 is what a constant scores, since ties count half. M3's 0.499 is not: at least some of its scores differed.
#
# ## After epoch 5
#
# The report trains for ten epochs and remarks that "this particular model", most likely the DenseNet of lesson 04,
# validates well after about five. **Is there anything to gain after the fifth, here?** Validation AUC is followed
# through every training.

# %%
every = recipes.histories(runs)
axis = plots.by_epoch(every, "val_auc", mark=5)
axis.set(title="this run", ylabel="AUC on validation")
for record in recorded:
    kept = results.read_table(record, "history")
    axis = plots.by_epoch(kept, "val_auc", mark=5)
    axis.set(title=results.stamp(record), ylabel="AUC on validation")
plt.show()

curve = every.pivot_table("val_auc", ["recipe", "turn"], "epoch")
gain = (curve[chosen["epochs"]] - curve[min(5, chosen["epochs"])]).unstack("turn")
n = first["split"].value_counts()
later = {}
if n_turns > 1:  # with one turn there is nothing to take an interval from
    n_part = n["train"], n["valid"]
    later = {k: paired.nadeau_bengio(v, *n_part) for k, v in gain.iterrows()}
    display(pd.Series(later, name="gain after epoch 5").map(str).to_frame())
display(gain.mean(axis=1).round(3).to_frame("mean gain after epoch 5"))
results.metric_table(recorded, "gain after epoch 5/")

# %% [markdown]
# The turns share most of their training images, so their gains are not independent; the correction of Nadeau and
# Bengio widens the interval for it. If it holds zero, no gain was shown, which is not the same as none: only an
# interval inside the margin of two hundredths would say that five epochs do. A recipe that still rises at the end was
# stopped by the number of epochs: with small steps, ten passes are not enough.
#
# ## The grid
#
# Report 000 tried four activations, five sizes of the hidden layer, three learning rates and five numbers of
# epochs. Train each combination of the first three once, for as long as the longest, and read the shorter ones off
# its history. **Where are the good networks?** Everything in this section is judged on validation.

# %%
tried = {"activation": ["relu", "sigmoid", "tanh", "softmax"]}
tried |= {"units": [32, 64, 128, 256, 512], "learning_rate": [0.01, 0.001, 0.0001]}
stops = [1, 5, 10, 15, 20]
if profile == "smoke":
    tried = {"activation": ["relu", "softmax"], "units": [32, 128]}
    tried, stops = tried | {"learning_rate": [0.001]}, [1, chosen["epochs"]]
longest = changed(base, color="grey", epochs=stops[-1], seed=SEED)
search = recipes.run_grid(longest, tried, stops, index, **how)
best = search.nlargest(5, "val_auc")
columns, digits = [*tried, "epoch", "val_auc"], {"val_auc": 3}
display(best[columns].round(digits))
display(
    search.groupby("epoch")["val_auc"].describe()[["count", "mean", "max"]].round(3)
)

panels = ("activation", "units", "learning_rate", "val_auc")
plots.search(search, *panels, title=f"this run, {base.set}: AUC on validation")
for record in recorded:
    table = results.read_table(record, "grid")
    plots.search(table, *panels, title=results.stamp(record))
plt.show()

# %% [markdown]
# Each cell is the best of its stops, of one training. Grey runs from the worst cell to the best, so read the numbers
# too. Look for a row, a column or a panel that is dark as a whole; a single dark cell beside pale ones is more likely
# luck. Cells near one half may have died (ReLU) or saturated: a sigmoid or tanh unit whose sum is far from zero hardly
# changes any more, and large steps drive it there. Softmax in a hidden layer makes its units share one unit of
# output, an unusual choice; see whether it is worse here.
#
# **How good is the winner?** You picked the best of many readings on a small validation split, so its score is likely
# too good: the *winner's curse*. Train the winning recipe with other seeds: what does validation say of those, and
# what the test split?

# %%
top = best.iloc[0]
winner = changed(longest, **top[list(tried)], epochs=int(top["epoch"]))
again = recipes.run_recipes({"winner": winner}, {split: index}, chosen["seeds"], **how)
told = again["winner"].history().query("epoch == @winner.epochs and seed != @SEED")
fresh = told["val_auc"].mean()
on_test = metrics.measure_runs(again["winner"])["auc"]
print(f"picked from {len(search)} readings: {winner}")
print(f"validation: picked {top['val_auc']:.3f}, other seeds {fresh:.3f}")
print(f"test, all seeds: {on_test:.3f}")
results.metric_table(recorded, "winner/")

# %% [markdown] tags=["claim"]
# The first two numbers are of the same images: what lies between them is the luck that you picked. Between
# validation and test lies the difference of the two splits as well.
#
# ## Pixel sizes and colour
#
# The report says that it varied the pixel size and the colour; it gives one row for colour (M4) and none for size.
# **Do more pixels or colour help a network that cannot see shapes?** M2's recipe, on the one test split. More
# pixels are also more parameters, and larger steps of the sums (see *Collapse*). The last row picks single pixels
# instead of averaging over neighbours, as Keras's old image generator did unless told otherwise.

# %%
sides, colors = (32, 64, 128), ("grey", "rgb")
if profile == "smoke":
    sides, colors = (16, 32), ("grey",)
versions = [(side, color) for color in colors for side in sides]
sizes = {f"{s} px {c}": changed(four["M2"], size=s, color=c) for s, c in versions}
if profile != "smoke":
    sizes["128 px grey, nearest"] = changed(four["M2"], resize="nearest")
by_size = recipes.run_recipes(sizes, {split: index}, chosen["seeds"], **how)
pixel_auc = {name: metrics.measure_runs(run)["auc"] for name, run in by_size.items()}
small, *others = by_size.values()
y_one, group_one = (small.images[c].to_numpy() for c in ("label", "group"))
more = [paired.recipes(y_one, o.scores, small.scores, group_one) for o in others]
table = pd.DataFrame({"AUC": pixel_auc}).map("{:.3f}".format)
table["more than the smallest"] = ["-", *map(str, more)]
display(table)
results.metric_table(recorded, "auc by pixels/")

# %% [markdown]
# If a small grey thumbnail does as well as the full image in colour, the network uses something coarse: tone,
# framing, where the light falls. That is the kind of thing that lesson 01's audit found without any network.
#
# ## Exercises
#
# In the first four you fill in a function: replace each `raise` by your own lines and run the cell, then the cell
# below it. The check shows the input, what was expected and what came. The last two you answer in words.
#
# **02.1 Count.** How many parameters has a feed-forward network with one hidden layer and one output, from the side
# of its square images, their channels and its units? Do not forget the biases.


# %% tags=["exercise-02.1"]
def count_parameters(side, channels, units):
    """Count weights and biases of a network with one hidden layer and one output."""
    # <solution>
    hidden = side * side * channels * units + units
    return hidden + units + 1
    # </solution>


# %%
count_parameters = checks.ex_02_1(count_parameters)
print(
    f"by formula {count_parameters(size, 1, 128):,}, in Keras {network.count_params():,}"
)

# %% [markdown]
# **02.2 A threshold for few false alarms.** Someone who is wrongly called a fake is harmed. Return the lowest of the
# given scores at which at most the share `most` of the reals is called fake (called fake means: score at least the
# threshold), or `float("inf")` if there is none. The cell below chooses on validation by it and then looks at test.


# %% tags=["exercise-02.2"]
def careful_threshold(labels, scores, most):
    """Find the lowest score that, as a threshold, accuses at most this share of the reals."""
    # <solution>
    for threshold in np.sort(scores):
        if np.mean(scores[labels == 0] >= threshold) <= most:
            return float(threshold)
    return float("inf")
    # </solution>


# %%
careful_threshold = checks.ex_02_2(careful_threshold)
told = runs["M2"].records[next(iter(turns))][0].predictions()
y_valid, s_valid = (
    told.loc[told["split"] == "valid", ["y_true", "y_score"]].to_numpy().T
)
careful = careful_threshold(y_valid, s_valid, 0.1)
told["accused"] = told["y_score"] >= careful
told[told["y_true"] == 0].groupby("split")["accused"].mean().round(3).to_frame()

# %% [markdown]
# **02.3 What one answer scores.** A model calls every image fake, or every image real. From the share of fakes
# among the images, return a tuple: its accuracy, its mean precision and its mean recall over the two classes (a
# precision of nothing is 0). Hold the report's numbers for M3 and M4 against it: which cannot come from such a model?


# %% tags=["exercise-02.3"]
def one_answer(share_of_fakes, says_fake):
    """Return accuracy, mean precision and mean recall of a model with one answer."""
    # <solution>
    right = share_of_fakes if says_fake else 1 - share_of_fakes
    return right, right / 2, 0.5
    # </solution>


# %%
one_answer = checks.ex_02_3(one_answer)
says_fake = bool(naive["recall_fake"].value)
print("yours  ", np.round(one_answer(y_tested.mean(), says_fake), 3))
print("above  ", constant[["accuracy", "AvgP", "AvgR"]].round(3).tolist())

# %% [markdown]
# **02.4 A bootstrap of groups.** Images that share a photograph are no independent news. Given the group of each
# image, and for each resample the groups that were drawn (a row of group numbers, some of them twice), return the AUC
# of every resample as a NumPy array: all images of a drawn group come along, twice if it was drawn twice. Another
# `draw_seed` in the cell below shows you which digit of your interval you may trust.


# %% tags=["exercise-02.4"]
def group_bootstrap(labels, scores, groups, draws):
    """Compute the AUC of every resample of whole groups, as an array."""
    # <solution>
    of_group = {g: np.flatnonzero(groups == g) for g in np.unique(groups)}
    rows = [np.concatenate([of_group[g] for g in drawn]) for drawn in draws]
    return np.array([auc_by_pairs(labels[r], scores[r]) for r in rows])
    # </solution>


# %%
group_bootstrap = checks.ex_02_4(group_bootstrap)
draw_seed = 0
names = np.unique(group[some])
draws = np.random.default_rng(draw_seed).choice(names, size=(100, len(names)))
values = group_bootstrap(y_some, scores, group[some], draws)
print("95 % of the resamples within", np.percentile(values, [2.5, 97.5]).round(3))

# %% [markdown]
# **02.5 Change and explain.** In 02.2 a tenth of the reals on validation may be accused. What if you allow a fiftieth?
# Write down what happens to the threshold, to the share of reals accused on test, and to how far the two splits lie
# apart. Then change the 0.1 in 02.2's cell and say what came, why, and what choosing on test would have hidden.
#
# **02.6 Open.** Find a floor that is harder to beat: other pixels, another simple model, or one of lesson 01's probes.
# Or find out what makes M3 collapse *less*: the learning rate, the activation, the size of the batch? Write down what
# you expect, train at least five seeds, and say what you found in one sentence with an interval.

# %%
checks.written("02.5", prediction="", change="", result="", why="")
checks.written("02.6", question="", prediction="", result="")

# %% [markdown]
# ### Questions
#
# Write the number of the answer you think is right between the quotes, run the cell, and read why.
#
# {{quiz}}

# %% tags=["quiz"]
quiz.check("02", a="3", b="1", c="4", d="2")

# %% [markdown] tags=["claim"]
# ## What can go wrong
#
# - **A test split that you choose by is a validation split.** This lesson reads it for several recipes and picks none
#   by it. The grid would look wonderful on the images it was picked on; so would a threshold.
# - **Mean precision is not average precision.** Report 000 prints the mean of the two classes' precisions. *Average
#   precision* (AP) is the area under a curve, and the table above gives it separately.
# - **An accuracy of one half is only guessing when classes are equal.** On the Yonsei set, always answering *real* is
#   right more often than that, and an accuracy has to be read against it.
# - **Seeds are not images.** Twenty seeds say how a recipe varies on *these* images. They do not make the test
#   split larger.
# - **A small set flatters simple models.** From a thousand training images a network with millions of weights has
#   little to learn. That the floor holds here does not say that it would hold with a hundred thousand.
# - **Ranks within turns need equal turns.** If one turn had many more fakes than another, pooling ranks would pull
#   the AUC towards one half. The turns here are dealt out evenly.
#
# ## The reports' numbers beside ours
#
# Verdicts follow rules that were fixed before the runs. A *level* can only be compared with the report's own data
# and sizes, an *ordering* also on a sample.
#
# The last cell leaves a record of this run. A record from drawn images says that it is no evidence, and no table of
# results will take it.

# %%
judged = ledger.judge(ledger.read_claims(), results.recorded())
display(ledger.claims_table("02_ffnn_baseline", judged))

found, at_half = results.by_metric(measured), results.by_metric(half)
found |= {f"{name} at half": at_half[name] for name in ("accuracy", "AvgP", "AvgR")}
found |= {
    "constant": constant[["AvgP", "AvgR"]].to_dict()
    | {"percent real": round(100 * float((index["label"] == 0).mean()))},
    "auc difference": better,
    "accuracy difference": {"M1 - M2": gap, "M1 - M2, thresholds of validation": moved},
    "collapsed": collapsed,
    "gain after epoch 5": later,
    "winner": {"picked": top["val_auc"], "other seeds": fresh, "test": on_test},
    "auc by pixels": pixel_auc,
}
tables = {"predictions": recipes.predictions(runs), "history": every, "grid": search}
settings = chosen | {"split": split, "seed": SEED, "n_train": int(n["train"])}
settings |= {"n_test": len(tested), "parameters": {"LAYOUT": LAYOUT}}
record = results.make_record(
    "02_ffnn_baseline", index, found, profile, settings, started
)
print(results.write_record(record, tables=tables))

# %% [markdown]
# ## Take-aways
#
# - You set floors before you trained anything, and held the networks against them.
# - You computed an AUC by hand, and an interval for it.
# - You chose a threshold on validation, and can tell a bad threshold from a bad model.
# - You trained networks several times, and can say which of their differences hold.
# - You can recognise a collapsed network, and know why the winner of a search disappoints.
#
# ## Next
#
# Lesson 03 gives the network eyes: convolutions, which know that neighbouring pixels belong together. Bring the
# floors and the four rows from here.
#
# ## References
#
# - Report 000, *Detecting Fake Human Face Images*; report 001, *Classification of Real and Fake Human Faces Using
#   Deep Learning*; report 003, *Fake Faces Detection Project*.
# - J. Hanley, B. McNeil, *The meaning and use of the area under a ROC curve*, Radiology 1982: the AUC as pairs.
# - B. Efron, R. Tibshirani, *An Introduction to the Bootstrap*, 1993.
# - C. Nadeau, Y. Bengio, *Inference for the Generalization Error*, Machine Learning 2003: turns share images.
# - N. Obuchowski, H. Rockette, *Hypothesis testing of diagnostic accuracy for multiple readers and multiple tests*,
#   Communications in Statistics 1995: an interval that counts readers (here: seeds) and cases.
# - S. Holm, *A simple sequentially rejective multiple test procedure*, Scandinavian Journal of Statistics 1979.
# - L. Lu and others, *Dying ReLU and Initialization*, Communications in Computational Physics 2020.
