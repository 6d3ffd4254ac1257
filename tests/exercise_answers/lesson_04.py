"""Wrong answers to the exercises of lesson 04."""

import numpy as np


def seen(low, high, steps, wanted, *, shift=True, sort=True, spotted=None):
    """Exercise 04.1 with room for mistakes."""
    for scale, offset in steps:
        low, high = (scale * end + (offset if shift else 0) for end in (low, high))
    if sort:
        low, high = min(low, high), max(low, high)
    tell = spotted or (lambda low, high, wanted: high - low < (wanted[1] - wanted[0]) / 10)
    return low, high, bool(tell(low, high, wanted))


def offset_first(low, high, steps, wanted):
    for scale, offset in steps:
        low, high = sorted(scale * (end + offset) for end in (low, high))
    return low, high, high - low < (wanted[1] - wanted[0]) / 10


def chosen(chooser, *, called=np.greater_equal, pick=np.argmax, told="test"):
    """Exercise 04.2: ``chooser`` says on which images the threshold is chosen."""

    def answer(valid_labels, valid_scores, test_labels, test_scores):
        parts = {"valid": (valid_labels, valid_scores), "test": (test_labels, test_scores)}
        parts["both"] = tuple(map(np.concatenate, zip(*parts.values(), strict=True)))
        labels, scores = parts[chooser]
        cuts = np.unique(scores)[::-1]
        right = [(called(scores, cut) == labels).sum() for cut in cuts]
        cut = cuts[pick(right)]
        labels, scores = parts[told]
        return float(cut), float((called(scores, cut) == labels).mean())

    return answer


def last_best(right):
    return len(right) - 1 - int(np.argmax(right[::-1]))


def half(valid_labels, valid_scores, test_labels, test_scores):
    return 0.5, float(((test_scores >= 0.5) == test_labels).mean())


def balanced(valid_labels, valid_scores, test_labels, test_scores):
    """A threshold of validation by another rule, such as the mean score."""
    cut = float(valid_scores.mean())
    return cut, float(((test_scores >= cut) == test_labels).mean())


def holm(p, *, factors=None, rising=True, limit=True, back=True):
    """Exercise 04.3 with room for mistakes."""
    order = np.argsort(p, kind="stable")
    raised = p[order] * (np.arange(len(p), 0, -1) if factors is None else factors(len(p)))
    raised = np.maximum.accumulate(raised) if rising else raised
    raised = np.minimum(raised, 1) if limit else raised
    if not back:
        return raised
    adjusted = np.empty(len(p))
    adjusted[order] = raised
    return adjusted


def hochberg(p):
    """Steps up from the largest instead of down from the smallest."""
    order = np.argsort(p, kind="stable")[::-1]
    adjusted = np.empty(len(p))
    adjusted[order] = np.minimum.accumulate(p[order] * np.arange(1, len(p) + 1))
    return adjusted


def normalised(x, mean, variance, training, *, ddof=0, epsilon=0.001, root=True, momentum=0.99, moves=(True, True)):
    """Exercise 04.4 with room for mistakes."""
    m, v = (x.mean(), x.var(ddof=ddof)) if training else (mean, variance)
    spread = np.sqrt(v + epsilon) if root else v + epsilon
    kept = [
        momentum * old + (1 - momentum) * new if move else old
        for old, new, move in zip((mean, variance), (m, v), moves, strict=True)
    ]
    return (x - m) / spread, float(kept[0]), float(kept[1])


def outside(x, mean, variance, training):
    values, *kept = normalised(x, mean, variance, training, epsilon=0)
    return values / (1 + 0.001), *kept


WRONG = {
    "04.1": [
        lambda low, high, steps, wanted: seen(low, high, steps[::-1], wanted),
        lambda low, high, steps, wanted: seen(low, high, steps[-1:], wanted),  # only the network's own
        lambda low, high, steps, wanted: seen(low, high, steps, wanted, shift=False),
        lambda low, high, steps, wanted: seen(low, high, steps, wanted, sort=False),
        lambda low, high, steps, wanted: seen(low, high, steps, wanted, spotted=lambda *_: len(steps) > 1),
        lambda low, high, steps, wanted: seen(low, high, steps, wanted, spotted=lambda low, high, _: high <= 1),
        lambda low, high, steps, wanted: seen(low, high, steps, wanted, spotted=lambda *_: False),
        lambda low, high, steps, wanted: seen(low, high, steps, wanted, spotted=lambda a, b, _: b - a < 0.1),
        lambda low, high, steps, wanted: seen(low, high, steps, wanted, spotted=lambda a, b, _: b - a < 0.5),
        lambda low, high, steps, wanted: seen(
            low, high, steps, wanted, spotted=lambda _, b, w: b - w[0] < (w[1] - w[0]) / 10
        ),
        offset_first,
    ],
    "04.2": [
        chosen("test"),
        chosen("both"),
        chosen("valid", told="valid"),
        chosen("valid", pick=last_best),
        chosen("valid", called=np.greater),
        half,
        balanced,
    ],
    "04.3": [
        lambda p: np.minimum(p * len(p), 1),  # Bonferroni
        lambda p: holm(p, rising=False),
        lambda p: holm(p, limit=False),
        lambda p: holm(p, back=False),  # sorted
        lambda p: holm(p, factors=lambda m: m / np.arange(1, m + 1)),  # false discovery rate, upside down
        hochberg,
        lambda p: p,
        lambda p: holm(p).tolist(),
        lambda p: holm(p) < 0.05,
    ],
    "04.4": [
        lambda x, mean, variance, training: normalised(x, mean, variance, not training),
        lambda x, mean, variance, training: normalised(x, mean, variance, True),
        lambda x, mean, variance, training: normalised(x, mean, variance, training, ddof=1),
        lambda x, mean, variance, training: normalised(x, mean, variance, training, epsilon=0.1),
        lambda x, mean, variance, training: normalised(x, mean, variance, training, root=False),
        lambda x, mean, variance, training: normalised(x, mean, variance, training, momentum=0.01),
        lambda x, mean, variance, training: normalised(x, mean, variance, training, moves=(False, False)),
        lambda x, mean, variance, training: normalised(x, mean, variance, training, moves=(True, False)),
        outside,
    ],
}
