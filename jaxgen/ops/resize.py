"""Resizing exactly as other programs do it: what a published figure says depends on it.

Every kernel is separable and linear, so an axis is one matrix W [out, in] whose rows sum to one:
    (1)  y = W_h x W_w^T
With r = in / out, output m reads the input
    (2)  "corner":    at r m, linearly between two pixels, as TensorFlow 1 does (its first pixel centre is the corner)
    (3)  "centre":    at r (m + 1/2) - 1/2, clipped to the image, linearly, without antialiasing, as PyTorch does
    (4)  "antialias": under Keys' cubic kernel (a = -1/2) of half-width 2 max(r, 1) around r (m + 1/2), cut at the
         border and normalised, as Pillow does for floats
Parmar et al. 2022, "On Aliased Resizing and Surprising Subtleties in GAN Evaluation", show what the choice costs.
"""

import functools

import jax
import jax.numpy as jnp
import numpy as np

from jaxgen.core import choose
from jaxgen.ops.bicubic import kernel as cubic


def _linear(at: np.ndarray, length: int) -> np.ndarray:
    """Rows that read positions `at` linearly."""
    at = np.clip(at, 0, length - 1)
    low = np.floor(at).astype(np.int64)
    matrix = np.zeros((len(at), length))
    index = np.arange(len(at))
    np.add.at(matrix, (index, low), 1.0 - (at - low))
    np.add.at(matrix, (index, np.minimum(low + 1, length - 1)), at - low)
    return matrix


def _antialias(length: int, out: int) -> np.ndarray:
    """Eq. (4)."""
    ratio = length / out
    wide = max(ratio, 1.0)
    centre = ratio * (np.arange(out) + 0.5)
    first = np.maximum(np.trunc(centre - 2 * wide + 0.5), 0)[:, None]
    last = np.minimum(np.trunc(centre + 2 * wide + 0.5), length)[:, None]
    pixel = np.arange(length)
    values = cubic((pixel - centre[:, None] + 0.5) / wide) * ((pixel >= first) & (pixel < last))
    return values / values.sum(1, keepdims=True)


KERNELS = {
    "corner": lambda length, out: _linear(np.arange(out) * (length / out), length),
    "centre": lambda length, out: _linear((np.arange(out) + 0.5) * (length / out) - 0.5, length),
    "antialias": _antialias,
}
"""Eqs. (2) to (4)."""


@functools.lru_cache(maxsize=32)
def matrix(name: str, length: int, out: int) -> np.ndarray:
    """float64 [out, length]."""
    made = choose(KERNELS, name, "resizing kernel")(length, out)
    made.flags.writeable = False
    return made


def resize(x: jax.Array, side: int, name: str) -> jax.Array:
    """Eq. (1) in float32: [B, H, W, C] -> [B, side, side, C]; unchanged where H = W = side."""
    if x.shape[1:3] == (side, side):
        return x.astype(jnp.float32)
    rows, columns = (jnp.asarray(matrix(name, length, side), jnp.float32) for length in x.shape[1:3])
    x = jnp.einsum("mh,bhwc->bmwc", rows, x.astype(jnp.float32), precision="highest")
    return jnp.einsum("nw,bmwc->bmnc", columns, x, precision="highest")
