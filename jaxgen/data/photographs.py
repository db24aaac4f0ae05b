"""Photographs of any size: random windows of them to train on, whole ones to judge by.

Window i of the training split is drawn from i alone: the photograph (in turn), the place, and with `data.turn` the
quarter turns. So a batch is a function of (seed, step) like any other. Held out are the images of `data.test_path` and
those of `data.path` whose names match one of `data.hold`; without both, the rule of `folder` decides. As examples they
are cut to the window in their centre; `data.wholes` gives them uncut.
"""

import fnmatch
import logging
import threading
from collections.abc import Callable, Sequence
from io import BytesIO
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from jaxgen.core import UserError
from jaxgen.data import folder, transforms
from jaxgen.data.settings import Settings, find
from jaxgen.data.source import Examples, Source, Split, mix, threaded

WINDOWS = 2**18
"""Windows of the training split, or one per photograph if there are more of them."""
WHAT = "a folder of photographs or a .zip of one"
logger = logging.getLogger(__name__)


class Photographs(NamedTuple):
    """Images of their own sizes."""

    names: tuple[str, ...]
    load: Callable[[int], np.ndarray]
    """(index) -> uint8 [H, W, C]."""


def open(settings: Settings) -> Source:
    """Windows of `data.size` pixels: random ones of the training split, those in the centre of the others.

    Raises:
      UserError: nothing there, or a photograph smaller than a window (the file is named).
    """
    if settings.size < 1:
        raise UserError("data.size is 0; set it to the side of the windows that are cut out of photographs, e.g. 96.")
    parts = split(settings, smallest=settings.size)
    splits = {name: _windows(found, settings, drawn=name == "train") for name, found in parts.items()}
    return Source(Path(settings.path).stem, splits)


def whole(settings: Settings) -> Source:
    """Uncut photographs, with the leaf "name"; as their sizes differ they can be gathered only one at a time.

    Raises:
      UserError: nothing there.
    """

    def one(found: Photographs) -> Split:
        def gather(indices: np.ndarray) -> Examples:
            index = int(indices[0])
            return {"image": found.load(index)[None], "name": np.array([found.names[index]])}

        return Split(len(found.names), gather, ready=True)

    return Source(Path(settings.path).stem, {name: one(found) for name, found in split(settings).items()})


def split(settings: Settings, smallest: int = 0) -> dict[str, Photographs]:
    """The photographs of each split.

    Raises:
      UserError: nothing there, nothing left to train on, or a photograph smaller than `smallest`.
    """
    found = _photographs(settings.path, "data.path", settings, smallest)
    if settings.hold or settings.test_path:
        held = [any(fnmatch.fnmatch(Path(name).name, pattern) for pattern in settings.hold) for name in found.names]
        if settings.hold and not any(held):
            raise UserError(
                f"data.hold {tuple(settings.hold)} matches none of the {len(held)} images of {settings.path}."
            )
        rows = {"train": [i for i, out in enumerate(held) if not out], "test": [i for i, out in enumerate(held) if out]}
        parts = {name: _some(found, chosen) for name, chosen in rows.items() if chosen}
    else:
        parts = {name: _some(found, list(chosen)) for name, chosen in folder.split(found.names)[1].items()}
    if settings.test_path:
        more = _photographs(settings.test_path, "data.test_path", settings, smallest)
        parts["test"] = _joined(parts["test"], more) if "test" in parts else more
    if "train" not in parts:
        raise UserError(f"All {len(found.names)} images of {settings.path} are held out; change data.hold.")
    return parts


def _some(found: Photographs, rows: Sequence[int]) -> Photographs:
    return Photographs(tuple(found.names[i] for i in rows), lambda i: found.load(int(rows[i])))


def _joined(a: Photographs, b: Photographs) -> Photographs:
    size = len(a.names)
    return Photographs(a.names + b.names, lambda i: a.load(i) if i < size else b.load(i - size))


def _photographs(path: str, key: str, settings: Settings, smallest: int) -> Photographs:
    """The readable images at a path, decoded once while `data.memory_mb` lasts."""
    place = find(path, WHAT, key)
    every, read = folder.listing(place)
    headers = {name: header for name in every if (header := folder.read_header(read, name))}
    names = list(headers)
    if not names:
        raise UserError(f"{key}: {place} holds no readable images ({', '.join(folder.SUFFIXES)}).")
    if len(names) < len(every):
        bad = next(name for name in every if name not in headers)
        logger.warning("%s: %d images cannot be read, the first is %s", place, len(every) - len(names), bad)
    small = next((name for name in names if min(headers[name].size) < smallest), None)
    if small is not None:
        size = "x".join(map(str, headers[small].size))
        raise UserError(
            f"{place}: {small} is {size} pixels, smaller than data.size={smallest}; remove it or lower that."
        )
    transform = transforms.build(settings._replace(size=0, pad=0, channels=settings.channels or 3), 3)
    budget, kept, lock = [settings.memory_mb * 2**20], dict[int, np.ndarray](), threading.Lock()

    def load(index: int) -> np.ndarray:
        if index in kept:
            return kept[index]
        try:
            with Image.open(BytesIO(read(names[index]))) as image:
                pixels = transform(image)
        except Exception as error:  # Pillow's plugins raise whatever a damaged file makes them raise
            raise UserError(f"{place}: {names[index]} is damaged ({error}); remove it.") from None
        with lock:
            if index not in kept and pixels.nbytes <= budget[0]:
                budget[0] -= pixels.nbytes
                kept[index] = pixels
        return pixels

    return Photographs(tuple(names), load)


def _windows(found: Photographs, settings: Settings, *, drawn: bool) -> Split:
    side, count = settings.size, len(found.names)

    def window(index: int) -> np.ndarray:
        pixels = found.load(index % count)
        free = [length - side for length in pixels.shape[:2]]
        top, left = (int(mix(index, axis) % np.uint64(f + 1)) if drawn else f // 2 for axis, f in enumerate(free))
        cut = pixels[top : top + side, left : left + side]
        return np.rot90(cut, int(mix(index, 2) % np.uint64(4))) if drawn and settings.turn else cut

    def gather(indices: np.ndarray) -> Examples:
        return {"image": np.stack([window(int(index)) for index in indices])}

    size = max(WINDOWS, count) if drawn else count
    return threaded(Split(size, gather), settings.workers)._replace(ready=True)
