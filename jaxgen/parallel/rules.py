"""Where every leaf of the state lives: a table of (path regex, PartitionSpec), beside the mesh and never in a layer.

A path reads like "params/model/down_0/conv/kernel". Optimizer moments and averages repeat the path of their weight,
"opt/model/0/mu/down_0/conv/kernel" and "ema/model/ema/params/down_0/conv/kernel", so that one rule `r"down_0/conv/
kernel$"` covers all three.
"""

import re
from collections.abc import Sequence
from typing import Any

import jax
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from jaxgen.core import UserError, choose
from jaxgen.parallel.mesh import AXES, BATCH, FSDP

Rules = Sequence[tuple[str, PartitionSpec]]

SMALL = 2**14
"""Leaves with fewer scalars stay replicated under the fsdp fallback: gathering them costs more than they weigh."""


def name(path) -> str:
    """A key path as text: "params/model/dense/kernel"."""
    return jax.tree_util.keystr(path, simple=True, separator="/")


def parse(table: Sequence[Any]) -> Rules:
    """The rules of a config's `mesh.rules`: ((regex, (axis | None | (axis, ...), ...)), ...), one entry per array axis.

    Raises:
      UserError: not written that way, an unknown mesh axis, or a regex that is none.
    """
    found = []
    for row in table:
        if not (isinstance(row, tuple | list) and len(row) == 2 and isinstance(row[0], str)):
            raise UserError(
                f"mesh.rules holds {row!r}; a rule is (regex, (mesh axis or None, ...)), "
                "such as ('attention.*/kernel$', (None, 'tensor'))."
            )
        pattern, axes = row[0], (row[1],) if isinstance(row[1], str) else tuple(row[1] or ())
        try:
            re.compile(pattern)
        except re.error as error:
            raise UserError(f"mesh.rules: {pattern!r} is not a regular expression ({error}).") from None
        named = [axis for entry in axes for axis in _names(entry)]
        for axis in named:
            choose(dict.fromkeys(AXES), axis, f"mesh axis in the sharding rule {pattern!r}")
        if len(set(named)) < len(named):
            raise UserError(
                f"The sharding rule {pattern!r} names a mesh axis twice; each divides one axis of an array."
            )
        found.append((pattern, PartitionSpec(*(tuple(a) if isinstance(a, list) else a for a in axes))))
    return found


def follows_batch(path: str, per_example: Sequence[str]) -> bool:
    """Is the leaf at or below one of the state paths whose first axis follows the batch?"""
    return any(path == prefix or path.startswith(prefix.rstrip("/") + "/") for prefix in per_example)


def shardings(state: Any, mesh: Mesh, rules: Rules = (), *, per_example: Sequence[str] = (), small: int = SMALL) -> Any:
    """A `NamedSharding` for every leaf of `state` (arrays or `ShapeDtypeStruct`s). The first that applies:

    1. a leaf of `per_example` follows the batch on its first axis;
    2. the first rule whose regex is found in the path; an axis of the leaf that its mesh axis does not divide stays
       whole;
    3. if the mesh has an fsdp axis above 1: the largest axis of the leaf that it divides, for leaves of at least
       `small` scalars;
    4. replicated.

    Raises:
      UserError: a rule names an axis that the mesh does not have.
    """
    for pattern, spec in rules:
        missing = {axis for axes in spec for axis in _names(axes)} - set(mesh.axis_names)
        if missing:
            raise UserError(
                f"The sharding rule {pattern!r} names the mesh axis {sorted(missing)[0]!r}; "
                f"the mesh has {', '.join(mesh.axis_names)}."
            )

    def one(path, leaf):
        text = name(path)
        if follows_batch(text, per_example):
            return NamedSharding(mesh, PartitionSpec(BATCH))
        for pattern, spec in rules:
            if re.search(pattern, text) and len(spec) <= leaf.ndim:
                return NamedSharding(mesh, _fit(spec, leaf.shape, mesh))
        return NamedSharding(mesh, _largest(leaf.shape, mesh.shape[FSDP], small))

    return jax.tree_util.tree_map_with_path(one, state)


def _names(axes) -> tuple[str, ...]:
    """The mesh axes in one entry of a PartitionSpec: None, a name or a tuple of names."""
    return () if not axes else (axes,) if isinstance(axes, str) else tuple(axes)


def _fit(spec: PartitionSpec, shape: tuple[int, ...], mesh: Mesh) -> PartitionSpec:
    def one(size, axes):
        parts = 1
        for axis in _names(axes):
            parts *= mesh.shape[axis]
        return axes if size % parts == 0 else None

    return PartitionSpec(*[one(size, axes) for size, axes in zip(shape, spec)])


def _largest(shape: tuple[int, ...], parts: int, small: int) -> PartitionSpec:
    scalars = 1
    for size in shape:
        scalars *= size
    whole = [(size, index) for index, size in enumerate(shape) if size % parts == 0]
    if parts == 1 or scalars < small or not whole:
        return PartitionSpec()
    _, chosen = max(whole)
    return PartitionSpec(*[FSDP if index == chosen else None for index in range(chosen + 1)])
