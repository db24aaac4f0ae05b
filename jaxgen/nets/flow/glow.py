"""Glow (Kingma & Dhariwal 2018, "Glow: Generative Flow with Invertible 1x1 Convolutions", figure 2).

Each level: squeeze, then K steps of activation normalisation, invertible 1x1 convolution and affine coupling, then half
of the channels leave, whitened by a Gaussian that the other half predicts. The maths is in `jaxgen.layers.invertible`.
"""

from functools import partial
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from jaxgen.layers.invertible import (
    ActNorm,
    ConvNet,
    Coupling,
    InvertibleConv,
    Prior,
    Split,
    repeated,
    squeeze,
    unsqueeze,
)
from jaxgen.nets.flow.shared import Shape, check_halvings, pack, unpack
from jaxgen.nets.roles import Cond


class GlowStep(nn.Module):
    """One step of flow on (x, log det); the form that `repeated` asks for."""

    width: int
    norm: bool
    scale: str
    clamp: float
    inverse: bool
    dtype: Any

    @nn.compact
    def __call__(self, carry, item, context):
        network = partial(ConvNet, width=self.width, norm=self.norm, dtype=self.dtype)
        layers = [
            ActNorm(name="actnorm"),
            InvertibleConv(name="mix"),
            Coupling(network, clamp=self.clamp, kind=self.scale, name="coupling"),
        ]
        x, log_det = carry
        for layer in reversed(layers) if self.inverse else layers:
            x, more = layer(x, inverse=self.inverse)
            log_det = log_det + more
        return (x, log_det), None


class Glow(nn.Module):
    """A `Bijection`. Height and width must be multiples of 2^levels.

    The label, if `classes`, moves the Gaussian of the last level (ibid., class-conditional models of the code).
    """

    image_shape: Shape
    levels: int = 3
    steps: int = 8
    """Steps of flow per level, K."""
    width: int = 64
    """Channels of the coupling networks."""
    norm: bool = True
    """Activation normalisation inside the coupling networks."""
    scale: str = "sigmoid"
    """How raw outputs become log scales: "sigmoid" (Glow's code) or "tanh"."""
    clamp: float = 5.0
    """Bound on log scales."""
    classes: int = 0
    dtype: Any = jnp.float32

    def __call__(self, x: jax.Array, cond: Cond, *, train: bool) -> tuple[jax.Array, jax.Array]:
        return self._run(x, cond, False)

    def inverse(self, z: jax.Array, cond: Cond, *, train: bool) -> jax.Array:
        return self._run(z, cond, True)[0]

    @nn.compact
    def _run(self, value, cond, inverse):
        check_halvings(self.image_shape, self.levels, f"This Glow (levels={self.levels})")
        label, last = cond.get("label"), self.levels - 1
        prior = Prior(self.classes, self.clamp, name="prior")
        splits = [Split(clamp=self.clamp, dtype=self.dtype, name=f"split_{i}") for i in range(last)]
        settings = (self.width, self.norm, self.scale, self.clamp, inverse, self.dtype)
        levels = [
            repeated(GlowStep, self.steps, inverse=inverse)(*settings, name=f"level_{i}") for i in range(self.levels)
        ]
        log_det = jnp.zeros(value.shape[:1], jnp.float32)
        if inverse:
            *left, value = unpack(value, latent_shapes(self.image_shape, self.levels))
            value, log_det = prior(value, label, inverse=True)
            for i in reversed(range(self.levels)):
                if i < last:
                    value, more = splits[i](value, left[i])
                    log_det = log_det + more
                (value, log_det), _ = levels[i]((value, log_det), None, None)
                value = unsqueeze(value)
            return value, log_det
        value, left = value.astype(jnp.float32), []
        for i in range(self.levels):
            (value, log_det), _ = levels[i]((squeeze(value), log_det), None, None)
            if i < last:
                value, part, more = splits[i](value)
                left, log_det = [*left, part], log_det + more
        value, more = prior(value, label)
        return pack([*left, value]), log_det + more


def latent_shapes(image_shape: Shape, levels: int) -> list[Shape]:
    """Shapes of the latents that leave at each level."""
    height, width, channels = image_shape
    shapes = []
    for i in range(levels):
        height, width, channels = height // 2, width // 2, channels * (4 if i == 0 else 2)
        shapes.append((height, width, channels // (2 if i < levels - 1 else 1)))
    return shapes
