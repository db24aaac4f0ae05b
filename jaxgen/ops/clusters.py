"""Where a mixture starts: k-means++ seeds and a few rounds of Lloyd's algorithm.

k-means++ (Arthur & Vassilvitskii 2007) picks the first centre uniformly and each next one from
    (1)  P(x) = d(x)^2 / sum d^2,   d(x) the distance of x from its nearest centre so far
The greedy form, which scikit-learn uses too, draws several candidates from (1) and keeps the one that leaves the
smallest sum of d^2. Lloyd's algorithm repeats: every point to its nearest centre, every centre to its points' mean.
"""

import math

import jax
import jax.numpy as jnp


def squared_distances(x: jax.Array, centres: jax.Array) -> jax.Array:
    """float [N, D], [K, D] -> [N, K]."""
    return jax.vmap(lambda c: jnp.sum(jnp.square(x - c), axis=1), out_axes=1)(centres)


def plus_plus(x: jax.Array, count: int, key: jax.Array) -> jax.Array:
    """Eq. (1), greedy with 2 + log(count) candidates: float [N, D] -> centres [count, D], each one of the points.

    With fewer different points than centres, some centres are equal.
    """
    trials = 2 + int(math.log(count))
    first_key, rest_key = jax.random.split(key)
    first = x[jax.random.randint(first_key, (), 0, x.shape[0])]

    def add(carry, key):
        nearest = carry
        # The added constant lets points be drawn when every one of them is a centre already.
        chosen = jax.random.categorical(key, jnp.log(nearest + 1e-30), shape=(trials,))
        left = jnp.minimum(nearest[:, None], squared_distances(x, x[chosen]))  # [N, trials]
        best = jnp.argmin(jnp.sum(left, axis=0))
        return left[:, best], x[chosen[best]]

    start = squared_distances(x, first[None])[:, 0]
    _, others = jax.lax.scan(add, start, jax.random.split(rest_key, count - 1) if count > 1 else rest_key[None][:0])
    return jnp.concatenate([first[None], others])


def lloyd(x: jax.Array, centres: jax.Array, rounds: int) -> jax.Array:
    """`rounds` of Lloyd's algorithm: float [N, D], [K, D] -> [K, D]. A centre that loses all points stays."""

    def improve(_, centres):
        mine = jax.nn.one_hot(nearest(x, centres), centres.shape[0], dtype=x.dtype)  # [N, K]
        count = jnp.sum(mine, axis=0)[:, None]
        return jnp.where(count > 0, (mine.T @ x) / jnp.maximum(count, 1.0), centres)

    return jax.lax.fori_loop(0, rounds, improve, centres)


def nearest(x: jax.Array, centres: jax.Array) -> jax.Array:
    """Index of the nearest centre, int32 [N]."""
    return jnp.argmin(squared_distances(x, centres), axis=1)
