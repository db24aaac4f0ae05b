"""Starting from the weights of an earlier run (SRGAN from its PSNR network, distillation, progressive sizes)."""

import logging
from typing import Any

import jax
import jax.numpy as jnp

from jaxgen.core import Method, UserError, Weights

logger = logging.getLogger(__name__)


def warm(method: Method, given: Weights, source: str, *, part: bool = False) -> Method:
    """The same method, whose `init` takes the weights of players with the names and shapes of `given`.

    Players that `given` does not have start fresh. Optimizers start fresh, averages start at the given weights.

    Args:
      source: where the weights come from, for messages.
      part: take those weights whose names and shapes agree and start the others fresh; a warning says which. So a
        network begins with the body of one of another scale.

    Raises:
      UserError: (when `init` is traced) no player matches, or a player's weights have other shapes, or with `part`
        none fits.
    """
    told: set[str] = set()

    def init(rng, batch, frozen):
        state = method.init(rng, batch, frozen)
        shared = sorted(state.params.keys() & given.params.keys())
        if not shared:
            raise UserError(
                f"train.init_from={source!r} holds {sorted(given.params)}, and this model has {sorted(state.params)}: "
                "no network to start from."
            )
        params, stats = dict(state.params), dict(state.stats)
        for player in shared:
            if not part:
                _check(player, state.params[player], given.params[player], source)
            elif player not in told:
                _tell(player, state.params[player], given.params[player], source)
                told.add(player)
            params[player] = _fitting(state.params[player], given.params[player])
            stats[player] = _fitting(state.stats[player], given.stats[player])
        ema = {
            player: {
                profile: jax.tree.map(
                    lambda average, weight: weight.astype(average.dtype),
                    average,
                    {"params": params[player], "stats": stats[player]},
                )
                for profile, average in profiles.items()
            }
            for player, profiles in state.ema.items()
        }
        return state.replace(params=params, stats=stats, ema=ema)

    return method._replace(init=init)


def _named(tree: Any) -> dict[str, Any]:
    return {jax.tree_util.keystr(path): leaf for path, leaf in jax.tree_util.tree_leaves_with_path(tree)}


def _fitting(ours: Any, theirs: Any) -> Any:
    """Our tree with their leaves, in our types, where name and shape agree."""
    held = _named(theirs)

    def one(path, leaf):
        other = held.get(jax.tree_util.keystr(path))
        return leaf if other is None or other.shape != leaf.shape else jnp.asarray(other).astype(leaf.dtype)

    return jax.tree_util.tree_map_with_path(one, ours)


def _check(player, ours, theirs, source):
    shapes = [{key: leaf.shape for key, leaf in _named(tree).items()} for tree in (ours, theirs)]
    differ = sorted(key for key in shapes[0].keys() | shapes[1].keys() if shapes[0].get(key) != shapes[1].get(key))
    if differ:
        raise UserError(
            f"train.init_from={source!r}: {player} does not fit this model; {len(differ)} weights differ, the first is "
            f"{differ[0]} ({shapes[1].get(differ[0], 'absent')} there, {shapes[0].get(differ[0], 'absent')} here)."
            " Write part:PATH to take only those that fit."
        )


def _tell(player, ours, theirs, source):
    """Say what is taken and what is not."""
    mine, held = _named(ours), _named(theirs)
    taken = {key: leaf for key, leaf in mine.items() if key in held and held[key].shape == leaf.shape}
    if not taken:
        raise UserError(f"train.init_from={source!r}: none of the {len(held)} weights of {player} fits this model.")
    fresh, unused = (
        [key.strip("[]'").replace("']['", "/") for key in some if key not in taken] for some in (mine, held)
    )
    logger.warning(
        "train.init_from=%s: %s takes %d of its %d weights (%s of %s parameters). Fresh: %s. Left there: %s.",
        source,
        player,
        len(taken),
        len(mine),
        f"{sum(leaf.size for leaf in taken.values()):,}",
        f"{sum(leaf.size for leaf in mine.values()):,}",
        " ".join(fresh) or "none",
        " ".join(unused) or "none",
    )
