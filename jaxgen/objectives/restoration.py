"""How far a restored image is from the truth, pixel by pixel. Means over pixels and channels, per example.

    (1)  L1           |x - y|
    (2)  L2           (x - y)^2
    (3)  Charbonnier  sqrt((x - y)^2 + e^2)      (Lai et al. 2017, "Deep Laplacian Pyramid Networks", eq. 2)
    (4)  PSNR         10 log10(4 / mean (x - y)^2), for images in [-1, 1]

L1 and (3) give sharper images than L2, which rewards the mean of all images that fit (Lim et al. 2017, section 3.1).
"""

import jax
import jax.numpy as jnp


def _mean(x: jax.Array) -> jax.Array:
    return jnp.mean(x, axis=tuple(range(1, x.ndim)))


def l1(x: jax.Array, truth: jax.Array) -> jax.Array:
    """Eq. (1): float [B, ...] twice -> [B]."""
    return _mean(jnp.abs(x - truth))


def l2(x: jax.Array, truth: jax.Array) -> jax.Array:
    """Eq. (2): float [B, ...] twice -> [B]."""
    return _mean((x - truth) ** 2)


def charbonnier(x: jax.Array, truth: jax.Array, epsilon: float = 1e-3) -> jax.Array:
    """Eq. (3): float [B, ...] twice -> [B]."""
    return _mean(jnp.sqrt((x - truth) ** 2 + epsilon**2))


def psnr(x: jax.Array, truth: jax.Array) -> jax.Array:
    """Eq. (4) of images in [-1, 1], float [B, ...] twice -> decibels [B], at most 120."""
    return -10.0 * jnp.log10(jnp.maximum(_mean((x - truth) ** 2) / 4.0, 1e-12))


LOSSES = {"l1": l1, "l2": l2, "charbonnier": charbonnier}
