"""How likely images are under the ODE that a deterministic sampler follows.

In the coordinates y = x / c of `jaxgen.processes.base` eq. (3) a path is dy = x0 d(alpha / c) + eps d(sigma / c), so
that between a time t and a noisier one T the density changes by (Song et al. 2021, "Score-Based Generative Modeling
through Stochastic Differential Equations", eq. 39)
    (1)  log p_t(y_t) = log p_T(y_T) + int_t^T div_y [x0 d(alpha / c) + eps d(sigma / c)]
         with the sampler's first noise as p_T
    (2)  div f = E r^T (df/dy) r,   r = +-1 in every number (Hutchinson; ibid., eq. 40)
Images v with 256 levels get a little noise first, that of the least noisy time t the network knows (Kingma et al. 2021,
"Variational Diffusion Models", eq. 11 and 19):
    (3)  log P(v) >= E_q [log P(v | x_t) + log p_t(x_t) - log q(x_t | v)],   q(x_t | v) = N(alpha_t v, sigma_t^2)
         P(v | x_t) in proportion to q(x_t | v) among the levels of every number
One draw of x_t and of r each estimate the right side without bias, up to the solver's error. Where sigma_t is wider
than a level (DDPM's linear schedule: 0.01 against 2 / 255), (3) loses the entropy of that noise,
log(sigma_t sqrt(2 pi e) 255 / 2) per number; with the smallest noises of EDM and rectified flow next to nothing.
"""

import math

import jax
import jax.numpy as jnp

from jaxgen.core import each, split_each
from jaxgen.processes import Process, mix
from jaxgen.samplers.fields import Field
from jaxgen.samplers.steps import motion
from jaxgen.samplers.steps import start as begin

LEVELS = 256
"""Of a pixel."""


def log_density(process: Process, field: Field, x: jax.Array, times: jax.Array, probes: jax.Array) -> jax.Array:
    """Eqs. (1) and (2) by Heun's method: x [B, ...] at times[0] -> log p(x) in nats, float32 [B].

    Args:
      times: float32 [N + 1], rising to the time at which the images are noise, 0 not among them.
      probes: r of eq. (2), [P, B, ...]; the estimates of P draws are averaged.
    """
    axes = tuple(range(1, x.ndim))
    # One evaluation per turn (guess, correct, guess, ...), so that the network is compiled once.
    starts, ends = jnp.repeat(times[:-1], 2), jnp.repeat(times[1:], 2)
    correcting = jnp.arange(starts.shape[0]) % 2 == 1

    def moved_and_spread(y, t, start, end):
        """How far y moves from start to end by the pair at (y, t), and the divergence of that."""
        moved, pull = jax.vjp(lambda y: motion(process, field(process.scale(t) * y, t), start, end), y)
        return moved, jnp.mean(jax.vmap(lambda r: jnp.sum(pull(r)[0] * r, axes))(probes), axis=0)

    def step(carry, item):
        origin, y, before, total = carry
        start, end, correct = item
        now = moved_and_spread(y, jnp.where(correct, end, start), start, end)
        origin = jnp.where(correct, origin, y)
        moved, spread = jax.tree.map(lambda old, new: jnp.where(correct, 0.5 * (old + new), new), before, now)
        return (origin, origin + moved, now, total + jnp.where(correct, spread, 0.0)), None

    y = x / process.scale(times[0])
    none = jnp.zeros(x.shape[:1], jnp.float32)
    (_, y, _, total), _ = jax.lax.scan(step, (y, y, (jnp.zeros_like(y), none), none), (starts, ends, correcting))
    first, last = process.scale(times[0]), process.scale(times[-1])
    std = begin(process, times[-1], jnp.ones(()))
    noise = jnp.sum(-0.5 * jnp.square(last * y / std) - jnp.log(std) - 0.5 * math.log(2.0 * math.pi), axes)
    return noise + total + math.prod(x.shape[1:]) * (jnp.log(last) - jnp.log(first))


def log_prob(
    process: Process, field: Field, image: jax.Array, times: jax.Array, keys: jax.Array, probes: int = 1
) -> jax.Array:
    """One draw of the right side of eq. (3): images [B, ...] in [-1, 1] with 256 levels -> nats, float32 [B].

    Args:
      times: as in `log_density`.
      keys: [B]; an image's value depends on its own alone.
      probes: draws of r.
    """
    noise_keys, probe_keys = split_each(keys, 2)
    eps = each(jax.random.normal, noise_keys, image.shape[1:])
    signs = each(jax.random.rademacher, probe_keys, (probes, *image.shape[1:])).astype(jnp.float32)
    axes = tuple(range(1, image.ndim))
    alpha, sigma = process.alpha(times[0]), process.sigma(times[0])
    x = mix(process, image, eps, times[0])

    def add(total, level):
        return jnp.logaddexp(total, -0.5 * jnp.square((x - alpha * level) / sigma)), None

    levels = jnp.arange(LEVELS) * (2.0 / (LEVELS - 1)) - 1.0
    among, _ = jax.lax.scan(add, jnp.full(x.shape, -jnp.inf), levels)
    rounding = jnp.sum(-0.5 * jnp.square(eps) - among, axes)
    noising = jnp.sum(-0.5 * jnp.square(eps) - jnp.log(sigma) - 0.5 * math.log(2.0 * math.pi), axes)
    return rounding + log_density(process, field, x, times, jnp.moveaxis(signs, 1, 0)) - noising
