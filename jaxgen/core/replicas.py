"""What differs between one program over a global batch (axis=None, jit) and one per replica (axis="data", pmap).

Keys are drawn per example from the example's *global* index, so noise does not depend on how the batch is divided
among devices or micro-batches: jit on one device, jit on many and pmap see the same numbers.
"""

import jax
import jax.numpy as jnp


def mean(tree, axis: str | None):
    """Mean over replicas of every leaf; the identity under jit, where sums over the batch are global already."""
    return tree if axis is None else jax.lax.pmean(tree, axis)


def gather(tree, axis: str | None):
    """Leaves [B_local, ...] -> [B_global, ...] on every replica."""
    if axis is None:
        return tree
    return jax.tree.map(lambda x: jax.lax.all_gather(x, axis, tiled=True), tree)


def key(rng: jax.Array, axis: str | None) -> jax.Array:
    """A key for noise that belongs to the replica as a whole (dropout masks); differs between replicas."""
    return rng if axis is None else jax.random.fold_in(rng, jax.lax.axis_index(axis))


def keys(rng: jax.Array, size: int, axis: str | None) -> jax.Array:
    """Keys [size], one per local example, folded from its index in the global batch."""
    start = 0 if axis is None else jax.lax.axis_index(axis) * size
    return jax.vmap(lambda i: jax.random.fold_in(rng, i))(start + jnp.arange(size))


def each(draw, keys: jax.Array, *args, **kwargs) -> jax.Array:
    """`draw(key, *args, **kwargs)` for every key: `each(jax.random.normal, keys, (8, 8, 1))` is [B, 8, 8, 1]."""
    return jax.vmap(lambda k: draw(k, *args, **kwargs))(keys)


def split_each(keys: jax.Array, count: int) -> jax.Array:
    """Keys [B] -> [count, B]: independent keys for `count` uses, example by example."""
    return jax.vmap(lambda k: jax.random.split(k, count), out_axes=1)(keys)
