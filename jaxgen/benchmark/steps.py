"""How fast a config trains: its first step, then many, with the input pipeline and on one batch over and over."""

import itertools
import time
from collections.abc import Callable
from typing import Any

import jax
import numpy as np

from jaxgen.benchmark import counting, fresh, probes
from jaxgen.training import records
from jaxgen.training.prefetch import prefetch

LEAST = 5
"""Blocks of steps per side, at least."""


def measure(say: Callable[..., None], name: str, overrides: list[str], seconds: float) -> None:
    """Say "first" after the first step; with `seconds`, time blocks of steps of both kinds in turn and say "done".

    Raises:
      Wrong: metrics that are not finite, or a compilation after the first step.
    """
    heard = probes.Compilations()
    chosen = fresh.trainee(name, overrides)
    strategy, rng = chosen.strategy, jax.random.key(chosen.config.train.seed)
    state = jax.block_until_ready(strategy.init(rng, chosen.batch(0), chosen.frozen))
    before, begun = heard.seconds, time.perf_counter()
    state, metrics = jax.block_until_ready(strategy.step(state, strategy.put(chosen.batch(0))))
    say("first", call=time.perf_counter() - begun, compile=heard.seconds - before, init=before)
    if not seconds:
        return say("done")

    same = strategy.put(chosen.batch(0))
    state, metrics = jax.block_until_ready(strategy.step(state, same))
    begun = time.perf_counter()
    state, metrics = jax.block_until_ready(strategy.step(state, same))
    block = max(4, round(seconds / 2 / LEAST / (time.perf_counter() - begun)))
    times: dict[str, list[float]] = {"pipeline": [], "constant": []}
    starts = itertools.count(1, block)
    with heard.none_in("a training step"):
        for _ in range(LEAST):
            for side in times:
                feed = _pipeline(chosen, next(starts), block) if side == "pipeline" else None
                begun = time.perf_counter()
                for _ in range(block):
                    state, metrics = strategy.step(state, next(feed) if feed else same)
                jax.block_until_ready(metrics)
                times[side].append((time.perf_counter() - begun) / block)
                if feed:
                    feed.close()
    wrong = [key for key, value in metrics.items() if not np.isfinite(np.asarray(value)).all()]
    if wrong:
        raise probes.Wrong(f"the metric {wrong[0]!r} is not finite after {int(state.step)} steps")
    say("done", **_figures(chosen, state, times, block))


def _pipeline(chosen: fresh.Trainee, start: int, count: int):
    """The batches of `count` steps as the training loop reads them, made ahead by a thread."""
    return prefetch(lambda step: chosen.strategy.put(chosen.batch(step)), range(start, start + count))


def _figures(chosen: fresh.Trainee, state: Any, times: dict[str, list[float]], block: int) -> dict[str, Any]:
    config = chosen.config
    images = config.train.batch_size * chosen.method.batches_per_step
    memory, rate = probes.peak_memory(), probes.matmul_rate()
    shape = lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype)  # noqa: E731
    flops = None
    if config.train.strategy == "jit":
        flops = counting.count(
            chosen.method.step, jax.tree.map(shape, state), jax.tree.map(shape, chosen.batch(0))
        ).flops
    speeds = {side: probes.spread([images / x for x in found]) for side, found in times.items()}
    ratios = [constant / real for constant, real in zip(times["constant"], times["pipeline"], strict=True)]
    row = {
        "batch": config.train.batch_size,
        "images_per_step": images,
        "steps_per_block": block,
        "images_per_second": speeds["pipeline"]._asdict(),
        "images_per_second_on_one_batch": speeds["constant"]._asdict(),
        "pipeline_keeps": probes.spread(ratios)._asdict(),
        "flops_per_step": flops,
        "share_of_matmul_rate": flops / images * speeds["pipeline"].median / rate if flops else None,
    }
    return {
        "task": "train",
        "parameters": int(sum(x.size for x in jax.tree.leaves(state.params))),
        "rows": [row],
        "memory": memory,
        "matmul_rate": rate,
        "about": records.describe(config.train.seed, 0),
    }
