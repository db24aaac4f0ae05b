"""Batches as pure functions of the step.

With n examples, a global batch of B, k batches per step and P processes, example i of batch j of step s sits at

    position(s, j, i) = (s k + j) B + i                                                              (1)

of an endless order: epoch e = position div n is the e-th permutation of the split, drawn from (seed, e), and the
example is permutation_e[position mod n] (2). Process p holds i in [p B / P, (p + 1) B / P), or the rows it is
given (3), so the global batch is the same array for every P, and resuming needs only the step number. Numpy
permutations serve (2) because an index costs nanoseconds in them, whatever n; a whole epoch's order takes 8 n bytes.
Unpaired targets are a second set of examples at the same positions of an order, and under augmentations, of their own,
from another seed (4).
"""

import functools
from collections.abc import Callable, Iterator

import numpy as np

from jaxgen.core import UserError
from jaxgen.data.settings import Settings
from jaxgen.data.source import Examples, Split, mix
from jaxgen.data.transforms import augment

BatchFn = Callable[[int], Examples]
TARGETS = 4
"""The stream of noise that seeds what targets draw."""


def local_size(batch_size: int, process_count: int) -> int:
    """Examples per process.

    Raises:
      UserError: the batch is empty or does not divide among the processes.
    """
    if batch_size < 1:
        raise UserError(f"train.batch_size is {batch_size}; it must be at least 1.")
    if batch_size % process_count:
        raise UserError(f"A batch of {batch_size} does not divide among {process_count} processes; choose a multiple.")
    return batch_size // process_count


def order(size: int, seed: int) -> Callable[[np.ndarray], np.ndarray]:
    """(positions int64 [n]) -> indices int64 [n] in [0, size), equation (2)."""

    @functools.lru_cache(maxsize=2)
    def permutation(epoch: int) -> np.ndarray:
        return np.random.default_rng([seed % 2**64, epoch]).permutation(size)

    def look_up(positions: np.ndarray) -> np.ndarray:
        epochs, offsets = np.divmod(positions, size)
        indices = np.empty_like(offsets)
        for epoch in np.unique(epochs):
            here = epochs == epoch
            indices[here] = permutation(int(epoch))[offsets[here]]
        return indices

    return look_up


def batches(
    split: Split,
    settings: Settings,
    batch_size: int,
    seed: int,
    *,
    process_index: int = 0,
    process_count: int = 1,
    per_step: int = 1,
    training: bool = True,
    targets: Split | None = None,
    rows: np.ndarray | None = None,
) -> BatchFn:
    """The function batch(step), equations (1)-(3).

    Args:
      batch_size: global; may exceed the split, which then repeats within a batch.
      per_step: k > 1 stacks k consecutive global batches: leaves [k, B_local, ...].
      training: apply the random transforms.
      targets: images dealt beside the others as "target", independently of them.
      rows: the i of (1) that this process holds, where its devices decide that; else equation (3) does.
    """
    part = local_size(batch_size, process_count)
    if rows is None:
        rows = np.arange(part) + process_index * part
    local = len(rows)
    find, own_seed = order(split.size, seed), int(mix(seed, TARGETS))
    find_target = order(targets.size, own_seed) if targets else None
    stacked = np.arange(per_step)[:, None] * batch_size + rows

    def batch(step: int) -> Examples:
        positions = step * per_step * batch_size + stacked.reshape(-1)
        examples = split.gather(find(positions))
        if training:
            examples = augment(settings, seed, positions, examples)
        if targets and find_target:
            drawn = {"image": targets.gather(find_target(positions))["image"]}
            drawn = augment(settings, own_seed, positions, drawn) if training else drawn
            examples = {**examples, "target": drawn["image"]}
        if per_step == 1:
            return examples
        return {key: values.reshape(per_step, local, *values.shape[1:]) for key, values in examples.items()}

    return batch


def epoch(
    split: Split,
    batch_size: int,
    *,
    process_index: int = 0,
    process_count: int = 1,
    targets: Split | None = None,
) -> Iterator[Examples]:
    """Every example once, in stored order and untouched by chance; "mask" bool [B_local] is False on the padded tail.

    All processes see the same number of batches. Unpaired targets, in their order, start again where they end:
    "target_mask" bool [B_local] is False from there on.
    """
    local = local_size(batch_size, process_count)
    for start in range(0, split.size, batch_size):
        positions = start + process_index * local + np.arange(local)
        examples = split.gather(np.minimum(positions, split.size - 1))
        if targets:
            again = {
                "target": targets.gather(positions % targets.size)["image"],
                "target_mask": positions < targets.size,
            }
            examples = {**examples, **again}
        yield {**examples, "mask": positions < split.size}
