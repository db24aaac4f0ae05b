"""Processes whose ODE paths are followed in the image's own scale: EDM and rectified flow.

EDM (Karras et al. 2022, "Elucidating the Design Space of Diffusion-Based Generative Models", table 1), on the clock
in which its time grid (ibid., eq. 5) is linear:
    (1)  alpha(t) = 1,   sigma(t) = sigma_max t^rho
    (2)  training noise: log sigma ~ N(mean, std^2);   the network is told log(sigma) / 4
Rectified flow (Liu et al. 2022, "Flow Straight and Fast"; Lipman et al. 2022, "Flow Matching for Generative
Modeling", with the smallest sigma 0):
    (3)  alpha(t) = 1 - t,   sigma(t) = t,   dx / dt = eps - x0
    (4)  training times: uniform, or logistic(N(mean, std^2)) (Esser et al. 2024, eq. 19);   the network is told 1000 t
"""

import jax
import jax.numpy as jnp

from jaxgen.core import UserError
from jaxgen.processes.base import Process


def edm(
    sigma_min: float = 0.002,
    sigma_max: float = 80.0,
    rho: float = 7.0,
    mean: float = -1.2,
    std: float = 1.2,
    data_std: float = 0.5,
) -> Process:
    """Eq. (1) and (2). Times below `last` are drawn in training too, as the log-normal asks."""

    def clock(sigma):
        return (sigma / sigma_max) ** (1.0 / rho)

    def log_sigma(t):
        return jnp.log(sigma_max) + rho * jnp.log(t)

    return Process(
        alpha=jnp.ones_like,
        sigma=lambda t: sigma_max * t**rho,
        log_snr=lambda t: -2.0 * log_sigma(t),
        time=lambda value: clock(jnp.exp(-0.5 * value)),
        scale=jnp.ones_like,
        embed=lambda t: log_sigma(t) / 4.0,
        draw=lambda key: clock(jnp.exp(mean + std * jax.random.normal(key, ()))),
        first=1.0,
        last=(sigma_min / sigma_max) ** (1.0 / rho),
        data_std=data_std,
        steps=0,
    )


def rectified_flow(
    times: str = "uniform", mean: float = 0.0, std: float = 1.0, last: float = 1e-3, data_std: float = 1.0
) -> Process:
    """Eq. (3) and (4).

    Args:
      times: "uniform" or "logit_normal", the law of training times.
      mean, std: of the logit-normal law.

    Raises:
      UserError: unknown law.
    """
    if times not in ("uniform", "logit_normal"):
        raise UserError(f"Rectified flow draws its training times 'uniform' or 'logit_normal', not {times!r}.")

    def draw(key):
        if times == "uniform":
            return jax.random.uniform(key, ())
        return jax.nn.sigmoid(mean + std * jax.random.normal(key, ()))

    return Process(
        alpha=lambda t: 1.0 - t,
        sigma=lambda t: jnp.asarray(t),
        log_snr=lambda t: 2.0 * (jnp.log1p(-t) - jnp.log(t)),
        time=lambda value: jax.nn.sigmoid(-0.5 * value),
        scale=jnp.ones_like,
        embed=lambda t: 1000.0 * t,
        draw=draw,
        first=1.0,
        last=last,
        data_std=data_std,
        steps=0,
    )
