"""The ledger of the reports' claims, and what our records let one say of each.

Claims stand in ``results/claims.yaml``, where every key is explained. ``judge`` holds them against records by the
rules of ``evaluation.verdicts``; a lesson shows its part with ``claims_table``, tools/make_report all of it.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping
from dataclasses import fields
from pathlib import Path
from types import MappingProxyType

import pandas as pd
import yaml

from fakeface_utils import config
from fakeface_utils.evaluation import paired, verdicts
from fakeface_utils.evaluation.intervals import Estimate
from fakeface_utils.evaluation.verdicts import Verdict

KINDS = ("structure", "level", "ordering", "chance")
ANY = "any"  # the set of a count that depends on no image, such as that of a model's parameters
SETS = ("140k", "yonsei", ANY)
SAMPLES = {"140k-mini": "140k"}  # a sample of another set's images, with splits of its own
SIZES = ("n_train", "n_test")
TEXTS = ("id", "where", "statement", "metric", "lesson")
REQUIRED = (*TEXTS, "report", "kind", "reported", "set", "comparable")
OPTIONAL = (*SIZES, "reason", "parameters", "profile", "substituted")
NUMBERS = ("reported", "ours", "n", "seeds")
JUDGED = ("verdict", "why", "substituted")
COLUMNS = ("id", "report", "where", "claim", *NUMBERS, *JUDGED, "set", "profile", "lesson", "command")
MODELS = "difference of models"  # of two trained networks, and not of the recipes they were trained by
AUCS = ("auc", "gain after epoch")  # how the metrics begin that are AUCs, or differences of them
_DIFFERENCE = {"value", "se", "p", "n", "method"}


class RecordError(ValueError):
    """A record, or the ledger, cannot be used; the text names the file."""


def read_claims(path: str | Path | None = None) -> pd.DataFrame:
    """The ledger, one row a claim; what an entry does not state is NaN.

    Raises:
        RecordError: the file is no list of claims, or an entry is not as its header says.
    """
    path = Path(path or config.project_root() / "results" / "claims.yaml")
    try:
        claims = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise RecordError(f"{path} cannot be read: {error}") from error
    if not isinstance(claims, list) or not claims:
        raise RecordError(f"{path} must be a list of claims, each beginning with `- id:`")
    seen = set()
    for number, claim in enumerate(claims, 1):
        name = claim.get("id", f"number {number}") if isinstance(claim, dict) else f"number {number}"
        for problem in _problems(claim):
            raise RecordError(f"{path}: claim {name!r} {problem}")
        if name in seen:
            raise RecordError(f"{path}: claim {name!r} stands twice; give one of them another id")
        seen.add(name)
    return pd.DataFrame(claims, columns=[*REQUIRED, *OPTIONAL], dtype=object)


def _problems(claim: object) -> Iterator[str]:
    """What is wrong with an entry, as the end of a sentence; each line may rely on those above it."""
    if not isinstance(claim, dict):
        yield f"is {claim!r}; it must be a mapping of keys to values"
    if missing := [key for key in REQUIRED if key not in claim]:
        yield f"lacks {', '.join(missing)}"
    if unknown := [str(key) for key in claim if key not in REQUIRED + OPTIONAL]:
        yield f"has unknown keys: {', '.join(unknown)}; optional are {', '.join(OPTIONAL)}"
    for key in TEXTS:
        if not isinstance(claim[key], str) or not claim[key]:
            yield f"has the {key} {claim[key]!r}; it must be text (in quotes if it looks like a number)"
    for key, known in (("kind", KINDS), ("set", SETS)):
        if claim[key] not in known:
            yield f"has the unknown {key} {claim[key]!r}; use {', '.join(known)}"
    if claim["set"] == ANY and claim["kind"] != "structure":
        yield f"is of the kind {claim['kind']}, which needs images; only a structure can have the set {ANY}"
    if type(claim["report"]) is not int or not 0 <= claim["report"] <= 4:
        yield f"is of report {claim['report']!r}; the reports are 0 to 4"
    yield from _number_problems(claim)
    if not isinstance(claim["comparable"], bool):
        yield f"has comparable: {claim['comparable']!r}; it must be true or false"
    if not claim["comparable"] and not claim.get("reason"):
        yield "is not comparable, so it needs a reason"
    if "substituted" in claim and (not isinstance(claim["substituted"], str) or not claim["substituted"]):
        yield f"has substituted: {claim['substituted']!r}; say what stands in place of what, or leave it out"
    if claim.get("profile", "laptop") not in config.PROFILES:
        yield f"has the unknown profile {claim['profile']!r}; use {', '.join(config.PROFILES)}, or leave it out"


def _number_problems(claim: dict) -> Iterator[str]:
    reported, kind = claim["reported"], claim["kind"]
    low = -1 if kind == "ordering" else 0
    if reported is None:
        if kind != "ordering":
            yield f"has no number reported; only an ordering, not a {kind}, may be stated in words alone"
    elif type(reported) not in (int, float) or not math.isfinite(reported):
        yield f"has reported: {reported!r}; it must be a number"
    elif kind != "structure" and not low <= reported <= 1:
        yield f"has reported: {reported}; for the kind {kind} it lies between {low} and 1"
    for key in SIZES:
        if key in claim and (type(claim[key]) is not int or claim[key] < 2):
            yield f"has {key}: {claim[key]!r}; it must be a number of images, or be left out"


def is_difference(metric: Mapping) -> bool:
    """Whether a record's metric was a ``paired.Difference``."""
    return set(metric) >= _DIFFERENCE


def difference_of(metric: Mapping) -> paired.Difference:
    """The difference that a record's metric was written from (a ``McNemar`` if it counts who was right alone).

    Args:
        metric: ``{"value", "se", "p", "n", "method"}``, with ``"df"`` where Student's t was taken.

    Raises:
        RecordError: one of these is missing.
    """
    if not is_difference(metric):
        missing = ", ".join(sorted(_DIFFERENCE - set(metric)))
        raise RecordError(f"a metric lacks {missing}, so it is no difference; record one of evaluation.paired")
    kind = paired.McNemar if "b" in metric else paired.Difference
    return kind(**{field.name: metric[field.name] for field in fields(kind) if field.name in metric})


def shown(metric: Mapping) -> str:
    """A record's metric as text: ``1,081``, ``0.550``, ``0.550 [0.500, 0.600]`` or, of a difference, ``+0.030 [...]``.

    The interval of a difference is the one at 95 %.
    """
    value = metric["value"]
    if is_difference(metric):
        low, high = difference_of(metric).interval()
        return f"{value:+.3f} [{low:+.3f}, {high:+.3f}]"
    if "low" in metric and "high" in metric:
        return f"{value:.3f} [{metric['low']:.3f}, {metric['high']:.3f}]"
    return f"{value:,}" if isinstance(value, int) else f"{value:.3f}"


def pairs(claims: pd.DataFrame, names: Collection[str]) -> list[tuple[str, str]]:
    """The (A, B) of every ordering claimed of single trained models that are all among ``names``, each once."""
    of_models = claims.loc[claims["metric"].str.contains(" difference of models/"), "metric"]
    sides = of_models.str.partition("/")[2].str.split(" - ").map(tuple)
    return [pair for pair in dict.fromkeys(sides) if set(pair) <= set(names)]


def judge(claims: pd.DataFrame, records: list[dict]) -> pd.DataFrame:
    """Every claim beside every record that answers it; one that no record answers is ``not run``.

    A record answers a claim of its own lesson whose metric it holds, on the same set; an ordering A - B also if it
    holds B - A, whose sign is then changed. Claims on 140k that are not about the set itself (its structure) are also
    answered by a record of 140k-mini; ``why`` then says so. A claim that depends on no image is answered by any
    record, once: no second one could say anything else. The ordering claims of one report on the same set and
    profile are a family for Holm's correction, so give all records at once (``results.recorded()``).

    Args:
        claims: from :func:`read_claims`.
        records: those that are no evidence answer nothing.

    Returns:
        The columns COLUMNS. ``verdict`` is the word and ``why`` the line that explains it; ``ours`` is text with an
        interval, ``n`` the images it rests on, ``seeds`` the number of trainings, ``set`` that of the record.
        ``substituted`` says what was measured in place of what the report has; "" for what it has itself.

    Raises:
        RecordError: a metric is not of the form that the claim's kind needs.
    """
    claims = claims.astype(object).where(claims.notna(), None).to_dict("records")
    answers = [(claim, _answering(claim, records)) for claim in claims]
    levels = _holm_levels(answers)
    rows = []
    for claim, found in answers:
        rows += [_answered(claim, record, levels.get(_key(claim, record))) for record in found]
        rows += [] if found else [_unanswered(claim)]
    return pd.DataFrame(rows, columns=COLUMNS, dtype=object)


def claims_table(lesson: str, judged: pd.DataFrame) -> pd.DataFrame:
    """A lesson's claims beside our numbers, as its page shows them; ``judged`` is from :func:`judge`."""
    table = judged[judged["lesson"] == lesson]
    mark = table["substituted"].map(lambda what: " (substituted)" if what else "")
    text = table["verdict"] + mark + ": " + table["why"]
    return table[["report", "claim", "reported", "ours"]].assign(verdict=text).reset_index(drop=True)


def _answering(claim: dict, records: list[dict]) -> list[dict]:
    found = [record for record in records if _answers(record, claim)]
    return found[:1] if claim["set"] == ANY else found


def _answers(record: dict, claim: dict) -> bool:
    same = claim["set"] in (record["set"], ANY)
    # A sample cannot say how large its set is, but what a constant scores on balanced classes it can.
    of_the_set = claim["kind"] == "structure" and not claim["metric"].startswith("constant/")
    sample = SAMPLES.get(record["set"]) == claim["set"] and not of_the_set
    holds = record["lesson"] == claim["lesson"] and _metric(claim, record) is not None
    return bool(record["evidence"]) and holds and (same or sample)


def _metric(claim: dict, record: dict) -> dict | None:
    """What a record holds under a claim's metric; of a difference A - B also what it holds under B - A, turned."""
    metrics, (kind, _, pair) = record["metrics"], claim["metric"].partition("/")
    a, _, b = pair.partition(" - ")
    other = metrics.get(f"{kind}/{b} - {a}", {})
    return metrics.get(claim["metric"], _turned(other) if is_difference(other) else None)


def _turned(difference: dict) -> dict:
    """B minus A from A minus B; how often each alone was right changes places, too."""
    sides = {"b": difference["c"], "c": difference["b"]} if "b" in difference else {}
    return difference | {"value": 0 - difference["value"]} | sides  # 0 - 0.0 has no sign


def _key(claim: dict, record: dict) -> tuple[str, str, str]:
    return claim["id"], record["set"], record["profile"]


def _holm_levels(answers: list[tuple[dict, list[dict]]]) -> dict[tuple[str, str, str], float]:
    """The level of each ordering claim's interval, in the family of its report, set and profile.

    Claims that were not measured yet belong to the family as well (with p = 1), so that a verdict does not change
    when another lesson is run.
    """
    asked = Counter((claim["report"], claim["set"]) for claim, _ in answers if claim["kind"] == "ordering")
    families = defaultdict(dict)
    for claim, found in answers:
        for record in found if claim["kind"] == "ordering" else ():
            family = families[claim["report"], record["set"], record["profile"]]
            family[_key(claim, record)] = _difference(claim, record).p
    levels = {}
    for (report, where, _), family in families.items():
        missing = asked[report, SAMPLES.get(where, where)] - len(family)
        levels |= zip(family, paired.holm([*family.values(), *[1.0] * missing]).levels, strict=False)
    return levels


def _answered(claim: dict, record: dict, level: float | None) -> dict:
    metric = _metric(claim, record)
    found = _verdict(claim, record, level)
    images = {
        "n": metric.get("n", record["n_images"]),
        "seeds": _seeds(claim["metric"], record),
        "set": record["set"],
        "profile": record["profile"],
    }
    return _row(claim) | {
        "ours": shown(metric),
        "verdict": found.word,
        "why": _place(claim, record) + found.text,
        **({"n": None, "seeds": None, "profile": ""} if claim["set"] == ANY else images),
        "command": _command(claim["lesson"], record["profile"], record["settings"].get("parameters", {})),
    }


def _unanswered(claim: dict) -> dict:
    asked = claim.get("profile") or "laptop", claim.get("parameters") or {}
    found = verdicts.not_run(_command(claim["lesson"], *asked))
    empty = {"ours": "-", "n": None, "seeds": None, "profile": ""}
    return _row(claim) | empty | {"verdict": found.word, "why": found.text, "command": found.text}


def _row(claim: dict) -> dict:
    """What a row takes from the claim alone."""
    reported, instead = claim["reported"], claim.get("substituted") or ""
    if reported is None:
        text = "in words"
    elif claim["kind"] == "ordering":
        text = f"{reported:+g}"
    else:
        text = f"{reported:,}" if isinstance(reported, int) else f"{reported:g}"
    statement = claim["statement"] + (f"; measured with {instead}" if instead else "")
    same = {key: claim[key] for key in ("id", "where", "set", "lesson")}
    own = {"report": f"{claim['report']:03d}", "claim": statement, "reported": text, "substituted": instead}
    return same | own


def _command(lesson: str, profile: str, parameters: Mapping[str, object] = MappingProxyType({})) -> str:
    """What measures it; ``parameters`` are those of the lesson that a record names, such as the layout."""
    number = lesson[:2]
    asked = "".join(f" --param {number}.{name}={value}" for name, value in parameters.items())
    return f"python -m tools.run_lessons --profile {profile} --only {number}{asked}"


def _seeds(metric: str, record: dict) -> int | None:
    """How many trainings of each network stand behind a metric; 1 where there were too few to count seeds.

    A record's settings say it for all, its metrics ``seeds/NAME`` for the network ``NAME``; a difference of trained
    models (see ``MODELS``) is always one of two trainings.
    """
    kind, _, name = metric.partition("/")
    known = {
        n: record["metrics"][f"seeds/{n}"]["value"] for n in name.split(" - ") if f"seeds/{n}" in record["metrics"]
    }
    if kind.endswith(MODELS) or min(known.values(), default=5) < 5:
        return 1
    setting = record["settings"].get("seeds")
    return len(setting) if isinstance(setting, list | tuple) else setting


def _place(claim: dict, record: dict) -> str:
    """On what else than the claim's set it was measured, as the beginning of a sentence; "" on that set."""
    if claim["set"] in (record["set"], ANY):
        return ""
    trained = record["settings"].get("n_train")
    return f"on {record['set']}" + (f", trained on {trained:,} images: " if trained else ": ")


def _verdict(claim: dict, record: dict, level: float | None) -> Verdict:
    """The verdict of the claim's kind; a claim that is not comparable gets no other word, but the same numbers."""
    metric, kind = _metric(claim, record), claim["kind"]
    if kind == "level":
        return _level(claim, record)  # has more reasons to be not comparable, and says them all
    if kind == "structure":
        found = verdicts.structure_verdict(metric["value"], claim["reported"])
    elif kind == "chance":
        estimate = _estimate(claim, record)
        found = verdicts.chance_verdict(estimate.value, verdicts.standard_error(estimate))
    else:
        found = _ordering(claim, record, level)
    return found if claim["comparable"] else Verdict("not comparable", f"{claim['reason']}; {found.text}")


def _ordering(claim: dict, record: dict, level: float) -> Verdict:
    found = _difference(claim, record)
    # Rounding, and McNemar's interval which is not centred, may leave the value a hair outside.
    intervals = [
        (min(low, found.value), max(high, found.value)) for low, high in map(found.interval, (level, 0.90))
    ]
    return verdicts.ordering_verdict(found.value, *intervals, n=found.n, margin=_margin(claim))


def _level(claim: dict, record: dict) -> Verdict:
    ours, reported, n = _estimate(claim, record), claim["reported"], claim.get("n_test")
    settings = record["settings"]
    stated, measured = ({key: size[key] for key in SIZES if size.get(key)} for size in (claim, settings))
    same = record["set"] == claim["set"]
    reasons = [
        "" if claim["comparable"] else claim["reason"],
        verdicts.why_not_comparable(stated, measured, same_data=same),
        "" if n else "the report's n_test is not stated",
    ]
    reason = "; ".join(filter(None, reasons))
    if not n:
        return Verdict("not comparable", f"{reason}; ours {ours.value:.3f}, reported {reported:g}")
    if claim["metric"].startswith("auc"):
        reported_se = verdicts.hanley_mcneil_se(reported, n // 2, n - n // 2)
    else:
        reported_se = verdicts.binomial_se(reported, n)
    our_se = verdicts.standard_error(ours)
    return verdicts.level_verdict(ours.value, our_se, reported, reported_se, margin=_margin(claim), reason=reason)


def _margin(claim: dict) -> float:
    return verdicts.MARGIN_AUC if claim["metric"].startswith(AUCS) else verdicts.MARGIN_ACCURACY


def _estimate(claim: dict, record: dict) -> Estimate:
    metric = record["metrics"][claim["metric"]]
    if not {"value", "low", "high"} <= set(metric):
        raise RecordError(_unfit(claim, record, "has no interval", "an Estimate"))
    return Estimate(metric["value"], metric["low"], metric["high"], metric.get("n", record["n_images"]))


def _difference(claim: dict, record: dict) -> paired.Difference:
    metric = _metric(claim, record)
    if not is_difference(metric):
        raise RecordError(_unfit(claim, record, "is no difference", "one of evaluation.paired"))
    return difference_of(metric)


def _unfit(claim: dict, record: dict, what: str, needed: str) -> str:
    file = f"{record['lesson']}/{record['set']}.{record['profile']}.json"
    metric, name = claim["metric"], claim["id"]
    return f"{file}: {metric!r} {what}, but the {claim['kind']} claim {name!r} needs {needed}; record that"
