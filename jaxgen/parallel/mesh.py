"""The device mesh: who holds which part of the batch ("data" and "fsdp") and of the weights ("fsdp" and "tensor")."""

import contextlib
import os
from collections.abc import Iterator, Sequence

import jax
import numpy as np
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec

from jaxgen.core import UserError

DATA, FSDP, TENSOR = "data", "fsdp", "tensor"
AXES = (DATA, FSDP, TENSOR)
BATCH = (DATA, FSDP)
"""The mesh axes that divide the batch. "fsdp" divides the weights as well, "tensor" the weights alone."""


def split_cpu(most: int) -> None:
    """Make up to `most` devices of the CPU, one per core, before jax starts; without effect once it has started.

    Much of a narrow network runs on one thread, so dividing a batch among the cores can pay (`docs/results/speed.md`
    says where). A device count in XLA_FLAGS goes before. Accelerators are untouched.
    """
    if "xla_force_host_platform_device_count" in os.environ.get("XLA_FLAGS", ""):
        return
    try:
        jax.config.update("jax_num_cpu_devices", max(1, min(most, os.cpu_count() or 1)))
    except RuntimeError:  # jax runs already, in a notebook for instance, with the devices it has
        return


def make_mesh(data: int = -1, fsdp: int = 1, tensor: int = 1, devices: Sequence[jax.Device] | None = None) -> Mesh:
    """A mesh with axes ("data", "fsdp", "tensor") over `devices`, by default all. One size may be -1: what remains.

    Raises:
      UserError: the sizes do not multiply to the number of devices.
    """
    chosen = list(jax.devices() if devices is None else devices)
    sizes = dict(zip(AXES, (data, fsdp, tensor)))
    asked = " times ".join(f"{name} = {size}" for name, size in sizes.items() if name != TENSOR or size != 1)
    if any(size < 1 and size != -1 for size in sizes.values()) or list(sizes.values()).count(-1) > 1:
        raise UserError(
            f"A mesh of {asked} describes no mesh; mesh.data, mesh.fsdp and mesh.tensor are positive numbers, at most "
            "one of them -1."
        )
    known = int(np.prod([size for size in sizes.values() if size != -1]))
    rest = len(chosen) // known
    shape = tuple(rest if size == -1 else size for size in sizes.values())
    if int(np.prod(shape)) != len(chosen):
        raise UserError(
            f"A mesh of {asked} does not fit {len(chosen)} devices; "
            f"their product must be {len(chosen)} (-1 stands for what remains)."
        )
    # Auto, not the newer Explicit: linen layers reshape freely and expect the compiler to follow.
    if devices is None:
        return jax.make_mesh(shape, AXES, axis_types=(AxisType.Auto,) * len(AXES))
    return Mesh(np.array(chosen, dtype=object).reshape(shape), AXES, axis_types=(AxisType.Auto,) * len(AXES))


@contextlib.contextmanager
def divided(mesh: Mesh | None) -> Iterator[None]:
    """Around the tracing of a program whose weights `mesh` may divide: layers see the mesh (`ops.strided.whole_rows`).

    Where weights stay whole they do not, and the program is that of one device.
    """
    if mesh is None or mesh.shape.get(FSDP, 1) == mesh.shape.get(TENSOR, 1) == 1:
        yield
    else:
        with jax.sharding.use_abstract_mesh(mesh.abstract_mesh):
            yield


def batch_parts(mesh: Mesh) -> int:
    """Into how many parts the batch is cut."""
    return int(np.prod([mesh.shape[axis] for axis in BATCH]))


def rows(mesh: Mesh, size: int) -> np.ndarray:
    """Which rows of a global batch of `size` this process has to load: int64, ascending, those its devices hold.

    One process loads all; where the tensor axis crosses processes, several load the same.

    Raises:
      UserError: the batch does not divide over the devices that share it.
    """
    parts = batch_parts(mesh)
    check_divides(size, parts)
    place = NamedSharding(mesh, PartitionSpec(BATCH))
    held = place.addressable_devices_indices_map((size,)).values()
    spans = {index[0].indices(size)[:2] for index in held if index}
    return np.concatenate([np.arange(first, last) for first, last in sorted(spans)])


def global_size(mesh: Mesh, local: int) -> int:
    """The global batch of which `local` rows are this process's."""
    parts = batch_parts(mesh)
    return local * parts // len(rows(mesh, parts))


def check_divides(size: int, parts: int) -> None:
    """Raise a `UserError` unless a batch of `size` divides into `parts`."""
    if size % parts:
        several = f", {jax.process_count()} processes" if jax.process_count() > 1 else ""
        raise UserError(
            f"A batch of {size} does not divide over {parts} devices{several}; "
            f"make train.batch_size a multiple of {parts}, or use fewer devices."
        )
