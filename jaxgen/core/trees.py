"""Small helpers over trees of arrays."""

import jax
import jax.numpy as jnp


def leading(tree) -> int:
    """The common length of the first axis of all leaves.

    Raises:
      ValueError: the leaves disagree, or there are none.
    """
    sizes = {leaf.shape[0] for leaf in jax.tree.leaves(tree)}
    if len(sizes) != 1:
        raise ValueError(f"leaves should share their first axis; lengths are {sorted(sizes)}")
    return sizes.pop()


def strided_split(tree, parts: int):
    """Leaves [B, ...] -> [parts, B / parts, ...], part p holding examples p, p + parts, ...

    Strided, not contiguous: a batch sharded over devices stays sharded in every part.

    Raises:
      ValueError: B is not divisible by `parts`.
    """

    def one(x):
        if x.shape[0] % parts:
            raise ValueError(f"a batch of {x.shape[0]} does not divide into {parts} micro-batches")
        return jnp.swapaxes(x.reshape(x.shape[0] // parts, parts, *x.shape[1:]), 0, 1)

    return jax.tree.map(one, tree)


def strided_join(tree):
    """The inverse of `strided_split`."""
    return jax.tree.map(lambda x: jnp.swapaxes(x, 0, 1).reshape(-1, *x.shape[2:]), tree)


def size(tree) -> int:
    """Number of scalars in a tree (parameters of a network)."""
    return sum(leaf.size for leaf in jax.tree.leaves(tree))


def strong(tree):
    """The tree with weak types made strong, so that a step returns exactly the types it was given (no retrace)."""
    return jax.tree.map(lambda x: jax.lax.convert_element_type(x, jnp.result_type(x)), tree)
