"""Fully connected generator and critic (Goodfellow et al. 2014), with labels as in conditional GANs
(Mirza and Osindero 2014): the label's embedding is concatenated to the input of either network."""

from typing import Any

import flax.linen as nn
import jax.numpy as jnp

from jaxgen.layers.conditional import Norm
from jaxgen.layers.spectral import Dense
from jaxgen.nets.gan.shared import check_norm, leaky, to_image


class MLPGenerator(nn.Module):
    """Latents [B, D] -> images [B, H, W, C] in (-1, 1); ReLU layers of the given widths, tanh at the end.

    `squash=False` leaves the tanh out, for data without bounds.
    """

    image_shape: tuple[int, int, int]
    widths: tuple[int, ...] = (256, 256)
    norm: str = "none"
    """"batch" or "none"."""
    classes: int = 0
    embedding: int = 32
    squash: bool = True
    axis_name: str | None = None
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, z, cond, *, train: bool):
        x = z
        if self.classes:
            rows = nn.Embed(self.classes, self.embedding, name="label")(cond["label"])
            x = jnp.concatenate([x, rows], axis=1)
        for i, width in enumerate(self.widths):
            x = Dense(width, dtype=self.dtype, name=f"dense_{i}")(x, train=train)
            x = Norm(self.norm, axis_name=self.axis_name, dtype=self.dtype, name=f"norm_{i}")(x, train=train)
            x = nn.relu(x)
        height, width, channels = self.image_shape
        x = Dense(height * width * channels, dtype=self.dtype, name="image")(x, train=train)
        return to_image(x, self.image_shape) if self.squash else x.astype(jnp.float32).reshape(-1, *self.image_shape)


class MLPCritic(nn.Module):
    """Images [B, H, W, C] -> one logit [B, 1]; LeakyReLU layers of the given widths.

    `norm`: batch, layer, none or spectral; batch and layer norm spare the first layer. Features: every hidden layer.
    """

    image_shape: tuple[int, int, int]
    widths: tuple[int, ...] = (256, 256)
    norm: str = "none"
    classes: int = 0
    embedding: int = 32
    dropout: float = 0.0
    axis_name: str | None = None
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x, cond, *, train: bool):
        check_norm(self.norm)
        spectral = self.norm == "spectral"
        x = x.reshape(x.shape[0], -1)
        if self.classes:
            rows = nn.Embed(self.classes, self.embedding, name="label")(cond["label"])
            x = jnp.concatenate([x, rows], axis=1)
        features = []
        for i, width in enumerate(self.widths):
            x = Dense(width, spectral=spectral, dtype=self.dtype, name=f"dense_{i}")(x, train=train)
            kind = "none" if spectral or i == 0 else self.norm
            x = Norm(kind, axis_name=self.axis_name, dtype=self.dtype, name=f"norm_{i}")(x, train=train)
            x = leaky(x)
            features.append(x)
            x = nn.Dropout(self.dropout, deterministic=not train, name=f"dropout_{i}")(x)
        logit = Dense(1, spectral=spectral, dtype=self.dtype, name="logit")(x, train=train)
        return [logit.astype(jnp.float32)], features
