"""Invertible layers: determinants against full Jacobians, round trips, data-dependent starts, the split's density."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats

from jaxgen.core import UserError
from jaxgen.layers.invertible import (
    ActNorm,
    ConvNet,
    Coupling,
    InvertibleConv,
    Split,
    bounded,
    checkerboard,
    halves,
    squeeze,
    unsqueeze,
)

KEY = jax.random.key(0)
SHAPE = (2, 4, 4)
X = 3.0 * jax.random.normal(jax.random.key(1), (6, *SHAPE)) + jnp.arange(4.0)
NET = partial(ConvNet, width=6)
LAYERS = {
    "actnorm": (ActNorm(), ()),
    "mix": (InvertibleConv(), ()),
    "channels": (Coupling(NET, kind="sigmoid"), ()),
    "halves": (Coupling(NET), (halves(*SHAPE, second=True),)),
    "checkerboard": (Coupling(NET), (checkerboard(*SHAPE, odd=True),)),
}


def moved(variables, by=0.2):
    """Weights off their special start (zero convolutions are identities)."""
    rng = np.random.default_rng(0)
    params = jax.tree.map(lambda w: w + np.float32(by * rng.normal(size=w.shape)), variables["params"])
    return {**variables, "params": params}


@pytest.mark.parametrize("name", LAYERS)
def test_the_log_determinant_is_that_of_the_jacobian_and_the_inverse_undoes_the_layer(name):
    layer, extra = LAYERS[name]
    variables = moved(layer.init(KEY, X, *extra))
    forward = jax.jit(lambda x: layer.apply(variables, x, *extra))
    y, log_det = forward(X)
    jacobian = jax.jacrev(lambda x: forward(x[None])[0][0])(X[2]).reshape(32, 32)
    np.testing.assert_allclose(log_det[2], np.linalg.slogdet(np.asarray(jacobian, np.float64))[1], atol=1e-4)
    back, minus = layer.apply(variables, y, *extra, inverse=True)
    np.testing.assert_allclose(back, X, atol=1e-4)
    np.testing.assert_allclose(minus, -log_det, atol=1e-4)


def test_the_first_batch_leaves_activation_normalisation_with_zero_mean_and_unit_variance():
    variables = ActNorm().init(KEY, X)
    y, _ = ActNorm().apply(variables, X)
    np.testing.assert_allclose(np.mean(y, (0, 1, 2)), np.zeros(4), atol=1e-5)
    np.testing.assert_allclose(np.std(y, (0, 1, 2)), np.ones(4), atol=1e-4)


def test_a_channel_that_never_changes_stays_finite():
    flat = X.at[..., 1].set(0.25)
    y, log_det = ActNorm().apply(ActNorm().init(KEY, flat), flat)
    assert np.all(np.isfinite(y))
    assert np.all(np.isfinite(log_det))


def test_the_mixing_matrix_starts_as_a_rotation():
    layer = InvertibleConv()
    variables = layer.init(KEY, X)
    weight = np.stack([layer.apply(variables, jnp.eye(4)[i][None, None, None])[0][0, 0, 0] for i in range(4)], axis=1)
    np.testing.assert_allclose(weight @ weight.T, np.eye(4), atol=1e-5)
    np.testing.assert_allclose(layer.apply(variables, X)[1], np.zeros(6), atol=1e-4)


@pytest.mark.parametrize("mask", [checkerboard(*SHAPE), halves(*SHAPE)])
def test_masked_entries_pass_and_do_not_see_the_others(mask):
    layer = Coupling(NET)
    variables = moved(layer.init(KEY, X, mask))
    y, _ = layer.apply(variables, X, mask)
    np.testing.assert_array_equal(y * mask, X * mask)
    other, _ = layer.apply(variables, X + 1.0 * (1.0 - mask), mask)
    # Among the moved entries the map is elementwise, with one scale for each that the passing part alone decides.
    scale = np.asarray(other - y)[:, mask == 0]
    third, _ = layer.apply(variables, X + 2.0 * (1.0 - mask), mask)
    np.testing.assert_allclose(np.asarray(third - y)[:, mask == 0], 2.0 * scale, rtol=1e-3, atol=1e-4)


def test_squeeze_keeps_the_four_pixels_of_a_channel_together():
    x = jnp.arange(2 * 4 * 4 * 3.0).reshape(2, 4, 4, 3)
    y = squeeze(x)
    np.testing.assert_array_equal(y[1, 0, 1, 8:], [x[1, 0, 2, 2], x[1, 0, 3, 2], x[1, 1, 2, 2], x[1, 1, 3, 2]])
    np.testing.assert_array_equal(unsqueeze(y), x)


def test_what_leaves_at_a_split_is_gaussian_given_what_stays():
    layer = Split()
    variables = moved(layer.init(KEY, X), 0.05)
    kept, z, log_det = layer.apply(variables, X)
    # The Gaussian's mean and deviation are read off by sending z = 0 and z = 1 back.
    ends = [layer.apply(variables, kept, jnp.full_like(z, value))[0][..., 2:] for value in (0.0, 1.0)]
    mean, deviation = np.asarray(ends[0]), np.asarray(ends[1] - ends[0])
    want = scipy.stats.norm(mean, deviation).logpdf(X[..., 2:]).sum((1, 2, 3))
    np.testing.assert_allclose(scipy.stats.norm.logpdf(z).sum((1, 2, 3)) + log_det, want, rtol=1e-4)
    np.testing.assert_allclose(layer.apply(variables, kept, z)[0], X, atol=1e-5)


def test_log_scales_are_bounded():
    raw = jnp.array([-1e6, -3.0, 0.0, 3.0, 1e6])
    tanh, sigmoid = bounded(raw, 2.0, "tanh"), bounded(raw, 5.0, "sigmoid")
    np.testing.assert_allclose(tanh[jnp.array([0, 2, 4])], [-2.0, 0.0, 2.0])
    np.testing.assert_allclose(sigmoid[jnp.array([0, 4])], [-5.0, 0.0], atol=1e-6)
    assert np.all(np.diff(tanh) > 0)
    with pytest.raises(UserError, match="sigmoid"):
        bounded(raw, 2.0, "exp")
