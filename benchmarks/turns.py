"""Timing of several calls in turns, so that a busy machine slows all alike, and the file that says so."""

import argparse
import json
import platform
import statistics
import time
from collections.abc import Callable, Mapping
from typing import Any

import jax


def in_turns(calls: Mapping[str, Callable[[], object]], rounds: int = 11) -> dict[str, float]:
    """Median seconds of each call over `rounds` rounds, after one that compiles; the order turns around each time."""
    times: dict[str, list[float]] = {name: [] for name in calls}
    for call in calls.values():
        jax.block_until_ready(call())
    for turn in range(rounds):
        for name in list(calls)[:: -1 if turn % 2 else 1]:
            begun = time.perf_counter()
            jax.block_until_ready(calls[name]())
            times[name].append(time.perf_counter() - begun)
    return {name: statistics.median(found) for name, found in times.items()}


def write(args: argparse.Namespace, rows: Mapping[str, Any]) -> None:
    """The rows, the arguments and what ran them as JSON at `args.out`, if that is set."""
    if args.out:
        about = {"jax": jax.__version__, "device": jax.devices()[0].device_kind, "machine": platform.machine()}
        args.out.write_text(json.dumps({**vars(args), "out": None, **about, "rows": rows}, indent=1) + "\n")
