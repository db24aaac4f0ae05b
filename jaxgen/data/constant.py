"""One grey image over and over: for tests and for timing a step without its data."""

import numpy as np

from jaxgen.data.settings import Settings
from jaxgen.data.source import Source, Split

SIZES = {"train": 256, "test": 64}
GREY = 128


def open(settings: Settings) -> Source:
    """256 train and 64 test images of level 128, 8 x 8 x 1 unless set; labels 0, 1, 0, 1, ..."""
    side = (settings.size or 8) + 2 * settings.pad
    shape = (side, side, settings.channels or 1)

    def gather(indices):
        return {"image": np.full((len(indices), *shape), GREY, np.uint8), "label": (indices % 2).astype(np.int32)}

    return Source("constant", {name: Split(size, gather, ready=True) for name, size in SIZES.items()}, ("even", "odd"))
