"""EDSR: residual blocks without normalisation at low resolution, enlarged at the end by pixel shuffling.

Lim et al. 2017, "Enhanced Deep Residual Networks for Single Image Super-Resolution", figures 2 (c) and 3:
    block(x) = x + r conv(relu(conv(x))),  r the residual scaling that keeps wide networks stable (section 3.3)
    body(h)  = h + conv(blocks(h)),  h = conv(low - mean);  output = mean + conv(up(body))
x4 enlarges twice by two, x8 three times. The mean is that of the training images, in [0, 1].
"""

import math
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from jaxgen.core import UserError
from jaxgen.layers.convolution import Conv
from jaxgen.ops.resample import depth_to_space

STAGES = {2: (2,), 3: (3,), 4: (2, 2), 8: (2, 2, 2)}
"""Scale -> the factors it is reached by."""
DIV2K = (0.4488, 0.4371, 0.4040)
"""Mean red, green and blue of DIV2K's 800 training images, as the paper's authors give it."""

# Uniform within 1 / sqrt(fan in), a third of the usual variance: without normalisation every block adds to the last.
_init = nn.initializers.variance_scaling(1 / 3, "fan_in", "uniform")


def stages(scale: int) -> tuple[int, ...]:
    """The factors of `scale`.

    Raises:
      UserError: a scale that EDSR does not have.
    """
    if scale not in STAGES:
        raise UserError(f"EDSR enlarges by {', '.join(map(str, STAGES))}, not by {scale}; set method.scale to one.")
    return STAGES[scale]


class EDSR(nn.Module):
    """Role `Upscaler`, for the scales of `STAGES`."""

    scale: int
    image_shape: tuple[int, int, int]
    blocks: int = 16
    width: int = 64
    residual_scale: float = 1.0
    mean: tuple[float, ...] = DIV2K
    """Per channel; for images of another number of channels the average of these is used."""
    dtype: Any = jnp.float32

    @nn.nowrap
    def reach(self) -> int:
        """See `Upscaler`: head, two per block, the body's last, one per stage and the tail at finer pixels."""
        fine, size = 0.0, 1
        for factor in stages(self.scale):
            fine, size = fine + 1 / size, size * factor
        return 2 + 2 * self.blocks + math.ceil(fine + 1 / size)

    @nn.compact
    def __call__(self, low: jax.Array, *, train: bool) -> jax.Array:
        channels = self.image_shape[-1]
        mean = self.mean if len(self.mean) == channels else (sum(self.mean) / len(self.mean),) * channels
        shift = 2.0 * jnp.asarray(mean, jnp.float32) - 1.0

        def conv(features, name):
            return Conv(features, kernel_init=_init, dtype=self.dtype, name=name)

        head = x = conv(self.width, "head")(low - shift)
        for i in range(self.blocks):
            inner = conv(self.width, f"block_{i}_conv_1")(nn.relu(conv(self.width, f"block_{i}_conv_0")(x)))
            x = x + self.residual_scale * inner
        x = head + conv(self.width, "body")(x)
        for i, factor in enumerate(stages(self.scale)):
            x = depth_to_space(conv(self.width * factor**2, f"up_{i}")(x), factor)
        return conv(channels, "tail")(x).astype(jnp.float32) + shift
