"""Strided convolution and its transpose, closed under differentiation.

With stride s, kernel k and x[n], w[a, i, o] zero-padded as in "SAME":
    (1)  down(x, w)[m, o]    = sum_{a, i} x[s m + a - p, i] w[a, i, o]           down-sampling by s
    (2)  up(y, w)[n, i]      = sum_{m, a, o : s m + a - p = n} y[m, o] w[a, i, o]   its adjoint in x: up-sampling by s
    (3)  correlate(x, y)     = sum over batch and m of x[s m + a - p, i] y[m, o]     its adjoint in w
Each is linear in both arguments, and the derivatives of any of them are the other two, so gradients of every order
stay among these three. All three are written as convolutions of channels-last images with HWIO kernels, the one form
that XLA's CPU backend runs fast everywhere: the forms that automatic differentiation makes of a convolution are 20 to
100 times slower when dilated (transposed convolutions, gradient penalties of strided critics), and (3) 100 times and
more inside a `lax.scan`.
"""

from functools import partial

import jax
import jax.numpy as jnp
from jax import lax
from jax.sharding import AxisType, PartitionSpec

from jaxgen.ops import convolution

_LAYOUT = ("NHWC", "HWIO", "NHWC")
FEW, STRIPS = 3, 4
"""Fewer images than FEW are cut into STRIPS for (3): there the batch takes the place of the channels, and a
convolution of one or two channels is slower than one of the same numbers in more channels."""


def whole_rows(x: jax.Array) -> jax.Array:
    """x [B, H, W, C], of which no device shall hold only some rows or columns; batch and channels stay free.

    A dense layer whose weights are divided can divide the rows of an image made of its features. Where one mesh axis
    divides the rows of a convolution's input and the input channels of its kernel, and another axis is there, XLA (jax
    0.10.2, either partitioner) adds the result up too often, without a word: `benchmarks/divided_convolution.py`.
    Outside of `jax.sharding.use_abstract_mesh`, which `jaxgen.parallel.divided` enters, this does nothing.
    """
    if AxisType.Auto not in jax.sharding.get_abstract_mesh().axis_types:  # no mesh, or one in whose parts we are (pmap)
        return x
    free = PartitionSpec.UNCONSTRAINED
    return lax.with_sharding_constraint(x, PartitionSpec(free, None, None, free))


def _convolve(x, w, stride):
    return lax.conv_general_dilated(x, w, (stride, stride), "SAME", dimension_numbers=_LAYOUT)


def _same(kernel: int, stride: int) -> tuple[int, int]:
    """The "SAME" padding of an axis, in front and behind, whose length `stride` divides."""
    total = max(kernel - stride, 0)
    return total // 2, total - total // 2


def _sides(kernel: int | tuple[int, int]) -> tuple[int, int]:
    return kernel if isinstance(kernel, tuple) else (kernel, kernel)


@partial(jax.custom_vjp, nondiff_argnums=(2,))
def down(x: jax.Array, w: jax.Array, stride: int = 2) -> jax.Array:
    """Eq. (1): x [B, H, W, I], w [k, k, I, O] -> [B, H / stride, W / stride, O] ("SAME" padding).

    With stride 1 the kernel may be oblong. H and W must be multiples of `stride`. Forward-mode differentiation
    (`jax.jvp`) is not defined; `jax.grad` of any order is.
    """
    x = whole_rows(x)
    if w.shape[:2] == (1, 1) and stride == 1:
        return x @ w[0, 0]
    return whole_rows(_convolve(x, w, stride))


@partial(jax.custom_vjp, nondiff_argnums=(2,))
def up(y: jax.Array, w: jax.Array, stride: int = 2) -> jax.Array:
    """Eq. (2), the transposed convolution: y [B, H, W, O], w [k, k, I, O] -> [B, H * stride, W * stride, I]."""
    y = whole_rows(y)
    if w.shape[:2] == (1, 1) and stride == 1:
        return y @ w[0, 0].T
    return whole_rows(_spread(y, w, stride))


def _spread(y, w, stride):
    if stride == 1:
        flipped = jnp.swapaxes(w[::-1, ::-1], 2, 3)
        padding = [(k - 1 - before, k - 1 - after) for k in w.shape[:2] for before, after in [_same(k, 1)]]
        return lax.conv_general_dilated(y, flipped, (1, 1), padding, dimension_numbers=_LAYOUT)
    if w.shape[0] >= stride:
        return convolution.sub_pixel(y, w, stride)
    batch, height, width, _ = y.shape
    like = jax.ShapeDtypeStruct((batch, height * stride, width * stride, w.shape[2]), y.dtype)
    return jax.linear_transpose(lambda x: _convolve(x, w, stride), like)(y)[0]


def _strips(x, y, stride):
    """Every image, its rows padded, as STRIPS examples that together have the same sum (3)."""
    rows = y.shape[1] // STRIPS
    reach = rows * stride + x.shape[1] - y.shape[1] * stride
    parts = [x[:, i * rows * stride :][:, :reach] for i in range(STRIPS)]
    return jnp.concatenate(parts), jnp.concatenate(jnp.split(y, STRIPS, axis=1))


@partial(jax.custom_vjp, nondiff_argnums=(2, 3))
def correlate(x: jax.Array, y: jax.Array, stride: int, kernel: int | tuple[int, int]) -> jax.Array:
    """Eq. (3): x [B, H, W, I], y [B, H / stride, W / stride, O] -> [kernel, kernel, I, O], or [*kernel, I, O]."""
    tall, wide = _sides(kernel)
    x, y = whole_rows(x), whole_rows(y)
    if tall == wide == stride == 1:
        return jnp.einsum("bhwi,bhwo->io", x, y)[None, None]
    if jax.default_backend() != "cpu":  # accelerators have algorithms of their own for the plain form
        like = jax.ShapeDtypeStruct((tall, wide, x.shape[3], y.shape[3]), x.dtype)
        return jax.linear_transpose(lambda w: _convolve(x, w, stride), like)(y)[0]
    padding = [_same(tall, stride), _same(wide, stride)]
    if x.shape[0] < FEW and y.shape[1] % STRIPS == 0:
        x, y = _strips(jnp.pad(x, ((0, 0), padding[0], (0, 0), (0, 0))), y, stride)
        padding[0] = (0, 0)
    # Channels become the batch and the other way round, and y, dilated by the stride, is the kernel that slides over x.
    images, kernels = x.transpose(3, 1, 2, 0), y.transpose(1, 2, 0, 3)
    total = lax.conv_general_dilated(
        images, kernels, (1, 1), padding, rhs_dilation=(stride, stride), dimension_numbers=_LAYOUT
    )
    return total[:, :tall, :wide].transpose(1, 2, 0, 3)


def _down_back(stride, saved, g):
    x, w = saved
    return up(g, w, stride), correlate(x, g, stride, w.shape[:2])


def _up_back(stride, saved, g):
    y, w = saved
    return down(g, w, stride), correlate(g, y, stride, w.shape[:2])


def _correlate_back(stride, kernel, saved, g):
    x, y = saved
    return up(y, g, stride), down(x, g, stride)


# The forward rules call the functions themselves, so that outer derivatives meet these rules again.
down.defvjp(lambda x, w, stride: (down(x, w, stride), (x, w)), _down_back)
up.defvjp(lambda y, w, stride: (up(y, w, stride), (y, w)), _up_back)
correlate.defvjp(lambda x, y, stride, kernel: (correlate(x, y, stride, kernel), (x, y)), _correlate_back)
