"""What every measure of the card is given, and where it finds the data set and the judge."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from jaxgen import data, evals
from jaxgen.core import UserError, weights
from jaxgen.runs import Run, default_workdir, load
from jaxgen.zoo.cards import samples

Track = Callable[..., Any]
"""(iterable, total=, description=) -> the same items; may show how far it has come."""


def silent(items, **_):
    """The `Track` that shows nothing."""
    return items


class Asked(NamedTuple):
    """What every measure is given."""

    run: Run
    source: data.Data
    number: int
    """Samples, clips or pictures."""
    seed: int
    judge: str | None
    """Directory of a classifier run; None for the one of the data set."""
    metrics: tuple[str, ...] = ()
    """Names that were asked for; () for all."""
    protocol: str = ""
    weights: str | None = None
    """File of Inception's weights."""
    reference: str | None = None
    """File of reference statistics for the protocol; None computes those of the training images."""
    track: Track = silent


class Measure(NamedTuple):
    """One section of the card."""

    task: str
    kind: str
    """The kind of the task's first output, as in `core.Spec`; empty for any."""
    of: Callable[[Asked], Any]
    table: Callable[[Any], str]
    names: tuple[str, ...] = ()
    """What `metrics` may ask of it, beside the section's own name."""


def split(source: data.Data, split: str, limit: int = 0, beside: str = "label") -> tuple[np.ndarray, np.ndarray | None]:
    """All images of a split, or its first `limit`, uint8, with their labels (their leaf `beside`) if there are any."""
    images: list[np.ndarray] = []
    labels: list[np.ndarray] = []
    for batch in source.epoch(split, 512):
        images.append(batch[data.pixels(batch)][batch["mask"]])
        if beside in batch:
            labels.append(batch[beside][batch["mask"] & batch.get(f"{beside}_mask", True)])
        if limit and sum(len(part) for part in images) >= limit:
            break
    count = limit or None
    return np.concatenate(images)[:count], np.concatenate(labels)[:count] if labels else None


def judge_of(asked: Asked) -> evals.Judge:
    """The classifier that judges samples of this data set."""
    judge, source = asked.judge, asked.source
    folder = Path(judge) if judge else default_workdir(f"classifier/cnn_{source.info.name}")
    if judge is None and source.info.name == "digits":
        return evals.sklearn_digits_judge()
    if not (folder / "config.json").exists():
        raise UserError(
            f"There is no classifier run at {folder} to judge samples of {source.info.name} with; "
            f"`jaxgen train classifier/cnn_mnist` makes one for MNIST, and --judge RUN names another."
        )
    return judge_of_run(folder)


def judge_of_run(folder: str | Path) -> evals.Judge:
    """The classifier of a run's directory as a judge."""
    classifier = load(folder)
    if "classify" not in classifier.tasks:
        raise UserError(f"{folder} is no classifier: its tasks are {', '.join(classifier.tasks)}.")
    return samples.method_judge(classifier.method.tasks["classify"], weights(classifier.state), name=str(folder))
