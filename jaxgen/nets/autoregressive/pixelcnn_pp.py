"""PixelCNN++ (Salimans et al. 2017): two streams of causal residual blocks, with changes of resolution and skips.

The stream u sees the rows above, ul everything before the pixel; ul reads u, never the other way. With f the doubled
ELU f(x) = elu([x, -x]), conv a causal convolution and nin a 1x1 convolution, a block is
    (1)  x + a sigmoid(b),   [a, b] = conv(dropout(f(conv(f(x)) + nin(f(aside))))) + label
Levels of `blocks` blocks each go down, halving the resolution between them; on the way up every block reads the output
of its mirror image aside. A level is written once, around the one below it:

    level(x) = way_up(rise(level below(fall(way_down(x)))), skips)

so that in sampling the level below runs for every second row and column only (Ramachandran et al. 2017, "Fast
Generation for Convolutional Autoregressive Models").
"""

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax import lax

from jaxgen.core import UserError
from jaxgen.layers import causal
from jaxgen.layers.causal import CausalConv, CausalUp, NormalDense
from jaxgen.nets.autoregressive.pixelcnn import marked
from jaxgen.nets.roles import Cond
from jaxgen.ops.resample import depth_to_space

TALL, FLAT = (2, 3), (2, 2)
"""Kernels of u and ul."""


def doubled_elu(x: jax.Array) -> jax.Array:
    return nn.elu(jnp.concatenate([x, -x], axis=-1))


class Block(nn.Module):
    """Eq. (1). Over images, `caches` is None; else x is a new row (u) or pixel (ul) and comes with its caches."""

    features: int
    sideways: bool
    dropout: float
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x, aside, label, train, caches=None, column=None):
        settings = dict(normalized=True, dtype=self.dtype)
        kernel = TALL if self.sideways else FLAT
        n = self.features
        made: list[jax.Array] = []

        def conv(x, features, name, gain=1.0):
            layer = CausalConv(features, kernel, self.sideways, gain=gain, name=name, **settings)
            if caches is None:
                return layer(x)
            y, cache = _through(layer, x, caches[len(made)], column, kernel[1])
            made.append(cache)
            return y

        y = conv(doubled_elu(x), n, "conv1")
        if aside is not None:
            y = y + NormalDense(n, dtype=self.dtype, name="aside")(doubled_elu(aside))
        y = nn.Dropout(self.dropout, name="dropout")(doubled_elu(y), deterministic=not train)
        y = conv(y, 2 * n, "conv2", 0.1)
        if label is not None:
            e = nn.Dense(2 * n, use_bias=False, dtype=self.dtype, name="label")(label)
            y = y + e.reshape(e.shape[0], *[1] * (y.ndim - 2), -1)
        a, b = jnp.split(y, 2, axis=-1)
        return x + a * nn.sigmoid(b), made


def _through(layer, x, cache, column, wide):
    """A new row [B, W, C] (column None) or pixel [B, C] -> (the layer's output for it, its new cache)."""
    if column is None:
        cache = causal.put_row(cache, x)
        return layer(cache, True)[:, 0], cache
    cache = causal.put_pixel(cache, x, column, wide)
    return layer(causal.window(cache, column, wide), True)[:, 0, 0], cache


class PixelCNNPP(nn.Module):
    """A `Causal` network over pixels.

    Raises:
      UserError: an image whose sides the levels cannot halve.
    """

    image_shape: tuple[int, int, int]
    outputs: int
    classes: int = 0
    width: int = 160
    levels: int = 3
    blocks: int = 5
    dropout: float = 0.5
    dtype: Any = jnp.float32

    def setup(self):
        step = 2 ** (self.levels - 1)
        if self.levels < 1 or self.blocks < 1 or self.image_shape[0] % step or self.image_shape[1] % step:
            raise UserError(
                f"PixelCNN++ with {self.levels} levels needs image sides divisible by {step}, not "
                f"{self.image_shape[0]}x{self.image_shape[1]}, and at least one level and block; lower net.levels, or "
                "set data.pad or data.size."
            )
        n, common = self.width, dict(normalized=True, dtype=self.dtype)
        self.u_in = CausalConv(n, TALL, True, **common)
        self.above_in = CausalConv(n, (1, 3), True, **common)
        self.left_in = CausalConv(n, (2, 1), False, **common)
        levels, falls = range(self.levels), range(self.levels - 1)
        down = [self.blocks] * self.levels
        up = [self.blocks + 1] * (self.levels - 1) + [self.blocks]
        self.down_u = [[self._block(True) for _ in range(down[i])] for i in levels]
        self.down_ul = [[self._block(False) for _ in range(down[i])] for i in levels]
        self.up_u = [[self._block(True) for _ in range(up[i])] for i in levels]
        self.up_ul = [[self._block(False) for _ in range(up[i])] for i in levels]
        self.fall_u = [CausalConv(n, TALL, True, 2, **common) for _ in falls]
        self.fall_ul = [CausalConv(n, FLAT, False, 2, **common) for _ in falls]
        self.rise_u = [CausalUp(n, True, self.dtype) for _ in falls]
        self.rise_ul = [CausalUp(n, False, self.dtype) for _ in falls]
        self.out = nn.Dense(self.outputs, dtype=jnp.float32)

    def _block(self, sideways):
        return Block(self.width, sideways, self.dropout, self.dtype)

    def _label(self, cond):
        return jax.nn.one_hot(cond["label"], self.classes, dtype=self.dtype) if self.classes else None

    def _head(self, ul):
        return self.out(nn.elu(ul)).astype(jnp.float32)

    def __call__(self, x: jax.Array, cond: Cond, *, train: bool) -> jax.Array:
        x = marked(x, self.dtype)
        lower, later = causal.down(x), causal.right(x)
        ul = self.above_in(lower) + self.left_in(later)
        _, ul = self._level(0, self.u_in(lower), ul, self._label(cond), train)
        return self._head(ul)

    def _level(self, level, u, ul, label, train):
        us, uls = [u], [ul]
        for block_u, block_ul in zip(self.down_u[level], self.down_ul[level], strict=True):
            u, _ = block_u(us[-1], None, label, train)
            ul, _ = block_ul(uls[-1], u, label, train)
            us.append(u)
            uls.append(ul)
        if level < self.levels - 1:
            u, ul = self._level(level + 1, self.fall_u[level](u), self.fall_ul[level](ul), label, train)
            u, ul = _spread(self.rise_u[level](u)), _spread(self.rise_ul[level](ul))
        else:
            u, ul = us.pop(), uls.pop()
        for block_u, block_ul in zip(self.up_u[level], self.up_ul[level], strict=True):
            u, _ = block_u(u, us.pop(), label, train)
            ul, _ = block_ul(ul, jnp.concatenate([u, uls.pop()], axis=-1), label, train)
        return u, ul

    # Sampling. A level's cache holds the windows of its convolutions, and rows of u for the blocks of ul to read aside.

    def init_cache(self, x: jax.Array, *, train: bool = False) -> Any:
        batch, _, width, channels = x.shape

        def empty(kernel, inputs, width=width):
            return causal.empty(batch, width, kernel, inputs, self.dtype)

        cache: dict[str, Any] = {
            "u_in": empty(TALL, channels + 1),
            "above_in": empty((1, 3), channels + 1),
            "left_in": empty((2, 1), channels + 1),
            "above": jnp.zeros((batch, width, self.width), self.dtype),
            "levels": [],
        }
        for level in range(self.levels):
            n, across = self.width, width // 2**level
            row = jnp.zeros((batch, across, n), self.dtype)
            kept: dict[str, Any] = {}
            for way, blocks in (("down", self.down_u[level]), ("up", self.up_u[level])):
                for name, kernel in (("u", TALL), ("ul", FLAT)):
                    kept[f"{way}_{name}"] = [[empty(kernel, 2 * n, across) for _ in range(2)] for _ in blocks]
                kept[f"{way}_rows"] = [row for _ in blocks]
            if level < self.levels - 1:
                kept["fall_u"], kept["fall_ul"] = empty(TALL, n, across), empty(FLAT, n, across)
                for name in ("rise_u", "rise_ul"):
                    kept[name] = jnp.zeros((batch, across // 2, 2, 2, n), self.dtype)
            cache["levels"].append(kept)
        return cache

    def row(self, cache, above: jax.Array, i: jax.Array, cond: Cond, *, train: bool = False):
        x = jnp.where(i > 0, marked(above, self.dtype), 0.0)
        u, u_in = _through(self.u_in, x, cache["u_in"], None, 0)
        ul, above_in = _through(self.above_in, x, cache["above_in"], None, 0)
        _, levels = self._row(0, cache["levels"], u, i, self._label(cond))
        left_in = causal.next_row(cache["left_in"])
        return {"u_in": u_in, "above_in": above_in, "left_in": left_in, "above": ul, "levels": levels}

    def _row(self, level, caches, u, i, label):
        """u at row i of a level, [B, W, F], and the caches of this level and those below."""
        old, below = caches[0], caches[1:]
        new = {**old, "down_u": [], "up_u": [], "down_rows": [], "up_rows": []}
        for name in ("down_ul", "up_ul"):
            new[name] = jax.tree.map(causal.next_row, old[name])
        us = [u]
        for block, kept in zip(self.down_u[level], old["down_u"], strict=True):
            u, kept = block(us[-1], None, label, False, kept)
            new["down_u"].append(kept)
            new["down_rows"].append(u)
            us.append(u)
        if level < self.levels - 1:
            new["fall_ul"] = causal.next_row(old["fall_ul"])
            new["fall_u"] = causal.put_row(old["fall_u"], u)

            def go_below(net, rise, below):
                u = net.fall_u[level](new["fall_u"], True)[:, 0]
                u, below = net._row(level + 1, below, u, i // 2, label)
                return net.rise_u[level](u), below

            new["rise_u"], below = nn.cond(
                i % 2 == 0, go_below, lambda net, rise, below: (rise, below), self, old["rise_u"], below
            )
            part = lax.dynamic_index_in_dim(new["rise_u"], i % 2, axis=2, keepdims=False)  # [B, W / 2, 2, F]
            u = part.reshape(part.shape[0], -1, part.shape[-1])
        else:
            u = us.pop()
        for block, kept in zip(self.up_u[level], old["up_u"], strict=True):
            u, kept = block(u, us.pop(), label, False, kept)
            new["up_u"].append(kept)
            new["up_rows"].append(u)
        return u, [new, *below]

    def step(self, cache, before: jax.Array, i: jax.Array, j: jax.Array, cond: Cond, *, train: bool = False):
        x = jnp.where(j > 0, marked(before, self.dtype), 0.0)
        left, left_in = _through(self.left_in, x, cache["left_in"], j, 1)
        ul, levels = self._pixel(0, cache["levels"], _at(cache["above"], j) + left, i, j, self._label(cond))
        return {**cache, "left_in": left_in, "levels": levels}, self._head(ul)

    def _pixel(self, level, caches, ul, i, j, label):
        """ul at pixel (i, j) of a level, [B, F], and the caches of this level and those below."""
        old, below = caches[0], caches[1:]
        new = {**old, "down_ul": [], "up_ul": []}
        uls = [ul]
        for block, kept, row in zip(self.down_ul[level], old["down_ul"], old["down_rows"], strict=True):
            ul, kept = block(uls[-1], _at(row, j), label, False, kept, j)
            new["down_ul"].append(kept)
            uls.append(ul)
        if level < self.levels - 1:
            new["fall_ul"] = causal.put_pixel(old["fall_ul"], ul, j, FLAT[1])

            def go_below(net, rise, below):
                ul = net.fall_ul[level](causal.window(new["fall_ul"], j, FLAT[1]), True)[:, 0, 0]
                ul, below = net._pixel(level + 1, below, ul, i // 2, j // 2, label)
                four = net.rise_ul[level](ul)
                return lax.dynamic_update_slice_in_dim(rise, four[:, None], j // 2, axis=1), below

            due = (i % 2 == 0) & (j % 2 == 0)
            new["rise_ul"], below = nn.cond(
                due, go_below, lambda net, rise, below: (rise, below), self, old["rise_ul"], below
            )
            ul = _at(lax.dynamic_index_in_dim(_at(new["rise_ul"], j // 2), i % 2, axis=1, keepdims=False), j % 2)
        else:
            ul = uls.pop()
        for block, kept, row in zip(self.up_ul[level], old["up_ul"], old["up_rows"], strict=True):
            aside = jnp.concatenate([_at(row, j), uls.pop()], axis=-1)
            ul, kept = block(ul, aside, label, False, kept, j)
            new["up_ul"].append(kept)
        return ul, [new, *below]


def _at(x, index):
    """x[:, index]."""
    return lax.dynamic_index_in_dim(x, index, axis=1, keepdims=False)


def _spread(x):
    """[B, H, W, 2, 2, C] -> [B, 2 H, 2 W, C]."""
    return depth_to_space(x.reshape(*x.shape[:3], -1), 2)
