"""Normalisation layers over `jaxgen.ops.norm`."""

import flax.linen as nn
import jax

from jaxgen.ops import norm


class GroupNorm(nn.Module):
    """Group normalisation (Wu & He 2018) with float32 statistics. x [B, ..., C] -> the same shape and dtype.

    Takes as many groups as divide the channels and leave four in each, at most `groups`. Parameter names match
    `nn.GroupNorm`.
    """

    groups: int = 32
    eps: float = 1e-5
    affine: bool = True

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        y = norm.group_norm(x, norm.fitting_groups(x.shape[-1], self.groups), self.eps)
        if not self.affine:
            return y
        scale = self.param("scale", nn.initializers.ones, (x.shape[-1],))
        bias = self.param("bias", nn.initializers.zeros, (x.shape[-1],))
        return (y * scale + bias).astype(x.dtype)


class InstanceNorm(nn.Module):
    """Instance normalisation (Ulyanov et al. 2016): every channel of every image by itself, float32 statistics.

    x [B, ..., C] -> the same shape and dtype.
    """

    eps: float = 1e-5
    affine: bool = True

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        y = norm.group_norm(x, x.shape[-1], self.eps)
        if not self.affine:
            return y
        scale = self.param("scale", nn.initializers.ones, (x.shape[-1],))
        bias = self.param("bias", nn.initializers.zeros, (x.shape[-1],))
        return (y * scale + bias).astype(x.dtype)


def modulate(x: jax.Array, shift: jax.Array, scale: jax.Array) -> jax.Array:
    """x (1 + scale) + shift, with shift and scale [B, C] broadcast over the inner axes of x [B, ..., C]."""
    shape = (x.shape[0],) + (1,) * (x.ndim - 2) + (x.shape[-1],)
    return x * (1.0 + scale.reshape(shape)) + shift.reshape(shape)
