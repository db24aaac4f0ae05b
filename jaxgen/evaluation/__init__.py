"""What a trained model is worth: the card that `jaxgen evaluate` writes and prints.

What is measured follows from the tasks a model has, by the table `MEASURES`: a new kind of model adds a row.
"""

import resource
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np

from jaxgen import __version__, data
from jaxgen.core import UserError, choose
from jaxgen.evaluation import anybodys, images, others
from jaxgen.evaluation.asked import Asked, Measure, Track, silent
from jaxgen.runs import Run
from jaxgen.samplers.settings import evaluations
from jaxgen.zoo import encoders, folders, protocols, references
from jaxgen.zoo.cards import (
    enlarging,
    entries,
    inception,
    mixture,
    pairs,
    samples,
    style,
    translation,
    video,
    write_card,
)

__all__ = ["MEASURES", "evaluate", "evaluate_folders", "report"]


def evaluate(
    run: Run,
    *,
    n: int = 0,
    seed: int = 0,
    judge: str | None = None,
    out: str | Path | None = None,
    metrics: Sequence[str] = (),
    protocol: str = "",
    weights_file: str | None = None,
    reference: str | None = None,
    track: Track = silent,
) -> dict:
    """Judge a model and write the card beside it. What was drawn is kept in RUN/evaluation and not drawn again.

    Args:
      n: samples; the config's eval.samples by default.
      judge: directory of a classifier run; by default one fitted here for digits, else runs/classifier/cnn_<data>.
      out: the card's file; RUN/card.json by default.
      metrics: sections of `MEASURES` or single figures; () for all that apply.
      protocol: also measure in Inception's features, by a protocol of `zoo.protocols`.
      weights_file: Inception's weights; by default the published file below $JAXGEN_DATA/weights.
      reference: an .npz of reference statistics for the protocol; by default those of all training images.

    Returns:
      The card: how it was made, the sections of `MEASURES` whose task the model has, and all their figures in
      "metrics".

    Raises:
      UserError: no judge at hand, or the data set, or the weights are not; a metric that does not exist.
    """
    started = time.time()
    _check_metrics(metrics, protocol)
    number = n or run.config.eval.samples
    if number < 1:
        raise UserError(f"-n should be at least 1, not {number}.")
    asked = Asked(
        run, data.load(run.config.data), number, seed, judge, tuple(metrics), protocol, weights_file, reference, track
    )
    card: dict[str, Any] = {
        "run": str(run.workdir),
        "config": run.config.method.name,
        "step": run.step,
        "seed": seed,
        "n": number,
        "sampler": run.config.sampler.to_dict(),
        "nfe": _network_calls(run),
        "guidance": run.config.sampler.get("guidance", None),
        "data": {"name": asked.source.info.name, "sizes": dict(asked.source.info.sizes)},
        **_circumstances(),
    }
    for name, measure in MEASURES.items():
        if _applies(name, measure, asked):
            card[name] = measure.of(asked)
    if "sample" in run.tasks:
        card["samples"] = str(images.store_of(asked).folder)
    return _written(card, started, out or run.workdir / "card.json")


def evaluate_folders(
    images: str | Path,
    reference: str | Path,
    *,
    n: int = 0,
    judge: str | None = None,
    out: str | Path = "card.json",
    metrics: Sequence[str] = (),
    protocol: str = "",
    weights_file: str | None = None,
    track: Track = silent,
) -> dict[str, Any]:
    """Judge anybody's images against anybody's: folders, .zip, .npz. Pixels are compared where there is no encoder.

    Args:
      images: what is judged, its first `n` if that is given.
      reference: real images; for a protocol also an .npz of statistics.
      judge: directory of a classifier run that knows such images.

    Raises:
      UserError: images that cannot be read or do not fit together, weights not at hand, or nothing to measure.
    """
    started = time.time()
    _check_metrics(metrics, protocol, folders=True)
    made = folders.read(images)
    count = min(n or made.total, made.total)
    statistics = Path(reference).suffix == ".npz" and anybodys.holds_statistics(reference)
    real = None if statistics else folders.read(reference)
    pixels = {*samples.FIGURES, "judged"} - ({"is"} if protocol else set())
    card: dict[str, Any] = {
        "run": str(images),
        "reference": str(reference),
        "n": count,
        "nfe": None,
        **_circumstances(),
    }
    if protocol:
        encoder = encoders.inception(protocols.protocol(protocol), weights_file)
        known = references.get(real.batches, encoder, real.name) if real else references.read(reference)
        drawn = track(anybodys.encoded(made, count, [encoder]), total=-(-count // folders.BATCH), description="images")
        chosen = [name for name in inception.FIGURES if name in metrics]
        card["inception"] = inception.figures(drawn, None, known, encoder, chosen)
    alike = real is not None and made.shape == real.shape
    if real and (set(metrics) & pixels or (not metrics and (alike or not protocol))):
        card["judged"] = anybodys.judged_folders(made, real, count, judge, metrics, track)
    if real and set(metrics) & {*pairs.FIGURES}:
        card["pairs"] = anybodys.paired(made, real, metrics, track)
    return _written(card, started, out)


def report(card: dict[str, Any]) -> str:
    """A card as text."""
    where = f"{card['run']} at step {card['step']}, seed {card['seed']}" if "step" in card else card["run"]
    head = f"{where}, {card['hardware']}, {card['seconds']} s"
    tables = {name: measure.table for name, measure in MEASURES.items()} | {"pairs": pairs.table}
    return "\n".join([head, *(table(card[name]) for name, table in tables.items() if name in card)])


def _circumstances() -> dict[str, Any]:
    return {
        "versions": {"jaxgen": __version__, "jax": jax.__version__, "numpy": np.__version__},
        "hardware": f"{jax.device_count()} x {jax.devices()[0].device_kind}",
        "date": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    }


def _written(card: dict[str, Any], started: float, out: str | Path) -> dict[str, Any]:
    """The card with its flat list, time and memory, on disk."""
    card["metrics"] = entries.entries(card)
    card["seconds"] = round(time.time() - started, 1)
    card["peak_memory_mb"] = round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
    try:
        write_card(out, card)
    except OSError as error:
        raise UserError(f"{out} cannot be written: {error.strerror or error}.") from None
    return card


def _check_metrics(metrics: Sequence[str], protocol: str, folders: bool = False) -> None:
    """Raise a `UserError` for a name that no measure has."""
    if protocol:
        protocols.protocol(protocol)
    known = {name: name for section, measure in MEASURES.items() for name in (section, *measure.names)}
    known |= dict.fromkeys(pairs.FIGURES if folders else (), "")
    for name in metrics:
        choose(known, name, "metric")
        if name in inception.FIGURES and name not in samples.FIGURES and not protocol:
            raise UserError(
                f"{name} is measured by a protocol; add --protocol with one of {', '.join(protocols.PROTOCOLS)}."
            )


def _network_calls(run: Run) -> int | None:
    """Evaluations of the network per sample (NFE); None for methods in which the number says nothing."""
    height, width, _ = run.info.image
    counts = {
        "diffusion": lambda: evaluations(run.config.sampler),
        "autoregressive": lambda: height * width,
        **{name: lambda: 1 for name in ("gan", "vae", "flow", "mocogan")},
    }
    return counts[run.config.method.name]() if run.config.method.name in counts else None


def _applies(name: str, measure: Measure, asked: Asked) -> bool:
    run = asked.run
    names = {name, *measure.names} - ({"is"} if name == "judged" and asked.protocol else set())
    if asked.metrics and not names & set(asked.metrics):
        return False
    if measure.task not in run.tasks or (name == "inception" and not asked.protocol):
        return False
    first = next(iter(run.method.tasks[measure.task].outputs.values()))
    return measure.kind in ("", first.kind)


MEASURES = {
    # section of the card: task, kind of its output, measure, table
    "judged": Measure("sample", "image", images.judged, samples.table, samples.FIGURES),
    "inception": Measure("sample", "image", images.by_protocol, inception.table, inception.FIGURES),
    "clips": Measure("sample", "video", others.clips, video.clip_table),
    "forecast": Measure("predict", "", others.forecast, video.forecast_table),
    "translation": Measure("translate", "", others.translate, translation.table),
    "enlarging": Measure("upscale", "", others.enlarge, enlarging.table),
    "style": Measure("stylize", "", others.stylize, style.table),
    "components": Measure("responsibilities", "", others.components, mixture.table),
    "likelihood": Measure("log_prob", "", others.likelihood, others.likelihood_table),
    "accuracy": Measure("classify", "", others.accuracy, others.accuracy_table),
}
