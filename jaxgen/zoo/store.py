"""Samples drawn for an evaluation, kept on disk part by part: memory stays bounded, and nothing is drawn twice.

A folder belongs to one way of drawing (weights, sampler settings, seed), named by a hash of it. Since sample i depends
on the seed and i alone, a later evaluation of more samples, or one that goes on after an interruption, takes the parts
that are there and draws the rest. Features of a part lie beside its images, one file per encoder. Parts are whole or
absent.
"""

import hashlib
import json
import os
import zipfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from jaxgen.core import UserError

PART = 256
"""Samples per file."""
Piece = dict[str, np.ndarray]
"""Arrays that lead with the same number of examples: "images", and what an encoder makes of them."""
Encode = Callable[[np.ndarray], Mapping[str, np.ndarray]]


class Store(NamedTuple):
    """A folder of parts."""

    folder: Path


def open(folder: str | Path, how: Mapping[str, Any]) -> Store:
    """The store of one way of drawing below `folder`; `how` is plain data that says everything samples depend on."""
    text = json.dumps(how, sort_keys=True, default=str)
    place = Path(folder) / hashlib.sha256(text.encode()).hexdigest()[:12]
    try:
        place.mkdir(parents=True, exist_ok=True)
        (place / "how.json").write_text(json.dumps(how, indent=1, sort_keys=True, default=str) + "\n")
    except OSError as error:
        raise UserError(f"{place} cannot be written: {error.strerror or error}.") from None
    return Store(place)


def parts(count: int, size: int = PART) -> list[tuple[int, int]]:
    """(start, stop) of every part of `count` samples."""
    return [(start, min(start + size, count)) for start in range(0, count, size)]


def stream(
    store: Store,
    count: int,
    draw: Callable[[int, int], np.ndarray],
    encoders: Mapping[str, Encode],
    *,
    size: int = PART,
) -> Iterator[Piece]:
    """Pieces of the first `count` samples, in order; what is not stored is drawn or encoded, and stored.

    Args:
      draw: (start, stop) -> uint8 images.
      encoders: file-safe name -> images to arrays; the names of the arrays are those of the pieces.
    """
    for start, stop in parts(count, size):
        # A whole part that an evaluation of more samples left holds those of an incomplete one.
        whole = (store.folder / _file("images", start, start + size)).exists()
        end = start + size if whole else stop
        place = store.folder / _file("images", start, end)
        images = stored(place, lambda: {"images": draw(start, end)})["images"]  # noqa: B023
        piece = {"images": images}
        for name, encode in encoders.items():
            place = store.folder / _file(name, start, end)
            piece |= stored(place, lambda: dict(encode(images)))  # noqa: B023
        yield {name: value[: stop - start] for name, value in piece.items()}


def _file(name: str, start: int, stop: int) -> str:
    return f"{name}-{start:08d}-{stop:08d}.npz"


def stored(path: Path, make: Callable[[], Piece]) -> Piece:
    """The arrays of a file; it is made where it is not there or was damaged."""
    try:
        with np.load(path, allow_pickle=False) as file:
            return {name: file[name] for name in file.files}
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        made = make()
    write(path, made)
    return made


def write(path: Path, arrays: Mapping[str, np.ndarray]) -> None:
    """An .npz, whole or not at all."""
    part = path.with_name(f".{path.name}.{os.getpid()}.part.npz")
    try:
        np.savez(part, **dict(arrays))  # type: ignore[arg-type]
        os.replace(part, path)
    except OSError as error:
        raise UserError(f"{path} cannot be written: {error.strerror or error}.") from None
