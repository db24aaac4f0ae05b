"""Weights for tests of networks: no initialiser compiled, nothing left at its zero or identity start."""

import jax
import numpy as np


def random_weights(init, *args, scale: float = 0.2, seed: int = 0):
    """What `init(*args)` returns, its float leaves replaced by normal draws; leaves called "scale" are drawn around 1.

    Args:
      init: a function of arrays, e.g. `Net.init`; only its shapes are computed.
      scale: standard deviation of the draws.
    """
    rng = np.random.default_rng(seed)

    def draw(path, leaf):
        if not np.issubdtype(leaf.dtype, np.floating):
            return np.zeros(leaf.shape, leaf.dtype)
        centre = 1.0 if "scale" in jax.tree_util.keystr(path[-1:]) else 0.0
        return (centre + scale * rng.normal(size=leaf.shape)).astype(leaf.dtype)

    return jax.tree_util.tree_map_with_path(draw, jax.eval_shape(init, *args))
