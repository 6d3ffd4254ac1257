"""Wrong answers to the exercises of lesson 02."""

import numpy as np
from sklearn.metrics import roc_auc_score


def threshold_by(judge):
    """Exercise 02.2 with another idea of what is allowed; ``judge`` takes labels, scores, a score and the share."""

    def answer(labels, scores, most):
        allowed = [x for x in np.sort(scores) if judge(labels, scores, x, most)]
        return float(allowed[0]) if allowed else float("inf")

    return answer


def resampled(labels, scores, groups, draws, metric=roc_auc_score, members=lambda groups, drawn: groups == drawn):
    """Exercise 02.4 with room for mistakes."""
    rows = [np.concatenate([np.flatnonzero(members(groups, g)) for g in drawn]) for drawn in draws]
    return np.array([metric(labels[r], scores[r]) for r in rows])


def ties_count_nothing(labels, scores):
    return (scores[labels == 1][:, None] > scores[labels == 0]).mean()


WRONG = {
    "02.1": [
        lambda side, channels, units: side * side * channels * units + units,  # no biases
        lambda side, channels, units: side * channels * units + 2 * units + 1,
        lambda side, channels, units: side * side * units + 2 * units + 1,  # grey only
        lambda side, channels, units: (side * side * channels + 1) * units + units,  # no bias of the output
        lambda side, channels, units: str((side * side * channels + 2) * units + 1),
    ],
    "02.2": [
        threshold_by(lambda y, s, x, most: np.mean(s[y == 0] > x) <= most),  # called fake only above it
        threshold_by(lambda y, s, x, most: np.mean(s >= x) <= most),  # of all images
        threshold_by(lambda y, s, x, most: np.mean(s[y == 1] >= x) <= most),  # of the fakes
        threshold_by(lambda y, s, x, most: np.mean(s[y == 0] >= x) < most),
        lambda labels, scores, most: float(np.sort(scores)[-1]),
        lambda labels, scores, most: float("inf"),
        lambda labels, scores, most: float("nan"),
        lambda labels, scores, most: float(np.quantile(scores[labels == 0], 1 - most)),
    ],
    "02.3": [
        lambda share, says_fake: (share, share / 2, 0.5),  # whatever it says
        lambda share, says_fake: (max(share, 1 - share), max(share, 1 - share) / 2, 0.5),
        lambda share, says_fake: (share if says_fake else 1 - share, 0.25, 0.25),  # the report's M3
        lambda share, says_fake: (share if says_fake else 1 - share, 0.25, 0.5),
        lambda share, says_fake: share if says_fake else 1 - share,
    ],
    "02.4": [
        lambda y, s, g, draws: resampled(y, s, g, draws, ties_count_nothing),
        lambda y, s, g, draws: resampled(1 - y, s, g, draws),  # real is 1
        lambda y, s, g, draws: resampled(
            y, s, np.arange(len(g)), np.argmax(g == draws[..., None], axis=-1)
        ),  # one each
        lambda y, s, g, draws: np.array(
            [roc_auc_score(y[m], s[m]) for m in (np.isin(g, d) for d in draws)]
        ),  # once
        lambda y, s, g, draws: resampled(y, s, g, draws)[::-1],
        lambda y, s, g, draws: resampled(y, s, g, draws).tolist(),  # no array
        lambda y, s, g, draws: np.full(len(draws), roc_auc_score(y, s)),  # resamples nothing
        lambda y, s, g, draws: resampled(y, np.sort(s), g, draws),
    ],
}
