"""What `jaxgen evaluate --images DIR --reference DIR --metrics psnr,ssim,ms_ssim,lpips` reports: images and truths.

Pairs are made in order, so both sides need equally many images of one size. Figures are of RGB (or grey) and, for RGB,
of luma (`_y`), over whole images unless a border is left out.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from jaxgen import evals
from jaxgen.core import UserError
from jaxgen.zoo.cards.pieces import bounds, mean_interval, plain

FIGURES = ("psnr", "ssim", "ms_ssim", "lpips")
DISTORTION = {"psnr": evals.psnr, "ssim": evals.ssim, "ms_ssim": evals.ms_ssim}
Apart = tuple[str, Callable[[np.ndarray, np.ndarray], np.ndarray]]
"""A name and a perceptual distance of uint8 images [B, H, W, 3] and truths -> [B]."""


def judge(
    pairs: Iterable[tuple[np.ndarray, np.ndarray]], asked: Sequence[str], apart: Apart | None, *, border: int = 0
) -> dict[str, Any]:
    """Means over pairs of uint8 batches (images, truths).

    Returns:
      {"images": N, "border", "samples": {figure: mean}, "intervals", "exact": pairs of infinite PSNR, left out of it}.

    Raises:
      UserError: the sides do not fit together, or an image is too small for a figure.
    """
    found: dict[str, list[np.ndarray]] = {}
    for x, truth in pairs:
        for name in asked:
            for title, values in _values(name, x, truth, apart, border):
                found.setdefault(title, []).append(values)
    joined = {name: np.concatenate(parts) for name, parts in found.items()}
    if not joined:
        raise UserError("There are no pairs of images to compare.")
    finite = {name: values[np.isfinite(values)] for name, values in joined.items()}
    return {
        "images": len(next(iter(joined.values()))),
        "border": border,
        "samples": {name: plain(values.mean()) if len(values) else None for name, values in finite.items()},
        "intervals": {name: bounds(mean_interval(values)) for name, values in finite.items() if len(values) > 1},
        "exact": max(int(np.isinf(values).sum()) for values in joined.values()),
    }


def _values(name: str, x: np.ndarray, truth: np.ndarray, apart: Apart | None, border: int):
    """(title, float [B]) of one figure."""
    if name == "lpips":
        assert apart is not None
        yield apart[0], np.asarray(apart[1](x, truth), np.float64)
        return
    yield name, DISTORTION[name](x, truth, border=border)
    if x.shape[-1] == 3:
        yield f"{name}_y", DISTORTION[name](x, truth, border=border, y_only=True)


def table(result: dict[str, Any]) -> str:
    """The result of `judge` as text."""
    lines = [f"{'':36}{'mean':>12}{'95 % interval':>22}"]
    for name, value in result["samples"].items():
        sure = " - ".join(f"{end:.5g}" for end in result["intervals"].get(name, ()))
        lines.append(f"{name:36}{'-' if value is None else format(value, '.5g'):>12}{sure:>22}")
    equal = f"; {result['exact']} equal pairs are left out of PSNR" if result["exact"] else ""
    lines.append(f"{result['images']} pairs, borders of {result['border']} pixels left out{equal}.")
    return "\n".join(lines)
