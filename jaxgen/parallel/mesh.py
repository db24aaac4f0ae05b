"""The device mesh: who holds which part of the batch ("data" and "fsdp") and of the weights ("fsdp")."""

from collections.abc import Sequence

import jax
import numpy as np
from jax.sharding import AxisType, Mesh

from jaxgen.core import UserError

DATA, FSDP = "data", "fsdp"
BATCH = (DATA, FSDP)
"""The mesh axes that divide the batch; "fsdp" divides the weights as well."""


def make_mesh(data: int = -1, fsdp: int = 1, devices: Sequence[jax.Device] | None = None) -> Mesh:
    """A mesh with axes ("data", "fsdp") over `devices`, by default all of them. One size may be -1: what remains.

    Raises:
      UserError: the sizes do not multiply to the number of devices.
    """
    chosen = list(jax.devices() if devices is None else devices)
    sizes = {DATA: data, FSDP: fsdp}
    if any(size < 1 and size != -1 for size in sizes.values()) or list(sizes.values()).count(-1) > 1:
        raise UserError(
            f"mesh.data = {data} and mesh.fsdp = {fsdp} describe no mesh; use positive numbers, at most one of them -1."
        )
    known = int(np.prod([size for size in sizes.values() if size != -1]))
    rest = len(chosen) // known
    shape = tuple(rest if size == -1 else size for size in sizes.values())
    if int(np.prod(shape)) != len(chosen):
        raise UserError(
            f"A mesh of data = {data} times fsdp = {fsdp} does not fit {len(chosen)} devices; "
            f"their product must be {len(chosen)} (-1 stands for what remains)."
        )
    # Auto, not the newer Explicit: linen layers reshape freely and expect the compiler to follow.
    if devices is None:
        return jax.make_mesh(shape, BATCH, axis_types=(AxisType.Auto,) * 2)
    return Mesh(np.array(chosen, dtype=object).reshape(shape), BATCH, axis_types=(AxisType.Auto,) * 2)
