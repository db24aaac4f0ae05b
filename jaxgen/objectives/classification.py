"""Losses of classifiers.

Cross-entropy against labels smoothed by e over K classes (Szegedy et al. 2016, "Rethinking the Inception
Architecture", sec. 7):
    (1)  L = -(1 - e) log p_y - (e / K) sum_k log p_k
"""

import jax
import jax.numpy as jnp


def cross_entropy(logits: jax.Array, labels: jax.Array, smoothing: float = 0.0) -> jax.Array:
    """Eq. (1): logits float [B, K], labels int [B] -> float32 [B] in nats."""
    logs = jax.nn.log_softmax(logits.astype(jnp.float32), axis=-1)
    right = jnp.take_along_axis(logs, labels[:, None], axis=-1)[:, 0]
    return -(1.0 - smoothing) * right - smoothing * jnp.mean(logs, axis=-1)


def correct(logits: jax.Array, labels: jax.Array) -> jax.Array:
    """1 where the most probable class is the label, else 0: float32 [B]."""
    return (jnp.argmax(logits, axis=-1) == labels).astype(jnp.float32)
