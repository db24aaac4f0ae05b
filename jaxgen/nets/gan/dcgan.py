"""Deep convolutional generator and critic (Radford et al. 2016, "Unsupervised Representation Learning with Deep
Convolutional GANs"), by the rules of its section 3: strided and transposed convolutions instead of pooling, batch
normalisation in both networks except at the generator's output and the critic's input, no hidden dense layers, ReLU
and tanh in the generator, LeakyReLU 0.2 in the critic, all weights drawn from N(0, 0.02^2).

The smallest grid follows from the image's size and the number of widths: 64 px with four widths start at 4x4, 28 px
with two at 7x7, 8 px with two at 2x2.
"""

from typing import Any

import flax.linen as nn
import jax.numpy as jnp

from jaxgen.core import UserError
from jaxgen.layers.conditional import Norm
from jaxgen.layers.convolution import ConvTranspose
from jaxgen.layers.spectral import Conv, Dense, Embed
from jaxgen.nets.gan.shared import check_norm, inner, leaky, start_grid, to_image

INIT = nn.initializers.normal(0.02)


class DCGANGenerator(nn.Module):
    """Latents [B, D] -> images [B, H, W, C] in (-1, 1).

    A linear map to the smallest grid with `widths[0]` channels, then transposed convolutions to `widths[1:]`, each
    doubling the grid, then one to the image: doubling too (`last_stride=2`, as in the paper) or not (1). Labels are
    embedded and concatenated to the latent.
    """

    image_shape: tuple[int, int, int]
    widths: tuple[int, ...] = (1024, 512, 256, 128)
    kernel: int = 4
    last_stride: int = 2
    norm: str = "batch"
    """"batch" or "none"."""
    classes: int = 0
    embedding: int = 32
    axis_name: str | None = None
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, z, cond, *, train: bool):
        doublings = len(self.widths) - 1 + (self.last_stride == 2)
        height, width = start_grid(self.image_shape, doublings, "dcgan_generator")
        bias = self.norm == "none"
        if self.classes:
            rows = nn.Embed(self.classes, self.embedding, name="label")(cond["label"])
            z = jnp.concatenate([z, rows], axis=1)

        def activate(x, i):
            norm = Norm(self.norm, axis_name=self.axis_name, dtype=self.dtype, name=f"norm_{i}")
            return nn.relu(norm(x, train=train))

        first = Dense(
            height * width * self.widths[0], use_bias=bias, kernel_init=INIT, dtype=self.dtype, name="project"
        )
        x = first(z, train=train).reshape(-1, height, width, self.widths[0])
        x = activate(x, 0)
        for i, features in enumerate(self.widths[1:], 1):
            up = ConvTranspose(features, self.kernel, 2, bias, kernel_init=INIT, dtype=self.dtype, name=f"up_{i}")
            x = activate(up(x), i)
        channels = self.image_shape[-1]
        last = ConvTranspose(channels, self.kernel, self.last_stride, kernel_init=INIT, dtype=self.dtype, name="image")
        return to_image(last(x), self.image_shape)


class DCGANCritic(nn.Module):
    """Images [B, H, W, C] -> one logit [B, 1]: convolutions to `widths`, each halving the grid, then a linear map.

    `norm`: batch (the paper), layer, none or spectral; batch and layer norm spare the first layer. Features: every
    layer's activations. Labels enter by `conditioning`: "concat" adds a learned map per class to the image as one
    more channel, "projection" adds <embedding, pooled features> to the logit (Miyato and Koyama 2018).
    """

    image_shape: tuple[int, int, int]
    widths: tuple[int, ...] = (128, 256, 512, 1024)
    kernel: int = 4
    norm: str = "batch"
    dropout: float = 0.0
    classes: int = 0
    conditioning: str = "concat"
    axis_name: str | None = None
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x, cond, *, train: bool):
        check_norm(self.norm)
        if self.conditioning not in ("concat", "projection"):
            raise UserError(f"dcgan_critic takes conditioning concat or projection, not {self.conditioning!r}.")
        start_grid(self.image_shape, len(self.widths), "dcgan_critic")
        spectral = self.norm == "spectral"
        if self.classes and self.conditioning == "concat":
            height, width, _ = self.image_shape
            rows = nn.Embed(self.classes, height * width, name="label")(cond["label"])
            x = jnp.concatenate([x, rows.reshape(-1, height, width, 1)], axis=-1)
        features = []
        for i, width in enumerate(self.widths):
            kind = "none" if spectral or i == 0 else self.norm
            x = Conv(
                width,
                self.kernel,
                2,
                spectral,
                use_bias=kind == "none",
                kernel_init=INIT,
                dtype=self.dtype,
                name=f"down_{i}",
            )(x, train=train)
            x = leaky(Norm(kind, axis_name=self.axis_name, dtype=self.dtype, name=f"norm_{i}")(x, train=train))
            features.append(x)
            x = nn.Dropout(self.dropout, deterministic=not train, name=f"dropout_{i}")(x)
        flat = x.reshape(x.shape[0], -1)
        logit = Dense(1, spectral, kernel_init=INIT, dtype=self.dtype, name="logit")(flat, train=train)
        logit = logit.astype(jnp.float32)
        if self.classes and self.conditioning == "projection":
            rows = Embed(self.classes, x.shape[-1], spectral, INIT, name="label")(cond["label"], train=train)
            logit = logit + inner(rows, jnp.sum(x, axis=(1, 2)))
        return [logit], features
