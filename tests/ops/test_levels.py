"""Grey levels, and a binarisation that is drawn once and for all."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgen.ops.images import to_float, to_uint8
from jaxgen.ops.levels import from_index, quantize, static_coins, to_index


@pytest.mark.parametrize("levels", [2, 3, 17, 256])
def test_indices_round_trip_also_through_bytes(levels):
    v = jnp.arange(levels)
    x = from_index(v, levels)
    assert (float(x[0]), float(x[-1])) == (-1.0, 1.0)
    np.testing.assert_array_equal(to_index(x, levels), v)
    np.testing.assert_array_equal(to_index(to_float(to_uint8(x)), levels), v)
    np.testing.assert_array_equal(quantize(x + 0.4 / levels, levels), x)


def test_static_coins_depend_on_the_image_alone_and_follow_its_grey_values():
    rng = np.random.default_rng(0)
    images = to_float(jnp.asarray(rng.integers(0, 256, (400, 4, 4, 1)), jnp.uint8))
    coins = jax.jit(static_coins)(images)
    assert set(np.unique(coins)) == {-1.0, 1.0}
    np.testing.assert_array_equal(static_coins(images[::-1][:7]), coins[::-1][:7])
    # P(white) is the grey value: among pixels of one range of greys the mean of the coins is the mean of the greys.
    for low in np.arange(-1, 1, 0.25):
        inside = (images >= low) & (images < low + 0.25)
        deviation = float(jnp.sqrt(jnp.mean(1 - images**2, where=inside) / inside.sum()))
        assert abs(float(coins.mean(where=inside) - images.mean(where=inside))) < 4 * deviation + 1e-6
