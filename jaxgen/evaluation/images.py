"""Images: samples drawn in parts, beside held-out ones, by a judge and by a named protocol."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import jax
import numpy as np

from jaxgen import data, evals
from jaxgen.core import RAW, UserError, weights
from jaxgen.evaluation.asked import Asked, judge_of, split
from jaxgen.runs import joined, stream
from jaxgen.training import pictures
from jaxgen.zoo import encoders, protocols, references, store
from jaxgen.zoo.cards import inception, pieces, samples
from jaxgen.zoo.wire import pictured


def store_of(asked: Asked) -> store.Store:
    """Where the samples of this model, drawn like this, are kept."""
    run = asked.run
    used = weights(run.state, run.config.sampler.get("profile", RAW if not run.state.ema else "ema"))
    leaves = (np.asarray(leaf) for leaf in jax.tree.leaves((used.params, used.stats, used.memory)) if _numeric(leaf))
    how = {"seed": asked.seed, "step": run.step, "sampler": run.config.sampler.to_dict(), "weights": evals.mark(leaves)}
    return store.open(run.workdir / "evaluation", {**how, "method": run.config.method.name})


def _numeric(leaf) -> bool:
    return np.issubdtype(getattr(leaf, "dtype", np.float32), np.number)


def _inner(asked: Asked) -> slice:
    """Cuts off a frame that was added for the network's sake: judges know images as they are stored."""
    pad = asked.run.config.data.pad
    return slice(pad, -pad) if pad else slice(None)


def drawn(asked: Asked, count: int, used: dict[str, encoders.Encoder]) -> Iterator[store.Piece]:
    """Pieces of the first `count` samples, as they come."""
    run, inner = asked.run, _inner(asked)
    task = run.method.tasks["sample"]
    name = pictured(task.outputs) or "image"

    def draw(start: int, stop: int) -> np.ndarray:
        label = task.inputs.get("label")
        inputs = {"label": np.arange(start, stop, dtype=np.int32) % (label.high or 1)} if label else {}
        made = joined(stream(run, "sample", count=stop - start, seed=asked.seed, inputs=inputs, start=start))
        return made[name][:, inner, inner]

    found = store.stream(
        store_of(asked), count, draw, {f"{key}-{encoder.mark[:8]}": encoder.encode for key, encoder in used.items()}
    )
    return asked.track(found, total=len(store.parts(count)), description="samples")


def judged(asked: Asked) -> dict[str, Any]:
    """Samples beside held-out images."""
    inner, source = _inner(asked), asked.source
    chosen = [name for name in samples.FIGURES if not asked.metrics or {name, "judged"} & set(asked.metrics)]
    test, labels = split(source, "test")
    train, _ = split(source, "train")
    train, test = train[:, inner, inner], test[:, inner, inner]
    judge, warning = _judge_if_needed(asked, chosen)
    if judge is None:
        chosen = [name for name in chosen if name not in samples.ENCODED]
    k, count = 3, min(asked.number, len(test), references.KEPT)
    if min(count, len(train)) <= k:
        raise UserError(
            f"An evaluation with k = {k} needs more than {k} images on every side; there are {asked.number} samples, "
            f"{len(train)} training and {len(test)} held-out images."
        )
    anchors, beside = pieces.pick(5000, train), pieces.pick(count, test)
    known = samples.Known(anchors, pieces.pick(60000, train))
    used, reals, reference = {}, [{"images": beside}], None
    if judge is not None:
        encoder = encoders.of_judge(judge)
        of = f"{source.info.name} train, {len(anchors)} of {len(train)} spread evenly"
        reference = references.get(lambda: batched(anchors), encoder, of)
        held = references.get(lambda: batched(beside), encoder, f"{source.info.name} test, {count} of {len(test)}")
        known = known._replace(moments=reference.moments, features=reference.features)
        used = {"judge": encoder}
        reals = [{"images": beside, "features": held.features, "probabilities": held.probabilities}]
    stream_of = pieces.among(drawn(asked, asked.number, used), pieces.spread(count, asked.number))
    found = samples.judge_pieces(stream_of, reals, known, count=count, k=k, metrics=chosen)
    shown = found.pop("shown")
    if shown:
        beside_each = pictures.beside(shown["images"], shown["neighbours"])
        pictures.grid(beside_each, 6).save(asked.run.workdir / "evaluation" / "neighbours.png")
    if judge is not None:
        found["judge"] = {"name": judge.name, "accuracy": samples.accuracy(judge, test, labels), "sha256": judge.mark}
    if reference is not None:
        found["reference"] = reference.brief()
    return {**found, "warnings": [*found["warnings"], *warning]}


def _judge_if_needed(asked: Asked, chosen: Sequence[str]) -> tuple[evals.Judge | None, list[str]]:
    """The judge, and what to say where there is none although figures that need it were not asked for by name."""
    if not set(chosen) & set(samples.ENCODED):
        return None, []
    try:
        return judge_of(asked), []
    except UserError as error:
        if asked.protocol and not set(asked.metrics) & {"classes", "fd", "kd", "judged"}:
            return None, [f"Without a judge: {error}"]
        raise


def batched(x: np.ndarray, size: int = 256) -> Iterator[np.ndarray]:
    return (part for (part,) in evals.batches(size, x))


def by_protocol(asked: Asked) -> dict[str, Any]:
    """Figures of a named protocol: all samples, all held-out images, all training images as the reference."""
    source, inner = asked.source, _inner(asked)
    encoder = encoders.inception(protocols.protocol(asked.protocol), asked.weights)

    def of(split: str) -> Callable[[], Iterator[np.ndarray]]:
        return lambda: (b[data.pixels(b)][b["mask"]][:, inner, inner] for b in source.epoch(split, 256))

    name = source.info.name
    if asked.reference:
        reference = references.read(asked.reference)
    else:
        reference = references.get(of("train"), encoder, f"{name} train")
    reals = references.get(of("test"), encoder, f"{name} test") if source.info.sizes.get("test") else None
    every = drawn(asked, asked.number, {asked.protocol: encoder})
    chosen = [name for name in inception.FIGURES if name in asked.metrics]
    return inception.figures(every, reals, reference, encoder, chosen)
