"""Images of any size through a network of bounded reach: overlapping tiles out, the results' inner parts back together.

An axis of L pixels is cut into tiles of t > 2 m pixels with overlap m: of each tile's result the outer m pixels are
thrown away, except where they lie at the border of the image. So the image is covered, and every kept pixel saw what it
would have seen in the whole image, its border included.
"""

import itertools
from typing import NamedTuple

import numpy as np

ROUND = 32
"""Tiles are evened out over an axis, up to a multiple of this: few sizes, few compiled programs."""


class Plan(NamedTuple):
    """Tiles of one axis."""

    size: int
    starts: tuple[int, ...]


def plan(length: int, tile: int, overlap: int) -> Plan:
    """Tiles of at most `tile` pixels that cover `length`; one of exactly `length` where that suffices.

    Raises:
      ValueError: a tile that its overlaps fill.
    """
    if length <= tile:
        return Plan(length, (0,))
    if tile <= 2 * overlap:
        raise ValueError(f"tiles of {tile} pixels are filled by overlaps of {overlap}")
    count = -(-(length - 2 * overlap) // (tile - 2 * overlap))
    even = -(-(length - 2 * overlap) // count) + 2 * overlap
    size = min(tile, -(-even // ROUND) * ROUND)
    step = size - 2 * overlap
    return Plan(size, tuple(min(i * step, length - size) for i in range(count)))


def cut(image: np.ndarray, tile: int, overlap: int) -> tuple[np.ndarray, list[tuple[int, int]]]:
    """[H, W, C] -> (tiles [n, h, w, C], (top, left) of each, row by row)."""
    rows, columns = (plan(length, tile, overlap) for length in image.shape[:2])
    places = list(itertools.product(rows.starts, columns.starts))
    return np.stack([image[y : y + rows.size, x : x + columns.size] for y, x in places]), places


def join(
    results: np.ndarray, places: list[tuple[int, int]], shape: tuple[int, ...], overlap: int, scale: int = 1
) -> np.ndarray:
    """The image whose tiles are `results`.

    Args:
      results: [n, scale h, scale w, C] for the tiles and places of `cut`.
      shape: of the image that was cut.
    """
    whole = np.empty((shape[0] * scale, shape[1] * scale, results.shape[-1]), results.dtype)
    for result, (top, left) in zip(results, places, strict=True):
        # Later tiles write over the far borders of earlier ones.
        y, x = (start + (overlap if start else 0) for start in (top, left))
        inner = result[(y - top) * scale :, (x - left) * scale :]
        whole[y * scale : y * scale + inner.shape[0], x * scale : x * scale + inner.shape[1]] = inner
    return whole
