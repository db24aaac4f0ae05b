"""A residual perceptron as denoiser, for points in the plane and tiny images."""

import math
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from jaxgen.layers.embeddings import LabelEmbedding, TimeEmbedding


class MLP(nn.Module):
    """A `Denoiser`: x [B, ...], time {"t": [B]}, cond {"label"?: int32 [B]} -> float32, the shape of x."""

    image_shape: tuple[int, ...] = ()
    """Unused beyond the record: the shape is read from x."""
    classes: int = 0
    """Number of labels; the label `classes` means none. 0: unconditional."""
    width: int = 128
    layers: int = 3
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array, time: dict[str, jax.Array], cond: dict[str, Any], *, train: bool) -> jax.Array:
        t = time["t"]
        emb = TimeEmbedding(self.width, self.width, dtype=self.dtype, name="time")(t)
        if self.classes:
            label = cond.get("label")
            label = jnp.full(t.shape, self.classes, jnp.int32) if label is None else label
            emb = emb + LabelEmbedding(self.classes, self.width, self.dtype, name="label")(label)
        flat = x.reshape(x.shape[0], -1).astype(self.dtype)
        h = nn.Dense(self.width, dtype=self.dtype, name="in")(flat)
        for i in range(self.layers):
            y = nn.LayerNorm(dtype=self.dtype, name=f"norm_{i}")(h)
            y = nn.Dense(self.width, dtype=self.dtype, name=f"hidden_{i}")(y)
            y = y + nn.Dense(self.width, dtype=self.dtype, name=f"emb_{i}")(nn.silu(emb))
            h = h + nn.Dense(self.width, dtype=self.dtype, name=f"out_{i}")(nn.silu(y))
        h = nn.LayerNorm(dtype=self.dtype, name="norm_out")(h)
        size = math.prod(x.shape[1:])
        out = nn.Dense(size, kernel_init=nn.initializers.zeros, dtype=self.dtype, name="out")(h)
        return out.reshape(x.shape).astype(jnp.float32)
