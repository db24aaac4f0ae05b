"""The pool of earlier images against a list in plain Python that makes the same draws."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgen.ops import pool


def numbered(first, count):
    """Images 1x1x1 whose only pixel is their number."""
    return jnp.arange(first, first + count, dtype=jnp.float32)[:, None, None, None]


def plain(kept, places, numbers, draws):
    """The pool as one writes it without arrays."""
    returned = []
    for number, (swap, place) in zip(numbers, draws, strict=True):
        if len(kept) < places:
            kept.append(number)
            returned.append(number)
        elif swap:
            returned.append(kept[place])
            kept[place] = number
        else:
            returned.append(number)
    return returned


@pytest.mark.parametrize("places", [1, 5])
def test_a_pool_is_a_list_of_earlier_images(places):
    state, kept = pool.empty(places, (1, 1, 1)), []
    exchange = jax.jit(pool.exchange)
    returned, expected = [], []
    for call in range(40):
        keys = jax.random.split(jax.random.key(call), 3)
        draws = [tuple(x.item() for x in pool.draw(key, places)) for key in keys]
        state, images = exchange(state, numbered(3 * call, 3), keys)
        returned += images.ravel().astype(int).tolist()
        expected += plain(kept, places, range(3 * call, 3 * call + 3), draws)
        assert state.images.ravel()[: len(kept)].astype(int).tolist() == kept
        assert int(state.taken) == len(kept)
    assert returned == expected
    assert len(set(expected)) > 40
    assert expected != list(range(120))


def test_half_of_what_a_full_pool_returns_is_old_and_places_are_chosen_evenly():
    keys = jax.random.split(jax.random.key(0), 4000)
    swap, place = jax.vmap(lambda key: pool.draw(key, 4))(keys)
    assert float(jnp.mean(swap)) == pytest.approx(0.5, abs=0.03)
    np.testing.assert_allclose(np.bincount(place[swap], minlength=4) / jnp.sum(swap), 0.25, atol=0.04)
