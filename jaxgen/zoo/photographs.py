"""Images of any size, in and out under their own names: for tasks that work in tiles."""

import functools
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from jaxgen.core import Task, UserError
from jaxgen.data import transforms
from jaxgen.zoo import files

logger = logging.getLogger(__name__)


def read(task: Task, items: Sequence[str], held_out: Any = None) -> dict[str, np.ndarray]:
    """Name -> image uint8 [H, W, C] in its own size, for a task with one image input that takes any.

    Items are as for `files.read_inputs`. Orientation tags are followed, transparency is composited on white (a warning
    says so), grey becomes three equal channels where the model has three.

    Raises:
      UserError: no items, an unreadable file, or an unknown input name.
    """
    name, spec = next(iter(task.inputs.items()))
    found: dict[str, np.ndarray] = {}
    for item in items:
        item = item.removeprefix(f"{name}=")
        if item.startswith("test:"):
            images = files.held_out_images(item, held_out and functools.partial(held_out, name=name))
            named = [(f"test_{index:06d}", _channels(image, spec.shape[-1])) for index, image in enumerate(images)]
        else:
            named = [(Path(file).stem, _picture(Path(file), spec.shape[-1])) for file in files.listed(item)]
            if not named:
                raise UserError(f"{item} holds no images ({', '.join(files.SUFFIXES)}).")
        for stem, image in named:
            taken = [stem, *(f"{stem}_{number}" for number in range(2, len(found) + 3))]
            found[next(free for free in taken if free not in found)] = image
    if not found:
        raise UserError("This task needs --input: image files, a folder of them, or test:8 (held-out images).")
    return found


def _picture(path: Path, channels: int) -> np.ndarray:
    """One file, uint8 [H, W, C]."""
    from PIL import Image, ImageOps, UnidentifiedImageError

    try:
        with Image.open(path) as opened:
            image = ImageOps.exif_transpose(opened)
            if "A" in image.getbands() or "transparency" in image.info:
                logger.warning("%s: transparency is composited on white and dropped", path)
            image = transforms.opaque(image, 255, channels)
    except FileNotFoundError:
        raise UserError(f"There is no file {path}.") from None
    except (UnidentifiedImageError, OSError) as error:
        raise UserError(f"{path} cannot be read as an image: {error}.") from None
    return np.asarray(image, np.uint8).reshape(image.height, image.width, channels)


def _channels(image: np.ndarray, channels: int) -> np.ndarray:
    return np.repeat(image, 3, axis=-1) if channels == 3 and image.shape[-1] == 1 else image


def places(out: Path, names: Sequence[str]) -> list[Path]:
    """Where images of these names go: `out` itself for one image and a .png, else files in the folder `out`.

    Raises:
      UserError: a suffix that is not .png, or one file for several images.
    """
    out = Path(out)
    if not out.suffix:
        return [out / f"{name}.png" for name in names]
    if out.suffix.lower() != ".png":
        raise UserError(f"--out {out} should end in .png, or name a folder.")
    if len(names) > 1:
        raise UserError(f"{len(names)} images do not fit into one file: let --out name a folder, not {out}.")
    return [out]


def write(path: Path, image: np.ndarray) -> None:
    """One image uint8 [H, W, C] to a PNG, whole or not at all.

    Raises:
      UserError: it cannot be written there.
    """
    from PIL import Image

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        files.save_picture(Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image), path)
    except OSError as error:
        raise UserError(f"{path} cannot be written: {error.strerror or error}.") from None
