"""Convolutional encoder and decoder with residual blocks, for images of any size (8, 28, 32 pixels, ...).

Every level but the first halves the sides, rounding up; the decoder doubles them and crops back, so odd sizes fit.
Pre-activation residual blocks (He et al. 2016) whose last convolution starts at zero: no normalisation is needed, and
no example depends on another. Labels are embedded and added to the features.
"""

import math
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from jaxgen.layers.convolution import Conv
from jaxgen.nets.roles import Cond
from jaxgen.ops.resample import depth_to_space, nearest_up
from jaxgen.ops.strided import whole_rows


class Block(nn.Module):
    """x + conv(silu(conv(silu(x)))); width is kept."""

    kernel: int = 3
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        width, zeros = x.shape[-1], nn.initializers.zeros
        h = Conv(width, self.kernel, dtype=self.dtype, name="conv_0")(nn.silu(x))
        return x + Conv(width, self.kernel, dtype=self.dtype, kernel_init=zeros, name="conv_1")(nn.silu(h))


class ConvEncoder(nn.Module):
    """An `Encoder`: image [B, H, W, C] -> mean and log variance.

    `latent` an int gives vectors [B, latent]. `spatial` keeps the map instead, [B, h, w, latent] at the last level's
    size, as autoencoders for latent diffusion do.
    """

    latent: int
    channels: tuple[int, ...] = (32, 64, 64)
    """Width of each level."""
    blocks: int = 1
    """Residual blocks per level."""
    stem: int = 1
    """Stride of the first convolution; 2 halves the sides before the first level, at a quarter of the cost."""
    hidden: int = 256
    """Width of the dense layer before a vector latent; 0 for none."""
    spatial: bool = False
    classes: int = 0
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array, cond: Cond, *, train: bool) -> tuple[jax.Array, jax.Array]:
        size = (2 + self.stem, 2 + self.stem)
        strides = (self.stem, self.stem)
        stem = nn.Conv(self.channels[0], size, strides, dtype=self.dtype, name="stem")
        h = whole_rows(stem(whole_rows(x.astype(self.dtype))))
        h = _add_label(h, cond, self.classes, self.dtype)
        for level, width in enumerate(self.channels):
            if level:
                # flax's own: sides may be odd here, which `Conv` does not halve.
                h = whole_rows(nn.Conv(width, (3, 3), (2, 2), dtype=self.dtype, name=f"down_{level}")(whole_rows(h)))
            for index in range(self.blocks):
                h = Block(dtype=self.dtype, name=f"level_{level}_block_{index}")(h)
        h = nn.silu(h)
        if self.spatial:
            out = Conv(2 * self.latent, kernel=1, dtype=jnp.float32, name="out")(h)
        else:
            h = h.reshape(h.shape[0], -1)
            if self.hidden:
                h = nn.silu(nn.Dense(self.hidden, dtype=self.dtype, name="hidden")(h))
            out = nn.Dense(2 * self.latent, dtype=jnp.float32, name="out")(h)
        mean, log_var = jnp.split(out, 2, axis=-1)
        return mean, log_var


class ConvDecoder(nn.Module):
    """A `Decoder`, the mirror of `ConvEncoder`: give both the same `channels` and `stem`."""

    image_shape: tuple[int, int, int]
    parameters: int = 1
    """Outputs per image channel, what the likelihood asks for."""
    channels: tuple[int, ...] = (32, 64, 64)
    """Width of each level, highest resolution first."""
    blocks: int = 1
    stem: int = 1
    hidden: int = 256
    spatial: bool = False
    classes: int = 0
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, z: jax.Array, cond: Cond, *, train: bool) -> jax.Array:
        image = self.image_shape
        sizes = level_sizes(image, len(self.channels), self.stem)
        deepest = (*sizes[-1], self.channels[-1])
        h = z.astype(self.dtype)
        if self.spatial:
            h = Conv(deepest[-1], kernel=1, dtype=self.dtype, name="in")(h)
        else:
            if self.hidden:
                h = nn.silu(nn.Dense(self.hidden, dtype=self.dtype, name="hidden")(h))
            h = nn.Dense(math.prod(deepest), dtype=self.dtype, name="in")(h).reshape(-1, *deepest)
        h = _add_label(h, cond, self.classes, self.dtype)
        for level in reversed(range(len(self.channels))):
            if level + 1 < len(self.channels):
                h = Conv(self.channels[level], dtype=self.dtype, name=f"up_{level}")(_double(h, sizes[level]))
            for index in range(self.blocks):
                h = Block(dtype=self.dtype, name=f"level_{level}_block_{index}")(h)
        outputs = image[2] * self.parameters
        # Sub-pixel output: each place of the first level paints stem x stem pixels.
        h = Conv(outputs * self.stem**2, dtype=jnp.float32, name="out")(nn.silu(h))
        return depth_to_space(h, self.stem)[:, : image[0], : image[1]]


def level_sizes(image: tuple[int, ...], levels: int, stem: int = 1) -> list[tuple[int, int]]:
    """(height, width) of each level's features, highest resolution first."""
    sizes = [(-(-image[0] // stem), -(-image[1] // stem))]
    for _ in range(levels - 1):
        height, width = sizes[-1]
        sizes.append((-(-height // 2), -(-width // 2)))
    return sizes


def _double(h, size):
    """Twice as large, cut to `size` where that is odd."""
    return nearest_up(h)[:, : size[0], : size[1]]


def _add_label(h, cond, classes, dtype):
    if not classes:
        return h
    embedding = nn.Embed(classes, h.shape[-1], dtype=dtype, name="label")(cond["label"])
    return h + embedding[:, None, None]
