"""The residual translator of CycleGAN (Zhu et al. 2017, appendix 7.2), after the feed-forward networks of Johnson et
al. 2016, "Perceptual Losses for Real-Time Style Transfer": for widths (64, 128, 256) and n blocks
    c7s1-64, d128, d256, R256 (n times), u128, u64, c7s1-3
c7s1: 7x7 convolution; d: 3x3 convolution of stride 2; R: two 3x3 convolutions and a shortcut; u: transposed 3x3
convolution of stride 2. Instance normalisation and ReLU after each, tanh after the last. The paper takes 6 blocks for
128 px and 9 for 256 px, and pads by reflection around the stride-1 convolutions.
"""

from typing import Any

import flax.linen as nn
import jax.numpy as jnp

from jaxgen.core import choose
from jaxgen.layers.convolution import Conv, ConvTranspose
from jaxgen.nets.gan.shared import start_grid, to_image
from jaxgen.nets.translation.shared import INIT, normaliser


def _reflected(conv: Conv, x):
    """`conv` over x with mirrored borders; the zeros that it pads with are cut off again."""
    reach = conv.kernel // 2
    space = (reach, reach)
    return conv(jnp.pad(x, ((0, 0), space, space, (0, 0)), mode="reflect"))[:, reach:-reach, reach:-reach]


PADDING = {"zeros": lambda conv, x: conv(x), "reflect": _reflected}


class ResidualTranslator(nn.Module):
    """Images [B, H, W, C] -> images float32 [B, H, W, C] in (-1, 1); 2^(len(widths) - 1) divides H and W.

    `padding`: reflect (the paper) or zeros, which costs less on small images. `norm`: instance, batch or none.
    """

    image_shape: tuple[int, int, int]
    widths: tuple[int, ...] = (64, 128, 256)
    blocks: int = 9
    norm: str = "instance"
    padding: str = "reflect"
    axis_name: str | None = None
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x, cond, *, train: bool):
        start_grid(self.image_shape, len(self.widths) - 1, "residual_translator")
        pad = choose(PADDING, self.padding, "padding of a residual translator")
        normal = normaliser(self.norm, self.axis_name, self.dtype, train)
        settings: dict[str, Any] = dict(use_bias=self.norm == "none", kernel_init=INIT, dtype=self.dtype)

        def conv(features, kernel, name):
            return Conv(features, kernel, **settings, name=name)

        x = x.astype(self.dtype)
        x = nn.relu(normal(pad(conv(self.widths[0], 7, "first"), x), "norm_first"))
        for i, width in enumerate(self.widths[1:], 1):
            down = Conv(width, 3, 2, **settings, name=f"down_{i}")
            x = nn.relu(normal(down(x), f"norm_down_{i}"))
        for i in range(self.blocks):
            h = nn.relu(normal(pad(conv(self.widths[-1], 3, f"block_{i}_a"), x), f"norm_{i}_a"))
            x = x + normal(pad(conv(self.widths[-1], 3, f"block_{i}_b"), h), f"norm_{i}_b")
        for i, width in reversed(list(enumerate(self.widths[:-1], 1))):
            up = ConvTranspose(width, 3, 2, **settings, name=f"up_{i}")
            x = nn.relu(normal(up(x), f"norm_up_{i}"))
        last = Conv(self.image_shape[-1], 7, kernel_init=INIT, dtype=self.dtype, name="image")
        return to_image(pad(last, x), self.image_shape)
