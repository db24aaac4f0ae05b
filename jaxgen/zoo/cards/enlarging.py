"""What `jaxgen evaluate` reports of a super-resolution model: PSNR and SSIM on held-out photographs, beside bicubic's.

As in the papers: every photograph is cropped to a multiple of the scale, made small by antialiased bicubic resizing and
rounded to 8 bits, enlarged, rounded again, and compared without a border as wide as the scale. Luma is BT.601's.
"""

import time
from collections.abc import Callable, Iterable
from typing import Any

import jax.numpy as jnp
import numpy as np

from jaxgen import evals
from jaxgen.core import UserError
from jaxgen.methods.restore import degrade, interpolate
from jaxgen.ops import images

Enlarge = Callable[[np.ndarray], np.ndarray]
"""uint8 [h, w, C] -> uint8 [s h, s w, C]."""
WINDOW = 11
"""Side of SSIM's window."""


def judge(enlarge: Enlarge, photographs: Iterable[tuple[str, np.ndarray]], scale: int) -> dict[str, Any]:
    """Figures of a model on photographs (name, uint8 [H, W, C]).

    Returns:
      {"scale", "border", "photographs": [{"name", "size", "model": figures, "bicubic": figures}], "model": means,
      "bicubic": means, "megapixels_per_second"}, plain Python. Figures: psnr_y, ssim_y and psnr_rgb; psnr and ssim for
      grey images; SSIM is left out where an image is smaller than its window. The speed is that of enlarged pixels,
      compilation not counted.

    Raises:
      UserError: there are no photographs.
    """
    rows: list[dict[str, Any]] = []
    seen, pixels, seconds = set(), 0, 0.0
    for name, photograph in photographs:
        height, width = (length - length % scale for length in photograph.shape[:2])
        truth = photograph[:height, :width]
        low = degrade(images.to_float(jnp.asarray(truth[None])), scale)
        small = np.asarray(images.to_uint8(low))[0]
        if small.shape not in seen:
            enlarge(small)  # compiles
            seen.add(small.shape)
        started = time.perf_counter()
        large = enlarge(small)
        seconds += time.perf_counter() - started
        pixels += height * width
        cubic = np.asarray(images.to_uint8(interpolate(low, scale)))[0]
        pair = {"model": figures(large, truth, scale), "bicubic": figures(cubic, truth, scale)}
        rows.append({"name": name, "size": [height, width], **pair})
    if not rows:
        raise UserError("There are no held-out photographs to judge by.")
    means = {side: _means([row[side] for row in rows]) for side in ("model", "bicubic")}
    speed = pixels / 1e6 / seconds
    return {"scale": scale, "border": scale, **means, "megapixels_per_second": speed, "photographs": rows}


def figures(image: np.ndarray, truth: np.ndarray, border: int) -> dict[str, float]:
    """PSNR and SSIM of uint8 [H, W, C]."""
    pair, colour = (image[None], truth[None]), truth.shape[-1] == 3
    end = "_y" if colour else ""
    found = {f"psnr{end}": evals.psnr(*pair, border=border, y_only=colour)[0]}
    if min(truth.shape[:2]) - 2 * border >= WINDOW:
        found[f"ssim{end}"] = evals.ssim(*pair, border=border, y_only=colour)[0]
    if colour:
        found["psnr_rgb"] = evals.psnr(*pair, border=border)[0]
    return {name: float(value) for name, value in found.items()}


def _means(rows: list[dict[str, float]]) -> dict[str, float]:
    names = [name for name in rows[0] if all(name in row for row in rows)]
    return {name: float(np.mean([row[name] for row in rows])) for name in names}


TITLES = {
    "psnr_y": "PSNR, luma (dB)",
    "ssim_y": "SSIM, luma",
    "psnr_rgb": "PSNR, RGB (dB)",
    "psnr": "PSNR (dB)",
    "ssim": "SSIM",
}


def table(card: dict[str, Any]) -> str:
    """The result of `judge` as text: means, and each photograph's first figure where there are few."""
    lines = [f"{'':36}{'model':>12}{'bicubic':>12}"]
    lines += [f"{TITLES[name]:36}{card['model'][name]:>12.4g}{card['bicubic'][name]:>12.4g}" for name in card["model"]]
    first = next(iter(card["model"]))
    rows = card["photographs"]
    if len(rows) <= 12:
        lines += [f"  {row['name']:34}{row['model'][first]:>12.4g}{row['bicubic'][first]:>12.4g}" for row in rows]
    lines.append(
        f"{len(rows)} held-out images, x{card['scale']}, borders of {card['border']} pixels left out; "
        f"{card['megapixels_per_second']:.3g} megapixels/s enlarged."
    )
    return "\n".join(lines)
