"""One optimizer step. The only place with `value_and_grad`, micro-batches, the mean over replicas, and optax."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from jaxgen.core import replicas, trees
from jaxgen.errors import choose

NONE = "none"


def _product(primitive, *_, **__) -> bool:
    return primitive.name in ("dot_general", "conv_general_dilated")


def _product_with_weights(primitive, *args, **kwargs) -> bool:
    plain = jax.checkpoint_policies.dots_with_no_batch_dims_saveable
    return primitive.name == "conv_general_dilated" or bool(plain(primitive, *args, **kwargs))


REMAT: dict[str, Callable | None] = {NONE: None, "products": _product, "weights": _product_with_weights}
"""What the forward pass keeps for the backward pass, which computes the rest again: everything; the results of matrix
products and convolutions; those with weights alone, so that attention maps are computed again."""
_remat: ContextVar[str] = ContextVar("remat", default=NONE)


@contextmanager
def remat(policy: str) -> Iterator[None]:
    """Losses differentiated within (while a step is traced) keep what `REMAT` says of `policy`.

    Raises:
      UserError: an unknown policy.
    """
    choose(REMAT, policy, "train.remat")
    token = _remat.set(policy)
    try:
        yield
    finally:
        _remat.reset(token)


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

    policy = REMAT[_remat.get()]
    gradient = jax.grad(jax.checkpoint(objective, policy=policy) if policy else objective, has_aux=True)
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
