"""A task of a trained model as one file that runs without jaxgen: a compiled program's source and its weights.

The file is a zip archive of three entries:
    program               what `jax.export` serialises: StableHLO, for any number of images and several platforms
    weights.safetensors   the weights that this task reads, by name
    about.json            inputs, outputs, where it comes from, with what it was made
The program takes (weights, seed, indices, inputs): name -> array; a uint32; uint32 [B]; name -> array with B rows.
Image i is drawn with fold_in(key(seed), indices[i]), as `jaxgen sample` does. `docs/export.md` has a script to read it.
"""

import io
import json
import zipfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxgen.core import RAW, Task, UserError, weights
from jaxgen.runs import Run
from jaxgen.training import Checkpoints, places, records
from jaxgen.zoo.wire import wire

FORMAT = 1
PLATFORMS = ("cpu", "cuda", "rocm", "tpu")
DEFAULT_PLATFORMS = ("cpu", "cuda", "tpu")


def export(
    run: Run, out: str | Path, *, task: str = "sample", batch: int = 0, platforms: Sequence[str] = DEFAULT_PLATFORMS
) -> Path:
    """Write a task of a run as a file of its own.

    Args:
      batch: examples per call; 0: any number.
      platforms: where the file is to run.

    Raises:
      UserError: no such task, a program that is made for one batch size only, an unknown platform, no place to write.
    """
    if task not in run.method.tasks:
        raise UserError(f"This model has no task {task!r} to export; it has {', '.join(run.tasks)}.")
    if batch < 0:
        raise UserError(f"--batch should be a number of images, or 0 for any; not {batch}.")
    for platform in platforms:
        if platform not in PLATFORMS:
            raise UserError(f"Unknown platform {platform!r}; choose from {', '.join(PLATFORMS)}.")
    outside = wire(run.method.tasks[task])
    view = weights(run.state, run.config.sampler.get("profile", RAW if not run.state.ema else "ema"))
    leaves, rebuild = _named(view)
    program, used = _program(outside, leaves, rebuild, batch, platforms)
    kept = {name: np.asarray(leaves[name]) for name in used}
    return _write(Path(out), bytes(program.serialize()), kept, _about(run, task, outside, batch, platforms))


def export_weights(workdir: Any, out: str | Path, *, step: int | None = None) -> Path:
    """The master weights of a run and their averages, as one safetensors file: no model is built, no device is used.

    Names read like "params/model/conv/kernel", "ema/model/ema/params/conv/kernel"; the metadata holds the config.

    Args:
      step: of this checkpoint instead of the newest good one.

    Raises:
      UserError: not a run, no good checkpoint, no place to write.
    """
    from safetensors.numpy import save

    folder = places.reachable(workdir)
    config = records.read(folder, "config.json")
    if config is None:
        raise UserError(f"{folder} is not a run: it has no config.json. `jaxgen train CONFIG` makes one.")
    trees = Checkpoints(folder / "checkpoints").arrays(step=step)
    kept, _ = _named(trees)

    def plain(x):
        # numpy's bfloat16 is not one that the format knows; float32 holds it exactly.
        return np.ascontiguousarray(x, x.dtype if x.dtype.kind in "fiub" else np.float32)

    flat = {name: plain(x) for name, x in kept.items()}
    records.write(out, save(flat, metadata={"config": config}))
    return Path(out)


def _named(view: Any) -> tuple[dict[str, jax.Array], Callable[[Mapping[str, Any]], Any]]:
    """The weights as {"params/model/conv/kernel": array}, and the way back."""
    found, treedef = jax.tree_util.tree_flatten_with_path(view)
    names = [jax.tree_util.keystr(path, simple=True, separator="/") for path, _ in found]
    return dict(zip(names, (leaf for _, leaf in found), strict=True)), lambda flat: jax.tree.unflatten(
        treedef, [flat[name] for name in names]
    )


def _program(task: Task, leaves: Mapping[str, jax.Array], rebuild: Callable, batch: int, platforms: Sequence[str]):
    """(exported program, names of the weights it reads). Weights it does not read become constants that vanish."""
    shapes = {name: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype) for name, leaf in leaves.items()}

    def call(given, seed, indices, inputs):
        rest = {name: jnp.zeros(shape.shape, shape.dtype) for name, shape in shapes.items() if name not in given}
        rng = jax.random.key(seed)
        keys = jax.vmap(lambda i: jax.random.fold_in(rng, i))(indices)
        return task.fn(rebuild({**rest, **given}), keys, inputs)

    used = _read(call, shapes, task, batch or 1)
    return _exported(call, {name: shapes[name] for name in used}, task, batch, platforms), used


def _read(call: Callable, shapes: Mapping[str, Any], task: Task, batch: int) -> list[str]:
    """The names of the weights that some operation reads."""
    arguments = (dict(shapes), *_outside(task, batch))
    program = jax.make_jaxpr(call)(*arguments).jaxpr
    read = {id(x) for eqn in program.eqns for x in eqn.invars} | {id(x) for x in program.outvars}
    return [name for name, x in zip(sorted(shapes), program.invars, strict=False) if id(x) in read]


def _outside(task: Task, count: Any) -> tuple[Any, Any, Any]:
    """Shapes of (seed, indices, inputs) for `count` examples."""
    inputs = {name: jax.ShapeDtypeStruct((count, *spec.shape), spec.dtype) for name, spec in task.inputs.items()}
    return jax.ShapeDtypeStruct((), jnp.uint32), jax.ShapeDtypeStruct((count,), jnp.uint32), inputs


def _exported(call: Callable, given: Mapping[str, Any], task: Task, batch: int, platforms: Sequence[str]) -> Any:
    from jax import export as jax_export

    count: Any = batch or jax_export.symbolic_shape("b")[0]
    try:
        return jax_export.export(jax.jit(call), platforms=platforms)(dict(given), *_outside(task, count))
    except Exception as error:
        # Programs that compute with the number of examples cannot leave it open; the text names the operation.
        if batch:
            raise
        first = str(error).splitlines()[0]
        raise UserError(f"This task cannot leave the batch size open ({first}); fix it with --batch 16.") from error


def _about(run: Run, task: str, outside: Task, batch: int, platforms: Sequence[str]) -> dict[str, Any]:
    def specs(table):
        return {
            name: {
                "kind": spec.kind,
                "shape": list(spec.shape),
                "dtype": jnp.dtype(spec.dtype).name,
                "below": spec.high,
                "default": spec.default,
            }
            for name, spec in table.items()
        }

    made = records.describe(run.config.train.seed, run.step)
    return {
        "format": FORMAT,
        "task": task,
        "batch": batch or None,
        "platforms": list(platforms),
        "inputs": specs(outside.inputs),
        "outputs": specs(outside.outputs),
        "classes": list(run.info.classes),
        "step": run.step,
        "packages": {name: made["packages"][name] for name in records.PACKAGES},
        "config": run.config.to_dict(),
    }


def _write(out: Path, program: bytes, kept: Mapping[str, np.ndarray], about: Mapping[str, Any]) -> Path:
    """The archive, written at once or not at all."""
    from safetensors.numpy import save

    entries = {
        "program": program,
        "weights.safetensors": save({name: np.ascontiguousarray(value) for name, value in kept.items()}),
        "about.json": json.dumps(about, indent=1).encode(),
    }
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_STORED) as archive:
        for name, value in entries.items():
            archive.writestr(name, value)
    records.write(out, held.getvalue())
    return out
