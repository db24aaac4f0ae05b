"""Fields and what turns a field into another: guidance, clipping, inpainting. All of them work with every sampler.

A field is a belief about the clean image behind a noisy one, as a function of image and time.

    (1)  classifier-free guidance (Ho & Salimans 2021, eq. 6, with w = 1 meaning no guidance):
             out = null + w (cond - null)
    (2)  after any change of x0 the noise follows from x:   eps = (x - alpha x0) / sigma
    (3)  dynamic threshold (Saharia et al. 2022, "Imagen", section 2.3):   s = max(1, quantile_p |x0|),  x0 / s clipped
    (4)  inpainting: x0 = known pixels where the mask is 1. A sampler then moves those pixels by q(x_s | x_t, x0 =
         known), the forward process conditioned on what is known, as the replacement of Lugmayr et al. 2022
         ("RePaint", eq. 8) does in law; the first noise must hold them too, eq. (1) of `jaxgen.processes.base`.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from jaxgen.processes import Hub, Process, expand

Field = Callable[[jax.Array, jax.Array], Hub]
"""(x [B, ...], t []) -> Hub of leaves [B, ...]."""
Conditional = Callable[[jax.Array, jax.Array, Any], Hub]
"""(x, t, cond) -> Hub: a field for every condition, a tree of leaves [B, ...]."""


def classifier_free(
    field: Conditional, cond: Any, null: Any, scale: float, interval: tuple[float, float] = (0.0, 1.0)
) -> Field:
    """Eq. (1), with both halves in one batch of 2 B.

    Args:
      cond, null: conditions with and without the information, leaves [B, ...].
      scale: w; 1 samples the conditional model and costs one evaluation.
      interval: times between which guidance acts (Kynkaanniemi et al. 2024); outside, w is 1.
    """
    if scale == 1.0:
        return lambda x, t: field(x, t, cond)
    both = jax.tree.map(lambda a, b: jnp.concatenate([a, b]), cond, null)

    def guided(x, t):
        w = jnp.where((t >= interval[0]) & (t <= interval[1]), scale, 1.0)
        out = field(jnp.concatenate([x, x]), t, both)
        halves = jax.tree.map(lambda leaf: jnp.split(leaf, 2), out)
        return Hub(*(without + w * (given - without) for given, without in halves))

    return guided


def rebuild(process: Process, x: jax.Array, x0: jax.Array, t: jax.Array) -> Hub:
    """Eq. (2)."""
    return Hub(x0, (x - expand(process.alpha(t), x) * x0) / expand(process.sigma(t), x))


def clip(process: Process, field: Field, low: float = -1.0, high: float = 1.0) -> Field:
    """The field with x0 clipped to [low, high]."""
    return lambda x, t: rebuild(process, x, jnp.clip(field(x, t).x0, low, high), t)


def dynamic_threshold(process: Process, field: Field, quantile: float = 0.995) -> Field:
    """Eq. (3), with one threshold per image."""

    def thresholded(x, t):
        x0 = field(x, t).x0
        size = jnp.quantile(jnp.abs(x0).reshape(x0.shape[0], -1), quantile, axis=1)
        size = expand(jnp.maximum(size, 1.0), x0)
        return rebuild(process, x, jnp.clip(x0, -size, size) / size, t)

    return thresholded


def inpaint(process: Process, field: Field, image: jax.Array, mask: jax.Array) -> Field:
    """Eq. (4).

    Args:
      image: [B, H, W, C], read where `mask` is 1.
      mask: [B, H, W, 1], 1 = keep.
    """
    return lambda x, t: rebuild(process, x, jnp.where(mask > 0.5, image, field(x, t).x0), t)
