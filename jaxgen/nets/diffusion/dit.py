"""The diffusion transformer (Peebles & Xie 2023, "Scalable Diffusion Models with Transformers").

Patches of p x p pixels become tokens of `width` features, to which fixed sinusoids of their place are added. With c the
sum of the embeddings of time and label, every block computes, per token h (ibid., section 3.2, "adaLN-Zero"):
    (1)  shift_1, scale_1, gate_1, shift_2, scale_2, gate_2 = W silu(c) + b,   W and b zero at first
    (2)  h <- h + gate_1 attention((1 + scale_1) norm(h) + shift_1)
    (3)  h <- h + gate_2 mlp((1 + scale_2) norm(h) + shift_2)
and the end, with a shift and a scale of its own,
    (4)  patch = V ((1 + scale) norm(h) + shift) + v,   V and v zero at first
where norm has no weights. Blocks are the identity and the output is zero before the first step.

With `scan` the blocks are one program that runs `depth` times, its weights stacked on a leading axis: compile time does
not grow with depth. `remat` says what the forward pass of a block keeps.
"""

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from jaxgen.core import UserError
from jaxgen.layers.embeddings import LabelEmbedding, TimeEmbedding, place_sinusoids
from jaxgen.layers.norms import modulate
from jaxgen.layers.remat import remat
from jaxgen.ops.attention import attention
from jaxgen.ops.resample import depth_to_space, space_to_depth

ZEROS = nn.initializers.zeros
XAVIER = nn.initializers.xavier_uniform()
SINUSOIDS = 256
"""Of the time embedding."""


def _norm(dtype: Any, name: str) -> nn.LayerNorm:
    """Layer normalisation without weights; linen takes its statistics in float32."""
    return nn.LayerNorm(epsilon=1e-6, use_bias=False, use_scale=False, dtype=dtype, name=name)


class Block(nn.Module):
    """Eqs. (1) to (3): tokens [B, N, D], silu(c) [B, D] -> (tokens, None), the form that `nn.scan` asks for."""

    heads: int
    ratio: float = 4.0
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, h: jax.Array, c: jax.Array) -> tuple[jax.Array, None]:
        b, n, d = h.shape
        modulation = nn.Dense(6 * d, kernel_init=ZEROS, dtype=self.dtype, name="modulation")(c)
        shift1, scale1, gate1, shift2, scale2, gate2 = jnp.split(modulation, 6, axis=-1)

        y = modulate(_norm(self.dtype, "norm1")(h), shift1, scale1)
        y = nn.Dense(3 * d, kernel_init=XAVIER, dtype=self.dtype, name="qkv")(y)
        q, k, v = jnp.moveaxis(y.reshape(b, n, 3, self.heads, d // self.heads), 2, 0)
        y = attention(q, k, v).reshape(b, n, d)
        h = h + gate1[:, None] * nn.Dense(d, kernel_init=XAVIER, dtype=self.dtype, name="out")(y)

        y = modulate(_norm(self.dtype, "norm2")(h), shift2, scale2)
        y = nn.Dense(int(self.ratio * d), kernel_init=XAVIER, dtype=self.dtype, name="mlp_in")(y)
        y = nn.Dense(d, kernel_init=XAVIER, dtype=self.dtype, name="mlp_out")(nn.gelu(y, approximate=True))
        return h + gate2[:, None] * y, None


class DiT(nn.Module):
    """A `Denoiser`: x [B, H, W, C], time {"t": [B]}, cond {"label"?: int32 [B]} -> float32 [B, H, W, C].

    The statistics of norms, the softmax, the sinusoids and the output are float32 whatever `dtype` is.

    Raises:
      UserError: patches that do not divide the image, heads that do not divide the width, an unknown `remat`.
    """

    image_shape: tuple[int, int, int]
    classes: int = 0
    """Number of labels; the label `classes` means none. 0: unconditional."""
    width: int = 384
    depth: int = 12
    heads: int = 6
    patch: int = 2
    ratio: float = 4.0
    """Hidden features of the perceptrons, in units of `width`."""
    shift: float = 0.0
    """Of the time sinusoids (`jaxgen.layers.embeddings`, eq. 1)."""
    scan: bool = False
    remat: str = "none"
    """A key of `jaxgen.layers.remat.POLICIES`."""
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array, time: dict[str, jax.Array], cond: dict[str, Any], *, train: bool) -> jax.Array:
        self._check(x)
        c = nn.silu(self._embed(time["t"], cond))
        h = space_to_depth(x.astype(self.dtype), self.patch)
        rows, columns = h.shape[1:3]
        h = nn.Dense(self.width, kernel_init=XAVIER, dtype=self.dtype, name="patches")(h)
        h = h.reshape(h.shape[0], -1, self.width) + place_sinusoids(rows, columns, self.width).astype(self.dtype)
        h = self._blocks(h, c)
        modulation = nn.Dense(2 * self.width, kernel_init=ZEROS, dtype=self.dtype, name="modulation")(c)
        h = modulate(_norm(self.dtype, "norm")(h), *jnp.split(modulation, 2, axis=-1))
        size = x.shape[-1] * self.patch**2
        h = nn.Dense(size, kernel_init=ZEROS, dtype=jnp.float32, name="pixels")(h.astype(jnp.float32))
        return depth_to_space(h.reshape(-1, rows, columns, size), self.patch)

    def _check(self, x):
        if x.shape[1] % self.patch or x.shape[2] % self.patch:
            raise UserError(
                f"Patches of {self.patch}x{self.patch} (net.patch) do not divide images of {x.shape[1]}x{x.shape[2]}."
            )
        if self.width % 4 or self.width % self.heads:
            raise UserError(f"net.width must be a multiple of 4 and of net.heads = {self.heads}, unlike {self.width}.")

    def _embed(self, t, cond):
        c = TimeEmbedding(self.width, SINUSOIDS, True, self.shift, self.dtype, name="time")(t)
        if self.classes:
            label = cond.get("label")
            label = jnp.full(t.shape, self.classes, jnp.int32) if label is None else label
            c = c + LabelEmbedding(self.classes, self.width, self.dtype, name="label")(label)
        return c

    def _blocks(self, h, c):
        block = remat(Block, self.remat, scanned=self.scan)
        fields = dict(heads=self.heads, ratio=self.ratio, dtype=self.dtype)
        if not self.scan:
            for i in range(self.depth):
                h, _ = block(**fields, name=f"block_{i}")(h, c)
            return h
        scanned = nn.scan(
            block,
            variable_axes={"params": 0},
            split_rngs={"params": True},
            in_axes=nn.broadcast,
            length=self.depth,
        )
        return scanned(**fields, name="blocks")(h, c)[0]
