"""Distortion: PSNR, SSIM and MS-SSIM of an image and its ground truth, as super-resolution papers report them.

    (1)  PSNR = 10 log10(L^2 / mean squared error), L the data range
Wang et al. 2004, "Image Quality Assessment: From Error Visibility to Structural Similarity", eq. 13, with local
moments under an 11 x 11 Gaussian window of deviation 1.5, only where the window lies inside the image:
    (2)  SSIM = (2 mx my + C1)(2 sxy + C2) / ((mx^2 + my^2 + C1)(sx^2 + sy^2 + C2)),  C1 = (0.01 L)^2, C2 = (0.03 L)^2
averaged over positions and channels. Wang, Simoncelli, Bovik 2003, "Multi-Scale Structural Similarity for Image Quality
Assessment", eq. 7, with the contrast-structure term cs (the second factor of (2)) at every scale, means of 2 x 2 pixels
between scales (an odd last row or column is dropped), and the paper's five exponents w:
    (4)  MS-SSIM = SSIM_5^w5 prod_{j < 5} cs_j^wj
for each channel, then averaged over channels; negative means count as zero, since their powers are not real. Luma is
that of ITU-R BT.601 with its 8-bit studio range, 16 to 235:
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
    ms_ssim: float = math.nan
    """Not a number where it was not asked for."""


EXPONENTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
"""Of eq. (4), from the finest to the coarsest scale."""
WINDOW = 11


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
    if min(x.shape[1:3]) < WINDOW:
        raise UserError(f"SSIM needs at least 11 x 11 pixels inside the border; there are {x.shape[1]} x {x.shape[2]}.")
    return _similarity(x, truth, span)[0].mean(1)


def ms_ssim(x, truth, *, data_range: float | None = None, border: int = 0, y_only: bool = False) -> np.ndarray:
    """Eq. (4) for [B, H, W, C] -> float64 [B]; arguments as for `psnr`.

    Raises:
      UserError: the coarsest of the five scales is smaller than the window.
    """
    x, truth, span = _pair(x, truth, data_range, border, y_only)
    smallest = WINDOW * 2 ** (len(EXPONENTS) - 1)
    if min(x.shape[1:3]) < smallest:
        raise UserError(
            f"MS-SSIM needs at least {smallest} x {smallest} pixels inside the border; there are {x.shape[1]} x "
            f"{x.shape[2]}."
        )
    product = np.ones((len(x), x.shape[-1]))
    for scale, exponent in enumerate(EXPONENTS):
        if scale:
            x, truth = _halved(x), _halved(truth)
        whole, structure = _similarity(x, truth, span)
        last = scale == len(EXPONENTS) - 1
        product *= np.clip(whole if last else structure, 0.0, None) ** exponent
    return product.mean(1)


def _similarity(x: np.ndarray, truth: np.ndarray, span: float) -> tuple[np.ndarray, np.ndarray]:
    """Means over positions of eq. (2) and of its contrast-structure factor: two float64 [B, C]."""
    c1, c2 = (0.01 * span) ** 2, (0.03 * span) ** 2
    mx, my = _blur(x), _blur(truth)
    sx, sy, sxy = _blur(x * x) - mx * mx, _blur(truth * truth) - my * my, _blur(x * truth) - mx * my
    structure = (2 * sxy + c2) / (sx + sy + c2)
    luminance = (2 * mx * my + c1) / (mx * mx + my * my + c1)
    return (luminance * structure).mean((1, 2)), structure.mean((1, 2))


def _halved(x: np.ndarray) -> np.ndarray:
    """Means of 2 x 2 pixels."""
    batch, height, width, channels = x.shape
    x = x[:, : height // 2 * 2, : width // 2 * 2]
    return x.reshape(batch, height // 2, 2, width // 2, 2, channels).mean((2, 4))


def _blur(x: np.ndarray) -> np.ndarray:
    """The window's weighted mean wherever it fits: [B, H, W, C] -> [B, H - 10, W - 10, C]."""
    taps = np.exp(-0.5 * (np.arange(-5, 6) / 1.5) ** 2)
    taps /= taps.sum()
    for axis in (1, 2):
        size = x.shape[axis] - 10
        x = sum(w * np.take(x, np.arange(i, i + size), axis) for i, w in enumerate(taps))
    return x


def fidelity(
    *, data_range: float | None = None, border: int = 0, y_only: bool = False, multiscale: bool = False
) -> Metric:
    """Mean PSNR and SSIM of streamed pairs, and MS-SSIM if `multiscale`: `update(state, images, truths)`.

    Finishes in `Fidelity`.
    """
    fit = moments(full=False)
    settings: dict[str, Any] = dict(data_range=data_range, border=border, y_only=y_only)

    def update(state, x, truth):
        measured = [ssim(x, truth, **settings)] + ([ms_ssim(x, truth, **settings)] if multiscale else [])
        levels = psnr(x, truth, **settings)
        exact = state[1] if state else False
        finite = np.where(np.isinf(levels), 0.0, levels)
        return fit.update(state[0] if state else None, np.stack([finite, *measured], 1)), bool(
            exact or np.isinf(levels).any()
        )

    def finish(state):
        means = fit.finish(state[0] if state else None)
        level, *similar = map(float, means.mean)
        return Fidelity(means.examples, math.inf if state[1] else level, *similar)

    return Metric(lambda: None, update, finish)
