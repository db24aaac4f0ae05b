"""The KL autoencoder: its published size, its shapes, and that a VAE's two networks are one frozen network."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from random_weights import random_weights

from jaxgen.core import UserError, trees
from jaxgen.nets.vae.kl import KLAutoencoder, KLDecoder, KLEncoder

SMALL = dict(latent=2, widths=(4, 8), blocks=1, groups=2)
X = jax.random.uniform(jax.random.key(0), (2, 8, 12, 3), minval=-1.0)


def test_the_published_size():
    """Of the autoencoder of latent diffusion, downsampling by 8 with 4 channels: 83.65 million."""
    shapes = jax.eval_shape(lambda: KLAutoencoder().init(jax.random.key(0), jnp.zeros((1, 32, 32, 3)), train=False))
    assert trees.size(shapes) == 83_653_863


def test_two_networks_of_a_vae_are_one_autoencoder():
    whole, halves = KLAutoencoder(**SMALL), (KLEncoder(**SMALL), KLDecoder((8, 12, 3), **SMALL))
    variables = random_weights(lambda key: whole.init(key, X, train=False), jax.random.key(0))
    parts = [{"params": variables["params"][side]} for side in ("encoder", "decoder")]
    mean, log_var = halves[0].apply(parts[0], X, {}, train=False)
    assert mean.shape == log_var.shape == (2, 4, 6, 2)
    image = halves[1].apply(parts[1], mean, {}, train=False)
    assert image.shape == X.shape
    np.testing.assert_array_equal(whole.apply(variables, X, train=False), image)
    for ours, theirs in zip(whole.apply(variables, X, train=False, method="encode"), (mean, log_var), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_a_likelihoods_width_is_no_part_of_the_image():
    whole = KLAutoencoder(**SMALL, parameters=2)
    variables = random_weights(lambda key: whole.init(key, X, train=False), jax.random.key(0))
    both = KLDecoder((8, 12, 3), 2, **SMALL)
    z = jnp.ones((1, 4, 6, 2))
    out = both.apply({"params": variables["params"]["decoder"]}, z, {}, train=False)
    assert out.shape == (1, 8, 12, 6)
    np.testing.assert_array_equal(whole.apply(variables, z, train=False, method="decode"), out[..., :3])


def test_sides_that_do_not_halve():
    with pytest.raises(UserError, match="divisible by 2, not 7x8"):
        jax.eval_shape(lambda: KLEncoder(**SMALL).init(jax.random.key(0), jnp.zeros((1, 7, 8, 3)), {}, train=False))
