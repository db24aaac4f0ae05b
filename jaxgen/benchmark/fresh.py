"""A run of no steps: what `jaxgen train` would have saved before its first step, so that its tasks can be timed."""

import json
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np
from ml_collections import ConfigDict

from jaxgen import data, parallel, runs, training
from jaxgen.core import Method, Task, UserError
from jaxgen.training import records
from jaxgen.zoo import configs, devices, files, methods
from jaxgen.zoo.wire import PIXELS

MAIN = ("sample", "upscale", "translate", "stylize", "predict")
"""The task that is timed: the first of these that a model has, else its first by name."""


class Trainee(NamedTuple):
    """A config, ready to be initialised."""

    config: ConfigDict
    source: data.Data
    method: Method
    strategy: parallel.Strategy
    frozen: dict[str, Any]

    def batch(self, step: int) -> dict[str, np.ndarray]:
        """The host batch of a step, without text."""
        config = self.config
        found = self.source.batches(
            "train", config.train.batch_size, config.train.seed, per_step=self.method.batches_per_step
        )(step)
        return {key: value for key, value in found.items() if value.dtype.kind not in "OUS"}


def trainee(name: str, overrides: list[str]) -> Trainee:
    """A config as `jaxgen train` builds it, one step per call; its frozen networks have random weights.

    Raises:
      UserError: an unknown config or key, or data that are not on this machine.
    """
    config = configs.load(name, overrides)
    for network in config.get("frozen", {}):
        config.frozen[network] = "random:0"
    parallel.split_cpu(config.mesh.cpu)
    source = data.load(config.data)
    method = methods.build(config, source.info, "data" if config.train.strategy == "pmap" else None)
    strategy = devices.strategy(config, method, steps_per_call=1)
    return Trainee(config, source, method, strategy, runs.frozen_networks(config))


def save(name: str, overrides: list[str], workdir: Path) -> None:
    """Write a run of the config with freshly initialised weights."""
    chosen = trainee(name, overrides)
    batch = chosen.batch(0)
    state = chosen.strategy.init(jax.random.key(chosen.config.train.seed), batch, chosen.frozen)
    shapes = {key: [list(value.shape), str(value.dtype)] for key, value in batch.items()}
    texts = {
        "config.json": configs.to_json(chosen.config),
        "data.json": json.dumps({"info": chosen.source.info.to_dict(), "batch": shapes}),
    }
    with training.Checkpoints(workdir / "checkpoints") as store:
        store.save(0, state)
    records.start(workdir, texts, seed=chosen.config.train.seed, step=0)


def main_task(method: Method, asked: str = "") -> str:
    """The name of the task to time.

    Raises:
      UserError: the model lacks the task asked for, or has none.
    """
    if asked and asked not in method.tasks:
        raise UserError(f"This model has no task {asked!r}; it has {', '.join(sorted(method.tasks))}.")
    found = [asked] if asked else [name for name in MAIN if name in method.tasks] or sorted(method.tasks)
    if not found:
        raise UserError("This model has no tasks to time; --train times its steps.")
    return found[0]


def inputs(task: Task, count: int) -> dict[str, np.ndarray]:
    """Something for every input of a task on the wire: labels in turn, noise for pixels, half of a mask.

    Raises:
      UserError: an input of a kind that cannot be made up.
    """
    random = np.random.default_rng(0)
    made = files.default_inputs(task, count)
    for name, spec in task.inputs.items():
        shape = (count, *spec.shape)
        if name in made:
            continue
        if spec.kind in PIXELS:
            made[name] = random.integers(0, 256, shape, dtype=np.uint8)
        elif spec.kind == "mask":
            made[name] = random.integers(0, 2, shape).astype(np.float32)
        elif spec.kind == "latent":
            made[name] = random.normal(size=shape).astype(np.float32)
        else:
            raise UserError(f"The input {name!r} is a {spec.kind}, which the benchmark cannot make up.")
    return made
