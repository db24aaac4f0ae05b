"""What a forward noise process is: pure functions of a time t in [0, 1]; t = 0 is data and t = 1 the most noise.

    (1)  x_t = alpha(t) x0 + sigma(t) eps,   eps ~ N(0, I)
    (2)  log SNR(t) = log(alpha(t)^2 / sigma(t)^2), strictly falling in t, so that it can be inverted

Every process keeps alpha(0) = 1 and sigma(0) = 0. Its probability-flow ODE carries the marginals of (1) back to data
(Song et al. 2021, "Score-Based Generative Modeling through Stochastic Differential Equations", eq. 13). With the
denoised image x0(x, t) and the matching noise eps(x, t) it reads

    (3)  d(x / c) = x0 d(alpha / c) + eps d(sigma / c)

for any smooth positive scale c(t): c changes the coordinates in which a solver works, not the solution. Each process
names the one its literature integrates in: c = alpha for variance-preserving processes (then dx' = eps d(sigma/alpha)),
c = 1 for EDM (Karras et al. 2022, algorithm 1) and for rectified flow (then dx = (eps - x0) dt).
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp

Times = jax.Array
"""float32 of any shape; values in [0, 1]."""


class Process(NamedTuple):
    """A forward process. All functions but `draw` work elementwise on times of any shape."""

    alpha: Callable[[Times], jax.Array]
    """How much of the image is left, eq. (1)."""
    sigma: Callable[[Times], jax.Array]
    """How much noise was added, eq. (1)."""
    log_snr: Callable[[Times], jax.Array]
    """Eq. (2); +inf at t = 0."""
    time: Callable[[jax.Array], Times]
    """log SNR -> t, the inverse of `log_snr`."""
    scale: Callable[[Times], jax.Array]
    """c(t) of eq. (3)."""
    embed: Callable[[Times], jax.Array]
    """t -> the number the network's time embedding is given."""
    draw: Callable[[jax.Array], Times]
    """One PRNG key -> () a training time."""
    first: float
    """The noisiest time, where sampling starts."""
    last: float
    """The least noisy time at which the network is asked; sampling ends at 0."""
    data_std: float
    """Standard deviation of the images, in preconditioning and for the scale of the first noise."""
    steps: int
    """T where training times are the multiples of 1 / T; 0 where they are continuous."""


def expand(coefficient: jax.Array, x: jax.Array) -> jax.Array:
    """A coefficient [] or [B] shaped to broadcast over x [B, ...]."""
    coefficient = jnp.asarray(coefficient)
    return coefficient.reshape(coefficient.shape + (1,) * (x.ndim - 1)) if coefficient.ndim else coefficient


def mix(process: Process, x0: jax.Array, eps: jax.Array, t: Times) -> jax.Array:
    """Eq. (1) for x0, eps [B, ...] at times t [] or [B]."""
    return expand(process.alpha(t), x0) * x0 + expand(process.sigma(t), x0) * eps


def log_snr_range(process: Process) -> tuple[jax.Array, jax.Array]:
    """log SNR at the noisiest and at the least noisy time the network sees."""
    ends = process.log_snr(jnp.array([process.first, process.last], jnp.float32))
    return ends[0], ends[1]
