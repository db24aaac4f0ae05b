"""Chips by their published peaks, and the names of slices of pods.

Figures per chip: Google Cloud's pages on TPU v5e, v5p and v6e. `links` is what all links of a chip together send, one
way: half of the published two-way bandwidth (v5e 400, v5p 1200, v6e 800 GB/s).
"""

import math
import re
from typing import NamedTuple

from jaxgen.core import UserError, choose


class Chip(NamedTuple):
    """Peaks of one chip; 0 where nothing is published."""

    memory: float
    """Bytes."""
    flops: float
    """Operations per second, bf16."""
    bandwidth: float
    """Bytes per second between the chip and its memory."""
    links: float
    """Bytes per second to other chips."""


CHIPS = {
    "v5e": Chip(16 * 2**30, 197e12, 819e9, 200e9),
    "v5p": Chip(95 * 2**30, 459e12, 2765e9, 600e9),
    "v6e": Chip(32 * 2**30, 918e12, 1600e9, 400e9),
    "cpu": Chip(0.0, 0.0, 0.0, 0.0),
}
MOST_CPUS = 64


class Topology(NamedTuple):
    """A slice of a pod, or a number of CPU devices."""

    name: str
    kind: str
    shape: tuple[int, ...]

    @property
    def chips(self) -> int:
        return math.prod(self.shape)

    @property
    def chip(self) -> Chip:
        return CHIPS[self.kind]


def parse(text: str) -> Topology:
    """The slice that "v5e:16x16", "v5p:4x4x8" or "cpu:8" names.

    Raises:
      UserError: an unknown chip, or no such shape.
    """
    kind, _, shape = text.partition(":")
    choose(CHIPS, kind, "chip of --topology")
    if not re.fullmatch(r"[1-9]\d*(x[1-9]\d*)*", shape):
        raise UserError(f"--topology {text!r} should read CHIP:SHAPE, such as v5e:16x16, v5p:4x4x8 or cpu:8.")
    sides = tuple(int(side) for side in shape.split("x"))
    axes = {"v5e": 2, "v6e": 2, "v5p": 3, "cpu": 1}[kind]
    if len(sides) != axes:
        example = "x".join("4" * axes)
        raise UserError(f"--topology {text!r}: slices of {kind} have {axes} sides, as in {kind}:{example}.")
    if kind == "cpu" and sides[0] > MOST_CPUS:
        raise UserError(f"--topology {text!r}: at most {MOST_CPUS} CPU devices.")
    return Topology(text, kind, sides)
