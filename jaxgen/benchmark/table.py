"""What a person sees of a sheet on the screen."""

from collections.abc import Mapping
from typing import Any


def short(value: float | None) -> str:
    """Three digits: 0.0123, 1.23, 12.3, 1,230."""
    if value is None:
        return "-"
    if value == 0 or abs(value) >= 1000:
        return f"{value:,.0f}" if abs(value) < 1e7 else f"{value:.3g}"
    return f"{value:#.3g}".rstrip(".")


def amount(value: float | None) -> str:
    """Operations with a unit: 1.2 G."""
    if value is None:
        return "-"
    for unit, name in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= unit:
            return f"{value / unit:.3g} {name}"
    return f"{value:.3g}"


def rows(result: Mapping[str, Any], train: bool) -> list[list[str]]:
    """The lines of one config, one for every batch size."""
    lines = []
    for i, row in enumerate(result["rows"]):
        speed = row["images_per_second"]
        start = [
            f"{short(result[key]['compile_seconds'])}, {short(result[key]['first_seconds'])}"
            for key in ("cold", "warm")
        ]
        share = row["share_of_matmul_rate"]
        extra = (
            f"{short(row['images_per_second_on_one_batch']['median'])} ({row['pipeline_keeps']['median']:.0%})"
            if train
            else short(row["evaluations"])
        )
        flops = row["flops_per_step"] / row["images_per_step"] if train and row["flops_per_step"] else None
        lines.append(
            [
                *([result["config"], result["task"], *start] if i == 0 else [""] * 4),
                str(row["batch"]),
                short(speed["median"]),
                f"{short(speed['low'])} ... {short(speed['high'])}",
                extra,
                amount(flops if train else row["flops_per_image"] or None),
                f"{share:.0%}" if share else "-",
                f"{result['memory']['bytes'] / 2**20:,.0f}" if i == 0 else "",
            ]
        )
    return lines


def show(sheet: Mapping[str, Any]) -> None:
    """Print the sheet."""
    import sys

    from rich.console import Console
    from rich.table import Table

    train = sheet["kind"] == "train"
    first = "step" if train else "image"
    heads = (
        "config",
        "task",
        f"cold: compile,\nfirst {first}, s",
        f"warm: compile,\nfirst {first}, s",
        "batch",
        "images/s",
        "quartiles",
        "images/s on\none batch" if train else "network\ncalls",
        "FLOP\nper image",
        "of matmul\nrate",
        "peak\nMiB",
    )
    table = Table(*heads, box=None, pad_edge=False)
    for result in sheet["results"]:
        for line in rows(result, train):
            table.add_row(*line)
    console = Console(width=None if sys.stdout.isatty() else 200)
    console.print(table)
    results, hardware = sheet["results"], sheet["hardware"]
    if results:
        rate = max(result["matmul_rate"] for result in results)
        console.print(
            f"\n{sheet['devices']} x {sheet['device']} ({hardware['processor']}, {hardware['cpus']} CPUs, load "
            f"{hardware['load'][0] if hardware['load'] else '?'}), jax {sheet['packages']['jax']}; matmul "
            f"{amount(rate)}FLOP/s in float32; memory: {results[0]['memory']['what']}.",
            highlight=False,
            soft_wrap=True,
        )
    for name, reason in sheet["missing"].items():
        console.print(f"no figures for {name}: {reason}", highlight=False, markup=False, soft_wrap=True)
