"""Studio-range colours against MATLAB's documented values and the way back."""

import jax
import numpy as np

from jaxgen.ops import colour


def test_known_colours():
    """Black, white, red, green, blue in 8-bit BT.601, from the recommendation's ranges."""
    rgb = np.array([[0, 0, 0], [1, 1, 1], [1, 0, 0], [0, 1, 0], [0, 0, 1]], np.float32)
    eight_bit = [[16, 128, 128], [235, 128, 128], [81, 90, 240], [145, 54, 34], [41, 240, 110]]
    np.testing.assert_allclose(255 * colour.to_ycbcr(rgb), eight_bit, atol=0.51)
    np.testing.assert_allclose(colour.to_ycbcr(rgb)[:, :1], colour.luma(rgb))


def test_there_and_back():
    x = jax.random.uniform(jax.random.key(0), (4, 5, 3))
    np.testing.assert_allclose(colour.from_ycbcr(colour.to_ycbcr(x)), x, atol=2e-6)
