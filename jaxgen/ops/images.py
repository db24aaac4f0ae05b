"""Pixels between the wire and the model: uint8 in [0, 255] on the wire, float32 in [-1, 1] on the device."""

import jax
import jax.numpy as jnp


def to_float(x: jax.Array) -> jax.Array:
    """uint8 [...] in [0, 255] -> float32 in [-1, 1]; 0 -> -1 and 255 -> 1."""
    return x.astype(jnp.float32) * (2.0 / 255.0) - 1.0


def to_uint8(x: jax.Array) -> jax.Array:
    """float [...] in [-1, 1], clipped -> uint8 in [0, 255], rounded to nearest. Inverts `to_float` exactly."""
    return jnp.round((jnp.clip(x.astype(jnp.float32), -1.0, 1.0) + 1.0) * 127.5).astype(jnp.uint8)
