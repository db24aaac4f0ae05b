"""From a config section to batches."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np

from jaxgen.core import UserError
from jaxgen.data import arrays, constant, digits, folder, prepared, shapes, source
from jaxgen.data import batches as order
from jaxgen.data.info import Info
from jaxgen.data.settings import Settings, parse
from jaxgen.data.source import Examples, Source, Split

BUILTIN: dict[str, Callable[[Settings], Source]] = {
    "digits": digits.open,
    "shapes": shapes.open,
    "folder": folder.open,
    "array": arrays.open,
    "constant": constant.open,
}
"""Every other name is a tensorflow-datasets one."""


class Data(NamedTuple):
    """A data set, ready to train on."""

    info: Info
    batches: Callable[..., order.BatchFn]
    """(split "train" | "test", global batch size, seed, *, process_index=0, process_count=1, per_step=1) ->
    batch(step) -> dict of arrays [B_local, ...], or [k, B_local, ...] with per_step = k > 1. A pure function of step;
    only the split "train" sees the random transforms."""
    epoch: Callable[..., Iterator[Examples]]
    """(split, global batch size, *, process_index=0, process_count=1) -> every example once, with a "mask"."""


def open_source(settings: Settings) -> Source:
    """The source that `settings.name` names."""
    if settings.name in BUILTIN:
        return BUILTIN[settings.name](settings)
    return prepared.open(settings, tuple(BUILTIN))


def load(section: Mapping[str, Any]) -> Data:
    """The data set of `config.data`.

    Raises:
      UserError: unknown key or name, missing files, differing image sizes, no such split. A missing *test* split is an
        error only when it is asked for.
    """
    settings = parse(section)
    found = open_source(settings)
    train = source.cut(found, settings.train)
    splits: dict[str, Split] = {"train": train}
    missing = ""
    try:
        splits["test"] = source.cut(found, settings.test)
    except UserError as error:
        missing = str(error)
    splits = {name: source.in_memory(split, settings.memory_mb * 2**20) for name, split in splits.items()}
    splits = {name: source.threaded(split, settings.workers) for name, split in splits.items()}
    one = train.gather(np.zeros(1, np.int64))["image"]
    sizes = {name: split.size for name, split in splits.items()}
    info = Info(found.name, tuple(one.shape[1:]), found.classes, sizes, found.text)

    def choose(key: str) -> Split:
        if key in splits:
            return splits[key]
        if key == "test":
            raise UserError(missing)
        raise UserError(f"A split is asked for as train or test, not {key!r}.")

    def batches(split, batch_size, seed, *, process_index=0, process_count=1, per_step=1):
        share = dict(process_index=process_index, process_count=process_count, per_step=per_step)
        return order.batches(choose(split), settings, batch_size, seed, **share, training=split == "train")

    def epoch(split, batch_size, *, process_index=0, process_count=1):
        return order.epoch(choose(split), batch_size, process_index=process_index, process_count=process_count)

    return Data(info, batches, epoch)
