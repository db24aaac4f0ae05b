"""Means of long sums, which float32 rounds the same way at every step."""

import jax
import jax.numpy as jnp
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxgen.ops import norm


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**31 - 1), st.floats(-300, 300, width=32), st.floats(0, 1))
def test_mean_twice_is_right_to_the_last_digit_of_the_largest_term(seed, background, blank):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(32, 16, 16, 2)).astype(np.float32)
    x[rng.random(x.shape) < blank] = background
    got = np.asarray(jax.jit(norm.mean_twice)(jnp.asarray(x)), np.float64)
    want = x.astype(np.float64).mean((0, 1, 2))
    assert np.all(np.abs(got - want) <= np.finfo(np.float32).eps * np.maximum(np.abs(want), np.abs(x).max() / 4))


def test_mean_twice_keeps_what_a_plain_sum_of_equal_terms_loses():
    x = jnp.full((2**17, 1), 0.1, jnp.float32)
    assert float(norm.mean_twice(x)[0]) == float(np.float32(0.1))
