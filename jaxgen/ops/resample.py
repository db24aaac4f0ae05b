"""Moving between space and channels, and the simplest resampling. Images are [B, H, W, C]."""

import jax
import jax.numpy as jnp


def space_to_depth(x: jax.Array, size: int, *, by_channel: bool = False) -> jax.Array:
    """[B, H, W, C] -> [B, H / size, W / size, size * size * C]; the identity for size 1.

    Place in the block goes before channel: the C channels of a pixel stay together, or, `by_channel`, the size x size
    pixels of a channel do (as in PyTorch's pixel_unshuffle).

    Raises:
      ValueError: `size` does not divide H and W.
    """
    b, h, w, c = x.shape
    if h % size or w % size:
        raise ValueError(f"{h}x{w} pixels do not divide into {size}x{size} patches")
    x = x.reshape(b, h // size, size, w // size, size, c)
    x = x.transpose(0, 1, 3, 5, 2, 4) if by_channel else x.transpose(0, 1, 3, 2, 4, 5)
    return x.reshape(b, h // size, w // size, size * size * c)


def depth_to_space(x: jax.Array, size: int, *, by_channel: bool = False) -> jax.Array:
    """The inverse of `space_to_depth`."""
    b, h, w, c = x.shape
    if by_channel:
        x = x.reshape(b, h, w, c // size**2, size, size).transpose(0, 1, 4, 2, 5, 3)
    else:
        x = x.reshape(b, h, w, size, size, c // size**2).transpose(0, 1, 3, 2, 4, 5)
    return x.reshape(b, h * size, w * size, c // size**2)


def nearest_up(x: jax.Array, size: int = 2) -> jax.Array:
    """Every pixel repeated size x size times."""
    return jnp.repeat(jnp.repeat(x, size, axis=1), size, axis=2)


def mean_down(x: jax.Array, size: int = 2) -> jax.Array:
    """Means of size x size blocks; `size` divides H and W."""
    b, h, w, c = x.shape
    return x.reshape(b, h // size, size, w // size, size, c).mean(axis=(2, 4))
