"""Masked convolutions against flax's masked ones, and their three ways of running against each other."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgen.layers import causal
from jaxgen.layers.causal import CausalConv, CausalUp

KEY = jax.random.key(0)
X = jax.random.normal(KEY, (2, 6, 8, 3))


def masked(kernel, mask, x):
    """flax's own convolution with a mask on a square kernel, no bias."""
    conv = nn.Conv(kernel.shape[-1], kernel.shape[:2], use_bias=False, mask=mask)
    return conv.apply({"params": {"kernel": kernel}}, x)


@pytest.mark.parametrize("size", [3, 5, 7])
@pytest.mark.parametrize("first", [True, False])
def test_shifted_oblong_convolutions_are_the_papers_masked_ones(size, first):
    """Mask A (first layer) leaves the pixel out, mask B keeps it; the vertical stack sees rows, the horizontal one its
    row."""
    half = size // 2
    w = jax.random.normal(KEY, (size, size, 3, 4))
    row = np.arange(size)[:, None, None, None] * np.ones((1, size, 1, 1))
    column = np.arange(size)[None, :, None, None] * np.ones((size, 1, 1, 1))
    below = row < half if first else row <= half
    want = masked(w, jnp.asarray(below * np.ones(w.shape)), X)
    tall = half if first else half + 1
    got = causal.convolve(causal.down(X) if first else X, w[:tall], True)
    np.testing.assert_allclose(got, want, atol=1e-4)

    left = (row == half) & (column < half if first else column <= half)
    want = masked(w, jnp.asarray(left * np.ones(w.shape)), X)
    got = causal.convolve(causal.right(X) if first else X, w[half : half + 1, :tall], False)
    np.testing.assert_allclose(got, want, atol=1e-4)


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize(("kernel", "sideways"), [((2, 3), True), ((2, 2), False), ((1, 2), False), ((3, 5), True)])
def test_gradients_are_those_of_a_padded_convolution(kernel, sideways, stride):
    w = jax.random.normal(KEY, (*kernel, 3, 4))
    across = (kernel[1] // 2, kernel[1] // 2) if sideways else (kernel[1] - 1, 0)
    padding = ((kernel[0] - 1, 0), across)

    def plain(x, w):
        return jax.lax.conv_general_dilated(
            x, w, (stride, stride), padding, dimension_numbers=("NHWC", "HWIO", "NHWC")
        )[:, : x.shape[1] // stride, : x.shape[2] // stride]

    def run(conv):
        return jax.value_and_grad(lambda x, w: jnp.sum(jnp.sin(conv(x, w))), (0, 1))(X, w)

    ours = run(lambda x, w: causal.convolve(x, w, sideways, stride))
    for a, b in zip(jax.tree.leaves(ours), jax.tree.leaves(run(plain)), strict=True):
        np.testing.assert_allclose(a, b, atol=2e-3, rtol=1e-4)


@pytest.mark.parametrize("stride", [1, 2])
def test_rows_and_pixels_from_caches_are_the_images_own(stride):
    tall = CausalConv(4, (2, 3), True, stride, name="tall")
    flat = CausalConv(4, (2, 2), False, stride, name="flat")
    weights_tall, weights_flat = tall.init(KEY, X), flat.init(KEY, X)
    whole_tall, whole_flat = tall.apply(weights_tall, X), flat.apply(weights_flat, X)
    rows, pixels = causal.empty(2, 8, (2, 3), 3), causal.empty(2, 8, (2, 2), 3)
    for i in range(X.shape[1]):
        rows, pixels = causal.put_row(rows, X[:, i]), causal.next_row(pixels)
        if i % stride == 0:
            np.testing.assert_allclose(
                tall.apply(weights_tall, rows, True)[:, 0], whole_tall[:, i // stride], atol=1e-5
            )
        for j in range(X.shape[2]):
            pixels = causal.put_pixel(pixels, X[:, i, j], j, 2)
            if i % stride == j % stride == 0:
                y = flat.apply(weights_flat, causal.window(pixels, j, 2), True)[:, 0, 0]
                np.testing.assert_allclose(y, whole_flat[:, i // stride, j // stride], atol=1e-5)


def test_weight_normalisation_starts_from_the_first_batch():
    x = 3.0 + 2.0 * jax.random.normal(KEY, (16, 8, 8, 3))
    conv = CausalConv(5, (2, 3), True, normalized=True, gain=0.5)
    y = conv.apply(conv.init(KEY, x), x)
    np.testing.assert_allclose(y.mean((0, 1, 2)), 0.0, atol=1e-4)
    np.testing.assert_allclose(y.std((0, 1, 2)), 0.5, rtol=0.01)


def test_doubling_the_resolution_stays_causal():
    """Of the four pixels that come of one, none sees a later row, and with 2 x 2 taps none another pixel at all."""
    x = X[:1, 0]  # one row of 8 pixels

    def touched(sideways):
        up = CausalUp(2, sideways)
        weights = up.init(KEY, x)
        jacobian = jax.jacrev(lambda x: up.apply(weights, x).sum((-1, -2, -3)))(x)  # [1, 8, 1, 8, 3]
        return np.abs(jacobian[0, :, 0]).sum(-1) > 0

    assert (touched(False) == np.eye(8, dtype=bool)).all()
    assert (touched(True) == np.eye(8, dtype=bool) | np.eye(8, k=1, dtype=bool)).all()
