"""Processes against published numbers and their own inverses; predictions against derivatives and tables."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgen.core import UserError, each
from jaxgen.processes import (
    PREDICTIONS,
    Hub,
    cosine_betas,
    edm,
    hub,
    input_scale,
    mix,
    rectified_flow,
    target,
    vp_cosine,
    vp_linear,
)

ALL = {
    "linear": vp_linear(),
    "linear_continuous": vp_linear(0),
    "cosine": vp_cosine(),
    "cosine_continuous": vp_cosine(0),
    "edm": edm(),
    "flow": rectified_flow(),
}
EVERY = pytest.mark.parametrize("process", ALL.values(), ids=ALL.keys())


@EVERY
def test_starts_at_the_data_and_loses_it_steadily(process):
    t = jnp.linspace(0.0, process.first, 101)
    assert process.alpha(t)[0] == 1.0
    assert process.sigma(t)[0] == 0.0
    assert np.all(np.diff(process.log_snr(t)) < 0)
    ratio = 2.0 * (np.log(process.alpha(t[1:-1])) - np.log(process.sigma(t[1:-1])))
    np.testing.assert_allclose(process.log_snr(t[1:-1]), ratio, rtol=1e-3, atol=2e-3)


@EVERY
def test_time_inverts_log_snr(process):
    t = jnp.linspace(process.last, 0.99 * process.first, 50)
    np.testing.assert_allclose(process.time(process.log_snr(t)), t, rtol=2e-3, atol=2e-5)


@pytest.mark.parametrize("name", ["linear", "linear_continuous", "cosine", "cosine_continuous"])
def test_variance_is_preserved(name):
    t = jnp.linspace(0.0, ALL[name].first, 77)
    np.testing.assert_allclose(ALL[name].alpha(t) ** 2 + ALL[name].sigma(t) ** 2, 1.0, atol=1e-6)


def test_linear_ends_where_ddpm_ends():
    # The signal left after 1000 steps of Ho et al.: 4.0e-5, the source of their 1e-5 bits per dimension.
    assert float(ALL["linear"].alpha(jnp.float32(1.0))) ** 2 == pytest.approx(4.036e-5, rel=1e-3)


def test_continuous_linear_has_the_stated_rate():
    rate = -jax.vmap(jax.grad(lambda t: jnp.log(ALL["linear_continuous"].alpha(t)) * 2))(jnp.array([0.0, 0.5, 1.0]))
    np.testing.assert_allclose(rate, [0.1, 10.05, 20.0], rtol=1e-5)


def test_discrete_linear_tends_to_the_continuous_one():
    t = jnp.linspace(0.1, 1.0, 10)
    np.testing.assert_allclose(jnp.log(ALL["linear"].alpha(t)), jnp.log(ALL["linear_continuous"].alpha(t)), rtol=2e-2)


def test_cosine_betas_are_capped_and_follow_the_closed_form():
    betas = cosine_betas(1000)
    assert betas.max() == 0.999
    t = jnp.array([0.25, 0.5, 0.75])
    np.testing.assert_allclose(ALL["cosine"].alpha(t), ALL["cosine_continuous"].alpha(t), rtol=1e-4)
    assert float(ALL["cosine_continuous"].alpha(jnp.float32(0.5))) ** 2 == pytest.approx(0.494, abs=1e-3)


def test_edm_clock_is_its_published_grid():
    n, rho, low, high = 18, 7.0, 0.002, 80.0
    i = np.arange(n)
    published = (high ** (1 / rho) + i / (n - 1) * (low ** (1 / rho) - high ** (1 / rho))) ** rho
    t = jnp.linspace(1.0, ALL["edm"].last, n)
    np.testing.assert_allclose(ALL["edm"].sigma(t), published, rtol=1e-4)


def test_edm_trains_on_log_normal_noise():
    t = each(ALL["edm"].draw, jax.random.split(jax.random.key(0), 20_000))
    log_sigma = np.log(ALL["edm"].sigma(t))
    assert log_sigma.mean() == pytest.approx(-1.2, abs=0.03)
    assert log_sigma.std() == pytest.approx(1.2, abs=0.03)
    np.testing.assert_allclose(ALL["edm"].embed(t), log_sigma / 4, atol=1e-4)


@pytest.mark.parametrize("name", ["linear", "cosine"])
def test_discrete_training_times_are_all_the_indices(name):
    index = np.asarray(ALL[name].embed(each(ALL[name].draw, jax.random.split(jax.random.key(0), 20_000))))
    np.testing.assert_allclose(index, np.round(index), atol=1e-3)
    assert {0, 999} <= set(np.round(index).astype(int).tolist()) <= set(range(1000))


def test_logit_normal_times():
    t = each(rectified_flow(times="logit_normal", mean=0.5).draw, jax.random.split(jax.random.key(0), 20_000))
    logit = np.log(t) - np.log1p(-t)
    assert logit.mean() == pytest.approx(0.5, abs=0.03)
    assert logit.std() == pytest.approx(1.0, abs=0.03)
    with pytest.raises(UserError, match="uniform"):
        rectified_flow(times="beta")


def _pair(process):
    keys = jax.random.split(jax.random.key(3), 2)
    pair = Hub(*(jax.random.normal(key, (6, 4, 4, 1)) for key in keys))
    t = jnp.linspace(0.2, 0.9, 6) * process.first
    return pair, t, mix(process, *pair, t)


@EVERY
@pytest.mark.parametrize("prediction", PREDICTIONS)
def test_every_prediction_returns_to_the_hub(process, prediction):
    pair, t, x = _pair(process)
    found = hub(process, prediction, x, target(process, prediction, pair, t), t)
    # What is recovered is judged where it carries weight in x.
    for weight, mine, true in zip((process.alpha(t), process.sigma(t)), found, pair, strict=True):
        share = np.asarray(weight / (process.alpha(t) + process.sigma(t)))[:, None, None, None]
        np.testing.assert_allclose(share * mine, share * true, atol=2e-4)


def test_v_is_the_angular_velocity():
    process, (pair, t, _) = ALL["cosine_continuous"], _pair(ALL["cosine_continuous"])
    angle = jnp.arctan2(process.sigma(t), process.alpha(t))[:, None, None, None]
    turn = jax.jvp(lambda a: jnp.cos(a) * pair.x0 + jnp.sin(a) * pair.eps, (angle,), (jnp.ones_like(angle),))[1]
    np.testing.assert_allclose(target(process, "v", pair, t), turn, atol=1e-5)


def test_velocity_is_the_time_derivative_of_the_straight_path():
    process, (pair, t, _) = ALL["flow"], _pair(ALL["flow"])
    speed = jax.jvp(lambda time: mix(process, *pair, time), (t,), (jnp.ones_like(t),))[1]
    np.testing.assert_allclose(target(process, "velocity", pair, t), speed, atol=1e-5)


def test_edm_prediction_is_the_published_preconditioning():
    process, (pair, t, x) = ALL["edm"], _pair(ALL["edm"])
    sigma, d = np.asarray(process.sigma(t), np.float64)[:, None, None, None], 0.5
    c_skip, c_out = d**2 / (sigma**2 + d**2), sigma * d / np.sqrt(sigma**2 + d**2)
    out = target(process, "edm", pair, t)
    np.testing.assert_allclose(c_skip * x + c_out * out, pair.x0, atol=1e-4)
    np.testing.assert_allclose(input_scale(process, "edm", t), 1 / np.sqrt(sigma**2 + d**2).ravel(), rtol=1e-5)
    # Unit variance is what the preconditioning is for: of the network's input and of its target.
    wide = Hub(d * jax.random.normal(jax.random.key(0), (6, 20_000)), jax.random.normal(jax.random.key(1), (6, 20_000)))
    np.testing.assert_allclose(np.std(target(process, "edm", wide, t), axis=1), 1.0, atol=0.02)


def test_edm_prediction_is_minus_v_where_variance_is_preserved():
    process, (pair, t, _) = ALL["linear"], _pair(ALL["linear"])
    np.testing.assert_allclose(target(process, "edm", pair, t), -target(process, "v", pair, t), atol=1e-5)
    np.testing.assert_allclose(input_scale(process, "edm", t), 1.0, atol=1e-6)
