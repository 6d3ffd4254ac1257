# %% [markdown]
# # What do filters add, and which setting matters?
#
# {{badges}}
#
# ## What you will do
#
# You give the network eyes. You write a convolution in ten lines of NumPy, build the CNNs of four reports, train them
# several times each, and ask of every "better" in the reports: is it the network, the seed, or the test images? Then
# you let a search choose the settings and see what its winner is worth.
#
# ### What you will learn
#
# - to compute a convolution by hand and to say what sharing weights brings
# - to count a network's parameters, and to see why they can fall as it gets deeper
# - to compare two networks, and two recipes, on the same images
# - to say what a report's numbers can decide, and what they leave open
# - to search for settings without believing the winner
#
# ### What you will need
#
# Lesson 02's words (AUC, interval, seed, recipe, threshold). A chapter on convolution helps. No account, no GPU, no
# network: without real data the lesson draws its own.
#
# ## Set-up
#
# The first table says what is installed here, the second how long the lesson took where it was measured.

# %%
import time
from itertools import combinations

import keras
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from IPython.display import display
from keras import layers
from scipy.stats import ttest_1samp
from sklearn.metrics import accuracy_score, roc_auc_score

from fakeface_utils import config, models
from fakeface_utils.datasets import layouts, pixels, testbed
from fakeface_utils.evaluation import intervals, metrics, paired, plots, reported
from fakeface_utils.lessons import checks, ledger, quiz, results, setup
from fakeface_utils.models import augmentation, cost
from fakeface_utils.training import fit, recipes, sweep, systems, workers
from fakeface_utils.training.experiment import Experiment
from fakeface_utils.training.recipes import changed

plots.use_style()
started, cache = time.time(), config.cache_dir()
recorded = results.recorded("03_cnn_tuning")  # what was measured on real images
display(setup.show_versions("numpy", "tensorflow", "keras", "keras-tuner"))
results.minutes("03_cnn_tuning")

# %% [markdown]
# ## Parameters
#
# Change a value here, then run everything below it. With `TRIALS = 0` the profile says how many.

# %% tags=["parameters"]
PROFILE = "auto"  # smoke, laptop, colab or paper; auto looks at your data and your GPU
LAYOUT = "140k"  # which of the two sets: 140k or yonsei
ONLY = ""  # train these networks alone, names with ; between them; empty trains the profile's
SEEDS = 5  # how often each network is trained, at least 5
SLOW = 3  # how often report 004's network is, in laptop: there it takes longest
TRIALS = 0  # networks that the search tries
WORKERS = 1  # processes that search; 2 or more are KerasTuner's chief and its workers
SEED = 0  # of every other random choice below

# %%
profile = setup.choose_profile(PROFILE)
px, seeds_004 = (32, min(SEEDS, SLOW)) if profile == "laptop" else (128, SEEDS)
small, trials, passes = (32, 6, 2) if profile == "smoke" else (64, 16, 5)
changes = {"size": 32, "epochs": 8} if profile == "smoke" else {}
chosen = {"seeds": SEEDS, "seeds of 004": seeds_004, "ablation px": px}
chosen |= {"search px": small, "trials": TRIALS or trials, "search epochs": passes}
pd.Series({"profile": profile, "layout": LAYOUT} | chosen, name="this run").to_frame()

# %% [markdown]
# ## Recap
#
# - **Fake is 1**, every score is P(fake), and thresholds come from **validation**.
# - An **experiment** says in full what is trained. A **recipe** is an experiment without its seed. It is judged by at
#   least five seeds.
# - A **difference** has an interval of its own. One that holds zero says *we do not know yet*, not *equal*.
#
# ## Predict first
#
# Report 000 trains six CNNs, from one convolution (CNN-1) to three (CNN-3, CNN-4, CNN-5; CNN-3.1 has larger kernels
# and pools). Four guesses, before you see anything: which has the most parameters? Which will have the highest AUC
# here? Train one recipe five times: of the ten pairs of trainings, how many will a test of *two networks* call
# different? And may the report say that its best beats its second best?

# %%
prediction = {
    "most parameters": "nothing yet",  # CNN-1, CNN-2, CNN-3, CNN-3.1, CNN-4, CNN-5
    "highest AUC": "nothing yet",
    "pairs called different, of 10": "nothing yet",
    "best beats second": "nothing yet",  # yes, no, or cannot be told
}

# %% [markdown]
# ## The data
#
# In `smoke` the lesson draws 600 small portraits with a planted truth: each fake has a checkerboard in a disc. Place,
# phase and sign change from image to image, so on average no pixel is lighter or darker in fakes. The pattern is only
# *between* neighbours. Lesson 02's network should not find it, and a CNN should. That shows that the method works,
# and nothing about photographs.
#
# **Cover the labels: can you tell the fakes?** On the drawn ones look for squares of two by two pixels.

# %%
if profile == "smoke" and LAYOUT == "140k":
    planted = testbed.Truths(checkerboard=12, generator=False)
    spec = testbed.SampleSpec("140k", 600, size=32, truths=planted)
    folder = config.sample_dir() / "140k-checkerboard"
    index = layouts.build_index(testbed.make_sample(folder, spec, overwrite=True))
    split = "folder"
    print(f"{len(index)} drawn portraits [{setup.NOT_EVIDENCE}]")
else:
    index, split = setup.open_split(LAYOUT, profile)
y, where = index["label"].to_numpy(), index["set"].iloc[0]
part = {s: np.flatnonzero(index["split"] == s) for s in ("train", "valid", "test")}

# Small images for what is shown and searched; the networks get the reports' sizes.
images = pixels.load_images(index, small, color="grey", cache_dir=cache)
kinds = [part["train"][y[part["train"]] == k][:6] for k in (0, 1)]
shown = images[np.concatenate(kinds)]
names = ["real"] * 6 + ["fake"] * 6
figure = plots.image_grid(shown, names, title=f"{where}, {small} px")
index.groupby(["split", "label"]).size().unstack()

# %% [markdown]
# ## A convolution by hand
#
# Your eye knows the drawn pattern wherever it lies. Can a network? A unit of lesson 02 had a weight for every pixel.
# A *filter* has a weight for every pixel of a small window, the *kernel*, and the window slides: the same few weights
# are used at every place. The answer is an image again, a *map* of how well the window fits the kernel here and
# there. Ten lines do it. **Is it the same as Keras's layer?**


# %%
def convolve(image, kernels, biases):
    """Slide kernels (k, k, channels, n) over an image (height, width, channels)."""
    side, _, _, n = kernels.shape
    height, width = (length - side + 1 for length in image.shape[:2])
    maps = np.empty((height, width, n))
    for row in range(height):
        for column in range(width):
            window = image[row : row + side, column : column + side]
            maps[row, column] = np.tensordot(window, kernels, 3) + biases
    return maps


layer = layers.Conv2D(4, 3)
image = shown[0] / 255
theirs = layer(image[None].astype("float32")).numpy()[0]
ours = convolve(image, *layer.get_weights())
print("shapes", theirs.shape, ours.shape)
print(f"largest difference {np.abs(theirs - ours).max():.0e}")
print(f"weights and biases {layer.count_params()}")

# %% [markdown]
# Count the weights: lesson 02's hidden layer had one for every pixel and unit. Shared weights are few, and what is
# learned at one place is known at all. The map is two pixels smaller than the image: a window of three has no place
# at the very edge. Keras calls that `padding="valid"`; with `"same"` it pads the edge with zeros.
#
# **What does a filter answer to?** Here are two made by hand, an upright edge and a checkerboard, each with ReLU after
# it. *Max pooling* then keeps the largest answer of each square: it forgets exactly where, and keeps whether. Compare
# the real image in the upper row with the fake below it.


# %%
def pool(maps, side):
    """Keep the largest value of each square of maps (height, width, n)."""
    height, width = (length // side for length in maps.shape[:2])
    squares = maps[: height * side, : width * side]
    return squares.reshape(height, side, width, side, -1).max(axis=(1, 3))


edge = np.kron([[-1, 1], [-1, 1]], np.ones((2, 2))) / 4
checker = np.kron([[1, -1], [-1, 1]], np.ones((2, 2))) / 4
kernels = np.stack([edge, checker], axis=-1)[:, :, None]
panels = []
for one in (shown[0], shown[6]):
    maps = np.maximum(convolve(one.astype(float), kernels, 0), 0)
    pooled = pool(maps, 4)
    panels += [one, maps[..., 0], maps[..., 1] * 4, pooled[..., 1] * 4]
titles = ["image", "edge", "checker, x 4", "pooled, x 4"]
figure = plots.image_grid(panels, titles * 2, columns=4, title="Above real, below fake")

# %% [markdown]
# On the drawn fake, the checkerboard filter should light up all over a disc, and on the real image only here and
# there; on photographs both rows may look alike. Where exactly it lit up, pooling forgets, and that is its use: a
# shift by a pixel no longer matters, and the next layer has fewer numbers to look at. A CNN is not given its kernels.
# It learns them.
#
# ## The network
#
# CNN-3 of report 000: three pairs of convolution and pooling, with 32, 32 and 64 filters, then a dense layer and the
# output. The report draws it, but names no kernel, pool, optimizer or batch. The usual ones are assumed here: 3 x 3,
# 2 x 2, Adam with 0.001, batches of 32. **How does the image change on its way?** Below the table, one training on the
# small images: does validation follow?


# %% tags=["model"]
def cnn(side, channels, filters, kernel=3, pooling=2):
    """Pairs of convolution and pooling, as in report 000."""
    image = keras.Input((side, side, channels))
    x = layers.Rescaling(1 / 255)(image)
    for n in filters:
        x = layers.Conv2D(n, kernel, activation="relu")(x)
        x = layers.MaxPooling2D(pooling)(x)
    x = layers.Flatten()(x)
    x = layers.Dense(64, activation="relu")(x)
    return keras.Model(image, layers.Dense(1, activation="sigmoid")(x))


cnn(128, channels=1, filters=(32, 32, 64)).summary()
keras.utils.set_random_seed(SEED)
network = cnn(small, channels=1, filters=(32, 32, 64))
train, valid = ((images[part[s]], y[part[s]]) for s in ("train", "valid"))
adam = {"optimizer": "adam", "learning_rate": 1e-3}
adam |= {"epochs": 12, "batch_size": 32, "verbose": 0}
history = fit.fit(network, train, valid, **adam)
figure = plots.learning_curves(history, title=f"CNN-3 at {small} px, one training")

# %% [markdown]
# Each pair halves the side, and the number of maps grows: less *where*, more *what*. Most parameters are not in the
# convolutions, but in the dense layer behind `Flatten`.
#
# Lesson 02 taught you to read the curves: a training loss that falls while validation's does not is learning by
# heart. This is one training at one size. Keep the network; exercise 03.4 needs it.
#
# ## Where are the parameters?
#
# The report's six CNNs differ in depth and width. **Do deeper ones have more parameters?** Build all six and count. A
# convolution has kernel x kernel x channels weights a filter and a bias, whatever the size of the image. The first
# dense layer has a weight for each unit and each number that is left of the image.

# %%
six = ["CNN-1", "CNN-2", "CNN-3", "CNN-3.1", "CNN-4", "CNN-5"]


def built(recipe):
    """The untrained network of an experiment."""
    arguments = dict(recipe.model_args)
    return models.build(recipe.model, recipe.size, recipe.color, **arguments)


rows = {}
for name in six:
    network_of = built(systems.experiment(name, where, split))
    at = [layer.count_params() for layer in network_of.layers if layer.weights]
    filters = systems.SYSTEMS[name].model_args["filters"]
    rows[name] = {"filters": filters, "convolutions": sum(at[:-2]), "dense": at[-2]}
    rows[name] |= {"all": network_of.count_params()}
display(pd.DataFrame(rows).T)
print("most:", max(rows, key=lambda name: rows[name]["all"]), end="; ")
print("you predicted", prediction["most parameters"])
try:
    built(changed(systems.experiment("CNN-3.1", where, split), padding="valid"))
except ValueError as error:
    print("CNN-3.1 as printed:", str(error).split(". ")[0])

# %% [markdown]
# Read the columns against each other. Each pooling leaves a quarter of the numbers, so the dense layer shrinks faster
# than the convolutions grow. "Deeper" here also means "smaller": a report that compares depths compares two things at
# once.
#
# And CNN-3.1 cannot work as the report prints it: 128 pixels become 123, 30, 25, 6, 1, and the third pooling of 4 has
# nothing left to pool. Keras builds such a network without a word and fails at its first image; the package refuses.
# With padding it works; that is the form in the table, and an assumption. Exercise 03.2 asks you to find such *dead*
# settings beforehand.
#
# ## All networks of the reports
#
# **What was built, and what had to be guessed?** These are all networks that the reports train from nothing, and the
# package's names for them. The column *assumed* says what a report leaves open. The second table counts, always at
# the report's own size. An operation is one multiplication or one addition, for one image.

# %%
others = ["simple_model", "simple_model1", "very simple CNN", "custom CNN"]
others += ["custom CNN, augmented", "CNN of 004"]
ablations = [f"CNN of 004, {less}" for less in ("no BN", "no dropout", "neither")]
everyone = [*six, *others, "Model 1"]
display(systems.table(everyone)[["report", "input", "training", "assumed"]])
as_reported = {name: systems.experiment(name, where, split) for name in everyone}
costs = cost.cost_table({name: built(e) for name, e in as_reported.items()})
costs.map("{:,}".format)

# %% [markdown] tags=["claim"]
# Report 004 is the one that prints its count: 1,666,882, of which 1,666,114 are trainable. Does the table agree? The
# rest are the running means and variances of batch normalisation (explained further down), which no gradient touches.
# Hold the number of guesses in a row in mind when you read a verdict on it: what we train is *a* network of that
# name.
#
# Model 1 of report 001 is only counted, unless you name it in `ONLY`. Report 004's network without some of its layers
# comes further down.
#
# ## Train them
#
# Each recipe is trained with several seeds, on the same images, and judged on the same test split. Lesson 02's M2,
# its network of one hidden layer, stands beside them; what was trained there on the same images is loaded. In `smoke`
# only two CNNs are trained, at 32 pixels. In `laptop` the network of report 004 gets fewer seeds, and a row with
# fewer than five is one network, its first seed; `seeds` says so. Each report's networks keep its size, colours and
# epochs, so rows of different reports differ in more than their layers. **Which is best?**

# %%
trained = {"smoke": ["CNN-1", "CNN-3"], "colab": six}.get(profile, [*six, *others])
if LAYOUT == "yonsei" and profile != "smoke":
    trained = others[2:5]
trained = [name.strip() for name in ONLY.split(";") if name.strip()] or trained
m2 = {"model_args": {"units": 128}, "color": "grey", "learning_rate": 1e-4}
m2 |= {"epochs": 10, "batch_size": 25, **changes}
asked = {"M2": Experiment(where, split, "ffnn", **m2)}
for name in trained:
    asked[name] = systems.experiment(name, where, split, **changes)
if "CNN of 004" in trained:
    for name in ["CNN of 004", *ablations]:
        smaller = systems.experiment(name, where, split, **changes | {"size": px})
        asked[f"{name}, {px} px"] = smaller
how = {"measure": metrics.judge, "profile": profile}


def train_all(wanted, parts=None):
    """Train each recipe with its number of seeds; what was trained before is loaded."""
    done = {}
    for name, recipe in wanted.items():
        n = seeds_004 if name == "CNN of 004" else SEEDS
        done |= recipes.run_recipes({name: recipe}, parts or {split: index}, n, **how)
    return done


runs = train_all(asked)

# %% [markdown]
# Now measure. As in lesson 02, an interval counts other seeds and other test images, and the constant is the model
# that looks at nothing. ECE is how far scores lie from the shares of fakes that they promise; lesson 07 comes back
# to it.


# %%
def measured_at(run, threshold=None):
    """A recipe's metrics; with fewer than five seeds those of its first network."""
    if len(run.scores) >= 5:
        return metrics.measure_runs(run, threshold=threshold)
    cut = float(run.thresholds[0, 0]) if threshold is None else threshold
    return metrics.measure(y_test, run.scores[0], group, threshold=cut)


tested = runs["M2"].images
y_test, group = (tested[column].to_numpy() for column in ("label", "group"))
prior = y[part["train"]].mean()
measured = {"constant": metrics.constant_predictor(y_test, group, prior=prior)}
measured |= {name: measured_at(run) for name, run in runs.items()}
half = {name: measured_at(run, threshold=0.5) for name, run in runs.items()}
table = pd.DataFrame(measured).T[["auc", "ap", "balanced_accuracy", "accuracy", "ece"]]
table = table.map("{:.2f}".format)
table["seeds"] = ["-", *(len(run.scores) for run in runs.values())]
display(table)
auc = pd.DataFrame({name: vars(measured[name]["auc"]) for name in runs}).T
axis = plots.forest(auc, axis=plt.figure(figsize=(7, 2.2 + 0.25 * len(auc))).gca())
axis.set(xlabel="AUC", title=f"{where}, {len(tested):,} images tested")
plt.show()
guess, best = prediction["highest AUC"], auc["value"].astype(float).idxmax()
print(f"you predicted {guess!r}; here the highest AUC is that of {best!r}")

# %% [markdown]
# The drawn pattern is only between neighbours: M2 should lie on the dotted line there, and the CNNs should not. On
# photographs M2 may clear the line as well; do the CNNs get further? An interval much wider than those beside it
# mostly belongs to a recipe whose seeds differ. A row with fewer than five seeds counts the images alone, so its
# interval is too narrow to be held against the others.
#
# **Which errors does each make?** The confusion matrices are of the first seed, at the threshold that validation
# chose, and so are the ROC curves. What follows them was recorded on real images, whatever you ran.

# %%
called = {k: (run.scores[0] >= run.thresholds[0]) * 1 for k, run in runs.items()}
plots.confusion_matrices(y_test, called, title=f"this run, {where}, first seed")
first = {name: run.scores[0] for name, run in list(runs.items())[:6]}
plots.roc(y_test, first, axis=plt.figure(figsize=(5, 4.4)).gca())
plt.show()
display(results.metric_table(recorded, "auc/"))
for record in recorded:
    told = results.interval_table(record, "auc/").sort_values("value")
    shown_as = told.rename(results.few_seeds(record))
    axis = plt.figure(figsize=(7, 2.2 + 0.25 * len(told))).gca()
    plots.forest(shown_as, axis=axis).set(xlabel="AUC", title=results.stamp(record))
    table = results.read_table(record, "predictions")
    best = [name for name in told.index[::-1] if f"{name}/0" in table][:5]
    curves = {name: table[f"{name}/0"] for name in best}
    axis = plots.roc(table["y_true"], curves, axis=plt.figure(figsize=(6, 5)).gca())
    axis.set_title(f"{results.stamp(record)}\nthe five best, first seed", fontsize=9)
    plt.show()

# %% [markdown]
# Two matrices with the same number of errors can be very unlike: one accuses reals, the other misses fakes. That is
# the threshold's doing as much as the network's; the ROC curve shows the same network at all thresholds. The five
# recorded curves are those with the highest AUC on test, each by one seed: look at their shape, not at who is first.
#
# ## Pairing: two networks
#
# Take one trained CNN-3 and one trained CNN-1. Each AUC has an interval. **Is the difference as uncertain as the two
# intervals together?** Draw other test images from those you have, as in lesson 02, but compute *both* AUCs on each
# draw. A draw of hard images is hard for both.

# %%
a, b = ("CNN-3", "CNN-1") if {"CNN-3", "CNN-1"} <= set(runs) else list(runs)[:2]
one, other = runs[a].scores[0], runs[b].scores[0]
rng, drawn = np.random.default_rng(SEED), []
for _ in range(300):
    r = rng.integers(len(y_test), size=len(y_test))
    drawn.append([roc_auc_score(y_test[r], s[r]) for s in (one, other)])
auc_a, auc_b = np.array(drawn).T
apart = np.sqrt(auc_a.var() + auc_b.var())  # if the two had separate test images
axis = plt.figure(figsize=(4.2, 3.8)).gca()
axis.plot(auc_b, auc_a, ".", alpha=0.5)
axis.set(xlabel=f"AUC of {b} on a draw", ylabel=f"AUC of {a} on the same draw")
plt.show()
correlation = np.corrcoef(auc_a, auc_b)[0, 1]
print(f"correlation of the two AUCs: {correlation:.2f}")
print(
    f"error of the difference: {apart:.3f} if unpaired, {(auc_a - auc_b).std():.3f} paired"
)
print("DeLong:", paired.delong(y_test, one, other))

# %% [markdown]
# If the cloud leans to the upper right, the two AUCs share the luck of the images, and the paired error is the
# smaller one. With correlation $r$ the error of the difference is $\sqrt{s_a^2 + s_b^2 - 2\,r\,s_a s_b}$. DeLong's
# test gives nearly the same error from ranks, without drawing. A network that is nearly perfect has little luck to
# share, and then the cloud does not lean. DeLong takes images as independent; the package's other comparisons draw
# whole groups.
#
# ## Seeds: two recipes
#
# DeLong answers: would *these two trained networks* differ on other images? The reports ask: is *three convolutions*
# better than *one*? **Let two networks differ by nothing but the seed.** How often does DeLong find a "significant"
# difference? If the two were equally good in truth, the luck of the test images would give about one pair in twenty.

# %%
same_recipe = {}
for name, run in runs.items():
    each = [roc_auc_score(y_test, scores) for scores in run.scores]
    p = [paired.delong(y_test, s, t).p for s, t in combinations(run.scores, 2)]
    told = {"lowest AUC": min(each), "highest AUC": max(each), "pairs": len(p)}
    same_recipe[name] = told | {"called different": int(sum(np.array(p) < 0.05))}
display(pd.DataFrame.from_dict(same_recipe, orient="index").round(3))
print(f"you predicted {prediction['pairs called different, of 10']!r}")

# %% [markdown]
# Where DeLong calls more than a few pairs different, the test is not wrong: those networks *are* different. But what
# differs is luck, and the recipe is the same. A report that trains each recipe once and then tests its networks,
# however well, finds such differences too. So a sentence on recipes needs the spread of the seeds in its interval.
# `paired.recipes` adds it to the paired doubt of the images, and refuses fewer than five seeds.
#
# **Which of the reports' orderings hold?** Read each row as "the first is better than the second".

# %%
versus = [("CNN-2", "CNN-1"), ("CNN-3", "CNN-2"), ("CNN-4", "CNN-2")]
versus += [("CNN-3", "M2"), ("CNN-5", "M2"), ("CNN-3", "CNN-1")]
versus += [("CNN-3", "CNN-3.1"), ("CNN-3", "CNN-4"), ("CNN-5", "CNN-4")]
versus += [("CNN-5", "CNN-3"), ("simple_model", "simple_model1")]
augmented = "custom CNN, augmented"
versus += [("custom CNN", "very simple CNN"), (augmented, "custom CNN")]
versus += [(augmented, "constant")]
full = f"CNN of 004, {px} px"
versus += [(full, f"{name}, {px} px") for name in ablations]


def compare(runs, versus):
    """Paired differences of recipes that were trained: of AUCs, and of accuracies at .5."""
    enough = {name: run.scores for name, run in runs.items() if len(run.scores) >= 5}
    enough["constant"] = np.full((5, len(y_test)), prior)
    better, right = {}, {}
    for a, b in (pair for pair in versus if set(pair) <= set(enough)):
        name, both = f"{a} - {b}", (enough[a], enough[b])
        better[name] = paired.recipes(y_test, *both, group)
        calls = [scores >= 0.5 for scores in both]
        right[name] = paired.recipes(y_test, *calls, group, metric=accuracy_score)
    return better, right


better, right = compare(runs, versus)
for what, family in (("AUC", better), ("accuracy at one half", right)):
    display(paired.family_table(family).rename_axis(what) if family else "none trained")
display(results.metric_table(recorded, "auc difference/"))
results.metric_table(recorded, "accuracy difference/")

# %% [markdown]
# An interval above zero: the first recipe is better, here, with these sizes and this many training images. One that
# holds zero decides nothing. The interval is at Holm's level for all rows of the table, as in lesson 02. Compare it
# with the spread in the table before: where the seeds of a recipe lie far apart, more seeds would narrow it; where
# they lie close together and it is wide all the same, only more test images would.
#
# ## What could the report know?
#
# Report 000 trained each network once, as far as it says, and tested on 2,000 images; half of them fakes is assumed.
# It gives no scores, so nobody can pair anything. But the error that the luck of the test images brings can be
# estimated from the AUC and their number (Hanley and McNeil), and the correlation can be assumed, since it is
# unknown. **Which of its differences are larger than their noise?**

# %% tags=["claim"]
printed = {"CNN-1": 0.806, "CNN-2": 0.854, "CNN-3": 0.904, "CNN-3.1": 0.892}
printed |= {"CNN-4": 0.896, "CNN-5": 0.909, "M2": 0.7873}  # report 000, its tables
of_000 = [pair for pair in versus if set(pair) <= set(printed)]
display(reported.auc_table(printed, 1000, 1000, of_000).round(3))
axis = plots.noise_floor(printed, 1000, 1000, against="CNN-5")
print(
    f"Does its best beat its second best? You said {prediction['best beats second']!r}"
)

# %% [markdown] tags=["claim"]
# An open circle is too close to CNN-5 to be told from it at a correlation of one half. The report calls CNN-5, with
# 0.909, its best; follow the shaded band to see how many others that could have been said of. The three columns of
# *z* move the correlation: at nine tenths some differences stand out that at zero do not. *least r* is the
# correlation from which on a difference is larger than its noise; -1 means at any. Where the verdict says *only if*,
# the report's numbers decide it for a reader who believes in such a correlation, and for no other. So of its best and
# its second best it *cannot be told*, unless their correlation is very high.
#
# And this counts test images alone. It is the *least* doubt: the seeds come on top, and you have just seen how much
# that can be.
#
# ## Batch normalisation, dropout, augmentation
#
# Report 004 puts batch normalisation and dropout into its network and says that they were "very useful in minimizing
# overfitting", but shows no network without them. Report 003 augments, and its accuracy rises from 0.56 to 0.59 on
# 205 images. Both trained once, as far as they say; in `laptop` you trained each several times, above. **What do
# these layers do?** *Batch normalisation* shifts and scales each map by the mean and the spread of its batch, and
# when the network answers, by running means from training. *Dropout* sets random numbers to zero in training and
# scales up the others. *Augmentation* changes the training images in every epoch.

# %%
ones, off = np.ones((1, 12), "float32"), layers.Dropout(0.5)
for training in (True, False):
    print(f"dropout, training={training}:", off(ones, training=training).numpy()[0])
before = after = shown[:6].astype("float32")
for layer in augmentation.report_003_layers("grey"):
    after = layer(after, training=True)
both = [*before, *np.asarray(after)]
figure = plots.image_grid(both, title="Above as they are, below as training sees them")

# %% [markdown]
# Where dropout is at work, twelve ones keep their sum on average, and when the network answers nothing is changed. Do
# the lower pictures still look like what a camera, or a generator, would give? Then look back at the table of
# orderings: `custom CNN, augmented - custom CNN` asks about augmentation, and the rows of `CNN of 004` about the
# layers, each left out in turn. An interval above zero says that the test images are judged better with the part;
# whether there was less overfitting, the report's word, the gap between its two learning curves would say. In
# `laptop` these four see 32 pixels instead of 128, to save time; so what is said there is said of the smaller form.
#
# ## More epochs, more images?
#
# Report 002 stops its two simple networks after three epochs. Of the second, and of a pretrained one, it concludes
# that more training time would help. **Would it?** Its networks are trained here for ten epochs as well. It also says
# that neural networks need large amounts of data. **How much does each doubling of the training images bring?** The
# test images and the number of epochs stay the same.


# %%
def over_seeds(values):
    """The mean of one value a seed, with Student's interval."""
    n, p = len(values), np.nan_to_num(ttest_1samp(values, 0).pvalue, nan=1.0)
    what = len(part["valid"]), f"{n} seeds", n - 1
    return paired.Difference(values.mean(), values.sem(), float(p), *what)


simple = [name for name in ("simple_model", "simple_model1") if name in asked]
longer = {f"{name}, 10 epochs": changed(asked[name], epochs=10) for name in simple}
every = recipes.histories(runs | train_all(longer))
curve = every.pivot_table("val_auc", ["recipe", "seed"], "epoch")
gain = (curve.ffill(axis=1).iloc[:, -1] - curve[3])[curve.notna().sum(axis=1) > 3]
gain = {name: over_seeds(values) for name, values in gain.groupby("recipe")}
display(pd.Series(gain).map(str).to_frame("validation AUC, last epoch minus third"))
few = [name for name in ("CNN-1", "CNN-3", "CNN-5", *longer) if name in gain]
plots.by_epoch(every[every["recipe"].isin(few or list(gain))], "val_auc", mark=3)

grown = next(name for name in ("CNN-3", "custom CNN", *asked) if name in asked)
sizes = [len(part["train"]) // d for d in ([4, 1] if changes else [8, 4, 2, 1])]
order = index[index["split"] == "train"].sample(frac=1, random_state=SEED)
turn = order.groupby("label").cumcount().sort_values(kind="stable")  # real, fake, real
by_n = []
for n in sizes:
    run = train_all({grown: asked[grown]}, {split: index.drop(turn.index[n:])})[grown]
    by_n.append(run.table().assign(recipe=grown, n_train=n))
plots.learning_size(pd.concat(by_n))
display(results.metric_table(recorded, "gain after epoch 3/"))
results.metric_table(recorded, "auc by images/")

# %% [markdown]
# An interval that holds zero leaves open whether there was a gain. It counts the seeds, on these validation images
# alone, and is not widened after Holm. The last epoch is the recipe's own, not the same in every row. A curve that
# has turned down was trained too long: for such a recipe more epochs do harm.
#
# Does the line of the second figure still rise at its right end? Then more images would probably help this recipe,
# perhaps more than any setting. With as many epochs, fewer images are also fewer steps of training: part of the rise
# may be that. The band is the spread of the seeds, with one draw of images at each size. It is often widest where
# images are few.
#
# ## What does it cost?
#
# Report 002 plots accuracy against time for all its networks: a good habit, since a better network that takes ten
# times as long is not always the better choice. **Which network gets furthest in a given time?** A line ends where the
# training did. The second figure holds the AUC against the operations of one image.

# %%
seconds = {
    name: np.median([r.values["seconds_per_epoch"] for r in run.records[split]])
    for name, run in runs.items()
}
every["seconds"] = every["epoch"] * every["recipe"].map(seconds)
timed = every.dropna(subset="seconds")
axis = plots.accuracy_and_time(timed, "seconds", "val_accuracy")
axis.set_title(f"this run, {where}")
table = cost.cost_table({name: built(e) for name, e in asked.items()}).join(auc)
axis = plots.cost_scatter(table, "flops", "value", low="low", high="high")
axis.set(ylabel="AUC on test")
plt.show()
for record in recorded:
    told = results.read_table(record, "history").dropna(subset="seconds")
    axis = plots.accuracy_and_time(told, "seconds", "val_accuracy")
    axis.set_title(results.stamp(record))
    plt.show()

# %% [markdown]
# Seconds are of the machine they were measured on, and of what else it was doing; operations are not. Look for a
# network that is both left of another and clearly above it, beyond the intervals: nothing speaks for the other. The
# first figure shows accuracy at one half, so it may rank networks otherwise than AUC does. And look whether
# parameters, counted above, would have told you which is slow.
#
# ## A search
#
# Report 000 tuned structure, kernel, pooling and filters, and kept a log as CSV. KerasTuner proposes, the package
# trains every network alike and writes the log. **Which settings matter?** Each trial is judged by validation AUC after
# a few epochs on small images. Some proposals cannot be built; they stay in the log, with the reason.
#
# With `WORKERS = 2` the same search is done by three processes: a *chief* proposes, two *workers* train, and the
# scores in the table are the same. Several machines can share one search in this way; the documentation of
# `workers.search` says how. On one machine without a GPU it gains little, because one training uses all cores
# already.

# %%
tried = {"filters": [(32,), (32, 64), (32, 32, 64), (128, 64, 64)]}
if profile == "smoke":
    tried["filters"] = [(16, 32), (16, 16, 32)]
tried |= {"kernel": [3, 5, 6], "pool": [2, 4]}
space = sweep.Space("cnn", small, "grey", tried)
plan = sweep.Plan(trials=chosen["trials"], epochs=chosen["search epochs"], seed=SEED)
data = (train, valid, plan, config.runs_dir() / "sweeps")
many = {"workers": WORKERS} if WORKERS > 1 else {}
search = (workers if many else sweep).search(space, *data, **many)
log = search.table()
columns = ["trial", *tried, "parameters", "val_auc", "status"]
short = {"status": log["status"].str.slice(0, 60)}
best = log.assign(**short)[columns].sort_values("val_auc", ascending=False)
display(best.round(3))
for record in recorded:
    kept = results.read_table(record, "sweep").sort_values("val_auc", ascending=False)
    display(kept[columns].head(8).round(3).rename_axis(results.stamp(record)))

# %% [markdown]
# Read the log by columns, not by its first row: is there a kernel, a pool or a depth that sits at the top as a whole?
# With so few trials, each trained once, a setting may be on top by luck, or because of what came with it. The rows at
# the end could not be built.
#
# **What is the winner worth?** It was picked from many by one reading each, on a small validation split. Train it with
# other seeds, and read what validation says of those, and what the test split says.

# %%
picked, n = search.best()[0], 3 if profile == "smoke" else SEEDS
winner = Experiment(where, split, "cnn", picked, small, "grey", epochs=plan.epochs)
again = recipes.run_recipes({"winner": winner}, {split: index}, n, **how)["winner"]
last = again.history().query("epoch == @plan.epochs and seed != @SEED")
winners = {"picked": log["val_auc"].max(), "other seeds": last["val_auc"].mean()}
winners["test"] = again.table().query("seed != @SEED")["auc"].mean()
display(pd.Series(winners, name=str(picked)).round(3).to_frame())
results.metric_table(recorded, "winner/")

# %% [markdown]
# What lies between the first two numbers is luck with the seeds: the images are the same. With few trials it may go
# either way; the more there are, the luckier the one that is picked. The third number is from other images: between
# it and the second lies the luck of both splits, and what choosing on validation has fitted to it. A report that
# prints the best of its search prints that luck along.
#
# ## Exercises
#
# In the first four you fill in a function: replace each `raise` by your own lines and run the cell, then the cell
# below it. The check shows the input, what was expected and what came. The last two you answer in words.
#
# **03.1 Count.** How many parameters has a network of pairs of convolution (no padding) and pooling, then one dense
# layer and one output? Given are the side of its square images, their channels, the filters of each convolution, the
# side of its kernels, the side of its pools, and the units of the dense layer. A pool drops what does not fill a
# square.


# %% tags=["exercise-03.1"]
def count_cnn(side, channels, filters, kernel, pool, units):
    """Count weights and biases of a convolutional network with one hidden layer."""
    # <solution>
    total = 0
    for n in filters:
        total += (kernel * kernel * channels + 1) * n
        side, channels = (side - kernel + 1) // pool, n
    return total + (side * side * channels + 1) * units + units + 1
    # </solution>


# %%
count_cnn = checks.ex_03_1(count_cnn)
for name in six:
    if name != "CNN-3.1":
        filters = systems.SYSTEMS[name].model_args["filters"]
        counted = count_cnn(128, 1, filters, 3, 2, 64)
        print(
            f"{name}: {counted:,} by formula, {costs.loc[name, 'parameters']:,} in Keras"
        )

# %% [markdown]
# **03.2 Find the dead setting.** No padding, as before. `kernels` and `pools` hold the side of the kernel and of the
# pool of each pair. Return the number of the first pair, counted from 1, that leaves no pixel: its kernel or its pool
# is larger than what it is given. Return 0 if all pairs leave some. The cell below asks it about CNN-3.1 and about the
# search.


# %% tags=["exercise-03.2"]
def dead_pair(side, kernels, pools):
    """Find the first pair of convolution and pooling that leaves no pixel, or 0."""
    # <solution>
    for number, (kernel, pool) in enumerate(zip(kernels, pools, strict=True), start=1):
        side = (side - kernel + 1) // pool
        if side < 1:
            return number
    return 0
    # </solution>


# %%
dead_pair = checks.ex_03_2(dead_pair)
print("CNN-3.1 as printed: pair", dead_pair(128, [6, 6, 6], [4, 4, 4]))
for filters in tried["filters"]:
    for kernel in tried["kernel"]:
        times = len(filters)
        if dead := dead_pair(small, [kernel] * times, [4] * times):
            print(f"search: filters {filters}, kernel {kernel}, pool 4: pair {dead}")

# %% [markdown]
# **03.3 Two printed numbers.** A report gives two AUCs from the same images, and you have their standard errors. How
# many standard errors of their difference lie between them, if the two correlate at `r`? Return *z*, with its sign.
# The cell below draws it for four pairs of report 000, over the correlations that you may believe in. In the grey band
# nothing is decided.


# %% tags=["exercise-03.3"]
def z_of_two(auc_a, auc_b, error_a, error_b, r):
    """Return the difference of two AUCs in standard errors of the difference."""
    # <solution>
    variance = error_a**2 + error_b**2 - 2 * r * error_a * error_b
    return (auc_a - auc_b) / variance**0.5
    # </solution>


# %%
z_of_two = checks.ex_03_3(z_of_two)
z = {}
for a, b in of_000[-4:]:
    errors = [reported.auc_se(printed[name], 1000, 1000) for name in (a, b)]
    both = printed[a], printed[b], *errors
    z[f"{a} - {b}"] = {r: z_of_two(*both, r) for r in np.linspace(0, 0.95, 40)}
axis = pd.DataFrame(z).plot(style=["-", "--", "-.", ":"], xlabel="r", ylabel="z")
band = axis.axhspan(-1.96, 1.96, color="gray", alpha=0.15)

# %% [markdown]
# **03.4 Put them back.** Report 002 lost days to `shuffle`: Keras's image generator shuffles unless told
# `shuffle=False`, so `predict` answers in the order of the draw, while the labels in `.classes` stay in the order of
# the files. Each answer is right, and stands beside another image's label. `order[i]` is the number of the image that
# `scores[i]` belongs to; return the scores in the order of the images, as an array. The cell below plays the trap
# through with the network you trained above.


# %% tags=["exercise-03.4"]
def put_back(scores, order):
    """Put scores that came in shuffled order back into the order of the images."""
    # <solution>
    back = np.empty_like(scores)
    back[order] = scores
    return back
    # </solution>


# %%
put_back = checks.ex_03_4(put_back)
files, labels = images[part["test"]], y[part["test"]]
order = np.random.default_rng(SEED).permutation(len(files))  # what shuffle=True does
scores = network.predict(files[order], verbose=0)[:, 0]
told = network.evaluate(files[order], labels[order], verbose=0, return_dict=True)
says_fake, is_fake = np.mean(scores >= 0.5), labels.mean()
shuffled = {
    "as they came": np.mean((scores >= 0.5) == labels),
    "put back": np.mean((put_back(scores, order) >= 0.5) == labels),
    "evaluate": told["accuracy"],
    "of any order": says_fake * is_fake + (1 - says_fake) * (1 - is_fake),
}
pd.Series(shuffled, name="accuracy").round(3).to_frame()

# %% [markdown]
# `evaluate` is not fooled: it gets images and labels together. That is how you notice. If `evaluate` and your own
# matrix disagree, suspect the order. The last row is what labels that have nothing to do with the answers would give,
# whatever the network: on balanced classes, one half.
#
# **03.5 Change and explain.** Change one setting of CNN-3 (its kernel, its filters, the size of its images, the
# learning rate) with `changed(asked["CNN-3"], ...)` and `train_all`, and hold it against CNN-3 with `compare`. Write
# down before: the direction, the parameters, and how wide you expect the interval to be. Then say what came and why.
#
# **03.6 Open.** Which of the reports' sentences on CNNs would you test next, and how? Or: find a change that makes the
# *seeds* of a recipe lie closer together. Five seeds or more, one sentence with an interval.

# %%
checks.written("03.5", prediction="", change="", result="", why="")
checks.written("03.6", question="", prediction="", result="")

# %% [markdown]
# ### Questions
#
# Write the number of the answer you think is right between the quotes, run the cell, and read why.
#
# {{quiz}}

# %% tags=["quiz"]
quiz.check("03", a="2", b="1", c="4", d="3")

# %% [markdown] tags=["claim"]
# ## What can go wrong
#
# - **A name is not a network.** Reports 002 and 003 name networks without printing them. What is trained here under
#   these names is a guess, and a verdict on it says little about theirs.
# - **Deeper is also smaller.** Depth, parameters and what is left of the image change together in report 000's six.
#   Which of them helps, its table cannot say.
# - **One half is a threshold too.** Accuracy at one half depends on where a network happens to put its scores. AUC
#   does not.
# - **Five seeds are few.** They show that a spread is there, and its size only roughly. That is why the intervals are
#   Student's and wide.
# - **The same images again.** Lessons 02 to 04 are judged on the same test images. Nobody chose by it, but the more
#   often they are used, the better some recipe fits their luck.
# - **Small images are other images.** A search at 64 pixels finds what is good at 64 pixels. Fine traces of a generator
#   may be gone there.
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
display(ledger.claims_table("03_cnn_tuning", judged))

found, at_half = results.by_metric(measured), results.by_metric(half)
found |= {f"{name} at half": at_half[name] for name in ("accuracy", "AvgP", "AvgR")}
alike = {name: np.ptp(run.scores, axis=1) < 0.01 for name, run in runs.items()}
found["collapsed"] = {
    k: intervals.wilson(int(v.sum()), len(v)) for k, v in alike.items()
}
found |= {"auc difference": better, "accuracy difference": right}
found |= {"parameters": costs["parameters"].to_dict(), "seconds per epoch": seconds}
found["trainable parameters"] = costs["trainable"].to_dict()
alike = {name: row["called different"] for name, row in same_recipe.items()}
found["same recipe called different"] = alike
found["gain after epoch 3"] = gain
found["seeds"] = {name: len(run.scores) for name, run in runs.items()}
by_size = pd.concat(by_n).groupby("n_train")["auc"].mean()
found["auc by images"] = {f"{grown}, {n}": value for n, value in by_size.items()}
found["winner"] = winners
found["shuffled"] = shuffled
tables = {"predictions": recipes.predictions(runs), "history": every}
tables |= {"sweep": log, "cost": costs.rename_axis("name").reset_index()}
settings = chosen | {"split": split, "seed": SEED, "n_train": len(part["train"])}
settings |= {"n_test": len(tested), "parameters": {"LAYOUT": LAYOUT}}
record = results.make_record("03_cnn_tuning", index, found, profile, settings, started)
print(results.write_record(record, tables=tables))

# %% [markdown]
# ## Take-aways
#
# - You computed a convolution by hand, and know what sharing weights brings.
# - You counted parameters, and saw why they can fall as a network gets deeper.
# - You compared two networks, and two recipes, on the same images.
# - You can say what a report's numbers decide, and what they leave open.
# - You searched for settings, and did not believe the winner.
#
# ## Next
#
# Lesson 04 takes networks that have learned to see elsewhere. Is what they bring along worth more than anything you
# tuned here?
#
# ## References
#
# - Report 000, *Detecting Fake Human Face Images*; report 002, *Classification of Artificially Generated Faces Using
#   Transfer Learning*; report 003, *Fake Faces Detection Project*; report 004, *Fake or real*, section 5.2.
# - Y. LeCun and others, *Gradient-Based Learning Applied to Document Recognition*, Proceedings of the IEEE 1998.
# - A. Odena, V. Dumoulin, C. Olah, *Deconvolution and Checkerboard Artifacts*, Distill 2016.
# - E. DeLong, D. DeLong, D. Clarke-Pearson, *Comparing the areas under two or more correlated ROC curves*,
#   Biometrics 1988.
# - J. Hanley, B. McNeil, *A method of comparing the areas under ROC curves derived from the same cases*,
#   Radiology 1983: the correlation in the difference.
# - N. Obuchowski, H. Rockette, *Hypothesis testing of diagnostic accuracy for multiple readers and multiple tests*,
#   Communications in Statistics 1995.
# - S. Ioffe, C. Szegedy, *Batch Normalization*, ICML 2015; N. Srivastava and others, *Dropout*, JMLR 2014.
