"""What `jaxgen evaluate` reports: the same figures for samples and for held-out real images, side by side.

The column of held-out images is the ceiling: a perfect model's samples are one more held-out set. Both columns use
equally many images and the same reference, because most of these figures depend on the counts.
"""

from typing import Any

import numpy as np

from jaxgen import evals
from jaxgen.core import Task, UserError, Weights


def pick(count: int, *arrays):
    """`count` examples spread evenly over each array (all, if there are fewer), since sets may be sorted."""
    size = len(arrays[0])
    index = np.linspace(0, size - 1, min(count, size)).round().astype(int)
    chosen = tuple(np.asarray(x)[index] for x in arrays)
    return chosen if len(chosen) > 1 else chosen[0]


def method_judge(task: Task, weights: Weights, *, name: str = "classifier", chunk: int = 256) -> evals.Judge:
    """A judge from the task `classify` of a trained `jaxgen.methods.classifier`; images must have its shape."""
    import jax
    import jax.numpy as jnp

    from jaxgen.ops import images

    shape = task.inputs["image"].shape

    @jax.jit
    def compiled(weights, x):
        keys = jax.vmap(jax.random.key)(jnp.arange(len(x)))
        return task.fn(weights, keys, {"image": images.to_float(x)})

    def answer(which):
        def of(x):
            x = np.asarray(x)
            if x.shape[1:] != shape or x.dtype != np.uint8:
                raise UserError(f"The judge {name!r} knows uint8 images of shape {shape}, not {x.dtype} {x.shape[1:]}.")
            parts = []
            for start in range(0, len(x), chunk):
                part = x[start : start + chunk]
                padded = np.concatenate([part, np.zeros((chunk - len(part), *shape), np.uint8)])
                parts.append(np.asarray(compiled(weights, padded)[which])[: len(part)])
            return np.concatenate(parts)

        return of

    return evals.Judge(answer("probabilities"), answer("features"), name)


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
) -> dict[str, Any]:
    """Figures of samples, and of held-out real images as the ceiling.

    Args:
      samples, reals_train, reals_test: uint8 [N, H, W, C] of one shape.
      labels_test: int [N] for `reals_test`; None where there are no labels (then no judge's accuracy).
      judge: probabilities and features of uint8 images.
      k: neighbours of precision, recall, density and coverage, on pixels.
      reference: at most this many training images as the reference of precision, recall and distances.
      neighbours: at most this many training images to look for copies in.

    Returns:
      {"judge": {name, accuracy}, "settings": {...counts}, "samples": figures, "reals": figures, "warnings": [text]},
      plain Python throughout. Figures: confident (share with top probability >= 0.9), shares (per class), smallest,
      missing, inception_score, precision, recall, density, coverage, frechet, kernel (both on the judge's features),
      nearest (median pixel distance to the nearest training image), copied (share called copies), duplicates.

    Raises:
      UserError: shapes or dtypes differ, or there are too few images.
    """
    samples, train, test = _checked(samples, reals_train, reals_test, k)
    count = min(len(samples), len(test))
    anchors = pick(reference, train)
    metrics = _metrics(judge, anchors, pick(neighbours, train), k)
    found = {
        side: {name: evals.measure(metric, pick(count, images)) for name, metric in metrics.items()}
        for side, images in (("samples", samples), ("reals", test))
    }
    accuracy = None
    if labels_test is not None:
        accuracy = float((np.asarray(judge.probabilities(test)).argmax(1) == np.asarray(labels_test)).mean())
    warnings = [found["samples"]["frechet"].warning] if found["samples"]["frechet"].warning else []
    if count < 100:
        warnings.append(f"Only {count} images on each side: read the figures as hints.")
    return {
        "judge": {"name": judge.name, "accuracy": accuracy},
        "settings": {"images": count, "reference": len(anchors), "training": len(train), "k": k},
        "samples": _figures(found["samples"]),
        "reals": _figures(found["reals"]),
        "warnings": warnings,
    }


def _checked(samples, reals_train, reals_test, k: int) -> list[np.ndarray]:
    """The three sets as arrays, known to be of one shape and large enough."""
    groups = {"samples": samples, "training images": reals_train, "held-out images": reals_test}
    groups = {name: np.asarray(x) for name, x in groups.items()}
    for name, x in groups.items():
        if x.dtype != np.uint8 or x.ndim != 4 or x.shape[1:] != groups["samples"].shape[1:]:
            raise UserError(
                f"To evaluate, samples and real images must be uint8 [N, H, W, C] of one shape; "
                f"the {name} are {x.dtype} {x.shape}."
            )
    samples, train, test = groups.values()
    if min(len(samples), len(test), len(train)) <= k:
        raise UserError(
            f"An evaluation with k = {k} needs more than {k} images on every side; there are {len(samples)} "
            f"samples, {len(train)} training and {len(test)} held-out images."
        )
    return [samples, train, test]


def _metrics(judge: evals.Judge, anchors: np.ndarray, known: np.ndarray, k: int) -> dict[str, evals.Metric]:
    """What is measured of each side, against training images: `anchors`, and for copies all that are `known`."""
    fitted = evals.measure(evals.moments(judge.features), anchors)
    return {
        "classes": evals.classes(judge.probabilities),
        "score": evals.inception_score(judge.probabilities),
        "manifolds": evals.manifolds(anchors, k=k),
        "frechet": evals.frechet(fitted, judge.features),
        "kernel": evals.kid(judge.features(anchors), judge.features),
        "nearest": evals.nearest(known),
        "duplicates": evals.duplicates(),
    }


def _figures(found: dict[str, Any]) -> dict[str, Any]:
    """The measured results of one side as plain numbers, in the order of the table."""
    classes, nearest = found["classes"], found["nearest"]
    return {
        "confident": classes.confident,
        "shares": [float(share) for share in classes.shares],
        "smallest": classes.smallest,
        "missing": list(classes.missing),
        "inception_score": found["score"].score,
        **found["manifolds"]._asdict(),
        "frechet": found["frechet"].distance,
        "kernel": found["kernel"].distance,
        "nearest": float(np.median(nearest.distances)),
        "copied": nearest.copied,
        "duplicates": found["duplicates"].share,
    }


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
    "duplicates": "repeated images",
}
SHARES = {"confident", "smallest", "copied", "duplicates"}


def table(result: dict[str, Any]) -> str:
    """The result of `judge_samples` as text: one row per figure, samples beside held-out reals."""

    def show(figure, value):
        if figure in SHARES:
            return f"{100 * value:.1f} %"
        if isinstance(value, list):
            return ", ".join(str(v) for v in value) or "none"
        return f"{value:.4g}"

    lines = [f"{'':36}{'samples':>12}{'held-out':>12}"]
    lines += [
        f"{title:36}{show(figure, result['samples'][figure]):>12}{show(figure, result['reals'][figure]):>12}"
        for figure, title in ROWS.items()
    ]
    settings, judge = result["settings"], result["judge"]
    sure = "" if judge["accuracy"] is None else f", accuracy {100 * judge['accuracy']:.1f} % on held-out images"
    lines.append(
        f"{settings['images']} images a side against {settings['reference']} training images, k = {settings['k']}; "
        f"judge {judge['name']}{sure}."
    )
    return "\n".join([*lines, *(f"Note: {warning}" for warning in result["warnings"])])
