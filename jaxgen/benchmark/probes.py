"""Instruments: compilations, repeated calls, memory, and the rate of a plain product of matrices."""

import contextlib
import os
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

COMPILED = "/jax/core/compile/backend_compile_duration"
"""JAX reports this once for every program it hands to XLA, found in the persistent cache or not."""


class Compilations:
    """Programs compiled so far in this process."""

    def __init__(self):
        self.count, self.seconds = 0, 0.0
        jax.monitoring.register_event_duration_secs_listener(self._heard)

    def _heard(self, event: str, duration_secs: float, **_: Any) -> None:
        if event == COMPILED:
            self.count, self.seconds = self.count + 1, self.seconds + duration_secs

    @contextlib.contextmanager
    def none_in(self, what: str) -> Iterator[None]:
        """Raise `Wrong` if a program is compiled within."""
        before = self.count
        yield
        if self.count > before:
            raise Wrong(f"{what} compiled {self.count - before} programs more after the first call")


class Wrong(Exception):
    """What was measured is not worth a figure: wrong results, or compilation where there should be none."""


class Spread(NamedTuple):
    """Repeated measurements."""

    median: float
    low: float
    """First quartile."""
    high: float
    """Third quartile."""
    calls: int


def spread(values: list[float]) -> Spread:
    if len(values) == 1:
        return Spread(values[0], values[0], values[0], 1)
    low, middle, high = statistics.quantiles(values, n=4, method="inclusive")
    return Spread(middle, low, high, len(values))


def repeat(call: Callable[[int], Any], seconds: float, *, least: int = 5, most: int = 200) -> list[float]:
    """Seconds of each call of `call(0)`, `call(1)`, ... for about `seconds` altogether, but at least `least` calls."""
    times: list[float] = []
    begun = time.perf_counter()
    while len(times) < least or (time.perf_counter() - begun < seconds and len(times) < most):
        start = time.perf_counter()
        call(len(times))
        times.append(time.perf_counter() - start)
    return times


def peak_memory() -> dict[str, Any]:
    """Highest use of memory so far: of the fullest accelerator, or of this process where the backend tells nothing."""
    stats = [device.memory_stats() or {} for device in jax.local_devices()]
    peaks = [found["peak_bytes_in_use"] for found in stats if "peak_bytes_in_use" in found]
    if peaks:
        return {"bytes": max(peaks), "what": "peak of device memory"}
    import resource  # not on Windows, which has no accelerators of ours either

    unit = 1 if sys.platform == "darwin" else 1024
    used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
    return {"bytes": used, "what": "largest resident set of the process, libraries and compiler included"}


def matmul_rate(dtype: Any = jnp.float32, seconds: float = 1.0) -> float:
    """Operations per second of a large product of square matrices, the best of several calls."""
    size = 1536 if jax.default_backend() == "cpu" else 8192
    a = jnp.ones((size, size), dtype)
    product = jax.jit(jnp.matmul)
    jax.block_until_ready(product(a, a))
    times = repeat(lambda _: jax.block_until_ready(product(a, a)), seconds, least=3)
    return 2.0 * size**3 / min(times)


def load() -> list[float]:
    """The machine's load averages over 1, 5 and 15 minutes; empty where the system does not tell."""
    return [round(value, 2) for value in os.getloadavg()] if hasattr(os, "getloadavg") else []


def planned(program: Any, *args: Any) -> dict[str, float]:
    """What XLA says of a compiled program: operations (loop bodies counted once) and bytes of temporaries."""
    compiled = program.lower(*args).compile()
    found = compiled.cost_analysis() or {}
    memory = compiled.memory_analysis()
    said = {"flops_of_loop_bodies_once": float(found.get("flops", np.nan))}
    if memory is not None:
        said["temporary_bytes"] = float(memory.temp_size_in_bytes)
    return {name: value for name, value in said.items() if np.isfinite(value)}
