"""Neighbours on a grid, pixel by pixel."""

import itertools

import jax.numpy as jnp
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxgen.ops.grids import bipartite, checkerboard, shift


@given(st.integers(-4, 4), st.integers(-4, 4), st.booleans())
@settings(max_examples=12, deadline=None)
def test_shift_reads_the_neighbour_or_zero(rows, columns, batched):
    x = np.arange(1.0, 13.0).reshape(3, 4)
    found = np.asarray(shift(jnp.asarray(x[None] if batched else x), (rows, columns), int(batched))).reshape(3, 4)
    for i, j in itertools.product(range(3), range(4)):
        inside = 0 <= i + rows < 3 and 0 <= j + columns < 4
        assert found[i, j] == (x[i + rows, j + columns] if inside else 0)


def test_neighbours_differ_in_colour():
    colours = np.asarray(checkerboard(5, 6))
    assert bipartite([(0, 1), (1, 0), (2, -1), (3, 0)])
    assert not bipartite([(0, 1), (1, 1)])
    for (i, j), (rows, columns) in itertools.product(np.ndindex(2, 3), ((0, 1), (1, 0), (2, 1), (3, 0))):
        assert colours[i, j] != colours[i + rows, j + columns]
