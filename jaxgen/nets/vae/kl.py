"""The KL autoencoder of latent diffusion (Rombach et al. 2022, "High-Resolution Image Synthesis with Latent Diffusion
Models", appendix G; its convolutional form is that of VQGAN, Esser et al. 2021, table 7).

Encoder: levels of `blocks` residual blocks, halving the resolution between them, then a block, attention over all
places and a block, then a 3x3 convolution to mean and log variance. The decoder is its mirror with one block more per
level. `quant` adds the 1x1 convolutions that stand on both sides of the latent in published weights.
"""

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from jaxgen.core import UserError
from jaxgen.layers.attention import SpatialAttention
from jaxgen.layers.convolution import Conv
from jaxgen.layers.norms import GroupNorm
from jaxgen.layers.residual import Downsample, ResidualBlock, Upsample
from jaxgen.nets.roles import Cond

EPS = 1e-6
"""Of every norm."""
LOG_VAR = (-30.0, 20.0)
"""What log variances are clipped to."""


def _residual(owner: Any, width: int, name: str) -> ResidualBlock:
    return ResidualBlock(width, groups=owner.groups, eps=EPS, zero_init=False, dtype=owner.dtype, name=name)


def _middle(owner: Any, h: jax.Array, train: bool) -> jax.Array:
    h = _residual(owner, h.shape[-1], "mid_0")(h, None, train=train)
    if owner.attention:
        h = SpatialAttention(1, owner.groups, EPS, False, owner.dtype, name="mid_attention")(h)
    return _residual(owner, h.shape[-1], "mid_1")(h, None, train=train)


class KLEncoder(nn.Module):
    """An `Encoder`: image [B, H, W, C] -> mean and log variance, each float32 [B, h, w, latent].

    Raises:
      UserError: the image does not halve as often as the levels ask.
    """

    latent: int = 4
    widths: tuple[int, ...] = (128, 256, 512, 512)
    """Channels of each level, highest resolution first."""
    blocks: int = 2
    attention: bool = True
    """In the middle."""
    groups: int = 32
    quant: bool = True
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array, cond: Cond, *, train: bool) -> tuple[jax.Array, jax.Array]:
        step = 2 ** (len(self.widths) - 1)
        if x.shape[1] % step or x.shape[2] % step:
            raise UserError(
                f"A KL autoencoder of {len(self.widths)} levels needs image sides divisible by {step}, not"
                f" {x.shape[1]}x{x.shape[2]}; shorten widths, or set data.pad or data.size."
            )
        h = Conv(self.widths[0], dtype=self.dtype, name="conv_in")(x.astype(self.dtype))
        for level, width in enumerate(self.widths):
            for i in range(self.blocks):
                h = _residual(self, width, f"down{level}_{i}")(h, None, train=train)
            if level + 1 < len(self.widths):
                h = Downsample(self.dtype, name=f"down{level}_down")(h)
        h = _middle(self, h, train)
        h = nn.silu(GroupNorm(self.groups, EPS, name="norm_out")(h)).astype(jnp.float32)
        h = Conv(2 * self.latent, name="conv_out")(h)
        if self.quant:
            h = Conv(2 * self.latent, kernel=1, name="quant")(h)
        mean, log_var = jnp.split(h, 2, axis=-1)
        return mean, jnp.clip(log_var, *LOG_VAR)


class KLDecoder(nn.Module):
    """A `Decoder`, the mirror of `KLEncoder`: z [B, h, w, latent] -> float32 [B, H, W, C * parameters]."""

    image_shape: tuple[int, int, int] = (0, 0, 3)
    """Only the number of channels counts."""
    parameters: int = 1
    """Outputs per image channel, what the likelihood asks for."""
    latent: int = 4
    widths: tuple[int, ...] = (128, 256, 512, 512)
    """Channels of each level, highest resolution first."""
    blocks: int = 2
    attention: bool = True
    groups: int = 32
    quant: bool = True
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, z: jax.Array, cond: Cond, *, train: bool) -> jax.Array:
        h = z.astype(self.dtype)
        if self.quant:
            h = Conv(self.latent, kernel=1, dtype=self.dtype, name="quant")(h)
        h = Conv(self.widths[-1], dtype=self.dtype, name="conv_in")(h)
        h = _middle(self, h, train)
        for level, width in reversed(list(enumerate(self.widths))):
            for i in range(self.blocks + 1):
                h = _residual(self, width, f"up{level}_{i}")(h, None, train=train)
            if level:
                h = Upsample(self.dtype, name=f"up{level}_up")(h)
        h = nn.silu(GroupNorm(self.groups, EPS, name="norm_out")(h))
        h = Conv(self.image_shape[-1] * self.parameters, dtype=self.dtype, name="conv_out")(h)
        return h.astype(jnp.float32)


class KLAutoencoder(nn.Module):
    """An `Autoencoder`: both halves as one network, whose weights are those of a VAE with these two networks."""

    channels: int = 3
    """Of images."""
    latent: int = 4
    widths: tuple[int, ...] = (128, 256, 512, 512)
    blocks: int = 2
    attention: bool = True
    groups: int = 32
    quant: bool = True
    parameters: int = 1
    """Decoder outputs per image channel; the first is the image, any other belongs to a likelihood."""
    dtype: Any = jnp.float32

    def setup(self):
        shared: dict[str, Any] = dict(
            latent=self.latent, widths=self.widths, blocks=self.blocks, attention=self.attention
        )
        shared |= dict(groups=self.groups, quant=self.quant, dtype=self.dtype)
        self.encoder = KLEncoder(**shared)
        self.decoder = KLDecoder((0, 0, self.channels), self.parameters, **shared)

    def __call__(self, x: jax.Array, *, train: bool) -> jax.Array:
        return self.decode(self.encode(x, train=train)[0], train=train)

    def encode(self, x: jax.Array, *, train: bool) -> tuple[jax.Array, jax.Array]:
        return self.encoder(x, {}, train=train)

    def decode(self, z: jax.Array, *, train: bool) -> jax.Array:
        return self.decoder(z, {}, train=train)[..., : self.channels]
