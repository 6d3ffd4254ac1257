"""The one form in which every record, of a lesson or of an experiment, holds what was measured."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import asdict, is_dataclass

import numpy as np

DIGITS = 5  # kept of a number; intervals are far wider


def plain_metrics(metrics: Mapping[str, object], digits: int | None = DIGITS) -> dict[str, dict]:
    """Metrics as JSON takes them: flat, ``{"group/name": {"value": ..., "low": ..., "high": ..., "n": ...}}``.

    Args:
        metrics: name -> a number (a count, or a value without an interval), a dataclass of numbers such as
            ``Estimate`` or ``Difference``, a mapping of such, whose names are joined by ``/``, or None, which is
            left out.
        digits: how many to keep after the point; None keeps all.

    JSON has no word for a number that is not finite, such as the degrees of freedom of a normal distribution: it is
    left out too, and the whole metric if it is the value itself.
    """
    plain = {name: _plain(value, digits) for name, value in _flat(metrics) if value is not None}
    return {name: numbers for name, numbers in plain.items() if numbers}


def _flat(metrics: Mapping[str, object], before: str = "") -> Iterator[tuple[str, object]]:
    for name, value in metrics.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{before}{name}/")
        else:
            yield f"{before}{name}", value


def _plain(value: object, digits: int | None) -> dict[str, float | int | str]:
    numbers = asdict(value) if is_dataclass(value) else {"value": value}
    plain = {name: np.asarray(number).item() for name, number in numbers.items()}
    lost = {name for name, number in plain.items() if isinstance(number, float) and not math.isfinite(number)}
    if "value" in lost:
        return {}
    kept = {name: number for name, number in plain.items() if name not in lost}
    if digits is None:
        return kept
    return {name: round(number, digits) if isinstance(number, float) else number for name, number in kept.items()}
