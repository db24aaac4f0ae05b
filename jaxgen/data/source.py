"""Sources: where examples come from, behind one small interface.

A split is a size and a pure function `gather`; everything above it (slices, shuffling, batches, epochs) is index
arithmetic. Sources apply the deterministic transforms themselves, so `gather` returns what a model sees.
"""

import logging
import os
import re
import threading
import uuid
import zipfile
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import numpy as np

from jaxgen.core import UserError

logger = logging.getLogger(__name__)

Examples = dict[str, np.ndarray]
"""Leaves lead with the number of examples: "image" uint8 [n, H, W, C] or "video" uint8 [n, T, H, W, C], "label" int32
[n], "text" uint8 [n, L], and "target" uint8 [n, H, W, C] where images come in pairs."""


class Split(NamedTuple):
    """Examples that can be read in any order."""

    size: int
    gather: Callable[[np.ndarray], Examples]
    """(indices int64 [n] in [0, size)) -> examples in that order; the same indices always give the same examples."""
    ready: bool = False
    """True where `gather` only copies or computes, so nothing would be won by keeping its results."""


class Source(NamedTuple):
    """A data set before slicing and shuffling."""

    name: str
    splits: dict[str, Split]
    classes: tuple[str, ...] = ()
    text: int = 0
    """Bytes per caption; 0 without captions."""
    targets: Mapping[str, Split] = {}
    """Split -> images that are dealt beside it as "target", drawn on their own and of any number."""


def pixels(examples: Examples) -> str:
    """Which leaf holds the pictures: "image" or "video"."""
    return "video" if "video" in examples else "image"


def from_arrays(**arrays: np.ndarray) -> Split:
    """A split that holds its examples in memory (or in a memory map)."""
    return Split(len(arrays[pixels(arrays)]), lambda i: {k: np.asarray(v[i]) for k, v in arrays.items()}, ready=True)


def subset(split: Split, indices: np.ndarray) -> Split:
    """The examples of `split` at `indices`, in that order."""
    return Split(len(indices), lambda i: split.gather(indices[i]), split.ready)


def join(splits: Sequence[Split]) -> Split:
    """Splits one after the other."""
    if len(splits) == 1:
        return splits[0]
    ends = np.cumsum([split.size for split in splits])
    starts = ends - [split.size for split in splits]

    def gather(indices: np.ndarray) -> Examples:
        owner = np.searchsorted(ends, indices, side="right")
        found: Examples = {}
        for number in np.unique(owner):
            here = owner == number
            for key, values in splits[number].gather(indices[here] - starts[number]).items():
                kept = found.setdefault(key, np.zeros((len(indices), *values.shape[1:]), values.dtype))
                kept[here] = values
        return found

    return Split(int(ends[-1]), gather, all(split.ready for split in splits))


def in_memory(split: Split, limit: int, *, chunk: int = 512, file: Path | None = None) -> Split:
    """`split`, read once on first use and then kept, if all of it takes at most `limit` bytes.

    Args:
      file: an .npz that keeps it for later programs; whoever names it makes sure that it is about the same examples.
    """
    if split.ready or not split.size:
        return split
    one = split.gather(np.zeros(1, np.int64))
    if split.size * sum(values.nbytes for values in one.values()) > limit:
        return split
    lock = threading.Lock()
    kept: Examples = {}

    def read() -> Examples:
        stored = _stored(file, {key: (split.size, *values.shape[1:]) for key, values in one.items()})
        if stored:
            return stored
        found = {key: np.empty((split.size, *values.shape[1:]), values.dtype) for key, values in one.items()}
        for start in range(0, split.size, chunk):
            part = np.arange(start, min(start + chunk, split.size))
            for key, values in split.gather(part).items():
                found[key][part] = values
        _store(file, found)
        return found

    def gather(indices: np.ndarray) -> Examples:
        with lock:
            if not kept:
                kept.update(read())
        return {key: values[indices] for key, values in kept.items()}

    return Split(split.size, gather, ready=True)


def _stored(file: Path | None, shapes: dict[str, tuple[int, ...]]) -> Examples | None:
    """What `_store` left, if it is whole."""
    if file is None or not file.is_file():
        return None
    try:
        with np.load(file, allow_pickle=False) as held:
            found = {key: held[key] for key in held.files}
    except (OSError, ValueError, zipfile.BadZipFile):
        return None
    return found if {key: values.shape for key, values in found.items()} == shapes else None


def _store(file: Path | None, examples: Examples) -> None:
    """Write beside the place and move in; a cache that cannot be written is not worth stopping for."""
    if file is None:
        return
    scratch = file.with_name(f".{uuid.uuid4().hex}.npz")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        np.savez(scratch, **examples)  # type: ignore[arg-type]
        os.replace(scratch, file)
    except OSError as error:
        logger.info("decoded images are not kept in %s: %s", file, error)
        scratch.unlink(missing_ok=True)


_TERM = re.compile(r"^\s*([^\[\]+]+?)\s*(?:\[\s*(-?\d+%?)?\s*:\s*(-?\d+%?)?\s*\])?\s*$")


def parts(spec: str) -> list[tuple[str, str | None, str | None]]:
    """The terms of a split such as "train[:90%]+test[100:]": (name, from, to).

    Raises:
      UserError: it is not written that way.
    """
    terms = []
    for term in spec.split("+"):
        match = _TERM.match(term)
        if not match:
            raise UserError(f"The split {spec!r} is not understood; write train, train[:90%], train[100:200] or a+b.")
        terms.append((match[1], match[2], match[3]))
    return terms


def bound(text: str | None, size: int, default: int) -> int:
    """One end of a slice as an index in [0, size]; percentages round to the nearest example (ties to even)."""
    if text is None:
        return default
    value = round(int(text[:-1]) * size / 100) if text.endswith("%") else int(text)
    return min(max(value + size if value < 0 else value, 0), size)


def cut(source: Source, spec: str) -> Split:
    """The split of `source` that `spec` names.

    Raises:
      UserError: no such split, or nothing is left of it.
    """
    found = []
    for name, first, last in parts(spec):
        if name not in source.splits:
            known = ", ".join(sorted(source.splits))
            raise UserError(
                f"The data set {source.name!r} has no split {name!r}; it has: {known}."
                " Parts of a split can be set aside, e.g. data.train='train[:90%]' data.test='train[90%:]'."
            )
        split = source.splits[name]
        start, stop = bound(first, split.size, 0), bound(last, split.size, split.size)
        whole = (start, stop) == (0, split.size)
        found.append(split if whole else subset(split, np.arange(start, max(start, stop))))
    joined = join(found)
    if not joined.size:
        raise UserError(f"The split {spec!r} of the data set {source.name!r} is empty.")
    return joined


def mix(*values: int | np.ndarray) -> np.ndarray:
    """uint64 noise that depends on `values` alone (broadcast): SplitMix64's finaliser over each in turn.

    Steele, Lea, Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014. Being a function of counters,
    it needs no state and gives one example the same numbers on any host.
    """
    state = np.zeros((), np.uint64)
    with np.errstate(over="ignore"):
        for value in values:
            word = np.asarray(value).astype(np.int64).astype(np.uint64)
            state = (state ^ word) + np.uint64(0x9E3779B97F4A7C15)
            state = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
            state = (state ^ (state >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
            state = state ^ (state >> np.uint64(31))
    return state


def held_out(name: str, share: int = 10) -> bool:
    """Whether the file `name` belongs to the test split: its sha256 is 0 modulo `share`."""
    import hashlib

    return int.from_bytes(hashlib.sha256(name.encode()).digest(), "big") % share == 0


def threaded(split: Split, workers: int) -> Split:
    """`split`, read by `workers` threads that share each batch. Which thread reads what changes no result."""
    if split.ready or workers < 2:
        return split

    def gather(indices: np.ndarray) -> Examples:
        with ThreadPoolExecutor(workers) as pool:
            found = list(pool.map(split.gather, np.array_split(indices, min(workers, len(indices)))))
        return {key: np.concatenate([part[key] for part in found]) for key in found[0]}

    return Split(split.size, gather)
