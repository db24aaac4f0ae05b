import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxgen.core import replicas

RNG = jax.random.key(5)


@settings(deadline=None, max_examples=8)
@given(count=st.sampled_from([1, 2, 4]), each=st.integers(1, 3))
def test_keys_do_not_depend_on_how_the_batch_is_divided(count, each):
    whole = jax.random.key_data(replicas.keys(RNG, count * each, None))
    parts = jax.vmap(
        lambda _: jax.random.key_data(replicas.keys(RNG, each, "data")), axis_name="data", axis_size=count
    )(jnp.arange(count))
    np.testing.assert_array_equal(parts.reshape(whole.shape), whole)
    assert len(np.unique(whole, axis=0)) == count * each


def test_mean_and_gather_over_replicas():
    x = jnp.arange(8.0).reshape(4, 2)
    spread = lambda f: jax.vmap(f, axis_name="data")(x)  # noqa: E731
    np.testing.assert_array_equal(spread(lambda x: replicas.mean(x, "data")), np.tile([3.0, 4.0], (4, 1)))
    np.testing.assert_array_equal(spread(lambda x: replicas.gather(x, "data")), np.tile(np.arange(8.0), (4, 1)))
    assert replicas.mean(x, None) is x
    assert replicas.gather(x, None) is x


def test_a_replicas_own_key_differs_between_replicas():
    data = jax.vmap(lambda _: jax.random.key_data(replicas.key(RNG, "data")), axis_name="data")(jnp.arange(4))
    assert len(np.unique(data, axis=0)) == 4


@pytest.mark.parametrize("shape", [(), (2, 3)])
def test_each_draws_per_key(shape):
    keys = replicas.keys(RNG, 4, None)
    draws = replicas.each(jax.random.normal, keys, shape)
    assert draws.shape == (4, *shape)
    np.testing.assert_array_equal(draws[2], jax.random.normal(keys[2], shape))


def test_split_each_gives_independent_keys_per_use():
    keys = replicas.keys(RNG, 3, None)
    data = jax.random.key_data(replicas.split_each(keys, 2))
    assert data.shape[:2] == (2, 3)
    assert len(np.unique(data.reshape(6, -1), axis=0)) == 6
    np.testing.assert_array_equal(data[:, 1], jax.random.key_data(jax.random.split(keys[1], 2)))
