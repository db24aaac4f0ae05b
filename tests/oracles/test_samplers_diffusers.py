"""Schedules and samplers against diffusers' schedulers, along the same times, with the same field."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs requirements-oracles.txt")
diffusers = pytest.importorskip("diffusers", reason="needs requirements-oracles.txt")

from jaxgen.processes import Hub, cosine_betas, edm, linear_betas, mix, rectified_flow, table, vp_linear  # noqa: E402
from jaxgen.samplers import SAMPLERS, ddpm, grid  # noqa: E402

pytestmark = pytest.mark.oracle

LINEAR = dict(num_train_timesteps=1000, beta_start=1e-4, beta_end=0.02, beta_schedule="linear")
KEYS = jax.random.split(jax.random.key(0), 4)
NOISE = np.random.default_rng(0).normal(size=(4, 6)).astype(np.float32)


def eps_of(x, ratio):
    """A smooth nonlinear noise prediction; x scaled to the variance-preserving form, ratio = sigma / alpha."""
    return 0.7 * np.tanh(x) + 0.3 * x * ratio / (1.0 + ratio)


def field(process):
    def belief(x, t):
        ratio = process.sigma(t) / process.alpha(t)
        length = jnp.sqrt(process.alpha(t) ** 2 + process.sigma(t) ** 2)
        seen = x / length
        eps = 0.7 * jnp.tanh(seen) + 0.3 * seen * ratio / (1.0 + ratio)
        return Hub((x - process.sigma(t) * eps) / process.alpha(t), eps)

    return belief


def times_of(scheduler):
    """Our times for a scheduler that counts 0 .. 999."""
    return jnp.asarray(np.append((np.asarray(scheduler.timesteps, np.float64) + 1) / 1000, 0.0), jnp.float32)


def ratio_at(step):
    kept = np.cumprod(1 - linear_betas())[int(step)]
    return np.sqrt((1 - kept) / kept)


def follow(scheduler, x, **settings):
    """The scheduler's own loop. Schedulers in (x0 + sigma eps) form scale what the model sees."""
    x = torch.tensor(x)
    for step in scheduler.timesteps:
        seen = scheduler.scale_model_input(x, step)
        out = torch.tensor(eps_of(seen.numpy(), ratio_at(step)).astype(np.float32))
        x = scheduler.step(out, step, x, **settings).prev_sample
    return x.numpy()


def test_beta_tables():
    linear = diffusers.DDPMScheduler(**LINEAR)
    cosine = diffusers.DDPMScheduler(beta_schedule="squaredcos_cap_v2")
    nodes = jnp.arange(1, 1001) / 1000
    for ours, theirs in ((linear_betas(), linear), (cosine_betas(), cosine)):
        np.testing.assert_allclose(ours, theirs.betas, rtol=1e-3, atol=2e-7)
        kept = table(ours).alpha(nodes) ** 2
        np.testing.assert_allclose(kept, theirs.alphas_cumprod, rtol=1e-2, atol=1e-6)


@pytest.mark.parametrize("spacing", ["leading", "trailing"])
@pytest.mark.parametrize("steps", [10, 50])
def test_time_grids(spacing, steps):
    scheduler = diffusers.DDIMScheduler(**LINEAR, timestep_spacing=spacing)
    scheduler.set_timesteps(steps)
    np.testing.assert_allclose(grid(vp_linear(), steps, spacing), times_of(scheduler), atol=1e-6)


def test_karras_grid():
    scheduler = diffusers.EDMEulerScheduler(sigma_min=0.002, sigma_max=80.0, rho=7.0)
    scheduler.set_timesteps(18)
    process = edm()
    np.testing.assert_allclose(process.sigma(grid(process, 18, "karras")), scheduler.sigmas, rtol=1e-4)


def test_ddim():
    scheduler = diffusers.DDIMScheduler(**LINEAR, clip_sample=False, set_alpha_to_one=True)
    scheduler.set_timesteps(20)
    process = vp_linear()
    ours = SAMPLERS["ddim"](process, field(process), jnp.asarray(NOISE), times_of(scheduler), KEYS)
    np.testing.assert_allclose(ours, follow(scheduler, NOISE), rtol=1e-4, atol=1e-4)


def test_dpmpp_2m():
    scheduler = diffusers.DPMSolverMultistepScheduler(
        **LINEAR,
        algorithm_type="dpmsolver++",
        solver_order=2,
        solver_type="midpoint",
        lower_order_final=True,
        final_sigmas_type="zero",
        timestep_spacing="leading",
    )
    scheduler.set_timesteps(12)
    process = vp_linear()
    ours = SAMPLERS["dpmpp_2m"](process, field(process), jnp.asarray(NOISE), times_of(scheduler), KEYS)
    np.testing.assert_allclose(ours, follow(scheduler, NOISE), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name", ["euler", "heun"])
def test_ode_solvers_in_the_scale_of_the_image(name):
    kind = {"euler": diffusers.EulerDiscreteScheduler, "heun": diffusers.HeunDiscreteScheduler}[name]
    scheduler = kind(**LINEAR, timestep_spacing="leading")
    scheduler.set_timesteps(10)
    process = vp_linear()
    visited = [float(t) for t in scheduler.timesteps]
    visited = [t for i, t in enumerate(visited) if i == 0 or t != visited[i - 1]]
    times = jnp.asarray([(t + 1) / 1000 for t in visited] + [0.0], jnp.float32)
    # These schedulers carry x / alpha.
    first = process.alpha(times[0])
    theirs = follow(scheduler, NOISE / np.asarray(first))
    ours = SAMPLERS[name](process, field(process), jnp.asarray(NOISE), times, KEYS)
    np.testing.assert_allclose(ours, theirs, rtol=2e-4, atol=2e-4)


def test_edm_euler():
    scheduler = diffusers.EDMEulerScheduler(sigma_min=0.002, sigma_max=80.0, sigma_data=0.5)
    scheduler.set_timesteps(18)
    process = edm()
    believe = field(process)
    times = grid(process, 18, "karras")
    x = torch.tensor(80.0 * NOISE)
    for step, sigma in zip(scheduler.timesteps, scheduler.sigmas, strict=False):
        scheduler.scale_model_input(x, step)
        t = jnp.float32((float(sigma) / 80.0) ** (1 / 7))
        x0 = np.asarray(believe(jnp.asarray(x.numpy()), t).x0, np.float64)
        s = float(sigma)
        skip, scale = 0.25 / (s**2 + 0.25), s * 0.5 / np.sqrt(s**2 + 0.25)
        out = torch.tensor(((x0 - skip * x.numpy()) / scale).astype(np.float32))
        x = scheduler.step(out, step, x).prev_sample
    ours = SAMPLERS["euler"](process, believe, jnp.asarray(80.0 * NOISE), times, KEYS)
    np.testing.assert_allclose(ours, x.numpy(), rtol=2e-3, atol=2e-3)


def test_rectified_flow_euler():
    scheduler = diffusers.FlowMatchEulerDiscreteScheduler(num_train_timesteps=1000, shift=1.0)
    scheduler.set_timesteps(sigmas=list(np.linspace(0.95, 0.05, 12)))
    process = rectified_flow()
    believe = field(process)
    x = torch.tensor(NOISE)
    for step, t in zip(scheduler.timesteps, scheduler.sigmas, strict=False):
        pair = believe(jnp.asarray(x.numpy()), jnp.float32(t))
        x = scheduler.step(torch.tensor(np.array(pair.eps - pair.x0)), step, x).prev_sample
    times = jnp.asarray(scheduler.sigmas.numpy())
    ours = SAMPLERS["euler"](process, believe, jnp.asarray(NOISE), times, KEYS)
    np.testing.assert_allclose(ours, x.numpy(), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("variance", ["small", "large"])
def test_ddpm_posterior(variance):
    kind = {"small": "fixed_small", "large": "fixed_large"}[variance]
    scheduler = diffusers.DDPMScheduler(**LINEAR, clip_sample=False, variance_type=kind)
    process = vp_linear()
    many = jax.random.split(jax.random.key(1), 20_000)
    for index in (1, 400, 999):
        t = jnp.array([(index + 1) / 1000, index / 1000], jnp.float32)
        x, x0 = np.float32(0.8), np.float32(-0.3)
        points = jnp.full((20_000, 1), x)
        pinned = lambda x, t: Hub(jnp.full_like(x, -0.3), jnp.zeros_like(x))  # noqa: E731
        ours = np.asarray(ddpm(process, pinned, points, t, many, variance=variance))
        kept = float(scheduler.alphas_cumprod[index])
        eps = (x - np.sqrt(kept) * x0) / np.sqrt(1 - kept)
        full = [torch.full((20_000, 1), float(value)) for value in (eps, x)]
        draws = scheduler.step(full[0], index, full[1], torch.Generator().manual_seed(0)).prev_sample.numpy()
        spread = np.sqrt(float(scheduler._get_variance(index)))
        assert ours.std() == pytest.approx(spread, rel=0.03)
        assert ours.mean() == pytest.approx(draws.mean(), abs=0.05 * spread)


def test_forward_process():
    scheduler = diffusers.DDPMScheduler(**LINEAR)
    steps = np.array([0, 10, 500, 999])
    image = np.random.default_rng(1).normal(size=NOISE.shape).astype(np.float32)
    theirs = scheduler.add_noise(torch.tensor(image), torch.tensor(NOISE), torch.tensor(steps)).numpy()
    ours = mix(vp_linear(), jnp.asarray(image), jnp.asarray(NOISE), jnp.asarray((steps + 1) / 1000))
    np.testing.assert_allclose(ours, theirs, atol=1e-4)
