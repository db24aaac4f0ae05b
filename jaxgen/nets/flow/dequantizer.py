"""The flow that proposes dequantisation noise (Ho et al. 2019, "Flow++", sec. 3.1).

Gaussian noise goes through masked couplings that see the image, and becomes the logits of the noise in (0, 1).
"""

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from jaxgen.layers.invertible import affine, checkerboard, repeated
from jaxgen.nets.flow.realnvp import MaskedStep, alternating
from jaxgen.nets.flow.shared import Shape
from jaxgen.nets.roles import Cond

SPREAD = float(np.log(1.702))
"""A normal with this log deviation is close to a logistic, so that the noise starts out nearly uniform."""


class FlowDequantizer(nn.Module):
    """A `Bijection` from Gaussian noise [B, H, W, C] to the logits of dequantisation noise, given cond["image"]."""

    image_shape: Shape
    couplings: int = 4
    width: int = 32
    blocks: int = 1
    clamp: float = 2.0
    dtype: Any = jnp.float32

    def __call__(self, x: jax.Array, cond: Cond, *, train: bool) -> tuple[jax.Array, jax.Array]:
        logits, log_det = self._run(x, cond, False)
        return logits.reshape(logits.shape[0], -1), log_det

    def inverse(self, z: jax.Array, cond: Cond, *, train: bool) -> jax.Array:
        return self._run(z.reshape(-1, *self.image_shape), cond, True)[0]

    @nn.compact
    def _run(self, x, cond, inverse):
        channels = self.image_shape[-1]
        shift = self.param("shift", nn.initializers.zeros, (channels,), jnp.float32)
        log_scale = self.param("log_scale", nn.initializers.constant(SPREAD), (channels,), jnp.float32)
        step = repeated(MaskedStep, self.couplings, inverse=inverse)
        flow = step(self.width, self.blocks, self.clamp, False, inverse, self.dtype, name="flow")
        masks = alternating(checkerboard, self.image_shape, self.couplings)
        log_det = jnp.zeros(x.shape[:1], jnp.float32)
        if inverse:
            x, log_det = affine(x, shift, log_scale, True)
            (x, log_det), _ = flow((x, log_det), masks, cond["image"])
            return x, log_det
        (x, log_det), _ = flow((x.astype(jnp.float32), log_det), masks, cond["image"])
        x, more = affine(x, shift, log_scale)
        return x, log_det + more
