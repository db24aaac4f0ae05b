"""PatchGAN: a critic whose logits each see a patch (Isola et al. 2017, sections 3.2.2 and 6.1.2; Zhu et al. 2017).

4x4 convolutions, of stride 2 but for the last of `widths`, LeakyReLU 0.2, then a 4x4 convolution to one logit a place.
A logit sees r pixels: r = 4 after the last layer, and backwards through a layer of stride s, r <- 4 + s (r - 1): 16 for
widths (64, 128), 70 for (64, 128, 256, 512), 286 for (64, 128, 256, 512, 512, 512).
"""

from typing import Any

import flax.linen as nn
import jax.numpy as jnp

from jaxgen.layers.convolution import Conv
from jaxgen.nets.gan.shared import leaky, start_grid
from jaxgen.nets.translation.shared import INIT, normaliser


class PatchCritic(nn.Module):
    """Images [B, H, W, C] -> logits [B, h, w, 1] of overlapping patches; 2^(len(widths) - 1) divides H and W.

    With `cond["image"]` [B, H, W, C'] it judges the pair (image, x). `norm`: instance, batch or none; it spares the
    first layer. Features: every layer's activations.
    """

    image_shape: tuple[int, int, int]
    widths: tuple[int, ...] = (64, 128, 256, 512)
    norm: str = "instance"
    axis_name: str | None = None
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x, cond, *, train: bool):
        start_grid(self.image_shape, len(self.widths) - 1, "patch_critic")
        normal = normaliser(self.norm, self.axis_name, self.dtype, train)
        if "image" in cond:
            x = jnp.concatenate([cond["image"], x], axis=-1)
        x = x.astype(self.dtype)
        features = []
        for i, width in enumerate(self.widths):
            stride = 2 if i < len(self.widths) - 1 else 1
            bias = i == 0 or self.norm == "none"
            x = Conv(width, 4, stride, bias, kernel_init=INIT, dtype=self.dtype, name=f"layer_{i}")(x)
            x = leaky(normal(x, f"norm_{i}") if i else x)
            features.append(x)
        logits = Conv(1, 4, kernel_init=INIT, dtype=self.dtype, name="logits")(x)
        return [logits.astype(jnp.float32)], features
