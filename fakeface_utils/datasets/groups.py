"""Images that share a photograph: found by file, by hash and by keypoints, joined into groups.

Nothing from one photograph may lie on both sides of a split, or a test measures memory. In the Yonsei set many
fakes are edits of a photograph that is also among the reals, and their parts come from others of the set.

How the limits were chosen, by looking at pairs side by side, on 2,041 Yonsei images and 1,600 of the 140k kind:

* Keypoints. Aligned faces of strangers have up to 27 geometrically consistent SIFT matches, so a count alone
  misleads. Counting only matches of descriptors nearer than .3 (unit length) parts the two: of 1.3 million
  pairs of aligned faces all but one true pair have 6 or fewer, while a dozen Yonsei pairs with 7 or 8 and all
  looked at above show the same eyes, mouth or photograph. Edits whose shared part is small or blurred, and
  mirrored copies, stay unfound: a lower bound. Drawn portraits share drawn eyes (11 matches among 250):
  ``MIN_INLIERS_DRAWN`` links hardly anything, the testbed's own manifest is the truth there.
* Hashes. Up to 10 differing bits of pHash and dHash together were all true, 12 held the first false pair.
"""

from __future__ import annotations

import hashlib
import io
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import imagehash
import numpy as np
import pandas as pd
from PIL import Image
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from tqdm import tqdm

from fakeface_utils.datasets.layouts import fingerprint

VERSION = 2  # raised when the search would find other pairs, so that no old list is taken for a new one
MIN_INLIERS, MIN_INLIERS_DRAWN = 8, 20
MAX_BITS, LOOSE_BITS, MIN_CORRELATION = 8, 12, 0.9  # of 128 bits (loose: candidates only); of 16 x 16 versions
LARGE = 5_000  # images; above it keypoints are taken of hash candidates only
HASH_BLOCK = 4_000_000  # distances held at a time
SIDE, POOLED, KEPT = 300, 150, 400  # pixels; strongest descriptors in the common search, and between two images
NEIGHBOURS, NEAR, VOTES = 6, 200.0, 3  # a pair with 3 neighbours nearer than 200 (OpenCV's scale) is a candidate
MAX_DISTANCE, MAX_RATIO, REPROJECTION = 0.3, 0.8, 3.0  # of a match: unit-length descriptors, Lowe's ratio, pixels


def find_pairs(
    index: pd.DataFrame, *, hashes: bool = True, keypoints: bool = True, min_inliers: int | None = None
) -> pd.DataFrame:
    """Pairs of images that share a file, a picture or a part of one.

    2,041 images of 600 x 600 take one to two minutes on two cores. Above 5,000 images the common keypoint search
    would need hours and gigabytes: there keypoints only confirm or drop pairs with nearly equal hashes, and
    140,000 images take an hour or so. Without OpenCV (``pip install "opencv-python-headless<5"``) only files and
    hashes are compared. What was done stands in ``.attrs["note"]``: keep it with a cached copy.

    Args:
        index: columns ``path`` and ``name``; names must be unique.
        hashes: compare pHash and dHash. keypoints: compare SIFT keypoints.
        min_inliers: a keypoint pair has at least so many; default: ``MIN_INLIERS``, or ``MIN_INLIERS_DRAWN``
            where the index says ``testbed`` in its column ``set``.

    Returns:
        DataFrame ``a, b`` (names, in the order of the index), ``how`` (``same file``, ``hash``, ``keypoints``),
        ``score`` (0; differing bits of 128; RANSAC inliers, more is surer). A pair may be found in several ways.

    Raises:
        ValueError: a name occurs twice, or a file cannot be decoded.
    """
    if index["name"].duplicated().any():
        raise ValueError(f"names must be unique, {index['name'][index['name'].duplicated()].iloc[0]} occurs twice")
    if min_inliers is None:
        drawn = "set" in index and (index["set"] == "testbed").any()
        min_inliers = MIN_INLIERS_DRAWN if drawn else MIN_INLIERS
    cv2, note = _opencv() if keypoints else (None, "keypoints not asked for")
    paths, names, large = list(index["path"]), index["name"].to_numpy(), len(index) > LARGE
    digests, bits, small, features = _read(paths, None if large else cv2, "images")
    rows = _same_files(digests)
    near = _near_hashes(bits, small, LOOSE_BITS if large and cv2 else MAX_BITS) if hashes else []
    if cv2 and large:
        note = f"more than {LARGE} images: keypoints of hash candidates only"
        involved = sorted({i for pair in near for i in pair[:2]})
        features = dict(zip(involved, _read([paths[i] for i in involved], cv2, "keypoints")[3], strict=True))
        rows += _verify(cv2, features, [pair[:2] for pair in near], min_inliers)
    else:
        rows += [(i, j, "hash", distance) for i, j, distance in near]
        rows += _verify(cv2, features, _candidates(cv2, features), min_inliers) if cv2 else []
    pairs = pd.DataFrame([(names[i], names[j], *row) for i, j, *row in rows], columns=["a", "b", "how", "score"])
    pairs.attrs["note"] = note
    return pairs


def group_ids(index: pd.DataFrame, pairs: pd.DataFrame) -> np.ndarray:
    """The group of each image, (n,) int from 0 in order of first appearance: connected components of ``pairs``.

    Args:
        index: column ``name``. pairs: as from :func:`find_pairs`.

    Raises:
        ValueError: a pair names an image that is not in the index.
    """
    rows = pd.Index(index["name"])
    ends = np.stack([rows.get_indexer(pairs["a"]), rows.get_indexer(pairs["b"])])
    if (ends < 0).any():
        bad = pairs.iloc[int(ends.min(axis=0).argmin())]
        raise ValueError(
            f"the pair {bad['a']}, {bad['b']} is not in the index: were the pairs found in another set?"
        )
    graph = coo_array((np.ones(ends.shape[1]), ends), shape=(len(rows), len(rows)))
    return pd.factorize(connected_components(graph, directed=False)[1])[0]


def cached_pairs(index: pd.DataFrame, cache_dir: str | Path, **options) -> pd.DataFrame:
    """:func:`find_pairs`, kept as a CSV file in ``cache_dir`` and read from there the next time.

    The file is named after the index's fingerprint, so other files, or a changed search, are searched anew.
    """
    what = f"{VERSION} {fingerprint(index)} {sorted(options.items())} {_opencv()[1]}"
    path = Path(cache_dir) / f"pairs-{hashlib.sha256(what.encode()).hexdigest()[:24]}.csv"
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        found, partial = find_pairs(index, **options), path.with_suffix(f".{os.getpid()}.partial")
        partial.write_text(f"# {found.attrs['note']}\n{found.to_csv(index=False)}", encoding="utf-8")
        partial.replace(path)
    pairs = pd.read_csv(path, skiprows=1)
    pairs.attrs["note"] = path.open(encoding="utf-8").readline().removeprefix("# ").strip()
    return pairs


def mixed_pairs(index: pd.DataFrame, pairs: pd.DataFrame) -> pd.DataFrame:
    """The pairs of a real and a fake, (real, fake, how, score): what the fake was made from, or with.

    Names are those of ``index``; a pair found in several ways has a row for each.
    """
    label = index.set_index("name")["label"]
    first, second = label[pairs["a"]].to_numpy(), label[pairs["b"]].to_numpy()
    mixed = pairs[first != second]
    real = mixed["a"].where(first[first != second] == 0, mixed["b"])
    fake = mixed["b"].where(first[first != second] == 0, mixed["a"])
    return mixed.assign(real=real, fake=fake)[["real", "fake", "how", "score"]]


def share_leaked(index: pd.DataFrame) -> float:
    """The share of test images (0 to 1) whose group also occurs among the training images.

    Raises:
        ValueError: the index has no test images.
    """
    test = index.loc[index["split"] == "test", "group"]
    if test.empty:
        raise ValueError("no image of the index is in the split `test`: split the set first")
    return float(test.isin(index.loc[index["split"] == "train", "group"]).mean())


def _opencv() -> tuple:
    try:
        import cv2
    except ImportError:
        return None, "keypoints not compared: OpenCV is not installed"
    return cv2, "hashes and keypoints compared"


def _read(paths: list[str], cv2, what: str) -> tuple:
    """Per image: digest; (n, 2) uint64 hashes; (n, 256) 16 x 16 versions of mean 0, length 1; keypoints or None."""
    with ThreadPoolExecutor() as pool:
        read = pool.map(lambda path: _describe(path, cv2), paths)
        digests, bits, small, features = zip(*tqdm(read, what, len(paths)), strict=True)
    return digests, np.array(bits), np.array(small), features


def _describe(path: str, cv2) -> tuple:
    data = Path(path).read_bytes()
    try:
        grey = Image.open(io.BytesIO(data)).convert("L")
    except (OSError, SyntaxError) as error:
        raise ValueError(
            f"{path} cannot be decoded as an image ({error}): fetch it again or take it out"
        ) from error
    hashes = imagehash.phash(grey).hash, imagehash.dhash(grey).hash
    small = np.asarray(grey.resize((16, 16), Image.Resampling.BOX), dtype=np.float32).ravel()
    small = small - small.mean()
    small = small / (np.linalg.norm(small) or 1)  # a blank image stays 0 and is like none
    bits = [np.packbits(h).view(np.uint64)[0] for h in hashes]
    return hashlib.sha256(data).digest(), bits, small, None if cv2 is None else _keypoints(grey, cv2)


def _keypoints(grey: Image.Image, cv2) -> tuple[np.ndarray, np.ndarray]:
    """Positions (k, 2) and unit-length SIFT descriptors (k, 128) float16, the strongest first, k <= KEPT."""
    size = [max(8, round(side * SIDE / max(grey.size))) for side in grey.size]
    image = np.asarray(grey.resize(size, Image.Resampling.BICUBIC))
    points, descriptors = cv2.SIFT_create(KEPT).detectAndCompute(image, None)
    if not points:
        return np.zeros((0, 2), np.float32), np.zeros((0, 128), np.float16)
    order = np.argsort([-point.response for point in points], kind="stable")[:KEPT]
    unit = descriptors / np.maximum(np.linalg.norm(descriptors, axis=1, keepdims=True), 1e-9)
    return np.array([points[i].pt for i in order], np.float32), unit[order].astype(np.float16)


def _same_files(digests: tuple[bytes, ...]) -> list[tuple]:
    first: dict[bytes, int] = {}
    seen = [first.setdefault(digest, i) for i, digest in enumerate(digests)]
    return [(j, i, "same file", 0) for i, j in enumerate(seen) if i != j]


def _near_hashes(bits: np.ndarray, small: np.ndarray, max_bits: int) -> list[tuple[int, int, int]]:
    """Pairs whose two hashes differ in few bits together and whose 16 x 16 versions are alike."""
    out, step = [], max(1, HASH_BLOCK // len(bits))
    for start in range(0, len(bits), step):
        block, rest = bits[start : start + step, None], bits[None, start:]
        distance = np.bitwise_count(block ^ rest).sum(axis=2)
        near = zip(*np.nonzero(distance <= max_bits), distance[distance <= max_bits], strict=True)
        out += [(int(i + start), int(j + start), int(d)) for i, j, d in near if i < j]
    return [(i, j, d) for i, j, d in out if small[i] @ small[j] > MIN_CORRELATION]


def _candidates(cv2, features: tuple) -> list[tuple[int, int]]:
    """Pairs that share several near descriptors, by one nearest-neighbour search over all images together."""
    pooled = [descriptors[:POOLED] for _, descriptors in features]
    owner = np.repeat(np.arange(len(pooled)), [len(d) for d in pooled])
    if len(owner) <= NEIGHBOURS:
        return []
    every = np.concatenate(pooled).astype(np.float32) * 512  # the length that OpenCV gives them
    cv2.setRNGSeed(0)  # the search trees are random
    tree = cv2.flann.Index(every, {"algorithm": 1, "trees": 4})
    nearest, squared = tree.knnSearch(every, NEIGHBOURS, params={"checks": 32})
    a, b = np.repeat(owner, NEIGHBOURS), owner[nearest.ravel()]
    near = (a != b) & (squared.ravel() < NEAR**2)
    key, votes = np.unique((np.minimum(a, b) * len(pooled) + np.maximum(a, b))[near], return_counts=True)
    return [divmod(int(k), len(pooled)) for k in key[votes >= VOTES]]


def _verify(cv2, features, candidates: list[tuple[int, int]], least: int) -> list[tuple]:
    counts = ((i, j, "keypoints", _inliers(cv2, features[i], features[j])) for i, j in tqdm(candidates, "pairs"))
    return [row for row in counts if row[3] >= least]


def _inliers(cv2, one: tuple, two: tuple) -> int:
    """Matches that one shift, turn and scaling explains, after mutual nearest neighbours and Lowe's ratio."""
    (p, d), (q, e) = one, two
    if min(len(d), len(e)) < 2:
        return 0
    similar = d.astype(np.float32) @ e.astype(np.float32).T
    best, runner_up = similar.argmax(1), np.partition(similar, -2, axis=1)[:, -2]
    near, second = np.sqrt(np.maximum(2 - 2 * np.stack([similar.max(1), runner_up]), 0))
    good = (similar.argmax(0)[best] == np.arange(len(d))) & (near < MAX_RATIO * second) & (near < MAX_DISTANCE)
    # SIFT may put several descriptors on one point: each point counts once.
    once = np.flatnonzero(good)[np.unique(np.round(p[good]), axis=0, return_index=True)[1]]
    if len(once) < 3:
        return 0
    found = cv2.estimateAffinePartial2D(p[once], q[best[once]], ransacReprojThreshold=REPROJECTION)[1]
    return 0 if found is None else int(found.sum())
