"""Captions on the wire: UTF-8 bytes in fixed-length rows, so that they batch, shard and enter `jit` like any array."""

from collections.abc import Sequence

import numpy as np

LIMIT = 256
"""Longest caption kept, in bytes."""


def length(captions: Sequence[str]) -> int:
    """Bytes per row that hold every caption, at most `LIMIT` and at least 1."""
    return min(LIMIT, max([1, *(len(caption.encode()) for caption in captions)]))


def encode(captions: Sequence[str], size: int) -> np.ndarray:
    """n captions -> uint8 [n, size], padded with zeros; longer ones are cut between characters."""
    rows = np.zeros((len(captions), size), np.uint8)
    for row, caption in zip(rows, captions):
        kept = caption.encode()[:size].decode(errors="ignore").encode()
        row[: len(kept)] = np.frombuffer(kept, np.uint8)
    return rows


def decode(rows: np.ndarray) -> list[str]:
    """uint8 [n, size] -> n captions. Inverts `encode` for captions that fit."""
    return [bytes(row).rstrip(b"\0").decode(errors="ignore") for row in np.asarray(rows, np.uint8)]
