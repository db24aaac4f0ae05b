"""Pictures of a run: grids of images and loss curves, drawn with Pillow alone."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from jaxgen.core import UserError

TILE, WIDEST = 64, 2048
"""Tiles are enlarged to about TILE pixels, as long as the picture stays below WIDEST."""


def grid(images: np.ndarray, columns: int | None = None, *, gap: int = 2, background: int = 255) -> Any:
    """A sheet of images as a `PIL.Image`. Small images are enlarged by whole factors, pixel by pixel.

    Args:
      images: uint8 [N, H, W, C], C = 1 or 3.
      columns: images per row; by default about as many as rows.
      gap: pixels between tiles, before the picture is scaled.

    Raises:
      UserError: another shape or type.
    """
    from PIL import Image

    images = np.asarray(images)
    if images.ndim != 4 or images.shape[-1] not in (1, 3) or images.dtype != np.uint8 or not len(images):
        raise UserError(
            f"A grid needs uint8 images [N, H, W, 1 or 3], not {images.dtype} {list(images.shape)}; "
            "convert them first, and select three channels."
        )
    count, height, width, channels = images.shape
    columns = min(columns or math.ceil(math.sqrt(count)), count)
    rows = math.ceil(count / columns)
    scale = max(1, min(round(TILE / max(height, width)), WIDEST // (columns * width), WIDEST // (rows * height)))
    images = images.repeat(scale, axis=1).repeat(scale, axis=2)
    height, width = height * scale, width * scale
    sheet = np.full((rows * (height + gap) + gap, columns * (width + gap) + gap, channels), background, np.uint8)
    for index, image in enumerate(images):
        top, left = (place * (size + gap) + gap for place, size in zip(divmod(index, columns), (height, width)))
        sheet[top : top + height, left : left + width] = image
    return Image.fromarray(sheet[..., 0] if channels == 1 else sheet)


def curve(metrics: str | Path, png: str | Path, *, names: Sequence[str] | None = None) -> None:
    """Draw the losses in a `metrics.jsonl` over the steps.

    Args:
      names: metrics to draw; by default every "player/loss".

    Raises:
      UserError: nothing to draw.
    """
    raise NotImplementedError
