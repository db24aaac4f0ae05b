"""What the flows share: shapes of levels, latents as one vector, and the check of sizes."""

import math

import jax
import jax.numpy as jnp

from jaxgen.core import UserError

Shape = tuple[int, int, int]


def check_halvings(image_shape: Shape, halvings: int, what: str) -> None:
    """Images must halve `halvings` times.

    Raises:
      UserError: they do not; sizes that would are named.
    """
    height, width, _ = image_shape
    unit = 2**halvings
    if height % unit == 0 and width % unit == 0:
        return
    fits = max(n for n in range(halvings) if height % 2**n == 0 and width % 2**n == 0)
    pad = next((p for p in range(1, unit) if (height + 2 * p) % unit == 0 and (width + 2 * p) % unit == 0), 0)
    padding = f", set data.pad={pad} (to {height + 2 * pad}x{width + 2 * pad})" if pad else ""
    raise UserError(
        f"{what} halves images {halvings} times, so height and width must be multiples of {unit}, and these are "
        f"{height}x{width} (which halve {fits} times): change data.size{padding}, or take fewer levels."
    )


def pack(parts: list[jax.Array]) -> jax.Array:
    """Latents of all levels, each [B, h, w, c] -> float32 [B, D]."""
    return jnp.concatenate([part.reshape(part.shape[0], -1) for part in parts], axis=1).astype(jnp.float32)


def unpack(z: jax.Array, shapes: list[Shape]) -> list[jax.Array]:
    """The inverse of `pack`, for parts of the given shapes."""
    parts, start = [], 0
    for shape in shapes:
        end = start + math.prod(shape)
        parts.append(z[:, start:end].reshape(-1, *shape).astype(jnp.float32))
        start = end
    return parts
