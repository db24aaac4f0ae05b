"""The device mesh: who holds which part of the batch ("data" and "fsdp") and of the weights ("fsdp")."""

import os
from collections.abc import Sequence

import jax
import numpy as np
from jax.sharding import AxisType, Mesh

from jaxgen.core import UserError

DATA, FSDP = "data", "fsdp"
BATCH = (DATA, FSDP)
"""The mesh axes that divide the batch; "fsdp" divides the weights as well."""


def split_cpu(most: int) -> None:
    """Make up to `most` devices of the CPU, one per core, before jax starts; without effect once it has started.

    XLA's CPU convolutions of up to 128 channels run on one thread each, so dividing a batch among the cores can
    pay (`docs/performance.md` says where). A device count in XLA_FLAGS goes before. Accelerators are untouched.
    """
    if "xla_force_host_platform_device_count" in os.environ.get("XLA_FLAGS", ""):
        return
    try:
        jax.config.update("jax_num_cpu_devices", max(1, min(most, os.cpu_count() or 1)))
    except RuntimeError:  # jax runs already, in a notebook for instance, with the devices it has
        return


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
