"""Strided convolution and its transpose, closed under differentiation.

With stride s, kernel k and x[n], w[a, i, o] zero-padded as in "SAME":
    (1)  down(x, w)[m, o]    = sum_{a, i} x[s m + a - p, i] w[a, i, o]           down-sampling by s
    (2)  up(y, w)[n, i]      = sum_{m, a, o : s m + a - p = n} y[m, o] w[a, i, o]   its adjoint in x: up-sampling by s
    (3)  correlate(x, y)     = sum over batch and m of x[s m + a - p, i] y[m, o]     its adjoint in w
Each is linear in both arguments, and the derivatives of any of them are the other two, so gradients of every order
stay among these three. All three are written as convolutions of channels-last images with HWIO kernels, the one form
that XLA's CPU backend runs fast everywhere: the forms that automatic differentiation makes of a convolution are 20 to
100 times slower when dilated (transposed convolutions, gradient penalties of strided critics), and (3) 100 times and
more inside a `lax.scan`. With few output channels (1) is a thin product: there it is eq. (3) of `ops.convolution`.
"""

from functools import partial

import jax
import jax.numpy as jnp
from jax import lax
from jax.sharding import AxisType, PartitionSpec

from jaxgen.ops import convolution

_LAYOUT = ("NHWC", "HWIO", "NHWC")
IMAGES = 8
"""Fewer images than these are cut into strips for (3): there the batch takes the place of the channels, and a
convolution of few channels is slower than one of the same numbers in more."""


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


def _cpu() -> bool:
    return jax.default_backend() == "cpu"


def _made(x):
    """x, computed before it is turned round in memory where `parallel.compiler_options` lets barriers stand.

    Otherwise XLA does both at once, in the order of the result, and walks far through memory for every value.
    """
    return lax.optimization_barrier(x)


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
    if stride == 1 and w.shape[0] % 2 and _few(w.shape[:2], *w.shape[2:]):
        return whole_rows(convolution.sub_pixel(x, _turned(w), 1))
    return whole_rows(_convolve(x, w, stride))


@partial(jax.custom_vjp, nondiff_argnums=(2,))
def up(y: jax.Array, w: jax.Array, stride: int = 2) -> jax.Array:
    """Eq. (2), the transposed convolution: y [B, H, W, O], w [k, k, I, O] -> [B, H * stride, W * stride, I]."""
    y = whole_rows(y)
    if w.shape[:2] == (1, 1) and stride == 1:
        return y @ w[0, 0].T
    return whole_rows(_spread(y, w, stride))


def _turned(w):
    """The kernel with which (1) is (2), if stride is 1 and the padding even."""
    return jnp.swapaxes(w[::-1, ::-1], 2, 3)


def _few(kernel, inputs, outputs):
    """Whether a product of every pixel with all taps is the faster convolution of stride 1."""
    return _cpu() and kernel[0] == kernel[1] and convolution.few_outputs(kernel[0], inputs, outputs)


def _spread(y, w, stride):
    if stride == 1 and not _few(w.shape[:2], w.shape[3], w.shape[2]):
        padding = [(k - 1 - before, k - 1 - after) for k in w.shape[:2] for before, after in [_same(k, 1)]]
        return lax.conv_general_dilated(y, _turned(w), (1, 1), padding, dimension_numbers=_LAYOUT)
    if w.shape[0] >= stride:
        return convolution.sub_pixel(y, w, stride)
    batch, height, width, _ = y.shape
    like = jax.ShapeDtypeStruct((batch, height * stride, width * stride, w.shape[2]), y.dtype)
    return jax.linear_transpose(lambda x: _convolve(x, w, stride), like)(y)[0]


def _strips(images, kernels, stride, above):
    """The rows of images, padded by `above`, and of kernels as more examples that together have the same sum (3)."""
    batch, rows = kernels.shape[:2]
    count = max(n for n in (1, 2, 4, 8) if n == 1 or (n * batch <= IMAGES and rows % n == 0))
    if count == 1:
        return images, kernels, above
    step, reach = rows // count * stride, images.shape[1] + sum(above) - (rows - rows // count) * stride
    images = jnp.pad(images, ((0, 0), above, (0, 0), (0, 0)))
    parts = [images[:, i * step :][:, :reach] for i in range(count)]
    return jnp.concatenate(parts), jnp.concatenate(jnp.split(kernels, count, axis=1)), (0, 0)


@partial(jax.custom_vjp, nondiff_argnums=(2, 3))
def correlate(x: jax.Array, y: jax.Array, stride: int, kernel: int | tuple[int, int]) -> jax.Array:
    """Eq. (3): x [B, H, W, I], y [B, H / stride, W / stride, O] -> [kernel, kernel, I, O], or [*kernel, I, O]."""
    tall, wide = _sides(kernel)
    x, y = whole_rows(x), whole_rows(y)
    if tall == wide == stride == 1:
        x, y = _made((x, y)) if _cpu() else (x, y)
        return jnp.einsum("bhwi,bhwo->io", x, y)[None, None]
    if not _cpu():  # accelerators have algorithms of their own for the plain form
        like = jax.ShapeDtypeStruct((tall, wide, x.shape[3], y.shape[3]), x.dtype)
        return jax.linear_transpose(lambda w: _convolve(x, w, stride), like)(y)[0]
    padding = [_same(tall, stride), _same(wide, stride)]
    if stride == 1 and y.shape[3] < x.shape[3]:  # (3) with x and y exchanged is the same kernel turned by half a circle
        return _turned(_slide(y, x, 1, [side[::-1] for side in padding]))
    return _slide(x, y, stride, padding)[:tall, :wide]


def _slide(images, kernels, stride, padding):
    """(3) for every a inside the padding: the second argument, dilated by the stride, slides over the first.

    Channels become the batch and the other way round. Of the images, every value is read once for each a: they should
    be what has fewer channels.
    """
    above, beside = padding
    images, kernels, above = _strips(_made(images), kernels, stride, above)
    return lax.conv_general_dilated(
        images.transpose(3, 1, 2, 0),
        kernels.transpose(1, 2, 0, 3),
        (1, 1),
        [above, beside],
        rhs_dilation=(stride, stride),
        dimension_numbers=_LAYOUT,
    ).transpose(1, 2, 0, 3)


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
