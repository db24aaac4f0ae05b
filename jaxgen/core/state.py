"""State is data: what a training step reads and returns, and what a checkpoint holds."""

from typing import Any, NamedTuple

import flax.struct
import jax

from jaxgen.errors import UserError, suggest

PyTree = Any


class State(flax.struct.PyTreeNode):
    """Everything a training run knows. Holds arrays only, so it can be saved, donated and sharded freely."""

    step: jax.Array
    """() int32: finished steps."""
    rng: jax.Array
    """() typed PRNG key; the keys of a step are folded from (rng, step)."""
    params: dict[str, PyTree]
    """player -> weights. A player is what one optimizer moves; it may hold several networks."""
    opt: dict[str, PyTree]
    """player -> optimizer state."""
    ema: dict[str, dict[str, PyTree]]
    """player -> profile -> {"params", "stats"}: averages for evaluation, teachers, several widths."""
    stats: dict[str, PyTree]
    """player -> untrained collections (batch statistics, spectral-norm vectors)."""
    frozen: dict[str, PyTree]
    """name -> weights of a pretrained network that never changes."""
    memory: dict[str, PyTree]
    """name -> anything else a method remembers (image pools, path-length mean, EM statistics)."""


class Weights(NamedTuple):
    """What a task reads: a view of `State` without the training half."""

    params: dict[str, PyTree]
    stats: dict[str, PyTree]
    frozen: dict[str, PyTree]
    memory: dict[str, PyTree]


RAW = "raw"
"""The profile name of the weights themselves, not averaged."""


def weights(state: State, profile: str = "ema") -> Weights:
    """The weights a task should use: the averages called `profile` where a player keeps averages, else the raw ones.

    Raises:
      UserError: averages exist but none is called `profile`.
    """
    params, stats = dict(state.params), dict(state.stats)
    profiles = {name for kept in state.ema.values() for name in kept}
    if profile != RAW and profiles and profile not in profiles:
        raise UserError(f"This run keeps no weight averages called {profile!r}.{suggest(profile, profiles | {RAW})}")
    for player, kept in state.ema.items():
        if profile in kept:
            params[player], stats[player] = kept[profile]["params"], kept[profile]["stats"]
    return Weights(params, stats, state.frozen, state.memory)
