"""One optimizer step against closed forms: least squares with plain gradient descent."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxgen.core import Aux, Lazy, Turn, alternate, descend, minimize, remat
from jaxgen.core.minimize import move

X = np.random.default_rng(0).normal(size=(8, 3)).astype(np.float32)
Y = np.arange(8, dtype=np.float32)
RNG = jax.random.key(0)


def squares(params, batch, keys):
    x, y = batch
    error = x @ params - y
    aux = Aux(metrics={"error": error}, stats=jnp.mean(x), memory={"last": jnp.max(y)}, outputs=error)
    return 0.5 * error**2, aux


@pytest.mark.parametrize("micro", [1, 2, 4])
def test_gradient_descent_on_least_squares(micro):
    """The gradient of mean (x w - y)^2 / 2 is X^T (X w - y) / n."""
    w = np.array([1.0, -1.0, 2.0], np.float32)
    new, _, metrics, aux = descend(
        squares, optax.sgd(0.1), jnp.asarray(w), optax.sgd(0.1).init(w), (X, Y), RNG, micro=micro
    )
    gradient = X.T @ (X @ w - Y) / 8
    np.testing.assert_allclose(new, w - 0.1 * gradient, rtol=1e-5)
    np.testing.assert_allclose(metrics["grad_norm"], np.linalg.norm(gradient), rtol=1e-5)
    np.testing.assert_allclose(metrics["loss"], np.mean((X @ w - Y) ** 2) / 2, rtol=1e-5)
    np.testing.assert_allclose(metrics["error"], np.mean(X @ w - Y), rtol=1e-5)
    np.testing.assert_allclose(aux.stats, X.mean(), rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(aux.outputs, X @ w - Y, rtol=1e-5, atol=1e-5)


def test_micro_batches_advance_schedules_once():
    tx = optax.adam(optax.linear_schedule(1.0, 0.0, 10))
    opt = tx.init(jnp.zeros(3))
    _, opt, _, _ = descend(squares, tx, jnp.zeros(3), opt, (X, Y), RNG, micro=4)
    assert int(opt[0].count) == 1
    assert int(opt[1].count) == 1


def test_an_example_keeps_its_key_in_any_micro_batch():
    def loss(params, batch, keys):
        # Bits, which no compiler rounds.
        return params * jnp.ones(len(keys)), Aux(outputs=jax.vmap(jax.random.bits)(keys))

    tx, w = optax.sgd(0.0), jnp.ones(())
    draws = [descend(loss, tx, w, tx.init(w), (X, Y), RNG, micro=m)[3].outputs for m in (1, 2, 8)]
    np.testing.assert_array_equal(draws[0], draws[1])
    np.testing.assert_array_equal(draws[0], draws[2])
    assert len(np.unique(draws[0])) == 8


def test_a_batch_that_does_not_divide_into_micro_batches():
    with pytest.raises(ValueError, match="8 does not divide into 3"):
        descend(squares, optax.sgd(0.1), jnp.zeros(3), (), (X, Y), RNG, micro=3)


def test_bfloat16_weights_stay_bfloat16():
    new, _, metrics, _ = descend(
        squares, optax.sgd(0.1), jnp.zeros(3, jnp.bfloat16), optax.sgd(0.1).init(None), (X, Y), RNG, micro=2
    )
    assert new.dtype == jnp.bfloat16
    assert metrics["loss"].dtype == jnp.float32


def _regression(**options):
    def loss(params, state, batch, keys):
        return (batch["x"] @ params - batch["y"]) ** 2, Aux()

    return minimize(lambda rng, batch, frozen: (jnp.zeros(3), {}), loss, optax.adam(0.1), {}, **options)


def test_minimize_finds_the_least_squares_solution():
    method, batch = _regression(), {"x": X, "y": Y}
    state = method.init(RNG, batch, {})
    state, _ = jax.lax.scan(lambda s, _: method.step(s, batch), state, None, length=1000)
    solution = np.linalg.lstsq(X, Y, rcond=None)[0]
    np.testing.assert_allclose(state.params["model"], solution, rtol=1e-3)
    assert int(state.step) == 1000


def _recorder(name, tx=None, **options):
    """A player whose loss is w * (sum of all players' weights): its gradient shows what it saw when it moved."""

    def loss(params, state, batch, keys):
        others = sum(state.params[other] for other in state.params)
        return jnp.mean(batch["x"]) * params * jax.lax.stop_gradient(others) * jnp.ones(len(keys)), Aux()

    return Turn(name, loss, tx or optax.sgd(1.0), **options)


def _start(rng, batch, frozen):
    return {"a": (jnp.array(1.0), {}), "b": (jnp.array(10.0), {})}


def test_players_move_in_order_and_see_each_other():
    """a: 1 - (1 + 10) = -10; then b: 10 - (-10 + 10) = 10."""
    batch = {"x": jnp.ones((4, 1))}
    method = alternate(_start, [_recorder("a"), _recorder("b")], {})
    state, metrics = method.step(method.init(RNG, batch, {}), batch)
    assert (float(state.params["a"]), float(state.params["b"])) == (-10, 10)
    assert set(metrics) == {"a/loss", "a/grad_norm", "b/loss", "b/grad_norm"}
    method = alternate(_start, [_recorder("b"), _recorder("a")], {})
    state, _ = method.step(method.init(RNG, batch, {}), batch)
    assert (float(state.params["a"]), float(state.params["b"])) == (1.0, -1.0)


def test_a_repeated_turn_sees_one_batch_per_move():
    """b moves on batches of ones, twos and threes, with a = 0: b <- b - x b."""
    batch = {"x": jnp.arange(1.0, 4.0)[:, None, None] * jnp.ones((3, 4, 1)) / 10}
    still = _recorder("a", optax.set_to_zero())
    method = alternate(
        lambda rng, batch, frozen: {"a": (jnp.array(0.0), {}), "b": (jnp.array(10.0), {})},
        [_recorder("b", repeats=3), still],
        {},
    )
    assert method.batches_per_step == 3
    state, metrics = method.step(method.init(RNG, batch, {}), batch)
    np.testing.assert_allclose(state.params["b"], 10 * 0.9 * 0.8 * 0.7, rtol=1e-6)
    # The loss of a move is its gradient here, w x: the mean over the moves is reported.
    np.testing.assert_allclose(metrics["b/grad_norm"], np.mean([1.0, 9 * 0.2, 9 * 0.8 * 0.3]), rtol=1e-6)
    assert int(state.step) == 1


@pytest.mark.parametrize("every", [1, 3])
def test_a_lazy_term_has_the_same_mean_gradient(every):
    """Loss 0 plus a lazy term w: gradient `every` on due steps, else 0, so w falls by 1 per step on average."""
    base = lambda params, state, batch, keys: (0 * params * jnp.ones(len(keys)), Aux())  # noqa: E731

    def term(params, state, batch, keys):
        return params * jnp.ones(len(keys)), Aux(metrics={"term": params}, memory={"seen": state.memory["seen"] + 1})

    turn = Turn("m", base, optax.sgd(1.0), lazy=(Lazy(term, every),))
    method = alternate(
        lambda rng, batch, frozen: {"m": (jnp.array(0.0), {})},
        [turn],
        {},
        memory=lambda rng, batch: {"seen": jnp.zeros(())},
    )
    batch, trail = {"x": jnp.ones((4, 1))}, []
    state = method.init(RNG, batch, {})
    for _ in range(6):
        state, _ = method.step(state, batch)
        trail.append(float(state.params["m"]))
    assert trail == [-every * (step // every + 1) for step in range(6)]
    assert float(state.memory["seen"]) == 6 / every


def test_moves_of_a_step_and_steps_draw_different_noise():
    def loss(params, state, batch, keys):
        return 0 * params + jax.vmap(jax.random.uniform)(keys), Aux()

    turns = [Turn("a", loss, optax.sgd(1.0), repeats=2), Turn("b", loss, optax.sgd(1.0))]
    method = alternate(_start, turns, {})
    batch, seen = {"x": jnp.ones((2, 2, 1))}, []
    state = method.init(RNG, batch, {})
    for _ in range(2):
        state, metrics = method.step(state, batch)
        seen += [float(metrics["a/loss"]), float(metrics["b/loss"])]
    assert len(set(seen)) == 4
    # The two moves of "a" within one step differ as well: their mean is neither.
    first = move(turns[0], method.init(RNG, batch, {}), {"x": batch["x"][0]}, RNG, None)[1]["a/loss"]
    assert float(first) not in seen


@pytest.mark.parametrize(("policy", "count"), [("none", 2), ("products", 4), ("weights", 4)])
def test_rematerialisation_computes_activations_again(policy, count):
    """tanh(tanh(x w)): the two activations once in the forward pass, and again in the backward pass."""

    def loss(params, batch, keys):
        return jnp.sum(jnp.tanh(jnp.tanh(batch @ params)), axis=1), Aux()

    def step(params):
        with remat(policy):
            return descend(loss, tx, params, tx.init(params), jnp.ones((4, 3)), RNG)[0]

    tx = optax.sgd(0.1)
    program = str(jax.make_jaxpr(step)(jnp.ones((3, 5))))
    assert program.count(" tanh ") == count
    assert program.count("dot_general") == 2
