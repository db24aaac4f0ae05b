"""How fast a saved run draws: its first images, then many, through the same door as `jaxgen sample`."""

import functools
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxgen import parallel, runs
from jaxgen.benchmark import counting, fresh, probes
from jaxgen.core import RAW, Spec, Task, weights
from jaxgen.training import records
from jaxgen.zoo.wire import pictured, wire

FINITE = "finite"


def checked(task: Task) -> Task:
    """The task on the wire with one output more: whether all numbers of an example are finite, before pixels become
    bytes and hide it."""

    def fn(view, keys, inputs):
        outputs = task.fn(view, keys, inputs)
        fine = jnp.ones(keys.shape, bool)
        for leaf in jax.tree.leaves(outputs):
            if jnp.issubdtype(leaf.dtype, jnp.floating):
                fine &= jnp.isfinite(leaf.reshape(leaf.shape[0], -1)).all(axis=1)
        return {**outputs, FINITE: fine}

    return wire(task._replace(fn=fn, outputs={**task.outputs, FINITE: Spec("scalar", (), bool)}))


def measure(say: Callable[..., None], workdir: Path, asked: str, batches: list[int], seconds: float, images: Path):
    """Say "first" after the first `batches[0]` images; with `seconds`, time every batch size and say "done".

    Raises:
      Wrong: results that are not finite, or a compilation after the first call.
    """
    heard = probes.Compilations()
    run = runs.load(workdir)
    name = fresh.main_task(run.method, asked)
    task = checked(run.method.tasks[name])
    mesh = parallel.make_mesh() if jax.device_count() > 1 else None
    program = parallel.task_program(task, mesh)
    view = weights(run.state, run.config.sampler.get("profile", RAW if not run.state.ema else "ema"))
    shown = pictured(task.outputs) or next(iter(task.outputs))

    given = {batch: fresh.inputs(task, batch) for batch in batches}

    def draw(batch: int, seed: int) -> np.ndarray:
        outputs = runs.joined(
            parallel.run_task(program, view, seed=seed, count=batch, inputs=given[batch], chunk=batch, mesh=mesh)
        )
        if not outputs[FINITE].all():
            wrong = int((~outputs[FINITE]).sum())
            raise probes.Wrong(f"task {name!r} returned numbers that are not finite for {wrong} of {batch} examples")
        return outputs[shown]

    begun = time.perf_counter()
    first = draw(batches[0], 0)
    say("first", call=time.perf_counter() - begun, compile=heard.seconds)
    np.savez(images, first=first)
    if not seconds:
        return say("done")
    times = {}
    for batch in batches:
        draw(batch, 0)
        with heard.none_in(f"task {name!r} at batch size {batch}"):
            times[batch] = probes.repeat(functools.partial(draw, batch), seconds)
    memory, rate = probes.peak_memory(), probes.matmul_rate()
    rows = [
        {**_row(task, view, given[batch], batch, found, rate), **_planned(program, view, given[batch], batch, mesh)}
        for batch, found in times.items()
    ]
    facts = {"task": name, "parameters": int(sum(x.size for x in jax.tree.leaves(run.state.params)))}
    say("done", rows=rows, memory=memory, matmul_rate=rate, about=records.describe(run.config.train.seed, 0), **facts)


def _row(task: Task, view: Any, given: dict[str, Any], batch: int, times: list[float], rate: float) -> dict[str, Any]:
    """Speed and cost at one batch size."""
    speed = probes.spread([batch / x for x in times])
    keys = jax.eval_shape(lambda: jax.random.split(jax.random.key(0), batch))
    cost = counting.count(task.fn, view, keys, given)
    return {
        "batch": batch,
        "images_per_second": speed._asdict(),
        "evaluations": cost.examples / batch if cost.examples else None,
        "flops_per_image": cost.flops / batch,
        "counted_exactly": cost.exact,
        "share_of_matmul_rate": cost.flops / batch * speed.median / rate,
    }


def _planned(program: Any, view: Any, given: dict[str, Any], batch: int, mesh: Any) -> dict[str, float]:
    """XLA's own figures; the program comes from the persistent cache where there is one."""
    if mesh is not None:
        return {}
    return probes.planned(program, view, jnp.uint32(0), jnp.arange(batch, dtype=jnp.uint32), given)
