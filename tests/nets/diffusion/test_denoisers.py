"""The denoisers: shapes, sizes, conditions, precision, messages."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from random_weights import random_weights

from jaxgen.core import UserError, trees
from jaxgen.nets.diffusion.mlp import MLP
from jaxgen.nets.diffusion.unet import UNet

TIME = {"t": jnp.array([3.0, 700.0])}


def made(net, x, cond=None):
    """Random weights everywhere: fresh ones start at zero output."""
    return random_weights(lambda key: net.init(key, x, TIME, cond or {}, train=False), jax.random.key(0))


@pytest.mark.parametrize(
    ("size", "fields"),
    [
        (8, dict(multipliers=(1, 2), attention=(4,))),
        (12, dict(multipliers=(1, 1), patch=2, attention=(3,), heads=2, scale_shift=True)),
        (8, dict(multipliers=(1,), attention=(), mid_attention=False)),
    ],
    ids=["levels", "patch and an odd size", "plain"],
)
def test_unet_keeps_the_shape_and_hears_the_time(size, fields):
    x = jax.random.normal(jax.random.key(2), (2, size, size, 3))
    net = UNet((size, size, 3), width=8, blocks=1, groups=4, **fields)
    variables = made(net, x)
    run = jax.jit(lambda x, t: net.apply(variables, x, {"t": t}, {}, train=False))
    out = run(x, TIME["t"])
    assert out.shape == x.shape
    assert out.dtype == jnp.float32
    assert np.isfinite(out).all()
    assert float(jnp.abs(run(x, TIME["t"][::-1]) - out).max()) > 1e-4


def test_unet_starts_at_zero():
    x = jnp.ones((2, 4, 4, 1))
    net = UNet((4, 4, 1), width=8, multipliers=(1,), blocks=1, attention=())
    variables = net.init(jax.random.key(0), x, TIME, {}, train=False)
    np.testing.assert_array_equal(net.apply(variables, x, TIME, {}, train=False), jnp.zeros_like(x))


@pytest.mark.parametrize(
    "net",
    [UNet((4, 4, 1), classes=3, width=8, multipliers=(1,), blocks=1, attention=()), MLP(classes=3, width=8, layers=1)],
    ids=["unet", "mlp"],
)
def test_no_label_is_the_null_label(net):
    x = jnp.ones((2, 4, 4, 1))
    variables = made(net, x, {"label": jnp.zeros(2, jnp.int32)})
    run = lambda cond: net.apply(variables, x, TIME, cond, train=False)  # noqa: E731
    np.testing.assert_array_equal(run({}), run({"label": jnp.array([3, 3])}))
    assert float(jnp.abs(run({}) - run({"label": jnp.array([0, 1])})).max()) > 1e-4


def test_dropout_acts_in_training_only():
    x = jnp.ones((2, 4, 4, 1))
    net = UNet((4, 4, 1), width=8, multipliers=(1,), blocks=1, attention=(), dropout=0.5)
    variables = made(net, x)
    calm = [net.apply(variables, x, TIME, {}, train=False) for _ in range(2)]
    np.testing.assert_array_equal(*calm)
    wild = net.apply(variables, x, TIME, {}, train=True, rngs={"dropout": jax.random.key(0)})
    assert float(jnp.abs(wild - calm[0]).max()) > 1e-4


def test_half_precision_stays_close_and_keeps_float32_weights():
    x = jax.random.normal(jax.random.key(2), (2, 4, 4, 1))
    nets = [UNet((4, 4, 1), width=8, multipliers=(1,), blocks=1, dtype=d) for d in (jnp.float32, jnp.bfloat16)]
    variables = made(nets[1], x)
    assert {leaf.dtype for leaf in jax.tree.leaves(variables)} == {jnp.dtype("float32")}
    full, half = (net.apply(variables, x, TIME, {}, train=False) for net in nets)
    assert half.dtype == jnp.float32
    np.testing.assert_allclose(half, full, atol=0.05 * float(jnp.abs(full).max()))


def test_unet_says_which_sides_it_needs():
    net = UNet((10, 10, 1), width=8, multipliers=(1, 1, 1))
    with pytest.raises(UserError, match="divisible by 4, not 10x10"):
        net.init(jax.random.key(0), jnp.ones((1, 10, 10, 1)), {"t": jnp.zeros(1)}, {}, train=False)


def test_the_published_size_of_ddpm():
    net = UNet((32, 32, 3), width=128, multipliers=(1, 2, 2, 2), attention=(16,), dropout=0.1)
    x, t = jnp.ones((1, 32, 32, 3)), {"t": jnp.zeros(1)}
    shapes = jax.eval_shape(lambda: net.init(jax.random.key(0), x, t, {}, train=False))
    # Ho et al. 2020, appendix B: 35.7 million.
    assert trees.size(shapes) == pytest.approx(35.7e6, rel=2e-3)


def test_mlp_takes_points():
    x = jnp.ones((2, 2))
    net = MLP(width=8, layers=1)
    assert net.apply(made(net, x), x, TIME, {}, train=False).shape == (2, 2)
