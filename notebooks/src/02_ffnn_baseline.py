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
import seaborn as sns
from IPython.display import display
from keras import layers
from sklearn.cluster import KMeans
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score

from fakeface_utils import config
from fakeface_utils.datasets import groups, pixels, splits, testbed
from fakeface_utils.evaluation import intervals, metrics, paired, plots
from fakeface_utils.lessons import checks, ledger, results, setup
from fakeface_utils.training import fit, recipes
from fakeface_utils.training.experiment import Experiment
from fakeface_utils.training.recipes import changed

plots.use_style()
started = time.time()
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
chosen = {"size": 128, "epochs": 10, "seeds": 5, "collapse": 20, "turns": 1}
chosen |= {"laptop": {"turns": 5}}.get(profile, {})
chosen |= {"smoke": {"size": 32, "epochs": 6, "collapse": 5}}.get(profile, {})
asked = {"epochs": EPOCHS, "seeds": SEEDS, "collapse": COLLAPSE_SEEDS, "turns": TURNS}
chosen |= {name: value for name, value in asked.items() if value}
cache = config.runs_dir() / "cache"
pd.Series({"profile": profile, "layout": LAYOUT} | chosen, name="this run").to_frame()

# %% [markdown]
# ## Recap
#
# - **Fake is 1**, and every score is a probability of *fake*. The reports score *real*; their numbers are turned.
# - **Train** is for learning, **validation** for every choice you make, **test** for one look at the end.
# - **Groups** of images that share a photograph stay in one split.
#
# ## Predict first
#
# Report 000 trains four feed-forward networks on photographs and StyleGAN faces of 128 x 128 pixels. M1 has 128
# hidden units and sees grey images; M2 is M1 with a tenth of the learning rate; M3 is M1 with 64 units; M4 is M1
# with colour. Below, a logistic regression on a thumbnail of 24 x 24 grey pixels stands beside them. Which has the
# highest AUC, and how many of twenty trainings of M3 will end with the same answer for every image? Write it down.

# %%
prediction = {
    "highest AUC": "nothing yet",  # M1, M2, M3, M4 or logistic
    "collapsed M3 of 20": "nothing yet",
}

# %% [markdown]
# ## The data
#
# Without real images the lesson draws 600 portraits with a planted truth: every fake is lighter. That is
# something a network without any idea of faces can find, and it is all that a run on drawn images shows.
#
# **How is it judged?** A test split of a few hundred images gives a wide interval. Training is cheap here, so with
# few images you take several *turns*: each fifth of the images is the test split once, and a network that never saw
# them, nor any of their relatives, scores them. In the end every image has one score.

# %%
planted = testbed.Truths(tone_shift=48) if LAYOUT == "140k" else None
index = setup.open_set(LAYOUT, profile, planted)
if LAYOUT == "140k":  # the Yonsei splits bring their groups
    pairs = groups.cached_pairs(index, cache, keypoints=profile == "laptop")
    index["group"] = groups.group_ids(index, pairs)
split = "folder" if LAYOUT == "140k" else "yonsei-001-grouped"
if index["set"].iloc[0] == "140k" and profile == "colab":
    split = "140k-16k"
index = splits.with_split(index, split)
turns, of = {split: index}, chosen["turns"]
if of > 1:
    turns = {
        f"turn {k} of {of}": splits.with_fold(index, k, of) for k in range(1, of + 1)
    }
tested = pd.concat(
    [part[part["split"] == "test"].assign(turn=name) for name, part in turns.items()]
)
label, group, turn = (tested[name].to_numpy() for name in ("label", "group", "turn"))
first = next(iter(turns.values()))
first.groupby(["split", "label"]).size().unstack()

# %% [markdown]
# **What does the network see?** Grey squares, and nothing else: no position of an eye, no notion that two pixels are
# neighbours. Shuffle all pixels of all images in the same way and it would learn just as well.

# %%
size, label_names = chosen["size"], {0: "real", 1: "fake"}
few = index[index["split"] == "train"].sample(frac=1, random_state=SEED)
few = few.groupby("label").head(3).sort_values("label")
order = np.random.default_rng(SEED).permutation(size * size)
grey = [pixels.read_image(path, size, color="grey")[..., 0] for path in few["path"]]
shuffled = [image.ravel()[order].reshape(size, size) for image in grey]
kinds = few["label"].map(label_names).tolist()
figure = plots.image_grid(
    grey + shuffled, kinds * 2, title="Above: for you. Below: for it"
)

# %% [markdown]
# The lower row is the upper one, with its pixels dealt out in one fixed order. If you can no longer tell what it
# shows, remember that the network never could.
#
# ## Floors
#
# A floor is what you get for nothing, or nearly. Report 000 reviewed a naive baseline and k-means and gives no
# result of either; here they are. **The naive one** looks at no image and gives them all the same score. What do
# its precision and recall look like, averaged over the two classes as report 000 averages them?

# %%
naive = metrics.constant_predictor(label, group)
names = ["auc", "accuracy", "precision_fake", "recall_fake", "precision_real"]
names += ["recall_real", "AvgP", "AvgR"]
constant = pd.Series({name: naive[name].value for name in names}, name="one answer")
constant.to_frame().T.round(3)

# %% [markdown]
# It finds all of one class and none of the other, so its mean recall is one half *whatever the shares of the
# classes*. Its mean precision is half the share of the class it names, since a precision of nothing counts as zero.
# Keep these two numbers: they are the signature of a network that has given up.
#
# **k-means** looks, but without labels: it sorts the images into two heaps. Which heap to call fake is then the
# only thing the labels decide, on validation. **Logistic regression** is one weight a pixel, on a thumbnail.

# %%
thumbnails = pixels.load_images(index, 24, color="grey", cache_dir=cache)
flat = thumbnails.reshape(len(index), -1) / 255
y = index["label"].to_numpy()


def k_means(x, labels, x_valid, labels_valid):
    """Learn two heaps; the answer is 1 for the heap that holds more fakes."""
    heaps = KMeans(2, n_init=10, random_state=SEED).fit(x)
    turned = np.mean(heaps.predict(x_valid) == labels_valid) < 0.5
    return lambda images: np.abs(heaps.predict(images) - turned).astype(float)


def logistic(x, labels, x_valid, labels_valid):
    """Learn one weight a pixel; the answer is P(fake)."""
    model = LogisticRegression(C=0.1, max_iter=1000).fit(x, labels)
    return lambda images: model.predict_proba(images)[:, 1]


def score_floor(learn):
    """Score the tested images of each turn by what its training images taught."""
    scores, cuts = [], []
    for part in turns.values():
        train, valid, test = (part["split"] == s for s in ("train", "valid", "test"))
        answer = learn(flat[train], y[train], flat[valid], y[valid])
        cut = metrics.choose_threshold(y[valid], answer(flat[valid]))
        scores.append(answer(flat[test]))
        cuts.append(np.full(test.sum(), cut))
    five = (np.tile(np.concatenate(x), (5, 1)) for x in (scores, cuts))
    return recipes.Runs({}, tested, *five)  # no seed: five equal runs


floors = {"k-means": score_floor(k_means), "logistic": score_floor(logistic)}

# %% [markdown]
# ## AUC by hand
#
# Scores come without a threshold, so before asking how many images are called right, ask something simpler.
# **Take one fake and one real at random: which has the higher score?** The share of pairs in which it is the fake is
# the AUC. One half is guessing, one is perfect, and no threshold was needed.


# %%
def auc_by_pairs(labels, scores):
    """Share of all (fake, real) pairs in which the fake scores higher; a tie counts half."""
    fake, real = scores[labels == 1], scores[labels == 0]
    higher = (fake[:, None] > real[None, :]).mean()
    tied = (fake[:, None] == real[None, :]).mean()
    return higher + tied / 2


some = np.random.default_rng(SEED).permutation(len(label))[:1000]  # pairs are many
y_some = label[some]
scores = paired.ranks_within(floors["logistic"].scores[0], turn)[some]
package = intervals.auc(y_some, scores, n_resamples=10).value
print(f"by pairs {auc_by_pairs(y_some, scores):.9f}, the package's {package:.9f}")

# %% [markdown]
# The two agree, and from here on the package's is used; it sorts once in place of comparing all pairs. One detail:
# scores of two turns come from two models, and only ranks *within* a turn may be compared. `ranks_within` takes care
# of it.
#
# **How far would this number move with other images?** You cannot collect new ones, but you can draw from those you
# have, with replacement, as many as there are, and compute the AUC again. Do that many times: the middle of the
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
# clear of it, a weight a pixel on a thumbnail already knows something, and no network may boast before it
# knows more. The package draws whole groups in place of images, so that relatives do not count twice.
#
# ## The network
#
# One hidden layer. Each of its units takes a weighted sum of *all* pixels, cuts off what is negative (ReLU), and the
# last layer turns their weighted sum into P(fake). Pixels go in as 0 to 255; the first layer scales them. How the
# report scaled them it does not say.


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
# **What does one training look like?** A few passes over the images, in batches of 25 as in the report. Loss is
# what training makes smaller; watch the two lines part.

# %%
keras.utils.set_random_seed(SEED)
network = feed_forward(size, channels=1, units=128)
images = pixels.load_images(index, size, color="grey", cache_dir=cache)
parts = [
    (images[index["split"] == s], y[index["split"] == s]) for s in ("train", "valid")
]
history = fit.fit(network, *parts, epochs=chosen["epochs"], batch_size=25, verbose=0)
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
# trained. It is trained once and kept: run this lesson again and it is loaded, stop it and it goes on where it was.

# %%
base = Experiment(
    index["set"].iloc[0],
    split,
    "ffnn",
    size=size,
    epochs=chosen["epochs"],
    batch_size=25,
)
four = {
    "M1": changed(base, units=128, color="grey", learning_rate=1e-3),
    "M2": changed(base, units=128, color="grey", learning_rate=1e-4),
    "M3": changed(base, units=64, color="grey", learning_rate=1e-3),
    "M4": changed(base, units=128, color="rgb", learning_rate=1e-3),
}
how = {"measure": metrics.judge, "profile": profile}
runs = recipes.run_recipes(four, turns, chosen["seeds"], **how)
each = pd.concat({name: run.table() for name, run in runs.items()}, names=["recipe"])
each.groupby("recipe")["auc"].describe()[["count", "min", "mean", "max"]].round(3)

# %% [markdown]
# Look at the gap between the smallest and the largest: this is *one* recipe, trained several times. A comparison
# of single runs is a comparison of luck with luck as long as the gap is wider than the difference.
#
# **How good are they, floors included?** Every number is a mean over the seeds, with an interval that counts both
# the seeds and the images. Accuracy is at the threshold that validation chose, unless it says *at half*.

# %%
rows = floors | runs
measured = {"constant": naive}
measured |= {name: metrics.measure_runs(row) for name, row in rows.items()}
names = ["auc", "ap", "balanced_accuracy", "accuracy", "ece", "brier"]
display(pd.DataFrame(measured).T[names].map("{:.2f}".format))
auc = pd.DataFrame({name: vars(measured[name]["auc"]) for name in rows}).T
axis = plots.forest(auc, axis=plt.figure(figsize=(7, 3)).gca())
axis.set(xlabel="AUC", title=f"{base.set}, {len(label):,} images tested")
plt.show()

# %% [markdown]
# Does any network clear the logistic floor, and by how much? How much do the intervals overlap? Overlap alone
# decides nothing, because all rows were measured on the same images; a few cells below you take that into account.
#
# What follows was recorded on real images, whatever you ran:

# %%
display(results.metric_table(recorded, "auc/"))
for record in recorded:
    kept = results.read_table(record, "predictions")
    seed_0 = {name: kept[f"{name}/0"].to_numpy() for name in four}
    seed_0 = {k: paired.ranks_within(v, kept["turn"]) for k, v in seed_0.items()}
    axis = plots.roc(kept["y_true"], seed_0, axis=plt.figure(figsize=(5, 4.5)).gca())
    axis.set_title(f"recorded on {record['set']}, {len(kept):,} images, first seed")
    plt.show()

# %% [markdown]
# Each point of a curve is one threshold: how many fakes it finds, at the price of how many reals. The report had
# many more training images than these sets hold; how many it does not say. Its numbers and ours are therefore not
# the same quantity, but the *order* of the four can be compared.
#
# ## Threshold or model?
#
# In the report, M2 has the better AUC and the worse accuracy. Can both be true? An AUC does not know a threshold;
# an accuracy depends on one. **Where do the scores lie, and where is the threshold?**

# %%
here = turn == turn[0]
figure, axes = plt.subplots(1, 2, figsize=(10, 3.2))
for axis, name in zip(axes, ("M1", "M2"), strict=True):
    cuts = {"one half": 0.5, "validation": runs[name].thresholds[0, here][0]}
    plots.scores(label[here], runs[name].scores[0, here], cuts, axis=axis)
    axis.set_title(f"{name}, first seed and turn")

half = {name: metrics.measure_runs(row, threshold=0.5) for name, row in rows.items()}
at = {"at one half": half, "where validation says": measured}
at = {what: {n: m[n]["accuracy"] for n in ("M1", "M2")} for what, m in at.items()}
display(pd.DataFrame(at).map("{:.3f}".format).rename_axis("accuracy"))
display(results.metric_table(recorded, "accuracy at half/"))
results.metric_table(recorded, "accuracy/")

# %% [markdown]
# If the mass of the scores lies to one side of one half, the threshold is misplaced and accuracy pays for it, while
# the order of the scores, and so the AUC, is untouched. Moving the threshold repairs that without training anything.
# Choose it on validation: chosen on the test split it would be fitted to the very images you report.
#
# ## Which differences hold?
#
# All recipes scored the same images, so compare them image by image: what makes an image hard makes it hard for
# both, and drops out of the difference. `paired.recipes` adds to that the spread of the seeds. Four comparisons are
# four chances to be fooled; Holm's correction makes the weakest of them pay most.

# %%
ranks = {name: paired.ranks_within(row.scores, turn) for name, row in rows.items()}
asked = [("M2", "M1"), ("M1", "M3"), ("M1", "M4"), ("M2", "logistic")]
better = {
    f"{a} - {b}": paired.recipes(label, ranks[a], ranks[b], group) for a, b in asked
}
p_holm = paired.holm([difference.p for difference in better.values()]).adjusted
shown = [(str(d), f"{p:.3g}") for d, p in zip(better.values(), p_holm, strict=True)]
columns = ["AUC of the first minus that of the second", "p after Holm"]
display(pd.DataFrame(shown, index=better, columns=columns))
called = [runs[name].scores >= 0.5 for name in ("M1", "M2")]
gap = paired.recipes(label, *called, group, metric=accuracy_score)
print(f"accuracy at one half, M1 - M2: {gap}")
display(results.metric_table(recorded, "auc difference/"))
results.metric_table(recorded, "accuracy difference/")

# %% [markdown]
# An interval above zero says the first is better, one below zero the second. One that holds zero says *we do not
# know yet*, and not that they are equal. Equal, for the verdicts at the end, means an interval inside a margin that
# was fixed before anything was run: two hundredths of AUC, three points of accuracy.
#
# ## Collapse
#
# The report's M3 and M4 score one half. **Bad luck, or a law?** Train all four many more times on the one split,
# and count how many trainings give (nearly) the same score to every test image. Beside them M3 and M4 *without* the
# layer that scales pixels to 0-1: the report does not say whether it scaled.

# %%
unscaled = {f"{k}, unscaled": changed(four[k], scale=1.0) for k in ("M3", "M4")}
suspects = four | unscaled
many = recipes.run_recipes(suspects, {split: index}, chosen["collapse"], **how)
wide = {name: np.ptp(run.scores, axis=1) for name, run in many.items()}
collapsed = {k: intervals.wilson(int(sum(w < 0.01)), len(w)) for k, w in wide.items()}
display(pd.Series(collapsed, name="share with one answer").map(str).to_frame())

shown = pd.DataFrame({name: run.table()["auc"] for name, run in many.items()}).melt()
axis = plt.figure(figsize=(7, 3)).gca()
sns.stripplot(shown, x="value", y="variable", color="black", alpha=0.5, ax=axis)
axis.axvline(0.5, color="gray", linestyle=":")
axis.set(xlabel="AUC of each training", ylabel="")
plt.show()
results.metric_table(recorded, "collapsed/")

# %% [markdown]
# A point on the dotted line is a training that learned nothing. When every hidden unit's sum is negative for every
# image, ReLU lets nothing through, no gradient comes back, and the network stays where it is: its units are *dead*.
# Large steps get it there, few units make it likelier, and it happens to one seed and not to the next. So compare
# the rows: what does the smaller learning rate of M2 change, and what the scale of the pixels? A report that trains
# each network once cannot tell a bad recipe from a bad draw.
#
# What must a collapsed network score? You computed it above. Compare the report's M3 and M4 with it: the mean
# precision it prints is the signature, the mean recall is not. No constant can have that recall; exercise 02.3 asks
# you to show why.
#
# ## After epoch 5
#
# The report trains for ten epochs and remarks that its best model's validation is good after about five. **Is there
# anything to gain after the fifth?** Here validation AUC is followed through every training.

# %%
every = recipes.histories(runs)
look = {"hue": "recipe", "style": "recipe", "errorbar": "sd"}
axis = plt.figure(figsize=(7, 3)).gca()
sns.lineplot(every, x="epoch", y="val_auc", ax=axis, **look)
axis.axvline(5, color="gray", linestyle=":")
axis.set(ylabel="AUC on validation", title="mean and spread of all trainings")
axis.set_xticks(range(1, chosen["epochs"] + 1))
plt.show()

curve = every.pivot_table("val_auc", ["recipe", "turn"], "epoch")
gain = (curve[chosen["epochs"]] - curve[min(5, chosen["epochs"])]).unstack("turn")
n = first["split"].value_counts()
later = {}
if of > 1:
    n_part = n["train"], n["valid"]
    later = {k: paired.nadeau_bengio(v, *n_part) for k, v in gain.iterrows()}
display(gain.mean(axis=1).round(3).to_frame("mean gain after epoch 5"))
results.metric_table(recorded, "gain after epoch 5/")

# %% [markdown]
# The turns share most of their training images, so their gains are not independent; the correction of Nadeau and
# Bengio widens the interval for it. If zero is inside, five epochs would have done, at half the price. A recipe that
# still rises at the end was stopped by its learning rate, not by what there is to learn.
#
# ## The grid
#
# Report 000 tried four activations, five sizes of the hidden layer, three learning rates and five numbers of
# epochs. Train each of the sixty networks once, for as long as the longest, and read the shorter ones off its
# history. **Where are the good networks?** Everything in this section is judged on validation.

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
display(best[[*tried, "epoch", "val_auc", "val_accuracy"]].round(3))

panels = ("activation", "units", "learning_rate", "val_auc")
plots.search(search, *panels, title=f"this run, {base.set}")
for record in recorded:
    kept = results.read_table(record, "grid")
    plots.search(kept, *panels, title=f"recorded on {record['set']}")
plt.show()

# %% [markdown]
# Look for a row, a column or a panel that is dark as a whole; a single dark cell beside pale ones is more likely luck.
# Cells near one half have saturated: a sigmoid or tanh unit whose sum is far from zero hardly changes any more, and
# large steps drive it there. Softmax in a hidden layer makes its units share one unit of output, which is rarely
# meant.
#
# **How good is the winner?** You picked the best of hundreds of readings on a small validation split, so its score is
# too good: the *winner's curse*. Train the winning recipe with several seeds and look at the test split, once.

# %%
best = best.iloc[0]
winner = changed(longest, **best[list(tried)], epochs=int(best["epoch"]))
again = recipes.run_recipes({"winner": winner}, {split: index}, chosen["seeds"], **how)
on_test = metrics.measure_runs(again["winner"])["auc"]
print(f"the winner: {winner}")
print(f"validation, as picked: {best['val_auc']:.3f}; test, all seeds: {on_test:.3f}")
results.metric_table(recorded, "winner/")

# %% [markdown]
# ## Pixel sizes and colour
#
# The report says that it varied the pixel size and the colour, and gives one row of it (M4). **Do more pixels or
# colour help a network that cannot see shapes?** M2's recipe, on the one test split. The last row keeps every
# second pixel in place of averaging four, as Keras's old image generator did unless told otherwise.

# %%
sides, colors = (
    ((16, 32), ["grey"]) if profile == "smoke" else ((32, 64, 128), ["grey", "rgb"])
)
sizes = {
    f"{side} px {color}": changed(four["M2"], size=side, color=color)
    for color in colors
    for side in sides
}
if profile != "smoke":
    sizes["128 px grey, nearest"] = changed(four["M2"], resize="nearest")
by_size = recipes.run_recipes(sizes, {split: index}, chosen["seeds"], **how)
pixel_auc = {name: metrics.measure_runs(run)["auc"] for name, run in by_size.items()}
display(pd.Series(pixel_auc, name="AUC").map("{:.3f}".format).to_frame())
results.metric_table(recorded, "auc by pixels/")

# %% [markdown]
# If a small grey thumbnail does as well as the full image in colour, the network uses something coarse: tone,
# framing, where the light falls. That is the kind of thing that lesson 01's audit found without any network.
#
# ## Exercises
#
# Replace each `raise` by your own lines and run the cell, then the cell below it. The check shows the input,
# what was expected and what came.
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
    f"the network above: {count_parameters(size, 1, 128):,} = {network.count_params():,}"
)

# %% [markdown]
# **02.2 A threshold for few false alarms.** Someone who is wrongly called a fake is harmed. Return the lowest of the
# given scores at which at most the share `most` of the reals is called fake (called fake means: score at least the
# threshold). Return infinity if there is none. Then explain why you would give it validation scores only.


# %% tags=["exercise-02.2"]
def careful_threshold(labels, scores, most):
    """Find the lowest score that, as a threshold, accuses at most this share of the reals."""
    # <solution>
    reals = scores[labels == 0]
    for threshold in np.sort(scores):
        if np.mean(reals >= threshold) <= most:
            return float(threshold)
    return float("inf")
    # </solution>


# %%
careful_threshold = checks.ex_02_2(careful_threshold)
kept = next(iter(runs["M2"].records.values()))[0].predictions()
kept = kept[kept["split"] == "valid"]
careful = careful_threshold(kept["y_true"].to_numpy(), kept["y_score"].to_numpy(), 0.1)
print(f"M2, at most one real in ten accused: {careful:.3f}")

# %% [markdown]
# **02.3 What one answer scores.** A model calls every image fake, or every image real. From the share of fakes
# among the images, return its accuracy, its mean precision and its mean recall over the two classes (a precision of
# nothing is 0). Then say which of the report's numbers for M3 cannot come from such a model.


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
print(np.round(one_answer(label.mean(), says_fake), 3), constant.round(3).tolist()[-2:])

# %% [markdown]
# **02.4 Your own bootstrap.** Given which images each resample drew (a row of image numbers each), return the AUC of
# every resample and, from these, the limits that leave out `tail` on either side: `np.quantile` does that. Then
# change `SEED` above and see which digit of your interval you may trust.


# %% tags=["exercise-02.4"]
def bootstrap_limits(labels, scores, draws, tail):
    """Compute the limits of a bootstrap interval of the AUC, as an array (low, high)."""
    # <solution>
    values = [auc_by_pairs(labels[rows], scores[rows]) for rows in draws]
    return np.quantile(values, [tail, 1 - tail])
    # </solution>


# %%
bootstrap_limits = checks.ex_02_4(bootstrap_limits)
rng = np.random.default_rng(SEED)
draws = rng.integers(len(some), size=(200, len(some)))
print(bootstrap_limits(y_some, scores, draws, 0.025).round(3))

# %% [markdown]
# **Open.** Find a floor that is harder to beat: other pixels, another simple model, or one of lesson 01's probes.
# Or find out what makes M3 collapse *with* scaled pixels: the learning rate, the activation, the size of the batch?
# Write down what you expect, train at least five seeds, and say what you found in one sentence with an interval.
#
# ## What can go wrong
#
# - **A test split that is used twice is a validation split.** The grid above would look wonderful on the images
#   it was picked on. So would a threshold.
# - **Mean precision is not average precision.** Report 000 prints the mean of the two classes' precisions. *Average
#   precision* (AP) is the area under a curve, and the table above gives it separately.
# - **One half is only guessing when classes are equal.** On the Yonsei set, always answering *real* is right more
#   often than that, and an accuracy has to be read against it.
# - **Seeds are not images.** Twenty seeds say how a recipe varies on *these* images. They do not make the test
#   split larger.
# - **A small set flatters simple models.** With a thousand training images a network of millions of weights is at
#   its worst. That the floor holds here does not say that it would hold with a hundred thousand.
# - **Ranks within turns need equal turns.** If one turn had many more fakes than another, pooling ranks would pull
#   the AUC towards one half. The turns here are dealt out evenly.
#
# ## The reports' numbers beside ours
#
# Verdicts follow rules that were fixed before the runs. A *level* can only be compared with the report's own data
# and sizes, an *ordering* also on a sample.

# %%
judged = ledger.judge(ledger.read_claims(), results.recorded())
ledger.claims_table("02_ffnn_baseline", judged)

# %% [markdown]
# Last, this run leaves a record of its own. A record from drawn images says that it is no evidence, and no
# table of results will take it.

# %%
found = results.by_metric(measured)
at_half = results.by_metric(half)
found |= {f"{name} at half": at_half[name] for name in ("accuracy", "AvgP", "AvgR")}
reals = round(100 * float((index["label"] == 0).mean()))
found |= {
    "constant": {
        "AvgP": constant["AvgP"],
        "AvgR": constant["AvgR"],
        "percent real": reals,
    },
    "auc difference": better,
    "accuracy difference": {"M1 - M2": gap},
    "collapsed": collapsed,
    "gain after epoch 5": later,
    "winner": {"validation, as picked": best["val_auc"], "test": on_test},
    "auc by pixels": pixel_auc,
}
tables = {"predictions": recipes.predictions(runs), "history": every, "grid": search}
settings = chosen | {"split": split, "seed": SEED, "n_train": int(n["train"])}
settings |= {"n_valid": int(n["valid"]), "n_test": len(label)}
settings |= {"parameters": {"LAYOUT": LAYOUT}}
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
# - Report 000, *Detecting Fake Human Face Images*; report 003, *Fake Faces Detection Project*.
# - J. Hanley, B. McNeil, *The meaning and use of the area under a ROC curve*, Radiology 1982: the AUC as pairs.
# - B. Efron, R. Tibshirani, *An Introduction to the Bootstrap*, 1993.
# - C. Nadeau, Y. Bengio, *Inference for the Generalization Error*, Machine Learning 2003: turns share images.
# - N. Obuchowski, H. Rockette, 1995: an interval that counts readers (here: seeds) and cases.
# - S. Holm, *A Simple Sequentially Rejective Multiple Test Procedure*, 1979.
