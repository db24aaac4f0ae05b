"""Kernel distance between two sets of features (KID when the features are Inception's), without bias.

Binkowski et al. 2018, "Demystifying MMD GANs", with the cubic kernel of D features
    (1)  k(x, y) = (x . y / D + 1)^3
and the unbiased estimator of the squared maximum mean discrepancy (Gretton et al. 2012, eq. 3)
    (2)  sum_{i != j} k(x_i, x_j) / (m (m - 1)) + sum_{i != j} k(y_i, y_j) / (n (n - 1)) - 2 sum_ij k(x_i, y_j) / (m n)
Its mean over sets is right at any size; a single value may be slightly negative.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np

from jaxgen.core import UserError
from jaxgen.evals.base import Function, Metric, gather, identity, rows


class Kernel(NamedTuple):
    """A kernel distance."""

    distance: float
    """Squared discrepancy of eq. (2); the mean over subsets if there are several."""
    deviation: float
    """Standard deviation over subsets; 0 when there is one."""
    subsets: int = 1
    size: int = 0
    """Examples per subset; 0 where all are used at once."""


Draw = Callable[[int, int, int, int, int], Iterator[tuple[np.ndarray, np.ndarray]]]
"""(number of reals, of samples, subsets, size, seed) -> (indices of reals, of samples) per subset."""


def random_subsets(reals: int, samples: int, subsets: int, size: int, seed: int):
    """Subsets without replacement, by NumPy's default generator."""
    rng = np.random.default_rng(seed)
    for _ in range(subsets):
        yield rng.choice(reals, size, False), rng.choice(samples, size, False)


def legacy_subsets(reals: int, samples: int, subsets: int, size: int, seed: int):
    """Those that torch-fidelity draws: NumPy's legacy generator, samples before reals."""
    rng = np.random.RandomState(seed)
    for _ in range(subsets):
        chosen = rng.choice(samples, size, replace=False)
        yield rng.choice(reals, size, replace=False), chosen


def discrepancy(x: np.ndarray, y: np.ndarray) -> float:
    """Eq. (2) for features [m, D] and [n, D], m, n >= 2."""
    m, n = len(x), len(y)
    if min(m, n) < 2:
        raise UserError(f"The kernel distance needs at least 2 examples on each side; there are {m} and {n}.")
    within_x = _total(x, x) - _cubic((x * x).sum(1), x.shape[1]).sum()
    within_y = _total(y, y) - _cubic((y * y).sum(1), y.shape[1]).sum()
    return float(within_x / (m * (m - 1)) + within_y / (n * (n - 1)) - 2 * _total(x, y) / (m * n))


def _cubic(products: np.ndarray, size: int) -> np.ndarray:
    return (products / size + 1.0) ** 3


def _total(x: np.ndarray, y: np.ndarray, chunk: int = 2048) -> float:
    """Sum of all kernel values, in pieces so that memory stays bounded."""
    return sum(float(_cubic(x[i : i + chunk] @ y.T, x.shape[1]).sum()) for i in range(0, len(x), chunk))


def contributions(reals: np.ndarray, samples: np.ndarray, chunk: int = 2048) -> np.ndarray:
    """float64 [n] whose mean is eq. (2) and whose spread is, to first order, that of eq. (2) over draws of samples.

    What changes with sample y_i is 2 (mean over j != i of k(y_i, y_j)) - 2 (mean over j of k(x_j, y_i)); the rest is
    the same for all.
    """
    n, size = samples.shape
    within, across = np.empty(n), np.empty(n)
    for i in range(0, n, chunk):
        part = samples[i : i + chunk]
        own = _cubic((part * part).sum(1), size)
        within[i : i + chunk] = (_cubic(part @ samples.T, size).sum(1) - own) / (n - 1)
        across[i : i + chunk] = _cubic(part @ reals.T, size).mean(1)
    changing = 2.0 * (within - across)
    return changing - changing.mean() + discrepancy(reals, samples)


def kid(
    reference,
    features: Function = identity,
    *,
    subsets: int = 1,
    subset_size: int = 1000,
    seed: int = 0,
    draw: Draw = random_subsets,
) -> Metric:
    """Kernel distance of a streamed set to `reference`, the real features [N, D]; finishes in a `Kernel`.

    Args:
      subsets: 1 uses all examples once; more draw that many random subsets of `subset_size` from both sides (of the
        smaller side's size, where it has fewer), as the paper does, and report mean and standard deviation.
      draw: which subsets; `legacy_subsets` are those of another project.
    """
    real = rows(reference)

    def finish(x):
        if subsets <= 1:
            return Kernel(discrepancy(real, x), 0.0)
        size = min(subset_size, len(real), len(x))
        values = [discrepancy(real[i], x[j]) for i, j in draw(len(real), len(x), subsets, size, seed)]
        return Kernel(float(np.mean(values)), float(np.std(values)), subsets, size)

    return gather(features, finish)
