"""Normalisation by name, with class-conditional gains and biases where there are labels.

Conditional batch normalisation (Dumoulin et al. 2017, "A Learned Representation for Artistic Style"; de Vries et al.
2017): y = gamma[label] (x - mean) / sqrt(var + eps) + beta[label], with the statistics of the whole batch.
"""

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from jaxgen.core import choose

KINDS = {"batch": "batch", "layer": "layer", "none": "none"}


class Norm(nn.Module):
    """Normalise [B, ..., C] in float32 and return it in `dtype`.

    `kind`: "batch" (running averages in the collection "batch_stats", momentum 0.9, used unless `train`), "layer" (over
    all axes of an example, gain and bias per channel, as WGAN-GP has it) or "none". `classes` > 0 takes gain and
    bias from tables indexed by the label.
    """

    kind: str = "batch"
    classes: int = 0
    axis_name: str | None = None
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x, label=None, *, train: bool):
        """x [B, ..., C], label int32 [B] if `classes` -> [B, ..., C]."""
        kind, plain = choose(KINDS, self.kind, "norm"), not self.classes
        if kind == "none":
            return x.astype(self.dtype)
        if kind == "batch":
            norm: nn.Module = nn.BatchNorm(
                use_running_average=not train,
                momentum=0.9,
                epsilon=1e-5,
                use_bias=plain,
                use_scale=plain,
                axis_name=self.axis_name,
                dtype=jnp.float32,
                name="batch",
            )
        else:
            axes = tuple(range(1, x.ndim))
            norm = nn.LayerNorm(
                reduction_axes=axes,
                feature_axes=-1,
                epsilon=1e-5,
                use_bias=plain,
                use_scale=plain,
                dtype=jnp.float32,
                name="layer",
            )
        x = norm(x)
        if self.classes:
            x = self._modulate(x, label)
        return x.astype(self.dtype)

    def _modulate(self, x: jax.Array, label: jax.Array) -> jax.Array:
        def table(name, init):
            rows = nn.Embed(self.classes, x.shape[-1], embedding_init=init, name=name)(label)
            return rows.reshape(rows.shape[0], *[1] * (x.ndim - 2), rows.shape[-1])

        return x * table("gain", nn.initializers.ones) + table("bias", nn.initializers.zeros)
