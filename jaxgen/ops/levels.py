"""Images of few grey levels: K evenly spaced values in [-1, 1], and black and white made of grey.

Level v in 0 ... K - 1 is the value
    (1)  x = 2 v / (K - 1) - 1
"""

import jax
import jax.numpy as jnp
import numpy as np

from jaxgen.ops.images import to_uint8


def to_index(x: jax.Array, levels: int) -> jax.Array:
    """Values in [-1, 1] -> int32 index v of the nearest level, eq. (1)."""
    return jnp.round((jnp.clip(x, -1.0, 1.0) + 1.0) * (0.5 * (levels - 1))).astype(jnp.int32)


def from_index(v: jax.Array, levels: int) -> jax.Array:
    """Eq. (1): int [...] in 0 ... levels - 1 -> float32 in [-1, 1]."""
    return v.astype(jnp.float32) * (2.0 / (levels - 1)) - 1.0


def quantize(x: jax.Array, levels: int) -> jax.Array:
    """The nearest of `levels` evenly spaced values, float32, same shape."""
    return from_index(to_index(x, levels), levels)


def static_coins(x: jax.Array) -> jax.Array:
    """Static binarisation: white (1) with the grey value as probability, else black (-1); the same for every look.

    The draw is a pure function of the image's bytes, not of its place in the data set: the set is binarised once and
    for all, as Larochelle & Murray 2011 did by storing one draw, without a stored file.

    Args:
      x: float [B, H, W, C] in [-1, 1], 8-bit levels.
    """
    odd = np.random.default_rng(0).integers(0, 2**31, x.shape[1:], dtype=np.uint32) * 2 + 1
    marks = jnp.sum(to_uint8(x).astype(jnp.uint32) * odd, axis=(1, 2, 3), dtype=jnp.uint32)
    root = jax.random.key(0)
    chance = jax.vmap(lambda mark: jax.random.uniform(jax.random.fold_in(root, mark), x.shape[1:]))(marks)
    return jnp.where(chance * 2.0 - 1.0 < x, 1.0, -1.0)
