"""Coloured shapes with captions, computed from (seed, index): labels, text and pictures with known answers."""

import numpy as np

from jaxgen.data import text, transforms
from jaxgen.data.settings import Settings
from jaxgen.data.source import Examples, Source, Split, mix

SHAPES = ("circle", "square", "triangle")
COLOURS = {
    "red": (220, 40, 40),
    "green": (40, 160, 60),
    "blue": (50, 80, 220),
    "yellow": (240, 200, 30),
    "purple": (150, 50, 180),
    "black": (20, 20, 20),
}
RADII = {"small": 0.16, "large": 0.30}
"""Circumscribed radius over the side of the image."""
SIZES = {"train": 10_000, "test": 1_000}
BACKGROUND = 245
CAPTIONS = tuple(f"a {size} {colour} {shape}" for shape in SHAPES for colour in COLOURS for size in RADII)


def draw(seed: int, indices: np.ndarray, side: int, line: float = 0.0) -> Examples:
    """Pictures of one shape each, antialiased.

    Args:
      indices: int64 [n]; picture i is a function of (seed, i).
      side: pixels.
      line: draw outlines of so many pixels instead of filling the shapes.

    Returns:
      "image" uint8 [n, side, side, 3], "label" int32 [n] (the shape), "text" uint8 [n, L].
    """
    kind = (mix(seed, indices, 0) % np.uint64(len(CAPTIONS))).astype(np.int64)
    shape, colour, size = np.unravel_index(kind, (len(SHAPES), len(COLOURS), len(RADII)))
    radius = np.array(list(RADII.values()))[size] * side
    free = side - 2 * radius
    centre = [radius + free * (mix(seed, indices, stream) >> np.uint64(11)) / 2**53 for stream in (1, 2)]
    grid = np.arange(side) + 0.5
    x = grid[None, None, :] - centre[0][:, None, None]
    y = grid[None, :, None] - centre[1][:, None, None]
    r = radius[:, None, None]
    # Signed distances to the outline, in pixels; negative inside.
    distances = (
        np.hypot(x, y) - r,
        np.maximum(np.abs(x), np.abs(y)) - r * np.sqrt(0.5),
        np.maximum(np.abs(x) * np.sqrt(0.75) - y * 0.5, y) - r * 0.5,
    )
    distance = np.choose(shape[:, None, None], distances)
    distance = np.abs(distance) - line / 2 if line else distance
    cover = np.clip(0.5 - distance, 0, 1)[..., None]
    paint = np.array(list(COLOURS.values()), np.float64)[colour][:, None, None, :]
    images = np.rint(cover * paint + (1 - cover) * BACKGROUND).astype(np.uint8)
    captions = text.encode(CAPTIONS, text.length(CAPTIONS))
    return {"image": images, "label": shape.astype(np.int32), "text": captions[kind]}


def open(settings: Settings) -> Source:
    """10,000 train and 1,000 test pictures, 32 x 32 RGB unless set otherwise; drawn at their size, never resized."""
    transform = transforms.build(settings._replace(size=0), 3)

    def split(seed: int, size: int) -> Split:
        def gather(indices):
            examples = draw(seed, indices, settings.size or 32)
            return {**examples, "image": np.stack([transform(image) for image in examples["image"]])}

        return Split(size, gather)

    splits = {name: split(seed, size) for seed, (name, size) in enumerate(SIZES.items())}
    return Source("shapes", splits, SHAPES, text.length(CAPTIONS))
