"""Transposed convolution as ordinary convolutions, without the zeros.

The adjoint of a convolution with stride s, kernel w [k, k, I, O] and padding p = (k - s) // 2 is
    (1)  up(y, w)[n, i] = sum_{m, a, o : s m + a - p = n} y[m, o] w[a, i, o]
Usually it runs as a convolution over y with s - 1 zeros between its pixels, which multiplies s^2 times as much as
needed on a backend that does not skip zeros. Writing n = s q + r, only every s-th tap meets a pixel, so that each of
the s^2 phases (r_h, r_w) is a stride-1 convolution of y with its own taps (Shi et al. 2016, "Is the Deconvolution
Layer the Same as a Convolutional Layer?"):
    (2)  up(y, w)[s q + r] = sum_d y[q + d] w[r + p - s d],   0 <= r + p - s d < k
Two layouts give the same numbers. With many output channels, one convolution per phase: no multiplication is wasted.
With few, the phases become channels of a single convolution followed by depth-to-space: some taps are zero, but the
matrix product is not as thin as one channel would make it.
"""

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from jaxgen.ops.resample import depth_to_space

_LAYOUT = ("NHWC", "HWIO", "NHWC")
FEW = 16
"""Fewer output channels than this are computed in one convolution for all phases."""


def sub_pixel(y: jax.Array, w: jax.Array, stride: int = 2) -> jax.Array:
    """Eq. (1) by eq. (2): y [B, H, W, O], w [k, k, I, O], k >= stride -> [B, H * stride, W * stride, I].

    Equals `flax.linen.ConvTranspose(I, (k, k), (stride, stride), padding="SAME", transpose_kernel=True)` with kernel w
    where k - stride is even or the convolution pads the smaller half first, as "SAME" does. Differentiable in both
    modes to any order, by plain convolutions of stride 1.
    """
    kernel = jnp.swapaxes(w, 2, 3)
    return _stacked(y, kernel, stride) if w.shape[2] < FEW else _separate(y, kernel, stride)


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


def _stacked(y, kernel, stride):
    """One convolution, phases as channels; a tap outside the kernel is zero."""
    size, _, inputs, outputs = kernel.shape
    taps = _taps(size, stride)
    low, high = min(min(t) for t in taps), max(max(t) for t in taps)
    index = np.array([[t.get(d, size) for t in taps] for d in range(low, high + 1)])  # [offsets, phases]
    padded = jnp.pad(kernel, ((0, 1), (0, 1), (0, 0), (0, 0)))
    parts = padded[index][:, :, index]  # [offsets, phases, offsets, phases, in, out]
    parts = parts.transpose(0, 2, 4, 1, 3, 5).reshape(len(index), len(index), inputs, stride * stride * outputs)
    x = lax.conv_general_dilated(y, parts, (1, 1), [(-low, high)] * 2, dimension_numbers=_LAYOUT)
    return depth_to_space(x, stride)
