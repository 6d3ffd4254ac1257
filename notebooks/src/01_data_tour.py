# %% [markdown]
# # What is in a face data set, and what could give a fake away before any network looks?
#
# {{badges}}
#
# ## What you will do
#
# You open two sets of faces, look at them as pictures, as files and as frequencies, and then try to tell real from
# fake *by features too coarse to judge a face by*. Whatever succeeds at that is a shortcut that a network would
# take too.
#
# ### What you will learn
#
# - to read an image set as one table and to say what its labels, splits and groups are
# - to find files, metadata and photographs that two classes or two splits should not share
# - to audit a set for shortcuts, with an interval and a control for every number
# - to explain why augmenting before splitting makes almost any classifier look good
#
# ### What you will need
#
# Python with pandas and a little Matplotlib; the first three chapters of any tutorial will do. No account, no
# GPU, no network: without real data the lesson draws its own.
#
# ## Set-up
#
# The first table says what is installed here, the second how long the lesson took where it was measured.

# %%
import time

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from IPython.display import display
from sklearn.model_selection import train_test_split
from sklearn.neighbors import KNeighborsClassifier

from fakeface_utils import config
from fakeface_utils.datasets import augment, groups, layouts, pixels, splits, testbed
from fakeface_utils.evaluation import audit, intervals, plots
from fakeface_utils.forensics import metadata, spectrum
from fakeface_utils.lessons import checks, ledger, quiz, results, setup

plots.use_style()
started = time.time()
display(setup.show_versions("numpy", "pandas", "pillow", "scikit-learn", "tensorflow"))
results.minutes("01_data_tour")

# %% [markdown]
# ## Parameters
#
# Change a value here, then run everything below it.

# %% tags=["parameters"]
PROFILE = "auto"  # smoke, laptop, colab or paper; auto looks at your data and your GPU
MAX_IMAGES = 0  # use at most this many images of each set; 0 takes the profile's number
SPECTRUM_IMAGES = 0  # images a class in the mean spectra; 0 as in MAX_IMAGES
PERMUTATIONS = 20  # how often the audit repeats itself with permuted labels
SEED = 0  # of every random choice below

# %%
profile = setup.choose_profile(PROFILE)
limits = {"smoke": (400, 100), "laptop": (2_500, 400), "colab": (20_000, 1_000)}
most, n_spectra = limits.get(profile, (140_000, 2_000))
most, n_spectra = MAX_IMAGES or most, SPECTRUM_IMAGES or n_spectra
cache = config.cache_dir()
chosen = {"profile": profile, "images at most": most, "spectra per class": n_spectra}
pd.Series(chosen, name="this run").to_frame()

# %% [markdown]
# ## Recap
#
# This lesson needs three words, and keeps to them in every lesson that follows:
#
# - **Fake is 1.** The label is 1 for a fake, and every score is a probability of *fake*.
# - **A split** (train, valid, test) decides what a model may learn from. The test split is for the last question.
# - **A group** is all images that share a photograph. No group should be torn between two splits; look whether it is.
#
# ## Predict first
#
# Below you will try to tell real from fake by six things that judge no face: the file's `metadata`, its JPEG
# `quantisation tables`, a `thumbnail 8x8` pixels large, the `colour histogram`, the outermost `border ring` of
# pixels, and `blockiness`, the steps at the borders of JPEG's blocks. Which will work best on each set? Write your
# guess down before you go on.

# %%
prediction = {
    "140k": "nothing yet",  # one of the six
    "yonsei": "nothing yet",
}

# %% [markdown]
# ## The sets as tables
#
# The 140k set holds photographs from Flickr and fakes that StyleGAN made whole. The Yonsei set holds
# photographs and fakes that people made in Photoshop, by replacing eyes, noses or mouths. Where a real set is
# missing, the lesson takes a drawn one with the same layout, and says so.
#
# One row is one image. `label` comes from the folder, never from the alphabetical order of class names, which would
# make fake 0. `kind` and `parts` come from the file's name; the four bits of `parts` stand for left eye, right eye,
# nose and mouth.

# %%
full = {layout: setup.open_set(layout, profile) for layout in ("140k", "yonsei")}
sets = {layout: layouts.keep_some(index, most, SEED) for layout, index in full.items()}
rows = [index.groupby("label").head(2) for index in sets.values()]
pd.concat(rows, keys=sets).drop(columns=["path", "group"])

# %% [markdown]
# **How many images are there of each class?** Accuracy is easy to read only when classes are balanced. Look
# for a class, or a split, that outweighs another.

# %%
figure, axes = plt.subplots(1, 2, figsize=(10, 3.2))
for axis, (layout, index) in zip(axes, full.items(), strict=True):
    plots.class_counts(index, axis=axis)
    axis.set_title(layout)

# %% [markdown]
# The left set comes with its splits and is balanced in each. The right one has no splits and more reals than
# fakes: always answering *real* is right more often than not. Report 003 calls that share its baseline, and
# every accuracy on this set has to be read against it.
#
# ## The sets as pictures
#
# **Can you tell the classes apart?** The upper row of each figure is real, the lower one fake.

# %%
for layout, index in sets.items():
    few = index.sample(frac=1, random_state=SEED).groupby("label").head(6)
    few = few.sort_values("label")
    shown = [pixels.read_image(path, 160) for path in few["path"]]
    plots.image_grid(
        shown, few["kind"].tolist(), title=f"{layout}: {index['set'].iloc[0]}"
    )

# %% [markdown]
# Most people find nothing to hold on to in the first set. In the second, an eye that looks elsewhere or a
# mouth of another colour may catch you. How often you are right, and with what interval, is lesson 00's game.
#
# **What separates easy from hard?** The Yonsei set's authors sorted their fakes by eye, and advise against
# using the three groups as categories. The name tells which parts were replaced. On drawn images the true mask
# is known as well; its outline is drawn.

# %%
yonsei = sets["yonsei"]
order = {"easy": 0, "mid": 1, "hard": 2}
fakes = yonsei[yonsei["kind"].isin(order)].sample(frac=1, random_state=SEED)
fakes = fakes.groupby("kind").head(6).sort_values("kind", key=lambda k: k.map(order))
parts = fakes["parts"].map(
    lambda bits: ", ".join(layouts.part_names(bits)) or "unknown"
)
captions = (fakes["kind"] + ": " + parts.str.replace("_", " ")).tolist()
shown = [pixels.read_image(path, 160) for path in fakes["path"]]
figure = plots.image_grid(shown, captions, title="Replaced parts, from the file names")
for axis, path in zip(figure.axes, fakes["path"], strict=True):
    if (mask := testbed.read_mask(path, 160)) is not None:
        axis.contour(mask, levels=[127], colors="yellow", linewidths=0.8)

# %% [markdown]
# ## The sets as files
#
# Report 003 opened one image's *Properties* dialog and found an editor's name in it. One file is an anecdote,
# so read the headers of all of them. **Do the two classes come from the same tools?**

# %%
meta = {layout: metadata.metadata_table(index) for layout, index in sets.items()}
columns = ["format", "width", "subsampling", "tables", "exif_tags", "software"]


def commonest(values):
    """The commonest value and its share."""
    return f"{values.mode()[0]} ({(values == values.mode()[0]).mean():.0%})"


shown = {}
for layout, table in meta.items():
    for label, rows in table[columns].groupby(sets[layout]["label"].to_numpy()):
        shown[layout, ("real", "fake")[label]] = rows.map(str).apply(commonest)
pd.DataFrame(shown).rename_axis("commonest value (share)")

# %% [markdown]
# Read a row from left to right. The same value with the same share in both classes is no lead; another value, or
# another share, is one. Follow the row `tables`: each JPEG carries the tables by which its frequencies were
# rounded, here as a short code, and every program brings its own.


# %%
def unusual(table):
    """True for files whose quantisation tables are not the commonest of their set."""
    return table["tables"] != table["tables"].value_counts().index[0]


by_kind = {
    layout: unusual(meta[layout]).groupby(index["kind"]).agg(["sum", "size"])
    for layout, index in sets.items()
}
pd.concat(by_kind).rename(columns={"sum": "unusual tables", "size": "of images"})


# %% [markdown]
# **What would you score by saying *fake* whenever the table is unusual?** Precision is the share of fakes among
# the images you accuse, recall the share of fakes you catch. Both are proportions, so both get an interval.


# %%
def accuse_unusual_tables(index, table):
    """Precision and recall of the rule: another quantisation table than most, therefore fake."""
    accused = unusual(table).to_numpy()
    fake = (index["label"] == 1).to_numpy()
    hits = int((accused & fake).sum())
    precision = intervals.wilson(hits, int(accused.sum())) if accused.any() else None
    return {
        "accused": int(accused.sum()),
        "precision": precision,
        "recall": intervals.wilson(hits, int(fake.sum())),
    }


rule = {layout: accuse_unusual_tables(sets[layout], meta[layout]) for layout in sets}
pd.DataFrame(rule).T.map(lambda value: "-" if pd.isna(value) else str(value))

# %% [markdown]
# If precision is near 1, somebody's software has signed its work. The rule never sees a face, and a network
# that learns the same from the pixels' rounding has not learned anything about faces either.
#
# ## The same photograph twice
#
# **Do images share a photograph?** Three searches, from strict to tolerant: files that are equal, images whose
# perceptual hash is equal or nearly so, and images in which the same keypoints lie in the same arrangement.
# The last finds a fake and the photograph it was made from, even after cropping and scaling. It takes minutes,
# so `smoke` leaves it out.

# %%
pairs = {}
for layout, index in sets.items():
    pairs[layout] = groups.cached_pairs(index, cache, keypoints=profile != "smoke")
    sets[layout]["group"] = groups.group_ids(index, pairs[layout])
searches = ["same file", "hash"] + ["keypoints"] * (profile != "smoke")
found_by = {
    layout: found["how"].value_counts().reindex(searches, fill_value=0)
    for layout, found in pairs.items()
}
for layout, found in pairs.items():
    found_by[layout]["pairs in all"] = len(found.drop_duplicates(["a", "b"]))
display(pd.DataFrame(found_by))

for layout, found in pairs.items():
    rows = sets[layout].set_index("name")
    best = found.sort_values(["how", "score"], ascending=False).drop_duplicates("a")[:3]
    both = rows.loc[best[["a", "b"]].to_numpy().ravel()]
    captions = both["kind"].to_numpy(dtype=object)
    captions[1::2] += " (" + best["how"] + ")"
    if len(both):
        shown = [pixels.read_image(path, 160) for path in both["path"]]
        plots.image_grid(shown, captions, title=f"{layout}: pairs, side by side")

# %% [markdown]
# **How many fakes share pixels with a real image of the same set?** Either they were made from it, or one of its
# eyes, noses or mouths was put into them. Both let a model recognise where it should judge.

# %%
kin = {}
for layout, index in sets.items():
    related = groups.mixed_pairs(index, pairs[layout])["fake"].nunique()
    kin[layout] = intervals.wilson(related, int(index["label"].sum()))
pd.Series(kin, name="share of fakes with a real relative").map(str).to_frame()

# %% [markdown]
# **Would a random split keep them apart?** A pair that straddles a split lets a model recognise a test image
# instead of judging it. Below, the Yonsei set is split at random in report 001's shares, and the 140k set
# keeps the splits it came with. Leaked is a test image with a relative in the training split.

# %%
share = {"train": 1359, "valid": 171, "test": 511}
odds = np.array(list(share.values())) / sum(share.values())
at_random = sets["yonsei"].copy()
rng = np.random.default_rng(SEED)
at_random["split"] = rng.choice(list(share), len(at_random), p=odds)
leaked = {}
for name, table in (("140k, its own", sets["140k"]), ("yonsei, at random", at_random)):
    if {"train", "test"} <= set(table["split"]):
        n_test = int((table["split"] == "test").sum())
        hit = round(groups.share_leaked(table) * n_test)
        leaked[name] = str(intervals.wilson(hit, n_test))
pd.Series(leaked, name="share of test images leaked", dtype=str).to_frame()

# %% [markdown]
# Where a share is above zero, the answer is no. A split has to deal out whole groups; the kit's own splits, from
# lesson 02 on, do, and keep the random one beside them to show what the difference is worth.
#
# ## The sets as averages
#
# **Where do the classes differ on average?** Take the mean image of each class. If the two are the same, the
# difference shows noise; if a shape appears in it, the classes were framed, lit or toned differently.

# %%
figure, axes = plt.subplots(2, 3, figsize=(9, 6))
for row, (layout, index) in zip(axes, sets.items(), strict=True):
    images = pixels.load_images(index, 64, color="grey", cache_dir=cache)
    real, fake = (images[index["label"] == label].mean(axis=0) for label in (0, 1))
    plots.compare_maps(
        row, real[..., 0], fake[..., 0], layout, "grey levels", spread=12
    )

# %% [markdown]
# Look for three things. An even tint would be a difference in tone. A sharper face in one of the means says that
# the faces of that class are placed and posed more alike, which is known of generators (Mundra and others). Patches
# and outlines of hair or shoulders come and go with the few hundred pictures at hand; they are chance until another
# sample shows them again.
#
# **Is there a pattern too fine to see?** A generator draws small and enlarges. What enlarging invents between the
# pixels repeats, and repetition shows in the spectrum. Take from each image a smoothed copy of itself; of what
# remains, its power at every frequency, and average over a class. Zero frequency is in the middle, the finest
# detail at the rim.

# %%
figure, axes = plt.subplots(2, 3, figsize=(9, 6))
squares = {}
for row, (layout, index) in zip(axes, sets.items(), strict=True):
    for label in (0, 1):
        paths = index.loc[index["label"] == label, "path"].head(n_spectra)
        squares[layout, label] = [pixels.crop_square(path, 256) for path in paths]
    means = (spectrum.mean_log_spectrum(squares[layout, label]) for label in (0, 1))
    plots.compare_maps(row, *means, layout, "log power", spread=1)

# %% [markdown]
# **And along the radius?** Averaging over rings gives one curve an image. Each curve's own mean is taken out, so
# only its shape is left; a bump in one place lowers the rest a little. The band is the interval of the class's mean
# at one frequency. There are many frequencies, so a narrow gap somewhere is a lead and not yet a finding.

# %%
figure, axes = plt.subplots(1, 2, figsize=(10, 3.4), sharey=True)
for axis, layout in zip(axes, sets, strict=True):
    curves = [
        np.stack([spectrum.radial_profile(square) for square in squares[layout, label]])
        for label in (0, 1)
    ]
    plots.two_classes(np.arange(1, 129) / 256, *curves, axis=axis)
    axis.set(title=layout, xlabel="cycles per pixel", ylabel="log power, mean removed")

# %% [markdown]
# Bright spots on the axes, glowing edges, or a lifted end of the curve are traces of enlarging. They are honest
# evidence of a *generator*, as long as both classes went through the same resizing and the same compression. Where
# fakes were shrunk and compressed before they were published, little may be left to see by eye. Lesson 08 goes on
# from here.
#
# ## The shortcut audit
#
# Now the six things that judge no face. Each is turned into numbers, a logistic regression learns from four
# fifths of the groups and scores the last fifth, five times over. AUC is the chance that a random fake scores
# higher than a random real: one half is guessing. Each AUC has an interval from resampling whole groups, and
# beside it stands a control: the same procedure on permuted labels, where nothing can be found.

# %%
audits = {}
for layout, index in sets.items():
    audits[layout] = audit.shortcut_audit(
        index, n_permutations=PERMUTATIONS, seed=SEED
    ).set_index("probe")
    display(
        audits[layout][["auc", "low", "high", "permuted", "p", "features"]]
        .round(3)
        .rename_axis(layout)
    )

# %% [markdown]
# Two columns answer two questions. The interval says how far the AUC would move with *other test images*; it does
# not know that another training would have moved it too, so do not read it as a test. Column `p` does test: it is
# the share of permuted runs that did as well, this one counted among them, and with few permutations it cannot be
# small. The last row is a check of the audit: names differ between the classes by design, so it has to be found. A
# feature that is the same in all files scores exactly one half, without width; one below one half is discussed
# under *What can go wrong*. `metadata` also sees the size of the file. **Which probes clear chance and their
# control?**

# %%
figure, axes = plt.subplots(1, 2, figsize=(11, 3.8), sharey=True)
for axis, (layout, table) in zip(axes, audits.items(), strict=True):
    plots.forest(table, control="permuted", axis=axis)
    axis.set(title=layout, xlabel="AUC", xlim=(0.3, 1.02))

for layout, table in audits.items():
    best = table.drop(index="file name (positive control)")["auc"].idxmax()
    print(
        f"{layout}: you predicted {prediction[layout]!r}; the strongest probe was {best!r}"
    )

# %% [markdown]
# A probe that permuted labels reach as well was not shown to be a shortcut. A probe above them sets a floor: a detector
# has to be better than that before it may be said to look at faces. What the lesson found on real photographs is
# recorded in the repository and shown here, whatever you ran. With twenty permutations *p* cannot be smaller than one
# in twenty-one.

# %%
recorded = results.recorded("01_data_tour")
for record in recorded:
    axis = plt.figure(figsize=(8, 3.4)).gca()
    plots.forest(results.interval_table(record, "shortcut AUC/"), axis=axis)
    axis.set(title=results.stamp(record), xlabel="AUC", xlim=(0.3, 1.02))
plt.show()
results.metric_table(recorded, "shortcut p/")

# %% [markdown]
# ## Augmenting before splitting
#
# Report 001 makes six changed copies of every training image, and keeps the test images out of it. Papers that
# report near-perfect accuracy on the same photographs rarely say in which order they split and augmented.
# **What does the order do?** Ask the simplest classifier there is: find the nearest training image, pixel by
# pixel, and take over its label. It knows nothing about forgery. First the right order, with
# whole groups kept together and without, then the wrong one.

# %%
small = pixels.load_images(yonsei, 32, cache_dir=cache)
truth = yonsei["label"].to_numpy()
copies = augment.six_fold(small, SEED).numpy().reshape(7, len(small), -1)


def nearest_neighbour(train, test):
    """Accuracy of 1-NN; train and test are (features, labels)."""
    model = KNeighborsClassifier(1, algorithm="brute").fit(*train)
    correct = model.predict(test[0]) == test[1]
    return intervals.wilson(int(correct.sum()), len(correct))


# %%
judge = splits.make_folds(truth, sets["yonsei"]["group"], n_splits=4, seed=SEED) == 0
train = np.concatenate(copies[:, ~judge]), np.tile(truth[~judge], 7)
split_first = nearest_neighbour(train, (copies[0, judge], truth[judge]))
judge = np.random.default_rng(SEED).random(len(truth)) < 0.25
train = np.concatenate(copies[:, ~judge]), np.tile(truth[~judge], 7)
groups_torn = nearest_neighbour(train, (copies[0, judge], truth[judge]))

# %%
every, seven = np.concatenate(copies), np.tile(truth, 7)
train, test = train_test_split(
    np.arange(len(seven)), test_size=0.25, stratify=seven, random_state=SEED
)
augment_first = nearest_neighbour(
    (every[train], seven[train]), (every[test], seven[test])
)
untouched = test[test < len(truth)]  # the first copy of the seven is the image itself
on_originals = nearest_neighbour(
    (every[train], seven[train]), (every[untouched], seven[untouched])
)

# %%
accuracy = {
    "always real": intervals.wilson(int((truth == 0).sum()), len(truth)),
    "split by groups, then augment": split_first,
    "split at random, then augment": groups_torn,
    "augment, then split": augment_first,
    "the same, on untouched images": on_originals,
}
pd.Series(accuracy, name="accuracy").map("{:.3f}".format).to_frame()

# %% [markdown]
# The classifier is the same in all rows, only what it was asked changed. After augmenting first, copies of a test
# image lie in the training split, and the classifier has to *recognise* it, not to judge it. Mirrored and turned
# copies escape a comparison pixel by pixel; the last row leaves them out. Keep this table in mind whenever a result
# on a small set looks too good.
#
# ## Exercises
#
# In the first three you fill in a function: replace each `raise` by your own lines and run the cell, then the cell
# below it. The check shows the input, what was expected and what came. The last two you answer in words.
#
# **01.1 Read a name.** `mid_405_0011.jpg` is a fake of middling difficulty, number 405, whose nose and mouth
# were replaced. Return its difficulty and the list of its replaced parts, in the order of `layouts.PARTS`.


# %% tags=["exercise-01.1"]
def read_fake_name(name):
    """Split a Yonsei file name into difficulty and replaced parts."""
    # <solution>
    difficulty, _, bits = name.removesuffix(".jpg").split("_")
    return difficulty, [
        part for part, bit in zip(layouts.PARTS, bits, strict=True) if bit == "1"
    ]
    # </solution>


# %%
read_fake_name = checks.ex_01_1(read_fake_name)

# %% [markdown]
# **01.2 Measure a leak.** An index has the columns `split` and `group`. Return the share of *test* images whose
# group also occurs in the *train* split.


# %% tags=["exercise-01.2"]
def share_leaked(index):
    """Compute the share of test images that have a relative in the training split."""
    # <solution>
    seen = set(index.loc[index["split"] == "train", "group"])
    return float(index.loc[index["split"] == "test", "group"].isin(seen).mean())
    # </solution>


# %%
share_leaked = checks.ex_01_2(share_leaked)
print(f"leaked at random: {share_leaked(at_random):.3f}")

# %% [markdown]
# **01.3 Find the blocks.** JPEG works in blocks of 8 x 8 pixels. Return a difference: the mean absolute step between
# neighbours *across* block borders (columns 7 and 8, 15 and 16, ..., counted from 0, and rows likewise, all taken
# together), minus the mean absolute step between all other neighbours.


# %% tags=["exercise-01.3"]
def blockiness(grey):
    """Compare steps across the borders of 8 x 8 blocks with all other steps."""
    # <solution>
    across = np.abs(np.diff(grey, axis=1)), np.abs(np.diff(grey, axis=0)).T
    border = [np.arange(1, steps.shape[1] + 1) % 8 == 0 for steps in across]
    on = np.concatenate(
        [steps[:, edge].ravel() for steps, edge in zip(across, border, strict=True)]
    )
    off = np.concatenate(
        [steps[:, ~edge].ravel() for steps, edge in zip(across, border, strict=True)]
    )
    return float(on.mean() - off.mean())
    # </solution>


# %%
blockiness = checks.ex_01_3(blockiness)
grey = pixels.read_image(yonsei["path"].iloc[0], color="grey")[..., 0].astype(float)
print(f"blockiness of the first image: {blockiness(grey):.2f} grey levels")

# %% [markdown]
# **01.4 Change and explain.** What if the audit had half as many images of the first set? Write down what you expect
# of the AUCs, of the width of their intervals and of the column `permuted`. Then set `MAX_IMAGES` to half of what it
# used (the smaller of two numbers: the set's, printed under *The sets as tables*, and the limit in the table under
# *Parameters*). Run everything below it again, and say what came and why, for both sets.
#
# **01.5 Open.** Invent a seventh probe: any function of one image that cannot see a face. With
# `from fakeface_utils.forensics import shortcuts`, add it to the audit by `audit.shortcut_audit(index,
# shortcuts.PROBES | {"mine": shortcuts.PixelProbe(my_function)})`, where `my_function` takes an image (height, width,
# 3) and returns a number or several. Predict its AUC first, and say which control tells luck from a finding.

# %%
checks.written("01.4", prediction="", change="", result="", why="")
checks.written("01.5", probe="", prediction="", result="", control="")

# %% [markdown]
# ### Questions
#
# Write the number of the answer you think is right between the quotes, run the cell, and read why.
#
# {{quiz}}

# %% tags=["quiz"]
quiz.check("01", a="2", b="4", c="1", d="3")

# %% [markdown]
# ## What can go wrong
#
# - **A file count is not a set.** A copy may be partial, doubled inside the archive or cut short.
#   `fakeface verify` counts, decodes and hashes every file before you believe a number.
# - **Many looks find something.** Six probes on two sets are twelve looks. The `p` column is not corrected for
#   that; with twelve looks at nothing, one *p* below .05 is no surprise.
# - **Equal is not proven.** A probe at one half was not found guilty. Another probe, or more images, might.
# - **Below one half is noise, not knowledge.** With a few hundred images, what four fifths suggest about the last
#   fifth can be wrong together. The interval tells how the score would move with other test images, not with
#   another training. Compare with the control before you explain a low number.
# - **A name is not a cause.** The blockiness probe answers to any pattern that repeats every eight pixels: JPEG's
#   blocks, and also a generator that enlarges three times by two.
# - **Keypoints find a lower bound.** Photographs that share too little to match are not found.
#
# ## The reports' numbers beside ours
#
# What the reports say about the sets themselves can be counted. Where a real set was not at hand when the
# committed records were made, the verdict is *not run*.
#
# The cell also leaves a record of this run. A record from drawn images says that it is no evidence, and no table of
# results will take it.

# %%
judged = ledger.judge(ledger.read_claims(), results.recorded())
display(ledger.claims_table("01_data_tour", judged))

settings = {"seed": SEED, "permutations": PERMUTATIONS}
for layout, index in sets.items():
    metrics = {
        **results.count_metrics(full[layout], meta[layout]),
        "shortcut AUC": audit.estimates(audits[layout]),
        "shortcut p": audits[layout]["p"].to_dict(),
        "unusual tables": by_kind[layout]["sum"].to_dict(),
        "unusual table": rule[layout],
        "pairs": found_by[layout].to_dict(),
        "share": {"with a real relative": kin[layout]},
        "1-NN accuracy": accuracy if layout == "yonsei" else {},
    }
    record = results.make_record(
        "01_data_tour", index, metrics, profile, settings, started
    )
    print(results.write_record(record))

# %% [markdown]
# ## Take-aways
#
# - You read an image set as one table, and can say what its labels, splits and groups are.
# - You found files, metadata and photographs that two classes or two splits should not share.
# - You audited a set for shortcuts, with an interval and a control for every number.
# - You can explain why augmenting before splitting makes almost any classifier look good.
#
# ## Next
#
# Lesson 02 trains the first network, the feed-forward one of report 000, and asks how much more it finds than
# the thumbnail did. Bring the floors from this lesson with you.
#
# ## References
#
# - Report 000, *Detecting Fake Human Face Images*; report 001, *Classification of Real and Fake Human Faces Using
#   Deep Learning*; report 003, *Fake Faces Detection Project*; report 004, *Fake or real: machines can fool
#   humans*.
# - R. Durall, M. Keuper, J. Keuper, *Watch your Up-Convolution*, CVPR 2020: the spectrum along the radius.
# - J. Frank and others, *Leveraging Frequency Analysis for Deep Fake Image Recognition*, ICML 2020: the grids.
# - S. Mundra and others, *Exposing GAN-Generated Profile Photos from Compact Embeddings*, CVPR workshops 2023: the
#   mean of generated faces is sharp.
# - P. Grommelt and others, *Fake or JPEG? Revealing Common Biases in Generated Image Detection Datasets*, 2024:
#   what shortcuts in compression and size are worth.
