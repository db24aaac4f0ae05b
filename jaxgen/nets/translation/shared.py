"""What translators and patch critics have in common."""

from collections.abc import Callable
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from jaxgen.core import choose, each
from jaxgen.layers.conditional import Norm
from jaxgen.layers.norms import InstanceNorm

INIT = nn.initializers.normal(0.02)
NORMS = {"instance": "instance", "batch": "batch", "none": "none"}


def normaliser(kind: str, axis_name: str | None, dtype: Any, train: bool) -> Callable[[jax.Array, str], jax.Array]:
    """(x, layer name) -> x normalised by `kind`: instance (no gain and bias, as in CycleGAN), batch or none."""
    choose(NORMS, kind, "norm of a translation network")

    def apply(x: jax.Array, name: str) -> jax.Array:
        if kind == "instance":
            return InstanceNorm(affine=False, name=name)(x).astype(dtype)
        return Norm(kind, axis_name=axis_name, dtype=dtype, name=name)(x, train=train)

    return apply


def drop(x: jax.Array, keys: jax.Array, rate: float) -> jax.Array:
    """Inverted dropout with a mask per example: x [B, ...], keys [B]; elements stay with probability 1 - rate."""
    kept = each(jax.random.bernoulli, keys, 1.0 - rate, x.shape[1:])
    return jnp.where(kept, x / (1.0 - rate), 0.0).astype(x.dtype)
