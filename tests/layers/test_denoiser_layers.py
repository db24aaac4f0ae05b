"""Norms, attention, embeddings and residual blocks against flax, jax and known values."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgen.layers.attention import SpatialAttention
from jaxgen.layers.embeddings import LabelEmbedding, TimeEmbedding, sinusoids
from jaxgen.layers.norms import GroupNorm, modulate
from jaxgen.layers.residual import Downsample, ResidualBlock, Upsample
from jaxgen.ops.attention import attention
from jaxgen.ops.norm import fitting_groups, group_norm
from jaxgen.ops.resample import depth_to_space, mean_down, nearest_up, space_to_depth


def normal(seed, *shape):
    return jax.random.normal(jax.random.key(seed), shape)


@pytest.mark.parametrize("shape", [(2, 4, 4, 8), (3, 5, 12), (4, 8)])
@pytest.mark.parametrize("groups", [1, 2])
def test_group_norm_is_flax_group_norm(shape, groups):
    x = 3.0 * normal(0, *shape) + 1.0
    params = {"scale": normal(1, shape[-1]), "bias": normal(2, shape[-1])}
    theirs = nn.GroupNorm(groups, epsilon=1e-5, use_fast_variance=False).apply({"params": params}, x)
    np.testing.assert_allclose(GroupNorm(groups).apply({"params": params}, x), theirs, atol=2e-5)


def test_group_norm_in_half_precision_keeps_float32_statistics():
    x = (100.0 + normal(0, 2, 16, 16, 8)).astype(jnp.bfloat16)
    y = group_norm(x, 4)
    assert y.dtype == jnp.bfloat16
    np.testing.assert_allclose(y.astype(jnp.float32), group_norm(x.astype(jnp.float32), 4), atol=2e-2)
    with pytest.raises(ValueError, match="do not divide"):
        group_norm(x, 3)


@pytest.mark.parametrize(("channels", "groups"), [(8, 32), (64, 32), (48, 32), (6, 4), (7, 2), (128, 32)])
def test_groups_fit(channels, groups):
    fitted = fitting_groups(channels, groups)
    assert channels % fitted == 0
    assert 1 <= fitted <= groups
    assert channels // fitted >= 4 or fitted == 1


def test_an_added_embedding_survives_the_norm():
    x, added = normal(0, 1, 4, 4, 8), normal(1, 8)
    norm = GroupNorm(32)
    variables = norm.init(jax.random.key(0), x)
    assert float(jnp.abs(norm.apply(variables, x + added) - norm.apply(variables, x)).max()) > 0.1


@pytest.mark.parametrize("masked", [False, True])
def test_attention_is_jax_attention(masked):
    q, k, v = normal(0, 2, 5, 3, 4), normal(1, 2, 6, 3, 4), normal(2, 2, 6, 3, 4)
    mask = jnp.broadcast_to(jnp.arange(6) <= jnp.arange(5)[:, None], (2, 3, 5, 6)) if masked else None
    theirs = jax.nn.dot_product_attention(q, k, v, mask=mask)
    np.testing.assert_allclose(attention(q, k, v, mask), theirs, atol=1e-5)


def test_attention_has_second_derivatives():
    q, k, v = (normal(i, 1, 4, 1, 3) for i in range(3))

    def slope(f):
        return lambda q: jnp.sum(jnp.square(jax.grad(lambda q: jnp.sum(jnp.sin(f(q, k, v))))(q)))

    ours, theirs = (jax.jit(jax.grad(slope(f)))(q) for f in (attention, jax.nn.dot_product_attention))
    np.testing.assert_allclose(ours, theirs, atol=1e-5)
    ours, theirs = (
        jax.jit(lambda q, f=f: jax.jvp(lambda q: f(q, k, v), (q,), (jnp.ones_like(q),))[1])(q)
        for f in (attention, jax.nn.dot_product_attention)
    )
    np.testing.assert_allclose(ours, theirs, atol=1e-5)


def test_patches_and_back():
    x = jnp.arange(2 * 4 * 6 * 3.0).reshape(2, 4, 6, 3)
    folded = space_to_depth(x, 2)
    assert folded.shape == (2, 2, 3, 12)
    np.testing.assert_array_equal(folded[0, 0, 0], x[0, :2, :2].ravel())
    np.testing.assert_array_equal(depth_to_space(folded, 2), x)
    np.testing.assert_array_equal(mean_down(nearest_up(x)), x)
    with pytest.raises(ValueError, match="patches"):
        space_to_depth(x, 4)


def test_sinusoids():
    waves = sinusoids(jnp.array([0.0, 2.0]), 4, period=100.0)
    np.testing.assert_allclose(waves[0], [0, 0, 1, 1], atol=1e-6)
    np.testing.assert_allclose(waves[1], [np.sin(2), np.sin(0.2), np.cos(2), np.cos(0.2)], atol=1e-5)
    swapped = sinusoids(jnp.array([2.0]), 4, period=100.0, cosine_first=True)[0]
    np.testing.assert_allclose(swapped, np.roll(waves[1], 2), atol=1e-6)


def test_embeddings_tell_inputs_apart():
    times, labels = TimeEmbedding(16, 8), LabelEmbedding(3, 16)
    t = jnp.array([0.0, 1.0, 500.0])
    made = times.apply(times.init(jax.random.key(0), t), t)
    assert made.shape == (3, 16)
    assert float(jnp.abs(made[0] - made[1]).max()) > 1e-3
    table = labels.init(jax.random.key(0), jnp.array([0]))
    assert table["params"]["table"]["embedding"].shape == (4, 16)


def test_residual_branches_start_at_the_identity():
    x, emb = normal(0, 2, 4, 4, 8), normal(1, 2, 6)
    block, look = ResidualBlock(8), SpatialAttention(2)
    np.testing.assert_array_equal(
        block.apply(block.init(jax.random.key(0), x, emb, train=False), x, emb, train=False), x
    )
    np.testing.assert_array_equal(look.apply(look.init(jax.random.key(0), x), x), x)


def test_scale_shift_modulates():
    x = normal(0, 2, 3, 3, 4)
    np.testing.assert_allclose(modulate(x, jnp.ones((2, 4)), jnp.full((2, 4), 2.0)), 3.0 * x + 1.0, atol=1e-6)


def test_resolution_halves_and_doubles():
    x = normal(0, 1, 6, 8, 4)
    for layer, shape in ((Downsample(), (1, 3, 4, 4)), (Upsample(), (1, 12, 16, 4))):
        assert layer.apply(layer.init(jax.random.key(0), x), x).shape == shape
