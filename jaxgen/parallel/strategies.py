"""Two ways to run one pure step on many devices: `jit` over a mesh (the canonical one) and `pmap`.

Both give the same numbers, take the same state and write the same checkpoints. The step donates the state: the arrays
of the old one are gone afterwards, except the frozen networks, which never enter or leave the program's results.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec

from jaxgen.core import REMAT, Method, State, UserError, choose, remat, trees
from jaxgen.parallel import rules as sharding_rules
from jaxgen.parallel.compiling import compiler_options
from jaxgen.parallel.mesh import BATCH, DATA, batch_parts, check_divides, divided, global_size
from jaxgen.parallel.mesh import rows as rows_of


class Strategy(NamedTuple):
    """How a method runs on the devices there are."""

    init: Callable[[jax.Array, Any, dict[str, Any]], State]
    """(rng, host batch of one step, frozen) -> State, born sharded. Batch leaves [B, ...], or [k, B, ...] where the
    method reads k batches per step, B being this process's part (`rows`)."""
    step: Callable[[State, Any], tuple[State, dict[str, jax.Array]]]
    """(state, device batch) -> (state, metrics); donates the state. With `steps_per_call` n > 1 it makes n steps,
    reads batch leaves [n, (k,) B, ...] and returns metrics [n]."""
    put: Callable[[Any], Any]
    """This process's numpy batch, shaped as `step` reads it -> global arrays on the devices."""
    abstract: Callable[[jax.Array, Any, dict[str, Any]], State]
    """Like `init`, but shapes, dtypes and shardings only; what a restore needs."""
    rows: Callable[[int], np.ndarray]
    """(global batch size) -> the rows of it that this process has to load, ascending."""


def _repeated(step: Callable, steps_per_call: int, policy: str) -> Callable:
    """`steps_per_call` steps as one program, under a policy of rematerialisation."""
    choose(REMAT, policy, "train.remat")

    def strong(state, batch):
        with remat(policy):
            new, metrics = step(state, batch)
        return trees.strong(new), metrics

    return strong if steps_per_call == 1 else lambda state, batch: jax.lax.scan(strong, state, batch)


def _awaited(step: Callable, devices: Sequence[jax.Device]) -> Callable:
    """Fake CPU devices share few threads, and two steps in flight can wait for each other for ever: wait for each."""
    if devices[0].platform != "cpu" or len(devices) == 1:
        return step
    return lambda state, batch: jax.block_until_ready(step(state, batch))


def _born(
    method: Method,
    shardings_of: Callable[[State], Any],
    put_one: Callable,
    whole_size: Callable[[int], int],
    mesh: Mesh,
) -> tuple[Callable, Callable]:
    """`init` and `abstract` of a strategy, from where the leaves of a state live; `whole_size` of a local batch."""
    lead = int(method.batches_per_step > 1)

    def shape(x):
        whole = (*np.shape(x)[:lead], whole_size(np.shape(x)[lead]), *np.shape(x)[lead + 1 :])
        return jax.ShapeDtypeStruct(whole, jax.dtypes.canonicalize_dtype(x.dtype))

    def make(rng, batch, frozen):
        with divided(mesh):
            return trees.strong(method.init(rng, batch, frozen))

    def abstract(rng, batch, frozen):
        shapes = jax.eval_shape(make, rng, jax.tree.map(shape, batch), frozen)
        places = shardings_of(shapes)
        return jax.tree.map(lambda s, p: jax.ShapeDtypeStruct(s.shape, s.dtype, sharding=p), shapes, places)

    def init(rng, batch, frozen):
        places = jax.tree.map(lambda s: s.sharding, abstract(rng, batch, frozen))
        return jax.jit(make, out_shardings=places, compiler_options=compiler_options())(
            rng, put_one(batch), place(frozen, places.frozen)
        )

    return init, abstract


def place(tree: Any, places: Any) -> Any:
    """The same arrays on the devices of `places`; every process holds them whole beforehand."""
    if jax.process_count() == 1:
        return jax.device_put(tree, places)

    def one(x, where):
        if isinstance(x, jax.Array) and x.sharding.device_set == where.device_set:
            return x
        x = np.asarray(x)
        return jax.make_array_from_callback(x.shape, where, lambda index: x[index])

    return jax.tree.map(one, tree, places)


def jit_strategy(
    method: Method,
    mesh: Mesh,
    *,
    rules: sharding_rules.Rules = (),
    steps_per_call: int = 1,
    small: int = sharding_rules.SMALL,
    policy: str = "none",
) -> Strategy:
    """One global program; the compiler inserts the collectives. `method` is built with `axis=None`.

    Args:
      rules: (path regex, PartitionSpec) over the whole state, see `rules.shardings`.
      small: leaves with fewer scalars are never divided by the fsdp fallback.
      policy: what the forward pass keeps for the backward pass, a name in `core.REMAT`.
    """
    parts = batch_parts(mesh)
    lead = method.batches_per_step > 1
    whole = NamedSharding(mesh, PartitionSpec())
    compiled: dict[Any, Callable] = {}

    def places(state):
        return sharding_rules.shardings(state, mesh, rules, per_example=method.per_example_state, small=small)

    run = _repeated(method.step, steps_per_call, policy)

    def put_at(batch, axis):
        spread = NamedSharding(mesh, PartitionSpec(*[None] * axis, BATCH))

        def one(x):
            x = np.asarray(x)
            size = global_size(mesh, x.shape[axis])
            check_divides(size, parts)
            shape = (*x.shape[:axis], size, *x.shape[axis + 1 :])
            return jax.make_array_from_process_local_data(spread, x, shape)

        return jax.tree.map(one, batch)

    def trained(kept, frozen, batch):
        with divided(mesh):
            state, metrics = run(kept.replace(frozen=frozen), batch)
        return state.replace(frozen={}), metrics

    def step(state, batch):
        frozen, kept = state.frozen, state.replace(frozen={})
        key = jax.tree.structure(kept)
        if key not in compiled:
            compiled[key] = jax.jit(
                trained, donate_argnums=0, out_shardings=(places(kept), whole), compiler_options=compiler_options()
            )
        kept, metrics = compiled[key](kept, frozen, batch)
        return kept.replace(frozen=frozen), metrics

    init, abstract = _born(method, places, lambda batch: put_at(batch, int(lead)), lambda n: global_size(mesh, n), mesh)
    return Strategy(
        init=init,
        step=_awaited(step, list(mesh.devices.flat)),
        put=lambda batch: put_at(batch, int(lead) + (steps_per_call > 1)),
        abstract=abstract,
        rows=lambda size: rows_of(mesh, size),
    )


def pmap_strategy(
    method: Method, *, devices: Sequence[jax.Device] | None = None, steps_per_call: int = 1, policy: str = "none"
) -> Strategy:
    """One program per device, with explicit means over the axis "data". `method` is built with `axis="data"`.

    The state goes in and out unmapped, so its leaves have the shapes they have under jit; only the leaves of
    `method.per_example_state` are mapped, as [devices, B / devices, ...] inside the step.

    Raises:
      UserError: more than one process; `jit` is the strategy for those.
    """
    if jax.process_count() > 1:
        raise UserError("The pmap strategy runs in one process; use train.strategy=jit on several hosts.")
    chosen = list(jax.devices() if devices is None else devices)
    count = len(chosen)
    mesh = Mesh(np.array(chosen, dtype=object), (DATA,), axis_types=(AxisType.Auto,))
    whole, divided = NamedSharding(mesh, PartitionSpec()), NamedSharding(mesh, PartitionSpec(DATA))
    lead = int(method.batches_per_step > 1)
    run = _repeated(method.step, steps_per_call, policy)
    compiled: dict[Any, Callable] = {}

    def flagged(state) -> list[bool]:
        paths = [sharding_rules.name(path) for path, _ in jax.tree_util.tree_leaves_with_path(state)]
        return [sharding_rules.follows_batch(path, method.per_example_state) for path in paths]

    def places(state):
        flags = flagged(state)
        return jax.tree.unflatten(jax.tree.structure(state), [divided if flag else whole for flag in flags])

    def step(state, batch):
        frozen, kept = state.frozen, state.replace(frozen={})
        leaves, treedef = jax.tree.flatten(kept)
        flags = flagged(kept)
        if treedef not in compiled:
            compiled[treedef] = _mapped(run, treedef, flags, chosen)
        shared, local = _part(leaves, flags)
        local = [x.reshape(count, -1, *x.shape[1:]) for x in local]
        shared, local, metrics = compiled[treedef](shared, local, frozen, batch)
        local = [jax.device_put(x.reshape(-1, *x.shape[2:]), divided) for x in local]
        return jax.tree.unflatten(treedef, _merge(shared, local, flags)).replace(frozen=frozen), metrics

    def put(batch):
        axis = lead + (steps_per_call > 1)

        def one(x):
            x = np.asarray(x)
            check_divides(x.shape[axis], count)
            parts = x.reshape(*x.shape[:axis], count, x.shape[axis] // count, *x.shape[axis + 1 :])
            return jax.device_put(np.moveaxis(parts, axis, 0), divided)

        return jax.tree.map(one, batch)

    def put_one(batch):
        jax.tree.map(lambda x: check_divides(x.shape[lead], count), batch)
        return jax.device_put(batch, NamedSharding(mesh, PartitionSpec(*[None] * lead, DATA)))

    def rows(size):
        check_divides(size, count)
        return np.arange(size)

    init, abstract = _born(method, places, put_one, lambda n: n, mesh)
    return Strategy(init=init, step=_awaited(step, chosen), put=put, abstract=abstract, rows=rows)


def _mapped(run: Callable, treedef: Any, flags: list[bool], devices: list[jax.Device]) -> Callable:
    """(leaves without a flag, leaves with one, frozen, batch) -> (the former, the latter, metrics), one per device."""

    def body(shared, local, frozen, batch):
        leaves = _merge(shared, local, flags)
        state, metrics = run(jax.tree.unflatten(treedef, leaves).replace(frozen=frozen), batch)
        return *_part(jax.tree.leaves(state.replace(frozen={})), flags), metrics

    return jax.pmap(
        body,
        axis_name=DATA,
        in_axes=(None, 0, None, 0),
        out_axes=(None, 0, None),
        devices=devices,
        donate_argnums=(0, 1),
    )


def _part(leaves: list, flags: list[bool]) -> tuple[list, list]:
    """Leaves apart: those without and those with a flag."""
    return [x for x, flag in zip(leaves, flags) if not flag], [x for x, flag in zip(leaves, flags) if flag]


def _merge(plain: list, flagged: list, flags: list[bool]) -> list:
    """The inverse of `_part`."""
    sources = {False: iter(plain), True: iter(flagged)}
    return [next(sources[flag]) for flag in flags]
