"""What the generators and critics of this folder have in common."""

import jax
import jax.numpy as jnp

from jaxgen.core import UserError

CRITIC_NORMS = ("batch", "layer", "none", "spectral")


def start_grid(image_shape: tuple[int, int, int], doublings: int, name: str) -> tuple[int, int]:
    """(height, width) of the smallest feature map: the image's size halved `doublings` times.

    Raises:
      UserError: the size cannot be halved that often.
    """
    factor = 2**doublings
    height, width, _ = image_shape
    if height % factor or width % factor:
        raise UserError(
            f"{name} halves the image {doublings} times, but {height}x{width} is no multiple of {factor}; "
            f"use fewer widths, or set data.size or data.pad."
        )
    return height // factor, width // factor


def check_norm(norm: str) -> None:
    """Raises: UserError for a critic normalisation that does not exist."""
    if norm not in CRITIC_NORMS:
        raise UserError(f"Unknown critic norm {norm!r}. Known: {', '.join(CRITIC_NORMS)}.")


def leaky(x: jax.Array) -> jax.Array:
    """LeakyReLU with slope 0.2."""
    return jax.nn.leaky_relu(x, 0.2)


def to_image(x: jax.Array, image_shape: tuple[int, int, int]) -> jax.Array:
    """tanh in float32 -> images [B, H, W, C] in (-1, 1)."""
    return jnp.tanh(x.astype(jnp.float32)).reshape(x.shape[0], *image_shape)


def inner(label_rows: jax.Array, features: jax.Array) -> jax.Array:
    """The projection critic's label term (Miyato and Koyama 2018, eq. 4): rows [B, D], features [B, D] -> [B, 1]."""
    return jnp.sum(label_rows * features.astype(jnp.float32), axis=1, keepdims=True)
