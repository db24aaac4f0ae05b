"""Reading ahead: batches are made and sent to the devices by a thread while the devices compute."""

import queue
import threading
from collections.abc import Callable, Generator, Iterable
from typing import Any

import jax
import numpy as np

_END = object()


def stacked(batch_fn: Callable[[int], Any], step: int, count: int) -> Any:
    """The host batches of `count` steps as one: leaves [count, ...], or as they are for a single step."""
    if count == 1:
        return batch_fn(step)
    return jax.tree.map(lambda *parts: np.stack(parts), *[batch_fn(step + i) for i in range(count)])


def prefetch(make: Callable[[int], Any], steps: Iterable[int], ahead: int = 2) -> Generator[Any, None, None]:
    """`make(step)` for every step, in order, up to `ahead` of them made before they are asked for.

    An error in `make` is raised where its result would have been. Closing the iterator stops the thread.
    """
    ready: queue.Queue = queue.Queue(maxsize=ahead)
    stopped = threading.Event()

    def offer(item) -> bool:
        while not stopped.is_set():
            try:
                ready.put(item, timeout=0.1)
                return True
            except queue.Full:
                continue
        return False

    def work():
        try:
            for step in steps:
                if stopped.is_set() or not offer((make(step), None)):
                    return
        except BaseException as error:
            offer((None, error))
        else:
            offer((_END, None))

    thread = threading.Thread(target=work, name="jaxgen-prefetch", daemon=True)
    thread.start()
    try:
        while True:
            item, error = ready.get()
            if error is not None:
                raise error
            if item is _END:
                return
            yield item
    finally:
        stopped.set()
        thread.join(timeout=10)
