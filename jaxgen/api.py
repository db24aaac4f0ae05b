"""The notebook face: train, load, sample, evaluate, show. The command line is a thin layer over it."""

import itertools
import json
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import jax
import numpy as np
from ml_collections import ConfigDict

from jaxgen import __version__, data, evals, parallel, training
from jaxgen.core import Method, State, Task, UserError, Weights, weights
from jaxgen.runs import (
    Run,
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
    tiled,
    trained_weights,
)
from jaxgen.zoo import configs as zoo_configs
from jaxgen.zoo import enlarging, files, methods, style_evals, translation, video_evals
from jaxgen.zoo import evals as zoo_evals
from jaxgen.zoo.warm import warm
from jaxgen.zoo.wire import pictured

__all__ = [
    "Run",
    "UserError",
    "configs",
    "default_workdir",
    "evaluate",
    "held_out",
    "label_inputs",
    "load",
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
    "train.strategy",
    "train.steps_per_call",
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
    parallel.split_cpu(config.mesh.cpu)

    source = data.load(config.data)
    axis = "data" if config.train.strategy == "pmap" else None
    method = methods.build(config, source.info, axis)
    if config.train.init_from:
        given, part = _earlier(config.train.init_from)
        method = warm(method, given, config.train.init_from, part=part)
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

    networks = frozen_networks(config)
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
        frozen=networks,
        records={
            "config.json": zoo_configs.to_json(config),
            "data.json": json.dumps({"info": source.info.to_dict(), "batch": shapes}, indent=1) + "\n",
        },
        draw=lambda state, step: _draw(run, state, step, source),
        examples_per_step=config.train.batch_size * method.batches_per_step,
        progress=progress,
    )
    if jax.process_index() == 0:
        training.pictures.curve(folder / "metrics.jsonl", folder / "curve.png", title=name)
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
        images = (_clips_of_task if source.info.frames else _picture_of_task)(now, count, source)
    kind = "video" if images.ndim == 5 else "image"
    files.WRITERS[kind](run.workdir / "samples" / f"{step:08d}.png", images)


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


def evaluate(run: Run, *, n: int = 0, seed: int = 0, judge: str | None = None, out: str | Path | None = None) -> dict:
    """Judge a model and write the card beside it.

    What is measured follows from the model's tasks: samples are judged against held-out images (see
    `zoo.evals.judge_samples`), translations against their truths (see `zoo.translation`), losses of style
    transfer are set beside those of contents and styles, `log_prob` is averaged over
    held-out images, a classifier's accuracy is counted, enlarged photographs are compared with the large ones.

    Args:
      n: samples; the config's eval.samples by default.
      judge: directory of a classifier run; by default one fitted here for digits, else runs/classifier/cnn_<data>.
      out: the card's file; RUN/card.json by default.

    Returns:
      The card: "run", "judged" (where the model samples), "translation", "likelihood" (nats), "accuracy", and how it
      was made.

    Raises:
      UserError: no judge at hand, or the data set is not.
    """
    started = time.time()
    source = data.load(run.config.data)
    card: dict[str, Any] = {
        "run": str(run.workdir),
        "step": run.step,
        "seed": seed,
        "sampler": run.config.sampler.to_dict(),
        "versions": {"jaxgen": __version__, "jax": jax.__version__},
        "hardware": f"{jax.device_count()} x {jax.devices()[0].device_kind}",
    }
    if "sample" in run.tasks:
        made = sample(run, n or run.config.eval.samples, seed=seed)
        test, labels = _split(source, "test")
        if made.ndim == 5:
            card["clips"] = video_evals.judge_clips(made, test)
        else:
            train, _ = _split(source, "train")
            card["judged"] = zoo_evals.judge_samples(made, train, test, labels, _judge(run, source, judge))
    if "predict" in run.tasks:
        card["forecast"] = _forecast(run, source, n)
    if "translate" in run.tasks:
        card["translation"] = _translation(run, source, seed)
    if "upscale" in run.tasks:
        photographs = itertools.islice(data.wholes(run.config.data), n or run.config.eval.samples)
        card["enlarging"] = enlarging.judge(
            lambda low: next(tiled(run, "upscale", [low])), photographs, run.config.method.scale
        )
    if "stylize" in run.tasks:
        card["style"] = _style(run, source, n or run.config.eval.samples)
    if "log_prob" in run.tasks:
        held = _split(source, "test", run.config.eval.likelihood)
        card["likelihood"] = _likelihood(run, *held, seed)
    if "classify" in run.tasks:
        test, labels = _split(source, "test")
        found = joined(stream(run, "classify", count=len(test), inputs={"image": test}))["probabilities"]
        card["accuracy"] = float((found.argmax(-1) == labels).mean())
    card["seconds"] = round(time.time() - started, 1)
    zoo_evals.write_card(Path(out) if out else run.workdir / "card.json", card)
    return card


def _split(
    source: data.Data, split: str, limit: int = 0, beside: str = "label"
) -> tuple[np.ndarray, np.ndarray | None]:
    """All images of a split, or its first `limit`, uint8, with their labels (their leaf `beside`) if there are any."""
    images: list[np.ndarray] = []
    labels: list[np.ndarray] = []
    for batch in source.epoch(split, 512):
        images.append(batch[data.pixels(batch)][batch["mask"]])
        if beside in batch:
            labels.append(batch[beside][batch["mask"] & batch.get(f"{beside}_mask", True)])
        if limit and sum(len(part) for part in images) >= limit:
            break
    count = limit or None
    return np.concatenate(images)[:count], np.concatenate(labels)[:count] if labels else None


def _forecast(run: Run, source: data.Data, n: int) -> dict[str, Any]:
    """Forecasts of held-out clips, and persistence."""
    settings = run.config.eval
    found = video_evals.judge_forecasts(
        (batch["video"][batch["mask"]] for batch in source.epoch("test", 64)),
        lambda seen: joined(stream(run, "predict", count=len(seen), inputs={"video": seen}))["video"],
        context=run.config.method.context,
        limit=n or settings.samples,
        scale=settings.scale,
    )
    pairs = {
        str(lead): video_evals.persistence_of_all_pairs(run.config.data, lead, settings.scale)
        for lead in settings.pairs
    }
    return {**found, "step": settings.step, "unit": settings.unit, **({"pairs": pairs} if pairs else {})}


def _judge(run: Run, source: data.Data, judge: str | None) -> evals.Judge:
    """The classifier that judges samples of this data set."""
    folder = Path(judge) if judge else default_workdir(f"classifier/cnn_{source.info.name}")
    if judge is None and source.info.name == "digits":
        return evals.sklearn_digits_judge()
    if not (folder / "config.json").exists():
        raise UserError(
            f"There is no classifier run at {folder} to judge samples of {source.info.name} with; "
            f"`jaxgen train classifier/cnn_mnist` makes one for MNIST, and --judge RUN names another."
        )
    classifier = load(folder)
    if "classify" not in classifier.tasks:
        raise UserError(f"{folder} is no classifier: its tasks are {', '.join(classifier.tasks)}.")
    return zoo_evals.method_judge(classifier.method.tasks["classify"], weights(classifier.state), name=str(folder))


def _likelihood(run: Run, images: np.ndarray, labels: np.ndarray | None, seed: int) -> dict[str, Any]:
    """Mean log-likelihoods in nats with their standard errors, per name the task gives them."""
    inputs = {"image": images}
    if labels is not None and "label" in run.method.tasks["log_prob"].inputs:
        inputs["label"] = labels
    found = joined(stream(run, "log_prob", count=len(images), seed=seed, inputs=inputs))
    means = {
        name: {"mean": float(np.mean(v, dtype=np.float64)), "error": float(np.std(v, dtype=np.float64) / len(v) ** 0.5)}
        for name, v in found.items()
    }
    return {"images": len(images), "unit": "nats per image", **means}


def _translation(run: Run, source: data.Data, seed: int) -> dict[str, Any]:
    """Translations of held-out images: against their truths where these are known, else by a judge of both kinds."""
    images, targets = _split(source, "test", beside="target")
    train, train_targets = _split(source, "train", beside="target")
    if targets is None or train_targets is None:
        raise UserError(f"The held-out images of {source.info.name!r} have no targets to compare translations with.")

    def made(task: str, name: str, given: np.ndarray) -> np.ndarray:
        return joined(stream(run, task, count=len(given), seed=seed, inputs={name: given}))["image"]

    forward = made("translate", "image", images)
    if source.info.targets["test"] == "paired":
        found = translation.judge_pairs(images, forward, targets, train_targets)
        if "translate_back" in run.tasks:
            back = made("translate_back", "target", targets)
            found["back"] = translation.judge_pairs(targets, back, images, train)
    else:
        found = translation.judge_kinds(images, forward, targets, train, train_targets)
    if "reconstruct" in run.tasks:
        found["cycle"] = translation.apart(made("reconstruct", "image", images), images)
    return found


def _style(run: Run, source: data.Data, count: int) -> dict[str, Any]:
    """Losses of stylised pictures: held-out pairs, or those that the run's pixels were optimised for."""
    stored, settings = "index" in run.method.tasks["stylize"].inputs, run.config.train
    if not stored:
        examples = take_all(source, 0, min(count, source.info.sizes.get("test", count)))
        return style_evals.judge_style(run.run, examples, stored=False)
    examples = source.batches("train", settings.batch_size, settings.seed)(0)
    found = style_evals.judge_style(run.run, examples, stored=True)
    speeds = [row["images_per_second"] for row in run.metrics() if "images_per_second" in row]
    return {**found, "steps_per_second": float(np.median(speeds)) / settings.batch_size} if speeds else found


def report(card: dict[str, Any]) -> str:
    """A card as text."""
    lines = [f"{card['run']} at step {card['step']}, seed {card['seed']}, {card['hardware']}, {card['seconds']} s"]
    if "judged" in card:
        lines.append(zoo_evals.table(card["judged"]))
    if "translation" in card:
        lines.append(translation.table(card["translation"]))
    if "style" in card:
        lines.append(style_evals.table(card["style"]))
    if "clips" in card:
        lines.append(video_evals.clip_table(card["clips"]))
    if "forecast" in card:
        lines.append(video_evals.forecast_table(card["forecast"]))
    if "enlarging" in card:
        lines.append(enlarging.table(card["enlarging"]))
    if "likelihood" in card:
        found = dict(card["likelihood"])
        count, unit = found.pop("images"), found.pop("unit")
        units = {name: "bits per dimension" if name == "bits_per_dim" else unit for name in found}
        lines += [
            f"{k:36}{v['mean']:>12.3f} +- {v['error']:.3f} ({units[k]}, {count} images)" for k, v in found.items()
        ]
    if "accuracy" in card:
        lines.append(f"{'accuracy on held-out images':36}{100 * card['accuracy']:>11.2f} %")
    return "\n".join(lines)
