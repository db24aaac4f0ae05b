"""A trace of a few steps for Perfetto (ui.perfetto.dev) and TensorBoard, once a run is warm."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax

WARM = 4
"""Calls between compilation and the trace."""


class Profile:
    """Traces `steps` steps, in calls of `call`, of a run that begins at step `start`; 0 traces nothing.

    Args:
      folder: where `plugins/profile/DATE/` goes, with `perfetto_trace.json.gz` and the file that TensorBoard reads.
      say: called with the place when it is written.
    """

    def __init__(self, folder: Path, start: int, steps: int, call: int, say: Callable[[str], None]):
        self._folder, self._say = folder, say
        self._first = start + (1 + WARM) * call if steps else -1
        self._last = self._first + -(-steps // call) * call
        self._begun: int | None = None

    def at(self, step: int, state: Any) -> None:
        """Between two calls, `step` steps being done; `state` is what the last call returned."""
        if step == self._first:
            jax.block_until_ready(state)
            jax.profiler.start_trace(str(self._folder), create_perfetto_trace=True)
            self._begun = step
        elif self._begun is not None and step >= self._last:
            jax.block_until_ready(state)
            self._finish(step)

    def _finish(self, step: int) -> None:
        begun, self._begun = self._begun, None
        jax.profiler.stop_trace()
        traces = sorted(self._folder.rglob("perfetto_trace.json.gz"), key=lambda path: path.stat().st_mtime)
        where = traces[-1] if traces else self._folder
        self._say(f"steps {begun} to {step} are traced in {where} (open it at ui.perfetto.dev)")

    def close(self) -> None:
        """A run that ends within the trace keeps what there is."""
        if self._begun is not None:
            self._finish(self._last)
