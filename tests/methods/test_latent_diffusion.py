"""Diffusion among the latents of a frozen autoencoder."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxgen.core import UserError, weights
from jaxgen.data import Info
from jaxgen.methods import spaces
from jaxgen.methods.diffusion import diffusion
from jaxgen.nets.roles import Net
from jaxgen.ops.resample import depth_to_space, space_to_depth
from jaxgen.processes import vp_linear
from jaxgen.samplers.settings import Settings
from jaxgen.zoo import configs, methods

IMAGE, STD = (8, 4, 1), 0.5


def folding():
    """An autoencoder that loses nothing: 2x2 pixels become 4 channels, times a frozen number."""

    def init(rng, x, method=None):
        return {"factor": jnp.full((), 3.0)}, {}

    def apply(params, stats, x, train=False, rng=None, method=None):
        if method == "decode":
            return depth_to_space(x, 2) / params["factor"], stats
        mean = params["factor"] * space_to_depth(x, 2)
        return (mean, jnp.full_like(mean, 2 * jnp.log(STD))), stats

    return Net(init, apply)


def noise_reader():
    """A denoiser that answers with one trained number per channel."""

    def init(rng, x, time, cond, method=None):
        return {"answer": jnp.ones(x.shape[1:])}, {}

    def apply(params, stats, x, time, cond, train=False, rng=None, method=None):
        return jnp.broadcast_to(params["answer"], x.shape), stats

    return Net(init, apply)


def space(**settings):
    return spaces.latents(folding(), IMAGE, **settings)


FROZEN = {spaces.AUTOENCODER: {"factor": jnp.full((), 3.0)}}
KEYS = jax.random.split(jax.random.key(1), 400)


def test_latents_are_drawn_scaled_and_brought_back():
    chosen = space(scale=0.5, shift=1.0)
    assert chosen.shape == (4, 2, 4)
    assert chosen.requires == ("autoencoder",)
    x = jnp.broadcast_to(jax.random.uniform(jax.random.key(0), IMAGE, minval=-1.0), (400, *IMAGE))
    z = chosen.encode(FROZEN, x, KEYS)
    want = 0.5 * (3.0 * space_to_depth(x[:1], 2) - 1.0)
    np.testing.assert_allclose(z.mean(axis=0), want[0], atol=5 * 0.5 * STD / 20)
    np.testing.assert_allclose(z.std(axis=0).mean(), 0.5 * STD, rtol=0.05)
    still = space(scale=0.5, shift=1.0, draw=False)
    np.testing.assert_allclose(still.decode(FROZEN, still.encode(FROZEN, x[:2], KEYS[:2])), x[:2], atol=1e-6)


def method(**changes):
    sampler = Settings(name="ddim", steps=2)
    given = dict(image_shape=IMAGE, sampler=sampler, space=space(draw=False)) | changes
    return diffusion(noise_reader(), vp_linear(), optax.sgd(0.1), **given)


def test_the_step_moves_the_denoiser_and_sees_latents_only():
    made = method()
    assert made.requires == ("autoencoder",)
    batch = {"image": np.full((4, *IMAGE), 200, np.uint8)}
    state = made.init(jax.random.key(0), batch, FROZEN)
    assert state.params["model"]["answer"].shape == (4, 2, 4)
    after, _ = jax.jit(made.step)(state, batch)
    assert float(jnp.abs(after.params["model"]["answer"] - 1.0).min()) > 0
    np.testing.assert_array_equal(after.frozen["autoencoder"]["factor"], 3.0)


def test_pictures_come_back_in_pixels_and_known_ones_as_they_were():
    made = method()
    state = made.init(jax.random.key(0), {"image": np.zeros((2, *IMAGE), np.uint8)}, FROZEN)
    drawn = made.tasks["sample"].fn(weights(state), KEYS[:2], {})["image"]
    assert drawn.shape == (2, *IMAGE)
    image = jax.random.uniform(jax.random.key(3), (2, *IMAGE), minval=-1.0)
    mask = jnp.zeros((2, 8, 4, 1)).at[:, :3].set(1.0)  # cuts through a latent
    filled = made.tasks["inpaint"].fn(weights(state), KEYS[:2], {"image": image, "mask": mask})["image"]
    np.testing.assert_array_equal(filled[:, :3], image[:, :3])
    assert float(jnp.abs(filled[:, 3:] - image[:, 3:]).max()) > 0.01
    np.testing.assert_array_equal(spaces.shrink_mask(mask, space())[0, :, 0, 0], [1.0, 0.0, 0.0, 0.0])


def test_mistakes_are_explained():
    with pytest.raises(UserError, match="scale must not be 0"):
        space(scale=0.0)
    with pytest.raises(UserError, match="clip=static"):
        method(sampler=Settings(clip="static"))
    info = Info("shapes", (8, 8, 3), tuple("abc"))
    config = configs.load("diffusion/dit_xl2_imagenet256:smoke")
    config.method.latents.scales = 1.0
    with pytest.raises(UserError, match=r"method\.latents\.scales"):
        methods.build(config, info)
    config = configs.load("diffusion/dit_xl2_imagenet256:smoke")
    del config.frozen.autoencoder
    with pytest.raises(UserError, match=r"needs frozen\.autoencoder"):
        methods.build(config, info)
