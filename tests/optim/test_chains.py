import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxgen import optim
from jaxgen.core import UserError

SECTION = dict(
    name="sgd", lr=0.1, b1=0.0, b2=0.999, eps=1e-8, weight_decay=0.0, schedule="constant", warmup=0, final=0.0, clip=0.0
)


def rates(steps, at, **changes):
    schedule = optim.schedule({**SECTION, **changes}, steps)
    return [float(schedule(step)) for step in at]


def test_constant():
    assert rates(10, [0, 5, 100]) == pytest.approx([0.1] * 3)


def test_warmup_rises_in_equal_parts_and_the_first_step_moves():
    assert rates(100, range(6), warmup=4) == pytest.approx([0.025, 0.05, 0.075, 0.1, 0.1, 0.1])
    assert rates(100, range(2), warmup=1) == pytest.approx([0.1, 0.1])


def test_cosine_ends_at_the_final_share():
    got = rates(100, [0, 50, 100, 150], schedule="cosine", final=0.2)
    assert got == pytest.approx([0.1, 0.06, 0.02, 0.02])


def test_linear_after_a_warmup():
    assert rates(110, [9, 10, 60, 110], schedule="linear", warmup=10) == pytest.approx([0.1, 0.1, 0.05, 0.0])


def test_late_linear_waits_for_half_of_the_way():
    got = rates(100, [0, 50, 75, 100, 120], schedule="late_linear", final=0.2)
    assert got == pytest.approx([0.1, 0.1, 0.06, 0.02, 0.02])


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (dict(schedule="cosin"), "Did you mean 'cosine'"),
        (dict(schedule="cosine", warmup=10), "10 but the run has 10 steps"),
    ],
)
def test_schedules_that_cannot_be(changes, words):
    with pytest.raises(UserError, match=words):
        rates(10, [0], **changes)


@pytest.mark.parametrize("name", sorted(optim.OPTIMIZERS))
def test_every_optimizer_moves_downhill(name):
    """On w^2 from w = 1, a hundred steps."""
    tx = optax.with_extra_args_support(optim.build({**SECTION, "name": name, "lr": 0.01}, 100))

    def value(w):
        return jnp.sum(w**2)

    @jax.jit
    def step(w, opt):
        updates, opt = tx.update(2 * w, opt, w, value=value(w), grad=2 * w, value_fn=value)
        return w + updates, opt

    w = jnp.ones(3)
    opt = tx.init(w)
    for _ in range(100):
        w, opt = step(w, opt)
    assert np.abs(w).max() < 0.7


def test_lbfgs_solves_a_narrow_valley_and_keeps_its_types():
    """Rosenbrock's function from (-1.2, 1), whose minimum is at (1, 1); plain descent takes thousands of steps."""
    tx = optim.build({**SECTION, "name": "lbfgs"}, 60)

    def value(w):
        return 100.0 * (w[1] - w[0] ** 2) ** 2 + (1.0 - w[0]) ** 2

    @jax.jit
    def run(w):
        def step(carry, _):
            w, opt = carry
            found, grad = jax.value_and_grad(value)(w)
            updates, opt = tx.update(grad, opt, w, value=found, grad=grad, value_fn=value)
            return (w + updates, opt), None

        return jax.lax.scan(step, (w, tx.init(w)), None, length=60)[0]

    w, _ = run(jnp.array([-1.2, 1.0]))
    np.testing.assert_allclose(w, [1.0, 1.0], atol=1e-3)
    assert not any(leaf.weak_type for leaf in jax.tree.leaves(jax.eval_shape(tx.init, w)))


def test_clipping_limits_the_norm_of_a_step():
    """Plain gradient descent with lr 0.1: a gradient of norm 50 clipped to 2 moves by 0.2 along it."""
    tx = optim.build({**SECTION, "clip": 2.0}, 10)
    updates, _ = tx.update(jnp.array([30.0, 40.0]), tx.init(jnp.zeros(2)))
    np.testing.assert_allclose(updates, [-0.12, -0.16], rtol=1e-6)


def test_momentum_and_adam_take_known_first_steps():
    """Adam's first step is the sign of the gradient times lr; momentum's second adds b1 times the first."""
    tx = optim.build({**SECTION, "name": "adam", "b1": 0.9}, 10)
    updates, _ = tx.update(jnp.array([3.0, -7.0]), tx.init(jnp.zeros(2)))
    np.testing.assert_allclose(updates, [-0.1, 0.1], rtol=1e-5)
    tx = optim.build({**SECTION, "b1": 0.5}, 10)
    _, opt = tx.update(jnp.array([1.0]), tx.init(jnp.zeros(1)))
    updates, _ = tx.update(jnp.array([1.0]), opt)
    np.testing.assert_allclose(updates, [-0.15], rtol=1e-6)


def test_decoupled_weight_decay_shrinks_without_a_gradient():
    tx = optim.build({**SECTION, "name": "adamw", "weight_decay": 0.5}, 10)
    updates, _ = tx.update(jnp.zeros(1), tx.init(jnp.ones(1)), jnp.ones(1))
    np.testing.assert_allclose(updates, [-0.05], rtol=1e-6)


def test_an_unknown_optimizer_is_named():
    with pytest.raises(UserError, match="Did you mean 'adamw'"):
        optim.build({**SECTION, "name": "adamww"}, 10)


@pytest.mark.parametrize(
    "wrong",
    [{"lr": -1.0}, {"lr": 0.0}, {"lr": float("nan")}, {"b1": 1.0}, {"b2": -0.1}, {"clip": -1.0}, {"warmup": -3}],
)
def test_a_number_outside_its_range_is_named(wrong):
    ((name, value),) = wrong.items()
    with pytest.raises(UserError, match=f"{name} is {value}; it must be"):
        optim.build({**SECTION, **wrong}, 10)
