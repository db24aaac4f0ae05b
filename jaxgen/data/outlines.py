"""Pairs with known answers, computed from (seed, index): the outline of a coloured shape, and the shape filled."""

import numpy as np

from jaxgen.data import shapes, transforms
from jaxgen.data.settings import Settings
from jaxgen.data.source import Source, Split

LINE = 1 / 16
"""Width of the lines over the side of the image."""


def open(settings: Settings) -> Source:
    """As many pictures as "shapes", each with its outline as "image" and itself as "target"; 32 x 32 RGB unless set."""
    transform = transforms.build(settings._replace(size=0), 3)
    side = settings.size or 32

    def split(seed: int, size: int) -> Split:
        def gather(indices):
            drawn = {"image": shapes.draw(seed, indices, side, LINE * side), "target": shapes.draw(seed, indices, side)}
            return {key: np.stack([transform(image) for image in found["image"]]) for key, found in drawn.items()}

        return Split(size, gather)

    return Source("outlines", {name: split(seed, size) for seed, (name, size) in enumerate(shapes.SIZES.items())})
