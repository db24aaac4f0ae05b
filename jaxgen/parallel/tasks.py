"""Running a task over many examples: fixed-size padded chunks, one compiled program, any number of devices."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from jaxgen.core import Task, Weights
from jaxgen.parallel.compiling import compiler_options
from jaxgen.parallel.mesh import divided
from jaxgen.parallel.strategies import place

Program = Callable[[Weights, jax.Array, jax.Array, dict[str, Any]], dict[str, Any]]


def task_program(task: Task, mesh: Mesh | None = None) -> Program:
    """The compiled form of a task: (weights, seed, indices [B], inputs) -> outputs, the batch split over `mesh`.

    Example i is drawn with fold_in(key(seed), indices[i]), so it depends on the seed and its index alone.
    """

    def program(weights, seed, indices, inputs):
        rng = jax.random.key(seed)
        keys = jax.vmap(lambda i: jax.random.fold_in(rng, i))(indices)
        with divided(mesh):
            return task.fn(weights, keys, inputs)

    if mesh is None:
        return jax.jit(program, compiler_options=compiler_options())
    split = _split(mesh)
    # Every process gets all outputs, as far as there are several.
    made = NamedSharding(mesh, PartitionSpec()) if jax.process_count() > 1 else split
    return jax.jit(
        program, in_shardings=(None, None, split, split), out_shardings=made, compiler_options=compiler_options()
    )


def _split(mesh: Mesh) -> NamedSharding:
    """Examples over all devices."""
    return NamedSharding(mesh, PartitionSpec(tuple(mesh.axis_names)))


def run_task(
    program: Program,
    weights: Weights,
    *,
    seed: int,
    count: int,
    inputs: Mapping[str, np.ndarray] | None = None,
    chunk: int = 64,
    mesh: Mesh | None = None,
    start: int = 0,
) -> Iterator[dict[str, np.ndarray]]:
    """Outputs of examples start ... start + count - 1, chunk by chunk, without the padding.

    Args:
      program: from `task_program`, with the same mesh.
      inputs: name -> array whose first axis has length `count`.
      chunk: examples per call; rounded up to a multiple of the devices. Results do not depend on it beyond rounding.
    """
    devices = mesh.size if mesh is not None else 1
    weights = _on(mesh, weights)
    chunk = -(-min(chunk, count) // devices) * devices
    for first in range(0, count, chunk):
        real = min(chunk, count - first)
        rows = np.minimum(np.arange(first, first + chunk), count - 1)
        part = {name: np.asarray(value)[rows] for name, value in (inputs or {}).items()}
        indices: Any = np.asarray(start + rows, np.uint32)
        if mesh is not None and jax.process_count() > 1:
            indices, part = place((indices, part), jax.tree.map(lambda _: _split(mesh), (indices, part)))
        outputs = program(weights, jnp.uint32(seed), indices, part)
        yield {name: np.asarray(value)[:real] for name, value in outputs.items()}


def _on(mesh: Mesh | None, weights: Weights) -> Weights:
    """Weights on the devices of `mesh`: copied there if they live on others, left as they lie (sharded) if not."""
    if mesh is None:
        return weights
    whole, wanted = NamedSharding(mesh, PartitionSpec()), set(mesh.devices.flat)
    if jax.process_count() > 1:
        return place(weights, jax.tree.map(lambda _: whole, weights))
    return jax.tree.map(lambda x: x if x.sharding.device_set == wanted else jax.device_put(x, whole), weights)
