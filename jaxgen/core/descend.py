"""One optimizer step. The only place with `value_and_grad`, micro-batches, the mean over replicas, and optax."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from jaxgen.core import replicas, trees


class Aux(NamedTuple):
    """What a loss returns beside its value."""

    metrics: dict[str, Any] = {}
    """Scalars or [B] arrays; reported as their mean over the global batch."""
    stats: Any = None
    """The player's new untrained collections; averaged over micro-batches and replicas."""
    memory: dict[str, Any] = {}
    """New values for entries of `State.memory`; averaged likewise."""
    outputs: Any = None
    """Leaves [B, ...], kept per example."""


def descend(
    loss: Callable[[Any, Any, jax.Array], tuple[jax.Array, Aux]],
    tx: optax.GradientTransformation,
    params: Any,
    opt: Any,
    batch: Any,
    rng: jax.Array,
    *,
    axis: str | None = None,
    micro: int = 1,
) -> tuple[Any, Any, dict[str, jax.Array], Aux]:
    """Move `params` one step down the mean of `loss` over the global batch.

    Args:
      loss: (params, batch, keys [B]) -> (per-example values [B], Aux). keys[i] depends on the index of example i in
        the global batch alone.
      batch: leaves [B, ...]; under pmap the local part.
      rng: () key of this step and player.
      axis: name of the replica axis under pmap; None under jit.
      micro: number of micro-batches the batch is walked in; gradients are their mean, optimizer, schedules and
        averages advance once.

    Returns:
      (params, opt, metrics, aux): metrics holds "loss", "grad_norm" and the means of `aux.metrics`; `aux.outputs` is
      in the order of the batch.
    """
    keys = replicas.keys(rng, trees.leading(batch), axis)

    def objective(params, batch, keys):
        values, aux = loss(params, batch, keys)
        means = {name: jnp.mean(jnp.asarray(value, jnp.float32)) for name, value in aux.metrics.items()}
        value = jnp.mean(values.astype(jnp.float32))
        return value, ({"loss": value, **means}, aux.stats, aux.memory, aux.outputs)

    gradient = jax.grad(objective, has_aux=True)
    if micro == 1:
        grads, (*means, outputs) = gradient(params, batch, keys)
    else:

        def walk(total, part):
            grads, (*means, outputs) = gradient(params, *part)
            return jax.tree.map(jnp.add, total, (grads, means)), outputs

        parts = trees.strided_split((batch, keys), micro)
        first = jax.tree.map(lambda x: x[0], parts)
        shapes, (*mean_shapes, _) = jax.eval_shape(gradient, params, *first)
        zeros = jax.tree.map(lambda s: jnp.zeros(s.shape, s.dtype), (shapes, mean_shapes))
        total, outputs = jax.lax.scan(walk, zeros, parts)
        grads, means = jax.tree.map(lambda x: (x / micro).astype(x.dtype), total)
        outputs = trees.strided_join(outputs)

    grads, (metrics, stats, memory) = replicas.mean((grads, means), axis)
    metrics["grad_norm"] = optax.tree.norm(grads)
    # Line searches ask for values of their own; other optimizers ignore these, and they cost nothing.
    search = {
        "value": metrics["loss"],
        "grad": grads,
        "value_fn": lambda params: replicas.mean(objective(params, batch, keys)[0], axis),
    }
    updates, opt = optax.with_extra_args_support(tx).update(grads, opt, params, **search)
    return optax.apply_updates(params, updates), opt, metrics, Aux(metrics, stats, memory, outputs)
