"""Pictures of a run: grids of images and loss curves, drawn with Pillow alone."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from jaxgen.core import UserError
from jaxgen.training.writers import read_metrics

TILE, WIDEST = 64, 2048
"""Tiles are enlarged to about TILE pixels, as long as the picture stays below WIDEST."""


def grid(images: np.ndarray, columns: int | None = None, *, gap: int = 2, background: int = 255) -> Any:
    """A sheet of images as a `PIL.Image`. Small images are enlarged by whole factors, pixel by pixel.

    Args:
      images: uint8 [N, H, W, C], C = 1 or 3.
      columns: images per row; by default about as many as rows.
      gap: pixels between tiles, before the picture is scaled.

    Raises:
      UserError: another shape or type.
    """
    from PIL import Image

    images = np.asarray(images)
    if images.ndim != 4 or images.shape[-1] not in (1, 3) or images.dtype != np.uint8 or not len(images):
        raise UserError(
            f"A grid needs uint8 images [N, H, W, 1 or 3], not {images.dtype} {list(images.shape)}; "
            "convert them first, and select three channels."
        )
    count, height, width, channels = images.shape
    columns = min(columns or math.ceil(math.sqrt(count)), count)
    rows = math.ceil(count / columns)
    scale = max(1, min(round(TILE / max(height, width)), WIDEST // (columns * width), WIDEST // (rows * height)))
    images = images.repeat(scale, axis=1).repeat(scale, axis=2)
    height, width = height * scale, width * scale
    sheet = np.full((rows * (height + gap) + gap, columns * (width + gap) + gap, channels), background, np.uint8)
    for index, image in enumerate(images):
        top, left = (place * (size + gap) + gap for place, size in zip(divmod(index, columns), (height, width)))
        sheet[top : top + height, left : left + width] = image
    return Image.fromarray(sheet[..., 0] if channels == 1 else sheet)


def beside(*images: np.ndarray) -> np.ndarray:
    """Pictures of one thing side by side: each uint8 [N, H, W, C] -> uint8 [N, H', sum of widths, C'].

    Smaller ones are enlarged to the tallest by whole factors (then padded in white), grey ones become RGB beside RGB.
    """
    tall, channels = max(x.shape[1] for x in images), max(x.shape[3] for x in images)

    def fit(x):
        scale = tall // x.shape[1]
        x = x.repeat(scale, axis=1).repeat(scale, axis=2)
        x = np.pad(x, ((0, 0), (0, tall - x.shape[1]), (0, 0), (0, 0)), constant_values=255)
        return x.repeat(channels // x.shape[3], axis=3)

    return np.concatenate([fit(x) for x in images], axis=2)


def strip(clips: np.ndarray) -> Any:
    """Clips uint8 [N, T, H, W, C] as a contact sheet: a row per clip, its frames from left to right.

    Raises:
      UserError: another shape or type.
    """
    clips = _clips(clips)
    return grid(clips.reshape(-1, *clips.shape[2:]), columns=clips.shape[1])


def animation(clips: np.ndarray, columns: int | None = None) -> list[Any]:
    """Clips uint8 [N, T, H, W, C] as the frames of one film, in each of which the clips lie in a grid.

    Raises:
      UserError: another shape or type.
    """
    return [grid(frame, columns) for frame in np.swapaxes(_clips(clips), 0, 1)]


def _clips(clips: np.ndarray) -> np.ndarray:
    clips = np.asarray(clips)
    if clips.ndim != 5 or 0 in clips.shape:
        raise UserError(f"Clips are uint8 arrays [N, T, H, W, C], not {clips.dtype} {list(clips.shape)}.")
    return clips


SIZE, FINER = (960, 540), 2
"""Pixels of a curve picture; it is drawn FINER times larger and scaled down, which smooths its lines."""
COLORS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
INK, FAINT, PAPER = "#333333", "#e4e4e4", "#ffffff"


def curve(metrics: str | Path, png: str | Path, *, names: Sequence[str] | None = None, title: str = "") -> None:
    """Draw metrics from a `metrics.jsonl` over the steps, and write a PNG.

    The axis is logarithmic where all values are positive and span more than a factor of 20. A faint line shows the
    values; with many points a strong one shows their running mean.

    Args:
      names: metrics to draw; by default every "player/loss".

    Raises:
      UserError: there is nothing to draw.
    """
    from PIL import Image, ImageDraw

    rows = read_metrics(metrics)
    known = [name for name in dict.fromkeys(name for row in rows for name in row) if "/" in name]
    chosen = list(names or [name for name in known if name.endswith("/loss")] or known[:1])
    series = {name: [(row["step"], row[name]) for row in rows if _drawable(row.get(name))] for name in chosen}
    series = {name: points for name, points in series.items() if points}
    if not series:
        raise UserError(f"{metrics} holds no values of {', '.join(chosen) or 'any metric'} to draw.")

    values = np.array([value for points in series.values() for _, value in points])
    steps = np.array([step for points in series.values() for step, _ in points])
    axes = Axes(*_range(steps, values), _is_log(values))
    picture = Image.new("RGB", (SIZE[0] * FINER, SIZE[1] * FINER), PAPER)
    pen = ImageDraw.Draw(picture)
    _frame(pen, axes, title or ("loss" if all(name.endswith("/loss") for name in series) else "value"))
    for points, color in zip(series.values(), COLORS * len(series)):
        _line(pen, axes, points, color)
    _legend(pen, [name.removesuffix("/loss") for name in series])
    Path(png).parent.mkdir(parents=True, exist_ok=True)
    picture.resize(SIZE, Image.Resampling.LANCZOS).save(png)


class Axes(NamedTuple):
    """From values to pixels."""

    left: float
    right: float
    low: float
    high: float
    log: bool

    def place(self, step: float, value: float) -> tuple[float, float]:
        """The pixel of a point, clipped to the frame."""
        up = (_scale(value, self.log) - _scale(self.low, self.log)) / (
            _scale(self.high, self.log) - _scale(self.low, self.log)
        )
        along = (step - self.left) / (self.right - self.left)
        x0, y0, x1, y1 = BOX
        return (x0 + along * (x1 - x0)) * FINER, (y1 - min(max(up, 0.0), 1.0) * (y1 - y0)) * FINER


BOX = (80, 56, SIZE[0] - 28, SIZE[1] - 56)
"""The frame: left, top, right, bottom."""


def _drawable(value: Any) -> bool:
    return isinstance(value, int | float) and math.isfinite(value)


def _scale(value: float, log: bool) -> float:
    return math.log10(max(value, 1e-300)) if log else value


def _is_log(values: np.ndarray) -> bool:
    return bool(values.min() > 0 and values.max() > 20 * values.min())


def _range(steps: np.ndarray, values: np.ndarray) -> tuple[float, float, float, float]:
    """Left, right, low, high, with a margin; a few wild values do not set the scale."""
    low, high = float(values.min()), float(values.max())
    if len(values) >= 20 and not _is_log(values):
        inner_low, inner_high = np.percentile(values, [2, 98])
        reach = 1.5 * (inner_high - inner_low) or math.inf
        low, high = max(low, float(inner_low - reach)), min(high, float(inner_high + reach))
    if _is_log(values):
        low, high = low / 1.2, high * 1.2
    else:
        margin = 0.05 * (high - low) or 0.1 * abs(high) or 1.0
        low, high = low - margin, high + margin
    left, right = min(0.0, float(steps.min())), float(steps.max())
    return left, right if right > left else left + 1.0, low, high


def ticks(low: float, high: float, count: int = 6) -> list[float]:
    """About `count` round numbers in [low, high]: multiples of 1, 2 or 5 times a power of ten."""
    rough = (high - low) / count
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough * 0.999)
    return [i * step for i in range(math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9) + 1)]


def log_ticks(low: float, high: float) -> list[float]:
    """Powers of ten in [low, high], with 2 and 5 between them where there is room."""
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    every = max(1, round(len(decades) / 8))
    factors = (1, 2, 5) if len(decades) <= 4 else (1,)
    found = [factor * 10.0**decade for decade in decades if decade % every == 0 for factor in factors]
    return [value for value in found if low <= value <= high]


def label(value: float) -> str:
    """A tick as text: 20k, 1.5M, 0.01, 1e-05."""
    for unit, name in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= unit:
            return f"{value / unit:.4g}{name}"
    return f"{value:.4g}"


def _font(size: int) -> Any:
    from PIL import ImageFont

    return ImageFont.load_default(size * FINER)


def _frame(pen: Any, axes: Axes, title: str) -> None:
    x0, _, x1, y1 = (edge * FINER for edge in BOX)
    small = _font(13)
    for value in log_ticks(axes.low, axes.high) if axes.log else ticks(axes.low, axes.high):
        _, y = axes.place(axes.left, value)
        pen.line([(x0, y), (x1, y)], FAINT, FINER)
        pen.text((x0 - 8 * FINER, y), label(value), INK, small, anchor="rm")
    for step in ticks(axes.left, axes.right, 8):
        x, _ = axes.place(step, axes.low)
        pen.line([(x, y1), (x, y1 + 5 * FINER)], INK, FINER)
        pen.text((x, y1 + 9 * FINER), label(step), INK, small, anchor="mt")
    pen.line([(x0, y1), (x1, y1)], INK, FINER)
    pen.text((x1, y1 + 30 * FINER), "step", INK, small, anchor="rt")
    pen.text((x0, 18 * FINER), title + (" (log scale)" if axes.log else ""), INK, _font(16), anchor="lt")


def _line(pen: Any, axes: Axes, points: list[tuple[int, float]], color: str) -> None:
    places = [axes.place(step, value) for step, value in points]
    if len(places) == 1:
        (x, y), r = places[0], 3 * FINER
        pen.ellipse([(x - r, y - r), (x + r, y + r)], color)
        return
    many = len(points) >= 40
    pen.line(places, _faded(color) if many else color, FINER if many else 2 * FINER, joint="curve")
    if many:
        window = max(3, len(points) // 40)
        raw = np.array([_scale(value, axes.log) for _, value in points])
        total = np.cumsum(np.concatenate([[0.0], raw]))
        ends = np.minimum(np.arange(len(raw)) + window + 1, len(raw))
        begins = np.maximum(np.arange(len(raw)) - window, 0)
        means = (total[ends] - total[begins]) / (ends - begins)
        smooth = [axes.place(step, 10**mean if axes.log else mean) for (step, _), mean in zip(points, means)]
        pen.line(smooth, color, 2 * FINER + 1, joint="curve")


def _faded(color: str) -> tuple[int, ...]:
    return tuple(round(0.35 * int(color[i : i + 2], 16) + 0.65 * 255) for i in (1, 3, 5))


def _legend(pen: Any, names: list[str]) -> None:
    font = _font(14)
    x, y = BOX[2] * FINER, 26 * FINER
    for name, color in reversed(list(zip(names, COLORS * len(names)))):
        pen.text((x, y), name, INK, font, anchor="rm")
        x -= pen.textlength(name, font) + 8 * FINER
        pen.line([(x - 18 * FINER, y), (x, y)], color, 3 * FINER)
        x -= 36 * FINER
