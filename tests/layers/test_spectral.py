"""Spectral normalisation against the singular value decomposition; linear layers against linen's."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgen.layers import spectral
from jaxgen.layers.convolution import ConvTranspose


def largest(kernel):
    return np.linalg.svd(np.asarray(kernel).reshape(-1, kernel.shape[-1]), compute_uv=False)[0]


@pytest.mark.parametrize(
    ("layer", "shape"),
    [(spectral.Dense(7, True, use_bias=False), (4, 9)), (spectral.Conv(6, 3, 1, True, use_bias=False), (2, 4, 4, 3))],
)
def test_sigma_is_the_largest_singular_value_from_the_start_and_stays_so(layer, shape):
    x = jax.random.normal(jax.random.key(0), shape)
    variables = layer.init(jax.random.key(1), x, train=False)
    plain = layer.clone(spectral=False)

    def ratio(variables):
        raw = plain.apply({"params": variables["params"]}, x, train=False)
        return float(jnp.vdot(raw, raw) / jnp.vdot(raw, layer.apply(variables, x, train=False)))

    kernel = variables["params"]["kernel"]
    assert ratio(variables) == pytest.approx(largest(kernel), rel=1e-2)
    # A different kernel: training passes find its singular value again.
    moved = {**variables, "params": {"kernel": jax.random.normal(jax.random.key(2), kernel.shape)}}
    step = jax.jit(lambda v: layer.apply(v, x, train=True, mutable=[spectral.COLLECTION])[1])
    for _ in range(60):
        moved = {**moved, **step(moved)}
    assert ratio(moved) == pytest.approx(largest(moved["params"]["kernel"]), rel=1e-3)


def test_the_gradient_is_that_of_dividing_by_the_true_singular_value():
    layer = spectral.Dense(5, True, use_bias=False)
    x = jax.random.normal(jax.random.key(0), (3, 4))
    variables = layer.init(jax.random.key(1), x, train=False)
    kernel, state = variables["params"]["kernel"], variables[spectral.COLLECTION]
    step = jax.jit(lambda v: layer.apply(v, x, train=True, mutable=[spectral.COLLECTION])[1])
    for _ in range(200):
        state = step({"params": {"kernel": kernel}, spectral.COLLECTION: state})[spectral.COLLECTION]

    def ours(kernel):
        return jnp.sum(jnp.sin(layer.apply({"params": {"kernel": kernel}, spectral.COLLECTION: state}, x, train=False)))

    def exact(kernel):
        return jnp.sum(jnp.sin(x @ (kernel / jnp.linalg.norm(kernel, 2))))

    np.testing.assert_allclose(jax.jit(jax.grad(ours))(kernel), jax.grad(exact)(kernel), rtol=1e-2, atol=1e-3)


def test_u_moves_in_training_only():
    layer = spectral.Dense(5, True)
    x = jnp.ones((2, 4))
    variables = layer.init(jax.random.key(0), x, train=False)
    variables = {**variables, spectral.COLLECTION: {"u": jnp.full(5, 5**-0.5)}}
    for train, moves in ((False, False), (True, True)):
        _, new = layer.apply(variables, x, train=train, mutable=[spectral.COLLECTION])
        assert bool(jnp.any(new[spectral.COLLECTION]["u"] != 5**-0.5)) == moves


def test_plain_layers_agree_with_linen():
    x = jax.random.normal(jax.random.key(0), (2, 8, 8, 3))
    conv = spectral.Conv(4, 4, 2)
    params = conv.init(jax.random.key(1), x, train=False)
    theirs = nn.Conv(4, (4, 4), (2, 2)).apply(params, x)
    np.testing.assert_allclose(conv.apply(params, x, train=False), theirs, rtol=1e-4, atol=1e-5)
    up = ConvTranspose(4, 4, 2)
    params = up.init(jax.random.key(1), x)
    theirs = nn.ConvTranspose(4, (4, 4), (2, 2), transpose_kernel=True).apply(params, x)
    np.testing.assert_allclose(up.apply(params, x), theirs, rtol=1e-4, atol=1e-5)


def test_bfloat16_computes_in_bfloat16_on_float32_weights():
    x = jnp.ones((2, 8, 8, 3))
    layer = spectral.Conv(4, 3, 1, True, dtype=jnp.bfloat16)
    variables = layer.init(jax.random.key(0), x, train=False)
    assert layer.apply(variables, x, train=False).dtype == jnp.bfloat16
    assert {leaf.dtype for leaf in jax.tree.leaves(variables)} == {jnp.dtype("float32")}
