"""What Gatys' method and AdaIN share: a frozen encoder, layers of one scale, and a weighted sum of losses.

Every layer of the encoder is divided by its mean activation, measured once at the start, so that weights of losses
mean the same for every encoder. (Gatys et al. 2016, section 2, do so per filter, by rescaling VGG's weights; per layer
it needs few pictures.)
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxgen.core import Spec, UserError, choose
from jaxgen.nets.roles import Net

ENCODER = "encoder"
"""The frozen network's name."""
LEAST = 1e-6
"""Activations below this on average are not divided by."""
LOSSES = ("content", "style", "variation")


class Weighting(NamedTuple):
    """Weights of the terms, each a mean over its layers; `jaxgen.objectives.style` has the equations."""

    content: float = 1.0
    style: float = 1.0
    variation: float = 0.0


DEFAULT = Weighting()
Maps = dict[str, jax.Array]


def encode(encoder: Net, frozen: Mapping[str, Any], x: jax.Array, layers: Sequence[str]) -> Maps:
    """Some layers of the encoder for images [B, H, W, 3], or [B, H, W, 1] (grey).

    Raises:
      UserError: the encoder has no such layer, or the images are too small to have it.
    """
    x = jnp.repeat(x, 3, axis=-1) if x.shape[-1] == 1 else x
    found = encoder.apply(frozen[ENCODER], {}, x)[0]
    chosen = {layer: choose(found, layer, "layer of the encoder") for layer in layers}
    empty = [layer for layer, value in chosen.items() if not value.size]
    if empty:
        raise UserError(f"Images of {x.shape[1]}x{x.shape[2]} pixels are too small for {empty[0]}; use larger ones.")
    return chosen


def mean(terms: Sequence[jax.Array]) -> jax.Array:
    """Mean over layers of losses [B]."""
    return jnp.mean(jnp.stack(terms), axis=0)


def positive(x: jax.Array) -> jax.Array:
    """A number to divide by: x, or 1 where a layer is silent."""
    return jnp.where(x > LEAST, x, 1.0)


def weighted(weighting: Weighting, terms: Mapping[str, jax.Array]) -> jax.Array:
    """The loss [B] of terms [B] by name."""
    return sum((getattr(weighting, name) * terms[name] for name in LOSSES), jnp.zeros(()))


def scalars() -> dict[str, Spec]:
    """Outputs of the task `losses`."""
    return dict.fromkeys(LOSSES, Spec("scalar", ()))


def check(image: tuple[int, int, int]) -> None:
    """Pictures are RGB."""
    if image[-1] != 3:
        raise UserError(f"Style transfer reads images of 3 channels, not {image[-1]}: set data.channels=3.")
