"""The notebook face: train, load, sample, evaluate, show. The command line is a thin layer over it."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import jax
import numpy as np
from ml_collections import ConfigDict

from jaxgen import data, parallel, training
from jaxgen.core import State, Task, UserError, Weights
from jaxgen.evaluation import evaluate, evaluate_folders, report
from jaxgen.parallel import launch
from jaxgen.runs import (
    Run,
    default_workdir,
    frozen_networks,
    held_out,
    joined,
    label_inputs,
    load,
    read_config,
    sample,
    stream,
    take,
    take_all,
    trained_weights,
)
from jaxgen.zoo import configs as zoo_configs
from jaxgen.zoo import devices, files, methods
from jaxgen.zoo.warm import warm
from jaxgen.zoo.wire import pictured

__all__ = [
    "Run",
    "UserError",
    "configs",
    "default_workdir",
    "evaluate",
    "evaluate_folders",
    "held_out",
    "label_inputs",
    "load",
    "report",
    "sample",
    "show",
    "stream",
    "train",
]

MAY_CHANGE = (
    "train.steps",
    "train.log_every",
    "train.sample_every",
    "train.samples",
    "train.checkpoint_every",
    "train.keep",
    "train.keep_best",
    "train.strategy",
    "train.steps_per_call",
    "train.remat",
    "sampler.",
    "frozen.",  # where the file lies; that it is the same network is checked
    "eval.",
    "mesh.",
    "data.path",
    "data.workers",
)
"""Config keys (or sections) that may differ when a run goes on; any other difference would make another model."""


def configs() -> list[str]:
    """Names of every config of the zoo."""
    return zoo_configs.names()


def train(
    config: str | ConfigDict,
    overrides: Sequence[str] = (),
    *,
    workdir: str | Path | None = None,
    progress: bool = True,
    profile: int = 0,
) -> Run:
    """Train a config, or go on with the run that `workdir` holds. The same call resumes exactly.

    Args:
      config: a name of the zoo ("diffusion/ddpm_digits", "gan/dcgan_mnist:smoke"), a path to a config file, or a
        ConfigDict.
      overrides: "dotted.key=value" strings.
      workdir: the run's directory, or gs://BUCKET/...; `runs/<config>` by default.
      progress: show the progress bar.
      profile: trace this many steps, once the run is warm, into `workdir`/profile.

    Raises:
      UserError: bad config or data, or `workdir` holds a run of a different model (the differing keys are named).
    """
    if isinstance(config, str):
        name, config = config, zoo_configs.load(config, overrides)
    else:
        name, config = str(config.method.name), config.copy_and_resolve_references()
        zoo_configs.override(config, overrides)
    folder = training.places.reachable(workdir) if workdir else default_workdir(name)
    check_same_model(folder, config)
    parallel.split_cpu(config.mesh.cpu)
    launch.agree(zoo_configs.to_json(config), str(folder))

    source = data.load(config.data)
    axis = "data" if config.train.strategy == "pmap" else None
    method = methods.build(config, source.info, axis)
    if config.train.init_from:
        given, part = _earlier(config.train.init_from)
        method = warm(method, given, config.train.init_from, part=part)
    strategy = devices.strategy(config, method)
    size, k = config.train.batch_size, method.batches_per_step
    batches = source.batches("train", size, config.train.seed, per_step=k, rows=strategy.rows(size))

    def batch(step: int) -> dict[str, np.ndarray]:
        return {key: value for key, value in batches(step).items() if value.dtype.kind not in "OUS"}

    networks = frozen_networks(config)
    lead = [k, size] if k > 1 else [size]
    shapes = {key: [[*lead, *x.shape[len(lead) :]], str(x.dtype)] for key, x in batch(0).items()}
    method_jit = methods.build(config, source.info)
    run = Run(folder, config, source.info, method_jit, state=None)  # type: ignore[arg-type]
    state = training.fit(
        method,
        strategy,
        batch,
        settings=config.train,
        workdir=folder,
        rng=jax.random.key(config.train.seed),
        frozen=networks,
        records={
            "config.json": zoo_configs.to_json(config),
            "data.json": json.dumps({"info": source.info.to_dict(), "batch": shapes}, indent=1) + "\n",
        },
        draw=lambda state, step: _draw(run, state, step, source),
        examples_per_step=size * k,
        progress=progress,
        profile=profile,
    )
    if jax.process_index() == 0:
        with training.places.through(folder / "curve.png") as png:
            training.pictures.curve(folder / "metrics.jsonl", png, title=name)
    return replace(run, state=state)


def check_same_model(workdir: Path, config: ConfigDict) -> None:
    """Refuse to go on with a run of a different model.

    Raises:
      UserError: with the keys that differ.
    """
    path = workdir / "config.json"
    if not path.exists():
        return
    differ = zoo_configs.differences(read_config(workdir), config)
    differ = {key: pair for key, pair in differ.items() if not key.startswith(MAY_CHANGE)}
    if differ:
        shown = "; ".join(f"{key} {old!r} there, {new!r} now" for key, (old, new) in list(differ.items())[:6])
        more = f" and {len(differ) - 6} more" if len(differ) > 6 else ""
        raise UserError(
            f"{workdir} holds a run of a different model ({shown}{more}): choose another --workdir, or remove it."
        )


def _earlier(source: str) -> tuple[Weights, bool]:
    """The weights that `train.init_from` names, and whether those that do not fit are to be left out."""
    kind, _, path = source.partition(":")
    if kind not in ("run", "part") or not path:
        raise UserError(
            f"train.init_from={source!r} should read run:PATH, the directory of an earlier run, or part:PATH to take"
            " only the weights that fit."
        )
    return trained_weights(path), kind == "part"


def _draw(run: Run, state: State, step: int, source: data.Data) -> None:
    """The picture of a step: fixed keys, so that pictures of one run can be compared."""
    now = replace(run, state=state)
    count = run.config.train.samples
    if "sample" in run.method.tasks:
        images = sample(now, count)
    else:
        shown = min(count, source.info.sizes.get("test", count))
        images = (_clips_of_task if source.info.frames else _picture_of_task)(now, shown, source)
    if jax.process_index() > 0:
        return
    kind = "video" if images.ndim == 5 else "image"
    with training.places.through(run.workdir / "samples" / f"{step:08d}.png") as png:
        files.WRITERS[kind](png, images)


def _picture_of_task(run: Run, count: int, source: data.Data) -> np.ndarray:
    """For models that do not sample: held-out images, beside what their first task makes of them, beside the truth."""
    for name, task in run.method.tasks.items():
        if not any(spec.kind == "image" for spec in task.outputs.values()):
            continue
        stored = [spec.high for spec in task.inputs.values() if spec.kind == "index" and spec.high]
        shown = min(count, *stored) if stored else count
        inputs = _held_out_inputs(task, shown, source)
        if inputs is not None:
            outputs = joined(stream(run, name, count=shown, inputs=inputs))
            made = next(outputs[key] for key, spec in task.outputs.items() if spec.kind == "image")
            paired = source.info.targets.get("test") == "paired"
            truth = [take_all(source, 0, shown)["target"]] if paired else []
            return training.pictures.beside(*inputs.values(), made, *truth)
    return take(source, 0, count)


def _clips_of_task(run: Run, count: int, source: data.Data) -> np.ndarray:
    """What the first task that reads whole clips makes of held-out ones."""
    clips = take(source, 0, count)
    for name, task in run.method.tasks.items():
        shown, shapes = pictured(task.outputs), {key: spec.shape for key, spec in task.inputs.items()}
        if shown and shapes == {"video": clips.shape[1:]}:
            return joined(stream(run, name, count=count, inputs={"video": clips}))[shown]
    return clips


def _held_out_inputs(task: Task, count: int, source: data.Data) -> dict[str, np.ndarray] | None:
    """Held-out examples for the image inputs of a task; None where it needs what the data do not have."""
    asked = {name: "image" if name == "content" else name for name, spec in task.inputs.items() if spec.kind == "image"}
    others = [spec for spec in task.inputs.values() if spec.kind != "image"]
    if not all(spec.kind == "index" or spec.default is not None for spec in others):
        return None
    examples = take_all(source, 0, count) if asked else {}
    if not all(key in examples for key in asked.values()):
        return None
    return {name: examples[key] for name, key in asked.items()}


def show(images: np.ndarray, columns: int | None = None):
    """A PIL image of a grid; a notebook displays it when it is the last value of a cell.

    Args:
      images: uint8 [N, H, W, C], one image [H, W, C], or clips [N, T, H, W, C], of which each is a row.
    """
    images = np.asarray(images)
    if images.ndim == 5:
        return training.pictures.strip(images)
    return training.pictures.grid(images[None] if images.ndim == 3 else images, columns)
