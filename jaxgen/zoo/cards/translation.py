"""What `jaxgen evaluate` reports of translations, beside what costs no model.

Where the truth of held-out images is known, three answers are compared with it: the model's, the input as it is, and
the input in the colours of the targets, that is, with every channel's mean and deviation moved to those that training
targets have on average:
    (1)  x' = (x - mean(x)) s_T / s(x) + m_T,  m_T and s_T the means of the targets' means and deviations
Where no truth is known, a judge fitted on both kinds of training images says to which kind pictures belong, and the
kernel distance (`evals.kid`) of their pixels to those of training targets says how far they are as a set; the judge
alone is content with what is merely unlike the inputs.
"""

from typing import Any

import numpy as np

from jaxgen import evals
from jaxgen.zoo.cards.pieces import reduced


def apart(x: np.ndarray, y: np.ndarray) -> float:
    """Mean absolute difference of uint8 images, in grey levels."""
    return float(np.abs(x.astype(np.float64) - y).mean())


def recolour(x: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Eq. (1): uint8 x [N, H, W, C], targets [M, H, W, C] -> uint8 [N, H, W, C]; flat channels take the mean."""
    mean, deviation = (stat(axis=(1, 2)).mean(0) for stat in (targets.mean, targets.std))
    wide = x.astype(np.float64)
    own, spread = wide.mean(axis=(1, 2), keepdims=True), wide.std(axis=(1, 2), keepdims=True)
    moved = (wide - own) * (deviation / np.where(spread == 0, 1.0, spread)) + mean
    return np.rint(moved.clip(0, 255)).astype(np.uint8)


def judge_pairs(inputs: np.ndarray, made: np.ndarray, truths: np.ndarray, train_targets: np.ndarray) -> dict[str, Any]:
    """Distance (grey levels, lower is better) and SSIM (higher) to the truth, means over held-out pairs.

    Args:
      inputs, made, truths: uint8 [N, H, W, C], example by example; train_targets: uint8 [M, H, W, C].

    Returns:
      {"images": N, "translation" | "input" | "recoloured": {"l1", "ssim" (None below 11 pixels a side)}}.
    """
    answers = {"translation": made, "input": inputs, "recoloured": recolour(inputs, train_targets)}
    large = min(truths.shape[1:3]) >= 11
    figures = {
        name: {"l1": apart(x, truths), "ssim": float(evals.ssim(x, truths).mean()) if large else None}
        for name, x in answers.items()
    }
    return {"images": len(truths), **figures}


def judge_kinds(
    inputs: np.ndarray, made: np.ndarray, targets: np.ndarray, train: np.ndarray, train_targets: np.ndarray
) -> dict[str, Any]:
    """How much like targets pictures are: translations, their inputs, and held-out targets, the best to be had.

    Args:
      inputs, made: uint8 [N, H, W, C]; targets: held-out ones; train, train_targets: what the judge learns from.

    Returns:
      {"images": N, "translation" | "input" | "target": {"share", "distance"}}: what the judge takes for targets,
      and the kernel distance to training targets in units of their pixels' deviation, about 0 at best.
    """
    labels = np.repeat([0, 1], [len(train), len(train_targets)])
    judge = evals.sklearn_judge(reduced(np.concatenate([train, train_targets])), labels, name="kinds")
    groups = {"translation": made, "input": inputs, "target": targets}
    known = reduced(train_targets).astype(np.float64)
    mean, deviation = known.mean(0), known.std() or 1.0

    def figures(x):
        kernel = evals.kid((known - mean) / deviation, lambda x: (x - mean) / deviation)
        return {
            "share": float((judge.probabilities(x)[:, 1] > 0.5).mean()),
            "distance": evals.measure(kernel, x).distance,
        }

    return {"images": len(inputs), **{name: figures(reduced(x)) for name, x in groups.items()}}


ROWS = {
    "translation": "translation",
    "input": "the input as it is",
    "recoloured": "the input in the targets' colours",
    "target": "held-out targets",
}


def table(result: dict[str, Any]) -> str:
    """The result of `judge_pairs` or `judge_kinds` (with "back" and "cycle" where there are any) as text."""
    lines = []
    for title, found in (("", result), ("back: ", result.get("back", {}))):
        for name in ROWS:
            if name in found:
                lines.append(f"{title + ROWS[name]:44}" + "  ".join(_figure(*item) for item in found[name].items()))
    if "cycle" in result:
        lines.append(f"{'there and back, against the input':44}{_figure('l1', result['cycle'])}")
    return "\n".join([*lines, f"{result['images']} held-out images."])


def _figure(name: str, value: float | None) -> str:
    if value is None:
        return f"{name} -"
    words = {
        "l1": f"L1 {value:.2f} of 255",
        "ssim": f"SSIM {value:.3f}",
        "share": f"{100 * value:.1f} % taken for targets",
    }
    return words.get(name, f"kernel distance {value:.3g}")
