"""Linear layers with optional spectral normalisation (Miyato et al. 2018, "Spectral Normalization for GANs").

For a kernel W flattened to [inputs, outputs], one power iteration from the kept vector u (ibid., algorithm 1):
    (1)  v = W u / |W u|,   u' = W^T v / |W^T v|
    (2)  sigma = v^T W u'
    (3)  W_SN = W / sigma
u and v count as constants in the gradient, sigma does not (ibid., eq. 9-11). u is kept in the collection "spectral"
and moves to u' when `train`.
"""

from collections.abc import Callable
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax import lax

from jaxgen.ops import strided

COLLECTION = "spectral"


def _unit(x: jax.Array) -> jax.Array:
    return x / (jnp.linalg.norm(x) + 1e-12)


def iterate(matrix: jax.Array, u: jax.Array) -> tuple[jax.Array, jax.Array]:
    """One power iteration, eq. (1): matrix [m, n], u [n] -> (sigma (), u' [n])."""
    fixed = lax.stop_gradient(matrix)
    v = _unit(fixed @ u)
    u = _unit(v @ fixed)
    return jnp.einsum("m,mn,n->", v, matrix, u), u


def normalise(module: nn.Module, kernel: jax.Array, train: bool) -> jax.Array:
    """Eq. (3) for a float32 kernel [..., outputs] of `module`, which keeps u for it."""
    matrix = kernel.reshape(-1, kernel.shape[-1])

    def start():
        u = _unit(jax.random.normal(module.make_rng("params"), matrix.shape[-1:]))
        # A good vector from the first step on: later single iterations only follow the moving kernel.
        return lax.fori_loop(0, 20, lambda _, u: iterate(matrix, u)[1], u)

    u = module.variable(COLLECTION, "u", start)
    sigma, new = iterate(matrix, lax.stop_gradient(u.value))
    if train:
        u.value = new
    return kernel / sigma


class Dense(nn.Module):
    """[..., I] -> [..., O]."""

    features: int
    spectral: bool = False
    use_bias: bool = True
    kernel_init: Callable = nn.initializers.lecun_normal()
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x, *, train: bool):
        kernel = self.param("kernel", self.kernel_init, (x.shape[-1], self.features), jnp.float32)
        kernel = normalise(self, kernel, train) if self.spectral else kernel
        x = x.astype(self.dtype) @ kernel.astype(self.dtype)
        if not self.use_bias:
            return x
        return x + self.param("bias", nn.initializers.zeros, (self.features,), jnp.float32).astype(self.dtype)


class Conv(nn.Module):
    """[B, H, W, I] -> [B, H / stride, W / stride, O] with a square kernel and "SAME" padding."""

    features: int
    kernel: int = 3
    stride: int = 1
    spectral: bool = False
    use_bias: bool = True
    kernel_init: Callable = nn.initializers.lecun_normal()
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x, *, train: bool):
        shape = (self.kernel, self.kernel, x.shape[-1], self.features)
        kernel = self.param("kernel", self.kernel_init, shape, jnp.float32)
        kernel = normalise(self, kernel, train) if self.spectral else kernel
        x = strided.down(x.astype(self.dtype), kernel.astype(self.dtype), self.stride)
        if not self.use_bias:
            return x
        return x + self.param("bias", nn.initializers.zeros, (self.features,), jnp.float32).astype(self.dtype)


class ConvTranspose(nn.Module):
    """[B, H, W, I] -> [B, H * stride, W * stride, O]; the kernel is [k, k, O, I], as of the `Conv` it transposes."""

    features: int
    kernel: int = 4
    stride: int = 2
    use_bias: bool = True
    kernel_init: Callable = nn.initializers.lecun_normal(in_axis=-1, out_axis=-2)
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x):
        shape = (self.kernel, self.kernel, self.features, x.shape[-1])
        kernel = self.param("kernel", self.kernel_init, shape, jnp.float32)
        x = strided.up(x.astype(self.dtype), kernel.astype(self.dtype), self.stride)
        if not self.use_bias:
            return x
        return x + self.param("bias", nn.initializers.zeros, (self.features,), jnp.float32).astype(self.dtype)


class Embed(nn.Module):
    """Labels int32 [...] -> [..., features], float32; the table can be spectrally normalised."""

    classes: int
    features: int
    spectral: bool = False
    embedding_init: Callable = nn.initializers.normal(1.0)

    @nn.compact
    def __call__(self, label, *, train: bool):
        table = self.param("embedding", self.embedding_init, (self.classes, self.features), jnp.float32)
        return (normalise(self, table, train) if self.spectral else table)[label]
