"""What `jaxgen evaluate` reports of images: the same figures for samples and for held-out real images, side by side.

The column of held-out images is the ceiling: a perfect model's samples are one more held-out set. Both columns use
equally many images and the same reference, because most of these figures depend on the counts. Precision, recall,
density, coverage, copies and repeats are measured on pixels; distances and scores on what an encoder makes of images.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from jaxgen import evals
from jaxgen.core import Task, UserError, Weights, choose
from jaxgen.evals import Interval, Moments
from jaxgen.zoo.cards.pieces import (
    DRAWS,
    bounds,
    collect,
    frechet_interval,
    mean_interval,
    pick,
    plain,
    reduced,
    score_interval,
)
from jaxgen.zoo.store import Piece

FIGURES = ("classes", "is", "prdc", "fd", "kd", "copies", "duplicates")
"""What `--metrics` can choose from; `docs/evaluation.md` says what each is."""
ENCODED = ("classes", "is", "fd", "kd")
"""Those that need an encoder."""
SHOWN = 24
"""Samples kept with their neighbours, for the picture."""


def method_judge(task: Task, weights: Weights, *, name: str = "classifier", chunk: int = 256) -> evals.Judge:
    """A judge from the task `classify` of a trained `jaxgen.methods.classifier`; images must have its shape."""
    import jax
    import jax.numpy as jnp

    from jaxgen.ops import images
    from jaxgen.zoo.encoders import chunked

    shape = task.inputs["image"].shape

    def program(weights, x):
        keys = jax.vmap(jax.random.key)(jnp.arange(len(x)))
        found = task.fn(weights, keys, {"image": images.to_float(x)})
        return {name: found[name] for name in ("features", "probabilities")}

    run = chunked(program, weights, chunk)

    def answers(x):
        x = np.asarray(x)
        if x.shape[1:] != shape or x.dtype != np.uint8:
            raise UserError(f"The judge {name!r} knows uint8 images of shape {shape}, not {x.dtype} {x.shape[1:]}.")
        return run(x)

    mark = evals.mark(np.asarray(leaf) for leaf in jax.tree.leaves((weights.params, weights.stats)))
    return evals.Judge(lambda x: answers(x)["probabilities"], lambda x: answers(x)["features"], name, mark, answers)


class Known(NamedTuple):
    """What samples are compared with."""

    anchors: np.ndarray
    """uint8 [M, H, W, C]: the reference of precision, recall, density and coverage."""
    training: np.ndarray
    """uint8 [T, H, W, C]: images that may have been copied."""
    moments: Moments | None = None
    """Of the reference's features; None without an encoder."""
    features: np.ndarray | None = None
    """The reference's features [M, D]."""


def judge_samples(
    samples,
    reals_train,
    reals_test,
    labels_test,
    judge: evals.Judge,
    *,
    k: int = 3,
    reference: int = 5000,
    neighbours: int = 60000,
    metrics: Sequence[str] = FIGURES,
) -> dict[str, Any]:
    """Figures of samples, and of held-out real images as the ceiling; see `judge_pieces`.

    Args:
      samples, reals_train, reals_test: uint8 [N, H, W, C] of one shape.
      labels_test: int [N] for `reals_test`; None where there are no labels (then no judge's accuracy).
      judge: probabilities and features of uint8 images.
      reference: at most this many training images as the reference of precision, recall and distances.
      neighbours: at most this many training images to look for copies in.

    Raises:
      UserError: shapes or dtypes differ, or there are too few images.
    """
    groups = {"samples": samples, "training images": reals_train, "held-out images": reals_test}
    samples, train, test = (np.asarray(x) for x in groups.values())
    check({name: np.asarray(x) for name, x in groups.items()})
    count = min(len(samples), len(test))
    if count <= k or len(train) <= k:
        raise UserError(
            f"An evaluation with k = {k} needs more than {k} images on every side; there are {len(samples)} "
            f"samples, {len(train)} training and {len(test)} held-out images."
        )
    anchors = pick(reference, train)
    features = evals.rows(judge.features(anchors))
    known = Known(anchors, pick(neighbours, train), evals.measure(evals.moments(), features), features)

    def pieces(x) -> Iterator[Piece]:
        for (part,) in evals.batches(256, pick(count, x)):
            yield {"images": part, **judge.answers(part)}

    found = judge_pieces(pieces(samples), pieces(test), known, count=count, k=k, metrics=metrics)
    del found["shown"]
    return {"judge": {"name": judge.name, "accuracy": accuracy(judge, test, labels_test)}, **found}


def check(groups: dict[str, np.ndarray]) -> None:
    """Raise a `UserError` where images are not uint8 of one shape."""
    first = next(iter(groups.values()))
    for name, x in groups.items():
        if x.dtype != np.uint8 or x.ndim != 4 or x.shape[1:] != first.shape[1:]:
            raise UserError(
                f"To evaluate, samples and real images must be uint8 [N, H, W, C] of one shape; "
                f"the {name} are {x.dtype} {x.shape}."
            )


def accuracy(judge: evals.Judge, images: np.ndarray, labels) -> float | None:
    """Share of images that the judge names; None without labels."""
    if labels is None:
        return None
    return float((np.asarray(judge.probabilities(images)).argmax(1) == np.asarray(labels)).mean())


def judge_pieces(
    samples: Iterable[Piece],
    reals: Iterable[Piece] | None,
    known: Known,
    *,
    count: int,
    k: int = 3,
    metrics: Sequence[str] = FIGURES,
) -> dict[str, Any]:
    """Figures of streamed samples and of held-out reals.

    Args:
      samples, reals: pieces with "images" uint8 [B, H, W, C] and, for figures of `ENCODED`, "features" and
        "probabilities"; reals may be None.
      known: what they are compared with.
      count: images on each side.

    Returns:
      {"settings": counts, "samples": figures, "reals": figures, "intervals": {figure: [low, high]} of the samples,
      "warnings": [text], "shown": pictures as arrays (not for JSON)}. Figures: confident (share with top probability
      >= 0.9), shares (per class), smallest, missing, inception_score, precision, recall, density, coverage, frechet,
      kernel, nearest (median pixel distance to the nearest training image), copied (share called copies), duplicates,
      pairs and support (birthday test with the radius that no two held-out images fall below), and for samples nearer,
      p_copied and p_ratio (rank tests of distances and ratios to training images against held-out images).
    """
    for name in metrics:
        choose(FIGURES_TABLE, name, "metric")
    sides = {"samples": samples} | ({"reals": reals} if reals is not None else {})
    wanted = {"pixels": (evals.gather(), "pixels")} | {
        key: value for name in metrics for key, value in FIGURES_TABLE[name](known).items()
    }
    found = {side: collect(_prepared(pieces, known), wanted) for side, pieces in sides.items()}
    radius = evals.measure(evals.birthday(), found["reals"]["pixels"]).smallest if "reals" in found else 0.0
    figures: dict[str, Any] = {}
    intervals: dict[str, Interval] = {}
    for side, results in found.items():
        figures[side], sure = _figures(results, known, k, float(np.nextafter(radius, 0)), metrics, side == "samples")
        intervals |= sure if side == "samples" else {}
    if "copies" in metrics and "reals" in found:
        ranks = evals.smaller(found["samples"]["nearest"].distances, found["reals"]["nearest"].distances)
        ratios = evals.smaller(found["samples"]["nearest"].ratios, found["reals"]["nearest"].ratios)
        figures["samples"] |= {"nearer": ranks.share, "p_copied": ranks.p, "p_ratio": ratios.p}
    return {
        "settings": {"images": count, "reference": len(known.anchors), "training": len(known.training), "k": k},
        **figures,
        "intervals": {name: bounds(value) for name, value in intervals.items()},
        "level": 0.95,
        "draws": DRAWS,
        "warnings": _warnings(found["samples"], known, count),
        "shown": _shown(found["samples"], known),
    }


def _prepared(pieces: Iterable[Piece], known: Known) -> Iterator[Piece]:
    """With pixels to compare, of images known to fit."""
    for piece in pieces:
        check({"reference images": known.anchors[:0], "samples": piece["images"]})
        yield {**piece, "pixels": reduced(piece["images"])}


def _frechet(known: Known):
    return {"features": (evals.gather(), "features")}


FIGURES_TABLE = {
    # name: what is collected for it, in terms of what samples are compared with
    "classes": lambda known: {
        "classes": (evals.classes(), "probabilities"),
        "probabilities": (evals.gather(), "probabilities"),
    },
    "is": lambda known: {
        "score": (evals.inception_score(), "probabilities"),
        "probabilities": (evals.gather(), "probabilities"),
    },
    "prdc": lambda known: {},
    "fd": _frechet,
    "kd": _frechet,
    "copies": lambda known: {"nearest": (evals.nearest(reduced(known.training)), "pixels")},
    "duplicates": lambda known: {"duplicates": (evals.duplicates(), "images")},
}


def _figures(found, known: Known, k: int, radius: float, metrics, sure: bool):
    """The figures of one side as plain numbers in the order of the table, and intervals where `sure`."""
    figures: dict[str, Any] = {}
    intervals: dict[str, Interval] = {}
    for name in FIGURES:
        if name in metrics:
            made, reach = PARTS[name](found, known, k, radius)
            figures |= made
            intervals |= {key: value() for key, value in reach.items()} if sure else {}
    return figures, intervals


def _classes(found, known, k, radius):
    classes, p = found["classes"], found["probabilities"]
    figures = {
        "confident": classes.confident,
        "shares": [float(share) for share in classes.shares],
        "smallest": classes.smallest,
        "missing": list(classes.missing),
    }
    return figures, {"confident": lambda: mean_interval(p.max(1) >= 0.9 - 1e-6)}


def _score(found, known, k, radius):
    p = found["probabilities"] / found["probabilities"].sum(1, keepdims=True)
    return {"inception_score": found["score"].score}, {"inception_score": lambda: score_interval(p)}


def _prdc(found, known, k, radius):
    members = evals.members(evals.rows(reduced(known.anchors)), found["pixels"], k)
    values = {
        "precision": members.inside,
        "recall": members.recalled,
        "density": members.balls / k,
        "coverage": members.covered,
    }
    reach = {name: lambda x=x: mean_interval(x) for name, x in values.items()}
    return members.shares()._asdict(), reach


def _distance(found, known, k, radius):
    x = found["features"]
    distance = evals.between(known.moments, evals.measure(evals.moments(), x)).distance
    return {"frechet": distance}, {"frechet": lambda: frechet_interval(distance, known.moments, x)}


def _kernel(found, known, k, radius):
    values = evals.contributions(evals.rows(known.features), found["features"])
    return {"kernel": float(values.mean())}, {"kernel": lambda: mean_interval(values)}


def _copies(found, known, k, radius):
    nearest = found["nearest"]
    copied = nearest.ratios <= 1 / 3
    figures = {"nearest": float(np.median(nearest.distances)), "copied": nearest.copied}
    return figures, {"copied": lambda: mean_interval(copied)}


def _duplicates(found, known, k, radius):
    birthday = evals.measure(evals.birthday(radius=radius), found["pixels"])
    figures = {"duplicates": found["duplicates"].share, "pairs": birthday.pairs, "support": plain(birthday.support)}
    return figures, {}


PARTS = {
    "classes": _classes,
    "is": _score,
    "prdc": _prdc,
    "fd": _distance,
    "kd": _kernel,
    "copies": _copies,
    "duplicates": _duplicates,
}


def _warnings(found, known: Known, count: int) -> list[str]:
    warnings = []
    if "features" in found and known.moments is not None:
        size, fewest = known.moments.mean.size, min(x for x in (count, known.moments.examples or count) if x)
        if fewest <= size:
            warnings.append(
                f"{fewest} examples for {size} features: the covariance is singular and the distance biased upwards; "
                f"compare only figures with equal counts, or use more examples."
            )
    if count < 100:
        warnings.append(f"Only {count} images on each side: read the figures as hints.")
    return warnings


def _shown(found, known: Known) -> dict[str, np.ndarray]:
    """The samples most like a training image beside it, most suspicious first, as they were compared."""
    if "nearest" not in found:
        return {}
    nearest, training = found["nearest"], reduced(known.training[:1])
    worst = np.argsort(nearest.ratios, kind="stable")[:SHOWN]
    images = found["pixels"][worst].astype(np.uint8).reshape(-1, *training.shape[1:])
    neighbours = reduced(known.training[nearest.indices[worst]])
    return {"images": images, "neighbours": neighbours, "ratios": nearest.ratios[worst]}


ROWS = {
    # figure: what the table calls it
    "confident": "top probability >= 0.9",
    "smallest": "smallest class share",
    "missing": "missing classes",
    "inception_score": "Inception Score by the judge",
    "precision": "precision",
    "recall": "recall",
    "density": "density",
    "coverage": "coverage",
    "frechet": "Frechet distance",
    "kernel": "kernel distance",
    "nearest": "distance to nearest training image",
    "copied": "copies of training images",
    "nearer": "nearer than held-out (1/2: alike)",
    "p_copied": "p, distances as if held-out",
    "p_ratio": "p, ratios as if held-out",
    "duplicates": "repeated images",
    "pairs": "pairs closer than any held-out two",
    "support": "support by birthdays",
}
SHARES = {"confident", "smallest", "copied", "duplicates"}
BAR = 40


def table(result: dict[str, Any]) -> str:
    """The result of `judge_pieces` (with "judge" and "title" where there are any) as text: one row per figure."""

    def show(side, figure):
        value = result.get(side, {}).get(figure)
        if value is None:
            return "-"
        if figure in SHARES:
            return f"{100 * value:.1f} %"
        return (", ".join(str(v) for v in value) or "none") if figure == "missing" else f"{value:.4g}"

    def sure(figure):
        ends = result["intervals"].get(figure)
        factor = 100 if figure in SHARES else 1
        return " - ".join(f"{factor * end:.4g}" for end in ends) if ends else ""

    title = ROWS | result.get("titles", {})
    lines = [f"{'':36}{'samples':>12}{'95 % interval':>22}{'held-out':>12}"]
    lines += [
        f"{title[figure]:36}{show('samples', figure):>12}{sure(figure):>22}{show('reals', figure):>12}"
        for figure in ROWS
        if figure in result["samples"]
    ]
    lines += histogram(result["samples"].get("shares", []), result.get("reals", {}).get("shares", []))
    settings, judge = result["settings"], result.get("judge")
    with_k = f"{settings['images']} images a side against {settings['reference']} training images, k = {settings['k']}"
    lines.append(f"{with_k}{_said(judge)}.")
    return "\n".join([*lines, *(f"Note: {warning}" for warning in result["warnings"])])


def _said(judge: dict[str, Any] | None) -> str:
    if not judge:
        return ""
    sure = "" if judge["accuracy"] is None else f", accuracy {100 * judge['accuracy']:.1f} % on held-out images"
    return f"; judge {judge['name']}{sure}"


def histogram(shares: Sequence[float], reals: Sequence[float], most: int = 20) -> list[str]:
    """A bar per class, of the samples, with a mark where held-out images end; nothing for many classes."""
    if not 1 < len(shares) <= most:
        return []
    top = max(*shares, *reals)
    lines = []
    for index, share in enumerate(shares):
        bar = list(f"{'#' * round(BAR * share / top):{BAR + 1}}")
        if len(reals) > index:
            bar[round(BAR * reals[index] / top)] = "|"
        lines.append(f"  class {index:<6} {100 * share:5.1f} %  {''.join(bar).rstrip()}")
    return lines
