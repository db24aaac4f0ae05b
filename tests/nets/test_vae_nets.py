"""Shapes and habits of the encoders and decoders."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgen.core import trees
from jaxgen.nets.roles import functional
from jaxgen.nets.vae.conv import ConvDecoder, ConvEncoder, level_sizes
from jaxgen.nets.vae.mlp import MLPDecoder, MLPEncoder

KEY = jax.random.key(0)
SMALL = dict(channels=(4, 6), hidden=8)


def pair(kind, image, *, classes=0, **fields):
    """(encoder, decoder) as nets, latent 3, two parameters per channel."""
    if kind == "mlp":
        fields = dict(hidden=(8, 8))
        return (
            functional(MLPEncoder(3, classes=classes, **fields)),
            functional(MLPDecoder(image, 2, classes=classes, **fields)),
        )
    fields = SMALL | fields
    return (
        functional(ConvEncoder(3, classes=classes, **fields)),
        functional(ConvDecoder(image, 2, classes=classes, **fields)),
    )


@pytest.mark.parametrize(
    ("kind", "image", "fields"),
    [
        ("mlp", (8, 8, 1), {}),
        ("conv", (8, 8, 1), {}),
        ("conv", (7, 5, 3), dict(stem=2)),
        ("conv", (28, 28, 1), dict(stem=2, channels=(4, 4, 4), hidden=0)),
        ("conv", (32, 32, 3), dict(stem=4)),
    ],
)
def test_shapes(kind, image, fields):
    def both(rng):
        encoder, decoder = pair(kind, image, **fields)
        x = jnp.zeros((2, *image))
        params, stats = encoder.init(rng, x, {})
        (mean, log_var), _ = encoder.apply(params, stats, x, {})
        params, stats = decoder.init(rng, mean, {})
        return mean, log_var, decoder.apply(params, stats, mean, {})[0]

    mean, log_var, out = jax.eval_shape(both, KEY)
    assert mean.shape == log_var.shape == (2, 3)
    assert out.shape == (2, *image[:2], 2 * image[2])
    assert {mean.dtype, log_var.dtype, out.dtype} == {jnp.dtype("float32")}


def test_spatial_latents_keep_a_map():
    encoder, decoder = pair("conv", (9, 8, 1), spatial=True)

    def both(rng):
        x = jnp.zeros((2, 9, 8, 1))
        params, stats = encoder.init(rng, x, {})
        (mean, _), _ = encoder.apply(params, stats, x, {})
        params, stats = decoder.init(rng, mean, {})
        return mean, decoder.apply(params, stats, mean, {})[0]

    mean, out = jax.eval_shape(both, KEY)
    assert mean.shape == (2, *level_sizes((9, 8, 1), 2)[-1], 3) == (2, 5, 4, 3)
    assert out.shape == (2, 9, 8, 2)


@pytest.mark.parametrize("kind", ["mlp", "conv"])
def test_labels_reach_both_networks(kind):
    encoder, decoder = pair(kind, (4, 4, 1), classes=4)
    cond = {"label": jnp.array([0, 1])}

    @jax.jit
    def both(rng):
        x, z = jnp.ones((2, 4, 4, 1)), jnp.ones((2, 3))
        params, stats = encoder.init(rng, x, cond)
        (mean, _), _ = encoder.apply(params, stats, x, cond)
        params, stats = decoder.init(rng, z, cond)
        return mean, decoder.apply(params, stats, z, cond)[0]

    for out in both(KEY):  # two equal inputs, told apart by their labels
        assert np.abs(out[0] - out[1]).max() > 1e-4


@pytest.mark.parametrize("kind", ["mlp", "conv"])
def test_examples_do_not_see_each_other(kind):
    encoder, _ = pair(kind, (4, 4, 1))
    x = jax.random.normal(KEY, (4, 4, 4, 1))

    @jax.jit
    def means(rng, x):
        params, stats = encoder.init(rng, x, {})
        return encoder.apply(params, stats, x, {}, train=True)[0][0]

    np.testing.assert_allclose(means(KEY, x)[1], means(KEY, x.at[0].set(9.0))[1], rtol=1e-5, atol=1e-6)


def test_the_mlp_counts_the_weights_of_its_paper():
    # Kingma & Welling's MNIST networks: 784 - 500 - (mean, log variance) of 20.
    encoder = functional(MLPEncoder(20, hidden=(500,)))
    params, _ = jax.eval_shape(encoder.init, KEY, jnp.zeros((1, 28, 28, 1)), {})
    assert trees.size(params) == 784 * 500 + 500 + 500 * 40 + 40
