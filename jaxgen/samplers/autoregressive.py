"""Pixels one after another in raster order, each drawn given those before it.

    p(x) = prod_{i, j} p(x_ij | x_<ij)

`cached` keeps the activations of a causal network between pixels and computes only what is new: one compiled scan over
rows and, within it, over columns. `uncached` runs the whole network for every pixel, H W times as much work; it is the
definition that the other is tested against.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxgen.core import each


class Steps(NamedTuple):
    """A causal network with everything but the pixels filled in; see the role `Causal`."""

    init: Callable[[], Any]
    """() -> cache"""
    row: Callable[[Any, jax.Array, jax.Array], Any]
    """(cache, row above [B, W, C], i) -> cache"""
    step: Callable[[Any, jax.Array, jax.Array, jax.Array], tuple[Any, jax.Array]]
    """(cache, pixel before [B, C], i, j) -> (cache, parameters [B, P])"""


Draw = Callable[[jax.Array, jax.Array], jax.Array]
"""(parameters [B, P], keys [B]) -> pixels [B, C]"""
Known = tuple[jax.Array, jax.Array]
"""(images [B, H, W, C], mask [B, H, W, 1]): where the mask is 1, pixels are taken from the images."""


def cached(
    steps: Steps, draw: Draw, keys: jax.Array, shape: tuple[int, int, int], known: Known | None = None
) -> jax.Array:
    """Images float32 [B, *shape]; pixel (i, j) of example b is drawn with fold_in(keys[b], i W + j)."""
    height, width, channels = shape
    batch = keys.shape[0]
    images, mask = known or (jnp.zeros((batch, *shape)), jnp.zeros((batch, *shape[:2], 1)))

    def one_row(carry, item):
        cache, above = carry
        i, given, keep = item
        cache = steps.row(cache, above, i)

        def one_pixel(carry, item):
            cache, before = carry
            j, given, keep = item
            cache, params = steps.step(cache, before, i, j)
            pixel = jnp.where(keep > 0.5, given, draw(params, folded(keys, i * width + j)))
            return (cache, pixel), pixel

        across = (jnp.arange(width), jnp.moveaxis(given, 1, 0), jnp.moveaxis(keep, 1, 0))
        (cache, _), row = jax.lax.scan(one_pixel, (cache, jnp.zeros((batch, channels))), across)
        row = jnp.moveaxis(row, 0, 1)
        return (cache, row), row

    downwards = (jnp.arange(height), jnp.moveaxis(images, 1, 0), jnp.moveaxis(mask, 1, 0))
    start = (steps.init(), jnp.zeros((batch, width, channels)))
    _, rows = jax.lax.scan(one_row, start, downwards)
    return jnp.moveaxis(rows, 0, 1)


def uncached(
    net: Callable[[jax.Array], jax.Array],
    draw: Draw,
    keys: jax.Array,
    shape: tuple[int, int, int],
    known: Known | None = None,
) -> jax.Array:
    """What `cached` draws, by a full pass of `net` ([B, H, W, C] -> [B, H, W, P]) per pixel."""
    height, width, _ = shape
    batch = keys.shape[0]
    images, mask = known or (jnp.zeros((batch, *shape)), jnp.zeros((batch, *shape[:2], 1)))

    def one_pixel(x, index):
        i, j = index // width, index % width
        pixel = draw(net(x)[:, i, j], folded(keys, index))
        pixel = jnp.where(mask[:, i, j] > 0.5, images[:, i, j], pixel)
        return x.at[:, i, j].set(pixel), None

    x, _ = jax.lax.scan(one_pixel, jnp.zeros((batch, *shape)), jnp.arange(height * width))
    return x


def folded(keys: jax.Array, index: jax.Array) -> jax.Array:
    return each(jax.random.fold_in, keys, index)
