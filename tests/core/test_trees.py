import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxgen.core import trees


@settings(deadline=None, max_examples=20)
@given(parts=st.integers(1, 5), each=st.integers(1, 4), rest=st.lists(st.integers(1, 3), max_size=2))
def test_a_strided_split_is_undone_by_its_join(parts, each, rest):
    x = np.arange(parts * each * int(np.prod(rest))).reshape(parts * each, *rest)
    split = trees.strided_split({"x": x}, parts)["x"]
    assert split.shape == (parts, each, *rest)
    for p in range(parts):
        np.testing.assert_array_equal(split[p], x[p::parts])
    np.testing.assert_array_equal(trees.strided_join({"x": split})["x"], x)


def test_a_split_that_does_not_divide():
    with pytest.raises(ValueError, match="7 does not divide into 2"):
        trees.strided_split(jnp.zeros((7, 2)), 2)


def test_leading():
    assert trees.leading({"a": jnp.zeros((5, 2)), "b": jnp.zeros(5)}) == 5
    with pytest.raises(ValueError, match=r"\[4, 5\]"):
        trees.leading({"a": jnp.zeros((5, 2)), "b": jnp.zeros(4)})
    with pytest.raises(ValueError, match="first axis"):
        trees.leading({})


def test_size_counts_scalars():
    assert trees.size({"a": jnp.zeros((5, 2)), "b": (jnp.zeros(3), jnp.zeros(()))}) == 14


def test_strong_keeps_values_and_types():
    tree = {"weak": jnp.asarray(1.5) * 2, "key": jax.random.key(0), "half": jnp.ones(2, jnp.bfloat16)}
    tree["weak"] = jax.lax.full((), 3.0)
    out = trees.strong({**tree, "python": 2.0})
    assert not any(leaf.aval.weak_type for leaf in jax.tree.leaves(out))
    assert out["half"].dtype == jnp.bfloat16
    assert float(out["python"]) == 2.0
    assert (jax.random.key_data(out["key"]) == jax.random.key_data(tree["key"])).all()
