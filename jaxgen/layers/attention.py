"""Self-attention over the positions of a feature map."""

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from jaxgen.layers.norms import GroupNorm
from jaxgen.ops.attention import attention


class _Key(nn.Module):
    """`nn.Dense` whose bias is not learned: softmax does not see what is added to all keys alike, so that the bias's
    gradient is rounding and nothing else, which Adam would blow up to full steps. Loaded weights have one."""

    features: int
    dtype: Any

    @nn.compact
    def __call__(self, y: jax.Array) -> jax.Array:
        kernel = self.param("kernel", nn.initializers.lecun_normal(), (y.shape[-1], self.features), jnp.float32)
        bias = self.param("bias", nn.initializers.zeros, (self.features,), jnp.float32)
        return y.astype(self.dtype) @ kernel.astype(self.dtype) + jax.lax.stop_gradient(bias).astype(self.dtype)


class SpatialAttention(nn.Module):
    """x + attention(norm(x)) over all positions (Ho et al. 2020, appendix B). x [B, H, W, C] -> the same.

    Raises:
      ValueError: `heads` does not divide the channels.
    """

    heads: int = 1
    groups: int = 32
    eps: float = 1e-5
    zero_init: bool = True
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        b, h, w, c = x.shape
        if c % self.heads:
            raise ValueError(f"{c} channels do not divide into {self.heads} attention heads")
        y = GroupNorm(self.groups, self.eps, name="norm")(x).reshape(b, h * w, c)
        split = (b, h * w, self.heads, c // self.heads)
        q, v = (nn.Dense(c, dtype=self.dtype, name=name)(y).reshape(split) for name in ("query", "value"))
        k = _Key(c, self.dtype, name="key")(y).reshape(split)
        init = nn.initializers.zeros if self.zero_init else nn.initializers.lecun_normal()
        y = nn.Dense(c, kernel_init=init, dtype=self.dtype, name="out")(attention(q, k, v).reshape(b, h * w, c))
        return x + y.reshape(x.shape)
