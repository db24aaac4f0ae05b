"""A toy method that has everything which can go wrong between devices: batch statistics, noise inside the step, weight
averages, a lazily computed term, micro-batches, several batches per step, and state that follows the batch."""

import jax
import jax.numpy as jnp
import numpy as np
import optax

from jaxgen import core, optim
from jaxgen.core import Aux, Lazy, Method, Turn, alternate, each, minimize, replicas, trees

SIZE = 6


def batch(step: int, count: int = 8) -> dict[str, np.ndarray]:
    """Two features with a known linear target, [count, SIZE] and [count]."""
    rng = np.random.default_rng([7, step])
    x = rng.normal(size=(count, SIZE)).astype(np.float32)
    return {"x": x, "y": x @ np.arange(1, SIZE + 1, dtype=np.float32)}


def batches(step: int, k: int, count: int = 8) -> dict[str, np.ndarray]:
    """[k, count, ...]"""
    return jax.tree.map(lambda *xs: np.stack(xs), *[batch(step * k + i, count) for i in range(k)])


def _init(rng, batch, frozen):
    hidden = jax.random.normal(rng, (SIZE, 16)) / SIZE**0.5
    params = {
        "hidden": {"kernel": hidden},
        "out": {"kernel": jnp.ones((16, 1)) / 4, "bias": jnp.mean(batch["y"])[None]},
    }
    return params, {"mean": jnp.zeros(16)}


def _loss(axis, forget=False, statistics=True):
    def loss(params, state, batch, keys):
        noise = 0.1 * each(jax.random.normal, keys, (SIZE,))
        h = (batch["x"] + noise) @ params["hidden"]["kernel"]
        centre = jnp.mean(h, axis=0) if statistics else jnp.zeros(16)
        centre = centre if forget else replicas.mean(centre, axis)
        h = jax.nn.silu(h - centre)
        error = (h @ params["out"]["kernel"])[:, 0] + params["out"]["bias"] - batch["y"]
        stats = {"mean": 0.9 * state.stats["model"]["mean"] + 0.1 * centre}
        return error**2, Aux(metrics={"error": jnp.abs(error)}, stats=stats)

    return loss


def _decay(params, state, batch, keys):
    size = jnp.sum(params["hidden"]["kernel"] ** 2)
    return jnp.full(keys.shape, 1e-2 * size), Aux(metrics={"size": size}, memory={"size": size})


def method(axis=None, *, micro=1, repeats=1, forget=False, tx=None) -> Method:
    """The toy; `forget` leaves out the mean over replicas of the batch statistics."""
    averages = optim.averages({"ema": {"kind": "constant", "decay": 0.9}})
    turn = Turn(
        "model",
        _loss(axis, forget),
        tx or optax.adam(1e-2, eps=1e-3),
        averages,
        repeats=repeats,
        lazy=(Lazy(_decay, 2),),
        micro=micro,
    )
    return alternate(
        lambda rng, batch, frozen: {"model": _init(rng, batch, frozen)},
        [turn],
        {},
        memory=lambda rng, batch: {"size": jnp.zeros(())},
        axis=axis,
    )


def plain(axis=None, *, statistics=True, **options) -> Method:
    """The toy without extras, through `minimize`."""
    return minimize(_init, _loss(axis, statistics=statistics), optax.adam(1e-2, eps=1e-3), {}, axis=axis, **options)


def pixels(axis=None) -> Method:
    """A method whose memory follows the batch: one offset per example, moved towards its target."""

    def init(rng, batch, frozen):
        state = core.start(rng, {}, [], frozen, {"offset": jnp.zeros_like(batch["y"]), "total": jnp.zeros(())})
        return state

    def step(state, batch):
        keys = replicas.keys(jax.random.fold_in(state.rng, state.step), trees.leading(batch), axis)
        gap = batch["y"] - state.memory["offset"]
        total = replicas.mean(jnp.mean(gap), axis)
        offset = state.memory["offset"] + 0.5 * gap + 0.01 * each(jax.random.normal, keys, ())
        return state.replace(step=state.step + 1, memory={"offset": offset, "total": total}), {"gap": total}

    return Method(init, step, {}, per_example_state=("memory/offset",))
