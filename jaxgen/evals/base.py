"""What a metric is: a triple of functions that streams over batches.

    state = metric.init()
    for batch in batches:
        state = metric.update(state, batch)
    result = metric.finish(state)

The result does not depend on how the examples are divided into batches. Metrics run on the host in float64; the
networks that make features or probabilities come in as functions and run wherever they like.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np

from jaxgen.core import UserError

Function = Callable[[Any], Any]
"""Images (or whatever a batch holds) [B, ...] -> float [B, D]: features, or class probabilities."""


class Metric(NamedTuple):
    """A streaming measurement."""

    init: Callable[[], Any]
    update: Callable[..., Any]
    """(state, *arrays), each array leading with the batch axis -> state; the given state is not changed."""
    finish: Callable[[Any], Any]
    """state -> a named tuple of Python floats, ints, strings and numpy arrays."""


class Moments(NamedTuple):
    """Number of examples, mean [D] and sum of outer products of deviations from the mean [D, D] (or [D]), float64."""

    examples: int
    mean: np.ndarray
    scatter: np.ndarray

    @property
    def covariance(self) -> np.ndarray:
        """The unbiased covariance: scatter / (examples - 1); the scatter itself where 0 examples are stated."""
        return self.scatter / max(self.examples - 1, 1)


def identity(x):
    """The feature function of data that are features already."""
    return x


def rows(x, what: str = "features") -> np.ndarray:
    """Any array [N, ...] as finite float64 [N, D]. uint8 images become their pixels, 0 to 255.

    Raises:
      UserError: a value is not finite.
    """
    x = np.asarray(x)
    x = x.reshape(len(x), -1).astype(np.float64)
    if not np.isfinite(x).all():
        raise UserError(f"The {what} to be evaluated hold values that are not finite; look at the samples first.")
    return x


def batches(size: int, *arrays) -> Iterator[tuple[Any, ...]]:
    """The arrays, cut along their first axis into pieces of at most `size`."""
    for start in range(0, len(arrays[0]), size):
        yield tuple(x[start : start + size] for x in arrays)


def run(metric: Metric, pieces: Iterable[tuple[Any, ...]]) -> Any:
    """The result of `metric` over an iterable of argument tuples of `update`."""
    state = metric.init()
    for piece in pieces:
        state = metric.update(state, *piece)
    return metric.finish(state)


def measure(metric: Metric, *arrays, size: int = 256) -> Any:
    """The result of `metric` on whole arrays, fed in batches of `size`."""
    return run(metric, batches(size, *arrays))


def gather(features: Function = identity, finish: Function = identity) -> Metric:
    """A metric that needs all features at once: keeps [N, D] float64 rows and hands them to `finish`."""

    def update(kept: tuple[np.ndarray, ...], x):
        return (*kept, rows(features(x)))

    def done(kept):
        if not kept:
            raise UserError("Nothing to evaluate: there are no samples.")
        return finish(np.concatenate(kept))

    return Metric(tuple, update, done)


def moments(features: Function = identity, *, full: bool = True) -> Metric:
    """Mean and scatter of features, merged batch by batch in float64 (Chan, Golub and LeVeque 1983, eq. 2.1).

    Args:
      full: the scatter matrix [D, D]; False keeps its diagonal [D].
    """

    def spread(x):
        return x.T @ x if full else (x * x).sum(0)

    def update(state, x):
        x = rows(features(x))
        if not len(x):
            return state
        mean = x.mean(0)
        new = Moments(len(x), mean, spread(x - mean))
        if state is None:
            return new
        total = state.examples + new.examples
        delta = new.mean - state.mean
        shift = np.outer(delta, delta) if full else delta * delta
        return Moments(
            total,
            state.mean + delta * (new.examples / total),
            state.scatter + new.scatter + shift * (state.examples * new.examples / total),
        )

    def finish(state):
        if state is None:
            raise UserError("Nothing to evaluate: there are no samples.")
        return state

    return Metric(lambda: None, update, finish)
