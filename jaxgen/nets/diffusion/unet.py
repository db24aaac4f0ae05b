"""The U-Net of DDPM (Ho et al. 2020, appendix B), with the options of its descendants.

Levels of `blocks` residual blocks each, halving the resolution between them; self-attention at chosen resolutions; a
block, attention and a block in the middle; then back up with `blocks + 1` blocks per level, each of which also reads
one feature map of the way down. `patch` > 1 folds patch x patch pixels into channels first, which spares the
full-resolution convolutions that cost most and learn least on a CPU.
"""

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from jaxgen.core import UserError
from jaxgen.layers.attention import SpatialAttention
from jaxgen.layers.convolution import Conv
from jaxgen.layers.embeddings import LabelEmbedding, TimeEmbedding
from jaxgen.layers.norms import GroupNorm
from jaxgen.layers.residual import Downsample, ResidualBlock, Upsample
from jaxgen.ops.resample import depth_to_space, space_to_depth


class UNet(nn.Module):
    """A `Denoiser`: x [B, H, W, C], time {"t": [B]}, cond {"label"?: int32 [B]} -> float32 [B, H, W, C].

    Raises:
      UserError: the image does not halve as often as the levels ask.
    """

    image_shape: tuple[int, int, int]
    classes: int = 0
    """Number of labels; the label `classes` means none. 0: unconditional."""
    width: int = 128
    multipliers: tuple[int, ...] = (1, 2, 2, 2)
    """Channels of each level, in units of `width`."""
    blocks: int = 2
    attention: tuple[int, ...] = (16,)
    """Heights (of the feature map, after patching) at which attention follows every residual block."""
    mid_attention: bool = True
    heads: int = 1
    dropout: float = 0.0
    scale_shift: bool = False
    patch: int = 1
    groups: int = 32
    eps: float = 1e-5
    cosine_first: bool = False
    shift: float = 1.0
    """Of the time sinusoids (`jaxgen.layers.embeddings`, eq. 1)."""
    zero_init: bool = True
    """Residual branches and the output start at zero."""
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array, time: dict[str, jax.Array], cond: dict[str, Any], *, train: bool) -> jax.Array:
        self._check(x)
        emb = self._embed(time["t"], cond)
        h = space_to_depth(x.astype(self.dtype), self.patch)
        h = Conv(self.width, dtype=self.dtype, name="conv_in")(h)
        skips = [h]
        last = len(self.multipliers) - 1
        for level, multiplier in enumerate(self.multipliers):
            for i in range(self.blocks):
                h = self._block(h, emb, multiplier, f"down{level}_{i}", train)
                skips.append(h)
            if level < last:
                h = Downsample(self.dtype, name=f"down{level}_down")(h)
                skips.append(h)
        h = self._residual(multiplier, "mid_0")(h, emb, train=train)
        if self.mid_attention:
            h = self._attention("mid_attention")(h)
        h = self._residual(multiplier, "mid_1")(h, emb, train=train)
        for level, multiplier in reversed(list(enumerate(self.multipliers))):
            for i in range(self.blocks + 1):
                h = self._block(jnp.concatenate([h, skips.pop()], axis=-1), emb, multiplier, f"up{level}_{i}", train)
            if level > 0:
                h = Upsample(self.dtype, name=f"up{level}_up")(h)
        h = nn.silu(GroupNorm(self.groups, self.eps, name="norm_out")(h))
        init = nn.initializers.zeros if self.zero_init else nn.initializers.lecun_normal()
        channels = x.shape[-1] * self.patch**2
        h = Conv(channels, kernel_init=init, dtype=self.dtype, name="conv_out")(h)
        return depth_to_space(h, self.patch).astype(jnp.float32)

    def _check(self, x):
        step = self.patch * 2 ** (len(self.multipliers) - 1)
        if x.shape[1] % step or x.shape[2] % step:
            raise UserError(
                f"The U-Net's {len(self.multipliers)} levels and patch {self.patch} need image sides divisible by"
                f" {step}, not {x.shape[1]}x{x.shape[2]}; shorten multipliers, or set data.pad or data.size."
            )

    def _embed(self, t, cond):
        features = 4 * self.width
        emb = TimeEmbedding(features, self.width, self.cosine_first, self.shift, self.dtype, name="time")(t)
        if self.classes:
            label = cond.get("label")
            label = jnp.full(t.shape, self.classes, jnp.int32) if label is None else label
            emb = emb + LabelEmbedding(self.classes, features, self.dtype, name="label")(label)
        return emb

    def _residual(self, multiplier, name):
        return ResidualBlock(
            multiplier * self.width,
            self.dropout,
            self.scale_shift,
            self.groups,
            self.eps,
            self.zero_init,
            self.dtype,
            name=name,
        )

    def _attention(self, name):
        return SpatialAttention(self.heads, self.groups, self.eps, self.zero_init, self.dtype, name=name)

    def _block(self, h, emb, multiplier, name, train):
        h = self._residual(multiplier, name)(h, emb, train=train)
        return self._attention(f"{name}_attention")(h) if h.shape[1] in self.attention else h
