"""What `jaxgen evaluate` reports of video models: forecasts beside persistence, generated clips beside real ones."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from jaxgen import data, evals


def judge_forecasts(
    batches: Iterator[np.ndarray],
    forecast: Callable[[np.ndarray], np.ndarray],
    *,
    context: int,
    limit: int,
    scale: float,
) -> dict[str, Any]:
    """Errors of forecasts and of persistence, for each lead, over at most `limit` held-out clips.

    Args:
      batches: clips uint8 [n, T, H, W, C].
      forecast: frames seen uint8 [n, context, H, W, C] -> forecasts uint8 [n, T - context, H, W, C].

    Returns:
      {"clips", "scale", "mse": [per lead], "persistence": [per lead], "frame": squared error of values / scale summed
      over a frame, mean over leads (how figures on moving MNIST are usually given)}.
    """
    found: list[np.ndarray] = []
    idle: list[np.ndarray] = []
    size, left = 0, limit
    for clips in batches:
        clips = clips[:left]
        seen, truth = clips[:, :context], clips[:, context:]
        found.append(evals.forecast_errors(forecast(seen), truth, scale))
        idle.append(evals.persistence_errors(seen, truth, scale))
        size, left = int(np.prod(truth.shape[2:])), left - len(clips)
        if left <= 0:
            break
    mse, persistence = (np.concatenate(parts).mean(axis=0) for parts in (found, idle))
    return {
        "clips": sum(len(part) for part in found),
        "scale": scale,
        "mse": mse.tolist(),
        "persistence": persistence.tolist(),
        "frame": float(mse.mean() * size),
    }


def persistence_of_all_pairs(section: Mapping[str, Any], lead: int, scale: float) -> float:
    """Persistence over all pairs of frames `lead` apart in the held-out recordings of a `data` section."""
    source = data.load({**section, "frames": lead + 1, "hop": 1})
    errors = [
        evals.persistence_errors(clips[:, :1], clips[:, -1:], scale)
        for clips in (batch["video"][batch["mask"]] for batch in source.epoch("test", 64))
    ]
    return float(np.concatenate(errors).mean())


def judge_clips(samples: np.ndarray, reals: np.ndarray) -> dict[str, Any]:
    """Content and motion of generated clips and of as many held-out ones."""
    count = min(len(samples), len(reals))
    index = np.linspace(0, len(reals) - 1, count).round().astype(int)
    return {"samples": evals.content(samples[:count])._asdict(), "reals": evals.content(reals[index])._asdict()}


def forecast_table(found: Mapping[str, Any]) -> str:
    """The result of `judge_forecasts` as text; "pairs" {lead: persistence}, "step" and "unit" may have been added."""
    step, unit, pairs = found.get("step", 1), found.get("unit", "frames"), found.get("pairs", {})
    more = f"{'all pairs':>14}" if pairs else ""
    lines = [f"{'mean squared error':24}{'forecast':>12}{'persistence':>14}{more}"]
    for lead, (mse, idle) in enumerate(zip(found["mse"], found["persistence"]), 1):
        pair = pairs.get(str(lead))
        said = f"{'' if pair is None else format(pair, '.5f'):>14}" if pairs else ""
        lines.append(f"{f'+{lead * step} {unit}':24}{mse:>12.5f}{idle:>14.5f}{said}")
    lines.append(
        f"{found['clips']} held-out clips, values / {found['scale']:g}; {found['frame']:.2f} summed over a frame."
    )
    return "\n".join(lines)


ROWS = {
    "within": "content distance within a clip",
    "between": "between clips",
    "ratio": "within / between",
    "motion": "change from frame to frame",
}


def clip_table(found: Mapping[str, Any]) -> str:
    """The result of `judge_clips` as text."""
    samples, reals = found["samples"], found["reals"]
    lines = [f"{'':36}{'samples':>12}{'held-out':>12}"]
    lines += [f"{title:36}{samples[key]:>12.4g}{reals[key]:>12.4g}" for key, title in ROWS.items()]
    return "\n".join([*lines, f"{samples['clips']} clips a side; distances in grey levels."])
