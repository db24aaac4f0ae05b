"""Frechet distance between Gaussians fitted to two sets of features (FID when the features are Inception's).

Heusel et al. 2017, "GANs Trained by a Two Time-Scale Update Rule Converge to a Local Nash Equilibrium", eq. 6, after
Dowson and Landau 1982:
    (1)  d^2 = |m1 - m2|^2 + tr(S1 + S2 - 2 (S1 S2)^(1/2))
The product S1 S2 is not symmetric, and its matrix square root may come out complex. With symmetric roots
R1 = S1^(1/2) and R2 = S2^(1/2) from eigendecompositions, S1 S2 is similar to (R1 R2)(R1 R2)^T, so that
    (2)  tr (S1 S2)^(1/2) = sum of the singular values of R1 R2
which is real and never negative, and exact for singular covariances too. The singular values are taken of R1 R2 itself:
eigenvalues of (R1 R2)(R1 R2)^T would have to be rooted, and the rounding errors of the many small ones with them.
"""

from typing import NamedTuple

import numpy as np

from jaxgen.core import UserError
from jaxgen.evals.base import Function, Metric, Moments, identity, moments


class Frechet(NamedTuple):
    """A Frechet distance and what to think of it."""

    distance: float
    """Squared distance of eq. (1), >= 0; what is published as FID."""
    means: float
    """The part of the means, |m1 - m2|^2."""
    covariances: float
    """The part of the covariances."""
    warning: str
    """Empty, or why the figure is biased upwards: a set with no more examples than features."""
    features: int = 0


def root(covariance: np.ndarray) -> np.ndarray:
    """The symmetric positive semi-definite square root of such a matrix [D, D]; rounding below zero counts as zero."""
    values, vectors = np.linalg.eigh((covariance + covariance.T) / 2)
    return (vectors * np.sqrt(np.clip(values, 0.0, None))) @ vectors.T


def between(a: Moments, b: Moments) -> Frechet:
    """The distance between two fitted Gaussians; moments of 0 examples hold a covariance of an unknown number of them.

    Raises:
      UserError: the features differ in number.
    """
    if a.mean.shape != b.mean.shape:
        raise UserError(
            f"The two sets have {a.mean.size} and {b.mean.size} features; use one feature function for both."
        )
    means = float(np.sum((a.mean - b.mean) ** 2))
    cross = np.linalg.svd(root(a.covariance) @ root(b.covariance), compute_uv=False).sum()
    covariances = max(float(np.trace(a.covariance) + np.trace(b.covariance) - 2 * cross), 0.0)
    smallest = min((count for count in (a.examples, b.examples) if count), default=0)
    warning = ""
    if 0 < smallest <= a.mean.size:
        warning = (
            f"{smallest} examples for {a.mean.size} features: the covariance is singular and the distance is biased "
            f"upwards; compare only figures with equal counts, or use more examples."
        )
    return Frechet(means + covariances, means, covariances, warning, a.mean.size)


def frechet(reference: Moments, features: Function = identity) -> Metric:
    """Distance of a streamed set to `reference`, the `moments` of the real features; finishes in a `Frechet`."""
    fit = moments(features)
    return fit._replace(finish=lambda state: between(reference, fit.finish(state)))
