"""Translators and patch critics: the papers' sizes, what a logit sees, noise, norms, dtypes."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgen.core import UserError, trees
from jaxgen.nets.roles import functional
from jaxgen.nets.translation.patch import PatchCritic
from jaxgen.nets.translation.residual import ResidualTranslator
from jaxgen.nets.translation.shared import drop
from jaxgen.nets.translation.unet import UNetTranslator

SHAPE = (8, 8, 3)
TRANSLATORS = {
    "residual": lambda **kw: ResidualTranslator(SHAPE, (4, 6), blocks=1, **kw),
    "zeros": lambda **kw: ResidualTranslator(SHAPE, (4, 6), blocks=1, padding="zeros", **kw),
    "unet": lambda **kw: UNetTranslator(SHAPE, (4, 6, 8), dropouts=1, **kw),
}


def pictures(count=3, shape=SHAPE):
    return jax.random.uniform(jax.random.key(1), (count, *shape), minval=-1.0)


def noise(count=3, seed=2):
    return {"noise": jax.random.split(jax.random.key(seed), count)}


def shapes_of(module, cond=None):
    net, x = functional(module), jnp.zeros((1, *module.image_shape))
    return jax.eval_shape(lambda rng: net.init(rng, x, cond or {}), jax.random.key(0))[0]


@pytest.mark.parametrize("name", TRANSLATORS)
def test_translators_give_images_of_the_same_size_in_range(name):
    net = functional(TRANSLATORS[name]())

    @jax.jit
    def together_and_alone(x, keys):
        params, stats = net.init(jax.random.key(0), x, {"noise": keys})
        params = jax.tree.map(lambda x: 20 * x, params)
        out, _ = net.apply(params, stats, x, {"noise": keys}, train=True)
        return out, net.apply(params, stats, x[1:2], {"noise": keys[1:2]})[0]

    out, alone = together_and_alone(pictures(), noise()["noise"])
    assert out.shape == (3, *SHAPE)
    assert out.dtype == jnp.float32
    assert 0.5 < float(jnp.max(jnp.abs(out))) <= 1.0
    np.testing.assert_allclose(alone[0], out[1], atol=1e-5)


@pytest.mark.parametrize("name", TRANSLATORS)
def test_batch_statistics_are_kept_where_the_norm_has_them(name):
    for norm, kept in (("batch", {"batch_stats"}), ("none", set()), ("instance", set())):
        net = functional(TRANSLATORS[name](norm=norm))
        params, stats = jax.eval_shape(lambda net=net: net.init(jax.random.key(0), pictures(), noise()))
        out, new = jax.eval_shape(lambda p, s, net=net: net.apply(p, s, pictures(), noise(), train=True), params, stats)
        assert set(stats) == set(new) == kept
        assert out.shape == (3, *SHAPE)


def test_a_mask_says_what_is_kept_of_the_input():
    """Open, it hands the input on; shut, the network is the one without a mask."""
    masked, plain = (functional(UNetTranslator(SHAPE, (4, 6), norm="none", masked=on)) for on in (True, False))
    x = pictures()
    params, stats = masked.init(jax.random.key(0), x, {})

    def translate(net, bias):
        mask = {**params["mask"], "bias": jnp.full_like(params["mask"]["bias"], bias)}
        return net.apply({**params, "mask": mask}, stats, x, {})[0]

    np.testing.assert_allclose(translate(masked, 50.0), x, atol=1e-6)
    without = {name: leaf for name, leaf in params.items() if name != "mask"}
    np.testing.assert_allclose(translate(masked, -50.0), plain.apply(without, stats, x, {})[0], atol=1e-6)


def test_the_papers_sizes():
    """Figures that the authors' PyTorch code prints, with its biases and, where it has them, its norms' gains.

    They are 11.378 M, 2.765 M and 54.414 M; ours leave out the biases that instance normalisation cancels.
    """
    shape = (256, 256, 3)
    residual, patch, unet = (shapes_of(net(shape)) for net in (ResidualTranslator, PatchCritic, UNetTranslator))
    cancelled = 64 + 128 + 256 + 9 * 2 * 256 + 128 + 64
    assert (trees.size(residual) + cancelled) / 1e6 == pytest.approx(11.378, abs=5e-4)
    assert (trees.size(patch) + 128 + 256 + 512) / 1e6 == pytest.approx(2.765, abs=5e-4)
    gains = 2 * (128 + 256 + 4 * 512) + 2 * (4 * 512 + 256 + 128 + 64) - (64 + 512)
    assert (trees.size(unet) + gains) / 1e6 == pytest.approx(54.414, abs=5e-4)


@pytest.mark.parametrize(("widths", "reach"), [((2, 2), 16), ((2, 2, 2, 2), 70), ((2, 2, 2, 2, 2, 2), 286)])
def test_a_logit_sees_the_papers_patch(widths, reach):
    """Isola et al. 2017, section 4.4: 16x16, 70x70 and 286x286 patches. No norm, which would see the whole image."""
    step = 2 ** (len(widths) - 1)
    shape = (step * (reach // step + 3), step, 1)
    net = functional(PatchCritic(shape, widths, norm="none"))
    params, _ = net.init(jax.random.key(0), jnp.zeros((1, *shape)), {})
    params = jax.tree.map(jnp.ones_like, params)

    def logit(x):
        found = net.apply(params, {}, x, {})[0][0][0]
        return found[0, found.shape[1] // 2, found.shape[2] // 2, 0]

    seen = jnp.any(jax.grad(logit)(jnp.ones((1, *shape))) != 0, axis=(0, 2, 3))
    assert int(seen.sum()) == reach


def test_a_conditional_critic_judges_the_pair():
    net = functional(PatchCritic(SHAPE, (4, 6)))
    given = {"image": pictures()}
    params, stats = net.init(jax.random.key(0), pictures(), given)
    assert params["layer_0"]["kernel"].shape == (4, 4, 6, 4)
    (logits, features), _ = net.apply(params, stats, pictures(), given)
    (other, _), _ = net.apply(params, stats, pictures(), {"image": -given["image"]})
    assert logits[0].shape == (3, 4, 4, 1)
    assert [f.shape for f in features] == [(3, 4, 4, 4), (3, 4, 4, 6)]
    assert jnp.any(logits[0] != other[0])


def test_noise_is_each_examples_own_and_stays_on_after_training():
    net = functional(UNetTranslator(SHAPE, (4, 6, 8), dropouts=2))
    x = jnp.broadcast_to(pictures(1), (4, *SHAPE))
    params, stats = jax.jit(net.init)(jax.random.key(0), x, noise(4))
    params = jax.tree.map(lambda x: 20 * x, params)
    apply = jax.jit(net.apply)
    out, _ = apply(params, stats, x, noise(4))
    assert all(np.any(np.abs(out[0] - other) > 1e-3) for other in np.asarray(out[1:]))
    np.testing.assert_array_equal(out, apply(params, stats, x, noise(4))[0])
    still, _ = apply(params, stats, x, {})
    np.testing.assert_allclose(still, jnp.broadcast_to(still[:1], still.shape), atol=1e-6)


def test_dropout_keeps_its_share_and_the_mean():
    x = jnp.ones((2, 50, 50, 4))
    dropped = drop(x, jax.random.split(jax.random.key(0), 2), 0.25)
    assert float(jnp.mean(dropped == 0)) == pytest.approx(0.25, abs=0.01)
    assert float(jnp.mean(dropped)) == pytest.approx(1.0, abs=0.01)
    assert set(np.unique(dropped).tolist()) == {0.0, np.float32(4 / 3).item()}


def test_mirrored_borders_keep_a_translator_blind_to_where_the_border_is():
    """A network of constant weights sends a constant image to a constant image only if borders look like the inside."""
    x = jnp.full((1, *SHAPE), 0.5)

    def spread(padding):
        module = ResidualTranslator(SHAPE, (4,), blocks=2, norm="none", padding=padding)
        params, _ = functional(module).init(jax.random.key(0), x, {})
        out, _ = functional(module).apply(params, {}, x, {})
        return float(jnp.max(jnp.std(out, axis=(1, 2))))

    assert spread("reflect") < 1e-6 < spread("zeros")


def test_what_does_not_fit_is_explained():
    for module, message in (
        (UNetTranslator((12, 12, 3), (4, 4, 4)), "12x12 is no multiple of 8"),
        (ResidualTranslator(SHAPE, (4,), norm="layer"), "norm of a translation network"),
        (ResidualTranslator(SHAPE, (4,), padding="wrap"), "padding of a residual translator"),
    ):
        with pytest.raises(UserError, match=message):
            shapes_of(module)


@pytest.mark.parametrize("name", [*TRANSLATORS, "critic"])
def test_bfloat16_keeps_float32_weights_and_outputs(name):
    net = functional(
        PatchCritic(SHAPE, (4, 6), dtype=jnp.bfloat16) if name == "critic" else TRANSLATORS[name](dtype=jnp.bfloat16)
    )
    params, stats = jax.eval_shape(lambda: net.init(jax.random.key(0), pictures(), {}))
    out, _ = jax.eval_shape(lambda p: net.apply(p, stats, pictures(), noise() if name != "critic" else {}), params)
    assert {leaf.dtype for leaf in jax.tree.leaves(params)} == {jnp.dtype("float32")}
    assert (out[0][0] if name == "critic" else out).dtype == jnp.float32
