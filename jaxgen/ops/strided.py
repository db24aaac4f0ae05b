"""Strided convolution and its transpose, closed under differentiation.

With stride s, kernel k and x[n], w[a, i, o] zero-padded as in "SAME":
    (1)  down(x, w)[m, o]    = sum_{a, i} x[s m + a - p, i] w[a, i, o]           down-sampling by s
    (2)  up(y, w)[n, i]      = sum_{m, a, o : s m + a - p = n} y[m, o] w[a, i, o]   its adjoint in x: up-sampling by s
    (3)  correlate(x, y)     = sum over batch and m of x[s m + a - p, i] y[m, o]     its adjoint in w
Each is linear in both arguments, and the derivatives of any of them are the other two, so gradients of every order
stay among these three. Differentiating a dilated convolution instead, as `lax.conv_transpose` does, gives a weight
gradient that XLA's CPU backend runs 20 to 100 times slower; the same happens in the second derivatives that gradient
penalties take of strided critics.
"""

from functools import partial

import jax
from jax import lax

from jaxgen.ops import convolution

_LAYOUT = ("NHWC", "HWIO", "NHWC")


def _convolve(x, w, stride):
    return lax.conv_general_dilated(x, w, (stride, stride), "SAME", dimension_numbers=_LAYOUT)


@partial(jax.custom_vjp, nondiff_argnums=(2,))
def down(x: jax.Array, w: jax.Array, stride: int = 2) -> jax.Array:
    """Eq. (1): x [B, H, W, I], w [k, k, I, O] -> [B, H / stride, W / stride, O] ("SAME" padding).

    H and W must be multiples of `stride`. Forward-mode differentiation (`jax.jvp`) is not defined; `jax.grad` of any
    order is.
    """
    return _convolve(x, w, stride)


@partial(jax.custom_vjp, nondiff_argnums=(2,))
def up(y: jax.Array, w: jax.Array, stride: int = 2) -> jax.Array:
    """Eq. (2), the transposed convolution: y [B, H, W, O], w [k, k, I, O] -> [B, H * stride, W * stride, I]."""
    if w.shape[0] >= stride:
        return convolution.sub_pixel(y, w, stride)
    batch, height, width, _ = y.shape
    like = jax.ShapeDtypeStruct((batch, height * stride, width * stride, w.shape[2]), y.dtype)
    return jax.linear_transpose(lambda x: _convolve(x, w, stride), like)(y)[0]


@partial(jax.custom_vjp, nondiff_argnums=(2, 3))
def correlate(x: jax.Array, y: jax.Array, stride: int, kernel: int) -> jax.Array:
    """Eq. (3): x [B, H, W, I], y [B, H / stride, W / stride, O] -> [kernel, kernel, I, O]."""
    like = jax.ShapeDtypeStruct((kernel, kernel, x.shape[-1], y.shape[-1]), x.dtype)
    return jax.linear_transpose(lambda w: _convolve(x, w, stride), like)(y)[0]


def _down_back(stride, saved, g):
    x, w = saved
    return up(g, w, stride), correlate(x, g, stride, w.shape[0])


def _up_back(stride, saved, g):
    y, w = saved
    return down(g, w, stride), correlate(g, y, stride, w.shape[0])


def _correlate_back(stride, kernel, saved, g):
    x, y = saved
    return up(y, g, stride), down(x, g, stride)


# The forward rules call the functions themselves, so that outer derivatives meet these rules again.
down.defvjp(lambda x, w, stride: (down(x, w, stride), (x, w)), _down_back)
up.defvjp(lambda y, w, stride: (up(y, w, stride), (y, w)), _up_back)
correlate.defvjp(lambda x, y, stride, kernel: (correlate(x, y, stride, kernel), (x, y)), _correlate_back)
