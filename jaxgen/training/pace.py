"""The rhythm of a run: which intervals fit together, and how fast the steps go by."""

import contextlib
import time
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import jax

from jaxgen.core import UserError


def check(settings: Mapping[str, Any]) -> None:
    """Every interval must end where a call of `steps_per_call` steps ends.

    Raises:
      UserError: naming the setting and the nearest values that fit.
    """
    call = settings["steps_per_call"]
    if call < 1:
        raise UserError(f"train.steps_per_call is {call}; it must be at least 1.")
    for name in ("steps", "checkpoint_every", "sample_every", "log_every"):
        value = settings[name]
        if value < 0 or (name in ("steps", "log_every") and value == 0):
            raise UserError(f"train.{name} is {value}; it must be positive.")
        if value % call:
            near = [x for x in (value // call * call, -(-value // call) * call) if x]
            raise UserError(
                f"train.{name} = {value} is not a multiple of train.steps_per_call = {call}; "
                f"use {' or '.join(map(str, near))}."
            )


def check_start(step: int, call: int) -> None:
    """A run that goes on must do so where a call of `call` steps begins.

    Raises:
      UserError: it does not.
    """
    if step % call:
        raise UserError(
            f"The run stands at step {step}, which is not a multiple of train.steps_per_call = {call}; "
            "use a value that divides it."
        )


class Due(NamedTuple):
    """What there is to do after a step."""

    last: bool
    log: bool
    save: bool
    draw: bool


def due(settings: Mapping[str, Any], done: int) -> Due:
    """What is due after `done` steps: everything after the last, else what its interval says (0: nothing)."""
    last = done == settings["steps"]
    every = (settings[name] for name in ("log_every", "checkpoint_every", "sample_every"))
    return Due(last, *(last or bool(n and done % n == 0) for n in every))


class Pace:
    """Steps per second, and where the time goes, not counting compilation, saving and drawing.

    Of the seconds between two log points, some went to waiting for a batch ("data") and some to waiting for the devices
    ("device"); the rest belongs to the host. On a CPU, which computes in the thread that asks, a call of the step is
    waiting for the device.
    """

    def __init__(self, step: int):
        self._begun = time.monotonic()
        self._cpu = jax.default_backend() == "cpu"
        self._all: dict[str, float] = {}
        self.restart(step)

    @property
    def total(self) -> float:
        """Seconds since the run (or its continuation) began, everything counted."""
        return time.monotonic() - self._begun

    def restart(self, step: int) -> None:
        """Measure from here."""
        self._step, self._since, self._idle = step, time.monotonic(), 0.0
        self._spent = {"data": 0.0, "device": 0.0}

    def measured(self, step: int) -> tuple[float, dict[str, float]]:
        """(steps per second, seconds per step by kind) since the last restart or call; (0.0, {}) if there was no step.
        Measures from here on."""
        passed, spent = time.monotonic() - self._since - self._idle, self._spent
        made = step - self._step
        self.restart(step)
        if not made or passed <= 0:
            return 0.0, {}
        spent["host"] = max(passed - sum(spent.values()), 0.0)
        for name, seconds in spent.items():
            self._all[name] = self._all.get(name, 0.0) + seconds
        return made / passed, {f"{name}_seconds": seconds / made for name, seconds in spent.items()}

    def starved(self) -> str:
        """A sentence for a run whose devices waited for data more than a fifth of the time; "" for others."""
        share = self._all.get("data", 0.0) / (sum(self._all.values()) or 1.0)
        if share < 0.2 or sum(self._all.values()) < 10:
            return ""
        return f"{share:.0%} of the time went to waiting for data; more data.workers or a smaller data.size may help"

    @contextlib.contextmanager
    def waiting(self, kind: str) -> Iterator[None]:
        """Time in here is spent waiting for "data" or "device"."""
        begun = time.monotonic()
        yield
        self._spent[kind] += time.monotonic() - begun

    def calling(self) -> contextlib.AbstractContextManager[None]:
        """Around a call of the step."""
        return self.waiting("device") if self._cpu else contextlib.nullcontext()

    @contextlib.contextmanager
    def paused(self) -> Iterator[None]:
        """Time in here does not count."""
        begun = time.monotonic()
        yield
        self._idle += time.monotonic() - begun
