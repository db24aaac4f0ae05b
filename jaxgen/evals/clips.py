"""Figures of clips uint8 [N, T, H, W, C]: forecasts against what happened, and content against motion.

Forecasts, with values in units of a scale and leads k = 1 ... K after the last frame seen, s:
    (1)  mse_k         = mean over clips and pixels of ((y_k - x_k) / scale)^2
    (2)  persistence_k = the same for y_k = x_s, the last frame repeated
(2) over all windows of k + 1 frames of a recording is the mean over all its pairs of frames k apart.

Content (after Tulyakov et al. 2018, section 4.2: the average content distance, with average colours as content). A
frame's background b is the median of its border; a pixel x counts as foreground with the weight w = |x - b|_1. In each
of `BANDS` bands of rows, top to bottom, the content is the mean colour of the foreground; all bands make a vector f:
    (3)  within  = mean over clips of |f(t) - f(t')|, over all t < t'
    (4)  between = mean over pairs of clips of |f_i(t) - f_j(t')|, over all t, t'
Clips that keep their content and differ in it have within / between well below 1; clips that do not move have 0, so the
motion, mean |x_{t+1} - x_t|, belongs beside it.

The Frechet video distance (Unterthiner et al. 2018, "Towards Accurate Generative Models of Video", eq. 2) is the
Frechet distance of `evals.frechet` between features of whole clips; published figures take the logits of an I3D.
"""

from typing import NamedTuple

import numpy as np

from jaxgen.core import UserError
from jaxgen.evals.base import Function, Metric, Moments
from jaxgen.evals.frechet import frechet

BANDS = 4
PAIRS = 64
"""Clips that each clip is compared with in eq. (4), at most."""


def forecast_errors(forecast: np.ndarray, truth: np.ndarray, scale: float = 255.0) -> np.ndarray:
    """Eq. (1): arrays [N, K, ...] of one shape, in units of 1 / scale -> float64 [N, K], a mean per clip and lead.

    Raises:
      UserError: the shapes differ.
    """
    if np.shape(forecast) != np.shape(truth):
        raise UserError(f"A forecast {np.shape(forecast)} cannot be compared with frames {np.shape(truth)}.")
    apart = (np.asarray(forecast, np.float32) - np.asarray(truth, np.float32)) / scale
    return np.square(apart).reshape(*apart.shape[:2], -1).mean(axis=2, dtype=np.float64)


def persistence_errors(seen: np.ndarray, truth: np.ndarray, scale: float = 255.0) -> np.ndarray:
    """Eq. (2): frames seen [N, J, ...] and those that follow [N, K, ...] -> float64 [N, K]."""
    last = np.asarray(seen)[:, -1:]
    return forecast_errors(np.broadcast_to(last, np.shape(truth)), truth, scale)


class Content(NamedTuple):
    """Content distances of a set of clips, in grey levels."""

    within: float
    between: float
    ratio: float
    motion: float
    clips: int


def features(clips: np.ndarray) -> np.ndarray:
    """Content vectors float64 [N, T, BANDS * C] of clips."""
    x = np.asarray(clips, np.float64)
    edge = np.concatenate([x[:, :, 0], x[:, :, -1], x[:, :, :, 0], x[:, :, :, -1]], axis=2)
    background = np.median(edge, axis=2)[:, :, None, None]
    weight = np.abs(x - background).sum(axis=-1, keepdims=True)
    found = []
    for rows in np.array_split(np.arange(x.shape[2]), BANDS):
        w = weight[:, :, rows]
        # A band without any foreground has the background's colour.
        total = w.sum(axis=(2, 3)) + 1e-6
        found.append(((w * x[:, :, rows]).sum(axis=(2, 3)) + 1e-6 * background[:, :, 0, 0]) / total)
    return np.concatenate(found, axis=-1)


def content(clips: np.ndarray) -> Content:
    """Eq. (3)-(4), and the motion.

    Raises:
      UserError: not clips, or fewer than two of them or of their frames.
    """
    clips = np.asarray(clips)
    if clips.ndim != 5 or clips.dtype != np.uint8 or min(clips.shape[:2]) < 2:
        raise UserError(
            f"Content distances need two clips or more of two frames or more, uint8 [N, T, H, W, C], not {clips.dtype} "
            f"{list(clips.shape)}."
        )
    f = np.concatenate([features(part) for part in np.array_split(clips, max(1, len(clips) // 32))])
    count, length = f.shape[:2]
    first, second = np.triu_indices(length, 1)
    within = np.linalg.norm(f[:, first] - f[:, second], axis=-1).mean()
    shifts = np.unique(np.linspace(1, count - 1, min(PAIRS, count - 1)).astype(int))
    between = np.mean(
        [np.linalg.norm(f[:, :, None] - np.roll(f, shift, axis=0)[:, None], axis=-1).mean() for shift in shifts]
    )
    motion = np.mean([np.abs(np.diff(clip.astype(np.int16), axis=0)).mean() for clip in clips])
    ratio = within / between if between else float("nan")
    return Content(float(within), float(between), float(ratio), float(motion), count)


def fvd(reference: Moments, features: Function, *, frames: int = 0) -> Metric:
    """The Frechet video distance of streamed clips [B, T, H, W, C] to `reference`; finishes in a `Frechet`.

    Args:
      features: clips -> float [B, D], one vector per clip.
      frames: frames that every clip has, 0 for any; distances of clips of different lengths do not compare.

    Raises:
      UserError: something other than clips, or clips of another length.
    """

    def of(clips):
        shape = np.shape(clips)
        if len(shape) != 5 or (frames and shape[1] != frames):
            wanted = f"{frames or 'T'}, H, W, C"
            raise UserError(f"The video distance is of clips [N, {wanted}]; these arrays are {list(shape)}.")
        return features(clips)

    return frechet(reference, of)
