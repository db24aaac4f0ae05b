"""Residual generator and critic of SN-GAN (Miyato et al. 2018, tables 4-6), with conditional batch normalisation in the
generator and the projection critic (Miyato and Koyama 2018, "cGANs with Projection Discriminator")."""

from typing import Any

import flax.linen as nn
import jax.numpy as jnp

from jaxgen.layers.conditional import Norm
from jaxgen.layers.spectral import Conv, Dense, Embed
from jaxgen.nets.gan.shared import check_norm, inner, start_grid, to_image
from jaxgen.ops.resample import mean_down, nearest_up

INIT = nn.initializers.glorot_uniform()
WIDE_INIT = nn.initializers.variance_scaling(2.0, "fan_avg", "uniform")
"""Residual branches start with gain sqrt(2)."""


class UpBlock(nn.Module):
    """norm-relu-up-conv-norm-relu-conv with an up-sampled 1x1 shortcut: [B, H, W, I] -> [B, 2H, 2W, O]."""

    features: int
    norm: str
    classes: int
    axis_name: str | None
    dtype: Any

    @nn.compact
    def __call__(self, x, label, *, train: bool):
        def norm(x, i):
            return Norm(self.norm, self.classes, self.axis_name, self.dtype, name=f"norm_{i}")(x, label, train=train)

        # What a bias adds to a channel here, batch normalisation takes away again, in this block or a later one.
        common = dict(use_bias=self.norm != "batch", dtype=self.dtype)

        def conv(i, features):
            return Conv(features, 3, kernel_init=WIDE_INIT, name=f"conv_{i}", **common)

        y = conv(0, self.features)(nearest_up(nn.relu(norm(x, 0))), train=train)
        y = conv(1, self.features)(nn.relu(norm(y, 1)), train=train)
        # A 1x1 convolution commutes with the up-sampling, and is four times cheaper before it.
        shortcut = Conv(self.features, 1, kernel_init=INIT, name="shortcut", **common)
        return y + nearest_up(shortcut(x, train=train))


class DownBlock(nn.Module):
    """relu-conv-relu-conv(-mean) with a 1x1 shortcut: [B, H, W, I] -> [B, H, W, O], or half that with `down`.

    `first` leaves out the relu in front, which would cut the image.
    """

    features: int
    down: bool
    first: bool
    spectral: bool
    norm: str
    axis_name: str | None
    dtype: Any

    @nn.compact
    def __call__(self, x, *, train: bool):
        def conv(name, features, kernel, init):
            layer = Conv(features, kernel, 1, self.spectral, kernel_init=init, dtype=self.dtype, name=name)
            return lambda x: layer(x, train=train)

        def norm(x, i):
            kind = "none" if self.first else self.norm
            return Norm(kind, axis_name=self.axis_name, dtype=self.dtype, name=f"norm_{i}")(x, train=train)

        y = x if self.first else nn.relu(norm(x, 0))
        # The paper's hidden width: the input's, but the output's in the first block, whose input is an image.
        hidden = self.features if self.first else x.shape[-1]
        y = conv("conv_0", hidden, 3, WIDE_INIT)(y)
        y = conv("conv_1", self.features, 3, WIDE_INIT)(nn.relu(norm(y, 1)))
        if not self.down:
            straight = x.shape[-1] == self.features
            return y + (x if straight else conv("shortcut", self.features, 1, INIT)(x))
        # Averaging and a 1x1 convolution commute.
        return mean_down(y) + conv("shortcut", self.features, 1, INIT)(mean_down(x.astype(self.dtype)))


class SNGANGenerator(nn.Module):
    """Latents [B, D] -> images [B, H, W, C] in (-1, 1): one up-sampling residual block per width.

    The smallest grid is the image's size halved len(widths) times (4x4 for 32 px and three widths). With `classes`,
    batch normalisation is conditional on the label.
    """

    image_shape: tuple[int, int, int]
    widths: tuple[int, ...] = (256, 256, 256)
    norm: str = "batch"
    classes: int = 0
    axis_name: str | None = None
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, z, cond, *, train: bool):
        height, width = start_grid(self.image_shape, len(self.widths), "sngan_generator")
        label = cond["label"] if self.classes else None
        first = Dense(height * width * self.widths[0], kernel_init=INIT, dtype=self.dtype, name="project")
        x = first(z, train=train).reshape(-1, height, width, self.widths[0])
        for i, features in enumerate(self.widths):
            block = UpBlock(features, self.norm, self.classes, self.axis_name, self.dtype, name=f"block_{i}")
            x = block(x, label, train=train)
        x = nn.relu(Norm(self.norm, axis_name=self.axis_name, dtype=self.dtype, name="norm")(x, train=train))
        last = Conv(self.image_shape[-1], 3, kernel_init=INIT, dtype=self.dtype, name="image")
        return to_image(last(x, train=train), self.image_shape)


class SNGANCritic(nn.Module):
    """Images [B, H, W, C] -> one logit [B, 1]: residual blocks, the first `halvings` of which halve the grid, relu, the
    sum over positions, and a linear map, plus <embedding(label), pooled features> with `classes`.

    `norm`: spectral (the paper), none, batch or layer. Features: every block's output.
    """

    image_shape: tuple[int, int, int]
    widths: tuple[int, ...] = (128, 128, 128, 128)
    halvings: int = 2
    norm: str = "spectral"
    classes: int = 0
    axis_name: str | None = None
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x, cond, *, train: bool):
        check_norm(self.norm)
        start_grid(self.image_shape, self.halvings, "sngan_critic")
        spectral = self.norm == "spectral"
        features = []
        for i, width in enumerate(self.widths):
            x = DownBlock(
                width,
                down=i < self.halvings,
                first=i == 0,
                spectral=spectral,
                norm="none" if spectral else self.norm,
                axis_name=self.axis_name,
                dtype=self.dtype,
                name=f"block_{i}",
            )(x, train=train)
            features.append(x)
        pooled = jnp.sum(nn.relu(x).astype(jnp.float32), axis=(1, 2))
        logit = Dense(1, spectral, kernel_init=INIT, name="logit")(pooled, train=train)
        if self.classes:
            rows = Embed(self.classes, pooled.shape[-1], spectral, INIT, name="label")(cond["label"], train=train)
            logit = logit + inner(rows, pooled)
        return [logit], features
