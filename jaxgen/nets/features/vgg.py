"""VGG networks as feature encoders (Simonyan, Zisserman 2015, "Very Deep Convolutional Networks", table 1).

Block b is a row of 3x3 convolutions of one width, each followed by a ReLU; 2x2 pooling stands between blocks. The layer
"reluB_I" is the I-th activation of block B, so its map has side H // 2^(B - 1). With the default widths and depths this
is VGG-19, and the weights have the names and shapes into which `jaxgen.interop.vgg` translates torchvision's.
"""

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from jaxgen.core import choose
from jaxgen.layers.convolution import Conv

VGG19_WIDTHS = (64, 128, 256, 512, 512)
VGG19_DEPTHS = (2, 2, 4, 4, 4)
IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
"""Of ImageNet's pixels in [0, 1]; torchvision's weights expect them removed."""


def max_pool(x: jax.Array) -> jax.Array:
    """[B, H, W, C] -> [B, H // 2, W // 2, C]: maxima of 2x2 blocks; an odd last row or column is dropped."""
    return _blocks(x).max(axis=(2, 4))


def average_pool(x: jax.Array) -> jax.Array:
    """Like `max_pool` with means, which Gatys et al. (2016, section 2) find to give slightly better pictures."""
    return _blocks(x).mean(axis=(2, 4))


def _blocks(x):
    batch, height, width, channels = x.shape
    x = x[:, : height // 2 * 2, : width // 2 * 2]
    return x.reshape(batch, height // 2, 2, width // 2, 2, channels)


def reflected(x: jax.Array) -> jax.Array:
    """One pixel more on every side, mirrored (repeated where an axis has a single pixel): [B, H + 2, W + 2, C]."""
    for axis in (1, 2):
        width = [(0, 0)] * 4
        width[axis] = (1, 1)
        x = jnp.pad(x, width, mode="reflect" if x.shape[axis] > 1 else "edge")
    return x


POOLING = {"max": max_pool, "average": average_pool}
PADDING = {"zeros": lambda conv, x: conv(x), "reflect": lambda conv, x: conv(reflected(x))[:, 1:-1, 1:-1]}
"""How a 3x3 convolution sees beyond the border."""


def check_blocks(widths: tuple[int, ...], depths: tuple[int, ...]) -> None:
    """A width and a depth for every block."""
    if len(widths) != len(depths) or not widths or min(*widths, *depths) < 1:
        raise ValueError(f"widths {widths} and depths {depths} should name as many blocks, each of at least one layer")


class VGG(nn.Module):
    """Images [B, H, W, 3] in [-1, 1] -> {"relu1_1": [B, H, W, widths[0]], ..., "reluB_I": ...}, the role `Features`.

    H and W are any of at least 2^(blocks - 1) pixels. Layers that nobody reads cost nothing under `jit`.
    """

    widths: tuple[int, ...] = VGG19_WIDTHS
    depths: tuple[int, ...] = VGG19_DEPTHS
    pooling: str = "max"
    padding: str = "zeros"
    mean: tuple[float, float, float] = IMAGENET_MEAN
    std: tuple[float, float, float] = IMAGENET_STD
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x, *, train: bool):
        check_blocks(self.widths, self.depths)
        pool = choose(POOLING, self.pooling, "pooling of a VGG encoder")
        pad = choose(PADDING, self.padding, "padding of a VGG encoder")
        x = ((x + 1.0) / 2.0 - jnp.asarray(self.mean, jnp.float32)) / jnp.asarray(self.std, jnp.float32)
        x = x.astype(self.dtype)
        found = {}
        for block, (width, depth) in enumerate(zip(self.widths, self.depths), start=1):
            x = pool(x) if block > 1 else x
            for layer in range(1, depth + 1):
                conv = Conv(
                    width, kernel_init=nn.initializers.he_normal(), dtype=self.dtype, name=f"conv{block}_{layer}"
                )
                x = nn.relu(pad(conv, x))
                found[f"relu{block}_{layer}"] = x.astype(jnp.float32)
        return found


class VGGClassifier(nn.Module):
    """Images [B, H, W, 3] -> (logits float32 [B, classes], features float32 [B, widths[-1]]): `VGG`, means, one layer.

    Its weights below "trunk" are those of a `VGG` of the same widths and depths, so a classifier trained here becomes
    an encoder for style transfer.
    """

    classes: int
    widths: tuple[int, ...] = (32, 64, 128, 256)
    depths: tuple[int, ...] = (1, 1, 2, 1)
    pooling: str = "max"
    padding: str = "zeros"
    dropout: float = 0.2
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x, *, train: bool):
        trunk = VGG(self.widths, self.depths, self.pooling, self.padding, dtype=self.dtype, name="trunk")
        maps = trunk(x, train=train)
        features = jnp.mean(maps[f"relu{len(self.widths)}_{self.depths[-1]}"], axis=(1, 2))
        kept = nn.Dropout(self.dropout, deterministic=not train, name="dropout")(features)
        return nn.Dense(self.classes, name="logits")(kept), features
