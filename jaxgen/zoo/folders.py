"""Anybody's images for an evaluation: a folder (or .zip) of files, or an array file, read in order, nothing skipped.

Training forgives a damaged file; a measurement does not, because it would be of another set than its card says.
"""

from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path
from typing import NamedTuple

import numpy as np

from jaxgen.core import UserError
from jaxgen.data import arrays, folder

BATCH = 128


class Images(NamedTuple):
    """A set of images of one size."""

    name: str
    total: int
    shape: tuple[int, int, int]
    batches: Callable[[], Iterator[np.ndarray]]
    """() -> uint8 [B, H, W, C] in order, the same every time."""


def read(path: str | Path) -> Images:
    """The images of a folder, a .zip, an .npz or an .npy.

    Raises:
      UserError: nothing there, no images, differing sizes, a file that cannot be decoded, or other than 8-bit images.
    """
    path = Path(path)
    if not path.exists():
        raise UserError(f"There is no folder or file of images at {path}.")
    return _array(path) if path.suffix in (".npz", ".npy") else _files(path)


def _array(path: Path) -> Images:
    held = arrays.read(path)
    name = next((name for name in (*arrays.IMAGES, "arr_0") if name in held), None)
    if name is None:
        raise UserError(f"{path} holds {', '.join(sorted(held))}, but images must be called images or arr_0.")
    x = held[name]
    if x.dtype != np.uint8 or x.ndim not in (3, 4) or not len(x):
        raise UserError(
            f"The images of {path} are {x.dtype} {list(x.shape)}; they must be uint8 [N, H, W, C], 0 to 255."
        )
    x = x if x.ndim == 4 else x[..., None]

    def batches():
        for start in range(0, len(x), BATCH):
            yield np.asarray(x[start : start + BATCH])

    return Images(path.name, len(x), x.shape[1:], batches)


def _files(path: Path) -> Images:
    names, load = folder.listing(path)
    if not names:
        raise UserError(f"{path} holds no images ({', '.join(folder.SUFFIXES)}).")
    headers = {name: folder.read_header(load, name) for name in names}
    bad = [name for name, header in headers.items() if header is None]
    if bad:
        raise UserError(f"{path}: {bad[0]} cannot be read as an image ({len(bad)} of {len(names)}); remove or mend it.")
    sizes = {header.size for header in headers.values() if header}
    if len(sizes) > 1:
        (first, other), size = names[:2], headers[names[0]].size  # type: ignore[union-attr]
        other = next(name for name in names if headers[name].size != size)  # type: ignore[union-attr]
        shown = [f"{name} is {headers[name].size[0]}x{headers[name].size[1]}" for name in (first, other)]  # type: ignore[union-attr]
        raise UserError(f"The images of {path} differ in size ({', '.join(shown)}); bring them to one size first.")
    channels = max(header.channels for header in headers.values() if header)
    (width, height) = sizes.pop()

    def batches():
        for start in range(0, len(names), BATCH):
            yield np.stack([_decode(path, name, load, channels) for name in names[start : start + BATCH]])

    return Images(path.name, len(names), (height, width, channels), batches)


def _decode(path: Path, name: str, load, channels: int) -> np.ndarray:
    """One image uint8 [H, W, C]."""
    from PIL import Image, ImageOps

    try:
        with Image.open(BytesIO(load(name))) as opened:
            deep = opened.mode.startswith(("I", "F"))
            image = ImageOps.exif_transpose(opened).convert("L" if channels == 1 else "RGB")
    except Exception:  # Pillow's plugins raise whatever a damaged file makes them raise
        raise UserError(f"{path}: {name} cannot be decoded; it may be cut off. Remove or mend it.") from None
    if deep:
        raise UserError(f"{path}: {name} has more than 8 bits per channel; write it as 8-bit values 0 to 255 first.")
    pixels = np.asarray(image)
    return pixels if pixels.ndim == 3 else pixels[..., None]
