"""The sections that every config has, with the values most runs use, and how a smoke form shortens a run."""

from collections.abc import Mapping
from typing import Any

from ml_collections import ConfigDict


def section(changes: Mapping[str, Any], /, **keys: Any) -> ConfigDict:
    """A section of `keys` with `changes` put over them; a section within it may be changed in part."""
    made = ConfigDict(keys)
    made.update(changes)
    return made


def optimizer(**changes: Any) -> ConfigDict:
    """One player's optimizer; see `jaxgen.optim.build`. `ema` maps profile names to averages, `{}` for none."""
    return section(
        changes,
        name="adam",
        lr=1e-3,
        b1=0.9,
        b2=0.999,
        eps=1e-8,
        weight_decay=0.0,
        schedule="constant",
        warmup=0,
        final=0.0,
        clip=0.0,
        ema={},
    )


def constant_ema(decay: float) -> dict[str, Any]:
    """The profile "ema" as a constant-decay average, for `optimizer(ema=...)`."""
    return {"ema": {"kind": "constant", "decay": decay}}


def base(data: str = "digits") -> ConfigDict:
    """The full tree: method, net or nets, data, optim, sampler, train, mesh, eval.

    Args:
      data: `data.name`.
    """
    return ConfigDict(
        dict(
            method=dict(name=""),
            nets={},
            data=dict(
                name=data,  # a built-in, any tensorflow-datasets name, or "folder", "array", "shapes"
                path="",  # for "folder" and "array"; relative paths are tried below $JAXGEN_DATA too
                train="train",  # split to learn from; slices as in "train[:90%]"
                test="test",  # split to judge on
                size=0,  # images become size x size; 0 keeps the native size
                resize="crop",  # crop (scale the short side, centre crop), stretch, pad (scale the long side, pad)
                channels=0,  # 1 grey, 3 RGB; 0 keeps the native number
                background=255,  # grey level under transparent pixels and in padding
                pad=0,  # pixels added on each side after resizing
                flip=False,  # random left-right flip in training
                random_crop=0,  # random crop of this many pixels after reflect padding; 0 is off
                workers=0,  # reader threads for sets too large for memory
                memory_mb=2048,  # splits up to this size are decoded once and kept in memory
            ),
            optim=optimizer(),
            sampler={},
            train=dict(
                steps=1000,
                batch_size=64,  # global
                seed=0,
                micro=1,  # micro-batches per step
                remat="none",  # or keep for the backward pass only "products", or only those with "weights"
                steps_per_call=1,  # steps in one compiled scan; saves fall on its boundaries
                strategy="jit",  # or pmap
                log_every=50,
                sample_every=500,
                samples=64,  # images in the grids drawn while training
                checkpoint_every=500,
                keep=3,  # newest checkpoints kept
                keep_best="",  # a logged metric; the checkpoint where it was lowest is kept too
                init_from="",  # "run:PATH": start from another run's weights; "part:PATH": from those of them that fit
            ),
            mesh=dict(
                data=-1,  # devices that share the batch; -1: all that remain
                fsdp=1,  # devices that share the batch and cut large arrays of the state
                tensor=1,  # devices that cut what `rules` say, and see the same examples
                rules=(),  # ((regex of paths in the state, (mesh axis or None per array axis, ...)), ...)
                small=2**14,  # arrays with fewer numbers are not cut by fsdp
                cpu=1,  # where the backend is the CPU: how many devices at most to make of it
            ),
            eval=dict(
                samples=1000,  # images drawn to be judged
                likelihood=0,  # held-out images whose log_prob is averaged; 0: all
            ),
        )
    )


def few_steps(config: ConfigDict, steps: int = 4, samples: int = 4, **changes: Any) -> None:
    """Shorten `train`, in place, to a few small steps."""
    config.train.update(steps=steps, batch_size=8, samples=samples, steps_per_call=1, **changes)


def few_reported_steps(config: ConfigDict, steps: int = 4, samples: int = 4) -> None:
    """`few_steps`, each of them logged, with a grid of samples and a checkpoint after the last one."""
    few_steps(config, steps, samples, log_every=1, sample_every=steps, checkpoint_every=steps)
