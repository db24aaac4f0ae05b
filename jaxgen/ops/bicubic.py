"""Bicubic resizing with antialiasing, as MATLAB's `imresize` does it: how super-resolution papers make small images.

Keys 1981, "Cubic Convolution Interpolation for Digital Image Processing", with a = -1/2:
    (1)  k(x) = 1.5 |x|^3 - 2.5 |x|^2 + 1 for |x| <= 1,  -0.5 |x|^3 + 2.5 |x|^2 - 4 |x| + 2 for |x| <= 2,  else 0
With scale s (output over input), pixel m of the output lies at u(m) of the input, both counted from 0:
    (2)  u(m) = (m + 1/2) / s - 1/2
    (3)  W[m, n] = k(t (u(m) - n)) / sum_n k(t (u(m) - n)),  t = min(s, 1): the kernel widens as the image shrinks
Beyond the border the image is mirrored with its outermost pixel repeated:
    (4)  x[-1 - n] = x[n],  x[N + n] = x[N - 1 - n]
Both axes are independent:
    (5)  y = W_h x W_w^T

MATLAB rounds 8-bit images to 8 bits between the axes; here nothing is rounded.
"""

import functools
import math
from fractions import Fraction

import jax
import jax.numpy as jnp
import numpy as np


def kernel(x: np.ndarray) -> np.ndarray:
    """Eq. (1)."""
    x = np.abs(x)
    near = (1.5 * x - 2.5) * x * x + 1.0
    far = ((-0.5 * x + 2.5) * x - 4.0) * x + 2.0
    return np.where(x <= 1, near, np.where(x <= 2, far, 0.0))


@functools.lru_cache(maxsize=64)
def weights(length: int, out: int, scale: Fraction) -> np.ndarray:
    """Eqs. (2) to (4): the matrix [out, length], float64, that resizes one axis. Its rows sum to one."""
    t = min(float(scale), 1.0)
    reach = 2.0 / t
    centre = (np.arange(out) + 0.5) / float(scale) - 0.5
    index = np.floor(centre - reach).astype(np.int64)[:, None] + np.arange(math.ceil(2 * reach) + 2)
    values = kernel(t * (centre[:, None] - index))
    values /= values.sum(1, keepdims=True)
    folded = index % (2 * length)
    folded = np.where(folded < length, folded, 2 * length - 1 - folded)
    matrix = np.zeros((out, length))
    np.add.at(matrix, (np.arange(out)[:, None], folded), values)
    matrix.flags.writeable = False
    return matrix


def _apply(x: jax.Array, rows: np.ndarray, columns: np.ndarray) -> jax.Array:
    """Eq. (5) in float32, whatever the default precision of products."""
    x = x.astype(jnp.float32)
    x = jnp.einsum("mh,bhwc->bmwc", jnp.asarray(rows, jnp.float32), x, precision="highest")
    return jnp.einsum("nw,bmwc->bmnc", jnp.asarray(columns, jnp.float32), x, precision="highest")


def resize(x: jax.Array, size: tuple[int, int]) -> jax.Array:
    """To `size` = (height, width): float [B, H, W, C] -> float32 [B, height, width, C]. May overshoot the range of x.

    Raises:
      ValueError: a size below one pixel.
    """
    if min(size) < 1:
        raise ValueError(f"an image cannot be resized to {size[0]}x{size[1]} pixels")
    rows, columns = (weights(a, b, Fraction(b, a)) for a, b in zip(x.shape[1:3], size, strict=True))
    return _apply(x, rows, columns)


def rescale(x: jax.Array, scale: Fraction | float) -> jax.Array:
    """By a factor: float [B, H, W, C] -> float32 [B, ceil(scale H), ceil(scale W), C]. May overshoot the range of x.

    Args:
      scale: any positive number; rational ones exactly, as `Fraction(1, 3)`.

    Raises:
      ValueError: a scale that is not positive.
    """
    if scale <= 0:
        raise ValueError(f"an image cannot be scaled by {scale}")
    exact = Fraction(scale).limit_denominator(10**6)
    rows, columns = (weights(length, math.ceil(exact * length), exact) for length in x.shape[1:3])
    return _apply(x, rows, columns)
