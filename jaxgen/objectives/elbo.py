"""Bounds on the log-evidence of a latent-variable model p(x, z) = p(x | z) N(z; 0, I) with q(z | x) = N(m, s^2).

    (1)  log p(x) >= ELBO = E_q [log p(x | z)] - KL(q(z | x) || N(0, I))     (Kingma & Welling 2014, eq. 3)
    (2)  KL = 1/2 sum (m^2 + s^2 - 1 - log s^2)                              (ibid., appendix B)
    (3)  free bits: sum_g max(lambda, mean over the batch of KL_g)           (Kingma et al. 2016, eq. 15)
    (4)  log p(x) >= E log 1/K sum_k w_k,  w_k = p(x | z_k) p(z_k) / q(z_k | x)   (Burda et al. 2016, eq. 8)
    (5)  beta-VAE: E_q [log p(x | z)] - beta KL                              (Higgins et al. 2017, eq. 4)

All values are float32, in nats, and per example [B]; latents are [B, ..., D] and a group of (3) is one channel of the
last axis, summed over the axes between.
"""

import math
from collections.abc import Callable

import jax
import jax.numpy as jnp

from jaxgen.core import each, replicas


def normal_log_prob(z: jax.Array, mean: jax.Array, log_var: jax.Array) -> jax.Array:
    """log N(z; mean, exp(log_var)), elementwise."""
    return -0.5 * (jnp.square(z - mean) * jnp.exp(-log_var) + log_var + math.log(2.0 * math.pi))


def reparameterize(mean: jax.Array, log_var: jax.Array, keys: jax.Array) -> jax.Array:
    """One draw from q per example: mean + s * noise, [B, ...]."""
    return mean + jnp.exp(0.5 * log_var) * each(jax.random.normal, keys, mean.shape[1:])


def gaussian_kl(mean: jax.Array, log_var: jax.Array) -> jax.Array:
    """Eq. (2) per group: [B, ..., D] -> [B, D]."""
    terms = 0.5 * (jnp.square(mean) + jnp.exp(log_var) - 1.0 - log_var)
    return jnp.sum(terms, axis=tuple(range(1, mean.ndim - 1)))


def free_bits(kl: jax.Array, minimum: float, axis: str | None = None) -> jax.Array:
    """Eq. (3), spread over the examples: [B, D] -> [B], whose batch mean and gradient are those of (3).

    A group whose batch mean lies below `minimum` nats counts as `minimum` and gets no gradient. The batch is the
    global one (`axis` names the replicas); with micro-batches it is the micro-batch.
    """
    if not minimum:
        return jnp.sum(kl, axis=-1)
    alive = jax.lax.stop_gradient(replicas.mean(jnp.mean(kl, axis=0), axis)) > minimum
    return jnp.sum(jnp.where(alive, kl, minimum), axis=-1)


def warm_up(step: jax.Array, steps: int) -> jax.Array | float:
    """The weight of the KL term: rises linearly from 0 to 1 over the first `steps` steps; 1 if that is 0."""
    return jnp.minimum(step.astype(jnp.float32) / steps, 1.0) if steps else 1.0


def importance_log_weights(
    log_likelihood: Callable[[jax.Array], jax.Array],
    mean: jax.Array,
    log_var: jax.Array,
    keys: jax.Array,
    *,
    samples: int,
    chunk: int,
) -> jax.Array:
    """log w_k of eq. (4), [samples, B].

    Args:
      log_likelihood: z [B, ...] -> log p(x | z) [B].
      keys: [B].
      chunk: samples decoded at a time; bounds the memory.
    """

    def one(keys):
        z = reparameterize(mean, log_var, keys)
        log_ratio = normal_log_prob(z, jnp.zeros_like(z), jnp.zeros_like(z)) - normal_log_prob(z, mean, log_var)
        return log_likelihood(z) + jnp.sum(log_ratio, axis=tuple(range(1, z.ndim)))

    return jax.lax.map(one, replicas.split_each(keys, samples), batch_size=min(chunk, samples))


def importance_bound(log_weights: jax.Array) -> jax.Array:
    """Eq. (4) from log weights [K, B]: [B]. K = 1 is a one-sample estimate of (1)."""
    return jax.nn.logsumexp(log_weights, axis=0) - math.log(log_weights.shape[0])


def active_units(mean: jax.Array, axis: str | None = None, threshold: float = 0.01) -> jax.Array:
    """How many latents the encoder uses: those whose posterior mean varies over the batch by more than `threshold`
    (Burda et al. 2016, section 5.2). mean [B, ...] -> () float32."""
    first, second = replicas.mean((jnp.mean(mean, axis=0), jnp.mean(jnp.square(mean), axis=0)), axis)
    return jnp.sum(second - jnp.square(first) > threshold).astype(jnp.float32)
