"""Methods that move one player, or several in turn. A builder returns a `Method`; most models never write a step."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from jaxgen.core.descend import Aux, descend
from jaxgen.core.method import Batch, Method, Metrics, Task
from jaxgen.core.state import State

Loss = Callable[[Any, State, Batch, jax.Array], tuple[jax.Array, Aux]]
"""(this player's params, state, batch, keys [B]) -> (per example [B], Aux). `state` gives everything else."""


class Averages(NamedTuple):
    """How the averages of one player are kept: profile -> {"params", "stats"}. Made by `jaxgen.optim.ema`."""

    init: Callable[[Any, Any], dict[str, Any]]
    """(params, stats) -> averages"""
    update: Callable[[dict[str, Any], Any, Any, jax.Array], dict[str, Any]]
    """(averages, params, stats, finished steps before this one) -> averages"""


class Lazy(NamedTuple):
    """A loss term computed on every `every`-th step and weighted by `every` (lazy regularisation, StyleGAN2 sec. 4)."""

    loss: Loss
    every: int


class Turn(NamedTuple):
    """One player's move within a step."""

    player: str
    loss: Loss
    tx: optax.GradientTransformation
    averages: Averages | None = None
    repeats: int = 1
    """Moves per step; move i sees the i-th of the step's batches."""
    lazy: tuple[Lazy, ...] = ()
    micro: int = 1


Starts = dict[str, tuple[Any, Any]]
"""player -> (params, stats)"""


def start(
    rng: jax.Array, players: Starts, turns: Sequence[Turn], frozen: dict[str, Any], memory: dict[str, Any] | None = None
) -> State:
    """A fresh `State` for the given networks, with their optimizers and averages."""
    return State(
        step=jnp.zeros((), jnp.int32),
        rng=rng,
        params={name: params for name, (params, _) in players.items()},
        opt={turn.player: turn.tx.init(players[turn.player][0]) for turn in turns},
        ema={turn.player: turn.averages.init(*players[turn.player]) for turn in turns if turn.averages},
        stats={name: stats for name, (_, stats) in players.items()},
        frozen=frozen,
        memory=memory or {},
    )


def move(turn: Turn, state: State, batch: Batch, rng: jax.Array, axis: str | None) -> tuple[State, Metrics, Any]:
    """One optimizer step of one player, its metrics, and the outputs of its loss; the rest of the state stays."""

    def loss(params, batch, keys):
        values, aux = turn.loss(params, state, batch, keys)
        for term in turn.lazy:
            due = state.step % term.every == 0
            extra, more = _lazily(term, due, params, state, batch, keys)
            values = values + term.every * extra
            aux = aux._replace(
                metrics={**aux.metrics, **more.metrics},
                memory={**aux.memory, **more.memory},
            )
        return values, aux

    name = turn.player
    params, opt, metrics, aux = descend(
        loss, turn.tx, state.params[name], state.opt[name], batch, rng, axis=axis, micro=turn.micro
    )
    stats = state.stats[name] if aux.stats is None else aux.stats
    ema = state.ema
    if turn.averages:
        ema = {**ema, name: turn.averages.update(ema[name], params, stats, state.step)}
    state = state.replace(
        params={**state.params, name: params},
        opt={**state.opt, name: opt},
        stats={**state.stats, name: stats},
        ema=ema,
        memory={**state.memory, **aux.memory},
    )
    return state, {f"{name}/{key}": value for key, value in metrics.items()}, aux.outputs


def _lazily(term: Lazy, due, params, state, batch, keys):
    """The term where it is due; elsewhere zeros of the same shapes, at no cost. Its memory then stays as it was."""

    def compute():
        values, aux = term.loss(params, state, batch, keys)
        return values, Aux(metrics=aux.metrics, memory=aux.memory)

    def skip():
        values, aux = jax.eval_shape(compute)
        zeros = jax.tree.map(lambda s: jnp.zeros(s.shape, s.dtype), (values, aux.metrics))
        return zeros[0], Aux(metrics=zeros[1], memory={name: state.memory[name] for name in aux.memory})

    return jax.lax.cond(due, compute, skip)


def alternate(
    init: Callable[[jax.Array, Batch, dict[str, Any]], Starts],
    turns: Sequence[Turn],
    tasks: dict[str, Task],
    *,
    memory: Callable[[jax.Array, Batch], dict[str, Any]] | None = None,
    requires: tuple[str, ...] = (),
    axis: str | None = None,
) -> Method:
    """Players in turn, as all GANs do. A turn with `repeats` = n_critic makes the step read [k, B] batches.

    Args:
      init: (rng, batch, frozen) -> player -> (params, stats).
      turns: moves in the order they are made; keys differ by turn and repeat.
      memory: (rng, batch) -> first contents of `State.memory`.
    """
    batches = max(turn.repeats for turn in turns)

    def first(rng, batch, frozen):
        state_rng, init_rng, memory_rng = jax.random.split(rng, 3)
        one = jax.tree.map(lambda x: x[0], batch) if batches > 1 else batch
        kept = memory(memory_rng, one) if memory else {}
        return start(state_rng, init(init_rng, one, frozen), turns, frozen, kept)

    def step(state, batch):
        rng = jax.random.fold_in(state.rng, state.step)
        metrics: Metrics = {}
        for index, turn in enumerate(turns):
            turn_rng = jax.random.fold_in(rng, index)
            if turn.repeats == 1:
                one = jax.tree.map(lambda x: x[-1], batch) if batches > 1 else batch
                state, made, _ = move(turn, state, one, turn_rng, axis)
            else:

                def body(state, item, turn=turn, turn_rng=turn_rng):
                    repeat, one = item
                    state, made, _ = move(turn, state, one, jax.random.fold_in(turn_rng, repeat), axis)
                    return state, made

                some = jax.tree.map(lambda x, n=turn.repeats: x[:n], batch)
                state, made = jax.lax.scan(body, state, (jnp.arange(turn.repeats), some))
                made = jax.tree.map(lambda x: jnp.mean(x, axis=0), made)
            metrics |= made
        return state.replace(step=state.step + 1), metrics

    return Method(first, step, tasks, batches, requires=requires)


def minimize(
    init: Callable[[jax.Array, Batch, dict[str, Any]], tuple[Any, Any]],
    loss: Loss,
    tx: optax.GradientTransformation,
    tasks: dict[str, Task],
    *,
    player: str = "model",
    averages: Averages | None = None,
    micro: int = 1,
    requires: tuple[str, ...] = (),
    axis: str | None = None,
) -> Method:
    """One player, one loss: VAEs, diffusion, flows, autoregressive models, super-resolution, prediction.

    Args:
      init: (rng, batch, frozen) -> (params, stats).
    """
    turn = Turn(player, loss, tx, averages, micro=micro)
    return alternate(
        lambda rng, batch, frozen: {player: init(rng, batch, frozen)}, [turn], tasks, requires=requires, axis=axis
    )
