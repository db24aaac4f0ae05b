"""Distributions of a pixel: total mass, closed forms, draws against probabilities."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.special
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxgen.core import UserError
from jaxgen.objectives.likelihoods import discretized_logistic
from jaxgen.objectives.pixels import PIXELS, categorical, logistic_mixture
from jaxgen.ops.levels import from_index


def every(levels, channels):
    """All pixels, [levels^channels, channels]."""
    grid = np.array(list(itertools.product(range(levels), repeat=channels)))
    return from_index(jnp.asarray(grid), levels)


@settings(max_examples=15, deadline=None)
@given(st.sampled_from([(2, 1), (17, 1), (256, 1), (5, 3), (9, 2)]), st.floats(0.1, 6.0), st.integers(0, 99))
def test_a_logistic_mixture_sums_to_one(shape, scale, seed):
    levels, channels = shape
    pixels = logistic_mixture(channels, levels=levels, mixtures=3)
    params = scale * jax.random.normal(jax.random.key(seed), (pixels.parameters,))
    x = every(levels, channels)
    log_p = pixels.log_prob(jnp.broadcast_to(params, (len(x), pixels.parameters)), x)
    np.testing.assert_allclose(np.exp(np.asarray(log_p, np.float64)).sum(), 1.0, atol=5e-5)


def test_one_component_is_the_discretised_logistic():
    pixels, one = logistic_mixture(1, mixtures=1), discretized_logistic()
    x = every(256, 1)[:, None, None]
    mean_and_scale = jnp.broadcast_to(jnp.array([0.3, -2.5]), (256, 1, 1, 2))
    params = jnp.concatenate([jnp.ones((256, 1, 1, 1)), mean_and_scale], -1)
    np.testing.assert_allclose(pixels.log_prob(params, x)[:, 0, 0], one.log_prob(mean_and_scale, x), atol=1e-5)


def test_a_mixture_is_the_weighted_sum_of_differences_of_cumulatives():
    logits, means, log_scales = np.array([0.2, -1.0]), np.array([-0.4, 0.7]), np.array([-1.2, -2.0])
    edges = np.concatenate([[-np.inf], (np.arange(16) + 0.5) / 8 - 1, [np.inf]])
    cumulative = scipy.stats.logistic(means[:, None], np.exp(log_scales)[:, None]).cdf(edges)
    want = scipy.special.softmax(logits) @ np.diff(cumulative)
    params = np.concatenate([logits, np.stack([means, log_scales], -1).ravel()])
    pixels = logistic_mixture(1, levels=17, mixtures=2)
    got = np.exp(pixels.log_prob(jnp.tile(jnp.asarray(params, jnp.float32), (17, 1)), every(17, 1)))
    np.testing.assert_allclose(got, want, rtol=1e-4)


def test_later_channels_lean_on_earlier_ones():
    """With a coefficient of tanh(1) on red and -tanh(2) on green, the mean of blue moves by just that."""
    pixels = logistic_mixture(3, levels=256, mixtures=1)
    params = jnp.array([0.0, 0.1, 0.1, 0.1, -7.0, -7.0, -7.0, 0.0, 1.0, -2.0])
    rg = jnp.array([[-0.5, -0.5], [0.5, -0.5], [-0.5, 0.5]])
    blues = every(256, 1)
    x = jnp.concatenate([jnp.repeat(rg, 256, 0), jnp.tile(blues, (3, 1))], -1)
    log_p = pixels.log_prob(jnp.tile(params, (len(x), 1)), x).reshape(3, 256)
    best = np.asarray(blues)[np.asarray(log_p).argmax(1), 0]
    np.testing.assert_allclose(best, 0.1 + rg @ np.array([np.tanh(1.0), -np.tanh(2.0)]), atol=1 / 255)


@pytest.mark.parametrize(("name", "levels", "channels"), [("categorical", 5, 1), ("logistic_mixture", 4, 2)])
def test_draws_follow_the_probabilities(name, levels, channels):
    pixels, count = PIXELS[name](channels, levels=levels), 20000
    params = 1.5 * jax.random.normal(jax.random.key(3), (pixels.parameters,))
    draws = pixels.sample(jnp.tile(params, (count, 1)), jax.random.split(jax.random.key(0), count))
    x = every(levels, channels)
    want = np.exp(pixels.log_prob(jnp.tile(params, (len(x), 1)), x))
    hits = np.abs(np.asarray(draws)[:, None] - np.asarray(x)[None]).max(-1) < 1e-6
    assert (hits.sum(1) == 1).all()
    got = hits.mean(0)
    assert (np.abs(got - want) < 4.5 * np.sqrt(want * (1 - want) / count) + 1e-4).all()


def test_at_temperature_zero_the_likeliest_level_is_drawn():
    params = jax.random.normal(jax.random.key(0), (50, 7))
    drawn = categorical(levels=7).sample(params, jax.random.split(jax.random.key(1), 50), 0.0)
    np.testing.assert_array_equal(drawn[:, 0], from_index(jnp.argmax(params, -1), 7))


def test_impossible_distributions_are_refused():
    for make, word in (
        (lambda: categorical(3), "one channel"),
        (lambda: categorical(levels=1), "levels"),
        (lambda: logistic_mixture(mixtures=0), "component"),
    ):
        with pytest.raises(UserError, match=word):
            make()
