"""How far a figure would move if other samples had been drawn: bootstrap confidence intervals.

Efron 1979, "Bootstrap Methods: Another Look at the Jackknife": the figure is computed again with examples drawn with
replacement, here as counts c ~ multinomial(n; 1/n), which are weights of the examples. With s the standard deviation of
those replicates and z the normal quantile of the level,
    (1)  [t - z s, t + z s]  around the figure t itself
Percentiles of the replicates are not used: a Frechet distance of a set with repeats is biased upwards, so they would
lie beside the figure instead of around it; their spread is what is right. The reference is held fixed.
"""

from collections.abc import Callable, Iterator
from statistics import NormalDist
from typing import NamedTuple

import numpy as np

from jaxgen.evals.base import Moments
from jaxgen.evals.frechet import root

Statistic = Callable[[np.ndarray], float]
"""Weights float64 [n] that sum to n -> the figure."""


class Interval(NamedTuple):
    """Eq. (1)."""

    low: float
    high: float
    level: float
    draws: int


def counts(n: int, draws: int, seed: int = 0) -> Iterator[np.ndarray]:
    """`draws` resamples of n examples, each as how often every example occurs, float64 [n]."""
    rng = np.random.default_rng(seed)
    for _ in range(draws):
        yield np.bincount(rng.integers(0, n, n), minlength=n).astype(np.float64)


def interval(
    statistic: Statistic,
    n: int,
    *,
    value: float | None = None,
    draws: int = 200,
    level: float = 0.95,
    seed: int = 0,
) -> Interval:
    """Eq. (1) for a figure of n examples, of at least two draws; `value` is the figure where it is known better."""
    value = statistic(np.ones(n)) if value is None else value
    deviation = float(np.std([statistic(c) for c in counts(n, draws, seed)], ddof=1))
    reach = NormalDist().inv_cdf((1.0 + level) / 2.0) * deviation
    return Interval(value - reach, value + reach, level, draws)


def mean(values) -> Statistic:
    """The weighted mean of [n]."""
    values = np.asarray(values, np.float64)
    return lambda weights: float(weights @ values / weights.sum())


def frechet(reference: Moments, features: np.ndarray) -> Statistic:
    """The Frechet distance of weighted features [n, D] to a reference.

    With S2 = A^T A, A the weighted deviations, the trace of eq. (2) of `evals.frechet` is the sum of the roots of the
    eigenvalues of R1 S2 R1 or, with fewer examples than features, of the smaller A S1 A^T: one decomposition without
    vectors, exact enough for a spread.
    """
    covariance, few = reference.covariance, len(features) < features.shape[1]
    side = covariance if few else root(covariance)

    def statistic(weights):
        total = weights.sum()
        centre = weights @ features / total
        a = (features - centre) * np.sqrt(weights / max(total - 1, 1))[:, None]
        squares = np.linalg.eigvalsh(a @ side @ a.T if few else side @ (a.T @ a) @ side)
        cross = np.sqrt(np.clip(squares, 0.0, None)).sum()
        means = np.sum((reference.mean - centre) ** 2)
        return float(means + np.trace(covariance) + (a * a).sum() - 2 * cross)

    return statistic


def inception_score(p: np.ndarray) -> Statistic:
    """The Inception Score, in one split, of weighted class probabilities [n, K]."""
    inner = (p * np.log(p, where=p > 0, out=np.zeros_like(p))).sum(1)

    def statistic(weights):
        q = weights @ p / weights.sum()
        return float(np.exp(weights @ inner / weights.sum() - (q * np.log(q, where=q > 0, out=np.zeros_like(q))).sum()))

    return statistic
