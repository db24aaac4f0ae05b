"""Gated PixelCNN (van den Oord et al. 2016, "Conditional Image Generation with PixelCNN Decoders").

Two stacks of masked convolutions: the vertical one sees all rows above, the horizontal one the row so far and, through
1x1 convolutions, the vertical one. Together they see everything before the pixel: there is no blind spot. Layer k, with
`*` a masked convolution, y = tanh(a) sigmoid(b) the gate of y's two halves, and e a label's embedding:
    (1)  u = W_k * v_{k-1};   v_k = gate(u + e_k)
    (2)  h_k = h_{k-1} + A_k gate(U_k * h_{k-1} + B_k u + f_k)
The first layer has a larger kernel, reads the image (and a channel of ones that tells where it ends), and has no
residual connection. The output is two 1x1 convolutions of h.
"""

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from jaxgen.core import UserError
from jaxgen.layers import causal
from jaxgen.layers.causal import CausalConv
from jaxgen.nets.roles import Cond


def gate(x: jax.Array) -> jax.Array:
    a, b = jnp.split(x, 2, axis=-1)
    return jnp.tanh(a) * nn.sigmoid(b)


class Vertical(nn.Module):
    """Eq. (1): [B, H, W, I] or a window -> (v, u), [..., features] and [..., 2 features]."""

    features: int
    kernel: tuple[int, int]
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, v: jax.Array, label: jax.Array | None, window: bool = False):
        n = 2 * self.features
        u = CausalConv(n, self.kernel, True, dtype=self.dtype, name="conv")(v, window)
        return gate(u + _embed(label, n, self.dtype)), u


class Horizontal(nn.Module):
    """Eq. (2): what the convolution reads (images, or a window), its residual input and u -> h, [..., features]."""

    features: int
    kernel: tuple[int, int]
    residual: bool = True
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, h: jax.Array, u: jax.Array, label: jax.Array | None, window: bool = False):
        n = 2 * self.features
        y = CausalConv(n, self.kernel, False, dtype=self.dtype, name="conv")(h, window)
        y = y + nn.Dense(n, dtype=self.dtype, name="from_vertical")(u) + _embed(label, n, self.dtype)
        y = nn.Dense(self.features, dtype=self.dtype, name="out")(gate(y))
        return y + h[:, -y.shape[1] :, -y.shape[2] :] if self.residual else y


def _embed(label, features, dtype):
    """One-hot labels [B, classes] -> [B, 1, 1, features]; 0 without labels."""
    if label is None:
        return 0.0
    return nn.Dense(features, use_bias=False, dtype=dtype, name="label")(label)[:, None, None]


class PixelCNN(nn.Module):
    """A `Causal` network over pixels.

    Raises:
      UserError: kernels that are not odd, or no layer.
    """

    image_shape: tuple[int, int, int]
    outputs: int
    """Distribution parameters per pixel."""
    classes: int = 0
    width: int = 32
    layers: int = 7
    """Including the first."""
    first: int = 7
    """Kernel of the first layer."""
    kernel: int = 3
    """Kernel of the others."""
    head: int = 0
    """Channels between the two 1x1 convolutions of the output; 0 takes `width`."""
    dropout: float = 0.0
    dtype: Any = jnp.float32

    def setup(self):
        if self.first % 2 == 0 or self.kernel % 2 == 0 or min(self.first, self.kernel) < 3 or self.layers < 1:
            raise UserError("A PixelCNN needs odd kernels of 3 or more (net.first, net.kernel) and at least one layer.")
        k, half = self.kernel, self.first // 2
        tall = [(half, self.first)] + [(k // 2 + 1, k)] * (self.layers - 1)
        flat = [(1, half)] + [(1, k // 2 + 1)] * (self.layers - 1)
        self.kernels = tuple(zip(tall, flat, strict=True))
        self.vertical = [Vertical(self.width, v, self.dtype) for v, _ in self.kernels]
        self.horizontal = [Horizontal(self.width, h, i > 0, self.dtype) for i, (_, h) in enumerate(self.kernels)]
        self.hidden = nn.Dense(self.head or self.width, dtype=self.dtype)
        self.out = nn.Dense(self.outputs, dtype=jnp.float32)
        self.drop = nn.Dropout(self.dropout)

    def __call__(self, x: jax.Array, cond: Cond, *, train: bool) -> jax.Array:
        label = self._label(cond)
        x = marked(x, self.dtype)
        v, h = causal.down(x), causal.right(x)
        for vertical, horizontal in zip(self.vertical, self.horizontal, strict=True):
            v, u = vertical(v, label)
            h = self.drop(horizontal(h, u, label), deterministic=not train)
        return self._head(h)

    def _head(self, h):
        return self.out(nn.relu(self.hidden(nn.relu(h)))).astype(jnp.float32)

    def _label(self, cond):
        return jax.nn.one_hot(cond["label"], self.classes, dtype=self.dtype) if self.classes else None

    def init_cache(self, x: jax.Array, *, train: bool = False) -> Any:
        batch, _, width, channels = x.shape
        caches = []
        for index, (tall, flat) in enumerate(self.kernels):
            inputs = self.width if index else channels + 1
            caches.append(
                {
                    "vertical": causal.empty(batch, width, tall, inputs, self.dtype),
                    "horizontal": causal.empty(batch, width, flat, inputs, self.dtype),
                    "u": jnp.zeros((batch, width, 2 * self.width), self.dtype),
                }
            )
        return caches

    def row(self, cache, above: jax.Array, i: jax.Array, cond: Cond, *, train: bool = False):
        label, made = self._label(cond), []
        v = jnp.where(i > 0, marked(above, self.dtype), 0.0)
        for vertical, old in zip(self.vertical, cache, strict=True):
            window = causal.put_row(old["vertical"], v)
            v, u = (y[:, 0] for y in vertical(window, label, True))
            made.append({**old, "vertical": window, "u": u})
        return made

    def step(self, cache, before: jax.Array, i: jax.Array, j: jax.Array, cond: Cond, *, train: bool = False):
        label, made = self._label(cond), []
        h = jnp.where(j > 0, marked(before, self.dtype), 0.0)
        for horizontal, old, (_, (_, wide)) in zip(self.horizontal, cache, self.kernels, strict=True):
            kept = causal.put_pixel(old["horizontal"], h, j, wide)
            u = jax.lax.dynamic_slice_in_dim(old["u"], j, 1, axis=1)[:, None]
            h = horizontal(causal.window(kept, j, wide), u, label, True)[:, 0, 0]
            made.append({**old, "horizontal": kept})
        return made, self._head(h)


def marked(x: jax.Array, dtype: Any) -> jax.Array:
    """Pixels [..., C] with a channel of ones, which tells the image from the zeros around it."""
    return jnp.concatenate([x.astype(dtype), jnp.ones((*x.shape[:-1], 1), dtype)], axis=-1)
