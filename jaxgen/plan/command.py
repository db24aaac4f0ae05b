"""`jaxgen plan`: arguments, and what happens with them. Heavy imports wait for the command."""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from jaxgen.errors import UserError

GIGA = 2**30


def arguments(sub: argparse.ArgumentParser) -> None:
    """What may stand behind `jaxgen plan`."""
    sub.add_argument("config", metavar="CONFIG", help="a name of `jaxgen zoo`, or a path to a config file")
    sub.add_argument("overrides", metavar="KEY=VALUE", nargs="*", help="e.g. mesh.fsdp=8 train.batch_size=1024")
    sub.add_argument("--topology", required=True, metavar="CHIP:SHAPE", help="v5e:16x16, v5p:4x4x8, v6e:8x8, cpu:8")
    sub.add_argument("--quick", action="store_true", help="by shapes only, in seconds; nothing is compiled")
    sub.add_argument("--task", default="", help="also compile this task (default: sample, where the model samples)")
    sub.add_argument("--no-task", action="store_true", help="the training step only")
    sub.add_argument("--batch", type=int, default=0, metavar="B", help="examples per call of the task (default: chips)")
    sub.add_argument("--image", default="", metavar="HxWxC", help="describes images whose data are not at hand")
    sub.add_argument("--classes", type=int, default=0, metavar="N", help="with --image: number of labels")
    sub.add_argument("--limit", type=float, default=1800.0, metavar="S", help="seconds per compilation (default: 1800)")
    sub.add_argument("--fresh", action="store_true", help="compile again what was compiled before")
    sub.add_argument("--out", type=Path, default=Path("plan.json"), metavar="FILE", help="default: plan.json")


def run(args: argparse.Namespace) -> None:
    """Estimate, compile, print the table, write the JSON.

    Raises:
      UserError: bad arguments, a config that does not divide over the chips, no compiler.
    """
    import os

    os.environ.setdefault("JAX_PLATFORMS", "cpu")
    from jaxgen.plan import chips, compiling, estimate, subject
    from jaxgen.training.records import write

    topology = chips.parse(args.topology)
    if args.limit <= 0 or args.batch < 0 or args.classes < 0:
        raise UserError("--limit must be above 0, and --batch and --classes must not be negative.")
    if not args.quick:
        compiling.check(topology.name)
    config, info, leaves = subject.read(args.config, args.overrides, args.image, args.classes)
    found = estimate.shapes(config, info, leaves, topology.chips)
    request: dict[str, Any] = {
        "config": _json(config),
        "info": info.to_dict(),
        "leaves": leaves,
        "topology": topology.name,
    }
    request |= {"topology": topology.name, "chips": topology.chips, "task": "", "count": 0}
    how: dict[str, Any] = dict(fresh=args.fresh, tell=_tell, tick=1.0 if sys.stderr.isatty() else 30.0)
    step = {} if args.quick else compiling.compile(request, args.limit, **how)
    report: dict[str, Any] = {"config": args.config, "overrides": list(args.overrides), "command": sys.argv}
    report |= {"versions": {name: compiling.version(name) for name in ("jax", "libtpu")}}
    report["train"] = estimate.report(found, topology, step.get("facts")) | _compilation(step)
    if step.get("full"):
        report["train"] |= {"fits": False, "memory_said_by_compiler": step.get("used")}
    if report["train"]["fits"] is False:
        guess = found.memory["activations"]
        ratio = report["train"]["memory_per_chip"]["activations"] / guess if guess else 1.0
        report["advice"] = estimate.advice(config, info, leaves, topology, ratio)
    task = "" if args.quick or args.no_task else _task(config, info, leaves, args.task)
    if task:
        count = -(-(args.batch or topology.chips) // topology.chips) * topology.chips
        again = request | {"task": task, "count": count}
        told = compiling.compile(again, args.limit, **how)
        report["task"] = {"name": task, "images_per_call": count, **told.get("facts", {})} | _compilation(told)
    _tell("")
    write(args.out, json.dumps(report, indent=1) + "\n")
    show(report)
    print(f"Everything in {args.out}")


def _json(config: Any) -> str:
    from jaxgen.zoo import configs

    return configs.to_json(config)


def _compilation(told: dict[str, Any]) -> dict[str, Any]:
    return {name: told[name] for name in ("compile_seconds", "cached", "full", "late") if name in told}


def _task(config: Any, info: Any, leaves: Any, asked: str) -> str:
    from jaxgen.plan import subject

    tasks = subject.subject(config, info, leaves).method.tasks
    if asked and asked not in tasks:
        raise UserError(f"This model has no task {asked!r}; it has {', '.join(sorted(tasks))}.")
    return asked or ("sample" if "sample" in tasks else "")


def _tell(line: str) -> None:
    """Progress: one line that is written over on a terminal, lines elsewhere."""
    if sys.stderr.isatty():
        print(f"\r\033[K{line}", end="", file=sys.stderr, flush=True)
    elif line:
        print(line, file=sys.stderr, flush=True)


def show(report: dict[str, Any]) -> None:
    """The report as a table."""
    train = report["train"]
    mesh = " x ".join(f"{axis} {size}" for axis, size in train["mesh"].items() if size > 1) or "one chip"
    print(f"{report['config']} on {train['topology']}: {train['chips']} chips, {mesh}")
    print(f"  parameters       {train['parameters']:,}; {train['images_per_step']} images per step")
    for kind, size in train["memory_per_chip"].items():
        print(f"  {kind:16} {size / GIGA:9.3f} GiB" + (f" ({train['source']})" if kind == "activations" else ""))
    verdict = {True: "fits", False: "does not fit", None: "no limit known"}[train["fits"]]
    chip = f" of {train['memory_of_chip'] / GIGA:.0f}" if train["memory_of_chip"] else ""
    print(f"  memory per chip  {train['memory_total'] / GIGA:9.3f} GiB{chip}: {verdict}")
    if train.get("full"):
        print(f"  the compiler     {train['full'][:160]}")
    if train.get("late"):
        print(f"  not compiled within {train['late']:.0f} s: figures are by shapes; --limit allows more")
    once = " (a loop of unknown length counted once)" if train["loops_counted_once"] else ""
    print(
        f"  operations       {train['flops_per_step']:.3e} FLOP per step, {train['flops_per_chip']:.3e} per chip{once}"
    )
    _show_traffic(train)
    seconds = train["seconds"]
    if seconds:
        parts = ", ".join(f"{name} {1e3 * seconds[name]:.1f}" for name in ("flops", "memory", "links"))
        between = f"{1e3 * seconds['overlapped']:.1f} ... {1e3 * seconds['in_turn']:.1f} ms"
        print(f"  step at peaks    {between} ({parts})")
    if "compile_seconds" in train:
        print(f"  compiled in      {train['compile_seconds']:.0f} s" + (", before" if train["cached"] else ""))
    if "advice" in report:
        changes = " ".join(f"{name}={value}" for name, value in report["advice"].get("set", {}).items())
        size = report["advice"].get("memory_total", 0) / GIGA
        print(f"  would fit with   {changes} ({size:.1f} GiB by shapes)" if changes else "  nothing tried would fit")
    if "task" in report:
        _show_task(report["task"], train)


def _show_traffic(train: dict[str, Any]) -> None:
    found = train["collectives"]
    if "total" in found:
        over = f", {found['over_least']:.2f} of the least" if found["over_least"] else ""
        kinds = ", ".join(f"{kind} {one['bytes_sent'] / GIGA:.3f}" for kind, one in found["by_kind"].items())
        print(f"  sent per chip    {found['total'] / GIGA:9.3f} GiB ({kinds}){over}")
    print(f"  least to send    {found['least_total'] / GIGA:9.3f} GiB")


def _show_task(task: dict[str, Any], train: dict[str, Any]) -> None:
    if "temporary_bytes" in task:
        size = (task["argument_bytes"] + task["temporary_bytes"] + task["output_bytes"]) / GIGA
        limit = train["memory_of_chip"]
        fits = "" if not limit else ": fits" if size * GIGA <= limit else ": does not fit"
        print(f"  {task['name']:16} {size:9.3f} GiB per chip for {task['images_per_call']} images per call{fits}")
    else:
        reason = task.get("full", "")[:120] or f"not compiled within {task.get('late', 0):.0f} s"
        print(f"  {task['name']:16} {reason}")
