"""The command line: train, sample, run, evaluate, compare, export, benchmark, plan, zoo, config, data.

What they do stands in `commands`.
"""

import argparse
import logging
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from jaxgen import __version__, commands
from jaxgen.benchmark import command as benchmark
from jaxgen.errors import UserError
from jaxgen.plan import command as plan


def parser() -> argparse.ArgumentParser:
    """The whole command line."""
    top = argparse.ArgumentParser(
        prog="jaxgen", description="A functional model zoo for image and video generation in JAX and Flax."
    )
    top.add_argument("--version", action="version", version=f"jaxgen {__version__}")
    group = top.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for add in (
        *(_add_train, _add_sample, _add_run, _add_evaluate, _add_compare, _add_export),
        *(_add_zoo, _add_config, _add_data),
    ):
        add(group)
    help = "Time compilation, start and steady speed of configs with fresh weights, and what they compute."
    benchmark.arguments(_command(group, "benchmark", benchmark.run, help))
    help = "Say whether a config fits a TPU slice that is not at hand, and how fast it could be there."
    plan.arguments(_command(group, "plan", plan.run, help))
    return top


def _command(group, name: str, run, help: str) -> argparse.ArgumentParser:
    sub = group.add_parser(name, help=help, description=help)
    sub.set_defaults(run=run)
    return sub


def _rundir(sub) -> None:
    sub.add_argument("rundir", metavar="RUN", help="a run's directory, or the name of the config that made runs/CONFIG")


def _overrides(sub, help: str | None = "sampler settings, e.g. sampler.steps=20") -> None:
    sub.add_argument("overrides", metavar="KEY=VALUE", nargs="*", help=help)


def _add_train(group) -> None:
    sub = _command(group, "train", commands.train, "Train a config, or go on with the run in --workdir.")
    sub.add_argument("config", metavar="CONFIG", help="a name of `jaxgen zoo`, or a path to a config file")
    _overrides(sub, "e.g. train.steps=2000 optim.lr=1e-4")
    sub.add_argument("--workdir", metavar="DIR", help="the run's directory, or gs://BUCKET/DIR (default: runs/CONFIG)")
    sub.add_argument("--quiet", action="store_true", help="no progress bar")
    sub.add_argument("--profile", metavar="N", type=int, default=0, help="trace N steps into the run's profile/")
    several = sub.add_argument_group(
        "several processes", "found by themselves on TPU pods, SLURM, Open MPI, Kubernetes"
    )
    several.add_argument("--coordinator", metavar="HOST:PORT", default="", help="where process 0 can be reached")
    several.add_argument("--processes", metavar="N", type=int, default=0, help="how many; 1: do not look for others")
    several.add_argument("--process-id", metavar="I", type=int, default=-1, help="which this is, from 0 to N - 1")
    several.add_argument("--join-timeout", metavar="S", type=int, default=300, help="seconds to wait for the others")


def _add_sample(group) -> None:
    sub = _command(group, "sample", commands.sample, "Draw images from a trained model.")
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


def _add_run(group) -> None:
    help = "Run another task of a trained model: reconstruct, interpolate, inpaint, log_prob, ..."
    sub = _command(group, "run", commands.run, help)
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


def _add_evaluate(group) -> None:
    sub = _command(
        group, "evaluate", commands.evaluate, "Judge a trained model, or a folder of images, by real images."
    )
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


def _add_compare(group) -> None:
    sub = _command(
        group, "compare", commands.compare, "Put cards of several runs side by side, with a row of samples each."
    )
    sub.add_argument("cards", metavar="RUN", nargs="+", help="directories of evaluated runs, or card files")
    sub.add_argument("--out", type=Path, metavar="PNG", default=Path("compare.png"), help="the picture (compare.png)")


def _add_export(group) -> None:
    sub = _command(
        group, "export", commands.export, "Write a trained model's task as one file that runs without jaxgen."
    )
    _rundir(sub)
    _overrides(sub)
    sub.add_argument("--out", type=Path, metavar="FILE", help="default: RUN/TASK.jaxexp")
    sub.add_argument("--task", default="sample", help="default: sample")
    sub.add_argument("--weights", action="store_true", help="only the weights and their averages, as safetensors")
    sub.add_argument("--batch", type=int, default=0, metavar="B", help="examples per call (default: any number)")
    sub.add_argument("--platforms", default="cpu,cuda,tpu", metavar="P[,P...]", help="default: cpu,cuda,tpu")


def _add_zoo(group) -> None:
    sub = _command(group, "zoo", commands.zoo, "List every config: family, parameters, paper, score.")
    sub.add_argument("family", nargs="?", default="", help="only this family")


def _add_config(group) -> None:
    sub = _command(group, "config", commands.config, "Print the full tree of a config.")
    sub.add_argument("config", metavar="CONFIG")
    _overrides(sub, None)


def _add_data(group) -> None:
    help = "Prepare and look at data sets."
    top = group.add_parser("data", help=help, description=help)
    kinds = top.add_subparsers(dest="data_command", metavar="COMMAND", required=True)
    sub = kinds.add_parser("prepare", help="Prepare a tensorflow-datasets data set for random access.")
    sub.add_argument("name", metavar="NAME", help="e.g. mnist")
    sub.add_argument("--data-dir", type=Path, help="where prepared data sets live")
    sub.add_argument("--manual-dir", type=Path, help="folder with the official files (default: $JAXGEN_DATA/NAME)")
    sub.set_defaults(run=commands.data_prepare)
    sub = kinds.add_parser("show", help="Draw a contact sheet of a data set.")
    sub.add_argument("name", metavar="NAME", help="a data set, a folder or archive of images, or a CONFIG")
    _overrides(sub, "e.g. data.size=32")
    sub.add_argument("--split", default="train", choices=("train", "test"))
    sub.add_argument("--out", type=Path, help="default: NAME.png")
    sub.set_defaults(run=commands.data_show)


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
        if str(error):
            print(f"jaxgen: {error}", file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
