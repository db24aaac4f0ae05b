"""The contract: everything trainable is a `Method`, a named tuple of pure functions. The trainer knows nothing else."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxgen.core.state import State, Weights

Batch = Mapping[str, Any]
"""Leaves lead with the batch axis: "image" uint8 [B, H, W, C], "label" int32 [B], "text", "video", ..."""
Metrics = dict[str, jax.Array]
"""Flat {"player/name": () float32}."""


class Spec(NamedTuple):
    """What one input or output of a task is, without its leading batch axis.

    `kind` tells the host how to read or write it: "image" (float32 in [-1, 1], [H, W, C]), "mask" (float32 in
    {0, 1}, [H, W, 1], 1 = keep), "label" (int32), "index" (int32, which of `high` things the state holds), "tokens"
    (int32), "text", "video" (float32 in [-1, 1], [T, H, W, C]), "latent" (float32), "scalar" (float32), "camera".
    """

    kind: str
    shape: tuple[int, ...]
    dtype: Any = jnp.float32
    high: int | None = None
    """Exclusive upper bound of a label, index or token; None where it has no meaning."""
    default: float | None = None
    """What an input is filled with where the caller gives none; None: it has to be given (labels come in turn)."""


class Tiles(NamedTuple):
    """How a task serves images larger than its input: in tiles of the input's size, whose borders are thrown away."""

    overlap: int
    """Pixels of the input, on each side of a tile, that a tile shares with its neighbour and whose results are lost."""
    scale: int = 1
    """Pixels of the output per pixel of the input."""


class Task(NamedTuple):
    """Something a trained model can do: sample, reconstruct, log_prob, inpaint, interpolate, translate, ..."""

    fn: Callable[[Weights, jax.Array, dict[str, Any]], dict[str, Any]]
    """(weights, keys [B], inputs) -> outputs. keys[i] = fold_in(key(seed), i), so that an image depends on the
    seed and its index alone; every leaf of inputs and outputs leads with B."""
    inputs: dict[str, Spec]
    outputs: dict[str, Spec]
    tiles: Tiles | None = None
    """Given where `fn` takes its one image input at any size, and any pixel of its one output sees no farther than
    `tiles.overlap`; the shapes of the specs are then those of a full tile."""


class Method(NamedTuple):
    """A trainable model as pure functions."""

    init: Callable[[jax.Array, Batch, dict[str, Any]], State]
    """(rng, batch, frozen) -> State; run once under jit on the first real global batch, so data-dependent
    initialisation works."""
    step: Callable[[State, Batch], tuple[State, Metrics]]
    """One pure training step."""
    tasks: dict[str, Task]
    batches_per_step: int = 1
    """k > 1: leaves of the batch are [k, B, ...], e.g. for n_critic."""
    per_example_state: tuple[str, ...] = ()
    """Paths into the state whose first axis follows the batch (optimised pixels, persistent chains)."""
    requires: tuple[str, ...] = ()
    """Names of the frozen networks `init` needs."""
