"""What the commands do, given their arguments. Heavy imports wait for the command."""

import sys
from collections.abc import Sequence
from pathlib import Path

from jaxgen.errors import UserError


def _load(name: str, overrides: Sequence[str]):
    """The run of a directory, or of runs/<config>, with sampler settings changed."""
    from jaxgen import api

    run = api.load(_folder(name))
    settings = {}
    for item in overrides:
        key, equals, value = item.partition("=")
        if not equals or not key.startswith("sampler."):
            raise UserError(f"{item!r}: only sampler.KEY=VALUE can be changed on a trained model.")
        settings[key.removeprefix("sampler.")] = value
    return run.with_sampler(**settings) if settings else run


def _folder(name: str):
    """The directory of a run, or runs/<config>."""
    from jaxgen import api, training

    folder = training.places.reachable(name)
    if not folder.is_dir() and api.default_workdir(name).is_dir():
        folder = api.default_workdir(name)
    if not folder.is_dir():
        raise UserError(f"There is no run at {name}; `jaxgen train CONFIG` makes one in runs/CONFIG.")
    return folder


def train(args) -> None:
    from jaxgen.parallel import launch

    launch.start(args.coordinator, args.processes, args.process_id, args.join_timeout)
    with launch.together():
        _train(args)


def _train(args) -> None:
    import jax

    from jaxgen import api, training

    try:
        run = api.train(
            args.config, args.overrides, workdir=args.workdir, progress=not args.quiet, profile=args.profile
        )
    except training.Interrupted as stopped:
        # All processes have stopped at the same step; one of them says so.
        if jax.process_index() > 0:
            stopped.args = ()
        raise
    if jax.process_index() > 0:
        return
    print(
        f"Trained {run.step} steps. Everything lies in {run.workdir}: samples/, metrics.jsonl, curve.png, checkpoints/"
    )
    if "sample" in run.tasks:
        print(f"Draw more:  jaxgen sample {run.workdir} -n 64 --out samples.png")


def sample(args) -> None:
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


def run(args) -> None:
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


def evaluate(args) -> None:
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


def compare(args) -> None:
    from jaxgen.zoo.cards import compare

    cards = [compare.read(path) for path in args.cards]
    print(compare.table(cards))
    if compare.draw(cards, args.out):
        print(f"A row of samples of each in {args.out}")


def export(args) -> None:
    from jaxgen.export import export, export_weights

    if args.weights:
        folder = _folder(args.rundir)
        out = args.out or folder / "weights.safetensors"
        export_weights(folder, out)
        return print(f"Weights and their averages in {out}")
    run = _load(args.rundir, args.overrides)
    out = args.out or run.workdir / f"{args.task}.jaxexp"
    export(run, out, task=args.task, batch=args.batch, platforms=args.platforms.split(","))
    print(
        f"Task {args.task!r} in {out} ({out.stat().st_size / 2**20:.1f} MiB); docs/export.md has a script that runs it"
    )


def zoo(args) -> None:
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


def config(args) -> None:
    from jaxgen.zoo import configs

    print(configs.docstring(args.config.partition(":")[0]))
    print()
    print(configs.load(args.config, args.overrides), end="")


def data_prepare(args) -> None:
    from jaxgen import data

    print(f"Prepared {args.name} in {data.prepare(args.name, data_dir=args.data_dir, manual_dir=args.manual_dir)}")


def data_show(args) -> None:
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
