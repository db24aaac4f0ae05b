"""Distortion: PSNR and SSIM of an image and its ground truth, as super-resolution and compression papers report them.

    (1)  PSNR = 10 log10(L^2 / mean squared error), L the data range
Wang et al. 2004, "Image Quality Assessment: From Error Visibility to Structural Similarity", eq. 13, with local
moments under an 11 x 11 Gaussian window of deviation 1.5, only where the window lies inside the image:
    (2)  SSIM = (2 mx my + C1)(2 sxy + C2) / ((mx^2 + my^2 + C1)(sx^2 + sy^2 + C2)),  C1 = (0.01 L)^2, C2 = (0.03 L)^2
averaged over positions and channels. Luma is that of ITU-R BT.601 with its 8-bit studio range, 16 to 235:
    (3)  Y = 16 + (65.481 R + 128.553 G + 24.966 B) / 255,  R, G, B in [0, 255]
"""

import math
from typing import Any, NamedTuple

import numpy as np

from jaxgen.core import UserError
from jaxgen.evals.base import Metric, moments
from jaxgen.ops.colour import OFFSET, STUDIO


class Fidelity(NamedTuple):
    """Means over images."""

    examples: int
    psnr: float
    """Decibels; infinite when an image equals its truth."""
    ssim: float


def luma(x: np.ndarray, data_range: float = 255.0) -> np.ndarray:
    """RGB [..., 3] -> Y [..., 1] by eq. (3), in the units of x (0 to `data_range`)."""
    return np.asarray(x, np.float64) @ STUDIO[:, :1] + OFFSET[0] * data_range


def _pair(x, truth, data_range, border, y_only):
    """Both sets as float64 [B, H, W, C], prepared alike, and the data range."""
    x, truth = np.asarray(x), np.asarray(truth)
    if x.shape != truth.shape or x.ndim != 4:
        raise UserError(
            f"Images and their truths should be alike [B, H, W, C]; shapes are {x.shape} and {truth.shape}."
        )
    if data_range is None:
        if x.dtype != np.uint8 or truth.dtype != np.uint8:
            raise UserError("State the data range of images that are not uint8: 1.0 for [0, 1], 2.0 for [-1, 1].")
        data_range = 255.0
    x, truth = x.astype(np.float64), truth.astype(np.float64)
    if y_only:
        if x.shape[-1] != 3:
            raise UserError(f"Luma needs RGB images; these have {x.shape[-1]} channels.")
        x, truth = luma(x, data_range), luma(truth, data_range)
    if border:
        x, truth = (v[:, border:-border, border:-border] for v in (x, truth))
    return x, truth, float(data_range)


def psnr(x, truth, *, data_range: float | None = None, border: int = 0, y_only: bool = False) -> np.ndarray:
    """Eq. (1) for [B, H, W, C] -> float64 [B].

    Args:
      data_range: L; may be left out for uint8 images (255).
      border: pixels left out on every side (the scale factor, in super-resolution).
      y_only: compare luma, eq. (3); float images must then start at 0.
    """
    x, truth, span = _pair(x, truth, data_range, border, y_only)
    error = ((x - truth) ** 2).mean((1, 2, 3))
    return np.array([math.inf if e == 0 else 10.0 * math.log10(span * span / e) for e in error])


def ssim(x, truth, *, data_range: float | None = None, border: int = 0, y_only: bool = False) -> np.ndarray:
    """Eq. (2) for [B, H, W, C] -> float64 [B]; arguments as for `psnr`.

    Raises:
      UserError: the images, without their borders, are smaller than the window.
    """
    x, truth, span = _pair(x, truth, data_range, border, y_only)
    if min(x.shape[1:3]) < 11:
        raise UserError(f"SSIM needs at least 11 x 11 pixels inside the border; there are {x.shape[1]} x {x.shape[2]}.")
    c1, c2 = (0.01 * span) ** 2, (0.03 * span) ** 2
    mx, my = _blur(x), _blur(truth)
    sx, sy, sxy = _blur(x * x) - mx * mx, _blur(truth * truth) - my * my, _blur(x * truth) - mx * my
    scores = (2 * mx * my + c1) * (2 * sxy + c2) / ((mx * mx + my * my + c1) * (sx + sy + c2))
    return scores.mean((1, 2, 3))


def _blur(x: np.ndarray) -> np.ndarray:
    """The window's weighted mean wherever it fits: [B, H, W, C] -> [B, H - 10, W - 10, C]."""
    taps = np.exp(-0.5 * (np.arange(-5, 6) / 1.5) ** 2)
    taps /= taps.sum()
    for axis in (1, 2):
        size = x.shape[axis] - 10
        x = sum(w * np.take(x, np.arange(i, i + size), axis) for i, w in enumerate(taps))
    return x


def fidelity(*, data_range: float | None = None, border: int = 0, y_only: bool = False) -> Metric:
    """Mean PSNR and SSIM of streamed pairs: `update(state, images, truths)`. Finishes in `Fidelity`."""
    fit = moments(full=False)

    def update(state, x, truth):
        settings: dict[str, Any] = dict(data_range=data_range, border=border, y_only=y_only)
        values = psnr(x, truth, **settings), ssim(x, truth, **settings)
        exact = state[1] if state else False
        finite = np.where(np.isinf(values[0]), 0.0, values[0])
        return fit.update(state[0] if state else None, np.stack([finite, values[1]], 1)), bool(
            exact or np.isinf(values[0]).any()
        )

    def finish(state):
        means = fit.finish(state[0] if state else None)
        return Fidelity(means.examples, math.inf if state[1] else float(means.mean[0]), float(means.mean[1]))

    return Metric(lambda: None, update, finish)
