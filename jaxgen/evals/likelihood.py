"""Averages of log-likelihoods, and their unit.

    (1)  bits per dimension = -log p(x) / (D ln 2)            discrete levels
    (2)  bits per dimension = -log p(x) / (D ln 2) - log2 w   a density over data whose neighbouring levels lie w apart
Eq. (2) turns a density of dequantised data into the bound on eq. (1) of Theis et al. 2016, "A Note on the Evaluation
of Generative Models", sec. 3.1; for 8-bit images in [-1, 1], w = 2 / 255 if levels were mapped to both ends.
"""

import math
from typing import NamedTuple

import numpy as np

from jaxgen.core import UserError
from jaxgen.evals.base import Metric, Moments, moments


class Likelihood(NamedTuple):
    """The mean log-likelihood of a set."""

    examples: int
    nats: float
    """Mean log p(x), in nats per example."""
    standard_error: float
    """Of `nats`: the deviation over examples divided by the root of their count; infinite for one example."""
    bits_per_dim: float
    dequantisation: str = ""
    """How discrete levels were treated: "discrete", "uniform", "variational", ...; part of what the figure means."""


def bits_per_dim(nats, dims: int, width: float = 1.0):
    """Eq. (1), or eq. (2) with `width`: log-likelihood in nats per example -> bits per dimension (lower is better)."""
    return -nats / (dims * math.log(2.0)) - math.log2(width)


def likelihood(dims: int, *, width: float = 1.0, dequantisation: str = "discrete") -> Metric:
    """Mean of log-likelihoods [B] in nats, streamed; `update(state, values, mask=None)` leaves out masked-off padding.

    Args:
      dims: numbers per example, H * W * C.
      width: distance of neighbouring levels for densities, see eq. (2).
      dequantisation: stated in the result; figures under different ones do not compare.

    Finishes in `Likelihood`.
    """
    fit = moments(full=False)

    def update(state: Moments | None, values, mask=None):
        values = np.asarray(values, np.float64)
        if values.ndim != 1:
            raise UserError(f"Log-likelihoods should be one number per example, not an array of shape {values.shape}.")
        return fit.update(state, values if mask is None else values[np.asarray(mask, bool)])

    def finish(state):
        state = fit.finish(state)
        mean = float(state.mean[0])
        error = math.inf if state.examples < 2 else math.sqrt(float(state.covariance[0]) / state.examples)
        return Likelihood(state.examples, mean, error, bits_per_dim(mean, dims, width), dequantisation)

    return Metric(fit.init, update, finish)
