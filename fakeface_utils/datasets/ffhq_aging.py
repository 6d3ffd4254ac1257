"""What is known of the 140k set's reals: the labels of FFHQ-Aging, joined by name, for who has that table.

The reals of the 140k set are photographs of FFHQ and named by their number there, such as ``00123.jpg``. FFHQ-Aging
(Or-El et al., ECCV 2020; github.com/royorel/FFHQ-Aging-Dataset, CC BY-NC-SA 4.0) labels all 70,000 of them in
``ffhq_aging_labels.csv``, which the kit neither ships nor fetches. Fakes show nobody, and have no labels: what is
joined here speaks of reals called fake, never of fakes that were missed.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

import numpy as np
import pandas as pd

FFHQ_IMAGES = 70_000
AGES = ("0-2", "3-6", "7-9", "10-14", "15-19", "20-29", "30-39", "40-49", "50-69", "70-120")
GLASSES = ("None", "Normal", "Dark")
CONFIDENCE = ("age_group_confidence", "gender_confidence")
FOUND = ("head_pitch", "head_roll", "head_yaw", "left_eye_occluded", "right_eye_occluded")  # all -1: nothing found
COLUMNS = ("image_number", "age_group", CONFIDENCE[0], "gender", CONFIDENCE[1], *FOUND, "glasses")
SETS = ("140k", "140k-mini", "140k-part")


def read_labels(path: str | Path) -> pd.DataFrame:
    """The table ``ffhq_aging_labels.csv`` as its authors wrote it, or some of its rows.

    Returns:
        A row an FFHQ number (the index): ``age_group``, one of ``AGES`` in their order, and ``gender``, each as it
        looked to others, with ``age_group_confidence`` and ``gender_confidence``, 0 to 1; ``head_pitch, head_roll,
        head_yaw`` in degrees; ``left_eye_occluded, right_eye_occluded``, 0 to 100; ``glasses``: ``none``, ``normal`` or
        ``dark``. The last six are missing where the authors' tool found no face (-1 in all of them).

    Raises:
        FileNotFoundError: no such file.
        ValueError: it is no such table: a column is missing, a value unknown, a number twice or no number of FFHQ.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(
            f"there is no label table {path}: it is ffhq_aging_labels.csv of github.com/royorel/FFHQ-Aging-Dataset"
        )
    try:  # "None" in it is a word, which pandas would take for a gap
        table = pd.read_csv(path, dtype=str, keep_default_na=False, encoding_errors="replace")
    except ValueError as error:  # no line in it, or lines of different lengths
        raise ValueError(f"{path} is no table of labels ({error}): download the raw CSV file again") from error
    if missing := [name for name in COLUMNS if name not in table]:
        raise ValueError(
            f"{path} lacks {_some(missing)}; it starts with {_some(list(table.columns))}. Is it the raw "
            "ffhq_aging_labels.csv, and not a web page about it?"
        )
    texts = ["age_group", "gender", "glasses"]
    numbers = table[[name for name in COLUMNS if name not in texts]].apply(pd.to_numeric, errors="coerce")
    if bad := [name for name in numbers if not np.isfinite(numbers[name]).all()]:
        row = int(np.flatnonzero(~np.isfinite(numbers[bad[0]]))[0])
        raise ValueError(f"{path}, line {row + 2}: {bad[0]} is {table[bad[0]][row]!r}, which is no number")
    nothing = (numbers[list(FOUND)] == -1).all(axis=1)
    odd = {
        "age_group": set(table["age_group"]) - set(AGES),
        "glasses": set(table["glasses"][~nothing]) - set(GLASSES),
    }
    odd["gender"] = {"", "None"} & set(table["gender"])
    for name, values in odd.items():
        if values:
            raise ValueError(
                f"{path} holds {name} {_some([repr(value) for value in sorted(values)])}, which its authors did not "
                'write. Programs that save the table anew turn "3-6" into a date and "None" into a gap: take the file '
                "as it was downloaded"
            )
    number = numbers.pop("image_number")
    if (wrong := number[(number % 1 != 0) | ~number.between(0, FFHQ_IMAGES - 1)]).size:
        raise ValueError(f"{path} has image_number {_some(wrong)}, but FFHQ counts from 0 to {FFHQ_IMAGES - 1:,}")
    if (twice := number[number.duplicated()]).size:
        raise ValueError(
            f"{path} has more than one row for image_number {_some(twice.astype(int))}: keep the right one"
        )
    numbers.loc[nothing, list(FOUND)] = np.nan
    out = table[texts].join(numbers).set_index(number.astype(int))
    out["age_group"] = pd.Categorical(out["age_group"], AGES, ordered=True)
    out["glasses"] = out["glasses"].str.lower().mask(nothing.to_numpy(), None)
    return out[list(COLUMNS[1:])]


def join_labels(index: pd.DataFrame, labels: pd.DataFrame) -> pd.DataFrame:
    """What FFHQ-Aging says of each image of the 140k set, in the order of ``index``: of its reals only.

    Args:
        index: of the 140k set or a part of it (columns ``name, label, set``). labels: from :func:`read_labels`.

    Returns:
        A row an image, with the labels of ``index`` and the columns of ``labels``; rows of fakes hold nothing.

    Raises:
        ValueError: another set (drawn portraits have numbers for names, too, but not FFHQ's), no real in it, or a name
            that is no number, comes twice, or is unknown to ``labels``.
    """
    if other := sorted(set(index["set"]) - set(SETS)):
        raise ValueError(
            f"only the reals of the 140k set are named by their FFHQ numbers, but this is {_some(other)}"
        )
    names = index.loc[index["label"] == 0, "name"]
    stems = names.map(lambda name: PurePosixPath(name).stem)
    if not len(names):
        raise ValueError("FFHQ-Aging labels photographs, but there is no real image here, only fakes")
    if (wrong := names[~stems.map(lambda stem: bool(re.fullmatch(r"\d{5}", stem, re.ASCII)))]).size:
        raise ValueError(
            f"{len(wrong)} of {len(names)} reals are not named by an FFHQ number such as 00123.jpg: {_some(wrong)}"
        )
    numbers = stems.astype(int)
    if (twice := names[numbers.duplicated(keep=False)]).size:
        raise ValueError(f"photographs come twice, so that none stands for itself: {_some(twice)}")
    if (unknown := names[~numbers.isin(labels.index)]).size:
        raise ValueError(
            f"the table has {len(labels):,} rows and knows nothing of {len(unknown)} of {len(names)} reals: "
            f"{_some(unknown)}. The whole table has {FFHQ_IMAGES:,}"
        )
    rows = pd.Series(-1, index=index.index)
    rows[numbers.index] = numbers
    return labels.reindex(rows).set_axis(index.index)


def _some(values: Sequence) -> str:
    values = [str(value) for value in values]
    return ", ".join(values[:4]) + (f" and {len(values) - 4} more" if len(values) > 4 else "")
