"""Pairs of a photograph and a painting, for style transfer: "image" is the content, "style" the style.

Both sets may hold images of any size, grey or with alpha. With `data.short` = 0 every photograph meets every painting
once, each scaled and centre-cropped to `data.shape`; that is what Gatys' method optimises, and "train" and "test" are
the same pairs. With `data.short` = s > 0 the short side is scaled to s and a random window of `data.shape` is cut out
for training: pair i of the split is drawn from i alone, so a batch is a function of (seed, step) like any other.
"""

import fnmatch
import logging
import threading
from collections.abc import Callable, Sequence
from io import BytesIO
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageOps

from jaxgen.core import UserError
from jaxgen.data import folder, shapes, transforms
from jaxgen.data.settings import Settings, find
from jaxgen.data.source import Examples, Source, Split, mix

PAIRS = 2**16
"""Training pairs before they repeat, or one per photograph if there are more of them."""
logger = logging.getLogger(__name__)


class Pictures(NamedTuple):
    """Images of any size in three channels."""

    names: tuple[str, ...]
    load: Callable[[int], Image.Image | None]
    """(index) -> mode "RGB", or None where the file is damaged."""


def open(settings: Settings) -> Source:
    """The pairs of `data.path` (photographs) and `data.style` (paintings).

    Each is a folder, a .zip, one image file, or one file in a .zip ("photos.zip/one.png"); "shapes" and "textures" are
    drawn and need no files. Photographs whose names match one of `data.hold` make the test split; without it, the rule
    of `folder` does.

    Raises:
      UserError: nothing there, or settings out of range.
    """
    height, width = shape_of(settings)
    contents = pictures(settings.path, "data.path", settings)
    styles = pictures(settings.style, "data.style", settings)
    if not settings.short:
        every = _fixed(contents, styles, range(len(contents.names)), range(len(styles.names)), settings)
        return Source("style", {"train": every, "test": every})
    if settings.short < min(height, width):
        raise UserError(
            f"data.short is {settings.short}, less than the {height}x{width} pixels that are cut out of it."
        )
    parts = _parts(contents.names, settings.hold)
    train = _random(contents, styles, parts["train"], settings)
    test = _fixed(contents, styles, parts.get("test", ()), range(len(styles.names)), settings)
    return Source("style", {"train": train, "test": test} if "test" in parts else {"train": train})


def shape_of(settings: Settings) -> tuple[int, int]:
    """(height, width) of what a model sees: `data.shape`, or a square of `data.size`."""
    shape = tuple(settings.shape) or (settings.size or 256,) * 2
    if len(shape) != 2 or min(shape) < 1:
        raise UserError(f"data.shape should be (height, width), not {settings.shape}.")
    return shape  # type: ignore[return-value]


def pictures(path: str, key: str, settings: Settings) -> Pictures:
    """The images at a path, in sorted order; decoded once while `data.memory_mb` lasts."""
    drawn = {"shapes": _shape, "textures": _texture}
    if path in drawn:
        side = max(*shape_of(settings), settings.short)
        return Pictures(tuple(f"{path}{i:02d}.png" for i in range(32)), lambda i: Image.fromarray(drawn[path](i, side)))
    names, read = _files(path, key)
    if not names:
        raise UserError(f"{key}: {path} holds no images ({', '.join(folder.SUFFIXES)}).")
    budget = [settings.memory_mb * 2**20 // 2]
    kept: dict[int, Image.Image] = {}
    lock = threading.Lock()

    def load(index: int) -> Image.Image | None:
        if index in kept:
            return kept[index]
        try:
            with Image.open(BytesIO(read(names[index]))) as opened:
                image = transforms.opaque(ImageOps.exif_transpose(opened), settings.background, 3)
                if settings.short and min(image.size) > settings.short:
                    image = _scaled(image, settings.short)
        except Exception:  # Pillow's plugins raise whatever a damaged file makes them raise
            logger.warning("%s cannot be read; the next readable image is used instead", names[index])
            return None
        with lock:
            budget[0] -= 3 * image.width * image.height
            if budget[0] > 0:
                kept[index] = image
        return image

    return Pictures(tuple(names), load)


def _files(path: str, key: str) -> tuple[list[str], folder.Read]:
    archive, member = path.partition(".zip/")[::2]
    if member:
        names, read = folder.listing(find(f"{archive}.zip", "a .zip of images", key))
        if member not in names:
            raise UserError(f"{key}: {archive}.zip holds no image {member}; it has {', '.join(names[:8])} ...")
        return [member], read
    place: Path = find(path, "images: a folder, a .zip, or a file", key)
    if place.is_file() and place.suffix.lower() in folder.SUFFIXES:
        return [place.name], lambda name: place.read_bytes()
    return folder.listing(place)


def _parts(names: Sequence[str], hold: Sequence[str]) -> dict[str, Sequence[int]]:
    """Split -> indices of the photographs."""
    if not hold:
        return {name: [int(i) for i in indices] for name, indices in folder.split(names)[1].items()}
    held = [any(fnmatch.fnmatch(Path(name).name, pattern) for pattern in hold) for name in names]
    parts: dict[str, Sequence[int]] = {
        "train": [i for i, out in enumerate(held) if not out],
        "test": [i for i, out in enumerate(held) if out],
    }
    if not parts["train"] or not parts["test"]:
        raise UserError(f"data.hold {tuple(hold)} matches {sum(held)} of {len(names)} photographs; it must leave some.")
    return parts


def _scaled(image: Image.Image, short: int, least: tuple[int, int] = (1, 1)) -> Image.Image:
    """With its short side at `short`, and at least `least` (height, width) pixels."""
    factor = max(short / min(image.size), least[0] / image.height, least[1] / image.width)
    size = (max(least[1], round(image.width * factor)), max(least[0], round(image.height * factor)))
    return image if size == image.size else image.resize(size, Image.Resampling.LANCZOS)


def _readable(found: Pictures, rows: Sequence[int], position: int) -> Image.Image:
    """The image at a position of `rows`, or the next one of them that can be read."""
    for offset in range(len(rows)):
        image = found.load(rows[(position + offset) % len(rows)])
        if image is not None:
            return image
    raise UserError(f"None of the {len(rows)} images can be read; the first is {found.names[rows[0]]}.")


def _fixed(contents: Pictures, styles: Pictures, rows: Sequence[int], columns: Sequence[int], settings) -> Split:
    """Every photograph with every painting, scaled and centre-cropped."""
    height, width = shape_of(settings)

    def fit(image):
        return np.asarray(ImageOps.fit(image, (width, height), Image.Resampling.LANCZOS))

    def gather(indices: np.ndarray) -> Examples:
        row, column = np.divmod(indices, len(columns))
        return {
            "image": np.stack([fit(_readable(contents, rows, int(i))) for i in row]),
            "style": np.stack([fit(_readable(styles, columns, int(i))) for i in column]),
        }

    return Split(len(rows) * len(columns), gather, ready=True)


def _random(contents: Pictures, styles: Pictures, rows: Sequence[int], settings: Settings) -> Split:
    """Photographs in turn, paintings at random, random windows of both."""
    height, width = shape_of(settings)

    def window(image: Image.Image, index: int, stream: int) -> np.ndarray:
        image = _scaled(image, settings.short, (height, width))
        free = (image.height - height + 1, image.width - width + 1)
        top, left = (int(mix(index, stream + axis) % np.uint64(free[axis])) for axis in (0, 1))
        return np.asarray(image.crop((left, top, left + width, top + height)))

    def gather(indices: np.ndarray) -> Examples:
        numbers = [int(i) for i in indices]
        every = range(len(styles.names))
        chosen = [int(mix(i, 1) % np.uint64(len(styles.names))) for i in numbers]
        return {
            "image": np.stack([window(_readable(contents, rows, i), i, 2) for i in numbers]),
            "style": np.stack([window(_readable(styles, every, j), i, 4) for i, j in zip(numbers, chosen)]),
        }

    return Split(max(PAIRS, len(rows)), gather, ready=True)


def _shape(index: int, side: int) -> np.ndarray:
    return shapes.draw(0, np.array([index]), side)["image"][0]


def _texture(index: int, side: int) -> np.ndarray:
    """Stripes of two colours, uint8 [side, side, 3]; angle, width and colours follow from the index."""
    turn, fine, *colours = (mix(index, stream) / 2.0**64 for stream in range(8))
    y, x = np.mgrid[:side, :side] / side
    along = np.cos(np.pi * turn) * x + np.sin(np.pi * turn) * y
    wave = 0.5 + 0.5 * np.sin(2 * np.pi * (3 + 5 * fine) * along)[..., None]
    first, second = np.array(colours[:3]), np.array(colours[3:])
    return np.rint(255 * (wave * first + (1 - wave) * second)).astype(np.uint8)
