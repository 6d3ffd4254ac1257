# %% [markdown]
# # What does a network trained elsewhere bring along?
#
# {{badges}}
#
# ## What you will do
#
# All reports but one put their hopes into networks that somebody else trained, on a million photographs of
# dogs, cups and bridges. You borrow one, freeze it, and train a single small layer on top. You see when that helps
# and when it cannot, and what it takes to feed a borrowed network correctly. You have corrected families of
# comparisons since lesson 02; here you see what many comparisons do to a *p*, and do the correction by hand.
#
# ### What you will learn
#
# - to say what a frozen backbone brings along, and to build the control that tells
# - to feed a borrowed network what it was trained on, and to see at once when it is not
# - to keep features, and to know when they are the same and when they are not
# - to read batch normalisation in its two modes
# - to correct for many comparisons
# - to weigh what a network brings against what it costs
#
# ### What you will need
#
# Lesson 02's words (AUC, threshold, seed, paired difference) and lesson 03's convolution. No account, no GPU. The
# ImageNet weights of MobileNet, 17 MB, are fetched by Keras if they are not there; the profile `smoke` does without.
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
from keras import applications, layers
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, roc_auc_score

from fakeface_utils import config, models
from fakeface_utils.datasets import augment, pixels, splits, testbed
from fakeface_utils.datasets.layouts import fingerprint
from fakeface_utils.evaluation import metrics, paired, plots, reported
from fakeface_utils.evaluation.intervals import Estimate, bootstrap, wilson
from fakeface_utils.lessons import checks, ledger, quiz, results, setup
from fakeface_utils.models import cost, transfer
from fakeface_utils.training import features, fit, recipes, systems
from fakeface_utils.training.experiment import Experiment, run_all
from fakeface_utils.training.recipes import changed

plots.use_style()
started, cache = time.time(), config.cache_dir()
recorded = results.recorded("04_transfer_learning")  # measured on real images
display(setup.show_versions("numpy", "scikit-learn", "tensorflow", "keras"))
results.minutes("04_transfer_learning")

# %% [markdown]
# ## Parameters
#
# Change a value here, then run everything below it. A 0 takes the profile's number.

# %% tags=["parameters"]
PROFILE = "auto"  # smoke, laptop, colab or paper; auto looks at your data and your GPU
LAYOUT = "140k"  # which of the two sets: 140k or yonsei
SEEDS = 0  # how often each head is trained on the one split, at least 5
TURNS = 0  # turns of the cross-validation; 1 keeps to the one test split
EPOCHS = 0  # passes of a head over the training images
FINE = False  # True trains whole networks as well: most of the time without a GPU
SEED = 0  # of every other random choice below

# %%
profile = setup.choose_profile(PROFILE)
chosen = {"size": 128, "large": 224, "epochs": 15, "seeds": 10}
chosen["turns"] = 5 if profile == "laptop" else 1
if profile == "smoke":
    chosen |= {"size": 32, "large": 64, "epochs": 5, "seeds": 5}
asked = {"epochs": EPOCHS, "seeds": SEEDS, "turns": TURNS}
chosen |= {name: value for name, value in asked.items() if value} | {"fine": FINE}
pd.Series({"profile": profile, "layout": LAYOUT} | chosen, name="this run").to_frame()

# %% [markdown]
# ## Recap
#
# - **Fake is 1**, every score is P(fake), and AUC asks how often a fake scores higher than a real.
# - **A recipe** is judged by several seeds. A difference is *paired* on the same images and has its own interval. One
#   that holds zero is *undecided*, which is not *equal*.
# - **A convolution** looks for the same small pattern everywhere. Deeper layers look for patterns of patterns.
#
# ## Predict first
#
# A **backbone** is a network without its last layer. Somebody trained it; you keep its weights as they are (*frozen*)
# and train a new last layer, the **head**, on what it puts out, its **features**.
#
# You begin with a small world of drawn portraits. One question there is who wears glasses or a hat, another which
# image carries a fine pattern. With 100 labels, does a head on a frozen backbone win, or the same network trained
# from nothing (*scratch*)? Then comes MobileNet, a network trained on photographs of objects: what do its features
# gain more from, colour or that training (*pretraining*)? Write down what you expect.

# %%
prediction = {
    "what is worn": "nothing yet",  # 100 portraits with labels: frozen or scratch
    "a pattern": "nothing yet",  # the same for a trace in the pixels
    "gains more": "nothing yet",  # MobileNet's frozen features: color or pretraining
}

# %% [markdown]
# ## A small world of our own
#
# Nobody can train on a million photographs in a lesson. But you can watch the same thing happen in a small world,
# whose truth is known: drawn portraits of 32 pixels. In the *school* set you know what each portrait shows. In the
# *exam* set two things are planted. Half of its images carry a **trace**, a fine checkerboard in a disc somewhere, as a
# generator may leave it. And some people **wear** something, glasses or a hat; let us say that all of these come from a
# second generator. Both can be asked as *real or fake?*


# %%
def draw(name, n, seed, trace=0):
    """Draw portraits, or find them drawn; return the pixels and what is known of each."""
    folder, size = config.sample_dir() / name, 48
    planted = testbed.Truths(generator=False, checkerboard=trace)
    spec = testbed.SampleSpec("140k", n, size=size, seed=seed, truths=planted)
    known = testbed.load_attributes(testbed.make_sample(folder, spec, overwrite=True))
    shown = [pixels.read_image(folder / path, 32) for path in known["path"]]
    return np.stack(shown), known


school, taught = draw("school", 1500, seed=1)
exam, known = draw("exam", 800, seed=2, trace=24)
worn = ((known["glasses"] != "none") | (known["hat"] != "none")).astype(int)
exams = {"what is worn": worn.to_numpy(), "a pattern": known["label"].to_numpy()}
kinds = known["label"].map({0: "no trace", 1: "trace"}) + worn.map({0: "", 1: ", worn"})
few = known.assign(kind=kinds).groupby("kind").head(3).sort_index().index
plots.image_grid(exam[few], kinds[few].tolist(), title="Portraits of the exam")

# %% [markdown]
# You see both at once, the glasses and the pattern. Does a network that was asked for glasses all its life see the
# pattern as well? That is the point of what follows.
#
# **First the school.** A tiny backbone learns to answer eight yes-or-no questions about a portrait. None of them is
# about traces, and the school has none.


# %% tags=["model"]
def tiny_backbone():
    """Three convolutions and a dense layer: from 32 x 32 pixels to 64 features."""
    image = x = keras.Input((32, 32, 3))
    x = layers.Rescaling(1 / 127.5, offset=-1)(x)
    for filters in (16, 32, 64):
        x = layers.Conv2D(filters, 3, padding="same", activation="relu")(x)
        x = layers.MaxPooling2D()(x)
    x = layers.Dense(64, activation="relu")(layers.Flatten()(x))
    return keras.Model(image, x)


def questions(known):
    """What the school asks of each portrait: eight columns of 0 and 1."""
    asked = {"glasses": known["glasses"] != "none", "hat": known["hat"] != "none"}
    asked |= {k: known["background"] == k for k in ("dark", "bokeh", "plain")}
    asked |= {"beard": known["beard"] != "none", "long hair": known["hair"] == "long"}
    asked |= {"deep skin": known["skin"] > 0.3}
    return pd.DataFrame(asked).astype(int)


keras.utils.set_random_seed(SEED)
learned, drawn_at_random = tiny_backbone(), tiny_backbone()
right = questions(known)
pupil = keras.Sequential([learned, layers.Dense(right.shape[1], activation="sigmoid")])
pupil.compile("adam", "binary_crossentropy")
pupil.fit(school, questions(taught).to_numpy(), epochs=12, batch_size=32, verbose=0)
told = pupil.predict(exam, verbose=0)
marks = {k: roc_auc_score(right[k], told[:, i]) for i, k in enumerate(right)}
display(pd.DataFrame(marks, index=["AUC on portraits it never saw"]).round(2))

# %% [markdown]
# **Now the exam**, with the labels of 100 portraits. The eight answers are thrown away, the backbone stays as it is,
# and a head learns on its 64 features. (A logistic regression *is* a dense layer with a sigmoid.) Beside it the same
# tiny network from scratch, trained on the same 100, and the control that is easily forgotten: a head on a backbone
# that was drawn at random and never trained. **Which wins, for which question?**


# %%
def frozen_head(backbone, train, test, y):
    """Train a head on frozen features; return its AUC on the test portraits."""
    kept = backbone.predict(exam, verbose=0)
    kept = kept / (kept[train].std(axis=0) + 1e-6)
    head = LogisticRegression(C=0.1, max_iter=1000).fit(kept[train], y[train])
    return roc_auc_score(y[test], head.decision_function(kept[test]))


def from_scratch(train, test, y):
    """Train the tiny network as a whole on the same portraits; return its AUC."""
    network = keras.Sequential([tiny_backbone(), layers.Dense(1, activation="sigmoid")])
    parts = [(exam[rows], y[rows]) for rows in (train, test)]  # test is only watched
    fit.fit(network, *parts, epochs=30, learning_rate=1e-3, verbose=0)
    return roc_auc_score(y[test], network.predict(exam[test], verbose=0)[:, 0])


n_labelled, world = 100, []
for number in range(3):  # three draws of the labelled portraits
    keras.utils.set_random_seed(SEED + number)
    order = np.random.default_rng(SEED + number).permutation(len(exam))
    drawn = order[:n_labelled], order[-300:]
    for question, asked in exams.items():
        world.append((question, "frozen", frozen_head(learned, *drawn, asked)))
        world.append((question, "random", frozen_head(drawn_at_random, *drawn, asked)))
        world.append((question, "scratch", from_scratch(*drawn, asked)))
world = pd.DataFrame(world, columns=["question", "network", "auc"])
told = world.groupby(["question", "network"])["auc"].agg(["mean", "min", "max"])
display(told.round(2))
print(f"you wrote: {prediction}")

# %% [markdown]
# Look at the two questions one after the other. For *what is worn*, the school
# has done most of the work: the features already say glasses and hat, and 100 labels are enough to combine them. For
# *a pattern* they may say nothing at all. The school never needed traces, so its features were free to lose
# them, while a network from scratch can look for just that. How does *random* do on each? If a frozen backbone does
# not beat a random one, it was not the training elsewhere that helped. If it does worse, that training has thrown away
# what chance had kept. (This is one school and one random backbone; lowest and highest are over three draws of the
# labelled portraits.)
#
# So ask of every borrowed backbone: **does what it learned to see include what gives a fake away?** ImageNet's photos
# come as JPEG files of all kinds; whether features of dogs and cups hold traces of a generator, nobody can say without
# measuring.
#
# ## The data
#
# From here on, the set of your choice. In `smoke`, and without real images, the lesson draws portraits; those of the
# 140k kind have lighter fakes.

# %%
planted = testbed.Truths(tone_shift=48) if LAYOUT == "140k" else None
index, split = setup.open_split(LAYOUT, profile, planted)
size, where = chosen["size"], index["set"].iloc[0]
images, y = pixels.load_images(index, size, cache_dir=cache), index["label"].to_numpy()
parts = (np.flatnonzero(index["split"] == s) for s in ("train", "valid", "test"))
train, valid, test = parts
index.groupby(["split", "label"]).size().unstack()

# %% [markdown]
# ## A borrowed backbone
#
# MobileNet, built for telephones, is one of report 001's networks, and small enough for any laptop. Keras brings it
# without its last layer (`include_top=False`). What is added: the mean of each of its last maps, which is the feature
# vector, and one dense unit. `trainable = False` freezes what is below.
#
# In `smoke` no ImageNet weights are needed: a file of weights drawn at random stands in for them. Shapes, counts and
# the mechanics are the same; what such a network scores says nothing about ImageNet.
#
# **How much of it is trained?** Everything, one block, or the head: the package builds all three from the name of the
# first layer that may learn.


# %% tags=["model"]
def with_head(backbone):
    """Freeze a backbone, pool its last maps to one vector, and put one sigmoid on it."""
    backbone.trainable = False
    x = layers.GlobalAveragePooling2D(name="features")(backbone.output)
    return keras.Model(backbone.input, layers.Dense(1, activation="sigmoid")(x))


def mobilenet(side):
    """MobileNet without its last layer, with weights drawn at random."""
    image = keras.Input((side, side, 3))
    scaled = layers.Rescaling(1 / 127.5, offset=-1)(image)  # what it was trained on
    net = applications.MobileNet(input_tensor=scaled, include_top=False, weights=None)
    return keras.Model(image, net.output)


def random_weights(number, shown):
    """A file of weights drawn at random, whose batch normalisation has seen images."""
    path = cache / f"random-{number}-{fingerprint(index)}-{size}.weights.h5"
    if not path.is_file():
        keras.utils.set_random_seed(number)
        drawn = mobilenet(size)
        for layer in drawn.layers:
            layer.momentum = 0.0  # keep what these images give, and only that
        drawn(shown, training=True)
        drawn.save_weights(partial := path.with_name(f"partial-{path.name}"))
        partial.replace(path)
    return str(path)


some = images[train[:128]].astype("float32")
weights = "imagenet" if profile != "smoke" else random_weights(SEED + 1, some)
backbone = mobilenet(size)
backbone.load_weights(transfer.weights_file("mobilenet", weights))
network = with_head(backbone)

first_trained = {"frozen": "head", "partly frozen": "conv_dw_13", "fine-tuned": None}
versions = {
    name: models.build("mobilenet", size, weights=None, train_from=layer)
    for name, layer in first_trained.items()
}
cost.cost_table(versions)[["parameters", "trainable"]].map("{:,}".format)

# %% [markdown]
# Hold the last column against the number of your training images: how many weights are there to learn for each
# image? *Partly frozen* is what report 002 did with its VGG;
# this lesson counts it and leaves it for your own experiment, since it has to run the backbone in every step.
#
# ## What the first layer sees
#
# Each backbone expects the values it was trained on: MobileNet -1 to 1, DenseNet ImageNet's mean and spread, VGG blue
# before red. EfficientNet and MobileNetV3 scale 0-255 *inside*, in layers of their own. Who divides by 255 before
# that, as one does with every network of one's own, scales twice. **What is left then for the first layer to see?**


# %%
def first_layer_sees(net, shown):
    """The values that reach a network's first convolution, without the padded edge."""
    first = next(layer for layer in net.layers if isinstance(layer, layers.Conv2D))
    return keras.Model(net.input, first.input)(shown).numpy()[:, 4:-4, 4:-4]


faces, seen, rows = images[test[:6]].astype("float32"), {}, {}
for name in ("mobilenet", "mobilenet_v3_small", "efficientnetb4"):
    net = models.build(name, size, weights=None)
    for fed, shown in {"0 to 255": faces, "0 to 1": faces / 255}.items():
        seen[name, fed] = values = first_layer_sees(net, shown)
        rows[name, fed] = values.min(), values.mean(), values.max()
columns = ["lowest", "mean", "highest"]
display(pd.DataFrame(rows, index=columns).T.round(4))
both = [v for fed in ("0 to 255", "0 to 1") for v in seen["efficientnetb4", fed]]
figure = plots.image_grid(
    [255 * v for v in both], title="EfficientNetB4 fed with 0 to 255, and with 0 to 1"
)

# %% [markdown] tags=["claim"]
# The lower row is not missing: it is drawn on the same scale as the upper one. (EfficientNet also standardises, by
# values that come with its weights. Without them that step does nothing here; it would move and stretch both rows
# alike.) Every face has become nearly the same black picture. Report 003 prints the same numbers for its
# EfficientNetB4 as for a network that calls everyone real: recall 1, AUC 0.5, an accuracy of 0.53, which is the share
# of reals. The report does not show how it scaled its pixels, so this is a likely cause and no proof. In this kit
# every model takes 0 to 255 and holds its own scaling as a layer. Further down you train on such black pictures.
#
# ## Features are kept
#
# A frozen backbone computes the same vector for an image in every epoch. So compute it once and keep it. **Is a head
# on kept features the same as the whole network?**

# %%
trunk, head = features.split(network)  # two models that share the network's layers
trunk.predict(some, verbose=0)  # the first call builds the graph
before = time.perf_counter()
vectors = trunk.predict(some, verbose=0)
per_image = (time.perf_counter() - before) / len(some)
gap = head.predict(vectors, verbose=0) - network.predict(some, verbose=0)
assert np.abs(gap).max() < 1e-4
print(f"{vectors.shape[1]:,} features an image, {1000 * per_image:.1f} ms each")
print(f"largest difference of two scores: {np.abs(gap).max():.1e}")

key = f"lesson 04, {fingerprint(index)}, {size} px"
kept = features.extract(trunk, images, key, cache)  # made once, then found
before, passes = time.perf_counter(), chosen["epochs"]
learn = {"epochs": passes, "learning_rate": 1e-3, "verbose": 0}
history = fit.fit(head, (kept[train], y[train]), (kept[valid], y[valid]), **learn)
print(f"{passes} epochs of the head took {time.perf_counter() - before:.1f} s,")
print(
    f"forward passes alone take {per_image * len(train) * passes:.0f} s without keeping"
)
figure = plots.learning_curves(history, title="A head on kept features, one training")

# %% [markdown]
# Where the training loss falls away from the validation loss, even these few weights have begun to learn images by
# heart. The head shares its layers with `network`, so `network` is trained now.
#
# Kept features are right as long as the image is: another learning rate, more epochs, other splits, a fixed set of
# changed copies. They are wrong as soon as an image changes from epoch to epoch or a layer of the backbone learns.
#
# ## Batch normalisation has two modes
#
# MobileNet holds 27 layers of batch normalisation. In *training* such a layer takes mean and spread from the batch it
# is given, and moves what it has kept a little towards them. In *inference* it uses what it has kept. A frozen layer
# must do the second, or a "frozen" network changes while you train its head. **What if somebody forgets?**

# %%
norms = [x for x in backbone.layers if isinstance(x, layers.BatchNormalization)]
whole, rows = backbone.get_weights(), {}
for free in (False, True):
    for layer in norms:
        layer.trainable = free
    mean = norms[0].moving_mean.numpy()
    batches = some[:8], np.concatenate([some[:1], some[8:15]])  # same first image
    one, other = (float(network(batch, training=True)[0, 0]) for batch in batches)
    drift = np.abs(norms[0].moving_mean.numpy() - mean).max()
    rows["not frozen" if free else "frozen"] = one, other, drift
raw = np.abs(mobilenet(size)(some[:8])).max()
print(f"largest output of a MobileNet that never saw an image: {raw:.0e}")
backbone.set_weights(whole)  # as it was
backbone.trainable = False
columns = ["score in one batch", "in another", "kept mean moved by"]
pd.DataFrame(rows, index=columns).T.map("{:.4f}".format)

# %% [markdown]
# All four scores are of one and the same image. Frozen, it scores the same whoever is beside it. Not frozen, its
# score depends on its neighbours, and the kept mean has moved after two batches although no weight was trained. In
# Keras, `trainable = False` also switches the mode; in PyTorch, which report 001 also used, freezing weights does
# not. Exercise 04.4 does it by hand.
#
# The printed number shows what the kept values are for. With random weights and nothing kept, each layer passes on
# only a fraction of what it was given, and after 27 of them next to nothing is left: the features of all images are
# the same. As a control that would be a straw man. So the random networks below have seen 128 training images of the
# one split once, without labels and in training mode, before they were frozen (`random_weights` above).
#
# ## Heads on MobileNet
#
# Now the recipes, each a head: mean of the maps, one sigmoid, Adam, fifteen epochs (in `smoke` five), batches of 32.
# That is our own choice, no report's. Beside the plain one: larger images, grey ones, report 001's six changed copies
# of every training image, and pixels rescaled twice. And the control: MobileNet with one draw of random weights,
# frozen as well. (`smoke` trains four of the seven.)
#
# **How good are they?** In the profile `laptop` every image is tested once, in five turns, by heads that never saw
# it or its relatives: that estimate rests on all images and comes first. The row *constant* stands below, as ever.

# %%
px, large = f"{size} px", f"{chosen['large']} px"
how_long = {"epochs": chosen["epochs"], "batch_size": 32, "optimizer": "adam"}
own = {"weights": weights, "train_from": "head"}
frozen = Experiment(where, split, "mobilenet", own, size=size, **how_long)
at_random = changed(frozen, weights=random_weights(SEED, some))
rows = {
    f"MobileNet frozen, {px}": frozen,
    f"MobileNet frozen, {large}": changed(frozen, size=chosen["large"]),
    f"MobileNet frozen, {px} grey": changed(frozen, color="grey"),
    f"MobileNet frozen, {px}, six-fold": changed(frozen, augmentation="six_fold"),
    f"MobileNet frozen at random, {px}": at_random,
    f"MobileNet frozen at random, {px} grey": changed(at_random, color="grey"),
    f"MobileNet rescaled twice, {px}": changed(frozen, scale=1 / 255),
}
plain, control, twice = (list(rows)[k] for k in (0, 4, 6))
if profile == "smoke":  # four will do to see how it is done
    rows = {k: rows[k] for k in (plain, f"{plain} grey", control, twice)}
how = {"measure": metrics.judge, "profile": profile}
runs = recipes.run_recipes(rows, {split: index}, chosen["seeds"], **how)
primary, n_turns = runs, chosen["turns"]
if n_turns > 1:  # as in lesson 02: each fifth of the images is tested once
    numbers = range(1, n_turns + 1)
    turns = {f"turn {k}": splits.with_fold(index, k, n_turns) for k in numbers}
    primary = recipes.run_recipes(rows, turns, 5, **how)

# %%
measured = {name: metrics.measure_runs(run) for name, run in primary.items()}
told = next(iter(primary.values())).images
y_tested, group, turn = (told[c].to_numpy() for c in ("label", "group", "turn"))
prior = y[train].mean()
measured["constant"] = metrics.constant_predictor(y_tested, group, prior=prior)
columns = ["auc", "ap", "balanced_accuracy", "accuracy"]
display(pd.DataFrame(measured).T[columns].map("{:.2f}".format))
auc = pd.DataFrame({name: vars(measured[name]["auc"]) for name in rows}).T
axis = plots.forest(auc.astype(float), axis=plt.figure(figsize=(7, 3)).gca())
axis.set(xlabel="AUC", title=f"this run, {where}, {len(told):,} images tested")
plt.show()
for record in recorded:
    table = results.interval_table(record, "auc/").rename(results.few_seeds(record))
    axis = plots.forest(table, axis=plt.figure(figsize=(7, 3.6)).gca())
    axis.set(xlabel="AUC", title=results.stamp(record))
    plt.show()

# %% [markdown]
# First look at the control. How much of the frozen network's lead over one half does a network have that was never
# trained? Random convolutions are not nothing: they keep tone, edges and texture, and a head finds what is coarse in
# them. Then look how wide the intervals are beside the differences that you would like to read off. You are about to
# compare several pairs, and that has a price.
#
# In the recorded figures *fine-tuned*, *from scratch* and CNN-5 are one training each, on one test split; you meet
# them further down. Their intervals leave the luck of the seed out.
#
# ## Many comparisons
#
# Compare ten systems with one baseline, and suppose that *none* of them knows anything. Each comparison has one chance
# in twenty of a *p* below .05. **How often is the smallest of the ten below .05?** You can try: give eleven systems
# random scores for the very images of your test split, compare, and do it again, two hundred times.

# %%
families, rng = [], np.random.default_rng(SEED)
for _ in range(200):
    first, *others = rng.normal(size=(11, len(test)))  # eleven that know nothing
    families.append([paired.delong(y[test], first, other).p for other in others])
least = pd.DataFrame({"smallest p of ten comparisons": np.min(families, axis=1)})
least.hist(bins=20, range=(0, 1), color="gray", figsize=(7, 2.4))
below, after = (int(least.lt(limit).sum().item()) for limit in (0.05, 0.05 / 10))
print(f"below .05: {wilson(below, 200)}; below .05 / 10: {wilson(after, 200)}")

# %% [markdown]
# The first bar holds all that lies below .05: discoveries in a world without any. Whoever compares ten things and
# tells you about the best one has such luck often. **Holm's correction**, which you know from lesson 02, asks more of
# the smallest *p* (it is multiplied by ten), a little less of the next (by nine), and stops at the first that fails.
# Then a *family* of comparisons, however many, is fooled about once in twenty at most. (Where test images are few,
# DeLong's *p* is itself a little too small.) In 04.3 you do the correction by hand.
#
# What belongs to the family has to be said before you look. The list in the next cell was fixed before the first run.
# AUC is the family that counts; accuracy at one half is a second one, corrected by itself. The recorded table below
# the two shows ordinary intervals, not widened. **Which of our differences hold?** Six pairs (in `smoke`, three).

# %%
versus = [
    (plain, control),  # the training elsewhere
    (f"MobileNet frozen, {large}", plain),  # larger images
    (plain, f"{plain} grey"),  # colour, pretrained
    (control, f"{control} grey"),  # colour, drawn at random
    (f"{plain}, six-fold", plain),  # copies of the training images
    (plain, twice),  # the scale that it was trained on
]
ranks = {k: paired.ranks_within(run.scores, turn) for k, run in primary.items()}
calls = {k: run.scores >= 0.5 for k, run in primary.items()}
versus = [pair for pair in versus if set(pair) <= set(rows)]
better, righter, by_answer = {}, {}, {"metric": accuracy_score}
for a, b in versus:
    sides = (calls[a], calls[b], group)
    better[f"{a} - {b}"] = paired.recipes(y_tested, ranks[a], ranks[b], group)
    righter[f"{a} - {b}"] = paired.recipes(y_tested, *sides, **by_answer)
display(paired.family_table(better).rename_axis("AUC"))
display(paired.family_table(righter).rename_axis("accuracy at one half"))
without = {"color": f"{plain} grey", "pretraining": control}
gains = {k: better[f"{plain} - {other}"].value for k, other in without.items()}
more = max(gains, key=gains.get)
print(f"you predicted {prediction['gains more']!r}; the larger value here: {more!r}")
results.metric_table(recorded, "auc difference/")

# %% [markdown] tags=["claim"]
# An interval above zero speaks for the first of the pair. One that holds zero says *we do not know yet*. In `smoke`
# the weights are random on both sides of the first pair: what you see there is how far two draws lie apart. Remember
# it on real images, where the control is a single draw as well.
#
# Be careful with *larger images*: they cost more work, and they also show the backbone faces at the size of ImageNet's
# objects. And *colour* compares a grey photograph, repeated three times, with a colour one: the backbone met few grey
# ones. Which gain is larger, that of colour or that of the training elsewhere, is a comparison of its own, with an
# interval that this table does not have.
#
# ## What can a report's numbers decide?
#
# Report 000 prints this of its four DenseNets, each trained once as far as it says.
#
# | | pixels | AUC | accuracy |
# |---|---|---|---|
# | from scratch | 128, grey | 0.920 | 0.82 |
# | from scratch | 256, grey | 0.944 | 0.88 |
# | from scratch | 128, colour | 0.946 | 0.88 |
# | ImageNet | 128, colour | 0.987 | 0.92 |
#
# Weights of ImageNet came only together with colour. One cell of the square is missing: ImageNet, grey. Report 002
# shows known real and fake pictures of the test split to its MobileNet, and all come back right; how many, it does
# not say. **Which of these steps can 2,000 test images decide, and what does a handful of right answers show?** How
# alike the errors of two networks are is not in the report, so the first table tries several correlations. It takes
# 1,000 images of each kind, which the report does not say either.

# %%
dense = {"grey": 0.920, "256 px": 0.944, "colour": 0.946, "ImageNet": 0.987}
pairs = [("256 px", "grey"), ("colour", "grey"), ("colour", "256 px")]
pairs += [("ImageNet", "colour")]
display(reported.auc_table(dense, 1000, 1000, pairs).round(2))
spots = [reported.handful(n, n) for n in (2, 4, 10, 30)]
chances = {str(spot): spot.chances for spot in spots}
pd.DataFrame(chances).T.map("{:.0%}".format).rename_axis("chance of that, if right:")

# %% [markdown]
# Read the second table downwards: how many pictures does it take until a network of that accuracy is unlikely to get
# them all? Each row also gives the highest error rate that so much luck does not rule out (one-sided). And this
# holds only for pictures drawn at random. Pictures that somebody picked show what somebody picked.
#
# As for colour and pretraining, the family above has all four cells of the square (in `smoke` three). But it is another
# square: MobileNet in place of DenseNet, and frozen, so that *random* means random features and not a network trained
# from scratch. The table of verdicts at the end does not use it: there a fine-tuned MobileNet answers, and the row says
# `substituted`. Where DenseNet itself is `not run`, its weights could not be had on the machine that made the records.
# With a network and a GPU, this runs the missing cell:
#
# ```
# missing = {"DenseNet, ImageNet grey": systems.experiment("DenseNet, ImageNet grey", where, split)}
# recipes.run_recipes(missing, {split: index}, 5, **how)
# ```
#
# ## Rescaled twice
#
# You saw black pictures. **What does a head learn from them?** MobileNet does not scale inside, so we scale it once
# too often ourselves: it stands in for EfficientNetB4, `substituted`.

# %%
half = {k: metrics.measure_runs(run, threshold=0.5) for k, run in primary.items()}
both = {k: half[k] for k in (plain, twice)} | {"constant": measured["constant"]}
columns = ["auc", "accuracy", "AvgP", "AvgR", "recall_real", "recall_fake"]
display(pd.DataFrame(both).T[columns].map("{:.2f}".format))
alike = {k: np.std(run.scores >= 0.5, axis=1) == 0 for k, run in runs.items()}
collapsed = {k: wilson(int(v.sum()), len(v)) for k, v in alike.items()}
plots.scores(y[test], runs[twice].scores[0], {"one half": 0.5}).set(xlim=(0, 1))
pd.Series(collapsed, name="trainings with one answer for all").map(str).to_frame()

# %% [markdown]
# Hold the two rows and the constant against each other, and look at how little of the axis the scores use. Scores
# that crowd on both sides of one half give answers that hang on a hair; scores that crowd on one side give everybody
# the same answer, as in report 003; the last table counts such trainings. Then look at the AUC. If it is above one
# half, a little of the *order* has survived: the pictures are nearly black, not entirely, and AUC does not care how
# small differences are. Report 003 could not see that, because its AUC was taken of answers and not of scores. More
# epochs or larger steps would widen the scores. What a scale of 1/255 takes away, a head can only slowly win back.
#
# ## Copies of validation images
#
# Report 001 writes that it augmented its training and validation images sevenfold, and the test images not: 9,513 and
# 1,197 where there were 1,359 and 171, and 511. Copies of *training* images are a matter of taste; outside `smoke`
# you compared them above. **What does validation say, when six of seven of its images are copies?**

# %%
assert (7 * 1359, 7 * 171) == (9513, 1197)  # report 001, section 3.6
few = np.random.default_rng(SEED).permutation(valid)[:240]
expand = augment.expander("six_fold", images.shape[1:])
kinds, right = ("original", *augment.SIX_FOLD), {}
for kind, part in zip(kinds, np.split(expand(images[few], few), 7), strict=True):
    called = network.predict(part.astype("float32"), verbose=0)[:, 0] >= 0.5
    right[kind] = called == y[few]
right = pd.DataFrame(right)
display(right.mean().round(3).to_frame("accuracy of validation images").T)
answers = np.tile(y[few], 7), np.where(right.T, y[few], 1 - y[few]).ravel()
of_one = np.tile(index["group"].to_numpy()[few], 7)  # the photograph of each answer
originals = (part[: len(few)] for part in (*answers, of_one))
said = {
    "originals, whole photographs drawn": bootstrap(accuracy_score, *originals),
    "all, as if independent": wilson(int(right.to_numpy().sum()), right.size),
    "all, whole photographs drawn": bootstrap(accuracy_score, *answers, of_one),
}
display(pd.Series(said, name="accuracy").map("{:.3f}".format).to_frame())
results.metric_table(recorded, "validation/")

# %% [markdown] tags=["claim"]
# The first table has one accuracy for each kind of copy. Upside-down faces are another task than upright ones, and the
# test split has none: so the mean over all seven is the accuracy of another quantity. Then compare the last two
# intervals. They are of the same answers. The upper one believes in seven times as many photographs as there are; the
# lower one draws photographs with all their copies. Is it much narrower than that of the originals alone?
#
# A threshold, a number of epochs or a winner chosen on 1,197 images was chosen on 171 images and their copies.
#
# ## How many images?
#
# *Pretraining helps most where labels are few*, they say. **How does a head grow with the training images?** The split
# is the same, only most of its training images are left out. Below it, lesson 03's curve from its record.


# %%
def with_fewer(index, n):
    """Keep n of the training images and leave the others out."""
    rows = np.flatnonzero(index["split"] == "train")
    dropped = np.random.default_rng(SEED).permutation(rows)[n:]
    fewer = index.copy()
    fewer.iloc[dropped, fewer.columns.get_loc("split")] = ""
    return fewer


sizes = [n for n in (100, 280, 560) if n < len(train)]
sizes = sizes[:1] if profile == "smoke" else sizes
fewer = {f"{n} images": with_fewer(index, n) for n in sizes}
both = {k: rows[k] for k in (plain, control)}
grown = recipes.run_recipes(both, fewer, 5, **how)
told = {k: pd.concat([grown[k].table(), runs[k].table()]) for k in both}
by_n = pd.concat(told, names=["recipe"]).reset_index(level=0)
of_turn = dict(zip(fewer, sizes, strict=True)) | {split: len(train)}
by_n["n_train"] = by_n["turn"].map(of_turn)
by_size = by_n.groupby(["recipe", "n_train"])["auc"].mean()
plots.learning_size(by_n, "auc").set_title(f"this run, {where}")
plt.show()
for records in (recorded, results.recorded("03_cnn_tuning")):
    display(results.metric_table(records, "auc by images/"))

# %% [markdown]
# Two lines that run side by side say that the training elsewhere is worth a fixed step. Lines that meet at the right
# say that it is worth something only while images are few. In the small world the answer depended on the question, so
# do not expect a law here. The epochs stay the same, so fewer images are also fewer steps, and part of the rise may be
# that. The band is the spread of the head's seeds alone: images were drawn once for each size, and all points share
# their test images.
#
# ## Fine-tuned
#
# A frozen backbone keeps what ImageNet taught it. *Fine-tuning* lets everything move, with small steps, so that it may
# learn traces too; it costs the whole network in every step. **Is it worth that?** Three seeds of MobileNet fine-tuned
# for five epochs, and one from scratch for ten (in `smoke` one each, for two). Beside them stand the frozen head and,
# on 140k outside `smoke`, lesson 03's CNN-5. With `FINE = False` none of them is trained, and only the recorded numbers
# are below.
#
# Three seeds do not make a claim about recipes, and `paired.recipes` would refuse them. What can be compared are two
# *trained models*: seed 0 with seed 0. The test images speak for that: for AUC by the bootstrap of groups, and for the
# accuracies by McNemar's exact test, which looks at the images on which only one of the two is right, and takes all
# images as independent. All pairs of a table are one family. **Which of these models is better?**

# %%
whom = (*(f"MobileNet {k}, {px}" for k in ("fine-tuned", "from scratch")), "CNN-5")
tuned_name, scratch_name, _ = whom
n_tuned, passes = (1, (2, 2)) if profile == "smoke" else (3, (5, 10))
tuned = changed(frozen, train_from=None, learning_rate=1e-4, epochs=passes[0])
scratch = changed(tuned, weights=None, learning_rate=1e-3, epochs=passes[1])
asked = [changed(tuned, seed=k) for k in range(n_tuned)]
whole = run_all([*asked, scratch], index, **how) if FINE else []
if FINE and profile != "smoke" and LAYOUT == "140k":  # lesson 03 has trained it
    whole += run_all([systems.experiment("CNN-5", where, split)], index, **how)
logs = {name: run.records[split] for name, run in runs.items()}
own = whole[:n_tuned], whole[n_tuned:][:1], whole[n_tuned + 1 :]
logs |= {k: v for k, v in zip(whom, own, strict=True) if v}
names = [k for k in (whom[0], plain, *whom[1:]) if k in logs]
each = {k: [r.metrics["auc"]["value"] for r in logs[k][:3]] for k in names}
display(pd.DataFrame.from_dict(each, orient="index").round(3))  # AUC by seed
told = {k: logs[k][0].predictions().set_index("split") for k in names}
score = {k: v.loc["test", "y_score"].to_numpy() for k, v in told.items()}
groups, singles, accurate = index["group"].to_numpy()[test], {}, {}
for a, b in combinations(names, 2):
    pair, sides = f"{a} - {b}", (score[a], score[b])
    singles[pair] = paired.paired_bootstrap(roc_auc_score, y[test], *sides, groups)
    accurate[pair] = paired.mcnemar(y[test], *(side >= 0.5 for side in sides))
for family in filter(None, (singles, accurate)):
    display(paired.family_table(family))
results.metric_table(recorded, "auc difference of models/")

# %% [markdown]
# These intervals say how the two models would do on other images of this kind. They do not say how two other trainings
# would do: for that, look at how far the seeds of one recipe lie apart in the table above. Where a difference is not
# larger than that, seed 1 might tell another story.
#
# Two traps lie in such tables. If *from scratch* is near one half or below it, it has learned nothing in its ten
# epochs, and a difference to it says more about this training than about ImageNet. And a model may gain in AUC and
# lose in accuracy: then its scores have moved, and one half is no longer a good threshold for it (lesson 02).
#
# ## What does it cost?
#
# Report 002 ends with accuracy against time, and praises MobileNet for getting nearly as far in a fraction of it.
# **What does each network of the reports cost, before it is trained?** All are built here and counted (in `smoke`
# three); their weights are not needed for that. *GB* estimates, rather too high, the memory of a training step with
# 32 images (frozen layers counted as if trained) on a GPU such as Colab's T4, which has 15. **And how far does each
# get in a given time?** For a frozen network, the time to compute its features once is counted before its first
# epoch. The last figure has lesson 03's networks beside it, as far as there are records.

# %%
borrowed = [k for k, v in systems.SYSTEMS.items() if v.model in transfer.BACKBONES]
borrowed.remove("DenseNet, ImageNet grey")  # it has to be built around its weights
if profile == "smoke":
    borrowed = ["DenseNet, grey", "MobileNetV3 Small, 002", "VGG16, 003"]
nets, memory = {}, {}
for name in borrowed:
    asked = systems.experiment(name, where, split)
    options = dict(asked.model_args) | {"weights": None}
    nets[name] = models.build(asked.model, asked.size, asked.color, **options)
    memory[name] = cost.training_bytes(nets[name], 32, "mixed_float16") / 1e9
costs = cost.cost_table(nets)
display(costs.map("{:,}".format).assign(GB=pd.Series(memory).round(1)))

every = []
for name in (plain, control, tuned_name, scratch_name):
    for seed, record in enumerate(logs.get(name, [])):
        once = per_image * len(train) if record.values["on_kept_features"] else 0
        told = record.history().reset_index().assign(recipe=name, seed=seed)
        pace = (record.values["seconds_per_epoch"] or np.nan) * told["epoch"]
        every.append(told.assign(seconds=once + pace))
every = pd.concat(every, ignore_index=True)
timed = every.dropna(subset="seconds")
axis = plots.accuracy_and_time(timed, "seconds", "val_accuracy")
axis.set_title(f"this run, {where}")
plt.show()

# %%
for record in recorded:
    others = [r for r in results.recorded("03_cnn_tuning") if r["set"] == record["set"]]
    told = pd.concat(results.read_table(r, "history") for r in [record, *others])
    told = told.dropna(subset="seconds")
    axis = plots.accuracy_and_time(told, "seconds", "val_accuracy")
    axis.set_title(results.stamp(record))
    plt.show()
results.metric_table(recorded, "seconds per epoch/")

# %% [markdown]
# Parameters are not work: compare VGG with MobileNet in the column *flops*. And what is frozen costs its forward pass
# all the same, unless you keep its features. Seconds are those of the machine that measured them, and lesson 03's may
# be of a busier hour than these. What survives such doubts are steps of a factor of ten.
#
# ## Exercises
#
# In the first four you fill in a function: replace each `raise` by your own lines and run the cell, then the cell
# below it. The check shows the input, what was expected and what came. The last two you answer in words.
#
# **04.1 Rescaled twice?** Images have values from `low` to `high`. Before the first convolution they pass `steps`, a
# list of pairs (scale, offset), in this order: each value becomes scale * value + offset. The network was trained on
# values between the two numbers of `wanted`. Return the lowest and the highest value that the first convolution sees,
# and whether they span less than a tenth of what it wanted.


# %% tags=["exercise-04.1"]
def range_seen(low, high, steps, wanted):
    """Return lowest and highest value seen, and whether they span less than a tenth of what is wanted."""
    # <solution>
    for scale, offset in steps:
        low, high = scale * low + offset, scale * high + offset
    low, high = min(low, high), max(low, high)
    return low, high, high - low < (wanted[1] - wanted[0]) / 10
    # </solution>


# %%
range_seen = checks.ex_04_1(range_seen)
inside = [(1 / 127.5, -1)]  # MobileNet's own
print("fed with 0 to 255:", range_seen(0, 255, inside, (-1, 1)))
print("divided before:   ", range_seen(0, 255, [(1 / 255, 0), *inside], (-1, 1)))

# %% [markdown]
# **04.2 From validation to test.** Of the scores on validation, take as the threshold the one that gives the most
# right answers *there* (called fake means: score at least the threshold; of equally good ones the highest). Return
# it, and the share of right answers on test at it. The test labels may only be used for the second.


# %% tags=["exercise-04.2"]
def judged_on_test(valid_labels, valid_scores, test_labels, test_scores):
    """Choose a threshold on validation; return it and the accuracy on test at it."""
    # <solution>
    cuts = np.unique(valid_scores)[::-1]
    right = [np.sum((valid_scores >= cut) == valid_labels) for cut in cuts]
    threshold = cuts[np.argmax(right)]
    return threshold, np.mean((test_scores >= threshold) == test_labels)
    # </solution>


# %%
judged_on_test = checks.ex_04_2(judged_on_test)
told = logs[plain][0].predictions().set_index("split")[["y_true", "y_score"]]
of_valid, of_test = (told.loc[s].to_numpy().T for s in ("valid", "test"))
cut, share = judged_on_test(*of_valid, *of_test)
print(f"threshold {cut:.3f}, accuracy on test {share:.3f}")
by_cut = {"at one half": of_test[1] >= 0.5, "at validation's": of_test[1] >= cut}
by_cut = {k: called.astype(int) for k, called in by_cut.items()}
figure = plots.confusion_matrices(of_test[0].astype(int), by_cut)

# %% [markdown]
# Look at how people who are real fare in the two tables. A threshold moves errors from one row to the other.
#
# **04.3 Holm by hand.** From the *p* of a family, in any order, return the corrected ones in the same order, as an
# array. Sort them; the smallest is multiplied by the number of comparisons m, the next by m - 1, and so on. None may
# become smaller than the one before it, none larger than 1.


# %% tags=["exercise-04.3"]
def holm_by_hand(p_values):
    """Return the p-values of a family after Holm's correction, in the order given."""
    # <solution>
    order = np.argsort(p_values)
    raised = p_values[order] * np.arange(len(p_values), 0, -1)
    adjusted = np.empty(len(p_values))
    adjusted[order] = np.minimum(np.maximum.accumulate(raised), 1)
    return adjusted
    # </solution>


# %%
holm_by_hand = checks.ex_04_3(holm_by_hand)
p_values = np.array([difference.p for difference in better.values()])
table = {"p": p_values, "by hand": holm_by_hand(p_values)}
table["package"] = paired.holm(p_values).adjusted
pd.DataFrame(table, index=list(better)).map("{:.3g}".format)

# %% [markdown]
# **04.4 Batch normalisation by hand.** `x` holds one feature of the images of a batch. Return three things: the
# normalised values, (x - mean) / sqrt(variance + 0.001), and the kept mean and the kept variance afterwards. In
# training, the mean and variance of the batch are used (divide by n), and each kept value becomes 0.99 of itself plus
# 0.01 of the batch's. In inference the kept ones are used and stay as they are.


# %% tags=["exercise-04.4"]
def batch_norm(x, mean, variance, training):
    """Return the normalised values, the kept mean and the kept variance afterwards."""
    # <solution>
    if not training:
        return (x - mean) / np.sqrt(variance + 0.001), mean, variance
    normalised = (x - x.mean()) / np.sqrt(x.var() + 0.001)
    return normalised, 0.99 * mean + 0.01 * x.mean(), 0.99 * variance + 0.01 * x.var()
    # </solution>


# %%
batch_norm = checks.ex_04_4(batch_norm)
x = np.array([3.0, 0.0, 1.5, 2.0])
for training in (True, False):
    layer = layers.BatchNormalization()
    theirs = layer(x[:, None].astype("float32"), training=training).numpy()[:, 0]
    print("yours", np.round(batch_norm(x, 0.0, 1.0, training)[0], 3))
    print("Keras", theirs.round(3))

# %% [markdown]
# **04.5 Change and explain.** In the small world, 100 portraits were labelled. What if there are 25, or 400? Write
# down for both questions how *frozen* and *scratch* will change. Then change `n_labelled` and run that cell again,
# and say what came, why the two questions differ, and what it says about "pretraining helps where labels are few".
#
# **04.6 Open.** Borrow something else or otherwise: train MobileNet partly frozen from `"conv_dw_13"` on, take the
# largest of each map in place of the mean (`pooling="max"`), or teach the tiny backbone another school. Write down
# what you expect, train five seeds or more, and say what you found in one sentence with an interval. If you compare
# several things, name the family first and correct for it.

# %%
checks.written("04.5", prediction="", change="", result="", why="")
checks.written("04.6", question="", prediction="", result="")

# %% [markdown]
# ### Questions
#
# Write the number of the answer you think is right between the quotes, run the cell, and read why.
#
# {{quiz}}

# %% tags=["quiz"]
quiz.check("04", a="1", b="4", c="2", d="3")

# %% [markdown] tags=["claim"]
# ## What can go wrong
#
# - **"Pretrained" is not one thing.** Frozen, partly frozen and fine-tuned are three recipes. Report 002 froze all of
#   its MobileNetV3 and part of its VGG and compares the two, after five and three epochs.
# - **A validation accuracy is not a test accuracy.** Report 002's VGG has 98.8 % on validation against 96.5 % of its
#   MobileNetV3, and lower F1 scores, it seems on test. The epoch, the network or the luck that looks best on
#   validation was picked there.
# - **Networks of one table, trained by two people.** In report 001 some were built in Keras, others in PyTorch, whose
#   first weights and defaults differ. The report does not say who preprocessed how. Their difference may be one of
#   tools.
# - **A control that was not run.** Without a frozen *random* network, nobody knows how much of a frozen network's
#   score comes from ImageNet.
# - **A name is not a recipe.** Which MobileNetV3, which VGG, which layers were frozen: where a report does not say
#   it, the verdicts below name what is assumed.
# - **Families that grow.** Add a comparison after you have seen the others, and the correction no longer protects
#   you.
#
# ## The reports' numbers beside ours
#
# Verdicts follow rules that were fixed before the runs. A *level* can only be compared with the report's own data
# and sizes, an *ordering* also on a sample. `not run` names the command; where MobileNet answers for a network whose
# weights are not here, the row says `substituted`. The rows that *fine-tuned* answers speak of one trained model
# each, not of recipes.
#
# The last cell leaves a record of this run. A record from drawn images says that it is no evidence, and no table of
# results will take it.

# %%
lesson = "04_transfer_learning"
judged = ledger.judge(ledger.read_claims(), results.recorded())
display(ledger.claims_table(lesson, judged))

found, at_half = results.by_metric(measured), results.by_metric(half)
found |= {f"{m} at half": at_half[m] for m in ("accuracy", "AvgP", "AvgR")}
for name in set(logs) - set(runs):  # fine-tuned and from scratch: of seed 0 alone
    for metric in ("auc", "ap", "balanced_accuracy", "accuracy", "ece", "brier"):
        found[metric][name] = Estimate(**logs[name][0].metrics[metric])
found |= {"auc difference": better, "auc difference of models": singles}
found |= {"accuracy difference": righter, "accuracy difference of models": accurate}
n = {"train": 7 * len(train), "valid": 7 * len(valid), "test": len(test)}
found |= {"collapsed": collapsed, "validation": said, "augmented": n}
found["auc by images"] = {f"{k}, {n}": v for (k, n), v in by_size.items()}
facts = {k: records[0].values for k, records in logs.items()}
of_ours = {k: v["parameters"] for k, v in facts.items()}
found["seeds"] = {k: len(records) for k, records in logs.items()}
found["parameters"] = costs["parameters"].to_dict() | of_ours
found["trainable parameters"] = costs["trainable"].to_dict()
found["seconds per epoch"] = {k: v["seconds_per_epoch"] for k, v in facts.items()}
tables = {"predictions": recipes.predictions(runs), "history": every}
tables |= {"cost": costs.rename_axis("name").reset_index()}
settings = chosen | {"split": split, "seed": SEED, "parameters": {"LAYOUT": LAYOUT}}
settings |= {"n_train": len(train), "n_test": len(y_tested), "seeds": len(calls[plain])}
record = results.make_record(lesson, index, found, profile, settings, started)
print(results.write_record(record, tables=tables))

# %% [markdown]
# ## Take-aways
#
# - You can say what a frozen backbone brings along, and you built the control that tells.
# - You fed a borrowed network what it was trained on, and saw at once what it looks like when it is not.
# - You kept features, and know when they are the same and when they are not.
# - You read batch normalisation in its two modes.
# - You corrected for many comparisons.
# - You weighed what a network brings against what it costs.
#
# ## Next
#
# Lesson 05 looks where networks of this kind look last: at the traces that JPEG leaves. Bring the question of the
# small world along: does what a network sees include what gives the fake away?
#
# ## References
#
# - Report 000, *Detecting Fake Human Face Images*; report 001, *Classification of Real and Fake Human Faces Using
#   Deep Learning*; report 002, *Classification of Artificially Generated Faces Using Transfer Learning*; report 003,
#   *Fake Faces Detection Project*.
# - A. Howard and others, *MobileNets: Efficient Convolutional Neural Networks for Mobile Vision Applications*, 2017.
# - G. Huang and others, *Densely Connected Convolutional Networks*, CVPR 2017.
# - S. Kornblith, J. Shlens, Q. Le, *Do Better ImageNet Models Transfer Better?*, CVPR 2019.
# - S. Ioffe, C. Szegedy, *Batch Normalization*, ICML 2015.
# - S. Holm, *A simple sequentially rejective multiple test procedure*, Scandinavian Journal of Statistics 1979.
# - E. DeLong, D. DeLong, D. Clarke-Pearson, *Comparing the areas under two or more correlated receiver operating
#   characteristic curves*, Biometrics 1988.
# - J. Hanley, A. Lippman-Hand, *If nothing goes wrong, is everything all right?*, JAMA 1983: the rule of three.
