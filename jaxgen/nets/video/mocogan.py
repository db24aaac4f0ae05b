"""The two networks of MoCoGAN that know of time: the motion of a clip, and the critic that sees all of it
(Tulyakov et al. 2018, "MoCoGAN: Decomposing Motion and Content for Video Generation", section 3).

Its generator of single frames and its image critic are those of `jaxgen.nets.gan`.
"""

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from jaxgen.core import UserError
from jaxgen.layers.conditional import Norm
from jaxgen.layers.recurrent import GRU
from jaxgen.layers.spectral import Conv, Dense, Embed
from jaxgen.nets.gan.shared import check_norm, inner, leaky, start_grid
from jaxgen.ops.clips import clips, frames, unfold_time

INIT = nn.initializers.normal(0.02)


class GRUMotion(nn.Module):
    """Noise [B, T, E] and a first state [B, M] -> motion codes [B, T, M], by a GRU; labels join the noise."""

    classes: int = 0
    embedding: int = 8

    @nn.compact
    def __call__(self, noise: jax.Array, first: jax.Array, cond, *, train: bool) -> jax.Array:
        if self.classes:
            rows = nn.Embed(self.classes, self.embedding, name="label")(cond["label"])
            rows = jnp.broadcast_to(rows[:, None], (*noise.shape[:2], self.embedding))
            noise = jnp.concatenate([noise, rows], axis=-1)
        return GRU(first.shape[-1], name="gru")(noise, first)


class VideoCritic(nn.Module):
    """Clips [B, T, H, W, C] -> one logit per remaining moment, [B, T'], by 3-D convolutions.

    Each of `widths` halves the grid and takes `time_kernel` frames together, "VALID" in time, so that T' = T -
    len(widths) (time_kernel - 1); where fewer frames remain than that, it takes those that there are. A linear map of
    each remaining moment gives its logit, plus <embedding(label), pooled features> with `classes`. With `categories`
    the last feature is the logits float32 [B, categories] of the category a clip was made from (InfoGAN's Q).

    The 3-D convolutions are 2-D ones over frames stacked as channels (`ops.clips.unfold_time`), which are the same
    numbers; XLA's CPU backend has no fast 3-D convolution.
    """

    image_shape: tuple[int, int, int]
    widths: tuple[int, ...] = (64, 128, 256)
    kernel: int = 4
    time_kernel: int = 4
    norm: str = "spectral"
    classes: int = 0
    categories: int = 0
    axis_name: str | None = None
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array, cond, *, train: bool):
        check_norm(self.norm)
        start_grid(self.image_shape, len(self.widths), "video_critic")
        if self.time_kernel < 1:
            raise UserError(f"video_critic takes at least 1 frame together, not time_kernel = {self.time_kernel}.")
        spectral = self.norm == "spectral"
        features = []
        for i, width in enumerate(self.widths):
            kind = "none" if spectral or i == 0 else self.norm
            x = unfold_time(x, min(self.time_kernel, x.shape[1]))
            length = x.shape[1]
            down = Conv(
                width,
                self.kernel,
                2,
                spectral,
                use_bias=kind == "none",
                kernel_init=INIT,
                dtype=self.dtype,
                name=f"down_{i}",
            )
            y = down(frames(x), train=train)
            y = leaky(Norm(kind, axis_name=self.axis_name, dtype=self.dtype, name=f"norm_{i}")(y, train=train))
            x = clips(y, length)
            features.append(x)
        flat = x.reshape(*x.shape[:2], -1).astype(jnp.float32)
        logit = Dense(1, spectral, kernel_init=INIT, name="logit")(flat, train=train)[..., 0]
        pooled = jnp.sum(x.astype(jnp.float32), axis=(2, 3)).mean(axis=1)
        if self.classes:
            rows = Embed(self.classes, pooled.shape[-1], spectral, INIT, name="label")(cond["label"], train=train)
            logit = logit + inner(rows, pooled)
        if self.categories:
            features.append(Dense(self.categories, kernel_init=INIT, name="category")(pooled, train=train))
        return [logit], features
