"""A small convolutional classifier, trained here to judge samples: probabilities, and features for distances."""

from typing import Any

import flax.linen as nn
import jax.numpy as jnp

from jaxgen.layers.convolution import Conv


def halve(x):
    """2 x 2 max pooling [B, H, W, C] -> [B, H // 2, W // 2, C] by a reshape, whose gradient is cheap everywhere."""
    batch, height, width, channels = x.shape
    x = x[:, : height // 2 * 2, : width // 2 * 2]
    return x.reshape(batch, height // 2, 2, width // 2, 2, channels).max(axis=(2, 4))


class CNNClassifier(nn.Module):
    """Images [B, H, W, C] -> (logits float32 [B, classes], features float32 [B, features]).

    For each width a 3x3 convolution, ReLU and 2x2 pooling; then a hidden layer, whose activations are the features.
    """

    classes: int
    widths: tuple[int, ...] = (32, 64)
    features: int = 128
    dropout: float = 0.3
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x, *, train: bool):
        for i, width in enumerate(self.widths):
            x = Conv(width, dtype=self.dtype, name=f"conv_{i}")(x.astype(self.dtype))
            x = halve(nn.relu(x)) if min(x.shape[1:3]) > 1 else nn.relu(x)
        x = x.reshape(x.shape[0], -1)
        x = nn.Dropout(self.dropout, deterministic=not train, name="dropout_0")(x)
        features = nn.relu(nn.Dense(self.features, dtype=self.dtype, name="hidden")(x)).astype(jnp.float32)
        x = nn.Dropout(self.dropout, deterministic=not train, name="dropout_1")(features)
        return nn.Dense(self.classes, name="logits")(x).astype(jnp.float32), features
