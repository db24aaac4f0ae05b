"""Samplers on Gaussian data, where the best denoiser and the paths of the ODE are known in closed form."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgen.core import UserError
from jaxgen.processes import Hub, edm, expand, mix, rectified_flow, vp_cosine, vp_linear
from jaxgen.samplers import (
    GRIDS,
    SAMPLERS,
    classifier_free,
    clip,
    ddim,
    ddpm,
    dynamic_threshold,
    grid,
    inpaint,
    start,
)
from jaxgen.samplers.settings import Settings, check, run

PROCESSES = {
    "linear": vp_linear(),
    "continuous": vp_linear(0),
    "cosine": vp_cosine(),
    "edm": edm(sigma_max=20.0),
    "flow": rectified_flow(),
}
ALL = pytest.mark.parametrize("process", PROCESSES.values(), ids=PROCESSES)
"""Every process, where a test compiles little."""
THREE = pytest.mark.parametrize("process", [PROCESSES[n] for n in ("linear", "edm", "flow")], ids=["vp", "edm", "flow"])
"""One process of each kind, where it compiles much."""
MEAN = jnp.array([0.4, -0.3])
COV = jnp.array([[0.5, 0.3], [0.3, 0.4]])


def exact(process):
    """The best denoiser for N(MEAN, COV): a linear function of x."""

    def field(x, t):
        a, s = process.alpha(t), process.sigma(t)
        gain = jnp.linalg.solve(a**2 * COV + s**2 * jnp.eye(2), a * COV)
        x0 = MEAN + (x - a * MEAN) @ gain
        return Hub(x0, (x - a * x0) / s)

    return field


def solution(process, x, t, s):
    """Where the ODE carries x from t to s: whiten with the marginal at t, colour with the marginal at s."""
    values, basis = jnp.linalg.eigh(COV)
    spread = [jnp.sqrt(process.alpha(u) ** 2 * values + process.sigma(u) ** 2) for u in (t, s)]
    return process.alpha(s) * MEAN + ((x - process.alpha(t) * MEAN) @ basis * spread[1] / spread[0]) @ basis.T


def keys_of(count, seed=0):
    return jax.random.split(jax.random.key(seed), count)


@THREE
@pytest.mark.parametrize("name", SAMPLERS)
def test_the_exact_field_gives_back_the_data(process, name):
    settings = Settings(name=name, steps=150 if name == "ddpm" else 60, grid="logsnr")
    x = jax.jit(lambda keys: run(settings, process, exact(process), keys, (2,)))(keys_of(4096))
    np.testing.assert_allclose(jnp.mean(x, axis=0), MEAN, atol=0.05)
    np.testing.assert_allclose(jnp.cov(x.T), COV, atol=0.06)


@pytest.mark.parametrize("process", [PROCESSES["linear"], PROCESSES["edm"]], ids=["linear", "edm"])
@pytest.mark.parametrize("sampler", [partial(ddim, eta=1.0), partial(ddpm, variance="large")], ids=["eta", "large"])
def test_noisy_variants_give_back_the_data(process, sampler):
    keys, times = keys_of(4096), grid(process, 200, "logsnr")
    x = start(process, times[0], jax.random.normal(jax.random.key(9), (4096, 2)))
    x = jax.jit(lambda x: sampler(process, exact(process), x, times, keys))(x)
    np.testing.assert_allclose(jnp.mean(x, axis=0), MEAN, atol=0.05)
    np.testing.assert_allclose(jnp.cov(x.T), COV, atol=0.06)


@THREE
@pytest.mark.parametrize(("name", "order"), [("euler", 1), ("ddim", 1), ("heun", 2), ("dpmpp_2m", 2)])
def test_order_of_convergence(process, name, order):
    x = 2.0 * jax.random.normal(jax.random.key(0), (64, 2))
    errors = []
    for steps in (16, 64):
        times = process.time(jnp.linspace(-3.0, 3.0, steps + 1))
        x_start = x * jnp.sqrt(process.alpha(times[0]) ** 2 + process.sigma(times[0]) ** 2)
        end = jax.jit(partial(SAMPLERS[name], process, exact(process)))(x_start, times, keys_of(64))
        errors.append(float(jnp.abs(end - solution(process, x_start, times[0], times[-1])).max()))
    slope = np.log2(errors[0] / errors[1]) / 2
    assert slope == pytest.approx(order, abs=0.35), errors


def test_ddim_at_eta_1_is_ancestral_sampling():
    process = PROCESSES["linear"]
    times, keys = grid(process, 10), keys_of(8)
    x = jax.random.normal(jax.random.key(1), (8, 2))
    ends = [f(process, exact(process), x, times, keys) for f in (partial(ddim, eta=1.0), ddpm)]
    np.testing.assert_allclose(*ends, atol=1e-5)


@THREE
def test_euler_is_ddim_in_every_coordinate(process):
    times, keys = grid(process, 10), keys_of(8)
    x = start(process, times[0], jax.random.normal(jax.random.key(1), (8, 2)))
    ends = [SAMPLERS[name](process, exact(process), x, times, keys) for name in ("euler", "ddim")]
    np.testing.assert_allclose(*ends, atol=2e-3)


@ALL
@pytest.mark.parametrize("name", GRIDS)
def test_grids_fall_from_noise_to_data(process, name):
    for steps in (1, 2, 7, 50):
        times = np.asarray(grid(process, steps, name))
        assert times.shape == (steps + 1,)
        assert np.all(np.diff(times) < 0)
        assert times[-1] == 0.0
        assert times[0] <= 1.0


def test_discrete_grids_visit_integer_times():
    np.testing.assert_allclose(grid(vp_linear(), 4, "leading") * 1000, [751, 501, 251, 1, 0], atol=1e-3)
    np.testing.assert_allclose(grid(vp_linear(), 4, "trailing") * 1000, [1000, 750, 500, 250, 0], atol=1e-3)
    np.testing.assert_allclose(grid(vp_linear(), 4, "uniform") * 1000, [1000, 667, 334, 1, 0], atol=1e-3)


def test_a_grid_says_what_it_cannot_do():
    with pytest.raises(UserError, match="has only 1000"):
        grid(vp_linear(), 1001)
    with pytest.raises(UserError, match="karras"):
        grid(vp_linear(), 10, "karas")
    with pytest.raises(UserError, match="at least 1"):
        grid(vp_linear(), 0)
    with pytest.raises(UserError, match="dpmpp_2m"):
        check(Settings(name="dpmpp2m"), vp_linear())
    with pytest.raises(UserError, match="between 0"):
        check(Settings(eta=2.0), vp_linear())


@pytest.mark.parametrize("name", SAMPLERS)
def test_an_image_depends_on_its_key_alone(name):
    process, keys = PROCESSES["linear"], keys_of(6)
    make = jax.jit(partial(run, Settings(name=name, steps=5), process, exact(process), shape=(2,)))
    np.testing.assert_allclose(make(keys)[3:4], make(keys[3:4]), atol=1e-5)


def _two_classes(process):
    """Class 1 is N(1, 0.2^2), class 0 N(-1, 0.2^2), class 2 (null) their common N(0, 1 + 0.2^2)."""

    def field(x, t, cond):
        mean = jnp.array([-1.0, 1.0, 0.0])[cond["label"]]
        var = jnp.array([0.04, 0.04, 1.04])[cond["label"]]
        a, s = process.alpha(t), process.sigma(t)
        mean, var = expand(mean, x), expand(var, x)
        x0 = mean + a * var / (a**2 * var + s**2) * (x - a * mean)
        return Hub(x0, (x - a * x0) / s)

    return field


def test_guidance_interpolates_from_null_to_conditional_and_beyond():
    process = PROCESSES["linear"]
    field = _two_classes(process)
    cond, null = {"label": jnp.array([0, 1, 1])}, {"label": jnp.array([2, 2, 2])}
    x, t = jax.random.normal(jax.random.key(0), (3, 2)), jnp.float32(0.4)
    with_label, without = field(x, t, cond), field(x, t, null)
    np.testing.assert_allclose(classifier_free(field, cond, null, 1.0)(x, t).x0, with_label.x0, atol=1e-6)
    np.testing.assert_allclose(classifier_free(field, cond, null, 0.0)(x, t).x0, without.x0, atol=1e-6)
    strong = classifier_free(field, cond, null, 3.0)(x, t)
    np.testing.assert_allclose(strong.x0 - without.x0, 3.0 * (with_label.x0 - without.x0), atol=1e-5)
    np.testing.assert_allclose(mix(process, *strong, t), x, atol=1e-5)
    away = classifier_free(field, cond, null, 3.0, interval=(0.5, 0.9))(x, t)
    np.testing.assert_allclose(away.x0, with_label.x0, atol=1e-6)


def test_clipping_keeps_the_noisy_image():
    process = PROCESSES["cosine"]
    field = lambda x, t: Hub(3.0 * x, (x - process.alpha(t) * 3.0 * x) / process.sigma(t))  # noqa: E731
    x, t = jax.random.normal(jax.random.key(0), (3, 50)), jnp.float32(0.5)
    fixed = clip(process, field)(x, t)
    assert float(jnp.abs(fixed.x0).max()) == 1.0
    np.testing.assert_allclose(mix(process, *fixed, t), x, atol=1e-5)
    scaled = dynamic_threshold(process, field, 0.9)(x, t)
    assert float(jnp.abs(scaled.x0).max()) <= 1.0
    # Values below the threshold keep their proportions.
    ratio = scaled.x0 / (3.0 * x)
    inner = jnp.abs(scaled.x0) < 0.99
    assert float(jnp.std(ratio[0][inner[0]])) < 1e-4
    np.testing.assert_allclose(mix(process, *scaled, t), x, atol=1e-5)


@THREE
@pytest.mark.parametrize("name", SAMPLERS)
def test_inpainting_keeps_what_is_known(process, name):
    keep = jnp.array([1.0, 0.0])
    known = jnp.broadcast_to(jnp.array([1.2, 9.9]), (2048, 2))
    settings = Settings(name=name, steps=60, grid="logsnr")
    make = partial(run, settings, process, exact(process), shape=(2,), known=(known, jnp.broadcast_to(keep, (2048, 2))))
    x = jax.jit(make)(keys_of(2048))
    np.testing.assert_array_equal(x[:, 0], known[:, 0])
    # The unknown half follows what is known: between the marginal mean and the mean of the conditional law.
    conditional = MEAN[1] + COV[1, 0] / COV[0, 0] * (1.2 - MEAN[0])
    assert float(MEAN[1]) + 0.1 < float(jnp.mean(x[:, 1])) < float(conditional) + 0.15


def test_the_inpainting_field_pins_known_pixels_only():
    process = PROCESSES["linear"]
    x, t = jax.random.normal(jax.random.key(0), (4, 2)), jnp.float32(0.3)
    image, mask = jnp.full((4, 2), 0.7), jnp.array([[1.0, 0.0]] * 4)
    pinned = inpaint(process, exact(process), image, mask)(x, t)
    np.testing.assert_array_equal(pinned.x0[:, 0], image[:, 0])
    np.testing.assert_allclose(pinned.x0[:, 1], exact(process)(x, t).x0[:, 1])
