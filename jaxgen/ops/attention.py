"""Attention as array maths.

    (1)  out = softmax(q k^T / sqrt(D)) v
Heads come before positions in the products, q is scaled instead of the logits, and the weights are normalised after
the second product, on [.., D] instead of [.., T]: plain batched matmuls that are faster on CPU than the fused form
(`docs/performance.md`), and through which `jvp` and the gradient of a gradient pass.
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
    q, k, v = (x.swapaxes(1, 2) for x in (q, k, v))
    scaled = q * (1.0 / math.sqrt(q.shape[-1]))
    logits = jnp.einsum("bhtd,bhsd->bhts", scaled, k, preferred_element_type=jnp.float32)
    if mask is not None:
        logits = jnp.where(mask, logits, jnp.finfo(jnp.float32).min)
    top = jax.lax.stop_gradient(jnp.max(logits, axis=-1, keepdims=True))
    weights = jnp.exp(logits - top)
    out = jnp.einsum("bhts,bhsd->bhtd", weights.astype(v.dtype), v).astype(jnp.float32)
    return (out / jnp.sum(weights, axis=-1, keepdims=True)).astype(q.dtype).swapaxes(1, 2)
