import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxgen import optim
from jaxgen.core import UserError
from jaxgen.optim.ema import gamma


def follow(averages, values, stats=None):
    """The averages after seeing `values` one by one."""
    kept = averages.init(jnp.asarray(values[0]), stats or {})
    for step, value in enumerate(values):
        kept = averages.update(kept, jnp.asarray(value), stats or {}, jnp.int32(step))
    return {name: np.asarray(tree["params"]) for name, tree in kept.items()}


def test_a_constant_decay_forgets_geometrically():
    """From w = 0 to w = 1 once the warm-up is over: the distance to 1 shrinks by the decay at every step."""
    averages = optim.averages({"ema": {"kind": "constant", "decay": 0.5}})
    kept = averages.init(jnp.zeros(2), {})
    for step in range(1000, 1005):
        kept = averages.update(kept, jnp.ones(2), {}, jnp.int32(step))
    np.testing.assert_allclose(kept["ema"]["params"], 1 - 0.5**5, rtol=1e-6)


def test_the_warmup_forgets_the_initial_weights():
    """The first update has decay 1 / 10, the second 2 / 11."""
    averages = optim.averages({"ema": {"kind": "constant", "decay": 0.9999}})
    assert follow(averages, [0.0, 1.0])["ema"] == pytest.approx(9 / 11)
    kept = averages.init(jnp.array(100.0), {})
    kept = averages.update(kept, jnp.array(0.0), {}, jnp.int32(0))
    assert float(kept["ema"]["params"]) == pytest.approx(10.0)


@settings(deadline=None, max_examples=20)
@given(width=st.floats(0.01, 0.25))
def test_the_exponent_has_the_asked_width(width):
    """The standard deviation of the density proportional to t^gamma on (0, 1), by numerical integration."""
    exponent = gamma(width)
    t = np.linspace(0, 1, 200001)[1:]
    density = np.exp(exponent * np.log(t))
    density /= density.sum()
    mean = (density * t).sum()
    assert np.sqrt((density * (t - mean) ** 2).sum()) == pytest.approx(width, rel=2e-3)


def test_power_averages_weigh_the_past_by_a_power():
    """Seeing 1 ... n, the average nears the mean of n t over the density (g + 1) t^g, which is n (g + 1) / (g + 2)."""
    width, count = 0.1, 2000
    exponent = gamma(width)
    averages = optim.averages({"p": {"kind": "power", "width": width}})
    kept = averages.init(jnp.array(-1e6), {})
    steps = jnp.arange(count)
    kept, _ = jax.lax.scan(lambda k, i: (averages.update(k, i + 1.0, {}, i), None), kept, steps)
    assert float(kept["p"]["params"]) == pytest.approx(count * (exponent + 1) / (exponent + 2), rel=2e-3)


def test_several_profiles_counters_and_half_precision():
    averages = optim.averages({"a": {"kind": "constant", "decay": 0.9}, "b": {"kind": "power", "width": 0.1}})
    params, stats = {"w": jnp.ones(2, jnp.bfloat16), "count": jnp.int32(3)}, {"mean": jnp.zeros(2)}
    kept = averages.init(params, stats)
    assert set(kept) == {"a", "b"}
    new = averages.update(kept, {**params, "count": jnp.int32(4)}, stats, jnp.int32(5))
    for profile in new.values():
        assert profile["params"]["w"].dtype == jnp.float32
        assert int(profile["params"]["count"]) == 4
    assert jax.tree.structure(new) == jax.tree.structure(kept)


def test_no_profiles_no_averages():
    assert optim.averages({}) is None


@pytest.mark.parametrize("width", [0.0, 0.3, -1.0])
def test_a_width_out_of_range(width):
    with pytest.raises(UserError, match=r"between 0 and 0\.28"):
        optim.averages({"p": {"kind": "power", "width": width}})


def test_an_unknown_kind_is_named():
    with pytest.raises(UserError, match=r"optim\.ema\.p\.kind 'powr'\. Did you mean 'power'"):
        optim.averages({"p": {"kind": "powr"}})
