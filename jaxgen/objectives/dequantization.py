"""Densities of continuous variables as likelihoods of images with discrete levels.

An image v of D numbers in 0 ... n - 1 (n = 2^bits) becomes y = (v + u) / n with noise u in [0, 1)^D. For any density p
of y and any density q of the noise (Theis et al. 2016, "A note on the evaluation of generative models", sec. 3.1; Ho et
al. 2019, "Flow++", eq. 12), by Jensen's inequality
    (1)  log P(v) = log int p((v + u) / n) du - D log n  >=  E_q [log p(y) - log q(u | v)] - D log n
    (2)  log P(v) >= E log 1/K sum_k exp(log p(y_k) - log q(u_k | v)) - D log n      tighter with K (ibid., eq. 15)
Uniform dequantisation has log q = 0. Variational dequantisation draws u = sigmoid(g(e; v)), e ~ N(0, I):
    (3)  log q(u | v) = log N(e; 0, I) - log |det dg/de| - sum log(u (1 - u))
The model's own variable is either of
    (4)  w = 2 y - 1,                           log |det dw/dy| = D log 2
    (5)  w = logit(t),  t = a + (1 - 2 a) y,    log |det dw/dy| = sum log(1 - 2 a) - log t - log(1 - t)
of which (5) keeps samples inside the range (Dinh et al. 2017, sec. 4.1, where a is 0.05).
"""

import math

import jax
import jax.numpy as jnp

from jaxgen.core import each


def levels(x: jax.Array, bits: int) -> jax.Array:
    """Images in [-1, 1] with 256 levels -> whole numbers 0 ... 2^bits - 1 as float32; lower bits are dropped."""
    return jnp.floor(jnp.round((x.astype(jnp.float32) + 1.0) * 127.5) / 2 ** (8 - bits))


def picture(y: jax.Array, bits: int) -> jax.Array:
    """y [...] -> the image of the level it lies in, float32 in [-1, 1]; values outside [0, 1) are clipped."""
    level = jnp.clip(jnp.floor(y * 2**bits), 0, 2**bits - 1)
    return level * (2.0 / (2**bits - 1)) - 1.0


def normal_log_prob(z: jax.Array) -> jax.Array:
    """log N(z; 0, I), summed over all axes but the first."""
    return jnp.sum(-0.5 * jnp.square(z) - 0.5 * math.log(2.0 * math.pi), axis=tuple(range(1, z.ndim)))


def uniform_noise(keys: jax.Array, shape: tuple[int, ...]) -> tuple[jax.Array, jax.Array]:
    """Noise u [B, *shape] and log q(u) [B] = 0."""
    return each(jax.random.uniform, keys, shape), jnp.zeros(keys.shape, jnp.float32)


def logistic_noise(e: jax.Array, logits: jax.Array, log_det: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Eq. (3).

    Args:
      e: standard normal [B, ...].
      logits: g(e; v), same shape; log_det: log |det dg/de| [B].
    """
    axes = tuple(range(1, logits.ndim))
    slope = jnp.sum(jax.nn.log_sigmoid(logits) + jax.nn.log_sigmoid(-logits), axis=axes)
    return jax.nn.sigmoid(logits), normal_log_prob(e) - log_det - slope


def forward(y: jax.Array, alpha: float) -> tuple[jax.Array, jax.Array]:
    """Eq. (5), or (4) if `alpha` is 0: y [B, ...] in [0, 1] -> (w, log det [B])."""
    axes = tuple(range(1, y.ndim))
    if not alpha:
        return 2.0 * y - 1.0, jnp.full(y.shape[:1], math.log(2.0) * math.prod(y.shape[1:]))
    t = alpha + (1.0 - 2.0 * alpha) * y
    log_t, log_rest = jnp.log(t), jnp.log1p(-t)
    return log_t - log_rest, jnp.sum(math.log(1.0 - 2.0 * alpha) - log_t - log_rest, axis=axes)


def backward(w: jax.Array, alpha: float) -> jax.Array:
    """The inverse of `forward`."""
    if not alpha:
        return 0.5 * (w + 1.0)
    return (jax.nn.sigmoid(w) - alpha) / (1.0 - 2.0 * alpha)
