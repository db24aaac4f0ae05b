"""AlexNet as a feature encoder (Krizhevsky 2014, "One Weird Trick for Parallelizing Convolutional Neural Networks").

Five convolutions, each followed by a ReLU; 3 x 3 maximum pooling of stride two stands before the second and the third.
"""

from typing import Any

import flax.linen as nn
import jax.numpy as jnp
from jax import lax

LAYERS = {
    # width, kernel, stride, padding, pooled before
    "conv1": (64, 11, 4, 2, False),
    "conv2": (192, 5, 1, 2, True),
    "conv3": (384, 3, 1, 1, True),
    "conv4": (256, 3, 1, 1, False),
    "conv5": (256, 3, 1, 1, False),
}
SMALLEST = 31
"""Pixels a side below which nothing is left for the third convolution."""


class AlexNet(nn.Module):
    """Images [B, H, W, 3] in [-1, 1] -> {"relu1": [B, h, w, 64], ..., "relu5"}, the role `Features`.

    `mean` and `std` are those of pixels in [0, 1], removed before the first layer.
    """

    mean: tuple[float, float, float] = (0.485, 0.456, 0.406)
    std: tuple[float, float, float] = (0.229, 0.224, 0.225)

    @nn.compact
    def __call__(self, x, *, train: bool) -> dict[str, Any]:
        if min(x.shape[1:3]) < SMALLEST:
            raise ValueError(f"AlexNet reads images of at least {SMALLEST} x {SMALLEST} pixels, not {x.shape[1:3]}")
        x = ((x + 1.0) / 2.0 - jnp.asarray(self.mean, jnp.float32)) / jnp.asarray(self.std, jnp.float32)
        found = {}
        for name, (width, size, stride, padding, pooled) in LAYERS.items():
            if pooled:
                x = lax.reduce_window(x, -jnp.inf, lax.max, (1, 3, 3, 1), (1, 2, 2, 1), "VALID")
            kernel = self.param(
                f"{name}_kernel", nn.initializers.he_normal(), (size, size, x.shape[-1], width), jnp.float32
            )
            bias = self.param(f"{name}_bias", nn.initializers.zeros, (width,), jnp.float32)
            x = lax.conv_general_dilated(
                x,
                kernel,
                (stride, stride),
                [(padding, padding)] * 2,
                dimension_numbers=("NHWC", "HWIO", "NHWC"),
                precision=lax.Precision.HIGHEST,
            )
            x = nn.relu(x + bias)
            found[f"relu{name[-1]}"] = x
        return found
