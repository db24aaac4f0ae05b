"""Embeddings of times, labels and places.

(1)  sinusoids of a number t (Vaswani et al. 2017, section 3.5): sin(t f_i), cos(t f_i),
     f_i = period^(-i / (n / 2 - shift)),   i = 0 .. n / 2 - 1
(2)  of a place (row, column): (1) of the column in the first half of the features, of the row in the second (He et al.
     2022, "Masked Autoencoders Are Scalable Vision Learners")
"""

import math
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp


def sinusoids(
    t: jax.Array, features: int, *, period: float = 10_000.0, cosine_first: bool = False, shift: float = 0.0
) -> jax.Array:
    """Eq. (1): t [B] -> float32 [B, features]; `features` is even."""
    half = features // 2
    frequencies = jnp.exp(-math.log(period) * jnp.arange(half) / max(half - shift, 1.0))
    angles = t.astype(jnp.float32)[:, None] * frequencies
    parts = [jnp.sin(angles), jnp.cos(angles)]
    return jnp.concatenate(parts[::-1] if cosine_first else parts, axis=-1)


def place_sinusoids(height: int, width: int, features: int) -> jax.Array:
    """Eq. (2) of every place, row by row: float32 [height * width, features]; 4 divides `features`."""
    rows, columns = jnp.meshgrid(jnp.arange(height), jnp.arange(width), indexing="ij")
    return jnp.concatenate([sinusoids(x.ravel(), features // 2) for x in (columns, rows)], axis=-1)


class TimeEmbedding(nn.Module):
    """Sinusoids and a two-layer perceptron: t [B] -> [B, features]."""

    features: int
    base: int
    """Number of sinusoids."""
    cosine_first: bool = False
    shift: float = 0.0
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, t: jax.Array) -> jax.Array:
        waves = sinusoids(t, self.base, cosine_first=self.cosine_first, shift=self.shift)
        h = nn.Dense(self.features, dtype=self.dtype, name="hidden")(waves)
        return nn.Dense(self.features, dtype=self.dtype, name="out")(nn.silu(h))


class LabelEmbedding(nn.Module):
    """label int32 [B] in [0, classes] -> [B, features]; the label `classes` stands for "no label"."""

    classes: int
    features: int
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, label: jax.Array) -> jax.Array:
        init = nn.initializers.normal(0.02)
        return nn.Embed(self.classes + 1, self.features, embedding_init=init, dtype=self.dtype, name="table")(label)
