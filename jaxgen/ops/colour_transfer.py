"""Giving one picture the colours of another (Gatys et al. 2016, "Preserving Color in Neural Artistic Style Transfer").

With mean m and covariance C = L L^T of the pixels of each picture (L by Cholesky, C with a small multiple of 1 added):
    (1)  x' = L_target L_source^-1 (x - m_source) + m_target
has the target's mean and covariance. Luminance and chroma are those of YIQ:
    (2)  Y = 0.299 R + 0.587 G + 0.114 B,  I = 0.596 R - 0.274 G - 0.322 B,  Q = 0.211 R - 0.523 G + 0.312 B
and in luminance alone (1) is the scaling by sigma_target / sigma_source. All is linear but for means, so [-1, 1] serves
as well as [0, 1].
"""

import jax
import jax.numpy as jnp
import numpy as np

YIQ = np.array([[0.299, 0.596, 0.211], [0.587, -0.274, -0.523], [0.114, -0.322, 0.312]])
"""[3, 3]: (R, G, B) @ YIQ = (Y, I, Q)."""
FLOOR = 1e-4
"""Added to variances (of pixels in [-1, 1]): grey pictures have none in two directions of the colour space."""


def _moments(x):
    """Images [B, H, W, C] -> mean [B, 1, 1, C], Cholesky factor of the covariance [B, C, C]."""
    batch, height, width, channels = x.shape
    mean = jnp.mean(x, axis=(1, 2), keepdims=True)
    flat = (x - mean).reshape(batch, height * width, channels)
    covariance = jnp.einsum("bmi,bmj->bij", flat, flat, precision="highest") / (height * width)
    return mean, jnp.linalg.cholesky(covariance + FLOOR * jnp.eye(channels))


def match_colours(x: jax.Array, target: jax.Array) -> jax.Array:
    """Eq. (1): x [B, H, W, C] with the mean and covariance of target [B, H', W', C], float32, not clipped.

    With C = 1 it matches mean and deviation of luminance.
    """
    mean, factor = _moments(x.astype(jnp.float32))
    new_mean, new_factor = _moments(target.astype(jnp.float32))
    matrix = jax.vmap(lambda new, old: jax.scipy.linalg.solve_triangular(old.T, new.T, lower=False).T)(
        new_factor, factor
    )
    return jnp.einsum("bhwj,bij->bhwi", x - mean, matrix, precision="highest") + new_mean


def to_yiq(x: jax.Array) -> jax.Array:
    """Eq. (2): RGB [..., 3] -> (Y, I, Q) float32 [..., 3]; Y keeps the range of x."""
    return jnp.matmul(x.astype(jnp.float32), jnp.asarray(YIQ, jnp.float32), precision="highest")


def from_yiq(x: jax.Array) -> jax.Array:
    """The inverse of `to_yiq`."""
    return jnp.matmul(x.astype(jnp.float32), jnp.asarray(np.linalg.inv(YIQ), jnp.float32), precision="highest")


def with_luminance(luminance: jax.Array, colours: jax.Array) -> jax.Array:
    """The chroma of RGB `colours` [B, H, W, 3] under another luminance [B, H, W, 1] -> RGB float32 [B, H, W, 3]."""
    return from_yiq(jnp.concatenate([luminance, to_yiq(colours)[..., 1:]], axis=-1))
