"""SRCNN and EDSR: sizes, how far they see, what they are when their weights are zero."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgen.core import UserError
from jaxgen.nets.roles import functional
from jaxgen.nets.super_resolution.edsr import EDSR
from jaxgen.nets.super_resolution.srcnn import SRCNN
from jaxgen.ops import bicubic

KEY = jax.random.key(0)
SMALL = [
    SRCNN(2, (8, 8, 1), (5, 1, 3), (4, 4)),
    SRCNN(3, (8, 8, 1), (5, 3, 3), (4, 4)),
    EDSR(2, (8, 8, 1), 1, 4),
    EDSR(3, (8, 8, 1), 1, 4),
    EDSR(4, (8, 8, 1), 1, 4),
]


@pytest.mark.parametrize("module", SMALL, ids=lambda m: f"{type(m).__name__}-x{m.scale}")
def test_size_and_reach(module):
    """Pixels of the small image that one block of the large one depends on lie within the stated reach, all of it."""
    net, side, middle = functional(module), 23, 11
    low = jax.random.normal(KEY, (1, side, side, 1))
    params, stats = net.init(KEY, low)
    # Positive weights and inputs keep every path alive through the ReLUs.
    params = jax.tree.map(lambda w: jnp.abs(w) + 0.1, params)
    low, s = jnp.abs(low) + 1.0, module.scale

    def block(low):
        out = net.apply(params, stats, low)[0]
        return out[0, middle * s : (middle + 1) * s, middle * s : (middle + 1) * s].sum(), out.shape

    slope, shape = jax.jit(jax.grad(block, has_aux=True))(low)
    assert tuple(int(x) for x in shape) == (1, side * s, side * s, 1)
    seen = np.abs(np.asarray(slope[0, :, :, 0])) > 0
    rows = np.flatnonzero(seen.any(1))
    far = max(middle - rows.min(), rows.max() - middle)
    assert far <= module.reach()
    assert far >= module.reach() - 1  # not needlessly large: tiles cost by it


def test_a_zero_srcnn_and_a_zero_edsr():
    low = jax.random.uniform(KEY, (1, 6, 6, 3))
    for module, expected in (
        (SRCNN(2, (8, 8, 3)), 0.0),
        (EDSR(2, (8, 8, 3), 1, 4, mean=(0.25, 0.5, 1.0)), (-0.5, 0, 1)),
    ):
        net = functional(module)
        shapes = jax.eval_shape(net.init, KEY, low)
        params, stats = jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), shapes)
        out = net.apply(params, stats, low)[0]
        np.testing.assert_allclose(out, np.broadcast_to(expected, (1, 12, 12, 3)), atol=1e-6)


def test_srcnn_works_on_the_bicubic_enlargement():
    """With identities for kernels, positive images pass through as their enlargement."""
    module = SRCNN(2, (8, 8, 1), (3, 1, 3), (2, 2))
    net, low = functional(module), 0.5 + 0.2 * jax.random.uniform(KEY, (1, 7, 5, 1))
    params, stats = net.init(KEY, low)
    params = jax.tree.map(jnp.zeros_like, params)
    for name in params:
        kernel = params[name]["kernel"]
        middle = kernel.shape[0] // 2
        params[name]["kernel"] = kernel.at[middle, middle, 0, 0].set(1.0)
    np.testing.assert_allclose(net.apply(params, stats, low)[0], bicubic.rescale(low, 2), atol=1e-6)


def test_paper_sizes():
    """Table 1 of Lim et al. 2017 states 43 M parameters for EDSR, rounded up by its authors over x2 to x4."""
    low = jax.ShapeDtypeStruct((1, 48, 48, 3), np.float32)
    params = jax.eval_shape(functional(EDSR(4, (96, 96, 3), 32, 256, 0.1)).init, KEY, low)[0]
    assert round(sum(leaf.size for leaf in jax.tree.leaves(params)) / 1e6) == 43
    low = jax.ShapeDtypeStruct((1, 33, 33, 1), np.float32)
    params = jax.eval_shape(functional(SRCNN(3, (99, 99, 1))).init, KEY, low)[0]
    # The 8,032 weights that Dong et al. count for 9-1-5, and 64 + 32 + 1 biases.
    assert sum(leaf.size for leaf in jax.tree.leaves(params)) == 8032 + 97


def test_unknown_scale():
    with pytest.raises(UserError, match="2, 3, 4, 8, not by 5"):
        EDSR(5, (10, 10, 3)).reach()
