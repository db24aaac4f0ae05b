"""Pairs from one set of images: what is left of a picture in a drawing of it, and the picture.

With S_y and S_x Sobel's derivatives (differences of weighted means, so that a step from black to white gives 255) and
borders repeated:
    (1)  grey   = mean over channels
    (2)  edges  = 255 (1 - clip((s - LOW) / (HIGH - LOW), 0, 1)),  s = max over channels of sqrt(S_y^2 + S_x^2)
"""

from collections.abc import Callable

import numpy as np

from jaxgen.core import choose
from jaxgen.data import folder
from jaxgen.data.settings import Settings
from jaxgen.data.source import Examples, Source, Split

LOW, HIGH = 24.0, 72.0
"""Differences, in grey levels, that begin to show as a line, and that make it black."""


def grey(images: np.ndarray) -> np.ndarray:
    """Eq. (1): uint8 [N, H, W, C] -> the same shape."""
    mean = np.rint(images.mean(axis=-1, keepdims=True)).astype(np.uint8)
    return np.broadcast_to(mean, images.shape).copy()


def edges(images: np.ndarray) -> np.ndarray:
    """Eq. (2), dark lines on white: uint8 [N, H, W, C] -> the same shape, all channels alike."""
    padded = np.pad(images.astype(np.float32), ((0, 0), (1, 1), (1, 1), (0, 0)), mode="edge")
    smooth_y = (padded[:, :-2] + 2 * padded[:, 1:-1] + padded[:, 2:]) / 4
    smooth_x = (padded[:, :, :-2] + 2 * padded[:, :, 1:-1] + padded[:, :, 2:]) / 4
    slope = np.hypot(smooth_x[:, 2:] - smooth_x[:, :-2], smooth_y[:, :, 2:] - smooth_y[:, :, :-2])
    slope = slope.max(axis=-1, keepdims=True)
    lines = 255 * (1 - ((slope - LOW) / (HIGH - LOW)).clip(0, 1))
    return np.broadcast_to(np.rint(lines).astype(np.uint8), images.shape).copy()


DRAWINGS: dict[str, Callable[[np.ndarray], np.ndarray]] = {"edges": edges, "grey": grey}
"""What `data.drawing` names."""


def open(settings: Settings) -> Source:
    """The images of `folder`, each as "target", with its drawing as "image".

    Raises:
      UserError: what `folder` raises, or an unknown `data.drawing`.
    """
    draw = choose(DRAWINGS, settings.drawing, "data.drawing")
    source = folder.open(settings)

    def paired(split: Split) -> Split:
        def gather(indices: np.ndarray) -> Examples:
            images = split.gather(indices)["image"]
            return {"image": draw(images), "target": images}

        return Split(split.size, gather)

    return Source(f"{source.name}-{settings.drawing}", {name: paired(split) for name, split in source.splits.items()})
