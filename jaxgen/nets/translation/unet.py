"""The U-Net of pix2pix (Isola et al. 2017, "Image-to-Image Translation with Conditional Adversarial Networks", section
6.1.1): 4x4 convolutions of stride 2 down to the smallest grid, and back up by transposed ones, each level joined by the
encoder's activations of its size. For 256 px
    encoder  C64-C128-C256-C512-C512-C512-C512-C512          LeakyReLU 0.2, no norm at the first and the innermost
    decoder  CD512-CD512-CD512-C512-C256-C128-C64            ReLU; CD: with dropout of one half
The noise of the generator is its dropout, which stays on when images are made (section 3.2.2).

Where a translation keeps much of its input, a mask a in (0, 1) may say what (Pumarola et al. 2018, "GANimation:
Anatomically-aware Facial Animation from a Single Image", eq. 1): with the network's image y,
    (1)  G(x) = a x + (1 - a) y
"""

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from jaxgen.layers.convolution import Conv, ConvTranspose
from jaxgen.nets.gan.shared import leaky, start_grid, to_image
from jaxgen.nets.translation.shared import INIT, drop, normaliser


class UNetTranslator(nn.Module):
    """Images [B, H, W, C] -> images float32 [B, H, W, C] in (-1, 1); 2^len(widths) divides H and W.

    `cond["noise"]`, keys [B], feeds the dropout of the first `dropouts` layers of the decoder, in training and after
    it; without keys nothing is dropped. `norm`: instance, which equals the paper's batch normalisation at its batches
    of one image; batch; or none. `masked`: eq. (1), for images of as many channels as they have.
    """

    image_shape: tuple[int, int, int]
    widths: tuple[int, ...] = (64, 128, 256, 512, 512, 512, 512, 512)
    dropout: float = 0.5
    dropouts: int = 3
    norm: str = "instance"
    masked: bool = False
    axis_name: str | None = None
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x, cond, *, train: bool):
        start_grid(self.image_shape, len(self.widths), "unet_translator")
        normal = normaliser(self.norm, self.axis_name, self.dtype, train)
        noise = cond.get("noise") if self.dropout else None
        plain = self.norm == "none"
        depth = len(self.widths)
        levels = []
        source = x
        x = x.astype(self.dtype)
        for i, width in enumerate(self.widths):
            bare = i in (0, depth - 1)
            conv = Conv(width, 4, 2, bare or plain, kernel_init=INIT, dtype=self.dtype, name=f"down_{i}")
            x = conv(x if i == 0 else leaky(x))
            x = x if bare else normal(x, f"norm_down_{i}")
            levels.append(x)
        for i in reversed(range(1, depth)):
            up = ConvTranspose(self.widths[i - 1], 4, 2, plain, kernel_init=INIT, dtype=self.dtype, name=f"up_{i}")
            x = normal(up(nn.relu(x)), f"norm_up_{i}")
            if noise is not None and depth - 1 - i < self.dropouts:
                x = drop(x, jax.vmap(jax.random.fold_in, (0, None))(noise, i), self.dropout)
            x = jnp.concatenate([x, levels[i - 1]], axis=-1)
        x = nn.relu(x)
        last = ConvTranspose(self.image_shape[-1], 4, 2, kernel_init=INIT, dtype=self.dtype, name="image")
        image = to_image(last(x), self.image_shape)
        if not self.masked:
            return image
        mask = ConvTranspose(1, 4, 2, kernel_init=INIT, dtype=self.dtype, name="mask")(x)
        kept = nn.sigmoid(mask.astype(jnp.float32))
        return kept * source + (1.0 - kept) * image
