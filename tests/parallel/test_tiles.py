"""Tiles cover any image, and a filter of bounded reach sees in them what it sees in the whole."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxgen.parallel import tiles


def blur(image, reach, scale):
    """Sums over (2 reach + 1)^2 pixels, zeros beyond the border, then pixels repeated."""
    padded = np.pad(image, ((reach, reach), (reach, reach), (0, 0)))
    height, width = image.shape[:2]
    total = sum(padded[y : y + height, x : x + width] for y in range(2 * reach + 1) for x in range(2 * reach + 1))
    return total.repeat(scale, 0).repeat(scale, 1)


@given(st.integers(1, 90), st.integers(1, 90), st.integers(0, 4), st.integers(1, 3), st.integers(1, 60))
@settings(max_examples=40, deadline=None)
def test_tiles_give_the_whole(height, width, reach, scale, extra):
    image = np.random.default_rng(0).integers(0, 100, (height, width, 2))
    tile = 2 * reach + extra
    parts, places = tiles.cut(image, tile, reach)
    assert max(parts.shape[1:3]) <= max(tile, 1)
    results = np.stack([blur(part, reach, scale) for part in parts])
    np.testing.assert_array_equal(tiles.join(results, places, image.shape, reach, scale), blur(image, reach, scale))


def test_an_image_that_fits_is_one_tile_of_its_own_size():
    assert tiles.plan(60, 64, 8) == tiles.Plan(60, (0,))


def test_tiles_are_evened_out():
    plan = tiles.plan(384, 320, 20)
    assert plan == tiles.Plan(224, (0, 160))  # not 320 and 320: two of 212, rounded up to a multiple of 32
    assert tiles.plan(1000, 128, 20).size == 128


def test_tiles_that_overlaps_fill():
    with pytest.raises(ValueError, match="filled by overlaps"):
        tiles.plan(100, 16, 8)
