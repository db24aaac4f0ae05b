"""A pool of earlier images (Shrivastava et al. 2017, "Learning from Simulated and Unsupervised Images through
Adversarial Training", section 2.3, as CycleGAN uses it): a critic that sees some of what the generator made long ago
does not forget it.

One image after the other enters. While there is room,
    (1)  it is kept, and returned.
Then, each with probability 1/2,
    (2)  it is returned and not kept, or
    (3)  it takes the place of a kept image, chosen uniformly, which is returned.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp


class Pool(NamedTuple):
    """Kept images and how many of their places are taken."""

    images: jax.Array
    """float32 [places, H, W, C]"""
    taken: jax.Array
    """() int32"""


def empty(places: int, shape: tuple[int, ...]) -> Pool:
    """A pool with room for `places` images."""
    return Pool(jnp.zeros((places, *shape), jnp.float32), jnp.zeros((), jnp.int32))


def draw(key: jax.Array, places: int) -> tuple[jax.Array, jax.Array]:
    """What chance says to one image: (whether eq. (3) applies, the place)."""
    coin, place = jax.random.split(key)
    return jax.random.bernoulli(coin), jax.random.randint(place, (), 0, places)


def exchange(pool: Pool, images: jax.Array, keys: jax.Array) -> tuple[Pool, jax.Array]:
    """Images [B, H, W, C] enter in turn -> (pool, what is returned, [B, H, W, C]). keys [B] decide, see `draw`."""
    places = len(pool.images)

    def enter(pool, item):
        image, key = item
        swap, chosen = draw(key, places)
        room = pool.taken < places
        place = jnp.where(room, pool.taken, chosen)
        kept = pool.images[place]
        returned = jnp.where(swap & ~room, kept, image)
        stored = pool.images.at[place].set(jnp.where(room | swap, image, kept))
        return Pool(stored, pool.taken + room.astype(jnp.int32)), returned

    return jax.lax.scan(enter, pool, (images, keys))
