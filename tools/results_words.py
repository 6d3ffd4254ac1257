"""What the records say, in sentences that are made from their numbers: the beginning of results/RESULTS.md.

A lesson's findings are one function, record -> sentences; FINDINGS names it.
"""

from __future__ import annotations

from collections.abc import Iterator

from fakeface_utils.evaluation import paired
from fakeface_utils.lessons import ledger, results

CONTROL = "file name (positive control)"


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
            f"Without judging a face, classes are told apart better than with any permuted labels by {_listed(found)}; "
            f"best by {best}, AUC {ledger.shown(aucs[best])}. A detector has to be better than that."
        )


def ffnn(record: dict) -> Iterator[str]:
    """Which networks were shown to differ, and how often one collapses."""
    differences = _starting(record, "auc difference/")
    if differences:
        rejected = paired.holm([one["p"] for one in differences.values()]).rejected
        shown = {True: [], False: []}
        for (name, one), clear in zip(differences.items(), rejected, strict=True):
            shown[bool(clear)].append(f"{name} ({one['value']:+.3f})")
        if shown[True]:
            yield f"Of the compared AUCs these differ after Holm's correction: {_listed(shown[True])}."
        if shown[False]:
            yield f"Not told apart: {_listed(shown[False])}."
    collapsed = {name: one for name, one in _starting(record, "collapsed/").items() if one["value"] > 0}
    if collapsed:
        shares = [f"{name.replace(', ', ' ')} {ledger.shown(one)}" for name, one in collapsed.items()]
        yield (
            f"Share of trainings that ended with one answer for all images: {_listed(shares)}. A report that trained "
            "such a network once may have met one of these."
        )


FINDINGS = {"00_start_here": start, "01_data_tour": data_tour, "02_ffnn_baseline": ffnn}


def _starting(record: dict, prefix: str) -> dict[str, dict]:
    found = {
        name.removeprefix(prefix): value for name, value in record["metrics"].items() if name.startswith(prefix)
    }
    return {name: value for name, value in found.items() if isinstance(value, dict)}


def _listed(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
