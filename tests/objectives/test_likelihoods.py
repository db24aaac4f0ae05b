"""Likelihoods against exact sums, scipy's distributions and the law of large numbers."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxgen.core import UserError
from jaxgen.objectives.likelihoods import LIKELIHOODS, bernoulli, discretized_logistic, gaussian

LEVELS = (np.arange(256) / 127.5 - 1.0).astype(np.float32)


def keys(count, seed=0):
    return jax.random.split(jax.random.key(seed), count)


def every_level(mean, log_scale):
    """log P of each of the 256 levels for one pixel."""
    params = jnp.tile(jnp.array([mean, log_scale], jnp.float32), (256, 1, 1, 1))
    return discretized_logistic().log_prob(params, jnp.asarray(LEVELS)[:, None, None, None])


@settings(max_examples=25, deadline=None)
@given(st.floats(-1.5, 1.5), st.floats(-7, 4))
def test_discretized_logistic_sums_to_one(mean, log_scale):
    log_p = every_level(mean, log_scale)
    assert np.all(np.isfinite(log_p))
    np.testing.assert_allclose(np.exp(np.asarray(log_p, np.float64)).sum(), 1.0, atol=2e-5)


@pytest.mark.parametrize(("mean", "log_scale"), [(0.1, -1.0), (-0.9, -4.0), (1.3, -2.0)])
def test_discretized_logistic_is_a_difference_of_cumulatives(mean, log_scale):
    edges = (np.arange(257) - 0.5) / 127.5 - 1.0
    edges[0], edges[-1] = -np.inf, np.inf
    cumulative = scipy.stats.logistic(mean, np.exp(log_scale)).cdf(edges)
    mass, got = np.diff(cumulative), np.exp(np.asarray(every_level(mean, log_scale), np.float64))
    np.testing.assert_allclose(got, mass, rtol=2e-3, atol=1e-7)


def test_discretized_logistic_keeps_gradients_far_from_the_mean():
    def far(mean):
        return discretized_logistic().log_prob(jnp.stack([mean, -7.0])[None, None, None], jnp.ones((1, 1, 1, 1)) * 0.2)[
            0
        ]

    value, slope = jax.value_and_grad(far)(jnp.float32(-0.8))
    assert np.isfinite(value)
    np.testing.assert_allclose(slope, np.exp(7.0), rtol=1e-3)  # the logistic's tail falls by 1 / s


def test_discretized_logistic_draws_follow_its_own_probabilities():
    model, count = discretized_logistic(), 20000
    params = jnp.tile(jnp.array([0.8, -1.5], jnp.float32), (count, 1, 1, 1))
    draws = np.asarray(model.sample(params, keys(count))).ravel()
    index = np.rint((draws + 1) * 127.5).astype(int)
    np.testing.assert_allclose(draws, LEVELS[index], atol=1e-6)
    p = np.exp(np.asarray(every_level(0.8, -1.5), np.float64))
    assert abs((index == 255).mean() - p[255]) < 5 * np.sqrt(p[255] / count)
    assert abs(index.mean() - p @ np.arange(256)) < 5 * index.std() / np.sqrt(count)


@pytest.mark.parametrize("sigma", [0.3, 0.0])
def test_gaussian_is_the_normal_density(sigma):
    rng = np.random.default_rng(0)
    model = gaussian(sigma=sigma, floor=1e-4)
    x = rng.uniform(-1, 1, (3, 2, 2, 2)).astype(np.float32)
    params = rng.normal(size=(3, 2, 2, 2 * model.parameters)).astype(np.float32)
    scale = sigma or np.exp(params[..., 2:]) + 1e-4
    want = scipy.stats.norm(params[..., :2], scale).logpdf(x).sum((1, 2, 3))
    np.testing.assert_allclose(model.log_prob(params, x), want, rtol=1e-4)


def test_gaussian_floor_bounds_the_density():
    model = gaussian(floor=0.01)
    params = jnp.array([0.0, -50.0]).reshape(1, 1, 1, 2)
    peak = scipy.stats.norm(0, 0.01).logpdf(0)
    np.testing.assert_allclose(model.log_prob(params, jnp.zeros((1, 1, 1, 1)))[0], peak, rtol=1e-3)
    with pytest.raises(UserError, match="sigma"):
        gaussian(sigma=-1.0)


def test_bernoulli_matches_scipy_on_black_and_white():
    rng = np.random.default_rng(1)
    logits = rng.normal(size=(4, 3, 3, 1)).astype(np.float32) * 3
    white = rng.integers(0, 2, (4, 3, 3, 1))
    want = scipy.stats.bernoulli(1 / (1 + np.exp(-logits))).logpmf(white).sum((1, 2, 3))
    np.testing.assert_allclose(bernoulli().log_prob(logits, white * 2.0 - 1.0), want, rtol=1e-4)


def test_bernoulli_observes_black_and_white_pixels_with_the_grey_value_as_mean():
    x = jnp.tile(jnp.array([-1.0, -0.5, 0.2, 1.0]).reshape(1, 2, 2, 1), (4000, 1, 1, 1))
    seen = np.asarray(bernoulli().observe(x, keys(4000)))
    assert set(np.unique(seen)) == {-1.0, 1.0}
    np.testing.assert_allclose(seen.mean(0), x[0], atol=0.06)
    assert np.all(seen[:, 0, 0] == -1)
    assert np.all(seen[:, 1, 1] == 1)


def test_soft_targets_are_the_mean_over_draws():
    model, soft = bernoulli(), bernoulli(binarize=False)
    x = jnp.tile(jnp.array([-0.5, 0.2]).reshape(1, 1, 2, 1), (8000, 1, 1, 1))
    logits = jnp.tile(jnp.array([0.7, -1.1]).reshape(1, 1, 2, 1), (8000, 1, 1, 1))
    drawn = model.log_prob(logits, model.observe(x, keys(8000))).mean()
    np.testing.assert_allclose(soft.log_prob(logits, soft.observe(x, keys(8000)))[0], drawn, atol=0.03)


@pytest.mark.parametrize("name", LIKELIHOODS)
def test_an_example_depends_on_its_own_key_alone(name):
    model = LIKELIHOODS[name]()
    params = jax.random.normal(jax.random.key(0), (6, 4, 4, 2 * model.parameters))
    x = jnp.tanh(jax.random.normal(jax.random.key(1), (6, 4, 4, 2)))
    for fn, value in ((model.sample, params), (model.observe, x)):
        whole = fn(value, keys(6))
        assert whole.shape == (6, 4, 4, 2)
        assert np.abs(whole).max() <= 1.0
        np.testing.assert_array_equal(whole[2:4], fn(value[2:4], keys(6)[2:4]))
    assert model.log_prob(params, x).shape == (6,)
    assert model.log_prob(params.astype(jnp.bfloat16), x).dtype == jnp.float32
    assert np.abs(model.mean(params)).max() <= 1.0


def test_bernoulli_mean_is_the_mean_of_its_draws():
    params = jnp.tile(jnp.array([-2.0, 0.5]).reshape(1, 1, 2, 1), (8000, 1, 1, 1))
    draws = bernoulli().sample(params, keys(8000))
    np.testing.assert_allclose(draws.mean(0), bernoulli().mean(params)[0], atol=0.06)
