"""`jaxgen benchmark`: arguments, and what happens with them. Heavy imports wait for the command."""

import argparse
import sys
from pathlib import Path

from jaxgen.errors import UserError


def arguments(sub: argparse.ArgumentParser) -> None:
    """What may stand behind `jaxgen benchmark`."""
    sub.add_argument("overrides", metavar="CONFIG or KEY=VALUE", nargs="*", help="default: one config of every family")
    sub.add_argument("--train", action="store_true", help="time training steps instead of a task")
    sub.add_argument("--task", default="", help="the task to time (default: sample, or what the model does instead)")
    sub.add_argument("--batch", default="", metavar="B[,B...]", help="batch sizes of the task (default: 1,16)")
    sub.add_argument("--seconds", type=float, default=0.0, help="of steady running per batch size (default: 5)")
    sub.add_argument("--quick", action="store_true", help="smallest forms, batch 1 and 4, half a second: a trial")
    sub.add_argument("--out", type=Path, default=Path("benchmark.json"), metavar="FILE", help="default: benchmark.json")
    sub.add_argument("--chart", type=Path, metavar="PNG", help="default: beside --out")


def run(args: argparse.Namespace) -> None:
    """Measure, write the sheet and its chart, print the table.

    Raises:
      UserError: bad arguments, nothing could be measured, or something measured was wrong (after the rest is written).
    """
    import json

    from jaxgen.benchmark import chart, sheet, table
    from jaxgen.training.records import write

    names, settings = asked(args)
    results, missing, faults = [], {}, []
    for name, figures, reason, fault in sheet.collect(names, settings, begin=_announce):
        if figures is None:
            missing[name] = reason
            faults += [name] if fault else []
        else:
            results.append(figures)
            found = sheet.sheet(results, missing, settings)
            write(args.out, json.dumps(found, indent=1) + "\n")
    if not results:
        name, reason = next(iter(missing.items()))
        raise UserError(f"Nothing was measured. {name}: {reason.rstrip('.')}.")
    found = sheet.sheet(results, missing, settings)
    write(args.out, json.dumps(found, indent=1) + "\n")
    picture = args.chart or args.out.with_suffix(".png")
    chart.draw(found, picture)
    table.show(found)
    print(f"Figures in {args.out}, chart in {picture}")
    if faults:
        raise UserError(f"Wrong results: {'; '.join(f'{name}: {missing[name]}' for name in faults)}.")


def asked(args: argparse.Namespace):
    """(config names, settings) of the command line.

    Raises:
      UserError: an unknown config, or numbers that make no sense.
    """
    from jaxgen.benchmark import sheet
    from jaxgen.zoo import configs

    names = [item for item in args.overrides if "=" not in item]
    for name in names:
        configs.path_of(name.partition(":")[0])
    names = names or list(sheet.QUICK if args.quick else sheet.USUAL)
    if args.quick:
        names = [name if ":" in name else f"{name}:smoke" for name in names]
    try:
        batches = tuple(int(part) for part in (args.batch or ("1,4" if args.quick else "1,16")).split(","))
    except ValueError:
        batches = ()
    settings = sheet.Settings(
        overrides=tuple(item for item in args.overrides if "=" in item),
        batches=batches,
        seconds=args.seconds or (0.5 if args.quick else 5.0),
        task=args.task,
        train=args.train,
    )
    sheet.check(settings)
    return names, settings


def _announce(name: str) -> None:
    print(f"measuring {name} ...", file=sys.stderr, flush=True)
