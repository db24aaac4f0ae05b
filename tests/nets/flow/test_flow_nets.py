"""RealNVP, Glow and the dequantiser as bijections: full Jacobian, round trips, closed forms, sizes that do not fit."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats

from jaxgen.core import UserError
from jaxgen.nets.flow.dequantizer import FlowDequantizer
from jaxgen.nets.flow.glow import Glow
from jaxgen.nets.flow.realnvp import RealNVP
from jaxgen.nets.roles import functional

KEY = jax.random.key(0)
SHAPE = (4, 4, 1)
X = jax.random.normal(jax.random.key(1), (6, *SHAPE)) * 0.5 + 0.2
COND = {"image": X, "label": jnp.arange(6) % 3}
NETS = {
    "glow": lambda dtype=jnp.float32: Glow(SHAPE, levels=2, steps=2, width=6, classes=3, dtype=dtype),
    "realnvp": lambda dtype=jnp.float32: RealNVP(
        SHAPE, scales=2, couplings=2, width=8, blocks=1, classes=3, dtype=dtype
    ),
    "dequantizer": lambda dtype=jnp.float32: FlowDequantizer(SHAPE, couplings=2, width=8, dtype=dtype),
}


def started(module, moved=0.1):
    net = functional(module)
    params, stats = jax.jit(net.init)(KEY, X, COND)
    rng = np.random.default_rng(0)
    return net, jax.tree.map(lambda w: w + np.float32(moved * rng.normal(size=w.shape)), params), stats


@pytest.mark.parametrize("name", NETS)
def test_the_log_determinant_is_that_of_the_full_jacobian(name):
    net, params, stats = started(NETS[name]())
    (z, log_det), _ = jax.jit(net.apply)(params, stats, X, COND)
    one = {key: value[:1] for key, value in COND.items()}
    jacobian = jax.jit(jax.jacrev(lambda x: net.apply(params, stats, x[None], one)[0][0][0]))(X[0]).reshape(16, 16)
    assert z.shape == (6, 16)
    np.testing.assert_allclose(log_det[0], np.linalg.slogdet(np.asarray(jacobian, np.float64))[1], atol=1e-4)


@pytest.mark.parametrize(
    ("name", "dtype", "tolerance"),
    [(name, jnp.float32, 1e-4) for name in NETS]
    + [
        pytest.param(name, jnp.bfloat16, 0.1, marks=[] if name == "glow" else [pytest.mark.long], id=f"{name}-bfloat16")
        for name in NETS
    ],
)
def test_images_and_latents_survive_the_round_trip(name, dtype, tolerance):
    net, params, stats = started(NETS[name](dtype))
    inverse = jax.jit(lambda z: net.apply(params, stats, z, COND, method="inverse")[0])
    (z, log_det), _ = jax.jit(net.apply)(params, stats, X, COND)
    assert z.dtype == log_det.dtype == jnp.float32
    np.testing.assert_allclose(inverse(z), X, atol=tolerance)
    noise = jax.random.normal(KEY, (6, 16))
    (again, _), _ = jax.jit(net.apply)(params, stats, inverse(noise), COND)
    np.testing.assert_allclose(again, noise, atol=tolerance)


@pytest.mark.parametrize("name", ["glow", "realnvp"])
def test_a_fresh_flow_is_affine_and_its_density_that_of_a_gaussian(name):
    # Zero convolutions make every coupling a constant scale: x = A z + c, so x is normal with mean c, covariance A A'.
    net, params, stats = started(NETS[name](), moved=0.0)
    (z, log_det), _ = jax.jit(net.apply)(params, stats, X, COND)
    points = jnp.concatenate([jnp.zeros((1, 16)), jnp.eye(16)])
    label = {"label": jnp.zeros(17, jnp.int32)}
    x, _ = jax.jit(lambda z: net.apply(params, stats, z, label, method="inverse"))(points)
    x = np.asarray(x, np.float64).reshape(17, 16)
    centre, matrix = x[0], (x[1:] - x[0]).T
    normal = scipy.stats.multivariate_normal(centre, matrix @ matrix.T)
    ours = scipy.stats.norm.logpdf(z).sum(1) + log_det
    np.testing.assert_allclose(ours, normal.logpdf(X.reshape(6, 16)), atol=1e-3)


def test_the_first_batch_leaves_the_latents_of_a_flow_normalised():
    net, params, stats = started(RealNVP(SHAPE, scales=1, couplings=1, width=8, blocks=1), moved=0.0)
    (z, _), _ = jax.jit(net.apply)(params, stats, X, {})
    np.testing.assert_allclose([np.mean(z), np.std(z)], [0.0, 1.0], atol=1e-4)


def test_labels_move_the_latents():
    net, params, stats = started(NETS["glow"]())
    apply = jax.jit(net.apply)
    (z, _), _ = apply(params, stats, X, COND)
    (other, _), _ = apply(params, stats, X, {**COND, "label": (COND["label"] + 1) % 3})
    assert np.all(np.abs(z - other).max(axis=1) > 1e-3)
    np.testing.assert_array_equal(z[:, :8], other[:, :8])  # those that left earlier do not know it


@pytest.mark.parametrize(
    ("module", "words"),
    [
        (Glow((28, 28, 1), levels=3), r"multiples of 8.*28x28.*halve 2 times.*data\.pad=2"),
        (RealNVP((7, 8, 1), scales=2), r"multiples of 2.*7x8"),
        (Glow((9, 9, 3), levels=1), r"multiples of 2.*9x9"),
    ],
)
def test_sizes_that_do_not_halve_are_refused(module, words):
    with pytest.raises(UserError, match=words):
        jax.eval_shape(functional(module).init, KEY, jnp.zeros((2, *module.image_shape)), {})
