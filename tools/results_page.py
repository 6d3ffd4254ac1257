"""The pages that show what was measured: results/RESULTS.md, and the short block of it in README.md."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from fakeface_utils.evaluation import verdicts
from fakeface_utils.lessons import ledger, results
from tools import results_figures, results_words
from tools.drawings import Drawing

REPORTS = {
    "000": "Detecting Fake Human Face Images",
    "001": "Classification of Real and Fake Human Faces Using Deep Learning",
    "002": "Classification of Artificially Generated Faces Using Transfer Learning",
    "003": "Fake Faces Detection Project",
    "004": "Fake or real: machines can fool humans",
}
# Every verdict and when it is given, in the order in which the README counts them.
WORDS = {
    "reproduced": "structure: equal. Level: the 90 % interval of ours minus reported, both variances counted, lies "
    f"inside the margin. Chance: the 90 % interval lies within {verdicts.MARGIN_CHANCE:g} of one half",
    "direction reproduced": "A better than B: the interval of the difference lies above 0",
    "no material difference": "A better than B: the 90 % interval of the difference lies inside the margin",
    "undecided": "these images, or these seeds, are too few to say",
    "not reproduced": "level or chance: the 95 % interval lies wholly outside the margin",
    "contradicted": "structure: not equal. A better than B: the interval of the difference lies below 0",
    "not comparable": "the report does not state what a comparison needs, or its data or sizes (beyond "
    f"{verdicts.SIZES_WITHIN * 100:g} %) are others; our number is shown, not judged",
    "not run": "nobody measured it yet; the command does, once the set is there",
}
HOW_TO_READ = (
    "Every claim of the reports that a lesson can answer, beside our number and a verdict, by rules that were fixed "
    "before the first run. Differences are paired, on the same images. "
    f"Margins are {verdicts.MARGIN_AUC:g} of AUC and {verdicts.MARGIN_ACCURACY:g} of accuracy, precision or recall. "
    'The claims "A is better than B" of one report, on the same set and profile, are a family, those not measured yet '
    "among them: the level of their intervals is corrected by Holm's method, while the intervals printed under *ours* "
    "are plain ones at 95 %. "
    "`140k-mini` is a sample of the 140k kind with splits of its own: it answers claims about models on 140k, "
    "with training sizes of its own, and no claim about the 140k set itself. A claim answered on two sets has two "
    "rows; one that depends on no image, such as a number of parameters, has the set `any`. "
    "*Substituted* means that another network stands in for the report's, which nobody ran here; the row says which, "
    "and the report's own claim has its own row. *In words* means that the report gives no number. "
    "The commands are for the kit's Python: after `make course`, `.venv/bin/python` for `python`."
)

# Tables that lessons 03 to 05 share.
NETWORK_TABLES = {
    "ap/": "average precision",
    "balanced_accuracy/": "balanced accuracy at the threshold that validation chose",
    "accuracy/": "accuracy at the threshold that validation chose",
    "accuracy at half/": "accuracy at the threshold .5",
    "AvgP at half/": "mean precision of the two classes at the threshold .5",
    "AvgR at half/": "mean recall of the two classes, which is balanced accuracy, at the threshold .5",
    "ece/": "expected calibration error",
    "brier/": "Brier score",
    "auc difference/": "difference in AUC",
    "auc difference of models/": "difference in AUC of single trainings",
    "accuracy difference/": "difference in accuracy at the threshold .5",
    "accuracy difference of models/": "difference in accuracy at the threshold .5 of single trainings",
    "collapsed/": "share of trainings that ended with one answer for all images",
    "auc by images/": "AUC by number of training images",
    "parameters/": "parameters",
    "trainable parameters/": "trainable parameters",
    "seconds per epoch/": "seconds an epoch",
}
# What each lesson's records hold: a note, then the start of metrics' names and the corner of the table they make.
MEASURED = {
    "00_start_here": (
        "A logistic regression on the strength of each frequency plays *can you spot it?*: of a real and a fake image "
        "it names the one with the higher score. Wilson intervals; no person took part.",
        {"machine, pairs/": "share of pairs in which the machine named the fake"},
    ),
    "01_data_tour": (
        "AUCs of features too coarse to judge a face by. Their intervals come from resampling whole groups of images "
        "that share a photograph and tell how far other test images would move them; whether a feature knows "
        "anything at all is what *p* tests, the share of runs (this one, and those with permuted labels) that did "
        "as well. Shares and accuracies have Wilson intervals.",
        {
            "shortcut AUC/": "AUC without judging a face",
            "shortcut p/": "p, against permuted labels",
            "unusual tables/": "files with unusual JPEG tables",
            "unusual table/": "rule: unusual JPEG table, so fake",
            "pairs/": "pairs of images that share pixels",
            "share/": "share of fakes",
            "1-NN accuracy/": "accuracy of the nearest neighbour",
        },
    ),
    "02_ffnn_baseline": (
        "Report 000's feed-forward networks M1 to M4 beside floors. In the profile laptop every image was tested "
        "once, in a cross-validation whose turns tear no group, else on the test split. A number is the mean over "
        "the seeds; its interval counts seeds and images. A difference is the first minus the second, paired on the "
        "same images. Collapses, the winner of the grid and pixel sizes are of one split.",
        {
            "auc/": "AUC of feed-forward networks and floors",
            "ap/": "average precision",
            "balanced_accuracy/": "balanced accuracy at the threshold that validation chose",
            "accuracy/": "accuracy at the threshold that validation chose",
            "accuracy at half/": "accuracy at the threshold .5",
            "AvgP at half/": "mean precision of the two classes at the threshold .5",
            "AvgR at half/": "mean recall of the two classes at the threshold .5",
            "ece/": "expected calibration error",
            "brier/": "Brier score",
            "auc difference/": "difference in AUC",
            "accuracy difference/": "difference in accuracy at the threshold .5",
            "collapsed/": "share of trainings that ended with one answer for all images",
            "gain after epoch 5/": "AUC on validation, epoch 10 minus epoch 5",
            "winner/": "AUC of the grid's winner",
            "auc by pixels/": "AUC of M2 by pixel size and colour",
        },
    ),
    "03_cnn_tuning": (
        "The reports' networks trained from scratch, under the names of `training/systems.py`, where everything "
        "that had to be assumed is listed. Each was trained with several seeds and tested on the test split. A "
        "number is the mean over the seeds; its interval counts seeds and images. *One training*: with fewer than "
        "five seeds the first one stands for itself, and its interval counts images alone. A difference is the "
        "first minus the second, paired on the same images. Accuracy, precision and recall depend on a threshold: "
        "the name says on which. Seconds are of the machine that made the record, named in it.",
        {
            "auc/": "AUC of networks from scratch",
            **NETWORK_TABLES,
            "gain after epoch 3/": "AUC on validation, last epoch minus epoch 3",
            "winner/": "AUC of the search's winner",
            "shuffled/": "predictions read in another order than the labels",
        },
    ),
    "04_transfer_learning": (
        "Pretrained networks. *Frozen*: only the head was trained, on features that the backbone gave once. *Frozen "
        "at random*: the same with weights that nobody trained, a control. *Fine-tuned*: all weights were trained. "
        "*Rescaled twice*: fed with 0 to 1 where the backbone expects 0 to 255. In the profile laptop every image "
        "was tested once, in a cross-validation. Else numbers, intervals and differences are as in lesson 03.",
        {
            "auc/": "AUC of pretrained networks and their controls",
            **NETWORK_TABLES,
            "gain after epoch 5/": "AUC on validation, last epoch minus epoch 5",
            "spot predictions/": "share of spot predictions that were right",
            "augmented/": "images after the six-fold augmentation",
        },
    ),
    "05_ela_and_fusion": (
        "*RGB* is the photograph, *ELA* its error level (what a second save as JPEG changes), *re-saved* the "
        "photograph after that save; A + B is a network with two branches. Where a name says no network, it is a "
        "head on features of a frozen MobileNet; in the profile laptop every image was tested once, in a cross- "
        "validation whose turns tear no group. *Head 128*: with so many hidden units. *Equalised*: on the twin of "
        "the set in which every image has one size and was saved once, at a quality drawn without knowing its "
        "class. *Ungrouped*: on one split that ignores which images share a photograph, as the report's does. Else "
        "numbers, intervals and differences are as in lesson 03; whole networks were trained once. Log ratios "
        "compare a fake's error level with that of the photograph it was made from: 0 is no difference. *Beyond* is "
        "edit minus around.",
        {
            "auc/": "AUC of inputs, their controls, and whole networks",
            **NETWORK_TABLES,
            "inside/": "mean log ratio of error levels inside real edits",
            "auc by quality/": "AUC of ELA by the quality of the second save",
            "auc by split/": "difference in AUC over grouped splits",
        },
    ),
    "06_dcgan": (
        "A DCGAN after Radford et al. (*DCGAN, 64 px*, several generators) and report 004's recipe (*DCGAN of 004*, "
        "one training; with another size in its name, at that size), judged by two detectors that never saw their "
        "pictures: report 004's CNN and a fine-tuned MobileNet, each trained once, at the threshold that validation "
        "chose. All pictures went the same way: at the generator's size, saved as JPEG, brought to the detector's "
        "size; *as stored*: without that. Known fakes are test images of the kind that the detectors were trained "
        "on. Intervals of several generators are Student's over them, all others count pictures. KID, Fréchet "
        "distance and two-sample test stand on the named network's features, so they are not the numbers of the "
        "literature; each is to be read beside that of two halves of the reals. *Best of ten*: of each ten pictures "
        "the one that the discriminator finds most real. No generated picture is kept here.",
        {
            "called fake by CNN of 004/": "share called fake by report 004's CNN",
            "called fake by MobileNet/": "share called fake by MobileNet",
            "auc by CNN of 004/": "AUC of report 004's CNN against reals, same way",
            "auc by MobileNet/": "AUC of MobileNet against reals, same way",
            "called fake difference by CNN of 004/": "difference in shares called fake by report 004's CNN",
            "called fake difference by MobileNet/": "difference in shares called fake by MobileNet",
            "picked/": "share called fake of all and of chosen pictures",
            "face found/": "share in which a face cascade finds a face",
            "face found difference/": "difference in shares with a face",
            "kid by MobileNet/": "KID on MobileNet's features, to half of the reals",
            "frechet by MobileNet/": "Fréchet distance on MobileNet's features, to half of the reals",
            "two-sample AUC by MobileNet/": "AUC of a two-sample test on MobileNet's features",
            "two-sample p by MobileNet/": "p of that test, against dealt labels",
            "copying/": "P(generated lies nearer to the training images than a held-out real)",
            "grid of 2 px/": "power at a grid of 2 px over that around it",
            "grid of 4 px/": "power at a grid of 4 px over that around it",
            "grid of 8 px/": "power at a grid of 8 px over that around it",
            "parameters/": "parameters",
        },
    ),
}


@dataclass(frozen=True)
class Shown:
    """A figure that each record of a lesson gives, if it has what the figure needs.

    Attributes:
        draw: takes the record and then the tables.
        caption: the stamp of the record follows it.
        alt: what the picture looks like, for those who cannot see it; the name of the set follows.
        tables: names of tables beside the record.
        prefixes: what the names of the metrics drawn begin with; some network must have a metric of each.
    """

    draw: Callable[..., Figure]
    caption: str
    alt: str
    tables: tuple[str, ...] = ()
    prefixes: tuple[str, ...] = ("",)

    def fits(self, record: dict) -> bool:
        drawn = [results_figures.values(record, prefix).index for prefix in self.prefixes]
        return bool(set.intersection(*map(set, drawn))) and set(self.tables) <= set(record.get("tables", []))


# Figures that lessons 03 and 04 share.
NETWORK_FIGURES = {
    "networks": Shown(
        results_figures.networks,
        "The networks of this lesson: mean AUC over the seeds with its 95 % interval.",
        "One point with a bar for each network, beside the dotted line of chance at one half. The numbers are in the "
        "first table below. Set:",
        prefixes=("auc/",),
    ),
    "cost": Shown(
        results_figures.cost,
        "AUC against the number of parameters, on a logarithmic axis: mean over the seeds with its 95 % interval.",
        "One named point with a bar for each network; how far right is how many parameters, how high is the AUC. "
        "The numbers are in the tables below. Set:",
        prefixes=("auc/", "parameters/"),
    ),
    "time": Shown(
        results_figures.accuracy_and_time,
        "Accuracy on validation against the time trained, on the machine that made the record: the mean of all seeds, "
        "a point an epoch, an epoch taken to last as long as the middle one.",
        "One named line for each network, over seconds on a logarithmic axis, with a dot for each epoch. Set:",
        tables=("history",),
        prefixes=("seconds per epoch/",),
    ),
    "epochs": Shown(
        results_figures.many_epochs,
        "AUC on validation after each epoch: every training, and the mean of all seeds. The dotted line is chance.",
        "A small panel for each network, with a thin grey line for each training and a thick dark one for their mean, "
        "over the epochs; lines end where the training did. Set:",
        tables=("history",),
    ),
    "images": Shown(
        results_figures.by_images,
        "AUC on the test images against the number of training images, on a logarithmic axis: mean over the seeds.",
        "One line for each network with a point at each number of training images, from few to all. The numbers are "
        "in the table of AUC by number of training images below. Set:",
        prefixes=("auc by images/",),
    ),
}
# Which figures each lesson's records give, by the name that goes into the file's.
FIGURES = {
    "01_data_tour": {
        "shortcuts": Shown(
            results_figures.shortcuts,
            "How well features that judge no face tell fake from real: AUC with its 95 % interval.",
            "One point with a bar for each feature, beside the dotted line of chance at one half. The file name, the "
            "positive control, is far to the right. The numbers are in the first table below. Set:",
            prefixes=("shortcut AUC/",),
        ),
    },
    "02_ffnn_baseline": {
        "networks": Shown(
            results_figures.networks,
            "Report 000's networks M1 to M4 and the floors: mean AUC over the seeds with its 95 % interval.",
            "One point with a bar for each floor and network, beside the dotted line of chance at one half. The "
            "numbers are in the first table below. Set:",
            prefixes=("auc/",),
        ),
        "roc": Shown(
            results_figures.roc,
            "ROC curves of the first seed, every image ranked among those of its turn. Where a curve runs straight, "
            "images have the same score, as a network that collapsed in one turn gives them.",
            "Four curves from the lower left to the upper right corner, above the dotted diagonal of chance; the "
            "legend gives the AUC of each. Set:",
            tables=("predictions",),
        ),
        "epochs": Shown(
            results_figures.epochs,
            "AUC on validation after each epoch: the mean over all turns and seeds, and one standard deviation "
            "either side. The dotted line is the fifth epoch, after which lesson 02 asks what there is to gain.",
            "Four lines, one a network, over the epochs, in bands that overlap. Set:",
            tables=("history",),
        ),
        "grid": Shown(
            results_figures.grid,
            "The search: best AUC on validation, over all numbers of epochs, for each activation, number of hidden "
            "units and learning rate. Each cell is one training; darker is higher.",
            "Three tables of numbers on grey cells, one a learning rate, with a row an activation and a column a "
            "number of units. Set:",
            tables=("grid",),
        ),
    },
    "03_cnn_tuning": NETWORK_FIGURES,
    # What it measures are versions of one network: all have the same size.
    "04_transfer_learning": {name: shown for name, shown in NETWORK_FIGURES.items() if name != "cost"},
    "05_ela_and_fusion": {
        "inputs": Shown(
            results_figures.inputs,
            "Heads on a frozen MobileNet, by what it was shown: mean AUC over the seeds with its 95 % interval.",
            "One point with a bar for each input or pair of inputs, beside the dotted line of chance at one half. The "
            "numbers are in the first table below. Set:",
            prefixes=("auc/",),
        ),
        "differences": Shown(
            results_figures.differences,
            "The comparisons that were named beforehand: difference in AUC with its 95 % interval, before Holm's "
            "correction. The dotted line is no difference.",
            "One point with a bar for each pair of networks, heads above and whole networks below, beside the dotted "
            "line at zero. The numbers are in the tables of differences in AUC below. Set:",
            prefixes=("auc difference/",),
        ),
    },
    "06_dcgan": {
        "called": Shown(
            results_figures.called_fake,
            "Share of each generator's pictures that a detector calls fake, by epoch, beside reals and known fakes "
            "that went the same way; bands are 95 % intervals over pictures.",
            "Two panels, one a detector: a line with points for each generator over its epochs, and two level lines "
            "with bands, one for reals and one for known fakes. Those of the last epoch are in the first tables "
            "below. Set:",
            tables=("shares",),
            prefixes=("called fake by CNN of 004/",),
        ),
        "distances": Shown(
            results_figures.distances,
            "Kernel distance (KID) of each generator's pictures to the reals on MobileNet's features, by epoch, "
            "beside that of two halves of the reals.",
            "A line with points for each generator over its epochs, and a level line near zero for the halves. Set:",
            tables=("distances",),
            prefixes=("kid by MobileNet/",),
        ),
        "losses": Shown(
            results_figures.losses,
            "Both losses, and P(fake) of the discriminator for reals and for generated pictures, by epoch: each "
            "generator, and the mean.",
            "Two panels over the epochs: the generator's loss far above the discriminator's, and P(fake) near one for "
            "generated pictures and near zero for reals. Set:",
            tables=("history",),
        ),
    },
}
README_TABLES = (("01_data_tour", "shortcut AUC/"),)
# Of which networks README.md shows the AUC: named beforehand, for the best of many are flattered by luck.
README_ROWS = {
    "02_ffnn_baseline": ("constant", "logistic", "M2"),
    "03_cnn_tuning": ("CNN-1", "CNN-3", "CNN-5", "custom CNN, augmented", "CNN of 004"),
    "04_transfer_learning": (
        "MobileNet frozen at random, 128 px",
        "MobileNet frozen, 128 px",
        "MobileNet fine-tuned, 128 px",
    ),
    "05_ela_and_fusion": ("ELA", "RGB + ELA", "RGB + RGB"),
}
NO_RECORD = "No record of a real set is committed yet."


def page_and_block(root: Path) -> tuple[str, str]:
    """The whole of results/RESULTS.md, and what README.md shows of it, from the ledger and the records in ``root``."""
    records = results.recorded(folder=root / "results" / "records")
    judged = ledger.judge(ledger.read_claims(root / "results" / "claims.yaml"), records)
    return page(judged, records), block(judged, records)


def page(judged: pd.DataFrame, records: list[dict]) -> str:
    words = pd.DataFrame({"when": WORDS})
    parts = ["# Results", "Made by `make report` from the ledger and the records; do not edit."]
    parts[2:2] = ["## In words", said] if (said := "\n".join(results_words.in_words(records))) else []
    parts += ["## How to read the claims", HOW_TO_READ, markdown_table(words, "verdict")]
    for report, rows in judged.groupby("report"):
        parts += [f"## Report {report}, *{REPORTS[report]}*", claims_of_report(rows)]
    parts += ["## What was measured", *([] if records else [NO_RECORD])]
    for lesson, (note, tables) in MEASURED.items():
        made = [table for prefix in tables if (table := measured(records, lesson, prefix))]
        parts += [f"### Lesson {lesson}", note, *pictures(records, lesson), *made] if made else []
    return "\n\n".join(parts) + "\n"


def figures_of(records: list[dict]) -> list[tuple[dict, str, Shown]]:
    """Every figure that the records give, in the page's order: record, name of the file, what is shown."""
    return [
        (record, f"{lesson}.{record['set']}.{record['profile']}.{name}.png", shown)
        for lesson, figures in FIGURES.items()
        for name, shown in figures.items()
        for record in records
        if record["lesson"] == lesson and shown.fits(record)
    ]


def pictures(records: list[dict], lesson: str) -> list[str]:
    """A lesson's figures as the page shows them, each with its caption."""
    return [
        f"![{shown.alt} {record['set']}](figures/{name})\n\n*{shown.caption} ({results.stamp(record)})*"
        for record, name, shown in figures_of(records)
        if record["lesson"] == lesson
    ]


def drawings(root: Path) -> list[Drawing]:
    """The same figures as they are to be drawn, from the records in ``root`` alone."""
    folder, made = root / "results" / "records", []
    for record, name, shown in figures_of(results.recorded(folder=folder)):
        tables = [results.read_table(record, table, folder) for table in shown.tables]
        files = [results.table_path(record, table, folder).read_bytes() for table in shown.tables]
        told = json.dumps([record, *(hashlib.sha256(content).hexdigest() for content in files)], sort_keys=True)
        made.append(Drawing(root / "results" / "figures" / name, shown.draw, (record, *tables), told))
    return made


def block(judged: pd.DataFrame, records: list[dict]) -> str:
    parts = [markdown_table(counts(judged), "report"), "" if records else NO_RECORD]
    parts += [networks(records), *(measured(records, lesson, prefix) for lesson, prefix in README_TABLES)]
    parts += ["All else, every claim with its verdict: [results/RESULTS.md](results/RESULTS.md)."]
    return "\n\n".join(filter(None, parts))


def counts(judged: pd.DataFrame) -> pd.DataFrame:
    """How often each verdict was given: a row a report, a column a word that occurs.

    What another network was substituted for has a row of its own below the report's.
    """
    rows = judged["report"].where(judged["substituted"] == "", judged["report"] + ", substituted")
    table = pd.crosstab(rows.rename("report"), judged["verdict"])
    return table[[word for word in WORDS if word in table]]


def claims_of_report(rows: pd.DataFrame) -> str:
    columns = {
        "where": rows["where"],
        "reported": rows["reported"],
        "ours": [ours_cell(row) for row in rows.to_dict("records")],
        "verdict": [verdict_cell(row) for row in rows.to_dict("records")],
        "set and profile": (rows["set"] + ", " + rows["profile"]).str.removesuffix(", "),
        "lesson": rows["lesson"],
        "command": "`" + rows["command"] + "`",
    }
    return markdown_table(pd.DataFrame(columns).set_index(rows["claim"]), "claim")


def ours_cell(row: dict) -> str:
    """Our number with its interval, and what it rests on."""
    if row["n"] is None:
        return row["ours"]
    seeds = f"{row['seeds']} seed{'s' * (row['seeds'] != 1)}, " if row["seeds"] else ""
    return f"{row['ours']} ({seeds}n = {row['n']:,})"


def verdict_cell(row: dict) -> str:
    """The word and why; what was not run has its command in the column beside."""
    mark = ", substituted" if row["substituted"] else ""
    return f"**{row['verdict']}**{mark}" + ("" if row["verdict"] == "not run" else f": {row['why']}")


def measured(records: list[dict], lesson: str, prefix: str) -> str:
    """The metrics of a lesson's records that begin with ``prefix``; "" if there are none."""
    table = results.metric_table([record for record in records if record["lesson"] == lesson], prefix)
    table = table.dropna(how="all", axis=1).fillna("-")
    return "" if table.empty else markdown_table(table, MEASURED[lesson][1][prefix])


def networks(records: list[dict]) -> str:
    """AUCs of the networks of README_ROWS, a column a set and profile; "" if no record has any."""
    rows = {}
    for lesson, names in README_ROWS.items():
        for record in (record for record in records if record["lesson"] == lesson):
            for name in names:
                if metric := record["metrics"].get(f"auc/{name}"):
                    cell = f"{ledger.shown(metric)}, n = {metric.get('n', record['n_images']):,}"
                    row = rows.setdefault(results.few_seeds(record).get(name, name), {"lesson": lesson[:2]})
                    row[f"{record['set']}, {record['profile']}"] = cell
    table = pd.DataFrame.from_dict(rows, orient="index").fillna("-")
    return "" if table.empty else markdown_table(table, "AUC of some floors and networks")


def markdown_table(table: pd.DataFrame, corner: str) -> str:
    rows = [[corner, *table.columns], ["---"] * (1 + len(table.columns))]
    rows += [[name, *cells] for name, cells in zip(table.index, table.astype(str).to_numpy(), strict=True)]
    return "\n".join("| " + " | ".join(escaped(cell) for cell in row) + " |" for row in rows)


def escaped(cell: object) -> str:
    """A cell that cannot end its column or its row."""
    return " ".join(str(cell).replace("|", "\\|").split())
