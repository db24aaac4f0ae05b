"""Every generator and critic: shapes, the papers' structure, conditioning, dtypes, statistics."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgen.core import UserError, trees
from jaxgen.nets.gan.dcgan import DCGANCritic, DCGANGenerator
from jaxgen.nets.gan.mlp import MLPCritic, MLPGenerator
from jaxgen.nets.gan.sngan import SNGANCritic, SNGANGenerator
from jaxgen.nets.roles import functional

SHAPE = (8, 8, 3)
GENERATORS = {
    "mlp": lambda **kw: MLPGenerator(SHAPE, (6, 5), norm="batch", **kw),
    "dcgan": lambda **kw: DCGANGenerator(SHAPE, (6, 4), **kw),
    "sngan": lambda **kw: SNGANGenerator(SHAPE, (4, 4), **kw),
}
CRITICS = {
    "mlp": lambda **kw: MLPCritic(SHAPE, (6, 5), **kw),
    "dcgan": lambda **kw: DCGANCritic(SHAPE, (4, 6), **kw),
    "projected dcgan": lambda **kw: DCGANCritic(SHAPE, (4, 6), conditioning="projection", **kw),
    "sngan": lambda **kw: SNGANCritic(SHAPE, (4, 4, 4), **kw),
}


def latents(count=4):
    return jax.random.normal(jax.random.key(0), (count, 7))


def pictures(count=4):
    return jax.random.uniform(jax.random.key(1), (count, *SHAPE), minval=-1.0)


def random_like(tree, seed=3):
    rng = np.random.default_rng(seed)
    return jax.tree.map(lambda x: np.float32(0.3 * rng.normal(size=x.shape)), tree)


@pytest.mark.parametrize("name", GENERATORS)
def test_generators_make_images_in_range_and_heed_the_label(name):
    z, label = latents(), {"label": jnp.array([0, 1, 2, 0])}
    net = functional(GENERATORS[name](classes=3))
    params, stats = net.init(jax.random.key(0), z, label)
    params = random_like(params)
    images, same = net.apply(params, stats, z, label)
    assert images.shape == (4, *SHAPE)
    assert images.dtype == jnp.float32
    assert jnp.max(jnp.abs(images)) <= 1.0
    assert same is stats
    other, _ = net.apply(params, stats, z, {"label": jnp.array([1, 1, 2, 0])})
    moved = jnp.any(jnp.abs(other - images) > 1e-6, axis=(1, 2, 3))
    np.testing.assert_array_equal(moved, [True, False, False, False])
    _, new = net.apply(params, stats, z, label, train=True)
    assert not all(jnp.array_equal(a, b) for a, b in zip(jax.tree.leaves(stats), jax.tree.leaves(new), strict=True))


@pytest.mark.parametrize("norm", ["batch", "layer", "none", "spectral"])
@pytest.mark.parametrize("name", CRITICS)
def test_critics_give_one_logit_and_heed_the_label(name, norm):
    x, label = pictures(), {"label": jnp.array([0, 1, 2, 0])}
    net = functional(CRITICS[name](classes=3, norm=norm))
    params, stats = net.init(jax.random.key(0), x, label)
    params = random_like(params)
    (logits, features), _ = net.apply(params, stats, x, label)
    assert [logit.shape for logit in logits] == [(4, 1)]
    assert logits[0].dtype == jnp.float32
    assert all(f.shape[0] == 4 for f in features)
    (other, _), _ = net.apply(params, stats, x, {"label": jnp.array([1, 1, 2, 0])})
    np.testing.assert_array_equal((jnp.abs(other[0] - logits[0]) > 1e-6)[:, 0], [True, False, False, False])
    assert set(stats) == {"batch": {"batch_stats"}, "spectral": {"spectral"}}.get(norm, set())


def test_unconditional_networks_have_no_label_parameters():
    for net, x in (
        (functional(SNGANCritic(SHAPE, (4, 4))), pictures()),
        (functional(GENERATORS["sngan"]()), latents()),
    ):
        params, _ = net.init(jax.random.key(0), x, {})
        assert "label" not in params
        assert all(
            "embedding" not in jax.tree_util.keystr(path) for path, _ in jax.tree_util.tree_leaves_with_path(params)
        )


def shapes_of(module, x):
    net = functional(module)
    return jax.eval_shape(lambda rng, x: net.init(rng, x, {})[0], jax.random.key(0), jnp.zeros(x))


def test_dcgan_at_64_px_is_the_papers_network():
    g = shapes_of(DCGANGenerator((64, 64, 3)), (1, 100))
    # Radford et al. 2016, figure 1: 4x4x1024, 8x8x512, 16x16x256, 32x32x128, 64x64x3.
    assert g["project"]["kernel"].shape == (100, 4 * 4 * 1024)
    assert [g[f"up_{i}"]["kernel"].shape[2:] for i in (1, 2, 3)] == [(512, 1024), (256, 512), (128, 256)]
    assert g["image"]["kernel"].shape == (4, 4, 3, 128)
    assert "norm_3" in g
    assert "norm_4" not in g
    d = shapes_of(DCGANCritic((64, 64, 3)), (1, 64, 64, 3))
    assert "norm_0" not in d
    assert d["logit"]["kernel"].shape == (4 * 4 * 1024, 1)


def test_dcgan_weights_start_with_deviation_two_hundredths():
    params, _ = functional(DCGANCritic((16, 16, 1), (32, 64))).init(jax.random.key(0), jnp.zeros((1, 16, 16, 1)), {})
    assert float(jnp.std(params["down_1"]["kernel"])) == pytest.approx(0.02, rel=0.02)


def test_sngan_at_32_px_has_the_published_number_of_parameters():
    # Generator 4.07 M and critic 1.05 M for CIFAR-10 (Miyato et al. 2018, table 4), counted by hand from the table:
    # dense 128 -> 4x4x256; three blocks of 3x3 convolutions, their shortcut and two norms; last norm and convolution.
    # Convolutions whose bias a batch normalisation takes away again have none.
    g = shapes_of(SNGANGenerator((32, 32, 3)), (1, 128))
    block = 2 * 9 * 256 * 256 + 256 * 256 + 2 * 512
    assert trees.size(g) == 128 * 4096 + 4096 + 3 * block + 512 + 9 * 256 * 3 + 3
    d = shapes_of(SNGANCritic((32, 32, 3)), (1, 32, 32, 3))
    first = (9 * 3 + 1) * 128 + (9 * 128 + 1) * 128 + (3 + 1) * 128
    second, flat = 2 * (9 * 128 + 1) * 128 + 129 * 128, 2 * (9 * 128 + 1) * 128
    assert trees.size(d) == first + second + 2 * flat + 129


@pytest.mark.parametrize("size", [8, 28, 32])
def test_any_size_starts_where_the_halvings_end(size):
    g = shapes_of(DCGANGenerator((size, size, 1), (4, 2)), (1, 5))
    assert g["project"]["kernel"].shape == (5, (size // 4) ** 2 * 4)


def test_a_size_that_cannot_be_halved_is_explained():
    with pytest.raises(UserError, match="28x28 is no multiple of 8"):
        functional(DCGANGenerator((28, 28, 1), (4, 4, 4))).init(jax.random.key(0), latents(1), {})
    with pytest.raises(UserError, match="Unknown critic norm"):
        functional(DCGANCritic(SHAPE, (4,), norm="group")).init(jax.random.key(0), pictures(1), {})
    with pytest.raises(UserError, match="concat or projection"):
        functional(DCGANCritic(SHAPE, (4,), conditioning="film")).init(jax.random.key(0), pictures(1), {})


@pytest.mark.parametrize("name", ["dcgan", "sngan"])
def test_bfloat16_keeps_float32_weights_and_outputs(name):
    g = functional(GENERATORS[name](dtype=jnp.bfloat16))
    params, stats = g.init(jax.random.key(0), latents(), {})
    images, new = g.apply(params, stats, latents(), {}, train=True)
    assert images.dtype == jnp.float32
    assert {leaf.dtype for leaf in jax.tree.leaves((params, new))} == {jnp.dtype("float32")}
    d = functional(CRITICS[name](dtype=jnp.bfloat16))
    params, stats = d.init(jax.random.key(0), pictures(), {})
    (logits, _), _ = d.apply(params, stats, pictures(), {}, train=True)
    assert logits[0].dtype == jnp.float32


def test_a_spectral_critic_is_one_lipschitz():
    critic = MLPCritic(SHAPE, (16, 16), norm="spectral")
    net = functional(critic)
    params, stats = net.init(jax.random.key(0), pictures(), {})
    params = jax.tree.map(lambda x: 5.0 * x, params)
    for _ in range(30):
        _, stats = net.apply(params, stats, pictures(), {}, train=True)
    a, b = pictures(64), random_like(pictures(64))
    gap = [net.apply(params, stats, x, {})[0][0][0][:, 0] for x in (a, b)]
    distance = jnp.linalg.norm((a - b).reshape(64, -1), axis=1)
    assert jnp.all(jnp.abs(gap[0] - gap[1]) <= 1.01 * distance)
