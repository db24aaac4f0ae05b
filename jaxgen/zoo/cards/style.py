"""What `jaxgen evaluate` reports of style transfer: losses of the results, of the photographs and of the paintings.

A photograph has no content loss but all of the style loss, a painting the other way round; a result should lie near
zero in both. The losses are the method's own, in units that belong to its encoder, so only columns of one card compare.
"""

import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

COLUMNS = {"result": "results", "content": "contents", "style": "styles"}
ROWS = {"content": "content loss", "style": "style loss", "variation": "total variation"}


def judge_style(
    apply: Callable[..., dict[str, np.ndarray]], examples: Mapping[str, np.ndarray], *, stored: bool
) -> dict[str, Any]:
    """Mean losses over examples, and how fast results come.

    Args:
      apply: (task, **inputs) -> outputs.
      examples: "image" (contents) and "style", uint8 [N, H, W, 3].
      stored: the results are pictures in the state (Gatys), not made from the examples.

    Returns:
      {"images": N, "result" | "content" | "style": {"content", "style", "variation"}, "images_per_second": of compiled
      calls, absent where results are stored}.
    """
    contents, styles = examples["image"], examples["style"]
    count = len(contents)
    if stored:
        made = apply("stylize", index=np.arange(count, dtype=np.int32))["image"]
        speed = {}
    else:
        inputs = {"content": contents, "style": styles}
        made = apply("stylize", **inputs)["image"]
        started = time.perf_counter()
        apply("stylize", **inputs)
        speed = {"images_per_second": count / (time.perf_counter() - started)}
    figures = {}
    for name, shown in {"result": made, "content": contents, "style": styles}.items():
        found = apply("losses", image=shown, content=contents, style=styles)
        figures[name] = {key: float(np.mean(value, dtype=np.float64)) for key, value in found.items()}
    return {"images": count, **figures, **speed}


def table(found: Mapping[str, Any]) -> str:
    """The result of `judge_style` as text."""
    lines = [f"{'':36}" + "".join(f"{title:>12}" for title in COLUMNS.values())]
    lines += [
        f"{title:36}" + "".join(f"{found[column][row]:>12.4g}" for column in COLUMNS) for row, title in ROWS.items()
    ]
    speeds = {"images_per_second": "pictures per second", "steps_per_second": "steps per second in training"}
    lines += [f"{title:36}{found[key]:>12.3g}" for key, title in speeds.items() if key in found]
    return "\n".join([*lines, f"{found['images']} pairs."])
