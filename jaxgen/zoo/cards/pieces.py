"""Figures of streamed pieces, and how sure they are."""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from jaxgen import evals
from jaxgen.evals import Interval, Metric, bootstrap
from jaxgen.zoo.store import Piece

SIDE = 32
"""Pixels are compared in images reduced to at most this many a side."""
SMALL, DRAWS, FEW_DRAWS = 256, 100, 20
"""Bootstrap draws of a Frechet distance: DRAWS of up to SMALL features, FEW_DRAWS of more (each takes seconds)."""


def spread(count: int, size: int) -> np.ndarray:
    """Indices of `count` examples spread evenly over `size` (all, if there are fewer), since sets may be sorted."""
    return np.linspace(0, size - 1, min(count, size)).round().astype(int)


def pick(count: int, *arrays):
    """`count` examples spread evenly over each array."""
    index = spread(count, len(arrays[0]))
    chosen = tuple(np.asarray(x)[index] for x in arrays)
    return chosen if len(chosen) > 1 else chosen[0]


def reduced(x: np.ndarray) -> np.ndarray:
    """uint8 [N, H, W, C] -> means of square blocks, rounded: at most `SIDE` pixels a side, unchanged where it fits."""
    step = -(-max(x.shape[1:3]) // SIDE)
    if step == 1:
        return x
    high, wide = (side // step * step for side in x.shape[1:3])
    blocks = x[:, :high, :wide].reshape(len(x), high // step, step, wide // step, step, x.shape[3])
    return np.rint(blocks.mean(axis=(2, 4))).astype(np.uint8)


def among(pieces: Iterable[Piece], wanted: np.ndarray) -> Iterator[Piece]:
    """The examples of ascending indices `wanted` in a stream, its end not read further than needed."""
    seen, last = 0, int(wanted[-1])
    for piece in pieces:
        size = len(piece["images"])
        inside = wanted[(wanted >= seen) & (wanted < seen + size)] - seen
        seen += size
        if len(inside):
            yield {name: value[inside] for name, value in piece.items()}
        if seen > last:
            return


def collect(pieces: Iterable[Piece], metrics: Mapping[str, tuple[Metric, str]]) -> dict[str, Any]:
    """The results of many metrics in one pass; each is given one array of every piece."""
    states = {name: metric.init() for name, (metric, _) in metrics.items()}
    for piece in pieces:
        for name, (metric, key) in metrics.items():
            states[name] = metric.update(states[name], piece[key])
    return {name: metric.finish(states[name]) for name, (metric, _) in metrics.items()}


def mean_interval(values: Sequence[float] | np.ndarray) -> Interval:
    """Of the mean of values per example."""
    return evals.interval(bootstrap.mean(values), len(values), draws=DRAWS)


def frechet_interval(value: float, reference: evals.Moments, features: np.ndarray) -> Interval:
    """Of a Frechet distance `value` of features [n, D]."""
    from threadpoolctl import threadpool_limits

    small = features.shape[1] <= SMALL
    # Matrices this small lose by threads, badly so on a busy machine.
    with threadpool_limits(1 if small else None):
        statistic = bootstrap.frechet(reference, features)
        return evals.interval(statistic, len(features), value=value, draws=DRAWS if small else FEW_DRAWS)


def score_interval(p: np.ndarray) -> Interval:
    """Of an Inception Score, from probabilities [n, K]."""
    return evals.interval(bootstrap.inception_score(p), len(p), draws=DRAWS)


def plain(value: Any) -> Any:
    """A number for JSON: None for what is not finite."""
    return float(value) if math.isfinite(value) else None


def bounds(found: Interval | None) -> list[float] | None:
    """An interval for a card."""
    return [found.low, found.high] if found else None
