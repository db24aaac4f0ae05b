"""Steps of normalizing flows: maps y = f(x) that can be undone and whose Jacobian determinant is cheap.

    (1)  log p(x) = log p(y) + log |det dy/dx|
Activation normalisation, per channel c, and its start on the first batch (Kingma & Dhariwal 2018, "Glow", sec. 3.1):
    (2)  y = (x + b_c) exp(s_c),   log det = H W sum_c s_c
    (3)  b_c = -mean(x_c),   s_c = -log std(x_c)   over batch and space
Invertible 1x1 convolution through its LU decomposition (ibid., eq. 9-11); P is a permutation and g a vector of signs,
both drawn once and kept:
    (4)  y = W x,   W = P L (U + diag(g exp(l))),   log det = H W sum_c l_c
with L unit lower and U strictly upper triangular. Affine coupling, with a mask m that is 1 where x passes unchanged
(Dinh et al. 2017, "Density estimation using Real NVP", eq. 9; the shift before the scale as in Glow's code):
    (5)  y = m x + (1 - m) (x + t(m x)) exp(s(m x)),   log det = sum (1 - m) s
Log scales come from raw network outputs r through a bound c, so that no step can overflow:
    (6)  "tanh": s = c tanh(r / c)       "sigmoid": s = max(log sigmoid(r + 2), -c)
Multi-scale split: half of the channels, u, leave with a Gaussian that the other half h predicts (ibid., sec. 3.6; the
Gaussian as in Glow's code). They leave whitened, so that the latents of all levels are N(0, I):
    (7)  z = (u - mean(h)) exp(-log std(h))

All layers take x [B, H, W, C] and return (y, log det [B] float32) of the map they applied: f, or its inverse if
`inverse`. Everything on the path from x to y is float32; `dtype` is that of the networks that predict t and s. On that
path matrix products ask for full precision, because accelerators otherwise round float32 factors to 10 bits or fewer.
"""

import math
from collections.abc import Callable
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from jaxgen.core import UserError
from jaxgen.layers.convolution import Conv
from jaxgen.layers.norms import GroupNorm
from jaxgen.ops import grids, norm
from jaxgen.ops.resample import depth_to_space, space_to_depth

FIXED = "fixed"
"""The collection of what is drawn once and never trained."""


def affine(x: jax.Array, shift: jax.Array, log_scale: jax.Array, inverse: bool = False) -> tuple[jax.Array, jax.Array]:
    """(x + shift) exp(log_scale), or its inverse, and the log determinant [B]; arguments broadcast against x."""
    log_scale = jnp.broadcast_to(log_scale, x.shape)
    log_det = jnp.sum(log_scale, axis=tuple(range(1, x.ndim)))
    if inverse:
        return x * jnp.exp(-log_scale) - shift, -log_det
    return (x + shift) * jnp.exp(log_scale), log_det


def bounded(raw: jax.Array, clamp: float, kind: str) -> jax.Array:
    """Eq. (6): network outputs to log scales. "tanh" stays within -c ... c, "sigmoid" within -c ... 0."""
    if kind == "tanh":
        return clamp * jnp.tanh(raw / clamp)
    if kind == "sigmoid":
        return jnp.maximum(jax.nn.log_sigmoid(raw + 2.0), -clamp)
    raise UserError(f"The scale of an affine coupling is 'tanh' or 'sigmoid', not {kind!r}.")


def squeeze(x: jax.Array) -> jax.Array:
    """[B, H, W, C] -> [B, H / 2, W / 2, 4 C]: the 2x2 pixels of channel c become channels 4 c ... 4 c + 3."""
    return space_to_depth(x, 2, by_channel=True)


def unsqueeze(x: jax.Array) -> jax.Array:
    """The inverse of `squeeze`."""
    return depth_to_space(x, 2, by_channel=True)


def checkerboard(height: int, width: int, channels: int, odd: bool = False) -> np.ndarray:
    """A mask float32 [H, W, C], 1 where row + column is even (or `odd`)."""
    board = grids.checkerboard(height, width) == odd
    return np.broadcast_to(board[..., None], (height, width, channels)).astype(np.float32)


def halves(height: int, width: int, channels: int, second: bool = False) -> np.ndarray:
    """A mask float32 [H, W, C], 1 in the first half of the channels (or the `second`)."""
    half = (np.arange(channels) < channels // 2) != second
    return np.broadcast_to(half, (height, width, channels)).astype(np.float32)


class ActNorm(nn.Module):
    """Eq. (2). `init` must run forward, on real data: it sets the parameters by eq. (3)."""

    eps: float = 1e-6
    """Added to the variance, for channels that never change."""

    @nn.compact
    def __call__(self, x: jax.Array, *, inverse: bool = False) -> tuple[jax.Array, jax.Array]:
        x = x.astype(jnp.float32)

        def spread(_):
            return -0.5 * jnp.log(norm.mean_twice(jnp.square(x - norm.mean_twice(x))) + self.eps)

        bias = self.param("bias", lambda _: -norm.mean_twice(x))
        log_scale = self.param("log_scale", spread)
        return affine(x, bias, log_scale, inverse)


class InvertibleConv(nn.Module):
    """Eq. (4), started at a random rotation.

    One parameter "factors" [C, C] holds L below its diagonal, l on it and U above it.
    """

    @nn.compact
    def __call__(self, x: jax.Array, *, inverse: bool = False) -> tuple[jax.Array, jax.Array]:
        channels = x.shape[-1]
        start = _rotation(self.make_rng("params") if self.is_initializing() else None, channels)
        factors = self.param("factors", lambda _: start["factors"])
        permutation = self.variable(FIXED, "permutation", lambda: start["permutation"]).value
        sign = self.variable(FIXED, "sign", lambda: start["sign"]).value
        log_scale = jnp.diagonal(factors)
        eye = jnp.eye(channels, dtype=jnp.float32)
        lower = jnp.tril(factors, -1) + eye
        upper = jnp.triu(factors, 1) + jnp.diag(sign * jnp.exp(log_scale))
        if inverse:
            half = jax.scipy.linalg.solve_triangular(lower, permutation.T, lower=True, unit_diagonal=True)
            weight = jax.scipy.linalg.solve_triangular(upper, half)
        else:
            weight = _product(permutation, _product(lower, upper))
        pixels = math.prod(x.shape[1:-1])
        log_det = jnp.full(x.shape[:1], pixels) * jnp.sum(log_scale)
        return _product(x.astype(jnp.float32), weight.T), -log_det if inverse else log_det


def _product(a: jax.Array, b: jax.Array) -> jax.Array:
    return jnp.matmul(a, b, precision=jax.lax.Precision.HIGHEST)


def _rotation(rng: jax.Array | None, channels: int) -> dict[str, jax.Array]:
    """The factors of eq. (4) for a random rotation (or reflection); of the identity without a key."""
    if rng is None:
        eye = jnp.eye(channels, dtype=jnp.float32)
        return {"factors": jnp.zeros_like(eye), "permutation": eye, "sign": eye[0]}
    weight = jax.random.orthogonal(rng, channels)
    permutation, lower, upper = jax.scipy.linalg.lu(weight)
    diagonal = jnp.diagonal(upper)
    factors = jnp.tril(lower, -1) + jnp.triu(upper, 1) + jnp.diag(jnp.log(jnp.abs(diagonal)))
    return {"factors": factors, "permutation": permutation, "sign": jnp.sign(diagonal)}


class ZeroConv(nn.Module):
    """A convolution that starts at zero and whose outputs are scaled by a learned exp(3 g) (Glow's code)."""

    features: int
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        y = Conv(self.features, kernel_init=nn.initializers.zeros, dtype=self.dtype, name="conv")(x)
        gain = self.param("gain", nn.initializers.zeros, (self.features,), jnp.float32)
        return y.astype(jnp.float32) * jnp.exp(3.0 * gain)


class ConvNet(nn.Module):
    """Glow's coupling network: 3x3, 1x1, zero 3x3 convolutions. [B, H, W, I] -> float32 [B, H, W, outputs]."""

    outputs: int
    width: int = 64
    norm: bool = True
    """Activation normalisation (set from the first batch) after the hidden convolutions."""
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        for index, kernel in enumerate((3, 1)):
            conv = Conv(self.width, kernel=kernel, use_bias=not self.norm, dtype=self.dtype, name=f"conv_{index}")
            x = conv(x)
            if self.norm:
                x = ActNorm(name=f"norm_{index}")(x)[0].astype(self.dtype)
            x = nn.relu(x)
        return ZeroConv(self.outputs, dtype=self.dtype, name="out")(x)


class ResNet(nn.Module):
    """RealNVP's coupling network: residual blocks between two convolutions. -> float32 [B, H, W, outputs].

    Group instead of batch normalisation, so that an example does not depend on the others in its batch.
    """

    outputs: int
    width: int = 64
    blocks: int = 2
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        x = Conv(self.width, dtype=self.dtype, name="conv_in")(x)
        for index in range(self.blocks):
            h = x
            for part in ("a", "b"):
                h = nn.relu(GroupNorm(8, name=f"norm_{index}{part}")(h))
                h = Conv(self.width, dtype=self.dtype, name=f"conv_{index}{part}")(h)
            x = x + h
        x = nn.relu(GroupNorm(8, name="norm_out")(x))
        return ZeroConv(self.outputs, dtype=self.dtype, name="out")(x)


class Coupling(nn.Module):
    """Eq. (5). The network sees the passing part, beside a `context` [B, H, W, K] if there is one."""

    network: Callable[..., nn.Module]
    """outputs, name= -> a module that maps [B, H, W, I] to [B, H, W, outputs]."""
    clamp: float = 5.0
    kind: str = "tanh"
    """Of eq. (6)."""

    @nn.compact
    def __call__(
        self,
        x: jax.Array,
        mask: jax.Array | None = None,
        context: jax.Array | None = None,
        *,
        inverse: bool = False,
    ) -> tuple[jax.Array, jax.Array]:
        """`mask` [H, W, C] of zeros and ones; None passes the first half of the channels and spends nothing on it."""
        channels = x.shape[-1]
        moved = channels - channels // 2 if mask is None else channels
        seen = x[..., : channels - moved] if mask is None else x * mask
        given = seen if context is None else jnp.concatenate([seen, context], axis=-1)
        raw = self.network(2 * moved, name="network")(given)
        shift, log_scale = raw[..., :moved], bounded(raw[..., moved:], self.clamp, self.kind)
        if mask is None:
            y, log_det = affine(x[..., channels - moved :], shift, log_scale, inverse)
            return jnp.concatenate([seen, y], axis=-1), log_det
        return affine(x, shift * (1.0 - mask), log_scale * (1.0 - mask), inverse)


class Split(nn.Module):
    """Eq. (7): half of the channels leave, whitened."""

    conditional: bool = True
    """False: the second half is N(0, I) as it comes (RealNVP)."""
    clamp: float = 5.0
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array, z: jax.Array | None = None) -> tuple[jax.Array, ...]:
        """x -> (h, z, log det); given z as well, the inverse: (h, z) -> (x, log det)."""
        inverse = z is not None
        kept, out = jnp.split(x, 2, axis=-1) if z is None else (x, z)
        log_det = jnp.zeros(x.shape[:1], jnp.float32)
        if self.conditional:
            mean, raw = jnp.split(ZeroConv(2 * out.shape[-1], dtype=self.dtype, name="prior")(kept), 2, axis=-1)
            out, log_det = affine(out, -mean, -bounded(raw, self.clamp, "tanh"), inverse)
        return (jnp.concatenate([kept, out], axis=-1), log_det) if inverse else (kept, out, log_det)


class Prior(nn.Module):
    """Whitens what the last level leaves, by a mean and a scale per channel, shifted per class if there are classes."""

    classes: int = 0
    clamp: float = 5.0

    @nn.compact
    def __call__(
        self, x: jax.Array, label: jax.Array | None = None, *, inverse: bool = False
    ) -> tuple[jax.Array, jax.Array]:
        """label int32 [B] where there are classes."""
        moments = self.param("moments", nn.initializers.zeros, (2 * x.shape[-1],), jnp.float32)[None]
        if self.classes:
            table = self.param("label", nn.initializers.zeros, (self.classes, 2 * x.shape[-1]), jnp.float32)
            moments = moments + table[label]
        mean, raw = jnp.split(moments[:, None, None], 2, axis=-1)
        return affine(x, -mean, -bounded(raw, self.clamp, "tanh"), inverse)


def repeated(step: type[nn.Module], count: int, *, inverse: bool) -> Callable[..., nn.Module]:
    """`count` copies of a step in turn as one compiled loop; backwards if `inverse`.

    The step is called as (carry, one of `count` items, what all share) -> (carry, None). Weights get a leading axis.
    """
    return nn.scan(
        step,
        variable_axes={"params": 0, FIXED: 0},
        split_rngs={"params": True},
        in_axes=(0, nn.broadcast),
        length=count,
        reverse=inverse,
    )
