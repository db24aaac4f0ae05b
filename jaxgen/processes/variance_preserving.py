"""Variance-preserving processes, alpha^2 + sigma^2 = 1.

From T betas (Ho et al. 2020, "Denoising Diffusion Probabilistic Models", eq. 4):
    (1)  alpha(i / T)^2 = prod_{j <= i} (1 - beta_j),   i = 0 .. T
with log alpha^2 interpolated linearly between the multiples of 1 / T.
Linear betas (ibid., section 4), and their continuous limit (Song et al. 2021, eq. 29 and 33):
    (2)  beta_j = b0 + (b1 - b0) (j - 1) / (T - 1)
    (3)  log alpha(t)^2 = -t^2 (B1 - B0) / 2 - t B0,   B = 1000 b
Cosine (Nichol & Dhariwal 2021, "Improved Denoising Diffusion Probabilistic Models", eq. 17):
    (4)  alpha(t)^2 = f(t) / f(0),   f(t) = cos^2((t + s) / (1 + s) * pi / 2)
    (5)  beta_j = min(1 - alpha(j / T)^2 / alpha((j - 1) / T)^2, 0.999)
"""

import jax
import jax.numpy as jnp
import numpy as np

from jaxgen.processes.base import Process


def linear_betas(steps: int = 1000, low: float = 1e-4, high: float = 0.02) -> np.ndarray:
    """Eq. (2), float64 [steps]."""
    return np.linspace(low, high, steps, dtype=np.float64)


def cosine_betas(steps: int = 1000, offset: float = 0.008, most: float = 0.999) -> np.ndarray:
    """Eq. (5), float64 [steps]."""
    angle = (np.arange(steps + 1, dtype=np.float64) / steps + offset) / (1 + offset) * np.pi / 2
    left = np.cos(angle) ** 2
    return np.minimum(1 - left[1:] / left[:-1], most)


def _variance_preserving(log_alpha2, time_of, embed, draw, first, last, data_std, steps) -> Process:
    """A process from t -> log alpha(t)^2 and its inverse; everything else follows."""

    def log_snr(t):
        left = log_alpha2(t)
        return left - jnp.log(-jnp.expm1(left))

    def alpha(t):
        return jnp.exp(0.5 * log_alpha2(t))

    return Process(
        alpha=alpha,
        sigma=lambda t: jnp.sqrt(-jnp.expm1(log_alpha2(t))),
        log_snr=log_snr,
        time=lambda value: time_of(jax.nn.log_sigmoid(value)),
        scale=alpha,
        embed=embed,
        draw=draw,
        first=first,
        last=last,
        data_std=data_std,
        steps=steps,
    )


def table(betas: np.ndarray, data_std: float = 1.0) -> Process:
    """The process of eq. (1). The network is told the index i - 1 in 0 .. T - 1, as Ho et al. count."""
    steps = len(betas)
    left = np.concatenate([[0.0], np.cumsum(np.log1p(-np.asarray(betas, np.float64)))]).astype(np.float32)
    clock = (np.arange(steps + 1) / steps).astype(np.float32)

    def draw(key):
        return jax.random.randint(key, (), 1, steps + 1).astype(jnp.float32) / steps

    return _variance_preserving(
        lambda t: jnp.interp(t, clock, left),
        lambda value: jnp.interp(-value, -left, clock),
        lambda t: t * steps - 1.0,
        draw,
        1.0,
        1.0 / steps,
        data_std,
        steps,
    )


def _continuous(log_alpha2, time_of, first: float, last: float, data_std: float) -> Process:
    """Uniform training times in [last, first]; the network is told 1000 t, in the range of the discrete processes."""

    def draw(key):
        return jax.random.uniform(key, (), minval=last, maxval=first)

    return _variance_preserving(log_alpha2, time_of, lambda t: 1000.0 * t, draw, first, last, data_std, 0)


def vp_linear(
    steps: int = 1000, low: float = 1e-4, high: float = 0.02, last: float = 1e-3, data_std: float = 1.0
) -> Process:
    """Linear betas: eq. (2) with `steps` > 0, the continuous form (3) with `steps` = 0.

    Args:
      low, high: the first and the last beta of a 1000-step process.
      last: in the continuous form, the smallest time the network sees.
    """
    if steps:
        return table(linear_betas(steps, low, high), data_std)
    start, rise = 1000.0 * low, 1000.0 * (high - low)

    def time_of(value):
        # The positive root of (3), written so that it does not cancel near t = 0.
        return -2.0 * value / (start + jnp.sqrt(start**2 - 2.0 * rise * value))

    return _continuous(lambda t: -0.5 * rise * t**2 - start * t, time_of, 1.0, last, data_std)


def vp_cosine(
    steps: int = 1000,
    offset: float = 0.008,
    first: float = 0.999,
    last: float = 1e-3,
    data_std: float = 1.0,
) -> Process:
    """Cosine: betas (5) with `steps` > 0, the closed form (4) with `steps` = 0.

    Args:
      first, last: in the closed form, the range of times the network sees; alpha is 0 at t = 1.
    """
    if steps:
        return table(cosine_betas(steps, offset), data_std)
    quarter = np.pi / 2 / (1 + offset)
    begin = offset * quarter
    sin2, cos2, tan = (float(v) for v in (np.sin(begin) ** 2, np.cos(begin) ** 2, np.tan(begin)))

    # Both directions are written around t = 0, where the cosines would cancel in float32.
    def log_alpha2(t):
        angle = t * quarter
        return 2.0 * jnp.log1p(-(2.0 * jnp.sin(angle / 2) ** 2 + tan * jnp.sin(angle)))

    def time_of(value):
        sine, cosine = sin2 - cos2 * jnp.expm1(value), cos2 * jnp.exp(value)
        return jnp.arctan2(jnp.sqrt(sine), jnp.sqrt(cosine)) / quarter - offset

    return _continuous(log_alpha2, time_of, first, last, data_std)
