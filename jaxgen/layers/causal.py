"""Masked convolutions: a feature map sees only what comes before it in raster order.

A mask on a square kernel leaves zeros that are multiplied all the same. The taps that remain form two rectangles, so
the layers here are oblong convolutions of a shifted image instead (van den Oord et al. 2016, "Conditional Image
Generation with PixelCNN Decoders", fig. 1; Salimans et al. 2017, "PixelCNN++"). With a kernel of `tall` x `wide` taps,
output (i, j) reads
    (1)  both sides (the vertical stack):    rows i - tall + 1 ... i,  columns j - wide // 2 ... j + wide // 2
    (2)  the left only (the horizontal one): rows i - tall + 1 ... i,  columns j - wide + 1 ... j
Where the input of a stack is its image shifted down by one row (`down`) or right by one pixel (`right`), (1) sees whole
rows above and (2) everything before the pixel: mask "A". Later layers, unshifted, are mask "B". With stride s, output
(i, j) reads what (1) or (2) name for (s i, s j).

The same convolution runs in three ways on the same weights: over whole images; over one row, given the rows above; over
one pixel, given the row so far. In the last two its input is a window cut from a cache [B, tall, W + wide - 1, C], the
rows seen so far with their zero margin, newest last; the functions at the end keep such caches.
"""

from collections.abc import Callable
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax import lax

from jaxgen.layers.convolution import biased
from jaxgen.ops import norm, strided


def down(x: jax.Array) -> jax.Array:
    """[B, H, W, C] one row down: row 0 becomes zero, the last row is lost."""
    return jnp.pad(x[:, :-1], ((0, 0), (1, 0), (0, 0), (0, 0)))


def right(x: jax.Array) -> jax.Array:
    """[B, H, W, C] one column to the right."""
    return jnp.pad(x[:, :, :-1], ((0, 0), (0, 0), (1, 0), (0, 0)))


def convolve(x: jax.Array, w: jax.Array, sideways: bool, stride: int = 1) -> jax.Array:
    """Eq. (1) if `sideways`, else (2): x [B, H, W, I], w [tall, wide, I, O] -> [B, H / stride, W / stride, O]."""
    height, width = x.shape[1] // stride, x.shape[2] // stride
    tall, wide = w.shape[:2]
    if stride > 1:  # `strided` takes square kernels there
        side = max(tall, wide)
        w = jnp.pad(w, ((0, side - tall), (0, side - wide), (0, 0), (0, 0)))
    front = (tall - 1, wide // 2 if sideways else wide - 1)
    kept = [max(k - stride, 0) // 2 for k in w.shape[:2]]  # what "SAME" puts in front itself
    rows, columns = (f - k for f, k in zip(front, kept, strict=True))
    padded = jnp.pad(x, ((0, 0), (rows, -rows % stride), (columns, -columns % stride), (0, 0)))
    y = strided.down(padded, w, stride)
    return y[:, :height, :width]


class CausalConv(nn.Module):
    """Eq. (1) or (2): [B, H, W, I] -> [B, H / stride, W / stride, features], or a window of a cache -> its outputs."""

    features: int
    kernel: tuple[int, int]
    """tall, wide; `wide` is odd where `sideways`."""
    sideways: bool
    stride: int = 1
    normalized: bool = False
    """Weight normalisation (Salimans & Kingma 2016), with their start from the first batch: outputs have mean 0 and
    deviation `gain`."""
    gain: float = 1.0
    use_bias: bool = True
    kernel_init: Callable = nn.initializers.lecun_normal()
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array, window: bool = False) -> jax.Array:
        shape = (*self.kernel, x.shape[-1], self.features)
        w = self.param("kernel", self.kernel_init, shape, jnp.float32).astype(self.dtype)

        def run(w):
            if window:
                strides, around = (self.stride, self.stride), strided.whole_rows(x.astype(self.dtype))
                return lax.conv_general_dilated(around, w, strides, "VALID", dimension_numbers=("NHWC", "HWIO", "NHWC"))
            return convolve(x.astype(self.dtype), w, self.sideways, self.stride)

        return normalized(self, w, run, self.gain) if self.normalized else biased(self, run(w))


class CausalUp(nn.Module):
    """Twice the resolution: [..., W, C] -> [..., W, 2, 2, features], the 2 x 2 pixels that come of each.

    The transposed convolution of PixelCNN++, cut so that it stays causal: 2 x 3 taps where `sideways`, 2 x 2 else.
    """

    features: int
    sideways: bool
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        wide = 3 if self.sideways else 2
        shape = (x.shape[-1], 2 * wide * self.features)
        w = self.param("kernel", nn.initializers.lecun_normal(), shape, jnp.float32).astype(self.dtype)

        def run(w):
            y = (x.astype(self.dtype) @ w).reshape(*x.shape[:-1], 2, wide, self.features)
            if not self.sideways:
                return y
            later = [(0, 0)] * (x.ndim - 2) + [(0, 1)] + [(0, 0)] * 2
            following = jnp.pad(y[..., 1:, :, 0, :], later)
            return jnp.stack([y[..., 1, :], y[..., 2, :] + following], axis=-2)

        return normalized(self, w, run, 1.0)


class NormalDense(nn.Module):
    """A weight-normalised dense layer, [..., I] -> [..., features]."""

    features: int
    gain: float = 1.0
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        shape = (x.shape[-1], self.features)
        w = self.param("kernel", nn.initializers.lecun_normal(), shape, jnp.float32).astype(self.dtype)
        return normalized(self, w, lambda w: x.astype(self.dtype) @ w, self.gain)


def normalized(module: nn.Module, w: jax.Array, run: Callable[[jax.Array], jax.Array], gain: float) -> jax.Array:
    """run(w) with weight normalisation: w = g v / |v| per output, and a bias.

    At initialisation g and the bias make the outputs of the batch at hand have mean 0 and deviation `gain`.
    """
    direction = w / jnp.sqrt(jnp.sum(jnp.square(w), axis=tuple(range(w.ndim - 1)), keepdims=True) + 1e-12)

    def start(which):
        def make(rng):
            y = run(direction).astype(jnp.float32)
            mean = norm.mean_twice(y)
            scale = gain / (jnp.sqrt(norm.mean_twice(jnp.square(y - mean))) + 1e-3)
            repeats = direction.shape[-1] // y.shape[-1]
            return (jnp.tile(scale, repeats), -mean * scale)[which]

        return make

    scale = module.param("scale", start(0))
    bias = module.param("bias", start(1))
    return run(direction * scale.astype(w.dtype)) + bias.astype(w.dtype)


def empty(batch: int, width: int, kernel: tuple[int, int], channels: int, dtype: Any = jnp.float32) -> jax.Array:
    """A cache before the first row: [B, tall, W + wide - 1, C] of zeros."""
    return jnp.zeros((batch, kernel[0], width + kernel[1] - 1, channels), dtype)


def next_row(cache: jax.Array) -> jax.Array:
    """The cache at the start of the next row. Its newest row holds old values until pixels are put there."""
    return jnp.roll(cache, -1, axis=1)


def put_row(cache: jax.Array, row: jax.Array) -> jax.Array:
    """The cache with a whole new row [B, W, C] below, for `sideways` layers: it is the window of that row."""
    margin = (cache.shape[2] - row.shape[1]) // 2
    return lax.dynamic_update_slice(next_row(cache), row[:, None], (0, cache.shape[1] - 1, margin, 0))


def put_pixel(cache: jax.Array, pixel: jax.Array, column: jax.Array, wide: int) -> jax.Array:
    """The cache with a pixel [B, C] in its newest row, for layers that see the left only."""
    return lax.dynamic_update_slice(cache, pixel[:, None, None], (0, cache.shape[1] - 1, column + wide - 1, 0))


def window(cache: jax.Array, column: jax.Array, wide: int) -> jax.Array:
    """What the output at `column` sees, [B, tall, wide, C]."""
    return lax.dynamic_slice_in_dim(cache, column, wide, axis=2)
