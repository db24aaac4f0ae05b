"""Super-resolution: the pairs it makes, recovery of a known enlarger, tiles, self-ensemble, bad settings."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from PIL import Image

from jaxgen import parallel
from jaxgen.core import UserError, weights
from jaxgen.methods.restore import PLAYER, degrade, ensemble, interpolate, restore
from jaxgen.nets.roles import Net, functional
from jaxgen.nets.super_resolution.edsr import EDSR
from jaxgen.ops.images import to_float

KEY = jax.random.key(0)


def smooth(shape, seed=0):
    """Noise without fine detail, uint8 [1, H, W, C]."""
    rng = np.random.default_rng(seed)
    small = rng.integers(0, 256, (shape[0] // 6 + 1, shape[1] // 6 + 1, 3)).astype(np.uint8)
    return np.asarray(Image.fromarray(small).resize(shape[1::-1], Image.Resampling.BICUBIC))[None]


def test_small_images_are_those_of_the_papers():
    """Antialiased bicubic, rounded to the levels of a file: Pillow's within a level, away from borders."""
    y = smooth((36, 48))
    ours = np.asarray((degrade(to_float(y), 3) + 1) * 127.5)
    np.testing.assert_allclose(ours, np.rint(ours), atol=1e-4)
    theirs = np.asarray(Image.fromarray(y[0]).resize((16, 12), Image.Resampling.BICUBIC), np.float32)
    assert np.abs(ours[0] - theirs)[3:-3, 3:-3].max() <= 1.01
    loud = jnp.asarray(np.indices((16, 16)).sum(0) // 2 % 2 * 2.0 - 1.0)[None, ..., None]
    assert np.abs(degrade(loud, 2, quantize=False)).max() <= 1


def linear():
    """Enlarges bicubically, then scales and shifts: wrong by a known amount."""
    start = {"gain": jnp.asarray(0.5), "shift": jnp.asarray(0.3)}

    def apply(params, stats, low, train=False, rng=None, method=None):
        return params["gain"] * interpolate(low, 2) + params["shift"], stats

    return Net(lambda rng, low: (start, {}), apply)


@pytest.mark.parametrize("loss", ["l1", "l2", "charbonnier"])
def test_training_recovers_the_bicubic_enlarger(loss):
    tx = optax.adam(optax.cosine_decay_schedule(0.05, 300))
    method = restore(linear(), tx, image=(24, 24, 3), scale=2, reach=2, loss=loss)
    batch = {"image": jnp.concatenate([jnp.asarray(smooth((24, 24), seed)) for seed in range(4)])}
    state = method.init(KEY, batch, {})
    state, metrics = jax.jit(lambda s: jax.lax.scan(lambda s, _: method.step(s, batch), s, None, 300))(state)
    np.testing.assert_allclose(state.params[PLAYER]["gain"], 1.0, atol=0.02)
    np.testing.assert_allclose(state.params[PLAYER]["shift"], 0.0, atol=0.02)
    assert metrics["model/psnr"][-1] > 30 > metrics["model/psnr"][0]


@functools.cache
def edsr(scale, **sampler):
    module = EDSR(scale, (24, 24, 3), 1, 4)
    method = restore(
        functional(module), optax.sgd(0.1), image=(24, 24, 3), scale=scale, reach=module.reach(), sampler=sampler
    )
    state = method.init(KEY, {"image": smooth((24, 24))}, {})
    # Larger weights than fresh ones, so that wrong borders would show.
    params = jax.tree.map(lambda w: 2.0 * w, state.params)
    return method.tasks, weights(state.replace(params=params))


@pytest.mark.parametrize(("scale", "settings"), [(3, {}), (2, {"ensemble": True})])
def test_tiles_equal_the_whole(scale, settings):
    tasks, held = edsr(scale, tile=20, **settings)
    fn = jax.jit(lambda x: tasks["upscale"].fn(held, jax.random.split(KEY, len(x)), {"image": x})["image"])
    overlap, factor = tasks["upscale"].tiles
    image = np.asarray(to_float(smooth((45, 37))[0]))
    parts, places = parallel.cut(image, 20, overlap)
    assert len(parts) > 4
    joined = parallel.join(np.asarray(fn(parts)), places, image.shape, overlap, factor)
    whole = np.asarray(fn(image[None]))[0]
    assert joined.shape == (45 * scale, 37 * scale, 3)
    assert whole.std() > 0.05
    np.testing.assert_allclose(joined, whole, atol=1e-5)
    # With less overlap there would be seams.
    parts, places = parallel.cut(image, 20, 1)
    assert np.abs(parallel.join(np.asarray(fn(parts)), places, image.shape, 1, factor) - whole).max() > 1e-3


def test_the_ensemble_turns_with_the_image():
    tasks, held = edsr(2)
    net = jax.jit(lambda x: tasks["upscale"].fn(held, jax.random.split(KEY, 1), {"image": x})["image"])
    together = jax.jit(lambda x: ensemble(net, x))
    x = np.asarray(to_float(smooth((12, 12))))
    for turn in (
        lambda x: x[:, ::-1],
        lambda x: x[:, :, ::-1],
        lambda x: np.rot90(x, 1, (1, 2)),
        lambda x: x.swapaxes(1, 2),
    ):
        np.testing.assert_allclose(together(turn(x).copy()), turn(np.asarray(together(x))), atol=1e-5)
        assert np.abs(net(turn(x).copy()) - turn(np.asarray(net(x)))).max() > 1e-3


def test_compare_shows_bicubic_and_model():
    tasks, held = edsr(2)
    y = to_float(smooth((24, 24)))
    shown = tasks["compare"].fn(held, jax.random.split(KEY, 1), {"image": y})["image"]
    np.testing.assert_allclose(shown[:, :, :24], interpolate(degrade(y, 2), 2))
    alone = tasks["upscale"].fn(held, jax.random.split(KEY, 1), {"image": degrade(y, 2)})["image"]
    np.testing.assert_allclose(shown[:, :, 24:], alone, atol=1e-6)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"scale": 5}, "does not divide.*e.g. to 20"),
        ({"scale": 1}, "at least 2"),
        ({"loss": "charbonier"}, "charbonnier"),
        ({"sampler": {"tile": 8}}, "larger than 8"),
        ({"sampler": {"tiles": 8}}, "sampler.tile"),
        ({"sampler": {"chunk": 0}}, "chunk"),
    ],
)
def test_bad_settings(change, says):
    settings = dict(image=(24, 24, 3), scale=2, reach=4)
    with pytest.raises(UserError, match=says):
        restore(linear(), optax.sgd(0.1), **{**settings, **change})
