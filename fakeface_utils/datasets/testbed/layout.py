"""Which files a sample holds: names, folders, splits and planted pairs, before anything is drawn."""

from __future__ import annotations

import numpy as np

from .spec import LAYOUTS, SampleSpec
from .splice import draw_bits

SPLITS = ("train", "valid", "test")
KINDS = {"real": 1081, "easy": 240, "mid": 480, "hard": 240}  # files of the Yonsei set
CAPITALS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def plan(spec: SampleSpec) -> list[dict]:
    """One row a file, real ones first.

    Returns:
        Rows with path (relative to the sample), label (fake is 1), split, kind, parts, base and duplicate_of
        (paths or ''), copy ('', 'exact' or 're-encoded'), other_table (whether the file is to have the other JPEG
        table), and `draw`, the number of the random stream the picture comes from.
    """
    rng = np.random.default_rng([spec.seed, LAYOUTS[spec.layout][0], 2**31])
    rows = _plan_140k(spec, rng) if spec.layout == "140k" else _plan_yonsei(spec, rng)
    fakes = [row for row in rows if row["label"]]
    for k in rng.permutation(len(fakes))[: round(spec.truths.fake_table * len(fakes))]:
        fakes[k]["other_table"] = True
    _plant_duplicates(spec, rows, rng)
    if spec.layout == "yonsei" and not spec.truths.null:
        originals = [row for row in rows if not row["label"] and not row["copy"]]
        order = rng.permutation(len(originals))
        for i, k in enumerate(rng.permutation(len(fakes))[: round(spec.truths.shared_base * len(fakes))]):
            base = originals[order[i % len(order)]]
            fakes[k]["base"], fakes[k]["base_draw"] = base["path"], base["draw"]
    return rows


def _row(draw: int, path: str, label: int, split: str, kind: str, parts: str = "") -> dict:
    empty = {"base": "", "duplicate_of": "", "copy": "", "other_table": False, "draw": draw, "base_draw": draw}
    return {"path": path, "label": label, "split": split, "kind": kind, "parts": parts, **empty}


def _plan_140k(spec: SampleSpec, rng: np.random.Generator) -> list[dict]:
    rows = []
    for label, count in ((0, spec.n_images // 2), (1, spec.n_images - spec.n_images // 2)):
        if label:
            names: dict[str, None] = {}
            while len(names) < count:
                names["".join(CAPITALS[k] for k in rng.integers(0, 36, 10))] = None
        else:
            names = dict.fromkeys(f"{k:05d}" for k in rng.permutation(max(70_000, count))[:count])
        ends = [round(count * sum(spec.shares[: k + 1])) for k in range(3)]
        for k, name in enumerate(names):
            split, kind = SPLITS[sum(k >= end for end in ends[:2])], ("real", "fake")[label]
            path = f"real_vs_fake/real-vs-fake/{split}/{kind}/{name}.jpg"
            rows.append(_row(len(rows), path, label, split, "gan" if label else "real"))
    return rows


def _plan_yonsei(spec: SampleSpec, rng: np.random.Generator) -> list[dict]:
    total, rows, done = sum(KINDS.values()), [], 0
    for kind, share in KINDS.items():
        upto = round(spec.n_images * (done + share) / total)
        for k in range(1, upto - len(rows) + 1):
            if kind == "real":
                rows.append(_row(len(rows), f"real_and_fake_face/training_real/real_{k:05d}.jpg", 0, "", kind))
            else:
                bits = draw_bits(rng)
                path = f"real_and_fake_face/training_fake/{kind}_{k}_{bits}.jpg"
                rows.append(_row(len(rows), path, 1, "", kind, bits))
        done += share
    return rows


def _plant_duplicates(spec: SampleSpec, rows: list[dict], rng: np.random.Generator) -> None:
    """Let some rows show another row's picture: across splits, within a class."""
    free = list(rng.permutation(len(rows)))
    if spec.layout == "yonsei":
        free = [k for k in free if not rows[k]["label"]]
    for pair in range(spec.truths.duplicates):
        first = rows[free.pop()]
        for place in range(len(free) - 1, -1, -1):
            second = rows[free[place]]
            if second["label"] == first["label"] and (not first["split"] or second["split"] != first["split"]):
                break
        else:
            raise ValueError(f"no room for {spec.truths.duplicates} duplicate pairs in this sample")
        del free[place]
        second |= {key: first[key] for key in ("draw", "base_draw", "other_table")}
        second |= {"duplicate_of": first["path"], "copy": ("exact", "re-encoded")[pair % 2]}
