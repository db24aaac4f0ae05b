"""Bicubic resizing against Pillow's antialiased kernel, published taps, and what any resizer must do."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from jaxgen.ops import bicubic


def pillow(x, size):
    """float32 [H, W] by Pillow's BICUBIC (a = -0.5, widened when it shrinks) in its float mode; it clips the border."""
    return np.asarray(Image.fromarray(x, mode="F").resize(size[::-1], Image.Resampling.BICUBIC))


@pytest.mark.parametrize(
    ("shape", "size"),
    [((36, 48), (18, 24)), ((36, 48), (12, 16)), ((36, 48), (9, 12)), ((18, 24), (54, 72)), ((30, 40), (21, 52))],
)
def test_pillow_agrees_away_from_borders(shape, size):
    x = np.random.default_rng(0).uniform(0, 255, shape).astype(np.float32)
    ours = np.asarray(bicubic.resize(x[None, ..., None], size))[0, ..., 0]
    inner = tuple(slice(edge, -edge) for edge in (max(3, 3 * new // old) for old, new in zip(shape, size)))
    assert ours[inner].size >= 18
    np.testing.assert_allclose(ours[inner], pillow(x, size)[inner], atol=1e-3)


def test_known_taps():
    """Halving: the taps of a = -0.5 at eighths, as textbooks tabulate them; doubling: -9, 111, 29, -3 of 128."""
    down = bicubic.weights(16, 8, Fraction(1, 2))[4]
    np.testing.assert_allclose(down[5:13] * 256, [-3, -9, 29, 111, 111, 29, -9, -3], atol=1e-12)
    up = bicubic.weights(8, 16, Fraction(2))
    np.testing.assert_allclose(up[8, 2:6] * 128, [-3, 29, 111, -9], atol=1e-12)
    np.testing.assert_allclose(up[9, 3:7] * 128, [-9, 111, 29, -3], atol=1e-12)


def test_borders_are_mirrored_with_their_pixel_repeated():
    x = np.random.default_rng(1).normal(size=(1, 6, 9, 2)).astype(np.float32)
    wide = np.pad(x, ((0, 0), (6, 6), (9, 9), (0, 0)), mode="symmetric")
    for scale in (Fraction(1, 3), 2):
        whole = np.asarray(bicubic.rescale(wide, scale))
        rows, columns = int(6 * scale), int(9 * scale)
        np.testing.assert_allclose(
            whole[:, rows : 2 * rows, columns : 2 * columns], bicubic.rescale(x, scale), atol=1e-5
        )


@given(st.integers(1, 40), st.integers(1, 40), st.floats(-3, 3), st.floats(-3, 3))
@settings(max_examples=25, deadline=None)
def test_constants_and_order_survive(length, out, value, slope):
    matrix = bicubic.weights(length, out, Fraction(out, length))
    np.testing.assert_allclose(matrix @ np.full(length, value), np.full(out, value), atol=1e-9)
    np.testing.assert_allclose(matrix, matrix[::-1, ::-1], atol=1e-9)  # mirrored in, mirrored out
    centre = (np.arange(out) + 0.5) * length / out - 0.5
    reach = 2 * max(1, length / out) + 1
    inner = (centre > reach) & (centre < length - 1 - reach)
    # Enlarging reproduces straight lines (and parabolas); shrinking by whole factors does, by symmetry.
    if out >= length or length % out == 0:
        np.testing.assert_allclose((matrix @ (slope * np.arange(length)))[inner], (slope * centre)[inner], atol=1e-8)


def test_sizes():
    x = np.zeros((1, 10, 7, 3), np.float32)
    assert bicubic.rescale(x, Fraction(1, 3)).shape == (1, 4, 3, 3)  # rounded up, as MATLAB does
    assert bicubic.rescale(x, 1.5).shape == (1, 15, 11, 3)
    assert bicubic.resize(x, (1, 20)).shape == (1, 1, 20, 3)
    with pytest.raises(ValueError, match="cannot"):
        bicubic.rescale(x, 0)
    with pytest.raises(ValueError, match="cannot"):
        bicubic.resize(x, (0, 4))
