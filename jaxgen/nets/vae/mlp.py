"""Fully connected encoder and decoder, as in Kingma & Welling 2014, "Auto-Encoding Variational Bayes", appendix C.

Labels, where there are any, join the input as one-hot vectors (Sohn et al. 2015).
"""

import math
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from jaxgen.nets.roles import Cond

ACTIVATIONS = {"relu": nn.relu, "tanh": nn.tanh, "gelu": nn.gelu, "silu": nn.silu, "softplus": nn.softplus}


class MLPEncoder(nn.Module):
    """An `Encoder`: flattened pixels -> hidden layers -> mean and log variance [B, latent]."""

    latent: int
    hidden: tuple[int, ...] = (500, 500)
    activation: str = "gelu"
    classes: int = 0
    """Number of labels the network is told; 0 for none."""
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array, cond: Cond, *, train: bool) -> tuple[jax.Array, jax.Array]:
        h = _with_label(x.reshape(x.shape[0], -1), cond, self.classes).astype(self.dtype)
        h = _hidden(self, h)
        out = nn.Dense(2 * self.latent, dtype=jnp.float32, name="out")(h)
        mean, log_var = jnp.split(out, 2, axis=-1)
        return mean, log_var


class MLPDecoder(nn.Module):
    """A `Decoder`: latents -> hidden layers -> distribution parameters [B, H, W, C * parameters]."""

    image_shape: tuple[int, int, int]
    parameters: int = 1
    """Outputs per image channel, what the likelihood asks for."""
    hidden: tuple[int, ...] = (500, 500)
    activation: str = "gelu"
    classes: int = 0
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, z: jax.Array, cond: Cond, *, train: bool) -> jax.Array:
        h = _with_label(z.reshape(z.shape[0], -1), cond, self.classes).astype(self.dtype)
        h = _hidden(self, h)
        height, width, channels = self.image_shape
        shape = (height, width, channels * self.parameters)
        out = nn.Dense(math.prod(shape), dtype=jnp.float32, name="out")(h)
        return out.reshape(-1, *shape)


def _hidden(module, h):
    for index, width in enumerate(module.hidden):
        h = ACTIVATIONS[module.activation](nn.Dense(width, dtype=module.dtype, name=f"hidden_{index}")(h))
    return h


def _with_label(h, cond, classes):
    if not classes:
        return h
    return jnp.concatenate([h, jax.nn.one_hot(cond["label"], classes, dtype=h.dtype)], axis=-1)
