"""Optimizers as named optax chains: clip by global norm -> optimizer -> schedule. Built from an `optim` section."""

from collections.abc import Callable, Mapping
from typing import Any

import optax

from jaxgen.core import UserError, choose, trees


def schedule(section: Mapping[str, Any], steps: int) -> optax.Schedule:
    """Learning rate by step: linear warm-up over `warmup` steps to `lr`, then constant, or a cosine or linear
    descent to `lr * final` at `steps`; "late_linear" is constant over the first half of the way (CycleGAN, pix2pix).

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
            "late_linear": lambda: optax.linear_schedule(lr, lr * section["final"], rest - rest // 2, rest // 2),
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


def _lbfgs(s, lr):
    """Limited-memory BFGS with a zoom line search, whose step lengths make `lr` meaningless.

    optax returns some leaves weakly typed, which would compile the step twice: they are made strong.
    """
    search = optax.scale_by_zoom_linesearch(max_linesearch_steps=s.get("search", 10), initial_guess_strategy="one")
    tx = optax.lbfgs(memory_size=s.get("memory", 10), linesearch=search)

    def update(updates, state, params=None, **extra):
        return trees.strong(tx.update(updates, state, params, **extra))

    return optax.GradientTransformationExtraArgs(lambda params: trees.strong(tx.init(params)), update)


OPTIMIZERS = {
    "adam": _adam,
    "adamw": _adamw,
    "adamax": lambda s, lr: optax.adamax(lr, b1=s["b1"], b2=s["b2"], eps=s["eps"]),
    "adafactor": lambda s, lr: optax.adafactor(lr),
    "lbfgs": _lbfgs,
    "lion": lambda s, lr: optax.lion(lr, b1=s["b1"], b2=s["b2"], weight_decay=s["weight_decay"]),
    "rmsprop": lambda s, lr: optax.rmsprop(lr, decay=s["b2"], eps=s["eps"]),
    "sgd": lambda s, lr: optax.sgd(lr, momentum=s["b1"] or None),
}


RANGES: dict[str, tuple[str, Callable[[Any], bool]]] = {
    "lr": ("above 0", lambda x: x > 0),
    "b1": ("at least 0 and below 1", lambda x: 0 <= x < 1),
    "b2": ("at least 0 and below 1", lambda x: 0 <= x < 1),
    **{name: ("0 or above", lambda x: x >= 0) for name in ("eps", "weight_decay", "warmup", "final", "clip")},
}
"""What the numbers of a section may be."""


def check(section: Mapping[str, Any]) -> None:
    """Raises:
    UserError: a number outside its range, NaN included.
    """
    for name, (words, inside) in RANGES.items():
        if name in section and not inside(section[name]):
            raise UserError(f"optim: {name} is {section[name]}; it must be {words}.")


def build(section: Mapping[str, Any], steps: int) -> optax.GradientTransformation:
    """The gradient transformation of one player.

    Args:
      section: keys name, lr, b1, b2, eps, weight_decay, schedule, warmup, final, clip (0: off); "lbfgs" reads memory
        (pairs kept) and search (evaluations per line search at most) instead of lr, b1, b2, eps.
      steps: optimizer steps of the whole run, for the schedule.

    Raises:
      UserError: an unknown name, or a number outside its range.
    """
    check(section)
    make = choose(OPTIMIZERS, section["name"], "optim.name")
    tx = make(section, schedule(section, steps))
    return optax.chain(optax.clip_by_global_norm(section["clip"]), tx) if section["clip"] else tx
