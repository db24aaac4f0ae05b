"""What `jaxgen evaluate` reports of a mixture's components: which of them only the floor keeps regular."""

from collections.abc import Sequence
from typing import Any

from jaxgen.objectives import mixtures


def judge_components(kind: str, params: Any, floor: float) -> dict[str, Any]:
    """{"covariance", "components", "floor", and the indices of `mixtures.collapsed`}."""
    return {
        "covariance": kind,
        "components": len(params["weights"]),
        "floor": floor,
        **mixtures.collapsed(kind, params, floor),
    }


def named(indices: Sequence[int]) -> str:
    """[0, 1, 2, 5] -> "0-2, 5"."""
    runs: list[list[int]] = []
    for index in indices:
        if runs and index == runs[-1][-1] + 1:
            runs[-1] = [runs[-1][0], index]
        else:
            runs.append([index])
    return ", ".join("-".join(map(str, run)) for run in runs)


def table(found: dict[str, Any]) -> str:
    """One sentence for each thing that befell components."""
    floor, tied = found["floor"], found["covariance"] == "tied"

    def whose(indices: Sequence[int]) -> str:
        return "the tied covariance" if tied else f"component{'s' * (len(indices) > 1)} {named(indices)}"

    says = {
        "singular": "singular but for method.floor = {floor:g} on the diagonal: {whose}",
        "points": "without any spread but method.floor = {floor:g}: {whose}",
        "diagonal": "singular in float32 in spite of method.floor = {floor:g}, so made diagonal: {whose}",
    }
    lines = [text.format(floor=floor, whose=whose(found[name])) for name, text in says.items() if found[name]]
    return "\n".join(lines or [f"no covariance is singular without method.floor = {floor:g}"])
