"""What every config must pass in its `:smoke` form. One parametrised check per promise of the contract.

The plain run traces every config, trains one of every pair of method and networks for two steps, and makes all checks
for the first config of every method; `--long` makes every check for every config.
"""

import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgen import data, parallel, runs
from jaxgen.core import Method, weights
from jaxgen.parallel import rules
from jaxgen.zoo import configs, methods
from jaxgen.zoo.wire import pictured, wire

NAMES = configs.names()
BATCH = 8


class Subject(NamedTuple):
    """A small model and what it is fed."""

    method: Method
    replicated: Method
    batches: list
    """Three host batches."""
    frozen: dict
    """The pretrained networks the method requires, as the zoo finds them."""


def dropping(config) -> list:
    """The sections of networks that drop something."""
    sections = [config.net] if "net" in config else list(config.nets.values())
    return [section for section in sections if section.get("dropout")]


@functools.cache
def subject(name: str, dropout: bool = True) -> Subject:
    """A config's smallest form. Without `dropout` where replicas are compared with one device: its masks are drawn for
    a replica as a whole, so replicas draw other ones (decision 1)."""
    config = configs.load(f"{name}:smoke")
    if not dropout:
        for section in dropping(config):
            section.dropout = 0.0
    # Adam divides by the root of tiny second moments: with the usual eps, rounding decides the direction of a weight
    # whose gradient is zero. A larger one keeps comparisons between devices about the maths.
    for section in [config.optim, *config.optim.values()]:
        if hasattr(section, "keys") and "eps" in section:
            section.eps = 1e-3
    source = data.load(config.data)
    method = methods.build(config, source.info)
    replicated = methods.build(config, source.info, "data")
    batch = source.batches("train", BATCH, 0, per_step=method.batches_per_step)
    numeric = [{k: v for k, v in batch(i).items() if v.dtype.kind not in "OUS"} for i in range(3)]
    return Subject(method, replicated, numeric, runs.frozen_networks(config))


@functools.cache
def on(name: str, strategy: str, devices: int, dropout: bool = True):
    """(state after init, state two steps after the one that jit on one device starts from, metrics), as numpy, and the
    number of traces of the step."""
    chosen = subject(name, dropout)
    traces = []
    base = chosen.replicated if strategy == "pmap" else chosen.method

    def counted(state, batch):
        traces.append(1)
        return base.step(state, batch)

    method = base._replace(step=counted)
    if strategy == "pmap":
        made = parallel.pmap_strategy(method, devices=jax.devices()[:devices])
    else:
        made = parallel.jit_strategy(method, parallel.make_mesh(devices=jax.devices()[:devices]))
    state = made.init(jax.random.key(0), chosen.batches[0], chosen.frozen)
    first = host(state)
    if devices > 1:
        # Weights set from a batch differ by rounding, which steps would multiply: everybody starts from the same ones.
        state = jax.tree.map(
            lambda x, like: jax.device_put(x, like.sharding), started(on(name, "jit", 1, dropout)[0], state), state
        )
    traces.clear()
    for batch in chosen.batches[:2]:
        state, metrics = made.step(state, made.put(batch))
        jax.block_until_ready(state)
    return (
        first,
        host(state),
        {key: float(np.asarray(value).ravel()[-1]) for key, value in metrics.items()},
        len(traces),
    )


def host(tree):
    """The tree as numpy arrays; keys as their data."""
    return jax.tree.map(
        lambda x: np.asarray(jax.random.key_data(x) if jnp.issubdtype(x.dtype, jax.dtypes.prng_key) else x), tree
    )


def started(arrays, like):
    """The state whose numpy arrays are `arrays`; keys become keys again."""

    def one(x, like):
        return jax.random.wrap_key_data(x) if jnp.issubdtype(like.dtype, jax.dtypes.prng_key) else x

    return jax.tree.map(one, arrays, like)


def assert_close(a, b, tolerance=1e-5):
    """Every leaf equal to `tolerance` of its norm; integers and keys exactly.

    A leaf may be a small difference of terms of order one (the bias of a critic's logit sees real minus fake), which
    float32 cannot give closer than its rounding unit: that much is added.
    """
    pairs = zip(jax.tree_util.tree_leaves_with_path(a), jax.tree_util.tree_leaves_with_path(b), strict=True)
    for (path, x), (_, y) in pairs:
        where = jax.tree_util.keystr(path)
        if not np.issubdtype(x.dtype, np.floating) or not np.isfinite(x).all():  # a best value yet to come is infinite
            np.testing.assert_array_equal(x, y, err_msg=where)
            continue
        scale = np.linalg.norm(np.ravel(x).astype(np.float64))
        rounding = np.finfo(np.float32).eps * np.sqrt(x.size)
        apart = np.linalg.norm(np.ravel(x).astype(np.float64) - np.ravel(y).astype(np.float64))
        assert apart <= tolerance * scale + rounding, f"{where}: differs by {apart:.2e}, its norm is {scale:.2e}"


def assert_same(one, four):
    """Of two `on`: the states after initialisation, and two steps after the same start."""
    assert_close(one[0], four[0])
    assert_close(one[1], four[1])


def one_of_every_method() -> pytest.MarkDecorator:
    """All configs, but those that are not the first of their method (on digits, if there is one) with --long alone."""
    found: dict[str, str] = {}
    for name in sorted(NAMES, key=lambda name: not name.endswith("_digits")):
        found.setdefault(configs.load(f"{name}:smoke").method.name, name)
    chosen = set(found.values())
    marks = [pytest.param(name, marks=[] if name in chosen else [pytest.mark.long]) for name in NAMES]
    return pytest.mark.parametrize("name", marks)


every = one_of_every_method()


@pytest.mark.parametrize("name", NAMES)
def test_shapes_are_as_declared(name):
    """By tracing alone: a step returns exactly the structure, shapes, types and weak types it was given, and every
    task what it declares."""
    chosen = subject(name)
    before = jax.eval_shape(chosen.method.init, jax.random.key(0), chosen.batches[0], chosen.frozen)
    after, metrics = jax.eval_shape(chosen.method.step, before, chosen.batches[0])
    assert jax.tree.structure(before) == jax.tree.structure(after)
    for (path, a), (_, b) in zip(
        jax.tree_util.tree_leaves_with_path(before), jax.tree_util.tree_leaves_with_path(after), strict=True
    ):
        same = (a.shape, a.dtype, a.weak_type) == (b.shape, b.dtype, b.weak_type)
        assert same, f"{jax.tree_util.keystr(path)}: {a} became {b}"
    assert all(value.shape == () for value in metrics.values())
    for task_name, task in chosen.method.tasks.items():
        inputs = {key: jax.ShapeDtypeStruct((2, *spec.shape), spec.dtype) for key, spec in task.inputs.items()}
        keys = jax.eval_shape(lambda: jax.random.split(jax.random.key(0), 2))
        outputs = jax.eval_shape(task.fn, weights(before), keys, inputs)
        want = {key: ((2, *spec.shape), jnp.dtype(spec.dtype)) for key, spec in task.outputs.items()}
        assert {key: (value.shape, value.dtype) for key, value in outputs.items()} == want, task_name


@every
def test_trains_and_does_its_tasks(name):
    """init -> step -> step is finite, and every task returns finite values of its declared shape and type."""
    _, state, metrics, _ = on(name, "jit", 1)
    assert all(np.isfinite(value) for value in metrics.values()), metrics
    finite = [np.isfinite(leaf).all() for leaf in jax.tree.leaves(state) if np.issubdtype(leaf.dtype, np.floating)]
    assert all(finite)
    chosen = subject(name)
    typed = state.replace(rng=jax.random.wrap_key_data(state.rng))
    keys = jax.vmap(jax.random.key)(jnp.arange(2))
    image = chosen.batches[0][data.pixels(chosen.batches[0])]
    image = image.reshape(-1, *image.shape[-3:])
    for task_name, raw in chosen.method.tasks.items():
        task = wire(raw)
        inputs = {key: _example(spec, image) for key, spec in task.inputs.items()}
        outputs = jax.jit(raw.fn)(weights(typed), keys, {k: _decoded(v) for k, v in inputs.items()})
        assert outputs.keys() == raw.outputs.keys(), task_name
        for key, spec in raw.outputs.items():
            assert outputs[key].shape == (2, *spec.shape), f"{task_name}/{key}"
            assert outputs[key].dtype == jnp.dtype(spec.dtype), f"{task_name}/{key}"
            assert np.isfinite(np.asarray(outputs[key], np.float64)).all(), f"{task_name}/{key}"


def _example(spec, image):
    if spec.kind == "image":
        rows, columns = (np.arange(spec.shape[axis]) % image.shape[1 + axis] for axis in (0, 1))
        return image[:2, rows[:, None], columns]
    if spec.kind in ("label", "tokens"):
        return np.zeros((2, *spec.shape), np.int32)
    return np.ones((2, *spec.shape), jnp.dtype(spec.dtype))


def _decoded(value):
    from jaxgen.ops.images import to_float

    return to_float(jnp.asarray(value)) if value.dtype == np.uint8 else jnp.asarray(value)


@every
def test_step_is_traced_once(name):
    assert on(name, "jit", 1)[3] == 1


@every
def test_four_devices_equal_one(name):
    assert_same(on(name, "jit", 1), on(name, "jit", 4))


@every
def test_pmap_equals_jit(name):
    """Noise is drawn from global indices, so replicas see the numbers one device would: whole states agree."""
    dropout = not dropping(configs.load(f"{name}:smoke"))  # without any, the programs compiled for other tests serve
    assert_same(on(name, "jit", 1, dropout), on(name, "pmap", 4, dropout))


@pytest.mark.long
@pytest.mark.parametrize("name", NAMES)
def test_pmap_equals_vmap(name):
    """vmap with a named axis raises on a forgotten mean, which pmap would hide."""
    chosen = subject(name)
    state = jax.jit(chosen.method.init)(jax.random.key(0), chosen.batches[0], chosen.frozen)
    axis = 1 if chosen.method.batches_per_step > 1 else 0

    def split(x):
        return np.stack(np.split(x, 4, axis))

    def chains(change, state, other=lambda x: x):
        """`change` every leaf that follows the batch."""

        def one(path, x):
            return (change if rules.follows_batch(rules.name(path), chosen.method.per_example_state) else other)(x)

        return jax.tree_util.tree_map_with_path(one, state)

    # Everything else enters and leaves unmapped, as under pmap.
    axes = chains(lambda _: 0, state, lambda _: None)
    step = jax.jit(jax.vmap(chosen.replicated.step, in_axes=(axes, 0), out_axes=(axes, None), axis_name="data"))
    state = chains(lambda x: x.reshape(4, -1, *x.shape[1:]), state)
    for batch in chosen.batches[:2]:
        state, _ = step(state, {key: split(value) for key, value in batch.items()})
    state = chains(lambda x: x.reshape(-1, *x.shape[2:]), state)
    assert_close(host(state), on(name, "pmap", 4)[1])


@every
def test_every_player_moves_and_nothing_frozen_does(name):
    first, last, _, _ = on(name, "jit", 1)
    for player in first.params:
        leaves = zip(jax.tree.leaves(first.params[player]), jax.tree.leaves(last.params[player]), strict=True)
        assert any((a != b).any() for a, b in leaves), f"{player} did not move"
    for a, b in zip(jax.tree.leaves(first.frozen), jax.tree.leaves(last.frozen), strict=True):
        np.testing.assert_array_equal(a, b)
    assert last.step == 2


@every
def test_examples_get_their_own_noise(name):
    """Equal examples in different places of the batch, and so on different devices, draw different noise."""
    chosen = subject(name)
    task = chosen.method.tasks.get("sample")
    if task is None:
        pytest.skip("this method does not sample")
    state = on(name, "jit", 1)[1]
    typed = state.replace(rng=jax.random.wrap_key_data(state.rng))
    inputs = {key: jnp.zeros((4, *spec.shape), spec.dtype) for key, spec in task.inputs.items()}
    keys = jax.vmap(lambda i: jax.random.fold_in(jax.random.key(0), i))(jnp.arange(4))
    made, draw = pictured(task.outputs), jax.jit(task.fn)
    drawn = np.asarray(draw(weights(typed, "raw"), keys, inputs)[made])
    alone = np.asarray(draw(weights(typed, "raw"), keys[2:3], {k: v[2:3] for k, v in inputs.items()})[made])
    assert all((drawn[0] != other).any() for other in drawn[1:])
    np.testing.assert_allclose(alone[0], drawn[2], atol=2e-5)


@every
def test_saved_and_restored_step_is_the_same_step(name, tmp_path):
    """save -> restore -> step equals step, bit for bit, and donating the restored state is safe."""
    from jaxgen import training

    chosen = subject(name)
    made = parallel.jit_strategy(chosen.method, parallel.make_mesh(devices=jax.devices()[:1]))
    state = made.init(jax.random.key(0), chosen.batches[0], chosen.frozen)
    state, _ = made.step(state, made.put(chosen.batches[0]))
    checkpoints = training.Checkpoints(tmp_path / "checkpoints")
    checkpoints.save(1, state)
    checkpoints.wait()
    state, _ = made.step(state, made.put(chosen.batches[1]))
    straight = host(state)
    abstract = made.abstract(jax.random.key(0), chosen.batches[0], chosen.frozen)
    step, restored = checkpoints.restore_latest(abstract.replace(frozen=chosen.frozen))
    checkpoints.close()
    assert step == 1
    restored, _ = made.step(restored, made.put(chosen.batches[1]))
    for a, b in zip(jax.tree.leaves(straight), jax.tree.leaves(host(restored)), strict=True):
        np.testing.assert_array_equal(a, b)
