"""Time grids: which times a sampler visits, from the noisiest down to t = 0.

With N steps between `first` (noisy) and `last`, i = 0 .. N-1 (names of the first three as in Lin et al. 2024, "Common
Diffusion Noise Schedules and Sample Steps are Flawed", table 2):
    (1)  uniform:   t_i = first + i / (N - 1) (last - first)
    (2)  leading:   t_i = last + (N - 1 - i) / N (first - last + 1 / T)
    (3)  trailing:  t_i = first (N - i) / N
    (4)  karras:    (sigma / alpha)^(1/rho) linear between its values at `first` and `last` (Karras et al. 2022, eq. 5)
    (5)  logsnr:    log SNR linear between them (Lu et al. 2022, "DPM-Solver", section 3.4)
then t_N = 0. Processes with T discrete times round (1)-(3) to multiples of 1 / T.
"""

import jax
import jax.numpy as jnp

from jaxgen.core import UserError, choose
from jaxgen.processes import Process

NOISIEST = -2.0 * 6.9
"""Least log SNR that (4) and (5) start from: sigma / alpha = 1000. A process that ends in pure noise has none."""


def _ends(process: Process) -> tuple[jax.Array, jax.Array]:
    high, low = process.log_snr(jnp.array([process.first, process.last], jnp.float32))
    return jnp.maximum(high, NOISIEST), low


def _karras(process: Process, steps: int, rho: float) -> jax.Array:
    high, low = (jnp.exp(-0.5 * end / rho) for end in _ends(process))
    return process.time(-2.0 * rho * jnp.log(jnp.linspace(high, low, steps)))


GRIDS = {
    "uniform": lambda process, steps, rho: jnp.linspace(process.first, process.last, steps),
    "leading": lambda process, steps, rho: (
        process.last
        + jnp.arange(steps)[::-1]
        / steps
        * (process.first - process.last + (1.0 / process.steps if process.steps else 0.0))
    ),
    "trailing": lambda process, steps, rho: process.first * jnp.arange(steps, 0, -1) / steps,
    "karras": _karras,
    "logsnr": lambda process, steps, rho: process.time(jnp.linspace(*_ends(process), steps)),
}
"""Names in `sampler.grid`."""


def grid(process: Process, steps: int, name: str = "trailing", *, rho: float = 7.0) -> jax.Array:
    """Times float32 [steps + 1], strictly falling, the last one 0.

    Raises:
      UserError: unknown grid; no step; more steps than a discrete process has times.
    """
    make = choose(GRIDS, name, "sampler.grid")
    if steps < 1:
        raise UserError(f"sampler.steps is {steps}; it has to be at least 1.")
    if process.steps and steps > process.steps:
        raise UserError(f"sampler.steps is {steps}, but the process has only {process.steps} times; lower it.")
    times = make(process, steps, rho)
    if process.steps and name in ("uniform", "leading", "trailing"):
        times = jnp.round(times * process.steps) / process.steps
    return jnp.append(times, 0.0).astype(jnp.float32)
