"""What `jaxgen evaluate --protocol NAME` reports: the figures of a named protocol, of samples and of held-out images.

They are called FID, sFID, KID and IS only where the weights are the published ones (`jaxgen.zoo.encoders`).
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from jaxgen import evals
from jaxgen.core import UserError, choose
from jaxgen.zoo.cards.pieces import bounds, collect, frechet_interval, mean_interval, score_interval
from jaxgen.zoo.encoders import Encoder
from jaxgen.zoo.protocols import Protocol
from jaxgen.zoo.references import Reference
from jaxgen.zoo.store import Piece

FIGURES = ("fid", "sfid", "kid", "is", "pr")


def figures(
    samples: Iterable[Piece], reals: Reference | None, reference: Reference, encoder: Encoder, asked: Sequence[str] = ()
) -> dict[str, Any]:
    """The figures of a protocol.

    Args:
      samples: pieces with "features", "probabilities" and, for sFID, "spatial".
      reals: held-out images under the same encoder, for comparison.
      reference: what distances are to.
      asked: figures to compute; () for all of the protocol.

    Returns:
      {"protocol", "weights_sha256", "published", "images", "samples" | "reals": {title: value}, "intervals",
      "settings", "reference", "warnings"}, plain Python.

    Raises:
      UserError: a figure that the protocol does not have, or statistics that cannot serve for it.
    """
    protocol = encoder.protocol
    assert protocol is not None
    chosen = list(asked) or list(protocol.figures)
    for name in chosen:
        choose(dict.fromkeys(protocol.figures), name, f"figure of protocol {protocol.name!r}")
    if not len(reference.features) and set(chosen) & {"kid", "pr"}:
        if asked:
            raise UserError(
                f"{reference.manifest['name']} holds no features, so kid and pr cannot be computed against it."
            )
        chosen = [name for name in chosen if name not in ("kid", "pr")]
    wanted = {
        "features": (evals.gather(), "features"),
        "probabilities": (evals.gather(), "probabilities"),
    }
    if "sfid" in chosen:
        if reference.spatial is None:
            raise UserError(f"{reference.manifest['name']} holds no spatial statistics, so sfid cannot be computed.")
        wanted["spatial"] = (evals.moments(), "spatial")
    found = collect(samples, wanted)
    count = len(found["features"])
    intervals: dict[str, evals.Interval] = {}
    sides = {"samples": _side(found, reference, encoder, chosen, intervals)}
    if reals is not None:
        held = {"features": evals.rows(reals.features), "probabilities": evals.rows(reals.probabilities)}
        sides["reals"] = _side({**held, "spatial": reals.spatial}, reference, encoder, chosen, None)
    return {
        "protocol": protocol.name,
        "weights_sha256": encoder.mark,
        "published": encoder.published,
        "images": count,
        **sides,
        "intervals": {name: bounds(value) for name, value in intervals.items()},
        "settings": {k: v for k, v in protocol._asdict().items() if k not in ("name", "program", "figures")},
        "reference": reference.brief(),
        "warnings": _warnings(protocol, encoder, count, reference, found["features"].shape[1]),
    }


def _side(found, reference: Reference, encoder: Encoder, chosen, intervals: dict | None) -> dict[str, Any]:
    """{title: value}; with intervals noted where a dict is given."""
    made: dict[str, Any] = {}
    for name in chosen:
        values, sure = PARTS[name](found, reference, encoder)
        made |= values
        if intervals is not None:
            intervals.update({title: reach() for title, reach in sure.items()})
    return made


def _fid(found, reference, encoder):
    x, title = found["features"], encoder.title("frechet")
    value = evals.between(reference.moments, evals.measure(evals.moments(), x)).distance
    return {title: value}, {title: lambda: frechet_interval(value, reference.moments, x)}


def _sfid(found, reference, encoder):
    return {encoder.title("spatial"): evals.between(reference.spatial, found["spatial"]).distance}, {}


def _kid(found, reference, encoder):
    x, title, protocol = found["features"], encoder.title("kernel"), encoder.protocol
    real = evals.rows(reference.features)
    metric = evals.kid(
        real, subsets=protocol.subsets, subset_size=protocol.subset_size, seed=2020, draw=evals.legacy_subsets
    )
    result = evals.measure(metric, x)
    values = evals.contributions(real, x)
    made = {title: result.distance, f"{title}, deviation over subsets": result.deviation}
    # Around the figure itself; its spread is that of all samples at once.
    shift = result.distance - values.mean()
    return made, {title: lambda: mean_interval(values + shift)}


def _score(found, reference, encoder):
    p, title, protocol = found["probabilities"], encoder.title("score"), encoder.protocol
    p = p / p.sum(1, keepdims=True)
    order = np.random.RandomState(protocol.shuffle).permutation(len(p)) if protocol.shuffle >= 0 else np.arange(len(p))
    size = -(-len(p) // protocol.splits)
    result = evals.measure(evals.inception_score(split_size=size), p[order])
    made = {title: result.score, f"{title}, deviation over splits": result.deviation}
    whole = evals.measure(evals.inception_score(), p).score
    return made, {title: lambda: _shifted(score_interval(p), result.score - whole)}


def _shifted(found: evals.Interval, by: float) -> evals.Interval:
    return found._replace(low=found.low + by, high=found.high + by)


def _pr(found, reference, encoder):
    members = evals.members(evals.rows(reference.features), found["features"], encoder.protocol.k)
    shares = members.shares()
    made = {"precision": shares.precision, "recall": shares.recall}
    reach = {"precision": lambda: mean_interval(members.inside), "recall": lambda: mean_interval(members.recalled)}
    return made, reach


PARTS: dict[str, Callable] = {"fid": _fid, "sfid": _sfid, "kid": _kid, "is": _score, "pr": _pr}


def _warnings(protocol: Protocol, encoder: Encoder, count: int, reference: Reference, size: int) -> list[str]:
    warnings = []
    if not encoder.published:
        warnings.append(
            f"The weights (sha256 {encoder.mark[:8]}...) are not the published ones: these figures stand alone."
        )
    if count != protocol.samples:
        warnings.append(f"Published {protocol.name} figures are of {protocol.samples} samples, this one of {count}.")
    if min(x for x in (count, reference.moments.examples or count) if x) <= size:
        warnings.append(f"{count} samples for {size} features: covariances are singular, distances biased upwards.")
    return warnings


def table(result: dict[str, Any]) -> str:
    """The result of `figures` as text."""
    lines = [f"{'protocol ' + result['protocol']:36}{'samples':>12}{'95 % interval':>22}{'held-out':>12}"]
    for title, value in result["samples"].items():
        low, high = result["intervals"].get(title) or (None, None)
        sure = "" if low is None else f"{low:.4g} - {high:.4g}"
        held = result.get("reals", {}).get(title)
        lines.append(f"{title:36}{value:>12.5g}{sure:>22}{'-' if held is None else format(held, '.5g'):>12}")
    reference = result["reference"]
    of = f"{reference['examples']} images of " if reference["examples"] else ""
    lines.append(
        f"{result['images']} samples against {of}{reference['name']} (sha256 {reference['sha256'][:12]}); weights "
        f"{result['weights_sha256'][:12]}, {'the published ones' if result['published'] else 'not the published ones'}."
    )
    return "\n".join([*lines, *(f"Note: {warning}" for warning in result["warnings"])])
