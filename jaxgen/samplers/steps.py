"""Samplers: short functions over a field, each one compiled loop (`lax.scan`), all with one signature.

    sampler(process, field, x, times, keys, **settings) -> x at times[-1]

x [B, ...] is the image at times[0]; times [N + 1] fall to the last, which may be 0; keys [B] feed noise, image by
image, so that an image depends on its own key alone.

From t to s < t, with r = SNR(t) / SNR(s):
    (1)  q(x_s | x_t, x0) = N( (alpha_t / alpha_s) (sigma_s / sigma_t)^2 x_t + alpha_s (1 - r) x0,  sigma_s^2 (1 - r) )
         (Ho et al. 2020, eq. 6-7, for any process); the upper bound of the variance is sigma_t^2 (1 - r)
    (2)  DDIM (Song et al. 2020, "Denoising Diffusion Implicit Models", eq. 12 and 16):
         x_s = alpha_s x0 + sqrt(sigma_s^2 - c^2) eps + c z,   c^2 = eta^2 sigma_s^2 (1 - r);  eta = 1 is (1)
    (3)  a step of the ODE (`jaxgen.processes.base`, eq. 3) from a pair (x0, eps) held constant:
         x_s / c_s = x_t / c_t + (alpha_s / c_s - alpha_t / c_t) x0 + (sigma_s / c_s - sigma_t / c_t) eps
         Euler holds the pair at t, which makes it DDIM with eta = 0; Heun the mean of the pairs at t and at the
         Euler guess (Karras et al. 2022, algorithm 1)
    (4)  DPM-Solver++(2M) (Lu et al. 2022, algorithm 2), with h the step in log(alpha / sigma):
         x_s = (sigma_s / sigma_t) x_t + alpha_s (1 - exp(-h)) (x0 + h / (2 h_before) (x0 - x0_before));
         the first and the last step have no second term
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp

from jaxgen.core import UserError, each
from jaxgen.processes import Hub, Process
from jaxgen.samplers.fields import Field


def start(process: Process, t: jax.Array, noise: jax.Array) -> jax.Array:
    """Unit noise [B, ...] with the variance that noisy images have at the first time t []."""
    return jnp.sqrt((process.alpha(t) * process.data_std) ** 2 + process.sigma(t) ** 2) * noise


def _noise(keys: jax.Array, step: jax.Array, x: jax.Array) -> jax.Array:
    """Fresh normal noise like x for one step."""
    return each(jax.random.normal, jax.vmap(jax.random.fold_in, (0, None))(keys, step), x.shape[1:])


def _left(process: Process, t: jax.Array, s: jax.Array) -> jax.Array:
    """1 - r of the table above; accurate for small steps."""
    return -jnp.expm1(process.log_snr(t) - process.log_snr(s))


def _steps(times: jax.Array):
    return times[:-1], times[1:], jnp.arange(times.shape[0] - 1)


def ddpm(
    process: Process, field: Field, x: jax.Array, times: jax.Array, keys: jax.Array, *, variance: str = "small"
) -> jax.Array:
    """Ancestral sampling, eq. (1). `variance`: "small" (the posterior's) or "large" (its upper bound).

    Raises:
      UserError: another variance.
    """
    if variance not in ("small", "large"):
        raise UserError(f"sampler.variance is 'small' or 'large', not {variance!r}.")

    def step(x, item):
        t, s, i = item
        left = _left(process, t, s)
        shrink = process.alpha(t) / process.alpha(s) * (process.sigma(s) / process.sigma(t)) ** 2
        mean = shrink * x + process.alpha(s) * left * field(x, t).x0
        std = jnp.sqrt(left) * process.sigma(s if variance == "small" else t)
        return mean + jnp.where(s > 0, std, 0.0) * _noise(keys, i, x), None

    return jax.lax.scan(step, x, _steps(times))[0]


def ddim(
    process: Process, field: Field, x: jax.Array, times: jax.Array, keys: jax.Array, *, eta: float = 0.0
) -> jax.Array:
    """Eq. (2): deterministic at eta = 0, ancestral at eta = 1."""

    def step(x, item):
        t, s, i = item
        x0, eps = field(x, t)
        fresh = eta**2 * _left(process, t, s)
        x = process.alpha(s) * x0 + process.sigma(s) * jnp.sqrt(1.0 - fresh) * eps
        if eta:
            x = x + process.sigma(s) * jnp.sqrt(fresh) * _noise(keys, i, x)
        return x, None

    return jax.lax.scan(step, x, _steps(times))[0]


def motion(process: Process, pair: Hub, t: jax.Array, s: jax.Array) -> jax.Array:
    """How far x / c moves from time t [] to s [] by eq. (3) while the pair [B, ...] is held."""
    c_t, c_s = process.scale(t), process.scale(s)
    d_image = process.alpha(s) / c_s - process.alpha(t) / c_t
    d_noise = process.sigma(s) / c_s - process.sigma(t) / c_t
    return d_image * pair.x0 + d_noise * pair.eps


def _move(process: Process, x: jax.Array, pair: Hub, t: jax.Array, s: jax.Array) -> jax.Array:
    """Eq. (3)."""
    return process.scale(s) * (x / process.scale(t) + motion(process, pair, t, s))


def euler(process: Process, field: Field, x: jax.Array, times: jax.Array, keys: jax.Array) -> jax.Array:
    """Eq. (3), first order."""

    def step(x, item):
        t, s, _ = item
        return _move(process, x, field(x, t), t, s), None

    return jax.lax.scan(step, x, _steps(times))[0]


def heun(process: Process, field: Field, x: jax.Array, times: jax.Array, keys: jax.Array) -> jax.Array:
    """Eq. (3), second order, with an Euler step at the end: 2 N - 1 evaluations for N steps.

    One evaluation per turn of the loop (guess, correct, guess, ...), so that the network is compiled once.
    """
    t, s, _ = _steps(times)
    starts, ends = jnp.repeat(t, 2)[:-1], jnp.repeat(s, 2)[:-1]
    correcting = jnp.arange(starts.shape[0]) % 2 == 1

    def step(carry, item):
        origin, x, before = carry
        t, s, correct = item
        pair = field(x, jnp.where(correct, s, t))
        origin = jnp.where(correct, origin, x)
        used = jax.tree.map(lambda old, new: jnp.where(correct, 0.5 * (old + new), new), before, pair)
        return (origin, _move(process, origin, used, t, s), pair), None

    return jax.lax.scan(step, (x, x, Hub(x, x)), (starts, ends, correcting))[0][1]


def dpmpp_2m(process: Process, field: Field, x: jax.Array, times: jax.Array, keys: jax.Array) -> jax.Array:
    """Eq. (4), second order with one evaluation per step."""
    t, s, _ = _steps(times)
    h = 0.5 * (process.log_snr(s) - process.log_snr(t))
    before = jnp.concatenate([jnp.full((1,), jnp.inf), h[:-1]])
    weights = jnp.where(jnp.isfinite(h), h / (2.0 * before), 0.0)

    def step(carry, item):
        x, last = carry
        t, s, h, weight = item
        x0 = field(x, t).x0
        ahead = x0 + weight * (x0 - last)
        x = process.sigma(s) / process.sigma(t) * x - process.alpha(s) * jnp.expm1(-h) * ahead
        return (x, x0), None

    return jax.lax.scan(step, (x, x), (t, s, h, weights))[0][0]


SAMPLERS: dict[str, Callable[..., jax.Array]] = {
    "ddpm": ddpm,
    "ddim": ddim,
    "euler": euler,
    "heun": heun,
    "dpmpp_2m": dpmpp_2m,
}
"""Names in `sampler.name`. "ddpm" takes `variance`, "ddim" takes `eta`."""
