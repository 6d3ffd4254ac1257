"""How good are generated images? Distances of sets, a two-sample test, copies, faces found, the checkerboard.

Features come in as arrays from whatever network the caller names. On a classifier's own features a distance is not
the KID or FID of the literature, which stand for Inception's: call it after its network, and read it beside the same
distance between two halves of the reals.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.linalg import qr, svdvals
from scipy.stats import norm
from sklearn.decomposition import PCA
from sklearn.metrics import roc_auc_score
from sklearn.metrics.pairwise import polynomial_kernel
from sklearn.neighbors import NearestNeighbors
from sklearn.preprocessing import StandardScaler

from fakeface_utils.datasets.splits import make_folds
from fakeface_utils.evaluation.audit import permute_labels
from fakeface_utils.evaluation.intervals import Estimate, auc, mean, wilson
from fakeface_utils.forensics.shortcuts import out_of_fold_scores
from fakeface_utils.forensics.spectrum import azimuthal_average, log_spectrum

BLOCK_BYTES = 64 * 2**20  # float32 images held at a time in the search for neighbours
COMPONENTS = 100  # features of the two-sample test; the penalty of its regression was chosen for so many
CASCADE_SIDE, LEAST_FACE, VOTES = 128, 38, 10  # pixels: size of all images, least face there; overlapping boxes


def mmd2(real: np.ndarray, fake: np.ndarray) -> float:
    """Squared maximum mean discrepancy, unbiased, with the kernel (x.y / k + 1)^3 (Binkowski et al. 2018, eq. 4).

    For two samples of one distribution it lies around 0, on either side. The scale of features (n, k) matters.

    Raises:
        ValueError: not two tables of finite numbers of the same width, with two rows or more each.
    """
    real, fake = _checked(real, fake)
    within = 0.0
    for rows in (real, fake):
        kernel, n = polynomial_kernel(rows, degree=3, coef0=1), len(rows)
        within += (kernel.sum() - np.trace(kernel)) / (n * (n - 1))  # no image is paired with itself
    return float(within - 2 * polynomial_kernel(real, fake, degree=3, coef0=1).mean())


def kid(real: np.ndarray, fake: np.ndarray, subset: int = 100, n_subsets: int = 100, seed: int = 0) -> Estimate:
    """Kernel distance of two sets: the mean of :func:`mmd2` over random subsets (Binkowski et al. 2018).

    The 95 % interval says how far it would move with other images: the spread of the subsets, scaled from their
    size to that of the smaller set, plus the luck of ``n_subsets``. (Papers print the spread of the subsets itself,
    which does not shrink with more images.) Where the sets are alike, or one is larger, it is too wide rather than
    too narrow. Images count as independent: thin out near duplicates. ``n`` of the result is the smaller set's.

    Raises:
        ValueError: subsets of under two images or over half a set, fewer than two of them, or as in :func:`mmd2`.
    """
    sets, n, rng = _checked(real, fake), min(len(real), len(fake)), np.random.default_rng(seed)
    if not 2 <= subset <= n / 2 or n_subsets < 2:
        raise ValueError(f"{n_subsets} subsets of {subset}: take two or more, each of 2 to {n // 2} of {n} images")
    found = [mmd2(*(rows[rng.choice(len(rows), subset, replace=False)] for rows in sets)) for _ in range(n_subsets)]
    share = subset / n  # so much do subsets overlap, and spread the less
    half = norm.ppf(0.975) * np.std(found, ddof=1) * np.sqrt(share / (1 - share) + 1 / n_subsets)
    value = float(np.mean(found))
    return Estimate(value, float(value - half), float(value + half), n)


def frechet_distance(features_a: np.ndarray, features_b: np.ndarray) -> float:
    """|mean a - mean b|^2 + Tr(A + B - 2 (A B)^(1/2)), with the covariances A, B (Heusel et al. 2017): 0 if alike.

    It takes both for Gaussian and is biased upwards, the more so the fewer images (Chong and Forsyth 2020): compare
    only distances that rest on as many images. Errors as in :func:`mmd2`.
    """
    a, b = _checked(features_a, features_b)
    means = a.mean(axis=0), b.mean(axis=0)
    roots = [
        qr((x - m) / np.sqrt(len(x) - 1), mode="r")[0][: min(x.shape)] for x, m in zip((a, b), means, strict=True)
    ]
    # With A = X'X and B = Y'Y the trace of (A B)^(1/2) is the sum of the singular values of X Y'. So there is no
    # root of a singular matrix to take where images are fewer than features.
    spread = sum((root**2).sum() for root in roots) - 2 * svdvals(roots[0] @ roots[1].T).sum()
    return float(((means[0] - means[1]) ** 2).sum() + max(spread, 0.0))  # below 0 by rounding only


class TwoSample(NamedTuple):
    """AUC with which a classifier tells two sets apart, and its p against dealing the labels anew."""

    auc: Estimate
    p: float


def two_sample_test(
    a: np.ndarray, b: np.ndarray, groups: np.ndarray | None = None, seed: int = 0, n_permutations: int = 99
) -> TwoSample:
    """Can a logistic regression tell two sets apart? (Classifier two-sample test: Lopez-Paz and Oquab 2017.)

    Scores are out-of-fold over groups, from the ``COMPONENTS`` first principal components of the standardised
    features of both sets, which see no label. The interval knows of other test images but not of another training:
    decide by ``p``, for which all is repeated with labels dealt anew. It is at least 1 / (n_permutations + 1).

    Args:
        a, b: (n, k), (m, k) features. groups: (n + m,), those of a first; default: each image its own.

    Raises:
        ValueError: not one group an image, fewer than five groups in a set, or as in :func:`mmd2`.
    """
    a, b = _checked(a, b)
    labels, both = np.r_[np.zeros(len(a), int), np.ones(len(b), int)], np.concatenate([a, b])
    groups = np.arange(len(both)) if groups is None else np.asarray(groups)
    if groups.shape != labels.shape:
        raise ValueError(f"need a group for each of {len(labels)} images, got groups of shape {groups.shape}")
    folds = make_folds(labels, groups, seed=seed)
    pca = PCA(min(COMPONENTS, *both.shape), random_state=seed)
    with np.errstate(invalid="ignore"):  # where no feature varies
        small = pca.fit_transform(StandardScaler().fit_transform(both))
    found = auc(labels, out_of_fold_scores(small, labels, groups, folds=folds), groups, seed=seed)
    rng, reached = np.random.default_rng(seed), 1
    for _ in range(n_permutations):
        dealt = permute_labels(labels, groups, folds, rng)
        reached += roc_auc_score(dealt, out_of_fold_scores(small, dealt, groups, folds=folds)) >= found.value
    return TwoSample(found, float(reached / (1 + n_permutations)))


def nearest_neighbours(queries: np.ndarray, training: np.ndarray, k: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """The k training images nearest to each generated one, by pixels or by features: is it a copy?

    By pixels a blurred image is near to everything: look at the pairs, and ask by features too. Where a training
    flips images, ask again with ``training[:, :, ::-1]``. ``training`` may be memory-mapped: a block of 64 MB is held.

    Args:
        queries, training: (n, ...) and (m, ...), alike but for their number; any real type.

    Returns:
        Rows of ``training`` (n, k) int and their distances (n, k), nearest first: root mean squares over the values
        of an image, so grey levels for pixels.

    Raises:
        ValueError: shapes differ, k is not between 1 and m, or a value is not finite.
    """
    if queries.shape[1:] != training.shape[1:] or not 1 <= k <= len(training):
        raise ValueError(f"cannot look for {k} of {training.shape} near {queries.shape}: alike images, 1 <= k <= m")
    step = max(1, BLOCK_BYTES // (4 * int(np.prod(queries.shape[1:]))))
    asked = _flat(queries)
    near, index = np.full((len(asked), k), np.inf), np.zeros((len(asked), k), int)
    for start in range(0, len(training), step):
        rows = _flat(training[start : start + step])
        search = NearestNeighbors(n_neighbors=min(k, len(rows)), algorithm="brute").fit(rows)
        new, place = search.kneighbors(asked)
        near, index = np.hstack([near, new]), np.hstack([index, place + start])
        best = np.argsort(near, axis=1, kind="stable")[:, :k]
        near, index = np.take_along_axis(near, best, 1), np.take_along_axis(index, best, 1)
    # Anew, as the search works with rounded squares: a copy must have a distance of 0.
    gaps = (_flat(training[rows]) - query.astype(float) for query, rows in zip(asked, index, strict=True))
    return index, np.array([np.sqrt((gap**2).mean(axis=1)) for gap in gaps])


def beside_nearest(queries: np.ndarray, training: np.ndarray) -> np.ndarray:
    """Pictures, and after them the training image nearest to each: (2 n, side, side, 3), two rows of a grid."""
    nearest, _ = nearest_neighbours(queries, training)
    return np.concatenate([queries, training[nearest[:, 0]]])


def kind_shares(sets: Mapping[str, np.ndarray], templates: np.ndarray, kinds: np.ndarray) -> pd.DataFrame:
    """The share of each kind in each set; a picture is of the kind of the template that is nearest to it, by pixels.

    Give pictures whose kinds are known as one of the sets, to see whether this names them rightly.

    Args:
        sets: name -> (n, side, side, 3). templates: (m, side, side, 3), ``kinds`` (m,) theirs.

    Returns:
        A row a kind, a column of ``Estimate`` a set (Wilson's intervals), and ``truth``, the share among templates.
    """
    kinds, columns = np.asarray(kinds), {}
    names = sorted(set(kinds))
    for name, pictures in sets.items():
        found = kinds[nearest_neighbours(pictures, templates)[0][:, 0]]
        columns[name] = {kind: wilson(int((found == kind).sum()), len(found)) for kind in names}
    columns["truth"] = {kind: round(float((kinds == kind).mean()), 2) for kind in names}
    return pd.DataFrame(columns, dtype=object)


def data_copying(generated: np.ndarray, held_out: np.ndarray, **options) -> Estimate:
    """P(a generated image lies nearer to the training images than a held-out real does) (Meehan et al. 2020).

    .5: as far off as a new photograph; near 1: copies; near 0: farther off than photographs are.

    Args:
        generated, held_out: (n,), (m,) distances to the nearest training image. options: of :func:`intervals.auc`.
    """
    labels = np.repeat([1, 0], [len(generated), len(held_out)])
    return auc(labels, -np.concatenate([generated, held_out]).ravel(), **options)


def faces_found(images: np.ndarray) -> np.ndarray:
    """In which images OpenCV's frontal-face cascade finds a face, bool (n,).

    All are brought to 128 px: the cascade's window of 24 px misses faces of small pictures. A box counts that holds
    the middle and is .3 of the image wide. A coarse oval is enough for the cascade: of 200 photographed faces turned
    upside down it takes a third with the usual 3 overlapping boxes, a sixth with 10. So read a generator's share
    between those of reals upright and of the same reals upside down.

    Args:
        images: uint8 (n, side, side, 3), RGB.

    Raises:
        ValueError: other images. ImportError: no OpenCV, or one without the cascade (version 5).
    """
    images = np.asarray(images)
    if images.dtype != np.uint8 or images.ndim != 4 or images.shape[2:] != (images.shape[1], 3):
        raise ValueError(f"expected square uint8 images (n, side, side, 3), got {images.dtype} {images.shape}")
    try:
        import cv2

        cascade = cv2.CascadeClassifier(cv2.data.haarcascades + "haarcascade_frontalface_default.xml")
    except (ImportError, AttributeError) as error:  # version 5 has no such class
        raise ImportError('the face cascade is OpenCV 4\'s: pip install "opencv-python-headless<5"') from error
    how = cv2.INTER_AREA if images.shape[1] > CASCADE_SIDE else cv2.INTER_LINEAR
    middle, found = CASCADE_SIDE / 2, np.zeros(len(images), bool)
    for i, image in enumerate(images):
        grey = cv2.resize(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), (CASCADE_SIDE, CASCADE_SIDE), interpolation=how)
        boxes = cascade.detectMultiScale(grey, scaleFactor=1.1, minNeighbors=VOTES)
        found[i] = any(x < middle < x + w and y < middle < y + h and w >= LEAST_FACE for x, y, w, h in boxes)
    return found


def apart(
    real: np.ndarray, other: np.ndarray, *, subset: int = 100, seed: int = 0, n_permutations: int = 99
) -> dict:
    """How far two sets of features lie apart, by all three measures, taken of equally many images of each.

    Read it beside the same of two halves of the reals.

    Returns:
        ``kid``, ``frechet``, ``two-sample AUC`` and ``two-sample p``, as the functions of these names give them. The
        subsets of the first hold at most half of the images.

    Raises:
        ValueError: as in :func:`mmd2` and :func:`two_sample_test`.
    """
    m = min(len(real), len(other))
    test = two_sample_test(real[:m], other[:m], seed=seed, n_permutations=n_permutations)
    return {
        "kid": kid(real[:m], other[:m], min(subset, m // 2), seed=seed),
        "frechet": frechet_distance(real[:m], other[:m]),
        "two-sample AUC": test.auc,
        "two-sample p": test.p,
    }


def checkerboard_rings(side: int, doublings: int) -> dict[int, int]:
    """{period in pixels: ring of ``spectrum.azimuthal_average``} where the grids of a generator lie on the axes.

    A last layer that doubles the size leaves a grid of 2 pixels, at Nyquist; the one before it 4 pixels; and so on.
    """
    return {2**k: side // 2**k for k in range(1, doublings + 1)}


def checkerboard(grey: np.ndarray, period: int = 2) -> float:
    """Power at the frequencies of a grid of ``period`` pixels over that around them: 1 or less without a grid.

    They are the multiples of 1 / period that no shorter grid shares (the bright points of Frank et al. 2020). Around
    them: 1/16 to 1/8 of the side away, along the row or the column, whichever has more, as the borders of an image
    draw a cross. JPEG has a grid of 8 pixels: judge beside reals of the same chain.

    Args:
        grey: (side, side), any range; side at least 32, a multiple of the period. period: 2, 4 or 8.

    Raises:
        ValueError: any other.
    """
    side = len(grey)
    if np.shape(grey) != (side, side) or side < 32 or period not in (2, 4, 8) or side % period:
        raise ValueError(f"no grid of {period} px in {np.shape(grey)}: need a square of 32 px, period 2, 4 or 8")
    power = np.exp(log_spectrum(grey))
    steps = np.array([(a, b) for a in range(period) for b in range(period) if a % 2 or b % 2])
    y, x = np.hsplit(side // 2 + steps * (side // period), 2)  # zero frequency is in the middle
    away = np.r_[1 - side // 8 : 1 - side // 16, side // 16 : side // 8]
    row, column = (power[v % side, u % side].mean(axis=1) for v, u in ((y, x + away), (y + away, x)))
    return float(power[y % side, x % side].sum() / np.maximum(row, column).sum())


def rings(images: np.ndarray) -> np.ndarray:
    """Mean log power of each ring of frequencies of each image's brightness.

    Args:
        images: (n, side, side, 3), RGB, 0-255.

    Returns:
        (n, side // 2 + 1), as ``spectrum.azimuthal_average``: entry k at k cycles a picture.
    """
    return np.stack([azimuthal_average(log_spectrum(grey)) for grey in _brightness(images)])


def checkerboards(images: np.ndarray, periods: Collection[int] = (2, 4, 8)) -> dict[int, Estimate]:
    """Mean of :func:`checkerboard` over images (n, side, side, 3) in 0-255, for each period, with its interval."""
    greys = _brightness(images)
    return {period: mean(np.array([checkerboard(grey, period) for grey in greys])) for period in periods}


def _brightness(images: np.ndarray) -> np.ndarray:
    return np.asarray(images, float) @ (0.299, 0.587, 0.114)


def _checked(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    a, b = np.asarray(a, float), np.asarray(b, float)
    if a.ndim != 2 or b.ndim != 2 or a.shape[1] != b.shape[1] or min(len(a), len(b)) < 2:
        raise ValueError(f"need features (n, k) and (m, k) of two rows or more, got {a.shape} and {b.shape}")
    if bad := (~np.isfinite(a)).sum() + (~np.isfinite(b)).sum():
        raise ValueError(f"{bad} features are not finite: look for the images, or the layer, they come from")
    return a, b


def _flat(rows: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(np.asarray(rows, np.float32).reshape(len(rows), -1))
