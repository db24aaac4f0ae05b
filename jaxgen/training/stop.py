"""Stopping a run from outside: SIGTERM and Ctrl-C become a flag that the loop reads between steps."""

import signal
import threading
from types import FrameType

import jax
import numpy as np

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interrupted(Exception):
    """The run was asked to stop, saved its state and stopped. Start it again to go on from `step`."""

    shared = True
    """Every process raises it at the same step."""

    def __init__(self, step: int, number: int, saved: bool = True):
        self.step, self.signal = step, signal.Signals(number)
        super().__init__(f"Stopped by {self.signal.name} at step {step}; the state is saved, start again to go on.")

    @property
    def exit_code(self) -> int:
        """For a command line: 130 after Ctrl-C, 0 after SIGTERM (a scheduler's request, obeyed)."""
        return 130 if self.signal == signal.SIGINT else 0


class Stop:
    """Within the block, the first SIGINT or SIGTERM is remembered; a second SIGINT raises `KeyboardInterrupt` at once.

    Handlers can be set in the main thread alone; elsewhere the block changes nothing. They are restored at its end.
    With several processes SIGTERM is left to jax, which agrees with all of them on a step to stop at.
    """

    def __init__(self, on_signal=lambda name: None):
        self.number = 0
        self._on_signal = on_signal
        self._before: dict[int, object] = {}

    def __enter__(self) -> "Stop":
        if threading.current_thread() is threading.main_thread():
            for number in SIGNALS if jax.process_count() == 1 else (signal.SIGINT,):
                self._before[number] = signal.signal(number, self._remember)
        return self

    def __exit__(self, *_) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)  # type: ignore[arg-type]
        self._before = {}

    def _remember(self, number: int, frame: FrameType | None) -> None:
        if self.number and number == signal.SIGINT:
            raise KeyboardInterrupt
        self.number = number
        self._on_signal(signal.Signals(number).name)

    def agreed(self, step: int, due: bool) -> int:
        """The signal to stop for after `step`, or 0. With several processes all must stop at the same step: asked at
        every step, they do so for SIGTERM within a few; for SIGINT at steps where `due` (the same on all of them)."""
        if jax.process_count() == 1:
            return self.number
        from jax.experimental import multihost_utils

        if multihost_utils.reached_preemption_sync_point(step):
            self._on_signal("SIGTERM")
            return signal.SIGTERM
        return int(np.max(multihost_utils.process_allgather(np.array(self.number)))) if due else 0
