"""Measures of everything but images drawn from nothing: one function per section of the card."""

import itertools
from typing import Any

import numpy as np

from jaxgen import data
from jaxgen.core import UserError
from jaxgen.evaluation.asked import Asked, split
from jaxgen.evaluation.images import drawn
from jaxgen.runs import Run, joined, stream, take_all, tiled
from jaxgen.zoo.cards import enlarging, mixture, style, translation, video


def clips(asked: Asked) -> dict[str, Any]:
    """Content of clips of one video and of different ones."""
    test, _ = split(asked.source, "test")
    made = [piece["images"] for piece in drawn(asked, asked.number, {})]
    return video.judge_clips(np.concatenate(made), test)


def enlarge(asked: Asked) -> dict[str, Any]:
    """Enlarged photographs beside the large ones."""
    photographs = itertools.islice(data.wholes(asked.run.config.data), asked.number)
    return enlarging.judge(
        lambda low: next(tiled(asked.run, "upscale", [low])), photographs, asked.run.config.method.scale
    )


def accuracy(asked: Asked) -> float:
    """Share of held-out images that the classifier names."""
    test, labels = split(asked.source, "test")
    found = joined(stream(asked.run, "classify", count=len(test), inputs={"image": test}))["probabilities"]
    return float((found.argmax(-1) == labels).mean())


def forecast(asked: Asked) -> dict[str, Any]:
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


def translate(asked: Asked) -> dict[str, Any]:
    """Translations of held-out images: against their truths where these are known, else by a judge of both kinds."""
    run, source = asked.run, asked.source
    images, targets = split(source, "test", beside="target")
    train, train_targets = split(source, "train", beside="target")
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


def stylize(asked: Asked) -> dict[str, Any]:
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


def likelihood(asked: Asked) -> dict[str, Any]:
    """Mean log-likelihoods in nats with their standard errors, per name the task gives them."""
    run = asked.run
    images, labels = split(asked.source, "test", run.config.eval.likelihood)
    inputs = {"image": images}
    if labels is not None and "label" in run.method.tasks["log_prob"].inputs:
        inputs["label"] = labels
    found = joined(stream(run, "log_prob", count=len(images), seed=asked.seed, inputs=inputs))
    means = {
        name: {"mean": float(np.mean(v, dtype=np.float64)), "error": float(np.std(v, dtype=np.float64) / len(v) ** 0.5)}
        for name, v in found.items()
    }
    return {"images": len(images), "unit": "nats per image", "dequantisation": _dequantisation(run), **means}


def _dequantisation(run: Run) -> str:
    """How the levels of pixels are treated in the model's likelihood."""
    method = run.config.method
    if method.name == "flow":
        noise = "variational" if "dequantizer" in run.config.nets else "uniform"
        return f"{noise} dequantisation, {2**method.bits} levels"
    if method.name == "mixture":
        return "density of pixels as the model sees them"
    if method.name == "diffusion":
        return "discrete levels under the model's least noise"
    return "discrete levels"


def likelihood_table(found: dict[str, Any]) -> str:
    found = dict(found)
    count, unit, how = found.pop("images"), found.pop("unit"), found.pop("dequantisation", "")
    units = {name: "bits per dimension" if name == "bits_per_dim" else unit for name in found}
    return "\n".join(
        f"{k:36}{v['mean']:>12.3f} +- {v['error']:.3f} ({units[k]}, {count} images{how and ', ' + how})"
        for k, v in found.items()
    )


def components(asked: Asked) -> dict[str, Any]:
    """Which components of a mixture are singular but for the floor."""
    run = asked.run
    settings = run.config.method
    return mixture.judge_components(settings.covariance, run.state.params["mixture"], settings.floor)


def accuracy_table(share: float) -> str:
    """The result of `accuracy` as text."""
    return f"{'accuracy on held-out images':36}{100 * share:>11.2f} %"
