"""One step, any way of running it: the whole state must come out the same."""

import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from jax.sharding import PartitionSpec

from jaxgen import parallel
from jaxgen.core import UserError

sys.path.insert(0, str(Path(__file__).parent))
import parallel_toys as toys

STEPS = 3


def bare(tree):
    """Keys as their data, everything as numpy."""
    plain = lambda x: jax.random.key_data(x) if jnp.issubdtype(x.dtype, jax.dtypes.prng_key) else x  # noqa: E731
    return jax.tree.map(lambda x: np.asarray(plain(x), np.float64), tree)


def assert_same(left, right, tolerance=1e-5):
    """Within `tolerance` of each leaf's norm (at least 1e-2, for leaves near zero)."""
    assert jax.tree.structure(left) == jax.tree.structure(right)
    for (path, a), b in zip(jax.tree_util.tree_leaves_with_path(bare(left)), jax.tree.leaves(bare(right))):
        gap, scale = np.linalg.norm(a - b), max(np.linalg.norm(a), 1e-2)
        assert gap <= tolerance * scale, f"{jax.tree_util.keystr(path)}: {gap} of {scale}"


def run(strategy, batch=toys.batch, steps=STEPS):
    state = strategy.init(jax.random.key(3), batch(0), {})
    metrics = {}
    for step in range(steps):
        state, metrics = strategy.step(state, strategy.put(batch(step)))
    return state, metrics


def one_device():
    return parallel.make_mesh(devices=jax.devices()[:1])


@pytest.fixture(scope="module")
def reference():
    return run(parallel.jit_strategy(toys.method(), one_device()))


@pytest.mark.parametrize("shape", [(4, 1), (1, 4), (2, 2)])
def test_jit_on_four_devices_equals_one(reference, shape):
    strategy = parallel.jit_strategy(toys.method(), parallel.make_mesh(*shape), small=8)
    state, metrics = run(strategy)
    assert_same((state, metrics), reference)
    kernel = state.opt["model"][0].mu["hidden"]["kernel"]
    assert kernel.sharding.is_fully_replicated == (shape[1] == 1)
    assert kernel.addressable_shards[0].data.size == kernel.size // shape[1]


TENSOR = (("hidden/kernel$", PartitionSpec(None, "tensor")), ("out/kernel$", PartitionSpec("tensor")))


@pytest.mark.parametrize("shape", [(1, 1, 4), (2, 1, 2)])
def test_weights_divided_by_rules_equal_one(reference, shape):
    """Column by column, then row by row, as in tensor parallelism; moments and averages follow their weight."""
    strategy = parallel.jit_strategy(toys.method(), parallel.make_mesh(*shape), rules=TENSOR)
    state, metrics = run(strategy)
    assert_same((state, metrics), reference)
    for tree in (state.params["model"], state.opt["model"][0].mu, state.ema["model"]["ema"]["params"]):
        assert tree["hidden"]["kernel"].addressable_shards[0].data.shape == (toys.SIZE, 16 // shape[2])
        assert tree["out"]["bias"].sharding.is_fully_replicated


def test_rematerialisation_changes_no_number(reference):
    assert_same(run(parallel.jit_strategy(toys.method(), one_device(), policy="weights")), reference, 1e-6)
    with pytest.raises(UserError, match=r"train.remat 'product'.*'products'"):
        parallel.jit_strategy(toys.method(), one_device(), policy="product")


def test_pmap_equals_one_device(reference):
    assert_same(run(parallel.pmap_strategy(toys.method("data"))), reference)


def _vmapped(method, count):
    """pmap's meaning without devices: one replica per row, the state shared."""
    step = jax.jit(jax.vmap(method.step, in_axes=(None, 0), out_axes=None, axis_name="data", axis_size=count))
    split = lambda batch: jax.tree.map(lambda x: x.reshape(count, -1, *x.shape[1:]), batch)  # noqa: E731
    state, metrics = toys.method().init(jax.random.key(3), toys.batch(0), {}), {}
    for index in range(STEPS):
        state, metrics = step(state, split(toys.batch(index)))
    return state, metrics


def test_pmap_equals_vmap_over_replicas(reference):
    assert_same(_vmapped(toys.method("data"), 4), reference)


def test_a_forgotten_mean_shows(reference):
    """In a loss it changes the state; in a step written by hand, where pmap would say nothing, vmap refuses it."""
    state, _ = _vmapped(toys.method("data", forget=True), 4)
    gap = bare(state.params)["model"]["hidden"]["kernel"] - bare(reference[0].params)["model"]["hidden"]["kernel"]
    assert np.abs(gap).max() > 1e-3

    def step(state, batch):
        return state.replace(memory={"size": jnp.mean(batch["y"])}), {}

    with pytest.raises(ValueError, match="out_axes"):
        _vmapped(toys.method("data")._replace(step=step), 4)


@pytest.mark.parametrize("micro", [2, 4])
@pytest.mark.parametrize("how", ["jit", "pmap"])
def test_micro_batches_do_not_change_the_step(how, micro):
    """Without batch statistics, which a micro-batch sees for itself alone."""

    def method(axis, micro):
        return toys.plain(axis, micro=micro, statistics=False)

    batch = lambda step: toys.batch(step, 16)  # noqa: E731
    expected = run(parallel.jit_strategy(method(None, 1), one_device()), batch)
    if how == "jit":
        strategy = parallel.jit_strategy(method(None, micro), parallel.make_mesh())
    else:
        strategy = parallel.pmap_strategy(method("data", micro))
    assert_same(run(strategy, batch), expected)


@pytest.mark.parametrize("how", ["jit", "pmap"])
def test_several_steps_per_call(reference, how):
    if how == "jit":
        strategy = parallel.jit_strategy(toys.method(), parallel.make_mesh(), steps_per_call=STEPS)
    else:
        strategy = parallel.pmap_strategy(toys.method("data"), steps_per_call=STEPS)
    state = strategy.init(jax.random.key(3), toys.batch(0), {})
    state, metrics = strategy.step(state, strategy.put(toys.batches(0, STEPS)))
    assert all(value.shape == (STEPS,) for value in metrics.values())
    last = {name: value[-1] for name, value in metrics.items()}
    assert_same((state, last), reference)


@pytest.mark.parametrize("how", ["jit", "pmap"])
def test_several_batches_per_step(how):
    batch = lambda step: toys.batches(step, 2)  # noqa: E731
    expected = run(parallel.jit_strategy(toys.method(repeats=2), one_device()), batch)
    assert int(expected[0].opt["model"][0].count) == 2 * STEPS
    if how == "jit":
        strategy = parallel.jit_strategy(toys.method(repeats=2), parallel.make_mesh())
        assert strategy.put(batch(0))["x"].sharding.spec == PartitionSpec(None, ("data", "fsdp"))
    else:
        strategy = parallel.pmap_strategy(toys.method("data", repeats=2))
    assert_same(run(strategy, batch), expected)


@pytest.mark.parametrize("steps_per_call", [1, 2])
def test_state_that_follows_the_batch(steps_per_call):
    """Every example keeps its own offset: divided over the devices, the same numbers, the same shape."""
    batch = toys.batch if steps_per_call == 1 else lambda step: toys.batches(step, steps_per_call)

    def states(strategy):
        state = strategy.init(jax.random.key(3), toys.batch(0), {})
        for step in range(2):
            state, _ = strategy.step(state, strategy.put(batch(step)))
        return state

    expected = states(parallel.jit_strategy(toys.pixels(), one_device(), steps_per_call=steps_per_call))
    for strategy in (
        parallel.jit_strategy(toys.pixels(), parallel.make_mesh(2, 2), steps_per_call=steps_per_call),
        parallel.pmap_strategy(toys.pixels("data"), steps_per_call=steps_per_call),
    ):
        state = states(strategy)
        assert_same(state, expected)
        assert {shard.data.shape for shard in state.memory["offset"].addressable_shards} == {(2,)}


@pytest.mark.parametrize("tx", [optax.adam(1e-3), optax.lbfgs(1e-3, linesearch=None)], ids=["adam", "lbfgs"])
def test_the_step_is_traced_once(tx):
    """L-BFGS returns weakly typed leaves, which would trace the step again."""
    method, traces = toys.method(tx=tx), []
    counted = method._replace(step=lambda state, batch: (traces.append(1), method.step(state, batch))[1])
    strategy = parallel.jit_strategy(counted, parallel.make_mesh())
    state, _ = run(strategy, steps=4)
    assert len(traces) == 1
    abstract = strategy.abstract(jax.random.key(0), toys.batch(0), {})
    for got, planned in zip(jax.tree.leaves(state), jax.tree.leaves(abstract), strict=True):
        assert (got.shape, got.dtype, got.sharding) == (planned.shape, planned.dtype, planned.sharding)


@pytest.mark.parametrize("how", ["jit", "pmap"])
def test_donation_leaves_the_callers_arrays_alone(how):
    frozen, rng = {"judge": {"kernel": jnp.ones((3, 3))}}, jax.random.key(1)
    if how == "jit":
        strategy = parallel.jit_strategy(toys.pixels(), parallel.make_mesh())
    else:
        strategy = parallel.pmap_strategy(toys.pixels("data"))
    old = strategy.init(rng, toys.batch(0), frozen)
    new, _ = strategy.step(old, strategy.put(toys.batch(0)))
    assert old.memory["offset"].is_deleted() or how == "pmap"
    assert old.step.is_deleted()
    np.testing.assert_array_equal(frozen["judge"]["kernel"], 1)
    np.testing.assert_array_equal(new.frozen["judge"]["kernel"], 1)
    np.testing.assert_array_equal(old.frozen["judge"]["kernel"], 1)
    np.testing.assert_array_equal(jax.random.key_data(rng), jax.random.key_data(jax.random.key(1)))


@pytest.mark.parametrize("how", ["jit", "pmap"])
def test_a_batch_that_does_not_divide(how):
    if how == "jit":
        strategy = parallel.jit_strategy(toys.method(), parallel.make_mesh(2, 2))
    else:
        strategy = parallel.pmap_strategy(toys.method("data"))
    with pytest.raises(UserError, match="batch of 6 does not divide over 4 devices"):
        strategy.put(toys.batch(0, 6))
    with pytest.raises(UserError, match="batch of 6 does not divide over 4 devices"):
        strategy.init(jax.random.key(0), toys.batch(0, 6), {})
