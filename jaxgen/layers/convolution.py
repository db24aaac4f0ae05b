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
        return convolve(self, x, self.param("kernel", self.kernel_init, shape, jnp.float32))


class ConvTranspose(nn.Module):
    """[B, H, W, I] -> [B, H * stride, W * stride, O]; the kernel is [k, k, O, I], as of the `Conv` it transposes."""

    features: int
    kernel: int = 4
    stride: int = 2
    use_bias: bool = True
    kernel_init: Callable = nn.initializers.lecun_normal(in_axis=-1, out_axis=-2)
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        shape = (self.kernel, self.kernel, self.features, x.shape[-1])
        kernel = self.param("kernel", self.kernel_init, shape, jnp.float32)
        return biased(self, strided.up(x.astype(self.dtype), kernel.astype(self.dtype), self.stride))


def convolve(module: Any, x: jax.Array, kernel: jax.Array) -> jax.Array:
    """x under a float32 kernel [k, k, I, O], with the stride, bias and dtype of `module`."""
    return biased(module, strided.down(x.astype(module.dtype), kernel.astype(module.dtype), module.stride))


def biased(module: Any, y: jax.Array) -> jax.Array:
    """y [..., O] plus the parameter "bias" of `module`, if it has one."""
    if not module.use_bias:
        return y
    return y + module.param("bias", nn.initializers.zeros, (y.shape[-1],), jnp.float32).astype(y.dtype)
