"""Look at the data: a sheet of training examples."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from PIL import Image

from jaxgen.data.loading import load
from jaxgen.data.source import pixels


def contact_sheet(section: Mapping[str, Any], *, rows: int = 8, columns: int = 8, split: str = "train") -> Image.Image:
    """The first rows * columns examples of a shuffled split as a model would see them, enlarged to about 64 pixels.

    Of clips, `rows` are shown, each with all its frames in a row. Where images have targets, an example is both, side
    by side.
    """
    data = load(section)
    examples = data.batches(split, rows if data.info.frames else rows * columns, 0)(0)
    images = np.concatenate([examples[key] for key in (pixels(examples), "target") if key in examples], axis=-2)
    columns = data.info.frames or columns
    images = images.reshape(-1, *images.shape[-3:])
    images = np.repeat(images, 3, axis=-1) if images.shape[-1] == 1 else images[..., :3]
    scale = max(1, round(64 / images.shape[1]))
    images = images.repeat(scale, 1).repeat(scale, 2)
    high, wide = images.shape[1:3]
    gap = 2
    sheet = np.full((rows * (high + gap) + gap, columns * (wide + gap) + gap, 3), 255, np.uint8)
    for index, image in enumerate(images):
        y, x = (gap + k * (side + gap) for k, side in zip(divmod(index, columns), (high, wide)))
        sheet[y : y + high, x : x + wide] = image
    return Image.fromarray(sheet)
