"""Distributions of one pixel, all channels jointly, given what a causal network puts out for it.

Pixels x hold C channels of K levels, float32 in [-1, 1] (`jaxgen.ops.levels`, eq. 1), h = 1 / (K - 1) half a bin.

Categorical, one channel, logits l_v (van den Oord et al. 2016, "Pixel Recurrent Neural Networks", sec. 3.4):
    (1)  log P(x = v) = l_v - logsumexp(l)
Mixture of M discretised logistics (Salimans et al. 2017, "PixelCNN++", eqs. 1-3):
    (2)  P(x) = sum_k pi_k prod_c P_k(x_c | x_<c)
    (3)  P_k(x_c | x_<c) = logistic bin at m_kc(x_<c), s_kc       (`jaxgen.objectives.likelihoods`, eq. 3)
    (4)  m_kc(x_<c) = mu_kc + sum_{b < c} tanh(a_kcb) x_b
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp

from jaxgen.core import UserError, each
from jaxgen.objectives.likelihoods import logistic_bin
from jaxgen.ops import levels as grey


class Pixels(NamedTuple):
    """The distribution of one pixel."""

    parameters: int
    """Network outputs per pixel, P."""
    levels: int
    log_prob: Callable[[jax.Array, jax.Array], jax.Array]
    """(params [..., P], x [..., C]) -> float32 [...], nats."""
    sample: Callable[..., jax.Array]
    """(params [B, P], keys [B], temperature) -> one of the levels per channel, float32 [B, C]. Temperature 1 draws from
    `log_prob`; lower ones prefer likely pixels."""


def categorical(channels: int = 1, *, levels: int = 256) -> Pixels:
    """Eq. (1): a free probability for every level.

    Raises:
      UserError: more than one channel (their joint distribution would need K^C numbers), or fewer than two levels.
    """
    if channels != 1:
        raise UserError(f"The categorical distribution is for one channel, not {channels}; use logistic_mixture.")
    _check(levels)

    def log_prob(params, x):
        logits = jax.nn.log_softmax(params.astype(jnp.float32))
        return jnp.take_along_axis(logits, grey.to_index(x, levels), axis=-1)[..., 0]

    def sample(params, keys, temperature=1.0):
        gumbel = each(jax.random.gumbel, keys, params.shape[1:])
        chosen = jnp.argmax(params.astype(jnp.float32) + temperature * gumbel, axis=-1)
        return grey.from_index(chosen, levels)[..., None]

    return Pixels(levels, levels, log_prob, sample)


def logistic_mixture(channels: int = 1, *, levels: int = 256, mixtures: int = 10, floor: float = -7.0) -> Pixels:
    """Eqs. (2)-(4): a smooth distribution whose size does not grow with the number of levels.

    Parameters per pixel: M logits, then mu and log s [M, C] each, then the coefficients a [M, C (C - 1) / 2].

    Args:
      mixtures: M.
      floor: smallest log s.

    Raises:
      UserError: no component, or fewer than two levels.
    """
    _check(levels)
    if mixtures < 1:
        raise UserError(f"A mixture needs at least 1 component, not {mixtures} (method.distribution.mixtures).")
    pairs = channels * (channels - 1) // 2
    half = 1.0 / (levels - 1)

    def split(params):
        params = params.astype(jnp.float32)
        logits, rest = params[..., :mixtures], params[..., mixtures:]
        rest = rest.reshape(*rest.shape[:-1], mixtures, 2 * channels + pairs)
        mean, log_s, a = jnp.split(rest, [channels, 2 * channels], axis=-1)
        return logits, mean, jnp.maximum(log_s, floor), jnp.tanh(a)

    def shifted(mean, a, x, c):
        """Eq. (4) for channel c; the coefficients of c start at c (c - 1) / 2."""
        start = c * (c - 1) // 2
        return mean[..., c] + jnp.sum(a[..., start : start + c] * x[..., :c], axis=-1)

    def log_prob(params, x):
        logits, mean, log_s, a = split(params)
        x = x.astype(jnp.float32)[..., None, :]
        parts = [logistic_bin(x[..., c], shifted(mean, a, x, c), log_s[..., c], half) for c in range(channels)]
        return jax.nn.logsumexp(jax.nn.log_softmax(logits) + sum(parts), axis=-1)

    def sample(params, keys, temperature=1.0):
        logits, mean, log_s, a = split(params)
        noise = each(jax.random.uniform, keys, (mixtures + channels,), minval=1e-6, maxval=1.0 - 1e-6)
        gumbel = -jnp.log(-jnp.log(noise[:, :mixtures]))
        chosen = jnp.argmax(logits + temperature * gumbel, axis=-1)[:, None, None]
        mean, log_s, a = (jnp.take_along_axis(part, chosen, axis=1)[:, 0] for part in (mean, log_s, a))
        u = noise[:, mixtures:]
        spread = temperature * jnp.exp(log_s) * (jnp.log(u) - jnp.log1p(-u))
        x = jnp.zeros_like(mean)
        for c in range(channels):
            x = x.at[:, c].set(grey.quantize(shifted(mean, a, x, c) + spread[:, c], levels))
        return x

    return Pixels(mixtures * (1 + 2 * channels + pairs), levels, log_prob, sample)


def _check(levels: int) -> None:
    if not 2 <= levels <= 256:
        raise UserError(f"Pixels have 2 to 256 levels, not {levels} (method.distribution.levels).")


PIXELS = {"categorical": categorical, "logistic_mixture": logistic_mixture}
