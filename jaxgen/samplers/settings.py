"""Everything about sampling that can change without retraining, as one record, and the sampler it describes."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxgen.core import UserError, choose, each, split_each
from jaxgen.processes import Process, mix
from jaxgen.samplers import likelihood
from jaxgen.samplers.fields import Field, clip, dynamic_threshold, inpaint
from jaxgen.samplers.grids import GRIDS, grid
from jaxgen.samplers.steps import SAMPLERS, start


class Settings(NamedTuple):
    """What a config's `sampler` section holds for denoising models."""

    name: str = "dpmpp_2m"
    """ddpm, ddim, euler, heun, dpmpp_2m."""
    steps: int = 50
    grid: str = "trailing"
    """uniform, leading, trailing, karras, logsnr."""
    rho: float = 7.0
    """Of the karras grid."""
    eta: float = 0.0
    """Of ddim: 0 deterministic, 1 ancestral."""
    variance: str = "small"
    """Of ddpm: small or large."""
    guidance: float = 1.0
    """Classifier-free guidance scale; 1 is none."""
    interval: tuple[float, float] = (0.0, 1.0)
    """Times between which guidance acts."""
    clip: str = "none"
    """none; static: x0 clipped to [-1, 1] at every step; dynamic: thresholded at `quantile`."""
    quantile: float = 0.995
    probes: int = 1
    """Draws that estimate a divergence in `log_prob`."""


def check(settings: Settings, process: Process) -> None:
    """Raise a `UserError` for settings that cannot work."""
    choose(SAMPLERS, settings.name, "sampler.name")
    choose(GRIDS, settings.grid, "sampler.grid")
    choose({"none": 0, "static": 0, "dynamic": 0}, settings.clip, "sampler.clip")
    choose({"small": 0, "large": 0}, settings.variance, "sampler.variance")
    if settings.steps < 1:
        raise UserError(f"sampler.steps is {settings.steps}; it has to be at least 1.")
    if process.steps and settings.steps > process.steps:
        raise UserError(
            f"sampler.steps is {settings.steps}, but the process has {process.steps} times; lower sampler.steps."
        )
    if settings.probes < 1:
        raise UserError(f"sampler.probes is {settings.probes}; it has to be at least 1.")
    if not 0.0 <= settings.eta <= 1.0:
        raise UserError(f"sampler.eta is {settings.eta}; it lies between 0 (deterministic) and 1 (ancestral).")


def evaluations(settings: Any) -> int:
    """Evaluations of the network per sample (NFE) under the fields of `Settings`; guidance doubles them."""
    passes = 2 if settings.guidance != 1.0 else 1
    return passes * (2 * settings.steps - 1 if settings.name == "heun" else settings.steps)


def clipped(settings: Settings, process: Process, field: Field) -> Field:
    """The field with the clipping that the settings ask for."""
    kinds = {
        "none": lambda: field,
        "static": lambda: clip(process, field),
        "dynamic": lambda: dynamic_threshold(process, field, settings.quantile),
    }
    return kinds[settings.clip]()


def times(settings: Settings, process: Process) -> jax.Array:
    """The time grid, float32 [steps + 1]."""
    return grid(process, settings.steps, settings.grid, rho=settings.rho)


def log_prob(settings: Settings, process: Process, field: Field, image: jax.Array, keys: jax.Array) -> jax.Array:
    """A lower bound on the log-likelihood of images [B, H, W, C], one draw, in nats [B].

    The ODE of the field is followed from the least noisy time to the first in `steps` steps of equal log SNR, whatever
    sampler and grid the settings name; nothing is clipped.
    """
    points = min(settings.steps + 1, process.steps or settings.steps + 1)
    rising = grid(process, points, "logsnr")[-2::-1]
    return likelihood.log_prob(process, field, image, rising, keys, settings.probes)


def run(
    settings: Settings,
    process: Process,
    field: Field,
    keys: jax.Array,
    shape: tuple[int, ...],
    known: tuple[jax.Array, jax.Array] | None = None,
) -> jax.Array:
    """Images float32 [B, *shape] from keys [B]; each depends on its own key alone.

    Args:
      known: (image [B, H, W, C], mask [B, H, W, 1]) to inpaint; pixels where the mask is 1 come back as they were.
    """
    times = grid(process, settings.steps, settings.grid, rho=settings.rho)
    start_keys, step_keys = split_each(keys, 2)
    noise = each(jax.random.normal, start_keys, shape)
    x = start(process, times[0], noise)
    field = clipped(settings, process, field)
    if known:
        image, mask = known
        field = inpaint(process, field, image, mask)
        x = jnp.where(mask > 0.5, mix(process, image, noise, times[0]), x)
    owned: dict[str, dict[str, Any]] = {"ddpm": {"variance": settings.variance}, "ddim": {"eta": settings.eta}}
    x = SAMPLERS[settings.name](process, field, x, times, step_keys, **owned.get(settings.name, {}))
    return jnp.where(mask > 0.5, image, x) if known else x
