"""What a checkpoint says it holds: every leaf with its dtype, shape and fingerprint, compared with what is wanted."""

from collections.abc import Callable
from typing import Any

import jax

from jaxgen.core import State, UserError
from jaxgen.training.fingerprints import fingerprints

FORMAT = 2
"""1: leaves and frozen networks. 2: also the metrics of the step, which decide the best."""
MIGRATIONS: dict[int, Callable[[dict[str, Any]], dict[str, Any]]] = {1: lambda meta: {**meta, "metrics": {}}}
"""From `meta` of a format to that of the next; the tests keep a checkpoint of every format."""
CLOCK = "clock"
ITEMS = ("params", "opt", "ema", "stats", "memory", CLOCK)
WEIGHTS = ("params", "ema", "stats", "memory", CLOCK)
"""What sampling needs."""


def migrated(meta: dict[str, Any], where: str) -> dict[str, Any]:
    """`meta` in the present format.

    Raises:
      UserError: it was written by a later version of jaxgen.
    """
    while meta["format"] in MIGRATIONS:
        version = meta["format"]
        meta = {**MIGRATIONS[version](meta), "format": version + 1}
    if meta["format"] != FORMAT:
        raise UserError(
            f"{where} has format {meta['format']}; this version of jaxgen reads formats up to {FORMAT}: update jaxgen."
        )
    return meta


def parts(state: State) -> dict[str, Any]:
    """The items of a state; parts without leaves are left out."""
    found = {name: getattr(state, name) for name in ITEMS if name != CLOCK}
    found[CLOCK] = {"step": state.step, "rng": state.rng}
    return {name: part for name, part in found.items() if jax.tree.leaves(part)}


def describe(tree: Any) -> dict[str, list]:
    """path -> [dtype, shape] for every leaf, in the order of the leaves."""
    paths = jax.tree_util.tree_leaves_with_path(tree)
    names = [jax.tree_util.keystr(path, simple=True, separator="/") for path, _ in paths]
    return {name: [str(leaf.dtype), list(leaf.shape)] for name, (_, leaf) in zip(names, paths)}


def table(tree: Any) -> dict[str, list]:
    """path -> [dtype, shape, fingerprint, are all elements finite]."""
    return {name: [*kind, *row] for (name, kind), row in zip(describe(tree).items(), zip(*fingerprints(tree)))}


def placed(leaf: Any) -> jax.ShapeDtypeStruct:
    """With a place to go: where the saving run had the leaf may not exist here."""
    place = getattr(leaf, "sharding", None) or jax.sharding.SingleDeviceSharding(jax.local_devices()[0])
    return jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=place)


def same_model(here: dict[str, list], saved: dict[str, list], item: str, folder: Any) -> None:
    """A model that differs is the person's to sort out, unlike a damaged file."""
    for path in [*here, *saved]:
        now, then = here.get(path), saved.get(path, [None, None])[:2]
        if now == then:
            continue
        what = f"{item}/{path}"
        if path not in saved:
            detail = f"{what} is not in the checkpoint"
        elif now is None:
            detail = f"the checkpoint also holds {what}"
        else:
            detail = f"{what} is {then[0]} {then[1]} there and {now[0]} {now[1]} here"
        raise UserError(
            f"The checkpoints in {folder} belong to another model: {detail}. "
            "Use the configuration they were trained with, or another folder."
        )


def same_frozen(frozen: Any, saved: dict[str, list]) -> None:
    """Frozen networks given as shapes only (nothing to compare) pass."""
    leaves = jax.tree.leaves(frozen)
    if any(isinstance(leaf, jax.ShapeDtypeStruct) for leaf in leaves):
        return
    here = table(frozen) if leaves else {}
    changed = [path for path in {**here, **saved} if here.get(path) != saved.get(path)]
    if changed:
        name = changed[0].split("/")[0]
        raise UserError(
            f"The frozen network {name!r} is not the one this run was trained with ({changed[0]} differs); "
            "give the same file or run."
        )
