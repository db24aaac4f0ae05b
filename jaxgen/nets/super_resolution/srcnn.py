"""SRCNN: three convolutions that sharpen a bicubic enlargement.

Dong et al. 2014, "Learning a Deep Convolutional Network for Image Super-Resolution", section 3; kernel sizes 9-1-5 and
9-5-5 of the journal version (2016). The paper restores luma; here all channels are restored together (its section 5.4).
Borders are padded with zeros, so the output is as large as the enlargement.
"""

import math
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from jaxgen.layers.convolution import Conv
from jaxgen.ops import bicubic


class SRCNN(nn.Module):
    """Role `Upscaler`, for any whole scale."""

    scale: int
    image_shape: tuple[int, int, int]
    kernels: tuple[int, int, int] = (9, 1, 5)
    channels: tuple[int, int] = (64, 32)
    dtype: Any = jnp.float32

    @nn.nowrap
    def reach(self) -> int:
        """See `Upscaler`. The enlargement adds two pixels."""
        return 2 + math.ceil(sum(kernel // 2 for kernel in self.kernels) / self.scale)

    @nn.compact
    def __call__(self, low: jax.Array, *, train: bool) -> jax.Array:
        x = bicubic.rescale(low, self.scale)
        first, second, last = self.kernels
        x = nn.relu(Conv(self.channels[0], kernel=first, dtype=self.dtype, name="patches")(x))
        x = nn.relu(Conv(self.channels[1], kernel=second, dtype=self.dtype, name="mapping")(x))
        return Conv(self.image_shape[-1], kernel=last, dtype=self.dtype, name="reconstruction")(x).astype(jnp.float32)
