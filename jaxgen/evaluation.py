"""What a trained model is worth: the card that `jaxgen evaluate` writes and prints.

What is measured follows from the tasks a model has, by the table `MEASURES`: a new kind of model adds a row.
"""

import itertools
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np

from jaxgen import __version__, data, evals
from jaxgen.core import UserError, weights
from jaxgen.runs import Run, default_workdir, joined, load, sample, stream, take_all, tiled
from jaxgen.zoo.cards import enlarging, mixture, samples, style, translation, video, write_card


class Asked(NamedTuple):
    """What every measure is given."""

    run: Run
    source: data.Data
    number: int
    """Samples, clips or pictures."""
    seed: int
    judge: str | None
    """Directory of a classifier run; None for the one of the data set."""


class Measure(NamedTuple):
    """One section of the card."""

    task: str
    kind: str
    """The kind of the task's first output, as in `core.Spec`; empty for any."""
    of: Callable[[Asked], Any]
    table: Callable[[Any], str]


def evaluate(run: Run, *, n: int = 0, seed: int = 0, judge: str | None = None, out: str | Path | None = None) -> dict:
    """Judge a model and write the card beside it.

    Args:
      n: samples; the config's eval.samples by default.
      judge: directory of a classifier run; by default one fitted here for digits, else runs/classifier/cnn_<data>.
      out: the card's file; RUN/card.json by default.

    Returns:
      The card: how it was made, and the sections of `MEASURES` whose task the model has.

    Raises:
      UserError: no judge at hand, or the data set is not.
    """
    started = time.time()
    asked = Asked(run, data.load(run.config.data), n or run.config.eval.samples, seed, judge)
    card: dict[str, Any] = {
        "run": str(run.workdir),
        "step": run.step,
        "seed": seed,
        "sampler": run.config.sampler.to_dict(),
        "versions": {"jaxgen": __version__, "jax": jax.__version__},
        "hardware": f"{jax.device_count()} x {jax.devices()[0].device_kind}",
    }
    card |= {name: measure.of(asked) for name, measure in MEASURES.items() if _applies(measure, run)}
    card["seconds"] = round(time.time() - started, 1)
    write_card(out or run.workdir / "card.json", card)
    return card


def report(card: dict[str, Any]) -> str:
    """A card as text."""
    head = f"{card['run']} at step {card['step']}, seed {card['seed']}, {card['hardware']}, {card['seconds']} s"
    return "\n".join([head, *(measure.table(card[name]) for name, measure in MEASURES.items() if name in card)])


def _applies(measure: Measure, run: Run) -> bool:
    if measure.task not in run.tasks:
        return False
    first = next(iter(run.method.tasks[measure.task].outputs.values()))
    return measure.kind in ("", first.kind)


def _judged(asked: Asked) -> dict[str, Any]:
    """Samples beside held-out images. A frame that was added for the network's sake is cut off first: judges know
    images as they are stored."""
    pad = asked.run.config.data.pad
    inner = slice(pad, -pad) if pad else slice(None)
    made = sample(asked.run, asked.number, seed=asked.seed)
    test, labels = _split(asked.source, "test")
    train, _ = _split(asked.source, "train")
    made, train, test = (x[:, inner, inner] for x in (made, train, test))
    return samples.judge_samples(made, train, test, labels, _judge(asked))


def _clips(asked: Asked) -> dict[str, Any]:
    """Content of clips of one video and of different ones."""
    test, _ = _split(asked.source, "test")
    return video.judge_clips(sample(asked.run, asked.number, seed=asked.seed), test)


def _enlarging(asked: Asked) -> dict[str, Any]:
    """Enlarged photographs beside the large ones."""
    photographs = itertools.islice(data.wholes(asked.run.config.data), asked.number)
    return enlarging.judge(
        lambda low: next(tiled(asked.run, "upscale", [low])), photographs, asked.run.config.method.scale
    )


def _accuracy(asked: Asked) -> float:
    """Share of held-out images that the classifier names."""
    test, labels = _split(asked.source, "test")
    found = joined(stream(asked.run, "classify", count=len(test), inputs={"image": test}))["probabilities"]
    return float((found.argmax(-1) == labels).mean())


def _forecast(asked: Asked) -> dict[str, Any]:
    """Forecasts of held-out clips, and persistence."""
    run, settings = asked.run, asked.run.config.eval
    found = video.judge_forecasts(
        (batch["video"][batch["mask"]] for batch in asked.source.epoch("test", 64)),
        lambda seen: joined(stream(run, "predict", count=len(seen), inputs={"video": seen}))["video"],
        context=run.config.method.context,
        limit=asked.number,
        scale=settings.scale,
    )
    pairs = {
        str(lead): video.persistence_of_all_pairs(run.config.data, lead, settings.scale) for lead in settings.pairs
    }
    return {**found, "step": settings.step, "unit": settings.unit, **({"pairs": pairs} if pairs else {})}


def _translation(asked: Asked) -> dict[str, Any]:
    """Translations of held-out images: against their truths where these are known, else by a judge of both kinds."""
    run, source = asked.run, asked.source
    images, targets = _split(source, "test", beside="target")
    train, train_targets = _split(source, "train", beside="target")
    if targets is None or train_targets is None:
        raise UserError(f"The held-out images of {source.info.name!r} have no targets to compare translations with.")

    def made(task: str, name: str, given: np.ndarray) -> np.ndarray:
        return joined(stream(run, task, count=len(given), seed=asked.seed, inputs={name: given}))["image"]

    forward = made("translate", "image", images)
    if source.info.targets["test"] == "paired":
        found = translation.judge_pairs(images, forward, targets, train_targets)
        if "translate_back" in run.tasks:
            back = made("translate_back", "target", targets)
            found["back"] = translation.judge_pairs(targets, back, images, train)
    else:
        found = translation.judge_kinds(images, forward, targets, train, train_targets)
    if "reconstruct" in run.tasks:
        found["cycle"] = translation.apart(made("reconstruct", "image", images), images)
    return found


def _style(asked: Asked) -> dict[str, Any]:
    """Losses of stylised pictures: held-out pairs, or those that the run's pixels were optimised for."""
    run, source = asked.run, asked.source
    stored, settings = "index" in run.method.tasks["stylize"].inputs, run.config.train
    if not stored:
        examples = take_all(source, 0, min(asked.number, source.info.sizes.get("test", asked.number)))
        return style.judge_style(run.run, examples, stored=False)
    examples = source.batches("train", settings.batch_size, settings.seed)(0)
    found = style.judge_style(run.run, examples, stored=True)
    speeds = [row["images_per_second"] for row in run.metrics() if "images_per_second" in row]
    return {**found, "steps_per_second": float(np.median(speeds)) / settings.batch_size} if speeds else found


def _likelihood(asked: Asked) -> dict[str, Any]:
    """Mean log-likelihoods in nats with their standard errors, per name the task gives them."""
    run = asked.run
    images, labels = _split(asked.source, "test", run.config.eval.likelihood)
    inputs = {"image": images}
    if labels is not None and "label" in run.method.tasks["log_prob"].inputs:
        inputs["label"] = labels
    found = joined(stream(run, "log_prob", count=len(images), seed=asked.seed, inputs=inputs))
    means = {
        name: {"mean": float(np.mean(v, dtype=np.float64)), "error": float(np.std(v, dtype=np.float64) / len(v) ** 0.5)}
        for name, v in found.items()
    }
    return {"images": len(images), "unit": "nats per image", **means}


def _components(asked: Asked) -> dict[str, Any]:
    """Which components of a mixture are singular but for the floor."""
    run = asked.run
    settings = run.config.method
    return mixture.judge_components(settings.covariance, run.state.params["mixture"], settings.floor)


def _judge(asked: Asked) -> evals.Judge:
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
    classifier = load(folder)
    if "classify" not in classifier.tasks:
        raise UserError(f"{folder} is no classifier: its tasks are {', '.join(classifier.tasks)}.")
    return samples.method_judge(classifier.method.tasks["classify"], weights(classifier.state), name=str(folder))


def _split(
    source: data.Data, split: str, limit: int = 0, beside: str = "label"
) -> tuple[np.ndarray, np.ndarray | None]:
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


def _likelihood_table(found: dict[str, Any]) -> str:
    found = dict(found)
    count, unit = found.pop("images"), found.pop("unit")
    units = {name: "bits per dimension" if name == "bits_per_dim" else unit for name in found}
    return "\n".join(
        f"{k:36}{v['mean']:>12.3f} +- {v['error']:.3f} ({units[k]}, {count} images)" for k, v in found.items()
    )


MEASURES = {
    # section of the card: task, kind of its output, measure, table
    "judged": Measure("sample", "image", _judged, samples.table),
    "clips": Measure("sample", "video", _clips, video.clip_table),
    "forecast": Measure("predict", "", _forecast, video.forecast_table),
    "translation": Measure("translate", "", _translation, translation.table),
    "enlarging": Measure("upscale", "", _enlarging, enlarging.table),
    "style": Measure("stylize", "", _style, style.table),
    "components": Measure("responsibilities", "", _components, mixture.table),
    "likelihood": Measure("log_prob", "", _likelihood, _likelihood_table),
    "accuracy": Measure("classify", "", _accuracy, lambda x: f"{'accuracy on held-out images':36}{100 * x:>11.2f} %"),
}
