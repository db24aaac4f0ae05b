"""What a network may predict, and how every prediction passes through one hub form (x0, eps).

A prediction is a linear combination of the image and the noise, with coefficients of time:
    (1)  out = p x0 + q eps
         x0        (1, 0)
         eps       (0, 1)                       Ho et al. 2020
         v         (-sigma, alpha)              Salimans & Ho 2022, "Progressive Distillation", appendix D
         velocity  (-1, 1)                      Liu et al. 2022; dx/dt of rectified flow
         edm       (sigma / s, -alpha d^2 / s) / d,  s^2 = alpha^2 d^2 + sigma^2,  d the standard deviation of the data
Together with x = alpha x0 + sigma eps this is solved by
    (2)  x0 = (q x - sigma out) / D,   eps = (alpha out - p x) / D,   D = alpha q - sigma p
and the input of the network is scaled to unit variance where its literature does so (c_in):
    (3)  edm: x / s;   all others: x
For edm with alpha = 1, (1)-(3) are the preconditioning of Karras et al. 2022, table 1:
c_skip = d^2 / s^2, c_out = sigma d / s, c_in = 1 / s; elsewhere it is its variance-preserving counterpart, and with
d = 1 equal to -v.

At a given x an error in the prediction is an error along one direction only, by (2):
    (4)  x0' - x0 = sigma r,   eps' - eps = -alpha r,   out' - out = -D r
so mean squared errors in any two predictions differ by the ratio of their D^2. Weightings are stated in r.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp

from jaxgen.processes.base import Process, Times, expand


class Hub(NamedTuple):
    """A belief about a noisy image: x = alpha x0 + sigma eps holds exactly."""

    x0: jax.Array
    """[B, ...] the image."""
    eps: jax.Array
    """[B, ...] the noise."""


def _total(process: Process, t: Times) -> jax.Array:
    return jnp.sqrt((process.alpha(t) * process.data_std) ** 2 + process.sigma(t) ** 2)


def _edm(process: Process, t: Times) -> tuple[jax.Array, jax.Array]:
    total, d = _total(process, t), process.data_std
    return process.sigma(t) / (d * total), -process.alpha(t) * d / total


def _constants(p: float, q: float):
    return lambda process, t: (jnp.full_like(t, p), jnp.full_like(t, q))


Coefficients = Callable[[Process, Times], tuple[jax.Array, jax.Array]]

PREDICTIONS: dict[str, Coefficients] = {
    "x0": _constants(1.0, 0.0),
    "eps": _constants(0.0, 1.0),
    "v": lambda process, t: (-process.sigma(t), process.alpha(t)),
    "velocity": _constants(-1.0, 1.0),
    "edm": _edm,
}
"""Name -> (p, q) of eq. (1) at the given times."""

SMALLEST = 1e-6
"""|D| is kept above this: predicting noise says nothing about the image where alpha = 0."""


def determinant(process: Process, prediction: str, t: Times) -> jax.Array:
    """D of eq. (2), at times of any shape."""
    p, q = PREDICTIONS[prediction](process, t)
    return process.alpha(t) * q - process.sigma(t) * p


def target(process: Process, prediction: str, pair: Hub, t: Times) -> jax.Array:
    """Eq. (1): what the network should output, [B, ...]."""
    p, q = PREDICTIONS[prediction](process, jnp.asarray(t))
    return expand(p, pair.x0) * pair.x0 + expand(q, pair.x0) * pair.eps


def hub(process: Process, prediction: str, x: jax.Array, out: jax.Array, t: Times) -> Hub:
    """Eq. (2): the hub form of a network output `out` [B, ...] for the noisy images x [B, ...] at times t [] or [B]."""
    t = jnp.asarray(t)
    p, q = PREDICTIONS[prediction](process, t)
    d = process.alpha(t) * q - process.sigma(t) * p
    d = jnp.where(jnp.abs(d) < SMALLEST, jnp.where(d < 0, -SMALLEST, SMALLEST), d)
    x0 = expand(q / d, x) * x - expand(process.sigma(t) / d, x) * out
    eps = expand(process.alpha(t) / d, x) * out - expand(p / d, x) * x
    return Hub(x0, eps)


def input_scale(process: Process, prediction: str, t: Times) -> jax.Array:
    """c_in of eq. (3)."""
    return 1.0 / _total(process, t) if prediction == "edm" else jnp.ones_like(t)
