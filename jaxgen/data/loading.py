"""From a config section to batches."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np

from jaxgen.core import UserError
from jaxgen.data import (
    arrays,
    constant,
    digits,
    folder,
    moving,
    outlines,
    pairs,
    photographs,
    prepared,
    shapes,
    sketched,
    source,
    style,
    video,
)
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
    "paired": pairs.open_paired,
    "unpaired": pairs.open_unpaired,
    "outlines": outlines.open,
    "sketched": sketched.open,
    "video": video.open,
    "moving_mnist": moving.mnist,
    "moving_digits": moving.digits,
    "style": style.open,
    "photographs": photographs.open,
}
"""Every other name is a tensorflow-datasets one."""
CLIPS = ("video", "moving_mnist", "moving_digits")
"""Those that hold clips."""


class Data(NamedTuple):
    """A data set, ready to train on."""

    info: Info
    batches: Callable[..., order.BatchFn]
    """(split "train" | "test", global batch size, seed, *, process_index=0, process_count=1, per_step=1, rows=None) ->
    batch(step) -> dict of arrays [B_local, ...], or [k, B_local, ...] with per_step = k > 1. A pure function of step;
    only the split "train" sees the random transforms."""
    epoch: Callable[..., Iterator[Examples]]
    """(split, global batch size, *, process_index=0, process_count=1) -> every example once, with a "mask"."""


def open_source(settings: Settings) -> Source:
    """The source that `settings.name` names."""
    if settings.name in BUILTIN:
        return BUILTIN[settings.name](settings)
    return pairs.from_halves(prepared.open(settings, tuple(BUILTIN)))


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

    def ready(split: Split) -> Split:
        return source.threaded(source.in_memory(split, settings.memory_mb * 2**20), settings.workers)

    splits = {name: ready(split) for name, split in splits.items()}
    targets = {name: ready(split) for name, split in _targets(found, settings, splits).items()}
    first = train.gather(np.zeros(1, np.int64))
    one = first[source.pixels(first)]
    if settings.frames and one.ndim != 5:
        raise UserError(
            f"data.frames is {settings.frames}, but the data set {found.name!r} holds no clips; set it to 0."
        )
    sizes = {name: split.size for name, split in splits.items()}
    frames = one.shape[1] if one.ndim == 5 else 0
    info = Info(found.name, tuple(one.shape[-3:]), found.classes, sizes, found.text, frames, _dealt(splits, targets))

    def choose(key: str) -> Split:
        if key in splits:
            return splits[key]
        if key == "test":
            raise UserError(missing)
        raise UserError(f"A split is asked for as train or test, not {key!r}.")

    def batches(split, batch_size, seed, *, process_index=0, process_count=1, per_step=1, rows=None):
        share = dict(process_index=process_index, process_count=process_count, per_step=per_step, rows=rows)
        dealt = dict(training=split == "train", targets=targets.get(split))
        return order.batches(choose(split), settings, batch_size, seed, **share, **dealt)

    def epoch(split, batch_size, *, process_index=0, process_count=1):
        share = dict(process_index=process_index, process_count=process_count)
        return order.epoch(choose(split), batch_size, **share, targets=targets.get(split))

    return Data(info, batches, epoch)


def wholes(section: Mapping[str, Any], split: str = "test") -> Iterator[tuple[str, np.ndarray]]:
    """(name, uint8 [H, W, C]) of every image of a split, "train" or "test". Photographs are not cut to windows.

    Raises:
      UserError: as `load`, or no such split.
    """
    settings = parse(section)
    if settings.name != "photographs":
        for number, batch in enumerate(load(section).epoch(split, 1)):
            yield f"{split} {number}", batch["image"][0]
        return
    chosen = source.cut(photographs.whole(settings), settings.train if split == "train" else settings.test)
    for index in range(chosen.size):
        one = chosen.gather(np.array([index]))
        yield str(one["name"][0]), one["image"][0]


def _dealt(splits: Mapping[str, Split], targets: Mapping[str, Split]) -> dict[str, str]:
    """`Info.targets`."""
    paired = [name for name, split in splits.items() if "target" in split.gather(np.zeros(1, np.int64))]
    return dict.fromkeys(targets, "unpaired") | dict.fromkeys(paired, "paired")


def _targets(found: Source, settings: Settings, splits: Mapping[str, Split]) -> dict[str, Split]:
    """The second sets of the splits in use, cut as these are; none where the source has none."""
    beside = found._replace(splits=dict(found.targets))
    specs = {"train": settings.train, "test": settings.test}
    return {
        name: source.cut(beside, specs[name])
        for name in splits
        if all(term in found.targets for term, _, _ in source.parts(specs[name]))
    }
