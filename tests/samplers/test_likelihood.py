"""Likelihoods of a denoiser beside those of data whose density is known."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgen.core import UserError
from jaxgen.processes import Hub, edm, mix, rectified_flow, vp_cosine, vp_linear
from jaxgen.samplers import grid
from jaxgen.samplers.likelihood import log_density, log_prob
from jaxgen.samplers.settings import Settings, check

PROCESSES = {"linear": vp_linear(0), "cosine": vp_cosine(), "edm": edm(), "flow": rectified_flow()}
COV = np.array([[0.5, 0.3], [0.3, 0.4]])


def rising(process, steps):
    return grid(process, steps + 1, "logsnr")[-2::-1]


@pytest.mark.parametrize("process", PROCESSES.values(), ids=PROCESSES)
def test_the_density_of_a_gaussian(process):
    times = rising(process, 300)

    def field(x, t):
        a, s = process.alpha(t), process.sigma(t)
        x0 = x @ jnp.linalg.solve(a**2 * COV + s**2 * jnp.eye(2), a * COV)
        return Hub(x0, (x - a * x0) / s)

    a, s = float(process.alpha(times[0])), float(process.sigma(times[0]))
    x = mix(process, jnp.array([[0.4, -0.3], [1.5, 0.2], [-0.6, 0.4]]), jnp.zeros((3, 2)), times[0])
    # Over these two the products of different numbers cancel: the divergence is exact.
    probes = jnp.broadcast_to(jnp.array([[[1.0, 1.0]], [[1.0, -1.0]]]), (2, 3, 2))
    got = jax.jit(lambda x: log_density(process, field, x, times, probes))(x)
    cov = a**2 * COV + s**2 * np.eye(2)
    apart = np.asarray(x, np.float64)
    wanted = -0.5 * np.sum(apart @ np.linalg.inv(cov) * apart, axis=1) - 0.5 * np.log(np.linalg.det(2 * np.pi * cov))
    np.testing.assert_allclose(got, wanted, atol=0.01)


def test_one_draw_of_the_divergence_is_right_on_average():
    process = edm()
    times = rising(process, 60)

    def field(x, t):
        s = process.sigma(t)
        x0 = x @ jnp.linalg.solve(COV + s**2 * jnp.eye(2), jnp.asarray(COV))
        return Hub(x0, (x - x0) / s)

    x = jnp.broadcast_to(jnp.array([0.5, -0.2]), (512, 2))
    signs = jax.random.rademacher(jax.random.key(0), (1, 512, 2)).astype(jnp.float32)
    draws = np.asarray(log_density(process, field, x, times, signs))
    both = jnp.array([[[1.0, 1.0]], [[1.0, -1.0]]])
    exact = float(log_density(process, field, x[:1], times, both)[0])
    assert np.std(draws) > 0.1
    assert abs(np.mean(draws) - exact) < 4 * np.std(draws) / 512**0.5


@pytest.mark.parametrize("name", ["linear", "edm", "flow"])
def test_levels_with_known_probabilities(name):
    """A pixel whose levels have these probabilities, and its best denoiser: the bound holds and is nearly reached."""
    quiet = {"linear": vp_linear(0), "edm": edm(sigma_min=5e-4), "flow": rectified_flow(last=5e-4)}
    process = quiet[name]
    levels = np.array([10, 40, 41, 200])
    chances = np.array([0.1, 0.5, 0.15, 0.25])
    values = jnp.asarray(levels / 127.5 - 1.0, jnp.float32)

    def field(x, t):
        a, s = process.alpha(t), process.sigma(t)
        x0 = jax.nn.softmax(jnp.log(chances) - 0.5 * jnp.square((x[..., None] - a * values) / s)) @ values
        return Hub(x0, (x - a * x0) / s)

    image = jnp.repeat(values, 500).reshape(-1, 1, 1, 1)
    keys = jax.random.split(jax.random.key(1), image.shape[0])
    got = np.asarray(jax.jit(lambda x: log_prob(process, field, x, rising(process, 400), keys))(image)).reshape(4, 500)
    error = np.std(got, axis=1) / 500**0.5
    mean = np.mean(got, axis=1)
    assert (mean <= np.log(chances) + 4 * error + 0.01).all(), (mean, np.log(chances), error)
    # Noise wider than the distance of levels hides which one it was: the entropy of a normal in units of levels.
    sigma = float(process.sigma(process.last) / process.alpha(process.last))
    hidden = max(0.0, np.log(np.sqrt(2 * np.pi * np.e) * 127.5 * sigma))
    assert hidden > 1.0 or name != "linear"
    assert (mean >= np.log(chances) - hidden - 0.05 - 4 * error).all(), (mean, np.log(chances), hidden)


def test_no_draws():
    with pytest.raises(UserError, match=r"sampler.probes is 0; it has to be at least 1"):
        check(Settings(probes=0), edm())
