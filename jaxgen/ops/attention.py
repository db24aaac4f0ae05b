"""Attention as array maths.

    (1)  out = softmax(q k^T / sqrt(D)) v
The weights are normalised after the second product, on [.., D] instead of [.., T]: a plain batched matmul that is
faster on CPU than the fused form, and through which `jvp` and the gradient of a gradient pass.
"""

import math

import jax
import jax.numpy as jnp


def attention(q: jax.Array, k: jax.Array, v: jax.Array, mask: jax.Array | None = None) -> jax.Array:
    """Eq. (1) per head.

    Args:
      q: [B, T, heads, D].
      k, v: [B, S, heads, D].
      mask: bool, broadcastable to [B, heads, T, S]; True where a query may look.

    Returns:
      [B, T, heads, D] in the dtype of q; the softmax is float32.
    """
    logits = jnp.einsum("bthd,bshd->bhts", q, k).astype(jnp.float32) / math.sqrt(q.shape[-1])
    if mask is not None:
        logits = jnp.where(mask, logits, jnp.finfo(jnp.float32).min)
    top = jax.lax.stop_gradient(jnp.max(logits, axis=-1, keepdims=True))
    weights = jnp.exp(logits - top)
    out = jnp.einsum("bhts,bshd->bthd", weights.astype(v.dtype), v)
    total = jnp.sum(weights, axis=-1).swapaxes(1, 2)[..., None]
    return (out.astype(jnp.float32) / total).astype(q.dtype)
