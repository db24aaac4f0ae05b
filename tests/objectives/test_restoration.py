"""Pixel losses at known errors."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgen.objectives import restoration

X = jnp.zeros((2, 4, 4, 3))


@pytest.mark.parametrize(("name", "value"), [("l1", 0.5), ("l2", 0.25), ("charbonnier", math.hypot(0.5, 1e-3))])
def test_a_constant_error(name, value):
    loss = restoration.LOSSES[name](X, X + jnp.array([0.5, -0.5]).reshape(2, 1, 1, 1))
    np.testing.assert_allclose(loss, [value, value], rtol=1e-6)


def test_psnr_is_that_of_the_evaluation():
    from jaxgen import evals

    x, y = np.random.default_rng(0).uniform(-1, 1, (2, 3, 5, 5, 1)).astype(np.float32)
    np.testing.assert_allclose(restoration.psnr(x, y), evals.psnr(x, y, data_range=2.0), rtol=1e-5)


def test_charbonnier_is_smooth_at_zero():
    slope = jax.grad(lambda x: restoration.charbonnier(x, X).sum())(X)
    np.testing.assert_array_equal(slope, 0)
