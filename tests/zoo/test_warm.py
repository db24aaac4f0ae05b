"""Starting from the weights of another run."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxgen import core, optim
from jaxgen.zoo.warm import warm


def model(width, player="model"):
    def init(rng, batch, frozen):
        return {"w": jax.random.normal(rng, (width,))}, {"seen": jnp.zeros(())}

    def loss(params, state, batch, keys):
        return jnp.sum((params["w"] - batch["x"]) ** 2, -1), core.Aux(stats={"seen": jnp.ones(())})

    averages = optim.averages({"ema": {"kind": "constant", "decay": 0.9}})
    return core.minimize(init, loss, optax.sgd(0.1), {}, player=player, averages=averages)


BATCH = {"x": jnp.ones((4, 3))}


def test_weights_and_averages_start_where_the_other_run_ended():
    state, _ = model(3).step(model(3).init(jax.random.key(1), BATCH, {}), BATCH)
    started = warm(model(3), core.weights(state), "run:x").init(jax.random.key(2), BATCH, {})
    given = core.weights(state)
    np.testing.assert_array_equal(started.params["model"]["w"], given.params["model"]["w"])
    np.testing.assert_array_equal(started.ema["model"]["ema"]["params"]["w"], given.params["model"]["w"])
    np.testing.assert_array_equal(started.stats["model"]["seen"], given.stats["model"]["seen"])
    assert started.step == 0


def test_what_does_not_fit_is_refused():
    given = core.weights(model(3).init(jax.random.key(1), BATCH, {}))
    with pytest.raises(core.UserError, match=r"\['w'\].*\(3,\) there, \(4,\) here"):
        warm(model(4), given, "run:x").init(jax.random.key(2), {"x": jnp.ones((4, 4))}, {})
    with pytest.raises(core.UserError, match="no network to start from"):
        warm(model(3, "other"), given, "run:x").init(jax.random.key(2), BATCH, {})


def test_a_part_that_fits_is_taken_and_told(caplog):
    def two(width):
        made = model(width)

        def init(rng, batch, frozen):
            state = made.init(rng, batch, frozen)
            params = {"model": {**state.params["model"], "head": jnp.full((2,), float(width))}}
            ema = {"model": {"ema": {"params": params["model"], "stats": state.stats["model"]}}}
            return state.replace(params=params, ema=ema)

        return made._replace(init=init)

    given = core.weights(two(3).init(jax.random.key(1), BATCH, {}))
    started = warm(two(4), given, "part:x", part=True).init(jax.random.key(2), BATCH, {})
    fresh = two(4).init(jax.random.key(2), BATCH, {})
    np.testing.assert_array_equal(started.params["model"]["head"], [3, 3])
    np.testing.assert_array_equal(started.params["model"]["w"], fresh.params["model"]["w"])
    np.testing.assert_array_equal(started.ema["model"]["ema"]["params"]["head"], [3, 3])
    assert "takes 1 of its 2 weights (2 of 6 parameters)" in caplog.text
    with pytest.raises(core.UserError, match="none of the 1 weights"):
        warm(model(4), core.weights(model(3).init(jax.random.key(1), BATCH, {})), "part:x", part=True).init(
            jax.random.key(2), BATCH, {}
        )
