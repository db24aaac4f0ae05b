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

from jaxgen.layers.convolution import biased, convolve

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


def weights(module: Any, name: str, start: Callable, shape: tuple[int, ...], train: bool) -> jax.Array:
    """The parameter `name` of `module`, float32 of this shape, normalised if the module is `spectral`."""
    kernel = module.param(name, start, shape, jnp.float32)
    return normalise(module, kernel, train) if module.spectral else kernel


class Dense(nn.Module):
    """[..., I] -> [..., O]."""

    features: int
    spectral: bool = False
    use_bias: bool = True
    kernel_init: Callable = nn.initializers.lecun_normal()
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x, *, train: bool):
        kernel = weights(self, "kernel", self.kernel_init, (x.shape[-1], self.features), train)
        return biased(self, x.astype(self.dtype) @ kernel.astype(self.dtype))


class Conv(nn.Module):
    """`jaxgen.layers.convolution.Conv`, whose kernel can be spectrally normalised."""

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
        return convolve(self, x, weights(self, "kernel", self.kernel_init, shape, train))


class Embed(nn.Module):
    """Labels int32 [...] -> [..., features], float32; the table can be spectrally normalised."""

    classes: int
    features: int
    spectral: bool = False
    embedding_init: Callable = nn.initializers.normal(1.0)

    @nn.compact
    def __call__(self, label, *, train: bool):
        return weights(self, "embedding", self.embedding_init, (self.classes, self.features), train)[label]
