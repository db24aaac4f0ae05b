"""How real and how varied a set is, by balls around its members in feature space.

Kynkaanniemi et al. 2019, "Improved Precision and Recall Metric for Assessing Generative Models", eq. 1-2: the manifold
of a set is the union of the balls B(x, r_k(x)) around its members, r_k the distance to the k-th nearest other member:
    (1)  precision = share of samples inside the manifold of the reals (distance <= radius)
    (2)  recall    = share of reals inside the manifold of the samples
Naeem et al. 2020, "Reliable Fidelity and Diversity Metrics for Generative Models", eq. 4 and 7, against the outliers
that blow up a ball (strictly inside, as in the authors' code, so that a set has density 1 to itself):
    (3)  density  = mean over samples of (number of balls of reals around it) / k
    (4)  coverage = share of reals whose ball holds a sample
"""

from typing import NamedTuple

import numpy as np

from jaxgen.core import UserError
from jaxgen.evals.base import Function, Metric, gather, identity, rows


class Manifolds(NamedTuple):
    """Shares in [0, 1], except density, which may pass 1."""

    precision: float
    recall: float
    density: float
    coverage: float


def squared_distances(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """|x_i - y_j|^2 for float64 [m, D] and [n, D] -> [m, n]. Exact for whole numbers such as pixels."""
    return np.clip((x * x).sum(1)[:, None] + (y * y).sum(1)[None] - 2.0 * (x @ y.T), 0.0, None)


def radii(x: np.ndarray, k: int, chunk: int = 1024) -> np.ndarray:
    """Squared distance of each row to its k-th nearest other row.

    Raises:
      UserError: there are not more than k rows.
    """
    if len(x) <= k:
        raise UserError(f"{k} nearest neighbours need more than {k} examples; there are {len(x)}.")
    # The row itself, at distance 0, is one of the k + 1 smallest.
    pieces = [np.partition(squared_distances(x[i : i + chunk], x), k, axis=1)[:, k] for i in range(0, len(x), chunk)]
    return np.concatenate(pieces)


class Members(NamedTuple):
    """What eq. (1)-(4) average, example by example."""

    inside: np.ndarray
    """bool [n]: the sample lies in the manifold of the reals."""
    balls: np.ndarray
    """int64 [n]: balls of reals around the sample."""
    recalled: np.ndarray
    """bool [m]: the real lies in the manifold of the samples."""
    covered: np.ndarray
    """bool [m]: the real's ball holds a sample."""
    k: int

    def shares(self) -> Manifolds:
        """Their means."""
        return Manifolds(
            float(self.inside.mean()),
            float(self.recalled.mean()),
            float(self.balls.mean() / self.k),
            float(self.covered.mean()),
        )


def members(reals: np.ndarray, samples: np.ndarray, k: int = 3, *, real_radii=None, chunk: int = 1024) -> Members:
    """Who lies where, for features [m, D] and [n, D]."""
    real_radii = radii(reals, k) if real_radii is None else real_radii
    sample_radii = radii(samples, k)
    inside, balls = np.zeros(len(samples), bool), np.zeros(len(samples), np.int64)
    recalled, covered = np.zeros(len(reals), bool), np.zeros(len(reals), bool)
    for i in range(0, len(samples), chunk):
        distances = squared_distances(samples[i : i + chunk], reals)
        within = distances < real_radii
        inside[i : i + chunk] = (distances <= real_radii).any(1)
        balls[i : i + chunk] = within.sum(1)
        covered |= within.any(0)
        recalled |= (distances <= sample_radii[i : i + chunk, None]).any(0)
    return Members(inside, balls, recalled, covered, k)


def compare(reals: np.ndarray, samples: np.ndarray, k: int = 3, *, real_radii=None) -> Manifolds:
    """Eq. (1)-(4) for features [m, D] and [n, D]."""
    return members(reals, samples, k, real_radii=real_radii).shares()


def manifolds(reference, features: Function = identity, *, k: int = 3) -> Metric:
    """Precision, recall, density and coverage of a streamed set against `reference`, the real features [N, D].

    The figures depend on both counts; compare sets of equal size. Finishes in `Manifolds`.
    """
    real = rows(reference)
    real_radii = radii(real, k)
    return gather(features, lambda x: compare(real, x, k, real_radii=real_radii))
