"""The decoder of AdaIN: the encoder's layers in reverse (Huang, Belongie 2017, section 5).

Pooling becomes nearest up-sampling, which with reflected borders leaves no checkerboard; no normalisation, because the
statistics of the features are the style.
"""

from typing import Any

import flax.linen as nn
import jax.numpy as jnp

from jaxgen.core import choose
from jaxgen.layers.convolution import Conv
from jaxgen.nets.features.vgg import PADDING, check_blocks
from jaxgen.ops.resample import nearest_up


class MirroredDecoder(nn.Module):
    """Features [B, h, w, widths[-1]] -> images float32 [B, h 2^(blocks - 1), w 2^(blocks - 1), channels], unbounded.

    `widths` and `depths` are those of the encoder up to the layer that is inverted: for relu4_1 of VGG-19,
    (64, 128, 256, 512) and (2, 2, 4, 1).
    """

    widths: tuple[int, ...] = (64, 128, 256, 512)
    depths: tuple[int, ...] = (2, 2, 4, 1)
    channels: int = 3
    padding: str = "reflect"
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x, *, train: bool):
        check_blocks(self.widths, self.depths)
        pad = choose(PADDING, self.padding, "padding of an AdaIN decoder")
        x = x.astype(self.dtype)
        for block in reversed(range(len(self.widths))):
            below = self.widths[block - 1] if block else self.channels
            for layer in reversed(range(self.depths[block])):
                outputs = self.widths[block] if layer else below
                conv = Conv(
                    outputs,
                    kernel_init=nn.initializers.he_normal(),
                    dtype=self.dtype,
                    name=f"conv{block + 1}_{layer + 1}",
                )
                x = pad(conv, x)
                x = x if block == layer == 0 else nn.relu(x)
            x = nearest_up(x) if block else x
        return x.astype(jnp.float32)
