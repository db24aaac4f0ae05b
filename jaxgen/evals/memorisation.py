"""Memorisation and collapse as tests against held-out reals.

A model that copies has samples closer to the training set than fresh images of the same law are. With d_i the distance
of sample i to its nearest training image (or its ratio to the second nearest) and e_j the same of held-out real j, the
Mann-Whitney statistic (Mann, Whitney 1947; used so by Meehan et al. 2020, "A Non-Parametric Test to Detect Data-Copying
in Generative Models", eq. 2) is
    (1)  u = (1 / n m) sum_ij [d_i < e_j] + [d_i = e_j] / 2
1/2 where both follow one law, 1 where every sample is nearer than every held-out image. With t_g the sizes of the
groups of ties among all n + m values,
    (2)  z = (u - 1/2) / sqrt((N + 1 - sum_g (t_g^3 - t_g) / (N (N - 1))) / (12 n m)),  N = n + m
is a standard normal if nothing is copied (and the model is as good as reality: poor samples lie farther away and hide
copies, so the share of copies of `evals.nearest` belongs beside it).

Birthday test (Arora, Risteski, Zhang 2018, "Do GANs Learn the Distribution? Some Theory and Empirics", sec. 2): among n
draws from a uniform law over N things are n (n - 1) / 2N pairs of equals on average, so c such pairs speak of
    (3)  N = n (n - 1) / 2c
things. Two samples count as equals within a radius; the smallest distance between as many held-out reals is a fair one.
"""

import math
from statistics import NormalDist
from typing import NamedTuple

import numpy as np

from jaxgen.core import UserError
from jaxgen.evals.base import Function, Metric, gather, identity
from jaxgen.evals.manifolds import squared_distances


class Ranks(NamedTuple):
    """Whether one set of numbers is smaller than another."""

    share: float
    """u of eq. (1), in [0, 1]."""
    z: float
    """Eq. (2)."""
    p: float
    """Probability of such a z or a larger one if both follow one law (one-sided)."""


class Birthday(NamedTuple):
    """The closest pairs of a set."""

    pairs: int
    """Pairs within the radius."""
    support: float
    """Eq. (3); infinite without pairs."""
    smallest: float
    """The smallest distance of all."""
    closest: np.ndarray
    """int64 [P, 2]: the closest pairs, nearest first."""
    distances: np.ndarray
    """float64 [P]: their distances."""


def smaller(d, e) -> Ranks:
    """Eqs. (1) and (2) for [n] and [m].

    Raises:
      UserError: an empty side.
    """
    d, e = np.asarray(d, np.float64), np.asarray(e, np.float64)
    n, m = len(d), len(e)
    if not n or not m:
        raise UserError(f"A comparison of ranks needs values on both sides; there are {n} and {m}.")
    ordered = np.sort(e)
    below = np.searchsorted(ordered, d, "left")
    upto = np.searchsorted(ordered, d, "right")
    share = float(((m - upto) + 0.5 * (upto - below)).sum() / (n * m))
    _, ties = np.unique(np.concatenate([d, e]), return_counts=True)
    total = n + m
    spread = (total + 1 - float((ties.astype(np.float64) ** 3 - ties).sum()) / (total * (total - 1))) / (12 * n * m)
    z = (share - 0.5) / math.sqrt(spread) if spread > 0 else 0.0
    return Ranks(share, z, 1.0 - NormalDist().cdf(z))


def birthday(features: Function = identity, *, radius: float = 0.0, show: int = 16, chunk: int = 1024) -> Metric:
    """The closest pairs of a streamed set; finishes in `Birthday`. Takes time with the square of the number.

    Args:
      radius: Euclidean distance within which two samples are equals.
      show: closest pairs to report.
    """

    def finish(x):
        if len(x) < 2:
            raise UserError(f"The birthday test needs at least 2 samples; there are {len(x)}.")
        pairs, best, who = 0, np.empty(0), np.empty((0, 2), np.int64)
        for i in range(0, len(x), chunk):
            squares = squared_distances(x[i : i + chunk], x[i:])
            # Each pair once: columns right of the diagonal.
            squares[np.tril_indices(len(squares), 0, squares.shape[1])] = np.inf
            pairs += int((squares <= radius * radius).sum())
            keep = min(show, squares.size)
            flat = np.argpartition(squares, keep - 1, axis=None)[:keep]
            row, column = np.unravel_index(flat, squares.shape)
            best = np.concatenate([best, squares[row, column]])
            who = np.concatenate([who, np.stack([row + i, column + i], 1)])
            order = np.lexsort((who[:, 1], who[:, 0], best))[:show]
            best, who = best[order], who[order]
        real = np.isfinite(best)
        best, who = np.sqrt(best[real]), who[real]
        support = len(x) * (len(x) - 1) / (2 * pairs) if pairs else math.inf
        return Birthday(pairs, support, float(best[0]), who, best)

    return gather(features, finish)
