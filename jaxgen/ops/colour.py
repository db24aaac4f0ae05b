"""Luma and chroma of ITU-R BT.601 in 8-bit studio range, as MATLAB's rgb2ycbcr and the super-resolution papers have it.

For R, G, B in [0, 1], with everything in units of 1 / 255:
    (1)  Y  =  16 +  65.481 R + 128.553 G +  24.966 B        in [16, 235]
    (2)  Cb = 128 -  37.797 R -  74.203 G + 112     B        in [16, 240]
    (3)  Cr = 128 + 112     R -  93.786 G -  18.214 B        in [16, 240]
"""

import jax
import jax.numpy as jnp
import numpy as np

STUDIO = np.array(
    [[65.481, -37.797, 112.0], [128.553, -74.203, -93.786], [24.966, 112.0, -18.214]],
) / np.float64(255)
"""[3, 3]: (R, G, B) @ STUDIO are (Y, Cb, Cr) without their offsets, in [0, 1] units."""
OFFSET = np.array([16.0, 128.0, 128.0]) / 255.0
"""[3]: (Y, Cb, Cr) of black."""


def _mix(x: jax.Array, matrix: np.ndarray) -> jax.Array:
    """x [..., 3] @ matrix, in float32 whatever the precision of products on the device."""
    return jnp.matmul(x, jnp.asarray(matrix, jnp.float32), precision="highest")


def to_ycbcr(x: jax.Array) -> jax.Array:
    """RGB float [..., 3] in [0, 1] -> (Y, Cb, Cr) float32 [..., 3] by eqs. (1) to (3)."""
    return _mix(x.astype(jnp.float32), STUDIO) + jnp.asarray(OFFSET, jnp.float32)


def from_ycbcr(x: jax.Array) -> jax.Array:
    """The inverse of `to_ycbcr`; may leave [0, 1] for colours that RGB does not have."""
    return _mix(x.astype(jnp.float32) - jnp.asarray(OFFSET, jnp.float32), np.linalg.inv(STUDIO))


def luma(x: jax.Array) -> jax.Array:
    """RGB float [..., 3] in [0, 1] -> Y float32 [..., 1] in [16 / 255, 235 / 255], eq. (1)."""
    return to_ycbcr(x)[..., :1]
