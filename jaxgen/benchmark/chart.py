"""A sheet as a picture: seconds to the first result, cold and warm, and images per second by batch size."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from jaxgen.core import UserError
from jaxgen.training import pictures

FINER = pictures.FINER
WIDTH, NAMES, GAP, HEAD, FOOT, ROW = 1200, 250, 60, 74, 46, 46
"""Pixels: the picture, the column of names, between the panels, above, below, and per config."""


class Panel(NamedTuple):
    """One axis from left to right, logarithmic."""

    left: float
    right: float
    low: float
    high: float

    def at(self, value: float) -> float:
        import math

        share = (math.log(value) - math.log(self.low)) / (math.log(self.high) - math.log(self.low))
        return (self.left + min(max(share, 0.0), 1.0) * (self.right - self.left)) * FINER


def draw(sheet: Mapping[str, Any], out: Path) -> None:
    """Write the picture of a sheet as a PNG.

    Raises:
      UserError: a sheet without figures, or a place that cannot be written.
    """
    from PIL import Image, ImageDraw

    results = sheet["results"]
    if not results:
        raise UserError("There are no figures to draw.")
    height = HEAD + ROW * len(results) + FOOT
    picture = Image.new("RGB", (WIDTH * FINER, height * FINER), pictures.PAPER)
    pen = ImageDraw.Draw(picture)
    half = (WIDTH - NAMES - GAP - 30) / 2
    starts = [result[kind]["first_seconds"] for result in results for kind in ("cold", "warm")]
    speeds = [row["images_per_second"][key] for result in results for row in result["rows"] for key in ("low", "high")]
    left = Panel(NAMES, NAMES + half, *_reach(starts))
    right = Panel(NAMES + half + GAP, WIDTH - 30, *_reach(speeds))
    batches = sorted({row["batch"] for result in results for row in result["rows"]})
    what = "step" if sheet["kind"] == "train" else "image"
    _axis(pen, left, height, f"seconds from process start to the first {what}", ["cold cache", "warm cache"])
    _axis(pen, right, height, "images/s, median and quartiles", [f"batch {batch}" for batch in batches])
    for i, result in enumerate(results):
        middle = (HEAD + ROW * (i + 0.5)) * FINER
        pen.text(((NAMES - 12) * FINER, middle), result["config"], pictures.INK, _font(13), anchor="rm")
        for j, kind in enumerate(("cold", "warm")):
            y = middle + (2 * j - 1) * 9 * FINER
            ends = left.left * FINER, left.at(result[kind]["first_seconds"])
            pen.rectangle([ends[0], y - 7 * FINER, ends[1], y + 7 * FINER], pictures.COLORS[j])
        _speeds(pen, right, middle, result["rows"], batches)
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        picture.resize((WIDTH, height), Image.Resampling.LANCZOS).save(out, format="PNG")
    except OSError as error:
        raise UserError(f"{out} cannot be written: {error.strerror or error}.") from None


def _speeds(pen: Any, panel: Panel, middle: float, rows: Sequence[Mapping[str, Any]], batches: list[int]) -> None:
    """Points for the medians, lines between the quartiles."""
    for row in rows:
        j, speed, r = batches.index(row["batch"]), row["images_per_second"], 4 * FINER
        y = middle + (j - (len(batches) - 1) / 2) * min(14, 36 / len(batches)) * FINER
        color = pictures.COLORS[j % len(pictures.COLORS)]
        pen.line([(panel.at(speed["low"]), y), (panel.at(speed["high"]), y)], color, 2 * FINER)
        x = panel.at(speed["median"])
        pen.ellipse([x - r, y - r, x + r, y + r], color)


def _reach(values: Sequence[float]) -> tuple[float, float]:
    """The ends of an axis that shows all of `values`."""
    return min(values) / 1.5, max(values) * 1.3


def _font(size: int) -> Any:
    from PIL import ImageFont

    return ImageFont.load_default(size * FINER)


def _axis(pen: Any, panel: Panel, height: int, title: str, legend: list[str]) -> None:
    top, bottom = (HEAD - 6) * FINER, (height - FOOT) * FINER
    for value in pictures.log_ticks(panel.low, panel.high):
        x = panel.at(value)
        pen.line([(x, top), (x, bottom)], pictures.FAINT, FINER)
        pen.text((x, bottom + 8 * FINER), pictures.label(value), pictures.INK, _font(12), anchor="mt")
    pen.text((panel.left * FINER, 14 * FINER), title, pictures.INK, _font(15), anchor="lt")
    x, y = panel.left * FINER, 50 * FINER
    for name, color in zip(legend, pictures.COLORS * len(legend)):
        pen.rectangle([x, y - 5 * FINER, x + 10 * FINER, y + 5 * FINER], color)
        pen.text((x + 16 * FINER, y), name, pictures.INK, _font(12), anchor="lm")
        x += 28 * FINER + pen.textlength(name, _font(12))
