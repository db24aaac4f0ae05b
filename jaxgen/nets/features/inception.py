"""Inception v3 as the Frechet Inception Distance knows it.

Szegedy et al. 2016, "Rethinking the Inception Architecture for Computer Vision", table 1, in the form of the graph that
TensorFlow published in December 2015. It differs from later ones of the name in three ways, all of which move a FID:
averages over 3 x 3 neighbours leave out what lies beyond the border, the pooling branch of the last block takes maxima,
and there are 1008 classes. Batch normalisation is folded into each convolution's kernel and bias.

A block is a few branches over one input, joined by channels; a branch is a row of convolutions. The tables below give
them in the order of the published layout: "1x1:64" is a 1 x 1 convolution with 64 channels, "/2" a stride of two with
no padding, "average" and "max" are the 3 x 3 pooling that opens a branch, "|" splits a branch in two that are joined.
"""

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax import lax

STEM = ("Conv2d_1a_3x3", "Conv2d_2a_3x3", "Conv2d_2b_3x3"), ("Conv2d_3b_1x1", "Conv2d_4a_3x3")
"""Convolutions before the first and the second 3 x 3 maximum pooling of stride two."""
STEM_SHAPES = {
    "Conv2d_1a_3x3": ((3, 3), 32, 2, "VALID"),
    "Conv2d_2a_3x3": ((3, 3), 32, 1, "VALID"),
    "Conv2d_2b_3x3": ((3, 3), 64, 1, "SAME"),
    "Conv2d_3b_1x1": ((1, 1), 80, 1, "VALID"),
    "Conv2d_4a_3x3": ((3, 3), 192, 1, "VALID"),
}


def _a(pool):
    return {
        "branch1x1": "1x1:64",
        "branch5x5": "1x1:48 5x5:64",
        "branch3x3dbl": "1x1:64 3x3:96 3x3:96",
        "branch_pool": f"average 1x1:{pool}",
    }


def _c(middle):
    return {
        "branch1x1": "1x1:192",
        "branch7x7": f"1x1:{middle} 1x7:{middle} 7x1:192",
        "branch7x7dbl": f"1x1:{middle} 7x1:{middle} 1x7:{middle} 7x1:{middle} 1x7:192",
        "branch_pool": "average 1x1:192",
    }


def _e(pool):
    return {
        "branch1x1": "1x1:320",
        "branch3x3": "1x1:384 1x3:384|3x1:384",
        "branch3x3dbl": "1x1:448 3x3:384 1x3:384|3x1:384",
        "branch_pool": f"{pool} 1x1:192",
    }


BLOCKS = {
    "Mixed_5b": _a(32),
    "Mixed_5c": _a(64),
    "Mixed_5d": _a(64),
    "Mixed_6a": {"branch3x3": "3x3:384/2", "branch3x3dbl": "1x1:64 3x3:96 3x3:96/2", "branch_pool": "max/2"},
    "Mixed_6b": _c(128),
    "Mixed_6c": _c(160),
    "Mixed_6d": _c(160),
    "Mixed_6e": _c(192),
    "Mixed_7a": {
        "branch3x3": "1x1:192 3x3:320/2",
        "branch7x7x3": "1x1:192 1x7:192 7x1:192 3x3:192/2",
        "branch_pool": "max/2",
    },
    "Mixed_7b": _e("average"),
    "Mixed_7c": _e("max"),
}
SPATIAL = ("Mixed_6d", 7)
"""Nash et al. 2021, "Generating Images with Sparse Representations", appendix: the first seven channels of the 1 x 1
branch of this block, which TensorFlow calls mixed_6, at all 17 x 17 places: 2023 features."""
SMALLEST = 75
"""Pixels a side below which nothing is left for the last block."""


def names(branch: str, steps: list[str]) -> list[list[str]]:
    """The published names of a branch's convolutions, step by step (a split step has two)."""
    convolutions = [step for step in steps if ":" in step]
    if len(convolutions) == 1 and "|" not in convolutions[0]:
        return [[branch]]
    return [
        [f"{branch}_{i}{letter}" for letter in "ab"] if "|" in step else [f"{branch}_{i}"]
        for i, step in enumerate(convolutions, start=1)
    ]


def layers() -> list[str]:
    """The published names of all 94 convolutions, with dots."""
    found = [name for group in STEM for name in group]
    for block, branches in BLOCKS.items():
        for branch, steps in branches.items():
            found += [f"{block}.{name}" for group in names(branch, steps.split()) for name in group]
    return found


def max_pool(x: jax.Array, stride: int, padding: str) -> jax.Array:
    """Maxima of 3 x 3 neighbours."""
    return lax.reduce_window(x, -jnp.inf, lax.max, (1, 3, 3, 1), (1, stride, stride, 1), padding)


def average_pool(x: jax.Array) -> jax.Array:
    """Means of those of the 3 x 3 neighbours that lie inside the image."""
    window = lambda v: lax.reduce_window(v, 0.0, lax.add, (1, 3, 3, 1), (1, 1, 1, 1), "SAME")  # noqa: E731
    return window(x) / window(jnp.ones((1, *x.shape[1:3], 1), x.dtype))


POOLS = {
    "average": average_pool,
    "max": lambda x: max_pool(x, 1, "SAME"),
    "max/2": lambda x: max_pool(x, 2, "VALID"),
}


class Unit(nn.Module):
    """A convolution and a ReLU, in full float32 on every device."""

    features: int
    kernel: tuple[int, int]
    stride: int = 1
    padding: str = "SAME"

    @nn.compact
    def __call__(self, x):
        shape = (*self.kernel, x.shape[-1], self.features)
        kernel = self.param("kernel", nn.initializers.he_normal(), shape, jnp.float32)
        bias = self.param("bias", nn.initializers.zeros, (self.features,), jnp.float32)
        x = lax.conv_general_dilated(
            x,
            kernel,
            (self.stride, self.stride),
            self.padding,
            dimension_numbers=("NHWC", "HWIO", "NHWC"),
            precision=lax.Precision.HIGHEST,
        )
        return nn.relu(x + bias)


class Inception(nn.Module):
    """Images [B, H, W, 3], prepared as the protocol says (about [-1, 1]), usually 299 x 299, at least 75 x 75 ->
    {"pool": [B, 2048], "spatial": [B, h, w, 7], "logits": [B, 1008] without bias}, float32: the role `Features`.

    `slim` divides all widths, for tests.
    """

    classes: int = 1008
    slim: int = 1

    @nn.compact
    def __call__(self, x, *, train: bool) -> dict[str, Any]:
        if min(x.shape[1:3]) < SMALLEST:
            raise ValueError(f"Inception reads images of at least {SMALLEST} x {SMALLEST} pixels, not {x.shape[1:3]}")
        for group in STEM:
            for name in group:
                kernel, width, stride, padding = STEM_SHAPES[name]
                x = Unit(width // self.slim, kernel, stride, padding, name=name)(x)
            x = max_pool(x, 2, "VALID")
        spatial = x
        for block, branches in BLOCKS.items():
            parts = [self._branch(x, f"{block}.{branch}", steps.split()) for branch, steps in branches.items()]
            x = jnp.concatenate(parts, axis=-1)
            if block == SPATIAL[0]:
                spatial = parts[0][..., : SPATIAL[1]]
        pool = jnp.mean(x, axis=(1, 2))
        matrix = self.param("logits", nn.initializers.lecun_normal(), (pool.shape[-1], self.classes), jnp.float32)
        logits = jnp.matmul(pool, matrix, precision=lax.Precision.HIGHEST)
        return {"pool": pool, "spatial": spatial, "logits": logits}

    def _branch(self, x, place: str, steps: list[str]):
        named = iter(names(place, steps))
        for step in steps:
            if ":" not in step:
                x = POOLS[step](x)
                continue
            parts = [self._unit(x, part, name) for part, name in zip(step.split("|"), next(named), strict=True)]
            x = jnp.concatenate(parts, axis=-1) if len(parts) > 1 else parts[0]
        return x

    def _unit(self, x, step: str, name: str):
        shape, _, rest = step.partition(":")
        width, strided, _ = rest.partition("/2")
        high, wide = map(int, shape.split("x"))
        stride, padding = (2, "VALID") if strided else (1, "SAME")
        return Unit(int(width) // self.slim, (high, wide), stride, padding, name=name)(x)
