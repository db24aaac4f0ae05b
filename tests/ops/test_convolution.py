"""Phase-wise transposed convolution against flax's own and against the definition of an adjoint."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

from jaxgen.ops import convolution, strided


def normal(seed, *shape):
    return jax.random.normal(jax.random.key(seed), shape)


@pytest.mark.parametrize(("kernel", "stride"), [(4, 2), (5, 3), (3, 1)])
@pytest.mark.parametrize(("inputs", "channels"), [(5, 2), (5, convolution.FEW), (30, convolution.FEW)])
def test_it_equals_the_transposed_convolution_of_flax(kernel, stride, inputs, channels):
    """With many pixels and channels; few output channels; fewer pixels (24) than input channels."""
    y, w = normal(0, 2, 3, 4, inputs), normal(1, kernel, kernel, channels, inputs)
    layer = nn.ConvTranspose(channels, (kernel, kernel), (stride, stride), use_bias=False, transpose_kernel=True)
    expected = layer.apply({"params": {"kernel": w}}, y)
    np.testing.assert_allclose(
        jax.jit(convolution.sub_pixel, static_argnums=2)(y, w, stride), expected, rtol=1e-4, atol=1e-4
    )


@pytest.mark.parametrize(("kernel", "stride"), [(2, 2), (5, 2), (4, 3)])
@pytest.mark.parametrize("channels", [1, convolution.FEW])
def test_it_is_the_adjoint_of_the_strided_convolution(kernel, stride, channels):
    """<down(x), y> = <x, up(y)> for every x and y defines the transpose."""
    x, w = normal(0, 2, 3 * stride, 4 * stride, channels), normal(1, kernel, kernel, channels, 5)
    y = normal(2, 2, 3, 4, 5)
    down = lax.conv_general_dilated(x, w, (stride, stride), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC"))
    up = convolution.sub_pixel(y, w, stride)
    assert up.shape == x.shape
    np.testing.assert_allclose(jnp.vdot(down, y), jnp.vdot(x, up), rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("channels", [1, convolution.FEW])
def test_gradients_agree_with_the_closed_triple(channels):
    y, w = normal(0, 2, 3, 3, 4), normal(1, 5, 5, channels, 4)
    g = normal(2, 2, 6, 6, channels)
    _, plain = jax.vjp(jax.jit(convolution.sub_pixel), y, w)
    _, closed = jax.vjp(jax.jit(strided.up), y, w)
    for a, b in zip(plain(g), closed(g)):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-4)
