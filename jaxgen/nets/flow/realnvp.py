"""RealNVP (Dinh, Sohl-Dickstein & Bengio 2017, "Density estimation using Real NVP", sec. 3.6 and figure 4).

Each scale: couplings under alternating checkerboard masks, a squeeze, couplings under alternating channel masks, then
half of the channels leave. The last scale has checkerboard couplings alone, one more of them. The maths is in
`jaxgen.layers.invertible`. Unlike the paper, activation normalisation stands where batch normalisation stood between
couplings, and the coupling networks normalise by groups: then no image's density depends on the batch it is in.
"""

from functools import partial
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from jaxgen.layers.invertible import (
    ActNorm,
    Coupling,
    Prior,
    ResNet,
    Split,
    checkerboard,
    halves,
    repeated,
    squeeze,
    unsqueeze,
)
from jaxgen.nets.flow.shared import Shape, check_halvings, pack, unpack
from jaxgen.nets.roles import Cond


class MaskedStep(nn.Module):
    """A masked coupling and an activation normalisation on (x, log det); the form that `repeated` asks for."""

    width: int
    blocks: int
    clamp: float
    norm: bool
    inverse: bool
    dtype: Any

    @nn.compact
    def __call__(self, carry, mask, context):
        network = partial(ResNet, width=self.width, blocks=self.blocks, dtype=self.dtype)
        coupling = Coupling(network, clamp=self.clamp, name="coupling")
        steps = [lambda x: coupling(x, mask, context, inverse=self.inverse)]
        if self.norm:
            steps.append(partial(ActNorm(name="actnorm"), inverse=self.inverse))
        x, log_det = carry
        for step in reversed(steps) if self.inverse else steps:
            x, more = step(x)
            log_det = log_det + more
        return (x, log_det), None


def alternating(mask, shape: Shape, count: int) -> np.ndarray:
    """`count` masks [count, H, W, C]: `mask(*shape, False)`, `mask(*shape, True)`, and so on in turn."""
    return np.stack([mask(*shape, bool(i % 2)) for i in range(count)])


class RealNVP(nn.Module):
    """A `Bijection`. Height and width must be multiples of 2^(scales - 1)."""

    image_shape: Shape
    scales: int = 2
    couplings: int = 3
    """Couplings per kind of mask and scale."""
    width: int = 64
    blocks: int = 2
    """Residual blocks of a coupling network."""
    clamp: float = 2.0
    """Bound on the log scale of one coupling."""
    classes: int = 0
    """Labels, if any, move the Gaussian of the last scale."""
    dtype: Any = jnp.float32

    def __call__(self, x: jax.Array, cond: Cond, *, train: bool) -> tuple[jax.Array, jax.Array]:
        return self._run(x, cond, False)

    def inverse(self, z: jax.Array, cond: Cond, *, train: bool) -> jax.Array:
        return self._run(z, cond, True)[0]

    @nn.compact
    def _run(self, value, cond, inverse):
        check_halvings(self.image_shape, self.scales - 1, f"This RealNVP (scales={self.scales})")
        label, last = cond.get("label"), self.scales - 1
        prior, split = Prior(self.classes, self.clamp, name="prior"), Split(conditional=False, name="split")
        log_det = jnp.zeros(value.shape[:1], jnp.float32)
        shapes = scale_shapes(self.image_shape, self.scales)

        def couple(x, log_det, mask, shape, count, name):
            step = repeated(MaskedStep, count, inverse=inverse)
            module = step(self.width, self.blocks, self.clamp, True, inverse, self.dtype, name=name)
            return module((x, log_det), alternating(mask, shape, count), None)[0]

        if inverse:
            *left, value = unpack(value, latent_shapes(self.image_shape, self.scales))
            value, log_det = prior(value, label, inverse=True)
            value, log_det = couple(value, log_det, checkerboard, shapes[last], self.couplings + 1, f"checker_{last}")
            for i in reversed(range(last)):
                value, _ = split(value, left[i])
                value, log_det = couple(value, log_det, halves, squeezed(shapes[i]), self.couplings, f"channel_{i}")
                value, log_det = couple(
                    unsqueeze(value), log_det, checkerboard, shapes[i], self.couplings, f"checker_{i}"
                )
            return value, log_det
        value, left = value.astype(jnp.float32), []
        for i in range(last):
            value, log_det = couple(value, log_det, checkerboard, shapes[i], self.couplings, f"checker_{i}")
            value = squeeze(value)
            value, log_det = couple(value, log_det, halves, squeezed(shapes[i]), self.couplings, f"channel_{i}")
            value, part, _ = split(value)
            left.append(part)
        value, log_det = couple(value, log_det, checkerboard, shapes[last], self.couplings + 1, f"checker_{last}")
        value, more = prior(value, label)
        return pack([*left, value]), log_det + more


def squeezed(shape: Shape) -> Shape:
    """The shape after `squeeze`."""
    return shape[0] // 2, shape[1] // 2, 4 * shape[2]


def scale_shapes(image_shape: Shape, scales: int) -> list[Shape]:
    """What each scale is given."""
    height, width, channels = image_shape
    return [(height >> i, width >> i, channels << i) for i in range(scales)]


def latent_shapes(image_shape: Shape, scales: int) -> list[Shape]:
    """Shapes of the latents that leave at each scale."""
    *_, last = shapes = scale_shapes(image_shape, scales)
    return [*shapes[1:], last]
