"""Residual blocks and the changes of resolution between them."""

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from jaxgen.layers.convolution import Conv
from jaxgen.layers.norms import GroupNorm, modulate
from jaxgen.ops.resample import nearest_up


class ResidualBlock(nn.Module):
    """norm, silu, conv, + time, norm, silu, dropout, conv, + shortcut (Ho et al. 2020, appendix B).

    x [B, H, W, C], emb [B, E] -> [B, H, W, features]. The embedding is added, or with `scale_shift` modulates the
    second norm (Nichol & Dhariwal 2021, section 3). Without one (None) nothing is added.
    """

    features: int
    dropout: float = 0.0
    scale_shift: bool = False
    groups: int = 32
    eps: float = 1e-5
    zero_init: bool = True
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array, emb: jax.Array | None, *, train: bool) -> jax.Array:
        n = self.features
        h = nn.silu(GroupNorm(self.groups, self.eps, name="norm1")(x))
        h = Conv(n, dtype=self.dtype, name="conv1")(h)
        if emb is not None:
            emb = nn.Dense(2 * n if self.scale_shift else n, dtype=self.dtype, name="emb")(nn.silu(emb))
        norm2 = GroupNorm(self.groups, self.eps, name="norm2")
        if emb is None:
            h = norm2(h)
        elif self.scale_shift:
            scale, shift = jnp.split(emb, 2, axis=-1)
            h = modulate(norm2(h), shift, scale)
        else:
            h = norm2(h + emb[:, None, None, :])
        h = nn.Dropout(self.dropout, name="dropout")(nn.silu(h), deterministic=not train)
        init = nn.initializers.zeros if self.zero_init else nn.initializers.lecun_normal()
        h = Conv(n, kernel_init=init, dtype=self.dtype, name="conv2")(h)
        if x.shape[-1] != n:
            x = Conv(n, kernel=1, dtype=self.dtype, name="shortcut")(x)
        return x + h


class Downsample(nn.Module):
    """A 3x3 convolution of stride 2, padded below and on the right only. [B, H, W, C] -> [B, H / 2, W / 2, C]."""

    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        return Conv(x.shape[-1], stride=2, dtype=self.dtype, name="conv")(x)


class Upsample(nn.Module):
    """Nearest neighbours, then a 3x3 convolution. [B, H, W, C] -> [B, 2 H, 2 W, C]."""

    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        return Conv(x.shape[-1], dtype=self.dtype, name="conv")(nearest_up(x))
