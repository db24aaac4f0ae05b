"""Preparing the next batches while the device computes."""

from collections.abc import Callable, Iterator
from typing import Any


def prefetch(
    batch_fn: Callable[[int], Any], start: int, stop: int, stride: int = 1, *, depth: int = 2, threads: int = 1
) -> Iterator[Any]:
    """batch_fn(step) for step in range(start, stop, stride), up to `depth` of them ahead, by grain's reader threads.

    The order is that of the steps whatever `threads` is. An exception of `batch_fn` is raised where its batch would
    have come; closing the iterator, or dropping it, stops the threads.
    """
    import grain

    if start >= stop:
        return
    steps = grain.MapDataset.range(start, stop, stride).map(batch_fn)
    options = grain.ReadOptions(num_threads=threads, prefetch_buffer_size=max(depth, threads))
    iterator = iter(steps.to_iter_dataset(options))
    try:
        yield from iterator
    finally:
        iterator.close()
