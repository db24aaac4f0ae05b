import jax.numpy as jnp
import numpy as np
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
    tx = optim.build({**SECTION, "name": name, "lr": 0.01}, 100)
    w = jnp.ones(3)
    opt = tx.init(w)
    for _ in range(100):
        updates, opt = tx.update(2 * w, opt, w)
        w = w + updates
    assert np.abs(w).max() < 0.7


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
