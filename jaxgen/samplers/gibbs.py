"""Block Gibbs sampling on a checkerboard (Geman & Geman 1984).

Where every neighbour of a pixel has the other colour, the pixels of one colour are independent given the rest, so that
    (1)  x_even ~ p(x_even | x_odd),   x_odd ~ p(x_odd | x_even)
is one sweep, whatever the size of the grid. All sweeps are one scan.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from jaxgen.core import each, split_each
from jaxgen.ops.grids import checkerboard

Resample = Callable[[jax.Array, jax.Array], jax.Array]
"""(x [B, H, W], keys [B]) -> a draw of every pixel given all others; only those of one colour are used at a time."""


def gibbs(
    resample: Resample,
    x: jax.Array,
    keys: jax.Array,
    sweeps: int,
    *,
    collect: Callable[[jax.Array], Any] | None = None,
    burn: int = 0,
) -> tuple[jax.Array, Any]:
    """`sweeps` of eq. (1).

    Args:
      x: [B, H, W], where the chains stand.
      keys: [B]; a chain depends on its own key alone.
      collect: x -> float arrays, averaged over the sweeps after the first `burn`.

    Returns:
      (x, averages); None without `collect`.
    """
    odd = checkerboard(*x.shape[1:3])

    def sweep(carry, t):
        x, sums = carry
        even_keys, odd_keys = split_each(each(jax.random.fold_in, keys, t), 2)
        x = jnp.where(odd, x, resample(x, even_keys))
        x = jnp.where(odd, resample(x, odd_keys), x)
        if collect is not None:
            counts = (t >= burn).astype(jnp.float32)
            sums = jax.tree.map(lambda total, value: total + counts * value, sums, collect(x))
        return (x, sums), None

    zeros = None
    if collect is not None:
        zeros = jax.tree.map(lambda s: jnp.zeros(s.shape, s.dtype), jax.eval_shape(collect, x))
    (x, sums), _ = jax.lax.scan(sweep, (x, zeros), jnp.arange(sweeps))
    return x, None if collect is None else jax.tree.map(lambda s: s / max(sweeps - burn, 1), sums)
