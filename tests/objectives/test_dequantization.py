"""Dequantisation: levels and pictures, the two variables, the density of logistic noise."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgen.objectives import dequantization as dq
from jaxgen.ops.images import to_float, to_uint8

ALL = jnp.arange(256, dtype=jnp.uint8).reshape(1, 16, 16, 1)


@pytest.mark.parametrize("bits", [1, 4, 8])
def test_any_noise_keeps_the_level(bits):
    level = dq.levels(to_float(ALL), bits)
    np.testing.assert_array_equal(level, np.asarray(ALL) >> (8 - bits))
    shown = [dq.picture((level + u) / 2**bits, bits) for u in (0.0, 0.5, 0.999)]
    np.testing.assert_array_equal(shown[0], shown[1])
    np.testing.assert_array_equal(shown[0], shown[2])
    assert (np.min(shown[0]), np.max(shown[0])) == (-1.0, 1.0)
    if bits == 8:
        np.testing.assert_array_equal(to_uint8(shown[0]), ALL)


@pytest.mark.parametrize("alpha", [0.0, 0.05])
def test_the_models_variable_has_the_slope_it_states(alpha):
    y = jnp.linspace(0.01, 0.99, 12).reshape(2, 3, 2, 1)
    w, log_det = dq.forward(y, alpha)
    np.testing.assert_allclose(dq.backward(w, alpha), y, atol=1e-6)
    slopes = jax.vmap(jax.grad(lambda v: dq.forward(v.reshape(1, 1), alpha)[0][0, 0]))(y.ravel()).reshape(2, 6)
    np.testing.assert_allclose(log_det, np.log(slopes).sum(1), rtol=1e-5)
    assert np.all(np.isfinite(dq.forward(jnp.array([[0.0, 1.0]]), alpha)[0])) or not alpha


def test_the_density_of_logistic_noise_integrates_to_one():
    e = jnp.linspace(-6.0, 6.0, 20001)[:, None]
    logits = 0.7 + 1.3 * e + 0.2 * jnp.sin(e)
    slope = jnp.log(1.3 + 0.2 * jnp.cos(e))[:, 0]
    u, log_q = dq.logistic_noise(e, logits, slope)
    np.testing.assert_allclose(np.trapezoid(np.exp(log_q), u[:, 0]), 1.0, atol=1e-3)
