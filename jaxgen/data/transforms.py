"""From a stored image to the uint8 array a model sees: transparency, channels, size, padding; and augmentation.

Resizing is Pillow's Lanczos filter, which widens with the reduction (antialiased). Transparent pixels are composited
on the background before resizing, so no colour hidden under them bleeds in.
"""

import itertools
from collections.abc import Callable

import numpy as np
from PIL import Image, ImageOps

from jaxgen.core import UserError
from jaxgen.data.settings import Settings
from jaxgen.data.source import Examples, mix, pixels

Transform = Callable[[Image.Image | np.ndarray], np.ndarray]
"""A Pillow image, or uint8 [H, W, C] -> uint8 [H', W', C']."""


def channels_of(mode: str) -> int:
    """1 for the grey modes of Pillow, 3 for all others."""
    return 1 if mode in ("1", "L", "LA", "La", "I", "F") or mode.startswith("I;16") else 3


def opaque(image: Image.Image, background: int, channels: int) -> Image.Image:
    """Any Pillow image -> mode "L" (channels = 1) or "RGB" (3), on a grey background. 16-bit grey is scaled to 8."""
    if image.mode.startswith("I"):
        levels = np.asarray(image).astype(np.float64) / 257.0
        image = Image.fromarray(np.clip(np.rint(levels), 0, 255).astype(np.uint8))
    if image.mode in ("RGBA", "LA", "La", "PA", "RGBa") or "transparency" in image.info:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, (background,) * 3 + (255,)), image)
    return image.convert("L" if channels == 1 else "RGB")


def resize(image: Image.Image, size: int, how: str, background: int) -> Image.Image:
    """To size x size pixels, by one of "crop", "stretch", "pad"."""
    if image.size == (size, size):
        return image
    if how == "crop":
        return ImageOps.fit(image, (size, size), Image.Resampling.LANCZOS)
    if how == "stretch":
        return image.resize((size, size), Image.Resampling.LANCZOS)
    colour = background if image.mode == "L" else (background,) * 3
    return ImageOps.pad(image, (size, size), Image.Resampling.LANCZOS, color=colour)


def build(settings: Settings, channels: int) -> Transform:
    """The deterministic half of the transforms, for images stored with `channels`; run once per stored image.

    Raises (when run):
      UserError: images of other than 1, 3 or 4 channels that would have to be resized or converted.
    """
    wanted = settings.channels or (3 if channels == 4 else channels)
    margin = ((settings.pad, settings.pad), (settings.pad, settings.pad), (0, 0))

    def apply(image: Image.Image | np.ndarray) -> np.ndarray:
        if not isinstance(image, np.ndarray):
            array = convert(ImageOps.exif_transpose(image))
        elif image.shape[-1] != wanted or (settings.size and image.shape[:2] != (settings.size,) * 2):
            array = convert(to_picture(image))
        else:
            array = image
        return np.pad(array, margin, constant_values=settings.background) if settings.pad else array

    def convert(picture: Image.Image) -> np.ndarray:
        picture = opaque(picture, settings.background, wanted)
        if settings.size:
            picture = resize(picture, settings.size, settings.resize, settings.background)
        return np.asarray(picture).reshape(picture.height, picture.width, wanted)

    return apply


def to_picture(image: np.ndarray) -> Image.Image:
    """uint8 [H, W, 1 or 3 or 4] -> a Pillow image."""
    if image.shape[-1] not in (1, 3, 4):
        raise UserError(
            f"Images of {image.shape[-1]} channels can be neither resized nor converted; leave data.size and"
            " data.channels at 0 or store images of 1, 3 or 4 channels."
        )
    return Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image)


def augment(settings: Settings, seed: int, positions: np.ndarray, examples: Examples) -> Examples:
    """Random flip, crop and exchange of colours; what happens to an example depends on (seed, its position in the order
    of training) alone.

    Args:
      positions: int64 [n], global positions of the examples.
      examples: "image" uint8 [n, H, W, C], or "video" uint8 [n, T, H, W, C], of which all frames move alike.
        A "target" uint8 [n, H, W, C] moves as its image does.
    """
    if not (settings.flip or settings.random_crop or settings.swap_channels):
        return examples
    key = pixels(examples)
    images = examples[key]
    high, wide, depth = images.shape[-3:]
    rows = np.broadcast_to(np.arange(high), (len(images), high))
    columns = np.broadcast_to(np.arange(wide), (len(images), wide))
    if settings.random_crop:
        reach = settings.random_crop
        if reach >= min(high, wide):
            raise UserError(f"data.random_crop is {reach}, but the images are only {high}x{wide}.")
        rows = reflect(rows + _shift(seed, positions, 1, reach), high)
        columns = reflect(columns + _shift(seed, positions, 2, reach), wide)
    if settings.flip:
        flipped = (mix(seed, positions, 3) & np.uint64(1)).astype(bool)
        columns = np.where(flipped[:, None], columns[:, ::-1], columns)
    orders = np.array(list(itertools.permutations(range(depth))) if settings.swap_channels else [range(depth)])
    orders = orders[mix(seed, positions, 4) % np.uint64(len(orders))]

    def moved(images):
        return np.stack(
            [
                image[..., row[:, None], column, :][..., order]
                for image, row, column, order in zip(images, rows, columns, orders)
            ]
        )

    return {**examples, **{name: moved(examples[name]) for name in (key, "target") if name in examples}}


def _shift(seed: int, positions: np.ndarray, stream: int, reach: int) -> np.ndarray:
    """int64 [n, 1], uniform in -reach .. reach."""
    return (mix(seed, positions, stream) % np.uint64(2 * reach + 1)).astype(np.int64)[:, None] - reach


def reflect(index: np.ndarray, size: int) -> np.ndarray:
    """Indices outside [0, size) mirrored about the outermost pixels, which are not repeated."""
    index = np.abs(index)
    return np.where(index >= size, 2 * (size - 1) - index, index)
