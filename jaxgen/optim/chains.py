"""Optimizers as named optax chains: clip by global norm -> optimizer -> schedule. Built from an `optim` section."""

from collections.abc import Mapping
from typing import Any

import optax

from jaxgen.core import UserError, choose


def schedule(section: Mapping[str, Any], steps: int) -> optax.Schedule:
    """Learning rate by step: linear warm-up over `warmup` steps to `lr`, then constant, or a cosine or linear
    descent to `lr * final` at `steps`.

    Raises:
      UserError: unknown schedule, or a warm-up at least as long as the run.
    """
    lr, warmup = section["lr"], section["warmup"]
    if warmup and warmup >= steps and section["schedule"] != "constant":
        raise UserError(f"optim.warmup is {warmup} but the run has {steps} steps; make the warm-up shorter.")
    rest = max(steps - warmup, 1)
    after = choose(
        {
            "constant": lambda: optax.constant_schedule(lr),
            "cosine": lambda: optax.cosine_decay_schedule(lr, rest, alpha=section["final"]),
            "linear": lambda: optax.linear_schedule(lr, lr * section["final"], rest),
        },
        section["schedule"],
        "optim.schedule",
    )()
    if not warmup:
        return after
    # The first step already moves: lr / warmup, not zero.
    rise = optax.linear_schedule(lr / warmup, lr, warmup - 1) if warmup > 1 else optax.constant_schedule(lr)
    return optax.join_schedules([rise, after], [warmup])


def _adam(s, lr):
    return optax.adam(lr, b1=s["b1"], b2=s["b2"], eps=s["eps"])


def _adamw(s, lr):
    return optax.adamw(lr, b1=s["b1"], b2=s["b2"], eps=s["eps"], weight_decay=s["weight_decay"])


OPTIMIZERS = {
    "adam": _adam,
    "adamw": _adamw,
    "adamax": lambda s, lr: optax.adamax(lr, b1=s["b1"], b2=s["b2"], eps=s["eps"]),
    "adafactor": lambda s, lr: optax.adafactor(lr),
    "lion": lambda s, lr: optax.lion(lr, b1=s["b1"], b2=s["b2"], weight_decay=s["weight_decay"]),
    "rmsprop": lambda s, lr: optax.rmsprop(lr, decay=s["b2"], eps=s["eps"]),
    "sgd": lambda s, lr: optax.sgd(lr, momentum=s["b1"] or None),
}


def build(section: Mapping[str, Any], steps: int) -> optax.GradientTransformation:
    """The gradient transformation of one player.

    Args:
      section: keys name, lr, b1, b2, eps, weight_decay, schedule, warmup, final, clip (0: off).
      steps: optimizer steps of the whole run, for the schedule.
    """
    make = choose(OPTIMIZERS, section["name"], "optim.name")
    tx = make(section, schedule(section, steps))
    return optax.chain(optax.clip_by_global_norm(section["clip"]), tx) if section["clip"] else tx
