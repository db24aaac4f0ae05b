"""Strided convolutions against XLA's own derivatives of the plain convolution, to third order."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

from jaxgen.ops import strided


def plain(x, w, stride=2):
    return lax.conv_general_dilated(x, w, (stride, stride), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC"))


def draw(seed, *shape):
    return jax.random.normal(jax.random.key(seed), shape)


@pytest.mark.parametrize(("kernel", "stride"), [(4, 2), (5, 2), (3, 1)])
def test_down_and_up_are_the_convolution_and_its_adjoint(kernel, stride):
    x, w, y = draw(0, 2, 8, 8, 3), draw(1, kernel, kernel, 3, 4), draw(2, 2, 8 // stride, 8 // stride, 4)
    np.testing.assert_allclose(strided.down(x, w, stride), plain(x, w, stride), rtol=1e-5, atol=1e-5)
    up = strided.up(y, w, stride)
    assert up.shape == x.shape
    # <down(x), y> = <x, up(y)>
    np.testing.assert_allclose(jnp.vdot(plain(x, w, stride), y), jnp.vdot(x, up), rtol=1e-4)


def test_up_is_laxs_transposed_convolution_with_a_flipped_kernel():
    y, w = draw(0, 2, 4, 4, 5), draw(1, 4, 4, 3, 5)
    theirs = lax.conv_transpose(y, w, (2, 2), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC"), transpose_kernel=True)
    np.testing.assert_allclose(strided.up(y, w), theirs, rtol=1e-5, atol=1e-5)


def test_first_derivatives_are_those_of_the_plain_convolution():
    x, w, g = draw(0, 2, 6, 6, 2), draw(1, 5, 5, 2, 3), draw(2, 2, 3, 3, 3)
    ours = jax.vjp(strided.down, x, w)[1](g)
    theirs = jax.vjp(plain, x, w)[1](g)
    for a, b in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(("kernel", "stride"), [(3, 1), (4, 2), (5, 2), (1, 1)])
def test_derivatives_of_a_large_batch_are_those_of_the_plain_convolution(kernel, stride):
    x, w, g = draw(0, 32, 16, 16, 16), draw(1, kernel, kernel, 16, 24), draw(2, 32, 16 // stride, 16 // stride, 24)
    ours = jax.vjp(lambda x, w: strided.down(x, w, stride), x, w)[1](g)
    theirs = jax.vjp(lambda x, w: plain(x, w, stride), x, w)[1](g)
    for a, b in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize(("inputs", "outputs"), [(40, 3), (3, 40), (2, 3)])
@pytest.mark.parametrize("kernel", [1, 3, 4, 9])
def test_few_channels_on_one_side(inputs, outputs, kernel):
    """Such a side is computed in another way, in the image, in the gradient in it, and in that in the kernel."""
    x, w, g = draw(0, 2, 6, 8, inputs), draw(1, kernel, kernel, inputs, outputs), draw(2, 2, 6, 8, outputs)
    ours, back = jax.vjp(lambda x, w: strided.down(x, w, 1), x, w)
    theirs, theirs_back = jax.vjp(lambda x, w: plain(x, w, 1), x, w)
    for a, b in zip((ours, *back(g)), (theirs, *theirs_back(g)), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-3)


def test_few_outputs_in_half_precision_are_rounded_once():
    x, w = draw(0, 1, 6, 6, 32), draw(1, 3, 3, 32, 3)
    half = strided.down(x.astype(jnp.bfloat16), w.astype(jnp.bfloat16), 1)
    wide = plain(*(a.astype(jnp.bfloat16).astype(jnp.float32) for a in (x, w)), 1)
    assert half.dtype == jnp.bfloat16
    np.testing.assert_allclose(half.astype(jnp.float32), wide, rtol=2.0**-8, atol=1e-5)  # half a unit in the last place


@pytest.mark.parametrize("images", [1, 2, 3, 5, 8])
@pytest.mark.parametrize(("kernel", "stride"), [(3, 1), ((1, 5), 1), ((4, 2), 1), (4, 2), (5, 2), (7, 4)])
def test_few_images_are_cut_into_strips_without_a_difference(kernel, stride, images):
    tall, wide = kernel if isinstance(kernel, tuple) else (kernel, kernel)
    x, w = draw(0, images, 8 * stride, 6 * stride, 3), draw(1, tall, wide, 3, 5)
    g = draw(2, images, 8, 6, 5)
    ours = jax.vjp(lambda w: strided.down(x, w, stride), w)[1](g)[0]
    np.testing.assert_allclose(ours, jax.vjp(lambda w: plain(x, w, stride), w)[1](g)[0], rtol=1e-4, atol=1e-4)
    ours = jax.vjp(lambda w: strided.down(g, w, 1), jnp.swapaxes(w, 2, 3))[1](x[:, :8, :6])[0]  # fewer outputs
    theirs = jax.vjp(lambda w: plain(g, w, 1), jnp.swapaxes(w, 2, 3))[1](x[:, :8, :6])[0]
    np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-4)


def test_accelerators_get_the_same_weight_gradient_in_the_plain_form(monkeypatch):
    x, y = draw(0, 4, 8, 8, 3), draw(2, 4, 4, 4, 5)
    here = strided.correlate(x, y, 2, 5)
    monkeypatch.setattr(jax, "default_backend", lambda: "gpu")
    np.testing.assert_allclose(strided.correlate(x, y, 2, 5), here, rtol=1e-4, atol=1e-4)


def test_a_penalty_on_the_input_gradient_has_the_same_weight_gradient():
    x, w, v = draw(0, 2, 6, 6, 2), draw(1, 4, 4, 2, 3), draw(2, 4, 4, 3, 2)

    def penalty(conv):
        def critic(x, w, v):
            return jnp.sum(jnp.tanh(conv(jnp.tanh(conv(jnp.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0))), w)), v)))

        def squared(w, v):
            return jnp.sum(jax.grad(critic)(x, w, v) ** 2)

        return jax.jit(jax.grad(squared, (0, 1)))(w, v)

    for a, b in zip(penalty(strided.down), penalty(plain), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-3)


def test_second_derivatives_of_up():
    y, w = draw(0, 1, 3, 3, 2), draw(1, 4, 4, 1, 2)

    def other(y, w):
        return lax.conv_transpose(
            y, w, (2, 2), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC"), transpose_kernel=True
        )

    def curvature(up):
        def energy(y, w):
            return jnp.sum(jnp.sin(up(y, w)))

        return jax.jit(jax.grad(lambda y, w: jnp.sum(jax.grad(energy)(y, w) ** 2), (0, 1)))(y, w)

    for a, b in zip(curvature(strided.up), curvature(other), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-4)
