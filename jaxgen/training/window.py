"""The metrics of the steps since the last log point, kept on the devices until somebody needs them."""

from collections.abc import Callable

import jax
import numpy as np

from jaxgen.core import UserError


class Diverged(UserError):
    """A metric or the weights became infinite or not a number. Carries `step`, `metric` and `last_good`."""

    shared = True
    """Every process raises it at the same step."""

    def __init__(self, step: int, metric: str, last_good: int | None):
        self.step, self.metric, self.last_good = step, metric, last_good
        kept = "there is no checkpoint" if last_good is None else f"the last good checkpoint is of step {last_good}"
        super().__init__(
            f"Training diverged at step {step}: {metric} is not finite; {kept}. "
            "Lower optim.lr, clip the gradients (optim.clip), or start again with another train.seed."
        )


class Window:
    """Collects metrics without waiting for them.

    Args:
      last_good: () -> step of the newest checkpoint, for the message of `Diverged`.
    """

    def __init__(self, last_good: Callable[[], int | None]):
        self._last_good = last_good
        self._pending: list[tuple[int, dict[str, jax.Array]]] = []
        self._rows: list[dict[str, np.ndarray]] = []
        self.latest: dict[str, float] = {}
        """What `means` returned last."""

    def add(self, first: int, metrics: dict[str, jax.Array]) -> None:
        """Metrics, () or [n], of the steps that ended as step `first`, first + 1, ..."""
        self._pending.append((first, metrics))
        if len(self._pending) > 1:
            # Two calls in flight keep the devices busy; more would only fill memory with batches.
            jax.block_until_ready(self._pending[-2][1])

    def examine(self) -> None:
        """Fetch what is pending.

        Raises:
          Diverged: naming the first step with a value that is not finite, and the first such metric of it.
        """
        pending, self._pending = self._pending, []
        values = jax.device_get([metrics for _, metrics in pending])
        for (first, _), row in zip(pending, values):
            row = {name: np.atleast_1d(np.asarray(value, np.float64)) for name, value in row.items()}
            bad = {name: int(np.argmin(np.isfinite(x))) for name, x in row.items() if not np.isfinite(x).all()}
            if bad:
                name = min(bad, key=lambda key: bad[key])
                raise Diverged(first + bad[name], name, self._last_good())
            self._rows.append(row)

    def means(self) -> dict[str, float]:
        """The mean of every metric over the examined steps since the last call; {} if there were none."""
        rows, self._rows = self._rows, []
        names = rows[0] if rows else []
        self.latest = {name: float(np.mean(np.concatenate([row[name] for row in rows]))) for name in names}
        return self.latest
