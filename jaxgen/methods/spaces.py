"""Where diffusion takes place: among pixels, or among the latents of a frozen autoencoder (Rombach et al. 2022).

With q(z | x) = N(m, s^2) the autoencoder's posterior:
    (1)  encode:   x0 = scale (z - shift),   z ~ q(z | x), or z = m
    (2)  decode:   x = decoder(x0 / scale + shift)
scale and shift make latents about N(0, I), the size that schedules were made for.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxgen.core import UserError, each
from jaxgen.nets.roles import Net

AUTOENCODER = "autoencoder"
"""Its name in `State.frozen`."""


class Space(NamedTuple):
    """What a denoising model calls an image."""

    shape: tuple[int, int, int]
    """Of one image in this space."""
    encode: Callable[[dict[str, Any], jax.Array, jax.Array], jax.Array]
    """(frozen, images float32 [B, H, W, C] in [-1, 1], keys [B]) -> float32 [B, *shape]."""
    decode: Callable[[dict[str, Any], jax.Array], jax.Array]
    """The way back; images are about in [-1, 1]."""
    requires: tuple[str, ...] = ()
    """Frozen networks that both ways read."""
    bounded: bool = True
    """Do values lie in [-1, 1]?"""


def pixels(image: tuple[int, int, int]) -> Space:
    """Images as they are."""
    return Space(image, lambda frozen, x, keys: x, lambda frozen, x: x)


def latents(
    net: Net, image: tuple[int, int, int], *, scale: float = 1.0, shift: float = 0.0, draw: bool = True
) -> Space:
    """Eqs. (1) and (2).

    Args:
      net: an `Autoencoder`.
      image: (H, W, C) of pixels.
      draw: z from the posterior; otherwise its mean.

    Raises:
      UserError: a scale of 0, or images that the autoencoder cannot halve.
    """
    if not scale:
        raise UserError("method.latents.scale must not be 0; 1 over the standard deviation of latents is usual.")

    def encode(frozen, x, keys):
        (mean, log_var), _ = net.apply(frozen[AUTOENCODER], {}, x, method="encode")
        z = mean + jnp.exp(0.5 * log_var) * each(jax.random.normal, keys, mean.shape[1:]) if draw else mean
        return scale * (z - shift)

    def decode(frozen, x):
        return net.apply(frozen[AUTOENCODER], {}, x / scale + shift, method="decode")[0]

    def through(key, x):
        return encode({AUTOENCODER: net.init(key, x)[0]}, x, key[None])

    key, x = jax.random.key(0), jax.ShapeDtypeStruct((1, *image), jnp.float32)
    shape = jax.eval_shape(through, key, x).shape[1:]
    return Space((shape[0], shape[1], shape[2]), encode, decode, (AUTOENCODER,), bounded=False)


def shrink_mask(mask: jax.Array, space: Space) -> jax.Array:
    """[B, H, W, 1] of pixels -> [B, h, w, 1]: a latent is kept where all of its pixels are."""
    b, height, width, _ = mask.shape
    h, w = space.shape[:2]
    return mask.reshape(b, h, height // h, w, width // w, 1).min(axis=(2, 4))
