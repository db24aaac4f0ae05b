"""A trained model, read back from its directory: its tasks, in compiled chunks, on any number of devices."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import jax
import numpy as np
from ml_collections import ConfigDict

from jaxgen import data, parallel, training
from jaxgen.core import RAW, Method, State, Task, UserError, Weights, choose, weights
from jaxgen.data import Info
from jaxgen.zoo import configs as zoo_configs
from jaxgen.zoo import files, frozen, methods, stylize
from jaxgen.zoo.wire import PIXELS, pictured, wire


@dataclass(frozen=True)
class Run:
    """A trained model: a run's directory, read. Its methods are the module's functions of the same name."""

    workdir: Path
    config: ConfigDict
    info: Info
    method: Method
    state: State
    """Weights, averages and statistics; `opt` is empty after `load`."""
    _programs: dict[str, Any] = field(default_factory=dict, repr=False)

    @property
    def step(self) -> int:
        """Finished training steps."""
        return int(self.state.step)

    @property
    def tasks(self) -> list[str]:
        """What this model can do."""
        return sorted(self.method.tasks)

    def sample(self, n: int = 16, *, seed: int = 0, labels: Sequence[int] | None = None, **sampler: Any) -> np.ndarray:
        """See `sample`."""
        return sample(self, n, seed=seed, labels=labels, **sampler)

    def run(self, task: str, *, seed: int = 0, **inputs: Any) -> dict[str, np.ndarray]:
        """Outputs of a task for arrays of inputs, e.g. `run.run("reconstruct", image=images)` (images uint8)."""
        arrays = {name: np.asarray(value) for name, value in inputs.items()}
        count = max((len(value) for value in arrays.values()), default=1)
        return joined(stream(self, task, count=count, seed=seed, inputs=arrays))

    def with_sampler(self, **settings: Any) -> "Run":
        """The same weights under other sampler settings, e.g. `with_sampler(name="ddim", steps=20)`."""
        config = self.config.copy_and_resolve_references()
        zoo_configs.override(config, [f"sampler.{key}={value}" for key, value in settings.items()])
        return replace(self, config=config, method=methods.build(config, self.info), _programs={})

    def metrics(self) -> list[dict[str, float]]:
        """The logged metrics, one dict per log point."""
        lines = (self.workdir / "metrics.jsonl").read_text().splitlines()
        return [json.loads(line) for line in lines]


def read_config(workdir: Path) -> ConfigDict:
    path = workdir / "config.json"
    try:
        return zoo_configs.from_json(path.read_text())
    except FileNotFoundError:
        raise UserError(f"{workdir} is not a run: it has no config.json. `jaxgen train CONFIG` makes one.") from None
    except ValueError as error:
        raise UserError(f"{path} is not readable as JSON ({error}); restore it or train again.") from None


def default_workdir(config_name: str) -> Path:
    """runs/<config>, below the current directory."""
    own = Path(config_name)
    return Path("runs") / (own.stem if own.suffix == ".py" else config_name.replace(":", "-"))


def load(workdir: str | Path, *, step: int | None = None) -> Run:
    """The newest good checkpoint of a run (or the one of `step`), ready for its tasks. The data set is not needed.

    Raises:
      UserError: not a run, or no good checkpoint.
    """
    folder = training.places.reachable(workdir)
    config = read_config(folder)
    parallel.split_cpu(config.mesh.get("cpu", 1))
    try:
        described = json.loads((folder / "data.json").read_text())
    except (FileNotFoundError, ValueError):
        raise UserError(f"{folder}/data.json is missing or damaged; run the training command again.") from None
    info = Info.from_dict(described["info"])
    method = methods.build(config, info)
    batch = {key: jax.ShapeDtypeStruct(tuple(shape), dtype) for key, (shape, dtype) in described["batch"].items()}
    networks = frozen_networks(config)
    abstract = jax.eval_shape(method.init, jax.random.key(0), batch, networks).replace(frozen=networks)
    state = training.Checkpoints(folder / "checkpoints").restore_weights(abstract, step)
    return Run(folder, config, info, method, state)


def frozen_networks(config: ConfigDict) -> dict[str, Any]:
    """The pretrained networks a config names in `frozen`, read from the runs and files it names there."""
    return frozen.resolve(config, trained_weights)


def trained_weights(workdir: str | Path) -> Weights:
    """The averaged weights of a run, where it keeps averages."""
    run = load(workdir)
    return weights(run.state, run.config.sampler.get("profile", "ema"))


def at_own_size(run: Run, task: str, items: Sequence[str]) -> Run:
    """The run as it reads the files among `items` at their own size, if it reads any size (AdaIN does)."""
    sizes = stylize.own_sizes(run.config, files.files_of(run.method.tasks[task], items))
    return run.with_sampler(**sizes) if sizes else run


def stream(
    run: Run,
    task: str,
    *,
    count: int,
    seed: int = 0,
    inputs: Mapping[str, np.ndarray] | None = None,
    chunk: int = 0,
    start: int = 0,
) -> Iterator[dict[str, np.ndarray]]:
    """Outputs of a task, chunk by chunk: images uint8, numbers float32. Missing labels are 0, 1, 2, ... in turn.

    Raises:
      UserError: the model has no such task (the list is shown), or an input is missing or of the wrong shape.
    """
    if task not in run.method.tasks:
        raise UserError(f"This model has no task {task!r}; it has {', '.join(run.tasks)}.")
    spec = wire(run.method.tasks[task])
    given = {**files.default_inputs(spec, count), **(inputs or {})}
    if spec.tiles is not None:
        name = next(iter(spec.outputs))
        yield from ({name: output[None]} for output in tiled(run, task, given.get(next(iter(spec.inputs)), ())))
        return
    check_inputs(task, spec.inputs, given)
    yield from _chunks(run, task, spec, count=count, seed=seed, inputs=given, chunk=chunk, start=start)


def tiled(run: Run, task: str, images: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
    """Outputs uint8 of a task that works in tiles (`Task.tiles`), for images uint8 [H, W, C] of any sizes.

    Raises:
      UserError: not such a task, or images of another type or number of channels.
    """
    spec = wire(run.method.tasks[task])
    if spec.tiles is None:
        raise UserError(f"Task {task!r} takes images of one size only.")
    (name, given), result = next(iter(spec.inputs.items())), next(iter(spec.outputs))
    side, channels = given.shape[1:]
    overlap, scale = spec.tiles
    for image in images:
        if image.ndim != 3 or image.shape[-1] != channels or image.dtype != np.uint8 or not image.size:
            raise UserError(f"Task {task!r} takes images uint8 [H, W, {channels}], not {image.dtype} {image.shape}.")
        tiles, places = parallel.cut(image, side, overlap)
        outputs = joined(_chunks(run, task, spec, count=len(tiles), inputs={name: tiles}))
        yield parallel.join(outputs[result], places, image.shape, overlap, scale)


def _chunks(run: Run, task: str, spec: Task, *, count: int, inputs: Mapping[str, np.ndarray], seed=0, chunk=0, start=0):
    """Outputs of a task on the wire, for inputs known to fit."""
    mesh = parallel.make_mesh() if jax.device_count() > 1 else None
    if task not in run._programs:
        run._programs[task] = parallel.task_program(spec, mesh)
    yield from parallel.run_task(
        run._programs[task],
        weights(run.state, run.config.sampler.get("profile", RAW if not run.state.ema else "ema")),
        seed=seed,
        count=count,
        inputs={name: inputs[name] for name in spec.inputs},
        chunk=chunk or run.config.sampler.get("chunk", 64),
        mesh=mesh,
        start=start,
    )


def check_inputs(task: str, specs, given) -> None:
    for name in given:
        choose(specs, name, f"input of task {task!r}")
    for name, spec in specs.items():
        if name not in given:
            raise UserError(f"Task {task!r} needs the input {name!r} ({spec.kind} {spec.shape}).")
        value = given[name]
        if value.shape[1:] != tuple(spec.shape):
            raise UserError(f"Input {name!r} of task {task!r} is {value.shape[1:]}; this model takes {spec.shape}.")
        if spec.kind in PIXELS and value.dtype != np.uint8:
            raise UserError(f"Input {name!r} of task {task!r} is {value.dtype}; pixels are uint8 in 0 ... 255.")
        if spec.kind == "label" and spec.high and not (value.min() >= 0 and value.max() < spec.high):
            raise UserError(f"Labels of task {task!r} lie in 0 ... {spec.high - 1}.")


def joined(chunks: Iterator[dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
    parts = list(chunks)
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def sample(run: Run, n: int = 16, *, seed: int = 0, labels: Sequence[int] | None = None, **sampler: Any) -> np.ndarray:
    """Images uint8 [n, H, W, C], or clips uint8 [n, T, H, W, C]. Image i depends on `seed` and i alone.

    Args:
      labels: one class per image, or one for all; by default 0, 1, 2, ... in turn for class-conditional models.
      sampler: settings to change, e.g. `steps=20`.
    """
    if n < 1:
        raise UserError(f"The number of samples should be at least 1, not {n}.")
    if sampler:
        run = run.with_sampler(**sampler)
    made = joined(stream(run, "sample", count=n, seed=seed, inputs=label_inputs(run, labels, n)))
    return made[pictured(run.method.tasks["sample"].outputs) or "image"]


def label_inputs(run: Run, labels: Sequence[int] | None, n: int) -> dict[str, np.ndarray]:
    """The "label" input of the sample task; one label serves for all n.

    Raises:
      UserError: the model has no classes, or the number of labels is neither 1 nor n.
    """
    if labels is None:
        return {}
    if "sample" in run.method.tasks and "label" not in run.method.tasks["sample"].inputs:
        raise UserError("This model is not class-conditional, so it takes no labels.")
    if len(labels) not in (1, n):
        raise UserError(f"{len(labels)} labels for {n} images: give one for all, or one for each.")
    return {"label": np.resize(np.asarray(labels, np.int32), n)}


def held_out(run: Run, first: int, stop: int, name: str = "image") -> np.ndarray:
    """Examples first ... stop - 1 of the split the run is judged on: their leaf `name`, or pixels if there is none."""
    examples = take_all(data.load(run.config.data), first, stop)
    return examples.get(name, examples[data.pixels(examples)])


def take(source: data.Data, first: int, stop: int) -> np.ndarray:
    """Held-out images (or clips) first ... stop - 1."""
    examples = take_all(source, first, stop)
    return examples[data.pixels(examples)]


def take_all(source: data.Data, first: int, stop: int) -> dict[str, np.ndarray]:
    """All leaves of the held-out examples first ... stop - 1."""
    found: dict[str, list[np.ndarray]] = {}
    seen = 0
    for batch in source.epoch("test", min(256, stop)):
        mask = batch.pop("mask")
        for name, values in batch.items():
            found.setdefault(name, []).append(values[mask][max(first - seen, 0) : max(stop - seen, 0)])
        seen += int(mask.sum())
        if seen >= stop:
            break
    if seen < stop:
        raise UserError(
            f"The held-out split of {source.info.name} has {seen} examples, but {stop} were asked for: ask for fewer."
        )
    return {name: np.concatenate(parts) for name, parts in found.items()}
