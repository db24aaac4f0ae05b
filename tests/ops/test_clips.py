"""Clips as stacks of images."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

from jaxgen.ops import strided
from jaxgen.ops.clips import clips, frames, pick, unfold_time


@pytest.mark.parametrize("kernel", [1, 2, 3])
def test_unfolded_frames_make_a_three_dimensional_convolution(kernel):
    x = jax.random.normal(jax.random.key(0), (2, 5, 6, 4, 3))
    w = jax.random.normal(jax.random.key(1), (kernel, 4, 4, 3, 7))
    layout = ("NDHWC", "DHWIO", "NDHWC")
    padding = [(0, 0), (1, 1), (1, 1)]
    wanted = lax.conv_general_dilated(x, w, (1, 2, 2), padding, dimension_numbers=layout)
    flat = w.transpose(1, 2, 0, 3, 4).reshape(4, 4, kernel * 3, 7)
    unfolded = unfold_time(x, kernel)
    made = clips(strided.down(frames(unfolded), flat, 2), unfolded.shape[1])
    np.testing.assert_allclose(made, wanted, atol=1e-4)


def test_clips_invert_frames_and_pick_takes_one_each():
    x = jnp.arange(24).reshape(2, 3, 4)
    np.testing.assert_array_equal(clips(frames(x), 3), x)
    np.testing.assert_array_equal(pick(x, jnp.array([2, 0])), x[jnp.arange(2), jnp.array([2, 0])])
