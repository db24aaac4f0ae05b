"""What is planned: a config as a method with the shapes that it is fed, whether or not its data are at hand."""

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.sharding import AbstractMesh, AxisType, NamedSharding, PartitionSpec
from ml_collections import ConfigDict

from jaxgen import data, parallel
from jaxgen.core import Method, State, UserError, remat
from jaxgen.data import Info
from jaxgen.parallel import rules
from jaxgen.parallel.mesh import AXES, BATCH
from jaxgen.zoo import configs, frozen, methods

KNOWN = {
    # data set: height, width, channels and classes, for planning where it is not prepared
    "imagenet2012": (0, 0, 3, 1000),
    "cifar10": (32, 32, 3, 10),
    "cifar100": (32, 32, 3, 100),
    "celeb_a": (218, 178, 3, 0),
    "mnist": (28, 28, 1, 10),
}
Leaves = dict[str, tuple[tuple[int, ...], str]]
"""Name of a leaf of a batch -> (shape of one example, dtype)."""


class Subject(NamedTuple):
    """A config, ready to be traced."""

    config: ConfigDict
    info: Info
    leaves: Leaves
    method: Method
    frozen: dict[str, Any]
    """Shapes of the frozen networks; their weights need not be at hand."""
    batch: dict[str, jax.ShapeDtypeStruct]


def read(name: str, overrides: Sequence[str], image: str = "", classes: int = 0) -> tuple[ConfigDict, Info, Leaves]:
    """A config, the facts about its data, and what its batches hold.

    Args:
      image: "HxWxC", with `classes` instead of looking at the data.

    Raises:
      UserError: an unknown config, or data that are neither here nor described.
    """
    config = configs.load(name, overrides)
    if image:
        info = Info(config.data.name, _shape(image), tuple(map(str, range(classes))))
        return config, info, _plain(info)
    try:
        source = data.load(config.data)
    except UserError as error:
        described = known(config)
        if described is None:
            raise UserError(f"{error} Or describe them: --image 256x256x3 --classes 10.") from None
        return config, described, _plain(described)
    found = source.batches("train", 1, 0)(0)
    numbers = {key: value for key, value in found.items() if value.dtype.kind not in "OUS"}
    return config, source.info, {key: (value.shape[1:], str(value.dtype)) for key, value in numbers.items()}


def _shape(text: str) -> tuple[int, int, int]:
    try:
        height, width, channels = (int(part) for part in text.split("x"))
    except ValueError:
        raise UserError(f"--image {text!r} should read HEIGHTxWIDTHxCHANNELS, such as 256x256x3.") from None
    return height, width, channels


def known(config: ConfigDict) -> Info | None:
    """What `KNOWN` says of the data, after the config's transforms."""
    section = config.data
    if section.name not in KNOWN:
        return None
    height, width, channels, classes = KNOWN[section.name]
    sides = [(section.size or side) + 2 * section.pad for side in (height, width)]
    if not all(sides):
        raise UserError(f"Images of {section.name} differ in size; set data.size.")
    return Info(section.name, (sides[0], sides[1], section.channels or channels), tuple(map(str, range(classes))))


def _plain(info: Info) -> Leaves:
    label: Leaves = {"label": ((), "int32")} if info.classes else {}
    return {"image": (info.image, "uint8"), **label}


def subject(config: ConfigDict, info: Info, leaves: Leaves, size: int = 0) -> Subject:
    """The method of a config and the shapes of a batch of `size` (by default its own).

    Raises:
      UserError: something in the config does not fit together.
    """
    config = config.copy_and_resolve_references()
    config.train.batch_size = size or config.train.batch_size
    method = methods.build(config, info)
    lead = (method.batches_per_step,) if method.batches_per_step > 1 else ()
    shapes = {
        key: jax.ShapeDtypeStruct((*lead, config.train.batch_size, *shape), dtype)
        for key, (shape, dtype) in leaves.items()
    }
    return Subject(config, info, leaves, method, frozen.abstract(config), shapes)


def state(chosen: Subject) -> State:
    """Shapes of the whole state."""
    rng = jax.eval_shape(lambda: jax.random.key(0))
    return jax.eval_shape(chosen.method.init, rng, chosen.batch, chosen.frozen)


def step(chosen: Subject) -> Callable[[State, Any], tuple[State, Any]]:
    """The step under the config's policy of rematerialisation."""

    def kept(state, batch):
        with remat(chosen.config.train.get("remat", "none")):
            return chosen.method.step(state, batch)

    return kept


def abstract_mesh(config: ConfigDict, chips: int) -> AbstractMesh:
    """The mesh of `config.mesh` over so many chips, without devices.

    Raises:
      UserError: the sizes do not multiply to the number of chips, or the batch does not divide.
    """
    sizes = mesh_sizes(config, chips)
    divided = batch_parts(sizes)
    if config.train.batch_size % divided:
        raise UserError(
            f"train.batch_size {config.train.batch_size} does not divide over {divided} chips; make it a multiple."
        )
    return AbstractMesh(tuple(sizes.values()), tuple(sizes), axis_types=(AxisType.Auto,) * len(sizes))


def mesh_sizes(config: ConfigDict, chips: int) -> dict[str, int]:
    """Mesh axis -> size, with what remains in place of -1.

    Raises:
      UserError: the sizes do not multiply to the number of chips.
    """
    asked = {axis: config.mesh.get(axis, 1) for axis in AXES}
    fixed = math.prod(size for size in asked.values() if size != -1)
    sizes = {axis: chips // max(fixed, 1) if size == -1 else size for axis, size in asked.items()}
    if min(sizes.values()) < 1 or math.prod(sizes.values()) != chips:
        told = " times ".join(f"{axis} = {size}" for axis, size in asked.items() if axis in BATCH or size != 1)
        raise UserError(f"A mesh of {told} does not fit {chips} chips; their product must be {chips}.")
    return sizes


def batch_parts(sizes) -> int:
    """Into how many parts a mesh, axis -> size, cuts the batch."""
    count = 1
    for axis in BATCH:
        count *= sizes[axis]
    return count


def placed(chosen: Subject, mesh: Any) -> tuple[State, dict[str, jax.ShapeDtypeStruct]]:
    """(state, batch) as shapes with their places on a mesh, which may be abstract."""
    shapes = state(chosen)
    section = chosen.config.mesh
    table, small = rules.parse(section.get("rules", ())), section.get("small", rules.SMALL)
    places = parallel.shardings(shapes, mesh, table, per_example=chosen.method.per_example_state, small=small)
    lead = (None,) if chosen.method.batches_per_step > 1 else ()
    spread = NamedSharding(mesh, PartitionSpec(*lead, BATCH))
    fed = {key: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=spread) for key, x in chosen.batch.items()}
    return jax.tree.map(lambda x, place: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=place), shapes, places), fed


def compute_itemsize(config: ConfigDict) -> int:
    """Bytes of a number in the networks' products."""
    sections = [config.get("net", {}), *config.get("nets", {}).values()]
    return jnp.dtype(next((s["dtype"] for s in sections if "dtype" in s), "float32")).itemsize
