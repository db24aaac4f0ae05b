"""Neighbours on a pixel grid."""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np


def shift(x: jax.Array, offset: tuple[int, int], axis: int = 0) -> jax.Array:
    """y[i, j] = x[i + rows, j + columns], zero beyond the border.

    Args:
      x: [..., H, W, ...], H being axis `axis`.
      offset: (rows, columns), of any sign.
    """
    for steps, where in zip(offset, (axis, axis + 1), strict=True):
        size = x.shape[where]
        reach = min(abs(steps), size)
        kept = jax.lax.slice_in_dim(x, reach if steps > 0 else 0, size if steps > 0 else size - reach, axis=where)
        padding = [(0, 0)] * x.ndim
        padding[where] = (0, reach) if steps > 0 else (reach, 0)
        x = jnp.pad(kept, padding)
    return x


def checkerboard(height: int, width: int) -> np.ndarray:
    """The colour of every pixel: bool [H, W], False where row + column is even."""
    return (np.arange(height)[:, None] + np.arange(width)) % 2 == 1


def bipartite(offsets: Sequence[Sequence[int]]) -> bool:
    """Does every offset lead from one colour of the checkerboard to the other?"""
    return all((rows + columns) % 2 for rows, columns in offsets)
