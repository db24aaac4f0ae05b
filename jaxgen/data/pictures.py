"""Look at the data: a sheet of training examples."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from PIL import Image

from jaxgen.data.loading import load


def contact_sheet(section: Mapping[str, Any], *, rows: int = 8, columns: int = 8, split: str = "train") -> Image.Image:
    """The first rows * columns examples of a shuffled split as a model would see them, enlarged to about 64 pixels."""
    images = load(section).batches(split, rows * columns, 0)(0)["image"]
    images = np.repeat(images, 3, axis=-1) if images.shape[-1] == 1 else images[..., :3]
    scale = max(1, round(64 / max(images.shape[1:3])))
    images = images.repeat(scale, 1).repeat(scale, 2)
    high, wide = images.shape[1:3]
    gap = 2
    sheet = np.full((rows * (high + gap) + gap, columns * (wide + gap) + gap, 3), 255, np.uint8)
    for index, image in enumerate(images):
        y, x = (gap + k * (side + gap) for k, side in zip(divmod(index, columns), (high, wide)))
        sheet[y : y + high, x : x + wide] = image
    return Image.fromarray(sheet)
