"""The notebook face: train, load, sample, run a task, evaluate, show. The command line is a thin layer over it."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import jax
import numpy as np
from ml_collections import ConfigDict

from jaxgen import data, parallel, training
from jaxgen.core import RAW, Method, State, UserError, choose, weights
from jaxgen.core.trees import size
from jaxgen.data import Info
from jaxgen.zoo import configs as zoo_configs
from jaxgen.zoo import files, methods
from jaxgen.zoo.warm import warm
from jaxgen.zoo.wire import wire

MAY_CHANGE = (
    "train.steps",
    "train.log_every",
    "train.sample_every",
    "train.samples",
    "train.checkpoint_every",
    "train.keep",
    "train.strategy",
    "train.steps_per_call",
    "sampler.",
    "eval.",
    "mesh.",
    "data.path",
    "data.workers",
)
"""Config keys (or sections) that may differ when a run goes on; any other difference would make another model."""


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
        return _joined(stream(self, task, count=count, seed=seed, inputs=arrays))

    def evaluate(self, **settings: Any) -> dict[str, Any]:
        """See `evaluate`."""
        return evaluate(self, **settings)

    def with_sampler(self, **settings: Any) -> "Run":
        """The same weights under other sampler settings, e.g. `with_sampler(name="ddim", steps=20)`."""
        config = self.config.copy_and_resolve_references()
        zoo_configs.override(config, [f"sampler.{key}={value}" for key, value in settings.items()])
        return replace(self, config=config, method=methods.build(config, self.info), _programs={})

    def metrics(self) -> list[dict[str, float]]:
        """The logged metrics, one dict per log point."""
        lines = (self.workdir / "metrics.jsonl").read_text().splitlines()
        return [json.loads(line) for line in lines]


def configs() -> list[str]:
    """Names of every config of the zoo."""
    return zoo_configs.names()


def default_workdir(config_name: str) -> Path:
    """runs/<config>, below the current directory."""
    own = Path(config_name)
    return Path("runs") / (own.stem if own.suffix == ".py" else config_name.replace(":", "-"))


def train(
    config: str | ConfigDict,
    overrides: Sequence[str] = (),
    *,
    workdir: str | Path | None = None,
    progress: bool = True,
) -> Run:
    """Train a config, or go on with the run that `workdir` holds. The same call resumes exactly.

    Args:
      config: a name of the zoo ("diffusion/ddpm_digits", "gan/dcgan_mnist:smoke"), a path to a config file, or a
        ConfigDict.
      overrides: "dotted.key=value" strings.
      workdir: the run's directory; `runs/<config>` by default.
      progress: show the progress bar.

    Raises:
      UserError: bad config or data, or `workdir` holds a run of a different model (the differing keys are named).
    """
    if isinstance(config, str):
        name, config = config, zoo_configs.load(config, overrides)
    else:
        name, config = str(config.method.name), config.copy_and_resolve_references()
        zoo_configs.override(config, overrides)
    folder = Path(workdir) if workdir else default_workdir(name)
    check_same_model(folder, config)

    source = data.load(config.data)
    axis = "data" if config.train.strategy == "pmap" else None
    method = methods.build(config, source.info, axis)
    if config.train.init_from:
        method = warm(method, _earlier(config.train.init_from), config.train.init_from)
    strategy = _strategy(config, method)
    batches = source.batches(
        "train",
        config.train.batch_size,
        config.train.seed,
        process_index=jax.process_index(),
        process_count=jax.process_count(),
        per_step=method.batches_per_step,
    )

    def batch(step: int) -> dict[str, np.ndarray]:
        return {key: value for key, value in batches(step).items() if value.dtype.kind not in "OUS"}

    shapes = {key: [list(value.shape), str(value.dtype)] for key, value in batch(0).items()}
    method_jit = methods.build(config, source.info)
    run = Run(folder, config, source.info, method_jit, state=None)  # type: ignore[arg-type]
    state = training.fit(
        method,
        strategy,
        batch,
        settings=config.train,
        workdir=folder,
        rng=jax.random.key(config.train.seed),
        records={
            "config.json": zoo_configs.to_json(config),
            "data.json": json.dumps({"info": source.info.to_dict(), "batch": shapes}, indent=1) + "\n",
        },
        draw=lambda state, step: _draw(run, state, step, source),
        examples_per_step=config.train.batch_size * method.batches_per_step,
        progress=progress,
    )
    return replace(run, state=state)


def _strategy(config: ConfigDict, method: Method) -> parallel.Strategy:
    n = config.train.steps_per_call
    if config.train.strategy == "jit":
        mesh = parallel.make_mesh(config.mesh.data, config.mesh.fsdp)
        return parallel.jit_strategy(method, mesh, steps_per_call=n)
    if config.train.strategy == "pmap":
        return parallel.pmap_strategy(method, steps_per_call=n)
    raise UserError(f"train.strategy is jit or pmap, not {config.train.strategy!r}.")


def check_same_model(workdir: Path, config: ConfigDict) -> None:
    """Refuse to go on with a run of a different model.

    Raises:
      UserError: with the keys that differ.
    """
    path = workdir / "config.json"
    if not path.exists():
        return
    differ = zoo_configs.differences(_config(workdir), config)
    differ = {key: pair for key, pair in differ.items() if not key.startswith(MAY_CHANGE)}
    if differ:
        shown = "; ".join(f"{key} {old!r} there, {new!r} now" for key, (old, new) in list(differ.items())[:6])
        more = f" and {len(differ) - 6} more" if len(differ) > 6 else ""
        raise UserError(
            f"{workdir} holds a run of a different model ({shown}{more}): choose another --workdir, or remove it."
        )


def _config(workdir: Path) -> ConfigDict:
    path = workdir / "config.json"
    try:
        return zoo_configs.from_json(path.read_text())
    except FileNotFoundError:
        raise UserError(f"{workdir} is not a run: it has no config.json. `jaxgen train CONFIG` makes one.") from None
    except ValueError as error:
        raise UserError(f"{path} is not readable as JSON ({error}); restore it or train again.") from None


def load(workdir: str | Path, *, step: int | None = None) -> Run:
    """The newest good checkpoint of a run (or the one of `step`), ready for its tasks. The data set is not needed.

    Raises:
      UserError: not a run, or no good checkpoint.
    """
    folder = Path(workdir)
    config = _config(folder)
    try:
        described = json.loads((folder / "data.json").read_text())
    except (FileNotFoundError, ValueError):
        raise UserError(f"{folder}/data.json is missing or damaged; run the training command again.") from None
    info = Info.from_dict(described["info"])
    method = methods.build(config, info)
    batch = {key: jax.ShapeDtypeStruct(tuple(shape), dtype) for key, (shape, dtype) in described["batch"].items()}
    abstract = jax.eval_shape(method.init, jax.random.key(0), batch, {})
    state = training.Checkpoints(folder / "checkpoints").restore_weights(abstract, step)
    return Run(folder, config, info, method, state)


def _earlier(source: str):
    """The weights that `train.init_from` names."""
    kind, _, path = source.partition(":")
    if kind != "run" or not path:
        raise UserError(f"train.init_from={source!r} should read run:PATH, the directory of an earlier run.")
    run = load(path)
    return weights(run.state, run.config.sampler.get("profile", "ema"))


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
    _check_inputs(task, spec.inputs, given)
    mesh = parallel.make_mesh() if jax.device_count() > 1 else None
    if task not in run._programs:
        run._programs[task] = parallel.task_program(spec, mesh)
    yield from parallel.run_task(
        run._programs[task],
        weights(run.state, run.config.sampler.get("profile", RAW if not run.state.ema else "ema")),
        seed=seed,
        count=count,
        inputs={name: given[name] for name in spec.inputs},
        chunk=chunk or run.config.sampler.get("chunk", 64),
        mesh=mesh,
        start=start,
    )


def _check_inputs(task: str, specs, given) -> None:
    for name in given:
        choose(specs, name, f"input of task {task!r}")
    for name, spec in specs.items():
        if name not in given:
            raise UserError(f"Task {task!r} needs the input {name!r} ({spec.kind} {spec.shape}).")
        value = given[name]
        if value.shape[1:] != tuple(spec.shape):
            raise UserError(f"Input {name!r} of task {task!r} is {value.shape[1:]}; this model takes {spec.shape}.")
        if spec.kind in ("image", "video") and value.dtype != np.uint8:
            raise UserError(f"Input {name!r} of task {task!r} is {value.dtype}; images are uint8 in 0 ... 255.")
        if spec.kind == "label" and spec.high and not (0 <= value.min() and value.max() < spec.high):
            raise UserError(f"Labels of task {task!r} lie in 0 ... {spec.high - 1}.")


def _joined(chunks: Iterator[dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
    parts = list(chunks)
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def sample(run: Run, n: int = 16, *, seed: int = 0, labels: Sequence[int] | None = None, **sampler: Any) -> np.ndarray:
    """Images uint8 [n, H, W, C]. Image i depends on `seed` and i alone.

    Args:
      labels: one class per image, or one for all; by default 0, 1, 2, ... in turn for class-conditional models.
      sampler: settings to change, e.g. `steps=20`.
    """
    if n < 1:
        raise UserError(f"The number of samples should be at least 1, not {n}.")
    if sampler:
        run = run.with_sampler(**sampler)
    return _joined(stream(run, "sample", count=n, seed=seed, inputs=label_inputs(run, labels, n)))["image"]


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


def held_out(run: Run, first: int, stop: int) -> np.ndarray:
    """Images first ... stop - 1 of the split the run is judged on, uint8."""
    return _take(data.load(run.config.data), first, stop)


def _take(source: data.Data, first: int, stop: int) -> np.ndarray:
    found, seen = [], 0
    for batch in source.epoch("test", 256):
        images = batch["image"][batch["mask"]]
        found.append(images[max(first - seen, 0) : max(stop - seen, 0)])
        seen += len(images)
        if seen >= stop:
            break
    if seen < stop:
        raise UserError(f"The held-out split has {seen} images; {stop} were asked for.")
    return np.concatenate(found)


def _draw(run: Run, state: State, step: int, source: data.Data) -> Path:
    """The picture of a step: fixed keys, so that pictures of one run can be compared."""
    now = replace(run, state=state)
    count = run.config.train.samples
    if "sample" in run.method.tasks:
        images = _joined(stream(now, "sample", count=count))["image"]
    else:
        images = _picture_of_task(now, count, source)
    path = run.workdir / "samples" / f"{step:08d}.png"
    files.write_images(path, images)
    return path


def _picture_of_task(run: Run, count: int, source: data.Data) -> np.ndarray:
    """For models that do not sample: outputs of their first task for held-out images, or nothing to draw."""
    for name, task in sorted(run.method.tasks.items()):
        if any(spec.kind == "image" for spec in task.outputs.values()) and list(task.inputs) == ["image"]:
            images = _take(source, 0, count)
            outputs = _joined(stream(run, name, count=count, inputs={"image": images}))
            return next(outputs[key] for key, spec in task.outputs.items() if spec.kind == "image")
    return _take(source, 0, count)


def show(images: np.ndarray, columns: int | None = None):
    """A PIL image of a grid; a notebook displays it when it is the last value of a cell.

    Args:
      images: uint8 [N, H, W, C] or one image [H, W, C].
    """
    images = np.asarray(images)
    return training.pictures.grid(images[None] if images.ndim == 3 else images, columns)


def parameters(config_name: str) -> int:
    """Number of trained weights of a config's `:smoke`-free form; nothing is allocated."""
    config = zoo_configs.load(config_name)
    source = data.load(config.data)
    method = methods.build(config, source.info)
    batch = source.batches("train", 2, 0, per_step=method.batches_per_step)(0)
    shapes = {key: jax.ShapeDtypeStruct(v.shape, v.dtype) for key, v in batch.items() if v.dtype.kind not in "OUS"}
    return size(jax.eval_shape(method.init, jax.random.key(0), shapes, {}).params)
