"""Bytes per chip, from shapes and places alone.

(1)  a leaf of the state takes its bytes, divided by the mesh axes that cut it
(2)  least traffic of a step, per chip, by rings of n chips sending P bytes each of which n chips need or sum:
         gather (n - 1) / n P,   reduce-scatter (n - 1) / n P,   all-reduce 2 (n - 1) / n P
     a weight that f chips cut and d chips copy is gathered once, its gradient scattered over f, the rest reduced over
     d; one that nobody cuts has its gradient reduced over all chips that share the batch. Both in the dtype of
     products, in which weights are read and gradients are born
"""

import math
from typing import Any

import jax

from jaxgen.core import State
from jaxgen.parallel.mesh import FSDP
from jaxgen.plan.subject import batch_parts

KINDS = {
    "weights": "params",
    "optimizer": "opt",
    "averages": "ema",
    "statistics": "stats",
    "frozen": "frozen",
    "memory": "memory",
}
"""What the report calls the parts of a state."""


def itemsize(x: Any) -> int:
    """Bytes of one number; a PRNG key takes 8."""
    return 8 if jax.dtypes.issubdtype(x.dtype, jax.dtypes.prng_key) else x.dtype.itemsize


def parts(leaf: Any) -> int:
    """Into how many parts its place cuts a leaf."""
    sizes, count = leaf.sharding.mesh.shape, 1
    for axes in leaf.sharding.spec:
        for axis in () if axes is None else (axes,) if isinstance(axes, str) else axes:
            count *= sizes[axis]
    return count


def per_chip(tree: Any) -> int:
    """Eq. (1), summed over leaves."""
    return sum(math.ceil(leaf.size / parts(leaf)) * itemsize(leaf) for leaf in jax.tree.leaves(tree))


def by_kind(state: State, batch: Any) -> dict[str, int]:
    """Kind -> bytes per chip, for what a step is handed; kinds that take nothing are left out."""
    found = {kind: per_chip(getattr(state, part)) for kind, part in KINDS.items()}
    found["batch"] = per_chip(batch)
    return {kind: size for kind, size in found.items() if size}


def least_traffic(params: Any, compute: int) -> dict[str, float]:
    """Eq. (2) per collective, in bytes that a chip sends.

    Args:
      params: trained weights with their places.
      compute: bytes of a number in products.
    """
    found = {"all-gather": 0.0, "reduce-scatter": 0.0, "all-reduce": 0.0}
    for leaf in jax.tree.leaves(params):
        chips = batch_parts(leaf.sharding.mesh.shape)
        cut = math.gcd(parts(leaf), leaf.sharding.mesh.shape[FSDP])
        scalars = leaf.size * cut / parts(leaf)
        copies, size = chips // cut, scalars * min(compute, itemsize(leaf))
        found["all-gather"] += (cut - 1) / cut * size
        found["reduce-scatter"] += (cut - 1) / cut * size
        found["all-reduce"] += 2 * (copies - 1) / copies * size / cut
    return found
