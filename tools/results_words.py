"""What the records say, in sentences that are made from their numbers: the beginning of results/RESULTS.md.

A lesson's findings are one function, record -> sentences; FINDINGS names it.
"""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping

from fakeface_utils.evaluation import paired
from fakeface_utils.lessons import ledger, results

CONTROL = "file name (positive control)"
# What the difference of two networks that part in one thing is called.
TWICE, MOBILENET = "rescaled twice", "MobileNet frozen, 128 px"
GAVE = {
    f"{MOBILENET} - {MOBILENET} grey": "colour",
    f"MobileNet frozen, 224 px - {MOBILENET}": "224 px in place of 128 px",
    f"{MOBILENET}, six-fold - {MOBILENET}": "six-fold augmentation",
    f"{MOBILENET} - MobileNet frozen at random, 128 px": "pretraining, where only the head was trained,",
}
# What the comparisons of lesson 05 are called: the claim, what it has to survive, and the others.
CLAIM = "RGB + ELA - RGB"
CONTROLS = {
    "RGB + ELA - RGB + RGB": "the photograph twice",
    "RGB + ELA - RGB + re-saved": "the photograph and its second save",
    "RGB + ELA, equalised - RGB + RGB, equalised": "the photograph twice where all files have one last save",
}
AGAINST = {CLAIM: "the photograph alone", **CONTROLS, "RGB + ELA - ELA + ELA": "the error level twice"}
BOTH = {name: f"against {words}" for name, words in AGAINST.items()}
SINGLE = {
    "RGB - ELA": "the photograph against the error level",
    "ELA - ELA as in 001": "the error level against report 001's map of it",
    "RGB - RGB, equalised": "the photograph against that of the equalised twin",
    "ELA - ELA, equalised": "the error level against that of the equalised twin",
    "RGB, equalised - ELA, equalised": "the photograph of the equalised twin against its error level",
}
WHOLE = {
    f"two {network}s, RGB + ELA - {other}": f"two {network}s against {words}"
    for network in ("MobileNet", "Model 1")
    for other, words in (
        (f"{network}, RGB", "one with the photograph"),
        (f"two {network}s, RGB + RGB", "two with the photograph"),
    )
}


def in_words(records: list[dict]) -> list[str]:
    """A line for every record that has something to say, each with its stamp."""
    lines = []
    for record in records:
        said = " ".join(FINDINGS.get(record["lesson"], lambda _: ())(record))
        lines += (
            [f"- **Lesson {record['lesson'][:2]}, {record['set']}.** {said} ({results.stamp(record)})"]
            if said
            else []
        )
    return lines


def start(record: dict) -> Iterator[str]:
    """How a machine that knows no faces played."""
    for name, share in _starting(record, "machine, pairs/").items():
        if "fresh" in name:
            clear = "clear of guessing" if share["low"] > 0.5 else "not told apart from guessing"
            yield f"A logistic regression on textures named the fake in {ledger.shown(share)} of the pairs: {clear}."


def data_tour(record: dict) -> Iterator[str]:
    """Which features that judge no face tell the classes apart."""
    aucs, p = _starting(record, "shortcut AUC/"), _starting(record, "shortcut p/")
    least = p.pop(CONTROL, {"value": 0})["value"]  # which no permuted labels reach, so p is as small as it can be
    found = [name for name in aucs if name in p and p[name]["value"] <= least]
    if found:
        best = max(found, key=lambda name: aucs[name]["value"])
        yield (
            f"Without judging a face, classes are told apart better than with any permuted labels by "
            f"{_listed(found)}; best by {best}, AUC {ledger.shown(aucs[best])}. A detector has to be better than "
            f"that."
        )


def ffnn(record: dict) -> Iterator[str]:
    """Which networks were shown to differ, and how often one collapses."""
    yield from compared(record, "AUC")
    yield from collapses(record)


def cnns(record: dict) -> Iterator[str]:
    """Size and AUC, which networks were shown to differ, what epochs and images brought, how good a winner is."""
    yield from best_and_largest(record)
    yield from compared(record, "AUC")
    yield from compared(record, "accuracy")
    yield from later_epochs(record)
    yield from more_images(record)
    winner = _starting(record, "winner/")
    if {"picked", "other seeds", "test"} <= set(winner):
        picked, fresh, test = (ledger.shown(winner[name]) for name in ("picked", "other seeds", "test"))
        yield (
            f"The winner of the search was picked for an AUC of {picked} on validation; with other seeds it has "
            f"{fresh} there, and {test} on test."
        )
    yield from collapses(record)


def transfer(record: dict) -> Iterator[str]:
    """What each single change gave, which other networks were shown to differ, and what double rescaling does."""
    yield from best_and_largest(record)
    gave = [
        f"{what} {ledger.shown(one)}, {'clear' if clear else 'not told apart from nothing'}"
        for name, one, clear in after_holm(record, "auc difference/")
        if (what := GAVE.get(name))
    ]
    if gave:
        yield f"What one change gave in AUC, and whether it is clear after Holm's correction: {'; '.join(gave)}."
    yield from compared(record, "AUC", without=GAVE)
    yield from compared(record, "accuracy")
    for name, one, clear in after_holm(record, f"auc {ledger.MODELS}/"):
        told = "a clear difference" if clear else "not told apart"
        yield f"Single trainings, {_bare(name)}: AUC {ledger.shown(one)}, {told}."
    yield from later_epochs(record)
    yield from more_images(record)
    aucs, collapsed = (_starting(record, prefix) for prefix in ("auc/", "collapsed/"))
    for name in aucs:
        fed_well = name.replace(TWICE, "frozen")
        if TWICE in name and fed_well in aucs:
            share = f" ({ledger.shown(collapsed[name])} of its trainings collapsed)" if name in collapsed else ""
            yield (
                f"{name}: AUC {ledger.shown(aucs[name])}{share}; fed with what it expects, "
                f"{ledger.shown(aucs[fed_well])}."
            )
    yield from collapses(record)


def ela(record: dict) -> Iterator[str]:
    """What the error level gave beside the photograph and alone, what is left without a history, where it is seen."""
    heads, splits = "auc difference/", "auc by split/"
    yield from sides(record, heads, BOTH, "Heads on frozen features of the photograph and its error level, AUC")
    yield from what_remains(record)
    yield from sides(record, splits, BOTH, "The same heads over splits drawn anew")
    yield from sides(record, heads, SINGLE, "Of single pictures")
    yield from without_history(record)
    yield from by_quality(record)
    yield from inside_edits(record)
    yield from compared(record, "accuracy")
    models = f"auc {ledger.MODELS}/"
    yield from sides(record, models, WHOLE, "Whole networks with both pictures, trained once, AUC")
    yield from compared(record, "AUC", without=WHOLE, kind=ledger.MODELS)


def sides(record: dict, family: str, words: Mapping[str, str], about: str) -> Iterator[str]:
    """On which side of 0 the differences lie that ``words`` names; the whole family counts for Holm."""
    told = [
        f"{words[name]} {ledger.shown(one)}, {side(one, clear)}"
        for name, one, clear in after_holm(record, family)
        if name in words
    ]
    if told:
        yield f"{about}, after Holm's correction: {'; '.join(told)}."


def side(difference: dict, clear: bool) -> str:
    """Where the first of two stands after Holm's correction."""
    if not clear:
        return "not told apart"
    return "higher" if difference["value"] > 0 else "lower"


def what_remains(record: dict) -> Iterator[str]:
    """Whether the gain by the error level is there, and which control may explain it."""
    found = {name: side(one, clear) for name, one, clear in after_holm(record, "auc difference/")}
    held = {words: found[name] for name, words in CONTROLS.items() if name in found}
    unclear = [words for words, which in held.items() if which != "higher"]
    if found.get(CLAIM) == "lower":
        yield "So beside the photograph the error level costs AUC."
    elif found.get(CLAIM) == "not told apart":
        yield "So no gain by the error level is shown; nor is it shown that there is none."
    elif CLAIM in found and unclear:
        yield f"So there is a gain, but none is shown over {_listed(unclear)}."
    elif CLAIM in found and held:
        yield f"So there is a gain, and there is one over {_listed(list(held))}."


def without_history(record: dict) -> Iterator[str]:
    """The AUC of error level and photograph alone, on the set and on its twin in which all files have one last save."""
    aucs = _starting(record, "auc/")
    told = [
        f"of {words} {ledger.shown(aucs[name])}, on the equalised twin {ledger.shown(twin)} ({level_of(twin)})"
        for name, words in (("ELA", "the error level alone"), ("RGB", "the photograph alone"))
        if name in aucs and (twin := aucs.get(f"{name}, equalised"))
    ]
    if told:
        yield f"AUC {'; '.join(told)}."


def level_of(auc: dict) -> str:
    """On which side of chance the interval of an AUC lies."""
    if auc["low"] <= 0.5 <= auc["high"]:
        return "not told apart from chance"
    return f"{'above' if auc['low'] > 0.5 else 'below'} chance"


def inside_edits(record: dict) -> Iterator[str]:
    """Whether edits are brighter or darker than the same pixels of the photograph, beyond what holds around them."""
    ratios, told = _starting(record, "inside/"), []
    for save, words in (("as saved", "as saved"), ("saved again", "after one more save")):
        parts = [ratios.get(f"{save}, {part}") for part in ("edit", "around", "beyond")]
        if all(parts):
            edit, around, beyond = map(ledger.shown, parts)
            told.append(
                f"{words}, in the edit {edit}, around it {around}, beyond what is around it {beyond}, "
                f"{brightness(parts[-1])}"
            )
    if told:
        yield f"Log ratio of error levels, real edits to the untouched photograph: {'; '.join(told)}."


def brightness(ratio: dict) -> str:
    """What an edit's error level is, from the log ratio to that of the same pixels before it."""
    if ratio["low"] <= 0 <= ratio["high"]:
        return "not told apart from nothing"
    return "brighter" if ratio["low"] > 0 else "darker"


def by_quality(record: dict) -> Iterator[str]:
    """How far the AUC of the error level depends on the quality of the second save."""
    aucs = _starting(record, "auc by quality/")
    if len(aucs) > 1:
        low, high = (pick(aucs, key=lambda name: aucs[name]["value"]) for pick in (min, max))
        yield (
            f"With {len(aucs)} qualities of the second save the error level's AUC goes from {ledger.shown(aucs[low])} "
            f"(at {low}) to {ledger.shown(aucs[high])} (at {high}); luck may flatter the highest."
        )


def generators(record: dict) -> Iterator[str]:
    """What detectors say to generators they never saw, beside reals of the same way; faces, distances, copies."""
    for detector in ("CNN of 004", "MobileNet"):
        yield from recognised(record, detector)
    yield from faces(record)
    kid = _starting(record, "kid by MobileNet/")
    told = [f"{_bare(name)} {ledger.shown(one)}" for name, one in kid.items()]
    if told:
        yield f"Kernel distance to half of the reals on MobileNet's features: {'; '.join(told)}."
    copies = [f"{_bare(name)} {ledger.shown(one)}" for name, one in _starting(record, "copying/").items()]
    if copies:
        yield (
            "Probability that a picture lies nearer to the training images than a held-out real does, by pixels "
            f"(which favour the blurred): {'; '.join(copies)}."
        )


def recognised(record: dict, detector: str) -> Iterator[str]:
    """Whether a detector calls generated pictures fake more often than reals that went the same way."""
    shares, aucs = (_starting(record, f"{kind} by {detector}/") for kind in ("called fake", "auc"))
    family = f"called fake difference by {detector}/"
    several = {name: one for name, one in _starting(record, family).items() if not name.startswith("DCGAN of 004")}
    rejected = paired.holm([one["p"] for one in several.values()]).rejected if several else []
    sides = dict(zip(several, rejected, strict=True))
    for name, one in _starting(record, family).items():
        who, _, against = name.partition(" - ")
        if against == "reals" and who in shares:
            clear = sides.get(name, one["p"] < 0.05)
            alone = "" if name in sides else ", one training"
            yield (
                f"{detector} calls {ledger.shown(shares[who])} of {_bare(who)} fake and "
                f"{ledger.shown(shares[against])} of reals that went the same way ({side(one, clear)}{alone}); AUC "
                f"between them {ledger.shown(aucs[who])}."
            )
    for name, one in several.items():
        if name.startswith("last epoch"):
            yield f"{detector}, share called fake, {name}: {ledger.shown(one)} ({side(one, sides[name])})."


def faces(record: dict) -> Iterator[str]:
    """In which share a face cascade finds a face."""
    found = [f"{_bare(name)} {ledger.shown(one)}" for name, one in _starting(record, "face found/").items()]
    if found:
        yield f"A face cascade finds a face in this share of pictures: {'; '.join(found)}."


def after_holm(record: dict, family: str) -> list[tuple[str, dict, bool]]:
    """Name and value of each difference whose name begins with ``family``, and whether it is clear of 0 after Holm."""
    differences = _starting(record, family)
    rejected = paired.holm([one["p"] for one in differences.values()]).rejected if differences else []
    return [(name, one, bool(clear)) for (name, one), clear in zip(differences.items(), rejected, strict=True)]


def compared(record: dict, what: str, without: Container[str] = (), kind: str = "difference") -> Iterator[str]:
    """Which pairs differ in ``what`` and which do not; those in ``without`` count for Holm but are not said."""
    shown = {True: [], False: []}
    for name, one, clear in after_holm(record, f"{what.lower()} {kind}/"):
        if name not in without:
            shown[clear].append(f"{_bare(name)} ({one['value']:+.3f})")
    values = {"AUC": "AUCs", "accuracy": "accuracies"}[what]
    single = kind == ledger.MODELS
    if shown[True]:
        whose = f"{values} of single trainings" if single else values
        yield f"Of the compared {whose} these differ after Holm's correction: {_listed(shown[True])}."
    if shown[False]:
        alone = ("" if what == "AUC" else f" by {what}") + (" as single trainings" if single else "")
        yield f"Not told apart{alone}: {_listed(shown[False])}."


def collapses(record: dict) -> Iterator[str]:
    """How often each network ended with one answer for all images."""
    collapsed = {name: one for name, one in _starting(record, "collapsed/").items() if one["value"] > 0}
    if collapsed:
        shares = [f"{_bare(name)} {ledger.shown(one)}" for name, one in collapsed.items()]
        yield (
            f"Share of trainings that ended with one answer for all images: {_listed(shares)}. A report that trained "
            "such a network once may have met one of these."
        )


def best_and_largest(record: dict) -> Iterator[str]:
    """The best network, and the one with the most parameters if that is another."""
    aucs, sizes = _starting(record, "auc/"), _starting(record, "parameters/")
    both = [name for name in aucs if name in sizes]
    if len(both) > 1:
        best = max(both, key=lambda name: aucs[name]["value"])
        largest = max(both, key=lambda name: sizes[name]["value"])
        of_best, of_largest = (
            f"{ledger.shown(aucs[name])} with {ledger.shown(sizes[name])} parameters" for name in (best, largest)
        )
        as_large = sizes[best]["value"] == sizes[largest]["value"]
        end = "none is larger" if as_large else f"the largest, {largest}, has {of_largest}"
        yield f"The highest mean AUC of {len(both)} networks, so one that luck may flatter: {best}, {of_best}; {end}."


def later_epochs(record: dict) -> Iterator[str]:
    """What the epochs after a certain one brought."""
    gains = {name.partition("/"): one for name, one in _starting(record, "gain after epoch ").items()}
    said = [f"{_bare(name)} after epoch {epoch} {ledger.shown(one)}" for (epoch, _, name), one in gains.items()]
    if said:
        yield f"Gained in AUC on validation by training on: {_listed(said)}."


def more_images(record: dict) -> Iterator[str]:
    """The AUC with the fewest and with the most training images."""
    found = {}
    for name, one in _starting(record, "auc by images/").items():
        network, _, images = name.rpartition(", ")
        found.setdefault(network, {})[int(images.replace(",", ""))] = ledger.shown(one)
    for network, by_images in found.items():
        few, many = min(by_images), max(by_images)
        if few < many:
            yield f"{network}: AUC {by_images[few]} from {few:,} training images, {by_images[many]} from {many:,}."


FINDINGS = {
    "00_start_here": start,
    "01_data_tour": data_tour,
    "02_ffnn_baseline": ffnn,
    "03_cnn_tuning": cnns,
    "04_transfer_learning": transfer,
    "05_ela_and_fusion": ela,
    "06_dcgan": generators,
}


def _starting(record: dict, prefix: str) -> dict[str, dict]:
    found = {
        name.removeprefix(prefix): value for name, value in record["metrics"].items() if name.startswith(prefix)
    }
    return {name: value for name, value in found.items() if isinstance(value, dict)}


def _bare(name: str) -> str:
    """A name as it stands in a list: without commas of its own."""
    return name.replace(", ", " ")


def _listed(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
