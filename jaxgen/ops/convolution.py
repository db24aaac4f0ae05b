"""Transposed convolution as ordinary convolutions, without the zeros.

The adjoint of a convolution with stride s, kernel w [k, k, I, O] and padding p = (k - s) // 2 is
    (1)  up(y, w)[n, i] = sum_{m, a, o : s m + a - p = n} y[m, o] w[a, i, o]
Usually it runs as a convolution over y with s - 1 zeros between its pixels, which multiplies s^2 times as much as
needed on a backend that does not skip zeros. Writing n = s q + r, only every s-th tap meets a pixel, so that each of
the s^2 phases (r_h, r_w) is a stride-1 convolution of y with its own taps (Shi et al. 2016, "Is the Deconvolution
Layer the Same as a Convolutional Layer?"):
    (2)  up(y, w)[s q + r] = sum_d y[q + d] w[r + p - s d],   0 <= r + p - s d < k
Two ways give the same numbers. Usually, one convolution per phase. With few output channels that is a thin matrix
product, and with few pixels most of the time goes into turning w round; (1) is then one product of every pixel with all
taps of w,
    (3)  z[m, a, i] = sum_o y[m, o] w[a, i, o],   up(y, w)[n, i] = sum_{m, a : s m + a - p = n} z[m, a, i]
whose patches of k^2 pixels are added where they overlap.
"""

import math

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

_LAYOUT = ("NHWC", "HWIO", "NHWC")
FEW, LARGEST = 16, 8
"""Fewer output channels than FEW are computed by eq. (3) if z is at most LARGEST times as large as y, fewer pixels than
input channels always."""


def few_outputs(kernel: int, inputs: int, outputs: int) -> bool:
    """Whether eq. (3) is the way for a kernel [kernel, kernel] between these channels, however many the pixels."""
    return outputs < FEW and kernel**2 * outputs <= LARGEST * inputs


def sub_pixel(y: jax.Array, w: jax.Array, stride: int = 2) -> jax.Array:
    """Eq. (1) by eq. (2) or (3): y [B, H, W, O], w [k, k, I, O], k >= stride -> [B, H * stride, W * stride, I].

    Equals `flax.linen.ConvTranspose(I, (k, k), (stride, stride), padding="SAME", transpose_kernel=True)` with kernel w
    where k - stride is even or the convolution pads the smaller half first, as "SAME" does. Differentiable in both
    modes to any order, by plain convolutions of stride 1.
    """
    if few_outputs(w.shape[0], w.shape[3], w.shape[2]):
        return _overlapping(y, w, stride, _by_pixel)
    if math.prod(y.shape[:3]) < y.shape[3]:
        return _overlapping(y, w, stride, _by_tap)
    return _separate(y, jnp.swapaxes(w, 2, 3), stride)


def _taps(kernel: int, stride: int) -> list[dict[int, int]]:
    """For each phase r: offset d -> tap r + p - s d, ascending in d."""
    first = [r + (kernel - stride) // 2 for r in range(stride)]
    return [{(f - a) // stride: a for a in reversed(range(kernel)) if (f - a) % stride == 0} for f in first]


def _separate(y, kernel, stride):
    """One convolution per phase."""
    batch, height, width, _ = y.shape
    taps = _taps(kernel.shape[0], stride)

    def phase(rows, columns):
        part = kernel[np.array(list(rows.values()))][:, np.array(list(columns.values()))]
        padding = [(-min(t), max(t)) for t in (rows, columns)]
        return lax.conv_general_dilated(y, part, (1, 1), padding, dimension_numbers=_LAYOUT)

    lines = [jnp.stack([phase(rows, columns) for columns in taps], axis=3) for rows in taps]
    return jnp.stack(lines, axis=2).reshape(batch, height * stride, width * stride, -1)


def _overlapping(y, w, stride, product):
    """Eq. (3). A patch is cut into blocks of `stride` pixels, and those at the same place of all patches are added."""
    batch, height, width, _ = y.shape
    kernel, outputs = w.shape[0], w.shape[2]
    blocks, before = -(-kernel // stride), (kernel - stride) // 2
    w = jnp.pad(w, [(0, blocks * stride - kernel)] * 2 + [(0, 0)] * 2)
    taps = w.reshape(blocks, stride, blocks, stride, outputs, -1)
    wide = jnp.promote_types(y.dtype, jnp.float32)  # the sum over taps is one of the sums of a convolution
    total = sum(
        jnp.pad(z, ((0, 0), (i, blocks - 1 - i), (0, 0), (j, blocks - 1 - j), (0, 0), (0, 0)))
        for (i, j), z in product(y, taps, wide).items()
    )
    total = jnp.asarray(total, y.dtype)
    x = total.reshape(batch, (height + blocks - 1) * stride, (width + blocks - 1) * stride, outputs)
    return x[:, before : before + height * stride, before : before + width * stride]


def _by_pixel(y, taps, dtype):
    """{(block's row l, column m): its z [B, H, r, W, c, I]} of y [B, H, W, O] and taps [l, r, m, c, I, O].

    The product has the pixels in front, so that it is the taps that are turned round in memory.
    """
    tall, rows, wide, columns, outputs, inputs = taps.shape
    z = jnp.matmul(y, taps.transpose(5, 0, 2, 1, 3, 4).reshape(inputs, -1), preferred_element_type=dtype)
    z = z.reshape(*y.shape[:3], tall, wide, rows, columns, outputs)
    return {(i, j): z[:, :, :, i, j].transpose(0, 1, 3, 2, 4, 5) for i in range(tall) for j in range(wide)}


def _by_tap(y, taps, dtype):
    """The same with the taps in front, so that it is y that is turned round."""
    z = jnp.einsum("bhwo,lrmcio->lmbhrwci", y, taps, preferred_element_type=dtype)
    return {(i, j): z[i, j] for i in range(taps.shape[0]) for j in range(taps.shape[2])}
