"""Anybody's images against anybody's: no model, no held-out set."""

import contextlib
import itertools
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from jaxgen.core import UserError
from jaxgen.evaluation.asked import Track, judge_of_run
from jaxgen.evaluation.images import batched
from jaxgen.zoo import encoders, folders, references, store
from jaxgen.zoo.cards import pairs, pieces, samples


def holds_statistics(path: str | Path) -> bool:
    with contextlib.suppress(OSError, ValueError), np.load(path, allow_pickle=False) as file:
        return "mu" in file.files
    return False


def encoded(made: folders.Images, count: int, used: Sequence[encoders.Encoder]) -> Iterator[store.Piece]:
    """Pieces of the first `count` images."""
    left = count
    for x in made.batches():
        x, left = x[:left], left - len(x)
        yield {"images": x, **{key: value for encoder in used for key, value in encoder.encode(x).items()}}
        if left <= 0:
            return


def judged_folders(made, real, count: int, judge: str | None, metrics, track: Track) -> dict[str, Any]:
    """Figures of `samples.judge_pieces` without held-out images."""
    if made.shape != real.shape:
        raise UserError(
            f"The images are {made.shape} and those of the reference {real.shape} (height, width, channels); bring "
            "them to one form, or compare by --protocol alone with --metrics fid."
        )
    chosen = [name for name in samples.FIGURES if not metrics or {name, "judged"} & set(metrics)]
    if judge is None:
        missing = sorted(set(metrics) & {"classes", "fd", "kd"})
        if missing:
            raise UserError(
                f"{', '.join(missing)} need a classifier that knows such images; name its run with --judge."
            )
        chosen = [name for name in chosen if name not in samples.ENCODED]
    used = [encoders.of_judge(judge_of_run(judge))] if judge else []
    k, images = 3, np.concatenate(list(itertools.islice(real.batches(), 60000 // folders.BATCH)))
    if min(count, len(images)) <= k:
        raise UserError(
            f"An evaluation with k = {k} needs more than {k} images a side; there are {count} and {len(images)}."
        )
    anchors = pieces.pick(5000, images)
    known = samples.Known(anchors, images)
    for encoder in used:
        found = references.get(lambda: batched(anchors), encoder, f"{real.name}, {len(anchors)} of {real.total}")
        known = known._replace(moments=found.moments, features=found.features)
    size = min(count, references.KEPT)
    drawn = track(encoded(made, count, used), total=-(-count // folders.BATCH), description="images")
    card = samples.judge_pieces(
        pieces.among(drawn, pieces.spread(size, count)), None, known, count=size, k=k, metrics=chosen
    )
    card.pop("shown")
    return card | ({"judge": {"name": str(judge), "accuracy": None, "sha256": used[0].mark}} if used else {})


def paired(made: folders.Images, real: folders.Images, metrics: Sequence[str], track: Track) -> dict[str, Any]:
    """Figures of images beside their truths, in order."""
    if (made.total, made.shape) != (real.total, real.shape):
        raise UserError(
            f"Images and their truths go in pairs: there are {made.total} of {made.shape} and {real.total} of "
            f"{real.shape}."
        )
    asked = [name for name in pairs.FIGURES if name in metrics]
    apart = encoders.lpips("alex") if "lpips" in asked else None
    both = zip(made.batches(), real.batches(), strict=True)
    shown = track(both, total=-(-made.total // folders.BATCH), description="pairs")
    return pairs.judge(shown, asked, apart)
