"""Frozen networks: pretrained weights that a method needs and never changes.

A config names the network in `nets` and where its weights come from in `frozen`, under the same name:
    frozen.encoder = "run:PATH"      another run; the part of its weights that has this network's names and shapes
    frozen.encoder = "file:PATH"     another project's file, read by jaxgen.interop; also tried below $JAXGEN_DATA
    frozen.encoder = "random:SEED"   untrained weights, for tests
"""

import functools
import importlib
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from ml_collections import ConfigDict

from jaxgen.core import UserError, Weights, choose
from jaxgen.interop import torch_files
from jaxgen.zoo import nets

FORMATS = {
    # network: module and function (tensors by name, config section) -> params
    "vgg": "jaxgen.interop.vgg:from_torchvision",
    "kl_autoencoder": "jaxgen.interop.autoencoder:from_diffusers",
}


def sources(config: ConfigDict) -> dict[str, str]:
    """Name -> source of every frozen network of a config."""
    return dict(config.get("frozen", {}))


def abstract(config: ConfigDict) -> dict[str, Any]:
    """Name -> shapes and dtypes of the weights, without reading any."""
    return {name: jax.eval_shape(lambda name=name: _drawn(config, name, 0)) for name in sources(config)}


def _drawn(config: ConfigDict, name: str, seed: int) -> Any:
    if name not in config.nets:
        raise UserError(f"frozen.{name} has no network: describe it in nets.{name}.")
    image = jnp.zeros((1, 32, 32, config.nets[name].get("channels", 3)))
    return nets.build(config.nets[name], f"nets.{name}").init(jax.random.key(seed), image)[0]


def resolve(config: ConfigDict, weights_of: Callable[[str], Weights]) -> dict[str, Any]:
    """Name -> weights of every frozen network of a config.

    Args:
      weights_of: directory of a run -> its weights.

    Raises:
      UserError: an unknown kind of source, nothing there, or weights that do not fit the network.
    """
    kinds = {"run": functools.partial(_of_run, weights_of), "file": _of_file, "random": _of_seed}
    found = {}
    for name, source in sources(config).items():
        kind, colon, rest = source.partition(":")
        if not colon or not rest:
            raise UserError(f"frozen.{name}={source!r} should read run:PATH or file:PATH, where its weights are.")
        shapes = jax.eval_shape(lambda name=name: _drawn(config, name, 0))
        found[name] = choose(kinds, kind, f"kind of frozen.{name}")(config, name, rest, shapes)
    return found


def _of_seed(config, name, rest, shapes):
    if not rest.isdecimal():
        raise UserError(f"frozen.{name}=random:{rest} should name a whole number.")
    return jax.jit(lambda: _drawn(config, name, int(rest)))()


def _of_file(config, name, rest, shapes):
    own = Path(rest).expanduser()
    tried = [own, Path(os.environ.get("JAXGEN_DATA", ".")) / rest]
    path = next((place for place in tried if place.is_file()), own)
    tensors = torch_files.read(path)
    module, function = choose(FORMATS, config.nets[name].name, f"network with a file format (nets.{name}.name)").split(
        ":"
    )
    try:
        params = getattr(importlib.import_module(module), function)(tensors, config.nets[name])
    except UserError as error:
        raise UserError(f"{path} does not fit nets.{name}: {error}.") from None
    differ = _differences(shapes, params)
    if differ:
        raise UserError(f"{path} does not fit nets.{name}: {differ}.")
    return jax.tree.map(jnp.asarray, params)


def _of_run(weights_of, config, name, rest, shapes):
    given = weights_of(rest)
    candidates = [part for player in given.params.values() for part in (player, *_children(player))]
    for part in candidates:
        if not _differences(shapes, part):
            return jax.tree.map(jnp.asarray, part)
    nearest = min((_differences(shapes, part) for part in candidates), key=len, default="it has no weights")
    raise UserError(f"The run {rest} holds no network like nets.{name} ({nearest}): give both the same settings.")


def _children(tree: Any) -> list[Any]:
    return [value for value in tree.values() if isinstance(value, Mapping)] if isinstance(tree, Mapping) else []


def _differences(ours: Any, theirs: Any) -> str:
    """What differs in names and shapes, in words; empty where nothing does."""
    here, there = (
        {jax.tree_util.keystr(path, simple=True, separator="/"): leaf for path, leaf in found}
        for found in map(jax.tree_util.tree_leaves_with_path, (ours, theirs))
    )
    differ = [key for key in sorted(here.keys() | there.keys()) if _shape(here, key) != _shape(there, key)]
    if not differ:
        return ""
    shown = differ[0]
    return (
        f"{len(differ)} weights differ, the first is {shown}: {_shape(there, shown)} there, {_shape(here, shown)} here"
    )


def _shape(leaves: dict[str, Any], key: str) -> Any:
    return tuple(np.shape(leaves[key])) if key in leaves else "absent"
