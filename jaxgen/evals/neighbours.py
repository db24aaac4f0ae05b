"""Are samples copies? Distances to the nearest training images, and repeats among the samples themselves.

Memorisation (Yoon et al. 2023, "Diffusion Probabilistic Models Generalize when They Fail to Memorize", sec. 3): a
sample is called a copy when its nearest training image is less than a third as far away as the second nearest,
    (1)  d_1 <= d_2 / 3
an exact copy (d_1 = 0) always. Held-out images judged the same way tell how often that happens by chance.
"""

import hashlib
from typing import NamedTuple

import numpy as np

from jaxgen.core import UserError
from jaxgen.evals.base import Function, Metric, identity, rows
from jaxgen.evals.manifolds import squared_distances

CHUNK = 4096
"""Training examples compared with at a time, so that memory stays bounded."""


class Neighbours(NamedTuple):
    """The nearest training example of each sample, in the order of the samples."""

    distances: np.ndarray
    """float64 [N]: Euclidean distance to the nearest training example."""
    indices: np.ndarray
    """int64 [N]: which one it is."""
    ratios: np.ndarray
    """float64 [N] in [0, 1]: d_1 / d_2; 0 for an exact copy."""
    copied: float
    """Share of samples with a ratio of at most the threshold, eq. (1)."""


class Duplicates(NamedTuple):
    """Repeats within a set."""

    share: float
    """Share of samples equal, byte for byte, to an earlier one."""
    largest: int
    """Size of the largest group of equal samples; 1 when all differ."""


def nearest(reference, features: Function = identity, *, threshold: float = 1 / 3) -> Metric:
    """Nearest neighbours of streamed samples in the training set `reference` [M, ...]; finishes in `Neighbours`.

    Raises:
      UserError: fewer than 2 training examples.
    """
    train = np.asarray(reference).reshape(len(reference), -1)
    if len(train) < 2:
        raise UserError(f"The copy test needs at least 2 training examples; there are {len(train)}.")

    def two_nearest(x):
        """Squared distances [n, 2] and indices [n, 2] of the two nearest, walking the training set in chunks."""
        best, who = np.full((len(x), 2), np.inf), np.zeros((len(x), 2), np.int64)
        for start in range(0, len(train), CHUNK):
            squares = squared_distances(x, rows(train[start : start + CHUNK], "training examples"))
            near = np.argpartition(squares, min(1, squares.shape[1] - 1), axis=1)[:, :2]
            best = np.concatenate([best, np.take_along_axis(squares, near, axis=1)], axis=1)
            who = np.concatenate([who, near + start], axis=1)
            order = best.argsort(1, kind="stable")[:, :2]
            best, who = np.take_along_axis(best, order, axis=1), np.take_along_axis(who, order, axis=1)
        return best, who

    def update(kept, x):
        x = rows(features(x))
        for i in range(0, len(x), CHUNK // 4):
            squares, who = two_nearest(x[i : i + CHUNK // 4])
            kept = (*kept, (np.sqrt(squares), who[:, 0]))
        return kept

    def finish(kept):
        if not kept:
            raise UserError("Nothing to evaluate: there are no samples.")
        smallest, indices = zip(*kept, strict=True)
        first, second = np.concatenate(smallest).T
        ratios = np.divide(first, second, where=second > 0, out=np.zeros_like(first))
        return Neighbours(first, np.concatenate(indices), ratios, float((ratios <= threshold).mean()))

    return Metric(tuple, update, finish)


def duplicates() -> Metric:
    """Exact repeats in a streamed set of arrays of one dtype; finishes in `Duplicates`. Keeps 16 bytes a sample."""

    def update(seen, x):
        marks = (
            hashlib.blake2b(np.ascontiguousarray(item).tobytes(), digest_size=16).digest() for item in np.asarray(x)
        )
        return (*seen, *marks)

    def finish(seen):
        if not seen:
            raise UserError("Nothing to evaluate: there are no samples.")
        _, counts = np.unique(np.frombuffer(b"".join(seen), "V16"), return_counts=True)
        return Duplicates(1.0 - len(counts) / len(seen), int(counts.max()))

    return Metric(tuple, update, finish)
