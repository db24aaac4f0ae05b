"""Averages of the weights over training, kept in `State.ema` under a profile name.

Constant decay, warmed up so that early weights are forgotten:
    (1)  m <- beta_t m + (1 - beta_t) w,   beta_t = min(beta, (1 + t) / (10 + t))
Power function (Karras et al. 2024, "Analyzing and Improving the Training Dynamics of Diffusion Models", eq. 1-2):
    (2)  beta_t = (1 - 1 / t)^(gamma + 1), t = 1, 2, ...
with gamma from the relative width of the averaging window (ibid., eq. 3):
    (3)  sigma_rel = (gamma + 1)^(1/2) (gamma + 2)^(-1) (gamma + 3)^(-1/2)
"""

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxgen.core import Averages, UserError, choose


def gamma(width: float) -> float:
    """The exponent of eq. (2) for a relative width `sigma_rel` in (0, 0.28), by solving eq. (3).

    Raises:
      UserError: the width is outside that range.
    """
    if not 0 < width < 0.28:
        raise UserError(f"A power-function average needs a width between 0 and 0.28 of the run, not {width}.")
    # (3) squared: (g + 2)^2 (g + 3) w^2 = g + 1, a cubic in g with one root above 0 for widths in that range.
    s = width**-2
    return float(np.roots([1, 7, 16 - s, 12 - s]).real.max())


def constant(decay: float):
    """Decay by step for eq. (1)."""
    return lambda t: jnp.minimum(decay, (1.0 + t) / (10.0 + t))


def power(width: float):
    """Decay by step for eq. (2); `t` counts finished steps, so the first update (t = 0) copies the weights."""
    exponent = gamma(width) + 1.0
    return lambda t: (t / (t + 1.0)) ** exponent


def averages(profiles: Mapping[str, Mapping[str, Any]]) -> Averages | None:
    """Averages from an `ema` section: profile -> {kind: "constant", decay} or {kind: "power", width}; None if empty.

    Integer leaves (counters) are copied, not averaged. Averages are float32 whatever the weights are.
    """
    if not profiles:
        return None
    decays = {
        name: choose(
            {"constant": lambda p=profile: constant(p["decay"]), "power": lambda p=profile: power(p["width"])},
            profile["kind"],
            f"optim.ema.{name}.kind",
        )()
        for name, profile in profiles.items()
    }

    def widen(x):
        return jnp.array(x, jnp.float32) if jnp.issubdtype(x.dtype, jnp.floating) else jnp.array(x)

    def init(params, stats):
        return {name: jax.tree.map(widen, {"params": params, "stats": stats}) for name in decays}

    def update(kept, params, stats, step):
        def blend(beta):
            def one(m, w):
                if not jnp.issubdtype(w.dtype, jnp.floating):
                    return w
                return m + (1.0 - beta) * (w.astype(jnp.float32) - m)

            return one

        new = {"params": params, "stats": stats}
        t = step.astype(jnp.float32)
        return {name: jax.tree.map(blend(decay(t)), kept[name], new) for name, decay in decays.items()}

    return Averages(init, update)
