"""Normalisation by name and by class."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgen.core import UserError
from jaxgen.layers.conditional import Norm


def images(*shape):
    return 3.0 + 2.0 * jax.random.normal(jax.random.key(0), shape)


def test_batch_norm_whitens_channels_over_the_batch_and_layer_norm_each_example():
    x = images(16, 4, 4, 3)
    for kind, axes in (("batch", (0, 1, 2)), ("layer", (1, 2, 3))):
        norm = Norm(kind)
        y, _ = norm.apply(norm.init(jax.random.key(1), x, train=False), x, train=True, mutable=["batch_stats"])
        np.testing.assert_allclose(jnp.mean(y, axes), 0.0, atol=1e-5)
        np.testing.assert_allclose(jnp.std(y, axes), 1.0, atol=1e-3)


def test_class_gains_and_biases_belong_to_the_label():
    x, label = images(6, 2, 2, 3), jnp.array([0, 1, 2, 0, 1, 2])
    norm = Norm("batch", classes=3)
    variables = norm.init(jax.random.key(1), x, label, train=False)
    plain, _ = norm.apply(variables, x, label, train=True, mutable=["batch_stats"])
    params = {
        "gain": {"embedding": jnp.tile(jnp.array([[1.0], [2.0], [3.0]]), (1, 3))},
        "bias": {"embedding": jnp.tile(jnp.array([[0.0], [10.0], [20.0]]), (1, 3))},
    }
    y, _ = norm.apply({**variables, "params": params}, x, label, train=True, mutable=["batch_stats"])
    scale, shift = (1.0 + label).reshape(-1, 1, 1, 1), (10.0 * label).reshape(-1, 1, 1, 1)
    np.testing.assert_allclose(y, plain * scale + shift, rtol=1e-4, atol=1e-4)


def test_replicas_share_batch_statistics_through_the_axis():
    x = images(8, 2, 2, 3)
    norm = Norm("batch", axis_name="data")
    variables = norm.init(jax.random.key(1), x, train=False)

    def local(part):
        return norm.apply(variables, part, train=True, mutable=["batch_stats"])

    split, stats = jax.vmap(local, axis_name="data")(x.reshape(4, 2, 2, 2, 3))
    whole, expected = Norm("batch").apply(variables, x, train=True, mutable=["batch_stats"])
    np.testing.assert_allclose(split.reshape(x.shape), whole, rtol=1e-4, atol=1e-5)
    for a, b in zip(jax.tree.leaves(stats), jax.tree.leaves(expected), strict=True):
        np.testing.assert_allclose(a[0], b, rtol=1e-5)


def test_statistics_are_float32_under_bfloat16():
    x = (images(64, 2, 2, 3) + 100.0).astype(jnp.bfloat16)
    norm = Norm("batch", dtype=jnp.bfloat16)
    y, new = norm.apply(norm.init(jax.random.key(1), x, train=False), x, train=True, mutable=["batch_stats"])
    assert y.dtype == jnp.bfloat16
    assert new["batch_stats"]["batch"]["mean"].dtype == jnp.float32


def test_an_unknown_kind_is_named():
    with pytest.raises(UserError, match="Did you mean 'batch'"):
        Norm("bach").init(jax.random.key(0), jnp.ones((1, 2, 2, 1)), train=False)
