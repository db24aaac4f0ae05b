"""Clips [B, T, H, W, C] as stacks of images."""

import jax
import jax.numpy as jnp


def frames(x: jax.Array) -> jax.Array:
    """[B, T, ...] -> [B T, ...]: clips one after the other."""
    return x.reshape(-1, *x.shape[2:])


def clips(x: jax.Array, length: int) -> jax.Array:
    """The inverse of `frames`: [B T, ...] -> [B, T, ...] with T = `length`."""
    return x.reshape(-1, length, *x.shape[1:])


def unfold_time(x: jax.Array, kernel: int) -> jax.Array:
    """[B, T, H, W, C] -> [B, T - kernel + 1, H, W, kernel C]: every frame with those after it, as channels.

    A 2-D convolution of the result with w reshaped to [k, k, kernel C, O] is the 3-D convolution of x with w
    [kernel, k, k, C, O] transposed to [k, k, kernel, C, O], "VALID" in time.
    """
    count = x.shape[1] - kernel + 1
    return jnp.concatenate([x[:, start : start + count] for start in range(kernel)], axis=-1)


def pick(x: jax.Array, index: jax.Array) -> jax.Array:
    """One frame of each clip: x [B, T, ...], index int [B] -> [B, ...]."""
    return jax.vmap(lambda clip, i: jax.lax.dynamic_index_in_dim(clip, i, keepdims=False))(x, index)
