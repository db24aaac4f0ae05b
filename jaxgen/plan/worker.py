"""A process that compiles one program of a config for a slice of a pod and says what the compiler found.

    python -m jaxgen.plan.worker        a request as JSON on stdin; lines of JSON on stdout

TPU programs are compiled by libtpu without a TPU: it takes a lock and handles signals, so it must live in no process
that does anything else.
"""

import json
import os
import sys
import time
from collections.abc import Callable
from typing import Any

from jaxgen.errors import UserError


def devices(topology: str, chips: int) -> list[Any]:
    """Devices to compile for."""
    import jax

    if topology.startswith("cpu"):
        return jax.devices()[:chips]
    from jax.experimental import topologies

    return list(topologies.get_topology_desc(topology, "tpu").devices)


def lower_step(chosen: Any, mesh: Any) -> Any:
    """The training step as `parallel.jit_strategy` runs it, on shapes."""
    import jax
    from jax.sharding import NamedSharding, PartitionSpec

    from jaxgen import parallel
    from jaxgen.plan import subject

    state, batch = subject.placed(chosen, mesh)
    frozen, kept = state.frozen, state.replace(frozen={})

    def trained(kept, frozen, batch):
        with parallel.divided(mesh):
            new, metrics = subject.step(chosen)(kept.replace(frozen=frozen), batch)
        return new.replace(frozen={}), metrics

    places = jax.tree.map(lambda leaf: leaf.sharding, kept), NamedSharding(mesh, PartitionSpec())
    return jax.jit(trained, donate_argnums=0, out_shardings=places).lower(kept, frozen, batch)


def lower_task(chosen: Any, mesh: Any, name: str, count: int) -> Any:
    """A task as `parallel.task_program` runs it, on shapes."""
    import jax
    from jax.sharding import NamedSharding, PartitionSpec

    from jaxgen import parallel
    from jaxgen.core import weights
    from jaxgen.plan import subject
    from jaxgen.zoo.wire import wire

    state, _ = subject.placed(chosen, mesh)
    task = wire(chosen.method.tasks[name])
    spread = NamedSharding(mesh, PartitionSpec(tuple(mesh.axis_names)))

    def many(shape, dtype):
        return jax.ShapeDtypeStruct((count, *shape), dtype, sharding=spread)

    inputs = {key: many(spec.shape, spec.dtype) for key, spec in task.inputs.items()}
    seed = jax.ShapeDtypeStruct((), "uint32", sharding=NamedSharding(mesh, PartitionSpec()))
    program: Any = parallel.task_program(task, mesh)
    return program.lower(weights(state), seed, many((), "uint32"), inputs)


def facts(compiled: Any, chips: int) -> dict[str, Any]:
    """What a compiled program says of itself."""
    from jaxgen.plan import hlo

    memory = compiled.memory_analysis()
    kinds: dict[str, dict[str, float]] = {}
    total = 0.0
    for one in hlo.collectives(compiled.as_text(), chips):
        kind = kinds.setdefault(one.kind, {"count": 0, "bytes_sent": 0.0})
        kind["count"] += one.turns
        kind["bytes_sent"] += one.sent
        total += one.sent
    cost = compiled.cost_analysis() or {}
    return {
        "argument_bytes": memory.argument_size_in_bytes,
        "output_bytes": memory.output_size_in_bytes,
        "aliased_bytes": memory.alias_size_in_bytes,
        "temporary_bytes": memory.temp_size_in_bytes,
        "program_bytes": memory.generated_code_size_in_bytes,
        "flops_of_loop_bodies_once": cost.get("flops"),
        "collectives": kinds,
        "bytes_sent": total,
    }


def run(say: Callable[..., None], asked: dict[str, Any]) -> None:
    """Lower and compile; say "lowered", then "done" with `facts`."""
    from jaxgen.data import Info
    from jaxgen.plan import subject
    from jaxgen.zoo import configs
    from jaxgen.zoo import devices as pod

    config = configs.from_json(asked["config"])
    info = Info.from_dict(asked["info"])
    leaves = {key: (tuple(shape), dtype) for key, (shape, dtype) in asked["leaves"].items()}
    chosen = subject.subject(config, info, leaves)
    mesh = pod.mesh(config, devices(asked["topology"], asked["chips"]))
    if asked["task"]:
        lowered = lower_task(chosen, mesh, asked["task"], asked["count"])
    else:
        lowered = lower_step(chosen, mesh)
    say("lowered")
    begun = time.perf_counter()
    compiled = lowered.compile()
    took = time.perf_counter() - begun
    if asked.get("text"):
        with open(asked["text"], "w") as file:
            file.write(compiled.as_text())
    say("done", compile_seconds=took, facts=facts(compiled, asked["chips"]))


def main() -> int:
    """Do what stdin asks. What libraries print goes to stderr, so that stdout holds nothing but lines of JSON."""
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)

    def say(event: str, **more: Any) -> None:
        print(json.dumps({"event": event, **more}), file=out, flush=True)

    asked = json.loads(sys.stdin.read())
    try:
        run(say, asked)
    except UserError as error:
        say("refused", reason=str(error))
    except Exception as error:
        if "RESOURCE_EXHAUSTED" not in str(error):
            raise
        say("full", reason=" ".join(str(error).split())[:400])
    return 0


if __name__ == "__main__":
    sys.exit(main())
