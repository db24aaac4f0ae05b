"""The state a run begins with."""

from typing import Any

import jax

from jaxgen.core import State
from jaxgen.parallel import Strategy, place
from jaxgen.training.checkpoints import Checkpoints
from jaxgen.training.screen import Screen


def begin(
    strategy: Strategy, store: Checkpoints, screen: Screen, rng: jax.Array, batch: Any, frozen: dict[str, Any]
) -> tuple[int, State]:
    """(step, state): the newest good checkpoint, or a fresh start."""
    abstract = strategy.abstract(rng, batch, frozen)
    if store.steps():
        places = jax.tree.map(lambda s: s.sharding, abstract.frozen)
        found = store.restore_latest(abstract.replace(frozen=place(frozen, places)), screen.say)
        if found:
            screen.say(f"going on from step {found[0]}")
            return found
    with screen.busy("initialising"):
        return 0, jax.block_until_ready(strategy.init(rng, batch, frozen))
