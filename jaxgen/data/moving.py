"""Moving digits: clips in which digits drift and bounce, computed from (seed, index) (Srivastava et al. 2015,
"Unsupervised Learning of Video Representations using LSTMs", section 4).

A digit of d pixels in a frame of S has S - d pixels to move in, along each axis. It starts anywhere, u ~ U(0, 2), in a
direction angle ~ U(0, 2 pi), with the speed 0.1 of that way per frame, and is reflected at the ends:
    (1)  place(t) = (S - d) |1 - (u + 0.1 v t) mod 2|,   v = cos(angle) or sin(angle)
rounded to whole pixels. Where digits meet, the brighter pixel counts. Digits of the training split make the training
clips, digits of the test split the test clips.
"""

import functools
from collections.abc import Callable

import numpy as np

from jaxgen.core import UserError
from jaxgen.data import digits as small
from jaxgen.data import prepared
from jaxgen.data.settings import Settings
from jaxgen.data.source import Examples, Source, Split, mix

SIZES = {"train": 100_000, "test": 10_000}
SPEED = 0.1
FRAMES = 20


def _uniform(*counters) -> np.ndarray:
    """Numbers in [0, 1) that depend on the counters alone."""
    return (mix(*counters) >> np.uint64(11)) / 2**53


def draw(stored: np.ndarray, seed: int, indices: np.ndarray, side: int, frames: int, count: int) -> Examples:
    """Clips of `count` digits each.

    Args:
      stored: digits uint8 [N, d, d, 1].
      indices: int64 [n]; clip i is a function of (seed, i).
      side: S.

    Returns:
      "video" uint8 [n, frames, side, side, 1], "which" int64 [n, count]: the digits' places in `stored`.
    """
    number = np.arange(count)
    cells = (indices[:, None], number)
    which = (mix(seed, *cells, 0) % np.uint64(len(stored))).astype(np.int64)
    start = 2 * np.stack([_uniform(seed, *cells, stream) for stream in (1, 2)], axis=-1)
    angle = 2 * np.pi * _uniform(seed, *cells, 3)
    way = (
        start[..., None, :]
        + SPEED * np.arange(frames)[:, None] * np.stack([np.sin(angle), np.cos(angle)], -1)[..., None, :]
    )
    size = stored.shape[1]
    places = np.rint((side - size) * np.abs(1 - way % 2)).astype(int)  # [n, count, frames, 2], eq. (1)
    video = np.zeros((len(indices), frames, side, side, 1), np.uint8)
    for clip, chosen, paths in zip(video, which, places):
        for digit, path in zip(stored[chosen], paths):
            for frame, (top, left) in zip(clip, path):
                spot = frame[top : top + size, left : left + size]
                np.maximum(spot, digit, out=spot)
    return {"video": video, "which": which}


def mnist(settings: Settings) -> Source:
    """Two MNIST digits in 64 x 64 pixels, 20 frames, unless set otherwise."""
    return _source("moving_mnist", settings, 64, lambda: prepared.open(Settings(name="mnist", path=settings.path)))


def digits(settings: Settings) -> Source:
    """The same with scikit-learn's 8 x 8 digits in 24 x 24 pixels; needs no files."""
    return _source("moving_digits", settings, 24, lambda: small.open(Settings()))


def _source(name: str, settings: Settings, side: int, opened: Callable[[], Source]) -> Source:
    """100,000 train and 10,000 test clips. Clips of a single digit have its class as label."""
    source = opened()
    side = settings.size or side
    frames = settings.frames or FRAMES
    classes = source.classes if settings.digits == 1 else ()

    def split(seed: int, part: str, size: int) -> Split:
        @functools.cache
        def held() -> Examples:
            whole = source.splits[part]
            return whole.gather(np.arange(whole.size))

        def gather(indices: np.ndarray) -> Examples:
            stored = held()
            if side < stored["image"].shape[1]:
                raise UserError(
                    f"data.size is {side}, but a digit of {name} alone has {stored['image'].shape[1]} pixels."
                )
            examples = draw(stored["image"], seed, indices, side, frames, settings.digits)
            which = examples.pop("which")
            return {**examples, "label": stored["label"][which[:, 0]]} if classes else examples

        return Split(size, gather, ready=True)

    return Source(name, {part: split(seed, part, size) for seed, (part, size) in enumerate(SIZES.items())}, classes)
