"""Penalties on critics whose gradients are known."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxgen.core import UserError
from jaxgen.objectives import penalties

W = jnp.array([1.0, -2.0, 2.0])


def linear(x):
    return x.reshape(x.shape[0], -1) @ W


def data(count=5):
    keys = jax.random.split(jax.random.key(0), count)
    real = jax.random.normal(jax.random.key(1), (count, 1, 1, 3))
    return real, real + 3.0, keys


def test_a_linear_critic_has_slope_w_everywhere():
    np.testing.assert_allclose(penalties.r1(linear, *data()), 9.0, rtol=1e-6)
    np.testing.assert_allclose(penalties.gradient_penalty(linear, *data()), (3.0 - 1.0) ** 2, rtol=1e-6)


def test_a_unit_slope_costs_nothing_and_its_gradient_is_finite_at_zero_slope():
    assert jnp.max(penalties.gradient_penalty(lambda x: linear(x) / 3.0, *data())) < 1e-10

    def total(scale):
        return jnp.sum(penalties.gradient_penalty(lambda x: scale * linear(x), *data()))

    assert jnp.isfinite(jax.grad(total)(0.0))


def test_r1_looks_at_real_images_and_the_gradient_penalty_between_them():
    def squares(x):
        return 0.5 * jnp.sum(jnp.square(x.reshape(x.shape[0], -1)), axis=1)

    real, fake, keys = data(200)
    np.testing.assert_allclose(penalties.r1(squares, real, fake, keys), jnp.sum(real**2, axis=(1, 2, 3)), rtol=1e-5)
    # grad = x, so with real = 0 and |fake| = 1 the penalty is e^2 for a uniform e.
    zero, one = jnp.zeros((200, 3)), jnp.tile(jnp.array([1.0, 0.0, 0.0]), (200, 1))
    moved = jnp.sort(1.0 - jnp.sqrt(penalties.gradient_penalty(squares, zero, one, keys)))
    assert 0.0 <= moved[0] < 0.05
    assert 0.95 < moved[-1] <= 1.0
    assert jnp.max(jnp.abs(moved - jnp.linspace(0, 1, 200))) < 0.12


@settings(max_examples=10, deadline=None)
@given(st.lists(st.floats(-5, 5), min_size=3, max_size=3), st.floats(0.01, 1.0))
def test_clipping_bounds_every_weight_and_spares_the_inner_ones(values, limit):
    params = {"w": jnp.array(values), "b": jnp.zeros(2)}
    tx = optax.chain(optax.sgd(0.1), penalties.clip(limit))
    updates, _ = tx.update({"w": jnp.zeros(3), "b": jnp.ones(2)}, tx.init(params), params)
    new = optax.apply_updates(params, updates)
    assert jnp.all(jnp.abs(new["w"]) <= limit * (1 + 1e-5) + 1e-6)
    inside = np.abs(values) < limit
    np.testing.assert_allclose(np.asarray(new["w"])[inside], np.asarray(values, np.float32)[inside], atol=1e-6)
    np.testing.assert_allclose(new["b"], max(-0.1, -limit), rtol=1e-5)


@pytest.mark.parametrize(
    ("settings_", "message"),
    [
        (dict(name="gradeint", weight=1.0), "Did you mean 'gradient'"),
        (dict(name="r1"), "positive weight"),
        (dict(name="clip"), "positive bound"),
        (dict(name="r1", weight=1.0, every=0), "1 or more"),
    ],
)
def test_settings_that_mean_nothing_are_refused(settings_, message):
    with pytest.raises(UserError, match=message):
        penalties.build(**settings_)
