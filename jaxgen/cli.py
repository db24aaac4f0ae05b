"""The command line: train, sample, run, evaluate, compare, export, benchmark, zoo, config, data.

Heavy imports wait for the command.
"""

import argparse
import logging
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from jaxgen import __version__
from jaxgen.benchmark import command as benchmark
from jaxgen.errors import UserError


def parser() -> argparse.ArgumentParser:
    """The whole command line."""
    top = argparse.ArgumentParser(
        prog="jaxgen", description="A functional model zoo for image and video generation in JAX and Flax."
    )
    top.add_argument("--version", action="version", version=f"jaxgen {__version__}")
    commands = top.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for add in (
        *(_add_train, _add_sample, _add_run, _add_evaluate, _add_compare, _add_export),
        *(_add_zoo, _add_config, _add_data),
    ):
        add(commands)
    help = "Time compilation, start and steady speed of configs with fresh weights, and what they compute."
    benchmark.arguments(_command(commands, "benchmark", benchmark.run, help))
    return top


def _command(commands, name: str, run, help: str) -> argparse.ArgumentParser:
    sub = commands.add_parser(name, help=help, description=help)
    sub.set_defaults(run=run)
    return sub


def _rundir(sub) -> None:
    sub.add_argument("rundir", metavar="RUN", help="a run's directory, or the name of the config that made runs/CONFIG")


def _overrides(sub, help: str | None = "sampler settings, e.g. sampler.steps=20") -> None:
    sub.add_argument("overrides", metavar="KEY=VALUE", nargs="*", help=help)


def _add_train(commands) -> None:
    sub = _command(commands, "train", _train, "Train a config, or go on with the run in --workdir.")
    sub.add_argument("config", metavar="CONFIG", help="a name of `jaxgen zoo`, or a path to a config file")
    _overrides(sub, "e.g. train.steps=2000 optim.lr=1e-4")
    sub.add_argument("--workdir", metavar="DIR", type=Path, help="the run's directory (default: runs/CONFIG)")
    sub.add_argument("--quiet", action="store_true", help="no progress bar")


def _add_sample(commands) -> None:
    sub = _command(commands, "sample", _sample, "Draw images from a trained model.")
    _rundir(sub)
    _overrides(sub)
    sub.add_argument("-n", type=int, default=64, metavar="N", help="number of images (default: 64)")
    sub.add_argument("--seed", type=int, default=0, help="image i depends on the seed and i alone (default: 0)")
    sub.add_argument(
        "--out",
        type=Path,
        metavar="PATH",
        help="grid.png, array.npz or a folder; of clips film.gif, strip.png, array.npz or a folder"
        " (default: RUN/samples.png)",
    )
    sub.add_argument("--label", metavar="L[,L...]", help="class of all images, or one for each")
    sub.add_argument("--chunk", type=int, default=0, help="images per call of the compiled sampler")


def _add_run(commands) -> None:
    help = "Run another task of a trained model: reconstruct, interpolate, inpaint, log_prob, ..."
    sub = _command(commands, "run", _run, help)
    _rundir(sub)
    sub.add_argument("task", metavar="TASK", help="one of the model's tasks; an unknown one lists them")
    _overrides(sub)
    sub.add_argument(
        "--input",
        nargs="+",
        default=[],
        metavar="FILES",
        help="images, films (.gif), folders, .npz, test:8 (held-out examples), or NAME=FILE for one of several inputs",
    )
    sub.add_argument("-n", type=int, default=0, help="number of examples for tasks without inputs")
    sub.add_argument("--seed", type=int, default=0)
    sub.add_argument("--out", type=Path, metavar="PATH", help="as for sample; .json or .npz for numbers")


def _add_evaluate(commands) -> None:
    sub = _command(commands, "evaluate", _evaluate, "Judge a trained model, or a folder of images, by real images.")
    sub.add_argument("rundir", metavar="RUN", nargs="?", help="a run's directory, or the name of its config")
    _overrides(sub)
    sub.add_argument("--images", metavar="DIR", help="instead of RUN: a folder, .zip or .npz of images to judge")
    sub.add_argument("--reference", metavar="DIR", help="real images for --images, or statistics (.npz) for --protocol")
    sub.add_argument("-n", type=int, default=0, help="number of samples (default: the config's eval.samples)")
    sub.add_argument("--seed", type=int, default=0)
    sub.add_argument("--metrics", metavar="M[,M...]", default="", help="only these, e.g. fd,kd,copies (default: all)")
    sub.add_argument("--judge", metavar="RUN", help="a classifier run (default: the one of the data set)")
    sub.add_argument("--protocol", default="", metavar="P", help="also FID & co.: adm, edm, clean, torch-fidelity, ...")
    sub.add_argument("--weights", metavar="FILE", help="Inception's weights (default: in $JAXGEN_DATA/weights)")
    sub.add_argument("--out", type=Path, metavar="FILE", help="default: RUN/card.json")


def _add_compare(commands) -> None:
    sub = _command(commands, "compare", _compare, "Put cards of several runs side by side, with a row of samples each.")
    sub.add_argument("cards", metavar="RUN", nargs="+", help="directories of evaluated runs, or card files")
    sub.add_argument("--out", type=Path, metavar="PNG", default=Path("compare.png"), help="the picture (compare.png)")


def _add_export(commands) -> None:
    sub = _command(commands, "export", _export, "Write a trained model's task as one file that runs without jaxgen.")
    _rundir(sub)
    _overrides(sub)
    sub.add_argument("--out", type=Path, metavar="FILE", help="default: RUN/TASK.jaxexp")
    sub.add_argument("--task", default="sample", help="default: sample")
    sub.add_argument("--batch", type=int, default=0, metavar="B", help="examples per call (default: any number)")
    sub.add_argument("--platforms", default="cpu,cuda,tpu", metavar="P[,P...]", help="default: cpu,cuda,tpu")


def _add_zoo(commands) -> None:
    sub = _command(commands, "zoo", _zoo, "List every config: family, parameters, paper, score.")
    sub.add_argument("family", nargs="?", default="", help="only this family")


def _add_config(commands) -> None:
    sub = _command(commands, "config", _config, "Print the full tree of a config.")
    sub.add_argument("config", metavar="CONFIG")
    _overrides(sub, None)


def _add_data(commands) -> None:
    help = "Prepare and look at data sets."
    top = commands.add_parser("data", help=help, description=help)
    kinds = top.add_subparsers(dest="data_command", metavar="COMMAND", required=True)
    sub = kinds.add_parser("prepare", help="Prepare a tensorflow-datasets data set for random access.")
    sub.add_argument("name", metavar="NAME", help="e.g. mnist")
    sub.add_argument("--data-dir", type=Path, help="where prepared data sets live")
    sub.add_argument("--manual-dir", type=Path, help="folder with the official files (default: $JAXGEN_DATA/NAME)")
    sub.set_defaults(run=_data_prepare)
    sub = kinds.add_parser("show", help="Draw a contact sheet of a data set.")
    sub.add_argument("name", metavar="NAME", help="a data set, a folder or archive of images, or a CONFIG")
    _overrides(sub, "e.g. data.size=32")
    sub.add_argument("--split", default="train", choices=("train", "test"))
    sub.add_argument("--out", type=Path, help="default: NAME.png")
    sub.set_defaults(run=_data_show)


def _load(name: str, overrides: Sequence[str]):
    """The run of a directory, or of runs/<config>, with sampler settings changed."""
    from jaxgen import api

    folder = Path(name)
    if not folder.is_dir() and api.default_workdir(name).is_dir():
        folder = api.default_workdir(name)
    if not folder.is_dir():
        raise UserError(f"There is no run at {name}; `jaxgen train CONFIG` makes one in runs/CONFIG.")
    run = api.load(folder)
    settings = {}
    for item in overrides:
        key, equals, value = item.partition("=")
        if not equals or not key.startswith("sampler."):
            raise UserError(f"{item!r}: only sampler.KEY=VALUE can be changed on a trained model.")
        settings[key.removeprefix("sampler.")] = value
    return run.with_sampler(**settings) if settings else run


def _train(args) -> None:
    from jaxgen import api

    run = api.train(args.config, args.overrides, workdir=args.workdir, progress=not args.quiet)
    print(
        f"Trained {run.step} steps. Everything lies in {run.workdir}: samples/, metrics.jsonl, curve.png, checkpoints/"
    )
    if "sample" in run.tasks:
        print(f"Draw more:  jaxgen sample {run.workdir} -n 64 --out samples.png")


def _sample(args) -> None:
    from jaxgen import api
    from jaxgen.zoo import files

    run = _load(args.rundir, args.overrides)
    if "sample" not in run.tasks:
        raise UserError(f"This model has no task 'sample'; `jaxgen run` runs what it has: {', '.join(run.tasks)}.")
    out = args.out or run.workdir / "samples.png"
    labels = None if args.label is None else files.whole_numbers(args.label, run.method.tasks["sample"].inputs["label"])
    if args.n < 1:
        raise UserError(f"-n should be at least 1, not {args.n}.")
    chunks = api.stream(
        run, "sample", count=args.n, seed=args.seed, inputs=api.label_inputs(run, labels, args.n), chunk=args.chunk
    )
    name, kind = _pictured(run.method.tasks["sample"])
    written = _write_stream(chunks, name, kind, out)
    print(f"{args.n} {'clips' if kind == 'video' else 'images'} in {written}")


def _pictured(task) -> tuple[str, str]:
    """Name and kind of the output of a task that is made of pixels; ("", "") without one."""
    from jaxgen.zoo import wire

    name = wire.pictured(task.outputs)
    return (name, task.outputs[name].kind) if name else ("", "")


def _write_stream(chunks, name: str, kind: str, out: Path) -> Path:
    """Write images or clips as they come (a folder) or together (one file), with a progress bar."""
    import numpy as np
    from rich.progress import track

    from jaxgen.zoo import files

    kept, done = [], 0
    with_bar = track(chunks, description="sampling", disable=not sys.stderr.isatty(), transient=True)
    for part in with_bar:
        images = part[name]
        if out.suffix:
            kept.append(images)
        else:
            files.WRITERS[kind](out, images, start=done)
        done += len(images)
    if kept:
        files.WRITERS[kind](out, np.concatenate(kept))
    return out


def _run(args) -> None:
    import numpy as np

    from jaxgen import api, runs
    from jaxgen.zoo import files

    run = _load(args.rundir, args.overrides)
    if args.task not in run.method.tasks:
        raise UserError(f"This model has no task {args.task!r}; it has {', '.join(run.tasks)}.")
    if run.method.tasks[args.task].tiles is not None:
        return _run_tiled(run, args)
    run = runs.at_own_size(run, args.task, args.input)
    task = run.method.tasks[args.task]
    inputs = files.read_inputs(task, args.input, lambda a, b, name: api.held_out(run, a, b, name))
    stored = [spec.high for spec in task.inputs.values() if spec.kind == "index" and spec.high]
    count = max((len(value) for value in inputs.values()), default=args.n or min(stored, default=16))
    outputs = runs.joined(api.stream(run, args.task, count=count, seed=args.seed, inputs=inputs))
    name, kind = _pictured(task)
    if name:
        out = args.out or run.workdir / f"{args.task}.png"
        files.WRITERS[kind](out, outputs[name])
    else:
        out = args.out or run.workdir / f"{args.task}.json"
        files.write_values(out, outputs)
        for name, value in outputs.items():
            if value.ndim == 1:
                error = np.std(value, dtype=np.float64) / np.sqrt(len(value))
                print(f"{name}: mean {np.mean(value, dtype=np.float64):.4f} +- {error:.4f} over {len(value)}")
    print(f"{args.task} of {count} in {out}")


def _run_tiled(run, args) -> None:
    """A task that takes images of any size: one to a .png, several to a folder, under their own names."""
    from rich.progress import track

    from jaxgen import api, runs
    from jaxgen.zoo import photographs

    task = run.method.tasks[args.task]
    found = photographs.read(task, args.input, lambda a, b, name: api.held_out(run, a, b, name))
    out = args.out or run.workdir / (f"{args.task}.png" if len(found) == 1 else args.task)
    places = photographs.places(out, list(found))
    outputs = runs.tiled(run, args.task, found.values())
    bar = track(outputs, description=args.task, total=len(found), disable=not sys.stderr.isatty(), transient=True)
    for place, image in zip(places, bar, strict=True):
        photographs.write(place, image)
    print(f"{args.task} of {len(found)} in {out}")


def _evaluate(args) -> None:
    from jaxgen import api

    metrics = tuple(name for name in args.metrics.split(",") if name)
    settings = dict(n=args.n, judge=args.judge, metrics=metrics, protocol=args.protocol, weights_file=args.weights)
    if args.images:
        if args.rundir or not args.reference:
            raise UserError("--images DIR is judged against --reference DIR, and takes the place of RUN.")
        settings |= dict(out=args.out or Path("card.json"), track=_track)
        return print(api.report(api.evaluate_folders(args.images, args.reference, **settings)))
    if not args.rundir:
        raise UserError("Name a RUN to evaluate, or --images DIR with --reference DIR.")
    run = _load(args.rundir, args.overrides)
    card = api.evaluate(run, seed=args.seed, out=args.out, reference=args.reference, track=_track, **settings)
    print(api.report(card))


def _track(items, **settings):
    """A progress bar on a terminal."""
    from rich.progress import track

    return track(items, disable=not sys.stderr.isatty(), transient=True, **settings)


def _compare(args) -> None:
    from jaxgen.zoo.cards import compare

    cards = [compare.read(path) for path in args.cards]
    print(compare.table(cards))
    if compare.draw(cards, args.out):
        print(f"A row of samples of each in {args.out}")


def _export(args) -> None:
    from jaxgen.export import export

    run = _load(args.rundir, args.overrides)
    out = args.out or run.workdir / f"{args.task}.jaxexp"
    export(run, out, task=args.task, batch=args.batch, platforms=args.platforms.split(","))
    print(
        f"Task {args.task!r} in {out} ({out.stat().st_size / 2**20:.1f} MiB); docs/export.md has a script that runs it"
    )


def _zoo(args) -> None:
    from rich.console import Console
    from rich.table import Table

    from jaxgen.zoo import configs

    names = [name for name in configs.names() if name.startswith(args.family)]
    if not names:
        families = sorted({name.split("/")[0] for name in configs.names()})
        raise UserError(f"There is no family {args.family!r}; there are {', '.join(families)}.")
    table = Table("config", "parameters", "paper", "score", box=None, pad_edge=False)
    for name in names:
        facts = configs.facts(name)
        table.add_row(name, facts.get("parameters", ""), facts.get("paper", facts["title"]), facts.get("score", ""))
    Console(width=None if sys.stdout.isatty() else 200).print(table)


def _config(args) -> None:
    from jaxgen.zoo import configs

    print(configs.docstring(args.config.partition(":")[0]))
    print()
    print(configs.load(args.config, args.overrides), end="")


def _data_prepare(args) -> None:
    from jaxgen import data

    print(f"Prepared {args.name} in {data.prepare(args.name, data_dir=args.data_dir, manual_dir=args.manual_dir)}")


def _data_show(args) -> None:
    from jaxgen import data
    from jaxgen.zoo import configs, defaults, files

    if args.name in configs.names():
        config = configs.load(args.name, args.overrides)
    else:
        config = defaults.base()
        config.data.update(_section_of(args.name, "data.name=video" in args.overrides))
        configs.override(config, args.overrides)
    sheet = data.contact_sheet(config.data, split=args.split)
    out = args.out or Path(Path(args.name).name).with_suffix(".png")
    try:
        files.save_picture(sheet, out)
    except OSError as error:
        raise UserError(f"{out} cannot be written: {error.strerror or error}.") from None
    print(f"Contact sheet of {args.name} in {out}")


def _section_of(name: str, clips: bool) -> dict:
    """What of the `data` section a data set, file or folder named on the command line sets, clips if so told."""
    from jaxgen import data
    from jaxgen.zoo import defaults

    arrays = name.endswith((".npz", ".npy"))
    if clips or (arrays and data.holds_clips(name)):
        return defaults.clips("video", path=name)
    if arrays:
        return {"name": "array", "path": name}
    if Path(name).exists() or name.endswith(".zip"):
        return {"name": "folder", "path": name}
    return defaults.clips(name) if name in data.CLIPS else {"name": name}


def _parse(argv: Sequence[str] | None) -> argparse.Namespace:
    """The arguments; KEY=VALUE may stand anywhere, also behind options."""
    top = parser()
    args, rest = top.parse_known_args(argv)
    unknown = [item for item in rest if item.startswith("-") or "=" not in item or not hasattr(args, "overrides")]
    if unknown:
        top.error(f"unrecognized arguments: {' '.join(unknown)}")
    if rest:
        args.overrides = [*args.overrides, *rest]
    if getattr(args, "input", None):
        args.overrides = [*args.overrides, *(item for item in args.input if item.startswith("sampler."))]
        args.input = [item for item in args.input if not item.startswith("sampler.")]
    return args


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point. Returns the exit code: 0 done, 2 bad input (one sentence on stderr), 130 interrupted."""
    args = _parse(argv)
    # Compiled programs are kept between processes, so that a second start is fast; the user's own setting wins.
    cache = os.environ.get("JAXGEN_CACHE", str(Path.home() / ".cache" / "jaxgen"))
    os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(Path(cache) / "xla"))
    # Libraries below report through these (a missing optional decoder, tracebacks for a save that failed); whatever
    # matters to a person comes back as an exception.
    for library in ("absl", "asyncio"):
        logging.getLogger(library).setLevel(logging.CRITICAL)
    try:
        args.run(args)
    except UserError as error:
        print(f"jaxgen: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("jaxgen: interrupted", file=sys.stderr)
        return 130
    except Exception as error:
        # A run that was asked to stop has saved itself and says with which code to end.
        if not hasattr(error, "exit_code"):
            raise
        print(f"jaxgen: {error}", file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
