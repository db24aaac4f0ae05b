"""How a config's step runs on the devices there are: `mesh`, and of `train` strategy, steps_per_call and remat."""

from collections.abc import Sequence

import jax
from jax.sharding import Mesh
from ml_collections import ConfigDict

from jaxgen import parallel
from jaxgen.core import Method, UserError
from jaxgen.parallel import rules


def mesh(config: ConfigDict, devices: Sequence[jax.Device] | None = None) -> Mesh:
    """The mesh of `config.mesh`, over all devices or those given (a pod's, which need not be here).

    Raises:
      UserError: its sizes do not multiply to the number of devices.
    """
    section = config.mesh
    return parallel.make_mesh(section.data, section.fsdp, section.get("tensor", 1), devices=devices)


def strategy(
    config: ConfigDict,
    method: Method,
    devices: Sequence[jax.Device] | None = None,
    *,
    steps_per_call: int | None = None,
) -> parallel.Strategy:
    """The strategy of `config.train.strategy`; for pmap the method is built with axis="data".

    Args:
      steps_per_call: instead of the config's.

    Raises:
      UserError: an unknown strategy, policy or mesh axis, or a mesh that does not fit the devices.
    """
    train, section = config.train, config.mesh
    shared = dict(steps_per_call=steps_per_call or train.steps_per_call, policy=train.get("remat", "none"))
    if train.strategy == "jit":
        table = rules.parse(section.get("rules", ()))
        small = section.get("small", rules.SMALL)
        return parallel.jit_strategy(method, mesh(config, devices), rules=table, small=small, **shared)
    if train.strategy == "pmap":
        return parallel.pmap_strategy(method, devices=devices, **shared)
    raise UserError(f"train.strategy is jit or pmap, not {train.strategy!r}.")
