"""Starting from the weights of an earlier run (SRGAN from its PSNR network, distillation, progressive sizes)."""

import jax
import jax.numpy as jnp

from jaxgen.core import Method, UserError, Weights


def warm(method: Method, given: Weights, source: str) -> Method:
    """The same method, whose `init` takes the weights of players with the names and shapes of `given`.

    Players that `given` does not have start fresh. Optimizers start fresh, averages start at the given weights.

    Args:
      source: where the weights come from, for messages.

    Raises:
      UserError: (when `init` is traced) no player matches, or a player's weights have other shapes.
    """

    def init(rng, batch, frozen):
        state = method.init(rng, batch, frozen)
        shared = sorted(state.params.keys() & given.params.keys())
        if not shared:
            raise UserError(
                f"train.init_from={source!r} holds {sorted(given.params)}, and this model has {sorted(state.params)}: "
                "no network to start from."
            )
        for player in shared:
            _check(player, state.params[player], given.params[player], source)
        params = {**state.params, **{p: jax.tree.map(jnp.asarray, given.params[p]) for p in shared}}
        stats = {**state.stats, **{p: jax.tree.map(jnp.asarray, given.stats[p]) for p in shared}}
        params, stats = (
            jax.tree.map(lambda x, like: x.astype(like.dtype), new, old)
            for new, old in ((params, state.params), (stats, state.stats))
        )
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


def _check(player, ours, theirs, source):
    shapes = [
        {jax.tree_util.keystr(path): leaf.shape for path, leaf in jax.tree_util.tree_leaves_with_path(tree)}
        for tree in (ours, theirs)
    ]
    differ = sorted(key for key in shapes[0].keys() | shapes[1].keys() if shapes[0].get(key) != shapes[1].get(key))
    if differ:
        raise UserError(
            f"train.init_from={source!r}: {player} does not fit this model; {len(differ)} weights differ, the first is "
            f"{differ[0]} ({shapes[1].get(differ[0], 'absent')} there, {shapes[0].get(differ[0], 'absent')} here)."
        )
