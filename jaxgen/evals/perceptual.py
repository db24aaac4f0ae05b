"""Learned perceptual distance (LPIPS): how differently a network of object recognition sees two images.

Zhang et al. 2018, "The Unreasonable Effectiveness of Deep Features as a Perceptual Metric", eq. 1. With maps y_l of
layer l, each position's channels divided by their length, and weights w_l >= 0 of a fitted head:
    (1)  u_l = y_l / (|y_l| + 1e-10)
    (2)  d(x, x') = sum over l of mean over positions of sum over channels of w_l (u_l - u'_l)^2
The published version 0.1 reads images of ImageNet's scale: with x in [-1, 1], (x - SHIFT) / SCALE.
"""

import math
from collections.abc import Callable, Mapping
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxgen.core import UserError
from jaxgen.evals.base import Metric, moments

SHIFT = (-0.030, -0.088, -0.188)
SCALE = (0.458, 0.448, 0.450)


class Perceptual(NamedTuple):
    """The mean distance over pairs."""

    examples: int
    distance: float
    standard_error: float


def distance(maps: Mapping[str, jax.Array], others: Mapping[str, jax.Array], heads: Mapping[str, jax.Array]):
    """Eqs. (1) and (2): maps float [B, h, w, C] by layer, heads {layer: float [C]} -> float32 [B]."""
    parts = [
        jnp.mean(jnp.sum(jnp.square(_unit(maps[layer]) - _unit(others[layer])) * head, axis=-1), axis=(1, 2))
        for layer, head in heads.items()
    ]
    return jnp.sum(jnp.stack(parts), axis=0)


def _unit(x: jax.Array) -> jax.Array:
    """Eq. (1)."""
    return x / (jnp.sqrt(jnp.sum(jnp.square(x), axis=-1, keepdims=True)) + 1e-10)


def lpips(apart: Callable) -> Metric:
    """Mean of `apart(images, truths)` -> [B] over streamed pairs of one shape. Finishes in `Perceptual`.

    Raises:
      UserError: images and truths of different shapes.
    """
    fit = moments(full=False)

    def update(state, x, truth):
        if np.shape(x) != np.shape(truth) or np.ndim(x) != 4:
            raise UserError(
                f"Images and their truths should be alike [B, H, W, C]; shapes are {np.shape(x)} and {np.shape(truth)}."
            )
        return fit.update(state, np.asarray(apart(x, truth), np.float64))

    def finish(state):
        state = fit.finish(state)
        error = math.sqrt(float(state.covariance[0]) / state.examples) if state.examples > 1 else math.inf
        return Perceptual(state.examples, float(state.mean[0]), error)

    return Metric(fit.init, update, finish)
