"""Convolutions over `jaxgen.ops.strided`, whose gradients are fast on CPU as well."""

from collections.abc import Callable
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from jaxgen.ops import strided


class Conv(nn.Module):
    """[B, H, W, I] -> [B, H / stride, W / stride, features], square kernel, "SAME" padding.

    Parameters are named and shaped as those of `flax.linen.Conv`. `stride` must divide H and W.
    """

    features: int
    kernel: int = 3
    stride: int = 1
    use_bias: bool = True
    kernel_init: Callable = nn.initializers.lecun_normal()
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        shape = (self.kernel, self.kernel, x.shape[-1], self.features)
        weight = self.param("kernel", self.kernel_init, shape, jnp.float32)
        x = strided.down(x.astype(self.dtype), weight.astype(self.dtype), self.stride)
        if not self.use_bias:
            return x
        return x + self.param("bias", nn.initializers.zeros, (self.features,), jnp.float32).astype(self.dtype)
