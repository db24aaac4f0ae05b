"""The report of a plan, from shapes alone or with what a compiler said.

(1)  memory of a chip:   state and batch (`memory`, eq. 1) + temporaries (compiled, or `traffic`, eq. 1)
(2)  seconds of a step:  between max(a, b, c), everything overlapped, and a + b + c, nothing, with
         a = operations / peak,  b = bytes moved / memory bandwidth,  c = bytes sent / bandwidth of the links
     Operations are products and convolutions (`jaxgen.benchmark.counting`), counted like bytes for one chip's share of
     the batch.
"""

import math
from typing import Any, NamedTuple

import jax
from ml_collections import ConfigDict

from jaxgen.benchmark import counting
from jaxgen.core import State, UserError
from jaxgen.parallel.mesh import FSDP
from jaxgen.plan import memory, subject, traffic
from jaxgen.plan.chips import Topology
from jaxgen.plan.subject import Leaves, Subject

RESERVED = 0.03
"""Share of a chip's memory that programs and runtime take."""


class Shapes(NamedTuple):
    """What shapes alone say of a step, per chip."""

    memory: dict[str, float]
    """Kind -> bytes; "activations" by `traffic`."""
    flops: float
    exact: bool
    """False if a loop turns as often as its data say."""
    moved: float
    least_traffic: dict[str, float]
    mesh: dict[str, int]
    parameters: int
    images: int
    """Of a whole step."""


def shapes(config: ConfigDict, info: Any, leaves: Leaves, chips: int) -> Shapes:
    """Trace a step on one chip's share of the batch, and the whole state.

    Raises:
      UserError: something in the config does not fit together, or does not divide over the chips.
    """
    mesh = subject.abstract_mesh(config, chips)
    whole = subject.subject(config, info, leaves)
    state, batch = subject.placed(whole, mesh)
    share = max(config.train.batch_size // subject.batch_parts(mesh.shape), config.train.micro)
    local, local_state = _local(whole, share)
    cut = {leaf.shape: memory.parts(leaf) for leaf in jax.tree.leaves(state.params) if memory.parts(leaf) > 1}
    used = traffic.use(subject.step(local), local_state, local.batch, cut=cut)
    cost = counting.count(subject.step(local), local_state, local.batch)
    rest = chips // subject.batch_parts(mesh.shape)
    return Shapes(
        memory={**memory.by_kind(state, batch), "activations": used.peak},
        flops=cost.flops / rest,
        exact=cost.exact,
        moved=used.moved / rest,
        least_traffic=memory.least_traffic(state.params, subject.compute_itemsize(config)),
        mesh=dict(mesh.shape),
        parameters=sum(leaf.size for leaf in jax.tree.leaves(state.params)),
        images=config.train.batch_size * whole.method.batches_per_step,
    )


def _local(whole: Subject, share: int) -> tuple[Subject, State]:
    """The same method fed with `share` examples. Its state is the whole one's, but where it follows the batch."""
    if whole.method.per_example_state:
        local = subject.subject(whole.config, whole.info, whole.leaves, share)
        return local, subject.state(local)
    lead = int(whole.method.batches_per_step > 1)

    def shrink(x):
        return jax.ShapeDtypeStruct((*x.shape[:lead], share, *x.shape[lead + 1 :]), x.dtype)

    return whole._replace(batch=jax.tree.map(shrink, whole.batch)), subject.state(whole)


def report(found: Shapes, topology: Topology, compiled: dict[str, Any] | None = None) -> dict[str, Any]:
    """Everything about a step as plain data; `compiled` is what `worker` says of it."""
    chip = topology.chip
    kinds = dict(found.memory)
    sent, source = sum(found.least_traffic.values()), "shapes"
    collectives: dict[str, Any] = {"least_bytes_sent": found.least_traffic, "least_total": sent}
    if compiled:
        kinds["activations"], source = compiled["temporary_bytes"], "compiled"
        collectives |= {"by_kind": compiled["collectives"], "total": compiled["bytes_sent"]}
        collectives["over_least"] = compiled["bytes_sent"] / sent if sent else None
        sent = compiled["bytes_sent"]
    total = sum(kinds.values())
    room = chip.memory * (1 - RESERVED)
    parts = {"flops": (found.flops, chip.flops), "memory": (found.moved, chip.bandwidth), "links": (sent, chip.links)}
    seconds = {name: amount / peak for name, (amount, peak) in parts.items() if peak}
    if seconds:
        seconds |= {"overlapped": max(seconds.values()), "in_turn": sum(seconds.values())}
    return {
        "topology": topology.name,
        "chips": topology.chips,
        "mesh": found.mesh,
        "parameters": found.parameters,
        "images_per_step": found.images,
        "source": source,
        "fits": total <= room if room else None,
        "memory_per_chip": kinds,
        "activations_by_shapes": found.memory["activations"],
        "memory_total": total,
        "memory_of_chip": chip.memory or None,
        "flops_per_chip": found.flops,
        "flops_per_step": found.flops * topology.chips,
        "loops_counted_once": not found.exact,
        "bytes_moved_per_chip": found.moved,
        "collectives": collectives,
        "seconds": seconds,
    }


def advice(config: ConfigDict, info: Any, leaves: Leaves, topology: Topology, ratio: float = 1.0) -> dict[str, Any]:
    """The least change under which a step fits: a larger fsdp axis first, then micro-batches; empty if none does.

    Args:
      ratio: compiled over estimated activations of the config as it is.
    """
    room = topology.chip.memory * (1 - RESERVED)
    tried = config.copy_and_resolve_references()
    for micro in _doubled(config.train.micro, 64):
        for fsdp in _doubled(config.mesh.get(FSDP, 1), topology.chips):
            tried.train.micro, tried.mesh.fsdp, tried.mesh.data = micro, fsdp, -1
            share = config.train.batch_size // topology.chips
            if share < micro and micro > config.train.micro:
                continue
            try:
                found = shapes(tried, info, leaves, topology.chips)
            except UserError:
                continue
            kept = found.memory["activations"] * ratio
            total = sum(found.memory.values()) - found.memory["activations"] + kept
            if total <= room:
                changes = {"mesh.fsdp": fsdp, "train.micro": micro}
                return {"set": changes, "memory_total": total}
    return {}


def _doubled(first: int, most: int) -> list[int]:
    count = max(0, int(math.log2(max(most // max(first, 1), 1))))
    return [first * 2**i for i in range(count + 1)]
