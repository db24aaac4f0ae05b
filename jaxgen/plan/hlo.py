"""Reading a compiled program's text: which collectives it runs, how often, and over how many chips."""

import math
import re
from collections.abc import Iterator
from typing import NamedTuple

WIDTHS = {"pred": 1, "s8": 1, "u8": 1, "s16": 2, "u16": 2, "f16": 2, "bf16": 2, "s64": 8, "u64": 8, "f64": 8, "c64": 8}
COLLECTIVES = ("all-reduce", "all-gather", "reduce-scatter", "all-to-all", "collective-permute")
COMPUTATION = re.compile(r"^(ENTRY )?%?([\w.\-]+) \(.*\{\s*$")
INSTRUCTION = re.compile(r"^\s+(?:ROOT )?%?[\w.\-]+ = (.*?) ([a-z][\w\-]*)\(")
CALLED = re.compile(
    r"(?:body|to_apply|calls|condition|branch_computations|called_computations)=\{?([^,}]*(?:, ?%[^,}]*)*)"
)
TURNS = re.compile(r"known_trip_count[\"':{]+n[\"':]+(\d+)")
ARRAY = re.compile(r"([a-z]+\d*(?:e\d+m\d+\w*)?)\[([\d,]*)\]")


class Collective(NamedTuple):
    """One collective of a program."""

    kind: str
    bytes: int
    """Of its result, on one chip."""
    group: int
    """Chips that take part."""
    turns: int
    """How often a step runs it."""

    @property
    def sent(self) -> float:
        """Bytes that a chip sends, by rings."""
        n = self.group
        share = {"all-reduce": 2 * (n - 1) / n, "all-gather": (n - 1) / n, "reduce-scatter": n - 1.0}
        return self.turns * self.bytes * (share.get(self.kind, 1.0) if n > 1 else 0.0)


def size(text: str) -> int:
    """Bytes of a type, such as "(f32[8,4]{1,0}, bf16[2])"."""
    total = 0
    for name, dims in ARRAY.findall(text):
        width = WIDTHS.get(name, 1 if name.startswith("f8") else 4)
        total += width * math.prod(int(dim) for dim in dims.split(",") if dim)
    return total


def computations(text: str) -> tuple[dict[str, list[str]], str]:
    """(name -> lines of instructions, name of the entry)."""
    found: dict[str, list[str]] = {}
    entry, current = "", ""
    for line in text.splitlines():
        head = COMPUTATION.match(line)
        if head and not line.startswith(" "):
            current = head[2]
            found[current] = []
            entry = current if head[1] else entry
        elif current and INSTRUCTION.match(line):
            found[current].append(line)
    return found, entry


def _group(line: str, chips: int) -> int:
    """Size of the groups of a collective: listed, as [groups,size]<=..., or as axes of a mesh."""
    iota = re.search(r"replica_groups=\[(\d+),(\d+)\]", line)
    if iota:
        return int(iota[2])
    named = re.search(r"replica_groups=mesh\[([^\]]*)\].*?\{('[^}]*)\}", line)
    if named:
        sizes = dict(re.findall(r"'([\w.\-]+)'=(\d+)", named[1]))
        axes = re.findall(r"'([\w.\-]+)'(?::\(\d+\)(\d+))?", named[2])
        return math.prod(int(part or sizes[axis]) for axis, part in axes)
    listed = re.search(r"replica_groups=\{\{([\d,]+)\}", line)
    return len(listed[1].split(",")) if listed else chips


def collectives(text: str, chips: int) -> Iterator[Collective]:
    """Every collective that a program runs, loops included.

    A collective that runs beside several fusions stands in each of them, under one channel: it counts once.

    Args:
      chips: how many run the program.
    """
    found, entry = computations(text)
    seen: set[tuple[str, str]] = set()
    for body, name, line, turns in _within(found, entry, entry, 1):
        channel = re.search(r"channel_id=(\d+)", line)
        if channel:
            if (body, channel[1]) in seen:
                continue
            seen.add((body, channel[1]))
        match = INSTRUCTION.match(line)
        assert match is not None
        kind = match[2].removesuffix("-start")
        yield _scattered(name, kind, _result(match[1], kind, match[2]), _group(line, chips), turns)


def _within(found: dict[str, list[str]], name: str, body: str, turns: int) -> Iterator[tuple[str, str, str, int]]:
    """(body of a loop or the entry, computation, line, turns) of every collective at or below a computation."""
    for line in found.get(name, ()):
        match = INSTRUCTION.match(line)
        if not match or match[2] == "reduce":
            continue
        opcode = match[2]
        if opcode.removesuffix("-start") in COLLECTIVES:
            yield body, name, line, turns
            continue
        again = _turns(found, line) if opcode == "while" else 1
        for listed in CALLED.findall(line):
            for inner in re.findall(r"[\w.\-]+", listed):
                if inner in found:
                    yield from _within(found, inner, inner if opcode == "while" else body, turns * again)


def _turns(found: dict[str, list[str]], line: str) -> int:
    """How often a loop turns: as annotated, or up to the largest constant that its condition compares with."""
    noted = TURNS.search(line)
    if noted:
        return int(noted[1])
    condition = re.search(r"condition=%?([\w.\-]+)", line)
    limits, ahead = [1], [condition[1]] if condition else []
    while ahead:
        for inner in found.get(ahead.pop(), ()):
            limits += [int(number) for number in re.findall(r"[su](?:32|64)\[\][^ ]* constant\((\d+)\)", inner)]
            ahead += [name for listed in CALLED.findall(inner) for name in re.findall(r"[\w.\-]+", listed)]
    return max(limits)


def _result(text: str, kind: str, opcode: str) -> int:
    """Bytes of a collective's result. What starts an asynchronous one returns its operands too."""
    if not opcode.endswith("-start"):
        return size(text)
    arrays = [size(f"{name}[{dims}]") for name, dims in ARRAY.findall(text)]
    if kind == "all-reduce":
        return sum(arrays)
    return max(arrays) if kind in ("all-gather", "collective-permute") else min(x for x in arrays if x > 8)


def _scattered(name: str, kind: str, result: int, group: int, turns: int) -> Collective:
    """TPU compilers write a reduce-scatter as an all-reduce within a fusion that keeps a slice."""
    if kind == "all-reduce" and "all-reduce-scatter" in name:
        return Collective("reduce-scatter", math.ceil(result / group), group, turns)
    return Collective(kind, result, group, turns)
