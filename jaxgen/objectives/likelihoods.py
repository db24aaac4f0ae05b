"""Distributions over images that a decoder can put out, as named tuples of pure functions.

The last axis of `params` holds one block of C channels per parameter, in the order named below: [B, H, W, P * C].
Images x are float32 in [-1, 1]; every likelihood factorises over pixels and channels, and sums in float32.

Bernoulli, with t = (x + 1) / 2 in [0, 1] and logits l (Kingma & Welling 2014, appendix C.1):
    (1)  log p(x) = sum  t log sigmoid(l) + (1 - t) log sigmoid(-l)
Gaussian, a density on [-1, 1] pixels (ibid., C.2):
    (2)  log p(x) = sum  -(x - m)^2 / (2 s^2) - log s - log(2 pi) / 2
Discretized logistic over the 256 levels x = 2 v / 255 - 1, half a bin being h = 1 / 255 (Kingma et al. 2016, "Improving
Variational Inference with Inverse Autoregressive Flow"; Salimans et al. 2017, "PixelCNN++", eq. 2):
    (3)  P(x) = sigmoid(a) - sigmoid(b),   a = (x + h - m) / s,  b = (x - h - m) / s
with a = inf at x = 1 and b = -inf at x = -1, so that the levels sum to one. Computed without cancellation through
    (4)  log(sigmoid(a) - sigmoid(b)) = log sigmoid(a) + log sigmoid(-b) + log(1 - exp(b - a))
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp

from jaxgen.core import UserError, each

HALF_BIN = 1.0 / 255.0


class Likelihood(NamedTuple):
    """A decoder's output distribution."""

    parameters: int
    """Decoder outputs per image channel."""
    observe: Callable[[jax.Array, jax.Array], jax.Array]
    """(x [B, H, W, C] in [-1, 1], keys [B]) -> what the model explains in place of x, same shape and range."""
    log_prob: Callable[[jax.Array, jax.Array], jax.Array]
    """(params [B, H, W, P * C], x [B, H, W, C]) -> float32 [B], in nats."""
    mean: Callable[[jax.Array], jax.Array]
    """params -> the image to show, float32 [B, H, W, C] in [-1, 1]."""
    sample: Callable[[jax.Array, jax.Array], jax.Array]
    """(params, keys [B]) -> a draw, float32 [B, H, W, C] in [-1, 1]."""


def bernoulli(*, binarize: bool = True) -> Likelihood:
    """Eq. (1): every pixel is black or white.

    Args:
      binarize: the model explains a fresh draw of black and white pixels, white with probability t (dynamic
        binarisation); `log_prob` is then a log-probability of that draw. Otherwise eq. (1) is used as a cross-entropy
        with the grey values as soft targets: it equals the mean over such draws, but the encoder sees grey images, and
        the number is no likelihood of them.
    """

    def observe(x, keys):
        return _coins(x, keys) if binarize else x

    def log_prob(params, x):
        logits = params.astype(jnp.float32)
        t = (x.astype(jnp.float32) + 1.0) * 0.5
        return _total(t * jax.nn.log_sigmoid(logits) + (1.0 - t) * jax.nn.log_sigmoid(-logits))

    def mean(params):
        return jnp.tanh(params.astype(jnp.float32) * 0.5)  # 2 sigmoid(l) - 1

    def sample(params, keys):
        return _coins(mean(params), keys)

    return Likelihood(1, observe, log_prob, mean, sample)


def gaussian(*, sigma: float = 0.0, floor: float = 0.01) -> Likelihood:
    """Eq. (2). Parameters: mean, then log s where it is learned, per pixel and channel.

    The value is a log-density on [-1, 1] pixels and can exceed zero. Densities of 8-bit images grow without bound
    as s falls on pixels that never change; hence the floor. Add D log(2 / 255), D = H W C, to compare with
    log-probabilities over 256 levels.

    Args:
      sigma: the standard deviation; 0 learns it.
      floor: smallest learned standard deviation.

    Raises:
      UserError: a negative sigma, or a floor that is not positive.
    """
    if sigma < 0 or floor <= 0:
        raise UserError(f"A Gaussian likelihood needs sigma >= 0 and floor > 0, not {sigma} and {floor}.")

    def split(params):
        params = params.astype(jnp.float32)
        if sigma:
            return params, jnp.full_like(params, sigma)
        m, log_s = jnp.split(params, 2, axis=-1)
        return m, floor + jnp.exp(jnp.clip(log_s, -12.0, 4.0))

    def log_prob(params, x):
        m, s = split(params)
        return _total(-0.5 * jnp.square((x - m) / s) - jnp.log(s) - 0.5 * math.log(2.0 * math.pi))

    def sample(params, keys):
        m, s = split(params)
        return jnp.clip(m + s * each(jax.random.normal, keys, m.shape[1:]), -1.0, 1.0)

    return Likelihood(1 if sigma else 2, _as_is, log_prob, lambda p: jnp.clip(split(p)[0], -1.0, 1.0), sample)


def discretized_logistic(*, floor: float = -7.0) -> Likelihood:
    """Eq. (3) over the 256 levels of 8-bit images: an exact log-probability of what the file holds.

    Parameters: m, then log s. `mean` shows m, the median of the logistic before clipping.

    Args:
      floor: smallest log s; at -7 one level can take practically all the mass.
    """

    def split(params):
        m, log_s = jnp.split(params.astype(jnp.float32), 2, axis=-1)
        return m, jnp.maximum(log_s, floor)

    def log_prob(params, x):
        m, log_s = split(params)
        return _total(logistic_bin(x, m, log_s))

    def sample(params, keys):
        m, log_s = split(params)
        x = m + jnp.exp(log_s) * each(jax.random.logistic, keys, m.shape[1:])
        return jnp.round((jnp.clip(x, -1.0, 1.0) + 1.0) * 127.5) / 127.5 - 1.0

    return Likelihood(2, _as_is, log_prob, lambda p: jnp.clip(split(p)[0], -1.0, 1.0), sample)


def logistic_bin(x: jax.Array, m: jax.Array, log_s: jax.Array, half: float = HALF_BIN) -> jax.Array:
    """log P(x) of eq. (3), element by element, float32.

    Args:
      x: levels in [-1, 1], evenly spaced.
      half: half the distance between levels, h; 1 / (K - 1) for K levels.
    """
    inverse = jnp.exp(-log_s)
    below, above = (x - half - m) * inverse, (x + half - m) * inverse
    left = jax.nn.log_sigmoid(above)
    right = jax.nn.log_sigmoid(-below)
    inner = left + right + jnp.log(-jnp.expm1(-2.0 * half * inverse))  # (4)
    return jnp.where(x < half - 1.0, left, jnp.where(x > 1.0 - half, right, inner))


def _as_is(x, keys):
    return x


def _coins(x, keys):
    """-1 or 1 per pixel, with mean x."""
    return jnp.where(each(jax.random.uniform, keys, x.shape[1:]) * 2.0 - 1.0 < x, 1.0, -1.0)


def _total(values):
    """[B, H, W, C] -> [B]."""
    return jnp.sum(values, axis=tuple(range(1, values.ndim)))


LIKELIHOODS = {"bernoulli": bernoulli, "gaussian": gaussian, "discretized_logistic": discretized_logistic}
