"""Denoising losses: a squared error in the network's own output, weighted by time.

With r the common residual of a prediction (`jaxgen.processes.hub`, eq. 4) every weighting has the form
    (1)  loss = w(t) |r|^2
    (2)  the mean squared error in a prediction with determinant D:   w = D^2
         x0: sigma^2;  eps: alpha^2, i.e. SNR times that of x0 (Ho et al. 2020, L_simple);  v: (alpha^2 + sigma^2)^2,
         i.e. 1 + SNR for variance-preserving processes;  velocity: (alpha + sigma)^2;
         edm: c_out^-2 times that of x0 (Karras et al. 2022, eq. 8)
    (3)  min_snr (Hang et al. 2023, "Efficient Diffusion Training via Min-SNR Weighting Strategy", eq. 10):
         min(SNR, gamma) times that of x0:   w = min(alpha^2, gamma sigma^2)
and the error |out' - out|^2 = D^2 |r|^2 of the network's own prediction is turned into it by the factor w / D^2.
"""

import jax
import jax.numpy as jnp

from jaxgen.core import choose
from jaxgen.processes import PREDICTIONS, Process, determinant


def weight(process: Process, weighting: str, t: jax.Array, *, gamma: float = 5.0) -> jax.Array:
    """w(t) of eq. (1), at times of any shape.

    Args:
      weighting: "simple" (the same as "eps"), "min_snr", or the name of the prediction in which squared errors count.
      gamma: of min_snr.

    Raises:
      UserError: unknown weighting.
    """
    if weighting == "min_snr":
        return jnp.minimum(process.alpha(t) ** 2, gamma * process.sigma(t) ** 2)
    names = {"simple": "eps", **{name: name for name in PREDICTIONS}, "min_snr": ""}
    return determinant(process, choose(names, weighting, "method.weighting"), t) ** 2


def denoising(
    process: Process,
    prediction: str,
    weighting: str,
    out: jax.Array,
    target: jax.Array,
    t: jax.Array,
    *,
    gamma: float = 5.0,
) -> jax.Array:
    """Eq. (1) per example, as a mean over pixels.

    Args:
      out, target: the network's output and what it should have been, [B, ...].
      t: [B].

    Returns:
      float32 [B].
    """
    error = jnp.square(out.astype(jnp.float32) - target.astype(jnp.float32))
    mse = jnp.mean(error.reshape(error.shape[0], -1), axis=1)
    if weighting == prediction or (weighting, prediction) == ("simple", "eps"):
        return mse
    return mse * weight(process, weighting, t, gamma=gamma) / determinant(process, prediction, t) ** 2
